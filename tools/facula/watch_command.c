/* facula watch: serves a folder of runs to the browser, until it is interrupted. */
#include <argp.h>
#include <facula/facula.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"

struct arguments {
    const char *dir;
    fac_run_serve_options options;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    char *end;
    switch (key) {
    case 'p':
        a->options.port = (int)strtol(text, &end, 10);
        if (*end || end == text || a->options.port < 0 || a->options.port > 65535)
            argp_error(state, "a port is a number from 0 to 65535, not '%s'", text);
        return 0;
    case 'a': a->options.address = text; return 0;
    case 't': a->options.token = text; return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) argp_error(state, "there is one folder to watch");
        a->dir = text;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int watch_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"port", 'p', "N", 0, "the port to serve at; 0: any that is free (default 6060)", 0},
        {"address", 'a', "A", 0,
         "the address to serve at, if others are to reach it; needs a token (default 127.0.0.1)", 0},
        {"token", 't', "TOKEN", 0,
         "16 characters or more that must be known to see the page; or the variable FACULA_TOKEN", 0},
        {0}};
    const struct argp argp = {
        options,
        parse,
        "[DIR]",
        "Serves the runs in DIR (default: runs) to the browser. Those that go on can be steered. Ctrl-C ends it.",
        0,
        0,
        0};
    struct arguments a = {"runs", fac_run_serve_options_defaults()};
    a.options.token = getenv("FACULA_TOKEN");
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    return fac_watch_with(a.dir, a.options) ? 0 : 1;
}
