/* Floor 1. Softmax and log-softmax, forward and backward: one body (softmax_body.h) for float and double, compiled
 * once for each instruction set. */
#include "backend/cpu/isa/softmax_loops.h"

#include <math.h>
#include <string.h>

#include "backend/cpu/isa/rows.h"
#include "backend/cpu/isa/scalar_math.h"

#define INLINE static inline __attribute__((always_inline))
#define SIMD _Pragma("omp simd")
enum {
    BUFFER = 512, /* elements at a time, a multiple of every LANES */
    PAST = 16     /* what may be read behind them */
};

/* How elements of a dtype come into the type that is computed in and out of it. */
typedef struct access {
    fac__move_loop load, store;
    int64_t size;
    bool as_it_is; /* they have that type */
} access;

static void load(const access *m, void *to, const void *from, int64_t at, int64_t n)
{
    m->load(to, 0, 1, (const char *)from + at * m->size, 0, 1, 1, n);
}
static void store(const access *m, void *to, int64_t at, const void *from, int64_t n)
{
    m->store((char *)to + at * m->size, 0, 1, from, 0, 1, 1, n);
}

#define T float
#define I int32_t
#define NAME(x) x##_f32
#define LANES 8
#include "softmax_body.h"

#define T double
#define I int64_t
#define NAME(x) x##_f64
#define LANES 4
#include "softmax_body.h"

void FAC__ISA(fac__softmax)(const fac__softmax_args *a, bool by_rows, int64_t begin, int64_t end)
{
    bool wide = a->dtype == FAC_FLOAT64;
    fac__compute type = wide ? FAC__F64 : FAC__F32;
    const fac__move_table *moves = &FAC__ISA(fac__move_table);
    access m = {moves->load[type][a->dtype], moves->store[type][a->dtype], (int64_t)fac_dtype_size(a->dtype),
                wide || a->dtype == FAC_FLOAT32};
    if (by_rows)
        (wide ? rows_f64 : rows_f32)(a, &m, begin, end);
    else
        (wide ? columns_f64 : columns_f32)(a, &m, begin, end);
}
