/* The node room: how the accelerators of a stage differ and are interrupted. Draws are functions of seed,
 * place and counter, so they do not depend on ranks or on the order of events. */
#ifndef KERF_NODE_STAGE_NOISE_H
#define KERF_NODE_STAGE_NOISE_H

#include "models/node/stage_node.h"

enum kerf_status kerf_noise_check(const struct kerf_noise *noise, struct kerf_error *error);

/* How much longer than the nominal one each accelerator of a stage takes, stragglers included; owned by the
 * caller, one entry without noise. NULL: out of memory. */
double *kerf_noise_slowness(const struct kerf_training_run *run, uint32_t replica, uint32_t stage);

/* The time of a pass on accelerators that meet in it: at each meeting the others wait for the last.
 * `slowness` may be NULL: none is slow. *draws counts. */
kerf_time kerf_noise_lengthen(const struct kerf_noise *noise, const double *slowness, uint32_t place,
                              uint64_t *draws, kerf_time time);

/* A time that no pass of that nominal time undercuts. */
kerf_time kerf_noise_shortest(const struct kerf_noise *noise, kerf_time time);

#endif
