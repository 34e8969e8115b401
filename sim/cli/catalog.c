/* The cli room: kerf catalog. */
#include "sim/cli/command.h"
#include "sim/study/catalog_text.h"
#include "sim/study/system.h"

#include <stdio.h>
#include <string.h>

static const char *const sections[] = {"hardware", "networks", "links",    "collectives",
                                       "training", "engines",  "drafters", "streaming",
                                       "cooling",  "claims",   NULL};

static enum kerf_status list_all(struct kerf_catalog *catalog, bool first, struct kerf_error *error)
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

/* Prints an entry that was found; what it holds depends on its section. */
static enum kerf_status print_entry(const char *section, const struct kerf_yaml *yaml, FILE *out,
                                    struct kerf_error *error)
{
    if (strcmp(section, "networks") == 0)
        return kerf_network_print(out, yaml, error);
    if (strcmp(section, "claims") == 0)
        return kerf_claim_print(out, yaml, error);
    return kerf_leaves_print(out, yaml, error);
}

static enum kerf_status show_entry(struct kerf_catalog *catalog, const char *name, bool first,
                                   struct kerf_error *error)
{
    for (const char *const *section = sections; *section; section++) {
        struct kerf_yaml *yaml;
        struct kerf_catalog_names names;
        KERF_TRY(kerf_catalog_list(catalog, *section, &names, error));
        enum kerf_status status = kerf_catalog_load(catalog, *section, name, &yaml, error);
        if (status != KERF_OK && kerf_catalog_lists(&names, name))
            return status;
        if (status != KERF_OK)
            continue;
        status = print_entry(*section, yaml, first ? stdout : NULL, error);
        kerf_yaml_free(yaml);
        return status;
    }
    return kerf_error_set(error, KERF_ERR_USAGE, "'%s' is not in the catalog; `kerf catalog` lists what is",
                          name);
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
