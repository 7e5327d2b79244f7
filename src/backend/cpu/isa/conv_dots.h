/* Floor 1. The weight gradient of depthwise convolution for the type T: with one channel on either side there is nothing
 * to tile, and a tap's gradient is the scalar product of dy with the shifted image, in lanes. Lines, phases and offsets are
 * those of the forward pass; `source` is x, `out` is dy and w is dw. */

typedef struct NAME(dotting) {
    NAME(correlating) s;
    int64_t image_groups, reach; /* groups of images have sums of their own, added at the end in order */
    T *sums;                     /* [image group][output channel][taps] */
    size_t given_bytes;
} NAME(dotting);

/* sums[t] = the scalar product over n vectors, which begin at at[0..n). */
INLINE void NAME(dots)(const int TAPS, int64_t n, const T *dy, const T *x, const int32_t *offsets, const int32_t *at,
                       T *sums)
{
    V acc[MR_MAX];
    UNROLL for (int t = 0; t < TAPS; t++) acc[t] = (V){0};
    for (int64_t v = 0; v < n; v++) {
        V g = LOAD(dy + at[v]);
        UNROLL for (int t = 0; t < TAPS; t++) acc[t] = NAME(fma)(g, LOAD(x + offsets[t] + at[v]), acc[t]);
    }
    for (int t = 0; t < TAPS; t++) {
        T lane[L];
        STORE(lane, acc[t]);
        for (int half = L / 2; half; half /= 2)
            for (int i = 0; i < half; i++)
                lane[i] += lane[i + half];
        sums[t] += lane[0];
    }
}
#define TILE(MR)                                                                                                       \
    static void NAME(dots_##MR)(int64_t n, const T *dy, const T *x, const int32_t *offsets, const int32_t *at,         \
                                T *sums)                                                                               \
    {                                                                                                                  \
        NAME(dots)(MR, n, dy, x, offsets, at, sums);                                                                   \
    }
EACH_MR(TILE)
#undef TILE

static void NAME(dot_items)(void *context, int64_t begin, int64_t end)
{
    static void (*const dots[MR_MAX + 1])(int64_t, const T *, const T *, const int32_t *, const int32_t *, T *) = {
#define ENTRY(MR) [MR] = NAME(dots_##MR),
        EACH_MR(ENTRY)
#undef ENTRY
    };
    const NAME(dotting) *p = context;
    const fac__correlation *c = p->s.c;
    const fac__conv_axis *h = &c->axis[1], *w = &c->axis[2];
    T *copied = (T *)(void *)(p->s.own + (size_t)fac__thread_index() * p->s.own_bytes);
    T *given = (T *)(void *)((char *)copied + p->s.copy_bytes);
    int32_t *at = (int32_t *)(void *)((char *)given + p->given_bytes);
    int64_t vectors = NAME(place_vectors)(&p->s, h->outputs, at), channels = c->groups * c->rows;
    for (int64_t q = begin; q < end; q++) {
        int64_t g = q % c->groups, ig = q / c->groups;
        T *sums = p->sums + (ig * channels + g * c->rows) * p->s.k;
        memset(sums, 0, (size_t)(c->rows * p->s.k) * sizeof(T));
        for (int64_t n = ig * c->n / p->image_groups; n < (ig + 1) * c->n / p->image_groups; n++) {
            int64_t ng = n * c->groups + g;
            NAME(copy_source)(&p->s, (const T *)c->source + ng * c->depth * h->source * w->source, 0, 0, copied);
            NAME(put_zeros)(copied + p->reach, 2 * L);
            for (int64_t k = 0; k < c->rows; k++) {
                NAME(put_lines)(&p->s, (const T *)c->out + (ng * c->rows + k) * h->outputs * w->outputs, given);
                for (int64_t t = 0, taps; t < p->s.k; t += taps) {
                    taps = p->s.k - t < MR_MAX ? p->s.k - t : MR_MAX;
                    dots[taps](vectors, given, copied, p->s.offsets + t, at, sums + k * p->s.k + t);
                }
            }
        }
    }
}

/* For one slice only (two dimensions). false: no memory, nothing done. */
static bool NAME(dot_weights)(const fac__correlation *c)
{
    const fac__conv_axis *h = &c->axis[1], *w = &c->axis[2];
    NAME(dotting) p = {.s = {.c = c, .k = c->depth * h->taps * w->taps, .line = w->outputs + w->max_shift}};
    p.s.block_rows = h->outputs;
    int64_t lines = h->outputs + h->max_shift, sums = c->groups * c->rows * p.s.k;
    p.reach = c->depth * h->phases * w->phases * lines * p.s.line;
    if (p.reach > INT32_MAX) return false;
    p.image_groups = c->groups >= 64 || c->n < 2 ? 1 : c->n < 8 ? c->n : 8;

    size_t offsets_bytes = ((size_t)p.s.k * sizeof(int32_t) + 63) / 64 * 64;
    size_t sums_bytes = ((size_t)(p.image_groups * sums) * sizeof(T) + 63) / 64 * 64;
    p.s.copy_bytes = ((size_t)(p.reach + 4 * L) * sizeof(T) + 63) / 64 * 64;
    p.given_bytes = ((size_t)(h->outputs * p.s.line + 4 * L) * sizeof(T) + 63) / 64 * 64;
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
    for (int64_t i = 0; i < sums; i++) {
        T sum = p.sums[i];
        for (int64_t ig = 1; ig < p.image_groups; ig++)
            sum += p.sums[ig * sums + i];
        ((T *)c->w)[i] = sum;
    }
    return true;
}
