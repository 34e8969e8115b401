/* The engine room: symmetry. LPs that colour refinement proves alike (engine/colour.h) are simulated once: of
 * a class the LP with the smallest id, its representative. What it sends stands for what all of its class
 * send.
 *
 * Between a class R and a class D over channels of one label each LP of R has k channels, and each LP of D
 * gets c. The representative of R sends over k channels; the first one's event is delivered to the
 * representative of D and stands for c, the others are swallowed. When R is D, the event comes from the LP
 * that it was sent to, which tells it from what the representative sends itself. */
#include "sim/engine/colour.h"
#include "sim/engine/engine_state.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t like_no_other = UINT64_C(1) << 63, to_oneself = UINT64_C(1) << 62;

/* A channel's kind of edge: channels of one label and lookahead are alike. */
struct edge_kind {
    uint64_t label;
    kerf_time lookahead;
};

/* Channels of one kind that lead from a class to one LP. */
struct bundle {
    uint32_t class_from, to;
    uint64_t edge;
    uint32_t count;
    bool delivered; /* a channel of the class's representative delivers for all */
};

struct folding {
    struct kerf_engine *engine;
    uint64_t *node_label;          /* owned */
    struct kerf_colour_edge *edge; /* owned: by channel */
    struct edge_kind *kind;        /* owned: sorted */
    size_t kinds;
    uint32_t *class_of; /* owned */
    uint32_t classes;
    struct bundle *bundle; /* owned: sorted */
    size_t bundles;
};

static void free_folding(struct folding *f)
{
    free(f->node_label);
    free(f->edge);
    free(f->kind);
    free(f->class_of);
    free(f->bundle);
}

static int compare_kinds(const void *left, const void *right)
{
    const struct edge_kind *a = left, *b = right;
    if (a->label != b->label)
        return a->label < b->label ? -1 : 1;
    return (a->lookahead > b->lookahead) - (a->lookahead < b->lookahead);
}

static int compare_bundles(const void *left, const void *right)
{
    const struct bundle *a = left, *b = right;
    if (a->class_from != b->class_from)
        return a->class_from < b->class_from ? -1 : 1;
    if (a->to != b->to)
        return a->to < b->to ? -1 : 1;
    return (a->edge > b->edge) - (a->edge < b->edge);
}

static bool allocate(struct folding *f)
{
    size_t lps = (size_t)f->engine->lp_count + 1, channels = f->engine->channels + 1;
    f->node_label = malloc(lps * sizeof *f->node_label);
    f->edge = malloc(channels * sizeof *f->edge);
    f->kind = malloc(channels * sizeof *f->kind);
    f->class_of = malloc(lps * sizeof *f->class_of);
    f->bundle = malloc(channels * sizeof *f->bundle);
    f->engine->representative = malloc(lps * sizeof *f->engine->representative);
    f->engine->copies = calloc(channels, sizeof *f->engine->copies);
    f->engine->fold_pair = malloc(channels * sizeof *f->engine->fold_pair);
    return f->node_label && f->edge && f->kind && f->class_of && f->bundle && f->engine->representative &&
           f->engine->copies && f->engine->fold_pair;
}

/* Labels are told apart exactly: an unlabelled LP or channel is a kind of its own. */
static void label(struct folding *f)
{
    const struct kerf_engine *engine = f->engine;
    for (uint32_t i = 0; i < engine->lp_count; i++) {
        uint64_t own = engine->label && i < engine->label_capacity ? engine->label[i] : 0;
        f->node_label[i] = own ? (uint64_t)engine->kind_of[i] << 54 | own : like_no_other | i;
    }
    for (size_t c = 0; c < engine->channels; c++)
        if (engine->channel[c].label)
            f->kind[f->kinds++] = (struct edge_kind){engine->channel[c].label, engine->channel[c].lookahead};
    qsort(f->kind, f->kinds, sizeof *f->kind, compare_kinds);
    size_t kept = 0;
    for (size_t i = 0; i < f->kinds; i++)
        if (i == 0 || compare_kinds(&f->kind[i], &f->kind[kept - 1]) != 0)
            f->kind[kept++] = f->kind[i];
    f->kinds = kept;
    /* A channel to oneself is unlike one to another of the class: what goes over it is never swallowed. */
    for (size_t c = 0; c < engine->channels; c++) {
        const struct kerf_channel *channel = &engine->channel[c];
        struct edge_kind key = {channel->label, channel->lookahead};
        uint64_t edge = like_no_other | c;
        if (channel->label)
            edge =
                (uint64_t)((struct edge_kind *)bsearch(&key, f->kind, f->kinds, sizeof key, compare_kinds) -
                           f->kind) |
                (channel->from == channel->to ? to_oneself : 0);
        f->edge[c] = (struct kerf_colour_edge){.from = channel->from, .to = channel->to, .label = edge};
    }
}

static void choose_representatives(struct folding *f)
{
    uint32_t *representative = f->engine->representative, next = 0;
    /* Classes are numbered by their smallest LP, so a class is new exactly when its number is `next`. */
    uint32_t *first = malloc(((size_t)f->classes + 1) * sizeof *first);
    if (!first) {
        f->engine->out_of_memory = true;
        return;
    }
    for (uint32_t i = 0; i < f->engine->lp_count; i++) {
        if (f->class_of[i] == next)
            first[next++] = i;
        representative[i] = first[f->class_of[i]];
        if (representative[i] != i)
            f->engine->weight[i].load = 0.0f; /* costs nothing, wherever it counts as being */
    }
    free(first);
}

/* Counts, for every representative, the channels of each kind that lead to it from each class. */
static void bundle_channels(struct folding *f)
{
    const struct kerf_engine *engine = f->engine;
    size_t count = 0, kept = 0;
    for (size_t c = 0; c < engine->channels; c++) {
        const struct kerf_channel *channel = &engine->channel[c];
        if (engine->representative[channel->to] == channel->to && channel->from != channel->to)
            f->bundle[count++] = (struct bundle){.class_from = f->class_of[channel->from],
                                                 .to = channel->to,
                                                 .edge = f->edge[c].label,
                                                 .count = 1};
    }
    qsort(f->bundle, count, sizeof *f->bundle, compare_bundles);
    for (size_t i = 0; i < count; i++)
        if (kept > 0 && compare_bundles(&f->bundle[i], &f->bundle[kept - 1]) == 0)
            f->bundle[kept - 1].count++;
        else
            f->bundle[kept++] = f->bundle[i];
    f->bundles = kept;
}

static struct bundle *bundle_of(const struct folding *f, size_t c)
{
    const struct kerf_channel *channel = &f->engine->channel[c];
    const struct bundle key = {.class_from = f->class_of[channel->from],
                               .to = f->engine->representative[channel->to],
                               .edge = f->edge[c].label};
    return bsearch(&key, f->bundle, f->bundles, sizeof key, compare_bundles);
}

static int compare_pairs(const void *left, const void *right)
{
    const struct kerf_fold_pair *a = left, *b = right;
    if (a->from != b->from)
        return a->from < b->from ? -1 : 1;
    return (a->to > b->to) - (a->to < b->to);
}

/* Of the channels of a representative that fall into one bundle the first delivers. */
static enum kerf_status settle_channels(struct folding *f, struct kerf_error *error)
{
    struct kerf_engine *engine = f->engine;
    for (size_t c = 0; c < engine->channels; c++) {
        const struct kerf_channel *channel = &engine->channel[c];
        if (engine->representative[channel->from] != channel->from || channel->from == channel->to)
            continue;
        struct bundle *bundle = bundle_of(f, c);
        if (bundle->delivered)
            continue;
        bundle->delivered = true;
        engine->copies[c] = bundle->count;
        engine->fold_pair[engine->fold_pairs++] = (struct kerf_fold_pair){
            .from = channel->from, .to = engine->representative[channel->to], .copies = bundle->count};
    }
    qsort(engine->fold_pair, engine->fold_pairs, sizeof *engine->fold_pair, compare_pairs);
    for (size_t i = 1; i < engine->fold_pairs; i++)
        KERF_CHECK(compare_pairs(&engine->fold_pair[i], &engine->fold_pair[i - 1]) != 0 ||
                       engine->fold_pair[i].copies == engine->fold_pair[i - 1].copies,
                   KERF_ERR_FAILURE,
                   "internal: LPs like %u and LPs like %u are connected in two ways that stand for different "
                   "numbers: they cannot be folded",
                   engine->fold_pair[i].from, engine->fold_pair[i].to);
    return KERF_OK;
}

static void unfold(struct kerf_engine *engine)
{
    free(engine->representative);
    free(engine->copies);
    free(engine->fold_pair);
    engine->representative = NULL;
    engine->copies = NULL;
    engine->fold_pair = NULL;
    engine->fold_pairs = 0;
}

static enum kerf_status fold(struct folding *f, struct kerf_error *error)
{
    struct kerf_engine *engine = f->engine;
    KERF_CHECK(allocate(f), KERF_ERR_FAILURE, "out of memory to fold %u logical processes", engine->lp_count);
    label(f);
    KERF_TRY(kerf_colour_refine(f->node_label, engine->lp_count, f->edge, engine->channels, f->class_of,
                                &f->classes, error));
    if (f->classes == engine->lp_count) {
        unfold(engine);
        return KERF_OK;
    }
    KERF_TRY(
        kerf_colour_check(f->node_label, engine->lp_count, f->edge, engine->channels, f->class_of, error));
    choose_representatives(f);
    KERF_CHECK(!engine->out_of_memory, KERF_ERR_FAILURE, "out of memory to fold %u logical processes",
               engine->lp_count);
    bundle_channels(f);
    return settle_channels(f, error);
}

/* An LP that may send to every other addresses them one by one, so then nothing is alike. */
enum kerf_status kerf_engine_fold(struct kerf_engine *engine, struct kerf_error *error)
{
    if (engine->open || engine->lp_count == 0)
        return KERF_OK;
    struct folding folding = {.engine = engine};
    enum kerf_status status = fold(&folding, error);
    free_folding(&folding);
    return status;
}

uint32_t kerf_lp_copies(const struct kerf_lp *lp, const struct kerf_event *event)
{
    const struct kerf_engine *engine = lp->engine;
    if (!engine->representative || event->source == lp->id)
        return 1;
    const struct kerf_fold_pair key = {.from = engine->representative[event->source], .to = lp->id};
    const struct kerf_fold_pair *pair =
        bsearch(&key, engine->fold_pair, engine->fold_pairs, sizeof key, compare_pairs);
    return pair ? pair->copies : 1;
}
