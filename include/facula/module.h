/* Floor 5: modules. A module holds parameters (tensors to be learnt), buffers (tensors that go along with them) and
 * further modules, and turns a tensor into another. facula/nn.h has the ready-made ones. One of your own is a struct that
 * begins with a fac_module, and a type that names it:
 *
 *     typedef struct {
 *         fac_module base;
 *         fac_module *layer1, *layer2;
 *     } simple_nn;
 *
 *     static fac_tensor *simple_nn_forward(fac_module *self, fac_tensor *x)
 *     {
 *         simple_nn *net = (simple_nn *)self;
 *         x = fac_relu(fac_forward(net->layer1, x));
 *         return fac_forward(net->layer2, x);
 *     }
 *
 *     static const fac_module_type simple_nn_type = {
 *         .name = "SimpleNN", .size = sizeof(simple_nn), .forward = simple_nn_forward};
 *
 *     static fac_module *simple_nn_new(void)
 *     {
 *         simple_nn *net = fac_module_new(&simple_nn_type);
 *         fac_add_child(net, layer1, fac_nn_linear(2, 5));
 *         fac_add_child(net, layer2, fac_nn_linear(5, 1));
 *         return fac_module_ready(net);
 *     }
 *
 * Ownership: a module owns its children, parameters and buffers; fac_module_free on the outermost one frees them all.
 * A module that is given away, to fac_add_child or fac_nn_sequential, is taken even when that fails.
 *
 * Functions that take a module are macros where that lets them take a pointer to your own struct as well. NULL in gives
 * NULL (false, 0) out. A module is to be changed by one thread at a time. */
#ifndef FACULA_MODULE_H
#define FACULA_MODULE_H

#include <stdio.h>

#include "facula/autograd.h"
#include "facula/state.h"
#include "facula/tensor.h"

FAC_BEGIN

typedef struct fac_module fac_module;

typedef struct fac_module_type {
    const char *name; /* printed: "SimpleNN" */
    size_t size;      /* of the struct that begins with a fac_module */
    fac_tensor *(*forward)(fac_module *self, fac_tensor *x);
    /* The rest may be left out. extra_repr writes what stands in print's parentheses, as snprintf does, whose result it
     * returns: return snprintf(text, size, "scale=%g", net->scale); */
    int (*extra_repr)(const fac_module *self, char *text, size_t size);
    /* Frees what the struct owns besides children, parameters and buffers. */
    void (*free)(fac_module *self);
    /* Called on a copy made field by field, to give it its own of what `free` frees; false after an error, with nothing
     * left to free. A type with `free` and without `copy` cannot be copied. */
    bool (*copy)(fac_module *self, const fac_module *from);
    /* What fac_load_state_dict of a module of this type loads in place of the state it is given: a new one, with the names of
     * this module for those that older versions or other libraries write. NULL after an error. */
    fac_state *(*adapt_state)(const fac_module *self, const fac_state *given);
} fac_module_type;

typedef struct fac_module_list {
    fac_module **items;
    int64_t count;
} fac_module_list;

typedef struct fac_named_tensor {
    const char *name; /* "layer1.weight" */
    fac_tensor *tensor;
} fac_named_tensor;
typedef struct fac_named_tensors {
    const fac_named_tensor *items;
    int64_t count;
} fac_named_tensors;

/* Read `training`; leave the rest alone. */
struct fac_module {
    const fac_module_type *type;
    fac_module *parent;
    bool training;       /* true at first; set by fac_train and fac_eval */
    bool failed;         /* something could not be added */
    unsigned char trait; /* what Sequential may know of a layer of the library's: a fac__trait (nn/layer.h), or 0 */
    int count;
    struct fac__member *members;         /* parameters, buffers and children, in the order in which they came */
    fac_tensor_list parameters, buffers; /* what the lists below point to */
    fac_module_list children;
    fac_named_tensors named;
    char *names;
};

/* ---- making and freeing ------------------------------------------------------------------------------------- */

/* A module of that type with all its own fields zero; NULL when memory runs out. void *, to be assigned to a pointer to
 * the struct itself. */
FAC_API void *fac_module_new(const fac_module_type *type);
/* The module and all below it. A module that is a child of another is freed with that one, and not by itself. */
FAC_API void fac_module_free(void *module);
/* For the end of a constructor: the module, or NULL when something could not be added; it is freed then. */
FAC_API fac_module *fac_module_ready(void *module);

/* fac_add_child(net, layer1, module) sets net->layer1 and makes it a child of that name. With fac_add_child_named the name
 * is a text and there is no field. A name that was a child's before now means the new one, and the old one is freed.
 * module NULL (it could not be made), a name that holds a "." or belongs to a parameter, a module that has a parent
 * already: errors, module is freed, and fac_module_ready will say so. Returns the child, or NULL. */
#define fac_add_child(self, field, module) fac__ADD(self, field, fac__add_child, fac_module *, module)
FAC_API fac_module *fac_add_child_named(void *self, const char *name, fac_module *module);
/* The same for a parameter, which the module keeps a reference to. Made to require grad; one with a history is taken
 * as a leaf of its own that shares the memory (torch's nn.Parameter(t)). One tensor may be a parameter of several
 * modules: it is one parameter. Only floating dtypes. Returns the parameter, or NULL. */
#define fac_add_parameter(self, field, tensor) fac__ADD(self, field, fac__add_parameter, fac_tensor *, tensor)
/* A tensor that is saved with the module but not learnt. */
#define fac_add_buffer(self, field, tensor) fac__ADD(self, field, fac__add_buffer, fac_tensor *, tensor)

#define fac__ADD(self, field, add, type, value)                                                                        \
    __extension__({                                                                                                    \
        __typeof__(self) fac__parent = (self);                                                                         \
        type fac__value = (value);                                                                                     \
        type *fac__slot = fac__parent ? &fac__parent->field : NULL;                                                    \
        add(fac__parent, #field, fac__value, fac__slot);                                                               \
    })
FAC_API fac_module *fac__add_child(void *self, const char *name, fac_module *module, fac_module **slot);
FAC_API fac_tensor *fac__add_parameter(void *self, const char *name, fac_tensor *tensor, fac_tensor **slot);
FAC_API fac_tensor *fac__add_buffer(void *self, const char *name, fac_tensor *tensor, fac_tensor **slot);

/* A copy of the module and all below it, with tensors of its own (copy.deepcopy): equal values, no gradients. Tensors that
 * were one stay one. */
FAC_API fac_module *fac_copy_module(const void *module);

/* ---- using -------------------------------------------------------------------------------------------------- */

/* module(x): the type's forward. */
FAC_API fac_tensor *fac_forward(void *module, fac_tensor *x);

/* Training mode (on = true, as at first) or evaluation mode, of the module and all below it: Dropout and BatchNorm ask.
 * They return false only for NULL. */
FAC_API bool fac_train(void *module, bool on);
FAC_API bool fac_eval(void *module);
/* fn(module, context) for all below the module, children before parents, and for itself. */
FAC_API bool fac_module_apply(void *module, void (*fn)(fac_module *module, void *context), void *context);
/* Casts all floating parameters and buffers to a floating dtype, in place: the tensors stay the same objects, so an
 * optimiser made before goes on. Gradients are cast too. After an error nothing has changed. */
FAC_API bool fac_module_to(void *module, fac_dtype dtype);
/* module.requires_grad_(on) and module.zero_grad(set_to_none=True), for all parameters. */
FAC_API bool fac_module_requires_grad_(void *module, bool on);
FAC_API bool fac_module_zero_grad(void *module);

/* ---- looking ------------------------------------------------------------------------------------------------ */

/* Lists of what is in the module and all below it, in PyTorch's order: a module's own before its children's, each tensor
 * once. The arrays belong to the module and last until the same function is called on it again, or it is freed.
 * items is NULL after an error, and for NULL; an empty list has an array too. */
FAC_API fac_tensor_list fac_parameters(void *module);
FAC_API fac_tensor_list fac_buffers(void *module);
/* With the names of a state dict, "layer1.weight". The two share one array. */
FAC_API fac_named_tensors fac_named_parameters(void *module);
FAC_API fac_named_tensors fac_named_buffers(void *module);
/* The module's own children, in order. */
FAC_API fac_module_list fac_children(void *module);
/* By name, "layer1" or "features.0.conv"; an error if there is none. "" is the module itself. */
FAC_API fac_module *fac_get_submodule(void *module, const char *name);
/* A parameter or buffer by its name in the state dict. */
FAC_API fac_tensor *fac_get_parameter(void *module, const char *name);
/* Elements of all parameters together. */
FAC_API int64_t fac_num_parameters(void *module);

/* print(module), as PyTorch prints it, to standard output. */
FAC_API void fac_module_print(const void *module);
/* str(module). The text is the caller's to free(); NULL, with an error, when memory runs out. */
FAC_API char *fac_module_to_string(const void *module);

/* ---- saving ------------------------------------------------------------------------------------------------- */

/* module.state_dict(): parameters and buffers by name, sharing the module's memory; to be freed with fac_state_free. */
FAC_API fac_state *fac_state_dict(void *module);

typedef struct fac_load_state_dict_options {
    bool strict; /* names that lack on either side are an error: true */
} fac_load_state_dict_options;
static inline fac_load_state_dict_options fac_load_state_dict_options_defaults(void)
{
    fac_load_state_dict_options o;
    o.strict = true;
    return o;
}
/* module.load_state_dict(state): copies the values into the module's tensors, casting them to their dtypes. Shapes must
 * agree. false, with all that is wrong in PyTorch's words, and the module unchanged. */
FAC_API bool fac_load_state_dict_with(void *module, const fac_state *state, fac_load_state_dict_options options);
#define fac_load_state_dict(module, state, ...)                                                                        \
    fac_load_state_dict_with(module, state, FAC_OPTIONS(fac_load_state_dict_options, __VA_ARGS__))

FAC_END
#endif
