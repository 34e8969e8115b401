/* The node room: noise of accelerators. */
#include "models/node/stage_noise.h"

#include "sim/engine/random.h"

#include <math.h>
#include <stdlib.h>

/* Streams of speeds lie beside those of passes. */
static const uint64_t speeds = UINT64_C(1) << 40;
static const double cut_sigmas = 3.0, pi = 3.14159265358979323846;

enum kerf_status kerf_noise_check(const struct kerf_noise *noise, struct kerf_error *error)
{
    KERF_CHECK(noise->delay >= 0.0 && noise->delay < 1e3 && noise->speed_sigma >= 0.0 &&
                   noise->speed_sigma < 0.3,
               KERF_ERR_USAGE,
               "noise: a mean delay from 0 to 1,000 and a deviation of speeds from 0 to 0.3 (got %g and %g)",
               noise->delay, noise->speed_sigma);
    KERF_CHECK((noise->accelerators > 0 && noise->meetings > 0) ||
                   (noise->delay <= 0.0 && noise->speed_sigma <= 0.0),
               KERF_ERR_USAGE, "noise asks for accelerators that meet (got %u that meet %u times)",
               noise->accelerators, noise->meetings);
    return KERF_OK;
}

/* Box and Muller (Ann. Math. Statist. 29, 1958), cut. */
static double normal(uint64_t seed, uint64_t stream, uint64_t counter)
{
    double radius = sqrt(-2.0 * log(kerf_random_uniform(seed, stream, 2 * counter)));
    double value = radius * cos(2.0 * pi * kerf_random_uniform(seed, stream, 2 * counter + 1));
    return fmin(fmax(value, -cut_sigmas), cut_sigmas);
}

double *kerf_noise_slowness(const struct kerf_training_run *run, uint32_t replica, uint32_t stage)
{
    const struct kerf_noise *noise = &run->noise;
    uint32_t count = noise->accelerators > 0 ? noise->accelerators : 1;
    uint64_t place = (uint64_t)replica * run->pipeline->schedule->stages + stage;
    double *slowness = malloc(count * sizeof *slowness);
    for (uint32_t a = 0; slowness && a < count; a++)
        slowness[a] =
            1.0 +
            (noise->speed_sigma > 0.0 ? noise->speed_sigma * normal(noise->seed, speeds + place, a) : 0.0);
    for (uint32_t i = 0; slowness && i < run->stragglers; i++)
        if (run->straggler[i].replica == replica && run->straggler[i].stage == stage)
            slowness[0] *= run->straggler[i].factor;
    return slowness;
}

static double slowest(const struct kerf_noise *noise, const double *slowness)
{
    double most = slowness[0];
    for (uint32_t a = 1; a < noise->accelerators; a++)
        most = fmax(most, slowness[a]);
    return most;
}

/* The mean over the meetings of the slowest accelerator's share. A block of random words serves four. */
static double met(const struct kerf_noise *noise, const double *slowness, uint32_t place, uint64_t *draws)
{
    struct kerf_random_words words = {{0}};
    uint32_t drawn = 0;
    double sum = 0.0;
    for (uint32_t m = 0; m < noise->meetings; m++) {
        double last = 0.0;
        for (uint32_t a = 0; a < noise->accelerators; a++, drawn++) {
            if (drawn % 4 == 0)
                words = kerf_random_words(noise->seed, place, (*draws)++);
            double uniform = ((double)words.word[drawn % 4] + 0.5) * 0x1.0p-32;
            last = fmax(last, slowness[a] * (1.0 - noise->delay * log(uniform)));
        }
        sum += last;
    }
    return sum / noise->meetings;
}

kerf_time kerf_noise_lengthen(const struct kerf_noise *noise, const double *slowness, uint32_t place,
                              uint64_t *draws, kerf_time time)
{
    if (!slowness)
        return time;
    double share = noise->delay > 0.0 ? met(noise, slowness, place, draws) : slowest(noise, slowness);
    return (kerf_time)llround((double)time * share);
}

kerf_time kerf_noise_shortest(const struct kerf_noise *noise, kerf_time time)
{
    return (kerf_time)floor((double)time * (1.0 - cut_sigmas * noise->speed_sigma));
}
