/* The kerf command: what its subcommands share. */
#ifndef KERF_CLI_COMMAND_H
#define KERF_CLI_COMMAND_H

#include "sim/base/error.h"

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>

enum { KERF_ARGUMENTS_MAX = 64 };

/* A command line, taken apart: options by name, the rest in order. */
struct kerf_arguments {
    const char *positional[KERF_ARGUMENTS_MAX];
    int positionals;
    const char *output; /* -o, --output */
    const char *csv;    /* --csv */
    const char *ranks;  /* --ranks */
    const char *checkpoint, *checkpoint_every, *time_limit, *restart;
    const char *kernel, *hardware, *hold_out; /* --operator, --hardware, --hold-out */
    const char *members, *draw_seed, *ranks_per_member, *sampling, *group;
    const char *system, *cells;
    const char *part, *merge;
    const char *ranks_per_point;
    const char *set[KERF_ARGUMENTS_MAX];
    int sets;
    bool list; /* --list */
    bool quiet, stats, full, check, rows, indices, tornado, help;
};

struct kerf_command {
    const char *name, *arguments, *summary, *help;
    const char *options; /* letters of the options that it takes: the table in main.c */
    int least_arguments, most_arguments;
    /* Runs on every rank; MPI is initialised. */
    enum kerf_status (*run)(MPI_Comm comm, const struct kerf_arguments *arguments, struct kerf_error *error);
};

extern const struct kerf_command kerf_command_claims, kerf_command_run, kerf_command_check, kerf_command_show,
    kerf_command_catalog, kerf_command_validate, kerf_command_calibrate, kerf_command_ensemble,
    kerf_command_sensitivity, kerf_command_search, kerf_command_diff, kerf_command_init,
    kerf_command_reference, kerf_command_heat, kerf_command_merge, kerf_command_slo, kerf_command_posterior;

/* The commands and the options of the command line, in the order of the help; NULL after the last. */
struct kerf_option {
    const char *name, *short_name;
    char letter;  /* in kerf_command.options */
    size_t field; /* of struct kerf_arguments, that holds it */
    bool has_value;
};
const struct kerf_command *kerf_command_at(int index);
const struct kerf_option *kerf_option_at(int index);

/* Where a catalog may be: the build tree's, the installed one, beside the program. NULL-terminated, static.
 */
const char *const *kerf_catalog_places(void);

/* What signals have asked for so far: SIGUSR1 for checkpoints, SIGINT and SIGTERM to stop. */
int kerf_signal_saves(void);
bool kerf_signal_stops(void);

/* The command line as given, for the provenance. */
const char *kerf_command_line(void);

bool kerf_is_first_rank(MPI_Comm comm);

#endif
