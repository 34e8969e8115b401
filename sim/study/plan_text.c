/* The study room: plans as text. */
#include "sim/study/plan_text.h"

#include "sim/study/placement_text.h"

#include <math.h>

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

void kerf_plan_print(FILE *out, const struct kerf_comparison *comparison)
{
    int nominal = comparison->columns == 1 ? 0 : KERF_COLUMN_NOMINAL;
    fprintf(out, "\n# How each system holds %s:\n", comparison->network.name);
    for (int i = 0; i < comparison->scenario.systems; i++) {
        const struct kerf_serving *serving = &kerf_comparison_case(comparison, i, nominal)->serving;
        fprintf(out, "# %s (%s)\n", comparison->scenario.system[i].name,
                comparison->scenario.system[i].title);
        (serving->on_wafers ? print_wafer_plan : print_gpu_plan)(out, serving);
    }
}
