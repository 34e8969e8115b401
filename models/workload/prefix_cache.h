/* Which blocks of a KV cache may be found again, and which goes first when room is needed.
 *
 * A block that is full has a name, which follows from its tokens and the name of the block before, so prompts
 * that begin alike begin with the same names. A named block is there once however many sequences hold it.
 * When nobody holds a block any more it lies idle, to be found again or, the longest idle first, to make
 * room. Blocks that no other sequence can ask for have no name: they lie idle in runs, each of which only who
 * left it can take back.
 *
 * The cache knows nothing of its own size: kerf_prefix_cache_evict() says how many blocks may lie idle. */
#ifndef KERF_WORKLOAD_PREFIX_CACHE_H
#define KERF_WORKLOAD_PREFIX_CACHE_H

#include "sim/engine/pack.h"

#include <stdbool.h>
#include <stdint.h>

enum { KERF_PREFIX_NONE = -1 };

/* A named block, or a run of blocks without names. */
struct kerf_prefix_node {
    uint64_t name;    /* 0: a run */
    int before;       /* node of the block before; KERF_PREFIX_NONE: it is the first, or a run */
    int holders;      /* sequences that hold it; 0: idle */
    int blocks;       /* 1 of a named block; of a run those that are left */
    bool taken_back;  /* a run that somebody may take back */
    int newer, older; /* neighbours among the idle */
    int next;         /* in its bucket; of a free node the next free one */
};

/* Zeroed: an empty cache. */
struct kerf_prefix_cache {
    struct kerf_prefix_node *node; /* owned */
    int *bucket;                   /* owned: first node of each, as many as nodes; a power of two */
    int nodes, first_free;
    int oldest, newest; /* of the idle; KERF_PREFIX_NONE: none */
    long long idle;     /* blocks */
    bool failed;        /* memory was out: blocks were forgotten */
};

/* The name of a block from that of the one before (0: none) and what tells its tokens. */
uint64_t kerf_prefix_name(uint64_t before, uint64_t kind, uint64_t content);

/* The node with this name, or KERF_PREFIX_NONE. */
int kerf_prefix_cache_find(const struct kerf_prefix_cache *cache, uint64_t name);

/* A block gets its name, held once; the name must be new. KERF_PREFIX_NONE when memory is out. */
int kerf_prefix_cache_add(struct kerf_prefix_cache *cache, uint64_t name, int before);

/* One more holds a named block; true: it lay idle. */
bool kerf_prefix_cache_hold(struct kerf_prefix_cache *cache, int node);

/* One less holds it; true: now it lies idle, the newest of all. */
bool kerf_prefix_cache_release(struct kerf_prefix_cache *cache, int node);

/* Blocks without names lie idle from now on, the newest of all. With `taken_back` they have a node, which the
 * caller gives back by kerf_prefix_cache_take_back; else KERF_PREFIX_NONE is returned. */
int kerf_prefix_cache_leave(struct kerf_prefix_cache *cache, int blocks, bool taken_back);

/* Ends a run: the caller takes the first `wanted` blocks of it, or as many as are left, which it returns; the
 * others stay idle. */
int kerf_prefix_cache_take_back(struct kerf_prefix_cache *cache, int node, int wanted);

/* Forgets idle blocks, the oldest first, until at most `idle` are left. Runs lose their last blocks first. */
void kerf_prefix_cache_evict(struct kerf_prefix_cache *cache, long long idle);

void kerf_prefix_cache_free(struct kerf_prefix_cache *cache);

/* For checkpoints. Loading replaces what the cache holds; false: the bytes do not fit or memory is out. */
void kerf_prefix_cache_save(const struct kerf_prefix_cache *cache, struct kerf_pack *pack);
bool kerf_prefix_cache_load(struct kerf_prefix_cache *cache, struct kerf_unpack *unpack);

#endif
