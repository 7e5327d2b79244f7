/* Floor 1. Least squares on the CPU, by QR with column pivoting (linalg.h). */
#include <math.h>
#include <string.h>

#include "backend/cpu/linalg_blocks.h"

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Parts of the working memory. */
typedef struct room {
    double *tau, *second, *second_tau, *columns, *line; /* line: for reflectors, and a permuted result */
} room;

static room divide(double *work, int64_t m, int64_t n)
{
    int64_t count = smaller(m, n);
    room r = {.tau = work};
    r.second = r.tau + count;
    r.second_tau = r.second + n * count;
    r.columns = r.second_tau + count;
    r.line = r.columns + n;
    return r;
}

int64_t fac__lstsq_work(int64_t m, int64_t n, int64_t k)
{
    int64_t count = smaller(m, n), reflected = (m > n ? m : n) + (n > k ? n : k);
    return 2 * count + n * count + n + (reflected > n * k ? reflected : n * k);
}

static void swap_columns(int64_t m, int64_t n, double *a, int64_t i, int64_t j)
{
    for (int64_t r = 0; r < m && i != j; r++) {
        double t = a[r * n + i];
        a[r * n + i] = a[r * n + j];
        a[r * n + j] = t;
    }
}

/* The longest column of what is below and right of (at, at); norms are made anew at each step, which no cancellation
 * spoils. */
static int64_t longest(int64_t m, int64_t n, const double *a, int64_t at, double *squares)
{
    int64_t best = at;
    for (int64_t j = at; j < n; j++)
        squares[j] = 0;
    for (int64_t i = at; i < m; i++)
        for (int64_t j = at; j < n; j++)
            squares[j] += a[i * n + j] * a[i * n + j];
    for (int64_t j = at + 1; j < n; j++)
        if (squares[j] > squares[best]) best = j;
    return best;
}

/* Ranks the columns into `order` and gives the rank. */
static int64_t pivoted_qr(int64_t m, int64_t n, double *a, const room *w, double *order, double rcond)
{
    int64_t rank = 0;
    for (int64_t j = 0; j < n; j++)
        order[j] = (double)j;
    for (int64_t i = 0; i < smaller(m, n); i++) {
        int64_t best = longest(m, n, a, i, w->line);
        swap_columns(m, n, a, i, best);
        swap_columns(1, n, order, i, best);
        double *x = a + i * (n + 1);
        w->tau[i] = fac__make_reflector(m - i, x, n);
        fac__apply_reflector(m - i, n - i - 1, x, n, w->tau[i], fac__by_rows(x + 1, n), w->line);
        if (rank == i && fabs(*x) > rcond * fabs(a[0])) rank++;
    }
    return rank;
}

/* y of least norm with R[:rank] y = b, in b's place. */
static void least_norm(int64_t n, int64_t k, int64_t rank, const double *a, double *b, const room *w)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < rank; j++)
            w->second[i * rank + j] = i < j ? 0 : a[j * n + i];
    for (int64_t j = 0; j < rank; j++) {
        double *x = w->second + j * (rank + 1);
        w->second_tau[j] = fac__make_reflector(n - j, x, rank);
        fac__apply_reflector(n - j, rank - j - 1, x, rank, w->second_tau[j], fac__by_rows(x + 1, rank), w->line);
    }
    fac__solve_triangle(rank, k, fac__flip(fac__by_rows(w->second, rank)), fac__by_rows(b, k), false, false);
    memset(b + rank * k, 0, (size_t)((n - rank) * k) * sizeof *b);
    for (int64_t j = rank - 1; j >= 0; j--)
        fac__apply_reflector(n - j, k, w->second + j * (rank + 1), rank, w->second_tau[j], fac__by_rows(b + j * k, k),
                             w->line);
}

static int64_t lstsq_one(int64_t m, int64_t n, int64_t k, double *a, double *b, double *work, double rcond)
{
    room w = divide(work, m, n);
    int64_t rank = pivoted_qr(m, n, a, &w, w.columns, rcond);
    for (int64_t i = 0; i < smaller(m, n); i++)
        fac__apply_reflector(m - i, k, a + i * (n + 1), n, w.tau[i], fac__by_rows(b + i * k, k), w.line);
    if (rank == n)
        fac__solve_triangle(n, k, fac__by_rows(a, n), fac__by_rows(b, k), true, false);
    else
        least_norm(n, k, rank, a, b, &w);
    for (int64_t i = 0; i < n; i++)
        memcpy(w.line + (int64_t)w.columns[i] * k, b + i * k, (size_t)k * sizeof *b);
    memcpy(b, w.line, (size_t)(n * k) * sizeof *b);
    return rank;
}

static void lstsq_range(void *context, int64_t begin, int64_t end)
{
    const fac__lstsq_args *l = context;
    int64_t rows = l->m > l->n ? l->m : l->n, work = fac__lstsq_work(l->m, l->n, l->k);
    for (int64_t p = begin; p < end; p++)
        l->rank[p] =
            lstsq_one(l->m, l->n, l->k, l->a + p * l->m * l->n, l->b + p * rows * l->k, l->work + p * work, l->rcond);
}

static void lstsq(const void *args)
{
    const fac__lstsq_args *l = args;
    double count = (double)smaller(l->m, l->n);
    fac__each_matrix(l->batch, (double)l->m * (double)l->n * count + (double)l->m * (double)l->k * count, lstsq_range,
                     args);
}

static void lstsq_memory(void *args, fac__memory *m)
{
    fac__lstsq_args *l = args;
    FAC__CHANGES(m, l->a);
    FAC__CHANGES(m, l->b);
    FAC__WRITES(m, l->work);
    FAC__WRITES(m, l->rank);
}

const fac__kernel fac__k_lstsq = {.name = "lstsq", .run = {lstsq}, .memory = lstsq_memory};
