/* The study room: the choice among layouts that a row leaves open. */
#include "sim/study/training_choice.h"

#include <string.h>

/* Choices of one field; `count` 1 and the stated value where the row states it. */
struct choices {
    int count, value[16];
};

static struct choices stated(int value)
{
    return (struct choices){1, {value}};
}

static struct choices micro_batches(const struct kerf_training_row *row)
{
    return row->open_micro_batch ? (struct choices){8, {1, 2, 4, 8, 16, 32, 48, 96}}
                                 : stated(row->job.layout.micro_batch);
}

/* Recomputation as a number: the policy, and with full its share of a stage's layers in quarters. */
enum { QUARTERS = 4 };

static struct choices recomputes(const struct kerf_training_row *row)
{
    static const int full = QUARTERS * KERF_RECOMPUTE_FULL;
    return row->open_recompute
               ? (struct choices){6,
                                  {QUARTERS * KERF_RECOMPUTE_NONE, QUARTERS * KERF_RECOMPUTE_SELECTIVE,
                                   full + 1, full + 2, full + 3, full}}
               : stated(QUARTERS * (int)row->job.recompute);
}

static void set_recompute(struct kerf_training_job *job, int choice)
{
    const struct kerf_decoder_dims *dims = &job->network->decoder;
    int layers = (dims->layers_dense + dims->layers_moe) / job->layout.pipeline, quarters = choice % QUARTERS;
    job->recompute = (enum kerf_recompute)(choice / QUARTERS);
    job->recompute_layers = quarters > 0 ? (layers * quarters + QUARTERS - 1) / QUARTERS : 0;
}

static struct choices virtual_stages(const struct kerf_training_row *row)
{
    return row->open_virtual ? (struct choices){8, {1, 2, 3, 4, 5, 6, 7, 8}}
                             : stated(row->job.layout.virtual_stages);
}

/* Tensor parallelism within a node; with it pipeline stages, where the product is all that is known. */
static struct choices tensors(const struct kerf_training_row *row)
{
    return row->open_split ? (struct choices){4, {1, 2, 4, 8}} : stated(row->job.layout.tensor);
}

static struct choices pipelines(const struct kerf_training_row *row, int tensor)
{
    if (!row->open_split)
        return stated(row->job.layout.pipeline);
    if (row->model_parallel > 0)
        return stated(row->model_parallel % tensor == 0 ? row->model_parallel / tensor : 0);
    return (struct choices){5, {1, 2, 4, 8, 16}};
}

struct search {
    const struct kerf_training_machine *machine;
    struct kerf_training_step best;
    struct kerf_training_job job;
    bool found;
};

static bool is_better(const struct kerf_training_step *one, const struct kerf_training_step *other)
{
    if (one->memory.fits != other->memory.fits)
        return one->memory.fits;
    return one->memory.fits ? one->step_s < other->step_s : one->memory.used_bytes < other->memory.used_bytes;
}

static enum kerf_status try_one(struct search *search, const struct kerf_training_job *job,
                                struct kerf_error *error)
{
    struct kerf_training_step step;
    KERF_TRY(kerf_training_step(search->machine, job, &step, error));
    if (!search->found || is_better(&step, &search->best)) {
        search->best = step;
        search->job = *job;
        search->found = true;
    }
    return KERF_OK;
}

static void try_all(struct search *search, const struct kerf_training_row *row, enum kerf_sharding sharding,
                    struct kerf_error *last)
{
    struct kerf_training_job job = row->job;
    struct choices tensor = tensors(row), micro = micro_batches(row), again = recomputes(row),
                   chunks = virtual_stages(row);
    job.layout.sharding = sharding;
    for (int t = 0; t < tensor.count; t++) {
        struct choices pipeline = pipelines(row, tensor.value[t]);
        for (int i = 0; i < pipeline.count * micro.count * again.count * chunks.count; i++) {
            int rest = i;
            job.layout.tensor = tensor.value[t];
            job.layout.pipeline = pipeline.value[rest % pipeline.count];
            rest /= pipeline.count;
            job.layout.micro_batch = micro.value[rest % micro.count];
            rest /= micro.count;
            if (job.layout.pipeline > 0)
                set_recompute(&job, again.value[rest % again.count]);
            job.layout.virtual_stages = chunks.value[rest / again.count];
            struct kerf_error why = {0};
            if (try_one(search, &job, &why) != KERF_OK)
                *last = why;
        }
    }
}

enum kerf_status kerf_training_choose(const struct kerf_training_machine *machine,
                                      struct kerf_training_row *row, struct kerf_training_step *step,
                                      struct kerf_error *error)
{
    struct search search = {.machine = machine};
    struct kerf_error last = {0};
    try_all(&search, row, row->job.layout.sharding, &last);
    /* What does not fit in any way was sharded, whatever the table's column says. */
    if (search.found && !search.best.memory.fits)
        try_all(&search, row, KERF_SHARDING_PARAMETERS, &last);
    KERF_CHECK(search.found, KERF_ERR_USAGE, "%s", last.message);
    row->job = search.job;
    row->job.exact = true;
    return kerf_training_step(machine, &row->job, step, error);
}
