/* Floor 1. Convolution of small pictures by many channels as one product over all images. The 1 to 16 outputs that a picture has do
 * not fill vectors, those of all pictures do: what each output sees is copied into a matrix of (channels and taps) x (outputs of all
 * images), with which the weights are multiplied. Taps that see nothing but padding, as eight of nine do over 1 x 1, are left
 * out. The input gradient is the transposed product, added up where the copies come from; the weight gradient the product of the
 * output's gradient with the same matrix. */
#include "backend/cpu/conv_plan.h"
#include "backend/cpu/scratch.h"
#include "backend/gemm.h"

enum {
    MOST_OUTPUTS = 16,   /* of an image and channel */
    MOST_INPUTS = 256,   /* of the same */
    MOST_SEEN = 64,      /* taps */
    SEEN_BYTES = 4 << 20 /* of the matrix: more images are taken one block after the other */
};

typedef struct pictures {
    const fac__conv_args *a;
    int64_t in, out, taps;                   /* of one image and channel; taps that see something */
    int32_t tap[MOST_SEEN];                  /* where they are in the kernel */
    int32_t source[MOST_SEEN][MOST_OUTPUTS]; /* the input that an output sees by a tap; `in`: padding */
    int64_t first, images, columns;          /* of a block */
    void *seen, *made, *weights;             /* [c, taps][columns], [k][columns], [k][c, taps] */
    bool apart;                              /* weights of the taps that see something are copies */
} pictures;

/* What output o sees at tap t of an axis; -1: padding. */
static int64_t source_at(const fac__conv_args *a, int axis, int64_t o, int64_t t)
{
    int64_t i = o * a->stride[axis] - a->pad[axis] + t * a->dilation[axis];
    return i < a->in[axis] ? i : -1;
}

static bool find_sources(pictures *s)
{
    const fac__conv_args *a = s->a;
    const int64_t *out = a->out, *kernel = a->kernel;
    s->taps = 0;
    for (int64_t t = 0; t < kernel[0] * kernel[1] * kernel[2]; t++) {
        bool seen = false;
        if (s->taps == MOST_SEEN) return false;
        for (int64_t o = 0; o < s->out; o++) {
            int64_t d = source_at(a, 0, o / out[2] / out[1], t / kernel[2] / kernel[1]);
            int64_t h = source_at(a, 1, o / out[2] % out[1], t / kernel[2] % kernel[1]);
            int64_t w = source_at(a, 2, o % out[2], t % kernel[2]);
            bool inside = d >= 0 && h >= 0 && w >= 0;
            s->source[s->taps][o] = (int32_t)(inside ? (d * a->in[1] + h) * a->in[2] + w : s->in);
            seen |= inside;
        }
        s->tap[s->taps] = (int32_t)t;
        s->taps += seen;
    }
    return s->taps > 0;
}

/* ---- copying: of channels [begin, end) ----------------------------------------------------------------------- */

#define COPIES(T)                                                                                                      \
    static void see_##T(void *context, int64_t begin, int64_t end)                                                     \
    {                                                                                                                  \
        const pictures *s = context;                                                                                   \
        T picture[MOST_INPUTS + 1], *row = (T *)s->seen + begin * s->taps * s->columns;                                \
        picture[s->in] = 0;                                                                                            \
        for (int64_t c = begin; c < end; c++, row += s->taps * s->columns)                                             \
            for (int64_t n = 0; n * s->out < s->columns; n++) {                                                        \
                const T *x = (const T *)s->a->x + ((s->first + n) * s->a->c + c) * s->in;                              \
                for (int64_t i = 0; i < s->in; i++)                                                                    \
                    picture[i] = n < s->images ? x[i] : 0;                                                             \
                for (int64_t t = 0; t < s->taps; t++)                                                                  \
                    for (int64_t o = 0; o < s->out; o++)                                                               \
                        row[t * s->columns + n * s->out + o] = picture[s->source[t][o]];                               \
            }                                                                                                          \
    }                                                                                                                  \
    static void unsee_##T(void *context, int64_t begin, int64_t end)                                                   \
    {                                                                                                                  \
        const pictures *s = context;                                                                                   \
        T picture[MOST_INPUTS + 1];                                                                                    \
        const T *row = (const T *)s->seen + begin * s->taps * s->columns;                                              \
        for (int64_t c = begin; c < end; c++, row += s->taps * s->columns)                                             \
            for (int64_t n = 0; n < s->images; n++) {                                                                  \
                T *dx = (T *)s->a->dx + ((s->first + n) * s->a->c + c) * s->in;                                        \
                for (int64_t i = 0; i < s->in; i++)                                                                    \
                    picture[i] = 0;                                                                                    \
                for (int64_t t = 0; t < s->taps; t++)                                                                  \
                    for (int64_t o = 0; o < s->out; o++)                                                               \
                        picture[s->source[t][o]] += row[t * s->columns + n * s->out + o];                              \
                for (int64_t i = 0; i < s->in; i++)                                                                    \
                    dx[i] = picture[i];                                                                                \
            }                                                                                                          \
    }                                                                                                                  \
    static void put_##T(void *context, int64_t begin, int64_t end)                                                     \
    {                                                                                                                  \
        const pictures *s = context;                                                                                   \
        for (int64_t n = 0; n < s->images; n++)                                                                        \
            for (int64_t k = begin; k < end; k++) {                                                                    \
                const T *made = (const T *)s->made + k * s->columns + n * s->out;                                      \
                T *y = (T *)s->a->y + ((s->first + n) * s->a->k + k) * s->out;                                         \
                T bias = s->a->bias ? ((const T *)s->a->bias)[k] : 0;                                                  \
                for (int64_t o = 0; o < s->out; o++)                                                                   \
                    y[o] = made[o] + bias;                                                                             \
            }                                                                                                          \
    }                                                                                                                  \
    static void take_##T(void *context, int64_t begin, int64_t end)                                                    \
    {                                                                                                                  \
        const pictures *s = context;                                                                                   \
        for (int64_t n = 0; n * s->out < s->columns; n++)                                                              \
            for (int64_t k = begin; k < end; k++) {                                                                    \
                T *made = (T *)s->made + k * s->columns + n * s->out;                                                  \
                const T *dy = (const T *)s->a->dy + ((s->first + n) * s->a->k + k) * s->out;                           \
                for (int64_t o = 0; o < s->out; o++)                                                                   \
                    made[o] = n < s->images ? dy[o] : 0;                                                               \
            }                                                                                                          \
    }                                                                                                                  \
    static void weigh_##T(void *context, int64_t begin, int64_t end)                                                   \
    {                                                                                                                  \
        const pictures *s = context;                                                                                   \
        int64_t all = s->a->kernel[0] * s->a->kernel[1] * s->a->kernel[2];                                             \
        for (int64_t i = begin * s->a->c; i < end * s->a->c; i++)                                                      \
            for (int64_t t = 0; t < s->taps; t++)                                                                      \
                ((T *)s->weights)[i * s->taps + t] = ((const T *)s->a->w)[i * all + s->tap[t]];                        \
    }                                                                                                                  \
    static void unweigh_##T(void *context, int64_t begin, int64_t end)                                                 \
    {                                                                                                                  \
        const pictures *s = context;                                                                                   \
        int64_t all = s->a->kernel[0] * s->a->kernel[1] * s->a->kernel[2];                                             \
        for (int64_t i = begin * s->a->c; i < end * s->a->c; i++) {                                                    \
            T *dw = (T *)s->a->dw + i * all;                                                                           \
            for (int64_t t = 0; t < all; t++)                                                                          \
                dw[t] = 0;                                                                                             \
            for (int64_t t = 0; t < s->taps; t++)                                                                      \
                dw[s->tap[t]] = ((const T *)s->weights)[i * s->taps + t];                                              \
        }                                                                                                              \
    }
COPIES(float)
COPIES(double)

/* `each`: elements of a channel. */
static void copy(pictures *s, int64_t channels, int64_t each, fac__range_body of_float, fac__range_body of_double)
{
    fac__parallel(channels, 1 + (1 << 14) / (each + 1), s->a->dtype == FAC_FLOAT32 ? of_float : of_double, s);
}

/* ---- products ------------------------------------------------------------------------------------------------ */

/* One of the three matrices, or its transpose. */
typedef struct matrix {
    void *data;
    int64_t row, column; /* strides */
} matrix;

/* c [m][n] = a b, or grows by that. */
static void multiply(const pictures *s, int64_t m, int64_t n, int64_t k, matrix a, matrix b, matrix c, bool grows)
{
    const fac__gemm_args g = {.dtype = s->a->dtype,
                              .batch = 1,
                              .m = m,
                              .n = n,
                              .k = k,
                              .a = a.data,
                              .a_row = a.row,
                              .a_col = a.column,
                              .b = b.data,
                              .b_row = b.row,
                              .b_col = b.column,
                              .c = c.data,
                              .c_row = c.row,
                              .c_col = c.column,
                              .alpha = 1,
                              .beta = grows};
    fac__k_gemm.run[0](&g);
}

/* Of the block's images, but two at least. */
static void count_columns(pictures *s)
{
    s->columns = s->images * s->out > 1 ? s->images * s->out : 2;
}

/* The matrices for blocks of images; false where this is not the way, or there is no memory. Which way it is goes by the sizes
 * of one image, and no product has but one column, so that an image has the same bits in any company. Small layers keep the
 * order in which PyTorch adds. weights: all of them, used as they are where all taps see something. */
static bool begin(pictures *s, const fac__conv_args *a, void *weights)
{
    int64_t kernel = a->kernel[0] * a->kernel[1] * a->kernel[2], size = (int64_t)fac_dtype_size(a->dtype);
    s->a = a;
    s->in = a->in[0] * a->in[1] * a->in[2];
    s->out = a->out[0] * a->out[1] * a->out[2];
    int64_t channels = a->c < a->k ? a->c : a->k, least = s->out > 4 ? 64 : 32;
    if (a->groups != 1 || channels < least || s->out * a->n == 0 || s->out > MOST_OUTPUTS || s->in > MOST_INPUTS ||
        (kernel == 1 && s->in == s->out) || !find_sources(s))
        return false;
    int64_t image = (a->c * s->taps + a->k) * s->out * size;
    int64_t blocks = a->n * image / SEEN_BYTES + 1;
    s->images = (a->n + blocks - 1) / blocks;
    count_columns(s);
    size_t seen = (size_t)(a->c * s->taps * s->columns * size), made = (size_t)(a->k * s->columns * size);
    seen = (seen + 63) / 64 * 64;
    made = (made + 63) / 64 * 64;
    s->apart = s->taps < kernel;
    size_t copies = s->apart ? (size_t)(a->k * a->c * s->taps * size) : 0;
    char *memory = fac__scratch(FAC__SCRATCH_CONV, seen + made + copies);
    s->seen = memory;
    s->made = memory + seen;
    s->weights = s->apart ? memory + seen + made : weights;
    return memory != NULL;
}

static bool next(pictures *s)
{
    if (s->first >= s->a->n) return false;
    if (s->images > s->a->n - s->first) s->images = s->a->n - s->first;
    count_columns(s);
    return true;
}

bool fac__conv_small(const fac__conv_args *a)
{
    pictures s = {0};
    if (!begin(&s, a, (void *)a->w)) return false;
    int64_t depth = a->c * s.taps;
    if (s.apart) copy(&s, a->k, depth, weigh_float, weigh_double);
    for (; next(&s); s.first += s.images) {
        copy(&s, a->c, s.taps * s.columns, see_float, see_double);
        multiply(&s, a->k, s.columns, depth, (matrix){s.weights, depth, 1}, (matrix){s.seen, s.columns, 1},
                 (matrix){s.made, s.columns, 1}, false);
        copy(&s, a->k, s.columns, put_float, put_double);
    }
    return true;
}

bool fac__conv_input_small(const fac__conv_args *a)
{
    pictures s = {0};
    if (!begin(&s, a, (void *)a->w)) return false;
    int64_t depth = a->c * s.taps;
    if (s.apart) copy(&s, a->k, depth, weigh_float, weigh_double);
    for (; next(&s); s.first += s.images) {
        copy(&s, a->k, s.columns, take_float, take_double);
        multiply(&s, depth, s.columns, a->k, (matrix){s.weights, 1, depth}, (matrix){s.made, s.columns, 1},
                 (matrix){s.seen, s.columns, 1}, false);
        copy(&s, a->c, s.taps * s.columns, unsee_float, unsee_double);
    }
    return true;
}

bool fac__conv_weight_small(const fac__conv_args *a)
{
    pictures s = {0};
    if (!begin(&s, a, a->dw)) return false;
    int64_t depth = a->c * s.taps;
    for (; next(&s); s.first += s.images) {
        copy(&s, a->c, s.taps * s.columns, see_float, see_double);
        copy(&s, a->k, s.columns, take_float, take_double);
        multiply(&s, a->k, depth, s.columns, (matrix){s.made, s.columns, 1}, (matrix){s.seen, 1, s.columns},
                 (matrix){s.weights, depth, 1}, s.first > 0);
    }
    if (s.apart) copy(&s, a->k, depth, unweigh_float, unweigh_double);
    return true;
}
