/* Units: "10 us", "1.2 Tb/s", "44 GB" become SI doubles, and a unit that does not fit is refused.
 *
 * Symbols: s min h d Hz B b bit FLOP MAC W J m K USD token cycle PE 1 %, with the prefixes p n u m k M G
 * T P E and Ki Mi Gi Ti, joined by `/`, `*` and `^2`. SI here means s, B (a bit is B/8), FLOP, J, m, K, USD,
 * token, cycle. */
#ifndef KERF_BASE_UNITS_H
#define KERF_BASE_UNITS_H

#include "sim/base/error.h"

/* Factor that turns a number in `unit` into the SI unit `si_unit` ("s", "B/s", "1", ...).
 * Fails with KERF_ERR_USAGE when the unit is unknown or has another dimension. */
enum kerf_status kerf_unit_factor(const char *unit, const char *si_unit, double *factor,
                                  struct kerf_error *error);

/* Reads "NUMBER" or "NUMBER UNIT" (the space is optional) as an SI value in `si_unit`; a bare number is SI
 * already. The whole text must be used. Refuses infinities and NaN. */
enum kerf_status kerf_quantity_parse(const char *text, const char *si_unit, double *value,
                                     struct kerf_error *error);

#endif
