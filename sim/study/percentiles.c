/* The study room: percentiles of requests, and the share of them that keeps an SLO. */
#include "sim/study/percentiles.h"

#include "sim/study/statistics.h"
#include "sim/study/steady.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double wait_of(const struct kerf_request_record *record, enum kerf_wait wait)
{
    switch (wait) {
    case KERF_WAIT_TTFT:
        return record->first_token_s - record->arrival_s;
    case KERF_WAIT_TPOT:
        return record->output_tokens > 1
                   ? (record->finish_s - record->first_token_s) / ((double)record->output_tokens - 1.0)
                   : (double)NAN;
    case KERF_WAIT_E2E:
        return record->finish_s - record->arrival_s;
    case KERF_WAIT_QUEUE:
        return record->prefill_queue_s;
    case KERF_WAIT_COUNT:
        break;
    }
    return NAN;
}

/* The waits of requests that have one, in order; returns their number. */
static int series_of(const struct kerf_request_record *records, int requests, enum kerf_wait wait,
                     double *series)
{
    int count = 0;
    for (int i = 0; i < requests; i++) {
        double value = wait_of(&records[i], wait);
        if (!isnan(value))
            series[count++] = value;
    }
    return count;
}

/* Requests to leave out. At least one is left. */
static int warmup_of(const struct kerf_request_record *records, int requests,
                     const struct kerf_measure_spec *measure, double *series, double *steady)
{
    int first = measure->warmup_requests;
    bool settled = true;
    while (first < requests && records[first].arrival_s < measure->warmup_s)
        first++;
    if (measure->warmup == KERF_WARMUP_AUTO) {
        int count = series_of(records, requests, KERF_WAIT_E2E, series);
        int found = kerf_mser5(series, count, &settled);
        first = found > first ? found : first;
    }
    *steady = settled;
    return first < requests ? first : requests - 1;
}

static bool keeps(const struct kerf_request_record *record, const struct kerf_measure_spec *measure)
{
    double ttft_s = wait_of(record, KERF_WAIT_TTFT), tpot_s = wait_of(record, KERF_WAIT_TPOT);
    return (measure->slo_ttft_s == 0.0 || ttft_s <= measure->slo_ttft_s) &&
           (measure->slo_tpot_s == 0.0 || isnan(tpot_s) || tpot_s <= measure->slo_tpot_s);
}

/* Whether a percentile of the waits keeps a limit. */
static bool percentile_keeps(const struct kerf_request_record *records, int requests, enum kerf_wait wait,
                             double limit_s, double percentile, double *series)
{
    int count = series_of(records, requests, wait, series);
    return limit_s == 0.0 || count == 0 || kerf_quantile(series, count, percentile / 100.0) <= limit_s;
}

static void judge(const struct kerf_request_record *records, int requests,
                  const struct kerf_measure_spec *measure, double *series, struct kerf_percentiles *out)
{
    out->slo_share = out->slo_met = out->goodput_per_s = NAN;
    if (measure->slo_ttft_s == 0.0 && measure->slo_tpot_s == 0.0)
        return;
    int kept = 0;
    double last_s = 0.0;
    for (int i = 0; i < requests; i++) {
        kept += keeps(&records[i], measure);
        last_s = fmax(last_s, records[i].finish_s);
    }
    out->slo_share = (double)kept / requests;
    out->goodput_per_s = kept / (last_s - records[0].arrival_s);
    out->slo_met = percentile_keeps(records, requests, KERF_WAIT_TTFT, measure->slo_ttft_s,
                                    measure->slo_percentile, series) &&
                   percentile_keeps(records, requests, KERF_WAIT_TPOT, measure->slo_tpot_s,
                                    measure->slo_percentile, series);
}

void kerf_percentiles_none(struct kerf_percentiles *percentiles)
{
    double *figure = (double *)percentiles;
    for (size_t i = 0; i < sizeof *percentiles / sizeof *figure; i++)
        figure[i] = NAN;
}

void kerf_percentiles_fill(const struct kerf_request_record *records, int requests,
                           const struct kerf_measure_spec *measure, struct kerf_percentiles *out)
{
    double *series = calloc(2 * (size_t)requests + 2, sizeof *series), *room = series + requests + 1;
    kerf_percentiles_none(out);
    if (!series)
        return;
    int first = warmup_of(records, requests, measure, series, &out->steady), taken = requests - first;
    out->warmup = first;
    out->measured = taken;
    for (int wait = 0; wait < KERF_WAIT_COUNT; wait++) {
        int count = series_of(records + first, taken, (enum kerf_wait)wait, series);
        for (int k = 0; k < KERF_PERCENTILES; k++) {
            struct kerf_interval interval = kerf_batch_quantile(series, count, kerf_percentile_p[k], room);
            out->value[wait][k] = interval.value;
            out->low[wait][k] = interval.low;
            out->high[wait][k] = interval.high;
        }
    }
    judge(records + first, taken, measure, series, out);
    free(series);
}
