/* A recorded load: who asked when for how much, and what prompts have in common. Plain data; who reads it
 * from a file is sim/io. */
#ifndef KERF_WORKLOAD_TRACE_H
#define KERF_WORKLOAD_TRACE_H

#include "sim/engine/time.h"

#include <stdint.h>

struct kerf_trace_request {
    kerf_time at; /* since the first request */
    uint32_t prompt_tokens, output_tokens;
};

/* 16 bytes a request, and with blocks 8 more and 4 for each of its blocks. */
struct kerf_trace {
    int requests;
    struct kerf_trace_request *request; /* owned, in order of time */
    int block_tokens;                   /* tokens of a named block of a prompt; 0: prompts have no names */
    int64_t *first_block;               /* owned: of each request, one more than there are; or NULL */
    uint32_t *block;                    /* owned: names; prompts that begin alike begin with the same names */
    long long bad_lines;                /* of the file, passed over */
};

void kerf_trace_free(struct kerf_trace *trace);

#endif
