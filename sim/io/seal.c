/* The io room: the length and checksum of a whole file, kept in its first block. Knows nothing of what the
 * file holds. */
#define _GNU_SOURCE /* pread and pwrite */
#include "sim/io/seal.h"

#include "sim/engine/agree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { SLICE_BYTES = 4 << 20, MAGIC_BYTES = 8, TEXT_BYTES = 64 };

static const char magic[MAGIC_BYTES + 1] = "KERFCKPT";
static const char hdf5_magic[MAGIC_BYTES + 1] = "\x89HDF\r\n\x1a\n";

/* The block. Magic, text and place of `own` are for ever; the rest may change with the layout. */
struct seal {
    char magic[MAGIC_BYTES];
    char text[TEXT_BYTES]; /* for a person who looks at the file */
    uint64_t layout, file_bytes, checksum;
    unsigned char zero[KERF_SEAL_BYTES - MAGIC_BYTES - TEXT_BYTES - 4 * sizeof(uint64_t)];
    uint64_t own; /* checksum of all before it */
};

static uint64_t own_checksum(const struct seal *seal)
{
    return XXH3_64bits(seal, offsetof(struct seal, own));
}

static enum kerf_status read_bytes(int file, const char *path, off_t at, size_t bytes, unsigned char *data,
                                   struct kerf_error *error)
{
    for (size_t got = 0; got < bytes;) {
        ssize_t more = pread(file, data + got, bytes - got, at + (off_t)got);
        if (more < 0 && errno == EINTR)
            continue;
        KERF_CHECK(more > 0, KERF_ERR_FAILURE, "%s: cannot be read: %s", path,
                   more < 0 ? strerror(errno) : "it became shorter");
        got += (size_t)more;
    }
    return KERF_OK;
}

/* Checksums of slices first .. end-1 of what follows the seal. */
static enum kerf_status hash_slices(const char *path, off_t file_bytes, int first, int end, uint64_t *hash,
                                    struct kerf_error *error)
{
    if (first == end)
        return KERF_OK;
    int file = open(path, O_RDONLY);
    unsigned char *data = malloc(SLICE_BYTES);
    enum kerf_status status = KERF_OK;
    if (file < 0)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "%s: %s", path, strerror(errno));
    else if (!data)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "%s: out of memory for its checksum", path);
    for (int i = first; i < end && status == KERF_OK; i++) {
        off_t at = KERF_SEAL_BYTES + (off_t)i * SLICE_BYTES, left = file_bytes - at;
        size_t bytes = left < SLICE_BYTES ? (size_t)left : SLICE_BYTES;
        status = read_bytes(file, path, at, bytes, data, error);
        hash[i - first] = XXH3_64bits(data, bytes);
    }
    free(data);
    if (file >= 0)
        close(file);
    return status;
}

static int share_of(int slices, int rank, int ranks)
{
    return (int)((long long)slices * rank / ranks);
}

/* Checksum of the checksums of all slices, in their order; known on rank 0. Collective. */
static enum kerf_status checksum_of(MPI_Comm comm, const char *path, off_t file_bytes, uint64_t *checksum,
                                    struct kerf_error *error)
{
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    int slices = (int)((file_bytes - KERF_SEAL_BYTES + SLICE_BYTES - 1) / SLICE_BYTES);
    int first = share_of(slices, rank, ranks), end = share_of(slices, rank + 1, ranks);
    uint64_t *here = calloc((size_t)(end - first) + 1, sizeof *here);
    uint64_t *all = calloc(rank == 0 ? (size_t)slices + 1 : 1, sizeof *all);
    int *place = calloc(2 * (size_t)ranks, sizeof *place), *count = place + ranks;
    enum kerf_status status =
        here && all && place
            ? hash_slices(path, file_bytes, first, end, here, error)
            : kerf_error_set(error, KERF_ERR_FAILURE, "%s: out of memory for its checksum", path);
    status = kerf_error_agree(comm, status, error);
    for (int i = 0; i < ranks && status == KERF_OK; i++) {
        place[i] = share_of(slices, i, ranks);
        count[i] = share_of(slices, i + 1, ranks) - place[i];
    }
    if (status == KERF_OK)
        MPI_Gatherv(here, end - first, MPI_UINT64_T, all, count, place, MPI_UINT64_T, 0, comm);
    if (status == KERF_OK && rank == 0)
        *checksum = XXH3_64bits(all, (size_t)slices * sizeof *all);
    free(place);
    free(all);
    free(here);
    return status;
}

static enum kerf_status length_of(const char *path, int64_t *bytes, struct kerf_error *error)
{
    struct stat facts;
    KERF_CHECK(stat(path, &facts) == 0, KERF_ERR_FAILURE, "%s: %s", path, strerror(errno));
    KERF_CHECK(S_ISREG(facts.st_mode), KERF_ERR_FAILURE, "%s: is not a file", path);
    *bytes = facts.st_size;
    return KERF_OK;
}

static enum kerf_status write_block(const char *path, int64_t bytes, uint64_t checksum,
                                    struct kerf_error *error)
{
    struct seal seal = {.text = "\n\nA checkpoint of a Kerf run; `kerf show FILE` says which.\n\n",
                        .layout = KERF_SEAL_LAYOUT,
                        .file_bytes = (uint64_t)bytes,
                        .checksum = checksum};
    memcpy(seal.magic, magic, MAGIC_BYTES);
    seal.own = own_checksum(&seal);
    int file = open(path, O_WRONLY);
    ssize_t written = file < 0 ? -1 : pwrite(file, &seal, sizeof seal, 0);
    int why = errno;
    if (file >= 0)
        close(file);
    KERF_CHECK(written == (ssize_t)sizeof seal, KERF_ERR_FAILURE, "%s: cannot be sealed: %s", path,
               written < 0 ? strerror(why) : "is the disk full?");
    return KERF_OK;
}

enum kerf_status kerf_seal_write(MPI_Comm comm, const char *path, struct kerf_error *error)
{
    int rank;
    int64_t bytes = 0;
    uint64_t checksum = 0;
    MPI_Comm_rank(comm, &rank);
    enum kerf_status status = rank == 0 ? length_of(path, &bytes, error) : KERF_OK;
    KERF_TRY(kerf_error_share(comm, 0, status, error));
    MPI_Bcast(&bytes, 1, MPI_INT64_T, 0, comm);
    KERF_TRY(checksum_of(comm, path, (off_t)bytes, &checksum, error));
    status = rank == 0 ? write_block(path, bytes, checksum, error) : KERF_OK;
    return kerf_error_share(comm, 0, status, error);
}

/* Reads the block and checks what it says of itself and of the length. */
static enum kerf_status check_block(const char *path, struct seal *seal, struct kerf_error *error)
{
    int64_t bytes = 0;
    *seal = (struct seal){.layout = 0};
    KERF_TRY(length_of(path, &bytes, error));
    int file = open(path, O_RDONLY);
    KERF_CHECK(file >= 0, KERF_ERR_FAILURE, "%s: %s", path, strerror(errno));
    size_t head = bytes < KERF_SEAL_BYTES ? (size_t)bytes : KERF_SEAL_BYTES;
    enum kerf_status status = read_bytes(file, path, 0, head, (unsigned char *)seal, error);
    close(file);
    KERF_TRY(status);
    KERF_CHECK(bytes > 0, KERF_ERR_FAILURE, "%s: is empty: not a checkpoint", path);
    KERF_CHECK(memcmp(seal->magic, hdf5_magic, MAGIC_BYTES) != 0, KERF_ERR_FAILURE,
               "%s: is an HDF5 file, but not a checkpoint (a result?)", path);
    KERF_CHECK(memcmp(seal->magic, magic, head < MAGIC_BYTES ? head : MAGIC_BYTES) == 0, KERF_ERR_FAILURE,
               "%s: is not a checkpoint, or one that was never finished", path);
    KERF_CHECK(bytes >= KERF_SEAL_BYTES, KERF_ERR_FAILURE,
               "%s: is %lld bytes long, should be longer than %d: truncated", path, (long long)bytes,
               KERF_SEAL_BYTES);
    KERF_CHECK(seal->own == own_checksum(seal), KERF_ERR_FAILURE,
               "%s: the checksum of its first block does not fit: damaged", path);
    KERF_CHECK(seal->layout == KERF_SEAL_LAYOUT, KERF_ERR_FAILURE,
               "%s: has checkpoint layout %llu; this kerf reads layout %d", path,
               (unsigned long long)seal->layout, KERF_SEAL_LAYOUT);
    KERF_CHECK((uint64_t)bytes == seal->file_bytes, KERF_ERR_FAILURE,
               "%s: is %lld bytes long, should be %llu: %s", path, (long long)bytes,
               (unsigned long long)seal->file_bytes,
               (uint64_t)bytes < seal->file_bytes ? "truncated" : "something was added");
    return KERF_OK;
}

enum kerf_status kerf_seal_check(MPI_Comm comm, const char *path, struct kerf_error *error)
{
    int rank;
    struct seal seal = {.layout = 0};
    uint64_t checksum = 0;
    MPI_Comm_rank(comm, &rank);
    enum kerf_status status = rank == 0 ? check_block(path, &seal, error) : KERF_OK;
    KERF_TRY(kerf_error_share(comm, 0, status, error));
    MPI_Bcast(&seal, sizeof seal, MPI_BYTE, 0, comm);
    KERF_TRY(checksum_of(comm, path, (off_t)seal.file_bytes, &checksum, error));
    if (rank == 0 && checksum != seal.checksum)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "%s: its checksum does not fit: damaged", path);
    return kerf_error_share(comm, 0, status, error);
}

bool kerf_seal_is(const char *path)
{
    char start[MAGIC_BYTES];
    int file = open(path, O_RDONLY);
    bool is = file >= 0 && pread(file, start, sizeof start, 0) == (ssize_t)sizeof start &&
              memcmp(start, magic, MAGIC_BYTES) == 0;
    if (file >= 0)
        close(file);
    return is;
}
