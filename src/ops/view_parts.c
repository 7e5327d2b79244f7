/* Floor 4. Views of a part of a tensor: slices, selections, diagonals, windows. Each is one change of layout. */
#include <string.h>

#include "facula/ops_create.h"
#include "facula/ops_view.h"
#include "shaping.h"
#include "tracing.h"

/* ---- parts and their gradient -------------------------------------------------------------------------------- */

typedef struct part_params {
    fac__meta base;
    fac__layout layout; /* of the part in a contiguous tensor of the base's shape */
} part_params;

static void part_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const part_params *p = n->params;
    const fac__layout *l = &p->layout;
    gx[0] = fac__grad_unview(gy[0], &p->base, l->ndim, l->shape, l->strides, l->offset);
}

static void layout_of(fac__layout *l, const fac_tensor *x)
{
    l->ndim = x->ndim;
    l->offset = x->offset;
    memcpy(l->shape, x->shape, (size_t)x->ndim * sizeof *x->shape);
    memcpy(l->strides, x->strides, (size_t)x->ndim * sizeof *x->strides);
}

/* The part as seen in a contiguous tensor of x's shape. x was found fit for it before. */
static void plain_part(part_params *p, const fac_tensor *x, fac__part part, const int64_t *a)
{
    p->base.dtype = x->dtype;
    p->base.ndim = x->ndim;
    memcpy(p->base.shape, x->shape, (size_t)x->ndim * sizeof *x->shape);
    layout_of(&p->layout, x);
    p->layout.offset = 0;
    fac__contiguous_strides(x->ndim, x->shape, p->layout.strides);
    part(&p->layout, a);
}

fac_tensor *fac__part_view(const char *name, fac_tensor *x, fac__part part, const int64_t *a)
{
    fac__layout l;
    layout_of(&l, x);
    if (!part(&l, a)) return NULL;
    fac__node *n = fac__record(name, part_backward, 1, 0, sizeof(part_params), x);
    if (n && n->params) plain_part(n->params, x, part, a);
    return fac__result_view(n, fac__new_view(x, l.ndim, l.shape, l.strides, l.offset), x);
}

/* ---- a copy with a part replaced ----------------------------------------------------------------------------- */

enum { MOST_NUMBERS = 4 };
typedef struct scatter_params {
    fac__part part;
    int64_t a[MOST_NUMBERS];
} scatter_params;

static void scatter_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const scatter_params *p = n->params;
    if (fac__wants(n, 0)) {
        fac_tensor *rest = fac_clone(gy[0]);
        fac_tensor *hole = rest ? fac__part_view("SliceBackward0", rest, p->part, p->a) : NULL;
        if (hole && fac_zero_(hole)) gx[0] = rest;
    }
    if (fac__wants(n, 1)) gx[1] = fac__part_view("SliceBackward0", gy[0], p->part, p->a);
}

fac_tensor *fac__part_scatter(const char *name, fac_tensor *x, fac_tensor *src, fac__part part, const int64_t *a,
                              int n_a)
{
    fac_tensor *y = fac__new_like(x, (fac_dtype)x->dtype);
    if (!y) return NULL;
    fac__layout l;
    layout_of(&l, y);
    fac_tensor *hole = part(&l, a) ? fac__new_view(y, l.ndim, l.shape, l.strides, l.offset) : NULL;
    if (hole && !fac__same_shape(hole, src))
        fac__runtime_error("expected src to have a size equal to the slice of self. src size = %s, slice size = %s",
                           fac__shape_text(src->ndim, src->shape), fac__shape_text(hole->ndim, hole->shape));
    bool ok = hole && fac__same_shape(hole, src) && fac__copy_into(y, x) && fac__copy_into(hole, src);
    fac_release(hole);
    if (!ok) return fac_release(y), NULL;
    fac__node *n = fac__record(name, scatter_backward, 1, 0, sizeof(scatter_params), x, src);
    if (n && n->params) {
        scatter_params *p = n->params;
        p->part = part;
        memcpy(p->a, a, (size_t)n_a * sizeof *a);
    }
    return fac__result(n, y);
}

/* ---- slice, narrow ------------------------------------------------------------------------------------------- */

/* A stride of several elements; as it was where that is too large, which only dimensions of one element have. */
static int64_t stepped(int64_t stride, int64_t step)
{
    int64_t wide;
    return __builtin_mul_overflow(stride, step, &wide) ? stride : wide;
}

bool fac__slice_part(fac__layout *l, const int64_t *a)
{
    l->offset += a[1] * l->strides[a[0]];
    l->strides[a[0]] = stepped(l->strides[a[0]], a[2]);
    l->shape[a[0]] = a[3];
    return true;
}

/* Python's rule for bounds, into dim, start, step, length. */
static bool slice_numbers(const fac_tensor *x, int dim, int64_t start, int64_t end, int64_t step, int64_t *a)
{
    if (x->ndim == 0) return fac__runtime_error("slice() cannot be applied to a 0-dim tensor."), false;
    dim = fac__wrap_dim(dim, x->ndim);
    if (dim < 0) return false;
    if (step <= 0) return fac__runtime_error("slice step must be positive"), false;
    int64_t size = x->shape[dim];
    if (start == FAC_OPEN) start = 0;
    if (end == FAC_OPEN) end = size;
    start = start < -size ? 0 : start < 0 ? start + size : start > size ? size : start;
    end = end < -size ? 0 : end < 0 ? end + size : end > size ? size : end;
    if (end < start) end = start;
    int64_t length = (end - start) / step + ((end - start) % step != 0);
    memcpy(a, (int64_t[]){dim, start, step, length}, 4 * sizeof *a);
    return true;
}

fac_tensor *fac_slice(fac_tensor *self, int dim, int64_t start, int64_t end, int64_t step)
{
    FAC__OP("slice");
    FAC__NEED(self);
    FAC__TRACE("slice.Tensor", FAC__ARG(self), FAC__ARG(dim), FAC__ARG(start == FAC_OPEN ? 0 : start),
               FAC__ARG(end == FAC_OPEN ? INT64_MAX : end), FAC__ARG(step));
    int64_t a[4];
    return slice_numbers(self, dim, start, end, step, a) ? fac__part_view("SliceBackward0", self, fac__slice_part, a)
                                                         : NULL;
}

fac_tensor *fac_slice_scatter(fac_tensor *self, fac_tensor *src, int dim, int64_t start, int64_t end, int64_t step)
{
    FAC__OP("slice_scatter");
    FAC__NEED(self);
    FAC__NEED(src);
    int64_t a[4];
    if (!slice_numbers(self, dim, start, end, step, a)) return NULL;
    return fac__part_scatter("SliceScatterBackward0", self, src, fac__slice_part, a, 4);
}

fac_tensor *fac_narrow(fac_tensor *self, int dim, int64_t start, int64_t length)
{
    FAC__OP("narrow");
    FAC__NEED(self);
    if (self->ndim == 0) return fac__runtime_error("narrow() cannot be applied to a 0-dim tensor.");
    dim = fac__wrap_dim(dim, self->ndim);
    if (dim < 0) return NULL;
    int64_t size = self->shape[dim], from = start < 0 ? start + size : start;
    if (from < 0 || from > size)
        return fac__index_error("Dimension out of range (expected to be in range of [%lld, %lld], but got %lld)",
                                (long long)-size, (long long)(size ? size - 1 : 0), (long long)start);
    if (length < 0 || length > size - from)
        return fac__runtime_error("start (%lld) + length (%lld) exceeds dimension size (%lld).", (long long)from,
                                  (long long)length, (long long)size);
    FAC__TRACE("narrow", FAC__ARG(self), FAC__ARG(dim), FAC__ARG(from), FAC__ARG(length));
    return fac__part_view("SliceBackward0", self, fac__slice_part, (int64_t[]){dim, from, 1, length});
}

/* ---- select -------------------------------------------------------------------------------------------------- */

static void drop_dim(fac__layout *l, int dim)
{
    l->ndim--;
    for (int i = dim; i < l->ndim; i++) {
        l->shape[i] = l->shape[i + 1];
        l->strides[i] = l->strides[i + 1];
    }
}

bool fac__select_part(fac__layout *l, const int64_t *a)
{
    int dim = (int)a[0];
    l->offset += (a[1] < 0 ? a[1] + l->shape[dim] : a[1]) * l->strides[dim];
    drop_dim(l, dim);
    return true;
}

static bool select_numbers(const fac_tensor *x, int dim, int64_t index, int64_t *a)
{
    if (x->ndim == 0) return fac__index_error("select() cannot be applied to a 0-dim tensor."), false;
    dim = fac__wrap_dim(dim, x->ndim);
    if (dim < 0) return false;
    if (index < -x->shape[dim] || index >= x->shape[dim])
        return fac__index_error("select(): index %lld out of range for tensor of size %s at dimension %d",
                                (long long)index, fac__shape_text(x->ndim, x->shape), dim),
               false;
    a[0] = dim;
    a[1] = index;
    return true;
}

fac_tensor *fac_select(fac_tensor *self, int dim, int64_t index)
{
    FAC__OP("select");
    FAC__NEED(self);
    FAC__TRACE("select.int", FAC__ARG(self), FAC__ARG(dim), FAC__ARG(index));
    int64_t a[2];
    return select_numbers(self, dim, index, a) ? fac__part_view("SelectBackward0", self, fac__select_part, a) : NULL;
}

fac_tensor *fac_select_scatter(fac_tensor *self, fac_tensor *src, int dim, int64_t index)
{
    FAC__OP("select_scatter");
    FAC__NEED(self);
    FAC__NEED(src);
    int64_t a[2];
    if (!select_numbers(self, dim, index, a)) return NULL;
    return fac__part_scatter("SelectScatterBackward0", self, src, fac__select_part, a, 2);
}

/* ---- diagonal ------------------------------------------------------------------------------------------------ */

bool fac__diagonal_part(fac__layout *l, const int64_t *a)
{
    int64_t offset = a[0];
    int d1 = fac__wrap_dim(a[1], l->ndim), d2 = d1 < 0 ? -1 : fac__wrap_dim(a[2], l->ndim);
    if (d2 < 0) return false;
    if (d1 == d2)
        return fac__runtime_error("diagonal dimensions cannot be identical %lld, %lld", (long long)a[1],
                                  (long long)a[2]),
               false;
    int64_t rows = l->shape[d1], columns = l->shape[d2], length;
    if (offset >= 0)
        length = columns - offset < rows ? columns - offset : rows;
    else
        length = rows + offset < columns ? rows + offset : columns;
    if (offset > columns || offset < -rows || length < 0) length = 0;
    if (length) l->offset += offset >= 0 ? offset * l->strides[d2] : -offset * l->strides[d1];
    int64_t stride = l->strides[d1] + l->strides[d2];
    drop_dim(l, d1 > d2 ? d1 : d2);
    drop_dim(l, d1 > d2 ? d2 : d1);
    l->shape[l->ndim] = length;
    l->strides[l->ndim++] = stride;
    return true;
}

fac_tensor *fac_diagonal(fac_tensor *self, int64_t offset, int dim1, int dim2)
{
    FAC__OP("diagonal");
    FAC__NEED(self);
    return fac__part_view("DiagonalBackward0", self, fac__diagonal_part, (int64_t[]){offset, dim1, dim2});
}

fac_tensor *fac_diagonal_scatter(fac_tensor *self, fac_tensor *src, int64_t offset, int dim1, int dim2)
{
    FAC__OP("diagonal_scatter");
    FAC__NEED(self);
    FAC__NEED(src);
    return fac__part_scatter("DiagonalScatterBackward0", self, src, fac__diagonal_part, (int64_t[]){offset, dim1, dim2},
                             3);
}

/* ---- unfold -------------------------------------------------------------------------------------------------- */

bool fac__unfold_part(fac__layout *l, const int64_t *a)
{
    int64_t size = a[1], step = a[2];
    int dim = fac__wrap_dim(a[0], l->ndim);
    if (dim < 0) return false;
    int64_t most = l->ndim ? l->shape[dim] : 1;
    if (size < 0) return fac__runtime_error("size is %lld but must be >= 0", (long long)size), false;
    if (size > most)
        return fac__runtime_error("maximum size for tensor at dimension %d is %lld but size is %lld", dim,
                                  (long long)most, (long long)size),
               false;
    if (step <= 0) return fac__runtime_error("step is %lld but must be > 0", (long long)step), false;
    if (l->ndim == FAC_MAX_DIMS)
        return fac__value_error("tensors of %d dimensions are not supported (at most %d)", l->ndim + 1, FAC_MAX_DIMS),
               false;
    l->shape[l->ndim] = size;
    l->strides[l->ndim] = l->ndim ? l->strides[dim] : 1;
    if (l->ndim) {
        l->shape[dim] = (most - size) / step + 1;
        l->strides[dim] = stepped(l->strides[dim], step);
    }
    l->ndim++;
    return true;
}

fac_tensor *fac_unfold(fac_tensor *self, int dim, int64_t size, int64_t step)
{
    FAC__OP("unfold");
    FAC__NEED(self);
    return fac__part_view("UnfoldBackward0", self, fac__unfold_part, (int64_t[]){dim, size, step});
}

/* ---- as_strided ---------------------------------------------------------------------------------------------- */

/* Input and output as layouts over one flat piece of the storage, from its first to its last used element. */
typedef struct strided_params {
    fac__meta flat;
    fac__layout in, out;
} strided_params;

static int64_t last_of(const fac__layout *l)
{
    int64_t last = l->offset;
    for (int i = 0; i < l->ndim; i++)
        if (l->shape[i] == 0) return l->offset - 1;
    for (int i = 0; i < l->ndim; i++)
        last += (l->shape[i] - 1) * l->strides[i];
    return last;
}

static bool repeats_elements(const fac__layout *l)
{
    for (int i = 0; i < l->ndim; i++)
        if (l->shape[i] > 1 && l->strides[i] == 0) return true;
    return false;
}

static fac_tensor *through(fac_tensor *flat, const fac__layout *l)
{
    return fac_as_strided(flat, fac_dims_make(l->ndim, l->shape), fac_dims_make(l->ndim, l->strides), l->offset);
}

/* The output's gradient added up where it lies in storage, then read as the input lies. Elements that an expanded input
 * shows several times share theirs evenly, as in PyTorch. */
static void strided_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const strided_params *p = n->params;
    const fac__layout *l = &p->out;
    fac_tensor *flat = fac__grad_unview(gy[0], &p->flat, l->ndim, l->shape, l->strides, l->offset);
    if (!flat) return;
    l = &p->in;
    if (repeats_elements(l)) {
        fac_tensor *ones = fac_ones(fac_dims_make(l->ndim, l->shape), .dtype = (fac_dtype)flat->dtype);
        fac_tensor *times = ones ? fac__grad_unview(ones, &p->flat, l->ndim, l->shape, l->strides, l->offset) : NULL;
        if (!times) return;
        gx[0] = fac_div(through(flat, l), through(times, l));
    } else {
        gx[0] = through(flat, l);
    }
}

static bool strided_layout(fac__layout *l, const fac_tensor *x, fac_dims size, fac_dims stride, int64_t offset)
{
    if (!fac__dims_fit(size) || !fac__dims_fit(stride)) return false;
    if (size.n != stride.n) return fac__runtime_error("mismatch in length of strides and shape"), false;
    if (offset == FAC_OPEN) offset = x->offset;
    if (offset < 0) return fac__runtime_error("Tensor: invalid storage offset %lld", (long long)offset), false;
    l->ndim = size.n;
    l->offset = offset;
    memcpy(l->shape, size.d, sizeof size.d);
    memcpy(l->strides, stride.d, sizeof stride.d);
    return true;
}

fac_tensor *fac_as_strided(fac_tensor *self, fac_dims size, fac_dims stride, int64_t storage_offset)
{
    FAC__OP("as_strided");
    FAC__NEED(self);
    fac__layout out;
    if (!strided_layout(&out, self, size, stride, storage_offset)) return NULL;
    fac_tensor *y = fac__new_view(self, out.ndim, out.shape, out.strides, out.offset);
    if (!y) return NULL;
    fac__node *n = fac__record("AsStridedBackward0", strided_backward, 1, 0, sizeof(strided_params), self);
    if (n && n->params) {
        strided_params *p = n->params;
        layout_of(&p->in, self);
        p->out = out;
        int64_t first = p->in.offset < out.offset ? p->in.offset : out.offset;
        p->in.offset -= first;
        p->out.offset -= first;
        int64_t last_in = last_of(&p->in), last_out = last_of(&p->out);
        p->flat.dtype = self->dtype;
        p->flat.ndim = 1;
        p->flat.shape[0] = (last_in > last_out ? last_in : last_out) + 1;
    }
    return fac__result_view(n, y, self);
}

/* The part is of a contiguous copy of self, as in PyTorch. */
static void strided_scatter_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const fac__layout *l = n->params;
    fac_tensor *g = fac_contiguous(gy[0]);
    if (!g) return;
    fac_dims size = fac_dims_make(l->ndim, l->shape), stride = fac_dims_make(l->ndim, l->strides);
    if (fac__wants(n, 0)) {
        fac_tensor *rest = fac_clone(g), *hole = rest ? fac_as_strided(rest, size, stride, l->offset) : NULL;
        if (hole && fac_zero_(hole)) gx[0] = rest;
    }
    if (fac__wants(n, 1)) gx[1] = fac_as_strided(g, size, stride, g->offset + l->offset);
}

fac_tensor *fac_as_strided_scatter(fac_tensor *self, fac_tensor *src, fac_dims size, fac_dims stride,
                                   int64_t storage_offset)
{
    FAC__OP("as_strided_scatter");
    FAC__NEED(self);
    FAC__NEED(src);
    fac__layout l;
    if (!strided_layout(&l, self, size, stride, storage_offset)) return NULL;
    fac_tensor *y = fac__new_like(self, (fac_dtype)self->dtype);
    fac_tensor *hole = y ? fac__new_view(y, l.ndim, l.shape, l.strides, l.offset) : NULL;
    if (hole && !fac__same_shape(hole, src))
        fac__runtime_error("expected src to have a size equal to the slice of self. src size = %s, slice size = %s",
                           fac__shape_text(src->ndim, src->shape), fac__shape_text(hole->ndim, hole->shape));
    bool ok = hole && fac__same_shape(hole, src) && fac__copy_into(y, self) && fac__copy_into(hole, src);
    fac_release(hole);
    if (!ok) return fac_release(y), NULL;
    fac__node *n = fac__record("AsStridedScatterBackward0", strided_scatter_backward, 1, 0, sizeof l, self, src);
    if (n && n->params) memcpy(n->params, &l, sizeof l);
    return fac__result(n, y);
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

FAC__CALL(slice, R(fac_slice(T(0), (int)I(1), IO(2), IO(3), I(4))))
FAC__CALL(slice_scatter, R(fac_slice_scatter(T(0), T(1), (int)I(2), IO(3), IO(4), I(5))))
FAC__CALL(narrow, R(fac_narrow(T(0), (int)I(1), I(2), I(3))))
static fac_tensor *narrow_from(fac_tensor *self, int dim, fac_tensor *start, int64_t length)
{
    FAC__OP("narrow");
    FAC__NEED(start);
    if (start->ndim || fac_dtype_is_floating((fac_dtype)start->dtype) || start->dtype == FAC_BOOL)
        return fac__runtime_error("start must be an 0-dim integral Tensor.");
    return fac_narrow(self, dim, fac_item_int(start), length);
}
FAC__CALL(narrow_tensor, R(narrow_from(T(0), (int)I(1), T(2), I(3))))
FAC__CALL(narrow_copy, R(fac_clone(fac_narrow(T(0), (int)I(1), I(2), I(3)))))
FAC__CALL(select_int, R(fac_select(T(0), (int)I(1), I(2))))
FAC__CALL(select_scatter, R(fac_select_scatter(T(0), T(1), (int)I(2), I(3))))
FAC__CALL(diagonal, R(fac_diagonal(T(0), I(1), (int)I(2), (int)I(3))))
FAC__CALL(diagonal_scatter, R(fac_diagonal_scatter(T(0), T(1), I(2), (int)I(3), (int)I(4))))
FAC__CALL(unfold, R(fac_unfold(T(0), (int)I(1), I(2), I(3))))
FAC__CALL(as_strided, R(fac_as_strided(T(0), L(1), L(2), IO(3))))
FAC__CALL(as_strided_scatter, R(fac_as_strided_scatter(T(0), T(1), L(2), L(3), IO(4))))

const fac__op fac__ops_view_parts[] = {
    {"slice.Tensor(Tensor(a) self, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor(a)", slice,
     "x[start:end:step] along dim."},
    {"slice_scatter(Tensor self, Tensor src, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor",
     slice_scatter, "A copy of self whose slice is src."},
    {"narrow(Tensor(a) self, int dim, int start, int length) -> Tensor(a)", narrow,
     "length elements from start along dim."},
    {"narrow.Tensor(Tensor(a) self, int dim, Tensor start, int length) -> Tensor(a)", narrow_tensor,
     "length elements from start along dim."},
    {"narrow_copy(Tensor self, int dim, int start, int length) -> Tensor", narrow_copy, "A copy of what narrow shows."},
    {"select.int(Tensor(a) self, int dim, int index) -> Tensor(a)", select_int, "One index along dim, which goes."},
    {"select_scatter(Tensor self, Tensor src, int dim, int index) -> Tensor", select_scatter,
     "A copy of self whose selection is src."},
    {"diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)", diagonal,
     "The diagonal of two dims, as the last dimension."},
    {"diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor", diagonal_scatter,
     "A copy of self whose diagonal is src."},
    {"unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)", unfold,
     "Windows of size every step along a dimension, as a new last one."},
    {"as_strided(Tensor(a) self, int[] size, int[] stride, int? storage_offset=None) -> Tensor(a)", as_strided,
     "Any sizes and strides over the storage."},
    {"as_strided_scatter(Tensor self, Tensor src, int[] size, int[] stride, int? storage_offset=None) -> Tensor",
     as_strided_scatter, "A copy of self whose strided part is src."},
    {0},
};
