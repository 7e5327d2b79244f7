/* Floor 1. An image or a volume at the places that a grid names. */
#ifndef FACULA_GRID_H
#define FACULA_GRID_H

#include "kernel.h"

typedef enum fac__grid_mode { FAC__GRID_LINEAR, FAC__GRID_NEAREST, FAC__GRID_CUBIC } fac__grid_mode;
typedef enum fac__grid_padding { FAC__GRID_ZEROS, FAC__GRID_BORDER, FAC__GRID_REFLECTION } fac__grid_padding;

/* x [n, c, in], grid [n, points, spatial] with the last axis first, y [n, c, points]; all contiguous, float32 or float64. */
typedef struct fac__grid_args {
    fac_dtype dtype;
    fac__grid_mode mode;
    fac__grid_padding padding;
    bool align_corners;
    int spatial; /* 2: in[0] is 1 */
    int64_t n, c, in[3], points;
    const void *x, *grid, *dy;
    void *y, *dx, *dgrid; /* of the gradients either may be NULL */
} fac__grid_args;
extern const fac__kernel fac__k_grid;          /* writes y */
extern const fac__kernel fac__k_grid_backward; /* reads dy; writes all of dx and dgrid */

#endif
