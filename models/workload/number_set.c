/* The workload room: a set of small numbers in their order. Knows nothing of what is numbered. */
#include "models/workload/number_set.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { BITS_LOG2 = 6, BITS = 1 << BITS_LOG2 };

static uint64_t bit_of(int number)
{
    return UINT64_C(1) << (number % BITS);
}

static uint64_t *word_of(const struct kerf_number_set *set, int level, int number)
{
    return &set->word[set->first[level] + (number >> BITS_LOG2)];
}

/* Words of every level for `numbers` bits, up to the level of one word; returns the words of all. */
static int lay_out(struct kerf_number_set *set, int numbers)
{
    int total = 0, words = numbers;
    set->levels = 0;
    do {
        words = (words - 1) / BITS + 1;
        set->first[set->levels] = total;
        set->words[set->levels++] = words;
        total += words;
    } while (words > 1);
    return total;
}

enum kerf_status kerf_number_set_reserve(struct kerf_number_set *set, int numbers, struct kerf_error *error)
{
    struct kerf_number_set larger = {0};
    if (numbers <= 0 || (numbers - 1) >> BITS_LOG2 < set->words[0])
        return KERF_OK;
    larger.word = calloc((size_t)lay_out(&larger, numbers), sizeof *larger.word);
    KERF_CHECK(larger.word, KERF_ERR_FAILURE, "out of memory for a set of %d numbers", numbers);
    if (set->words[0] > 0)
        memcpy(larger.word, set->word, (size_t)set->words[0] * sizeof *set->word);
    for (int level = 1; level < larger.levels; level++)
        for (int i = 0; i < larger.words[level - 1]; i++)
            if (larger.word[larger.first[level - 1] + i])
                *word_of(&larger, level, i) |= bit_of(i);
    free(set->word);
    *set = larger;
    return KERF_OK;
}

void kerf_number_set_add(struct kerf_number_set *set, int number)
{
    for (int level = 0; level < set->levels; level++, number >>= BITS_LOG2)
        *word_of(set, level, number) |= bit_of(number);
}

void kerf_number_set_remove(struct kerf_number_set *set, int number)
{
    for (int level = 0; level < set->levels; level++, number >>= BITS_LOG2) {
        uint64_t *word = word_of(set, level, number);
        *word &= ~bit_of(number);
        if (*word)
            return; /* the levels above still have it */
    }
}

bool kerf_number_set_has(const struct kerf_number_set *set, int number)
{
    return *word_of(set, 0, number) & bit_of(number);
}

int kerf_number_set_next(const struct kerf_number_set *set, int from)
{
    for (int level = 0; level < set->levels; level++) {
        if (from >> BITS_LOG2 >= set->words[level])
            return -1;
        uint64_t rest = *word_of(set, level, from) >> (from % BITS);
        if (rest) {
            from += __builtin_ctzll(rest);
            while (level-- > 0)
                from = from * BITS + __builtin_ctzll(set->word[set->first[level] + from]);
            return from;
        }
        from = (from >> BITS_LOG2) + 1; /* the words right of this one, a level up */
    }
    return -1;
}

int kerf_number_set_previous(const struct kerf_number_set *set, int from)
{
    for (int level = 0; level < set->levels && from >= 0; level++) {
        uint64_t rest = *word_of(set, level, from) << (BITS - 1 - from % BITS);
        if (rest) {
            from -= __builtin_clzll(rest);
            while (level-- > 0)
                from = from * BITS + BITS - 1 - __builtin_clzll(set->word[set->first[level] + from]);
            return from;
        }
        from = (from >> BITS_LOG2) - 1; /* the words left of this one, a level up */
    }
    return -1;
}

void kerf_number_set_free(struct kerf_number_set *set)
{
    free(set->word);
    *set = (struct kerf_number_set){0};
}

void kerf_number_set_save(const struct kerf_number_set *set, struct kerf_pack *pack)
{
    kerf_pack_put(pack, &set->words[0], sizeof set->words[0]);
    kerf_pack_put(pack, set->word, (size_t)set->words[0] * sizeof *set->word);
}

bool kerf_number_set_load(struct kerf_number_set *set, struct kerf_unpack *unpack)
{
    int words;
    kerf_number_set_free(set);
    if (!kerf_unpack_get(unpack, &words, sizeof words) || words < 0 || words > INT_MAX / BITS ||
        kerf_number_set_reserve(set, words * BITS, NULL) != KERF_OK)
        return false;
    for (int i = 0; i < words; i++) {
        uint64_t bits;
        if (!kerf_unpack_get(unpack, &bits, sizeof bits))
            return false;
        for (; bits; bits &= bits - 1)
            kerf_number_set_add(set, i * BITS + __builtin_ctzll(bits));
    }
    return true;
}
