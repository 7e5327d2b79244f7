/* Floor 1. Attention on the CPU: threads share out the blocks of queries, backward the heads. */
#include "backend/cpu/attention_heads.h"

typedef struct work {
    const fac__attention_args *a;
    fac__attention_part part;
} work;

static void some(void *context, int64_t begin, int64_t end)
{
    const work *w = context;
    w->part(w->a, begin, end);
}

static void run(const fac__attention_args *a, int backward)
{
    work w = {a, (a->dtype == FAC_FLOAT64 ? FAC__ISA_PICK(fac__attention_double)
                                          : FAC__ISA_PICK(fac__attention_float))[backward]};
    int64_t heads = a->outer * a->inner, blocks = (a->queries + FAC__ATTENTION_QUERIES - 1) / FAC__ATTENTION_QUERIES;
    int64_t n = backward ? heads : heads * blocks, grain = 1;
    /* Multiply-adds: an exponential is worth about ten. */
    double all = (double)heads * (double)a->queries * (double)a->keys * (a->causal ? 0.6 : 1) *
                 ((double)a->width + (double)a->value_width + 10) * (backward ? 2.5 : 1);
    if (all < fac__worth_sharing())
        grain = n;
    else if (!backward) /* what one thread packs of a head serves several blocks */
        grain = heads >= 2 * fac__threads() ? blocks : (blocks + 3) / 4;
    fac__parallel(n, grain, some, &w);
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
    fac__attention_args *a = args;
    FAC__READS(m, a->q.data);
    FAC__READS(m, a->k.data);
    FAC__READS(m, a->v.data);
    FAC__READS(m, a->mask);
    FAC__WRITES(m, a->y.data);
    FAC__WRITES(m, a->log_sum);
}

static void backward_memory(void *args, fac__memory *m)
{
    fac__attention_args *a = args;
    FAC__READS(m, a->q.data);
    FAC__READS(m, a->k.data);
    FAC__READS(m, a->v.data);
    FAC__READS(m, a->mask);
    FAC__READS(m, a->y.data);
    FAC__READS(m, a->log_sum);
    FAC__READS(m, a->dy.data);
    FAC__WRITES(m, a->dq.data);
    FAC__WRITES(m, a->dk.data);
    FAC__WRITES(m, a->dv.data);
}

const fac__kernel fac__k_attention = {.name = "attention", .run = {forward}, .memory = forward_memory};
const fac__kernel fac__k_attention_backward = {
    .name = "attention_backward", .run = {backward}, .memory = backward_memory};
