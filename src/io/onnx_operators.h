/* Floor 7. ONNX's operators (https://github.com/onnx/onnx/blob/main/docs/Operators.md) and facula's: one table for both
 * directions. A row says how a node becomes calls of a graph module (load), and how a traced call becomes nodes (save). The
 * rows stand in the tables that onnx_table.c lists.
 *
 *     {"Relu", "relu", fac__onnx_load_plain, fac__onnx_save_plain},
 */
#ifndef FACULA_ONNX_OPERATORS_H
#define FACULA_ONNX_OPERATORS_H

#include "call_trace.h"
#include "facula/onnx.h"
#include "nn/graph_module_impl.h"
#include "onnx_model.h"

typedef struct fac__onnx_loader fac__onnx_loader;
typedef struct fac__onnx_saver fac__onnx_saver;

typedef struct fac__onnx_operator {
    const char *onnx; /* "" where a call becomes several nodes of other names */
    const char *aten; /* the base name of the call; "" where a node becomes calls of other names */
    bool (*load)(fac__onnx_loader *l, const struct fac__onnx_operator *row); /* NULL: only written */
    bool (*save)(fac__onnx_saver *s, const struct fac__onnx_operator *row);  /* NULL: only read */
} fac__onnx_operator;

/* Each ends with a row of NULLs. */
extern const fac__onnx_operator fac__onnx_math[], fac__onnx_pairs[], fac__onnx_layers[], fac__onnx_windows[],
    fac__onnx_sizes[], fac__onnx_parts[], fac__onnx_recurrent[], fac__onnx_resize[], fac__onnx_pools[],
    fac__onnx_formulas[], fac__onnx_images[], fac__onnx_reduce[], fac__onnx_order[], fac__onnx_norms[],
    fac__onnx_indices[], fac__onnx_losses[], fac__onnx_create[], fac__onnx_attention[];
/* All rows: i from 0; NULL behind the last. */
const fac__onnx_operator *fac__onnx_operator_at(int i);

enum { FAC__ONNX_OPSET = 17, FAC__ONNX_IR = 8, FAC__ONNX_OLDEST = 7 };

/* ---- loading a node ------------------------------------------------------------------------------------------ */

typedef struct fac__onnx_name {
    const char *name;
    fac_tensor *known; /* its elements, if the file has them; the model's */
    bool learnt;       /* known, and a parameter */
    bool kept;         /* known, and a buffer */
    int value;         /* in the graph; -1: not made yet */
    bool sizes;        /* the value is an int or ints, not a tensor: what comes of Shape */
    int length;        /* of such a value: how many; -1: not known; 0 dimensions: 1 */
    bool single;       /* one int, not a list of them */
    fac_dims shape;    /* of an input of the network; n = -1: not known, as of all other values */
} fac__onnx_name;

struct fac__onnx_loader {
    const char *path;
    const fac__onnx_model *model;
    fac__graph *g;
    fac__onnx_name *names;
    int n_names;
    int *table; /* open addressing: name -> its place + 1 */
    int table_size;
    const fac__onnx_node *node; /* that is loaded now */
    bool failed;                /* an error is pending that a row's load may not have seen */
};

/* A new name; NULL after an error: it is there already. */
fac__onnx_name *fac__onnx_add_name(fac__onnx_loader *l, const char *name);
/* Whether input i is there. */
bool fac__onnx_given(const fac__onnx_loader *l, int i);
/* What is known of input i; NULL where it is not there. */
fac__onnx_name *fac__onnx_input(fac__onnx_loader *l, int i);
/* Its elements, where they stand in the file; else NULL. */
fac_tensor *fac__onnx_known(fac__onnx_loader *l, int i);
/* The same as ints, at most FAC_MAX_DIMS; false, with an error, where it is not known or too long. */
bool fac__onnx_known_ints(fac__onnx_loader *l, int i, fac_dims *out);
/* Input i as an argument: a tensor; none where it is not there. */
fac__term fac__onnx_arg(fac__onnx_loader *l, int i);
/* The same as ints: a list for a shape, one for an axis. */
fac__term fac__onnx_ints(fac__onnx_loader *l, int i);

int64_t fac__onnx_int(const fac__onnx_loader *l, const char *attribute, int64_t otherwise);
double fac__onnx_float(const fac__onnx_loader *l, const char *attribute, double otherwise);
/* 0.1f was 0.1 to who wrote it: the shortest number that is this float. */
double fac__onnx_shortest(float f);
const char *fac__onnx_word(const fac__onnx_loader *l, const char *attribute, const char *otherwise);
/* An attribute of ints; n = -1: not given. One longer than FAC_MAX_DIMS is an error. */
fac_dims fac__onnx_list(fac__onnx_loader *l, const char *attribute);

/* Adds a call; the number of its first value, -1 after an error. */
int fac__onnx_call_n(fac__onnx_loader *l, const char *op, int n_values, const fac__term *args, int n_args,
                     const fac__named_term *keywords, int n_keywords);
#define fac__onnx_call(l, op, ...)                                                                                     \
    fac__onnx_call_n(l, op, 1, (const fac__term[]){__VA_ARGS__},                                                       \
                     (int)(sizeof((const fac__term[]){__VA_ARGS__}) / sizeof(fac__term)), NULL, 0)
int fac__onnx_function_n(fac__onnx_loader *l, const char *name, fac__graph_function function, const fac__term *args,
                         int n_args);
int fac__onnx_function_many(fac__onnx_loader *l, const char *name, fac__graph_function function, int n_values,
                            const fac__term *args, int n_args);
#define fac__onnx_function(l, name, function, ...)                                                                     \
    fac__onnx_function_n(l, name, function, (const fac__term[]){__VA_ARGS__},                                          \
                         (int)(sizeof((const fac__term[]){__VA_ARGS__}) / sizeof(fac__term)))
/* Gives output k of the node that value; what is known of it is returned. False where the value is -1. */
bool fac__onnx_result(fac__onnx_loader *l, int k, int value);
/* The same for an int or ints. */
bool fac__onnx_result_sizes(fac__onnx_loader *l, int value, int length, bool single);
/* Gives output 0 elements that are known. The loader takes no reference: the model has it. */
bool fac__onnx_result_known(fac__onnx_loader *l, fac_tensor *t);
/* An error that names the file, the node and its operator. False. */
bool fac__onnx_error(const fac__onnx_loader *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* All inputs, one call of row->aten, the first output. */
bool fac__onnx_load_plain(fac__onnx_loader *l, const fac__onnx_operator *row);

static inline fac__term fac__term_dims(const fac_dims *d)
{
    fac_value v = fac_value_none();
    v.kind = FAC_VALUE_INTS;
    v.v.ints.items = d->d;
    v.v.ints.count = d->n;
    return fac__term_constant(v);
}

/* ---- saving a call ------------------------------------------------------------------------------------------- */

struct fac__onnx_saver {
    fac__onnx_model *model;
    const fac__trace *a, *b; /* the same pass, run on two sizes of the batch; one, where that is fixed */
    int64_t batch_a, batch_b;
    const char **names; /* of a's values */
    const char *batch;  /* the name of the batch's size, an int64 [1], once it is asked for */
    int batch_dim;
    int call;                      /* that is saved now */
    const fac__onnx_tensor *state; /* the module's parameters and buffers */
    int n_state;
    int made; /* names so far */
};

/* An int of the pass, which may be a multiple of the batch's size, plus a constant. */
typedef struct fac__onnx_size {
    int64_t fixed, times;
} fac__onnx_size;

const fac__trace_call *fac__onnx_saved(const fac__onnx_saver *s);
/* Its first result, as it was traced. */
static inline fac_tensor *fac__onnx_traced(const fac__onnx_saver *s)
{
    return s->a->values[fac__onnx_saved(s)->first].t;
}
/* The argument at place i as a tensor: the value's name; "" where it is none. */
const char *fac__onnx_name_at(fac__onnx_saver *s, int i);
fac_tensor *fac__onnx_tensor_at(const fac__onnx_saver *s, int i);
/* A tensor or number as a tensor of that dtype. */
const char *fac__onnx_operand(fac__onnx_saver *s, int i, fac_dtype dtype);
const char *fac__onnx_cast(fac__onnx_saver *s, const char *name, fac_dtype from, fac_dtype to);
/* Ints, which are the same for every batch; another argument is an error. */
bool fac__onnx_int_at(fac__onnx_saver *s, int i, int64_t *out);
bool fac__onnx_dims_at(fac__onnx_saver *s, int i, fac_dims *out);
double fac__onnx_float_at(const fac__onnx_saver *s, int i, double otherwise);
bool fac__onnx_bool_at(const fac__onnx_saver *s, int i);
/* The result's shape; times of a size is 0 where it is fixed. False, with an error, where it is neither. */
bool fac__onnx_shape_of(fac__onnx_saver *s, int value, fac__onnx_size *shape, int *n);
/* The name of an int64 [n] with these sizes, computed where they depend on the batch. */
const char *fac__onnx_put_sizes(fac__onnx_saver *s, const fac__onnx_size *sizes, int n);
/* The name of a tensor with such elements, by itself: the model takes the reference. */
const char *fac__onnx_put_constant(fac__onnx_saver *s, fac_tensor *t);
const char *fac__onnx_put_ints(fac__onnx_saver *s, const int64_t *ints, int n);
const char *fac__onnx_put_number(fac__onnx_saver *s, double number, fac_dtype dtype);

/* A node whose inputs are these names, up to a NULL; its output gets a new name, which is returned. */
const char *fac__onnx_put(fac__onnx_saver *s, const char *op, const char *const *inputs);
#define fac__onnx_node(s, op, ...) fac__onnx_put(s, op, (const char *const[]){__VA_ARGS__, NULL})
/* Give the node that was put last an attribute, or another output. */
void fac__onnx_give_int(fac__onnx_saver *s, const char *name, int64_t value);
void fac__onnx_give_float(fac__onnx_saver *s, const char *name, double value);
void fac__onnx_give_word(fac__onnx_saver *s, const char *name, const char *value);
/* Several texts, with spaces between. */
void fac__onnx_give_words(fac__onnx_saver *s, const char *name, const char *words);
void fac__onnx_give_ints(fac__onnx_saver *s, const char *name, const int64_t *ints, int n);
const char *fac__onnx_give_output(fac__onnx_saver *s);
/* Whether somebody looks at the call's result k: another call, or the network's outputs. */
bool fac__onnx_wanted(const fac__onnx_saver *s, int k);
/* Says what the call's result k is called. False where name is NULL. */
bool fac__onnx_is(fac__onnx_saver *s, int k, const char *name);
/* "… cannot be written as ONNX: …", with the operation in front. False. */
bool fac__onnx_cannot(const fac__onnx_saver *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* All arguments that are tensors, one node row->onnx. */
bool fac__onnx_save_plain(fac__onnx_saver *s, const fac__onnx_operator *row);

/* ---- the whole ----------------------------------------------------------------------------------------------- */

/* A graph module of the model; NULL after an error. path: for errors. */
fac_module *fac__onnx_module(const char *path, const fac__onnx_model *model);

#endif
