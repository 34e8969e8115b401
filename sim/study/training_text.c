/* The study room: tables of training scenarios. */
#include "sim/io/report.h"
#include "sim/study/training_study.h"

#include <string.h>

/* One figure of a step, in the unit of its row. */
struct line {
    const char *name, *unit;
    double scale;
    double (*of)(const struct kerf_training_step *step);
};

static double step_s(const struct kerf_training_step *step)
{
    return step->step_s;
}

static double tokens(const struct kerf_training_step *step)
{
    return step->tokens_per_s_gpu;
}

static double flops(const struct kerf_training_step *step)
{
    return step->model_flops_gpu;
}

static double mfu(const struct kerf_training_step *step)
{
    return step->mfu;
}

static double memory(const struct kerf_training_step *step)
{
    return step->memory.used_bytes;
}

static const struct line lines[] = {
    {"step", "s", 1.0, step_s},
    {"tokens/s/GPU", "", 1.0, tokens},
    {"model TFLOP/s/GPU", "", 1e-12, flops},
    {"MFU, of the 16-bit peak", "%", 100.0, mfu},
    {"memory of the fullest GPU", "GB", 1e-9, memory},
};

/* The columns that are shown: all, or the nominal one. */
struct shown {
    int first, end;
};

static struct shown shown_columns(const struct kerf_training_study *study)
{
    return study->scenario.columns ? (struct shown){0, KERF_COLUMN_COUNT}
                                   : (struct shown){KERF_COLUMN_NOMINAL, KERF_COLUMN_NOMINAL + 1};
}

static void print_lines(FILE *out, const struct kerf_training_case *one, struct shown shown)
{
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        fprintf(out, "  %-28s", lines[i].name);
        for (int c = shown.first; c < shown.end; c++)
            fprintf(out, " %11.5g", lines[i].scale * lines[i].of(&one->step[c]));
        fprintf(out, "  %s\n", lines[i].unit);
    }
}

/* Shares of the step, where any column has a thousandth. */
static void print_parts(FILE *out, const struct kerf_training_case *one, struct shown shown)
{
    for (int p = 0; p < KERF_STEP_PARTS; p++) {
        bool has_any = false;
        for (int c = shown.first; c < shown.end; c++)
            has_any = has_any || one->step[c].part_s[p] >= 5e-4 * one->step[c].step_s;
        if (!has_any)
            continue;
        fprintf(out, "    %-26s", kerf_step_part_names[p]);
        for (int c = shown.first; c < shown.end; c++)
            fprintf(out, " %11.1f", 100.0 * one->step[c].part_s[p] / one->step[c].step_s);
        fprintf(out, "  %%\n");
    }
}

static void print_memory(FILE *out, const struct kerf_training_memory *memory)
{
    const struct {
        const char *name;
        double bytes;
    } kinds[] = {{"weights", memory->weights_bytes},
                 {"gradients", memory->gradients_bytes},
                 {"optimiser states", memory->optimizer_bytes},
                 {"activations", memory->activations_bytes},
                 {"buffers", memory->buffers_bytes},
                 {"library contexts", memory->context_bytes},
                 {"fragmentation", memory->fragmentation_bytes}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        fprintf(out, "#   %-18s %9.2f GB\n", kinds[i].name, kinds[i].bytes * 1e-9);
    fprintf(out, "#   %-18s %9.2f of %.2f GB: %s", "sum", memory->used_bytes * 1e-9,
            memory->capacity_bytes * 1e-9, memory->fits ? "fits\n" : "");
    if (!memory->fits)
        fprintf(out, "%.2f GB too much\n", (memory->used_bytes - memory->capacity_bytes) * 1e-9);
}

void kerf_training_study_print(FILE *out, const struct kerf_training_study *study)
{
    struct shown shown = shown_columns(study);
    fprintf(out, "%s\nnetwork %s\n", study->scenario.title, study->network.name);
    for (int i = 0; i < study->scenario.systems; i++) {
        const struct kerf_training_case *one = &study->cases[i];
        const struct kerf_training_memory *memory_of = &one->step[KERF_COLUMN_NOMINAL].memory;
        fprintf(out, "\n%-30s", study->scenario.system[i].title);
        for (int c = shown.first; c < shown.end; c++)
            fprintf(out, " %11s", kerf_column_names[c]);
        fprintf(out, "\n");
        print_lines(out, one, shown);
        if (!memory_of->fits)
            fprintf(out, "  does not fit: %.2f GB more than the GPU has\n",
                    (memory_of->used_bytes - memory_of->capacity_bytes) * 1e-9);
        fprintf(out, "  of the step\n");
        print_parts(out, one, shown);
    }
}

void kerf_training_study_print_plan(FILE *out, const struct kerf_training_study *study)
{
    kerf_training_scenario_print(out, &study->scenario);
    for (int i = 0; i < study->scenario.systems; i++) {
        const struct kerf_training_case *one = &study->cases[i];
        fprintf(out,
                "\n# %s: %d micro-batches, %d replicas; groups, and members within a domain of %g GPUs\n",
                study->scenario.system[i].name, kerf_training_micro_batches(&one->job.layout),
                one->job.layout.data, one->domain);
        for (int g = 0; g < KERF_GROUP_COUNT; g++) {
            struct kerf_group_place place =
                kerf_training_place(&one->job.layout, (enum kerf_training_group)g, one->domain);
            fprintf(out, "#   %-18s %6g %6g\n", kerf_training_group_names[g], place.ranks, place.local);
        }
        fprintf(out, "# memory of the fullest GPU\n");
        print_memory(out, &one->step[KERF_COLUMN_NOMINAL].memory);
    }
}
