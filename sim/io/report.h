/* The report: everything of a run that its tables print. Filled by sim/study after a run, or read from a
 * result file. */
#ifndef KERF_IO_REPORT_H
#define KERF_IO_REPORT_H

#include "models/device/cost.h"
#include "models/device/leaf.h"
#include "sim/io/percentiles.h"
#include "sim/io/scenario.h"

#include <stdint.h>

/* One system in one column. */
struct kerf_summary {
    double metric[KERF_METRIC_COUNT];    /* medians over requests; throughput over the run; SI */
    double last_ttft_s;                  /* the longest */
    double mean_ttft_s, mean_tpot_s;     /* over requests */
    double ttft_part_s[KERF_TIME_PARTS]; /* mean over requests */
    double tpot_part_s[KERF_TIME_PARTS]; /* mean over output tokens after the first */
    double e2e_part_s[KERF_TIME_PARTS];  /* mean over requests */
    double memory_used_bytes, memory_capacity_bytes, accelerators;
    double accelerator_energy_J,
        facility_energy_J; /* over the span of the run; NAN where the catalog is silent */
    double accelerator_power_W, energy_per_output_token_J, facility_energy_per_output_token_J;
    double owner_cost_USD_per_output_token;
    double requests, output_tokens, rounds;
    double accelerator_time_s; /* of all while they ran: with autoscaling less than accelerators x span */
    double queue_s;            /* mean over requests: before the first pass */
    double pool_queue_s, kv_transfer_s,
        kv_transfer_bytes; /* two pools: means over requests before the second pool had room, and of the way
                              of the cache; all bytes */
    struct kerf_percentiles percentiles; /* NAN unless the scenario has `measure` or `slo` */
};

enum { KERF_REPORT_TEXT_BYTES = 128 };

struct kerf_report_system {
    char name[KERF_REPORT_TEXT_BYTES], title[KERF_REPORT_TEXT_BYTES], hardware[KERF_REPORT_TEXT_BYTES];
    char claim[KERF_REPORT_TEXT_BYTES];  /* title of the published figures, empty if none */
    double published[KERF_METRIC_COUNT]; /* NAN where there is none */
    struct kerf_summary column[KERF_COLUMN_COUNT];
};

/* One uncertain leaf of one system: where it stood in each column, SI. */
struct kerf_report_leaf {
    int system;
    char entry[KERF_REPORT_TEXT_BYTES], key[KERF_REPORT_TEXT_BYTES], unit[24], source[160], confidence[8];
    double value[KERF_COLUMN_COUNT];
};

struct kerf_report {
    char title[KERF_REPORT_TEXT_BYTES], network[KERF_REPORT_TEXT_BYTES];
    int baseline; /* index of a system */
    int systems, columns;
    int nominal; /* index of the nominal column */
    unsigned metrics;
    bool measured; /* percentiles are there */
    long long seed;
    uint64_t digest;
    struct kerf_report_system *system; /* owned */
    int leaves;
    struct kerf_report_leaf *leaf; /* owned */
};

/* The numbers of a summary as columns of a file: written and read by the same table. */
struct kerf_summary_field {
    const char *name, *units, *long_name;
    size_t offset; /* in struct kerf_summary */
    int parts;     /* 0: one number; else an array */
    bool later;    /* files of older releases may lack it */
};

extern const struct kerf_summary_field kerf_summary_fields[];
extern const int kerf_summary_field_count;

/* Scalar figures: the fields with one number, counted by themselves. How many there are; the row of
 * kerf_summary_fields of one; the number of the one with that name, -1: none. */
int kerf_summary_scalars(void);
int kerf_summary_scalar(int figure);
int kerf_summary_scalar_named(const char *name);

extern const char *const kerf_column_names[];    /* "low", "nominal", "high", NULL */
extern const char *const kerf_time_part_names[]; /* "compute", ..., NULL */

void kerf_report_free(struct kerf_report *report);

#endif
