/* The way of KV cache from replicas that compute prompts to replicas that decode answers.
 *
 * One LP per system with two pools. It picks a decode replica for every prompt, asks it for room, and carries
 * the cache when the prompt is computed and the room is there: decode replicas pull, so a pool without room
 * leaves the cache, and its blocks, where it is. Transfers meet on three links: that of the prefill replica,
 * that of the decode replica, and what both pools share. */
#ifndef KERF_WORKLOAD_KV_TRANSFER_H
#define KERF_WORKLOAD_KV_TRANSFER_H

#include "sim/engine/engine.h"

enum kerf_kv_event {
    KERF_EVENT_KV_OFFER = 64, /* prefill to transfer to decode: a prompt wants room, or will when computed */
    KERF_EVENT_KV_READY,      /* prefill to transfer: one that was offered before is computed */
    KERF_EVENT_KV_ACCEPT,     /* decode to transfer: there is room */
    KERF_EVENT_KV_LANDED,     /* transfer to decode */
    KERF_EVENT_KV_GONE,       /* transfer to prefill: the blocks are free */
    KERF_EVENT_KV_DONE        /* decode to transfer: the answer is finished */
};

/* One prompt on its way; every event carries it, each filled as far as is known. */
struct kerf_kv_message {
    uint64_t request;
    uint32_t ticket; /* of the transfer LP */
    uint32_t prefill_replica, decode_replica;
    uint32_t prefill_slot, decode_slot;             /* of the schedulers */
    uint32_t prompt_tokens, output_tokens, nothing; /* no gaps: events are hashed byte by byte */
    kerf_time begun, first_token; /* its first pass was issued; its first token was out, 0: not yet */
    double transfer_s;            /* from the room (or the prompt, if later) to the last byte */
};

struct kerf_kv_transfer_setup {
    const uint32_t *prefill, *decode; /* LPs of the schedulers */
    int prefill_replicas, decode_replicas;
    double prefill_Bps, decode_Bps; /* of the port of one replica */
    double shared_Bps;              /* of what all transfers pass besides; 0: nothing */
    double latency_s;               /* one way; twice the least lookahead */
    double overhead_s;              /* of a transfer: set up before its first byte, its links being held */
    double bytes_per_token;         /* on the way */
    double convert_s_per_token;     /* where the pools' formats differ */
    double layers; /* a prompt's cache follows layer by layer while it is computed; 1: when it is whole */
    bool fair;     /* transfers share links max-min fair; else each has its links to itself in turn */
};

/* LP kind "kv-transfer"; setup: struct kerf_kv_transfer_setup. */
extern const struct kerf_lp_kind kerf_kv_transfer_lp;

struct kerf_kv_transfer_record {
    uint64_t transfers;
    uint64_t tokens;   /* carried */
    double transfer_s; /* sum over transfers of kerf_kv_message.transfer_s */
    int under_way;     /* offered and not yet landed */
};

struct kerf_kv_transfer_record kerf_kv_transfer_record(const void *state);

/* Half of the latency, as the engine's lookahead of all channels to and from the LP. */
kerf_time kerf_kv_transfer_hop(const struct kerf_kv_transfer_setup *setup);

#endif
