/* A training step: FLOPs, activations, states and bubbles as the papers have them; what layouts are refused;
 * what makes a step longer. */
#include "models/training/flops.h"
#include "models/training/memory.h"
#include "models/training/span.h"
#include "models/training/step.h"
#include "models/training/traffic.h"
#include "test_gpu_params.h"

#include <math.h>
#include <string.h>

static struct kerf_training_machine machine_of(const char *gpu, const char *generation, const char *library)
{
    struct kerf_training_machine machine = {.gpu = read_gpu(gpu, KERF_COLUMN_NOMINAL)};
    struct kerf_leaf_set *set = malloc(sizeof *set);
    assert_non_null(set);
    read_leaves("training", generation, &kerf_training_leaves, set);
    kerf_leaf_set_fill(set, KERF_COLUMN_NOMINAL, &machine.training);
    read_leaves("collectives", library, &kerf_collective_leaves, set);
    kerf_leaf_set_fill(set, KERF_COLUMN_NOMINAL, &machine.collectives);
    free(set);
    return machine;
}

static struct kerf_training_machine a100(void)
{
    return machine_of("a100-80gb-sxm", "ampere-training", "ampere-nccl");
}

/* A GPT without biases in its matrices, so that the papers' forms hold to the last byte. */
static struct kerf_network gpt(int layers, int hidden, int heads, int vocab)
{
    return (struct kerf_network){.name = "gpt",
                                 .family = KERF_FAMILY_DECODER,
                                 .decoder = {.d_model = hidden,
                                             .vocab = vocab,
                                             .layers_dense = layers,
                                             .d_ff_dense = 4 * hidden,
                                             .tied_embeddings = true,
                                             .layernorm = true,
                                             .final_norm = true,
                                             .norms_per_layer = 2,
                                             .learned_positions = 2048,
                                             .attention = {.type = KERF_ATTENTION_GQA,
                                                           .heads = heads,
                                                           .kv_heads = heads,
                                                           .head_dim = hidden / heads,
                                                           .causal = true}}};
}

/* GPT-3 on 1,024 A100, as in arXiv 2104.04473. */
static struct kerf_training_job gpt3_job(const struct kerf_network *network)
{
    return (struct kerf_training_job){.network = network,
                                      .layout = {.gpus = 1024,
                                                 .tensor = 8,
                                                 .pipeline = 8,
                                                 .virtual_stages = 1,
                                                 .context = 1,
                                                 .expert = 1,
                                                 .expert_tensor = 1,
                                                 .data = 16,
                                                 .micro_batch = 1,
                                                 .global_batch = 1536},
                                      .stack = kerf_training_stack_find("megatron-2021"),
                                      .precision = kerf_precision_find("bf16"),
                                      .optimizer = kerf_optimizer_find("adam"),
                                      .recompute = KERF_RECOMPUTE_FULL,
                                      .sequence = 2048.0};
}

/* arXiv 2104.04473, section 5.1, equation 3 and the paragraph after it. */
static void test_flops_of_gpt(void **state)
{
    (void)state;
    const struct kerf_network network = gpt(96, 12288, 96, 51200);
    struct kerf_training_job job = gpt3_job(&network);
    double B = 1536.0, s = 2048.0, L = 96.0, h = 12288.0, V = 51200.0;
    assert_close(kerf_training_model_flops(&job),
                 72.0 * B * s * L * h * h * (1.0 + s / (6.0 * h) + V / (12.0 * L * h)), 1e-12);
    assert_close(kerf_training_hardware_flops(&job),
                 96.0 * B * s * L * h * h * (1.0 + s / (6.0 * h) + V / (16.0 * L * h)), 1e-12);
}

static double activation_bytes(const struct kerf_training_job *job, enum kerf_recompute recompute)
{
    const struct kerf_weight_formats formats = {KERF_FORMAT_BF16, KERF_FORMAT_BF16, KERF_FORMAT_BF16};
    struct kerf_decoder_list list;
    kerf_decoder_operators(job->network, &formats, &list);
    return kerf_training_layer_activation_bytes(job, &list.dense_layer, recompute);
}

/* arXiv 2205.05198, table 2; without the 5 a s / h where attention is fused, and without masks of dropout. */
static void test_activations_of_a_layer(void **state)
{
    (void)state;
    const struct kerf_network network = gpt(96, 12288, 96, 51200);
    struct kerf_training_job job = gpt3_job(&network);
    double s = 2048.0, b = 1.0, h = 12288.0, a = 96.0, t = 8.0, sbh = s * b * h;
    assert_close(activation_bytes(&job, KERF_RECOMPUTE_NONE), sbh * (10.0 + 24.0 / t + 5.0 * a * s / (h * t)),
                 1e-12);
    assert_close(activation_bytes(&job, KERF_RECOMPUTE_FULL), 2.0 * sbh, 1e-12);
    job.layout.sequence_parallel = true;
    assert_close(activation_bytes(&job, KERF_RECOMPUTE_NONE), sbh / t * (34.0 + 5.0 * a * s / h), 1e-12);
    assert_close(activation_bytes(&job, KERF_RECOMPUTE_SELECTIVE), sbh / t * 34.0, 1e-12);
    job.stack = kerf_training_stack_find("megascale"); /* fused, no dropout */
    assert_close(activation_bytes(&job, KERF_RECOMPUTE_NONE), sbh / t * 32.0, 1e-12);
    job.layout.tensor = 1;
    assert_close(activation_bytes(&job, KERF_RECOMPUTE_NONE), sbh * 32.0, 1e-12);
}

/* arXiv 1910.02054, figure 1: 16-bit weights and gradients, K = 12 bytes of optimiser states. */
static void test_zero_shards_states(void **state)
{
    (void)state;
    const struct kerf_training_machine machine = a100();
    const struct kerf_network network = gpt(24, 2048, 16, 51200);
    struct kerf_training_job job = gpt3_job(&network);
    const struct kerf_weight_formats formats = {KERF_FORMAT_BF16, KERF_FORMAT_BF16, KERF_FORMAT_BF16};
    struct kerf_decoder_list list;
    kerf_decoder_operators(&network, &formats, &list);
    job.layout = (struct kerf_training_layout){.gpus = 64,
                                               .tensor = 1,
                                               .pipeline = 1,
                                               .virtual_stages = 1,
                                               .context = 1,
                                               .expert = 1,
                                               .expert_tensor = 1,
                                               .data = 64,
                                               .micro_batch = 1,
                                               .global_batch = 64};
    const struct kerf_layer_memory layer = kerf_training_layer_memory(&job, &list);
    struct kerf_rank_params params = kerf_training_rank_params(&job, &layer);
    double P = params.dense, N = 64.0, K = 12.0;
    const double expected[] = {(4.0 + K) * P, 4.0 * P + K * P / N, 2.0 * P + (2.0 + K) * P / N,
                               (4.0 + K) * P / N};
    for (int stage = 0; stage < KERF_SHARDING_COUNT; stage++) {
        job.layout.sharding = (enum kerf_sharding)stage;
        struct kerf_training_memory memory = kerf_training_memory(&machine, &job, &layer, 1.0);
        assert_close(memory.weights_bytes + memory.gradients_bytes + memory.optimizer_bytes, expected[stage],
                     1e-12);
    }
    assert_true(params.experts == 0.0);
}

static double bubble_share(const struct kerf_training_job *job, bool exact)
{
    const struct kerf_stage_parts parts = {
        .layer = {.forward_s = 1e-3, .backward_s = 2e-3, .weight_s = 1e-3}};
    struct kerf_training_job own = *job;
    struct kerf_training_span span;
    struct kerf_error error = {0};
    own.exact = exact;
    if (kerf_training_span(&own, 96, &parts, &span, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return (span.span_s - span.busy_s) / span.busy_s;
}

/* (p - 1) / (m v) for stages that are alike: arXiv 2104.04473, section 2.2. */
static void test_bubble_of_alike_stages(void **state)
{
    (void)state;
    const struct kerf_network network = gpt(96, 12288, 96, 51200);
    struct kerf_training_job job = gpt3_job(&network);
    for (int v = 1; v <= 4; v *= 2) {
        job.layout.virtual_stages = v;
        double expected = 7.0 / (96.0 * v);
        assert_close(bubble_share(&job, false), expected, 1e-9);
        assert_close(bubble_share(&job, true), expected, 1e-9);
    }
}

/* 126 layers and two ends over 128 places: an end is as good as a layer. Others differ by one layer at most.
 */
static void test_layers_over_places(void **state)
{
    (void)state;
    const int cases[][2] = {{126, 64}, {126, 128}, {94, 8}, {96, 8}, {105, 35}, {5, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int sum = 0, least = 1000, most = 0;
        for (int place = 0; place < cases[i][1]; place++) {
            int layers = kerf_training_place_layers(cases[i][0], cases[i][1], place);
            sum += layers;
            least = layers < least ? layers : least;
            most = layers > most ? layers : most;
        }
        assert_int_equal(sum, cases[i][0]);
        assert_true(most - least <= 1);
    }
    assert_int_equal(kerf_training_place_layers(126, 128, 0), 0);
}

static void refused(struct kerf_training_layout layout, const struct kerf_network *network, const char *why)
{
    struct kerf_error error = {0};
    assert_int_equal(kerf_training_layout_check(&layout, network, 2048.0, &error), KERF_ERR_USAGE);
    if (!strstr(error.message, why))
        fail_msg("'%s' does not say '%s'", error.message, why);
}

static void test_illegal_layouts_are_refused(void **state)
{
    (void)state;
    const struct kerf_network network = gpt(96, 12288, 96, 51200);
    const struct kerf_training_layout good = gpt3_job(&network).layout;
    struct kerf_training_layout bad = good;
    struct kerf_error error = {0};
    assert_int_equal(kerf_training_layout_check(&bad, &network, 2048.0, &error), KERF_OK);
    bad.tensor = 0;
    refused(bad, &network, "tensor must be at least 1");
    bad = good;
    bad.gpus = 1000;
    refused(bad, &network, "gpus (1000) cannot be divided");
    bad = good;
    bad.data = 8;
    refused(bad, &network, "leave 16");
    bad = good;
    bad.global_batch = 1000;
    refused(bad, &network, "global_batch (1000)");
    bad = good;
    bad.virtual_stages = 16;
    refused(bad, &network, "deeper than the network's 96 layers");
    bad = good;
    bad.tensor = 64;
    bad.pipeline = 1;
    refused(bad, &network, "the number of heads (96)");
    bad = good;
    bad.expert = 8;
    refused(bad, &network, "without experts");
}

static void test_groups_lie_in_nodes(void **state)
{
    (void)state;
    const struct kerf_network network = gpt(96, 12288, 96, 51200);
    struct kerf_training_layout layout = gpt3_job(&network).layout;
    struct kerf_group_place tensor = kerf_training_place(&layout, KERF_GROUP_TENSOR, 8.0);
    struct kerf_group_place data = kerf_training_place(&layout, KERF_GROUP_DATA, 8.0);
    assert_true(tensor.ranks == 8.0 && tensor.local == 8.0);
    assert_true(data.ranks == 16.0 && data.local == 1.0);
    layout.tensor = 2;
    layout.data = 64;
    data = kerf_training_place(&layout, KERF_GROUP_DATA, 8.0);
    assert_true(data.ranks == 64.0 && data.local == 4.0);
}

static struct kerf_training_step step_of(const struct kerf_training_machine *machine,
                                         const struct kerf_training_job *job)
{
    struct kerf_training_step step;
    struct kerf_error error = {0};
    if (kerf_training_step(machine, job, &step, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return step;
}

/* Two all-reduces a layer forward, two backward, and two more where the layer is computed again
 * (arXiv 1909.08053, section 3; 2104.04473). */
static void test_tensor_parallel_all_reduces(void **state)
{
    (void)state;
    const struct kerf_training_machine machine = a100();
    const struct kerf_network network = gpt(96, 12288, 96, 51200);
    struct kerf_training_job job = gpt3_job(&network);
    struct kerf_training_step full = step_of(&machine, &job);
    double one_s = kerf_training_collective_s(&machine, &job, KERF_GROUP_TENSOR, KERF_COLLECTIVE_ALL_REDUCE,
                                              2.0 * 2048.0 * 12288.0);
    assert_close(full.part_s[KERF_STEP_TENSOR], 6.0 * 12.0 * 96.0 * one_s, 1e-9);
    job.recompute = KERF_RECOMPUTE_NONE;
    struct kerf_training_step none = step_of(&machine, &job);
    assert_close(none.part_s[KERF_STEP_TENSOR], 4.0 * 12.0 * 96.0 * one_s, 1e-9);
    assert_true(none.step_s < full.step_s);
    assert_true(none.memory.activations_bytes > full.memory.activations_bytes);
}

static void test_parts_add_up(void **state)
{
    (void)state;
    const struct kerf_training_machine machine = a100();
    const struct kerf_network network = gpt(96, 12288, 96, 51200);
    struct kerf_training_job job = gpt3_job(&network);
    job.exact = true;
    struct kerf_training_step step = step_of(&machine, &job);
    double sum_s = 0.0;
    for (int i = 0; i < KERF_STEP_PARTS; i++) {
        assert_true(step.part_s[i] >= 0.0);
        sum_s += step.part_s[i];
    }
    assert_close(sum_s, step.step_s, 1e-12);
    assert_close(step.tokens_per_s_gpu * 1024.0 * step.step_s, 1536.0 * 2048.0, 1e-12);
    assert_true(step.memory.fits && step.mfu > 0.2 && step.mfu < 0.8);
}

/* Less compute for each wait: a larger batch makes the bubble's share smaller, more GPUs make it larger. */
static void test_batch_fills_the_pipeline(void **state)
{
    (void)state;
    const struct kerf_training_machine machine = a100();
    const struct kerf_network network = gpt(96, 12288, 96, 51200);
    struct kerf_training_job job = gpt3_job(&network);
    double last = 1.0;
    for (int batch = 128; batch <= 4096; batch *= 2) {
        job.layout.global_batch = batch;
        struct kerf_training_step step = step_of(&machine, &job);
        double share = step.part_s[KERF_STEP_BUBBLE] / step.step_s;
        assert_true(share < last);
        last = share;
    }
}

static void test_memory_says_what_does_not_fit(void **state)
{
    (void)state;
    const struct kerf_training_machine machine = a100();
    const struct kerf_network network = gpt(96, 12288, 96, 51200);
    struct kerf_training_job job = gpt3_job(&network);
    job.layout.pipeline = 1;
    job.layout.data = 128;
    struct kerf_training_step step = step_of(&machine, &job);
    assert_false(step.memory.fits);
    assert_true(step.memory.used_bytes > step.memory.capacity_bytes);
}

/* Every recipe and schedule costs a step on Blackwell; narrower products are no slower. */
static void test_recipes_and_schedules(void **state)
{
    (void)state;
    const struct kerf_training_machine machine =
        machine_of("gb200-nvl72", "blackwell-training", "blackwell-nccl");
    const struct kerf_network network = gpt(96, 12288, 96, 51200);
    struct kerf_training_job job = gpt3_job(&network);
    job.stack = kerf_training_stack_find("megatron-bridge-26.06");
    job.recompute = KERF_RECOMPUTE_NONE;
    double wide_s = step_of(&machine, &job).step_s;
    for (int i = 0; kerf_precision_at(i); i++) {
        job.precision = kerf_precision_at(i);
        assert_true(step_of(&machine, &job).step_s <= wide_s);
    }
    static const char *const schedules[] = {"gpipe", "1f1b", "zb-h1", "zbv", "dualpipe"};
    job.exact = true;
    for (size_t i = 0; i < sizeof schedules / sizeof schedules[0]; i++) {
        job.schedule = schedules[i];
        assert_true(step_of(&machine, &job).step_s > 0.0);
    }
    job.schedule = "interleaved"; /* wants virtual stages */
    struct kerf_training_step step;
    struct kerf_error error = {0};
    assert_int_equal(kerf_training_step(&machine, &job, &step, &error), KERF_ERR_USAGE);
}

/* What is prepared once for many layouts costs each as if it were alone, to the last bit. */
static void test_prepared_steps_are_steps(void **state)
{
    (void)state;
    const struct kerf_training_machine machine = a100();
    const struct kerf_network network = gpt(96, 12288, 96, 51200);
    struct kerf_training_job job = gpt3_job(&network);
    struct kerf_training_prepared *prepared = kerf_training_prepared_new(&machine, &network);
    int seen = 0;
    for (int i = 0; i < 2 * 3 * 3 * 4 * 2; i++) {
        static const int pipelines[] = {1, 8, 16};
        job.layout.tensor = i % 2 ? 8 : 4;
        job.recompute = (enum kerf_recompute)(i / 2 % 3);
        job.layout.pipeline = 1;
        job.layout.data = 0;
        kerf_training_prepare(prepared, &job);
        job.layout.pipeline = pipelines[i / 6 % 3];
        job.layout.sharding = (enum kerf_sharding)(i / 18 % 4);
        job.layout.virtual_stages = job.layout.pipeline > 1 && i / 72 % 2 ? 3 : 1;
        assert_int_equal(kerf_training_layout_check(&job.layout, &network, job.sequence, NULL), KERF_OK);
        for (int exact = 0; exact < 2; exact++) {
            struct kerf_training_step alone, one_of_many;
            job.exact = exact;
            enum kerf_status status = kerf_training_step(&machine, &job, &alone, NULL);
            assert_int_equal(kerf_training_prepared_step(prepared, &job, &one_of_many, NULL), status);
            if (status != KERF_OK)
                continue;
            assert_memory_equal(alone.part_s, one_of_many.part_s, sizeof alone.part_s);
            assert_true(alone.step_s == one_of_many.step_s && alone.mfu == one_of_many.mfu &&
                        alone.hardware_flops_gpu == one_of_many.hardware_flops_gpu &&
                        alone.memory.used_bytes == one_of_many.memory.used_bytes);
            seen++;
        }
    }
    assert_true(seen > 200);
    kerf_training_prepared_free(prepared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flops_of_gpt),
        cmocka_unit_test(test_activations_of_a_layer),
        cmocka_unit_test(test_zero_shards_states),
        cmocka_unit_test(test_bubble_of_alike_stages),
        cmocka_unit_test(test_layers_over_places),
        cmocka_unit_test(test_illegal_layouts_are_refused),
        cmocka_unit_test(test_groups_lie_in_nodes),
        cmocka_unit_test(test_tensor_parallel_all_reduces),
        cmocka_unit_test(test_parts_add_up),
        cmocka_unit_test(test_batch_fills_the_pipeline),
        cmocka_unit_test(test_memory_says_what_does_not_fit),
        cmocka_unit_test(test_recipes_and_schedules),
        cmocka_unit_test(test_prepared_steps_are_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
