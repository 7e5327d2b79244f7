/* Floor 7. ONNX's operators that change shapes and dtypes. */
#include "core/raise.h"
#include "elements.h"
#include "facula/ops_create.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"
#include "onnx_dims.h"
#include "onnx_operators.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

/* ---- shapes ---------------------------------------------------------------------------------------------------- */

/* 0 is the input's own size, unless it is said to be 0. */
static int reshape(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    fac_dims shape;
    if (!fac__onnx_dims_of(&args[1], &shape)) return -1;
    for (int i = 0; i < shape.n && !fac_scalar_to_int(args[2].v.scalar); i++)
        if (shape.d[i] == 0 && i < fac_dim(x)) shape.d[i] = fac_size(x, i);
    return fac__onnx_one_result(fac_reshape(x, shape), results);
}

static bool load_reshape(loader *l, const row *r)
{
    fac__term x = fac__onnx_arg(l, 0), shape = fac__onnx_ints(l, 1);
    bool literal = fac__onnx_int(l, "allowzero", 0), plain = shape.kind == FAC__TERM_CONSTANT;
    fac_dims known = fac__onnx_list(l, "shape"); /* of opset 1 to 4 */
    if (known.n >= 0) shape = fac__term_dims(&known);
    fac_tensor *t = fac__onnx_known(l, 1);
    fac_dims d = FAC_DIMS();
    if (plain && t && fac__onnx_known_ints(l, 1, &d))
        for (int i = 0; i < d.n; i++)
            plain &= d.d[i] != 0 || literal;
    if (plain && t) return fac__onnx_result(l, 0, fac__onnx_call(l, "reshape", x, fac__term_dims(&d)));
    return fac__onnx_result(l, 0, fac__onnx_function(l, r->onnx, reshape, x, shape, fac__term_bool(literal)));
}

/* Where one size depends on the batch, it is what is left: -1. */
static bool save_reshape(saver *s, const row *r)
{
    (void)r;
    fac__onnx_size shape[FAC_MAX_DIMS];
    int n, open = -1, many = 0;
    if (!fac__onnx_shape_of(s, fac__onnx_saved(s)->first, shape, &n)) return false;
    for (int i = 0; i < n; i++)
        if (shape[i].times) {
            open = i;
            many++;
        }
    if (many == 1) shape[open] = (fac__onnx_size){-1, 0};
    const char *sizes = fac__onnx_put_sizes(s, shape, n);
    return fac__onnx_is(s, 0, sizes ? fac__onnx_node(s, "Reshape", fac__onnx_name_at(s, 0), sizes) : NULL);
}

/* Always a matrix. */
static int flatten(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    int64_t axis = fac_scalar_to_int(args[1].v.scalar), rows = 1, columns = 1;
    if (axis < 0) axis += fac_dim(x);
    for (int i = 0; i < fac_dim(x); i++)
        *(i < axis ? &rows : &columns) *= fac_size(x, i);
    return fac__onnx_one_result(fac_reshape(x, FAC_SHAPE(rows, columns)), results);
}

static bool load_flatten(loader *l, const row *r)
{
    return fac__onnx_result(
        l, 0, fac__onnx_function(l, r->onnx, flatten, fac__onnx_arg(l, 0), fac__term_int(fac__onnx_int(l, "axis", 1))));
}

static bool load_transpose(loader *l, const row *r)
{
    fac_dims perm = fac__onnx_list(l, "perm");
    fac__term x = fac__onnx_arg(l, 0);
    if (perm.n < 0) return fac__onnx_result(l, 0, fac__onnx_call(l, "numpy_T", x));
    if (perm.n == 2 && perm.d[0] == 1 && perm.d[1] == 0) return fac__onnx_result(l, 0, fac__onnx_call(l, "t", x));
    return fac__onnx_result(l, 0, fac__onnx_call(l, r->aten, x, fac__term_dims(&perm)));
}

static bool save_permute(saver *s, const row *r)
{
    fac_dims perm;
    if (!fac__onnx_dims_at(s, 1, &perm)) return false;
    if (!perm.n) return fac__onnx_is(s, 0, fac__onnx_node(s, "Identity", fac__onnx_name_at(s, 0)));
    const char *y = fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0));
    fac__onnx_give_ints(s, "perm", perm.d, perm.n);
    return fac__onnx_is(s, 0, y);
}

/* x, axes: what was inserted is counted in the result. */
static int unsqueeze(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    fac_dims axes, shape = {.n = 0};
    bool fresh[FAC_MAX_DIMS] = {false};
    if (!fac__onnx_dims_of(&args[1], &axes)) return -1;
    int n = fac_dim(x) + axes.n, at = 0;
    if (n > FAC_MAX_DIMS) return fac__value_error("at most %d dimensions", FAC_MAX_DIMS), -1;
    for (int i = 0; i < axes.n; i++) {
        int64_t d = axes.d[i] + (axes.d[i] < 0 ? n : 0);
        if (d < 0 || d >= n || fresh[d])
            return fac__value_error("axis %lld cannot be inserted", (long long)axes.d[i]), -1;
        fresh[d] = true;
    }
    for (int i = 0; i < n; i++)
        shape.d[shape.n++] = fresh[i] ? 1 : fac_size(x, at++);
    return fac__onnx_one_result(fac_reshape(x, shape), results);
}

static int squeeze(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_dims axes;
    if (!fac__onnx_dims_of(&args[1], &axes)) return -1;
    return fac__onnx_one_result(fac_squeeze_dims(args[0].v.tensor, axes), results);
}

/* Axes: an attribute, from opset 13 on an input. */
static bool load_squeeze(loader *l, const row *r)
{
    fac_dims axes = fac__onnx_list(l, "axes");
    fac__term x = fac__onnx_arg(l, 0);
    bool computed = fac__onnx_given(l, 1) && !fac__onnx_known(l, 1);
    if (computed) return fac__onnx_result(l, 0, fac__onnx_function(l, r->onnx, squeeze, x, fac__onnx_ints(l, 1)));
    if (fac__onnx_given(l, 1) && !fac__onnx_known_ints(l, 1, &axes)) return false;
    if (axes.n < 0) return fac__onnx_result(l, 0, fac__onnx_call(l, "squeeze", x));
    return fac__onnx_result(l, 0, fac__onnx_call(l, "squeeze.dims", x, fac__term_dims(&axes)));
}

static bool load_unsqueeze(loader *l, const row *r)
{
    fac_dims axes = fac__onnx_list(l, "axes");
    fac__term x = fac__onnx_arg(l, 0);
    bool computed = fac__onnx_given(l, 1) && !fac__onnx_known(l, 1);
    if (!computed && fac__onnx_given(l, 1) && !fac__onnx_known_ints(l, 1, &axes)) return false;
    if (!computed && axes.n < 1) return fac__onnx_error(l, "it names no axes");
    if (!computed && axes.n == 1)
        return fac__onnx_result(l, 0, fac__onnx_call(l, r->aten, x, fac__term_int(axes.d[0])));
    return fac__onnx_result(
        l, 0, fac__onnx_function(l, r->onnx, unsqueeze, x, computed ? fac__onnx_ints(l, 1) : fac__term_dims(&axes)));
}

static bool save_axes(saver *s, const row *r)
{
    int64_t dim;
    fac_dims dims;
    bool one = fac__trace_arg_at(fac__onnx_saved(s), 1)->value.kind == FAC_VALUE_SCALAR;
    if (one ? !fac__onnx_int_at(s, 1, &dim) : !fac__onnx_dims_at(s, 1, &dims)) return false;
    if (one) dims = fac_dims_one(dim);
    if (!dims.n) return fac__onnx_is(s, 0, fac__onnx_node(s, "Identity", fac__onnx_name_at(s, 0)));
    const char *axes = fac__onnx_put_ints(s, dims.d, dims.n);
    return fac__onnx_is(s, 0, axes ? fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), axes) : NULL);
}

/* Both ways: a size of 1 in the shape leaves the tensor's. */
static int expand(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    fac_dims shape;
    if (!fac__onnx_dims_of(&args[1], &shape)) return -1;
    int n = fac_dim(x);
    while (shape.n < n && shape.n < FAC_MAX_DIMS) {
        memmove(shape.d + 1, shape.d, (size_t)shape.n++ * sizeof *shape.d);
        shape.d[0] = 1;
    }
    for (int i = 0; i < n; i++) {
        int64_t *size = &shape.d[shape.n - n + i];
        if (*size == 1) *size = fac_size(x, i);
    }
    return fac__onnx_one_result(fac_expand(x, shape), results);
}

static bool load_expand(loader *l, const row *r)
{
    return fac__onnx_result(l, 0, fac__onnx_function(l, r->onnx, expand, fac__onnx_arg(l, 0), fac__onnx_ints(l, 1)));
}

static bool save_expand(saver *s, const row *r)
{
    fac__onnx_size shape[FAC_MAX_DIMS];
    int n;
    if (!fac__onnx_shape_of(s, fac__onnx_saved(s)->first, shape, &n)) return false;
    const char *sizes = fac__onnx_put_sizes(s, shape, n);
    return fac__onnx_is(s, 0, sizes ? fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), sizes) : NULL);
}

static bool load_tile(loader *l, const row *r)
{
    return fac__onnx_result(l, 0, fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0), fac__onnx_ints(l, 1)));
}

static bool load_cast(loader *l, const row *r)
{
    int element = fac__onnx_element(fac__onnx_int(l, "to", 0));
    if (!element)
        return fac__onnx_error(l, "to type %lld, which facula does not have", (long long)fac__onnx_int(l, "to", 0));
    fac_value v = {.kind = FAC_VALUE_DTYPE, .v.dtype = fac__element_dtype(element)};
    return fac__onnx_result(l, 0, fac__onnx_call(l, r->aten, fac__onnx_arg(l, 0), fac__term_constant(v)));
}

/* repeat may name more dimensions than the tensor has, which then are in front. */
static bool save_repeat(saver *s, const row *r)
{
    fac_dims repeats;
    fac_tensor *x = fac__onnx_tensor_at(s, 0);
    const char *name = fac__onnx_name_at(s, 0);
    int64_t axes[FAC_MAX_DIMS];
    if (!fac__onnx_dims_at(s, 1, &repeats)) return false;
    for (int i = 0; i < repeats.n - x->ndim; i++)
        axes[i] = i;
    const char *fresh = repeats.n > x->ndim ? fac__onnx_put_ints(s, axes, repeats.n - x->ndim) : "";
    if (fresh && *fresh) name = fac__onnx_node(s, "Unsqueeze", name, fresh);
    const char *by = fac__onnx_put_ints(s, repeats.d, repeats.n);
    return fac__onnx_is(s, 0, fresh && name && by ? fac__onnx_node(s, r->onnx, name, by) : NULL);
}

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

const fac__onnx_operator fac__onnx_sizes[] = {
    {"Reshape", "reshape", load_reshape, save_reshape},
    {"Reshape", "view", NULL, save_reshape},
    {"Flatten", "", load_flatten, NULL},
    {"Transpose", "permute", load_transpose, save_permute},
    {"Squeeze", "squeeze", load_squeeze, save_axes},
    {"Unsqueeze", "unsqueeze", load_unsqueeze, save_axes},
    {"Expand", "expand", load_expand, save_expand},
    {"Tile", "repeat", load_tile, save_repeat},
    {"Cast", "to", load_cast, NULL},
    {NULL, NULL, NULL, NULL},
};
