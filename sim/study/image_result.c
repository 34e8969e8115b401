/* The study room: results of scenarios about images. */
#include "sim/engine/agree.h"
#include "sim/io/report.h"
#include "sim/study/costed_result.h"
#include "sim/study/image_study.h"

#include <stdlib.h>
#include <string.h>

/* Figures of a result as datasets [system, column], and where they lie; the parts come last. */
static const struct kerf_costed_field fields[] = {
    {"batch_time", "s", "from a batch in to its results out; training: a step", false},
    {"rate", "1/s", "images, or answer tokens, of all accelerators", false},
    {"flops", "1/s", "model FLOPs per second, all accelerators", false},
    {"mfu", "1", "of the 16-bit peak", false},
    {"memory_used", "B", "of one accelerator", false},
    {"memory_capacity", "B", "of one accelerator", false},
    {"accelerator_power", "W", "mean power of all accelerators", false},
    {"facility_power", "W", "mean power at the meter of the building", false},
    {"rated_power", "W", "at the meter, every accelerator at its limit", false},
    {"cost_rate", "USD/s", "of the owner, all accelerators", false},
    {"part_time", "s", "where the time of a batch goes", true},
};
#define AT(field) offsetof(struct kerf_image_result, field)
static const size_t offsets[] = {
    AT(batch_s),        AT(rate_per_s),         AT(flops),           AT(mfu),          AT(used_bytes),
    AT(capacity_bytes), AT(bill.accelerator_W), AT(bill.facility_W), AT(bill.rated_W), AT(bill.USD_per_s),
};
#undef AT
enum {
    FIELDS = sizeof fields / sizeof fields[0],
    NUMBERS = sizeof offsets / sizeof offsets[0],
    PARTS_MOST = 64
};
_Static_assert(NUMBERS + 1 == FIELDS, "a place for every field but the parts");

struct view {
    char system[KERF_SYSTEMS_MAX][KERF_COSTED_NAME_BYTES], title[KERF_SYSTEMS_MAX][KERF_COSTED_NAME_BYTES],
        hardware[KERF_SYSTEMS_MAX][KERF_COSTED_NAME_BYTES], limit[KERF_SYSTEMS_MAX][KERF_COSTED_NAME_BYTES],
        column[KERF_COLUMN_COUNT][KERF_COSTED_NAME_BYTES], part[PARTS_MOST][KERF_COSTED_NAME_BYTES];
    int parts;
    double accelerators[KERF_SYSTEMS_MAX];
    double cells[KERF_SYSTEMS_MAX * KERF_COLUMN_COUNT * (NUMBERS + PARTS_MOST)];
};

static void name(char *out, const char *text)
{
    snprintf(out, KERF_COSTED_NAME_BYTES, "%s", text);
}

/* Place of a part among all that any system has. */
static int place_of(struct view *view, const char *part)
{
    for (int i = 0; i < view->parts; i++)
        if (strcmp(view->part[i], part) == 0)
            return i;
    name(view->part[view->parts], part);
    return view->parts++;
}

static void fill_names(const struct kerf_image_study *study, struct view *view)
{
    for (int i = 0; i < study->scenario.systems; i++) {
        name(view->system[i], study->scenario.system[i].name);
        name(view->title[i], study->scenario.system[i].title);
        name(view->hardware[i], study->scenario.system[i].hardware);
        name(view->limit[i], kerf_image_limit(study, i));
        view->accelerators[i] = study->scenario.system[i].count;
        for (int part = 0; part < study->result[i][0].parts; part++)
            place_of(view, study->result[i][0].part[part]);
    }
    for (int c = 0; c < study->columns; c++)
        name(view->column[c], kerf_column_names[study->column[c]]);
}

static void fill_cells(const struct kerf_image_study *study, struct view *view)
{
    double *cell = view->cells;
    for (int f = 0; f < NUMBERS; f++)
        for (int i = 0; i < study->scenario.systems; i++)
            for (int c = 0; c < study->columns; c++)
                memcpy(cell++, (const char *)&study->result[i][c] + offsets[f], sizeof *cell);
    for (int i = 0; i < study->scenario.systems; i++)
        for (int c = 0; c < study->columns; c++, cell += view->parts)
            for (int part = 0; part < study->result[i][c].parts; part++)
                cell[place_of(view, study->result[i][c].part[part])] = study->result[i][c].part_s[part];
}

static void print(FILE *out, const void *study)
{
    kerf_image_study_print(out, study);
}

enum kerf_status kerf_image_study_write(MPI_Comm comm, const struct kerf_image_study *study, const char *path,
                                        const char *version, struct kerf_error *error)
{
    struct view *view = calloc(1, sizeof *view);
    char *table = kerf_costed_table(print, study);
    enum kerf_status status = KERF_OK;
    if (!view || !table)
        status = kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for a result");
    status = kerf_error_agree(comm, status, error);
    if (status == KERF_OK) {
        fill_names(study, view);
        fill_cells(study, view);
        const struct kerf_costed_result result = {.content = "images",
                                                  .title = study->scenario.title,
                                                  .network = study->network.name,
                                                  .version = version,
                                                  .scenario = study->text,
                                                  .table = table,
                                                  .systems = study->scenario.systems,
                                                  .columns = study->columns,
                                                  .parts = view->parts,
                                                  .fields = FIELDS,
                                                  .system = view->system[0],
                                                  .system_title = view->title[0],
                                                  .hardware = view->hardware[0],
                                                  .limit = view->limit[0],
                                                  .accelerators = view->accelerators,
                                                  .column = view->column[0],
                                                  .part = view->part[0],
                                                  .field = fields,
                                                  .cells = view->cells};
        status = kerf_costed_result_write(comm, path, &result, error);
    }
    free(table);
    free(view);
    return status;
}
