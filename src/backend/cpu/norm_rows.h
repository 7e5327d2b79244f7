/* Floor 1. What norm_cpu.c is made of, in each instruction set: loops over a run of elements, and over the columns of a few
 * rows. */
#ifndef FACULA_NORM_ROWS_H
#define FACULA_NORM_ROWS_H

#include "backend/cpu/isa/isa.h"

/* Columns at most that the column loops take. */
enum { FAC__NORM_COLUMNS = 64 };

typedef struct fac__norm_rows {
    /* of n elements in a row */
    double (*sum)(const void *x, int64_t n);
    double (*deviations)(const void *x, double mean, int64_t n); /* sum of (x - mean)^2 */
    /* sums of dy and of dy * (x - mean), added to out[0], out[1]; dy is multiplied by weight[i] first, if there is one */
    void (*dots)(double *out, const void *dy, const void *x, double mean, const void *weight, int64_t n);
    void (*scale)(void *y, const void *x, double mean, double a, double b, int64_t n); /* y = (x - mean) * a + b */
    /* y = (x - mean) * rstd * weight + bias by element; weight and bias may be NULL */
    void (*apply)(void *y, const void *x, double mean, double rstd, const void *weight, const void *bias, int64_t n);
    /* dx = dy * weight[i] * a + (x - mean) * b + c; weight may be NULL */
    void (*back)(void *dx, const void *dy, const void *x, double mean, const void *weight, double a, double b, double c,
                 int64_t n);
    /* of `columns` columns of rows that lie `stride` apart, each column apart */
    void (*column_sums)(double *sum, const void *x, int64_t rows, int64_t stride, int64_t columns);
    void (*column_deviations)(double *sum, const void *x, const double *mean, int64_t rows, int64_t stride,
                              int64_t columns);
    void (*column_dots)(double *sum, double *dot, const void *dy, const void *x, const double *mean, int64_t rows,
                        int64_t stride, int64_t columns);
    /* adds dy to sum and dy * (x - mean[row]) * rstd[row] to dot */
    void (*column_row_dots)(double *sum, double *dot, const void *dy, const void *x, const void *mean, const void *rstd,
                            int64_t rows, int64_t stride, int64_t columns);
    void (*column_scale)(void *y, const void *x, const double *mean, const double *a, const double *b, int64_t rows,
                         int64_t stride, int64_t columns);
    /* dx = dy * a + (x - mean) * b + c */
    void (*column_back)(void *dx, const void *dy, const void *x, const double *mean, const double *a, const double *b,
                        const double *c, int64_t rows, int64_t stride, int64_t columns);
} fac__norm_rows;

FAC__ISA_DECLARE(extern const fac__norm_rows, fac__norm_rows_float, );
FAC__ISA_DECLARE(extern const fac__norm_rows, fac__norm_rows_double, );

#endif
