/* The study room: fits a library of collectives. Knows which leaves a family has. */
#include "sim/study/collective_fit.h"

#include "sim/io/text_file.h"
#include "sim/study/leaf_fit_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where the library changes protocols, rows are far off whatever the leaves. Beyond this error a row counts
 * in proportion to it and no more by its square: pseudo-Huber loss (Hartley and Zisserman, Multiple View
 * Geometry, 2nd edition, section A6.8). */
static const double tolerance = 0.1;
/* Sizes within this factor err together. */
static const double octaves = 8.0;

/* Leaves of a family, and whether its times are smooth in them: of several algorithms the fastest is taken.
 */
static const struct {
    bool smooth;
    const char *leaf[KERF_FITTED_LEAVES_MAX];
} families[KERF_FAMILIES] = {
    [KERF_FAMILY_RINGS] = {.leaf = {"launch_s", "hop_s", "ll_share", "ll128_extra_s", "ll128_share",
                                    "simple_floor_s", "simple_hop_s", "simple_share", "fill_steps",
                                    "nvls_rank_s", "nvls_share"}},
    [KERF_FAMILY_ALL_TO_ALL] = {.leaf = {"alltoall_launch_s", "alltoall_rank_s", "alltoall_peer_share",
                                         "alltoall_simple_floor_s", "alltoall_simple_rank_s",
                                         "alltoall_share", "alltoall_fill_steps"}},
    [KERF_FAMILY_IN_GRAPH] = {.leaf = {"one_shot_floor_s", "one_shot_rank_s", "one_shot_share",
                                       "two_shot_floor_s", "two_shot_rank_s", "two_shot_share"}},
    [KERF_FAMILY_DISPATCH] = {.smooth = true,
                              .leaf = {"dispatch_floor_s", "dispatch_rank_s", "dispatch_expert_s",
                                       "dispatch_share", "dispatch_expert_Bps"}},
    [KERF_FAMILY_COMBINE] = {.smooth = true,
                             .leaf = {"combine_floor_s", "combine_rank_s", "combine_expert_s",
                                      "combine_share", "combine_own_copies"}},
};

/* One row of the family, wherever it stands. */
struct place {
    const struct kerf_collective_row *row;
    const struct kerf_cluster *cluster;
    int group; /* rows that err together */
};

struct problem {
    struct kerf_collective_fit *fit;
    struct place *place; /* owned: fitted rows first */
    int places, fitted, groups;
    const char *key[KERF_FITTED_LEAVES_MAX];
};

static double ratio_of(const struct place *place, const void *params)
{
    return kerf_collective_row_predict_s(params, place->cluster, place->row) / place->row->measured_s;
}

static double log_error(const void *context, int row, const void *params)
{
    double error = log(ratio_of(&((const struct problem *)context)->place[row], params));
    return copysign(tolerance * sqrt(2.0 * (hypot(1.0, error / tolerance) - 1.0)), error);
}

static int group_of(const void *context, int row)
{
    return ((const struct problem *)context)->place[row].group;
}

static enum kerf_status read_tables(MPI_Comm comm, struct kerf_catalog *catalog,
                                    struct kerf_collective_fit *f, struct kerf_error *error)
{
    bool exchange = f->request.family == KERF_FAMILY_DISPATCH || f->request.family == KERF_FAMILY_COMBINE;
    KERF_CHECK(f->request.files <= KERF_COLLECTIVE_TABLES_MAX, KERF_ERR_USAGE, "more than %d tables",
               KERF_COLLECTIVE_TABLES_MAX);
    for (int i = 0; i < f->request.files; i++) {
        const char *file = f->request.file[i];
        char *text;
        struct kerf_csv *csv;
        KERF_TRY(kerf_text_file_read(comm, file, &text, error));
        enum kerf_status status = kerf_csv_parse(text, file, &csv, error);
        free(text);
        KERF_TRY(status);
        enum kerf_collective_layout layout = exchange ? KERF_COLLECTIVE_EXCHANGES : KERF_COLLECTIVE_SIZES;
        status = kerf_collective_check(csv, layout, file, error);
        if (status == KERF_OK)
            status = kerf_collective_set_read(catalog, csv, file, layout, f->request.hardware,
                                              f->request.every, &f->set[i], error);
        kerf_csv_free(csv);
        KERF_TRY(status);
    }
    return KERF_OK;
}

static enum kerf_status find_origin(struct kerf_collective_fit *f, struct kerf_error *error)
{
    f->origin = f->set[0].part[0];
    for (int i = 0; i < f->request.files; i++)
        for (int p = 0; p < f->set[i].parts; p++)
            KERF_CHECK(strcmp(f->set[i].part[p]->library.name, f->origin->library.name) == 0, KERF_ERR_USAGE,
                       "%s: %s runs %s, %s runs %s; tables of one library are wanted", f->set[i].file,
                       f->set[i].part[p]->called, f->set[i].part[p]->library.name, f->origin->called,
                       f->origin->library.name);
    f->params = f->origin->params[KERF_COLUMN_NOMINAL];
    return KERF_OK;
}

/* Whether two rows are alike but for the size within a few octaves. */
static bool err_together(const struct place *a, const struct place *b)
{
    const struct kerf_collective_row *l = a->row, *r = b->row;
    double sizes = kerf_collective_row_bytes(l) / kerf_collective_row_bytes(r);
    bool exchange = l->family == KERF_FAMILY_DISPATCH || l->family == KERF_FAMILY_COMBINE;
    if (exchange)
        return a->cluster == b->cluster && l->exchange.experts == r->exchange.experts &&
               l->exchange.top_k == r->exchange.top_k &&
               l->exchange.bytes_per_copy == r->exchange.bytes_per_copy;
    return l->call.op == r->call.op && l->call.ranks == r->call.ranks && a->cluster == b->cluster &&
           sizes < octaves && sizes > 1.0 / octaves;
}

static void add_places(struct problem *p, bool held)
{
    const struct kerf_collective_fit *f = p->fit;
    for (int i = 0; i < f->request.files; i++)
        for (int row = 0; row < f->set[i].rows; row++) {
            const struct kerf_collective_row *in = &f->set[i].row[row];
            if (in->family != f->request.family || in->refused || in->held != held)
                continue;
            struct place *place = &p->place[p->places++];
            *place = (struct place){.row = in,
                                    .cluster = &f->set[i].part_of_row[row]->cluster[KERF_COLUMN_NOMINAL]};
            int other = 0;
            while (other < p->places - 1 && !err_together(place, &p->place[other]))
                other++;
            place->group = other < p->places - 1 ? p->place[other].group : p->groups++;
        }
}

static enum kerf_status gather(struct problem *p, struct kerf_error *error)
{
    const struct kerf_collective_fit *f = p->fit;
    size_t most = 1;
    for (int i = 0; i < f->request.files; i++)
        most += (size_t)f->set[i].rows;
    p->place = malloc(most * sizeof *p->place);
    KERF_CHECK(p->place, KERF_ERR_FAILURE, "out of memory for %zu rows", most);
    add_places(p, false);
    p->fitted = p->places;
    add_places(p, true);
    KERF_CHECK(p->places > 0, KERF_ERR_USAGE, "%s: no rows of %s", f->set[0].file,
               kerf_collective_family_name(f->request.family));
    for (int i = 0; i < p->places; i++)
        KERF_CHECK(ratio_of(&p->place[i], &f->params) > 0.0, KERF_ERR_USAGE,
                   "%s cannot run %s on these ranks", f->origin->library.name,
                   kerf_collective_metric(p->place[i].row));
    return KERF_OK;
}

static double ranks_of(const struct kerf_collective_row *row)
{
    return row->exchange.ranks > 0.0 ? row->exchange.ranks : row->call.ranks;
}

/* The leaves that can be told apart: with one number of ranks, a time per rank is not from a time per call.
 */
static void choose_keys(struct problem *p)
{
    bool several = false;
    int count = 0;
    for (int i = 1; i < p->fitted; i++)
        several = several || ranks_of(p->place[i].row) != ranks_of(p->place[0].row);
    for (const char *const *key = families[p->fit->request.family].leaf; *key; key++) {
        size_t length = strlen(*key);
        if (several || length < 7 || strcmp(*key + length - 7, "_rank_s") != 0)
            p->key[count++] = *key;
    }
}

static enum kerf_status solve(struct problem *p, struct kerf_error *error)
{
    struct kerf_collective_fit *f = p->fit;
    choose_keys(p);
    const struct kerf_leaf_fit fit = {.what = f->set[0].file,
                                      .start = &f->origin->library,
                                      .key = p->key,
                                      .most = INFINITY,
                                      .smooth = f->smooth,
                                      .rows = p->fitted,
                                      .families = p->groups,
                                      .context = p,
                                      .log_error = log_error,
                                      .family = group_of};
    return kerf_leaf_fit_solve(&fit, &f->params, &f->fitted, error);
}

/* Errors of the rows of `metric` (NULL: of all) that were put to `use`. */
static struct kerf_residuals residuals_of(const struct problem *p, const char *metric, int use,
                                          double *scratch)
{
    struct kerf_residuals sum = {0};
    for (int i = 0; i < p->places; i++) {
        const struct kerf_collective_row *row = p->place[i].row;
        if (row->held != (use == KERF_COLLECTIVE_HELD) ||
            (metric && strcmp(metric, kerf_collective_metric(row)) != 0))
            continue;
        kerf_residuals_add(&sum, scratch, ratio_of(&p->place[i], &p->fit->params) - 1.0);
    }
    kerf_residuals_finish(&sum, scratch);
    return sum;
}

static enum kerf_status gather_residuals(const struct problem *p, struct kerf_error *error)
{
    struct kerf_collective_fit *f = p->fit;
    double *scratch = malloc((size_t)p->places * sizeof *scratch);
    KERF_CHECK(scratch, KERF_ERR_FAILURE, "out of memory for %d rows", p->places);
    for (int i = 0; i < p->places; i++) {
        const char *metric = kerf_collective_metric(p->place[i].row);
        int known = 0;
        while (known < f->metrics && strcmp(f->metric[known].metric, metric) != 0)
            known++;
        if (known == f->metrics && f->metrics < KERF_COLLECTIVE_METRICS_MAX)
            f->metric[f->metrics++].metric = metric;
    }
    for (int use = 0; use < KERF_COLLECTIVE_USES; use++) {
        f->all[use] = residuals_of(p, NULL, use, scratch);
        for (int m = 0; m < f->metrics; m++)
            f->metric[m].residuals[use] = residuals_of(p, f->metric[m].metric, use, scratch);
    }
    free(scratch);
    return KERF_OK;
}

enum kerf_status kerf_collective_fit(MPI_Comm comm, struct kerf_catalog *catalog,
                                     const struct kerf_collective_fit_request *request,
                                     struct kerf_collective_fit *fit, struct kerf_error *error)
{
    struct problem problem = {.fit = fit};
    *fit = (struct kerf_collective_fit){.request = *request, .smooth = families[request->family].smooth};
    KERF_TRY(read_tables(comm, catalog, fit, error));
    KERF_TRY(find_origin(fit, error));
    enum kerf_status status = gather(&problem, error);
    if (status == KERF_OK && request->fit)
        status = solve(&problem, error);
    if (status == KERF_OK)
        status = gather_residuals(&problem, error);
    free(problem.place);
    return status;
}

void kerf_collective_fit_free(struct kerf_collective_fit *fit)
{
    for (int i = 0; i < KERF_COLLECTIVE_TABLES_MAX; i++)
        kerf_collective_set_free(&fit->set[i]);
}
