/* Floor 0. What each thread has for itself: the pending error, its scopes, its switches. Made on first use, gone with the
 * thread. */
#ifndef FACULA_THREAD_H
#define FACULA_THREAD_H

#include "facula/error.h"
#include "facula/tensor.h"

typedef struct fac__thread {
    /* error.c */
    fac_error_code error;
    const char *error_op;
    fac__site error_site;
    char message[1024];
    const char *op; /* the public operation that runs now, for messages */
    /* scope.c: all scopes' tensors in one stack; the innermost scope begins at scope_base */
    fac_tensor **owned;
    int64_t owned_count, owned_room, scope_base;
    /* grad_mode.c (floor 3) */
    bool no_grad;
} fac__thread;

extern __thread fac__thread *fac__thread_pointer __attribute__((tls_model("initial-exec")));
fac__thread *fac__thread_new(void);

static inline fac__thread *fac__self(void)
{
    fac__thread *t = fac__thread_pointer;
    return __builtin_expect(t != NULL, 1) ? t : fac__thread_new();
}

#endif
