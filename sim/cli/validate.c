/* The cli room: kerf validate. */
#include "sim/study/validate.h"
#include "sim/cli/command.h"
#include "sim/engine/agree.h"
#include "sim/io/catalog.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Writes the CSV under a temporary name, so that a file with the final name is whole. */
static enum kerf_status write_csv(const char *path, const struct kerf_validation *validation,
                                  struct kerf_error *error)
{
    char part[4096];
    KERF_CHECK(snprintf(part, sizeof part, "%s.part", path) < (int)sizeof part, KERF_ERR_USAGE,
               "output %s: the path is too long", path);
    FILE *file = fopen(part, "w");
    KERF_CHECK(file, KERF_ERR_FAILURE, "output %s: cannot be written: %s", path, strerror(errno));
    kerf_validation_write(file, validation);
    bool written = !ferror(file);
    written = fclose(file) == 0 && written;
    if (!written || rename(part, path) != 0) {
        kerf_error_set(error, KERF_ERR_FAILURE, "output %s: cannot be written: %s", path, strerror(errno));
        unlink(part);
        return KERF_ERR_FAILURE;
    }
    return KERF_OK;
}

static enum kerf_wish wish(void *unused)
{
    (void)unused;
    return kerf_signal_stops() ? KERF_WISH_STOP : KERF_WISH_NONE;
}

static enum kerf_status validate(MPI_Comm comm, const struct kerf_arguments *arguments,
                                 struct kerf_error *error)
{
    struct kerf_validation validation;
    struct kerf_catalog catalog;
    char table[1200];
    bool first = kerf_is_first_rank(comm);
    KERF_TRY(kerf_catalog_open(&catalog, comm, kerf_catalog_places(), error));
    snprintf(table, sizeof table, "%s/measurements/serving.csv", catalog.root);
    const char *const own[] = {table};
    int files = arguments->positionals;
    const struct kerf_engine_calls calls = {.wish = wish};
    enum kerf_status status = kerf_validate(comm, files ? files : 1, files ? arguments->positional : own,
                                            kerf_catalog_places(), &validation, &calls, error);
    if (status == KERF_OK && first && !arguments->quiet)
        kerf_validation_print(stdout, &validation);
    if (status == KERF_OK && arguments->csv)
        status =
            kerf_error_share(comm, 0, first ? write_csv(arguments->csv, &validation, error) : KERF_OK, error);
    kerf_validation_free(&validation);
    return status;
}

const struct kerf_command kerf_command_validate = {
    .name = "validate",
    .arguments = "[FILE.csv ...] [--csv OUT.csv]",
    .summary = "predict published measurements and print the errors",
    .help = "Predicts every row of measurement tables that states enough, and prints measured and predicted "
            "values, the\n"
            "range, the error, and why other rows were not predicted. Without FILE it takes the catalog's "
            "own table,\n"
            "measurements/serving.csv; docs/catalog-format.md describes the columns.\n\n"
            "  --csv FILE          write id,metric,measured,predicted,low,high,error,reason\n"
            "  -q, --quiet         print nothing but errors\n",
    .options = "cq",
    .least_arguments = 0,
    .most_arguments = KERF_ARGUMENTS_MAX,
    .run = validate,
};
