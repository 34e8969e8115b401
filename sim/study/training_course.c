/* The study room: from the keys of a scenario to goodput. */
#include "sim/study/training_course.h"

#include <math.h>

enum { KINDS = 4 };

void kerf_training_wait_for_input(struct kerf_training_step *step, double samples, double samples_per_s)
{
    double with_s = kerf_step_with_input_s(step->step_s, samples, 1.0, samples_per_s);
    double slower = step->step_s / with_s;
    step->part_s[KERF_STEP_INPUT] += with_s - step->step_s;
    step->step_s = with_s;
    step->tokens_per_s_gpu *= slower;
    step->model_flops_gpu *= slower;
    step->hardware_flops_gpu *= slower;
    step->mfu *= slower;
}

/* Kinds that fail; those without a time of their own are left out. */
static size_t list_parts(const struct kerf_course_spec *course, const struct kerf_training_parts *parts,
                         struct kerf_failing_part part[KINDS])
{
    bool repaired = course->repair_s > 0.0;
    double accelerator_s = course->accelerator_mtbf_s > 0.0 ? course->accelerator_mtbf_s : parts->mtbf_s;
    const struct kerf_failing_part all[KINDS] = {
        {"accelerators", parts->accelerators, accelerator_s, repaired},
        {"hosts", parts->hosts, course->host_mtbf_s, repaired},
        {"the network", parts->accelerators, course->network_mtbf_s, false},
        {"the job", 1.0, course->job_mtbf_s, false},
    };
    size_t count = 0;
    for (size_t i = 0; i < KINDS; i++)
        if (all[i].mtbf_s > 0.0)
            part[count++] = all[i];
    return count;
}

static enum kerf_status find_goodput(const struct kerf_course_spec *course,
                                     const struct kerf_training_parts *parts, struct kerf_goodput *goodput,
                                     struct kerf_error *error)
{
    struct kerf_failing_part part[KINDS];
    KERF_CHECK(
        course->accelerator_mtbf_s > 0.0 ||
            (course->host_mtbf_s <= 0.0 && course->network_mtbf_s <= 0.0 && course->job_mtbf_s <= 0.0),
        KERF_ERR_USAGE,
        "failures: the catalog's time between failures counts hosts, network and software already; give "
        "accelerator_mtbf beside host_mtbf, network_mtbf or job_mtbf");
    const struct kerf_reliability reliability = {
        .part = part,
        .parts = list_parts(course, parts, part),
        .detection_s = course->detection_s,
        .restart_s = course->restart_s,
        .repair_s = course->repair_s,
        .spares = course->spares,
        .checkpoint = {.bytes = parts->checkpoint_bytes,
                       .snapshot_Bps = course->snapshot_Bps,
                       .storage_Bps = course->storage_Bps > 0.0 ? course->storage_Bps : parts->storage_Bps},
        .interval_s = course->interval_s,
        .planned_every_s = course->planned_every_s,
        .planned_s = course->planned_s,
        .accelerators = parts->accelerators,
        .straggler_mtbf_s = course->straggler_mtbf_s,
        .straggler_found_s = course->straggler_found_s,
        .straggler_factor = course->straggler_factor};
    return kerf_goodput_of(&reliability, goodput, error);
}

enum kerf_status kerf_training_course_of(const struct kerf_training_system_spec *spec,
                                         const struct kerf_training_parts *parts,
                                         const struct kerf_training_step *step, const struct kerf_bill *bill,
                                         struct kerf_training_course *course, struct kerf_error *error)
{
    double budget = spec->training.budget_tokens;
    *course = (struct kerf_training_course){.goodput.share.effective = 1.0};
    if (spec->course.fails)
        KERF_TRY(find_goodput(&spec->course, parts, &course->goodput, error));
    course->mfu = step->mfu * course->goodput.share.effective;
    if (budget <= 0.0)
        return KERF_OK;
    course->steps = ceil(budget / step->tokens);
    course->train_s = kerf_time_to_train_s(&course->goodput, budget, step->tokens, step->step_s);
    course->energy_J = course->train_s * bill->facility_W;
    course->USD = course->train_s * bill->USD_per_s;
    return KERF_OK;
}
