/* What the requests of a load ask for: lengths, by number. */
#ifndef KERF_WORKLOAD_LENGTHS_H
#define KERF_WORKLOAD_LENGTHS_H

#include "models/workload/request.h"

/* One request's lengths in tokens. Prompt and output (reasoning + answer) are 1 or more each. */
struct kerf_lengths {
    uint32_t prompt, reasoning, answer;
};

/* Lengths of request `number`: a pure function of load and number. A trace says output only: all of it is
 * answer. */
struct kerf_lengths kerf_lengths_of(const struct kerf_workload *workload, uint64_t number);

/* The same without regard to a trace: as drawn. */
struct kerf_lengths kerf_lengths_drawn(const struct kerf_workload *workload, uint64_t number);

/* Means and longest over all requests of a load. */
struct kerf_load_facts {
    double prompt_tokens, reasoning_tokens, answer_tokens; /* means; nominal where nothing is drawn */
    double longest_prompt, longest_tokens;                 /* of a request; with its output */
    int longest_request;                                   /* its number; of sessions one after the other */
    int requests;                                          /* in all: calls of all sessions */
};

/* Where lengths are drawn or recorded it looks at every request; else it takes nominal values, which are the
 * longest. */
struct kerf_load_facts kerf_load_measure(const struct kerf_workload *workload);

#endif
