/* The study room: indices and tornadoes from the members of an ensemble. */
#include "sim/study/ensemble_effects.h"

#include <math.h>
#include <stdlib.h>

static double answer(const struct kerf_ensemble *e, int member, int system, int figure, int base)
{
    double value = kerf_ensemble_value(e, member, system, figure);
    return base >= 0 ? value / kerf_ensemble_value(e, member, base, figure) : value;
}

/* Whether all members of a draw ran. */
static bool whole(const struct kerf_ensemble *e, int n)
{
    for (int i = 0; i < e->design.groups + 2; i++)
        if (e->done[kerf_design_member_a(&e->design, n) + i] != KERF_MEMBER_RAN)
            return false;
    return true;
}

enum kerf_status kerf_ensemble_indices(const struct kerf_ensemble *e, int system, int figure, int base,
                                       struct kerf_sobol_index *index, int *pairs, struct kerf_error *error)
{
    const struct kerf_design *design = &e->design;
    size_t draws = (size_t)design->draws;
    double *a = calloc(3 * draws, sizeof *a), *b = a + draws, *mixed = b + draws;
    bool good = a != NULL;
    for (int g = 0; g < design->groups && good; g++) {
        *pairs = 0;
        for (int n = 0; n < design->draws; n++) {
            if (!whole(e, n))
                continue;
            a[*pairs] = answer(e, kerf_design_member_a(design, n), system, figure, base);
            b[*pairs] = answer(e, kerf_design_member_b(design, n), system, figure, base);
            mixed[(*pairs)++] = answer(e, kerf_design_member_mixed(design, n, g), system, figure, base);
        }
        good = kerf_sobol_index_find(a, b, mixed, *pairs, design->seed, &index[g]);
    }
    free(a);
    KERF_CHECK(good, KERF_ERR_FAILURE, "out of memory for indices of %d draws", design->draws);
    return KERF_OK;
}

void kerf_ensemble_ends(const struct kerf_ensemble *e, int leaf, int system, int figure, int base,
                        double *at_low, double *at_high)
{
    *at_low = answer(e, kerf_design_member_end(leaf, 0), system, figure, base);
    *at_high = answer(e, kerf_design_member_end(leaf, 1), system, figure, base);
}
