/* Floor 1. Per-thread working memory (scratch.h). */
#include "backend/cpu/scratch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

typedef struct buffers {
    void *at[FAC__SCRATCH_USES];
    size_t size[FAC__SCRATCH_USES];
} buffers;

static __thread buffers mine;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int refused;

static void drop(void *p)
{
    buffers *b = p;
    for (int i = 0; i < FAC__SCRATCH_USES; i++) {
        free(b->at[i]);
        b->at[i] = NULL;
        b->size[i] = 0;
    }
}

static void make_key(void)
{
    pthread_key_create(&key, drop);
}

void *fac__scratch(fac__scratch_use use, size_t n)
{
    if (atomic_load_explicit(&refused, memory_order_relaxed)) return NULL;
    if (mine.size[use] >= n && mine.at[use]) return mine.at[use];
    pthread_once(&once, make_key);
    pthread_setspecific(key, &mine);
    size_t size = (n + n / 4 + 4095) / 4096 * 4096; /* some room to grow, so that growing ends soon */
    free(mine.at[use]);
    mine.size[use] = 0;
    void *p = NULL;
    if (posix_memalign(&p, 4096, size)) p = NULL;
    mine.at[use] = p;
    if (p) mine.size[use] = size;
    return p;
}

void fac__scratch_refuse(int refuse)
{
    atomic_store(&refused, refuse);
}

/* The main thread does not run pthread key destructors when main returns. */
__attribute__((destructor)) static void process_end(void)
{
    drop(&mine);
}
