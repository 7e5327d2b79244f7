/* Floor 1. Loops over rows of doubles for the decompositions. */
#include "backend/cpu/spectral_rows.h"

#define SIMD _Pragma("omp simd")
#define SIMD_TEXT(...) #__VA_ARGS__
#define SIMD_SUM(...) _Pragma(SIMD_TEXT(omp simd reduction(+ : __VA_ARGS__)))
#define EACH for (int64_t i = 0; i < n; i++)

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    SIMD_SUM(sum) EACH sum += a[i] * b[i];
    return sum;
}

static void add_scaled(double *restrict a, const double *restrict b, double by, int64_t n)
{
    SIMD EACH a[i] += by * b[i];
}

static void rotate(double *restrict a, double *restrict b, double c, double s, int64_t n)
{
    SIMD EACH
    {
        double x = a[i], y = b[i];
        a[i] = c * x - s * y;
        b[i] = s * x + c * y;
    }
}

const fac__spectral_rows FAC__ISA(fac__spectral_rows) = {dot, add_scaled, rotate};
