/* Training by weight streaming: what the stream takes, what hides it, and what is refused. */
#include "models/training/streamed_step.h"
#include "sim/study/bill.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/catalog_entries.h"

static struct kerf_streaming_params streaming_named(const char *name)
{
    struct kerf_streaming_params params;
    leaves_in_column("streaming", name, &kerf_streaming_leaves, KERF_COLUMN_NOMINAL, &params);
    return params;
}

static struct kerf_streaming_job job_of(const struct kerf_decoder_list *list, double sequence, double batch)
{
    return (struct kerf_streaming_job){.list = list,
                                       .network_name = "the network",
                                       .wafer_name = "cs-3",
                                       .d_model = list->dense_layers > 0 ? list->dense_layer.op[0].inputs
                                                                         : list->moe_layer.op[0].inputs,
                                       .sequence = sequence,
                                       .global_batch = batch,
                                       .systems = 1,
                                       .logit_share = 1.0};
}

static struct kerf_streaming_step run(const struct kerf_wafer_params *wafer,
                                      const struct kerf_streaming_params *streaming,
                                      const struct kerf_streaming_job *job)
{
    struct kerf_streaming_step step;
    struct kerf_error error;
    if (kerf_streaming_step(wafer, streaming, job, &step, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return step;
}

/* Every weight twice in, once forward and once beside its gradient, whatever the batch: 1.03e12 parameters in
 * 16 bit at 150 GB/s are 13.7 s a pass. All experts are streamed, though a token uses 8 of 384. */
static void test_a_trillion_parameters_take_two_passes_of_the_stream(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_streaming_params streaming = streaming_named("weight-streaming-cs-3");
    struct kerf_decoder_list list = decoder_named("kimi-k2.6");
    struct kerf_streaming_job job = job_of(&list, 4096, 1);
    struct kerf_streaming_step step = run(&wafer, &streaming, &job);
    assert_true(fabs(step.stream_s / 2.0 - 13.7) < 0.2);
    assert_true(step.step_s >= step.stream_s);
    assert_int_equal(step.bound, KERF_STREAMING_STREAM);
    /* more tokens on the wafer than one of its micro-batches holds would be needed to hide it */
    assert_true(step.tokens_to_hide > 4096);
}

/* Where compute is longer, the stream hides: the step is the compute and little else. */
static void test_a_large_batch_hides_the_stream(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-2");
    struct kerf_streaming_params streaming = streaming_named("weight-streaming-cs-2");
    struct kerf_decoder_list list = decoder_named("bert-large");
    struct kerf_streaming_job job = job_of(&list, 128, 1024);
    struct kerf_streaming_step step = run(&wafer, &streaming, &job);
    assert_int_equal(step.bound, KERF_STREAMING_COMPUTE);
    assert_true(step.step_s >= step.compute_s && step.step_s < 1.1 * step.compute_s);
    assert_true(step.micro_batch * 128 > step.tokens_to_hide);
}

/* The store updates behind the gradients: with a slow one its time shows in full. */
static void test_a_slow_store_shows(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_streaming_params streaming = streaming_named("weight-streaming-cs-3");
    struct kerf_decoder_list list = decoder_named("llama-2-7b");
    struct kerf_streaming_job job = job_of(&list, 4096, 4);
    double fast_s = run(&wafer, &streaming, &job).step_s;
    streaming.optimizer_Bps = 1e9;
    struct kerf_streaming_step slow = run(&wafer, &streaming, &job);
    assert_true(slow.step_s > fast_s);
    assert_true(slow.step_s > 2.0 * slow.store_bytes / 1e9);
}

/* Twice the systems and twice the batch: the same step but for a level of the tree. */
static void test_systems_are_data_parallel(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_streaming_params streaming = streaming_named("weight-streaming-cs-3");
    struct kerf_decoder_list list = decoder_named("llama-2-7b");
    struct kerf_streaming_job job = job_of(&list, 4096, 256);
    double alone_s = run(&wafer, &streaming, &job).step_s;
    double last_s = alone_s;
    for (int systems = 2; systems <= 2048; systems *= 2) {
        job.systems = systems;
        job.global_batch = 256.0 * systems;
        double step_s = run(&wafer, &streaming, &job).step_s;
        assert_true(step_s >= last_s && step_s < 1.01 * alone_s);
        last_s = step_s;
    }
    assert_true(kerf_streaming_levels(&streaming, 4) == 1.0);
    assert_true(kerf_streaming_levels(&streaming, 5) == 2.0);
    assert_true(kerf_streaming_levels(&streaming, 2048) == 6.0);
}

/* A long sequence does not fit whole: layers are computed again, and the micro-batch is what fits. */
static void test_activations_bound_the_micro_batch(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_streaming_params streaming = streaming_named("weight-streaming-cs-3");
    struct kerf_decoder_list list = decoder_named("llama-2-7b");
    struct kerf_streaming_job job = job_of(&list, 4096, 1024);
    struct kerf_streaming_step step = run(&wafer, &streaming, &job);
    assert_true(step.recompute);
    assert_true(step.micro_batches > 1);
    assert_true(step.micro_batch * step.micro_batches >= 1024);
    assert_true(step.activation_bytes <= wafer.sram_bytes * wafer.sram_usable_fraction);
    job.sequence = 256;
    job.global_batch = 8;
    assert_false(run(&wafer, &streaming, &job).recompute);
}

/* Workers that prepare fewer samples than the wafer takes decide, and the step says so. */
static void test_slow_input_is_named(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-2");
    struct kerf_streaming_params streaming = streaming_named("weight-streaming-cs-2");
    struct kerf_decoder_list list = decoder_named("bert-large");
    struct kerf_streaming_job job = job_of(&list, 128, 1024);
    double free_rate = run(&wafer, &streaming, &job).samples_per_s;
    job.input_samples_per_s = free_rate / 4.0;
    struct kerf_streaming_step step = run(&wafer, &streaming, &job);
    assert_int_equal(step.bound, KERF_STREAMING_INPUT);
    assert_true(fabs(step.samples_per_s / job.input_samples_per_s - 1.0) < 1e-12);
    job.systems = 2; /* each has workers of its own */
    assert_true(run(&wafer, &streaming, &job).samples_per_s > 1.9 * job.input_samples_per_s);
}

/* 81 GB of fp32 weights and moments of 6.74e9 parameters were written in 464 s (Argonne's log). */
static void test_a_checkpoint_takes_minutes(void **state)
{
    (void)state;
    struct kerf_streaming_params streaming = streaming_named("weight-streaming-cs-3");
    struct kerf_decoder_list list = decoder_named("llama-2-7b");
    assert_true(fabs(kerf_streaming_checkpoint_s(&streaming, &list) / 464.0 - 1.0) < 0.05);
}

static void assert_refused(const struct kerf_wafer_params *wafer,
                           const struct kerf_streaming_params *streaming,
                           const struct kerf_streaming_job *job, const char *first, const char *second)
{
    struct kerf_streaming_step step;
    struct kerf_error error;
    assert_int_equal(kerf_streaming_step(wafer, streaming, job, &step, &error), KERF_ERR_USAGE);
    if (!strstr(error.message, first) || !strstr(error.message, second))
        fail_msg("'%s' names neither %s nor %s", error.message, first, second);
}

static void test_what_cannot_run_says_which_numbers_clash(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_streaming_params streaming = streaming_named("weight-streaming-cs-3");
    struct kerf_decoder_list list = decoder_named("llama-2-7b");
    struct kerf_streaming_job job = job_of(&list, 4096, 16);
    job.systems = 4096;
    assert_refused(&wafer, &streaming, &job, "4096 systems", "2048");
    job.systems = 32;
    assert_refused(&wafer, &streaming, &job, "16 samples", "32 systems");
    job.systems = 1;
    streaming.memoryx_bytes = 1e10;
    assert_refused(&wafer, &streaming, &job, "0.08 TB", "0.01 TB");
    streaming.memoryx_bytes = 1e13;
    job.sequence = 1e6;
    assert_refused(&wafer, &streaming, &job, "1000000 tokens", "GB");
}

/* 8,192 tokens of Llama 3.1 405B leave 33.8 GB in front of its 126 layers: only with several layers computed
 * again at a time does a sequence fit, and then the weights come in three times. */
static void test_groups_of_layers_make_room(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_streaming_params streaming = streaming_named("weight-streaming-cs-3");
    struct kerf_decoder_list list = decoder_named("llama-3.1-405b");
    struct kerf_streaming_job job = job_of(&list, 8192, 1);
    struct kerf_streaming_step step = run(&wafer, &streaming, &job);
    assert_true(step.group > 1);
    assert_true(step.activation_bytes <= step.room_bytes && step.activation_bytes < 8192.0 * 126 * 16384 * 2);
    double in_s = 405.85e9 * 2.0 / 150e9;
    assert_true(step.stream_s > 2.95 * in_s && step.stream_s < 3.01 * in_s);
}

/* The parts of the step add up, whatever bounds it, and frozen weights send no gradients. */
static void test_a_streamed_step_has_the_parts_of_any_other(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_streaming_params streaming = streaming_named("weight-streaming-cs-3");
    struct kerf_network network = network_named("llama-3.1-8b");
    struct kerf_training_job job = {.network = &network,
                                    .layout = {.global_batch = 64},
                                    .optimizer = kerf_optimizer_find("adam"),
                                    .sequence = 4096};
    struct kerf_streamed_question question = {.job = &job, .wafer_name = "cs-3", .systems = 4};
    for (int slow_input = 0; slow_input <= 1; slow_input++) {
        struct kerf_training_step step;
        struct kerf_streaming_step streamed;
        struct kerf_error error;
        double sum_s = 0.0;
        question.input_samples_per_s = slow_input ? 0.5 : 0.0;
        assert_int_equal(kerf_streamed_step(&wafer, &streaming, &question, &step, &streamed, &error),
                         KERF_OK);
        for (int part = 0; part < KERF_STEP_PARTS; part++) {
            assert_true(step.part_s[part] >= 0.0);
            sum_s += step.part_s[part];
        }
        assert_true(fabs(sum_s / step.step_s - 1.0) < 1e-9);
        assert_true((step.part_s[KERF_STEP_INPUT] > 0.0) == slow_input);
        assert_true(step.mfu > 0.0 && step.mfu < 1.0);
        job.frozen = true;
        struct kerf_training_step adapters;
        assert_int_equal(kerf_streamed_step(&wafer, &streaming, &question, &adapters, &streamed, &error),
                         KERF_OK);
        assert_true(slow_input || adapters.step_s < step.step_s);
        assert_true(adapters.part_s[KERF_STEP_OPTIMIZER] == 0.0);
        job.frozen = false;
    }
    job.optimizer = kerf_optimizer_find("muon");
    struct kerf_training_step step;
    struct kerf_streaming_step streamed;
    struct kerf_error error;
    assert_int_equal(kerf_streamed_step(&wafer, &streaming, &question, &step, &streamed, &error),
                     KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "give adam"));
}

/* A wafer draws between its idle and its full power, and its hosts and the building come on top. */
static void test_watts_lie_between_idle_and_full(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_streaming_params streaming = streaming_named("weight-streaming-cs-3");
    struct kerf_bill idle = kerf_bill_of_wafers(&wafer, streaming.hosts_W, 0.0, 2.0);
    struct kerf_bill busy = kerf_bill_of_wafers(&wafer, streaming.hosts_W, 1e18, 2.0);
    assert_true(fabs(idle.accelerator_W - 2.0 * wafer.idle_fraction * wafer.system_W) < 1.0);
    assert_true(fabs(busy.accelerator_W - 2.0 * wafer.system_W) < 1.0);
    assert_true(fabs(busy.facility_W - busy.rated_W) < 1.0 && idle.facility_W < busy.facility_W);
    assert_true(fabs(idle.USD_per_s - 2.0 * wafer.owner_USD_per_s) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_trillion_parameters_take_two_passes_of_the_stream),
        cmocka_unit_test(test_a_large_batch_hides_the_stream),
        cmocka_unit_test(test_a_slow_store_shows),
        cmocka_unit_test(test_systems_are_data_parallel),
        cmocka_unit_test(test_activations_bound_the_micro_batch),
        cmocka_unit_test(test_slow_input_is_named),
        cmocka_unit_test(test_a_checkpoint_takes_minutes),
        cmocka_unit_test(test_groups_of_layers_make_room),
        cmocka_unit_test(test_a_streamed_step_has_the_parts_of_any_other),
        cmocka_unit_test(test_watts_lie_between_idle_and_full),
        cmocka_unit_test(test_what_cannot_run_says_which_numbers_clash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
