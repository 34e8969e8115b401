/* The scheduler of one replica: admits requests while their cache fits, cuts prompts into chunks, forms
 * passes for the accelerators, and turns finished passes into tokens.
 *
 * One scheduler serves both worlds; a kerf_backend says how they differ. GPUs take one step at a time that
 * mixes all decoding sequences with prompt chunks under a token budget (continuous batching), as vLLM V1
 * does: who is in service goes first, the oldest first; the cache grows by blocks, and when it is full those
 * who entered last lose theirs and begin again later. A wafer pipeline takes a new pass as soon as its
 * slowest stage is free, and what waits meanwhile goes together; it sets a request's whole cache aside. */
#ifndef KERF_WORKLOAD_SCHEDULER_H
#define KERF_WORKLOAD_SCHEDULER_H

#include "models/network/operator.h"
#include "models/node/pass_message.h"
#include "models/workload/request.h"
#include "sim/engine/engine.h"

struct kerf_backend {
    int passes_most;    /* under way at a time: GPUs have one for each stage of their pipeline; 0: no limit */
    bool mixes_prefill; /* a pass may hold decode tokens and a prompt chunk together */
    bool verifies_in_one; /* a sequence's guesses are checked in the same pass; else in passes that follow
                             each other */
    /* Seconds after issuing `pass` until another may be issued; NULL: none. */
    double (*spacing_s)(void *plan, const struct kerf_pass *pass);
    /* Sequences in one decode pass at most, when `under_way` of them (tokens, where guesses have passes of
     * their own) are being decoded; NULL: as many as wait. */
    int (*decode_batch)(void *plan, int under_way, double overhead_s);
    /* Seconds until this pass is back, at least; NULL: least_pass_s. */
    double (*pass_s)(const void *plan, const struct kerf_pass_message *pass);
    void *plan;
    double host_step_s, host_sequence_s; /* host work per pass (GPU step) and per sequence in it: no two
                                            passes begin closer together ... */
    double host_overlap; /* ... and the share of it that runs behind the devices; they wait for the rest */
    bool plans_ahead;    /* a pass is put together when the one before begins (one pass at a time) */
    double request_s,
        prompt_token_s;      /* host work on a request before it can be scheduled, and per token of it */
    double round_overhead_s; /* host work after each round of a sequence (wafer: sampling, detokenising) */
    double draft_s;          /* drafting of one token ahead of the passes; 0 when it is part of them */
    double to_device_s;      /* host to accelerator, one way */
    double least_pass_s;     /* no pass takes less, from leaving the scheduler to being back; 0: not known */
    enum kerf_time_part to_device_part;
    double kv_tokens; /* tokens of cache that fit */
    enum kerf_format kv, activations;
};

struct kerf_scheduler_policy {
    int token_budget;       /* tokens in one pass at most: answers, guesses and prompts (GPU) */
    int prefill_chunk;      /* tokens of one prompt in one pass at most */
    bool whole_prompts;     /* a prompt that fits a step is not cut: it waits for one with room (GPU) */
    int max_sequences;      /* requests in service at most */
    int draft_tokens;       /* guesses per round; 0: no speculation */
    double acceptance;      /* probability that a guess is right, given that those before it were */
    int block_tokens;       /* tokens per block of the cache */
    double reserved_output; /* share of its output whose cache is set aside when a request enters; 1: nobody
                               is ever preempted (GPU; a pipeline sets all aside) */
    double watermark;       /* share of the cache that must stay free when a request enters */
    bool prefix_cache;      /* full blocks stay until their room is needed, and are found again */
    int wait_steps;    /* requests wait for others to enter with while there are answers, this many steps at
                          most ... */
    double wait_share; /* ... or until this share of the budget would be used (GPU) */
};

/* What a replica is for, in a system of two pools. */
enum kerf_pool_role {
    KERF_POOL_BOTH,    /* prompts and answers: there is one pool */
    KERF_POOL_PREFILL, /* prompts; their cache goes to a replica that decodes */
    KERF_POOL_DECODE   /* answers to prompts whose cache comes from elsewhere */
};

struct kerf_scheduler_setup {
    enum kerf_pool_role role;
    uint32_t transfer;      /* LP that carries cache between pools (models/workload/kv_transfer.h) ... */
    kerf_time transfer_hop; /* ... and the way there */
    bool offers_early; /* prefill: a prompt is offered when its first pass begins, not when it is whole */
    uint32_t replica;  /* of its pool */
    const struct kerf_backend *backend;
    const struct kerf_scheduler_policy *policy;
    uint64_t seed;
    uint32_t client;
    const uint32_t *device; /* LPs that every pass is sent to; as many answer it */
    int devices;
    double client_link_s;
    const struct kerf_trace *trace; /* that requests are of, with the names of their blocks; NULL: none */
};

/* LP kind "scheduler"; setup: struct kerf_scheduler_setup. */
extern const struct kerf_lp_kind kerf_scheduler_lp;

struct kerf_scheduler_record {
    uint64_t passes, rounds;
    uint64_t prefill_tokens, decode_tokens; /* through the accelerators, guesses included */
    uint64_t output_tokens;                 /* kept */
    uint64_t preemptions;
    uint64_t cached_tokens; /* that did not go through the accelerators, for they were in the cache */
    double kv_tokens_most;  /* of cache held or set aside at once */
    int unfinished;         /* requests in service or waiting at the end */
};

struct kerf_scheduler_record kerf_scheduler_record(const void *state);

#endif
