/* Costs already worked out: a direct-mapped memory of pure functions of a pass. It changes speed, never
 * values. */
#ifndef KERF_NODE_COST_MEMO_H
#define KERF_NODE_COST_MEMO_H

#include "models/device/cost.h"
#include "models/network/operator.h"

#include <stdbool.h>
#include <stdint.h>

struct kerf_cost_memo;

/* A memory of at most `slots` passes, each with `costs` costs; NULL when memory is out. */
struct kerf_cost_memo *kerf_cost_memo_create(int slots, int costs);
void kerf_cost_memo_free(struct kerf_cost_memo *memo);

/* The costs kept for `pass` (and `variant`, any number that tells two uses apart): the caller fills them when
 * *known is false. Valid until the next call. */
struct kerf_cost *kerf_cost_memo_find(struct kerf_cost_memo *memo, const struct kerf_pass *pass,
                                      double variant, bool *known);

#endif
