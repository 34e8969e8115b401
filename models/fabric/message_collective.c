/* Collectives message by message under LogGP. */
#include "models/fabric/message_collective.h"

#include <math.h>
#include <stdio.h>

/* One rank. A message that arrives is dealt with at once, as far as the future goes: what the processor and
 * the network interface do until then is known. */
struct collective_rank {
    kerf_time processor_free, interface_free;
    uint64_t early; /* bit i: the message of step + i is here */
    uint32_t step;  /* the one whose message it waits for */
};

enum { EARLY_STEPS = 64, TYPES = UINT16_MAX + 1 };

/* Uniform in [1 - uneven, 1 + uneven), by a hash (the finaliser of SplitMix64). */
static double size_factor(double uneven, uint64_t message)
{
    if (uneven == 0.0)
        return 1.0;
    message = (message ^ message >> 30) * 0xbf58476d1ce4e5b9u;
    message = (message ^ message >> 27) * 0x94d049bb133111ebu;
    message ^= message >> 31;
    return 1.0 - uneven + 2.0 * uneven * ((double)(message >> 11) * 0x1.0p-53);
}

static bool fits_any(uint32_t ranks)
{
    return ranks > 0 && ranks <= UINT32_MAX / 2;
}

static uint32_t ring_steps(uint32_t ranks)
{
    return 2 * (ranks - 1);
}

static struct kerf_message_step ring_step(const struct kerf_message_collective *c, uint32_t rank,
                                          uint32_t step)
{
    uint32_t n = c->ranks, back = step < n ? step : step - n;
    uint32_t piece = rank >= back ? rank - back : rank + n - back;
    return (struct kerf_message_step){.to = rank + 1 < n ? rank + 1 : 0,
                                      .from = rank > 0 ? rank - 1 : n - 1,
                                      .bytes = c->bytes / n * size_factor(c->uneven, piece + 1)};
}

static double least_is_nth(const struct kerf_message_collective *c)
{
    return c->bytes / c->ranks;
}

const struct kerf_message_algorithm kerf_ring_allreduce = {.name = "ring",
                                                           .fits = fits_any,
                                                           .what_fits = "at least one rank",
                                                           .one_partner = true,
                                                           .steps = ring_steps,
                                                           .step = ring_step,
                                                           .least_bytes = least_is_nth};

static bool fits_powers_of_two(uint32_t ranks)
{
    return ranks > 0 && (ranks & (ranks - 1)) == 0;
}

static uint32_t halving_doubling_steps(uint32_t ranks)
{
    return 2 * (uint32_t)__builtin_ctz(ranks);
}

static struct kerf_message_step halving_doubling_step(const struct kerf_message_collective *c, uint32_t rank,
                                                      uint32_t step)
{
    uint32_t halvings = c->steps / 2, level = step < halvings ? step : c->steps - 1 - step;
    uint32_t half = c->ranks >> (level + 1), partner = rank ^ half;
    double share = (double)half / c->ranks;
    uint64_t message = (uint64_t)step << 32 | rank;
    return (struct kerf_message_step){
        .to = partner, .from = partner, .bytes = c->bytes * share * size_factor(c->uneven, message + 1)};
}

const struct kerf_message_algorithm kerf_halving_doubling_allreduce = {.name = "halving-doubling",
                                                                       .fits = fits_powers_of_two,
                                                                       .what_fits = "a power of two of ranks",
                                                                       .steps = halving_doubling_steps,
                                                                       .step = halving_doubling_step,
                                                                       .least_bytes = least_is_nth};

/* (k - 1) G; a message has a byte at least. */
static kerf_time wire_time(const struct kerf_loggp *loggp, double bytes)
{
    double k = bytes > 1.0 ? bytes : 1.0;
    return (kerf_time)((k - 1.0) * loggp->G + 0.5);
}

static kerf_time later(kerf_time a, kerf_time b)
{
    return a > b ? a : b;
}

static enum kerf_status send_message(const struct kerf_message_collective *c, struct kerf_lp *lp,
                                     struct collective_rank *own, struct kerf_error *error)
{
    const struct kerf_loggp *p = &c->loggp;
    struct kerf_message_step step = c->algorithm->step(c, kerf_lp_id(lp) - c->first_lp, own->step);
    kerf_time start = later(own->processor_free, own->interface_free), wire = wire_time(p, step.bytes);
    own->processor_free = start + p->o;
    own->interface_free = later(start + wire + p->g, start + p->o);
    kerf_time arrival = start + p->o + wire + p->L;
    return kerf_lp_send(lp, c->first_lp + step.to, arrival - kerf_lp_now(lp), own->step % TYPES, NULL, 0,
                        error);
}

static enum kerf_status rank_init(struct kerf_lp *lp, const void *setup, void *state,
                                  struct kerf_error *error)
{
    const struct kerf_message_collective *c = setup;
    struct collective_rank *own = state;
    own->processor_free = c->start ? c->start[kerf_lp_id(lp) - c->first_lp] : 0;
    return c->steps > 0 ? send_message(c, lp, own, error) : KERF_OK;
}

static enum kerf_status rank_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                    struct kerf_error *error)
{
    const struct kerf_message_collective *c = kerf_lp_setup(lp);
    struct collective_rank *own = state;
    uint32_t ahead = (event->type - own->step) % TYPES;
    KERF_CHECK(ahead < EARLY_STEPS, KERF_ERR_FAILURE,
               "internal: a message of a collective is %u steps ahead of its receiver", ahead);
    own->early |= UINT64_C(1) << ahead;
    own->processor_free = later(own->processor_free, kerf_lp_now(lp));
    while (own->early & 1) {
        own->early >>= 1;
        own->step++;
        own->processor_free += c->loggp.o;
        if (own->step < c->steps)
            KERF_TRY(send_message(c, lp, own, error));
    }
    return KERF_OK;
}

static bool rank_waits(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why,
                       size_t why_bytes)
{
    const struct kerf_message_collective *c = kerf_lp_setup(lp);
    const struct collective_rank *own = state;
    if (own->step == c->steps)
        return false;
    *whom = c->first_lp + c->algorithm->step(c, kerf_lp_id(lp) - c->first_lp, own->step).from;
    snprintf(why, why_bytes, "the message of step %u of %u (%s)", own->step, c->steps, c->algorithm->name);
    return true;
}

static const struct kerf_lp_kind rank_kind = {.name = "collective rank",
                                              .state_bytes = sizeof(struct collective_rank),
                                              .init = rank_init,
                                              .handle = rank_handle,
                                              .waits = rank_waits};

/* The least time between sending and arriving that any message can have, ps. */
static kerf_time least_delay(const struct kerf_message_collective *c)
{
    const double above_rounding = 1.0 - 1e-9;
    double k = c->algorithm->least_bytes(c) * (1.0 - c->uneven) * above_rounding;
    kerf_time wire = (kerf_time)(fmax(0.0, k - 1.0) * c->loggp.G);
    return c->loggp.o + wire + c->loggp.L;
}

enum kerf_status kerf_message_collective_add(struct kerf_message_collective *c, struct kerf_engine *engine,
                                             struct kerf_error *error)
{
    KERF_CHECK(c->algorithm->fits(c->ranks), KERF_ERR_USAGE, "an all-reduce by %s takes %s (got %u)",
               c->algorithm->name, c->algorithm->what_fits, c->ranks);
    kerf_time lookahead = least_delay(c);
    KERF_CHECK(lookahead > 0, KERF_ERR_USAGE, "a collective takes a latency or an overhead above 0");
    c->steps = c->algorithm->steps(c->ranks);
    for (uint32_t rank = 0; rank < c->ranks; rank++) {
        uint32_t lp = kerf_engine_add(engine, &rank_kind, c, -1, 1.0);
        if (rank == 0)
            c->first_lp = lp;
        if (!c->algorithm->one_partner)
            kerf_engine_open(engine, lp, lookahead);
        else if (c->steps > 0)
            kerf_engine_connect(engine, lp, c->first_lp + c->algorithm->step(c, rank, 0).to, lookahead);
    }
    return KERF_OK;
}

kerf_time kerf_message_collective_done(const struct kerf_message_collective *c,
                                       const struct kerf_engine *engine, uint32_t rank)
{
    const struct collective_rank *own = kerf_engine_state(engine, c->first_lp + rank);
    return own && own->step == c->steps ? own->processor_free : KERF_TIME_NEVER;
}

kerf_time kerf_message_collective_even(const struct kerf_message_collective *c)
{
    const struct kerf_loggp *p = &c->loggp;
    uint32_t steps = c->algorithm->steps(c->ranks);
    if (steps == 0)
        return 0;
    struct kerf_message_collective even = *c;
    even.uneven = 0.0;
    even.steps = steps;
    kerf_time through = 2 * p->o + p->L, between = later(later(through, p->g), p->o), sum = 0;
    for (uint32_t step = 0; step < steps; step++)
        sum += wire_time(p, c->algorithm->step(&even, 0, step).bytes);
    return sum + (steps - 1) * between + through;
}
