/* The io room: names that reports and files share. */
#include "sim/io/report.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const char *const kerf_column_names[] = {[KERF_COLUMN_LOW] = "low",
                                         [KERF_COLUMN_NOMINAL] = "nominal",
                                         [KERF_COLUMN_HIGH] = "high",
                                         [KERF_COLUMN_COUNT] = NULL};

const char *const kerf_time_part_names[] = {
    [KERF_TIME_COMPUTE] = "compute",   [KERF_TIME_MEMORY] = "memory",
    [KERF_TIME_FABRIC] = "fabric",     [KERF_TIME_INTERCONNECT] = "interconnect",
    [KERF_TIME_SOFTWARE] = "software", [KERF_TIME_WAITING] = "waiting",
    [KERF_TIME_PARTS] = NULL};

#define METRIC(which) offsetof(struct kerf_summary, metric) + (which) * sizeof(double)
#define AT(field) offsetof(struct kerf_summary, field)
const struct kerf_summary_field kerf_summary_fields[] = {
    {"ttft", "s", "time to first token, median over requests", METRIC(KERF_METRIC_TTFT), 0, false},
    {"tpot", "s", "time per output token after the first, median over requests", METRIC(KERF_METRIC_TPOT), 0,
     false},
    {"output_speed_per_user", "token/s", "output speed of one user after the first token, median",
     METRIC(KERF_METRIC_SPEED_PER_USER), 0, false},
    {"e2e", "s", "end-to-end time of a request, median", METRIC(KERF_METRIC_E2E), 0, false},
    {"throughput", "token/s", "output tokens of all users over the span of the run",
     METRIC(KERF_METRIC_THROUGHPUT), 0, false},
    {"ttft_part", "s", "where the time to first token went, mean over requests", AT(ttft_part_s),
     KERF_TIME_PARTS, false},
    {"tpot_part", "s", "where the time of an output token went, mean over tokens", AT(tpot_part_s),
     KERF_TIME_PARTS, false},
    {"e2e_part", "s", "where the time of a request went, mean over requests", AT(e2e_part_s), KERF_TIME_PARTS,
     false},
    {"memory_used", "B", "memory in use on all accelerators: weights and the largest reservation of KV cache",
     AT(memory_used_bytes), 0, false},
    {"memory_capacity", "B", "memory of all accelerators that may be used", AT(memory_capacity_bytes), 0,
     false},
    {"accelerators", "1", "accelerators used", AT(accelerators), 0, false},
    {"accelerator_energy", "J", "energy of all accelerators over the span of the run",
     AT(accelerator_energy_J), 0, true},
    {"facility_energy", "J", "the same with hosts, switches, conversion and cooling", AT(facility_energy_J),
     0, true},
    {"accelerator_power", "W", "mean power of one accelerator", AT(accelerator_power_W), 0, true},
    {"energy_per_output_token", "J/token", "energy of the accelerators per output token",
     AT(energy_per_output_token_J), 0, true},
    {"facility_energy_per_output_token", "J/token", "the same with hosts, switches, conversion and cooling",
     AT(facility_energy_per_output_token_J), 0, true},
    {"owner_cost_per_output_token", "USD/token",
     "cost of owning the accelerators over the span, per output token", AT(owner_cost_USD_per_output_token),
     0, true},
    {"ttft_p99", "s", "time to first token, 99th percentile of the requests behind the warm-up",
     AT(percentiles.value[KERF_WAIT_TTFT][KERF_PERCENTILES - 1]), 0, true},
    {"tpot_p99", "s", "time per output token, 99th percentile of the requests behind the warm-up",
     AT(percentiles.value[KERF_WAIT_TPOT][KERF_PERCENTILES - 1]), 0, true},
    {"slo_share", "1", "share of the requests behind the warm-up that keep the limits of the SLO",
     AT(percentiles.slo_share), 0, true},
    {"goodput", "1/s", "requests per second that keep the limits of the SLO", AT(percentiles.goodput_per_s),
     0, true},
    {"requests", "1", "requests answered", AT(requests), 0, false},
    {"output_tokens", "token", "output tokens of all requests", AT(output_tokens), 0, false},
    {"rounds", "1", "decode rounds; fewer than tokens with speculation", AT(rounds), 0, false},
    {"accelerator_time", "s",
     "time of all accelerators while they ran; with autoscaling less than their number "
     "times the span",
     AT(accelerator_time_s), 0, true},
    {"queue", "s", "wait before the first pass of a request, mean", AT(queue_s), 0, true},
    {"pool_queue", "s", "two pools: wait for room in the pool that decodes, mean", AT(pool_queue_s), 0, true},
    {"kv_transfer", "s", "two pools: time that the way of its KV cache added to a request, mean",
     AT(kv_transfer_s), 0, true},
    {"kv_transfer_bytes", "B", "two pools: KV cache that went from one to the other", AT(kv_transfer_bytes),
     0, true},
};
#undef AT
#undef METRIC
const int kerf_summary_field_count = sizeof kerf_summary_fields / sizeof kerf_summary_fields[0];

int kerf_summary_scalar(int figure)
{
    int field = -1;
    for (int seen = -1; seen < figure;)
        seen += kerf_summary_fields[++field].parts == 0;
    return field;
}

int kerf_summary_scalars(void)
{
    int count = 0;
    for (int i = 0; i < kerf_summary_field_count; i++)
        count += kerf_summary_fields[i].parts == 0;
    return count;
}

int kerf_summary_scalar_named(const char *name)
{
    for (int figure = 0; figure < kerf_summary_scalars(); figure++)
        if (strcmp(kerf_summary_fields[kerf_summary_scalar(figure)].name, name) == 0)
            return figure;
    return -1;
}

void kerf_report_free(struct kerf_report *report)
{
    free(report->system);
    free(report->leaf);
    *report = (struct kerf_report){0};
}
