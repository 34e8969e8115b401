/* The loads of experts that tables of measured MoE kernels have. */
#ifndef KERF_STUDY_EXPERT_LOAD_H
#define KERF_STUDY_EXPERT_LOAD_H

#include "models/device/gpu_experts.h"
#include "sim/base/error.h"

/* How a table spread its tokens over experts. */
struct kerf_expert_spread {
    double tokens, experts, top_k, ranks;
    double exponent; /* of the power law that popularities follow; 0: balanced */
};

/* Load of the rank that was measured. Balanced: tokens go round; every expert has its equal share, as whole
 * tokens. Power law, as aiconfigurator's collectors draw it: popularities are bounded Pareto numbers (from 1
 * to 0.8 tokens, or from 0.01 to 2 while there are fewer rows than experts), scaled to the rows and rounded;
 * rows that rounding lost go to experts without any; the rank with most rows is measured. What was drawn is
 * not known, so the load is the mean of 16 draws of our own, the same ones in every call. */
struct kerf_expert_load kerf_expert_load_of(const struct kerf_expert_spread *spread);

/* "balanced" or "power_law_EXPONENT" as an exponent; false for anything else. */
bool kerf_expert_spread_find(const char *name, double *exponent);

#endif
