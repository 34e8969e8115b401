/* How an engine would be cut over ranks that need not be there. */
#ifndef KERF_ENGINE_FORECAST_H
#define KERF_ENGINE_FORECAST_H

#include "sim/engine/engine.h"

struct kerf_forecast {
    uint32_t lps, lps_simulated;
    double load_most, load_mean; /* of the heaviest rank, and of all on average */
    size_t channels, channels_cut;
    kerf_time lookahead_cut_least; /* of the channels between ranks; KERF_TIME_NEVER if there are none */
};

/* Cuts the LPs that were added over `ranks` ranks, as a run on so many would: rank_of[lp]. The engine can
 * only be freed afterwards. Collective. */
enum kerf_status kerf_engine_forecast(struct kerf_engine *engine, int ranks, int *rank_of,
                                      struct kerf_forecast *forecast, struct kerf_error *error);

#endif
