/* facula convert: a file of tensors in another format; a model as ONNX. */
#include <argp.h>
#include <string.h>

#include "any_file.h"
#include "commands.h"
#include "program_model.h"

static error_t parse(int key, char *text, struct argp_state *state)
{
    char **files = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num > 1) argp_error(state, "'%s' is not expected: there are one FROM and one TO", text);
        files[state->arg_num] = text;
        if (state->arg_num == 1 && !fac_name_format(text))
            argp_error(state, "the name of '%s' says no format: .safetensors, .npy, .npz, .pt, .pth or .onnx", text);
        return 0;
    case ARGP_KEY_END:
        if (!files[1]) argp_error(state, "which FROM and TO?");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* What takes inputs as they come from the data, and gives what the network gives. */
static void write_onnx(const char *from, const char *to)
{
    model_spec spec;
    fac_module *model = model_open(from, &spec, NULL);
    fac_scope {
        int64_t n = model ? items_at_once(network_of(model), 2) : 0;
        fac_dims shape = {.n = spec.shape.n + 1, .d = {n}};
        memcpy(shape.d + 1, spec.shape.d, (size_t)spec.shape.n * sizeof *shape.d);
        fac_tensor *x = model ? fac_randn(shape) : NULL;
        if (x) fac_onnx_save(model, FAC_TENSORS(x), to, .dynamic_batch = n == 2);
    }
    fac_module_free(model);
    model_spec_drop(&spec);
}

static bool is_onnx(const char *path)
{
    const char *format = fac_name_format(path);
    return format && !strcmp(format, "onnx");
}

int convert_command(int argc, char **argv)
{
    const struct argp argp = {
        .parser = parse,
        .args_doc = "FROM TO",
        .doc =
            "Writes the tensors in FROM to TO, in the format that its name says: .safetensors, .npy, .npz, .pt or "
            ".pth. What "
            "FROM is, is found by what is in it; it may be an idx file, too, which is one tensor. Where TO is a .onnx "
            "file, the model in FROM is written, which takes inputs as they come from the data; where it ends in "
            ".safetensors.index.json, several files of at most 5 GB each are, beside that index.\v"
            "Examples:\n  facula convert model.safetensors model.npz\n  facula convert model.safetensors model.onnx\n"};
    char *files[2] = {NULL, NULL};
    argp_parse(&argp, argc, argv, 0, NULL, files);
    if (is_onnx(files[1])) {
        write_onnx(files[0], files[1]);
        return 0;
    }
    fac_state *state = load_any(files[0], true);
    if (state) fac_save(state, files[1]);
    fac_state_free(state);
    return 0;
}
