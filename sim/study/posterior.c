/* The study room: posteriors by importance sampling. */
#include "sim/study/posterior.h"

#include "sim/engine/agree.h"
#include "sim/io/csv_table.h"
#include "sim/io/text_file.h"
#include "sim/study/ensemble_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Metrics of a measurement table that a row may have, and the figure that they are of. */
static const struct {
    const char *metric, *figure;
} metrics[] = {{"output_tok_s_per_user", "output_speed_per_user"}, {"tpot_s", "tpot"}, {"ttft_s", "ttft"}};

double kerf_posterior_likelihood(const double *residual, const double *error, int count, double model_error)
{
    double precision = 0.0, mean = 0.0, scatter = 0.0;
    for (int i = 0; i < count; i++) {
        precision += 1.0 / (error[i] * error[i]);
        mean += residual[i] / (error[i] * error[i]);
    }
    mean /= precision;
    for (int i = 0; i < count; i++)
        scatter += (residual[i] - mean) * (residual[i] - mean) / (error[i] * error[i]);
    return -0.5 * (scatter + mean * mean / (1.0 / precision + model_error * model_error));
}

/* Refuses a network that a claim is about. Collective. */
static enum kerf_status refuse_claimed(const struct kerf_ensemble *e, struct kerf_error *error)
{
    struct kerf_catalog *catalog = &e->comparison->catalog;
    struct kerf_catalog_names names;
    KERF_TRY(kerf_catalog_list(catalog, "claims", &names, error));
    for (int i = 0; i < names.count; i++) {
        struct kerf_yaml *yaml;
        char network[KERF_CATALOG_NAME_BYTES] = "";
        KERF_TRY(kerf_catalog_load(catalog, "claims", names.name[i], &yaml, error));
        kerf_yaml_node *node = kerf_yaml_get(kerf_yaml_root(yaml), "network");
        if (node)
            kerf_yaml_text(yaml, node, "network", network, sizeof network, NULL);
        kerf_yaml_free(yaml);
        KERF_CHECK(strcmp(network, e->comparison->network.name) != 0, KERF_ERR_USAGE,
                   "%s: %s is what the claim %s is about, and nothing is fitted to claims",
                   e->comparison->scenario.file, network, names.name[i]);
    }
    return KERF_OK;
}

static enum kerf_status resolve(const struct kerf_ensemble *e, const struct kerf_csv *csv,
                                const struct kerf_observed_row *wanted, struct kerf_posterior_row *row,
                                struct kerf_error *error)
{
    const struct kerf_comparison *c = e->comparison;
    int at = 0, id = kerf_csv_column(csv, "id"), metric = kerf_csv_column(csv, "metric");
    row->system = 0;
    while (row->system < e->systems && strcmp(c->scenario.system[row->system].name, wanted->system) != 0)
        row->system++;
    KERF_CHECK(row->system < e->systems, KERF_ERR_USAGE, "%s: observed: '%s' is not one of the systems",
               wanted->where, wanted->system);
    while (at < kerf_csv_rows(csv) && strcmp(kerf_csv_field(csv, at, id), wanted->row) != 0)
        at++;
    KERF_CHECK(at < kerf_csv_rows(csv), KERF_ERR_USAGE,
               "%s: observed: '%s' is no row of measurements/serving.csv", wanted->where, wanted->row);
    const struct {
        const char *column, *ours;
    } alike[] = {{"network", c->network.name}, {"hardware", c->system[row->system].hardware.name}};
    for (int i = 0; i < 2; i++) {
        const char *theirs = kerf_csv_field(csv, at, kerf_csv_column(csv, alike[i].column));
        KERF_CHECK(strcmp(theirs, alike[i].ours) == 0, KERF_ERR_USAGE,
                   "%s: observed: %s has the %s %s, not %s", wanted->where, wanted->row, alike[i].column,
                   theirs, alike[i].ours);
    }
    row->figure = -1;
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        if (strcmp(kerf_csv_field(csv, at, metric), metrics[i].metric) == 0)
            row->figure = kerf_summary_scalar_named(metrics[i].figure);
    KERF_CHECK(row->figure >= 0, KERF_ERR_USAGE,
               "%s: observed: %s is of '%s'; speeds and times of a user will do", wanted->where, wanted->row,
               kerf_csv_field(csv, at, metric));
    snprintf(row->id, sizeof row->id, "%s", wanted->row);
    row->error = wanted->error;
    KERF_TRY(kerf_csv_number(csv, at, "value", &row->measured, error));
    KERF_CHECK(row->measured > 0.0, KERF_ERR_USAGE, "%s: observed: %s has no value", wanted->where,
               wanted->row);
    return KERF_OK;
}

static enum kerf_status read_rows(MPI_Comm comm, struct kerf_posterior *p, struct kerf_error *error)
{
    char path[1200], *text;
    struct kerf_csv *csv;
    snprintf(path, sizeof path, "%s/measurements/serving.csv", p->ensemble[0].comparison->catalog.root);
    p->row = calloc(KERF_POSTERIOR_ENSEMBLES_MAX * KERF_OBSERVED_MAX, sizeof *p->row);
    KERF_CHECK(p->row, KERF_ERR_FAILURE, "out of memory for measurements");
    KERF_TRY(kerf_text_file_read(comm, path, &text, error));
    enum kerf_status status = kerf_csv_parse(text, path, &csv, error);
    free(text);
    KERF_TRY(status);
    for (int i = 0; i < p->ensembles && status == KERF_OK; i++) {
        const struct kerf_observed *observed = &p->ensemble[i].comparison->scenario.observed;
        if (observed->count > 0)
            status = refuse_claimed(&p->ensemble[i], error);
        for (int k = 0; k < observed->count && status == KERF_OK; k++) {
            p->row[p->rows].ensemble = i;
            status = resolve(&p->ensemble[i], csv, &observed->row[k], &p->row[p->rows++], error);
        }
    }
    kerf_csv_free(csv);
    KERF_CHECK(status != KERF_OK || p->rows > 0, KERF_ERR_USAGE,
               "%s: the scenario has no section `observed` with rows of measurements",
               p->ensemble[0].comparison->scenario.file);
    return status;
}

static bool drawn_alike(const struct kerf_posterior *p, const struct kerf_posterior_value *known,
                        int ensemble, int place)
{
    const struct kerf_ensemble *a = &p->ensemble[known->ensemble], *b = &p->ensemble[ensemble];
    for (int m = 0; m < p->members; m++)
        if (a->value[m * a->uncertain.count + known->place] != b->value[m * b->uncertain.count + place])
            return false;
    return true;
}

static enum kerf_status list_values(struct kerf_posterior *p, struct kerf_error *error)
{
    size_t most = 1;
    for (int i = 0; i < p->ensembles; i++)
        most += (size_t)p->ensemble[i].uncertain.count;
    p->value = calloc(most, sizeof *p->value);
    KERF_CHECK(p->value, KERF_ERR_FAILURE, "out of memory for %zu values", most);
    for (int i = 0; i < p->ensembles; i++)
        for (int k = 0; k < p->ensemble[i].uncertain.count; k++) {
            struct kerf_posterior_value *value = &p->value[p->values];
            int known = 0;
            value->leaf = &p->ensemble[i].uncertain.leaf[k];
            value->ensemble = i;
            value->place = k;
            kerf_uncertain_name(value->leaf, value->name);
            while (strcmp(p->value[known].name, value->name) != 0)
                known++;
            if (known == p->values)
                p->values++;
            else
                KERF_CHECK(drawn_alike(p, &p->value[known], i, k), KERF_ERR_USAGE,
                           "%s: %s is drawn otherwise than in the other ensemble; give systems of different "
                           "ranges different names, and draw both by latin-hypercube or random",
                           p->ensemble[i].comparison->scenario.file, value->name);
        }
    return KERF_OK;
}

/* ln likelihood of a member under the rows of one system of one ensemble. */
static double system_likelihood(const struct kerf_posterior *p, int ensemble, int system, int member)
{
    const struct kerf_ensemble *e = &p->ensemble[ensemble];
    double residual[KERF_OBSERVED_MAX], error[KERF_OBSERVED_MAX];
    int count = 0;
    for (int r = 0; r < p->rows; r++) {
        const struct kerf_posterior_row *row = &p->row[r];
        if (row->ensemble != ensemble || row->system != system)
            continue;
        residual[count] = log(row->measured / kerf_ensemble_value(e, member, system, row->figure));
        error[count++] = row->error;
    }
    return count > 0 ? kerf_posterior_likelihood(residual, error, count,
                                                 e->comparison->scenario.observed.model_error)
                     : 0.0;
}

static enum kerf_status weigh(struct kerf_posterior *p, struct kerf_error *error)
{
    double most = -INFINITY, sum = 0.0, possible = 0.0, squares = 0.0;
    p->prior = calloc((size_t)p->members, sizeof *p->prior);
    p->weight = calloc((size_t)p->members, sizeof *p->weight);
    KERF_CHECK(p->prior && p->weight, KERF_ERR_FAILURE, "out of memory for %d members", p->members);
    for (int m = 0; m < p->members; m++) {
        bool ran = true;
        p->weight[m] = 0.0;
        for (int i = 0; i < p->ensembles && ran; i++) {
            ran = p->ensemble[i].done[m] == KERF_MEMBER_RAN;
            for (int s = 0; s < p->ensemble[i].systems && ran; s++)
                p->weight[m] += system_likelihood(p, i, s, m);
        }
        if (!ran)
            p->weight[m] = -INFINITY;
        possible += p->prior[m] = ran;
        most = fmax(most, p->weight[m]);
    }
    KERF_CHECK(possible > 0.0, KERF_ERR_USAGE, "%s: no draw is possible",
               p->ensemble[0].comparison->scenario.file);
    for (int m = 0; m < p->members; m++) {
        p->weight[m] = exp(p->weight[m] - most);
        sum += p->weight[m];
    }
    for (int m = 0; m < p->members; m++) {
        p->prior[m] /= possible;
        p->weight[m] /= sum;
        squares += p->weight[m] * p->weight[m];
    }
    p->effective = 1.0 / squares;
    return KERF_OK;
}

enum kerf_status kerf_posterior_find(MPI_Comm comm, const char *const *file, int files,
                                     const char *const *catalogs, struct kerf_posterior *p,
                                     struct kerf_error *error)
{
    *p = (struct kerf_posterior){0};
    KERF_CHECK(files <= KERF_POSTERIOR_ENSEMBLES_MAX, KERF_ERR_USAGE, "more than %d ensembles",
               KERF_POSTERIOR_ENSEMBLES_MAX);
    for (int i = 0; i < files; i++) {
        KERF_TRY(kerf_ensemble_load(comm, &file[i], 1, catalogs, &p->ensemble[p->ensembles++], error));
        const struct kerf_design *design = &p->ensemble[i].design, *first = &p->ensemble[0].design;
        KERF_CHECK(design->kind == KERF_DESIGN_SAMPLE, KERF_ERR_USAGE,
                   "%s: a posterior needs draws, not indices or a tornado", file[i]);
        KERF_CHECK(design->members == first->members && design->seed == first->seed &&
                       design->sampling == first->sampling,
                   KERF_ERR_USAGE, "%s: %d %s draws of seed %llu, but %s has %d %s of seed %llu", file[i],
                   design->members, kerf_sampling_names[design->sampling], (unsigned long long)design->seed,
                   file[0], first->members, kerf_sampling_names[first->sampling],
                   (unsigned long long)first->seed);
    }
    p->members = p->ensemble[0].members;
    KERF_TRY(read_rows(comm, p, error));
    KERF_TRY(list_values(p, error));
    return weigh(p, error);
}

void kerf_posterior_free(struct kerf_posterior *p)
{
    for (int i = 0; i < p->ensembles; i++)
        kerf_ensemble_free(&p->ensemble[i]);
    free(p->row);
    free(p->value);
    free(p->prior);
    free(p->weight);
    *p = (struct kerf_posterior){0};
}

double kerf_posterior_drawn(const struct kerf_posterior *p, int value, int member)
{
    const struct kerf_ensemble *e = &p->ensemble[p->value[value].ensemble];
    return e->value[member * e->uncertain.count + p->value[value].place];
}

double kerf_weighted_correlation(const double *x, const double *y, const double *weight, int count)
{
    double mx = 0.0, my = 0.0, vx = 0.0, vy = 0.0, covariance = 0.0;
    for (int i = 0; i < count; i++) {
        mx += weight[i] > 0.0 ? weight[i] * x[i] : 0.0;
        my += weight[i] > 0.0 ? weight[i] * y[i] : 0.0;
    }
    for (int i = 0; i < count; i++) {
        if (!(weight[i] > 0.0))
            continue;
        vx += weight[i] * (x[i] - mx) * (x[i] - mx);
        vy += weight[i] * (y[i] - my) * (y[i] - my);
        covariance += weight[i] * (x[i] - mx) * (y[i] - my);
    }
    return vx > 0.0 && vy > 0.0 ? covariance / sqrt(vx * vy) : 0.0;
}

/* A value and its weight, in one list to be sorted. */
struct weighted {
    double value, weight;
};

static int by_value(const void *left, const void *right)
{
    double a = ((const struct weighted *)left)->value, b = ((const struct weighted *)right)->value;
    return (a > b) - (a < b);
}

double kerf_weighted_quantile(const double *values, const double *weight, int count, double p)
{
    struct weighted *sorted = malloc((size_t)count * sizeof *sorted + 1);
    int kept = 0;
    double sum = 0.0, found = NAN;
    if (!sorted)
        return NAN;
    for (int i = 0; i < count; i++)
        if (weight[i] > 0.0)
            sorted[kept++] = (struct weighted){values[i], weight[i]};
    qsort(sorted, (size_t)kept, sizeof *sorted, by_value);
    for (int i = 0; i < kept && sum < p; i++) {
        sum += sorted[i].weight;
        found = sorted[i].value;
    }
    free(sorted);
    return found;
}
