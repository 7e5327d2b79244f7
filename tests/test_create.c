/* Making tensors: constants, ranges, C arrays, random numbers. */
#include "shape_data.h"

/* ---- constants ----------------------------------------------------------------------------------------------- */

static void test_constants(void **state)
{
    (void)state;
    check_values(fac_zeros(FAC_SHAPE(2, 2)), "[[0., 0.], [0., 0.]]");
    check_values(fac_ones(FAC_SHAPE(3), .dtype = FAC_INT16), "[1, 1, 1]");
    check_values(fac_full(FAC_SHAPE(2), 7), "[7, 7]");
    check_values(fac_full(FAC_SHAPE(2), 1.5), "[1.5, 1.5]");
    check_values(fac_eye(2, 3), "[[1., 0., 0.], [0., 1., 0.]]");
    check_values(fac_eye(3, 2, .dtype = FAC_INT64), "[[1, 0], [0, 1], [0, 0]]");
    assert_int_equal(fac_dtype_of(fac_full(FAC_SHAPE(1), (bool)1)), FAC_BOOL);
    assert_int_equal(fac_dtype_of(fac_full(FAC_SHAPE(1), 1)), FAC_INT64);
    assert_int_equal(fac_dtype_of(fac_full(FAC_SHAPE(1), 1.0)), FAC_FLOAT32);
    assert_int_equal(fac_dtype_of(fac_full(FAC_SHAPE(1), 1.0, .dtype = FAC_FLOAT16)), FAC_FLOAT16);
    assert_int_equal(fac_dtype_of(fac_scalar_tensor(3)), FAC_FLOAT32);
    assert_int_equal(fac_dim(fac_zeros(FAC_SHAPE())), 0);
    assert_int_equal(fac_numel(fac_empty(FAC_SHAPE(4, 0, 2))), 0);
    assert_true(fac_set_default_dtype(FAC_FLOAT64));
    assert_int_equal(fac_dtype_of(fac_full(FAC_SHAPE(1), 1.0)), FAC_FLOAT64);
    assert_int_equal(fac_dtype_of(fac_arange(0, 1.5, 1)), FAC_FLOAT64);
    fac_set_default_dtype(FAC_FLOAT32);
    fac_tensor *w = fac_ones(FAC_SHAPE(2), .requires_grad = true);
    assert_true(fac_requires_grad(w) && fac_is_leaf(w));
    fac_tensor *x = fac_arange(0, 6, 1);
    check_values(fac_zeros_like(x), "[0, 0, 0, 0, 0, 0]");
    check_values(fac_ones_like(x, .dtype = FAC_FLOAT32), "[1., 1., 1., 1., 1., 1.]");
    check_values(fac_full_like(x, 2.9), "[2, 2, 2, 2, 2, 2]");
    assert_int_equal(fac_numel(fac_empty_like(x)), 6);
}

static void test_constant_errors(void **state)
{
    (void)state;
    expect_error(fac_zeros(FAC_SHAPE(2, -1)), "Trying to create tensor with negative dimension -1: [2, -1]");
    expect_error(fac_zeros(FAC_SHAPE(1ll << 62, 2)),
                 "Storage size calculation overflowed with sizes=[4611686018427387904, 2]");
    expect_error(fac_zeros(FAC_SHAPE(1ll << 50)), "not enough memory");
    expect_error(fac_zeros(FAC_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)),
                 "tensors of 13 dimensions are not supported");
    expect_error(fac_zeros(FAC_SHAPE(2), .dtype = FAC_INT64, .requires_grad = true),
                 "Only Tensors of floating point and complex dtype can require gradients");
    expect_error(fac_full(FAC_SHAPE(2), 300, .dtype = FAC_UINT8),
                 "value cannot be converted to type uint8_t without overflow");
    expect_error(fac_full(FAC_SHAPE(2), 128, .dtype = FAC_INT8),
                 "value cannot be converted to type int8_t without overflow");
    expect_error(fac_full(FAC_SHAPE(2), NAN, .dtype = FAC_INT64),
                 "value cannot be converted to type int64_t without overflow");
    expect_error(fac_full(FAC_SHAPE(2), 1e40), "value cannot be converted to type float without overflow");
    expect_error(fac_full(FAC_SHAPE(2), 1e6, .dtype = FAC_FLOAT16),
                 "value cannot be converted to type at::Half without overflow");
    check_values(fac_full(FAC_SHAPE(1), INFINITY), "[inf]");
    expect_error(fac_eye(-1, 2), "n must be greater or equal to 0, got -1");
    expect_error(fac_eye(2, -1), "m must be greater or equal to 0, got -1");
    expect_error(fac_zeros_like(NULL), "'self' must not be NULL");
    expect_error(fac_full_like(NULL, 1), "'self' must not be NULL");
}

/* ---- C arrays ------------------------------------------------------------------------------------------------ */

static void count_drop(void *context)
{
    ++*(int *)context;
}

static void test_arrays(void **state)
{
    (void)state;
    float data[6] = {1, 2, 3, 4, 5, 6};
    fac_tensor *copy = fac_from_array(data, FAC_FLOAT32, FAC_SHAPE(2, 3));
    int dropped = 0;
    fac_scope {
        fac_tensor *shared = fac_from_blob(data, FAC_FLOAT32, FAC_SHAPE(3, 2), count_drop, &dropped);
        data[0] = 9;
        check_values(shared, "[[9., 2.], [3., 4.], [5., 6.]]");
        fac_tensor *view = fac_select(shared, 0, 1);
        fac_zero_(view);
        assert_int_equal(dropped, 0);
    }
    assert_int_equal(dropped, 1);
    assert_true(data[2] == 0 && data[3] == 0 && data[4] == 5);
    check_values(copy, "[[1., 2., 3.], [4., 5., 6.]]");
    assert_int_equal(fac_numel(fac_from_array(NULL, FAC_FLOAT32, FAC_SHAPE(0))), 0);
    expect_error(fac_from_array(NULL, FAC_FLOAT32, FAC_SHAPE(2)), "'data' must not be NULL");
    expect_error(fac_from_array(data, FAC_DTYPE_NONE, FAC_SHAPE(2)), "a tensor needs a dtype");
    expect_error(fac_from_blob(NULL, FAC_FLOAT32, FAC_SHAPE(2), NULL, NULL), "'data' must not be NULL");
    expect_error(fac_from_blob(data, FAC_FLOAT32, FAC_SHAPE(-2), NULL, NULL), "negative dimension -2");
}

/* ---- ranges -------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const fac_tensor *t)
{
    const unsigned char *p = fac_data(t);
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < (size_t)fac_numel(t) * fac_dtype_size(fac_dtype_of(t)); i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static fac_scalar number_of(const char *text)
{
    return strpbrk(text, ".e") ? fac_scalar_float(strtod(text, NULL)) : fac_scalar_int(strtoll(text, NULL, 10));
}

static void check_range(char **field)
{
    char op[16], name[16], a[32], b[32], c[32];
    assert_int_equal(sscanf(field[0], "%15s %15s %31s %31s %31s", op, name, a, b, c), 5);
    fac_dtype dtype = fac_dtype_from_name(name);
    fac_tensor *t = !strcmp(op, "arange") ? fac_arange(number_of(a), number_of(b), number_of(c), .dtype = dtype)
                                          : fac_linspace(number_of(a), number_of(b), atoi(c), .dtype = dtype);
    long long n;
    unsigned long long hash;
    assert_int_equal(sscanf(field[1], "%lld %llx", &n, &hash), 2);
    if (fac_numel(t) != n) fail_msg("%s: %lld elements, not %lld", field[0], (long long)fac_numel(t), n);
    if (hash_of(t) != hash) fail_msg("%s: other bits than PyTorch's", field[0]);
}

static void test_recorded_ranges(void **state)
{
    (void)state;
    assert_true(each_line("range", check_range) > 100);
}

static void test_ranges(void **state)
{
    (void)state;
    check_values(fac_arange(0, 5, 1), "[0, 1, 2, 3, 4]");
    check_values(fac_arange(5, 0, -2), "[5, 3, 1]");
    check_values(fac_arange(1, 2.5, 0.5), "[1., 1.5, 2.]");
    check_values(fac_range(0.5, 3.7, 0.3), "[0.5, 0.8, 1.1, 1.4, 1.7, 2., 2.3, 2.6, 2.9, 3.2, 3.5]");
    check_values(fac_range(1.7, 4.5, 1.9, .dtype = FAC_INT64), "[1, 2, 3, 4]");
    check_values(fac_range(5, 1, -1.5), "[5., 3.5, 2.]");
    expect_error(fac_range(1, 4, -1), "upper bound and lower bound inconsistent with step sign");
    expect_error(fac_range(1, 4, 0), "step must be nonzero");
    check_values(fac_arange(0, 3, 1, .dtype = FAC_FLOAT64), "[0., 1., 2.]");
    assert_int_equal(fac_dtype_of(fac_arange(0, 5, 1)), FAC_INT64);
    assert_int_equal(fac_dtype_of(fac_arange(0, 5., 1)), FAC_FLOAT32);
    assert_int_equal(fac_numel(fac_arange(3, 3, 1)), 0);
    check_values(fac_linspace(0, 1, 5), "[0., 0.25, 0.5, 0.75, 1.]");
    check_values(fac_linspace(2, 9, 1), "[2.]");
    check_values(fac_linspace(-5, 1, 10, .dtype = FAC_INT32), "[-5, -4, -3, -3, -2, -1, 0, 0, 0, 1]");
    assert_int_equal(fac_numel(fac_linspace(2, 9, 0)), 0);
    check_close(fac_logspace(0, 3, 4, 2), fac_literal("[1., 2., 4., 8.]"), 1e-6);
    check_values(fac_logspace(0, 3, 4, 10, .dtype = FAC_INT64), "[1, 10, 100, 1000]");
    check_values(fac_tril_indices(3, 3, 0), "[[0, 1, 1, 2, 2, 2], [0, 0, 1, 0, 1, 2]]");
    check_values(fac_triu_indices(2, 3, 1), "[[0, 0, 1], [1, 2, 2]]");
    check_values(fac_tril_indices(2, 2, 5, .dtype = FAC_INT32), "[[0, 0, 1, 1], [0, 1, 0, 1]]");
    assert_int_equal(fac_size(fac_triu_indices(2, 3, 5), 1), 0);
}

static void test_range_errors(void **state)
{
    (void)state;
    expect_error(fac_arange(0, 5, 0), "step must be nonzero");
    expect_error(fac_arange(0, 5, -1), "upper bound and larger bound inconsistent with step sign");
    expect_error(fac_arange(5, 0, 1), "upper bound and larger bound inconsistent with step sign");
    expect_error(fac_arange(0, INFINITY, 1), "unsupported range: 0 -> inf");
    expect_error(fac_arange(0, NAN, 1), "unsupported range: 0 -> nan");
    expect_error(fac_arange(0, 1e300, 1e-300), "invalid size, possible overflow?");
    expect_error(fac_arange(0, 3, 1, .dtype = FAC_BOOL), "\"arange_cpu\" not implemented for 'Bool'");
    expect_error(fac_linspace(0, 1, -1), "number of steps must be non-negative");
    expect_error(fac_linspace(0, 1, 2, .dtype = FAC_BOOL), "\"linspace_cpu\" not implemented for 'Bool'");
    expect_error(fac_logspace(0, 1, -1, 10), "number of steps must be non-negative");
    /* Far more rows than elements, and more elements than can be counted. */
    check_values(fac_tril_indices(INT64_C(1) << 50, 2, 2 - (INT64_C(1) << 50)),
                 "[[1125899906842622, 1125899906842623, 1125899906842623], [0, 0, 1]]");
    check_values(fac_triu_indices(INT64_C(1) << 50, 2, 0), "[[0, 0, 1], [0, 1, 1]]");
    check_values(fac_triu_indices(2, 2, INT64_MIN), "[[0, 0, 1, 1], [0, 1, 0, 1]]");
    check_values(fac_tril_indices(INT64_MAX, 0, 4), "[[], []]");
    expect_error(fac_triu_indices(INT64_MAX, 4, 0), "Storage size calculation overflowed");
    expect_error(fac_tril_indices(-1, 3, 0), "row must be non-negative, got-1");
    expect_error(fac_triu_indices(1, -3, 0), "col must be non-negative, got-3");
    expect_error(fac_tril_indices(1, 3, 0, .dtype = FAC_FLOAT32), "\"tril_indices\" not implemented for 'Float'");
}

/* ---- random -------------------------------------------------------------------------------------------------- */

static fac_tensor *halves(void)
{
    return fac_full(FAC_SHAPE(3, 4), 0.5);
}

static fac_tensor *every_second(int64_t columns)
{
    return fac_slice(fac_zeros(FAC_SHAPE(3, columns)), 1, 0, FAC_OPEN, 2);
}

static fac_tensor *drawn(const char *name)
{
#define IS(text) !strcmp(name, text)
    if (IS("rand")) return fac_rand(FAC_SHAPE(3, 4));
    if (IS("rand_double")) return fac_rand(FAC_SHAPE(5), .dtype = FAC_FLOAT64);
    if (IS("randn")) return fac_randn(FAC_SHAPE(4, 5));
    if (IS("randn_small")) return fac_randn(FAC_SHAPE(3));
    if (IS("randint")) return fac_randint(-3, 9, FAC_SHAPE(7));
    if (IS("randint_float")) return fac_randint(0, 9, FAC_SHAPE(7), .dtype = FAC_FLOAT32);
    if (IS("randperm")) return fac_randperm(9);
    if (IS("normal")) return fac_normal(2, 3, FAC_SHAPE(17));
    if (IS("normal_tensors")) return fac_normal_tensor(fac_literal("[1., 2.]"), fac_literal("[[1.], [2.]]"));
    if (IS("bernoulli")) return fac_bernoulli(halves());
    if (IS("bernoulli_p")) return fac_bernoulli_p(halves(), 0.3);
    if (IS("rand_like_t")) return fac_rand_like(fac_t(halves()));
    if (IS("randn_like_t")) return fac_randn_like(fac_t(fac_zeros(FAC_SHAPE(5, 8))));
    if (IS("uniform_t")) return fac_uniform_(fac_t(halves()), -1, 1);
    if (IS("uniform_slice")) return fac_uniform_(every_second(8), 0, 1);
    if (IS("normal_slice")) return fac_normal_(every_second(16), 1, 2);
    if (IS("bernoulli_t")) return fac_bernoulli_tensor_(fac_t(fac_zeros(FAC_SHAPE(4, 3))), fac_linspace(0, 1, 4));
    if (IS("random_permuted"))
        return fac_random_(fac_permute(fac_zeros(FAC_SHAPE(2, 3, 4), .dtype = FAC_INT64), FAC_DIMS(1, 2, 0)), -5, 5);
    if (IS("exponential")) return fac_exponential_(fac_zeros(FAC_SHAPE(5), .dtype = FAC_FLOAT64), 2);
    if (IS("random_full")) return fac_random_full_(fac_zeros(FAC_SHAPE(5), .dtype = FAC_INT16));
    if (IS("bernoulli_p_t")) return fac_bernoulli_p(fac_t(halves()), 0.3);
    if (IS("randn_like_slice")) return fac_randn_like(every_second(16));
    if (IS("rand_like_expanded")) return fac_rand_like(fac_expand(fac_zeros(FAC_SHAPE(1, 4)), FAC_SHAPE(3, 4)));
    if (IS("rand_like_permuted")) return fac_rand_like(fac_permute(fac_zeros(FAC_SHAPE(4, 2, 1)), FAC_DIMS(1, 2, 0)));
    if (IS("randint_huge")) return fac_randint(0, INT64_MAX, FAC_SHAPE(4), .dtype = FAC_FLOAT32);
    return fac_raise(FAC_ERROR_VALUE, "no case '%s'", name);
#undef IS
}

/* float32 numbers that pass through libm's log and cos may differ in their last bits. */
static bool near(fac_dtype dtype, uint64_t a, uint64_t b)
{
    int64_t d = (int64_t)(a - b);
    return d == 0 || (fac_dtype_is_floating(dtype) && d >= -2 && d <= 2);
}

static void check_random(char **field)
{
    fac_manual_seed(7);
    fac_tensor *t = fac_contiguous(drawn(field[0]));
    assert_non_null(t);
    size_t size = fac_dtype_size(fac_dtype_of(t));
    const char *text = field[1];
    for (int64_t i = 0; i < fac_numel(t); i++) {
        char *end;
        uint64_t want = strtoull(text, &end, 16), got = 0;
        assert_true(end != text);
        text = end;
        memcpy(&got, (const char *)fac_data(t) + (size_t)i * size, size);
        if (!near(fac_dtype_of(t), got, want))
            fail_msg("%s[%d]: %llx, not %llx", field[0], (int)i, (unsigned long long)got, (unsigned long long)want);
    }
    assert_int_equal(*text, 0);
}

static void test_recorded_random(void **state)
{
    (void)state;
    assert_int_equal(each_line("random", check_random), 25);
}

static void test_generators(void **state)
{
    (void)state;
    fac_generator *g = fac_generator_new(3);
    fac_manual_seed(3);
    fac_tensor *a = fac_rand(FAC_SHAPE(4)), *b = fac_rand(FAC_SHAPE(4), .generator = g);
    check_close(b, a, 0);
    fac_tensor *c = fac_normal_(fac_zeros(FAC_SHAPE(20)), 0, 1, .generator = g);
    fac_tensor *d = fac_randn(FAC_SHAPE(20));
    check_close(c, d, 0);
    fac_generator_free(g);
}

/* To the last bit: what is drawn has the standard deviation before the mean is added; bounds of slopes are floats. */
static void test_roundings(void **state)
{
    (void)state;
    fac_tensor *mean = fac_linspace(-3, 3, 20);
    fac_manual_seed(7);
    fac_tensor *got = fac_normal_mean(mean, 1.7);
    fac_manual_seed(7);
    check_close(got, fac_add(fac_normal(0, 1.7, FAC_SHAPE(20)), mean), 0);

    enum { N = 50 };
    float slopes[N];
    double low = 0.1f, high = 0.3f;
    fac_manual_seed(7);
    for (int i = 0; i < N; i++)
        slopes[i] = (float)((double)(fac_generator_random64(NULL) & ((1ull << 53) - 1)) * 0x1p-53 * (high - low) + low);
    fac_manual_seed(7);
    fac_tensor *y = fac_rrelu(fac_full(FAC_SHAPE(N), -1.0), 0.1, 0.3, true);
    check_close(fac_neg(y), fac_from_array(slopes, FAC_FLOAT32, FAC_SHAPE(N)), 0);
}

/* Random numbers know no gradient: what is filled anew forgets its history, bernoulli gives zeros. */
static void test_random_gradients(void **state)
{
    (void)state;
    fac_tensor *x = fac_full(FAC_SHAPE(3), 0.5, .requires_grad = true);
    fac_tensor *y = fac_mul_scalar(x, 2);
    fac_uniform_(y, 0, 1);
    assert_string_equal(fac_grad_fn_name(y), "UniformBackward0");
    assert_true(fac_backward(fac_sum(fac_add(y, fac_bernoulli(x)))));
    check_values(fac_grad(x), "[0., 0., 0.]");
    expect_error(fac_normal_(x, 0, 1), "a leaf Variable that requires grad is being used in an in-place operation.");
    expect_error(fac_normal_(fac_expand(fac_zeros(FAC_SHAPE(1)), FAC_SHAPE(3)), 0, 1), "more than one element");
}

static void test_random_errors(void **state)
{
    (void)state;
    fac_tensor *x = fac_zeros(FAC_SHAPE(2)), *i = fac_zeros(FAC_SHAPE(2), .dtype = FAC_INT64);
    fac_tensor *byte = fac_zeros(FAC_SHAPE(2), .dtype = FAC_UINT8);
    expect_error(fac_rand(FAC_SHAPE(2), .dtype = FAC_INT64), "\"check_uniform_bounds\" not implemented for 'Long'");
    expect_error(fac_randn(FAC_SHAPE(2), .dtype = FAC_INT64), "\"normal_kernel_cpu\" not implemented for 'Long'");
    expect_error(fac_randint(3, 2, FAC_SHAPE(2)),
                 "random_ expects 'from' to be less than 'to', but got from=3 >= to=2");
    expect_error(fac_randint(0, 300, FAC_SHAPE(2), .dtype = FAC_UINT8), "to - 1 is out of bounds for unsigned char");
    expect_error(fac_randint(-1, 3, FAC_SHAPE(2), .dtype = FAC_UINT8), "from is out of bounds for unsigned char");
    expect_error(fac_randint(0, (1 << 15) + 1, FAC_SHAPE(2), .dtype = FAC_INT16),
                 "to - 1 is out of bounds for short int");
    expect_error(fac_randint(0, 3, FAC_SHAPE(2), .dtype = FAC_BOOL), "to - 1 is out of bounds for bool");
    expect_error(fac_randperm(-1), "Trying to create tensor with negative dimension -1: [-1]");
    expect_error(fac_randperm(300, .dtype = FAC_UINT8), "value cannot be converted to type uint8_t without overflow");
    expect_error(fac_randperm(3000, .dtype = FAC_FLOAT16), "n cannot be greater than 2049 for Half type.");
    expect_error(fac_randperm(3, .dtype = FAC_BOOL), "\"randperm\" not implemented for 'Bool'");
    expect_error(fac_bernoulli(fac_full(FAC_SHAPE(2), 2.0)),
                 "Expected p_in >= 0 && p_in <= 1 to be true, but got false.");
    expect_error(fac_bernoulli(i), "\"bernoulli_tensor_cpu_p_\" not implemented for 'Long'");
    expect_error(fac_bernoulli_(x, 2), "bernoulli_ expects p to be in [0, 1], but got p=2");
    expect_error(fac_bernoulli_p(x, -1), "bernoulli_ expects p to be in [0, 1], but got p=-1");
    expect_error(fac_bernoulli_tensor_(x, fac_ones(FAC_SHAPE(3))),
                 "The expanded size of the tensor (2) must match the existing size (3)");
    expect_error(fac_uniform_(x, 2, 1), "uniform_ expects to return a [from, to) range, but found from=2 > to=1");
    expect_error(fac_uniform_(x, 0, 1e39), "to is out of bounds for float");
    expect_error(fac_uniform_(x, -3e38, 3e38), "result in to-from to exceed the limit");
    expect_error(fac_normal_(x, 0, -1), "normal expects std >= 0.0, but found std -1");
    expect_error(fac_normal_mean(i, 1), "\"normal_kernel_cpu\" not implemented for 'Long'");
    expect_error(fac_normal_std(0, fac_full(FAC_SHAPE(2), -1.0)), "normal expects all elements of std >= 0.0");
    expect_error(fac_normal_tensor(x, fac_ones(FAC_SHAPE(3))),
                 "The size of tensor a (2) must match the size of tensor b (3)");
    expect_error(fac_random_(byte, 0, 300), "to - 1 is out of bounds for unsigned char");
    expect_error(fac_exponential_(x, -1), "exponential_ expects lambda >= 0.0, but found lambda=-1");
    expect_error(fac_exponential_(i, 1), "\"exponential_cpu\" not implemented for 'Long'");
    expect_error(fac_rand_like(NULL), "must not be NULL");
    expect_error(fac_uniform_(NULL, 0, 1), "must not be NULL");
}

/* Values are PyTorch 1.13's. */
static void test_windows(void **state)
{
    (void)state;
    fac_scope {
        check_values(fac_hann_window(4), "[0, 0.5, 1, 0.5]");
        check_values(fac_hamming_window(5), "[0.08, 0.3978521824, 0.9121478796, 0.9121478796, 0.3978521824]");
        check_values(fac_hamming_window(3, .periodic = false, .alpha = 0.5, .beta = 0.25), "[0.25, 0.75, 0.25]");
        check_values(fac_blackman_window(4), "[0, 0.34, 1, 0.34]");
        check_values(fac_bartlett_window(5, .periodic = false), "[0, 0.5, 1, 0.5, 0]");
        check_values(fac_kaiser_window(5), "[5.2773e-05, 0.1017197147, 0.7929394245, 0.7929394245, 0.1017197147]");
        check_values(fac_kaiser_window(5, .periodic = false, .beta = 3),
                     "[0.2048847377, 0.7269254923, 1, 0.7269254923, 0.2048847377]");
        check_values(fac_hann_window(1, .dtype = FAC_FLOAT64), "[1]");
        assert_int_equal(fac_numel(fac_kaiser_window(0)), 0);
        expect_error(fac_hann_window(-1), "requires non-negative window_length, got window_length=-1");
        expect_error(fac_hann_window(3, .dtype = FAC_INT64), "hann_window expects floating point dtypes");
    }
}

/* What PyTorch 1.13 draws after manual_seed(7). */
static void test_multinomial(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *w = fac_literal("[[0.1, 3, 0, 2, 1], [5, 1, 1, 0, 0.5]]");
        fac_manual_seed(7);
        fac_tensor *few = fac_multinomial(w, 3, false), *one = fac_multinomial(w, 1, false);
        fac_tensor *many = fac_multinomial(w, 8, true);
        fac_tensor *vector = fac_multinomial(fac_to(fac_select(w, 0, 0), FAC_FLOAT64), 12, true);
        check_values(few, "[[1, 3, 4], [1, 0, 2]]");
        check_values(one, "[[3], [1]]");
        check_values(many, "[[4, 4, 3, 1, 4, 3, 4, 4], [0, 4, 0, 0, 0, 1, 0, 0]]");
        check_values(vector, "[1, 1, 3, 1, 1, 4, 1, 1, 1, 1, 3, 1]");
        expect_error(fac_multinomial(w, 6, false), "without replacement");
        expect_error(fac_multinomial(fac_neg(w), 1, false), "probability tensor contains either");
        expect_error(fac_multinomial(fac_zeros(FAC_SHAPE(3)), 2, true), "sum of probabilities <= 0");
        expect_error(fac_multinomial(fac_zeros(FAC_SHAPE()), 2, true), "prob_dist must be 1 or 2 dim");
        assert_int_equal(fac_numel(fac_multinomial(fac_zeros(FAC_SHAPE(0, 3)), 2, false)), 0);
    }
}

static void test_strided(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_empty_strided(FAC_SHAPE(2, 3), FAC_DIMS(1, 4));
        assert_int_equal(fac_strides(x).d[1], 4);
        fac_fill_(x, 2);
        check_values(x, "[[2, 2, 2], [2, 2, 2]]");
        assert_int_equal(fac_numel(fac_empty_strided(FAC_SHAPE(2, 0), FAC_DIMS(INT64_MAX, 1))), 0);
        expect_error(fac_empty_strided(FAC_SHAPE(2, 3), FAC_DIMS(1)), "must match dimensionality of strides (1)");
        expect_error(fac_empty_strided(FAC_SHAPE(2, 3), FAC_DIMS(-1, 2)), "Storage size calculation overflowed");
        expect_error(fac_empty_strided(FAC_SHAPE(3, 3), FAC_DIMS(INT64_MAX, 2)), "Storage size calculation overflowed");
    }
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constants),       cmocka_unit_test(test_constant_errors),
        cmocka_unit_test(test_arrays),          cmocka_unit_test(test_recorded_ranges),
        cmocka_unit_test(test_ranges),          cmocka_unit_test(test_range_errors),
        cmocka_unit_test(test_recorded_random), cmocka_unit_test(test_generators),
        cmocka_unit_test(test_roundings),       cmocka_unit_test(test_random_gradients),
        cmocka_unit_test(test_random_errors),   cmocka_unit_test(test_windows),
        cmocka_unit_test(test_strided),         cmocka_unit_test(test_multinomial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
