/* Floor 5. Pooling as modules. */
#include <stdio.h>

#include "nn/layer.h"

typedef enum kind { MAX, AVG, ADAPTIVE } kind;

typedef struct form {
    fac_module_type type;
    kind kind;
    bool tuples; /* printed so even where one number was given */
    fac_tensor *(*run)(fac_tensor *x, fac_dims kernel, fac_pool_options options);
    fac_tensor *(*adapt)(fac_tensor *x, fac_dims size);
} form;

typedef struct pool {
    fac_module base;
    const form *form;
    fac_dims size; /* of the kernel, or of the output */
    fac_pool_options options;
} pool;

static fac_tensor *forward(fac_module *self, fac_tensor *x)
{
    pool *p = (pool *)self;
    return p->form->adapt ? p->form->adapt(x, p->size) : p->form->run(x, p->size, p->options);
}

/* A number as it was given: alone, or as a tuple. */
static const char *one_or_tuple(const pool *p, fac_dims many, int64_t one, char *text)
{
    fac_dims d = many.n < 0 ? FAC_DIMS(one) : many;
    if (p->form->tuples || d.n != 1) return fac__python_tuple(d, text);
    return sprintf(text, "%lld", (long long)d.d[0]), text;
}

static int adaptive_repr(const fac_module *self, char *text, size_t size)
{
    const pool *p = (const pool *)self;
    char sizes[FAC__TUPLE_ROOM], *at = sizes;
    *at = 0;
    for (int i = 0; i < p->size.n && i < FAC_MAX_DIMS; i++) {
        at += sprintf(at, "%s", i ? ", " : "");
        at += p->size.d[i] == FAC_SAME_SIZE ? sprintf(at, "None") : sprintf(at, "%lld", (long long)p->size.d[i]);
    }
    return snprintf(text, size, p->size.n == 1 ? "output_size=%s" : "output_size=(%s)", sizes);
}

static int window_repr(const fac_module *self, char *text, size_t size)
{
    const pool *p = (const pool *)self;
    const fac_pool_options *o = &p->options;
    char kernel[FAC__TUPLE_ROOM], stride[FAC__TUPLE_ROOM], padding[FAC__TUPLE_ROOM], dilation[FAC__TUPLE_ROOM];
    bool whole = o->strides.n < 0 && !o->stride;
    one_or_tuple(p, p->size, 0, kernel);
    one_or_tuple(p, whole ? p->size : o->strides, o->stride, stride);
    one_or_tuple(p, o->paddings, o->padding, padding);
    if (p->form->kind == AVG)
        return snprintf(text, size, "kernel_size=%s, stride=%s, padding=%s", kernel, stride, padding);
    return snprintf(text, size, "kernel_size=%s, stride=%s, padding=%s, dilation=%s, ceil_mode=%s", kernel, stride,
                    padding, one_or_tuple(p, o->dilations, o->dilation, dilation), fac__python_bool(o->ceil_mode));
}

static fac_module *make(const form *f, fac_dims size, const fac_pool_options *options)
{
    pool *p = fac_module_new(&f->type);
    if (!p) return NULL;
    p->form = f;
    p->size = size;
    if (options) p->options = *options;
    p->options.indices = NULL;
    if (f->kind == MAX) p->base.trait = FAC__TAKES_MAXIMA;
    return &p->base;
}

#define TYPE(title, repr)                                                                                              \
    {                                                                                                                  \
        .name = title, .size = sizeof(pool), .forward = forward, .extra_repr = repr                                    \
    }
#define WINDOW(id, title, kind, tuples)                                                                                \
    fac_module *fac_nn_##id##_with(fac_dims kernel, fac_pool_options options)                                          \
    {                                                                                                                  \
        static const form f = {TYPE(title, window_repr), kind, tuples, fac_##id##_with, NULL};                         \
        return make(&f, kernel, &options);                                                                             \
    }
#define ADAPTIVE_AVG(id, title)                                                                                        \
    fac_module *(fac_nn_##id)(fac_dims output_size)                                                                    \
    {                                                                                                                  \
        static const form f = {TYPE(title, adaptive_repr), ADAPTIVE, false, NULL, (fac_##id)};                         \
        return make(&f, output_size, NULL);                                                                            \
    }
#define ADAPTIVE_MAX(id, title)                                                                                        \
    static fac_tensor *id(fac_tensor *x, fac_dims size)                                                                \
    {                                                                                                                  \
        return (fac_##id)(x, size, NULL);                                                                              \
    }                                                                                                                  \
    fac_module *(fac_nn_##id)(fac_dims output_size)                                                                    \
    {                                                                                                                  \
        static const form f = {TYPE(title, adaptive_repr), ADAPTIVE, false, NULL, id};                                 \
        return make(&f, output_size, NULL);                                                                            \
    }
WINDOW(max_pool1d, "MaxPool1d", MAX, false)
WINDOW(max_pool2d, "MaxPool2d", MAX, false)
WINDOW(max_pool3d, "MaxPool3d", MAX, false)
WINDOW(avg_pool1d, "AvgPool1d", AVG, true)
WINDOW(avg_pool2d, "AvgPool2d", AVG, false)
WINDOW(avg_pool3d, "AvgPool3d", AVG, false)
ADAPTIVE_AVG(adaptive_avg_pool1d, "AdaptiveAvgPool1d")
ADAPTIVE_AVG(adaptive_avg_pool2d, "AdaptiveAvgPool2d")
ADAPTIVE_AVG(adaptive_avg_pool3d, "AdaptiveAvgPool3d")
ADAPTIVE_MAX(adaptive_max_pool1d, "AdaptiveMaxPool1d")
ADAPTIVE_MAX(adaptive_max_pool2d, "AdaptiveMaxPool2d")
ADAPTIVE_MAX(adaptive_max_pool3d, "AdaptiveMaxPool3d")
