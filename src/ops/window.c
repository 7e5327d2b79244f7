/* Floor 4. Lists of numbers for spatial dimensions (window.h). */
#include "window.h"

#include <stdio.h>

bool fac__window_list(const char *keyword, fac_dims list, int64_t single, int spatial, int64_t missing, int64_t *out)
{
    if (list.n < 0) list = fac_dims_one(single);
    if (list.n != 1 && list.n != spatial)
        return fac__runtime_error(
                   "expected %s to be a single integer value or a list of %d values to match the convolution "
                   "dimensions, but got %s=%s",
                   keyword, spatial, keyword, fac__shape_text(list.n > FAC_MAX_DIMS ? FAC_MAX_DIMS : list.n, list.d)),
               false;
    for (int d = 0; d < 3; d++) {
        int s = d - (3 - spatial);
        out[d] = s < 0 ? missing : list.d[list.n == 1 ? 0 : s];
        /* PyTorch keeps them as int; and then sums and products of two of them fit. */
        if (out[d] != (int32_t)out[d]) return fac__runtime_error("integer out of range"), false;
    }
    return true;
}

const char *fac__window_text(int spatial, const int64_t *sizes, const char *between)
{
    char *text = fac__next_text();
    size_t at = 0;
    for (int d = 3 - spatial; d < 3; d++)
        at += (size_t)snprintf(text + at, FAC__TEXT_ROOM - at, "%s%lld", d == 3 - spatial ? "" : between,
                               (long long)sizes[d]);
    return text;
}
