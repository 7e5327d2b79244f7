/* Floor 7. Nodes in programs of torch.export: calls of operators, and of arithmetic on sizes. */
#include <string.h>

#include "export_program.h"
#include "ops/op.h"
#include "ops/schema.h"

#define NAMESPACES "torch.ops."
#define BAD FAC__EXPORT_BAD

/* ---- calls -------------------------------------------------------------------------------------------------- */

static const json_t *input_named(const json_t *inputs, const char *name)
{
    for (size_t i = 0; i < json_array_size(inputs); i++) {
        const json_t *input = json_array_get(inputs, i);
        const char *is = fac__export_text(input, "name");
        if (is && !strcmp(is, name)) return json_object_get(input, "arg");
    }
    return NULL;
}

/* The count of batches that batch norm keeps. */
static bool counts_batches(const fac__export_reader *p, const json_t *arg)
{
    const char *name = fac__export_text(json_object_get(arg, "as_tensor"), "name");
    const json_t *v = name ? json_object_get(p->values, name) : NULL;
    const fac__graph_value *value = v ? &p->g->code->values[json_integer_value(v)] : NULL;
    const char *found = value && value->source == FAC__FROM_STATE ? strstr(value->name, "num_batches_tracked") : NULL;
    return found && !strcmp(found, "num_batches_tracked");
}

/* Whether the argument says that this is training, and so goes by the module's mode. Batch norm without running
 * statistics has but one mode; what it counts is batches in training. */
static bool goes_by_mode(const fac__export_reader *p, const char *target, const json_t *inputs, const char *name,
                         const fac__term *t)
{
    if (t->kind != FAC__TERM_CONSTANT || t->constant.kind != FAC_VALUE_SCALAR) return false;
    if (!strcmp(name, "dropout_p")) return true;
    if (!strcmp(name, "other")) return strstr(target, ".add") && counts_batches(p, input_named(inputs, "self"));
    if (strcmp(name, "training") != 0 && strcmp(name, "train") != 0) return false;
    return !strstr(target, "batch_norm") || json_object_get(input_named(inputs, "running_mean"), "as_tensor") != NULL;
}

/* Names for what a node gives: one result after the other, or the tensors of one list. */
static bool set_outputs(fac__export_reader *p, const json_t *outputs, const int *values, int n_values)
{
    const json_t *list = json_object_get(json_array_get(outputs, 0), "as_tensors");
    if (list && json_array_size(outputs) != 1) return fac__export_damaged(p, "results");
    for (int i = 0; i < n_values; i++) {
        const json_t *out = json_array_get(list ? list : outputs, (size_t)i);
        const char *name = list ? fac__export_text(out, "name") : fac__export_name(out);
        if (!name && json_object_get(out, "as_none")) continue;
        if (!fac__export_set_value(p, name, values[i])) return false;
    }
    return true;
}

static int count_outputs(const json_t *outputs)
{
    size_t n = json_array_size(outputs);
    const json_t *first = json_array_get(outputs, 0);
    if (json_object_get(first, "as_tensors")) n = json_array_size(json_object_get(first, "as_tensors"));
    if (json_object_get(first, "as_none") && n == 1) n = 0;
    return (int)n;
}

/* The first of the names that a node gives, where the node itself has none. */
static const char *name_of_node(const json_t *node)
{
    const char *name = fac__export_text(node, "name");
    const json_t *out = json_array_get(json_object_get(node, "outputs"), 0);
    if (!name) name = fac__export_name(out);
    if (!name) name = fac__export_text(json_array_get(json_object_get(out, "as_tensors"), 0), "name");
    return name ? name : "node";
}

/* Whether the argument, the i-th, may stand without its name. Older programs do not say. */
static bool positional(const json_t *input, const char *op, const char *name, int i)
{
    const json_t *kind = json_object_get(input, "kind");
    if (json_is_integer(kind)) return json_integer_value(kind) == 1;
    char full[128];
    fac__signature s;
    const fac__op *known = fac__op_resolve(op, full, sizeof full) ? fac__op_named(full) : NULL;
    if (!known || !fac__parse_schema(known->schema, &s)) return true;
    for (int k = 0; k < s.count; k++)
        if (s.params[k].name_length == (int)strlen(name) && !strncmp(s.params[k].name, name, strlen(name)))
            return k == i && !s.params[k].keyword_only;
    return true;
}

static bool read_arguments(fac__export_reader *p, const char *target, const json_t *inputs, fac__new_call *call)
{
    size_t n = json_array_size(inputs);
    fac__term *args = fac__export_room(p, n, sizeof *args);
    fac__named_term *keywords = fac__export_room(p, n, sizeof *keywords);
    if (!args || !keywords) return false;
    call->args = args;
    call->keywords = keywords;
    for (size_t i = 0; i < n; i++) {
        const json_t *input = json_array_get(inputs, i);
        const char *name = fac__export_text(input, "name");
        fac__term t;
        if (!name) return fac__export_damaged(p, "an argument's name");
        if (!fac__export_argument(p, json_object_get(input, "arg"), &t)) return false;
        if (goes_by_mode(p, target, inputs, name, &t)) t.kind = FAC__TERM_TRAINING;
        if (call->function || (!call->n_keywords && positional(input, call->op, name, call->n_args)))
            args[call->n_args++] = t;
        else
            keywords[call->n_keywords++] = (fac__named_term){name, t};
    }
    return true;
}

/* Operators that are others here. A view of a tensor that does not lie in memory as PyTorch's would is a copy. */
static const struct renamed {
    const char *target, *op;
    int n_values; /* of those that it gives only so many; 0: all */
} renamed_ops[] = {
    {"torch.ops.aten.view.default", "aten.reshape.default", 0},
    {"torch.ops.aten._unsafe_view.default", "aten.reshape.default", 0},
    {"torch.ops.aten._unsafe_index.Tensor", "aten.index.Tensor", 0},
    {"torch.ops.aten._unsafe_index_put.default", "aten.index_put.default", 0},
    {"torch.ops.aten.__and__.Tensor", "aten.bitwise_and.Tensor", 0},
    {"torch.ops.aten.__and__.Scalar", "aten.bitwise_and.Scalar", 0},
    {"torch.ops.aten.__or__.Tensor", "aten.bitwise_or.Tensor", 0},
    {"torch.ops.aten.__or__.Scalar", "aten.bitwise_or.Scalar", 0},
    {"torch.ops.aten.__xor__.Tensor", "aten.bitwise_xor.Tensor", 0},
    {"torch.ops.aten.__xor__.Scalar", "aten.bitwise_xor.Scalar", 0},
    {"torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default", "aten.scaled_dot_product_attention.default",
     1},
};

static const struct renamed *renamed(const char *target)
{
    for (size_t i = 0; i < sizeof renamed_ops / sizeof *renamed_ops; i++)
        if (!strcmp(renamed_ops[i].target, target)) return &renamed_ops[i];
    return NULL;
}

/* The operator for fac_call; NULL where the target is none. */
static const char *operator_of(const char *target)
{
    const struct renamed *r = renamed(target);
    if (r) return r->op;
    return strncmp(target, NAMESPACES, strlen(NAMESPACES)) ? NULL : target + strlen(NAMESPACES);
}

/* Whether the program's tensor lies row by row in memory, as far as its sizes are numbers. */
static bool lies_in_rows(const fac__export_reader *p, const json_t *arg)
{
    const char *name = fac__export_text(json_object_get(arg, "as_tensor"), "name");
    const json_t *meta = name ? json_object_get(json_object_get(p->graph, "tensor_values"), name) : NULL;
    const json_t *sizes = json_object_get(meta, "sizes"), *strides = json_object_get(meta, "strides");
    json_int_t step = 1;
    for (size_t i = json_array_size(sizes); i-- > 0;) {
        const json_t *size = json_object_get(json_array_get(sizes, i), "as_int"),
                     *stride = json_object_get(json_array_get(strides, i), "as_int");
        if (!size || !stride) return true;
        if (json_integer_value(size) != 1 && json_integer_value(stride) != step) return false;
        if (__builtin_mul_overflow(step, json_integer_value(size), &step)) return false;
    }
    return true;
}

/* as_strided reads memory as it lies, so the tensor is to lie here as it lies in PyTorch: row by row. */
static bool strided_of_rows(fac__export_reader *p, const json_t *inputs, fac__new_call *call)
{
    if (!call->n_args || strncmp(call->op, "aten.as_strided", strlen("aten.as_strided"))) return true;
    if (!lies_in_rows(p, json_object_get(json_array_get(inputs, 0), "arg")))
        return BAD("%s: '%.200s' takes elements of a tensor that does not lie row by row in memory, which facula "
                   "cannot do as PyTorch does",
                   p->path, p->where);
    int rows;
    fac__new_call contiguous = {.name = p->where, .op = "aten.contiguous", .args = call->args, .n_args = 1};
    fac__term *args = (fac__term *)call->args;
    if (!fac__graph_call(p->g, &contiguous, 1, &rows)) return false;
    args[0] = fac__term_value(rows);
    return true;
}

bool fac__export_node(fac__export_reader *p, const json_t *node)
{
    const char *target = fac__export_text(node, "target");
    const json_t *inputs = json_object_get(node, "inputs"), *outputs = json_object_get(node, "outputs");
    p->where = name_of_node(node);
    if (!target || !json_is_array(inputs) || !json_is_array(outputs)) return fac__export_damaged(p, "a part");
    int n = count_outputs(outputs);
    if (renamed(target) && renamed(target)->n_values) n = renamed(target)->n_values;
    fac__new_call call = {.name = p->where, .op = operator_of(target), .function = fac__export_function(target)};
    if (!call.op) call.op = target;
    if (json_array_size(inputs) > FAC__MAX_PARAMS) return fac__export_damaged(p, "the number of arguments");
    int *values = fac__export_room(p, (size_t)n, sizeof *values);
    return values && read_arguments(p, target, inputs, &call) && strided_of_rows(p, inputs, &call) &&
           fac__graph_call(p->g, &call, n, values) && set_outputs(p, outputs, values, n);
}

/* All that is missing at once, since who has to do without wants to know how much it is. */
bool fac__export_check_targets(const fac__export_reader *p, const json_t *nodes)
{
    char text[800] = "";
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);
        const char *target = fac__export_text(node, "target");
        if (!target || fac__export_function(target)) continue;
        const char *op = operator_of(target);
        if (op && fac_op_exists(op)) continue;
        size_t n = strlen(text);
        if (!strstr(text, op ? op : target))
            snprintf(text + n, sizeof text - n, "%s%.100s (node '%.60s')", n ? ", " : "", op ? op : target,
                     name_of_node(node));
    }
    return !*text || BAD("%s: the program calls what facula does not have: %s", p->path, text);
}
