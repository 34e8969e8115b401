/* Attention on a GPU: closed forms, roofs that it never beats, and growth with sequences, heads and context.
 */
#include "models/device/gpu_attention.h"
#include "test_gpu_params.h"
#include "tests/support/draw.h"

#include <math.h>

typedef struct kerf_attention_time (*decode_function)(const struct kerf_gpu_params *,
                                                      const struct kerf_decode_attention *);

static double decode_s(decode_function decode, const struct kerf_gpu_params *gpu,
                       const struct kerf_decode_attention *work)
{
    struct kerf_attention_time time = decode(gpu, work);
    return kerf_attention_total_s(&time);
}

static double prefill_s(const struct kerf_gpu_params *gpu, const struct kerf_prefill_attention *work,
                        bool latent)
{
    struct kerf_attention_time time =
        latent ? kerf_gpu_mla_prefill(gpu, work) : kerf_gpu_prefill_attention(gpu, work);
    return kerf_attention_total_s(&time);
}

/* A part of round numbers: 100 SMs of 10 TFLOP/s each and 1 TB/s; no latencies unless a test sets them. */
static struct kerf_gpu_params plain_gpu(void)
{
    return (struct kerf_gpu_params){.peak_16bit_flops = 1e15,
                                    .sms = 100.0,
                                    .hbm_Bps = 1e12,
                                    .achieved_attention_hbm = 1.0,
                                    .achieved_attention_flops = 1.0,
                                    .achieved_mla_hbm = 1.0,
                                    .achieved_mla_prefill_flops = 1.0,
                                    .mla_mid_rows_hbm = 1.0};
}

/* Heads of 128; keys and values of 256 elements in 16 bit, 512 bytes, per token. */
static struct kerf_decode_attention grouped(double sequences, double kv_heads, double queries, double context)
{
    return (struct kerf_decode_attention){.sequences = sequences,
                                          .kv_heads = kv_heads,
                                          .queries = queries,
                                          .score_dim = 128.0,
                                          .value_dim = 128.0,
                                          .cached_elements = 256.0,
                                          .context_tokens = context,
                                          .cache = KERF_FORMAT_BF16};
}

static struct kerf_decode_attention latent(double sequences, double heads, double context)
{
    return (struct kerf_decode_attention){.sequences = sequences,
                                          .kv_heads = 1.0,
                                          .queries = heads,
                                          .score_dim = 576.0,
                                          .value_dim = 512.0,
                                          .cached_elements = 576.0,
                                          .context_tokens = context,
                                          .cache = KERF_FORMAT_BF16};
}

static struct kerf_prefill_attention prompt(double sequences, double tokens, double earlier, double heads)
{
    return (struct kerf_prefill_attention){.sequences = sequences,
                                           .tokens = tokens,
                                           .earlier = earlier,
                                           .seen = 1.0,
                                           .heads = heads,
                                           .score_dim = 192.0,
                                           .value_dim = 128.0,
                                           .cache = KERF_FORMAT_BF16};
}

/* By hand: 20 streams of 12800 tokens (100 tiles) are cut in 5, 100 blocks on 100 SMs are one wave of 20
 * tiles with 4 rows; joining 100 tiles takes log2 100 steps. Reading 131 MB at 1 TB/s meets it at a right
 * angle. */
static void test_decode_by_hand(void **state)
{
    (void)state;
    struct kerf_gpu_params gpu = plain_gpu();
    struct kerf_decode_attention work = grouped(10.0, 2.0, 4.0, 12800.0);
    double read_s = 10.0 * 2.0 * 12800.0 * 512.0 / 1e12;
    assert_close(decode_s(kerf_gpu_decode_attention, &gpu, &work), read_s, 1e-4);
    gpu.attention_wave_16bit_s = 1e-6;
    gpu.attention_query_s = 1e-6;
    gpu.attention_split_s = 2e-6;
    gpu.attention_floor_16bit_s = 5e-6;
    gpu.graph_gap_s = 1e-6;
    double body_s = 1e-6 + 20.0 * 4.0 * 1e-6;
    assert_close(decode_s(kerf_gpu_decode_attention, &gpu, &work),
                 6e-6 + hypot(body_s, read_s) + 2e-6 * log2(100.0), 1e-9);
    /* 101 streams are two waves, 200 as well */
    work = grouped(101.0, 1.0, 4.0, 128.0);
    double two_waves_s = decode_s(kerf_gpu_decode_attention, &gpu, &work);
    assert_close(two_waves_s, 6e-6 + hypot(2.0 * (1e-6 + 4e-6), 101.0 * 128.0 * 512.0 / 1e12), 1e-9);
}

/* A benchmark that repeats itself reads what fits from L2, and nothing else is faster for it. */
static void test_a_warm_cache_is_read_from_l2(void **state)
{
    (void)state;
    struct kerf_gpu_params gpu = plain_gpu();
    gpu.l2_bytes = 100e6;
    gpu.attention_l2_Bps = 10e12;
    for (int i = 0; i < 2; i++) {
        struct kerf_decode_attention cold = grouped(100.0, 1.0, 1.0, i ? 4096.0 : 1024.0), warm = cold;
        warm.warm = true;
        double cold_s = decode_s(kerf_gpu_decode_attention, &gpu, &cold);
        double warm_s = decode_s(kerf_gpu_decode_attention, &gpu, &warm);
        assert_close(warm_s, i ? cold_s : cold_s / 10.0, 1e-2);
    }
}

/* By query heads, each head reads for itself: eight queries take eight times the SMs that one takes. */
static void test_heads_one_by_one(void **state)
{
    (void)state;
    struct kerf_gpu_params gpu = plain_gpu();
    struct kerf_decode_attention one = grouped(100.0, 1.0, 1.0, 1000.0),
                                 eight = grouped(100.0, 1.0, 8.0, 1000.0);
    assert_true(decode_s(kerf_gpu_per_head_attention, &gpu, &one) == 0.0); /* no such kernel */
    gpu.attention_head_token_s = 100e-9;
    assert_close(decode_s(kerf_gpu_per_head_attention, &gpu, &one), 100e-6, 0.15);
    assert_close(decode_s(kerf_gpu_per_head_attention, &gpu, &eight), 800e-6, 0.01);
}

/* 128 tokens are two tiles, 64 x 64 and 64 x 128 pairs; 50 heads make 100 tiles on 100 SMs, and half of the
 * longest is the tail. An SM does 10 TFLOP/s. */
static void test_prefill_by_hand(void **state)
{
    (void)state;
    struct kerf_gpu_params gpu = plain_gpu();
    struct kerf_prefill_attention work = prompt(1.0, 128.0, 0.0, 50.0);
    double pair_s = 2.0 * 320.0 / 1e13;
    assert_close(prefill_s(&gpu, &work, false),
                 50.0 * (64.0 * 64.0 + 64.0 * 128.0) * pair_s / 100.0 + 64.0 * 128.0 * pair_s / 2.0, 1e-9);
    gpu.attention_tile_s = 3e-6;
    double with_tile_s = prefill_s(&gpu, &work, false);
    gpu.attention_tile_s = 0.0;
    assert_close(with_tile_s - prefill_s(&gpu, &work, false), 1.5 * 3e-6, 1e-9);
}

/* 1 to `most`, all magnitudes alike. */
static double size_of(uint64_t seed, uint64_t number, uint64_t most)
{
    return (double)draw_magnitude(draw_mix(seed, number), most);
}

/* Neither bytes over bandwidth nor FLOPs over peak are beaten, with the leaves of any column. */
static void test_time_never_beats_a_roof(void **state)
{
    (void)state;
    static const char *const names[] = {"h200-sxm", "b200-hgx", "a100-80gb-sxm", "mi300x"};
    for (uint64_t i = 0; i < 2000; i++) {
        static struct kerf_gpu_params parts[4][KERF_COLUMN_COUNT];
        if (i == 0)
            for (int part = 0; part < 4; part++)
                for (int column = 0; column < KERF_COLUMN_COUNT; column++)
                    parts[part][column] = read_gpu(names[part], (enum kerf_column)column);
        const struct kerf_gpu_params *gpu = &parts[i % 4][i / 4 % KERF_COLUMN_COUNT];
        double sequences = size_of(21, 5 * i, 512), context = size_of(21, 5 * i + 1, 200000);
        double heads = size_of(21, 5 * i + 2, 128), kv_heads = size_of(21, 5 * i + 3, 16);
        struct kerf_decode_attention g = grouped(sequences, kv_heads, heads, context);
        struct kerf_decode_attention l = latent(sequences, heads, context);
        double pairs = sequences * heads * context;
        double g_s = fmax(sequences * kv_heads * context * 512.0 / gpu->hbm_Bps,
                          2.0 * 256.0 * kv_heads * pairs / gpu->peak_16bit_flops);
        double l_s =
            fmax(sequences * context * 1152.0 / gpu->hbm_Bps, 2.0 * 1088.0 * pairs / gpu->peak_16bit_flops);
        assert_true(decode_s(kerf_gpu_decode_attention, gpu, &g) >= g_s);
        assert_true(decode_s(kerf_gpu_mla_decode, gpu, &l) >= l_s);
        double tokens = size_of(21, 5 * i + 4, 30000);
        struct kerf_prefill_attention p = prompt(sequences, tokens, context, heads);
        double flops = 2.0 * 320.0 * sequences * heads * tokens * (context + (tokens + 1.0) / 2.0);
        assert_true(prefill_s(gpu, &p, i % 2) >= flops / gpu->peak_16bit_flops);
    }
}

/* More sequences, heads or context never take less time. Rows of MLA that share a tile may: see
 * mla_mid_rows_hbm. */
static void test_time_never_falls_with_size(void **state)
{
    (void)state;
    const struct kerf_gpu_params parts[] = {read_gpu("h200-sxm", KERF_COLUMN_NOMINAL),
                                            read_gpu("b200-hgx", KERF_COLUMN_NOMINAL),
                                            read_gpu("mi355x", KERF_COLUMN_NOMINAL)};
    for (uint64_t i = 0; i < 3000; i++) {
        const struct kerf_gpu_params *gpu = &parts[i % 3];
        double size[4], more[4];
        static const uint64_t most[] = {512, 16, 64, 200000};
        for (int s = 0; s < 4; s++)
            size[s] = more[s] = size_of(22, 5 * i + (uint64_t)s, most[s]);
        uint64_t moved = i / 3 % 4;
        more[moved] += size_of(22, 5 * i + 4, most[moved]);
        struct kerf_decode_attention a = grouped(size[0], size[1], size[2], size[3]);
        struct kerf_decode_attention b = grouped(more[0], more[1], more[2], more[3]);
        const double slack = 1.0 - 1e-12;
        assert_true(decode_s(kerf_gpu_decode_attention, gpu, &b) >=
                    decode_s(kerf_gpu_decode_attention, gpu, &a) * slack);
        assert_true(decode_s(kerf_gpu_per_head_attention, gpu, &b) >=
                    decode_s(kerf_gpu_per_head_attention, gpu, &a) * slack);
        if (moved != 2) {
            a = latent(size[0], size[2], size[3]);
            b = latent(more[0], more[2], more[3]);
            assert_true(decode_s(kerf_gpu_mla_decode, gpu, &b) >=
                        decode_s(kerf_gpu_mla_decode, gpu, &a) * slack);
        }
        struct kerf_prefill_attention c = prompt(size[0], size[3] / 10.0 + 1.0, size[1], size[2]);
        struct kerf_prefill_attention d = prompt(more[0], more[3] / 10.0 + 1.0, more[1], more[2]);
        assert_true(prefill_s(gpu, &d, i % 2) >= prefill_s(gpu, &c, i % 2) * slack);
    }
}

/* A prompt in chunks multiplies what the whole prompt does: no pair is lost or counted twice. */
static void test_chunks_multiply_what_the_prompt_does(void **state)
{
    (void)state;
    struct kerf_gpu_params gpu = plain_gpu();
    gpu.sms = 1.0; /* no tail to speak of */
    struct kerf_prefill_attention whole_prompt = prompt(1.0, 8192.0, 0.0, 64.0);
    double sum_s = 0.0;
    for (double earlier = 0.0; earlier < 8192.0; earlier += 1024.0) {
        struct kerf_prefill_attention chunk = prompt(1.0, 1024.0, earlier, 64.0);
        sum_s += prefill_s(&gpu, &chunk, false);
    }
    assert_close(sum_s, prefill_s(&gpu, &whole_prompt, false), 0.01);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_decode_by_hand),
    cmocka_unit_test(test_a_warm_cache_is_read_from_l2),
    cmocka_unit_test(test_heads_one_by_one),
    cmocka_unit_test(test_prefill_by_hand),
    cmocka_unit_test(test_time_never_beats_a_roof),
    cmocka_unit_test(test_time_never_falls_with_size),
    cmocka_unit_test(test_chunks_multiply_what_the_prompt_does),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
