/* A k-ary fat tree of three levels (Al-Fares et al., SIGCOMM 2008) as numbered links, for tests and
 * benchmarks.
 *
 * k^3/4 hosts; k pods of k/2 edge and k/2 aggregation switches; (k/2)^2 core switches; all links alike, one
 * number per direction, full bisection. */
#ifndef KERF_TEST_FAT_TREE_H
#define KERF_TEST_FAT_TREE_H

#include <stdint.h>

enum { FAT_TREE_HOPS = 6 };

/* Links come in six blocks of k^3/4: host to edge, edge to aggregation, aggregation to core, and the same
 * down. */
enum fat_tree_block { HOST_UP, EDGE_UP, CORE_UP, CORE_DOWN, EDGE_DOWN, HOST_DOWN };

static inline uint32_t fat_tree_hosts(uint32_t k)
{
    return k * k * k / 4;
}

static inline uint32_t fat_tree_links(uint32_t k)
{
    return 6 * fat_tree_hosts(k);
}

/* Writes the links from one host to another host over aggregation switch `up` (< k/2) of their pods and its
 * core switch `over` (< k/2), as far up as need be. Returns their number: 2, 4 or 6. */
static inline uint32_t fat_tree_path(uint32_t k, uint32_t from, uint32_t to, uint32_t up, uint32_t over,
                                     uint32_t path[FAT_TREE_HOPS])
{
    uint32_t half = k / 2, hosts = fat_tree_hosts(k), hops = 0;
    uint32_t from_edge = from / half, to_edge = to / half, from_pod = from_edge / half,
             to_pod = to_edge / half;
    path[hops++] = HOST_UP * hosts + from;
    if (from_edge != to_edge)
        path[hops++] = EDGE_UP * hosts + from_edge * half + up;
    if (from_pod != to_pod) {
        path[hops++] = CORE_UP * hosts + (from_pod * half + up) * half + over;
        path[hops++] = CORE_DOWN * hosts + (to_pod * half + up) * half + over;
    }
    if (from_edge != to_edge)
        path[hops++] = EDGE_DOWN * hosts + to_edge * half + up;
    path[hops++] = HOST_DOWN * hosts + to;
    return hops;
}

#endif
