/* Floor 1. One product on the calling thread, for kernels that share out work of which products are a part. */
#ifndef FACULA_GEMM_ONE_H
#define FACULA_GEMM_ONE_H

#include "backend/cpu/isa/isa.h"
#include "backend/gemm.h"

/* float32 and float64; batch is not looked at. */
FAC__ISA_DECLARE(void, fac__gemm_one, (const fac__gemm_args *g));

#endif
