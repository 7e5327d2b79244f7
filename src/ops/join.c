/* Floor 4. Joining tensors: cat, stack and what is made of them. */
#include "facula/ops_join.h"

#include <string.h>

#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_view.h"
#include "shaping.h"
#include "tracing.h"

/* ---- arguments ----------------------------------------------------------------------------------------------- */

/* The dtype that all are promoted to. */
static fac_dtype common_dtype(fac_tensor_list tensors)
{
    fac_dtype groups[3] = {FAC_DTYPE_NONE, FAC_DTYPE_NONE, FAC_DTYPE_NONE};
    fac__arg all[3];
    fac_tensor *first[3] = {NULL, NULL, NULL};
    for (int64_t i = 0; i < tensors.count; i++) { /* by group: with dimensions, 0-d, numbers */
        fac_tensor *t = tensors.items[i];
        int g = t->wrapped ? 2 : t->ndim ? 0 : 1;
        groups[g] = fac_promote_types(groups[g], (fac_dtype)t->dtype);
        if (!first[g] || groups[g] == (fac_dtype)t->dtype) first[g] = t;
    }
    int n = 0;
    for (int g = 0; g < 3; g++)
        if (first[g]) all[n++] = fac__tensor_arg(first[g]);
    return n == 1 ? groups[first[0] ? 0 : first[1] ? 1 : 2] : fac__result_type(n, all);
}

/* ---- cat ----------------------------------------------------------------------------------------------------- */

typedef struct cat_params {
    int dim;
    int64_t sizes[]; /* of each input along dim; -1: left out */
} cat_params;

static void cat_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const cat_params *p = n->params;
    int64_t start = 0;
    for (int i = 0; i < n->n_in; i++) {
        if (p->sizes[i] < 0) continue;
        if (fac__wants(n, i)) gx[i] = fac_narrow(gy[0], p->dim, start, p->sizes[i]);
        start += p->sizes[i];
    }
}

/* Empty 1-d tensors may stand among tensors of any shape, and count for nothing. */
static bool left_out(const fac_tensor *t)
{
    return t->ndim == 1 && t->shape[0] == 0;
}

/* Finds the shape of the result; false with PyTorch's error when the tensors do not fit together. */
static bool cat_shape(fac_tensor_list tensors, int *dim, int *ndim, int64_t *shape)
{
    const fac_tensor *first = NULL;
    int64_t along = 0;
    for (int64_t i = 0; i < tensors.count; i++) {
        const fac_tensor *t = tensors.items[i];
        if (t->ndim == 0)
            return fac__runtime_error("zero-dimensional tensor (at position %lld) cannot be concatenated",
                                      (long long)i),
                   false;
        if (left_out(t)) continue;
        if (!first) {
            first = t;
            if ((*dim = fac__wrap_dim(*dim, t->ndim)) < 0) return false;
        }
        if (t->ndim != first->ndim)
            return fac__runtime_error("Tensors must have same number of dimensions: got %d and %d", first->ndim,
                                      t->ndim),
                   false;
        for (int d = 0; d < t->ndim; d++)
            if (d != *dim && t->shape[d] != first->shape[d])
                return fac__runtime_error("Sizes of tensors must match except in dimension %d. Expected size %lld but "
                                          "got size %lld for "
                                          "tensor number %lld in the list.",
                                          *dim, (long long)first->shape[d], (long long)t->shape[d], (long long)i),
                       false;
        along += t->shape[*dim];
    }
    *ndim = first ? first->ndim : 1;
    if (first)
        memcpy(shape, first->shape, (size_t)*ndim * sizeof *shape);
    else
        *dim = 0;
    shape[*dim] = along;
    return true;
}

/* Writes the tensors side by side into y, each into a view that is moved along. */
static bool fill_side_by_side(fac_tensor *y, fac_tensor_list tensors, int dim)
{
    int64_t shape[FAC_MAX_DIMS], start = 0;
    memcpy(shape, y->shape, sizeof shape);
    for (int64_t i = 0; i < tensors.count; i++) {
        fac_tensor *t = tensors.items[i];
        if (t->numel == 0) continue;
        shape[dim] = t->shape[dim];
        fac_tensor *place = fac__new_view(y, y->ndim, shape, y->strides, start * y->strides[dim]);
        bool ok = place && fac__copy_into(place, t);
        fac_release(place);
        if (!ok) return false;
        start += t->shape[dim];
    }
    return true;
}

fac_tensor *fac_cat(fac_tensor_list tensors, int dim)
{
    FAC__OP("cat");
    if (!fac__list_given(tensors)) return NULL;
    if (tensors.count < 1) return fac__runtime_error("torch.cat(): expected a non-empty list of Tensors");
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
    if (!cat_shape(tensors, &dim, &ndim, shape)) return NULL;
    FAC__TRACE("cat", FAC__ARG(tensors), FAC__ARG(dim));
    fac_tensor *y = fac__new(common_dtype(tensors), ndim, shape);
    if (!y || !fill_side_by_side(y, tensors, dim)) return fac_release(y), NULL;
    fac__node *n = fac__record_n("CatBackward0", cat_backward, 1, 0,
                                 sizeof(cat_params) + (size_t)tensors.count * sizeof(int64_t), (int)tensors.count,
                                 tensors.items);
    if (n && n->params) {
        cat_params *p = n->params;
        p->dim = dim;
        for (int64_t i = 0; i < tensors.count; i++)
            p->sizes[i] = left_out(tensors.items[i]) ? -1 : tensors.items[i]->shape[dim];
    }
    return fac__result(n, y);
}

/* ---- stack --------------------------------------------------------------------------------------------------- */

static void stack_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    int dim = *(const int *)n->params;
    for (int i = 0; i < n->n_in; i++)
        if (fac__wants(n, i)) gx[i] = fac_select(gy[0], dim, i);
}

fac_tensor *fac_stack(fac_tensor_list tensors, int dim)
{
    FAC__OP("stack");
    if (!fac__list_given(tensors)) return NULL;
    if (tensors.count < 1) return fac__runtime_error("stack expects a non-empty TensorList");
    const fac_tensor *first = tensors.items[0];
    if ((dim = fac__wrap_dim(dim, first->ndim + 1)) < 0) return NULL;
    for (int64_t i = 1; i < tensors.count; i++)
        if (!fac__same_shape(first, tensors.items[i]))
            return fac__runtime_error(
                "stack expects each tensor to be equal size, but got %s at entry 0 and %s at entry %lld",
                fac__shape_text(first->ndim, first->shape),
                fac__shape_text(tensors.items[i]->ndim, tensors.items[i]->shape), (long long)i);
    fac_dims shape = {.n = first->ndim + 1};
    if (!fac__dims_fit(shape)) return NULL;
    FAC__TRACE("stack", FAC__ARG(tensors), FAC__ARG(dim));
    for (int i = 0; i < shape.n; i++)
        shape.d[i] = i == dim ? tensors.count : first->shape[i - (i > dim)];
    fac_tensor *y = fac__new(common_dtype(tensors), shape.n, shape.d);
    if (!y) return NULL;
    int64_t strides[FAC_MAX_DIMS];
    for (int i = 0; i < first->ndim; i++)
        strides[i] = y->strides[i + (i >= dim)];
    for (int64_t i = 0; i < tensors.count && y->numel; i++) {
        fac_tensor *place = fac__new_view(y, first->ndim, first->shape, strides, i * y->strides[dim]);
        bool ok = place && fac__copy_into(place, tensors.items[i]);
        fac_release(place);
        if (!ok) return fac_release(y), NULL;
    }
    fac__node *n =
        fac__record_n("StackBackward0", stack_backward, 1, 0, sizeof(int), (int)tensors.count, tensors.items);
    if (n && n->params) *(int *)n->params = dim;
    return fac__result(n, y);
}

/* ---- made of these ------------------------------------------------------------------------------------------- */

/* cat along dim of all tensors after `raise` gave them the dimensions they need. */
static fac_tensor *cat_raised(fac_tensor_list tensors, fac_tensor *(*raise)(fac_tensor *), int dim, const char *name)
{
    if (!fac__list_given(tensors)) return NULL;
    if (tensors.count < 1) return fac__runtime_error("%s expects a non-empty TensorList", name);
    fac_tensor_list raised = fac__list_new(tensors.count);
    for (int64_t i = 0; i < tensors.count && raised.items; i++)
        if (!(raised.items[i] = raise(tensors.items[i]))) return NULL;
    return raised.items ? fac_cat(raised, dim) : NULL;
}

fac_tensor *fac_hstack(fac_tensor_list tensors)
{
    FAC__OP("hstack");
    bool flat = tensors.items && tensors.count > 0 && tensors.items[0] && tensors.items[0]->ndim <= 1;
    return cat_raised(tensors, fac_atleast_1d, flat ? 0 : 1, "hstack");
}

fac_tensor *fac_vstack(fac_tensor_list tensors)
{
    FAC__OP("vstack");
    return cat_raised(tensors, fac_atleast_2d, 0, "vstack");
}

fac_tensor *fac_dstack(fac_tensor_list tensors)
{
    FAC__OP("dstack");
    return cat_raised(tensors, fac_atleast_3d, 2, "dstack");
}

static fac_tensor *as_column(fac_tensor *t)
{
    return t->ndim <= 1 ? fac_reshape(t, FAC_SHAPE(t->numel, 1)) : t;
}

fac_tensor *fac_column_stack(fac_tensor_list tensors)
{
    FAC__OP("column_stack");
    return cat_raised(tensors, as_column, 1, "column_stack");
}

/* ---- block_diag ---------------------------------------------------------------------------------------------- */

static void block_diag_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const fac_dims *shapes = n->params;
    int64_t row = 0, column = 0;
    for (int i = 0; i < n->n_in; i++) {
        const fac_dims *s = &shapes[i];
        int64_t rows = s->n == 2 ? s->d[0] : 1, columns = s->n ? s->d[s->n - 1] : 1;
        if (fac__wants(n, i)) gx[i] = fac_reshape(fac_narrow(fac_narrow(gy[0], 0, row, rows), 1, column, columns), *s);
        row += rows;
        column += columns;
    }
}

fac_tensor *fac_block_diag(fac_tensor_list tensors)
{
    FAC__OP("block_diag");
    if (!fac__list_given(tensors)) return NULL;
    int64_t rows = 0, columns = 0;
    for (int64_t i = 0; i < tensors.count; i++) {
        const fac_tensor *t = tensors.items[i];
        if (t->ndim > 2)
            return fac__runtime_error(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input %lld has %d dimensions",
                (long long)i, t->ndim);
        rows += t->ndim == 2 ? t->shape[0] : 1;
        columns += t->ndim ? t->shape[t->ndim - 1] : 1;
    }
    if (tensors.count < 1) rows = 1; /* PyTorch's answer to nothing: [1, 0] */
    fac_tensor *y =
        fac__new(tensors.count ? common_dtype(tensors) : fac_get_default_dtype(), 2, (int64_t[]){rows, columns});
    if (!y || !fac__fill_into(y, fac_scalar_int(0))) return fac_release(y), NULL;
    int64_t row = 0, column = 0;
    for (int64_t i = 0; i < tensors.count; i++) {
        fac_tensor *t = tensors.items[i];
        int64_t strides[2] = {columns > 1 ? columns : 1, 1}, at = row * strides[0] + column;
        fac_tensor *place =
            fac__new_view(y, t->ndim, t->shape, t->ndim == 2 ? strides : strides + 1, t->numel ? at : 0);
        bool ok = place && fac__copy_into(place, t);
        fac_release(place);
        if (!ok) return fac_release(y), NULL;
        row += t->ndim == 2 ? t->shape[0] : 1;
        column += t->ndim ? t->shape[t->ndim - 1] : 1;
    }
    fac__node *n = fac__record_n("BlockDiagBackward0", block_diag_backward, 1, 0,
                                 (size_t)tensors.count * sizeof(fac_dims), (int)tensors.count, tensors.items);
    for (int64_t i = 0; n && n->params && i < tensors.count; i++)
        ((fac_dims *)n->params)[i] = fac_shape(tensors.items[i]);
    return fac__result(n, y);
}

/* ---- products and combinations ------------------------------------------------------------------------------- */

fac_tensor *fac_cartesian_prod(fac_tensor_list tensors)
{
    FAC__OP("cartesian_prod");
    if (!fac__list_given(tensors)) return NULL;
    for (int64_t i = 0; i < tensors.count; i++)
        if (tensors.items[i]->ndim != 1)
            return fac__runtime_error("Expect a 1D vector, but got shape %s",
                                      fac__shape_text(tensors.items[i]->ndim, tensors.items[i]->shape));
    if (tensors.count == 1) return tensors.items[0];
    fac_tensor_list grids = fac_meshgrid(tensors, "ij");
    for (int64_t i = 0; i < grids.count && grids.items; i++)
        if (!(grids.items[i] = fac_flatten(grids.items[i], 0, -1))) return NULL;
    return grids.items ? fac_stack(grids, 1) : NULL;
}

fac_tensor *fac_combinations(fac_tensor *self, int64_t r, bool with_replacement)
{
    FAC__OP("combinations");
    FAC__NEED(self);
    if (self->ndim != 1)
        return fac__runtime_error("Expect a 1D vector, but got shape %s", fac__shape_text(self->ndim, self->shape));
    if (r < 0) return fac__runtime_error("Expect a non-negative number, but got %lld", (long long)r);
    if (r > 1 << 24) return fac__runtime_error("too many combinations");
    if (r == 0) return fac_empty(FAC_SHAPE(0), .dtype = (fac_dtype)self->dtype);
    int64_t n = self->numel, count = 1;
    if (!with_replacement && r > n) count = 0;
    for (int64_t k = 1; k <= r && count; k++) { /* binomial, exact at every step */
        int64_t factor = with_replacement ? n + k - 1 : n - r + k;
        if (__builtin_mul_overflow(count, factor, &count)) return fac__runtime_error("too many combinations");
        count /= k;
    }
    fac_tensor *index = fac_empty(FAC_SHAPE(count, r), .dtype = FAC_INT64);
    if (!index) return NULL;
    int64_t *rows = fac__host(index);
    for (int64_t i = 0; i < count; i++) {
        int64_t *row = rows + i * r;
        if (i == 0) {
            for (int64_t k = 0; k < r; k++)
                row[k] = with_replacement ? 0 : k;
            continue;
        }
        memcpy(row, row - r, (size_t)r * sizeof *row);
        int64_t k = r - 1;
        while (row[k] == (with_replacement ? n - 1 : n - r + k))
            k--;
        row[k]++;
        for (int64_t j = k + 1; j < r; j++)
            row[j] = with_replacement ? row[k] : row[j - 1] + 1;
    }
    return fac_take(self, index);
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

FAC__CALL(cat, R(fac_cat(TL(0), (int)I(1))))
FAC__CALL(stack, R(fac_stack(TL(0), (int)I(1))))
FAC__CALL(hstack, R(fac_hstack(TL(0))))
FAC__CALL(vstack, R(fac_vstack(TL(0))))
FAC__CALL(dstack, R(fac_dstack(TL(0))))
FAC__CALL(column_stack, R(fac_column_stack(TL(0))))
FAC__CALL(block_diag, R(fac_block_diag(TL(0))))
FAC__CALL(cartesian_prod, R(fac_cartesian_prod(TL(0))))
FAC__CALL(combinations, R(fac_combinations(T(0), I(1), B(2))))

const fac__op fac__ops_join[] = {
    {"cat(Tensor[] tensors, int dim=0) -> Tensor", cat, "One after the other along dim."},
    {"stack(Tensor[] tensors, int dim=0) -> Tensor", stack, "Along a new dimension."},
    {"hstack(Tensor[] tensors) -> Tensor", hstack, "Along dim 1 (0 if 1-d)."},
    {"vstack(Tensor[] tensors) -> Tensor", vstack, "Along dim 0, as rows."},
    {"dstack(Tensor[] tensors) -> Tensor", dstack, "Along dim 2."},
    {"column_stack(Tensor[] tensors) -> Tensor", column_stack, "Vectors as the columns of a matrix."},
    {"block_diag(Tensor[] tensors) -> Tensor", block_diag, "Matrices along the diagonal of one."},
    {"cartesian_prod(Tensor[] tensors) -> Tensor", cartesian_prod, "All ways to take an element from each vector."},
    {"combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor", combinations,
     "All ways to choose r elements."},
    {0},
};
