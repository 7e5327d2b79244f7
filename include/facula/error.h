/* Floor 0: errors. Nothing in facula exits, aborts or prints behind your back without saying why.
 *
 * A function that fails returns NULL (or false, or NAN where it returns a number) and records an error for its thread.
 * NULL in gives NULL out and records nothing when an error is already pending, so a chain of calls needs one check at its end:
 *
 *     fac_tensor *y = fac_matmul(fac_relu(a), b);
 *     if (!y) fprintf(stderr, "%s\n", fac_error());      // the first thing that went wrong
 *
 * Only the first error is kept until fac_clear_error().
 */
#ifndef FACULA_ERROR_H
#define FACULA_ERROR_H

#include "facula/base.h"

FAC_BEGIN

typedef enum fac_error_code {
    FAC_OK = 0,
    FAC_ERROR_VALUE,   /* Python's ValueError: a bad argument */
    FAC_ERROR_TYPE,    /* TypeError: a wrong dtype or kind of argument */
    FAC_ERROR_INDEX,   /* IndexError: a dimension or index out of range */
    FAC_ERROR_RUNTIME, /* RuntimeError: everything else that PyTorch reports */
    FAC_ERROR_MEMORY,  /* an allocation failed */
    FAC_ERROR_IO       /* a file could not be opened, read or written, or is not what it claims to be */
} fac_error_code;

/* The pending error of this thread, in PyTorch's words where PyTorch has words; NULL when there is none. The text
 * belongs to the library and stays until fac_clear_error(). */
FAC_API const char *fac_error(void);
FAC_API fac_error_code fac_get_error_code(void);
/* The operation that failed ("matmul"), and the source file and line of the call that led to it (NULL and 0 where unknown). */
FAC_API const char *fac_error_op(void);
FAC_API const char *fac_error_file(void);
FAC_API int fac_error_line(void);
FAC_API void fac_clear_error(void);

/* Called for each error that becomes pending, in the thread where it happened, and for a few warnings, whose code is FAC_OK
 * and which leave nothing pending. NULL for silence.
 * The default handler prints one line to stderr. Returns the former handler. */
typedef void (*fac_error_handler)(fac_error_code code, const char *op, const char *message, const char *file, int line);
FAC_API fac_error_handler fac_set_error_handler(fac_error_handler handler);
FAC_API void fac_default_error_handler(fac_error_code code, const char *op, const char *message, const char *file,
                                       int line);

/* Reports an error from a program's own code (a custom function, a dataset), as the library does. Always returns NULL. */
FAC_API void *fac_raise(fac_error_code code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where the program stands, for fac_error_line(). The header facula/here.h wraps every function that may fail in it. */
typedef struct fac__site {
    const char *file;
    int line;
} fac__site;
extern FAC_API __thread fac__site fac__where __attribute__((tls_model("initial-exec")));
/* A function, since calls that are arguments of one call may not assign to the same object in no order. */
static inline void fac__here(const char *file, int line)
{
    fac__where.file = file;
    fac__where.line = line;
}

FAC_END
#endif
