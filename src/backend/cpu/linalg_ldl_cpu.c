/* Floor 1. Symmetric matrices that need not be definite, on the CPU: Bunch and Kaufman's factorisation with 1x1 and 2x2
 * pivots (Math. Comp. 31, 1977; Golub and Van Loan, Matrix Computations, 4.4), in the format of LAPACK's sytrf. */
#include <math.h>

#include "backend/cpu/linalg_blocks.h"

static void swap(double *x, double *y)
{
    double t = *x;
    *x = *y;
    *y = t;
}

/* The row to be swapped to the front at step k, and whether it takes two columns; false where the column is all 0. */
static bool choose(int64_t n, const double *a, int64_t k, int64_t *row, bool *two)
{
    const double alpha = (1 + sqrt(17)) / 8;
    double diagonal = fabs(a[k * n + k]), column = 0, across = 0;
    int64_t most = k;
    *row = k;
    *two = false;
    for (int64_t i = k + 1; i < n; i++)
        if (fabs(a[i * n + k]) > column) most = i, column = fabs(a[i * n + k]);
    if ((diagonal == 0 && column == 0) || isnan(diagonal)) return false;
    if (diagonal >= alpha * column) return true;
    for (int64_t j = k; j < n; j++) {
        double x = j < most ? a[most * n + j] : j > most ? a[j * n + most] : 0;
        if (fabs(x) > across) across = fabs(x);
    }
    if (diagonal >= alpha * column * (column / across)) return true;
    *row = most;
    *two = fabs(a[most * n + most]) < alpha * across;
    return true;
}

/* Rows and columns `at` and `row` of the lower triangle that begins at k. */
static void exchange(int64_t n, double *a, int64_t k, int64_t at, int64_t row)
{
    if (at == row) return;
    for (int64_t i = row + 1; i < n; i++)
        swap(a + i * n + at, a + i * n + row);
    for (int64_t j = at + 1; j < row; j++)
        swap(a + j * n + at, a + row * n + j);
    swap(a + at * n + at, a + row * n + row);
    if (at > k) swap(a + at * n + k, a + row * n + k);
}

static void eliminate_one(int64_t n, double *a, int64_t k)
{
    double d = 1 / a[k * n + k];
    for (int64_t i = k + 1; i < n; i++)
        for (int64_t j = k + 1; j <= i; j++)
            a[i * n + j] -= a[i * n + k] * (d * a[j * n + k]);
    for (int64_t i = k + 1; i < n; i++)
        a[i * n + k] *= d;
}

static void eliminate_two(int64_t n, double *a, int64_t k)
{
    double off = a[(k + 1) * n + k], d11 = a[(k + 1) * (n + 1)] / off, d22 = a[k * (n + 1)] / off;
    double scale = 1 / (d11 * d22 - 1) / off;
    for (int64_t j = k + 2; j < n; j++) {
        double *x = a + j * n, first = scale * (d11 * x[k] - x[k + 1]), second = scale * (d22 * x[k + 1] - x[k]);
        for (int64_t i = j; i < n; i++)
            a[i * n + j] -= a[i * n + k] * first + a[i * n + k + 1] * second;
        x[k] = first;
        x[k + 1] = second;
    }
}

static void ldl_one(int64_t n, double *a, int32_t *pivots, int32_t *info)
{
    *info = 0;
    for (int64_t k = 0; k < n;) {
        int64_t row;
        bool two, any = choose(n, a, k, &row, &two);
        if (!any && !*info) *info = (int32_t)k + 1;
        exchange(n, a, k, k + two, row);
        if (any) (two ? eliminate_two : eliminate_one)(n, a, k);
        pivots[k] = (int32_t)(two ? -(row + 1) : row + 1);
        if (two) pivots[k + 1] = pivots[k];
        k += two ? 2 : 1;
    }
}

static void ldl_range(void *context, int64_t begin, int64_t end)
{
    const fac__ldl_args *l = context;
    for (int64_t p = begin; p < end; p++)
        ldl_one(l->n, l->a + p * l->n * l->n, l->pivots + p * l->n, l->info + p);
}

static void ldl(const void *args)
{
    const fac__ldl_args *l = args;
    fac__each_matrix(l->batch, (double)l->n * (double)l->n * (double)l->n / 6, ldl_range, args);
}

static void ldl_memory(void *args, fac__memory *m)
{
    fac__ldl_args *l = args;
    FAC__CHANGES(m, l->a);
    FAC__WRITES(m, l->pivots);
    FAC__WRITES(m, l->info);
}

const fac__kernel fac__k_ldl = {.name = "ldl", .run = {ldl}, .memory = ldl_memory};

/* ---- solving --------------------------------------------------------------------------------------------------- */

/* Row `to` of b less f times row `from`. */
static void subtract(double *b, int64_t k, int64_t to, int64_t from, double f)
{
    for (int64_t c = 0; c < k; c++)
        b[to * k + c] -= f * b[from * k + c];
}

static void swap_two(double *b, int64_t k, int64_t i, int64_t j)
{
    for (int64_t c = 0; c < k && i != j; c++)
        swap(b + i * k + c, b + j * k + c);
}

static void ldl_solve_one(int64_t n, int64_t k, const double *a, const int32_t *pivots, double *b)
{
    for (int64_t i = 0; i < n;) {
        int64_t two = pivots[i] < 0 && i + 1 < n, next = i + 1 + two;
        swap_two(b, k, i + two, (pivots[i] < 0 ? -pivots[i] : pivots[i]) - 1);
        for (int64_t j = next; j < n; j++)
            for (int64_t l = i; l < next; l++)
                subtract(b, k, j, l, a[j * n + l]);
        const double *d = a + i * (n + 1), off = two ? d[n] : 0;
        for (int64_t c = 0; c < k; c++) {
            double *x = b + i * k + c;
            if (!two) {
                *x /= d[0];
                continue;
            }
            double d0 = d[0] / off, d1 = d[n + 1] / off, x0 = x[0] / off, x1 = x[k] / off, scale = d0 * d1 - 1;
            x[0] = (d1 * x0 - x1) / scale;
            x[k] = (d0 * x1 - x0) / scale;
        }
        i = next;
    }
    for (int64_t i = n - 1; i >= 0;) {
        int64_t two = pivots[i] < 0 && i > 0;
        for (int64_t l = i; l >= i - two; l--)
            for (int64_t j = i + 1; j < n; j++)
                subtract(b, k, l, j, a[j * n + l]);
        swap_two(b, k, i, (pivots[i] < 0 ? -pivots[i] : pivots[i]) - 1);
        i -= 1 + two;
    }
}

static void ldl_solve_range(void *context, int64_t begin, int64_t end)
{
    const fac__ldl_solve_args *s = context;
    for (int64_t p = begin; p < end; p++)
        ldl_solve_one(s->n, s->k, s->a + p * s->a_batch, s->pivots + p * s->pivot_batch, s->b + p * s->n * s->k);
}

static void ldl_solve(const void *args)
{
    const fac__ldl_solve_args *s = args;
    fac__each_matrix(s->batch, (double)s->n * (double)s->n * (double)s->k, ldl_solve_range, args);
}

static void solve_memory(void *args, fac__memory *m)
{
    fac__ldl_solve_args *s = args;
    FAC__READS(m, s->a);
    FAC__READS(m, s->pivots);
    FAC__CHANGES(m, s->b);
}

const fac__kernel fac__k_ldl_solve = {.name = "ldl_solve", .run = {ldl_solve}, .memory = solve_memory};
