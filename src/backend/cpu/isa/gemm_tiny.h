/* Floor 1. Products of matrices so small that deciding how to multiply costs more than multiplying: it is decided once, for
 * steps that are captured. */
#ifndef FACULA_GEMM_TINY_H
#define FACULA_GEMM_TINY_H

#include "backend/cpu/isa/isa.h"
#include "backend/gemm.h"

enum {
    FAC__TINY_DEPTH = 64, /* the longest k */
    FAC__TINY_WORK = 4096 /* the most multiply-adds */
};

/* C [m, n] = alpha A B + beta C in float, rows of C contiguous, k not above FAC__TINY_DEPTH. An element adds up its products
 * in order of k, as all products do. A bias of the epilogue has step 1 where there are several columns. */
FAC__ISA_DECLARE(void, fac__gemm_tiny, (const fac__gemm_args *g));

#endif
