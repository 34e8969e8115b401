/* The cli room: kerf calibrate. */
#include "sim/study/calibrate.h"
#include "sim/cli/command.h"
#include "sim/engine/agree.h"
#include "sim/io/text_file.h"
#include "sim/study/collective_fit.h"

#include <stdlib.h>
#include <string.h>

/* The output's file name without folder and ".yaml": the name of the entry. */
static void entry_name(const char *path, char *name, size_t name_bytes)
{
    const char *slash = strrchr(path, '/');
    snprintf(name, name_bytes, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot && strcmp(dot, ".yaml") == 0)
        *dot = '\0';
}

/* What is written into an entry. */
struct entry {
    const struct kerf_calibration *calibration;
    const struct kerf_kernel_table *table;
    const struct kerf_yaml *hardware;
    char name[KERF_CATALOG_NAME_BYTES];
};

static void write_entry(FILE *out, const void *content)
{
    const struct entry *entry = content;
    kerf_calibration_write(out, entry->calibration, entry->table, entry->hardware, entry->name);
}

/* The kinds of kernels, then the families of collectives, by the names that --operator has. */
static const char *operator_name(int index)
{
    return index < KERF_KERNEL_COUNT ? kerf_kernel_name(index)
                                     : kerf_collective_family_name(index - KERF_KERNEL_COUNT);
}

static enum kerf_status find_operator(const char *name, int *index, struct kerf_error *error)
{
    char all[256] = "";
    KERF_CHECK(name, KERF_ERR_USAGE, "--operator is missing; see kerf calibrate --help");
    for (*index = 0; operator_name(*index); (*index)++) {
        if (strcmp(name, operator_name(*index)) == 0)
            return KERF_OK;
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", *index ? ", " : "", operator_name(*index));
    }
    return kerf_error_set(error, KERF_ERR_USAGE, "--operator %s: one of %s is wanted", name, all);
}

/* Every how many families one is held out. */
static enum kerf_status find_hold_out(const char *text, int otherwise, int *every, struct kerf_error *error)
{
    char *end;
    *every = otherwise;
    if (!text)
        return KERF_OK;
    long value = strtol(text, &end, 10);
    KERF_CHECK(end != text && !*end && value >= 0 && value != 1 && value <= 1000000, KERF_ERR_USAGE,
               "--hold-out %s: 0 (nothing) or a whole number above 1 is wanted", text);
    *every = (int)value;
    return KERF_OK;
}

static enum kerf_status fit_and_tell(MPI_Comm comm, const struct kerf_arguments *arguments,
                                     const struct kerf_kernel_table *table, const struct kerf_yaml *hardware,
                                     struct kerf_error *error)
{
    struct kerf_calibration calibration;
    bool first = kerf_is_first_rank(comm);
    KERF_TRY(kerf_calibrate(hardware, table, !arguments->check, &calibration, error));
    if (first && !arguments->quiet)
        kerf_calibration_print(stdout, &calibration, table);
    enum kerf_status status = KERF_OK;
    struct entry entry = {.calibration = &calibration, .table = table, .hardware = hardware};
    if (arguments->output) {
        entry_name(arguments->output, entry.name, sizeof entry.name);
        if (first)
            status = kerf_text_file_write(arguments->output, write_entry, &entry, error);
        status = kerf_error_share(comm, 0, status, error);
    }
    kerf_calibration_free(&calibration);
    return status;
}

static enum kerf_status calibrate_kernels(MPI_Comm comm, struct kerf_catalog *catalog,
                                          const struct kerf_arguments *arguments, enum kerf_kernel kernel,
                                          struct kerf_error *error)
{
    struct kerf_kernel_table table;
    struct kerf_yaml *hardware = NULL;
    int every;
    KERF_TRY(find_hold_out(arguments->hold_out, KERF_KERNEL_EVERY_FAMILY, &every, error));
    KERF_CHECK(arguments->hardware, KERF_ERR_USAGE, "--hardware is missing; see kerf calibrate --help");
    KERF_CHECK(arguments->positionals == 1, KERF_ERR_USAGE, "one table of kernels is wanted, not %d",
               arguments->positionals);
    KERF_TRY(kerf_kernel_table_read(comm, arguments->positional[0], kernel, &table, error));
    enum kerf_status status = kerf_kernel_table_hold_out(&table, every, error);
    if (status == KERF_OK)
        status = kerf_catalog_load(catalog, "hardware", arguments->hardware, &hardware, error);
    if (status == KERF_OK)
        status = fit_and_tell(comm, arguments, &table, hardware, error);
    kerf_yaml_free(hardware);
    kerf_kernel_table_free(&table);
    return status;
}

struct library_entry {
    const struct kerf_collective_fit *fit;
    char name[KERF_CATALOG_NAME_BYTES];
};

static void write_library(FILE *out, const void *content)
{
    const struct library_entry *entry = content;
    kerf_collective_fit_write(out, entry->fit, entry->name);
}

static enum kerf_status tell_collectives(const struct kerf_arguments *arguments,
                                         const struct kerf_collective_fit *fit, struct kerf_error *error)
{
    struct library_entry entry = {.fit = fit};
    if (!arguments->quiet)
        kerf_collective_fit_print(stdout, fit);
    if (!arguments->output)
        return KERF_OK;
    entry_name(arguments->output, entry.name, sizeof entry.name);
    return kerf_text_file_write(arguments->output, write_library, &entry, error);
}

static enum kerf_status calibrate_collectives(MPI_Comm comm, struct kerf_catalog *catalog,
                                              const struct kerf_arguments *arguments,
                                              enum kerf_collective_family family, struct kerf_error *error)
{
    struct kerf_collective_fit_request request = {.family = family,
                                                  .files = arguments->positionals,
                                                  .file = arguments->positional,
                                                  .hardware = arguments->hardware,
                                                  .fit = !arguments->check};
    KERF_TRY(find_hold_out(arguments->hold_out, KERF_COLLECTIVE_HOLD_OUT, &request.every, error));
    struct kerf_collective_fit *fit = malloc(sizeof *fit);
    KERF_CHECK(fit, KERF_ERR_FAILURE, "out of memory for a fit");
    enum kerf_status status = kerf_collective_fit(comm, catalog, &request, fit, error);
    if (status == KERF_OK)
        status = kerf_error_share(
            comm, 0, kerf_is_first_rank(comm) ? tell_collectives(arguments, fit, error) : KERF_OK, error);
    kerf_collective_fit_free(fit);
    free(fit);
    return status;
}

static enum kerf_status calibrate(MPI_Comm comm, const struct kerf_arguments *arguments,
                                  struct kerf_error *error)
{
    struct kerf_catalog catalog;
    int which = 0;
    KERF_TRY(find_operator(arguments->kernel, &which, error));
    KERF_TRY(kerf_catalog_open(&catalog, comm, kerf_catalog_places(), error));
    if (which < KERF_KERNEL_COUNT)
        return calibrate_kernels(comm, &catalog, arguments, (enum kerf_kernel)which, error);
    return calibrate_collectives(comm, &catalog, arguments,
                                 (enum kerf_collective_family)(which - KERF_KERNEL_COUNT), error);
}

const struct kerf_command kerf_command_calibrate = {
    .name = "calibrate",
    .arguments = "TABLE.csv ... --operator NAME --hardware NAME [-o ENTRY.yaml]",
    .summary = "fit leaves to tables of measured kernels or collectives",
    .help =
        "Fits the kernel leaves of a GPU, or the leaves of its library of collectives, to measured "
        "latencies, and prints\n"
        "the leaves with their intervals and the errors of fitted and held-out rows. "
        "docs/catalog-format.md describes the\n"
        "tables.\n\n"
        "  --operator NAME     of kernels gemm, experts, attention, mla-decode or mla-prefill; of "
        "collectives "
        "rings,\n"
        "                      all-to-all, in-graph, dispatch, combine\n"
        "  --hardware NAME     the catalog entry to start from; tables of collectives may name it "
        "themselves\n"
        "  --hold-out N        keep one family in N from the fit, and extreme sizes (kernels 5, collectives "
        "3; 0: none)\n"
        "  --check             fit nothing: errors of the entry as it is\n"
        "  -o, --output FILE   write the catalog entry with the fitted leaves\n"
        "  -q, --quiet         print nothing but errors\n",
    .options = "oqOHxK",
    .least_arguments = 1,
    .most_arguments = KERF_ARGUMENTS_MAX,
    .run = calibrate,
};
