/* The study room: validations as HDF5 files. */
#include "sim/io/row_file.h"
#include "sim/study/validate.h"

#include <math.h>
#include <stdlib.h>

/* Numbers of a row as the file has them: none is a prediction where there is a reason. */
struct numbers {
    double predicted, low, high, error, naive;
};

static struct numbers numbers_of(const struct kerf_prediction *p)
{
    struct numbers n = {NAN, NAN, NAN, NAN, p->naive.predicted};
    if (!kerf_prediction_made(p))
        return n;
    n.predicted = p->predicted[KERF_COLUMN_NOMINAL];
    n.error = kerf_prediction_error(p);
    kerf_prediction_range(p, &n.low, &n.high);
    return n;
}

enum kerf_status kerf_validation_save(MPI_Comm comm, const char *path, const struct kerf_validation *v,
                                      const char *version, const char *command, struct kerf_error *error)
{
    const struct kerf_prediction *p = v->row;
    struct numbers *n = calloc((size_t)v->rows + 1, sizeof *n);
    KERF_CHECK(n, KERF_ERR_FAILURE, "out of memory for %d rows", v->rows);
    for (int i = 0; i < v->rows; i++)
        n[i] = numbers_of(&p[i]);
    static const char as_metric[] = "as metric";
    enum { ROW = sizeof *p, NUMBERS = sizeof *n };
    const struct kerf_row_column columns[] = {
        {"id", "1", "id of the row, or file and line", .text = p->id, .stride = ROW},
        {"use", "1", "fit: a leaf was set with its help", .text = p->use, .stride = ROW},
        {"metric", "1", "what was measured, with its unit", .text = p->metric, .stride = ROW},
        {"about", "1", "network, kernel or collective", .text = p->subject, .stride = ROW},
        {"hardware", "1", "catalog entry", .text = p->hardware, .stride = ROW},
        {"software", "1", "engine, stack or library", .text = p->software, .stride = ROW},
        {"measured", as_metric, "measured value", .number = &p->measured, .stride = ROW},
        {"predicted", as_metric, "nominal prediction", .number = &n->predicted, .stride = NUMBERS},
        {"low", as_metric, "least of the three columns", .number = &n->low, .stride = NUMBERS},
        {"high", as_metric, "largest of the three columns", .number = &n->high, .stride = NUMBERS},
        {"error", "1", "predicted / measured - 1", .number = &n->error, .stride = NUMBERS},
        {"naive", as_metric, "prediction of the naive baseline", .number = &n->naive, .stride = NUMBERS},
        {"reason", "1", "why it was not predicted", .text = p->reason, .stride = ROW},
    };
    const struct kerf_row_file file = {.title = "measured and predicted values",
                                       .version = version,
                                       .command = command,
                                       .group = "validation",
                                       .row = "row",
                                       .rows = (size_t)v->rows,
                                       .columns = sizeof columns / sizeof columns[0],
                                       .column = columns};
    enum kerf_status status = kerf_row_file_write(comm, path, &file, error);
    free(n);
    return status;
}
