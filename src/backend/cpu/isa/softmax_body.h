/* Floor 1. Softmax of one dtype. Included by softmax_kernels.c with
 *   E  the type of the elements in memory      LOAD(e), STORE(v)  from and to T
 *   T  the type to compute in, I an integer of its size
 *   LANES  how many T make PyTorch's vector on AVX2
 *   NAME(x)  x with the dtype's suffix         EXACT  1 if E is T
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

/* x is a buffer, and may be read up to PAST elements behind its end: the last vector of a row is masked. */
INLINE T NAME(row_max)(const T *x, int64_t n)
{
    enum { WIDE = 4 * PAST }; /* so that the next need not wait for the last */
    T lanes[WIDE];
    for (int k = 0; k < WIDE; k++)
        lanes[k] = (T)-INFINITY;
    for (; n >= WIDE; n -= WIDE, x += WIDE) {
        SIMD for (int k = 0; k < WIDE; k++) lanes[k] = NAME(larger)(lanes[k], x[k]);
    }
    for (; n >= PAST; n -= PAST, x += PAST) {
        SIMD for (int k = 0; k < PAST; k++) lanes[k] = NAME(larger)(lanes[k], x[k]);
    }
    const I *mask = NAME(masks) + PAST - n;
    if (n) {
        SIMD for (int k = 0; k < PAST; k++)
            lanes[k] = NAME(larger)(lanes[k], NAME(masked)(x[k], (T)-INFINITY, mask[k]));
    }
    for (int w = WIDE / 2; w; w /= 2)
        for (int k = 0; k < w; k++)
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

INLINE void NAME(load_all)(T *restrict to, const E *restrict from, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = LOAD(from[i]);
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
static void NAME(short_rows)(const fac__softmax_args *a, int64_t begin, int64_t end)
{
    int64_t n = a->n, together = BUFFER / n;
    T x[BUFFER + PAST], y[BUFFER + PAST], z[BUFFER + PAST], values[BUFFER + PAST];
    for (int64_t row = begin; row < end; row += together) {
        int64_t rows = end - row < together ? end - row : together, all = rows * n;
        E *out = (E *)a->out + row * n;
        NAME(load_all)(x, (const E *)(a->backward ? a->g : a->x) + row * n, all);
        for (int k = 0; k < PAST; k++)
            x[all + k] = y[all + k] = 0;
        if (a->backward) {
            NAME(load_all)(y, (const E *)a->y + row * n, all);
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
        for (int64_t i = 0; i < all; i++)
            out[i] = STORE(z[i]);
    }
}

/* n elements as T: where they are, if that may be read to its end in whole vectors, or in the buffer. */
INLINE const T *NAME(piece)(T *buffer, const E *from, int64_t n)
{
    if (EXACT && n == BUFFER) return (const T *)(const void *)from;
    NAME(load_all)(buffer, from, n);
    for (int k = 0; k < PAST; k++)
        buffer[n + k] = 0;
    return buffer;
}
#define EACH_PIECE for (int64_t i = 0, m; m = n - i < BUFFER ? n - i : BUFFER, i < n; i += m)

static void NAME(long_row)(const fac__softmax_args *a, int64_t row)
{
    int64_t n = a->n;
    const E *in = (const E *)a->x + row * n;
    E *out = (E *)a->out + row * n;
    T buffer[BUFFER + PAST], e[BUFFER + PAST], lanes[LANES] = {0}, max = (T)-INFINITY;
    EACH_PIECE max = NAME(larger)(max, NAME(row_max)(NAME(piece)(buffer, in + i, m), m));
    EACH_PIECE
    {
        NAME(exp_sum)(e, NAME(piece)(buffer, in + i, m), max, m, lanes);
        if (EXACT && !a->log)
            for (int64_t k = 0; k < m; k++)
                out[i + k] = STORE(e[k]);
    }
    T sum = NAME(fold_lanes)(lanes), log_sum = LOG(sum), inverse = 1 / sum;
    EACH_PIECE
    {
        const T *x = NAME(piece)(buffer, EXACT && !a->log ? out + i : in + i, m);
        if (a->log) {
            for (int64_t k = 0; k < m; k++)
                out[i + k] = STORE(x[k] - max - log_sum);
            continue;
        }
        if (!EXACT) {
            NAME(exp_all)(e, x, max, m);
            x = e;
        }
        for (int64_t k = 0; k < m; k++)
            out[i + k] = STORE(x[k] * inverse);
    }
}

static void NAME(long_row_backward)(const fac__softmax_args *a, int64_t row)
{
    int64_t n = a->n, at = row * n;
    T buffer[BUFFER + PAST], result[BUFFER + PAST], e[BUFFER + PAST], lanes[LANES] = {0};
    EACH_PIECE
    {
        const T *g = NAME(piece)(buffer, (const E *)a->g + at + i, m);
        NAME(add_lanes)(lanes, g, a->log ? NULL : NAME(piece)(result, (const E *)a->y + at + i, m), m);
    }
    T sum = NAME(fold_lanes)(lanes);
    EACH_PIECE
    {
        E *out = (E *)a->out + at + i;
        const T *g = NAME(piece)(buffer, (const E *)a->g + at + i, m);
        const T *y = NAME(piece)(result, (const E *)a->y + at + i, m);
        if (a->log) {
            NAME(exp_any)(e, y, m);
            for (int64_t k = 0; k < m; k++)
                out[k] = STORE(FMA(-e[k], sum, g[k]));
        } else {
            for (int64_t k = 0; k < m; k++)
                out[k] = STORE((g[k] - sum) * y[k]);
        }
    }
}

static void NAME(rows)(const fac__softmax_args *a, int64_t begin, int64_t end)
{
    if (a->n <= BUFFER / 2)
        NAME(short_rows)(a, begin, end);
    else
        for (int64_t row = begin; row < end; row++)
            (a->backward ? NAME(long_row_backward) : NAME(long_row))(a, row);
}

/* ---- columns ------------------------------------------------------------------------------------------------ */

static void NAME(columns)(const fac__softmax_args *a, int64_t begin, int64_t end)
{
    enum { WIDTH = FAC__SOFTMAX_COLUMNS };
    int64_t n = a->n, blocks = (a->inner + WIDTH - 1) / WIDTH;
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t first = unit % blocks * WIDTH, at = unit / blocks * n * a->inner + first;
        int64_t width = a->inner - first < WIDTH ? a->inner - first : WIDTH;
        T max[WIDTH], sum[WIDTH], x[WIDTH + PAST] = {0}, y[WIDTH + PAST] = {0};
        for (int64_t c = 0; c < width; c++) {
            max[c] = (T)-INFINITY;
            sum[c] = 0;
        }
#define EACH_ROW for (int64_t i = 0, p = at; i < n; i++, p += a->inner)
        if (a->backward) {
            EACH_ROW
            {
                NAME(load_all)(x, (const E *)a->g + p, width);
                NAME(load_all)(y, (const E *)a->y + p, width);
                for (int64_t c = 0; c < width; c++)
                    sum[c] = a->log ? sum[c] + x[c] : FMA(x[c], y[c], sum[c]);
            }
            EACH_ROW
            {
                NAME(load_all)(x, (const E *)a->g + p, width);
                NAME(load_all)(y, (const E *)a->y + p, width);
                if (a->log) NAME(exp_any)(y, y, width);
                for (int64_t c = 0; c < width; c++)
                    ((E *)a->out)[p + c] = STORE(a->log ? FMA(-y[c], sum[c], x[c]) : y[c] * (x[c] - sum[c]));
            }
            continue;
        }
        EACH_ROW
        {
            NAME(load_all)(x, (const E *)a->x + p, width);
            for (int64_t c = 0; c < width; c++)
                max[c] = NAME(larger)(max[c], x[c]);
        }
        EACH_ROW
        {
            NAME(load_all)(x, (const E *)a->x + p, width);
            for (int64_t c = 0; c < width; c++)
                x[c] -= max[c];
            NAME(exp_all)(y, x, 0, width);
            for (int64_t c = 0; c < width; c++)
                sum[c] += y[c];
            if (EXACT && !a->log)
                for (int64_t c = 0; c < width; c++)
                    ((E *)a->out)[p + c] = STORE(y[c]);
        }
        if (a->log) {
            SIMD for (int64_t c = 0; c < width; c++) sum[c] = LOG(sum[c]);
        }
        EACH_ROW
        {
            E *out = (E *)a->out + p;
            NAME(load_all)(x, EXACT && !a->log ? out : (const E *)a->x + p, width);
            if (a->log) {
                for (int64_t c = 0; c < width; c++)
                    out[c] = STORE(x[c] - max[c] - sum[c]);
                continue;
            }
            if (!EXACT) {
                for (int64_t c = 0; c < width; c++)
                    x[c] -= max[c];
                NAME(exp_all)(x, x, 0, width);
            }
            for (int64_t c = 0; c < width; c++)
                out[c] = STORE(x[c] / sum[c]);
        }
#undef EACH_ROW
    }
}

#undef BY_ROW
#undef LESS
#undef TIMES
#undef GRADIENT
#undef LOG_GRADIENT
#undef MASKS
#undef EACH_PIECE
#undef E
#undef T
#undef I
#undef NAME
#undef LOAD
#undef STORE
#undef LANES
#undef EXACT
