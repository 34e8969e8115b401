/* Passes through a pipeline of wafers against the max-plus recursion written out: start = max(arrival, free),
 * free = start + occupancy, arrival at the next = start + latency; a link is one more such stage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/node/wafer_node.h"
#include "sim/engine/random.h"
#include "tests/support/catalog_entries.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WAFERS = 4, BLOCK = 16, PASSES_MOST = 400, STAGES_MOST = 64 };

static struct kerf_wafer_plan plan_in(enum kerf_column column)
{
    struct kerf_wafer_plan plan = {.wafer_name = "cs-3",
                                   .network_name = "mixtral-8x7b",
                                   .wafer = wafer_in_column("cs-3", column),
                                   .list = decoder_named("mixtral-8x7b"),
                                   .kv = KERF_FORMAT_BF16,
                                   .activations = KERF_FORMAT_BF16,
                                   .d_model = 4096,
                                   .kv_block_tokens = BLOCK,
                                   .typical_context = 1024};
    struct kerf_error error = {0};
    if (kerf_wafer_plan_make(&plan, WAFERS, 20000, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return plan;
}

/* Who sends the passes and takes the answers. */
struct host {
    int passes;
    uint32_t first_wafer;
    kerf_time io, send[PASSES_MOST], done[PASSES_MOST];
    struct kerf_pass_message message[PASSES_MOST], answer[PASSES_MOST];
};

enum { EVENT_SEND = 100 };

static struct host *host_of(const struct kerf_lp *lp)
{
    return (struct host *)(uintptr_t)kerf_lp_setup(lp);
}

static enum kerf_status host_init(struct kerf_lp *lp, const void *setup, void *state,
                                  struct kerf_error *error)
{
    (void)setup, (void)state;
    struct host *host = host_of(lp);
    for (uint32_t i = 0; i < (uint32_t)host->passes; i++)
        KERF_TRY(kerf_lp_send(lp, kerf_lp_id(lp), host->send[i], EVENT_SEND, &i, sizeof i, error));
    return KERF_OK;
}

static enum kerf_status host_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                    struct kerf_error *error)
{
    (void)state;
    struct host *host = host_of(lp);
    uint32_t number;
    if (event->type == EVENT_SEND) {
        memcpy(&number, event->payload, sizeof number);
        host->message[number].batch = number;
        return kerf_lp_send(lp, host->first_wafer, host->io, KERF_EVENT_PASS, &host->message[number],
                            sizeof host->message[number], error);
    }
    struct kerf_pass_message pass;
    memcpy(&pass, event->payload, sizeof pass);
    host->answer[pass.batch] = pass;
    host->done[pass.batch] = kerf_lp_now(lp);
    return KERF_OK;
}

static const struct kerf_lp_kind host_kind = {.name = "host", .init = host_init, .handle = host_handle};

/* Sends the passes of `host` through the wafers of `plan`. */
static void run(struct kerf_wafer_plan *plan, struct host *host,
                struct kerf_accelerator_record record[WAFERS])
{
    struct kerf_engine *engine = NULL;
    struct kerf_error error = {0};
    struct kerf_wafer_setup setup[WAFERS];
    host->io = kerf_time_from_s(plan->wafer.io_latency_s);
    host->first_wafer = 1;
    assert_int_equal(kerf_engine_create(MPI_COMM_SELF, NULL, &engine, &error), KERF_OK);
    kerf_engine_add(engine, &host_kind, host, -1, 1.0);
    kerf_engine_connect(engine, 0, 1, host->io);
    for (int w = 0; w < WAFERS; w++) {
        setup[w] =
            (struct kerf_wafer_setup){.plan = plan, .index = w, .next = w + 1 < WAFERS ? (uint32_t)w + 2 : 0};
        uint32_t lp = kerf_engine_add(engine, &kerf_wafer_lp, &setup[w], -1, 1.0);
        kerf_engine_connect(engine, lp, setup[w].next, kerf_time_from_s(kerf_wafer_least_s(plan, w)));
    }
    if (kerf_engine_run(engine, NULL, NULL, &error) != KERF_OK)
        fail_msg("%s", error.message);
    for (int w = 0; w < WAFERS; w++)
        record[w] = *kerf_wafer_record(kerf_engine_state(engine, (uint32_t)w + 1));
    kerf_engine_free(engine);
}

static const struct kerf_operator_list *operators_of(const struct kerf_wafer_plan *plan, int stage)
{
    const struct kerf_operator_list *const lists[] = {[KERF_STAGE_EMBEDDING] = &plan->list.embedding,
                                                      [KERF_STAGE_DENSE_LAYER] = &plan->list.dense_layer,
                                                      [KERF_STAGE_MOE_LAYER] = &plan->list.moe_layer,
                                                      [KERF_STAGE_HEAD] = &plan->list.head};
    return lists[plan->placement.stage[stage].kind];
}

/* A stage's cost from the device itself: its operators, and the handover to the next rectangle. */
static struct kerf_cost stage_cost(const struct kerf_wafer_plan *plan, int stage,
                                   const struct kerf_pass *pass)
{
    const struct kerf_slice slice = {.tensor_parallel = 1.0,
                                     .expert_parallel = 1.0,
                                     .expert_tensor_parallel = 1.0,
                                     .pe_rows = plan->placement.stage[stage].pe_rows,
                                     .pe_columns = plan->placement.stage[stage].pe_columns};
    struct kerf_cost cost =
        kerf_device_list_cost(&kerf_wafer_device, &plan->wafer, operators_of(plan, stage), pass, &slice);
    struct kerf_cost moved = kerf_wafer_handover_cost(
        &plan->wafer, &slice, pass->decode.tokens + pass->prefill.tokens, plan->d_model);
    kerf_cost_add(&cost, &moved);
    return cost;
}

/* A server of the recursion. */
struct server {
    kerf_time free;
};

static kerf_time serve(struct server *server, kerf_time arrival, kerf_time occupancy, kerf_time latency)
{
    kerf_time start = arrival > server->free ? arrival : server->free;
    server->free = start + occupancy;
    return start + latency;
}

/* When each pass is back, by the recursion over passes in order and stages in order. */
static void recursion(const struct kerf_wafer_plan *plan, const struct host *host, kerf_time *done)
{
    struct server stage[STAGES_MOST] = {0}, link[WAFERS] = {0};
    const kerf_time io = kerf_time_from_s(plan->wafer.io_latency_s);
    for (int i = 0; i < host->passes; i++) {
        struct kerf_pass pass = kerf_pass_of(&host->message[i], plan->kv, plan->activations);
        double bytes = (pass.decode.tokens + pass.prefill.tokens) * plan->d_model * 2.0;
        kerf_time arrival = host->send[i] + io;
        for (int s = 0; s < plan->placement.stages; s++) {
            struct kerf_cost cost = stage_cost(plan, s, &pass);
            arrival = serve(&stage[s], arrival, kerf_time_from_s(cost.occupancy_s),
                            kerf_time_from_s(cost.latency_s));
            bool last = s + 1 == plan->placement.stages;
            if (last || plan->placement.stage[s].wafer != plan->placement.stage[s + 1].wafer) {
                kerf_time over = last ? 0 : kerf_time_from_s(bytes / plan->wafer.io_Bps);
                arrival = serve(&link[plan->placement.stage[s].wafer], arrival, over, over) + io;
            }
        }
        done[i] = arrival;
    }
}

/* A pass of any kind with whole blocks of cache, so that costs by block are exact. */
static struct kerf_pass_message random_message(uint64_t seed, uint64_t counter)
{
    uint32_t tokens = 1 + (uint32_t)(8 * kerf_random_uniform(seed, 1, counter));
    double context = BLOCK * ceil(60 * kerf_random_uniform(seed, 2, counter));
    if (kerf_random_uniform(seed, 3, counter) < 0.5)
        return (struct kerf_pass_message){.decode_tokens = tokens,
                                          .decode_sequences = tokens,
                                          .decode_attended = tokens * context,
                                          .decode_context = tokens * context,
                                          .logit_tokens = tokens};
    return (struct kerf_pass_message){.prefill_tokens = 8 * tokens,
                                      .prefill_sequences = 1,
                                      .prefill_attended = 8 * tokens * context / 2,
                                      .prefill_context = context,
                                      .logit_tokens = tokens % 2};
}

static struct kerf_pass_message decode_message(uint32_t tokens, double context)
{
    return (struct kerf_pass_message){.decode_tokens = tokens,
                                      .decode_sequences = tokens,
                                      .decode_attended = tokens * context,
                                      .decode_context = tokens * context,
                                      .logit_tokens = tokens};
}

/* Cache beyond the SRAM lies with the hosts: refused unless it may, and then every wafer waits for the share
 * of the cache that a pass reads, over its I/O. Beyond the hosts' memory the message names all three numbers.
 */
static void cache_that_overflows_comes_back_over_the_way_in(void **unused)
{
    (void)unused;
    const double wanted = 2e6, context = 10000;
    struct kerf_wafer_plan plan = plan_in(KERF_COLUMN_NOMINAL), over = plan_in(KERF_COLUMN_NOMINAL);
    struct kerf_pass pass = {.decode = {1.0, 1.0, context, context},
                             .logit_tokens = 1.0,
                             .kv = KERF_FORMAT_BF16,
                             .activations = KERF_FORMAT_BF16};
    assert_true(plan.host_share == 0.0 && plan.kv_tokens < wanted);
    kerf_wafer_plan_free(&over);
    struct kerf_error error = {0};
    assert_int_equal(kerf_wafer_plan_make(&over, WAFERS, wanted, &error), KERF_ERR_USAGE);
    kerf_wafer_plan_free(&over);
    over.shapes = 0;
    over.may_overflow = true;
    assert_int_equal(kerf_wafer_plan_make(&over, WAFERS, wanted, &error), KERF_OK);
    assert_true(over.kv_tokens >= wanted);
    double here = (1.0 - over.host_share) * wanted;
    assert_true(fabs(here / plan.kv_tokens - 1.0) < 0.05);
    double stream_s =
        over.host_share * context * over.placement.kv_bytes_per_token_fullest / over.wafer.io_Bps;
    double more_s = kerf_wafer_pipeline_s(&over, &pass) - WAFERS * (stream_s + over.wafer.io_latency_s);
    /* what is left differs by the rectangles of two placements only */
    assert_true(fabs(more_s / kerf_wafer_pipeline_s(&plan, &pass) - 1.0) < 0.05);
    assert_true(kerf_wafer_bottleneck_s(&over, &pass) >= stream_s);
    kerf_wafer_plan_free(&over);
    over.shapes = 0;
    assert_int_equal(kerf_wafer_plan_make(&over, WAFERS, 1e12, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "1000000000000 tokens"));
    assert_non_null(strstr(error.message, "fit on 4 cs-3 wafers and"));
    kerf_wafer_plan_free(&over);
    kerf_wafer_plan_free(&plan);
}

/* Passes of all sizes, close and far apart, come back to the picosecond when the recursion says. */
static void passes_follow_the_max_plus_recursion(void **unused)
{
    (void)unused;
    static struct host host;
    static kerf_time expected[PASSES_MOST];
    struct kerf_accelerator_record record[WAFERS];
    for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
        struct kerf_wafer_plan plan = plan_in((enum kerf_column)column);
        assert_true(plan.placement.stages <= STAGES_MOST);
        memset(&host, 0, sizeof host);
        host.passes = PASSES_MOST;
        for (uint64_t i = 0; i < PASSES_MOST; i++) {
            host.message[i] = random_message((uint64_t)column, i);
            double gap_s = kerf_random_exponential((uint64_t)column, 4, i, i % 100 < 50 ? 5e-6 : 500e-6);
            host.send[i] = (i ? host.send[i - 1] : 0) + kerf_time_from_s(gap_s);
        }
        run(&plan, &host, record);
        recursion(&plan, &host, expected);
        for (int i = 0; i < PASSES_MOST; i++)
            if (host.done[i] != expected[i])
                fail_msg("column %d, pass %d: back at %lld ps, %lld are right", column, i,
                         (long long)host.done[i], (long long)expected[i]);
        kerf_wafer_plan_free(&plan);
    }
}

/* The parts of a pass sum to its time from host to host, less the way in, which is the host's to count. */
static void parts_sum_to_the_time(void **unused)
{
    (void)unused;
    static struct host host;
    struct kerf_accelerator_record record[WAFERS];
    struct kerf_wafer_plan plan = plan_in(KERF_COLUMN_NOMINAL);
    memset(&host, 0, sizeof host);
    host.passes = 100;
    for (uint64_t i = 0; i < 100; i++) {
        host.message[i] = random_message(5, i);
        host.send[i] = (kerf_time)i * 20000000;
    }
    run(&plan, &host, record);
    for (int i = 0; i < 100; i++) {
        double sum = 0.0, seconds = kerf_time_to_s(host.done[i] - host.send[i] - host.io);
        for (int part = 0; part < KERF_TIME_PARTS; part++) {
            assert_true(host.answer[i].part_s[part] >= 0.0f);
            sum += host.answer[i].part_s[part];
        }
        assert_true(fabs(sum - seconds) < 1e-5 * seconds); /* some 40 stages, added as floats */
    }
    kerf_wafer_plan_free(&plan);
}

/* One pass alone takes the pipeline's time, and waits nowhere. */
static void a_pass_alone_takes_the_pipelines_time(void **unused)
{
    (void)unused;
    static struct host host;
    struct kerf_accelerator_record record[WAFERS];
    struct kerf_wafer_plan plan = plan_in(KERF_COLUMN_NOMINAL);
    memset(&host, 0, sizeof host);
    host.passes = 1;
    host.message[0] = decode_message(1, 512);
    run(&plan, &host, record);
    struct kerf_pass pass = kerf_pass_of(&host.message[0], plan.kv, plan.activations);
    double seconds = kerf_wafer_pipeline_s(&plan, &pass);
    assert_true(fabs(kerf_time_to_s(host.done[0]) - seconds) < 100e-12); /* a rounding per stage */
    assert_true(host.answer[0].part_s[KERF_TIME_WAITING] == 0.0f);
    kerf_wafer_plan_free(&plan);
}

/* A full pipeline gives a pass per bottleneck: no two passes are on the slowest stage at once, and it never
 * rests. */
static void a_full_pipeline_gives_a_pass_per_bottleneck(void **unused)
{
    (void)unused;
    static struct host host;
    struct kerf_accelerator_record record[WAFERS];
    struct kerf_wafer_plan plan = plan_in(KERF_COLUMN_NOMINAL);
    memset(&host, 0, sizeof host);
    host.passes = 300;
    for (int i = 0; i < 300; i++)
        host.message[i] = decode_message(2, 512);
    run(&plan, &host, record);
    struct kerf_pass pass = kerf_pass_of(&host.message[0], plan.kv, plan.activations);
    kerf_time bottleneck = kerf_time_from_s(kerf_wafer_bottleneck_s(&plan, &pass));
    for (int i = 1; i < 300; i++)
        assert_true(host.done[i] - host.done[i - 1] == bottleneck);
    kerf_wafer_plan_free(&plan);
}

/* No wafer's busiest stage works longer than the wafer has had work: passes do not overlap on a stage. */
static void stages_are_never_busy_twice(void **unused)
{
    (void)unused;
    static struct host host;
    struct kerf_accelerator_record record[WAFERS];
    struct kerf_wafer_plan plan = plan_in(KERF_COLUMN_LOW);
    memset(&host, 0, sizeof host);
    host.passes = PASSES_MOST;
    for (uint64_t i = 0; i < PASSES_MOST; i++)
        host.message[i] = random_message(9, i);
    run(&plan, &host, record);
    double span = kerf_time_to_s(host.done[PASSES_MOST - 1]);
    for (int w = 0; w < WAFERS; w++)
        assert_true(record[w].busy_s > 0.0 && record[w].busy_s <= span);
    kerf_wafer_plan_free(&plan);
}

/* Every wafer handles every token, sends it on unless it is the last, and counts the work of its stages. */
static void tokens_and_work_are_counted(void **unused)
{
    (void)unused;
    static struct host host;
    struct kerf_accelerator_record record[WAFERS];
    struct kerf_wafer_plan plan = plan_in(KERF_COLUMN_NOMINAL);
    uint64_t tokens = 0;
    double flops[WAFERS] = {0}, bytes[WAFERS] = {0};
    memset(&host, 0, sizeof host);
    host.passes = 50;
    for (uint64_t i = 0; i < 50; i++) {
        host.message[i] = random_message(7, i);
        tokens += host.message[i].decode_tokens + host.message[i].prefill_tokens;
        struct kerf_pass pass = kerf_pass_of(&host.message[i], plan.kv, plan.activations);
        for (int s = 0; s < plan.placement.stages; s++) {
            struct kerf_cost cost = stage_cost(&plan, s, &pass);
            flops[plan.placement.stage[s].wafer] += cost.flops;
            bytes[plan.placement.stage[s].wafer] += cost.bytes;
        }
    }
    run(&plan, &host, record);
    for (int w = 0; w < WAFERS; w++) {
        assert_int_equal(record[w].passes, 50);
        assert_int_equal(record[w].tokens, tokens);
        assert_int_equal(record[w].tokens_sent_on, w + 1 < WAFERS ? tokens : 0);
        assert_true(fabs(record[w].flops / flops[w] - 1.0) < 1e-12);
        assert_true(fabs(record[w].bytes / bytes[w] - 1.0) < 1e-12);
    }
    kerf_wafer_plan_free(&plan);
}

/* No pass through a wafer undercuts the time that the engine was promised, in any column. */
static void no_pass_undercuts_the_promise(void **unused)
{
    (void)unused;
    for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
        struct kerf_wafer_plan plan = plan_in((enum kerf_column)column);
        const struct kerf_pass smallest[] = {
            {.decode = {1, 1, 1, 1}, .kv = plan.kv, .activations = plan.activations},
            {.prefill = {1, 1, 1, 1}, .kv = plan.kv, .activations = plan.activations},
            {.decode = {1, 1, 1, 1}, .logit_tokens = 1, .kv = plan.kv, .activations = plan.activations},
        };
        for (int w = 0; w < WAFERS; w++)
            for (int i = 0; i < 3; i++) {
                double seconds = plan.wafer.io_latency_s;
                for (int s = plan.first_stage[w]; s < plan.first_stage[w + 1]; s++)
                    seconds += stage_cost(&plan, s, &smallest[i]).latency_s;
                assert_true(kerf_wafer_least_s(&plan, w) > 0.0);
                assert_true(kerf_wafer_least_s(&plan, w) <= seconds);
            }
        kerf_wafer_plan_free(&plan);
    }
}

/* Time of a prompt through the empty pipeline in chunks: the first one's way, then one per bottleneck. */
static double prompt_s(struct kerf_wafer_plan *plan, double prompt, double chunk)
{
    double tokens = fmin(chunk, prompt);
    struct kerf_pass pass = {.prefill = {tokens, 1.0, tokens * prompt / 2.0, prompt / 2.0},
                             .kv = plan->kv,
                             .activations = plan->activations};
    return kerf_wafer_pipeline_s(plan, &pass) +
           (ceil(prompt / tokens) - 1.0) * kerf_wafer_bottleneck_s(plan, &pass);
}

/* The chunk chosen for a prompt is a power of two that no other one beats. */
static void the_best_chunk_is_best(void **unused)
{
    (void)unused;
    struct kerf_wafer_plan plan = plan_in(KERF_COLUMN_NOMINAL);
    static const double prompts[] = {1, 2, 33, 500, 2000, 20000};
    for (size_t i = 0; i < sizeof prompts / sizeof prompts[0]; i++) {
        int best = kerf_wafer_best_chunk(&plan, prompts[i]);
        assert_true(best > 0 && (best & (best - 1)) == 0);
        for (double chunk = 1; chunk <= 8192 && chunk < 2 * prompts[i]; chunk *= 2)
            assert_true(prompt_s(&plan, prompts[i], best) <= prompt_s(&plan, prompts[i], chunk));
    }
    kerf_wafer_plan_free(&plan);
}

/* Few tokens under way go one by one; the batch never shrinks when more are under way, and is the same when
 * asked again. */
static void the_batch_grows_with_the_load(void **unused)
{
    (void)unused;
    struct kerf_wafer_plan plan = plan_in(KERF_COLUMN_NOMINAL);
    int before = 1;
    assert_int_equal(kerf_wafer_best_batch(&plan, 0, 90e-6), 1);
    assert_int_equal(kerf_wafer_best_batch(&plan, 1, 90e-6), 1);
    for (int under_way = 1; under_way <= 1 << 14; under_way *= 2) {
        int batch = kerf_wafer_best_batch(&plan, under_way, 90e-6);
        assert_true(batch >= before && batch <= under_way);
        assert_int_equal(kerf_wafer_best_batch(&plan, under_way, 90e-6), batch);
        before = batch;
    }
    kerf_wafer_plan_free(&plan);
}

/* More wafers than stages are refused; so are too few, with the number needed; freeing is safe after both. */
static void impossible_plans_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        int wafers;
        const char *message;
    } cases[] = {{1, "needs at least 3 cs-3 wafers for mixtral-8x7b"}, {60, "would stand empty"}};
    for (int i = 0; i < 2; i++) {
        struct kerf_wafer_plan plan = {.wafer_name = "cs-3",
                                       .network_name = "mixtral-8x7b",
                                       .wafer = wafer_named("cs-3"),
                                       .list = decoder_named("mixtral-8x7b"),
                                       .kv = KERF_FORMAT_BF16,
                                       .activations = KERF_FORMAT_BF16,
                                       .d_model = 4096,
                                       .kv_block_tokens = BLOCK};
        struct kerf_error error = {0};
        assert_int_equal(kerf_wafer_plan_make(&plan, cases[i].wafers, 1000, &error), KERF_ERR_USAGE);
        assert_non_null(strstr(error.message, cases[i].message));
        kerf_wafer_plan_free(&plan);
        kerf_wafer_plan_free(&plan);
    }
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cache_that_overflows_comes_back_over_the_way_in),
        cmocka_unit_test(passes_follow_the_max_plus_recursion),
        cmocka_unit_test(parts_sum_to_the_time),
        cmocka_unit_test(a_pass_alone_takes_the_pipelines_time),
        cmocka_unit_test(a_full_pipeline_gives_a_pass_per_bottleneck),
        cmocka_unit_test(stages_are_never_busy_twice),
        cmocka_unit_test(tokens_and_work_are_counted),
        cmocka_unit_test(no_pass_undercuts_the_promise),
        cmocka_unit_test(the_best_chunk_is_best),
        cmocka_unit_test(the_batch_grows_with_the_load),
        cmocka_unit_test(impossible_plans_are_refused),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
