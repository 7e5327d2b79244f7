/* Floor 7. ONNX's convolutions, and what they share with poolings. */
#include <stdio.h>

#include "core/raise.h"
#include "facula/ops_conv.h"
#include "facula/ops_join.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"
#include "onnx_dims.h"
#include "onnx_windows.h"

typedef fac__onnx_operator row;
typedef fac__onnx_loader loader;
typedef fac__onnx_saver saver;

/* ---- windows ---------------------------------------------------------------------------------------------------- */

/* Of an attribute that is given for each dimension, and otherwise this. */
fac_dims fac__onnx_spread(fac_dims given, int spatial, int64_t otherwise)
{
    if (given.n == spatial) return given;
    fac_dims d = {.n = spatial};
    for (int i = 0; i < spatial; i++)
        d.d[i] = otherwise;
    return d;
}

void fac__onnx_pads(loader *l, int spatial, fac_dims *begin, fac_dims *end)
{
    fac_dims both = fac__onnx_spread(fac__onnx_list(l, "pads"), 2 * spatial, 0);
    *begin = fac_dims_make(spatial, both.d);
    *end = fac_dims_make(spatial, both.d + spatial);
}

bool fac__onnx_fit(const loader *l, const char *what, const fac_dims *d, int64_t least)
{
    for (int i = 0; i < d->n; i++)
        if (d->d[i] < least || d->d[i] > INT32_MAX)
            return fac__onnx_error(l, "%s of %lld cannot be read", what, (long long)d->d[i]);
    return true;
}

fac__onnx_auto fac__onnx_auto_pad(loader *l)
{
    static const char *const words[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    const char *word = fac__onnx_word(l, "auto_pad", "NOTSET");
    for (int i = 0; i < 4; i++)
        if (!strcmp(word, words[i])) return (fac__onnx_auto)i;
    return fac__onnx_error(l, "auto_pad=%.40s is not known", word), FAC__ONNX_AUTO_UNKNOWN;
}

void fac__onnx_same(fac__onnx_auto how, int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t *begin,
                    int64_t *end)
{
    int64_t out = (in + stride - 1) / stride, total = (out - 1) * stride + (kernel - 1) * dilation + 1 - in;
    if (total < 0) total = 0;
    *begin = how == FAC__ONNX_SAME_UPPER ? total / 2 : total - total / 2;
    *end = total - *begin;
}

const char *fac__onnx_by_dimensions(const char *base, int spatial, char *out, size_t room)
{
    snprintf(out, room, "%s%dd", base, spatial);
    return out;
}

/* The kernel's dimensions: those of the attribute, or of the weight. */
int fac__onnx_spatial_of(loader *l, fac_dims *kernel)
{
    *kernel = fac__onnx_list(l, "kernel_shape");
    fac_tensor *w = kernel->n < 0 ? fac__onnx_known(l, 1) : NULL;
    if (w && w->ndim > 2) *kernel = fac_dims_make(w->ndim - 2, w->shape + 2);
    const fac__onnx_name *given = kernel->n < 0 ? fac__onnx_input(l, 1) : NULL;
    if (given && given->shape.n > 2) *kernel = fac_dims_make(given->shape.n - 2, given->shape.d + 2);
    if (kernel->n >= 1 && kernel->n <= 3) return kernel->n;
    return fac__onnx_error(l, "its kernel has %d dimensions", kernel->n < 0 ? 0 : kernel->n), 0;
}

/* ---- convolution ------------------------------------------------------------------------------------------------- */

/* x, kernel, strides, dilations, how: padded as auto_pad says, which depends on its size. */
static int same_padding(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor;
    const int64_t *kernel = args[1].v.ints.items, *stride = args[2].v.ints.items, *dilation = args[3].v.ints.items;
    int spatial = (int)args[1].v.ints.count;
    fac_dims order = {.n = 2 * spatial}; /* PyTorch's: pairs, from the last dimension on */
    if (fac_dim(x) != spatial + 2) return fac__value_error("its input has %d dimensions", fac_dim(x)), -1;
    for (int i = 0; i < spatial; i++)
        fac__onnx_same((fac__onnx_auto)fac_scalar_to_int(args[4].v.scalar), fac_size(x, 2 + i), kernel[i], stride[i],
                       dilation[i], &order.d[2 * (spatial - 1 - i)], &order.d[2 * (spatial - 1 - i) + 1]);
    return fac__onnx_one_result(fac_pad(x, order, "constant", 0), results);
}

/* ONNX pads both ends by themselves. Where they differ, the input is padded before, and x is replaced. */
static bool take_padding(loader *l, int spatial, fac_dims kernel, fac_dims strides, fac_dims dilations, fac__term *x,
                         fac_dims *pads)
{
    fac_dims end, order = {.n = 2 * spatial};
    bool even = true;
    fac__onnx_auto how = fac__onnx_auto_pad(l);
    if (how == FAC__ONNX_AUTO_UNKNOWN) return false;
    fac__onnx_pads(l, spatial, pads, &end);
    if (!fac__onnx_fit(l, "a kernel", &kernel, 1) || !fac__onnx_fit(l, "a stride", &strides, 1) ||
        !fac__onnx_fit(l, "a dilation", &dilations, 1) || !fac__onnx_fit(l, "a pad", pads, INT32_MIN) ||
        !fac__onnx_fit(l, "a pad", &end, INT32_MIN))
        return false;
    if (how == FAC__ONNX_VALID) *pads = fac__onnx_spread((fac_dims){.n = -1}, spatial, 0), end = *pads;
    if (how == FAC__ONNX_SAME_UPPER || how == FAC__ONNX_SAME_LOWER) {
        *pads = fac__onnx_spread((fac_dims){.n = -1}, spatial, 0);
        *x = fac__term_value(fac__onnx_function(l, "auto_pad", same_padding, *x, fac__term_dims(&kernel),
                                                fac__term_dims(&strides), fac__term_dims(&dilations),
                                                fac__term_int(how)));
        return x->value >= 0;
    }
    for (int i = 0; i < spatial; i++) {
        even &= pads->d[i] == end.d[i];
        order.d[2 * (spatial - 1 - i)] = pads->d[i];
        order.d[2 * (spatial - 1 - i) + 1] = end.d[i];
    }
    if (even) return true;
    *pads = fac__onnx_spread((fac_dims){.n = -1}, spatial, 0);
    *x = fac__term_value(fac__onnx_call(l, "constant_pad_nd", *x, fac__term_dims(&order), fac__term_float(0)));
    return x->value >= 0;
}

static bool load_conv(loader *l, const row *r)
{
    (void)r;
    fac_dims kernel, pads;
    char op[32];
    int spatial = fac__onnx_spatial_of(l, &kernel);
    if (!spatial) return false;
    fac_dims strides = fac__onnx_spread(fac__onnx_list(l, "strides"), spatial, 1);
    fac_dims dilations = fac__onnx_spread(fac__onnx_list(l, "dilations"), spatial, 1);
    fac__term x = fac__onnx_arg(l, 0);
    if (!take_padding(l, spatial, kernel, strides, dilations, &x, &pads)) return false;
    return fac__onnx_result(l, 0,
                            fac__onnx_call(l, fac__onnx_by_dimensions("conv", spatial, op, sizeof op), x,
                                           fac__onnx_arg(l, 1), fac__onnx_arg(l, 2), fac__term_dims(&strides),
                                           fac__term_dims(&pads), fac__term_dims(&dilations),
                                           fac__term_int(fac__onnx_int(l, "group", 1))));
}

/* x, w, bias, strides, dilations, output_padding, groups, begins, ends, output_shape, how: both ends are cut by themselves. */
static int transposed(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    fac_tensor *x = args[0].v.tensor, *w = args[1].v.tensor;
    fac_dims d[7]; /* strides, dilations, more, groups, begins, ends, shape */
    for (int i = 0; i < 7; i++)
        if (!fac__onnx_dims_of(&args[3 + i], &d[i])) return -1;
    fac_conv_options o = fac_conv_options_defaults();
    o.strides = d[0];
    o.dilations = d[1];
    o.groups = d[3].d[0];
    int spatial = d[0].n;
    fac__onnx_auto how = (fac__onnx_auto)fac_scalar_to_int(args[10].v.scalar);
    fac_tensor *y = spatial == 1   ? fac_conv_transpose1d_with(x, w, NULL, o)
                    : spatial == 2 ? fac_conv_transpose2d_with(x, w, NULL, o)
                                   : fac_conv_transpose3d_with(x, w, NULL, o);
    fac_dims order = {.n = 2 * spatial}, channels = {.n = spatial + 1};
    if (y && fac_dim(x) != spatial + 2) return fac__value_error("its input has %d dimensions", fac_dim(x)), -1;
    if (!y) return -1;
    for (int i = 0; i < spatial; i++) {
        int64_t have = fac_size(y, 2 + i), want = d[6].n == spatial ? d[6].d[i] : fac_size(x, 2 + i) * d[0].d[i];
        int64_t begin = d[4].d[i], end = d[5].d[i] - d[2].d[i];
        if (d[6].n == spatial || how == FAC__ONNX_SAME_UPPER || how == FAC__ONNX_SAME_LOWER) {
            int64_t total = have + d[2].d[i] - want;
            begin = how == FAC__ONNX_SAME_UPPER ? total / 2 : total - total / 2;
            if (total < 0) begin = 0; /* what is missing is behind */
            end = have - want - begin;
        }
        order.d[2 * (spatial - 1 - i)] = -begin;
        order.d[2 * (spatial - 1 - i) + 1] = -end;
        channels.d[1 + i] = 1;
    }
    channels.d[0] = -1;
    y = fac_pad(y, order, "constant", 0);
    if (y && args[2].kind == FAC_VALUE_TENSOR) y = fac_add(y, fac_reshape(args[2].v.tensor, channels));
    return fac__onnx_one_result(y, results);
}

static bool load_conv_transpose(loader *l, const row *r)
{
    fac_dims kernel, pads, end, shape = fac__onnx_list(l, "output_shape");
    char op[32];
    int spatial = fac__onnx_spatial_of(l, &kernel);
    fac__onnx_auto how = fac__onnx_auto_pad(l);
    if (!spatial || how == FAC__ONNX_AUTO_UNKNOWN) return false;
    fac_dims strides = fac__onnx_spread(fac__onnx_list(l, "strides"), spatial, 1);
    fac_dims dilations = fac__onnx_spread(fac__onnx_list(l, "dilations"), spatial, 1);
    fac_dims more = fac__onnx_spread(fac__onnx_list(l, "output_padding"), spatial, 0);
    fac__onnx_pads(l, spatial, &pads, &end);
    if (shape.n > spatial) shape = fac_dims_make(spatial, shape.d + shape.n - spatial);
    if (!fac__onnx_fit(l, "a stride", &strides, 1) || !fac__onnx_fit(l, "a dilation", &dilations, 1) ||
        !fac__onnx_fit(l, "an output_padding", &more, 0) || !fac__onnx_fit(l, "a pad", &pads, INT32_MIN) ||
        !fac__onnx_fit(l, "a pad", &end, INT32_MIN) || !fac__onnx_fit(l, "an output_shape", &shape, 0))
        return false;
    bool plain = shape.n < 0 && how == FAC__ONNX_PADS && !memcmp(pads.d, end.d, (size_t)spatial * sizeof *pads.d);
    fac__term group = fac__term_int(fac__onnx_int(l, "group", 1)), x = fac__onnx_arg(l, 0), w = fac__onnx_arg(l, 1);
    if (plain)
        return fac__onnx_result(l, 0,
                                fac__onnx_call(l, fac__onnx_by_dimensions("conv_transpose", spatial, op, sizeof op), x,
                                               w, fac__onnx_arg(l, 2), fac__term_dims(&strides), fac__term_dims(&pads),
                                               fac__term_dims(&more), group, fac__term_dims(&dilations)));
    if (shape.n < 0) shape.n = 0;
    return fac__onnx_result(l, 0,
                            fac__onnx_function(l, r->onnx, transposed, x, w, fac__onnx_arg(l, 2),
                                               fac__term_dims(&strides), fac__term_dims(&dilations),
                                               fac__term_dims(&more), group, fac__term_dims(&pads),
                                               fac__term_dims(&end), fac__term_dims(&shape), fac__term_int(how)));
}

/* The i-th argument, a number or one for each dimension. */
bool fac__onnx_window_at(saver *s, int i, int spatial, fac_dims *out)
{
    if (!fac__onnx_dims_at(s, i, out)) return false;
    if (out->n == 1) *out = fac__onnx_spread((fac_dims){.n = -1}, spatial, out->d[0]);
    return out->n == spatial || fac__onnx_cannot(s, "argument %d has %d sizes", i, out->n);
}

void fac__onnx_give_pads(saver *s, const fac_dims *begin, const fac_dims *end)
{
    int64_t both[2 * FAC_MAX_DIMS];
    for (int i = 0; i < begin->n; i++) {
        both[i] = begin->d[i];
        both[begin->n + i] = end->d[i];
    }
    fac__onnx_give_ints(s, "pads", both, 2 * begin->n);
}

const char *fac__onnx_put_batched(saver *s, const char *x)
{
    const char *axis = x ? fac__onnx_put_ints(s, (int64_t[]){0}, 1) : NULL;
    return axis ? fac__onnx_node(s, "Unsqueeze", x, axis) : NULL;
}

const char *fac__onnx_put_unbatched(saver *s, const char *x)
{
    const char *axis = x ? fac__onnx_put_ints(s, (int64_t[]){0}, 1) : NULL;
    return axis ? fac__onnx_node(s, "Squeeze", x, axis) : NULL;
}

static bool save_conv(saver *s, const row *r)
{
    fac_tensor *w = fac__onnx_tensor_at(s, 1);
    bool back = !strcmp(r->onnx, "ConvTranspose");
    int spatial = w->ndim - 2;
    fac_dims stride, pad, pad_end, dilation, more = {.n = 0};
    int64_t groups;
    const fac__trace_arg *named = fac__trace_arg_at(fac__onnx_saved(s), 4);
    if (!fac__onnx_window_at(s, 3, spatial, &stride) || !fac__onnx_window_at(s, back ? 7 : 5, spatial, &dilation) ||
        !fac__onnx_int_at(s, 6, &groups) || (back && !fac__onnx_window_at(s, 5, spatial, &more)))
        return false;
    if (named->value.kind == FAC_VALUE_STRING) {
        bool same = !strcmp(named->value.v.string, "same");
        pad = pad_end = fac__onnx_spread((fac_dims){.n = -1}, spatial, 0);
        for (int i = 0; i < spatial && same; i++) {
            int64_t total = dilation.d[i] * (w->shape[2 + i] - 1);
            pad.d[i] = total / 2;
            pad_end.d[i] = total - total / 2;
        }
    } else {
        if (!fac__onnx_window_at(s, 4, spatial, &pad)) return false;
        pad_end = pad;
    }
    const char *y =
        fac__onnx_node(s, r->onnx, fac__onnx_name_at(s, 0), fac__onnx_name_at(s, 1), fac__onnx_name_at(s, 2));
    fac__onnx_give_ints(s, "kernel_shape", w->shape + 2, spatial);
    fac__onnx_give_ints(s, "strides", stride.d, spatial);
    fac__onnx_give_pads(s, &pad, &pad_end);
    fac__onnx_give_ints(s, "dilations", dilation.d, spatial);
    fac__onnx_give_int(s, "group", groups);
    if (back) fac__onnx_give_ints(s, "output_padding", more.d, spatial);
    return fac__onnx_is(s, 0, y);
}

/* ---- the rows ----------------------------------------------------------------------------------------------------- */

const fac__onnx_operator fac__onnx_windows[] = {
    {"Conv", "conv1d", load_conv, save_conv},
    {"Conv", "conv2d", load_conv, save_conv},
    {"Conv", "conv3d", load_conv, save_conv},
    {"ConvTranspose", "conv_transpose1d", load_conv_transpose, save_conv},
    {"ConvTranspose", "conv_transpose2d", load_conv_transpose, save_conv},
    {"ConvTranspose", "conv_transpose3d", load_conv_transpose, save_conv},
    {NULL, NULL, NULL, NULL},
};
