/* Floor 4. The derivative texts of pointwise.def as programs. */
#ifndef FACULA_DERIVATIVE_H
#define FACULA_DERIVATIVE_H

#include "backend/pointwise.h"

enum { FAC__VAR_Y = 4, FAC__VAR_G = 5, FAC__VARS = 6 }; /* 0..3 are the inputs a, b, c, d */

typedef struct fac__derivative {
    bool exists, zero, unknown;      /* NULL in the table: does not exist. "0": zero. "?": PyTorch has none */
    uint8_t n_vars, vars[FAC__VARS]; /* input i of the program is variable vars[i] */
    uint8_t uses;                    /* bit v: variable v is mentioned */
    fac__program program;            /* one output; its constants are the text's numbers */
    fac_scalar constants[FAC__PW_CONST];
} fac__derivative;

/* Everything the table says of a row beside its expression. */
typedef enum fac__dtype_rule {
    FAC__SAME,
    FAC__NOBOOL,
    FAC__FLOAT,
    FAC__FLOATS,
    FAC__COMPARE,
    FAC__BITS
} fac__dtype_rule;
typedef struct fac__row_info {
    const char *name;
    uint8_t arity, n_tensors; /* the other arguments are numbers without a say in the dtype */
    fac__dtype_rule rule;
    const char *derivatives[4];
} fac__row_info;
extern const fac__row_info fac__rows[FAC__ROW_COUNT];

/* The derivatives of a row with respect to its up to four inputs; parsed on first use. */
const fac__derivative *fac__derivatives_of(fac__row row);
/* "leaky_relu" as "LeakyReluBackward0". */
const char *fac__row_backward_name(fac__row row);

#endif
