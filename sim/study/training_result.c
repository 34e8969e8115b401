/* The study room: results of training scenarios as HDF5. */
#include "sim/engine/agree.h"
#include "sim/io/hdf5_read.h"
#include "sim/io/hdf5_table.h"
#include "sim/io/result.h"
#include "sim/study/training_study.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number of an outcome as a dataset [system, column]. */
#define STEP(field) offsetof(struct kerf_training_outcome, step.field)
#define STREAMED(field) offsetof(struct kerf_training_outcome, streamed.field)
#define BILL(field) offsetof(struct kerf_training_outcome, bill.field)
static const struct {
    const char *name, *units, *long_name;
    size_t offset;
    hsize_t parts; /* 0: one number */
} fields[] = {
    {"step_time", "s", "time of a step", STEP(step_s), 0},
    {"part_time", "s", "where the time of a step goes", STEP(part_s), KERF_STEP_PARTS},
    {"tokens_per_step", "1", "tokens of a step, all accelerators", STEP(tokens), 0},
    {"token_rate", "1/s", "tokens per second and accelerator", STEP(tokens_per_s_gpu), 0},
    {"model_flops", "1", "FLOPs of a step, nothing computed again", STEP(model_flops), 0},
    {"hardware_flops", "1", "FLOPs of a step with what is computed again", STEP(hardware_flops), 0},
    {"mfu", "1", "model FLOP/s over the 16-bit peak", STEP(mfu), 0},
    {"memory_used", "B", "of the fullest accelerator", STEP(memory.used_bytes), 0},
    {"memory_capacity", "B", "of an accelerator", STEP(memory.capacity_bytes), 0},
    {"accelerator_power", "W", "mean power of all accelerators", BILL(accelerator_W), 0},
    {"facility_power", "W", "mean power at the meter of the building", BILL(facility_W), 0},
    {"rated_power", "W", "at the meter, every accelerator at its limit", BILL(rated_W), 0},
    {"cost_rate", "USD/s", "of the owner, all accelerators", BILL(USD_per_s), 0},
    {"stream_time", "s", "of a step, were the wafers instant; 0 on GPUs", STREAMED(stream_s), 0},
    {"tokens_to_hide", "1", "of a wafer's micro-batch, to hide the stream; 0 on GPUs",
     STREAMED(tokens_to_hide), 0},
    {"store_bytes", "B", "in MemoryX; 0 on GPUs", STREAMED(store_bytes), 0},
};
#undef STEP
#undef STREAMED
#undef BILL

enum { NAME_BYTES = 128 };

static const char table_name[] = "training_table";

static enum kerf_status write_names(hid_t group, const char *name, const char *long_name, const char *names,
                                    hsize_t count, bool first, struct kerf_error *error)
{
    const hsize_t zero = 0;
    const struct kerf_rows rows = {.blocks = first ? 1 : 0, .offset = &zero, .count = &count, .total = count};
    const struct kerf_table_column column = {.name = name,
                                             .units = "1",
                                             .long_name = long_name,
                                             .type = KERF_COLUMN_TEXT,
                                             .text_bytes = NAME_BYTES};
    return kerf_table_write(group, &column, &rows, names, error);
}

static enum kerf_status write_scales(hid_t group, const struct kerf_training_study *study, bool first,
                                     struct kerf_error *error)
{
    static const char *const columns[] = {"low", "nominal", "high"};
    char systems[KERF_TRAINING_SYSTEMS_MAX][NAME_BYTES] = {{0}}, names[KERF_COLUMN_COUNT][NAME_BYTES] = {{0}},
         parts[KERF_STEP_PARTS][NAME_BYTES] = {{0}};
    for (int i = 0; i < study->scenario.systems; i++)
        snprintf(systems[i], NAME_BYTES, "%s", study->scenario.system[i].name);
    for (int i = 0; i < KERF_COLUMN_COUNT; i++)
        snprintf(names[i], NAME_BYTES, "%s", columns[i]);
    for (int i = 0; i < KERF_STEP_PARTS; i++)
        snprintf(parts[i], NAME_BYTES, "%s", kerf_step_part_names[i]);
    KERF_TRY(write_names(group, "system", "systems of the scenario", systems[0],
                         (hsize_t)study->scenario.systems, first, error));
    KERF_TRY(write_names(group, "column", "end of the uncertain leaves", names[0], KERF_COLUMN_COUNT, first,
                         error));
    return write_names(group, "part", "parts of a step", parts[0], KERF_STEP_PARTS, first, error);
}

static enum kerf_status write_fields(hid_t group, const struct kerf_training_study *study, bool first,
                                     struct kerf_error *error)
{
    const hsize_t zero = 0, systems = (hsize_t)study->scenario.systems;
    const struct kerf_rows rows = {
        .blocks = first ? 1 : 0, .offset = &zero, .count = &systems, .total = systems};
    double cells[KERF_TRAINING_SYSTEMS_MAX * KERF_COLUMN_COUNT * KERF_STEP_PARTS];
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
        size_t numbers = fields[f].parts ? fields[f].parts : 1, at = 0;
        for (int i = 0; i < study->scenario.systems; i++)
            for (int c = 0; c < KERF_COLUMN_COUNT; c++, at += numbers)
                memcpy(cells + at, (const char *)&study->cases[i].outcome[c] + fields[f].offset,
                       numbers * sizeof *cells);
        const struct kerf_table_column column = {
            .name = fields[f].name,
            .units = fields[f].units,
            .long_name = fields[f].long_name,
            .type = KERF_COLUMN_F64,
            .width = {KERF_COLUMN_COUNT, fields[f].parts},
            .scale = {"system", "column", fields[f].parts ? "part" : NULL}};
        KERF_TRY(kerf_table_write(group, &column, &rows, cells, error));
    }
    return KERF_OK;
}

static enum kerf_status write_table(hid_t file, const struct kerf_training_study *study,
                                    struct kerf_error *error)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    KERF_CHECK(out, KERF_ERR_FAILURE, "out of memory for a table");
    kerf_training_study_print(out, study);
    bool made = fclose(out) == 0;
    enum kerf_status status = made ? kerf_table_text(file, table_name, "the table of kerf run", text, error)
                                   : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for a table");
    free(text);
    return status;
}

static enum kerf_status fill(hid_t file, const struct kerf_training_study *study, const char *version,
                             bool first, struct kerf_error *error)
{
    KERF_TRY(kerf_attribute_text(file, "kerf_version", version, error));
    KERF_TRY(kerf_attribute_text(file, "title", study->scenario.title, error));
    KERF_TRY(kerf_attribute_text(file, "network", study->network.name, error));
    hid_t group = H5Gcreate2(file, "training", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    KERF_CHECK(group >= 0, KERF_ERR_FAILURE, "result: the group training cannot be made");
    enum kerf_status status = write_scales(group, study, first, error);
    if (status == KERF_OK)
        status = write_fields(group, study, first, error);
    H5Gclose(group);
    if (status == KERF_OK)
        status = kerf_table_text(file, "scenario", "the scenario's text", study->text, error);
    return status == KERF_OK ? write_table(file, study, error) : status;
}

enum kerf_status kerf_training_study_write(MPI_Comm comm, const struct kerf_training_study *study,
                                           const char *path, const char *version, struct kerf_error *error)
{
    char part[4096];
    int rank;
    MPI_Comm_rank(comm, &rank);
    snprintf(part, sizeof part, "%s.part", path);
    KERF_TRY(kerf_result_prepare(comm, path, error));
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_mpio(access, comm, MPI_INFO_NULL);
    hid_t file = H5Fcreate(part, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    enum kerf_status status =
        file >= 0 ? fill(file, study, version, rank == 0, error)
                  : kerf_error_set(error, KERF_ERR_FAILURE, "output %s: cannot be written", path);
    if (file >= 0 && H5Fclose(file) < 0 && status == KERF_OK)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "output %s: cannot be written whole", path);
    status = kerf_error_agree(comm, status, error);
    if (status == KERF_OK)
        status = kerf_error_share(
            comm, 0,
            rank == 0 && rename(part, path) != 0
                ? kerf_error_set(error, KERF_ERR_FAILURE, "output %s: %s", path, strerror(errno))
                : KERF_OK,
            error);
    if (status != KERF_OK)
        kerf_result_discard(comm, path);
    return status;
}

char *kerf_training_study_table(const char *path)
{
    char *text = NULL;
    struct kerf_error ignored = {0};
    hid_t file = -1;
    H5E_BEGIN_TRY
    {
        file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
        if (file >= 0 && H5Lexists(file, table_name, H5P_DEFAULT) > 0 &&
            kerf_hdf5_text(file, table_name, &text, &ignored) != KERF_OK)
            text = NULL;
    }
    H5E_END_TRY
    if (file >= 0)
        H5Fclose(file);
    return text;
}
