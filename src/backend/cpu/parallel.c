/* Floor 1. The one thread pool: OpenMP's. Without OpenMP everything runs on the calling thread. */
#include "backend/kernel.h"
#include "core/raise.h"
#include "facula/threads.h"

#include <stdatomic.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif

static atomic_int wanted;            /* 0: not said yet */
static __thread int index_here = -1; /* -1: not inside fac__parallel */

int fac__threads(void)
{
    int n = atomic_load_explicit(&wanted, memory_order_relaxed);
    if (n > 0) return n;
#ifdef _OPENMP
    n = omp_get_max_threads();
#else
    n = 1;
#endif
    atomic_store_explicit(&wanted, n, memory_order_relaxed);
    return n;
}

int fac__thread_index(void)
{
    return index_here < 0 ? 0 : index_here;
}

bool fac_set_num_threads(int n)
{
    if (n < 1) return fac__runtime_error("set_num_threads expects a positive integer"), false;
    atomic_store_explicit(&wanted, n, memory_order_relaxed);
    return true;
}

int fac_get_num_threads(void)
{
    return fac__threads();
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static __thread int64_t last_shared; /* when this thread's last parallel work ended */

/* OpenMP's threads spin for a few milliseconds before they sleep. */
double fac__worth_sharing(void)
{
    return last_shared && now_us() - last_shared < 200 ? 1 << 20 : 3 << 20;
}

void fac__parallel(int64_t n, int64_t grain, fac__range_body body, void *context)
{
    if (n <= 0) return;
    if (grain < 1) grain = 1;
    int64_t chunks = n / grain + (n % grain != 0);
#ifdef _OPENMP
    int threads = index_here >= 0 ? 1 : fac__threads();
    if (threads > chunks) threads = (int)chunks;
    if (threads > 1 && !omp_in_parallel()) {
#pragma omp parallel num_threads(threads)
        {
            index_here = omp_get_thread_num();
#pragma omp for schedule(dynamic, 1)
            for (int64_t i = 0; i < chunks; i++)
                body(context, i * grain, i == chunks - 1 ? n : (i + 1) * grain);
            index_here = -1;
        }
        last_shared = now_us();
        return;
    }
#endif
    for (int64_t i = 0; i < chunks; i++) /* the same borders on one thread: partial sums must not differ */
        body(context, i * grain, i == chunks - 1 ? n : (i + 1) * grain);
}
