/* Floor 1. Correlation with kernels of 3 x 3 for the type T in 2.25 times fewer multiplications: F(2x2, 3x3) of Lavin and Gray,
 * "Fast Algorithms for Convolutional Neural Networks" (2015, arXiv:1509.09308), after Winograd. A tile of 2 x 2 outputs sees
 * 4 x 4 inputs d, and with the constant matrices A, B, G of their section 4.1 it is
 *
 *     A^T [sum over channels of (G w G^T) . (B^T d B)] A
 *
 * where the dot multiplies element by element. So there are 16 matrix products (output channels) x (channels) x (tiles), one for
 * each element; a block of tiles goes through all of it while it is in the second-level cache. Tiles are numbered row by row
 * and image by image, neighbours lie in the lanes of a vector.
 *
 * An output has nothing of inputs that its window does not see, and rounding is that of the plain way within a small factor. But
 * what is infinite is added and subtracted here until it is NaN, and what is nearly so may get infinite: whoever calls does those
 * images again, the plain way, that are named odd. */

/* count tiles of one row of tiles, from its tile x on; the first has the number `at` within the block. */
typedef struct NAME(strip) {
    int64_t image, y, x, count, at;
    int64_t out, columns, rows; /* of its outputs: where they begin in their plane, how many there are */
} NAME(strip);

typedef struct NAME(tiled) {
    const fac__correlation *c;
    bool *odd;                    /* of an image: some output is infinite or NaN */
    int64_t down, across, tiles;  /* rows and columns of an image's tiles; of all images */
    int64_t block, blocks, parts; /* tiles of a block; parts of the channels */
    int64_t panels;               /* of output channels */
    int64_t row, plane;           /* of a channel's tiles in a block; of all channels' */
    T *weights;                   /* [panel][16][channel][row of the panel] */
    char *seen;                   /* of each block [16][channel][tile]; NULL: each thread's own, for one block */
    char *own;
    size_t own_bytes, strip_bytes, seen_bytes, product_bytes;
} NAME(tiled);

/* ---- weights -------------------------------------------------------------------------------------------------- */

enum { NAME(PANEL) = (MR_MAX + L - 1) / L * L }; /* a panel's rows as whole vectors */

/* G w G^T of a panel's kernels for one channel, w as [tap][row of the panel]. */
INLINE void NAME(transform_kernels)(const T *w, const int taps[9], int64_t rows, T *to, int64_t to_plane)
{
    const V half = SPLAT((T)0.5);
    for (int64_t r = 0; r < rows; r += L, w += L) {
        V u[4][3];
        UNROLL for (int j = 0; j < 3; j++)
        {
            V w0 = LOAD(w + taps[j] * NAME(PANEL)), w2 = LOAD(w + taps[6 + j] * NAME(PANEL));
            V w1 = LOAD(w + taps[3 + j] * NAME(PANEL)) * half, both = (w0 + w2) * half;
            u[0][j] = w0, u[1][j] = both + w1, u[2][j] = both - w1, u[3][j] = w2;
        }
        UNROLL for (int i = 0; i < 4; i++)
        {
            V middle = u[i][1] * half, both = (u[i][0] + u[i][2]) * half;
            V v[4] = {u[i][0], both + middle, both - middle, u[i][2]};
            UNROLL for (int j = 0; j < 4; j++)
            {
                T *p = to + (4 * i + j) * to_plane + r;
                if (rows - r >= L)
                    STORE(p, v[j]);
                else
                    NAME(store_part)(p, v[j], (int)(rows - r));
            }
        }
    }
}

/* Panels [begin, end). */
static void NAME(pack_tiled)(void *context, int64_t begin, int64_t end)
{
    enum { CHUNK = 8 };
    const NAME(tiled) *s = context;
    const fac__correlation *c = s->c;
    T turned[9 * CHUNK * NAME(PANEL)] = {0};
    int taps[9];
    for (int i = 0; i < 9; i++)
        taps[i] = c->axis[1].tap[i / 3].kernel * 3 + c->axis[2].tap[i % 3].kernel;
    for (int64_t p = begin; p < end; p++) {
        int64_t first = p * c->rows / s->panels, rows = (p + 1) * c->rows / s->panels - first;
        T *to = s->weights + first * 16 * c->depth;
        const T *w = (const T *)c->w + first * c->w_row;
        for (int64_t e = 0, n; e < c->depth; e += n) {
            n = c->depth - e < CHUNK ? c->depth - e : CHUNK;
            int64_t together = c->w_depth == 9 ? n : 1; /* kernels of neighbouring channels lie side by side */
            for (int64_t l = 0; l < n; l += together)
                NAME(transpose)
            (w + (e + l) * c->w_depth, c->w_row, rows, 9 * together, turned + 9 * l * NAME(PANEL), NAME(PANEL));
            for (int64_t l = 0; l < n; l++)
                NAME(transform_kernels)
            (turned + 9 * l * NAME(PANEL), taps, rows, to + (e + l) * rows, c->depth * rows);
        }
    }
}

/* ---- inputs --------------------------------------------------------------------------------------------------- */

/* B^T d B of a strip of one channel. Whole vectors are written: what is too much is written again by the next strip. */
static void NAME(see_strip)(const NAME(tiled) * s, const NAME(strip) * strip, const T *source, T *to)
{
    const fac__conv_axis *h = &s->c->axis[1], *w = &s->c->axis[2];
    to += strip->at;
    for (int64_t x = 0; x < strip->count; x += L, to += L) {
        int64_t y = 2 * strip->y + h->first, column = 2 * (strip->x + x) + w->first, right = w->source - column;
        const NAME(lanes) inside[4] = {NAME(lanes_between)(-column, right), NAME(lanes_between)(-column - L, right - L),
                                       NAME(lanes_between)(-column - 2, right - 2),
                                       NAME(lanes_between)(-column - 2 - L, right - 2 - L)};
        V d[4][4];
        UNROLL for (int i = 0; i < 4; i++)
        {
            V v[4] = {{0}};
            if (y + i >= 0 && y + i < h->source) {
                const T *p = source + (y + i) * w->source + column;
                NAME(unzip)(NAME(load_lanes)(p, inside[0]), NAME(load_lanes)(p + L, inside[1]), v);
                NAME(unzip)(NAME(load_lanes)(p + 2, inside[2]), NAME(load_lanes)(p + 2 + L, inside[3]), v + 2);
            }
            d[i][0] = v[0] - v[2], d[i][1] = v[1] + v[2], d[i][2] = v[2] - v[1], d[i][3] = v[1] - v[3];
        }
        UNROLL for (int j = 0; j < 4; j++)
        {
            STORE(to + j * s->plane, d[0][j] - d[2][j]);
            STORE(to + (4 + j) * s->plane, d[1][j] + d[2][j]);
            STORE(to + (8 + j) * s->plane, d[2][j] - d[1][j]);
            STORE(to + (12 + j) * s->plane, d[1][j] - d[3][j]);
        }
    }
}

/* ---- outputs -------------------------------------------------------------------------------------------------- */

/* n outputs of a row, at most two vectors, and into check what is not 0 if one of them is infinite or NaN. */
INLINE void NAME(put_outputs)(T *to, int64_t n, const V v[2], V *check)
{
    UNROLL for (int i = 0; i < 2; i++)
    {
        if (n - i * L >= L) {
            STORE(to + i * L, v[i]);
            *check = NAME(fma)(v[i], (V){0}, *check);
        } else if (n > i * L) {
            NAME(store_part)(to + i * L, v[i], (int)n - i * L);
            *check = NAME(fma)(NAME(keep_part)(v[i], (int)n - i * L), (V){0}, *check);
        }
    }
}

/* A^T m A of a strip of one output channel, with bias. */
INLINE void NAME(put_tiles)(const NAME(strip) * strip, const T *m, int64_t m_plane, V bias, T *to, int64_t wide,
                            V *check)
{
    to += strip->out;
    m += strip->at;
    for (int64_t left = strip->columns; left > 0; left -= 2 * L, m += L, to += 2 * L) {
        V a[4], b[4], y[2];
        UNROLL for (int j = 0; j < 4; j++)
        {
            V m1 = LOAD(m + (4 + j) * m_plane), m2 = LOAD(m + (8 + j) * m_plane);
            a[j] = LOAD(m + j * m_plane) + m1 + m2;
            b[j] = m1 - m2 - LOAD(m + (12 + j) * m_plane);
        }
        NAME(zip)(a[0] + a[1] + a[2] + bias, a[1] - a[2] - a[3] + bias, y);
        NAME(put_outputs)(to, left, y, check);
        if (strip->rows == 1) continue;
        NAME(zip)(b[0] + b[1] + b[2] + bias, b[1] - b[2] - b[3] + bias, y);
        NAME(put_outputs)(to + wide, left, y, check);
    }
}

/* One output channel of all strips; to: in the first image. */
static void NAME(put_strips)(const NAME(tiled) * s, const NAME(strip) * strips, int64_t n, const T *m, int64_t m_plane,
                             T bias, T *to)
{
    const fac__correlation *c = s->c;
    int64_t wide = c->out_size[2], image = c->rows * c->out_size[1] * wide;
    for (int64_t i = 0, j; i < n; i = j) {
        V check = {0};
        for (j = i; j < n && strips[j].image == strips[i].image; j++)
            NAME(put_tiles)(&strips[j], m, m_plane, SPLAT(bias), to + strips[i].image * image, wide, &check);
        T lanes[L];
        STORE(lanes, check);
        bool finite = true;
        for (int l = 0; l < L; l++)
            finite &= lanes[l] == 0;
        if (!finite) __atomic_store_n(&s->odd[strips[i].image], true, __ATOMIC_RELAXED);
    }
}

/* ---- all of it ------------------------------------------------------------------------------------------------ */

/* Tiles [begin, end) as strips; how many. */
static int64_t NAME(cut_strips)(const NAME(tiled) * s, int64_t begin, int64_t end, NAME(strip) * strip)
{
    int64_t n = 0, image = s->down * s->across;
    for (int64_t t = begin; t < end; t += strip[n++].count) {
        int64_t high = s->c->axis[1].outputs, wide = s->c->axis[2].outputs, y = t % image / s->across,
                x = t % s->across;
        int64_t count = s->across - x < end - t ? s->across - x : end - t;
        strip[n] = (NAME(strip)){t / image, y, x, count, t - begin, .out = 2 * (y * wide + x)};
        strip[n].columns = wide - 2 * x < 2 * count ? wide - 2 * x : 2 * count;
        strip[n].rows = high - 2 * y < 2 ? 1 : 2;
    }
    return n;
}

/* A block's tiles, and where a thread keeps what it makes of them. */
typedef struct NAME(tile_block) {
    int64_t tiles, columns, n; /* columns: as whole vectors */
    NAME(strip) * strips;      /* n of them */
    T *seen, *product;
} NAME(tile_block);
static NAME(tile_block) NAME(block_at)(const NAME(tiled) * s, int64_t block)
{
    char *own = s->own + (size_t)fac__thread_index() * s->own_bytes;
    int64_t first = block * s->block, tiles = s->tiles - first < s->block ? s->tiles - first : s->block;
    NAME(tile_block) b = {.tiles = tiles, .columns = (tiles + L - 1) / L * L};
    b.seen = (T *)(void *)(s->seen ? s->seen + (size_t)block * s->seen_bytes : own + s->strip_bytes + s->product_bytes);
    b.strips = (NAME(strip) *)(void *)own;
    b.product = (T *)(void *)(own + s->strip_bytes);
    b.n = NAME(cut_strips)(s, first, first + tiles, b.strips);
    return b;
}

/* What channels [begin, end) of the block are seen as. */
static void NAME(see_block)(const NAME(tiled) * s, const NAME(tile_block) * b, int64_t begin, int64_t end)
{
    const fac__correlation *c = s->c;
    int64_t plane = c->axis[1].source * c->axis[2].source;
    for (int64_t e = begin; e < end; e++) {
        T *to = b->seen + e * s->row;
        for (int64_t i = 0; i < b->n; i++) {
            const T *source = (const T *)c->source + (b->strips[i].image * c->depth + e) * plane;
            NAME(see_strip)(s, &b->strips[i], source, to);
        }
        for (int i = 0; i < 16; i++)
            for (int64_t j = b->tiles; j < b->columns; j++)
                to[i * s->plane + j] = 0;
    }
}

/* Panels [begin, end) of the block's outputs. */
static void NAME(make_block)(const NAME(tiled) * s, const NAME(tile_block) * b, int64_t begin, int64_t end)
{
    const fac__correlation *c = s->c;
    int64_t plane = c->out_size[1] * c->out_size[2];
    for (int64_t p = begin; p < end; p++) {
        int64_t first = p * c->rows / s->panels, rows = (p + 1) * c->rows / s->panels - first;
        const T *weights = s->weights + first * 16 * c->depth;
        NAME(weigh_steps) steps = {.lines = 1, .steps = c->depth, .a_step = rows, .b_step = s->row, .to_row = s->row};
        for (int i = 0; i < 16; i++)
            for (int64_t j = 0; j < b->columns; j += 2 * L)
                NAME(weigh_tiles)
        [b->columns - j > L][rows](&steps, weights + i * rows * c->depth, b->seen + i * s->plane + j,
                                   b->product + i * rows * s->row + j);
        for (int64_t r = 0; r < rows; r++)
            NAME(put_strips)
        (s, b->strips, b->n, b->product + r * s->row, rows * s->row, c->bias ? ((const T *)c->bias)[first + r] : 0,
         (T *)c->out + (first + r) * plane);
    }
}

/* Blocks [begin, end), if there are many. */
static void NAME(tile_blocks)(void *context, int64_t begin, int64_t end)
{
    const NAME(tiled) *s = context;
    for (int64_t q = begin; q < end; q++) {
        NAME(tile_block) b = NAME(block_at)(s, q);
        NAME(see_block)(s, &b, 0, s->c->depth);
        NAME(make_block)(s, &b, 0, s->panels);
    }
}

/* If there are few, threads share them: first some channels of one to be seen, then some of its panels. */
static void NAME(see_parts)(void *context, int64_t begin, int64_t end)
{
    const NAME(tiled) *s = context;
    for (int64_t q = begin; q < end; q++) {
        NAME(tile_block) b = NAME(block_at)(s, q / s->parts);
        int64_t part = q % s->parts, depth = s->c->depth;
        NAME(see_block)(s, &b, part * depth / s->parts, (part + 1) * depth / s->parts);
    }
}
static void NAME(make_parts)(void *context, int64_t begin, int64_t end)
{
    const NAME(tiled) *s = context;
    for (int64_t q = begin; q < end; q++) {
        NAME(tile_block) b = NAME(block_at)(s, q / s->parts);
        int64_t part = q % s->parts;
        NAME(make_block)(s, &b, part * s->panels / s->parts, (part + 1) * s->panels / s->parts);
    }
}

/* false: no memory, nothing done. */
static bool NAME(correlate_tiled)(const fac__correlation *c, bool *odd)
{
    const fac__conv_axis *h = &c->axis[1], *w = &c->axis[2];
    NAME(tiled) s = {.c = c, .odd = odd, .down = (h->outputs + 1) / 2, .across = (w->outputs + 1) / 2};
    s.tiles = c->n * s.down * s.across;
    s.panels = (c->rows + MR_MAX - 1) / MR_MAX;
    memset(odd, 0, (size_t)c->n * sizeof *odd);
    /* As many as the second-level cache holds with all that is done to them, but some for each thread. */
    int64_t fit = TILED_BYTES / 16 / (int64_t)sizeof(T) / (c->depth + MR_MAX), most = (s.tiles + 7) / 8;
    s.block = (fit < most ? fit : most) / (2 * L) * 2 * L;
    if (s.block < 2 * L) s.block = 2 * L;
    s.blocks = (s.tiles + s.block - 1) / s.block;
    bool few = s.blocks < 4 * fac__threads() && fac__threads() > 1;
    s.parts = few ? (8 + s.blocks - 1) / s.blocks : 1;
    if (s.parts > s.panels) s.parts = s.panels;

    s.row = s.block + L;            /* whole vectors are written, before other threads' rows */
    s.plane = c->depth * s.row + L; /* not whole pages apart, where the cache has few places for them */
    size_t weights_bytes = ((size_t)(16 * c->rows * c->depth) * sizeof(T) + 63) / 64 * 64;
    s.strip_bytes = ((size_t)s.block * sizeof(NAME(strip)) + 63) / 64 * 64;
    s.seen_bytes = (size_t)(16 * s.plane) * sizeof(T);
    s.product_bytes = (size_t)(16 * MR_MAX * s.row) * sizeof(T);
    s.own_bytes = s.strip_bytes + s.product_bytes + (few ? 0 : s.seen_bytes);
    s.own_bytes = (s.own_bytes + 4095) / 4096 * 4096 + 256;
    size_t seen_bytes = few ? (size_t)s.blocks * s.seen_bytes : 0;
    char *shared = fac__scratch(FAC__SCRATCH_CONV, weights_bytes + seen_bytes + (size_t)fac__threads() * s.own_bytes);
    if (!shared) return false;
    s.weights = (T *)(void *)shared;
    s.seen = few ? shared + weights_bytes : NULL;
    s.own = shared + weights_bytes + seen_bytes;
    fac__parallel(s.panels, 1 + 64 / c->depth, NAME(pack_tiled), &s);
    int64_t items = s.blocks * s.parts;
    double work = 16.0 * (double)(c->depth * c->rows * s.block) / (double)s.parts;
    if (few) fac__parallel(items, fac__conv_grain(items, work / 8), NAME(see_parts), &s);
    fac__parallel(items, fac__conv_grain(items, work), few ? NAME(make_parts) : NAME(tile_blocks), &s);
    return true;
}
