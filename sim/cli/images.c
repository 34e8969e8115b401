/* The cli room: kerf run and kerf check on scenarios about images. */
#include "build_info.h"
#include "sim/cli/scenario_kinds.h"
#include "sim/study/image_study.h"

/* Needs no engine: it is worked out at once. */
enum kerf_status kerf_images_run(MPI_Comm comm, const struct kerf_arguments *arguments,
                                 const struct kerf_scenario_source *source, struct kerf_error *error)
{
    struct kerf_image_study *study = NULL;
    KERF_CHECK(!arguments->checkpoint && !arguments->restart && !arguments->stats, KERF_ERR_USAGE,
               "%s: a scenario with `images` is worked out at once: --checkpoint, --restart and --stats have "
               "no effect; remove them",
               source->path);
    enum kerf_status status = kerf_image_study_open(comm, source, kerf_catalog_places(), &study, error);
    if (status == KERF_OK && arguments->output)
        status = kerf_image_study_write(comm, study, arguments->output, KERF_VERSION, error);
    bool shows = status == KERF_OK && kerf_is_first_rank(comm) && !arguments->quiet;
    if (shows)
        kerf_image_study_print(stdout, study);
    if (shows && arguments->output)
        printf("\nresult: %s\n", arguments->output);
    kerf_image_study_free(study);
    return status;
}

enum kerf_status kerf_images_check(MPI_Comm comm, const struct kerf_arguments *arguments,
                                   const struct kerf_scenario_source *source, struct kerf_error *error)
{
    struct kerf_image_study *study = NULL;
    enum kerf_status status = kerf_image_study_open(comm, source, kerf_catalog_places(), &study, error);
    if (status == KERF_OK && kerf_is_first_rank(comm) && !arguments->quiet)
        kerf_image_scenario_print(stdout, &study->scenario);
    kerf_image_study_free(study);
    return status;
}
