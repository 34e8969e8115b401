/* Systems of two pools: their catalog entries, their plans, and the way of the cache between them. */
#ifndef KERF_STUDY_POOLS_H
#define KERF_STUDY_POOLS_H

#include "sim/study/system.h"

/* Reads the catalog entries of the pool that decodes, and of the link; nothing without pools. Collective. */
enum kerf_status kerf_pools_open(struct kerf_catalog *catalog, const struct kerf_scenario *scenario,
                                 struct kerf_system *system, struct kerf_error *error);
void kerf_pools_close(struct kerf_system *system);

/* Plans the pool that decodes and the link for a system whose own pool is planned in *serving. */
enum kerf_status kerf_pools_plan(const struct kerf_system *system, const struct kerf_scenario *scenario,
                                 enum kerf_column column, struct kerf_serving *serving,
                                 struct kerf_error *error);

/* One line about the link, as a comment. */
void kerf_pools_print(FILE *out, const struct kerf_serving *serving);

/* Bytes of cache that a token takes in the pool. */
double kerf_pool_token_bytes(const struct kerf_serving *pool);

#endif
