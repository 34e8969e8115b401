/* The training room: FLOPs of a step. */
#include "models/training/flops.h"

#include "models/network/operator.h"

static bool multiplies(enum kerf_operator_kind kind)
{
    return kind == KERF_OP_LINEAR || kind == KERF_OP_ROUTER || kind == KERF_OP_EXPERTS ||
           kind == KERF_OP_LM_HEAD || kind == KERF_OP_ATTENTION;
}

static double list_flops(const struct kerf_operator_list *list, double sequence)
{
    const struct kerf_pass token = {
        .prefill = {.tokens = 1.0, .sequences = 1.0, .attended = sequence, .context_tokens = sequence},
        .logit_tokens = 1.0,
        .kv = KERF_FORMAT_BF16,
        .activations = KERF_FORMAT_BF16,
    };
    double flops = 0.0;
    for (int i = 0; i < list->count; i++)
        if (multiplies(list->op[i].kind))
            flops += kerf_operator_work(&list->op[i], &token).flops;
    return flops;
}

struct kerf_forward_flops kerf_training_forward_flops(const struct kerf_network *network, double sequence)
{
    const struct kerf_weight_formats formats = {KERF_FORMAT_BF16, KERF_FORMAT_BF16, KERF_FORMAT_BF16};
    struct kerf_decoder_list list;
    kerf_decoder_operators(network, &formats, &list);
    return (struct kerf_forward_flops){.layers = list.dense_layers * list_flops(&list.dense_layer, sequence) +
                                                 list.moe_layers * list_flops(&list.moe_layer, sequence),
                                       .head = list_flops(&list.head, sequence)};
}

static double tokens_of(const struct kerf_training_job *job)
{
    return job->layout.global_batch * job->sequence;
}

double kerf_training_model_flops(const struct kerf_training_job *job)
{
    struct kerf_forward_flops forward = kerf_training_forward_flops(job->network, job->sequence);
    return 3.0 * tokens_of(job) * (forward.layers + forward.head);
}

double kerf_training_hardware_flops(const struct kerf_training_job *job)
{
    struct kerf_forward_flops forward = kerf_training_forward_flops(job->network, job->sequence);
    double again = 0.0;
    if (job->recompute == KERF_RECOMPUTE_FULL) {
        const struct kerf_decoder_dims *dims = &job->network->decoder;
        double stage_layers = (double)(dims->layers_dense + dims->layers_moe) / job->layout.pipeline;
        double share = job->recompute_layers > 0 ? job->recompute_layers / stage_layers : 1.0;
        again = forward.layers * (share < 1.0 ? share : 1.0);
    } else if (job->recompute == KERF_RECOMPUTE_SELECTIVE && !job->stack->fused_attention) {
        const struct kerf_forward_flops linear = kerf_training_forward_flops(job->network, 0.0);
        again = forward.layers - linear.layers;
    }
    return kerf_training_model_flops(job) + tokens_of(job) * again;
}
