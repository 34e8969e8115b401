/* The io room: files under a temporary name until they are whole. Knows nothing of what is in them. */
#define _GNU_SOURCE /* fallocate: posix_fallocate writes to every block where a file system cannot reserve   \
                     */
#include "sim/io/part_file.h"

#include "sim/engine/agree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, SUFFIX_BYTES = 10 };

static bool is_first(const struct kerf_part_file *part)
{
    int rank;
    MPI_Comm_rank(part->comm, &rank);
    return rank == 0;
}

static void name_with(const struct kerf_part_file *part, const char *suffix, char name[PATH_BYTES])
{
    snprintf(name, PATH_BYTES, "%s%s", part->path, suffix);
}

static enum kerf_status reserve_here(const struct kerf_part_file *part, struct kerf_error *error)
{
    char name[PATH_BYTES];
    struct stat facts;
    const char *what = part->what, *path = part->path;
    KERF_CHECK(*path, KERF_ERR_USAGE, "--%s needs the name of a file, such as %s", what, part->example);
    KERF_CHECK(strlen(path) + SUFFIX_BYTES < sizeof name, KERF_ERR_USAGE, "%s %s: the path is too long", what,
               path);
    KERF_CHECK(stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode), KERF_ERR_USAGE,
               "%s %s: is a directory; give a file name, such as %s/%s", what, path, path, part->example);
    name_with(part, ".part", name);
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    KERF_CHECK(file >= 0, KERF_ERR_FAILURE, "%s %s: cannot be written: %s", what, path, strerror(errno));
    close(file);
    return KERF_OK;
}

enum kerf_status kerf_part_reserve(const struct kerf_part_file *part, struct kerf_error *error)
{
    return kerf_error_share(part->comm, 0, is_first(part) ? reserve_here(part, error) : KERF_OK, error);
}

void kerf_part_discard(const struct kerf_part_file *part)
{
    char name[PATH_BYTES];
    name_with(part, ".part", name);
    if (is_first(part))
        unlink(name);
    MPI_Barrier(part->comm);
}

/* 0, or why there is no room. A file system that cannot reserve is asked for what is free. */
static int reserve_bytes(int file, off_t bytes)
{
    struct statvfs disk;
    int why = fallocate(file, 0, 0, bytes) == 0 ? 0 : errno;
    if (why != EOPNOTSUPP && why != EINVAL && why != ENOSYS)
        return why;
    bool known = fstatvfs(file, &disk) == 0 && disk.f_blocks > 0;
    return known && (double)disk.f_bavail * (double)disk.f_frsize < (double)bytes ? ENOSPC : 0;
}

static enum kerf_status find_room_here(const struct kerf_part_file *part, long long bytes,
                                       struct kerf_error *error)
{
    char name[PATH_BYTES];
    name_with(part, ".part", name);
    int file = open(name, O_WRONLY | O_CREAT, 0666);
    int why = file < 0 ? errno : reserve_bytes(file, (off_t)bytes);
    if (file >= 0)
        close(file);
    KERF_CHECK(file >= 0, KERF_ERR_FAILURE, "%s %s: cannot be written: %s", part->what, part->path,
               strerror(why));
    KERF_CHECK(why == 0, KERF_ERR_FAILURE, "%s %s: no room for up to %lld bytes (is the disk full?): %s",
               part->what, part->path, bytes, strerror(why));
    return KERF_OK;
}

enum kerf_status kerf_part_find_room(const struct kerf_part_file *part, long long bytes,
                                     struct kerf_error *error)
{
    enum kerf_status status = is_first(part) ? find_room_here(part, bytes, error) : KERF_OK;
    return kerf_error_share(part->comm, 0, status, error);
}

enum kerf_status kerf_part_create(const struct kerf_part_file *part, long long bytes, hsize_t user_block,
                                  hid_t *file, struct kerf_error *error)
{
    char name[PATH_BYTES];
    name_with(part, ".part", name);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* our own messages instead of HDF5's stack */
    KERF_TRY(kerf_part_find_room(part, bytes, error));
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), make = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_fapl_mpio(access, part->comm, MPI_INFO_NULL);
    H5Pset_coll_metadata_write(access, 1);
    H5Pset_all_coll_metadata_ops(access, 1);
    H5Pset_userblock(make, user_block);
    *file = H5Fcreate(name, H5F_ACC_TRUNC, make, access);
    H5Pclose(make);
    H5Pclose(access);
    enum kerf_status status = KERF_OK;
    if (*file < 0)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "%s %s: cannot be created (is the disk full?)",
                                part->what, part->path);
    return kerf_error_agree(part->comm, status, error);
}

enum kerf_status kerf_part_close(const struct kerf_part_file *part, hid_t file, enum kerf_status status,
                                 struct kerf_error *error)
{
    if (H5Fclose(file) < 0 && status == KERF_OK)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "cannot write all of it");
    if (status != KERF_OK)
        kerf_error_prefix(error, "%s %s: (is the disk full?) ", part->what, part->path);
    return kerf_error_agree(part->comm, status, error);
}

/* Every rank: its node may hold what it wrote. */
static enum kerf_status make_durable(const struct kerf_part_file *part, struct kerf_error *error)
{
    char name[PATH_BYTES];
    struct stat facts;
    name_with(part, ".part", name);
    int file = open(name, O_RDWR), why = file < 0 ? errno : 0;
    if (file >= 0 && is_first(part) && fstat(file, &facts) == 0)
        why = reserve_bytes(file, facts.st_size); /* what a lost write left out has no room still */
    bool synced = file >= 0 && why == 0 && fsync(file) == 0;
    why = why ? why : errno;
    if (file >= 0)
        close(file);
    KERF_CHECK(synced, KERF_ERR_FAILURE, "%s %s: cannot be made durable: %s", part->what, part->path,
               strerror(why));
    return KERF_OK;
}

/* The names in a folder are as durable as the folder. Not every file system can do it. */
static void sync_folder(const char *path)
{
    char folder[PATH_BYTES];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int handle = open(slash ? folder : ".", O_RDONLY);
    if (handle < 0)
        return;
    fsync(handle);
    close(handle);
}

static enum kerf_status give_name(const struct kerf_part_file *part, bool keeps_previous,
                                  struct kerf_error *error)
{
    char name[PATH_BYTES], previous[PATH_BYTES], replaced[PATH_BYTES];
    name_with(part, ".part", name);
    name_with(part, ".previous", previous);
    name_with(part, ".replaced", replaced);
    /* By a second name first, so that at every moment the file of one of the two names is whole: the present
     * one may be damaged, and the previous one what was gone on from. */
    bool keeps = keeps_previous && access(part->path, F_OK) == 0;
    unlink(replaced);
    bool linked = keeps && link(part->path, replaced) == 0;
    if (keeps && !linked) /* a file system without second names */
        KERF_CHECK(rename(part->path, previous) == 0, KERF_ERR_FAILURE, "%s %s: cannot keep it as %s: %s",
                   part->what, part->path, previous, strerror(errno));
    KERF_CHECK(rename(name, part->path) == 0, KERF_ERR_FAILURE, "%s %s: %s", part->what, part->path,
               strerror(errno));
    KERF_CHECK(!linked || rename(replaced, previous) == 0, KERF_ERR_FAILURE,
               "%s %s: cannot keep it as %s: %s", part->what, part->path, previous, strerror(errno));
    sync_folder(part->path);
    return KERF_OK;
}

enum kerf_status kerf_part_publish(const struct kerf_part_file *part, bool keeps_previous,
                                   struct kerf_error *error)
{
    KERF_TRY(kerf_error_agree(part->comm, make_durable(part, error), error));
    enum kerf_status status = is_first(part) ? give_name(part, keeps_previous, error) : KERF_OK;
    return kerf_error_share(part->comm, 0, status, error);
}
