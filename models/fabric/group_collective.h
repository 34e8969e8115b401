/* Collectives of groups that meet: each rank runs a list of them in its own order; one begins when all
 * members of its group have come, and lasts a given time.
 *
 * For parallelism in several dimensions, where a rank belongs to several groups. A rank that never comes, or
 * groups whose members come in orders that do not fit, end the run with who waits for whom instead of
 * hanging. */
#ifndef KERF_FABRIC_GROUP_COLLECTIVE_H
#define KERF_FABRIC_GROUP_COLLECTIVE_H

#include "sim/engine/engine.h"

#include <stdbool.h>

struct kerf_group {
    const char *name;
    const uint32_t *rank; /* the members */
    uint32_t ranks;
    kerf_time duration; /* of its collective, from the last arrival to the end; > 0, ps */
};

/* What one rank does: the groups whose collectives it takes part in, one after the other. */
struct kerf_group_program {
    const uint32_t *group;
    uint32_t steps;
    kerf_time between; /* of computation before each, > 0, ps */
    bool absent;       /* it never begins */
};

/* Must outlive the engine, as must what it points to. */
struct kerf_group_run {
    const struct kerf_group *group;
    const struct kerf_group_program *program; /* by rank */
    uint32_t groups, ranks;
    /* Set by kerf_group_run_add. */
    uint32_t first_lp;
};

/* Adds ranks, then groups, as logical processes, and their channels. KERF_ERR_USAGE: a member or a group that
 * is not there, a rank in the list of a group to which it does not belong, a time that is not above 0. On
 * every rank alike. */
enum kerf_status kerf_group_run_add(struct kerf_group_run *run, struct kerf_engine *engine,
                                    struct kerf_error *error);

/* When a rank had done all, after the run; KERF_TIME_NEVER if it had not or another MPI rank holds it. */
kerf_time kerf_group_run_done(const struct kerf_group_run *run, const struct kerf_engine *engine,
                              uint32_t rank);

#endif
