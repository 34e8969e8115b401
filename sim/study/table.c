/* The study room: reports as text. Knows units and widths; computes only ratios and shares. */
#include "sim/study/table.h"

#include "sim/study/percentiles_text.h"

#include <math.h>
#include <string.h>

enum { CELL_BYTES = 64, RANGE_BYTES = 4 * CELL_BYTES, LINE_WIDTH = 118 };

/* A figure that there is none of: the time between the tokens of a one-token answer, say. */
static bool format_missing(double value, char *cell)
{
    if (isnan(value))
        snprintf(cell, CELL_BYTES, "-");
    return isnan(value);
}

/* A duration in the unit that suits it. */
static void format_seconds(double seconds, char *cell)
{
    if (format_missing(seconds, cell))
        return;
    static const struct {
        double from, factor;
        const char *unit;
    } scales[] = {{100.0, 1.0, "s"}, {1.0, 1.0, "s"}, {1e-3, 1e3, "ms"}, {1e-6, 1e6, "us"}, {0.0, 1e9, "ns"}};
    size_t i = 0;
    while (seconds < scales[i].from && i < sizeof scales / sizeof scales[0] - 1)
        i++;
    snprintf(cell, CELL_BYTES, "%.3g %s", seconds * scales[i].factor, scales[i].unit);
    if (seconds >= 1000.0)
        snprintf(cell, CELL_BYTES, "%.0f s", seconds);
}

static void format_rate(double rate, char *cell)
{
    if (format_missing(rate, cell))
        return;
    snprintf(cell, CELL_BYTES, rate >= 100.0 ? "%.0f" : "%.3g", rate);
}

static void format_ratio(double ratio, char *cell)
{
    if (format_missing(ratio, cell))
        return;
    snprintf(cell, CELL_BYTES, ratio >= 100.0 ? "%.0fx" : "%.2fx", ratio);
}

static const struct {
    const char *heading;
    void (*format)(double value, char *cell);
} metric_columns[KERF_METRIC_COUNT] = {
    [KERF_METRIC_TTFT] = {"first token", format_seconds},
    [KERF_METRIC_TPOT] = {"per output token", format_seconds},
    [KERF_METRIC_SPEED_PER_USER] = {"tokens/s per user", format_rate},
    [KERF_METRIC_E2E] = {"end to end", format_seconds},
    [KERF_METRIC_THROUGHPUT] = {"tokens/s in all", format_rate},
};

static int title_width(const struct kerf_report *report)
{
    int width = 8;
    for (int i = 0; i < report->systems; i++)
        if ((int)strlen(report->system[i].title) > width)
            width = (int)strlen(report->system[i].title);
    return width;
}

/* "nominal [low .. high]", or the one value of a run with one column. */
static void format_range(const struct kerf_report *report, const double *value,
                         void (*format)(double value, char *cell), char *cell)
{
    char nominal[CELL_BYTES], low[CELL_BYTES], high[CELL_BYTES];
    format(value[report->nominal], nominal);
    if (report->columns == 1) {
        snprintf(cell, RANGE_BYTES, "%s", nominal);
        return;
    }
    format(value[KERF_COLUMN_LOW], low);
    format(value[KERF_COLUMN_HIGH], high);
    snprintf(cell, RANGE_BYTES, "%s [%s .. %s]", nominal, low, high);
}

static void metric_values(const struct kerf_report *report, int system, int metric, double *value)
{
    for (int column = 0; column < report->columns; column++)
        value[column] = report->system[system].column[column].metric[metric];
}

static void print_metrics(FILE *out, const struct kerf_report *report, int width)
{
    const int cell_width = report->columns == 1 ? 18 : 29;
    fprintf(out, "%-*s", width, "");
    for (int metric = 0; metric < KERF_METRIC_COUNT; metric++)
        if (report->metrics & 1u << metric)
            fprintf(out, "  %-*s", cell_width, metric_columns[metric].heading);
    fprintf(out, "\n");
    for (int i = 0; i < report->systems; i++) {
        fprintf(out, "%-*s", width, report->system[i].title);
        for (int metric = 0; metric < KERF_METRIC_COUNT; metric++) {
            double value[KERF_COLUMN_COUNT];
            char cell[RANGE_BYTES];
            if (!(report->metrics & 1u << metric))
                continue;
            metric_values(report, i, metric, value);
            format_range(report, value, metric_columns[metric].format, cell);
            fprintf(out, "  %-*s", cell_width, cell);
        }
        fprintf(out, "\n");
    }
}

/* The range of a ratio takes one system at its slowest against the other at its fastest. */
static void speed_ratio(const struct kerf_report *report, int system, double *ratio)
{
    double mine[KERF_COLUMN_COUNT], base[KERF_COLUMN_COUNT];
    metric_values(report, system, KERF_METRIC_SPEED_PER_USER, mine);
    metric_values(report, report->baseline, KERF_METRIC_SPEED_PER_USER, base);
    for (int column = 0; column < report->columns; column++) {
        bool same = system == report->baseline;
        ratio[column] = mine[column] / base[same ? column : report->columns - 1 - column];
    }
}

static void format_memory(const struct kerf_summary *summary, char *cell)
{
    snprintf(cell, CELL_BYTES, "%.0f of %.0f GB (%.0f %%)", summary->memory_used_bytes * 1e-9,
             summary->memory_capacity_bytes * 1e-9,
             100.0 * summary->memory_used_bytes / summary->memory_capacity_bytes);
}

static void format_published(const struct kerf_report_system *system, char *cell)
{
    char speed[CELL_BYTES] = "", e2e[CELL_BYTES] = "";
    if (!isnan(system->published[KERF_METRIC_SPEED_PER_USER]))
        snprintf(speed, sizeof speed, "%.0f tokens/s", system->published[KERF_METRIC_SPEED_PER_USER]);
    if (!isnan(system->published[KERF_METRIC_E2E]))
        snprintf(e2e, sizeof e2e, "%s%.3g s end to end", speed[0] ? ", " : "",
                 system->published[KERF_METRIC_E2E]);
    snprintf(cell, RANGE_BYTES, "%s%s%s%s%s", speed, e2e, system->claim[0] ? " (" : "-", system->claim,
             system->claim[0] ? ")" : "");
}

static void print_sizes(FILE *out, const struct kerf_report *report, int width)
{
    const int ratio_width = report->columns == 1 ? 12 : 26;
    fprintf(out, "\n%-*s  %-12s  %-26s  %-*s  %s\n", width, "", "accelerators", "memory used", ratio_width,
            "speed ratio", "published");
    for (int i = 0; i < report->systems; i++) {
        const struct kerf_summary *summary = &report->system[i].column[report->nominal];
        double ratio[KERF_COLUMN_COUNT];
        char memory[CELL_BYTES], ratio_cell[RANGE_BYTES], published[RANGE_BYTES];
        speed_ratio(report, i, ratio);
        format_memory(summary, memory);
        format_range(report, ratio, format_ratio, ratio_cell);
        format_published(&report->system[i], published);
        fprintf(out, "%-*s  %-12.0f  %-26s  %-*s  %s\n", width, report->system[i].title,
                summary->accelerators, memory, ratio_width,
                i == report->baseline ? "1 (baseline)" : ratio_cell, published);
    }
}

static void format_bytes(double bytes, char *cell)
{
    snprintf(cell, CELL_BYTES, "%.3g GB", bytes * 1e-9);
}

static void format_joules(double joules, char *cell)
{
    if (format_missing(joules, cell))
        return;
    bool kilo = joules >= 1e3;
    snprintf(cell, CELL_BYTES, kilo ? "%.3g kJ" : "%.3g J", kilo ? 1e-3 * joules : joules);
}

static void format_watts(double watts, char *cell)
{
    if (format_missing(watts, cell))
        return;
    bool kilo = watts >= 1e3;
    snprintf(cell, CELL_BYTES, kilo ? "%.3g kW" : "%.3g W", kilo ? 1e-3 * watts : watts);
}

static void format_USD_per_million(double USD, char *cell)
{
    if (format_missing(USD, cell))
        return;
    snprintf(cell, CELL_BYTES, USD >= 1e-3 ? "%.0f USD" : "%.3g USD", 1e6 * USD);
}

static const struct {
    const char *heading;
    size_t offset; /* in struct kerf_summary */
    void (*format)(double value, char *cell);
} energy_columns[] = {
    {"power each", offsetof(struct kerf_summary, accelerator_power_W), format_watts},
    {"per output token", offsetof(struct kerf_summary, energy_per_output_token_J), format_joules},
    {"with its building", offsetof(struct kerf_summary, facility_energy_per_output_token_J), format_joules},
    {"to own, per million", offsetof(struct kerf_summary, owner_cost_USD_per_output_token),
     format_USD_per_million},
};

static const struct {
    const char *heading;
    size_t offset; /* in struct kerf_summary */
    void (*format)(double value, char *cell);
} pool_columns[] = {
    {"before prefill", offsetof(struct kerf_summary, queue_s), format_seconds},
    {"before decode", offsetof(struct kerf_summary, pool_queue_s), format_seconds},
    {"KV on its way", offsetof(struct kerf_summary, kv_transfer_s), format_seconds},
    {"KV in all", offsetof(struct kerf_summary, kv_transfer_bytes), format_bytes},
};

/* Waits and transfers of systems with two pools, if there are any. */
static void print_pools(FILE *out, const struct kerf_report *report, int width)
{
    const size_t columns = sizeof pool_columns / sizeof pool_columns[0];
    bool heading = false;
    for (int i = 0; i < report->systems; i++) {
        const struct kerf_summary *summary = &report->system[i].column[report->nominal];
        if (!(summary->kv_transfer_bytes > 0.0))
            continue;
        for (size_t k = 0; !heading && k < columns; k++)
            fprintf(out, "%s%-*s  %-16s", k ? "" : "\n", k ? 0 : width, k ? "" : "two pools, means",
                    pool_columns[k].heading);
        fprintf(out, "%s%-*s", heading ? "" : "\n", width, report->system[i].title);
        heading = true;
        for (size_t k = 0; k < columns; k++) {
            double value;
            char cell[CELL_BYTES];
            memcpy(&value, (const char *)summary + pool_columns[k].offset, sizeof value);
            pool_columns[k].format(value, cell);
            fprintf(out, "  %-16s", cell);
        }
        fprintf(out, "\n");
    }
}

/* What an output token takes while the system serves this load and no other. */
static void print_energy(FILE *out, const struct kerf_report *report, int width)
{
    const int cell_width = report->columns == 1 ? 20 : 32;
    const size_t columns = sizeof energy_columns / sizeof energy_columns[0];
    fprintf(out, "\n%-*s", width, "energy and cost");
    for (size_t k = 0; k < columns; k++)
        fprintf(out, "  %-*s", cell_width, energy_columns[k].heading);
    fprintf(out, "\n");
    for (int i = 0; i < report->systems; i++) {
        fprintf(out, "%-*s", width, report->system[i].title);
        for (size_t k = 0; k < columns; k++) {
            double value[KERF_COLUMN_COUNT];
            char cell[RANGE_BYTES];
            for (int column = 0; column < report->columns; column++)
                memcpy(&value[column],
                       (const char *)&report->system[i].column[column] + energy_columns[k].offset,
                       sizeof(double));
            format_range(report, value, energy_columns[k].format, cell);
            fprintf(out, "  %-*s", cell_width, cell);
        }
        fprintf(out, "\n");
    }
}

static void print_shares(FILE *out, const struct kerf_report *report, int width, const char *heading,
                         size_t offset)
{
    fprintf(out, "\n%-*s", width, heading);
    for (int part = 0; part < KERF_TIME_PARTS; part++)
        fprintf(out, "  %12s", kerf_time_part_names[part]);
    fprintf(out, "  %12s\n", "sum");
    for (int i = 0; i < report->systems; i++) {
        const double *part_s =
            (const double *)(const void *)((const char *)&report->system[i].column[report->nominal] + offset);
        double sum = 0.0;
        char cell[CELL_BYTES];
        fprintf(out, "%-*s", width, report->system[i].title);
        for (int part = 0; part < KERF_TIME_PARTS; part++)
            sum += part_s[part];
        for (int part = 0; part < KERF_TIME_PARTS; part++)
            fprintf(out, "  %10.1f %%", sum > 0.0 ? 100.0 * part_s[part] / sum : 0.0);
        format_seconds(sum > 0.0 ? sum : NAN, cell);
        fprintf(out, "  %12s\n", cell);
    }
}

static bool entry_seen(const struct kerf_report *report, int leaf)
{
    for (int i = 0; i < leaf; i++)
        if (strcmp(report->leaf[i].entry, report->leaf[leaf].entry) == 0)
            return true;
    return false;
}

/* All leaves of one catalog entry, wrapped. A leaf of an entry that several systems share is printed once. */
static void print_entry(FILE *out, const struct kerf_report *report, int first)
{
    const struct kerf_report_leaf *head = &report->leaf[first];
    int at = fprintf(out, "  %s:", head->entry);
    for (int i = first; i < report->leaves; i++) {
        const struct kerf_report_leaf *leaf = &report->leaf[i];
        char text[256];
        if (strcmp(leaf->entry, head->entry) != 0 || leaf->system != head->system)
            continue;
        int length = snprintf(text, sizeof text, " %s %.4g | %.4g | %.4g%s%s;", leaf->key,
                              leaf->value[KERF_COLUMN_LOW], leaf->value[KERF_COLUMN_NOMINAL],
                              leaf->value[KERF_COLUMN_HIGH], strcmp(leaf->unit, "1") ? " " : "",
                              strcmp(leaf->unit, "1") ? leaf->unit : "");
        if (at + length > LINE_WIDTH) {
            fprintf(out, "\n   ");
            at = 3;
        }
        at += fprintf(out, "%s", text);
    }
    fprintf(out, "\n");
}

static void print_leaves(FILE *out, const struct kerf_report *report)
{
    if (report->leaves == 0)
        return;
    fprintf(
        out,
        "\nLeaves that the columns moved: low | nominal | high. The low column has every uncertain leaf at "
        "its\n"
        "slower end at once, the high column at its faster end: an envelope, wider than a likely range.\n");
    for (int i = 0; i < report->leaves; i++)
        if (!entry_seen(report, i))
            print_entry(out, report, i);
}

void kerf_report_print(FILE *out, const struct kerf_report *report)
{
    int width = title_width(report);
    fprintf(out, "%s\nnetwork %s, seed %lld, digest %016llx%s\n\n",
            report->title[0] ? report->title : "(untitled)", report->network, report->seed,
            (unsigned long long)report->digest,
            report->columns == 1 ? "" : "; nominal [low column .. high column]");
    print_metrics(out, report, width);
    print_sizes(out, report, width);
    print_pools(out, report, width);
    print_energy(out, report, width);
    kerf_percentiles_print(out, report, width);
    print_shares(out, report, width, "an output token", offsetof(struct kerf_summary, tpot_part_s));
    print_shares(out, report, width, "the first token", offsetof(struct kerf_summary, ttft_part_s));
    print_leaves(out, report);
}
