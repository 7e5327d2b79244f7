/* Floor 3. The gradient graph: a node for each recorded operation, with edges to the nodes that made its inputs.
 * Knows nothing of particular operations; ops/ writes
 *
 *     static void exp_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
 *     {
 *         gx[0] = fac_mul(gy[0], fac__saved(n, 0));
 *     }
 *     ...
 *     fac__node *n = fac__record("ExpBackward0", exp_backward, 1, 1, 0, x);
 *     fac__save_output(n, 0, y, 0);
 *     return fac__result(n, y);
 */
#ifndef FACULA_NODE_H
#define FACULA_NODE_H

#include "core/tensor_impl.h"
#include "facula/autograd.h"

typedef struct fac__node fac__node;

/* Computes gx[i] for the inputs with fac__wants(n, i) from gy[] (NULL: that output was not used; never so where there is
 * one output). gx[] comes in as NULLs, NULL stands for zero. Tensors made belong to a scope around the call. Gradients may have a
 * shape that broadcasting made larger, or another float dtype: the engine sums and casts them back. An error is
 * reported by leaving it pending. */
typedef void (*fac__backward_fn)(fac__node *n, fac_tensor *const *gy, fac_tensor **gx);

typedef struct fac__edge {
    fac__node *node; /* NULL: no gradient wanted */
    int nr;          /* which output of it */
} fac__edge;

typedef struct fac__saved_tensor {
    fac_tensor *t;
    int64_t version;
    int output_nr; /* of this node; -1 for inputs */
} fac__saved_tensor;

typedef struct fac__meta {
    uint8_t dtype;
    int8_t ndim;
    int64_t shape[FAC_MAX_DIMS];
} fac__meta;

typedef struct fac__hook {
    struct fac__hook *next;
    int id, nr;
    fac_grad_hook call; /* NULL: retain the gradient in `retain` */
    void *context;
    fac_tensor *retain; /* not owned */
} fac__hook;

/* Operations have a function for backward; the others are autograd's own (node_backward.h). */
typedef enum fac__node_kind { FAC__OPERATION, FAC__ACCUMULATE, FAC__UNVIEW, FAC__COPY_SLICES } fac__node_kind;

struct fac__node {
    atomic_int refs;
    int n_in, n_out, n_saved;
    uint8_t kind; /* a fac__node_kind */
    bool failed;  /* memory ran out while it was made */
    bool freed;   /* saved tensors are gone after a backward without retain_graph: if n_saved, it cannot run again */
    const char *name;
    fac__backward_fn backward;
    uint64_t sequence; /* later operations run earlier in backward */
    fac__edge *edges;
    fac__meta *outputs;
    fac__saved_tensor *saved;
    void *params;                /* the operation's own numbers, zeroed at first */
    void (*drop_params)(void *); /* if they own something */
    fac_tensor *leaf;            /* of FAC__ACCUMULATE: whose .grad it fills; not owned, NULL when the leaf is gone */
    fac__hook *hooks;
};

/* True when grad mode is on and t requires grad. */
static inline bool fac__tracked(const fac_tensor *t)
{
    return t && (t->requires_grad || t->grad_fn || (t->base && fac_requires_grad(t))) && !fac__self()->no_grad;
}

/* A node for an operation on these inputs (NULLs allowed), with room for saved tensors and params bytes; NULL when
 * nothing is to be recorded. All functions below take NULL and do nothing. When memory runs out they mark the
 * node as failed, and fac__result then returns NULL. */
fac__node *fac__record_n(const char *name, fac__backward_fn backward, int n_out, int n_saved, size_t params, int n_in,
                         fac_tensor *const *in);
#define fac__record(name, backward, n_out, n_saved, params, ...)                                                       \
    fac__record_n(name, backward, n_out, n_saved, params,                                                              \
                  (int)(sizeof((fac_tensor *[]){__VA_ARGS__}) / sizeof(fac_tensor *)), (fac_tensor *[]){__VA_ARGS__})

/* A node whether or not anything requires grad, without edges and backward: the context of a function of one's own. */
fac__node *fac__node_bare(const char *name, int n_out, int n_saved, size_t params, int n_in);

void fac__save(fac__node *n, int slot, fac_tensor *input);
/* An output of the node itself: kept without its history, so that node and output do not hold each other. */
void fac__save_output(fac__node *n, int slot, fac_tensor *output, int nr);
/* Takes the reference to y, makes it output nr of the node, gives it to the scope. y NULL: NULL. The last fac__result
 * of a node with fewer used outputs is followed by fac__done. For one output fac__result does both. */
fac_tensor *fac__result_nr(fac__node *n, fac_tensor *y, int nr);
void fac__done(fac__node *n);
fac_tensor *fac__result(fac__node *n, fac_tensor *y);
/* fac__result for a view of x made by fac__new_view: y remembers its base. */
fac_tensor *fac__result_view(fac__node *n, fac_tensor *y, fac_tensor *x);

/* In backward. */
static inline bool fac__wants(const fac__node *n, int i)
{
    return n->edges[i].node != NULL;
}
fac_tensor *fac__saved(fac__node *n,
                       int slot); /* NULL, with an error, when it was changed in place; also if NULL was saved */

/* In-place operations on t: first fac__inplace_begin(t), which refuses leaves that require grad and expanded tensors; compute;
 * then fac__inplace_end(t, n), where n was recorded (before computing) with t as input 0. Returns t, or NULL on errors.
 * It bumps the version; to save t's new value as an output, pass its slot (else -1). */
bool fac__inplace_begin(fac_tensor *t);
fac_tensor *fac__inplace_end(fac_tensor *t, fac__node *n, int save_slot);

/* What t is a view of, NULL if it is none: a tensor with the storage's own layout. (A base may have become a view itself.) */
static inline fac_tensor *fac__base(const fac_tensor *t)
{
    fac_tensor *base = t->base;
    while (base && base->base)
        base = base->base;
    return base;
}
/* Views in place: fac__view_end(t, view), where view is one of what fac__view_begin(t) gave, makes t that view. It gives t
 * if that is a view itself, else a base with the layout and history that t had. Both NULL after errors. */
fac_tensor *fac__view_begin(fac_tensor *t);
fac_tensor *fac__view_end(fac_tensor *t, fac_tensor *view);

/* Where gradients of t go: its grad_fn (made anew for a view whose base has changed), or its accumulator; a NULL node when it
 * does not require grad. fac__grad_edge returns false when memory runs out. */
bool fac__grad_edge(fac_tensor *t, fac__edge *edge);
/* Makes n (NULL: nothing), whose reference is taken, what made t. A gradient to be retained is from then on that of t as
 * it is now: its hook moves along, since the node that is left behind may outlive t. */
void fac__set_history(fac_tensor *t, fac__node *n);
fac__node *fac__node_retain(fac__node *n);
void fac__node_release(fac__node *n);
void fac__node_free_saved(fac__node *n);

/* ---- what autograd needs from the operations above it: ops/grad_services.c ----------------------------------- */

fac_tensor *fac__grad_add(fac_tensor *a, fac_tensor *b); /* differentiable a + b; scope's */
bool fac__grad_add_into(fac_tensor *a, fac_tensor *b);   /* a += b, unrecorded */
/* Summed to the shape and cast; NULL if it cannot be, without an error if that is for its shape. */
fac_tensor *fac__grad_fit(fac_tensor *g, const fac__meta *like);
fac_tensor *fac__grad_ones(const fac_tensor *like); /* scope's */
fac_tensor *fac__grad_clone(fac_tensor *g);         /* contiguous, scope's; differentiable */
/* Gradient of x -> as_strided(x, view): zeros of the base's shape with g added in. Differentiable. */
fac_tensor *fac__grad_unview(fac_tensor *g, const fac__meta *base, int ndim, const int64_t *shape,
                             const int64_t *strides, int64_t offset);
/* as_strided of a contiguous tensor, differentiable, and dst.copy_(src) with history (src NULL: zero_) */
fac_tensor *fac__grad_view(fac_tensor *x, int ndim, const int64_t *shape, const int64_t *strides, int64_t offset);
bool fac__grad_copy(fac_tensor *dst, fac_tensor *src);

#endif
