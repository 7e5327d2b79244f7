/* Floor 1. Steps of recurrent layers on the CPU: the rows of the batch are shared among threads. */
#include "backend/cpu/rnn_rows.h"

typedef struct step {
    const fac__rnn_args *a;
    fac__rnn_rows rows;
} step;

static void some_rows(void *context, int64_t begin, int64_t end)
{
    const step *s = context;
    s->rows(s->a, begin, end);
}

static void run(const fac__rnn_args *a, int backward)
{
    step s = {a, a->dtype == FAC_FLOAT64 ? FAC__ISA_PICK(fac__rnn_rows_double)[a->kind][backward]
                                         : FAC__ISA_PICK(fac__rnn_rows_float)[a->kind][backward]};
    int64_t width = fac__rnn_gates(a->kind) * a->hidden;
    fac__parallel(a->batch, 1 + (1 << 15) / (width + 1), some_rows, &s);
}

static void forward(const void *args)
{
    run(args, 0);
}

static void backward(const void *args)
{
    run(args, 1);
}

const fac__kernel fac__k_rnn_step = {.name = "rnn_step", .run = {forward}};
const fac__kernel fac__k_rnn_step_backward = {.name = "rnn_step_backward", .run = {backward}};
