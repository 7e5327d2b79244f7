/* Floor 5. Convolutions as modules: one implementation, a row for each number of dimensions and direction. */
#include <stdio.h>
#include <string.h>

#include "facula/ops_conv.h"
#include "facula/ops_join.h"
#include "nn/layer.h"

typedef fac_tensor *(*convolve)(fac_tensor *x, fac_tensor *w, fac_tensor *b, fac_conv_options options);

typedef struct form {
    fac_module_type type;
    int dims;
    bool transposed;
    convolve run;
} form;

typedef struct conv {
    fac_module base;
    const form *form;
    int64_t in_channels, out_channels;
    fac_dims kernel;
    fac_conv_options options; /* with one number for each dimension */
    const char *padding_mode; /* one of the constants below */
    fac_tensor *weight, *bias;
} conv;

static const char *const padding_modes[] = {"zeros", "reflect", "replicate", "circular"};

/* ---- forward ------------------------------------------------------------------------------------------------ */

/* What fac_pad is to add, the last dimension first, where the convolution itself adds nothing. */
static fac_dims padding_of(const conv *c)
{
    fac_dims pad = {.n = 2 * c->form->dims};
    for (int i = 0; i < c->form->dims; i++) {
        int64_t *at = &pad.d[2 * (c->form->dims - 1 - i)], both;
        at[0] = at[1] = c->options.padding_name ? 0 : c->options.paddings.d[i];
        if (!c->options.padding_name || strcmp(c->options.padding_name, "same")) continue;
        if (__builtin_mul_overflow(c->options.dilations.d[i], c->kernel.d[i] - 1, &both)) both = INT64_MAX;
        at[0] = both / 2;
        at[1] = both - both / 2;
    }
    return pad;
}

static fac_tensor *forward(fac_module *self, fac_tensor *x)
{
    conv *c = (conv *)self;
    if (c->padding_mode == padding_modes[0]) return c->form->run(x, c->weight, c->bias, c->options);
    fac_conv_options inside = c->options;
    inside.padding_name = NULL;
    for (int i = 0; i < inside.paddings.n; i++)
        inside.paddings.d[i] = 0;
    return c->form->run(fac_pad(x, padding_of(c), c->padding_mode, 0), c->weight, c->bias, inside);
}

/* ---- printing ----------------------------------------------------------------------------------------------- */

static bool all_are(fac_dims d, int64_t v)
{
    for (int i = 0; i < d.n; i++)
        if (d.d[i] != v) return false;
    return true;
}

static int extra_repr(const fac_module *self, char *text, size_t size)
{
    const conv *c = (const conv *)self;
    const fac_conv_options *o = &c->options;
    char tuple[FAC__TUPLE_ROOM], rest[1024] = "", *p = rest;
    char kernel[FAC__TUPLE_ROOM], stride[FAC__TUPLE_ROOM];
    if (o->padding_name)
        p += sprintf(p, ", padding=%s", o->padding_name);
    else if (!all_are(o->paddings, 0))
        p += sprintf(p, ", padding=%s", fac__python_tuple(o->paddings, tuple));
    if (!all_are(o->dilations, 1)) p += sprintf(p, ", dilation=%s", fac__python_tuple(o->dilations, tuple));
    if (!all_are(o->output_paddings, 0))
        p += sprintf(p, ", output_padding=%s", fac__python_tuple(o->output_paddings, tuple));
    if (o->groups != 1) p += sprintf(p, ", groups=%lld", (long long)o->groups);
    if (!c->bias) p += sprintf(p, ", bias=False");
    if (c->padding_mode != padding_modes[0]) p += sprintf(p, ", padding_mode=%s", c->padding_mode);
    return snprintf(text, size, "%lld, %lld, kernel_size=%s, stride=%s%s", (long long)c->in_channels,
                    (long long)c->out_channels, fac__python_tuple(c->kernel, kernel),
                    fac__python_tuple(o->strides, stride), rest);
}

/* ---- making ------------------------------------------------------------------------------------------------- */

/* One number for each dimension: those given, or the one for all. */
static bool spread(const char *name, fac_dims many, int64_t one, int n, fac_dims *out)
{
    if (many.n >= 0 && many.n != n && many.n != 1)
        return fac__value_error("%s takes 1 or %d numbers, not %d", name, n, many.n), false;
    out->n = n;
    for (int i = 0; i < n; i++)
        out->d[i] = many.n < 0 ? one : many.d[many.n == 1 ? 0 : i];
    return true;
}

static const char *known(const char *const *words, int count, const char *word)
{
    for (int i = 0; word && i < count; i++)
        if (!strcmp(words[i], word)) return words[i];
    return NULL;
}

static bool settle(conv *c, fac_dims kernel, const fac_nn_conv_options *o)
{
    static const char *const padding_names[] = {"same", "valid"};
    int n = c->form->dims;
    fac_conv_options *to = &c->options;
    *to = fac_conv_options_defaults();
    to->groups = o->groups;
    if (!spread("kernel", kernel, 0, n, &c->kernel) || !spread("stride", o->strides, o->stride, n, &to->strides) ||
        !spread("padding", o->paddings, o->padding, n, &to->paddings) ||
        !spread("dilation", o->dilations, o->dilation, n, &to->dilations) ||
        !spread("output_padding", o->output_paddings, o->output_padding, n, &to->output_paddings))
        return false;
    if (o->groups < 1) return fac__value_error("groups must be a positive integer"), false;
    if (c->in_channels % o->groups) return fac__value_error("in_channels must be divisible by groups"), false;
    if (c->out_channels % o->groups) return fac__value_error("out_channels must be divisible by groups"), false;
    if (o->padding_name && !(to->padding_name = known(padding_names, 2, o->padding_name)))
        return fac__value_error("Invalid padding string '%s', should be one of {'same', 'valid'}", o->padding_name),
               false;
    if (o->padding_name && !strcmp(o->padding_name, "same") && !all_are(to->strides, 1))
        return fac__value_error("padding='same' is not supported for strided convolutions"), false;
    c->padding_mode = known(padding_modes, 4, o->padding_mode);
    if (!c->padding_mode)
        return fac__value_error("padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, but got "
                                "padding_mode='%s'",
                                o->padding_mode ? o->padding_mode : "None"),
               false;
    if (c->form->transposed && c->padding_mode != padding_modes[0])
        return fac__value_error("Only \"zeros\" padding mode is supported for %s", c->form->type.name), false;
    return true;
}

static fac_module *make(const form *f, int64_t in, int64_t out, fac_dims kernel, const fac_nn_conv_options *o)
{
    FAC__OP(f->type.name);
    conv *c = fac_module_new(&f->type);
    if (!c) return NULL;
    c->form = f;
    c->in_channels = in;
    c->out_channels = out;
    if (!settle(c, kernel, o)) return fac_module_free(c), NULL;
    fac_dims shape = {.n = f->dims + 2};
    shape.d[0] = f->transposed ? in : out;
    shape.d[1] = (f->transposed ? out : in) / o->groups;
    memcpy(shape.d + 2, c->kernel.d, (size_t)f->dims * sizeof *shape.d);
    FAC__PARAMETER_OF(c, weight, shape, o->dtype);
    if (o->bias) FAC__PARAMETER_OF(c, bias, FAC_DIMS(out), o->dtype);
    fac__init_weight_and_bias(c->weight, c->bias);
    return fac_module_ready(c);
}

#define FORM(id, title, dims, transposed)                                                                              \
    fac_module *fac_nn_##id##_with(int64_t in, int64_t out, fac_dims kernel, fac_nn_conv_options options)              \
    {                                                                                                                  \
        static const form f = {                                                                                        \
            {.name = title, .size = sizeof(conv), .forward = forward, .extra_repr = extra_repr},                       \
            dims,                                                                                                      \
            transposed,                                                                                                \
            fac_##id##_with,                                                                                           \
        };                                                                                                             \
        return make(&f, in, out, kernel, &options);                                                                    \
    }
FORM(conv1d, "Conv1d", 1, false)
FORM(conv2d, "Conv2d", 2, false)
FORM(conv3d, "Conv3d", 3, false)
FORM(conv_transpose1d, "ConvTranspose1d", 1, true)
FORM(conv_transpose2d, "ConvTranspose2d", 2, true)
FORM(conv_transpose3d, "ConvTranspose3d", 3, true)
