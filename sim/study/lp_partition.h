/* Logical processes over ranks: by the graph of who sends to whom. */
#ifndef KERF_STUDY_LP_PARTITION_H
#define KERF_STUDY_LP_PARTITION_H

#include "sim/engine/engine.h"
#include "sim/engine/partition.h"

/* A partitioner for kerf_engine_options: groups of LPs are vertices that weigh their load; channels between
 * them weigh their expected traffic, the more the shorter their lookahead, as a short channel between ranks
 * shortens every window. `context` is not used. Collective. */
enum kerf_status kerf_lp_partition(void *context, MPI_Comm comm, const struct kerf_partition_problem *problem,
                                   int *rank_of, struct kerf_error *error);

#endif
