/* Floor 4. Softmax and its logarithm along a dimension (facula/ops_reduce.h). Forward and backward are one kernel each;
 * backward is an operation itself, so that it can be differentiated again. */
#include "backend/reduce.h"
#include "facula/ops_reduce.h"
#include "op.h"
#include "plain.h"
#include "tracing.h"

typedef struct softmax {
    int dim;
    bool log;
} softmax;

/* y = softmax(x), or, with the gradient g of y, the gradient of x. Takes contiguous tensors of one shape. */
static fac_tensor *run(softmax s, const fac_tensor *x, const fac_tensor *y, const fac_tensor *g)
{
    const fac_tensor *like = x ? x : y;
    fac_tensor *out = fac__new_like(like, (fac_dtype)like->dtype);
    if (!out || !out->numel) return out;
    fac__softmax_args args = {
        .dtype = (fac_dtype)like->dtype, .log = s.log, .backward = g != NULL, .outer = 1, .n = 1, .inner = 1};
    for (int d = 0; d < like->ndim; d++)
        *(d < s.dim ? &args.outer : d == s.dim ? &args.n : &args.inner) *= like->shape[d];
    args.x = x ? fac__data(x) : NULL;
    args.y = y ? fac__data(y) : NULL;
    args.g = g ? fac__data(g) : NULL;
    args.out = fac__data(out);
    FAC__LAUNCH(fac__k_softmax, args);
    return out;
}

static fac__node *record(const char *name, fac__backward_fn backward, softmax s, fac_tensor *a, fac_tensor *b)
{
    fac__node *n = fac__record(name, backward, 1, 2, sizeof s, a, b);
    if (n && !n->failed) *(softmax *)n->params = s;
    return n;
}

static fac_tensor *gradient(fac_tensor *g, fac_tensor *y, softmax s);

/* Of dx = y (g - sum(g y)), and of dx = g - exp(y) sum(g), along the gradient u of dx. */
static void gradient_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    softmax s = *(const softmax *)n->params;
    fac_tensor *u = gy[0], *g = fac__saved(n, 0), *y = fac__saved(n, 1);
    if (!g || !y) return;
    if (s.log) {
        fac_tensor *e = fac_exp(y);
        if (fac__wants(n, 0)) gx[0] = fac_sub(u, fac_sum(fac_mul(u, e), .dim = s.dim, .keepdim = true));
        if (fac__wants(n, 1)) gx[1] = fac_neg(fac_mul(fac_mul(u, e), fac_sum(g, .dim = s.dim, .keepdim = true)));
        return;
    }
    if (fac__wants(n, 0)) gx[0] = gradient(u, y, s);
    if (fac__wants(n, 1)) {
        fac_tensor *gy_sum = fac_sum(fac_mul(g, y), .dim = s.dim, .keepdim = true);
        fac_tensor *uy_sum = fac_sum(fac_mul(u, y), .dim = s.dim, .keepdim = true);
        fac_tensor *first = fac_mul(u, fac_sub(g, gy_sum));
        gx[1] = first && uy_sum ? fac_sub(first, fac_mul(g, uy_sum)) : NULL;
    }
}

static fac_tensor *gradient(fac_tensor *g, fac_tensor *y, softmax s)
{
    FAC__NEED(g);
    FAC__NEED(y);
    if (!fac__same_shape(g, y))
        return fac__runtime_error("grad_output and output must be of one shape, but got %s and %s",
                                  fac__shape_text(g->ndim, g->shape), fac__shape_text(y->ndim, y->shape));
    if (!fac_dtype_is_floating((fac_dtype)y->dtype))
        return fac__runtime_error("\"%ssoftmax_backward\" not implemented for '%s'", s.log ? "log_" : "",
                                  fac__dtype_word((fac_dtype)y->dtype));
    fac__node *n =
        record(s.log ? "LogSoftmaxBackwardDataBackward0" : "SoftmaxBackwardDataBackward0", gradient_backward, s, g, y);
    fac__save(n, 0, g);
    fac__save(n, 1, y);
    fac_tensor *pg = fac__plain(g, (fac_dtype)y->dtype), *py = fac__plain(y, (fac_dtype)y->dtype);
    return fac__result(n, pg && py ? run(s, NULL, py, pg) : NULL);
}

static void softmax_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *y = fac__saved(n, 0);
    if (y) gx[0] = gradient(gy[0], y, *(const softmax *)n->params);
}

static fac_tensor *forward(fac_tensor *x, int64_t dim, bool log)
{
    softmax s = {fac__wrap_dim(dim, x->ndim), log};
    if (s.dim < 0) return NULL;
    if (!fac_dtype_is_floating((fac_dtype)x->dtype))
        return fac__runtime_error("\"%ssoftmax%s_kernel_impl\" not implemented for '%s'", log ? "log_" : "",
                                  s.dim == x->ndim - 1 ? "_lastdim" : "", fac__dtype_word((fac_dtype)x->dtype));
    fac__node *n = record(log ? "LogSoftmaxBackward0" : "SoftmaxBackward0", softmax_backward, s, x, NULL);
    fac_tensor *plain = fac__plain(x, (fac_dtype)x->dtype);
    fac_tensor *y = plain ? run(s, plain, NULL, NULL) : NULL;
    fac__save_output(n, 0, y, 0);
    return fac__result(n, y);
}

fac_tensor *fac_softmax(fac_tensor *self, int64_t dim, fac_dtype dtype)
{
    FAC__OP("softmax");
    FAC__NEED(self);
    FAC__TRACE("softmax.int", FAC__ARG(self), FAC__ARG(dim), {NULL, fac__value_of_dtype(dtype)});
    fac_tensor *x = fac_to(self, dtype);
    return x ? forward(x, dim, false) : NULL;
}

fac_tensor *fac_log_softmax(fac_tensor *self, int64_t dim, fac_dtype dtype)
{
    FAC__OP("log_softmax");
    FAC__NEED(self);
    FAC__TRACE("log_softmax.int", FAC__ARG(self), FAC__ARG(dim), {NULL, fac__value_of_dtype(dtype)});
    fac_tensor *x = fac_to(self, dtype);
    return x ? forward(x, dim, true) : NULL;
}

fac_tensor *fac_softmin(fac_tensor *self, int64_t dim, fac_dtype dtype)
{
    FAC__OP("softmin");
    FAC__NEED(self);
    FAC__TRACE("softmin", FAC__ARG(self), FAC__ARG(dim), {"dtype", fac__value_of_dtype(dtype)});
    fac_tensor *x = fac_to(fac_neg(self), dtype);
    return x ? forward(x, dim, false) : NULL;
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

static fac_tensor *gradient_by_name(fac_tensor *g, fac_tensor *y, int64_t dim, fac_dtype input, bool log)
{
    FAC__OP(log ? "_log_softmax_backward_data" : "_softmax_backward_data");
    FAC__NEED(g);
    FAC__NEED(y);
    int d = fac__wrap_dim(dim, y->ndim);
    return d < 0 ? NULL : fac_to(gradient(g, y, (softmax){d, log}), input);
}

FAC__CALL(softmax_int, R(fac_softmax(T(0), I(1), DT(2))))
FAC__CALL(log_softmax_int, R(fac_log_softmax(T(0), I(1), DT(2))))
/* Without dim: that which PyTorch took before it had to be said. */
static int64_t implicit_dim(const fac_tensor *x)
{
    return x && (x->ndim == 0 || x->ndim == 1 || x->ndim == 3) ? 0 : 1;
}
FAC__CALL(softmin, R(fac_softmin(T(0), GIVEN(1) ? I(1) : implicit_dim(T(0)), DT(3))))
FAC__CALL(plain_softmax, R(fac_softmax(T(0), I(1), FAC_DTYPE_NONE)))
FAC__CALL(plain_log_softmax, R(fac_log_softmax(T(0), I(1), FAC_DTYPE_NONE)))
FAC__CALL(softmax_data, R(gradient_by_name(T(0), T(1), I(2), DT(3), false)))
FAC__CALL(log_softmax_data, R(gradient_by_name(T(0), T(1), I(2), DT(3), true)))

const fac__op fac__ops_softmax[] = {
    {"softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", softmax_int,
     "exp(x), scaled to sum 1 along dim."},
    {"log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", log_softmax_int,
     "The logarithm of softmax."},
    {"softmin(Tensor self, int? dim=None, int _stacklevel=3, ScalarType? dtype=None) -> Tensor", softmin,
     "softmax of -self."},
    {"_softmax(Tensor self, int dim, bool half_to_float) -> Tensor", plain_softmax, "softmax in self's own dtype."},
    {"_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor", plain_log_softmax,
     "log_softmax in self's own dtype."},
    {"_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
     softmax_data, "The input's gradient of softmax, from its output."},
    {"_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
     log_softmax_data, "The input's gradient of log_softmax, from its output."},
    {0},
};
