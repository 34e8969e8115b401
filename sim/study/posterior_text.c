/* The study room: posteriors as text. */
#include "sim/study/posterior_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_BYTES = 160, VALUES_SHOWN = 15, RIDGES_SHOWN = 6, LEAVES_SHOWN = 5, NAME_WIDTH = 40, WIDTH = 28 };
static const double wide = 0.8; /* a posterior as wide as that, over the prior's width, has told nothing */

/* Columns of numbers over the members, by value: of the logarithm where the range is positive. */
struct columns {
    const struct kerf_posterior *p;
    double *drawn;  /* owned: values x members */
    double *answer; /* owned: members */
    double *narrow; /* owned: by value, standard deviation after over before */
    double *share;  /* owned: by value, of the variance of the measured answers before */
    int *order;     /* owned: values, by narrow */
};

static double *column_of(const struct columns *c, int value)
{
    return &c->drawn[(size_t)value * (size_t)c->p->members];
}

static double deviation(const double *x, const double *weight, int count)
{
    double mean = 0.0, variance = 0.0;
    for (int i = 0; i < count; i++)
        mean += weight[i] * x[i];
    for (int i = 0; i < count; i++)
        variance += weight[i] * (x[i] - mean) * (x[i] - mean);
    return sqrt(variance);
}

/* ln of a figure of a system; 0 for members that did not run, which have no weight. */
static void fill_answer(struct columns *c, int ensemble, int system, int figure)
{
    const struct kerf_ensemble *e = &c->p->ensemble[ensemble];
    for (int m = 0; m < c->p->members; m++)
        c->answer[m] = c->p->prior[m] > 0.0 ? log(kerf_ensemble_value(e, m, system, figure)) : 0.0;
}

static void fill(struct columns *c)
{
    const struct kerf_posterior *p = c->p;
    for (int v = 0; v < p->values; v++) {
        double *column = column_of(c, v);
        bool logarithmic = p->value[v].leaf->low > 0.0;
        for (int m = 0; m < p->members; m++)
            column[m] = logarithmic ? log(kerf_posterior_drawn(p, v, m)) : kerf_posterior_drawn(p, v, m);
        double before = deviation(column, p->prior, p->members);
        c->narrow[v] = before > 0.0 ? deviation(column, p->weight, p->members) / before : 1.0;
        int place = v;
        for (; place > 0 && c->narrow[c->order[place - 1]] > c->narrow[v]; place--)
            c->order[place] = c->order[place - 1];
        c->order[place] = v;
    }
    for (int r = 0; r < p->rows; r++) {
        fill_answer(c, p->row[r].ensemble, p->row[r].system, p->row[r].figure);
        for (int v = 0; v < p->values; v++) {
            double by = kerf_weighted_correlation(column_of(c, v), c->answer, p->prior, p->members);
            c->share[v] = fmax(c->share[v], by * by);
        }
    }
}

/* Whether a value matters for what was measured: more than chance would make believe. */
static bool matters(const struct columns *c, int value)
{
    return c->share[value] > fmax(0.01, 4.0 / c->p->members);
}

static void format_number(double value, char cell[CELL_BYTES])
{
    snprintf(cell, CELL_BYTES, fabs(value) >= 100.0 && fabs(value) < 1e6 ? "%.0f" : "%.3g", value);
}

static void format_interval(const double *values, const double *weight, int count, char cell[CELL_BYTES])
{
    char low[CELL_BYTES], middle[CELL_BYTES], high[CELL_BYTES];
    format_number(kerf_weighted_quantile(values, weight, count, 0.1), low);
    format_number(kerf_weighted_quantile(values, weight, count, 0.5), middle);
    format_number(kerf_weighted_quantile(values, weight, count, 0.9), high);
    snprintf(cell, CELL_BYTES, "%.40s [%.40s .. %.40s]", middle, low, high);
}

/* The choices with their probabilities. */
static void format_choices(const struct kerf_posterior *p, int value, const double *weight,
                           char cell[CELL_BYTES])
{
    const struct kerf_range *range = p->value[value].leaf->range;
    cell[0] = '\0';
    for (int i = 0; i < range->choices; i++) {
        double sum = 0.0;
        for (int m = 0; m < p->members; m++)
            sum += kerf_posterior_drawn(p, value, m) == i ? weight[m] : 0.0;
        snprintf(cell + strlen(cell), CELL_BYTES - strlen(cell), "%s%s %.0f %%", i ? ", " : "",
                 range->choice[i], 100.0 * sum);
    }
}

static void print_rows(FILE *out, struct columns *c)
{
    const struct kerf_posterior *p = c->p;
    fprintf(out, "\n%-*s  %-12s  %-*s  %-*s\n", NAME_WIDTH, "measurement", "measured", WIDTH, "prior", WIDTH,
            "posterior");
    for (int r = 0; r < p->rows; r++) {
        const struct kerf_posterior_row *row = &p->row[r];
        const struct kerf_ensemble *e = &p->ensemble[row->ensemble];
        char name[CELL_BYTES], measured[CELL_BYTES], prior[CELL_BYTES], posterior[CELL_BYTES];
        for (int m = 0; m < p->members; m++)
            c->answer[m] = kerf_ensemble_value(e, m, row->system, row->figure);
        snprintf(name, sizeof name, "%.40s, %.80s", row->id,
                 e->comparison->scenario.system[row->system].name);
        format_number(row->measured, measured);
        format_interval(c->answer, p->prior, p->members, prior);
        format_interval(c->answer, p->weight, p->members, posterior);
        fprintf(out, "%-*s  %-12s  %-*s  %-*s\n", NAME_WIDTH, name, measured, WIDTH, prior, WIDTH, posterior);
    }
}

static void print_values(FILE *out, struct columns *c)
{
    const struct kerf_posterior *p = c->p;
    fprintf(out, "\n%-*s  %-*s  %-*s  %s\n", NAME_WIDTH, "value", WIDTH, "prior", WIDTH, "posterior",
            "width");
    for (int i = 0, shown = 0; i < p->values && shown < VALUES_SHOWN; i++) {
        int v = c->order[i];
        const struct kerf_uncertain_leaf *leaf = p->value[v].leaf;
        char prior[CELL_BYTES], posterior[CELL_BYTES];
        if (!leaf->range && (c->narrow[v] > 0.95 || !matters(c, v)))
            continue;
        for (int m = 0; m < p->members; m++)
            c->answer[m] = kerf_posterior_drawn(p, v, m);
        if (leaf->range && leaf->range->choices > 0) {
            format_choices(p, v, p->prior, prior);
            format_choices(p, v, p->weight, posterior);
        } else {
            format_interval(c->answer, p->prior, p->members, prior);
            format_interval(c->answer, p->weight, p->members, posterior);
        }
        fprintf(out, "%-*s  %-*s  %-*s  %.0f %%\n", NAME_WIDTH, p->value[v].name, WIDTH, prior, WIDTH,
                posterior, 100.0 * c->narrow[v]);
        shown++;
    }
}

/* Values that matter for what was measured, and that it has told nothing about. */
static void print_undetermined(FILE *out, const struct columns *c)
{
    const struct kerf_posterior *p = c->p;
    int shown = 0;
    fprintf(out,
            "\nstays undetermined (matters for the measurements, and the posterior is about as wide as the "
            "prior):");
    for (int v = 0; v < p->values; v++)
        if (c->narrow[v] > wide && matters(c, v))
            fprintf(out, "%s %s", shown++ ? ";" : "", p->value[v].name);
    fprintf(out, "%s\n", shown ? "" : " nothing");
}

/* Pairs that the measurements tie together: one can make up for the other. */
static void print_ridges(FILE *out, const struct columns *c)
{
    const struct kerf_posterior *p = c->p;
    const double least = fmax(0.2, 2.5 / sqrt(p->effective));
    double last = INFINITY;
    int shown = 0;
    fprintf(out, "\nridges (correlation of two values that the measurements leave, prior in brackets):\n");
    for (; shown < RIDGES_SHOWN; shown++) {
        double best = 0.0, before = 0.0;
        int left = -1, right = -1;
        for (int a = 0; a < p->values; a++)
            for (int b = a + 1; b < p->values; b++) {
                double now =
                    kerf_weighted_correlation(column_of(c, a), column_of(c, b), p->weight, p->members);
                if (!matters(c, a) || !matters(c, b) || fabs(now) <= fabs(best) || fabs(now) >= last ||
                    fabs(now) < least)
                    continue;
                double then =
                    kerf_weighted_correlation(column_of(c, a), column_of(c, b), p->prior, p->members);
                if (fabs(now - then) < 0.5 * least)
                    continue;
                best = now;
                before = then;
                left = a;
                right = b;
            }
        if (left < 0)
            break;
        fprintf(out, "  %s and %s: %+.2f (%+.2f)\n", p->value[left].name, p->value[right].name, best, before);
        last = fabs(best);
    }
    if (shown == 0)
        fprintf(out, "  none above %.2f\n", least);
}

/* First-order shares of the variance that is left. */
static void print_shares(FILE *out, struct columns *c, const char *field, const char *what)
{
    const struct kerf_posterior *p = c->p;
    const double noise = 4.0 / p->effective;
    double *share = c->share;
    fprintf(out, "\nwhat would cut the variance of %s most if it were published:\n", what);
    for (int i = 0; i < p->ensembles; i++)
        for (int s = 0; s < p->ensemble[i].systems; s++) {
            int shown = 0;
            fill_answer(c, i, s, kerf_summary_scalar_named(field));
            for (int v = 0; v < p->values; v++) {
                double by = kerf_weighted_correlation(column_of(c, v), c->answer, p->weight, p->members);
                int place = kerf_uncertain_place(&p->ensemble[i].uncertain, p->value[v].name);
                bool felt = place >= 0 && p->ensemble[i].uncertain.leaf[place].systems >> s & 1u;
                share[v] = felt && by * by > noise ? by * by : 0.0;
            }
            fprintf(out, "  %s:", p->ensemble[i].comparison->scenario.system[s].title);
            for (; shown < LEAVES_SHOWN; shown++) {
                int largest = 0;
                for (int v = 1; v < p->values; v++)
                    largest = share[v] > share[largest] ? v : largest;
                if (!(share[largest] > 0.0))
                    break;
                fprintf(out, "%s %s %.0f %%", shown ? ";" : "", p->value[largest].name,
                        100.0 * share[largest]);
                share[largest] = 0.0;
            }
            fprintf(out, "%s\n", shown ? "" : " nothing alone");
        }
}

static void print_all(FILE *out, struct columns *c)
{
    const struct kerf_posterior *p = c->p;
    int possible = 0;
    for (int m = 0; m < p->members; m++)
        possible += p->prior[m] > 0.0;
    fprintf(out, "%d measurements weigh %d possible of %d draws; effective sample size %.0f%s\n", p->rows,
            possible, p->members, p->effective,
            p->effective < 100.0 ? " (few: run more members before you quote an interval)" : "");
    fill(c);
    print_rows(out, c);
    print_values(out, c);
    print_undetermined(out, c);
    print_ridges(out, c);
    print_shares(out, c, "output_speed_per_user", "the speed per user");
    print_shares(out, c, "owner_cost_per_output_token", "the cost to own");
}

enum kerf_status kerf_posterior_print(FILE *out, const struct kerf_posterior *p, struct kerf_error *error)
{
    size_t values = (size_t)p->values, members = (size_t)p->members;
    struct columns c = {.p = p,
                        .drawn = calloc(values * members + 1, sizeof *c.drawn),
                        .answer = calloc(members, sizeof *c.answer),
                        .narrow = calloc(values + 1, sizeof *c.narrow),
                        .share = calloc(values + 1, sizeof *c.share),
                        .order = calloc(values + 1, sizeof *c.order)};
    bool room = c.drawn && c.answer && c.narrow && c.share && c.order;
    if (room)
        print_all(out, &c);
    free(c.drawn);
    free(c.answer);
    free(c.narrow);
    free(c.share);
    free(c.order);
    KERF_CHECK(room, KERF_ERR_FAILURE, "out of memory for a posterior");
    return KERF_OK;
}
