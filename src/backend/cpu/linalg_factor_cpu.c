/* Floor 1. LU, Cholesky and QR factorisation on the CPU: blocks of columns by the textbook, what is right of them by
 * matrix products (Golub and Van Loan, Matrix Computations, 3.4, 4.2, 5.2). */
#include <math.h>

#include "backend/cpu/linalg_blocks.h"

/* ---- LU -------------------------------------------------------------------------------------------------------- */

/* Some columns, m rows by n, of a matrix whose rows are ld apart; pivots and info as seen from their corner. */
static void lu_columns(int64_t m, int64_t n, double *a, int64_t ld, int32_t *pivots, int32_t *info)
{
    for (int64_t k = 0; k < n && k < m; k++) {
        int64_t best = k;
        for (int64_t i = k + 1; i < m; i++)
            if (fabs(a[i * ld + k]) > fabs(a[best * ld + k])) best = i;
        double pivot = a[best * ld + k], *row = a + k * ld;
        pivots[k] = (int32_t)best + 1;
        if (pivot == 0) {
            if (!*info) *info = (int32_t)k + 1;
            continue;
        }
        for (int64_t j = 0; j < n && best != k; j++) {
            double t = row[j];
            row[j] = a[best * ld + j];
            a[best * ld + j] = t;
        }
        for (int64_t i = k + 1; i < m; i++) {
            double *x = a + i * ld, f = x[k] /= pivot;
            for (int64_t j = k + 1; j < n; j++)
                x[j] -= f * row[j];
        }
    }
}

static void lu_one(int64_t m, int64_t n, double *a, int32_t *pivots, int32_t *info)
{
    int64_t count = m < n ? m : n;
    fac__matrices all = fac__by_rows(a, n);
    *info = 0;
    for (int64_t at = 0, size; at < count; at += size) {
        size = count - at < FAC__LINALG_BLOCK ? count - at : FAC__LINALG_BLOCK;
        int64_t right = at + size;
        int32_t failed = 0;
        lu_columns(m - at, size, a + at * (n + 1), n, pivots + at, &failed);
        if (failed && !*info) *info = failed + (int32_t)at;
        fac__swap_rows(pivots + at, size, at, fac__matrix_part(all, at, 0), false);
        fac__swap_rows(pivots + at, size, n - right, fac__matrix_part(all, at, right), false);
        for (int64_t i = at; i < right; i++)
            pivots[i] += (int32_t)at;
        fac__solve_triangle(size, n - right, fac__matrix_part(all, at, at), fac__matrix_part(all, at, right), false,
                            true);
        fac__subtract_product(m - right, n - right, size, fac__matrix_part(all, right, at),
                              fac__matrix_part(all, at, right), fac__matrix_part(all, right, right));
    }
}

static void lu_range(void *context, int64_t begin, int64_t end)
{
    const fac__lu_args *l = context;
    for (int64_t p = begin; p < end; p++)
        lu_one(l->m, l->n, l->a + p * l->m * l->n, l->pivots + p * (l->m < l->n ? l->m : l->n), l->info + p);
}

static void lu(const void *args)
{
    const fac__lu_args *l = args;
    fac__each_matrix(l->batch, (double)l->m * (double)l->n * (double)(l->m < l->n ? l->m : l->n) / 3, lu_range, args);
}

static void lu_memory(void *args, fac__memory *m)
{
    fac__lu_args *l = args;
    FAC__CHANGES(m, l->a);
    FAC__WRITES(m, l->pivots);
    FAC__WRITES(m, l->info);
}

const fac__kernel fac__k_lu = {.name = "lu", .run = {lu}, .memory = lu_memory};

/* ---- Cholesky -------------------------------------------------------------------------------------------------- */

/* Where it fails, from 1; or 0. */
static int64_t cholesky_block(int64_t n, double *a, int64_t ld)
{
    for (int64_t i = 0; i < n; i++) {
        double *x = a + i * ld;
        for (int64_t j = 0; j <= i; j++) {
            const double *y = a + j * ld;
            double sum = x[j];
            for (int64_t l = 0; l < j; l++)
                sum -= x[l] * y[l];
            if (j == i && !(sum > 0)) return i + 1;
            x[j] = j == i ? sqrt(sum) : sum / y[j];
        }
    }
    return 0;
}

static int64_t cholesky_one(int64_t n, double *a)
{
    fac__matrices all = fac__by_rows(a, n);
    for (int64_t at = 0, size; at < n; at += size) {
        size = n - at < FAC__LINALG_BLOCK ? n - at : FAC__LINALG_BLOCK;
        int64_t below = at + size, failed = cholesky_block(size, a + at * (n + 1), n);
        if (failed) return at + failed;
        fac__matrices left = fac__matrix_part(all, below, at);
        fac__solve_triangle(size, n - below, fac__matrix_part(all, at, at), fac__flip(left), false, false);
        for (int64_t i = below, rows; i < n; i += rows) {
            rows = n - i < FAC__LINALG_BLOCK ? n - i : FAC__LINALG_BLOCK;
            fac__subtract_product(rows, i + rows - below, size, fac__matrix_part(all, i, at), fac__flip(left),
                                  fac__matrix_part(all, i, below));
        }
    }
    return 0;
}

static void cholesky_range(void *context, int64_t begin, int64_t end)
{
    const fac__cholesky_args *c = context;
    for (int64_t p = begin; p < end; p++) {
        double *a = c->a + p * c->n * c->n;
        c->info[p] = (int32_t)cholesky_one(c->n, a);
        for (int64_t i = 0; i < c->n; i++)
            for (int64_t j = i + 1; j < c->n; j++)
                a[i * c->n + j] = 0;
    }
}

static void cholesky(const void *args)
{
    const fac__cholesky_args *c = args;
    fac__each_matrix(c->batch, (double)c->n * (double)c->n * (double)c->n / 6, cholesky_range, args);
}

static void cholesky_memory(void *args, fac__memory *m)
{
    fac__cholesky_args *c = args;
    FAC__CHANGES(m, c->a);
    FAC__WRITES(m, c->info);
}

const fac__kernel fac__k_cholesky = {.name = "cholesky", .run = {cholesky}, .memory = cholesky_memory};

/* ---- QR -------------------------------------------------------------------------------------------------------- */

static void qr_one(int64_t m, int64_t n, double *a, double *tau, double *work)
{
    int64_t count = m < n ? m : n;
    for (int64_t at = 0, end; at < count; at = end) {
        end = count - at < FAC__REFLECTOR_BLOCK ? count : at + FAC__REFLECTOR_BLOCK;
        for (int64_t i = at; i < end; i++) {
            double *x = a + i * (n + 1);
            tau[i] = fac__make_reflector(m - i, x, n);
            fac__apply_reflector(m - i, end - i - 1, x, n, tau[i], fac__by_rows(x + 1, n), work);
        }
        fac__apply_reflectors(m - at, n - end, end - at, a + at * (n + 1), n, tau + at,
                              fac__by_rows(a + at * n + end, n), true, work);
    }
}

static void qr_range(void *context, int64_t begin, int64_t end)
{
    const fac__qr_args *q = context;
    int64_t count = q->m < q->n ? q->m : q->n, work = fac__reflect_work(q->m, q->n, count);
    for (int64_t p = begin; p < end; p++)
        qr_one(q->m, q->n, q->a + p * q->m * q->n, q->tau + p * count, q->work + p * work);
}

static void qr(const void *args)
{
    const fac__qr_args *q = args;
    fac__each_matrix(q->batch, (double)q->m * (double)q->n * (double)(q->m < q->n ? q->m : q->n), qr_range, args);
}

static void qr_memory(void *args, fac__memory *m)
{
    fac__qr_args *q = args;
    FAC__CHANGES(m, q->a);
    FAC__WRITES(m, q->tau);
    FAC__WRITES(m, q->work);
}

const fac__kernel fac__k_qr = {.name = "qr", .run = {qr}, .memory = qr_memory};
