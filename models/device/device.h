/* A device is a table of functions over its own parameters. A wafer is not a big GPU: each kind fills this
 * table from its own closed forms, and the rooms above call the table without asking which kind it is. */
#ifndef KERF_DEVICE_DEVICE_H
#define KERF_DEVICE_DEVICE_H

#include "models/device/cost.h"
#include "models/device/leaf.h"
#include "models/network/layer.h"
#include "models/network/operator.h"

/* The part of an operator and of a device that one cost is for. */
struct kerf_slice {
    double tensor_parallel;        /* GPUs that share the operator by heads, rows or columns (1: whole) */
    double expert_parallel;        /* GPUs that share the experts, whole experts each (1: all here) */
    double expert_tensor_parallel; /* GPUs that cut each expert (usually tensor_parallel / expert_parallel) */
    double pe_rows, pe_columns;    /* wafer: the rectangle of processing elements that runs the operator */
};

struct kerf_device_type {
    const char *kind; /* "gpu" or "wafer": the `kind:` of its catalog files */
    const struct kerf_leaf_table *leaves;

    /* Cost of `op` for `pass` on `slice` of a device with `params` (the struct of `leaves`). Pure: same
     * arguments, same bits. An operator with no work in this pass costs 0. */
    struct kerf_cost (*operator_cost)(const void *params, const struct kerf_operator *op,
                                      const struct kerf_pass *pass, const struct kerf_slice *slice);

    /* The same of one layer of a vision or diffusion network, repeats not included: for inference, or forward
     * or backward in training. */
    struct kerf_cost (*layer_cost)(const void *params, const struct kerf_layer *layer,
                                   const struct kerf_layer_pass *pass, const struct kerf_slice *slice);

    /* Bytes of one device that weights, KV cache and activations may fill. */
    double (*usable_bytes)(const void *params);
};

extern const struct kerf_device_type kerf_gpu_device;
extern const struct kerf_device_type kerf_wafer_device;

/* Sum of operator_cost over a list: operators run one after the other. */
struct kerf_cost kerf_device_list_cost(const struct kerf_device_type *device, const void *params,
                                       const struct kerf_operator_list *list, const struct kerf_pass *pass,
                                       const struct kerf_slice *slice);

/* Sum of layer_cost over a list, repeats included. */
struct kerf_cost kerf_device_layers_cost(const struct kerf_device_type *device, const void *params,
                                         const struct kerf_layer_list *list,
                                         const struct kerf_layer_pass *pass, const struct kerf_slice *slice);

#endif
