/* The thermal room: meshes over wafers and packages, and the power of each of their cells. */
#include "models/thermal/floorplan.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Cells hotter than this have run away: silicon does not live to tell. */
#define CEILING_K 600.0
/* Mould and air between dice, W/m/K, for nothing to speak of: it is there so that no cell is loose. */
#define MOULD_W_PER_M_K 1.0
/* Stripes of arithmetic units on a die, each as wide as the ratio of hot spots leaves it. */
enum { STRIPES = 4 };

double kerf_floor_leak_W(const struct kerf_cooling *cooling, const struct kerf_floor_power *power)
{
    return cooling->leak_fraction * power->limit_W * cooling->package_share *
           exp(cooling->leak_per_K * (cooling->measured_K - cooling->leak_reference_K));
}

/* Rows of stages in their order that tile the wafer: about as many in a row as there are rows. A row is as
 * high as its stages' areas ask for; what no stage has lies at the end. */
static void shelve(struct kerf_floor_power *power)
{
    int across = (int)ceil(sqrt(power->stages));
    double bottom = 0.0;
    for (int begin = 0; begin < power->stages; begin += across) {
        int end = begin + across < power->stages ? begin + across : power->stages;
        double height = 0.0, left = 0.0;
        for (int s = begin; s < end; s++)
            height += power->stage[s].area;
        for (int s = begin; s < end; s++) {
            struct kerf_floor_stage *stage = &power->stage[s];
            stage->width = height > 0.0 ? stage->area / height : 0.0;
            stage->height = height;
            stage->x = left;
            stage->y = bottom;
            left += stage->width;
        }
        bottom += height;
    }
}

static double overlap(double begin, double end, double other_begin, double other_end)
{
    return fmax(0.0, fmin(end, other_end) - fmax(begin, other_begin));
}

/* A box of the mesh, in shares of it, of one material. */
struct box {
    double x, y, width, height;
    enum kerf_floor_material material;
};

/* Area of a cell inside a box, in cells, where the cell is of the box's material. */
static double covered(const struct kerf_floorplan *plan, const struct box *box, int r, int c)
{
    const struct kerf_heat_problem *p = &plan->problem;
    if (plan->material_of[(size_t)r * (size_t)p->columns + (size_t)c] != box->material)
        return 0.0;
    return overlap(r, r + 1.0, box->y * p->rows, (box->y + box->height) * p->rows) *
           overlap(c, c + 1.0, box->x * p->columns, (box->x + box->width) * p->columns);
}

/* Adds `power_W` spread evenly over a box; cells at its edge get their part of it. */
static void add_box(struct kerf_floorplan *plan, const struct box *box, double power_W)
{
    struct kerf_heat_problem *p = &plan->problem;
    int first_row = (int)(box->y * p->rows), first_column = (int)(box->x * p->columns);
    int end_row = (int)fmin(p->rows, ceil((box->y + box->height) * p->rows));
    int end_column = (int)fmin(p->columns, ceil((box->x + box->width) * p->columns));
    double cells = 0.0, cell_m2 = p->width_m / p->columns * (p->height_m / p->rows);
    for (int r = first_row; r < end_row; r++)
        for (int c = first_column; c < end_column; c++)
            cells += covered(plan, box, r, c);
    for (int r = first_row; r < end_row && cells > 0.0; r++)
        for (int c = first_column; c < end_column; c++)
            plan->power_W_per_m2[(size_t)r * (size_t)p->columns + (size_t)c] +=
                power_W / cell_m2 * covered(plan, box, r, c) / cells;
}

/* The same with power in its middle only, so that it is `ratio` times as dense there. */
static void add_hot_box(struct kerf_floorplan *plan, struct box box, double power_W, double ratio)
{
    double narrow = box.width / ratio;
    box.x += 0.5 * (box.width - narrow);
    box.width = narrow;
    add_box(plan, &box, power_W);
}

static void fill_wafer(const struct kerf_cooling *cooling, const struct kerf_floor_power *power,
                       double rest_W, struct kerf_floorplan *plan)
{
    const struct box whole = {0.0, 0.0, 1.0, 1.0, KERF_FLOOR_DIE};
    add_box(plan, &whole, rest_W);
    for (int s = 0; s < power->stages; s++) {
        const struct kerf_floor_stage *stage = &power->stage[s];
        const struct box box = {stage->x, stage->y, stage->width, stage->height, KERF_FLOOR_DIE};
        if (stage->power_W > 0.0)
            add_hot_box(plan, box, stage->power_W, cooling->hot_spot_ratio);
    }
}

/* The die in the middle, the stacks in a column on either side. */
static int boxes_of(const struct kerf_cooling *cooling, const struct kerf_heat_problem *p, struct box *box)
{
    int count = 0, stacks = (int)cooling->memory_stacks;
    double width = cooling->die_width_m / p->width_m, height = cooling->die_height_m / p->height_m;
    box[count++] = (struct box){0.5 * (1.0 - width), 0.5 * (1.0 - height), width, height, KERF_FLOOR_DIE};
    for (int s = 0; s < stacks; s++) {
        int side = s % 2, on_side = (stacks + 1 - side) / 2;
        double w = cooling->memory_width_m / p->width_m, h = cooling->memory_height_m / p->height_m;
        box[count++] =
            (struct box){side ? 1.0 - w : 0.0, (s / 2 + 0.5) / on_side - 0.5 * h, w, h, KERF_FLOOR_MEMORY};
    }
    return count;
}

enum { BOXES_MOST = 65 };

static bool holds(const struct box *box, double x, double y)
{
    return x >= box->x && x <= box->x + box->width && y >= box->y && y <= box->y + box->height;
}

/* A cell is of what its middle lies on. */
static void lay_out(const struct box *box, int boxes, struct kerf_floorplan *plan)
{
    const struct kerf_heat_problem *p = &plan->problem;
    for (int r = 0; r < p->rows; r++)
        for (int c = 0; c < p->columns; c++) {
            unsigned char *material = &plan->material_of[(size_t)r * (size_t)p->columns + (size_t)c];
            *material = KERF_FLOOR_GAP;
            for (int b = 0; b < boxes; b++)
                if (holds(&box[b], (c + 0.5) / p->columns, (r + 0.5) / p->rows))
                    *material = (unsigned char)box[b].material;
        }
}

static void fill_package(const struct kerf_cooling *cooling, const struct kerf_floor_power *power,
                         double rest_W, struct kerf_floorplan *plan)
{
    struct box box[BOXES_MOST];
    int boxes = boxes_of(cooling, &plan->problem, box);
    lay_out(box, boxes, plan);
    for (int b = 1; b < boxes; b++)
        add_box(plan, &box[b], power->memory_W / (boxes - 1));
    add_box(plan, &box[0], rest_W + (boxes > 1 ? 0.0 : power->memory_W));
    for (int s = 0; s < STRIPES && power->die_W > 0.0; s++) {
        struct box stripe = box[0];
        stripe.width /= STRIPES;
        stripe.x += s * stripe.width;
        add_hot_box(plan, stripe, power->die_W / STRIPES, cooling->hot_spot_ratio);
    }
}

/* Layers and coolant; the leakage of the die is spread over it. */
static void fill_layers(const struct kerf_cooling *cooling, const struct kerf_floor_power *power,
                        struct kerf_heat_problem *p)
{
    double die_m2 = cooling->die_width_m * cooling->die_height_m;
    double sheet = cooling->silicon_W_per_m_K * cooling->silicon_thickness_m;
    double heat = cooling->silicon_J_per_m3_K * cooling->silicon_thickness_m;
    /* The exponent refers to the nominal voltage, which is another at another clock. */
    double leak_W = cooling->leak_fraction * power->limit_W * cooling->package_share *
                    pow(power->volt_share, cooling->leak_volt_exponent);
    p->materials = power->stages > 0 ? 1 : KERF_FLOOR_MATERIALS;
    p->material[KERF_FLOOR_DIE] =
        (struct kerf_heat_material){sheet, cooling->interface_K_m2_per_W, heat, leak_W / die_m2};
    p->material[KERF_FLOOR_MEMORY] =
        (struct kerf_heat_material){sheet, cooling->memory_interface_K_m2_per_W, heat, 0.0};
    p->material[KERF_FLOOR_GAP] =
        (struct kerf_heat_material){MOULD_W_PER_M_K * cooling->silicon_thickness_m,
                                    cooling->silicon_thickness_m / MOULD_W_PER_M_K, heat, 0.0};
    p->plate_W_per_K = cooling->plate_W_per_m_K * cooling->plate_thickness_m;
    p->plate_heat_J_per_m2_K = cooling->plate_J_per_m3_K * cooling->plate_thickness_m;
    p->film_W_per_m2_K = die_m2 / (p->width_m * p->height_m) / cooling->film_K_m2_per_W;
    p->inlet_K = cooling->inlet_K;
    p->coolant_W_per_K = cooling->coolant_m3_per_s * cooling->coolant_J_per_m3_K;
    p->leak_per_K = cooling->leak_per_K;
    p->leak_reference_K = cooling->leak_reference_K;
    p->leak_volt_exponent = cooling->leak_volt_exponent;
    p->ceiling_K = CEILING_K;
    p->nominal_V = cooling->supply_V * power->volt_share;
    p->grid_ohm = power->stages > 0 ? cooling->grid_ohm : 0.0;
    p->feed_ohm_m2 = cooling->feed_ohm_m2;
}

static void size_mesh(const struct kerf_cooling *cooling, bool package, int cells,
                      struct kerf_heat_problem *p)
{
    double beside = package && cooling->memory_stacks > 0.0
                        ? 2.0 * (cooling->memory_width_m + cooling->memory_gap_m)
                        : 0.0;
    double stacks_m = package ? ceil(cooling->memory_stacks / 2.0) * cooling->memory_height_m : 0.0;
    p->width_m = cooling->die_width_m + beside;
    p->height_m = fmax(cooling->die_height_m, stacks_m);
    double cell_m = fmax(p->width_m, p->height_m) / cells;
    p->columns = (int)fmax(KERF_HEAT_CELLS_LEAST, round(p->width_m / cell_m));
    p->rows = (int)fmax(KERF_HEAT_CELLS_LEAST, round(p->height_m / cell_m));
}

enum kerf_status kerf_floorplan_make(const struct kerf_cooling *cooling, struct kerf_floor_power *power,
                                     int cells, struct kerf_floorplan *plan, struct kerf_error *error)
{
    bool package = power->stages == 0;
    struct kerf_heat_problem *p = &plan->problem;
    *plan = (struct kerf_floorplan){0};
    KERF_CHECK(cells >= KERF_HEAT_CELLS_LEAST && cells <= 8000, KERF_ERR_USAGE,
               "heat: a mesh of %d cells along a side: %d to 8000 can be", cells, KERF_HEAT_CELLS_LEAST);
    size_mesh(cooling, package, cells, p);
    KERF_CHECK(!package || p->columns >= 16, KERF_ERR_USAGE,
               "heat: a mesh of %d x %d cells is too coarse for a die and its memory: at least 16 along the "
               "longer side",
               p->columns, p->rows);
    size_t count = (size_t)p->columns * (size_t)p->rows;
    plan->power_W_per_m2 = calloc(count, sizeof *plan->power_W_per_m2);
    plan->material_of = calloc(count, sizeof *plan->material_of);
    if (!plan->power_W_per_m2 || !plan->material_of) {
        kerf_floorplan_free(plan);
        return kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for a mesh of %zu cells", count);
    }
    fill_layers(cooling, power, p);
    /* Leakage is added by temperature: what was measured contains it already. */
    double rest_W = fmax(power->spread_W - kerf_floor_leak_W(cooling, power), 0.0);
    if (package) {
        fill_package(cooling, power, rest_W, plan);
    } else {
        shelve(power);
        fill_wafer(cooling, power, rest_W, plan);
    }
    p->power_W_per_m2 = plan->power_W_per_m2;
    p->material_of = plan->material_of;
    return KERF_OK;
}

void kerf_floorplan_free(struct kerf_floorplan *plan)
{
    free(plan->power_W_per_m2);
    free(plan->material_of);
    *plan = (struct kerf_floorplan){0};
}
