/* Floor 4. Checks that indices are in range (index_check.h). */
#include "index_check.h"

#include <string.h>

bool fac__index_check(const fac_tensor *index, int64_t low, int64_t high,
                      bool (*report)(const fac__index_range_args *a, int64_t bad), int dim, int64_t size)
{
    if (!index->numel) return true;
    fac__index_range_args a;
    a.at = fac__operand_of(index);
    a.ndim = index->ndim;
    memcpy(a.shape, index->shape, (size_t)index->ndim * sizeof *index->shape);
    a.low = low;
    a.high = high;
    a.excepts = false;
    a.except = 0;
    a.report = report;
    a.dim = dim;
    a.size = size;
    return FAC__LAUNCH_CHECK(fac__k_index_range, a);
}

static bool out_of_bounds(fac_error_code code, const fac__index_range_args *a, int64_t bad)
{
    return fac_raise(code, "index %lld is out of bounds for dimension %lld with size %lld", (long long)bad,
                     (long long)a->dim, (long long)a->size),
           false;
}

bool fac__report_index(const fac__index_range_args *a, int64_t bad)
{
    return out_of_bounds(FAC_ERROR_INDEX, a, bad);
}

bool fac__report_runtime(const fac__index_range_args *a, int64_t bad)
{
    return out_of_bounds(FAC_ERROR_RUNTIME, a, bad);
}

bool fac__report_in_self(const fac__index_range_args *a, int64_t bad)
{
    (void)a, (void)bad;
    return fac__index_error("index out of range in self"), false;
}
