/* Floor 4. What the files of linear algebra share: checks in PyTorch's words, and the float64 copies that kernels work
 * on (backend/linalg.h). */
#ifndef FACULA_LINALG_PARTS_H
#define FACULA_LINALG_PARTS_H

#include <stdio.h>

#include "backend/linalg.h"
#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_linalg.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "op.h"
#include "plain.h"

/* ---- checks: false after an error; op is the name that PyTorch's message begins with ----------------------------- */

/* At least two dimensions; name is what the message calls the tensor. */
bool fac__linalg_matrix(const char *op, const fac_tensor *t, const char *name);
bool fac__linalg_square(const char *op, const fac_tensor *A);
/* A floating dtype, and (not low) none of 16 bits. */
bool fac__linalg_floating(const char *op, const fac_tensor *A, bool low);
/* float32 or float64, else "\"kernel\" not implemented for 'Half'". */
bool fac__linalg_dtype(const char *kernel, const fac_tensor *A);
/* One dtype, A square, and rows (left) or columns of B as many; name is what the message calls A. */
bool fac__linalg_fit(const char *op, const char *name, const fac_tensor *A, const fac_tensor *B, bool left);
/* The same in the words of PyTorch's older functions. */
bool fac__linalg_old_fit(const char *op, const fac_tensor *B, const fac_tensor *A);
/* Whether info is 0 everywhere; else the error says what, with the number for each "%d" in it. */
bool fac__linalg_succeeded(const char *op, const fac_tensor *info, const char *what);

/* ---- batches --------------------------------------------------------------------------------------------------- */

static inline int64_t fac__last(const fac_tensor *t, int back)
{
    return t->shape[t->ndim - back];
}
static inline fac_dims fac__batch_of(const fac_tensor *t)
{
    return fac_dims_make(t->ndim - 2, t->shape);
}
int64_t fac__batch_count(fac_dims batch);
/* The batch with `n` more dimensions. */
fac_dims fac__batch_with(fac_dims batch, int n, int64_t first, int64_t second);
bool fac__batch_common(const fac_tensor *a, const fac_tensor *b, fac_dims *batch);

/* ---- copies ---------------------------------------------------------------------------------------------------- */

/* A float64 copy of t, or of its matrices transposed, broadcast to that batch; the caller's. fac__wide_read makes one
 * matrix do for a whole batch. NULL gives NULL. */
fac_tensor *fac__wide(fac_tensor *t, fac_dims batch, bool transposed);
fac_tensor *fac__wide_read(fac_tensor *t, fac_dims batch);
/* The way back: a reference to t, or a copy of it, transposed or in another dtype. */
fac_tensor *fac__narrow(fac_tensor *t, fac_dtype dtype, bool transposed);
/* float64 identities [batch, m, n]; the caller's. */
fac_tensor *fac__wide_eye(fac_dims batch, int64_t m, int64_t n);
/* Room for a kernel; the scope's. */
fac_tensor *fac__wide_room(int64_t count, int64_t each);

/* What a kernel sees of a float64 copy; a single matrix has batch stride 0. */
fac__matrices fac__matrices_of(const fac_tensor *t, bool transposed);

/* ---- LU (linalg_lu.c) ------------------------------------------------------------------------------------------ */

/* Whether there is a pivot for each row and column of LU, all within it. */
bool fac__pivots_fit(const char *op, const fac_tensor *LU, const fac_tensor *pivots);
/* Factorises the float64 copy a in place; pivots and info are the scope's. false after an error. */
bool fac__lu_in_place(fac_tensor *a, fac_tensor **pivots, fac_tensor **info);
/* B = the solution, both float64 copies. */
void fac__lu_solve_in_place(const fac_tensor *LU, const fac_tensor *pivots, fac_tensor *B, bool left, bool adjoint);

/* A backward for what PyTorch has no derivative of. */
#define FAC__NO_DERIVATIVE(name, text)                                                                                 \
    static void name(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)                                             \
    {                                                                                                                  \
        (void)n, (void)gy, (void)gx;                                                                                   \
        fac__runtime_error(text);                                                                                      \
    }

#endif
