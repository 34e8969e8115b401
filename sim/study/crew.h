/* Groups of ranks ("crews") that work on pieces of a study side by side: members of an ensemble, points of a
 * sweep. What a piece comes to does not depend on who works on it. */
#ifndef KERF_STUDY_CREW_H
#define KERF_STUDY_CREW_H

#include "sim/base/error.h"

#include <mpi.h>
#include <stdbool.h>

struct kerf_crew {
    MPI_Comm world, comm;     /* comm is owned */
    int crews, ranks, number; /* ranks of each crew; which one this is */
    bool leads;
    MPI_Win window; /* over next, on rank 0 */
    int *next;      /* the piece that nobody has taken yet */
};

/* Splits the ranks into groups of `ranks_per_crew`, named as `option` on the command line. Collective. Free
 * with kerf_crew_free, only after success. */
enum kerf_status kerf_crew_make(MPI_Comm world, int ranks_per_crew, const char *option,
                                struct kerf_crew *crew, struct kerf_error *error);
void kerf_crew_free(struct kerf_crew *crew);

/* The next piece for this crew, 0, 1, ... in the order in which crews ask; every rank of the crew gets the
 * same. Collective over the crew. */
int kerf_crew_take(struct kerf_crew *crew);

/* Begins at piece 0 again. Collective over the world. */
void kerf_crew_rewind(struct kerf_crew *crew);

/* Gives every rank what the leaders have: bytes that a crew has no part in must be 0 there. Collective over
 * the world. */
void kerf_crew_join(const struct kerf_crew *crew, void *bytes, size_t size);

#endif
