/* Reading and writing by index: x[...] against recorded cases, the operations along a dimension, masks. */
#include "linear.h"
#include "shape_data.h"

/* ---- x[...], recorded ---------------------------------------------------------------------------------------- */

static int read_parts(char *text, fac_index_part *parts)
{
    int n = 0;
    for (char *p = strtok(text, "|"); p; p = strtok(NULL, "|"), n++) {
        char start[24], stop[24];
        long long step;
        switch (*p) {
        case 'i': parts[n] = fac__part_int(strtoll(p + 1, NULL, 10)); break;
        case 'b': parts[n] = fac__part_bool(p[1] == '1'); break;
        case 'e': parts[n] = FAC_ELLIPSIS; break;
        case 'n': parts[n] = FAC_NEW_AXIS; break;
        case 's':
            assert_int_equal(sscanf(p + 1, "%23[^,],%23[^,],%lld", start, stop, &step), 3);
            parts[n] = FAC_SLICE(*start == '_' ? FAC_OPEN : atoll(start), *stop == '_' ? FAC_OPEN : atoll(stop), step);
            break;
        default:
            parts[n] =
                fac__part_tensor(read_tensor(strchr(p, ':') + 1, *p == 'm' ? FAC_BOOL : FAC_INT64, read_shape(p + 1)));
        }
    }
    return n;
}

static fac_tensor *counted(fac_dims shape)
{
    int64_t n = 1;
    for (int i = 0; i < shape.n; i++)
        n *= shape.d[i];
    fac_tensor *t = fac_reshape(fac_arange(0, n, 1, .dtype = FAC_FLOAT64), shape);
    return fac_requires_grad_(t, true);
}

/* sum(y * (1, 2, 3…)) backward */
static void weighted_backward(fac_tensor *y)
{
    if (!fac_requires_grad(y)) return;
    fac_tensor *w = fac_reshape(fac_arange(1, fac_numel(y) + 1, 1, .dtype = FAC_FLOAT64), fac_shape(y));
    fac_backward(fac_sum(fac_mul(y, w)));
}

static void check_grad(fac_tensor *x, const char *text)
{
    fac_tensor *g = fac_grad(x) ? fac_grad(x) : fac_zeros_like(x);
    check_close(g, read_tensor(text, FAC_FLOAT64, fac_shape(x)), 0);
}

static void check_get(char **field)
{
    fac_index_part parts[16];
    char *space = strchr(field[0], ' '), *again = strdup(field[0]);
    fac_dims shape = read_shape(field[0]);
    int n = read_parts(space + 1, parts);
    fac_tensor *x = counted(shape), *y = fac_index_with(x, (fac_index_parts){parts, n});
    if (!y) fail_msg("x[%s]: %s", again, fac_error());
    check_close(y, read_tensor(field[2], FAC_FLOAT64, read_shape(field[1])), 0);
    weighted_backward(y);
    check_grad(x, field[3]);
    free(again);
}

static void check_put(char **field)
{
    fac_index_part parts[16];
    char *space = strchr(field[0], ' '), *last = strrchr(field[0], ' ');
    bool add = last[1] == '1';
    *last = 0;
    fac_dims shape = read_shape(field[0]);
    fac_index_parts list = {parts, read_parts(space + 1, parts)};
    fac_tensor *x = counted(shape),
               *v = fac_requires_grad_(fac_detach(fac_add_scalar(counted(read_shape(field[1])), 100)), true);
    fac_tensor *y = fac_clone(x);
    fac_tensor *changed = add ? fac_index_put_(y, list, v, true) : fac_index_set(y, list, v);
    assert_ptr_equal(changed, y);
    fac_tensor *want = read_tensor(field[2], FAC_FLOAT64, shape);
    check_close(fac_detach(y), want, 0);
    weighted_backward(y);
    check_grad(x, field[3]);
    check_grad(v, field[4]);
    if (add) check_close(fac_detach(fac_index_put(x, list, v, true)), want, 0);
}

static void test_recorded(void **state)
{
    (void)state;
    assert_int_equal(each_line("get", check_get), 120);
    assert_int_equal(each_line("put", check_put), 80);
}

/* ---- x[...], as it is written -------------------------------------------------------------------------------- */

static void test_spelling(void **state)
{
    (void)state;
    fac_tensor *x = fac_reshape(fac_arange(0, 12, 1), FAC_SHAPE(3, 4)), *rows = fac_literal("[2, 0]");
    long long last = -1;
    check_values(fac_index(x, 0), "[0, 1, 2, 3]");
    check_values(fac_index(x, 1, last), "7");
    check_values(fac_index(x, FAC_SLICE(1, FAC_OPEN), 0), "[4, 8]");
    check_values(fac_index(x, FAC_ALL, FAC_SLICE(FAC_OPEN, FAC_OPEN, 3)), "[[0, 3], [4, 7], [8, 11]]");
    check_values(fac_index(x, FAC_ELLIPSIS, FAC_NEW_AXIS, 1), "[[1], [5], [9]]");
    check_values(fac_index(x, rows, 1), "[9, 1]");
    check_values(fac_index(x, fac_gt_scalar(x, 8)), "[9, 10, 11]");
    check_values(fac_index(x, (bool)1, 0, 0), "[0]");
    assert_int_equal(fac_numel(fac_index(x, (bool)0)), 0);
    assert_true(fac_shares_storage(fac_index(x, 1, FAC_SLICE(0, 2)), x));
    assert_false(fac_shares_storage(fac_index(x, rows), x));
    assert_ptr_equal(fac_index_set_scalar(x, FAC_INDEX(FAC_SLICE(0, 2), 1), -1), x);
    fac_index_set(x, FAC_INDEX(2), fac_literal("[[[0.5, 1.5, 2.5, 3.5]]]"));
    fac_index_set_scalar(x, FAC_INDEX(fac_eq_scalar(x, 3)), 77);
    check_values(x, "[[0, -1, 2, 77], [4, -1, 6, 7], [0, 1, 2, 77]]");
    /* an index may lie in the tensor that it changes */
    fac_tensor *p = fac_literal("[2, 0, 1]");
    fac_index_set(p, FAC_INDEX(p), fac_literal("[7, 8, 9]"));
    check_values(p, "[8, 9, 7]");
    check_values(fac_index_put(fac_zeros(FAC_SHAPE(2), .dtype = FAC_INT64), FAC_INDEX(fac_literal("[1, 1, 0]")),
                               fac_literal("[1, 2, 3]"), true),
                 "[3, 3]");
}

/* Where the dimensions of the indices stand: in place if the indexed ones are neighbours, else first. */
static void test_places(void **state)
{
    (void)state;
    fac_tensor *x = fac_reshape(fac_arange(0, 36, 1), FAC_SHAPE(2, 3, 2, 3)), *i = fac_literal("[0, 2]"),
               *k = fac_literal("[1, 0]");
    fac_tensor *apart = fac_index(x, FAC_ALL, i, FAC_ALL, k), *neighbours = fac_index(x, FAC_ALL, i, k);
    fac_tensor *apart_0 = fac_index(x, FAC_ALL, 0, FAC_ALL, 1), *apart_1 = fac_index(x, FAC_ALL, 2, FAC_ALL, 0);
    fac_tensor *neighbours_0 = fac_index(x, FAC_ALL, 0, 1), *neighbours_1 = fac_index(x, FAC_ALL, 2, 0);
    check_close(apart, fac_stack(FAC_TENSORS(apart_0, apart_1), 0), 0);
    check_close(neighbours, fac_stack(FAC_TENSORS(neighbours_0, neighbours_1), 1), 0);
    fac_tensor *zeros = fac_zeros_like(x);
    fac_index_put_(zeros, FAC_INDEX(FAC_ALL, i, FAC_ALL, k), apart, true);
    check_close(fac_index(zeros, FAC_ALL, i, FAC_ALL, k), apart, 0);
    assert_int_equal(fac_item_int(fac_sum(zeros)), fac_item_int(fac_sum(apart)));
}

static void test_spelling_errors(void **state)
{
    (void)state;
    expect_error(fac_index(fac_literal("5"), fac_literal("[0]")), "too many indices for tensor of dimension 0");
    fac_tensor *x = fac_zeros(FAC_SHAPE(2, 3)), *zero = fac_zeros(FAC_SHAPE());
    expect_error(fac_index(x, 5), "index 5 is out of bounds for dimension 0 with size 2");
    expect_error(fac_index(x, FAC_ALL, -4), "index -4 is out of bounds for dimension 1 with size 3");
    expect_error(fac_index(x, 0, FAC_NEW_AXIS, 3), "index 3 is out of bounds for dimension 1 with size 3");
    expect_error(fac_index(x, 0, 0, 0), "too many indices for tensor of dimension 2");
    expect_error(fac_index(zero, 0), "invalid index of a 0-dim tensor.");
    expect_error(fac_index(zero, FAC_ALL), "slice() cannot be applied to a 0-dim tensor.");
    expect_error(fac_index(x, FAC_SLICE(0, 1, 0)), "step must be greater than zero");
    expect_error(fac_index(x, fac_literal("[5]")), "index 5 is out of bounds for dimension 0 with size 2");
    expect_error(fac_index(x, fac_literal("[-3]")), "index -3 is out of bounds for dimension 0 with size 2");
    expect_error(fac_index(x, fac_literal("[0, 1]"), fac_literal("[0, 1, 2]")),
                 "shape mismatch: indexing tensors could not be broadcast "
                 "together with shapes [2], [3]");
    expect_error(fac_index(x, fac_literal("[True, False, True]")),
                 "The shape of the mask [3] at index 0 does not match the shape of the "
                 "indexed tensor [2, 3] at index 0");
    expect_error(fac_index(x, fac_literal("[1.]")), "tensors used as indices must be long, byte or bool tensors");
    expect_error(fac_index(fac_zeros(FAC_SHAPE(0, 3)), fac_literal("[0]")),
                 "index is out of bounds for dimension with size 0");
    expect_error(fac_index(x, (fac_tensor *)NULL), "'index' must not be NULL");
    expect_error(fac_index(NULL, 0), "'self' must not be NULL");
    expect_error(fac_index_put_(x, FAC_INDEX(fac_literal("[0]")), fac_zeros(FAC_SHAPE(2)), false),
                 "shape mismatch: value tensor of shape [2] cannot be broadcast to indexing result of shape [1, 3]");
    expect_error(fac_index_put_(x, FAC_INDEX(fac_literal("[0]")), fac_literal("[1]"), false),
                 "Index put requires the source and destination dtypes match, got Float for the destination and Long "
                 "for the source.");
    expect_error(fac_index_set(x, FAC_INDEX(0), fac_zeros(FAC_SHAPE(2))),
                 "The size of tensor a (3) must match the size of tensor b (2)");
    fac_tensor *leaf = fac_zeros(FAC_SHAPE(2), .requires_grad = true);
    expect_error(fac_index_set_scalar(leaf, FAC_INDEX(0), 1),
                 "a view of a leaf Variable that requires grad is being used in an in-place");
    expect_error(fac_index_set_scalar(leaf, FAC_INDEX(fac_literal("[0]")), 1),
                 "a leaf Variable that requires grad is being used in an in-place");
}

/* ---- along one dimension ------------------------------------------------------------------------------------- */

/* An index of int32 where it is allowed: all of it, and 0-d ones, which are integers. */
static void test_int32_indices(void **state)
{
    (void)state;
    fac_tensor *x = fac_zeros(FAC_SHAPE(3)), *i = fac_literal("[2, 0, 2]", .dtype = FAC_INT32);
    check_values(fac_index_add(x, 0, i, fac_literal("[1., 2., 3.]"), 1), "[2, 0, 4]");
    check_values(fac_index_select(fac_literal("[5, 6, 7]"), 0, i), "[7, 5, 7]");
    check_values(fac_index(fac_literal("[5, 6, 7]"), fac_literal("-1", .dtype = FAC_INT32)), "7");
    expect_error(fac_index(x, i), "tensors used as indices must be long, byte or bool tensors");
}

static void test_along(void **state)
{
    (void)state;
    fac_tensor *x = fac_reshape(fac_arange(0., 6, 1), FAC_SHAPE(2, 3)), *i = fac_literal("[[0, 1, 1]]"),
               *rows = fac_literal("[1, 1, 0]");
    check_values(fac_gather(x, 0, i), "[[0., 4., 5.]]");
    check_values(fac_gather(fac_t(x), 1, fac_literal("[[1], [0], [1]]")), "[[3.], [1.], [5.]]");
    check_values(fac_index_select(x, 0, rows), "[[3., 4., 5.], [3., 4., 5.], [0., 1., 2.]]");
    check_values(fac_index_select(x, 1, fac_to(rows, FAC_INT32)), "[[1., 1., 0.], [4., 4., 3.]]");
    check_values(fac_take_along_dim(x, fac_literal("[[1]]"), 0), "[[3., 4., 5.]]");
    check_values(fac_take_along_dim(x, fac_literal("[5, 0]"), FAC_OPEN), "[5., 0.]");
    check_values(fac_take(x, fac_literal("[[0, -1]]")), "[[0., 5.]]");
    check_values(fac_take(fac_t(x), fac_literal("1")), "3.");
    fac_tensor *src = fac_literal("[[10., 20., 30.], [40., 50., 60.]]"), *same = fac_literal("[[0, 0, 0], [0, 0, 1]]");
    check_values(fac_scatter(x, 0, i, src), "[[10., 1., 2.], [3., 20., 30.]]");
    check_values(fac_scatter_scalar(x, 1, fac_literal("[[2], [0]]"), 9), "[[0., 1., 9.], [9., 4., 5.]]");
    check_values(fac_scatter_add(x, 0, same, src), "[[50., 71., 32.], [3., 4., 65.]]");
    check_values(fac_scatter_reduce(x, 0, same, src, "sum", true), "[[50., 71., 32.], [3., 4., 65.]]");
    check_values(fac_scatter_reduce(x, 0, same, src, "prod", true), "[[0., 1000., 60.], [3., 4., 300.]]");
    check_values(fac_scatter_reduce(x, 0, same, src, "prod", false), "[[400., 1000., 30.], [3., 4., 60.]]");
    check_values(fac_scatter_reduce(x, 0, same, src, "mean", true), "[[16.6666667, 23.6666667, 16.], [3., 4., 32.5]]");
    check_values(fac_scatter_reduce(x, 0, same, src, "amax", true), "[[40., 50., 30.], [3., 4., 60.]]");
    check_values(fac_scatter_reduce(x, 0, same, src, "amin", false), "[[10., 20., 30.], [3., 4., 60.]]");
    check_values(fac_index_add(x, 0, fac_literal("[1, 1]"), src, 2), "[[0., 1., 2.], [103., 144., 185.]]");
    check_values(fac_index_copy(x, 0, fac_literal("[1, 0]"), src), "[[40., 50., 60.], [10., 20., 30.]]");
    check_values(fac_index_fill(x, 1, fac_literal("[-1, 0]"), 7), "[[7., 1., 7.], [7., 4., 7.]]");
    check_values(fac_index_fill_tensor(x, 0, fac_literal("1"), fac_literal("5")), "[[0., 1., 2.], [5., 5., 5.]]");
    check_values(fac_index_reduce(x, 0, fac_literal("[1, 1]"), src, "amax", true), "[[0., 1., 2.], [40., 50., 60.]]");
    check_values(fac_index_reduce(x, 0, fac_literal("[1, 1]"), src, "mean", false), "[[0., 1., 2.], [25., 35., 45.]]");
    check_values(fac_put(x, fac_literal("[0, -1, 0]"), fac_literal("[1., 2., 3.]"), true),
                 "[[4., 1., 2.], [3., 4., 7.]]");
    check_values(x, "[[0., 1., 2.], [3., 4., 5.]]"); /* none of these changed it */
    fac_tensor *zero = fac_scalar_tensor(1);
    check_values(fac_gather(zero, 0, fac_literal("[0, 0]")), "[1., 1.]");
    check_values(fac_index_add(zero, 0, fac_literal("[0]"), fac_literal("[2.]"), 1), "3.");
    check_values(fac_index_select(zero, 0, fac_literal("[0]")), "1.");
    check_values(fac_scatter_add(fac_literal("[True, False]"), 0, fac_literal("[1, 1]"), fac_literal("[True, True]")),
                 "[True, True]");
    check_values(
        fac_scatter_reduce(fac_literal("[7, 7]"), 0, fac_literal("[1, 1]"), fac_literal("[-3, 4]"), "mean", true),
        "[7, 2]");
    check_values(fac_scatter_add(fac_zeros(FAC_SHAPE(1), .dtype = FAC_UINT8), 0, fac_literal("[0, 0]"),
                                 fac_literal("[200, 100]", .dtype = FAC_UINT8)),
                 "[44]");
}

static void test_in_place(void **state)
{
    (void)state;
    fac_tensor *x = fac_reshape(fac_arange(0., 6, 1), FAC_SHAPE(2, 3)), *columns = fac_t(x);
    fac_scatter_(columns, 1, fac_literal("[[1], [0], [1]]"), fac_literal("[[10.], [20.], [30.]]"));
    check_values(x, "[[0., 20., 2.], [10., 4., 30.]]");
    fac_scatter_add_(x, 0, fac_literal("[[0, 0, 0], [0, 0, 0]]"), x); /* read before it is written */
    check_values(x, "[[10., 44., 34.], [10., 4., 30.]]");
    fac_index_add_(columns, 0, fac_literal("[0]"), fac_literal("[[1., 1.]]"), 3);
    fac_index_copy_(x, 1, fac_literal("[1]"), fac_literal("[[7.], [8.]]"));
    fac_index_fill_(x, 1, fac_literal("[2]"), -1);
    fac_put_(columns, fac_literal("[0]"), fac_literal("[0.5]"), false);
    check_values(x, "[[0.5, 7., -1.], [13., 8., -1.]]");
    fac_masked_fill_(columns, fac_lt_scalar(columns, 0), 3);
    fac_masked_scatter_(columns, fac_eq_scalar(columns, 3), fac_literal("[1., 2., 3.]"));
    fac_scatter_reduce_(x, 1, fac_literal("[[0, 0], [1, 1]]"), fac_literal("[[2., 3.], [4., 5.]]"), "prod", true);
    fac_index_reduce_(x, 0, fac_literal("[0]"), fac_literal("[[0., 9., 0.]]"), "amax", true);
    fac_scatter_scalar_(x, 0, fac_literal("[[1]]"), 0);
    check_values(x, "[[3., 9., 1.], [0., 160., 2.]]");
    fac_tensor *w = fac_ones(FAC_SHAPE(3), .requires_grad = true), *y = fac_mul_scalar(w, 2);
    fac_index_add_(y, 0, fac_literal("[0, 0]"), fac_narrow(w, 0, 1, 2), 3);
    fac_masked_fill_(y, fac_literal("[False, True, False]"), 0);
    fac_index_fill_(fac_narrow(y, 0, 2, 1), 0, fac_literal("[0]"), 4);
    assert_true(fac_backward(fac_sum(fac_mul(y, y))));
    check_values(fac_grad(w), "[32., 48., 48.]");
}

static void test_masks(void **state)
{
    (void)state;
    fac_tensor *x = fac_reshape(fac_arange(0., 6, 1), FAC_SHAPE(2, 3)), *mask = fac_literal("[True, False, True]");
    check_values(fac_masked_fill(x, mask, 9), "[[9., 1., 9.], [9., 4., 9.]]");
    check_values(fac_masked_fill_tensor(x, fac_gt_scalar(x, 3), fac_literal("7")), "[[0., 1., 2.], [3., 7., 7.]]");
    check_values(fac_masked_fill(fac_to(x, FAC_INT64), mask, 2.9), "[[2, 1, 2], [2, 4, 2]]");
    check_values(fac_masked_fill(fac_scalar_tensor(1), mask, 0), "[0., 1., 0.]");
    check_values(fac_masked_select(x, mask), "[0., 2., 3., 5.]");
    check_values(fac_masked_select(fac_t(x), fac_t(fac_gt_scalar(x, 2))), "[3., 4., 5.]");
    check_values(fac_masked_scatter(x, mask, fac_literal("[10., 20., 30., 40., 50.]")),
                 "[[10., 1., 20.], [30., 4., 40.]]");
    check_values(fac_nonzero(fac_literal("[[0., -0.], [0.5, nan]]")), "[[1, 0], [1, 1]]");
    check_values(fac_argwhere(fac_t(fac_literal("[[0, 1], [1, 0]]"))), "[[0, 1], [1, 0]]");
    assert_int_equal(fac_size(fac_nonzero(fac_scalar_tensor(3)), 0), 1);
    fac_tensor_list where = fac_where_true(fac_gt_scalar(x, 3));
    assert_int_equal(where.count, 2);
    check_values(where.items[0], "[1, 1]");
    check_values(where.items[1], "[1, 2]");
    assert_int_equal(fac_where_true(fac_scalar_tensor(1)).count, 1);
    static const fac_dtype dtypes[] = {FAC_BOOL,  FAC_UINT8,   FAC_INT8,     FAC_INT16,
                                       FAC_INT32, FAC_FLOAT16, FAC_BFLOAT16, FAC_FLOAT64};
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        check_values(fac_nonzero(fac_literal("[0, 1, 0, 1]", .dtype = dtypes[i])), "[[1], [3]]");
}

/* Large enough for several threads: duplicates add up in one order, whatever the number of threads. */
static void test_many(void **state)
{
    (void)state;
    fac_manual_seed(3);
    fac_tensor *index = fac_randint(0, 50, FAC_SHAPE(4000)), *values = fac_randn(FAC_SHAPE(4000, 33)), *sums[2];
    int threads = fac_get_num_threads();
    for (int k = 0; k < 2; k++) {
        fac_set_num_threads(k + 1);
        sums[k] = fac_index_add(fac_zeros(FAC_SHAPE(50, 33)), 0, index, values, 1);
    }
    check_close(sums[1], sums[0], 0);
    fac_tensor *one_hot = fac_scatter_scalar(fac_zeros(FAC_SHAPE(4000, 50)), 1, fac_unsqueeze(index, 1), 1);
    check_close(sums[0], fac_matmul(fac_t(one_hot), values), 1e-4);
    check_close(fac_index_select(sums[0], 0, index), fac_index(sums[0], index), 0);
    check_close(fac_index_select(sums[0], 0, index),
                fac_gather(sums[0], 0, fac_expand(fac_unsqueeze(index, 1), FAC_SHAPE(4000, 33))), 0);
    fac_tensor *flat = fac_ravel(values), *big = fac_gt_scalar(flat, 1);
    check_close(fac_masked_select(flat, big), fac_index(flat, big), 0);
    fac_set_num_threads(threads);
}

/* ---- gradients ----------------------------------------------------------------------------------------------- */

#define LINEAR(name, expression)                                                                                       \
    static fac_tensor *name(fac_tensor *x)                                                                             \
    {                                                                                                                  \
        return expression;                                                                                             \
    }
static fac_tensor *mask_of(fac_tensor *x)
{
    return fac_index_fill(fac_zeros(fac_shape(x), .dtype = FAC_BOOL), 1, fac_literal("[0, 2]"), 1);
}
LINEAR(by_parts, fac_index(x, FAC_SLICE(0, 2), fac_literal("[[2, 0], [0, 1]]")))
LINEAR(by_parts_apart,
       fac_index(fac_expand(x, FAC_SHAPE(2, 2, 3)), FAC_ALL, fac_literal("[1, 0, 1]"), fac_literal("[2, 0, 2]")))
LINEAR(by_mask, fac_index(x, mask_of(x)))
LINEAR(put_parts, fac_index_put(x, FAC_INDEX(fac_literal("[1, 0]")), fac_index(x, fac_literal("[0, 1]")), false))
LINEAR(add_parts, fac_index_put(x, FAC_INDEX(FAC_ALL, fac_literal("[1, 1]")), fac_slice(x, 1, 0, 2, 1), true))
LINEAR(gathered, fac_gather(x, 1, fac_literal("[[2, 0, 2, 1]]")))
LINEAR(selected, fac_index_select(x, 1, fac_literal("[2, 0, 2]")))
LINEAR(taken, fac_take(x, fac_literal("[5, 0, 5, -2]")))
LINEAR(along, fac_take_along_dim(x, fac_literal("[[1]]"), 0))
LINEAR(written, fac_scatter(x, 1, fac_literal("[[2, 0]]"), fac_mul_scalar(x, 3)))
LINEAR(cleared, fac_scatter_scalar(x, 1, fac_literal("[[2, 0]]"), 0))
LINEAR(added, fac_scatter_add(x, 1, fac_literal("[[2, 0], [1, 1]]"), fac_mul_scalar(x, 3)))
LINEAR(summed, fac_scatter_reduce(x, 1, fac_literal("[[2, 2], [1, 1]]"), fac_mul_scalar(x, 3), "sum", false))
LINEAR(averaged, fac_scatter_reduce(x, 1, fac_literal("[[2, 2], [1, 1]]"), fac_mul_scalar(x, 3), "mean", true))
LINEAR(slices_added, fac_index_add(x, 0, fac_literal("[1, 1]"), x, 2.5))
LINEAR(slices_copied, fac_index_copy(x, 0, fac_literal("[1]"), fac_narrow(x, 0, 0, 1)))
LINEAR(slices_averaged, fac_index_reduce(x, 0, fac_literal("[1, 1]"), x, "mean", false))
LINEAR(slices_filled, fac_index_fill_tensor(x, 1, fac_literal("[0, 0]"), fac_select(fac_select(x, 0, 1), 0, 1)))
LINEAR(numbers_put, fac_put(x, fac_literal("[[4, 0]]"), fac_slice(fac_select(x, 0, 1), 0, 0, 2, 1), false))
LINEAR(numbers_added, fac_put(x, fac_literal("[[4, 4]]"), fac_slice(fac_select(x, 0, 1), 0, 0, 2, 1), true))
LINEAR(filled, fac_masked_fill(x, mask_of(x), 0))
LINEAR(filled_with, fac_masked_fill_tensor(x, mask_of(x), fac_select(fac_select(x, 0, 1), 0, 1)))
LINEAR(masked, fac_masked_select(x, mask_of(x)))
LINEAR(masked_wide, fac_masked_select(x, fac_literal("[[[True, False, True]], [[True, True, True]]]")))
LINEAR(mask_written, fac_masked_scatter(x, mask_of(x), fac_mul_scalar(x, 2)))

static void test_gradients(void **state)
{
    (void)state;
#define CASE(f)                                                                                                        \
    {                                                                                                                  \
#f, f, FAC_SHAPE(2, 3)                                                                                         \
    }
    const linear_case cases[] = {
        CASE(by_parts),      CASE(by_parts_apart),  CASE(by_mask),       CASE(put_parts),   CASE(add_parts),
        CASE(gathered),      CASE(selected),        CASE(taken),         CASE(along),       CASE(written),
        CASE(cleared),       CASE(added),           CASE(summed),        CASE(averaged),    CASE(slices_added),
        CASE(slices_copied), CASE(slices_averaged), CASE(slices_filled), CASE(numbers_put), CASE(numbers_added),
        CASE(filled),        CASE(filled_with),     CASE(masked),        CASE(masked_wide), CASE(mask_written),
    };
    fac_manual_seed(4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_linear(&cases[i]);
}

/* The reductions that are not linear: by hand. */
static void test_reduced_gradients(void **state)
{
    (void)state;
    fac_tensor *x = fac_requires_grad_(fac_literal("[2., 3., 5.]"), true),
               *s = fac_requires_grad_(fac_literal("[4., 0., 5., 5.]"), true);
    fac_tensor *i = fac_literal("[0, 0, 2, 2]");
    fac_tensor *y = fac_scatter_reduce(x, 0, i, s, "prod", true);
    check_values(fac_detach(y), "[0., 3., 125.]");
    assert_true(fac_backward(fac_sum(y)));
    check_values(fac_grad(x), "[0., 1., 25.]");
    check_values(fac_grad(s), "[0., 8., 25., 25.]");
    fac_set_grad(x, NULL), fac_set_grad(s, NULL);
    y = fac_scatter_reduce_(fac_clone(x), 0, i, s, "amax", true);
    assert_true(fac_backward(fac_sum(y)));
    check_values(fac_grad(x), "[0., 1., 0.3333333]");
    check_values(fac_grad(s), "[1., 0., 0.3333333, 0.3333333]");
    fac_set_grad(x, NULL), fac_set_grad(s, NULL);
    y = fac_scatter_reduce(x, 0, i, s, "amin", false);
    check_values(fac_detach(y), "[0., 3., 5.]");
    assert_true(fac_backward(fac_sum(y)));
    check_values(fac_grad(x), "[0., 1., 0.]");
    assert_string_equal(fac_grad_fn_name(y), "ScatterReduceBackward0");
}

/* ---- errors -------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    (void)state;
    fac_tensor *x = fac_zeros(FAC_SHAPE(2, 3)), *one = fac_literal("[1]"), *two = fac_literal("[[2]]"),
               *row = fac_zeros(FAC_SHAPE(1, 3));
    fac_tensor *wrong = fac_literal("[1.]"), *wide = fac_zeros(FAC_SHAPE(1, 3), .dtype = FAC_FLOAT64);
    const char *outside = "index 2 is out of bounds for dimension 0 with size 2";
    expect_error(fac_gather(x, 0, two), outside);
    expect_error(fac_gather(x, 0, fac_literal("[[-1]]")), "index -1 is out of bounds for dimension 0 with size 2");
    (void)fac_gather(x, 0, two);
    assert_int_equal(fac_get_error_code(), FAC_ERROR_RUNTIME);
    fac_clear_error();
    expect_error(fac_index_copy(x, 0, fac_literal("[2]"), row), "index_copy_(): index 2 is out of bounds");
    expect_error(fac_gather(x, 0, one), "Index tensor must have the same number of dimensions as input tensor");
    expect_error(fac_gather(x, 0, fac_literal("[[0, 1, 1, 0]]")),
                 "Size does not match at dimension 1 expected index [1, 4] to be smaller than "
                 "self [2, 3] apart from dimension 0");
    expect_error(fac_gather(x, 0, fac_literal("[[0.]]")), "gather(): Expected dtype int64 for index");
    expect_error(fac_gather(x, 2, two), "Dimension out of range");
    expect_error(fac_gather(x, 0, NULL), "'index' must not be NULL");
    expect_error(fac_index_select(x, 0, fac_literal("[2]")), "index out of range in self");
    expect_error(fac_index_select(x, 0, two), "index_select(): Index is supposed to be a vector");
    expect_error(fac_index_select(x, 0, wrong), "index_select(): Expected dtype int32 or int64 for index");
    expect_error(fac_take(x, fac_literal("[6]")), "out of range: tried to access index 6 on a tensor of 6 elements.");
    expect_error(fac_take(fac_zeros(FAC_SHAPE(0)), one), "take(): tried to take from an empty tensor");
    expect_error(fac_take(x, wrong), "take(): Expected a long tensor for index, but got Float");
    expect_error(fac_put(x, one, fac_zeros(FAC_SHAPE(2)), false), "source.numel() = 2, index.numel() = 1");
    expect_error(fac_put(x, one, one, false), "put_(): self and source expected to have the same dtype");
    expect_error(fac_take_along_dim(x, one, 0), "input and indices should have the same number of dimensions");
    expect_error(fac_take_along_dim(x, wrong, 0),
                 "torch.take_along_dim(): dtype of indices should be Long but got Float");
    expect_error(fac_scatter(x, 0, two, x), outside);
    expect_error(fac_scatter(x, 0, one, x), "Index tensor must have the same number of dimensions as self tensor");
    expect_error(fac_scatter(x, 0, fac_literal("[[0, 1]]"), fac_zeros(FAC_SHAPE(2, 1))),
                 "Expected index [1, 2] to be smaller than self [2, 3] "
                 "apart from dimension 0 and to be smaller size than "
                 "src [2, 1]");
    expect_error(fac_scatter(x, 0, two, wide), "scatter(): Expected self.dtype to be equal to src.dtype");
    expect_error(fac_scatter_scalar(fac_zeros(FAC_SHAPE(1), .dtype = FAC_INT8), 0, fac_literal("[0]"), 300),
                 "cannot be converted to type int8_t");
    expect_error(fac_scatter_reduce(x, 0, fac_literal("[[0]]"), x, "foo", true),
                 "reduce argument must be either sum, prod, mean, amax or amin.");
    expect_error(fac_index_add(x, 0, fac_literal("[2]"), row, 1), "index out of range in self");
    expect_error(fac_index_add(x, 0, one, x, 1),
                 "index_add_(): Number of indices (1) should be equal to source.size(dim): (2), for dim: 0");
    expect_error(fac_index_add(x, 0, two, row, 1), "index_add_(): Index is supposed to be a vector");
    expect_error(fac_index_add(x, 0, one, wide, 1),
                 "index_add_(): self (Float) and source (Double) must have the same scalar type");
    expect_error(fac_index_add(x, 0, one, fac_zeros(FAC_SHAPE(1, 2)), 1), "must match but in dimension 0");
    expect_error(fac_index_copy(x, 0, fac_literal("[2]"), row), outside);
    expect_error(fac_index_copy(x, 0, one, x),
                 "index_copy_(): Number of indices (1) should be equal to source.size(dim) (2)");
    expect_error(fac_index_copy(x, 0, one, fac_zeros(FAC_SHAPE(3))), "their dimensionality must match");
    expect_error(fac_index_copy(x, 0, wrong, row), "index_copy_(): Expected a long tensor for index, but got Float");
    expect_error(fac_index_fill(x, 0, fac_literal("[2]"), 1), outside);
    expect_error(fac_index_fill_tensor(x, 0, one, one), "index_fill_ only supports a 0-dimensional value tensor");
    expect_error(fac_index_reduce(x, 0, one, row, "sum", true),
                 "index_reduce(): Expected reduce to be one of prod, mean, amax or amin");
    expect_error(fac_masked_fill(x, fac_literal("[True, False]"), 1),
                 "The size of tensor a (3) must match the size of tensor b (2)");
    expect_error(fac_masked_fill(x, x, 1), "masked_fill only supports boolean masks, but got mask with dtype float32");
    expect_error(fac_masked_fill_tensor(x, fac_literal("True"), one),
                 "masked_fill_ only supports a 0-dimensional value tensor");
    expect_error(fac_masked_fill_(row, fac_ones(FAC_SHAPE(2, 3), .dtype = FAC_BOOL), 1),
                 "doesn't match the broadcast shape [2, 3]");
    expect_error(fac_masked_select(x, x), "masked_select: expected BoolTensor or ByteTensor for mask");
    expect_error(fac_masked_scatter(x, fac_literal("True"), fac_zeros(FAC_SHAPE(5))),
                 "Number of elements of source < number of ones in mask");
    expect_error(fac_masked_scatter(x, fac_literal("True"), wide),
                 "masked_scatter: expected self and source to have same dtypes");
    expect_error(fac_nonzero(NULL), "'self' must not be NULL");
    check_values(x, "[[0., 0., 0.], [0., 0., 0.]]");
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_spelling),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_spelling_errors),
        cmocka_unit_test(test_int32_indices),
        cmocka_unit_test(test_along),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_reduced_gradients),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
