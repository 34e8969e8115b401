/* The study room: validations as text and CSV. */
#include "sim/io/csv_table.h"
#include "sim/study/summary.h"
#include "sim/study/validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void print_row(FILE *out, const struct kerf_prediction *m)
{
    double low, high;
    kerf_prediction_range(m, &low, &high);
    fprintf(out, "%-12s %-22s %-16s %-28s %12.5g %12.5g %12.5g %12.5g %+9.1f %%%s%s\n", m->id, m->subject,
            m->hardware, m->metric, m->measured, m->predicted[KERF_COLUMN_NOMINAL], low, high,
            100.0 * kerf_prediction_error(m), *m->use ? "  " : "", m->use);
}

/* Rows of one kind of error: a metric on one kind of hardware, or all. */
struct group {
    const char *metric, *use; /* NULL: any */
};

static bool belongs(const struct kerf_prediction *m, const struct group *group)
{
    return !m->reason[0] && (!group->metric || strcmp(group->metric, m->metric) == 0) &&
           (!group->use || strcmp(group->use, m->use) == 0);
}

static void print_group(FILE *out, const struct kerf_validation *v, const struct group *group,
                        const char *name)
{
    double *errors = malloc(((size_t)v->rows + 1) * sizeof *errors), sum = 0.0, signed_sum = 0.0;
    int count = 0, inside = 0;
    for (int i = 0; errors && i < v->rows; i++) {
        double low, high;
        if (!belongs(&v->row[i], group))
            continue;
        double error = kerf_prediction_error(&v->row[i]);
        kerf_prediction_range(&v->row[i], &low, &high);
        inside += low <= v->row[i].measured && v->row[i].measured <= high;
        errors[count++] = fabs(error);
        sum += fabs(error);
        signed_sum += error;
    }
    if (count > 0)
        fprintf(out,
                "%-40s %5d rows  median %5.1f %%  mean %5.1f %%  bias %+6.1f %%  inside the range %3.0f %%\n",
                name, count, 100.0 * kerf_median(errors, count), 100.0 * sum / count,
                100.0 * signed_sum / count, 100.0 * inside / count);
    free(errors);
}

static bool first_of(const struct kerf_validation *v, int row,
                     const char *(*text)(const struct kerf_prediction *))
{
    for (int i = 0; i < row; i++)
        if (strcmp(text(&v->row[i]), text(&v->row[row])) == 0)
            return false;
    return true;
}

static const char *metric_text(const struct kerf_prediction *m)
{
    return m->metric;
}

static const char *reason_text(const struct kerf_prediction *m)
{
    return m->reason;
}

static void print_reasons(FILE *out, const struct kerf_validation *v)
{
    fprintf(out, "\nnot predicted:\n");
    for (int row = 0; row < v->rows; row++) {
        int count = 0;
        if (!v->row[row].reason[0] || !first_of(v, row, reason_text))
            continue;
        for (int i = row; i < v->rows; i++)
            count += strcmp(v->row[i].reason, v->row[row].reason) == 0;
        fprintf(out, "%7d  %s\n", count, v->row[row].reason);
    }
}

void kerf_validation_print(FILE *out, const struct kerf_validation *v)
{
    static const char *const uses[] = {"fit", "score", NULL};
    fprintf(out, "%-12s %-22s %-16s %-28s %12s %12s %12s %12s %11s\n", "id", "network", "hardware", "metric",
            "measured", "predicted", "low", "high", "error");
    for (int row = 0; row < v->rows; row++)
        if (!v->row[row].reason[0])
            print_row(out, &v->row[row]);
    fprintf(out, "\nabsolute errors of the nominal prediction:\n");
    for (int row = 0; row < v->rows; row++) {
        struct group group = {.metric = v->row[row].metric};
        if (first_of(v, row, metric_text))
            print_group(out, v, &group, group.metric);
    }
    for (int i = 0; uses[i]; i++) {
        struct group group = {.use = uses[i]};
        char name[64];
        snprintf(name, sizeof name, "all rows marked %s", uses[i]);
        print_group(out, v, &group, name);
    }
    struct group all = {0};
    print_group(out, v, &all, "all rows predicted");
    print_reasons(out, v);
}

static void write_number(FILE *out, double value, bool given)
{
    char text[40] = "";
    if (given)
        snprintf(text, sizeof text, "%.9g", value);
    kerf_csv_write(out, text, false);
}

void kerf_validation_write(FILE *out, const struct kerf_validation *v)
{
    fprintf(out, "id,metric,measured,predicted,low,high,error,reason\n");
    for (int row = 0; row < v->rows; row++) {
        const struct kerf_prediction *m = &v->row[row];
        bool given = !m->reason[0];
        double low, high;
        kerf_prediction_range(m, &low, &high);
        kerf_csv_write(out, m->id, false);
        kerf_csv_write(out, m->metric, false);
        write_number(out, m->measured, !isnan(m->measured));
        write_number(out, m->predicted[KERF_COLUMN_NOMINAL], given);
        write_number(out, low, given);
        write_number(out, high, given);
        write_number(out, kerf_prediction_error(m), given);
        kerf_csv_write(out, m->reason, true);
    }
}
