/* One served system: its users, its replicas' schedulers, and their accelerators, as logical processes and
 * channels. */
#ifndef KERF_WORKLOAD_SERVING_H
#define KERF_WORKLOAD_SERVING_H

#include "models/node/gpu_node.h"
#include "models/node/wafer_node.h"
#include "models/workload/client.h"
#include "models/workload/kv_transfer.h"
#include "models/workload/router.h"
#include "models/workload/scheduler.h"

/* An accelerator, counted through all replicas, that takes no pass from a time on. */
struct kerf_accelerator_stop {
    int accelerator;
    kerf_time at;
};

/* Filled by the caller up to `client_link`; the rest is made by kerf_serving_add. */
struct kerf_serving {
    struct kerf_workload workload;
    struct kerf_scheduler_policy policy;
    bool on_wafers; /* which of the two plans holds */
    struct kerf_gpu_plan gpu;
    struct kerf_wafer_plan wafer;
    int replicas, accelerators;         /* accelerators per replica */
    struct kerf_link client_link;       /* between users and replicas, per direction */
    struct kerf_accelerator_stop *stop; /* owned; GPUs only */
    int stops;
    struct kerf_serving *decode; /* owned: the pool that decodes what this one has computed, without users of
                                    its own; NULL: the same accelerators do */
    bool is_routed; /* a router stands between users and replicas; else users pick the one with the fewest */
    struct kerf_router_setup router;        /* LPs, replicas and workload are filled in here */
    struct kerf_kv_transfer_setup transfer; /* between the two; LPs and replicas are filled in here */

    struct kerf_backend backend;
    struct kerf_client_setup client_setup;
    struct kerf_scheduler_setup *scheduler_setup; /* owned, one per replica */
    struct kerf_gpu_setup *gpu_setup;             /* owned, one per GPU */
    struct kerf_wafer_setup *wafer_setup;         /* owned, one per wafer */
    uint32_t client, *scheduler, *device;         /* LP ids; arrays owned, devices in order of replica */
    uint32_t router_lp;                           /* with a router */
    uint32_t transfer_lp;                         /* with two pools */
};

/* Adds the system's LPs and channels to the engine. `serving` must stay where it is until the engine is
 * freed. */
enum kerf_status kerf_serving_add(struct kerf_serving *serving, struct kerf_engine *engine,
                                  struct kerf_error *error);

void kerf_serving_free(struct kerf_serving *serving);

#endif
