/* The study room: what kerf check says of training scenarios. */
#include "sim/io/report.h"
#include "sim/study/training_study.h"

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

static void print_gpu_plan(FILE *out, const struct kerf_training_study *study, int system)
{
    const struct kerf_training_case *one = &study->cases[system];
    fprintf(out, "\n# %s: %d micro-batches, %d replicas; groups, and members within a domain of %g GPUs\n",
            study->scenario.system[system].name, kerf_training_micro_batches(&one->job.layout),
            one->job.layout.data, one->domain);
    for (int g = 0; g < KERF_GROUP_COUNT; g++) {
        struct kerf_group_place place =
            kerf_training_place(&one->job.layout, (enum kerf_training_group)g, one->domain);
        fprintf(out, "#   %-18s %6g %6g\n", kerf_training_group_names[g], place.ranks, place.local);
    }
    fprintf(out, "# memory of the fullest GPU\n");
    print_memory(out, &one->outcome[KERF_COLUMN_NOMINAL].step.memory);
}

static void print_wafer_plan(FILE *out, const struct kerf_training_study *study, int system)
{
    const struct kerf_training_case *one = &study->cases[system];
    const struct kerf_streaming_step *streamed = &one->outcome[KERF_COLUMN_NOMINAL].streamed;
    fprintf(out, "\n# %s: %d wafers, %d micro-batches of %g sequences on each\n",
            study->scenario.system[system].name, one->job.layout.gpus, streamed->micro_batches,
            streamed->micro_batch);
    if (streamed->group > 0)
        fprintf(out, "#   layers are computed again, %d at a time\n", streamed->group);
    else
        fprintf(out, "#   all activations are kept\n");
    fprintf(out, "#   activations        %9.2f GB of %.2f GB beside two layers of weights\n",
            streamed->activation_bytes * 1e-9, streamed->room_bytes * 1e-9);
    fprintf(out, "#   in MemoryX         %9.2f TB\n", streamed->store_bytes * 1e-12);
}

void kerf_training_study_print_plan(FILE *out, const struct kerf_training_study *study)
{
    kerf_training_scenario_print(out, &study->scenario);
    for (int i = 0; i < study->scenario.systems; i++)
        (study->cases[i].on_wafers ? print_wafer_plan : print_gpu_plan)(out, study, i);
}
