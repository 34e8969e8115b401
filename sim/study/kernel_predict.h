/* What rows of tables of measured kernels should take, and which leaves that hangs on. */
#ifndef KERF_STUDY_KERNEL_PREDICT_H
#define KERF_STUDY_KERNEL_PREDICT_H

#include "models/device/gpu.h"
#include "sim/study/kernel_table.h"

#include <stdbool.h>

/* What one row of a table should take on `gpu`, in s; 0 where the model has no such kernel. */
double kerf_kernel_predict_s(const struct kerf_gpu_params *gpu, enum kerf_kernel kernel,
                             const struct kerf_kernel_row *row);

/* Keys of the leaves that a table of this kind may fit; NULL beyond the last. */
const char *const *kerf_kernel_leaves(enum kerf_kernel kernel);

/* Whether the time is smooth in those leaves, that is nothing is chosen or rounded by them. */
bool kerf_kernel_is_smooth(enum kerf_kernel kernel);

#endif
