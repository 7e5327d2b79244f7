/* Floor 6. ResNet: He et al., Deep Residual Learning for Image Recognition, 2015. After torchvision.models.resnet. */
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"
#include "models/image_model.h"

/* A convolution without bias, as all here are. */
static fac_module *conv(int64_t in, int64_t out, int64_t kernel, int64_t stride)
{
    return fac_nn_conv2d(in, out, kernel, .stride = stride, .padding = kernel / 2, .bias = false);
}

/* ---- a block: two convolutions (BasicBlock) or three (Bottleneck), added to what comes in ------------------- */

typedef struct block {
    fac_module base;
    fac_module *conv1, *bn1, *conv2, *bn2, *conv3, *bn3, *relu, *downsample;
} block;

static fac_tensor *block_forward(fac_module *self, fac_tensor *x)
{
    block *b = (block *)self;
    fac_tensor *y = fac_forward(b->relu, fac_forward(b->bn1, fac_forward(b->conv1, x)));
    y = fac_forward(b->bn2, fac_forward(b->conv2, y));
    if (b->conv3) y = fac_forward(b->bn3, fac_forward(b->conv3, fac_forward(b->relu, y)));
    return fac_forward(b->relu, fac_add_(y, b->downsample ? fac_forward(b->downsample, x) : x));
}

static const fac_module_type basic = {.name = "BasicBlock", .size = sizeof(block), .forward = block_forward};
static const fac_module_type bottleneck = {.name = "Bottleneck", .size = sizeof(block), .forward = block_forward};

/* What a block of that type gives for each of its inner channels. */
static int64_t expansion(const fac_module_type *type)
{
    return type == &bottleneck ? 4 : 1;
}

static fac_module *block_new(const fac_module_type *type, int64_t in, int64_t channels, int64_t stride, bool zero)
{
    int64_t out = channels * expansion(type);
    fac_module *shortcut = NULL; /* made first, as torchvision draws it first */
    if (stride != 1 || in != out) shortcut = fac_nn_sequential(conv(in, out, 1, stride), fac_nn_batch_norm2d(out));
    block *b = fac_module_new(type);
    if (!b) {
        fac_module_free(shortcut);
        return NULL;
    }
    if (type == &basic) {
        fac_add_child(b, conv1, conv(in, channels, 3, stride));
        fac_add_child(b, bn1, fac_nn_batch_norm2d(channels));
        fac_add_child(b, relu, fac_nn_relu(.inplace = true));
        fac_add_child(b, conv2, conv(channels, channels, 3, 1));
        fac_add_child(b, bn2, fac_nn_batch_norm2d(channels));
    } else {
        fac_add_child(b, conv1, conv(in, channels, 1, 1));
        fac_add_child(b, bn1, fac_nn_batch_norm2d(channels));
        fac_add_child(b, conv2, conv(channels, channels, 3, stride));
        fac_add_child(b, bn2, fac_nn_batch_norm2d(channels));
        fac_add_child(b, conv3, conv(channels, out, 1, 1));
        fac_add_child(b, bn3, fac_nn_batch_norm2d(out));
        fac_add_child(b, relu, fac_nn_relu(.inplace = true));
    }
    if (stride != 1 || in != out) fac_add_child(b, downsample, shortcut);
    if (zero) fac_init_zeros_(fac_get_parameter(b->conv3 ? b->bn3 : b->bn2, "weight"));
    return fac_module_ready(b);
}

/* ---- the network -------------------------------------------------------------------------------------------- */

typedef struct resnet {
    fac_module base;
    fac_module *conv1, *bn1, *relu, *maxpool, *layer1, *layer2, *layer3, *layer4, *avgpool, *fc;
} resnet;

static fac_tensor *forward(fac_module *self, fac_tensor *x)
{
    resnet *net = (resnet *)self;
    x = fac_forward(net->maxpool, fac_forward(net->relu, fac_forward(net->bn1, fac_forward(net->conv1, x))));
    x = fac_forward(net->layer2, fac_forward(net->layer1, x));
    x = fac_forward(net->avgpool, fac_forward(net->layer4, fac_forward(net->layer3, x)));
    return fac_forward(net->fc, x ? fac_flatten(x, 1, -1) : NULL);
}

/* Blocks of which the first may halve the size. */
static fac_module *layer(const fac_module_type *type, int64_t in, int64_t channels, int count, int64_t stride,
                         bool zero)
{
    fac_module *all = fac_nn_sequential(block_new(type, in, channels, stride, zero));
    for (int i = 1; i < count; i++)
        fac_append(all, block_new(type, channels * expansion(type), channels, 1, zero));
    return all;
}

static fac_module *make(const fac_module_type *block, const int *counts, fac_image_model_options o)
{
    FAC__OP("ResNet");
    static const fac_module_type type = {.name = "ResNet", .size = sizeof(resnet), .forward = forward};
    if (!fac__image_model_complete(&o)) return NULL;
    const int64_t by = expansion(block);
    const bool zero = o.zero_init_residual;
    resnet *net = fac_module_new(&type);
    if (!net) return NULL;
    fac_add_child(net, conv1, o.small_images ? conv(o.in_channels, 64, 3, 1) : conv(o.in_channels, 64, 7, 2));
    fac_add_child(net, bn1, fac_nn_batch_norm2d(64));
    fac_add_child(net, relu, fac_nn_relu(.inplace = true));
    fac_add_child(net, maxpool, o.small_images ? fac_nn_identity() : fac_nn_max_pool2d(3, .stride = 2, .padding = 1));
    fac_add_child(net, layer1, layer(block, 64, 64, counts[0], 1, zero));
    fac_add_child(net, layer2, layer(block, 64 * by, 128, counts[1], 2, zero));
    fac_add_child(net, layer3, layer(block, 128 * by, 256, counts[2], 2, zero));
    fac_add_child(net, layer4, layer(block, 256 * by, 512, counts[3], 2, zero));
    fac_add_child(net, avgpool, fac_nn_adaptive_avg_pool2d(FAC_DIMS(1, 1)));
    fac_add_child(net, fc, fac_nn_linear(512 * by, o.num_classes));
    fac__image_model_init(&net->base, 0);
    return fac_module_ready(net);
}

#define RESNET(id, block, ...)                                                                                         \
    fac_module *fac_##id##_with(fac_image_model_options options)                                                       \
    {                                                                                                                  \
        return make(&block, (const int[]){__VA_ARGS__}, options);                                                      \
    }
RESNET(resnet18, basic, 2, 2, 2, 2)
RESNET(resnet34, basic, 3, 4, 6, 3)
RESNET(resnet50, bottleneck, 3, 4, 6, 3)
RESNET(resnet101, bottleneck, 3, 4, 23, 3)
RESNET(resnet152, bottleneck, 3, 8, 36, 3)
