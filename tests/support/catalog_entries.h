/* Entries of the catalog for tests; a failure ends the test. */
#ifndef KERF_TESTS_CATALOG_ENTRIES_H
#define KERF_TESTS_CATALOG_ENTRIES_H

#include "models/device/wafer.h"
#include "models/network/operator.h"
#include "sim/io/catalog.h"
#include "sim/io/catalog_network.h"

#include <stdio.h>

static inline struct kerf_yaml *catalog_file(const char *section, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/models/catalog/%s/%s.yaml", KERF_SOURCE_DIR, section, name);
    static char text[1 << 16];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    struct kerf_yaml *yaml = NULL;
    struct kerf_error error = {0};
    if (kerf_yaml_parse(text, path, &yaml, &error) != KERF_OK)
        fail_msg("%s", error.message);
    return yaml;
}

static inline void leaves_in_column(const char *section, const char *name,
                                    const struct kerf_leaf_table *table, enum kerf_column column,
                                    void *params)
{
    struct kerf_yaml *yaml = catalog_file(section, name);
    static struct kerf_leaf_set set;
    struct kerf_error error = {0};
    if (kerf_leaf_set_read(yaml, table, &set, &error) != KERF_OK)
        fail_msg("%s", error.message);
    kerf_leaf_set_fill(&set, column, params);
    kerf_yaml_free(yaml);
}

static inline struct kerf_wafer_params wafer_in_column(const char *name, enum kerf_column column)
{
    struct kerf_wafer_params wafer;
    leaves_in_column("hardware", name, &kerf_wafer_leaves, column, &wafer);
    return wafer;
}

static inline struct kerf_wafer_params wafer_named(const char *name)
{
    return wafer_in_column(name, KERF_COLUMN_NOMINAL);
}

static inline struct kerf_network network_named(const char *name)
{
    struct kerf_yaml *yaml = catalog_file("networks", name);
    struct kerf_network network = {0};
    struct kerf_error error = {0};
    if (kerf_network_read(yaml, &network, &error) != KERF_OK)
        fail_msg("%s", error.message);
    kerf_yaml_free(yaml);
    return network;
}

/* Every file of the section, so that a new network is covered by being there. */
static inline struct kerf_catalog_names all_networks(void)
{
    struct kerf_catalog catalog = {.root = KERF_SOURCE_DIR "/models/catalog", .comm = MPI_COMM_NULL};
    struct kerf_catalog_names names;
    struct kerf_error error = {0};
    if (kerf_catalog_list(&catalog, "networks", &names, &error) != KERF_OK)
        fail_msg("%s", error.message);
    assert_true(names.count > 30);
    return names;
}

/* The operators of a network in the formats of its checkpoint. */
static inline struct kerf_decoder_list decoder_named(const char *name)
{
    struct kerf_network network = network_named(name);
    struct kerf_weight_formats formats = kerf_network_native_formats(&network);
    struct kerf_decoder_list list;
    kerf_decoder_operators(&network, &formats, &list);
    return list;
}

/* `sequences` sequences that decode one token each, with `context` tokens in the cache. */
static inline struct kerf_pass decode_pass(double sequences, double context)
{
    return (struct kerf_pass){.decode = {sequences, sequences, sequences * context, sequences * context},
                              .logit_tokens = sequences,
                              .kv = KERF_FORMAT_BF16,
                              .activations = KERF_FORMAT_BF16};
}

/* One prompt. */
static inline struct kerf_pass prompt_pass(double tokens)
{
    return (struct kerf_pass){.prefill = {tokens, 1.0, tokens * (tokens + 1.0) / 2.0, tokens},
                              .logit_tokens = 1.0,
                              .kv = KERF_FORMAT_BF16,
                              .activations = KERF_FORMAT_BF16};
}

#endif
