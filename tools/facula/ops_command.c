/* facula ops: the operations that there are. */
#include <argp.h>
#include <facula/facula.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json_line.h"
#include "ops/op.h"

enum { JSON = 256 };

struct arguments {
    const char *name;
    bool json;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *a = state->input;
    switch (key) {
    case JSON: a->json = true; return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 0) argp_error(state, "'%s' is not expected: there is one NAME", text);
        a->name = text;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* "add" names add.Tensor(…) and add.Scalar(…); "add.Tensor" the first only; "mm" also a name behind a namespace, linalg.mm. */
static bool names(const char *schema, const char *name)
{
    size_t n = strlen(name), whole = strcspn(schema, "(");
    if (whole >= n && !strncmp(schema, name, n) && (schema[n] == '.' || schema[n] == '(')) return true;
    const char *dot = memchr(schema, '.', whole);
    return dot && names(dot + 1, name);
}

static void print(const char *schema, const char *doc, bool json, bool in_short)
{
    if (json) {
        print_json(json_pack("{ss ss}", "schema", schema, "about", doc));
    } else if (in_short) {
        printf("%-32.*s  %s\n", (int)strcspn(schema, "("), schema, doc);
    } else {
        printf("%s\n    %s\n", schema, doc);
    }
}

int ops_command(int argc, char **argv)
{
    static const struct argp_option options[] = {{"json", JSON, 0, 0, "print a line of JSON for each", 0}, {0}};
    const struct argp argp = {.options = options,
                              .parser = parse,
                              .args_doc = "[NAME]",
                              .doc = "Lists the operations that can be called by name, or shows all of that NAME, "
                                     "with their schemas.\v"
                                     "Examples:\n  facula ops\n  facula ops conv2d\n  facula ops add.Tensor --json\n"};
    struct arguments a = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    int found = 0;
    char plain[128]; /* "mul" where the name is "multiply" */
    if (a.name && fac__op_resolve(a.name, plain, sizeof plain)) a.name = plain;
    for (int i = 0; fac_op_schema(i); i++)
        if (!a.name || names(fac_op_schema(i), a.name)) {
            print(fac_op_schema(i), fac_op_doc(i), a.json, !a.name);
            found++;
        }
    if (!found) fac_raise(FAC_ERROR_VALUE, "there is no operation '%s'; facula ops lists them all", a.name);
    return 0;
}
