/* Floor 0. Raising errors from inside the library. */
#ifndef FACULA_ERROR_INTERNAL_H
#define FACULA_ERROR_INTERNAL_H

#include <stdarg.h>

#include "facula/error.h"
#include "thread.h"

/* fac_raise with the five kinds as names: `return fac__index_error("Dimension out of range…")`. All return NULL;
 * FAC__FAIL(false, …) style callers write `return fac__value_error(…), false`. */
#define fac__value_error(...) fac_raise(FAC_ERROR_VALUE, __VA_ARGS__)
#define fac__type_error(...) fac_raise(FAC_ERROR_TYPE, __VA_ARGS__)
#define fac__index_error(...) fac_raise(FAC_ERROR_INDEX, __VA_ARGS__)
#define fac__runtime_error(...) fac_raise(FAC_ERROR_RUNTIME, __VA_ARGS__)
#define fac__io_error(...) fac_raise(FAC_ERROR_IO, __VA_ARGS__)
void *fac__memory_error(size_t bytes);

/* Records that the argument of that name was NULL, unless an error is pending already (then the NULL came from it). */
void *fac__null_error(const char *argument);

/* Names the public operation that runs, for error messages; nested operations keep the outermost name. Use once, at the
 * top of a public function: FAC__OP("matmul"). */
static inline const char *fac__op_enter(const char *op)
{
    fac__thread *self = fac__self();
    const char *outer = self->op;
    if (!outer) self->op = op;
    return outer;
}
static inline void fac__op_leave(const char **outer)
{
    fac__self()->op = *outer;
}
#define FAC__OP(name) const char *fac__outer __attribute__((cleanup(fac__op_leave), unused)) = fac__op_enter(name)

/* FAC__NEED(x) at the top of a function: a NULL argument makes it return NULL. FAC__NEED_OR(x, false) for other results. */
#define FAC__NEED(x)                                                                                                   \
    do {                                                                                                               \
        if (!(x)) return fac__null_error(#x);                                                                          \
    } while (0)
#define FAC__NEED_OR(x, result)                                                                                        \
    do {                                                                                                               \
        if (!(x)) return (void)fac__null_error(#x), result;                                                            \
    } while (0)

/* A warning goes to the error handler as code FAC_OK, and nothing becomes pending. Callers see to it that a text comes
 * once only, not in each step of a loop. */
void fac__warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "[2, 3]" for messages; the text lives in a ring of 8 per thread. */
const char *fac__shape_text(int n, const int64_t *shape);

#endif
