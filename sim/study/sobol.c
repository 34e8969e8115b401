/* The study room: Sobol points. */
#include "sim/study/sobol.h"

#include "sim/engine/random.h"

#include <stdlib.h>

/* Primitive polynomials over GF(2), a bit per coefficient, and the first direction numbers: of Joe and Kuo,
 * SIAM Journal on Scientific Computing 30(5), 2008, their file new-joe-kuo-6. The first dimension, which has
 * none, is left out. */
static const struct {
    int degree;
    uint32_t polynomial;
    uint32_t first[8];
} directions[] = {
    {1, 0x3, {1}},
    {2, 0x7, {1, 3}},
    {3, 0xb, {1, 3, 1}},
    {3, 0xd, {1, 1, 1}},
    {4, 0x13, {1, 1, 3, 3}},
    {4, 0x19, {1, 3, 5, 13}},
    {5, 0x25, {1, 1, 5, 5, 17}},
    {5, 0x29, {1, 1, 5, 5, 5}},
    {5, 0x2f, {1, 1, 7, 11, 19}},
    {5, 0x37, {1, 1, 5, 1, 1}},
    {5, 0x3b, {1, 1, 1, 3, 11}},
    {5, 0x3d, {1, 3, 5, 5, 31}},
    {6, 0x43, {1, 3, 3, 9, 7, 49}},
    {6, 0x5b, {1, 1, 1, 15, 21, 21}},
    {6, 0x61, {1, 3, 1, 13, 27, 49}},
    {6, 0x67, {1, 1, 1, 15, 7, 5}},
    {6, 0x6d, {1, 3, 1, 15, 13, 25}},
    {6, 0x73, {1, 1, 5, 5, 19, 61}},
    {7, 0x83, {1, 3, 7, 11, 23, 15, 103}},
    {7, 0x89, {1, 3, 7, 13, 13, 15, 69}},
    {7, 0x8f, {1, 1, 3, 13, 7, 35, 63}},
    {7, 0x91, {1, 3, 5, 9, 1, 25, 53}},
    {7, 0x9d, {1, 3, 1, 13, 9, 35, 107}},
    {7, 0xa7, {1, 3, 1, 5, 27, 61, 31}},
    {7, 0xab, {1, 1, 5, 11, 19, 41, 61}},
    {7, 0xb9, {1, 3, 5, 3, 3, 13, 69}},
    {7, 0xbf, {1, 1, 7, 13, 1, 19, 1}},
    {7, 0xc1, {1, 3, 7, 5, 13, 19, 59}},
    {7, 0xcb, {1, 1, 3, 9, 25, 29, 41}},
    {7, 0xd3, {1, 3, 5, 13, 23, 1, 55}},
    {7, 0xd5, {1, 3, 7, 3, 13, 59, 17}},
    {7, 0xe5, {1, 3, 1, 3, 5, 53, 69}},
    {7, 0xef, {1, 1, 5, 5, 23, 33, 13}},
    {7, 0xf1, {1, 1, 7, 7, 1, 61, 123}},
    {7, 0xf7, {1, 1, 7, 9, 13, 61, 49}},
    {7, 0xfd, {1, 3, 3, 5, 3, 55, 33}},
    {8, 0x11d, {1, 3, 1, 15, 31, 13, 49, 245}},
    {8, 0x12b, {1, 3, 5, 15, 31, 59, 63, 97}},
    {8, 0x12d, {1, 3, 1, 11, 11, 11, 77, 249}},
    {8, 0x14d, {1, 3, 1, 11, 27, 43, 71, 9}},
    {8, 0x15f, {1, 1, 7, 15, 21, 11, 81, 45}},
    {8, 0x163, {1, 3, 7, 3, 25, 31, 65, 79}},
    {8, 0x165, {1, 3, 1, 1, 19, 11, 3, 205}},
    {8, 0x169, {1, 1, 5, 9, 19, 21, 29, 157}},
    {8, 0x171, {1, 3, 7, 11, 1, 33, 89, 185}},
    {8, 0x187, {1, 3, 3, 3, 15, 9, 79, 71}},
    {8, 0x18d, {1, 3, 7, 11, 15, 39, 119, 27}},
    {8, 0x1a9, {1, 1, 3, 1, 11, 31, 97, 225}},
    {8, 0x1c3, {1, 1, 1, 3, 23, 43, 57, 177}},
    {8, 0x1cf, {1, 3, 7, 7, 17, 17, 37, 71}},
    {8, 0x1e7, {1, 3, 1, 5, 27, 63, 123, 213}},
    {8, 0x1f5, {1, 1, 3, 5, 11, 43, 53, 133}},
};
enum { DIMENSIONS = sizeof directions / sizeof directions[0] + 1, BITS = 32 };

/* Direction numbers of a dimension, each a binary fraction (Bratley and Fox, ACM Transactions on Mathematical
 * Software 14(1), 1988). */
static void fill_directions(int dimension, uint32_t direction[BITS])
{
    int degree = dimension ? directions[dimension - 1].degree : 0;
    for (int i = 0; i < BITS; i++) {
        if (dimension == 0 || i < degree) {
            direction[i] = (dimension ? directions[dimension - 1].first[i] : 1u) << (BITS - 1 - i);
            continue;
        }
        direction[i] = direction[i - degree] ^ direction[i - degree] >> degree;
        for (int k = 1; k < degree; k++)
            if (directions[dimension - 1].polynomial >> (degree - k) & 1u)
                direction[i] ^= direction[i - k];
    }
}

/* A permutation of 0 .. count - 1 (Fisher and Yates); the first block of dimensions keeps the order. */
static void order_of(uint64_t seed, int block, int count, int *order)
{
    const uint64_t stream = 0x50b0100000000ull;
    for (int i = 0; i < count; i++)
        order[i] = i;
    for (int i = count - 1; i > 0 && block > 0; i--) {
        int other = (int)(kerf_random_uniform(seed, stream + (uint64_t)block, (uint64_t)i) * (i + 1));
        int kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

bool kerf_sobol_axis(uint64_t seed, int dimension, int count, double *coordinate)
{
    const uint64_t stream = 0x50b0200000000ull;
    uint32_t direction[BITS], shift = kerf_random_words(seed, stream, (uint64_t)dimension).word[0];
    int *order = malloc((size_t)count * sizeof *order);
    if (!order)
        return false;
    order_of(seed, dimension / DIMENSIONS, count, order);
    fill_directions(dimension % DIMENSIONS, direction);
    for (int i = 0; i < count; i++) {
        uint32_t bits = shift;
        for (int k = 0, n = order[i]; n > 0; n >>= 1, k++)
            bits ^= n & 1 ? direction[k] : 0u;
        coordinate[i] = (bits + 0.5) / 4294967296.0;
    }
    free(order);
    return true;
}
