/* Floor 1. Pointwise work: a short straight-line program of rows (facula/pointwise.def), run block by block.
 *
 * Registers 0..n_in-1 are the inputs, then the n_const constants, then what instructions define, in order: instruction i
 * writes register n_in + n_const + i. All registers of a program have one compute type; comparisons give 0 or 1.
 * A program without code copies: outputs may name inputs or constants (copy, cast, fill). */
#ifndef FACULA_POINTWISE_H
#define FACULA_POINTWISE_H

#include "kernel.h"

typedef enum fac__row_id {
#define FAC_ROW(name, arity, expr) FAC__ID_##name,
#include "facula/pointwise.def"
    FAC__ROW_COUNT
} fac__row_id;

typedef enum fac__dtype_rule {
    FAC__SAME,
    FAC__NOBOOL,
    FAC__FLOAT,
    FAC__FLOATS,
    FAC__COMPARE,
    FAC__BITS
} fac__dtype_rule;

/* The types in which rows are computed. */
typedef enum fac__compute { FAC__I64, FAC__F32, FAC__F64, FAC__COMPUTE_COUNT } fac__compute;

/* y[i] = row(a[i], b[i], c[i], d[i]) for i < n; y may be one of the inputs, and those that the row lacks are ignored. */
typedef void (*fac__row_loop)(void *y, const void *a, const void *b, const void *c, const void *d, int64_t n);

/* A row of pointwise.def (row_defs.c). FAC__ROW_mul is that of mul. Nothing on the way of an operation lists all rows: a
 * program that is linked to the archive has those that its operations name, and those that their derivatives mention. */
typedef struct fac__row_def {
    fac__row_loop loops[FAC__ISA_COUNT][FAC__COMPUTE_COUNT];
    fac__row_id id;
    uint8_t arity, n_tensors; /* the other arguments are numbers without a say in the dtype */
    uint16_t cost; /* in additions; only the magnitude matters: it decides how many elements are worth a thread */
    fac__dtype_rule rule;
    const char *name, *derivatives[4];
    const struct fac__row_def *const *mentions; /* the rows that the derivatives use; ends with NULL */
} fac__row_def;
typedef const fac__row_def *fac__row;
#define FAC_ROW(name, arity, expr) extern const fac__row_def FAC__ROW_##name[1];
#include "facula/pointwise.def"
/* All of them by id, for who asks for rows by name (row_list.c). */
extern const fac__row fac__all_rows[FAC__ROW_COUNT];

enum { FAC__PW_IN = 8, FAC__PW_CONST = 8, FAC__PW_CODE = 24, FAC__PW_OUT = 4 };

typedef struct fac__instr {
    fac__row row;
    uint8_t in[4];
} fac__instr;

typedef struct fac__program {
    uint8_t n_in, n_const, n_code, n_out;
    uint8_t out[FAC__PW_OUT]; /* registers */
    fac__instr code[FAC__PW_CODE];
} fac__program;

typedef struct fac__pointwise_args {
    fac__program program;
    fac_dtype compute; /* FAC_INT64, FAC_FLOAT32 or FAC_FLOAT64 */
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
    fac_scalar constants[FAC__PW_CONST];
    fac__operand in[FAC__PW_IN], out[FAC__PW_OUT]; /* an output may be exactly an input, never overlap it otherwise */
} fac__pointwise_args;

extern const fac__kernel fac__k_pointwise;

/* One row over n elements of the compute type, as most operations on whole tensors are: without a program, shapes and
 * strides. An operand lies in a row, is one element for all (`one`), or a number (its address NULL). */
typedef struct fac__row_call {
    fac__row row;
    fac_dtype compute;
    int64_t n;
    void *out;
    const void *in[4];
    bool one[4]; /* of numbers, too */
    fac_scalar numbers[4];
} fac__row_call;
void fac__row_run(const fac__row_call *call);

static inline int64_t fac__pointwise_numel(const fac__pointwise_args *args)
{
    int64_t numel = 1;
    for (int d = 0; d < args->ndim; d++)
        numel *= args->shape[d];
    return numel;
}

/* 1 when the operand's elements lie in a row, 0 when it is one for all, -1 otherwise. */
static inline int fac__pointwise_layout(const fac__pointwise_args *args, const fac__operand *x)
{
    int64_t expected = 1;
    bool row = true, one = true;
    for (int d = args->ndim - 1; d >= 0; d--) {
        if (args->shape[d] == 1) continue;
        row &= x->strides[d] == expected;
        one &= x->strides[d] == 0;
        expected *= args->shape[d];
    }
    return row ? 1 : one ? 0 : -1;
}

/* While a program is written, registers say what they mean, | their place among those of their kind; fac__settle_register gives
 * them their numbers when all inputs and constants are known. */
enum { FAC__REG_INPUT = 0x00, FAC__REG_NUMBER = 0x40, FAC__REG_CODE = 0x80, FAC__REG_KIND = 0xc0 };
static inline uint8_t fac__settle_register(uint8_t reg, const fac__program *p)
{
    int i = reg & ~FAC__REG_KIND, kind = reg & FAC__REG_KIND;
    return (uint8_t)(kind == FAC__REG_INPUT ? i : kind == FAC__REG_NUMBER ? p->n_in + i : p->n_in + p->n_const + i);
}

/* cpu/pointwise_ready.c: the kernel's .ready and .run_ready, for little work. */
size_t fac__pointwise_ready(const void *args, void *state);
void fac__pointwise_run_ready(const void *args, const void *state);

#endif
