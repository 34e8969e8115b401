/* Rows of training tables as jobs: what a row states, and what it leaves open. */
#ifndef KERF_STUDY_TRAINING_ROW_H
#define KERF_STUDY_TRAINING_ROW_H

#include "models/training/step.h"
#include "sim/io/catalog.h"
#include "sim/io/csv_table.h"

enum kerf_training_metric {
    KERF_TRAINED_TOKENS, /* tokens/s/gpu */
    KERF_TRAINED_STEP,   /* step_time_s */
    KERF_TRAINED_FLOPS,  /* tflops_per_gpu */
    KERF_TRAINED_MFU,    /* MFU, in percent */
    KERF_TRAINED_SAMPLES /* samples/s */
};

struct kerf_training_row {
    char id[64], model[128], hardware[64], metric[48], software[48];
    enum kerf_training_metric kind;
    double measured;
    struct kerf_network network;
    struct kerf_training_job job; /* .network points to the network above: copy neither alone */
    bool counts_recompute;        /* tflops_per_gpu are hardware FLOPs */
    /* What the row does not say. */
    bool open_split, open_virtual, open_micro_batch, open_recompute;
    int model_parallel; /* tensor x pipeline, where only that is known; else 0 */
    char reason[192];   /* why it is no job; empty: it is one */
};

/* Reads row `row`: fills the job, or the reason why it is none. Wafers, vision and diffusion are other
 * readers' business and get a reason. Errors are those of the catalog only. Collective on its communicator.
 */
enum kerf_status kerf_training_row_read(const struct kerf_csv *csv, int row, struct kerf_catalog *catalog,
                                        struct kerf_training_row *out, struct kerf_error *error);

/* Whether a metric is scored and predicted; `kind` may be NULL. */
bool kerf_training_metric_find(const char *name, enum kerf_training_metric *kind);

/* The figure that the row measures, of a step. */
double kerf_training_row_figure(const struct kerf_training_row *row, const struct kerf_training_step *step);

#endif
