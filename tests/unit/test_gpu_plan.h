/* What the tests of replicas of GPUs share: a network and a GPU of the catalog as a plan, and passes. */
#ifndef KERF_TEST_GPU_PLAN_H
#define KERF_TEST_GPU_PLAN_H

#include "test_gpu_params.h"

#include "models/node/gpu_node.h"
#include "sim/io/catalog_network.h"

#include <math.h>
#include <string.h>

static inline struct kerf_network network_named(const char *name)
{
    char path[512], *text = NULL;
    struct kerf_error error = {0};
    struct kerf_yaml *yaml = NULL;
    struct kerf_network network;
    snprintf(path, sizeof path, "%s/models/catalog/networks/%s.yaml", KERF_SOURCE_DIR, name);
    if (kerf_text_file_read(MPI_COMM_NULL, path, &text, &error) != KERF_OK ||
        kerf_yaml_parse(text, path, &yaml, &error) != KERF_OK ||
        kerf_network_read(yaml, &network, &error) != KERF_OK)
        fail_msg("%s", error.message);
    kerf_yaml_free(yaml);
    free(text);
    return network;
}

static inline struct kerf_gpu_plan unplanned(const struct kerf_network *network, const char *gpu,
                                             enum kerf_column column)
{
    struct kerf_gpu_plan plan = {
        .gpu = read_gpu(gpu, column), .kv = KERF_FORMAT_BF16, .activations = KERF_FORMAT_BF16};
    struct kerf_leaf_set *set = malloc(sizeof *set), *library = malloc(sizeof *library);
    assert_true(set && library);
    read_leaves("hardware", gpu, &kerf_gpu_leaves, set);
    read_leaves("collectives", set->collectives, &kerf_collective_leaves, library);
    kerf_leaf_set_fill(library, column, &plan.exchange.library);
    free(set);
    free(library);
    struct kerf_cluster cluster = kerf_gpu_cluster(&plan.gpu);
    kerf_gpu_exchange_links(&plan.exchange, &cluster);
    plan.exchange.own_all_reduce = true;
    struct kerf_weight_formats formats = kerf_network_native_formats(network);
    kerf_decoder_operators(network, &formats, &plan.list);
    return plan;
}

/* A layout that says nothing of a pipeline has one stage. */
static inline struct kerf_gpu_layout in_one_stage(struct kerf_gpu_layout layout)
{
    layout.pipeline = layout.pipeline > 0 ? layout.pipeline : 1;
    return layout;
}

static inline struct kerf_gpu_plan planned(const struct kerf_network *network, const char *gpu,
                                           enum kerf_column column, struct kerf_gpu_layout layout)
{
    struct kerf_gpu_plan plan = unplanned(network, gpu, column);
    struct kerf_error error = {0};
    layout = in_one_stage(layout);
    if (kerf_gpu_plan_make(&plan, network, &layout, 1000, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return plan;
}

static inline struct kerf_pass tokens_of(double decode, double prefill, double context)
{
    return (struct kerf_pass){.decode = {decode, decode, decode * context, decode * context},
                              .prefill = {prefill, prefill > 0.0, prefill * prefill / 2.0, prefill},
                              .logit_tokens = decode + (prefill > 0.0),
                              .kv = KERF_FORMAT_BF16,
                              .activations = KERF_FORMAT_BF16};
}

#endif
