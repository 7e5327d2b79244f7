/* Floor 1. Softmax, computed in one type. Included by softmax_kernels.c with
 *   T  the type to compute in, I an integer of its size, NAME(x)  x with its suffix
 *   LANES  how many T make PyTorch's vector on AVX2
 * Elements of other types are brought into it, and out of it, a buffer at a time (access).
 *
 * Sums are made in the order in which PyTorch's AVX2 code makes them (ATen/cpu/vec/functional_base.h and
 * ATen/native/cpu/SoftMaxKernel.cpp), so that they have its bits. */

/* The largest may miss a NaN: the sum of exponentials will not, and makes the whole row NaN. */
INLINE T NAME(larger)(T a, T b)
{
    return a > b ? a : b;
}
/* x where the mask is all ones, `otherwise` where it is 0. By bits, as reads on a condition do not vectorise. */
INLINE T NAME(masked)(T x, T otherwise, I mask)
{
    I a, b;
    memcpy(&a, &x, sizeof a);
    memcpy(&b, &otherwise, sizeof b);
    a = (a & mask) | (b & ~mask);
    memcpy(&x, &a, sizeof a);
    return x;
}
#define MASKS 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
static const I NAME(masks)[2 * PAST] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, MASKS};

/* The largest of n elements, a multiple of WIDE, and of max, for each of PAST lanes. Four vectors at a time, so that the next
 * need not wait for the last. */
enum { NAME(WIDE) = 4 * PAST };
static __attribute__((noinline)) void NAME(max_of_many)(T *max, const T *x, int64_t n)
{
    T a[PAST], b[PAST], c[PAST], d[PAST];
    for (int k = 0; k < PAST; k++)
        a[k] = b[k] = c[k] = d[k] = (T)-INFINITY;
    for (; n; n -= NAME(WIDE), x += NAME(WIDE)) {
        SIMD for (int k = 0; k < PAST; k++)
        {
            a[k] = NAME(larger)(a[k], x[k]);
            b[k] = NAME(larger)(b[k], x[PAST + k]);
            c[k] = NAME(larger)(c[k], x[2 * PAST + k]);
            d[k] = NAME(larger)(d[k], x[3 * PAST + k]);
        }
    }
    SIMD for (int k = 0; k < PAST; k++)
        max[k] = NAME(larger)(max[k], NAME(larger)(NAME(larger)(a[k], b[k]), NAME(larger)(c[k], d[k])));
}
/* x is a buffer, and may be read up to PAST elements behind its end: the last vector of a row is masked. */
INLINE T NAME(row_max)(const T *x, int64_t n)
{
    T lanes[PAST];
    for (int k = 0; k < PAST; k++)
        lanes[k] = (T)-INFINITY;
    if (n >= NAME(WIDE)) {
        int64_t many = n / NAME(WIDE) * NAME(WIDE);
        NAME(max_of_many)(lanes, x, many);
        x += many;
        n -= many;
    }
    for (; n >= PAST; n -= PAST, x += PAST) {
        SIMD for (int k = 0; k < PAST; k++) lanes[k] = NAME(larger)(lanes[k], x[k]);
    }
    const I *mask = NAME(masks) + PAST - n;
    if (n) {
        SIMD for (int k = 0; k < PAST; k++)
            lanes[k] = NAME(larger)(lanes[k], NAME(masked)(x[k], (T)-INFINITY, mask[k]));
    }
    _Pragma("GCC unroll 4") for (int w = PAST / 2; w; w /= 2) SIMD for (int k = 0; k < w; k++)
        lanes[k] = NAME(larger)(lanes[k], lanes[k + w]);
    return lanes[0];
}

/* Adds x, or the products x * y, to LANES running sums; only the last call for a row may have an n that is no multiple
 * of LANES. */
INLINE void NAME(add_lanes)(T *restrict sum, const T *x, const T *y, int64_t n)
{
    T lanes[LANES];
    for (int k = 0; k < LANES; k++)
        lanes[k] = sum[k];
    for (; n >= LANES; n -= LANES, x += LANES, y = y ? y + LANES : NULL) {
        SIMD for (int k = 0; k < LANES; k++) lanes[k] = y ? FMA(x[k], y[k], lanes[k]) : lanes[k] + x[k];
    }
    const I *mask = NAME(masks) + PAST - n;
    if (n) {
        SIMD for (int k = 0; k < LANES; k++)
        {
            T v = NAME(masked)(x[k], 0, mask[k]);
            lanes[k] = y ? FMA(v, NAME(masked)(y[k], 0, mask[k]), lanes[k]) : lanes[k] + v;
        }
    }
    for (int k = 0; k < LANES; k++)
        sum[k] = lanes[k];
}
INLINE T NAME(fold_lanes)(const T *sum)
{
    if (LANES == 4) return ((sum[0] + sum[1]) + sum[2]) + sum[3];
    T half[4];
    for (int k = 0; k < 4; k++)
        half[k] = sum[k] + sum[k + LANES / 2];
    return (half[0] + half[2]) + (half[1] + half[3]);
}
INLINE T NAME(short_sum)(const T *x, const T *y, int64_t n)
{
    T sum = y ? x[0] * y[0] : x[0];
    for (int64_t i = 1; i < n; i++)
        sum += y ? x[i] * y[i] : x[i];
    return sum;
}
INLINE T NAME(sum)(const T *x, const T *y, int64_t n)
{
    if (n < LANES) return NAME(short_sum)(x, y, n);
    T lanes[LANES] = {0};
    NAME(add_lanes)(lanes, x, y, n);
    return NAME(fold_lanes)(lanes);
}

/* exp(from - less), of whole vectors: up to PAST more than n. The differences are not above 0. */
static __attribute__((noinline)) void NAME(exp_all)(T *to, const T *from, T less, int64_t n)
{
    for (int64_t i = 0; i < n; i += PAST) {
        SIMD for (int k = 0; k < PAST; k++) to[i + k] = EXP_NEGATIVE(from[i + k] - less);
    }
}
/* The same, adding them up as they come: an addition waits for the last one, but not the exponentials for additions. */
static __attribute__((noinline)) void NAME(exp_sum)(T *to, const T *from, T less, int64_t n, T *sum)
{
    int64_t whole = n / PAST * PAST;
    T lanes[LANES];
    for (int k = 0; k < LANES; k++)
        lanes[k] = sum[k];
    for (int64_t i = 0; i < whole; i += PAST) {
        SIMD for (int k = 0; k < PAST; k++) to[i + k] = EXP_NEGATIVE(from[i + k] - less);
        for (int at = 0; at < PAST; at += LANES) {
            SIMD for (int k = 0; k < LANES; k++) lanes[k] += to[i + at + k];
        }
    }
    for (int k = 0; k < LANES; k++)
        sum[k] = lanes[k];
    NAME(exp_all)(to + whole, from + whole, less, n - whole);
    NAME(add_lanes)(sum, to + whole, NULL, n - whole);
}
/* Of any elements. */
static __attribute__((noinline)) void NAME(exp_any)(T *to, const T *from, int64_t n)
{
    for (int64_t i = 0; i < n; i += PAST) {
        SIMD for (int k = 0; k < PAST; k++) to[i + k] = EXP(from[i + k]);
    }
}

/* ---- rows --------------------------------------------------------------------------------------------------- */

/* to = op(x, y, the row's value) for rows of n in buffers. Whole vectors are written: what goes past the end of a row
 * is written over by the next row. */
#define BY_ROW(to, op)                                                                                                 \
    for (int64_t r = 0; r < rows; r++) {                                                                               \
        const T value = values[r];                                                                                     \
        for (int64_t i = r * n; i < (r + 1) * n; i += PAST) {                                                          \
            SIMD for (int k = 0; k < PAST; k++)(to)[i + k] = op(x[i + k], y[i + k], value);                            \
        }                                                                                                              \
    }
#define LESS(x, y, v) ((x) - (v))
#define TIMES(x, y, v) ((y) * (v))
#define GRADIENT(x, y, v) (((x) - (v)) * (y))
#define LOG_GRADIENT(x, y, v) FMA(-(y), v, x)

/* Rows that fit the buffers several at a time, so that exponentials of short rows fill vectors. */
static void NAME(short_rows)(const fac__softmax_args *a, const access *m, int64_t begin, int64_t end)
{
    int64_t n = a->n, together = BUFFER / n;
    T x[BUFFER + PAST], y[BUFFER + PAST], z[BUFFER + PAST], values[BUFFER + PAST];
    for (int64_t row = begin; row < end; row += together) {
        int64_t rows = end - row < together ? end - row : together, all = rows * n;
        load(m, x, a->backward ? a->g : a->x, row * n, all);
        for (int k = 0; k < PAST; k++)
            x[all + k] = y[all + k] = 0;
        if (a->backward) {
            load(m, y, a->y, row * n, all);
            for (int64_t r = 0; r < rows; r++)
                values[r] = NAME(sum)(x + r * n, a->log ? NULL : y + r * n, n);
            if (a->log) {
                NAME(exp_any)(y, y, all);
                BY_ROW(z, LOG_GRADIENT)
            } else {
                BY_ROW(z, GRADIENT)
            }
        } else {
            for (int64_t r = 0; r < rows; r++)
                values[r] = NAME(row_max)(x + r * n, n);
            BY_ROW(z, LESS)
            NAME(exp_all)(y, z, 0, all);
            for (int64_t r = 0; r < rows; r++)
                values[r] = NAME(sum)(y + r * n, NULL, n);
            for (int k = 0; k < PAST; k++)
                values[rows + k] = 1;
            if (a->log) {
                memcpy(x, z, (size_t)all * sizeof *x);
                for (int64_t r = 0; r < rows; r += PAST) {
                    SIMD for (int k = 0; k < PAST; k++) values[r + k] = LOG(values[r + k]);
                }
                BY_ROW(z, LESS)
            } else {
                for (int64_t r = 0; r < rows; r++)
                    values[r] = 1 / values[r];
                BY_ROW(z, TIMES)
            }
        }
        store(m, a->out, row * n, z, all);
    }
}

/* n elements from the one numbered `at` on, as T: where they are, if they need not be converted and may be read to their end in
 * whole vectors, or in the buffer. */
static const T *NAME(piece)(const access *m, T *buffer, const void *from, int64_t at, int64_t n)
{
    if (m->as_it_is && n == BUFFER) return (const T *)from + at;
    load(m, buffer, from, at, n);
    for (int k = 0; k < PAST; k++)
        buffer[n + k] = 0;
    return buffer;
}
/* Where results are to be computed: where they belong, or in a buffer that is then stored. */
INLINE T *NAME(place)(const access *m, T *buffer, void *out, int64_t at)
{
    return m->as_it_is ? (T *)out + at : buffer;
}
INLINE void NAME(put)(const access *m, void *out, int64_t at, const T *results, int64_t n)
{
    if (!m->as_it_is) store(m, out, at, results, n);
}
#define EACH_PIECE for (int64_t i = 0, k; k = n - i < BUFFER ? n - i : BUFFER, i < n; i += k)

static void NAME(long_row)(const fac__softmax_args *a, const access *m, int64_t row)
{
    int64_t n = a->n, at = row * n;
    bool kept = m->as_it_is && !a->log; /* exponentials, in the output */
    T buffer[BUFFER + PAST], e[BUFFER + PAST], lanes[LANES] = {0}, max = (T)-INFINITY;
    EACH_PIECE max = NAME(larger)(max, NAME(row_max)(NAME(piece)(m, buffer, a->x, at + i, k), k));
    EACH_PIECE
    {
        NAME(exp_sum)(e, NAME(piece)(m, buffer, a->x, at + i, k), max, k, lanes);
        if (kept) memcpy((T *)a->out + at + i, e, (size_t)k * sizeof *e);
    }
    T sum = NAME(fold_lanes)(lanes), log_sum = LOG(sum), inverse = 1 / sum;
    EACH_PIECE
    {
        const T *x = NAME(piece)(m, buffer, kept ? a->out : a->x, at + i, k);
        T *out = NAME(place)(m, e, a->out, at + i);
        if (!a->log && !kept) {
            NAME(exp_all)(e, x, max, k);
            x = e;
        }
        if (a->log) {
            SIMD for (int64_t c = 0; c < k; c++) out[c] = x[c] - max - log_sum;
        } else {
            SIMD for (int64_t c = 0; c < k; c++) out[c] = x[c] * inverse;
        }
        NAME(put)(m, a->out, at + i, out, k);
    }
}

static void NAME(long_row_backward)(const fac__softmax_args *a, const access *m, int64_t row)
{
    int64_t n = a->n, at = row * n;
    T buffer[BUFFER + PAST], result[BUFFER + PAST], e[BUFFER + PAST], lanes[LANES] = {0};
    EACH_PIECE
    {
        const T *g = NAME(piece)(m, buffer, a->g, at + i, k);
        NAME(add_lanes)(lanes, g, a->log ? NULL : NAME(piece)(m, result, a->y, at + i, k), k);
    }
    T sum = NAME(fold_lanes)(lanes);
    EACH_PIECE
    {
        const T *g = NAME(piece)(m, buffer, a->g, at + i, k), *y = NAME(piece)(m, result, a->y, at + i, k);
        T *out = NAME(place)(m, e, a->out, at + i);
        if (a->log) {
            NAME(exp_any)(e, y, k);
            SIMD for (int64_t c = 0; c < k; c++) out[c] = FMA(-e[c], sum, g[c]);
        } else {
            SIMD for (int64_t c = 0; c < k; c++) out[c] = (g[c] - sum) * y[c];
        }
        NAME(put)(m, a->out, at + i, out, k);
    }
}

static void NAME(rows)(const fac__softmax_args *a, const access *m, int64_t begin, int64_t end)
{
    if (a->n <= BUFFER / 2)
        NAME(short_rows)(a, m, begin, end);
    else
        for (int64_t row = begin; row < end; row++)
            (a->backward ? NAME(long_row_backward) : NAME(long_row))(a, m, row);
}

/* ---- columns ------------------------------------------------------------------------------------------------ */

#define EACH_ROW for (int64_t i = 0, p = at; i < n; i++, p += a->inner)
#define EACH_COLUMN SIMD for (int64_t c = 0; c < width; c++)

/* A part of a row as T: where it is, if it need not be converted, or in the buffer. */
INLINE const T *NAME(part)(const access *m, T *buffer, const void *from, int64_t at, int64_t n)
{
    if (m->as_it_is) return (const T *)from + at;
    load(m, buffer, from, at, n);
    return buffer;
}

static void NAME(some_columns)(const fac__softmax_args *a, const access *m, int64_t at, int64_t width)
{
    enum { WIDTH = FAC__SOFTMAX_COLUMNS };
    int64_t n = a->n;
    bool kept = m->as_it_is && !a->log;
    T max[WIDTH], sum[WIDTH] = {0}, buffer[WIDTH], y[WIDTH + PAST] = {0};
    for (int64_t c = 0; c < width; c++)
        max[c] = (T)-INFINITY;
    EACH_ROW
    {
        const T *x = NAME(part)(m, buffer, a->x, p, width);
        EACH_COLUMN max[c] = NAME(larger)(max[c], x[c]);
    }
    EACH_ROW
    {
        const T *x = NAME(part)(m, buffer, a->x, p, width);
        EACH_COLUMN y[c] = x[c] - max[c];
        NAME(exp_all)(y, y, 0, width);
        EACH_COLUMN sum[c] += y[c];
        if (kept) memcpy((T *)a->out + p, y, (size_t)width * sizeof *y);
    }
    if (a->log) {
        EACH_COLUMN sum[c] = LOG(sum[c]);
    }
    EACH_ROW
    {
        T *out = NAME(place)(m, y, a->out, p);
        const T *x = NAME(part)(m, buffer, kept ? a->out : a->x, p, width);
        if (a->log) {
            EACH_COLUMN out[c] = x[c] - max[c] - sum[c];
        } else {
            if (!kept) {
                EACH_COLUMN y[c] = x[c] - max[c];
                NAME(exp_all)(y, y, 0, width);
                x = y;
            }
            EACH_COLUMN out[c] = x[c] / sum[c];
        }
        NAME(put)(m, a->out, p, out, width);
    }
}

static void NAME(some_columns_backward)(const fac__softmax_args *a, const access *m, int64_t at, int64_t width)
{
    enum { WIDTH = FAC__SOFTMAX_COLUMNS };
    int64_t n = a->n;
    T sum[WIDTH] = {0}, g_buffer[WIDTH], y_buffer[WIDTH], e[WIDTH + PAST] = {0};
    EACH_ROW
    {
        const T *g = NAME(part)(m, g_buffer, a->g, p, width);
        if (a->log) {
            EACH_COLUMN sum[c] += g[c];
            continue;
        }
        const T *y = NAME(part)(m, y_buffer, a->y, p, width);
        EACH_COLUMN sum[c] = FMA(g[c], y[c], sum[c]);
    }
    EACH_ROW
    {
        const T *g = NAME(part)(m, g_buffer, a->g, p, width), *y = NAME(part)(m, y_buffer, a->y, p, width);
        T *out = NAME(place)(m, g_buffer, a->out, p);
        if (a->log) {
            memcpy(e, y, (size_t)width * sizeof *e);
            NAME(exp_any)(e, e, width);
            EACH_COLUMN out[c] = FMA(-e[c], sum[c], g[c]);
        } else {
            EACH_COLUMN out[c] = y[c] * (g[c] - sum[c]);
        }
        NAME(put)(m, a->out, p, out, width);
    }
}

static void NAME(columns)(const fac__softmax_args *a, const access *m, int64_t begin, int64_t end)
{
    enum { WIDTH = FAC__SOFTMAX_COLUMNS };
    int64_t blocks = (a->inner + WIDTH - 1) / WIDTH;
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t first = unit % blocks * WIDTH, at = unit / blocks * a->n * a->inner + first;
        int64_t width = a->inner - first < WIDTH ? a->inner - first : WIDTH;
        (a->backward ? NAME(some_columns_backward) : NAME(some_columns))(a, m, at, width);
    }
}

#undef BY_ROW
#undef LESS
#undef TIMES
#undef GRADIENT
#undef LOG_GRADIENT
#undef MASKS
#undef EACH_PIECE
#undef EACH_ROW
#undef EACH_COLUMN
#undef T
#undef I
#undef NAME
#undef LANES
