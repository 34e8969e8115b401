/* The io room: reads the report back from a result file, on one process. */
#include "sim/io/hdf5_read.h"
#include "sim/io/result.h"

#include <errno.h>
#include <hdf5.h>
#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LAYOUT_VERSION = 1, CELLS_MOST = 1 << 24 };

/* Reads `count` fixed-length texts into cells of `stride` bytes apart. */
static enum kerf_status read_texts(hid_t file, const char *name, long long count, void *first, size_t stride,
                                   size_t text_bytes, struct kerf_error *error)
{
    size_t cell = KERF_REPORT_TEXT_BYTES;
    char *cells = calloc((size_t)count + 1, cell);
    hid_t type = H5Tcopy(H5T_C_S1), dataset = H5Dopen2(file, name, H5P_DEFAULT);
    H5Tset_size(type, cell);
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    bool whole = cells && dataset >= 0 && kerf_hdf5_count(file, name) == count &&
                 H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, cells) >= 0;
    for (long long i = 0; i < count && whole; i++)
        snprintf((char *)first + (size_t)i * stride, text_bytes, "%.*s", (int)cell - 1,
                 cells + (size_t)i * cell);
    if (dataset >= 0)
        H5Dclose(dataset);
    H5Tclose(type);
    free(cells);
    KERF_CHECK(whole, KERF_ERR_FAILURE, "%s is missing or damaged", name);
    return KERF_OK;
}

static enum kerf_status read_head(hid_t file, struct kerf_report *report,
                                  char baseline[KERF_REPORT_TEXT_BYTES], struct kerf_error *error)
{
    long long version, metrics;
    char digest[32];
    KERF_TRY(kerf_hdf5_attribute_integer(file, "layout_version", &version, error));
    KERF_CHECK(version == LAYOUT_VERSION, KERF_ERR_FAILURE, "layout version %lld; this kerf reads version %d",
               version, LAYOUT_VERSION);
    KERF_TRY(kerf_hdf5_attribute_text(file, "title", report->title, sizeof report->title, error));
    KERF_TRY(kerf_hdf5_attribute_text(file, "network", report->network, sizeof report->network, error));
    KERF_TRY(kerf_hdf5_attribute_text(file, "baseline", baseline, KERF_REPORT_TEXT_BYTES, error));
    KERF_TRY(kerf_hdf5_attribute_text(file, "digest", digest, sizeof digest, error));
    KERF_TRY(kerf_hdf5_attribute_integer(file, "seed", &report->seed, error));
    KERF_TRY(kerf_hdf5_attribute_integer(file, "metrics", &metrics, error));
    report->digest = strtoull(digest, NULL, 16);
    report->metrics = (unsigned)metrics;
    return KERF_OK;
}

static enum kerf_status read_field(hid_t file, const struct kerf_summary_field *field,
                                   struct kerf_report *report, struct kerf_error *error)
{
    char name[96];
    const int width = field->parts > 0 ? field->parts : 1;
    snprintf(name, sizeof name, "/summary/%s", field->name);
    long long count = (long long)report->systems * report->columns * width;
    double *values = calloc((size_t)count, sizeof *values);
    KERF_CHECK(values, KERF_ERR_FAILURE, "out of memory for %s", name);
    bool older = field->later && kerf_hdf5_count(file, name) < 0;
    for (long long i = 0; i < count && older; i++)
        values[i] = NAN;
    enum kerf_status status = older ? KERF_OK : kerf_hdf5_doubles(file, name, count, values, error);
    for (long long i = 0; i < count / width && status == KERF_OK; i++) {
        struct kerf_summary *summary = &report->system[i / report->columns].column[i % report->columns];
        memcpy((char *)summary + field->offset, values + i * width, (size_t)width * sizeof *values);
    }
    free(values);
    return status;
}

static enum kerf_status read_systems(hid_t file, struct kerf_report *report, struct kerf_error *error)
{
    struct kerf_report_system *first = report->system;
    size_t stride = sizeof *first, bytes = KERF_REPORT_TEXT_BYTES;
    KERF_TRY(read_texts(file, "/summary/system", report->systems, first->name, stride, bytes, error));
    KERF_TRY(read_texts(file, "/summary/title", report->systems, first->title, stride, bytes, error));
    KERF_TRY(read_texts(file, "/summary/hardware", report->systems, first->hardware, stride, bytes, error));
    KERF_TRY(read_texts(file, "/summary/claim", report->systems, first->claim, stride, bytes, error));
    for (int i = 0; i < kerf_summary_field_count; i++)
        KERF_TRY(read_field(file, &kerf_summary_fields[i], report, error));
    for (int metric = 0; metric < KERF_METRIC_COUNT; metric++) {
        double values[KERF_SYSTEMS_MAX];
        char name[96];
        snprintf(name, sizeof name, "/summary/published_%s", kerf_metric_names[metric]);
        KERF_TRY(kerf_hdf5_doubles(file, name, report->systems, values, error));
        for (int i = 0; i < report->systems; i++)
            report->system[i].published[metric] = values[i];
    }
    return KERF_OK;
}

static enum kerf_status read_leaves(hid_t file, struct kerf_report *report, struct kerf_error *error)
{
    static const char *const names[] = {"/leaves/value_low_column", "/leaves/value_nominal",
                                        "/leaves/value_high_column"};
    long long count = kerf_hdf5_count(file, "/leaves/key");
    KERF_CHECK(count >= 0 && count < CELLS_MOST, KERF_ERR_FAILURE, "/leaves/key is missing or damaged");
    struct kerf_report_leaf *leaf = calloc((size_t)count + 1, sizeof *leaf);
    double *values = calloc((size_t)count + 1, sizeof *values);
    report->leaf = leaf;
    report->leaves = (int)count;
    enum kerf_status status =
        leaf && values ? KERF_OK : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory");
    size_t stride = sizeof *leaf, bytes = KERF_REPORT_TEXT_BYTES;
    if (status == KERF_OK)
        status = read_texts(file, "/leaves/entry", count, leaf->entry, stride, bytes, error);
    if (status == KERF_OK)
        status = read_texts(file, "/leaves/key", count, leaf->key, stride, bytes, error);
    if (status == KERF_OK)
        status = read_texts(file, "/leaves/unit", count, leaf->unit, stride, sizeof leaf->unit, error);
    if (status == KERF_OK)
        status = read_texts(file, "/leaves/source", count, leaf->source, stride, sizeof leaf->source, error);
    if (status == KERF_OK)
        status = read_texts(file, "/leaves/confidence", count, leaf->confidence, stride,
                            sizeof leaf->confidence, error);
    for (int which = 0; which <= KERF_COLUMN_COUNT && status == KERF_OK; which++) {
        bool value = which < KERF_COLUMN_COUNT;
        status = kerf_hdf5_doubles(file, value ? names[which] : "/leaves/system", count, values, error);
        for (long long i = 0; i < count && status == KERF_OK; i++) {
            if (value)
                leaf[i].value[which] = values[i];
            else
                leaf[i].system = (int)values[i];
            if (!value && (leaf[i].system < 0 || leaf[i].system >= report->systems))
                status = kerf_error_set(error, KERF_ERR_FAILURE, "/leaves/system is damaged");
        }
    }
    free(values);
    return status;
}

static enum kerf_status read_report(hid_t file, struct kerf_report *report, struct kerf_error *error)
{
    char baseline[KERF_REPORT_TEXT_BYTES];
    KERF_TRY(read_head(file, report, baseline, error));
    report->systems = (int)kerf_hdf5_count(file, "/summary/system");
    report->columns = (int)kerf_hdf5_count(file, "/summary/column");
    KERF_CHECK(report->systems > 0 && report->systems <= KERF_SYSTEMS_MAX, KERF_ERR_FAILURE,
               "/summary/system is missing or damaged");
    KERF_CHECK(report->columns == 1 || report->columns == KERF_COLUMN_COUNT, KERF_ERR_FAILURE,
               "/summary/column is missing or damaged");
    report->nominal = report->columns == 1 ? 0 : KERF_COLUMN_NOMINAL;
    report->system = calloc((size_t)report->systems, sizeof *report->system);
    KERF_CHECK(report->system, KERF_ERR_FAILURE, "out of memory");
    KERF_TRY(read_systems(file, report, error));
    for (report->baseline = 0; report->baseline < report->systems; report->baseline++)
        if (strcmp(report->system[report->baseline].name, baseline) == 0)
            break;
    KERF_CHECK(report->baseline < report->systems, KERF_ERR_FAILURE, "the baseline '%s' is not a system",
               baseline);
    return read_leaves(file, report, error);
}

enum kerf_status kerf_result_read(const char *path, struct kerf_report *report, struct kerf_error *error)
{
    struct stat facts;
    *report = (struct kerf_report){0};
    KERF_CHECK(stat(path, &facts) == 0, KERF_ERR_FAILURE, "%s: %s", path, strerror(errno));
    KERF_CHECK(S_ISREG(facts.st_mode), KERF_ERR_FAILURE, "%s: is not a file", path);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    KERF_CHECK(file >= 0, KERF_ERR_FAILURE,
               "%s: not a whole HDF5 file (truncated, or not a result of kerf run)", path);
    enum kerf_status status = read_report(file, report, error);
    H5Fclose(file);
    if (status != KERF_OK) {
        kerf_report_free(report);
        return kerf_error_prefix(error, "%s: not a kerf result: ", path);
    }
    return KERF_OK;
}
