/* Floor 1. The weight gradient of convolution with one input channel a group, for the type T: depthwise, or of a picture in
 * grey. There are no channels of x to fill a vector, so positions do: a tap's gradient is the scalar product of dy with the
 * shifted image, whose sums stay in lanes until all images of a group of them have been added. Lines, phases and offsets
 * are those of the forward pass; `source` is x, `out` is dy and w is dw. */

typedef struct NAME(dotting) {
    NAME(correlating) s;
    int64_t image_groups, reach; /* groups of images have sums of their own, added at the end in order */
    int64_t given;               /* elements of an output channel's lines */
    T *sums;                     /* [image group][output channel][taps][lanes] */
    size_t given_bytes;
} NAME(dotting);

/* Tiles of one channel have all taps that there is room for, of more channels a few. */
#if MR_MAX == 14
#define DOTS_ROWS 6
#define DOTS_TAPS 4
#define EACH_ROWS(X) X(2) X(3) X(4) X(5) X(6)
#else
#define DOTS_ROWS 3
#define DOTS_TAPS 3
#define EACH_ROWS(X) X(2) X(3)
#endif

/* sums[i][t] += the scalar products over n vectors, which begin at at[0..n), of ROWS channels' dy and TAPS images; the sums
 * of channels are to_row apart. */
#define DOTS_PARAMETERS                                                                                                \
    (int64_t n, const T *dy, int64_t dy_row, const T *x, const int32_t *offsets, const int32_t *at, T *sums,           \
     int64_t to_row)
typedef void(*NAME(dots_tile)) DOTS_PARAMETERS;
INLINE void NAME(dots)(const int ROWS, const int TAPS, int64_t n, const T *dy, int64_t dy_row, const T *x,
                       const int32_t *offsets, const int32_t *at, T *sums, int64_t to_row)
{
    V acc[DOTS_ROWS * MR_MAX], image[MR_MAX];
    UNROLL for (int i = 0; i < ROWS; i++) UNROLL for (int t = 0; t < TAPS; t++)
        acc[i * TAPS + t] = LOAD(sums + i * to_row + t * L);
    for (int64_t v = 0; v < n; v++) {
        UNROLL for (int t = 0; t < TAPS; t++) image[t] = LOAD(x + offsets[t] + at[v]);
        UNROLL for (int i = 0; i < ROWS; i++)
        {
            V g = LOAD(dy + i * dy_row + at[v]);
            UNROLL for (int t = 0; t < TAPS; t++) acc[i * TAPS + t] = NAME(fma)(g, image[t], acc[i * TAPS + t]);
        }
    }
    UNROLL for (int i = 0; i < ROWS; i++) UNROLL for (int t = 0; t < TAPS; t++)
        STORE(sums + i * to_row + t * L, acc[i * TAPS + t]);
}
#define TILE(ROWS, TAPS)                                                                                               \
    static void NAME(dots_##ROWS##_##TAPS) DOTS_PARAMETERS                                                             \
    {                                                                                                                  \
        NAME(dots)(ROWS, TAPS, n, dy, dy_row, x, offsets, at, sums, to_row);                                           \
    }
#define TILES(TAPS) TILE(1, TAPS)
EACH_MR(TILES)
#undef TILES
#define TILES(ROWS) TILE(ROWS, 1) TILE(ROWS, 2) TILE(ROWS, 3) TILE(ROWS, 4)
EACH_ROWS(TILES)
#undef TILES
#undef TILE
#undef DOTS_PARAMETERS
static const NAME(dots_tile) NAME(dots_tiles)[DOTS_ROWS + 1][MR_MAX + 1] = {
#define ENTRY(TAPS) [1][TAPS] = NAME(dots_1_##TAPS),
    EACH_MR(ENTRY)
#undef ENTRY
#define ENTRY(ROWS)                                                                                                    \
    [ROWS] = {NULL, NAME(dots_##ROWS##_1), NAME(dots_##ROWS##_2), NAME(dots_##ROWS##_3), NAME(dots_##ROWS##_4)},
        EACH_ROWS(ENTRY)
#undef ENTRY
};

/* One item: a group of channels over a group of images. */
static void NAME(dot_items)(void *context, int64_t begin, int64_t end)
{
    const NAME(dotting) *p = context;
    const fac__correlation *c = p->s.c;
    const fac__conv_axis *h = &c->axis[1], *w = &c->axis[2];
    T *copied = (T *)(void *)(p->s.own + (size_t)fac__thread_index() * p->s.own_bytes);
    T *given = (T *)(void *)((char *)copied + p->s.copy_bytes);
    int32_t *at = (int32_t *)(void *)((char *)given + p->given_bytes);
    int64_t vectors = NAME(place_vectors)(&p->s, h->outputs, at), channels = c->groups * c->rows;
    int64_t tiles = (c->rows + DOTS_ROWS - 1) / DOTS_ROWS, most = c->rows == 1 ? MR_MAX : DOTS_TAPS;
    int64_t parts = (p->s.k + most - 1) / most, to_row = p->s.k * L;
    for (int64_t q = begin; q < end; q++) {
        int64_t g = q % c->groups, ig = q / c->groups;
        T *sums = p->sums + (ig * channels + g * c->rows) * to_row;
        memset(sums, 0, (size_t)(c->rows * to_row) * sizeof(T));
        for (int64_t n = ig * c->n / p->image_groups; n < (ig + 1) * c->n / p->image_groups; n++) {
            int64_t ng = n * c->groups + g;
            NAME(copy_source)(&p->s, (const T *)c->source + ng * h->source * w->source, 0, 0, copied);
            NAME(put_zeros)(copied + p->reach, 2 * L);
            for (int64_t tile = 0, k = 0, rows; tile < tiles; tile++, k += rows) {
                rows = (tile + 1) * c->rows / tiles - k;
                for (int64_t i = 0; i < rows; i++)
                    NAME(put_lines)
                (&p->s, (const T *)c->out + (ng * c->rows + k + i) * h->outputs * w->outputs, given + i * p->given);
                for (int64_t part = 0, t = 0, taps; part < parts; part++, t += taps) {
                    taps = (part + 1) * p->s.k / parts - t;
                    NAME(dots_tiles)
                    [rows][taps](vectors, given, p->given, copied, p->s.offsets + t, at, sums + k * to_row + t * L,
                                 to_row);
                }
            }
        }
    }
}

/* Adds up the groups of images, then the lanes. */
static void NAME(dot_finish)(const NAME(dotting) * p, int64_t sums, T *dw)
{
    for (int64_t i = 0; i < sums; i++) {
        V sum = LOAD(p->sums + i * L);
        T lane[L];
        for (int64_t ig = 1; ig < p->image_groups; ig++)
            sum += LOAD(p->sums + (ig * sums + i) * L);
        STORE(lane, sum);
        for (int half = L / 2; half; half /= 2)
            for (int j = 0; j < half; j++)
                lane[j] += lane[j + half];
        dw[i] = lane[0];
    }
}

/* For one slice only (two dimensions). false: no memory, nothing done. */
static bool NAME(dot_weights)(const fac__correlation *c)
{
    const fac__conv_axis *h = &c->axis[1], *w = &c->axis[2];
    NAME(dotting) p = {.s = {.c = c, .k = h->taps * w->taps, .line = w->outputs + w->max_shift}};
    p.s.block_rows = h->outputs;
    int64_t lines = h->outputs + h->max_shift, sums = c->groups * c->rows * p.s.k;
    p.reach = h->phases * w->phases * lines * p.s.line;
    if (p.reach > INT32_MAX) return false;
    p.image_groups = c->groups >= 64 || c->n < 2 ? 1 : c->n < 8 ? c->n : 8;
    p.given = (h->outputs * p.s.line + 2 * L + L - 1) / L * L;

    size_t offsets_bytes = ((size_t)p.s.k * sizeof(int32_t) + 63) / 64 * 64;
    size_t sums_bytes = (size_t)(p.image_groups * sums * L) * sizeof(T);
    p.s.copy_bytes = ((size_t)(p.reach + 4 * L) * sizeof(T) + 63) / 64 * 64;
    p.given_bytes = ((size_t)((c->rows < DOTS_ROWS ? c->rows : DOTS_ROWS) * p.given + 2 * L) * sizeof(T) + 63) / 64 *
                    64;
    p.s.at_bytes = ((size_t)(h->outputs * (p.s.line / L + 2)) * sizeof(int32_t) + 63) / 64 * 64;
    p.s.own_bytes = (p.s.copy_bytes + p.given_bytes + p.s.at_bytes + 4095) / 4096 * 4096 + 256;
    char *shared = fac__scratch(FAC__SCRATCH_CONV, offsets_bytes + sums_bytes + (size_t)fac__threads() * p.s.own_bytes);
    if (!shared) return false;
    p.s.offsets = (int32_t *)(void *)shared;
    p.sums = (T *)(void *)(shared + offsets_bytes);
    p.s.own = shared + offsets_bytes + sums_bytes;
    NAME(offsets)(&p.s, lines, (int32_t *)(void *)shared);
    double work = (double)c->n / (double)p.image_groups * (double)(c->rows * p.s.k * h->outputs * p.s.line);
    int64_t items = p.image_groups * c->groups;
    fac__parallel(items, fac__conv_grain(items, 2 * work), NAME(dot_items), &p);
    NAME(dot_finish)(&p, sums, (T *)c->w);
    return true;
}
