/* The node room: the memory of costs. */
#include "models/node/cost_memo.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { KEY_WORDS = 12 };

struct kerf_cost_memo {
    int slots, costs;
    double (*key)[KEY_WORDS];
    bool *used;
    struct kerf_cost *cost;
};

struct kerf_cost_memo *kerf_cost_memo_create(int slots, int costs)
{
    struct kerf_cost_memo *memo = calloc(1, sizeof *memo);
    if (!memo)
        return NULL;
    memo->slots = slots;
    memo->costs = costs;
    memo->key = calloc((size_t)slots, sizeof *memo->key);
    memo->used = calloc((size_t)slots, sizeof *memo->used);
    memo->cost = calloc((size_t)slots * (size_t)costs, sizeof *memo->cost);
    if (!memo->key || !memo->used || !memo->cost) {
        kerf_cost_memo_free(memo);
        return NULL;
    }
    return memo;
}

void kerf_cost_memo_free(struct kerf_cost_memo *memo)
{
    if (!memo)
        return;
    free(memo->key);
    free(memo->used);
    free(memo->cost);
    free(memo);
}

struct kerf_cost *kerf_cost_memo_find(struct kerf_cost_memo *memo, const struct kerf_pass *pass,
                                      double variant, bool *known)
{
    const double key[KEY_WORDS] = {pass->decode.tokens,       pass->decode.sequences,
                                   pass->decode.attended,     pass->decode.context_tokens,
                                   pass->prefill.tokens,      pass->prefill.sequences,
                                   pass->prefill.attended,    pass->prefill.context_tokens,
                                   pass->logit_tokens,        (double)pass->kv,
                                   (double)pass->activations, variant};
    size_t slot = XXH3_64bits(key, sizeof key) % (size_t)memo->slots;
    *known = memo->used[slot] && memcmp(memo->key[slot], key, sizeof key) == 0;
    if (!*known) {
        memcpy(memo->key[slot], key, sizeof key);
        memo->used[slot] = true;
    }
    return &memo->cost[slot * (size_t)memo->costs];
}
