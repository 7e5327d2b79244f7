/* Floor 1. Softmax of one dtype. Included by softmax_kernels.c with
 *   E  the type of the elements in memory      LOAD(e), STORE(v)  from and to T
 *   T  the type to compute in                  LANES  how many T make PyTorch's vector on AVX2
 *   NAME(x)  x with the dtype's suffix         EXACT  1 if E is T
 *
 * Sums are made in the order in which PyTorch's AVX2 code makes them (ATen/cpu/vec/functional_base.h and
 * ATen/native/cpu/SoftMaxKernel.cpp), so that they have its bits. */

INLINE T NAME(row_max)(const E *x, int64_t n)
{
    T lanes[16], max = (T)-INFINITY;
    int64_t i = 0;
    if (n >= 64) {
        for (int k = 0; k < 16; k++)
            lanes[k] = max;
        for (; i + 16 <= n; i += 16)
            for (int k = 0; k < 16; k++) {
                T v = LOAD(x[i + k]), m = lanes[k] > v ? lanes[k] : v;
                lanes[k] = lanes[k] != lanes[k] ? lanes[k] : m;
            }
        for (int k = 0; k < 16; k++)
            max = max > lanes[k] || max != max ? max : lanes[k];
    }
    for (; i < n; i++) {
        T v = LOAD(x[i]);
        max = max > v || max != max ? max : v;
    }
    return max;
}

/* Adds x, or the products x * y, to LANES running sums; only the last call for a row may have an n that is no multiple
 * of LANES. */
INLINE void NAME(add_lanes)(T *sum, const T *x, const T *y, int64_t n)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            sum[k] = y ? FMA(x[i + k], y[i + k], sum[k]) : sum[k] + x[i + k];
    for (int k = 0; i < n; i++, k++)
        sum[k] = y ? FMA(x[i], y[i], sum[k]) : sum[k] + x[i];
}
INLINE T NAME(fold_lanes)(T *sum)
{
    if (LANES == 4) return ((sum[0] + sum[1]) + sum[2]) + sum[3];
    for (int w = LANES / 2; w; w /= 2)
        for (int k = 0; k < w; k++)
            sum[k] = sum[k] + sum[k + w];
    return sum[0];
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
static __attribute__((noinline)) void NAME(exp_all)(T *to, const T *from, int64_t n)
{
    SIMD for (int64_t i = 0; i < n; i++) to[i] = EXP(from[i]);
}

/* ---- rows --------------------------------------------------------------------------------------------------- */

/* Rows that fit the buffers several at a time, so that exponentials of short rows fill vectors. */
static void NAME(short_rows)(const fac__softmax_args *a, int64_t begin, int64_t end)
{
    int64_t n = a->n, together = BUFFER / n;
    T x[BUFFER], y[BUFFER], sums[BUFFER];
    for (int64_t row = begin; row < end; row += together) {
        int64_t rows = end - row < together ? end - row : together, all = rows * n;
        E *out = (E *)a->out + row * n;
        if (a->backward) {
            NAME(load_all)(x, (const E *)a->g + row * n, all);
            NAME(load_all)(y, (const E *)a->y + row * n, all);
            for (int64_t r = 0; r < rows; r++)
                sums[r] = NAME(sum)(x + r * n, a->log ? NULL : y + r * n, n);
            if (a->log) NAME(exp_all)(y, y, all);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t i = r * n; i < (r + 1) * n; i++)
                    out[i] = STORE(a->log ? FMA(-y[i], sums[r], x[i]) : (x[i] - sums[r]) * y[i]);
            continue;
        }
        const E *in = (const E *)a->x + row * n;
        for (int64_t r = 0; r < rows; r++) {
            T max = NAME(row_max)(in + r * n, n);
            for (int64_t i = r * n; i < (r + 1) * n; i++)
                x[i] = LOAD(in[i]) - max;
        }
        NAME(exp_all)(y, x, all);
        for (int64_t r = 0; r < rows; r++)
            sums[r] = NAME(sum)(y + r * n, NULL, n);
        if (a->log) {
            for (int64_t r = 0; r < rows; r++)
                sums[r] = LOG(sums[r]);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t i = r * n; i < (r + 1) * n; i++)
                    out[i] = STORE(x[i] - sums[r]);
        } else {
            for (int64_t r = 0; r < rows; r++)
                sums[r] = 1 / sums[r];
            for (int64_t r = 0; r < rows; r++)
                for (int64_t i = r * n; i < (r + 1) * n; i++)
                    out[i] = STORE(y[i] * sums[r]);
        }
    }
}

/* One row after the other, a buffer of it at a time. */
static void NAME(long_row)(const fac__softmax_args *a, int64_t row)
{
    int64_t n = a->n, at = row * n;
    E *out = (E *)a->out + at;
    const E *in = a->backward ? (const E *)a->g + at : (const E *)a->x + at;
    const E *result = a->backward ? (const E *)a->y + at : NULL;
    T x[BUFFER], y[BUFFER], lanes[LANES] = {0}, max = a->backward ? 0 : NAME(row_max)(in, n);
#define EACH_PIECE for (int64_t i = 0, m; m = n - i < BUFFER ? n - i : BUFFER, i < n; i += m)
    EACH_PIECE
    {
        NAME(load_all)(x, in + i, m);
        if (a->backward) {
            if (!a->log) NAME(load_all)(y, result + i, m);
            NAME(add_lanes)(lanes, x, a->log ? NULL : y, m);
            continue;
        }
        for (int64_t k = 0; k < m; k++)
            x[k] -= max;
        NAME(exp_all)(y, x, m);
        NAME(add_lanes)(lanes, y, NULL, m);
        if (EXACT && !a->log)
            for (int64_t k = 0; k < m; k++)
                out[i + k] = STORE(y[k]);
    }
    T sum = NAME(fold_lanes)(lanes), log_sum = LOG(sum), inverse = 1 / sum;
    EACH_PIECE
    {
        NAME(load_all)(x, EXACT && !a->log && !a->backward ? out + i : in + i, m);
        if (a->backward) {
            NAME(load_all)(y, result + i, m);
            if (a->log) NAME(exp_all)(y, y, m);
            for (int64_t k = 0; k < m; k++)
                out[i + k] = STORE(a->log ? FMA(-y[k], sum, x[k]) : (x[k] - sum) * y[k]);
        } else if (a->log) {
            for (int64_t k = 0; k < m; k++)
                out[i + k] = STORE(x[k] - max - log_sum);
        } else {
            if (!EXACT) {
                for (int64_t k = 0; k < m; k++)
                    x[k] -= max;
                NAME(exp_all)(x, x, m);
            }
            for (int64_t k = 0; k < m; k++)
                out[i + k] = STORE(x[k] * inverse);
        }
    }
#undef EACH_PIECE
}

static void NAME(rows)(const fac__softmax_args *a, int64_t begin, int64_t end)
{
    if (a->n <= BUFFER / 2)
        NAME(short_rows)(a, begin, end);
    else
        for (int64_t row = begin; row < end; row++)
            NAME(long_row)(a, row);
}

/* ---- columns ------------------------------------------------------------------------------------------------ */

static void NAME(columns)(const fac__softmax_args *a, int64_t begin, int64_t end)
{
    enum { WIDTH = FAC__SOFTMAX_COLUMNS };
    int64_t n = a->n, blocks = (a->inner + WIDTH - 1) / WIDTH;
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t first = unit % blocks * WIDTH, at = unit / blocks * n * a->inner + first;
        int64_t width = a->inner - first < WIDTH ? a->inner - first : WIDTH;
        T max[WIDTH], sum[WIDTH], x[WIDTH], y[WIDTH];
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
                if (a->log) NAME(exp_all)(y, y, width);
                for (int64_t c = 0; c < width; c++)
                    ((E *)a->out)[p + c] = STORE(a->log ? FMA(-y[c], sum[c], x[c]) : y[c] * (x[c] - sum[c]));
            }
            continue;
        }
        EACH_ROW
        {
            NAME(load_all)(x, (const E *)a->x + p, width);
            for (int64_t c = 0; c < width; c++) {
                T m = max[c] > x[c] ? max[c] : x[c];
                max[c] = max[c] != max[c] ? max[c] : m;
            }
        }
        EACH_ROW
        {
            NAME(load_all)(x, (const E *)a->x + p, width);
            for (int64_t c = 0; c < width; c++)
                x[c] -= max[c];
            NAME(exp_all)(y, x, width);
            for (int64_t c = 0; c < width; c++)
                sum[c] += y[c];
            if (EXACT && !a->log)
                for (int64_t c = 0; c < width; c++)
                    ((E *)a->out)[p + c] = STORE(y[c]);
        }
        if (a->log)
            for (int64_t c = 0; c < width; c++)
                sum[c] = LOG(sum[c]);
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
                NAME(exp_all)(x, x, width);
            }
            for (int64_t c = 0; c < width; c++)
                out[c] = STORE(x[c] / sum[c]);
        }
#undef EACH_ROW
    }
}

#undef E
#undef T
#undef NAME
#undef LOAD
#undef STORE
#undef LANES
#undef EXACT
