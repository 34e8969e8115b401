/* The study room: groups of ranks and what is dealt to them. */
#include "sim/study/crew.h"

#include <string.h>

enum kerf_status kerf_crew_make(MPI_Comm world, int ranks_per_crew, const char *option,
                                struct kerf_crew *crew, struct kerf_error *error)
{
    int rank, ranks;
    MPI_Comm_rank(world, &rank);
    MPI_Comm_size(world, &ranks);
    KERF_CHECK(ranks % ranks_per_crew == 0, KERF_ERR_USAGE, "%s %d does not divide the %d ranks of the job",
               option, ranks_per_crew, ranks);
    *crew = (struct kerf_crew){.world = world,
                               .crews = ranks / ranks_per_crew,
                               .ranks = ranks_per_crew,
                               .number = rank / ranks_per_crew};
    crew->leads = rank % ranks_per_crew == 0;
    MPI_Comm_split(world, crew->number, rank, &crew->comm);
    MPI_Win_allocate(rank == 0 ? sizeof *crew->next : 0, sizeof *crew->next, MPI_INFO_NULL, world,
                     &crew->next, &crew->window);
    kerf_crew_rewind(crew);
    return KERF_OK;
}

void kerf_crew_free(struct kerf_crew *crew)
{
    MPI_Win_free(&crew->window);
    MPI_Comm_free(&crew->comm);
}

void kerf_crew_rewind(struct kerf_crew *crew)
{
    const int zero = 0;
    int rank;
    MPI_Comm_rank(crew->world, &rank);
    MPI_Barrier(crew->world);
    if (rank == 0) {
        MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, crew->window);
        MPI_Put(&zero, 1, MPI_INT, 0, 0, 1, MPI_INT, crew->window);
        MPI_Win_unlock(0, crew->window);
    }
    MPI_Barrier(crew->world);
}

int kerf_crew_take(struct kerf_crew *crew)
{
    const int one = 1;
    int taken = 0;
    if (crew->leads) {
        MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, crew->window);
        MPI_Fetch_and_op(&one, &taken, MPI_INT, 0, 0, MPI_SUM, crew->window);
        MPI_Win_unlock(0, crew->window);
    }
    MPI_Bcast(&taken, 1, MPI_INT, 0, crew->comm);
    return taken;
}

void kerf_crew_join(const struct kerf_crew *crew, void *bytes, size_t size)
{
    enum { MOST = 1 << 30 }; /* MPI counts in int */
    if (!crew->leads)
        memset(bytes, 0, size);
    for (size_t at = 0; at < size; at += MOST)
        MPI_Allreduce(MPI_IN_PLACE, (char *)bytes + at, size - at < MOST ? (int)(size - at) : MOST, MPI_BYTE,
                      MPI_BOR, crew->world);
}
