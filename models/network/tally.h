/* A running count of parameters and multiply-accumulates, shared by the counters of the families.
 *
 * Inside models/network only; everyone else calls kerf_network_count() of count.h. */
#ifndef KERF_NETWORK_TALLY_H
#define KERF_NETWORK_TALLY_H

#include "models/network/count.h"

struct kerf_tally {
    double params;
    double macs; /* matrices, convolutions and attention products; norms and element-wise work are left out */
};

/* sum += times x part. */
void kerf_tally_add(struct kerf_tally *sum, struct kerf_tally part, double times);

/* A matrix of inputs x outputs, with a bias of `outputs` if it has one, applied to `tokens` vectors. */
void kerf_tally_linear(struct kerf_tally *sum, double inputs, double outputs, bool bias, double tokens);

/* A square convolution from `inputs` to `outputs` channels that produces `positions` pixels. */
void kerf_tally_convolution(struct kerf_tally *sum, double kernel, double inputs, double outputs, bool bias,
                            double positions);

/* Scores and values of full attention: `queries` tokens look at `keys` tokens over `width` channels. */
void kerf_tally_attention(struct kerf_tally *sum, double queries, double keys, double width);

/* One family each. Those without a mixture of experts leave active_params to the dispatcher. */
struct kerf_network_count kerf_count_decoder(const struct kerf_decoder_dims *dims);
struct kerf_tally kerf_count_resnet(const struct kerf_vision_dims *dims);
struct kerf_tally kerf_count_retinanet(const struct kerf_vision_dims *dims);
struct kerf_tally kerf_count_vit(const struct kerf_vision_dims *dims);
struct kerf_tally kerf_count_swin(const struct kerf_vision_dims *dims);
struct kerf_tally kerf_count_dit(const struct kerf_vision_dims *dims);
struct kerf_tally kerf_count_sdxl_unet(const struct kerf_vision_dims *dims);
struct kerf_tally kerf_count_flux_mmdit(const struct kerf_vision_dims *dims);
struct kerf_tally kerf_count_unet3d(const struct kerf_vision_dims *dims);

#endif
