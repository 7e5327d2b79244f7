/* What facula info says of a program: what it takes and gives, and which operators it calls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/graph_module_impl.h"
#include "program_model.h"

/* {"aten.relu": 3, …} */
static json_t *count_calls(const fac__graph_code *code)
{
    json_t *counts = json_object();
    for (int i = 0; i < code->n_nodes; i++) {
        const char *op = code->nodes[i].op;
        json_object_set_new(counts, op, json_integer(json_integer_value(json_object_get(counts, op)) + 1));
    }
    return counts;
}

/* null: any */
static json_t *describe_input(const fac_module *program, int i)
{
    fac_dims shape = fac_graph_input_shape(program, i);
    json_t *sizes = shape.n < 0 ? json_null() : json_array();
    for (int d = 0; d < shape.n; d++)
        json_array_append_new(sizes, shape.d[d] < 0 ? json_null() : json_integer(shape.d[d]));
    return json_pack("{ss ss so}", "name", fac_graph_input_name(program, i), "dtype",
                     fac_dtype_name(fac_graph_input_dtype(program, i)), "shape", sizes);
}

static void print_sizes(const json_t *sizes)
{
    if (!json_is_array(sizes)) return;
    printf(" [");
    for (size_t d = 0; d < json_array_size(sizes); d++) {
        const json_t *size = json_array_get(sizes, d);
        printf(json_is_null(size) ? "%s?" : "%s%lld", d ? ", " : "", (long long)json_integer_value(size));
    }
    putchar(']');
}

static void print_program(const json_t *inputs, const json_t *outputs, json_t *calls, int64_t n_calls)
{
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        const json_t *in = json_array_get(inputs, i);
        printf("%-12s %s: %s", i ? "" : "takes", json_string_value(json_object_get(in, "name")),
               json_string_value(json_object_get(in, "dtype")));
        print_sizes(json_object_get(in, "shape"));
        putchar('\n');
    }
    for (size_t i = 0; i < json_array_size(outputs); i++)
        printf("%-12s %s\n", i ? "" : "gives", json_string_value(json_array_get(outputs, i)));
    printf("%-12s %lld\n", "calls", (long long)n_calls);
    const char *op;
    json_t *count;
    json_object_foreach(calls, op, count)
        printf("  %6lld  %s\n", (long long)json_integer_value(count), op);
}

void program_info(fac_module *program, json_t *json)
{
    const fac__graph_code *code = ((const fac__graph *)program)->code;
    json_t *inputs = json_array(), *outputs = json_array(), *calls = count_calls(code);
    for (int i = 0; i < fac_graph_inputs(program); i++)
        json_array_append_new(inputs, describe_input(program, i));
    for (int i = 0; i < fac_graph_outputs(program); i++)
        json_array_append_new(outputs, json_string(fac_graph_output_name(program, i)));
    if (json) {
        json_object_set(json, "inputs", inputs);
        json_object_set(json, "outputs", outputs);
        json_object_set(json, "calls", calls);
        json_object_set_new(json, "parameters", json_integer(fac_num_parameters(program)));
    } else {
        print_program(inputs, outputs, calls, code->n_nodes);
    }
    json_decref(inputs);
    json_decref(outputs);
    json_decref(calls);
}
