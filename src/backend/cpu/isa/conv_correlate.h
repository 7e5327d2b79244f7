/* Floor 1. Correlation for the type T (conv_kernels.c includes this for float and double): the forward pass and the
 * input gradient of convolution, without a matrix of patches.
 *
 * Rows of the source lie one after another, so the outputs of several rows are taken as one long line of positions, and
 * a tap's inputs for neighbouring positions are neighbours in memory, at a fixed offset. The kernel's reach makes lines a
 * little longer than the outputs; a vector of positions that runs over the end of a row computes a few that are not
 * kept, and the next vector begins with the next output. Strides become phases: the source is copied so that elements a
 * stride apart are neighbours. Padding is copied too; without padding and strides the source is read where it lies. */
#include "backend/cpu/isa/gemm_tile.h"

typedef struct NAME(correlating) {
    const fac__correlation *c;
    int64_t k, line, blocks, block_rows, splits; /* positions of a line; blocks of rows; parts of the output channels */
    int64_t panels;                              /* of the weights of a group */
    bool in_place;
    const T *weights;       /* [group][panel][k][rows of the panel] */
    const int32_t *offsets; /* [taps_d * depth * taps_h * taps_w] within the copy, or the source */
    char *own; /* own_bytes for each thread: the copy of the source, the vectors' places, and a panel's outputs */
    size_t own_bytes, copy_bytes, at_bytes;
} NAME(correlating);

#define CORRELATE_PARAMETERS                                                                                           \
    (int64_t k, const T *a, const T *b, const int32_t *offsets, const T *bias, const int32_t *at, T *to, int64_t to_row)
typedef void(*NAME(correlate_tile)) CORRELATE_PARAMETERS;
/* NV vectors of positions, which begin at at[0] and at[1]. */
INLINE void NAME(correlate)(const int MR, const int NV, int64_t k, const T *a, const T *b, const int32_t *offsets,
                            const T *bias, const int32_t *at, T *to, int64_t to_row)
{
    V acc[MR_MAX][NV_MAX];
    NAME(clear)(MR, NV, acc);
    const T *b0 = b + at[0], *b1 = b + at[NV - 1];
    for (int64_t l = 0; l < k; l++, a += MR) {
        V bv[NV_MAX] = {LOAD(b0 + offsets[l]), NV > 1 ? LOAD(b1 + offsets[l]) : (V){0}};
        NAME(multiply_add)(MR, NV, a, 1, bv, acc);
    }
    UNROLL for (int i = 0; i < MR; i++)
    {
        V add = SPLAT(bias ? bias[i] : 0);
        UNROLL for (int j = 0; j < NV; j++) STORE(to + i * to_row + at[j], acc[i][j] + add);
    }
}
#define TILE(MR, NV, name)                                                                                             \
    static void name CORRELATE_PARAMETERS                                                                              \
    {                                                                                                                  \
        NAME(correlate)(MR, NV, k, a, b, offsets, bias, at, to, to_row);                                               \
    }
#define TILES(MR) TILE(MR, 1, NAME(correlate_one_##MR)) TILE(MR, 2, NAME(correlate_two_##MR))
EACH_MR(TILES)
#undef TILE
#undef TILES
#undef CORRELATE_PARAMETERS
static const NAME(correlate_tile) NAME(correlate_tiles)[2][MR_MAX + 1] = {
#define ENTRY(MR) [MR] = NAME(correlate_one_##MR),
    {EACH_MR(ENTRY)},
#undef ENTRY
#define ENTRY(MR) [MR] = NAME(correlate_two_##MR),
    {EACH_MR(ENTRY)},
#undef ENTRY
};

/* Panel p of the weights of a group: rows first..first + count. */
INLINE int64_t NAME(panel_first)(const NAME(correlating) * s, int64_t p)
{
    return p * s->c->rows / s->panels;
}

/* Memory for offsets, packed weights and each thread's own_bytes, which are rounded up. The offsets are to be filled in; NULL: there is none. */
static int32_t *NAME(take_memory)(NAME(correlating) * s)
{
    const fac__correlation *c = s->c;
    size_t offsets_bytes = ((size_t)s->k * sizeof(int32_t) + 63) / 64 * 64;
    size_t weights_bytes = ((size_t)(s->k * c->rows * c->groups) * sizeof(T) + 63) / 64 * 64;
    s->own_bytes = (s->own_bytes + 4095) / 4096 * 4096 + 256;
    char *shared =
        fac__scratch(FAC__SCRATCH_CONV, offsets_bytes + weights_bytes + (size_t)fac__threads() * s->own_bytes);
    if (!shared) return NULL;
    s->offsets = (int32_t *)(void *)shared;
    s->weights = (T *)(void *)(shared + offsets_bytes);
    s->own = shared + offsets_bytes + weights_bytes;
    return (int32_t *)(void *)shared;
}

/* n zeros, or a few more. Mostly one vector is enough, and a loop alone would be a call of memset. */
INLINE T *NAME(put_zeros)(T *to, int64_t n)
{
    STORE(to, (V){0});
    for (int64_t i = L; i < n; i += L)
        STORE(to + i, (V){0});
    return to + n;
}

INLINE T *NAME(put_row)(T *to, const T *from, int64_t n, int64_t step)
{
    if (step != 1) {
        for (int64_t i = 0; i < n; i++)
            to[i] = from[i * step];
    } else if (n < L) {
        UNROLL for (int half = L / 2, at = 0; half; at += n & half, half /= 2) if (n & half)
            memcpy(to + at, from + at, (size_t)half * sizeof(T));
    } else {
        for (int64_t i = 0; i < n - L; i += L)
            STORE(to + i, LOAD(from + i));
        STORE(to + n - L, LOAD(from + n - L));
    }
    return to + n;
}

/* Weights as [k][rows of the panel], k running over (kernel d, depth, kernel h, kernel w). */
static void NAME(pack_panels)(void *context, int64_t begin, int64_t end)
{
    const NAME(correlating) *s = context;
    const fac__correlation *c = s->c;
    const fac__conv_axis *d = &c->axis[0], *h = &c->axis[1], *w = &c->axis[2];
    int64_t taps = c->kernel[0] * c->kernel[1] * c->kernel[2];
    bool all = d->taps == 1 && h->taps * w->taps == taps && c->w_depth == taps && h->tap[0].kernel == 0 &&
               w->tap[0].kernel == 0; /* k lies in memory as it runs */
    for (int64_t q = begin; q < end; q++) {
        int64_t g = q / s->panels, first = NAME(panel_first)(s, q % s->panels);
        int64_t rows = NAME(panel_first)(s, q % s->panels + 1) - first;
        T *to = (T *)s->weights + (g * c->rows + first) * s->k;
        const T *from = (const T *)c->w + g * c->w_group + first * c->w_row;
        if (all) {
            NAME(transpose)(from, c->w_row, rows, s->k, to, rows);
            continue;
        }
        for (int64_t td = 0; td < d->taps; td++)
            for (int64_t e = 0; e < c->depth; e++)
                for (int64_t th = 0; th < h->taps; th++)
                    for (int64_t tw = 0; tw < w->taps; tw++, to += rows) {
                        int64_t at = (d->tap[td].kernel * c->kernel[1] + h->tap[th].kernel) * c->kernel[2];
                        const T *p = from + e * c->w_depth + at + w->tap[tw].kernel;
                        NAME(put_row)(to, p, rows, c->w_row);
                    }
    }
}

/* Rows of outputs as lines, with gaps of zeros between them and after the last. */
static void NAME(put_lines)(const NAME(correlating) * s, const T *from, T *to)
{
    const fac__conv_axis *h = &s->c->axis[1], *w = &s->c->axis[2];
    for (int64_t y = 0; y < h->outputs; y++, from += w->outputs) {
        NAME(put_row)(to, from, w->outputs, 1);
        to = NAME(put_zeros)(to + w->outputs, y + 1 < h->outputs ? w->max_shift : 2 * L);
    }
}

/* How many i >= 0 have i * step + first < bound. */
INLINE int64_t NAME(count_below)(int64_t bound, int64_t first, int64_t step)
{
    return bound <= first ? 0 : (bound - first + step - 1) / step;
}

/* Copies what a block's outputs from `row` on in slice i need: [tap d][depth][phase h][phase w][lines][line]. Runs of zeros and
 * of data alternate in rising order of addresses, so a run of zeros may spill over what comes after it. */
static void NAME(copy_source)(const NAME(correlating) * s, const T *source, int64_t i, int64_t row, T *to)
{
    const fac__correlation *c = s->c;
    const fac__conv_axis *d = &c->axis[0], *h = &c->axis[1], *w = &c->axis[2];
    int64_t zeros = 0;
    for (int64_t td = 0; td < d->taps; td++) {
        int64_t z = (i + d->tap[td].shift) * d->step + d->first + d->tap[td].phase;
        for (int64_t e = 0; e < c->depth; e++) {
            const T *slice = source + (e * d->source + z) * h->source * w->source;
            for (int64_t ph = 0; ph < h->phases; ph++)
                for (int64_t pw = 0; pw < w->phases; pw++) {
                    int64_t left = NAME(count_below)(0, w->first + pw, w->step);
                    int64_t right = NAME(count_below)(w->source, w->first + pw, w->step);
                    left = left < s->line ? left : s->line;
                    right = right < s->line ? right : s->line;
                    for (int64_t j = 0; j < s->block_rows + h->max_shift; j++) {
                        int64_t y = (row + j) * h->step + h->first + ph;
                        if (y < 0 || y >= h->source || z < 0 || z >= d->source || left >= right) {
                            zeros += s->line;
                            continue;
                        }
                        to = NAME(put_zeros)(to, zeros + left);
                        const T *from = slice + y * w->source + left * w->step + w->first + pw;
                        to = NAME(put_row)(to, from, right - left, w->step);
                        zeros = s->line - right;
                    }
                }
        }
    }
    NAME(put_zeros)(to, zeros);
}

static void NAME(offsets)(const NAME(correlating) * s, int64_t lines, int32_t *to)
{
    const fac__correlation *c = s->c;
    const fac__conv_axis *d = &c->axis[0], *h = &c->axis[1], *w = &c->axis[2];
    for (int64_t td = 0; td < d->taps; td++)
        for (int64_t e = 0; e < c->depth; e++)
            for (int64_t th = 0; th < h->taps; th++)
                for (int64_t tw = 0; tw < w->taps; tw++) {
                    const fac__conv_tap *y = &h->tap[th], *x = &w->tap[tw];
                    int64_t plane = ((td * c->depth + e) * h->phases + y->phase) * w->phases + x->phase;
                    *to++ = (int32_t)((plane * lines + y->shift) * s->line + x->shift);
                }
}

/* Where vectors begin that together see all outputs of these rows; how many. None reads behind the last output. */
static int64_t NAME(place_vectors)(const NAME(correlating) * s, int64_t rows, int32_t *at)
{
    int64_t outputs = s->c->axis[2].outputs, n = 0, last = (rows - 1) * s->line + outputs - L;
    for (int64_t row = 0, x = 0; row < rows;) {
        int64_t p = row * s->line + x;
        at[n++] = (int32_t)(p > last && s->in_place ? last : p);
        row = (p + L) / s->line;
        x = (p + L) % s->line;
        if (x >= outputs) row++, x = 0;
    }
    return n;
}

/* One item: the rows of one block of one slice of one image and group, for one part of the output channels. */
static void NAME(correlate_items)(void *context, int64_t begin, int64_t end)
{
    const NAME(correlating) *s = context;
    const fac__correlation *c = s->c;
    const fac__conv_axis *d = &c->axis[0], *h = &c->axis[1], *w = &c->axis[2];
    int64_t plane = c->out_size[1] * c->out_size[2];
    int64_t to_row = (s->block_rows - 1) * s->line + w->outputs + 2 * L;
    T *copied = (T *)(void *)(s->own + (size_t)fac__thread_index() * s->own_bytes);
    int32_t *at = (int32_t *)(void *)((char *)copied + s->copy_bytes);
    T *wide = (T *)(void *)((char *)at + s->at_bytes);
    for (int64_t q = begin; q < end; q++) {
        int64_t split = q % s->splits, b = q / s->splits % s->blocks, i = q / s->splits / s->blocks % d->outputs;
        int64_t g = q / s->splits / s->blocks / d->outputs % c->groups,
                n = q / s->splits / s->blocks / d->outputs / c->groups;
        int64_t row = b * h->outputs / s->blocks, rows = (b + 1) * h->outputs / s->blocks - row;
        const T *source = (const T *)c->source + (n * c->groups + g) * c->depth * d->source * h->source * w->source;
        if (s->in_place) {
            source += row * s->line;
        } else {
            NAME(copy_source)(s, source, i, row, copied);
            source = copied;
        }
        int64_t vectors = NAME(place_vectors)(s, rows, at);
        T *out = (T *)c->out + (n * c->groups + g) * c->rows * c->out_size[0] * plane +
                 (d->out_first + i * d->out_step) * plane + (h->out_first + row * h->out_step) * c->out_size[2] +
                 w->out_first;
        for (int64_t p = split * s->panels / s->splits; p < (split + 1) * s->panels / s->splits; p++) {
            int64_t first = NAME(panel_first)(s, p), count = NAME(panel_first)(s, p + 1) - first;
            const T *a = s->weights + (g * c->rows + first) * s->k;
            const T *bias = c->bias ? (const T *)c->bias + g * c->rows + first : NULL;
            for (int64_t v = 0; v < vectors; v += 2)
                NAME(correlate_tiles)[v + 1 < vectors][count](s->k, a, source, s->offsets, bias, at + v, wide, to_row);
            for (int64_t r = 0; r < count; r++)
                for (int64_t y = 0; y < rows; y++) {
                    T *to = out + (first + r) * c->out_size[0] * plane + y * h->out_step * c->out_size[2];
                    const T *from = wide + r * to_row + y * s->line;
                    if (w->out_step == 1)
                        NAME(put_row)(to, from, w->outputs, 1);
                    else
                        for (int64_t x = 0; x < w->outputs; x++)
                            to[x * w->out_step] = from[x];
                }
        }
    }
}

/* ---- one channel to one channel ------------------------------------------------------------------------------- */

/* Depthwise: no other channel's sums share what is read, so vectors of several places in the image go side by side, and
 * the results go where they belong. Rows are longer than a vector, the last one of a row overlaps the one before. */
INLINE bool NAME(is_filter)(const fac__correlation *c)
{
    const fac__conv_axis *d = &c->axis[0], *h = &c->axis[1], *w = &c->axis[2];
    return c->rows == 1 && c->depth == 1 && c->out_size[0] == 1 && d->source == 1 && d->taps == 1 && h->out_step == 1 &&
           w->out_step == 1 && w->outputs >= L;
}

#define FILTER_NV 4
static void NAME(filter_rows)(const NAME(correlating) * s, const T *a, const T *source, T bias, int64_t rows, T *out)
{
    int64_t outputs = s->c->axis[2].outputs, vectors = (outputs + L - 1) / L, all = rows * vectors;
    for (int64_t v = 0; v < all; v += FILTER_NV) {
        const T *b[FILTER_NV];
        T *to[FILTER_NV];
        V acc[FILTER_NV];
        UNROLL for (int j = 0; j < FILTER_NV; j++)
        {
            int64_t i = v + j < all ? v + j : all - 1, y = i / vectors, x = i % vectors * L;
            x = x < outputs - L ? x : outputs - L;
            b[j] = source + y * s->line + x;
            to[j] = out + y * outputs + x;
            acc[j] = (V){0};
        }
        for (int64_t l = 0; l < s->k; l++) {
            V av = SPLAT(a[l]);
            UNROLL for (int j = 0; j < FILTER_NV; j++) acc[j] = NAME(fma)(av, LOAD(b[j] + s->offsets[l]), acc[j]);
        }
        UNROLL for (int j = 0; j < FILTER_NV; j++) STORE(to[j], acc[j] + SPLAT(bias));
    }
}

/* The same items as those of correlate_items. */
static void NAME(filter_items)(void *context, int64_t begin, int64_t end)
{
    const NAME(correlating) *s = context;
    const fac__correlation *c = s->c;
    const fac__conv_axis *h = &c->axis[1], *w = &c->axis[2];
    T *copied = (T *)(void *)(s->own + (size_t)fac__thread_index() * s->own_bytes);
    for (int64_t q = begin; q < end; q++) {
        int64_t b = q % s->blocks, ng = q / s->blocks, g = ng % c->groups;
        int64_t row = b * h->outputs / s->blocks, rows = (b + 1) * h->outputs / s->blocks - row;
        const T *source = (const T *)c->source + ng * h->source * w->source;
        if (s->in_place)
            source += row * s->line;
        else
            NAME(copy_source)(s, source, 0, row, copied);
        NAME(filter_rows)
        (s, s->weights + g * s->k, s->in_place ? source : copied, c->bias ? ((const T *)c->bias)[g] : 0, rows,
         (T *)c->out + (ng * h->outputs + row) * w->outputs);
    }
}

static bool NAME(correlation)(const fac__correlation *c)
{
    const fac__conv_axis *d = &c->axis[0], *h = &c->axis[1], *w = &c->axis[2];
    if (d->outputs * h->outputs * w->outputs * c->n * c->groups * c->rows == 0) return true;
    NAME(correlating)
    s = {.c = c, .k = d->taps * c->depth * h->taps * w->taps, .panels = (c->rows + MR_MAX - 1) / MR_MAX};
    s.in_place = d->outputs == 1 && d->taps == 1 && d->source == 1 &&
                 d->first + d->tap[0].shift * d->step + d->tap[0].phase == 0;
    for (int i = 1; i < 3; i++)
        s.in_place &= c->axis[i].step == 1 && c->axis[i].phases == 1 && c->axis[i].first == 0 &&
                      c->axis[i].outputs + c->axis[i].max_shift <= c->axis[i].source;
    s.line = s.in_place ? w->source : w->outputs + w->max_shift;
    if ((h->outputs - 1) * s.line + w->outputs < 2 * L && s.in_place) {
        s.in_place = false;
        s.line = w->outputs + w->max_shift;
    }
    /* Blocks of rows: long enough for the tiles, short enough for the second-level cache. */
    int64_t per_row = s.line * (s.in_place ? MR_MAX : MR_MAX + d->taps * c->depth * h->phases * w->phases);
    int64_t fit = (1 << 18) / (int64_t)sizeof(T) / per_row - (s.in_place ? 0 : h->max_shift);
    int64_t least = 128 / s.line + 1;
    s.block_rows = fit > least ? fit : least;
    s.blocks = (h->outputs + s.block_rows - 1) / s.block_rows;
    while (s.in_place && s.blocks > 1 && (h->outputs / s.blocks - 1) * s.line + w->outputs < 2 * L)
        s.blocks--;
    s.block_rows = (h->outputs + s.blocks - 1) / s.blocks;
    int64_t items = c->n * c->groups * d->outputs * s.blocks;
    double work = (double)s.k * (double)c->rows * (double)(s.block_rows * s.line);
    s.splits = items < 8 && work > 1 << 20 && fac__threads() > 1 ? (8 + items - 1) / items : 1;
    if (s.splits > s.panels) s.splits = s.panels;

    int64_t lines = s.in_place ? h->source : s.block_rows + h->max_shift;
    int64_t reach = d->taps * c->depth * h->phases * w->phases * lines * s.line;
    if (reach > INT32_MAX) return false;
    if (!s.in_place) s.copy_bytes = ((size_t)(reach + 4 * L) * sizeof(T) + 63) / 64 * 64;
    s.at_bytes = (size_t)(s.block_rows * (s.line / L + 2)) * sizeof(int32_t);
    s.at_bytes = (s.at_bytes + 63) / 64 * 64;
    s.own_bytes = s.copy_bytes + s.at_bytes +
                  (size_t)(MR_MAX * ((s.block_rows - 1) * s.line + w->outputs + 2 * L)) * sizeof(T);
    int32_t *offsets = NAME(take_memory)(&s);
    if (!offsets) return false;
    NAME(offsets)(&s, lines, offsets);
    fac__parallel(c->groups * s.panels, 1 + (1 << 16) / (s.k * MR_MAX + 1), NAME(pack_panels), &s);
    items *= s.splits;
    fac__parallel(items, fac__conv_grain(items, work / (double)s.splits),
                  NAME(is_filter)(c) ? NAME(filter_items) : NAME(correlate_items), &s);
    return true;
}
