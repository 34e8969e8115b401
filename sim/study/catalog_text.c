/* The study room: catalog entries as text. */
#include "sim/study/catalog_text.h"

#include "models/fabric/collective_library.h"
#include "models/network/count.h"
#include "models/network/operator.h"
#include "models/thermal/cooling.h"
#include "models/training/params.h"
#include "models/training/weight_streaming.h"
#include "sim/io/catalog_network.h"
#include "sim/study/statement.h"
#include "sim/study/system.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void print_leaves(FILE *out, const struct kerf_leaf_set *set)
{
    fprintf(out, "%s: %s (%s)\n", set->name, set->title, set->table->kind);
    for (int i = 0; i < set->table->count; i++) {
        const struct kerf_leaf *spec = &set->table->leaves[i];
        const struct kerf_leaf_value *leaf = &set->leaf[i];
        if (!leaf->given)
            continue;
        fprintf(out, "  %-34s %12.5g %-8s", spec->key, leaf->value,
                strcmp(spec->unit, "1") ? spec->unit : "");
        if (leaf->ranged)
            fprintf(out, " [%.5g .. %.5g]", leaf->low, leaf->high);
        fprintf(out, "  %s; %s; %s\n", spec->meaning, leaf->source[0] ? leaf->source : "no source",
                leaf->confidence);
    }
}

enum kerf_status kerf_leaves_print(FILE *out, const struct kerf_yaml *yaml, struct kerf_error *error)
{
    const struct kerf_leaf_table *tables[9];
    char kind[32];
    tables[0] = kerf_gpu_device.leaves;
    tables[1] = kerf_wafer_device.leaves;
    tables[2] = &kerf_link_leaves;
    tables[3] = &kerf_drafter_leaves;
    tables[4] = &kerf_engine_software_leaves;
    tables[5] = &kerf_collective_leaves;
    tables[6] = &kerf_training_leaves;
    tables[7] = &kerf_streaming_leaves;
    tables[8] = &kerf_cooling_leaves;
    KERF_TRY(
        kerf_yaml_text(yaml, kerf_yaml_get(kerf_yaml_root(yaml), "kind"), "kind", kind, sizeof kind, error));
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct kerf_leaf_set set;
        if (strcmp(tables[i]->kind, kind) != 0)
            continue;
        KERF_TRY(kerf_leaf_set_read(yaml, tables[i], &set, error));
        if (out)
            print_leaves(out, &set);
        return KERF_OK;
    }
    return kerf_yaml_refuse(yaml, kerf_yaml_root(yaml), error, "kind: '%s' has no leaves", kind);
}

/* Work of one operator per new token: one decode token, and the mean token of a prompt of the same length. */
static void print_operator(FILE *out, const struct kerf_operator *op, double context)
{
    const struct kerf_pass decode = {
        .decode = {.tokens = 1.0, .sequences = 1.0, .attended = context, .context_tokens = context},
        .logit_tokens = 1.0,
        .kv = KERF_FORMAT_BF16,
        .activations = KERF_FORMAT_BF16};
    const struct kerf_pass prefill = {.prefill = {.tokens = context,
                                                  .sequences = 1.0,
                                                  .attended = context * (context + 1.0) / 2.0,
                                                  .context_tokens = context},
                                      .logit_tokens = 1.0,
                                      .kv = KERF_FORMAT_BF16,
                                      .activations = KERF_FORMAT_BF16};
    struct kerf_work one = kerf_operator_work(op, &decode), many = kerf_operator_work(op, &prefill);
    fprintf(out, "    %-24s %-10s %12.4g %14.4g %14.4g %14.4g %14.4g\n", op->name,
            kerf_format_facts(op->weights)->name, op->weight_elements, one.flops, many.flops / context,
            one.weight_bytes, one.kv_read_bytes + one.kv_write_bytes);
}

static void print_list(FILE *out, const char *name, int repeats, const struct kerf_operator_list *list,
                       double context)
{
    if (repeats == 0)
        return;
    fprintf(out, "  %d x %s\n", repeats, name);
    for (int i = 0; i < list->count; i++)
        print_operator(out, &list->op[i], context);
}

static void print_operators(FILE *out, const struct kerf_network *network,
                            const struct kerf_weight_formats *formats)
{
    static const double context = 10000.0;
    struct kerf_decoder_list list;
    kerf_decoder_operators(network, formats, &list);
    fprintf(out,
            "\n  per new token at a context of %.0f tokens, bf16 cache:\n    %-24s %-10s %12s %14s %14s %14s "
            "%14s\n",
            context, "operator", "weights", "parameters", "decode FLOP", "prefill FLOP", "weight B read",
            "KV B moved");
    print_list(out, "embedding", 1, &list.embedding, context);
    print_list(out, "dense layer", list.dense_layers, &list.dense_layer, context);
    print_list(out, "mixture-of-experts layer", list.moe_layers, &list.moe_layer, context);
    print_list(out, "head", 1, &list.head, context);
}

static void print_network(FILE *out, const struct kerf_network *network)
{
    struct kerf_network_count count = kerf_network_count(network);
    fprintf(out, "%s: %.4g parameters counted from its dimensions", network->name, count.params);
    if (network->published_params > 0.0)
        fprintf(out, ", %.4g published (%+.2f %%)", network->published_params,
                100.0 * (count.params / network->published_params - 1.0));
    fprintf(out, "\n");
    if (network->family != KERF_FAMILY_DECODER) {
        fprintf(out, "  %.4g multiply-accumulates forward\n", count.forward_macs);
        return;
    }
    struct kerf_weight_formats formats = kerf_network_native_formats(network);
    fprintf(out,
            "  %.4g active per token, %.0f KV elements per token\n  native formats: experts %s, projections "
            "%s, embedding "
            "and head %s\n",
            count.active_params, count.kv_elements_per_token, kerf_format_facts(formats.experts)->name,
            kerf_format_facts(formats.linears)->name, kerf_format_facts(formats.embedding)->name);
    print_operators(out, network, &formats);
}

enum kerf_status kerf_network_print(FILE *out, const struct kerf_yaml *yaml, struct kerf_error *error)
{
    struct kerf_network network;
    KERF_TRY(kerf_network_read(yaml, &network, error));
    if (out)
        print_network(out, &network);
    return KERF_OK;
}

static enum kerf_status print_statement(FILE *out, const struct kerf_yaml *yaml, struct kerf_error *error)
{
    struct kerf_statement *statement = malloc(sizeof *statement);
    KERF_CHECK(statement, KERF_ERR_FAILURE, "out of memory for a claim");
    enum kerf_status status = kerf_statement_read(yaml, statement, error);
    if (status == KERF_OK && out) {
        const char *const texts[] = {statement->statement, statement->conditions, statement->source,
                                     statement->untested};
        fprintf(out, "%s: %s (%s)\n", statement->id, statement->title, statement->date);
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
            if (texts[i][0])
                fprintf(out, "  %s\n", texts[i]);
        fprintf(out, "`kerf claims %s` puts it to the test\n", statement->id);
    }
    free(statement);
    return status;
}

enum kerf_status kerf_claim_print(FILE *out, const struct kerf_yaml *yaml, struct kerf_error *error)
{
    struct kerf_claim claim;
    if (kerf_statement_is(yaml))
        return print_statement(out, yaml, error);
    KERF_TRY(kerf_claim_read(yaml, &claim, error));
    if (!out)
        return KERF_OK;
    fprintf(out, "%s: %s\n  %s\n", claim.name, claim.title, claim.source);
    for (int metric = 0; metric < KERF_METRIC_COUNT; metric++)
        if (!isnan(claim.figure[metric]))
            fprintf(out, "  %-24s %g\n", kerf_metric_names[metric], claim.figure[metric]);
    return KERF_OK;
}
