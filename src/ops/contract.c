/* Floor 4. Products over chosen dimensions (facula/ops_matmul.h), all by way of mm, bmm and mul. */
#include "facula/ops_matmul.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "shaping.h"

/* ---- tensordot, inner, vecdot ----------------------------------------------------------------------------------- */

/* Which dimensions are contracted, wrapped; false with an error if one comes twice or is out of range. */
static bool mark(fac_dims *dims, int ndim, bool *marked)
{
    for (int i = 0; i < dims->n; i++) {
        int d = fac__wrap_dim(dims->d[i], ndim);
        if (d < 0) return false;
        if (marked[d]) return fac__runtime_error("dim %d appears multiple times in the list of dims", d), false;
        marked[d] = true;
        dims->d[i] = d;
    }
    return true;
}

static fac_tensor *tensordot(fac_tensor *a, fac_tensor *b, fac_dims da, fac_dims db)
{
    bool in_a[FAC_MAX_DIMS] = {false}, in_b[FAC_MAX_DIMS] = {false};
    fac_dims given_a = da, given_b = db, order_a = {.n = 0}, order_b, shape = {.n = 0};
    if (!mark(&da, a->ndim, in_a) || !mark(&db, b->ndim, in_b)) return NULL;
    int64_t k = 1, n = 1, m = 1;
    for (int i = 0; i < da.n; i++) {
        int64_t sa = a->shape[da.d[i]], sb = b->shape[db.d[i]];
        if (sa != sb && sa != 1 && sb != 1)
            return fac__runtime_error(
                "contracted dimensions need to match, but first has size %lld in dim %lld and second has size %lld "
                "in dim %lld",
                (long long)sa, (long long)given_a.d[i], (long long)sb, (long long)given_b.d[i]);
        if (sa != sb) { /* size 1 is broadcast: the other is summed */
            fac_tensor **larger = sa == 1 ? &b : &a;
            *larger = fac_sum(*larger, .dim = sa == 1 ? db.d[i] : da.d[i], .keepdim = true);
            if (!*larger) return NULL;
        } else {
            k *= sa;
        }
    }
    order_b = db;
    for (int d = 0; d < a->ndim; d++)
        if (!in_a[d]) order_a.d[order_a.n++] = d, shape.d[shape.n++] = a->shape[d], n *= a->shape[d];
    for (int i = 0; i < da.n; i++)
        order_a.d[order_a.n++] = da.d[i];
    if (shape.n + b->ndim - db.n > FAC_MAX_DIMS) return fac__value_error("at most %d dimensions", FAC_MAX_DIMS);
    for (int d = 0; d < b->ndim; d++)
        if (!in_b[d]) order_b.d[order_b.n++] = d, shape.d[shape.n++] = b->shape[d], m *= b->shape[d];
    fac_tensor *x = fac_reshape(fac_permute(a, order_a), FAC_DIMS(n, k));
    fac_tensor *y = fac_reshape(fac_permute(b, order_b), FAC_DIMS(k, m));
    fac_tensor *z = x && y ? fac_mm(x, y) : NULL;
    return z ? fac_reshape(z, shape) : NULL;
}

fac_tensor *fac_tensordot(fac_tensor *self, fac_tensor *other, fac_dims dims_self, fac_dims dims_other)
{
    FAC__OP("tensordot");
    FAC__NEED(self);
    FAC__NEED(other);
    if (dims_self.n != dims_other.n || dims_self.n < 0 || dims_self.n > FAC_MAX_DIMS)
        return fac__runtime_error("both dimension lists should have same length");
    fac_tensor *y = NULL;
    fac_scope
        y = fac_escape(tensordot(self, other, dims_self, dims_other));
    return y;
}

fac_tensor *fac_tensordot_n(fac_tensor *self, fac_tensor *other, int n)
{
    FAC__OP("tensordot");
    FAC__NEED(self);
    FAC__NEED(other);
    if (n < 0 || n > self->ndim || n > other->ndim)
        return fac__runtime_error("tensordot expects dims >= 0 and at most the dimensions of both, but got dims=%d", n);
    fac_dims last = {.n = n}, first = {.n = n};
    for (int i = 0; i < n; i++) {
        last.d[i] = i - n;
        first.d[i] = i;
    }
    return fac_tensordot(self, other, last, first);
}

fac_tensor *fac_inner(fac_tensor *self, fac_tensor *other)
{
    FAC__OP("inner");
    FAC__NEED(self);
    FAC__NEED(other);
    if (!self->ndim || !other->ndim) return fac_mul(self, other);
    if (self->shape[self->ndim - 1] != other->shape[other->ndim - 1])
        return fac__runtime_error(
            "inner() the last dimension must match on both input tensors but got shapes %s and %s",
            fac__shape_text(self->ndim, self->shape), fac__shape_text(other->ndim, other->shape));
    return fac_tensordot(self, other, fac_dims_one(-1), fac_dims_one(-1));
}

fac_tensor *fac_vecdot(fac_tensor *self, fac_tensor *other, int64_t dim)
{
    FAC__OP("linalg.vecdot");
    FAC__NEED(self);
    FAC__NEED(other);
    if (!fac_dtype_is_floating((fac_dtype)self->dtype))
        return fac__runtime_error("linalg.vecdot: Expected a floating point or complex tensor as input. Got %s",
                                  fac__dtype_word((fac_dtype)self->dtype));
    if (self->dtype != other->dtype)
        return fac__runtime_error(
            "linalg.vecdot: Expected x and y to have the same dtype, but found x of type %s and y of type %s instead",
            fac__dtype_word((fac_dtype)self->dtype), fac__dtype_word((fac_dtype)other->dtype));
    fac_tensor *y = NULL;
    fac_scope {
        fac_tensor *products = fac_mul(self, other);
        y = products ? fac_escape(fac_sum(products, .dim = dim)) : NULL;
    }
    return y;
}

/* ---- chains of matrices ------------------------------------------------------------------------------------------ */

enum { CHAIN = 64 };

typedef struct chain {
    fac_tensor *matrix[CHAIN];
    int split[CHAIN][CHAIN];
} chain;

/* The order of fewest multiplications (Cormen et al., Introduction to Algorithms, 15.2). */
static void choose_order(chain *c, int n)
{
    double cost[CHAIN][CHAIN];
    for (int i = 0; i < n; i++)
        cost[i][i] = 0;
    for (int length = 1; length < n; length++)
        for (int i = 0; i + length < n; i++) {
            int j = i + length;
            for (int k = i; k < j; k++) {
                double rows = (double)c->matrix[i]->shape[0], middle = (double)c->matrix[k]->shape[1];
                double total = cost[i][k] + cost[k + 1][j] + rows * middle * (double)c->matrix[j]->shape[1];
                if (k == i || total < cost[i][j]) cost[i][j] = total, c->split[i][j] = k;
            }
        }
}

static fac_tensor *multiply_range(const chain *c, int i, int j)
{
    if (i == j) return c->matrix[i];
    fac_tensor *a = multiply_range(c, i, c->split[i][j]);
    fac_tensor *b = a ? multiply_range(c, c->split[i][j] + 1, j) : NULL;
    return b ? fac_mm(a, b) : NULL;
}

static bool check_chain(fac_tensor_list l)
{
    int last = (int)l.count - 1;
    for (int i = 0; i <= last; i++) {
        int ndim = l.items[i]->ndim;
        if (i == 0 || i == last) {
            if (ndim < 1 || ndim > 2)
                return fac__runtime_error("multi_dot(): the %s tensor must be 1D or 2D but got %dD",
                                          i ? "last" : "first", ndim),
                       false;
        } else if (ndim != 2) {
            return fac__runtime_error("multi_dot(): tensor %d must be 2D but got %dD", i, ndim), false;
        }
    }
    for (int i = 0; i < last; i++) {
        const fac_tensor *a = l.items[i], *b = l.items[i + 1];
        if (a->shape[a->ndim - 1] != b->shape[0])
            return fac__runtime_error("multi_dot(): tensors %d and %d with shapes %s and %s cannot be multiplied", i,
                                      i + 1, fac__shape_text(a->ndim, a->shape), fac__shape_text(b->ndim, b->shape)),
                   false;
    }
    return true;
}

static bool chain_given(fac_tensor_list l)
{
    if (!fac__list_given(l)) return false;
    if (l.count > CHAIN)
        return fac__value_error("multi_dot(): at most %d tensors, but got %lld", CHAIN, (long long)l.count), false;
    return true;
}

static fac_tensor *multiply_chain(fac_tensor_list l)
{
    chain c;
    int n = (int)l.count;
    for (int i = 0; i < n; i++)
        c.matrix[i] = l.items[i];
    bool row = l.items[0]->ndim == 1, column = l.items[n - 1]->ndim == 1;
    if (row) c.matrix[0] = fac_unsqueeze(c.matrix[0], 0);
    if (column) c.matrix[n - 1] = fac_unsqueeze(c.matrix[n - 1], 1);
    if (!c.matrix[0] || !c.matrix[n - 1]) return NULL;
    choose_order(&c, n);
    fac_tensor *y = multiply_range(&c, 0, n - 1);
    if (y && column) y = fac_squeeze_dim(y, 1);
    if (y && row) y = fac_squeeze_dim(y, 0);
    return y;
}

fac_tensor *fac_multi_dot(fac_tensor_list tensors)
{
    FAC__OP("multi_dot");
    if (!chain_given(tensors)) return NULL;
    if (tensors.count < 2)
        return fac__runtime_error("multi_dot(): expected at least 2 tensors but got %lld", (long long)tensors.count);
    if (!check_chain(tensors)) return NULL;
    fac_tensor *y = NULL;
    fac_scope
        y = fac_escape(multiply_chain(tensors));
    return y;
}

fac_tensor *fac_chain_matmul(fac_tensor_list matrices)
{
    FAC__OP("chain_matmul");
    if (!chain_given(matrices)) return NULL;
    if (matrices.count < 1) return fac__runtime_error("chain_matmul(): Expected one or more matrices");
    for (int64_t i = 0; i < matrices.count; i++)
        if (matrices.items[i]->ndim != 2)
            return fac__runtime_error("Tensor argument %lld must be 2-D, but got %d-D", (long long)i,
                                      matrices.items[i]->ndim);
    return matrices.count == 1 ? matrices.items[0] : fac_multi_dot(matrices);
}

/* ---- kron, bilinear ---------------------------------------------------------------------------------------------- */

fac_tensor *fac_kron(fac_tensor *self, fac_tensor *other)
{
    FAC__OP("kron");
    FAC__NEED(self);
    FAC__NEED(other);
    int n = self->ndim > other->ndim ? self->ndim : other->ndim;
    if (2 * n > FAC_MAX_DIMS) return fac__value_error("kron: at most %d dimensions", FAC_MAX_DIMS / 2);
    fac_dims a = {.n = 2 * n}, b = {.n = 2 * n}, shape = {.n = n};
    for (int d = 0; d < n; d++) {
        int da = d - (n - self->ndim), db = d - (n - other->ndim);
        int64_t sa = da < 0 ? 1 : self->shape[da], sb = db < 0 ? 1 : other->shape[db];
        a.d[2 * d] = sa;
        b.d[2 * d + 1] = sb;
        a.d[2 * d + 1] = b.d[2 * d] = 1;
        shape.d[d] = sa * sb;
    }
    fac_tensor *y = NULL;
    fac_scope {
        fac_tensor *x = fac_reshape(self, a), *z = x ? fac_reshape(other, b) : NULL;
        fac_tensor *products = z ? fac_mul(x, z) : NULL;
        y = products ? fac_escape(fac_reshape(products, shape)) : NULL;
    }
    return y;
}

fac_tensor *fac_bilinear(fac_tensor *input1, fac_tensor *input2, fac_tensor *weight, fac_tensor *bias)
{
    FAC__OP("bilinear");
    FAC__NEED(input1);
    FAC__NEED(input2);
    FAC__NEED(weight);
    if (input1->ndim != input2->ndim || !input1->ndim)
        return fac__runtime_error("bilinear(): input dimensions do not match: got %d and %d", input1->ndim,
                                  input2->ndim);
    if (weight->ndim != 3)
        return fac__runtime_error("bilinear(): weight must be 3-dimensional, but got %d", weight->ndim);
    int last = input1->ndim - 1;
    for (int d = 0; d < last; d++)
        if (input1->shape[d] != input2->shape[d])
            return fac__runtime_error("bilinear(): input batch dimensions do not match at dim %d: got %lld and %lld", d,
                                      (long long)input1->shape[d], (long long)input2->shape[d]);
    fac_tensor *in[2] = {input1, input2};
    for (int i = 0; i < 2; i++)
        if (in[i]->shape[last] != weight->shape[1 + i])
            return fac__runtime_error("bilinear(): input%d size does not match weight size: got %lld but expected %lld",
                                      i + 1, (long long)in[i]->shape[last], (long long)weight->shape[1 + i]);
    if (bias && (bias->ndim != 1 || bias->shape[0] != weight->shape[0]))
        return fac__runtime_error("bilinear(): bias size does not match weight size: got %lld but expected %lld",
                                  (long long)bias->numel, (long long)weight->shape[0]);
    fac_tensor *y = NULL;
    fac_scope {
        y = fac_einsum("...i,kij,...j->...k", input1, weight, input2);
        y = fac_escape(y && bias ? fac_add(y, bias) : y);
    }
    return y;
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

FAC__CALL(tensordot_, R(fac_tensordot(T(0), T(1), L(2), L(3))))
FAC__CALL(tensordot_n, R(fac_tensordot_n(T(0), T(1), (int)I(2))))
static fac_tensor *by_lists(fac_tensor *a, fac_tensor *b, const fac_value *dims)
{
    if (dims->kind != FAC_VALUE_LIST || dims->v.list.count != 2)
        return fac__runtime_error("tensordot expects dims to be a number or two lists");
    return fac_tensordot(a, b, fac__value_dims(&dims->v.list.items[0]), fac__value_dims(&dims->v.list.items[1]));
}
FAC__CALL(tensordot_lists, R(by_lists(T(0), T(1), &args[2])))
FAC__CALL(inner, R(fac_inner(T(0), T(1))))
FAC__CALL(vecdot, R(fac_vecdot(T(0), T(1), I(2))))
FAC__CALL(multi_dot, R(fac_multi_dot(TL(0))))
FAC__CALL(chain_matmul, R(fac_chain_matmul(TL(0))))
FAC__CALL(kron, R(fac_kron(T(0), T(1))))
FAC__CALL(bilinear, R(fac_bilinear(T(0), T(1), T(2), T(3))))

const fac__op fac__ops_contract[] = {
    {"tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor", tensordot_,
     "Sums over pairs of dimensions of two tensors."},
    {"tensordot.int(Tensor a, Tensor b, int dims=2) -> Tensor", tensordot_n,
     "Sums over the last dimensions of one and the first of the other."},
    {"tensordot.lists(Tensor a, Tensor b, any dims) -> Tensor", tensordot_lists,
     "The same, with both lists of dimensions in one."},
    {"inner(Tensor self, Tensor other) -> Tensor", inner, "Sums of products over the last dimension of both."},
    {"linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor", vecdot, "Dot products along dim."},
    {"linalg_multi_dot(Tensor[] tensors) -> Tensor", multi_dot, "Product of several matrices in the cheapest order."},
    {"chain_matmul(Tensor[] matrices) -> Tensor", chain_matmul, "Product of several matrices in the cheapest order."},
    {"kron(Tensor self, Tensor other) -> Tensor", kron, "Kronecker product."},
    {"bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor", bilinear, "x1^T A x2 + b"},
    {0},
};
