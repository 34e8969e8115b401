/* Layers of vision and diffusion networks on a rectangle of PEs: the closed form of a dealt product, and what
 * holds for every layer. */
#include "models/device/wafer_layer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/catalog_entries.h"

static const char *const networks[] = {"resnet50", "vit-b-16",  "swin-b",     "unet3d-kits19",
                                       "dit-xl-2", "sdxl-unet", "flux.1-dev", "retinanet-resnext50-mlperf"};
enum { NETWORKS = sizeof networks / sizeof networks[0] };

static struct kerf_layer_list layers_of(const char *name)
{
    struct kerf_catalog catalog = {.root = KERF_SOURCE_DIR "/models/catalog", .comm = MPI_COMM_NULL};
    struct kerf_network network = {0};
    struct kerf_yaml *yaml = NULL;
    struct kerf_error error = {0};
    struct kerf_layer_list list;
    if (kerf_catalog_load(&catalog, "networks", name, &yaml, &error) != KERF_OK ||
        kerf_network_read(yaml, &network, &error) != KERF_OK)
        fail_msg("%s", error.message);
    kerf_yaml_free(yaml);
    kerf_network_layers(&network, &list);
    return list;
}

static struct kerf_slice whole(const struct kerf_wafer_params *wafer)
{
    return (struct kerf_slice){.pe_rows = wafer->pe_rows, .pe_columns = wafer->pe_columns};
}

static double layers_s(const struct kerf_wafer_params *wafer, const char *network, double images,
                       enum kerf_layer_direction direction)
{
    struct kerf_layer_list list = layers_of(network);
    const struct kerf_layer_pass pass = {images, direction, KERF_FORMAT_BF16, KERF_FORMAT_BF16};
    struct kerf_slice slice = whole(wafer);
    return kerf_device_layers_cost(&kerf_wafer_device, wafer, &list, &pass, &slice).latency_s;
}

/* By hand: 3,200 positions of 32 channels into 48, 3 x 3, on 16 x 10 PEs. With Pk = 1, 20 positions a PE and
 * 9 x 32 x 48 instructions of 0.4 c_call + 20 / v; no sums to send, and a border of 2 x 2 sqrt(20) + 4
 * pixels. The form takes that or something faster. */
static void test_dealt_product_by_hand(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_rectangle rectangle = {16, 10};
    double call = wafer.gemm_call_fraction * wafer.axpy_call_cycles;
    double by_hand = 9.0 * 32.0 * 48.0 * (call + 20.0 / wafer.simd_fp16_mac_per_cycle) +
                     32.0 * (4.0 * sqrt(20.0) + 4.0) / 2.0 + 2.0 * (wafer.hop_cycles + wafer.ramp_cycles);
    struct kerf_cycles cost = kerf_wafer_dealt_product(&wafer, rectangle, 3200, 32, 48, 9);
    assert_true(kerf_cycles_total(&cost) <= by_hand * (1.0 + 1e-12));
    /* one channel cannot be cut: this is the only choice */
    struct kerf_cycles thin = kerf_wafer_dealt_product(&wafer, rectangle, 3200, 1, 48, 1);
    assert_true(fabs(kerf_cycles_total(&thin) / (48.0 * (call + 20.0 / wafer.simd_fp16_mac_per_cycle)) -
                     1.0) < 1e-12);
}

/* No form multiplies faster than all PEs at the rate that a kernel sustains. */
static void test_no_faster_than_the_units(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    double least_s_per_mac =
        1.0 / (wafer.pe_rows * wafer.pe_columns * wafer.simd_fp16_mac_per_cycle * wafer.clock_Hz);
    for (int n = 0; n < NETWORKS; n++) {
        struct kerf_layer_list list = layers_of(networks[n]);
        double macs = kerf_layers_macs(&list);
        assert_true(layers_s(&wafer, networks[n], 64, KERF_LAYERS_INFER) > 64.0 * macs * least_s_per_mac);
    }
}

/* Parts sum to the latency; frozen layers and no images cost nothing. */
static void test_parts_sum(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    struct kerf_slice slice = whole(&wafer);
    for (int n = 0; n < NETWORKS; n++) {
        struct kerf_layer_list list = layers_of(networks[n]);
        for (int i = 0; i < list.count; i++) {
            struct kerf_layer_pass pass = {4, KERF_LAYERS_BACKWARD, KERF_FORMAT_BF16, KERF_FORMAT_BF16};
            struct kerf_cost cost = kerf_wafer_device.layer_cost(&wafer, &list.layer[i], &pass, &slice);
            double sum = 0.0;
            for (int part = 0; part < KERF_TIME_PARTS; part++)
                sum += cost.part_s[part];
            assert_true(fabs(sum - cost.latency_s) <= 1e-12 * cost.latency_s);
            assert_true(list.layer[i].frozen ? cost.latency_s == 0.0 : cost.latency_s >= 0.0);
            pass.images = 0.0;
            assert_true(kerf_wafer_device.layer_cost(&wafer, &list.layer[i], &pass, &slice).latency_s == 0.0);
        }
    }
}

/* More images take longer, but less each; backward is dearer than forward. */
static void test_batches(void **state)
{
    (void)state;
    struct kerf_wafer_params wafer = wafer_named("cs-3");
    for (int n = 0; n < NETWORKS; n++) {
        double one = layers_s(&wafer, networks[n], 1, KERF_LAYERS_FORWARD);
        double many = layers_s(&wafer, networks[n], 64, KERF_LAYERS_FORWARD);
        assert_true(many > one && many < 64.0 * one);
        double back = layers_s(&wafer, networks[n], 64, KERF_LAYERS_BACKWARD);
        assert_true(back > 1.4 * many && back < 3.0 * many);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dealt_product_by_hand),
        cmocka_unit_test(test_no_faster_than_the_units),
        cmocka_unit_test(test_parts_sum),
        cmocka_unit_test(test_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
