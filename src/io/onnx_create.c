/* Floor 7. ONNX's operators that make tensors: constants, ranges, triangles, products by a formula. */
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

static bool load_constant(loader *l, const row *r)
{
    (void)r;
    fac__onnx_attribute *a = l->node->n_attributes == 1 ? &l->node->attributes[0] : NULL;
    if (!a) return fac__onnx_error(l, "it has %d attributes", l->node->n_attributes);
    double f = a->f;
    a->asked = true;
    if (a->t) return fac__onnx_result_known(l, a->t);
    if (!strcmp(a->name, "value_int"))
        a->t = fac_keep(fac_from_array(&a->i, FAC_INT64, FAC_SHAPE()));
    else if (!strcmp(a->name, "value_float"))
        a->t = fac_keep(fac_scalar_tensor(f, .dtype = FAC_FLOAT32));
    else if (!strcmp(a->name, "value_ints") && (a->ints || !a->count))
        a->t = fac_keep(fac_from_array(a->count ? (const void *)a->ints : "", FAC_INT64, FAC_SHAPE(a->count)));
    else if (!strcmp(a->name, "value_floats") && a->floats)
        a->t = fac_keep(fac_from_array(a->floats, FAC_FLOAT32, FAC_SHAPE(a->count)));
    else
        return fac__onnx_error(l, "constants of the kind '%.50s' cannot be read", a->name);
    return fac__onnx_result_known(l, a->t);
}

static int full(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_dims shape;
    if (!fac__onnx_dims_of(&args[0], &shape)) return -1;
    return fac__onnx_one_result(
        args[1].v.tensor ? fac_clone(fac_expand(fac_reshape(args[1].v.tensor, FAC_SHAPE()), shape)) : NULL, results);
}

static bool load_constant_of_shape(loader *l, const row *r)
{
    const fac__onnx_attribute *a = fac__onnx_attribute_of(l->node, "value");
    fac_tensor *t = a ? a->t : NULL;
    if (t && t->numel != 1) return fac__onnx_error(l, "its value is no single number");
    if (!t) t = fac_scalar_tensor(0.0, .dtype = FAC_FLOAT32);
    int value = fac__graph_constant(l->g, l->node->outputs[0], t);
    return fac__onnx_result(l, 0, fac__onnx_function(l, r->onnx, full, fac__onnx_ints(l, 0), fac__term_value(value)));
}

static int range(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    double d[3];
    fac_dtype dtype = fac_dtype_of(args[0].v.tensor);
    for (int i = 0; i < 3; i++)
        if (!args[i].v.tensor || !fac_to_array(args[i].v.tensor, FAC_FLOAT64, &d[i], 1)) return -1;
    return fac__onnx_one_result(fac_arange(d[0], d[1], d[2], .dtype = dtype), results);
}

static bool load_range(loader *l, const row *r)
{
    if (!fac__onnx_given(l, 2)) return fac__onnx_error(l, "it has no step");
    return fac__onnx_result(
        l, 0, fac__onnx_function(l, r->onnx, range, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1), fac__onnx_arg(l, 2)));
}

static int triangle(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_dims k;
    if (!fac__onnx_dims_of(&args[1], &k)) return -1;
    int64_t diagonal = k.n ? k.d[0] : 0;
    return fac__onnx_one_result(fac_scalar_to_int(args[2].v.scalar) ? fac_triu(args[0].v.tensor, diagonal)
                                                                    : fac_tril(args[0].v.tensor, diagonal),
                                results);
}

static bool load_trilu(loader *l, const row *r)
{
    fac_dims k = fac_dims_one(0);
    bool upper = fac__onnx_int(l, "upper", 1);
    if (fac__onnx_given(l, 1) && !fac__onnx_known(l, 1))
        return fac__onnx_result(
            l, 0,
            fac__onnx_function(l, r->onnx, triangle, fac__onnx_arg(l, 0), fac__onnx_ints(l, 1), fac__term_bool(upper)));
    if (fac__onnx_given(l, 1) && !fac__onnx_known_ints(l, 1, &k)) return false;
    return fac__onnx_result(
        l, 0, fac__onnx_call(l, upper ? "triu" : "tril", fac__onnx_arg(l, 0), fac__term_int(k.n ? k.d[0] : 0)));
}

static bool save_trilu(saver *s, const row *r)
{
    int64_t k;
    if (!fac__onnx_int_at(s, 1, &k)) return false;
    const char *diagonal = fac__onnx_put_number(s, (double)k, FAC_INT64);
    const char *y = diagonal ? fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), diagonal) : NULL;
    fac__onnx_give_int(s, "upper", !strcmp(r->aten, "triu"));
    return fac__onnx_is(s, 0, y);
}

static int eye_like(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    int64_t k = fac_scalar_to_int(args[1].v.scalar);
    fac_dtype dtype = args[2].kind == FAC_VALUE_DTYPE ? args[2].v.dtype : fac_dtype_of(x);
    if (fac_dim(x) != 2) return fac__value_error("its input is no matrix"), -1;
    fac_tensor *ones = fac_ones(fac_shape(x), .dtype = FAC_FLOAT32);
    return fac__onnx_one_result(fac_to(fac_tril(fac_triu(ones, k), k), dtype), results);
}

static bool load_eye_like(loader *l, const row *r)
{
    int64_t type = fac__onnx_int(l, "dtype", 0);
    int element = type ? fac__onnx_element(type) : 0;
    if (type && !element) return fac__onnx_error(l, "of type %lld, which facula does not have", (long long)type);
    fac_value v = {.kind = FAC_VALUE_DTYPE, .v.dtype = type ? fac__element_dtype(element) : FAC_DTYPE_NONE};
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, eye_like, fac__onnx_arg(l, 0),
                                               fac__term_int(fac__onnx_int(l, "k", 0)),
                                               type ? fac__term_constant(v) : fac__term_none()));
}

static int cast_like(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    return fac__onnx_one_result(fac_to(args[0].v.tensor, fac_dtype_of(args[1].v.tensor)), results);
}

static bool load_cast_like(loader *l, const row *r)
{
    if (!fac__onnx_given(l, 1)) return fac__onnx_error(l, "it has no target");
    return fac__onnx_result(l, 0, fac__onnx_function(l, r->onnx, cast_like, fac__onnx_arg(l, 0), fac__onnx_arg(l, 1)));
}

static int count(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    int64_t n = fac_numel(args[0].v.tensor);
    fac_tensor *t = fac__own(fac__new(FAC_INT64, 0, NULL));
    if (t) *(int64_t *)fac__host(t) = n;
    return fac__onnx_one_result(t, results);
}

static bool load_size(loader *l, const row *r)
{
    return fac__onnx_result(l, 0, fac__onnx_function(l, r->onnx, count, fac__onnx_arg(l, 0)));
}

/* size, which, periodic, dtype */
static int window(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_dims size;
    fac_window_options o = fac_window_options_defaults();
    int64_t which = fac_scalar_to_int(args[1].v.scalar);
    if (!fac__onnx_dims_of(&args[0], &size)) return -1;
    if (size.n != 1) return fac__value_error("the size is %d numbers", size.n), -1;
    o.periodic = fac_scalar_to_int(args[2].v.scalar);
    o.dtype = args[3].v.dtype;
    o.alpha = 25.0 / 46; /* of Hamming's; PyTorch's are 0.54 and 0.46 */
    o.beta = 21.0 / 46;
    return fac__onnx_one_result(which == 0   ? fac_hann_window_with(size.d[0], o)
                                : which == 1 ? fac_hamming_window_with(size.d[0], o)
                                             : fac_blackman_window_with(size.d[0], o),
                                results);
}

static bool load_window(loader *l, const row *r)
{
    int64_t type = fac__onnx_int(l, "output_datatype", 1);
    fac_value dtype = {.kind = FAC_VALUE_DTYPE, .v.dtype = fac__element_dtype(fac__onnx_element(type))};
    if (!fac__onnx_element(type) || !fac_dtype_is_floating(dtype.v.dtype))
        return fac__onnx_error(l, "of type %lld, which facula does not have", (long long)type);
    int which = !strcmp(r->onnx, "HannWindow") ? 0 : !strcmp(r->onnx, "HammingWindow") ? 1 : 2;
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, window, fac__onnx_ints(l, 0), fac__term_int(which),
                                               fac__term_bool(fac__onnx_int(l, "periodic", 1)),
                                               fac__term_constant(dtype)));
}

static bool load_einsum(loader *l, const row *r)
{
    fac__term items[FAC__TRACED_RESULTS];
    int n = l->node->n_inputs;
    if (n > FAC__TRACED_RESULTS) return fac__onnx_error(l, "it has %d inputs", n);
    for (int i = 0; i < n; i++)
        items[i] = fac__onnx_arg(l, i);
    fac__term equation = fac__term_constant(fac_value_string(fac__onnx_word(l, "equation", "")));
    return fac__onnx_result(l, 0, fac__onnx_call(l, r->aten, equation, fac__term_list(items, n)));
}

const fac__onnx_operator fac__onnx_create[] = {
    {"CastLike", "", load_cast_like, NULL},
    {"EyeLike", "", load_eye_like, NULL},
    {"Size", "", load_size, NULL},
    {"Constant", "", load_constant, NULL},
    {"ConstantOfShape", "", load_constant_of_shape, NULL},
    {"Range", "", load_range, NULL},
    {"Trilu", "triu", load_trilu, save_trilu},
    {"Trilu", "tril", load_trilu, save_trilu},
    {"Einsum", "einsum", load_einsum, NULL},
    {"HannWindow", "", load_window, NULL},
    {"HammingWindow", "", load_window, NULL},
    {"BlackmanWindow", "", load_window, NULL},
    {NULL, NULL, NULL, NULL},
};
