/* The cli room: kerf run and kerf check on training scenarios. */
#include "build_info.h"
#include "sim/cli/scenario_kinds.h"
#include "sim/study/training_study.h"

enum kerf_status kerf_training_run(MPI_Comm comm, const struct kerf_arguments *arguments,
                                   const struct kerf_scenario_source *source, struct kerf_error *error)
{
    struct kerf_training_study *study = NULL;
    KERF_CHECK(
        !arguments->checkpoint && !arguments->restart, KERF_ERR_USAGE,
        "--checkpoint, --restart: a training scenario is costed at once; there is nothing to go on with");
    enum kerf_status status = kerf_training_study_open(comm, source, kerf_catalog_places(), &study, error);
    if (status == KERF_OK && arguments->output)
        status = kerf_training_study_write(comm, study, arguments->output, KERF_VERSION, error);
    bool shows = status == KERF_OK && kerf_is_first_rank(comm) && !arguments->quiet;
    if (shows)
        kerf_training_study_print(stdout, study);
    if (shows && arguments->output)
        printf("\nresult: %s\n", arguments->output);
    kerf_training_study_free(study);
    return status;
}

enum kerf_status kerf_training_check(MPI_Comm comm, const struct kerf_arguments *arguments,
                                     const struct kerf_scenario_source *source, struct kerf_error *error)
{
    struct kerf_training_study *study = NULL;
    enum kerf_status status = kerf_training_study_open(comm, source, kerf_catalog_places(), &study, error);
    if (status == KERF_OK && kerf_is_first_rank(comm) && !arguments->quiet)
        kerf_training_study_print_plan(stdout, study);
    kerf_training_study_free(study);
    return status;
}
