/* Floor 1. Moving elements by index on the CPU. */
#include "backend/index.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/index_rows.h"
#include "backend/cpu/stream.h"
#include "core/half.h"

enum { GRAIN = 16384 /* elements that are worth another thread */ };

/* ---- inner loops --------------------------------------------------------------------------------------------- */

/* One row of points: the table's elements at t + k * ts (bytes), or at t + offsets[k]. */
typedef struct row {
    char *t, *v;
    int64_t ts, vs;         /* bytes */
    const int64_t *offsets; /* bytes, -1: out of range; NULL: one after the other */
    int64_t n;
} row;

#define AT(k) (r->t + (r->offsets ? r->offsets[k] : (k)*r->ts))
#define SKIP(k) (r->offsets && r->offsets[k] < 0)

#define MOVE_ROW(name, type)                                                                                           \
    static void get_##name(const row *r)                                                                               \
    {                                                                                                                  \
        char *v = r->v;                                                                                                \
        const char *t = r->t;                                                                                          \
        const int64_t *offsets = r->offsets, n = r->n, vs = r->vs;                                                     \
        if (offsets)                                                                                                   \
            for (int64_t k = 0; k < n; k++, v += vs)                                                                   \
                *(type *)(void *)v = offsets[k] < 0 ? 0 : *(const type *)(const void *)(t + offsets[k]);               \
        else                                                                                                           \
            for (int64_t k = 0; k < r->n; k++, v += r->vs)                                                             \
                *(type *)(void *)v = *(const type *)(void *)(r->t + k * r->ts);                                        \
    }                                                                                                                  \
    static void put_##name(const row *r)                                                                               \
    {                                                                                                                  \
        const char *v = r->v;                                                                                          \
        for (int64_t k = 0; k < r->n; k++, v += r->vs)                                                                 \
            if (!SKIP(k)) *(type *)(void *)AT(k) = *(const type *)(const void *)v;                                     \
    }
MOVE_ROW(1, uint8_t)
MOVE_ROW(2, uint16_t)
MOVE_ROW(4, uint32_t)
MOVE_ROW(8, uint64_t)

#define SAME(x) (x)
#define TRUTH(x) ((x) != 0)

/* One reduction for one dtype: a and b are the table's and the value's element in the type it is computed in. */
#define REDUCE_ROW(name, type, wide, load, store, expr)                                                                \
    static void name(const row *r)                                                                                     \
    {                                                                                                                  \
        const char *v = r->v;                                                                                          \
        type *restrict out = (type *)(void *)r->t;                                                                     \
        const type *restrict in = (const type *)(const void *)v;                                                       \
        bool plain = !r->offsets && r->ts == sizeof(type) && r->vs == sizeof(type);                                    \
        for (int64_t k = 0; plain && k < r->n; k++) {                                                                  \
            wide a = load(out[k]), b = load(in[k]);                                                                    \
            out[k] = (type)store((expr));                                                                              \
        }                                                                                                              \
        for (int64_t k = 0; !plain && k < r->n; k++, v += r->vs) {                                                     \
            if (SKIP(k)) continue;                                                                                     \
            type *at = (type *)(void *)AT(k);                                                                          \
            wide a = load(*at), b = load(*(const type *)(const void *)v);                                              \
            *at = (type)store((expr));                                                                                 \
        }                                                                                                              \
    }
#define SUM_ROWS(name, type, wide, load, store)                                                                        \
    REDUCE_ROW(add_##name, type, wide, load, store, a + b)                                                             \
    REDUCE_ROW(mul_##name, type, wide, load, store, a *b)
#define EXTREME_ROWS(name, type, wide, load, store, isnan)                                                             \
    REDUCE_ROW(max_##name, type, wide, load, store, isnan(a) ? a : isnan(b) ? b : a > b ? a : b)                       \
    REDUCE_ROW(min_##name, type, wide, load, store, isnan(a) ? a : isnan(b) ? b : a < b ? a : b)
#define NEVER(x) false
#define INTEGER_ROWS(name, type, sum, store)                                                                           \
    SUM_ROWS(name, type, sum, SAME, store)                                                                             \
    EXTREME_ROWS(name, type, type, SAME, store, NEVER)
#define FLOAT_ROWS(name, type, wide, load, store)                                                                      \
    SUM_ROWS(name, type, wide, load, store)                                                                            \
    EXTREME_ROWS(name, type, wide, load, store, isnan)
INTEGER_ROWS(truth, uint8_t, int, TRUTH)
INTEGER_ROWS(uint8, uint8_t, int, SAME)
INTEGER_ROWS(int8, int8_t, int, SAME)
INTEGER_ROWS(int16, int16_t, int, SAME)
INTEGER_ROWS(int32, int32_t, uint32_t, SAME) /* sums wrap around */
INTEGER_ROWS(int64, int64_t, uint64_t, SAME)
FLOAT_ROWS(float16, uint16_t, float, fac__float16_to_float, fac__float_to_float16)
FLOAT_ROWS(bfloat16, uint16_t, float, fac__bfloat16_to_float, fac__float_to_bfloat16)
FLOAT_ROWS(float32, float, float, SAME, SAME)
FLOAT_ROWS(float64, double, double, SAME, SAME)

typedef void (*row_loop)(const row *r);

static row_loop loop_for(fac__index_mode mode, fac_dtype dtype)
{
    static const row_loop get[9] = {[1] = get_1, [2] = get_2, [4] = get_4, [8] = get_8};
    static const row_loop put[9] = {[1] = put_1, [2] = put_2, [4] = put_4, [8] = put_8};
#define FOUR(name)                                                                                                     \
    {                                                                                                                  \
        add_##name, mul_##name, max_##name, min_##name                                                                 \
    }
    static const row_loop reduce[FAC_DTYPE_COUNT][4] = {
        [FAC_BOOL] = FOUR(truth),      [FAC_UINT8] = FOUR(uint8),       [FAC_INT8] = FOUR(int8),
        [FAC_INT16] = FOUR(int16),     [FAC_INT32] = FOUR(int32),       [FAC_INT64] = FOUR(int64),
        [FAC_FLOAT16] = FOUR(float16), [FAC_BFLOAT16] = FOUR(bfloat16), [FAC_FLOAT32] = FOUR(float32),
        [FAC_FLOAT64] = FOUR(float64),
    };
    if (mode == FAC__INDEX_GET) return get[fac_dtype_size(dtype)];
    if (mode == FAC__INDEX_PUT) return put[fac_dtype_size(dtype)];
    return reduce[dtype][mode - FAC__INDEX_ADD];
}

/* With one index that picks one of `size` elements in a row, as gather does along the last dimension; else NULL. */
static fac__pick_loop pick_for(const fac__index_args *a)
{
    const fac__index_operand *x = &a->index[0];
    int last = a->ndim - 1;
    bool simple = a->mode == FAC__INDEX_GET && a->n_index == 1 && x->size > 0 && x->stride == 1 &&
                  x->at.strides[last] == 1 && a->table.strides[last] == 0 && a->values.strides[last] == 1;
    return simple ? FAC__ISA_PICK(fac__pick_loops)[__builtin_ctzl(fac_dtype_size(a->table.dtype))] : NULL;
}

/* ---- the walk over all points -------------------------------------------------------------------------------- */

typedef struct walk {
    const fac__index_args *args; /* strides in elements; its dims are merged */
    row_loop loop;
    fac__pick_loop pick; /* NULL: it is not that simple */
    int64_t size;        /* bytes of an element */
    int split;           /* the dim that threads share out */
    bool varies;         /* some index changes along the last dim */
    bool streamed;       /* what `pick` makes passes by the caches */
} walk;

/* Adds up where the indices point for n points of the last dim, in bytes; -1 where one is out of range. */
static void resolve(const walk *w, const int64_t *const *at, int64_t n, int64_t *offsets)
{
    const fac__index_args *a = w->args;
    int last = a->ndim - 1;
    int64_t stride = a->table.strides[last] * w->size;
    offsets[0] = 0; /* where there is no index */
    for (int i = 0; i < a->n_index; i++) {
        const fac__index_operand *x = &a->index[i];
        const int64_t *p = at[i];
        int64_t step = x->at.strides[last], scale = x->stride * w->size, size = x->size;
        for (int64_t k = 0; k < n; k++) {
            int64_t before = i ? offsets[k] : k * stride, j = p[k * step];
            j += j < 0 ? size : 0;
            bool inside = ((uint64_t)j < (uint64_t)size) & (before >= 0);
            offsets[k] = inside ? before + j * scale : -1;
        }
    }
}

static void pick_all(const walk *w, const char *t, char *v, const int64_t *p, int64_t n)
{
    enum { BYTES = 1024 };
    if (!w->streamed) {
        w->pick(t, v, p, w->args->index[0].size, n);
        return;
    }
    char piece[BYTES] __attribute__((aligned(64)));
    int64_t most = BYTES / w->size, m;
    for (int64_t k = 0; k < n; k += m, v += m * w->size) {
        m = n - k < most ? n - k : most;
        w->pick(t, piece, p + k, w->args->index[0].size, m);
        FAC__ISA_PICK(fac__stream)(v, piece, (size_t)(m * w->size));
    }
}

static void run_row(const walk *w, char *t, char *v, const int64_t *const *at, int64_t n)
{
    enum { BLOCK = 256 };
    const fac__index_args *a = w->args;
    int last = a->ndim - 1;
    row r = {t, v, a->table.strides[last] * w->size, a->values.strides[last] * w->size, NULL, n};
    int64_t offsets[BLOCK];
    if (!w->varies) { /* one place for the whole row */
        int64_t table_stride = r.ts;
        resolve(w, at, 1, offsets);
        if (offsets[0] < 0) {
            for (int64_t k = 0; k < n && a->mode == FAC__INDEX_GET; k++)
                memset(v + k * r.vs, 0, (size_t)w->size);
            return;
        }
        r.t += offsets[0];
        if (table_stride == w->size && r.vs == w->size && a->mode <= FAC__INDEX_PUT) {
            memcpy(a->mode == FAC__INDEX_GET ? v : r.t, a->mode == FAC__INDEX_GET ? r.t : v, (size_t)(n * w->size));
            return;
        }
        w->loop(&r);
        return;
    }
    if (w->pick) {
        pick_all(w, t, v, at[0], n);
        return;
    }
    const int64_t *block_at[FAC_MAX_DIMS];
    for (int64_t k = 0; k < n; k += BLOCK) {
        int64_t m = n - k < BLOCK ? n - k : BLOCK;
        for (int i = 0; i < a->n_index; i++)
            block_at[i] = at[i] + k * a->index[i].at.strides[last];
        resolve(w, block_at, m, offsets);
        row part = {t + k * r.ts, v + k * r.vs, r.ts, r.vs, offsets, m};
        w->loop(&part);
    }
}

/* All points whose coordinate in the split dim is in [begin, end), in row-major order. */
static void walk_range(void *context, int64_t begin, int64_t end)
{
    const walk *w = context;
    const fac__index_args *a = w->args;
    int last = a->ndim - 1;
    int64_t shape[FAC_MAX_DIMS], coordinate[FAC_MAX_DIMS] = {0};
    memcpy(shape, a->shape, sizeof shape);
    shape[w->split] = end - begin;
    char *t = a->table.data + begin * a->table.strides[w->split] * w->size;
    char *v = a->values.data + begin * a->values.strides[w->split] * w->size;
    const int64_t *at[FAC_MAX_DIMS];
    for (int i = 0; i < a->n_index; i++)
        at[i] = (const int64_t *)(const void *)a->index[i].at.data + begin * a->index[i].at.strides[w->split];
    for (;;) {
        run_row(w, t, v, at, shape[last]);
        int d = last - 1;
        for (; d >= 0; d--) {
            int64_t back = ++coordinate[d] < shape[d] ? 1 : 1 - shape[d];
            t += back * a->table.strides[d] * w->size;
            v += back * a->values.strides[d] * w->size;
            for (int i = 0; i < a->n_index; i++)
                at[i] += back * a->index[i].at.strides[d];
            if (back == 1) break;
            coordinate[d] = 0;
        }
        if (d < 0) break;
    }
    if (w->streamed) fac__stream_end();
}

static bool mergeable(const fac__index_args *a, int outer, int inner)
{
    if ((a->disjoint >> outer & 1) != (a->disjoint >> inner & 1)) return false;
    int64_t n = a->shape[inner];
    bool ok = a->table.strides[outer] == a->table.strides[inner] * n &&
              a->values.strides[outer] == a->values.strides[inner] * n;
    for (int i = 0; i < a->n_index; i++)
        ok = ok && a->index[i].at.strides[outer] == a->index[i].at.strides[inner] * n;
    return ok;
}

/* Puts dim `from` into the place of dim `to`. */
static void move_dim(fac__index_args *a, int to, int from)
{
    a->shape[to] = a->shape[from];
    a->table.strides[to] = a->table.strides[from];
    a->values.strides[to] = a->values.strides[from];
    for (int i = 0; i < a->n_index; i++)
        a->index[i].at.strides[to] = a->index[i].at.strides[from];
    a->disjoint = (a->disjoint & ~(1u << to)) | (a->disjoint >> from & 1) << to;
}

/* Leaves out dims of size 1 and merges those that all operands pass in one stride. */
static void merge_dims(fac__index_args *a)
{
    int n = 0;
    for (int d = 0; d < a->ndim; d++) {
        if (a->shape[d] == 1) continue;
        if (n && mergeable(a, n - 1, d)) {
            int64_t outer = a->shape[n - 1];
            move_dim(a, n - 1, d);
            a->shape[n - 1] *= outer;
        } else {
            move_dim(a, n++, d);
        }
    }
    if (n == 0) {
        a->shape[0] = 1;
        a->table.strides[0] = a->values.strides[0] = 0;
        for (int i = 0; i < a->n_index; i++)
            a->index[i].at.strides[0] = 0;
        n = 1;
    }
    a->ndim = n;
}

static void run_index(const void *args)
{
    fac__index_args a = *(const fac__index_args *)args;
    int64_t numel = 1;
    for (int d = 0; d < a.ndim; d++)
        numel *= a.shape[d];
    if (numel == 0) return;
    if (a.mode == FAC__INDEX_GET) a.disjoint = UINT32_MAX;
    merge_dims(&a);
    walk w = {.args = &a,
              .loop = loop_for(a.mode, a.table.dtype),
              .pick = pick_for(&a),
              .size = (int64_t)fac_dtype_size(a.table.dtype)};
    w.streamed = fac__streams(numel * w.size);
    for (int i = 0; i < a.n_index; i++)
        w.varies |= a.index[i].at.strides[a.ndim - 1] != 0;
    for (int d = 1; d < a.ndim; d++) { /* the largest dim whose points keep out of each other's way */
        bool free = a.disjoint >> d & 1, taken = a.disjoint >> w.split & 1;
        if ((free && !taken) || (free && a.shape[d] > a.shape[w.split] && a.shape[w.split] < 64)) w.split = d;
    }
    int64_t n = a.shape[w.split], each = numel / n;
    bool alone = numel <= GRAIN || !(a.disjoint >> w.split & 1) || fac__threads() == 1;
    /* Every piece walks through all the other dims: few pieces, and none narrower than a few cache lines. */
    int64_t grain = (GRAIN + each - 1) / each;
    if (grain < n / 16) grain = n / 16;
    if (grain < 64 && w.split == a.ndim - 1) grain = 64;
    if (alone)
        walk_range(&w, 0, n);
    else
        fac__parallel(n, grain, walk_range, &w);
}

static void index_memory(void *args, fac__memory *m)
{
    fac__index_args *a = args;
    for (int i = 0; i < a->n_index; i++)
        FAC__READS(m, a->index[i].at.data);
    if (a->mode == FAC__INDEX_GET) {
        FAC__READS(m, a->table.data);
        FAC__WRITES(m, a->values.data);
    } else { /* what no index names stays as it was */
        FAC__READS(m, a->values.data);
        FAC__CHANGES(m, a->table.data);
    }
}

const fac__kernel fac__k_index = {.name = "index", .run = {run_index}, .memory = index_memory};

/* ---- nonzero ------------------------------------------------------------------------------------------------- */

#define MAGNITUDE(x) ((x)&0x7fff) /* of half floats: -0 is 0 */
#define EACH_TYPE(do)                                                                                                  \
    switch (dtype) {                                                                                                   \
    case FAC_BOOL:                                                                                                     \
    case FAC_UINT8:                                                                                                    \
    case FAC_INT8: do (uint8_t, SAME) break;                                                                           \
    case FAC_INT16: do (uint16_t, SAME) break;                                                                         \
    case FAC_FLOAT16:                                                                                                  \
    case FAC_BFLOAT16: do (uint16_t, MAGNITUDE) break;                                                                 \
    case FAC_INT32: do (uint32_t, SAME) break;                                                                         \
    case FAC_FLOAT32: do (float, SAME) break;                                                                          \
    case FAC_FLOAT64: do (double, SAME) break;                                                                         \
    default: do (uint64_t, SAME)                                                                                       \
    }

int64_t fac__count_nonzero(fac_dtype dtype, const void *x, int64_t n)
{
    int64_t count = 0;
#define COUNT(type, bits)                                                                                              \
    for (int64_t i = 0; i < n; i++)                                                                                    \
        count += bits(((const type *)x)[i]) != 0;
    EACH_TYPE(COUNT)
    return count;
}

/* Which of n elements in a row are not 0, into found; returns how many. */
static int64_t find_nonzero(fac_dtype dtype, const char *x, int64_t n, int64_t *found)
{
    int64_t count = 0;
#define FIND(type, bits)                                                                                               \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
        found[count] = i;                                                                                              \
        count += bits(((const type *)(const void *)x)[i]) != 0;                                                        \
    }
    EACH_TYPE(FIND)
    return count;
}

static void run_nonzero(const void *args)
{
    enum { BLOCK = 512 };
    const fac__nonzero_args *a = args;
    int64_t coordinate[FAC_MAX_DIMS] = {0}, *out = a->out, found[BLOCK];
    int last = a->ndim - 1;
    int64_t row = a->ndim ? a->shape[last] : 1;
    const char *x = a->x;
    for (int64_t done = 0; done < a->n; done += row) {
        for (int64_t from = 0; from < row; from += BLOCK) {
            int64_t n = row - from < BLOCK ? row - from : BLOCK;
            int64_t count = find_nonzero(a->dtype, x, n, found);
            x += n * (int64_t)fac_dtype_size(a->dtype);
            for (int64_t k = 0; k < count && a->ndim; k++, out += a->row_stride) {
                for (int d = 0; d < last; d++)
                    out[d * a->dim_stride] = coordinate[d];
                out[last * a->dim_stride] = from + found[k];
            }
        }
        for (int d = last - 1; d >= 0; d--) {
            if (++coordinate[d] < a->shape[d]) break;
            coordinate[d] = 0;
        }
    }
}

static void nonzero_memory(void *args, fac__memory *m)
{
    fac__nonzero_args *a = args;
    FAC__READS(m, a->x);
    FAC__WRITES(m, a->out);
}

const fac__kernel fac__k_nonzero = {.name = "nonzero", .run = {run_nonzero}, .memory = nonzero_memory};
