/* The study room: placements on wafers as text. */
#include "sim/study/placement_text.h"

#include <math.h>
#include <string.h>

static const double GB = 1e-9;

/* Bytes of stages [begin, end) by what they are for. */
struct parts {
    double weights, kv, activations;
};

static struct parts parts_of(const struct kerf_stage *stage, int begin, int end)
{
    struct parts sum = {0};
    for (int s = begin; s < end; s++) {
        sum.weights += stage[s].weight_bytes;
        sum.kv += stage[s].kv_bytes;
        sum.activations += stage[s].activation_bytes;
    }
    return sum;
}

/* With the drafter, which lies beside the head. */
static struct parts parts_on(const struct kerf_wafer_plan *plan, int wafer)
{
    struct parts parts =
        parts_of(plan->placement.stage, plan->first_stage[wafer], plan->first_stage[wafer + 1]);
    if (plan->placement.drafter.wafer == wafer)
        parts.weights += plan->placement.drafter.weight_bytes;
    return parts;
}

static double all_of(const struct parts *parts)
{
    return parts->weights + parts->kv + parts->activations;
}

static int fullest_wafer(const struct kerf_wafer_plan *plan)
{
    int fullest = 0;
    double most = 0.0;
    for (int w = 0; w < plan->placement.wafers; w++) {
        struct parts parts = parts_on(plan, w);
        if (all_of(&parts) > most) {
            most = all_of(&parts);
            fullest = w;
        }
    }
    return fullest;
}

/* The largest of the parts by name; code and buffers are what sram_usable_fraction sets aside. */
static const char *largest_part(const struct parts *parts)
{
    if (parts->weights >= parts->kv && parts->weights >= parts->activations)
        return "weights";
    return parts->kv >= parts->activations ? "KV cache" : "activations";
}

void kerf_placement_print_limit(FILE *out, const struct kerf_serving *serving)
{
    const struct kerf_wafer_plan *plan = &serving->wafer;
    const struct kerf_wafer_placement *placement = &plan->placement;
    int wafer = fullest_wafer(plan);
    struct parts parts = parts_on(plan, wafer);
    double usable = placement->usable_bytes_per_wafer, code = plan->wafer.sram_bytes - usable;
    fprintf(out,
            "#   fullest wafer %d of %.1f GB: weights %.1f, KV cache %.2f, activations %.2f, code and "
            "buffers %.1f, "
            "free %.1f GB\n",
            wafer, plan->wafer.sram_bytes * GB, parts.weights * GB, parts.kv * GB, parts.activations * GB,
            code * GB, (usable - all_of(&parts)) * GB);
    if (placement->wafers > placement->wafers_needed) {
        fprintf(out, "#   limited by nothing: %d wafers would hold it; more only spread the layers\n",
                placement->wafers_needed);
        return;
    }
    struct parts all = parts_of(placement->stage, 0, placement->stages);
    all.weights += placement->drafter.weight_bytes;
    if (placement->wafers == 1)
        fprintf(out, "#   limited by one wafer: nothing is smaller\n");
    else
        fprintf(
            out,
            "#   limited by %s: %d wafers have %.1f GB usable for %.1f GB in whole layers of up to %.1f GB\n",
            largest_part(&all), placement->wafers - 1, (placement->wafers - 1) * usable * GB,
            all_of(&all) * GB, placement->largest_stage_bytes * GB);
}

enum { MAP_WIDTH = 64, MAP_HEIGHT = 16, MAPS_MOST = 6 };

struct map {
    char cell[MAP_HEIGHT + 1][MAP_WIDTH + 2];
};

static void draw_box(struct map *map, int top, int left, int bottom, int right, const char *label)
{
    for (int x = left; x <= right; x++)
        map->cell[top][x] = map->cell[bottom][x] = '-';
    for (int y = top; y <= bottom; y++)
        map->cell[y][left] = map->cell[y][right] = '|';
    map->cell[top][left] = map->cell[top][right] = map->cell[bottom][left] = map->cell[bottom][right] = '+';
    int room = right - left - 1, length = (int)strlen(label), middle = (top + bottom) / 2;
    if (bottom - top > 1 && room >= length)
        memcpy(&map->cell[middle][left + 1 + (room - length) / 2], label, (size_t)length);
}

static double area_of(const struct kerf_stage *stage, int begin, int end)
{
    double area = 0.0;
    for (int s = begin; s < end; s++)
        area += stage[s].pe_rows * stage[s].pe_columns;
    return area;
}

/* Shelves so many that boxes come out about as wide as high on a wafer that is wider than high. */
static int shelves_for(int stages)
{
    const double width_over_height = 1160.0 / 750.0;
    int shelves = (int)lround(sqrt(stages / width_over_height));
    return shelves < 1 ? 1 : shelves;
}

static void draw_shelf(struct map *map, const struct kerf_stage *stage, int begin, int end, int top,
                       int bottom)
{
    static const char letter[] = {[KERF_STAGE_EMBEDDING] = 'E',
                                  [KERF_STAGE_DENSE_LAYER] = 'D',
                                  [KERF_STAGE_MOE_LAYER] = 'M',
                                  [KERF_STAGE_HEAD] = 'H'};
    double width = area_of(stage, begin, end), drawn = 0.0;
    for (int s = begin; s < end; s++) {
        int left = (int)lround(drawn / width * MAP_WIDTH);
        drawn += area_of(stage, s, s + 1);
        int right = (int)lround(drawn / width * MAP_WIDTH);
        char label[16];
        snprintf(label, sizeof label, "%c%d", letter[stage[s].kind], s);
        if (right > left)
            draw_box(map, top, left, bottom, right, label);
    }
}

static void draw_wafer(FILE *out, const struct kerf_wafer_plan *plan, int wafer)
{
    struct map map;
    memset(&map, ' ', sizeof map);
    const struct kerf_stage *stage = plan->placement.stage;
    int begin = plan->first_stage[wafer], end = plan->first_stage[wafer + 1];
    int shelves = shelves_for(end - begin), each = (end - begin + shelves - 1) / shelves;
    double all = area_of(stage, begin, end), drawn = 0.0;
    for (int s = begin; s < end; s += each) {
        int stop = s + each < end ? s + each : end, top = (int)lround(drawn / all * MAP_HEIGHT);
        drawn += area_of(stage, s, stop);
        draw_shelf(&map, stage, s, stop, top, (int)lround(drawn / all * MAP_HEIGHT));
    }
    for (int y = 0; y <= MAP_HEIGHT; y++)
        fprintf(out, "#   %.*s\n", MAP_WIDTH + 1, map.cell[y]);
}

/* Whether two wafers hold the same kinds of stages on the same rectangles. */
static bool alike(const struct kerf_wafer_plan *plan, int a, int b)
{
    const struct kerf_stage *stage = plan->placement.stage;
    int count = plan->first_stage[a + 1] - plan->first_stage[a];
    if (plan->first_stage[b + 1] - plan->first_stage[b] != count)
        return false;
    for (int i = 0; i < count; i++) {
        const struct kerf_stage *left = &stage[plan->first_stage[a] + i],
                                *right = &stage[plan->first_stage[b] + i];
        if (left->kind != right->kind || left->pe_rows != right->pe_rows ||
            left->pe_columns != right->pe_columns)
            return false;
    }
    return true;
}

void kerf_placement_draw(FILE *out, const struct kerf_wafer_plan *plan)
{
    fprintf(out,
            "#   map, schematic (E embedding, D dense layer, M layer of experts, H head; number: stage):\n");
    for (int wafer = 0, maps = 0; wafer < plan->placement.wafers && maps < MAPS_MOST; maps++) {
        int last = wafer;
        while (last + 1 < plan->placement.wafers && alike(plan, wafer, last + 1))
            last++;
        if (last > wafer)
            fprintf(out, "#   wafers %d to %d, drawn: %d\n", wafer, last, wafer);
        else
            fprintf(out, "#   wafer %d\n", wafer);
        draw_wafer(out, plan, wafer);
        wafer = last + 1;
    }
}
