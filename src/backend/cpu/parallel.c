/* Floor 1. How many threads there are to be, and how work is cut for them. */
#define _GNU_SOURCE /* sched_getaffinity */
#include "backend/cpu/thread_pool.h"
#include "backend/kernel.h"
#include "core/raise.h"
#include "facula/threads.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_THREADS = 1024 };

static atomic_int wanted;            /* 0: not said yet */
static __thread int settled;         /* what fac__threads says on this thread; 0: to be looked up */
static __thread int index_here = -1; /* -1: not inside fac__parallel */

/* ---- how many ----------------------------------------------------------------------------------------------- */

/* What OpenMP's programs are told, and PyTorch: "4", or "4,2" for nested ones. 0: nothing that can be understood. */
static int from_environment(void)
{
    const char *text = getenv("OMP_NUM_THREADS");
    char *end = NULL;
    long n = text ? strtol(text, &end, 10) : 0;
    return end && (!*end || *end == ',') && n > 0 ? (n < MOST_THREADS ? (int)n : MOST_THREADS) : 0;
}

/* Cores that this program may use. */
static int cores(void)
{
#ifdef __linux__
    cpu_set_t ours;
    if (!sched_getaffinity(0, sizeof ours, &ours)) return CPU_COUNT(&ours);
#endif
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static int look_up(void)
{
    int n = atomic_load_explicit(&wanted, memory_order_relaxed);
    if (n <= 0) n = from_environment();
    if (n <= 0) n = cores();
    n = n < 1 ? 1 : n < MOST_THREADS ? n : MOST_THREADS;
    atomic_store_explicit(&wanted, n, memory_order_relaxed);
    return n;
}

int fac__threads(void)
{
    return settled ? settled : (settled = look_up());
}

void fac__settle_threads(void)
{
    if (index_here < 0) settled = 0;
}

fac__alone fac__alone_begin(void)
{
    fac__alone before = {settled, index_here};
    settled = 1;
    index_here = 0;
    return before;
}

void fac__alone_end(fac__alone before)
{
    settled = before.threads;
    index_here = before.index;
}

int fac__thread_index(void)
{
    return index_here < 0 ? 0 : index_here;
}

bool fac_set_num_threads(int n)
{
    if (n < 1) return fac__runtime_error("set_num_threads expects a positive integer"), false;
    atomic_store_explicit(&wanted, n, memory_order_relaxed);
    settled = 0;
    return true;
}

int fac_get_num_threads(void)
{
    return look_up();
}

/* ---- work --------------------------------------------------------------------------------------------------- */

double fac__worth_sharing(void)
{
    return fac__pool_awake() ? 1 << 17 : 1 << 20;
}

/* OpenMP's own, in a program that uses it: whether this is one of several threads that run already. */
extern int omp_in_parallel(void) __attribute__((weak));

typedef struct chunked {
    fac__range_body body;
    void *context;
    int threads;
} chunked;

static void run_chunk(void *context, int index, int64_t begin, int64_t end)
{
    const chunked *c = context;
    index_here = index;
    settled = c->threads;
    c->body(c->context, begin, end);
    index_here = -1;
}

void fac__parallel(int64_t n, int64_t grain, fac__range_body body, void *context)
{
    if (n <= 0) return;
    if (grain < 1) grain = 1;
    int64_t chunks = n / grain + (n % grain != 0);
    chunked c = {body, context, fac__threads()};
    int threads = c.threads < chunks ? c.threads : (int)chunks;
    bool share = threads > 1 && index_here < 0 && !(omp_in_parallel && omp_in_parallel());
    if (share && fac__pool_run(threads, n, grain, run_chunk, &c)) return;
    for (int64_t i = 0; i < chunks; i++) /* the same borders on one thread: partial sums must not differ */
        body(context, i * grain, i == chunks - 1 ? n : (i + 1) * grain);
}
