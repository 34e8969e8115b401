/* Requests: what a user asks, what travels between client and scheduler, and what is known of each at the
 * end. */
#ifndef KERF_WORKLOAD_REQUEST_H
#define KERF_WORKLOAD_REQUEST_H

#include "models/device/cost.h"

#include <stdint.h>

enum kerf_arrivals {
    KERF_ARRIVALS_CLOSED_LOOP, /* `users` users; each asks again as soon as it is answered */
    KERF_ARRIVALS_POISSON,     /* `rate_per_s` requests per second, whatever is still being answered */
    KERF_ARRIVALS_GAMMA,       /* the same with gaps of another distribution: bursts for shapes below 1 */
    KERF_ARRIVALS_WEIBULL,
    KERF_ARRIVALS_BATCH, /* all requests at once */
    KERF_ARRIVALS_COUNT
};

struct kerf_workload {
    enum kerf_arrivals arrivals;
    int users;          /* closed loop */
    double rate_per_s;  /* of open loads */
    double burst_shape; /* gamma and Weibull: 1 is Poisson, less comes in bursts */
    int requests;       /* in all */
    double prompt_tokens, reasoning_tokens, answer_tokens;
    double length_ratio_least; /* lengths are uniform between this share of the nominal and the nominal; 1:
                                  constant */
    uint64_t seed;
};

enum kerf_workload_event {
    KERF_EVENT_REQUEST = 16, /* client to scheduler: kerf_request_message */
    KERF_EVENT_FIRST_TOKEN,  /* scheduler to client: kerf_answer_message */
    KERF_EVENT_ANSWERED,     /* scheduler to client: kerf_answer_message */
};

struct kerf_request_message {
    uint64_t request; /* 0, 1, ... in order of arrival at the client */
    uint32_t prompt_tokens, output_tokens;
};

struct kerf_answer_message {
    uint64_t request;
    uint32_t rounds; /* decode rounds; fewer than tokens with speculation */
    uint32_t preemptions;
    float pool_queue_s; /* first token: wait for its first pass; answered by two pools: wait for room there */
    uint32_t replica, nothing; /* as the router counts them; no gaps: events are hashed byte by byte */
    float transfer_s;          /* answered by two pools: way of the cache */
    float
        part_s[KERF_TIME_PARTS]; /* first token: since the request came in; answered: since the first token */
};

/* One request as the client saw it. Times are since the start of the run. */
struct kerf_request_record {
    double arrival_s, first_token_s, finish_s;
    uint32_t prompt_tokens, output_tokens, rounds, preemptions, replica;
    double prefill_queue_s; /* of first_part_s: from the way there until its first pass was begun */
    double pool_queue_s;    /* two pools: from the prompt's offer until the second pool had room */
    double kv_transfer_s;   /* two pools: what the way of its cache added */
    double first_part_s[KERF_TIME_PARTS];  /* sums to first_token_s - arrival_s */
    double decode_part_s[KERF_TIME_PARTS]; /* sums to finish_s - first_token_s */
};

#endif
