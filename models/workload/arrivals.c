/* The workload room: gaps between arrivals. Knows distributions; not who arrives. */
#include "models/workload/arrivals.h"

#include "sim/engine/random.h"

#include <math.h>

enum { STREAM_ARRIVALS = 1, STREAM_GAMMA = 4 };

/* Uniform numbers that one gap may use up. */
enum { DRAWS_PER_GAP = 256 };

struct draw {
    uint64_t seed, counter;
};

static double uniform(struct draw *draw)
{
    return kerf_random_uniform(draw->seed, STREAM_GAMMA, draw->counter++);
}

/* Box and Muller, Ann. Math. Statist. 29(2), 1958. */
static double normal(struct draw *draw)
{
    double radius = sqrt(-2.0 * log1p(-uniform(draw)));
    return radius * cos(2.0 * acos(-1.0) * uniform(draw));
}

/* Gamma with scale 1 (Marsaglia and Tsang, ACM TOMS 26(3), 2000; shapes below 1 by their section 6). */
static double gamma_of_shape(struct draw *draw, double shape)
{
    if (shape < 1.0)
        return gamma_of_shape(draw, shape + 1.0) * pow(1.0 - uniform(draw), 1.0 / shape);
    double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (int tries = 0; tries < DRAWS_PER_GAP / 4; tries++) { /* each is taken with more than 95 % */
        double x = normal(draw), v = 1.0 + c * x;
        v = v * v * v;
        if (v > 0.0 && log1p(-uniform(draw)) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v;
    }
    return d;
}

double kerf_arrival_gap_s(const struct kerf_workload *workload, uint64_t number)
{
    double mean_s = 1.0 / workload->rate_per_s, shape = workload->burst_shape;
    if (workload->arrivals == KERF_ARRIVALS_TRACE) {
        const struct kerf_trace_request *request = &workload->trace->request[number];
        return kerf_time_to_s(number > 0 ? request->at - request[-1].at : request->at);
    }
    if (workload->arrivals == KERF_ARRIVALS_GAMMA) {
        struct draw draw = {.seed = workload->seed, .counter = number * DRAWS_PER_GAP};
        return mean_s / shape * gamma_of_shape(&draw, shape);
    }
    if (workload->arrivals == KERF_ARRIVALS_WEIBULL) {
        double exponential = kerf_random_exponential(workload->seed, STREAM_ARRIVALS, number, 1.0);
        return mean_s / tgamma(1.0 + 1.0 / shape) * pow(exponential, 1.0 / shape);
    }
    return kerf_random_exponential(workload->seed, STREAM_ARRIVALS, number, mean_s);
}

bool kerf_arrivals_are_open(enum kerf_arrivals arrivals)
{
    return arrivals == KERF_ARRIVALS_POISSON || arrivals == KERF_ARRIVALS_GAMMA ||
           arrivals == KERF_ARRIVALS_WEIBULL || arrivals == KERF_ARRIVALS_TRACE;
}
