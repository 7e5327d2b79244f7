/* Floor 6. Networks for images: the table, their keywords, and how their weights begin. */
#include "models/image_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const fac_image_model_row rows[] = {
    {"lenet", fac_lenet_with, "LeNet-5, for images of 28x28"},
    {"vgg11", fac_vgg11_with, "VGG of 11 layers"},
    {"vgg13", fac_vgg13_with, "VGG of 13 layers"},
    {"vgg16", fac_vgg16_with, "VGG of 16 layers"},
    {"vgg19", fac_vgg19_with, "VGG of 19 layers"},
    {"vgg11_bn", fac_vgg11_bn_with, "VGG of 11 layers with batch normalisation"},
    {"vgg13_bn", fac_vgg13_bn_with, "VGG of 13 layers with batch normalisation"},
    {"vgg16_bn", fac_vgg16_bn_with, "VGG of 16 layers with batch normalisation"},
    {"vgg19_bn", fac_vgg19_bn_with, "VGG of 19 layers with batch normalisation"},
    {"resnet18", fac_resnet18_with, "ResNet of 18 layers"},
    {"resnet34", fac_resnet34_with, "ResNet of 34 layers"},
    {"resnet50", fac_resnet50_with, "ResNet of 50 layers"},
    {"resnet101", fac_resnet101_with, "ResNet of 101 layers"},
    {"resnet152", fac_resnet152_with, "ResNet of 152 layers"},
    {"mobilenet_v2", fac_mobilenet_v2_with, "MobileNetV2, small and quick"},
    {NULL, NULL, NULL},
};

const fac_image_model_row *fac_image_models(void)
{
    return rows;
}

fac_module *fac_image_model_with(const char *name, fac_image_model_options options)
{
    FAC__OP("image_model");
    FAC__NEED(name);
    char names[512] = "";
    for (const fac_image_model_row *r = rows; r->name; r++) {
        if (!strcmp(r->name, name)) return r->make(options);
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", *names ? ", " : "", r->name);
    }
    return fac__value_error("there is no model '%s'; there are %s", name, names);
}

bool fac__image_model_complete(fac_image_model_options *o)
{
    if (!o->num_classes) o->num_classes = 1000;
    if (!o->in_channels) o->in_channels = 3;
    if (!o->image_size) o->image_size = 28;
    if (!o->hidden) o->hidden = 4096;
    if (isnan(o->width_mult)) o->width_mult = 1;
    if (o->num_classes < 0 || o->in_channels < 0 || o->image_size < 0 || o->hidden < 0)
        return fac__value_error("num_classes, in_channels, image_size and hidden must be above 0"), false;
    if (!(o->width_mult > 0 && o->width_mult <= 100))
        return fac__value_error("width_mult must be above 0 and at most 100, not %g", o->width_mult), false;
    return true;
}

void fac__image_model_init(fac_module *net, double linear_deviation)
{
    fac_named_tensors all = fac_named_parameters(net);
    if (!all.items) net->failed = true;
    for (int64_t i = 0; i < all.count && !net->failed; i++) {
        fac_tensor *t = all.items[i].tensor;
        const char *dot = strrchr(all.items[i].name, '.');
        if (fac_dim(t) == 4)
            t = fac_init_kaiming_normal_(t, .mode = "fan_out", .nonlinearity = "relu");
        else if (linear_deviation > 0 && fac_dim(t) == 2)
            t = fac_init_normal_(t, 0, linear_deviation);
        else if (linear_deviation > 0 && !strcmp(dot + 1, "bias"))
            t = fac_init_zeros_(t);
        net->failed = !t;
    }
}
