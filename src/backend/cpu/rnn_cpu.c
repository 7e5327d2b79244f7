/* Floor 1. Recurrent layers on the CPU. Each thread takes some rows of the batch through all steps, without waiting for
 * the others in between. Where there are too few rows for that and a step is large, the threads share each step. */
#include "backend/cpu/gemm_one.h"
#include "backend/cpu/rnn_rows.h"

typedef struct layer {
    const fac__rnn_args *a;
    fac__rnn_rows rows;
    int64_t chunks;
    bool together; /* each step is shared */
    fac__rnn_step *step;
} layer;

static int64_t width_of(const fac__rnn_args *a)
{
    return fac__rnn_gates(a->kind) * a->hidden;
}

/* Element i of p, which may be NULL. */
static void *at(const fac__rnn_args *a, const void *p, int64_t i)
{
    return p ? (char *)p + i * (int64_t)fac_dtype_size(a->dtype) : NULL;
}

/* c [batch, n] = x [batch, k] times w, which is [k, n], or [n, k] where it is turned; of rows begin..end. */
static void multiply(const layer *s, int64_t begin, int64_t end, int64_t n, int64_t k, const void *x, const void *w,
                     bool turned, void *c, double beta)
{
    const fac__rnn_args *a = s->a;
    fac__gemm_args g = {.dtype = a->dtype, .batch = 1, .m = end - begin, .n = n, .k = k, .b = w};
    g.a = at(a, x, begin * k);
    g.c = at(a, c, begin * n);
    g.a_row = k;
    g.c_row = n;
    g.b_row = turned ? 1 : n;
    g.b_col = turned ? k : 1;
    g.a_col = g.c_col = g.alpha = 1;
    g.beta = beta;
    if (s->together)
        fac__k_gemm.run[FAC__CPU](&g);
    else
        FAC__ISA_PICK(fac__gemm_one)(&g);
}

static void some_rows(void *context, int64_t begin, int64_t end)
{
    const layer *s = context;
    s->rows(s->step, begin, end);
}

static void gates(layer *s, fac__rnn_step *step, int64_t begin, int64_t end)
{
    if (s->together) {
        s->step = step;
        fac__parallel(end, 1 + (1 << 15) / (width_of(s->a) + 1), some_rows, s);
    } else {
        s->rows(step, begin, end);
    }
}

/* Step s of rows begin..end, as its gates see it. */
static fac__rnn_step step_of(const fac__rnn_args *a, int64_t s)
{
    int64_t t = a->reverse ? a->steps - 1 - s : s, before = a->reverse ? t + 1 : t - 1;
    int64_t state = a->batch * a->hidden, all = a->batch * width_of(a);
    fac__rnn_step step = {
        .hidden = a->hidden, .gates = at(a, a->gates, t * all), .hh = a->hh, .dh = a->dh, .dc = a->dc};
    step.h = s ? at(a, a->y, before * state) : a->h0;
    step.h_next = at(a, a->y, t * state);
    step.c = s ? at(a, a->cells, a->keeps ? (s - 1) * state : 0) : a->c0;
    step.c_next = s < a->steps - 1 ? at(a, a->cells, a->keeps ? s * state : 0) : a->last_c;
    step.kept = at(a, a->kept, a->keeps ? t * state : 0);
    step.b_ih = a->b_ih;
    step.b_hh = a->b_hh;
    step.dy = at(a, a->dy, t * state);
    step.dgates = at(a, a->dgates, t * all);
    step.dgates_hh = at(a, a->dgates_hh ? a->dgates_hh : a->dgates, t * all);
    return step;
}

static void forward_rows(layer *s, int64_t begin, int64_t end)
{
    const fac__rnn_args *a = s->a;
    for (int64_t i = 0; i < a->steps; i++) {
        fac__rnn_step step = step_of(a, i);
        multiply(s, begin, end, width_of(a), a->hidden, step.h, a->w_hh, a->steps == 1, a->hh, 0);
        gates(s, &step, begin, end);
    }
}

static void backward_rows(layer *s, int64_t begin, int64_t end)
{
    const fac__rnn_args *a = s->a;
    for (int64_t i = a->steps - 1; i >= 0; i--) {
        fac__rnn_step step = step_of(a, i);
        gates(s, &step, begin, end);
        if (i || a->wants_h0)
            multiply(s, begin, end, a->hidden, width_of(a), step.dgates_hh, a->w_hh, false, a->dh,
                     a->kind == FAC__GRU ? 1 : 0);
    }
}

#define CHUNKS(name)                                                                                                   \
    static void name##_chunks(void *context, int64_t begin, int64_t end)                                               \
    {                                                                                                                  \
        layer s = *(const layer *)context;                                                                             \
        for (int64_t i = begin; i < end; i++)                                                                          \
            name##_rows(&s, i *s.a->batch / s.chunks, (i + 1) * s.a->batch / s.chunks);                                \
    }
CHUNKS(forward)
CHUNKS(backward)

/* Tiles of few rows read the weights for little work, and a single row is multiplied in another order. */
enum { ROWS_LEAST = 4, ROWS_MOST = 64 };

static void run(const fac__rnn_args *a, int backward)
{
    layer s = {a,
               a->dtype == FAC_FLOAT64 ? FAC__ISA_PICK(fac__rnn_rows_double)[a->kind][backward]
                                       : FAC__ISA_PICK(fac__rnn_rows_float)[a->kind][backward],
               .chunks = 1};
    int64_t threads = fac__threads(), most = a->batch / ROWS_LEAST;
    double step = (double)a->batch * (double)a->hidden * (double)width_of(a), worth = fac__worth_sharing();
    if (threads > 1 && step * (double)a->steps >= worth) {
        int64_t even = (a->batch + ROWS_MOST - 1) / ROWS_MOST;
        s.chunks = (even + threads - 1) / threads * threads;
        if (s.chunks > most) s.chunks = most > 1 ? most : 1;
        s.together = s.chunks < threads && step >= worth;
    }
    if (s.together)
        (backward ? backward_rows : forward_rows)(&s, 0, a->batch);
    else
        fac__parallel(s.chunks, 1, backward ? backward_chunks : forward_chunks, &s);
}

static void forward(const void *args)
{
    run(args, 0);
}

static void backward(const void *args)
{
    run(args, 1);
}

static void forward_memory(void *args, fac__memory *m)
{
    fac__rnn_args *a = args;
    FAC__READS(m, a->h0);
    FAC__READS(m, a->w_hh);
    FAC__READS(m, a->b_ih);
    FAC__READS(m, a->b_hh);
    FAC__CHANGES(m, a->gates);
    FAC__WRITES(m, a->hh);
    FAC__WRITES(m, a->y);
    if (a->kind == FAC__GRU || a->kind == FAC__LSTM) FAC__WRITES(m, a->kept);
    if (a->kind != FAC__LSTM) return;
    FAC__READS(m, a->c0);
    if (a->steps > 1) FAC__WRITES(m, a->cells);
    FAC__WRITES(m, a->last_c);
}

static void backward_memory(void *args, fac__memory *m)
{
    fac__rnn_args *a = args;
    FAC__READS(m, a->w_hh);
    FAC__READS(m, a->gates);
    FAC__READS(m, a->dy);
    FAC__CHANGES(m, a->dh);
    FAC__WRITES(m, a->dgates);
    if (a->kind == FAC__GRU || a->kind == FAC__LSTM) FAC__READS(m, a->kept);
    if (a->kind == FAC__GRU) {
        FAC__READS(m, a->h0);
        if (a->steps > 1) FAC__READS(m, a->y);
        FAC__WRITES(m, a->dgates_hh);
    } else if (a->kind == FAC__LSTM) {
        FAC__READS(m, a->c0);
        if (a->steps > 1) FAC__READS(m, a->cells);
        FAC__CHANGES(m, a->dc);
    }
}

const fac__kernel fac__k_rnn = {.name = "rnn", .run = {forward}, .memory = forward_memory};
const fac__kernel fac__k_rnn_backward = {.name = "rnn_backward", .run = {backward}, .memory = backward_memory};
