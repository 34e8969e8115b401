/* bench_collectives: all-reduces message by message under LogGP (models/fabric/message_collective.h), one
 * event per message. With even sizes the completion time must be the closed form. */
#include "models/fabric/message_collective.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <string.h>

static enum kerf_status add_ranks(void *context, struct kerf_engine *engine, struct kerf_error *error)
{
    return kerf_message_collective_add(context, engine, error);
}

static kerf_time completion(const struct kerf_message_collective *c, const struct kerf_engine *engine)
{
    kerf_time last = 0;
    for (uint32_t rank = 0; rank < c->ranks; rank++) {
        kerf_time done = kerf_message_collective_done(c, engine, rank);
        if (done != KERF_TIME_NEVER && done > last)
            last = done;
    }
    MPI_Allreduce(MPI_IN_PLACE, &last, 1, MPI_INT64_T, MPI_MAX, MPI_COMM_WORLD);
    return last;
}

static enum kerf_status check_completion(void *context, struct kerf_engine *engine, char *text,
                                         size_t text_bytes, struct kerf_error *error)
{
    const struct kerf_message_collective *c = context;
    kerf_time last = completion(c, engine), closed_form = kerf_message_collective_even(c);
    snprintf(text, text_bytes, " algorithm=%s uneven=%g completion_us=%.6f closed_form_us=%.6f",
             c->algorithm->name, c->uneven, 1e-6 * (double)last, 1e-6 * (double)closed_form);
    KERF_CHECK(c->uneven > 0.0 || last == closed_form, KERF_ERR_FAILURE,
               "the all-reduce takes %lld ps, by the closed form %lld ps", (long long)last,
               (long long)closed_form);
    return KERF_OK;
}

static const struct kerf_message_algorithm *find_algorithm(const char *name)
{
    const struct kerf_message_algorithm *const known[] = {&kerf_ring_allreduce,
                                                          &kerf_halving_doubling_allreduce};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i]->name) == 0)
            return known[i];
    fprintf(stderr, "bench_collectives: no algorithm '%s'\n", name);
    return NULL;
}

int main(int argc, char **argv)
{
    const char *algorithm = "ring";
    uint64_t ranks = 1024;
    double bytes = 64e6, uneven = 0.0, L_us = 2.0, o_us = 0.3, g_us = 0.5, G_ns = 0.02;
    bool reference = false;
    const struct bench_option options[] = {
        {"algorithm", .text = &algorithm, .help = "ring or halving-doubling (ring)"},
        {"ranks", .count = &ranks, .help = "of the all-reduce (1024)"},
        {"bytes", .number = &bytes, .help = "that are reduced (64M)"},
        {"uneven", .number = &uneven, .help = "sizes vary by this share, below 1 (0)"},
        {"L", .number = &L_us, .help = "us, latency (2)"},
        {"o", .number = &o_us, .help = "us, overhead at either end (0.3)"},
        {"g", .number = &g_us, .help = "us, gap between messages (0.5)"},
        {"G", .number = &G_ns, .help = "ns, gap per byte (0.02)"},
        {"reference", .flag = &reference, .help = "run on the plain heap (one rank)"},
    };
    if (!bench_start(&argc, &argv, options, sizeof options / sizeof options[0]))
        return bench_finish(2);
    struct kerf_message_collective collective = {.algorithm = find_algorithm(algorithm),
                                                 .loggp = {.L = kerf_time_from_s(L_us * 1e-6),
                                                           .o = kerf_time_from_s(o_us * 1e-6),
                                                           .g = kerf_time_from_s(g_us * 1e-6),
                                                           .G = 1e3 * G_ns},
                                                 .ranks = (uint32_t)ranks,
                                                 .bytes = bytes,
                                                 .uneven = uneven};
    if (!collective.algorithm || ranks > UINT32_MAX || uneven >= 1.0)
        return bench_finish(2);
    struct bench_run run = {.name = "collectives",
                            .reference = reference,
                            .context = &collective,
                            .add = add_ranks,
                            .finish = check_completion};
    return bench_finish(bench_run_engine(&run));
}
