/* Floor 0. What each thread has for itself: the pending error, its scopes, its switches. Made on first use, gone with the
 * thread. */
#ifndef FACULA_THREAD_H
#define FACULA_THREAD_H

#include "facula/error.h"
#include "facula/tensor.h"

/* The threads' own variables stay few and small: a program that loads the library while it runs, as an interpreter
 * does, has only some hundred bytes left for them. What is larger belongs here. */
enum { FAC__TEXTS = 8, FAC__TEXT_ROOM = 24 * FAC_MAX_DIMS + 4, FAC__SMALL_CLASSES = 41, FAC__KEEP_SMALL = 4 << 20 };

typedef struct fac__thread {
    /* memory.c: small blocks kept for reuse, by class of size */
    struct fac__block *kept[FAC__SMALL_CLASSES];
    int64_t kept_bytes, kept_limit; /* beyond the limit they go back to the system */
    int64_t allocations, fail_at;
    /* error.c */
    fac_error_code error;
    const char *error_op;
    fac__site error_site;
    char message[1024];
    const char *op;                         /* the public operation that runs now, for messages */
    char texts[FAC__TEXTS][FAC__TEXT_ROOM]; /* shapes in messages, by turns */
    unsigned next_text;
    /* scope.c: all scopes' tensors in one stack; the innermost scope begins at scope_base */
    fac_tensor **owned;
    int64_t owned_count, owned_room, scope_base;
    /* grad_mode.c (floor 3) */
    bool no_grad;
    /* recording.c: of the step that is captured now */
    struct fac__recording *recording;
    /* ops/tracing.h (floor 4): who is told which operations run */
    struct fac__tracer *tracer;
    /* module.c (floor 5): who watches the forward passes */
    struct fac__forward_observer *observer;
} fac__thread;

extern __thread fac__thread *fac__thread_pointer __attribute__((tls_model("initial-exec")));
fac__thread *fac__thread_new(void);

static inline fac__thread *fac__self(void)
{
    fac__thread *t = fac__thread_pointer;
    return __builtin_expect(t != NULL, 1) ? t : fac__thread_new();
}

/* Room for a short text, good for the next FAC__TEXTS - 1 calls. */
static inline char *fac__next_text(void)
{
    fac__thread *self = fac__self();
    return self->texts[self->next_text++ % FAC__TEXTS];
}

#endif
