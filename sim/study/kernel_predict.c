/* The study room: predictions for rows of measured tables. Knows what the benchmarks behind the tables ran;
 * the formulas are in models/device. */
#include "sim/study/kernel_predict.h"

#include "models/device/gpu_attention.h"
#include "models/device/gpu_experts.h"
#include "models/device/gpu_gemm.h"

#include <math.h>

/* DeepSeek-V3 (arXiv 2412.19437, section 4.2), whose MLA module the tables have. */
enum { D_MODEL = 7168, QUERY_LATENT = 1536, KV_LATENT = 512, ROTARY = 64, PLAIN = 128, VALUE = 128 };

/* When TensorRT-LLM takes the kernel on tensor units (cpp/tensorrt_llm/kernels: decoderXQAConstants.h,
 * mayHavePerfGain in decoderXQAImplJIT.cpp): blocks of 128 tokens fill a quarter of the SMs. */
static const double history_per_block = 128.0, least_share_of_sms = 0.25;
enum { QUERIES_MOST = 32 };

static double gemm_s(const struct kerf_gpu_params *gpu, struct kerf_gemm_kernel kernel,
                     const struct kerf_gemm *gemm)
{
    struct kerf_gemm_time time = kerf_gpu_gemm_time(gpu, &kernel, gemm);
    return kerf_gemm_total_s(&time);
}

static double predict_gemm_s(const struct kerf_gpu_params *gpu, const struct kerf_kernel_row *row)
{
    struct kerf_gemm_kernel kernel = kerf_gpu_gemm_kernel(gpu, row->format);
    const struct kerf_gemm gemm = {.m = row->dimension[KERF_GEMM_M],
                                   .n = row->dimension[KERF_GEMM_N],
                                   .k = row->dimension[KERF_GEMM_K],
                                   .batch = 1.0,
                                   .weights = row->format,
                                   .activations = KERF_FORMAT_BF16};
    bool per_tensor = row->format == KERF_FORMAT_FP8 || row->format == KERF_FORMAT_INT8;
    if (per_tensor && gpu->gemm_floor_fp8_unfused_s > 0.0) /* tables have what engines fuse */
        kernel.floor_s = gpu->gemm_floor_fp8_unfused_s;
    return kernel.peak_flops > 0.0 ? gemm_s(gpu, kernel, &gemm) : 0.0;
}

static double predict_experts_s(const struct kerf_gpu_params *gpu, const struct kerf_kernel_row *row)
{
    const struct kerf_expert_shape shape = {.d_model = row->dimension[KERF_MOE_MODEL],
                                            .d_ff =
                                                row->dimension[KERF_MOE_INNER] / row->dimension[KERF_MOE_CUT],
                                            .matrices = 3.0, /* gate, up, down */
                                            .weights = row->format,
                                            .activations = KERF_FORMAT_BF16};
    struct kerf_experts_time time = kerf_gpu_is_native(gpu, row->format)
                                        ? kerf_gpu_experts_time(gpu, &shape, &row->load)
                                        : kerf_gpu_unpacked_experts_time(gpu, &shape, &row->load);
    return time.software_s + time.compute_s + time.memory_s;
}

/* Whether TensorRT-LLM runs the row by query heads. Parts with fp4 (Blackwell) have kernels on tensor units
 * for all shapes of up to 32 queries per KV head; before them they are taken where there is enough to read,
 * and for narrow caches always. */
static bool runs_by_head(const struct kerf_gpu_params *gpu, const struct kerf_kernel_row *row)
{
    const double *d = row->dimension;
    double queries = d[KERF_ATTENTION_HEADS] / d[KERF_ATTENTION_KV_HEADS];
    double blocks = d[KERF_ATTENTION_KV_HEADS] * d[KERF_ATTENTION_BATCH] *
                    fmax(1.0, floor(d[KERF_ATTENTION_CONTEXT] / history_per_block));
    if (queries > QUERIES_MOST || gpu->peak_fp4_flops > 0.0)
        return queries > QUERIES_MOST;
    bool narrow = d[KERF_ATTENTION_CACHE_BYTES] < 2.0;
    return queries <= 1.0 || (!narrow && blocks < least_share_of_sms * gpu->sms);
}

static double predict_attention_s(const struct kerf_gpu_params *gpu, const struct kerf_kernel_row *row)
{
    const double *d = row->dimension;
    const struct kerf_decode_attention work = {.sequences = d[KERF_ATTENTION_BATCH],
                                               .kv_heads = d[KERF_ATTENTION_KV_HEADS],
                                               .queries =
                                                   d[KERF_ATTENTION_HEADS] / d[KERF_ATTENTION_KV_HEADS],
                                               .score_dim = d[KERF_ATTENTION_HEAD_DIM],
                                               .value_dim = d[KERF_ATTENTION_HEAD_DIM],
                                               .cached_elements = 2.0 * d[KERF_ATTENTION_HEAD_DIM],
                                               .context_tokens = d[KERF_ATTENTION_CONTEXT],
                                               .cache = row->cache,
                                               .warm = true};
    bool by_head = runs_by_head(gpu, row) && gpu->attention_head_token_s > 0.0;
    struct kerf_attention_time time =
        by_head ? kerf_gpu_per_head_attention(gpu, &work) : kerf_gpu_decode_attention(gpu, &work);
    return kerf_attention_total_s(&time);
}

/* One projection of MLA. */
static double projection_s(const struct kerf_gpu_params *gpu, enum kerf_format weights, double m, double n,
                           double k, double batch)
{
    const struct kerf_gemm gemm = {
        .m = m, .n = n, .k = k, .batch = batch, .weights = weights, .activations = KERF_FORMAT_BF16};
    return gemm_s(gpu, kerf_gpu_gemm_kernel(gpu, weights), &gemm);
}

/* What both modules of MLA have around attention: into the latents, their norm, up to the queries, and out.
 * The leaves are those of the GEMM; nothing here is fitted. */
static double around_mla_s(const struct kerf_gpu_params *gpu, const struct kerf_kernel_row *row,
                           double tokens)
{
    double heads = row->dimension[KERF_ATTENTION_HEADS];
    double norm_bytes = tokens * (QUERY_LATENT + KV_LATENT) * 2.0 * 2.0; /* 16 bit, read and written */
    return projection_s(gpu, row->format, tokens, QUERY_LATENT + KV_LATENT + ROTARY, D_MODEL, 1.0) +
           projection_s(gpu, row->format, tokens, heads * (PLAIN + ROTARY), QUERY_LATENT, 1.0) +
           projection_s(gpu, row->format, tokens, D_MODEL, heads * VALUE, 1.0) + gpu->graph_gap_s +
           gpu->elementwise_floor_s + norm_bytes / (gpu->hbm_Bps * gpu->achieved_hbm);
}

/* The two matrices per head that absorb the unfolding stay in 16 bit. */
static double predict_mla_decode_s(const struct kerf_gpu_params *gpu, const struct kerf_kernel_row *row)
{
    const double *d = row->dimension;
    double tokens = d[KERF_ATTENTION_BATCH], heads = d[KERF_ATTENTION_HEADS];
    const struct kerf_decode_attention work = {.sequences = tokens,
                                               .kv_heads = 1.0,
                                               .queries = heads,
                                               .score_dim = KV_LATENT + ROTARY,
                                               .value_dim = KV_LATENT,
                                               .cached_elements = KV_LATENT + ROTARY,
                                               .context_tokens = d[KERF_ATTENTION_CONTEXT],
                                               .cache = row->cache};
    struct kerf_attention_time time = kerf_gpu_mla_decode(gpu, &work);
    return around_mla_s(gpu, row, tokens) +
           projection_s(gpu, KERF_FORMAT_BF16, tokens, KV_LATENT, PLAIN, heads) +
           projection_s(gpu, KERF_FORMAT_BF16, tokens, VALUE, KV_LATENT, heads) +
           kerf_attention_total_s(&time);
}

static double predict_mla_prefill_s(const struct kerf_gpu_params *gpu, const struct kerf_kernel_row *row)
{
    const double *d = row->dimension;
    double tokens = d[KERF_ATTENTION_BATCH] * d[KERF_ATTENTION_TOKENS], heads = d[KERF_ATTENTION_HEADS];
    const struct kerf_prefill_attention work = {.sequences = d[KERF_ATTENTION_BATCH],
                                                .tokens = d[KERF_ATTENTION_TOKENS],
                                                .earlier = d[KERF_ATTENTION_EARLIER],
                                                .seen = 1.0,
                                                .heads = heads,
                                                .score_dim = PLAIN + ROTARY,
                                                .value_dim = VALUE,
                                                .cache = row->cache};
    struct kerf_attention_time time = kerf_gpu_mla_prefill(gpu, &work);
    return around_mla_s(gpu, row, tokens) +
           projection_s(gpu, row->format, tokens, heads * (PLAIN + VALUE), KV_LATENT, 1.0) +
           kerf_attention_total_s(&time);
}

enum { LEAVES_MAX = 20 };
static const struct operator
{
    bool smooth;
    double (*predict_s)(const struct kerf_gpu_params *, const struct kerf_kernel_row *);
    const char *leaf[LEAVES_MAX]; /* ends with NULL */
}
operators[KERF_KERNEL_COUNT] = {
    [KERF_KERNEL_GEMM] = {.smooth = false, /* a tile is chosen */
                          .predict_s = predict_gemm_s,
                          .leaf = {"achieved_gemm_hbm", "gemm_tile_s", "gemm_split_s", "gemm_floor_16bit_s",
                                   "gemm_k_latency_16bit_s", "achieved_16bit", "gemm_floor_fp8_unfused_s",
                                   "gemm_floor_fp8_s", "gemm_k_latency_fp8_s", "achieved_fp8",
                                   "gemm_floor_fp8_block_s", "gemm_k_latency_fp8_block_s",
                                   "achieved_fp8_block", "gemm_floor_fp4_s", "gemm_k_latency_fp4_s",
                                   "achieved_fp4"}},
    [KERF_KERNEL_EXPERTS] = {.smooth = false,
                             .predict_s = predict_experts_s,
                             .leaf = {"moe_floor_s", "moe_expert_s", "achieved_moe_flops", "moe_floor_fp8_s",
                                      "moe_expert_fp8_s", "achieved_moe_fp8_flops", "achieved_moe_hbm",
                                      "moe_tile_s", "moe_row_bytes", "moe_token_bytes",
                                      "moe_dequantised_floor_s", "achieved_moe_dequantised_hbm",
                                      "achieved_moe_dequantised_flops"}},
    [KERF_KERNEL_ATTENTION] = {.smooth = false, /* the longer of two decides */
                               .predict_s = predict_attention_s,
                               .leaf = {"attention_floor_16bit_s", "attention_floor_fp8_s",
                                        "attention_wave_16bit_s", "attention_wave_fp8_s", "attention_query_s",
                                        "attention_split_s", "achieved_attention_hbm", "attention_l2_Bps",
                                        "attention_head_wave_s", "attention_head_token_s",
                                        "attention_head_latency_s"}},
    [KERF_KERNEL_MLA_DECODE] = {.smooth = false,
                                .predict_s = predict_mla_decode_s,
                                .leaf = {"mla_floor_16bit_s", "mla_floor_fp8_s", "mla_query_s", "mla_split_s",
                                         "mla_row_s", "achieved_mla_hbm", "achieved_mla_fp8_hbm",
                                         "mla_mid_rows_hbm"}},
    [KERF_KERNEL_MLA_PREFILL] = {.smooth = true,
                                 .predict_s = predict_mla_prefill_s,
                                 .leaf = {"mla_prefill_floor_16bit_s", "mla_prefill_floor_fp8_s",
                                          "mla_prefill_tile_s", "mla_prefill_row_bytes",
                                          "achieved_mla_prefill_flops", "achieved_mla_prefill_fp8_flops"}},
};

double kerf_kernel_predict_s(const struct kerf_gpu_params *gpu, enum kerf_kernel kernel,
                             const struct kerf_kernel_row *row)
{
    return operators[kernel].predict_s(gpu, row);
}

const char *const *kerf_kernel_leaves(enum kerf_kernel kernel)
{
    return operators[kernel].leaf;
}

bool kerf_kernel_is_smooth(enum kerf_kernel kernel)
{
    return operators[kernel].smooth;
}
