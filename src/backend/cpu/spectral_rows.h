/* Floor 1. What the decompositions of spectral_cpu.c are made of: loops over rows of doubles, in isa/spectral_rows.c. */
#ifndef FACULA_SPECTRAL_ROWS_H
#define FACULA_SPECTRAL_ROWS_H

#include "backend/cpu/isa/isa.h"

typedef struct fac__spectral_rows {
    double (*dot)(const double *a, const double *b, int64_t n);
    void (*add_scaled)(double *a, const double *b, double by, int64_t n); /* a += by * b */
    void (*rotate)(double *a, double *b, double c, double s, int64_t n);  /* a, b = c a - s b, s a + c b */
} fac__spectral_rows;

FAC__ISA_DECLARE(extern const fac__spectral_rows, fac__spectral_rows, );

#endif
