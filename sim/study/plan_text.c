/* The study room: plans as text. */
#include "sim/study/plan_text.h"

#include "sim/study/placement_text.h"
#include "sim/study/pools.h"

#include <math.h>

static const char *const op_names[KERF_COLLECTIVE_COUNT] = {
    [KERF_COLLECTIVE_ALL_REDUCE] = "all-reduce",         [KERF_COLLECTIVE_ALL_GATHER] = "all-gather",
    [KERF_COLLECTIVE_REDUCE_SCATTER] = "reduce-scatter", [KERF_COLLECTIVE_ALL_TO_ALL] = "all-to-all",
    [KERF_COLLECTIVE_BROADCAST] = "broadcast",           [KERF_COLLECTIVE_SEND] = "send",
};

/* Which algorithm an operation takes for one token and for a full step, and how long it takes. */
static void print_collective(FILE *out, const struct kerf_serving *serving, enum kerf_collective_op op,
                             double ranks)
{
    const struct kerf_gpu_plan *gpu = &serving->gpu;
    const struct kerf_cluster *cluster = &gpu->exchange.cluster[op];
    double most = serving->policy.token_budget / gpu->attention_data_parallel;
    if (ranks <= 1.0)
        return;
    fprintf(out, "#   %s over %g GPUs:", op_names[op], ranks);
    for (int i = 0; i < 2; i++) {
        double tokens = i ? most : 1.0, time_s = 0.0;
        const char *taken = "none";
        struct kerf_collective_call call = {op, ranks, tokens * gpu->d_model * 2.0,
                                            gpu->exchange.own_all_reduce};
        if (kerf_collective_s(&gpu->exchange.library, cluster, &call, gpu->exchange.forced[op], &time_s,
                              &taken, NULL) == KERF_OK)
            fprintf(out, "%s %g token%s by %s in %.3g us", i ? "," : "", tokens, tokens == 1.0 ? "" : "s",
                    taken, time_s * 1e6);
    }
    fprintf(out, "; %.1f GB/s in a domain", cluster->domain_Bps * 1e-9);
    if (ranks > cluster->domain)
        fprintf(out, ", %.1f GB/s and %.2f us more between them", cluster->nic_Bps * 1e-9,
                cluster->nic_further_s * 1e6);
    fprintf(out, "\n");
}

static void print_experts(FILE *out, const struct kerf_serving *serving)
{
    const struct kerf_gpu_plan *gpu = &serving->gpu;
    const struct kerf_cluster *cluster = &gpu->exchange.cluster[KERF_COLLECTIVE_ALL_TO_ALL];
    double sharers = gpu->slice.expert_tensor_parallel;
    if (gpu->attention_data_parallel <= 1.0 || gpu->list.moe_layers == 0 || gpu->slice.expert_parallel <= 1.0)
        return;
    fprintf(out, "#   tokens to experts and back over %g GPUs:", gpu->slice.expert_parallel);
    for (int i = 0; i < 2; i++) {
        double tokens = i ? serving->policy.token_budget / gpu->attention_data_parallel : 1.0;
        struct kerf_expert_trip trip = kerf_gpu_expert_trip(gpu, tokens);
        fprintf(out, "%s %g token%s per group by %s in %.3g us", i ? "," : "", tokens,
                tokens == 1.0 ? "" : "s", kerf_gpu_experts_way(&gpu->exchange, &trip, sharers),
                kerf_gpu_experts_s(&gpu->exchange, &trip, sharers) * 1e6);
    }
    fprintf(out, "; %.1f GB/s in a domain", cluster->domain_Bps * 1e-9);
    if (gpu->gpus / gpu->stages > cluster->domain)
        fprintf(out, ", %.1f GB/s and %.2f us more between them", cluster->nic_Bps * 1e-9,
                cluster->nic_further_s * 1e6);
    fprintf(out, "\n");
}

/* A full step from each stage to the next. */
static void print_handovers(FILE *out, const struct kerf_gpu_plan *gpu)
{
    struct kerf_pass one = {.decode = {1.0, 1.0, 1.0, 1.0}, .activations = gpu->activations};
    double most_s = 0.0;
    for (int s = 0; s + 1 < gpu->stages; s++)
        most_s = fmax(most_s, kerf_gpu_handover_s(gpu, &one, s));
    fprintf(out, "#   %d stages; a token is handed on in %.3g us at most\n", gpu->stages, most_s * 1e6);
}

static void print_gpu_plan(FILE *out, const struct kerf_serving *serving)
{
    const struct kerf_gpu_plan *gpu = &serving->gpu;
    char stages[48] = "";
    if (gpu->stages > 1)
        snprintf(stages, sizeof stages, ", %d stages", gpu->stages);
    fprintf(out,
            "#   tensor %g, expert %g, attention data %g%s; per GPU %.1f GB of weights, %.1f GB usable, KV "
            "cache for %.0f "
            "tokens per replica\n",
            gpu->slice.tensor_parallel, gpu->slice.expert_parallel, gpu->attention_data_parallel, stages,
            gpu->weight_bytes * 1e-9, gpu->usable_bytes * 1e-9, gpu->kv_tokens);
    print_collective(out, serving, KERF_COLLECTIVE_ALL_REDUCE, gpu->slice.tensor_parallel);
    print_experts(out, serving);
    if (gpu->stages > 1)
        print_handovers(out, gpu);
}

/* The network that joins the accelerators, and what is broken in it. */
static void print_fabric(FILE *out, const struct kerf_system *system)
{
    static const enum kerf_column column = KERF_COLUMN_NOMINAL;
    struct kerf_topology *topology = NULL;
    if (kerf_system_topology(system, column, &topology, NULL) != KERF_OK || !topology)
        return;
    uint32_t slow = 0, down = 0;
    for (uint32_t l = 0; l < topology->links; l += 2) {
        slow += topology->link[l].factor < 1.0 && topology->link[l].factor > 0.0;
        down += topology->link[l].factor == 0.0;
    }
    fprintf(out, "#   fabric: %u endpoints, %u switches, %u cables (%u slow, %u down)\n", topology->endpoints,
            topology->vertices - topology->endpoints, topology->links / 2, slow, down);
    kerf_topology_free(topology);
}

/* Stages of one wafer as "3 mixture-of-experts layers, head". */
static void print_wafer(FILE *out, const struct kerf_wafer_plan *plan, int wafer)
{
    const struct kerf_stage *stage = plan->placement.stage;
    double bytes = 0.0;
    fprintf(out, "#   wafer %2d:", wafer);
    for (int s = plan->first_stage[wafer]; s < plan->first_stage[wafer + 1];) {
        int same = s;
        while (same < plan->first_stage[wafer + 1] && stage[same].kind == stage[s].kind) {
            bytes += stage[same].weight_bytes + stage[same].kv_bytes + stage[same].activation_bytes;
            same++;
        }
        fprintf(out, " %d %s on %.0f x %.0f PEs;", same - s, kerf_stage_kind_names[stage[s].kind],
                stage[s].pe_rows, stage[s].pe_columns);
        s = same;
    }
    const struct kerf_stage *drafter = &plan->placement.drafter;
    if (drafter->weight_bytes > 0.0 && drafter->wafer == wafer) {
        fprintf(out, " drafter on %.0f x %.0f PEs;", drafter->pe_rows, drafter->pe_columns);
        bytes += drafter->weight_bytes;
    }
    fprintf(out, " %.1f of %.1f GB (%.0f %%)\n", bytes * 1e-9, plan->placement.usable_bytes_per_wafer * 1e-9,
            100.0 * bytes / plan->placement.usable_bytes_per_wafer);
}

static void print_wafer_plan(FILE *out, const struct kerf_serving *serving)
{
    const struct kerf_wafer_plan *plan = &serving->wafer;
    const struct kerf_workload *work = &serving->workload;
    double request = work->prompt_tokens + work->reasoning_tokens + work->answer_tokens;
    fprintf(out,
            "#   %d wafers, at least %d needed; KV cache for %.0f tokens, %.0f users of %.0f; prompts in "
            "chunks of "
            "%d tokens\n",
            plan->placement.wafers, plan->placement.wafers_needed, plan->kv_tokens,
            floor(plan->kv_tokens / request), request, serving->policy.prefill_chunk);
    if (plan->host_share > 0.0)
        fprintf(out, "#   %.0f %% of the KV cache lies in the memory of the hosts\n",
                100.0 * plan->host_share);
    for (int wafer = 0; wafer < plan->placement.wafers; wafer++)
        print_wafer(out, plan, wafer);
    kerf_placement_print_limit(out, serving);
    kerf_placement_draw(out, plan);
}

static void print_pool(FILE *out, const struct kerf_serving *pool, const struct kerf_system *system)
{
    (pool->on_wafers ? print_wafer_plan : print_gpu_plan)(out, pool);
    print_fabric(out, system);
}

/* What will be asked of a system. */
static void print_load(FILE *out, const struct kerf_load *load)
{
    const struct kerf_load_facts *facts = &load->facts;
    fprintf(out,
            "#   %d requests; on average %.0f tokens of prompt, %.0f of reasoning, %.0f of answer; the "
            "longest has %.0f in all\n",
            load->workload.requests, facts->prompt_tokens, facts->reasoning_tokens, facts->answer_tokens,
            facts->longest_tokens);
    if (load->trace.bad_lines > 0)
        fprintf(out, "#   %lld bad lines of the trace are left out\n", load->trace.bad_lines);
}

void kerf_plan_print(FILE *out, const struct kerf_comparison *comparison)
{
    int nominal = comparison->columns == 1 ? 0 : KERF_COLUMN_NOMINAL;
    fprintf(out, "\n# How each system holds %s:\n", comparison->network.name);
    for (int i = 0; i < comparison->scenario.systems; i++) {
        const struct kerf_serving *serving = &kerf_comparison_case(comparison, i, nominal)->serving;
        fprintf(out, "# %s (%s)\n", comparison->scenario.system[i].name,
                comparison->scenario.system[i].title);
        print_pool(out, serving, &comparison->system[i]);
        if (serving->decode) {
            kerf_pools_print(out, serving);
            print_pool(out, serving->decode, comparison->system[i].decode);
        }
        print_load(out, &comparison->system[i].load);
    }
}
