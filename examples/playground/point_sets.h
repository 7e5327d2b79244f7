/* The sets of points of the playground, by the seed of the random numbers. The program that the playground prints holds the function it
 * needs, as it stands here: a piece between two blank lines. labels gets [n, 1], 0 or 1 by turns; the result is [n, 2]. */
#ifndef POINT_SETS_H
#define POINT_SETS_H

#include <facula/facula.h>
#include <math.h>

static fac_tensor *by_turns(int64_t n)
{
    return fac_unsqueeze(fac_remainder_scalar(fac_arange(0, n, 1, .dtype = FAC_FLOAT32), 2), 1);
}

static fac_tensor *around(fac_tensor *angle)
{
    return fac_cat(FAC_TENSORS(fac_cos(angle), fac_sin(angle)), 1);
}

static fac_tensor *with_noise(fac_tensor *points, double noise)
{
    return fac_add(points, fac_mul_scalar(fac_randn(fac_shape(points)), noise));
}

/* A square whose quarters are XOR's cases. */
static fac_tensor *cloud(int64_t n, double noise, fac_tensor **labels)
{
    fac_tensor *points = fac_sub_scalar(fac_mul_scalar(fac_rand(FAC_SHAPE(n, 2)), 2.0), 1.0);
    fac_tensor *product = fac_mul(fac_narrow(points, 1, 0, 1), fac_narrow(points, 1, 1, 1));
    *labels = fac_to(fac_lt_scalar(product, 0), FAC_FLOAT32);
    return with_noise(points, noise);
}

/* A ring within a ring. */
static fac_tensor *circles(int64_t n, double noise, fac_tensor **labels)
{
    *labels = by_turns(n);
    fac_tensor *radius = fac_add_scalar(fac_mul_scalar(*labels, 0.5), 0.4);
    fac_tensor *angle = fac_mul_scalar(fac_rand(FAC_SHAPE(n, 1)), 2 * M_PI);
    return with_noise(fac_mul(radius, around(angle)), noise);
}

/* Two arms that wind around each other, one and a half times. */
static fac_tensor *spirals(int64_t n, double noise, fac_tensor **labels)
{
    *labels = by_turns(n);
    fac_tensor *radius = fac_sqrt(fac_rand(FAC_SHAPE(n, 1)));
    fac_tensor *angle = fac_add(fac_mul_scalar(radius, 3 * M_PI), fac_mul_scalar(*labels, M_PI));
    return with_noise(fac_mul(radius, around(angle)), noise);
}

/* Two half circles, each with an end inside the other. */
static fac_tensor *moons(int64_t n, double noise, fac_tensor **labels)
{
    *labels = by_turns(n);
    fac_tensor *side = fac_rsub_scalar(fac_mul_scalar(*labels, 2), 1);
    fac_tensor *arc = around(fac_mul_scalar(fac_rand(FAC_SHAPE(n, 1)), M_PI));
    fac_tensor *centre = fac_literal("[[0.5, 0.25]]");
    return with_noise(fac_mul_scalar(fac_mul(side, fac_sub(arc, centre)), 0.75), noise);
}

/* Two heaps. */
static fac_tensor *gaussians(int64_t n, double noise, fac_tensor **labels)
{
    *labels = by_turns(n);
    fac_tensor *centre = fac_sub_scalar(*labels, 0.5);
    return with_noise(fac_cat(FAC_TENSORS(centre, centre), 1), 0.15 + noise);
}

#endif
