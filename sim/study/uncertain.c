/* The study room: which leaves are uncertain, and their distributions. */
#include "sim/study/uncertain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool moves(const struct kerf_leaf_set *set, int index)
{
    return kerf_leaf_in_column(set, index, KERF_COLUMN_LOW) !=
           kerf_leaf_in_column(set, index, KERF_COLUMN_HIGH);
}

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
        if (!moves(set, k))
            continue;
        struct kerf_uncertain_leaf *known = find(uncertain, set->name, leaf->key);
        if (known)
            known->systems |= 1u << system;
        else
            uncertain->leaf[uncertain->count++] = (struct kerf_uncertain_leaf){.systems = 1u << system,
                                                                               .entry = set->name,
                                                                               .key = leaf->key,
                                                                               .unit = leaf->unit,
                                                                               .low = value->low,
                                                                               .nominal = value->value,
                                                                               .high = value->high,
                                                                               .index = k};
    }
}

enum kerf_status kerf_uncertain_find(const struct kerf_comparison *c, struct kerf_uncertain *uncertain,
                                     struct kerf_error *error)
{
    size_t most = (size_t)c->scenario.systems * KERF_SYSTEM_LEAF_SETS * KERF_LEAVES_MAX;
    *uncertain = (struct kerf_uncertain){.leaf = calloc(most, sizeof *uncertain->leaf)};
    KERF_CHECK(uncertain->leaf, KERF_ERR_FAILURE, "out of memory for uncertain leaves");
    for (int i = 0; i < c->scenario.systems; i++) {
        const struct kerf_leaf_set *sets[KERF_SYSTEM_LEAF_SETS];
        int count = kerf_system_leaf_sets(&c->system[i], sets);
        for (int s = 0; s < count; s++)
            add_set(uncertain, sets[s], i);
    }
    return KERF_OK;
}

void kerf_uncertain_free(struct kerf_uncertain *uncertain)
{
    free(uncertain->leaf);
    *uncertain = (struct kerf_uncertain){0};
}

/* Inverse of the triangular distribution function. */
static double triangular(double low, double mode, double high, double p)
{
    double split = (mode - low) / (high - low);
    return p < split ? low + sqrt(p * (high - low) * (mode - low))
                     : high - sqrt((1.0 - p) * (high - low) * (high - mode));
}

double kerf_uncertain_value(const struct kerf_uncertain_leaf *leaf, double p)
{
    if (leaf->low > 0.0)
        return exp(triangular(log(leaf->low), log(leaf->nominal), log(leaf->high), p));
    return triangular(leaf->low, leaf->nominal, leaf->high, p);
}

void kerf_uncertain_set(struct kerf_comparison *c, const struct kerf_uncertain_leaf *leaf, double value)
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
