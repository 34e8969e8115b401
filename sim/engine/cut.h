/* A consistent cut: between two rounds every rank stands at the same time and no event is under way, so the
 * states of all LPs and the events that wait for them are the whole run. The engine hands them out as bytes,
 * one row of bytes per LP, and takes them in again on any number of ranks. Where they are kept is the
 * caller's business. */
#ifndef KERF_ENGINE_CUT_H
#define KERF_ENGINE_CUT_H

#include "sim/engine/engine.h"

struct kerf_cut;

/* Opens a cut of this rank's LPs. Only inside kerf_engine_calls.save; close it before that returns. */
enum kerf_status kerf_cut_open(const struct kerf_engine *engine, struct kerf_cut **cut,
                               struct kerf_error *error);
void kerf_cut_close(struct kerf_cut *cut);

/* LPs of this rank in the cut, and the id of the k-th: ids rise with k. */
uint32_t kerf_cut_lps(const struct kerf_cut *cut);
uint32_t kerf_cut_id(const struct kerf_cut *cut, uint32_t k);

/* Appends what the k-th LP is and what waits for it to `pack`. */
void kerf_cut_pack(const struct kerf_cut *cut, uint32_t k, struct kerf_pack *pack);

/* Gives an LP of this rank back what kerf_cut_pack made of it. Only inside kerf_engine_calls.load; every LP
 * of the rank needs it once. Fails when the bytes are not such a row. */
enum kerf_status kerf_cut_restore(struct kerf_engine *engine, uint32_t lp, const unsigned char *data,
                                  size_t bytes, struct kerf_error *error);

/* Time of the last event that was handled on any rank: kept with a cut. The first is collective. */
kerf_time kerf_cut_time(const struct kerf_engine *engine);
void kerf_cut_set_time(struct kerf_engine *engine, kerf_time last);

/* Whether this rank holds the LP itself (of folded ones the representative only). */
bool kerf_cut_holds(const struct kerf_engine *engine, uint32_t lp);

/* LPs of the whole system, folded ones too: every id lies below it. */
uint32_t kerf_cut_system_lps(const struct kerf_engine *engine);

/* A number that changes with the kinds of the LPs, their state, their order and their channels: a cut of one
 * system does not fit another. The same on every rank. */
uint64_t kerf_cut_shape(const struct kerf_engine *engine);

#endif
