/* Floor 1. Parts of the factorisations: triangles, swaps and reflectors (linalg_blocks.h), and the kernels that are
 * one of them for each matrix. */
#include "backend/cpu/linalg_blocks.h"

#include <math.h>
#include <string.h>

#include "backend/gemm.h"

void fac__each_matrix(int64_t batch, double work, fac__range_body body, const void *args)
{
    double grain = 100000 / (work + 1);
    fac__parallel(batch, grain < 1 ? 1 : (int64_t)grain, body, (void *)args);
}

/* C = alpha A B + beta C */
static void multiply(int64_t m, int64_t n, int64_t k, double alpha, fac__matrices a, fac__matrices b, double beta,
                     fac__matrices c)
{
    if (!m || !n || !k) return;
    fac__gemm_args g = {.dtype = FAC_FLOAT64,
                        .batch = 1,
                        .m = m,
                        .n = n,
                        .k = k,
                        .a = a.data,
                        .b = b.data,
                        .c = c.data,
                        .a_row = a.row,
                        .a_col = a.col,
                        .b_row = b.row,
                        .b_col = b.col,
                        .c_row = c.row,
                        .c_col = c.col,
                        .alpha = alpha,
                        .beta = beta};
    fac__k_gemm.run[FAC__CPU](&g);
}

void fac__subtract_product(int64_t m, int64_t n, int64_t k, fac__matrices a, fac__matrices b, fac__matrices c)
{
    multiply(m, n, k, -1, a, b, 1, c);
}

/* ---- triangles ----------------------------------------------------------------------------------------------- */

static void substitute(int64_t n, int64_t k, fac__matrices a, fac__matrices b, bool upper, bool unit)
{
    for (int64_t s = 0; s < n; s++) {
        int64_t i = upper ? n - 1 - s : s, from = upper ? i + 1 : 0, to = upper ? n : i;
        double *x = b.data + i * b.row, diagonal = a.data[i * (a.row + a.col)];
        if (b.col == 1) {
            for (int64_t j = from; j < to; j++) {
                double f = a.data[i * a.row + j * a.col];
                const double *y = b.data + j * b.row;
                for (int64_t c = 0; c < k; c++)
                    x[c] -= f * y[c];
            }
            for (int64_t c = 0; c < k && !unit; c++)
                x[c] /= diagonal;
            continue;
        }
        for (int64_t c = 0; c < k; c++) {
            const double *column = b.data + c * b.col;
            double sum = x[c * b.col];
            for (int64_t j = from; j < to; j++)
                sum -= a.data[i * a.row + j * a.col] * column[j * b.row];
            x[c * b.col] = unit ? sum : sum / diagonal;
        }
    }
}

void fac__solve_triangle(int64_t n, int64_t k, fac__matrices a, fac__matrices b, bool upper, bool unit)
{
    for (int64_t done = 0, size; done < n; done += size) {
        size = n - done < FAC__LINALG_BLOCK ? n - done : FAC__LINALG_BLOCK;
        int64_t at = upper ? n - done - size : done, rest = upper ? 0 : at + size;
        substitute(size, k, fac__matrix_part(a, at, at), fac__matrix_part(b, at, 0), upper, unit);
        fac__subtract_product(n - done - size, k, size, fac__matrix_part(a, rest, at), fac__matrix_part(b, at, 0),
                              fac__matrix_part(b, rest, 0));
    }
}

static void trisolve_range(void *context, int64_t begin, int64_t end)
{
    const fac__trisolve_args *t = context;
    for (int64_t p = begin; p < end; p++) {
        fac__matrices a = t->a, b = t->b;
        a.data += p * a.batch;
        b.data += p * b.batch;
        fac__solve_triangle(t->n, t->k, a, b, t->upper, t->unit);
    }
}

static void trisolve(const void *args)
{
    const fac__trisolve_args *t = args;
    fac__each_matrix(t->batch, (double)t->n * (double)t->n * (double)t->k / 2, trisolve_range, args);
}

static void trisolve_memory(void *args, fac__memory *m)
{
    fac__trisolve_args *t = args;
    FAC__READS(m, t->a.data);
    FAC__CHANGES(m, t->b.data);
}

const fac__kernel fac__k_trisolve = {.name = "trisolve", .run = {trisolve}, .memory = trisolve_memory};

/* ---- swaps --------------------------------------------------------------------------------------------------- */

void fac__swap_rows(const int32_t *pivots, int64_t count, int64_t k, fac__matrices b, bool back)
{
    for (int64_t s = 0; s < count; s++) {
        int64_t i = back ? count - 1 - s : s;
        double *x = b.data + i * b.row, *y = b.data + (pivots[i] - 1) * b.row;
        for (int64_t c = 0; c < k && x != y; c++) {
            double t = x[c * b.col];
            x[c * b.col] = y[c * b.col];
            y[c * b.col] = t;
        }
    }
}

static void swap_range(void *context, int64_t begin, int64_t end)
{
    const fac__swap_rows_args *s = context;
    for (int64_t p = begin; p < end; p++) {
        fac__matrices b = s->b;
        b.data += p * b.batch;
        fac__swap_rows(s->pivots + p * s->pivot_batch, s->pivot_count, s->k, b, s->back);
    }
}

static void swap_rows(const void *args)
{
    const fac__swap_rows_args *s = args;
    fac__each_matrix(s->batch, (double)s->pivot_count * (double)s->k, swap_range, args);
}

static void swap_memory(void *args, fac__memory *m)
{
    fac__swap_rows_args *s = args;
    FAC__READS(m, s->pivots);
    FAC__CHANGES(m, s->b.data);
}

const fac__kernel fac__k_swap_rows = {.name = "swap_rows", .run = {swap_rows}, .memory = swap_memory};

/* ---- reflectors (Golub and Van Loan, Matrix Computations, 5.1; signs as in LAPACK's larfg) ----------------------- */

/* |x|, scaled so that squares neither overflow nor vanish. */
static double length(int64_t n, const double *x, int64_t step)
{
    double most = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (fabs(x[i * step]) > most || isnan(x[i * step])) most = fabs(x[i * step]);
    if (most == 0 || !isfinite(most)) return most;
    for (int64_t i = 0; i < n; i++) {
        double y = x[i * step] / most;
        sum += y * y;
    }
    return most * sqrt(sum);
}

double fac__make_reflector(int64_t n, double *x, int64_t step)
{
    double alpha = x[0], rest = n > 1 ? length(n - 1, x + step, step) : 0;
    if (rest == 0) return 0;
    double beta = -copysign(hypot(alpha, rest), alpha), scale = 1 / (alpha - beta);
    for (int64_t i = 1; i < n; i++)
        x[i * step] *= scale;
    x[0] = beta;
    return (beta - alpha) / beta;
}

void fac__apply_reflector(int64_t m, int64_t n, const double *v, int64_t step, double tau, fac__matrices c,
                          double *work)
{
    if (tau == 0 || !m || !n) return;
    if (c.col == 1) {
        memcpy(work, c.data, (size_t)n * sizeof *work);
        for (int64_t i = 1; i < m; i++) {
            const double f = v[i * step], *x = c.data + i * c.row;
            for (int64_t j = 0; j < n; j++)
                work[j] += f * x[j];
        }
        for (int64_t i = 0; i < m; i++) {
            double f = tau * (i ? v[i * step] : 1), *x = c.data + i * c.row;
            for (int64_t j = 0; j < n; j++)
                x[j] -= f * work[j];
        }
        return;
    }
    work[0] = 1;
    for (int64_t i = 1; i < m; i++)
        work[i] = v[i * step];
    for (int64_t j = 0; j < n; j++) {
        double *x = c.data + j * c.col, sum = 0;
        for (int64_t i = 0; i < m; i++)
            sum += work[i] * x[i * c.row];
        for (int64_t i = 0; i < m; i++)
            x[i * c.row] -= tau * sum * work[i];
    }
}

/* Few are not worth the preparation. */
static bool in_blocks(int64_t n, int64_t k)
{
    return k >= 8 && n >= 16;
}

int64_t fac__reflect_work(int64_t m, int64_t n, int64_t k)
{
    if (!in_blocks(n, k)) return m + n;
    if (k > FAC__REFLECTOR_BLOCK) k = FAC__REFLECTOR_BLOCK;
    return (m + 2 * n + 2 * k) * k + m + n;
}

/* T with H1 .. Hk = I - V T V^T, from V^T V (Schreiber and Van Loan, A storage-efficient WY representation for products
 * of Householder transformations, 1989). */
static void triangle_of(int64_t k, const double *gram, const double *tau, double *t)
{
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < k; j++) {
            double sum = 0;
            for (int64_t l = j; l < i; l++)
                sum += t[j * k + l] * gram[l * k + i];
            t[j * k + i] = j < i ? -tau[i] * sum : j == i ? tau[i] : 0;
        }
}

void fac__apply_reflectors(int64_t m, int64_t n, int64_t k, const double *v, int64_t step, const double *tau,
                           fac__matrices c, bool back, double *work)
{
    if (!in_blocks(n, k)) {
        for (int64_t s = 0; s < k; s++) {
            int64_t i = back ? s : k - 1 - s;
            fac__apply_reflector(m - i, n, v + i * (step + 1), step, tau[i], fac__matrix_part(c, i, 0), work);
        }
        return;
    }
    double *all = work, *gram = all + m * k, *t = gram + k * k, *first = t + k * k, *second = first + k * n;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < k; j++)
            all[i * k + j] = i > j ? v[i * step + j] : i == j;
    fac__matrices V = fac__by_rows(all, k), T = fac__by_rows(t, k);
    multiply(k, k, m, 1, fac__flip(V), V, 0, fac__by_rows(gram, k));
    triangle_of(k, gram, tau, t);
    multiply(k, n, m, 1, fac__flip(V), c, 0, fac__by_rows(first, n));
    multiply(k, n, k, 1, back ? fac__flip(T) : T, fac__by_rows(first, n), 0, fac__by_rows(second, n));
    multiply(m, n, k, -1, V, fac__by_rows(second, n), 1, c);
}

static void reflect_range(void *context, int64_t begin, int64_t end)
{
    const fac__reflect_args *r = context;
    int64_t blocks = (r->k + FAC__REFLECTOR_BLOCK - 1) / FAC__REFLECTOR_BLOCK;
    for (int64_t p = begin; p < end; p++) {
        const double *a = r->a + p * r->m * r->columns, *tau = r->tau + p * r->k;
        double *work = r->work + p * fac__reflect_work(r->m, r->n, r->k);
        fac__matrices c = r->c;
        c.data += p * c.batch;
        for (int64_t s = 0; s < blocks; s++) {
            int64_t i = (r->back ? s : blocks - 1 - s) * FAC__REFLECTOR_BLOCK, left = r->k - i;
            fac__apply_reflectors(r->m - i, r->n, left < FAC__REFLECTOR_BLOCK ? left : FAC__REFLECTOR_BLOCK,
                                  a + i * (r->columns + 1), r->columns, tau + i, fac__matrix_part(c, i, 0), r->back,
                                  work);
        }
    }
}

static void reflect(const void *args)
{
    const fac__reflect_args *r = args;
    fac__each_matrix(r->batch, 2.0 * (double)r->k * (double)r->m * (double)r->n, reflect_range, args);
}

static void reflect_memory(void *args, fac__memory *m)
{
    fac__reflect_args *r = args;
    FAC__READS(m, r->a);
    FAC__READS(m, r->tau);
    FAC__CHANGES(m, r->c.data);
    FAC__WRITES(m, r->work);
}

const fac__kernel fac__k_reflect = {.name = "reflect", .run = {reflect}, .memory = reflect_memory};
