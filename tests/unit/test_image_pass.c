/* Passes of images through whole networks at inference: memory, mappings, steps. */
#include "models/device/gpu.h"
#include "models/device/image_pass.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/catalog_entries.h"

static void layers_of(const char *name, struct kerf_layer_list *list)
{
    struct kerf_network network = network_named(name);
    kerf_network_layers(&network, list);
}

static struct kerf_gpu_params read_gpu(const char *name)
{
    struct kerf_gpu_params gpu;
    leaves_in_column("hardware", name, &kerf_gpu_leaves, KERF_COLUMN_NOMINAL, &gpu);
    return gpu;
}

static struct kerf_image_pass on_wafer(const struct kerf_wafer_params *wafer, const char *name, double images,
                                       enum kerf_image_mapping mapping)
{
    struct kerf_layer_list list;
    struct kerf_image_pass pass;
    struct kerf_error error = {0};
    layers_of(name, &list);
    if (kerf_wafer_image_pass(wafer, &list, images, mapping, &pass, &error) != KERF_OK)
        fail_msg("%s", error.message);
    double sum = 0.0;
    for (int part = 0; part < KERF_TIME_PARTS; part++)
        sum += pass.cost.part_s[part];
    assert_true(fabs(sum / pass.cost.latency_s - 1.0) < 1e-9);
    assert_true(pass.interval_s <= pass.cost.latency_s);
    return pass;
}

/* On a rectangle of its own a layer takes longer, but the next image need not wait for the last: more images
 * a second when they come one by one, a longer way for each. */
static void test_pipelined_layers(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    static const char *const networks[] = {"resnet50", "vit-b-16", "swin-b"};
    for (int n = 0; n < 3; n++) {
        struct kerf_image_pass turn = on_wafer(&wafer, networks[n], 1, KERF_MAPPING_SEQUENTIAL);
        struct kerf_image_pass row = on_wafer(&wafer, networks[n], 1, KERF_MAPPING_PIPELINED);
        assert_true(row.interval_s < turn.interval_s);
        assert_true(row.cost.latency_s > turn.cost.latency_s);
    }
}

/* A pipeline of n images takes its way once and n - 1 intervals. */
static void test_images_in_a_row(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_image_pass one = on_wafer(&wafer, "vit-b-16", 1, KERF_MAPPING_PIPELINED);
    struct kerf_image_pass many = on_wafer(&wafer, "vit-b-16", 9, KERF_MAPPING_PIPELINED);
    double more_s = many.cost.latency_s - one.cost.latency_s;
    double input_s = 8.0 * 224.0 * 224.0 * 3.0 * 2.0 / wafer.io_Bps;
    assert_true(fabs((more_s - input_s) / (8.0 * one.interval_s) - 1.0) < 1e-9);
}

/* A wafer that cannot hold the weights beside the activations draws them in each pass, and says so; the pass
 * is no shorter than that takes. */
static void test_weights_that_do_not_fit(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_layer_list list;
    struct kerf_image_pass pass;
    struct kerf_error error = {0};
    assert_true(!on_wafer(&wafer, "flux.1-dev", 1, KERF_MAPPING_SEQUENTIAL).streams);
    pass = on_wafer(&wafer, "wan-2.1-14b", 1, KERF_MAPPING_SEQUENTIAL);
    assert_true(pass.cost.latency_s >= pass.weight_bytes / wafer.io_Bps || !pass.streams);
    wafer.sram_bytes = 20e9;
    pass = on_wafer(&wafer, "flux.1-dev", 1, KERF_MAPPING_SEQUENTIAL);
    assert_true(pass.streams && pass.cost.latency_s >= pass.weight_bytes / wafer.io_Bps);
    layers_of("flux.1-dev", &list);
    assert_int_equal(kerf_wafer_image_pass(&wafer, &list, 1, KERF_MAPPING_PIPELINED, &pass, &error),
                     KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "pipelined layers stay on the wafer"));
    wafer.sram_bytes = 1e9;
    assert_int_equal(kerf_wafer_image_pass(&wafer, &list, 64, KERF_MAPPING_SEQUENTIAL, &pass, &error),
                     KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "GB of activations of 64 images do not fit"));
}

/* A GPU holds weights and activations or refuses, with the numbers; narrower weights are fewer bytes. */
static void test_gpu_memory(void **state)
{
    (void)state;
    struct kerf_gpu_params gpu = read_gpu("h100-sxm");
    struct kerf_layer_list list;
    struct kerf_image_pass wide, narrow;
    struct kerf_error error = {0};
    layers_of("flux.1-dev", &list);
    assert_int_equal(kerf_gpu_image_pass(&gpu, &list, 1, KERF_FORMAT_BF16, &wide, &error), KERF_OK);
    assert_int_equal(kerf_gpu_image_pass(&gpu, &list, 1, KERF_FORMAT_FP8, &narrow, &error), KERF_OK);
    assert_true(fabs(wide.weight_bytes / narrow.weight_bytes - 2.0) < 1e-9);
    assert_true(narrow.cost.latency_s < wide.cost.latency_s);
    assert_int_equal(kerf_gpu_image_pass(&gpu, &list, 4096, KERF_FORMAT_BF16, &wide, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "do not fit into 73.6 GB of a GPU"));
}

/* Steps of a denoising follow each other. */
static void test_steps(void **state)
{
    (void)state;
    const struct kerf_image_pass pass = {.cost = {.latency_s = 2.0}, .interval_s = 0.5};
    struct kerf_image_run run = kerf_image_steps(&pass, 50.0, 0.25);
    assert_true(run.batch_s == 50.0 * 2.25 && run.between_s == 25.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipelined_layers),
        cmocka_unit_test(test_images_in_a_row),
        cmocka_unit_test(test_weights_that_do_not_fit),
        cmocka_unit_test(test_gpu_memory),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
