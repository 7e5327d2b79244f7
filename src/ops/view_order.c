/* Floor 4. Views of a tensor with its dimensions in another order. */
#include <stdio.h>
#include <string.h>

#include "facula/ops_view.h"
#include "shaping.h"
#include "tracing.h"

static fac_tensor *permute(const char *name, fac_tensor *x, const int8_t *dims);

typedef struct order {
    const char *name;
    int8_t back[FAC_MAX_DIMS];
} order;

static void permute_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const order *p = n->params;
    gx[0] = permute(p->name, gy[0], p->back);
}

static fac_tensor *permute(const char *name, fac_tensor *x, const int8_t *dims)
{
    int64_t shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS];
    if (fac__tracing()) {
        fac_dims order = {.n = x->ndim};
        for (int i = 0; i < x->ndim; i++)
            order.d[i] = dims[i];
        FAC__TRACE("permute", FAC__ARG(x), FAC__ARG(&order));
    }
    for (int i = 0; i < x->ndim; i++) {
        shape[i] = x->shape[dims[i]];
        strides[i] = x->strides[dims[i]];
    }
    fac__node *n = fac__record(name, permute_backward, 1, 0, sizeof(order), x);
    if (n && n->params) {
        order *p = n->params;
        p->name = name;
        for (int i = 0; i < x->ndim; i++)
            p->back[dims[i]] = (int8_t)i;
    }
    return fac__result_view(n, fac__new_view(x, x->ndim, shape, strides, x->offset), x);
}

static fac_tensor *swap(const char *name, fac_tensor *x, int a, int b)
{
    int8_t dims[FAC_MAX_DIMS];
    for (int i = 0; i < FAC_MAX_DIMS; i++)
        dims[i] = (int8_t)(i == a ? b : i == b ? a : i);
    return permute(name, x, dims);
}

fac_tensor *fac_transpose(fac_tensor *self, int dim0, int dim1)
{
    FAC__OP("transpose");
    FAC__NEED(self);
    int a = fac__wrap_dim(dim0, self->ndim), b = a < 0 ? -1 : fac__wrap_dim(dim1, self->ndim);
    return b < 0 ? NULL : swap("TransposeBackward0", self, a, b);
}

fac_tensor *fac_swapaxes(fac_tensor *self, int axis0, int axis1)
{
    FAC__OP("swapaxes");
    return fac_transpose(self, axis0, axis1);
}

fac_tensor *fac_t(fac_tensor *self)
{
    FAC__OP("t");
    FAC__NEED(self);
    if (self->ndim > 2)
        return fac__runtime_error("t() expects a tensor with <= 2 dimensions, but self is %dD", self->ndim);
    return swap("TBackward0", self, 0, self->ndim == 2 ? 1 : 0);
}

fac_tensor *fac_permute(fac_tensor *self, fac_dims dims)
{
    FAC__OP("permute");
    FAC__NEED(self);
    int8_t order[FAC_MAX_DIMS];
    if (dims.n != self->ndim)
        return fac__runtime_error(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
            "desired ordering of dimensions i.e. input.dim() = %d is not equal to len(dims) = %d",
            self->ndim, dims.n);
    if (!fac__wrap_dims(&dims, self->ndim, "permute(): duplicate dims are not allowed.")) return NULL;
    for (int i = 0; i < dims.n; i++)
        order[i] = (int8_t)dims.d[i];
    return permute("PermuteBackward0", self, order);
}

fac_tensor *fac_movedim(fac_tensor *self, fac_dims source, fac_dims destination)
{
    FAC__OP("movedim");
    FAC__NEED(self);
    fac_dims from = source, to = destination;
    if (source.n != destination.n)
        return fac__runtime_error(
            "movedim: Invalid source or destination dims: source (%s dims) should contain the same number of "
            "dims as destination (%s dims)",
            fac__shape_text(source.n, source.d), fac__shape_text(destination.n, destination.d));
    char repeated[2][96];
    snprintf(repeated[0], sizeof repeated[0], "movedim: repeated dim in `source` (%s)",
             fac__shape_text(source.n, source.d));
    snprintf(repeated[1], sizeof repeated[1], "movedim: repeated dim in `destination` (%s)",
             fac__shape_text(destination.n, destination.d));
    if (!fac__wrap_dims(&from, self->ndim, repeated[0]) || !fac__wrap_dims(&to, self->ndim, repeated[1])) return NULL;
    if (self->ndim == 0) return fac__relabel("AliasBackward0", self, 0, NULL, NULL);
    int8_t order[FAC_MAX_DIMS];
    uint32_t moved = 0;
    memset(order, -1, sizeof order);
    for (int i = 0; i < from.n; i++) {
        order[to.d[i]] = (int8_t)from.d[i];
        moved |= 1u << from.d[i];
    }
    for (int i = 0, next = 0; i < self->ndim; i++) {
        if (order[i] >= 0) continue;
        while (moved & 1u << next)
            next++;
        order[i] = (int8_t)next++;
    }
    return permute("PermuteBackward0", self, order);
}

fac_tensor *fac_T(fac_tensor *self)
{
    FAC__OP("T");
    FAC__NEED(self);
    int8_t order[FAC_MAX_DIMS];
    for (int i = 0; i < self->ndim; i++)
        order[i] = (int8_t)(self->ndim - 1 - i);
    return permute("PermuteBackward0", self, order);
}

fac_tensor *fac_mT(fac_tensor *self)
{
    FAC__OP("mT");
    FAC__NEED(self);
    if (self->ndim == 0) return fac__relabel("AliasBackward0", self, 0, NULL, NULL);
    if (self->ndim == 1)
        return fac__runtime_error("tensor.mT is only supported on matrices or batches of matrices. Got %d-D tensor.",
                                  self->ndim);
    return swap("TransposeBackward0", self, self->ndim - 2, self->ndim - 1);
}

fac_tensor *fac_H(fac_tensor *self)
{
    FAC__OP("H");
    FAC__NEED(self);
    if (self->ndim != 0 && self->ndim != 2)
        return fac__runtime_error("tensor.H is only supported on matrices (2-D tensors). Got %d-D tensor.%s",
                                  self->ndim,
                                  self->ndim > 2 ? " For batches of matrices, consider using tensor.mH" : "");
    return fac_mT(self);
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

FAC__CALL(transpose, R(fac_transpose(T(0), (int)I(1), (int)I(2))))
FAC__CALL(t, R(fac_t(T(0))))
FAC__CALL(permute_call, R(fac_permute(T(0), L(1))))
FAC__CALL(movedim, R(fac_movedim(T(0), L(1), L(2))))
FAC__CALL(T_call, R(fac_T(T(0))))
FAC__CALL(mT, R(fac_mT(T(0))))
FAC__CALL(H, R(fac_H(T(0))))

const fac__op fac__ops_view_order[] = {
    {"transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)", transpose, "Two dimensions swapped."},
    {"swapaxes(Tensor(a) self, int axis0, int axis1) -> Tensor(a)", transpose, "Two dimensions swapped."},
    {"t(Tensor(a) self) -> Tensor(a)", t, "A matrix transposed."},
    {"permute(Tensor(a) self, int[] dims) -> Tensor(a)", permute_call, "The dimensions in another order."},
    {"movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)", movedim,
     "Dimensions moved to other places."},
    {"movedim.int(Tensor(a) self, int source, int destination) -> Tensor(a)", movedim,
     "A dimension moved to another place."},
    {"numpy_T(Tensor(a) self) -> Tensor(a)", T_call, "All dimensions in reverse order: x.T."},
    {"T(Tensor(a) self) -> Tensor(a)", T_call, "All dimensions in reverse order: x.T."},
    {"mT(Tensor(a) self) -> Tensor(a)", mT, "The last two dimensions swapped."},
    {"mH(Tensor(a) self) -> Tensor(a)", mT, "The last two dimensions swapped (there are no complex numbers)."},
    {"adjoint(Tensor(a) self) -> Tensor(a)", mT, "The last two dimensions swapped (there are no complex numbers)."},
    {"matrix_H(Tensor(a) self) -> Tensor(a)", H, "A matrix transposed: x.H."},
    {"H(Tensor(a) self) -> Tensor(a)", H, "A matrix transposed: x.H."},
    {0},
};
