/* One training step, accelerator by accelerator: pipeline, tensor and data parallel, for the scaling
 * benchmark.
 *
 * Every accelerator is an LP. A micro-batch passes a pipeline stage forward, then backward, in 1F1B order
 * (Narayanan et al., "Efficient large-scale language model training", arXiv 2104.04473); a pass is a few
 * blocks of operators, and after each block the tensor group exchanges partial sums. At the end the stages of
 * the data- parallel copies reduce their gradients in a ring. Messages take latency + bytes / bandwidth. */
#ifndef KERF_BENCH_TRAINING_STEP_H
#define KERF_BENCH_TRAINING_STEP_H

#include "sim/engine/engine.h"

enum { TRAINING_PIPELINE_MOST = 64 };

struct training_step {
    uint32_t pipeline, tensor, data, micro_batches; /* pipeline <= TRAINING_PIPELINE_MOST */
    uint32_t blocks, operators, buckets;            /* of a pass; of a block; of the gradients */
    kerf_time forward, backward;                    /* of one operator on average */
    double spread;                                  /* operators take up to this share more or less */
    uint64_t seed;
    kerf_time domain_latency, network_latency;       /* inside a tensor group; between stages and copies */
    kerf_time sum_time, activation_time, chunk_time; /* bytes / bandwidth of one message of each sort */
    bool promises;                                   /* dynamic lookahead */
};

/* Adds one LP per accelerator; `step` must outlive the engine. */
enum kerf_status training_step_add(const struct training_step *step, struct kerf_engine *engine,
                                   struct kerf_error *error);

/* Time at which the last accelerator had its last backward pass behind it, and its gradients too. Collective.
 */
void training_step_times(const struct training_step *step, const struct kerf_engine *engine, MPI_Comm comm,
                         kerf_time *passes_end, kerf_time *step_end);

/* Without spread: (micro-batches + stages - 1) x (forward + backward pass), the 1F1B time if stages talk for
 * free; a pass includes its exchanges of sums. `*slack`: what the latencies of messages between accelerators
 * can add. */
kerf_time training_step_closed_form(const struct training_step *step, kerf_time *slack);

#endif
