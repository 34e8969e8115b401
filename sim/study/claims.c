/* The study room: claims, from the catalog to medians and probabilities. */
#include "sim/study/claims.h"

#include "sim/engine/agree.h"
#include "sim/study/claim_flip.h"
#include "sim/study/claim_group.h"
#include "sim/study/latin_hypercube.h"
#include "sim/study/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

/* C2 before C10 before K1. */
static int by_id(const void *left, const void *right)
{
    const char *a = ((const struct kerf_statement *)left)->id,
               *b = ((const struct kerf_statement *)right)->id;
    int letter = strncmp(a, b, 1);
    long x = strtol(a + 1, NULL, 10), y = strtol(b + 1, NULL, 10);
    return letter ? letter : (x > y) - (x < y);
}

static bool is_wanted(const struct kerf_claims_options *options, const char *id)
{
    bool wanted = options->id_count == 0;
    for (int i = 0; i < options->id_count; i++)
        wanted = wanted || strcasecmp(options->ids[i], id) == 0;
    return wanted;
}

static enum kerf_status read_statements(MPI_Comm comm, const char *const *catalogs,
                                        const struct kerf_claims_options *options, struct kerf_claims *claims,
                                        struct kerf_error *error)
{
    struct kerf_catalog catalog;
    struct kerf_catalog_names names;
    KERF_TRY(kerf_catalog_open(&catalog, comm, catalogs, error));
    KERF_TRY(kerf_catalog_list(&catalog, "claims", &names, error));
    claims->statement = calloc((size_t)names.count + 1, sizeof *claims->statement);
    KERF_CHECK(claims->statement, KERF_ERR_FAILURE, "out of memory for %d claims", names.count);
    for (int i = 0; i < names.count; i++) {
        struct kerf_yaml *yaml;
        struct kerf_statement *s = &claims->statement[claims->statements];
        KERF_TRY(kerf_catalog_load(&catalog, "claims", names.name[i], &yaml, error));
        enum kerf_status status = KERF_OK;
        if (kerf_statement_is(yaml))
            status = kerf_statement_read(yaml, s, error);
        kerf_yaml_free(yaml);
        KERF_TRY(status);
        claims->statements += s->id[0] && is_wanted(options, s->id);
    }
    qsort(claims->statement, (size_t)claims->statements, sizeof *claims->statement, by_id);
    return KERF_OK;
}

static enum kerf_status check_ids(const struct kerf_claims_options *options, const struct kerf_claims *claims,
                                  struct kerf_error *error)
{
    for (int i = 0; i < options->id_count; i++) {
        bool known = false;
        for (int k = 0; k < claims->statements; k++)
            known = known || strcasecmp(claims->statement[k].id, options->ids[i]) == 0;
        KERF_CHECK(known, KERF_ERR_USAGE,
                   "'%s' is no claim; `kerf claims --list` lists them (C1, C2, ... K1, ...)",
                   options->ids[i]);
    }
    KERF_CHECK(claims->statements > 0, KERF_ERR_USAGE, "the catalog has no statements in claims/");
    return KERF_OK;
}

enum kerf_status kerf_claims_load(MPI_Comm comm, const char *const *catalogs,
                                  const struct kerf_claims_options *options, struct kerf_claims *claims,
                                  struct kerf_error *error)
{
    *claims = (struct kerf_claims){.members = options->members, .seed = options->seed};
    KERF_TRY(read_statements(comm, catalogs, options, claims, error));
    return check_ids(options, claims, error);
}

static enum kerf_status make_results(struct kerf_claims *claims, struct kerf_error *error)
{
    int checks = 0;
    for (int s = 0; s < claims->statements; s++)
        checks += claims->statement[s].checks;
    claims->result = calloc((size_t)checks + 1, sizeof *claims->result);
    KERF_CHECK(claims->result, KERF_ERR_FAILURE, "out of memory for %d checks", checks);
    for (int s = 0; s < claims->statements; s++)
        for (int c = 0; c < claims->statement[s].checks; c++) {
            struct kerf_claim_result *result = &claims->result[claims->results++];
            *result = (struct kerf_claim_result){.statement = s, .check = c};
            result->value = calloc((size_t)claims->members, sizeof *result->value);
            KERF_CHECK(result->value, KERF_ERR_FAILURE, "out of memory for %d members", claims->members);
        }
    return KERF_OK;
}

/* The results that have the conditions of number `first`; 0 where an earlier one leads them. */
static int gather_group(const struct kerf_claims *claims, int first, int *member,
                        struct kerf_claim_item *item)
{
    int count = 0;
    for (int r = 0; r < claims->results; r++) {
        const struct kerf_statement *s = &claims->statement[claims->result[r].statement];
        if (!kerf_claim_same_conditions(&claims->statement[claims->result[first].statement], s))
            continue;
        if (r < first)
            return 0;
        item[count] = (struct kerf_claim_item){s, &s->check[claims->result[r].check]};
        member[count++] = r;
    }
    return count;
}

/* members x draws. */
static double *draw_all(const struct kerf_claim_group *g, const struct kerf_claims *claims)
{
    size_t members = (size_t)claims->members, draws = (size_t)g->draws;
    double *drawn = calloc(members * draws + 1, sizeof *drawn), *axis = calloc(members, sizeof *axis);
    for (size_t k = 0; k < draws && drawn && axis; k++) {
        const struct kerf_claim_draw *draw = &g->draw[k];
        kerf_latin_hypercube_axis(claims->seed, XXH3_64bits(draw->name, strlen(draw->name)), claims->members,
                                  axis);
        for (size_t m = 0; m < members; m++)
            drawn[m * draws + k] = kerf_uncertain_value(&draw->range, axis[m]);
    }
    free(axis);
    return drawn;
}

/* Works out the members of this rank into values that all ranks then sum: others hold 0 there. */
static enum kerf_status simulate(struct kerf_claim_group *g, const double *drawn, int members, int rank,
                                 int ranks, double *value, struct kerf_error *error)
{
    for (int m = rank; m < members; m += ranks) {
        bool fits;
        KERF_TRY(kerf_claim_group_work(g, drawn + (size_t)m * (size_t)g->draws, &fits, error));
        for (int f = 0; f < g->formulas; f++)
            value[(size_t)f * (size_t)(members + 1) + (size_t)m] = fits ? kerf_claim_group_value(g, f) : NAN;
    }
    if (rank == members % ranks) { /* and the nominal one, as the last */
        bool fits;
        KERF_TRY(kerf_claim_group_work(g, NULL, &fits, error));
        if (!fits)
            return kerf_error_prefix(error, "%s: ", g->lead->scenario_where);
        for (int f = 0; f < g->formulas; f++)
            value[(size_t)f * (size_t)(members + 1) + (size_t)members] = kerf_claim_group_value(g, f);
    }
    return KERF_OK;
}

/* Share of the variance of y that goes with x, signed as the slope, over the pairs where y is a number. */
static double variance_share(const double *x, size_t stride, const double *y, int count)
{
    double n = 0.0, sx = 0.0, sy = 0.0, sxx = 0.0, syy = 0.0, sxy = 0.0;
    for (int i = 0; i < count; i++) {
        double drawn = x[(size_t)i * stride], a = drawn > 0.0 ? log(drawn) : drawn, b = log(y[i]);
        if (!isfinite(b))
            continue;
        n += 1.0;
        sx += a;
        sy += b;
        sxx += a * a;
        syy += b * b;
        sxy += a * b;
    }
    double covariance = sxy - sx * sy / n, vx = sxx - sx * sx / n, vy = syy - sy * sy / n;
    /* Below rounding nothing varies. */
    if (!(n > 2.0 && vx > 1e-12 * sxx && vy > 1e-12 * fabs(syy)))
        return 0.0;
    double square = covariance * covariance / (vx * vy);
    return covariance < 0.0 ? -square : square;
}

static bool concerns(const struct kerf_claim_formula *formula, const struct kerf_claim_draw *draw)
{
    if (draw->range.systems & formula->systems)
        return true;
    for (int i = 0; i < KERF_STATEMENT_FACTORS; i++)
        for (int k = 0; k < draw->places; k++)
            if (formula->time[i].place == draw->place[k] || formula->divisor[i].place == draw->place[k])
                return true;
    return false;
}

/* The share that chance alone gives to less than one of the leaves: the quantile 1 - 1/K of chi^2 with one
 * degree of freedom, by its asymptotic form 2 ln K - ln(pi ln K), over the number of draws. */
static double noise_share(const struct kerf_claim_group *g, int f, int draws)
{
    const double pi = 3.14159265358979323846;
    double leaves = 0.0;
    for (int k = 0; k < g->draws; k++)
        leaves += concerns(&g->formula[f], &g->draw[k]);
    double log_leaves = log(fmax(leaves, 8.0)); /* few leaves: as if they were eight */
    return (2.0 * log_leaves - log(pi * log_leaves)) / fmax(draws, 1.0);
}

static void rank_leaves(const struct kerf_claim_group *g, int f, const double *drawn, int members,
                        struct kerf_claim_result *result)
{
    const double noise = noise_share(g, f, result->fits);
    for (int k = 0; k < g->draws; k++) {
        if (!concerns(&g->formula[f], &g->draw[k]))
            continue;
        double share = variance_share(drawn + k, (size_t)g->draws, result->value, members);
        int place = KERF_CLAIM_LEAVES_SHOWN;
        while (place > 0 && fabs(share) > fabs(result->leaf[place - 1].share))
            place--;
        if (fabs(share) <= noise || place == KERF_CLAIM_LEAVES_SHOWN)
            continue;
        for (int i = KERF_CLAIM_LEAVES_SHOWN - 1; i > place; i--)
            result->leaf[i] = result->leaf[i - 1];
        result->leaf[place].share = share;
        memcpy(result->leaf[place].name, g->draw[k].name, sizeof result->leaf[place].name);
    }
}

static enum kerf_status sum_up(const struct kerf_claim_group *g, int f, const double *drawn,
                               const double *value, int members, struct kerf_claim_result *result,
                               struct kerf_error *error)
{
    double *fitting = calloc((size_t)members, sizeof *fitting);
    KERF_CHECK(fitting, KERF_ERR_FAILURE, "out of memory for %d members", members);
    int holds = 0;
    memcpy(result->value, value, (size_t)members * sizeof *value);
    result->nominal = value[members];
    for (int m = 0; m < members; m++) {
        holds += kerf_statement_holds(g->formula[f].check, value[m]);
        if (!isnan(value[m]))
            fitting[result->fits++] = value[m];
    }
    if (result->fits > 0) {
        result->median = kerf_quantile(fitting, result->fits, 0.5);
        result->low = kerf_quantile(fitting, result->fits, 0.1);
        result->high = kerf_quantile(fitting, result->fits, 0.9);
        result->probability = (double)holds / result->fits;
    }
    free(fitting);
    rank_leaves(g, f, drawn, members, result);
    KERF_CHECK(!isnan(result->nominal), KERF_ERR_USAGE,
               "%s: the catalog does not say what %s needs of its systems", g->formula[f].check->where,
               g->formula[f].check->quantity);
    return KERF_OK;
}

static enum kerf_status run_group(MPI_Comm comm, struct kerf_claim_group *g, struct kerf_claims *claims,
                                  const int *member, struct kerf_error *error)
{
    int rank, ranks, members = claims->members;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    size_t cells = (size_t)g->formulas * (size_t)(members + 1);
    double *drawn = draw_all(g, claims), *value = calloc(cells, sizeof *value);
    enum kerf_status status = drawn && value
                                  ? simulate(g, drawn, members, rank, ranks, value, error)
                                  : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for claims");
    status = kerf_error_agree(comm, status, error);
    if (status == KERF_OK)
        MPI_Allreduce(MPI_IN_PLACE, value, (int)cells, MPI_DOUBLE, MPI_SUM, comm);
    for (int f = 0; f < g->formulas && status == KERF_OK; f++)
        status = sum_up(g, f, drawn, value + (size_t)f * (size_t)(members + 1), members,
                        &claims->result[member[f]], error);
    free(drawn);
    free(value);
    return status;
}

static enum kerf_status run_groups(MPI_Comm comm, const char *const *catalogs,
                                   const struct kerf_claims_options *options, struct kerf_claims *claims,
                                   struct kerf_error *error)
{
    struct kerf_claim_item *item = calloc((size_t)claims->results + 1, sizeof *item);
    int *member = calloc((size_t)claims->results + 1, sizeof *member), rank;
    enum kerf_status status =
        item && member ? KERF_OK : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for claims");
    MPI_Comm_rank(comm, &rank);
    for (int first = 0; first < claims->results && status == KERF_OK; first++) {
        struct kerf_claim_group group;
        int items = gather_group(claims, first, member, item);
        if (items == 0)
            continue;
        if (options->progress && rank == 0)
            options->progress("checks", first, claims->results);
        status = kerf_claim_group_open(MPI_COMM_SELF, catalogs, item, items, NULL, 0, &group, error);
        status = kerf_error_agree(comm, status, error);
        if (status == KERF_OK)
            status = run_group(comm, &group, claims, member, error);
        kerf_claim_group_free(&group);
    }
    free(item);
    free(member);
    return status;
}

enum kerf_status kerf_claims_run(MPI_Comm comm, const char *const *catalogs,
                                 const struct kerf_claims_options *options, struct kerf_claims *claims,
                                 struct kerf_error *error)
{
    double start_s = MPI_Wtime();
    KERF_TRY(kerf_claims_load(comm, catalogs, options, claims, error));
    KERF_TRY(make_results(claims, error));
    KERF_TRY(run_groups(comm, catalogs, options, claims, error));
    KERF_TRY(kerf_claim_flips(comm, catalogs, options, claims, error));
    claims->wall_s = MPI_Wtime() - start_s;
    return KERF_OK;
}

void kerf_claims_free(struct kerf_claims *claims)
{
    for (int i = 0; i < claims->results; i++)
        free(claims->result[i].value);
    free(claims->result);
    free(claims->statement);
    *claims = (struct kerf_claims){0};
}
