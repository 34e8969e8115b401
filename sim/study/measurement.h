/* Published measurements: rows of a CSV table as questions that a simulation can answer, or the reason why
 * not. */
#ifndef KERF_STUDY_MEASUREMENT_H
#define KERF_STUDY_MEASUREMENT_H

#include "sim/io/csv_table.h"
#include "sim/study/prediction.h"
#include "sim/study/system.h"

/* What a row measures and how to predict it. */
enum kerf_measured {
    KERF_MEASURED_TPOT,          /* tpot_s */
    KERF_MEASURED_TTFT,          /* ttft_s */
    KERF_MEASURED_USER_SPEED,    /* output_tok_s_per_user */
    KERF_MEASURED_REQUEST_SPEED, /* e2e_output_tok_s_per_request: output tokens over end-to-end time */
    KERF_MEASURED_TOTAL_SPEED,   /* total_tok_s: prompt and output tokens over the span of a static batch */
    KERF_MEASURED_PREFILL_SPEED, /* prefill_tok_s */
    KERF_MEASURED_E2E,           /* e2e_s */
    KERF_MEASURED_OUTPUT_SPEED,  /* output_tok_s: output tokens over the span of all requests */
    KERF_MEASURED_OUTPUT_SPEED_PER_ACCELERATOR,
    KERF_MEASURED_ENERGY, /* j_per_output_token: of the accelerators alone */
    KERF_MEASURED_COUNT
};

/* What a row's time to first token is over its requests. A time per token is a mean too, or else a median. */
enum kerf_statistic { KERF_STATISTIC_MEDIAN, KERF_STATISTIC_MEAN, KERF_STATISTIC_LAST };

/* A block of PEs that a published kernel ran every layer on; 0 where there is none. */
struct kerf_kernel_block {
    double prefill_pes, decode_pes; /* side of the square */
};

/* The question that a row asks. */
struct kerf_measurement {
    struct kerf_prediction *answer; /* of the row: what it measures, and later what was predicted */
    enum kerf_measured kind;
    char network[KERF_SETTING_TEXT_BYTES], hardware[KERF_SETTING_TEXT_BYTES];
    struct kerf_system_spec spec; /* name, hardware, layout, workload */
    bool endpoint;                /* a wafer vendor's */
    enum kerf_statistic statistic;
    bool max_load;            /* as trtllm-bench sends it */
    bool speculation_unknown; /* there may or may not have been a drafter */
    bool count_unknown;       /* wafers: the fewest that hold the network */
    struct kerf_kernel_block block;
};

/* Reads row `row`: fills the question and the record of the row, with the reason if it cannot be answered.
 * Never fails for what a row says. `answer` must outlive the question. */
void kerf_measurement_read(const struct kerf_csv *csv, int row, struct kerf_measurement *measurement,
                           struct kerf_prediction *answer);

#endif
