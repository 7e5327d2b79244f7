/* Floor 6. VGG: Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014. After
 * torchvision.models.vgg. */
#include <math.h>

#include "facula/ops_view.h"
#include "models/image_model.h"

typedef struct vgg {
    fac_module base;
    fac_module *features, *avgpool, *classifier;
} vgg;

static fac_tensor *forward(fac_module *self, fac_tensor *x)
{
    vgg *net = (vgg *)self;
    x = fac_forward(net->avgpool, fac_forward(net->features, x));
    return fac_forward(net->classifier, x ? fac_flatten(x, 1, -1) : NULL);
}

/* Five stages of 3x3 convolutions, each followed by a pooling that halves the size. */
static fac_module *features(const int *convolutions, bool batch_norm, int64_t channels)
{
    static const int64_t widths[] = {64, 128, 256, 512, 512};
    fac_module *all = fac_nn_sequential();
    for (int stage = 0; stage < 5; stage++) {
        for (int i = 0; i < convolutions[stage]; i++) {
            fac_append(all, fac_nn_conv2d(channels, widths[stage], 3, .padding = 1));
            if (batch_norm) fac_append(all, fac_nn_batch_norm2d(widths[stage]));
            fac_append(all, fac_nn_relu(.inplace = true));
            channels = widths[stage];
        }
        fac_append(all, fac_nn_max_pool2d(2, .stride = 2));
    }
    return all;
}

static fac_module *make(const int *convolutions, bool batch_norm, fac_image_model_options o)
{
    FAC__OP("VGG");
    static const fac_module_type type = {.name = "VGG", .size = sizeof(vgg), .forward = forward};
    if (!fac__image_model_complete(&o)) return NULL;
    if (isnan(o.dropout)) o.dropout = 0.5;
    vgg *net = fac_module_new(&type);
    if (!net) return NULL;
    fac_add_child(net, features, features(convolutions, batch_norm, o.in_channels));
    fac_add_child(net, avgpool, fac_nn_adaptive_avg_pool2d(FAC_DIMS(7, 7)));
    fac_add_child(net, classifier,
                  fac_nn_sequential(fac_nn_linear(512 * 7 * 7, o.hidden), fac_nn_relu(.inplace = true),
                                    fac_nn_dropout(.p = o.dropout), fac_nn_linear(o.hidden, o.hidden),
                                    fac_nn_relu(.inplace = true), fac_nn_dropout(.p = o.dropout),
                                    fac_nn_linear(o.hidden, o.num_classes)));
    fac__image_model_init(&net->base, 0.01);
    return fac_module_ready(net);
}

#define VGG(id, batch_norm, ...)                                                                                       \
    fac_module *fac_##id##_with(fac_image_model_options options)                                                       \
    {                                                                                                                  \
        return make((const int[]){__VA_ARGS__}, batch_norm, options);                                                  \
    }
VGG(vgg11, false, 1, 1, 2, 2, 2)
VGG(vgg13, false, 2, 2, 2, 2, 2)
VGG(vgg16, false, 2, 2, 3, 3, 3)
VGG(vgg19, false, 2, 2, 4, 4, 4)
VGG(vgg11_bn, true, 1, 1, 2, 2, 2)
VGG(vgg13_bn, true, 2, 2, 2, 2, 2)
VGG(vgg16_bn, true, 2, 2, 3, 3, 3)
VGG(vgg19_bn, true, 2, 2, 4, 4, 4)
