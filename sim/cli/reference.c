/* The cli room: kerf reference, the commands as a document, a man page or completions of a shell. All is made
 * of the tables that the command line is read with. */
#include "build_info.h"
#include "sim/cli/command.h"

#include <stdio.h>
#include <string.h>

static const char about[] = "wafer-scale systems against GPU clusters, simulated end to end";

static const struct {
    const char *status, *meaning;
} statuses[] = {{"0", "done"},
                {"1", "a file or the machine failed"},
                {"2", "the scenario, the catalog or the command line is wrong"},
                {"85", "stopped early, with a checkpoint to go on from"}};

static const struct {
    const char *name, *meaning;
} variables[] = {{"KERF_CATALOG", "folder of the catalog to use in place of the one that came with kerf"}};

static void print_markdown(FILE *out)
{
    fprintf(out, "# Commands\n\nMade by `kerf reference markdown`. All run under `mpirun -n N` as well.\n");
    for (int i = 0; kerf_command_at(i); i++) {
        const struct kerf_command *command = kerf_command_at(i);
        fprintf(out, "\n## kerf %s\n%c%s.\n\n```text\nkerf %s%s%s\n\n%s```\n", command->name,
                command->summary[0] + 'A' - 'a', command->summary + 1, command->name,
                *command->arguments ? " " : "", command->arguments, command->help);
    }
    fprintf(out, "\n## Exit status\n");
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        fprintf(out, "- %s: %s\n", statuses[i].status, statuses[i].meaning);
    fprintf(out, "\n## Environment\n");
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        fprintf(out, "- `%s`: %s\n", variables[i].name, variables[i].meaning);
}

/* Text of a man page: a backslash and a line's first dot or quote would be commands. */
static void print_roff(FILE *out, const char *text)
{
    for (bool at_start = true; *text; text++) {
        if (at_start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        fputs(*text == '\\' ? "\\e" : *text == '-' ? "\\-" : (const char[]){*text, '\0'}, out);
        at_start = *text == '\n';
    }
}

static void print_man(FILE *out)
{
    fprintf(out, ".TH KERF 1 \"\" \"kerf %s\"\n.SH NAME\nkerf \\- %s\n.SH SYNOPSIS\n", KERF_VERSION, about);
    for (int i = 0; kerf_command_at(i); i++) {
        fprintf(out, ".B kerf %s\n", kerf_command_at(i)->name);
        print_roff(out, kerf_command_at(i)->arguments);
        fprintf(out, "\n.br\n");
    }
    fprintf(out, ".SH DESCRIPTION\nAll commands run under\n.B mpirun\nas well.\n.SH COMMANDS\n");
    for (int i = 0; kerf_command_at(i); i++) {
        fprintf(out, ".SS %s: ", kerf_command_at(i)->name);
        print_roff(out, kerf_command_at(i)->summary);
        fprintf(out, "\n.nf\n");
        print_roff(out, kerf_command_at(i)->help);
        fprintf(out, ".fi\n");
    }
    fprintf(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        fprintf(out, ".TP\n.B %s\n%s\n", statuses[i].status, statuses[i].meaning);
    fprintf(out, ".SH ENVIRONMENT\n");
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        fprintf(out, ".TP\n.B %s\n%s\n", variables[i].name, variables[i].meaning);
}

static void print_options(FILE *out, const char *letters)
{
    for (int i = 0; kerf_option_at(i); i++)
        if (strchr(letters, kerf_option_at(i)->letter) || kerf_option_at(i)->letter == 'h')
            fprintf(out, " %s", kerf_option_at(i)->name);
}

static void print_bash(FILE *out)
{
    fprintf(out, "# Completion of the kerf command for bash. Made by `kerf reference bash`.\n"
                 "_kerf()\n{\n"
                 "    local word=${COMP_WORDS[COMP_CWORD]} options=\n"
                 "    case ${COMP_WORDS[1]} in\n");
    for (int i = 0; kerf_command_at(i); i++) {
        fprintf(out, "    %s) options='", kerf_command_at(i)->name);
        print_options(out, kerf_command_at(i)->options);
        fprintf(out, "' ;;\n");
    }
    fprintf(out, "    esac\n"
                 "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                 "        COMPREPLY=($(compgen -W '");
    for (int i = 0; kerf_command_at(i); i++)
        fprintf(out, "%s ", kerf_command_at(i)->name);
    fprintf(out, "--help --version' -- \"$word\"))\n"
                 "    elif [ \"${word#-}\" != \"$word\" ]; then\n"
                 "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
                 "    else\n"
                 "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
                 "    fi\n}\n"
                 "complete -o filenames -F _kerf kerf\n");
}

static enum kerf_status reference(MPI_Comm comm, const struct kerf_arguments *arguments,
                                  struct kerf_error *error)
{
    static const struct {
        const char *name;
        void (*print)(FILE *out);
    } formats[] = {{"markdown", print_markdown}, {"man", print_man}, {"bash", print_bash}};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(arguments->positional[0], formats[i].name) != 0)
            continue;
        if (kerf_is_first_rank(comm))
            formats[i].print(stdout);
        return KERF_OK;
    }
    return kerf_error_set(error, KERF_ERR_USAGE, "kerf reference %s: one of markdown, man, bash is wanted",
                          arguments->positional[0]);
}

const struct kerf_command kerf_command_reference = {
    .name = "reference",
    .arguments = "markdown|man|bash",
    .summary = "print what is known of all commands",
    .help = "Prints all commands as Markdown (docs/commands.md), as a man page, or as completions of bash, "
            "for those who\n"
            "install Kerf:\n\n"
            "  source <(kerf reference bash)\n",
    .options = "",
    .least_arguments = 1,
    .most_arguments = 1,
    .run = reference,
};
