/* The io room: dimensions of vision and diffusion networks of the catalog. Knows keys, ranges and what must
 * hold between them; no formulas. */
#include "sim/io/catalog_network_fields.h"

static const struct kerf_field resnet_fields[] = {
    INTEGER(REQUIRED, "image", vision.image, 1, WIDTH_MOST),
    LIST(REQUIRED, "blocks", vision.stages, 1, COUNT_MOST),
    LIST(REQUIRED, "widths", vision.stage_widths, 1, COUNT_MOST),
    INTEGER(REQUIRED, "expansion", vision.expansion, 1, WIDTH_MOST),
    INTEGER(OPTIONAL, "groups", vision.groups, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "classes", vision.classes, 1, WIDTH_MOST),
    FIELDS_END,
};

static const struct kerf_field retinanet_fields[] = {
    INTEGER(REQUIRED, "image", vision.image, 1, WIDTH_MOST),
    LIST(REQUIRED, "blocks", vision.stages, 1, COUNT_MOST),
    LIST(REQUIRED, "widths", vision.stage_widths, 1, COUNT_MOST),
    INTEGER(REQUIRED, "expansion", vision.expansion, 1, WIDTH_MOST),
    INTEGER(OPTIONAL, "groups", vision.groups, 1, WIDTH_MOST),
    INTEGER(OPTIONAL, "frozen_stages", vision.frozen_stages, 0, KERF_VISION_STAGES),
    INTEGER(REQUIRED, "fpn_channels", vision.fpn_channels, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "anchors", vision.anchors, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "classes", vision.classes, 1, WIDTH_MOST),
    FIELDS_END,
};

static const struct kerf_field vit_fields[] = {
    INTEGER(REQUIRED, "image", vision.image, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "patch", vision.patch, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "d_model", vision.d_model, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "layers", vision.layers, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "heads", vision.heads, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "d_ff", vision.d_ff, 1, WIDTH_MOST),
    BOOLEAN(REQUIRED, "cls_token", vision.cls_token),
    INTEGER(REQUIRED, "classes", vision.classes, 1, WIDTH_MOST),
    FIELDS_END,
};

static const struct kerf_field swin_fields[] = {
    INTEGER(REQUIRED, "image", vision.image, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "patch", vision.patch, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "embed_dim", vision.embed_dim, 1, WIDTH_MOST),
    LIST(REQUIRED, "depths", vision.stages, 1, COUNT_MOST),
    LIST(REQUIRED, "heads", vision.stage_heads, 1, COUNT_MOST),
    INTEGER(REQUIRED, "window", vision.window, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "classes", vision.classes, 1, WIDTH_MOST),
    FIELDS_END,
};

static const struct kerf_field unet3d_fields[] = {
    INTEGER(REQUIRED, "image", vision.image, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "in_channels", vision.in_channels, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "levels", vision.channel_levels, 2, KERF_VISION_LEVELS_MAX),
    LIST(REQUIRED, "level_widths", vision.level_widths, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "classes", vision.classes, 1, WIDTH_MOST),
    FIELDS_END,
};

static const struct kerf_field dit_fields[] = {
    INTEGER(OPTIONAL, "latent", vision.latent, 1, WIDTH_MOST),
    INTEGER(OPTIONAL, "image_tokens", vision.image_tokens, 1, WIDTH_MOST),
    INTEGER(OPTIONAL, "text_tokens", vision.text_tokens, 1, WIDTH_MOST),
    INTEGER(OPTIONAL, "context_in", vision.context_in, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "latent_channels", vision.latent_channels, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "patch", vision.patch, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "d_model", vision.d_model, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "layers", vision.layers, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "heads", vision.heads, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "d_ff", vision.d_ff, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "freq_dim", vision.freq_dim, 1, WIDTH_MOST),
    INTEGER(OPTIONAL, "classes", vision.classes, 1, WIDTH_MOST),
    BOOLEAN(REQUIRED, "learn_sigma", vision.learn_sigma),
    FIELDS_END,
};

static const struct kerf_field sdxl_unet_fields[] = {
    INTEGER(REQUIRED, "latent", vision.latent, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "latent_channels", vision.latent_channels, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "model_channels", vision.model_channels, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "levels", vision.channel_levels, 1, KERF_VISION_STAGES),
    LIST(REQUIRED, "channel_mult", vision.channel_mult, 1, COUNT_MOST),
    INTEGER(REQUIRED, "res_blocks", vision.res_blocks, 1, 100),
    LIST(REQUIRED, "transformer_depth", vision.transformer_depth, 1, COUNT_MOST),
    LIST(REQUIRED, "attention_at_level", vision.attention_at_level, 0, 1),
    INTEGER(REQUIRED, "context_dim", vision.context_dim, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "text_tokens", vision.text_tokens, 1, WIDTH_MOST),
    INTEGER(OPTIONAL, "adm_in", vision.adm_in, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "head_dim", vision.head_dim, 1, WIDTH_MOST),
    FIELDS_END,
};

static const struct kerf_field flux_mmdit_fields[] = {
    INTEGER(REQUIRED, "d_model", vision.d_model, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "heads", vision.heads, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "d_ff", vision.d_ff, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "double_blocks", vision.double_blocks, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "single_blocks", vision.single_blocks, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "in_channels", vision.in_channels, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "context_in", vision.context_in, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "vec_in", vision.vec_in, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "freq_dim", vision.freq_dim, 1, WIDTH_MOST),
    BOOLEAN(REQUIRED, "guidance", vision.guidance),
    INTEGER(REQUIRED, "image_tokens", vision.image_tokens, 1, WIDTH_MOST),
    INTEGER(REQUIRED, "text_tokens", vision.text_tokens, 1, WIDTH_MOST),
    FIELDS_END,
};

/* Refuses dimension `key` unless `whole` is a multiple of `part`. */
static enum kerf_status check_multiple(const struct kerf_field_reader *reader, kerf_yaml_node *dims_node,
                                       const char *key, int whole, int part)
{
    if (whole % part == 0)
        return KERF_OK;
    return kerf_yaml_refuse(reader->yaml, kerf_yaml_get(dims_node, key), reader->error,
                            "dims.%s: %d is not a multiple of %d", key, whole, part);
}

static enum kerf_status check_list_length(const struct kerf_field_reader *reader, kerf_yaml_node *dims_node,
                                          const char *key, int wanted)
{
    kerf_yaml_node *list = kerf_yaml_get(dims_node, key);
    if (!list || kerf_yaml_count(list) == wanted)
        return KERF_OK;
    return kerf_yaml_refuse(reader->yaml, list, reader->error, "dims.%s: %d numbers are wanted (got %d)", key,
                            wanted, kerf_yaml_count(list));
}

static enum kerf_status check_lists(const struct kerf_field_reader *reader, kerf_yaml_node *dims_node,
                                    int wanted)
{
    static const char *const keys[] = {
        "blocks", "widths", "depths", "channel_mult", "transformer_depth", "attention_at_level"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        KERF_TRY(check_list_length(reader, dims_node, keys[i], wanted));
    return KERF_OK;
}

static enum kerf_status check_resnet(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                     const struct kerf_vision_dims *dims)
{
    int groups = dims->groups > 0 ? dims->groups : 1;
    KERF_TRY(check_lists(reader, node, KERF_VISION_STAGES));
    for (int stage = 0; stage < KERF_VISION_STAGES; stage++)
        KERF_TRY(check_multiple(reader, node, "groups", dims->stage_widths[stage], groups));
    return KERF_OK;
}

static enum kerf_status check_vit(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                  const struct kerf_vision_dims *dims)
{
    KERF_TRY(check_multiple(reader, node, "image", dims->image, dims->patch));
    return check_multiple(reader, node, "d_model", dims->d_model, dims->heads);
}

/* Three mergings halve the edge in patches; at each stage it must be whole windows. */
static enum kerf_status check_swin(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                   const struct kerf_vision_dims *dims)
{
    KERF_TRY(check_lists(reader, node, KERF_VISION_STAGES));
    KERF_TRY(check_list_length(reader, node, "heads", KERF_VISION_STAGES));
    KERF_TRY(check_multiple(reader, node, "image", dims->image, dims->patch));
    int smallest = 1 << (KERF_VISION_STAGES - 1);
    KERF_TRY(check_multiple(reader, node, "image", dims->image / dims->patch, smallest));
    KERF_TRY(check_multiple(reader, node, "window", dims->image / dims->patch / smallest, dims->window));
    for (int stage = 0; stage < KERF_VISION_STAGES; stage++)
        KERF_TRY(
            check_multiple(reader, node, "embed_dim", dims->embed_dim << stage, dims->stage_heads[stage]));
    return KERF_OK;
}

static enum kerf_status check_dit(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                  const struct kerf_vision_dims *dims)
{
    bool by_text = dims->text_tokens > 0, whole = dims->context_in > 0 && dims->image_tokens > 0;
    if (by_text ? !whole || dims->classes > 0 || dims->latent > 0 : dims->classes == 0 || dims->latent == 0)
        return kerf_yaml_refuse(reader->yaml, node, reader->error,
                                "dims: either latent and classes are wanted, or image_tokens, text_tokens "
                                "and context_in");
    KERF_TRY(check_multiple(reader, node, "latent", dims->latent, dims->patch));
    return check_multiple(reader, node, "d_model", dims->d_model, dims->heads);
}

static enum kerf_status check_unet3d(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                     const struct kerf_vision_dims *dims)
{
    KERF_TRY(check_list_length(reader, node, "level_widths", dims->channel_levels));
    return check_multiple(reader, node, "image", dims->image, 1 << (dims->channel_levels - 1));
}

static enum kerf_status check_sdxl_unet(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                        const struct kerf_vision_dims *dims)
{
    KERF_TRY(check_lists(reader, node, dims->channel_levels));
    KERF_TRY(check_multiple(reader, node, "model_channels", dims->model_channels, dims->head_dim));
    return check_multiple(reader, node, "latent", dims->latent, 1 << (dims->channel_levels - 1));
}

static enum kerf_status check_flux_mmdit(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                         const struct kerf_vision_dims *dims)
{
    return check_multiple(reader, node, "d_model", dims->d_model, dims->heads);
}

/* Each vision family: its keys and what must hold between them. */
static const struct vision_family {
    const struct kerf_field *fields;
    enum kerf_status (*check)(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                              const struct kerf_vision_dims *dims);
} vision_families[KERF_FAMILY_COUNT] = {
    [KERF_FAMILY_RESNET] = {resnet_fields, check_resnet},
    [KERF_FAMILY_VIT] = {vit_fields, check_vit},
    [KERF_FAMILY_SWIN] = {swin_fields, check_swin},
    [KERF_FAMILY_RETINANET] = {retinanet_fields, check_resnet},
    [KERF_FAMILY_DIT] = {dit_fields, check_dit},
    [KERF_FAMILY_SDXL_UNET] = {sdxl_unet_fields, check_sdxl_unet},
    [KERF_FAMILY_FLUX_MMDIT] = {flux_mmdit_fields, check_flux_mmdit},
    [KERF_FAMILY_UNET3D] = {unet3d_fields, check_unet3d},
};

enum kerf_status kerf_network_read_vision(const struct kerf_field_reader *reader, kerf_yaml_node *node,
                                          struct kerf_network *network)
{
    const struct vision_family *family = &vision_families[network->family];
    KERF_TRY(kerf_fields_read(reader, node, "dims", family->fields, network));
    return family->check(reader, node, &network->vision);
}
