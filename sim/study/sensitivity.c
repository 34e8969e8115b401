/* The study room: sensitivities of a user's speed on wafers. */
#include "sim/study/sensitivity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double lone_speed(struct kerf_serving *serving)
{
    struct kerf_wafer_plan *plan = &serving->wafer;
    double context = plan->typical_context;
    const struct kerf_pass pass = {
        .decode = {.tokens = 1.0, .sequences = 1.0, .attended = context, .context_tokens = context},
        .logit_tokens = 1.0,
        .kv = plan->kv,
        .activations = plan->activations};
    int guesses = serving->policy.draft_tokens;
    double round_s = kerf_wafer_pipeline_s(plan, &pass) + plan->wafer.token_overhead_s +
                     guesses * (kerf_wafer_bottleneck_s(plan, &pass) + plan->draft_token_s);
    return kerf_tokens_per_round(serving->policy.acceptance, serving->policy.round_tokens,
                                 (uint32_t)guesses) /
           round_s;
}

static enum kerf_status speed_of(const struct kerf_system *system, const struct kerf_scenario *scenario,
                                 double *speed, struct kerf_error *error)
{
    struct kerf_serving *serving = malloc(sizeof *serving);
    KERF_CHECK(serving, KERF_ERR_FAILURE, "out of memory for a plan");
    enum kerf_status status = kerf_system_plan(system, scenario, KERF_COLUMN_NOMINAL, serving, error);
    *speed = status == KERF_OK ? lone_speed(serving) : NAN;
    kerf_serving_free(serving);
    free(serving);
    return status;
}

/* Speed with one leaf at another value; NAN where the network does not fit. */
static double speed_at(const struct kerf_system *system, const struct kerf_scenario *scenario,
                       struct kerf_leaf_value *leaf, double value)
{
    struct kerf_error why;
    double speed = NAN, kept = leaf->value;
    leaf->value = value;
    speed_of(system, scenario, &speed, &why);
    leaf->value = kept;
    return speed;
}

static struct kerf_leaf_effect effect_of(const struct kerf_system *system,
                                         const struct kerf_scenario *scenario, struct kerf_leaf_set *set,
                                         int index)
{
    const double step = 0.01;
    struct kerf_leaf_value *leaf = &set->leaf[index];
    const struct kerf_leaf *spec = &set->table->leaves[index];
    double down = speed_at(system, scenario, leaf, leaf->value * (1.0 - step));
    double up = speed_at(system, scenario, leaf, leaf->value * (1.0 + step));
    return (struct kerf_leaf_effect){.set = set->name,
                                     .key = spec->key,
                                     .unit = spec->unit,
                                     .value = leaf->value,
                                     .low = leaf->low,
                                     .high = leaf->high,
                                     .elasticity = strcmp(spec->unit, "token") == 0
                                                       ? NAN
                                                       : log(up / down) / log((1.0 + step) / (1.0 - step)),
                                     .at_low = speed_at(system, scenario, leaf, leaf->low),
                                     .at_high = speed_at(system, scenario, leaf, leaf->high)};
}

static double swing(const struct kerf_leaf_effect *effect)
{
    double over = fabs(log(effect->at_high / effect->at_low));
    return isfinite(over) ? over : 0.0;
}

static int larger_first(const void *a, const void *b)
{
    const struct kerf_leaf_effect *left = a, *right = b;
    double by_swing = swing(right) - swing(left);
    double by_slope = fabs(right->elasticity) - fabs(left->elasticity);
    double by = by_swing != 0.0 ? by_swing : isfinite(by_slope) ? by_slope : 0.0;
    return by > 0.0 ? 1 : by < 0.0 ? -1 : 0;
}

/* Root of the squares of what each leaf's better and worse end do to ln(speed). */
static void find_interval(struct kerf_sensitivity *sensitivity)
{
    double up = 0.0, down = 0.0;
    for (int i = 0; i < sensitivity->effects; i++) {
        const struct kerf_leaf_effect *effect = &sensitivity->effect[i];
        const double ends[] = {effect->at_low, effect->at_high};
        for (int end = 0; end < 2; end++) {
            double by = log(ends[end] / sensitivity->speed);
            if (isfinite(by))
                *(by > 0.0 ? &up : &down) += by * by;
        }
    }
    sensitivity->least = sensitivity->speed * exp(-sqrt(down));
    sensitivity->most = sensitivity->speed * exp(sqrt(up));
}

enum kerf_status kerf_sensitivity_find(const struct kerf_system *system, const struct kerf_scenario *scenario,
                                       struct kerf_sensitivity *sensitivity, struct kerf_error *error)
{
    *sensitivity = (struct kerf_sensitivity){0};
    KERF_CHECK(system->on_wafers, KERF_ERR_USAGE, "%s: sensitivities are those of wafers, and %s is none",
               system->spec->name, system->hardware.name);
    struct kerf_system *moved = malloc(sizeof *moved);
    KERF_CHECK(moved, KERF_ERR_FAILURE, "out of memory for a system");
    *moved = *system;
    enum kerf_status status = speed_of(system, scenario, &sensitivity->speed, error);
    struct kerf_leaf_set *const sets[] = {&moved->hardware, &moved->drafter};
    for (int s = 0; s < 2 && status == KERF_OK; s++) {
        for (int i = 0; sets[s]->table && i < sets[s]->table->count; i++) {
            if (!sets[s]->leaf[i].given)
                continue;
            struct kerf_leaf_effect *effect = &sensitivity->effect[sensitivity->effects++];
            *effect = effect_of(moved, scenario, sets[s], i);
            effect->set = s == 0 ? system->hardware.name : system->drafter.name;
        }
    }
    free(moved);
    qsort(sensitivity->effect, (size_t)sensitivity->effects, sizeof sensitivity->effect[0], larger_first);
    find_interval(sensitivity);
    return status;
}

static void print_speed(FILE *out, double speed)
{
    if (isfinite(speed))
        fprintf(out, " %9.1f", speed);
    else
        fprintf(out, " %9s", "no room");
}

void kerf_sensitivity_print(FILE *out, const struct kerf_system *system,
                            const struct kerf_sensitivity *sensitivity)
{
    const double shown = 1e-3;
    fprintf(out, "%s: %s on %s\n", system->spec->name, system->network->name, system->spec->title);
    fprintf(out, "%.1f tokens/s for a user alone, 80 %% interval %.1f .. %.1f (x %.2f)\n", sensitivity->speed,
            sensitivity->least, sensitivity->most, sensitivity->most / sensitivity->least);
    fprintf(out, "%-14s %-30s %11s %11s %11s %10s %9s %9s\n", "entry", "leaf", "value", "low", "high",
            "elasticity", "at low", "at high");
    for (int i = 0; i < sensitivity->effects; i++) {
        const struct kerf_leaf_effect *effect = &sensitivity->effect[i];
        if (!(fabs(effect->elasticity) >= shown) && swing(effect) < shown)
            continue;
        fprintf(out, "%-14s %-30s %11.4g %11.4g %11.4g", effect->set, effect->key, effect->value, effect->low,
                effect->high);
        if (isfinite(effect->elasticity))
            fprintf(out, " %+10.3f", effect->elasticity);
        else
            fprintf(out, " %10s", "-");
        print_speed(out, effect->at_low);
        print_speed(out, effect->at_high);
        fputc('\n', out);
    }
}
