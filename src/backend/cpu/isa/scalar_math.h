#ifndef FACULA_SCALAR_MATH_H
#define FACULA_SCALAR_MATH_H
#include <math.h>
#include <stdint.h>
static inline int64_t fma_i64(int64_t a, int64_t b, int64_t c) { return a*b+c; }
static inline float fma_f32(float a, float b, float c) {
#ifdef __FMA__
 return __builtin_fmaf(a,b,c);
#else
 return (float)((double)a*b+c);
#endif
}
static inline double fma_f64(double a, double b, double c) {
#ifdef __FMA__
 return __builtin_fma(a,b,c);
#else
 return a*b+c;
#endif
}
#define FMA(a,b,c) _Generic((a), float: fma_f32, double: fma_f64, default: fma_i64)(a,b,c)
#define ABS(a) ((a) < 0 ? -(a) : (a))
#define SIGN(a) (((a) > 0) - ((a) < 0))
#define MAX(a,b) ((a) > (b) ? (a) : (b))
#define EXP(a) _Generic((a), float: expf, default: exp)(a)
#define LOG(a) _Generic((a), float: logf, default: log)(a)
#define TANH(a) _Generic((a), float: tanhf, default: tanh)(a)
#endif
