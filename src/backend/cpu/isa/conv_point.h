/* Floor 1. Correlation with kernels of one element that go by single steps, for the type T: the product of a matrix of weights
 * (output channels) x (channels) with the positions of all images, one image behind the other. Two vectors of positions are
 * brought together from wherever their channels lie, and then multiplied with all weights while they stay in the first-level cache;
 * the positions that an image has beyond whole vectors share theirs with the next image's. */

/* Of the positions [first, first + n) those of one image. */
typedef struct NAME(point_part) {
    int64_t image, position, n;
} NAME(point_part);
INLINE NAME(point_part) NAME(point_part_at)(int64_t plane, int64_t first, int64_t n)
{
    int64_t image = first / plane, position = first % plane;
    return (NAME(point_part)){image, position, n < plane - position ? n : plane - position};
}

/* Channels of group g at positions [first, first + n), as [channel][2 L]. */
static void NAME(bring_points)(const fac__correlation *c, int64_t g, int64_t plane, int64_t first, int64_t n, T *to)
{
    if (n < 2 * L) memset(to, 0, (size_t)(c->depth * 2 * L) * sizeof(T));
    NAME(point_part) part;
    for (int64_t i = 0; i < n; i += part.n) {
        part = NAME(point_part_at)(plane, first + i, n - i);
        const T *from = (const T *)c->source + (part.image * c->groups + g) * c->depth * plane + part.position;
        for (int64_t e = 0; e < c->depth; e++)
            NAME(put_row)(to + e * 2 * L + i, from + e * plane, part.n, 1);
    }
}

/* One item: two vectors of positions of a group, for one part of the output channels. */
static void NAME(point_items)(void *context, int64_t begin, int64_t end)
{
    static const int32_t at[2] = {0, L};
    const NAME(correlating) *s = context;
    const fac__correlation *c = s->c;
    int64_t plane = s->line, all = c->n * plane, brought = -1;
    T *points = (T *)(void *)(s->own + (size_t)fac__thread_index() * s->own_bytes), *square = points + c->depth * 2 * L;
    for (int64_t q = begin; q < end; q++) {
        int64_t split = q % s->splits, g = q / s->splits % c->groups, first = q / s->splits / c->groups * 2 * L;
        int64_t n = all - first < 2 * L ? all - first : 2 * L;
        if (q / s->splits != brought) NAME(bring_points)(c, g, plane, first, n, points);
        brought = q / s->splits;
        for (int64_t p = split * s->panels / s->splits; p < (split + 1) * s->panels / s->splits; p++) {
            int64_t row = NAME(panel_first)(s, p), count = NAME(panel_first)(s, p + 1) - row;
            const T *weights = s->weights + (g * c->rows + row) * s->k;
            const T *bias = c->bias ? (const T *)c->bias + g * c->rows + row : NULL;
            NAME(point_part) part;
            for (int64_t i = 0; i < n; i += part.n) {
                part = NAME(point_part_at)(plane, first + i, n - i);
                T *out = (T *)c->out + ((part.image * c->groups + g) * c->rows + row) * plane + part.position;
                bool whole = part.n == 2 * L;
                if (i == 0) NAME(correlate_tiles)
                [n >
                    L][count](s->k, weights, points, s->offsets, bias, at, whole ? out : square, whole ? plane : 2 * L);
                for (int64_t r = 0; r < count && !whole; r++)
                    NAME(put_row)(out + r * plane, square + r * 2 * L + i, part.n, 1);
            }
        }
    }
}

/* false: it is another correlation, there are too few channels to bring positions together for, or there is no memory. */
static bool NAME(correlate_points)(const fac__correlation *c)
{
    NAME(correlating) s = {.c = c, .k = c->depth, .line = 1, .panels = (c->rows + MR_MAX - 1) / MR_MAX};
    for (int i = 0; i < 3; i++) {
        const fac__conv_axis *x = &c->axis[i];
        if (x->taps != 1 || x->phases != 1 || x->step != 1 || x->out_step != 1 || x->first + x->tap[0].shift != 0 ||
            x->outputs != x->source)
            return false;
        s.line *= x->outputs;
    }
    int64_t steps = (c->n * s.line + 2 * L - 1) / (2 * L), items = steps * c->groups;
    if (items == 0 || s.panels < 2) return false;
    s.splits = items < 8 && fac__threads() > 1 ? (8 + items - 1) / items : 1;
    if (s.splits > s.panels) s.splits = s.panels;
    s.own_bytes = (size_t)(s.k + MR_MAX) * 2 * L * sizeof(T);
    int32_t *offsets = NAME(take_memory)(&s);
    if (!offsets) return false;
    for (int64_t e = 0; e < s.k; e++)
        offsets[e] = (int32_t)(e * 2 * L);
    fac__parallel(c->groups * s.panels, 1 + (1 << 14) / (s.k * MR_MAX + 1), NAME(pack_panels), &s);
    double work = (double)s.k * (double)c->rows * 2 * L / (double)s.splits;
    items *= s.splits;
    fac__parallel(items, fac__conv_grain(items, work), NAME(point_items), &s);
    return true;
}
