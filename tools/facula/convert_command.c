/* facula convert: a file of tensors in another format. */
#include <argp.h>

#include "any_file.h"
#include "commands.h"

static error_t parse(int key, char *text, struct argp_state *state)
{
    char **files = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num > 1) argp_error(state, "'%s' is not expected: there are one FROM and one TO", text);
        files[state->arg_num] = text;
        if (state->arg_num == 1 && !fac_name_format(text))
            argp_error(state, "the name of '%s' says no format: .safetensors, .npy, .npz, .pt or .pth", text);
        return 0;
    case ARGP_KEY_END:
        if (!files[1]) argp_error(state, "which FROM and TO?");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int convert_command(int argc, char **argv)
{
    const struct argp argp = {
        .parser = parse,
        .args_doc = "FROM TO",
        .doc = "Writes the tensors in FROM to TO, in the format that its name says: .safetensors, .npy, .npz, .pt or "
               ".pth. What "
               "FROM is, is found by what is in it; it may be an idx file, too, which is one tensor.\v"
               "Example:\n  facula convert model.safetensors model.npz\n"};
    char *files[2] = {NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, files);
    fac_state *state = load_any(files[0], true);
    if (state) fac_save(state, files[1]);
    fac_state_free(state);
    return 0;
}
