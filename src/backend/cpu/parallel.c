/* Floor 1. How many threads there are to be, and how work is cut for them. The number is OpenMP's at first; without
 * OpenMP everything runs on the calling thread. */
#include "backend/cpu/thread_pool.h"
#include "backend/kernel.h"
#include "core/raise.h"
#include "facula/threads.h"

#include <stdatomic.h>
#ifdef _OPENMP
#include <omp.h>
#endif

enum { MOST_THREADS = 1024 };

static atomic_int wanted;            /* 0: not said yet */
static __thread int settled;         /* what fac__threads says on this thread; 0: to be looked up */
static __thread int index_here = -1; /* -1: not inside fac__parallel */

/* ---- how many ----------------------------------------------------------------------------------------------- */

static int look_up(void)
{
    int n = atomic_load_explicit(&wanted, memory_order_relaxed);
#ifdef _OPENMP
    if (n <= 0) n = omp_get_max_threads();
#endif
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

#ifdef _OPENMP
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
#endif

void fac__parallel(int64_t n, int64_t grain, fac__range_body body, void *context)
{
    if (n <= 0) return;
    if (grain < 1) grain = 1;
    int64_t chunks = n / grain + (n % grain != 0);
#ifdef _OPENMP
    chunked c = {body, context, fac__threads()};
    int threads = c.threads < chunks ? c.threads : (int)chunks;
    if (threads > 1 && index_here < 0 && !omp_in_parallel() && fac__pool_run(threads, n, grain, run_chunk, &c)) return;
#endif
    for (int64_t i = 0; i < chunks; i++) /* the same borders on one thread: partial sums must not differ */
        body(context, i * grain, i == chunks - 1 ? n : (i + 1) * grain);
}
