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

/* The fills of core/draws.h. Each is by itself, so that a program links those that its operations name. */
typedef struct fac__random_args fac__random_args;
typedef void (*fac__draw)(const fac__random_args *a);
struct fac__random_args {
    fac__draw draw;
    fac_generator *generator; /* NULL: the default one */
    fac_dtype dtype;
    bool apart; /* elements are not drawn in the order in which memory is to hold them */
    void *out;
    int64_t n;
    double a, b;
    int64_t low, high;
    fac_dtype p_dtype;
    const void *p, *counts;
};
void fac__draw_uniform(const fac__random_args *a);  /* from a to b */
void fac__draw_normal(const fac__random_args *a);   /* mean a, standard deviation b */
void fac__draw_integers(const fac__random_args *a); /* low to high - 1 */
void fac__draw_full_range(const fac__random_args *a);
void fac__draw_permutation(const fac__random_args *a);
void fac__draw_bernoulli(const fac__random_args *a);      /* a */
void fac__draw_bernoulli_each(const fac__random_args *a); /* p, of p_dtype, n of them */
void fac__draw_exponential(const fac__random_args *a);    /* a */
void fac__draw_poisson(const fac__random_args *a);        /* p: rates, of dtype */
void fac__draw_binomial(const fac__random_args *a);       /* counts and p, of dtype */
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
