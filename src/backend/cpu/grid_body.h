/* Floor 1. Grid sampling in one type, T (included by grid_cpu.c). */

/* Along one axis. */
typedef struct NAME(taps) {
    int count;
    int64_t at[4]; /* -1: outside, where there are zeros */
    T weight[4], change[4];
} NAME(taps);
typedef struct NAME(block) {
    int taps, count;
    bool slopes;             /* change is wanted */
    int64_t at[MOST][BLOCK]; /* within a channel */
    bool in[MOST][BLOCK];    /* else at is 0 */
    T weight[MOST][BLOCK], change[3][MOST][BLOCK];
} NAME(block);

/* Folded back at both ends, with the sign that the change along it gets. */
static T NAME(reflect)(T v, int64_t twice_low, int64_t twice_high, T *sign)
{
    *sign = 0;
    if (twice_low == twice_high) return 0;
    T low = (T)twice_low / 2, span = (T)(twice_high - twice_low) / 2;
    T from_low = v - low, far = fabs(from_low);
    T rest = fmod(far, span), flips = floor(far / span);
    bool even = fmod(flips, (T)2) == 0;
    *sign = (from_low < 0) == even ? -1 : 1;
    return even ? rest + low : span - rest + low;
}

/* A place along an axis of that size, brought inside as the padding wants it. */
static T NAME(pad)(const fac__grid_args *a, T v, int64_t size, T *change)
{
    T sign = 1, last = (T)(size - 1);
    *change = 1;
    if (a->padding == FAC__GRID_ZEROS) return v;
    if (a->padding == FAC__GRID_REFLECTION)
        v = a->align_corners ? NAME(reflect)(v, 0, 2 * (size - 1), &sign) : NAME(reflect)(v, -1, 2 * size - 1, &sign);
    *change = v > 0 && v < last ? sign : 0;
    return !(v > 0) ? 0 : v > last ? last : v;
}

static int64_t NAME(element)(T v, int64_t size)
{
    return v >= 0 && v < (T)size ? (int64_t)v : -1;
}

static void NAME(make_taps)(const fac__grid_args *a, T g, int64_t size, NAME(taps) * t)
{
    T scale = (a->align_corners ? (T)(size - 1) : (T)size) / 2, change;
    T place = a->align_corners ? (g + 1) / 2 * (T)(size - 1) : ((g + 1) * (T)size - 1) / 2;
    if (a->mode == FAC__GRID_CUBIC) { /* each of four elements is padded for itself; Keys with a = -0.75 */
        const T A = (T)-0.75;
        T first = floor(place), x = place - first;
        t->count = 4;
        for (int k = 0; k < 4; k++) {
            T d = k < 2 ? x + (T)(1 - k) : (T)(k - 1) - x, sign = k < 2 ? scale : -scale;
            bool near = k == 1 || k == 2;
            t->weight[k] = (near ? ((A + 2) * d - (A + 3)) * d * d + 1 : ((A * d - 5 * A) * d + 8 * A) * d - 4 * A);
            t->change[k] = (sign * (near ? (3 * (A + 2) * d - 2 * (A + 3)) * d : (3 * A * d - 10 * A) * d + 8 * A));
            t->at[k] = NAME(element)(NAME(pad)(a, first + (T)(k - 1), size, &change), size);
        }
        return;
    }
    place = NAME(pad)(a, place, size, &change);
    if (a->mode == FAC__GRID_NEAREST) {
        t->count = 1;
        t->at[0] = NAME(element)(nearbyint(place), size);
        t->weight[0] = 1;
        t->change[0] = 0;
        return;
    }
    T first = floor(place);
    t->count = 2;
    for (int k = 0; k < 2; k++) {
        t->at[k] = NAME(element)(first + (T)k, size);
        t->weight[k] = (k ? place - first : first + 1 - place);
        t->change[k] = ((k ? scale : -scale) * change);
    }
}

/* Taps of the places from first on. */
static void NAME(make_block)(const fac__grid_args *a, const T *grid, NAME(block) * b)
{
    for (int p = 0; p < b->count; p++, grid += a->spatial) {
        NAME(taps) along[3];
        along[0] = (NAME(taps)){.count = 1, .weight = {1}};
        for (int s = 0; s < a->spatial; s++)
            NAME(make_taps)(a, grid[s], a->in[2 - s], &along[2 - s]);
        int n = 0;
        for (int d = 0; d < along[0].count; d++)
            for (int h = 0; h < along[1].count; h++)
                for (int w = 0; w < along[2].count; w++, n++) {
                    const NAME(taps) *t = along;
                    bool in = t[0].at[d] >= 0 && t[1].at[h] >= 0 && t[2].at[w] >= 0;
                    b->at[n][p] = in ? (t[0].at[d] * a->in[1] + t[1].at[h]) * a->in[2] + t[2].at[w] : 0;
                    b->in[n][p] = in;
                    T wd = t[0].weight[d], wh = t[1].weight[h], ww = t[2].weight[w];
                    b->weight[n][p] = wd * wh * ww;
                    if (!b->slopes) continue;
                    b->change[0][n][p] = t[0].change[d] * wh * ww;
                    b->change[1][n][p] = wd * t[1].change[h] * ww;
                    b->change[2][n][p] = wd * wh * t[2].change[w];
                }
        b->taps = n;
    }
}

static void NAME(sample)(const fac__grid_args *a, const NAME(block) * b, const T *x, T *y)
{
    int64_t plane = a->in[0] * a->in[1] * a->in[2];
    for (int64_t c = 0; c < a->c; c++, x += plane, y += a->points) {
        T sum[BLOCK] = {0};
        for (int k = 0; k < b->taps; k++)
            for (int p = 0; p < b->count; p++) {
                T v = x[b->at[k][p]];
                sum[p] += (b->in[k][p] ? v : 0) * b->weight[k][p]; /* a weight of NaN shows even where nothing is */
            }
        memcpy(y, sum, (size_t)b->count * sizeof *y);
    }
}

static void NAME(forward)(void *context, int64_t begin, int64_t end)
{
    const fac__grid_args *a = context;
    int64_t blocks = (a->points + BLOCK - 1) / BLOCK, plane = a->in[0] * a->in[1] * a->in[2];
    NAME(block) b;
    b.slopes = false;
    for (int64_t i = begin; i < end; i++) {
        int64_t n = i / blocks, first = i % blocks * BLOCK;
        b.count = (int)(a->points - first < BLOCK ? a->points - first : BLOCK);
        NAME(make_block)(a, (const T *)a->grid + (n * a->points + first) * a->spatial, &b);
        NAME(sample)(a, &b, (const T *)a->x + n * a->c * plane, (T *)a->y + n * a->c * a->points + first);
    }
}

/* Adds dy's share to dx; dots: for each tap the product of x and dy, summed over the channels. */
static void NAME(spread)(const fac__grid_args *a, const NAME(block) * b, const T *x, const T *dy, T *dx,
                         T (*dots)[BLOCK])
{
    int64_t plane = a->in[0] * a->in[1] * a->in[2];
    for (int64_t c = 0; c < a->c; c++, dy += a->points)
        for (int k = 0; k < b->taps; k++)
            for (int p = 0; p < b->count; p++) {
                int64_t at = b->at[k][p];
                if (!b->in[k][p]) continue;
                if (dx) dx[c * plane + at] += b->weight[k][p] * dy[p];
                dots[k][p] += x[c * plane + at] * dy[p];
            }
}

static void NAME(backward)(void *context, int64_t begin, int64_t end)
{
    const fac__grid_args *a = context;
    int64_t image = a->c * a->in[0] * a->in[1] * a->in[2];
    NAME(block) b;
    T dots[MOST][BLOCK];
    b.slopes = a->dgrid != NULL;
    for (int64_t n = begin; n < end; n++) {
        T *dx = a->dx ? (T *)a->dx + n * image : NULL;
        if (dx) memset(dx, 0, (size_t)image * sizeof *dx);
        for (int64_t first = 0; first < a->points; first += BLOCK) {
            b.count = (int)(a->points - first < BLOCK ? a->points - first : BLOCK);
            int64_t at = (n * a->points + first) * a->spatial;
            NAME(make_block)(a, (const T *)a->grid + at, &b);
            memset(dots, 0, sizeof dots);
            NAME(spread)(a, &b, (const T *)a->x + n * image, (const T *)a->dy + n * a->c * a->points + first, dx, dots);
            if (!a->dgrid) continue;
            T *dgrid = (T *)a->dgrid + at;
            for (int p = 0; p < b.count; p++)
                for (int s = 0; s < a->spatial; s++) {
                    T sum = 0;
                    for (int k = 0; k < b.taps; k++)
                        sum += b.change[2 - s][k][p] * dots[k][p];
                    dgrid[p * a->spatial + s] = sum;
                }
        }
    }
}
