/* Floor 1. The input gradient of convolution for the type T, the other way round: not what each position of dx gathers
 * (conv_correlate.h), but what each position of dy gives. dx needs no margin of zeros then, over which gathering
 * multiplies in vain; instead sums are read and written once for each tap. It is the transposed of the forward pass on
 * the same correlation: `source` is dx, `out` is dy, and offsets say where in the phases of dx a tap's share goes. */

typedef struct NAME(spreading) {
    NAME(correlating) s;         /* k: rows of the transposed weights, one for each tap and channel of dx */
    int64_t parts;               /* of dx's channels */
    int64_t lines, plane, given; /* of a phase; of a channel in all phases; a channel of dy with its gaps */
    size_t given_bytes;
} NAME(spreading);

typedef void (*NAME(spread_tile))(int64_t k, const T *a, const T *b, int64_t b_row, const int32_t *offsets,
                                  const int32_t *at, T *to);
INLINE void NAME(spread)(const int MR, const int NV, int64_t k, const T *a, const T *b, int64_t b_row,
                         const int32_t *offsets, const int32_t *at, T *to)
{
    V acc[MR_MAX][NV_MAX];
    NAME(clear)(MR, NV, acc);
    const T *b0 = b + at[0], *b1 = b + at[NV - 1];
    for (int64_t l = 0; l < k; l++, a += MR, b0 += b_row, b1 += b_row) {
        V bv[NV_MAX] = {LOAD(b0), NV > 1 ? LOAD(b1) : (V){0}};
        NAME(multiply_add)(MR, NV, a, 1, bv, acc);
    }
    UNROLL for (int i = 0; i < MR; i++)
    {
        T *p = to + offsets[i];
        UNROLL for (int j = 0; j < NV; j++) STORE(p + at[j], LOAD(p + at[j]) + acc[i][j]);
    }
}
#define TILE(MR, NV, name)                                                                                             \
    static void name(int64_t k, const T *a, const T *b, int64_t b_row, const int32_t *offsets, const int32_t *at,      \
                     T *to)                                                                                            \
    {                                                                                                                  \
        NAME(spread)(MR, NV, k, a, b, b_row, offsets, at, to);                                                         \
    }
#define TILES(MR) TILE(MR, 1, NAME(spread_one_##MR)) TILE(MR, 2, NAME(spread_two_##MR))
EACH_MR(TILES)
#undef TILE
#undef TILES
static const NAME(spread_tile) NAME(spread_tiles)[2][MR_MAX + 1] = {
#define ENTRY(MR) [MR] = NAME(spread_one_##MR),
    {EACH_MR(ENTRY)},
#undef ENTRY
#define ENTRY(MR) [MR] = NAME(spread_two_##MR),
    {EACH_MR(ENTRY)},
#undef ENTRY
};

/* Rows of a part run over (kernel h, kernel w, channel): neighbours go to different channels, so that no sum waits for
 * the one before it to be written. */
typedef struct NAME(part) {
    int64_t first, channels, rows, panels;
} NAME(part);
INLINE NAME(part) NAME(part_of)(const NAME(spreading) * p, int64_t part)
{
    const fac__correlation *c = p->s.c;
    NAME(part) r = {.first = part * c->depth / p->parts};
    r.channels = (part + 1) * c->depth / p->parts - r.first;
    r.rows = c->axis[1].taps * c->axis[2].taps * r.channels;
    r.panels = (r.rows + MR_MAX - 1) / MR_MAX;
    return r;
}

/* Weights of groups * parts [begin, end), as panels of [dy's channels][rows], and the rows' offsets. */
static void NAME(pack_spread)(void *context, int64_t begin, int64_t end)
{
    const NAME(spreading) *p = context;
    const fac__correlation *c = p->s.c;
    int64_t taps = c->axis[1].taps * c->axis[2].taps;
    for (int64_t q = begin; q < end; q++) {
        int64_t g = q / p->parts;
        NAME(part) part = NAME(part_of)(p, q % p->parts);
        int32_t *offsets = (int32_t *)p->s.offsets + part.first * taps;
        T *to = (T *)p->s.weights + (g * c->depth + part.first) * taps * c->rows;
        const T *from = (const T *)c->w + g * c->w_group + part.first * c->w_depth;
        for (int64_t i = 0; i < part.rows && g == 0; i++) {
            const fac__conv_tap *y = &c->axis[1].tap[i / part.channels / c->axis[2].taps];
            const fac__conv_tap *x = &c->axis[2].tap[i / part.channels % c->axis[2].taps];
            offsets[i] = (int32_t)(i % part.channels * p->plane + x->shift +
                                   ((y->phase * c->axis[2].phases + x->phase) * p->lines + y->shift) * p->s.line);
        }
        for (int64_t n = 0; n < part.panels; n++) {
            int64_t first = n * part.rows / part.panels, rows = (n + 1) * part.rows / part.panels - first;
            int64_t at[MR_MAX];
            for (int64_t i = 0; i < rows; i++)
                at[i] = (first + i) % part.channels * c->w_depth + (first + i) / part.channels;
            for (int64_t k = 0; k < c->rows; k++, to += rows)
                for (int64_t i = 0; i < rows; i++)
                    to[i] = from[k * c->w_row + at[i]];
        }
    }
}

/* A channel's phases as rows of dx. */
static void NAME(put_channel)(const NAME(spreading) * p, const T *from, T *to)
{
    const fac__conv_axis *h = &p->s.c->axis[1], *w = &p->s.c->axis[2];
    int64_t left = -w->first, line = p->s.line;
    for (int64_t y = 0; y < h->source; y++, to += w->source) {
        int64_t phase = (y - h->first) % h->step, j = (y - h->first) / h->step;
        if (phase >= h->phases || j >= p->lines) {
            memset(to, 0, (size_t)w->source * sizeof(T));
            continue;
        }
        const T *row = from + (phase * w->phases * p->lines + j) * line;
        if (w->step == 1) {
            int64_t n = line - left < w->source ? line - left : w->source;
            n = n > 0 ? n : 0;
            NAME(put_row)(to, row + left, n, 1);
            for (; n < w->source; n++)
                to[n] = 0;
        } else {
            for (int64_t x = 0; x < w->source; x++) {
                int64_t f = (x + left) % w->step, i = (x + left) / w->step;
                to[x] = f < w->phases && i < line ? row[f * p->lines * line + i] : 0;
            }
        }
    }
}

static void NAME(spread_items)(void *context, int64_t begin, int64_t end)
{
    const NAME(spreading) *p = context;
    const fac__correlation *c = p->s.c;
    const fac__conv_axis *h = &c->axis[1], *w = &c->axis[2];
    int64_t taps = h->taps * w->taps, dx_plane = h->source * w->source, dy_plane = h->outputs * w->outputs;
    T *sums = (T *)(void *)(p->s.own + (size_t)fac__thread_index() * p->s.own_bytes);
    T *given = (T *)(void *)((char *)sums + p->s.copy_bytes);
    int32_t *at = (int32_t *)(void *)((char *)given + p->given_bytes);
    int64_t vectors = NAME(place_vectors)(&p->s, h->outputs, at);
    for (int64_t q = begin; q < end; q++) {
        int64_t ng = q / p->parts;
        NAME(part) part = NAME(part_of)(p, q % p->parts);
        for (int64_t k = 0; k < c->rows; k++)
            NAME(put_lines)(&p->s, (const T *)c->out + (ng * c->rows + k) * dy_plane, given + k * p->given);
        memset(sums, 0, (size_t)(part.channels * p->plane) * sizeof(T));
        const T *a = p->s.weights + (ng % c->groups * c->depth + part.first) * taps * c->rows;
        const int32_t *offsets = p->s.offsets + part.first * taps;
        for (int64_t n = 0, first = 0; n < part.panels; n++) {
            int64_t rows = (n + 1) * part.rows / part.panels - first;
            for (int64_t v = 0; v < vectors; v += 2)
                NAME(spread_tiles)[v + 1 < vectors][rows](c->rows, a, given, p->given, offsets + first, at + v, sums);
            a += rows * c->rows;
            first += rows;
        }
        T *dx = (T *)c->source + (ng * c->depth + part.first) * dx_plane;
        for (int64_t e = 0; e < part.channels; e++)
            NAME(put_channel)(p, sums + e * p->plane, dx + e * dx_plane);
    }
}

/* For one slice only (two dimensions). false: no memory, nothing done. */
static bool NAME(spread_out)(const fac__correlation *c)
{
    const fac__conv_axis *h = &c->axis[1], *w = &c->axis[2];
    int64_t taps = h->taps * w->taps;
    NAME(spreading) p = {.s = {.c = c, .line = w->outputs + w->max_shift}, .lines = h->outputs + h->max_shift};
    p.plane = h->phases * w->phases * p.lines * p.s.line;
    p.given = h->outputs * p.s.line + 2 * L;
    int64_t items = c->n * c->groups;
    double work = (double)c->rows * (double)c->depth * (double)(taps * h->outputs * p.s.line);
    p.parts = 1 + c->depth * p.plane * (int64_t)sizeof(T) / (1 << 19);
    if (items < 8 && work > 1 << 20 && fac__threads() > 1 && p.parts < 8) p.parts = 8;
    if (p.parts > c->depth) p.parts = c->depth;
    int64_t channels = (c->depth + p.parts - 1) / p.parts;
    if (channels * p.plane > INT32_MAX) return false;

    size_t offsets_bytes = ((size_t)(c->depth * taps) * sizeof(int32_t) + 63) / 64 * 64;
    size_t weights_bytes = ((size_t)(taps * c->depth * c->rows * c->groups) * sizeof(T) + 63) / 64 * 64;
    p.s.copy_bytes = ((size_t)(channels * p.plane + 4 * L) * sizeof(T) + 63) / 64 * 64;
    p.given_bytes = ((size_t)(c->rows * p.given + 4 * L) * sizeof(T) + 63) / 64 * 64;
    p.s.at_bytes = ((size_t)(h->outputs * (p.s.line / L + 2)) * sizeof(int32_t) + 63) / 64 * 64;
    p.s.own_bytes = (p.s.copy_bytes + p.given_bytes + p.s.at_bytes + 4095) / 4096 * 4096 + 256;
    char *shared =
        fac__scratch(FAC__SCRATCH_CONV, offsets_bytes + weights_bytes + (size_t)fac__threads() * p.s.own_bytes);
    if (!shared) return false;
    p.s.offsets = (int32_t *)(void *)shared;
    p.s.weights = (T *)(void *)(shared + offsets_bytes);
    p.s.own = shared + offsets_bytes + weights_bytes;
    fac__parallel(c->groups * p.parts, 1 + (1 << 16) / (channels * taps * c->rows + 1), NAME(pack_spread), &p);
    items *= p.parts;
    fac__parallel(items, fac__conv_grain(items, work / (double)p.parts), NAME(spread_items), &p);
    return true;
}
