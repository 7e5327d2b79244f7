/* Floor 0. What a recording of a step (floor 2) hears of tensors: which storages the step made, which its kernels use,
 * and whether somebody reads or writes elements past the kernels. It holds all of these storages. */
#ifndef FACULA_RECORDING_H
#define FACULA_RECORDING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "thread.h"

typedef struct fac__storage fac__storage;

typedef struct fac__held {
    fac__storage *storage; /* one reference */
    bool made;             /* in the step */
    bool used;             /* by a kernel */
    bool constant;         /* made, and filled past the kernels, as a literal is */
} fac__held;

typedef struct fac__recording {
    fac__held *held;
    int64_t count;
    int64_t *table; /* open addressing: storage -> its place in held + 1 */
    int64_t table_size;
    int paused;          /* what happens now belongs to no step */
    const char *subject; /* of error messages; NULL: "a step that is captured" */
    bool failed;         /* there is an error pending, or was */
} fac__recording;

extern atomic_int fac__recordings; /* threads that record */

/* What this thread records now; NULL: nothing. */
static inline fac__recording *fac__recording_now(void)
{
    if (__builtin_expect(atomic_load_explicit(&fac__recordings, memory_order_relaxed) == 0, 1)) return NULL;
    fac__recording *r = fac__self()->recording;
    return r && !r->paused ? r : NULL;
}

/* Begins and ends. The caller owns r, which comes in zeroed, and gives back what it holds with fac__recording_drop. */
void fac__recording_begin(fac__recording *r);
void fac__recording_end(fac__recording *r);
void fac__recording_drop(fac__recording *r);
/* Between these nothing is recorded; they nest. */
void fac__recording_pause(void);
void fac__recording_resume(void);

/* Called while something is recorded. */
void fac__recording_made(fac__storage *s);
void fac__recording_use(fac__storage *s);
void fac__recording_host(fac__storage *s);
/* 1 if what is recorded holds s, else 0. */
int fac__recording_holds(const fac__storage *s);
/* What cannot be captured, by whatever means: "what" completes the sentence "a step that is captured cannot…", or that of another
 * subject. NULL. */
void *fac__recording_refuse(const char *what);

#endif
