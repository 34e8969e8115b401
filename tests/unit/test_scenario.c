/* Scenario files are read with every default, checked with file and line, and printed so that they read back.
 */
#include "sim/io/scenario.h"

#include "models/workload/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "network: net\n"
#define SYSTEMS "systems:\n  one: {hardware: hw, count: 2}\n"

/* Reads `text` with overrides "path", "value", ..., NULL. */
static enum kerf_status read_scenario(const char *text, const char *const *overrides,
                                      struct kerf_scenario *scenario, struct kerf_error *error)
{
    struct kerf_yaml *yaml = NULL;
    enum kerf_status status = KERF_OK;
    KERF_TRY(kerf_yaml_parse(text, "file.yaml", &yaml, error));
    for (; overrides && overrides[0] && status == KERF_OK; overrides += 2)
        status = kerf_yaml_set(yaml, overrides[0], overrides[1], error);
    if (status == KERF_OK)
        status = kerf_scenario_read(yaml, scenario, error);
    kerf_yaml_free(yaml);
    return status;
}

static struct kerf_scenario *good(const char *text, const char *const *overrides)
{
    static struct kerf_scenario scenario;
    struct kerf_error error = {0};
    if (read_scenario(text, overrides, &scenario, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return &scenario;
}

/* The least that a scenario must say is a network and one system; the rest has defaults. */
static void the_least_scenario_has_every_default(void **unused)
{
    (void)unused;
    const struct kerf_scenario *scenario = good(HEAD SYSTEMS, NULL);
    const struct kerf_system_spec *one = &scenario->system[0];
    assert_string_equal(scenario->network, "net");
    assert_string_equal(scenario->baseline, "one");
    assert_int_equal(scenario->seed, 1);
    assert_int_equal(scenario->systems, 1);
    assert_int_equal(scenario->metrics, (1u << KERF_METRIC_COUNT) - 1);
    assert_string_equal(one->name, "one");
    assert_string_equal(one->title, "one");
    assert_string_equal(one->weights, "native");
    assert_string_equal(one->kv, "bf16");
    assert_string_equal(one->drafter, "none");
    assert_int_equal(one->count, 2);
    assert_int_equal(one->replicas, 1);
    assert_int_equal(one->workload.arrivals, KERF_ARRIVALS_CLOSED_LOOP);
    assert_int_equal(one->workload.users, 1);
    assert_true(one->workload.prompt_tokens == 10000 && one->workload.answer_tokens == 500);
}

/* A system has the common workload, except for what it says itself. */
static void a_system_overrides_the_common_workload(void **unused)
{
    (void)unused;
    const struct kerf_scenario *scenario =
        good(HEAD "workload: {users: 4, prompt_tokens: 100}\nsystems:\n"
                  "  one: {hardware: hw, count: 2}\n"
                  "  two: {hardware: hw, count: 2, workload: {arrivals: poisson, rate: 30 1/min, requests: "
                  "20, prompt_tokens: 7}}\n",
             NULL);
    const struct kerf_workload_spec *one = &scenario->system[0].workload,
                                    *two = &scenario->system[1].workload;
    assert_int_equal(one->requests, 4); /* one per user */
    assert_true(one->users == 4 && one->prompt_tokens == 100 && one->arrivals == KERF_ARRIVALS_CLOSED_LOOP);
    assert_true(two->users == 4 && two->prompt_tokens == 7 && two->arrivals == KERF_ARRIVALS_POISSON);
    assert_true(two->rate_per_s == 0.5);
    assert_string_equal(scenario->baseline, "two");
}

/* Metrics are shown as listed. */
static void metrics_are_those_listed(void **unused)
{
    (void)unused;
    const struct kerf_scenario *scenario = good(HEAD "metrics: [e2e, ttft]\n" SYSTEMS, NULL);
    assert_int_equal(scenario->metrics, 1u << KERF_METRIC_TTFT | 1u << KERF_METRIC_E2E);
}

/* What is wrong is refused with file, line, the path of the key, and a hint. */
static void bad_scenarios_are_refused_with_their_line(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {HEAD "netwrok: x\n" SYSTEMS,
         "file.yaml:2: scenario: unknown key 'netwrok'; did you mean 'network'?"},
        {SYSTEMS, "file.yaml:1: scenario: 'network' is missing (catalog entry of the neural network)"},
        {HEAD, "file.yaml: systems: missing"},
        {HEAD "systems: {}\n", "systems: a map of systems is wanted"},
        {HEAD "systems: [one]\n", "file.yaml:2: systems: a map of systems is wanted"},
        {HEAD "systems:\n  one: {hardware: hw, cuont: 2}\n",
         "file.yaml:3: systems.one: unknown key 'cuont'; did you mean 'count'?"},
        {HEAD "systems:\n  one: {hardware: hw}\n", "file.yaml:3: systems.one: 'count' is missing"},
        {HEAD "systems:\n  one: {count: 2}\n", "file.yaml:3: systems.one: 'hardware' is missing"},
        {HEAD "systems:\n  one: 20\n", "file.yaml:3: systems.one: a map of keys is wanted"},
        {HEAD "systems:\n  one:\n    hardware: hw\n    count: 0\n",
         "file.yaml:5: systems.one.count: must be between 1 and 100000"},
        {HEAD "systems:\n  one:\n    hardware: hw\n    count: -8\n",
         "file.yaml:5: systems.one.count: must be between 1 and 100000"},
        {HEAD "systems:\n  one:\n    hardware: hw\n    count: 3 GB\n",
         "file.yaml:5: systems.one.count: unit 'GB' does not fit"},
        {HEAD "systems:\n  one: {hardware: hw, count: 2, parallel: {tensors: 2}}\n",
         "file.yaml:3: systems.one.parallel: unknown key 'tensors'; did you mean 'tensor'?"},
        {HEAD "systems:\n  one: {hardware: hw, count: 2, parallel: 8}\n",
         "file.yaml:3: systems.one.parallel: a map of keys is wanted"},
        {HEAD "systems:\n  one: {hardware: hw, count: 2, speculation: {tokens: 33}}\n",
         "file.yaml:3: systems.one.speculation.tokens: must be between 0 and 32"},
        {HEAD "systems:\n  one: {hardware: hw, count: 2, scheduler: {token_budget: 0}}\n",
         "file.yaml:3: systems.one.scheduler.token_budget: must be between 1 and 1e+07"},
        {HEAD "systems:\n  one: {hardware: hw, count: 2, workload: {user: 2}}\n",
         "file.yaml:3: systems.one.workload: unknown key 'user'; did you mean 'users'?"},
        {HEAD "workload: {promt_tokens: 2}\n" SYSTEMS,
         "file.yaml:2: workload: unknown key 'promt_tokens'; did you mean 'prompt_tokens'?"},
        {HEAD "workload: {arrivals: poison}\n" SYSTEMS,
         "file.yaml:2: workload.arrivals: 'poison' is not a choice; did you mean 'poisson'?"},
        {HEAD "workload: {prompt_tokens: -5}\n" SYSTEMS,
         "file.yaml:2: workload.prompt_tokens: must be between 1 and 1e+07 token (got -5)"},
        {HEAD "workload: {prompt_tokens: 5 GB}\n" SYSTEMS,
         "file.yaml:2: workload.prompt_tokens: unit 'GB' does not fit: a unit of token is wanted"},
        {HEAD "workload: {rate: 10 parsec}\n" SYSTEMS, "file.yaml:2: workload.rate: unknown unit 'parsec'"},
        {HEAD "workload: {requests: -1}\n" SYSTEMS, "file.yaml:2: workload.requests: must be between 0"},
        {HEAD "workload: {rate: 2 1/s}\n" SYSTEMS,
         "file.yaml:2: workload.rate: has no effect when arrivals are closed-loop"},
        {HEAD "workload: {arrivals: poisson, users: 3, requests: 9}\n" SYSTEMS,
         "file.yaml:2: workload.users: has no effect when arrivals are poisson"},
        {HEAD "workload: {arrivals: poisson}\n" SYSTEMS, "a poisson load needs requests"},
        {HEAD "workload: {users: 4, requests: 3}\n" SYSTEMS, "3 requests leave some of the 4 users without"},
        {HEAD "workload: {length_ratio_least: 1.5}\n" SYSTEMS,
         "file.yaml:2: workload.length_ratio_least: must be between 0.001 and 1"},
        {HEAD "metrics: ttft\n" SYSTEMS, "file.yaml:2: metrics: a list is wanted, such as [ttft, tpot]"},
        {HEAD "metrics: [ttft, tbot]\n" SYSTEMS,
         "file.yaml:2: metrics: 'tbot' is not a metric; did you mean 'tpot'?"},
        {HEAD "baseline: on\n" SYSTEMS,
         "file.yaml:2: baseline: 'on' is not one of the systems; did you mean 'one'?"},
        {HEAD "columns: low\n" SYSTEMS, "columns: 'low' is not a choice"},
        {HEAD "seed: -1\n" SYSTEMS, "seed: must be between 0"},
        {HEAD "seed: 1e12\n" SYSTEMS, "seed: must be between 0"},
        {HEAD SYSTEMS "  one: {hardware: other, count: 3}\n", "file.yaml:4: YAML syntax: "},
        {"- just\n- a list\n", "file.yaml:1: scenario: a map of keys is wanted"},
        {"word\n", "file.yaml:1: scenario: a map of keys is wanted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct kerf_scenario scenario;
        struct kerf_error error = {0};
        enum kerf_status status = read_scenario(cases[i].text, NULL, &scenario, &error);
        if (status != KERF_ERR_USAGE || !strstr(error.message, cases[i].message))
            fail_msg("case %zu: status %d, '%s' does not say '%s'", i, (int)status, error.message,
                     cases[i].message);
    }
}

/* More systems than a comparison can hold are refused. */
static void too_many_systems_are_refused(void **unused)
{
    (void)unused;
    static struct kerf_scenario scenario;
    struct kerf_error error = {0};
    char text[4096] = HEAD "systems:\n";
    for (int i = 0; i <= KERF_SYSTEMS_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "  s%d: {hardware: hw, count: 1}\n", i);
    assert_int_equal(read_scenario(text, NULL, &scenario, &error), KERF_ERR_USAGE);
    assert_string_equal(error.message, "file.yaml:3: systems: at most 32");
}

/* Overrides reach the top, systems and their sections, and make sections that the file does not have. */
static void overrides_reach_every_level(void **unused)
{
    (void)unused;
    static const char *const overrides[] = {"seed",
                                            "9",
                                            "workload.users",
                                            "5",
                                            "systems.one.count",
                                            "31",
                                            "systems.one.parallel.tensor",
                                            "4",
                                            "systems.one.workload.requests",
                                            "60",
                                            "systems.two.hardware",
                                            "other",
                                            "systems.two.count",
                                            "1",
                                            NULL};
    const struct kerf_scenario *scenario = good(HEAD SYSTEMS, overrides);
    assert_int_equal(scenario->seed, 9);
    assert_int_equal(scenario->systems, 2);
    assert_int_equal(scenario->system[0].count, 31);
    assert_int_equal(scenario->system[0].tensor, 4);
    assert_int_equal(scenario->system[0].workload.users, 5);
    assert_int_equal(scenario->system[0].workload.requests, 60);
    assert_string_equal(scenario->system[1].hardware, "other");
    assert_string_equal(scenario->baseline, "two");
}

/* A bad override is refused by its own name. */
static void bad_overrides_are_named(void **unused)
{
    (void)unused;
    static const char *const cases[][3] = {
        {"systems.one.count", "0", "systems.one.count: must be between 1"},
        {"workload.rate", "5 GB", "workload.rate: unit 'GB' does not fit"},
        {"network.x", "3", "'network' is not a map of keys in file.yaml"},
        {"metrics", "ttft", "metrics: a list is wanted"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct kerf_scenario scenario;
        struct kerf_error error = {0};
        const char *const overrides[] = {cases[i][0], cases[i][1], NULL};
        assert_int_equal(read_scenario(HEAD SYSTEMS, overrides, &scenario, &error), KERF_ERR_USAGE);
        if (!strstr(error.message, cases[i][2]) || strncmp(error.message, "--set", 5) != 0)
            fail_msg("'%s' does not say '--set' and '%s'", error.message, cases[i][2]);
    }
}

static char *printed(const struct kerf_scenario *scenario)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    kerf_scenario_print(out, scenario);
    fclose(out);
    return text;
}

/* A printed scenario reads back as the same scenario and prints the same again. */
static void a_printed_scenario_reads_back(void **unused)
{
    (void)unused;
    struct kerf_scenario first =
        *good(HEAD "title: a title of words\nseed: 3\nmetrics: [tpot]\ncolumns: nominal\nbaseline: one\n"
                   "workload: {users: 4, requests: 9, length_ratio_least: 0.5}\n"
                   "systems:\n  one: {hardware: hw, count: 2, parallel: {tensor: 2}, kv: fp8}\n"
                   "  two: {hardware: hw, count: 3, replicas: 5, speculation: {drafter: d, tokens: 4}}\n",
              NULL);
    char *text = printed(&first), *again = NULL;
    struct kerf_scenario second = *good(text, NULL);
    again = printed(&second);
    assert_string_equal(text, again);
    assert_int_equal(first.metrics, second.metrics);
    assert_string_equal(first.baseline, second.baseline);
    free(text);
    free(again);
}

/* The network of a system: lists come as written, and print so that they read back. */
static void a_fabric_reads_back(void **unused)
{
    (void)unused;
    static const char text[] =
        HEAD "systems:\n  one:\n    hardware: hw\n    count: 4\n    fabric:\n      topology: graph\n"
             "      switches: 2\n      routing: shortest\n      all_reduce: tree\n"
             "      links:\n        - {from: GPU 0, to: switch 1, link: wire, count: 3}\n"
             "        - {from: switch 0, to: switch 1}\n"
             "      faults:\n        - {from: GPU 0, to: switch 1, left: 0.25, cable: 2}\n"
             "      stopped:\n        - {accelerator: 2, after: 5 ms}\n";
    struct kerf_scenario first = *good(text, NULL);
    const struct kerf_fabric_spec *fabric = &first.system[0].fabric;
    assert_int_equal(fabric->topology, KERF_FABRIC_GRAPH);
    assert_int_equal(fabric->routing, KERF_FABRIC_SHORTEST);
    assert_int_equal(fabric->cables, 2);
    assert_string_equal(fabric->cable[0].link, "wire");
    assert_int_equal(fabric->cable[0].count, 3);
    assert_int_equal(fabric->cable[1].count, 1);
    assert_string_equal(fabric->cable[1].from, "switch 0");
    assert_int_equal(fabric->faults, 1);
    assert_true(fabric->fault[0].left == 0.25 && fabric->fault[0].cable == 2);
    assert_true(fabric->stop[0].accelerator == 2 && fabric->stop[0].after_s == 5e-3);
    char *once = printed(&first);
    struct kerf_scenario second = *good(once, NULL);
    char *again = printed(&second);
    assert_string_equal(once, again);
    kerf_scenario_free(&first);
    kerf_scenario_free(&second);
    assert_null(first.system[0].fabric.cable);
    free(once);
    free(again);
}

/* Lists that are none, items without what they need, and links without a graph are refused with their line.
 */
static void bad_fabrics_are_refused(void **unused)
{
    (void)unused;
    static const char *const cases[][2] = {
        {"{topology: star, faults: 3}", "faults: a list is wanted"},
        {"{topology: star, faults: [3]}", "faults[0]: a map of keys is wanted"},
        {"{topology: star, faults: [{from: GPU 1, to: switch 0}]}", "'left' is missing"},
        {"{topology: star, faults: [{from: GPU 1, to: switch 0, left: 0, lft: 1}]}", "did you mean 'left'"},
        {"{topology: star, links: [{from: GPU 1, to: switch 0}]}", "links go with topology graph"},
        {"{topology: graph}", "links go with topology graph"},
        {"{faults: [{from: GPU 1, to: switch 0, left: 0}]}", "topology none has no links"},
        {"{stopped: [{after: 1 s}]}", "'accelerator' is missing"},
        {"{topology: ring}", "topology: 'ring'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct kerf_scenario scenario;
        struct kerf_error error = {0};
        char text[512];
        snprintf(text, sizeof text, HEAD "systems:\n  one: {hardware: hw, count: 4, fabric: %s}\n",
                 cases[i][0]);
        assert_int_equal(read_scenario(text, NULL, &scenario, &error), KERF_ERR_USAGE);
        if (!strstr(error.message, cases[i][1]) || strncmp(error.message, "file.yaml:", 10) != 0)
            fail_msg("'%s' does not say 'file.yaml:' and '%s'", error.message, cases[i][1]);
        kerf_scenario_free(&scenario);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_scenario_has_every_default),
        cmocka_unit_test(a_system_overrides_the_common_workload),
        cmocka_unit_test(metrics_are_those_listed),
        cmocka_unit_test(bad_scenarios_are_refused_with_their_line),
        cmocka_unit_test(too_many_systems_are_refused),
        cmocka_unit_test(overrides_reach_every_level),
        cmocka_unit_test(bad_overrides_are_named),
        cmocka_unit_test(a_printed_scenario_reads_back),
        cmocka_unit_test(a_fabric_reads_back),
        cmocka_unit_test(bad_fabrics_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
