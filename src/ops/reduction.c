/* Floor 4. The common part of all reductions (reduction.h). */
#include "reduction.h"
#include "tracing.h"

#include "facula/autograd.h"
#include "facula/ops_view.h"

static bool add_dim(fac__reduction *r, int64_t dim, int ndim)
{
    int d = fac__wrap_dim(dim, ndim);
    if (d < 0) return false;
    if (r->mask >> d & 1) return fac__runtime_error("dim %d appears multiple times in the list of dims", d), false;
    r->mask |= 1u << d;
    return true;
}

bool fac__reduction_of(const fac_tensor *x, const fac_reduce_options *o, fac__reduction *r)
{
    r->mask = 0;
    r->keepdim = o->keepdim;
    r->all_given = o->dim == FAC_ALL_DIMS && o->dims.n < 0;
    if (o->dims.n > FAC_MAX_DIMS)
        return fac__value_error("at most %d dimensions, but got %d", FAC_MAX_DIMS, o->dims.n), false;
    if (o->dim != FAC_ALL_DIMS && !add_dim(r, o->dim, x->ndim)) return false;
    for (int i = 0; i < o->dims.n; i++)
        if (!add_dim(r, o->dims.d[i], x->ndim)) return false;
    if (o->dim == FAC_ALL_DIMS && o->dims.n <= 0) r->mask = (1u << x->ndim) - 1;
    r->mask &= (1u << x->ndim) - 1; /* dimension 0 of a 0-d tensor */
    r->ndim = 0;
    r->reduced = 1;
    r->input.n = x->ndim;
    for (int d = 0; d < x->ndim; d++) {
        r->input.d[d] = x->shape[d];
        if (!(r->mask >> d & 1))
            r->shape[r->ndim++] = x->shape[d];
        else if (r->keepdim)
            r->shape[r->ndim++] = 1;
        if (r->mask >> d & 1) r->reduced *= x->shape[d];
    }
    return true;
}

/* t (NULL: not wanted), with strides along the input's dims. */
static void set_result(fac__operand *o, const fac_tensor *t, const fac__reduction *r)
{
    o->data = t ? fac__data(t) : NULL;
    o->dtype = t ? (fac_dtype)t->dtype : FAC_DTYPE_NONE;
    for (int d = 0, at = 0; d < r->input.n; d++) {
        bool gone = r->mask >> d & 1;
        o->strides[d] = gone || !t ? 0 : t->strides[at];
        if (!gone || (t && t->ndim == r->input.n)) at++;
    }
}

void fac__reduce_into(fac__reduce_kind kind, const fac_tensor *x, const fac__reduction *r, fac_tensor *out,
                      fac_tensor *second)
{
    fac__reduce_args args;
    args.kind = kind;
    args.ndim = x->ndim;
    args.reduced = r->mask;
    for (int d = 0; d < x->ndim; d++)
        args.shape[d] = x->shape[d];
    fac__set_operand(&args.in, x, x->ndim, x->shape);
    set_result(&args.out[0], out, r);
    set_result(&args.out[1], second, r);
    if ((out ? out : second)->numel) FAC__LAUNCH(fac__k_reduce, args);
}

fac_tensor *fac__reduce(fac__reduce_kind kind, const fac_tensor *x, const fac__reduction *r, fac_dtype dtype)
{
    fac_tensor *y = fac__new(dtype, r->ndim, r->shape);
    if (y) fac__reduce_into(kind, x, r, y, NULL);
    return y;
}

/* A view of the values, for when nothing is recorded: one header instead of one for each dimension. */
static fac_tensor *plain_view(const fac__reduction *r, const fac_tensor *t, bool expand)
{
    int64_t shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS];
    fac__operand o;
    set_result(&o, t, r);
    for (int d = 0; d < r->input.n; d++) {
        bool gone = r->mask >> d & 1;
        shape[d] = gone && !expand ? 1 : r->input.d[d];
        strides[d] = gone && !expand ? 1 : o.strides[d];
    }
    return fac__own(fac__new_view(t, r->input.n, shape, strides, t->offset));
}

fac_tensor *fac__unreduce(const fac__reduction *r, fac_tensor *t)
{
    if (!t || t->ndim == r->input.n) return t;
    if (!fac_is_grad_enabled() || !fac_requires_grad(t)) return plain_view(r, t, false);
    for (int d = 0; d < r->input.n; d++)
        if (r->mask >> d & 1) t = fac_unsqueeze(t, d);
    return t;
}

fac_tensor *fac__unreduce_expand(const fac__reduction *r, fac_tensor *t)
{
    if (!t) return NULL;
    if (!fac_is_grad_enabled() || !fac_requires_grad(t)) return plain_view(r, t, true);
    return fac_expand(fac__unreduce(r, t), r->input);
}

bool fac__reduction_not_empty(const fac_tensor *x, const fac__reduction *r, const char *op)
{
    if (x->numel) return true;
    if (r->all_given)
        return fac__runtime_error(
                   "%s(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                   "with the 'dim' argument.",
                   op),
               false;
    for (int d = 0; d < x->ndim; d++)
        if ((r->mask >> d & 1) && !x->shape[d])
            return fac__index_error("%s(): Expected reduction dim %d to have non-zero size.", op, d), false;
    return true;
}

fac_tensor *fac__traced_reduction(const char *op, fac_tensor *x, const fac__reduction *r, fac_dtype dtype)
{
    fac_dims dims = FAC_DIMS();
    for (int d = 0; d < x->ndim; d++)
        if (r->mask >> d & 1) dims.d[dims.n++] = d;
    const fac_keyword given[] = {
        FAC__ARG(x), FAC__ARG(&dims), FAC__ARG(r->keepdim), {"dtype", fac__value_of_dtype(dtype)}};
    return fac__traced(fac__tracing(), op, given, dtype ? 4 : 3);
}
