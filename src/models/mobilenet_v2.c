/* Floor 6. MobileNetV2: Sandler et al., Inverted Residuals and Linear Bottlenecks, 2018. After
 * torchvision.models.mobilenetv2. */
#include <math.h>

#include "facula/ops_conv.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"
#include "models/image_model.h"
#include "nn/layer.h"

/* A convolution, batch normalisation and ReLU6: a Sequential by another name. */
static fac_module *conv(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t groups)
{
    static const fac_module_type type = {
        .name = "Conv2dNormActivation", .size = sizeof(fac_module), .forward = fac__sequential_forward};
    fac_module *m = fac_module_new(&type);
    if (!m) return NULL;
    fac_append(
        m, fac_nn_conv2d(in, out, kernel, .stride = stride, .padding = kernel / 2, .groups = groups, .bias = false));
    fac_append(m, fac_nn_batch_norm2d(out));
    fac_append(m, fac_nn_relu6(.inplace = true));
    return m;
}

/* ---- a block: widens, filters each channel by itself, narrows ----------------------------------------------- */

typedef struct inverted {
    fac_module base;
    bool adds; /* what comes in is added to what goes out */
    fac_module *conv;
} inverted;

static fac_tensor *inverted_forward(fac_module *self, fac_tensor *x)
{
    inverted *b = (inverted *)self;
    fac_tensor *y = fac_forward(b->conv, x);
    return b->adds ? fac_add(x, y) : y;
}

static fac_module *inverted_new(int64_t in, int64_t out, int64_t stride, int64_t widening)
{
    static const fac_module_type type = {
        .name = "InvertedResidual", .size = sizeof(inverted), .forward = inverted_forward};
    inverted *b = fac_module_new(&type);
    if (!b) return NULL;
    b->adds = stride == 1 && in == out;
    fac_module *all = fac_nn_sequential();
    if (widening != 1) fac_append(all, conv(in, in * widening, 1, 1, 1));
    fac_append(all, conv(in * widening, in * widening, 3, stride, in * widening));
    fac_append(all, fac_nn_conv2d(in * widening, out, 1, .bias = false));
    fac_append(all, fac_nn_batch_norm2d(out));
    fac_add_child(b, conv, all);
    return fac_module_ready(b);
}

/* ---- the network -------------------------------------------------------------------------------------------- */

typedef struct mobilenet {
    fac_module base;
    fac_module *features, *classifier;
} mobilenet;

static fac_tensor *forward(fac_module *self, fac_tensor *x)
{
    mobilenet *net = (mobilenet *)self;
    x = fac_adaptive_avg_pool2d(fac_forward(net->features, x), 1);
    return fac_forward(net->classifier, x ? fac_flatten(x, 1, -1) : NULL);
}

/* The nearest multiple of 8, but not less than nine tenths of what it is of. */
static int64_t channels_of(double wanted)
{
    int64_t n = (int64_t)(wanted + 4) / 8 * 8;
    if (n < 8) n = 8;
    return (double)n < 0.9 * wanted ? n + 8 : n;
}

static fac_module *features(int64_t in_channels, double by, int64_t last)
{
    static const struct {
        int widening, channels, count, stride; /* of the first of them */
    } stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                  {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    int64_t channels = channels_of(32 * by);
    fac_module *all = fac_nn_sequential(conv(in_channels, channels, 3, 2, 1));
    for (size_t s = 0; s < sizeof stages / sizeof *stages; s++)
        for (int i = 0; i < stages[s].count; i++) {
            int64_t out = channels_of(stages[s].channels * by);
            fac_append(all, inverted_new(channels, out, i ? 1 : stages[s].stride, stages[s].widening));
            channels = out;
        }
    fac_append(all, conv(channels, last, 1, 1, 1));
    return all;
}

fac_module *fac_mobilenet_v2_with(fac_image_model_options o)
{
    FAC__OP("MobileNetV2");
    static const fac_module_type type = {.name = "MobileNetV2", .size = sizeof(mobilenet), .forward = forward};
    if (!fac__image_model_complete(&o)) return NULL;
    if (isnan(o.dropout)) o.dropout = 0.2;
    int64_t last = channels_of(1280 * fmax(1, o.width_mult));
    mobilenet *net = fac_module_new(&type);
    if (!net) return NULL;
    fac_add_child(net, features, features(o.in_channels, o.width_mult, last));
    fac_add_child(net, classifier,
                  fac_nn_sequential(fac_nn_dropout(.p = o.dropout), fac_nn_linear(last, o.num_classes)));
    fac__image_model_init(&net->base, 0.01);
    return fac_module_ready(net);
}
