/* What one accelerator did in a run. */
#ifndef KERF_NODE_ACCELERATOR_RECORD_H
#define KERF_NODE_ACCELERATOR_RECORD_H

#include <stdint.h>

struct kerf_accelerator_record {
    uint64_t passes, tokens; /* handled */
    uint64_t tokens_sent_on; /* tokens whose activations went to the next wafer */
    double busy_s;           /* a wafer: of its busiest stage */
    double flops, bytes;     /* done, moved */
    double dynamic_J;        /* energy of those */
};

#endif
