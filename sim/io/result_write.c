/* The io room: writes a result file in parallel. */
#include "sim/io/part_file.h"
#include "sim/io/result_columns.h"

#include <stdio.h>
#include <string.h>

enum { LAYOUT_VERSION = 1 };

static struct kerf_part_file part_of(MPI_Comm comm, const char *path)
{
    return (struct kerf_part_file){.comm = comm, .what = "output", .example = "result.h5", .path = path};
}

enum kerf_status kerf_result_prepare(MPI_Comm comm, const char *path, struct kerf_error *error)
{
    const struct kerf_part_file part = part_of(comm, path);
    return kerf_part_reserve(&part, error);
}

void kerf_result_discard(MPI_Comm comm, const char *path)
{
    const struct kerf_part_file part = part_of(comm, path);
    kerf_part_discard(&part);
}

static enum kerf_status write_head(hid_t file, const struct kerf_result *result, struct kerf_error *error)
{
    const struct kerf_report *report = result->report;
    char digest[32];
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)report->digest);
    KERF_TRY(kerf_attribute_text(file, "title", report->title, error));
    KERF_TRY(kerf_attribute_text(file, "kerf_version", result->version, error));
    KERF_TRY(kerf_attribute_integer(file, "layout_version", LAYOUT_VERSION, error));
    KERF_TRY(kerf_attribute_text(file, "network", report->network, error));
    KERF_TRY(kerf_attribute_text(file, "baseline", report->system[report->baseline].name, error));
    KERF_TRY(kerf_attribute_integer(file, "seed", report->seed, error));
    KERF_TRY(kerf_attribute_integer(file, "metrics", report->metrics, error));
    KERF_TRY(kerf_attribute_text(file, "digest", digest, error));
    KERF_TRY(kerf_table_text(file, "scenario", "the scenario file as given", result->scenario_text, error));
    return kerf_table_text(file, "scenario_resolved", "the scenario with every default and override",
                           result->scenario_resolved, error);
}

static enum kerf_status
write_group(MPI_Comm comm, hid_t file, const char *name, const struct kerf_result *result,
            enum kerf_status (*write)(struct kerf_result_writer *, struct kerf_error *),
            struct kerf_error *error)
{
    struct kerf_result_writer w = {.comm = comm, .result = result};
    w.group = H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    KERF_CHECK(w.group >= 0, KERF_ERR_FAILURE, "cannot make group %s", name);
    enum kerf_status status = write(&w, error);
    H5Gclose(w.group);
    if (status != KERF_OK)
        return kerf_error_prefix(error, "%s: ", name);
    return KERF_OK;
}

static enum kerf_status write_all(MPI_Comm comm, hid_t file, const struct kerf_result *result,
                                  struct kerf_error *error)
{
    const struct {
        const char *name;
        enum kerf_status (*write)(struct kerf_result_writer *, struct kerf_error *); /* NULL: not asked for */
    } groups[] = {{"summary", kerf_result_write_summary},
                  {"percentiles", result->report->measured ? kerf_result_write_percentiles : NULL},
                  {"requests", kerf_result_write_requests},
                  {"accelerators", kerf_result_write_accelerators},
                  {"placement", kerf_result_write_placement},
                  {"leaves", kerf_result_write_leaves},
                  {"provenance", kerf_result_write_provenance}};
    KERF_TRY(write_head(file, result, error));
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (groups[i].write)
            KERF_TRY(write_group(comm, file, groups[i].name, result, groups[i].write, error));
    return KERF_OK;
}

/* More bytes than the file will have: rows of every table, texts, and the descriptions of all datasets. */
static long long bytes_at_most(const struct kerf_result *result)
{
    enum { DESCRIPTIONS = 512 << 10, NUMBERS_OF_A_ROW = 40 * 8, LEAF = 1024 };
    long long rows = result->accelerators + result->stages;
    for (int i = 0; i < result->cases; i++)
        rows += result->result_case[i].request_count;
    return DESCRIPTIONS + rows * NUMBERS_OF_A_ROW + (long long)result->report->leaves * LEAF +
           (long long)strlen(result->scenario_text) + (long long)strlen(result->scenario_resolved);
}

enum kerf_status kerf_result_write(MPI_Comm comm, const char *path, const struct kerf_result *result,
                                   struct kerf_error *error)
{
    const struct kerf_part_file part = part_of(comm, path);
    hid_t file;
    enum kerf_status status = kerf_part_create(&part, bytes_at_most(result), 0, &file, error);
    if (status == KERF_OK)
        status = kerf_part_close(&part, file, write_all(comm, file, result, error), error);
    if (status == KERF_OK)
        status = kerf_part_publish(&part, false, error);
    if (status != KERF_OK)
        kerf_part_discard(&part);
    return status;
}
