/* Floor 1. What pointwise_cpu.c and pointwise_ready.c share: numbers in the type that a program computes in, and operands seen
 * as matrices. */
#ifndef FACULA_POINTWISE_PARTS_H
#define FACULA_POINTWISE_PARTS_H

#include "backend/cpu/isa/rows.h"

static inline fac__compute fac__compute_of(fac_dtype d)
{
    return d == FAC_INT64 ? FAC__I64 : d == FAC_FLOAT32 ? FAC__F32 : FAC__F64;
}

/* The number, in the compute type. */
static inline void fac__set_number(void *to, fac__compute type, fac_scalar value)
{
    if (type == FAC__F32)
        *(float *)to = (float)fac_scalar_to_double(value);
    else if (type == FAC__F64)
        *(double *)to = fac_scalar_to_double(value);
    else
        *(int64_t *)to = fac_scalar_to_int(value);
}

/* The operands, outputs last, as matrices: sizes and strides of two dimensions, the inner one first. */
typedef struct fac__matrix_view {
    int64_t size[2], strides[FAC__PW_IN + FAC__PW_OUT][2];
} fac__matrix_view;

static inline const fac__operand *fac__pointwise_operand(const fac__pointwise_args *args, int i)
{
    int n_in = args->program.n_in;
    return i < n_in ? &args->in[i] : &args->out[i - n_in];
}

/* Merges dims that all operands pass in one stride. False if more than two are left. */
static inline bool fac__as_matrices(const fac__pointwise_args *args, fac__matrix_view *m)
{
    int n = args->program.n_in + args->program.n_out, at = -1;
    m->size[0] = m->size[1] = 1;
    for (int d = args->ndim - 1; d >= 0; d--) {
        if (args->shape[d] == 1) continue;
        bool joins = at >= 0;
        for (int k = 0; k < n && joins; k++)
            joins = fac__pointwise_operand(args, k)->strides[d] == m->strides[k][at] * m->size[at];
        if (joins) {
            m->size[at] *= args->shape[d];
            continue;
        }
        if (++at == 2) return false;
        m->size[at] = args->shape[d];
        for (int k = 0; k < n; k++)
            m->strides[k][at] = fac__pointwise_operand(args, k)->strides[d];
    }
    for (at++; at < 2; at++)
        for (int k = 0; k < n; k++)
            m->strides[k][at] = 1; /* of a size of 1 */
    return true;
}

#endif
