/* The cli room: kerf show. */
#include "sim/cli/command.h"
#include "sim/engine/agree.h"
#include "sim/io/checkpoint.h"
#include "sim/io/result.h"
#include "sim/study/costed_result.h"
#include "sim/study/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_about(const char *path, const struct kerf_checkpoint_about *about)
{
    printf("%s: a checkpoint of a run that is not over\n", path);
    printf("  %s\n", about->title);
    printf("  scenario   %s\n", about->scenario_path);
    for (const char *line = about->overrides; *line; line += strcspn(line, "\n") + 1)
        printf("  --set      %.*s\n", (int)strcspn(line, "\n"), line);
    printf("  written    %s by kerf %s on %d ranks\n", about->date, about->version, about->ranks);
    printf("  simulated  %.6g s so far, with %d restarts\n", kerf_time_to_s(about->time), about->restarts);
    printf("  holds      %llu bytes of state of %llu logical processes%s; whole and undamaged\n",
           (unsigned long long)about->bytes, (unsigned long long)about->rows,
           about->folded ? ", those that are alike once" : "");
    printf("go on with: kerf run --restart %s\n", path);
}

static enum kerf_status show_checkpoint(MPI_Comm comm, const char *path, bool first, struct kerf_error *error)
{
    struct kerf_checkpoint *checkpoint;
    enum kerf_status status = kerf_checkpoint_open(comm, path, &checkpoint, error);
    if (status == KERF_OK && first)
        print_about(path, kerf_checkpoint_about(checkpoint));
    kerf_checkpoint_close(checkpoint);
    return status;
}

static enum kerf_status show(MPI_Comm comm, const struct kerf_arguments *arguments, struct kerf_error *error)
{
    struct kerf_report report = {0};
    bool first = kerf_is_first_rank(comm);
    const char *path = arguments->positional[0];
    int is_checkpoint = first && kerf_checkpoint_is(path);
    MPI_Bcast(&is_checkpoint, 1, MPI_INT, 0, comm);
    if (is_checkpoint)
        return show_checkpoint(comm, path, first, error);
    char *costed = first ? kerf_costed_result_table(path) : NULL;
    int is_costed = costed != NULL;
    MPI_Bcast(&is_costed, 1, MPI_INT, 0, comm);
    if (costed)
        printf("%s", costed);
    free(costed);
    if (is_costed)
        return KERF_OK;
    enum kerf_status status = first ? kerf_result_read(path, &report, error) : KERF_OK;
    KERF_TRY(kerf_error_share(comm, 0, status, error));
    if (first)
        kerf_report_print(stdout, &report);
    kerf_report_free(&report);
    return KERF_OK;
}

const struct kerf_command kerf_command_show = {
    .name = "show",
    .arguments = "FILE.h5",
    .summary = "print the tables of a result again; say what a checkpoint is of",
    .help =
        "Prints the tables that `kerf run` printed when it wrote the file. Of a checkpoint it says what it "
        "is of, and whether it is whole.\n",
    .options = "",
    .least_arguments = 1,
    .most_arguments = 1,
    .run = show,
};
