/* Floor 5. Resampling, shuffling and windows as modules. */
#include <stdio.h>
#include <string.h>

#include "facula/ops_conv.h"
#include "facula/ops_image.h"
#include "nn/layer.h"

/* A number as it was given: alone, or as a tuple. */
static const char *one_or_tuple(fac_dims many, int64_t one, char *text)
{
    if (many.n < 0) many = FAC_DIMS(one);
    if (many.n != 1) return fac__python_tuple(many, text);
    return sprintf(text, "%lld", (long long)many.d[0]), text;
}

/* ---- Upsample ----------------------------------------------------------------------------------------------- */

typedef struct upsample {
    fac_module base;
    fac_interpolate_options options;
    char mode[16];
} upsample;

static fac_tensor *upsample_forward(fac_module *self, fac_tensor *x)
{
    upsample *m = (upsample *)self;
    m->options.mode = m->mode;
    return fac_interpolate_with(x, m->options);
}

static int upsample_repr(const fac_module *self, char *text, size_t size)
{
    const upsample *m = (const upsample *)self;
    const fac_interpolate_options *o = &m->options;
    char sizes[FAC__TUPLE_ROOM], d[32], h[32], w[32];
    fac__python_float(o->scale_d ? o->scale_d : o->scale_factor, d);
    fac__python_float(o->scale_h ? o->scale_h : o->scale_factor, h);
    fac__python_float(o->scale_w ? o->scale_w : o->scale_factor, w);
    if (o->scale_d != 0) return snprintf(text, size, "scale_factor=(%s, %s, %s), mode=%s", d, h, w, m->mode);
    if (o->scale_h != 0) return snprintf(text, size, "scale_factor=(%s, %s), mode=%s", h, w, m->mode);
    if (o->scale_w != 0 || o->scale_factor != 0) return snprintf(text, size, "scale_factor=%s, mode=%s", w, m->mode);
    return snprintf(text, size, "size=%s, mode=%s", one_or_tuple(m->options.size, 0, sizes), m->mode);
}

fac_module *fac_nn_upsample_with(fac_interpolate_options options)
{
    static const fac_module_type type = {
        .name = "Upsample", .size = sizeof(upsample), .forward = upsample_forward, .extra_repr = upsample_repr};
    upsample *m = fac_module_new(&type);
    if (!m) return NULL;
    m->options = options;
    snprintf(m->mode, sizeof m->mode, "%s", options.mode ? options.mode : "");
    return &m->base;
}

/* ---- shuffles ----------------------------------------------------------------------------------------------- */

typedef struct shuffle {
    fac_module base;
    const char *word;
    fac_tensor *(*run)(fac_tensor *x, int64_t number);
    int64_t number;
} shuffle;

static fac_tensor *shuffle_forward(fac_module *self, fac_tensor *x)
{
    return ((shuffle *)self)->run(x, ((shuffle *)self)->number);
}

static int shuffle_repr(const fac_module *self, char *text, size_t size)
{
    const shuffle *m = (const shuffle *)self;
    return snprintf(text, size, "%s=%lld", m->word, (long long)m->number);
}

#define SHUFFLE(id, title, argument)                                                                                   \
    fac_module *fac_nn_##id(int64_t argument)                                                                          \
    {                                                                                                                  \
        static const fac_module_type type = {                                                                          \
            .name = title, .size = sizeof(shuffle), .forward = shuffle_forward, .extra_repr = shuffle_repr};           \
        shuffle *m = fac_module_new(&type);                                                                            \
        if (!m) return NULL;                                                                                           \
        m->word = #argument;                                                                                           \
        m->run = fac_##id;                                                                                             \
        m->number = argument;                                                                                          \
        return &m->base;                                                                                               \
    }
SHUFFLE(pixel_shuffle, "PixelShuffle", upscale_factor)
SHUFFLE(pixel_unshuffle, "PixelUnshuffle", downscale_factor)
SHUFFLE(channel_shuffle, "ChannelShuffle", groups)

/* ---- windows as columns ------------------------------------------------------------------------------------- */

typedef struct windows {
    fac_module base;
    fac_dims kernel, output; /* output: Fold's */
    fac_conv_options options;
} windows;

static fac_tensor *unfold_forward(fac_module *self, fac_tensor *x)
{
    return fac_im2col_with(x, ((windows *)self)->kernel, ((windows *)self)->options);
}

static fac_tensor *fold_forward(fac_module *self, fac_tensor *x)
{
    return fac_col2im_with(x, ((windows *)self)->output, ((windows *)self)->kernel, ((windows *)self)->options);
}

static int windows_repr(const fac_module *self, char *text, size_t size)
{
    const windows *m = (const windows *)self;
    const fac_conv_options *o = &m->options;
    char output[FAC__TUPLE_ROOM], kernel[FAC__TUPLE_ROOM], dilation[FAC__TUPLE_ROOM], padding[FAC__TUPLE_ROOM],
        stride[FAC__TUPLE_ROOM];
    bool fold = m->output.n >= 0;
    return snprintf(text, size, "%s%s%skernel_size=%s, dilation=%s, padding=%s, stride=%s", fold ? "output_size=" : "",
                    fold ? one_or_tuple(m->output, 0, output) : "", fold ? ", " : "",
                    one_or_tuple(m->kernel, 0, kernel), one_or_tuple(o->dilations, o->dilation, dilation),
                    one_or_tuple(o->paddings, o->padding, padding), one_or_tuple(o->strides, o->stride, stride));
}

static fac_module *make(const fac_module_type *type, fac_dims output, fac_dims kernel, const fac_conv_options *options)
{
    windows *m = fac_module_new(type);
    if (!m) return NULL;
    m->output = output;
    m->kernel = kernel;
    m->options = *options;
    return &m->base;
}

fac_module *fac_nn_unfold_with(fac_dims kernel, fac_conv_options options)
{
    static const fac_module_type type = {
        .name = "Unfold", .size = sizeof(windows), .forward = unfold_forward, .extra_repr = windows_repr};
    return make(&type, fac_dims_make(-1, NULL), kernel, &options);
}

fac_module *fac_nn_fold_with(fac_dims output_size, fac_dims kernel, fac_conv_options options)
{
    static const fac_module_type type = {
        .name = "Fold", .size = sizeof(windows), .forward = fold_forward, .extra_repr = windows_repr};
    return make(&type, output_size, kernel, &options);
}
