/* The io room: writes a checkpoint in parallel. The LPs are packed twice, first to know how long each row is
 * and then to write it, so that no rank needs memory for all of them and the room for the file is known. */
#include "sim/engine/agree.h"
#include "sim/engine/cut.h"
#include "sim/io/checkpoint.h"
#include "sim/io/checkpoint_layout.h"
#include "sim/io/hdf5_table.h"
#include "sim/io/part_file.h"
#include "sim/io/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

struct writer {
    struct kerf_part_file part;
    const struct kerf_cut *cut;
    const struct kerf_checkpoint_about *about;
    struct kerf_checkpoint_row *row; /* owned: one per LP of this rank */
    uint64_t rows, bytes;            /* of this rank */
    uint64_t first_row, first_byte;  /* where they begin */
    uint64_t bytes_most;             /* of any rank */
    struct kerf_pack pack;           /* owned */
    bool pack_is_all;                /* it holds all rows of this rank: no need to pack again */
};

static struct kerf_part_file part_of(MPI_Comm comm, const char *path)
{
    return (struct kerf_part_file){
        .comm = comm, .what = "checkpoint", .example = "checkpoint.h5", .path = path};
}

enum kerf_status kerf_checkpoint_prepare(MPI_Comm comm, const char *path, struct kerf_error *error)
{
    const struct kerf_part_file part = part_of(comm, path);
    enum kerf_status status = kerf_part_reserve(&part, error);
    if (status == KERF_ERR_FAILURE) {
        kerf_error_prefix(error, "--checkpoint needs a file in a folder that exists and may be written to: ");
        status = error->status = KERF_ERR_USAGE;
    }
    if (status == KERF_OK)
        kerf_part_discard(&part);
    return status;
}

/* Fills the rows, each with an offset from this rank's first byte. */
static enum kerf_status measure(struct writer *w, struct kerf_error *error)
{
    w->rows = kerf_cut_lps(w->cut);
    w->row = malloc((size_t)(w->rows + 1) * sizeof *w->row);
    KERF_CHECK(w->row, KERF_ERR_FAILURE, "out of memory for a checkpoint of %llu LPs",
               (unsigned long long)w->rows);
    w->pack_is_all = true;
    for (uint32_t k = 0; k < w->rows; k++) {
        size_t start = w->pack.bytes;
        kerf_cut_pack(w->cut, k, &w->pack);
        KERF_CHECK(!w->pack.failed, KERF_ERR_FAILURE, "out of memory for a checkpoint of LP %u",
                   kerf_cut_id(w->cut, k));
        size_t bytes = w->pack.bytes - start;
        w->row[k] = (struct kerf_checkpoint_row){.id = kerf_cut_id(w->cut, k),
                                                 .offset = w->bytes,
                                                 .bytes = bytes,
                                                 .checksum = XXH3_64bits(w->pack.data + start, bytes)};
        w->bytes += bytes;
        if (w->pack.bytes > KERF_SLAB_BYTES) {
            w->pack.bytes = 0;
            w->pack_is_all = false;
        }
    }
    return KERF_OK;
}

/* Rows of different ranks lie one after another. */
static void place(struct writer *w, struct kerf_checkpoint_about *about)
{
    uint64_t here[2] = {w->rows, w->bytes}, before[2] = {0, 0}, all[2];
    int rank;
    MPI_Comm_rank(w->part.comm, &rank);
    MPI_Exscan(here, before, 2, MPI_UINT64_T, MPI_SUM, w->part.comm);
    MPI_Allreduce(here, all, 2, MPI_UINT64_T, MPI_SUM, w->part.comm);
    MPI_Allreduce(&w->bytes, &w->bytes_most, 1, MPI_UINT64_T, MPI_MAX, w->part.comm);
    w->first_row = rank == 0 ? 0 : before[0];
    w->first_byte = rank == 0 ? 0 : before[1];
    about->rows = all[0];
    about->bytes = all[1];
    for (uint64_t k = 0; k < w->rows; k++)
        w->row[k].offset += w->first_byte;
}

/* More bytes than the file will have. */
static long long bytes_at_most(const struct kerf_checkpoint_about *about)
{
    enum { DESCRIPTIONS = 256 << 10 };
    size_t texts = strlen(about->scenario_text) + strlen(about->scenario_resolved) + strlen(about->overrides);
    return DESCRIPTIONS + (long long)texts +
           (long long)(about->rows * sizeof(struct kerf_checkpoint_row) + about->bytes);
}

static enum kerf_status write_about(hid_t file, const struct kerf_checkpoint_about *about,
                                    struct kerf_error *error)
{
    char shape[32], catalog_hash[32];
    snprintf(shape, sizeof shape, "%016llx", (unsigned long long)about->shape);
    snprintf(catalog_hash, sizeof catalog_hash, "%016llx", (unsigned long long)about->catalog_hash);
    const char *const attributes[][2] = {{"kerf_version", about->version},
                                         {"title", about->title},
                                         {"date", about->date},
                                         {"scenario_path", about->scenario_path},
                                         {"catalog", about->catalog},
                                         {"catalog_hash", catalog_hash},
                                         {"shape", shape}};
    const char *const texts[][3] = {
        {"scenario", "the scenario file as given", about->scenario_text},
        {"overrides", "what --set changed, one KEY=VALUE per line", about->overrides},
        {"scenario_resolved", "the scenario with every default and override", about->scenario_resolved}};
    KERF_TRY(kerf_attribute_integer(file, "layout_version", KERF_CHECKPOINT_LAYOUT, error));
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        KERF_TRY(kerf_attribute_text(file, attributes[i][0], attributes[i][1], error));
    KERF_TRY(kerf_attribute_integer(file, "folded", about->folded, error));
    KERF_TRY(kerf_attribute_integer(file, "restarts", about->restarts, error));
    KERF_TRY(kerf_attribute_integer(file, "ranks", about->ranks, error));
    KERF_TRY(kerf_attribute_integer(file, "time_ps", about->time, error));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        KERF_TRY(kerf_table_text(file, texts[i][0], texts[i][1], texts[i][2], error));
    return KERF_OK;
}

/* A dataset without fill values, and with its room in the file from the start. */
static hid_t make_dataset(hid_t file, const char *name, hid_t type, uint64_t count)
{
    hsize_t total = count;
    hid_t space = H5Screate_simple(1, &total, NULL), make = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_fill_time(make, H5D_FILL_TIME_NEVER);
    H5Pset_alloc_time(make, H5D_ALLOC_TIME_EARLY);
    H5Pset_obj_track_times(make, 0);
    hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, make, H5P_DEFAULT);
    H5Pclose(make);
    H5Sclose(space);
    return dataset;
}

/* The bytes of this rank as a stream, a slab at a time. */
struct stream {
    uint32_t next; /* LP */
    size_t sent;   /* bytes of the pack that are written */
};

/* Fills the pack up to a slab, or with all that is left. */
static void fill(struct writer *w, struct stream *stream)
{
    if (w->pack_is_all)
        return;
    memmove(w->pack.data, w->pack.data + stream->sent, w->pack.bytes - stream->sent);
    w->pack.bytes -= stream->sent;
    stream->sent = 0;
    while (stream->next < w->rows && w->pack.bytes < KERF_SLAB_BYTES)
        kerf_cut_pack(w->cut, stream->next++, &w->pack);
}

/* Every rank takes part in as many rounds as the one with the most bytes. */
static enum kerf_status write_data(struct writer *w, hid_t dataset, struct kerf_error *error)
{
    struct stream stream = {0};
    herr_t written = 0;
    bool packed = true;
    if (!w->pack_is_all)
        w->pack.bytes = 0;
    for (uint64_t done = 0; done < w->bytes_most; done += KERF_SLAB_BYTES) {
        uint64_t left = done < w->bytes ? w->bytes - done : 0;
        uint64_t count = left < KERF_SLAB_BYTES ? left : KERF_SLAB_BYTES;
        if (count > 0)
            fill(w, &stream);
        packed = packed && !w->pack.failed && w->pack.bytes - stream.sent >= count;
        if (kerf_checkpoint_write_slab(dataset, H5T_NATIVE_UINT8, w->first_byte + done, packed ? count : 0,
                                       w->pack.data + stream.sent) < 0)
            written = -1;
        stream.sent += packed ? count : 0;
    }
    KERF_CHECK(packed, KERF_ERR_FAILURE, "out of memory");
    KERF_CHECK(written >= 0, KERF_ERR_FAILURE, "cannot write /data");
    return KERF_OK;
}

static enum kerf_status write_datasets(struct writer *w, hid_t file, struct kerf_error *error)
{
    hid_t type = kerf_checkpoint_row_type();
    hid_t index = make_dataset(file, "index", type, w->about->rows);
    hid_t data = make_dataset(file, "data", H5T_NATIVE_UINT8, w->about->bytes);
    enum kerf_status status = KERF_OK;
    if (index < 0 || data < 0)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "cannot make its datasets");
    status = kerf_error_agree(w->part.comm, status, error); /* what follows is collective */
    if (status == KERF_OK) /* creating the file gave back what was reserved before */
        status = kerf_part_find_room(&w->part, bytes_at_most(w->about), error);
    if (status == KERF_OK && w->about->rows > 0 &&
        kerf_checkpoint_write_slab(index, type, w->first_row, w->rows, w->row) < 0)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "cannot write /index");
    status = kerf_error_agree(w->part.comm, status, error);
    if (status == KERF_OK)
        status = write_data(w, data, error);
    if (data >= 0 && H5Dclose(data) < 0 && status == KERF_OK)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "cannot write /data");
    if (index >= 0 && H5Dclose(index) < 0 && status == KERF_OK)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "cannot write /index");
    H5Tclose(type);
    return status;
}

static enum kerf_status write_file(struct writer *w, struct kerf_error *error)
{
    hid_t file;
    char name[4096];
    KERF_TRY(kerf_part_create(&w->part, bytes_at_most(w->about), KERF_SEAL_BYTES, &file, error));
    enum kerf_status status = kerf_error_agree(w->part.comm, write_about(file, w->about, error), error);
    if (status == KERF_OK)
        status = write_datasets(w, file, error);
    KERF_TRY(kerf_part_close(&w->part, file, status, error));
    snprintf(name, sizeof name, "%s.part", w->part.path);
    KERF_TRY(kerf_seal_write(w->part.comm, name, error));
    return kerf_part_publish(&w->part, true, error);
}

/* What only the writer knows; rank 0 reads the clock for all. */
static void complete(struct kerf_checkpoint_about *about, MPI_Comm comm, const struct kerf_engine *engine)
{
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    memset(about->date, 0, sizeof about->date);
    strftime(about->date, sizeof about->date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    MPI_Bcast(about->date, sizeof about->date, MPI_CHAR, 0, comm);
    MPI_Comm_size(comm, &about->ranks);
    about->time = kerf_cut_time(engine);
    about->shape = kerf_cut_shape(engine);
}

enum kerf_status kerf_checkpoint_write(MPI_Comm comm, const char *path, const struct kerf_engine *engine,
                                       struct kerf_checkpoint_about *about, struct kerf_error *error)
{
    struct kerf_cut *cut = NULL;
    struct writer w = {.part = part_of(comm, path), .about = about};
    complete(about, comm, engine);
    enum kerf_status status = kerf_cut_open(engine, &cut, error);
    w.cut = cut;
    if (status == KERF_OK)
        status = measure(&w, error);
    status = kerf_error_agree(comm, status, error);
    if (status == KERF_OK) {
        place(&w, about);
        status = write_file(&w, error);
        if (status != KERF_OK)
            kerf_part_discard(&w.part);
    }
    kerf_pack_free(&w.pack);
    free(w.row);
    kerf_cut_close(cut);
    return status;
}
