/* Floor 1. Which instruction set the machine has: asked once, lowered by FACULA_ISA or by a test. */
#include "backend/cpu/isa/isa.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_int chosen = -1;

static fac__isa best_isa(void)
{
#if FAC__HAVE_X86_ISAS
    __builtin_cpu_init();
    /* The flags that the files are compiled with; f16c and fma come with every avx2 machine that has been made. */
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return FAC__BASELINE;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return FAC__AVX512;
    return FAC__AVX2;
#else
    return FAC__BASELINE;
#endif
}

static fac__isa asked_isa(void)
{
    static const char *const names[FAC__ISA_COUNT] = {"baseline", "avx2", "avx512"};
    const char *asked = getenv("FACULA_ISA");
    for (int i = 0; asked && i < FAC__ISA_COUNT; i++)
        if (strcmp(asked, names[i]) == 0) return (fac__isa)i;
    return FAC__AVX512;
}

void fac__set_cpu_isa(fac__isa isa)
{
    fac__isa best = best_isa();
    atomic_store_explicit(&chosen, isa < best ? isa : best, memory_order_relaxed);
}

fac__isa fac__cpu_isa(void)
{
    int isa = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (isa < 0) { /* threads that meet here find the same */
        fac__set_cpu_isa(asked_isa());
        isa = atomic_load_explicit(&chosen, memory_order_relaxed);
    }
    return (fac__isa)isa;
}
