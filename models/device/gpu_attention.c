/* The device room: the time of attention on a GPU. Knows tiles, SMs and caches; nothing of operators,
 * networks or the tables that its leaves were fitted to. */
#include "models/device/gpu_attention.h"

#include "models/device/gpu_gemm.h"

#include <math.h>

static const double tile_tokens = 128.0; /* cached tokens that are multiplied at a time */
static const double rows_most = 128.0;   /* queries that share a pass over the cache */
static const double dims_of_query =
    256.0; /* score and value dimensions that the query leaves are stated for */
static const double mid_rows_least = 16.0, mid_rows_most = 32.0; /* exclusive, inclusive */
static const double query_tile = 64.0;                           /* query rows of a tile of prefill */
static const double head_split_tokens = 512.0;

/* How one kind of streaming kernel performs on this part. */
struct kernel {
    double floor_s, wave_s, query_s, split_s;
    double achieved_hbm;
};

static bool is_narrow(enum kerf_format cache)
{
    return kerf_format_facts(cache)->bytes_per_element < 2.0;
}

static double cache_bytes(const struct kerf_decode_attention *work)
{
    return work->sequences * work->kv_heads * work->context_tokens * work->cached_elements *
           kerf_format_facts(work->cache)->bytes_per_element;
}

/* What lies in L2 is read there; what does not comes through it: as much as fits it comes no faster. */
static double memory_s(const struct kerf_gpu_params *gpu, const struct kerf_decode_attention *work,
                       double achieved_hbm)
{
    double bytes = cache_bytes(work), hbm_s = bytes / (gpu->hbm_Bps * achieved_hbm);
    if (gpu->attention_l2_Bps <= 0.0)
        return hbm_s;
    double l2_s = fmin(bytes, gpu->l2_bytes) / gpu->attention_l2_Bps;
    return work->warm && bytes <= gpu->l2_bytes ? l2_s : fmax(l2_s, hbm_s);
}

/* Time on the SMs of the tiles of all streams, `starts` blocks each. */
static double body_s(const struct kerf_gpu_params *gpu, const struct kernel *kernel,
                     const struct kerf_decode_attention *work, double tiles)
{
    double passes = ceil(work->queries / rows_most), rows = work->queries / passes;
    double streams = work->sequences * work->kv_heads * passes;
    double splits = fmax(1.0, fmin(tiles, gpu->sms / streams));
    double waves = splits > 1.0 ? fmax(1.0, streams * splits / gpu->sms) : ceil(streams / gpu->sms);
    double tile_s = kernel->query_s * rows * (work->score_dim + work->value_dim) / dims_of_query;
    return waves * (kernel->wave_s + fmax(1.0, tiles / splits) * tile_s);
}

/* The peak of the arithmetic that a cache is multiplied in. */
static double peak_of(const struct kerf_gpu_params *gpu, enum kerf_format cache)
{
    return kerf_gpu_peak_flops(gpu, kerf_gpu_arithmetic(gpu, cache));
}

static struct kerf_attention_time streaming_time(const struct kerf_gpu_params *gpu,
                                                 const struct kernel *kernel,
                                                 const struct kerf_decode_attention *work)
{
    struct kerf_attention_time time = {.software_s = gpu->graph_gap_s + kernel->floor_s};
    double tiles = fmax(1.0, ceil(work->context_tokens / tile_tokens));
    double flops = 2.0 * work->sequences * work->kv_heads * work->queries * work->context_tokens *
                   (work->score_dim + work->value_dim);
    double multiply_s = flops / peak_of(gpu, work->cache), read_s = memory_s(gpu, work, kernel->achieved_hbm);
    double total_s = hypot(fmax(body_s(gpu, kernel, work, tiles), multiply_s), read_s) +
                     kernel->split_s * log2(fmin(tiles, gpu->sms));
    *(multiply_s > read_s ? &time.compute_s : &time.memory_s) = total_s;
    return time;
}

struct kerf_attention_time kerf_gpu_decode_attention(const struct kerf_gpu_params *gpu,
                                                     const struct kerf_decode_attention *work)
{
    bool narrow = is_narrow(work->cache);
    const struct kernel kernel = {.floor_s =
                                      narrow ? gpu->attention_floor_fp8_s : gpu->attention_floor_16bit_s,
                                  .wave_s = narrow ? gpu->attention_wave_fp8_s : gpu->attention_wave_16bit_s,
                                  .query_s = gpu->attention_query_s,
                                  .split_s = gpu->attention_split_s,
                                  .achieved_hbm = gpu->achieved_attention_hbm};
    return streaming_time(gpu, &kernel, work);
}

/* Of the bandwidth, by the rows that share a tile: the library's kernel for the middle sizes may be slower
 * than those for few and for many. */
static double mla_hbm(const struct kerf_gpu_params *gpu, const struct kerf_decode_attention *work)
{
    double achieved = is_narrow(work->cache) ? gpu->achieved_mla_fp8_hbm : gpu->achieved_mla_hbm;
    bool mid = work->queries > mid_rows_least && work->queries <= mid_rows_most;
    return mid ? achieved * gpu->mla_mid_rows_hbm : achieved;
}

struct kerf_attention_time kerf_gpu_mla_decode(const struct kerf_gpu_params *gpu,
                                               const struct kerf_decode_attention *work)
{
    bool narrow = is_narrow(work->cache);
    const struct kernel kernel = {.floor_s = narrow ? gpu->mla_floor_fp8_s : gpu->mla_floor_16bit_s,
                                  .query_s = gpu->mla_query_s,
                                  .split_s = gpu->mla_split_s,
                                  .achieved_hbm = mla_hbm(gpu, work)};
    struct kerf_attention_time time = streaming_time(gpu, &kernel, work);
    time.memory_s += gpu->mla_row_s * sqrt(work->sequences * work->queries);
    return time;
}

struct kerf_attention_time kerf_gpu_per_head_attention(const struct kerf_gpu_params *gpu,
                                                       const struct kerf_decode_attention *work)
{
    if (gpu->attention_head_token_s <= 0.0)
        return (struct kerf_attention_time){0};
    double blocks = work->sequences * work->kv_heads * work->queries, tokens = work->context_tokens;
    double multiply_s = blocks * tokens * gpu->attention_head_token_s / gpu->sms;
    double own_tokens = fmax(fmin(tokens, head_split_tokens), tokens * fmin(1.0, blocks / gpu->sms));
    double latency_s = own_tokens * gpu->attention_head_latency_s;
    double read_s = cache_bytes(work) / (gpu->hbm_Bps * gpu->achieved_attention_hbm);
    if (work->warm && cache_bytes(work) <= gpu->l2_bytes)
        read_s = 0.0; /* the multiplications hide it */
    return (struct kerf_attention_time){.software_s = gpu->graph_gap_s + gpu->attention_floor_16bit_s,
                                        .memory_s = blocks / gpu->sms * gpu->attention_head_wave_s +
                                                    hypot(hypot(multiply_s, latency_s), read_s)};
}

/* The leaves of one kind of prefill. */
struct prefill_kernel {
    double floor_s, tile_s, peak_flops;
};

static struct kerf_attention_time prefill_time(const struct kerf_gpu_params *gpu,
                                               const struct prefill_kernel *kernel,
                                               const struct kerf_prefill_attention *work)
{
    double tiles = ceil(work->tokens / query_tile);
    double keys = work->seen * (tiles * work->earlier + query_tile * tiles * (tiles + 1.0) / 2.0);
    double longest_keys = work->earlier + query_tile * tiles; /* windows or not: some layer sees all */
    double key_s = 2.0 * query_tile * (work->score_dim + work->value_dim) * gpu->sms / kernel->peak_flops;
    double all_s = work->sequences * work->heads * (tiles * kernel->tile_s + keys * key_s);
    double longest_s = kernel->tile_s + work->seen * longest_keys * key_s;
    return (struct kerf_attention_time){.software_s = gpu->graph_gap_s + kernel->floor_s,
                                        .compute_s = all_s / gpu->sms + longest_s / 2.0};
}

struct kerf_attention_time kerf_gpu_prefill_attention(const struct kerf_gpu_params *gpu,
                                                      const struct kerf_prefill_attention *work)
{
    bool narrow = is_narrow(work->cache) && gpu->achieved_attention_fp8_flops > 0.0;
    const struct prefill_kernel kernel = {
        .floor_s = narrow ? gpu->attention_floor_fp8_s : gpu->attention_floor_16bit_s,
        .tile_s = gpu->attention_tile_s,
        .peak_flops = gpu->peak_16bit_flops *
                      (narrow ? gpu->achieved_attention_fp8_flops : gpu->achieved_attention_flops)};
    return prefill_time(gpu, &kernel, work);
}

struct kerf_attention_time kerf_gpu_mla_prefill(const struct kerf_gpu_params *gpu,
                                                const struct kerf_prefill_attention *work)
{
    bool narrow = is_narrow(work->cache) && gpu->achieved_mla_prefill_fp8_flops > 0.0;
    const struct prefill_kernel kernel = {
        .floor_s = narrow ? gpu->mla_prefill_floor_fp8_s : gpu->mla_prefill_floor_16bit_s,
        .tile_s = gpu->mla_prefill_tile_s,
        .peak_flops = gpu->peak_16bit_flops *
                      (narrow ? gpu->achieved_mla_prefill_fp8_flops : gpu->achieved_mla_prefill_flops)};
    struct kerf_attention_time time = prefill_time(gpu, &kernel, work);
    double elements =
        work->sequences * work->tokens * work->heads * (2.0 * work->score_dim + work->value_dim);
    time.memory_s += elements * gpu->mla_prefill_row_bytes / gpu->hbm_Bps;
    return time;
}

double kerf_attention_total_s(const struct kerf_attention_time *time)
{
    return time->software_s + time->compute_s + time->memory_s;
}
