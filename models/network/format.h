/* Number formats of weights, activations and KV caches: how many bits an element takes in memory. */
#ifndef KERF_NETWORK_FORMAT_H
#define KERF_NETWORK_FORMAT_H

#include <stdbool.h>

/* The arithmetic a tensor unit runs at; a device states one peak for each that it has. */
enum kerf_arithmetic { KERF_MATH_16, KERF_MATH_FP8, KERF_MATH_FP4, KERF_MATH_COUNT };

enum kerf_format {
    KERF_FORMAT_FP32,
    KERF_FORMAT_BF16,
    KERF_FORMAT_FP16,
    KERF_FORMAT_FP8,       /* one scale per tensor */
    KERF_FORMAT_FP8_BLOCK, /* one fp32 scale per 128 x 128 block */
    KERF_FORMAT_INT8,
    KERF_FORMAT_INT4,  /* groups of 32 with a 16-bit scale: weight-only, multiplied in 16 bit */
    KERF_FORMAT_NVFP4, /* blocks of 16 with an fp8 scale */
    KERF_FORMAT_MXFP4, /* blocks of 32 with an 8-bit exponent */
    KERF_FORMAT_COUNT
};

struct kerf_format_facts {
    const char *name;                /* as scenarios and measurement tables spell it */
    double bytes_per_element;        /* scales included */
    enum kerf_arithmetic arithmetic; /* what a device with a matching unit multiplies in */
};

/* The facts of one format; `format` must be below KERF_FORMAT_COUNT. */
const struct kerf_format_facts *kerf_format_facts(enum kerf_format format);

/* Finds a format by name or published alias ("bfloat16", "fp4", "int4_group32_symmetric"); else false. */
bool kerf_format_find(const char *name, enum kerf_format *format);

#endif
