/* Floor 1. Gradients of convolution for the type T where most of dy is 0, as it is behind max pooling and ReLU: of each window
 * of a pool one element gets a gradient. Products with 0 are left out, the others are added in the order in which they
 * come (conv_kernels.c includes this for float and double).
 *
 * What is not 0 is written down as a list of values and places. For the weight gradient (conv_weight.h) it is a list for
 * each output channel, and an entry adds value * (the channels of x that the kernel's rows see there) to sums in
 * registers. For the input gradient it is one for each position, and an entry adds value * (its channel's weights) to
 * those of dx's channels, which are the inner dimension here, that the kernel's rows see from there. */

/* ---- lists -------------------------------------------------------------------------------------------------- */

/* Writes down what is not 0 of n values, and where: its place. How many; up to L more are written, without meaning. */
INLINE int64_t NAME(list)(int64_t n, const T *from, const int32_t *place, T *value, int32_t *at)
{
    int64_t count = 0, i = 0;
#if defined(__AVX512F__)
    for (; i + L <= n; i += L)
        count += NAME(compress)(LOAD(from + i), place + i, value + count, at + count);
#endif
    for (; i < n; i++) {
        value[count] = from[i];
        at[count] = place[i];
        count += from[i] != 0;
    }
    return count;
}

typedef struct NAME(counting) {
    const T *p;
    int64_t size;   /* of a part */
    int64_t *count; /* of each part: how many are not 0; -1: some are infinite or NaN */
} NAME(counting);
static void NAME(count_parts)(void *context, int64_t begin, int64_t end)
{
    const NAME(counting) *c = context;
    for (int64_t q = begin; q < end; q++) {
        const T *p = c->p + q * c->size;
        int64_t count = 0;
        bool finite = true;
        for (int64_t i = 0; i < c->size; i += 4096) {
            int n = c->size - i < 4096 ? (int)(c->size - i) : 4096;
            I some = 0, odd = 0; /* as wide as T, so that they share its vectors */
            for (int j = 0; j < n; j++) {
                some += p[i + j] != 0;
                odd |= p[i + j] - p[i + j] != 0;
            }
            count += (int64_t)some;
            finite = finite && !odd;
        }
        c->count[q] = finite ? count : -1;
    }
}

/* Whether at most `most` of n numbers are not 0, and none is infinite or NaN, whose product with 0 is not 0. The first
 * part of them usually tells when it is not so. */
static bool NAME(mostly_zeros)(const T *p, int64_t n, int64_t most)
{
    enum { PARTS = 64 };
    int64_t count[PARTS + 1] = {0}, parts = n < 1 << 14 ? 1 : PARTS, all = 0;
    NAME(counting) c = {.p = p, .size = n / parts, .count = count};
    NAME(count_parts)(&c, 0, 1);
    if (count[0] < 0 || count[0] > most / parts + c.size / 8) return false;
    fac__parallel(parts, n < 1 << 16 ? parts : PARTS / 8, NAME(count_parts), &c);
    NAME(counting) rest = {.p = p + parts * c.size, .size = n - parts * c.size, .count = count + parts};
    NAME(count_parts)(&rest, 0, 1);
    bool finite = true;
    for (int64_t i = 0; i <= parts; i++) {
        finite = finite && count[i] >= 0;
        all += count[i];
    }
    return finite && all <= most;
}

/* ---- tiles -------------------------------------------------------------------------------------------------- */

/* For one list: to[r * to_row + …] += value * b[at + r * b_row + …], R rows of NV vectors. */
#define SPARSE_PARAMETERS                                                                                              \
    (int64_t n, const int32_t *at, const T *value, const T *b, int64_t b_row, T *to, int64_t to_row)
typedef void(*NAME(sparse_tile)) SPARSE_PARAMETERS;
#if defined(__AVX512F__) || defined(__aarch64__)
#define SPARSE_MOST 20
#else
#define SPARSE_MOST 12 /* vectors of sums that the registers hold */
#endif
#define SPARSE_NV 6
#define SPARSE_ROWS 5
#define TILE(R, NV)                                                                                                    \
    static void NAME(sparse_##R##_##NV) SPARSE_PARAMETERS                                                              \
    {                                                                                                                  \
        V acc[R][NV];                                                                                                  \
        UNROLL for (int r = 0; r < R; r++) UNROLL for (int j = 0; j < NV; j++)                                         \
            acc[r][j] = LOAD(to + r * to_row + j * L);                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            V v = SPLAT(value[i]);                                                                                     \
            const T *p = b + at[i];                                                                                    \
            UNROLL for (int r = 0; r < R; r++) UNROLL for (int j = 0; j < NV; j++)                                     \
                acc[r][j] = NAME(fma)(v, LOAD(p + r * b_row + j * L), acc[r][j]);                                      \
        }                                                                                                              \
        UNROLL for (int r = 0; r < R; r++) UNROLL for (int j = 0; j < NV; j++)                                         \
            STORE(to + r * to_row + j * L, acc[r][j]);                                                                 \
    }
#define TILES_4(R) TILE(R, 1) TILE(R, 2) TILE(R, 3) TILE(R, 4)
#define TILES_6(R) TILES_4(R) TILE(R, 5) TILE(R, 6)
TILES_6(1)
TILES_6(2)
#if SPARSE_MOST == 20
TILES_6(3)
TILES_4(5)
#else
TILES_4(3)
#endif
#undef TILES_4
#undef TILES_6
#undef TILE
#undef SPARSE_PARAMETERS
#define ROW_4(R) NULL, NAME(sparse_##R##_1), NAME(sparse_##R##_2), NAME(sparse_##R##_3), NAME(sparse_##R##_4)
#define ROW_6(R) ROW_4(R), NAME(sparse_##R##_5), NAME(sparse_##R##_6)
static const NAME(sparse_tile) NAME(sparse_tiles)[SPARSE_ROWS + 1][SPARSE_NV + 1] = {
#if SPARSE_MOST == 20
    {NULL}, {ROW_6(1)}, {ROW_6(2)}, {ROW_6(3)},
    {NULL}, {ROW_4(5)}
#else
    {NULL}, {ROW_6(1)}, {ROW_6(2)}, {ROW_4(3)},
    {NULL}, {NULL}
#endif
};
#undef ROW_4
#undef ROW_6

/* One tile of (kernel rows) x (vectors): the one that begins at row r and vector v, of which there are so many. */
typedef struct NAME(sparse_part) {
    int64_t rows, vectors;
    NAME(sparse_tile) run;
} NAME(sparse_part);
INLINE NAME(sparse_part) NAME(sparse_part_at)(int64_t rows, int64_t vectors, int64_t r, int64_t v, int64_t most)
{
    NAME(sparse_part) p;
    int64_t parts = (vectors - v + SPARSE_NV - 1) / SPARSE_NV;
    p.vectors = (vectors - v + parts - 1) / parts;
    for (p.rows = SPARSE_ROWS; p.rows > 1; p.rows--)
        if (p.rows <= rows - r && p.rows * p.vectors <= most && NAME(sparse_tiles)[p.rows][p.vectors]) break;
    p.run = NAME(sparse_tiles)[p.rows][p.vectors];
    return p;
}

/* Two dimensions, and a run of a kernel row's channels lies side by side. */
INLINE bool NAME(can_be_sparse)(const fac__conv_args *a)
{
    return a->groups == 1 && a->dilation[2] == 1 && a->in[0] == 1 && a->kernel[0] == 1 && a->out[0] == 1 &&
           a->pad[0] == 0;
}

/* ---- the input gradient --------------------------------------------------------------------------------------- */

typedef struct NAME(strewing) {
    const fac__conv_args *a;
    int64_t run, vectors, columns; /* channels of a kernel row's taps, in vectors, and as whole vectors */
    int64_t lines, width;          /* of dx with its padding, as far as dy sees it */
    int64_t block_rows;            /* of dy, for which lists are made at a time */
    T *weights;                    /* [kernel h][output channel][columns] */
    int32_t *place;                /* of an output channel in a row of weights */
    char *own;
    size_t own_bytes, dx_bytes, dy_bytes, value_bytes, at_bytes;
} NAME(strewing);

static void NAME(pack_strewing)(const NAME(strewing) * s)
{
    const fac__conv_args *a = s->a;
    int64_t taps = a->kernel[1] * a->kernel[2];
    for (int64_t k = 0; k < a->k; k++)
        s->place[k] = (int32_t)(k * s->columns);
    for (int64_t h = 0; h < a->kernel[1]; h++)
        for (int64_t k = 0; k < a->k; k++) {
            T *to = s->weights + (h * a->k + k) * s->columns;
            for (int64_t w = 0; w < a->kernel[2]; w++)
                for (int64_t c = 0; c < a->c; c++)
                    *to++ = ((const T *)a->w)[(k * a->c + c) * taps + h * a->kernel[2] + w];
            for (int64_t i = s->run; i < s->columns; i++)
                *to++ = 0;
        }
}

/* dx with channels inside, padding and all, as the rows of dx. */
static void NAME(put_strewn)(const NAME(strewing) * s, const T *from, T *dx)
{
    const fac__conv_args *a = s->a;
    int64_t plane = a->in[1] * a->in[2], left = a->pad[2], line = s->width * a->c;
    int64_t inside = s->width - left < a->in[2] ? s->width - left : a->in[2];
    bool whole = !left && !a->pad[1] && s->width == a->in[2]; /* lines lie in dx as they lie here */
    int64_t lines = !whole ? 1 : s->lines < a->in[1] ? s->lines : a->in[1];
    inside = inside < 0 ? 0 : inside;
    for (int64_t y = 0; y < a->in[1]; y += lines, lines = 1) {
        T *to = dx + y * a->in[2];
        bool seen = y + a->pad[1] < s->lines;
        if (seen && inside)
            NAME(transpose)(from + (y + a->pad[1]) * line + left * a->c, a->c, lines * inside, a->c, to, plane);
        for (int64_t c = 0; c < a->c; c++)
            for (int64_t x = seen ? inside : 0; x < a->in[2] && !(seen && whole); x++)
                to[c * plane + x] = 0;
    }
}

/* What rows [row, row + rows) of dy give: first the lists, then each part of the weights, which stays in the first-level
 * cache meanwhile, with all of them. */
static void NAME(strew_rows)(const NAME(strewing) * s, const T *dy, int64_t row, int64_t rows, T *turned, T *value,
                             int32_t *at, int32_t *ends, T *dx)
{
    const fac__conv_args *a = s->a;
    int64_t width = a->out[2], positions = rows * width, line = s->width * a->c;
    NAME(transpose)(dy + row * width, a->out[1] * width, a->k, positions, turned, a->k);
    int32_t end = 0;
    for (int64_t p = 0; p < positions; p++)
        ends[p] = end += (int32_t)NAME(list)(a->k, turned + p * a->k, s->place, value + end, at + end);
    int64_t most = (24 << 10) / (int64_t)sizeof(T) / L / a->k;
    most = most < SPARSE_MOST ? most : SPARSE_MOST;
    NAME(sparse_part) part;
    for (int64_t v = 0; v < s->vectors; v += part.vectors)
        for (int64_t h = 0; h < a->kernel[1]; h += part.rows) {
            part = NAME(sparse_part_at)(a->kernel[1], s->vectors, h, v, most);
            const T *weights = s->weights + h * a->k * s->columns + v * L;
            for (int64_t y = 0, p = 0, begin = 0; y < rows; y++) {
                T *to = dx + ((row + y) * a->stride[1] + h * a->dilation[1]) * line + v * L;
                for (int64_t x = 0; x < width; x++, to += a->stride[2] * a->c, begin = ends[p++])
                    if (ends[p] > begin)
                        part.run(ends[p] - begin, at + begin, value + begin, weights, a->k * s->columns, to,
                                 a->dilation[1] * line);
            }
        }
}

static void NAME(strew_images)(void *context, int64_t begin, int64_t end)
{
    const NAME(strewing) *s = context;
    const fac__conv_args *a = s->a;
    char *own = s->own + (size_t)fac__thread_index() * s->own_bytes;
    T *dx = (T *)(void *)own, *turned = (T *)(void *)(own += s->dx_bytes), *value = (T *)(void *)(own += s->dy_bytes);
    int32_t *at = (int32_t *)(void *)(own += s->value_bytes), *ends = (int32_t *)(void *)(own += s->at_bytes);
    for (int64_t n = begin; n < end; n++) {
        memset(dx, 0, s->dx_bytes);
        for (int64_t row = 0, rows; row < a->out[1]; row += rows) {
            rows = a->out[1] - row < s->block_rows ? a->out[1] - row : s->block_rows;
            const T *dy = (const T *)a->dy + n * a->k * a->out[1] * a->out[2];
            NAME(strew_rows)(s, dy, row, rows, turned, value, at, ends, dx);
        }
        NAME(put_strewn)(s, dx, (T *)a->dx + n * a->c * a->in[1] * a->in[2]);
    }
}

INLINE size_t NAME(bytes)(int64_t n)
{
    return ((size_t)n + 63) / 64 * 64;
}

INLINE NAME(strewing) NAME(strewing_of)(const fac__conv_args *a)
{
    NAME(strewing) s = {.a = a, .run = a->kernel[2] * a->c};
    s.vectors = (s.run + L - 1) / L;
    s.columns = s.vectors * L;
    s.lines = (a->out[1] - 1) * a->stride[1] + (a->kernel[1] - 1) * a->dilation[1] + 1;
    s.width = (a->out[2] - 1) * a->stride[2] + a->kernel[2];
    return s;
}

typedef struct NAME(looking) {
    const fac__conv_args *a;
    int64_t size, most; /* of an image of dy; of those not 0, how many at most */
    bool *sparse;
} NAME(looking);
static void NAME(look_at_images)(void *context, int64_t begin, int64_t end)
{
    const NAME(looking) *l = context;
    for (int64_t n = begin; n < end; n++)
        l->sparse[n] = NAME(mostly_zeros)((const T *)l->a->dy + n * l->size, l->size, l->most);
}

/* Says of each image whether its zeros are worth leaving out, whatever the others are; whether there is one. */
static bool NAME(find_sparse)(const fac__conv_args *a, bool *sparse)
{
    if (!NAME(can_be_sparse)(a)) return false;
    NAME(strewing) s = NAME(strewing_of)(a);
    int64_t taps = a->kernel[1] * a->kernel[2], weights = a->kernel[1] * a->k * s.columns;
    if (weights > INT32_MAX || s.lines * s.width * a->c > INT32_MAX) return false;
    /* In vectors' multiply-adds for a position: all of them, and beside the sparse ones what reading and writing sums
     * costs. */
    double tile = (double)(a->kernel[1] * s.vectors), dense = (double)(a->k * a->kernel[1] * s.run) / L;
    double each = 4 * tile + 30, share = (dense - each) / (1.3 * (tile < 4 ? 4 : tile) * (double)a->k);
    NAME(looking) l = {.a = a, .size = a->k * a->out[1] * a->out[2], .sparse = sparse};
    l.most = (int64_t)((share < 0.6 ? share : 0.6) * (double)l.size);
    if (l.most <= 0 || !NAME(mostly_zeros)(a->w, a->k * a->c * taps, INT64_MAX / 2)) return false;
    fac__parallel(a->n, 1 + (1 << 17) / l.size, NAME(look_at_images), &l);
    bool any = false;
    for (int64_t n = 0; n < a->n; n++)
        any = any || sparse[n];
    return any;
}

/* For images that are. false: no memory, nothing done. */
static bool NAME(strew)(const fac__conv_args *a)
{
    NAME(strewing) s = NAME(strewing_of)(a);
    int64_t positions = a->out[1] * a->out[2], taps = a->kernel[1] * a->kernel[2];
    int64_t weights = a->kernel[1] * a->k * s.columns;
    s.block_rows = 1 + (1 << 13) / (a->out[2] * a->k);
    if (s.block_rows > a->out[1]) s.block_rows = a->out[1];
    int64_t block = s.block_rows * a->out[2], listed = block * a->k + L;
    size_t weights_bytes = NAME(bytes)(weights * (int64_t)sizeof(T));
    size_t place_bytes = NAME(bytes)(a->k * (int64_t)sizeof(int32_t));
    s.dx_bytes = NAME(bytes)((s.lines * s.width * a->c + 2 * L) * (int64_t)sizeof(T));
    s.dy_bytes = s.value_bytes = NAME(bytes)(listed * (int64_t)sizeof(T));
    s.at_bytes = NAME(bytes)(listed * (int64_t)sizeof(int32_t));
    s.own_bytes = s.dx_bytes + s.dy_bytes + s.value_bytes + s.at_bytes + NAME(bytes)(block * (int64_t)sizeof(int32_t));
    s.own_bytes = (s.own_bytes + 4095) / 4096 * 4096 + 256;
    char *shared = fac__scratch(FAC__SCRATCH_CONV, weights_bytes + place_bytes + (size_t)fac__threads() * s.own_bytes);
    if (!shared) return false;
    s.weights = (T *)(void *)shared;
    s.place = (int32_t *)(void *)(shared + weights_bytes);
    s.own = shared + weights_bytes + place_bytes;
    NAME(pack_strewing)(&s);
    double work = (double)(positions * a->k * taps * a->c) / 4;
    fac__parallel(a->n, fac__conv_grain(a->n, work), NAME(strew_images), &s);
    return true;
}
