/* Attention on a GPU, by mechanism: cached keys and values stream from memory through as many SMs as there
 * are pieces to read, query rows are multiplied with every tile of them, pieces are added up.
 *
 * The leaves that it reads are fitted to tables of measured kernels (`kerf calibrate`); none of them is a
 * table. */
#ifndef KERF_DEVICE_GPU_ATTENTION_H
#define KERF_DEVICE_GPU_ATTENTION_H

#include "models/device/gpu.h"
#include "models/network/format.h"

#include <stdbool.h>

/* New tokens that attend to a cache. */
struct kerf_decode_attention {
    double sequences;
    double kv_heads;             /* MLA: 1, the latent */
    double queries;              /* rows that share a cached vector: query heads per KV head x new tokens */
    double score_dim, value_dim; /* multiplied per row and cached token */
    double cached_elements;      /* per token and KV head: key and value together */
    double context_tokens;       /* cached per sequence */
    enum kerf_format cache;
    bool warm; /* a benchmark that repeats itself: what fits the L2 lies there */
};

/* Prompts: new tokens that attend to each other and to what is cached before them. */
struct kerf_prefill_attention {
    double sequences;
    double tokens;  /* new, per sequence */
    double earlier; /* cached before them, per sequence */
    double seen;    /* share of the pairs that is multiplied: sliding windows skip the others */
    double heads;
    double score_dim, value_dim;
    enum kerf_format cache;
};

/* Where the time goes: the floor with its gap, and what decides the rest. */
struct kerf_attention_time {
    double software_s, compute_s, memory_s;
};

/* Decode by tiles of 128 cached tokens on the tensor units, each read once for all query rows (FlashDecoding;
 * XQA in TensorRT-LLM):
 *
 *     gap + floor + sqrt(body^2 + memory^2) + split log2(min(tiles, SMs))
 *     body = waves (wave + max(1, tiles / splits) query queries dims / 256),   splits = min(tiles, SMs /
 * streams) >= 1
 *
 * with a stream per sequence, KV head and 128 rows, and waves = streams / SMs, rounded up where nothing is
 * split. The quadratic mean stands for overlap of what starts and what streams. Never falls when sequences,
 * heads or context grow, and beats neither the achieved bandwidth nor the peak. */
struct kerf_attention_time kerf_gpu_decode_attention(const struct kerf_gpu_params *gpu,
                                                     const struct kerf_decode_attention *work);

/* Decode by query heads on the vector units, as masked multi-head attention in TensorRT-LLM does for shapes
 * that the tensor units' kernel is not built for; a KV head is read again for each of its queries, mostly
 * from L2:
 *
 *     gap + floor + heads / SMs head_wave + sqrt((heads tokens head_token / SMs)^2 + (own head_latency)^2 +
 * memory^2)
 *
 * with heads = sequences x query heads; a block has its own tokens: tokens heads / SMs while SMs are idle, at
 * least 512 or all. All zero where the part has no such leaves. */
struct kerf_attention_time kerf_gpu_per_head_attention(const struct kerf_gpu_params *gpu,
                                                       const struct kerf_decode_attention *work);

/* Decode of MLA in its absorbed form: as kerf_gpu_decode_attention with leaves of its own and no wave_s, and
 * mla_row_s sqrt(rows) for the small kernels around, which rotate, join and write rows; the root is a fit,
 * not a derivation. mla_mid_rows_hbm may make 17 to 32 rows slower than more. */
struct kerf_attention_time kerf_gpu_mla_decode(const struct kerf_gpu_params *gpu,
                                               const struct kerf_decode_attention *work);

/* Prefill in tiles of 64 query rows that each run to the diagonal:
 *
 *     gap + floor + sum of the tiles / SMs + half of the longest
 *     a tile = tile_s + 2 x 64 (score_dim + value_dim) keys SMs / (peak achieved)
 *
 * Half of the longest tile is the mean tail of a queue that SMs take from. */
struct kerf_attention_time kerf_gpu_prefill_attention(const struct kerf_gpu_params *gpu,
                                                      const struct kerf_prefill_attention *work);

/* The same with the leaves of MLA, which unfolds the latent before: row_bytes for each element of queries,
 * keys and values of a head. */
struct kerf_attention_time kerf_gpu_mla_prefill(const struct kerf_gpu_params *gpu,
                                                const struct kerf_prefill_attention *work);

/* The sum of the parts. */
double kerf_attention_total_s(const struct kerf_attention_time *time);

#endif
