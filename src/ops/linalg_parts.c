/* Floor 4. Checks and copies of linear algebra (linalg_parts.h). */
#include "linalg_parts.h"

#include <string.h>

/* ---- checks ---------------------------------------------------------------------------------------------------- */

static bool refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool refuse(const char *format, ...)
{
    char text[400];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fac__runtime_error("%s", text);
    return false;
}

bool fac__linalg_matrix(const char *op, const fac_tensor *t, const char *name)
{
    return t->ndim >= 2 || refuse("%s: The input tensor %s must have at least 2 dimensions.", op, name);
}

bool fac__linalg_square(const char *op, const fac_tensor *A)
{
    if (!fac__linalg_matrix(op, A, "A")) return false;
    return fac__last(A, 2) == fac__last(A, 1) ||
           refuse("%s: A must be batches of square matrices, but they are %lld by %lld matrices", op,
                  (long long)fac__last(A, 2), (long long)fac__last(A, 1));
}

bool fac__linalg_floating(const char *op, const fac_tensor *A, bool low)
{
    fac_dtype d = (fac_dtype)A->dtype;
    if (!fac_dtype_is_floating(d))
        return refuse("%s: Expected a floating point or complex tensor as input. Got %s", op, fac__dtype_word(d));
    return low || fac_dtype_size(d) > 2 ||
           refuse("%s: Low precision dtypes not supported. Got %s", op, fac__dtype_word(d));
}

bool fac__linalg_dtype(const char *kernel, const fac_tensor *A)
{
    fac_dtype d = (fac_dtype)A->dtype;
    return d == FAC_FLOAT32 || d == FAC_FLOAT64 ||
           refuse("\"%s\" not implemented for '%s'", kernel, fac__dtype_word(d));
}

bool fac__linalg_fit(const char *op, const char *name, const fac_tensor *A, const fac_tensor *B, bool left)
{
    if (A->dtype != B->dtype)
        return refuse("%s: Expected %s and B to have the same dtype, but found %s of type %s and B of type %s instead",
                      op, name, name, fac__dtype_word((fac_dtype)A->dtype), fac__dtype_word((fac_dtype)B->dtype));
    if (!fac__linalg_square(op, A) || !fac__linalg_matrix(op, B, "B")) return false;
    return fac__last(A, 1) == fac__last(B, left ? 2 : 1) ||
           refuse("%s: Incompatible shapes of A and B for the equation %s (%lldx%lld and %lldx%lld)", op,
                  left ? "AX = B" : "XA = B", (long long)fac__last(A, 2), (long long)fac__last(A, 1),
                  (long long)fac__last(B, 2), (long long)fac__last(B, 1));
}

bool fac__linalg_old_fit(const char *op, const fac_tensor *B, const fac_tensor *A)
{
    if (A->dtype != B->dtype)
        return refuse("Expected b and A to have the same dtype, but found b of type %s and A of type %s instead.",
                      fac__dtype_word((fac_dtype)B->dtype), fac__dtype_word((fac_dtype)A->dtype));
    long long m = fac__last(A, 2), n = fac__last(A, 1), rows = fac__last(B, 2), columns = fac__last(B, 1);
    if (m != n) return refuse("A must be batches of square matrices, but they are %lld by %lld matrices", n, m);
    return n == rows || refuse("Incompatible matrix sizes for %s: each A matrix is %lld by %lld but each b matrix is "
                               "%lld by %lld",
                               op, n, n, rows, columns);
}

bool fac__linalg_succeeded(const char *op, const fac_tensor *info, const char *what)
{
    const int32_t *p = fac__host(info);
    for (int64_t i = 0; i < info->numel; i++) {
        if (!p[i]) continue;
        char where[48] = "", text[300];
        if (info->ndim) snprintf(where, sizeof where, "(Batch element %lld): ", (long long)i);
        snprintf(text, sizeof text, what, (int)p[i], (int)p[i]);
        return refuse("%s: %s%s", op, where, text);
    }
    return true;
}

/* ---- batches --------------------------------------------------------------------------------------------------- */

int64_t fac__batch_count(fac_dims batch)
{
    int64_t count = 1;
    for (int i = 0; i < batch.n; i++)
        count *= batch.d[i];
    return count;
}

fac_dims fac__batch_with(fac_dims batch, int n, int64_t first, int64_t second)
{
    batch.d[batch.n] = first;
    if (n > 1) batch.d[batch.n + 1] = second;
    batch.n += n;
    return batch;
}

bool fac__batch_common(const fac_tensor *a, const fac_tensor *b, fac_dims *batch)
{
    *batch = (fac_dims){.n = 0};
    return fac__broadcast_shapes(a->ndim - 2, a->shape, b->ndim - 2, b->shape, &batch->n, batch->d);
}

/* ---- copies ---------------------------------------------------------------------------------------------------- */

/* t with the last two dimensions swapped; the caller's. */
static fac_tensor *flipped(const fac_tensor *t)
{
    int64_t shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS];
    int last = t->ndim - 1;
    for (int d = 0; d < t->ndim; d++) {
        int from = d < last - 1 ? d : 2 * last - 1 - d;
        shape[d] = t->shape[from];
        strides[d] = t->strides[from];
    }
    return fac__new_view(t, t->ndim, shape, strides, t->offset);
}

/* A copy in that dtype and batch; takes the reference to t. */
static fac_tensor *copied(fac_tensor *t, fac_dims batch, fac_dtype dtype)
{
    if (!t) return NULL;
    fac_dims shape = fac__batch_with(batch, 2, fac__last(t, 2), fac__last(t, 1));
    fac_tensor *y = fac__new(dtype, shape.n, shape.d);
    if (y && !fac__copy_into(y, t)) fac_release(y), y = NULL;
    fac_release(t);
    return y;
}

fac_tensor *fac__wide(fac_tensor *t, fac_dims batch, bool transposed)
{
    if (!t) return NULL;
    return copied(transposed ? flipped(t) : fac__retain(t), batch, FAC_FLOAT64);
}

fac_tensor *fac__wide_read(fac_tensor *t, fac_dims batch)
{
    if (!t) return NULL;
    fac_dims own = fac__batch_of(t);
    return fac__wide(t, fac__batch_count(own) == 1 ? own : batch, false);
}

fac_tensor *fac__narrow(fac_tensor *t, fac_dtype dtype, bool transposed)
{
    if (!t || (t->dtype == dtype && !transposed)) return fac__retain(t);
    if (transposed) return copied(flipped(t), fac__batch_of(t), dtype);
    fac_tensor *y = fac__new_like(t, dtype);
    if (y && !fac__copy_into(y, t)) fac_release(y), y = NULL;
    return y;
}

fac_tensor *fac__wide_eye(fac_dims batch, int64_t m, int64_t n)
{
    fac_dims shape = fac__batch_with(batch, 2, m, n);
    fac_tensor *y = fac__new(FAC_FLOAT64, shape.n, shape.d);
    if (!y || !fac__fill_into(y, fac_scalar_int(0))) return fac_release(y), NULL;
    int64_t diagonals[] = {fac__batch_count(batch), m < n ? m : n}, steps[] = {m * n, n + 1};
    fac_tensor *ones = y->numel ? fac__new_view(y, 2, diagonals, steps, 0) : fac__retain(y);
    bool ok = fac__fill_into(ones, fac_scalar_int(1));
    fac_release(ones);
    if (!ok) fac_release(y), y = NULL;
    return y;
}

fac_tensor *fac__wide_room(int64_t count, int64_t each)
{
    return fac__own(fac__new(FAC_FLOAT64, 2, (int64_t[]){count, each}));
}

fac__matrices fac__matrices_of(const fac_tensor *t, bool transposed)
{
    int64_t rows = fac__last(t, 2), columns = fac__last(t, 1);
    bool one = fac__batch_count(fac__batch_of(t)) == 1;
    fac__matrices m = {fac__data(t), columns, 1, one ? 0 : rows * columns};
    if (transposed) m.row = 1, m.col = columns;
    return m;
}
