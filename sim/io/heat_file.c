/* The io room: writes maps of temperature and voltage. */
#include "sim/io/heat_file.h"
#include "sim/io/part_file.h"
#include "sim/io/result_columns.h"

#include <stdlib.h>

static struct kerf_part_file part_of(MPI_Comm comm, const char *path)
{
    return (struct kerf_part_file){.comm = comm, .what = "output", .example = "heat.h5", .path = path};
}

enum kerf_status kerf_heat_file_prepare(MPI_Comm comm, const char *path, struct kerf_error *error)
{
    const struct kerf_part_file part = part_of(comm, path);
    return kerf_part_reserve(&part, error);
}

void kerf_heat_file_discard(MPI_Comm comm, const char *path)
{
    const struct kerf_part_file part = part_of(comm, path);
    kerf_part_discard(&part);
}

/* The middles of the cells along one side. */
static enum kerf_status write_scale(const struct kerf_result_writer *w, const char *name,
                                    const char *long_name, int cells, double length_m,
                                    struct kerf_error *error)
{
    double *middle = malloc((size_t)cells * sizeof *middle);
    KERF_CHECK(middle, KERF_ERR_FAILURE, "out of memory for %s", name);
    for (int i = 0; i < cells; i++)
        middle[i] = (i + 0.5) * length_m / cells;
    const struct kerf_table_column column = {
        .name = name, .units = "m", .long_name = long_name, .type = KERF_COLUMN_F64};
    enum kerf_status status = kerf_write_known(w, column, (hsize_t)cells, middle, error);
    free(middle);
    return status;
}

static enum kerf_status write_maps(const struct kerf_result_writer *w, const struct kerf_heat_map *map,
                                   struct kerf_error *error)
{
    const struct kerf_heat_problem *p = map->problem;
    const struct {
        const char *name, *units, *long_name;
        const double *values;
    } maps[] = {
        {"silicon", "K", "temperature of the silicon", map->field->silicon_K},
        {"plate", "K", "temperature of the cold plate", map->field->plate_K},
        {"coolant", "K", "mean temperature of the coolant over the cell", map->field->coolant_K},
        {"power", "W/m2", "power without leakage", p->power_W_per_m2},
        {"leakage", "W/m2", "leakage", map->field->leak_W_per_m2},
        {"voltage", "V", "of the power grid; the supply's where no drop is worked out", map->field->volt_V}};
    KERF_TRY(write_scale(w, "x", "along the coolant's path", p->columns, p->width_m, error));
    KERF_TRY(write_scale(w, "y", "across it", p->rows, p->height_m, error));
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        const struct kerf_table_column column = {.name = maps[i].name,
                                                 .units = maps[i].units,
                                                 .long_name = maps[i].long_name,
                                                 .type = KERF_COLUMN_F64,
                                                 .width = {(hsize_t)p->columns},
                                                 .scale = {"y", "x"}};
        KERF_TRY(kerf_write_known(w, column, (hsize_t)p->rows, maps[i].values, error));
    }
    return KERF_OK;
}

/* Sums and extremes of one system, each a dataset of one number. */
static enum kerf_status write_figures(const struct kerf_result_writer *w, const struct kerf_heat_map *map,
                                      struct kerf_error *error)
{
    const struct kerf_heat_figures *sum = map->figures;
    const struct {
        const char *name, *units, *long_name;
        double value;
    } figures[] = {
        {"total_power", "W", "heat of the package or wafer", sum->power_W},
        {"total_leakage", "W", "of that, leakage", sum->leak_W},
        {"coolant_gain", "W", "what the coolant carries away", sum->coolant_gain_W},
        {"coolant_in", "K", "coolant in front of the plate", map->problem->inlet_K},
        {"coolant_out", "K", "coolant behind the plate, mixed", sum->coolant_out_K},
        {"silicon_most", "K", "hottest of the die or wafer", sum->silicon_most_K[KERF_FLOOR_DIE]},
        {"silicon_mean", "K", "mean of the die or wafer", sum->silicon_mean_K[KERF_FLOOR_DIE]},
        {"silicon_limit", "K", "above it the clock goes down", map->die_limit_K},
        {"memory_most", "K", "hottest of the memory; 0 without", sum->silicon_most_K[KERF_FLOOR_MEMORY]},
        {"voltage_drop_most", "V", "largest drop below the supply", sum->drop_most_V}};
    KERF_TRY(kerf_write_row_numbers(w, "row", "the one row of the figures", 1, error));
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        const struct kerf_table_column column = {.name = figures[i].name,
                                                 .units = figures[i].units,
                                                 .long_name = figures[i].long_name,
                                                 .type = KERF_COLUMN_F64,
                                                 .scale = {"row"}};
        KERF_TRY(kerf_write_known(w, column, 1, &figures[i].value, error));
    }
    return KERF_OK;
}

/* The rectangles of the stages, in metres. */
static enum kerf_status write_stages(const struct kerf_result_writer *w, const struct kerf_heat_map *map,
                                     struct kerf_error *error)
{
    static const struct {
        const char *name, *long_name;
        size_t offset;
        bool across;
    } sides[] = {{"stage_x", "left edge of a stage", offsetof(struct kerf_floor_stage, x), false},
                 {"stage_y", "lower edge of a stage", offsetof(struct kerf_floor_stage, y), true},
                 {"stage_width", "width of a stage", offsetof(struct kerf_floor_stage, width), false},
                 {"stage_height", "height of a stage", offsetof(struct kerf_floor_stage, height), true}};
    int stages = map->power->stages;
    double *value = malloc(((size_t)stages + 1) * sizeof *value);
    KERF_CHECK(value, KERF_ERR_FAILURE, "out of memory for %d stages", stages);
    enum kerf_status status = kerf_write_row_numbers(w, "stage", "stage of the wafer's part of the pipeline",
                                                     (hsize_t)stages, error);
    for (size_t i = 0; i < sizeof sides / sizeof sides[0] && status == KERF_OK; i++) {
        double length_m = sides[i].across ? map->problem->height_m : map->problem->width_m;
        for (int s = 0; s < stages; s++)
            value[s] = length_m * *(const double *)((const char *)&map->power->stage[s] + sides[i].offset);
        const struct kerf_table_column column = {.name = sides[i].name,
                                                 .units = "m",
                                                 .long_name = sides[i].long_name,
                                                 .type = KERF_COLUMN_F64,
                                                 .scale = {"stage"}};
        status = kerf_write_known(w, column, (hsize_t)stages, value, error);
    }
    free(value);
    return status;
}

static enum kerf_status fill_system(const struct kerf_result_writer *w, const struct kerf_heat_map *map,
                                    struct kerf_error *error)
{
    KERF_TRY(kerf_attribute_text(w->group, "title", map->title, error));
    KERF_TRY(kerf_attribute_text(w->group, "hardware", map->hardware, error));
    KERF_TRY(kerf_attribute_text(w->group, "cooling", map->cooling, error));
    KERF_TRY(kerf_attribute_text(w->group, "device", map->power->stages > 0 ? "wafer" : "gpu", error));
    KERF_TRY(kerf_attribute_integer(w->group, "accelerator", map->accelerator, error));
    KERF_TRY(write_maps(w, map, error));
    KERF_TRY(write_figures(w, map, error));
    return map->power->stages > 0 ? write_stages(w, map, error) : KERF_OK;
}

static enum kerf_status write_all(MPI_Comm comm, hid_t file, const char *title, const char *version,
                                  const struct kerf_heat_map *map, int maps, struct kerf_error *error)
{
    KERF_TRY(kerf_attribute_text(file, "title", title, error));
    KERF_TRY(kerf_attribute_text(file, "kerf_version", version, error));
    hid_t heat = H5Gcreate2(file, "heat", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    KERF_CHECK(heat >= 0, KERF_ERR_FAILURE, "cannot make group heat");
    enum kerf_status status = KERF_OK;
    for (int i = 0; i < maps && status == KERF_OK; i++) {
        struct kerf_result_writer w = {.comm = comm};
        w.group = H5Gcreate2(heat, map[i].name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        status = w.group >= 0 ? fill_system(&w, &map[i], error)
                              : kerf_error_set(error, KERF_ERR_FAILURE, "cannot make its group");
        if (w.group >= 0)
            H5Gclose(w.group);
        if (status != KERF_OK)
            kerf_error_prefix(error, "heat/%s: ", map[i].name);
    }
    H5Gclose(heat);
    return status;
}

enum kerf_status kerf_heat_file_write(MPI_Comm comm, const char *path, const char *title, const char *version,
                                      const struct kerf_heat_map *map, int maps, struct kerf_error *error)
{
    enum { DESCRIPTIONS = 256 << 10, MAPS_OF_A_SYSTEM = 7 };
    const struct kerf_part_file part = part_of(comm, path);
    long long bytes = DESCRIPTIONS;
    hid_t file;
    for (int i = 0; i < maps; i++)
        bytes += DESCRIPTIONS + (long long)map[i].problem->columns * map[i].problem->rows * MAPS_OF_A_SYSTEM *
                                    (long long)sizeof(double);
    enum kerf_status status = kerf_part_create(&part, bytes, 0, &file, error);
    if (status == KERF_OK)
        status = kerf_part_close(&part, file, write_all(comm, file, title, version, map, maps, error), error);
    if (status == KERF_OK)
        status = kerf_part_publish(&part, false, error);
    if (status != KERF_OK)
        kerf_part_discard(&part);
    return status;
}
