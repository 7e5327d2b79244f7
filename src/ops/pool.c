/* Floor 4. Pooling (facula/ops_conv.h).
 *
 * Averages are linear: forward and backward are each other's derivative. Maxima select: backward scatters by the
 * indices, and the derivative of that gathers by them. */
#include <string.h>

#include "backend/conv.h"
#include "facula/autograd.h"
#include "facula/ops_conv.h"
#include "facula/ops_index.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "op.h"
#include "plain.h"
#include "tracing.h"
#include "window.h"

/* What a node remembers. The pointers in args stay empty. */
typedef struct pooling {
    fac__pool_args args;
    int spatial;
    fac_dims lead; /* the dimensions in front of the spatial ones */
} pooling;

static fac_dims shape_of(const pooling *p, const int64_t *sizes)
{
    fac_dims shape = p->lead;
    for (int d = 3 - p->spatial; d < 3; d++)
        shape.d[shape.n++] = sizes[d];
    return shape;
}

static fac__node *record(const char *name, fac__backward_fn backward, const pooling *p, int saved, fac_tensor *x)
{
    fac__node *n = fac__record(name, backward, 1, saved, sizeof *p, x);
    if (n && !n->failed) *(pooling *)n->params = *p;
    return n;
}

/* ---- the kernels --------------------------------------------------------------------------------------------- */

static fac_tensor *launch_forward(const pooling *p, fac_tensor *x, fac_tensor *indices)
{
    fac_dims shape = shape_of(p, p->args.out);
    fac_tensor *y = fac__new((fac_dtype)x->dtype, shape.n, shape.d);
    if (!y || !y->numel) return y;
    fac__pool_args args = p->args;
    args.dtype = (fac_dtype)x->dtype;
    args.x = fac__data(x);
    args.y = fac__data(y);
    args.indices = indices ? fac__data(indices) : NULL;
    FAC__LAUNCH(fac__k_pool, args);
    return y;
}

static fac_tensor *launch_backward(const pooling *p, fac_tensor *g, fac_tensor *indices)
{
    fac_dims shape = shape_of(p, p->args.in);
    fac_tensor *dx = fac__new((fac_dtype)g->dtype, shape.n, shape.d);
    if (!dx || !dx->numel) return dx;
    fac__pool_args args = p->args;
    args.dtype = (fac_dtype)g->dtype;
    args.dy = fac__data(g);
    args.dx = fac__data(dx);
    args.indices = indices ? fac__data(indices) : NULL;
    FAC__LAUNCH(fac__k_pool_backward, args);
    return dx;
}

/* ---- averages ------------------------------------------------------------------------------------------------ */

static fac_tensor *average(const char *name, const pooling *p, fac_tensor *x);
static fac_tensor *average_back(const pooling *p, fac_tensor *g);

static void average_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    gx[0] = average_back(n->params, gy[0]);
}

static void average_back_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    gx[0] = average("AvgPoolBackwardBackward0", n->params, gy[0]);
}

static fac_tensor *average(const char *name, const pooling *p, fac_tensor *x)
{
    fac_dtype dtype = (fac_dtype)x->dtype;
    fac__node *n = record(name, average_backward, p, 0, x);
    fac_tensor *y = NULL;
    fac_scope {
        bool whole = !fac_dtype_is_floating(dtype);
        fac_tensor *plain = fac__plain(x, whole ? FAC_FLOAT64 : dtype);
        y = plain ? launch_forward(p, plain, NULL) : NULL;
        if (whole && y) y = fac_keep(fac__plain(fac__own(y), dtype));
    }
    return fac__result(n, y);
}

static fac_tensor *average_back(const pooling *p, fac_tensor *g)
{
    fac__node *n = record("AvgPoolBackwardBackward0", average_back_backward, p, 0, g);
    fac_tensor *dx = NULL;
    fac_scope {
        fac_tensor *plain = fac__plain(g, (fac_dtype)g->dtype);
        dx = plain ? launch_backward(p, plain, NULL) : NULL;
    }
    return fac__result(n, dx);
}

/* ---- maxima -------------------------------------------------------------------------------------------------- */

/* Leading dimensions kept, spatial ones in a row. */
static fac_tensor *flat(const pooling *p, fac_tensor *t)
{
    fac_dims shape = p->lead;
    shape.d[shape.n] = 1;
    for (int d = p->lead.n; t && d < t->ndim; d++)
        shape.d[shape.n] *= t->shape[d];
    shape.n++;
    return t ? fac_reshape(t, shape) : NULL;
}

static void maximum_back_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const pooling *p = n->params;
    fac_tensor *u = flat(p, gy[0]), *indices = flat(p, fac__saved(n, 0));
    fac_tensor *picked = u && indices ? fac_gather(u, p->lead.n, indices) : NULL;
    gx[0] = picked ? fac_reshape(picked, shape_of(p, p->args.out)) : NULL;
}

static fac_tensor *maximum_back(const pooling *p, fac_tensor *g, fac_tensor *indices)
{
    fac__node *n = record("MaxPoolBackwardBackward0", maximum_back_backward, p, 1, g);
    fac__save(n, 0, indices);
    fac_tensor *dx = NULL;
    fac_scope {
        fac_tensor *plain = fac__plain(g, (fac_dtype)g->dtype);
        dx = plain ? launch_backward(p, plain, indices) : NULL;
    }
    return fac__result(n, dx);
}

static void maximum_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *indices = fac__saved(n, 0);
    if (indices) gx[0] = maximum_back(n->params, gy[0], indices);
}

static fac_tensor *maximum(const char *name, const pooling *p, fac_tensor *x, fac_tensor **indices_out)
{
    if (indices_out) *indices_out = NULL;
    fac__node *n = record(name, maximum_backward, p, 1, x);
    fac_tensor *indices = NULL, *y = NULL;
    if (n || indices_out) { /* else nobody reads them */
        fac_dims shape = shape_of(p, p->args.out);
        indices = fac__own(fac__new(FAC_INT64, shape.n, shape.d));
        if (!indices) return fac__done(n), NULL;
    }
    fac_scope {
        fac_tensor *plain = fac__plain(x, (fac_dtype)x->dtype);
        y = plain ? launch_forward(p, plain, indices) : NULL;
    }
    fac__save(n, 0, indices);
    if (indices_out) *indices_out = indices;
    return fac__result(n, y);
}

/* ---- checks --------------------------------------------------------------------------------------------------- */

static bool take_input(pooling *p, const fac_tensor *x, const char *op, bool adaptive)
{
    int s = p->spatial;
    bool right = x->ndim == s + 1 || x->ndim == s + 2, empty = false;
    for (int d = x->ndim == s + 2; d < x->ndim && right; d++)
        if (!x->shape[d] && (!adaptive || d >= x->ndim - s)) {
            empty = true;
            if (adaptive)
                return fac__runtime_error("%s(): Expected input to have non-zero size for non-batch dimensions, but "
                                          "input has sizes %s "
                                          "with dimension %d being empty",
                                          op, fac__shape_text(x->ndim, x->shape), d),
                       false;
        }
    if (!right || empty)
        return fac__runtime_error(
                   "%s(): Expected %dD or %dD (batch mode) tensor with optional 0 dim batch size for input, but got:%s",
                   op, s + 1, s + 2, fac__shape_text(x->ndim, x->shape)),
               false;
    p->lead = fac_shape(x);
    p->lead.n -= s;
    p->args.planes = 1;
    for (int d = 0; d < p->lead.n; d++)
        p->args.planes *= x->shape[d];
    for (int d = 0; d < 3; d++)
        p->args.in[d] = d < 3 - s ? 1 : x->shape[x->ndim - 3 + d];
    return true;
}

static bool check_numbers(const pooling *p)
{
    const fac__pool_args *a = &p->args;
    for (int d = 0; d < 3; d++) {
        if (a->stride[d] == 0) return fac__runtime_error("stride should not be zero"), false;
        if (a->kernel[d] < 1)
            return fac__runtime_error("kernel size should be greater than zero, but got %s",
                                      fac__window_text(p->spatial, a->kernel, ", ")),
                   false;
        if (a->stride[d] < 0)
            return fac__runtime_error("stride should be greater than zero, but got %s",
                                      fac__window_text(p->spatial, a->stride, ", ")),
                   false;
        if (a->dilation[d] < 1)
            return fac__runtime_error("dilation should be greater than zero, but got %s",
                                      fac__window_text(p->spatial, a->dilation, ", ")),
                   false;
        if (a->pad[d] < 0)
            return fac__runtime_error("pad must be non-negative, but got pad: %lld", (long long)a->pad[d]), false;
        if (a->pad[d] > a->kernel[d] / 2)
            return fac__runtime_error(
                       "pad should be at most half of kernel size, but got pad=%lld and kernel_size=%lld",
                       (long long)a->pad[d], (long long)a->kernel[d]),
                   false;
    }
    return true;
}

static bool set_output(pooling *p, bool ceil_mode)
{
    fac__pool_args *a = &p->args;
    bool fits = true;
    for (int d = 0; d < 3; d++) {
        int64_t room = a->in[d] + 2 * a->pad[d] - a->dilation[d] * (a->kernel[d] - 1) - 1 +
                       (ceil_mode ? a->stride[d] - 1 : 0);
        a->out[d] = room < 0 ? 0 : room / a->stride[d] + 1;
        /* The last window of ceil_mode must begin inside the input or its left padding. */
        if (ceil_mode && (a->out[d] - 1) * a->stride[d] >= a->in[d] + a->pad[d]) a->out[d]--;
        if (a->out[d] < 1) fits = false;
    }
    if (fits) return true;
    int64_t channels = p->lead.d[p->lead.n - 1];
    return fac__runtime_error(
               "Given input size: (%lldx%s). Calculated output size: (%lldx%s). Output size is too small",
               (long long)channels, fac__window_text(p->spatial, a->in, "x"), (long long)channels,
               fac__window_text(p->spatial, a->out, "x")),
           false;
}

static bool pooling_of(pooling *p, const fac_tensor *x, fac__pool_kind kind, int spatial, const char *op,
                       fac_dims kernel, const fac_pool_options *o)
{
    memset(p, 0, sizeof *p);
    p->args.kind = kind;
    p->spatial = spatial;
    fac_dims strides = o->strides.n > 0 ? o->strides : o->stride ? fac_dims_one(o->stride) : kernel;
    return fac__window_list("kernel_size", kernel, 0, spatial, 1, p->args.kernel) &&
           fac__window_list("stride", strides, 0, spatial, 1, p->args.stride) &&
           fac__window_list("padding", o->paddings, o->padding, spatial, 0, p->args.pad) &&
           fac__window_list("dilation", o->dilations, o->dilation, spatial, 1, p->args.dilation) && check_numbers(p) &&
           take_input(p, x, op, false) && set_output(p, o->ceil_mode);
}

/* ---- the operations ------------------------------------------------------------------------------------------- */

static fac_tensor *traced(fac__tracer *tracer, fac__pool_kind kind, const char *op, fac_tensor *x, fac_dims kernel,
                          const fac_pool_options *o)
{
    fac_dims stride = o->strides.n > 0 ? o->strides : o->stride ? fac_dims_one(o->stride) : kernel;
    fac_dims padding = o->paddings.n < 0 ? fac_dims_one(o->padding) : o->paddings;
    fac_dims dilation = o->dilations.n < 0 ? fac_dims_one(o->dilation) : o->dilations;
    bool max = kind == FAC__POOL_MAX, divides = !max && o->divisor_override;
    const fac_keyword given[] = {
        FAC__ARG(x),
        FAC__ARG(&kernel),
        FAC__ARG(&stride),
        FAC__ARG(&padding),
        {NULL, max ? FAC__VALUE(&dilation) : FAC__VALUE(o->ceil_mode)},
        {NULL, max ? FAC__VALUE(o->ceil_mode) : FAC__VALUE(o->count_include_pad)},
        FAC__ARG(o->divisor_override),
    };
    return fac__traced(tracer, op, given, divides ? 7 : 6);
}

static fac_tensor *max_pool(fac_tensor *x, int spatial, const char *op, const char *node, fac_dims kernel,
                            const fac_pool_options *o)
{
    FAC__OP(op);
    FAC__NEED(x);
    if (fac__tracing() && !o->indices) return traced(fac__tracing(), FAC__POOL_MAX, op, x, kernel, o);
    pooling p;
    if (!pooling_of(&p, x, FAC__POOL_MAX, spatial, op, kernel, o)) return NULL;
    if (!fac_dtype_is_floating((fac_dtype)x->dtype))
        return fac__runtime_error("\"%s\" not implemented for '%s'", op, fac__dtype_word((fac_dtype)x->dtype));
    return maximum(node, &p, x, o->indices);
}

static fac_tensor *avg_pool(fac_tensor *x, int spatial, const char *op, const char *node, fac_dims kernel,
                            const fac_pool_options *o)
{
    FAC__OP(op);
    FAC__NEED(x);
    if (fac__tracing()) return traced(fac__tracing(), FAC__POOL_AVG, op, x, kernel, o);
    pooling p;
    if (!pooling_of(&p, x, FAC__POOL_AVG, spatial, op, kernel, o)) return NULL;
    if (!fac_dtype_is_floating((fac_dtype)x->dtype) && x->dtype != FAC_INT64)
        return fac__runtime_error("\"%s\" not implemented for '%s'", op, fac__dtype_word((fac_dtype)x->dtype));
    for (int d = 0; d < 3 && spatial == 3; d++) /* of volumes alone, and without the padding */
        if (p.args.in[d] < p.args.kernel[d])
            return fac__runtime_error("input image (%s) smaller than kernel size (%s)",
                                      fac__window_text(3, p.args.in, " "), fac__window_text(3, p.args.kernel, " "));
    p.args.count_include_pad = o->count_include_pad;
    p.args.divisor = o->divisor_override;
    return average(node, &p, x);
}

/* PyTorch pools one dimension as two and drops the other, hence the nodes' names. */
#define POOL(kind, spatial, node)                                                                                      \
    fac_tensor *fac_##kind##_pool##spatial##d_with(fac_tensor *input, fac_dims kernel, fac_pool_options options)       \
    {                                                                                                                  \
        return kind##_pool(input, spatial, #kind "_pool" #spatial "d", node, kernel, &options);                        \
    }
POOL(max, 1, "SqueezeBackward1")
POOL(max, 2, "MaxPool2DWithIndicesBackward0")
POOL(max, 3, "MaxPool3DWithIndicesBackward0")
POOL(avg, 1, "SqueezeBackward1")
POOL(avg, 2, "AvgPool2DBackward0")
POOL(avg, 3, "AvgPool3DBackward0")

/* FAC_SAME_SIZE in place of None: the input's own size. */
static bool adaptive_of(pooling *p, const fac_tensor *x, fac__pool_kind kind, int spatial, const char *op,
                        fac_dims size)
{
    memset(p, 0, sizeof *p);
    p->args.kind = kind;
    p->spatial = spatial;
    fac_dims numbers = size;
    for (int i = 0; i < size.n && i < FAC_MAX_DIMS; i++)
        if (size.d[i] == FAC_SAME_SIZE) numbers.d[i] = 0;
    if (!fac__window_list("output_size", numbers, 0, spatial, 1, p->args.out) || !take_input(p, x, op, true))
        return false;
    for (int d = 3 - spatial; d < 3 && size.n > 0; d++)
        if (size.d[size.n == 1 ? 0 : d - (3 - spatial)] == FAC_SAME_SIZE) p->args.out[d] = p->args.in[d];
    for (int d = 0; d < 3; d++)
        if (p->args.out[d] < 0)
            return fac__runtime_error(
                       "%s: elements of output_size must be greater than or equal to 0 but received {%s}", op,
                       fac__window_text(spatial, p->args.out, ", ")),
                   false;
    return true;
}

static fac_tensor *adaptive_avg(fac_tensor *x, int spatial, const char *op, const char *node, fac_dims size)
{
    FAC__OP(op);
    FAC__NEED(x);
    FAC__TRACE(op, FAC__ARG(x), FAC__ARG(&size));
    pooling p;
    if (!adaptive_of(&p, x, FAC__POOL_ADAPTIVE_AVG, spatial, op, size)) return NULL;
    if (!fac_dtype_is_floating((fac_dtype)x->dtype))
        return fac__runtime_error("\"%s\" not implemented for '%s'", op, fac__dtype_word((fac_dtype)x->dtype));
    if (p.args.out[0] == 1 && p.args.out[1] == 1 && p.args.out[2] == 1) { /* as PyTorch does, whose sums round so */
        fac_dims dims = {.n = spatial};
        for (int d = 0; d < spatial; d++)
            dims.d[d] = -1 - d;
        return fac_mean(x, .dims = dims, .keepdim = true);
    }
    return average(node, &p, x);
}

static fac_tensor *adaptive_max(fac_tensor *x, int spatial, const char *op, const char *node, fac_dims size,
                                fac_tensor **indices)
{
    FAC__OP(op);
    FAC__NEED(x);
    FAC__TRACE_TWO(indices, op, FAC__ARG(x), FAC__ARG(&size));
    pooling p;
    if (!adaptive_of(&p, x, FAC__POOL_ADAPTIVE_MAX, spatial, op, size)) return NULL;
    if (!fac_dtype_is_floating((fac_dtype)x->dtype))
        return fac__runtime_error("\"%s_cpu\" not implemented for '%s'", op, fac__dtype_word((fac_dtype)x->dtype));
    return maximum(node, &p, x, indices);
}

#define ADAPTIVE(spatial, avg_node, max_node)                                                                          \
    fac_tensor *(fac_adaptive_avg_pool##spatial##d)(fac_tensor * input, fac_dims output_size)                          \
    {                                                                                                                  \
        return adaptive_avg(input, spatial, "adaptive_avg_pool" #spatial "d", avg_node, output_size);                  \
    }                                                                                                                  \
    fac_tensor *(fac_adaptive_max_pool##spatial##d)(fac_tensor * input, fac_dims output_size, fac_tensor * *indices)   \
    {                                                                                                                  \
        return adaptive_max(input, spatial, "adaptive_max_pool" #spatial "d", max_node, output_size, indices);         \
    }
ADAPTIVE(1, "SqueezeBackward1", "SqueezeBackward1")
ADAPTIVE(2, "AdaptiveAvgPool2DBackward0", "AdaptiveMaxPool2DBackward0")
ADAPTIVE(3, "AdaptiveAvgPool3DBackward0", "AdaptiveMaxPool3DBackward0")

/* ---- by name ------------------------------------------------------------------------------------------------ */

/* The arguments from `i` on that both kinds have, and those of each. */
#define STRIDES(i) .strides = L(i), .paddings = L(i + 1)
#define OF_MAX(i) STRIDES(i), .dilations = L(i + 2), .ceil_mode = B(i + 3)
#define OF_AVG(i) STRIDES(i), .ceil_mode = B(i + 2), .count_include_pad = B(i + 3)
/* divisor_override: None, or a number that must not be 0 */
#define DIVISOR(i) (GIVEN(i) ? I(i) : 0)
#define AVG(spatial)                                                                                                   \
    GIVEN(6) && I(6) == 0 ? fac__runtime_error("divisor must be not zero")                                             \
                          : fac_avg_pool##spatial##d(T(0), L(1), OF_AVG(2), .divisor_override = DIVISOR(6))

FAC__CALL(max1, R(fac_max_pool1d(T(0), L(1), OF_MAX(2))))
FAC__CALL(max2, R(fac_max_pool2d(T(0), L(1), OF_MAX(2))))
FAC__CALL(max3, R(fac_max_pool3d(T(0), L(1), OF_MAX(2))))
FAC__CALL(max1_indices, R2(indices, fac_max_pool1d(T(0), L(1), OF_MAX(2), .indices = &indices)))
FAC__CALL(max2_indices, R2(indices, fac_max_pool2d(T(0), L(1), OF_MAX(2), .indices = &indices)))
FAC__CALL(max3_indices, R2(indices, fac_max_pool3d(T(0), L(1), OF_MAX(2), .indices = &indices)))
FAC__CALL(avg1, R(fac_avg_pool1d(T(0), L(1), OF_AVG(2))))
FAC__CALL(avg2, R(AVG(2)))
FAC__CALL(avg3, R(AVG(3)))
FAC__CALL(adaptive_avg1, R((fac_adaptive_avg_pool1d)(T(0), L(1))))
FAC__CALL(adaptive_avg2, R((fac_adaptive_avg_pool2d)(T(0), L(1))))
FAC__CALL(adaptive_avg3, R((fac_adaptive_avg_pool3d)(T(0), L(1))))
FAC__CALL(adaptive_max1, R2(indices, (fac_adaptive_max_pool1d)(T(0), L(1), &indices)))
FAC__CALL(adaptive_max2, R2(indices, (fac_adaptive_max_pool2d)(T(0), L(1), &indices)))
FAC__CALL(adaptive_max3, R2(indices, (fac_adaptive_max_pool3d)(T(0), L(1), &indices)))

/* Gradients as operators of their own: g must be of the pooling's shape. */
static bool takes(const pooling *p, const fac_tensor *g, const fac_tensor *x)
{
    fac_dims shape = shape_of(p, p->args.out);
    bool fits = g->ndim == shape.n && g->dtype == x->dtype && fac_dtype_is_floating((fac_dtype)g->dtype);
    for (int d = 0; d < shape.n && fits; d++)
        fits = g->shape[d] == shape.d[d];
    return fits || fac__runtime_error("grad_output is not of the pooling's shape or dtype");
}

static fac_tensor *max_pool2d_gradient(fac_tensor *g, fac_tensor *x, fac_dims kernel, fac_pool_options o,
                                       fac_tensor *indices)
{
    FAC__OP("max_pool2d_with_indices_backward");
    FAC__NEED(g);
    FAC__NEED(x);
    FAC__NEED(indices);
    pooling p;
    if (!pooling_of(&p, x, FAC__POOL_MAX, 2, "max_pool2d", kernel, &o) || !takes(&p, g, x)) return NULL;
    if (indices->dtype != FAC_INT64 || !fac__same_shape(indices, g))
        return fac__runtime_error("indices must be int64, of the shape of grad_output");
    fac_tensor *dx = NULL;
    fac_scope {
        fac_tensor *at = fac__plain(indices, FAC_INT64);
        dx = at ? fac_escape(maximum_back(&p, g, at)) : NULL;
    }
    return dx;
}

static fac_tensor *avg_pool2d_gradient(fac_tensor *g, fac_tensor *x, fac_dims kernel, fac_pool_options o)
{
    FAC__OP("avg_pool2d_backward");
    FAC__NEED(g);
    FAC__NEED(x);
    pooling p;
    if (!pooling_of(&p, x, FAC__POOL_AVG, 2, "avg_pool2d", kernel, &o) || !takes(&p, g, x)) return NULL;
    p.args.count_include_pad = o.count_include_pad;
    p.args.divisor = o.divisor_override;
    return average_back(&p, g);
}

static fac_tensor *adaptive_gradient(fac_tensor *g, fac_tensor *x, int spatial, const char *op)
{
    FAC__OP(op);
    FAC__NEED(g);
    FAC__NEED(x);
    pooling p;
    fac_dims size = fac_shape(g);
    if (g->ndim < spatial) return fac__runtime_error("grad_output is not of the pooling's shape or dtype");
    for (int d = 0; d < spatial; d++)
        size.d[d] = g->shape[g->ndim - spatial + d];
    size.n = spatial;
    if (!adaptive_of(&p, x, FAC__POOL_ADAPTIVE_AVG, spatial, op, size) || !takes(&p, g, x)) return NULL;
    return average_back(&p, g);
}

FAC__CALL(max2_gradient, R(max_pool2d_gradient(T(0), T(1), L(2), FAC_OPTIONS(fac_pool_options, OF_MAX(3)), T(7))))
FAC__CALL(avg2_gradient,
          R(avg_pool2d_gradient(T(0), T(1), L(2),
                                FAC_OPTIONS(fac_pool_options, OF_AVG(3), .divisor_override = DIVISOR(7)))))
FAC__CALL(adaptive2_gradient, R(adaptive_gradient(T(0), T(1), 2, "_adaptive_avg_pool2d_backward")))
FAC__CALL(adaptive3_gradient, R(adaptive_gradient(T(0), T(1), 3, "_adaptive_avg_pool3d_backward")))

#define MAX_SCHEMA(name, n, result)                                                                                    \
    name "(Tensor self, int[" n "] kernel_size, int[" n "] stride=[], int[" n "] padding=0, int[" n                    \
         "] dilation=1, bool ceil_mode=False) -> " result
#define AVG_SCHEMA(name, n)                                                                                            \
    name "(Tensor self, int[" n "] kernel_size, int[" n "] stride=[], int[" n                                          \
         "] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor"

const fac__op fac__ops_pool[] = {
    {MAX_SCHEMA("max_pool1d", "1", "Tensor"), max1, "Maximum of each window of one dimension."},
    {MAX_SCHEMA("max_pool2d", "2", "Tensor"), max2, "Maximum of each window of two dimensions."},
    {MAX_SCHEMA("max_pool3d", "3", "Tensor"), max3, "Maximum of each window of three dimensions."},
    {MAX_SCHEMA("max_pool1d_with_indices", "1", "(Tensor, Tensor)"), max1_indices, "The same, and where it is."},
    {MAX_SCHEMA("max_pool2d_with_indices", "2", "(Tensor, Tensor)"), max2_indices, "The same, and where it is."},
    {MAX_SCHEMA("max_pool3d_with_indices", "3", "(Tensor, Tensor)"), max3_indices, "The same, and where it is."},
    {"avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, bool ceil_mode=False, bool "
     "count_include_pad=True) -> Tensor",
     avg1, "Average of each window of one dimension."},
    {AVG_SCHEMA("avg_pool2d", "2"), avg2, "Average of each window of two dimensions."},
    {AVG_SCHEMA("avg_pool3d", "3"), avg3, "Average of each window of three dimensions."},
    {"adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor", adaptive_avg1, "Averages to a given size."},
    {"adaptive_avg_pool2d(Tensor self, int[2] output_size) -> Tensor", adaptive_avg2, "Averages to a given size."},
    {"_adaptive_avg_pool2d(Tensor self, int[2] output_size) -> Tensor", adaptive_avg2, "Averages to a given size."},
    {"_adaptive_avg_pool3d(Tensor self, int[3] output_size) -> Tensor", adaptive_avg3, "Averages to a given size."},
    {"max_pool2d_with_indices_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride, int[2] "
     "padding, int[2] dilation, bool ceil_mode, Tensor indices) -> Tensor",
     max2_gradient, "The input's gradient of max_pool2d."},
    {"avg_pool2d_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride, int[2] padding, bool "
     "ceil_mode, bool count_include_pad, int? divisor_override) -> Tensor",
     avg2_gradient, "The input's gradient of avg_pool2d."},
    {"_adaptive_avg_pool2d_backward(Tensor grad_output, Tensor self) -> Tensor", adaptive2_gradient,
     "The input's gradient of adaptive_avg_pool2d."},
    {"_adaptive_avg_pool3d_backward(Tensor grad_output, Tensor self) -> Tensor", adaptive3_gradient,
     "The input's gradient of adaptive_avg_pool3d."},
    {"adaptive_avg_pool3d(Tensor self, int[3] output_size) -> Tensor", adaptive_avg3, "Averages to a given size."},
    {"adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)", adaptive_max1,
     "Maxima to a given size."},
    {"adaptive_max_pool2d(Tensor self, int[2] output_size) -> (Tensor, Tensor)", adaptive_max2,
     "Maxima to a given size."},
    {"adaptive_max_pool3d(Tensor self, int[3] output_size) -> (Tensor, Tensor)", adaptive_max3,
     "Maxima to a given size."},
    {0},
};
