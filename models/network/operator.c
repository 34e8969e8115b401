/* The network room: sums over operator lists and the formats of a checkpoint. */
#include "models/network/operator.h"

#include <math.h>

struct kerf_weight_formats kerf_network_native_formats(const struct kerf_network *network)
{
    const struct kerf_decoder_dims *dims = &network->decoder;
    return (struct kerf_weight_formats){
        .experts = dims->routed_expert_format,
        .linears = dims->other_format,
        .embedding = dims->embedding_format,
    };
}

double kerf_operators_weight_bytes(const struct kerf_operator_list *list)
{
    double bytes = 0.0;
    for (int i = 0; i < list->count; i++)
        bytes += list->op[i].weight_elements * kerf_format_facts(list->op[i].weights)->bytes_per_element;
    return bytes;
}

double kerf_experts_touched(double experts, double top_k, double tokens)
{
    if (tokens <= 0.0 || experts <= 0.0)
        return 0.0;
    if (top_k >= experts)
        return experts;
    return -experts * expm1(tokens * log1p(-top_k / experts));
}

static double cached_elements(const struct kerf_operator_list *list)
{
    double elements = 0.0;
    for (int i = 0; i < list->count; i++)
        if (list->op[i].kind == KERF_OP_KV_WRITE)
            elements += list->op[i].kv_elements;
    return elements;
}

double kerf_decoder_kv_elements(const struct kerf_decoder_list *list)
{
    return list->dense_layers * cached_elements(&list->dense_layer) +
           list->moe_layers * cached_elements(&list->moe_layer);
}

double kerf_pass_tokens(const struct kerf_pass *pass)
{
    return pass->decode.tokens + pass->prefill.tokens;
}
