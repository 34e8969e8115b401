/* Layers of vision and diffusion networks on one GPU: convolutions, linears, attention, norms and what stands
 * between them, forward and backward. */
#ifndef KERF_DEVICE_GPU_LAYER_H
#define KERF_DEVICE_GPU_LAYER_H

#include "models/device/device.h"
#include "models/device/gpu_gemm.h"

/* The products of a layer's matrix for `images` images, as implicit GEMMs (Chetlur et al., cuDNN, arXiv
 * 1410.0759, section 3): forward, and backward towards the inputs and towards the weights. Channels are
 * padded to what a 16-byte load holds (images to 4), narrow groups run side by side as one block-diagonal
 * product as wide as the narrowest tile. */
struct kerf_gemm kerf_gpu_layer_forward(const struct kerf_layer *layer, const struct kerf_layer_pass *pass);
struct kerf_gemm kerf_gpu_layer_to_inputs(const struct kerf_layer *layer, const struct kerf_layer_pass *pass);
struct kerf_gemm kerf_gpu_layer_to_weights(const struct kerf_layer *layer,
                                           const struct kerf_layer_pass *pass);

/* The cost of one layer; `params` are struct kerf_gpu_params. See struct kerf_device_type. */
struct kerf_cost kerf_gpu_layer_cost(const void *params, const struct kerf_layer *layer,
                                     const struct kerf_layer_pass *pass, const struct kerf_slice *slice);

/* Kernels that one layer is in a direction; 0 where it runs inside a neighbour. */
double kerf_gpu_layer_kernels(const struct kerf_layer *layer, enum kerf_layer_direction direction);

#endif
