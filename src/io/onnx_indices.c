/* Floor 7. ONNX's operators that pick elements by indices, and those that write elements where indices say. */
#include "core/raise.h"
#include "facula/ops_create.h"
#include "facula/ops_embed.h"
#include "facula/ops_index.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"
#include "onnx_dims.h"
#include "onnx_operators.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

/* int64, those below 0 counted from the end. */
static fac_tensor *wrapped(fac_tensor *at, int64_t size)
{
    at = at ? fac_to(at, FAC_INT64) : NULL;
    return at ? fac_where(fac_lt_scalar(at, 0), fac_add_scalar(at, size), at) : NULL;
}

/* An axis from 0 on; -1, with an error, where the tensor has none such. */
static int axis_of(fac_tensor *x, const fac_value *v)
{
    int64_t axis = fac_scalar_to_int(v->v.scalar), n = fac_dim(x);
    if (axis < 0) axis += n;
    if (x && axis >= 0 && axis < n) return (int)axis;
    return fac__value_error("axis %lld is none of the input's", (long long)fac_scalar_to_int(v->v.scalar)), -1;
}

/* ---- along an axis --------------------------------------------------------------------------------------------------- */

/* Indices of any shape, along one axis; below 0 they count from the end. */
static int gather(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *at = args[1].v.tensor;
    int n = fac_dim(x), k = fac_dim(at), axis = axis_of(x, &args[2]);
    if (axis < 0) return -1;
    at = wrapped(at, fac_size(x, axis));
    fac_tensor *y = at ? fac_index_select(x, axis, fac_reshape(at, FAC_DIMS(-1))) : NULL;
    fac_dims shape = FAC_DIMS();
    if (!y || n - 1 + k > FAC_MAX_DIMS) return y ? (fac__value_error("at most %d dimensions", FAC_MAX_DIMS), -1) : -1;
    for (int i = 0; i < axis; i++)
        shape.d[shape.n++] = fac_size(x, i);
    for (int i = 0; i < k; i++)
        shape.d[shape.n++] = fac_size(at, i);
    for (int i = axis + 1; i < n; i++)
        shape.d[shape.n++] = fac_size(x, i);
    return fac__onnx_one_result(fac_reshape(y, shape), results);
}

/* Rows of a learnt table are an embedding, whose gradient is made row by row. */
static bool load_gather(loader *l, const row *r)
{
    const fac__onnx_name *data = fac__onnx_input(l, 0), *at = fac__onnx_input(l, 1);
    int64_t axis = fac__onnx_int(l, "axis", 0);
    if (!data || !at) return fac__onnx_error(l, "an input is missing");
    bool single = at->sizes ? at->single : at->known && at->known->ndim == 0;
    if (single)
        return fac__onnx_result(
            l, 0, fac__onnx_call(l, "select.int", fac__onnx_arg(l, 0), fac__term_int(axis), fac__onnx_ints(l, 1)));
    if (axis == 0 && data->learnt && data->known->ndim == 2)
        return fac__onnx_result(l, 0,
                                fac__onnx_call(l, "embedding.functional", fac__onnx_arg(l, 1), fac__onnx_arg(l, 0)));
    return fac__onnx_result(
        l, 0, fac__onnx_function(l, r->onnx, gather, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1), fac__term_int(axis)));
}

static bool save_embedding(saver *s, const row *r)
{
    return fac__onnx_is(s, 0, fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 1), fac__onnx_name_at(s, 0)));
}

/* x, dim, indices */
static bool save_along(saver *s, const row *r)
{
    int64_t dim;
    if (!fac__onnx_int_at(s, 1, &dim)) return false;
    const char *y = fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), fac__onnx_name_at(s, 2));
    fac__onnx_give_int(s, "axis", dim);
    return fac__onnx_is(s, 0, y);
}

static bool save_select(saver *s, const row *r)
{
    int64_t dim, index;
    (void)r;
    if (!fac__onnx_int_at(s, 1, &dim) || !fac__onnx_int_at(s, 2, &index)) return false;
    const char *at = fac__onnx_put_number(s, (double)index, FAC_INT64);
    const char *y = at ? fac__onnx_node(s, "Gather", fac__onnx_name_at(s, 0), at) : NULL;
    fac__onnx_give_int(s, "axis", dim);
    return fac__onnx_is(s, 0, y);
}

/* x, indices, axis */
static int gather_elements(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    int axis = axis_of(x, &args[2]);
    if (axis < 0) return -1;
    fac_tensor *at = wrapped(args[1].v.tensor, fac_size(x, axis));
    return fac__onnx_one_result(at ? fac_gather(x, axis, at) : NULL, results);
}

static bool load_gather_elements(loader *l, const row *r)
{
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, gather_elements, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1),
                                               fac__term_int(fac__onnx_int(l, "axis", 0))));
}

/* What a reduction of ONNX is to scatter_reduce; NULL, with an error, where it is none. */
static const char *reduction(loader *l)
{
    static const char *const words[][2] = {
        {"none", ""}, {"add", "sum"}, {"mul", "prod"}, {"max", "amax"}, {"min", "amin"}};
    const char *word = fac__onnx_word(l, "reduction", "none");
    for (int i = 0; i < 5; i++)
        if (!strcmp(words[i][0], word)) return words[i][1];
    return fac__onnx_error(l, "reduction='%.40s' is not known", word), NULL;
}

/* x, indices, updates, axis, reduction */
static int scatter(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *updates = args[2].v.tensor;
    int axis = axis_of(x, &args[3]);
    if (axis < 0) return -1;
    fac_tensor *at = wrapped(args[1].v.tensor, fac_size(x, axis));
    if (!at) return -1;
    const char *how = args[4].v.string;
    return fac__onnx_one_result(!*how                 ? fac_scatter(x, axis, at, updates)
                                : !strcmp(how, "sum") ? fac_scatter_add(x, axis, at, updates)
                                                      : fac_scatter_reduce(x, axis, at, updates, how, true),
                                results);
}

static bool load_scatter(loader *l, const row *r)
{
    const char *how = reduction(l);
    if (!how) return false;
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, scatter, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1),
                                               fac__onnx_arg(l, 2), fac__term_int(fac__onnx_int(l, "axis", 0)),
                                               fac__term_constant(fac_value_string(how))));
}

/* scatter with a tensor or a number, scatter_add, index_add: elements of the index's shape. */
static bool save_scatter(saver *s, const row *r)
{
    bool add = strcmp(r->aten, "scatter"), index_add = !strcmp(r->aten, "index_add");
    fac_tensor *x = fac__onnx_tensor_at(s, 0), *at = fac__onnx_tensor_at(s, 2), *from = fac__onnx_tensor_at(s, 3);
    int64_t dim;
    if (!fac__onnx_int_at(s, 1, &dim)) return false;
    if (!x->ndim) return fac__onnx_cannot(s, "its input has no dimension");
    const char *indices = fac__onnx_name_at(s, 2), *updates = fac__onnx_operand(s, 3, fac_dtype_of(x));
    if (index_add) {
        const fac__trace_arg *alpha = fac__trace_arg_named(fac__onnx_saved(s), "alpha");
        if (alpha->value.kind == FAC_VALUE_SCALAR && fac_scalar_to_double(alpha->value.v.scalar) != 1)
            return fac__onnx_cannot(s, "its alpha is not 1");
        int64_t shape[FAC_MAX_DIMS];
        for (int i = 0; i < x->ndim; i++)
            shape[i] = i == (dim < 0 ? dim + x->ndim : dim) ? -1 : 1;
        const char *wide = fac__onnx_put_ints(s, shape, x->ndim);
        indices = wide ? fac__onnx_node(s, "Reshape", indices, wide) : NULL;
        const char *sizes = updates ? fac__onnx_node(s, "Shape", updates) : NULL;
        indices = indices && sizes ? fac__onnx_node(s, "Expand", indices, sizes) : NULL;
    } else if (!from) { /* a number */
        const char *sizes = fac__onnx_node(s, "Shape", indices);
        updates = updates && sizes ? fac__onnx_node(s, "Expand", updates, sizes) : NULL;
    } else if (from->ndim != at->ndim || memcmp(from->shape, at->shape, (size_t)at->ndim * sizeof *at->shape)) {
        fac__onnx_size shape[FAC_MAX_DIMS]; /* a part of them, from the front */
        int n;
        if (!fac__onnx_shape_of(s, fac__trace_arg_at(fac__onnx_saved(s), 2)->number, shape, &n)) return false;
        for (int64_t d = 0; d < n && updates; d++) {
            if (at->shape[d] == from->shape[d]) continue;
            const char *start = fac__onnx_put_ints(s, (int64_t[]){0}, 1), *end = fac__onnx_put_sizes(s, &shape[d], 1);
            const char *axis = fac__onnx_put_ints(s, &d, 1);
            updates = start && end && axis ? fac__onnx_node(s, "Slice", updates, start, end, axis) : NULL;
        }
    }
    const char *y = indices && updates ? fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), indices, updates) : NULL;
    fac__onnx_give_int(s, "axis", dim);
    if (add) fac__onnx_give_word(s, "reduction", "add");
    return fac__onnx_is(s, 0, y);
}

/* ---- by several coordinates --------------------------------------------------------------------------------------------- */

/* Coordinates [..., k] of the first k dimensions behind `skip` as numbers [M]; their range in *size. */
static fac_tensor *numbers_of(fac_tensor *x, fac_tensor *at, int skip, int64_t *size)
{
    int n = fac_dim(at);
    int64_t k = n ? fac_size(at, n - 1) : 0;
    if (!n || k < 1 || k + skip > fac_dim(x))
        return fac__value_error("%lld coordinates for %d dimensions", (long long)k, fac_dim(x));
    fac_tensor *number = NULL;
    *size = 1;
    for (int64_t i = k - 1; i >= 0; i--) {
        int64_t dim = fac_size(x, skip + (int)i);
        fac_tensor *one = wrapped(fac_select(at, -1, i), dim);
        one = one && *size != 1 ? fac_mul_scalar(one, *size) : one;
        number = number ? fac_add(number, one) : one;
        if (!number) return NULL;
        *size *= dim;
    }
    return fac_reshape(number, FAC_DIMS(-1));
}

/* x, indices, batch_dims */
static int gather_nd(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *at = args[1].v.tensor;
    int64_t batch = fac_scalar_to_int(args[2].v.scalar), size, batches = 1, rest = 1;
    int n = fac_dim(at), k = n ? (int)fac_size(at, n - 1) : 0;
    if (batch < 0 || batch >= n || batch > fac_dim(x)) return fac__value_error("batch_dims=%lld", (long long)batch), -1;
    fac_tensor *number = numbers_of(x, at, (int)batch, &size);
    fac_dims shape = FAC_DIMS();
    if (!number) return -1;
    if (n - 1 + fac_dim(x) - batch - k > FAC_MAX_DIMS)
        return fac__value_error("at most %d dimensions", FAC_MAX_DIMS), -1;
    for (int i = 0; i < n - 1; i++)
        shape.d[shape.n++] = fac_size(at, i);
    for (int i = 0; i < batch; i++)
        batches *= fac_size(x, i);
    for (int i = (int)batch + k; i < fac_dim(x); i++)
        rest *= shape.d[shape.n++] = fac_size(x, i);
    if (batches > 1) { /* each batch's numbers behind those of the ones before */
        fac_tensor *start = fac_reshape(fac_mul_scalar(fac_arange(0, batches, 1), size), FAC_DIMS(batches, 1));
        number = fac_reshape(fac_add(fac_reshape(number, FAC_DIMS(batches, -1)), start), FAC_DIMS(-1));
    }
    fac_tensor *y = fac_index_select(fac_reshape(x, FAC_DIMS(batches * size, rest)), 0, number);
    return fac__onnx_one_result(y ? fac_reshape(y, shape) : NULL, results);
}

static bool load_gather_nd(loader *l, const row *r)
{
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, gather_nd, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1),
                                               fac__term_int(fac__onnx_int(l, "batch_dims", 0))));
}

/* x, indices, updates, reduction */
static int scatter_nd(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    int64_t size, rest = 1;
    const char *how = args[3].v.string;
    fac_tensor *number = numbers_of(x, args[1].v.tensor, 0, &size);
    if (!number) return -1;
    for (int i = (int)fac_size(args[1].v.tensor, -1); i < fac_dim(x); i++)
        rest *= fac_size(x, i);
    int64_t count = fac_numel(number);
    fac_tensor *flat = fac_reshape(x, FAC_DIMS(size, rest)),
               *from = fac_reshape(args[2].v.tensor, FAC_DIMS(count, rest));
    fac_tensor *at = fac_expand(fac_reshape(number, FAC_DIMS(count, 1)), FAC_DIMS(count, rest));
    if (!flat || !from || !at) return -1;
    fac_tensor *y = !*how                 ? fac_scatter(flat, 0, at, from)
                    : !strcmp(how, "sum") ? fac_scatter_add(flat, 0, at, from)
                                          : fac_scatter_reduce(flat, 0, at, from, how, true);
    return fac__onnx_one_result(y ? fac_reshape(y, fac_shape(x)) : NULL, results);
}

static bool load_scatter_nd(loader *l, const row *r)
{
    const char *how = reduction(l);
    if (!how) return false;
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, scatter_nd, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1),
                                               fac__onnx_arg(l, 2), fac__term_constant(fac_value_string(how))));
}

/* ---- where something is -------------------------------------------------------------------------------------------------- */

/* indices, depth, values, axis */
static int one_hot(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *at = args[0].v.tensor, *values = args[2].v.tensor;
    fac_dims depth, shape = fac_shape(at);
    int64_t axis = fac_scalar_to_int(args[3].v.scalar);
    if (!fac__onnx_dims_of(&args[1], &depth)) return -1;
    if (axis < 0) axis += shape.n + 1;
    if (depth.n != 1 || fac_numel(values) != 2 || axis < 0 || axis > shape.n)
        return fac__value_error("it takes one depth, two values and an axis"), -1;
    fac_dims wide = {.n = shape.n - (int)axis + 1};
    for (int i = 0; i < wide.n; i++)
        wide.d[i] = i ? 1 : depth.d[0];
    at = wrapped(at, depth.d[0]);
    at = at ? fac_unsqueeze(at, (int)axis) : NULL;
    fac_tensor *places = fac_reshape(fac_arange(0, depth.d[0], 1), wide);
    if (!at || !places) return -1;
    return fac__onnx_one_result(fac_where(fac_eq(at, places), fac_select(values, 0, 1), fac_select(values, 0, 0)),
                                results);
}

static bool load_one_hot(loader *l, const row *r)
{
    if (!fac__onnx_given(l, 2)) return fac__onnx_error(l, "it has no values");
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, one_hot, fac__onnx_arg(l, 0), fac__onnx_ints(l, 1),
                                               fac__onnx_arg(l, 2), fac__term_int(fac__onnx_int(l, "axis", -1))));
}

static int nonzero(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *rows = fac_nonzero(args[0].v.tensor);
    return fac__onnx_one_result(rows ? fac_t(rows) : NULL, results);
}

static bool load_nonzero(loader *l, const row *r)
{
    return fac__onnx_result(l, 0, fac__onnx_function(l, r->onnx, nonzero, fac__onnx_arg(l, 0)));
}

/* x, condition, axis: none is all elements in a row. */
static int compress(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *at = fac_nonzero(args[1].v.tensor);
    int axis = 0;
    if (!at) return -1;
    if (args[2].kind == FAC_VALUE_NONE)
        x = fac_reshape(x, FAC_DIMS(-1));
    else if ((axis = axis_of(x, &args[2])) < 0)
        return -1;
    return fac__onnx_one_result(x ? fac_index_select(x, axis, fac_reshape(at, FAC_DIMS(-1))) : NULL, results);
}

static bool load_compress(loader *l, const row *r)
{
    bool given = fac__onnx_attribute_of(l->node, "axis");
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, compress, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1),
                                               given ? fac__term_int(fac__onnx_int(l, "axis", 0)) : fac__term_none()));
}

const fac__onnx_operator fac__onnx_indices[] = {
    {"Gather", "select", NULL, save_select},
    {"Gather", "embedding", load_gather, save_embedding},
    {"Gather", "index_select", NULL, save_along},
    {"GatherElements", "gather", load_gather_elements, save_along},
    {"GatherND", "", load_gather_nd, NULL},
    {"ScatterElements", "scatter", load_scatter, save_scatter},
    {"ScatterElements", "scatter_add", NULL, save_scatter},
    {"ScatterElements", "index_add", NULL, save_scatter},
    {"Scatter", "", load_scatter, NULL},
    {"ScatterND", "", load_scatter_nd, NULL},
    {"OneHot", "", load_one_hot, NULL},
    {"NonZero", "", load_nonzero, NULL},
    {"Compress", "", load_compress, NULL},
    {NULL, NULL, NULL, NULL},
};
