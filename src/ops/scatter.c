/* Floor 4. Writing along one dimension by index: scatter, index_add and their kin. */
#include <math.h>
#include <string.h>

#include "facula/ops_create.h"
#include "facula/ops_reduce.h"
#include "index_along.h"
#include "tracing.h"

typedef struct scatter_params {
    int dim;
    bool include_self;
    fac_scalar alpha;
    fac_dims source; /* shape of what was written */
    const char *reduce;
} scatter_params;

/* A node for writing src (may be NULL) into self, its index saved in slot 0. */
static fac__node *record(const char *name, fac__backward_fn backward, int n_saved, int dim, fac_tensor *self,
                         fac_tensor *index, fac_tensor *src)
{
    fac__node *n = fac__record(name, backward, 1, n_saved, sizeof(scatter_params), self, src);
    if (n && n->params) {
        scatter_params *p = n->params;
        p->dim = dim;
        p->source = fac_shape(src);
        fac__save(n, 0, index);
    }
    return n;
}

/* ---- arguments ----------------------------------------------------------------------------------------------- */

static int64_t size_along(const fac_tensor *t, int dim)
{
    return t->ndim ? t->shape[dim] : 1;
}

/* scatter's rule. src NULL: a number is written. */
static bool scatter_args(fac_tensor *self, int *dim, const fac_tensor *index, const fac_tensor *src)
{
    if ((*dim = fac__wrap_dim(*dim, self->ndim)) < 0) return false;
    if (index->numel && index->dtype != FAC_INT64)
        return fac__runtime_error("scatter(): Expected dtype int64 for index"), false;
    if (src && src->dtype != self->dtype)
        return fac__runtime_error("scatter(): Expected self.dtype to be equal to src.dtype"), false;
    if (index->numel == 0) return true;
    int dims = self->ndim ? self->ndim : 1;
    if (dims != (index->ndim ? index->ndim : 1))
        return fac__runtime_error("Index tensor must have the same number of dimensions as self tensor"), false;
    if (src && dims != (src->ndim ? src->ndim : 1))
        return fac__runtime_error("Index tensor must have the same number of dimensions as src tensor"), false;
    for (int i = 0; i < index->ndim; i++) {
        bool small = i == *dim || index->shape[i] <= self->shape[i];
        if (small && (!src || index->shape[i] <= (src->ndim ? src->shape[i] : 1))) continue;
        if (!src)
            return fac__runtime_error("Expected index %s to be smaller than self %s apart from dimension %d",
                                      fac__shape_text(index->ndim, index->shape),
                                      fac__shape_text(self->ndim, self->shape), *dim),
                   false;
        return fac__runtime_error("Expected index %s to be smaller than self %s apart from dimension %d and to be "
                                  "smaller size than src "
                                  "%s",
                                  fac__shape_text(index->ndim, index->shape), fac__shape_text(self->ndim, self->shape),
                                  *dim, fac__shape_text(src->ndim, src->shape)),
               false;
    }
    int64_t size = size_along(self, *dim);
    return fac__index_check(index, 0, size, fac__report_runtime, *dim, size);
}

/* ---- scatter, scatter_add ------------------------------------------------------------------------------------ */

static void write_by_element(fac__index_mode mode, const fac_tensor *table, int dim, const fac_tensor *index,
                             const fac_tensor *src)
{
    if (index->numel) fac__by_element(mode, table, dim, index, src);
}

/* g, of the index's shape, in that of the source, which is larger or a number. */
static fac_tensor *source_gradient(fac_tensor *g, const scatter_params *p)
{
    return p->source.n ? fac__grow(g, &p->source) : fac_sum(g);
}

static void scatter_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const scatter_params *p = n->params;
    fac_tensor *index = fac__saved(n, 0);
    if (!index) return;
    if (fac__wants(n, 0)) gx[0] = fac_scatter_scalar(gy[0], p->dim, index, 0);
    if (fac__wants(n, 1)) gx[1] = source_gradient(fac_gather(gy[0], p->dim, index), p);
}

static void scatter_add_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const scatter_params *p = n->params;
    fac_tensor *index = fac__saved(n, 0);
    if (!index) return;
    if (fac__wants(n, 0)) gx[0] = gy[0];
    if (fac__wants(n, 1)) gx[1] = source_gradient(fac_gather(gy[0], p->dim, index), p);
}

static fac_tensor *scatter(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *src, bool add, bool inplace)
{
    if (!scatter_args(self, &dim, index, src)) return NULL;
    fac__node *n = record(add ? "ScatterAddBackward0" : "ScatterBackward0",
                          add ? scatter_add_backward : scatter_backward, 1, dim, self, index, src);
    fac_tensor *values = fac__apart(self, src, inplace), *y = NULL;
    if ((index = fac__apart(self, index, inplace)) && values) y = fac__target(self, inplace);
    if (y) write_by_element(add ? FAC__INDEX_ADD : FAC__INDEX_PUT, y, dim, index, values);
    return fac__finish(n, y, inplace, y != NULL);
}

static fac_tensor *scatter_number(fac_tensor *self, int dim, fac_tensor *index, fac_scalar value, bool inplace)
{
    if (!scatter_args(self, &dim, index, NULL)) return NULL;
    fac__node *n = record("ScatterBackward1", scatter_backward, 1, dim, self, index, NULL);
    fac_tensor *number = fac__number(value, (fac_dtype)self->dtype), *y = NULL;
    if ((index = fac__apart(self, index, inplace)) && number) y = fac__target(self, inplace);
    if (y) write_by_element(FAC__INDEX_PUT, y, dim, index, number);
    return fac__finish(n, y, inplace, y != NULL);
}

/* The public pair of an operation: NAME leaves self as it is, NAME_ writes into it. */
#define PAIR(name, declared, given, arguments)                                                                         \
    fac_tensor *(fac_##name)declared                                                                                   \
    {                                                                                                                  \
        FAC__OP(#name);                                                                                                \
        bool inplace = false;                                                                                          \
        given return arguments;                                                                                        \
    }                                                                                                                  \
    fac_tensor *(fac_##name##_)declared                                                                                \
    {                                                                                                                  \
        FAC__OP(#name "_");                                                                                            \
        bool inplace = true;                                                                                           \
        given return arguments;                                                                                        \
    }
#define NEED2                                                                                                          \
    FAC__NEED(self);                                                                                                   \
    FAC__NEED(index);
#define NEED3(x) NEED2 FAC__NEED(x);

#define TRACE(op, source) FAC__TRACE_IF(!inplace, op, FAC__ARG(self), FAC__ARG(dim), FAC__ARG(index), FAC__ARG(source));
PAIR(scatter, (fac_tensor * self, int dim, fac_tensor *index, fac_tensor *src), NEED3(src) TRACE("scatter.src", src),
     scatter(self, dim, index, src, false, inplace))
PAIR(scatter_add, (fac_tensor * self, int dim, fac_tensor *index, fac_tensor *src),
     NEED3(src) TRACE("scatter_add", src), scatter(self, dim, index, src, true, inplace))
PAIR(scatter_scalar, (fac_tensor * self, int dim, fac_tensor *index, fac_scalar value),
     NEED2 TRACE("scatter.value", value), scatter_number(self, dim, index, value, inplace))

/* ---- scatter_reduce, index_reduce ---------------------------------------------------------------------------- */

/* Where nothing else is written, what a reduction starts from. */
static fac_scalar neutral(const char *reduce, fac_dtype dtype)
{
    static const int64_t least[FAC_DTYPE_COUNT] = {0, 0, 0, INT8_MIN, INT16_MIN, INT32_MIN, INT64_MIN};
    static const int64_t most[FAC_DTYPE_COUNT] = {0, 1, UINT8_MAX, INT8_MAX, INT16_MAX, INT32_MAX, INT64_MAX};
    bool max = !strcmp(reduce, "amax"), min = !strcmp(reduce, "amin");
    if (max || min) {
        if (fac_dtype_is_floating(dtype)) return fac_scalar_float(max ? -INFINITY : INFINITY);
        return fac_scalar_int(max ? least[dtype] : most[dtype]);
    }
    return fac_scalar_int(!strcmp(reduce, "prod"));
}

static int reduce_mode(const char *reduce)
{
    static const struct {
        const char *name;
        fac__index_mode mode;
    } modes[] = {{"sum", FAC__INDEX_ADD},
                 {"mean", FAC__INDEX_ADD},
                 {"prod", FAC__INDEX_MUL},
                 {"amax", FAC__INDEX_MAX},
                 {"amin", FAC__INDEX_MIN}};
    for (size_t i = 0; reduce && i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(reduce, modes[i].name)) return (int)modes[i].mode;
    return -1;
}

/* How many values each element of a mean is made of, at least 1; in dtype, or int64 for integers. Differentiable in
 * nothing. */
static fac_tensor *counts(fac_dtype dtype, fac_dims shape, int dim, fac_tensor *index, bool include_self)
{
    fac_create_options o = fac_create_options_defaults();
    o.dtype = fac_dtype_is_floating(dtype) ? dtype : FAC_INT64;
    fac_tensor *start = include_self ? fac_ones_with(shape, o) : fac_zeros_with(shape, o);
    fac_tensor *ones = fac_ones_with(fac_shape(index), o);
    fac_tensor *count = start && ones ? fac_scatter_add(start, dim, index, ones) : NULL;
    return count ? fac_clamp(count, 1, fac_scalar_none()) : NULL;
}

/* y is changed in place, unrecorded. */
static bool reduce_into(fac_tensor *y, int dim, fac_tensor *index, fac_tensor *src, const char *reduce,
                        bool include_self)
{
    if (!include_self) {
        fac_scalar start = neutral(reduce, (fac_dtype)y->dtype);
        fac_tensor *number = fac__number(start, (fac_dtype)y->dtype);
        if (!number) return false;
        write_by_element(FAC__INDEX_PUT, y, dim, index, number);
    }
    write_by_element((fac__index_mode)reduce_mode(reduce), y, dim, index, src);
    if (strcmp(reduce, "mean")) return true;
    bool ok = false;
    fac_scope {
        fac_no_grad {
            fac_tensor *count = counts((fac_dtype)y->dtype, fac_shape(y), dim, index, include_self);
            fac_tensor *mean = fac_dtype_is_floating((fac_dtype)y->dtype) ? fac_div(y, count)
                                                                          : fac_div_mode(y, count, FAC_ROUND_FLOOR);
            ok = mean && fac__copy_into(y, mean);
        }
    }
    return ok;
}

static fac_tensor *times(fac_tensor *a, fac_tensor *b)
{
    return a && b ? fac_mul(a, b) : NULL;
}

/* Products: the others' product is the result without the factor, or, for a single zero, the product computed with 1
 * in its place. Formulas as in PyTorch's FunctionsManual.cpp (scatter_reduce_backward). */
static void prod_backward(const scatter_params *p, fac__node *n, fac_tensor *g, fac_tensor *self, fac_tensor *index,
                          fac_tensor *src, fac_tensor *y, fac_tensor **gx)
{
    int dim = p->dim;
    if (fac__wants(n, 0)) {
        fac_tensor *nonzero = fac_masked_fill(self, fac_eq_scalar(self, 0), 1);
        fac_tensor *result = fac_scatter_reduce(nonzero, dim, index, src, p->reduce, p->include_self);
        gx[0] = fac_div(times(g, result), nonzero);
    }
    if (fac__wants(n, 1)) {
        fac_tensor *zero = fac_eq_scalar(src, 0), *none = fac_zeros_like(self);
        fac_tensor *zeros = fac_gather(fac_scatter_add(none, dim, index, fac_to(zero, fac_dtype_of(self))), dim, index);
        fac_tensor *single = fac_logical_and(zero, fac_eq_scalar(zeros, 1));
        fac_tensor *others =
            fac_scatter_reduce(self, dim, index, fac_masked_fill(src, single, 1), p->reduce, p->include_self);
        fac_tensor *plain = fac_div(fac_gather(times(g, y), dim, index), fac_masked_fill(src, zero, 1));
        gx[1] = fac_where(single, fac_gather(times(g, others), dim, index), plain);
    }
}

/* Extremes: the gradient is shared evenly by all that are equal to the result. */
static void extreme_backward(const scatter_params *p, fac_tensor *g, fac_tensor *self, fac_tensor *index,
                             fac_tensor *src, fac_tensor *y, fac_tensor **gx)
{
    fac_tensor *from_self = fac_to(fac_eq(self, y), fac_dtype_of(g));
    fac_tensor *from_src = fac_to(fac_eq(src, fac_gather(y, p->dim, index)), fac_dtype_of(g));
    fac_tensor *share = fac_div(g, fac_scatter_add(from_self, p->dim, index, from_src));
    gx[0] = times(from_self, share);
    gx[1] = times(from_src, share ? fac_gather(share, p->dim, index) : NULL);
}

static void reduce_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const scatter_params *p = n->params;
    fac_tensor *g = gy[0], *index = fac__saved(n, 0), *self = fac__saved(n, 1), *src = fac__saved(n, 2),
               *y = fac__saved(n, 3);
    if (fac_get_error_code()) return;
    if (src && !fac__same_shape(src, index)) { /* only as much of it as index covers took part */
        for (int i = 0; i < index->ndim && src; i++)
            src = fac_narrow(src, i, 0, index->shape[i]);
        if (!src) return;
    }
    if (!strcmp(p->reduce, "prod")) {
        prod_backward(p, n, g, self, index, src, y, gx);
    } else if (!strcmp(p->reduce, "mean")) {
        fac_tensor *count = counts(fac_dtype_of(g), fac_shape(g), p->dim, index, p->include_self);
        gx[0] = count ? fac_div(g, count) : NULL;
        gx[1] = gx[0] ? fac_gather(gx[0], p->dim, index) : NULL;
    } else if (!strcmp(p->reduce, "sum")) {
        gx[0] = g;
        gx[1] = fac_gather(g, p->dim, index);
    } else {
        extreme_backward(p, g, self, index, src, y, gx);
    }
    if (!p->include_self && gx[0]) gx[0] = fac_scatter_scalar(gx[0], p->dim, index, 0);
    if (gx[1]) gx[1] = fac__grow(gx[1], &p->source);
}

/* dim and index were checked; index has self's dims. */
static fac_tensor *reduce(const char *name, fac_tensor *self, int dim, fac_tensor *index, fac_tensor *src,
                          const char *reduce, bool include_self, bool inplace)
{
    static const char *const words[] = {"sum", "prod", "mean", "amax", "amin"};
    fac__node *n = record(name, reduce_backward, 4, dim, self, index, src);
    if (n && n->params) {
        scatter_params *p = n->params;
        p->include_self = include_self;
        for (int i = 0; i < 5; i++)
            if (!strcmp(reduce, words[i])) p->reduce = words[i]; /* the caller's may go away */
        if (strcmp(reduce, "sum") && strcmp(reduce, "mean")) {
            fac_tensor *before = inplace ? fac__own(fac__copy_of(self)) : self;
            fac__save(n, 1, before);
            fac__save(n, 2, src);
        }
    }
    fac_tensor *values = fac__apart(self, src, inplace), *y = NULL;
    if ((index = fac__apart(self, index, inplace)) && values) y = fac__target(self, inplace);
    bool ok = y && reduce_into(y, dim, index, values, reduce, include_self);
    bool keeps_result = ok && n && n->params && strcmp(reduce, "sum") && strcmp(reduce, "mean");
    if (inplace) return ok ? fac__inplace_end(y, n, keeps_result ? 3 : -1) : (fac__node_release(n), NULL);
    if (keeps_result) fac__save_output(n, 3, y, 0);
    return fac__finish(n, y, inplace, ok);
}

static fac_tensor *scatter_reduce(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *src, const char *word,
                                  bool include_self, bool inplace)
{
    if (reduce_mode(word) < 0)
        return fac__runtime_error("reduce argument must be either sum, prod, mean, amax or amin.");
    if (!scatter_args(self, &dim, index, src)) return NULL;
    return reduce("ScatterReduceBackward0", self, dim, index, src, word, include_self, inplace);
}

PAIR(scatter_reduce,
     (fac_tensor * self, int dim, fac_tensor *index, fac_tensor *src, const char *reduce, bool include_self),
     NEED3(src) FAC__NEED(reduce);
     , scatter_reduce(self, dim, index, src, reduce, include_self, inplace))

/* ---- index_add, index_copy, index_fill ----------------------------------------------------------------------- */

static void index_add_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const scatter_params *p = n->params;
    fac_tensor *index = fac__saved(n, 0);
    if (!index) return;
    if (fac__wants(n, 0)) gx[0] = gy[0];
    if (!fac__wants(n, 1)) return;
    fac_tensor *g = fac_index_select(gy[0], p->dim, index);
    if (g && fac_scalar_to_double(p->alpha) != 1) g = fac_mul_scalar(g, p->alpha);
    gx[1] = g && g->ndim != p->source.n ? fac_reshape(g, p->source) : g;
}

static bool same_slices(const fac_tensor *self, int dim, const fac_tensor *source)
{
    if (self->ndim != source->ndim) return self->ndim + source->ndim == 1;
    for (int i = 0; i < self->ndim; i++)
        if (i != dim && self->shape[i] != source->shape[i]) return false;
    return true;
}

static bool index_add_args(fac_tensor *self, int *dim, fac_tensor **index, const fac_tensor *source, const char *op)
{
    if ((*dim = fac__wrap_dim(*dim, self->ndim)) < 0) return false;
    const fac_tensor *i = *index;
    if (i->dtype != FAC_INT64 && i->dtype != FAC_INT32)
        return fac__runtime_error("%s(): Expected dtype int32/int64 for index but got: %s", op,
                                  fac__dtype_word((fac_dtype)i->dtype)),
               false;
    if (i->ndim > 1)
        return fac__index_error("%s(): Index is supposed to be a vector, but got dim: %d with type: %s and size: %s",
                                op, i->ndim, fac__dtype_word((fac_dtype)i->dtype), fac__shape_text(i->ndim, i->shape)),
               false;
    if (self->dtype != source->dtype)
        return fac__runtime_error("%s(): self (%s) and source (%s) must have the same scalar type", op,
                                  fac__dtype_word((fac_dtype)self->dtype), fac__dtype_word((fac_dtype)source->dtype)),
               false;
    if (*dim && *dim >= source->ndim)
        return fac__runtime_error("%s(): Indexing dim %d is out of bounds of tensor", op, *dim), false;
    if (i->numel != size_along(source, *dim))
        return fac__runtime_error(
                   "%s(): Number of indices (%lld) should be equal to source.size(dim): (%lld), for dim: %d", op,
                   (long long)i->numel, (long long)size_along(source, *dim), *dim),
               false;
    if (!same_slices(self, *dim, source))
        return fac__runtime_error("%s(): self's size %s and source's size %s must match but in dimension %d", op,
                                  fac__shape_text(self->ndim, self->shape),
                                  fac__shape_text(source->ndim, source->shape), *dim),
               false;
    if (!(*index = fac__int64_index(*index))) return false;
    return fac__index_check(*index, 0, size_along(self, *dim), fac__report_in_self, *dim, size_along(self, *dim));
}

/* number * source, unrecorded, in source's dtype; source itself for 1. */
static fac_tensor *scaled(fac_tensor *source, fac_scalar number)
{
    static const fac__program multiply = {
        .n_in = 1, .n_const = 1, .n_code = 1, .n_out = 1, .out = {2}, .code = {{FAC__ROW_mul, {0, 1}}}};
    if (fac_scalar_to_double(number) == 1) return source;
    fac_tensor *y = fac__own(fac__new_like(source, (fac_dtype)source->dtype));
    if (!y) return NULL;
    fac_dtype compute = fac__compute_type((fac_dtype)y->dtype);
    return fac__run_program(&multiply, compute, y->ndim, y->shape, &source, &number, &y) ? y : NULL;
}

static fac_tensor *index_add(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *source, fac_scalar alpha,
                             bool inplace)
{
    if (!index_add_args(self, &dim, &index, source, "index_add_")) return NULL;
    fac__node *n = record("IndexAddBackward0", index_add_backward, 1, dim, self, index, source);
    if (n && n->params) ((scatter_params *)n->params)->alpha = alpha;
    fac_tensor *values = fac__apart(self, source, inplace);
    if (values) values = scaled(values, alpha);
    fac_tensor *y = NULL;
    if ((index = fac__apart(self, index, inplace)) && values) y = fac__target(self, inplace);
    if (y && source->numel) fac__by_slice(FAC__INDEX_ADD, y, dim, index, values);
    return fac__finish(n, y, inplace, y != NULL);
}

PAIR(index_add, (fac_tensor * self, int dim, fac_tensor *index, fac_tensor *source, fac_scalar alpha),
     NEED3(source) FAC__TRACE_IF(!inplace, "index_add", FAC__ARG(self), FAC__ARG(dim), FAC__ARG(index),
                                 FAC__ARG(source), FAC__KEYWORD("alpha", alpha));
     , index_add(self, dim, index, source, alpha, inplace))

static fac_tensor *index_reduce(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *source, const char *word,
                                bool include_self, bool inplace)
{
    if (reduce_mode(word) < 0 || !strcmp(word, "sum"))
        return fac__runtime_error("index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got %s.",
                                  word);
    if (!index_add_args(self, &dim, &index, source, "index_reduce_")) return NULL;
    /* The index of every element of source. */
    fac_dims shape = fac_shape(source);
    for (int i = 0; i < shape.n; i++)
        if (i != dim) shape.d[i] = 1;
    index = fac_expand(fac_reshape(index, shape), fac_shape(source));
    return index ? reduce("IndexReduceBackward0", self, dim, index, source, word, include_self, inplace) : NULL;
}

PAIR(index_reduce,
     (fac_tensor * self, int dim, fac_tensor *index, fac_tensor *source, const char *reduce, bool include_self),
     NEED3(source) FAC__NEED(reduce);
     , index_reduce(self, dim, index, source, reduce, include_self, inplace))

static void index_copy_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const scatter_params *p = n->params;
    fac_tensor *index = fac__saved(n, 0);
    if (!index) return;
    if (fac__wants(n, 0)) gx[0] = fac_index_fill(gy[0], p->dim, index, 0);
    if (!fac__wants(n, 1)) return;
    fac_tensor *g = fac_index_select(gy[0], p->dim, index);
    gx[1] = g && g->ndim != p->source.n ? fac_reshape(g, p->source) : g;
}

static bool report_copy(const fac__index_range_args *a, int64_t bad)
{
    return fac__index_error("index_copy_(): index %lld is out of bounds for dimension %lld with size %lld",
                            (long long)bad, (long long)a->dim, (long long)a->size),
           false;
}

static bool index_copy_args(fac_tensor *self, int *dim, const fac_tensor *index, const fac_tensor *source)
{
    if ((*dim = fac__wrap_dim(*dim, self->ndim)) < 0) return false;
    if (index->ndim > 1)
        return fac__index_error("index_copy_(): Index should have dimension 1 or 0 (got %d)", index->ndim), false;
    if (source->ndim == 0 && index->numel != 1)
        return fac__index_error("index_copy_(): When source is scalar, index should have one element (got %lld)",
                                (long long)index->numel),
               false;
    if (source->ndim && self->ndim && source->ndim != self->ndim)
        return fac__index_error("index_copy_(): When source and destination are not scalars, their dimensionality must "
                                "match. Source "
                                "dimensionality (%d), destination dimensionality (%d)",
                                source->ndim, self->ndim),
               false;
    if (index->dtype != FAC_INT64)
        return fac__runtime_error("index_copy_(): Expected a long tensor for index, but got %s",
                                  fac__dtype_word((fac_dtype)index->dtype)),
               false;
    if (self->dtype != source->dtype)
        return fac__runtime_error(
                   "index_copy_(): self and source expected to have the same dtype, but got (self) %s and (source) %s",
                   fac__dtype_word((fac_dtype)self->dtype), fac__dtype_word((fac_dtype)source->dtype)),
               false;
    if (!same_slices(self, *dim, source))
        return fac__runtime_error(
                   "index_copy_(): Source/destination tensor must have same slice shapes. Destination shape: %s at "
                   "dimension %d and source shape: %s at dimension 0.",
                   fac__shape_text(self->ndim, self->shape), *dim, fac__shape_text(source->ndim, source->shape)),
               false;
    if (source->ndim && index->numel != source->shape[self->ndim ? *dim : 0])
        return fac__index_error("index_copy_(): Number of indices (%lld) should be equal to source.size(dim) (%lld)",
                                (long long)index->numel, (long long)size_along(source, *dim)),
               false;
    int64_t size = size_along(self, *dim);
    return fac__index_check(index, 0, size, report_copy, *dim, size);
}

static fac_tensor *index_copy(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *source, bool inplace)
{
    if (!index_copy_args(self, &dim, index, source)) return NULL;
    fac__node *n = record("IndexCopyBackward0", index_copy_backward, 1, dim, self, index, source);
    fac_tensor *values = fac__apart(self, source, inplace), *y = NULL;
    if ((index = fac__apart(self, index, inplace)) && values) y = fac__target(self, inplace);
    if (y && source->numel) fac__by_slice(FAC__INDEX_PUT, y, dim, index, values);
    return fac__finish(n, y, inplace, y != NULL);
}

PAIR(index_copy, (fac_tensor * self, int dim, fac_tensor *index, fac_tensor *source), NEED3(source),
     index_copy(self, dim, index, source, inplace))

/* Of the value: what reaches the filled elements, summed up by the engine. */
static void index_fill_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const scatter_params *p = n->params;
    fac_tensor *index = fac__saved(n, 0), *rest = index ? fac_index_fill(gy[0], p->dim, index, 0) : NULL;
    if (!rest) return;
    gx[0] = rest;
    if (fac__wants(n, 1)) gx[1] = fac_sub(gy[0], rest);
}

/* The value is a 0-d tensor. */
static fac_tensor *index_fill(const char *name, fac_tensor *self, int dim, fac_tensor *index, fac_tensor *value,
                              bool inplace)
{
    if ((dim = fac__wrap_dim(dim, self->ndim)) < 0) return NULL;
    if (index->dtype != FAC_INT64) return fac__index_error("index_fill_(): Expected dtype int64 for index.");
    if (index->ndim > 1) return fac__runtime_error("Index has to be a vector/scalar");
    if (value->ndim)
        return fac__runtime_error(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with %d dimension(s).",
            value->ndim);
    int64_t size = size_along(self, dim);
    if (!fac__index_check(index, -size, size, fac__report_index, dim, size)) return NULL;
    fac__node *n = record(name, index_fill_backward, 1, dim, self, index, value);
    fac_tensor *cast = fac__own(fac__new((fac_dtype)self->dtype, 0, NULL)), *y = NULL;
    if (cast && fac__copy_into(cast, value) && (index = fac__apart(self, index, inplace)))
        y = fac__target(self, inplace);
    if (y && y->numel && index->numel) fac__by_slice(FAC__INDEX_PUT, y, dim, index, cast);
    return fac__finish(n, y, inplace, y != NULL);
}

static fac_tensor *index_fill_number(fac_tensor *self, int dim, fac_tensor *index, fac_scalar value, bool inplace)
{
    fac_tensor *number = fac__number(value, (fac_dtype)self->dtype);
    return number ? index_fill("IndexFillBackward0", self, dim, index, number, inplace) : NULL;
}

PAIR(index_fill, (fac_tensor * self, int dim, fac_tensor *index, fac_scalar value), NEED2,
     index_fill_number(self, dim, index, value, inplace))
PAIR(index_fill_tensor, (fac_tensor * self, int dim, fac_tensor *index, fac_tensor *value), NEED3(value),
     index_fill("IndexFillBackward1", self, dim, index, value, inplace))

/* ---- by name ------------------------------------------------------------------------------------------------- */

/* scatter's older keyword: "add" and "multiply", with a number as src too. */
static fac_tensor *old_reduce(fac_tensor *self, int dim, fac_tensor *index, fac_tensor *src, fac_scalar value,
                              const char *word, bool inplace)
{
    if (!word || (strcmp(word, "add") && strcmp(word, "multiply")))
        return fac__runtime_error("reduce argument must be either add or multiply.");
    if (!src && self && index) src = fac_full(fac_shape(index), value, .dtype = fac_dtype_of(self));
    if (!self || !index || !src) return fac__null_error(!self ? "self" : !index ? "index" : "src");
    return scatter_reduce(self, dim, index, src, strcmp(word, "add") ? "prod" : "sum", true, inplace);
}

#define CALLS(name, arguments)                                                                                         \
    FAC__CALL(call_##name, R((fac_##name)arguments))                                                                   \
    FAC__CALL(call_##name##_, R((fac_##name##_)arguments))
CALLS(scatter, (T(0), (int)I(1), T(2), T(3)))
CALLS(scatter_scalar, (T(0), (int)I(1), T(2), S(3)))
CALLS(scatter_add, (T(0), (int)I(1), T(2), T(3)))
CALLS(scatter_reduce, (T(0), (int)I(1), T(2), T(3), STR(4), B(5)))
CALLS(index_add, (T(0), (int)I(1), T(2), T(3), S(4)))
CALLS(index_reduce, (T(0), (int)I(1), T(2), T(3), STR(4), B(5)))
CALLS(index_copy, (T(0), (int)I(1), T(2), T(3)))
CALLS(index_fill, (T(0), (int)I(1), T(2), S(3)))
CALLS(index_fill_tensor, (T(0), (int)I(1), T(2), T(3)))
FAC__CALL(call_scatter_old, R(old_reduce(T(0), (int)I(1), T(2), T(3), fac_scalar_none(), STR(4), false)))
FAC__CALL(call_scatter_old_, R(old_reduce(T(0), (int)I(1), T(2), T(3), fac_scalar_none(), STR(4), true)))
FAC__CALL(call_scatter_old_value, R(old_reduce(T(0), (int)I(1), T(2), NULL, S(3), STR(4), false)))
FAC__CALL(call_scatter_old_value_, R(old_reduce(T(0), (int)I(1), T(2), NULL, S(3), STR(4), true)))

/* Both forms of an operation: name.overload and name_.overload. */
#define ROWS(name, overload, arguments, id, doc)                                                                       \
    {name overload "(Tensor self, " arguments ") -> Tensor", call_##id, doc},                                          \
    {                                                                                                                  \
        name "_" overload "(Tensor(a!) self, " arguments ") -> Tensor(a!)", call_##id##_, doc                          \
    }

const fac__op fac__ops_scatter[] = {
    ROWS("scatter", ".src", "int dim, Tensor index, Tensor src", scatter, "src's elements written where index says."),
    ROWS("scatter", ".value", "int dim, Tensor index, Scalar value", scatter_scalar,
         "A number written where index says."),
    ROWS("scatter", ".reduce", "int dim, Tensor index, Tensor src, *, str reduce", scatter_old,
         "src added or multiplied."),
    ROWS("scatter", ".value_reduce", "int dim, Tensor index, Scalar value, *, str reduce", scatter_old_value,
         "A number added or multiplied."),
    ROWS("scatter_add", "", "int dim, Tensor index, Tensor src", scatter_add, "src's elements added where index says."),
    ROWS("scatter_reduce", ".two", "int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True",
         scatter_reduce, "src's elements reduced where index says."),
    ROWS("index_add", "", "int dim, Tensor index, Tensor source, *, Scalar alpha=1", index_add,
         "Slices added where index says."),
    ROWS("index_reduce", "", "int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True",
         index_reduce, "Slices reduced where index says."),
    ROWS("index_copy", "", "int dim, Tensor index, Tensor source", index_copy, "Slices written where index says."),
    ROWS("index_fill", ".int_Scalar", "int dim, Tensor index, Scalar value", index_fill,
         "Slices filled with a number."),
    ROWS("index_fill", ".int_Tensor", "int dim, Tensor index, Tensor value", index_fill_tensor,
         "Slices filled with a value."),
    {0},
};
