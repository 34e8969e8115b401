/* How long the closed forms of a whole network on a wafer cluster take: every stage's operators, no two
 * passes alike, so that no cost is remembered.
 *
 *     build/bench/bench_wafer [--network NAME] [--wafers N] [--passes N] */
#include "models/node/wafer_node.h"
#include "sim/io/catalog.h"
#include "sim/io/catalog_network.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static enum kerf_status load(struct kerf_catalog *catalog, const char *name, struct kerf_network *network,
                             struct kerf_leaf_set *hardware, struct kerf_error *error)
{
    struct kerf_yaml *yaml;
    KERF_TRY(kerf_catalog_load(catalog, "networks", name, &yaml, error));
    enum kerf_status status = kerf_network_read(yaml, network, error);
    kerf_yaml_free(yaml);
    KERF_TRY(status);
    KERF_TRY(kerf_catalog_load(catalog, "hardware", "cs-3", &yaml, error));
    status = kerf_leaf_set_read(yaml, &kerf_wafer_leaves, hardware, error);
    kerf_yaml_free(yaml);
    return status;
}

/* Contexts grow by a block each time: the memo of the plan knows none of them. */
static void measure(struct kerf_wafer_plan *plan, const char *name, int passes)
{
    double sum_s = 0.0, start_s = cpu_s();
    for (int i = 0; i < passes; i++) {
        double context = 128.0 * (1.0 + i);
        struct kerf_pass pass = {
            .decode = {.tokens = 1.0, .sequences = 1.0, .attended = context, .context_tokens = context},
            .logit_tokens = 1.0,
            .kv = plan->kv,
            .activations = plan->activations};
        sum_s += kerf_wafer_pipeline_s(plan, &pass);
    }
    double each_us = 1e6 * (cpu_s() - start_s) / passes;
    printf("network=%s wafers=%d stages=%d shapes=%d passes=%d us_per_evaluation=%.2f mean_token_us=%.1f\n",
           name, plan->placement.wafers, plan->placement.stages, plan->shapes, passes, each_us,
           1e6 * sum_s / passes);
}

static enum kerf_status bench(const char *name, int wafers, int passes, struct kerf_error *error)
{
    static const char *const places[] = {KERF_SOURCE_DIR "/models/catalog", NULL};
    struct kerf_catalog catalog;
    struct kerf_network network;
    struct kerf_leaf_set *hardware = malloc(sizeof *hardware);
    KERF_CHECK(hardware, KERF_ERR_FAILURE, "out of memory");
    enum kerf_status status = kerf_catalog_open(&catalog, MPI_COMM_NULL, places, error);
    if (status == KERF_OK)
        status = load(&catalog, name, &network, hardware, error);
    if (status == KERF_OK) {
        struct kerf_wafer_plan plan = {.wafer_name = "cs-3",
                                       .network_name = name,
                                       .kv = KERF_FORMAT_BF16,
                                       .activations = KERF_FORMAT_BF16,
                                       .kv_block_tokens = 128.0,
                                       .d_model = network.decoder.d_model};
        struct kerf_weight_formats formats = kerf_network_native_formats(&network);
        kerf_leaf_set_fill(hardware, KERF_COLUMN_NOMINAL, &plan.wafer);
        kerf_decoder_operators(&network, &formats, &plan.list);
        status = kerf_wafer_plan_make(&plan, wafers, 1e4, error);
        if (status == KERF_OK)
            measure(&plan, name, passes);
        kerf_wafer_plan_free(&plan);
    }
    free(hardware);
    return status;
}

int main(int argc, char **argv)
{
    const char *network = "kimi-k2.6";
    int wafers = 20, passes = 20000;
    struct kerf_error error = {0};
    for (int i = 1; i < argc; i++) {
        bool last = i + 1 == argc;
        if (!last && strcmp(argv[i], "--network") == 0)
            network = argv[++i];
        else if (!last && strcmp(argv[i], "--wafers") == 0)
            wafers = atoi(argv[++i]);
        else if (!last && strcmp(argv[i], "--passes") == 0)
            passes = atoi(argv[++i]);
        else {
            fprintf(stderr, "bench_wafer: %s: options are --network NAME, --wafers N, --passes N\n", argv[i]);
            return 2;
        }
    }
    MPI_Init(&argc, &argv);
    enum kerf_status status = bench(network, wafers, passes > 0 ? passes : 1, &error);
    if (status != KERF_OK)
        fprintf(stderr, "bench_wafer: %s\n", error.message);
    MPI_Finalize();
    return status == KERF_OK ? 0 : 1;
}
