/* Floor 1. Symmetric eigenvalues and singular values on the CPU, one matrix a thread. Vectors are kept as rows, so that all
 * inner loops run along rows (isa/spectral_rows.c). */
#include "backend/spectral.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "backend/cpu/isa/rows.h"
#include "backend/cpu/spectral_rows.h"

enum { SWEEPS = 60 };              /* of Jacobi; 5 to 10 do */
static const double tiny = 1e-280; /* the square of a length that counts as none, of matrices scaled to about 1 */

typedef struct tools {
    const fac__spectral_rows *rows;
    const fac__move_table *moves;
    fac_dtype dtype;
} tools;

static tools tools_for(fac_dtype dtype)
{
    return (tools){&FAC__ISA_PICK(fac__spectral_rows), &FAC__ISA_PICK(fac__move_table), dtype};
}

/* Address of element i. */
static void *at(const tools *t, const void *data, int64_t i)
{
    return (char *)data + i * (int64_t)fac_dtype_size(t->dtype);
}

/* rows x columns of the dtype, with those strides, into rows of doubles; and one row back. */
static void load(const tools *t, double *to, const void *from, int64_t row, int64_t column, int64_t rows,
                 int64_t columns)
{
    t->moves->load[FAC__F64][t->dtype](to, columns, 1, from, row, column, rows, columns);
}
static void store(const tools *t, void *to, int64_t stride, const double *from, int64_t n)
{
    t->moves->store[FAC__F64][t->dtype](to, 0, stride, from, 0, 1, 1, n);
}
static void store_all(const tools *t, void *to, double value, int64_t n)
{
    t->moves->store[FAC__F64][t->dtype](to, 0, 1, &value, 0, 0, 1, n);
}

/* Scales by a power of 2 so that the largest size is in [1/2, 1), and says which; false where not all are finite. */
static bool scale(double *x, int64_t n, int *exponent)
{
    double largest = 0;
    bool finite = true;
    for (int64_t i = 0; i < n; i++) {
        finite = finite && isfinite(x[i]);
        largest = fabs(x[i]) > largest ? fabs(x[i]) : largest;
    }
    *exponent = 0;
    if (!finite || largest == 0) return finite;
    frexp(largest, exponent);
    for (int64_t i = 0; i < n && *exponent; i++)
        x[i] = ldexp(x[i], -*exponent);
    return true;
}

/* Replaces x by v of the reflection H = 1 - beta v v^T with H x = alpha e1. Golub and Van Loan, Matrix Computations,
 * section 5.1. */
static double reflection(const tools *t, double *x, int64_t n, double *alpha)
{
    double square = t->rows->dot(x, x, n), norm = sqrt(square);
    if (square < tiny) return *alpha = x[0], 0;
    *alpha = x[0] > 0 ? -norm : norm;
    x[0] -= *alpha;
    return 1 / (norm * fabs(x[0]));
}

static void swap_rows(double *a, double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double x = a[i];
        a[i] = b[i];
        b[i] = x;
    }
}

/* ---- symmetric eigenvalues -------------------------------------------------------------------------------------- */

/* a = Q T Q^T with T tridiagonal: Householder's reduction (Golub and Van Loan, algorithm 8.3.1). d and e get T's diagonal
 * and what is below; vt, if not NULL, Q^T. */
static void tridiagonalise(const tools *t, double *a, int64_t n, double *d, double *e, double *w, double *betas,
                           double *vt)
{
    for (int64_t k = 0; k + 1 < n; k++) {
        double *v = a + k * n + k + 1;
        int64_t left = n - k - 1;
        d[k] = a[k * n + k];
        double beta = betas[k] = left > 1 ? reflection(t, v, left, &e[k]) : (e[k] = v[0], 0);
        if (beta == 0) continue;
        for (int64_t i = 0; i < left; i++)
            w[i] = beta * t->rows->dot(a + (k + 1 + i) * n + k + 1, v, left);
        t->rows->add_scaled(w, v, -beta / 2 * t->rows->dot(w, v, left), left);
        for (int64_t i = 0; i < left; i++) {
            double *row = a + (k + 1 + i) * n + k + 1;
            t->rows->add_scaled(row, w, -v[i], left);
            t->rows->add_scaled(row, v, -w[i], left);
        }
    }
    d[n - 1] = a[n * n - 1];
    if (!vt) return;
    memset(vt, 0, (size_t)(n * n) * sizeof *vt);
    for (int64_t i = 0; i < n; i++)
        vt[i * n + i] = 1;
    for (int64_t k = n - 3; k >= 0; k--)
        for (int64_t i = k + 1; i < n && betas[k] != 0; i++) {
            double *row = vt + i * n + k + 1, *v = a + k * n + k + 1;
            t->rows->add_scaled(row, v, -betas[k] * t->rows->dot(row, v, n - k - 1), n - k - 1);
        }
}

/* One step of the implicit QR algorithm with Wilkinson's shift on rows low … high of T (Golub and Van Loan, algorithm
 * 8.3.2). */
static void qr_step(const tools *t, double *d, double *e, int64_t low, int64_t high, int64_t n, double *vt)
{
    double half = (d[high - 1] - d[high]) / 2, f = e[high - 1];
    double shift = d[high] - f * (f / (half + copysign(hypot(half, f), half)));
    double x = d[low] - shift, z = e[low];
    for (int64_t k = low; k < high; k++) {
        double r = hypot(x, z), c = r == 0 ? 1 : x / r, s = r == 0 ? 0 : z / r;
        if (k > low) e[k - 1] = r;
        double change = s * (d[k + 1] - d[k]) + 2 * c * e[k], part = s * change;
        d[k] += part;
        d[k + 1] -= part;
        e[k] = c * change - e[k];
        x = e[k];
        if (k + 1 < high) {
            z = s * e[k + 1];
            e[k + 1] *= c;
        }
        if (vt) t->rows->rotate(vt + k * n, vt + (k + 1) * n, c, -s, n);
    }
}

static bool diagonalise(const tools *t, double *d, double *e, int64_t n, double *vt)
{
    int64_t steps = 0;
    for (int64_t high = n - 1; high > 0;) {
        int64_t low = high;
        while (low > 0 && fabs(e[low - 1]) > DBL_EPSILON / 2 * (fabs(d[low - 1]) + fabs(d[low])) &&
               fabs(e[low - 1]) > DBL_MIN)
            low--;
        if (low > 0) e[low - 1] = 0;
        if (low == high)
            high--;
        else if (steps++ == SWEEPS * n)
            return false;
        else
            qr_step(t, d, e, low, high, n, vt);
    }
    return true;
}

/* Selection sort: few swaps of rows. */
static void sort_rows(double *d, int64_t n, double sign, double *first, int64_t columns, double *second)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t best = i;
        for (int64_t k = i + 1; k < n; k++)
            if (sign * d[k] < sign * d[best]) best = k;
        if (best == i) continue;
        swap_rows(d + i, d + best, 1);
        if (first) swap_rows(first + i * columns, first + best * columns, columns);
        if (second) swap_rows(second + i * columns, second + best * columns, columns);
    }
}

static void eigh_one(const fac__eigh_args *args, const tools *t, int64_t b, double *scratch)
{
    int64_t n = args->n;
    double *a = scratch, *vt = a + n * n, *d = vt + n * n, *e = d + n, *w = e + n, *betas = w + n;
    void *values = at(t, args->values, b * n), *vectors = args->vectors ? at(t, args->vectors, b * n * n) : NULL;
    int exponent;
    load(t, a, at(t, args->a, b * n * n), n, 1, n, n);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < i; k++)
            *(args->upper ? &a[i * n + k] : &a[k * n + i]) = *(args->upper ? &a[k * n + i] : &a[i * n + k]);
    args->info[b] = FAC__SPECTRAL_NOT_FINITE;
    if (scale(a, n * n, &exponent)) {
        tridiagonalise(t, a, n, d, e, w, betas, vectors ? vt : NULL);
        args->info[b] = diagonalise(t, d, e, n, vectors ? vt : NULL) ? FAC__SPECTRAL_DONE : FAC__SPECTRAL_NOT_CONVERGED;
    }
    if (args->info[b] != FAC__SPECTRAL_DONE) {
        store_all(t, values, NAN, n);
        if (vectors) store_all(t, vectors, NAN, n * n);
        return;
    }
    sort_rows(d, n, 1, vectors ? vt : NULL, n, NULL);
    for (int64_t i = 0; i < n; i++)
        d[i] = ldexp(d[i], exponent);
    store(t, values, 1, d, n);
    for (int64_t i = 0; i < n && vectors; i++)
        store(t, at(t, vectors, i), n, vt + i * n, n);
}

/* ---- singular values -------------------------------------------------------------------------------------------- */

/* The k rows of w, of length p, are columns of a matrix T. T P = Q R by Householder's method with the longest column first
 * (Golub and Van Loan, algorithm 5.4.1); w keeps the reflections. */
static void triangularise(const tools *t, double *w, int64_t k, int64_t p, double *r, double *betas, double *order)
{
    for (int64_t j = 0; j < k; j++)
        order[j] = (double)j;
    memset(r, 0, (size_t)(k * k) * sizeof *r);
    for (int64_t j = 0; j < k; j++) {
        double longest = -1, alpha;
        int64_t best = j;
        for (int64_t i = j; i < k; i++) {
            double square = t->rows->dot(w + i * p + j, w + i * p + j, p - j);
            if (square > longest) longest = square, best = i;
        }
        if (best != j) {
            swap_rows(w + j * p, w + best * p, p);
            swap_rows(order + j, order + best, 1);
        }
        double *v = w + j * p + j;
        for (int64_t i = 0; i < j; i++)
            r[i * k + j] = w[j * p + i];
        betas[j] = reflection(t, v, p - j, &alpha);
        r[j * k + j] = alpha;
        for (int64_t i = j + 1; i < k && betas[j] != 0; i++) {
            double *row = w + i * p + j;
            t->rows->add_scaled(row, v, -betas[j] * t->rows->dot(row, v, p - j), p - j);
        }
    }
}

/* Makes the rows of r orthogonal by rotating pairs of them; the rows of turn, if not NULL, turn along. Hestenes' one-sided
 * Jacobi method (Golub and Van Loan, section 8.6.3), which is accurate for small singular values too; on a triangular
 * factor with pivoting it needs few sweeps (Drmac and Veselic, New fast and accurate Jacobi SVD algorithm, 2008). */
static bool orthogonalise(const tools *t, double *r, int64_t k, double *turn, double *squares)
{
    double within = DBL_EPSILON * sqrt((double)k);
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        bool all = true;
        for (int64_t i = 0; i < k; i++)
            squares[i] = t->rows->dot(r + i * k, r + i * k, k);
        for (int64_t i = 0; i + 1 < k; i++)
            for (int64_t j = i + 1; j < k; j++) {
                double *a = r + i * k, *b = r + j * k, aa = squares[i], bb = squares[j];
                if (aa < tiny || bb < tiny) continue;
                double ab = t->rows->dot(a, b, k);
                if (fabs(ab) <= within * sqrt(aa) * sqrt(bb)) continue;
                all = false;
                double zeta = (bb - aa) / (2 * ab), x = copysign(1, zeta) / (fabs(zeta) + hypot(1, zeta));
                double c = 1 / sqrt(1 + x * x), s = c * x;
                t->rows->rotate(a, b, c, s, k);
                if (turn) t->rows->rotate(turn + i * k, turn + j * k, c, s, k);
                squares[i] = aa - x * ab;
                squares[j] = bb + x * ab;
                if (squares[i] < aa / 8) squares[i] = t->rows->dot(a, a, k); /* digits were lost */
                if (squares[j] < bb / 8) squares[j] = t->rows->dot(b, b, k);
            }
        if (all) return true;
    }
    return false;
}

/* Rows of z that have no direction of their own, from `rank` on, become unit vectors orthogonal to all before: from the
 * coordinate axis that those before reach least. */
static void complete(const tools *t, double *z, int64_t rank, int64_t k, double *reach)
{
    memset(reach, 0, (size_t)k * sizeof *reach);
    for (int64_t i = 0; i < k; i++) {
        double *row = z + i * k;
        if (i >= rank) {
            int64_t axis = 0;
            for (int64_t c = 1; c < k; c++)
                if (reach[c] < reach[axis] - DBL_EPSILON) axis = c;
            memset(row, 0, (size_t)k * sizeof *row);
            row[axis] = 1;
            for (int twice = 0; twice < 2; twice++) {
                for (int64_t j = 0; j < i; j++)
                    t->rows->add_scaled(row, z + j * k, -t->rows->dot(row, z + j * k, k), k);
                double length = sqrt(t->rows->dot(row, row, k));
                for (int64_t c = 0; c < k; c++)
                    row[c] /= length;
            }
        }
        for (int64_t c = 0; c < k; c++)
            reach[c] += row[c] * row[c];
    }
}

/* The columns of Q J^T, and with `full` the rest of Q's: they belong to the longer side. */
static void store_long_side(const tools *t, const double *w, const double *betas, const double *turn, int64_t k,
                            int64_t p, double *x, void *to, bool columns, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        memset(x, 0, (size_t)p * sizeof *x);
        if (i < k)
            memcpy(x, turn + i * k, (size_t)k * sizeof *x);
        else
            x[i] = 1;
        for (int64_t j = k - 1; j >= 0; j--) {
            const double *v = w + j * p + j;
            if (betas[j] != 0) t->rows->add_scaled(x + j, v, -betas[j] * t->rows->dot(x + j, v, p - j), p - j);
        }
        store(t, at(t, to, columns ? i : i * p), columns ? count : 1, x, p);
    }
}

static void svd_one(const fac__svd_args *args, const tools *t, int64_t b, double *scratch)
{
    int64_t m = args->m, n = args->n, k = m < n ? m : n, p = m < n ? n : m, wide = args->full ? p : k;
    bool tall = m >= n; /* T is A, else A^T */
    double *w = scratch, *r = w + k * p, *turn = r + k * k, *s = turn + k * k;
    double *betas = s + k, *order = betas + k, *reach = order + k, *x = reach + k;
    int exponent;
    void *u = args->u ? at(t, args->u, b * m * (args->full ? m : k)) : NULL;
    void *vh = args->vh ? at(t, args->vh, b * (args->full ? n : k) * n) : NULL;
    if (!u) turn = NULL;
    load(t, w, at(t, args->a, b * m * n), tall ? 1 : n, tall ? n : 1, k, p);
    args->info[b] = FAC__SPECTRAL_NOT_FINITE;
    if (scale(w, k * p, &exponent)) {
        triangularise(t, w, k, p, r, betas, order);
        if (turn) memset(turn, 0, (size_t)(k * k) * sizeof *turn);
        for (int64_t i = 0; i < k && turn; i++)
            turn[i * k + i] = 1;
        args->info[b] = orthogonalise(t, r, k, turn, s) ? FAC__SPECTRAL_DONE : FAC__SPECTRAL_NOT_CONVERGED;
    }
    if (args->info[b] != FAC__SPECTRAL_DONE) {
        store_all(t, at(t, args->s, b * k), NAN, k);
        if (u) store_all(t, u, NAN, m * (args->full ? m : k));
        if (u) store_all(t, vh, NAN, n * (args->full ? n : k));
        return;
    }
    for (int64_t i = 0; i < k; i++)
        s[i] = sqrt(t->rows->dot(r + i * k, r + i * k, k));
    sort_rows(s, k, -1, u ? r : NULL, k, turn);
    if (u) {
        int64_t rank = 0;
        for (; rank < k && s[rank] * s[rank] >= tiny; rank++)
            for (int64_t c = 0; c < k; c++)
                r[rank * k + c] /= s[rank];
        if (rank < k) complete(t, r, rank, k, reach);
        for (int64_t i = 0; i < k; i++) { /* columns back in their order */
            for (int64_t c = 0; c < k; c++)
                x[(int64_t)order[c]] = r[i * k + c];
            store(t, at(t, tall ? vh : u, tall ? i * k : i), tall ? 1 : k, x, k);
        }
        store_long_side(t, w, betas, turn, k, p, x, tall ? u : vh, tall, wide);
    }
    for (int64_t i = 0; i < k; i++)
        s[i] = ldexp(s[i], exponent);
    store(t, at(t, args->s, b * k), 1, s, k);
}

/* ---- batches ---------------------------------------------------------------------------------------------------- */

static void eigh_range(void *context, int64_t begin, int64_t end)
{
    const fac__eigh_args *a = context;
    tools t = tools_for(a->dtype);
    for (int64_t b = begin; b < end; b++)
        eigh_one(a, &t, b, a->scratch + fac__thread_index() * fac__eigh_scratch(a->n));
}

static void eigh(const void *args)
{
    const fac__eigh_args *a = args;
    int64_t cube = a->n * a->n * a->n;
    if (a->n) fac__parallel(a->batch, 1 + 100000 / (cube + 1), eigh_range, (void *)a);
}

static void svd_range(void *context, int64_t begin, int64_t end)
{
    const fac__svd_args *a = context;
    tools t = tools_for(a->dtype);
    for (int64_t b = begin; b < end; b++)
        svd_one(a, &t, b, a->scratch + fac__thread_index() * fac__svd_scratch(a->m, a->n));
}

static void svd(const void *args)
{
    const fac__svd_args *a = args;
    int64_t cube = a->m * a->n * (a->m < a->n ? a->m : a->n);
    if (a->m || a->n) fac__parallel(a->batch, 1 + 50000 / (cube + 1), svd_range, (void *)a);
}

static void eigh_memory(void *args, fac__memory *m)
{
    fac__eigh_args *a = args;
    if (!a->n) return;
    FAC__READS(m, a->a);
    FAC__WRITES(m, a->values);
    FAC__WRITES(m, a->vectors);
    FAC__WRITES(m, a->info);
    FAC__WRITES(m, a->scratch);
}

static void svd_memory(void *args, fac__memory *m)
{
    fac__svd_args *a = args;
    if (!a->m && !a->n) return;
    FAC__READS(m, a->a);
    FAC__WRITES(m, a->u);
    FAC__WRITES(m, a->s);
    FAC__WRITES(m, a->vh);
    FAC__WRITES(m, a->info);
    FAC__WRITES(m, a->scratch);
}

const fac__kernel fac__k_eigh = {.name = "eigh", .run = {eigh}, .memory = eigh_memory};
const fac__kernel fac__k_svd = {.name = "svd", .run = {svd}, .memory = svd_memory};
