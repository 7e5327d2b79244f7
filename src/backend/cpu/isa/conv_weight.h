/* Floor 1. The weight gradient of convolution for the type T (conv_kernels.c includes this for float and double):
 *
 *     dw[k, c, tap] = sum over images n and positions p of dy[n, k, p] * x[n, c, p * stride + tap]
 *
 * Images are turned so that channels are the inner dimension, x with its padding. Then for each kernel row the channels
 * of all its taps lie side by side (a run), and a tile of (output channels) x (run), or the other way round, adds up
 * over positions in registers. Where dy is mostly zeros (conv_sparse.h), the rest of each output channel is a list of its
 * own, and a tile is (kernel rows) x (run). Each group of images has sums of its own, added at the end in order: how images are
 * grouped depends on the sizes alone, so the result does not depend on the threads. */

typedef struct NAME(weighing) {
    const fac__conv_args *a;
    int64_t cg, kg;              /* channels of a group */
    int64_t runs, run, run_step; /* runs of a kernel row, their length, and the distance of their beginnings */
    bool turned;                 /* tiles are (run) x (output channels) */
    bool sparse;
    int64_t rows, columns, sums;       /* of one run's sums, columns in whole vectors; of one channel group's */
    int64_t image_groups, splits;      /* splits: parts of the output channels, cut at multiples of unit */
    int64_t unit, split_channels;      /* the most channels of a part */
    int64_t block_rows, blocks, width; /* rows of dy at a time; of a line of the turned x */
    T *partial;                        /* [image group][channel group][kernel d][kernel h][run][rows][columns] */
    char *own;
    size_t own_bytes, x_bytes, dy_bytes; /* x, dy or the values of a list, and of a list the places */
} NAME(weighing);

/* One tile over `lines` lines of `steps` positions; strides in elements. a has MR values a step, b NV vectors. */
typedef struct NAME(weigh_steps) {
    int64_t lines, steps, a_step, b_step, a_line, b_line, to_row;
    bool add;
} NAME(weigh_steps);
typedef void (*NAME(weigh_tile))(const NAME(weigh_steps) * w, const T *a, const T *b, T *to);
INLINE void NAME(weigh)(const int MR, const int NV, const NAME(weigh_steps) * w, const T *a, const T *b, T *to)
{
    V acc[MR_MAX][NV_MAX];
    NAME(clear)(MR, NV, acc);
    for (int64_t y = 0; y < w->lines; y++)
        NAME(accumulate)(MR, NV, 0, w->steps, a + y * w->a_line, 1, w->a_step, b + y * w->b_line, w->b_step, acc);
    UNROLL for (int i = 0; i < MR; i++) UNROLL for (int j = 0; j < NV; j++)
    {
        T *p = to + i * w->to_row + j * L;
        STORE(p, w->add ? LOAD(p) + acc[i][j] : acc[i][j]);
    }
}
#define TILE(MR, NV, name)                                                                                             \
    static void name(const NAME(weigh_steps) * w, const T *a, const T *b, T *to)                                       \
    {                                                                                                                  \
        NAME(weigh)(MR, NV, w, a, b, to);                                                                              \
    }
#define TILES(MR) TILE(MR, 1, NAME(weigh_one_##MR)) TILE(MR, 2, NAME(weigh_two_##MR))
EACH_MR(TILES)
#undef TILE
#undef TILES
static const NAME(weigh_tile) NAME(weigh_tiles)[2][MR_MAX + 1] = {
#define ENTRY(MR) [MR] = NAME(weigh_one_##MR),
    {EACH_MR(ENTRY)},
#undef ENTRY
#define ENTRY(MR) [MR] = NAME(weigh_two_##MR),
    {EACH_MR(ENTRY)},
#undef ENTRY
};

/* Lines [first, first + lines) of slice z of x, with padding, as [line][position][channel]. */
static void NAME(turn_x)(const NAME(weighing) * s, const T *x, int64_t z, int64_t first, int64_t lines, T *to)
{
    const fac__conv_args *a = s->a;
    int64_t line = s->width * s->cg, plane = a->in[0] * a->in[1] * a->in[2];
    int64_t left = a->pad[2] < s->width ? a->pad[2] : s->width;
    int64_t inside = a->in[2] < s->width - left ? a->in[2] : s->width - left;
    for (int64_t i = 0; i < lines; i++, to += line) {
        int64_t y = first + i - a->pad[1];
        if (y < 0 || y >= a->in[1] || z < 0 || z >= a->in[0]) {
            memset(to, 0, (size_t)line * sizeof(T));
            continue;
        }
        const T *from = x + (z * a->in[1] + y) * a->in[2];
        memset(to, 0, (size_t)(left * s->cg) * sizeof(T));
        if (s->cg == 1)
            memcpy(to + left, from, (size_t)inside * sizeof(T));
        else
            NAME(transpose)(from, plane, s->cg, inside, to + left * s->cg, s->cg);
        memset(to + (left + inside) * s->cg, 0, (size_t)((s->width - left - inside) * s->cg) * sizeof(T));
    }
}

/* All tiles of one run: the sums of [rows][columns] grow by what these lines give. */
static void NAME(weigh_run)(const NAME(weighing) * s, NAME(weigh_steps) w, const T *x, const T *dy, int64_t channels,
                            T *to)
{
    const int64_t x_step = s->cg * s->a->stride[2], x_line = s->width * s->cg * s->a->stride[1];
    const T *wide = s->turned ? dy : x, *tall = s->turned ? x : dy;
    int64_t columns = s->turned ? channels : s->run, rows = s->turned ? s->run : channels;
    w.a_step = s->turned ? x_step : channels;
    w.a_line = s->turned ? x_line : w.steps * channels;
    w.b_step = s->turned ? channels : x_step;
    w.b_line = s->turned ? w.steps * channels : x_line;
    w.to_row = s->columns;
    int64_t panels = (rows + MR_MAX - 1) / MR_MAX;
    for (int64_t j = 0; j < columns; j += 2 * L)
        for (int64_t p = 0; p < panels; p++) {
            int64_t i = p * rows / panels, count = (p + 1) * rows / panels - i;
            NAME(weigh_tiles)[columns - j > L][count](&w, tall + i, wide + j, to + i * s->columns + j);
        }
}

/* The same from lists: rows [row, row + lines) of dy. */
static void NAME(weigh_lists)(const NAME(weighing) * s, const T *x, const T *dy, int64_t channels, const int32_t *place,
                              int64_t count, T *value, int32_t *at, T *to)
{
    const fac__conv_args *a = s->a;
    int64_t vectors = s->columns / L, plane = s->rows * s->columns;
    for (int64_t k = 0; k < channels; k++, dy += a->out[1] * a->out[2], to += s->columns) {
        int64_t n = NAME(list)(count, dy, place, value, at);
        for (int64_t i = 0; i < count && k + 1 < channels; i += L)
            __builtin_prefetch(dy + a->out[1] * a->out[2] + i);
        NAME(sparse_part) part;
        for (int64_t v = 0; v < vectors && n; v += part.vectors)
            for (int64_t h = 0; h < a->kernel[1]; h += part.rows) {
                part = NAME(sparse_part_at)(a->kernel[1], vectors, h, v, SPARSE_MOST);
                part.run(n, at, value, x + h * a->dilation[1] * s->width * s->cg + v * L,
                         a->dilation[1] * s->width * s->cg, to + h * plane + v * L, plane);
            }
    }
}

INLINE int64_t NAME(split_first)(const NAME(weighing) * s, int64_t split)
{
    int64_t units = (s->kg + s->unit - 1) / s->unit, k = split * units / s->splits * s->unit;
    return k < s->kg ? k : s->kg;
}

/* One item: a part of a group's output channels, over the images of one group of images. */
static void NAME(weigh_items)(void *context, int64_t begin, int64_t end)
{
    const NAME(weighing) *s = context;
    const fac__conv_args *a = s->a;
    int64_t in = a->in[0] * a->in[1] * a->in[2], out = a->out[0] * a->out[1] * a->out[2];
    T *x = (T *)(void *)(s->own + (size_t)fac__thread_index() * s->own_bytes);
    T *dy = (T *)(void *)((char *)x + s->x_bytes);
    int32_t *at = (int32_t *)(void *)((char *)dy + s->dy_bytes), *place = at + s->block_rows * a->out[2] + L;
    for (int64_t i = 0; i < s->block_rows * a->out[2] && s->sparse; i++)
        place[i] = (int32_t)((i / a->out[2] * a->stride[1] * s->width + i % a->out[2] * a->stride[2]) * s->cg);
    for (int64_t q = begin; q < end; q++) {
        int64_t split = q % s->splits, g = q / s->splits % a->groups, ig = q / s->splits / a->groups;
        int64_t k = NAME(split_first)(s, split), channels = NAME(split_first)(s, split + 1) - k;
        T *sums = s->partial + (ig * a->groups + g) * s->sums + (s->turned ? k : k * s->columns);
        NAME(weigh_steps) w = {.steps = a->out[2], .add = false};
        if (s->sparse) memset(sums, 0, (size_t)s->sums * sizeof(T));
        for (int64_t n = ig * a->n / s->image_groups; n < (ig + 1) * a->n / s->image_groups; n++) {
            const T *from_x = (const T *)a->x + (n * a->groups + g) * s->cg * in;
            const T *from_dy = (const T *)a->dy + ((n * a->groups + g) * s->kg + k) * out;
            for (int64_t d = 0; d < a->out[0]; d++)
                for (int64_t b = 0; b < s->blocks; b++, w.add = true) {
                    int64_t row = b * a->out[1] / s->blocks;
                    w.lines = (b + 1) * a->out[1] / s->blocks - row;
                    if (s->sparse) {
                        NAME(turn_x)
                        (s, from_x, 0, row * a->stride[1],
                         (w.lines - 1) * a->stride[1] + (a->kernel[1] - 1) * a->dilation[1] + 1, x);
                        NAME(weigh_lists)
                        (s, x, from_dy + row * a->out[2], channels, place, w.lines * w.steps, dy, at, sums);
                        continue;
                    }
                    NAME(transpose)
                    (from_dy + (d * a->out[1] + row) * a->out[2], out, channels, w.lines * w.steps, dy, channels);
                    for (int64_t kd = 0; kd < a->kernel[0]; kd++) {
                        int64_t lines = (w.lines - 1) * a->stride[1] + (a->kernel[1] - 1) * a->dilation[1] + 1;
                        NAME(turn_x)
                        (s, from_x, d * a->stride[0] - a->pad[0] + kd * a->dilation[0], row * a->stride[1], lines, x);
                        for (int64_t kh = 0; kh < a->kernel[1]; kh++)
                            for (int64_t r = 0; r < s->runs; r++)
                                NAME(weigh_run)
                        (s, w, x + kh * a->dilation[1] * s->width * s->cg + r * s->run_step, dy, channels,
                         sums + ((kd * a->kernel[1] + kh) * s->runs + r) * s->rows * s->columns);
                    }
                }
        }
    }
}

/* Adds up what all groups of images have for n sums, and puts them step apart. */
static void NAME(put_sums)(const NAME(weighing) * s, const T *from, int64_t n, T *to, int64_t step)
{
    int64_t all = s->sums * s->a->groups;
    for (int64_t i = 0; i < n; i += L) {
        V sum = LOAD(from + i);
        for (int64_t g = 1; g < s->image_groups; g++)
            sum += LOAD(from + g * all + i);
        if (step == 1 && n - i >= L) {
            STORE(to + i, sum);
            continue;
        }
        T lanes[L];
        STORE(lanes, sum);
        for (int64_t l = 0; l < L && l < n - i; l++)
            to[(i + l) * step] = lanes[l];
    }
}

/* Puts output channels [begin, end) where they belong. */
static void NAME(weigh_finish)(void *context, int64_t begin, int64_t end)
{
    const NAME(weighing) *s = context;
    const fac__conv_args *a = s->a;
    int64_t taps = a->kernel[0] * a->kernel[1] * a->kernel[2];
    for (int64_t k = begin, n; k < end; k += n) {
        int64_t first = k % s->kg;
        n = end - k < s->kg - first ? end - k : s->kg - first; /* of one group */
        for (int64_t t = 0; t < taps; t++) {
            int64_t row = t / a->kernel[2], w = t % a->kernel[2], run = s->runs == 1 ? 0 : w;
            int64_t at = s->runs == 1 ? w * s->cg : 0;
            const T *from = s->partial + k / s->kg * s->sums + (row * s->runs + run) * s->rows * s->columns;
            T *to = (T *)a->dw + k * s->cg * taps + t;
            for (int64_t c = 0; c < s->cg && s->turned; c++)
                NAME(put_sums)(s, from + (at + c) * s->columns + first, n, to + c * taps, s->cg * taps);
            for (int64_t i = 0; i < n && !s->turned; i++)
                NAME(put_sums)(s, from + (first + i) * s->columns + at, s->cg, to + i * s->cg * taps, taps);
        }
    }
}

static int64_t NAME(round_up)(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

static NAME(weighing) NAME(weighing_of)(const fac__conv_args *a)
{
    NAME(weighing) s = {.a = a, .cg = a->c / a->groups, .kg = a->k / a->groups};
    s.runs = a->dilation[2] == 1 ? 1 : a->kernel[2];
    s.run = a->dilation[2] == 1 ? a->kernel[2] * s.cg : s.cg;
    s.run_step = a->dilation[2] * s.cg;
    s.width = (a->out[2] - 1) * a->stride[2] + (a->kernel[2] - 1) * a->dilation[2] + 1;
    return s;
}

/* Whether leaving out zeros is worth it: a product of one element with a kernel row's channels takes as many
 * multiplications of vectors as in a tile, or more where that has the output channels in its vectors, and a little more
 * time. */
static bool NAME(weigh_sparsely)(const fac__conv_args *a)
{
    const NAME(weighing) all_of = NAME(weighing_of)(a), *s = &all_of;
    int64_t vectors = (s->run + L - 1) / L, tile = a->kernel[1] * vectors, x = a->n * a->c * a->in[1] * a->in[2];
    if (!NAME(can_be_sparse)(a) || a->n < 8 || s->width * s->cg > INT32_MAX / a->in[1]) return false;
    int64_t dense = s->kg * vectors, turned = s->run * ((s->kg + L - 1) / L);
    double each = (double)((tile < 4 ? 4 : tile) * s->kg) / (double)a->kernel[1];
    double share = 0.8 * (double)(dense < turned ? dense : turned) / each;
    int64_t all = a->n * a->k * a->out[1] * a->out[2], most = (int64_t)((share < 0.6 ? share : 0.6) * (double)all);
    return NAME(mostly_zeros)(a->dy, all, most) && NAME(mostly_zeros)(a->x, x, x);
}

static bool NAME(conv_weight)(const fac__conv_args *a, bool sparse)
{
    int64_t taps = a->kernel[0] * a->kernel[1] * a->kernel[2];
    NAME(weighing) s = NAME(weighing_of)(a);
    s.sparse = sparse;
    s.turned = NAME(round_up)(s.kg, L) * s.run < NAME(round_up)(s.run, L) * s.kg && !sparse;
    s.rows = s.turned ? s.run : s.kg;
    s.columns = NAME(round_up)(s.turned ? s.kg : s.run, L);
    s.sums = a->kernel[0] * a->kernel[1] * s.runs * s.rows * s.columns;

    double work = (double)a->n * (double)(a->out[0] * a->out[1] * a->out[2]) * (double)(a->k * s.cg * taps);
    int64_t most = (1 << 23) / (int64_t)sizeof(T) / (s.sums * a->groups) + 1;
    s.image_groups = work < 1 << 20 ? 1 : a->n < 8 ? a->n : 8;
    if (s.image_groups > most) s.image_groups = most;
    /* Tiles write whole vectors: where those run over output channels, parts begin at whole vectors. */
    s.unit = s.turned ? L : 1;
    int64_t groups = s.image_groups * a->groups, parts = s.kg / (s.turned ? 2 * L : MR_MAX);
    s.splits = groups < 8 && work > 1 << 20 && !s.sparse ? (8 + groups - 1) / groups : 1;
    if (s.splits > parts) s.splits = parts > 1 ? parts : 1;
    for (int64_t i = 0; i < s.splits; i++) {
        int64_t channels = NAME(split_first)(&s, i + 1) - NAME(split_first)(&s, i);
        if (channels > s.split_channels) s.split_channels = channels;
    }

    int64_t reach = (a->kernel[1] - 1) * a->dilation[1] + 1;
    int64_t per_row = s.width * s.cg * a->stride[1] + a->out[2] * s.split_channels;
    if (s.sparse) per_row = s.width * s.cg * a->stride[1]; /* x stays in the first-level cache */
    s.block_rows = ((s.sparse ? 28 << 10 : 1 << 19) / (int64_t)sizeof(T) - reach * s.width * s.cg) / per_row;
    if (s.block_rows < 4) s.block_rows = 4;
    s.blocks = (a->out[1] + s.block_rows - 1) / s.block_rows;
    s.block_rows = (a->out[1] + s.blocks - 1) / s.blocks;
    int64_t lines = (s.block_rows - 1) * a->stride[1] + reach;
    s.x_bytes = (size_t)NAME(round_up)((lines * s.width * s.cg + 2 * L) * (int64_t)sizeof(T), 64);
    int64_t dy_size = s.block_rows * a->out[2] * (s.sparse ? 1 : s.split_channels) + 2 * L;
    s.dy_bytes = (size_t)NAME(round_up)(dy_size * (int64_t)sizeof(T), 64);
    size_t list_bytes = s.sparse ? 2 * (size_t)dy_size * sizeof(int32_t) : 0;
    s.own_bytes = (size_t)NAME(round_up)((int64_t)(s.x_bytes + s.dy_bytes + list_bytes), 4096) + 256;
    size_t partial_bytes =
        (size_t)NAME(round_up)((s.image_groups * a->groups * s.sums + 2 * L) * (int64_t)sizeof(T), 64);
    char *shared = fac__scratch(FAC__SCRATCH_CONV, partial_bytes + (size_t)fac__threads() * s.own_bytes);
    if (!shared) return false;
    s.partial = (T *)(void *)shared;
    s.own = shared + partial_bytes;
    int64_t items = s.image_groups * a->groups * s.splits;
    fac__parallel(items, fac__conv_grain(items, work / (double)items), NAME(weigh_items), &s);
    fac__parallel(a->k, 1 + (1 << 16) / (s.image_groups * s.cg * taps), NAME(weigh_finish), &s);
    return true;
}
