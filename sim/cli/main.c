/* The cli room: takes the command line apart, starts MPI, runs one subcommand, prints an error once, leaves
 * with its status. */
#include "build_info.h"
#include "sim/cli/command.h"
#include "sim/engine/agree.h"

#include <hdf5.h>
#include <petscsys.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct kerf_command *const commands[] = {
    &kerf_command_run,       &kerf_command_check,     &kerf_command_show,     &kerf_command_catalog,
    &kerf_command_validate,  &kerf_command_calibrate, &kerf_command_ensemble, &kerf_command_sensitivity,
    &kerf_command_search,    &kerf_command_heat,      &kerf_command_diff,     &kerf_command_init,
    &kerf_command_reference, &kerf_command_merge,     &kerf_command_slo,      &kerf_command_claims,
    &kerf_command_posterior};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

const struct kerf_command *kerf_command_at(int index)
{
    return index >= 0 && index < COMMANDS ? commands[index] : NULL;
}

/* The one thing a signal handler may do is set a flag, and that flag must be here. */
static volatile sig_atomic_t stop_wanted, saves_wanted;
static char command_line[1024];

static void want_stop(int signal_number)
{
    (void)signal_number;
    stop_wanted = 1;
}

static void want_save(int signal_number)
{
    (void)signal_number;
    saves_wanted++;
}

int kerf_signal_saves(void)
{
    return saves_wanted;
}

bool kerf_signal_stops(void)
{
    return stop_wanted;
}

/* By sigaction: signal() would, as C11 has it, take the handler away after its first call. */
static void handle_signal(int signal_number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, NULL);
}

const char *kerf_command_line(void)
{
    return command_line;
}

bool kerf_is_first_rank(MPI_Comm comm)
{
    int rank;
    MPI_Comm_rank(comm, &rank);
    return rank == 0;
}

const char *const *kerf_catalog_places(void)
{
    static char beside[1100];
    static const char *places[4];
    char program[1024];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    int count = 0;
    if (length > 0) {
        program[length] = '\0';
        char *slash = strrchr(program, '/');
        if (slash)
            *slash = '\0';
        /* An installed program has its own catalog at ../share/kerf; one in a build tree does not. */
        snprintf(beside, sizeof beside, "%s/../share/kerf/catalog", program);
        places[count++] = beside;
    }
    places[count++] = KERF_SOURCE_CATALOG;
    places[count++] = KERF_INSTALL_CATALOG;
    places[count] = NULL;
    return places;
}

static void print_help(FILE *out)
{
    fprintf(out, "kerf %s: wafer-scale systems against GPU clusters, simulated end to end\n\nusage:\n",
            KERF_VERSION);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(out, "  kerf %-9s %-34s %s\n", commands[i]->name, commands[i]->arguments,
                commands[i]->summary);
    fprintf(
        out,
        "  kerf --version | --help\n\n`kerf COMMAND --help` says more. Run under mpirun for several ranks: "
        "mpirun -n 4 kerf run FILE.\n"
        "Status 0: done; 1: a file or the machine failed; 2: the scenario or the command line is wrong; 85: "
        "stopped\nwith a checkpoint.\n");
}

static void print_version(void)
{
    char mpi[MPI_MAX_LIBRARY_VERSION_STRING], petsc[256];
    unsigned major, minor, release;
    int length;
    MPI_Get_library_version(mpi, &length);
    mpi[strcspn(mpi, ",")] = '\0';
    H5get_libversion(&major, &minor, &release);
    PetscGetVersion(petsc, sizeof petsc);
    petsc[strcspn(petsc, ",")] = '\0';
    printf("kerf %s (%s build)\n%s\nHDF5 %u.%u.%u\n%s\n", KERF_VERSION, KERF_BUILD_TYPE, mpi, major, minor,
           release, petsc);
}

#define TEXT(field) offsetof(struct kerf_arguments, field), true
#define FLAG(field) offsetof(struct kerf_arguments, field), false
static const struct kerf_option options[] = {
    {"--output", "-o", 'o', TEXT(output)},
    {"--set", "--set", 's', TEXT(set)},
    {"--csv", "--csv", 'c', TEXT(csv)},
    {"--ranks", "--ranks", 'n', TEXT(ranks)},
    {"--quiet", "-q", 'q', FLAG(quiet)},
    {"--stats", "--stats", 't', FLAG(stats)},
    {"--full", "--full", 'f', FLAG(full)},
    {"--checkpoint", "--checkpoint", 'k', TEXT(checkpoint)},
    {"--checkpoint-every", "--checkpoint-every", 'e', TEXT(checkpoint_every)},
    {"--time-limit", "--time-limit", 'l', TEXT(time_limit)},
    {"--restart", "--restart", 'r', TEXT(restart)},
    {"--operator", "--operator", 'O', TEXT(kernel)},
    {"--hardware", "--hardware", 'H', TEXT(hardware)},
    {"--hold-out", "--hold-out", 'x', TEXT(hold_out)},
    {"--check", "--check", 'K', FLAG(check)},
    {"--members", "--members", 'm', TEXT(members)},
    {"--draw-seed", "--draw-seed", 'S', TEXT(draw_seed)},
    {"--list", "--list", 'L', FLAG(list)},
    {"--rows", "--rows", 'w', FLAG(rows)},
    {"--ranks-per-member", "--ranks-per-member", 'p', TEXT(ranks_per_member)},
    {"--sampling", "--sampling", 'a', TEXT(sampling)},
    {"--indices", "--indices", 'i', FLAG(indices)},
    {"--tornado", "--tornado", 'T', FLAG(tornado)},
    {"--group", "--group", 'g', TEXT(group)},
    {"--part", "--part", 'P', TEXT(part)},
    {"--merge", "--merge", 'M', TEXT(merge)},
    {"--skip-bad-lines", "--skip-bad-lines", 'b', FLAG(set)},
    {"--system", "--system", 'y', TEXT(system)},
    {"--cells", "--cells", 'C', TEXT(cells)},
    {"--ranks-per-point", "--ranks-per-point", 'G', TEXT(ranks_per_point)},
    {"--help", "-h", 'h', FLAG(help)}};
#undef TEXT
#undef FLAG

const struct kerf_option *kerf_option_at(int index)
{
    return index >= 0 && index < (int)(sizeof options / sizeof options[0]) ? &options[index] : NULL;
}

static void take_option(struct kerf_arguments *arguments, size_t field, const char *value)
{
    char *place = (char *)arguments + field;
    const bool yes = true;
    if (field == offsetof(struct kerf_arguments, set)) /* the one that may come more than once, or in short */
        arguments->set[arguments->sets++] = value ? value : "workload.trace.skip_bad_lines=on";
    else if (value)
        memcpy(place, &value, sizeof value);
    else
        memcpy(place, &yes, sizeof yes);
}

static enum kerf_status parse_option(const struct kerf_command *command, int argc, char **argv, int *at,
                                     struct kerf_arguments *arguments, struct kerf_error *error)
{
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        size_t length = strlen(options[i].name);
        bool joined = strncmp(argv[*at], options[i].name, length) == 0 && argv[*at][length] == '=';
        if (!joined && strcmp(argv[*at], options[i].name) != 0 &&
            strcmp(argv[*at], options[i].short_name) != 0)
            continue;
        KERF_CHECK(options[i].letter == 'h' || strchr(command->options, options[i].letter), KERF_ERR_USAGE,
                   "kerf %s takes no %s; see kerf %s --help", command->name, options[i].name, command->name);
        const char *value = joined ? argv[*at] + length + 1 : NULL;
        if (options[i].has_value && !joined) {
            KERF_CHECK(*at + 1 < argc, KERF_ERR_USAGE, "%s needs a value", argv[*at]);
            value = argv[++*at];
        }
        KERF_CHECK(options[i].has_value || !joined, KERF_ERR_USAGE, "%s takes no value", options[i].name);
        take_option(arguments, options[i].field, value);
        return KERF_OK;
    }
    return kerf_error_set(error, KERF_ERR_USAGE, "unknown option '%s'; see kerf %s --help", argv[*at],
                          command->name);
}

static enum kerf_status parse(const struct kerf_command *command, int argc, char **argv,
                              struct kerf_arguments *arguments, struct kerf_error *error)
{
    KERF_CHECK(argc < KERF_ARGUMENTS_MAX, KERF_ERR_USAGE, "more than %d arguments", KERF_ARGUMENTS_MAX);
    for (int at = 2; at < argc; at++) {
        if (argv[at][0] == '-' && argv[at][1])
            KERF_TRY(parse_option(command, argc, argv, &at, arguments, error));
        else
            arguments->positional[arguments->positionals++] = argv[at];
    }
    if (arguments->help)
        return KERF_OK;
    KERF_CHECK(arguments->positionals >= command->least_arguments &&
                   arguments->positionals <= command->most_arguments,
               KERF_ERR_USAGE, "usage: kerf %s %s", command->name, command->arguments);
    return KERF_OK;
}

static const struct kerf_command *find_command(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static enum kerf_status choose(int argc, char **argv, const struct kerf_command **command,
                               struct kerf_arguments *arguments, struct kerf_error *error)
{
    KERF_CHECK(argc >= 2, KERF_ERR_USAGE, "a command is wanted; see kerf --help");
    *command = find_command(argv[1]);
    KERF_CHECK(*command, KERF_ERR_USAGE, "'%s' is not a command; see kerf --help", argv[1]);
    return parse(*command, argc, argv, arguments, error);
}

static void remember_command_line(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        size_t used = strlen(command_line);
        snprintf(command_line + used, sizeof command_line - used, "%s%s", i ? " " : "", argv[i]);
    }
}

static enum kerf_status run(int argc, char **argv, struct kerf_error *error)
{
    const struct kerf_command *command = NULL;
    struct kerf_arguments arguments = {0};
    KERF_TRY(choose(argc, argv, &command, &arguments, error));
    if (arguments.help) {
        if (kerf_is_first_rank(MPI_COMM_WORLD))
            printf("usage: kerf %s %s\n\n%s", command->name, command->arguments, command->help);
        return KERF_OK;
    }
    return command->run(MPI_COMM_WORLD, &arguments, error);
}

int main(int argc, char **argv)
{
    struct kerf_error error = {0};
    bool asks_version = argc == 2 && strcmp(argv[1], "--version") == 0;
    bool asks_help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    remember_command_line(argc, argv);
    MPI_Init(&argc, &argv);
    handle_signal(SIGINT, want_stop); /* after MPI_Init, which may set handlers of its own */
    handle_signal(SIGTERM, want_stop);
    handle_signal(SIGUSR1, want_save);
    handle_signal(SIGXFSZ, SIG_IGN); /* a file over the user's limit is a failed write, with a message */
    bool first = kerf_is_first_rank(MPI_COMM_WORLD);
    enum kerf_status status = KERF_OK;
    if (asks_version && first)
        print_version();
    else if (asks_help && first)
        print_help(stdout);
    else if (!asks_version && !asks_help)
        status = run(argc, argv, &error);
    if (status != KERF_OK && first)
        fprintf(stderr, "kerf: %s\n", error.message);
    if (fflush(stdout) != 0 && status == KERF_OK) {
        fprintf(stderr, "kerf: cannot write to standard output\n");
        status = KERF_ERR_FAILURE;
    }
    /* Rank 0 speaks before any rank leaves: a launcher may end the others as soon as one has failed. */
    MPI_Barrier(MPI_COMM_WORLD);
    PetscBool petsc_runs;
    if (PetscInitialized(&petsc_runs) == 0 && petsc_runs)
        PetscFinalize();
    MPI_Finalize();
    return (int)status;
}
