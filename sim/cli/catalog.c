/* The cli room: kerf catalog. */
#include "models/network/count.h"
#include "sim/cli/command.h"
#include "sim/study/system.h"

#include <stdio.h>
#include <string.h>

static const char *const sections[] = {"hardware", "networks",     "links", "drafters",
                                       "claims",   "measurements", NULL};

static enum kerf_status list_all(const struct kerf_catalog *catalog, bool first, struct kerf_error *error)
{
    if (first)
        printf("catalog: %s\n", catalog->root);
    for (const char *const *section = sections; *section; section++) {
        struct kerf_catalog_names names;
        KERF_TRY(kerf_catalog_list(catalog, *section, &names, error));
        if (!first || names.count == 0)
            continue;
        printf("\n%s\n ", *section);
        for (int i = 0, at = 1; i < names.count; i++) {
            at += (int)strlen(names.name[i]) + 1;
            if (at > 100) {
                printf("\n ");
                at = 1 + (int)strlen(names.name[i]) + 1;
            }
            printf(" %s", names.name[i]);
        }
        printf("\n");
    }
    return KERF_OK;
}

static void print_leaves(const struct kerf_leaf_set *set)
{
    printf("%s: %s (%s)\n", set->name, set->title, set->table->kind);
    for (int i = 0; i < set->table->count; i++) {
        const struct kerf_leaf *spec = &set->table->leaves[i];
        const struct kerf_leaf_value *leaf = &set->leaf[i];
        if (!leaf->given)
            continue;
        printf("  %-34s %12.5g %-8s", spec->key, leaf->value, strcmp(spec->unit, "1") ? spec->unit : "");
        if (leaf->ranged)
            printf(" [%.5g .. %.5g]", leaf->low, leaf->high);
        printf("  %s; %s; %s\n", spec->meaning, leaf->source[0] ? leaf->source : "no source",
               leaf->confidence);
    }
}

static enum kerf_status show_leaves(const struct kerf_yaml *yaml, bool first, struct kerf_error *error)
{
    const struct kerf_leaf_table *tables[5];
    char kind[32];
    tables[0] = kerf_gpu_device.leaves;
    tables[1] = kerf_wafer_device.leaves;
    tables[2] = &kerf_link_leaves;
    tables[3] = &kerf_drafter_leaves;
    tables[4] = &kerf_engine_software_leaves;
    KERF_TRY(
        kerf_yaml_text(yaml, kerf_yaml_get(kerf_yaml_root(yaml), "kind"), "kind", kind, sizeof kind, error));
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct kerf_leaf_set set;
        if (strcmp(tables[i]->kind, kind) != 0)
            continue;
        KERF_TRY(kerf_leaf_set_read(yaml, tables[i], &set, error));
        if (first)
            print_leaves(&set);
        return KERF_OK;
    }
    return kerf_yaml_refuse(yaml, kerf_yaml_root(yaml), error, "kind: '%s' has no leaves", kind);
}

static void print_network(const struct kerf_network *network)
{
    struct kerf_network_count count = kerf_network_count(network);
    printf("%s: %.4g parameters counted from its dimensions", network->name, count.params);
    if (network->published_params > 0.0)
        printf(", %.4g published (%+.2f %%)", network->published_params,
               100.0 * (count.params / network->published_params - 1.0));
    printf("\n");
    if (network->family != KERF_FAMILY_DECODER) {
        printf("  %.4g multiply-accumulates forward\n", count.forward_macs);
        return;
    }
    struct kerf_weight_formats formats = kerf_network_native_formats(network);
    printf("  %.4g active per token, %.0f KV elements per token\n  native formats: experts %s, projections "
           "%s, embedding "
           "and head %s\n",
           count.active_params, count.kv_elements_per_token, kerf_format_facts(formats.experts)->name,
           kerf_format_facts(formats.linears)->name, kerf_format_facts(formats.embedding)->name);
}

static enum kerf_status show_entry(const struct kerf_catalog *catalog, const char *name, bool first,
                                   struct kerf_error *error)
{
    static const char *const with_leaves[] = {"hardware", "links", "engines", "drafters"};
    struct kerf_network network;
    for (size_t i = 0; i < sizeof with_leaves / sizeof with_leaves[0]; i++) {
        struct kerf_yaml *yaml;
        if (kerf_catalog_load(catalog, with_leaves[i], name, &yaml, error) != KERF_OK)
            continue;
        enum kerf_status status = show_leaves(yaml, first, error);
        kerf_yaml_free(yaml);
        return status;
    }
    KERF_TRY(kerf_system_network(catalog, name, &network, error));
    if (first)
        print_network(&network);
    return KERF_OK;
}

static enum kerf_status catalog(MPI_Comm comm, const struct kerf_arguments *arguments,
                                struct kerf_error *error)
{
    struct kerf_catalog places;
    bool first = kerf_is_first_rank(comm);
    KERF_TRY(kerf_catalog_open(&places, comm, kerf_catalog_places(), error));
    if (arguments->positionals == 0)
        return list_all(&places, first, error);
    return show_entry(&places, arguments->positional[0], first, error);
}

const struct kerf_command kerf_command_catalog = {
    .name = "catalog",
    .arguments = "[NAME]",
    .summary = "list the catalog, or show one entry with units, ranges and sources",
    .help =
        "Lists what the catalog has, or shows one entry: hardware, link, drafter or network.\n"
        "The catalog is the installed one, or that of the build tree, or the directory in KERF_CATALOG.\n",
    .options = "",
    .least_arguments = 0,
    .most_arguments = 1,
    .run = catalog,
};
