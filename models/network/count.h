/* Parameters and multiply-accumulates of a network, counted from its dimensions alone. */
#ifndef KERF_NETWORK_COUNT_H
#define KERF_NETWORK_COUNT_H

#include "models/network/network.h"

struct kerf_network_count {
    double params;                /* all weights with embedding and LM head, without vision towers and MTP */
    double active_params;         /* touched per token; equals params for a dense network */
    double forward_macs;          /* vision: per image or denoising pass; decoders: linear MACs per token */
    double kv_elements_per_token; /* decoders, all layers */
};

/* Counts one network. Pure; every family is supported. */
struct kerf_network_count kerf_network_count(const struct kerf_network *network);

#endif
