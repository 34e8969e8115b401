/* The study room: the cut over ranks as text. */
#include "sim/study/ranks_text.h"

#include "sim/engine/forecast.h"

#include <stdlib.h>

/* Accelerators of a system and its columns on one rank. */
static int accelerators_on(const struct kerf_comparison *c, int system, const int *rank_of, int rank)
{
    int count = 0;
    for (int column = 0; column < c->columns; column++) {
        const struct kerf_serving *serving = &kerf_comparison_case(c, system, column)->serving;
        for (int k = 0; k < serving->replicas * serving->accelerators; k++)
            count += rank_of[serving->device[k]] == rank;
    }
    return count;
}

static void print_rank(FILE *out, const struct kerf_comparison *c, const int *rank_of, uint32_t lps, int rank)
{
    int here = 0;
    for (uint32_t i = 0; i < lps; i++)
        here += rank_of[i] == rank;
    fprintf(out, "  rank %d: %d logical processes", rank, here);
    const char *joint = "; accelerators of ";
    for (int system = 0; system < c->scenario.systems; system++) {
        int count = accelerators_on(c, system, rank_of, rank);
        if (count > 0) {
            fprintf(out, "%s%s (%d)", joint, c->scenario.system[system].name, count);
            joint = ", ";
        }
    }
    fputc('\n', out);
}

static void print_forecast(FILE *out, const struct kerf_comparison *c, const struct kerf_forecast *forecast,
                           const int *rank_of, int ranks)
{
    fprintf(out,
            "\non %d ranks: %u logical processes, %u of them simulated; the heaviest rank is "
            "expected to have %.2f times the mean load\n",
            ranks, forecast->lps, forecast->lps_simulated,
            forecast->load_mean > 0.0 ? forecast->load_most / forecast->load_mean : 1.0);
    for (int rank = 0; rank < ranks; rank++)
        print_rank(out, c, rank_of, forecast->lps, rank);
    if (forecast->channels_cut == 0)
        fprintf(out, "  no channel crosses ranks: none waits for another\n");
    else
        fprintf(out, "  %zu of %zu channels cross ranks, the shortest lookahead among them is %.3g us\n",
                forecast->channels_cut, forecast->channels,
                kerf_time_to_s(forecast->lookahead_cut_least) * 1e6);
}

enum kerf_status kerf_ranks_print(FILE *out, struct kerf_comparison *c, int ranks, struct kerf_error *error)
{
    struct kerf_forecast forecast;
    KERF_TRY(kerf_comparison_assemble(c, error));
    size_t lps = kerf_engine_lps(c->engine);
    int *rank_of = malloc((lps + 1) * sizeof *rank_of);
    KERF_CHECK(rank_of, KERF_ERR_FAILURE, "out of memory for %zu logical processes", lps);
    enum kerf_status status = kerf_engine_forecast(c->engine, ranks, rank_of, &forecast, error);
    if (status == KERF_OK && out)
        print_forecast(out, c, &forecast, rank_of, ranks);
    free(rank_of);
    return status;
}
