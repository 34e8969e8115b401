/* The io room: reads a checkpoint back on any number of ranks, each the rows of its own LPs. */
#include "sim/engine/agree.h"
#include "sim/engine/cut.h"
#include "sim/io/checkpoint.h"
#include "sim/io/checkpoint_layout.h"
#include "sim/io/hdf5_read.h"
#include "sim/io/seal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { ROWS_PER_SLAB = 32768, GAP_BYTES = 64 << 10 };

struct kerf_checkpoint {
    MPI_Comm comm;
    char *path; /* owned */
    hid_t file, index, data;
    struct kerf_checkpoint_about about;
    char *text[3]; /* owned: scenario, overrides, resolved */
};

bool kerf_checkpoint_is(const char *path)
{
    return kerf_seal_is(path);
}

const struct kerf_checkpoint_about *kerf_checkpoint_about(const struct kerf_checkpoint *checkpoint)
{
    return &checkpoint->about;
}

static enum kerf_status read_about(struct kerf_checkpoint *c, struct kerf_error *error)
{
    struct kerf_checkpoint_about *about = &c->about;
    static const char *const texts[] = {"scenario", "overrides", "scenario_resolved"};
    char shape[32], catalog_hash[32];
    long long folded, restarts, ranks, time, version;
    KERF_TRY(kerf_hdf5_attribute_integer(c->file, "layout_version", &version, error));
    KERF_CHECK(version == KERF_CHECKPOINT_LAYOUT, KERF_ERR_FAILURE,
               "has layout version %lld; this kerf reads version %d", version, KERF_CHECKPOINT_LAYOUT);
    const struct {
        const char *name;
        char *text;
        size_t bytes;
    } attributes[] = {{"kerf_version", about->version, sizeof about->version},
                      {"title", about->title, sizeof about->title},
                      {"date", about->date, sizeof about->date},
                      {"scenario_path", about->scenario_path, sizeof about->scenario_path},
                      {"catalog", about->catalog, sizeof about->catalog},
                      {"catalog_hash", catalog_hash, sizeof catalog_hash},
                      {"shape", shape, sizeof shape}};
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        KERF_TRY(kerf_hdf5_attribute_text(c->file, attributes[i].name, attributes[i].text,
                                          attributes[i].bytes, error));
    KERF_TRY(kerf_hdf5_attribute_integer(c->file, "folded", &folded, error));
    KERF_TRY(kerf_hdf5_attribute_integer(c->file, "restarts", &restarts, error));
    KERF_TRY(kerf_hdf5_attribute_integer(c->file, "ranks", &ranks, error));
    KERF_TRY(kerf_hdf5_attribute_integer(c->file, "time_ps", &time, error));
    for (int i = 0; i < 3; i++)
        KERF_TRY(kerf_hdf5_text(c->file, texts[i], &c->text[i], error));
    about->shape = strtoull(shape, NULL, 16);
    about->catalog_hash = strtoull(catalog_hash, NULL, 16);
    about->folded = folded != 0;
    about->restarts = (int)restarts;
    about->ranks = (int)ranks;
    about->time = time;
    about->scenario_text = c->text[0];
    about->overrides = c->text[1];
    about->scenario_resolved = c->text[2];
    return KERF_OK;
}

/* Opens a dataset of one dimension and the wanted type, and tells its length. */
static hid_t open_dataset(hid_t file, const char *name, hid_t wanted, uint64_t *count)
{
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    if (dataset < 0)
        return dataset;
    hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
    hsize_t length = 0;
    bool fits = H5Sget_simple_extent_ndims(space) == 1 && H5Tequal(type, wanted) > 0 &&
                H5Sget_simple_extent_dims(space, &length, NULL) == 1;
    H5Tclose(type);
    H5Sclose(space);
    *count = length;
    if (fits)
        return dataset;
    H5Dclose(dataset);
    return -1;
}

static enum kerf_status open_here(struct kerf_checkpoint *c, struct kerf_error *error)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), type = kerf_checkpoint_row_type();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* our own messages instead of HDF5's stack */
    H5Pset_fapl_mpio(access, c->comm, MPI_INFO_NULL);
    H5Pset_all_coll_metadata_ops(access, 1);
    c->file = H5Fopen(c->path, H5F_ACC_RDONLY, access);
    enum kerf_status status =
        c->file < 0 ? kerf_error_set(error, KERF_ERR_FAILURE, "HDF5 cannot open it") : read_about(c, error);
    if (status == KERF_OK) {
        c->index = open_dataset(c->file, "index", type, &c->about.rows);
        c->data = open_dataset(c->file, "data", H5T_NATIVE_UINT8, &c->about.bytes);
        if (c->index < 0 || c->data < 0)
            status = kerf_error_set(error, KERF_ERR_FAILURE, "/index or /data is missing or damaged");
    }
    H5Tclose(type);
    H5Pclose(access);
    return status == KERF_OK ? KERF_OK : kerf_error_prefix(error, "%s: ", c->path);
}

/* A file that is not there may have been under way to its name: then its predecessor is there. */
static enum kerf_status find(const char *path, struct kerf_error *error)
{
    char previous[4096];
    snprintf(previous, sizeof previous, "%s.previous", path);
    if (access(path, R_OK) == 0)
        return KERF_OK;
    const char *why = strerror(errno);
    bool kept = access(previous, R_OK) == 0;
    return kerf_error_set(error, KERF_ERR_FAILURE, "%s: %s%s%s", path, why, kept ? "; there is " : "",
                          kept ? previous : "");
}

enum kerf_status kerf_checkpoint_open(MPI_Comm comm, const char *path, struct kerf_checkpoint **checkpoint,
                                      struct kerf_error *error)
{
    int rank;
    struct kerf_checkpoint *c = calloc(1, sizeof *c);
    *checkpoint = c;
    MPI_Comm_rank(comm, &rank);
    enum kerf_status status = KERF_OK;
    if (c)
        *c = (struct kerf_checkpoint){
            .comm = comm, .file = -1, .index = -1, .data = -1, .path = malloc(strlen(path) + 1)};
    if (!c || !c->path)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for a checkpoint");
    else
        memcpy(c->path, path, strlen(path) + 1);
    KERF_TRY(kerf_error_agree(comm, status, error));
    KERF_TRY(kerf_error_share(comm, 0, rank == 0 ? find(path, error) : KERF_OK, error));
    KERF_TRY(kerf_seal_check(comm, path, error));
    return kerf_error_agree(comm, open_here(c, error), error);
}

void kerf_checkpoint_close(struct kerf_checkpoint *c)
{
    if (!c)
        return;
    if (c->data >= 0)
        H5Dclose(c->data);
    if (c->index >= 0)
        H5Dclose(c->index);
    if (c->file >= 0)
        H5Fclose(c->file);
    for (int i = 0; i < 3; i++)
        free(c->text[i]);
    free(c->path);
    free(c);
}

/* The rows of this rank's LPs. */
struct own_rows {
    struct kerf_checkpoint_row *row; /* owned */
    uint64_t count, capacity, wanted;
};

static bool find_own(const struct kerf_engine *engine, struct own_rows *own)
{
    for (uint32_t lp = 0; lp < kerf_cut_system_lps(engine); lp++)
        own->wanted += kerf_cut_holds(engine, lp);
    own->capacity = own->wanted + 1; /* one more shows that there are too many */
    own->row = malloc((size_t)own->capacity * sizeof *own->row);
    return own->row;
}

static bool holds(const struct kerf_engine *engine, uint64_t id)
{
    return id < kerf_cut_system_lps(engine) && kerf_cut_holds(engine, (uint32_t)id);
}

/* Every rank reads the whole index, a slab at a time, and keeps what is its own. */
static enum kerf_status read_index(const struct kerf_checkpoint *c, const struct kerf_engine *engine,
                                   struct own_rows *own, struct kerf_error *error)
{
    struct kerf_checkpoint_row *slab = malloc(ROWS_PER_SLAB * sizeof *slab);
    enum kerf_status status = KERF_OK;
    if (!slab || !find_own(engine, own))
        status = kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for its index");
    status = kerf_error_agree(c->comm, status, error);
    hid_t type = kerf_checkpoint_row_type();
    herr_t got = 0;
    for (uint64_t at = 0; at < c->about.rows && status == KERF_OK; at += ROWS_PER_SLAB) {
        uint64_t left = c->about.rows - at, count = left < ROWS_PER_SLAB ? left : ROWS_PER_SLAB;
        if (kerf_checkpoint_read_slab(c->index, type, at, count, slab) < 0)
            got = -1;
        for (uint64_t i = 0; i < count && got >= 0; i++)
            if (holds(engine, slab[i].id) && own->count < own->capacity)
                own->row[own->count++] = slab[i];
    }
    H5Tclose(type);
    free(slab);
    if (status == KERF_OK && got < 0)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "cannot read /index");
    return kerf_error_agree(c->comm, status, error);
}

static int compare_ids(const void *left, const void *right)
{
    const struct kerf_checkpoint_row *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

static int compare_offsets(const void *left, const void *right)
{
    const struct kerf_checkpoint_row *a = left, *b = right;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* Every LP of this rank must be there once, and its bytes inside /data. */
static enum kerf_status check_rows(const struct kerf_checkpoint *c, struct own_rows *own,
                                   struct kerf_error *error)
{
    qsort(own->row, (size_t)own->count, sizeof *own->row, compare_ids);
    KERF_CHECK(own->count >= own->wanted, KERF_ERR_FAILURE, "%llu LPs are missing in it",
               (unsigned long long)(own->wanted - own->count));
    for (uint64_t i = 0; i < own->count; i++) {
        const struct kerf_checkpoint_row *row = &own->row[i];
        KERF_CHECK(i == 0 || row->id != row[-1].id, KERF_ERR_FAILURE, "LP %llu is in it twice",
                   (unsigned long long)row->id);
        KERF_CHECK(row->offset <= c->about.bytes && row->bytes <= c->about.bytes - row->offset,
                   KERF_ERR_FAILURE, "the row of LP %llu leads out of /data", (unsigned long long)row->id);
    }
    qsort(own->row, (size_t)own->count, sizeof *own->row, compare_offsets);
    return KERF_OK;
}

static enum kerf_status read_bytes(const struct kerf_checkpoint *c, uint64_t offset, uint64_t bytes,
                                   unsigned char *data, struct kerf_error *error)
{
    for (uint64_t done = 0; done < bytes; done += KERF_SLAB_BYTES) {
        uint64_t count = bytes - done < KERF_SLAB_BYTES ? bytes - done : KERF_SLAB_BYTES;
        KERF_CHECK(kerf_checkpoint_read_slab_alone(c->data, H5T_NATIVE_UINT8, offset + done, count,
                                                   data + done) >= 0,
                   KERF_ERR_FAILURE, "cannot read /data");
    }
    return KERF_OK;
}

/* Neighbours are read together: rows first .. end-1, with small gaps between them. */
static uint64_t end_of_run(const struct own_rows *own, uint64_t first, uint64_t *bytes)
{
    const struct kerf_checkpoint_row *row = own->row;
    uint64_t end = first + 1, reached = row[first].offset + row[first].bytes;
    for (; end < own->count; end++) {
        uint64_t over = row[end].offset + row[end].bytes;
        if (row[end].offset < reached || row[end].offset - reached > GAP_BYTES ||
            over - row[first].offset > KERF_SLAB_BYTES)
            break;
        reached = over;
    }
    *bytes = reached - row[first].offset;
    return end;
}

static enum kerf_status restore_row(struct kerf_engine *engine, const struct kerf_checkpoint_row *row,
                                    const unsigned char *data, struct kerf_error *error)
{
    KERF_CHECK(XXH3_64bits(data, (size_t)row->bytes) == row->checksum, KERF_ERR_FAILURE,
               "the checksum of LP %llu does not fit: damaged", (unsigned long long)row->id);
    return kerf_cut_restore(engine, (uint32_t)row->id, data, (size_t)row->bytes, error);
}

static enum kerf_status restore_rows(const struct kerf_checkpoint *c, struct kerf_engine *engine,
                                     const struct own_rows *own, struct kerf_error *error)
{
    struct kerf_pack buffer = {0};
    enum kerf_status status = KERF_OK;
    for (uint64_t first = 0, end; first < own->count && status == KERF_OK; first = end) {
        uint64_t bytes;
        end = end_of_run(own, first, &bytes);
        if (bytes > buffer.capacity) {
            kerf_pack_free(&buffer);
            buffer.capacity = (size_t)(bytes > KERF_SLAB_BYTES ? bytes : KERF_SLAB_BYTES);
            buffer.data = malloc(buffer.capacity);
        }
        status = buffer.data || bytes == 0
                     ? read_bytes(c, own->row[first].offset, bytes, buffer.data, error)
                     : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for %llu bytes of it",
                                      (unsigned long long)bytes);
        for (uint64_t i = first; i < end && status == KERF_OK; i++)
            status = restore_row(engine, &own->row[i],
                                 buffer.data + (own->row[i].offset - own->row[first].offset), error);
    }
    kerf_pack_free(&buffer);
    return status;
}

/* All LPs of the file are somebody's, and the system is the one it was made of. */
static enum kerf_status check_system(const struct kerf_checkpoint *c, const struct kerf_engine *engine,
                                     struct kerf_error *error)
{
    uint64_t lps = kerf_cut_system_lps(engine), held = 0, all;
    for (uint32_t lp = 0; lp < lps; lp++)
        held += kerf_cut_holds(engine, lp);
    MPI_Allreduce(&held, &all, 1, MPI_UINT64_T, MPI_SUM, c->comm);
    KERF_CHECK(all == c->about.rows && kerf_cut_shape(engine) == c->about.shape, KERF_ERR_FAILURE,
               "is of another system: it has %llu logical processes with their own state and channels, "
               "this run has %llu%s",
               (unsigned long long)c->about.rows, (unsigned long long)all,
               all == c->about.rows ? ", of other kinds or with other channels" : "");
    return KERF_OK;
}

enum kerf_status kerf_checkpoint_restore(const struct kerf_checkpoint *c, struct kerf_engine *engine,
                                         struct kerf_error *error)
{
    struct own_rows own = {0};
    enum kerf_status status = kerf_error_agree(c->comm, check_system(c, engine, error), error);
    if (status == KERF_OK)
        status = read_index(c, engine, &own, error);
    if (status == KERF_OK)
        status = kerf_error_agree(c->comm, check_rows(c, &own, error), error);
    if (status == KERF_OK)
        status = kerf_error_agree(c->comm, restore_rows(c, engine, &own, error), error);
    free(own.row);
    if (status != KERF_OK)
        return kerf_error_prefix(error, "%s: ", c->path);
    kerf_cut_set_time(engine, c->about.time);
    return KERF_OK;
}
