/* The kerf command on training scenarios. */
#ifndef KERF_CLI_TRAINING_H
#define KERF_CLI_TRAINING_H

#include "sim/cli/command.h"

/* Whether the first positional argument is a training scenario. Collective. */
enum kerf_status kerf_training_asked(MPI_Comm comm, const struct kerf_arguments *arguments, bool *asked,
                                     struct kerf_error *error);

enum kerf_status kerf_training_run(MPI_Comm comm, const struct kerf_arguments *arguments,
                                   struct kerf_error *error);
enum kerf_status kerf_training_check(MPI_Comm comm, const struct kerf_arguments *arguments,
                                     struct kerf_error *error);

#endif
