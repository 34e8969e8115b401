/* The layers of every vision and diffusion network are the network that is counted, and do the arithmetic
 * that is published. */
#include "models/network/count.h"
#include "models/network/layer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/catalog_entries.h"

static struct kerf_layer_list layers_of(const char *name)
{
    struct kerf_network network = network_named(name);
    struct kerf_layer_list list;
    kerf_network_layers(&network, &list);
    return list;
}

static double gigamacs(const char *name, bool with_attention)
{
    struct kerf_layer_list list = layers_of(name);
    double products = 0.0;
    for (int i = 0; i < list.count; i++)
        if (list.layer[i].kind == KERF_LAYER_ATTENTION)
            products += list.layer[i].times * kerf_layer_macs(&list.layer[i]);
    return (kerf_layers_macs(&list) - (with_attention ? 0.0 : products)) * 1e-9;
}

/* Parameters of the list are those of the counter, one for one, and so are the multiply-accumulates; the list
 * has room to spare. */
static void test_lists_are_what_is_counted(void **state)
{
    (void)state;
    struct kerf_catalog_names names = all_networks();
    int vision = 0;
    for (int i = 0; i < names.count; i++) {
        struct kerf_network network = network_named(names.name[i]);
        struct kerf_network_count count = kerf_network_count(&network);
        struct kerf_layer_list list;
        kerf_network_layers(&network, &list);
        if (network.family == KERF_FAMILY_DECODER) {
            assert_int_equal(list.count, 0);
            continue;
        }
        vision++;
        print_message("%-28s %4d layers %14.0f parameters %10.2f GMAC, %7.2f M elements kept\n",
                      names.name[i], list.count, kerf_layers_parameters(&list),
                      kerf_layers_macs(&list) * 1e-9, kerf_layers_kept_elements(&list) * 1e-6);
        assert_true(list.count > 10 && list.count < KERF_LAYERS_MAX);
        assert_true(kerf_layers_parameters(&list) == count.params);
        assert_true(fabs(kerf_layers_macs(&list) / count.forward_macs - 1.0) < 1e-12);
    }
    assert_true(vision >= 13);
}

/* Multiply-accumulates of a pass against published figures. The counters behind some of them see modules and
 * so miss the products of attention. */
static void test_macs_agree_with_published(void **state)
{
    (void)state;
    static const struct {
        const char *network;
        double GMAC, tolerance;
        bool with_attention;
        const char *source;
    } figures[] = {
        {"resnet50", 4.089, 0.01, true, "torchvision documentation"},
        {"vit-b-16", 17.56, 0.02, true, "torchvision documentation"},
        {"vit-h-14", 167.3, 0.02, true, "torchvision documentation"},
        {"swin-b", 15.43, 0.02, true, "torchvision documentation"},
        {"dit-xl-2", 118.6, 0.02, true, "arXiv 2212.09748 table 4"},
        {"sdxl-unet", 3000.0, 0.02, false, "about 6 TFLOP a step at 1024, as hooks on modules count"},
        {"sd-v2-unet", 339.0, 0.02, false, "BK-SDM, arXiv 2305.15798 table 2: 339 G, of v1 and v2 alike"},
        {"flux.1-schnell-256", 20300.0 / 6.0, 0.02, true,
         "mlcommons/training_results_v5.1: MODEL_TFLOP_PER_SAMPLE"},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        double counted = gigamacs(figures[i].network, figures[i].with_attention);
        print_message("%-20s %10.1f GMAC, published %10.1f (%s)\n", figures[i].network, counted,
                      figures[i].GMAC, figures[i].source);
        assert_true(fabs(counted / figures[i].GMAC - 1.0) < figures[i].tolerance);
    }
}

/* ResNeXt-50 32x4d has 25,028,904 parameters and 4.23 GMAC (torchvision documentation): a ResNet with groups.
 */
static void test_groups_make_a_resnext(void **state)
{
    (void)state;
    struct kerf_network network = {.family = KERF_FAMILY_RESNET,
                                   .vision = {.image = 224,
                                              .stages = {3, 4, 6, 3},
                                              .stage_widths = {128, 256, 512, 1024},
                                              .expansion = 2,
                                              .groups = 32,
                                              .classes = 1000}};
    struct kerf_layer_list list;
    kerf_network_layers(&network, &list);
    assert_true(kerf_layers_parameters(&list) == 25028904.0);
    assert_true(fabs(kerf_layers_macs(&list) / 4.23e9 - 1.0) < 0.01);
}

/* What is frozen is not trained: the stem and the first stage of the detector, 9 k and 0.2 M weights. */
static void test_frozen_layers_are_not_trained(void **state)
{
    (void)state;
    struct kerf_layer_list list = layers_of("retinanet-resnext50-mlperf");
    double frozen = kerf_layers_parameters(&list) - kerf_layers_trained_parameters(&list);
    double stem = 7.0 * 7.0 * 3.0 * 64.0;
    double block = 256.0 * 128.0 + 9.0 * 128.0 * 128.0 / 32.0 + 128.0 * 256.0;
    double stage = 64.0 * 128.0 + block - 256.0 * 128.0 + 64.0 * 256.0 + 2.0 * block;
    assert_true(frozen == stem + stage);
    list = layers_of("resnet50");
    assert_true(kerf_layers_parameters(&list) == kerf_layers_trained_parameters(&list));
}

/* Channels, positions and elements of neighbours fit: what a convolution of ResNet-50 writes is what its norm
 * reads, and the last pixels are 7 x 7 of 2,048 channels. */
static void test_neighbours_fit(void **state)
{
    (void)state;
    struct kerf_layer_list list = layers_of("resnet50");
    int norms = 0;
    for (int i = 0; i < list.count; i++) {
        const struct kerf_layer *layer = &list.layer[i];
        if (layer->kind == KERF_LAYER_BATCH_NORM) {
            assert_true(layer->elements_in == list.layer[i - 1].elements_out);
            norms += (int)layer->times;
        }
        if (strcmp(layer->name, "mean_pool") == 0)
            assert_true(layer->elements_in == 7.0 * 7.0 * 2048.0);
    }
    assert_int_equal(norms, 53);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_are_what_is_counted),
        cmocka_unit_test(test_macs_agree_with_published),
        cmocka_unit_test(test_groups_make_a_resnext),
        cmocka_unit_test(test_frozen_layers_are_not_trained),
        cmocka_unit_test(test_neighbours_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
