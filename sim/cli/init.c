/* The cli room: kerf init. */
#include "sim/cli/command.h"
#include "sim/engine/agree.h"
#include "sim/io/catalog.h"
#include "sim/io/text_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char section[] = "starters";

static enum kerf_status read_starter(const struct kerf_catalog *catalog, const char *name, char **text,
                                     struct kerf_error *error)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s/%s.yaml", catalog->root, section, name);
    return kerf_text_file_read(MPI_COMM_NULL, path, text, error);
}

/* Each with the first sentence of what it says of itself. */
static enum kerf_status list_starters(const struct kerf_catalog *catalog,
                                      const struct kerf_catalog_names *names, struct kerf_error *error)
{
    for (int i = 0; i < names->count; i++) {
        char *text;
        KERF_TRY(read_starter(catalog, names->name[i], &text, error));
        const char *first = text + strspn(text, "# ");
        printf("  kerf init %-9s %.*s\n", names->name[i], (int)strcspn(first, ".:\n"), first);
        free(text);
    }
    printf("\nwrites a commented scenario of that kind to start from; -o FILE keeps it.\n");
    return KERF_OK;
}

static enum kerf_status check_name(const struct kerf_catalog_names *names, const char *name,
                                   struct kerf_error *error)
{
    const char *all[KERF_CATALOG_NAMES + 1] = {0};
    if (kerf_catalog_lists(names, name))
        return KERF_OK;
    for (int i = 0; i < names->count; i++)
        all[i] = names->name[i];
    const char *nearest = kerf_nearest_name(name, all);
    return kerf_error_set(error, KERF_ERR_USAGE, "there is no starter '%s'%s%s%s; `kerf init` lists them",
                          name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                          nearest ? "'?" : "");
}

static void write_text(FILE *out, const void *text)
{
    fputs(text, out);
}

static enum kerf_status start(const struct kerf_arguments *arguments, struct kerf_error *error)
{
    struct kerf_catalog catalog;
    struct kerf_catalog_names names;
    char *text = NULL;
    const char *name = arguments->positional[0], *output = arguments->output;
    KERF_TRY(kerf_catalog_open(&catalog, MPI_COMM_NULL, kerf_catalog_places(), error));
    KERF_TRY(kerf_catalog_list(&catalog, section, &names, error));
    if (!name)
        return list_starters(&catalog, &names, error);
    KERF_TRY(check_name(&names, name, error));
    KERF_CHECK(!output || access(output, F_OK) != 0, KERF_ERR_USAGE,
               "%s: is there already, and is not written over; name another", output);
    enum kerf_status status = read_starter(&catalog, name, &text, error);
    if (status == KERF_OK && output)
        status = kerf_text_file_write(output, write_text, text, error);
    if (status == KERF_OK && output)
        printf("%s: next, `kerf check %s`\n", output, output);
    if (status == KERF_OK && !output)
        fputs(text, stdout);
    free(text);
    return status;
}

static enum kerf_status init(MPI_Comm comm, const struct kerf_arguments *arguments, struct kerf_error *error)
{
    enum kerf_status status = kerf_is_first_rank(comm) ? start(arguments, error) : KERF_OK;
    return kerf_error_share(comm, 0, status, error);
}

const struct kerf_command kerf_command_init = {
    .name = "init",
    .arguments = "[KIND] [-o FILE.yaml]",
    .summary = "write a commented scenario to start from",
    .help = "Writes a commented scenario of a kind (serving, load, training, images) that runs as it is. "
            "Without KIND it lists\n"
            "the kinds.\n\n"
            "  -o, --output FILE   write it there; a file that is there already is not written over\n",
    .options = "o",
    .least_arguments = 0,
    .most_arguments = 1,
    .run = init,
};
