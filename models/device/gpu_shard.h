/* The part of an operator that one GPU of a tensor- and expert-parallel group runs. */
#ifndef KERF_DEVICE_GPU_SHARD_H
#define KERF_DEVICE_GPU_SHARD_H

#include "models/device/device.h"
#include "models/device/gpu_experts.h"

/* `op` as one of slice->tensor_parallel ranks sees it: columns, rows, heads or vocabulary cut, the rest
 * whole. Heads are whole: the fullest rank counts. With fewer KV heads than ranks a rank keeps one (MLA: the
 * latent). */
struct kerf_operator kerf_gpu_shard(const struct kerf_operator *op, const struct kerf_slice *slice);

/* Load of the busiest rank of an expert-parallel group when experts are chosen evenly at random: the expected
 * maximum of a multinomial. The tokens of `pass` are those of the whole group. Of the e experts of a rank
 * with R rows of T tokens, e (1 - (1 - R / (T e))^T) are touched. */
struct kerf_expert_load kerf_gpu_busiest_expert_load(const struct kerf_operator *op,
                                                     const struct kerf_pass *pass,
                                                     const struct kerf_slice *slice);

/* FLOPs and bytes of that load: weights of touched experts are read once, rows are read and written. */
struct kerf_work kerf_gpu_experts_work(const struct kerf_expert_shape *shape,
                                       const struct kerf_expert_load *load);

#endif
