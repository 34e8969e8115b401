/* The engine room: deadlock is a result. When no event is left, LPs that still wait say for whom and why. */
#include "sim/engine/agree.h"
#include "sim/engine/engine_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAITS_SHOWN = 6, WHY_BYTES = 240 };

struct waiting {
    uint64_t count;
    uint32_t shown;
    struct {
        uint32_t id, whom;
        char why[WHY_BYTES];
    } lp[WAITS_SHOWN];
};

static void look_here(const struct kerf_engine *engine, struct waiting *waiting)
{
    for (uint32_t i = 0; i < engine->here; i++) {
        const struct kerf_lp *lp = &engine->lp[i];
        const struct kerf_lp_kind *kind = engine->kind[lp->kind];
        uint32_t whom = lp->id;
        char why[WHY_BYTES] = "";
        if (!kind->waits || !kind->waits(lp, lp->state, &whom, why, sizeof why))
            continue;
        waiting->count++;
        if (waiting->shown < WAITS_SHOWN) {
            waiting->lp[waiting->shown].id = lp->id;
            waiting->lp[waiting->shown].whom = whom;
            memcpy(waiting->lp[waiting->shown++].why, why, sizeof why);
        }
    }
}

static const char *kind_name(const struct kerf_engine *engine, uint32_t id)
{
    return id < engine->lp_count ? engine->kind[engine->kind_of[id]]->name : "LP";
}

/* Rank 0 tells: of all that wait the first by id. */
static enum kerf_status tell(const struct kerf_engine *engine, const struct waiting *all, int ranks,
                             uint64_t count, struct kerf_error *error)
{
    char text[KERF_ERROR_MESSAGE_BYTES];
    int used = snprintf(text, sizeof text,
                        "deadlock at %.9f s: no event is left and %llu of %u logical processes still wait:",
                        engine->stats.end_s, (unsigned long long)count, engine->lp_count);
    uint64_t told = 0;
    uint32_t next[1] = {0};
    while (told < WAITS_SHOWN && told < count) {
        int rank = -1, slot = -1;
        for (int r = 0; r < ranks; r++)
            for (uint32_t k = 0; k < all[r].shown; k++)
                if (all[r].lp[k].id >= next[0] && (rank < 0 || all[r].lp[k].id < all[rank].lp[slot].id)) {
                    rank = r;
                    slot = (int)k;
                }
        if (rank < 0)
            break;
        uint32_t id = all[rank].lp[slot].id, whom = all[rank].lp[slot].whom;
        char on[64] = "";
        if (whom != id)
            snprintf(on, sizeof on, " waits for %s %u", kind_name(engine, whom), whom);
        used += snprintf(text + used, sizeof text - (size_t)used, "%s %s %u%s: %s", told ? ";" : "",
                         kind_name(engine, id), id, on, all[rank].lp[slot].why);
        if ((size_t)used >= sizeof text)
            break;
        next[0] = id + 1;
        told++;
    }
    return kerf_error_set(error, KERF_ERR_FAILURE, "%s", text);
}

enum kerf_status kerf_engine_waiting(struct kerf_engine *engine, struct kerf_error *error)
{
    struct waiting here = {0};
    uint64_t count;
    look_here(engine, &here);
    MPI_Allreduce(&here.count, &count, 1, MPI_UINT64_T, MPI_SUM, engine->comm);
    if (count == 0)
        return KERF_OK;
    struct waiting *all = NULL;
    if (engine->rank == 0)
        all = calloc((size_t)engine->ranks, sizeof *all);
    int able = engine->rank != 0 || all;
    MPI_Bcast(&able, 1, MPI_INT, 0, engine->comm);
    enum kerf_status status = KERF_OK;
    if (able)
        MPI_Gather(&here, sizeof here, MPI_BYTE, all, sizeof here, MPI_BYTE, 0, engine->comm);
    if (engine->rank == 0)
        status = able ? tell(engine, all, engine->ranks, count, error)
                      : kerf_error_set(error, KERF_ERR_FAILURE, "deadlock, and out of memory to say of whom");
    free(all);
    return kerf_error_share(engine->comm, 0, status, error);
}
