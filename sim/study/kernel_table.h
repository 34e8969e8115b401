/* Tables of measured kernels: CSV files with a row per kernel, its dimensions and its latency in ms. */
#ifndef KERF_STUDY_KERNEL_TABLE_H
#define KERF_STUDY_KERNEL_TABLE_H

#include "models/device/gpu_experts.h"
#include "models/network/format.h"
#include "sim/base/error.h"
#include "sim/io/csv_table.h"

#include <mpi.h>
#include <stdbool.h>

enum kerf_kernel {
    KERF_KERNEL_GEMM,
    KERF_KERNEL_EXPERTS,
    KERF_KERNEL_ATTENTION,   /* decode */
    KERF_KERNEL_MLA_DECODE,  /* with its projections */
    KERF_KERNEL_MLA_PREFILL, /* the same */
    KERF_KERNEL_COUNT
};

/* Which rows a fit may see. */
enum kerf_kernel_use {
    KERF_KERNEL_FITTED,
    KERF_KERNEL_FAMILY_HELD,
    KERF_KERNEL_EXTREME_HELD,
    KERF_KERNEL_USES
};

enum { KERF_KERNEL_DIMENSIONS = 8, KERF_KERNEL_EVERY_FAMILY = 5 };

/* The dimensions of a GEMM, in kerf_kernel_row.dimension. */
enum { KERF_GEMM_M, KERF_GEMM_N, KERF_GEMM_K };
enum {
    KERF_MOE_TOKENS, /* of the whole expert-parallel group */
    KERF_MOE_MODEL,
    KERF_MOE_INNER,
    KERF_MOE_TOP_K,
    KERF_MOE_EXPERTS,
    KERF_MOE_CUT, /* ranks that cut each expert */
    KERF_MOE_RANKS
};
/* Attention; the last two are no columns. */
enum {
    KERF_ATTENTION_BATCH,
    KERF_ATTENTION_TOKENS,  /* new */
    KERF_ATTENTION_EARLIER, /* cached before them */
    KERF_ATTENTION_HEADS,
    KERF_ATTENTION_KV_HEADS,
    KERF_ATTENTION_HEAD_DIM,
    KERF_ATTENTION_CONTEXT,    /* all that is attended to */
    KERF_ATTENTION_CACHE_BYTES /* of an element */
};

struct kerf_kernel_row {
    enum kerf_format format; /* GEMM: of both inputs; experts and projections of MLA: of the weights;
                              * attention: of the cache */
    enum kerf_format cache;  /* attention and MLA */
    double dimension[KERF_KERNEL_DIMENSIONS];
    struct kerf_expert_load load; /* experts: of the rank that was measured */
    double measured_s;
    int family; /* rows of the same family are held out together */
    enum kerf_kernel_use use;
};

struct kerf_kernel_table {
    enum kerf_kernel kernel;
    char file[512];
    int rows, families;
    struct kerf_kernel_row *row; /* owned */
};

/* Name of a kernel as --operator has it; NULL beyond the last. */
const char *kerf_kernel_name(int kernel);

/* Names of column `index` of a table, of which the second may be NULL; false beyond the last. */
bool kerf_kernel_column(enum kerf_kernel kernel, int index, const char *name[2]);

/* Reads `path`. Refuses with FILE:LINE a missing column, an unknown format, a cell that is no number, a
 * dimension or a latency that is not positive, attention with a window or several beams, and a table without
 * rows. Collective on `comm`. */
enum kerf_status kerf_kernel_table_read(MPI_Comm comm, const char *path, enum kerf_kernel kernel,
                                        struct kerf_kernel_table *table, struct kerf_error *error);

/* The same from a table that was parsed; `path` is its name. */
enum kerf_status kerf_kernel_table_take(const struct kerf_csv *csv, const char *path, enum kerf_kernel kernel,
                                        struct kerf_kernel_table *table, struct kerf_error *error);
void kerf_kernel_table_free(struct kerf_kernel_table *table);

/* Marks what a fit must not see. A family is a pair of n and k for a GEMM, of the cut of
 * experts and the ranks for experts, of heads and KV heads for attention, of heads and cache format for MLA;
 * the size is m, the tokens or the context. The pairs are numbered by 3 times the rank
 * of n among all n plus 2 times the rank of k, and those whose number `every` divides are held out, so that
 * each n and each k stays in other families. Of the others the smallest and the largest m are held out when
 * there are more than four m. 0: hold out nothing. */
enum kerf_status kerf_kernel_table_hold_out(struct kerf_kernel_table *table, int every,
                                            struct kerf_error *error);

#endif
