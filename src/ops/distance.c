/* Floor 4. Distances between rows (facula/ops_spectral.h). */
#include <math.h>
#include <string.h>

#include "backend/distance.h"
#include "facula/autograd.h"
#include "facula/ops_create.h"
#include "facula/ops_join.h"
#include "facula/ops_matmul.h"
#include "facula/ops_spectral.h"
#include "facula/ops_view.h"
#include "reduction.h"

typedef struct distance {
    double p;
    bool by_product;
} distance;

/* ---- gradients -------------------------------------------------------------------------------------------------- */

/* x1's gradient, in operations that can be differentiated again: they go by all differences, [..., r, c, n]. */
static fac_tensor *gradient_composed(fac_tensor *g, fac_tensor *x1, fac_tensor *x2, double p, fac_tensor *y)
{
    fac_tensor *d = fac_sub(fac_unsqueeze(x1, -2), fac_unsqueeze(x2, -3)), *size = fac_abs(d),
               *same = fac_eq_scalar(y, 0);
    if (!size) return NULL;
    g = fac_unsqueeze(g, -1);
    y = fac_unsqueeze(y, -1);
    same = fac_unsqueeze(same, -1);
    if (!g || !y || !same) return NULL;
    fac_tensor *slope;
    if (p == 1)
        slope = fac_mul(g, fac_sign(d));
    else if (p == 2)
        slope = fac_mul(fac__zero_where(same, fac_div(g, y)), d);
    else if (isinf(p))
        slope = fac_mul(g, fac_mul(fac_sign(d), fac_eq(size, y)));
    else
        slope = fac_mul(fac__zero_where(same, fac_div(g, fac_pow_scalar(y, p - 1))),
                        fac__zero_where(fac_eq_scalar(d, 0), fac_mul(fac_sign(d), fac_pow_scalar(size, p - 1))));
    return fac_sum(slope, .dim = -2);
}

/* By products of matrices, as the distances were made. */
static fac_tensor *gradient_by_product(fac_tensor *g, fac_tensor *x1, fac_tensor *x2, fac_tensor *y)
{
    fac_tensor *ratio = fac__zero_where(fac_eq_scalar(y, 0), fac_div(g, y));
    return fac_sub(fac_mul(x1, fac_sum(ratio, .dim = -1, .keepdim = true)), fac_matmul(ratio, x2));
}

/* The kernel, forward or, with g, x1's gradient; the caller's. */
static fac_tensor *run(fac_tensor *x1, fac_tensor *x2, double p, fac_tensor *y, fac_tensor *g)
{
    fac_dtype dtype = (fac_dtype)x1->dtype;
    int64_t shape[FAC_MAX_DIMS];
    int rows = x1->ndim - 2, last = x1->ndim - 1;
    memcpy(shape, x1->shape, sizeof shape);
    if (!g) shape[last] = x2->shape[rows];
    fac_tensor *out = fac__new(dtype, x1->ndim, shape);
    x1 = fac__plain(x1, dtype);
    x2 = fac__plain(x2, dtype);
    if (g) y = fac__plain(y, dtype);
    if (g) g = fac__plain(g, dtype);
    if (!out || !x1 || !x2 || fac_get_error_code()) return fac_release(out), NULL;
    fac__cdist_args args = {.dtype = dtype,
                            .batch = 1,
                            .rows = x1->shape[rows],
                            .columns = x2->shape[rows],
                            .n = x1->shape[last],
                            .p = p,
                            .x1 = fac__data(x1),
                            .x2 = fac__data(x2),
                            .g = g ? fac__data(g) : NULL,
                            .y = g ? fac__data(y) : fac__data(out),
                            .gx = g ? fac__data(out) : NULL};
    for (int d = 0; d < rows; d++)
        args.batch *= x1->shape[d];
    if (out->numel) FAC__LAUNCH(fac__k_cdist, args);
    return out;
}

static fac_tensor *gradient(const distance *k, fac_tensor *g, fac_tensor *x1, fac_tensor *x2, fac_tensor *y)
{
    if (!g || !x1 || !x2 || !y) return NULL;
    if (k->p == 0) return fac_zeros_like(x1);
    if (k->by_product) return gradient_by_product(g, x1, x2, y);
    if (fac_is_grad_enabled()) return gradient_composed(g, x1, x2, k->p, y);
    return fac__own(run(x1, x2, k->p, y, g));
}

static void cdist_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const distance *k = n->params;
    fac_tensor *x1 = fac__saved(n, 0), *x2 = fac__saved(n, 1), *y = fac__saved(n, 2);
    if (!x1 || !x2 || !y) return;
    if (fac__wants(n, 0)) gx[0] = gradient(k, gy[0], x1, x2, y);
    if (fac__wants(n, 1)) gx[1] = gradient(k, fac_mT(gy[0]), x2, x1, fac_mT(y));
}

/* ---- cdist ------------------------------------------------------------------------------------------------------ */

/* |a|^2 - 2 ab + |b|^2 as one product of matrices; the caller's. */
static fac_tensor *by_product(fac_tensor *x1, fac_tensor *x2)
{
    fac_tensor *y = NULL;
    fac_scope {
        fac_no_grad {
            fac_tensor *square1 = fac_sum(fac_square(x1), .dim = -1, .keepdim = true);
            fac_tensor *square2 = fac_sum(fac_square(x2), .dim = -1, .keepdim = true);
            if (!square1 || !square2) break;
            fac_tensor *left = fac_cat(FAC_TENSORS(fac_mul_scalar(x1, -2), square1, fac_ones_like(square1)), -1);
            fac_tensor *right = fac_cat(FAC_TENSORS(x2, fac_ones_like(square2), square2), -1);
            y = fac_matmul(left, fac_mT(right));
            y = fac_keep(fac_sqrt(fac_clamp(y, 0, fac_scalar_none())));
        }
    }
    return y;
}

static fac_tensor *distances(fac_tensor *x1, fac_tensor *x2, double p, bool by_matrices, const char *node)
{
    fac__node *n = fac__record(node, cdist_backward, 1, 3, sizeof(distance), x1, x2);
    fac_tensor *y = by_matrices ? by_product(x1, x2) : run(x1, x2, p, NULL, NULL);
    if (n && !n->failed) *(distance *)n->params = (distance){p, by_matrices};
    fac__save(n, 0, x1);
    fac__save(n, 1, x2);
    fac__save_output(n, 2, y, 0);
    return fac__result(n, y);
}

enum { AS_NEEDED, BY_PRODUCT, NOT_BY_PRODUCT };

static fac_tensor *cdist(fac_tensor *x1, fac_tensor *x2, double p, int64_t mode)
{
    FAC__OP("cdist");
    FAC__NEED(x1);
    FAC__NEED(x2);
    fac_tensor *both[] = {x1, x2};
    for (int i = 0; i < 2; i++)
        if (both[i]->ndim < 2)
            return fac__runtime_error("cdist only supports at least 2D tensors, X%d got: %dD", i + 1, both[i]->ndim);
    int64_t n1 = x1->shape[x1->ndim - 1], n2 = x2->shape[x2->ndim - 1];
    if (n1 != n2)
        return fac__runtime_error("X1 and X2 must have the same number of columns. X1: %lld X2: %lld", (long long)n1,
                                  (long long)n2);
    for (int i = 0; i < 2; i++)
        if (!fac_dtype_is_floating((fac_dtype)both[i]->dtype))
            return fac__runtime_error("cdist only supports floating-point dtypes, X%d got: %s", i + 1,
                                      fac__dtype_word((fac_dtype)both[i]->dtype));
    if (x1->dtype != FAC_FLOAT32 && x1->dtype != FAC_FLOAT64)
        return fac__runtime_error("\"cdist\" not implemented for '%s'", fac__dtype_word((fac_dtype)x1->dtype));
    if (x1->dtype != x2->dtype)
        return fac__runtime_error("expected scalar type %s but found %s", fac__dtype_word((fac_dtype)x1->dtype),
                                  fac__dtype_word((fac_dtype)x2->dtype));
    if (!(p >= 0)) return fac__runtime_error("cdist only supports non-negative p values");
    if (mode < AS_NEEDED || mode > NOT_BY_PRODUCT)
        return fac__runtime_error("possible modes: 0, 1, 2, but was: %lld", (long long)mode);
    fac_dims batch = {0}, shape[2];
    if (!fac__broadcast_shapes(x1->ndim - 2, x1->shape, x2->ndim - 2, x2->shape, &batch.n, batch.d)) return NULL;
    for (int i = 0; i < 2; i++) {
        shape[i] = batch;
        for (int d = 2; d > 0; d--)
            shape[i].d[shape[i].n++] = both[i]->shape[both[i]->ndim - d];
    }
    int64_t rows = shape[0].d[batch.n], columns = shape[1].d[batch.n];
    bool by_matrices = p == 2 && (mode == BY_PRODUCT || (mode == AS_NEEDED && (rows > 25 || columns > 25)));
    x1 = fac_expand(x1, shape[0]);
    x2 = fac_expand(x2, shape[1]);
    return x1 && x2 ? distances(x1, x2, p, by_matrices, by_matrices ? "EuclideanDistBackward0" : "CdistBackward0")
                    : NULL;
}

fac_tensor *fac_cdist(fac_tensor *x1, fac_tensor *x2, double p, const char *compute_mode)
{
    static const char *const modes[] = {"use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist",
                                        "donot_use_mm_for_euclid_dist"};
    int mode = AS_NEEDED;
    while (compute_mode && mode < 3 && strcmp(modes[mode], compute_mode))
        mode++;
    if (mode == 3) return fac__value_error("%s is not a valid value for compute_mode", compute_mode);
    return cdist(x1, x2, p, mode);
}

/* ---- pdist ------------------------------------------------------------------------------------------------------ */

/* The part above the diagonal of all distances of the rows to each other. */
fac_tensor *fac_pdist(fac_tensor *self, double p)
{
    FAC__OP("pdist");
    FAC__NEED(self);
    if (self->ndim != 2) return fac__runtime_error("pdist only supports 2D tensors, got: %dD", self->ndim);
    if (!fac_dtype_is_floating((fac_dtype)self->dtype))
        return fac__runtime_error("pdist only supports floating-point dtypes");
    if (self->dtype != FAC_FLOAT32 && self->dtype != FAC_FLOAT64)
        return fac__runtime_error("\"pdist\" not implemented for '%s'", fac__dtype_word((fac_dtype)self->dtype));
    if (!(p >= 0)) return fac__runtime_error("pdist only supports non-negative p values");
    int64_t n = self->shape[0];
    fac_tensor *y = NULL;
    fac_scope {
        fac_tensor *pairs = fac_triu_indices(n, n, 1);
        fac_tensor *places = fac_add(fac_mul_scalar(fac_select(pairs, 0, 0), n), fac_select(pairs, 0, 1));
        fac_tensor *all = distances(self, self, p, false, "CdistBackward0");
        if (places && all) y = fac_escape(fac_index_select(fac_reshape(all, FAC_DIMS(n * n)), 0, places));
    }
    return y;
}

/* ---- by name ---------------------------------------------------------------------------------------------------- */

FAC__CALL(cdist_call, R(fac_cdist(T(0), T(1), F(2), STR(3))))
FAC__CALL(cdist_int, R(cdist(T(0), T(1), F(2), I(3))))
FAC__CALL(pdist, R(fac_pdist(T(0), F(1))))

const fac__op fac__ops_distance[] = {
    {"cdist(Tensor x1, Tensor x2, float p=2.0, str? compute_mode=None) -> Tensor", cdist_call,
     "p-norms of the differences of all rows of x1 and x2."},
    {"cdist.int(Tensor x1, Tensor x2, float p=2.0, int? compute_mode=None) -> Tensor", cdist_int,
     "p-norms of the differences of all rows of x1 and x2."},
    {"_cdist_forward(Tensor x1, Tensor x2, float p, int? compute_mode) -> Tensor", cdist_int,
     "p-norms of the differences of all rows of x1 and x2."},
    {"pdist(Tensor self, float p=2.0) -> Tensor", pdist, "p-norms of the differences of all pairs of rows."},
    {"_pdist_forward(Tensor self, float p=2) -> Tensor", pdist, "p-norms of the differences of all pairs of rows."},
    {0},
};
