/* The study room: results of training scenarios. */
#include "sim/engine/agree.h"
#include "sim/io/report.h"
#include "sim/study/costed_result.h"
#include "sim/study/training_study.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Figures of an outcome as datasets [system, column], and where they lie. */
static const struct kerf_costed_field fields[] = {
    {"step_time", "s", "time of a step", false},
    {"part_time", "s", "where the time of a step goes", true},
    {"tokens_per_step", "1", "tokens of a step, all accelerators", false},
    {"token_rate", "1/s", "tokens per second and accelerator", false},
    {"model_flops", "1", "FLOPs of a step, nothing computed again", false},
    {"hardware_flops", "1", "FLOPs of a step with what is computed again", false},
    {"mfu", "1", "model FLOP/s over the 16-bit peak", false},
    {"memory_used", "B", "of the fullest accelerator", false},
    {"memory_capacity", "B", "of an accelerator", false},
    {"accelerator_power", "W", "mean power of all accelerators", false},
    {"facility_power", "W", "mean power at the meter of the building", false},
    {"rated_power", "W", "at the meter, every accelerator at its limit", false},
    {"cost_rate", "USD/s", "of the owner, all accelerators", false},
    {"stream_time", "s", "of a step, were the wafers instant; 0 on GPUs", false},
    {"tokens_to_hide", "1", "of a wafer's micro-batch, to hide the stream; 0 on GPUs", false},
    {"store_bytes", "B", "in MemoryX; 0 on GPUs", false},
    {"effective_share", "1", "of the job's time, steps that count; 1 without failures", false},
    {"job_mfu", "1", "mfu, times effective time", false},
    {"time_to_train", "s", "for the budget of tokens; 0 without one", false},
    {"energy_to_train", "J", "for the budget of tokens, at the meter of the building", false},
    {"cost_to_train", "USD", "for the budget of tokens", false},
};

#define STEP(field) offsetof(struct kerf_training_outcome, step.field)
#define STREAMED(field) offsetof(struct kerf_training_outcome, streamed.field)
#define COURSE(field) offsetof(struct kerf_training_outcome, course.field)
#define BILL(field) offsetof(struct kerf_training_outcome, bill.field)
static const size_t offsets[] = {
    STEP(step_s),
    STEP(part_s),
    STEP(tokens),
    STEP(tokens_per_s_gpu),
    STEP(model_flops),
    STEP(hardware_flops),
    STEP(mfu),
    STEP(memory.used_bytes),
    STEP(memory.capacity_bytes),
    BILL(accelerator_W),
    BILL(facility_W),
    BILL(rated_W),
    BILL(USD_per_s),
    STREAMED(stream_s),
    STREAMED(tokens_to_hide),
    STREAMED(store_bytes),
    COURSE(goodput.share.effective),
    COURSE(mfu),
    COURSE(train_s),
    COURSE(energy_J),
    COURSE(USD),
};
#undef STEP
#undef STREAMED
#undef COURSE
#undef BILL
enum { FIELDS = sizeof fields / sizeof fields[0] };
_Static_assert(sizeof offsets / sizeof offsets[0] == FIELDS, "a place for every field");

/* What the file's view of the study points to. */
struct view {
    char system[KERF_TRAINING_SYSTEMS_MAX][KERF_COSTED_NAME_BYTES],
        title[KERF_TRAINING_SYSTEMS_MAX][KERF_COSTED_NAME_BYTES],
        hardware[KERF_TRAINING_SYSTEMS_MAX][KERF_COSTED_NAME_BYTES],
        limit[KERF_TRAINING_SYSTEMS_MAX][KERF_COSTED_NAME_BYTES],
        column[KERF_COLUMN_COUNT][KERF_COSTED_NAME_BYTES], part[KERF_STEP_PARTS][KERF_COSTED_NAME_BYTES];
    double accelerators[KERF_TRAINING_SYSTEMS_MAX];
    double cells[FIELDS * KERF_TRAINING_SYSTEMS_MAX * KERF_COLUMN_COUNT * KERF_STEP_PARTS];
};

static void name(char *out, const char *text)
{
    snprintf(out, KERF_COSTED_NAME_BYTES, "%s", text);
}

static void fill_view(const struct kerf_training_study *study, struct view *view)
{
    for (int i = 0; i < study->scenario.systems; i++) {
        name(view->system[i], study->scenario.system[i].name);
        name(view->title[i], study->scenario.system[i].title);
        name(view->hardware[i], study->scenario.system[i].hardware);
        name(view->limit[i], kerf_training_limit(&study->cases[i], KERF_COLUMN_NOMINAL));
        view->accelerators[i] = study->scenario.system[i].count;
    }
    for (int c = 0; c < KERF_COLUMN_COUNT; c++)
        name(view->column[c], kerf_column_names[c]);
    for (int p = 0; p < KERF_STEP_PARTS; p++)
        name(view->part[p], kerf_step_part_names[p]);
    size_t at = 0;
    for (int f = 0; f < FIELDS; f++) {
        size_t numbers = fields[f].per_part ? KERF_STEP_PARTS : 1;
        for (int i = 0; i < study->scenario.systems; i++)
            for (int c = 0; c < KERF_COLUMN_COUNT; c++, at += numbers)
                memcpy(view->cells + at, (const char *)&study->cases[i].outcome[c] + offsets[f],
                       numbers * sizeof *view->cells);
    }
}

static void print(FILE *out, const void *study)
{
    kerf_training_study_print(out, study);
}

enum kerf_status kerf_training_study_write(MPI_Comm comm, const struct kerf_training_study *study,
                                           const char *path, const char *version, struct kerf_error *error)
{
    struct view *view = calloc(1, sizeof *view);
    char *table = kerf_costed_table(print, study);
    enum kerf_status status = KERF_OK;
    if (!view || !table)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for a result");
    status = kerf_error_agree(comm, status, error);
    if (status == KERF_OK) {
        fill_view(study, view);
        const struct kerf_costed_result result = {.content = "training",
                                                  .title = study->scenario.title,
                                                  .network = study->network.name,
                                                  .version = version,
                                                  .scenario = study->text,
                                                  .table = table,
                                                  .systems = study->scenario.systems,
                                                  .columns = KERF_COLUMN_COUNT,
                                                  .parts = KERF_STEP_PARTS,
                                                  .fields = FIELDS,
                                                  .system = view->system[0],
                                                  .system_title = view->title[0],
                                                  .hardware = view->hardware[0],
                                                  .limit = view->limit[0],
                                                  .accelerators = view->accelerators,
                                                  .column = view->column[0],
                                                  .part = view->part[0],
                                                  .field = fields,
                                                  .cells = view->cells};
        status = kerf_costed_result_write(comm, path, &result, error);
    }
    free(table);
    free(view);
    return status;
}
