/* The network room: counting, from the family to its counter. */
#include "models/network/count.h"

#include "models/network/tally.h"

#include <stddef.h>

void kerf_tally_add(struct kerf_tally *sum, struct kerf_tally part, double times)
{
    sum->params += times * part.params;
    sum->macs += times * part.macs;
}

void kerf_tally_linear(struct kerf_tally *sum, double inputs, double outputs, bool bias, double tokens)
{
    sum->params += inputs * outputs + (bias ? outputs : 0.0);
    sum->macs += inputs * outputs * tokens;
}

void kerf_tally_convolution(struct kerf_tally *sum, double kernel, double inputs, double outputs, bool bias,
                            double positions)
{
    kerf_tally_linear(sum, kernel * kernel * inputs, outputs, bias, positions);
}

void kerf_tally_attention(struct kerf_tally *sum, double queries, double keys, double width)
{
    sum->macs += 2.0 * queries * keys * width;
}

/* The families that are one dense pass over an image or a latent; a decoder has no entry. */
typedef struct kerf_tally (*vision_counter)(const struct kerf_vision_dims *dims);

static const vision_counter vision_counters[KERF_FAMILY_COUNT] = {
    [KERF_FAMILY_RESNET] = kerf_count_resnet,
    [KERF_FAMILY_VIT] = kerf_count_vit,
    [KERF_FAMILY_SWIN] = kerf_count_swin,
    [KERF_FAMILY_RETINANET] = kerf_count_retinanet,
    [KERF_FAMILY_DIT] = kerf_count_dit,
    [KERF_FAMILY_SDXL_UNET] = kerf_count_sdxl_unet,
    [KERF_FAMILY_FLUX_MMDIT] = kerf_count_flux_mmdit,
    [KERF_FAMILY_UNET3D] = kerf_count_unet3d,
};

struct kerf_network_count kerf_network_count(const struct kerf_network *network)
{
    vision_counter counter = vision_counters[network->family];
    if (!counter)
        return kerf_count_decoder(&network->decoder);
    struct kerf_tally tally = counter(&network->vision);
    return (struct kerf_network_count){
        .params = tally.params, .active_params = tally.params, .forward_macs = tally.macs};
}
