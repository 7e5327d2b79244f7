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

static void step_memory(void *args, fac__memory *m)
{
    fac__rnn_args *a = args;
    FAC__CHANGES(m, a->gates);
    FAC__READS(m, a->hh);
    FAC__READS(m, a->b_ih);
    FAC__READS(m, a->b_hh);
    if (a->kind == FAC__GRU) FAC__READS(m, a->h);
    if (a->kind == FAC__LSTM) {
        FAC__READS(m, a->c);
        FAC__WRITES(m, a->c_next);
    }
    if (a->kind == FAC__GRU || a->kind == FAC__LSTM) FAC__WRITES(m, a->kept);
    FAC__WRITES(m, a->h_next);
}

static void backward_memory(void *args, fac__memory *m)
{
    fac__rnn_args *a = args;
    FAC__READS(m, a->gates);
    FAC__READS(m, a->dy);
    if (a->kind == FAC__GRU || a->kind == FAC__LSTM) FAC__READS(m, a->kept);
    FAC__CHANGES(m, a->dh);
    if (a->kind == FAC__GRU) {
        FAC__READS(m, a->h);
        FAC__WRITES(m, a->dgates_hh);
    } else if (a->kind == FAC__LSTM) {
        FAC__READS(m, a->c);
        FAC__CHANGES(m, a->dc);
    }
    FAC__WRITES(m, a->dgates);
}

const fac__kernel fac__k_rnn_step = {.name = "rnn_step", .run = {forward}, .memory = step_memory};
const fac__kernel fac__k_rnn_step_backward = {
    .name = "rnn_step_backward", .run = {backward}, .memory = backward_memory};
