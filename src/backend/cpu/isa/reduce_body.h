/* Floor 1. The loops of one compute type. Included by reduce_kernels.c with
 *   T        the type of the elements           I  an integer of its size A        what results are kept in: double or
 *   int64_t FLOATING 0 or 1                             NAME(x)  x with the type's suffix
 *
 * Every loop over columns is written so that the compiler vectorises it. A row is folded the same way, as a matrix of
 * 64 or 16 columns whose results are then folded themselves; so no result depends on the instruction set. */

/* ---- two to one, and what goes in --------------------------------------------------------------------------- */

#if FLOATING
#define IS_NAN(x) ((x) != (x))
INLINE T NAME(add)(T a, T b)
{
    return a + b;
}
INLINE T NAME(mul)(T a, T b)
{
    return a * b;
}
#else
#define IS_NAN(x) ((void)(x), 0)
INLINE T NAME(add)(T a, T b)
{
    return (T)((uint64_t)a + (uint64_t)b);
}
INLINE T NAME(mul)(T a, T b)
{
    return (T)((uint64_t)a * (uint64_t)b);
}
#endif
INLINE double NAME(add_double)(double a, double b)
{
    return a + b;
}
/* b, unless a is NaN; by bits, as with "? :" the compiler splits a loop into cases. */
INLINE T NAME(unless_nan)(T a, T b)
{
#if FLOATING
    union {
        T value;
        I bits;
    } x = {a}, y = {b};
    I mask = -(I)(a != a);
    y.bits = (x.bits & mask) | (y.bits & ~mask);
    return y.value;
#else
    return (void)a, b;
#endif
}
INLINE T NAME(max)(T a, T b)
{
    return NAME(unless_nan)(a, a > b ? a : b);
}
INLINE T NAME(min)(T a, T b)
{
    return NAME(unless_nan)(a, a < b ? a : b);
}

#define SELF(x, p) (x)
#define SQUARE(x, p) NAME(mul)(x, x)
#define MAGNITUDE(x, p) ((x) < 0 ? NAME(mul)(x, -1) : (x))
#define NONZERO(x, p) ((T)((x) != 0))
#define WIDER(x, p) ((double)(x))
#define SQUARED_DIFFERENCE(x, p) (((double)(x) - (p)) * ((double)(x) - (p)))

/* ---- folds -------------------------------------------------------------------------------------------------- */

/* fold: acc[c] = combine(acc[c], map(x[c], p[c])) over rows, eight of them at a time as a tree where sums are to be
 * exact; else row by row, which memory likes better. UNROLLED: where the columns are few enough to stay in registers. */
#define FOLD_ROWS(fold, ACC, combine, map, tree, UNROLLED)                                                             \
    INLINE void NAME(fold)(ACC *restrict acc, const T *restrict x, int64_t stride, int64_t rows, int64_t cols,         \
                           const ACC *restrict p)                                                                      \
    {                                                                                                                  \
        (void)p;                                                                                                       \
        for (; tree && rows >= 8; rows -= 8, x += 8 * stride)                                                          \
            for (int64_t c = 0; c < cols; c++) {                                                                       \
                const T *y = x + c, *z = y + 4 * stride;                                                               \
                ACC a = NAME(combine)(map(y[0], p[c]), map(y[stride], p[c]));                                          \
                ACC b = NAME(combine)(map(y[2 * stride], p[c]), map(y[3 * stride], p[c]));                             \
                ACC d = NAME(combine)(map(z[0], p[c]), map(z[stride], p[c]));                                          \
                ACC e = NAME(combine)(map(z[2 * stride], p[c]), map(z[3 * stride], p[c]));                             \
                acc[c] = NAME(combine)(acc[c], NAME(combine)(NAME(combine)(a, b), NAME(combine)(d, e)));               \
            }                                                                                                          \
        for (; rows > 0; rows--, x += stride)                                                                          \
            UNROLLED for (int64_t c = 0; c < cols; c++) acc[c] = NAME(combine)(acc[c], map(x[c], p[c]));               \
    }

/* name_block: the same, where few columns that lie close are folded as if they were many.
 * name_row: one row to one value. */
#define FOLD(name, ACC, combine, map, tree)                                                                            \
    FOLD_ROWS(name##_fold, ACC, combine, map, tree, )                                                                  \
    FOLD_ROWS(name##_fold_lanes, ACC, combine, map, tree, _Pragma("GCC unroll 8"))                                     \
    static void NAME(name##_block)(ACC * acc, const T *x, int64_t stride, int64_t rows, int64_t cols, const ACC *p,    \
                                   ACC start)                                                                          \
    {                                                                                                                  \
        int64_t times = stride == cols && rows * cols >= 512 ? 64 / cols : 1;                                          \
        ACC repeated[64];                                                                                              \
        if (times > 1 && p) {                                                                                          \
            for (int64_t c = 0; c < times * cols; c++)                                                                 \
                repeated[c] = p[c % cols];                                                                             \
            p = repeated;                                                                                              \
        }                                                                                                              \
        if (times < 1) times = 1;                                                                                      \
        int64_t wide = times * cols, whole = rows / times;                                                             \
        for (int64_t c = 0; c < wide; c++)                                                                             \
            acc[c] = start;                                                                                            \
        NAME(name##_fold)(acc, x, times > 1 ? wide : stride, whole, wide, p);                                          \
        x += whole * wide;                                                                                             \
        for (int64_t c = 0; c < rows % times * cols; c++)                                                              \
            acc[c] = NAME(combine)(acc[c], map(x[c], p[c]));                                                           \
        for (int64_t i = cols; i < wide; i++)                                                                          \
            acc[i % cols] = NAME(combine)(acc[i % cols], acc[i]);                                                      \
    }                                                                                                                  \
    INLINE ACC NAME(name##_lanes)(const T *x, int64_t n, int lanes, ACC start, ACC parameter)                          \
    {                                                                                                                  \
        ACC acc[64], p[64];                                                                                            \
        for (int c = 0; c < lanes; c++) {                                                                              \
            acc[c] = start;                                                                                            \
            p[c] = parameter;                                                                                          \
        }                                                                                                              \
        (void)p;                                                                                                       \
        NAME(name##_fold_lanes)(acc, x, lanes, n / lanes, lanes, p);                                                   \
        x += n / lanes * lanes;                                                                                        \
        for (int64_t c = 0; c < n % lanes; c++)                                                                        \
            acc[c] = NAME(combine)(acc[c], map(x[c], p[c]));                                                           \
        _Pragma("GCC unroll 6") for (int w = lanes / 2; w; w /= 2) _Pragma("omp simd") for (int c = 0; c < w; c++)     \
            acc[c] = NAME(combine)(acc[c], acc[c + w]);                                                                \
        return acc[0];                                                                                                 \
    }                                                                                                                  \
    static __attribute__((unused)) ACC NAME(name##_row)(const T *x, int64_t n, ACC start, ACC p)                       \
    {                                                                                                                  \
        (void)p;                                                                                                       \
        if (n >= 1024) return NAME(name##_lanes)(x, n, 64, start, p);                                                  \
        if (n >= 16) return NAME(name##_lanes)(x, n, 16, start, p);                                                    \
        for (int64_t i = 0; i < n; i++)                                                                                \
            start = NAME(combine)(start, map(x[i], p));                                                                \
        return start;                                                                                                  \
    }

/* Segments whose results are one value each, merged by `merge` of two A. */
#define SEGMENTS(name, start, merge)                                                                                   \
    static void NAME(name##_rows)(const fac__segment *s)                                                               \
    {                                                                                                                  \
        A *value = s->value;                                                                                           \
        for (int64_t i = 0; i < s->outputs; i++) {                                                                     \
            A v = (A)NAME(name##_row)((const T *)s->x + i * s->stride, s->n, start, 0);                                \
            value[i] = s->before ? merge(value[i], v) : v;                                                             \
        }                                                                                                              \
    }                                                                                                                  \
    static void NAME(name##_columns)(const fac__segment *s)                                                            \
    {                                                                                                                  \
        A *value = s->value;                                                                                           \
        T acc[FAC__REDUCE_OUTPUTS];                                                                                    \
        NAME(name##_block)(acc, s->x, s->stride, s->n, s->outputs, NULL, start);                                       \
        for (int64_t i = 0; i < s->outputs; i++)                                                                       \
            value[i] = s->before ? merge(value[i], (A)acc[i]) : (A)acc[i];                                             \
    }

#if FLOATING
#define LOWEST ((T)-INFINITY)
#define HIGHEST ((T)INFINITY)
#define MERGE_ADD(a, b) ((a) + (b))
#define MERGE_MUL(a, b) ((a) * (b))
#else
#define LOWEST INT64_MIN
#define HIGHEST INT64_MAX
#define MERGE_ADD(a, b) NAME(add)(a, b)
#define MERGE_MUL(a, b) NAME(mul)(a, b)
#endif
#define MERGE_MAX(a, b) ((a) > (b) || IS_NAN(a) ? (a) : (b))
#define MERGE_MIN(a, b) ((a) < (b) || IS_NAN(a) ? (a) : (b))

FOLD(prod, T, mul, SELF, true)
FOLD(max, T, max, SELF, false)
FOLD(min, T, min, SELF, false)
FOLD(squares, T, add, SQUARE, true)
FOLD(magnitudes, T, add, MAGNITUDE, true)
FOLD(nonzero, T, add, NONZERO, true)
FOLD(any, T, max, NONZERO, false)
FOLD(all, T, min, NONZERO, false)
SEGMENTS(prod, 1, MERGE_MUL)
SEGMENTS(max, LOWEST, MERGE_MAX)
SEGMENTS(min, HIGHEST, MERGE_MIN)
SEGMENTS(squares, 0, MERGE_ADD)
SEGMENTS(magnitudes, 0, MERGE_ADD)
SEGMENTS(nonzero, 0, MERGE_ADD)
SEGMENTS(any, 0, MERGE_MAX)
SEGMENTS(all, 1, MERGE_MIN)

/* ---- positions ---------------------------------------------------------------------------------------------- */

/* Where v, which is there, comes first; any NaN for NaN. */
static int64_t NAME(find)(const T *x, int64_t n, T v)
{
    enum { BLOCK = 64 };
    int64_t i = 0;
    for (; i + BLOCK < n; i += BLOCK) {
        I hit = 0;
        SIMD_REDUCE(| : hit) for (int k = 0; k < BLOCK; k++) hit |= (x[i + k] == v) | (IS_NAN(v) & IS_NAN(x[i + k]));
        if (hit) break;
    }
    I first = BLOCK, left = (I)(n - i < BLOCK ? n - i : BLOCK);
    SIMD_REDUCE(min : first) for (I k = 0; k < left; k++)
    {
        I here = (x[i + k] == v) | (IS_NAN(v) & IS_NAN(x[i + k])) ? k : BLOCK;
        first = here < first ? here : first;
    }
    return i + first;
}

/* Of equal values the first counts; pieces may come in any order. */
#define MERGE_AT(s, i, v, at, over)                                                                                    \
    do {                                                                                                               \
        A *value_ = (A *)(s)->value + (i), v_ = (A)(v);                                                                \
        int64_t *index_ = (int64_t *)(s)->extra + (i), at_ = (s)->position + (at) * (s)->step;                         \
        bool same_ = v_ == *value_ || (IS_NAN(v_) && IS_NAN(*value_));                                                 \
        if (!(s)->before || v_ over * value_ || (IS_NAN(v_) && !IS_NAN(*value_)) || (same_ && at_ < *index_)) {        \
            *value_ = v_;                                                                                              \
            *index_ = at_;                                                                                             \
        }                                                                                                              \
    } while (0)

#define ARG_SEGMENTS(name, start, over)                                                                                \
    /* It is looked for in the block that it was found in, as that is in the cache. */                                 \
    static T NAME(arg##name##_row)(const T *x, int64_t n, int64_t *at)                                                 \
    {                                                                                                                  \
        enum { BLOCK = 1024 };                                                                                         \
        T v = x[0];                                                                                                    \
        int64_t from = 0;                                                                                              \
        for (int64_t k = 0; k < n; k += BLOCK) {                                                                       \
            fac__ask_for((const char *)(x + k) + AHEAD, BLOCK * sizeof *x);                                            \
            T best = NAME(name##_row)(x + k, n - k < BLOCK ? n - k : BLOCK, start, 0);                                 \
            if (k && !(best over v) && !(IS_NAN(best) && !IS_NAN(v))) continue;                                        \
            v = best;                                                                                                  \
            from = k;                                                                                                  \
        }                                                                                                              \
        *at = from + NAME(find)(x + from, n - from < BLOCK ? n - from : BLOCK, v);                                     \
        return v;                                                                                                      \
    }                                                                                                                  \
    static void NAME(arg##name##_rows)(const fac__segment *s)                                                          \
    {                                                                                                                  \
        for (int64_t i = 0; i < s->outputs; i++) {                                                                     \
            const T *x = (const T *)s->x + i * s->stride;                                                              \
            T v = x[0];                                                                                                \
            int64_t at = 0;                                                                                            \
            if (s->n >= 16) v = NAME(arg##name##_row)(x, s->n, &at);                                                   \
            for (int64_t k = 1; s->n < 16 && k < s->n; k++) {                                                          \
                bool better = (x[k] over v) | (IS_NAN(x[k]) & !IS_NAN(v));                                             \
                v = better ? x[k] : v;                                                                                 \
                at = better ? k : at;                                                                                  \
            }                                                                                                          \
            MERGE_AT(s, i, v, at, over);                                                                               \
        }                                                                                                              \
    }                                                                                                                  \
    static void NAME(arg##name##_columns)(const fac__segment *s)                                                       \
    {                                                                                                                  \
        T best[FAC__REDUCE_OUTPUTS];                                                                                   \
        I at[FAC__REDUCE_OUTPUTS];                                                                                     \
        const T *restrict x = s->x;                                                                                    \
        for (int64_t c = 0; c < s->outputs; c++) {                                                                     \
            best[c] = x[c];                                                                                            \
            at[c] = 0;                                                                                                 \
        }                                                                                                              \
        for (int64_t r = 1; r < s->n; r++) {                                                                           \
            x += s->stride;                                                                                            \
            for (int64_t c = 0; c < s->outputs; c++) {                                                                 \
                bool better = (x[c] over best[c]) | (IS_NAN(x[c]) & !IS_NAN(best[c]));                                 \
                best[c] = better ? x[c] : best[c];                                                                     \
                at[c] = better ? (I)r : at[c];                                                                         \
            }                                                                                                          \
        }                                                                                                              \
        for (int64_t c = 0; c < s->outputs; c++)                                                                       \
            MERGE_AT(s, c, best[c], at[c], over);                                                                      \
    }
ARG_SEGMENTS(max, LOWEST, >)
ARG_SEGMENTS(min, HIGHEST, <)

#if FLOATING
/* ---- sums of floats ----------------------------------------------------------------------------------------- */

/* In the order in which PyTorch's AVX2 code adds (cascade_sum of ATen/native/cpu/SumKernel.cpp), so that sums have its
 * bits: rows in runs of at least 16, runs of runs, and so on, four levels in all, which keeps the error small as well.
 * Four elements E are summed side by side, `col` apart, over rows `row` apart. */
typedef T NAME(vector) __attribute__((vector_size(32), aligned(sizeof(T)), may_alias));
typedef I NAME(mask) __attribute__((vector_size(32)));
enum { NAME(LANES) = 32 / sizeof(T) };

#define LOAD_ONE(p) (nans && IS_NAN(*(p)) ? 0 : *(p))
#define LOAD_VECTOR(p)                                                                                                 \
    __extension__({                                                                                                    \
        NAME(vector) v_ = *(const NAME(vector) *)(p);                                                                  \
        nans ? (NAME(vector))((NAME(mask))v_ & (NAME(mask))(v_ == v_)) : v_;                                           \
    })

#define CASCADE_POWER(rows) ((rows) > 1 << 16 ? (64 - __builtin_clzll((uint64_t)(rows)-1)) / 4 : 4)
#define CASCADE(name, E, LOAD)                                                                                         \
    INLINE void NAME(name##_run)(E out[4], const T *x, int64_t row, int64_t col, int64_t rows, bool nans)              \
    {                                                                                                                  \
        E a = {0}, b = {0}, c = {0}, d = {0};                                                                          \
        for (; rows > 0; rows--, x += row) {                                                                           \
            a += LOAD(x);                                                                                              \
            b += LOAD(x + col);                                                                                        \
            c += LOAD(x + 2 * col);                                                                                    \
            d += LOAD(x + 3 * col);                                                                                    \
        }                                                                                                              \
        out[0] = a, out[1] = b, out[2] = c, out[3] = d;                                                                \
    }                                                                                                                  \
    INLINE void NAME(name##_four)(E out[4], const T *x, int64_t row, int64_t col, int64_t rows, bool nans)             \
    {                                                                                                                  \
        int64_t i = 0, power = CASCADE_POWER(rows), run = (int64_t)1 << power;                                         \
        if (rows < run) {                                                                                              \
            NAME(name##_run)(out, x, row, col, rows, nans);                                                            \
            return;                                                                                                    \
        }                                                                                                              \
        E levels[3][4] = {0};                                                                                          \
        for (; i + run <= rows; x += run * row) {                                                                      \
            NAME(name##_run)(out, x, row, col, run, nans);                                                             \
            for (int k = 0; k < 4; k++)                                                                                \
                levels[0][k] += out[k];                                                                                \
            i += run;                                                                                                  \
            for (int j = 0; j < 2 && !(i & ((run - 1) << ((j + 1) * power))); j++)                                     \
                for (int k = 0; k < 4; k++) {                                                                          \
                    levels[j + 1][k] += levels[j][k];                                                                  \
                    levels[j][k] = (E){0};                                                                             \
                }                                                                                                      \
        }                                                                                                              \
        NAME(name##_run)(out, x, row, col, rows - i, nans);                                                            \
        for (int j = 0; j < 3; j++)                                                                                    \
            for (int k = 0; k < 4; k++)                                                                                \
                out[k] += levels[j][k];                                                                                \
    }                                                                                                                  \
    /* One E over rows: every fourth row goes to the same of four sums. */                                             \
    INLINE void NAME(name##_interleaved)(E * out, const T *x, int64_t stride, int64_t rows, bool nans)                 \
    {                                                                                                                  \
        E four[4] = {0};                                                                                               \
        if (rows >= 4) NAME(name##_four)(four, x, 4 * stride, stride, rows / 4, nans);                                 \
        for (int64_t i = rows / 4 * 4; i < rows; i++)                                                                  \
            four[0] += LOAD(x + i * stride);                                                                           \
        four[0] += four[1];                                                                                            \
        four[0] += four[2];                                                                                            \
        *out = four[0] + four[3];                                                                                      \
    }
CASCADE(one, T, LOAD_ONE)
CASCADE(vector, NAME(vector), LOAD_VECTOR)

/* name_interleaved without its loops. */
INLINE T NAME(short_sum)(const T *x, int64_t apart, int64_t n, bool nans)
{
    T sum = 0;
    if (n >= 4) sum += LOAD_ONE(x);
    for (int64_t i = n & 4; i < n; i++)
        sum += LOAD_ONE(x + i * apart);
    for (int64_t i = 1; n >= 4 && i < 4; i++)
        sum += LOAD_ONE(x + i * apart);
    return sum;
}

INLINE T NAME(vectors_sum)(const T *x, int64_t n, bool nans)
{
    T sum = 0;
    NAME(vector) v;
    NAME(vector_interleaved)(&v, x, NAME(LANES), n / NAME(LANES), nans);
    for (int64_t i = n / NAME(LANES) * NAME(LANES); i < n; i++)
        sum += LOAD_ONE(x + i);
    for (int k = 0; k < NAME(LANES); k++)
        sum += v[k];
    return sum;
}

/* The same sums as name_four's of all vectors of `cols` columns, a run of rows after the other, as memory lies. */
INLINE void NAME(plain_columns)(T *out, const T *x, int64_t stride, int64_t rows, int64_t cols, bool nans)
{
    enum { WIDTH = 4 * NAME(LANES) };
    T levels[3][FAC__REDUCE_OUTPUTS];
    memset(levels, 0, sizeof levels);
    int64_t power = CASCADE_POWER(rows), run = (int64_t)1 << power;
    for (int64_t i = 0; i < rows; i += run, x += run * stride) {
        bool whole = i + run <= rows;
        for (int64_t c = 0; c < cols; c += WIDTH) {
            NAME(vector) sums[4];
            NAME(vector_run)(sums, x + c, stride, NAME(LANES), whole ? run : rows - i, nans);
            for (int k = 0; k < 4; k++) {
                if (whole) sums[k] += *(NAME(vector) *)(levels[0] + c + k * NAME(LANES));
                *(NAME(vector) *)((whole ? levels[0] : out) + c + k * NAME(LANES)) = sums[k];
            }
        }
        for (int j = 0; whole && j < 2 && !((i + run) & ((run - 1) << ((j + 1) * power))); j++)
            for (int64_t c = 0; c < cols; c++) {
                levels[j + 1][c] += levels[j][c];
                levels[j][c] = 0;
            }
    }
    for (int64_t c = 0; c < cols; c++) {
        T sum = rows % run ? out[c] : 0;
        out[c] = ((sum + levels[0][c]) + levels[1][c]) + levels[2][c];
    }
}

INLINE void NAME(column_sums)(T *out, const fac__segment *s, bool nans)
{
    const T *x = s->x;
    int64_t c = s->apart == 1 ? s->vectors & -(4 * NAME(LANES)) : 0;
    if (c) NAME(plain_columns)(out, x, s->stride, s->n, c, nans);
    for (; c < s->vectors; c += 4)
        NAME(one_four)(out + c, x + c * s->apart, s->stride, s->apart, s->n, nans);
    for (; s->apart == 1 && c + NAME(LANES) <= s->outputs; c += NAME(LANES)) {
        NAME(vector) v;
        NAME(vector_interleaved)(&v, x + c, s->stride, s->n, nans);
        memcpy(out + c, &v, sizeof v);
    }
    for (; c < s->outputs; c++)
        NAME(one_interleaved)(out + c, x + c * s->apart, s->stride, s->n, nans);
}

INLINE void NAME(merge_sum)(const fac__segment *s, int64_t i, T v)
{
    double *value = (double *)s->value + i, sum = s->before ? *value + v : v;
    *value = s->rounded ? (double)(T)sum : sum;
}

#define SUM_SEGMENTS(name, nans)                                                                                       \
    /* Apart, so that what goes before long sums is not done for each short one. */                                    \
    static __attribute__((noinline)) T NAME(name##_long)(const T *x, int64_t apart, int64_t n, bool vectors)           \
    {                                                                                                                  \
        T sum;                                                                                                         \
        if (vectors) return NAME(vectors_sum)(x, n, nans);                                                             \
        NAME(one_interleaved)(&sum, x, apart, n, nans);                                                                \
        return sum;                                                                                                    \
    }                                                                                                                  \
    static void NAME(name##_rows)(const fac__segment *s)                                                               \
    {                                                                                                                  \
        bool vectors = s->vectors && s->n >= NAME(LANES);                                                              \
        for (int64_t i = 0; i < s->outputs; i++) {                                                                     \
            const T *x = (const T *)s->x + i * s->stride;                                                              \
            T sum = vectors || s->n >= 8 ? NAME(name##_long)(x, s->apart, s->n, vectors)                               \
                                         : NAME(short_sum)(x, s->apart, s->n, nans);                                   \
            NAME(merge_sum)(s, i, sum);                                                                                \
        }                                                                                                              \
    }                                                                                                                  \
    static void NAME(name##_columns)(const fac__segment *s)                                                            \
    {                                                                                                                  \
        T out[FAC__REDUCE_OUTPUTS];                                                                                    \
        NAME(column_sums)(out, s, nans);                                                                               \
        for (int64_t i = 0; i < s->outputs; i++)                                                                       \
            NAME(merge_sum)(s, i, out[i]);                                                                             \
    }
SUM_SEGMENTS(sum, false)
SUM_SEGMENTS(nansum, true)

/* ---- means and squared differences -------------------------------------------------------------------------- */

FOLD(total, double, add_double, WIDER, true)
FOLD(spread, double, add_double, SQUARED_DIFFERENCE, true)

/* Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979. */
INLINE void NAME(merge_mean)(const fac__segment *s, int64_t i, double mean, double squares)
{
    double *m = (double *)s->value + i, *q = (double *)s->extra + i;
    if (s->before) {
        double a = (double)s->before, b = (double)s->n, delta = mean - *m;
        *m += delta * (b / (a + b));
        *q += squares + delta * delta * (a * b / (a + b));
    } else {
        *m = mean;
        *q = squares;
    }
}

/* Of floats in one pass, as differences from the first: that is at most n variances away from the mean, so what squares lose
 * when the mean's is taken off them is n ulp of a double. */
static void NAME(row_moments)(const T *x, int64_t n, double *mean, double *squares)
{
    enum { LANES = 32 };
    double sum[LANES] = {0}, square[LANES] = {0}, start = isfinite(x[0]) ? (double)x[0] : 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        fac__ask_for((const char *)(x + i) + AHEAD, LANES * sizeof *x);
        _Pragma("GCC unroll 8") for (int k = 0; k < LANES; k++)
        {
            double d = (double)x[i + k] - start;
            sum[k] += d;
            square[k] += d * d;
        }
    }
    for (int k = 0; i + k < n; k++) {
        double d = (double)x[i + k] - start;
        sum[k] += d;
        square[k] += d * d;
    }
    for (int w = LANES / 2; w; w /= 2)
        for (int k = 0; k < w; k++) {
            sum[k] += sum[k + w];
            square[k] += square[k + w];
        }
    double spread = square[0] - sum[0] * (sum[0] / (double)n);
    *mean = start + sum[0] / (double)n;
    *squares = spread < 0 ? 0 : spread;
}

static void NAME(mean_rows)(const fac__segment *s)
{
    for (int64_t i = 0; i < s->outputs; i++) {
        const T *x = (const T *)s->x + i * s->stride;
        double mean, squares;
        if (sizeof(T) < sizeof(double)) {
            NAME(row_moments)(x, s->n, &mean, &squares);
        } else {
            mean = NAME(total_row)(x, s->n, 0, 0) / (double)s->n;
            squares = NAME(spread_row)(x, s->n, 0, mean);
        }
        NAME(merge_mean)(s, i, mean, squares);
    }
}
static void NAME(mean_columns)(const fac__segment *s)
{
    double mean[FAC__REDUCE_OUTPUTS], squares[FAC__REDUCE_OUTPUTS];
    NAME(total_block)(mean, s->x, s->stride, s->n, s->outputs, NULL, 0);
    for (int64_t i = 0; i < s->outputs; i++)
        mean[i] /= (double)s->n;
    NAME(spread_block)(squares, s->x, s->stride, s->n, s->outputs, mean, 0);
    for (int64_t i = 0; i < s->outputs; i++)
        NAME(merge_mean)(s, i, mean[i], squares[i]);
}
#else
FOLD(add, T, add, SELF, true)
SEGMENTS(add, 0, MERGE_ADD)
#endif

#undef FLOATING
#undef T
#undef A
#undef I
#undef NAME
#undef IS_NAN
#undef SELF
#undef SQUARE
#undef MAGNITUDE
#undef NONZERO
#undef WIDER
#undef SQUARED_DIFFERENCE
#undef FOLD
#undef FOLD_ROWS
#undef SEGMENTS
#undef LOWEST
#undef HIGHEST
#undef MERGE_ADD
#undef MERGE_MUL
#undef MERGE_MAX
#undef MERGE_MIN
#undef MERGE_AT
#undef ARG_SEGMENTS
#undef LOAD_ONE
#undef CASCADE_POWER
#undef LOAD_VECTOR
#undef CASCADE
#undef SUM_SEGMENTS
