/* Floor 4. Convolution (facula/ops_conv.h).
 *
 * Three bilinear operations over one geometry: FORWARD (x, w -> y), INPUT (dy, w -> dx) and WEIGHT (dy, x -> dw). The
 * derivatives of each are the other two, so everything can be differentiated any number of times, and a transposed
 * convolution is INPUT in the place of FORWARD. */
#include "backend/conv.h"

#include <stdio.h>
#include <string.h>

#include "facula/ops_conv.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "op.h"
#include "plain.h"
#include "tracing.h"
#include "window.h"

typedef enum role { FORWARD, INPUT, WEIGHT } role;

/* What a node remembers. The pointers in args stay empty. */
typedef struct geometry {
    fac__conv_args args;
    int spatial;
    role role;
} geometry;

/* ---- the three operations ------------------------------------------------------------------------------------ */

static fac_tensor *run(const char *name, geometry geo, role r, fac_tensor *a, fac_tensor *b, fac_tensor *bias);

static fac_tensor *again(const geometry *geo, role r, fac_tensor *a, fac_tensor *b)
{
    return a && b ? run("ConvolutionBackwardBackward0", *geo, r, a, b, NULL) : NULL;
}

/* The sum over everything but dimension 1. */
static fac_tensor *bias_gradient(fac_tensor *g)
{
    fac_dims dims = {.n = 0};
    for (int d = 0; d < g->ndim; d++)
        if (d != 1) dims.d[dims.n++] = d;
    return fac_sum(g, .dims = dims);
}

static void conv_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const geometry *geo = n->params;
    fac_tensor *g = gy[0];
    bool first = fac__wants(n, 0), second = fac__wants(n, 1);
    fac_tensor *b = first ? fac__saved(n, 1) : NULL, *a = second ? fac__saved(n, 0) : NULL;
    switch (geo->role) {
    case FORWARD: /* a = x, b = w */
        if (first) gx[0] = again(geo, INPUT, g, b);
        if (second) gx[1] = again(geo, WEIGHT, g, a);
        break;
    case INPUT: /* a = dy, b = w */
        if (first) gx[0] = again(geo, FORWARD, g, b);
        if (second) gx[1] = again(geo, WEIGHT, a, g);
        break;
    case WEIGHT: /* a = dy, b = x */
        if (first) gx[0] = again(geo, FORWARD, b, g);
        if (second) gx[1] = again(geo, INPUT, a, g);
        break;
    }
    if (fac__wants(n, 2)) gx[2] = bias_gradient(g);
}

static fac_tensor *result_of(const geometry *geo, role r, fac_dtype dtype)
{
    const fac__conv_args *a = &geo->args;
    int64_t shape[5] = {r == WEIGHT ? a->k : a->n, r == FORWARD ? a->k : r == INPUT ? a->c : a->c / a->groups};
    const int64_t *sizes = r == FORWARD ? a->out : r == INPUT ? a->in : a->kernel;
    for (int d = 0; d < geo->spatial; d++)
        shape[2 + d] = sizes[3 - geo->spatial + d];
    return fac__new(dtype, 2 + geo->spatial, shape);
}

/* y += bias along dimension 1. */
static bool add_bias(fac_tensor *y, fac_tensor *bias)
{
    static const fac__program add = {2, 0, 1, 1, {2}, {{FAC__ROW_add_plain, {0, 1}}}};
    int64_t shape[5], strides[5];
    for (int d = 1; d < y->ndim; d++) {
        shape[d] = d == 1 ? y->shape[1] : 1;
        strides[d] = d == 1 ? bias->strides[0] : 1;
    }
    fac_tensor *row = fac__own(fac__new_view(bias, y->ndim - 1, shape + 1, strides + 1, bias->offset));
    return row && fac__run_program(&add, fac__compute_type((fac_dtype)y->dtype), y->ndim, y->shape,
                                   (fac_tensor *[]){y, row}, NULL, &y);
}

/* The values; the caller's reference. */
static fac_tensor *compute(const geometry *geo, role r, fac_tensor *a, fac_tensor *b, fac_tensor *bias)
{
    fac_dtype dtype = (fac_dtype)a->dtype;
    fac_dtype work = fac__compute_type(dtype) == FAC_FLOAT32 ? FAC_FLOAT32 : FAC_FLOAT64;
    fac_tensor *pa = fac__plain(a, work), *pb = fac__plain(b, work), *pbias = fac__plain(bias, work);
    if (!pa || !pb || (bias && !pbias)) return NULL;
    fac_tensor *y = result_of(geo, r, work);
    if (!y) return NULL;
    bool nothing = !a->numel || !b->numel, ok = true;
    if (nothing)
        ok = fac__fill_into(y, fac_scalar_int(0));
    else if (y->numel) {
        fac__conv_args args = geo->args;
        args.dtype = work;
        args.x = r == FORWARD ? fac__data(pa) : r == WEIGHT ? fac__data(pb) : NULL;
        args.w = r == WEIGHT ? NULL : fac__data(pb);
        args.dy = r == FORWARD ? NULL : fac__data(pa);
        args.bias = r == FORWARD && bias ? fac__data(pbias) : NULL;
        *(r == FORWARD ? &args.y : r == INPUT ? &args.dx : &args.dw) = fac__data(y);
        if (r == FORWARD)
            FAC__LAUNCH(fac__k_conv, args);
        else if (r == INPUT)
            FAC__LAUNCH(fac__k_conv_input, args);
        else
            FAC__LAUNCH(fac__k_conv_weight, args);
    }
    if (ok && bias && (r != FORWARD || nothing)) ok = add_bias(y, pbias);
    if (ok && work == dtype) return y;
    fac_tensor *z = ok ? fac__plain(fac__own(y), dtype) : NULL;
    if (!ok) fac_release(y);
    return fac_keep(z);
}

static fac_tensor *run(const char *name, geometry geo, role r, fac_tensor *a, fac_tensor *b, fac_tensor *bias)
{
    fac__node *n = fac__record(name, conv_backward, 1, 2, sizeof geo, a, b, bias);
    geo.role = r;
    if (n && !n->failed) {
        *(geometry *)n->params = geo;
        if (fac__wants(n, 1)) fac__save(n, 0, a);
        if (fac__wants(n, 0)) fac__save(n, 1, b);
    }
    fac_tensor *y = NULL;
    fac_scope
        y = compute(&geo, r, a, b, bias);
    return fac__result(n, y);
}

/* ---- checks, in PyTorch's order and words --------------------------------------------------------------------- */

static bool any_below(const int64_t *v, int64_t limit)
{
    return v[0] < limit || v[1] < limit || v[2] < limit;
}

static bool fill_geometry(geometry *geo, const fac_conv_options *o, bool transposed, int64_t *output_padding)
{
    fac__conv_args *a = &geo->args;
    int s = geo->spatial;
    if (!fac__window_list("stride", o->strides, o->stride, s, 1, a->stride)) return false;
    if (!fac__window_list("padding", o->paddings, o->padding, s, 0, a->pad)) return false;
    if (!fac__window_list("dilation", o->dilations, o->dilation, s, 1, a->dilation)) return false;
    if (!fac__window_list("output_padding", o->output_paddings, o->output_padding, s, 0, output_padding)) return false;
    a->groups = o->groups;
    if (any_below(a->pad, 0)) return fac__runtime_error("negative padding is not supported"), false;
    if (any_below(output_padding, 0)) return fac__runtime_error("negative output_padding is not supported"), false;
    if (any_below(a->stride, 1)) return fac__runtime_error("non-positive stride is not supported"), false;
    if (any_below(a->dilation, 1)) return fac__runtime_error("non-positive dilation is not supported"), false;
    if (a->groups < 1) return fac__runtime_error("non-positive groups is not supported"), false;
    if (a->groups > INT32_MAX) return fac__runtime_error("integer out of range"), false;
    for (int d = 0; d < 3 && transposed; d++)
        if (output_padding[d] >= a->stride[d] && output_padding[d] >= a->dilation[d])
            return fac__runtime_error(
                       "output padding must be smaller than either stride or dilation, but got output_padding_height: "
                       "%lld output_padding_width: %lld stride_height: %lld stride_width: %lld dilation_height: "
                       "%lld dilation_width: %lld",
                       (long long)output_padding[1], (long long)output_padding[2], (long long)a->stride[1],
                       (long long)a->stride[2], (long long)a->dilation[1], (long long)a->dilation[2]),
                   false;
    return true;
}

/* "Given groups=1", or "Given transposed=1", as the messages begin; the text is good until the next call. */
static const char *given(bool transposed, int64_t groups)
{
    char *text = fac__next_text();
    if (transposed) return "transposed=1";
    snprintf(text, FAC__TEXT_ROOM, "groups=%lld", (long long)groups);
    return text;
}

static bool check_channels(const geometry *geo, const fac_tensor *x, const fac_tensor *w, const fac_tensor *bias,
                           bool transposed)
{
    int64_t groups = geo->args.groups, channels = transposed ? w->shape[0] : w->shape[1] * groups;
    int64_t made = transposed ? w->shape[1] * groups : w->shape[0];
    const char *weight = fac__shape_text(w->ndim, w->shape);
    if (w->shape[0] < groups)
        return fac__runtime_error(
                   "Given groups=%lld, expected weight to be at least %lld at dimension 0, but got weight of size %s "
                   "instead",
                   (long long)groups, (long long)groups, weight),
               false;
    if (w->shape[0] % groups)
        return fac__runtime_error(
                   "Given groups=%lld, expected weight to be divisible by %lld at dimension 0, but got weight of size "
                   "[%s] instead",
                   (long long)groups, (long long)groups, weight),
               false;
    if (x->shape[1] != channels)
        return fac__runtime_error(
                   "Given %s, weight of size %s, expected input%s to have %lld channels, but got %lld channels instead",
                   given(transposed, groups), weight, fac__shape_text(x->ndim, x->shape), (long long)channels,
                   (long long)x->shape[1]),
               false;
    if (bias && (bias->ndim != 1 || bias->shape[0] != made))
        return fac__runtime_error(
                   "Given %sweight of size %s, expected bias to be 1-dimensional with %lld elements, but got bias of "
                   "size %s instead",
                   transposed ? "transposed=1, " : "", weight, (long long)made,
                   fac__shape_text(bias->ndim, bias->shape)),
               false;
    for (int d = 2; d < w->ndim; d++)
        if (w->shape[d] < 1)
            return fac__runtime_error("kernel size should be greater than zero, but got kernel_size=%s",
                                      fac__shape_text(geo->spatial, w->shape + 2)),
                   false;
    if (x->dtype != w->dtype)
        return fac__runtime_error("expected scalar type %s but found %s", fac__dtype_word((fac_dtype)x->dtype),
                                  fac__dtype_word((fac_dtype)w->dtype)),
               false;
    if (bias && bias->dtype != x->dtype)
        return fac__runtime_error("Input type (%s) and bias type (%s) should be the same",
                                  fac_dtype_name((fac_dtype)x->dtype), fac_dtype_name((fac_dtype)bias->dtype)),
               false;
    return true;
}

static bool set_padding(geometry *geo, const char *name)
{
    fac__conv_args *a = &geo->args;
    if (!name) return true;
    if (strcmp(name, "same") && strcmp(name, "valid"))
        return fac__runtime_error("Invalid padding string: '%s'", name), false;
    for (int d = 0; d < 3; d++) {
        bool same = name[0] == 's';
        if (same && a->stride[d] != 1)
            return fac__runtime_error("padding='same' is not supported for strided convolutions"), false;
        a->pad[d] = same ? a->dilation[d] * (a->kernel[d] - 1) / 2
                         : 0; /* an odd one more goes to the end: out says so */
    }
    return true;
}

static bool set_output(geometry *geo, const char *padding_name)
{
    fac__conv_args *a = &geo->args;
    int64_t padded[3], span[3];
    bool fits = true;
    for (int d = 0; d < 3; d++) {
        padded[d] = a->in[d] + 2 * a->pad[d];
        span[d] = a->dilation[d] * (a->kernel[d] - 1) + 1;
        if (padding_name && padding_name[0] == 's') padded[d] = a->in[d] + span[d] - 1;
        if (padded[d] < span[d])
            fits = false;
        else
            a->out[d] = (padded[d] - span[d]) / a->stride[d] + 1;
    }
    if (fits) return true;
    return fac__runtime_error(
               "Calculated padded input size per channel: (%s). Kernel size: (%s). Kernel size can't be greater than "
               "actual input size",
               fac__window_text(geo->spatial, padded, " x "), fac__window_text(geo->spatial, span, " x ")),
           false;
}

/* The sizes of a transposed convolution: a convolution from the result back to the input. */
static bool set_transposed(geometry *geo, const int64_t *output_padding)
{
    fac__conv_args *a = &geo->args;
    bool fits = true;
    for (int d = 0; d < 3; d++) {
        a->out[d] = a->in[d];
        a->in[d] = (a->out[d] - 1) * a->stride[d] - 2 * a->pad[d] + a->dilation[d] * (a->kernel[d] - 1) +
                   output_padding[d] + 1;
        if (a->in[d] < 1) fits = false;
    }
    if (fits) return true;
    return fac__runtime_error(
               "Given input size per channel: (%s). Calculated output size per channel: (%s). Output size is too small",
               fac__window_text(geo->spatial, a->out, " x "), fac__window_text(geo->spatial, a->in, " x ")),
           false;
}

static bool geometry_of(geometry *geo, const fac_tensor *x, const fac_tensor *w, const fac_tensor *bias, int spatial,
                        bool transposed, const fac_conv_options *o)
{
    *geo = (geometry){.spatial = spatial};
    fac__conv_args *a = &geo->args;
    int64_t output_padding[3];
    if (w->ndim - 2 != spatial) {
        fac_dims list = o->strides.n > 1 ? o->strides : fac_dims_make(spatial, (int64_t[]){1, 1, 1});
        return fac__runtime_error(
                   "expected stride to be a single integer value or a list of %d values to match the convolution "
                   "dimensions, but got stride=%s",
                   w->ndim - 2, fac__shape_text(list.n, list.d)),
               false;
    }
    if (!fill_geometry(geo, o, transposed, output_padding) || !check_channels(geo, x, w, bias, transposed))
        return false;
    a->n = x->shape[0];
    a->k = w->shape[0];
    a->c = w->shape[1] * a->groups;
    for (int d = 0; d < 3; d++) {
        int s = d - (3 - spatial);
        a->in[d] = s < 0 ? 1 : x->shape[2 + s];
        a->kernel[d] = s < 0 ? 1 : w->shape[2 + s];
    }
    if (!set_padding(geo, o->padding_name)) return false;
    return transposed ? set_transposed(geo, output_padding) : set_output(geo, o->padding_name);
}

static fac_tensor *convolution(fac_tensor *x, fac_tensor *w, fac_tensor *bias, int spatial, bool transposed,
                               const fac_conv_options *o)
{
    geometry geo;
    if (!geometry_of(&geo, x, w, bias, spatial, transposed, o)) return NULL;
    return run("ConvolutionBackward0", geo, transposed ? INPUT : FORWARD, x, w, bias);
}

/* What a trace is told where one number may stand for a list. */
static fac_dims list_of(fac_dims list, int64_t single)
{
    return list.n < 0 ? fac_dims_one(single) : list;
}

static fac_tensor *traced(fac__tracer *tracer, const char *op, fac_tensor *x, fac_tensor *w, fac_tensor *bias,
                          bool transposed, const fac_conv_options *o)
{
    fac_dims stride = list_of(o->strides, o->stride), padding = list_of(o->paddings, o->padding);
    fac_dims dilation = list_of(o->dilations, o->dilation), more = list_of(o->output_paddings, o->output_padding);
    fac_value pads = o->padding_name ? fac_value_string(o->padding_name) : FAC__VALUE(&padding);
    const fac_keyword forward[] = {FAC__ARG(x),  FAC__ARG(w),         FAC__ARG(bias),     FAC__ARG(&stride),
                                   {NULL, pads}, FAC__ARG(&dilation), FAC__ARG(o->groups)};
    const fac_keyword back[] = {FAC__ARG(x),        FAC__ARG(w),     FAC__ARG(bias),      FAC__ARG(&stride),
                                FAC__ARG(&padding), FAC__ARG(&more), FAC__ARG(o->groups), FAC__ARG(&dilation)};
    return fac__traced(tracer, op, transposed ? back : forward, transposed ? 8 : 7);
}

/* With a batch of one where there is none. */
static fac_tensor *batched(fac_tensor *x, fac_tensor *w, fac_tensor *bias, int spatial, bool transposed, const char *op,
                           fac_conv_options o)
{
    FAC__OP(op);
    FAC__NEED(x);
    FAC__NEED(w);
    if (x->ndim == spatial + 2 && fac__tracing()) return traced(fac__tracing(), op, x, w, bias, transposed, &o);
    if (x->ndim == spatial + 2) return convolution(x, w, bias, spatial, transposed, &o);
    if (x->ndim != spatial + 1)
        return fac__runtime_error("Expected %dD (unbatched) or %dD (batched) input to %s, but got input of size: %s",
                                  spatial + 1, spatial + 2, op, fac__shape_text(x->ndim, x->shape));
    fac_tensor *y = fac_unsqueeze(x, 0);
    y = y ? batched(y, w, bias, spatial, transposed, op, o) : NULL;
    return y ? fac_squeeze_dim(y, 0) : NULL;
}

#define CONVOLUTION(name, spatial, transposed)                                                                         \
    fac_tensor *fac_##name##_with(fac_tensor *input, fac_tensor *weight, fac_tensor *bias, fac_conv_options options)   \
    {                                                                                                                  \
        return batched(input, weight, bias, spatial, transposed, #name, options);                                      \
    }
CONVOLUTION(conv1d, 1, false)
CONVOLUTION(conv2d, 2, false)
CONVOLUTION(conv3d, 3, false)
CONVOLUTION(conv_transpose1d, 1, true)
CONVOLUTION(conv_transpose2d, 2, true)
CONVOLUTION(conv_transpose3d, 3, true)

/* ---- by name ------------------------------------------------------------------------------------------------ */

static fac_conv_options keywords(fac_dims strides, fac_dims paddings, const char *padding, fac_dims dilations,
                                 fac_dims output, int64_t groups)
{
    fac_conv_options o = fac_conv_options_defaults();
    o.strides = strides;
    o.paddings = paddings;
    o.padding_name = padding;
    o.dilations = dilations;
    o.output_paddings = output;
    o.groups = groups;
    return o;
}
static const fac_dims none = {.n = -1};
#define PLAIN keywords(L(3), L(4), NULL, L(5), none, I(6))
#define NAMED keywords(L(3), none, STR(4), L(5), none, I(6))
#define TRANSPOSED keywords(L(3), L(4), NULL, L(7), L(5), I(6))

FAC__CALL(conv1d, R(fac_conv1d_with(T(0), T(1), T(2), PLAIN)))
FAC__CALL(conv2d, R(fac_conv2d_with(T(0), T(1), T(2), PLAIN)))
FAC__CALL(conv3d, R(fac_conv3d_with(T(0), T(1), T(2), PLAIN)))
FAC__CALL(conv1d_named, R(fac_conv1d_with(T(0), T(1), T(2), NAMED)))
FAC__CALL(conv2d_named, R(fac_conv2d_with(T(0), T(1), T(2), NAMED)))
FAC__CALL(conv3d_named, R(fac_conv3d_with(T(0), T(1), T(2), NAMED)))
FAC__CALL(transpose1d, R(fac_conv_transpose1d_with(T(0), T(1), T(2), TRANSPOSED)))
FAC__CALL(transpose2d, R(fac_conv_transpose2d_with(T(0), T(1), T(2), TRANSPOSED)))
FAC__CALL(transpose3d, R(fac_conv_transpose3d_with(T(0), T(1), T(2), TRANSPOSED)))

static fac_tensor *any_convolution(fac_tensor *x, fac_tensor *w, fac_tensor *bias, bool transposed, fac_conv_options o)
{
    if (w && (w->ndim < 3 || w->ndim > 5)) return fac__runtime_error("weight should have at least three dimensions");
    static const char *const names[2][3] = {{"conv1d", "conv2d", "conv3d"},
                                            {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}};
    int spatial = w ? w->ndim - 2 : 2;
    return batched(x, w, bias, spatial, transposed, fac__tracing() ? names[transposed][spatial - 1] : "convolution", o);
}
FAC__CALL(any, R(any_convolution(T(0), T(1), T(2), B(6), keywords(L(3), L(4), NULL, L(5), L(7), I(8)))))

/* Gradients of a convolution's input, weight and bias, of which mask says which are wanted. */
static bool gradients(fac_tensor *g, fac_tensor *x, fac_tensor *w, bool transposed, const fac_conv_options *o,
                      const bool *mask, fac_tensor **grads)
{
    FAC__OP("convolution_backward");
    FAC__NEED_OR(g, false);
    FAC__NEED_OR(x, false);
    FAC__NEED_OR(w, false);
    geometry geo;
    int spatial = w->ndim - 2;
    if (spatial < 1 || spatial > 3 || x->ndim != w->ndim)
        return fac__runtime_error("weight should have at least three dimensions, as many as the input"), false;
    if (!geometry_of(&geo, x, w, NULL, spatial, transposed, o)) return false;
    const int64_t *sizes = transposed ? geo.args.in : geo.args.out;
    bool fits = g->ndim == x->ndim && g->dtype == x->dtype && g->shape[0] == x->shape[0] &&
                g->shape[1] == (transposed ? geo.args.c : geo.args.k);
    for (int d = 0; d < spatial && fits; d++)
        fits = g->shape[2 + d] == sizes[3 - spatial + d];
    if (!fits) return fac__runtime_error("grad_output is not of the convolution's shape or dtype"), false;
    if (mask[0] && !(grads[0] = again(&geo, transposed ? FORWARD : INPUT, g, w))) return false;
    if (mask[1] && !(grads[1] = transposed ? again(&geo, WEIGHT, x, g) : again(&geo, WEIGHT, g, x))) return false;
    return !mask[2] || (grads[2] = bias_gradient(g));
}

static int gradients_by_name(const fac_value *args, fac_value *results)
{
    const fac_value *wanted = &args[10];
    fac_conv_options o = keywords(L(4), L(5), NULL, L(6), L(8), I(9));
    fac_tensor *grads[3] = {NULL};
    bool mask[3];
    for (int i = 0; i < 3; i++) {
        const fac_value *v = wanted->kind == FAC_VALUE_LIST && i < wanted->v.list.count ? &wanted->v.list.items[i]
                                                                                        : NULL;
        mask[i] = v && v->kind == FAC_VALUE_SCALAR && fac_scalar_to_int(v->v.scalar);
    }
    bool ok = gradients(T(0), T(1), T(2), B(7), &o, mask, grads);
    for (int i = 0; i < 3; i++)
        results[i] = fac_value_tensor(ok ? grads[i] : NULL); /* None where it was not wanted */
    return 3;
}

#define CONV_SCHEMA(name, n, one, zero)                                                                                \
    name "(Tensor input, Tensor weight, Tensor? bias=None, int[" n "] stride=" one ", int[" n "] padding=" zero        \
         ", int[" n "] dilation=" one ", int groups=1) -> Tensor"
#define NAMED_SCHEMA(name, n, one)                                                                                     \
    name ".padding(Tensor input, Tensor weight, Tensor? bias=None, int[" n "] stride=" one ", str padding=\"valid\""   \
         ", int[" n "] dilation=" one ", int groups=1) -> Tensor"
#define TRANSPOSE_SCHEMA(name, n, one, zero)                                                                           \
    name "(Tensor input, Tensor weight, Tensor? bias=None, int[" n "] stride=" one ", int[" n "] padding=" zero        \
         ", int[" n "] output_padding=" zero ", int groups=1, int[" n "] dilation=" one ") -> Tensor"

const fac__op fac__ops_conv[] = {
    {CONV_SCHEMA("conv1d", "1", "1", "0"), conv1d, "Convolution over one dimension."},
    {CONV_SCHEMA("conv2d", "2", "1", "0"), conv2d, "Convolution over two dimensions."},
    {CONV_SCHEMA("conv3d", "3", "1", "0"), conv3d, "Convolution over three dimensions."},
    {NAMED_SCHEMA("conv1d", "1", "1"), conv1d_named, "The same with padding \"same\" or \"valid\"."},
    {NAMED_SCHEMA("conv2d", "2", "1"), conv2d_named, "The same with padding \"same\" or \"valid\"."},
    {NAMED_SCHEMA("conv3d", "3", "1"), conv3d_named, "The same with padding \"same\" or \"valid\"."},
    {TRANSPOSE_SCHEMA("conv_transpose1d", "1", "1", "0"), transpose1d, "Transposed convolution over one dimension."},
    {TRANSPOSE_SCHEMA("conv_transpose2d.input", "2", "1", "0"), transpose2d,
     "Transposed convolution over two dimensions."},
    {TRANSPOSE_SCHEMA("conv_transpose3d.input", "3", "1", "0"), transpose3d,
     "Transposed convolution over three dimensions."},
    {"convolution(Tensor input, Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, bool "
     "transposed, "
     "int[] output_padding, int groups) -> Tensor",
     any, "Any convolution; the weight says over how many dimensions."},
    {"convolution_backward(Tensor grad_output, Tensor input, Tensor weight, int[]? bias_sizes, int[] stride, int[] "
     "padding, int[] dilation, bool transposed, int[] output_padding, int groups, bool[3] output_mask) -> "
     "(Tensor, Tensor, Tensor)",
     gradients_by_name, "Gradients of a convolution's input, weight and bias."},
    {0},
};
