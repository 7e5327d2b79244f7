/* Floor 0. Every byte the library asks for comes through here: freed blocks are kept by size for reuse, so a training
 * loop in its steady state asks the system for nothing. Knows nothing of tensors. */
#ifndef FACULA_MEMORY_H
#define FACULA_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 64-byte aligned, undefined contents. NULL, with FAC_ERROR_MEMORY pending, when there is none. n = 0 is fine. */
void *fac__alloc(size_t n);
void *fac__calloc(size_t n);
/* Keeps min(old, n) bytes. On failure p stays valid. p = NULL allocates. */
void *fac__realloc(void *p, size_t n);
/* Room for one more behind the `count` elements of an array, whose pointer's address is given and may be NULL at first; it grows
 * to twice as many at a time. false when memory runs out: the array is as it was. */
bool fac__array_grow(void *array, int64_t count, size_t size);
#define FAC__GROW(array, count) fac__array_grow(&(array), count, sizeof *(array))
void fac__free(void *p); /* NULL is ignored */
char *fac__strdup(const char *s);

/* For tests: the n-th allocation of this thread from now on fails (1 is the next), once. 0 turns it off. */
void fac__alloc_fail_at(int64_t n);
/* Allocations of this thread since it began, failed ones included. */
int64_t fac__alloc_count(void);

/* Hands this thread's kept blocks to the others; called when a thread ends. */
void fac__memory_thread_end(void);

#endif
