/* The engine room: a look ahead at the cut. */
#include "sim/engine/forecast.h"

#include "sim/engine/agree.h"
#include "sim/engine/engine_state.h"

#include <stdlib.h>

static bool is_simulated(const struct kerf_engine *engine, uint32_t lp)
{
    return !engine->representative || engine->representative[lp] == lp;
}

static void weigh_channels(const struct kerf_engine *engine, const int *rank_of,
                           struct kerf_forecast *forecast)
{
    forecast->lookahead_cut_least = KERF_TIME_NEVER;
    for (size_t c = 0; c < engine->channels; c++) {
        const struct kerf_channel *channel = &engine->channel[c];
        if (!is_simulated(engine, channel->from) || (engine->copies && engine->copies[c] == 0))
            continue;
        forecast->channels++;
        if (rank_of[channel->from] == rank_of[channel->to])
            continue;
        forecast->channels_cut++;
        if (channel->lookahead < forecast->lookahead_cut_least)
            forecast->lookahead_cut_least = channel->lookahead;
    }
}

enum kerf_status kerf_engine_forecast(struct kerf_engine *engine, int ranks, int *rank_of,
                                      struct kerf_forecast *forecast, struct kerf_error *error)
{
    *forecast = (struct kerf_forecast){.lps = engine->lp_count};
    KERF_TRY(kerf_error_agree(engine->comm, kerf_engine_arrange(engine, error), error));
    KERF_TRY(kerf_error_agree(engine->comm, kerf_engine_cut_over(engine, ranks, rank_of, error), error));
    double *load = calloc((size_t)ranks, sizeof *load);
    KERF_TRY(kerf_error_agree(
        engine->comm,
        load ? KERF_OK : kerf_error_set(error, KERF_ERR_FAILURE, "out of memory for %d ranks", ranks),
        error));
    for (uint32_t i = 0; i < engine->lp_count; i++) {
        forecast->lps_simulated += is_simulated(engine, i);
        load[rank_of[i]] += engine->weight[i].load;
        forecast->load_mean += engine->weight[i].load / ranks;
    }
    for (int rank = 0; rank < ranks; rank++)
        if (load[rank] > forecast->load_most)
            forecast->load_most = load[rank];
    free(load);
    weigh_channels(engine, rank_of, forecast);
    return KERF_OK;
}
