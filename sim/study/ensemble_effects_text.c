/* The study room: indices and tornado tables as text. */
#include "sim/study/ensemble_text.h"

#include "sim/study/ensemble_effects.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_BYTES = 96, ROWS_SHOWN = 15 };

/* Figures that have a column: rows of kerf_summary_fields, and what to multiply them by. The last column is
 * the ratio of the first to that of the baseline. */
static const struct {
    const char *field, *heading;
    double factor;
} columns[] = {{"output_speed_per_user", "tokens/s per user", 1.0},
               {"ttft", "first token, ms", 1e3},
               {"throughput", "tokens/s in all", 1.0},
               {"facility_energy_per_output_token", "J per output token", 1.0},
               {"owner_cost_per_output_token", "USD per million", 1e6},
               {"output_speed_per_user", "speed ratio", 1.0}};
enum { COLUMNS = sizeof columns / sizeof columns[0], RATIO = COLUMNS - 1 };

/* A row of a table: a group or a value, and what it is sorted by. */
struct row {
    int place;
    double weight;
};

static int heaviest_first(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    int by = (b->weight > a->weight) - (b->weight < a->weight);
    return by ? by : a->place - b->place;
}

static int base_of(const struct kerf_ensemble *e, int column)
{
    return column == RATIO ? kerf_comparison_baseline(e->comparison) : -1;
}

static bool has_column(const struct kerf_ensemble *e, int system, int column)
{
    return column != RATIO || system != kerf_comparison_baseline(e->comparison);
}

static void print_heading(FILE *out, const struct kerf_ensemble *e, int system, const char *what, int width)
{
    fprintf(out, "\n%s\n%-44s", e->comparison->scenario.system[system].title, what);
    for (int c = 0; c < COLUMNS; c++)
        if (has_column(e, system, c))
            fprintf(out, "  %-*s", width, columns[c].heading);
    fprintf(out, "\n");
}

static void format_number(double value, char cell[CELL_BYTES])
{
    snprintf(cell, CELL_BYTES, fabs(value) >= 100.0 ? "%.0f" : "%.3g", value);
}

static void format_index(const struct kerf_sobol_index *index, bool with_interval, char cell[CELL_BYTES])
{
    if (isnan(index->first))
        snprintf(cell, CELL_BYTES, "-");
    else if (with_interval)
        snprintf(cell, CELL_BYTES, "%.0f [%.0f .. %.0f] / %.0f [%.0f .. %.0f] %%", 100.0 * index->first,
                 100.0 * index->first_low, 100.0 * index->first_high, 100.0 * index->total,
                 100.0 * index->total_low, 100.0 * index->total_high);
    else
        snprintf(cell, CELL_BYTES, "%.0f / %.0f %%", 100.0 * index->first, 100.0 * index->total);
}

static enum kerf_status print_system_indices(FILE *out, const struct kerf_ensemble *e, int system,
                                             struct kerf_error *error)
{
    enum { WIDTH = 20, WIDE = 38 };
    const double shown = 0.005;
    int groups = e->design.groups, pairs = 0;
    struct kerf_sobol_index *index = calloc((size_t)groups * COLUMNS + 1, sizeof *index);
    struct row *row = calloc((size_t)groups + 1, sizeof *row);
    enum kerf_status status =
        index && row ? KERF_OK : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for indices");
    for (int c = 0; c < COLUMNS && status == KERF_OK; c++)
        status = kerf_ensemble_indices(e, system, kerf_summary_scalar_named(columns[c].field), base_of(e, c),
                                       &index[c * groups], &pairs, error);
    if (status == KERF_OK) {
        char heading[48];
        snprintf(heading, sizeof heading, "first / total, %d draws", pairs);
        fprintf(out, "\n%s\n%-44s  %-*s", e->comparison->scenario.system[system].title, heading, WIDE,
                columns[0].heading);
        for (int c = 1; c < COLUMNS; c++)
            if (has_column(e, system, c))
                fprintf(out, "  %-*s", WIDTH, columns[c].heading);
        fprintf(out, "\n");
        for (int g = 0; g < groups; g++) {
            row[g] = (struct row){.place = g};
            for (int c = 0; c < COLUMNS; c++)
                if (has_column(e, system, c))
                    row[g].weight = fmax(row[g].weight, index[c * groups + g].total);
        }
        qsort(row, (size_t)groups, sizeof *row, heaviest_first);
    }
    for (int r = 0; r < groups && r < ROWS_SHOWN && status == KERF_OK && row[r].weight > shown; r++) {
        char name[KERF_UNCERTAIN_NAME_BYTES], cell[CELL_BYTES];
        kerf_design_group_name(&e->design, &e->uncertain, row[r].place, name);
        fprintf(out, "%-44s", name);
        for (int c = 0; c < COLUMNS; c++) {
            if (!has_column(e, system, c))
                continue;
            format_index(&index[c * groups + row[r].place], c == 0, cell);
            fprintf(out, "  %-*s", c == 0 ? WIDE : WIDTH, cell);
        }
        fprintf(out, "\n");
    }
    free(row);
    free(index);
    return status;
}

enum kerf_status kerf_ensemble_print_indices(FILE *out, const struct kerf_ensemble *e,
                                             struct kerf_error *error)
{
    fprintf(
        out,
        "\nSobol indices of %d groups by %s, in per cent of the variance. First: how much of it would go if "
        "the\ngroup were known. Total: how much would stay if all else were. In brackets 90 %% intervals.\n",
        e->design.groups, kerf_grouping_names[e->design.grouping]);
    for (int system = 0; system < e->systems; system++)
        KERF_TRY(print_system_indices(out, e, system, error));
    return KERF_OK;
}

static void print_ends(FILE *out, double at_low, double at_high, double factor)
{
    enum { WIDTH = 20 };
    char cell[3 * CELL_BYTES], low[CELL_BYTES], high[CELL_BYTES];
    format_number(factor * at_low, low);
    format_number(factor * at_high, high);
    snprintf(cell, sizeof cell, "%s .. %s", isnan(at_low) ? "-" : low, isnan(at_high) ? "-" : high);
    fprintf(out, "  %-*s", WIDTH, cell);
}

static double swing(double at_low, double at_high)
{
    double by = fabs(log(at_high / at_low));
    return isnan(at_low) != isnan(at_high) ? INFINITY : isfinite(by) ? by : 0.0;
}

static void print_system_tornado(FILE *out, const struct kerf_ensemble *e, int system, struct row *row)
{
    enum { WIDTH = 20 };
    const double shown = 1e-3;
    int leaves = e->uncertain.count;
    print_heading(out, e, system, "at its low .. at its high end", WIDTH);
    for (int k = 0; k < leaves; k++) {
        double at_low, at_high;
        row[k] = (struct row){.place = k};
        for (int c = 0; c < COLUMNS; c++) {
            kerf_ensemble_ends(e, k, system, kerf_summary_scalar_named(columns[c].field), base_of(e, c),
                               &at_low, &at_high);
            if (has_column(e, system, c))
                row[k].weight = fmax(row[k].weight, swing(at_low, at_high));
        }
    }
    qsort(row, (size_t)leaves, sizeof *row, heaviest_first);
    for (int r = -1; r < leaves && r < ROWS_SHOWN && (r < 0 || row[r].weight > shown); r++) {
        char name[KERF_UNCERTAIN_NAME_BYTES] = "all nominal";
        if (r >= 0)
            kerf_uncertain_name(&e->uncertain.leaf[row[r].place], name);
        fprintf(out, "%-44s", name);
        for (int c = 0; c < COLUMNS; c++) {
            int figure = kerf_summary_scalar_named(columns[c].field), base = base_of(e, c);
            double at_low, at_high;
            if (!has_column(e, system, c))
                continue;
            if (r >= 0) {
                kerf_ensemble_ends(e, row[r].place, system, figure, base, &at_low, &at_high);
                print_ends(out, at_low, at_high, columns[c].factor);
                continue;
            }
            char cell[CELL_BYTES];
            double nominal = kerf_ensemble_value(e, 0, system, figure);
            format_number(columns[c].factor * nominal /
                              (base >= 0 ? kerf_ensemble_value(e, 0, base, figure) : 1.0),
                          cell);
            fprintf(out, "  %-*s", WIDTH, isnan(nominal) ? "-" : cell);
        }
        fprintf(out, "\n");
    }
}

enum kerf_status kerf_ensemble_print_tornado(FILE *out, const struct kerf_ensemble *e,
                                             struct kerf_error *error)
{
    const char *title = e->comparison->scenario.title;
    struct row *row = calloc((size_t)e->uncertain.count + 1, sizeof *row);
    KERF_CHECK(row, KERF_ERR_FAILURE, "out of memory for a tornado");
    fprintf(
        out,
        "%s\nnetwork %s; each of %d uncertain values alone at both ends of its range; the %d that move an "
        "answer most\n",
        *title ? title : "(untitled)", e->comparison->scenario.network, e->uncertain.count, ROWS_SHOWN);
    for (int system = 0; system < e->systems; system++)
        print_system_tornado(out, e, system, row);
    free(row);
    return KERF_OK;
}
