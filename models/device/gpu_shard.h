/* The part of an operator that one GPU of a tensor- and expert-parallel group runs. */
#ifndef KERF_DEVICE_GPU_SHARD_H
#define KERF_DEVICE_GPU_SHARD_H

#include "models/device/device.h"

/* `op` as one of slice->tensor_parallel ranks sees it: columns, rows, heads or vocabulary cut, the rest
 * whole. Heads are whole: the fullest rank counts. With fewer KV heads than ranks a rank keeps one (MLA: the
 * latent). */
struct kerf_operator kerf_gpu_shard(const struct kerf_operator *op, const struct kerf_slice *slice);

/* Work of the busiest rank of an expert-parallel group. The tokens of `pass` are those of the whole group. An
 * expert's weights are read when at least one token picks it: with load L of tokens T on e experts of a rank,
 * e (1 - (1 - L / (T e))^T) of them. */
struct kerf_work kerf_gpu_busiest_experts_work(const struct kerf_operator *op, const struct kerf_pass *pass,
                                               const struct kerf_slice *slice);

#endif
