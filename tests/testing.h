/* What tests of tensors share, on top of cmocka. */
#ifndef FACULA_TESTING_H
#define FACULA_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* in this order */
#include <cmocka.h>

#include <facula/facula.h>
#include <math.h>

/* The call must fail (NULL, false, 0, negative) with an error that contains the words, and leaves none pending. */
#define expect_error(call, words)                                                                                      \
    do {                                                                                                               \
        fac_clear_error();                                                                                             \
        (void)(call);                                                                                                  \
        if (!fac_error()) fail_msg("%s: expected an error: %s", #call, words);                                         \
        if (!strstr(fac_error(), words)) fail_msg("%s: expected: %s\ngot: %s", #call, words, fac_error());             \
        fac_clear_error();                                                                                             \
    } while (0)

/* Same dtype, shape and values within tol (absolute, and relative to the expected). NaN equals NaN. */
static inline void check_close_at(fac_tensor *got, fac_tensor *want, double tol, const char *file, int line)
{
    if (!got || !want) {
        print_error("%s\n", fac_error() ? fac_error() : "NULL without an error");
        _fail(file, line);
        return;
    }
    bool same = fac_dtype_of(got) == fac_dtype_of(want) && fac_dim(got) == fac_dim(want);
    for (int i = 0; same && i < fac_dim(got); i++)
        same = fac_size(got, i) == fac_size(want, i);
    int64_t n = fac_numel(got);
    double *a = calloc((size_t)n + 1, sizeof *a), *b = calloc((size_t)n + 1, sizeof *b);
    same = same && fac_to_array(got, FAC_FLOAT64, a, n) && fac_to_array(want, FAC_FLOAT64, b, n);
    for (int64_t i = 0; same && i < n; i++)
        same = a[i] == b[i] || (isnan(a[i]) && isnan(b[i])) || fabs(a[i] - b[i]) <= tol * (1 + fabs(b[i]));
    free(a);
    free(b);
    if (same) return;
    char *x = fac_to_string(got), *y = fac_to_string(want);
    print_error("got %s\nexpected %s\n", x, y);
    free(x);
    free(y);
    _fail(file, line);
}
#define check_close(got, want, tol) check_close_at(got, want, tol, __FILE__, __LINE__)
/* Against a literal, of the tensor's own dtype, to float32's last digits. */
#define check_values(got, text)                                                                                        \
    check_close_at(got, fac_literal(text, .dtype = fac_dtype_of(got)), 1e-6, __FILE__, __LINE__)

#endif
