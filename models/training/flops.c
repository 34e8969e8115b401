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

struct kerf_forward_flops kerf_training_list_flops(const struct kerf_decoder_list *list, double sequence)
{
    return (struct kerf_forward_flops){.layers =
                                           list->dense_layers * list_flops(&list->dense_layer, sequence) +
                                           list->moe_layers * list_flops(&list->moe_layer, sequence),
                                       .head = list_flops(&list->head, sequence)};
}

static void make_list(const struct kerf_network *network, struct kerf_decoder_list *list)
{
    const struct kerf_weight_formats formats = {KERF_FORMAT_BF16, KERF_FORMAT_BF16, KERF_FORMAT_BF16};
    kerf_decoder_operators(network, &formats, list);
}

struct kerf_forward_flops kerf_training_forward_flops(const struct kerf_network *network, double sequence)
{
    struct kerf_decoder_list list;
    make_list(network, &list);
    return kerf_training_list_flops(&list, sequence);
}

void kerf_training_step_flops(const struct kerf_training_job *job, const struct kerf_decoder_list *list,
                              double *model_flops, double *hardware_flops)
{
    double tokens = job->layout.global_batch * job->sequence, again = 0.0;
    struct kerf_forward_flops forward = kerf_training_list_flops(list, job->sequence);
    if (job->recompute == KERF_RECOMPUTE_FULL) {
        const struct kerf_decoder_dims *dims = &job->network->decoder;
        double stage_layers = (double)(dims->layers_dense + dims->layers_moe) / job->layout.pipeline;
        double share = job->recompute_layers > 0 ? job->recompute_layers / stage_layers : 1.0;
        again = forward.layers * (share < 1.0 ? share : 1.0);
    } else if (job->recompute == KERF_RECOMPUTE_SELECTIVE && !job->stack->fused_attention) {
        again = forward.layers - kerf_training_list_flops(list, 0.0).layers;
    }
    *model_flops = 3.0 * tokens * (forward.layers + forward.head);
    *hardware_flops = *model_flops + tokens * again;
}

double kerf_training_model_flops(const struct kerf_training_job *job)
{
    struct kerf_decoder_list list;
    double model, hardware;
    make_list(job->network, &list);
    kerf_training_step_flops(job, &list, &model, &hardware);
    return model;
}

double kerf_training_hardware_flops(const struct kerf_training_job *job)
{
    struct kerf_decoder_list list;
    double model, hardware;
    make_list(job->network, &list);
    kerf_training_step_flops(job, &list, &model, &hardware);
    return hardware;
}
