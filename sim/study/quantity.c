/* The study room: the table of quantities, and those of served systems. */
#include "sim/study/quantity.h"

#include "sim/study/compare.h"

#include <math.h>
#include <string.h>

static const struct kerf_case *case_of(const struct kerf_experiment *e, int system)
{
    return kerf_comparison_case(e->state, system, 0);
}

/* A field of the summary of a run. */
static double summed_up(const struct kerf_experiment *e, int system, const struct kerf_quantity *quantity)
{
    double value;
    memcpy(&value, (const char *)&case_of(e, system)->summary + quantity->offset, sizeof value);
    return value;
}

static double tokens_per_joule(const struct kerf_experiment *e, int system,
                               const struct kerf_quantity *quantity)
{
    (void)quantity;
    return 1.0 / case_of(e, system)->summary.facility_energy_per_output_token_J;
}

/* Share of an output token's time that goes to the part whose place `offset` is. */
static double share_of_token(const struct kerf_experiment *e, int system,
                             const struct kerf_quantity *quantity)
{
    const double *part_s = case_of(e, system)->summary.tpot_part_s;
    double all_s = 0.0;
    for (int part = 0; part < KERF_TIME_PARTS; part++)
        all_s += part_s[part];
    return part_s[quantity->offset] / all_s;
}

/* What data wait for: memory, the fabric of an accelerator, the network between them. */
static double movement_share(const struct kerf_experiment *e, int system,
                             const struct kerf_quantity *quantity)
{
    static const enum kerf_time_part parts[] = {KERF_TIME_MEMORY, KERF_TIME_FABRIC, KERF_TIME_INTERCONNECT};
    double share = 0.0;
    (void)quantity;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const struct kerf_quantity part = {.offset = parts[i]};
        share += share_of_token(e, system, &part);
    }
    return share;
}

static double owner_USD_per_s(const struct kerf_experiment *e, int system,
                              const struct kerf_quantity *quantity)
{
    const struct kerf_serving *serving = &case_of(e, system)->serving;
    (void)quantity;
    return (double)serving->accelerators * serving->replicas *
           (serving->on_wafers ? serving->wafer.wafer.owner_USD_per_s : serving->gpu.gpu.owner_USD_per_s);
}

static double wafers_needed(const struct kerf_experiment *e, int system, const struct kerf_quantity *quantity)
{
    const struct kerf_serving *serving = &case_of(e, system)->serving;
    (void)quantity;
    return serving->on_wafers ? serving->wafer.placement.wafers_needed : NAN;
}

static double kv_tokens(const struct kerf_experiment *e, int system, const struct kerf_quantity *quantity)
{
    const struct kerf_serving *serving = &case_of(e, system)->serving;
    (void)quantity;
    return serving->replicas * (serving->on_wafers ? serving->wafer.kv_tokens : serving->gpu.kv_tokens);
}

/* Bytes of weights that one token of one user touches, times tokens per second of that user. */
static double weight_traffic_Bps(const struct kerf_experiment *e, int system,
                                 const struct kerf_quantity *quantity)
{
    const struct kerf_case *one = case_of(e, system);
    const struct kerf_decoder_list *list =
        one->serving.on_wafers ? &one->serving.wafer.list : &one->serving.gpu.list;
    const struct kerf_pass pass = {.decode = {.tokens = 1.0, .sequences = 1.0, .attended = 1.0},
                                   .logit_tokens = 1.0,
                                   .kv = KERF_FORMAT_BF16,
                                   .activations = KERF_FORMAT_BF16};
    const struct {
        const struct kerf_operator_list *operators;
        int times;
    } stages[] = {{&list->embedding, 1},
                  {&list->dense_layer, list->dense_layers},
                  {&list->moe_layer, list->moe_layers},
                  {&list->head, 1}};
    double bytes = 0.0;
    (void)quantity;
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
        for (int k = 0; k < stages[i].operators->count; k++)
            bytes += stages[i].times * kerf_operator_work(&stages[i].operators->op[k], &pass).weight_bytes;
    return bytes * one->summary.metric[KERF_METRIC_SPEED_PER_USER];
}

static double training_mfu(const struct kerf_experiment *e, int system, const struct kerf_quantity *quantity)
{
    (void)quantity;
    return kerf_training_experiment_outcome(e, system)->step.mfu;
}

static double training_tokens_per_s(const struct kerf_experiment *e, int system,
                                    const struct kerf_quantity *quantity)
{
    const struct kerf_training_step *step = &kerf_training_experiment_outcome(e, system)->step;
    (void)quantity;
    return step->tokens / step->step_s;
}

static double training_tokens_per_J(const struct kerf_experiment *e, int system,
                                    const struct kerf_quantity *quantity)
{
    return training_tokens_per_s(e, system, quantity) /
           kerf_training_experiment_outcome(e, system)->bill.facility_W;
}

static double training_USD_per_token(const struct kerf_experiment *e, int system,
                                     const struct kerf_quantity *quantity)
{
    return kerf_training_experiment_outcome(e, system)->bill.USD_per_s /
           training_tokens_per_s(e, system, quantity);
}

static double training_flops_each(const struct kerf_experiment *e, int system,
                                  const struct kerf_quantity *quantity)
{
    (void)quantity;
    return kerf_training_experiment_outcome(e, system)->step.model_flops_gpu;
}

/* Share of a step that goes to the part whose place `offset` is. */
static double share_of_step(const struct kerf_experiment *e, int system, const struct kerf_quantity *quantity)
{
    const struct kerf_training_step *step = &kerf_training_experiment_outcome(e, system)->step;
    return step->part_s[quantity->offset] / step->step_s;
}

#define TRAINING(name, unit, meaning, value, offset)                                                         \
    {                                                                                                        \
        name, unit, meaning, &kerf_training_experiment, value, offset                                        \
    }
#define SERVING(name, unit, meaning, value, offset)                                                          \
    {                                                                                                        \
        name, unit, meaning, &kerf_serving_experiment, value, offset                                         \
    }
#define METRIC(which) offsetof(struct kerf_summary, metric) + (which) * sizeof(double)
#define AT(field) offsetof(struct kerf_summary, field)
static const struct kerf_quantity quantities[] = {
    SERVING("output_speed_per_user", "token/s", "output speed of one user after the first token, median",
            summed_up, METRIC(KERF_METRIC_SPEED_PER_USER)),
    SERVING("ttft", "s", "time to first token, median", summed_up, METRIC(KERF_METRIC_TTFT)),
    SERVING("tpot", "s", "time per output token after the first, median", summed_up,
            METRIC(KERF_METRIC_TPOT)),
    SERVING("e2e", "s", "end-to-end time of a request, reasoning included, median", summed_up,
            METRIC(KERF_METRIC_E2E)),
    SERVING("throughput", "token/s", "output tokens of all users over the span of the run", summed_up,
            METRIC(KERF_METRIC_THROUGHPUT)),
    SERVING("tokens_per_joule", "token/J",
            "output tokens per joule at the meter of the building: tokens/s per watt", tokens_per_joule, 0),
    SERVING("energy_per_output_token", "J/token", "energy of the accelerators per output token", summed_up,
            AT(energy_per_output_token_J)),
    SERVING("facility_energy_per_output_token", "J/token", "the same at the meter of the building", summed_up,
            AT(facility_energy_per_output_token_J)),
    SERVING("owner_cost_per_output_token", "USD/token", "cost of owning the accelerators per output token",
            summed_up, AT(owner_cost_USD_per_output_token)),
    SERVING("owner_cost", "USD/s", "cost of owning the accelerators", owner_USD_per_s, 0),
    SERVING("compute_share", "1", "share of an output token's time in arithmetic", share_of_token,
            KERF_TIME_COMPUTE),
    SERVING("memory_share", "1", "the same that waits for memory", share_of_token, KERF_TIME_MEMORY),
    SERVING("fabric_share", "1", "the same on the fabric inside an accelerator", share_of_token,
            KERF_TIME_FABRIC),
    SERVING("interconnect_share", "1", "the same between accelerators", share_of_token,
            KERF_TIME_INTERCONNECT),
    SERVING("software_share", "1", "the same in software", share_of_token, KERF_TIME_SOFTWARE),
    SERVING("movement_share", "1", "memory, fabric and interconnect together", movement_share, 0),
    SERVING("wafers_needed", "1", "the fewest wafers that hold weights and cache with whole layers",
            wafers_needed, 0),
    SERVING("kv_tokens", "token", "tokens of cache that fit beside the weights", kv_tokens, 0),
    SERVING("memory_used", "B", "memory of weights and the largest reservation of cache", summed_up,
            AT(memory_used_bytes)),
    SERVING("weight_traffic", "B/s", "bytes of weights that a token touches, times tokens/s of one user",
            weight_traffic_Bps, 0),
    TRAINING("mfu", "1", "model FLOPs of a training step over those of the 16-bit peak", training_mfu, 0),
    TRAINING("training_tokens_per_s", "token/s", "tokens that all accelerators train on per second",
             training_tokens_per_s, 0),
    TRAINING("training_flops_each", "FLOP/s", "model FLOP/s of one accelerator", training_flops_each, 0),
    TRAINING("training_tokens_per_joule", "token/J",
             "tokens trained on per joule at the meter of the building", training_tokens_per_J, 0),
    TRAINING("training_cost_per_token", "USD/token", "cost of owning the accelerators per token trained on",
             training_USD_per_token, 0),
    TRAINING("stream_share", "1", "share of a step in which a wafer waits for weights", share_of_step,
             KERF_STEP_STREAM),
};
#undef SERVING
#undef TRAINING
#undef METRIC
#undef AT
enum { QUANTITIES = sizeof quantities / sizeof quantities[0] };

const struct kerf_quantity *kerf_quantity_find(const char *name)
{
    for (int i = 0; i < QUANTITIES; i++)
        if (strcmp(quantities[i].name, name) == 0)
            return &quantities[i];
    return NULL;
}

void kerf_quantity_names(const char *names[KERF_QUANTITIES_MAX + 1])
{
    for (int i = 0; i < QUANTITIES; i++)
        names[i] = quantities[i].name;
    names[QUANTITIES] = NULL;
}

void kerf_quantities_print(FILE *out)
{
    for (int i = 0; i < QUANTITIES; i++)
        fprintf(out, "%-34s %-10s %-9s %s\n", quantities[i].name, quantities[i].unit,
                quantities[i].kind->name, quantities[i].meaning);
}
