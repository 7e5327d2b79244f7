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

void fac__subtract_product(int64_t m, int64_t n, int64_t k, fac__matrices a, fac__matrices b, fac__matrices c)
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
                        .alpha = -1,
                        .beta = 1};
    fac__k_gemm.run[FAC__CPU](&g);
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
        substitute(size, k, fac__part(a, at, at), fac__part(b, at, 0), upper, unit);
        fac__subtract_product(n - done - size, k, size, fac__part(a, rest, at), fac__part(b, at, 0),
                              fac__part(b, rest, 0));
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

const fac__kernel fac__k_trisolve = {"trisolve", {trisolve}};

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

const fac__kernel fac__k_swap_rows = {"swap_rows", {swap_rows}};

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

static void reflect_range(void *context, int64_t begin, int64_t end)
{
    const fac__reflect_args *r = context;
    for (int64_t p = begin; p < end; p++) {
        const double *a = r->a + p * r->m * r->columns, *tau = r->tau + p * r->k;
        fac__matrices c = r->c;
        c.data += p * c.batch;
        for (int64_t s = 0; s < r->k; s++) {
            int64_t i = r->back ? s : r->k - 1 - s;
            fac__apply_reflector(r->m - i, r->n, a + i * r->columns + i, r->columns, tau[i], fac__part(c, i, 0),
                                 r->work + p * (r->m + r->n));
        }
    }
}

static void reflect(const void *args)
{
    const fac__reflect_args *r = args;
    fac__each_matrix(r->batch, 2.0 * (double)r->k * (double)r->m * (double)r->n, reflect_range, args);
}

const fac__kernel fac__k_reflect = {"reflect", {reflect}};
