/* Floor 7. What datasets of pictures share: bytes that become floats, and named classes. */
#ifndef FACULA_IMAGES_H
#define FACULA_IMAGES_H

#include "facula/data.h"
#include "text_list.h"

/* The 256 values that a byte of each channel can stand for. */
typedef float fac__pixel_table[256];

/* For fac__free; NULL after an error. */
fac__pixel_table *fac__pixel_tables(int64_t channels, const fac_image_options *options);
/* An image [channels, size]: scaled by the tables, or, where there are none, copied. */
void fac__pixels_scale(const fac__pixel_table *tables, const unsigned char *from, void *to, int64_t channels,
                       int64_t size);

/* fac_image_dataset of classes that have names. The names are the dataset's from then on, whether or not it fails. */
fac_dataset *fac__image_dataset(fac_tensor *pixels, fac_tensor *labels, fac_image_options options, fac__texts *names);

#endif
