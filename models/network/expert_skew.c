/* The network room: uneven choices of experts. Knows shares and slots; no device. */
#include "models/network/expert_skew.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void kerf_expert_skew_free(struct kerf_expert_skew *skew)
{
    for (int i = 0; i < skew->groupings; i++)
        free(skew->busiest[i].each);
    free(skew->share);
    *skew = (struct kerf_expert_skew){0};
}

/* Copies while they are placed. */
struct copy {
    double share;
    int expert;
};

static int larger_first(const void *left, const void *right)
{
    const struct copy *a = left, *b = right;
    if (a->share != b->share)
        return a->share > b->share ? -1 : 1;
    return (a->expert > b->expert) - (a->expert < b->expert);
}

/* Every expert once, and the redundant copies where the share per copy is largest. */
static void share_out(const struct kerf_expert_skew *skew, int *copies, struct copy *copy)
{
    int count = 0;
    for (int i = 0; i < skew->experts; i++)
        copies[i] = 1;
    for (int r = 0; r < skew->redundant; r++) {
        int most = 0;
        for (int i = 1; i < skew->experts; i++)
            if (skew->share[i] / copies[i] > skew->share[most] / copies[most])
                most = i;
        copies[most]++;
    }
    for (int i = 0; i < skew->experts; i++)
        for (int c = 0; c < copies[i]; c++)
            copy[count++] = (struct copy){skew->share[i] / copies[i], i};
}

/* The group of each copy in order; `load` and `filled` are zero before. */
static void place(const struct kerf_expert_skew *skew, const struct copy *copy, int groups, int slots,
                  int *group_of, double *load, int *filled)
{
    for (int c = 0; c < skew->experts + skew->redundant; c++) {
        int group = c / slots;
        for (int g = 0; skew->redundant > 0 && g < groups; g++)
            if (g == 0 || filled[group] == slots || (filled[g] < slots && load[g] < load[group]))
                group = g;
        group_of[c] = group;
        load[group] += copy[c].share;
        filled[group]++;
    }
}

static enum kerf_status group_experts(struct kerf_expert_skew *skew, int groups,
                                      struct kerf_expert_group *out, struct kerf_error *error)
{
    int all = skew->experts + skew->redundant, slots = (all + groups - 1) / groups, busiest = 0;
    size_t many = (size_t)(all > groups ? all : groups);
    struct copy *copy = calloc(many, sizeof *copy);
    int *copies = calloc(many, sizeof *copies), *group_of = calloc(many, sizeof *group_of),
        *filled = calloc(many, sizeof *filled);
    double *load = calloc(many, sizeof *load);
    *out = (struct kerf_expert_group){.groups = groups, .each = calloc((size_t)slots, sizeof *out->each)};
    bool made = copy && copies && group_of && filled && load && out->each;
    if (made) {
        share_out(skew, copies, copy);
        if (skew->redundant > 0)
            qsort(copy, (size_t)all, sizeof *copy, larger_first);
        place(skew, copy, groups, slots, group_of, load, filled);
        for (int g = 1; g < groups; g++)
            busiest = load[g] > load[busiest] ? g : busiest;
        out->share = load[busiest];
        for (int c = 0; c < all; c++)
            if (group_of[c] == busiest)
                out->each[out->slots++] = copy[c].share;
    }
    free(copy);
    free(copies);
    free(group_of);
    free(filled);
    free(load);
    KERF_CHECK(made, KERF_ERR_FAILURE, "out of memory for %d experts", all);
    return KERF_OK;
}

enum kerf_status kerf_expert_skew_make(struct kerf_expert_skew *skew, const double *weight, int experts,
                                       int redundant, const int *groups, int groupings,
                                       struct kerf_error *error)
{
    double sum = 0.0;
    *skew = (struct kerf_expert_skew){.experts = experts, .redundant = redundant};
    for (int i = 0; i < experts; i++)
        sum += weight[i];
    KERF_CHECK(sum > 0.0 && isfinite(sum), KERF_ERR_USAGE, "no token chooses any expert");
    skew->share = calloc((size_t)experts, sizeof *skew->share);
    KERF_CHECK(skew->share, KERF_ERR_FAILURE, "out of memory for %d experts", experts);
    for (int i = 0; i < experts; i++)
        skew->share[i] = weight[i] / sum;
    for (int k = 0; k < groupings; k++) {
        KERF_CHECK(redundant == 0 || (experts + redundant) % groups[k] == 0, KERF_ERR_USAGE,
                   "%d experts and %d copies do not fill %d GPUs evenly", experts, redundant, groups[k]);
        KERF_TRY(group_experts(skew, groups[k], &skew->busiest[skew->groupings++], error));
    }
    return KERF_OK;
}

const struct kerf_expert_group *kerf_expert_skew_busiest(const struct kerf_expert_skew *skew, int groups)
{
    for (int i = 0; i < skew->groupings; i++)
        if (skew->busiest[i].groups == groups)
            return &skew->busiest[i];
    return NULL;
}

double kerf_expert_group_touched(const struct kerf_expert_group *group, double tokens, double rows)
{
    double touched = 0.0;
    if (tokens <= 0.0 || group->share <= 0.0)
        return 0.0;
    for (int i = 0; i < group->slots; i++) {
        double odds = rows / tokens * group->each[i] / group->share;
        touched += odds < 1.0 ? -expm1(tokens * log1p(-odds)) : 1.0;
    }
    return touched;
}
