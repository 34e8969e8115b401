/* What a run did. */
#ifndef KERF_ENGINE_STATS_H
#define KERF_ENGINE_STATS_H

#include <stdint.h>

enum { KERF_DELAY_CLASSES = 64, KERF_KIND_PAIRS = 16 };

/* Smallest delay seen between LPs of two kinds. */
struct kerf_delay_seen {
    const char *from, *to;
    double least_s;
};

/* All values are the same on every rank; those marked * depend on the number of ranks or on the clock. */
struct kerf_engine_stats {
    uint64_t lps, events;
    uint64_t events_now;                /* * of them, since the start or the restart of this run */
    uint64_t lps_simulated;             /* fewer than lps when folded */
    uint64_t digest;                    /* of every event of every LP in order */
    double end_s;                       /* time of the last event */
    uint64_t rounds;                    /* * windows between ranks: exchanges */
    uint64_t windows;                   /* * windows inside ranks, summed over them */
    uint64_t remote_events;             /* * */
    uint64_t messages;                  /* * between ranks */
    uint64_t events_least, events_most; /* * handled by the least and the busiest rank */
    double lookahead_least_s;           /* smallest declared lookahead between two LPs */
    double handler_s, queue_s, exchange_s, waiting_s; /* * summed over ranks; sampled */
    uint64_t delays[KERF_DELAY_CLASSES]; /* sends to other LPs whose delay in ps has so many binary digits */
    int kind_pairs;
    struct kerf_delay_seen least_delay[KERF_KIND_PAIRS];
    /* With rehearse_ranks: events of the busiest rank and of the busiest LP, each summed over rounds. With
     * these rounds no cut is faster than the latter, and more ranks meet no less often. */
    uint64_t rehearsed_events, critical_events;
};

#endif
