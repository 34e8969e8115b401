/* The study room: predicts measurements on a block of PEs. Knows what WaferLLM's kernels ran. */
#include "sim/study/kernel_block.h"

/* One token, or `tokens` of a prompt, through all layers on one block of PEs: how WaferLLM (OSDI'25) reports
 * its kernels. */
static double block_pass_s(const struct kerf_wafer_params *wafer, const struct kerf_decoder_list *list,
                           double pes, const struct kerf_pass *pass, double d_model)
{
    struct kerf_slice block = {.pe_rows = pes, .pe_columns = pes};
    double tokens = kerf_pass_tokens(pass);
    struct kerf_cost dense =
        kerf_device_list_cost(&kerf_wafer_device, wafer, &list->dense_layer, pass, &block);
    struct kerf_cost moe = kerf_device_list_cost(&kerf_wafer_device, wafer, &list->moe_layer, pass, &block);
    struct kerf_cost next = kerf_wafer_handover_cost(wafer, &block, tokens, d_model);
    return list->dense_layers * (dense.latency_s + next.latency_s) +
           list->moe_layers * (moe.latency_s + next.latency_s);
}

static double block_decode_s(const struct kerf_wafer_params *wafer, const struct kerf_decoder_list *list,
                             double pes, double context, double d_model)
{
    struct kerf_pass pass = {
        .decode = {.tokens = 1.0, .sequences = 1.0, .attended = context, .context_tokens = context},
        .kv = KERF_FORMAT_FP16,
        .activations = KERF_FORMAT_FP16};
    return block_pass_s(wafer, list, pes, &pass, d_model);
}

static double block_prefill_s(const struct kerf_wafer_params *wafer, const struct kerf_decoder_list *list,
                              double pes, double prompt, double d_model)
{
    struct kerf_pass pass = {.prefill = {.tokens = prompt,
                                         .sequences = 1.0,
                                         .attended = prompt * (prompt + 1.0) / 2.0,
                                         .context_tokens = prompt},
                             .kv = KERF_FORMAT_FP16,
                             .activations = KERF_FORMAT_FP16};
    return block_pass_s(wafer, list, pes, &pass, d_model);
}

static double block_answer(const struct kerf_measurement *m, const struct kerf_wafer_params *wafer,
                           const struct kerf_decoder_list *list, double d_model)
{
    double prompt = m->spec.workload.prompt_tokens, output = m->spec.workload.answer_tokens;
    double prefill_s = block_prefill_s(wafer, list, m->block.prefill_pes, prompt, d_model);
    if (m->kind == KERF_MEASURED_PREFILL_SPEED)
        return prompt / prefill_s;
    if (m->kind == KERF_MEASURED_USER_SPEED)
        return 1.0 / block_decode_s(wafer, list, m->block.decode_pes, prompt, d_model);
    double middle = prompt + output / 2.0;
    return output / (prefill_s + output * block_decode_s(wafer, list, m->block.decode_pes, middle, d_model));
}

enum kerf_status kerf_kernel_block_predict(struct kerf_catalog *catalog, const struct kerf_scenario *scenario,
                                           const struct kerf_measurement *m, struct kerf_error *error)
{
    struct kerf_network network;
    struct kerf_system system;
    struct kerf_error why;
    if (kerf_system_network(catalog, m->network, &network, &why) != KERF_OK ||
        kerf_system_open(catalog, scenario, &m->spec, &network, &system, &why) != KERF_OK) {
        kerf_prediction_refuse(m->answer, "%s", why.message);
        return KERF_OK;
    }
    KERF_CHECK(system.on_wafers, KERF_ERR_USAGE, "%s: %s is no wafer, but its notes name a block of cores",
               m->answer->id, m->hardware);
    const struct kerf_weight_formats formats = {KERF_FORMAT_FP16, KERF_FORMAT_FP16, KERF_FORMAT_FP16};
    struct kerf_decoder_list list;
    kerf_decoder_operators(&network, &formats, &list);
    for (int column = 0; column < KERF_COLUMN_COUNT; column++) {
        struct kerf_wafer_params wafer;
        kerf_leaf_set_fill(&system.hardware, (enum kerf_column)column, &wafer);
        double side = fmax(m->block.prefill_pes, m->block.decode_pes);
        if (side > fmin(wafer.pe_rows, wafer.pe_columns)) {
            kerf_prediction_refuse(m->answer,
                                   "a block of %.0f x %.0f PEs is larger than a %s wafer, %.0f x %.0f", side,
                                   side, m->hardware, wafer.pe_rows, wafer.pe_columns);
            return KERF_OK;
        }
        m->answer->predicted[column] = block_answer(m, &wafer, &list, network.decoder.d_model);
    }
    return KERF_OK;
}
