/* The network room: number formats. Bytes include the scales that a checkpoint stores beside its elements. */
#include "models/network/format.h"

#include <stddef.h>
#include <string.h>

/* Scales: fp8_block has one fp32 per 128 x 128 block, int4 16 bit per 32 elements, nvfp4 8 bit per 16,
 * mxfp4 8 bit per 32.
 *
 * fp32 runs on the 16-bit units (as tf32 or split products): no device here states a peak for it. int4 is
 * unpacked and multiplied in 16 bit. INT8 stands for FP8 where a peak is wanted: NVIDIA parts with both state
 * the same rate, and there is no arithmetic of its own for it. */
static const struct kerf_format_facts formats[KERF_FORMAT_COUNT] = {
    [KERF_FORMAT_FP32] = {"fp32", 4.0, KERF_MATH_16},
    [KERF_FORMAT_BF16] = {"bf16", 2.0, KERF_MATH_16},
    [KERF_FORMAT_FP16] = {"fp16", 2.0, KERF_MATH_16},
    [KERF_FORMAT_FP8] = {"fp8", 1.0, KERF_MATH_FP8},
    [KERF_FORMAT_FP8_BLOCK] = {"fp8_block", 1.0 + 4.0 / (128.0 * 128.0), KERF_MATH_FP8},
    [KERF_FORMAT_INT8] = {"int8", 1.0, KERF_MATH_FP8},
    [KERF_FORMAT_INT4] = {"int4", (4.0 + 16.0 / 32.0) / 8.0, KERF_MATH_16},
    [KERF_FORMAT_NVFP4] = {"nvfp4", (4.0 + 8.0 / 16.0) / 8.0, KERF_MATH_FP4},
    [KERF_FORMAT_MXFP4] = {"mxfp4", (4.0 + 8.0 / 32.0) / 8.0, KERF_MATH_FP4},
};

/* Spellings found in checkpoints and in published benchmark results. */
static const struct {
    const char *alias;
    enum kerf_format format;
} aliases[] = {
    {"float32", KERF_FORMAT_FP32},
    {"bfloat16", KERF_FORMAT_BF16},
    {"fp16/bf16", KERF_FORMAT_BF16},
    {"float16", KERF_FORMAT_FP16},
    {"half", KERF_FORMAT_FP16},
    {"fp8_e4m3", KERF_FORMAT_FP8},
    {"fp8_block_128x128", KERF_FORMAT_FP8_BLOCK},
    {"int4_group32_symmetric", KERF_FORMAT_INT4},
    {"int4_wo", KERF_FORMAT_INT4},
    {"fp4", KERF_FORMAT_NVFP4},
    {"mxfp4/fp4", KERF_FORMAT_MXFP4},
};

const struct kerf_format_facts *kerf_format_facts(enum kerf_format format)
{
    return &formats[format];
}

bool kerf_format_find(const char *name, enum kerf_format *format)
{
    for (int i = 0; i < KERF_FORMAT_COUNT; i++) {
        if (strcmp(name, formats[i].name) == 0) {
            *format = (enum kerf_format)i;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (strcmp(name, aliases[i].alias) == 0) {
            *format = aliases[i].format;
            return true;
        }
    }
    return false;
}
