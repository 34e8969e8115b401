/* Sensitivities of a lone user's speed on wafers. */
#include "sim/study/sensitivity.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct bench {
    struct kerf_catalog catalog;
    struct kerf_scenario scenario;
    struct kerf_network network;
    struct kerf_system system;
    struct kerf_sensitivity found;
};

static struct bench *bench_of(const char *network, const char *hardware, int count)
{
    struct bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    struct kerf_error error = {0};
    static const char *const places[] = {KERF_SOURCE_DIR "/models/catalog", NULL};
    struct kerf_yaml *yaml = NULL;
    struct kerf_system_spec *spec = &bench->scenario.system[0];
    char text[512];
    snprintf(text, sizeof text, "network: %s\nsystems:\n  a: {hardware: %s, count: %d}\n", network, hardware,
             count);
    if (kerf_catalog_open(&bench->catalog, MPI_COMM_NULL, places, &error) != KERF_OK ||
        kerf_yaml_parse(text, "test.yaml", &yaml, &error) != KERF_OK ||
        kerf_scenario_read(yaml, &bench->scenario, &error) != KERF_OK ||
        kerf_system_network(&bench->catalog, network, &bench->network, &error) != KERF_OK ||
        kerf_system_open(&bench->catalog, &bench->scenario, spec, &bench->network, &bench->system, &error) !=
            KERF_OK)
        fail_msg("%s", error.message);
    kerf_yaml_free(yaml);
    return bench;
}

static void find(struct bench *bench)
{
    struct kerf_error error;
    if (kerf_sensitivity_find(&bench->system, &bench->scenario, &bench->found, &error) != KERF_OK)
        fail_msg("%s", error.message);
}

static const struct kerf_leaf_effect *effect_named(const struct bench *bench, const char *key)
{
    for (int i = 0; i < bench->found.effects; i++)
        if (strcmp(bench->found.effect[i].key, key) == 0)
            return &bench->found.effect[i];
    fail_msg("no leaf %s", key);
    return NULL;
}

/* A token's time is cycles over the clock, latencies, and bytes over bandwidth: the shares add up to one. */
static void test_elasticities_of_times_and_rates_add_up_to_one(void **state)
{
    (void)state;
    struct bench *bench = bench_of("llama-3.1-70b", "cs-3", 5);
    find(bench);
    double rates = effect_named(bench, "clock_Hz")->elasticity + effect_named(bench, "io_Bps")->elasticity;
    double times =
        effect_named(bench, "io_latency_s")->elasticity + effect_named(bench, "token_overhead_s")->elasticity;
    assert_true(fabs(rates - times - 1.0) < 1e-3);
    free(bench);
}

static void test_the_interval_holds_every_leaf_moved_alone(void **state)
{
    (void)state;
    struct bench *bench = bench_of("llama-3.1-8b", "cs-3", 1);
    find(bench);
    const struct kerf_sensitivity *found = &bench->found;
    assert_true(found->least < found->speed && found->speed < found->most);
    for (int i = 0; i < found->effects; i++) {
        const struct kerf_leaf_effect *effect = &found->effect[i];
        if (isfinite(effect->at_low))
            assert_true(effect->at_low >= found->least && effect->at_low <= found->most);
        if (isfinite(effect->at_high))
            assert_true(effect->at_high >= found->least && effect->at_high <= found->most);
    }
    free(bench);
}

/* Finding them moves leaves of a copy: the system answers the same again. */
static void test_the_system_is_left_as_it_was(void **state)
{
    (void)state;
    struct bench *bench = bench_of("llama-3.1-8b", "cs-2", 1);
    find(bench);
    double speed = bench->found.speed, most = bench->found.most;
    find(bench);
    assert_true(bench->found.speed == speed && bench->found.most == most);
    free(bench);
}

static void test_GPUs_are_refused(void **state)
{
    (void)state;
    struct bench *bench = bench_of("llama-3.1-8b", "b200-hgx", 1);
    struct kerf_error error;
    assert_int_equal(kerf_sensitivity_find(&bench->system, &bench->scenario, &bench->found, &error),
                     KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "b200-hgx"));
    free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elasticities_of_times_and_rates_add_up_to_one),
        cmocka_unit_test(test_the_interval_holds_every_leaf_moved_alone),
        cmocka_unit_test(test_the_system_is_left_as_it_was),
        cmocka_unit_test(test_GPUs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
