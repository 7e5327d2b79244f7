/* See program_model.h. */
#include "program_model.h"

#include <string.h>

#include "core/raise.h"

bool is_program(const char *path)
{
    const char *format = fac_name_format(path);
    return format && (!strcmp(format, "pytorch-export") || !strcmp(format, "onnx"));
}

fac_module *program_load(const char *path)
{
    const char *format = fac_name_format(path);
    return format && !strcmp(format, "onnx") ? fac_onnx_load(path) : fac_export_load(path);
}

/* The columns of what n zeros of that shape become; 0, with an error, where that is no [n, columns]. */
static int64_t outputs_of(fac_module *program, const char *path, int64_t n, fac_dims item)
{
    int64_t columns = 0;
    fac_scope
        fac_no_grad {
            fac_dims shape = {.n = item.n + 1, .d = {n}};
            memcpy(shape.d + 1, item.d, (size_t)item.n * sizeof *item.d);
            fac_tensor *x = fac_zeros(shape, .dtype = fac_graph_input_dtype(program, 0)), *y = fac_forward(program, x);
            if (y && fac_dim(y) == 2 && fac_size(y, 0) == n)
                columns = fac_size(y, 1);
            else if (y)
                fac_raise(FAC_ERROR_VALUE, "%s: it makes of %lld inputs something of %d dimensions, and not %lld rows",
                          path, (long long)n, fac_dim(y), (long long)n);
        }
    return columns;
}

static bool takes(fac_module *program, const model_spec *spec)
{
    fac_dims wanted = fac_graph_input_shape(program, 0);
    bool fits = wanted.n < 0 || wanted.n == spec->shape.n + 1;
    for (int i = 0; fits && wanted.n > 0 && i < spec->shape.n; i++)
        fits = wanted.d[i + 1] < 0 || wanted.d[i + 1] == spec->shape.d[i];
    if (wanted.n > 0 && wanted.d[0] >= 0)
        return fac_raise(FAC_ERROR_VALUE,
                         "%s was exported for exactly %lld inputs at a time: export it with a dynamic batch size",
                         spec->model, (long long)wanted.d[0]);
    if (!fits)
        return fac_raise(FAC_ERROR_VALUE, "%s was written for inputs of another shape than the data have: %s, not %s",
                         spec->model, fac__shape_text(wanted.n - 1, wanted.d + 1),
                         fac__shape_text(spec->shape.n, spec->shape.d));
    int64_t outputs = outputs_of(program, spec->model, 2, spec->shape);
    if (outputs && outputs != spec->outputs)
        fac_raise(FAC_ERROR_VALUE, "%s gives %lld numbers for each input, where the data need %lld", spec->model,
                  (long long)outputs, (long long)spec->outputs);
    return outputs == spec->outputs;
}

fac_module *program_network(const model_spec *spec)
{
    fac_module *program = program_load(spec->model);
    if (!program) return NULL;
    fac_eval(program);
    bool good = takes(program, spec);
    fac_train(program, true);
    if (good) return program;
    fac_module_free(program);
    return NULL;
}

static json_t *repeated(double number, int64_t n)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, json_real(number));
    return list;
}

bool program_spec(model_spec *spec, fac_module *program, const char *path)
{
    *spec = (model_spec){0};
    fac_dims shape = fac_graph_input_shape(program, 0), item;
    bool fixed = fac_graph_inputs(program) == 1 && (shape.n == 2 || shape.n == 4);
    for (int i = 1; i < shape.n; i++)
        fixed &= shape.d[i] > 0;
    if (!fixed)
        return fac_raise(FAC_ERROR_VALUE, "%s: its program does not take one input of rows or images, of a fixed size",
                         path);
    item = fac_dims_make(shape.n - 1, shape.d + 1);
    fac_eval(program);
    int64_t outputs = outputs_of(program, path, shape.d[0] > 0 ? shape.d[0] : 1, item);
    if (!outputs) return false;
    json_t *json = json_pack("{si ss ss sI so so so so so}", "format", 1, "model", path, "task", "regression",
                             "outputs", (json_int_t)outputs, "input", json_array(), "mean", repeated(0, item.d[0]),
                             "std", repeated(1, item.d[0]), "out_mean", repeated(0, outputs), "out_std",
                             repeated(1, outputs));
    for (int i = 0; i < item.n; i++)
        json_array_append_new(json_object_get(json, "input"), json_integer(item.d[i]));
    return model_spec_read(spec, json);
}

int64_t items_at_once(const fac_module *network, int64_t many)
{
    fac_dims shape = fac_is_graph(network) ? fac_graph_input_shape(network, 0) : fac_dims_make(-1, NULL);
    return shape.n > 0 && shape.d[0] > 0 ? shape.d[0] : many;
}
