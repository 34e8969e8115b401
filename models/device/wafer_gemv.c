/* The device room: dense matrices on the wafer's mesh. Knows tiles of PEs, no operators. */
#include "models/device/wafer_gemv.h"

#include <math.h>

static const double bytes_per_16bit = 2.0;

/* Cycles per element of an AXPY that the two SRAM reads need: x always comes from SRAM, y too unless the
 * accumulator stays in the software cache. */
static double read_cycles_per_element(const struct kerf_wafer_params *wafer, double length)
{
    double operands = length * bytes_per_16bit <= wafer->software_cache_bytes ? 1.0 : 2.0;
    return operands * bytes_per_16bit / wafer->sram_read_bytes_per_cycle;
}

struct kerf_cycles kerf_axpy(const struct kerf_wafer_params *wafer, double calls, double length,
                             double call_cycles)
{
    double issue = 1.0 / wafer->simd_fp16_mac_per_cycle;
    double starved = fmax(0.0, read_cycles_per_element(wafer, length) - issue);
    return (struct kerf_cycles){.compute = calls * (call_cycles + length * issue),
                                .memory = calls * length * starved};
}

struct kerf_cycles kerf_gemv_local(const struct kerf_wafer_params *wafer, double M, double kt, double nt)
{
    struct kerf_cycles over_outputs = kerf_axpy(wafer, M * kt, nt, wafer->axpy_call_cycles);
    struct kerf_cycles over_tokens =
        kerf_axpy(wafer, kt * nt, M, wafer->gemm_call_fraction * wafer->axpy_call_cycles);
    return kerf_cycles_less(&over_outputs, &over_tokens);
}

struct kerf_cycles kerf_matrix_local(const struct kerf_wafer_params *wafer, double m, double k, double n)
{
    double longest = fmax(m, fmax(k, n));
    return kerf_axpy(wafer, m * k * n / longest, longest, wafer->axpy_call_cycles);
}

struct kerf_cycles kerf_dequantise(const struct kerf_wafer_params *wafer, double weights,
                                   double bytes_per_element)
{
    if (bytes_per_element >= bytes_per_16bit)
        return (struct kerf_cycles){0};
    return (struct kerf_cycles){.compute = weights * wafer->dequantise_cycles_per_weight};
}

/* What a payload of B more wavelets adds to an all-reduce that runs anyway. */
static struct kerf_cycles ride(const struct kerf_wafer_params *wafer, double P, double lines, double B)
{
    double alone = kerf_mesh_allreduce(wafer, P, 1.0);
    return (struct kerf_cycles){.fabric = kerf_mesh_allreduce(wafer, P, 1.0 + B) - alone,
                                .wavelets = P * lines * B};
}

struct kerf_cycles kerf_gemv(const struct kerf_wafer_params *wafer, struct kerf_rectangle rectangle, double M,
                             double K, double N, int rides)
{
    double P = rectangle.rows, Q = rectangle.columns;
    double kt = ceil(K / P), nt = ceil(N / Q), B = M * nt / 2.0; /* two 16-bit elements in a wavelet */
    struct kerf_cycles cost = kerf_gemv_local(wafer, M, kt, nt);
    struct kerf_cycles sum = rides ? ride(wafer, P, Q, B) : kerf_mesh_allreduce_cycles(wafer, P, Q, B);
    kerf_cycles_add(&cost, &sum);
    return cost;
}

struct kerf_cycles kerf_meshgemm(const struct kerf_wafer_params *wafer, struct kerf_rectangle rectangle,
                                 double M, double K, double N)
{
    double P = floor(sqrt(rectangle.rows * rectangle.columns));
    double Mt = ceil(M / P), kt = ceil(K / P), nt = ceil(N / P);
    struct kerf_cycles step =
        kerf_axpy(wafer, kt * nt, Mt, wafer->gemm_call_fraction * wafer->axpy_call_cycles);
    /* both tiles go through the one ramp of the core, though over links of their own */
    double payload = (Mt * kt + kt * nt) / 2.0;
    double shift = payload + 2.0 * wafer->hop_cycles + 2.0 * wafer->ramp_cycles + 1.0;
    /* tiles travel while the last ones are multiplied: only what is longer shows */
    step.fabric = fmax(0.0, shift - kerf_cycles_total(&step));
    step.software = wafer->cannon_step_cycles;
    step.wavelets = P * P * (Mt * kt + kt * nt) / 2.0;
    struct kerf_cycles cost = kerf_cycles_times(step, P);
    cost.fabric += P / 2.0 * shift; /* skewing the tiles into place first */
    return cost;
}
