/* The study room: percentiles as text. */
#include "sim/study/percentiles_text.h"

#include <math.h>

enum { CELL_BYTES = 64, CELL_WIDTH = 28 };

static const struct {
    const char *heading;
    double factor;
} waits[KERF_WAIT_COUNT] = {[KERF_WAIT_TTFT] = {"first token, s", 1.0},
                            [KERF_WAIT_TPOT] = {"per output token, ms", 1e3},
                            [KERF_WAIT_E2E] = {"end to end, s", 1.0},
                            [KERF_WAIT_QUEUE] = {"in the queue, s", 1.0}};

/* "1.23 [1.1 .. 1.4]", the interval where there is one. */
static void print_cell(FILE *out, const struct kerf_percentiles *p, int wait, int k)
{
    char cell[CELL_BYTES] = "-";
    double factor = waits[wait].factor, value = factor * p->value[wait][k];
    if (isnan(p->low[wait][k]) && !isnan(value))
        snprintf(cell, sizeof cell, "%.3g", value);
    else if (!isnan(value))
        snprintf(cell, sizeof cell, "%.3g [%.3g .. %.3g]", value, factor * p->low[wait][k],
                 factor * p->high[wait][k]);
    fprintf(out, "  %-*s", CELL_WIDTH, cell);
}

static bool any_without_interval(const struct kerf_report *report)
{
    for (int i = 0; i < report->systems; i++)
        for (int k = 0; k < KERF_PERCENTILES; k++)
            if (isnan(report->system[i].column[report->nominal].percentiles.low[KERF_WAIT_TTFT][k]))
                return true;
    return false;
}

static void print_facts(FILE *out, const char *title, int width, const struct kerf_percentiles *p)
{
    fprintf(out, "%-*s  %.0f requests, %.0f before them left out%s", width, title, p->measured, p->warmup,
            p->steady == 0.0 ? "; no steady state was found: the run is too short, or the load too high"
                             : "");
    if (!isnan(p->slo_share))
        fprintf(out, "; SLO %s: %.1f %% keep it, %.3g requests/s", p->slo_met > 0.0 ? "met" : "not met",
                100.0 * p->slo_share, p->goodput_per_s);
    fprintf(out, "\n");
}

void kerf_percentiles_print(FILE *out, const struct kerf_report *report, int width)
{
    if (!report->measured)
        return;
    for (int wait = 0; wait < KERF_WAIT_COUNT; wait++) {
        fprintf(out, "\n%-*s", width > 20 ? width : 20, waits[wait].heading);
        for (int k = 0; k < KERF_PERCENTILES; k++)
            fprintf(out, "  P%-*.0f", CELL_WIDTH - 1, 100.0 * kerf_percentile_p[k]);
        fprintf(out, "\n");
        for (int i = 0; i < report->systems; i++) {
            fprintf(out, "%-*s", width > 20 ? width : 20, report->system[i].title);
            for (int k = 0; k < KERF_PERCENTILES; k++)
                print_cell(out, &report->system[i].column[report->nominal].percentiles, wait, k);
            fprintf(out, "\n");
        }
    }
    if (any_without_interval(report))
        fprintf(out, "(without interval: fewer than 10 batches with 5 requests beyond the percentile)\n");
    fprintf(out, "\n");
    for (int i = 0; i < report->systems; i++)
        print_facts(out, report->system[i].title, width,
                    &report->system[i].column[report->nominal].percentiles);
}
