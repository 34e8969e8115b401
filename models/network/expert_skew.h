/* How unevenly tokens choose experts, where the experts stand, and what falls on the busiest place.
 *
 * Knows numbers only: shares of the choices by expert, groups that hold experts, copies of busy experts. */
#ifndef KERF_NETWORK_EXPERT_SKEW_H
#define KERF_NETWORK_EXPERT_SKEW_H

#include "sim/base/error.h"

#include <stdbool.h>

enum { KERF_SKEW_GROUPINGS = 4 };

/* The busiest of some groups. */
struct kerf_expert_group {
    int groups;
    double share; /* of all choices */
    int slots;    /* experts on it, copies included */
    double *each; /* owned: share of the choices that each of them gets */
};

struct kerf_expert_skew {
    int experts, redundant; /* redundant: copies beside the first */
    double *share;          /* owned, per expert; sums to 1 */
    struct kerf_expert_group busiest[KERF_SKEW_GROUPINGS];
    int groupings;
};

/* Takes over weights of `experts` experts (any scale, none negative) and places experts and copies on so many
 * groups, for each of the `groupings` numbers. Without copies groups hold consecutive experts. With copies
 * the expert with the largest share per copy gets each one, and copies go, the largest first, to the group
 * with the least that has a slot left (as DeepSeek's EPLB does). KERF_ERR_USAGE: no choices at all, or copies
 * that do not fill the groups evenly. Free with kerf_expert_skew_free, also after a failure. */
enum kerf_status kerf_expert_skew_make(struct kerf_expert_skew *skew, const double *weight, int experts,
                                       int redundant, const int *groups, int groupings,
                                       struct kerf_error *error);
void kerf_expert_skew_free(struct kerf_expert_skew *skew);

/* The busiest of so many groups; NULL if it was not made for them. */
const struct kerf_expert_group *kerf_expert_skew_busiest(const struct kerf_expert_skew *skew, int groups);

/* Experts of a group that one token of `tokens` at least chooses, when `rows` choices fall on it: each with
 * the odds that its share gives it. */
double kerf_expert_group_touched(const struct kerf_expert_group *group, double tokens, double rows);

#endif
