/* A training step of a vision or diffusion network on GPUs: its parts, what limits it, and what does not fit.
 */
#include "test_gpu_params.h"

#include "models/training/image_step.h"
#include "sim/io/catalog_network.h"
#include "sim/study/training_machine.h"

#include <math.h>
#include <string.h>

static struct kerf_catalog catalog = {.root = KERF_SOURCE_DIR "/models/catalog", .comm = MPI_COMM_NULL};

struct setting {
    struct kerf_layer_list layers;
    struct kerf_training_machine machine;
    struct kerf_image_job job;
};

static void set_up(struct setting *s, const char *network, const char *hardware, const char *stack)
{
    struct kerf_network dims = {0};
    struct kerf_yaml *yaml = NULL;
    struct kerf_error error = {0};
    struct kerf_training_entries *entries = malloc(sizeof *entries);
    assert_non_null(entries);
    if (kerf_catalog_load(&catalog, "networks", network, &yaml, &error) != KERF_OK ||
        kerf_network_read(yaml, &dims, &error) != KERF_OK ||
        kerf_training_entries_read(&catalog, hardware, entries, &error) != KERF_OK)
        fail_msg("%s", error.message);
    kerf_yaml_free(yaml);
    kerf_network_layers(&dims, &s->layers);
    kerf_training_entries_fill(entries, KERF_COLUMN_NOMINAL, &s->machine);
    free(entries);
    s->job = (struct kerf_image_job){.layers = &s->layers, .stack = kerf_image_stack_find(stack)};
    assert_non_null(s->job.stack);
}

static struct kerf_image_step run(struct setting *s, double gpus, double images)
{
    struct kerf_image_step step;
    struct kerf_error error = {0};
    s->job.gpus = gpus;
    s->job.images = images;
    if (kerf_image_step(&s->machine, &s->job, &step, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return step;
}

static void assert_parts_sum(const struct kerf_image_step *step)
{
    double sum = 0.0;
    for (int part = 0; part < KERF_IMAGE_PARTS; part++) {
        assert_true(step->part_s[part] >= 0.0);
        sum += step->part_s[part];
    }
    assert_true(fabs(sum / step->step_s - 1.0) < 1e-12);
}

/* One GPU exchanges nothing; the parts add up; rates follow from the step. */
static void test_one_gpu(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s, "resnet50", "h100-sxm", "image-graph");
    struct kerf_image_step step = run(&s, 1, 128);
    assert_parts_sum(&step);
    assert_true(step.part_s[KERF_IMAGE_DATA] == 0.0 && step.part_s[KERF_IMAGE_OVERLAP] == 0.0);
    assert_true(step.part_s[KERF_IMAGE_INPUT] == 0.0 && step.part_s[KERF_IMAGE_RECOMPUTE] == 0.0);
    assert_true(step.images_per_s == 128.0 / step.step_s);
    assert_true(fabs(step.mfu / (step.model_flops_gpu / s.machine.gpu.peak_16bit_flops) - 1.0) < 1e-12);
}

/* More GPUs for the same images: a shorter step, at a lower rate per GPU. */
static void test_strong_scaling(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s, "resnet50", "h100-sxm", "image-graph");
    struct kerf_image_step last = run(&s, 8, 32768);
    for (double gpus = 16; gpus <= 2048; gpus *= 2) {
        struct kerf_image_step step = run(&s, gpus, 32768);
        assert_parts_sum(&step);
        assert_true(step.step_s < last.step_s && step.mfu < last.mfu);
        last = step;
    }
}

/* Hosts that prepare fewer images than GPUs take set the pace, to the image, and the waiting is shown; more
 * of them than needed change nothing. */
static void test_input_bound(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s, "vit-b-16", "h100-sxm", "image-graph");
    struct kerf_image_step free_running = run(&s, 8, 1024);
    s.job.input_images_per_s = 0.25 * free_running.images_per_s;
    struct kerf_image_step starved = run(&s, 8, 1024);
    assert_true(fabs(starved.images_per_s / s.job.input_images_per_s - 1.0) < 1e-12);
    assert_true(fabs(starved.part_s[KERF_IMAGE_INPUT] / (starved.step_s - free_running.step_s) - 1.0) < 1e-9);
    s.job.input_images_per_s = 4.0 * free_running.images_per_s;
    assert_true(run(&s, 8, 1024).step_s == free_running.step_s);
}

/* Activations that do not fit together go in micro-batches; where one image's do not fit, blocks are computed
 * again; a state that does not fit anywhere is refused with the numbers. */
static void test_memory(void **state)
{
    (void)state;
    struct setting s;
    struct kerf_image_step step;
    struct kerf_error error = {0};
    set_up(&s, "sdxl-unet", "h100-sxm", "diffusion-graph");
    step = run(&s, 8, 8 * 64);
    assert_true(step.micro_batches > 1.0 && step.used_bytes < step.capacity_bytes && !step.sharded);
    assert_true(step.part_s[KERF_IMAGE_RECOMPUTE] == 0.0);
    set_up(&s, "wan-2.1-14b", "b200-hgx", "diffusion-graph");
    step = run(&s, 32, 64);
    assert_true(step.part_s[KERF_IMAGE_RECOMPUTE] > 0.0 && step.used_bytes < step.capacity_bytes);
    set_up(&s, "flux.1-dev", "h100-sxm", "diffusion-graph");
    assert_true(run(&s, 64, 64).sharded);
    s.job.gpus = s.job.images = 1.0;
    assert_int_equal(kerf_image_step(&s.machine, &s.job, &step, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "GB of weights and states"));
}

/* Kernels that the host launches one by one hold up small batches, not large ones. */
static void test_host_bound(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s, "sd-v2-unet", "h100-sxm", "diffusion-2023");
    assert_true(run(&s, 8, 8).part_s[KERF_IMAGE_HOST] > 0.0);
    assert_true(run(&s, 8, 8 * 32).part_s[KERF_IMAGE_HOST] == 0.0);
    s.job.stack = kerf_image_stack_find("diffusion-graph");
    assert_true(run(&s, 8, 8).part_s[KERF_IMAGE_HOST] == 0.0);
}

/* Published: MLPerf Training v4.0, ResNet-50, 3,200 images on 8 H100: 55.85 ms a step (mlcommons/
 * training_results_v4.0, NVIDIA, eos_ngc24.04_mxnet). Nothing was fitted to it. */
static void test_resnet_of_mlperf(void **state)
{
    (void)state;
    struct setting s;
    set_up(&s, "resnet50", "h100-sxm", "image-graph");
    double step_s = run(&s, 8, 3200).step_s;
    print_message("ResNet-50 on 8 H100, 3,200 images: %.1f ms, measured 55.9 ms\n", 1e3 * step_s);
    assert_true(fabs(step_s / 55.85e-3 - 1.0) < 0.15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_gpu),     cmocka_unit_test(test_strong_scaling),
        cmocka_unit_test(test_input_bound), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_host_bound),  cmocka_unit_test(test_resnet_of_mlperf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
