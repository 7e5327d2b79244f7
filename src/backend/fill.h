/* Floor 1. Kernels that fill contiguous memory: ranges of numbers, random numbers, triangles of matrices. */
#ifndef FACULA_FILL_H
#define FACULA_FILL_H

#include "facula/random.h"
#include "kernel.h"

/* arange: start + i * step. linspace: from start to end in n - 1 equal steps; logspace: base to such a power. Integer
 * dtypes use the .i of the numbers in arange, floating ones the .f; linspace and logspace always take .f, but integer
 * dtypes cut start and end to integers. Rounding is that of PyTorch's loops over vectors of 32 bytes. */
typedef enum fac__range_kind { FAC__ARANGE, FAC__LINSPACE, FAC__LOGSPACE } fac__range_kind;
typedef struct fac__range_args {
    fac__range_kind kind;
    fac_dtype dtype;
    int64_t n;
    union {
        int64_t i;
        double f;
    } start, step, end;
    double base, given; /* of logspace; given: start as it was, which a single element takes */
    void *out;
} fac__range_args;
extern const fac__kernel fac__k_range;

/* The fills of core/draws.h. */
typedef enum fac__random_kind {
    FAC__UNIFORM, /* from a to b */
    FAC__NORMAL,  /* mean a, standard deviation b */
    FAC__NORMAL_EACH,
    FAC__INTEGERS, /* low to high - 1 */
    FAC__FULL_RANGE,
    FAC__PERMUTATION,
    FAC__BERNOULLI,      /* a */
    FAC__BERNOULLI_EACH, /* p, of p_dtype, n of them */
    FAC__EXPONENTIAL,    /* a */
    FAC__POISSON,        /* p: rates, of dtype */
    FAC__BINOMIAL        /* counts and p, of dtype */
} fac__random_kind;
typedef struct fac__random_args {
    fac__random_kind kind;
    fac_generator *generator; /* NULL: the default one */
    fac_dtype dtype;
    void *out;
    int64_t n;
    double a, b;
    int64_t low, high;
    fac_dtype p_dtype;
    const void *p, *counts;
} fac__random_args;
extern const fac__kernel fac__k_random;

/* tril, triu: matrices of which one side of a diagonal becomes 0. x and out are [batch, rows, columns], elements of
 * `size` bytes; they may be the same memory. */
typedef struct fac__triangle_args {
    bool upper; /* keep columns >= row + diagonal, else columns <= row + diagonal */
    int64_t diagonal, batch, rows, columns;
    size_t size;
    const void *x;
    void *out;
} fac__triangle_args;
extern const fac__kernel fac__k_triangle;

#endif
