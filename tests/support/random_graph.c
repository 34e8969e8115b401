/* For tests: the random model. The low 12 bits of an event's type are its hops: what it may still cause. */
#include "tests/support/random_graph.h"

#include "tests/support/draw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEGREE = 6, SLOTS = 4, HOPS_MOST = 4095, TYPE_TIMER = 0x8000, SLOT_SHIFT = 12, WIDE_WORDS = 40 };

static const kerf_time longest = 1000000000, far = (kerf_time)1 << 50; /* 1 ms, 19 minutes */

struct out {
    uint32_t to;
    kerf_time lookahead;
};

/* Setup of an LP. */
struct node {
    const struct random_graph *graph;
    uint32_t outs;
    struct out out[DEGREE];
    kerf_time open; /* 0: not open */
    int group, kind;
    double load;
    uint32_t first_events;
    bool promises;
};

struct random_graph {
    uint64_t seed;
    uint32_t lps, hops;
    kerf_time step, widest; /* delays are multiples of step up to widest */
    int shape;              /* see destination() */
    struct node node[RANDOM_GRAPH_LPS];
};

/* A timer, and whether the LP believes that it is still to come. */
struct slot {
    struct kerf_timer timer;
    bool live;
};

/* What every kind's state begins with. */
struct core {
    uint64_t hash, draws;
    struct slot slot[SLOTS];
    kerf_time promised[DEGREE];
};

struct wide {
    struct core core;
    uint64_t word[WIDE_WORDS];
};

struct owner {
    struct core core;
    uint64_t *seen; /* owned */
    uint64_t count, capacity;
};

uint64_t random_graph_hash(const void *state)
{
    return ((const struct core *)state)->hash;
}

static uint64_t draw(struct core *core)
{
    return draw_mix(core->hash, ++core->draws);
}

static bool one_in(struct core *core, uint64_t times)
{
    return draw(core) % times == 0;
}

/* A delay beyond what is least: mostly nothing, so that events meet on one picosecond. */
static kerf_time extra(struct core *core, const struct node *node)
{
    uint64_t which = draw(core) % (node->graph->widest == longest ? 512 : 8192);
    if (which == 0)
        return draw_magnitude(draw(core), far);
    if (which < 256)
        return 0;
    if (which < 384 || (which > 512 && which < 7000))
        return (kerf_time)(draw(core) % 3) * node->graph->step;
    return draw_magnitude(draw(core), node->graph->widest / node->graph->step) * node->graph->step;
}

static size_t fill_payload(struct core *core, unsigned char *payload)
{
    uint64_t which = draw(core) % 8, word = draw(core);
    size_t bytes = which < 3 ? 0 : which < 7 ? draw(core) % 41 : draw(core) % (KERF_PAYLOAD_BYTES + 1);
    for (size_t i = 0; i < bytes; i++)
        payload[i] = (unsigned char)(draw_mix(word, i / 8) >> i % 8 * 8);
    return bytes;
}

/* No sooner than was promised over any channel to this LP. */
static kerf_time no_sooner(const struct core *core, const struct node *node, uint32_t to, kerf_time time)
{
    for (uint32_t k = 0; k < node->outs; k++)
        if (node->out[k].to == to && core->promised[k] > time)
            time = core->promised[k];
    return time;
}

static enum kerf_status send_out(struct kerf_lp *lp, struct core *core, const struct node *node,
                                 uint32_t hops, struct kerf_error *error)
{
    unsigned char payload[KERF_PAYLOAD_BYTES];
    size_t bytes = fill_payload(core, payload);
    kerf_time now = kerf_lp_now(lp);
    if (node->open > 0 && (node->outs == 0 || one_in(core, 2))) {
        uint32_t to = (uint32_t)(draw(core) % node->graph->lps);
        return kerf_lp_send(lp, to, node->open + extra(core, node), hops, payload, bytes, error);
    }
    if (node->outs == 0)
        return kerf_lp_send(lp, kerf_lp_id(lp), extra(core, node), hops, payload, bytes, error);
    const struct out *out = &node->out[draw(core) % node->outs];
    kerf_time time = now + out->lookahead + extra(core, node);
    if (node->promises)
        time = no_sooner(core, node, out->to, time);
    return kerf_lp_send(lp, out->to, time - now, hops, payload, bytes, error);
}

static enum kerf_status set_timer(struct kerf_lp *lp, struct core *core, const struct node *node,
                                  uint32_t hops, struct kerf_error *error)
{
    unsigned char payload[KERF_PAYLOAD_BYTES];
    uint32_t s = (uint32_t)(draw(core) % SLOTS);
    kerf_time delay = extra(core, node);
    const struct slot *other = &core->slot[draw(core) % SLOTS];
    if (other->live && one_in(core, 2))
        delay = other->timer.time - kerf_lp_now(lp); /* two at one time */
    core->slot[s].live = true;
    return kerf_lp_set_timer(lp, delay, TYPE_TIMER | s << SLOT_SHIFT | hops, payload,
                             fill_payload(core, payload), &core->slot[s].timer, error);
}

/* Takes a timer back that may be due, past or taken back already; the LP knows which. */
static enum kerf_status cancel(struct kerf_lp *lp, struct core *core, struct kerf_error *error)
{
    struct slot *slot = &core->slot[draw(core) % SLOTS];
    bool pending;
    if (slot->timer.sequence == 0 && !slot->live)
        return KERF_OK; /* never set, or the very first event */
    KERF_TRY(kerf_lp_cancel(lp, slot->timer, &pending, error));
    KERF_CHECK(pending == slot->live, KERF_ERR_FAILURE,
               "LP %u at %lld ps takes timer %llu of %lld ps back: pending %d, known to be %d",
               kerf_lp_id(lp), (long long)kerf_lp_now(lp), (unsigned long long)slot->timer.sequence,
               (long long)slot->timer.time, (int)pending, (int)slot->live);
    slot->live = false;
    return KERF_OK;
}

static enum kerf_status promise(struct kerf_lp *lp, struct core *core, const struct node *node,
                                struct kerf_error *error)
{
    uint32_t k = (uint32_t)(draw(core) % node->outs);
    kerf_time ahead = draw_magnitude(draw(core), node->graph->widest / node->graph->step) * node->graph->step;
    kerf_time earliest = kerf_lp_now(lp) + node->out[k].lookahead + ahead;
    if (earliest > core->promised[k])
        core->promised[k] = earliest;
    return kerf_lp_promise(lp, node->out[k].to, earliest, error);
}

/* What follows from an event with so many hops left. */
static enum kerf_status act(struct kerf_lp *lp, struct core *core, const struct node *node, uint32_t hops,
                            struct kerf_error *error)
{
    if (one_in(core, 4))
        KERF_TRY(cancel(lp, core, error));
    if (one_in(core, 8))
        KERF_TRY(cancel(lp, core, error));
    if (node->promises && node->outs > 0 && one_in(core, 6))
        KERF_TRY(promise(lp, core, node, error));
    if (hops == 0)
        return KERF_OK;
    uint32_t copies = one_in(core, 16) ? 2 + (uint32_t)(draw(core) % 12) : 1;
    for (uint32_t i = 0; i < copies; i++) {
        uint64_t which = draw(core) % 16;
        uint32_t left = (hops - 1) / copies;
        if (which < 2)
            KERF_TRY(kerf_lp_send(lp, kerf_lp_id(lp), 0, left, &which, which * 3, error));
        else if (which < 6)
            KERF_TRY(set_timer(lp, core, node, left, error));
        else
            KERF_TRY(send_out(lp, core, node, left, error));
    }
    if (one_in(core, 6))
        return set_timer(lp, core, node, 0, error); /* most are taken back before they come */
    return one_in(core, 6) ? cancel(lp, core, error) : KERF_OK;
}

static enum kerf_status start_lp(struct kerf_lp *lp, const void *setup, void *state, struct kerf_error *error)
{
    const struct node *node = setup;
    struct core *core = state;
    core->hash = draw_mix(node->graph->seed, kerf_lp_id(lp));
    for (uint32_t i = 0; i < node->first_events; i++)
        KERF_TRY(act(lp, core, node, node->graph->hops, error));
    return KERF_OK;
}

static void see(struct kerf_lp *lp, struct core *core, const struct kerf_event *event)
{
    uint64_t hash = draw_mix(core->hash, (uint64_t)kerf_lp_now(lp));
    hash = draw_mix(hash, (uint64_t)event->source << 32 | event->type);
    hash = draw_mix(hash, (uint64_t)event->payload_bytes << 8 | kerf_lp_copies(lp, event));
    for (uint32_t i = 0; i < event->payload_bytes; i++)
        hash = hash * 31 + event->payload[i];
    core->hash = hash;
    if (event->type & TYPE_TIMER) {
        struct slot *slot = &core->slot[event->type >> SLOT_SHIFT & (SLOTS - 1)];
        if (slot->timer.sequence == event->sequence)
            slot->live = false;
    }
}

static enum kerf_status handle_plain(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                     struct kerf_error *error)
{
    struct core *core = state;
    see(lp, core, event);
    return act(lp, core, kerf_lp_setup(lp), event->type & HOPS_MOST, error);
}

static enum kerf_status handle_wide(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                    struct kerf_error *error)
{
    struct wide *wide = state;
    see(lp, &wide->core, event);
    uint64_t *word = &wide->word[wide->core.hash % WIDE_WORDS];
    wide->core.hash = draw_mix(wide->core.hash, *word);
    *word += wide->core.hash;
    return act(lp, &wide->core, kerf_lp_setup(lp), event->type & HOPS_MOST, error);
}

static enum kerf_status handle_owner(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                     struct kerf_error *error)
{
    struct owner *owner = state;
    see(lp, &owner->core, event);
    if (owner->count == owner->capacity) {
        uint64_t capacity = 2 * owner->capacity + 4;
        uint64_t *grown = realloc(owner->seen, capacity * sizeof *grown);
        KERF_CHECK(grown, KERF_ERR_FAILURE, "out of memory for what an LP has seen");
        owner->seen = grown;
        owner->capacity = capacity;
    }
    owner->seen[owner->count++] = owner->core.hash;
    owner->core.hash = draw_mix(owner->core.hash, owner->seen[owner->core.hash % owner->count]);
    return act(lp, &owner->core, kerf_lp_setup(lp), event->type & HOPS_MOST, error);
}

static void free_owner(void *state)
{
    free(((struct owner *)state)->seen);
}

static void save_owner(const void *state, struct kerf_pack *pack)
{
    const struct owner *owner = state;
    kerf_pack_put(pack, &owner->core, sizeof owner->core);
    kerf_pack_put(pack, &owner->count, sizeof owner->count);
    kerf_pack_put(pack, owner->seen, owner->count * sizeof *owner->seen);
}

static bool load_owner(void *state, struct kerf_unpack *unpack)
{
    struct owner *owner = state;
    if (!kerf_unpack_get(unpack, &owner->core, sizeof owner->core) ||
        !kerf_unpack_get(unpack, &owner->count, sizeof owner->count))
        return false;
    free(owner->seen);
    owner->capacity = owner->count;
    owner->seen = malloc(owner->count * sizeof *owner->seen + 1);
    return owner->seen && kerf_unpack_get(unpack, owner->seen, owner->count * sizeof *owner->seen);
}

static bool never_waits(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why,
                        size_t why_bytes)
{
    (void)lp, (void)state, (void)whom, (void)why, (void)why_bytes;
    return false;
}

static const struct kerf_lp_kind kinds[] = {
    {.name = "plain", .state_bytes = sizeof(struct core), .init = start_lp, .handle = handle_plain},
    {.name = "wide",
     .state_bytes = sizeof(struct wide),
     .init = start_lp,
     .handle = handle_wide,
     .waits = never_waits},
    {.name = "owner",
     .state_bytes = sizeof(struct owner),
     .init = start_lp,
     .handle = handle_owner,
     .free = free_owner,
     .save = save_owner,
     .load = load_owner}};

static kerf_time random_delay(uint64_t *hash, const struct random_graph *graph, kerf_time least)
{
    *hash = draw_mix(*hash, 1);
    kerf_time delay = draw_magnitude(*hash, graph->widest / graph->step) * graph->step;
    return delay > least ? delay : least;
}

/* To anyone; to those nearby, so that it takes several hops to leave a block; or forward only, so that some
 * events can never matter to another rank. */
static uint32_t destination(const struct random_graph *graph, uint32_t from, uint64_t hash)
{
    if (graph->shape == 0 || (graph->shape == 2 && from + 1 == graph->lps))
        return (uint32_t)(hash % graph->lps);
    if (graph->shape == 1)
        return (uint32_t)((from + hash % 3 + graph->lps - (hash >> 8 & 1)) % graph->lps);
    return from + 1 + (uint32_t)(hash % (graph->lps - from - 1 < 8 ? graph->lps - from - 1 : 8));
}

static void make_node(struct random_graph *graph, struct node *node, uint64_t hash, bool some_open,
                      kerf_time least)
{
    node->graph = graph;
    node->kind = (int)(hash % (sizeof kinds / sizeof kinds[0]));
    node->load = (double)(hash >> 20 & 15);
    node->first_events = (uint32_t)(hash >> 30 & 3);
    node->promises = (hash >> 33 & 3) != 0;
    node->outs = (uint32_t)(hash >> 40) % (DEGREE + 1);
    for (uint32_t k = 0; k < node->outs; k++) {
        hash = draw_mix(hash, k);
        node->out[k].to = destination(graph, (uint32_t)(node - graph->node), hash);
        node->out[k].lookahead = random_delay(&hash, graph, least);
    }
    hash = draw_mix(hash, 7);
    if (some_open && hash % 4 == 0) {
        node->open = random_delay(&hash, graph, least);
        node->promises = false;
    }
    for (uint32_t k = 0; k < node->outs; k++)
        if (node->out[k].to == (uint32_t)(node - graph->node))
            node->promises = false; /* one promises to others only */
}

struct random_graph *random_graph_make(uint64_t seed, uint32_t events)
{
    struct random_graph *graph = calloc(1, sizeof *graph);
    if (!graph)
        abort();
    uint64_t hash = draw_mix(0x5eed, seed);
    graph->seed = seed;
    graph->lps = (uint32_t)draw_magnitude(hash, RANDOM_GRAPH_LPS);
    hash = draw_mix(hash, 2);
    graph->step = hash % 2 ? 1 : draw_magnitude(hash, 1000000);
    graph->shape = (int)(hash >> 16 & 3) % 3;
    bool some_open = hash >> 8 & 1;
    hash = draw_mix(hash, 3);
    /* A quarter of the graphs have delays of 1 to 3 steps only: many events at one time. Another quarter has
     * no tiny lookahead: many events in one window. */
    graph->widest = hash % 4 == 1 ? 3 * graph->step : longest;
    kerf_time least = hash % 4 == 0 ? 10000 * graph->step : graph->step;
    uint32_t first_events = 0;
    int group = 0;
    for (uint32_t i = 0; i < graph->lps; i++) {
        hash = draw_mix(hash, i);
        make_node(graph, &graph->node[i], hash, some_open, least);
        first_events += graph->node[i].first_events;
        group += (hash >> 50) % 4 == 0;
        graph->node[i].group = group % 3 ? group : -1;
    }
    if (first_events == 0)
        graph->node[0].first_events = first_events = 1;
    uint32_t hops = events / first_events;
    graph->hops = hops < 2 ? 2 : hops > HOPS_MOST ? HOPS_MOST : hops;
    return graph;
}

void random_graph_free(struct random_graph *graph)
{
    free(graph);
}

uint32_t random_graph_lps(const struct random_graph *graph)
{
    return graph->lps;
}

/* LPs are opened and connected as they come, and between adding others. */
void random_graph_build(const struct random_graph *graph, struct kerf_engine *engine)
{
    for (uint32_t i = 0; i < graph->lps; i++) {
        const struct node *node = &graph->node[i];
        kerf_engine_add(engine, &kinds[node->kind], node, node->group, node->load);
        if (node->open > 0)
            kerf_engine_open(engine, i, node->open);
        for (uint32_t k = 0; k < node->outs; k++)
            kerf_engine_connect(engine, i, node->out[k].to, node->out[k].lookahead);
    }
}
