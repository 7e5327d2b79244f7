/* Floor 1. The weight gradient of convolution with kernels of 3 x 3 and stride 1 for the type T, by Winograd's F(3x3, 2x2): the
 * transposed of conv_winograd.h, whose matrices are used. 2 x 2 elements g of dy and the 4 x 4 inputs d that they saw give
 *
 *     dw += G^T [(B^T d B) . (A g A^T)] G
 *
 * What is in the brackets is summed over all tiles first: 16 matrix products (channels of x) x (tiles) x (channels of dy). As in
 * conv_weight.h channels are the inner dimension, and each group of tiles has sums of its own, added at the end in order. */

typedef struct NAME(weighing_tiles) {
    NAME(weighing) turn; /* as turn_x wants it */
    const fac__conv_args *a;
    int64_t down, across, rows;    /* rows and columns of an image's tiles; rows of all images */
    int64_t block_rows;            /* of tiles */
    int64_t groups, splits, split; /* of rows; parts of dy's channels, and how many a part has */
    int64_t seen, given, plane;    /* strides of transformed inputs and gradients, and of one of the 16 sums */
    T *partial;                    /* [group][part of dy's channels][16][channel of x][channel of dy] */
    bool *odd;                     /* some sum is infinite or NaN */
    char *own;
    size_t own_bytes, x_bytes, dy_bytes, seen_bytes, given_bytes;
} NAME(weighing_tiles);

/* B^T d B of a row of tiles, whose 4 lines of `line` elements have the channels inside. */
static void NAME(see_tiles)(const NAME(weighing_tiles) * s, const T *x, int64_t line, T *to, int64_t to_plane)
{
    int64_t c = s->a->c;
    for (int64_t e = 0; e < c; e += L) {
        V d[4][4];
        const T *p = x + e;
        T *q = to + e;
        for (int64_t t = 0; t < s->across; t++, q += s->seen) {
            UNROLL for (int j = 0; j < 4; j++)
            {
                if (j < 2 && t) { /* the last tile's right half */
                    UNROLL for (int i = 0; i < 4; i++) d[i][j] = d[i][j + 2];
                    continue;
                }
                V v0 = LOAD(p), v1 = LOAD(p + line), v2 = LOAD(p + 2 * line), v3 = LOAD(p + 3 * line);
                d[0][j] = v0 - v2, d[1][j] = v1 + v2, d[2][j] = v2 - v1, d[3][j] = v1 - v3;
                p += c;
            }
            UNROLL for (int i = 0; i < 4; i++)
            {
                STORE(q + (4 * i) * to_plane, d[i][0] - d[i][2]);
                STORE(q + (4 * i + 1) * to_plane, d[i][1] + d[i][2]);
                STORE(q + (4 * i + 2) * to_plane, d[i][2] - d[i][1]);
                STORE(q + (4 * i + 3) * to_plane, d[i][1] - d[i][3]);
            }
        }
    }
}

/* A g A^T of a row of tiles, but for the sign of the last row and column: weigh_tiles_finish has it. */
static void NAME(give_tiles)(const NAME(weighing_tiles) * s, const T *dy, int64_t channels, T *to, int64_t to_plane)
{
    const T *below = dy + 2 * s->across * channels;
    for (int64_t t = 0; t < s->across; t++, dy += 2 * channels, below += 2 * channels, to += s->given)
        for (int64_t k = 0; k < channels; k += L) {
            V g[2][4];
            UNROLL for (int i = 0; i < 2; i++)
            {
                const T *p = (i ? below : dy) + k;
                g[i][0] = LOAD(p), g[i][3] = LOAD(p + channels);
                g[i][1] = g[i][0] + g[i][3], g[i][2] = g[i][0] - g[i][3];
            }
            UNROLL for (int j = 0; j < 4; j++)
            {
                STORE(to + k + j * to_plane, g[0][j]);
                STORE(to + k + (4 + j) * to_plane, g[0][j] + g[1][j]);
                STORE(to + k + (8 + j) * to_plane, g[0][j] - g[1][j]);
                STORE(to + k + (12 + j) * to_plane, g[1][j]);
            }
        }
}

/* Rows [2 * y, 2 * (y + rows)) of dy as [row][position][channel], zeros where there are none. */
static void NAME(turn_dy)(const NAME(weighing_tiles) * s, const T *dy, int64_t channels, int64_t y, int64_t rows, T *to)
{
    const fac__conv_args *a = s->a;
    int64_t width = a->out[2], line = 2 * s->across * channels;
    for (int64_t i = 2 * y; i < 2 * (y + rows); i++, to += line) {
        int64_t seen = i < a->out[1] ? width : 0;
        NAME(transpose)(dy + i * width, a->out[1] * width, channels, seen, to, channels);
        memset(to + seen * channels, 0, (size_t)(line - seen * channels) * sizeof(T));
    }
}

/* One item: a part of dy's channels, over the rows of tiles of one group. */
static void NAME(weigh_tile_items)(void *context, int64_t begin, int64_t end)
{
    const NAME(weighing_tiles) *s = context;
    const fac__conv_args *a = s->a;
    int64_t x_line = s->turn.width * a->c;
    char *own = s->own + (size_t)fac__thread_index() * s->own_bytes;
    T *x = (T *)(void *)own, *dy = (T *)(void *)(own += s->x_bytes), *seen = (T *)(void *)(own += s->dy_bytes);
    T *given = (T *)(void *)(own + s->seen_bytes);
    for (int64_t q = begin; q < end; q++) {
        int64_t group = q / s->splits, k = q % s->splits * s->split;
        int64_t channels = a->k - k < s->split ? a->k - k : s->split;
        int64_t last = (group + 1) * s->rows / s->groups;
        T *sums = s->partial + q * 16 * s->plane;
        NAME(weigh_steps) w = {.lines = 1, .a_step = s->seen, .b_step = s->given, .to_row = s->given, .add = false};
        for (int64_t row = group * s->rows / s->groups, next; row < last; row = next, w.add = true) {
            next = last - row < s->block_rows ? last : row + s->block_rows;
            int64_t seen_plane = (next - row) * s->across * s->seen + L;
            int64_t given_plane = (next - row) * s->across * s->given + L, at = 0;
            for (int64_t r = row, rows; r < next; r += rows) { /* of one image */
                int64_t n = r / s->down, y = r % s->down;
                rows = next - r < s->down - y ? next - r : s->down - y;
                NAME(turn_x)(&s->turn, (const T *)a->x + n * a->c * a->in[1] * a->in[2], 0, 2 * y, 2 * rows + 2, x);
                NAME(turn_dy)(s, (const T *)a->dy + (n * a->k + k) * a->out[1] * a->out[2], channels, y, rows, dy);
                for (int64_t i = 0; i < rows; i++, at += s->across) {
                    NAME(see_tiles)(s, x + 2 * i * x_line, x_line, seen + at * s->seen, seen_plane);
                    NAME(give_tiles)
                    (s, dy + 4 * i * s->across * channels, channels, given + at * s->given, given_plane);
                }
            }
            w.steps = at;
            int64_t panels = (a->c + MR_MAX - 1) / MR_MAX;
            for (int64_t i = 0; i < 16; i++)
                for (int64_t j = 0; j < channels; j += 2 * L)
                    for (int64_t p = 0; p < panels; p++) {
                        int64_t first = p * a->c / panels, count = (p + 1) * a->c / panels - first;
                        NAME(weigh_tiles)
                        [channels - j > L][count](&w, seen + i * seen_plane + first, given + i * given_plane + j,
                                                  sums + i * s->plane + first * s->given + j);
                    }
        }
    }
}

/* G^T m G of channels [begin, end) of x, where m is the sum of all groups'. */
static void NAME(weigh_tiles_finish)(void *context, int64_t begin, int64_t end)
{
    const NAME(weighing_tiles) *s = context;
    const fac__conv_args *a = s->a;
    int64_t all = s->splits * 16 * s->plane;
    V half = SPLAT((T)0.5), check = {0};
    for (int64_t e = begin; e < end; e++)
        for (int64_t k = 0; k < a->k; k += L) {
            const T *from = s->partial + k / s->split * 16 * s->plane + e * s->given + k % s->split;
            V m[4][4], b[3][4];
            UNROLL for (int i = 0; i < 16; i++)
            {
                V sum = LOAD(from + i * s->plane);
                for (int64_t g = 1; g < s->groups; g++)
                    sum += LOAD(from + g * all + i * s->plane);
                m[i / 4][i % 4] = sum;
            }
            UNROLL for (int j = 0; j < 4; j++)
            {
                V both = (m[1][j] + m[2][j]) * half;
                b[0][j] = m[0][j] + both, b[1][j] = (m[1][j] - m[2][j]) * half, b[2][j] = both - m[3][j];
            }
            T taps[9 * L];
            UNROLL for (int i = 0; i < 3; i++)
            {
                V both = (b[i][1] + b[i][2]) * half;
                V v[3] = {b[i][0] + both, (b[i][1] - b[i][2]) * half, both - b[i][3]};
                UNROLL for (int j = 0; j < 3; j++) STORE(taps + (3 * i + j) * L, v[j]);
            }
            int64_t n = a->k - k < L ? a->k - k : L;
            T *to = (T *)a->dw + (k * a->c + e) * 9;
            NAME(transpose)(taps, L, 9, n, to, a->c * 9);
            for (int64_t i = 0; i < n; i++)
                for (int64_t j = 0; j < 9; j++)
                    check[0] += to[i * a->c * 9 + j] * 0;
        }
    if (check[0] != 0) __atomic_store_n(s->odd, true, __ATOMIC_RELAXED);
}

/* false: no memory, or something is infinite or NaN, and the plain way has to say what. */
static bool NAME(conv_weight_tiled)(const fac__conv_args *a)
{
    bool odd = false;
    NAME(weighing_tiles) s = {.a = a, .odd = &odd, .down = (a->out[1] + 1) / 2, .across = (a->out[2] + 1) / 2};
    s.turn = (NAME(weighing)){.a = a, .cg = a->c, .width = 2 * s.across + 2};
    s.rows = a->n * s.down;
    s.seen = (a->c + L - 1) / L * L;
    /* A part's sums stay in the second-level cache while all its tiles pass. */
    int64_t parts = 1 + (16 * a->c * a->k * (int64_t)sizeof(T) - 1) / TILED_SUMS;
    s.split = (a->k / parts + 2 * L - 1) / (2 * L) * 2 * L;
    if (s.split < 2 * L) s.split = 2 * L;
    s.splits = (a->k + s.split - 1) / s.split;
    s.given = ((s.splits > 1 ? s.split : a->k) + L - 1) / L * L;
    s.plane = a->c * s.given + L;
    int64_t sums = s.splits * 16 * s.plane * (int64_t)sizeof(T), most = (1 << 23) / sums;
    s.groups = s.rows < 8 ? s.rows : 8;
    if (s.groups > most) s.groups = most > 1 ? most : 1;
    int64_t tiles = (TILED_BYTES / 16 / (int64_t)sizeof(T)) / (s.seen + s.given);
    s.block_rows = tiles / s.across > 1 ? tiles / s.across : 1;
    int64_t longest = (s.rows + s.groups - 1) / s.groups, blocks = (longest + s.block_rows - 1) / s.block_rows;
    s.block_rows = (longest + blocks - 1) / blocks;

    int64_t held = s.block_rows * s.across; /* tiles */
    int64_t lines = 2 * (s.block_rows < s.down ? s.block_rows : s.down);
    s.x_bytes = ((size_t)((lines + 2) * s.turn.width * a->c + 2 * L) * sizeof(T) + 63) / 64 * 64;
    s.dy_bytes = ((size_t)(lines * 2 * s.across * s.given + 2 * L) * sizeof(T) + 63) / 64 * 64;
    s.seen_bytes = (size_t)(16 * (held * s.seen + L) + 2 * L) * sizeof(T);
    s.given_bytes = (size_t)(16 * (held * s.given + L) + 2 * L) * sizeof(T);
    s.own_bytes = (s.x_bytes + s.dy_bytes + s.seen_bytes + s.given_bytes + 4095) / 4096 * 4096 + 256;
    size_t partial_bytes = ((size_t)(s.groups * sums) + 2 * L * sizeof(T) + 63) / 64 * 64;
    char *shared = fac__scratch(FAC__SCRATCH_CONV, partial_bytes + (size_t)fac__threads() * s.own_bytes);
    if (!shared) return false;
    s.partial = (T *)(void *)shared;
    s.own = shared + partial_bytes;
    int64_t items = s.groups * s.splits;
    double work = 16.0 * (double)(s.rows * s.across) * (double)(a->c * a->k);
    fac__parallel(items, fac__conv_grain(items, work / (double)items), NAME(weigh_tile_items), &s);
    fac__parallel(a->c, 1 + (1 << 13) / (s.groups * a->k), NAME(weigh_tiles_finish), &s);
    return !odd;
}
