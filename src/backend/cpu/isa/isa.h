/* Floor 1. One body, several instruction sets. Files in this folder are compiled once for each of them, with
 * FAC__ISA_SUFFIX naming the one (_baseline, _avx2, _avx512; on other machines than x86-64, or without FACULA_DISPATCH, only _baseline):
 *
 *     in isa/rows.c         void FAC__ISA(fac__add_rows)(float *y, const float *a, int64_t n) { ... }
 *     in the dispatcher     FAC__ISA_DECLARE(void, fac__add_rows, (float *y, const float *a, int64_t n));
 *                           FAC__ISA_PICK(fac__add_rows)(y, a, n);
 *
 * Everything else in such a file must be static: an inline function shared between the three would be one function. */
#ifndef FACULA_ISA_H
#define FACULA_ISA_H

#include "backend/kernel.h"

#define FAC__ISA_JOIN2(name, suffix) name##suffix
#define FAC__ISA_JOIN(name, suffix) FAC__ISA_JOIN2(name, suffix)
#define FAC__ISA(name) FAC__ISA_JOIN(name, FAC__ISA_SUFFIX)

/* DECLARE declares the function in all its builds, or an object: FAC__ISA_DECLARE(extern const rows, table, );
 * PICK is the one for the running machine. */
#if FAC__HAVE_X86_ISAS
#define FAC__ISA_DECLARE(type, name, parameters)                                                                       \
    type name##_baseline parameters;                                                                                   \
    type name##_avx2 parameters;                                                                                       \
    type name##_avx512 parameters
#define FAC__ISA_PICK(name)                                                                                            \
    (*({                                                                                                               \
        fac__isa isa = fac__cpu_isa();                                                                                 \
        isa == FAC__AVX512 ? &name##_avx512 : isa == FAC__AVX2 ? &name##_avx2 : &name##_baseline;                      \
    }))
#else
#define FAC__ISA_DECLARE(type, name, parameters) type name##_baseline parameters
#define FAC__ISA_PICK(name) (*&name##_baseline)
#endif

/* For tests: from now on fac__cpu_isa() is this one, or the best there is below it. */
void fac__set_cpu_isa(fac__isa isa);

#endif
