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

/* The derivatives of a row with respect to its up to four inputs; parsed on first use. */
const fac__derivative *fac__derivatives_of(fac__row row);
/* "leaky_relu" as "LeakyReluBackward0". */
const char *fac__row_backward_name(fac__row row);

#endif
