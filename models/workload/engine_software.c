/* The workload room: leaves of serving engines. */
#include "models/workload/engine_software.h"

#define AT(field) offsetof(struct kerf_engine_software_params, field)
static const struct kerf_leaf leaves[] = {
    {"host_step_s", "s", KERF_BETTER_LOWER, true, 0, 0, 10, AT(host_step_s), "host work of one step"},
    {"host_overlap", "1", KERF_BETTER_HIGHER, true, 0, 0, 1, AT(host_overlap),
     "share of it hidden behind the GPUs"},
    {"host_sequence_s", "s", KERF_BETTER_LOWER, false, 0, 0, 1e-2, AT(host_sequence_s),
     "host work of a step for each sequence in it, beside host_step_s"},
    {"plans_ahead", "1", KERF_BETTER_NEITHER, false, 0, 0, 1, AT(plans_ahead),
     "1: a step is put together while the one before runs, so a new request waits for the one after"},
    {"few_rows_slowdown", "1", KERF_BETTER_LOWER, false, 1, 1, 100, AT(few_rows_slowdown),
     "time of kernels for 5 to 256 tokens over that of tuned ones"},
    {"reserved_output", "1", KERF_BETTER_NEITHER, false, 0, 0, 1, AT(reserved_output),
     "share of its output whose cache is set aside when a request enters; 1: nobody is preempted"},
    {"request_s", "s", KERF_BETTER_LOWER, false, 0, 0, 10, AT(request_s),
     "from a request's arrival at the host to its place in the queue, tokeniser aside"},
    {"prompt_token_s", "s", KERF_BETTER_LOWER, false, 0, 0, 1e-3, AT(prompt_token_s),
     "tokeniser's time per token of a prompt"},
    {"whole_prompts", "1", KERF_BETTER_NEITHER, false, 0, 0, 1, AT(whole_prompts),
     "1: prompts are not cut into chunks unless they are longer than a step"},
    {"prefix_cache", "1", KERF_BETTER_NEITHER, false, 0, 0, 1, AT(prefix_cache),
     "1: full blocks of the cache are kept and found again by prompts that begin alike"},
    {"own_all_reduce", "1", KERF_BETTER_NEITHER, false, 1, 0, 1, AT(own_all_reduce),
     "1: all-reduce kernels of its own for few bytes; 0: the library's"},
};
#undef AT

const struct kerf_leaf_table kerf_engine_software_leaves = {
    .kind = "engine",
    .struct_bytes = sizeof(struct kerf_engine_software_params),
    .count = sizeof leaves / sizeof leaves[0],
    .leaves = leaves,
};
