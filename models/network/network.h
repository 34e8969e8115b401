/* A neural network as plain dimensions, filled by sim/io from models/catalog/networks.
 *
 * This room knows nothing of devices, time or files. From the dimensions it counts parameters
 * (count.h) and lists the operators of a layer with their FLOPs and bytes (operator.h). */
#ifndef KERF_NETWORK_NETWORK_H
#define KERF_NETWORK_NETWORK_H

#include "models/network/format.h"

#include <stdbool.h>

enum { KERF_NAME_BYTES = 64 };

enum kerf_network_family {
    KERF_FAMILY_DECODER,
    KERF_FAMILY_RESNET,
    KERF_FAMILY_VIT,
    KERF_FAMILY_SWIN,
    KERF_FAMILY_RETINANET,
    KERF_FAMILY_DIT,
    KERF_FAMILY_SDXL_UNET,
    KERF_FAMILY_FLUX_MMDIT,
    KERF_FAMILY_UNET3D,
    KERF_FAMILY_COUNT
};

enum kerf_attention_type { KERF_ATTENTION_GQA, KERF_ATTENTION_MLA }; /* MHA is GQA with kv_heads = heads */

struct kerf_attention_dims {
    enum kerf_attention_type type;
    int heads;
    int kv_heads;     /* GQA */
    int head_dim;     /* GQA */
    int q_lora_rank;  /* MLA */
    int kv_lora_rank; /* MLA */
    int qk_nope_dim;  /* MLA */
    int qk_rope_dim;  /* MLA */
    int v_dim;        /* MLA */
    bool q_bias, kv_bias, o_bias, qk_norm, sinks, causal;
    int sliding_window;          /* tokens; 0 when every layer sees the whole context */
    double sliding_window_share; /* share of the layers with that window, 0 to 1 */
};

struct kerf_moe_dims {
    int experts; /* 0: no mixture of experts */
    int top_k;
    int shared;      /* experts that every token uses */
    int d_ff;        /* inner width of one routed expert */
    int d_ff_shared; /* inner width of one shared expert */
    bool bias, router_bias;
};

struct kerf_decoder_dims {
    int d_model, vocab;
    int layers_dense, layers_moe; /* dense layers come first */
    int d_ff_dense;
    bool gated_ffn; /* SwiGLU: three matrices; else two */
    bool ffn_bias, tied_embeddings, lm_head_bias, layernorm, final_norm;
    int norms_per_layer;
    int learned_positions; /* rows of a learned position table, 0 with rotary */
    int context_max;       /* tokens */
    int mtp_layers;
    struct kerf_attention_dims attention;
    struct kerf_moe_dims moe;
    /* native number formats of the published checkpoint */
    enum kerf_format routed_expert_format, embedding_format, other_format;
};

enum { KERF_VISION_STAGES = 4, KERF_VISION_LEVELS_MAX = 8 };

/* Vision and diffusion networks; a field that a family does not use is 0. */
struct kerf_vision_dims {
    int image, patch, classes;
    int d_model, layers, heads, d_ff;
    bool cls_token, learn_sigma, guidance;
    int stages[KERF_VISION_LEVELS_MAX];       /* ResNet blocks, Swin depths */
    int stage_widths[KERF_VISION_LEVELS_MAX]; /* ResNet widths */
    int stage_heads[KERF_VISION_LEVELS_MAX];  /* Swin */
    int expansion, window, embed_dim;
    int groups;                               /* ResNet: of the 3x3 layers; 0 as 1 */
    int frozen_stages;                        /* ResNet: with the stem, as they were pretrained */
    int level_widths[KERF_VISION_LEVELS_MAX]; /* U-Net 3D */
    int fpn_channels, anchors;
    int latent, latent_channels, freq_dim;
    int model_channels, channel_mult[KERF_VISION_LEVELS_MAX], channel_levels;
    int transformer_depth[KERF_VISION_LEVELS_MAX], attention_at_level[KERF_VISION_LEVELS_MAX], res_blocks;
    int context_dim, text_tokens, adm_in, head_dim;
    int double_blocks, single_blocks, in_channels, context_in, vec_in, image_tokens;
};

struct kerf_network {
    char name[KERF_NAME_BYTES];
    enum kerf_network_family family;
    struct kerf_decoder_dims decoder; /* KERF_FAMILY_DECODER */
    struct kerf_vision_dims vision;   /* every other family */
    double published_params;          /* what the vendor or paper states; 0 if nothing */
    double published_active;
    double published_macs; /* vision families: per image or pass; 0 if nothing */
};

#endif
