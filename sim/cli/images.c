/* The cli room: kerf run and kerf check on scenarios about images. */
#include "sim/cli/scenario_kinds.h"
#include "sim/study/image_study.h"

#include <stdlib.h>

/* Needs no engine: it is worked out at once, and nothing of it is kept. */
enum kerf_status kerf_images_run(MPI_Comm comm, const struct kerf_arguments *arguments,
                                 const struct kerf_scenario_source *source, struct kerf_error *error)
{
    struct kerf_image_study *study;
    KERF_CHECK(!arguments->output && !arguments->checkpoint && !arguments->restart && !arguments->stats,
               KERF_ERR_USAGE,
               "%s: a scenario with `images` is worked out at once: --output, --checkpoint, --restart and "
               "--stats have no effect; remove them",
               source->path);
    enum kerf_status status = kerf_image_study_open(comm, source, kerf_catalog_places(), &study, error);
    if (status == KERF_OK && kerf_is_first_rank(comm) && !arguments->quiet)
        kerf_image_study_print(stdout, study);
    free(study);
    return status;
}

enum kerf_status kerf_images_check(MPI_Comm comm, const struct kerf_arguments *arguments,
                                   const struct kerf_scenario_source *source, struct kerf_error *error)
{
    struct kerf_image_study *study;
    enum kerf_status status = kerf_image_study_open(comm, source, kerf_catalog_places(), &study, error);
    if (status == KERF_OK && kerf_is_first_rank(comm) && !arguments->quiet)
        kerf_image_scenario_print(stdout, &study->scenario);
    free(study);
    return status;
}
