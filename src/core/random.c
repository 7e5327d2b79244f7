/* Floor 0. PyTorch's CPU generator: mt19937 (Matsumoto and Nishimura, 1998) and the distributions over it, with the
 * same draws in the same order. Where PyTorch's own kernels fuse a multiply and an add (they are built by gcc for AVX2
 * and FMA), fma is written here, so that the bits agree on every machine. Knows nothing of operations. */
#include "draws.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "half.h"
#include "memory.h"
#include "tensor_impl.h"

enum { SHIFT = 397, BLOCK = 512 };
#define DEFAULT_SEED 67280421310721u

/* Compiled twice where fma is not a given: fmaf is a slow call without the instruction, and the loops vectorise with
 * it. */
#if defined(__x86_64__) && !defined(__FMA__)
#define TWICE(name, parameters, arguments)                                                                             \
    static void __attribute__((target("avx2,fma"), noinline)) name##_fma parameters                                    \
    {                                                                                                                  \
        name##_body arguments;                                                                                         \
    }                                                                                                                  \
    static void __attribute__((noinline)) name##_plain parameters                                                      \
    {                                                                                                                  \
        name##_body arguments;                                                                                         \
    }                                                                                                                  \
    static void name parameters                                                                                        \
    {                                                                                                                  \
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))                                           \
            name##_fma arguments;                                                                                      \
        else                                                                                                           \
            name##_plain arguments;                                                                                    \
    }
#else
#define TWICE(name, parameters, arguments)                                                                             \
    static void name parameters                                                                                        \
    {                                                                                                                  \
        name##_body arguments;                                                                                         \
    }
#endif
#define INLINE static inline __attribute__((always_inline))

/* ---- engine ------------------------------------------------------------------------------------------------- */

void fac__generator_init(fac_generator *g, uint64_t seed)
{
    g->seed = seed;
    g->words[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < FAC__MT_WORDS; i++)
        g->words[i] = 1812433253u * (g->words[i - 1] ^ (g->words[i - 1] >> 30)) + i;
    g->next = FAC__MT_WORDS;
    g->has_normal = false;
    g->normal = 0;
}

INLINE uint32_t twist(uint32_t u, uint32_t v)
{
    return (((u & 0x80000000u) | (v & 0x7fffffffu)) >> 1) ^ (-(v & 1) & 0x9908b0dfu);
}

INLINE void next_block_body(uint32_t *w)
{
    int i = 0;
    for (; i < FAC__MT_WORDS - SHIFT; i++)
        w[i] = w[i + SHIFT] ^ twist(w[i], w[i + 1]);
    for (; i < FAC__MT_WORDS - 1; i++)
        w[i] = w[i + SHIFT - FAC__MT_WORDS] ^ twist(w[i], w[i + 1]);
    w[i] = w[i + SHIFT - FAC__MT_WORDS] ^ twist(w[i], w[0]);
}
TWICE(next_block, (uint32_t * w), (w))

INLINE uint32_t temper(uint32_t y)
{
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

INLINE void temper_all_body(const uint32_t *restrict w, uint32_t *restrict out, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = temper(w[i]);
}
TWICE(temper_all, (const uint32_t *restrict w, uint32_t *restrict out, int n), (w, out, n))

static void draw(fac_generator *g, uint32_t *out, int n)
{
    while (n > 0) {
        if (g->next == FAC__MT_WORDS) {
            next_block(g->words);
            g->next = 0;
        }
        int k = FAC__MT_WORDS - g->next < n ? FAC__MT_WORDS - g->next : n;
        temper_all(g->words + g->next, out, k);
        g->next += k;
        out += k;
        n -= k;
    }
}

INLINE uint64_t wide(const uint32_t *w)
{
    return ((uint64_t)w[0] << 32) | w[1];
}

/* 53 bits of a wide draw, in [0, 1). */
INLINE double unit_double(const uint32_t *w)
{
    return (double)(int64_t)(wide(w) & ((1ull << 53) - 1)) * 0x1p-53;
}

INLINE float unit_float(uint32_t w, int digits)
{
    return (float)(int32_t)(w & ((1u << digits) - 1)) * (1.0f / (float)(1 << digits));
}

/* Runs body for each piece of at most BLOCK elements, with w holding `words` fresh draws for each of its n elements. */
#define EACH_BLOCK(g, total, words, ...)                                                                               \
    do {                                                                                                               \
        uint32_t w[2 * BLOCK];                                                                                         \
        for (int64_t at = 0; at < (total); at += BLOCK) {                                                              \
            int n = (total)-at < BLOCK ? (int)((total)-at) : BLOCK;                                                    \
            draw((g), w, n *(words));                                                                                  \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    } while (0)

/* ---- generators --------------------------------------------------------------------------------------------- */

static fac_generator default_generator;
static pthread_mutex_t lock;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void default_init(void)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE); /* distributions call each other */
    pthread_mutex_init(&lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    fac__generator_init(&default_generator, DEFAULT_SEED);
}

fac_generator *fac_default_generator(void)
{
    pthread_once(&once, default_init);
    return &default_generator;
}

static fac_generator *hold(const fac_generator *given)
{
    fac_generator *g = given ? (fac_generator *)given : fac_default_generator();
    if (g == &default_generator) pthread_mutex_lock(&lock);
    return g;
}

static void let_go(fac_generator **g)
{
    if (*g == &default_generator) pthread_mutex_unlock(&lock);
}

/* g is what it stands for. The default generator, which all threads share (modules draw from it when they are made), is
 * locked until the block ends. */
#define HOLD(g)                                                                                                        \
    fac_generator *held __attribute__((cleanup(let_go))) = hold(g);                                                    \
    (g) = held

void fac_manual_seed(uint64_t seed)
{
    fac_generator_seed(NULL, seed);
}

fac_generator *fac_generator_new(uint64_t seed)
{
    FAC__OP("generator_new");
    if (fac__recording_now()) return fac__recording_refuse("make a generator of random numbers");
    fac_generator *g = fac__alloc(sizeof *g);
    if (g) fac__generator_init(g, seed);
    return g;
}

void fac_generator_free(fac_generator *g)
{
    fac__recording_refuse("free a generator of random numbers");
    if (g != &default_generator) fac__free(g);
}

void fac_generator_seed(fac_generator *g, uint64_t seed)
{
    FAC__OP("generator_seed");
    fac__recording_refuse("seed a generator of random numbers");
    HOLD(g);
    fac__generator_init(g, seed);
}

uint64_t fac_generator_initial_seed(const fac_generator *g)
{
    HOLD(g);
    return g->seed;
}

/* For the program: a replay draws for tensors only. */
static void refuse_to_draw(void)
{
    fac__recording_refuse("draw a random number without a tensor");
}

uint32_t fac_generator_random(fac_generator *g)
{
    refuse_to_draw();
    HOLD(g);
    uint32_t w;
    draw(g, &w, 1);
    return w;
}

uint64_t fac_generator_random64(fac_generator *g)
{
    refuse_to_draw();
    HOLD(g);
    uint32_t w[2];
    draw(g, w, 2);
    return wide(w);
}

/* The state as bytes: this record, in the machine's byte order. */
typedef struct state {
    char magic[8];
    uint64_t seed;
    double normal;
    uint32_t has_normal, next;
    uint32_t words[FAC__MT_WORDS];
} state;
static const char magic[8] = "facrng1";

fac_tensor *fac_generator_get_state(const fac_generator *g)
{
    FAC__OP("generator_get_state");
    if (fac__recording_now()) return fac__recording_refuse("read the state of a generator of random numbers");
    HOLD(g);
    fac_tensor *t = fac__new(FAC_UINT8, 1, (int64_t[]){sizeof(state)});
    if (!t) return NULL;
    state *s = fac__host(t);
    memcpy(s->magic, magic, sizeof magic);
    s->seed = g->seed;
    s->normal = g->has_normal ? g->normal : 0;
    s->has_normal = g->has_normal;
    s->next = (uint32_t)g->next;
    memcpy(s->words, g->words, sizeof s->words);
    return fac__own(t);
}

bool fac_generator_set_state(fac_generator *g, const fac_tensor *t)
{
    FAC__OP("generator_set_state");
    FAC__NEED_OR(t, false);
    if (fac__recording_now()) return fac__recording_refuse("set the state of a generator of random numbers"), false;
    if (t->dtype != FAC_UINT8) return fac__type_error("RNG state must be a torch.ByteTensor"), false;
    state s;
    if (t->numel != sizeof s) return fac__runtime_error("RNG state is wrong size"), false;
    if (!fac_to_array(t, FAC_UINT8, &s, sizeof s)) return false;
    if (memcmp(s.magic, magic, sizeof magic) || s.next > FAC__MT_WORDS || s.has_normal > 1)
        return fac__runtime_error("Invalid mt19937 state"), false;
    HOLD(g);
    g->seed = s.seed;
    g->normal = s.normal;
    g->has_normal = s.has_normal;
    g->next = (int)s.next;
    memcpy(g->words, s.words, sizeof s.words);
    return true;
}

/* ---- uniform ------------------------------------------------------------------------------------------------ */

INLINE void uniform_float_body(const uint32_t *restrict w, float *restrict out, int n, float from, float range)
{
    for (int i = 0; i < n; i++)
        out[i] = fmaf(unit_float(w[i], 24), range, from);
}
TWICE(uniform_float, (const uint32_t *restrict w, float *restrict out, int n, float from, float range),
      (w, out, n, from, range))

INLINE void uniform_double_body(const uint32_t *restrict w, double *restrict out, int n, double from, double range)
{
    for (int i = 0; i < n; i++)
        out[i] = fma(unit_double(w + 2 * i), range, from);
}
TWICE(uniform_double, (const uint32_t *restrict w, double *restrict out, int n, double from, double range),
      (w, out, n, from, range))

static float rounded(fac_dtype dtype, double v)
{
    uint16_t h;
    fac__store_double(dtype, &h, v);
    return (float)fac__load_double(dtype, &h);
}

void fac__random_uniform(fac_generator *g, fac_dtype dtype, void *out, int64_t total, double from, double to)
{
    HOLD(g);
    if (dtype == FAC_FLOAT32) {
        float lo = (float)from, range = (float)to - lo;
        EACH_BLOCK(g, total, 1, uniform_float(w, (float *)out + at, n, lo, range););
    } else if (dtype == FAC_FLOAT64) {
        EACH_BLOCK(g, total, 2, uniform_double(w, (double *)out + at, n, from, to - from););
    } else { /* float16, bfloat16: the bounds and their difference are rounded, the rest is float arithmetic */
        float lo = rounded(dtype, from), range = rounded(dtype, rounded(dtype, to) - lo);
        int digits = dtype == FAC_FLOAT16 ? 11 : 8;
        uint16_t *p = out;
        EACH_BLOCK(
            g, total, 1, for (int i = 0; i < n; i++) {
                fac__store_double(dtype, p + at + i, fmaf(unit_float(w[i], digits), range, lo));
            });
    }
}

/* ---- normal ------------------------------------------------------------------------------------------------- */

/* Natural logarithm and sine with cosine of Cephes (Moshier, logf.c and sinf.c) as PyTorch's AVX2 code computes them;
 * for 0 < x <= 1 and 0 <= x < 7. */
INLINE float cephes_log(float x)
{
    uint32_t bits = fac__float_bits(x);
    float e = (float)((int32_t)(bits >> 23) - 126);
    float m = fac__bits_float((bits & 0x007fffffu) | 0x3f000000u); /* 0.5 <= m < 1 */
    bool small = m < 0.707106781186547524f;
    e -= small ? 1.0f : 0.0f;
    m = m - 1.0f + (small ? m : 0.0f);
    float z = m * m, y = 7.0376836292e-2f;
    y = fmaf(y, m, -1.1514610310e-1f);
    y = fmaf(y, m, 1.1676998740e-1f);
    y = fmaf(y, m, -1.2420140846e-1f);
    y = fmaf(y, m, 1.4249322787e-1f);
    y = fmaf(y, m, -1.6668057665e-1f);
    y = fmaf(y, m, 2.0000714765e-1f);
    y = fmaf(y, m, -2.4999993993e-1f);
    y = fmaf(y, m, 3.3333331174e-1f);
    y = fmaf(y * m, z, e * -2.12194440e-4f);
    y = fmaf(z, -0.5f, y);
    return fmaf(e, 0.693359375f, m + y);
}

INLINE void cephes_sincos(float x, float *sine, float *cosine)
{
    int32_t octant = ((int32_t)(x * 1.27323954473516f) + 1) & ~1;
    float k = (float)octant;
    x = fmaf(k, -0.78515625f, x);
    x = fmaf(k, -2.4187564849853515625e-4f, x);
    x = fmaf(k, -3.77489497744594108e-8f, x);
    float z = x * x, c = 2.443315711809948e-5f, s = -1.9515295891e-4f;
    c = fmaf(c, z, -1.388731625493765e-3f);
    c = fmaf(c, z, 4.166664568298827e-2f);
    c = fmaf(c * z, z, z * -0.5f) + 1.0f;
    s = fmaf(s, z, 8.3321608736e-3f);
    s = fmaf(s, z, -1.6666654611e-1f);
    s = fmaf(s * z, x, x);
    uint32_t sbits = fac__float_bits(octant & 2 ? c : s), cbits = fac__float_bits(octant & 2 ? s : c);
    *sine = fac__bits_float(sbits ^ ((uint32_t)(octant & 4) << 29));
    *cosine = fac__bits_float(cbits ^ ((uint32_t)(~(octant - 2) & 4) << 29));
}

/* 16 uniform numbers to 16 normal ones, in place, as often as they fit in n. */
INLINE void box_muller_float_body(float *p, int64_t n, float mean, float std)
{
    for (int64_t i = 0; i + 16 <= n; i += 16, p += 16)
        for (int j = 0; j < 8; j++) {
            float radius = sqrtf(-2.0f * cephes_log(1.0f - p[j])), s, c;
            cephes_sincos(6.28318530717958647692f * p[j + 8], &s, &c);
            p[j] = fmaf(radius * c, std, mean);
            p[j + 8] = fmaf(radius * s, std, mean);
        }
}
TWICE(box_muller_float, (float *p, int64_t n, float mean, float std), (p, n, mean, std))

static void box_muller_double(double *p, int64_t n, double mean, double std)
{
    for (int64_t i = 0; i + 16 <= n; i += 16, p += 16)
        for (int j = 0; j < 8; j++) {
            double radius = sqrt(-2 * log(1 - p[j])), theta = 6.28318530717958647692 * p[j + 8];
            p[j] = fma(radius * cos(theta), std, mean);
            p[j + 8] = fma(radius * sin(theta), std, mean);
        }
}

/* PyTorch's scalar code in the half types: float16 rounds where a variable is stored, bfloat16 after every function. */
static void box_muller_half(fac_dtype dtype, uint16_t *p, int64_t n, float mean, float std)
{
    bool each = dtype == FAC_BFLOAT16;
#define ROUND(v) rounded(dtype, (v))
#define ROUND_IF(v) (each ? ROUND(v) : (v))
    for (int64_t i = 0; i + 16 <= n; i += 16, p += 16)
        for (int j = 0; j < 8; j++) {
            float u1 = ROUND(1.0f - (float)fac__load_double(dtype, p + j)),
                  u2 = (float)fac__load_double(dtype, p + j + 8);
            float radius = ROUND(sqrtf(ROUND_IF(-2.0f * ROUND_IF(logf(u1)))));
            float theta = ROUND(6.28318530717958647692 * (double)u2);
            float c = ROUND_IF(radius * ROUND_IF(cosf(theta))), s = ROUND_IF(radius * ROUND_IF(sinf(theta)));
            c = each ? ROUND(c * std) + mean : fmaf(c, std, mean);
            s = each ? ROUND(s * std) + mean : fmaf(s, std, mean);
            fac__store_double(dtype, p + j, c);
            fac__store_double(dtype, p + j + 8, s);
        }
#undef ROUND
#undef ROUND_IF
}

static void box_muller(fac_dtype dtype, void *p, int64_t n, double mean, double std)
{
    if (dtype == FAC_FLOAT32)
        box_muller_float(p, n, (float)mean, (float)std);
    else if (dtype == FAC_FLOAT64)
        box_muller_double(p, n, mean, std);
    else
        box_muller_half(dtype, p, n, rounded(dtype, mean), rounded(dtype, std));
}

void fac__random_normal(fac_generator *g, fac_dtype dtype, void *out, int64_t total, double mean, double std)
{
    HOLD(g);
    if (total < 16) {
        fac__random_normal_each(g, dtype, out, total, mean, std);
        return;
    }
    size_t size = fac_dtype_size(dtype);
    for (int64_t at = 0; at < total; at += BLOCK) { /* each piece is still in the cache when it is turned to normal */
        int64_t n = total - at < BLOCK ? total - at : BLOCK;
        char *p = (char *)out + (size_t)at * size;
        fac__random_uniform(g, dtype, p, n, 0, 1);
        box_muller(dtype, p, n, mean, std);
    }
    if (total % 16) {
        char *last = (char *)out + (size_t)(total - 16) * size;
        fac__random_uniform(g, dtype, last, 16, 0, 1);
        box_muller(dtype, last, 16, mean, std);
    }
}

void fac__random_normal_each(fac_generator *g, fac_dtype dtype, void *out, int64_t n, double mean, double std)
{
    HOLD(g);
    size_t size = fac_dtype_size(dtype);
    for (int64_t i = 0; i < n; i++) {
        double v = g->normal;
        if (g->has_normal) {
            g->has_normal = false;
        } else {
            uint32_t w[4];
            draw(g, w, 4);
            double theta = 6.28318530717958647692 * unit_double(w), radius = sqrt(-2.0 * log(1.0 - unit_double(w + 2)));
            g->normal = radius * sin(theta);
            g->has_normal = true;
            v = radius * cos(theta);
        }
        fac__store_double(dtype, (char *)out + (size_t)i * size, fma(v, std, mean));
    }
}

/* ---- integers ----------------------------------------------------------------------------------------------- */

/* Integers become floats in one rounding. */
INLINE void store_integer(fac_dtype dtype, void *out, int64_t i, int64_t v)
{
    char *p = (char *)out + i * (int64_t)fac_dtype_size(dtype);
    if (dtype == FAC_INT64)
        *(int64_t *)(void *)p = v;
    else if (fac_dtype_is_floating(dtype))
        fac__store_double(dtype, p, dtype == FAC_FLOAT64 ? (double)v : (double)(float)v);
    else
        fac__store_int(dtype, p, v);
}

/* The nearest integer on the inner side of v (above it for step 1, below for -1) that a floating dtype holds, where v's
 * neighbour would round across v. */
static int64_t narrowed(fac_dtype dtype, int64_t v, int step)
{
    int digits = dtype == FAC_FLOAT64 ? 53 : dtype == FAC_FLOAT32 ? 24 : dtype == FAC_FLOAT16 ? 11 : 8;
    int64_t inner = v + step;
    double held = dtype == FAC_FLOAT64   ? (double)inner
                  : dtype == FAC_FLOAT32 ? (float)inner
                                         : rounded(dtype, (float)inner);
    int64_t back = held >= 0x1p63 ? INT64_MIN : (int64_t)held; /* as x86 converts what does not fit */
    if (step > 0 ? back >= v : back < v) return v;
    int log2 = 63 - __builtin_clzll((uint64_t)(inner < 0 ? -inner : inner));
    return back + step * ((int64_t)1 << (log2 - digits + 1));
}

void fac__random_integers(fac_generator *g, fac_dtype dtype, void *out, int64_t total, int64_t low, int64_t high)
{
    HOLD(g);
    if (fac_dtype_is_floating(dtype)) {
        low = narrowed(dtype, low, 1);
        high = narrowed(dtype, high, -1);
    }
    uint64_t range = (uint64_t)high - (uint64_t)low;
    bool can_be_wide = dtype == FAC_INT64 || dtype == FAC_FLOAT64 || dtype == FAC_FLOAT32 || dtype == FAC_BFLOAT16;
    if (range == 0) return;
    if (range >> 32 && can_be_wide) {
        EACH_BLOCK(
            g, total, 2, for (int i = 0; i < n; i++) {
                store_integer(dtype, out, at + i, (int64_t)(wide(w + 2 * i) % range + (uint64_t)low));
            });
    } else {
        EACH_BLOCK(
            g, total, 1, for (int i = 0; i < n; i++) {
                uint32_t v = range >> 32 ? w[i] : w[i] % (uint32_t)range;
                store_integer(dtype, out, at + i, (int64_t)(v + (uint64_t)low));
            });
    }
}

void fac__random_full(fac_generator *g, fac_dtype dtype, void *out, int64_t total)
{
    static const uint64_t counts[FAC_DTYPE_COUNT] = {
        [FAC_BOOL] = 2,
        [FAC_UINT8] = 1 << 8,
        [FAC_INT8] = 1 << 7,
        [FAC_INT16] = 1 << 15,
        [FAC_INT32] = 1u << 31,
        [FAC_INT64] = 1ull << 63,
        [FAC_FLOAT16] = (1 << 11) + 1,
        [FAC_BFLOAT16] = (1 << 8) + 1,
        [FAC_FLOAT32] = (1 << 24) + 1,
        [FAC_FLOAT64] = (1ull << 53) + 1,
    };
    uint64_t count = counts[dtype];
    HOLD(g);
    if (dtype == FAC_INT64 || dtype == FAC_FLOAT64) {
        EACH_BLOCK(
            g, total, 2,
            for (int i = 0; i < n; i++) { store_integer(dtype, out, at + i, (int64_t)(wide(w + 2 * i) % count)); });
    } else {
        EACH_BLOCK(
            g, total, 1,
            for (int i = 0; i < n; i++) { store_integer(dtype, out, at + i, (int64_t)(w[i] % (uint32_t)count)); });
    }
}

/* Of n elements each changes places with the one `by` further on. */
#define SWAP(T)                                                                                                        \
    for (int k = 0; k < n; k++) {                                                                                      \
        T *a = (T *)p + k, *b = a + by[k], t = *a;                                                                     \
        *a = *b;                                                                                                       \
        *b = t;                                                                                                        \
    }
static void swap_all(void *p, const uint32_t *by, int n, size_t size)
{
    if (size == 8)
        SWAP(uint64_t)
    else if (size == 4)
        SWAP(uint32_t)
    else if (size == 2)
        SWAP(uint16_t)
    else
        SWAP(uint8_t)
}
#undef SWAP

void fac__random_permutation(fac_generator *g, fac_dtype dtype, void *out, int64_t total)
{
    HOLD(g);
    size_t size = fac_dtype_size(dtype);
    for (int64_t i = 0; i < total; i++)
        store_integer(dtype, out, i, i);
    EACH_BLOCK(
        g, total - 1, 1, for (int i = 0; i < n; i++) {
            int64_t left = total - at - i; /* of more than a draw can choose from, it chooses itself */
            if (left <= UINT32_MAX) w[i] %= (uint32_t)left;
        } swap_all((char *)out + (size_t)at * size, w, n, size););
}

/* ---- others ------------------------------------------------------------------------------------------------- */

void fac__random_bernoulli(fac_generator *g, fac_dtype dtype, void *out, int64_t total, double p)
{
    HOLD(g);
    EACH_BLOCK(
        g, total, 2, for (int i = 0; i < n; i++) {
            bool hit = unit_double(w + 2 * i) < p;
            if (dtype == FAC_FLOAT32)
                ((float *)out)[at + i] = hit;
            else
                store_integer(dtype, out, at + i, hit);
        });
}

void fac__random_bernoulli_tensor(fac_generator *g, fac_dtype dtype, void *out, fac_dtype p_dtype, const void *p,
                                  int64_t total)
{
    HOLD(g);
    int words = p_dtype == FAC_FLOAT64 ? 2 : 1;
    size_t p_size = fac_dtype_size(p_dtype);
    EACH_BLOCK(
        g, total, words, for (int i = 0; i < n; i++) {
            double limit = fac__load_double(p_dtype, (const char *)p + (size_t)(at + i) * p_size);
            double u = words == 2 ? unit_double(w + 2 * i) : (double)unit_float(w[i], 24);
            store_integer(dtype, out, at + i, u < limit);
        });
}

void fac__random_exponential(fac_generator *g, fac_dtype dtype, void *out, int64_t total, double lambda)
{
    HOLD(g);
    size_t size = fac_dtype_size(dtype);
    EACH_BLOCK(
        g, total, 2, for (int i = 0; i < n; i++) {
            double v = -1.0 / lambda * log(1.0 - unit_double(w + 2 * i));
            fac__store_double(dtype, (char *)out + (size_t)(at + i) * size, v);
        });
}

int64_t fac__random_seed(fac_generator *g)
{
    int64_t seed;
    fac__random_full(g, FAC_INT64, &seed, 1);
    return seed;
}

void fac__random_loader_order(fac_generator *given, bool shuffle, int64_t *order, int64_t n)
{
    fac__random_seed(given);
    if (!shuffle) {
        for (int64_t i = 0; i < n; i++)
            order[i] = i;
        return;
    }
    fac_generator own;
    if (!given) fac__generator_init(&own, (uint64_t)fac__random_seed(NULL));
    fac__random_permutation(given ? given : &own, FAC_INT64, order, n);
}

void fac__random_loader_end(fac_generator *given, bool shuffle, int64_t total)
{
    if (!given || !shuffle) return;
    HOLD(given);
    EACH_BLOCK(given, total - 1, 1, (void)n;);
}
