/* The training room: which layouts of a job are legal, and where their groups lie. Knows no times. */
#include "models/training/layout.h"

#include <math.h>

const char *const kerf_sharding_names[] = {"none", "zero-1", "zero-2", "zero-3"};
const char *const kerf_training_group_names[] = {"tensor",   "context", "data",
                                                 "pipeline", "expert",  "expert-data"};

/* One rule: `whole` must be a multiple of `part`. */
struct rule {
    const char *whole_name, *part_name;
    double whole, part;
};

static enum kerf_status check_rules(const struct rule *rules, int count, struct kerf_error *error)
{
    for (int i = 0; i < count; i++)
        KERF_CHECK(fmod(rules[i].whole, rules[i].part) == 0.0, KERF_ERR_USAGE,
                   "%s (%g) cannot be divided by %s (%g)", rules[i].whole_name, rules[i].whole,
                   rules[i].part_name, rules[i].part);
    return KERF_OK;
}

static enum kerf_status check_sizes(const struct kerf_training_layout *layout, struct kerf_error *error)
{
    const struct {
        const char *name;
        int value;
    } sizes[] = {{"gpus", layout->gpus},
                 {"tensor", layout->tensor},
                 {"pipeline", layout->pipeline},
                 {"virtual_stages", layout->virtual_stages},
                 {"context", layout->context},
                 {"expert", layout->expert},
                 {"expert_tensor", layout->expert_tensor},
                 {"micro_batch", layout->micro_batch},
                 {"global_batch", layout->global_batch}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        KERF_CHECK(sizes[i].value >= 1, KERF_ERR_USAGE, "%s must be at least 1 (got %d)", sizes[i].name,
                   sizes[i].value);
    KERF_CHECK(layout->virtual_stages == 1 || layout->pipeline > 1, KERF_ERR_USAGE,
               "virtual_stages (%d) want a pipeline of at least 2 stages", layout->virtual_stages);
    return KERF_OK;
}

static enum kerf_status check_experts(const struct kerf_training_layout *layout,
                                      const struct kerf_moe_dims *moe, struct kerf_error *error)
{
    KERF_CHECK(moe->experts > 0 || layout->expert == 1, KERF_ERR_USAGE,
               "expert (%d) must be 1 for a network without experts", layout->expert);
    if (moe->experts == 0)
        return KERF_OK;
    const struct rule rules[] = {
        {"the number of experts", "expert", moe->experts, layout->expert},
        {"the inner width of an expert", "expert_tensor", moe->d_ff, layout->expert_tensor},
        {"tensor x context x data", "expert x expert_tensor",
         (double)layout->tensor * layout->context * layout->data,
         (double)layout->expert * layout->expert_tensor}};
    return check_rules(rules, sizeof rules / sizeof rules[0], error);
}

enum kerf_status kerf_training_layout_check(struct kerf_training_layout *layout,
                                            const struct kerf_network *network, double sequence,
                                            struct kerf_error *error)
{
    const struct kerf_decoder_dims *dims = &network->decoder;
    int layers = dims->layers_dense + dims->layers_moe;
    KERF_TRY(check_sizes(layout, error));
    double replica = (double)layout->tensor * layout->pipeline * layout->context;
    KERF_CHECK(fmod(layout->gpus, replica) == 0.0, KERF_ERR_USAGE,
               "gpus (%d) cannot be divided by tensor x pipeline x context (%g)", layout->gpus, replica);
    int data = (int)(layout->gpus / replica);
    KERF_CHECK(layout->data == 0 || layout->data == data, KERF_ERR_USAGE,
               "data is %d, but tensor x pipeline x context leave %d of %d GPUs", layout->data, data,
               layout->gpus);
    layout->data = data;
    KERF_CHECK(layout->pipeline * layout->virtual_stages <= layers, KERF_ERR_USAGE,
               "pipeline x virtual_stages (%d) is deeper than the network's %d layers",
               layout->pipeline * layout->virtual_stages, layers);
    /* Latent attention has one KV head for all ranks; a rank with less than a KV head holds a copy. */
    const struct rule rules[] = {
        {"the number of heads", "tensor", dims->attention.heads, layout->tensor},
        {"global_batch", "data x micro_batch", layout->global_batch, (double)data * layout->micro_batch},
        {"the sequence", "2 x context (a ring's halves)", sequence,
         layout->context > 1 ? 2.0 * layout->context : 1.0},
        {"d_model", "tensor", dims->d_model, layout->tensor}};
    KERF_TRY(check_rules(rules, sizeof rules / sizeof rules[0], error));
    return check_experts(layout, &dims->moe, error);
}

int kerf_training_micro_batches(const struct kerf_training_layout *layout)
{
    return layout->global_batch / (layout->data * layout->micro_batch);
}

/* Members of a group of `ranks`, `stride` apart, in a domain of `domain`; whole numbers that divide it. */
static struct kerf_group_place place(double ranks, double stride, double domain)
{
    double local = fmax(1.0, fmin(ranks, floor(domain / stride)));
    while (fmod(ranks, local) != 0.0)
        local -= 1.0;
    return (struct kerf_group_place){ranks, local};
}

struct kerf_group_place kerf_training_place(const struct kerf_training_layout *layout,
                                            enum kerf_training_group group, double domain)
{
    double tensor = layout->tensor, context = layout->context, data = layout->data;
    double experts = (double)layout->expert * layout->expert_tensor;
    /* A domain may be larger than what a job has of it. */
    double room = fmin(domain, layout->gpus);
    switch (group) {
    case KERF_GROUP_TENSOR:
        return place(tensor, 1.0, room);
    case KERF_GROUP_CONTEXT:
        return place(context, tensor, room);
    case KERF_GROUP_DATA:
        return place(context * data, tensor, room);
    case KERF_GROUP_PIPELINE:
        return place(layout->pipeline, tensor * context * data, room);
    case KERF_GROUP_EXPERT:
        return place(layout->expert, layout->expert_tensor, room);
    case KERF_GROUP_EXPERT_DATA:
        return place(tensor * context * data / experts, experts, room);
    case KERF_GROUP_COUNT:
        break;
    }
    return (struct kerf_group_place){1.0, 1.0};
}
