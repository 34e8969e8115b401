/* What the GPU tests share: the leaves of a catalog file as parameters, and small operators and passes. */
#ifndef KERF_TEST_GPU_PARAMS_H
#define KERF_TEST_GPU_PARAMS_H

#include "models/device/device.h"
#include "models/device/gpu.h"
#include "sim/io/catalog.h"
#include "sim/io/text_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static inline void read_leaves(const char *section, const char *name, const struct kerf_leaf_table *table,
                               struct kerf_leaf_set *set)
{
    char path[512], *text = NULL;
    struct kerf_error error = {0};
    struct kerf_yaml *yaml = NULL;
    snprintf(path, sizeof path, "%s/models/catalog/%s/%s.yaml", KERF_SOURCE_DIR, section, name);
    if (kerf_text_file_read(MPI_COMM_NULL, path, &text, &error) != KERF_OK ||
        kerf_yaml_parse(text, path, &yaml, &error) != KERF_OK ||
        kerf_leaf_set_read(yaml, table, set, &error) != KERF_OK)
        fail_msg("%s", error.message);
    kerf_yaml_free(yaml);
    free(text);
}

static inline struct kerf_gpu_params read_gpu(const char *name, enum kerf_column column)
{
    struct kerf_gpu_params gpu;
    struct kerf_leaf_set *set = malloc(sizeof *set);
    assert_non_null(set);
    read_leaves("hardware", name, &kerf_gpu_leaves, set);
    kerf_leaf_set_fill(set, column, &gpu);
    free(set);
    return gpu;
}

static inline struct kerf_slice whole(void)
{
    return (struct kerf_slice){.tensor_parallel = 1.0, .expert_parallel = 1.0, .expert_tensor_parallel = 1.0};
}

/* `sequences` sequences that each decode one token after `context` others. */
static inline struct kerf_pass decode_pass(double sequences, double context)
{
    return (struct kerf_pass){.decode = {.tokens = sequences,
                                         .sequences = sequences,
                                         .attended = sequences * (context + 1.0),
                                         .context_tokens = sequences * (context + 1.0)},
                              .logit_tokens = sequences,
                              .kv = KERF_FORMAT_BF16,
                              .activations = KERF_FORMAT_BF16};
}

static inline struct kerf_operator linear(enum kerf_format weights, double inputs, double outputs)
{
    return (struct kerf_operator){.kind = KERF_OP_LINEAR,
                                  .name = "linear",
                                  .weights = weights,
                                  .inputs = inputs,
                                  .outputs = outputs,
                                  .batch = 1.0,
                                  .weight_elements = inputs * outputs};
}

/* `experts` of which each token takes `top_k`, in the dimensions of Kimi K2. */
static inline struct kerf_operator kimi_experts(enum kerf_format weights, double experts, double top_k)
{
    return (struct kerf_operator){.kind = KERF_OP_EXPERTS,
                                  .shard = KERF_SHARD_EXPERTS,
                                  .name = "experts",
                                  .weights = weights,
                                  .inputs = 7168.0,
                                  .outputs = 7168.0,
                                  .batch = 1.0,
                                  .weight_elements = experts * 3.0 * 7168.0 * 2048.0,
                                  .experts = experts,
                                  .top_k = top_k,
                                  .expert_d_ff = 2048.0,
                                  .matrices_per_expert = 3.0};
}

static inline struct kerf_cost gpu_cost(const struct kerf_gpu_params *gpu, const struct kerf_operator *op,
                                        const struct kerf_pass *pass, struct kerf_slice slice)
{
    return kerf_gpu_device.operator_cost(gpu, op, pass, &slice);
}

/* `actual` is within `tolerance` (a fraction) of `expected`. */
static inline void assert_close(double actual, double expected, double tolerance)
{
    if (!(actual >= expected * (1.0 - tolerance) && actual <= expected * (1.0 + tolerance)))
        fail_msg("%.6g is not within %g %% of %.6g", actual, 100.0 * tolerance, expected);
}

#endif
