/* The study room: requests to summary figures. */
#include "sim/study/summary.h"

#include "sim/study/statistics.h"

#include <math.h>
#include <stdlib.h>

static double ttft_of(const struct kerf_request_record *record)
{
    return record->first_token_s - record->arrival_s;
}

/* Output speed counts from the first token on, reasoning included (Artificial Analysis' definition). */
static double tpot_of(const struct kerf_request_record *record)
{
    return record->output_tokens > 1
               ? (record->finish_s - record->first_token_s) / ((double)record->output_tokens - 1.0)
               : NAN;
}

static double speed_of(const struct kerf_request_record *record)
{
    return 1.0 / tpot_of(record);
}

static double e2e_of(const struct kerf_request_record *record)
{
    return record->finish_s - record->arrival_s;
}

static double median_of(const struct kerf_request_record *records, int requests,
                        double (*of)(const struct kerf_request_record *))
{
    double *values = malloc((size_t)requests * sizeof *values);
    if (!values)
        return NAN;
    int count = 0;
    for (int i = 0; i < requests; i++) {
        double value = of(&records[i]);
        if (!isnan(value))
            values[count++] = value;
    }
    double median = kerf_median(values, count);
    free(values);
    return median;
}

static double mean_of(const struct kerf_request_record *records, int requests,
                      double (*of)(const struct kerf_request_record *))
{
    double sum = 0.0;
    int count = 0;
    for (int i = 0; i < requests; i++) {
        double value = of(&records[i]);
        if (isnan(value))
            continue;
        sum += value;
        count++;
    }
    return count > 0 ? sum / count : NAN;
}

static double throughput_of(const struct kerf_request_record *records, int requests)
{
    double tokens = 0.0, first_s = records[0].arrival_s, last_s = records[0].finish_s;
    for (int i = 0; i < requests; i++) {
        tokens += records[i].output_tokens;
        first_s = fmin(first_s, records[i].arrival_s);
        last_s = fmax(last_s, records[i].finish_s);
    }
    return tokens / (last_s - first_s);
}

void kerf_summarise(const struct kerf_request_record *records, int requests, struct kerf_summary *summary)
{
    double later_tokens = 0.0;
    summary->metric[KERF_METRIC_TTFT] = median_of(records, requests, ttft_of);
    summary->metric[KERF_METRIC_TPOT] = median_of(records, requests, tpot_of);
    summary->metric[KERF_METRIC_SPEED_PER_USER] = median_of(records, requests, speed_of);
    summary->metric[KERF_METRIC_E2E] = median_of(records, requests, e2e_of);
    summary->metric[KERF_METRIC_THROUGHPUT] = throughput_of(records, requests);
    summary->requests = requests;
    summary->mean_ttft_s = mean_of(records, requests, ttft_of);
    summary->mean_tpot_s = mean_of(records, requests, tpot_of);
    for (int i = 0; i < requests; i++)
        summary->last_ttft_s = fmax(summary->last_ttft_s, ttft_of(&records[i]));
    for (int i = 0; i < requests; i++) {
        summary->output_tokens += records[i].output_tokens;
        summary->rounds += records[i].rounds;
        summary->queue_s += records[i].prefill_queue_s / requests;
        summary->pool_queue_s += records[i].pool_queue_s / requests;
        summary->kv_transfer_s += records[i].kv_transfer_s / requests;
        later_tokens += (double)records[i].output_tokens - 1.0;
        for (int part = 0; part < KERF_TIME_PARTS; part++) {
            summary->ttft_part_s[part] += records[i].first_part_s[part];
            summary->tpot_part_s[part] += records[i].decode_part_s[part];
        }
    }
    for (int part = 0; part < KERF_TIME_PARTS; part++) {
        summary->e2e_part_s[part] = (summary->ttft_part_s[part] + summary->tpot_part_s[part]) / requests;
        summary->ttft_part_s[part] /= requests;
        summary->tpot_part_s[part] = later_tokens > 0.0 ? summary->tpot_part_s[part] / later_tokens : 0.0;
    }
}
