/* The study room: the answer of a search as text. */
#include "sim/study/search.h"

#include <string.h>

static void add(char *text, size_t text_bytes, const char *name, int value)
{
    size_t used = strlen(text);
    snprintf(text + used, text_bytes - used, "%s%s %d", used ? ", " : "", name, value);
}

const char *kerf_layout_text(const struct kerf_candidate *candidate, char *text, size_t text_bytes)
{
    const struct kerf_training_layout *layout = &candidate->layout;
    const struct {
        const char *name;
        int value;
    } parts[] = {{"tensor", layout->tensor},
                 {"pipeline", layout->pipeline},
                 {"virtual", layout->virtual_stages},
                 {"context", layout->context},
                 {"expert", layout->expert},
                 {"expert tensor", layout->expert_tensor},
                 {"data", layout->data}};
    text[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].value > 1)
            add(text, text_bytes, parts[i].name, parts[i].value);
    add(text, text_bytes, "micro-batch", layout->micro_batch);
    size_t used = strlen(text);
    snprintf(text + used, text_bytes - used, "%s%s%s%s", layout->sharding == KERF_SHARDING_NONE ? "" : ", ",
             layout->sharding == KERF_SHARDING_NONE ? "" : kerf_sharding_names[layout->sharding],
             candidate->recompute == KERF_RECOMPUTE_NONE ? "" : ", recompute ",
             candidate->recompute == KERF_RECOMPUTE_NONE ? "" : kerf_recompute_names[candidate->recompute]);
    return text;
}

/* Where the rest of the time goes: the three largest parts of the step besides the products themselves. */
static void print_losses(FILE *out, const struct kerf_training_step *step)
{
    bool told[KERF_STEP_PARTS] = {[KERF_STEP_MATRIX] = true, [KERF_STEP_ATTENTION] = true};
    for (int n = 0; n < 3; n++) {
        int most = -1;
        for (int part = 0; part < KERF_STEP_PARTS; part++)
            if (!told[part] && (most < 0 || step->part_s[part] > step->part_s[most]))
                most = part;
        told[most] = true;
        if (step->part_s[most] >= 0.001 * step->step_s)
            fprintf(out, "%s%s %.1f %%", n ? ", " : "", kerf_step_part_names[most],
                    100.0 * step->part_s[most] / step->step_s);
    }
    fprintf(out, "\n");
}

static void print_best(FILE *out, const struct kerf_layout_search *search)
{
    char text[256];
    fprintf(out,
            "%4s  %9s  %19s  %9s  %11s  %6s  %7s  layout; what takes time besides products and attention\n",
            "", "step", "slower .. faster", "simulated", "token/s/GPU", "MFU", "memory");
    for (int i = 0; i < search->result.best_count; i++) {
        const struct kerf_found_layout *found = &search->found[i];
        fprintf(out, "%4d  %7.4g s  %8.4g .. %6.4g s  %7.4g s  %11.4g  %4.1f %%  %4.1f GB  %s; ", i + 1,
                found->step.step_s, found->slow_s, found->fast_s, found->simulated_s,
                found->step.tokens_per_s_gpu, 100.0 * found->step.mfu, found->step.memory.used_bytes / 1e9,
                kerf_layout_text(&found->point.candidate, text, sizeof text));
        print_losses(out, &found->step);
    }
}

static void print_pareto(FILE *out, const struct kerf_search_result *result)
{
    enum { ROWS_MOST = 12 };
    char text[256];
    int rows = result->pareto_count < ROWS_MOST ? result->pareto_count : ROWS_MOST;
    fprintf(out, "\n%d layouts that no other beats in both time and memory%s\n", result->pareto_count,
            rows < result->pareto_count ? ", of them evenly" : "");
    for (int i = 0; i < rows; i++) {
        const struct kerf_search_point *point =
            &result->pareto[rows > 1 ? i * (result->pareto_count - 1) / (rows - 1) : 0];
        fprintf(out, "      %7.4g s  %5.1f GB  %s\n", point->step_s, point->used_bytes / 1e9,
                kerf_layout_text(&point->candidate, text, sizeof text));
    }
}

void kerf_layout_search_print(FILE *out, const struct kerf_layout_search *search)
{
    const struct kerf_search_spec *spec = &search->spec;
    const struct kerf_search_result *result = &search->result;
    if (spec->title[0])
        fprintf(out, "%s\n", spec->title);
    fprintf(out, "%s on %d x %s, %d sequences of %g tokens a step, %s, %s, %s\n", spec->network, spec->gpus,
            spec->hardware, spec->global_batch, spec->sequence, spec->software, spec->precision,
            spec->optimizer);
    fprintf(out, "%llu layouts, %llu legal, %llu fit\n\n", (unsigned long long)result->layouts,
            (unsigned long long)result->legal, (unsigned long long)result->fitting);
    print_best(out, search);
    print_pareto(out, result);
}

void kerf_layout_search_print_speed(FILE *out, const struct kerf_layout_search *search)
{
    double legal = (double)search->result.legal;
    fprintf(out, "\n%.0f layouts costed in %.3g s on %d rank%s, %.3g s of CPU: %.0f per CPU second\n", legal,
            search->wall_s, search->ranks, search->ranks > 1 ? "s" : "", search->cpu_s,
            legal / search->cpu_s);
}
