/* The study room: validations as tables of text and as CSV. */
#include "sim/io/csv_table.h"
#include "sim/study/scores.h"
#include "sim/study/validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDEST_CELL = 44 }; /* longer texts push their line out rather than be cut */

/* Texts of a row that its line begins with, and the widths of their columns. */
enum { ID, SUBJECT, HARDWARE, METRIC, TEXTS };
static const char *const headings[TEXTS] = {"id", "about", "hardware", "metric"};

static const char *text_of(const struct kerf_prediction *p, int text)
{
    const char *const texts[TEXTS] = {p->id, p->subject, p->hardware, p->metric};
    return texts[text];
}

static void find_widths(const struct kerf_validation *v, int width[TEXTS])
{
    for (int text = 0; text < TEXTS; text++) {
        width[text] = (int)strlen(headings[text]);
        for (int i = 0; i < v->rows; i++) {
            int length = (int)strlen(text_of(&v->row[i], text));
            bool counts = kerf_prediction_made(&v->row[i]) && length <= WIDEST_CELL;
            width[text] = counts && length > width[text] ? length : width[text];
        }
    }
}

static void print_row(FILE *out, const struct kerf_prediction *p, const int width[TEXTS])
{
    double low, high;
    kerf_prediction_range(p, &low, &high);
    for (int text = 0; text < TEXTS; text++)
        fprintf(out, "%-*s  ", width[text], text_of(p, text));
    fprintf(out, "%11.4g %11.4g %+8.1f %% %11.4g %11.4g  %-3s  %s\n", p->measured,
            p->predicted[KERF_COLUMN_NOMINAL], 100.0 * kerf_prediction_error(p), low, high,
            low <= p->measured && p->measured <= high ? "yes" : "no", p->use);
}

void kerf_validation_print_rows(FILE *out, const struct kerf_validation *v)
{
    int width[TEXTS];
    find_widths(v, width);
    for (int text = 0; text < TEXTS; text++)
        fprintf(out, "%-*s  ", width[text], headings[text]);
    fprintf(out, "%11s %11s %10s %11s %11s  %-3s  %s\n", "measured", "predicted", "error", "low", "high",
            "in", "use");
    for (int row = 0; row < v->rows; row++)
        if (kerf_prediction_made(&v->row[row]))
            print_row(out, &v->row[row], width);
    fputc('\n', out);
}

/* A set of rows that are scored together; NULL: any. */
struct group {
    const char *subject, *hardware, *metric;
    bool fit;
};

static bool is_fit(const struct kerf_prediction *p)
{
    return strcmp(p->use, "fit") == 0;
}

static bool matches(const char *wanted, const char *text)
{
    return !wanted || strcmp(wanted, text) == 0;
}

static bool belongs(const struct kerf_prediction *p, const struct group *group)
{
    return kerf_prediction_made(p) && is_fit(p) == group->fit && matches(group->subject, p->subject) &&
           matches(group->hardware, p->hardware) && matches(group->metric, p->metric);
}

/* What the printing of groups needs: a place for the rows of one, and widths of columns. */
struct printer {
    FILE *out;
    const struct kerf_validation *validation;
    const struct kerf_prediction **member; /* owned */
    int width[TEXTS];
};

static void print_scores(FILE *out, const struct kerf_scores *s)
{
    fprintf(out, "%6d %8.1f %8.1f %+8.1f %7.0f %7.2f %9.2f", s->rows, 100.0 * s->mean_absolute,
            100.0 * s->median_absolute, 100.0 * s->bias, 100.0 * s->coverage, s->interval_score,
            s->median_spread);
    if (s->naive_rows > 0)
        fprintf(out, " %9.1f %8.1f", 100.0 * s->naive_mean_absolute, 100.0 * s->naive_median_absolute);
    if (s->naive_rows > 0 && s->naive_rows < s->rows)
        fprintf(out, "  (of %d)", s->naive_rows);
    fputc('\n', out);
}

static enum kerf_status print_group(const struct printer *printer, const struct group *group,
                                    const char *const label[TEXTS], struct kerf_error *error)
{
    struct kerf_scores scores;
    int members = 0;
    for (int i = 0; i < printer->validation->rows; i++)
        if (belongs(&printer->validation->row[i], group))
            printer->member[members++] = &printer->validation->row[i];
    if (members == 0)
        return KERF_OK;
    KERF_TRY(kerf_scores_of(printer->member, members, &scores, error));
    for (int text = SUBJECT; text < TEXTS; text++)
        fprintf(printer->out, "%-*s  ", printer->width[text], label[text]);
    print_scores(printer->out, &scores);
    return KERF_OK;
}

/* Whether no row before `row` belongs to the same group. */
static bool begins(const struct kerf_validation *v, int row, const struct group *group)
{
    for (int i = 0; i < row; i++)
        if (belongs(&v->row[i], group))
            return false;
    return belongs(&v->row[row], group);
}

static enum kerf_status print_groups(const struct printer *printer, bool fit, struct kerf_error *error)
{
    const struct kerf_validation *v = printer->validation;
    for (int row = 0; row < v->rows; row++) {
        const struct kerf_prediction *p = &v->row[row];
        const struct group group = {p->subject, p->hardware, p->metric, fit};
        const char *const label[TEXTS] = {"", p->subject, p->hardware, p->metric};
        if (begins(v, row, &group))
            KERF_TRY(print_group(printer, &group, label, error));
    }
    for (int row = 0; row < v->rows; row++) {
        const struct group group = {.metric = v->row[row].metric, .fit = fit};
        const char *const label[TEXTS] = {"", "all", "", v->row[row].metric};
        if (begins(v, row, &group))
            KERF_TRY(print_group(printer, &group, label, error));
    }
    const struct group all = {.fit = fit};
    const char *const label[TEXTS] = {"", "all", "", ""};
    return print_group(printer, &all, label, error);
}

static bool has_rows(const struct kerf_validation *v, bool fit)
{
    const struct group all = {.fit = fit};
    for (int i = 0; i < v->rows; i++)
        if (belongs(&v->row[i], &all))
            return true;
    return false;
}

static void print_heading(const struct printer *printer, const char *title)
{
    fprintf(printer->out, "%s\n", title);
    for (int text = SUBJECT; text < TEXTS; text++)
        fprintf(printer->out, "%-*s  ", printer->width[text], headings[text]);
    fprintf(printer->out, "%6s %8s %8s %8s %7s %7s %9s %9s %8s\n", "rows", "mean %", "median %", "bias %",
            "in %", "score", "high/low", "naive: mean", "median");
}

static int first_with(const struct kerf_validation *v, const char *reason)
{
    int row = 0;
    while (strcmp(v->row[row].reason, reason) != 0)
        row++;
    return row;
}

static int count_with(const struct kerf_validation *v, const char *reason)
{
    int count = 0;
    for (int row = 0; row < v->rows; row++)
        count += strcmp(v->row[row].reason, reason) == 0;
    return count;
}

static void print_reasons(FILE *out, const struct kerf_validation *v)
{
    int predicted = 0;
    for (int row = 0; row < v->rows; row++)
        predicted += kerf_prediction_made(&v->row[row]);
    fprintf(out, "%d rows, %d predicted, %d not predicted%s\n", v->rows, predicted, v->rows - predicted,
            predicted < v->rows ? ":" : "");
    for (int row = 0; row < v->rows; row++) {
        const char *reason = v->row[row].reason;
        if (reason[0] && first_with(v, reason) == row)
            fprintf(out, "%7d  %s\n", count_with(v, reason), reason);
    }
}

enum kerf_status kerf_validation_print(FILE *out, const struct kerf_validation *v, struct kerf_error *error)
{
    static const char *const titles[] = {"absolute errors of the nominal prediction, rows that no fit saw:",
                                         "the same, rows that helped to set a leaf:"};
    struct printer printer = {.out = out, .validation = v};
    printer.member = malloc(((size_t)v->rows + 1) * sizeof *printer.member);
    KERF_CHECK(printer.member, KERF_ERR_FAILURE, "out of memory for %d rows", v->rows);
    find_widths(v, printer.width);
    enum kerf_status status = KERF_OK;
    for (int fit = 0; fit < 2 && status == KERF_OK; fit++) {
        if (!has_rows(v, fit))
            continue;
        print_heading(&printer, titles[fit]);
        status = print_groups(&printer, fit, error);
        fputc('\n', out);
    }
    free(printer.member);
    if (status == KERF_OK)
        print_reasons(out, v);
    return status;
}

static void write_number(FILE *out, double value, bool given)
{
    char text[40] = "";
    if (given)
        snprintf(text, sizeof text, "%.9g", value);
    kerf_csv_write(out, text, false);
}

void kerf_validation_write(FILE *out, const void *validation)
{
    const struct kerf_validation *v = validation;
    fprintf(out, "id,metric,measured,predicted,low,high,error,reason\n");
    for (int row = 0; row < v->rows; row++) {
        const struct kerf_prediction *p = &v->row[row];
        bool given = kerf_prediction_made(p);
        double low, high;
        kerf_prediction_range(p, &low, &high);
        kerf_csv_write(out, p->id, false);
        kerf_csv_write(out, p->metric, false);
        write_number(out, p->measured, !isnan(p->measured));
        write_number(out, p->predicted[KERF_COLUMN_NOMINAL], given);
        write_number(out, low, given);
        write_number(out, high, given);
        write_number(out, kerf_prediction_error(p), given);
        kerf_csv_write(out, p->reason, true);
    }
}
