/* The search for layouts: every legal way to lay a training job over its GPUs, costed; the best ones, and
 * those that no other beats in both time and memory.
 *
 * Layouts are numbered. The choices that decide what a layer costs (tensor, context and expert parallelism,
 * micro-batch, recompute) are the outer ones: whoever costs prepares once for each and then costs the inner
 * ones (pipeline, virtual stages, sharding) from that. Shares of the outer ones can be searched apart and
 * merged; the result does not depend on how many. */
#ifndef KERF_TRAINING_SEARCH_H
#define KERF_TRAINING_SEARCH_H

#include "models/training/job.h"

#include <stdint.h>

enum { KERF_SEARCH_VALUES = 64 };

/* What a choice may be. */
struct kerf_search_values {
    int count, value[KERF_SEARCH_VALUES];
};

struct kerf_search_space {
    const struct kerf_network *network;
    double sequence; /* tokens */
    int gpus, global_batch;
    struct kerf_search_values tensor, context, expert, expert_tensor, micro_batch, recompute; /* outer */
    struct kerf_search_values pipeline, virtual_stages, sharding;                             /* inner */
};

/* All values that can be legal: divisors of GPUs, heads, experts, batch and sequence, with tensor and
 * expert_tensor groups within a domain of `domain` GPUs, up to 8 virtual stages. Where more than
 * KERF_SEARCH_VALUES would be, the smallest. */
void kerf_search_space_fill(struct kerf_search_space *space, const struct kerf_network *network,
                            double sequence, int gpus, int global_batch, int domain);

struct kerf_candidate {
    struct kerf_training_layout layout;
    enum kerf_recompute recompute;
};

/* A costed layout. */
struct kerf_search_point {
    struct kerf_candidate candidate;
    uint64_t number; /* in the space; ties go to the smaller */
    double step_s, used_bytes;
    bool fits;
};

/* Who costs. */
struct kerf_search_cost {
    void *context;
    /* Prepares for candidates that share the outer choices of this one, the first legal of them; NULL:
     * nothing to prepare. */
    enum kerf_status (*prepare)(void *context, const struct kerf_candidate *candidate,
                                struct kerf_error *error);
    /* Sets step_s, used_bytes and fits of a legal candidate; false: it cannot run after all. */
    bool (*cost)(void *context, const struct kerf_candidate *candidate, struct kerf_search_point *point);
};

struct kerf_search_result {
    struct kerf_search_point *best; /* owned: that fit, fastest first */
    int best_count, best_room;
    struct kerf_search_point *pareto; /* owned: that fit and that none beats in both, fastest first */
    int pareto_count, pareto_room;
    struct kerf_search_point
        leanest; /* the least memory of all, whether it fits or not; valid if legal > 0 */
    uint64_t layouts, legal, fitting; /* in the space (or the share of it), costed, that fit */
};

/* Readies *result for the best `best_room` >= 1. KERF_ERR_FAILURE: out of memory. */
enum kerf_status kerf_search_result_make(struct kerf_search_result *result, int best_room,
                                         struct kerf_error *error);
void kerf_search_result_free(struct kerf_search_result *result);

/* Outer choices of a space, legal or not. */
uint64_t kerf_search_outer(const struct kerf_search_space *space);

/* Searches the outer choices share, share + shares, ... and adds what it finds to *result. */
enum kerf_status kerf_search_run(const struct kerf_search_space *space, const struct kerf_search_cost *cost,
                                 uint64_t share, uint64_t shares, struct kerf_search_result *result,
                                 struct kerf_error *error);

/* Adds what another search of other shares found. */
enum kerf_status kerf_search_merge(struct kerf_search_result *result, const struct kerf_search_result *other,
                                   struct kerf_error *error);

#endif
