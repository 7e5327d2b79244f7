/* Floor 1. Reductions over any set of dimensions of a strided operand. */
#ifndef FACULA_REDUCE_H
#define FACULA_REDUCE_H

#include "kernel.h"

typedef enum fac__reduce_id {
    FAC__ID_SUM, /* out dtype: its compute type accumulates (float pairwise or in several lanes, never one running float) */
    FAC__ID_PROD,
    FAC__ID_MAX,    /* NaN wins, as in PyTorch; second output, if its data is set: int64 index along the reduced dims */
    FAC__ID_MIN,    /* (first occurrence; row-major position within the reduced dims) */
    FAC__ID_ARGMAX, /* only the int64 index, in out[0] */
    FAC__ID_ARGMIN,
    FAC__ID_ANY, /* out bool (or uint8): any != 0 */
    FAC__ID_ALL,
    FAC__ID_NANSUM, /* NaN counts as 0 */
    FAC__ID_SUM_SQUARES,
    FAC__ID_SUM_ABS,
    FAC__ID_COUNT_NONZERO,
    FAC__ID_MEAN_VAR /* Welford or two passes: out[0] mean, out[1] sum of squared differences; either may be unset */
} fac__reduce_id;

/* Each kind is an object with its own loops (reduce_kinds.c), so that a program that is linked to the archive has only those
 * that its operations name. */
struct fac__reduce_loops; /* cpu/isa/reduce_loops.h */
typedef struct fac__reduce_def {
    const struct fac__reduce_loops *loops[FAC__ISA_COUNT];
    fac__reduce_id id;
    const struct fac__reduce_def *with_positions; /* what MAX and MIN are with a second output */
} fac__reduce_def;
typedef const fac__reduce_def *fac__reduce_kind;
extern const fac__reduce_def FAC__SUM[1], FAC__PROD[1], FAC__MAX[1], FAC__MIN[1], FAC__ARGMAX[1], FAC__ARGMIN[1],
    FAC__ANY[1], FAC__ALL[1], FAC__NANSUM[1], FAC__SUM_SQUARES[1], FAC__SUM_ABS[1], FAC__COUNT_NONZERO[1],
    FAC__MEAN_VAR[1];

typedef struct fac__reduce_args {
    fac__reduce_kind kind;
    int ndim;
    int64_t shape[FAC_MAX_DIMS]; /* of the input */
    uint32_t reduced;            /* bit d: dimension d is reduced away */
    fac__operand in;
    fac__operand out[2]; /* strides along the input's dims, 0 on reduced ones; data NULL: not wanted */
} fac__reduce_args;

/* An empty reduction gives the neutral element (sum 0, prod 1, any false, all true); max, min, arg* and MEAN_VAR need
 * at least one element in the reduced dims, which the op checks. Results do not depend on the number of threads. */
extern const fac__kernel fac__k_reduce;

/* Running results along one dimension: cumsum, cumprod (out dtype's compute type), cummax, cummin (with indices). */
typedef enum fac__scan_kind { FAC__CUMSUM, FAC__CUMPROD, FAC__CUMMAX, FAC__CUMMIN, FAC__LOGCUMSUMEXP } fac__scan_kind;
typedef struct fac__scan_args {
    fac__scan_kind kind;
    int ndim, dim;
    int64_t shape[FAC_MAX_DIMS];
    fac__operand in, out[2];
} fac__scan_args;
extern const fac__kernel fac__k_scan;

/* Softmax family over rows: x, y (and g, dx) are [outer, n, inner] contiguous; reduces over n. float32 and float64, and
 * float16/bfloat16 computed in float. */
typedef struct fac__softmax_args {
    fac_dtype dtype;
    bool log, backward; /* backward: y is the forward's output, g its gradient, out the input's gradient */
    int64_t outer, n, inner;
    const void *x, *y, *g;
    void *out;
} fac__softmax_args;
extern const fac__kernel fac__k_softmax;

#endif
