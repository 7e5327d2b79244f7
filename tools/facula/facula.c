/* The `facula` command: one program for what is done around training. Each subcommand has a row in the table and a file of its own. */
#include <argp.h>
#include <facula/facula.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is "facula NAME" */
    const char *line;
} commands[] = {
    {"watch", watch_command, "show runs in the browser, and steer those that go on"},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

struct choice {
    const struct command *command;
    int at; /* its place in argv */
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct choice *choice = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        for (int i = 0; i < COMMANDS; i++)
            if (strcmp(text, commands[i].name) == 0) choice->command = &commands[i];
        if (!choice->command) argp_error(state, "there is no command '%s'", text);
        choice->at = state->next - 1;
        state->next = state->argc; /* the rest is the command's */
        return 0;
    case ARGP_KEY_NO_ARGS: argp_usage(state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* The list of commands, behind the options. */
static char *list_commands(int key, const char *text, void *input)
{
    if (key != ARGP_KEY_HELP_POST_DOC) return (char *)text;
    char *list = NULL;
    size_t size;
    FILE *f = open_memstream(&list, &size);
    if (!f) return NULL;
    fprintf(f, "Commands, each with its own --help:\n");
    for (int i = 0; i < COMMANDS; i++)
        fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].line);
    fclose(f);
    return list;
}

static void print_version(FILE *to, struct argp_state *state)
{
    fprintf(to, "facula %s\n", fac_version());
}

int main(int argc, char **argv)
{
    argp_program_version_hook = print_version;
    const struct argp argp = {.parser = parse,
                              .args_doc = "COMMAND [ARGUMENT...]",
                              .doc = "Tools around training with facula.\v",
                              .help_filter = list_commands};
    struct choice choice = {NULL, 0};
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice);
    char name[64];
    snprintf(name, sizeof name, "facula %s", choice.command->name);
    argv[choice.at] = name;
    return choice.command->run(argc - choice.at, argv + choice.at);
}
