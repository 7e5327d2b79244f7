/* Floor 4. What the engine asks of the operations (autograd/node.h): adding gradients up, fitting them to the shape they
 * belong to, and gradients of views. */
#include <string.h>

#include "backend/reduce.h"
#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "op.h"

fac_tensor *fac__grad_add(fac_tensor *a, fac_tensor *b)
{
    return fac_add(a, b);
}

bool fac__grad_add_into(fac_tensor *a, fac_tensor *b)
{
    const fac__arg sum[] = {fac__tensor_arg(a), fac__tensor_arg(b)};
    a->storage->version++;
    fac__run_row(FAC__ROW_add_plain, sum, fac__compute_type((fac_dtype)a->dtype), a);
    return true;
}

/* Which of g's dims were made by broadcasting a tensor of that shape; false if none could have. */
static bool broadcast_dims(const fac_tensor *g, int ndim, const int64_t *shape, fac_dims *dims)
{
    int lead = g->ndim - ndim;
    dims->n = 0;
    if (lead < 0) return false;
    for (int i = 0; i < g->ndim; i++) {
        if (i >= lead && shape[i - lead] == g->shape[i]) continue;
        if (i >= lead && shape[i - lead] != 1) return false;
        dims->d[dims->n++] = i;
    }
    return true;
}

/* The sum straight into its final shape, unrecorded. */
static fac_tensor *sum_to(fac_tensor *g, int ndim, const int64_t *shape, const fac_dims *dims)
{
    fac_tensor *out = fac__new((fac_dtype)g->dtype, ndim, shape);
    if (!out) return NULL;
    fac__reduce_args args;
    args.kind = FAC__SUM;
    args.ndim = g->ndim;
    args.reduced = 0;
    memcpy(args.shape, g->shape, sizeof args.shape);
    for (int i = 0; i < dims->n; i++)
        args.reduced |= 1u << dims->d[i];
    args.in = fac__operand_of(g);
    args.out[0] = fac__operand_broadcast(out, g->ndim, g->shape);
    memset(&args.out[1], 0, sizeof args.out[1]); /* its strides are read, though not used */
    FAC__LAUNCH(fac__k_reduce, args);
    return fac__own(out);
}

fac_tensor *fac__grad_fit(fac_tensor *g, const fac__meta *like)
{
    fac_dims dims;
    if (!broadcast_dims(g, like->ndim, like->shape, &dims)) return NULL;
    if (dims.n && g->numel && !fac__tracked(g)) {
        g = sum_to(g, like->ndim, like->shape, &dims);
    } else if (dims.n) {
        g = fac_sum(g, .dims = dims, .keepdim = true);
        g = fac_reshape(g, fac_dims_make(like->ndim, like->shape));
    }
    return g ? fac_to(g, (fac_dtype)like->dtype) : NULL;
}

fac_tensor *fac__grad_ones(const fac_tensor *like)
{
    fac_tensor *one = fac__new_like(like, (fac_dtype)like->dtype);
    if (one && one->numel == 1) /* the usual root of a backward: a constant, without a launch */
        fac__store_double((fac_dtype)one->dtype, fac__host(one), 1);
    else if (one)
        fac__fill_into(one, fac_scalar_int(1));
    return fac__own(one);
}

fac_tensor *fac__grad_clone(fac_tensor *g)
{
    return fac_clone(g);
}

/* ---- views -------------------------------------------------------------------------------------------------- */

fac_tensor *fac__grad_view(fac_tensor *x, int ndim, const int64_t *shape, const int64_t *strides, int64_t offset)
{
    return fac_as_strided(x, fac_dims_make(ndim, shape), fac_dims_make(ndim, strides), offset);
}

bool fac__grad_copy(fac_tensor *dst, fac_tensor *src)
{
    return (src ? fac_copy_(dst, src) : fac_zero_(dst)) != NULL;
}

/* True if no two indices of the view name the same element: each stride steps over all that smaller ones reach. */
static bool distinct(int ndim, const int64_t *shape, const int64_t *strides)
{
    bool done[FAC_MAX_DIMS] = {false};
    int64_t reach = 0;
    for (int round = 0; round < ndim; round++) {
        int next = -1;
        for (int i = 0; i < ndim; i++)
            if (!done[i] && (next < 0 || strides[i] < strides[next])) next = i;
        done[next] = true;
        if (shape[next] <= 1) continue;
        if (strides[next] <= reach) return false;
        reach += (shape[next] - 1) * strides[next];
    }
    return true;
}

/* Elements that the view names several times add up. */
static fac_tensor *unview_overlapping(fac_tensor *g, fac_tensor *flat, fac_dims shape, fac_dims strides, int64_t offset)
{
    if (!flat) return NULL;
    fac_tensor *number =
        fac_arange(fac_scalar_int(0), fac_scalar_int(flat->numel), fac_scalar_int(1), .dtype = FAC_INT64);
    fac_tensor *index = fac_reshape(fac_as_strided(number, shape, strides, offset), FAC_SHAPE(-1));
    return fac_index_add(flat, 0, index, fac_reshape(g, FAC_SHAPE(-1)), 1);
}

fac_tensor *fac__grad_unview(fac_tensor *g, const fac__meta *base, int ndim, const int64_t *shape,
                             const int64_t *strides, int64_t offset)
{
    fac_dims base_shape = fac_dims_make(base->ndim, base->shape);
    fac_dims view_shape = fac_dims_make(ndim, shape), view_strides = fac_dims_make(ndim, strides);
    fac_tensor *whole = fac_zeros(base_shape, .dtype = (fac_dtype)base->dtype);
    if (!whole) return NULL;
    if (!distinct(ndim, shape, strides))
        return fac_reshape(unview_overlapping(g, fac_reshape(whole, FAC_SHAPE(-1)), view_shape, view_strides, offset),
                           base_shape);
    fac_tensor *part = fac_as_strided(whole, view_shape, view_strides, offset);
    return part && fac_copy_(part, g) ? whole : NULL;
}
