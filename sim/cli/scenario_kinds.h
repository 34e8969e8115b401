/* What kerf run and kerf check do with each kind of scenario. */
#ifndef KERF_CLI_SCENARIO_KINDS_H
#define KERF_CLI_SCENARIO_KINDS_H

#include "sim/cli/command.h"
#include "sim/study/scenario_source.h"

typedef enum kerf_status kerf_scenario_call(MPI_Comm comm, const struct kerf_arguments *arguments,
                                            const struct kerf_scenario_source *source,
                                            struct kerf_error *error);

kerf_scenario_call kerf_training_run, kerf_training_check;
kerf_scenario_call kerf_images_run, kerf_images_check;
kerf_scenario_call kerf_sweep_command, kerf_sweep_check;

#endif
