/* The study room: designs of ensembles. */
#include "sim/study/design.h"

#include "sim/engine/random.h"
#include "sim/study/latin_hypercube.h"
#include "sim/study/sobol.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

const char *const kerf_design_names[] = {"sample", "indices", "tornado", NULL};
const char *const kerf_sampling_names[] = {"latin-hypercube", "sobol", "random", NULL};
const char *const kerf_grouping_names[] = {"entry", "family", "leaf", NULL};

/* What a point of the unit cube is drawn for. */
struct axis {
    uint64_t seed, name; /* the name of the value, hashed */
    int dimension, count;
};

static bool random_axis(const struct axis *axis, double *coordinate)
{
    for (int i = 0; i < axis->count; i++)
        coordinate[i] = kerf_random_uniform(axis->seed, axis->name, (uint64_t)i);
    return true;
}

static bool latin_axis(const struct axis *axis, double *coordinate)
{
    kerf_latin_hypercube_axis(axis->seed, axis->name, axis->count, coordinate);
    return true;
}

static bool sobol_axis(const struct axis *axis, double *coordinate)
{
    return kerf_sobol_axis(axis->seed, axis->dimension, axis->count, coordinate);
}

static bool (*const samplers[])(const struct axis *axis,
                                double *coordinate) = {[KERF_SAMPLING_LATIN_HYPERCUBE] = latin_axis,
                                                       [KERF_SAMPLING_SOBOL] = sobol_axis,
                                                       [KERF_SAMPLING_RANDOM] = random_axis};

/* Length of the part of a key that a group shares. */
static size_t shared_key(enum kerf_grouping grouping, const char *key)
{
    if (grouping == KERF_GROUPING_LEAF)
        return strlen(key);
    return grouping == KERF_GROUPING_FAMILY ? strcspn(key, "_") : 0;
}

static bool alike(const struct kerf_design *design, const struct kerf_uncertain_leaf *a,
                  const struct kerf_uncertain_leaf *b)
{
    if (a->range || b->range) /* values of the scenario have nothing in common */
        return a == b;
    size_t length = shared_key(design->grouping, a->key);
    return strcmp(a->entry, b->entry) == 0 && length == shared_key(design->grouping, b->key) &&
           strncmp(a->key, b->key, length) == 0;
}

static void join(struct kerf_design *design, int a, int b)
{
    int kept = design->group[a] < design->group[b] ? design->group[a] : design->group[b];
    int gone = design->group[a] + design->group[b] - kept;
    for (int k = 0; k < design->leaves && gone != kept; k++)
        design->group[k] = design->group[k] == gone ? kept : design->group[k];
}

/* Numbers the groups from 0 in the order of their first values. */
static void number_groups(struct kerf_design *design)
{
    for (int k = 0; k < design->leaves; k++) {
        int first = 0;
        while (design->group[first] != design->group[k])
            first++;
        if (first < k)
            continue;
        for (int other = design->leaves - 1, old = design->group[k]; other >= k; other--)
            if (design->group[other] == old)
                design->group[other] = -1 - design->groups;
        design->groups++;
    }
    for (int k = 0; k < design->leaves; k++)
        design->group[k] = -1 - design->group[k];
}

static enum kerf_status find_groups(struct kerf_design *design, const struct kerf_uncertain *uncertain,
                                    const struct kerf_correlations *correlations, struct kerf_error *error)
{
    for (int k = 0; k < design->leaves; k++) {
        int first = 0;
        while (!alike(design, &uncertain->leaf[first], &uncertain->leaf[k]))
            first++;
        design->group[k] = first;
    }
    for (int b = 0; b < correlations->count; b++) {
        const struct kerf_correlation *block = &correlations->block[b];
        for (int i = 0; i < block->count; i++) {
            int place = kerf_uncertain_place(uncertain, block->name[i]);
            KERF_CHECK(
                place >= 0, KERF_ERR_USAGE,
                "%s: uncertainty.correlated: '%s' is no uncertain value of this scenario; ENTRY.KEY of a "
                "leaf with low and high is wanted, or the path of a value of the scenario",
                block->where, block->name[i]);
            join(design, kerf_uncertain_place(uncertain, block->name[0]), place);
        }
    }
    number_groups(design);
    return KERF_OK;
}

/* Probabilities of one sample of draws, draws x leaves. `second`: of sample B. */
static bool sample(const struct kerf_design *design, const struct kerf_uncertain *uncertain,
                   const struct kerf_correlations *correlations, bool second, double *p)
{
    int leaves = design->leaves;
    double *axis = calloc((size_t)design->draws, sizeof *axis);
    bool good = axis != NULL;
    for (int k = 0; k < leaves && good; k++) {
        char name[KERF_UNCERTAIN_NAME_BYTES];
        kerf_uncertain_name(&uncertain->leaf[k], name);
        const struct axis of = {.seed = design->seed,
                                .name = XXH3_64bits_withSeed(name, strlen(name), second),
                                .dimension = k + (second ? leaves : 0),
                                .count = design->draws};
        good = samplers[design->sampling](&of, axis);
        for (int n = 0; n < design->draws && good; n++)
            p[n * leaves + k] = axis[n];
    }
    for (int b = 0; b < correlations->count && good; b++) {
        const struct kerf_correlation *block = &correlations->block[b];
        int place[KERF_CORRELATED_MAX];
        for (int i = 0; i < block->count; i++)
            place[i] = kerf_uncertain_place(uncertain, block->name[i]);
        for (int n = 0; n < design->draws; n++) {
            double score[KERF_CORRELATED_MAX];
            for (int i = 0; i < block->count; i++)
                score[i] = kerf_normal_quantile(p[n * leaves + place[i]]);
            for (int i = 0; i < block->count; i++) {
                double sum = 0.0;
                for (int j = 0; j <= i; j++)
                    sum += block->factor[i][j] * score[j];
                p[n * leaves + place[i]] = fmin(fmax(kerf_normal_probability(sum), 1e-16), 1.0 - 1e-16);
            }
        }
    }
    free(axis);
    return good;
}

int kerf_design_member_a(const struct kerf_design *design, int n)
{
    return n * (design->groups + 2);
}

int kerf_design_member_b(const struct kerf_design *design, int n)
{
    return n * (design->groups + 2) + 1;
}

int kerf_design_member_mixed(const struct kerf_design *design, int n, int g)
{
    return n * (design->groups + 2) + 2 + g;
}

int kerf_design_member_end(int leaf, int end)
{
    return 1 + 2 * leaf + end;
}

static bool fill_indices(const struct kerf_design *design, const struct kerf_uncertain *uncertain,
                         const struct kerf_correlations *correlations, double *value)
{
    size_t count = (size_t)design->draws * (size_t)design->leaves;
    double *a = calloc(count + 1, sizeof *a), *b = calloc(count + 1, sizeof *b);
    bool good = a && b && sample(design, uncertain, correlations, false, a) &&
                sample(design, uncertain, correlations, true, b);
    for (int n = 0; n < design->draws && good; n++)
        for (int k = 0; k < design->leaves; k++) {
            double of_a = kerf_uncertain_value(&uncertain->leaf[k], a[n * design->leaves + k]);
            double of_b = kerf_uncertain_value(&uncertain->leaf[k], b[n * design->leaves + k]);
            value[kerf_design_member_a(design, n) * design->leaves + k] = of_a;
            value[kerf_design_member_b(design, n) * design->leaves + k] = of_b;
            for (int g = 0; g < design->groups; g++)
                value[kerf_design_member_mixed(design, n, g) * design->leaves + k] =
                    design->group[k] == g ? of_b : of_a;
        }
    free(a);
    free(b);
    return good;
}

static bool fill_tornado(const struct kerf_design *design, const struct kerf_uncertain *uncertain,
                         double *value)
{
    for (int m = 0; m < design->members; m++)
        for (int k = 0; k < design->leaves; k++)
            value[m * design->leaves + k] = uncertain->leaf[k].nominal;
    for (int k = 0; k < design->leaves; k++) {
        value[kerf_design_member_end(k, 0) * design->leaves + k] = uncertain->leaf[k].low;
        value[kerf_design_member_end(k, 1) * design->leaves + k] = uncertain->leaf[k].high;
    }
    return true;
}

static bool fill_sample(const struct kerf_design *design, const struct kerf_uncertain *uncertain,
                        const struct kerf_correlations *correlations, double *value)
{
    if (!sample(design, uncertain, correlations, false, value))
        return false;
    for (int n = 0; n < design->draws; n++)
        for (int k = 0; k < design->leaves; k++)
            value[n * design->leaves + k] =
                kerf_uncertain_value(&uncertain->leaf[k], value[n * design->leaves + k]);
    return true;
}

enum kerf_status kerf_design_make(const struct kerf_design *wanted, const struct kerf_uncertain *uncertain,
                                  const struct kerf_correlations *correlations, struct kerf_design *design,
                                  double **value, struct kerf_error *error)
{
    *value = NULL;
    *design = *wanted;
    design->leaves = uncertain->count;
    design->groups = 0;
    design->group = calloc((size_t)uncertain->count + 1, sizeof *design->group);
    KERF_CHECK(design->group, KERF_ERR_FAILURE, "out of memory for %d values", uncertain->count);
    KERF_TRY(find_groups(design, uncertain, correlations, error));
    double members = design->kind == KERF_DESIGN_SAMPLE    ? design->draws
                     : design->kind == KERF_DESIGN_INDICES ? design->draws * (design->groups + 2.0)
                                                           : 1.0 + 2.0 * design->leaves;
    KERF_CHECK(members * fmax(design->leaves, 1) < INT32_MAX, KERF_ERR_USAGE,
               "--members %d: %.0f members with %d values each are too many", design->draws, members,
               design->leaves);
    design->members = (int)members;
    *value = calloc((size_t)design->members * (size_t)design->leaves + 1, sizeof **value);
    bool good = *value && (design->kind == KERF_DESIGN_TORNADO ? fill_tornado(design, uncertain, *value)
                           : design->kind == KERF_DESIGN_INDICES
                               ? fill_indices(design, uncertain, correlations, *value)
                               : fill_sample(design, uncertain, correlations, *value));
    KERF_CHECK(good, KERF_ERR_FAILURE, "out of memory for %d members", design->members);
    return KERF_OK;
}

void kerf_design_free(struct kerf_design *design)
{
    free(design->group);
    design->group = NULL;
}

void kerf_design_group_name(const struct kerf_design *design, const struct kerf_uncertain *uncertain,
                            int group, char name[KERF_UNCERTAIN_NAME_BYTES])
{
    int first = 0, others = 0;
    while (design->group[first] != group)
        first++;
    const struct kerf_uncertain_leaf *leaf = &uncertain->leaf[first];
    for (int k = first; k < design->leaves; k++)
        others += design->group[k] == group && !alike(design, leaf, &uncertain->leaf[k]);
    if (leaf->range || design->grouping == KERF_GROUPING_LEAF)
        kerf_uncertain_name(leaf, name);
    else if (design->grouping == KERF_GROUPING_FAMILY)
        snprintf(name, KERF_UNCERTAIN_NAME_BYTES, "%s.%.*s%s", leaf->entry,
                 (int)shared_key(design->grouping, leaf->key), leaf->key, strchr(leaf->key, '_') ? "_*" : "");
    else
        snprintf(name, KERF_UNCERTAIN_NAME_BYTES, "%s", leaf->entry);
    if (others > 0)
        snprintf(name + strlen(name), KERF_UNCERTAIN_NAME_BYTES - strlen(name), " + %d", others);
}
