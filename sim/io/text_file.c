/* The io room: files that every rank needs are read by one. */
#include "sim/io/text_file.h"

#include "sim/engine/agree.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const long long largest_text_bytes = 256LL << 20;

static enum kerf_status read_here(const char *path, char **text, struct kerf_error *error)
{
    struct stat facts;
    KERF_CHECK(stat(path, &facts) == 0, KERF_ERR_FAILURE, "%s: %s", path, strerror(errno));
    KERF_CHECK(!S_ISDIR(facts.st_mode), KERF_ERR_FAILURE, "%s: is a directory, a file is wanted", path);
    KERF_CHECK(facts.st_size <= largest_text_bytes, KERF_ERR_FAILURE,
               "%s: %lld bytes is too large for a text file", path, (long long)facts.st_size);
    FILE *file = fopen(path, "rb");
    KERF_CHECK(file, KERF_ERR_FAILURE, "%s: %s", path, strerror(errno));
    size_t size = (size_t)facts.st_size;
    char *bytes = malloc(size + 1);
    size_t got = bytes ? fread(bytes, 1, size, file) : 0;
    fclose(file);
    if (!bytes || got != size) {
        free(bytes);
        return kerf_error_set(error, KERF_ERR_FAILURE, "%s: cannot read it whole", path);
    }
    bytes[size] = '\0';
    if (strlen(bytes) != size) {
        free(bytes);
        return kerf_error_set(error, KERF_ERR_FAILURE, "%s: holds a zero byte: not a text file", path);
    }
    *text = bytes;
    return KERF_OK;
}

enum kerf_status kerf_text_file_read(MPI_Comm comm, const char *path, char **text, struct kerf_error *error)
{
    if (comm == MPI_COMM_NULL)
        return read_here(path, text, error);
    int rank;
    MPI_Comm_rank(comm, &rank);
    char *bytes = NULL;
    enum kerf_status status = rank == 0 ? read_here(path, &bytes, error) : KERF_OK;
    KERF_TRY(kerf_error_share(comm, 0, status, error));
    int size = rank == 0 ? (int)strlen(bytes) + 1 : 0;
    MPI_Bcast(&size, 1, MPI_INT, 0, comm);
    if (rank != 0)
        bytes = malloc((size_t)size);
    KERF_CHECK(bytes, KERF_ERR_FAILURE, "%s: out of memory", path);
    MPI_Bcast(bytes, size, MPI_CHAR, 0, comm);
    *text = bytes;
    return KERF_OK;
}

enum kerf_status kerf_text_file_write(const char *path, void (*write)(FILE *out, const void *content),
                                      const void *content, struct kerf_error *error)
{
    char part[4096];
    KERF_CHECK(snprintf(part, sizeof part, "%s.part", path) < (int)sizeof part, KERF_ERR_USAGE,
               "output %s: the path is too long", path);
    FILE *file = fopen(part, "w");
    KERF_CHECK(file, KERF_ERR_FAILURE, "output %s: cannot be written: %s", path, strerror(errno));
    write(file, content);
    bool written = !ferror(file);
    written = fclose(file) == 0 && written;
    if (!written || rename(part, path) != 0) {
        kerf_error_set(error, KERF_ERR_FAILURE, "output %s: cannot be written: %s", path, strerror(errno));
        unlink(part);
        return KERF_ERR_FAILURE;
    }
    return KERF_OK;
}
