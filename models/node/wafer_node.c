/* The node room: wafers in a pipeline. Knows device and engine; not what is served. */
#include "models/node/wafer_node.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_CHUNK = 8192, PASSES_REMEMBERED = 2048 };

static const struct kerf_operator_list *stage_list(const struct kerf_wafer_plan *plan, int stage)
{
    switch (plan->placement.stage[stage].kind) {
    case KERF_STAGE_EMBEDDING:
        return &plan->list.embedding;
    case KERF_STAGE_DENSE_LAYER:
        return &plan->list.dense_layer;
    case KERF_STAGE_MOE_LAYER:
        return &plan->list.moe_layer;
    default:
        return &plan->list.head;
    }
}

static struct kerf_slice stage_slice(const struct kerf_stage *stage)
{
    return (struct kerf_slice){.tensor_parallel = 1.0,
                               .expert_parallel = 1.0,
                               .expert_tensor_parallel = 1.0,
                               .pe_rows = stage->pe_rows,
                               .pe_columns = stage->pe_columns};
}

static bool same_shape(const struct kerf_stage *a, const struct kerf_stage *b)
{
    return a->kind == b->kind && a->pe_rows == b->pe_rows && a->pe_columns == b->pe_columns;
}

static void find_shapes(struct kerf_wafer_plan *plan)
{
    for (int s = 0; s < plan->placement.stages; s++) {
        int shape = 0;
        while (shape < plan->shapes &&
               !same_shape(&plan->placement.stage[s], &plan->placement.stage[plan->stage_of_shape[shape]]))
            shape++;
        if (shape == plan->shapes)
            plan->stage_of_shape[plan->shapes++] = s;
        plan->shape_of_stage[s] = shape;
    }
}

static void find_wafers(struct kerf_wafer_plan *plan)
{
    int stage = 0;
    for (int w = 0; w < plan->placement.wafers; w++) {
        plan->first_stage[w] = stage;
        while (stage < plan->placement.stages && plan->placement.stage[stage].wafer == w)
            stage++;
    }
    plan->first_stage[plan->placement.wafers] = stage;
}

static enum kerf_status place(struct kerf_wafer_plan *plan, int wafers, double kv_tokens,
                              struct kerf_error *error)
{
    return kerf_wafer_place(&plan->wafer, plan->wafer_name, &plan->list, plan->network_name, wafers,
                            kv_tokens, plan->kv, plan->draft_bytes, &plan->placement, error);
}

/* Tokens of cache that fit besides those that were placed. */
static double spare_kv_tokens(const struct kerf_wafer_placement *placement)
{
    double spare = placement->usable_bytes_per_wafer - placement->largest_wafer_bytes;
    double more = placement->kv_bytes_per_token_fullest;
    return more > 0.0 ? floor(fmax(spare, 0.0) / more) : 0.0;
}

/* With the hosts' memory: as much cache as fits on the wafers, the rest there. */
static enum kerf_status place_with_hosts(struct kerf_wafer_plan *plan, int wafers, double kv_tokens,
                                         struct kerf_error *error)
{
    KERF_TRY(place(plan, wafers, 0.0, error));
    double here = spare_kv_tokens(&plan->placement);
    double there = floor(plan->wafer.host_kv_bytes / plan->placement.kv_bytes_per_token_fullest);
    kerf_wafer_placement_free(&plan->placement);
    KERF_CHECK(
        kv_tokens <= here + there, KERF_ERR_USAGE,
        "a KV cache of %.0f tokens of %s: %.0f fit on %d %s wafers and %.0f in the memory of their hosts",
        kv_tokens, plan->network_name, here, wafers, plan->wafer_name, there);
    plan->host_share = 1.0 - here / kv_tokens;
    return place(plan, wafers, here, error);
}

static enum kerf_status place_cache(struct kerf_wafer_plan *plan, int wafers, double kv_tokens,
                                    struct kerf_error *error)
{
    plan->host_share = 0.0;
    enum kerf_status status = place(plan, wafers, kv_tokens, error);
    if (status == KERF_OK)
        plan->kv_tokens = kv_tokens + spare_kv_tokens(&plan->placement);
    if (status == KERF_OK || !plan->may_overflow || plan->wafer.host_kv_bytes <= 0.0)
        return status;
    plan->kv_tokens = kv_tokens;
    return place_with_hosts(plan, wafers, kv_tokens, error);
}

/* Time that the way in to a wafer is busy with cache from its host. All wafers are taken to hold as much
 * cache as the one that holds most. */
static double host_stream_s(const struct kerf_wafer_plan *plan, const struct kerf_pass *pass)
{
    double tokens = plan->host_share * (pass->decode.context_tokens + pass->prefill.context_tokens);
    return tokens * plan->placement.kv_bytes_per_token_fullest / plan->wafer.io_Bps;
}

/* What a pass waits at each wafer for it. */
static double host_wait_s(const struct kerf_wafer_plan *plan, const struct kerf_pass *pass)
{
    return plan->host_share > 0.0 ? host_stream_s(plan, pass) + plan->wafer.io_latency_s : 0.0;
}

enum kerf_status kerf_wafer_plan_make(struct kerf_wafer_plan *plan, int wafers, double kv_tokens_wanted,
                                      struct kerf_error *error)
{
    KERF_TRY(place_cache(plan, wafers, kv_tokens_wanted, error));
    KERF_CHECK(wafers <= plan->placement.stages, KERF_ERR_USAGE,
               "%s has %d layers and other stages: more than %d %s wafers would stand empty (count is %d)",
               plan->network_name, plan->placement.stages, plan->placement.stages, plan->wafer_name, wafers);
    size_t stages = (size_t)plan->placement.stages;
    plan->shape_of_stage = calloc(stages, sizeof *plan->shape_of_stage);
    plan->stage_of_shape = calloc(stages, sizeof *plan->stage_of_shape);
    plan->first_stage = calloc((size_t)plan->placement.wafers + 1, sizeof *plan->first_stage);
    KERF_CHECK(plan->shape_of_stage && plan->stage_of_shape && plan->first_stage, KERF_ERR_FAILURE,
               "out of memory for %zu pipeline stages", stages);
    find_shapes(plan);
    find_wafers(plan);
    plan->memo = kerf_cost_memo_create(PASSES_REMEMBERED, plan->shapes);
    KERF_CHECK(plan->memo, KERF_ERR_FAILURE, "out of memory for the costs of %d stages", plan->shapes);
    return KERF_OK;
}

void kerf_wafer_plan_free(struct kerf_wafer_plan *plan)
{
    kerf_wafer_placement_free(&plan->placement);
    kerf_cost_memo_free(plan->memo);
    free(plan->shape_of_stage);
    free(plan->stage_of_shape);
    free(plan->first_stage);
    plan->shape_of_stage = plan->stage_of_shape = plan->first_stage = NULL;
    plan->memo = NULL;
}

/* The cache is allotted in blocks, so a pass costs the same until a block is full; this is also what lets
 * costs be remembered. Raises the context of every sequence to whole blocks. */
static struct kerf_pass_part in_blocks(struct kerf_pass_part part, double block)
{
    double unit = block * part.sequences;
    if (unit <= 0.0)
        return part;
    double raised = ceil(part.context_tokens / unit) * unit;
    part.attended += (raised - part.context_tokens) * part.tokens / part.sequences;
    part.context_tokens = raised;
    return part;
}

/* Costs of every shape for a pass. */
static const struct kerf_cost *shape_costs(struct kerf_wafer_plan *plan, const struct kerf_pass *exact)
{
    struct kerf_pass pass = *exact;
    pass.decode = in_blocks(pass.decode, plan->kv_block_tokens);
    pass.prefill = in_blocks(pass.prefill, plan->kv_block_tokens);
    bool known;
    struct kerf_cost *costs = kerf_cost_memo_find(plan->memo, &pass, 0.0, &known);
    for (int shape = 0; shape < plan->shapes && !known; shape++) {
        int s = plan->stage_of_shape[shape];
        const struct kerf_stage *stage = &plan->placement.stage[s];
        struct kerf_slice slice = stage_slice(stage);
        costs[shape] =
            kerf_device_list_cost(&kerf_wafer_device, &plan->wafer, stage_list(plan, s), &pass, &slice);
        struct kerf_cost moved =
            kerf_wafer_handover_cost(&plan->wafer, &slice, kerf_pass_tokens(&pass), plan->d_model);
        kerf_cost_add(&costs[shape], &moved);
    }
    return costs;
}

/* The way out of a wafer: its Ethernet ports and a switch, to the next wafer or to the host. */
static struct kerf_link way_out(const struct kerf_wafer_plan *plan)
{
    return (struct kerf_link){.latency_s = plan->wafer.io_latency_s, .bandwidth_Bps = plan->wafer.io_Bps};
}

static double activation_bytes(const struct kerf_wafer_plan *plan, const struct kerf_pass *pass)
{
    return kerf_pass_tokens(pass) * plan->d_model * kerf_format_facts(plan->activations)->bytes_per_element;
}

/* Time that a pass's activations occupy the link between two wafers. */
static double link_occupancy_s(const struct kerf_wafer_plan *plan, const struct kerf_pass *pass)
{
    struct kerf_link link = way_out(plan);
    return kerf_link_occupancy_s(&link, activation_bytes(plan, pass));
}

double kerf_wafer_bottleneck_s(struct kerf_wafer_plan *plan, const struct kerf_pass *pass)
{
    const struct kerf_cost *costs = shape_costs(plan, pass);
    double slowest = plan->placement.wafers > 1 ? link_occupancy_s(plan, pass) : 0.0;
    slowest = fmax(slowest, host_stream_s(plan, pass));
    for (int shape = 0; shape < plan->shapes; shape++)
        slowest = fmax(slowest, costs[shape].occupancy_s);
    return slowest;
}

double kerf_wafer_pipeline_s(struct kerf_wafer_plan *plan, const struct kerf_pass *pass)
{
    const struct kerf_cost *costs = shape_costs(plan, pass);
    int wafers = plan->placement.wafers;
    /* In from the host, between wafers with the activations, out to the host. */
    double seconds = (wafers + 1) * plan->wafer.io_latency_s + (wafers - 1) * link_occupancy_s(plan, pass);
    seconds += wafers * host_wait_s(plan, pass);
    for (int s = 0; s < plan->placement.stages; s++)
        seconds += costs[plan->shape_of_stage[s]].latency_s;
    return seconds;
}

int kerf_wafer_best_chunk(struct kerf_wafer_plan *plan, double prompt_tokens)
{
    int best = 1;
    double best_s = INFINITY;
    for (int chunk = 1; chunk <= LARGEST_CHUNK && chunk < 2.0 * prompt_tokens; chunk *= 2) {
        double tokens = fmin(chunk, prompt_tokens), middle = prompt_tokens / 2.0;
        struct kerf_pass pass = {.prefill = {.tokens = tokens,
                                             .sequences = 1.0,
                                             .attended = tokens * middle,
                                             .context_tokens = middle},
                                 .kv = plan->kv,
                                 .activations = plan->activations};
        double chunks = ceil(prompt_tokens / tokens);
        double seconds =
            kerf_wafer_pipeline_s(plan, &pass) + (chunks - 1.0) * kerf_wafer_bottleneck_s(plan, &pass);
        if (seconds < best_s) {
            best_s = seconds;
            best = chunk;
        }
    }
    return best;
}

static int find_best_batch(struct kerf_wafer_plan *plan, double under_way, double overhead_s)
{
    int best = 1;
    double best_s = INFINITY, context = plan->typical_context;
    for (int batch = 1; batch <= under_way; batch *= 2) {
        struct kerf_pass pass = {.decode = {.tokens = batch,
                                            .sequences = batch,
                                            .attended = batch * context,
                                            .context_tokens = batch * context},
                                 .logit_tokens = batch,
                                 .kv = plan->kv,
                                 .activations = plan->activations};
        double alone_s = kerf_wafer_pipeline_s(plan, &pass) + overhead_s;
        double full_s = ceil(under_way / batch) * kerf_wafer_bottleneck_s(plan, &pass);
        double cycle_s = fmax(alone_s, full_s);
        if (cycle_s < best_s) {
            best_s = cycle_s;
            best = batch;
        }
    }
    return best;
}

int kerf_wafer_best_batch(struct kerf_wafer_plan *plan, int under_way, double overhead_s)
{
    int doubling = 0;
    while (doubling < KERF_WAFER_BATCH_CLASSES - 1 && (1 << doubling) < under_way)
        doubling++;
    if (plan->batch_of[doubling] == 0)
        plan->batch_of[doubling] = find_best_batch(plan, (double)(1 << doubling), overhead_s);
    return plan->batch_of[doubling];
}

double kerf_wafer_least_s(struct kerf_wafer_plan *plan, int index)
{
    struct kerf_pass one = {
        .decode = {.tokens = 1.0, .sequences = 1.0, .attended = 1.0, .context_tokens = 1.0},
        .kv = plan->kv,
        .activations = plan->activations};
    const struct kerf_cost *costs = shape_costs(plan, &one);
    double seconds = 0.0;
    for (int s = plan->first_stage[index]; s < plan->first_stage[index + 1]; s++)
        if (plan->placement.stage[s].kind != KERF_STAGE_HEAD) /* a pass without logits skips the head */
            seconds += costs[plan->shape_of_stage[s]].latency_s;
    /* Half of the smallest decode pass: a prefill pass of one token differs by less. */
    return plan->wafer.io_latency_s + 0.5 * seconds;
}

struct wafer_state {
    const struct kerf_wafer_setup *setup;
    kerf_time *stage_free; /* when each stage of this wafer can take the next pass */
    double *stage_busy_s;
    double *stage_dynamic_J;
    kerf_time host_free; /* when the way in from the host can take the next pass's cache */
    struct kerf_link out;
    struct kerf_accelerator_record record;
};

static int stages_of(const struct kerf_wafer_setup *setup)
{
    return setup->plan->first_stage[setup->index + 1] - setup->plan->first_stage[setup->index];
}

static void wafer_free(void *state)
{
    struct wafer_state *wafer = state;
    free(wafer->stage_free);
    free(wafer->stage_busy_s);
    free(wafer->stage_dynamic_J);
}

static enum kerf_status wafer_init(struct kerf_lp *lp, const void *setup, void *state,
                                   struct kerf_error *error)
{
    (void)lp;
    const struct kerf_wafer_setup *mine = setup;
    size_t stages = (size_t)stages_of(mine);
    struct wafer_state *made = state;
    made->setup = mine;
    made->out = way_out(mine->plan);
    made->stage_free = calloc(stages + 1, sizeof *made->stage_free);
    made->stage_busy_s = calloc(stages + 1, sizeof *made->stage_busy_s);
    made->stage_dynamic_J = calloc(stages + 1, sizeof *made->stage_dynamic_J);
    KERF_CHECK(made->stage_free && made->stage_busy_s && made->stage_dynamic_J, KERF_ERR_FAILURE,
               "out of memory for a wafer");
    return KERF_OK;
}

static kerf_time later(kerf_time a, kerf_time b)
{
    return a > b ? a : b;
}

/* The share of the cache that lies in the host's memory comes in first. */
static kerf_time through_host(struct wafer_state *wafer, const struct kerf_pass *pass, kerf_time arrive,
                              struct kerf_pass_message *message)
{
    const struct kerf_wafer_plan *plan = wafer->setup->plan;
    if (plan->host_share <= 0.0)
        return arrive;
    kerf_time start = later(arrive, wafer->host_free);
    wafer->host_free = start + kerf_time_from_s(host_stream_s(plan, pass));
    message->part_s[KERF_TIME_WAITING] += (float)kerf_time_to_s(start - arrive);
    message->part_s[KERF_TIME_INTERCONNECT] += (float)host_wait_s(plan, pass);
    return start + kerf_time_from_s(host_wait_s(plan, pass));
}

/* start(k) = max(arrive(k), free), free = start + occupancy, arrive at the next stage = start + latency. */
static kerf_time through_stages(struct wafer_state *wafer, const struct kerf_pass *pass, kerf_time arrive,
                                struct kerf_pass_message *message)
{
    struct kerf_wafer_plan *plan = wafer->setup->plan;
    const struct kerf_cost *costs = shape_costs(plan, pass);
    int first = plan->first_stage[wafer->setup->index], end = plan->first_stage[wafer->setup->index + 1];
    for (int s = first; s < end; s++) {
        const struct kerf_cost *cost = &costs[plan->shape_of_stage[s]];
        kerf_time start = later(arrive, wafer->stage_free[s - first]);
        message->part_s[KERF_TIME_WAITING] += (float)kerf_time_to_s(start - arrive);
        wafer->stage_free[s - first] = start + kerf_time_from_s(cost->occupancy_s);
        wafer->stage_busy_s[s - first] += cost->occupancy_s;
        wafer->stage_dynamic_J[s - first] += cost->dynamic_J;
        arrive = start + kerf_time_from_s(cost->latency_s);
        for (int part = 0; part < KERF_TIME_PARTS; part++)
            message->part_s[part] += (float)cost->part_s[part];
        wafer->record.flops += cost->flops;
        wafer->record.bytes += cost->bytes;
        wafer->record.dynamic_J += cost->dynamic_J;
        wafer->record.busy_s = fmax(wafer->record.busy_s, wafer->stage_busy_s[s - first]);
    }
    return arrive;
}

static enum kerf_status wafer_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                     struct kerf_error *error)
{
    struct wafer_state *wafer = state;
    const struct kerf_wafer_plan *plan = wafer->setup->plan;
    struct kerf_pass_message message;
    memcpy(&message, event->payload, sizeof message);
    struct kerf_pass pass = kerf_pass_of(&message, plan->kv, plan->activations);
    kerf_time there = through_host(wafer, &pass, kerf_lp_now(lp), &message);
    kerf_time ready = through_stages(wafer, &pass, there, &message);
    bool last = wafer->setup->index + 1 == plan->placement.wafers;
    /* The last wafer sends back token ids, which take no time to speak of. */
    double bytes = last ? 0.0 : activation_bytes(plan, &pass);
    kerf_time start, arrival = kerf_link_carry(&wafer->out, ready, bytes, &start);
    message.part_s[KERF_TIME_WAITING] += (float)kerf_time_to_s(start - ready);
    message.part_s[KERF_TIME_INTERCONNECT] += (float)kerf_time_to_s(arrival - start);
    wafer->record.passes++;
    wafer->record.tokens += (uint64_t)kerf_pass_tokens(&pass);
    wafer->record.tokens_sent_on += last ? 0 : (uint64_t)kerf_pass_tokens(&pass);
    KERF_TRY(kerf_lp_send(lp, wafer->setup->next, arrival - kerf_lp_now(lp),
                          last ? KERF_EVENT_PASS_DONE : KERF_EVENT_PASS, &message, sizeof message, error));
    /* Later passes leave behind this one: nothing arrives there sooner. */
    return kerf_lp_promise(lp, wafer->setup->next, arrival, error);
}

static void wafer_save(const void *state, struct kerf_pack *pack)
{
    const struct wafer_state *wafer = state;
    size_t stages = (size_t)stages_of(wafer->setup);
    kerf_pack_put(pack, wafer->stage_free, stages * sizeof *wafer->stage_free);
    kerf_pack_put(pack, wafer->stage_busy_s, stages * sizeof *wafer->stage_busy_s);
    kerf_pack_put(pack, wafer->stage_dynamic_J, stages * sizeof *wafer->stage_dynamic_J);
    kerf_pack_put(pack, &wafer->host_free, sizeof wafer->host_free);
    kerf_pack_put(pack, &wafer->out, sizeof wafer->out);
    kerf_pack_put(pack, &wafer->record, sizeof wafer->record);
}

static bool wafer_load(void *state, struct kerf_unpack *unpack)
{
    struct wafer_state *wafer = state;
    size_t stages = (size_t)stages_of(wafer->setup);
    return kerf_unpack_get(unpack, wafer->stage_free, stages * sizeof *wafer->stage_free) &&
           kerf_unpack_get(unpack, wafer->stage_busy_s, stages * sizeof *wafer->stage_busy_s) &&
           kerf_unpack_get(unpack, wafer->stage_dynamic_J, stages * sizeof *wafer->stage_dynamic_J) &&
           kerf_unpack_get(unpack, &wafer->host_free, sizeof wafer->host_free) &&
           kerf_unpack_get(unpack, &wafer->out, sizeof wafer->out) &&
           kerf_unpack_get(unpack, &wafer->record, sizeof wafer->record);
}

const struct kerf_lp_kind kerf_wafer_lp = {.name = "wafer",
                                           .state_bytes = sizeof(struct wafer_state),
                                           .init = wafer_init,
                                           .handle = wafer_handle,
                                           .free = wafer_free,
                                           .save = wafer_save,
                                           .load = wafer_load};

const struct kerf_accelerator_record *kerf_wafer_record(const void *state)
{
    return &((const struct wafer_state *)state)->record;
}

const double *kerf_wafer_stage_J(const void *state)
{
    return ((const struct wafer_state *)state)->stage_dynamic_J;
}
