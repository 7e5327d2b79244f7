/* Floor 0. The generator's raw fills: what torch.rand, randn, randint… do on contiguous memory, bit for bit as PyTorch
 * 1.13 on a CPU with AVX2. Operations check arguments and make tensors; nothing here fails. NULL as g is the default
 * one.
 *
 * An engine draw is one 32-bit word; a "wide" draw is two, the first being the high half. */
#ifndef FACULA_RANDOM_INTERNAL_H
#define FACULA_RANDOM_INTERNAL_H

#include "facula/random.h"

enum { FAC__MT_WORDS = 624 };

struct fac_generator {
    uint64_t seed;
    uint32_t words[FAC__MT_WORDS];
    int next;        /* of words, not drawn yet; FAC__MT_WORDS: the next draw makes a new block */
    bool has_normal; /* an element-wise normal draw makes two values: the second waits here */
    double normal;
};

/* Seeds memory of one's own, for a generator that lives on the stack. */
void fac__generator_init(fac_generator *g, uint64_t seed);

/* rand, uniform_: one word an element, its low 24 bits (float16: 11, bfloat16: 8); float64 is wide, 53 bits. */
void fac__random_uniform(fac_generator *g, fac_dtype dtype, void *out, int64_t n, double from, double to);

/* randn, normal_, of contiguous tensors. From 16 elements on: uniform numbers for all, turned to normal ones in groups
 * of 16 (Box-Muller, elements i and i+8), and a last incomplete group made anew together with what precedes it. Below:
 * fac__random_normal_each. */
void fac__random_normal(fac_generator *g, fac_dtype dtype, void *out, int64_t n, double mean, double std);
/* One by one in double precision, two wide draws for two values: what normal_ also does to non-contiguous tensors. */
void fac__random_normal_each(fac_generator *g, fac_dtype dtype, void *out, int64_t n, double mean, double std);

/* randint, random_(from, to): low <= value < high, by remainder. Wide if high - low >= 2^32 and dtype is int64,
 * float64, float32 or bfloat16. The bounds must fit the dtype; of floating dtypes they are narrowed first, as PyTorch
 * does, so that no value rounds to high. */
void fac__random_integers(fac_generator *g, fac_dtype dtype, void *out, int64_t n, int64_t low, int64_t high);
/* random_(): 0 to the largest integer, or to 2^digits for floating dtypes. int64 and float64 are wide. */
void fac__random_full(fac_generator *g, fac_dtype dtype, void *out, int64_t n);
/* randperm: 0..n-1, shuffled from the front; n - 1 words. */
void fac__random_permutation(fac_generator *g, fac_dtype dtype, void *out, int64_t n);

/* bernoulli_(p), and so dropout: a wide draw an element, < p. PyTorch does this without MKL; with MKL it draws
 * otherwise. */
void fac__random_bernoulli(fac_generator *g, fac_dtype dtype, void *out, int64_t n, double p);
/* bernoulli(p) of a tensor: a word an element as a 24-bit float, < p; wide where p is float64. */
void fac__random_bernoulli_tensor(fac_generator *g, fac_dtype dtype, void *out, fac_dtype p_dtype, const void *p,
                                  int64_t n);
/* exponential_(lambda): a wide draw an element, for all floating dtypes. */
void fac__random_exponential(fac_generator *g, fac_dtype dtype, void *out, int64_t n, double lambda);
/* poisson(rates) and binomial(counts, p), element by element, with as many wide draws as each happens to need. Rates of
 * any floating dtype and at least 0; counts and p float32 or float64. random_counts.c. */
void fac__random_poisson(fac_generator *g, fac_dtype dtype, void *out, const void *rates, int64_t n);
void fac__random_binomial(fac_generator *g, fac_dtype dtype, void *out, const void *counts, const void *p, int64_t n);

/* torch.empty((), dtype=int64).random_(): how PyTorch draws a seed from a generator. */
int64_t fac__random_seed(fac_generator *g);

/* The order in which DataLoader(shuffle=…, generator=given) visits n items in one epoch. Each iter(loader) draws
 *   1. the base seed of its workers, by fac__random_seed of `given` (of the default generator where NULL), even without
 *      workers and without shuffling;
 *   2. with shuffle and no generator given, when the first batch is asked for: a seed from the default generator, and
 *      randperm(n) from a new generator of that seed; with a generator given: randperm(n) from that one;
 *   3. when the sampler runs dry (not when the loop is left early): one more randperm(n), of which nothing is used.
 *      This shows only in a given generator; fac__random_loader_end draws it. */
void fac__random_loader_order(fac_generator *given, bool shuffle, int64_t *order, int64_t n);
void fac__random_loader_end(fac_generator *given, bool shuffle, int64_t n);

#endif
