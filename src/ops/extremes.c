/* Floor 4. Maxima and minima over dimensions (facula/ops_reduce.h), and how gradients go back to what was selected. */
#include "facula/ops_index.h"
#include "facula/ops_view.h"
#include "reduction.h"
#include "select.h"
#include "tracing.h"

static fac_reduce_options one_dim(int64_t dim, bool keepdim)
{
    fac_reduce_options o = fac_reduce_options_defaults();
    o.dim = dim;
    o.keepdim = keepdim;
    return o;
}

/* ---- values by any dims: equal extremes share the gradient ---------------------------------------------------- */

static void shared_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const fac__reduction *r = n->params;
    fac_tensor *x = fac__saved(n, 0), *y = fac__saved(n, 1);
    if (!x || !y) return;
    y = fac__unreduce(r, y);
    fac_tensor *is = fac_eq(x, y);
    if (r->all_given) is = fac_where(fac_ne(y, y), fac_ne(x, x), is); /* torch.max of NaNs: the NaNs share */
    if (!is) return;
    fac_dims dims = {.n = 0};
    for (int d = 0; d < x->ndim; d++)
        if (r->mask >> d & 1) dims.d[dims.n++] = d;
    fac_tensor *count = x->ndim ? fac_sum(is, .dims = dims, .keepdim = true) : fac_sum(is);
    fac_tensor *share = fac_div(fac__unreduce(r, gy[0]), count);
    gx[0] = share ? fac_mul(share, is) : NULL;
}

fac__node *fac__shared_record(const char *name, fac_tensor *x, const fac__reduction *r)
{
    fac__node *n = fac__record(name, shared_backward, 1, 2, sizeof *r, x);
    if (n && !n->failed) *(fac__reduction *)n->params = *r;
    return n;
}

fac_tensor *fac__shared_result(fac__node *n, fac_tensor *x, fac_tensor *y)
{
    fac__save(n, 0, x);
    fac__save_output(n, 1, y, 0);
    return fac__result(n, y);
}

static fac_tensor *extreme(fac_tensor *self, fac__reduce_kind kind, const char *op, const char *node,
                           fac_reduce_options options)
{
    fac__reduction r;
    bool only = op[0] == 'a'; /* amax and amin know no overloads */
    if (!fac__reduction_of(self, &options, &r)) return NULL;
    r.all_given |= only && options.dims.n == 0 && options.dim == FAC_ALL_DIMS;
    if (!fac__reduction_not_empty(self, &r, op)) return NULL;
    if (only) r.all_given = false;
    fac__node *n = fac__shared_record(node, self, &r);
    return fac__shared_result(n, self, fac__reduce(kind, self, &r, (fac_dtype)self->dtype));
}

#define EXTREME(name, kind, node)                                                                                      \
    fac_tensor *fac_##name##_with(fac_tensor *self, fac_reduce_options options)                                        \
    {                                                                                                                  \
        FAC__OP(#name);                                                                                                \
        FAC__NEED(self);                                                                                               \
        fac__reduction r;                                                                                              \
        if (fac__tracing())                                                                                            \
            return fac__reduction_of(self, &options, &r) ? fac__traced_reduction(#name, self, &r, FAC_DTYPE_NONE)      \
                                                         : NULL;                                                       \
        return extreme(self, kind, #name, node, options);                                                              \
    }
EXTREME(amax, FAC__MAX, "AmaxBackward0")
EXTREME(amin, FAC__MIN, "AminBackward0")

fac_tensor *fac_max(fac_tensor *self)
{
    FAC__OP("max");
    FAC__NEED(self);
    if (fac__tracing()) return fac_amax(self); /* which differs in its gradient only */
    return extreme(self, FAC__MAX, "max", "MaxBackward1", fac_reduce_options_defaults());
}

fac_tensor *fac_min(fac_tensor *self)
{
    FAC__OP("min");
    FAC__NEED(self);
    if (fac__tracing()) return fac_amin(self); /* which differs in its gradient only */
    return extreme(self, FAC__MIN, "min", "MinBackward1", fac_reduce_options_defaults());
}

fac_tensor *fac_aminmax_with(fac_tensor *self, fac_tensor **max, fac_reduce_options options)
{
    FAC__OP("aminmax");
    FAC__NEED(self);
    fac__reduction r;
    if (!fac__reduction_of(self, &options, &r)) return NULL;
    if (!self->numel && r.all_given)
        return fac__runtime_error(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.");
    if (!fac__reduction_not_empty(self, &r, "aminmax")) return NULL;
    fac_tensor *largest = fac_amax_with(self, options);
    if (max) *max = largest;
    fac_tensor *smallest = largest ? fac_amin_with(self, options) : NULL;
    if (self->ndim || !options.keepdim || r.all_given || !smallest) return smallest;
    if (max) *max = fac_reshape(largest, fac_dims_one(1)); /* PyTorch keeps the dimension that a 0-d tensor has not */
    return fac_reshape(smallest, fac_dims_one(1));
}

/* ---- along one dimension: the gradient goes to the element selected ------------------------------------------- */

typedef struct selection {
    int dim;
    bool keepdim;
    fac_dims input;
} selection;

static void select_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const selection *s = n->params;
    fac_tensor *indices = fac__saved(n, 0), *g = gy[0];
    if (!indices) return;
    if (s->input.n && !s->keepdim) {
        indices = fac_unsqueeze(indices, s->dim);
        g = fac_unsqueeze(g, s->dim);
    }
    gx[0] = fac__select_back(s->input, s->dim, indices, g);
}

fac_tensor *fac__select_back(fac_dims input, int dim, fac_tensor *indices, fac_tensor *g)
{
    if (!indices || !g || input.n == 0) return g;
    fac_tensor *zeros = fac__own(fac__new((fac_dtype)g->dtype, input.n, input.d));
    if (!zeros || !fac__fill_into(zeros, fac_scalar_int(0))) return NULL;
    return fac_scatter_add(zeros, dim, indices, g);
}

fac__node *fac__select_record(const char *name, fac_tensor *x, int dim, bool keepdim)
{
    fac__node *n = fac__record(name, select_backward, 1, 1, sizeof(selection), x);
    if (n && !n->failed) *(selection *)n->params = (selection){dim, keepdim, fac_shape(x)};
    return n;
}

fac_tensor *fac__select_result(fac__node *n, fac_tensor *values, fac_tensor *indices, fac_tensor **indices_out)
{
    if (indices_out) *indices_out = NULL;
    indices = fac__own(indices);
    if (values && indices) {
        fac__save(n, 0, indices);
        if (indices_out) *indices_out = indices;
        return fac__result(n, values);
    }
    fac_release(values);
    fac__done(n);
    return NULL;
}

static fac_tensor *extreme_dim(fac_tensor *self, fac__reduce_kind kind, const char *op, const char *node, int64_t dim,
                               bool keepdim, fac_tensor **indices)
{
    fac__reduction r;
    fac_reduce_options options = one_dim(dim, keepdim);
    if (!fac__reduction_of(self, &options, &r) || !fac__reduction_not_empty(self, &r, op)) return NULL;
    fac__node *n = fac__select_record(node, self, fac__wrap_dim(dim, self->ndim), keepdim);
    fac_tensor *index = fac__new(FAC_INT64, r.ndim, r.shape);
    fac_tensor *y = index ? fac__new((fac_dtype)self->dtype, r.ndim, r.shape) : NULL;
    if (y) fac__reduce_into(kind, self, &r, y, index);
    return fac__select_result(n, y, index, indices);
}

fac_tensor *fac_max_dim(fac_tensor *self, int64_t dim, bool keepdim, fac_tensor **indices)
{
    FAC__OP("max");
    FAC__NEED(self);
    FAC__TRACE_TWO(indices, "max.dim", FAC__ARG(self), FAC__ARG(dim), FAC__ARG(keepdim));
    return extreme_dim(self, FAC__MAX, "max", "MaxBackward0", dim, keepdim, indices);
}

fac_tensor *fac_min_dim(fac_tensor *self, int64_t dim, bool keepdim, fac_tensor **indices)
{
    FAC__OP("min");
    FAC__NEED(self);
    FAC__TRACE_TWO(indices, "min.dim", FAC__ARG(self), FAC__ARG(dim), FAC__ARG(keepdim));
    return extreme_dim(self, FAC__MIN, "min", "MinBackward0", dim, keepdim, indices);
}

static fac_tensor *position(fac_tensor *self, fac__reduce_kind kind, const char *op, const fac_reduce_options *options)
{
    fac__reduction r;
    if (self->dtype == FAC_BOOL) return fac__runtime_error("\"%s_cpu\" not implemented for 'Bool'", op);
    if (!fac__reduction_of(self, options, &r)) return NULL;
    FAC__TRACE_IF(!r.all_given && r.mask && !(r.mask & (r.mask - 1)), op, FAC__ARG(self),
                  FAC__ARG(__builtin_ctz(r.mask)), FAC__ARG(r.keepdim));
    if (fac__tracing() && r.all_given && !r.keepdim && self->numel) {
        fac_reduce_options first = one_dim(0, false); /* of all elements in a row */
        fac_tensor *row = fac_reshape(self, fac_dims_one(-1));
        return row ? position(row, kind, op, &first) : NULL;
    }
    if (!self->numel && r.all_given)
        return fac__index_error("%s(): Expected reduction dim to be specified for input.numel() == 0.", op);
    if (!fac__reduction_not_empty(self, &r, op)) return NULL;
    return fac__own(fac__reduce(kind, self, &r, FAC_INT64));
}

fac_tensor *fac_argmax_with(fac_tensor *self, fac_reduce_options options)
{
    FAC__OP("argmax");
    FAC__NEED(self);
    return position(self, FAC__ARGMAX, "argmax", &options);
}

fac_tensor *fac_argmin_with(fac_tensor *self, fac_reduce_options options)
{
    FAC__OP("argmin");
    FAC__NEED(self);
    return position(self, FAC__ARGMIN, "argmin", &options);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

#define OVER(dims, keepdim) fac__reduce_over(dims, keepdim, FAC_DTYPE_NONE)

FAC__CALL(amax, R(fac_amax_with(T(0), OVER(L(1), B(2)))))
FAC__CALL(amin, R(fac_amin_with(T(0), OVER(L(1), B(2)))))
FAC__CALL(aminmax, R2(max, fac_aminmax_with(T(0), &max, OVER(L(1), B(2)))))
FAC__CALL(max, R(fac_max(T(0))))
FAC__CALL(min, R(fac_min(T(0))))
FAC__CALL(max_other, R(fac_maximum(T(0), T(1))))
FAC__CALL(min_other, R(fac_minimum(T(0), T(1))))
FAC__CALL(max_dim, R2(indices, fac_max_dim(T(0), I(1), B(2), &indices)))
FAC__CALL(min_dim, R2(indices, fac_min_dim(T(0), I(1), B(2), &indices)))
FAC__CALL(argmax, R(fac_argmax_with(T(0), OVER(L(1), B(2)))))
FAC__CALL(argmin, R(fac_argmin_with(T(0), OVER(L(1), B(2)))))

const fac__op fac__ops_extremes[] = {
    {"amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor", amax, "Maximum over dimensions."},
    {"amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor", amin, "Minimum over dimensions."},
    {"aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)", aminmax,
     "Minimum and maximum."},
    {"max(Tensor self) -> Tensor", max, "Maximum of all elements."},
    {"min(Tensor self) -> Tensor", min, "Minimum of all elements."},
    {"max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", max_dim,
     "Maximum along dim and where it is."},
    {"min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", min_dim,
     "Minimum along dim and where it is."},
    {"max.other(Tensor self, Tensor other) -> Tensor", max_other, "The same as maximum."},
    {"min.other(Tensor self, Tensor other) -> Tensor", min_other, "The same as minimum."},
    {"argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", argmax, "Where the maximum is."},
    {"argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", argmin, "Where the minimum is."},
    {0},
};
