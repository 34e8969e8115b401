/* Requests: what a user asks, what travels between client and scheduler, and what is known of each at the
 * end. */
#ifndef KERF_WORKLOAD_REQUEST_H
#define KERF_WORKLOAD_REQUEST_H

#include "models/device/cost.h"
#include "models/workload/draws.h"
#include "models/workload/trace.h"

#include <stdbool.h>
#include <stdint.h>

enum kerf_arrivals {
    KERF_ARRIVALS_CLOSED_LOOP, /* `users` users; each asks again as soon as it is answered */
    KERF_ARRIVALS_POISSON,     /* `rate_per_s` requests per second, whatever is still being answered */
    KERF_ARRIVALS_GAMMA,       /* the same with gaps of another distribution: bursts for shapes below 1 */
    KERF_ARRIVALS_WEIBULL,
    KERF_ARRIVALS_BATCH, /* all requests at once */
    KERF_ARRIVALS_TRACE, /* when those of `trace` came, with their lengths */
    KERF_ARRIVALS_COUNT
};

/* Conversations in the place of single requests; `count` 0: none. The workload's lengths are those of the
 * first prompt and of every output. */
struct kerf_session_load {
    int count;                                  /* sessions in all */
    struct kerf_draws turns, calls;             /* turns of a session, calls of a turn */
    struct kerf_draws user_tokens, tool_tokens; /* added by each turn, and by each further call of one */
    struct kerf_draws think_s, tool_s;          /* before each turn, and before each further call of one */
    double context_most;  /* tokens; a session ends before it exceeds them; 0: no limit */
    bool keeps_reasoning; /* in the prompts that follow */
};

struct kerf_workload {
    enum kerf_arrivals arrivals;
    int users;          /* closed loop */
    double rate_per_s;  /* of open loads; of a trace on average */
    double burst_shape; /* gamma and Weibull: 1 is Poisson, less comes in bursts */
    int requests;       /* in all */
    double prompt_tokens, reasoning_tokens, answer_tokens; /* nominal; means where lengths are drawn */
    double length_ratio_least; /* lengths without a distribution are uniform between this share of the nominal
                                  and the nominal; 1: constant */
    struct kerf_draws prompt_lengths, reasoning_lengths, answer_lengths; /* tokens */
    double shared_prefix_tokens;                                         /* with which all prompts begin */
    const struct kerf_trace *trace;                                      /* not owned; NULL: none */
    struct kerf_session_load sessions;
    uint64_t seed;
};

enum kerf_workload_event {
    KERF_EVENT_REQUEST = 16, /* client to scheduler: kerf_request_message */
    KERF_EVENT_FIRST_TOKEN,  /* scheduler to client: kerf_answer_message */
    KERF_EVENT_ANSWERED,     /* scheduler to client: kerf_answer_message */
};

#define KERF_NO_SESSION UINT32_MAX

struct kerf_request_message { /* without gaps, for the digest */
    uint64_t request;         /* 0, 1, ... in order of arrival at the client */
    uint32_t prompt_tokens, output_tokens;
    uint32_t shared_tokens; /* leading ones of the prompt that all requests have in common */
    uint32_t session;       /* conversation that the tokens behind them belong to; KERF_NO_SESSION: none */
    uint32_t
        lasting_tokens; /* leading ones of prompt and output that later prompts of the session may have */
    uint32_t unused;    /* 0 */
};

struct kerf_answer_message {
    uint64_t request;
    uint32_t rounds; /* decode rounds; fewer than tokens with speculation */
    uint32_t preemptions;
    float pool_queue_s; /* first token: wait for its first pass; answered by two pools: wait for room there */
    uint32_t replica;   /* as the router counts them */
    float transfer_s;   /* answered by two pools: way of the cache */
    uint32_t cached_tokens; /* of the prompt, found in the cache when the request first entered service */
    /* No gaps before or behind: events are hashed byte by byte. */
    float
        part_s[KERF_TIME_PARTS]; /* first token: since the request came in; answered: since the first token */
};

/* One request as the client saw it. Times are since the start of the run. */
struct kerf_request_record {
    double arrival_s, first_token_s, finish_s;
    uint32_t session, call; /* conversation, KERF_NO_SESSION: none, and place in it from 0 */
    uint32_t prompt_tokens, output_tokens, rounds, preemptions, replica;
    double prefill_queue_s;    /* of first_part_s: from the way there until its first pass was begun */
    double pool_queue_s;       /* two pools: from the prompt's offer until the second pool had room */
    double kv_transfer_s;      /* two pools: what the way of its cache added */
    uint32_t reasoning_tokens; /* of the output */
    uint32_t cached_tokens;    /* of the prompt, that the replica need not compute */
    double first_part_s[KERF_TIME_PARTS];  /* sums to first_token_s - arrival_s */
    double decode_part_s[KERF_TIME_PARTS]; /* sums to finish_s - first_token_s */
};

#endif
