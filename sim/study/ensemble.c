/* The study room: members of an ensemble over groups of ranks. */
#include "sim/study/ensemble.h"

#include "sim/engine/agree.h"
#include "sim/study/crew.h"
#include "sim/study/ensemble_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double *figures_of(const struct kerf_ensemble *e, int member, int system)
{
    return e->figure + ((size_t)member * (size_t)e->systems + (size_t)system) * (size_t)e->figures;
}

double kerf_ensemble_value(const struct kerf_ensemble *e, int member, int system, int figure)
{
    return figures_of(e, member, system)[figure];
}

static enum kerf_status make_room(struct kerf_ensemble *e, struct kerf_error *error)
{
    size_t members = (size_t)e->members;
    e->figure = calloc(members * (size_t)(e->systems * e->figures), sizeof *e->figure);
    e->done = calloc(members, sizeof *e->done);
    KERF_CHECK(e->figure && e->done, KERF_ERR_FAILURE, "out of memory for %d members", e->members);
    return KERF_OK;
}

/* Puts what was drawn for a member into the comparison and plans it; *fits tells whether that is possible.
 * What a plan refuses, it refuses on every rank. */
static enum kerf_status plan_member(struct kerf_ensemble *e, int member, bool *fits, struct kerf_error *error)
{
    enum kerf_status status =
        kerf_uncertain_set(e->comparison, &e->source, &e->uncertain,
                           &e->value[(size_t)member * (size_t)e->uncertain.count], error);
    if (status == KERF_OK)
        status = kerf_comparison_replan(e->comparison, error);
    *fits = status == KERF_OK;
    return status == KERF_ERR_USAGE ? KERF_OK : status;
}

static enum kerf_status simulate(struct kerf_ensemble *e, int member, struct kerf_error *error)
{
    const struct kerf_engine_calls calls = {0};
    enum kerf_wish stopped;
    bool fits;
    KERF_TRY(plan_member(e, member, &fits, error));
    e->done[member] = fits ? KERF_MEMBER_RAN : KERF_MEMBER_IMPOSSIBLE;
    for (int i = 0; i < e->systems * e->figures; i++)
        figures_of(e, member, 0)[i] = NAN;
    if (!fits)
        return KERF_OK;
    KERF_TRY(kerf_comparison_run(e->comparison, &calls, &stopped, error));
    for (int system = 0; system < e->systems; system++) {
        const char *summary = (const char *)&kerf_comparison_case(e->comparison, system, 0)->summary;
        for (int figure = 0; figure < e->figures; figure++)
            memcpy(&figures_of(e, member, system)[figure],
                   summary + kerf_summary_fields[kerf_summary_scalar(figure)].offset, sizeof(double));
    }
    return KERF_OK;
}

/* Members of this part that were not done at the start, in order. */
struct open_members {
    int count, *member; /* owned */
};

static enum kerf_status list_open(const struct kerf_ensemble *e, const struct kerf_ensemble_options *options,
                                  struct open_members *open, struct kerf_error *error)
{
    *open = (struct open_members){.member = calloc((size_t)e->members, sizeof *open->member)};
    KERF_CHECK(open->member, KERF_ERR_FAILURE, "out of memory for %d members", e->members);
    for (int m = 0; m < e->members; m++)
        if (e->done[m] == KERF_MEMBER_OPEN && (options->parts == 0 || m % options->parts == options->part))
            open->member[open->count++] = m;
    return KERF_OK;
}

/* Every rank gets the members of this round from the first rank of the crew that simulated them. */
static void share_round(const struct kerf_crew *crew, struct kerf_ensemble *e,
                        const struct open_members *open, int first)
{
    for (int i = 0; i < crew->crews && first + i < open->count; i++) {
        int member = open->member[first + i];
        MPI_Bcast(figures_of(e, member, 0), e->systems * e->figures, MPI_DOUBLE, i * crew->ranks,
                  crew->world);
        MPI_Bcast(&e->done[member], 1, MPI_DOUBLE, i * crew->ranks, crew->world);
        e->simulated++;
    }
}

static enum kerf_status keep(const struct kerf_crew *crew, const struct kerf_ensemble *e,
                             const struct kerf_ensemble_options *options, struct kerf_error *error)
{
    return options->kept ? kerf_ensemble_keep(crew->world, options->kept, e, error) : KERF_OK;
}

static enum kerf_status work(const struct kerf_crew *crew, struct kerf_ensemble *e,
                             const struct kerf_ensemble_options *options, struct kerf_error *error)
{
    struct open_members open;
    KERF_TRY(list_open(e, options, &open, error));
    double start_s = MPI_Wtime(), kept_s = start_s;
    enum kerf_status status = KERF_OK;
    for (int first = 0; status == KERF_OK && first < open.count && !e->stopped; first += crew->crews) {
        if (first + crew->number < open.count)
            status = simulate(e, open.member[first + crew->number], error);
        status = kerf_error_agree(crew->world, status, error);
        if (status != KERF_OK)
            break;
        share_round(crew, e, &open, first);
        if (options->progress && crew->number == 0 && crew->leads)
            options->progress(first + crew->crews, open.count);
        double wish[2] = {options->stop_asked && options->stop_asked(),
                          MPI_Wtime() - kept_s > options->every_s};
        MPI_Bcast(&wish[1], 1, MPI_DOUBLE, 0, crew->world);
        MPI_Allreduce(MPI_IN_PLACE, wish, 1, MPI_DOUBLE, MPI_MAX, crew->world);
        e->stopped = wish[0] > 0.0;
        if (e->stopped || wish[1] > 0.0) {
            status = keep(crew, e, options, error);
            kept_s = MPI_Wtime();
        }
    }
    e->wall_s = MPI_Wtime() - start_s;
    free(open.member);
    return status;
}

/* Keeps the scenario's overrides, and adds that only the nominal column is wanted. */
static enum kerf_status keep_source(struct kerf_ensemble *e, const struct kerf_scenario_source *source,
                                    struct kerf_error *error)
{
    e->set = calloc((size_t)source->sets + 1, sizeof *e->set);
    KERF_CHECK(e->set, KERF_ERR_FAILURE, "out of memory for %d overrides", source->sets);
    for (int i = 0; i < source->sets; i++)
        e->set[i] = source->set[i];
    e->set[source->sets] = "columns=nominal";
    e->source = *source;
    e->source.set = e->set;
    e->source.sets++;
    return KERF_OK;
}

enum kerf_status kerf_ensemble_open(MPI_Comm comm, const struct kerf_scenario_source *source,
                                    const char *const *catalogs, const struct kerf_design *design,
                                    struct kerf_ensemble *e, struct kerf_error *error)
{
    KERF_TRY(keep_source(e, source, error));
    KERF_TRY(kerf_comparison_open_source(comm, &e->source, catalogs, &e->comparison, error));
    KERF_TRY(kerf_uncertain_find(e->comparison, &e->uncertain, error));
    KERF_TRY(kerf_design_make(design, &e->uncertain, &e->comparison->scenario.correlations, &e->design,
                              &e->value, error));
    e->members = e->design.members;
    e->systems = e->comparison->scenario.systems;
    e->figures = kerf_summary_scalars();
    return make_room(e, error);
}

enum kerf_status kerf_ensemble_run(MPI_Comm comm, const struct kerf_scenario_source *source,
                                   const char *const *catalogs, const struct kerf_ensemble_options *options,
                                   struct kerf_ensemble *ensemble, struct kerf_error *error)
{
    struct kerf_crew crew;
    *ensemble = (struct kerf_ensemble){0};
    KERF_TRY(kerf_crew_make(comm, options->ranks_per_member, "--ranks-per-member", &crew, error));
    enum kerf_status status =
        kerf_ensemble_open(crew.comm, source, catalogs, &options->design, ensemble, error);
    status = kerf_error_agree(comm, status, error);
    if (status == KERF_OK && options->kept)
        status = kerf_ensemble_go_on(comm, options->kept, ensemble, error);
    if (status == KERF_OK)
        status = work(&crew, ensemble, options, error);
    /* The comparison keeps no communicator that it frees. */
    if (ensemble->comparison && ensemble->comparison->engine) {
        kerf_engine_free(ensemble->comparison->engine);
        ensemble->comparison->engine = NULL;
    }
    kerf_crew_free(&crew);
    return status;
}

void kerf_ensemble_free(struct kerf_ensemble *e)
{
    kerf_comparison_free(e->comparison);
    kerf_uncertain_free(&e->uncertain);
    kerf_design_free(&e->design);
    free(e->set);
    free(e->kept_scenario);
    free(e->kept_sets);
    free(e->value);
    free(e->figure);
    free(e->done);
    *e = (struct kerf_ensemble){0};
}

int kerf_ensemble_count(const struct kerf_ensemble *e, enum kerf_member state)
{
    int count = 0;
    for (int m = 0; m < e->members; m++)
        count += e->done[m] == state;
    return count;
}

int kerf_ensemble_impossible(const struct kerf_ensemble *e)
{
    return kerf_ensemble_count(e, KERF_MEMBER_IMPOSSIBLE);
}

int kerf_ensemble_values(const struct kerf_ensemble *e, int system, int figure, int base, double *values)
{
    int count = 0;
    for (int m = 0; m < e->members; m++) {
        if (e->done[m] != KERF_MEMBER_RAN)
            continue;
        values[count] = kerf_ensemble_value(e, m, system, figure);
        if (base >= 0)
            values[count] /= kerf_ensemble_value(e, m, base, figure);
        count++;
    }
    return count;
}

double kerf_ensemble_noise(const struct kerf_ensemble *e)
{
    return 4.0 / (e->members - kerf_ensemble_impossible(e));
}

/* Square of the correlation of the logarithms of a value and of an answer, with the sign of the slope. */
static double signed_share(const struct kerf_ensemble *e, int leaf, const double *values)
{
    bool logarithmic = e->uncertain.leaf[leaf].low > 0.0;
    double sx = 0.0, sy = 0.0, sxx = 0.0, syy = 0.0, sxy = 0.0, n = 0.0;
    for (int m = 0, i = 0; m < e->members; m++) {
        if (e->done[m] != KERF_MEMBER_RAN)
            continue;
        double drawn = e->value[m * e->uncertain.count + leaf];
        double x = logarithmic ? log(drawn) : drawn, y = log(values[i++]);
        sx += x;
        sy += y;
        sxx += x * x;
        syy += y * y;
        sxy += x * y;
        n++;
    }
    double covariance = sxy - sx * sy / n, vx = sxx - sx * sx / n, vy = syy - sy * sy / n;
    double square = vx > 0.0 && vy > 0.0 ? covariance * covariance / (vx * vy) : 0.0;
    return covariance < 0.0 ? -square : square;
}

void kerf_ensemble_shares(const struct kerf_ensemble *e, const double *values, uint32_t systems,
                          double *share)
{
    for (int k = 0; k < e->uncertain.count; k++) {
        double found = e->uncertain.leaf[k].systems & systems ? signed_share(e, k, values) : 0.0;
        share[k] = fabs(found) > kerf_ensemble_noise(e) ? found : 0.0;
    }
}
