/* The study of a scenario about images: every system in every column, in closed form, without an engine. */
#ifndef KERF_STUDY_IMAGE_STUDY_H
#define KERF_STUDY_IMAGE_STUDY_H

#include "models/network/layer.h"
#include "sim/io/catalog.h"
#include "sim/io/image_scenario.h"
#include "sim/study/bill.h"
#include "sim/study/scenario_source.h"

#include <stdio.h>

enum { KERF_IMAGE_PARTS_MAX = 12 };

/* One system in one column. Rates are of all its accelerators. */
struct kerf_image_result {
    double batch_s;    /* inference: from a batch in to its results out; training: a step */
    double rate_per_s; /* images; of a diffusion language model, answer tokens; batches follow each other */
    double flops;      /* rate, FLOP/s: model FLOPs, three times forward in training */
    double mfu;        /* of the 16-bit peak of all accelerators; NAN where the catalog has none */
    struct kerf_bill bill;
    double used_bytes, capacity_bytes; /* of one accelerator */
    int parts;
    const char *part[KERF_IMAGE_PARTS_MAX]; /* names, static storage */
    double part_s[KERF_IMAGE_PARTS_MAX];    /* they add up to batch_s */
    const char *note;                       /* static storage, or empty */
};

struct kerf_image_study {
    char *text; /* of the file, owned */
    struct kerf_image_scenario scenario;
    struct kerf_network network;
    struct kerf_layer_list layers; /* empty of a diffusion language model */
    int columns;
    enum kerf_column column[KERF_COLUMN_COUNT];
    struct kerf_image_result result[KERF_SYSTEMS_MAX][KERF_COLUMN_COUNT]; /* by place in `column` */
};

/* Reads the scenario and what it names, and works out every system in every column. Collective; the same on
 * every rank. Free with kerf_image_study_free, also after a failure. */
enum kerf_status kerf_image_study_open(MPI_Comm comm, const struct kerf_scenario_source *source,
                                       const char *const *catalogs, struct kerf_image_study **study,
                                       struct kerf_error *error);

void kerf_image_study_free(struct kerf_image_study *study);

/* Prints the tables. */
void kerf_image_study_print(FILE *out, const struct kerf_image_study *study);

/* The part that takes longest, nominal. Static storage. */
const char *kerf_image_limit(const struct kerf_image_study *study, int system);

/* Writes `path` as HDF5, whole or not at all (image_result.c). Collective. */
enum kerf_status kerf_image_study_write(MPI_Comm comm, const struct kerf_image_study *study, const char *path,
                                        const char *version, struct kerf_error *error);

#endif
