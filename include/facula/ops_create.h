/* Floor 4: making tensors.
 *
 *     fac_zeros(FAC_SHAPE(2, 3))                                   float32, or what fac_set_default_dtype said
 *     fac_zeros(FAC_SHAPE(2, 3), .dtype = FAC_INT64)
 *     fac_rand(FAC_SHAPE(5), .requires_grad = true, .generator = g)
 *     fac_arange(0, 10, 2)                                         int64, as all numbers are integers
 *
 * What is made belongs to the innermost scope and is contiguous; NULL after an error. Random numbers are PyTorch's: the
 * same seed gives the same values. */
#ifndef FACULA_OPS_CREATE_H
#define FACULA_OPS_CREATE_H

#include "facula/random.h"
#include "facula/tensor.h"

FAC_BEGIN

/* Keywords of all functions here. The random ones alone use generator. */
typedef struct fac_create_options {
    fac_dtype dtype; /* NONE: by the rule of the function */
    bool requires_grad;
    fac_generator *generator; /* NULL: the default one */
} fac_create_options;
static inline fac_create_options fac_create_options_defaults(void)
{
    fac_create_options o;
    o.dtype = FAC_DTYPE_NONE;
    o.requires_grad = false;
    o.generator = NULL;
    return o;
}

/* ---- constant ----------------------------------------------------------------------------------------------- */

FAC_API fac_tensor *fac_empty_with(fac_dims shape, fac_create_options options); /* undefined contents */
FAC_API fac_tensor *fac_zeros_with(fac_dims shape, fac_create_options options);
FAC_API fac_tensor *fac_ones_with(fac_dims shape, fac_create_options options);
/* The dtype is by the value's kind: bool, int64 or the default float dtype. */
FAC_API fac_tensor *fac_full_with(fac_dims shape, fac_scalar value, fac_create_options options);
/* 0-d, of the default float dtype whatever the kind of the number. */
FAC_API fac_tensor *fac_scalar_tensor_with(fac_scalar value, fac_create_options options);
/* n by m, 1 on the diagonal. */
FAC_API fac_tensor *fac_eye_with(int64_t n, int64_t m, fac_create_options options);
/* empty with other strides (in elements, not negative): element [i, j] lies at i * stride[0] + j * stride[1]. Strides
 * may overlap. */
FAC_API fac_tensor *fac_empty_strided_with(fac_dims size, fac_dims stride, fac_create_options options);
#define fac_empty_strided(size, stride, ...)                                                                           \
    fac_empty_strided_with(size, stride, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_empty(shape, ...) fac_empty_with(shape, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_zeros(shape, ...) fac_zeros_with(shape, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_ones(shape, ...) fac_ones_with(shape, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_full(shape, value, ...)                                                                                    \
    fac_full_with(shape, FAC_SCALAR(value), FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_scalar_tensor(value, ...)                                                                                  \
    fac_scalar_tensor_with(FAC_SCALAR(value), FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_eye(n, m, ...) fac_eye_with(n, m, FAC_OPTIONS(fac_create_options, __VA_ARGS__))

/* Of self's shape, and dtype unless another is given. */
FAC_API fac_tensor *fac_empty_like_with(fac_tensor *self, fac_create_options options);
FAC_API fac_tensor *fac_zeros_like_with(fac_tensor *self, fac_create_options options);
FAC_API fac_tensor *fac_ones_like_with(fac_tensor *self, fac_create_options options);
FAC_API fac_tensor *fac_full_like_with(fac_tensor *self, fac_scalar value, fac_create_options options);
#define fac_empty_like(x, ...) fac_empty_like_with(x, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_zeros_like(x, ...) fac_zeros_like_with(x, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_ones_like(x, ...) fac_ones_like_with(x, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_full_like(x, value, ...)                                                                                   \
    fac_full_like_with(x, FAC_SCALAR(value), FAC_OPTIONS(fac_create_options, __VA_ARGS__))

/* ---- ranges ------------------------------------------------------------------------------------------------- */

/* start, start + step, … before end. int64 if all three numbers are integers, else the default float dtype. */
FAC_API fac_tensor *fac_arange_with(fac_scalar start, fac_scalar end, fac_scalar step, fac_create_options options);
/* start, start + step, … up to and with end, of the default float dtype. */
FAC_API fac_tensor *fac_range_with(fac_scalar start, fac_scalar end, fac_scalar step, fac_create_options options);
#define fac_range(start, end, step, ...)                                                                               \
    fac_range_with(FAC_SCALAR(start), FAC_SCALAR(end), FAC_SCALAR(step), FAC_OPTIONS(fac_create_options, __VA_ARGS__))
/* `steps` numbers from start to end, both included; base to the power of such numbers (whose last bit may not be
 * PyTorch's). Of the default float dtype. */
FAC_API fac_tensor *fac_linspace_with(fac_scalar start, fac_scalar end, int64_t steps, fac_create_options options);
FAC_API fac_tensor *fac_logspace_with(fac_scalar start, fac_scalar end, int64_t steps, double base,
                                      fac_create_options options);
/* Row and column numbers, [2, count], of the elements on and below (above) that diagonal of a row by col matrix.
 * int64. */
FAC_API fac_tensor *fac_tril_indices_with(int64_t row, int64_t col, int64_t offset, fac_create_options options);
FAC_API fac_tensor *fac_triu_indices_with(int64_t row, int64_t col, int64_t offset, fac_create_options options);
#define fac_arange(start, end, step, ...)                                                                              \
    fac_arange_with(FAC_SCALAR(start), FAC_SCALAR(end), FAC_SCALAR(step), FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_linspace(start, end, steps, ...)                                                                           \
    fac_linspace_with(FAC_SCALAR(start), FAC_SCALAR(end), steps, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_logspace(start, end, steps, base, ...)                                                                     \
    fac_logspace_with(FAC_SCALAR(start), FAC_SCALAR(end), steps, base, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_tril_indices(row, col, offset, ...)                                                                        \
    fac_tril_indices_with(row, col, offset, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_triu_indices(row, col, offset, ...)                                                                        \
    fac_triu_indices_with(row, col, offset, FAC_OPTIONS(fac_create_options, __VA_ARGS__))

/* ---- windows of signals (signal_windows.c) ---------------------------------------------------------------------- */

typedef struct fac_window_options {
    bool periodic;      /* true: the window is a period of its continuation; false: symmetric */
    double alpha, beta; /* hamming: alpha - beta cos, 0.54 and 0.46; kaiser: beta 12 */
    fac_dtype dtype;    /* floating; NONE: the default one */
    bool requires_grad;
} fac_window_options;
static inline fac_window_options fac_window_options_defaults(void)
{
    fac_window_options o;
    o.periodic = true;
    o.alpha = o.beta = -1; /* the function's own */
    o.dtype = FAC_DTYPE_NONE;
    o.requires_grad = false;
    return o;
}
/* The usual bells of that length: 1-d, at most 1. F. J. Harris, On the use of windows for harmonic analysis with the
 * discrete Fourier transform, Proc. IEEE 66, 1978. */
FAC_API fac_tensor *fac_bartlett_window_with(int64_t window_length, fac_window_options options);
FAC_API fac_tensor *fac_blackman_window_with(int64_t window_length, fac_window_options options);
FAC_API fac_tensor *fac_hamming_window_with(int64_t window_length, fac_window_options options);
FAC_API fac_tensor *fac_hann_window_with(int64_t window_length, fac_window_options options);
FAC_API fac_tensor *fac_kaiser_window_with(int64_t window_length, fac_window_options options);
#define fac_bartlett_window(n, ...) fac_bartlett_window_with(n, FAC_OPTIONS(fac_window_options, __VA_ARGS__))
#define fac_blackman_window(n, ...) fac_blackman_window_with(n, FAC_OPTIONS(fac_window_options, __VA_ARGS__))
#define fac_hamming_window(n, ...) fac_hamming_window_with(n, FAC_OPTIONS(fac_window_options, __VA_ARGS__))
#define fac_hann_window(n, ...) fac_hann_window_with(n, FAC_OPTIONS(fac_window_options, __VA_ARGS__))
#define fac_kaiser_window(n, ...) fac_kaiser_window_with(n, FAC_OPTIONS(fac_window_options, __VA_ARGS__))

/* ---- C arrays ----------------------------------------------------------------------------------------------- */

/* A copy of an array of that dtype's elements, row-major: fac_from_array(data, FAC_FLOAT32, FAC_SHAPE(2, 3)). */
FAC_API fac_tensor *fac_from_array(const void *data, fac_dtype dtype, fac_dims shape);
/* The array itself, which must outlive the tensor. drop(context), if drop is not NULL, is called when no tensor uses
 * it any more (not when the call fails). */
FAC_API fac_tensor *fac_from_blob(void *data, fac_dtype dtype, fac_dims shape, void (*drop)(void *context),
                                  void *context);

/* ---- random ------------------------------------------------------------------------------------------------- */

/* Evenly from [0, 1); normal with mean 0 and standard deviation 1. Floating dtypes only. */
FAC_API fac_tensor *fac_rand_with(fac_dims shape, fac_create_options options);
FAC_API fac_tensor *fac_randn_with(fac_dims shape, fac_create_options options);
/* Integers low <= value < high; int64 unless said otherwise. */
FAC_API fac_tensor *fac_randint_with(int64_t low, int64_t high, fac_dims shape, fac_create_options options);
/* 0..n-1 in random order; int64 unless said otherwise. */
FAC_API fac_tensor *fac_randperm_with(int64_t n, fac_create_options options);
/* Normal numbers of that mean and standard deviation. */
FAC_API fac_tensor *fac_normal_with(double mean, double std, fac_dims shape, fac_create_options options);
#define fac_rand(shape, ...) fac_rand_with(shape, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_randn(shape, ...) fac_randn_with(shape, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_randint(low, high, shape, ...)                                                                             \
    fac_randint_with(low, high, shape, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_randperm(n, ...) fac_randperm_with(n, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_normal(mean, std, shape, ...)                                                                              \
    fac_normal_with(mean, std, shape, FAC_OPTIONS(fac_create_options, __VA_ARGS__))

FAC_API fac_tensor *fac_rand_like_with(fac_tensor *self, fac_create_options options);
FAC_API fac_tensor *fac_randn_like_with(fac_tensor *self, fac_create_options options);
FAC_API fac_tensor *fac_randint_like_with(fac_tensor *self, int64_t low, int64_t high, fac_create_options options);
#define fac_rand_like(x, ...) fac_rand_like_with(x, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_randn_like(x, ...) fac_randn_like_with(x, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_randint_like(x, low, high, ...)                                                                            \
    fac_randint_like_with(x, low, high, FAC_OPTIONS(fac_create_options, __VA_ARGS__))

/* 1 with the probability that self's element (a float in [0, 1]) says, else 0. */
FAC_API fac_tensor *fac_bernoulli_with(fac_tensor *self, fac_create_options options);
/* The same with one probability for all; the result has self's shape and dtype. */
FAC_API fac_tensor *fac_bernoulli_p_with(fac_tensor *self, double p, fac_create_options options);
/* Normal numbers whose mean, standard deviation, or both come from tensors (which broadcast). */
FAC_API fac_tensor *fac_normal_mean_with(fac_tensor *mean, double std, fac_create_options options);
FAC_API fac_tensor *fac_normal_std_with(double mean, fac_tensor *std, fac_create_options options);
FAC_API fac_tensor *fac_normal_tensor_with(fac_tensor *mean, fac_tensor *std, fac_create_options options);
/* How often what happens self's element (>= 0) times on average did happen; how many of count tries (each with probability
 * prob, of count's shape) were lucky. In the dtype of self, of count. */
FAC_API fac_tensor *fac_poisson_with(fac_tensor *self, fac_create_options options);
FAC_API fac_tensor *fac_binomial_with(fac_tensor *count, fac_tensor *prob, fac_create_options options);
#define fac_poisson(x, ...) fac_poisson_with(x, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_binomial(count, prob, ...) fac_binomial_with(count, prob, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_bernoulli(x, ...) fac_bernoulli_with(x, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_bernoulli_p(x, p, ...) fac_bernoulli_p_with(x, p, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_normal_mean(mean, std, ...) fac_normal_mean_with(mean, std, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_normal_std(mean, std, ...) fac_normal_std_with(mean, std, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_normal_tensor(mean, std, ...)                                                                              \
    fac_normal_tensor_with(mean, std, FAC_OPTIONS(fac_create_options, __VA_ARGS__))

/* num_samples numbers of categories, int64, drawn by the weights (not negative, and not all 0) in a vector or in each row
 * of a matrix; without replacement each at most once. Keyword generator. */
FAC_API fac_tensor *fac_multinomial_with(fac_tensor *self, int64_t num_samples, bool replacement,
                                         fac_create_options options);
#define fac_multinomial(x, num_samples, replacement, ...)                                                              \
    fac_multinomial_with(x, num_samples, replacement, FAC_OPTIONS(fac_create_options, __VA_ARGS__))

/* Filled anew in place; they return self. Of the keywords only generator counts. A tensor whose elements do not lie
 * in a row draws in the order of memory, as PyTorch does. */
FAC_API fac_tensor *fac_uniform_with_(fac_tensor *self, double from, double to, fac_create_options options);
FAC_API fac_tensor *fac_normal_with_(fac_tensor *self, double mean, double std, fac_create_options options);
FAC_API fac_tensor *fac_exponential_with_(fac_tensor *self, double lambda, fac_create_options options);
FAC_API fac_tensor *fac_bernoulli_with_(fac_tensor *self, double p, fac_create_options options);
FAC_API fac_tensor *fac_bernoulli_tensor_with_(fac_tensor *self, fac_tensor *p, fac_create_options options);
/* Integers from <= value < to, which must fit the dtype. */
FAC_API fac_tensor *fac_random_with_(fac_tensor *self, int64_t from, int64_t to, fac_create_options options);
/* All integers the dtype can hold, from 0 up. */
FAC_API fac_tensor *fac_random_full_with_(fac_tensor *self, fac_create_options options);
#define fac_uniform_(x, from, to, ...) fac_uniform_with_(x, from, to, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_normal_(x, mean, std, ...) fac_normal_with_(x, mean, std, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_exponential_(x, lambda, ...) fac_exponential_with_(x, lambda, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_bernoulli_(x, p, ...) fac_bernoulli_with_(x, p, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_bernoulli_tensor_(x, p, ...) fac_bernoulli_tensor_with_(x, p, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_random_(x, from, to, ...) fac_random_with_(x, from, to, FAC_OPTIONS(fac_create_options, __VA_ARGS__))
#define fac_random_full_(x, ...) fac_random_full_with_(x, FAC_OPTIONS(fac_create_options, __VA_ARGS__))

FAC_END
#endif
