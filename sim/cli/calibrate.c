/* The cli room: kerf calibrate. */
#include "sim/study/calibrate.h"
#include "sim/cli/command.h"
#include "sim/engine/agree.h"
#include "sim/io/text_file.h"

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

static enum kerf_status find_kernel(const char *name, enum kerf_kernel *kernel, struct kerf_error *error)
{
    char all[256] = "";
    KERF_CHECK(name, KERF_ERR_USAGE, "--operator is missing; see kerf calibrate --help");
    for (int i = 0; kerf_kernel_name(i); i++) {
        *kernel = (enum kerf_kernel)i;
        if (strcmp(name, kerf_kernel_name(i)) == 0)
            return KERF_OK;
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", kerf_kernel_name(i));
    }
    return kerf_error_set(error, KERF_ERR_USAGE, "--operator %s: one of %s is wanted", name, all);
}

/* Every how many families one is held out. */
static enum kerf_status find_hold_out(const char *text, int *every, struct kerf_error *error)
{
    char *end;
    *every = KERF_KERNEL_EVERY_FAMILY;
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

static enum kerf_status calibrate(MPI_Comm comm, const struct kerf_arguments *arguments,
                                  struct kerf_error *error)
{
    struct kerf_kernel_table table;
    struct kerf_catalog catalog;
    struct kerf_yaml *hardware = NULL;
    enum kerf_kernel kernel = KERF_KERNEL_GEMM;
    int every;
    KERF_TRY(find_kernel(arguments->kernel, &kernel, error));
    KERF_TRY(find_hold_out(arguments->hold_out, &every, error));
    KERF_CHECK(arguments->hardware, KERF_ERR_USAGE, "--hardware is missing; see kerf calibrate --help");
    KERF_TRY(kerf_catalog_open(&catalog, comm, kerf_catalog_places(), error));
    KERF_TRY(kerf_kernel_table_read(comm, arguments->positional[0], kernel, &table, error));
    enum kerf_status status = kerf_kernel_table_hold_out(&table, every, error);
    if (status == KERF_OK)
        status = kerf_catalog_load(&catalog, "hardware", arguments->hardware, &hardware, error);
    if (status == KERF_OK)
        status = fit_and_tell(comm, arguments, &table, hardware, error);
    kerf_yaml_free(hardware);
    kerf_kernel_table_free(&table);
    return status;
}

const struct kerf_command kerf_command_calibrate = {
    .name = "calibrate",
    .arguments = "TABLE.csv --operator NAME --hardware NAME [-o ENTRY.yaml]",
    .summary = "fit the leaves of a GPU to a table of measured kernels",
    .help =
        "Fits the kernel leaves of a catalog entry to measured latencies, and prints the leaves with their "
        "intervals and\n"
        "the errors of fitted and held-out rows. docs/catalog-format.md describes the tables.\n\n"
        "  --operator NAME     gemm, experts, attention, mla-decode or mla-prefill\n"
        "  --hardware NAME     the catalog entry to start from\n"
        "  --hold-out N        keep one family in N from the fit, and the extreme sizes (5; 0: none)\n"
        "  --check             fit nothing: errors of the entry as it is\n"
        "  -o, --output FILE   write the catalog entry with the fitted leaves\n"
        "  -q, --quiet         print nothing but errors\n",
    .options = "oqOHxK",
    .least_arguments = 1,
    .most_arguments = 1,
    .run = calibrate,
};
