/* Layers of vision and diffusion networks on a rectangle of PEs: closed forms in cycles.
 *
 * Positions (pixels, patches) of the images in flight lie over one axis of the rectangle and channels over
 * the other, and stay there; weights pass by, from the edge or from where they rest, and each is multiplied
 * with all local positions by one vector instruction (Cerebras, Hot Chips 33, weight streaming). Products
 * that stand still instead (MeshGEMV, Cannon) are taken where they are faster. */
#ifndef KERF_DEVICE_WAFER_LAYER_H
#define KERF_DEVICE_WAFER_LAYER_H

#include "models/device/wafer_gemv.h"
#include "models/network/layer.h"

/* A product of M positions by K x N weights of `taps` taps each (K counts channels), with M over Pm lines of
 * PEs and K over Pk: taps ceil(K/Pk) N instructions over ceil(M/Pm) positions, beside the sums of N
 * ceil(M/Pm) partial results over Pk PEs, whichever is longer, and the border pixels that neighbours send.
 * Minimised over Pk. */
struct kerf_cycles kerf_wafer_dealt_product(const struct kerf_wafer_params *wafer,
                                            struct kerf_rectangle rectangle, double M, double K, double N,
                                            double taps);

/* The cost of one layer; `params` are struct kerf_wafer_params. See struct kerf_device_type. */
struct kerf_cost kerf_wafer_layer_cost(const void *params, const struct kerf_layer *layer,
                                       const struct kerf_layer_pass *pass, const struct kerf_slice *slice);

#endif
