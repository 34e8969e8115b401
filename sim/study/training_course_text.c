/* The study room: the long run of training scenarios, in words and numbers. */
#include "sim/study/training_lines.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

#define GOODPUT(function, field)                                                                             \
    static double function(const struct kerf_training_outcome *outcome)                                      \
    {                                                                                                        \
        return outcome->course.field;                                                                        \
    }
GOODPUT(mtbf, goodput.mtbf_s)
GOODPUT(interval, goodput.interval_s)
GOODPUT(young, goodput.young_s)
GOODPUT(daly, goodput.daly_s)
GOODPUT(stall, goodput.stall_s)
GOODPUT(effective, goodput.share.effective)
GOODPUT(checkpoints, goodput.share.checkpoints)
GOODPUT(rework, goodput.share.rework)
GOODPUT(down, goodput.share.down)
GOODPUT(straggling, goodput.share.straggling)
GOODPUT(waiting, goodput.share.waiting)
GOODPUT(planned, goodput.share.planned)
GOODPUT(mfu, mfu)
GOODPUT(steps, steps)
GOODPUT(train_s, train_s)
GOODPUT(energy_J, energy_J)
GOODPUT(USD, USD)
#undef GOODPUT

static const struct kerf_training_line *failure_lines(size_t *count)
{
    static const struct kerf_training_line lines[] = {
        {"  between failures", "h", 1.0 / 3600.0, mtbf},
        {"  checkpoint every", "min", 1.0 / 60.0, interval},
        {"    best after Young", "min", 1.0 / 60.0, young},
        {"    best after Daly", "min", 1.0 / 60.0, daly},
        {"    a checkpoint stops it for", "s", 1.0, stall},
        {"  effective time", "%", 100.0, effective},
        {"    checkpoints", "%", 100.0, checkpoints},
        {"    rework", "%", 100.0, rework},
        {"    down", "%", 100.0, down},
        {"    straggling", "%", 100.0, straggling},
        {"    waiting for spares", "%", 100.0, waiting},
        {"    planned stops", "%", 100.0, planned},
        {"  MFU of the job's time", "%", 100.0, mfu},
    };
    *count = COUNT_OF(lines);
    return lines;
}

static const struct kerf_training_line *budget_lines(size_t *count)
{
    static const struct kerf_training_line lines[] = {
        {"  steps", "", 1.0, steps},
        {"  time to train", "d", 1.0 / 86400.0, train_s},
        {"  energy to train", "MWh", 1.0 / 3.6e9, energy_J},
        {"  cost to train", "million USD", 1e-6, USD},
    };
    *count = COUNT_OF(lines);
    return lines;
}

/* Whether a line is 0 wherever it is shown: what was not asked for. */
static bool is_empty(const struct kerf_training_line *line, const struct kerf_training_case *one,
                     struct kerf_shown_columns shown)
{
    for (int c = shown.first; c < shown.end; c++)
        if (line->of(&one->outcome[c]) != 0.0)
            return false;
    return true;
}

void kerf_training_course_print(FILE *out, const struct kerf_training_study *study, int system)
{
    const struct kerf_training_system_spec *spec = &study->scenario.system[system];
    const struct kerf_training_case *one = &study->cases[system];
    struct kerf_shown_columns shown = kerf_training_shown(study);
    size_t count;
    if (spec->course.fails) {
        const struct kerf_training_line *lines = failure_lines(&count);
        fprintf(out, "  of the job\n");
        for (size_t i = 0; i < count; i++)
            if (!is_empty(&lines[i], one, shown))
                kerf_training_lines_print(out, &lines[i], 1, one, shown);
    }
    if (spec->training.budget_tokens > 0.0) {
        const struct kerf_training_line *lines = budget_lines(&count);
        fprintf(out, "  for %.4g tokens\n", spec->training.budget_tokens);
        kerf_training_lines_print(out, lines, count, one, shown);
    }
}
