/* The cli room: kerf validate. */
#include "sim/study/validate.h"
#include "build_info.h"
#include "sim/cli/command.h"
#include "sim/engine/agree.h"
#include "sim/io/catalog.h"
#include "sim/io/result.h"
#include "sim/io/text_file.h"

static enum kerf_wish wish(void *unused)
{
    (void)unused;
    return kerf_signal_stops() ? KERF_WISH_STOP : KERF_WISH_NONE;
}

/* On the first rank: the tables and the CSV file. */
static enum kerf_status tell(const struct kerf_arguments *arguments, const struct kerf_validation *v,
                             struct kerf_error *error)
{
    if (arguments->rows && !arguments->quiet)
        kerf_validation_print_rows(stdout, v);
    if (!arguments->quiet)
        KERF_TRY(kerf_validation_print(stdout, v, error));
    return arguments->csv ? kerf_text_file_write(arguments->csv, kerf_validation_write, v, error) : KERF_OK;
}

static enum kerf_status validate_and_tell(MPI_Comm comm, const struct kerf_arguments *arguments,
                                          struct kerf_error *error)
{
    struct kerf_validation validation;
    struct kerf_catalog catalog;
    char table[1200];
    const struct kerf_engine_calls calls = {.wish = wish};
    KERF_TRY(kerf_catalog_open(&catalog, comm, kerf_catalog_places(), error));
    snprintf(table, sizeof table, "%s/measurements/serving.csv", catalog.root);
    const char *const own[] = {table};
    const struct kerf_validation_request request = {
        .files = arguments->positionals ? arguments->positionals : 1,
        .file = arguments->positionals ? arguments->positional : own,
        .catalogs = kerf_catalog_places(),
        .hardware = arguments->hardware,
        .calls = &calls};
    enum kerf_status status = kerf_validate(comm, &request, &validation, error);
    if (status == KERF_OK)
        status = kerf_error_share(
            comm, 0, kerf_is_first_rank(comm) ? tell(arguments, &validation, error) : KERF_OK, error);
    if (status == KERF_OK && arguments->output)
        status = kerf_validation_save(comm, arguments->output, &validation, KERF_VERSION, kerf_command_line(),
                                      error);
    kerf_validation_free(&validation);
    return status;
}

static enum kerf_status validate(MPI_Comm comm, const struct kerf_arguments *arguments,
                                 struct kerf_error *error)
{
    if (arguments->output)
        KERF_TRY(kerf_result_prepare(comm, arguments->output, error));
    enum kerf_status status = validate_and_tell(comm, arguments, error);
    if (status != KERF_OK && arguments->output)
        kerf_result_discard(comm, arguments->output);
    return status;
}

const struct kerf_command kerf_command_validate = {
    .name = "validate",
    .arguments = "[FILE.csv ...] [--csv OUT.csv] [-o OUT.h5]",
    .summary = "predict published measurements and print the errors",
    .help = "Predicts every row of measurement tables that states enough. Prints scores by group and metric "
            "(errors in per\n"
            "cent, share of rows inside the range, interval score, median of high/low, errors of the naive "
            "baseline), and why\n"
            "other rows were not predicted. Without FILE it takes the catalog's own table, "
            "measurements/serving.csv;\n"
            "docs/catalog-format.md describes the tables and the scores.\n\n"
            "  --hardware NAME     catalog entry of the GPU that tables of kernels were measured on\n"
            "  --rows              print measured and predicted values of every row too\n"
            "  --csv FILE          write id,metric,measured,predicted,low,high,error,reason\n"
            "  -o, --output FILE   write the rows as HDF5 (docs/results.md)\n"
            "  -q, --quiet         print nothing but errors\n",
    .options = "coqwH",
    .least_arguments = 0,
    .most_arguments = KERF_ARGUMENTS_MAX,
    .run = validate,
};
