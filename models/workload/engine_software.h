/* Serving software on GPUs: what the host does between two steps. It changes by the year, so it is an entry
 * of its own. */
#ifndef KERF_WORKLOAD_ENGINE_SOFTWARE_H
#define KERF_WORKLOAD_ENGINE_SOFTWARE_H

#include "models/device/leaf.h"

struct kerf_engine_software_params {
    double few_rows_slowdown; /* kernels for few tokens over the hardware's own leaves, where its libraries
                                 are not tuned for them */
    double host_step_s;       /* scheduling, sampling, input preparation and launches of one step ... */
    double host_overlap;      /* ... and the share of it that runs while the GPUs work on another */
    double host_sequence_s;   /* the same work for each sequence in a step: scheduled, prepared, its token
                                 handed on */
    double plans_ahead;       /* 1: a step is put together when the one before begins, not when it ends */
    double reserved_output;   /* share of its output whose cache is set aside when a request enters */
    double whole_prompts;     /* 1: prompts are not cut into chunks unless they are longer than a step */
    double prefix_cache;      /* 1: blocks are found again by prompts that begin alike */
    double own_all_reduce;    /* 1: it has all-reduce kernels of its own for few bytes; 0: the library's */
    double request_s, prompt_token_s; /* from a request's arrival to its place in the queue: server, template,
                                         process hops; tokeniser, per token */
};

extern const struct kerf_leaf_table kerf_engine_software_leaves;

#endif
