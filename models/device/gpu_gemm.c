/* The device room: the time of a matrix product on a GPU. Knows tiles and SMs; nothing of operators, networks
 * or the table that its leaves were fitted to. */
#include "models/device/gpu_gemm.h"

#include <math.h>

/* Tiles that vendors' libraries choose among, of rows (the short side: for few rows the libraries swap the
 * two) and columns. More than these elements of a tile do not fit an SM's accumulators. */
static const double tile_rows[] = {16.0, 32.0, 64.0, 128.0, 256.0}, tile_columns[] = {64.0, 128.0, 256.0};
enum { TILE_ROWS = sizeof tile_rows / sizeof tile_rows[0] };
enum { TILE_COLUMNS = sizeof tile_columns / sizeof tile_columns[0] };
static const double tile_elements_most = 128.0 * 256.0;

/* K is split into at most 16 parts, none shorter than this. */
enum { SPLITS_MOST = 16 };
static const double split_k_least = 256.0;

double kerf_gpu_peak_flops(const struct kerf_gpu_params *gpu, enum kerf_arithmetic arithmetic)
{
    switch (arithmetic) {
    case KERF_MATH_FP8:
        return gpu->peak_fp8_flops;
    case KERF_MATH_FP4:
        return gpu->peak_fp4_flops;
    default:
        return gpu->peak_16bit_flops;
    }
}

bool kerf_gpu_is_native(const struct kerf_gpu_params *gpu, enum kerf_format format)
{
    const struct kerf_format_facts *facts = kerf_format_facts(format);
    bool stored_as_16bit = facts->arithmetic == KERF_MATH_16 && format != KERF_FORMAT_INT4;
    return stored_as_16bit ||
           (facts->arithmetic != KERF_MATH_16 && kerf_gpu_peak_flops(gpu, facts->arithmetic) > 0.0);
}

enum kerf_arithmetic kerf_gpu_arithmetic(const struct kerf_gpu_params *gpu, enum kerf_format format)
{
    return kerf_gpu_is_native(gpu, format) ? kerf_format_facts(format)->arithmetic : KERF_MATH_16;
}

static double first_given(double own, double other)
{
    return own > 0.0 ? own : other;
}

/* Libraries split K of 16-bit and per-tensor fp8 products; kernels with block scales along K do not. */
struct kerf_gemm_kernel kerf_gpu_gemm_kernel(const struct kerf_gpu_params *gpu, enum kerf_format weights)
{
    enum kerf_arithmetic arithmetic = kerf_gpu_arithmetic(gpu, weights);
    double peak_flops = kerf_gpu_peak_flops(gpu, arithmetic);
    if (arithmetic == KERF_MATH_FP4)
        return (struct kerf_gemm_kernel){.floor_s = gpu->gemm_floor_fp4_s,
                                         .k_latency_s = gpu->gemm_k_latency_fp4_s,
                                         .peak_flops = peak_flops,
                                         .achieved = gpu->achieved_fp4,
                                         .quantises = true};
    if (arithmetic == KERF_MATH_FP8 && weights == KERF_FORMAT_FP8_BLOCK)
        return (struct kerf_gemm_kernel){
            .floor_s = gpu->gemm_floor_fp8_block_s,
            .k_latency_s = first_given(gpu->gemm_k_latency_fp8_block_s, gpu->gemm_k_latency_fp8_s),
            .peak_flops = peak_flops,
            .achieved = first_given(gpu->achieved_fp8_block, gpu->achieved_fp8),
            .quantises = true};
    if (arithmetic == KERF_MATH_FP8)
        return (struct kerf_gemm_kernel){.floor_s = gpu->gemm_floor_fp8_s,
                                         .k_latency_s = gpu->gemm_k_latency_fp8_s,
                                         .peak_flops = peak_flops,
                                         .achieved = gpu->achieved_fp8,
                                         .quantises = true,
                                         .splits_k = true};
    return (struct kerf_gemm_kernel){.floor_s = gpu->gemm_floor_16bit_s,
                                     .k_latency_s = gpu->gemm_k_latency_16bit_s,
                                     .peak_flops = peak_flops,
                                     .achieved = gpu->achieved_16bit,
                                     .splits_k = true};
}

static double cube(double x)
{
    return x * x * x;
}

/* Activations are read in their own format and written in that of the weights; per-tensor scales need the
 * largest element first, so those are read twice. */
static double quantise_s(const struct kerf_gpu_params *gpu, const struct kerf_gemm *gemm)
{
    double own = kerf_format_facts(gemm->activations)->bytes_per_element;
    double wanted = kerf_format_facts(gemm->weights)->bytes_per_element;
    double reads = gemm->weights == KERF_FORMAT_FP8 || gemm->weights == KERF_FORMAT_INT8 ? 2.0 : 1.0;
    return gemm->batch * gemm->m * gemm->k * (reads * own + wanted) / (gpu->hbm_Bps * gpu->achieved_gemm_hbm);
}

static double memory_bytes(const struct kerf_gemm_kernel *kernel, const struct kerf_gemm *gemm)
{
    double weight = kerf_format_facts(gemm->weights)->bytes_per_element;
    double output = kerf_format_facts(gemm->activations)->bytes_per_element;
    double input = kernel->quantises ? weight : output;
    double left = gemm->left_elements > 0.0 ? gemm->left_elements : gemm->batch * gemm->m * gemm->k;
    double right = gemm->right_elements > 0.0 ? gemm->right_elements : gemm->batch * gemm->n * gemm->k;
    return right * weight + left * input + gemm->batch * gemm->m * gemm->n * output;
}

/* What the best tile takes on the SMs. */
struct body {
    double total_s;
    bool multiplies; /* the tensor unit decides, not the latency along K */
};

/* One tile in `waves` waves, if that is faster. */
static void try_tile(const struct kerf_gpu_params *gpu, double waves, double multiply_s, double latency_s,
                     struct body *best)
{
    double least_s = waves * (fmax(multiply_s, latency_s) + gpu->gemm_tile_s);
    if (least_s >= best->total_s) /* spares the root */
        return;
    double total_s = waves * (cbrt(cube(multiply_s) + cube(latency_s)) + gpu->gemm_tile_s);
    if (total_s < best->total_s)
        *best = (struct body){total_s, multiply_s > latency_s};
}

/* The fastest tile when K is cut into `splits`. total_s is infinite when any tile fills the SMs without. */
static struct body best_body(const struct kerf_gpu_params *gpu, const struct kerf_gemm_kernel *kernel,
                             const struct kerf_gemm *gemm, double splits)
{
    struct body best = {INFINITY, false};
    double k = splits > 1.0 ? fmax(gemm->k / splits, split_k_least) : gemm->k;
    double element_s = 2.0 * k * gpu->sms / (kernel->peak_flops * kernel->achieved);
    for (int i = 0; i < TILE_ROWS; i++)
        for (int j = 0; j < TILE_COLUMNS; j++) {
            double elements = tile_rows[i] * tile_columns[j];
            double tiles =
                gemm->batch * ceil(gemm->m / tile_rows[i]) * ceil(gemm->n / tile_columns[j]) * splits;
            if (elements > tile_elements_most || (splits > 1.0 && tiles > gpu->sms))
                continue;
            try_tile(gpu, ceil(tiles / gpu->sms), element_s * elements, kernel->k_latency_s * k, &best);
        }
    return best;
}

struct kerf_gemm_time kerf_gpu_gemm_time(const struct kerf_gpu_params *gpu,
                                         const struct kerf_gemm_kernel *kernel, const struct kerf_gemm *gemm)
{
    struct kerf_gemm_time time = {.software_s = gpu->graph_gap_s + kernel->floor_s};
    double memory_s = memory_bytes(kernel, gemm) / (gpu->hbm_Bps * gpu->achieved_gemm_hbm);
    double sums_s = 8.0 * gemm->batch * gemm->m * gemm->n / gpu->hbm_Bps, least_s = INFINITY;
    bool multiplies = false;
    if (kernel->quantises)
        time.quantise_s = quantise_s(gpu, gemm);
    double splits_most = gemm->splits_most > 0.0 ? gemm->splits_most : kernel->splits_k ? SPLITS_MOST : 1.0;
    for (double splits = 1.0; splits <= splits_most; splits *= 2.0) {
        struct body body = best_body(gpu, kernel, gemm, splits);
        if (!isfinite(body.total_s))
            break;
        double total_s = cbrt(cube(body.total_s) + cube(memory_s)) +
                         (splits > 1.0 ? gpu->gemm_split_s + splits * sums_s : 0.0);
        if (total_s < least_s) {
            least_s = total_s;
            multiplies = body.multiplies && body.total_s > memory_s;
        }
    }
    *(multiplies ? &time.compute_s : &time.memory_s) = least_s;
    return time;
}

double kerf_gemm_total_s(const struct kerf_gemm_time *time)
{
    return time->software_s + time->quantise_s + time->compute_s + time->memory_s;
}
