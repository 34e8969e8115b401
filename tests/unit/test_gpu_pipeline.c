/* Replicas of GPUs that reach over several NVLink domains, and pipelines of GPUs. */
#include "test_gpu_plan.h"

/* Stages hold the network between them, the fullest says what cache fits, and one pass through them costs
 * what it costs in one stage, a launch for each further stage, and the handovers. */
static void stages_share_the_network(void **unused)
{
    (void)unused;
    struct kerf_network network = network_named("llama-3.1-70b");
    struct kerf_gpu_layout layout = {
        .gpus = 4, .tensor_parallel = 4, .expert_parallel = 1, .attention_data_parallel = 1};
    struct kerf_gpu_plan one = planned(&network, "h200-sxm", KERF_COLUMN_NOMINAL, layout);
    double whole, kv, bytes, kv_bytes;
    kerf_gpu_plan_memory(&one, 1000, &whole, &kv);
    for (int stages = 2; stages <= 4; stages *= 2) {
        layout.pipeline = stages;
        layout.gpus = 4 * stages;
        struct kerf_gpu_plan plan = planned(&network, "h200-sxm", KERF_COLUMN_NOMINAL, layout);
        kerf_gpu_plan_memory(&plan, 1000, &bytes, &kv_bytes);
        assert_close(bytes, whole, 1e-12);
        assert_close(kv_bytes, kv, 1e-12);
        double layers = 0.0;
        for (int s = 0; s < stages; s++) {
            layers += plan.stage[s].dense_layers;
            assert_true(plan.stage[s].weight_bytes <= plan.weight_bytes);
            assert_true(plan.kv_tokens * plan.stage[s].kv_bytes_per_token + plan.stage[s].weight_bytes <=
                        plan.usable_bytes);
        }
        assert_true(layers == one.stage[0].dense_layers);
        struct kerf_pass pass = tokens_of(32, 256, 2000);
        double further_s = (stages - 1) * plan.gpu.graph_launch_s;
        for (int s = 0; s + 1 < stages; s++)
            further_s += kerf_gpu_handover_s(&plan, &pass, s);
        struct kerf_cost cost = kerf_gpu_step_cost(&plan, &pass, 0.0);
        assert_close(cost.latency_s, kerf_gpu_step_cost(&one, &pass, 0.0).latency_s + further_s, 1e-9);
        assert_close(cost.flops, kerf_gpu_step_cost(&one, &pass, 0.0).flops, 1e-9);
        kerf_gpu_plan_free(&plan);
    }
    kerf_gpu_plan_free(&one);
}

/* From stage to stage inside a domain goes over NVLink, from domain to domain over the NIC. */
static void handovers_take_the_link_there_is(void **unused)
{
    (void)unused;
    struct kerf_network network = network_named("llama-3.1-70b");
    struct kerf_gpu_layout layout = {
        .gpus = 16, .tensor_parallel = 4, .expert_parallel = 1, .attention_data_parallel = 1, .pipeline = 4};
    struct kerf_gpu_plan plan = planned(&network, "h200-sxm", KERF_COLUMN_NOMINAL, layout);
    struct kerf_pass pass = tokens_of(0, 8192, 0);
    const struct kerf_collective_params *library = &plan.exchange.library;
    double bytes = 8192.0 * 8192.0 * 2.0;
    double gather_s = kerf_gpu_exchange_s(&plan.exchange, KERF_COLLECTIVE_ALL_GATHER, 4, bytes);
    double near_s = library->launch_s + library->hop_s + bytes / 4.0 / (450e9 * library->send_share);
    double far_s = library->launch_s + library->nic_hop_s + bytes / 4.0 / (50e9 * library->nic_share);
    assert_close(kerf_gpu_handover_s(&plan, &pass, 0), near_s + gather_s, 1e-9);
    assert_close(kerf_gpu_handover_s(&plan, &pass, 1), far_s + gather_s, 1e-9);
    assert_close(kerf_gpu_handover_s(&plan, &pass, 2), near_s + gather_s, 1e-9);
    kerf_gpu_plan_free(&plan);
}

/* A tensor group over two nodes pays the NICs, experts over two nodes too; both hold more. */
static void groups_reach_over_domains(void **unused)
{
    (void)unused;
    struct kerf_network network = network_named("kimi-k2.6");
    struct kerf_pass pass = tokens_of(64, 0, 2000);
    for (int data = 0; data <= 1; data++) {
        struct kerf_gpu_layout near = {.gpus = 8,
                                       .tensor_parallel = data ? 1 : 8,
                                       .expert_parallel = 8,
                                       .attention_data_parallel = data ? 8 : 1},
                               far = near;
        far.gpus = far.expert_parallel = 16;
        *(data ? &far.attention_data_parallel : &far.tensor_parallel) = 16;
        struct kerf_gpu_plan one = planned(&network, "b200-hgx", KERF_COLUMN_NOMINAL, near);
        struct kerf_gpu_plan two = planned(&network, "b200-hgx", KERF_COLUMN_NOMINAL, far);
        double near_s = kerf_gpu_step_cost(&one, &pass, 0.0).part_s[KERF_TIME_INTERCONNECT];
        double far_s = kerf_gpu_step_cost(&two, &pass, 0.0).part_s[KERF_TIME_INTERCONNECT];
        if (data)
            assert_true(far_s > near_s);
        else
            assert_true(far_s > near_s + 120 * 2 * two.exchange.library.nic_hop_s);
        assert_true(two.weight_bytes < one.weight_bytes && two.kv_tokens > one.kv_tokens);
        kerf_gpu_plan_free(&one);
        kerf_gpu_plan_free(&two);
    }
}

/* Algorithms that are asked for are taken; one that cannot be is refused when the plan is made. */
static void algorithms_may_be_forced(void **unused)
{
    (void)unused;
    struct kerf_network network = network_named("mixtral-8x7b");
    struct kerf_gpu_layout layout = {8, 8, 8, 1, 1};
    struct kerf_error error = {0};
    struct kerf_gpu_plan plan = planned(&network, "h200-sxm", KERF_COLUMN_NOMINAL, layout);
    struct kerf_gpu_plan ring = unplanned(&network, "h200-sxm", KERF_COLUMN_NOMINAL), bad = ring;
    struct kerf_pass pass = tokens_of(8, 0, 100);
    ring.exchange.forced[KERF_COLLECTIVE_ALL_REDUCE] = "ring-simple";
    assert_int_equal(kerf_gpu_plan_make(&ring, &network, &layout, 0, &error), KERF_OK);
    double more_s =
        kerf_gpu_step_cost(&ring, &pass, 0.0).latency_s - kerf_gpu_step_cost(&plan, &pass, 0.0).latency_s;
    assert_true(more_s > 64 * 30e-6); /* two a layer, which start 30 us later at least */
    bad.exchange.forced[KERF_COLLECTIVE_ALL_REDUCE] = "flat-ring";
    assert_int_equal(kerf_gpu_plan_make(&bad, &network, &layout, 0, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "'flat-ring' does not fit"));
    kerf_gpu_plan_free(&plan);
    kerf_gpu_plan_free(&ring);
    kerf_gpu_plan_free(&bad);
    layout = (struct kerf_gpu_layout){8, 1, 8, 8, 1};
    bad = unplanned(&network, "a100-80gb-sxm", KERF_COLUMN_NOMINAL);
    bad.exchange.forced_experts = "low-latency";
    assert_int_equal(kerf_gpu_plan_make(&bad, &network, &layout, 0, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "'low-latency' is not in this library; here fit: all-to-all"));
    kerf_gpu_plan_free(&bad);
}

enum { PASSES = 4 };

/* Gives all passes to stage 0 at once and notes when they come back. */
struct host {
    struct kerf_pass_message message;
    kerf_time done[PASSES];
    uint64_t batch[PASSES];
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
    for (host->message.batch = 0; host->message.batch < PASSES; host->message.batch++)
        KERF_TRY(kerf_lp_send(lp, 1, 1000000, KERF_EVENT_PASS, &host->message, sizeof host->message, error));
    return KERF_OK;
}

static enum kerf_status host_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                    struct kerf_error *error)
{
    (void)state, (void)error;
    struct host *host = host_of(lp);
    struct kerf_pass_message answer;
    memcpy(&answer, event->payload, sizeof answer);
    host->batch[host->answers] = answer.batch;
    host->done[host->answers++] = kerf_lp_now(lp);
    return KERF_OK;
}

static const struct kerf_lp_kind host_kind = {.name = "host", .init = host_init, .handle = host_handle};

/* Passes follow each other through the stages: start(m, s) = max(arrive(m, s), free(s)). */
static void passes_follow_each_other(void **unused)
{
    (void)unused;
    static struct host host;
    enum { STAGES = 3 };
    struct kerf_network network = network_named("mixtral-8x7b");
    struct kerf_gpu_layout layout = {.gpus = STAGES,
                                     .tensor_parallel = 1,
                                     .expert_parallel = 1,
                                     .attention_data_parallel = 1,
                                     .pipeline = STAGES};
    struct kerf_gpu_plan plan = planned(&network, "h200-sxm", KERF_COLUMN_NOMINAL, layout);
    struct kerf_engine *engine = NULL;
    struct kerf_error error = {0};
    struct kerf_gpu_setup setup[STAGES];
    host.message = (struct kerf_pass_message){.decode_tokens = 8,
                                              .decode_sequences = 8,
                                              .decode_attended = 8000,
                                              .decode_context = 8000,
                                              .logit_tokens = 8};
    assert_int_equal(kerf_engine_create(MPI_COMM_SELF, NULL, &engine, &error), KERF_OK);
    kerf_engine_add(engine, &host_kind, &host, -1, 1.0);
    for (uint32_t s = 0; s < STAGES; s++) {
        setup[s] = (struct kerf_gpu_setup){.plan = &plan, .stage = (int)s, .next = (s + 2) % (STAGES + 1)};
        kerf_engine_add(engine, &kerf_gpu_lp, &setup[s], -1, 1.0);
    }
    kerf_engine_connect(engine, 0, 1, 1000000);
    for (uint32_t s = 0; s < STAGES; s++)
        kerf_engine_connect(engine, s + 1, setup[s].next,
                            kerf_time_from_s(kerf_gpu_stage_least_s(&plan, (int)s)));
    if (kerf_engine_run(engine, NULL, NULL, &error) != KERF_OK)
        fail_msg("%s", error.message);
    const struct kerf_cost *cost = kerf_gpu_pass_costs(&plan, &host.message);
    kerf_time idle[STAGES] = {0};
    assert_int_equal(host.answers, PASSES);
    for (int m = 0; m < PASSES; m++) {
        kerf_time at = 1000000;
        for (int s = 0; s < STAGES; s++) {
            kerf_time start = idle[s] > at ? idle[s] : at;
            double back_s = s + 1 == STAGES ? plan.gpu.host_to_device_s : 0.0;
            idle[s] = start + kerf_time_from_s(cost[s].occupancy_s);
            at = start + kerf_time_from_s(cost[s].latency_s + back_s);
        }
        assert_true(host.done[m] == at && host.batch[m] == (uint64_t)m);
    }
    kerf_engine_free(engine);
    kerf_gpu_plan_free(&plan);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_share_the_network),  cmocka_unit_test(handovers_take_the_link_there_is),
        cmocka_unit_test(groups_reach_over_domains), cmocka_unit_test(algorithms_may_be_forced),
        cmocka_unit_test(passes_follow_each_other),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failures;
}
