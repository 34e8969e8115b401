/* The workload room: blocks of a KV cache by name. Knows nothing of sequences, tokens or time. */
#include "models/workload/prefix_cache.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { NONE = KERF_PREFIX_NONE, FIRST_NODES = 64 };

uint64_t kerf_prefix_name(uint64_t before, uint64_t kind, uint64_t content)
{
    const uint64_t words[] = {before, kind, content};
    uint64_t name = XXH3_64bits(words, sizeof words);
    return name ? name : 1;
}

static int *bucket_of(const struct kerf_prefix_cache *cache, uint64_t name)
{
    return &cache->bucket[name & (uint64_t)(cache->nodes - 1)];
}

int kerf_prefix_cache_find(const struct kerf_prefix_cache *cache, uint64_t name)
{
    int node = cache->nodes > 0 ? *bucket_of(cache, name) : NONE;
    while (node != NONE && cache->node[node].name != name)
        node = cache->node[node].next;
    return node;
}

/* --- nodes --- */

static void put_into_bucket(struct kerf_prefix_cache *cache, int node)
{
    int *bucket = bucket_of(cache, cache->node[node].name);
    cache->node[node].next = *bucket;
    *bucket = node;
}

/* Twice the nodes, and every name in its bucket again. */
static bool grow(struct kerf_prefix_cache *cache)
{
    int before = cache->nodes, nodes = before ? 2 * before : FIRST_NODES;
    struct kerf_prefix_node *node = realloc(cache->node, (size_t)nodes * sizeof *node);
    if (node)
        cache->node = node;
    int *bucket = node ? realloc(cache->bucket, (size_t)nodes * sizeof *bucket) : NULL;
    cache->failed = cache->failed || !bucket;
    if (!bucket)
        return false;
    cache->bucket = bucket;
    cache->nodes = nodes;
    if (before == 0)
        cache->oldest = cache->newest = NONE;
    for (int i = 0; i < nodes; i++)
        bucket[i] = NONE;
    for (int i = 0; i < before; i++) /* none is free, or it would not grow */
        if (node[i].name)
            put_into_bucket(cache, i);
    for (int i = before; i < nodes; i++)
        node[i] = (struct kerf_prefix_node){.next = i + 1 < nodes ? i + 1 : NONE};
    cache->first_free = before;
    return true;
}

static int new_node(struct kerf_prefix_cache *cache)
{
    if ((cache->nodes == 0 || cache->first_free == NONE) && !grow(cache))
        return NONE;
    int node = cache->first_free;
    cache->first_free = cache->node[node].next;
    return node;
}

static void free_node(struct kerf_prefix_cache *cache, int node)
{
    if (cache->node[node].name) {
        int *place = bucket_of(cache, cache->node[node].name);
        while (*place != node)
            place = &cache->node[*place].next;
        *place = cache->node[node].next;
    }
    cache->node[node] = (struct kerf_prefix_node){.next = cache->first_free};
    cache->first_free = node;
}

/* --- the idle, from the oldest to the newest --- */

static void lay_down(struct kerf_prefix_cache *cache, int node)
{
    cache->node[node].older = cache->newest;
    cache->node[node].newer = NONE;
    if (cache->newest != NONE)
        cache->node[cache->newest].newer = node;
    else
        cache->oldest = node;
    cache->newest = node;
    cache->idle += cache->node[node].blocks;
}

static void pick_up(struct kerf_prefix_cache *cache, int node)
{
    int newer = cache->node[node].newer, older = cache->node[node].older;
    *(newer != NONE ? &cache->node[newer].older : &cache->newest) = older;
    *(older != NONE ? &cache->node[older].newer : &cache->oldest) = newer;
    cache->idle -= cache->node[node].blocks;
}

int kerf_prefix_cache_add(struct kerf_prefix_cache *cache, uint64_t name, int before)
{
    int node = new_node(cache);
    if (node == NONE)
        return NONE;
    cache->node[node] = (struct kerf_prefix_node){.name = name, .before = before, .holders = 1, .blocks = 1};
    put_into_bucket(cache, node);
    return node;
}

bool kerf_prefix_cache_hold(struct kerf_prefix_cache *cache, int node)
{
    bool idle = cache->node[node].holders == 0;
    if (idle)
        pick_up(cache, node);
    cache->node[node].holders++;
    return idle;
}

bool kerf_prefix_cache_release(struct kerf_prefix_cache *cache, int node)
{
    bool idle = --cache->node[node].holders == 0;
    if (idle)
        lay_down(cache, node);
    return idle;
}

int kerf_prefix_cache_leave(struct kerf_prefix_cache *cache, int blocks, bool taken_back)
{
    int newest = cache->nodes > 0 ? cache->newest : NONE;
    if (blocks <= 0)
        return NONE;
    if (!taken_back && newest != NONE && !cache->node[newest].name && !cache->node[newest].taken_back) {
        cache->node[newest].blocks += blocks; /* both are nobody's: one run */
        cache->idle += blocks;
        return NONE;
    }
    int node = new_node(cache);
    if (node == NONE)
        return NONE;
    cache->node[node] = (struct kerf_prefix_node){.before = NONE, .blocks = blocks, .taken_back = taken_back};
    lay_down(cache, node);
    return taken_back ? node : NONE;
}

int kerf_prefix_cache_take_back(struct kerf_prefix_cache *cache, int node, int wanted)
{
    int left = cache->node[node].blocks, taken = left < wanted ? left : wanted;
    if (left == 0) { /* it was evicted, and waits for this */
        free_node(cache, node);
        return 0;
    }
    cache->node[node].blocks -= taken;
    cache->idle -= taken;
    cache->node[node].taken_back = false;
    if (taken == left) {
        pick_up(cache, node);
        free_node(cache, node);
    }
    return taken;
}

void kerf_prefix_cache_evict(struct kerf_prefix_cache *cache, long long idle)
{
    while (cache->idle > idle && cache->idle > 0) {
        int node = cache->oldest;
        long long over = cache->idle - idle;
        int lost = over < cache->node[node].blocks ? (int)over : cache->node[node].blocks;
        if (lost < cache->node[node].blocks) {
            cache->node[node].blocks -= lost;
            cache->idle -= lost;
            continue;
        }
        pick_up(cache, node);
        if (cache->node[node].taken_back)
            cache->node[node].blocks = 0;
        else
            free_node(cache, node);
    }
}

void kerf_prefix_cache_free(struct kerf_prefix_cache *cache)
{
    free(cache->node);
    free(cache->bucket);
    *cache = (struct kerf_prefix_cache){0};
}

void kerf_prefix_cache_save(const struct kerf_prefix_cache *cache, struct kerf_pack *pack)
{
    kerf_pack_put(pack, cache, sizeof *cache);
    kerf_pack_put(pack, cache->node, (size_t)cache->nodes * sizeof *cache->node);
    kerf_pack_put(pack, cache->bucket, (size_t)cache->nodes * sizeof *cache->bucket);
}

bool kerf_prefix_cache_load(struct kerf_prefix_cache *cache, struct kerf_unpack *unpack)
{
    struct kerf_prefix_cache saved;
    kerf_prefix_cache_free(cache);
    if (!kerf_unpack_get(unpack, &saved, sizeof saved) || saved.nodes < 0 ||
        (size_t)saved.nodes > unpack->bytes / sizeof *saved.node)
        return false;
    size_t nodes = (size_t)saved.nodes;
    *cache = saved;
    cache->node = calloc(nodes + 1, sizeof *cache->node);
    cache->bucket = calloc(nodes + 1, sizeof *cache->bucket);
    return cache->node && cache->bucket &&
           kerf_unpack_get(unpack, cache->node, nodes * sizeof *cache->node) &&
           kerf_unpack_get(unpack, cache->bucket, nodes * sizeof *cache->bucket);
}
