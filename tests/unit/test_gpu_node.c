/* A replica of GPUs: which layouts are legal, what fits, and that a step takes the time of its parts. */
#include "test_gpu_plan.h"

/* A layout that cannot be is refused with the numbers that do not agree. */
static void illegal_layouts_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        struct kerf_gpu_layout layout;
        const char *message;
    } cases[] = {
        {{.gpus = 12, .tensor_parallel = 4, .expert_parallel = 1, .attention_data_parallel = 3},
         "parallel: a replica of 12 GPUs must fill NVLink domains of 8 or divide them"},
        {{.gpus = 16,
          .tensor_parallel = 4,
          .expert_parallel = 8,
          .attention_data_parallel = 2,
          .pipeline = 3},
         "3 stages do not divide the 16 GPUs"},
        {{.gpus = 64,
          .tensor_parallel = 1,
          .expert_parallel = 1,
          .attention_data_parallel = 1,
          .pipeline = 64},
         "64 stages for the 32 layers of mixtral-8x7b"},
        {{.gpus = 8, .tensor_parallel = 4, .expert_parallel = 8, .attention_data_parallel = 1},
         "tensor 4 x attention_data 1 must be the 8 GPUs"},
        {{.gpus = 6, .tensor_parallel = 6, .expert_parallel = 1, .attention_data_parallel = 1},
         "6 does not divide the 32 attention heads of mixtral-8x7b"},
        {{.gpus = 8, .tensor_parallel = 8, .expert_parallel = 3, .attention_data_parallel = 1},
         "3 does not divide the 8 GPUs"},
    };
    struct kerf_network network = network_named("mixtral-8x7b");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kerf_gpu_plan plan = unplanned(&network, "h200-sxm", KERF_COLUMN_NOMINAL);
        struct kerf_error error = {0};
        struct kerf_gpu_layout layout = in_one_stage(cases[i].layout);
        assert_int_equal(kerf_gpu_plan_make(&plan, &network, &layout, 0, &error), KERF_ERR_USAGE);
        if (!strstr(error.message, cases[i].message))
            fail_msg("'%s' does not say '%s'", error.message, cases[i].message);
        kerf_gpu_plan_free(&plan);
    }
}

/* Weights and cache of all GPUs are those of the network, each cut as the layout says. */
static void memory_is_that_of_the_network(void **unused)
{
    (void)unused;
    struct kerf_network network = network_named("mixtral-8x7b");
    double whole_bytes = 0.0, kv_elements = 0.0;
    for (int gpus = 1; gpus <= 8; gpus *= 2) {
        struct kerf_gpu_layout layout = {
            .gpus = gpus, .tensor_parallel = gpus, .expert_parallel = gpus, .attention_data_parallel = 1};
        struct kerf_gpu_plan plan = planned(&network, "h200-sxm", KERF_COLUMN_NOMINAL, layout);
        if (gpus == 1) {
            whole_bytes = plan.weight_bytes;
            kv_elements = kerf_decoder_kv_elements(&plan.list);
            assert_close(whole_bytes,
                         kerf_operators_weight_bytes(&plan.list.embedding) +
                             kerf_operators_weight_bytes(&plan.list.head) +
                             plan.list.moe_layers * kerf_operators_weight_bytes(&plan.list.moe_layer),
                         1e-12);
        }
        /* Norms and routers stand on every GPU: some thousandths more in all. */
        assert_true(plan.weight_bytes * gpus >= whole_bytes * (1 - 1e-12));
        assert_true(plan.weight_bytes * gpus <= whole_bytes * 1.001);
        assert_close(plan.kv_bytes_per_token * gpus, 2.0 * kv_elements, 1e-12); /* 8 KV heads, bf16 */
        assert_true(plan.weight_bytes + plan.kv_tokens * plan.kv_bytes_per_token <= plan.usable_bytes);
        assert_true(plan.weight_bytes + (plan.kv_tokens + 1) * plan.kv_bytes_per_token > plan.usable_bytes);
        kerf_gpu_plan_free(&plan);
    }
}

/* The cache that a plan says it holds is what can be asked of it, and one token more is refused. */
static void the_cache_is_as_large_as_planned(void **unused)
{
    (void)unused;
    struct kerf_network network = network_named("mixtral-8x7b");
    static const struct kerf_gpu_layout layouts[] = {
        {.gpus = 8, .tensor_parallel = 8, .expert_parallel = 8, .attention_data_parallel = 1},
        {.gpus = 8, .tensor_parallel = 1, .expert_parallel = 8, .attention_data_parallel = 8},
        {.gpus = 4, .tensor_parallel = 2, .expert_parallel = 4, .attention_data_parallel = 2},
    };
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        struct kerf_gpu_plan plan = planned(&network, "h200-sxm", KERF_COLUMN_NOMINAL, layouts[i]), more;
        struct kerf_gpu_layout layout = in_one_stage(layouts[i]);
        struct kerf_error error = {0};
        double tokens = plan.kv_tokens;
        for (int beyond = 0; beyond <= 1; beyond++) {
            more = unplanned(&network, "h200-sxm", KERF_COLUMN_NOMINAL);
            enum kerf_status status = kerf_gpu_plan_make(
                &more, &network, &layout, tokens + beyond * layout.attention_data_parallel, &error);
            assert_int_equal(status, beyond ? KERF_ERR_USAGE : KERF_OK);
            kerf_gpu_plan_free(&more);
        }
        kerf_gpu_plan_free(&plan);
    }
}

/* What a step costs is the sum of its parts, grows with tokens and context, and drafting comes on top. */
static void a_step_is_the_sum_of_its_parts(void **unused)
{
    (void)unused;
    struct kerf_network network = network_named("kimi-k2.6");
    struct kerf_gpu_layout layout = {
        .gpus = 8, .tensor_parallel = 8, .expert_parallel = 8, .attention_data_parallel = 1};
    struct kerf_gpu_plan plan = planned(&network, "b200-hgx", KERF_COLUMN_NOMINAL, layout);
    plan.draft_token_s = 1e-4;
    double before_s = 0.0;
    for (double tokens = 1; tokens <= 256; tokens *= 4) {
        struct kerf_pass pass = tokens_of(tokens, 0, 5000), prefill = tokens_of(tokens, 512, 5000);
        struct kerf_cost cost = kerf_gpu_step_cost(&plan, &pass, 0.0);
        double sum = 0.0;
        for (int part = 0; part < KERF_TIME_PARTS; part++)
            sum += cost.part_s[part];
        assert_close(sum, cost.latency_s, 1e-9);
        assert_true(cost.occupancy_s <= cost.latency_s * (1 + 1e-12));
        assert_true(cost.part_s[KERF_TIME_WAITING] == 0.0 && cost.part_s[KERF_TIME_FABRIC] == 0.0);
        assert_true(cost.part_s[KERF_TIME_INTERCONNECT] > 0.0);
        assert_true(cost.latency_s > before_s);
        assert_close(kerf_gpu_step_cost(&plan, &pass, 3.0).latency_s, cost.latency_s + 3e-4, 1e-12);
        assert_true(kerf_gpu_step_cost(&plan, &prefill, 0.0).latency_s > cost.latency_s);
        before_s = cost.latency_s;
    }
    kerf_gpu_plan_free(&plan);
}

/* Libraries that are not tuned for few rows make kernels for 16 rows longer by their factor and for 1024 by a
 * quarter of what is over one; an engine's own kernels for 4 rows are as they were. The fabric is not theirs.
 */
static void untuned_libraries_slow_few_rows(void **unused)
{
    (void)unused;
    struct kerf_network network = network_named("llama-3.1-70b");
    struct kerf_gpu_layout layout = {
        .gpus = 8, .tensor_parallel = 8, .expert_parallel = 1, .attention_data_parallel = 1};
    struct kerf_gpu_plan plan = planned(&network, "mi300x", KERF_COLUMN_NOMINAL, layout);
    static const double rows[] = {4, 16, 1024}, factors[] = {1, 3, 1.5};
    for (int i = 0; i < 3; i++) {
        struct kerf_pass pass = tokens_of(rows[i], 0, 500);
        plan.few_rows_slowdown = 1.0;
        struct kerf_cost tuned = kerf_gpu_step_cost(&plan, &pass, 0.0);
        plan.few_rows_slowdown = 3.0;
        struct kerf_cost cost = kerf_gpu_step_cost(&plan, &pass, 0.0);
        double kernels_s = tuned.part_s[KERF_TIME_COMPUTE] + tuned.part_s[KERF_TIME_MEMORY];
        assert_close(cost.latency_s, tuned.latency_s + (factors[i] - 1.0) * kernels_s, 1e-9);
        assert_true(cost.part_s[KERF_TIME_INTERCONNECT] == tuned.part_s[KERF_TIME_INTERCONNECT]);
    }
    kerf_gpu_plan_free(&plan);
}

/* A sequence lives in one attention group, whole: one user on 8 groups takes as long as on one GPU, 8 users
 * no longer. */
static void a_sequence_is_not_split_over_attention_groups(void **unused)
{
    (void)unused;
    struct kerf_network network = network_named("llama-3.1-8b");
    const struct kerf_gpu_layout alone = {1, 1, 1, 1, 1}, groups = {8, 1, 1, 8, 1};
    struct kerf_gpu_plan one = planned(&network, "h200-sxm", KERF_COLUMN_NOMINAL, alone);
    struct kerf_gpu_plan eight = planned(&network, "h200-sxm", KERF_COLUMN_NOMINAL, groups);
    struct kerf_pass single = tokens_of(1, 0, 30000), full = tokens_of(8, 0, 30000),
                     prompt = tokens_of(0, 4000, 0);
    double latency_s = kerf_gpu_step_cost(&one, &single, 0.0).latency_s;
    assert_close(kerf_gpu_step_cost(&eight, &single, 0.0).latency_s, latency_s, 1e-12);
    assert_close(kerf_gpu_step_cost(&eight, &full, 0.0).latency_s, latency_s, 1e-12);
    assert_close(kerf_gpu_step_cost(&eight, &prompt, 0.0).latency_s,
                 kerf_gpu_step_cost(&one, &prompt, 0.0).latency_s, 1e-12);
    kerf_gpu_plan_free(&one);
    kerf_gpu_plan_free(&eight);
}

/* Experts cut between GPUs of different attention groups cost an exchange, as whole experts do. */
static void cut_experts_pay_their_exchange(void **unused)
{
    (void)unused;
    struct kerf_network network = network_named("mixtral-8x7b");
    struct kerf_pass pass = tokens_of(64, 0, 1000);
    for (int expert = 1; expert <= 8; expert *= 8) {
        struct kerf_gpu_layout layout = {8, 1, expert, 8, 1};
        struct kerf_gpu_plan plan = planned(&network, "h200-sxm", KERF_COLUMN_NOMINAL, layout);
        assert_true(kerf_gpu_step_cost(&plan, &pass, 0.0).part_s[KERF_TIME_INTERCONNECT] > 32 * 1e-6);
        kerf_gpu_plan_free(&plan);
    }
}

/* No step undercuts the time that the engine was promised, in any column and layout. */
static void no_step_undercuts_the_promise(void **unused)
{
    (void)unused;
    struct kerf_network network = network_named("mixtral-8x7b");
    for (int column = 0; column < KERF_COLUMN_COUNT; column++)
        for (int data = 1; data <= 8; data *= 8) {
            struct kerf_gpu_layout layout = {.gpus = 8,
                                             .tensor_parallel = 8 / data,
                                             .expert_parallel = 8,
                                             .attention_data_parallel = data};
            struct kerf_gpu_plan plan = planned(&network, "h200-sxm", (enum kerf_column)column, layout);
            struct kerf_pass passes[] = {tokens_of(1, 0, 1), tokens_of(0, 1, 1), tokens_of(0, 1, 1)};
            passes[2].logit_tokens = 0.0;
            for (int i = 0; i < 3; i++)
                assert_true(kerf_gpu_step_least_s(&plan) <=
                            kerf_gpu_step_cost(&plan, &passes[i], 0.0).latency_s);
            assert_true(kerf_gpu_step_least_s(&plan) > 0.0);
            kerf_gpu_plan_free(&plan);
        }
}

/* A host that sends one pass to each of two GPUs and keeps their answers. */
struct host {
    struct kerf_pass_message message, answer[2];
    kerf_time done[2];
    int answers;
};

static struct host *host_of(const struct kerf_lp *lp)
{
    return (struct host *)(uintptr_t)kerf_lp_setup(lp);
}

static enum kerf_status host_init(struct kerf_lp *lp, const void *setup, void *state,
                                  struct kerf_error *error)
{
    (void)setup, (void)state;
    struct host *host = host_of(lp);
    for (uint32_t gpu = 1; gpu <= 2; gpu++)
        KERF_TRY(
            kerf_lp_send(lp, gpu, 1000000, KERF_EVENT_PASS, &host->message, sizeof host->message, error));
    return KERF_OK;
}

static enum kerf_status host_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                    struct kerf_error *error)
{
    (void)state;
    struct host *host = host_of(lp);
    KERF_CHECK(event->type == KERF_EVENT_PASS_DONE && host->answers < 2, KERF_ERR_FAILURE, "unexpected");
    host->done[host->answers] = kerf_lp_now(lp);
    memcpy(&host->answer[host->answers++], event->payload, sizeof host->answer[0]);
    return KERF_OK;
}

static const struct kerf_lp_kind host_kind = {.name = "host", .init = host_init, .handle = host_handle};

/* Both GPUs of a replica answer when the step and the way back are over, add its parts to those of the way
 * there, and count what they did. */
static void gpus_answer_after_the_step(void **unused)
{
    (void)unused;
    static struct host host;
    struct kerf_network network = network_named("mixtral-8x7b");
    struct kerf_gpu_layout layout = {
        .gpus = 2, .tensor_parallel = 2, .expert_parallel = 2, .attention_data_parallel = 1};
    struct kerf_gpu_plan plan = planned(&network, "h200-sxm", KERF_COLUMN_NOMINAL, layout);
    struct kerf_engine *engine = NULL;
    struct kerf_error error = {0};
    struct kerf_gpu_setup setup = {.plan = &plan, .next = 0};
    host.message = (struct kerf_pass_message){.batch = 7,
                                              .decode_tokens = 4,
                                              .decode_sequences = 4,
                                              .decode_attended = 4000,
                                              .decode_context = 4000,
                                              .logit_tokens = 4};
    host.message.part_s[KERF_TIME_SOFTWARE] = 0.5f; /* of the way here */
    assert_int_equal(kerf_engine_create(MPI_COMM_SELF, NULL, &engine, &error), KERF_OK);
    kerf_engine_add(engine, &host_kind, &host, -1, 1.0);
    for (uint32_t gpu = 1; gpu <= 2; gpu++) {
        kerf_engine_add(engine, &kerf_gpu_lp, &setup, -1, 1.0);
        kerf_engine_connect(engine, 0, gpu, 1000000);
        kerf_engine_connect(engine, gpu, 0, kerf_time_from_s(kerf_gpu_step_least_s(&plan)));
    }
    if (kerf_engine_run(engine, NULL, NULL, &error) != KERF_OK)
        fail_msg("%s", error.message);
    struct kerf_pass pass = kerf_pass_of(&host.message, plan.kv, plan.activations);
    struct kerf_cost cost = kerf_gpu_step_cost(&plan, &pass, 0.0);
    assert_int_equal(host.answers, 2);
    for (int i = 0; i < 2; i++) {
        const struct kerf_accelerator_record *record =
            kerf_gpu_record(kerf_engine_state(engine, (uint32_t)i + 1));
        assert_int_equal(host.answer[i].batch, 7);
        double sum = -0.5;
        for (int part = 0; part < KERF_TIME_PARTS; part++)
            sum += host.answer[i].part_s[part];
        assert_true(fabs(sum - cost.latency_s - plan.gpu.host_to_device_s) < 1e-6);
        assert_true(host.done[i] == 1000000 + kerf_time_from_s(cost.latency_s + plan.gpu.host_to_device_s));
        assert_true(record->passes == 1 && record->tokens == 4 && record->tokens_sent_on == 0);
        assert_true(record->flops == cost.flops && record->bytes == cost.bytes);
        assert_true(record->busy_s == cost.occupancy_s);
    }
    kerf_engine_free(engine);
    kerf_gpu_plan_free(&plan);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(illegal_layouts_are_refused),
        cmocka_unit_test(memory_is_that_of_the_network),
        cmocka_unit_test(the_cache_is_as_large_as_planned),
        cmocka_unit_test(a_step_is_the_sum_of_its_parts),
        cmocka_unit_test(untuned_libraries_slow_few_rows),
        cmocka_unit_test(a_sequence_is_not_split_over_attention_groups),
        cmocka_unit_test(cut_experts_pay_their_exchange),
        cmocka_unit_test(no_step_undercuts_the_promise),
        cmocka_unit_test(gpus_answer_after_the_step),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
