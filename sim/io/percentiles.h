/* Percentiles of what users wait for, with confidence intervals, and what an SLO makes of them. */
#ifndef KERF_IO_PERCENTILES_H
#define KERF_IO_PERCENTILES_H

enum kerf_wait { KERF_WAIT_TTFT, KERF_WAIT_TPOT, KERF_WAIT_E2E, KERF_WAIT_QUEUE, KERF_WAIT_COUNT };
enum { KERF_PERCENTILES = 4 };

/* One system in one column; SI. All doubles, so that files take them as columns. */
struct kerf_percentiles {
    double warmup, measured; /* requests left out and taken */
    double steady;           /* 0: MSER-5 found no steady state */
    double value[KERF_WAIT_COUNT][KERF_PERCENTILES];
    double low[KERF_WAIT_COUNT][KERF_PERCENTILES],
        high[KERF_WAIT_COUNT][KERF_PERCENTILES]; /* 95 %; NAN: too
                                                     few requests */
    double slo_share;     /* of the requests that keep both limits; NAN without an SLO */
    double slo_met;       /* 1 where the percentile of the SLO keeps each of its limits */
    double goodput_per_s; /* requests per second that keep both limits */
};

extern const double kerf_percentile_p[KERF_PERCENTILES];
extern const char *const kerf_wait_names[]; /* "ttft", ..., NULL */

#endif
