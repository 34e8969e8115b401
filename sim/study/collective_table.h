/* Tables of measured collectives: CSV files with a row per collective and size, or per expert exchange. */
#ifndef KERF_STUDY_COLLECTIVE_TABLE_H
#define KERF_STUDY_COLLECTIVE_TABLE_H

#include "models/fabric/collective_library.h"
#include "models/fabric/expert_exchange.h"
#include "sim/io/csv_table.h"

/* Kinds of tables: by what their columns are. */
enum kerf_collective_layout {
    KERF_COLLECTIVE_SIZES,     /* of aiconfigurator's collectors for nccl-tests and custom all-reduce */
    KERF_COLLECTIVE_EXCHANGES, /* of those for DeepEP: dispatch and combine of experts */
    KERF_COLLECTIVE_LAYOUTS
};

/* What is fitted together, because it shares leaves. */
enum kerf_collective_family {
    KERF_FAMILY_RINGS,      /* all-reduce, all-gather, reduce-scatter of the library */
    KERF_FAMILY_ALL_TO_ALL, /* of the library */
    KERF_FAMILY_IN_GRAPH,   /* all-reduce kernels of inference engines */
    KERF_FAMILY_DISPATCH,
    KERF_FAMILY_COMBINE,
    KERF_FAMILIES
};

/* One measurement. */
struct kerf_collective_row {
    enum kerf_collective_family family;
    struct kerf_collective_call call;     /* of a collective */
    bool in_switch;                       /* whether switches can add up its numbers */
    struct kerf_expert_exchange exchange; /* of dispatch or combine */
    double measured_s;
    const char *refused; /* why it is not predicted; NULL: it is */
    bool held;           /* from a fit */
};

enum { KERF_COLLECTIVE_ANSWERS_MAX = 2 };

/* Name of a layout, and its columns: the second name may be NULL; false beyond the last. */
const char *kerf_collective_layout_name(enum kerf_collective_layout layout);
bool kerf_collective_column(enum kerf_collective_layout layout, int index, const char *name[2]);

/* Measurements in one row of a table: 2 of an exchange. */
int kerf_collective_answers(enum kerf_collective_layout layout);

/* Name of a family, as --operator has it, and what is measured: "all_reduce_s". */
const char *kerf_collective_family_name(int family);
const char *kerf_collective_metric(const struct kerf_collective_row *row);

/* Refuses a table without rows or one of the columns. */
enum kerf_status kerf_collective_check(const struct kerf_csv *csv, enum kerf_collective_layout layout,
                                       const char *file, struct kerf_error *error);

/* Reads row `row`, which ran on GPUs with `cluster`. Refuses with FILE:LINE an unknown format or operation, a
 * cell that is no number above 0. */
enum kerf_status kerf_collective_row_read(const struct kerf_csv *csv, enum kerf_collective_layout layout,
                                          int row, const struct kerf_cluster *cluster,
                                          struct kerf_collective_row out[KERF_COLLECTIVE_ANSWERS_MAX],
                                          struct kerf_error *error);

/* Seconds that the leaves predict; 0 where ranks do not fit the cluster. */
double kerf_collective_row_predict_s(const struct kerf_collective_params *params,
                                     const struct kerf_cluster *cluster,
                                     const struct kerf_collective_row *row);

/* Bytes that a rank sends, for the naive baseline. */
double kerf_collective_row_bytes(const struct kerf_collective_row *row);

enum { KERF_COLLECTIVE_HOLD_OUT = 3 };

/* Marks the rows that a fit must not see: with the ranks of the rows (of exchanges: the experts) in rising
 * order, the second of every `every` of them, as a whole; 0: none. With 3, of 2, 4 and 8 ranks those are 4.
 */
enum kerf_status kerf_collective_hold_out(struct kerf_collective_row *row, int rows, int every,
                                          struct kerf_error *error);

#endif
