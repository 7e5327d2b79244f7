/* Floor 1. The kinds of reductions as objects, each with its own loops in every instruction set (backend/reduce.h). */
#include "backend/cpu/isa/reduce_loops.h"

#if FAC__HAVE_X86_ISAS
#define LOOPS(name)                                                                                                    \
    {                                                                                                                  \
        &fac__reduce_##name##_baseline, &fac__reduce_##name##_avx2, &fac__reduce_##name##_avx512                       \
    }
#else
#define LOOPS(name)                                                                                                    \
    {                                                                                                                  \
        &fac__reduce_##name##_baseline                                                                                 \
    }
#endif
#define KIND(name, with_positions)                                                                                     \
    FAC__ISA_DECLARE(extern const fac__reduce_loops, fac__reduce_##name, );                                            \
    const fac__reduce_def FAC__##name[1] = {{LOOPS(name), FAC__ID_##name, with_positions}};

KIND(SUM, NULL)
KIND(PROD, NULL)
KIND(MAX, FAC__ARGMAX)
KIND(MIN, FAC__ARGMIN)
KIND(ARGMAX, NULL)
KIND(ARGMIN, NULL)
KIND(ANY, NULL)
KIND(ALL, NULL)
KIND(NANSUM, NULL)
KIND(SUM_SQUARES, NULL)
KIND(SUM_ABS, NULL)
KIND(COUNT_NONZERO, NULL)
KIND(MEAN_VAR, NULL)
