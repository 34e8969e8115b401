/* A set of small numbers, visited from the smallest: what a scheduler holds in order of arrival, and which
 * slots are free. A bit per number, and above every 64 words of bits a word that says which of them hold any,
 * so every operation touches one word per level and there are log64 of them. */
#ifndef KERF_WORKLOAD_NUMBER_SET_H
#define KERF_WORKLOAD_NUMBER_SET_H

#include "sim/base/error.h"
#include "sim/engine/pack.h"

#include <stdbool.h>
#include <stdint.h>

enum { KERF_NUMBER_SET_LEVELS = 6 }; /* 64^6 numbers are more than an int has */

/* Zeroed: an empty set without room. */
struct kerf_number_set {
    uint64_t *word;                    /* owned: the bits of the numbers, then the levels above */
    int first[KERF_NUMBER_SET_LEVELS]; /* word of each level */
    int words[KERF_NUMBER_SET_LEVELS]; /* in each level */
    int levels;
};

/* Makes room for the numbers 0 ... `numbers` - 1; members stay. Never gives room back. Costs as much as there
 * is room, so callers double it. */
enum kerf_status kerf_number_set_reserve(struct kerf_number_set *set, int numbers, struct kerf_error *error);

/* The number must be within the room of these three. Adding a member or removing another changes nothing. */
void kerf_number_set_add(struct kerf_number_set *set, int number);
void kerf_number_set_remove(struct kerf_number_set *set, int number);
bool kerf_number_set_has(const struct kerf_number_set *set, int number);

/* The smallest member that is at least `from` (0 or more), or -1. The set may change between two calls. */
int kerf_number_set_next(const struct kerf_number_set *set, int from);

/* The largest member that is at most `from`, which must be within the room, or -1; also -1 for a `from` of
 * -1. */
int kerf_number_set_previous(const struct kerf_number_set *set, int from);

void kerf_number_set_free(struct kerf_number_set *set);

/* For checkpoints. Loading replaces the set; false: the bytes do not fit or memory is out. */
void kerf_number_set_save(const struct kerf_number_set *set, struct kerf_pack *pack);
bool kerf_number_set_load(struct kerf_number_set *set, struct kerf_unpack *unpack);

#endif
