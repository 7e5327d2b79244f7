/* Floor 3: gradients. A tensor that requires grad, and everything computed from it, remembers how it was made;
 * fac_backward walks that graph and adds up the gradients in the leaves. */
#ifndef FACULA_AUTOGRAD_H
#define FACULA_AUTOGRAD_H

#include "facula/tensor.h"

FAC_BEGIN

/* ---- grad mode ---------------------------------------------------------------------------------------------- */

FAC_API bool fac_is_grad_enabled(void);
/* Per thread, on at first. Returns the former mode. */
FAC_API bool fac_set_grad_enabled(bool enabled);

typedef struct fac__grad_mark {
    bool before;
    int go;
} fac__grad_mark;
FAC_API fac__grad_mark fac__grad_enter(bool enabled);
FAC_API void fac__grad_leave(fac__grad_mark *mark);
/* Inline, so that the compiler sees that the block runs. */
static inline fac__grad_mark fac__grad_begin(bool enabled)
{
    fac__grad_mark mark = fac__grad_enter(enabled);
    mark.go = 1;
    return mark;
}
#define fac__grad_block(enabled)                                                                                       \
    for (fac__grad_mark fac__mode __attribute__((cleanup(fac__grad_leave))) = fac__grad_begin(enabled); fac__mode.go;  \
         fac__mode.go = 0)
/* fac_no_grad { ... } and fac_no_grad statement; : torch.no_grad(). May be left by break and return, as a fac_scope. */
#define fac_no_grad fac__grad_block(false)
#define fac_enable_grad fac__grad_block(true)

/* ---- a tensor's part ---------------------------------------------------------------------------------------- */

/* t.requires_grad; false for NULL. */
FAC_API bool fac_requires_grad(const fac_tensor *t);
/* t.requires_grad_(on); returns t. Only leaves of floating dtype can be told. */
FAC_API fac_tensor *fac_requires_grad_(fac_tensor *t, bool on);
FAC_API bool fac_is_leaf(const fac_tensor *t);
/* t.grad, which belongs to t; NULL where there is none yet. fac_keep it to hold it beyond the next fac_zero_grad. */
FAC_API fac_tensor *fac_grad(const fac_tensor *t);
/* t.grad = grad (NULL clears). Shapes and dtypes must be equal. */
FAC_API bool fac_set_grad(fac_tensor *t, fac_tensor *grad);
/* Has backward also fill the .grad of a tensor that is no leaf. Returns t. */
FAC_API fac_tensor *fac_retain_grad(fac_tensor *t);
/* The same storage without history; later in-place changes are seen by both. */
FAC_API fac_tensor *fac_detach(fac_tensor *t);
/* Cuts t itself off its history. Views cannot be. Returns t. */
FAC_API fac_tensor *fac_detach_(fac_tensor *t);
/* "MulBackward0": what made t; NULL for leaves. */
FAC_API const char *fac_grad_fn_name(const fac_tensor *t);

/* ---- backward ----------------------------------------------------------------------------------------------- */

typedef struct fac_backward_options {
    fac_tensor *gradient; /* of t's shape; NULL: 1, for one-element tensors only */
    int retain_graph;     /* -1: as create_graph */
    bool create_graph;    /* gradients get a history of their own, to be differentiated again */
} fac_backward_options;
static inline fac_backward_options fac_backward_options_defaults(void)
{
    fac_backward_options o;
    o.gradient = NULL;
    o.retain_graph = -1;
    o.create_graph = false;
    return o;
}
/* t.backward(): adds the gradient of t to the .grad of every leaf it was computed from. False after an error; leaves
 * that were reached before it keep what they got. */
FAC_API bool fac_backward_with(fac_tensor *t, fac_backward_options options);
#define fac_backward(t, ...) fac_backward_with(t, FAC_OPTIONS(fac_backward_options, __VA_ARGS__))

typedef struct fac_grad_options {
    fac_tensor *const *grad_outputs; /* one for each output; NULL: all 1 */
    int retain_graph;
    bool create_graph, allow_unused;
} fac_grad_options;
static inline fac_grad_options fac_grad_options_defaults(void)
{
    fac_grad_options o;
    o.grad_outputs = NULL;
    o.retain_graph = -1;
    o.create_graph = o.allow_unused = false;
    return o;
}
/* torch.autograd.grad: the gradients of the sum of the outputs with respect to n_inputs inputs, into grads[], owned by the
 * scope; nothing is added to any .grad. With allow_unused an input that took no part gets NULL; else that is an error. */
FAC_API bool fac_autograd_grad_with(fac_tensor *const *outputs, int n_outputs, fac_tensor *const *inputs, int n_inputs,
                                    fac_tensor **grads, fac_grad_options options);
#define fac_autograd_grad(outputs, n_outputs, inputs, n_inputs, grads, ...)                                            \
    fac_autograd_grad_with(outputs, n_outputs, inputs, n_inputs, grads, FAC_OPTIONS(fac_grad_options, __VA_ARGS__))

/* ---- hooks -------------------------------------------------------------------------------------------------- */

/* Called with the gradient of t before it flows on; what it returns, of the same shape and dtype, takes its place (NULL
 * keeps it). */
typedef fac_tensor *(*fac_grad_hook)(void *context, fac_tensor *grad);
/* Returns a number for fac_remove_hook, 0 after an error. Hooks of one tensor run in the order of registration. */
FAC_API int fac_register_hook(fac_tensor *t, fac_grad_hook hook, void *context);
FAC_API bool fac_remove_hook(fac_tensor *t, int id);

/* ---- functions of one's own ---------------------------------------------------------------------------------- */

typedef struct fac__node fac_function_context;

/* torch.autograd.Function. forward runs without recording and fills out[]; backward gets the gradients of the outputs
 * (NULL where an output was not used) and fills grad_in[] (NULL: no gradient). Tensors they make belong to the scope.
 * Both return false, after fac_raise, when they fail. */
typedef struct fac_function {
    const char *name;    /* shown as grad_fn */
    size_t context_size; /* bytes of fac_function_data, zeroed for forward */
    bool (*forward)(fac_function_context *context, fac_tensor *const *in, int n_in, fac_tensor **out, int n_out);
    bool (*backward)(fac_function_context *context, fac_tensor *const *grad_out, int n_out, fac_tensor **grad_in,
                     int n_in);
} fac_function;
/* Runs f; out[] gets n_out tensors of the scope. At most 8 tensors can be saved. */
FAC_API bool fac_apply(const fac_function *f, fac_tensor *const *in, int n_in, fac_tensor **out, int n_out);
/* In forward: keeps an input or output for backward, in the next of 8 places. */
FAC_API bool fac_save_for_backward(fac_function_context *context, fac_tensor *t);
/* In backward: what was saved i-th; an error if it was changed in place since. */
FAC_API fac_tensor *fac_saved_tensor(fac_function_context *context, int i);
FAC_API void *fac_function_data(fac_function_context *context);
FAC_API bool fac_needs_input_grad(const fac_function_context *context, int i);

FAC_END
#endif
