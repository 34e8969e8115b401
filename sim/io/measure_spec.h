/* What a scenario says about measuring: sections `measure` and `slo`. */
#ifndef KERF_IO_MEASURE_SPEC_H
#define KERF_IO_MEASURE_SPEC_H

#include "sim/io/yaml.h"

#include <stdbool.h>
#include <stdio.h>

enum kerf_warmup { KERF_WARMUP_NONE, KERF_WARMUP_AUTO };

struct kerf_measure_spec {
    bool asked;                    /* one of the sections is there */
    int warmup;                    /* enum kerf_warmup */
    int warmup_requests;           /* left out besides */
    double warmup_s;               /* requests that arrive before are left out, too */
    double slo_ttft_s, slo_tpot_s; /* 0: no limit */
    double slo_percentile;         /* of the requests, that must keep each limit */
};

/* Reads the sections of a scenario, or fills in the defaults. */
enum kerf_status kerf_measure_spec_read(const struct kerf_yaml *yaml, struct kerf_measure_spec *measure,
                                        struct kerf_error *error);

/* Prints them as YAML with every default. */
void kerf_measure_spec_print(FILE *out, const struct kerf_measure_spec *measure);

#endif
