/* The io room: writes a result file in parallel. */
#include "sim/engine/agree.h"
#include "sim/io/result_columns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LAYOUT_VERSION = 1, PATH_BYTES = 4096 };

static enum kerf_status reserve(const char *path, struct kerf_error *error)
{
    char part[PATH_BYTES];
    struct stat facts;
    KERF_CHECK(*path, KERF_ERR_USAGE, "--output needs the name of a file, such as result.h5");
    KERF_CHECK(strlen(path) + 6 < sizeof part, KERF_ERR_USAGE, "output %s: the path is too long", path);
    KERF_CHECK(stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode), KERF_ERR_USAGE,
               "output %s: is a directory; give a file name, such as %s/result.h5", path, path);
    snprintf(part, sizeof part, "%s.part", path);
    int file = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    KERF_CHECK(file >= 0, KERF_ERR_FAILURE, "output %s: cannot be written: %s", path, strerror(errno));
    close(file);
    return KERF_OK;
}

enum kerf_status kerf_result_prepare(MPI_Comm comm, const char *path, struct kerf_error *error)
{
    int rank;
    MPI_Comm_rank(comm, &rank);
    return kerf_error_share(comm, 0, rank == 0 ? reserve(path, error) : KERF_OK, error);
}

void kerf_result_discard(MPI_Comm comm, const char *path)
{
    int rank;
    char part[PATH_BYTES];
    MPI_Comm_rank(comm, &rank);
    snprintf(part, sizeof part, "%s.part", path);
    if (rank == 0)
        unlink(part);
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
    static const struct {
        const char *name;
        enum kerf_status (*write)(struct kerf_result_writer *, struct kerf_error *);
    } groups[] = {{"summary", kerf_result_write_summary},
                  {"requests", kerf_result_write_requests},
                  {"accelerators", kerf_result_write_accelerators},
                  {"placement", kerf_result_write_placement},
                  {"leaves", kerf_result_write_leaves},
                  {"provenance", kerf_result_write_provenance}};
    KERF_TRY(write_head(file, result, error));
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        KERF_TRY(write_group(comm, file, groups[i].name, result, groups[i].write, error));
    return KERF_OK;
}

/* More bytes than the file will have: rows of every table, texts, and the descriptions of all datasets. */
static off_t bytes_at_most(const struct kerf_result *result)
{
    enum { DESCRIPTIONS = 512 << 10, NUMBERS_OF_A_ROW = 40 * 8, LEAF = 1024 };
    long long rows = result->accelerators + result->stages;
    for (int i = 0; i < result->cases; i++)
        rows += result->result_case[i].request_count;
    return (off_t)(DESCRIPTIONS + rows * NUMBERS_OF_A_ROW + (long long)result->report->leaves * LEAF +
                   (long long)strlen(result->scenario_text) + (long long)strlen(result->scenario_resolved));
}

/* Makes sure that the disk has `bytes` for the file. MPI-IO and HDF5 cannot be asked afterwards: on a disk
 * that fills up, Open MPI's collective writes drop the error on several ranks, and HDF5 does not survive a
 * close that failed. */
static enum kerf_status find_room(const char *part, const char *path, off_t bytes, struct kerf_error *error)
{
    int file = open(part, O_WRONLY | O_CREAT, 0666);
    int why = file < 0 ? errno : posix_fallocate(file, 0, bytes);
    if (file >= 0)
        close(file);
    /* EOPNOTSUPP and EINVAL: a file system that cannot reserve */
    KERF_CHECK(why == 0 || why == EOPNOTSUPP || why == EINVAL, KERF_ERR_FAILURE,
               "output %s: no room for up to %lld bytes (is the disk full?): %s", path, (long long)bytes,
               strerror(why));
    return KERF_OK;
}

static hid_t create_file(MPI_Comm comm, const char *part)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), make = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_fapl_mpio(access, comm, MPI_INFO_NULL);
    H5Pset_coll_metadata_write(access, 1);
    H5Pset_all_coll_metadata_ops(access, 1);
    hid_t file = H5Fcreate(part, H5F_ACC_TRUNC, make, access);
    H5Pclose(make);
    H5Pclose(access);
    return file;
}

/* Makes the complete file durable, then gives it its name. */
static enum kerf_status publish(const char *part, const char *path, struct kerf_error *error)
{
    struct stat facts;
    int file = open(part, O_RDWR), why = file < 0 ? errno : 0;
    if (file >= 0 && fstat(file, &facts) == 0)
        why = posix_fallocate(file, 0, facts.st_size); /* what a lost write left out has no room still */
    bool synced = file >= 0 && (why == 0 || why == EOPNOTSUPP || why == EINVAL) && fsync(file) == 0;
    why = why ? why : errno;
    if (file >= 0)
        close(file);
    KERF_CHECK(synced, KERF_ERR_FAILURE, "output %s: cannot be made durable: %s", path, strerror(why));
    KERF_CHECK(rename(part, path) == 0, KERF_ERR_FAILURE, "output %s: %s", path, strerror(errno));
    return KERF_OK;
}

enum kerf_status kerf_result_write(MPI_Comm comm, const char *path, const struct kerf_result *result,
                                   struct kerf_error *error)
{
    char part[PATH_BYTES];
    int rank;
    MPI_Comm_rank(comm, &rank);
    snprintf(part, sizeof part, "%s.part", path);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* our own messages instead of HDF5's stack */
    enum kerf_status status = rank == 0 ? find_room(part, path, bytes_at_most(result), error) : KERF_OK;
    status = kerf_error_share(comm, 0, status, error);
    if (status != KERF_OK) {
        kerf_result_discard(comm, path);
        return status;
    }
    hid_t file = create_file(comm, part);
    status = file >= 0 ? write_all(comm, file, result, error)
                       : kerf_error_set(error, KERF_ERR_FAILURE, "cannot create it");
    if (file >= 0 && H5Fclose(file) < 0 && status == KERF_OK)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "cannot write all of it");
    if (status != KERF_OK)
        kerf_error_prefix(error, "output %s: (is the disk full?) ", path);
    status = kerf_error_agree(comm, status, error);
    if (status == KERF_OK)
        status = kerf_error_share(comm, 0, rank == 0 ? publish(part, path, error) : KERF_OK, error);
    if (status != KERF_OK)
        kerf_result_discard(comm, path);
    return status;
}
