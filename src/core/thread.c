/* Floor 0. The life of the per-thread record (thread.h). */
#include "thread.h"

#include <pthread.h>
#include <stdlib.h>

#include "memory.h"
#include "scope.h"

__thread fac__thread *fac__thread_pointer __attribute__((tls_model("initial-exec")));

/* Shared by threads for which there was no memory at all: they may mix up their messages, but do not crash. It keeps no
 * memory. */
static fac__thread fallback;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void thread_end(void *p)
{
    fac__thread_pointer = p; /* what is released below may still look for it */
    fac__scope_drop_all();
    fac__memory_thread_end();
    fac__thread_pointer = NULL;
    free(p);
}

static void make_key(void)
{
    pthread_key_create(&key, thread_end);
}

/* The main thread does not run pthread key destructors when main returns. */
__attribute__((destructor)) static void process_end(void)
{
    if (fac__thread_pointer && fac__thread_pointer != &fallback) thread_end(fac__thread_pointer);
}

fac__thread *fac__thread_new(void)
{
    pthread_once(&once, make_key);
    fac__thread *t = calloc(1, sizeof *t);
    if (!t) return &fallback;
    t->kept_limit = FAC__KEEP_SMALL;
    fac__thread_pointer = t;
    pthread_setspecific(key, t);
    return t;
}
