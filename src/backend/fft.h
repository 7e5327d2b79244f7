/* Floor 1. Fourier transforms of lines: a contract of arrays [outer, size, inner], transformed along the middle. */
#ifndef FACULA_BACKEND_FFT_H
#define FACULA_BACKEND_FFT_H

#include "backend/kernel.h"

typedef enum fac__fft_kind {
    FAC__FFT_C2C, /* pairs to pairs */
    FAC__FFT_R2C, /* real to the first out_size pairs */
    FAC__FFT_C2R, /* the first n / 2 + 1 pairs, mirrored, to real; imaginary parts that must be 0 are taken as 0 */
} fac__fft_kind;

/* Sizes have prime factors up to here, or Bluestein's plan. */
enum { FAC__FFT_LARGEST_FACTOR = 32, FAC__FFT_MAX_FACTORS = 64 };

typedef struct fac__fft_plan {
    int64_t n; /* size that is transformed by mixed radix: the line's, or for Bluestein a power of 2 */
    int count; /* of factors, whose product is n */
    int factors[FAC__FFT_MAX_FACTORS];
    const double *roots;  /* pairs exp(-2 pi i k / n) for k < n */
    const double *chirp;  /* NULL, or pairs exp(-pi i k k / size) for k < size */
    const double *filter; /* the transform of the chirp's conjugate, wrapped around, over n */
} fac__fft_plan;

typedef struct fac__fft_args {
    fac__fft_kind kind;
    fac_dtype dtype; /* of both arrays: float32 or float64 */
    bool forward;
    double scale; /* of the results */
    int64_t outer, size, inner;
    int64_t in_size, out_size; /* of the middle dimension of the arrays; a pair of numbers is one element */
    fac__fft_plan plan;
    const void *in;
    void *out;
} fac__fft_args;

extern const fac__kernel fac__k_fft;

#endif
