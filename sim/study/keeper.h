/* The keeper of a run: when it writes checkpoints, when it has to stop, and what it goes on from
 * (docs/checkpoints.md). */
#ifndef KERF_STUDY_KEEPER_H
#define KERF_STUDY_KEEPER_H

#include "sim/study/compare.h"

struct kerf_keeper_options {
    const char *checkpoint; /* file to keep checkpoints in; NULL: none */
    const char *restart;    /* checkpoint to go on from; NULL: from the beginning */
    double every_s;         /* wall time between checkpoints */
    double limit_s;         /* wall time after which the run must have stopped; 0: none */
    const char *version;    /* of this kerf */
    /* What signals have asked for so far: how many checkpoints, and whether to stop. */
    int (*saves_asked)(void);
    bool (*stop_asked)(void);
    void (*warn)(const char *message); /* called on rank 0 */
};

struct kerf_keeper;

/* Opens the checkpoint to go on from, and checks that checkpoints can be kept. Collective. Free it also after
 * a failure; `options` must outlive it. */
enum kerf_status kerf_keeper_open(MPI_Comm comm, const struct kerf_keeper_options *options,
                                  struct kerf_keeper **keeper, struct kerf_error *error);
void kerf_keeper_free(struct kerf_keeper *keeper);

/* Opens the comparison: that of `source` or, without a path, the one that the checkpoint is of (with the sets
 * of `source` on top). Fails when it is not the run that the checkpoint is of, and says what differs.
 * Collective. Free *comparison also after a failure. */
enum kerf_status kerf_keeper_comparison(struct kerf_keeper *keeper, const struct kerf_scenario_source *source,
                                        const char *const *catalogs, struct kerf_comparison **comparison,
                                        struct kerf_error *error);

/* For kerf_engine_calls. */
enum kerf_wish kerf_keeper_wish(struct kerf_keeper *keeper);
enum kerf_status kerf_keeper_save(struct kerf_keeper *keeper, const struct kerf_engine *engine,
                                  struct kerf_error *error);
enum kerf_status kerf_keeper_load(struct kerf_keeper *keeper, struct kerf_engine *engine,
                                  struct kerf_error *error);

/* Why and where the run stopped, and how to go on, after a wish has ended it: KERF_STOPPED, or
 * KERF_ERR_FAILURE when nothing was kept. `output` may be NULL. Collective. */
enum kerf_status kerf_keeper_stopped(const struct kerf_keeper *keeper, const char *output,
                                     struct kerf_error *error);

#endif
