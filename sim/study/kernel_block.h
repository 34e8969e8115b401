/* Measurements of a kernel that ran every layer of a network on one block of PEs of a wafer: no serving. */
#ifndef KERF_STUDY_KERNEL_BLOCK_H
#define KERF_STUDY_KERNEL_BLOCK_H

#include "sim/study/measurement.h"

/* Fills the three columns of the row's answer, or the reason. Collective on the catalog's communicator. */
enum kerf_status kerf_kernel_block_predict(struct kerf_catalog *catalog, const struct kerf_scenario *scenario,
                                           const struct kerf_measurement *measurement,
                                           struct kerf_error *error);

#endif
