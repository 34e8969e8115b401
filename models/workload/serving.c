/* The workload room: puts one served system together. Knows nodes and the engine. */
#include "models/workload/serving.h"

#include "models/workload/arrivals.h"

#include <math.h>
#include <stdlib.h>

static double wafer_spacing_s(void *plan, const struct kerf_pass *pass)
{
    return kerf_wafer_bottleneck_s(plan, pass);
}

static int wafer_decode_batch(void *plan, int under_way, double overhead_s)
{
    return kerf_wafer_best_batch(plan, under_way, overhead_s);
}

static double gpu_pass_s(const void *plan, const struct kerf_pass_message *pass)
{
    const struct kerf_gpu_plan *gpus = plan;
    const struct kerf_cost *costs = kerf_gpu_pass_costs(gpus, pass);
    double sum_s = 2.0 * gpus->gpu.host_to_device_s;
    for (int s = 0; s < gpus->stages; s++)
        sum_s += costs[s].latency_s;
    return sum_s;
}

/* Sequences are dealt to as many passes as there are stages, so that all stages have work. */
static int gpu_decode_batch(void *plan, int under_way, double overhead_s)
{
    (void)overhead_s;
    int stages = ((const struct kerf_gpu_plan *)plan)->stages;
    return (under_way + stages - 1) / stages;
}

static struct kerf_backend gpu_backend(struct kerf_gpu_plan *plan)
{
    return (struct kerf_backend){.passes_most = plan->stages,
                                 .mixes_prefill = true,
                                 .decode_batch = plan->stages > 1 ? gpu_decode_batch : NULL,
                                 .verifies_in_one = true,
                                 .pass_s = gpu_pass_s,
                                 .plan = plan,
                                 .host_step_s = plan->host_step_s,
                                 .host_sequence_s = plan->host_sequence_s,
                                 .host_overlap = plan->host_overlap,
                                 .plans_ahead = plan->plans_ahead,
                                 .request_s = plan->request_s,
                                 .prompt_token_s = plan->prompt_token_s,
                                 .to_device_s = plan->gpu.host_to_device_s,
                                 .least_pass_s = kerf_gpu_step_least_s(plan),
                                 .to_device_part = KERF_TIME_SOFTWARE,
                                 .kv_tokens = plan->kv_tokens,
                                 .kv = plan->kv,
                                 .activations = plan->activations};
}

static struct kerf_backend wafer_backend(struct kerf_wafer_plan *plan)
{
    double least_pass_s = 0.0;
    for (int w = 0; w < plan->placement.wafers; w++)
        least_pass_s += kerf_wafer_least_s(plan, w);
    return (struct kerf_backend){.spacing_s = wafer_spacing_s,
                                 .decode_batch = wafer_decode_batch,
                                 .plan = plan,
                                 .round_overhead_s = plan->wafer.token_overhead_s,
                                 .draft_s = plan->draft_token_s,
                                 .to_device_s = plan->wafer.io_latency_s,
                                 .least_pass_s = least_pass_s,
                                 .to_device_part = KERF_TIME_INTERCONNECT,
                                 .kv_tokens = plan->kv_tokens,
                                 .kv = plan->kv,
                                 .activations = plan->activations};
}

static enum kerf_status allocate(struct kerf_serving *serving, struct kerf_error *error)
{
    size_t replicas = (size_t)serving->replicas, devices = replicas * (size_t)serving->accelerators;
    serving->scheduler_setup = calloc(replicas, sizeof *serving->scheduler_setup);
    serving->gpu_setup = calloc(devices, sizeof *serving->gpu_setup);
    serving->wafer_setup = calloc(devices, sizeof *serving->wafer_setup);
    serving->scheduler = calloc(replicas, sizeof *serving->scheduler);
    serving->device = calloc(devices, sizeof *serving->device);
    KERF_CHECK(serving->scheduler_setup && serving->gpu_setup && serving->wafer_setup && serving->scheduler &&
                   serving->device,
               KERF_ERR_FAILURE, "out of memory for %zu accelerators", devices);
    return KERF_OK;
}

/* For folding: GPUs of a stage get the same passes and hand them on alike. */
enum { LIKE_ITS_NEIGHBOURS = 1, PASSES = 1, ANSWERS = 2 };

static int gpus_of_stage(const struct kerf_serving *serving)
{
    return serving->accelerators / serving->gpu.stages;
}

/* The first stop of a GPU between `first` and `end`, or NULL. */
static const struct kerf_accelerator_stop *stop_among(const struct kerf_serving *serving, int first, int end)
{
    const struct kerf_accelerator_stop *found = NULL;
    for (int i = 0; i < serving->stops; i++) {
        const struct kerf_accelerator_stop *stop = &serving->stop[i];
        if (stop->accelerator >= first && stop->accelerator < end && (!found || stop->at < found->at))
            found = stop;
    }
    return found;
}

/* GPUs of a replica stand on the rank of their scheduler, stage after stage. A stage in which one stops is
 * like no other. */
static void add_gpus(struct kerf_serving *serving, struct kerf_engine *engine, int replica, int group,
                     double load)
{
    int each = gpus_of_stage(serving), first = replica * serving->accelerators;
    for (int i = 0; i < serving->accelerators; i++) {
        const struct kerf_accelerator_stop *stop =
            stop_among(serving, first + i / each * each, first + (i / each + 1) * each);
        serving->gpu_setup[first + i] = (struct kerf_gpu_setup){.plan = &serving->gpu, .stage = i / each};
        serving->device[first + i] =
            kerf_engine_add(engine, &kerf_gpu_lp, &serving->gpu_setup[first + i], group, load);
        if (!stop) {
            kerf_engine_label(engine, serving->device[first + i], (uint64_t)(LIKE_ITS_NEIGHBOURS + i / each));
            continue;
        }
        serving->gpu_setup[first + i].has_stopped_one = true;
        serving->gpu_setup[first + i].stopped_at = stop->at;
        serving->gpu_setup[first + i].stopped_one =
            serving->device[first + i] - (uint32_t)(first + i) + (uint32_t)stop->accelerator;
    }
    for (int i = 0; i < each; i++)
        kerf_engine_connect_alike(engine, serving->scheduler[replica], serving->device[first + i],
                                  kerf_time_from_s(serving->gpu.gpu.host_to_device_s), PASSES);
    kerf_time least = 0;
    for (int i = 0; i < serving->accelerators; i++) {
        bool last = i + each >= serving->accelerators;
        uint32_t next = last ? serving->scheduler[replica] : serving->device[first + i + each];
        serving->gpu_setup[first + i].next = next;
        if (i % each == 0)
            least = kerf_time_from_s(kerf_gpu_stage_least_s(&serving->gpu, i / each));
        kerf_engine_connect_alike(engine, serving->device[first + i], next, least, last ? ANSWERS : PASSES);
    }
}

/* Wafers of a replica may stand on different ranks: their links are long. */
static void add_wafers(struct kerf_serving *serving, struct kerf_engine *engine, int replica, double load)
{
    int first = replica * serving->accelerators, last = first + serving->accelerators - 1;
    for (int k = first; k <= last; k++) {
        serving->wafer_setup[k] = (struct kerf_wafer_setup){.plan = &serving->wafer, .index = k - first};
        serving->device[k] = kerf_engine_add(engine, &kerf_wafer_lp, &serving->wafer_setup[k], -1, load);
    }
    kerf_engine_connect(engine, serving->scheduler[replica], serving->device[first],
                        kerf_time_from_s(serving->wafer.wafer.io_latency_s));
    for (int k = first; k <= last; k++) {
        uint32_t next = k < last ? serving->device[k + 1] : serving->scheduler[replica];
        serving->wafer_setup[k].next = next;
        kerf_engine_connect(engine, serving->device[k], next,
                            kerf_time_from_s(kerf_wafer_least_s(&serving->wafer, k - first)));
    }
}

/* Sequences that a replica of GPUs decodes together: its share of the users, or by Little's law rate x time
 * in service. */
static double decoded_together(const struct kerf_serving *serving, double output_tokens)
{
    const struct kerf_workload *workload = &serving->workload;
    double step_s = 2.0 * kerf_gpu_step_least_s(&serving->gpu); /* about a step with one token */
    double users = workload->arrivals == KERF_ARRIVALS_BATCH
                       ? fmin(workload->requests, (double)serving->policy.max_sequences * serving->replicas)
                       : workload->users;
    double together =
        kerf_arrivals_are_open(workload->arrivals) ? workload->rate_per_s * output_tokens * step_s : users;
    return fmax(1.0, together / serving->replicas);
}

/* Passes that one replica will run, roughly: what balances the ranks. */
static double expected_passes(const struct kerf_serving *serving)
{
    const struct kerf_workload *workload = &serving->workload;
    double output_tokens = workload->reasoning_tokens + workload->answer_tokens;
    double requests = (double)workload->requests / serving->replicas;
    if (!serving->on_wafers)
        return requests * output_tokens / decoded_together(serving, output_tokens);
    return requests * (output_tokens + workload->prompt_tokens / serving->policy.prefill_chunk);
}

/* Where a pool stands in its system. */
struct place {
    enum kerf_pool_role role;
    const struct kerf_serving *front; /* the pool that the users meet first */
    double passes;                    /* of a replica, roughly */
};

static void connect_both(struct kerf_engine *engine, uint32_t a, uint32_t b, kerf_time lookahead)
{
    kerf_engine_connect(engine, a, b, lookahead);
    kerf_engine_connect(engine, b, a, lookahead);
}

static void add_replica(struct kerf_serving *pool, struct kerf_engine *engine, const struct place *place,
                        int replica)
{
    const struct kerf_serving *front = place->front;
    kerf_time hop = kerf_kv_transfer_hop(&front->transfer);
    double link_s = front->is_routed ? front->router.hop_s : front->client_link.latency_s;
    uint32_t asker = front->is_routed ? front->router_lp : front->client;
    pool->scheduler_setup[replica] =
        (struct kerf_scheduler_setup){.role = place->role,
                                      .transfer = front->transfer_lp,
                                      .transfer_hop = hop,
                                      .offers_early = front->transfer.layers > 1.0,
                                      .replica = (uint32_t)replica,
                                      .backend = &pool->backend,
                                      .policy = &pool->policy,
                                      .seed = front->workload.seed,
                                      .client = asker,
                                      .device = pool->device + replica * pool->accelerators,
                                      .devices = pool->on_wafers ? 1 : gpus_of_stage(pool),
                                      .client_link_s = link_s,
                                      .trace = front->workload.trace};
    int group = pool->on_wafers ? -1 : (int)kerf_engine_lps(engine);
    uint32_t scheduler = kerf_engine_add(engine, &kerf_scheduler_lp, &pool->scheduler_setup[replica], group,
                                         2.0 * place->passes);
    pool->scheduler[replica] = scheduler;
    if (place->role != KERF_POOL_DECODE)
        kerf_engine_connect(engine, asker, scheduler, kerf_time_from_s(link_s));
    kerf_engine_connect(engine, scheduler, asker, kerf_time_from_s(link_s));
    if (place->role != KERF_POOL_BOTH)
        connect_both(engine, scheduler, front->transfer_lp, hop);
    if (pool->on_wafers)
        add_wafers(pool, engine, replica, place->passes);
    else
        add_gpus(pool, engine, replica, group, place->passes);
}

static void add_pool(struct kerf_serving *pool, struct kerf_engine *engine, const struct place *place)
{
    pool->backend = pool->on_wafers ? wafer_backend(&pool->wafer) : gpu_backend(&pool->gpu);
    for (int replica = 0; replica < pool->replicas; replica++)
        add_replica(pool, engine, place, replica);
}

/* The LP between two pools; it has no more to do than the client. */
static void add_transfer(struct kerf_serving *serving, struct kerf_engine *engine)
{
    serving->transfer.prefill = serving->scheduler;
    serving->transfer.decode = serving->decode->scheduler;
    serving->transfer.prefill_replicas = serving->replicas;
    serving->transfer.decode_replicas = serving->decode->replicas;
    serving->transfer_lp =
        kerf_engine_add(engine, &kerf_kv_transfer_lp, &serving->transfer, -1, serving->workload.requests);
}

/* The LP between users and replicas. */
static void add_router(struct kerf_serving *serving, struct kerf_engine *engine)
{
    serving->router.workload = &serving->workload;
    serving->router.scheduler = serving->scheduler;
    serving->router.replicas = serving->replicas;
    serving->router.client = serving->client;
    serving->router.client_hop = kerf_time_from_s(serving->client_link.latency_s);
    serving->router_lp =
        kerf_engine_add(engine, &kerf_router_lp, &serving->router, -1, 2.0 * serving->workload.requests);
    serving->client_setup.scheduler = &serving->router_lp;
    serving->client_setup.replicas = 1;
    serving->client_setup.routed = true;
    connect_both(engine, serving->client, serving->router_lp, serving->router.client_hop);
}

enum kerf_status kerf_serving_add(struct kerf_serving *serving, struct kerf_engine *engine,
                                  struct kerf_error *error)
{
    struct kerf_serving *decode = serving->decode;
    KERF_TRY(allocate(serving, error));
    if (decode)
        KERF_TRY(allocate(decode, error));
    serving->client_setup = (struct kerf_client_setup){.workload = &serving->workload,
                                                       .scheduler = serving->scheduler,
                                                       .replicas = serving->replicas,
                                                       .link = serving->client_link};
    serving->client =
        kerf_engine_add(engine, &kerf_client_lp, &serving->client_setup, -1, serving->workload.requests);
    if (serving->is_routed)
        add_router(serving, engine);
    if (decode)
        add_transfer(serving, engine);
    struct place place = {decode ? KERF_POOL_PREFILL : KERF_POOL_BOTH, serving, expected_passes(serving)};
    add_pool(serving, engine, &place);
    if (!decode)
        return KERF_OK;
    place.role = KERF_POOL_DECODE;
    place.passes = expected_passes(decode);
    add_pool(decode, engine, &place);
    return KERF_OK;
}

void kerf_serving_free(struct kerf_serving *serving)
{
    kerf_gpu_plan_free(&serving->gpu);
    kerf_wafer_plan_free(&serving->wafer);
    free(serving->stop);
    free(serving->scheduler_setup);
    free(serving->gpu_setup);
    free(serving->wafer_setup);
    free(serving->scheduler);
    free(serving->device);
    if (serving->decode)
        kerf_serving_free(serving->decode);
    free(serving->decode);
}
