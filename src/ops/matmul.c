/* Floor 4. Products of matrices (facula/ops_matmul.h).
 *
 * One function, product(), does all products of matrices, single or batched, plain or transposed, with or without a
 * bias. Transposition is a flag, so the derivatives of a product are products again and need no views: forward,
 * backward and backward of backward are one gemm each. */
#include "product.h"

#include "backend/gemm.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "tracing.h"

typedef struct factors {
    bool ta, tb; /* the factor stands transposed */
    double beta, alpha;
} factors;

static int64_t rows(const fac_tensor *t, bool transposed)
{
    return t->shape[t->ndim - (transposed ? 1 : 2)];
}
static int64_t columns(const fac_tensor *t, bool transposed)
{
    return t->shape[t->ndim - (transposed ? 2 : 1)];
}

/* Whether all rows of a bias are one, which then need not be copied for each of them. */
static bool is_row(const fac_tensor *bias, const fac_tensor *y)
{
    if (!bias->ndim || bias->dtype != y->dtype || bias->shape[bias->ndim - 1] != y->shape[y->ndim - 1]) return false;
    return bias->numel == bias->shape[bias->ndim - 1];
}

/* y = beta * y + alpha * op(a) op(b), for matrices, or batches of them with three dimensions; a row stands for y at first. */
static void gemm_into(fac_tensor *y, const fac_tensor *row, const fac_tensor *a, const fac_tensor *b, factors f)
{
    int d = a->ndim - 2;
    fac__gemm_args args = {
        .dtype = (fac_dtype)y->dtype,
        .batch = d ? y->shape[0] : 1,
        .m = rows(a, f.ta),
        .n = columns(b, f.tb),
        .k = columns(a, f.ta),
        .a = fac__data(a),
        .b = fac__data(b),
        .c = fac__data(y),
        .a_row = a->strides[d + f.ta],
        .a_col = a->strides[d + !f.ta],
        .a_batch = d ? a->strides[0] : 0,
        .b_row = b->strides[d + f.tb],
        .b_col = b->strides[d + !f.tb],
        .b_batch = d ? b->strides[0] : 0,
        .c_row = y->strides[d],
        .c_col = y->strides[d + 1],
        .c_batch = d ? y->strides[0] : 0,
        .alpha = f.alpha,
        .beta = f.beta,
    };
    if (row) args.epilogue = (fac__gemm_epilogue){.bias = fac__data(row), .bias_step = row->strides[row->ndim - 1]};
    if (y->numel) FAC__LAUNCH(fac__k_gemm, args);
}

fac_tensor *fac__scaled(fac_tensor *t, double by)
{
    if (by == 1 || !t || (t->dtype == FAC_BOOL && by != 0)) return t;
    if (t->dtype == FAC_BOOL) return fac_ne(t, t);
    bool whole = !fac_dtype_is_floating((fac_dtype)t->dtype);
    return whole ? fac_mul_scalar(t, (int64_t)by) : fac_mul_scalar(t, by);
}

/* ---- matrices ----------------------------------------------------------------------------------------------- */

static fac_tensor *product(const char *name, fac_tensor *bias, fac_tensor *a, fac_tensor *b, factors f);

static fac_tensor *plain(fac_tensor *a, bool ta, fac_tensor *b, bool tb, double alpha)
{
    if (!a || !b) return NULL;
    return product(a->ndim == 2 ? "MmBackward0" : "BmmBackward0", NULL, a, b, (factors){ta, tb, 0, alpha});
}

/* y = A B with A = op(a), B = op(b): dA = g B^T, dB = A^T g; of a transposed factor the transposed of that. */
static void product_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const factors *f = n->params;
    fac_tensor *g = gy[0], *a, *b;
    if (fac__wants(n, 0)) gx[0] = fac__scaled(g, f->beta);
    if (fac__wants(n, 1) && (b = fac__saved(n, 1)))
        gx[1] = f->ta ? plain(b, f->tb, g, true, f->alpha) : plain(g, false, b, !f->tb, f->alpha);
    if (fac__wants(n, 2) && (a = fac__saved(n, 0)))
        gx[2] = f->tb ? plain(g, true, a, f->ta, f->alpha) : plain(a, !f->ta, g, false, f->alpha);
}

/* op(a) op(b) * alpha + beta * bias, where bias (may be NULL) is broadcast. Sizes and dtypes have been checked. */
static fac_tensor *product(const char *name, fac_tensor *bias, fac_tensor *a, fac_tensor *b, factors f)
{
    fac__node *n = fac__record(name, product_backward, 1, 2, sizeof f, bias, a, b);
    if (n && !n->failed) {
        *(factors *)n->params = f;
        if (fac__wants(n, 2)) fac__save(n, 0, a);
        if (fac__wants(n, 1)) fac__save(n, 1, b);
    }
    int64_t batched[3] = {a->shape[0], rows(a, f.ta), columns(b, f.tb)};
    fac_tensor *y = fac__new((fac_dtype)a->dtype, a->ndim, batched + (a->ndim == 2));
    if (!bias) f.beta = 0;
    const fac_tensor *row = y && f.beta != 0 && is_row(bias, y) ? bias : NULL;
    if (y && f.beta != 0 && !row && !fac__copy_into(y, bias)) {
        fac_release(y);
        y = NULL;
    }
    if (y) gemm_into(y, row, a, b, f);
    return fac__result(n, y);
}

bool fac__same_dtype(const fac_tensor *a, const fac_tensor *b)
{
    if (a->dtype == b->dtype) return true;
    return fac__runtime_error("expected scalar type %s but found %s", fac__dtype_word((fac_dtype)a->dtype),
                              fac__dtype_word((fac_dtype)b->dtype)),
           false;
}

static bool fit(const fac_tensor *a, const fac_tensor *b, bool tb)
{
    if (a->shape[1] == rows(b, tb)) return true;
    return fac__runtime_error("mat1 and mat2 shapes cannot be multiplied (%lldx%lld and %lldx%lld)",
                              (long long)a->shape[0], (long long)a->shape[1], (long long)rows(b, tb),
                              (long long)columns(b, tb)),
           false;
}

bool fac__bias_fits(fac_tensor *bias, int ndim, const int64_t *shape)
{
    int lead = ndim - bias->ndim;
    bool fits = lead >= 0;
    for (int d = 0; d < bias->ndim && fits; d++)
        fits = bias->shape[d] == shape[lead + d] || bias->shape[d] == 1;
    return fits || (fac_expand(bias, fac_dims_make(ndim, shape)) && false);
}

fac_tensor *fac_mm(fac_tensor *self, fac_tensor *mat2)
{
    FAC__OP("mm");
    FAC__NEED(self);
    FAC__NEED(mat2);
    FAC__TRACE("mm", FAC__ARG(self), FAC__ARG(mat2));
    if (self->ndim != 2) return fac__runtime_error("self must be a matrix");
    if (mat2->ndim != 2) return fac__runtime_error("mat2 must be a matrix");
    if (!fit(self, mat2, false) || !fac__same_dtype(self, mat2)) return NULL;
    return plain(self, false, mat2, false, 1);
}

static bool batches_fit(const fac_tensor *a, const fac_tensor *b)
{
    if (a->ndim != 3) return fac__runtime_error("batch1 must be a 3D tensor"), false;
    if (b->ndim != 3) return fac__runtime_error("batch2 must be a 3D tensor"), false;
    if (a->shape[0] == b->shape[0] && a->shape[2] == b->shape[1]) return fac__same_dtype(a, b);
    return fac__runtime_error(
               "Expected size for first two dimensions of batch2 tensor to be: [%lld, %lld] but got: [%lld, %lld].",
               (long long)a->shape[0], (long long)a->shape[2], (long long)b->shape[0], (long long)b->shape[1]),
           false;
}

fac_tensor *fac_bmm(fac_tensor *self, fac_tensor *mat2)
{
    FAC__OP("bmm");
    FAC__NEED(self);
    FAC__NEED(mat2);
    FAC__TRACE("bmm", FAC__ARG(self), FAC__ARG(mat2));
    return batches_fit(self, mat2) ? plain(self, false, mat2, false, 1) : NULL;
}

static bool addmm_dtypes(const fac_tensor *self, const fac_tensor *a, const fac_tensor *b)
{
    if (self->dtype != b->dtype) return fac__runtime_error("self and mat2 must have the same dtype"), false;
    if (a->dtype != b->dtype) return fac__runtime_error("mat1 and mat2 must have the same dtype"), false;
    return true;
}

fac_tensor *fac_addmm_with(fac_tensor *self, fac_tensor *mat1, fac_tensor *mat2, fac_addmm_options options)
{
    FAC__OP("addmm");
    FAC__NEED(self);
    FAC__NEED(mat1);
    FAC__NEED(mat2);
    FAC__TRACE("addmm", FAC__ARG(self), FAC__ARG(mat1), FAC__ARG(mat2), FAC__KEYWORD("beta", options.beta),
               FAC__KEYWORD("alpha", options.alpha));
    if (mat1->ndim != 2) return fac__runtime_error("mat1 must be a matrix, got %d-D tensor", mat1->ndim);
    if (mat2->ndim != 2) return fac__runtime_error("mat2 must be a matrix, got %d-D tensor", mat2->ndim);
    if (!fit(mat1, mat2, false) || !addmm_dtypes(self, mat1, mat2)) return NULL;
    if (!fac__bias_fits(self, 2, (int64_t[]){mat1->shape[0], mat2->shape[1]})) return NULL;
    return product("AddmmBackward0", self, mat1, mat2, (factors){false, false, options.beta, options.alpha});
}

fac_tensor *fac_baddbmm_with(fac_tensor *self, fac_tensor *batch1, fac_tensor *batch2, fac_addmm_options options)
{
    FAC__OP("baddbmm");
    FAC__NEED(self);
    FAC__NEED(batch1);
    FAC__NEED(batch2);
    FAC__TRACE("baddbmm", FAC__ARG(self), FAC__ARG(batch1), FAC__ARG(batch2), FAC__KEYWORD("beta", options.beta),
               FAC__KEYWORD("alpha", options.alpha));
    if (!batches_fit(batch1, batch2) || !fac__same_dtype(batch1, self)) return NULL;
    if (!fac__bias_fits(self, 3, (int64_t[]){batch1->shape[0], batch1->shape[1], batch2->shape[2]})) return NULL;
    return product("BaddbmmBackward0", self, batch1, batch2, (factors){false, false, options.beta, options.alpha});
}

fac_tensor *fac_addbmm_with(fac_tensor *self, fac_tensor *batch1, fac_tensor *batch2, fac_addmm_options options)
{
    FAC__OP("addbmm");
    FAC__NEED(self);
    FAC__NEED(batch1);
    FAC__NEED(batch2);
    if (!batches_fit(batch1, batch2) || !fac__same_dtype(batch1, self)) return NULL;
    int64_t shape[] = {batch1->shape[1], batch2->shape[2]};
    if (!fac__bias_fits(self, 2, shape)) return NULL;
    fac_tensor *y = NULL;
    fac_scope {
        /* The sum over the batch is one product with the batch next to k: [n, b*k] [b*k, m]. */
        fac_tensor *a =
            fac_reshape(fac_transpose(batch1, 0, 1), FAC_DIMS(shape[0], batch1->shape[0] * batch1->shape[2]));
        fac_tensor *b = fac_reshape(batch2, FAC_DIMS(batch2->shape[0] * batch2->shape[1], shape[1]));
        if (a && b) y = product("AddbmmBackward0", self, a, b, (factors){false, false, options.beta, options.alpha});
        y = fac_escape(y);
    }
    return y;
}

/* ---- any shapes --------------------------------------------------------------------------------------------- */

static void unsafe_view_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    gx[0] = fac_reshape(gy[0], *(const fac_dims *)n->params);
}

/* A fresh result's memory in another shape: no view, as nobody else has it. */
static fac_tensor *unsafe_view(const char *name, fac_tensor *y, fac_dims shape)
{
    if (!y) return NULL;
    fac__node *n = fac__record(name, unsafe_view_backward, 1, 0, sizeof(fac_dims), y);
    if (n && !n->failed) *(fac_dims *)n->params = fac_shape(y);
    int64_t strides[FAC_MAX_DIMS];
    fac__contiguous_strides(shape.n, shape.d, strides);
    return fac__result(n, fac__new_view(y, shape.n, shape.d, strides, y->offset));
}

/* [..., n, k] as [b, n, k], broadcast to these batch dimensions; a copy only where strides cannot say it. */
static fac_tensor *batch_of(fac_tensor *t, fac_dims batch, int64_t count)
{
    int64_t r = rows(t, false), c = columns(t, false), own = 1;
    for (int i = 0; i < t->ndim - 2; i++)
        own *= t->shape[i];
    if (own == count) return t->ndim == 3 ? t : fac_reshape(t, FAC_DIMS(count, r, c));
    if (own == 1) return fac_expand(fac_reshape(t, FAC_DIMS(1, r, c)), FAC_DIMS(count, r, c));
    batch.d[batch.n++] = r;
    batch.d[batch.n++] = c;
    return fac_reshape(fac_expand(t, batch), FAC_DIMS(count, r, c));
}

static fac_tensor *batched(fac_tensor *a, fac_tensor *b)
{
    fac_dims batch;
    if (!fac__broadcast_shapes(a->ndim - 2, a->shape, b->ndim - 2, b->shape, &batch.n, batch.d)) return NULL;
    if (batch.n + 2 > FAC_MAX_DIMS) return fac__value_error("at most %d dimensions", FAC_MAX_DIMS);
    int64_t count = 1;
    for (int i = 0; i < batch.n; i++)
        count *= batch.d[i];
    fac_tensor *x = batch_of(a, batch, count), *y = batch_of(b, batch, count);
    fac_tensor *z = x && y ? fac_bmm(x, y) : NULL;
    if (!z || batch.n == 1) return z;
    batch.d[batch.n++] = z->shape[1];
    batch.d[batch.n++] = z->shape[2];
    return unsafe_view("UnsafeViewBackward0", z, batch);
}

/* [..., n, k] times [k] or [k, m]: one product over all rows. */
static fac_tensor *folded(fac_tensor *a, fac_tensor *b)
{
    fac_dims shape = fac_shape(a);
    int64_t k = shape.d[--shape.n], count = 1;
    for (int i = 0; i < shape.n; i++)
        count *= shape.d[i];
    fac_tensor *flat = fac_reshape(a, FAC_DIMS(count, k));
    if (!flat) return NULL;
    fac_tensor *y = b->ndim == 1 ? fac_mv(flat, b) : fac_mm(flat, b);
    if (y && b->ndim == 2) shape.d[shape.n++] = b->shape[1];
    return unsafe_view("UnsafeViewBackward0", y, shape);
}

static fac_tensor *matmul(fac_tensor *a, fac_tensor *b)
{
    if (a->ndim == 1 && b->ndim == 1) return fac_dot(a, b);
    if (a->ndim == 2 && b->ndim == 1) return fac_mv(a, b);
    if (a->ndim == 2 && b->ndim == 2) return fac_mm(a, b);
    if (a->ndim == 1) {
        fac_tensor *row = fac_unsqueeze(a, 0), *y = row ? matmul(row, b) : NULL;
        return y ? fac_squeeze_dim(y, -2) : NULL;
    }
    if (b->ndim <= 2) return folded(a, b);
    return batched(a, b);
}

fac_tensor *fac_matmul(fac_tensor *self, fac_tensor *other)
{
    FAC__OP("matmul");
    FAC__NEED(self);
    FAC__NEED(other);
    FAC__TRACE("matmul", FAC__ARG(self), FAC__ARG(other));
    if (!self->ndim || !other->ndim)
        return fac__runtime_error("both arguments to matmul need to be at least 1D, but they are %dD and %dD",
                                  self->ndim, other->ndim);
    if (self->ndim == 2 && other->ndim == 2) return fac_mm(self, other);
    fac_tensor *y = NULL;
    fac_scope
        y = fac_escape(matmul(self, other));
    return y;
}

fac_tensor *fac_linear(fac_tensor *input, fac_tensor *weight, fac_tensor *bias)
{
    FAC__OP("linear");
    FAC__NEED(input);
    FAC__NEED(weight);
    FAC__TRACE("linear", FAC__ARG(input), FAC__ARG(weight), FAC__ARG(bias));
    fac_tensor *y = NULL;
    if (weight->ndim != 2 || !input->ndim) {
        fac_scope {
            y = fac_matmul(input, weight->ndim == 1 ? weight : fac_t(weight));
            y = fac_escape(y && bias ? fac_add(y, bias) : y);
        }
        return y;
    }
    bool flat = input->ndim == 2;
    fac_dims shape = fac_shape(input);
    int64_t k = shape.d[shape.n - 1], count = 1;
    for (int i = 0; i < shape.n - 1; i++)
        count *= shape.d[i];
    shape.d[shape.n - 1] = weight->shape[0];
    fac_scope {
        fac_tensor *x = flat ? input : fac_reshape(input, FAC_DIMS(count, k));
        bool ok = x && fit(x, weight, true) && (bias ? addmm_dtypes(bias, x, weight) : fac__same_dtype(x, weight));
        if (ok && bias) ok = fac__bias_fits(bias, 2, (int64_t[]){count, weight->shape[0]});
        if (ok) y = product(bias ? "AddmmBackward0" : "MmBackward0", bias, x, weight, (factors){false, true, 1, 1});
        if (!flat) y = unsafe_view(bias ? "ViewBackward0" : "UnsafeViewBackward0", y, shape);
        y = fac_escape(y);
    }
    return y;
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

FAC__CALL(mm, R(fac_mm(T(0), T(1))))
FAC__CALL(bmm, R(fac_bmm(T(0), T(1))))
FAC__CALL(matmul_, R(fac_matmul(T(0), T(1))))
FAC__CALL(linear, R(fac_linear(T(0), T(1), T(2))))
FAC__CALL(addmm, R(fac_addmm_with(T(0), T(1), T(2), SCALED(3, 4))))
FAC__CALL(addbmm, R(fac_addbmm_with(T(0), T(1), T(2), SCALED(3, 4))))
FAC__CALL(baddbmm, R(fac_baddbmm_with(T(0), T(1), T(2), SCALED(3, 4))))

const fac__op fac__ops_matmul[] = {
    {"mm(Tensor self, Tensor mat2) -> Tensor", mm, "Product of two matrices."},
    {"bmm(Tensor self, Tensor mat2) -> Tensor", bmm, "Products of matrices, pair by pair."},
    {"matmul(Tensor self, Tensor other) -> Tensor", matmul_, "Product of vectors, matrices or batches of matrices."},
    {"linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", linear, "x w^T + b"},
    {"addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor", addmm,
     "beta * self + alpha * mat1 mat2"},
    {"addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor", addbmm,
     "beta * self + alpha * the sum of the products of pairs of matrices"},
    {"baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor", baddbmm,
     "beta * self + alpha * batch1 batch2"},
    {0},
};
