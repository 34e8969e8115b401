/* The study room: which values are uncertain, and their distributions. */
#include "sim/study/uncertain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char scenario_entry[] = "scenario";

static struct kerf_uncertain_leaf *find(const struct kerf_uncertain *uncertain, const char *entry,
                                        const char *key)
{
    for (int i = 0; i < uncertain->count; i++)
        if (strcmp(uncertain->leaf[i].entry, entry) == 0 && strcmp(uncertain->leaf[i].key, key) == 0)
            return &uncertain->leaf[i];
    return NULL;
}

static void add_set(struct kerf_uncertain *uncertain, const struct kerf_leaf_set *set, int system)
{
    for (int k = 0; k < set->table->count; k++) {
        const struct kerf_leaf *leaf = &set->table->leaves[k];
        const struct kerf_leaf_value *value = &set->leaf[k];
        if (!(value->low < value->high))
            continue;
        struct kerf_uncertain_leaf *known = find(uncertain, set->name, leaf->key);
        if (known)
            known->systems |= 1u << system;
        else
            uncertain->leaf[uncertain->count++] =
                (struct kerf_uncertain_leaf){.systems = 1u << system,
                                             .entry = set->name,
                                             .key = leaf->key,
                                             .unit = leaf->unit,
                                             .low = value->low,
                                             .nominal = value->value,
                                             .high = value->high,
                                             .least = leaf->least,
                                             .most = leaf->most,
                                             .distribution = value->distribution,
                                             .whole = strcmp(leaf->unit, "token") == 0,
                                             .index = k};
    }
}

/* The systems that a value at `path` of a scenario is of: one, or all. */
static uint32_t systems_of(const struct kerf_scenario *scenario, const char *path)
{
    static const char prefix[] = "systems.";
    if (strncmp(path, prefix, sizeof prefix - 1) != 0)
        return UINT32_MAX >> (32 - scenario->systems);
    const char *name = path + sizeof prefix - 1;
    for (int i = 0; i < scenario->systems; i++) {
        size_t length = strlen(scenario->system[i].name);
        if (strncmp(name, scenario->system[i].name, length) == 0 && name[length] == '.')
            return 1u << i;
    }
    return 0;
}

static void add_range(struct kerf_uncertain *uncertain, const struct kerf_scenario *scenario,
                      const struct kerf_range *range)
{
    bool bounded = kerf_distribution_is_bounded(range->distribution);
    uncertain->leaf[uncertain->count++] =
        (struct kerf_uncertain_leaf){.systems = systems_of(scenario, range->path),
                                     .entry = scenario_entry,
                                     .key = range->path,
                                     .unit = *range->unit ? range->unit : "1",
                                     .low = range->low,
                                     .nominal = range->value,
                                     .high = range->high,
                                     .least = bounded ? range->low : -INFINITY,
                                     .most = bounded ? range->high : INFINITY,
                                     .distribution = range->distribution,
                                     .whole = range->whole,
                                     .range = range};
}

enum kerf_status kerf_uncertain_find(const struct kerf_comparison *c, struct kerf_uncertain *uncertain,
                                     struct kerf_error *error)
{
    size_t most = (size_t)c->scenario.systems * KERF_SYSTEM_LEAF_SETS * KERF_LEAVES_MAX + KERF_RANGES_MAX;
    *uncertain = (struct kerf_uncertain){.leaf = calloc(most, sizeof *uncertain->leaf)};
    KERF_CHECK(uncertain->leaf, KERF_ERR_FAILURE, "out of memory for uncertain leaves");
    for (int i = 0; i < c->scenario.systems; i++) {
        const struct kerf_leaf_set *sets[KERF_SYSTEM_LEAF_SETS];
        int count = kerf_system_leaf_sets(&c->system[i], sets);
        for (int s = 0; s < count; s++)
            add_set(uncertain, sets[s], i);
    }
    for (int i = 0; i < c->scenario.ranges.count; i++)
        add_range(uncertain, &c->scenario, &c->scenario.ranges.range[i]);
    return KERF_OK;
}

void kerf_uncertain_free(struct kerf_uncertain *uncertain)
{
    free(uncertain->leaf);
    *uncertain = (struct kerf_uncertain){0};
}

void kerf_uncertain_name(const struct kerf_uncertain_leaf *leaf, char name[KERF_UNCERTAIN_NAME_BYTES])
{
    snprintf(name, KERF_UNCERTAIN_NAME_BYTES, "%s%s%s", leaf->range ? "" : leaf->entry,
             leaf->range ? "" : ".", leaf->key);
}

int kerf_uncertain_place(const struct kerf_uncertain *uncertain, const char *name)
{
    for (int i = 0; i < uncertain->count; i++) {
        char own[KERF_UNCERTAIN_NAME_BYTES];
        kerf_uncertain_name(&uncertain->leaf[i], own);
        if (strcmp(own, name) == 0)
            return i;
    }
    return -1;
}

static double choice(const struct kerf_range *range, double p)
{
    int chosen = 0;
    for (double below = range->odds[0]; chosen + 1 < range->choices && p >= below;
         below += range->odds[chosen])
        chosen++;
    return chosen;
}

double kerf_uncertain_value(const struct kerf_uncertain_leaf *leaf, double p)
{
    if (leaf->range && leaf->range->choices > 0)
        return choice(leaf->range, p);
    bool bounded = kerf_distribution_is_bounded(leaf->distribution);
    double half = leaf->whole && bounded ? 0.5 : 0.0;
    double value =
        kerf_distribution_quantile(leaf->distribution, leaf->low - half, leaf->nominal, leaf->high + half, p);
    value = leaf->whole ? round(value) : value;
    if (leaf->whole && bounded)
        value = fmin(fmax(value, leaf->low), leaf->high);
    return fmin(fmax(value, leaf->least), leaf->most);
}

static void set_leaf(struct kerf_comparison *c, const struct kerf_uncertain_leaf *leaf, double value)
{
    for (int i = 0; i < c->scenario.systems; i++) {
        const struct kerf_leaf_set *sets[KERF_SYSTEM_LEAF_SETS];
        int count = kerf_system_leaf_sets(&c->system[i], sets);
        for (int s = 0; s < count; s++)
            if (strcmp(sets[s]->name, leaf->entry) == 0 &&
                strcmp(sets[s]->table->leaves[leaf->index].key, leaf->key) == 0)
                kerf_system_leaf_set(&c->system[i], s)->leaf[leaf->index].value = value;
    }
}

/* Reads the scenario with the values given as if by --set. What was opened for it before stays. */
static enum kerf_status set_ranges(struct kerf_comparison *c, const struct kerf_scenario_source *source,
                                   const struct kerf_uncertain *uncertain, const double *value,
                                   struct kerf_error *error)
{
    enum { SETS_MOST = 128, SET_BYTES = KERF_RANGE_PATH_BYTES + 96 };
    char drawn[KERF_RANGES_MAX][SET_BYTES];
    const char *set[SETS_MOST];
    int sets = source->sets, count = 0;
    KERF_CHECK(sets + KERF_RANGES_MAX <= SETS_MOST, KERF_ERR_USAGE, "more than %d overrides",
               SETS_MOST - KERF_RANGES_MAX);
    memcpy(set, source->set, (size_t)sets * sizeof *set);
    for (int i = 0; i < uncertain->count; i++) {
        const struct kerf_range *range = uncertain->leaf[i].range;
        char text[96];
        if (!range)
            continue;
        kerf_range_text(range, value[i], text, sizeof text);
        snprintf(drawn[count], sizeof drawn[count], "%s=%s", range->path, text);
        set[sets++] = drawn[count++];
    }
    const struct kerf_scenario_source with = {
        .path = source->path, .text = c->scenario_text, .set = set, .sets = sets};
    struct kerf_scenario *fresh = malloc(sizeof *fresh);
    KERF_CHECK(fresh, KERF_ERR_FAILURE, "out of memory for a scenario");
    *fresh = (struct kerf_scenario){0};
    struct kerf_yaml *yaml;
    char *text;
    enum kerf_status status = kerf_scenario_parse(c->comm, &with, &text, &yaml, error);
    if (status == KERF_OK)
        status = kerf_scenario_read(yaml, fresh, error);
    if (status == KERF_OK) {
        /* The leaves point into these two, which the drawn scenario no longer has. */
        fresh->ranges = c->scenario.ranges;
        fresh->correlations = c->scenario.correlations;
        kerf_scenario_free(&c->scenario);
        c->scenario = *fresh;
    } else
        kerf_scenario_free(fresh);
    kerf_yaml_free(yaml);
    free(text);
    free(fresh);
    return status;
}

enum kerf_status kerf_uncertain_set(struct kerf_comparison *c, const struct kerf_scenario_source *source,
                                    const struct kerf_uncertain *uncertain, const double *value,
                                    struct kerf_error *error)
{
    for (int i = 0; i < uncertain->count; i++)
        if (!uncertain->leaf[i].range)
            set_leaf(c, &uncertain->leaf[i], value[i]);
    return c->scenario.ranges.count > 0 ? set_ranges(c, source, uncertain, value, error) : KERF_OK;
}
