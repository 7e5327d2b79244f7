/* Floor 6. What the networks for images share. */
#ifndef FACULA_IMAGE_MODEL_H
#define FACULA_IMAGE_MODEL_H

#include "core/raise.h"
#include "facula/init.h"
#include "facula/models.h"
#include "facula/nn.h"

/* Gives what is not given its default, of torchvision's networks; NULL-safe errors: false, with an error, for numbers that
 * make no sense. */
bool fac__image_model_complete(fac_image_model_options *options);

/* How torchvision's networks begin: convolutions normal by their fan out. With a deviation for them, Linear layers are normal
 * too, and all biases 0; with 0 they stay as they are. Batch normalisation is at its 1 and 0 already. */
void fac__image_model_init(fac_module *net, double linear_deviation);

#endif
