/* Floor 1. Max and avg pooling by rows for one dtype (conv_pool.c includes this once for each).
 *
 * A piece of a row of inputs is copied with its padding, so that all of a row's outputs can see all of their windows;
 * then each kernel position is a loop over the outputs without ends to look after. An output still meets its window in
 * reading order. */
#define POOL_JOIN2(a, b) a##_##b
#define POOL_JOIN(a, b) POOL_JOIN2(a, b)
#define NAME(x) POOL_JOIN(x, POOL_DTYPE)
#ifndef POOL_LOOP
/* BODY for outputs j = 0..n-1, whose inputs are S apart: l counts within a step. n is a multiple of the step. */
#define POOL_LOOP(STRIDE, ...)                                                                                         \
    for (int64_t from = 0; from < n; from += FAC__POOL_STEP)                                                           \
        for (int l = 0; l < FAC__POOL_STEP; l++) {                                                                     \
            const int64_t S = (STRIDE), j = from + l;                                                                  \
            __VA_ARGS__;                                                                                               \
        }
/* With the usual strides as constants. */
#define POOL_EACH(...)                                                                                                 \
    if (stride == 1) {                                                                                                 \
        POOL_LOOP(1, __VA_ARGS__)                                                                                      \
    } else if (stride == 2) {                                                                                          \
        POOL_LOOP(2, __VA_ARGS__)                                                                                      \
    } else {                                                                                                           \
        POOL_LOOP(stride, __VA_ARGS__)                                                                                 \
    }
#endif

static void NAME(max_step)(int64_t n, int64_t stride, const WORK *restrict x, PLACE at, WORK *restrict best,
                           PLACE *restrict place)
{
    POOL_EACH(WORK v = x[j * S]; bool take = (v > best[j]) | (v != v); best[j] = take ? v : best[j];
              place[j] = take ? at + (PLACE)(from * S) + (PLACE)S * (PLACE)l : place[j])
}

static void NAME(sum_step)(int64_t n, int64_t stride, const WORK *restrict x, WORK *restrict sum)
{
    POOL_EACH(sum[j] += x[j * S])
}

static void NAME(share_step)(int64_t n, int64_t stride, const WORK *restrict share, WORK *restrict x)
{
    POOL_EACH(x[j * S] += share[j])
}

/* The piece [from, from + n) of a row of inputs with `pad` outside of it; elements [inside[0], inside[1]) of the piece
 * are of the row. */
static void NAME(widen_row)(const fac__pool_args *a, const BITS *row, int64_t from, int64_t n, WORK pad, WORK *to,
                            int64_t inside[2])
{
    int64_t lo = from < 0 ? -from : 0, hi = a->in[2] - from < n ? a->in[2] - from : n;
    lo = lo < n ? lo : n;
    hi = hi > lo ? hi : lo;
    for (int64_t i = 0; i < lo; i++)
        to[i] = pad;
    for (int64_t i = lo; i < hi; i++)
        to[i] = TO_WORK(row[from + i]);
    for (int64_t i = hi; i < n; i++)
        to[i] = pad;
    inside[0] = lo;
    inside[1] = hi;
}

/* One row of outputs, of which [first, first + count), count at most n, are looked at. */
typedef struct NAME(piece) {
    int64_t first, count, n, from, length; /* length elements of a row of inputs, beginning with from */
    PLACE columns[FAC__POOL_ROW];          /* of max: where a window begins; of avg: how wide it is */
} NAME(piece);

static void NAME(max_row)(const fac__pool_args *a, const NAME(piece) * p, fac__window d, fac__window h, const BITS *x,
                          BITS *y, int64_t *indices)
{
    WORK row[FAC__POOL_ROW], best[FAC__POOL_ROW];
    PLACE place[FAC__POOL_ROW], start = (PLACE)((d.begin * a->in[1] + h.begin) * a->in[2]);
    int64_t inside[2];
    for (int64_t j = 0; j < p->n; j++) {
        best[j] = -(WORK)__builtin_inf();
        place[j] = start + p->columns[j];
    }
    for (int64_t z = d.begin; z < d.end; z += d.step)
        for (int64_t v = h.begin; v < h.end; v += h.step) {
            int64_t at = (z * a->in[1] + v) * a->in[2];
            NAME(widen_row)(a, x + at, p->from, p->length, -(WORK)__builtin_inf(), row, inside);
            for (int64_t t = 0; t < a->kernel[2]; t++) {
                int64_t offset = t * a->dilation[2];
                NAME(max_step)(p->n, a->stride[2], row + offset, (PLACE)(at + p->from + offset), best, place);
            }
        }
    for (int64_t j = 0; j < p->count; j++)
        y[j] = FROM_WORK(best[j]);
    for (int64_t j = 0; j < p->count && indices; j++)
        indices[j] = place[j];
}

/* PyTorch's divisors; an empty window's is 1. */
static void NAME(divisors)(const fac__pool_args *a, const NAME(piece) * p, fac__window d, fac__window h, WORK *divisor)
{
    int64_t rest = d.begin < d.end && h.begin < h.end ? d.size * h.size : 0;
    for (int64_t j = 0; j < p->n; j++) {
        int64_t size = rest * (int64_t)p->columns[j];
        divisor[j] = size == 0 ? 1 : (WORK)(a->divisor ? a->divisor : size);
    }
}

static void NAME(avg_row)(const fac__pool_args *a, const NAME(piece) * p, fac__window d, fac__window h, const BITS *x,
                          BITS *y)
{
    WORK row[FAC__POOL_ROW], sum[FAC__POOL_ROW], divisor[FAC__POOL_ROW];
    int64_t inside[2];
    NAME(divisors)(a, p, d, h, divisor);
    for (int64_t j = 0; j < p->n; j++)
        sum[j] = 0;
    for (int64_t z = d.begin; z < d.end; z++)
        for (int64_t v = h.begin; v < h.end; v++) {
            NAME(widen_row)(a, x + (z * a->in[1] + v) * a->in[2], p->from, p->length, 0, row, inside);
            for (int64_t t = 0; t < a->kernel[2]; t++)
                NAME(sum_step)(p->n, a->stride[2], row + t, sum);
        }
    for (int64_t j = 0; j < p->count; j++)
        y[j] = FROM_WORK(sum[j] / divisor[j]);
}

/* Kernel positions go from the last to the first: an input gets its shares in the order of the outputs. */
static void NAME(share_row)(const fac__pool_args *a, const NAME(piece) * p, fac__window d, fac__window h,
                            const BITS *dy, BITS *dx)
{
    WORK row[FAC__POOL_ROW], share[FAC__POOL_ROW], divisor[FAC__POOL_ROW];
    int64_t inside[2];
    NAME(divisors)(a, p, d, h, divisor);
    for (int64_t j = 0; j < p->n; j++)
        share[j] = j < p->count ? (WORK)TO_WORK(dy[j]) / divisor[j] : 0;
    for (int64_t z = d.begin; z < d.end; z++)
        for (int64_t v = h.begin; v < h.end; v++) {
            BITS *to = dx + (z * a->in[1] + v) * a->in[2];
            NAME(widen_row)(a, to, p->from, p->length, 0, row, inside);
            for (int64_t t = a->kernel[2] - 1; t >= 0; t--)
                NAME(share_step)(p->n, a->stride[2], share, row + t);
            for (int64_t i = inside[0]; i < inside[1]; i++)
                to[p->from + i] = FROM_WORK(row[i]);
        }
}

void FAC__ISA(NAME(fac__pool_rows)) FAC__POOL_ROWS_PARAMETERS
{
    if (way == FAC__POOL_WAY_MAX && QUICK(a, x, y, indices)) return;
    int64_t reach = (a->kernel[2] - 1) * (way == FAC__POOL_WAY_MAX ? a->dilation[2] : 1) + 1;
    int64_t most = ((FAC__POOL_ROW - reach) / a->stride[2] + 1) / FAC__POOL_STEP * FAC__POOL_STEP;
    NAME(piece) p;
    for (p.first = 0; p.first < a->out[2]; p.first += most) {
        p.count = a->out[2] - p.first < most ? a->out[2] - p.first : most;
        p.n = (p.count + FAC__POOL_STEP - 1) / FAC__POOL_STEP * FAC__POOL_STEP;
        p.from = p.first * a->stride[2] - a->pad[2];
        p.length = (p.n - 1) * a->stride[2] + reach;
        for (int64_t j = 0; j < p.n; j++) {
            fac__window w = fac__window_at(a, 2, p.first + (j < p.count ? j : 0));
            p.columns[j] = (PLACE)(way == FAC__POOL_WAY_MAX ? w.begin : w.begin < w.end ? w.size : 0);
        }
        for (int64_t o = 0; o < a->out[0] * a->out[1]; o++) {
            fac__window d = fac__window_at(a, 0, o / a->out[1]), h = fac__window_at(a, 1, o % a->out[1]);
            int64_t at = o * a->out[2] + p.first;
            if (way == FAC__POOL_WAY_MAX)
                NAME(max_row)(a, &p, d, h, x, (BITS *)y + at, indices ? indices + at : NULL);
            else if (way == FAC__POOL_WAY_AVG)
                NAME(avg_row)(a, &p, d, h, x, (BITS *)y + at);
            else
                NAME(share_row)(a, &p, d, h, (const BITS *)x + at, y);
        }
    }
}

#undef NAME
#undef POOL_JOIN
#undef POOL_JOIN2
#undef POOL_DTYPE
#undef BITS
#undef WORK
#undef PLACE
#undef TO_WORK
#undef FROM_WORK
#undef QUICK
