/* The study room: ensembles as text. */
#include "sim/study/ensemble_text.h"

#include "sim/study/statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_BYTES = 96, LEAVES_SHOWN = 6, CELL_WIDTH = 30 };

static const double low_p = 0.1, high_p = 0.9;

/* Figures of the first table: rows of kerf_summary_fields, and what to multiply them by. */
static const struct {
    const char *field, *heading, *unit;
    double factor;
} shown[] = {{"ttft", "first token", "ms", 1e3},
             {"output_speed_per_user", "tokens/s per user", "", 1.0},
             {"e2e", "end to end", "s", 1.0},
             {"throughput", "tokens/s in all", "", 1.0},
             {"facility_energy_per_output_token", "J per output token, with building", "J", 1.0},
             {"owner_cost_per_output_token", "to own, per million output tokens", "USD", 1e6}};

static int title_width(const struct kerf_ensemble *e)
{
    int width = 8;
    for (int i = 0; i < e->systems; i++) {
        int length = (int)strlen(e->comparison->scenario.system[i].title);
        width = length > width ? length : width;
    }
    return width;
}

static void format_number(double value, char cell[CELL_BYTES])
{
    snprintf(cell, CELL_BYTES, fabs(value) >= 100.0 ? "%.0f" : "%.3g", value);
}

static void print_interval(FILE *out, double *values, int members, double factor, const char *unit)
{
    char cell[4 * CELL_BYTES], middle[CELL_BYTES], low[CELL_BYTES], high[CELL_BYTES];
    double median = members > 0 ? kerf_quantile(values, members, 0.5) : NAN;
    if (isnan(median)) {
        fprintf(out, "  %-*s", CELL_WIDTH, "-");
        return;
    }
    format_number(factor * median, middle);
    format_number(factor * kerf_quantile(values, members, low_p), low);
    format_number(factor * kerf_quantile(values, members, high_p), high);
    snprintf(cell, sizeof cell, "%s [%s .. %s]%s%s", middle, low, high, *unit ? " " : "", unit);
    fprintf(out, "  %-*s", CELL_WIDTH, cell);
}

static void print_figures(FILE *out, const struct kerf_ensemble *e, size_t from, size_t to, double *values)
{
    int width = title_width(e);
    fprintf(out, "\n%-*s", width, "");
    for (size_t k = from; k < to; k++)
        fprintf(out, "  %-*s", CELL_WIDTH, shown[k].heading);
    fprintf(out, "\n");
    for (int system = 0; system < e->systems; system++) {
        fprintf(out, "%-*s", width, e->comparison->scenario.system[system].title);
        for (size_t k = from; k < to; k++) {
            int count =
                kerf_ensemble_values(e, system, kerf_summary_scalar_named(shown[k].field), -1, values);
            print_interval(out, values, count, shown[k].factor, shown[k].unit);
        }
        fprintf(out, "\n");
    }
}

/* The leaves that most of the variance goes with, largest first. */
static void print_shares(FILE *out, const struct kerf_ensemble *e, const double *values, uint32_t systems,
                         double *share)
{
    kerf_ensemble_shares(e, values, systems, share);
    for (int shown_leaves = 0; shown_leaves < LEAVES_SHOWN; shown_leaves++) {
        int largest = -1;
        for (int k = 0; k < e->uncertain.count; k++)
            if (fabs(share[k]) > 0.0 && (largest < 0 || fabs(share[k]) > fabs(share[largest])))
                largest = k;
        if (largest < 0)
            break;
        char name[KERF_UNCERTAIN_NAME_BYTES];
        kerf_uncertain_name(&e->uncertain.leaf[largest], name);
        fprintf(out, "%s %s %.0f %% (%s)", shown_leaves ? ";" : "", name, 100.0 * fabs(share[largest]),
                share[largest] > 0.0 ? "+" : "-");
        share[largest] = 0.0;
    }
    fprintf(out, "\n");
}

static void print_ratios(FILE *out, const struct kerf_ensemble *e, double *values, double *share)
{
    int width = title_width(e), base = kerf_comparison_baseline(e->comparison);
    int speed = kerf_summary_scalar_named("output_speed_per_user");
    fprintf(out, "\nspeed per user over that of %s, pair by pair%s\n",
            e->comparison->scenario.system[base].title,
            e->design.kind == KERF_DESIGN_SAMPLE ? ", and what the ratio goes with" : "");
    for (int system = 0; system < e->systems; system++) {
        if (system == base)
            continue;
        fprintf(out, "%-*s", width, e->comparison->scenario.system[system].title);
        int count = kerf_ensemble_values(e, system, speed, base, values);
        print_interval(out, values, count, 1.0, "x");
        if (e->design.kind != KERF_DESIGN_SAMPLE) {
            fprintf(out, "\n");
            continue;
        }
        kerf_ensemble_values(e, system, speed, base, values); /* in order of members again */
        print_shares(out, e, values, 1u << system | 1u << base, share);
    }
}

static void print_speed_shares(FILE *out, const struct kerf_ensemble *e, double *values, double *share)
{
    fprintf(out, "\nSpeed per user goes with (share of its variance, sign of the slope):\n");
    for (int system = 0; system < e->systems; system++) {
        fprintf(out, "%-*s", title_width(e), e->comparison->scenario.system[system].title);
        kerf_ensemble_values(e, system, kerf_summary_scalar_named("output_speed_per_user"), -1, values);
        print_shares(out, e, values, 1u << system, share);
    }
}

void kerf_ensemble_print(FILE *out, const struct kerf_ensemble *e)
{
    double *values = calloc((size_t)e->members, sizeof *values),
           *share = calloc((size_t)e->uncertain.count + 1, sizeof *share);
    const char *title = e->comparison->scenario.title;
    if (values && share) {
        fprintf(out,
                "%s\nnetwork %s; %d members, draws of seed %llu over %d uncertain %s; median [80 %% "
                "interval]\n",
                *title ? title : "(untitled)", e->comparison->scenario.network, e->members,
                (unsigned long long)e->design.seed, e->uncertain.count,
                e->comparison->scenario.ranges.count > 0 ? "values" : "leaves");
        if (kerf_ensemble_impossible(e) > 0)
            fprintf(out, "%d draws are impossible (a network that does not fit, say) and left out\n",
                    kerf_ensemble_impossible(e));
        print_figures(out, e, 0, 4, values);
        print_figures(out, e, 4, sizeof shown / sizeof shown[0], values);
        if (e->systems > 1)
            print_ratios(out, e, values, share);
        if (e->design.kind == KERF_DESIGN_SAMPLE)
            print_speed_shares(out, e, values, share);
    }
    free(values);
    free(share);
}
