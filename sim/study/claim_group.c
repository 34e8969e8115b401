/* The study room: groups of checks. */
#include "sim/study/claim_group.h"

#include "models/training/params.h"
#include "models/training/weight_streaming.h"
#include "sim/study/quantity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS_MOST = 2048, SET_BYTES = 2 * KERF_STATEMENT_NAME_BYTES };

bool kerf_claim_same_conditions(const struct kerf_statement *a, const struct kerf_statement *b)
{
    bool same = strcmp(a->scenario, b->scenario) == 0 && a->sets == b->sets && a->draws == b->draws;
    for (int i = 0; same && i < a->sets; i++)
        same = strcmp(a->set[i], b->set[i]) == 0;
    for (int i = 0; same && i < a->draws; i++)
        same = strcmp(a->draw[i].key, b->draw[i].key) == 0 && a->draw[i].low == b->draw[i].low &&
               a->draw[i].value == b->draw[i].value && a->draw[i].high == b->draw[i].high;
    return same;
}

/* The leaf of a set by its key, -1: none. */
static int find_key(const struct kerf_leaf_set *set, const char *key)
{
    for (int k = 0; k < set->table->count; k++)
        if (set->leaf[k].given && strcmp(set->table->leaves[k].key, key) == 0)
            return k;
    return -1;
}

/* Every leaf set of the group, one after the other; NULL at the end. `systems` gets the bit of its system. */
struct walk {
    int system, next, count;
    struct kerf_leaf_set *set[KERF_EXPERIMENT_SETS];
};

static struct kerf_leaf_set *next_set(struct kerf_claim_group *g, struct walk *walk, uint32_t *systems)
{
    while (walk->next >= walk->count && g->has_experiment &&
           g->experiment.kind->system_name(&g->experiment, walk->system)) {
        walk->count = g->experiment.kind->sets(&g->experiment, walk->system++, walk->set);
        walk->next = 0;
    }
    *systems = walk->system > 0 ? 1u << (walk->system - 1) : 0u;
    if (walk->next < walk->count)
        return walk->set[walk->next++];
    *systems = 0u;
    int extra = walk->next++ - walk->count;
    return extra < g->extras ? g->extra[extra] : NULL;
}

/* "entry.key" taken apart at its last dot. */
static bool split(const char *name, char *entry, size_t bytes, const char **key)
{
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name || (size_t)(dot - name) >= bytes)
        return false;
    snprintf(entry, bytes, "%.*s", (int)(dot - name), name);
    *key = dot + 1;
    return true;
}

static struct kerf_leaf_set *find_entry(struct kerf_claim_group *g, const char *entry)
{
    struct walk walk = {0};
    uint32_t systems;
    for (struct kerf_leaf_set *set; (set = next_set(g, &walk, &systems));)
        if (strcmp(set->name, entry) == 0)
            return set;
    return NULL;
}

double *kerf_claim_group_leaf(struct kerf_claim_group *g, const char *name)
{
    char entry[KERF_CATALOG_NAME_BYTES];
    const char *key;
    struct kerf_leaf_set *set = split(name, entry, sizeof entry, &key) ? find_entry(g, entry) : NULL;
    int k = set ? find_key(set, key) : -1;
    return k >= 0 ? &set->leaf[k].value : NULL;
}

/* Reads an entry of hardware, or of what stands around wafers, that no system of the scenario has. */
static enum kerf_status read_extra(struct kerf_claim_group *g, const char *entry, struct kerf_error *error)
{
    struct kerf_catalog_names names;
    bool on_wafers;
    struct kerf_leaf_set **more = realloc(g->extra, (size_t)(g->extras + 1) * sizeof *more);
    struct kerf_leaf_set *set = calloc(1, sizeof *set);
    if (more)
        g->extra = more;
    if (!more || !set) {
        free(set);
        return kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for %s", entry);
    }
    g->extra[g->extras++] = set;
    KERF_TRY(kerf_catalog_list(&g->catalog, "streaming", &names, error));
    if (kerf_catalog_lists(&names, entry))
        return kerf_system_leaves(&g->catalog, "streaming", entry, &kerf_streaming_leaves, set, error);
    return kerf_system_hardware(&g->catalog, entry, set, &on_wafers, error);
}

static enum kerf_status find_factor(struct kerf_claim_group *g, const struct kerf_statement *s,
                                    const double *facts, const char *text, struct kerf_claim_factor *factor,
                                    struct kerf_error *error)
{
    char entry[KERF_CATALOG_NAME_BYTES], *end;
    const char *key;
    *factor = (struct kerf_claim_factor){.number = strtod(text, &end)};
    if (end != text && !*end)
        return KERF_OK;
    for (int i = 0; i < s->facts; i++)
        if (strcmp(s->fact[i].key, text) == 0)
            factor->place = &facts[i];
    if (factor->place)
        return KERF_OK;
    KERF_CHECK(split(text, entry, sizeof entry, &key), KERF_ERR_USAGE,
               "'%s' is no number, no fact of this claim and no leaf such as cs-3.clock_Hz", text);
    if (!find_entry(g, entry))
        KERF_TRY(read_extra(g, entry, error));
    factor->place = kerf_claim_group_leaf(g, text);
    KERF_CHECK(factor->place, KERF_ERR_USAGE, "%s has no leaf '%s'; `kerf catalog %s` lists them", entry, key,
               entry);
    return KERF_OK;
}

static enum kerf_status find_system(const struct kerf_claim_group *g, const char *name, int *system,
                                    struct kerf_error *error)
{
    *system = -1;
    if (!name[0])
        return KERF_OK;
    *system = kerf_experiment_system(&g->experiment, name);
    KERF_CHECK(*system >= 0, KERF_ERR_USAGE, "'%s' is none of the systems of %s", name, g->lead->scenario);
    return KERF_OK;
}

static enum kerf_status find_formula(struct kerf_claim_group *g, const struct kerf_claim_item *item,
                                     const double *facts, struct kerf_claim_formula *f,
                                     struct kerf_error *error)
{
    const struct kerf_statement_check *check = item->check;
    *f = (struct kerf_claim_formula){
        .check = check, .quantity = kerf_quantity_find(check->quantity), .of = -1, .over = -1};
    if (f->quantity) {
        KERF_CHECK(f->quantity->kind == g->experiment.kind, KERF_ERR_USAGE,
                   "%s is a quantity of %s, and the scenario is one of %s", f->quantity->name,
                   f->quantity->kind->name, g->experiment.kind->name);
        KERF_TRY(find_system(g, check->of, &f->of, error));
        KERF_TRY(find_system(g, check->over, &f->over, error));
        f->systems = 1u << f->of | (f->over >= 0 ? 1u << f->over : 0u);
    }
    for (int i = 0; i < check->times; i++)
        KERF_TRY(find_factor(g, item->statement, facts, check->time[i], &f->time[i], error));
    for (int i = 0; i < check->by; i++)
        KERF_TRY(find_factor(g, item->statement, facts, check->divisor[i], &f->divisor[i], error));
    return KERF_OK;
}

static struct kerf_claim_draw *draw_of(struct kerf_claim_group *g, const char *name)
{
    for (int i = 0; i < g->draws; i++)
        if (strcmp(g->draw[i].name, name) == 0)
            return &g->draw[i];
    struct kerf_claim_draw *draw = &g->draw[g->draws++];
    *draw = (struct kerf_claim_draw){0};
    snprintf(draw->name, sizeof draw->name, "%s", name);
    return draw;
}

static bool is_named(const struct kerf_claim_group *g, const double *place)
{
    for (int i = 0; i < g->formulas; i++)
        for (int k = 0; k < KERF_STATEMENT_FACTORS; k++)
            if (g->formula[i].time[k].place == place || g->formula[i].divisor[k].place == place)
                return true;
    return false;
}

/* Every leaf with a range. Of entries that no system has, those that a formula names. */
static enum kerf_status draw_leaves(struct kerf_claim_group *g, struct kerf_error *error)
{
    struct walk walk = {0};
    uint32_t systems;
    for (struct kerf_leaf_set *set; (set = next_set(g, &walk, &systems));)
        for (int k = 0; k < set->table->count; k++) {
            struct kerf_leaf_value *leaf = &set->leaf[k];
            char name[2 * KERF_STATEMENT_NAME_BYTES];
            if (!leaf->given || !(leaf->low < leaf->high) || (!systems && !is_named(g, &leaf->value)))
                continue;
            snprintf(name, sizeof name, "%s.%s", set->name, set->table->leaves[k].key);
            KERF_CHECK(g->draws < DRAWS_MOST, KERF_ERR_USAGE, "%s: more than %d uncertain leaves",
                       g->lead->scenario, DRAWS_MOST);
            struct kerf_claim_draw *draw = draw_of(g, name);
            draw->range.low = leaf->low;
            draw->range.high = leaf->high;
            draw->range.nominal = leaf->value;
            draw->range.least = set->table->leaves[k].least;
            draw->range.most = set->table->leaves[k].most;
            draw->range.distribution = leaf->distribution;
            draw->range.whole = strcmp(set->table->leaves[k].unit, "token") == 0;
            draw->range.systems |= systems;
            draw->place[draw->places++] = &leaf->value;
        }
    return KERF_OK;
}

static void draw_range(struct kerf_claim_group *g, const char *owner,
                       const struct kerf_statement_range *range, const char *setting, double *place)
{
    char name[2 * KERF_STATEMENT_NAME_BYTES];
    if (!(range->low < range->high) || g->draws == DRAWS_MOST)
        return;
    snprintf(name, sizeof name, "%s%s%s", owner, *owner ? "." : "", range->key);
    struct kerf_claim_draw *draw = draw_of(g, name);
    draw->range = (struct kerf_uncertain_leaf){.low = range->low,
                                               .nominal = range->value,
                                               .high = range->high,
                                               .least = range->low,
                                               .most = range->high,
                                               .whole = range->whole,
                                               .systems = setting ? ~0u : 0u};
    draw->setting = setting;
    draw->places = 0;
    if (place)
        draw->place[draw->places++] = place;
}

/* The settings of the statement, then `more`, then room for those that are drawn. */
static enum kerf_status gather_settings(struct kerf_claim_group *g, const char *const *more, int more_count,
                                        struct kerf_error *error)
{
    g->set = calloc((size_t)(g->lead->sets + more_count + KERF_STATEMENT_DRAWS) + 1, sizeof *g->set);
    KERF_CHECK(g->set, KERF_ERR_FAILURE, "out of memory for a claim");
    for (int i = 0; i < g->lead->sets; i++)
        g->set[g->source.sets++] = g->lead->set[i];
    for (int i = 0; i < more_count; i++)
        g->set[g->source.sets++] = more[i];
    g->source.path = g->lead->scenario;
    g->source.set = g->set;
    return KERF_OK;
}

static enum kerf_status find_formulas(struct kerf_claim_group *g, const struct kerf_claim_item *item,
                                      int items, struct kerf_error *error)
{
    g->formula = calloc((size_t)items, sizeof *g->formula);
    g->fact = calloc((size_t)items * KERF_STATEMENT_FACTS, sizeof *g->fact);
    g->draw = calloc(DRAWS_MOST, sizeof *g->draw);
    KERF_CHECK(g->formula && g->fact && g->draw, KERF_ERR_FAILURE, "out of memory for a claim");
    const double *facts = g->fact;
    for (int i = 0; i < items; i++) {
        const struct kerf_statement *s = item[i].statement;
        if (i == 0 || s != item[i - 1].statement) {
            facts = g->fact + g->facts;
            for (int k = 0; k < s->facts; k++)
                g->fact[g->facts++] = s->fact[k].value;
        }
        if (find_formula(g, &item[i], facts, &g->formula[g->formulas++], error) != KERF_OK)
            return kerf_error_prefix(error, "%s: observer: ", item[i].check->where);
    }
    return KERF_OK;
}

static enum kerf_status find_draws(struct kerf_claim_group *g, const struct kerf_claim_item *item, int items,
                                   struct kerf_error *error)
{
    int facts = 0;
    KERF_TRY(draw_leaves(g, error));
    for (int i = 0; i < items; i++)
        for (int k = 0;
             (i == 0 || item[i].statement != item[i - 1].statement) && k < item[i].statement->facts; k++)
            draw_range(g, item[i].statement->id, &item[i].statement->fact[k], NULL, &g->fact[facts++]);
    for (int k = 0; k < g->lead->draws; k++)
        draw_range(g, "", &g->lead->draw[k], g->lead->draw[k].key, NULL);
    return KERF_OK;
}

enum kerf_status kerf_claim_group_open(MPI_Comm comm, const char *const *catalogs,
                                       const struct kerf_claim_item *item, int items, const char *const *more,
                                       int more_count, struct kerf_claim_group *g, struct kerf_error *error)
{
    *g = (struct kerf_claim_group){.comm = comm, .lead = item[0].statement};
    KERF_TRY(gather_settings(g, more, more_count, error));
    KERF_TRY(kerf_catalog_open(&g->catalog, comm, catalogs, error));
    g->has_experiment = g->lead->scenario[0] != '\0';
    if (g->has_experiment &&
        kerf_experiment_open(comm, &g->source, catalogs, &g->experiment, error) != KERF_OK)
        return kerf_error_prefix(error, "%s: ", g->lead->scenario_where);
    KERF_TRY(find_formulas(g, item, items, error));
    return find_draws(g, item, items, error);
}

void kerf_claim_group_free(struct kerf_claim_group *g)
{
    for (int i = 0; i < g->extras; i++)
        free(g->extra[i]);
    free(g->extra);
    free(g->fact);
    free(g->formula);
    free(g->draw);
    free(g->set);
    kerf_experiment_free(&g->experiment);
    *g = (struct kerf_claim_group){0};
}

static enum kerf_status put(struct kerf_claim_group *g, const double *drawn, struct kerf_error *error)
{
    char text[KERF_STATEMENT_DRAWS][SET_BYTES];
    struct kerf_scenario_source source = g->source;
    int settings = 0;
    for (int i = 0; i < g->draws; i++) {
        const struct kerf_claim_draw *draw = &g->draw[i];
        double value = drawn ? drawn[i] : draw->range.nominal;
        for (int k = 0; k < draw->places; k++)
            *draw->place[k] = value;
        if (!draw->setting)
            continue;
        snprintf(text[settings], sizeof text[settings], "%s=%.17g", draw->setting, value);
        g->set[source.sets++] = text[settings++];
    }
    if (settings > 0 && g->experiment.kind->configure(&g->experiment, &source, error) != KERF_OK)
        return kerf_error_prefix(error, "%s: draws: ", g->lead->scenario_where);
    return KERF_OK;
}

enum kerf_status kerf_claim_group_work(struct kerf_claim_group *g, const double *drawn, bool *fits,
                                       struct kerf_error *error)
{
    *fits = true;
    KERF_TRY(put(g, drawn, error));
    enum kerf_status status = g->has_experiment ? g->experiment.kind->work(&g->experiment, error) : KERF_OK;
    *fits = status == KERF_OK;
    return status == KERF_ERR_USAGE ? KERF_OK : status;
}

static double number_of(const struct kerf_claim_factor *factor)
{
    return factor->place ? *factor->place : factor->number;
}

double kerf_claim_group_value(const struct kerf_claim_group *g, int formula)
{
    const struct kerf_claim_formula *f = &g->formula[formula];
    double value = 1.0;
    if (f->quantity)
        value = f->quantity->value(&g->experiment, f->of, f->quantity);
    if (f->over >= 0)
        value /= f->quantity->value(&g->experiment, f->over, f->quantity);
    for (int i = 0; i < f->check->times; i++)
        value *= number_of(&f->time[i]);
    for (int i = 0; i < f->check->by; i++)
        value /= number_of(&f->divisor[i]);
    return value;
}
