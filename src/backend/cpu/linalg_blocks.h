/* Floor 1. What the factorisations are made of, each for one matrix (linalg_blocks.c). */
#ifndef FACULA_LINALG_BLOCKS_H
#define FACULA_LINALG_BLOCKS_H

#include "backend/linalg.h"

enum {
    FAC__LINALG_BLOCK = 64,   /* columns worked on before a matrix product does the rest */
    FAC__REFLECTOR_BLOCK = 32 /* reflectors that go together */
};

/* Runs body over the matrices of a batch; work: multiply-adds of one. */
void fac__each_matrix(int64_t batch, double work, fac__range_body body, const void *args);
/* C [m, n] -= A [m, k] B [k, n]. */
void fac__subtract_product(int64_t m, int64_t n, int64_t k, fac__matrices a, fac__matrices b, fac__matrices c);
/* fac__k_trisolve's work. */
void fac__solve_triangle(int64_t n, int64_t k, fac__matrices a, fac__matrices b, bool upper, bool unit);
/* fac__k_swap_rows's work. */
void fac__swap_rows(const int32_t *pivots, int64_t count, int64_t k, fac__matrices b, bool back);

/* Makes x = (alpha, x[1] .. x[n-1]), spaced by step, a reflector: x[0] becomes what it leaves of x, the rest v; returns
 * tau. */
double fac__make_reflector(int64_t n, double *x, int64_t step);
/* C [m, n] -= tau v (v^T C) with v = (1, v[1] .. v[m-1]) spaced by step; work: m + n numbers, or n where C's columns
 * stand side by side. */
void fac__apply_reflector(int64_t m, int64_t n, const double *v, int64_t step, double tau, fac__matrices c,
                          double *work);
/* The same for k of them, at most FAC__REFLECTOR_BLOCK, in the columns of v, the i-th from row i on: C = H1 .. Hk C, or
 * (back) Hk .. H1 C. work: fac__reflect_work(m, n, k) numbers. */
void fac__apply_reflectors(int64_t m, int64_t n, int64_t k, const double *v, int64_t step, const double *tau,
                           fac__matrices c, bool back, double *work);

static inline fac__matrices fac__matrix_part(fac__matrices a, int64_t i, int64_t j)
{
    a.data += i * a.row + j * a.col;
    return a;
}
static inline fac__matrices fac__flip(fac__matrices a)
{
    return (fac__matrices){a.data, a.col, a.row, a.batch};
}
static inline fac__matrices fac__by_rows(const double *a, int64_t columns)
{
    return (fac__matrices){(double *)a, columns, 1, 0};
}

#endif
