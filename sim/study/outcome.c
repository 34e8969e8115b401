/* The study room: from a finished comparison to its report and file. */
#include "sim/study/outcome.h"

#include "sim/engine/agree.h"
#include "sim/io/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void fill_system(const struct kerf_comparison *c, int system, struct kerf_report_system *out)
{
    const struct kerf_system *source = &c->system[system];
    snprintf(out->name, sizeof out->name, "%s", source->spec->name);
    snprintf(out->title, sizeof out->title, "%s", source->spec->title);
    snprintf(out->hardware, sizeof out->hardware, "%s%s%s", source->spec->hardware,
             source->decode ? " + " : "", source->decode ? source->decode->spec->hardware : "");
    snprintf(out->claim, sizeof out->claim, "%s", source->claim.title);
    memcpy(out->published, source->claim.figure, sizeof out->published);
    for (int column = 0; column < c->columns; column++)
        out->column[column] = kerf_comparison_case(c, system, column)->summary;
}

/* Leaves that a column moves: those with a range and a better end. */
static bool moves(const struct kerf_leaf_set *set, int leaf)
{
    return kerf_leaf_in_column(set, leaf, KERF_COLUMN_LOW) !=
           kerf_leaf_in_column(set, leaf, KERF_COLUMN_HIGH);
}

static void fill_leaf(int system, const struct kerf_leaf_set *set, int index, struct kerf_report_leaf *out)
{
    out->system = system;
    snprintf(out->entry, sizeof out->entry, "%s", set->name);
    snprintf(out->key, sizeof out->key, "%s", set->table->leaves[index].key);
    snprintf(out->unit, sizeof out->unit, "%s", set->table->leaves[index].unit);
    snprintf(out->source, sizeof out->source, "%s", set->leaf[index].source);
    snprintf(out->confidence, sizeof out->confidence, "%s", set->leaf[index].confidence);
    for (int column = 0; column < KERF_COLUMN_COUNT; column++)
        out->value[column] = kerf_leaf_in_column(set, index, (enum kerf_column)column);
}

static int fill_leaves(const struct kerf_comparison *c, struct kerf_report_leaf *out)
{
    int leaves = 0;
    for (int system = 0; system < c->scenario.systems && c->columns > 1; system++) {
        const struct kerf_leaf_set *sets[KERF_SYSTEM_LEAF_SETS];
        int count = kerf_system_leaf_sets(&c->system[system], sets);
        for (int s = 0; s < count; s++) {
            for (int i = 0; i < sets[s]->table->count; i++) {
                if (!moves(sets[s], i))
                    continue;
                if (out)
                    fill_leaf(system, sets[s], i, &out[leaves]);
                leaves++;
            }
        }
    }
    return leaves;
}

enum kerf_status kerf_comparison_report(const struct kerf_comparison *c, struct kerf_report *report,
                                        struct kerf_error *error)
{
    *report = (struct kerf_report){.baseline = kerf_comparison_baseline(c),
                                   .systems = c->scenario.systems,
                                   .columns = c->columns,
                                   .nominal = c->columns == 1 ? 0 : KERF_COLUMN_NOMINAL,
                                   .metrics = c->scenario.metrics,
                                   .measured = c->scenario.measure.asked,
                                   .seed = c->scenario.seed,
                                   .digest = c->stats.digest};
    snprintf(report->title, sizeof report->title, "%s", c->scenario.title);
    snprintf(report->network, sizeof report->network, "%s", c->network.name);
    report->leaves = fill_leaves(c, NULL);
    report->system = calloc((size_t)report->systems, sizeof *report->system);
    report->leaf = calloc((size_t)report->leaves + 1, sizeof *report->leaf);
    if (!report->system || !report->leaf) {
        kerf_report_free(report);
        return kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for the report");
    }
    for (int i = 0; i < report->systems; i++)
        fill_system(c, i, &report->system[i]);
    fill_leaves(c, report->leaf);
    return KERF_OK;
}

/* Everything of kerf_result that needs memory of its own. */
struct rows {
    struct kerf_result_case *result_case;
    struct kerf_accelerator_row *accelerator;
    long long *place;
    int *rank_of;
    struct kerf_placed_stage *stage;
};

static void free_rows(struct rows *rows)
{
    free(rows->result_case);
    free(rows->accelerator);
    free(rows->place);
    free(rows->rank_of);
    free(rows->stage);
}

static void fill_cases(const struct kerf_comparison *c, struct kerf_result *result, struct rows *rows)
{
    for (int i = 0; i < result->cases; i++) {
        const struct kerf_case *one = &c->cases[i];
        const void *client = kerf_engine_state(c->engine, one->serving.client);
        int sent = one->serving.workload.requests, answered;
        rows->result_case[i] = (struct kerf_result_case){.system = one->system, .column = i % c->columns};
        if (client)
            rows->result_case[i].requests = kerf_client_records(client, &sent, &answered);
        rows->result_case[i].request_count = one->serving.workload.requests;
    }
}

/* Rows of one pool of a case, from `place` on; its replicas are counted from `first_replica`. */
static void fill_pool(const struct kerf_comparison *c, int number, const struct kerf_serving *pool,
                      int first_replica, long long place, struct kerf_result *result, struct rows *rows)
{
    for (int k = 0; k < pool->replicas * pool->accelerators; k++, place++) {
        uint32_t lp = pool->device[k];
        const void *state = kerf_engine_state(c->engine, lp);
        rows->rank_of[place] = kerf_engine_rank_of(c->engine, lp);
        if (!state)
            continue;
        rows->place[result->accelerators_here] = place;
        rows->accelerator[result->accelerators_here++] = (struct kerf_accelerator_row){
            .system = c->cases[number].system,
            .column = number % c->columns,
            .replica = first_replica + k / pool->accelerators,
            .index = k % pool->accelerators,
            .events = kerf_engine_events_of(c->engine, lp),
            .record = pool->on_wafers ? *kerf_wafer_record(state) : *kerf_gpu_record(state),
        };
    }
}

static void fill_accelerators(const struct kerf_comparison *c, struct kerf_result *result, struct rows *rows)
{
    long long place = 0;
    for (int i = 0; i < result->cases; i++) {
        int first_replica = 0;
        for (const struct kerf_serving *pool = &c->cases[i].serving; pool; pool = pool->decode) {
            fill_pool(c, i, pool, first_replica, place, result, rows);
            first_replica += pool->replicas;
            place += (long long)pool->replicas * pool->accelerators;
        }
    }
}

static int fill_stages(const struct kerf_comparison *c, struct kerf_placed_stage *out)
{
    int stages = 0;
    for (int system = 0; system < c->scenario.systems; system++) {
        const struct kerf_case *one =
            kerf_comparison_case(c, system, c->columns == 1 ? 0 : KERF_COLUMN_NOMINAL);
        for (const struct kerf_serving *pool = &one->serving; pool; pool = pool->decode)
            for (int s = 0; pool->on_wafers && s < pool->wafer.placement.stages; s++, stages++)
                if (out)
                    out[stages] = (struct kerf_placed_stage){
                        .system = system, .index = s, .stage = pool->wafer.placement.stage[s]};
    }
    return stages;
}

static enum kerf_status fill_rows(const struct kerf_comparison *c, struct kerf_result *result,
                                  struct rows *rows, struct kerf_error *error)
{
    result->cases = c->scenario.systems * c->columns;
    for (int i = 0; i < result->cases; i++)
        for (const struct kerf_serving *pool = &c->cases[i].serving; pool; pool = pool->decode)
            result->accelerators += (long long)pool->replicas * pool->accelerators;
    result->stages = fill_stages(c, NULL);
    size_t accelerators = (size_t)result->accelerators;
    rows->result_case = calloc((size_t)result->cases, sizeof *rows->result_case);
    rows->accelerator = calloc(accelerators, sizeof *rows->accelerator);
    rows->place = calloc(accelerators, sizeof *rows->place);
    rows->rank_of = calloc(accelerators, sizeof *rows->rank_of);
    rows->stage = calloc((size_t)result->stages + 1, sizeof *rows->stage);
    KERF_CHECK(rows->result_case && rows->accelerator && rows->place && rows->rank_of && rows->stage,
               KERF_ERR_FAILURE, "out of memory for the result");
    fill_cases(c, result, rows);
    fill_accelerators(c, result, rows);
    fill_stages(c, rows->stage);
    result->result_case = rows->result_case;
    result->accelerator = rows->accelerator;
    result->accelerator_place = rows->place;
    result->stage = rows->stage;
    result->scenario_resolved = c->scenario_resolved;
    result->provenance.rank_of_accelerator = rows->rank_of;
    return KERF_OK;
}

/* Where and when the run took place, as rank 0 sees it. */
static void fill_provenance(const struct kerf_comparison *c, const char *command,
                            struct kerf_provenance *provenance)
{
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(provenance->date, sizeof provenance->date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    gethostname(provenance->host, sizeof provenance->host - 1);
    snprintf(provenance->command, sizeof provenance->command, "%s", command);
    snprintf(provenance->scenario_path, sizeof provenance->scenario_path, "%s", c->scenario.file);
    snprintf(provenance->catalog, sizeof provenance->catalog, "%s", c->catalog.root);
    MPI_Comm_size(c->comm, &provenance->ranks);
    provenance->wall_s = c->wall_s;
    provenance->restarts = c->restarts;
    snprintf(provenance->restarted_from, sizeof provenance->restarted_from, "%s", c->restarted_from);
    provenance->stats = c->stats;
    /* One rank's word counts, so that all ranks write the same. */
    MPI_Bcast(provenance, sizeof *provenance, MPI_BYTE, 0, c->comm);
}

enum kerf_status kerf_comparison_write(const struct kerf_comparison *c, const struct kerf_report *report,
                                       const char *path, const char *version, const char *command,
                                       struct kerf_error *error)
{
    struct kerf_result result = {.report = report, .version = version, .scenario_text = c->scenario_text};
    struct rows rows = {0};
    fill_provenance(c, command, &result.provenance);
    enum kerf_status status = kerf_error_agree(c->comm, fill_rows(c, &result, &rows, error), error);
    if (status == KERF_OK)
        status = kerf_result_write(c->comm, path, &result, error);
    free_rows(&rows);
    return status;
}
