/* A checkpoint file gives back the run that it was made of, and one that is cut, damaged, of another system
 * or of another layout is refused with the reason. */
#include "sim/engine/cut.h"
#include "sim/io/checkpoint.h"
#include "sim/io/seal.h"

#include <fcntl.h>
#include <hdf5.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { LPS = 50, HOPS = 400, LAST = LPS - 1, PATH = 300 };
static char folder[] = "/tmp/kerf-test-checkpoint-XXXXXX";

/* An LP that owns memory: it notes the time of each event, and sends on by what it has noted. */
struct noter {
    uint64_t *note; /* owned */
    size_t notes;
    uint64_t hash;
    struct kerf_timer timer;
};

static bool append(struct noter *noter, uint64_t note)
{
    uint64_t *grown = realloc(noter->note, (noter->notes + 1) * sizeof *grown);
    if (!grown)
        return false;
    noter->note = grown;
    noter->note[noter->notes++] = note;
    noter->hash = (noter->hash ^ note) * 0x9e3779b97f4a7c15u;
    noter->hash ^= noter->hash >> 29;
    return true;
}

static enum kerf_status noter_init(struct kerf_lp *lp, const void *setup, void *state,
                                   struct kerf_error *error)
{
    struct noter *noter = state;
    size_t first = *(const size_t *)setup; /* bytes that it owns from the start */
    if (first > 0) {
        noter->note = malloc(first);
        KERF_CHECK(noter->note, KERF_ERR_FAILURE, "out of memory");
        noter->notes = first / sizeof *noter->note;
        for (size_t i = 0; i < noter->notes; i++)
            noter->note[i] = i * i;
    }
    uint32_t hops = HOPS;
    KERF_TRY(kerf_lp_set_timer(lp, 1u << 30, 1, NULL, 0, &noter->timer, error));
    return kerf_lp_send(lp, kerf_lp_id(lp), 1 + kerf_lp_id(lp), 0, &hops, sizeof hops, error);
}

static enum kerf_status noter_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                     struct kerf_error *error)
{
    struct noter *noter = state;
    uint32_t hops, self = kerf_lp_id(lp);
    bool pending;
    KERF_CHECK(append(noter, (uint64_t)kerf_lp_now(lp) + event->source), KERF_ERR_FAILURE, "out of memory");
    if (event->type == 1)
        return KERF_OK;
    memcpy(&hops, event->payload, sizeof hops);
    if (hops == 0)
        return KERF_OK;
    hops--;
    if (noter->hash % 4 == 0) { /* an alarm is put off */
        KERF_TRY(kerf_lp_cancel(lp, noter->timer, &pending, error));
        KERF_TRY(kerf_lp_set_timer(lp, 1u << 30, 1, NULL, 0, &noter->timer, error));
    }
    kerf_time delay = 1000 + (kerf_time)(noter->hash % 5000);
    return kerf_lp_send(lp, (self + 1 + (uint32_t)(noter->hash >> 60)) % LPS, delay, 0, &hops, sizeof hops,
                        error);
}

static void noter_free(void *state)
{
    free(((struct noter *)state)->note);
}

static void noter_save(const void *state, struct kerf_pack *pack)
{
    const struct noter *noter = state;
    kerf_pack_put(pack, noter, sizeof *noter);
    kerf_pack_put(pack, noter->note, noter->notes * sizeof *noter->note);
}

static bool noter_load(void *state, struct kerf_unpack *unpack)
{
    struct noter *noter = state;
    free(noter->note);
    if (!kerf_unpack_get(unpack, noter, sizeof *noter))
        return false;
    noter->note = malloc(noter->notes * sizeof *noter->note + 1);
    return noter->note && kerf_unpack_get(unpack, noter->note, noter->notes * sizeof *noter->note);
}

static const struct kerf_lp_kind noter_kind = {.name = "noter",
                                               .state_bytes = sizeof(struct noter),
                                               .init = noter_init,
                                               .handle = noter_handle,
                                               .free = noter_free,
                                               .save = noter_save,
                                               .load = noter_load};

/* One run, with a checkpoint written at the given look and one read before it. */
struct trial {
    const char *save, *load;
    int looks, save_at; /* looks left before the run is saved and stopped; 0: never */
    size_t first_bytes; /* that the last LP owns */
    uint32_t lps;
    enum kerf_status saved;
    struct kerf_checkpoint_about about;
    char message[KERF_ERROR_MESSAGE_BYTES];
    uint64_t digest, hash, events;
    bool stopped;
};

static struct kerf_checkpoint_about what_it_is(void)
{
    return (struct kerf_checkpoint_about){.version = "9.9",
                                          .title = "noters",
                                          .scenario_path = "noters.yaml",
                                          .catalog = "none",
                                          .scenario_text = "a: 1\n",
                                          .overrides = "",
                                          .scenario_resolved = "a: 1\nb: 2\n",
                                          .catalog_hash = 0xfedcba9876543210u,
                                          .restarts = 3};
}

static enum kerf_wish look(void *context)
{
    struct trial *trial = context;
    return ++trial->looks == trial->save_at ? KERF_WISH_SAVE_AND_STOP : KERF_WISH_NONE;
}

static enum kerf_status save(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    struct trial *trial = context;
    trial->about = what_it_is();
    return kerf_checkpoint_write(MPI_COMM_SELF, trial->save, engine, &trial->about, error);
}

static enum kerf_status load(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    struct trial *trial = context;
    struct kerf_checkpoint *checkpoint;
    enum kerf_status status = kerf_checkpoint_open(MPI_COMM_SELF, trial->load, &checkpoint, error);
    if (status == KERF_OK)
        status = kerf_checkpoint_restore(checkpoint, engine, error);
    kerf_checkpoint_close(checkpoint);
    return status;
}

static enum kerf_status run(struct trial *trial)
{
    struct kerf_engine *engine = NULL;
    struct kerf_error error = {0};
    enum kerf_wish stopped;
    const size_t none = 0;
    uint32_t lps = trial->lps ? trial->lps : LPS;
    const struct kerf_engine_calls calls = {
        .context = trial, .wish = trial->save ? look : NULL, .save = save, .load = trial->load ? load : NULL};
    assert_int_equal(kerf_engine_create(MPI_COMM_SELF, NULL, &engine, &error), KERF_OK);
    for (uint32_t i = 0; i < lps; i++) {
        kerf_engine_add(engine, &noter_kind, i == LAST ? &trial->first_bytes : &none, -1, 1.0);
        kerf_engine_open(engine, i, 1000);
    }
    enum kerf_status status = kerf_engine_run(engine, &calls, &stopped, &error);
    trial->stopped = status == KERF_OK && stopped != KERF_WISH_NONE;
    snprintf(trial->message, sizeof trial->message, "%s", error.message);
    for (uint32_t i = 0; status == KERF_OK && i < lps; i++) {
        const struct noter *noter = kerf_engine_state(engine, i);
        for (size_t k = 0; k < noter->notes; k++)
            trial->hash = (trial->hash ^ noter->note[k]) * 0x9e3779b97f4a7c15u;
    }
    if (status == KERF_OK && !trial->stopped) {
        trial->digest = kerf_engine_stats(engine).digest;
        trial->events = kerf_engine_stats(engine).events;
    }
    kerf_engine_free(engine);
    return status;
}

static void path_of(const char *name, char path[PATH])
{
    snprintf(path, PATH, "%s/%s", folder, name);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* A run that is stopped at any look and goes on from its checkpoint ends like one that was never stopped. */
static void a_restart_ends_like_a_run_without(void **unused)
{
    (void)unused;
    char path[PATH], part[PATH + 5];
    struct trial whole = {0};
    path_of("restart.h5", path);
    snprintf(part, sizeof part, "%s.part", path);
    assert_int_equal(run(&whole), KERF_OK);
    assert_true(whole.events > LPS * HOPS);
    int stopped = 0;
    for (int at = 1; at < 30; at++) {
        struct trial first = {.save = path, .save_at = at};
        assert_int_equal(run(&first), KERF_OK);
        if (!first.stopped)
            break;
        stopped++;
        assert_false(exists(part));
        struct trial rest = {.load = path};
        assert_int_equal(run(&rest), KERF_OK);
        assert_int_equal(rest.digest, whole.digest);
        assert_int_equal(rest.hash, whole.hash);
        assert_int_equal(rest.events, whole.events);
    }
    assert_true(stopped >= 3);
}

/* Three runs in a row, each from the checkpoint of the one before, in one file: the older one is kept. */
static void a_restarted_run_can_be_kept_in_the_same_file(void **unused)
{
    (void)unused;
    char path[PATH], previous[PATH + 10];
    path_of("chain.h5", path);
    snprintf(previous, sizeof previous, "%s.previous", path);
    struct trial whole = {0}, first = {.save = path, .save_at = 2},
                 second = {.save = path, .load = path, .save_at = 3}, third = {.load = path},
                 older = {.load = previous};
    assert_int_equal(run(&whole), KERF_OK);
    assert_int_equal(run(&first), KERF_OK);
    assert_false(exists(previous));
    assert_int_equal(run(&second), KERF_OK);
    assert_true(first.stopped && second.stopped);
    assert_true(second.about.time > first.about.time);
    assert_int_equal(run(&third), KERF_OK);
    assert_int_equal(run(&older), KERF_OK);
    assert_int_equal(third.hash, whole.hash);
    assert_int_equal(older.hash, whole.hash);
}

/* An LP whose bytes are more than two slabs, and not a whole number of them. */
static void a_large_lp_is_kept(void **unused)
{
    (void)unused;
    char path[PATH];
    const size_t large = (40u << 20) + 8;
    path_of("large.h5", path);
    struct trial whole = {.first_bytes = large}, first = {.save = path, .save_at = 2, .first_bytes = large},
                 rest = {.load = path, .first_bytes = large};
    assert_int_equal(run(&whole), KERF_OK);
    assert_int_equal(run(&first), KERF_OK);
    assert_true(first.stopped && first.about.bytes > large);
    assert_int_equal(run(&rest), KERF_OK);
    assert_int_equal(rest.hash, whole.hash);
    assert_int_equal(rest.digest, whole.digest);
    unlink(path);
}

/* What is read is what was written: the texts and numbers that say what it is of. */
static void it_says_what_it_is_of(void **unused)
{
    (void)unused;
    char path[PATH];
    struct kerf_checkpoint *checkpoint;
    struct kerf_error error;
    path_of("about.h5", path);
    struct trial first = {.save = path, .save_at = 2};
    assert_int_equal(run(&first), KERF_OK);
    assert_true(kerf_checkpoint_is(path));
    assert_int_equal(kerf_checkpoint_open(MPI_COMM_SELF, path, &checkpoint, &error), KERF_OK);
    const struct kerf_checkpoint_about *about = kerf_checkpoint_about(checkpoint), told = what_it_is();
    assert_string_equal(about->version, told.version);
    assert_string_equal(about->title, told.title);
    assert_string_equal(about->scenario_path, told.scenario_path);
    assert_string_equal(about->catalog, told.catalog);
    assert_string_equal(about->scenario_text, told.scenario_text);
    assert_string_equal(about->overrides, "");
    assert_string_equal(about->scenario_resolved, told.scenario_resolved);
    assert_string_equal(about->date, first.about.date);
    assert_int_equal(about->catalog_hash, told.catalog_hash);
    assert_int_equal(about->restarts, 3);
    assert_int_equal(about->ranks, 1);
    assert_int_equal(about->rows, LPS);
    assert_int_equal(about->time, first.about.time);
    assert_true(about->time > 0 && about->bytes == first.about.bytes && about->bytes > 0);
    kerf_checkpoint_close(checkpoint);
}

/* The bytes of a file, to be changed. */
struct bytes {
    unsigned char *data;
    size_t count;
};

static struct bytes read_file(const char *path)
{
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    struct bytes bytes = {.data = malloc((size_t)facts.st_size), .count = (size_t)facts.st_size};
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes.data, 1, bytes.count, file), bytes.count);
    fclose(file);
    return bytes;
}

static void write_file(const char *path, const unsigned char *data, size_t count)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, count, file), count);
    fclose(file);
}

/* Opening it fails with a message that has `says`, which names the file. */
static void refuses(const char *path, const char *says)
{
    struct kerf_checkpoint *checkpoint;
    struct kerf_error error = {.message = "nothing"};
    enum kerf_status status = kerf_checkpoint_open(MPI_COMM_SELF, path, &checkpoint, &error);
    kerf_checkpoint_close(checkpoint);
    if (status != KERF_ERR_FAILURE || !strstr(error.message, says) || !strstr(error.message, path))
        fail_msg("status %d, '%s' instead of '%s'", (int)status, error.message, says);
}

static struct bytes a_checkpoint(const char *name, char path[PATH])
{
    path_of(name, path);
    struct trial first = {.save = path, .save_at = 2};
    assert_int_equal(run(&first), KERF_OK);
    assert_true(first.stopped);
    return read_file(path);
}

/* Cut at any of some hundred lengths, or made longer, it is refused with both lengths. */
static void a_truncated_file_is_refused(void **unused)
{
    (void)unused;
    char path[PATH], says[100];
    struct bytes whole = a_checkpoint("cut.h5", path);
    for (size_t length = 8; length < whole.count; length += length < 600 ? 37 : 431) {
        write_file(path, whole.data, length);
        snprintf(says, sizeof says, "is %zu bytes long, should be ", length);
        refuses(path, says);
        refuses(path, "truncated");
    }
    write_file(path, whole.data, whole.count - 1);
    snprintf(says, sizeof says, "is %zu bytes long, should be %zu: truncated", whole.count - 1, whole.count);
    refuses(path, says);
    write_file(path, whole.data, 0);
    refuses(path, "is empty");
    unsigned char *longer = calloc(whole.count + 1, 1);
    memcpy(longer, whole.data, whole.count);
    write_file(path, longer, whole.count + 1);
    refuses(path, "something was added");
    free(longer);
    free(whole.data);
}

/* One flipped bit anywhere is found: in each byte of the first block, and all over the rest. */
static void a_flipped_bit_is_found(void **unused)
{
    (void)unused;
    char path[PATH];
    struct bytes whole = a_checkpoint("flip.h5", path);
    int file = open(path, O_WRONLY);
    for (size_t at = 0; at < whole.count; at += at < KERF_SEAL_BYTES ? 1 : 61) {
        unsigned char flipped = (unsigned char)(whole.data[at] ^ 1u << at % 8);
        assert_int_equal(pwrite(file, &flipped, 1, (off_t)at), 1);
        refuses(path, at < 8 ? "is not a checkpoint" : at < KERF_SEAL_BYTES ? "first block" : "damaged");
        assert_int_equal(pwrite(file, &whole.data[at], 1, (off_t)at), 1);
    }
    close(file);
    struct trial rest = {.load = path};
    assert_int_equal(run(&rest), KERF_OK);
    free(whole.data);
}

/* Other files are refused for what they are. */
static void other_files_are_refused(void **unused)
{
    (void)unused;
    char path[PATH], kept[PATH + 10];
    path_of("other", path);
    refuses(path, "No such file");
    write_file(path, (const unsigned char *)"network: kimi-k2.6\n", 19);
    refuses(path, "is not a checkpoint");
    assert_false(kerf_checkpoint_is(path));
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    refuses(path, "is an HDF5 file, but not a checkpoint");
    refuses(folder, "is not a file");
    snprintf(kept, sizeof kept, "%s.previous", path);
    assert_int_equal(rename(path, kept), 0);
    refuses(path, kept); /* names what is there instead */
}

/* Changes a checkpoint behind its back and seals it again. */
struct change {
    const char *says;
    void (*apply)(hid_t file);
};

static void change_row(hid_t file, size_t row, size_t word, uint64_t value)
{
    uint64_t rows[LPS][4];
    hid_t index = H5Dopen2(file, "index", H5P_DEFAULT), type = H5Dget_type(index);
    assert_true(H5Dread(index, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows) >= 0);
    rows[row][word] = value;
    assert_true(H5Dwrite(index, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows) >= 0);
    H5Tclose(type);
    H5Dclose(index);
}

static void name_an_lp_twice(hid_t file)
{
    change_row(file, 3, 0, 7);
}

static void lead_out(hid_t file)
{
    change_row(file, 5, 1, UINT64_MAX - 5);
}

static void lead_elsewhere(hid_t file)
{
    change_row(file, 5, 1, 0);
}

static void shorten(hid_t file)
{
    change_row(file, 5, 2, 8);
}

static void change_data(hid_t file)
{
    hid_t data = H5Dopen2(file, "data", H5P_DEFAULT), space = H5Dget_space(data);
    hsize_t at = 1234, one = 1;
    unsigned char byte = 0;
    hid_t memory = H5Screate_simple(1, &one, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &at, NULL, &one, NULL);
    H5Dread(data, H5T_NATIVE_UINT8, memory, space, H5P_DEFAULT, &byte);
    byte ^= 4;
    H5Dwrite(data, H5T_NATIVE_UINT8, memory, space, H5P_DEFAULT, &byte);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(data);
}

static void change_version(hid_t file)
{
    long long version = 2;
    hid_t attribute = H5Aopen(file, "layout_version", H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_LLONG, &version);
    H5Aclose(attribute);
}

static void remove_data(hid_t file)
{
    H5Ldelete(file, "data", H5P_DEFAULT);
}

static void remove_text(hid_t file)
{
    H5Ldelete(file, "overrides", H5P_DEFAULT);
}

/* Behind a seal that fits, the rows are still checked one by one, as is what says how to read them. */
static void what_does_not_fit_is_refused_behind_the_seal(void **unused)
{
    (void)unused;
    static const struct change changes[] = {
        {"LP 7 is in it twice", name_an_lp_twice},
        {"leads out of /data", lead_out},
        {"the checksum of LP 5 does not fit", lead_elsewhere},
        {"the checksum of LP 5 does not fit", shorten},
        {"does not fit: damaged", change_data},
        {"has layout version 2; this kerf reads version 1", change_version},
        {"/index or /data is missing", remove_data},
        {"/overrides is missing", remove_text}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char path[PATH];
        struct kerf_error error;
        free(a_checkpoint("changed.h5", path).data);
        hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
        changes[i].apply(file);
        H5Fclose(file);
        assert_int_equal(kerf_seal_write(MPI_COMM_SELF, path, &error), KERF_OK);
        struct trial rest = {.load = path};
        assert_int_equal(run(&rest), KERF_ERR_FAILURE);
        if (!strstr(rest.message, changes[i].says) || !strstr(rest.message, path))
            fail_msg("'%s' instead of '%s'", rest.message, changes[i].says);
    }
}

/* A system with more LPs, or fewer, does not take it. */
static void another_system_is_refused(void **unused)
{
    (void)unused;
    char path[PATH];
    free(a_checkpoint("system.h5", path).data);
    struct trial more = {.load = path, .lps = LPS + 1}, fewer = {.load = path, .lps = LPS - 1};
    assert_int_equal(run(&more), KERF_ERR_FAILURE);
    assert_non_null(strstr(more.message, "is of another system"));
    assert_int_equal(run(&fewer), KERF_ERR_FAILURE);
    assert_non_null(strstr(fewer.message, "is of another system"));
}

/* A checkpoint that cannot be written says so, and leaves the one that is there. */
static void a_failed_write_keeps_the_last_one(void **unused)
{
    (void)unused;
    char path[PATH], below[PATH + 3];
    struct kerf_error error;
    struct bytes before = a_checkpoint("kept.h5", path);
    snprintf(below, sizeof below, "%s/x", path); /* below a file */
    struct trial fails = {.save = below, .save_at = 2}, rest = {.load = path};
    assert_int_equal(run(&fails), KERF_ERR_FAILURE);
    assert_non_null(strstr(fails.message, "Not a directory"));
    assert_int_equal(kerf_checkpoint_prepare(MPI_COMM_SELF, below, &error), KERF_ERR_USAGE);
    assert_non_null(strstr(error.message, "--checkpoint needs a file in a folder that exists"));
    assert_int_equal(kerf_checkpoint_prepare(MPI_COMM_SELF, folder, &error), KERF_ERR_USAGE);
    assert_int_equal(kerf_checkpoint_prepare(MPI_COMM_SELF, path, &error), KERF_OK);
    struct bytes after = read_file(path);
    assert_int_equal(after.count, before.count);
    assert_memory_equal(after.data, before.data, before.count);
    assert_int_equal(run(&rest), KERF_OK);
    free(before.data);
    free(after.data);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    if (!mkdtemp(folder))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_ends_like_a_run_without),
        cmocka_unit_test(a_restarted_run_can_be_kept_in_the_same_file),
        cmocka_unit_test(a_large_lp_is_kept),
        cmocka_unit_test(it_says_what_it_is_of),
        cmocka_unit_test(a_truncated_file_is_refused),
        cmocka_unit_test(a_flipped_bit_is_found),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(what_does_not_fit_is_refused_behind_the_seal),
        cmocka_unit_test(another_system_is_refused),
        cmocka_unit_test(a_failed_write_keeps_the_last_one),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    char command[PATH];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        failures++;
    MPI_Finalize();
    return failures;
}
