/* Floor 1. Attention for the type T of dtype DTYPE (attention_heads.c includes this for float and double). Scores are kept
 * for a block of QUERIES by KEYS, row by row, KEYS apart. */
#include "backend/cpu/isa/gemm_tile.h"

/* A matrix where it lies: element (i, j) is at i * row + j * col. */
typedef struct NAME(matrix) {
    T *at;
    int64_t row, col;
} NAME(matrix);

/* One head's share of everything. */
typedef struct NAME(head) {
    const fac__attention_args *a;
    NAME(matrix) q, k, v, y, dy, dq, dk, dv;
    NAME(matrix) kt; /* k turned: in a copy where that pays */
    const char *mask;
    T *log_sum;
} NAME(head);

/* Part of a matrix, if there is one, that begins there. */
INLINE NAME(matrix) NAME(from)(NAME(matrix) m, int64_t i, int64_t j)
{
    if (m.at) m.at += i * m.row + j * m.col;
    return m;
}
INLINE NAME(matrix) NAME(turned)(NAME(matrix) m)
{
    return (NAME(matrix)){m.at, m.col, m.row};
}

static NAME(matrix) NAME(rows_of)(const fac__attention_rows *r, int64_t outer, int64_t inner)
{
    T *at = r->data;
    return (NAME(matrix)){at ? at + outer * r->outer + inner * r->inner : NULL, r->row, 1};
}

static NAME(head) NAME(head_of)(const fac__attention_args *a, int64_t number)
{
    int64_t outer = number / a->inner, inner = number % a->inner, size = a->mask_is_bool ? 1 : (int64_t)sizeof(T);
    NAME(head) h = {.a = a, .q = NAME(rows_of)(&a->q, outer, inner), .k = NAME(rows_of)(&a->k, outer, inner)};
    h.v = NAME(rows_of)(&a->v, outer, inner);
    h.y = NAME(rows_of)(&a->y, outer, inner);
    h.dy = NAME(rows_of)(&a->dy, outer, inner);
    h.dq = NAME(rows_of)(&a->dq, outer, inner);
    h.dk = NAME(rows_of)(&a->dk, outer, inner);
    h.dv = NAME(rows_of)(&a->dv, outer, inner);
    h.kt = NAME(turned)(h.k);
    h.log_sum = (T *)a->log_sum + number * a->queries;
    if (a->mask) h.mask = (const char *)a->mask + (outer * a->mask_outer + inner * a->mask_inner) * size;
    return h;
}

/* c = alpha * a b + beta * c, of m by k and k by n. */
static void NAME(multiply)(int64_t m, int64_t n, int64_t k, T alpha, NAME(matrix) a, NAME(matrix) b, T beta,
                           NAME(matrix) c)
{
    fac__gemm_args g = {.dtype = DTYPE, .batch = 1, .m = m, .n = n, .k = k, .a = a.at, .b = b.at, .c = c.at};
    g.a_row = a.row;
    g.a_col = a.col;
    g.b_row = b.row;
    g.b_col = b.col;
    g.c_row = c.row;
    g.c_col = c.col;
    g.alpha = alpha;
    g.beta = beta;
    FAC__ISA(fac__gemm_one)(&g);
}

/* The transposed of rows rows of m, copied once because every block of queries reads it; where there is no memory, m
 * itself, turned, which every product then copies. */
static NAME(matrix) NAME(transposed)(NAME(matrix) m, int64_t rows, int64_t width, fac__scratch_use use)
{
    T *to = fac__scratch(use, (size_t)(rows * width) * sizeof(T));
    if (!to) return NAME(turned)(m);
    NAME(transpose)(m.at, m.row, rows, width, to, rows);
    return (NAME(matrix)){to, rows, 1};
}

/* The row's numbers from the first on that are in the block, as it is added to scores or let through. */
static void NAME(mask_row)(const NAME(head) * h, int64_t query, int64_t key, int64_t cols, T *s)
{
    const fac__attention_args *a = h->a;
    int64_t at = query * a->mask_row + key * a->mask_col, step = a->mask_col;
    if (a->mask_is_bool) {
        const bool *m = (const bool *)h->mask + at;
        for (int64_t j = 0; j < cols; j++)
            s[j] = m[j * step] ? s[j] : (T)-INFINITY;
    } else {
        const T *m = (const T *)(const void *)h->mask + at;
        for (int64_t j = 0; j < cols; j++)
            s[j] += m[j * step];
    }
}

/* s = the scores of rows queries from `query` on for cols keys from `key` on, of which kt is the transposed. */
static void NAME(scores)(const NAME(head) * h, int64_t query, int64_t rows, int64_t key, int64_t cols, NAME(matrix) kt,
                         T *s)
{
    const fac__attention_args *a = h->a;
    NAME(multiply)(rows, cols, a->width, (T)a->scale, NAME(from)(h->q, query, 0), kt, 0, (NAME(matrix)){s, KEYS, 1});
    for (int64_t i = 0; i < rows; i++) {
        if (a->mask) NAME(mask_row)(h, query + i, key, cols, s + i * KEYS);
        for (int64_t j = query + i + 1 - key; a->causal && j < cols; j++)
            if (j >= 0) s[i * KEYS + j] = (T)-INFINITY;
    }
}

/* How many keys, of all, queries up to `end` see. */
INLINE int64_t NAME(seen)(const fac__attention_args *a, int64_t end)
{
    return a->causal && end < a->keys ? end : a->keys;
}

/* s = exp(s - less), and the sum of that */
INLINE T NAME(exponentials)(T *s, int64_t n, T less)
{
    T sum = 0;
    SIMD for (int64_t j = 0; j < n; j++) s[j] = EXP_NEGATIVE(s[j] - less);
    SIMD_REDUCE(+ : sum) for (int64_t j = 0; j < n; j++) sum += s[j];
    return sum;
}

INLINE void NAME(scale_row)(T *y, int64_t n, T by)
{
    SIMD for (int64_t j = 0; j < n; j++) y[j] *= by;
}

static void NAME(some_queries)(const NAME(head) * h, int64_t query, int64_t rows)
{
    const fac__attention_args *a = h->a;
    T s[QUERIES * KEYS], largest[QUERIES], sum[QUERIES];
    NAME(matrix) y = NAME(from)(h->y, query, 0);
    int64_t end = NAME(seen)(a, query + rows);
    for (int64_t key = 0; key < end; key += KEYS) {
        int64_t cols = end - key < KEYS ? end - key : KEYS;
        NAME(scores)(h, query, rows, key, cols, NAME(from)(h->kt, 0, key), s);
        for (int64_t i = 0; i < rows; i++) {
            T *row = s + i * KEYS, most = key ? largest[i] : (T)-INFINITY, before = most;
            SIMD_REDUCE(max : most) for (int64_t j = 0; j < cols; j++) most = row[j] > most ? row[j] : most;
            largest[i] = most;
            if (most == (T)-INFINITY) most = 0; /* nothing is seen yet, and its exponentials are to be 0 */
            T here = NAME(exponentials)(row, cols, most), kept = key ? EXP(before - most) : 0;
            sum[i] = key ? sum[i] * kept + here : here;
            if (key && kept != 1) NAME(scale_row)(y.at + i * y.row, a->value_width, kept);
        }
        NAME(multiply)
        (rows, a->value_width, cols, 1, (NAME(matrix)){s, KEYS, 1}, NAME(from)(h->v, key, 0), key ? 1 : 0, y);
    }
    for (int64_t i = 0; i < rows; i++) {
        NAME(scale_row)(y.at + i * y.row, a->value_width, 1 / sum[i]);
        h->log_sum[query + i] = (largest[i] == (T)-INFINITY ? 0 : largest[i]) + LOG(sum[i]);
    }
}

static void NAME(forward)(const fac__attention_args *a, int64_t begin, int64_t end)
{
    int64_t blocks = (a->queries + QUERIES - 1) / QUERIES, number = -1;
    NAME(head) h = {0};
    for (int64_t b = begin; b < end; b++) {
        int64_t query = b % blocks * QUERIES, left = a->queries - query;
        if (b / blocks != number) {
            h = NAME(head_of)(a, number = b / blocks);
            int64_t last = (number + 1) * blocks < end ? (number + 1) * blocks : end, mine = last - b;
            if (mine > 1 || left >= QUERIES / 2)
                h.kt = NAME(transposed)(h.k, NAME(seen)(a, query + mine * QUERIES), a->width, FAC__SCRATCH_ATTENTION);
        }
        NAME(some_queries)(&h, query, left < QUERIES ? left : QUERIES);
    }
}

/* ---- backward ----------------------------------------------------------------------------------------------- */

static void NAME(clear_rows)(NAME(matrix) m, int64_t rows, int64_t width)
{
    for (int64_t i = 0; i < rows && m.at; i++)
        memset(m.at + i * m.row, 0, (size_t)width * sizeof(T));
}

/* A block of queries and a block of keys, whose transposed kt and vt are: with the weights p and the gradients dp of p,
 * dv += p^T dy, ds = p (dp - sum(p dp)), where the sum is that of dy y, dq += ds k, dk += ds^T q. */
static void NAME(some_pairs)(const NAME(head) * h, int64_t query, int64_t rows, int64_t key, int64_t cols,
                             NAME(matrix) kt, NAME(matrix) vt)
{
    const fac__attention_args *a = h->a;
    T p[QUERIES * KEYS], ds[QUERIES * KEYS];
    NAME(matrix) weights = {p, KEYS, 1}, slopes = {ds, KEYS, 1}, q = NAME(from)(h->q, query, 0);
    NAME(matrix) dy = NAME(from)(h->dy, query, 0), y = NAME(from)(h->y, query, 0);
    NAME(scores)(h, query, rows, key, cols, kt, p);
    for (int64_t i = 0; i < rows; i++)
        NAME(exponentials)(p + i * KEYS, cols, h->log_sum[query + i]);
    if (h->dv.at)
        NAME(multiply)(cols, a->value_width, rows, 1, NAME(turned)(weights), dy, 1, NAME(from)(h->dv, key, 0));
    if (!h->dq.at && !h->dk.at) return;
    NAME(multiply)(rows, cols, a->value_width, 1, dy, vt, 0, slopes);
    for (int64_t i = 0; i < rows; i++) {
        const T *g = dy.at + i * dy.row, *o = y.at + i * y.row, *w = p + i * KEYS;
        T *d = ds + i * KEYS, sum = 0;
        SIMD_REDUCE(+ : sum) for (int64_t j = 0; j < a->value_width; j++) sum += g[j] * o[j];
        SIMD for (int64_t j = 0; j < cols; j++) d[j] = w[j] * (d[j] - sum);
        /* A query that sees nothing has no weights, but scores that were replaced have no gradient all the same. */
        if (a->mask_is_bool && h->log_sum[query + i] == (T)-INFINITY) memset(d, 0, (size_t)cols * sizeof(T));
    }
    T scale = (T)a->scale, before = key ? 1 : 0;
    NAME(matrix) k = NAME(from)(h->k, key, 0), dq = NAME(from)(h->dq, query, 0);
    if (h->dq.at) NAME(multiply)(rows, a->width, cols, scale, slopes, k, before, dq);
    if (h->dk.at) NAME(multiply)(cols, a->width, rows, scale, NAME(turned)(slopes), q, 1, NAME(from)(h->dk, key, 0));
}

static void NAME(backward)(const fac__attention_args *a, int64_t begin, int64_t end)
{
    for (int64_t number = begin; number < end; number++) {
        NAME(head) h = NAME(head_of)(a, number);
        NAME(clear_rows)(h.dk, a->keys, a->width);
        NAME(clear_rows)(h.dv, a->keys, a->value_width);
        for (int64_t key = 0; key < NAME(seen)(a, a->queries); key += KEYS) {
            int64_t most = a->keys - key < KEYS ? a->keys - key : KEYS;
            NAME(matrix) kt = NAME(transposed)(NAME(from)(h.k, key, 0), most, a->width, FAC__SCRATCH_ATTENTION);
            NAME(matrix) vt = NAME(transposed)(NAME(from)(h.v, key, 0), most, a->value_width, FAC__SCRATCH_ATTENTION_V);
            for (int64_t query = a->causal ? key / QUERIES * QUERIES : 0; query < a->queries; query += QUERIES) {
                int64_t rows = a->queries - query < QUERIES ? a->queries - query : QUERIES;
                int64_t cols = NAME(seen)(a, query + rows) - key;
                NAME(some_pairs)(&h, query, rows, key, cols < most ? cols : most, kt, vt);
            }
        }
    }
}
