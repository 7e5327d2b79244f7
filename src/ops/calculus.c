/* Floor 4. Differences, derivatives and integrals of sampled functions (facula/ops_calculus.h): compositions. */
#include "facula/ops_calculus.h"

#include "facula/ops_create.h"
#include "facula/ops_join.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "shaping.h"

static fac_tensor *narrowed(fac_tensor *x, int dim, int64_t start, int64_t end)
{
    return x ? fac_narrow(x, dim, start, end - start) : NULL;
}

static fac_tensor *times(fac_tensor *x, double factor)
{
    return (fac_mul_scalar)(x, fac_scalar_float(factor));
}

static fac_tensor *over(fac_tensor *x, double divisor)
{
    return (fac_div_scalar)(x, fac_scalar_float(divisor));
}

/* ---- diff ---------------------------------------------------------------------------------------------------- */

/* Whether something may stand before or behind x along dim. */
static bool fits(const fac_tensor *x, const fac_tensor *other, int dim)
{
    if (!other) return true;
    if (other->ndim != x->ndim)
        return fac__runtime_error("diff expects prepend or append to be the same dimension as input");
    for (int d = 0; d < x->ndim; d++)
        if (d != dim && other->shape[d] != x->shape[d])
            return fac__runtime_error("diff expects the shape of tensor to prepend or append to match that of input "
                                      "except along the differencing dimension; input.size(%d) = %lld, but got "
                                      "tensor.size(%d) = %lld",
                                      d, (long long)x->shape[d], d, (long long)other->shape[d]);
    return true;
}

fac_tensor *fac_diff_with(fac_tensor *self, fac_diff_options options)
{
    FAC__OP("diff");
    FAC__NEED(self);
    if (!self->ndim) return fac__runtime_error("diff expects input to be at least one-dimensional");
    int dim = fac__wrap_dim(options.dim, self->ndim);
    if (dim < 0 || !fits(self, options.prepend, dim) || !fits(self, options.append, dim)) return NULL;
    if (!options.n) return fac_clone(self);
    fac_tensor *parts[3], *x = self;
    int64_t count = 0;
    if (options.prepend) parts[count++] = options.prepend;
    parts[count++] = self;
    if (options.append) parts[count++] = options.append;
    if (count > 1) x = fac_cat((fac_tensor_list){parts, count}, dim);
    for (int64_t i = 0; i < options.n && x && x->shape[dim]; i++) {
        fac_tensor *upper = narrowed(x, dim, 1, x->shape[dim]), *lower = narrowed(x, dim, 0, x->shape[dim] - 1);
        x = x->dtype == FAC_BOOL ? fac_logical_xor(upper, lower) : fac_sub(upper, lower);
    }
    return x == self ? fac_clone(self) : x;
}

/* ---- gradient ------------------------------------------------------------------------------------------------ */

/* front, middle and back along dim. */
static fac_tensor *joined(fac_tensor *front, fac_tensor *middle, fac_tensor *back, int dim)
{
    return front && middle && back ? fac_cat((fac_tensor_list){(fac_tensor *[]){front, middle, back}, 3}, dim) : NULL;
}

/* a f[at] + b f[at + 1] + c f[at + 2], for as many `at` as there are. */
static fac_tensor *weighted(fac_tensor *f, int dim, int64_t at, int64_t count, double a, double b, double c)
{
    fac_tensor *y = times(narrowed(f, dim, at, at + count), a);
    if (b != 0) y = fac_add(y, times(narrowed(f, dim, at + 1, at + 1 + count), b));
    return fac_add(y, times(narrowed(f, dim, at + 2, at + 2 + count), c));
}

static fac_tensor *slope_even(fac_tensor *f, int dim, double h, int edge_order)
{
    int64_t n = f->shape[dim];
    fac_tensor *front, *back, *middle = weighted(f, dim, 0, n - 2, -0.5, 0, 0.5);
    if (edge_order == 1) {
        front = fac_sub(narrowed(f, dim, 1, 2), narrowed(f, dim, 0, 1));
        back = fac_sub(narrowed(f, dim, n - 1, n), narrowed(f, dim, n - 2, n - 1));
    } else {
        front = weighted(f, dim, 0, 1, -1.5, 2, -0.5);
        back = weighted(f, dim, n - 3, 1, 0.5, -2, 1.5);
    }
    fac_tensor *y = joined(front, middle, back, dim);
    return y ? over(y, h) : NULL;
}

/* The same with weights that are tensors. */
static fac_tensor *weighted_each(fac_tensor *f, int dim, int64_t at, int64_t count, fac_tensor *a, fac_tensor *b,
                                 fac_tensor *c)
{
    fac_tensor *y = fac_mul(narrowed(f, dim, at, at + count), a);
    y = fac_add(y, fac_mul(narrowed(f, dim, at + 1, at + 1 + count), b));
    return fac_add(y, fac_mul(narrowed(f, dim, at + 2, at + 2 + count), c));
}

/* Of the parabola through three samples, u and v apart: the slope at the first, the second or the third. */
static fac_tensor *parabola(fac_tensor *f, int dim, int64_t at, int64_t count, fac_tensor *h, int where)
{
    fac_tensor *u = narrowed(h, dim, at, at + count), *v = narrowed(h, dim, at + 1, at + 1 + count);
    fac_tensor *sum = fac_add(u, v), *first = fac_mul(u, sum), *product = fac_mul(u, v), *last = fac_mul(v, sum);
    fac_tensor *a, *b, *c;
    if (where == 0) {
        a = fac_neg(fac_div(fac_add(sum, u), first));
        b = fac_div(sum, product);
        c = fac_neg(fac_div(u, last));
    } else if (where == 1) {
        a = fac_neg(fac_div(v, first));
        b = fac_div(fac_sub(v, u), product);
        c = fac_div(u, last);
    } else {
        a = fac_div(v, first);
        b = fac_neg(fac_div(sum, product));
        c = fac_div(fac_add(sum, v), last);
    }
    return weighted_each(f, dim, at, count, a, b, c);
}

static fac_tensor *slope_uneven(fac_tensor *f, int dim, fac_tensor *x, int edge_order)
{
    int64_t n = f->shape[dim];
    fac_dims shape = {.n = f->ndim};
    for (int d = 0; d < f->ndim; d++)
        shape.d[d] = d == dim ? n - 1 : 1;
    fac_tensor *h = fac_diff(x, .dim = 0);
    h = h ? fac_reshape(h, shape) : NULL;
    fac_tensor *front, *back, *middle = parabola(f, dim, 0, n - 2, h, 1);
    if (edge_order == 1) {
        front = fac_div(fac_sub(narrowed(f, dim, 1, 2), narrowed(f, dim, 0, 1)), narrowed(h, dim, 0, 1));
        back = fac_div(fac_sub(narrowed(f, dim, n - 1, n), narrowed(f, dim, n - 2, n - 1)),
                       narrowed(h, dim, n - 2, n - 1));
    } else {
        front = parabola(f, dim, 0, 1, h, 0);
        back = parabola(f, dim, n - 3, 1, h, 2);
    }
    return joined(front, middle, back, dim);
}

static bool check_gradient(const fac_tensor *x, const fac_gradient_options *o, fac_dims *dims)
{
    *dims = o->dims;
    if (dims->n < 0)
        for (dims->n = 0; dims->n < x->ndim; dims->n++)
            dims->d[dims->n] = dims->n;
    if (!fac__wrap_dims(dims, x->ndim, "dim %d appears multiple times in the list of dims")) return false;
    if (x->dtype == FAC_BOOL)
        return fac__runtime_error("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` "
                                  "or `logical_xor()` operator instead.");
    int64_t given = o->coordinates.items ? o->coordinates.count : o->spacings ? o->spacing_count : dims->n;
    if (given != dims->n)
        return fac__runtime_error("torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim "
                                  "arguments to have the same length, but got a spacing argument of length %lld and a "
                                  "dim argument of length %d.",
                                  (long long)given, dims->n);
    if (o->edge_order != 1 && o->edge_order != 2)
        return fac__runtime_error("torch.gradient only supports edge_order=1 and edge_order=2.");
    for (int i = 0; i < dims->n; i++) {
        int64_t size = x->ndim ? x->shape[dims->d[i]] : 1;
        if (size <= o->edge_order)
            return fac__runtime_error("torch.gradient expected each dimension size to be at least edge_order+1");
        const fac_tensor *t = o->coordinates.items ? o->coordinates.items[i] : NULL;
        if (o->coordinates.items) FAC__NEED_OR(t, false);
        if (t && t->ndim != 1)
            return fac__runtime_error("torch.gradient expected each element of spacing to have one dimension, but got "
                                      "an element with %d dimensions!",
                                      t->ndim);
        if (t && t->shape[0] != size)
            return fac__runtime_error("torch.gradient expected %lld coordinates along dim %lld, but got %lld",
                                      (long long)size, (long long)dims->d[i], (long long)t->shape[0]);
    }
    return true;
}

fac_tensor_list fac_gradient_with(fac_tensor *self, fac_gradient_options options)
{
    FAC__OP("gradient");
    FAC__NEED_OR(self, fac__no_list);
    fac_dims dims;
    if (!check_gradient(self, &options, &dims)) return fac__no_list;
    fac_tensor_list list = fac__list_new(dims.n);
    for (int i = 0; i < dims.n && list.items; i++) {
        int dim = (int)dims.d[i];
        double h = options.spacings ? options.spacings[i] : options.spacing;
        fac_tensor *y = options.coordinates.items
                            ? slope_uneven(self, dim, options.coordinates.items[i], options.edge_order)
                            : slope_even(self, dim, h, options.edge_order);
        if (!y) return fac__no_list;
        list.items[i] = y;
    }
    return list;
}

/* ---- trapezoid ----------------------------------------------------------------------------------------------- */

/* 0 <= dim < ndim, or -1 after an error. */
static int sample_dim(const char *op, const fac_tensor *y, int64_t dim)
{
    if (!y->ndim)
        return fac__index_error("Dimension specified as %lld but tensor has no dimensions", (long long)dim), -1;
    int d = fac__wrap_dim(dim, y->ndim);
    if (d >= 0 && y->dtype == FAC_BOOL)
        return fac__runtime_error("%s: received a bool input for `y`, but bool is not supported", op), -1;
    return d;
}

/* y[i] + y[i + 1] along dim. */
static fac_tensor *pair_sums(fac_tensor *y, int dim)
{
    int64_t n = y->shape[dim];
    return fac_add(narrowed(y, dim, 0, n - 1), narrowed(y, dim, 1, n));
}

/* x[i + 1] - x[i], in a shape that broadcasts against y. */
static fac_tensor *steps(const char *op, fac_tensor *x, const fac_tensor *y, int dim)
{
    if (x->dtype == FAC_BOOL)
        return fac__runtime_error("%s: received a bool input for `x` or `y`, but bool is not supported", op);
    if (x->ndim == 1 && x->shape[0] != y->shape[dim])
        return fac__runtime_error("%s: There must be one `x` value for each sample point", op);
    fac_dims shape = fac_shape(x);
    if (x->ndim < y->ndim) {
        shape = (fac_dims){.n = y->ndim};
        for (int d = 0; d < y->ndim; d++) {
            int from = d - (y->ndim - x->ndim);
            shape.d[d] = x->ndim == 1 ? (d == dim ? x->shape[0] : 1) : from >= 0 ? x->shape[from] : 1;
        }
    }
    x = fac_reshape(x, shape);
    int64_t n = x ? x->shape[dim] : 0;
    if (!n) return x;
    return fac_sub(narrowed(x, dim, 1, n), narrowed(x, dim, 0, n - 1));
}

static fac_tensor *integral_of_nothing(const fac_tensor *y, int dim, bool cumulative)
{
    fac_dims shape = {.n = 0};
    for (int d = 0; d < y->ndim; d++)
        if (d != dim || cumulative) shape.d[shape.n++] = y->shape[d];
    return fac_zeros(shape, .dtype = (fac_dtype)y->dtype);
}

fac_tensor *fac_trapezoid(fac_tensor *y, double dx, int64_t dim)
{
    FAC__OP("trapezoid");
    FAC__NEED(y);
    int d = sample_dim("trapezoid", y, dim);
    if (d < 0) return NULL;
    if (!y->shape[d]) return integral_of_nothing(y, d, false);
    fac_tensor *ends = fac_add(fac_select(y, d, 0), fac_select(y, d, -1));
    return times(fac_sub(fac_sum(y, .dim = d), times(ends, 0.5)), dx);
}

fac_tensor *fac_trapezoid_x(fac_tensor *y, fac_tensor *x, int64_t dim)
{
    FAC__OP("trapezoid");
    FAC__NEED(y);
    FAC__NEED(x);
    int d = sample_dim("trapezoid", y, dim);
    if (d < 0) return NULL;
    if (!y->shape[d]) return integral_of_nothing(y, d, false);
    fac_tensor *h = steps("trapezoid", x, y, d), *areas = h ? fac_mul(pair_sums(y, d), h) : NULL;
    return areas ? over(fac_sum(areas, .dim = d), 2) : NULL;
}

fac_tensor *fac_cumulative_trapezoid(fac_tensor *y, double dx, int64_t dim)
{
    FAC__OP("cumulative_trapezoid");
    FAC__NEED(y);
    int d = sample_dim("cumulative_trapezoid", y, dim);
    if (d < 0) return NULL;
    if (!y->shape[d]) return integral_of_nothing(y, d, true);
    return fac_cumsum(times(pair_sums(y, d), dx / 2), d, FAC_DTYPE_NONE);
}

fac_tensor *fac_cumulative_trapezoid_x(fac_tensor *y, fac_tensor *x, int64_t dim)
{
    FAC__OP("cumulative_trapezoid");
    FAC__NEED(y);
    FAC__NEED(x);
    int d = sample_dim("cumulative_trapezoid", y, dim);
    if (d < 0) return NULL;
    if (!y->shape[d]) return integral_of_nothing(y, d, true);
    fac_tensor *h = steps("cumulative_trapezoid", x, y, d), *areas = h ? fac_mul(pair_sums(y, d), h) : NULL;
    return areas ? fac_cumsum(over(areas, 2), d, FAC_DTYPE_NONE) : NULL;
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

static fac_tensor_list gradient_by_name(fac_tensor *x, const fac_value *spacing, fac_dims dims, int64_t edge_order)
{
    fac_gradient_options o = fac_gradient_options_defaults();
    double distances[FAC_MAX_DIMS];
    o.dims = dims;
    o.edge_order = edge_order == 1 || edge_order == 2 ? (int)edge_order : 0;
    switch (spacing->kind) {
    case FAC_VALUE_SCALAR: o.spacing = fac_scalar_to_double(spacing->v.scalar); break;
    case FAC_VALUE_TENSORS: o.coordinates = spacing->v.tensors; break;
    case FAC_VALUE_INTS:
    case FAC_VALUE_LIST: {
        bool ints = spacing->kind == FAC_VALUE_INTS;
        int64_t n = ints ? spacing->v.ints.count : spacing->v.list.count;
        for (int i = 0; i < n && i < FAC_MAX_DIMS; i++) {
            const fac_value *v = ints ? NULL : &spacing->v.list.items[i];
            if (v && v->kind != FAC_VALUE_SCALAR) return fac__type_error("spacing must be numbers"), fac__no_list;
            distances[i] = v ? fac_scalar_to_double(v->v.scalar) : (double)spacing->v.ints.items[i];
        }
        o.spacings = distances;
        o.spacing_count = n > FAC_MAX_DIMS ? -1 : (int)n;
        break;
    }
    default: break;
    }
    return fac_gradient_with(x, o);
}

FAC__CALL(diff, R(fac_diff(T(0), .n = I(1), .dim = I(2), .prepend = T(3), .append = T(4))))
FAC__CALL(gradient, RL(gradient_by_name(T(0), &args[1], L(2), I(3))))
FAC__CALL(trapezoid_x, R(fac_trapezoid_x(T(0), T(1), I(2))))
FAC__CALL(trapezoid_dx, R(fac_trapezoid(T(0), F(1), I(2))))
FAC__CALL(cumulative_x, R(fac_cumulative_trapezoid_x(T(0), T(1), I(2))))
FAC__CALL(cumulative_dx, R(fac_cumulative_trapezoid(T(0), F(1), I(2))))

/* clang-format off */
const fac__op fac__ops_calculus[] = {
    {"diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor", diff, "Differences of neighbours, n times over."},
    {"gradient.scalarint(Tensor self, *, Scalar? spacing=None, int? dim=None, int edge_order=1) -> Tensor[]", gradient, "Slopes along dimensions, of samples evenly spaced."},
    {"gradient.scalararray(Tensor self, *, Scalar? spacing=None, int[] dim, int edge_order=1) -> Tensor[]", gradient, "Slopes along several dimensions."},
    {"gradient.tensorarrayint(Tensor self, *, Tensor[] spacing, int? dim=None, int edge_order=1) -> Tensor[]", gradient, "Slopes of samples at those coordinates."},
    {"gradient.tensorarray(Tensor self, *, Tensor[] spacing, int[] dim, int edge_order=1) -> Tensor[]", gradient, "Slopes of samples at those coordinates."},
    {"gradient.scalarrayint(Tensor self, *, Scalar[] spacing, int? dim=None, int edge_order=1) -> Tensor[]", gradient, "Slopes, with a distance for each dimension."},
    {"gradient.scalarrayarray(Tensor self, *, Scalar[] spacing, int[] dim, int edge_order=1) -> Tensor[]", gradient, "Slopes, with a distance for each dimension."},
    {"trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", trapezoid_x, "Integral by the trapezoidal rule, of samples at x."},
    {"trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", trapezoid_dx, "Integral by the trapezoidal rule, of samples dx apart."},
    {"cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor", cumulative_x, "Integrals up to each sample."},
    {"cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", cumulative_dx, "Integrals up to each sample."},
    {0},
};
/* clang-format on */
