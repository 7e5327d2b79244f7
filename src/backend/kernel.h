/* Floor 1. What a kernel is: a named function of a plain struct of arguments (pointers, sizes, strides), one per device.
 * Kernels know nothing of tensors, autograd or modules. Everything that computes is launched through graph/launch.h, so
 * that a step can be recorded as a list of (kernel, arguments). Hence the rules for every args struct:
 *   - plain data, copied by value; what it points to is tensor memory or lives as long as the program;
 *   - a kernel never allocates tensor memory and never fails: scratch it needs is in the args, or it falls back. */
#ifndef FACULA_KERNEL_H
#define FACULA_KERNEL_H

#include "core/tensor_impl.h"

typedef struct fac__memory fac__memory;

typedef struct fac__kernel {
    const char *name;
    void (*run[FAC__DEVICE_COUNT])(const void *args);
    /* Names each pointer to tensor memory in the args, for plans: FAC__READS(m, a->x); FAC__WRITES(m, a->y); */
    void (*memory)(void *args, fac__memory *m);
    /* A kernel that looks whether values are good, and changes nothing: in place of run. false: an error is pending. */
    bool (*check)(const void *args);
    /* It does more than write that memory, as drawing random numbers does: it is never left out, never done once for two. */
    bool effects;
    /* What a captured step gains by deciding once what its arguments mean; may be NULL. With state NULL: how many bytes that
     * takes, 0 if there is nothing to gain; else fills them (aligned to 64). From then on run_ready stands for run. The
     * arguments stay where they are, and of what is in them only the constants of a pointwise program change. */
    size_t (*ready)(const void *args, void *state);
    void (*run_ready)(const void *args, const void *state);
    /* Where the work falls into rows (images, planes) that are computed each by itself, to the same bits: how many there are, 0
     * if it does not; and the arguments, a copy that slice changes, of rows begin..end-1. What a pointer of the arguments
     * points to either belongs to all rows, or is cut into as many blocks, one behind the other. */
    int64_t (*rows)(const void *args);
    void (*slice)(void *args, int64_t begin, int64_t end);
} fac__kernel;

/* How a kernel uses what a pointer in its args points to. */
typedef enum fac__access {
    FAC__READ = 1,
    FAC__WRITE = 2,                      /* without looking at what was there */
    FAC__CHANGE = FAC__READ | FAC__WRITE /* adds to it, or reads it elsewhere */
} fac__access;

/* Somebody who wants to know, and may change the pointers. */
struct fac__memory {
    void (*at)(fac__memory *m, void *pointer, fac__access how); /* the pointer's address; it is not NULL */
};
#define FAC__READS(m, pointer) fac__memory_at(m, &(pointer), (pointer) == NULL, FAC__READ)
#define FAC__WRITES(m, pointer) fac__memory_at(m, &(pointer), (pointer) == NULL, FAC__WRITE)
#define FAC__CHANGES(m, pointer) fac__memory_at(m, &(pointer), (pointer) == NULL, FAC__CHANGE)
static inline void fac__memory_at(fac__memory *m, void *pointer, bool none, fac__access how)
{
    if (!none) m->at(m, pointer, how);
}

/* One operand of a strided kernel: strides in elements along the kernel's common shape, 0 where it is broadcast. */
typedef struct fac__operand {
    char *data;
    fac_dtype dtype;
    int64_t strides[FAC_MAX_DIMS];
} fac__operand;

/* Loads and stores convert to one of three compute types: int64 for all integers and bool, float for float16,
 * bfloat16 and float32, double for float64. Stores truncate integers and make bool of != 0. */
static inline fac_dtype fac__compute_type(fac_dtype d)
{
    return d == FAC_FLOAT64 ? FAC_FLOAT64 : d >= FAC_FLOAT16 ? FAC_FLOAT32 : FAC_INT64;
}

/* ---- threads (backend/cpu/parallel.c) ----------------------------------------------------------------------- */

/* Runs body(context, begin, end) over [0, n) in chunks of about `grain` items, shared with the pool's threads, which take
 * chunk by chunk. n <= grain, one thread, other work that has the pool, or a call from inside runs here. A chunk should be
 * worth some microseconds. Chunk borders depend on n and grain only,
 * never on the number of threads. */
typedef void (*fac__range_body)(void *context, int64_t begin, int64_t end);
void fac__parallel(int64_t n, int64_t grain, fac__range_body body, void *context);
/* How many may run: the same number until a kernel is launched from this thread again, or this thread sets another, so
 * that what a kernel shares out among them is enough, whatever other threads set meanwhile. */
int fac__threads(void);
void fac__settle_threads(void); /* for the launch */
/* Multiply-adds of a product that is worth another thread: those of 10 us, or of 2 us while the pool looks out for work,
 * because its last work was a moment ago. */
double fac__worth_sharing(void);
/* Until the returned value is given to fac__alone_end, the kernels of this thread run on it alone: it is thread 0 of 1. */
typedef struct fac__alone {
    int threads, index;
} fac__alone;
fac__alone fac__alone_begin(void);
void fac__alone_end(fac__alone before);
int fac__thread_index(void); /* of the calling thread inside fac__parallel: 0..threads-1 */

/* ---- instruction sets (backend/cpu/isa.c) ------------------------------------------------------------------- */

/* Files under backend/cpu/isa/ are compiled once for each; FAC__ISA(name) gives a symbol its suffix there. */
typedef enum fac__isa { FAC__BASELINE, FAC__AVX2, FAC__AVX512, FAC__ISA_COUNT } fac__isa;
/* The best that CPU and build have; environment FACULA_ISA=baseline|avx2|avx512 asks for a lower one. */
fac__isa fac__cpu_isa(void);

#endif
