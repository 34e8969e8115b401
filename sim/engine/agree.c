/* The engine room: agreement on errors. */
#include "sim/engine/agree.h"

enum kerf_status kerf_error_share(MPI_Comm comm, int root, enum kerf_status status, struct kerf_error *error)
{
    int code = (int)status;
    MPI_Bcast(&code, 1, MPI_INT, root, comm);
    if (code != KERF_OK) {
        error->status = (enum kerf_status)code;
        MPI_Bcast(error->message, sizeof error->message, MPI_CHAR, root, comm);
    }
    return (enum kerf_status)code;
}

enum kerf_status kerf_error_agree(MPI_Comm comm, enum kerf_status status, struct kerf_error *error)
{
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    int mine = status == KERF_OK ? ranks : rank, first;
    MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, comm);
    return first == ranks ? KERF_OK : kerf_error_share(comm, first, status, error);
}
