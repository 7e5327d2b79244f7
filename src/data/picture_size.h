/* Floor 7. Pictures in another size. */
#ifndef FACULA_PICTURE_SIZE_H
#define FACULA_PICTURE_SIZE_H

#include "image_file.h"

/* The picture as planes, uint8 [channels, height, width]: resized bilinearly, averaging where it becomes smaller, as
 * torchvision's Resize of a tensor with antialias, unless it has that size. */
bool fac__picture_planes(const fac__picture *p, int64_t height, int64_t width, unsigned char *out);

#endif
