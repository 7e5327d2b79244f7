/* Floor 4. What upsampling's operators (upsample.c) call in resample.c. */
#ifndef FACULA_RESAMPLE_OP_H
#define FACULA_RESAMPLE_OP_H

#include "op.h"

typedef enum fac__resample_kind { FAC__NEAREST, FAC__NEAREST_EXACT, FAC__LINEAR, FAC__CUBIC } fac__resample_kind;

/* kind, align_corners, antialias and spatial are the caller's to set. */
typedef struct fac__resampling {
    fac__resample_kind kind;
    bool align_corners, antialias;
    int spatial;
    fac_dims lead;         /* N and C */
    int64_t in[3], out[3]; /* D, H, W; 1 where there are fewer */
    double factor[3];      /* as given; 0: the sizes tell */
} fac__resampling;

/* x of 2 + spatial dimensions to a size, one number each, or by factors (NULL: none) where size.n < 0. Factors beside a size
 * say how far apart places are. */
fac_tensor *fac__resample(fac_tensor *x, fac__resampling r, fac_dims size, const double *factors);

#endif
