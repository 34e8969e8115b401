/* The device room: what holds for every kind of device. */
#include "models/device/device.h"

struct kerf_cost kerf_device_list_cost(const struct kerf_device_type *device, const void *params,
                                       const struct kerf_operator_list *list, const struct kerf_pass *pass,
                                       const struct kerf_slice *slice)
{
    struct kerf_cost sum = {0};
    for (int i = 0; i < list->count; i++) {
        struct kerf_cost cost = device->operator_cost(params, &list->op[i], pass, slice);
        kerf_cost_add(&sum, &cost);
    }
    return sum;
}

struct kerf_cost kerf_device_layers_cost(const struct kerf_device_type *device, const void *params,
                                         const struct kerf_layer_list *list,
                                         const struct kerf_layer_pass *pass, const struct kerf_slice *slice)
{
    struct kerf_cost sum = {0};
    for (int i = 0; i < list->count; i++) {
        struct kerf_cost one = device->layer_cost(params, &list->layer[i], pass, slice);
        struct kerf_cost all = kerf_cost_times(one, list->layer[i].times);
        kerf_cost_add(&sum, &all);
    }
    return sum;
}
