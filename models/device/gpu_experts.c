/* The device room: the time of routed experts on a GPU. Knows rows and tiles; not who routed them. */
#include "models/device/gpu_experts.h"

#include "models/device/gpu_gemm.h"

#include <math.h>

const double kerf_expert_tile_rows[KERF_EXPERT_TILES] = {16.0, 32.0, 64.0, 128.0, 256.0};
static const double tile_columns = 128.0;

struct kerf_expert_load kerf_even_expert_load(double tokens, double local, double touched, double rows)
{
    struct kerf_expert_load load = {.tokens = tokens, .local = local, .touched = touched, .rows = rows};
    for (int i = 0; i < KERF_EXPERT_TILES; i++)
        load.tiles[i] = fmax(touched, rows / kerf_expert_tile_rows[i] + touched / 2.0);
    return load;
}

/* The leaves of one kind of grouped kernel. */
struct kernel {
    double floor_s, expert_s, peak_flops;
};

/* fp8 has leaves of its own where the part also has fp4. */
static struct kernel kernel_of(const struct kerf_gpu_params *gpu, enum kerf_format weights)
{
    enum kerf_arithmetic arithmetic = kerf_gpu_arithmetic(gpu, weights);
    double peak_flops = kerf_gpu_peak_flops(gpu, arithmetic);
    struct kernel kernel = {gpu->moe_floor_s, gpu->moe_expert_s, peak_flops * gpu->achieved_moe_flops};
    if (arithmetic != KERF_MATH_FP8 || gpu->moe_floor_fp8_s <= 0.0)
        return kernel;
    return (struct kernel){gpu->moe_floor_fp8_s, gpu->moe_expert_fp8_s,
                           peak_flops * gpu->achieved_moe_fp8_flops};
}

static double cube(double x)
{
    return x * x * x;
}

/* One product of the touched experts, n columns wide and k deep. */
static void add_product(const struct kerf_gpu_params *gpu, const struct kernel *kernel,
                        const struct kerf_expert_load *load, double n, double k, double weight_bytes,
                        struct kerf_experts_time *time)
{
    double body_s = INFINITY, memory_s = load->touched * n * k * weight_bytes;
    memory_s /= gpu->hbm_Bps * gpu->achieved_moe_hbm;
    for (int i = 0; i < KERF_EXPERT_TILES; i++) {
        double waves = fmax(1.0, load->tiles[i] * ceil(n / tile_columns) / gpu->sms);
        double tile_flops = 2.0 * kerf_expert_tile_rows[i] * tile_columns * k;
        body_s = fmin(body_s, waves * (tile_flops * gpu->sms / kernel->peak_flops + gpu->moe_tile_s));
    }
    *(body_s > memory_s ? &time->compute_s : &time->memory_s) += cbrt(cube(body_s) + cube(memory_s));
}

struct kerf_experts_time kerf_gpu_experts_time(const struct kerf_gpu_params *gpu,
                                               const struct kerf_expert_shape *shape,
                                               const struct kerf_expert_load *load)
{
    struct kernel kernel = kernel_of(gpu, shape->weights);
    double weight_bytes = kerf_format_facts(shape->weights)->bytes_per_element;
    double activation_bytes = kerf_format_facts(shape->activations)->bytes_per_element;
    double moved = shape->d_model * (gpu->moe_row_bytes * load->rows + gpu->moe_token_bytes * load->tokens) +
                   load->rows * shape->matrices * shape->d_ff * activation_bytes;
    struct kerf_experts_time time = {.software_s =
                                         gpu->graph_gap_s + kernel.floor_s + kernel.expert_s * load->local,
                                     .memory_s = moved / gpu->hbm_Bps};
    double inner = (shape->matrices - 1.0) * shape->d_ff;
    add_product(gpu, &kernel, load, inner, shape->d_model, weight_bytes, &time);
    add_product(gpu, &kernel, load, shape->d_model, shape->d_ff, weight_bytes, &time);
    return time;
}

struct kerf_experts_time kerf_gpu_unpacked_experts_time(const struct kerf_gpu_params *gpu,
                                                        const struct kerf_expert_shape *shape,
                                                        const struct kerf_expert_load *load)
{
    double elements = shape->matrices * shape->d_model * shape->d_ff;
    double bytes = load->touched * elements * kerf_format_facts(shape->weights)->bytes_per_element +
                   load->rows * 2.0 * (shape->d_model + shape->matrices * shape->d_ff) *
                       kerf_format_facts(shape->activations)->bytes_per_element;
    return (struct kerf_experts_time){.software_s = gpu->graph_gap_s + gpu->moe_dequantised_floor_s,
                                      .compute_s =
                                          2.0 * load->rows * elements /
                                          (gpu->peak_16bit_flops * gpu->achieved_moe_dequantised_flops),
                                      .memory_s = bytes / (gpu->hbm_Bps * gpu->achieved_moe_dequantised_hbm)};
}
