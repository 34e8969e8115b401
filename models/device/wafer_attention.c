/* The device room: attention on the wafer's mesh. Knows caches and heads, no networks. */
#include "models/device/wafer_attention.h"

#include <math.h>

/* A strip of columns for one group; when groups outnumber columns, a strip serves several in turn. */
struct strip {
    double rows, columns, turns;
};

static struct strip strip_of(struct kerf_rectangle rectangle, double groups)
{
    return (struct strip){.rows = rectangle.rows,
                          .columns = fmax(1.0, floor(rectangle.columns / groups)),
                          .turns = ceil(groups / rectangle.columns)};
}

static struct kerf_cycles softmax_local(const struct kerf_wafer_params *wafer, double M, double scores,
                                        double passes)
{
    return kerf_axpy(wafer, M * passes, scores, wafer->axpy_call_cycles);
}

/* One choice of nd. The forms of the design, with one correction: the sequence lies over the rows of a strip,
 * because the query projection leaves a head's queries in its columns and moving them to a squarer place
 * would cost as much as the longer sums (the published decode kernel reduces along whole columns, too). */
static struct kerf_cycles decode_with(const struct kerf_wafer_params *wafer, const struct strip *strip,
                                      const struct kerf_attention_shape *shape, double M, double context,
                                      double softmax_passes, double nd)
{
    double across = floor(strip->columns / nd), ns = strip->rows * across;
    double tk = ceil(context / ns), q = shape->queries;
    double Dk = ceil(shape->score_dim / nd), Dv = ceil(shape->value_dim / nd);
    double line = strip->rows + (across - 1.0) * nd; /* PEs between the ends of the sequence */
    double PEs = strip->rows * strip->columns;

    struct kerf_cycles score = kerf_matrix_local(wafer, q, Dk, tk);
    struct kerf_cycles value = kerf_matrix_local(wafer, q, tk, Dv);
    struct kerf_cycles cost = kerf_cycles_times(score, M);
    value = kerf_cycles_times(value, M);
    struct kerf_cycles softmax = softmax_local(wafer, M, q * tk, softmax_passes);
    kerf_cycles_add(&cost, &value);
    kerf_cycles_add(&cost, &softmax);

    /* scores over the head dimension; maximum, sum and values over the sequence */
    struct kerf_cycles scores = kerf_mesh_allreduce_cycles(wafer, nd, PEs / nd, M * q * tk / 2.0);
    struct kerf_cycles scalar = kerf_mesh_allreduce_cycles(wafer, line, PEs / line, M * q / 2.0);
    struct kerf_cycles values = kerf_mesh_allreduce_cycles(wafer, line, PEs / line, M * q * Dv / 2.0);
    kerf_cycles_add(&cost, &scores);
    kerf_cycles_add(&cost, &scalar);
    kerf_cycles_add(&cost, &scalar);
    kerf_cycles_add(&cost, &values);
    return cost;
}

struct kerf_cycles kerf_attention_decode(const struct kerf_wafer_params *wafer,
                                         struct kerf_rectangle rectangle,
                                         const struct kerf_attention_shape *shape, double M, double context,
                                         double softmax_passes)
{
    struct strip strip = strip_of(rectangle, shape->groups);
    struct kerf_cycles best = decode_with(wafer, &strip, shape, M, context, softmax_passes, 1.0);
    for (double nd = 2.0; nd <= fmin(strip.columns, shape->score_dim); nd *= 2.0) {
        struct kerf_cycles cost = decode_with(wafer, &strip, shape, M, context, softmax_passes, nd);
        best = kerf_cycles_less(&best, &cost);
    }
    best = kerf_cycles_times(best, strip.turns);
    best.wavelets *= shape->groups / strip.turns; /* all groups at once */
    return best;
}

struct kerf_cycles kerf_attention_prefill(const struct kerf_wafer_params *wafer,
                                          struct kerf_rectangle rectangle,
                                          const struct kerf_attention_shape *shape, double tokens,
                                          double context, double softmax_passes)
{
    double PEs = rectangle.rows * rectangle.columns;
    double side = fmax(1.0, floor(sqrt(PEs / shape->groups)));
    double rows = tokens * shape->queries;
    struct kerf_rectangle square = {side, side};
    /* the shifts go all the way round and the slowest PE sets the pace: causality saves nothing */
    struct kerf_cycles cost = kerf_meshgemm(wafer, square, rows, shape->score_dim, context);
    struct kerf_cycles value = kerf_meshgemm(wafer, square, rows, context, shape->value_dim);
    struct kerf_cycles softmax =
        softmax_local(wafer, 1.0, ceil(rows / side) * ceil(context / side), softmax_passes);
    struct kerf_cycles sum = kerf_mesh_allreduce_cycles(wafer, side, side, ceil(rows / side) / 2.0);
    kerf_cycles_add(&cost, &value);
    kerf_cycles_add(&cost, &softmax);
    kerf_cycles_add(&cost, &sum);
    kerf_cycles_add(&cost, &sum); /* maximum and sum */
    double turns = ceil(shape->groups / PEs);
    cost = kerf_cycles_times(cost, turns);
    cost.wavelets *= shape->groups / turns;
    return cost;
}
