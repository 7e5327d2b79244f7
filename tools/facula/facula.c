/* The `facula` command: one program for what is done around training. Each subcommand has a row in the table and a file of its own. */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <facula/facula.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is "facula NAME" */
    const char *line;
} commands[] = {
    {"train", train_command, "train a network on data, and save it"},
    {"eval", eval_command, "say how good a model is at data"},
    {"predict", predict_command, "say what a model makes of inputs"},
    {"info", info_command, "say what is in a file"},
    {"convert", convert_command, "write a file of tensors in another format"},
    {"ops", ops_command, "list the operations that there are, or show one"},
    {"bench", bench_command, "measure how fast facula is here"},
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

/* A command raises errors, or lets the library's stand, and returns; they are said here. Warnings are said at once. */
static void say_warning(fac_error_code code, const char *op, const char *message, const char *file, int line)
{
    if (code == FAC_OK) fprintf(stderr, "facula: %s\n", message);
}

/* What was printed has to have arrived, --help and --version too, which argp ends the program after. */
static void close_output(void)
{
    const char *why = fflush(stdout) != 0 ? strerror(errno) : NULL;
    if (!why && !ferror(stdout)) return;
    fprintf(stderr, "facula: the standard output cannot be written%s%s\n", why ? ": " : "", why ? why : "");
    _exit(1);
}

int main(int argc, char **argv)
{
    atexit(close_output);
    argp_err_exit_status = 2;
    setvbuf(stdout, NULL, _IOLBF, 0); /* a line is seen as soon as it is written, through a pipe too */
    fac_set_error_handler(say_warning);
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
    int status = choice.command->run(argc - choice.at, argv + choice.at);
    if (fac_error()) fprintf(stderr, "%s: %s\n", name, fac_error());
    return fac_error() ? 1 : status;
}
