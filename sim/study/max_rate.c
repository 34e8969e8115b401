/* The study room: the highest rate that keeps an SLO. */
#include "sim/study/max_rate.h"

#include "models/workload/arrivals.h"
#include "sim/engine/agree.h"
#include "sim/study/crew.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_RATES = 8, LATER_RATES = 6, LATER_ROUNDS = 3 };
static const double lowest_per_s = 1e-2, highest_per_s = 1e4;

/* A rate and what came of it. All zero where nobody has simulated it. */
struct probe {
    double rate_per_s, met, goodput_per_s, ttft_s, tpot_s, failed;
    char message[KERF_ERROR_MESSAGE_BYTES];
};

static void simulate(const struct kerf_crew *crew, const struct kerf_scenario_source *source,
                     const char *const *catalogs, const char *system, struct probe *probe)
{
    char path[160], rate[40];
    const struct kerf_scenario_value value[] = {{path, rate, 0}, {"columns", "nominal", 0}};
    struct kerf_scenario_source one = *source;
    struct kerf_comparison *comparison = NULL;
    struct kerf_error error = {0};
    const struct kerf_engine_calls calls = {0};
    enum kerf_wish stopped;
    snprintf(path, sizeof path, "systems.%s.workload.rate", system);
    snprintf(rate, sizeof rate, "%.17g", probe->rate_per_s);
    one.only_system = system;
    one.value = value;
    one.values = 2;
    enum kerf_status status = kerf_comparison_open_source(crew->comm, &one, catalogs, &comparison, &error);
    status = kerf_error_agree(crew->comm, status, &error);
    if (status == KERF_OK)
        status = kerf_comparison_run(comparison, &calls, &stopped, &error);
    if (status == KERF_OK) {
        const struct kerf_percentiles *p = &kerf_comparison_case(comparison, 0, 0)->summary.percentiles;
        probe->met = p->slo_met;
        probe->goodput_per_s = p->goodput_per_s;
        probe->ttft_s = p->value[KERF_WAIT_TTFT][KERF_PERCENTILES - 1];
        probe->tpot_s = p->value[KERF_WAIT_TPOT][KERF_PERCENTILES - 1];
    } else {
        probe->failed = status;
        memcpy(probe->message, error.message, sizeof probe->message);
    }
    kerf_comparison_free(comparison);
}

/* Simulates all rates of a round, spread over the ranks; every rank has all of them afterwards. */
static enum kerf_status run_round(struct kerf_crew *crew, const struct kerf_scenario_source *source,
                                  const char *const *catalogs, const char *system, const double *rate_per_s,
                                  int rates, struct probe *probe, struct kerf_error *error)
{
    memset(probe, 0, (size_t)rates * sizeof *probe);
    kerf_crew_rewind(crew);
    for (int i; (i = kerf_crew_take(crew)) < rates;) {
        probe[i].rate_per_s = rate_per_s[i];
        simulate(crew, source, catalogs, system, &probe[i]);
    }
    kerf_crew_join(crew, probe, (size_t)rates * sizeof *probe);
    for (int i = 0; i < rates; i++)
        if (probe[i].failed > 0.0)
            return kerf_error_set(error, (enum kerf_status)probe[i].failed, "%s", probe[i].message);
    return KERF_OK;
}

static void keep(struct kerf_max_rate *row, const struct probe *probe)
{
    row->goodput_per_s = probe->goodput_per_s;
    row->ttft_s = probe->ttft_s;
    row->tpot_s = probe->tpot_s;
}

/* Takes the rates of a round, in rising order, up to the first that fails. */
static void narrow(struct kerf_max_rate *row, const struct probe *probe, int rates)
{
    row->probes += rates;
    for (int i = 0; i < rates; i++) {
        if (probe[i].met == 0.0) {
            row->fails_per_s = probe[i].rate_per_s;
            return;
        }
        row->rate_per_s = probe[i].rate_per_s;
        keep(row, &probe[i]);
    }
}

static enum kerf_status find_one(struct kerf_crew *crew, const struct kerf_scenario_source *source,
                                 const char *const *catalogs, const char *system, struct kerf_max_rate *row,
                                 struct kerf_error *error)
{
    double rate_per_s[FIRST_RATES];
    struct probe probe[FIRST_RATES];
    *row = (struct kerf_max_rate){0};
    for (int i = 0; i < FIRST_RATES; i++)
        rate_per_s[i] = lowest_per_s * pow(highest_per_s / lowest_per_s, i / (FIRST_RATES - 1.0));
    KERF_TRY(run_round(crew, source, catalogs, system, rate_per_s, FIRST_RATES, probe, error));
    keep(row, &probe[0]);
    narrow(row, probe, FIRST_RATES);
    for (int round = 0; round < LATER_ROUNDS && row->rate_per_s > 0.0 && row->fails_per_s > 0.0; round++) {
        double low = row->rate_per_s, ratio = row->fails_per_s / low;
        for (int i = 0; i < LATER_RATES; i++)
            rate_per_s[i] = low * pow(ratio, (i + 1.0) / (LATER_RATES + 1.0));
        KERF_TRY(run_round(crew, source, catalogs, system, rate_per_s, LATER_RATES, probe, error));
        narrow(row, probe, LATER_RATES);
    }
    return KERF_OK;
}

/* A rate is no matter to a closed loop, and without a limit there is nothing to keep. */
static enum kerf_status check(const struct kerf_scenario *scenario, struct kerf_error *error)
{
    KERF_CHECK(scenario->measure.slo_ttft_s > 0.0 || scenario->measure.slo_tpot_s > 0.0, KERF_ERR_USAGE,
               "%s: kerf slo needs a section slo, such as slo: {ttft: 2 s, tpot: 80 ms}", scenario->file);
    for (int i = 0; i < scenario->systems; i++)
        KERF_CHECK(
            kerf_arrivals_are_open((enum kerf_arrivals)scenario->system[i].workload.arrivals), KERF_ERR_USAGE,
            "%s: systems.%s: kerf slo looks for a rate; set workload.arrivals to poisson, gamma or weibull",
            scenario->system[i].where, scenario->system[i].name);
    return KERF_OK;
}

enum kerf_status kerf_max_rate_find(MPI_Comm comm, const struct kerf_scenario_source *source,
                                    const char *const *catalogs, const struct kerf_scenario *scenario,
                                    struct kerf_max_rate *row, struct kerf_error *error)
{
    struct kerf_crew crew;
    KERF_TRY(check(scenario, error));
    KERF_TRY(kerf_crew_make(comm, 1, "ranks per rate", &crew, error));
    enum kerf_status status = KERF_OK;
    for (int i = 0; i < scenario->systems && status == KERF_OK; i++)
        status = find_one(&crew, source, catalogs, scenario->system[i].name, &row[i], error);
    kerf_crew_free(&crew);
    return status;
}

void kerf_max_rate_print(FILE *out, const struct kerf_scenario *scenario, const struct kerf_max_rate *row)
{
    const struct kerf_measure_spec *slo = &scenario->measure;
    fprintf(out,
            "%s\nnetwork %s; P%g of the time to first token within %g s, per output token within %g s (0: no "
            "limit)\n\n",
            *scenario->title ? scenario->title : "(untitled)", scenario->network, slo->slo_percentile,
            slo->slo_ttft_s, slo->slo_tpot_s);
    for (int i = 0; i < scenario->systems; i++) {
        const struct kerf_max_rate *r = &row[i];
        fprintf(out, "%s: ", scenario->system[i].title);
        if (r->rate_per_s == 0.0)
            fprintf(out, "no rate keeps it; nearest, at %.3g requests/s:", r->fails_per_s);
        else if (r->fails_per_s == 0.0)
            fprintf(out, "every rate keeps it, up to %.4g requests/s:", r->rate_per_s);
        else
            fprintf(out, "keeps it up to %.4g requests/s, not at %.4g;", r->rate_per_s, r->fails_per_s);
        fprintf(out,
                " P99 of first tokens %.3g s, per token %.3g s; goodput %.4g requests/s (%d rates tried)\n",
                r->ttft_s, r->tpot_s, r->goodput_per_s, r->probes);
    }
}
