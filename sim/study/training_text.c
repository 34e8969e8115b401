/* The study room: tables of training scenarios. */
#include "sim/io/report.h"
#include "sim/study/training_lines.h"

#include <math.h>
#include <string.h>

static double step_s(const struct kerf_training_outcome *outcome)
{
    return outcome->step.step_s;
}

static double all_tokens(const struct kerf_training_outcome *outcome)
{
    return outcome->step.tokens / outcome->step.step_s;
}

static double tokens(const struct kerf_training_outcome *outcome)
{
    return outcome->step.tokens_per_s_gpu;
}

static double flops(const struct kerf_training_outcome *outcome)
{
    return outcome->step.model_flops_gpu;
}

static double mfu(const struct kerf_training_outcome *outcome)
{
    return outcome->step.mfu;
}

static double memory(const struct kerf_training_outcome *outcome)
{
    return outcome->step.memory.used_bytes;
}

static double power_W(const struct kerf_training_outcome *outcome)
{
    return outcome->bill.facility_W;
}

static double token_J(const struct kerf_training_outcome *outcome)
{
    return outcome->bill.facility_W / all_tokens(outcome);
}

static double token_USD(const struct kerf_training_outcome *outcome)
{
    return outcome->bill.USD_per_s / all_tokens(outcome);
}

static double micro_batch_tokens(const struct kerf_training_outcome *outcome)
{
    return outcome->streamed.micro_batch * outcome->streamed.tokens_per_s / outcome->streamed.samples_per_s;
}

static double tokens_to_hide(const struct kerf_training_outcome *outcome)
{
    return outcome->streamed.tokens_to_hide;
}

static double stream_share(const struct kerf_training_outcome *outcome)
{
    return outcome->streamed.stream_s / outcome->step.step_s;
}

static double store_bytes(const struct kerf_training_outcome *outcome)
{
    return outcome->streamed.store_bytes;
}

static const struct kerf_training_line on_gpus[] = {
    {"step", "s", 1.0, step_s},
    {"tokens/s", "", 1.0, all_tokens},
    {"tokens/s/GPU", "", 1.0, tokens},
    {"model TFLOP/s/GPU", "", 1e-12, flops},
    {"MFU, of the 16-bit peak", "%", 100.0, mfu},
    {"memory of the fullest GPU", "GB", 1e-9, memory},
    {"power of the building", "kW", 1e-3, power_W},
    {"energy of a token", "J", 1.0, token_J},
    {"cost of a million tokens", "USD", 1e6, token_USD},
};

static const struct kerf_training_line on_wafers[] = {
    {"step", "s", 1.0, step_s},
    {"tokens/s", "", 1.0, all_tokens},
    {"tokens/s/wafer", "", 1.0, tokens},
    {"model TFLOP/s/wafer", "", 1e-12, flops},
    {"MFU, of the 16-bit peak", "%", 100.0, mfu},
    {"memory of a wafer", "GB", 1e-9, memory},
    {"power of the building", "kW", 1e-3, power_W},
    {"energy of a token", "J", 1.0, token_J},
    {"cost of a million tokens", "USD", 1e6, token_USD},
    {"tokens a wafer holds", "", 1.0, micro_batch_tokens},
    {"tokens to hide the weights", "", 1.0, tokens_to_hide},
    {"stream alone, of the step", "%", 100.0, stream_share},
    {"in MemoryX", "TB", 1e-12, store_bytes},
};
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

struct kerf_shown_columns kerf_training_shown(const struct kerf_training_study *study)
{
    return study->scenario.columns
               ? (struct kerf_shown_columns){0, KERF_COLUMN_COUNT}
               : (struct kerf_shown_columns){KERF_COLUMN_NOMINAL, KERF_COLUMN_NOMINAL + 1};
}

static void print_number(FILE *out, double value)
{
    if (isnan(value))
        fprintf(out, " %11s", "-");
    else
        fprintf(out, " %11.5g", value);
}

void kerf_training_lines_print(FILE *out, const struct kerf_training_line *lines, size_t count,
                               const struct kerf_training_case *one, struct kerf_shown_columns shown)
{
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "  %-28s", lines[i].name);
        for (int c = shown.first; c < shown.end; c++)
            print_number(out, lines[i].scale * lines[i].of(&one->outcome[c]));
        fprintf(out, lines[i].unit[0] ? "  %s\n" : "%s\n", lines[i].unit);
    }
}

/* Shares of the step, where any column has a thousandth. */
static void print_parts(FILE *out, const struct kerf_training_case *one, struct kerf_shown_columns shown)
{
    for (int p = 0; p < KERF_STEP_PARTS; p++) {
        bool has_any = false;
        for (int c = shown.first; c < shown.end; c++)
            has_any = has_any || one->outcome[c].step.part_s[p] >= 5e-4 * one->outcome[c].step.step_s;
        if (!has_any)
            continue;
        fprintf(out, "    %-26s", kerf_step_part_names[p]);
        for (int c = shown.first; c < shown.end; c++)
            fprintf(out, " %11.1f", 100.0 * one->outcome[c].step.part_s[p] / one->outcome[c].step.step_s);
        fprintf(out, "  %%\n");
    }
}

static void print_limits(FILE *out, const struct kerf_training_case *one, struct kerf_shown_columns shown)
{
    const char *nominal = kerf_training_limit(one, KERF_COLUMN_NOMINAL);
    fprintf(out, "  limited by                   %s\n", nominal);
    for (int c = shown.first; c < shown.end; c++)
        if (strcmp(kerf_training_limit(one, (enum kerf_column)c), nominal) != 0)
            fprintf(out, "    in the %s column%*s %s\n", kerf_column_names[c],
                    (int)(10 - strlen(kerf_column_names[c])), "",
                    kerf_training_limit(one, (enum kerf_column)c));
    if (one->on_wafers && one->streamed_over_used > 1.5)
        fprintf(out, "  weights that come in are %.3g times those that a token uses\n",
                one->streamed_over_used);
}

/* How large a system is beside the baseline: an equal count is a whole and legal one. */
static void print_size(FILE *out, const struct kerf_training_study *study, int system)
{
    const struct kerf_training_scenario *scenario = &study->scenario;
    int baseline = 0;
    for (int i = 0; i < scenario->systems; i++)
        if (strcmp(scenario->system[i].name, scenario->baseline) == 0)
            baseline = i;
    const struct kerf_bill *own = &study->cases[system].outcome[KERF_COLUMN_NOMINAL].bill;
    const struct kerf_bill *other = &study->cases[baseline].outcome[KERF_COLUMN_NOMINAL].bill;
    fprintf(out, "  %d x %s: %.2f x the power and %.2f x the cost of %s\n", scenario->system[system].count,
            scenario->system[system].hardware, own->rated_W / other->rated_W,
            own->USD_per_s / other->USD_per_s, scenario->system[baseline].name);
}

void kerf_training_study_print(FILE *out, const struct kerf_training_study *study)
{
    struct kerf_shown_columns shown = kerf_training_shown(study);
    fprintf(out, "%s\nnetwork %s\n", study->scenario.title, study->network.name);
    for (int i = 0; i < study->scenario.systems; i++) {
        const struct kerf_training_case *one = &study->cases[i];
        const struct kerf_training_memory *memory_of = &one->outcome[KERF_COLUMN_NOMINAL].step.memory;
        fprintf(out, "\n%-30s", study->scenario.system[i].title);
        for (int c = shown.first; c < shown.end; c++)
            fprintf(out, " %11s", kerf_column_names[c]);
        fprintf(out, "\n");
        if (study->scenario.equal != KERF_EQUAL_NONE)
            print_size(out, study, i);
        if (one->on_wafers)
            kerf_training_lines_print(out, on_wafers, COUNT_OF(on_wafers), one, shown);
        else
            kerf_training_lines_print(out, on_gpus, COUNT_OF(on_gpus), one, shown);
        if (!memory_of->fits)
            fprintf(out, "  does not fit: %.2f GB more than the GPU has\n",
                    (memory_of->used_bytes - memory_of->capacity_bytes) * 1e-9);
        print_limits(out, one, shown);
        fprintf(out, "  of the step\n");
        print_parts(out, one, shown);
        kerf_training_course_print(out, study, i);
    }
}
