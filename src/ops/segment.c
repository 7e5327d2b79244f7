/* Floor 4. Reductions of segments of unequal length (facula/ops_reduce.h): each element is scattered to its segment's
 * place, so that the gradients are those of scatter_reduce. */
#include <math.h>
#include <string.h>

#include "facula/autograd.h"
#include "facula/ops_calculus.h"
#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_join.h"
#include "facula/ops_sort.h"
#include "facula/ops_view.h"
#include "op.h"
#include "plain.h"

typedef struct kind {
    const char *name, *scatter; /* as scatter_reduce calls it */
    double initial;
} kind;

static const kind kinds[] = {
    {"sum", "sum", 0}, {"mean", "sum", 0}, {"max", "amax", -INFINITY}, {"min", "amin", INFINITY}, {"prod", "prod", 1},
};

static const kind *kind_of(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(name, kinds[i].name)) return &kinds[i];
    return fac__runtime_error("unsupported reduction type %s", name);
}

/* The same dims before axis, and one for it. */
static bool check_shape(const fac_tensor *data, const fac_tensor *sizes, const char *word, int axis)
{
    if (sizes->dtype != FAC_INT64 && sizes->dtype != FAC_INT32)
        return fac__runtime_error("segment_reduce(): Expected %s to be int32 or int64, but got %s", word,
                                  fac_dtype_name((fac_dtype)sizes->dtype));
    bool same = sizes->ndim == axis + 1;
    for (int d = 0; same && d < axis; d++)
        same = sizes->shape[d] == data->shape[d];
    return same || fac__runtime_error("segment_reduce(): Expected %s to have %d dims, all but the last as data's, but "
                                      "got %s for data of shape %s",
                                      word, axis + 1, fac__shape_text(sizes->ndim, sizes->shape),
                                      fac__shape_text(data->ndim, data->shape));
}

static bool check_lengths(fac_tensor *lengths, int64_t size)
{
    fac_tensor *negative = fac_any(fac_lt_scalar(lengths, 0));
    fac_tensor *other = fac_any(fac_ne_scalar(fac_sum(lengths, .dim = -1), size));
    if (!negative || !other) return false;
    if (fac_item_int(negative)) return fac__runtime_error("lengths contains negative value!");
    if (fac_item_int(other))
        return fac__runtime_error("segment_reduce(): Expected all rows of lengths along axis to sum to data.size(axis) "
                                  "when !unsafe.");
    return true;
}

/* For each place along axis the number of its segment, and n for what lies in none: places are looked up among the
 * segments' ends. Has data's shape up to the axis. */
static fac_tensor *segment_numbers(const fac_tensor *data, fac_tensor *offsets, int axis)
{
    fac_dims shape = {.n = axis + 1};
    for (int d = 0; d <= axis; d++)
        shape.d[d] = data->shape[d];
    int64_t n = offsets->shape[axis] - 1;
    fac_tensor *places = fac_arange(0, shape.d[axis], 1, .dtype = FAC_INT64);
    fac_tensor *all = places ? fac_contiguous(fac_expand(places, shape)) : NULL;
    fac_tensor *numbers =
        fac_searchsorted(fac_contiguous(fac_narrow(offsets, axis, 1, n)), all, .right = true); /* the first end above */
    fac_tensor *before = fac_lt(all, fac_narrow(offsets, axis, 0, 1));
    return before ? (fac_masked_fill)(numbers, before, fac_scalar_int(n)) : NULL;
}

static fac_tensor *offsets_of(fac_tensor *lengths, int axis)
{
    fac_tensor *ends = fac_cumsum(lengths, axis, FAC_DTYPE_NONE);
    fac_dims pad = {.n = 2, .d = {1, 0}};
    return ends ? fac_pad(ends, pad, "constant", 0) : NULL;
}

/* t, of data's shape up to the axis, with the dims that data has behind it. */
static fac_tensor *spread(fac_tensor *t, const fac_tensor *data, int axis, bool expand)
{
    for (int d = axis + 1; d < data->ndim && t; d++)
        t = fac_unsqueeze(t, -1);
    return t && expand ? fac_expand(t, fac_dims_make(data->ndim, data->shape)) : t;
}

static fac_tensor *reduce_segments(fac_tensor *data, const kind *k, fac_tensor *offsets, fac_tensor *lengths, int axis,
                                   fac_scalar initial)
{
    fac_tensor *numbers = NULL;
    fac_dims shape = fac_shape(data);
    int64_t n = shape.d[axis] = offsets->shape[axis] - 1;
    fac_no_grad
        numbers = segment_numbers(data, offsets, axis);
    fac_tensor *index = numbers ? spread(numbers, data, axis, true) : NULL;
    bool given = initial.kind != FAC_DTYPE_NONE;
    shape.d[axis] = n + 1;
    fac_tensor *start =
        fac_full(shape, given ? fac_scalar_to_double(initial) : k->initial, .dtype = (fac_dtype)data->dtype);
    fac_tensor *y = index ? fac_scatter_reduce(start, axis, index, data, k->scatter, true) : NULL;
    y = y ? fac_narrow(y, axis, 0, n) : NULL;
    if (strcmp(k->name, "mean") || !y) return y;
    /* empty segments keep the initial value, and have no mean without one */
    fac_tensor *counts = fac_to(spread(lengths, data, axis, false), (fac_dtype)data->dtype);
    return given ? fac_div(y, fac_clamp(counts, 1, fac_scalar_none())) : fac_div(y, counts);
}

fac_tensor *fac_segment_reduce_with(fac_tensor *data, const char *reduce, fac_segment_options options)
{
    FAC__OP("segment_reduce");
    FAC__NEED(data);
    FAC__NEED(reduce);
    const kind *k = kind_of(reduce);
    if (!k) return NULL;
    if (!fac_dtype_is_floating((fac_dtype)data->dtype))
        return fac__runtime_error("\"segment_reduce_cpu\" not implemented for '%s'",
                                  fac__dtype_word((fac_dtype)data->dtype));
    if (!data->ndim) return fac__runtime_error("segment_reduce(): Expected data to have at least one dimension");
    int axis = fac__wrap_dim(options.axis, data->ndim);
    if (axis < 0) return NULL;
    fac_tensor *lengths = options.lengths, *offsets = options.offsets;
    if (!lengths == !offsets)
        return fac__runtime_error("segment_reduce(): Either lengths or offsets must be defined%s",
                                  lengths ? ", not both" : ".");
    if (!check_shape(data, lengths ? lengths : offsets, lengths ? "lengths" : "offsets", axis)) return NULL;
    if (offsets && !offsets->shape[axis])
        return fac__runtime_error("segment_reduce(): Expected offsets to have at least one element along axis");
    bool ok = true;
    fac_no_grad {
        if (lengths && !options.unsafe) ok = check_lengths(lengths, data->shape[axis]);
        if (ok && lengths) offsets = offsets_of(lengths, axis);
        if (ok && offsets) offsets = fac_to(offsets, FAC_INT64);
        if (ok && offsets && !lengths) lengths = fac_diff(offsets, .dim = axis);
    }
    return ok && offsets && lengths ? reduce_segments(data, k, offsets, lengths, axis, options.initial) : NULL;
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

FAC__CALL(segment_reduce, R(fac_segment_reduce(T(0), STR(1), .lengths = T(2), .offsets = T(4), .axis = I(5),
                                               .unsafe = B(6), .initial = S(7))))

const fac__op fac__ops_segment[] = {
    {"segment_reduce(Tensor data, str reduce, *, Tensor? lengths=None, Tensor? indices=None, Tensor? offsets=None, int "
     "axis=0, bool unsafe=False, Scalar? initial=None) -> Tensor",
     segment_reduce, "Reduces segments of unequal length."},
    {0},
};
