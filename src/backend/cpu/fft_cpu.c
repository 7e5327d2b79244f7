/* Floor 1. Fourier transforms on the CPU: each line is copied into a row of double pairs, transformed forward, and
 * stored; backward is the conjugate of the forward transform of the conjugate. Mixed radix by decimation in time and
 * Bluestein's algorithm, as in C. Van Loan, Computational Frameworks for the Fast Fourier Transform, SIAM 1992. */
#include <math.h>

#include "backend/cpu/scratch.h"
#include "backend/fft.h"

typedef struct pair {
    double re, im;
} pair;

static inline pair plus(pair a, pair b)
{
    return (pair){a.re + b.re, a.im + b.im};
}
static inline pair minus(pair a, pair b)
{
    return (pair){a.re - b.re, a.im - b.im};
}
static inline pair times(pair a, pair b)
{
    return (pair){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* ---- mixed radix --------------------------------------------------------------------------------------------- */

/* The transforms of size p of x[k], x[m + k], … x[(p - 1) m + k], for each k < m, after x[r m + k] is turned by the k r-th
 * root of p m; roots are those of p m, `step` apart. */
static void twos(pair *x, int64_t m, const pair *roots, int64_t step)
{
    for (int64_t k = 0; k < m; k++) {
        pair a = x[k], b = times(x[m + k], roots[k * step]);
        x[k] = plus(a, b);
        x[m + k] = minus(a, b);
    }
}

static void fours(pair *x, int64_t m, const pair *roots, int64_t step)
{
    for (int64_t k = 0; k < m; k++) {
        pair t0 = x[k], t1 = times(x[m + k], roots[k * step]), t2 = times(x[2 * m + k], roots[2 * k * step]);
        pair t3 = times(x[3 * m + k], roots[3 * k * step]);
        pair a = plus(t0, t2), b = minus(t0, t2), c = plus(t1, t3), d = minus(t1, t3);
        pair turned = {d.im, -d.re};
        x[k] = plus(a, c);
        x[m + k] = plus(b, turned);
        x[2 * m + k] = minus(a, c);
        x[3 * m + k] = minus(b, turned);
    }
}

static void any_number(pair *x, int p, int64_t m, const pair *roots, int64_t step)
{
    pair t[FAC__FFT_LARGEST_FACTOR], small[FAC__FFT_LARGEST_FACTOR]; /* the roots of p */
    for (int r = 0; r < p; r++)
        small[r] = roots[r * m * step];
    for (int64_t k = 0; k < m; k++) {
        for (int r = 0; r < p; r++)
            t[r] = times(x[r * m + k], roots[r * k * step]);
        for (int q = 0; q < p; q++) {
            pair sum = t[0];
            for (int r = 1, at = q; r < p; r++) {
                sum = plus(sum, times(t[r], small[at]));
                at += q;
                if (at >= p) at -= p;
            }
            x[q * m + k] = sum;
        }
    }
}

/* out = the transform of in[0], in[stride], … n of them; roots are those of n * stride. */
static void mixed_radix(const fac__fft_plan *plan, int factor, int64_t n, const pair *in, int64_t stride, pair *out)
{
    if (n == 1) {
        *out = *in;
        return;
    }
    int p = plan->factors[factor];
    int64_t m = n / p;
    for (int r = 0; r < p; r++)
        mixed_radix(plan, factor + 1, m, in + r * stride, stride * p, out + r * m);
    const pair *roots = (const pair *)plan->roots;
    if (p == 4)
        fours(out, m, roots, stride);
    else if (p == 2)
        twos(out, m, roots, stride);
    else
        any_number(out, p, m, roots, stride);
}

/* x and y have the plan's n places; the result, in the first `size` of one of them, is returned. */
static pair *transform(const fac__fft_plan *plan, int64_t size, pair *x, pair *y)
{
    if (!plan->chirp) {
        mixed_radix(plan, 0, plan->n, x, 1, y);
        return y;
    }
    /* jk = (j² + k² - (k - j)²) / 2: a convolution with the chirp, itself done by transforms */
    const pair *chirp = (const pair *)plan->chirp, *filter = (const pair *)plan->filter;
    for (int64_t k = 0; k < plan->n; k++)
        x[k] = k < size ? times(x[k], chirp[k]) : (pair){0, 0};
    mixed_radix(plan, 0, plan->n, x, 1, y);
    for (int64_t k = 0; k < plan->n; k++) {
        pair product = times(y[k], filter[k]);
        y[k] = (pair){product.re, -product.im};
    }
    mixed_radix(plan, 0, plan->n, y, 1, x);
    for (int64_t k = 0; k < size; k++)
        x[k] = times((pair){x[k].re, -x[k].im}, chirp[k]);
    return x;
}

/* ---- lines --------------------------------------------------------------------------------------------------- */

static inline double load(fac_dtype dtype, const void *p, int64_t i)
{
    return dtype == FAC_FLOAT64 ? ((const double *)p)[i] : (double)((const float *)p)[i];
}
static inline void store(fac_dtype dtype, void *p, int64_t i, double v)
{
    if (dtype == FAC_FLOAT64)
        ((double *)p)[i] = v;
    else
        ((float *)p)[i] = (float)v;
}

/* Where line's first element is in an array whose lines have that size. */
static int64_t first(const fac__fft_args *a, int64_t line, int64_t size)
{
    return line / a->inner * size * a->inner + line % a->inner;
}

/* Element k of the line that begins there, conjugated for the way back. */
static pair element(const fac__fft_args *a, int64_t begin, int64_t k)
{
    bool mirrored = a->kind == FAC__FFT_C2R && k >= a->in_size;
    int64_t at = begin + (mirrored ? a->size - k : k) * a->inner;
    if (a->kind == FAC__FFT_R2C) return (pair){load(a->dtype, a->in, at), 0};
    pair x = {load(a->dtype, a->in, 2 * at), load(a->dtype, a->in, 2 * at + 1)};
    if (a->kind == FAC__FFT_C2R && (k == 0 || 2 * k == a->size)) x.im = 0;
    if (mirrored == a->forward) x.im = -x.im;
    return x;
}

static void put(const fac__fft_args *a, int64_t begin, int64_t k, pair y)
{
    int64_t at = begin + k * a->inner;
    if (a->kind == FAC__FFT_C2R) {
        store(a->dtype, a->out, at, y.re * a->scale);
    } else {
        store(a->dtype, a->out, 2 * at, y.re * a->scale);
        store(a->dtype, a->out, 2 * at + 1, (a->forward ? y.im : -y.im) * a->scale);
    }
}

/* By the definition, where there is no memory to do better. */
static void slow_line(const fac__fft_args *a, int64_t from, int64_t to)
{
    for (int64_t k = 0; k < a->out_size; k++) {
        pair sum = {0, 0};
        for (int64_t j = 0; j < a->size; j++) {
            double angle = -2 * 3.14159265358979323846 * (double)(j * k % a->size) / (double)a->size;
            sum = plus(sum, times(element(a, from, j), (pair){cos(angle), sin(angle)}));
        }
        put(a, to, k, sum);
    }
}

static void lines(void *context, int64_t begin, int64_t end)
{
    const fac__fft_args *a = context;
    pair *room = fac__scratch(FAC__SCRATCH_FFT, 2 * (size_t)a->plan.n * sizeof(pair));
    for (int64_t line = begin; line < end; line++) {
        int64_t from = first(a, line, a->in_size), to = first(a, line, a->out_size);
        if (!room) {
            slow_line(a, from, to);
            continue;
        }
        for (int64_t k = 0; k < a->size; k++)
            room[k] = element(a, from, k);
        const pair *y = transform(&a->plan, a->size, room, room + a->plan.n);
        for (int64_t k = 0; k < a->out_size; k++)
            put(a, to, k, y[k]);
    }
}

enum { GRAIN = 1 << 13 }; /* elements worth a thread */

static void fft(const void *args)
{
    fac__fft_args a = *(const fac__fft_args *)args;
    fac__parallel(a.outer * a.inner, 1 + GRAIN / a.plan.n, lines, &a);
}

static void fft_memory(void *args, fac__memory *m)
{
    fac__fft_args *a = args;
    FAC__READS(m, a->in);
    FAC__READS(m, a->plan.roots);
    FAC__READS(m, a->plan.chirp);
    FAC__READS(m, a->plan.filter);
    FAC__WRITES(m, a->out);
}

const fac__kernel fac__k_fft = {.name = "fft", .run = {fft}, .memory = fft_memory};
