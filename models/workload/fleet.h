/* A fleet of replicas as its router sees it: what each has to do, which of them run, and who gets the next
 * request. Plain state without pointers but one, so that it is kept in checkpoints as it is. */
#ifndef KERF_WORKLOAD_FLEET_H
#define KERF_WORKLOAD_FLEET_H

#include "models/workload/request.h"
#include "sim/base/error.h"
#include "sim/engine/time.h"

#include <stdbool.h>

enum kerf_routing {
    KERF_ROUTING_FEWEST,       /* fewest unanswered requests; of equals the first */
    KERF_ROUTING_ROUND_ROBIN,  /* one after the other */
    KERF_ROUTING_LEAST_TOKENS, /* fewest tokens to do */
    KERF_ROUTING_RANDOM,
    KERF_ROUTING_TWO_CHOICES, /* the better of two at random (Mitzenmacher, IEEE TPDS 12(10), 2001) */
    KERF_ROUTING_SESSION,     /* always the same one for a session */
    KERF_ROUTING_PREFIX,      /* the same, unless it has far more to do than the others */
    KERF_ROUTING_COUNT
};

extern const char *const kerf_routing_names[]; /* NULL-terminated */

enum kerf_replica_phase { KERF_REPLICA_OFF, KERF_REPLICA_STARTING, KERF_REPLICA_ON, KERF_REPLICA_DRAINING };

struct kerf_replica {
    enum kerf_replica_phase phase;
    int requests;      /* unanswered */
    long long tokens;  /* of those: prompts, and answers as long as they are on average */
    kerf_time since;   /* it is paid */
    kerf_time paid_ps; /* up to then */
    kerf_time ready;   /* starting: when it is on */
};

struct kerf_autoscale {
    int least;              /* replicas that always run; as many as there are: none is ever stopped */
    double requests_target; /* unanswered requests per replica that are aimed at */
    double interval_s, start_s, cool_down_s; /* between looks; until a replica takes requests; after a change
                                                until another is stopped */
};

struct kerf_fleet {
    struct kerf_replica *replica; /* owned */
    int replicas;
    enum kerf_routing routing;
    uint64_t seed;
    int turn;                /* round robin: next */
    int unanswered;          /* requests */
    kerf_time last_change;   /* of the number that run */
    int starts, stops, most; /* so far; most that ran at once */
};

/* `running` of `replicas` are on from time 0. Free with kerf_fleet_free, also after a failure. */
enum kerf_status kerf_fleet_make(struct kerf_fleet *fleet, int replicas, int running,
                                 struct kerf_error *error);
void kerf_fleet_free(struct kerf_fleet *fleet);

/* The replica that gets a request; one at least is on. `key` is what a session or prefix is known by. */
int kerf_fleet_choose(struct kerf_fleet *fleet, uint64_t request, uint64_t key);

/* A request of `tokens` tokens goes to a replica, or is answered by it. */
void kerf_fleet_take(struct kerf_fleet *fleet, int replica, long long tokens);
void kerf_fleet_answer(struct kerf_fleet *fleet, int replica, long long tokens, kerf_time now);

/* Starts and stops replicas; *ready is set to when the first of those that were started now is on, and to 0
 * if none was. */
void kerf_fleet_scale(struct kerf_fleet *fleet, const struct kerf_autoscale *scale, kerf_time now,
                      kerf_time *ready);

/* Replicas whose start is over are on. */
void kerf_fleet_wake(struct kerf_fleet *fleet, kerf_time now);

/* Seconds that all replicas together have been paid for until `now`. */
double kerf_fleet_paid_s(const struct kerf_fleet *fleet, kerf_time now);

#endif
