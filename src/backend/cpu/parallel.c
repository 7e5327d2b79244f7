/* Floor 1. The one thread pool: OpenMP's. Without OpenMP everything runs on the calling thread. */
#include "backend/kernel.h"
#include "core/raise.h"
#include "facula/threads.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif

enum { MOST_THREADS = 1024 };

static atomic_int wanted;            /* 0: not said yet */
static __thread int settled;         /* what fac__threads says on this thread; 0: to be looked up */
static __thread int index_here = -1; /* -1: not inside fac__parallel */

/* ---- how many ----------------------------------------------------------------------------------------------- */

#ifdef _OPENMP
static atomic_bool forked;         /* in a child of a process that had a pool */
static __thread int startable = 1; /* so many threads could be started when that was tried */
static __thread bool none_startable;

static void in_child(void)
{
    atomic_store(&forked, true);
    settled = 0;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, in_child);
}

static void *wait_at(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

/* Starts n threads at once, opens the gate, and says how many there were. */
static int start(int n, pthread_mutex_t *gate)
{
    pthread_t thread;
    if (n == 0 || pthread_create(&thread, NULL, wait_at, gate) != 0) return pthread_mutex_unlock(gate), 0;
    int others = start(n - 1, gate);
    pthread_join(thread, NULL);
    return others + 1;
}

/* OpenMP's library ends the process when it cannot start a thread, for want of memory or by a limit. So before a team is
 * larger than any before, its threads are tried. A thread for which that failed works alone from then on. And it waits
 * for ever for threads that a fork left behind. */
static bool team_of(int threads)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (none_startable || atomic_load_explicit(&forked, memory_order_relaxed)) return false;
    if (threads <= startable) return true;
    pthread_once(&once, watch_forks);
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&gate);
    none_startable = start(threads - 1, &gate) < threads - 1;
    pthread_mutex_destroy(&gate);
    if (!none_startable) startable = threads;
    return !none_startable;
}
#endif

static int look_up(void)
{
    int n = atomic_load_explicit(&wanted, memory_order_relaxed);
#ifdef _OPENMP
    if (atomic_load_explicit(&forked, memory_order_relaxed)) return 1;
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
    if (threads > 1 && !omp_in_parallel() && team_of(threads)) {
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
