/* Floor 4. Checks that indices are in range. Replays of a captured step check again. */
#ifndef FACULA_INDEX_CHECK_H
#define FACULA_INDEX_CHECK_H

#include "backend/check.h"
#include "op.h"

/* Whether all of index, int64, is from low to high - 1; if not, report raises the error. dim and size are for its words. */
bool fac__index_check(const fac_tensor *index, int64_t low, int64_t high,
                      bool (*report)(const fac__index_range_args *a, int64_t bad), int dim, int64_t size);

/* What there is to report: "index 3 is out of bounds for dimension 0 with size 2" as an IndexError or, by PyTorch's gather
 * and scatter, a RuntimeError; "index out of range in self". */
bool fac__report_index(const fac__index_range_args *a, int64_t bad);
bool fac__report_runtime(const fac__index_range_args *a, int64_t bad);
bool fac__report_in_self(const fac__index_range_args *a, int64_t bad);

#endif
