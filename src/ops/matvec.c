/* Floor 4. Products with vectors (facula/ops_matmul.h): one gemm each, or broadcasting. */
#include "product.h"

#include "backend/gemm.h"
#include "facula/ops_view.h"
#include "tracing.h"

/* ---- matrix and vector ------------------------------------------------------------------------------------------ */

static void mv_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const fac_addmm_options *f = n->params;
    fac_tensor *g = fac__scaled(gy[0], f->alpha), *a, *x;
    if (fac__wants(n, 0)) gx[0] = fac__scaled(gy[0], f->beta);
    if (fac__wants(n, 1) && (x = fac__saved(n, 1))) gx[1] = fac_outer(g, x);
    if (fac__wants(n, 2) && (a = fac__saved(n, 0))) gx[2] = fac_mv(fac_t(a), g);
}

static fac_tensor *matrix_vector(const char *name, fac_tensor *bias, fac_tensor *a, fac_tensor *x, fac_addmm_options o)
{
    if (a->ndim != 2 || x->ndim != 1 || (bias && bias->ndim > 1))
        return fac__runtime_error("vector + matrix @ vector expected, got %d, %d, %d", bias ? bias->ndim : 1, a->ndim,
                                  x->ndim);
    int64_t rows = a->shape[0], size = bias ? bias->numel : rows;
    if (a->shape[1] != x->shape[0] || (size != rows && size != 1))
        return fac__runtime_error("size mismatch, got %lld, %lldx%lld,%lld", (long long)size, (long long)rows,
                                  (long long)a->shape[1], (long long)x->shape[0]);
    if (!fac__same_dtype(a, x) || (bias && !fac__same_dtype(a, bias))) return NULL;
    if (!bias) o.beta = 0;
    fac__node *n = fac__record(name, mv_backward, 1, 2, sizeof o, bias, a, x);
    if (n && !n->failed) {
        *(fac_addmm_options *)n->params = o;
        if (fac__wants(n, 2)) fac__save(n, 0, a);
        if (fac__wants(n, 1)) fac__save(n, 1, x);
    }
    fac_tensor *y = fac__new((fac_dtype)a->dtype, 1, &rows);
    if (y && o.beta != 0 && !fac__copy_into(y, bias)) {
        fac_release(y);
        y = NULL;
    }
    if (y && rows) {
        fac__gemm_args args = {.dtype = (fac_dtype)a->dtype,
                               .batch = 1,
                               .m = rows,
                               .n = 1,
                               .k = a->shape[1],
                               .a = fac__data(a),
                               .b = fac__data(x),
                               .c = fac__data(y),
                               .a_row = a->strides[0],
                               .a_col = a->strides[1],
                               .b_row = x->strides[0],
                               .b_col = 1,
                               .c_row = 1,
                               .c_col = 1,
                               .alpha = o.alpha,
                               .beta = o.beta};
        FAC__LAUNCH(fac__k_gemm, args);
    }
    return fac__result(n, y);
}

fac_tensor *fac_mv(fac_tensor *self, fac_tensor *vec)
{
    FAC__OP("mv");
    FAC__NEED(self);
    FAC__NEED(vec);
    FAC__TRACE("mv", FAC__ARG(self), FAC__ARG(vec));
    return matrix_vector("MvBackward0", NULL, self, vec, fac_addmm_options_defaults());
}

fac_tensor *fac_addmv_with(fac_tensor *self, fac_tensor *mat, fac_tensor *vec, fac_addmm_options options)
{
    FAC__OP("addmv");
    FAC__NEED(self);
    FAC__NEED(mat);
    FAC__NEED(vec);
    return matrix_vector("AddmvBackward0", self, mat, vec, options);
}

/* ---- two vectors ------------------------------------------------------------------------------------------------ */

static void dot_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    for (int i = 0; i < 2; i++) {
        fac_tensor *other = fac__wants(n, i) ? fac__saved(n, 1 - i) : NULL;
        if (other) gx[i] = fac_mul(gy[0], other);
    }
}

static fac_tensor *dot(fac_tensor *a, fac_tensor *b, const char *op, const char *node)
{
    if (a->ndim != 1 || b->ndim != 1)
        return fac__runtime_error("1D tensors expected, but got %dD and %dD tensors", a->ndim, b->ndim);
    if (a->dtype != b->dtype)
        return fac__runtime_error("%s : expected both vectors to have same dtype, but found %s and %s", op,
                                  fac__dtype_word((fac_dtype)a->dtype), fac__dtype_word((fac_dtype)b->dtype));
    if (a->numel != b->numel)
        return fac__runtime_error(
            "inconsistent tensor size, expected tensor [%lld] and src [%lld] to have the same number of "
            "elements, but got %lld and %lld elements respectively",
            (long long)a->numel, (long long)b->numel, (long long)a->numel, (long long)b->numel);
    fac__node *n = fac__record(node, dot_backward, 1, 2, 0, a, b);
    if (n && !n->failed) {
        if (fac__wants(n, 1)) fac__save(n, 0, a);
        if (fac__wants(n, 0)) fac__save(n, 1, b);
    }
    fac_tensor *y = fac__new((fac_dtype)a->dtype, 0, NULL);
    if (y) {
        fac__gemm_args args = {.dtype = (fac_dtype)a->dtype,
                               .batch = 1,
                               .m = 1,
                               .n = 1,
                               .k = a->numel,
                               .a = fac__data(a),
                               .b = fac__data(b),
                               .c = fac__data(y),
                               .a_row = 1,
                               .a_col = a->strides[0],
                               .b_row = b->strides[0],
                               .b_col = 1,
                               .c_row = 1,
                               .c_col = 1,
                               .alpha = 1};
        FAC__LAUNCH(fac__k_gemm, args);
    }
    return fac__result(n, y);
}

fac_tensor *fac_dot(fac_tensor *self, fac_tensor *tensor)
{
    FAC__OP("dot");
    FAC__NEED(self);
    FAC__NEED(tensor);
    FAC__TRACE("dot", FAC__ARG(self), FAC__ARG(tensor));
    return dot(self, tensor, "dot", "DotBackward0");
}

fac_tensor *fac_vdot(fac_tensor *self, fac_tensor *other)
{
    FAC__OP("vdot");
    FAC__NEED(self);
    FAC__NEED(other);
    return dot(self, other, "vdot", "VdotBackward0");
}

fac_tensor *fac_outer(fac_tensor *self, fac_tensor *vec2)
{
    FAC__OP("outer");
    FAC__NEED(self);
    FAC__NEED(vec2);
    if (self->ndim != 1) return fac__runtime_error("outer: Expected 1-D argument self, but got %d-D", self->ndim);
    if (vec2->ndim != 1) return fac__runtime_error("outer: Expected 1-D argument vec2, but got %d-D", vec2->ndim);
    fac_tensor *column = fac_unsqueeze(self, 1);
    return column ? fac_mul(column, vec2) : NULL;
}

fac_tensor *fac_addr_with(fac_tensor *self, fac_tensor *vec1, fac_tensor *vec2, fac_addmm_options options)
{
    FAC__OP("addr");
    FAC__NEED(self);
    FAC__NEED(vec1);
    FAC__NEED(vec2);
    if (vec1->ndim != 1 || vec2->ndim != 1)
        return fac__runtime_error("addr: Expected 1-D argument vec%d, but got %d-D", vec1->ndim != 1 ? 1 : 2,
                                  vec1->ndim != 1 ? vec1->ndim : vec2->ndim);
    if (!fac__bias_fits(self, 2, (int64_t[]){vec1->shape[0], vec2->shape[0]})) return NULL;
    fac__arg args[] = {fac__tensor_arg(self), fac__tensor_arg(vec1), fac__tensor_arg(vec2)};
    fac_dtype common = fac__result_type(3, args); /* of the products too */
    fac_tensor *y = NULL;
    fac_scope {
        y = fac__scaled(fac_outer(fac_to(vec1, common), fac_to(vec2, common)), options.alpha);
        if (y && options.beta != 0) y = fac_add(fac__scaled(self, options.beta), y);
        y = fac_escape(y);
    }
    return y;
}

/* ---- by name ---------------------------------------------------------------------------------------------------- */

FAC__CALL(mv, R(fac_mv(T(0), T(1))))
FAC__CALL(dot_, R(fac_dot(T(0), T(1))))
FAC__CALL(vdot, R(fac_vdot(T(0), T(1))))
FAC__CALL(outer, R(fac_outer(T(0), T(1))))
FAC__CALL(addmv, R(fac_addmv_with(T(0), T(1), T(2), SCALED(3, 4))))
FAC__CALL(addr, R(fac_addr_with(T(0), T(1), T(2), SCALED(3, 4))))

const fac__op fac__ops_matvec[] = {
    {"mv(Tensor self, Tensor vec) -> Tensor", mv, "Matrix times vector."},
    {"dot(Tensor self, Tensor tensor) -> Tensor", dot_, "Dot product of two vectors."},
    {"vdot(Tensor self, Tensor other) -> Tensor", vdot, "Dot product of two vectors."},
    {"outer(Tensor self, Tensor vec2) -> Tensor", outer,
     "Every product of an element of one and one of the other vector."},
    {"addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor", addmv,
     "beta * self + alpha * mat vec"},
    {"addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor", addr,
     "beta * self + alpha * outer(vec1, vec2)"},
    {0},
};
