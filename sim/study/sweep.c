/* The study room: points of a sweep over groups of ranks. */
#include "sim/study/sweep.h"

#include "sim/engine/agree.h"
#include "sim/study/crew.h"
#include "sim/study/sweep_file.h"
#include "sim/study/sweep_points.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a point's scenario has instead of the sweep. The texts live in the sweep. */
static struct kerf_scenario_source source_of(const struct kerf_sweep *sweep, int point,
                                             const struct kerf_scenario_source *source,
                                             struct kerf_scenario_value value[KERF_SWEEP_KEYS_MAX])
{
    const struct kerf_sweep_point *at = &sweep->point[point];
    struct kerf_scenario_source one = *source;
    one.text = sweep->scenario_text;
    one.only_system = sweep->scenario.system[at->system].name;
    one.values = kerf_sweep_values(sweep, at->system, at->value, value);
    one.value = value;
    return one;
}

/* Without "FILE:LINE: ": where the file lies is no matter to the point. */
static void keep_reason(struct kerf_sweep_row *row, const char *path, const struct kerf_error *error)
{
    const char *said = error->message, *behind = strstr(said, ": ");
    if (strncmp(said, path, strlen(path)) == 0 && behind)
        said = behind + 2;
    snprintf(row->reason, sizeof row->reason, "%s", said);
}

static enum kerf_status simulate(const struct kerf_crew *crew, const struct kerf_sweep *sweep,
                                 const struct kerf_scenario_source *source, const char *const *catalogs,
                                 int point, struct kerf_error *error)
{
    struct kerf_scenario_value value[KERF_SWEEP_KEYS_MAX];
    const struct kerf_scenario_source one = source_of(sweep, point, source, value);
    const struct kerf_engine_calls calls = {0};
    struct kerf_comparison *comparison = NULL;
    enum kerf_wish stopped;
    enum kerf_status status = kerf_comparison_open_source(crew->comm, &one, catalogs, &comparison, error);
    status = kerf_error_agree(crew->comm, status, error);
    if (status == KERF_OK)
        status = kerf_comparison_run(comparison, &calls, &stopped, error);
    for (int column = 0; status == KERF_OK && column < sweep->columns; column++) {
        const char *summary = (const char *)&kerf_comparison_case(comparison, 0, column)->summary;
        for (int figure = 0; figure < sweep->figures; figure++)
            memcpy(kerf_sweep_figures(sweep, point, column) + figure,
                   summary + kerf_summary_fields[kerf_summary_scalar(figure)].offset, sizeof(double));
    }
    kerf_comparison_free(comparison);
    return status;
}

static void settle(const struct kerf_crew *crew, const struct kerf_sweep *sweep,
                   const struct kerf_scenario_source *source, const char *const *catalogs, int point)
{
    struct kerf_sweep_row *row = kerf_sweep_row(sweep, point);
    struct kerf_error error = {0};
    row->state = KERF_SWEEP_DONE;
    if (simulate(crew, sweep, source, catalogs, point, &error) != KERF_OK) {
        memset(row, 0, sweep->row_bytes);
        row->state = KERF_SWEEP_REFUSED;
        keep_reason(row, source->path, &error);
    }
}

/* The `nth` point of this part that is open, -1 if there are fewer. */
static int open_point(const struct kerf_sweep *sweep, const bool *open, int nth)
{
    for (int p = sweep->part; p < sweep->points; p += sweep->parts)
        if (open[p] && nth-- == 0)
            return p;
    return -1;
}

/* The slice of the work between two writes of the file. Every crew takes points until time is up. */
static bool work_for(struct kerf_crew *crew, struct kerf_sweep *sweep,
                     const struct kerf_scenario_source *source, const char *const *catalogs,
                     const struct kerf_sweep_options *options, const bool *open)
{
    const double start_s = MPI_Wtime();
    const int before = sweep->points - kerf_sweep_count(sweep, KERF_SWEEP_OPEN);
    bool stops = false;
    for (;;) {
        int wish[2] = {options->stop_asked && options->stop_asked(),
                       MPI_Wtime() - start_s > options->every_s};
        MPI_Allreduce(MPI_IN_PLACE, wish, 2, MPI_INT, MPI_MAX, crew->comm);
        stops = wish[0];
        if (wish[0] || wish[1])
            return stops;
        int nth = kerf_crew_take(crew), point = open_point(sweep, open, nth);
        if (point < 0)
            return false;
        settle(crew, sweep, source, catalogs, point);
        if (options->progress && crew->leads && crew->number == 0)
            options->progress(before + nth + 1, sweep->points);
    }
}

static enum kerf_status work(struct kerf_crew *crew, struct kerf_sweep *sweep,
                             const struct kerf_scenario_source *source, const char *const *catalogs,
                             const struct kerf_sweep_options *options, struct kerf_error *error)
{
    bool *open = calloc((size_t)sweep->points, sizeof *open);
    KERF_CHECK(open, KERF_ERR_FAILURE, "out of memory for %d points", sweep->points);
    const double start_s = MPI_Wtime();
    const int open_before = kerf_sweep_count(sweep, KERF_SWEEP_OPEN);
    enum kerf_status status = KERF_OK;
    while (status == KERF_OK && !sweep->stopped) {
        for (int p = 0; p < sweep->points; p++)
            open[p] = kerf_sweep_row(sweep, p)->state == KERF_SWEEP_OPEN;
        if (open_point(sweep, open, 0) < 0)
            break;
        kerf_crew_rewind(crew);
        int stops = work_for(crew, sweep, source, catalogs, options, open);
        MPI_Allreduce(MPI_IN_PLACE, &stops, 1, MPI_INT, MPI_MAX, crew->world);
        sweep->stopped = stops;
        kerf_crew_join(crew, sweep->row, (size_t)sweep->points * sweep->row_bytes);
        if (options->kept)
            status = kerf_sweep_keep(crew->world, options->kept, sweep, error);
    }
    sweep->stopped = sweep->stopped && open_point(sweep, open, 0) >= 0;
    sweep->simulated = open_before - kerf_sweep_count(sweep, KERF_SWEEP_OPEN);
    sweep->wall_s = MPI_Wtime() - start_s;
    free(open);
    return status;
}

/* A sweep without any point that works is a mistake, and the first reason says which. */
static enum kerf_status check_some_done(const struct kerf_sweep *sweep, const char *path,
                                        struct kerf_error *error)
{
    if (sweep->stopped || kerf_sweep_count(sweep, KERF_SWEEP_DONE) > 0)
        return KERF_OK;
    for (int p = 0; p < sweep->points; p++) {
        char text[256];
        kerf_sweep_point_text(sweep, p, text, sizeof text);
        if (kerf_sweep_row(sweep, p)->state == KERF_SWEEP_REFUSED)
            return kerf_error_set(error, KERF_ERR_USAGE,
                                  "%s: sweep: none of its points can be simulated; the first (%s): %s", path,
                                  text, kerf_sweep_row(sweep, p)->reason);
    }
    return KERF_OK; /* a part without points */
}

enum kerf_status kerf_sweep_run(MPI_Comm comm, const struct kerf_scenario_source *source,
                                const char *const *catalogs, const struct kerf_sweep_options *options,
                                struct kerf_sweep *sweep, struct kerf_error *error)
{
    struct kerf_crew crew;
    sweep->part = options->part;
    sweep->parts = options->parts;
    KERF_TRY(kerf_crew_make(comm, options->ranks_per_point, "--ranks-per-point", &crew, error));
    enum kerf_status status = KERF_OK;
    if (options->kept)
        status = kerf_sweep_go_on(comm, options->kept, false, sweep, error);
    for (int i = 0; i < options->joins && status == KERF_OK; i++)
        status = kerf_sweep_go_on(comm, options->joined[i], true, sweep, error);
    if (status == KERF_OK && !options->only_joins)
        status = work(&crew, sweep, source, catalogs, options, error);
    if (status == KERF_OK)
        status = check_some_done(sweep, source->path, error);
    kerf_crew_free(&crew);
    return status;
}
