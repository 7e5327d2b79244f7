/* Floor 0. The caching allocator. Sizes are rounded up to classes (four to each power of two); a freed block goes to a
 * list of its class, small ones per thread (no locks), large ones shared. Blocks of 2 MiB and more ask for huge pages:
 * fresh 4 KiB pages cost more than the arithmetic done on them. Those of 64 KiB and more are cut from chunks of huge pages,
 * as a step that goes through hundreds of them would otherwise wait for address translation. */
#define _GNU_SOURCE
#include "memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "raise.h"

enum { HEADER = 64, LINEAR = 1024, CLASSES = 164, SHARED_FROM = 1 << 16, HUGE = 2 << 20, CHUNK = 8 << 20 };

typedef struct chunk {
    size_t cut;     /* bytes that blocks were cut from, header included */
    int64_t blocks; /* not given back yet; one more while it is cut from */
} chunk;

typedef struct fac__block {
    struct fac__block *next;
    size_t size; /* of the whole block, header included */
    int size_class;
    chunk *home; /* NULL: it is the system's */
} block;

/* Kept blocks: of this thread (struct fac__thread), or of all. */
static block *shared[CLASSES];
static int64_t shared_bytes;
static chunk *fresh_chunk; /* that blocks are cut from; it and all chunks' counts are changed under the lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int64_t system_bytes, system_calls;

/* Sanitizers see use after free only if memory really goes back. */
#if defined(__SANITIZE_ADDRESS__)
#define KEEP 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEP 0
#endif
#endif
#ifndef KEEP
#define KEEP 1
#endif

/* Class of a size above 0 and the class's size: in steps of 64 bytes at first, then four for each doubling. */
static inline int class_of(size_t n, size_t *rounded)
{
    if (n <= LINEAR) {
        size_t c = (n + 63) / 64;
        *rounded = c * 64;
        return (int)c;
    }
    int top = 63 - __builtin_clzll((unsigned long long)(n - 1)); /* 2^top < n <= 2^(top+1) */
    size_t step = (size_t)1 << (top - 2);
    size_t quarters = (n - ((size_t)1 << top) + step - 1) / step; /* 1..4 */
    *rounded = ((size_t)1 << top) + quarters * step;
    return LINEAR / 64 + 4 * (top - 10) + (int)quarters;
}

static inline block *take(block **kept, int64_t *bytes, int k)
{
    block *b = kept[k];
    if (b) {
        kept[k] = b->next;
        *bytes -= (int64_t)b->size;
    }
    return b;
}

static inline void put(block **kept, int64_t *bytes, block *b)
{
    b->next = kept[b->size_class];
    kept[b->size_class] = b;
    *bytes += (int64_t)b->size;
}

static void drop(chunk *c)
{
    if (c && --c->blocks == 0) free(c);
}

/* Blocks with a home are kept in the shared list only. */
static void give_back(block *b)
{
    atomic_fetch_sub(&system_bytes, (int64_t)b->size);
    if (b->home)
        drop(b->home);
    else
        free(b);
}

static void empty(block **kept, int64_t *bytes, int classes)
{
    for (int k = 0; k < classes; k++)
        for (block *b; (b = take(kept, bytes, k));)
            give_back(b);
}

/* From the system, on huge pages where it is that large. */
static void *ask(size_t size)
{
    void *p = NULL;
    if (posix_memalign(&p, size >= HUGE ? HUGE : 64, size)) return NULL;
#ifdef MADV_HUGEPAGE
    if (size >= HUGE) madvise(p, size, MADV_HUGEPAGE);
#endif
    atomic_fetch_add(&system_calls, 1);
    return p;
}

static block *cut(size_t size)
{
    pthread_mutex_lock(&lock);
    if (!fresh_chunk || fresh_chunk->cut + size > CHUNK) {
        drop(fresh_chunk);
        fresh_chunk = ask(CHUNK);
        if (fresh_chunk) *fresh_chunk = (chunk){HEADER, 1};
    }
    chunk *c = fresh_chunk;
    block *b = c ? (block *)(void *)((char *)c + c->cut) : NULL;
    if (b) {
        c->cut += size;
        c->blocks++;
        b->home = c;
    }
    pthread_mutex_unlock(&lock);
    return b;
}

static block *fresh(size_t size)
{
    block *b = KEEP && size >= SHARED_FROM && size < HUGE ? cut(size) : NULL;
    if (!b) {
        b = ask(size);
        if (b) b->home = NULL;
    }
    if (b) atomic_fetch_add(&system_bytes, (int64_t)size);
    return b;
}

/* Where this thread keeps no small block of the class. */
static __attribute__((noinline)) void *renew(size_t n)
{
    if (n > (size_t)1 << 46) return fac__memory_error(n);
    fac__thread *self = fac__self();
    size_t size;
    int k = class_of(n + HEADER, &size);
    block *b = NULL;
    if (size < SHARED_FROM) {
        b = take(self->kept, &self->kept_bytes, k);
    } else if (KEEP) {
        pthread_mutex_lock(&lock);
        b = take(shared, &shared_bytes, k);
        pthread_mutex_unlock(&lock);
    }
    if (b) return (char *)b + HEADER;
    if (!KEEP) size = n + HEADER;
    b = fresh(size);
    if (!b) {
        fac_empty_cache();
        b = fresh(size);
    }
    if (!b) return fac__memory_error(n);
    b->size = size;
    b->size_class = k;
    return (char *)b + HEADER;
}

void *fac__alloc(size_t n)
{
    fac__thread *self = fac__self();
    self->allocations++;
    if (self->fail_at && --self->fail_at == 0) return fac__memory_error(n);
    size_t size;
    block *b = n <= LINEAR - HEADER ? take(self->kept, &self->kept_bytes, class_of(n + HEADER, &size)) : NULL;
    return b ? (char *)b + HEADER : renew(n);
}

void *fac__calloc(size_t n)
{
    void *p = fac__alloc(n);
    return p ? memset(p, 0, n) : NULL;
}

static size_t room(const void *p)
{
    return ((const block *)(const void *)((const char *)p - HEADER))->size - HEADER;
}

void *fac__realloc(void *p, size_t n)
{
    if (p && room(p) >= n && !fac__self()->fail_at) return p;
    void *q = fac__alloc(n);
    if (q && p) {
        memcpy(q, p, room(p) < n ? room(p) : n);
        fac__free(p);
    }
    return q;
}

bool fac__array_grow(void *array, int64_t count, size_t size)
{
    void *p;
    memcpy(&p, array, sizeof p); /* a pointer of whatever type */
    size_t needed = ((size_t)count + 1) * size;
    if (p && room(p) >= needed) return true;
    p = fac__realloc(p, count < 4 ? 8 * size : 2 * needed);
    if (!p) return false;
    memcpy(array, &p, sizeof p);
    return true;
}

char *fac__strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *p = fac__alloc(n);
    return p ? memcpy(p, s, n) : NULL;
}

static __attribute__((noinline)) void let_go(block *b)
{
    if (!KEEP || b->size < SHARED_FROM) {
        give_back(b);
        return;
    }
    pthread_mutex_lock(&lock);
    put(shared, &shared_bytes, b);
    pthread_mutex_unlock(&lock);
}

void fac__free(void *p)
{
    if (!p) return;
    block *b = (block *)(void *)((char *)p - HEADER);
    fac__thread *self = fac__self();
    if (KEEP && b->size < SHARED_FROM && self->kept_bytes < self->kept_limit)
        put(self->kept, &self->kept_bytes, b);
    else
        let_go(b);
}

void fac__memory_thread_end(void)
{
    fac__thread *self = fac__self();
    empty(self->kept, &self->kept_bytes, FAC__SMALL_CLASSES);
}

void fac_empty_cache(void)
{
    pthread_mutex_lock(&lock);
    empty(shared, &shared_bytes, CLASSES);
    if (fresh_chunk && fresh_chunk->blocks == 1) {
        drop(fresh_chunk);
        fresh_chunk = NULL;
    }
    pthread_mutex_unlock(&lock);
    fac__memory_thread_end();
}

fac_memory_stats fac_memory(void)
{
    pthread_mutex_lock(&lock);
    int64_t cached = shared_bytes + fac__self()->kept_bytes;
    pthread_mutex_unlock(&lock);
    return (fac_memory_stats){atomic_load(&system_bytes) - cached, cached, atomic_load(&system_calls)};
}

void fac__alloc_fail_at(int64_t n)
{
    fac__self()->fail_at = n;
}

int64_t fac__alloc_count(void)
{
    return fac__self()->allocations;
}

/* What the process still keeps when it ends, so that leak checkers see only leaks. */
__attribute__((destructor)) static void process_end(void)
{
    empty(shared, &shared_bytes, CLASSES);
    drop(fresh_chunk);
}
