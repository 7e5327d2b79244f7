/* Floor 5. How a graph module is made: by whoever reads a file whose network is a list of calls.
 *
 *     fac__graph *g = fac__graph_new();
 *     int x = fac__graph_input(g, "x", FAC_FLOAT32, FAC_DIMS(-1, 784));
 *     int w = fac__graph_parameter(g, "fc.weight", weight);
 *     int b = fac__graph_parameter(g, "fc.bias", bias);
 *     fac__term args[] = {fac__term_value(x), fac__term_value(w), fac__term_value(b)};
 *     int y;
 *     fac__graph_call(g, &(fac__new_call){.name = "fc", .op = "aten.linear", .args = args, .n_args = 3}, 1, &y);
 *     fac__graph_output(g, "y", fac__term_value(y));
 *     fac_module *module = fac__graph_ready(g);
 *
 * A value is a number: of an input, a parameter, a result. Functions give -1 (false) after an error, and pass on a
 * value -1 that they get; the graph remembers it, and fac__graph_ready returns NULL then. So one check, the last, is enough.
 * All that is given is copied, but tensors, which are shared. */
#ifndef FACULA_GRAPH_MODULE_IMPL_H
#define FACULA_GRAPH_MODULE_IMPL_H

#include <stdatomic.h>

#include "facula/graph_module.h"
#include "nn/module_impl.h"

/* ---- arguments of calls ------------------------------------------------------------------------------------- */

typedef enum fac__term_kind {
    FAC__TERM_CONSTANT,
    FAC__TERM_VALUE,
    FAC__TERM_LIST,    /* of terms: becomes Tensor[], int[] or a list, by what is in it */
    FAC__TERM_TRAINING /* the constant, a number (where there is none, True), in training mode; else 0 of its kind */
} fac__term_kind;

typedef struct fac__term fac__term;
struct fac__term {
    fac__term_kind kind;
    int value;
    int count; /* items */
    const fac__term *items;
    fac_value constant; /* no tensor: for one use fac__graph_constant. Lists of ints, strings may point anywhere */
};

static inline fac__term fac__term_value(int value)
{
    return (fac__term){.kind = FAC__TERM_VALUE, .value = value};
}
static inline fac__term fac__term_constant(fac_value constant)
{
    return (fac__term){.kind = FAC__TERM_CONSTANT, .constant = constant};
}
static inline fac__term fac__term_none(void)
{
    return fac__term_constant(fac_value_none());
}
static inline fac__term fac__term_int(int64_t i)
{
    return fac__term_constant(fac_value_scalar(fac_scalar_int(i)));
}
static inline fac__term fac__term_float(double f)
{
    return fac__term_constant(fac_value_scalar(fac_scalar_float(f)));
}
static inline fac__term fac__term_bool(bool b)
{
    return fac__term_constant(fac_value_scalar(fac_scalar_bool(b)));
}
static inline fac__term fac__term_if_training(fac_scalar s)
{
    return (fac__term){.kind = FAC__TERM_TRAINING, .constant = fac_value_scalar(s)};
}
static inline fac__term fac__term_list(const fac__term *items, int count)
{
    return (fac__term){.kind = FAC__TERM_LIST, .items = items, .count = count};
}

/* ---- making ------------------------------------------------------------------------------------------------- */

typedef struct fac__graph fac__graph;

/* What is called where an operation is no operator of facula's: arithmetic of sizes, for instance. As fac_call; lists in
 * results must last as long as the scope (fac__graph_ints). Tensors that it makes belong to the scope. */
typedef int (*fac__graph_function)(const fac_value *args, int n_args, fac_value *results, int max);
/* n ints that last as long as the scope, to be filled; NULL after an error. */
int64_t *fac__graph_ints(int64_t n);

typedef struct fac__named_term {
    const char *name;
    fac__term term;
} fac__named_term;

typedef struct fac__new_call {
    const char *name; /* of the node in the file, for errors and printing */
    const char *op;   /* for fac_call; of a function: what is printed */
    fac__graph_function function;
    const fac__term *args;
    int n_args;
    const fac__named_term *keywords;
    int n_keywords;
} fac__new_call;

/* NULL when memory runs out. */
fac__graph *fac__graph_new(void);
/* shape: sizes that are not fixed are -1; n = -1: not known. */
int fac__graph_input(fac__graph *g, const char *name, fac_dtype dtype, fac_dims shape);
/* A member of the module, by its name in the state dict: "layer1.0.weight" makes modules "layer1" and "0" in it. */
int fac__graph_parameter(fac__graph *g, const char *name, fac_tensor *tensor);
int fac__graph_buffer(fac__graph *g, const char *name, fac_tensor *tensor);
/* A tensor that is in no state dict. A copy of the module gets one of its own. */
int fac__graph_constant(fac__graph *g, const char *name, fac_tensor *tensor);
/* An operation's outputs, in order, become values[0 … n_values - 1]; more that it has are dropped. An operation that facula does
 * not have is an error that names it and the call. */
bool fac__graph_call(fac__graph *g, const fac__new_call *call, int n_values, int *values);
bool fac__graph_output(fac__graph *g, const char *name, fac__term term);
/* After each run the value is copied into another, a buffer, constant or input, which is changed in place. */
bool fac__graph_update(fac__graph *g, int into, int value);
/* Whether something failed so far. */
bool fac__graph_failed(const fac__graph *g);
/* The module; NULL, with everything freed, where something failed. To give up, fac_module_free(g). */
fac_module *fac__graph_ready(fac__graph *g);

/* ---- what it is made of ------------------------------------------------------------------------------------- */

typedef enum fac__value_source {
    FAC__FROM_INPUT,
    FAC__FROM_STATE,
    FAC__FROM_CONSTANT,
    FAC__FROM_CALL
} fac__value_source;

typedef struct fac__graph_value {
    fac__value_source source;
    int at; /* which input, constant or call */
    const char *name;
    fac_dtype dtype; /* of an input */
    fac_dims shape;
} fac__graph_value;

typedef struct fac__graph_node {
    const char *name, *op;
    const char *label; /* "name (op)" */
    fac__graph_function function;
    const fac__term *args;
    const fac__named_term *keywords;
    int n_args, n_keywords;
    int first, n_values; /* its values have the numbers from `first` on */
} fac__graph_node;

typedef struct fac__graph_change {
    int into, value;
} fac__graph_change;

/* The calls, which copies of a module share: they do not change after fac__graph_ready. */
typedef struct fac__graph_code {
    atomic_int refs;
    struct fac__graph_block *blocks; /* what the texts and terms lie in */
    fac__graph_value *values;
    fac__graph_node *nodes;
    fac__named_term *outputs;
    fac__graph_change *changes;
    int n_values, n_nodes, n_outputs, n_changes, n_inputs, n_constants;
    size_t scratch; /* bytes for the arguments of a call, the most that one needs */
} fac__graph_code;

struct fac__graph {
    fac_module base;
    fac__graph_code *code;
    fac_tensor **constants;
};

extern const fac_module_type fac__graph_type;
/* What a print shows between the parentheses; as snprintf. */
int fac__graph_repr(const fac_module *self, char *text, size_t size);
fac_tensor *fac__graph_forward(fac_module *self, fac_tensor *x);
void fac__graph_code_drop(fac__graph_code *code);

#endif
