/* The device room: placement of a decoder's layers on wafers. Knows capacities, no time and no events. */
#include "models/device/placement.h"

#include <math.h>
#include <stdlib.h>

const char *const kerf_stage_kind_names[] = {[KERF_STAGE_EMBEDDING] = "embedding",
                                             [KERF_STAGE_DENSE_LAYER] = "dense layer",
                                             [KERF_STAGE_MOE_LAYER] = "mixture-of-experts layer",
                                             [KERF_STAGE_HEAD] = "head"};

static double stage_bytes(const struct kerf_stage *stage)
{
    return stage->weight_bytes + stage->kv_bytes + stage->activation_bytes;
}

/* Elements that one token adds to the cache of one layer. */
static double layer_kv_elements(const struct kerf_operator_list *list)
{
    double elements = 0.0;
    for (int i = 0; i < list->count; i++) {
        if (list->op[i].kind == KERF_OP_KV_WRITE)
            elements += list->op[i].kv_elements;
    }
    return elements;
}

/* What goes in and out of the operators of one token: buffers of 16 bit beside the weights. More tokens in
 * flight, code and stacks are what sram_usable_fraction leaves free. */
static double layer_activation_bytes(const struct kerf_operator_list *list)
{
    const struct kerf_pass one = {.decode = {.tokens = 1.0, .sequences = 1.0},
                                  .logit_tokens = 1.0,
                                  .kv = KERF_FORMAT_BF16,
                                  .activations = KERF_FORMAT_BF16};
    double bytes = 0.0;
    for (int i = 0; i < list->count; i++)
        bytes += kerf_operator_work(&list->op[i], &one).activation_bytes;
    return bytes;
}

static struct kerf_stage stage_of(enum kerf_stage_kind kind, const struct kerf_operator_list *list,
                                  double kv_tokens, enum kerf_format kv)
{
    double kv_bytes = layer_kv_elements(list) * kerf_format_facts(kv)->bytes_per_element * kv_tokens;
    return (struct kerf_stage){.kind = kind,
                               .weight_bytes = kerf_operators_weight_bytes(list),
                               .kv_bytes = kv_bytes,
                               .activation_bytes = layer_activation_bytes(list)};
}

static void list_stages(const struct kerf_decoder_list *list, double kv_tokens, enum kerf_format kv,
                        struct kerf_stage *stage)
{
    const struct {
        enum kerf_stage_kind kind;
        const struct kerf_operator_list *operators;
        int repeats;
    } part[] = {{KERF_STAGE_EMBEDDING, &list->embedding, 1},
                {KERF_STAGE_DENSE_LAYER, &list->dense_layer, list->dense_layers},
                {KERF_STAGE_MOE_LAYER, &list->moe_layer, list->moe_layers},
                {KERF_STAGE_HEAD, &list->head, 1}};
    for (int p = 0; p < 4; p++) {
        struct kerf_stage one = stage_of(part[p].kind, part[p].operators, kv_tokens, kv);
        for (int repeat = 0; repeat < part[p].repeats; repeat++)
            *stage++ = one;
    }
}

/* What a stage brings to its wafer: the head brings the drafter along. */
static double load_of(const struct kerf_wafer_placement *placement, int stage)
{
    bool head = stage + 1 == placement->stages;
    return stage_bytes(&placement->stage[stage]) + (head ? stage_bytes(&placement->drafter) : 0.0);
}

/* Filling wafers one after the other is the fewest that contiguous stages can do with; 0: a stage is too big.
 */
static int fewest_wafers(const struct kerf_wafer_placement *placement)
{
    int wafers = 1;
    double filled = 0.0;
    for (int s = 0; s < placement->stages; s++) {
        double bytes = load_of(placement, s);
        if (bytes > placement->usable_bytes_per_wafer)
            return 0;
        if (filled + bytes > placement->usable_bytes_per_wafer) {
            wafers++;
            filled = 0.0;
        }
        filled += bytes;
    }
    return wafers;
}

/* How the bytes of one more wafer count beside those of the wafers before it. */
typedef double (*objective)(double before, double bytes);

static double fullest(double before, double bytes)
{
    return fmax(before, bytes);
}

static double unevenness(double before, double bytes)
{
    return before + bytes * bytes;
}

/* Table of the dynamic programme: row w, column s: the best value of the first s stages on w wafers, and the
 * stage at which the last of those wafers begins. */
struct table {
    int wafers, stages;
    const double *before; /* bytes of the stages before each, stages + 1 of them */
    double *value;
    int *begin;
};

static double segment(const struct table *table, int begin, int end)
{
    return table->before[end] - table->before[begin];
}

/* Every wafer gets at least one stage and at most `limit` bytes. O(wafers stages^2), exact. */
static double solve(const struct table *table, double limit, objective count)
{
    int columns = table->stages + 1;
    for (int s = 0; s < columns; s++)
        table->value[s] = s == 0 ? 0.0 : INFINITY;
    for (int w = 1; w <= table->wafers; w++) {
        const double *above = &table->value[(w - 1) * columns];
        double *row = &table->value[w * columns];
        for (int s = 0; s < columns; s++) {
            row[s] = INFINITY;
            for (int b = s - 1; b >= w - 1 && segment(table, b, s) <= limit; b--) {
                double value = count(above[b], segment(table, b, s));
                if (value < row[s]) {
                    row[s] = value;
                    table->begin[w * columns + s] = b;
                }
            }
        }
    }
    return table->value[table->wafers * columns + table->stages];
}

static void mark_wafers(const struct table *table, struct kerf_stage *stage)
{
    int end = table->stages;
    for (int w = table->wafers; w >= 1; w--) {
        int begin = table->begin[w * (table->stages + 1) + end];
        for (int s = begin; s < end; s++)
            stage[s].wafer = w - 1;
        end = begin;
    }
}

/* First the least fullest wafer, then the most even filling that keeps it. */
static enum kerf_status assign_wafers(struct kerf_wafer_placement *placement, struct kerf_error *error)
{
    int used = placement->wafers < placement->stages ? placement->wafers : placement->stages;
    size_t columns = (size_t)placement->stages + 1, cells = ((size_t)used + 1) * columns;
    double *before = calloc(columns, sizeof *before), *value = calloc(cells, sizeof *value);
    int *begin = calloc(cells, sizeof *begin);
    bool ready = before != NULL && value != NULL && begin != NULL;
    if (ready) {
        for (int s = 0; s < placement->stages; s++)
            before[s + 1] = before[s] + load_of(placement, s);
        struct table table = {used, placement->stages, before, value, begin};
        double least = solve(&table, INFINITY, fullest);
        solve(&table, least, unevenness);
        mark_wafers(&table, placement->stage);
    }
    free(before);
    free(value);
    free(begin);
    KERF_CHECK(ready, KERF_ERR_FAILURE, "out of memory for the placement of %d stages", placement->stages);
    return KERF_OK;
}

/* The largest near-square rectangle of at most `PEs` that fits the wafer. */
static void near_square(const struct kerf_wafer_params *wafer, double PEs, struct kerf_stage *stage)
{
    stage->pe_rows = fmin(fmax(1.0, floor(sqrt(PEs))), wafer->pe_rows);
    stage->pe_columns = fmin(fmax(1.0, floor(PEs / stage->pe_rows)), wafer->pe_columns);
}

static void share_wafer(const struct kerf_wafer_params *wafer, struct kerf_wafer_placement *placement,
                        int begin, int end)
{
    double PEs = wafer->pe_rows * wafer->pe_columns * wafer->pe_usable_fraction;
    double bytes = 0.0;
    for (int s = begin; s < end; s++) {
        bytes += load_of(placement, s);
    }
    for (int s = begin; s < end; s++)
        near_square(wafer, PEs * stage_bytes(&placement->stage[s]) / bytes, &placement->stage[s]);
    if (end == placement->stages && stage_bytes(&placement->drafter) > 0.0) {
        placement->drafter.wafer = placement->stage[end - 1].wafer;
        near_square(wafer, PEs * stage_bytes(&placement->drafter) / bytes, &placement->drafter);
    }
    placement->largest_wafer_bytes = fmax(placement->largest_wafer_bytes, bytes);
    placement->total_bytes += bytes;
}

static void share_wafers(const struct kerf_wafer_params *wafer, struct kerf_wafer_placement *placement)
{
    int begin = 0;
    for (int s = 1; s <= placement->stages; s++) {
        bool last = s == placement->stages || placement->stage[s].wafer != placement->stage[begin].wafer;
        if (last) {
            share_wafer(wafer, placement, begin, s);
            begin = s;
        }
    }
}

/* KV bytes per cached token on each wafer, the most of them. */
static double fullest_kv_per_token(const struct kerf_wafer_placement *placement,
                                   const struct kerf_decoder_list *list, enum kerf_format kv)
{
    double most = 0.0, here = 0.0, bytes = kerf_format_facts(kv)->bytes_per_element;
    for (int s = 0; s < placement->stages; s++) {
        const struct kerf_stage *stage = &placement->stage[s];
        if (s > 0 && stage->wafer != stage[-1].wafer)
            here = 0.0;
        if (stage->kind == KERF_STAGE_DENSE_LAYER)
            here += layer_kv_elements(&list->dense_layer) * bytes;
        if (stage->kind == KERF_STAGE_MOE_LAYER)
            here += layer_kv_elements(&list->moe_layer) * bytes;
        most = fmax(most, here);
    }
    return most;
}

static enum kerf_status check_capacity(const struct kerf_wafer_placement *placement, const char *wafer_name,
                                       const char *network_name, double kv_tokens, struct kerf_error *error)
{
    const double GB = 1e9;
    double weights = 0.0, kv = 0.0, largest = 0.0;
    for (int s = 0; s < placement->stages; s++) {
        weights += placement->stage[s].weight_bytes;
        kv += placement->stage[s].kv_bytes;
        largest = fmax(largest, load_of(placement, s));
    }
    weights += placement->drafter.weight_bytes;
    KERF_CHECK(
        placement->wafers_needed > 0, KERF_ERR_USAGE,
        "a whole layer of %s takes %.1f GB with its KV cache of %.0f tokens, and a %s wafer has %.1f GB "
        "usable",
        network_name, largest / GB, kv_tokens, wafer_name, placement->usable_bytes_per_wafer / GB);
    KERF_CHECK(placement->wafers >= placement->wafers_needed, KERF_ERR_USAGE,
               "needs at least %d %s wafers for %s (%.1f GB of weights, %.1f GB of KV cache for %.0f tokens, "
               "%.1f GB usable per wafer), has %d",
               placement->wafers_needed, wafer_name, network_name, weights / GB, kv / GB, kv_tokens,
               placement->usable_bytes_per_wafer / GB, placement->wafers);
    return KERF_OK;
}

enum kerf_status kerf_wafer_place(const struct kerf_wafer_params *wafer, const char *wafer_name,
                                  const struct kerf_decoder_list *list, const char *network_name, int wafers,
                                  double kv_tokens, enum kerf_format kv, double drafter_bytes,
                                  struct kerf_wafer_placement *placement, struct kerf_error *error)
{
    *placement =
        (struct kerf_wafer_placement){.wafers = wafers, .stages = 2 + list->dense_layers + list->moe_layers};
    placement->drafter = (struct kerf_stage){.kind = KERF_STAGE_HEAD, .weight_bytes = drafter_bytes};
    placement->usable_bytes_per_wafer = kerf_wafer_device.usable_bytes(wafer);
    placement->stage = calloc((size_t)placement->stages, sizeof *placement->stage);
    KERF_CHECK(placement->stage != NULL, KERF_ERR_FAILURE, "out of memory for %d stages", placement->stages);
    list_stages(list, kv_tokens, kv, placement->stage);
    for (int s = 0; s < placement->stages; s++)
        placement->largest_stage_bytes = fmax(placement->largest_stage_bytes, load_of(placement, s));
    placement->wafers_needed = fewest_wafers(placement);
    enum kerf_status status = check_capacity(placement, wafer_name, network_name, kv_tokens, error);
    if (status == KERF_OK)
        status = assign_wafers(placement, error);
    if (status != KERF_OK) {
        kerf_wafer_placement_free(placement);
        return status;
    }
    share_wafers(wafer, placement);
    placement->kv_bytes_per_token_fullest = fullest_kv_per_token(placement, list, kv);
    return KERF_OK;
}

void kerf_wafer_placement_free(struct kerf_wafer_placement *placement)
{
    free(placement->stage);
    placement->stage = NULL;
}
