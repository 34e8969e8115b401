/* The node room: what a step of a replica of GPUs costs, and the logical process that one of them is. Knows
 * device and fabric; not what is served. */
#include "models/node/gpu_node.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct kerf_cost interconnect_cost(double seconds)
{
    struct kerf_cost cost = {.latency_s = seconds, .occupancy_s = seconds};
    cost.part_s[KERF_TIME_INTERCONNECT] = seconds;
    return cost;
}

static double activation_bytes(const struct kerf_gpu_plan *plan, double tokens)
{
    return tokens * plan->d_model * kerf_format_facts(plan->activations)->bytes_per_element;
}

/* The format that expert networks with block scales are sent their tokens in: fp8, a scale per 128. */
static double dispatched_bytes(const struct kerf_gpu_plan *plan)
{
    const double fp8_bytes = 1.0 + 4.0 / 128.0;
    for (int i = 0; i < plan->list.moe_layer.count; i++) {
        const struct kerf_operator *op = &plan->list.moe_layer.op[i];
        bool narrow = op->weights == KERF_FORMAT_FP8 || op->weights == KERF_FORMAT_FP8_BLOCK ||
                      op->weights == KERF_FORMAT_NVFP4 || op->weights == KERF_FORMAT_MXFP4;
        if (op->kind == KERF_OP_EXPERTS && narrow && plan->gpu.peak_fp8_flops > 0.0)
            return plan->d_model * fp8_bytes;
    }
    return activation_bytes(plan, 1.0);
}

struct kerf_expert_trip kerf_gpu_expert_trip(const struct kerf_gpu_plan *plan, double tokens)
{
    return (struct kerf_expert_trip){.ranks = plan->slice.expert_parallel,
                                     .tokens = tokens,
                                     .top_k = plan->top_k,
                                     .experts = plan->experts,
                                     .out_bytes = dispatched_bytes(plan),
                                     .back_bytes = activation_bytes(plan, 1.0),
                                     .all_to_all = plan->exchange.forced[KERF_COLLECTIVE_ALL_TO_ALL]};
}

/* Between attention groups and experts: dispatch to the ranks of a token's experts, and combine. GPUs that
 * cut one expert between them gather the tokens before and add up and scatter the sums after. */
static double expert_exchange_s(const struct kerf_gpu_plan *plan, double tokens_per_rank)
{
    double sharers = plan->slice.expert_tensor_parallel;
    double shared_bytes = activation_bytes(plan, tokens_per_rank) * sharers;
    struct kerf_expert_trip trip = kerf_gpu_expert_trip(plan, tokens_per_rank);
    return kerf_gpu_experts_s(&plan->exchange, &trip, sharers) +
           kerf_gpu_exchange_s(&plan->exchange, KERF_COLLECTIVE_ALL_GATHER, sharers, shared_bytes) +
           kerf_gpu_exchange_s(&plan->exchange, KERF_COLLECTIVE_REDUCE_SCATTER, sharers, shared_bytes);
}

/* The part of the fullest of `groups` attention groups: a sequence lives in one of them, whole. */
static struct kerf_pass_part fullest_share(struct kerf_pass_part part, double groups)
{
    if (part.sequences <= 0.0)
        return part;
    double share = ceil(part.sequences / groups) / part.sequences;
    part.tokens *= share;
    part.sequences *= share;
    part.attended *= share;
    part.context_tokens *= share;
    return part;
}

/* What the fullest attention group sees of a pass: the others wait for it at the next collective. */
static struct kerf_pass group_pass(const struct kerf_gpu_plan *plan, const struct kerf_pass *pass)
{
    struct kerf_pass mine = *pass;
    double groups = plan->attention_data_parallel;
    mine.decode = fullest_share(pass->decode, groups);
    mine.prefill = fullest_share(pass->prefill, groups);
    mine.logit_tokens = ceil(pass->logit_tokens / groups);
    return mine;
}

static void add_interconnect(struct kerf_cost *sum, double seconds)
{
    struct kerf_cost cost = interconnect_cost(seconds);
    kerf_cost_add(sum, &cost);
}

/* One layer, or embedding or head: its operators in turn, attention aside. Partial sums (row-cut matrices,
 * experts) are reduced before the next norm over the model width, and at the end of the list. */
static struct kerf_cost list_cost(const struct kerf_gpu_plan *plan, const struct kerf_operator_list *list,
                                  const struct kerf_pass *pass, const struct kerf_pass *mine,
                                  double allreduce_s)
{
    struct kerf_cost sum = {0};
    bool dispatches = plan->attention_data_parallel > 1.0, partial = false;
    for (int i = 0; i < list->count; i++) {
        const struct kerf_operator *op = &list->op[i];
        bool experts = op->shard == KERF_SHARD_EXPERTS;
        if (partial && op->kind == KERF_OP_NORM && op->inputs == plan->d_model) {
            add_interconnect(&sum, allreduce_s);
            partial = false;
        }
        if (op->kind != KERF_OP_ATTENTION) {
            struct kerf_cost cost =
                kerf_gpu_device.operator_cost(&plan->gpu, op, experts ? pass : mine, &plan->slice);
            kerf_cost_add(&sum, &cost);
        }
        if (experts && dispatches)
            add_interconnect(&sum, expert_exchange_s(plan, kerf_pass_tokens(mine)));
        else
            partial = partial || experts || op->shard == KERF_SHARD_ROWS;
    }
    if (partial)
        add_interconnect(&sum, allreduce_s);
    return sum;
}

/* What crosses from a stage to the next: each tensor-parallel rank sends its part, and they gather it. */
double kerf_gpu_handover_s(const struct kerf_gpu_plan *plan, const struct kerf_pass *pass, int stage)
{
    struct kerf_pass mine = group_pass(plan, pass);
    double ranks = plan->slice.tensor_parallel, bytes = activation_bytes(plan, kerf_pass_tokens(&mine));
    double domain = plan->gpu.nvlink_domain, next = (stage + 1.0) * plan->gpus / plan->stages;
    bool far = plan->gpus > domain && fmod(next, domain) == 0.0;
    return kerf_gpu_send_s(&plan->exchange, bytes / ranks, far) +
           kerf_gpu_exchange_s(&plan->exchange, KERF_COLLECTIVE_ALL_GATHER, ranks, bytes);
}

/* A stage's lists, each with how often it has them. */
enum { SECTIONS = 4 };
struct section {
    const struct kerf_operator_list *list;
    double repeats;
};

static void list_sections(const struct kerf_gpu_plan *plan, const struct kerf_pass *pass, int s,
                          struct section section[SECTIONS])
{
    const struct kerf_gpu_stage *stage = &plan->stage[s];
    section[0] = (struct section){&plan->list.embedding, stage->embeddings};
    section[1] = (struct section){&plan->list.dense_layer, stage->dense_layers};
    section[2] = (struct section){&plan->list.moe_layer, stage->moe_layers};
    section[3] = (struct section){&plan->list.head, pass->logit_tokens > 0.0 ? stage->heads : 0.0};
}

/* All of a stage but attention. */
static struct kerf_cost cost_without_attention(const struct kerf_gpu_plan *plan, const struct kerf_pass *pass,
                                               int s)
{
    struct kerf_cost sum = {0};
    struct section section[SECTIONS];
    struct kerf_pass mine = group_pass(plan, pass);
    double allreduce_s =
        kerf_gpu_exchange_s(&plan->exchange, KERF_COLLECTIVE_ALL_REDUCE, plan->slice.tensor_parallel,
                            activation_bytes(plan, kerf_pass_tokens(&mine)));
    list_sections(plan, pass, s, section);
    for (int i = 0; i < SECTIONS; i++) {
        if (section[i].repeats == 0.0)
            continue;
        struct kerf_cost cost =
            kerf_cost_times(list_cost(plan, section[i].list, pass, &mine, allreduce_s), section[i].repeats);
        kerf_cost_add(&sum, &cost);
    }
    return sum;
}

/* The same, remembered: steps of a decode differ in what they attend to, which only attention asks for. */
static struct kerf_cost remembered_cost(const struct kerf_gpu_plan *plan, const struct kerf_pass *pass, int s)
{
    struct kerf_pass key = *pass;
    key.decode.attended = key.decode.context_tokens = 0.0;
    key.prefill.attended = key.prefill.context_tokens = 0.0;
    bool known;
    if (!plan->matrices)
        return cost_without_attention(plan, &key, s);
    struct kerf_cost *cost = kerf_cost_memo_find(plan->matrices, &key, s, &known);
    if (!known)
        *cost = cost_without_attention(plan, &key, s);
    return *cost;
}

static void add_attention(struct kerf_cost *sum, const struct kerf_gpu_plan *plan,
                          const struct kerf_pass *pass, int s)
{
    struct section section[SECTIONS];
    struct kerf_pass mine = group_pass(plan, pass);
    list_sections(plan, pass, s, section);
    for (int i = 0; i < SECTIONS; i++)
        for (int k = 0; k < section[i].list->count && section[i].repeats > 0.0; k++) {
            const struct kerf_operator *op = &section[i].list->op[k];
            if (op->kind != KERF_OP_ATTENTION)
                continue;
            struct kerf_cost cost = kerf_cost_times(
                kerf_gpu_device.operator_cost(&plan->gpu, op, &mine, &plan->slice), section[i].repeats);
            kerf_cost_add(sum, &cost);
        }
}

/* Engines have kernels of their own for up to 4 rows; libraries that nobody tuned for few rows multiply them
 * as they would a full tile of 256, and what they lose so is a smaller share of more rows. */
static const double own_kernel_rows = 4.0, full_tile_rows = 256.0;

static void slow_few_rows(const struct kerf_gpu_plan *plan, const struct kerf_pass *pass, double draft_s,
                          struct kerf_cost *cost)
{
    struct kerf_pass mine = group_pass(plan, pass);
    double rows = kerf_pass_tokens(&mine);
    if (plan->few_rows_slowdown <= 1.0 || rows <= own_kernel_rows)
        return;
    double more = (plan->few_rows_slowdown - 1.0) * fmin(1.0, full_tile_rows / rows);
    double compute_s = more * (cost->part_s[KERF_TIME_COMPUTE] - draft_s);
    double memory_s = more * cost->part_s[KERF_TIME_MEMORY];
    cost->part_s[KERF_TIME_COMPUTE] += compute_s;
    cost->part_s[KERF_TIME_MEMORY] += memory_s;
    cost->latency_s += compute_s + memory_s;
    cost->occupancy_s += compute_s + memory_s;
}

static struct kerf_cost stage_cost(const struct kerf_gpu_plan *plan, const struct kerf_pass *pass, int s,
                                   double draft_tokens)
{
    const struct kerf_gpu_stage *stage = &plan->stage[s];
    double once_s = plan->gpu.graph_launch_s, draft_s = stage->heads * draft_tokens * plan->draft_token_s;
    struct kerf_cost sum = {.latency_s = once_s + draft_s, .occupancy_s = once_s + draft_s};
    sum.part_s[KERF_TIME_SOFTWARE] = once_s;
    sum.part_s[KERF_TIME_COMPUTE] = draft_s;
    struct kerf_cost rest = remembered_cost(plan, pass, s);
    kerf_cost_add(&sum, &rest);
    add_attention(&sum, plan, pass, s);
    slow_few_rows(plan, pass, draft_s, &sum);
    if (s + 1 < plan->stages) { /* the next pass may begin meanwhile */
        double handover_s = kerf_gpu_handover_s(plan, pass, s);
        sum.latency_s += handover_s;
        sum.part_s[KERF_TIME_INTERCONNECT] += handover_s;
    }
    return sum;
}

struct kerf_cost kerf_gpu_step_cost(const struct kerf_gpu_plan *plan, const struct kerf_pass *pass,
                                    double draft_tokens)
{
    struct kerf_cost sum = stage_cost(plan, pass, 0, draft_tokens);
    for (int s = 1; s < plan->stages; s++) {
        struct kerf_cost cost = stage_cost(plan, pass, s, draft_tokens);
        kerf_cost_add(&sum, &cost);
    }
    return sum;
}

double kerf_gpu_stage_least_s(const struct kerf_gpu_plan *plan, int stage)
{
    struct kerf_pass one = {
        .decode = {.tokens = 1.0, .sequences = 1.0, .attended = 1.0, .context_tokens = 1.0},
        .kv = plan->kv,
        .activations = plan->activations};
    /* Half of the smallest pass: prefill and decode of one token differ by less. */
    return 0.5 * stage_cost(plan, &one, stage, 0.0).latency_s;
}

double kerf_gpu_step_least_s(const struct kerf_gpu_plan *plan)
{
    double sum_s = 0.0;
    for (int s = 0; s < plan->stages; s++)
        sum_s += kerf_gpu_stage_least_s(plan, s);
    return sum_s;
}

const struct kerf_cost *kerf_gpu_pass_costs(const struct kerf_gpu_plan *plan,
                                            const struct kerf_pass_message *message)
{
    struct kerf_pass pass = kerf_pass_of(message, plan->kv, plan->activations);
    bool known;
    struct kerf_cost *costs = kerf_cost_memo_find(plan->memo, &pass, message->draft_tokens, &known);
    for (int s = 0; s < plan->stages && !known; s++)
        costs[s] = stage_cost(plan, &pass, s, message->draft_tokens);
    return costs;
}

struct gpu_state {
    struct kerf_accelerator_record record;
    kerf_time free; /* when the GPU can take the next pass */
    uint32_t held;  /* passes that cannot end */
};

/* A pass that comes while another is under way waits; so it is in pipelines only. */
static enum kerf_status gpu_handle(struct kerf_lp *lp, void *state, const struct kerf_event *event,
                                   struct kerf_error *error)
{
    struct gpu_state *gpu = state;
    struct kerf_accelerator_record *record = &gpu->record;
    const struct kerf_gpu_setup *setup = kerf_lp_setup(lp);
    const struct kerf_gpu_plan *plan = setup->plan;
    bool last = setup->stage + 1 == plan->stages;
    struct kerf_pass_message message;
    if (setup->has_stopped_one && kerf_lp_now(lp) >= setup->stopped_at) {
        gpu->held++;
        return KERF_OK;
    }
    memcpy(&message, event->payload, sizeof message);
    const struct kerf_cost *cost = &kerf_gpu_pass_costs(plan, &message)[setup->stage];
    kerf_time now = kerf_lp_now(lp), start = gpu->free > now ? gpu->free : now;
    double back_s = last ? plan->gpu.host_to_device_s : 0.0;
    for (int part = 0; part < KERF_TIME_PARTS; part++)
        message.part_s[part] += (float)cost->part_s[part];
    message.part_s[KERF_TIME_SOFTWARE] += (float)back_s;
    message.part_s[KERF_TIME_WAITING] += (float)kerf_time_to_s(start - now);
    record->passes++;
    record->tokens += message.decode_tokens + message.prefill_tokens;
    record->busy_s += cost->occupancy_s;
    record->flops += cost->flops;
    record->bytes += cost->bytes;
    record->dynamic_J += cost->dynamic_J;
    gpu->free = start + kerf_time_from_s(cost->occupancy_s);
    return kerf_lp_send(lp, setup->next, start - now + kerf_time_from_s(cost->latency_s + back_s),
                        last ? KERF_EVENT_PASS_DONE : KERF_EVENT_PASS, &message, sizeof message, error);
}

static bool gpu_waits(const struct kerf_lp *lp, const void *state, uint32_t *whom, char *why,
                      size_t why_bytes)
{
    const struct kerf_gpu_setup *setup = kerf_lp_setup(lp);
    const struct gpu_state *gpu = state;
    if (gpu->held == 0)
        return false;
    *whom = setup->stopped_one;
    if (kerf_lp_id(lp) == setup->stopped_one)
        snprintf(why, why_bytes, "stopped at %.6f s", kerf_time_to_s(setup->stopped_at));
    else
        snprintf(why, why_bytes, "a collective of stage %d misses it", setup->stage);
    return true;
}

const struct kerf_lp_kind kerf_gpu_lp = {
    .name = "gpu", .state_bytes = sizeof(struct gpu_state), .handle = gpu_handle, .waits = gpu_waits};

const struct kerf_accelerator_record *kerf_gpu_record(const void *state)
{
    return &((const struct gpu_state *)state)->record;
}
