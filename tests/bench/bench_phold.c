/* bench_phold: PHOLD (Fujimoto, "Performance of Time Warp under synthetic workloads", 1990) on the engine's
 * public interface. Every event makes one other, at its own LP or at any other, after a lookahead and an
 * exponential delay, as in ROSS's model of that name. One Philox block per event is all its randomness. */
#include "sim/engine/random.h"
#include "tests/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CACHE_LINE_BYTES = 64, PAYLOAD_MOST = KERF_PAYLOAD_BYTES, HOT_LPS_PERCENT = 1 };

struct phold {
    uint64_t lps, events_each, state_bytes, payload_bytes, seed;
    kerf_time lookahead, end;
    double mean_ps;
    uint32_t lines;                /* of an LP's state */
    uint32_t hot_lps;              /* get a share of the traffic to others */
    uint64_t below_hot, below_any; /* bounds of a 32-bit word: to a hot LP, to any LP; else to itself */
    unsigned char payload[PAYLOAD_MOST];
};

/* The first line of an LP's state. */
struct phold_lp {
    const struct phold *phold;
    uint64_t draws; /* counter of its random stream */
    uint64_t sum;
};

static kerf_time delay_of(const struct phold *phold, uint32_t word)
{
    double uniform = ((double)word + 0.5) * 0x1.0p-32;
    return phold->lookahead + (kerf_time)(-phold->mean_ps * log(uniform));
}

static enum kerf_status phold_init(struct kerf_lp *lp, const void *setup, void *state,
                                   struct kerf_error *error)
{
    const struct phold *phold = setup;
    struct phold_lp *own = state;
    own->phold = phold;
    for (uint64_t i = 0; i < phold->events_each; i++) {
        struct kerf_random_words draw = kerf_random_words(phold->seed, kerf_lp_id(lp), own->draws++);
        kerf_time delay = delay_of(phold, draw.word[0]);
        if (delay < phold->end)
            KERF_TRY(kerf_lp_send(lp, kerf_lp_id(lp), delay, 0, phold->payload, phold->payload_bytes, error));
    }
    return KERF_OK;
}

static uint32_t destination_of(const struct phold *phold, uint32_t self, struct kerf_random_words draw)
{
    if (draw.word[2] >= phold->below_any)
        return self;
    uint64_t among = draw.word[2] < phold->below_hot ? phold->hot_lps : phold->lps;
    return (uint32_t)(draw.word[3] * among >> 32);
}

static enum kerf_status phold_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                     struct kerf_error *error)
{
    struct phold_lp *own = state;
    const struct phold *phold = own->phold;
    uint32_t self = kerf_lp_id(lp);
    struct kerf_random_words draw = kerf_random_words(phold->seed, self, own->draws++);
    uint64_t line = (uint64_t)draw.word[1] * phold->lines >> 32, touched;
    unsigned char *place = (unsigned char *)state + line * CACHE_LINE_BYTES + offsetof(struct phold_lp, sum);
    memcpy(&touched, place, sizeof touched);
    touched += event->source;
    memcpy(place, &touched, sizeof touched);
    kerf_time delay = delay_of(phold, draw.word[0]);
    if (delay >= phold->end - kerf_lp_now(lp))
        return KERF_OK;
    return kerf_lp_send(lp, destination_of(phold, self, draw), delay, 0, event->payload, event->payload_bytes,
                        error);
}

/* Load that an LP is expected to have, so that the engine can balance ranks. */
static double expected_load(const struct phold *phold, uint64_t lp)
{
    double word = 0x1.0p32, hot = (double)phold->below_hot / word, any = (double)phold->below_any / word;
    double load = 1.0 - any + (any - hot);
    return lp < phold->hot_lps ? load + hot * (double)phold->lps / phold->hot_lps : load;
}

struct phold_run {
    struct phold phold;
    struct kerf_lp_kind kind;
};

static enum kerf_status add_lps(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    const struct phold_run *run = context;
    (void)error;
    for (uint64_t i = 0; i < run->phold.lps; i++) {
        uint32_t lp = kerf_engine_add(engine, &run->kind, &run->phold, -1, expected_load(&run->phold, i));
        kerf_engine_open(engine, lp, run->phold.lookahead);
    }
    return KERF_OK;
}

struct settings {
    uint64_t lps, events, state, payload, seed, total;
    double remote, lookahead_us, mean_us, skew, end_us;
    bool reference;
};

/* The run that the settings ask for. Each chain of events has one event every lookahead + mean on average,
 * so that a total of events is a time. */
static struct phold_run run_of(const struct settings *s)
{
    uint64_t state = s->state < CACHE_LINE_BYTES ? sizeof(struct phold_lp) : s->state;
    double chains = (double)s->lps * (double)s->events;
    double end_us = s->end_us;
    if (end_us <= 0.0)
        end_us = chains > 0.0 ? (double)s->total / chains * (s->lookahead_us + s->mean_us) : 0.0;
    return (struct phold_run){
        .phold = {.lps = s->lps,
                  .events_each = s->events,
                  .state_bytes = state,
                  .payload_bytes = s->payload,
                  .seed = s->seed,
                  .lookahead = kerf_time_from_s(s->lookahead_us * 1e-6),
                  .end = kerf_time_from_s(end_us * 1e-6),
                  .mean_ps = s->mean_us * 1e6,
                  .lines = state < CACHE_LINE_BYTES ? 1 : (uint32_t)(state / CACHE_LINE_BYTES),
                  .hot_lps = (uint32_t)((s->lps * HOT_LPS_PERCENT + 99) / 100),
                  .below_hot = (uint64_t)(s->remote * s->skew * 0x1.0p32),
                  .below_any = (uint64_t)(s->remote * 0x1.0p32)},
        .kind = {.name = "phold", .state_bytes = state, .init = phold_init, .handle = phold_handle}};
}

int main(int argc, char **argv)
{
    struct settings s = {.lps = 1024,
                         .events = 16,
                         .state = CACHE_LINE_BYTES,
                         .seed = 1,
                         .total = 4000000,
                         .remote = 0.5,
                         .lookahead_us = 0.1,
                         .mean_us = 0.9};
    const struct bench_option options[] = {
        {"lps", .count = &s.lps, .help = "logical processes (1024)"},
        {"events", .count = &s.events, .help = "pending events for each of them (16)"},
        {"remote", .number = &s.remote,
         .help = "share of events that go to any LP; the rest to itself (0.5)"},
        {"lookahead", .number = &s.lookahead_us, .help = "us (0.1)"},
        {"mean", .number = &s.mean_us, .help = "us; delay = lookahead + exponential of this mean (0.9)"},
        {"state", .count = &s.state, .help = "bytes of an LP's state; an event touches a line of 64 (64)"},
        {"payload", .count = &s.payload, .help = "bytes that an event carries (0)"},
        {"skew", .number = &s.skew, .help = "share of the traffic that goes to 1 % of the LPs (0)"},
        {"total", .count = &s.total, .help = "about so many events in all (4M)"},
        {"end", .number = &s.end_us, .help = "us of simulated time, instead of a total"},
        {"seed", .count = &s.seed, .help = "of the random numbers (1)"},
        {"reference", .flag = &s.reference, .help = "run on the plain heap (one rank)"},
    };
    if (!bench_start(&argc, &argv, options, sizeof options / sizeof options[0]))
        return bench_finish(2);
    if (s.lps == 0 || s.lps > UINT32_MAX || s.remote > 1.0 || s.skew > 1.0 || s.payload > PAYLOAD_MOST ||
        s.lookahead_us < 1e-6) {
        fprintf(stderr, "bench_phold: a setting is out of range\n");
        return bench_finish(2);
    }
    struct phold_run phold = run_of(&s);
    struct bench_run run = {.name = "phold", .reference = s.reference, .context = &phold, .add = add_lps};
    return bench_finish(bench_run_engine(&run));
}
