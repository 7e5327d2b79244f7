/* Floor 4. Random tensors, and tensors filled with random numbers in place. */
#include <math.h>
#include <string.h>

#include "backend/fill.h"
#include "create.h"
#include "facula/ops_create.h"
#include "facula/ops_view.h"
#include "shaping.h"

/* ---- filling ------------------------------------------------------------------------------------------------- */

/* The dimensions of x from the outermost in memory to the innermost, by TensorIterator's insertion sort: repeated
 * dimensions (stride 0) compare with none, of equal strides the smaller dimension is the inner one. */
static void order_in_memory(const fac_tensor *x, int *order)
{
    for (int i = 0; i < x->ndim; i++)
        order[i] = i;
    for (int i = x->ndim - 2; i >= 0; i--)
        for (int at = i, k = i + 1; k < x->ndim; k++) {
            int outer = order[at], inner = order[k];
            int64_t so = x->strides[outer], si = x->strides[inner];
            if (so == 0 || si == 0 || (so == si && x->shape[inner] <= x->shape[outer])) continue;
            if (so > si) break;
            order[at] = inner;
            order[k] = outer;
            at = k;
        }
}

/* Fills t, drawing in the order in which x's elements lie in memory: x is t, or what t was made like (in PyTorch such a
 * tensor keeps x's order of dimensions, without gaps). p: probabilities of t's shape, or NULL. */
static bool fill_random(fac_tensor *t, const fac_tensor *x, fac_tensor *p, fac__random_args args)
{
    args.n = t->numel;
    args.dtype = (fac_dtype)t->dtype;
    if (t->contiguous && x->contiguous && (!p || p->contiguous)) {
        args.out = fac__data(t);
        if (p) args.p = fac__data(p), args.p_dtype = (fac_dtype)p->dtype;
        FAC__LAUNCH(fac__k_random, args);
        return true;
    }
    int order[FAC_MAX_DIMS], last = -1;
    int64_t shape[FAC_MAX_DIMS], plain[FAC_MAX_DIMS], strides[FAC_MAX_DIMS], p_strides[FAC_MAX_DIMS];
    bool in_a_row = x != t || t->contiguous;
    order_in_memory(x, order);
    for (int i = 0; i < t->ndim; i++) {
        if (t->shape[order[i]] != 1) {
            in_a_row = in_a_row && order[i] > last;
            last = order[i];
        }
        shape[i] = t->shape[order[i]];
        p_strides[i] = p ? p->strides[order[i]] : 0;
    }
    fac__contiguous_strides(t->ndim, shape, plain);
    for (int i = 0; i < t->ndim; i++)
        strides[order[i]] = plain[i];
    bool ok = false;
    fac_tensor *drawn = fac__new((fac_dtype)t->dtype, t->ndim, shape), *seen = NULL, *chances = NULL, *ordered = NULL;
    if (!drawn) return false;
    if (p) {
        chances = fac__new((fac_dtype)p->dtype, t->ndim, shape);
        ordered = fac__new_view(p, t->ndim, shape, p_strides, p->offset);
        if (!chances || !ordered || !fac__copy_into(chances, ordered)) goto done;
        args.p = fac__data(chances);
        args.p_dtype = (fac_dtype)p->dtype;
    }
    args.apart = !in_a_row;
    args.out = fac__data(drawn);
    FAC__LAUNCH(fac__k_random, args);
    seen = fac__new_view(drawn, t->ndim, t->shape, strides, 0);
    ok = seen && fac__copy_into(t, seen);
done:
    fac_release(drawn);
    fac_release(seen);
    fac_release(chances);
    fac_release(ordered);
    return ok;
}

/* ---- checks of the numbers ----------------------------------------------------------------------------------- */

static bool floats_only(fac_dtype dtype, const char *kernel)
{
    if (fac_dtype_is_floating(dtype)) return true;
    return fac__runtime_error("\"%s\" not implemented for '%s'", kernel, fac__dtype_word(dtype)), false;
}

/* C++'s name of the dtype and its largest finite value, as PyTorch's messages have them. */
static const char *cpp_name(fac_dtype d)
{
    static const char *const names[FAC_DTYPE_COUNT] = {
        "",         "bool",      "unsigned char", "signed char", "short int", "int",
        "long int", "c10::Half", "c10::BFloat16", "float",       "double"};
    return names[d];
}

static bool uniform_args(fac_dtype dtype, double from, double to)
{
    if (!floats_only(dtype, "check_uniform_bounds")) return false;
    double most = fac__largest(dtype);
    const char *name = cpp_name(dtype);
    if (!(fabs(from) <= most)) return fac__runtime_error("from is out of bounds for %s", name), false;
    if (!(fabs(to) <= most)) return fac__runtime_error("to is out of bounds for %s", name), false;
    if (from > to)
        return fac__runtime_error("uniform_ expects to return a [from, to) range, but found from=%g > to=%g", from, to),
               false;
    if (!(to - from <= most))
        return fac__runtime_error(
                   "uniform_ expects to-from <= std::numeric_limits<%s>::max(), but found to=%g and from=%g which "
                   "result in to-from to exceed the limit",
                   fac__dtype_word(dtype), to, from),
               false;
    return true;
}

static bool normal_args(fac_dtype dtype, double std)
{
    if (!(std >= 0)) return fac__runtime_error("normal expects std >= 0.0, but found std %g", std), false;
    return floats_only(dtype, "normal_kernel_cpu");
}

static bool integers_args(fac_dtype dtype, int64_t low, int64_t high)
{
    if (low >= high)
        return fac__runtime_error("random_ expects 'from' to be less than 'to', but got from=%lld >= to=%lld",
                                  (long long)low, (long long)high),
               false;
    static const double most[FAC_DTYPE_COUNT] = {0, 1, 255, 127, 32767, 2147483647.0, 9223372036854775807.0};
    double limit = fac_dtype_is_floating(dtype) ? fac__largest(dtype) : most[dtype];
    double least = fac_dtype_is_floating(dtype) ? -limit : dtype == FAC_BOOL || dtype == FAC_UINT8 ? 0 : -limit - 1;
    const char *wrong = (double)low < least || (double)low > limit                 ? "from"
                        : (double)(high - 1) < least || (double)(high - 1) > limit ? "to - 1"
                                                                                   : NULL;
    return !wrong || fac__runtime_error("%s is out of bounds for %s", wrong, cpp_name(dtype));
}

static bool probability(double p)
{
    if (p >= 0 && p <= 1) return true;
    return fac__runtime_error("bernoulli_ expects p to be in [0, 1], but got p=%g", p), false;
}

/* ---- new tensors --------------------------------------------------------------------------------------------- */

/* Fills t, which is the caller's, in the order of x (NULL: its own), and hands it out. */
static fac_tensor *drawn(fac_tensor *t, const fac_tensor *x, fac_create_options options, fac__random_args args)
{
    args.generator = options.generator;
    if (t && !fill_random(t, x ? x : t, NULL, args)) {
        fac_release(t);
        t = NULL;
    }
    return fac__created(t, options);
}

fac_tensor *fac_rand_with(fac_dims shape, fac_create_options options)
{
    FAC__OP("rand");
    fac_tensor *t = fac__new_shaped(shape, options.dtype, fac_get_default_dtype());
    if (t && !floats_only((fac_dtype)t->dtype, "check_uniform_bounds")) return fac_release(t), NULL;
    return drawn(t, NULL, options, (fac__random_args){.draw = fac__draw_uniform, .b = 1});
}

fac_tensor *fac_normal_with(double mean, double std, fac_dims shape, fac_create_options options)
{
    FAC__OP("normal");
    fac_tensor *t = fac__new_shaped(shape, options.dtype, fac_get_default_dtype());
    if (t && !normal_args((fac_dtype)t->dtype, std)) return fac_release(t), NULL;
    return drawn(t, NULL, options, (fac__random_args){.draw = fac__draw_normal, .a = mean, .b = std});
}

fac_tensor *fac_randn_with(fac_dims shape, fac_create_options options)
{
    FAC__OP("randn");
    return fac_normal_with(0, 1, shape, options);
}

fac_tensor *fac_randint_with(int64_t low, int64_t high, fac_dims shape, fac_create_options options)
{
    FAC__OP("randint");
    fac_tensor *t = fac__new_shaped(shape, options.dtype, FAC_INT64);
    if (t && !integers_args((fac_dtype)t->dtype, low, high)) return fac_release(t), NULL;
    return drawn(t, NULL, options, (fac__random_args){.draw = fac__draw_integers, .low = low, .high = high});
}

/* Can the dtype tell 0..n-1 apart? */
static bool permutation_args(fac_dtype dtype, int64_t n)
{
    static const int64_t exact[FAC_DTYPE_COUNT] = {
        [FAC_FLOAT16] = 2049, [FAC_FLOAT32] = (1 << 24) + 1, [FAC_FLOAT64] = (1ll << 53) + 1};
    if (n < 0)
        return fac__runtime_error("Trying to create tensor with negative dimension %lld: [%lld]", (long long)n,
                                  (long long)n),
               false;
    if (dtype == FAC_BOOL) return fac__runtime_error("\"randperm\" not implemented for 'Bool'"), false;
    if (exact[dtype] && n > exact[dtype])
        return fac__runtime_error("n cannot be greater than %lld for %s type.", (long long)exact[dtype],
                                  fac__dtype_word(dtype)),
               false;
    return n == 0 || fac__scalar_fits(fac_scalar_int(n - 1), dtype);
}

fac_tensor *fac_randperm_with(int64_t n, fac_create_options options)
{
    FAC__OP("randperm");
    fac_dtype dtype = options.dtype ? options.dtype : FAC_INT64;
    if (!permutation_args(dtype, n)) return NULL;
    return drawn(fac__new(dtype, 1, &n), NULL, options, (fac__random_args){.draw = fac__draw_permutation});
}

static fac_tensor *like(const fac_tensor *x, fac_create_options options)
{
    return fac__new_like(x, options.dtype ? options.dtype : (fac_dtype)x->dtype);
}

fac_tensor *fac_rand_like_with(fac_tensor *self, fac_create_options options)
{
    FAC__OP("rand_like");
    FAC__NEED(self);
    fac_tensor *t = like(self, options);
    if (t && !floats_only((fac_dtype)t->dtype, "check_uniform_bounds")) return fac_release(t), NULL;
    return drawn(t, self, options, (fac__random_args){.draw = fac__draw_uniform, .b = 1});
}

fac_tensor *fac_randn_like_with(fac_tensor *self, fac_create_options options)
{
    FAC__OP("randn_like");
    FAC__NEED(self);
    fac_tensor *t = like(self, options);
    if (t && !normal_args((fac_dtype)t->dtype, 1)) return fac_release(t), NULL;
    return drawn(t, self, options, (fac__random_args){.draw = fac__draw_normal, .b = 1});
}

fac_tensor *fac_randint_like_with(fac_tensor *self, int64_t low, int64_t high, fac_create_options options)
{
    FAC__OP("randint_like");
    FAC__NEED(self);
    fac_tensor *t = like(self, options);
    if (t && !integers_args((fac_dtype)t->dtype, low, high)) return fac_release(t), NULL;
    return drawn(t, self, options, (fac__random_args){.draw = fac__draw_integers, .low = low, .high = high});
}

/* ---- by tensors ---------------------------------------------------------------------------------------------- */

/* Random results carry no gradient back: it is zero, as in PyTorch. */
static void zero_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    for (int i = 0; i < n->n_in; i++)
        if (fac__wants(n, i)) gx[i] = fac_zeros_like(gy[0]);
}

static bool probabilities(const fac_tensor *p)
{
    if (!floats_only((fac_dtype)p->dtype, "bernoulli_tensor_cpu_p_")) return false;
    bool inside = true;
    fac_scope {
        fac_no_grad {
            fac_tensor *low = fac_ge_scalar((fac_tensor *)p, 0), *high = fac_le_scalar((fac_tensor *)p, 1);
            fac_tensor *both = fac_contiguous(fac_mul(low, high));
            const uint8_t *b = fac_data(both);
            for (int64_t i = 0; i < fac_numel(both); i++)
                inside &= b[i] != 0;
        }
    }
    if (fac_get_error_code()) return false;
    return inside || fac__runtime_error(
                         "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be "
                         "improved?  If so, please report an enhancement request to PyTorch.)");
}

fac_tensor *fac_bernoulli_with(fac_tensor *self, fac_create_options options)
{
    FAC__OP("bernoulli");
    FAC__NEED(self);
    if (!probabilities(self)) return NULL;
    fac__node *n = fac__record("BernoulliBackward0", zero_backward, 1, 0, 0, self);
    fac_tensor *y = fac__new_like(self, (fac_dtype)self->dtype);
    if (y && !fill_random(y, y, self,
                          (fac__random_args){.draw = fac__draw_bernoulli_each, .generator = options.generator})) {
        fac_release(y);
        y = NULL;
    }
    return fac__result(n, y);
}

fac_tensor *fac_bernoulli_p_with(fac_tensor *self, double p, fac_create_options options)
{
    FAC__OP("bernoulli");
    FAC__NEED(self);
    if (!probability(p)) return NULL;
    fac__node *n = fac__record("BernoulliBackward0", zero_backward, 1, 0, 0, self);
    fac_tensor *y = fac__new_like(self, (fac_dtype)self->dtype);
    if (y && !fill_random(y, y, NULL,
                          (fac__random_args){.draw = fac__draw_bernoulli, .a = p, .generator = options.generator})) {
        fac_release(y);
        y = NULL;
    }
    return fac__result(n, y);
}

static bool std_args(fac_tensor *std)
{
    bool ok = false;
    fac_scope {
        fac_no_grad {
            fac_tensor *wrong = fac_contiguous(fac_lt_scalar(std, 0));
            const uint8_t *b = fac_data(wrong);
            ok = b != NULL;
            for (int64_t i = 0; i < fac_numel(wrong); i++)
                ok &= b[i] == 0;
        }
    }
    if (fac_get_error_code()) return false;
    return ok || fac__runtime_error("normal expects all elements of std >= 0.0");
}

/* Standard normal numbers, scaled and shifted: mean and std are a tensor or, where that is NULL, a number. */
static fac_tensor *normal(fac_tensor *mean, double mean_number, fac_tensor *std, double std_number,
                          fac_create_options options)
{
    int ndim = 0;
    int64_t shape[FAC_MAX_DIMS] = {0};
    if (mean && !fac__broadcast_shapes(0, NULL, mean->ndim, mean->shape, &ndim, shape)) return NULL;
    if (std && !fac__broadcast_shapes(ndim, shape, std->ndim, std->shape, &ndim, shape)) return NULL;
    fac_tensor *first = mean ? mean : std, *y = NULL;
    if (std && !std_args(std)) return NULL;
    if (!normal_args((fac_dtype)first->dtype, std ? 0 : std_number)) return NULL;
    fac_create_options plain = options;
    plain.dtype = (fac_dtype)first->dtype;
    plain.requires_grad = false;
    fac_scope
        fac_no_grad {
            y = fac_normal_with(0, std ? 1 : std_number, fac_dims_make(ndim, shape), plain);
            y = std ? fac_mul_(y, std) : y;
            y = mean ? fac_add_(y, mean) : fac_add_scalar_(y, mean_number);
            fac_keep(y);
        }
    fac__node *n = fac__record("NormalBackward0", zero_backward, 1, 0, 0, mean, std);
    return fac__result(n, y);
}

fac_tensor *fac_normal_mean_with(fac_tensor *mean, double std, fac_create_options options)
{
    FAC__OP("normal");
    FAC__NEED(mean);
    return normal(mean, 0, NULL, std, options);
}

fac_tensor *fac_normal_std_with(double mean, fac_tensor *std, fac_create_options options)
{
    FAC__OP("normal");
    FAC__NEED(std);
    return normal(NULL, mean, std, 0, options);
}

fac_tensor *fac_normal_tensor_with(fac_tensor *mean, fac_tensor *std, fac_create_options options)
{
    FAC__OP("normal");
    FAC__NEED(mean);
    FAC__NEED(std);
    return normal(mean, 0, std, 0, options);
}

/* ---- in place ------------------------------------------------------------------------------------------------ */

static fac_tensor *redrawn(const char *name, fac_tensor *t, fac_tensor *p, fac_create_options options,
                           fac__random_args args)
{
    if (!fac__inplace_begin(t)) return NULL;
    fac__node *n = fac__record(name, zero_backward, 1, 0, 0, t);
    args.generator = options.generator;
    if (!fill_random(t, t, p, args)) return fac__node_release(n), NULL;
    return fac__inplace_end(t, n, -1);
}

fac_tensor *fac_uniform_with_(fac_tensor *self, double from, double to, fac_create_options options)
{
    FAC__OP("uniform_");
    FAC__NEED(self);
    if (!uniform_args((fac_dtype)self->dtype, from, to)) return NULL;
    return redrawn("UniformBackward0", self, NULL, options,
                   (fac__random_args){.draw = fac__draw_uniform, .a = from, .b = to});
}

fac_tensor *fac_normal_with_(fac_tensor *self, double mean, double std, fac_create_options options)
{
    FAC__OP("normal_");
    FAC__NEED(self);
    if (!normal_args((fac_dtype)self->dtype, std)) return NULL;
    return redrawn("NormalBackward0", self, NULL, options,
                   (fac__random_args){.draw = fac__draw_normal, .a = mean, .b = std});
}

fac_tensor *fac_exponential_with_(fac_tensor *self, double lambda, fac_create_options options)
{
    FAC__OP("exponential_");
    FAC__NEED(self);
    if (!(lambda >= 0)) return fac__runtime_error("exponential_ expects lambda >= 0.0, but found lambda=%g", lambda);
    if (!floats_only((fac_dtype)self->dtype, "exponential_cpu")) return NULL;
    return redrawn("ExponentialBackward0", self, NULL, options,
                   (fac__random_args){.draw = fac__draw_exponential, .a = lambda});
}

fac_tensor *fac_bernoulli_with_(fac_tensor *self, double p, fac_create_options options)
{
    FAC__OP("bernoulli_");
    FAC__NEED(self);
    if (!probability(p)) return NULL;
    return redrawn("BernoulliBackward1", self, NULL, options, (fac__random_args){.draw = fac__draw_bernoulli, .a = p});
}

fac_tensor *fac_bernoulli_tensor_with_(fac_tensor *self, fac_tensor *p, fac_create_options options)
{
    FAC__OP("bernoulli_");
    FAC__NEED(self);
    FAC__NEED(p);
    if (!probabilities(p)) return NULL;
    fac_tensor *each = NULL;
    fac_no_grad
        each = fac_expand(p, fac_shape(self));
    if (!each) return NULL;
    return redrawn("BernoulliBackward2", self, each, options, (fac__random_args){.draw = fac__draw_bernoulli_each});
}

fac_tensor *fac_random_with_(fac_tensor *self, int64_t from, int64_t to, fac_create_options options)
{
    FAC__OP("random_");
    FAC__NEED(self);
    if (!integers_args((fac_dtype)self->dtype, from, to)) return NULL;
    return redrawn("RandomBackward0", self, NULL, options,
                   (fac__random_args){.draw = fac__draw_integers, .low = from, .high = to});
}

fac_tensor *fac_random_full_with_(fac_tensor *self, fac_create_options options)
{
    FAC__OP("random_");
    FAC__NEED(self);
    return redrawn("RandomBackward2", self, NULL, options, (fac__random_args){.draw = fac__draw_full_range});
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

#define O(i) ((fac_create_options){.dtype = DT(i)})
#define NO_OPTIONS ((fac_create_options){.dtype = FAC_DTYPE_NONE})

FAC__CALL(rand_call, R(fac_rand_with(L(0), O(1))))
FAC__CALL(randn_call, R(fac_randn_with(L(0), O(1))))
FAC__CALL(randint_call, R(fac_randint_with(0, I(0), L(1), O(2))))
FAC__CALL(randint_low, R(fac_randint_with(I(0), I(1), L(2), O(3))))
FAC__CALL(randperm, R(fac_randperm_with(I(0), O(1))))
FAC__CALL(rand_like, R(fac_rand_like_with(T(0), O(1))))
FAC__CALL(randn_like, R(fac_randn_like_with(T(0), O(1))))
FAC__CALL(randint_like, R(fac_randint_like_with(T(0), 0, I(1), O(2))))
FAC__CALL(randint_like_low, R(fac_randint_like_with(T(0), I(1), I(2), O(3))))
FAC__CALL(bernoulli, R(fac_bernoulli_with(T(0), NO_OPTIONS)))
FAC__CALL(bernoulli_p, R(fac_bernoulli_p_with(T(0), F(1), NO_OPTIONS)))
FAC__CALL(normal_float, R(fac_normal_mean_with(T(0), F(1), NO_OPTIONS)))
FAC__CALL(float_normal, R(fac_normal_std_with(F(0), T(1), NO_OPTIONS)))
FAC__CALL(normal_normal, R(fac_normal_tensor_with(T(0), T(1), NO_OPTIONS)))
FAC__CALL(float_float, R(fac_normal_with(F(0), F(1), L(2), O(4))))
FAC__CALL(uniform_, R(fac_uniform_with_(T(0), F(1), F(2), NO_OPTIONS)))
FAC__CALL(normal_, R(fac_normal_with_(T(0), F(1), F(2), NO_OPTIONS)))
FAC__CALL(exponential_, R(fac_exponential_with_(T(0), F(1), NO_OPTIONS)))
FAC__CALL(bernoulli_float_, R(fac_bernoulli_with_(T(0), F(1), NO_OPTIONS)))
FAC__CALL(bernoulli_tensor_, R(fac_bernoulli_tensor_with_(T(0), T(1), NO_OPTIONS)))
FAC__CALL(random_from_, R(fac_random_with_(T(0), I(1), I(2), NO_OPTIONS)))
FAC__CALL(random_to_, R(fac_random_with_(T(0), 0, I(1), NO_OPTIONS)))
FAC__CALL(random_, R(fac_random_full_with_(T(0), NO_OPTIONS)))

#define KEYWORDS "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"
#define KEYWORDS_LIKE KEYWORDS ", MemoryFormat? memory_format=None"
#define KEYWORDS_INT "ScalarType? dtype=long, Layout? layout=None, Device? device=None, bool? pin_memory=None"

const fac__op fac__ops_random_ops[] = {
    {"rand(int[] size, *, " KEYWORDS ") -> Tensor", rand_call, "Evenly distributed in [0, 1)."},
    {"randn(int[] size, *, " KEYWORDS ") -> Tensor", randn_call, "Normal with mean 0 and standard deviation 1."},
    {"randint(int high, int[] size, *, " KEYWORDS_INT ") -> Tensor", randint_call, "Integers from 0 to high - 1."},
    {"randint.low(int low, int high, int[] size, *, " KEYWORDS_INT ") -> Tensor", randint_low,
     "Integers from low to high - 1."},
    {"randperm(int n, *, " KEYWORDS_INT ") -> Tensor", randperm, "0 to n - 1 in random order."},
    {"rand_like(Tensor self, *, " KEYWORDS_LIKE ") -> Tensor", rand_like, "rand in self's shape."},
    {"randn_like(Tensor self, *, " KEYWORDS_LIKE ") -> Tensor", randn_like, "randn in self's shape."},
    {"randint_like(Tensor self, int high, *, " KEYWORDS_LIKE ") -> Tensor", randint_like, "randint in self's shape."},
    {"randint_like.low_dtype(Tensor self, int low, int high, *, " KEYWORDS_LIKE ") -> Tensor", randint_like_low,
     "randint in self's shape."},
    {"bernoulli(Tensor self, *, Generator? generator=None) -> Tensor", bernoulli,
     "1 with the probability in self, else 0."},
    {"bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor", bernoulli_p,
     "1 with probability p, else 0."},
    {"normal.Tensor_float(Tensor mean, float std=1., *, Generator? generator=None) -> Tensor", normal_float,
     "Normal around given means."},
    {"normal.float_Tensor(float mean, Tensor std, *, Generator? generator=None) -> Tensor", float_normal,
     "Normal with given standard deviations."},
    {"normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor", normal_normal,
     "Normal with given means and standard deviations."},
    {"normal.float_float(float mean, float std, int[] size, *, Generator? generator=None, " KEYWORDS ") -> Tensor",
     float_float, "Normal with that mean and standard deviation."},
    {"uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)", uniform_,
     "Evenly distributed in [from, to)."},
    {"normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)", normal_,
     "Normal with that mean and standard deviation."},
    {"exponential_(Tensor(a!) self, float lambd=1., *, Generator? generator=None) -> Tensor(a!)", exponential_,
     "Exponentially distributed with rate lambd."},
    {"bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)", bernoulli_float_,
     "1 with probability p, else 0."},
    {"bernoulli_.Tensor(Tensor(a!) self, Tensor p, *, Generator? generator=None) -> Tensor(a!)", bernoulli_tensor_,
     "1 with the probability in p, else 0."},
    {"random_.from(Tensor(a!) self, int from, int? to, *, Generator? generator=None) -> Tensor(a!)", random_from_,
     "Integers from `from` to `to` - 1."},
    {"random_.to(Tensor(a!) self, int to, *, Generator? generator=None) -> Tensor(a!)", random_to_,
     "Integers from 0 to `to` - 1."},
    {"random_(Tensor(a!) self, *, Generator? generator=None) -> Tensor(a!)", random_,
     "All integers that the dtype can hold."},
    {0},
};
