/* What expert parallelism moves: every token to the ranks of its experts, and the results back.
 *
 * Two ways, as engines have them; the faster one is taken, or the one that is asked for:
 *   low-latency  kernels that send a copy per expert chosen (DeepEP), where the library has leaves for them
 *   all-to-all   the library's all-to-all, one copy for each rank that a token visits */
#ifndef KERF_FABRIC_EXPERT_EXCHANGE_H
#define KERF_FABRIC_EXPERT_EXCHANGE_H

#include "models/fabric/collective_library.h"

/* Each of `ranks` ranks has `tokens`, each of which goes to `top_k` of `experts` experts; a token takes
 * out_bytes on its way there (scales included) and back_bytes on its way back. */
struct kerf_expert_trip {
    double ranks, tokens, top_k, experts, out_bytes, back_bytes;
    const char *all_to_all; /* the library's algorithm for the second way; NULL: the fastest */
};

/* Ranks that a token visits, of `ranks` that hold the experts, when experts are chosen evenly:
 * n (1 - (1 - 1/n)^k) (DeepSeek-V3 report, arXiv 2412.19437, section 3.2.2, limits it; here nothing does). */
double kerf_ranks_visited(double ranks, double top_k);

/* Seconds of both ways; 0 for one rank. `forced`: "low-latency" or "all-to-all", NULL for the faster; *taken
 * (may be NULL): its name. KERF_ERR_USAGE: no such way, the library does not have it, or the number of ranks
 * does not fill whole domains. */
enum kerf_status kerf_expert_trip_s(const struct kerf_collective_params *params,
                                    const struct kerf_cluster *cluster, const struct kerf_expert_trip *trip,
                                    const char *forced, double *time_s, const char **taken,
                                    struct kerf_error *error);

#endif
