/* For tests that run under mpirun: verdicts that all ranks agree on. */
#ifndef KERF_TESTS_EVERYWHERE_H
#define KERF_TESTS_EVERYWHERE_H

#include <mpi.h>

/* Fails on every rank when it does not hold on one: nobody waits for a rank that has left the test. */
#define ASSERT_EVERYWHERE(condition)                                                                         \
    do {                                                                                                     \
        int here_ = (condition) != 0, everywhere_;                                                           \
        MPI_Allreduce(&here_, &everywhere_, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);                            \
        if (!everywhere_)                                                                                    \
            fail_msg("%s%s", #condition, here_ ? " (on another rank)" : "");                                 \
    } while (0)

#endif
