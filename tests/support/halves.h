/* A run of the engine in two halves, kept in memory in between: what the engine calls to save and to load. */
#ifndef KERF_TESTS_HALVES_H
#define KERF_TESTS_HALVES_H

#include "sim/engine/cut.h"
#include "sim/engine/engine.h"

enum { HALVES_LPS_MOST = 256 };

struct halves {
    struct kerf_pack row[HALVES_LPS_MOST];
    kerf_time time;
    int meetings, stops_at; /* the meeting at which the first half ends */
};

static inline enum kerf_wish halves_wish(void *context)
{
    struct halves *halves = context;
    return ++halves->meetings == halves->stops_at ? KERF_WISH_SAVE_AND_STOP : KERF_WISH_NONE;
}

static inline enum kerf_status halves_save(void *context, struct kerf_engine *engine,
                                           struct kerf_error *error)
{
    struct halves *halves = context;
    struct kerf_cut *cut;
    halves->time = kerf_cut_time(engine);
    KERF_TRY(kerf_cut_open(engine, &cut, error));
    for (uint32_t k = 0; k < kerf_cut_lps(cut); k++)
        kerf_cut_pack(cut, k, &halves->row[kerf_cut_id(cut, k)]);
    kerf_cut_close(cut);
    return KERF_OK;
}

static inline enum kerf_status halves_load(void *context, struct kerf_engine *engine,
                                           struct kerf_error *error)
{
    const struct halves *halves = context;
    for (uint32_t lp = 0; lp < kerf_cut_system_lps(engine); lp++)
        if (kerf_cut_holds(engine, lp))
            KERF_TRY(kerf_cut_restore(engine, lp, halves->row[lp].data, halves->row[lp].bytes, error));
    kerf_cut_set_time(engine, halves->time);
    return KERF_OK;
}

static inline void halves_free(struct halves *halves)
{
    for (int lp = 0; lp < HALVES_LPS_MOST; lp++)
        kerf_pack_free(&halves->row[lp]);
}

#endif
