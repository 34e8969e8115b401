/* What an operator costs on a device: latency and occupancy apart, and where the time goes. */
#ifndef KERF_DEVICE_COST_H
#define KERF_DEVICE_COST_H

/* Where time goes. The parts of a cost sum to its latency. */
enum kerf_time_part {
    KERF_TIME_COMPUTE,      /* arithmetic units busy */
    KERF_TIME_MEMORY,       /* waiting for HBM or SRAM */
    KERF_TIME_FABRIC,       /* on-chip network: mesh collectives */
    KERF_TIME_INTERCONNECT, /* between accelerators: NVLink, Ethernet, InfiniBand, wafer I/O */
    KERF_TIME_SOFTWARE,     /* launches, per-operator software, host steps */
    KERF_TIME_WAITING,      /* queues and pipeline bubbles; simulated, never from a closed form */
    KERF_TIME_PARTS
};

struct kerf_cost {
    double latency_s;   /* from inputs ready to outputs ready */
    double occupancy_s; /* until the same resources can take the next pass; <= latency_s */
    double part_s[KERF_TIME_PARTS];
    double flops, bytes; /* done and moved by this device */
    double wavelets;     /* wafer: 32-bit words sent over mesh links at sources */
    double dynamic_J;    /* spent on arithmetic and on moving bytes; what flows without work is not in it */
};

/* sum += cost, part by part: operators one after the other on the same resources. */
void kerf_cost_add(struct kerf_cost *sum, const struct kerf_cost *cost);

/* cost scaled by a repeat count. */
struct kerf_cost kerf_cost_times(struct kerf_cost cost, double count);

#endif
