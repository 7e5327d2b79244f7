/* Floor 1. The one pool of threads (thread_pool.h).
 *
 * Work is a number of chunks (or of parts of several chunks, where there are very many), which threads take one by one: the
 * caller and every other helper from the first on, the others from the last back, so that of two threads each finds in its
 * cache what it left there in the work before. The caller waits in the end for those parts only that somebody has taken: a
 * helper that is not running, because it sleeps or because another program has its core, costs nothing. (OpenMP's threads
 * meet at the end of all work, so that one which is not running holds up all others until the system runs it, for
 * milliseconds.)
 *
 * Helpers look out for work for a moment after they had some, then they sleep. Waking one costs the caller microseconds, and
 * it comes some 50 us later, so that is done for work that takes longer, or for the sum of much short work; what is
 * shorter is shared with those that are awake. */
#define _GNU_SOURCE /* sched_getcpu */
#include "backend/cpu/thread_pool.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

enum { MOST_PARTS = 0xffff, FROM_THE_END = 1 << 16 };
enum { MOST_HELPERS = 1023, LOOK_OUT_NS = 100000, WORTH_WAKING_NS = 50000, PATIENCE_NS = 20000, MANY_PARTS = 8 };

typedef struct helper {
    pthread_t thread;
    sem_t wake;
    atomic_bool asleep;
} helper;

/* The work of the moment. A helper reads the members after it has seen the ticket, and what it read is this work's if the
 * ticket is then still the same but for the parts left: the work cannot end before these are taken. */
static struct {
    /* number of the work << 32 | parts taken from the end << 16 | parts that nobody has taken yet */
    _Alignas(64) _Atomic uint64_t ticket;
    _Atomic(fac__pool_body) body;
    _Atomic(void *) context;
    atomic_int threads, core;          /* the caller's */
    _Atomic int64_t n, grain, part;    /* items, those of a chunk, those of a part */
    _Alignas(64) _Atomic int64_t done; /* parts that helpers have finished */
    _Atomic int64_t wanted;            /* the caller sleeps until so many are done; 0: it does not */
} work;

#define GET(member) atomic_load_explicit(&work.member, memory_order_relaxed)
#define SET(member, x) atomic_store_explicit(&work.member, x, memory_order_relaxed)

static _Alignas(64) atomic_flag taken = ATOMIC_FLAG_INIT; /* by the thread that shares work out */
static helper helpers[MOST_HELPERS];                      /* of which `started` there are */
static atomic_int started, asleep;
static atomic_bool stopping;
static atomic_bool none_startable;
static sem_t finished;
static int64_t alone_ns; /* that work took lately while helpers slept */
static __thread bool is_helper;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void breathe(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* The core that this thread runs on, or at least did a moment ago. */
static int core(void)
{
#ifdef __linux__
    return sched_getcpu();
#else
    return -1;
#endif
}

/* A helper on the caller's core is only in its way. Linux wakes it there again and again, although another core may be
 * idle, so it leaves: by asking for all cores but that, and then for all as before. False: there is no other. */
static bool step_aside(void)
{
#ifdef __linux__
    int callers = GET(core);
    if (callers < 0 || core() != callers) return true;
    cpu_set_t all, others;
    if (callers >= CPU_SETSIZE || sched_getaffinity(0, sizeof all, &all)) return false;
    others = all;
    CPU_CLR(callers, &others);
    if (!CPU_COUNT(&others) || sched_setaffinity(0, sizeof others, &others)) return false;
    return sched_setaffinity(0, sizeof all, &all) == 0;
#else
    return true;
#endif
}

/* ---- working ------------------------------------------------------------------------------------------------ */

static int64_t parts_of(int64_t n, int64_t part)
{
    return n / part + (n % part != 0);
}

static int64_t left_of(uint64_t ticket)
{
    return ticket & MOST_PARTS;
}

/* Takes a part and does it; false when none is left. */
static bool do_one(int index)
{
    uint64_t ticket = atomic_load_explicit(&work.ticket, memory_order_acquire);
    while (left_of(ticket)) {
        fac__pool_body body = GET(body);
        void *context = GET(context);
        int threads = GET(threads);
        int64_t n = GET(n), grain = GET(grain), part = GET(part);
        if (index >= threads) return false;
        int64_t parts = parts_of(n, part), at_end = ticket >> 16 & MOST_PARTS;
        int64_t i = index % 2 ? parts - 1 - at_end : parts - at_end - left_of(ticket);
        if (!atomic_compare_exchange_weak_explicit(&work.ticket, &ticket, ticket - 1 + (index % 2 ? FROM_THE_END : 0),
                                                   memory_order_acq_rel, memory_order_acquire))
            continue;
        int64_t end = i == parts - 1 ? n : (i + 1) * part;
        for (int64_t at = i * part; at < end; at += grain)
            body(context, index, at, end - at < grain ? end : at + grain);
        return true;
    }
    return false;
}

/* Whether it was asleep: who takes it from there must wake it. */
static bool leave_bed(helper *h)
{
    if (!atomic_exchange(&h->asleep, false)) return false;
    atomic_fetch_sub(&asleep, 1);
    return true;
}

static void *help(void *arg)
{
    helper *self = arg;
    int index = (int)(self - helpers) + 1;
    is_helper = true;
    int64_t until = now_ns() + LOOK_OUT_NS;
    for (;;) {
        bool worked = false;
        while (do_one(index)) {
            worked = true;
            int64_t done = atomic_fetch_add(&work.done, 1) + 1;
            if (done == atomic_load(&work.wanted) && atomic_exchange(&work.wanted, 0)) sem_post(&finished);
        }
        if (worked) until = now_ns() + LOOK_OUT_NS;
        for (int i = 0; i < 16 && !left_of(GET(ticket)); i++)
            breathe();
        if (now_ns() < until && step_aside()) continue;
        atomic_store(&self->asleep, true);
        atomic_fetch_add(&asleep, 1);
        bool missed = left_of(atomic_load(&work.ticket)) && index < GET(threads); /* the caller thought it awake */
        if (!missed || !leave_bed(self))
            while (sem_wait(&self->wake))
                ;
        if (atomic_load(&stopping)) return NULL;
        step_aside();
        until = now_ns() + LOOK_OUT_NS;
    }
}

bool fac__pool_awake(void)
{
    return atomic_load_explicit(&started, memory_order_relaxed) > atomic_load_explicit(&asleep, memory_order_relaxed);
}

/* ---- starting and stopping ---------------------------------------------------------------------------------- */

static void stop_helpers(void)
{
    int n = atomic_load(&started);
    atomic_store(&stopping, true);
    for (int i = 0; i < n; i++)
        sem_post(&helpers[i].wake);
    for (int i = 0; i < n; i++)
        pthread_join(helpers[i].thread, NULL);
    for (int i = 0; i < n; i++)
        sem_destroy(&helpers[i].wake);
    atomic_store(&started, 0);
    atomic_store(&asleep, 0);
    atomic_store(&stopping, false);
}

/* They are not there in a child: as if they had never been. */
static void in_child(void)
{
    atomic_store(&started, 0);
    atomic_store(&asleep, 0);
    atomic_store(&work.ticket, atomic_load(&work.ticket) >> 32 << 32);
    atomic_store(&work.wanted, 0);
    atomic_flag_clear(&taken);
}

static void once_before_the_first(void)
{
    sem_init(&finished, 0, 0);
    pthread_atfork(NULL, NULL, in_child);
}

/* All or none: a system that has no room for one more has none to spare for the others' stacks. */
static void start_helpers(int n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, once_before_the_first);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the program's, for its own threads */
    for (int i = atomic_load(&started); i < n; i++) {
        helper *h = &helpers[i];
        sem_init(&h->wake, 0, 0);
        atomic_store(&h->asleep, false);
        if (pthread_create(&h->thread, NULL, help, h) != 0) {
            sem_destroy(&h->wake);
            none_startable = true;
            break;
        }
        atomic_store(&started, i + 1);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (none_startable) stop_helpers();
}

/* The library may be unloaded. */
__attribute__((destructor)) static void end(void)
{
    if (!is_helper && !atomic_flag_test_and_set(&taken)) stop_helpers();
}

/* ---- sharing ------------------------------------------------------------------------------------------------ */

static void wake_all(int threads)
{
    alone_ns = 0;
    if (atomic_load_explicit(&started, memory_order_relaxed) < threads - 1) start_helpers(threads - 1);
    for (int i = 0; i < threads - 1 && atomic_load_explicit(&asleep, memory_order_relaxed); i++)
        if (i < atomic_load_explicit(&started, memory_order_relaxed) && leave_bed(&helpers[i]))
            sem_post(&helpers[i].wake);
}

static bool some_sleep(int threads)
{
    return atomic_load_explicit(&started, memory_order_relaxed) < threads - 1 || atomic_load(&asleep) > 0;
}

/* A helper that takes much longer for a chunk than the caller is not running: the caller gives up its core, where the
 * system may let it run then. */
static void wait_for(int64_t parts, int64_t part_ns)
{
    int64_t until = 0;
    for (int i = 0; atomic_load_explicit(&work.done, memory_order_acquire) != parts; i++) {
        breathe();
        if (i % 64 != 63) continue;
        int64_t now = now_ns();
        if (!until) until = now + PATIENCE_NS + 2 * part_ns;
        if (now < until) continue;
        atomic_store(&work.wanted, parts);
        bool is_done = atomic_load(&work.done) == parts;
        if (is_done && atomic_exchange(&work.wanted, 0)) return;
        while (sem_wait(&finished))
            ;
        until = 0;
    }
}

bool fac__pool_run(int threads, int64_t n, int64_t grain, fac__pool_body body, void *context)
{
    int64_t chunks = parts_of(n, grain), part = grain * (1 + (chunks - 1) / MOST_PARTS), parts = parts_of(n, part);
    if (atomic_load_explicit(&none_startable, memory_order_relaxed) ||
        atomic_flag_test_and_set_explicit(&taken, memory_order_acquire))
        return false;
    if (threads > MOST_HELPERS + 1) threads = MOST_HELPERS + 1;
    SET(body, body);
    SET(context, context);
    SET(threads, threads);
    SET(core, core());
    SET(n, n);
    SET(grain, grain);
    SET(part, part);
    SET(done, 0);
    atomic_store(&work.ticket, ((GET(ticket) >> 32) + 1) << 32 | (uint64_t)parts);

    bool hope = some_sleep(threads);
    if (hope && (parts >= MANY_PARTS || alone_ns > WORTH_WAKING_NS)) wake_all(threads), hope = false;
    int64_t start = now_ns(), own = 0;
    while (do_one(0)) {
        own++;
        if (!hope) continue;
        int64_t left = left_of(GET(ticket));
        if (left * (now_ns() - start) > WORTH_WAKING_NS * own) wake_all(threads), hope = false;
    }
    int64_t took = now_ns() - start;
    if (hope)
        alone_ns += took;
    else if (took > 4 * WORTH_WAKING_NS)
        alone_ns = took; /* the next may be as long, in few chunks */
    wait_for(parts - own, own ? took / own : took);
    atomic_flag_clear_explicit(&taken, memory_order_release);
    return true;
}
