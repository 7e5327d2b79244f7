/* Floor 4. Unique values and slices (facula/ops_sort.h). Rows of elements (one element each, or one slice) are put in
 * order, equal neighbours are counted as one. The size of the result depends on values, so this is done where it is
 * called. */
#include <string.h>

#include "facula/autograd.h"
#include "facula/ops_sort.h"
#include "facula/ops_view.h"
#include "op.h"
#include "plain.h"
#include "ranking.h"

typedef struct rows {
    const char *data;
    fac_dtype dtype;
    int64_t count, width; /* elements of a row */
} rows;

static int compare(const rows *r, int64_t a, int64_t b)
{
    size_t size = fac_dtype_size(r->dtype);
    const char *x = r->data + (size_t)(a * r->width) * size, *y = r->data + (size_t)(b * r->width) * size;
    bool floating = fac_dtype_is_floating(r->dtype);
    for (int64_t i = 0; i < r->width; i++, x += size, y += size) {
        if (floating) {
            double u = fac__load_double(r->dtype, x), v = fac__load_double(r->dtype, y);
            if (u != v) return u < v || v != v ? -1 : 1; /* NaN comes last and equals nothing */
        } else {
            int64_t u = fac__load_int(r->dtype, x), v = fac__load_int(r->dtype, y);
            if (u != v) return u < v ? -1 : 1;
        }
    }
    return 0;
}

/* Stable, from the bottom up; order and room have count places. Leaves the result in order. */
static void merge_sort(const rows *r, int64_t *order, int64_t *room)
{
    for (int64_t run = 1; run < r->count; run *= 2) {
        for (int64_t begin = 0; begin < r->count; begin += 2 * run) {
            int64_t middle = begin + run < r->count ? begin + run : r->count;
            int64_t end = middle + run < r->count ? middle + run : r->count, a = begin, b = middle;
            for (int64_t i = begin; i < end; i++)
                room[i] = b >= end || (a < middle && compare(r, order[a], order[b]) <= 0) ? order[a++] : order[b++];
        }
        memcpy(order, room, (size_t)r->count * sizeof *order);
    }
}

/* How row numbers come in the order of their values; memory of the scope. NULL after an error. */
static int64_t *sorted_order(const rows *r, fac_tensor *flat)
{
    if (r->width == 1) {
        fac_tensor *indices;
        if (!fac__rank(flat, 0, FAC__PICK_STABLE, false, 0, r->count, NULL, &indices) || !fac__own(indices))
            return NULL;
        return fac__host(indices);
    }
    int64_t room_size = 2 * r->count;
    fac_tensor *room = fac__own(fac__new(FAC_INT64, 1, &room_size));
    if (!room) return NULL;
    int64_t *order = fac__host(room);
    for (int64_t i = 0; i < r->count; i++)
        order[i] = i;
    merge_sort(r, order, order + r->count);
    return order;
}

typedef struct found {
    fac_tensor *values, *inverse, *counts; /* the caller's; the last two only if asked for */
} found;

/* order NULL: as they are. shape is that of one row in the result's first dimension, inverse_shape that of the
 * inverse. */
static bool collect(const rows *r, const int64_t *order, fac_dims shape, fac_dims inverse_shape,
                    const fac_unique_options *o, found *f)
{
    int64_t groups = 0;
    for (int64_t i = 0; i < r->count; i++)
        if (!i || compare(r, order ? order[i - 1] : i - 1, order ? order[i] : i)) groups++;
    for (int d = shape.n; d > 0; d--)
        shape.d[d] = shape.d[d - 1];
    shape.d[0] = groups;
    f->values = fac__new(r->dtype, shape.n + 1, shape.d);
    f->inverse = o->inverse ? fac__new(FAC_INT64, inverse_shape.n, inverse_shape.d) : NULL;
    f->counts = o->counts ? fac__new(FAC_INT64, 1, &groups) : NULL;
    if (!f->values || (o->inverse && !f->inverse) || (o->counts && !f->counts)) return false;
    int64_t *inverse = f->inverse ? fac__host(f->inverse) : NULL, *counts = f->counts ? fac__host(f->counts) : NULL;
    size_t row_size = (size_t)r->width * fac_dtype_size(r->dtype);
    char *values = fac__host(f->values);
    for (int64_t i = 0, group = -1; i < r->count; i++) {
        int64_t at = order ? order[i] : i;
        if (!i || compare(r, order ? order[i - 1] : i - 1, at)) {
            group++;
            memcpy(values + (size_t)group * row_size, r->data + (size_t)at * row_size, row_size);
            if (counts) counts[group] = 0;
        }
        if (inverse) inverse[at] = group;
        if (counts) counts[group]++;
    }
    return true;
}

/* Gives the found to the scope and the caller; values NULL: everything is dropped. */
static fac_tensor *hand_out(found f, const fac_unique_options *o)
{
    fac_tensor *values = fac__own(f.values), *inverse = fac__own(f.inverse), *counts = fac__own(f.counts);
    if (!values || (o->inverse && !inverse) || (o->counts && !counts)) return NULL;
    if (o->inverse) *o->inverse = inverse;
    if (o->counts) *o->counts = counts;
    return values;
}

static fac_tensor *unique_values(fac_tensor *x, bool sort, const fac_unique_options *o)
{
    found f = {NULL, NULL, NULL};
    fac_scope {
        fac_tensor *plain = fac__plain(x, (fac_dtype)x->dtype), *flat = NULL;
        fac_no_grad
            flat = plain ? fac_reshape(plain, fac_dims_one(x->numel)) : NULL;
        if (flat) {
            rows r = {fac__host(flat), (fac_dtype)x->dtype, x->numel, 1};
            int64_t *order = sort ? sorted_order(&r, flat) : NULL;
            if (order || !sort) collect(&r, order, (fac_dims){.n = 0}, fac_shape(x), o, &f);
        }
    }
    return hand_out(f, o);
}

static fac_tensor *unique_slices(fac_tensor *x, bool sort, const fac_unique_options *o)
{
    int dim = fac__wrap_dim(o->dim, x->ndim);
    if (dim < 0) return NULL;
    if (!x->ndim)
        return fac__index_error("Dimension specified as %lld but tensor has no dimensions", (long long)o->dim);
    fac_dims shape = {.n = 0};
    int64_t width = 1;
    bool others_empty = false;
    for (int d = 0; d < x->ndim; d++) {
        if (d) shape.d[shape.n++] = x->shape[d == dim ? 0 : d];
        if (d == dim) continue;
        width *= x->shape[d];
        if (!x->shape[d]) others_empty = true;
    }
    if (others_empty && x->shape[dim])
        return fac__runtime_error(
            "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied");
    found f = {NULL, NULL, NULL};
    fac_tensor *y = NULL;
    fac_scope
        fac_no_grad {
            fac_tensor *front =
                fac_transpose(x, dim, 0); /* as PyTorch 1.13 does: it says in which order elements are compared */
            fac_tensor *plain = front ? fac__plain(front, (fac_dtype)x->dtype) : NULL;
            if (plain) {
                rows r = {fac__host(plain), (fac_dtype)x->dtype, x->shape[dim], width};
                fac_tensor *flat = r.width == 1 ? fac_reshape(plain, fac_dims_one(r.count)) : plain;
                int64_t *order = sort && flat ? sorted_order(&r, flat) : NULL;
                if (order || !sort) collect(&r, order, shape, fac_dims_one(r.count), o, &f);
            }
            fac_tensor *values = hand_out(f, o);
            if (values && o->inverse) fac_escape(*o->inverse);
            if (values && o->counts) fac_escape(*o->counts);
            y = values ? fac_escape(fac_contiguous(fac_transpose(values, 0, dim))) : NULL;
        }
    return y;
}

static fac_tensor *unique(fac_tensor *x, const char *op, bool sort, fac_unique_options o)
{
    FAC__OP(op);
    FAC__NEED(x);
    if (o.inverse) *o.inverse = NULL;
    if (o.counts) *o.counts = NULL;
    return o.dim == FAC_ALL_DIMS ? unique_values(x, sort, &o) : unique_slices(x, sort, &o);
}

fac_tensor *fac_unique_with(fac_tensor *self, fac_unique_options options)
{
    return unique(self, "unique", true, options);
}

fac_tensor *fac_unique_consecutive_with(fac_tensor *self, fac_unique_options options)
{
    return unique(self, "unique_consecutive", false, options);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

/* The results that were asked for, as PyTorch's functions give them; all: three, with empty ones for the others, as
 * its operators do. */
static int by_name(fac_tensor *x, bool sort, int64_t dim, bool want_inverse, bool want_counts, bool all,
                   fac_value *results)
{
    fac_tensor *inverse = NULL, *counts = NULL;
    fac_unique_options o = fac_unique_options_defaults();
    o.dim = dim;
    if (want_inverse) o.inverse = &inverse;
    if (want_counts) o.counts = &counts;
    int64_t none = 0;
    int count = 0;
    R(sort ? fac_unique_with(x, o) : fac_unique_consecutive_with(x, o));
    if (want_inverse || all) R(want_inverse ? inverse : fac__own(fac__new(FAC_INT64, 1, &none)));
    if (want_counts || all) R(want_counts ? counts : fac__own(fac__new(FAC_INT64, 1, &none)));
    return count;
}
#define DIM(i) (GIVEN(i) ? I(i) : FAC_ALL_DIMS)

FAC__CALL(unique_call, count = by_name(T(0), true, DIM(4), B(2), B(3), false, results))
FAC__CALL(unique2, count = by_name(T(0), true, FAC_ALL_DIMS, B(2), B(3), true, results))
FAC__CALL(unique1, count = by_name(T(0), true, FAC_ALL_DIMS, B(2), false, true, results) - 1)
FAC__CALL(unique_dim, count = by_name(T(0), true, I(1), B(3), B(4), true, results))
FAC__CALL(consecutive, count = by_name(T(0), false, DIM(3), B(1), B(2), false, results))
FAC__CALL(consecutive_all, count = by_name(T(0), false, DIM(3), B(1), B(2), true, results))
FAC__CALL(consecutive_dim, count = by_name(T(0), false, I(1), B(2), B(3), true, results))

/* clang-format off */
const fac__op fac__ops_unique[] = {
    {"unique(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False, int? dim=None) -> Tensor[]", unique_call, "Every value, or slice along dim, once; and, if asked for, where each went and how often each occurs."},
    {"_unique(Tensor self, bool sorted=True, bool return_inverse=False) -> (Tensor, Tensor)", unique1, "Every value once."},
    {"_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)", unique2, "Every value once, where each element went, and how often each occurs."},
    {"unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)", unique_dim, "Every slice along dim once."},
    {"unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> Tensor[]", consecutive, "What differs from the one before."},
    {"unique_consecutive.default(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)", consecutive_all, "The same with all three results, as aten's."},
    {"unique_dim_consecutive(Tensor self, int dim, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)", consecutive_dim, "Slices along dim that differ from the one before."},
    {0},
};
/* clang-format on */
