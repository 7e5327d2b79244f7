/* Floor 4. The way back of max pooling (facula/ops_conv.h): values go to where the maxima were, zeros elsewhere. */
#include "facula/ops_conv.h"
#include "facula/ops_index.h"
#include "facula/ops_view.h"
#include "op.h"
#include "window.h"

/* The output's spatial size: as given (with or without the dimensions in front), or what the pooling began with at
 * least. */
static bool output_size(const fac_tensor *x, int spatial, fac_dims kernel, const fac_unpool_options *o, int64_t *out)
{
    int64_t k[3], stride[3], pad[3];
    fac_dims strides = o->strides.n > 0 ? o->strides : o->stride ? fac_dims_one(o->stride) : kernel;
    if (o->output_size.n >= 0) {
        int extra = o->output_size.n - spatial;
        if (extra != 0 && extra != x->ndim - spatial)
            return fac__value_error(
                       "output_size should be a sequence containing %d or %d elements, but it has a length of '%d'",
                       spatial, x->ndim, o->output_size.n),
                   false;
        for (int d = 0; d < spatial; d++)
            out[d] = o->output_size.d[extra + d];
    } else {
        if (!fac__window_list("kernel_size", kernel, 0, spatial, 1, k) ||
            !fac__window_list("stride", strides, 0, spatial, 1, stride) ||
            !fac__window_list("padding", o->paddings, o->padding, spatial, 0, pad))
            return false;
        for (int d = 0; d < spatial; d++) {
            int at = 3 - spatial + d;
            out[d] = (x->shape[x->ndim - spatial + d] - 1) * stride[at] - 2 * pad[at] + k[at];
        }
    }
    for (int d = 0; d < spatial; d++)
        if (out[d] < 0)
            return fac__value_error("output_size must not be negative, but got %s", fac__shape_text(spatial, out)),
                   false;
    return true;
}

static fac_tensor *unpool(fac_tensor *x, fac_tensor *indices, int spatial, const char *op, fac_dims kernel,
                          const fac_unpool_options *o)
{
    FAC__OP(op);
    FAC__NEED(x);
    FAC__NEED(indices);
    if (x->ndim != spatial + 1 && x->ndim != spatial + 2)
        return fac__runtime_error("%s: Input to %s should be a %dd or %dd Tensor, but got %d dimensions", op, op,
                                  spatial + 1, spatial + 2, x->ndim);
    if (indices->dtype != FAC_INT64)
        return fac__runtime_error("elements in indices should be type int64 but got: %s",
                                  fac__dtype_word((fac_dtype)indices->dtype));
    if (!fac__same_shape(x, indices))
        return fac__runtime_error(
            "Expected shape of indices to be same as that of the input tensor (%s) but got indices tensor with "
            "shape: %s",
            fac__shape_text(x->ndim, x->shape), fac__shape_text(indices->ndim, indices->shape));
    int64_t size[3];
    if (!output_size(x, spatial, kernel, o, size) || fac__shape_numel(spatial, size) < 0) return NULL;
    int lead = x->ndim - spatial;
    fac_dims shape = fac_dims_make(lead, x->shape), flat = shape, row = shape;
    flat.d[flat.n++] = 1;
    row.d[row.n++] = 1;
    for (int d = 0; d < spatial; d++) {
        shape.d[shape.n++] = size[d];
        flat.d[lead] *= size[d];
        row.d[lead] *= x->shape[lead + d];
    }
    fac_tensor *y = NULL;
    fac_scope {
        fac_tensor *zeros = fac__own(fac__new((fac_dtype)x->dtype, flat.n, flat.d));
        bool ok = zeros && fac__fill_into(zeros, fac_scalar_int(0));
        fac_tensor *values = ok ? fac_reshape(x, row) : NULL, *at = values ? fac_reshape(indices, row) : NULL;
        fac_tensor *placed = at ? fac_scatter(zeros, lead, at, values) : NULL;
        y = placed ? fac_escape(fac_reshape(placed, shape)) : NULL;
    }
    return y;
}

#define UNPOOL(spatial)                                                                                                \
    fac_tensor *fac_max_unpool##spatial##d_with(fac_tensor *input, fac_tensor *indices, fac_dims kernel,               \
                                                fac_unpool_options options)                                            \
    {                                                                                                                  \
        return unpool(input, indices, spatial, "max_unpool" #spatial "d", kernel, &options);                           \
    }
UNPOOL(1)
UNPOOL(2)
UNPOOL(3)

/* ---- by name ------------------------------------------------------------------------------------------------ */

static fac_unpool_options keywords(fac_dims strides, fac_dims paddings, fac_dims size)
{
    fac_unpool_options o = fac_unpool_options_defaults();
    o.strides = strides;
    if (paddings.n >= 0) o.paddings = paddings;
    o.output_size = size;
    return o;
}
static const fac_dims none = {.n = -1};
#define CALLS(n) FAC__CALL(unpool##n, R(fac_max_unpool##n##d_with(T(0), T(1), L(2), keywords(L(3), L(4), L(5)))))
#define ROW(n)                                                                                                         \
    {                                                                                                                  \
        "max_unpool" #n "d.kernel(Tensor input, Tensor indices, int[" #n "] kernel_size, int[" #n                      \
        "]? stride=None, int[" #n "] padding=0, int[]? output_size=None) -> Tensor",                                   \
            unpool##n, "Values put back to where a max pooling took them from."                                        \
    }
CALLS(1)
CALLS(2)
CALLS(3)
FAC__CALL(sized2, R(fac_max_unpool2d_with(T(0), T(1), none, keywords(none, none, L(2)))))
FAC__CALL(sized3, R(fac_max_unpool3d_with(T(0), T(1), none, keywords(none, none, L(2)))))

const fac__op fac__ops_unpool[] = {
    ROW(1),
    ROW(2),
    ROW(3),
    {"max_unpool2d(Tensor self, Tensor indices, int[2] output_size) -> Tensor", sized2, "The same, to a given size."},
    {"max_unpool3d(Tensor self, Tensor indices, int[3] output_size, int[3] stride, int[3] padding) -> Tensor", sized3,
     "The same, to a given size."},
    {0},
};
