/* Floor 1. Running sums, products, maxima and minima on the CPU. Elements come through a buffer, as double or int64
 * (PyTorch accumulates floats in double too), and go on line after line, or for several lines at once where lines lie
 * side by side or are short. */
#include <math.h>
#include <string.h>

#include "backend/cpu/isa/rows.h"
#include "backend/cpu/running_sums.h"
#include "backend/cpu/stream.h"
#include "backend/reduce.h"

#define INLINE static inline __attribute__((always_inline)) /* so that one line gets loops of its own */

enum {
    BUFFER = 2048,
    LINES = 64,      /* most lines at once */
    GRAIN = 1 << 15, /* elements worth a thread */
    SHORT = 128      /* lines this short go several at once */
};

typedef struct job {
    const fac__scan_args *args;
    const fac__move_table *moves;
    fac__compute compute;
    int across;                   /* the dimension whose lines go together, or -1 */
    int64_t lines, blocks, outer; /* of `across`; blocks of them; the other dimensions' product */
} job;

/* What is known of each line so far. */
typedef struct running {
    double value[LINES];
    int64_t whole[LINES], index[LINES];
} running;

static double log_add_exp(double a, double b)
{
    if (isnan(a) || isnan(b)) return NAN;
    double low = a < b ? a : b, high = a < b ? b : a;
    return isfinite(low) || low != high ? high + log1p(exp(low - high)) : high;
}

/* `rows` more elements of each line, in place; `at` is the first one's place in the line. Of equal values the later one
 * wins, as in PyTorch. */
#define EACH                                                                                                           \
    for (int64_t r = 0; r < rows; r++, x += lines, index += lines)                                                     \
        for (int64_t c = 0; c < lines; c++)
#define EXTREME(wins)                                                                                                  \
    EACH                                                                                                               \
    {                                                                                                                  \
        if (at + r == 0 || (wins)) {                                                                                   \
            v[c] = x[c];                                                                                               \
            s->index[c] = at + r;                                                                                      \
        }                                                                                                              \
        x[c] = v[c];                                                                                                   \
        index[c] = s->index[c];                                                                                        \
    }

INLINE void scan_floats(fac__scan_kind kind, running *s, double *restrict x, int64_t *restrict index, int64_t lines,
                        int64_t rows, int64_t at)
{
    double v[LINES];
    memcpy(v, s->value, (size_t)lines * sizeof *v);
    double start = kind == FAC__CUMPROD ? 1 : kind == FAC__LOGCUMSUMEXP ? -INFINITY : 0;
    for (int64_t c = 0; at == 0 && c < lines; c++)
        v[c] = start;
    switch (kind) {
    case FAC__CUMSUM: EACH x[c] = v[c] += x[c]; break;
    case FAC__CUMPROD: EACH x[c] = v[c] *= x[c]; break;
    case FAC__LOGCUMSUMEXP: EACH x[c] = v[c] = log_add_exp(v[c], x[c]); break;
    case FAC__CUMMAX: EXTREME(isnan(x[c]) || x[c] >= v[c]); break;
    case FAC__CUMMIN: EXTREME(isnan(x[c]) || x[c] <= v[c]);
    }
    memcpy(s->value, v, (size_t)lines * sizeof *v);
}

INLINE void scan_integers(fac__scan_kind kind, running *s, int64_t *restrict x, int64_t *restrict index, int64_t lines,
                          int64_t rows, int64_t at)
{
    int64_t v[LINES];
    memcpy(v, s->whole, (size_t)lines * sizeof *v);
    for (int64_t c = 0; at == 0 && c < lines; c++)
        v[c] = kind == FAC__CUMPROD;
    switch (kind) {
    case FAC__CUMSUM: EACH x[c] = v[c] = (int64_t)((uint64_t)v[c] + (uint64_t)x[c]); break;
    case FAC__CUMPROD: EACH x[c] = v[c] = (int64_t)((uint64_t)v[c] * (uint64_t)x[c]); break;
    case FAC__LOGCUMSUMEXP: break; /* of floats only */
    case FAC__CUMMAX: EXTREME(x[c] >= v[c]); break;
    case FAC__CUMMIN: EXTREME(x[c] <= v[c]);
    }
    memcpy(s->whole, v, (size_t)lines * sizeof *v);
}

static int64_t size_of(const fac__operand *o)
{
    return (int64_t)fac_dtype_size(o->dtype);
}

/* Offsets, in elements, of a unit's first line in the three operands. */
static void locate(const job *j, int64_t unit, int64_t at[3])
{
    const fac__scan_args *a = j->args;
    int64_t first = unit % j->blocks * LINES, rest = unit / j->blocks;
    at[0] = at[1] = at[2] = 0;
    for (int d = a->ndim - 1; d >= 0; d--) {
        int64_t k = 0;
        if (d == a->dim) continue;
        if (d == j->across) {
            k = first;
        } else {
            k = rest % a->shape[d];
            rest /= a->shape[d];
        }
        at[0] += k * a->in.strides[d];
        at[1] += k * a->out[0].strides[d];
        at[2] += k * a->out[1].strides[d];
    }
}

static void run_unit(const job *j, int64_t unit)
{
    const fac__scan_args *a = j->args;
    const fac__operand *in = &a->in, *out = a->out;
    int64_t at[3], n = a->shape[a->dim], left = j->lines - unit % j->blocks * LINES;
    int64_t lines = left < LINES ? left : LINES, piece = BUFFER / lines;
    bool indexed = a->kind == FAC__CUMMAX || a->kind == FAC__CUMMIN;
    union {
        double f[BUFFER];
        int64_t i[BUFFER];
    } x;
    int64_t index[BUFFER];
    running state = {.value = {0}};
    locate(j, unit, at);
    /* From one element of a row to the next; a single line is moved as one row, and summed in registers. */
#define STRIDE(o) ((o)->strides[lines == 1 ? a->dim : j->across])
    for (int64_t from = 0; from < n; from += piece) {
        int64_t rows = n - from < piece ? n - from : piece;
        int64_t high = lines == 1 ? 1 : rows, wide = lines == 1 ? rows : lines;
        j->moves->load[j->compute][in->dtype](&x, lines, 1,
                                              in->data + (at[0] + from * in->strides[a->dim]) * size_of(in),
                                              in->strides[a->dim], STRIDE(in), high, wide);
        if (j->compute == FAC__I64 && lines == 1)
            scan_integers(a->kind, &state, x.i, index, 1, rows, from);
        else if (j->compute == FAC__I64)
            scan_integers(a->kind, &state, x.i, index, lines, rows, from);
        else if (lines == 1)
            scan_floats(a->kind, &state, x.f, index, 1, rows, from);
        else
            scan_floats(a->kind, &state, x.f, index, lines, rows, from);
        for (int o = 0; o < 2; o++) {
            if (!out[o].data || (o == 1 && !indexed)) continue;
            char *to = out[o].data + (at[1 + o] + from * out[o].strides[a->dim]) * size_of(out + o);
            fac__compute type = o ? FAC__I64 : j->compute;
            j->moves->store[type][out[o].dtype](to, out[o].strides[a->dim], STRIDE(out + o),
                                                o ? (const void *)index : &x, lines, 1, high, wide);
        }
    }
}

/* ---- running sums of float lines in a row ---------------------------------------------------------------------- */

/* One line of `in`, and where its sums go. */
typedef struct line {
    const float *in;
    float *out;
    int64_t n;
    bool streamed;
    double *sums; /* before each piece; first of all the pieces' own */
} line;

static line line_at(const job *j, int64_t unit)
{
    const fac__scan_args *a = j->args;
    int64_t at[3], n = a->shape[a->dim];
    locate(j, unit, at);
    return (line){.in = (const float *)(const void *)a->in.data + at[0],
                  .out = (float *)(void *)a->out[0].data + at[1],
                  .n = n,
                  .streamed = fac__streams(n * j->outer * (int64_t)sizeof(float))};
}

enum { AHEAD = 1024 }; /* elements between what is summed and what is asked for */

static void sum_whole_lines(void *context, int64_t begin, int64_t end)
{
    for (int64_t unit = begin; unit < end; unit++) {
        line l = line_at(context, unit);
        FAC__ISA_PICK(fac__running_sums)(0, l.in, l.out, l.n, l.streamed ? AHEAD : 0);
    }
    fac__stream_end();
}

/* Of long lines the threads take pieces, some of which lie in the second-level cache together: first the sums of pieces, then,
 * with the sum of all that is before it, each piece's running sums. */
enum { PIECE = 1 << 14, PIECES = 16 };

static int64_t piece_size(const line *l, int64_t p)
{
    int64_t left = l->n - p * PIECE;
    return left < PIECE ? left : PIECE;
}

static void sum_pieces(void *context, int64_t begin, int64_t end)
{
    const line *l = context;
    for (int64_t p = begin; p < end; p++)
        l->sums[p] = FAC__ISA_PICK(fac__sum_in_double)(l->in + p * PIECE, piece_size(l, p));
}

static void run_pieces(void *context, int64_t begin, int64_t end)
{
    const line *l = context;
    int64_t ahead = l->streamed ? PIECE * PIECES : 0; /* the piece that takes this one's place */
    for (int64_t p = begin; p < end; p++) {
        int64_t at = p * PIECE, n = piece_size(l, p);
        FAC__ISA_PICK(fac__running_sums)(l->sums[p], l->in + at, l->out + at, n, ahead);
    }
    fac__stream_end();
}

static void sum_in_pieces(line l)
{
    double sums[PIECES], before = 0;
    int64_t all = l.n;
    l.sums = sums;
    for (l.n = PIECE * PIECES; all > 0; all -= l.n, l.in += l.n, l.out += l.n) {
        if (l.n > all) l.n = all;
        int64_t pieces = (l.n + PIECE - 1) / PIECE;
        fac__parallel(pieces, 1, sum_pieces, &l);
        for (int64_t p = 0; p < pieces; p++) {
            double own = sums[p];
            sums[p] = before;
            before += own;
        }
        fac__parallel(pieces, 1, run_pieces, &l);
    }
}

static void sum_lines(const job *j)
{
    int64_t n = j->args->shape[j->args->dim];
    if (n < 4 * PIECE || j->outer >= PIECES)
        fac__parallel(j->outer, 1 + (GRAIN - 1) / n, sum_whole_lines, (void *)j);
    else
        for (int64_t unit = 0; unit < j->outer; unit++)
            sum_in_pieces(line_at(j, unit));
}

static bool sums_in_a_row(const fac__scan_args *a)
{
    return a->kind == FAC__CUMSUM && a->in.dtype == FAC_FLOAT32 && a->out[0].dtype == FAC_FLOAT32 &&
           a->in.strides[a->dim] == 1 && a->out[0].strides[a->dim] == 1;
}

static void run_units(void *context, int64_t begin, int64_t end)
{
    for (int64_t unit = begin; unit < end; unit++)
        run_unit(context, unit);
}

static void scan(const void *args)
{
    const fac__scan_args *a = args;
    job j = {.args = a, .moves = &FAC__ISA_PICK(fac__move_table), .across = -1, .lines = 1, .blocks = 1, .outer = 1};
    j.compute = fac__compute_type(a->out[0].dtype) == FAC_INT64 ? FAC__I64 : FAC__F64;
    int64_t n = a->shape[a->dim];
    for (int d = 0; d < a->ndim; d++) {
        if (d == a->dim) continue;
        j.outer *= a->shape[d];
        bool closer = a->in.strides[d] < a->in.strides[a->dim] || n < SHORT;
        if (a->shape[d] > 1 && closer && (j.across < 0 || a->in.strides[d] <= a->in.strides[j.across])) j.across = d;
    }
    if (n == 0 || j.outer == 0) return;
    if (j.across < 0 && sums_in_a_row(a)) {
        sum_lines(&j);
        return;
    }
    if (j.across >= 0) j.lines = a->shape[j.across];
    j.outer /= j.lines;
    j.blocks = (j.lines + LINES - 1) / LINES;
    int64_t together = j.lines < LINES ? j.lines : LINES;
    fac__parallel(j.outer * j.blocks, 1 + (GRAIN - 1) / (n * together), run_units, &j);
}

static void scan_memory(void *args, fac__memory *m)
{
    fac__scan_args *a = args;
    FAC__READS(m, a->in.data);
    FAC__WRITES(m, a->out[0].data);
    if (a->kind == FAC__CUMMAX || a->kind == FAC__CUMMIN) FAC__WRITES(m, a->out[1].data);
}

const fac__kernel fac__k_scan = {.name = "scan", .run = {scan}, .memory = scan_memory};
