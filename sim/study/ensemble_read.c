/* The study room: members of an ensemble from its files. */
#include "sim/study/ensemble_file.h"

#include "sim/engine/agree.h"
#include "sim/io/hdf5_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Takes what the file has of the members; compares what was drawn. */
static enum kerf_status read_members(hid_t file, struct kerf_ensemble *e, struct kerf_error *error)
{
    size_t cells = (size_t)e->members * (size_t)e->systems, members = (size_t)e->members,
           drawn = members * (size_t)e->uncertain.count;
    double *cell = calloc(cells + drawn + members + 1, sizeof *cell), *done = cell + cells + drawn;
    KERF_CHECK(cell, KERF_ERR_FAILURE, "out of memory for an ensemble");
    enum kerf_status status = kerf_hdf5_doubles(file, "/members/done", e->members, done, error);
    if (status == KERF_OK && drawn > 0)
        status = kerf_hdf5_doubles(file, "/members/drawn", (long long)drawn, cell, error);
    if (status == KERF_OK && memcmp(cell, e->value, drawn * sizeof *cell) != 0)
        status = kerf_error_set(error, KERF_ERR_USAGE, "was drawn from other ranges");
    for (int figure = 0; figure < e->figures && status == KERF_OK; figure++) {
        char name[96];
        snprintf(name, sizeof name, "/members/%s", kerf_summary_fields[kerf_summary_scalar(figure)].name);
        status = kerf_hdf5_doubles(file, name, (long long)cells, cell, error);
        for (size_t i = 0; i < cells && status == KERF_OK; i++)
            if (done[i / (size_t)e->systems] != KERF_MEMBER_OPEN)
                e->figure[i * (size_t)e->figures + (size_t)figure] = cell[i];
    }
    for (int m = 0; m < e->members && status == KERF_OK; m++)
        if (done[m] != KERF_MEMBER_OPEN)
            e->done[m] = done[m];
    free(cell);
    return status;
}

static enum kerf_status check_word(hid_t file, const char *attribute, const char *wanted,
                                   struct kerf_error *error)
{
    char word[32];
    KERF_TRY(kerf_hdf5_attribute_text(file, attribute, word, sizeof word, error));
    KERF_CHECK(strcmp(word, wanted) == 0, KERF_ERR_USAGE, "has the %s '%s', not '%s'", attribute, word,
               wanted);
    return KERF_OK;
}

static enum kerf_status check_content(hid_t file, struct kerf_error *error)
{
    char content[32] = "";
    long long version = -1;
    bool same = kerf_hdf5_attribute_text(file, "content", content, sizeof content, NULL) == KERF_OK &&
                kerf_hdf5_attribute_integer(file, "layout_version", &version, NULL) == KERF_OK &&
                strcmp(content, "ensemble") == 0 && version == KERF_ENSEMBLE_LAYOUT;
    KERF_CHECK(same, KERF_ERR_USAGE, "is no ensemble of this kerf");
    return KERF_OK;
}

static enum kerf_status read_file(hid_t file, struct kerf_ensemble *e, struct kerf_error *error)
{
    long long seed, members;
    char *resolved;
    KERF_TRY(check_content(file, error));
    KERF_TRY(kerf_hdf5_attribute_integer(file, "draw_seed", &seed, error));
    KERF_TRY(kerf_hdf5_attribute_integer(file, "members", &members, error));
    KERF_TRY(check_word(file, "design", kerf_design_names[e->design.kind], error));
    KERF_TRY(check_word(file, "sampling", kerf_sampling_names[e->design.sampling], error));
    KERF_TRY(check_word(file, "grouping", kerf_grouping_names[e->design.grouping], error));
    KERF_CHECK((uint64_t)seed == e->design.seed && members == e->members, KERF_ERR_USAGE,
               "has %lld members drawn with seed %lld", members, seed);
    KERF_TRY(kerf_hdf5_text(file, "scenario_resolved", &resolved, error));
    bool same = strcmp(resolved, e->comparison->scenario_resolved) == 0;
    free(resolved);
    KERF_CHECK(same, KERF_ERR_USAGE, "is of another scenario");
    return read_members(file, e, error);
}

static enum kerf_status open_file(const char *path, hid_t *file, struct kerf_error *error)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    KERF_CHECK(access(path, R_OK) == 0, KERF_ERR_USAGE, "cannot be read");
    *file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    KERF_CHECK(*file >= 0, KERF_ERR_USAGE, "is no HDF5 file");
    return KERF_OK;
}

enum kerf_status kerf_ensemble_take(MPI_Comm comm, const char *path, const char *what,
                                    struct kerf_ensemble *e, struct kerf_error *error)
{
    int rank;
    enum kerf_status status = KERF_OK;
    hid_t file = -1;
    MPI_Comm_rank(comm, &rank);
    if (rank == 0) {
        status = open_file(path, &file, error);
        if (status == KERF_OK) {
            status = read_file(file, e, error);
            H5Fclose(file);
        }
        if (status != KERF_OK)
            status = kerf_error_prefix(error, "%s%s: %s", what, path, *what ? "is there already and " : "");
    }
    KERF_TRY(kerf_error_share(comm, 0, status, error));
    MPI_Bcast(e->figure, e->members * e->systems * e->figures, MPI_DOUBLE, 0, comm);
    MPI_Bcast(e->done, e->members, MPI_DOUBLE, 0, comm);
    return KERF_OK;
}

enum kerf_status kerf_ensemble_go_on(MPI_Comm comm, const char *path, struct kerf_ensemble *e,
                                     struct kerf_error *error)
{
    int rank, there;
    MPI_Comm_rank(comm, &rank);
    there = rank == 0 && access(path, F_OK) == 0;
    MPI_Bcast(&there, 1, MPI_INT, 0, comm);
    return there ? kerf_ensemble_take(comm, path, "output ", e, error) : KERF_OK;
}

/* What a file was made from. */
struct origin {
    int kind, sampling, grouping;
    long long seed, draws;
    char *scenario, *sets; /* owned */
};

static enum kerf_status read_word(hid_t file, const char *attribute, const char *const *names, int *place,
                                  struct kerf_error *error)
{
    char word[32];
    KERF_TRY(kerf_hdf5_attribute_text(file, attribute, word, sizeof word, error));
    for (*place = 0; names[*place]; (*place)++)
        if (strcmp(names[*place], word) == 0)
            return KERF_OK;
    return kerf_error_set(error, KERF_ERR_USAGE, "has the unknown %s '%s'", attribute, word);
}

static enum kerf_status read_origin(hid_t file, struct origin *origin, struct kerf_error *error)
{
    KERF_TRY(check_content(file, error));
    KERF_TRY(read_word(file, "design", kerf_design_names, &origin->kind, error));
    KERF_TRY(read_word(file, "sampling", kerf_sampling_names, &origin->sampling, error));
    KERF_TRY(read_word(file, "grouping", kerf_grouping_names, &origin->grouping, error));
    KERF_TRY(kerf_hdf5_attribute_integer(file, "draw_seed", &origin->seed, error));
    KERF_TRY(kerf_hdf5_attribute_integer(file, "draws", &origin->draws, error));
    KERF_TRY(kerf_hdf5_text(file, "scenario", &origin->scenario, error));
    return kerf_hdf5_text(file, "overrides", &origin->sets, error);
}

static enum kerf_status share_text(MPI_Comm comm, char **text, struct kerf_error *error)
{
    unsigned long length = *text ? strlen(*text) : 0;
    MPI_Bcast(&length, 1, MPI_UNSIGNED_LONG, 0, comm);
    if (!*text)
        *text = calloc(length + 1, 1);
    KERF_TRY(kerf_error_agree(
        comm, *text ? KERF_OK : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for a scenario"),
        error));
    MPI_Bcast(*text, (int)length, MPI_CHAR, 0, comm);
    return KERF_OK;
}

/* On every rank, from rank 0. */
static enum kerf_status find_origin(MPI_Comm comm, const char *path, struct origin *origin,
                                    struct kerf_error *error)
{
    int rank;
    enum kerf_status status = KERF_OK;
    hid_t file = -1;
    *origin = (struct origin){0};
    MPI_Comm_rank(comm, &rank);
    if (rank == 0) {
        status = open_file(path, &file, error);
        if (status == KERF_OK) {
            status = read_origin(file, origin, error);
            H5Fclose(file);
        }
        if (status != KERF_OK)
            status = kerf_error_prefix(error, "%s: ", path);
    }
    KERF_TRY(kerf_error_share(comm, 0, status, error));
    int words[] = {origin->kind, origin->sampling, origin->grouping};
    long long numbers[] = {origin->seed, origin->draws};
    MPI_Bcast(words, 3, MPI_INT, 0, comm);
    MPI_Bcast(numbers, 2, MPI_LONG_LONG, 0, comm);
    origin->kind = words[0];
    origin->sampling = words[1];
    origin->grouping = words[2];
    origin->seed = numbers[0];
    origin->draws = numbers[1];
    KERF_TRY(share_text(comm, &origin->scenario, error));
    return share_text(comm, &origin->sets, error);
}

/* Cuts the overrides into lines; the last is the ensemble's own. Returns their number without it. */
static int cut_lines(char *text, const char **line, int most)
{
    int lines = 0;
    char *rest;
    for (char *at = strtok_r(text, "\n", &rest); at && lines < most; at = strtok_r(NULL, "\n", &rest))
        line[lines++] = at;
    return lines > 0 ? lines - 1 : 0;
}

static enum kerf_status open_origin(MPI_Comm comm, const char *path, const struct origin *origin,
                                    const char *const *catalogs, struct kerf_ensemble *e,
                                    struct kerf_error *error)
{
    enum { SETS_MOST = 256 };
    const char *set[SETS_MOST];
    const struct kerf_scenario_source source = {
        .path = path, .text = origin->scenario, .set = set, .sets = cut_lines(origin->sets, set, SETS_MOST)};
    const struct kerf_design design = {.kind = (enum kerf_design_kind)origin->kind,
                                       .sampling = (enum kerf_sampling)origin->sampling,
                                       .grouping = (enum kerf_grouping)origin->grouping,
                                       .seed = (uint64_t)origin->seed,
                                       .draws = (int)origin->draws};
    return kerf_ensemble_open(comm, &source, catalogs, &design, e, error);
}

enum kerf_status kerf_ensemble_load(MPI_Comm comm, const char *const *file, int files,
                                    const char *const *catalogs, struct kerf_ensemble *e,
                                    struct kerf_error *error)
{
    struct origin origin;
    *e = (struct kerf_ensemble){0};
    enum kerf_status status = find_origin(comm, file[0], &origin, error);
    if (status == KERF_OK)
        status = kerf_error_agree(comm, open_origin(comm, file[0], &origin, catalogs, e, error), error);
    e->kept_scenario = origin.scenario;
    e->kept_sets = origin.sets;
    KERF_TRY(status);
    for (int i = 0; i < files; i++)
        KERF_TRY(kerf_ensemble_take(comm, file[i], "", e, error));
    int open = kerf_ensemble_count(e, KERF_MEMBER_OPEN), first = 0;
    while (open > 0 && e->done[first] != KERF_MEMBER_OPEN)
        first++;
    KERF_CHECK(open == 0, KERF_ERR_USAGE,
               "%s: %d of %d members are in no file, member %d the first; run the parts that are missing to "
               "their end",
               file[0], open, e->members, first);
    return KERF_OK;
}
