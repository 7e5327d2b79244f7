/* Floor 6. LeNet-5. */
#include "models/image_model.h"

fac_module *fac_lenet_with(fac_image_model_options o)
{
    FAC__OP("lenet");
    if (!o.num_classes) o.num_classes = 10;
    if (!o.in_channels) o.in_channels = 1;
    if (!fac__image_model_complete(&o)) return NULL;
    int64_t left = (o.image_size / 2 - 4) / 2; /* after both convolutions and poolings */
    if (left < 1)
        return fac__value_error("LeNet needs images of 12x12 at least, not %lldx%lld", (long long)o.image_size,
                                (long long)o.image_size);
    return fac_nn_sequential(fac_nn_conv2d(o.in_channels, 6, 5, .padding = 2), fac_nn_relu(), fac_nn_max_pool2d(2),
                             fac_nn_conv2d(6, 16, 5), fac_nn_relu(), fac_nn_max_pool2d(2), fac_nn_flatten(),
                             fac_nn_linear(16 * left * left, 120), fac_nn_relu(), fac_nn_linear(120, 84), fac_nn_relu(),
                             fac_nn_linear(84, o.num_classes));
}
