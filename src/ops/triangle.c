/* Floor 4. Diagonals and triangles of matrices, and tensors made from them. */
#include <string.h>

#include "backend/fill.h"
#include "facula/ops_create.h"
#include "facula/ops_view.h"
#include "index_along.h"
#include "tracing.h"

/* ---- tril, triu ---------------------------------------------------------------------------------------------- */

typedef struct triangle_params {
    bool upper;
    int64_t diagonal;
} triangle_params;

static void triangle_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const triangle_params *p = n->params;
    gx[0] = p->upper ? fac_triu(gy[0], p->diagonal) : fac_tril(gy[0], p->diagonal);
}

static void launch(const triangle_params *p, const fac_tensor *x, fac_tensor *y)
{
    int64_t rows = x->shape[x->ndim - 2], columns = x->shape[x->ndim - 1], limit = rows + columns;
    fac__triangle_args args = {.upper = p->upper,
                               .rows = rows,
                               .columns = columns,
                               .size = fac_dtype_size((fac_dtype)x->dtype),
                               .batch = x->numel / (rows * columns),
                               .x = fac__data(x),
                               .out = fac__data(y),
                               .diagonal = p->diagonal > limit    ? limit
                                           : p->diagonal < -limit ? -limit
                                                                  : p->diagonal};
    FAC__LAUNCH(fac__k_triangle, args);
}

static fac_tensor *triangle(fac_tensor *self, bool upper, int64_t diagonal, bool inplace)
{
    triangle_params p = {upper, diagonal};
    if (self->ndim == 0) return fac__index_error("Dimension specified as -2 but tensor has no dimensions");
    if (fac__wrap_dim(-2, self->ndim) < 0) return NULL;
    if (inplace && !fac__inplace_begin(self)) return NULL;
    fac__node *n = fac__record(upper ? "TriuBackward0" : "TrilBackward0", triangle_backward, 1, 0, sizeof p, self);
    if (n && n->params) *(triangle_params *)n->params = p;
    fac_tensor *x = self->contiguous ? self : fac__own(fac__copy_of(self));
    fac_tensor *y = !x ? NULL : inplace ? self : fac__new_like(self, (fac_dtype)self->dtype);
    bool ok = y != NULL;
    if (ok && x->numel) launch(&p, x, inplace ? x : y);
    if (ok && inplace && x != self) ok = fac__copy_into(self, x);
    return fac__finish(n, y, inplace, ok);
}

#define TRIANGLE(name, upper)                                                                                          \
    fac_tensor *fac_##name(fac_tensor *self, int64_t diagonal)                                                         \
    {                                                                                                                  \
        FAC__OP(#name);                                                                                                \
        FAC__NEED(self);                                                                                               \
        FAC__TRACE(#name, FAC__ARG(self), FAC__ARG(diagonal));                                                         \
        return triangle(self, upper, diagonal, false);                                                                 \
    }                                                                                                                  \
    fac_tensor *fac_##name##_(fac_tensor *self, int64_t diagonal)                                                      \
    {                                                                                                                  \
        FAC__OP(#name "_");                                                                                            \
        FAC__NEED(self);                                                                                               \
        return triangle(self, upper, diagonal, true);                                                                  \
    }
TRIANGLE(tril, false)
TRIANGLE(triu, true)

/* ---- diag_embed, diag, diagflat ------------------------------------------------------------------------------ */

/* Zeros of that shape whose diagonal, a view of it, is src; the caller's. */
static fac_tensor *with_diagonal(fac_tensor *src, fac_dims shape, const int64_t *numbers)
{
    fac_tensor *y = fac__new((fac_dtype)src->dtype, shape.n, shape.d);
    if (!y || !fac__fill_into(y, fac_scalar_int(0))) return fac_release(y), NULL;
    fac__layout l = {.ndim = shape.n, .offset = 0};
    memcpy(l.shape, y->shape, sizeof l.shape);
    memcpy(l.strides, y->strides, sizeof l.strides);
    fac_tensor *diagonal = fac__diagonal_part(&l, numbers) ? fac__new_view(y, l.ndim, l.shape, l.strides, l.offset)
                                                           : NULL;
    bool ok = diagonal && fac__copy_into(diagonal, src);
    fac_release(diagonal);
    if (!ok) return fac_release(y), NULL;
    return y;
}

static void embed_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const int64_t *a = n->params;
    gx[0] = fac_diagonal(gy[0], a[0], (int)a[1], (int)a[2]);
}

/* A vector, or the last dimension, as a diagonal; name is what diag or diag_embed is called in a graph. */
static fac_tensor *embed(const char *name, fac_tensor *self, int64_t offset, int dim1, int dim2)
{
    int ndim = self->ndim + 1, d1 = fac__wrap_dim(dim1, ndim), d2 = d1 < 0 ? -1 : fac__wrap_dim(dim2, ndim);
    if (d2 < 0) return NULL;
    if (d1 == d2) return fac__runtime_error("diagonal dimensions cannot be identical %d, %d", dim1, dim2);
    fac_dims shape = {.n = ndim};
    if (!fac__dims_fit(shape)) return NULL;
    int64_t size, length = self->shape[self->ndim - 1];
    if (offset == INT64_MIN || __builtin_add_overflow(length, offset < 0 ? -offset : offset, &size)) size = INT64_MAX;
    for (int i = 0, at = 0; i < ndim; i++)
        shape.d[i] = i == d1 || i == d2 ? size : self->shape[at++];
    int64_t numbers[3] = {offset, d1, d2};
    fac_tensor *y = with_diagonal(self, shape, numbers);
    if (!y) return NULL;
    fac__node *n = fac__record(name, embed_backward, 1, 0, sizeof numbers, self);
    if (n && n->params) memcpy(n->params, numbers, sizeof numbers);
    return fac__result(n, y);
}

fac_tensor *fac_diag_embed(fac_tensor *self, int64_t offset, int dim1, int dim2)
{
    FAC__OP("diag_embed");
    FAC__NEED(self);
    if (self->ndim == 0) /* there is no last dimension */
        return fac__index_error("Dimension out of range (expected to be in range of [-1, 0], but got %d)", dim1);
    return embed("DiagEmbedBackward0", self, offset, dim1, dim2);
}

typedef struct diag_params {
    fac_dims shape;
    int64_t diagonal;
} diag_params;

static void diag_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const diag_params *p = n->params;
    gx[0] = fac_diagonal_scatter(fac_zeros(p->shape, .dtype = fac_dtype_of(gy[0])), gy[0], p->diagonal, 0, 1);
}

fac_tensor *fac_diag(fac_tensor *self, int64_t diagonal)
{
    FAC__OP("diag");
    FAC__NEED(self);
    if (self->ndim != 1 && self->ndim != 2) return fac__runtime_error("matrix or a vector expected");
    if (self->ndim == 1) return embed("DiagBackward0", self, diagonal, 0, 1);
    if (diagonal > self->shape[1] || diagonal < -self->shape[0])
        return fac__runtime_error("diagonal %lld is outside of a matrix of shape %s", (long long)diagonal,
                                  fac__shape_text(2, self->shape));
    fac_tensor *y = NULL;
    fac_scope {
        fac_no_grad {
            fac_tensor *view = fac_diagonal(self, diagonal, 0, 1);
            y = view ? fac__copy_of(view) : NULL;
        }
    }
    if (!y) return NULL;
    fac__node *n = fac__record("DiagBackward0", diag_backward, 1, 0, sizeof(diag_params), self);
    if (n && n->params) *(diag_params *)n->params = (diag_params){fac_shape(self), diagonal};
    return fac__result(n, y);
}

fac_tensor *fac_diagflat(fac_tensor *self, int64_t offset)
{
    FAC__OP("diagflat");
    FAC__NEED(self);
    fac_tensor *flat = fac_ravel(self);
    return flat ? fac_diag(flat, offset) : NULL;
}

/* ---- fill_diagonal_ ------------------------------------------------------------------------------------------ */

fac_tensor *(fac_fill_diagonal_)(fac_tensor *self, fac_scalar value, bool wrap)
{
    FAC__OP("fill_diagonal_");
    FAC__NEED(self);
    if (self->ndim < 2) return fac__runtime_error("dimensions must larger than 1");
    int64_t length = self->shape[0], step = 0;
    for (int i = 0; i < self->ndim; i++) {
        if (self->ndim > 2 && self->shape[i] != self->shape[0])
            return fac__runtime_error("all dimensions of input must be of equal length");
        if (self->shape[i] < length) length = self->shape[i];
        step += self->strides[i];
    }
    if (!fac__scalar_fits(value, (fac_dtype)self->dtype)) return NULL;
    fac_tensor *main = fac_as_strided(self, FAC_SHAPE(length), FAC_DIMS(step), FAC_OPEN);
    if (!main || !fac_fill_(main, value)) return NULL;
    int64_t rows = self->shape[0], columns = self->shape[1];
    if (!wrap || self->ndim != 2 || rows <= columns + 1) return self;
    /* A tall matrix: again below each empty row. */
    int64_t from = columns + 1, left = (rows - from) * columns, count = (left + columns) / (columns + 1);
    for (int64_t k = 0; k < count; k++) {
        int64_t at = from * columns + k * (columns + 1);
        fac_tensor *cell = fac_select(fac_select(self, 0, at / columns), 0, at % columns);
        if (!cell || !fac_fill_(cell, value)) return NULL;
    }
    return self;
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

FAC__CALL(tril, R(fac_tril(T(0), I(1))))
FAC__CALL(tril_, R(fac_tril_(T(0), I(1))))
FAC__CALL(triu, R(fac_triu(T(0), I(1))))
FAC__CALL(triu_, R(fac_triu_(T(0), I(1))))
FAC__CALL(diag, R(fac_diag(T(0), I(1))))
FAC__CALL(diag_embed, R(fac_diag_embed(T(0), I(1), (int)I(2), (int)I(3))))
FAC__CALL(diagflat, R(fac_diagflat(T(0), I(1))))
FAC__CALL(fill_diagonal_, R((fac_fill_diagonal_)(T(0), S(1), B(2))))

const fac__op fac__ops_triangle[] = {
    {"tril(Tensor self, int diagonal=0) -> Tensor", tril, "Zero above a diagonal."},
    {"tril_(Tensor(a!) self, int diagonal=0) -> Tensor(a!)", tril_, "Zero above a diagonal."},
    {"triu(Tensor self, int diagonal=0) -> Tensor", triu, "Zero below a diagonal."},
    {"triu_(Tensor(a!) self, int diagonal=0) -> Tensor(a!)", triu_, "Zero below a diagonal."},
    {"diag(Tensor self, int diagonal=0) -> Tensor", diag, "A vector to a diagonal matrix, a matrix to its diagonal."},
    {"diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor", diag_embed,
     "The last dimension as a diagonal."},
    {"diagflat(Tensor self, int offset=0) -> Tensor", diagflat, "All elements as the diagonal of a matrix."},
    {"fill_diagonal_(Tensor(a!) self, Scalar fill_value, bool wrap=False) -> Tensor(a!)", fill_diagonal_,
     "fill_value on the main diagonal."},
    {0},
};
