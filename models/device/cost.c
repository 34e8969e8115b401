/* The device room: arithmetic on costs. */
#include "models/device/cost.h"

void kerf_cost_add(struct kerf_cost *sum, const struct kerf_cost *cost)
{
    sum->latency_s += cost->latency_s;
    sum->occupancy_s += cost->occupancy_s;
    for (int part = 0; part < KERF_TIME_PARTS; part++)
        sum->part_s[part] += cost->part_s[part];
    sum->flops += cost->flops;
    sum->bytes += cost->bytes;
    sum->wavelets += cost->wavelets;
    sum->dynamic_J += cost->dynamic_J;
}

struct kerf_cost kerf_cost_times(struct kerf_cost cost, double count)
{
    cost.latency_s *= count;
    cost.occupancy_s *= count;
    for (int part = 0; part < KERF_TIME_PARTS; part++)
        cost.part_s[part] *= count;
    cost.flops *= count;
    cost.bytes *= count;
    cost.wavelets *= count;
    cost.dynamic_J *= count;
    return cost;
}
