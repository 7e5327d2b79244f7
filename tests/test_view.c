/* Views and copies in other orders: values, shared memory, gradients, errors. */
#include "linear.h"

static fac_tensor *counted(fac_dims shape)
{
    int64_t n = 1;
    for (int i = 0; i < shape.n; i++)
        n *= shape.d[i];
    return fac_reshape(fac_arange(0, (double)n, 1), shape);
}

static void check_shape(const fac_tensor *t, fac_dims want)
{
    fac_dims got = fac_shape(t);
    assert_non_null(t);
    assert_int_equal(got.n, want.n);
    for (int i = 0; i < got.n; i++)
        assert_int_equal(got.d[i], want.d[i]);
}

/* ---- values -------------------------------------------------------------------------------------------------- */

static void test_shapes(void **state)
{
    (void)state;
    fac_tensor *x = counted(FAC_SHAPE(2, 3));
    check_values(fac_reshape(x, FAC_SHAPE(3, -1)), "[[0., 1.], [2., 3.], [4., 5.]]");
    check_values(fac_reshape(fac_t(x), FAC_SHAPE(6)), "[0., 3., 1., 4., 2., 5.]");
    check_values(fac_view(x, FAC_SHAPE(6)), "[0., 1., 2., 3., 4., 5.]");
    check_values(fac_flatten(counted(FAC_SHAPE(2, 2, 2)), 1, -1), "[[0., 1., 2., 3.], [4., 5., 6., 7.]]");
    check_shape(fac_flatten(fac_zeros(FAC_SHAPE()), 0, -1), FAC_SHAPE(1));
    check_shape(fac_unflatten(fac_zeros(FAC_SHAPE(2, 12)), 1, FAC_SHAPE(3, -1, 2)), FAC_SHAPE(2, 3, 2, 2));
    check_shape(fac_reshape(fac_zeros(FAC_SHAPE(0, 3)), FAC_SHAPE(-1, 3)), FAC_SHAPE(0, 3));
    check_shape(fac_view_as(x, fac_zeros(FAC_SHAPE(3, 2))), FAC_SHAPE(3, 2));
    check_shape(fac_reshape_as(fac_t(x), fac_zeros(FAC_SHAPE(6))), FAC_SHAPE(6));
    fac_tensor *ones = fac_zeros(FAC_SHAPE(1, 2, 1, 3));
    check_shape(fac_squeeze(ones), FAC_SHAPE(2, 3));
    check_shape(fac_squeeze_dim(ones, -2), FAC_SHAPE(1, 2, 3));
    check_shape(fac_squeeze_dim(ones, 1), FAC_SHAPE(1, 2, 1, 3));
    check_shape(fac_squeeze_dims(ones, FAC_DIMS(0, 2)), FAC_SHAPE(2, 3));
    check_shape(fac_unsqueeze(x, -1), FAC_SHAPE(2, 3, 1));
    check_values(fac_expand(fac_literal("[[1.], [2.]]"), FAC_SHAPE(2, 2, -1)), "[[[1.], [2.]], [[1.], [2.]]]");
    check_shape(fac_expand_as(fac_zeros(FAC_SHAPE(3)), x), FAC_SHAPE(2, 3));
    check_shape(fac_broadcast_to(fac_zeros(FAC_SHAPE()), FAC_SHAPE(0, 2)), FAC_SHAPE(0, 2));
    check_shape(fac_atleast_1d(fac_zeros(FAC_SHAPE())), FAC_SHAPE(1));
    check_shape(fac_atleast_2d(fac_zeros(FAC_SHAPE(4))), FAC_SHAPE(1, 4));
    check_shape(fac_atleast_3d(fac_zeros(FAC_SHAPE(4))), FAC_SHAPE(1, 4, 1));
    check_shape(fac_atleast_3d(x), FAC_SHAPE(2, 3, 1));
    check_values(fac_view_dtype(fac_literal("[1., -2.]"), FAC_INT32), "[1065353216, -1073741824]");
    check_shape(fac_view_dtype(x, FAC_UINT8), FAC_SHAPE(2, 12));
    check_shape(fac_view_dtype(fac_zeros(FAC_SHAPE(2, 4)), FAC_FLOAT64), FAC_SHAPE(2, 2));
}

/* A view exists exactly where each run of memory is cut into whole dimensions. */
static void test_views_of_views(void **state)
{
    (void)state;
    fac_tensor *x = counted(FAC_SHAPE(2, 3, 4));
    fac_tensor *part = fac_slice(x, 1, 0, 2, 1); /* strides 12, 4, 1 of [2, 2, 4] */
    fac_tensor *y = fac_view(part, FAC_SHAPE(2, 8));
    check_values(y, "[[0., 1., 2., 3., 4., 5., 6., 7.], [12., 13., 14., 15., 16., 17., 18., 19.]]");
    assert_true(fac_shares_storage(x, y));
    assert_true(fac_shares_storage(x, fac_view(part, FAC_SHAPE(2, 1, 2, 2, 2))));
    expect_error(fac_view(part, FAC_SHAPE(16)),
                 "view size is not compatible with input tensor's size and stride (at least one "
                 "dimension spans across two contiguous subspaces). Use .reshape(...) instead.");
    assert_false(fac_shares_storage(x, fac_reshape(part, FAC_SHAPE(16))));
    fac_tensor *wide = fac_expand(fac_unsqueeze(fac_arange(0, 3, 1), 0), FAC_SHAPE(4, 3));
    assert_true(fac_shares_storage(wide, fac_view(wide, FAC_SHAPE(2, 2, 3))));
    assert_true(fac_shares_storage(wide, fac_view(wide, FAC_SHAPE(4, 1, 3, 1))));
    expect_error(fac_view(wide, FAC_SHAPE(12)), "view size is not compatible");
    check_values(fac_reshape(wide, FAC_SHAPE(2, 6)), "[[0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 1, 2]]");
    /* dims of size 1 with odd strides are no hindrance */
    fac_tensor *odd = fac_as_strided(x, FAC_SHAPE(2, 1, 4), FAC_DIMS(4, 7, 1), 0);
    assert_true(fac_shares_storage(x, fac_view(odd, FAC_SHAPE(8))));
}

/* Strides of dimensions of one element too. */
static void test_strides(void **state)
{
    (void)state;
    fac_tensor *x = fac_zeros(FAC_SHAPE(2, 3));
#define STRIDES(y, ...)                                                                                                \
    do {                                                                                                               \
        fac_dims got_ = fac_strides(y), want_ = FAC_DIMS(__VA_ARGS__);                                                 \
        assert_int_equal(got_.n, want_.n);                                                                             \
        assert_memory_equal(got_.d, want_.d, (size_t)got_.n * sizeof *got_.d);                                         \
    } while (0)
    STRIDES(fac_slice(x, 0, 0, FAC_OPEN, 5), 15, 1);
    STRIDES(fac_slice(x, 0, 0, FAC_OPEN, INT64_MAX), 3, 1); /* no number is that large */
    STRIDES(fac_unfold(x, 0, 2, 3), 9, 1, 3);
    STRIDES(fac_expand(x, FAC_SHAPE(1, 4, 2, 3)), 0, 0, 3, 1);
    STRIDES(fac_expand(x, FAC_SHAPE(1, 1, 2, 3)), 6, 6, 3, 1);
    STRIDES(fac_view(fac_t(fac_zeros(FAC_SHAPE(1, 2))), FAC_SHAPE(1, 2, 1, 1)), 2, 1, 2, 2);
    STRIDES(fac_view(fac_t(fac_zeros(FAC_SHAPE(0, 2))), FAC_SHAPE(2, 0)), 1, 2);
    STRIDES(fac_view(fac_t(fac_zeros(FAC_SHAPE(0, 2))), FAC_SHAPE(0, 2)), 2, 1);
    STRIDES(fac_ravel(fac_slice(x, 1, 0, 1, 1)), 1);
#undef STRIDES
}

static void test_orders(void **state)
{
    (void)state;
    fac_tensor *x = counted(FAC_SHAPE(2, 3));
    check_values(fac_transpose(x, 0, -1), "[[0., 3.], [1., 4.], [2., 5.]]");
    check_values(fac_t(x), "[[0., 3.], [1., 4.], [2., 5.]]");
    check_shape(fac_t(fac_zeros(FAC_SHAPE(3))), FAC_SHAPE(3));
    fac_tensor *y = fac_zeros(FAC_SHAPE(2, 3, 4, 5));
    check_shape(fac_permute(y, FAC_DIMS(3, -4, 2, 1)), FAC_SHAPE(5, 2, 4, 3));
    check_shape(fac_movedim(y, FAC_DIMS(0), FAC_DIMS(-1)), FAC_SHAPE(3, 4, 5, 2));
    check_shape(fac_movedim(y, FAC_DIMS(0, 1), FAC_DIMS(2, 0)), FAC_SHAPE(3, 4, 2, 5));
    check_shape(fac_swapaxes(y, 1, 3), FAC_SHAPE(2, 5, 4, 3));
    check_shape(fac_T(y), FAC_SHAPE(5, 4, 3, 2));
    check_shape(fac_mT(y), FAC_SHAPE(2, 3, 5, 4));
    check_shape(fac_H(x), FAC_SHAPE(3, 2));
}

static void test_parts(void **state)
{
    (void)state;
    fac_tensor *x = counted(FAC_SHAPE(3, 4));
    check_values(fac_slice(x, 1, 1, FAC_OPEN, 2), "[[1., 3.], [5., 7.], [9., 11.]]");
    check_values(fac_slice(x, 0, -2, -1, 1), "[[4., 5., 6., 7.]]");
    check_shape(fac_slice(x, 0, 2, 1, 1), FAC_SHAPE(0, 4));
    check_shape(fac_slice(x, 0, -9, 9, 1), FAC_SHAPE(3, 4));
    check_values(fac_narrow(x, 1, -2, 1), "[[2.], [6.], [10.]]");
    check_values(fac_select(x, 1, -1), "[3., 7., 11.]");
    check_values(fac_diagonal(x, 1, 0, 1), "[1., 6., 11.]");
    check_values(fac_diagonal(x, -1, 0, 1), "[4., 9.]");
    check_shape(fac_diagonal(x, 9, 0, 1), FAC_SHAPE(0));
    check_shape(fac_diagonal(fac_zeros(FAC_SHAPE(2, 3, 4)), 0, 2, 0), FAC_SHAPE(3, 2));
    check_values(fac_unfold(fac_arange(0, 5, 1), 0, 3, 2), "[[0, 1, 2], [2, 3, 4]]");
    check_values(fac_as_strided(x, FAC_SHAPE(2, 2), FAC_DIMS(1, 2), 3), "[[3., 5.], [4., 6.]]");
    check_shape(fac_unfold(fac_zeros(FAC_SHAPE()), 0, 1, 1), FAC_SHAPE(1));
}

/* What is written into a view is seen in its tensor, and knows its gradient. */
static void test_writing_through_views(void **state)
{
    (void)state;
    fac_tensor *x = counted(FAC_SHAPE(3, 4));
    fac_fill_(fac_select(fac_t(x), 0, 1), -1);
    fac_zero_(fac_diagonal(x, 0, 0, 1));
    fac_fill_(fac_slice(fac_view(x, FAC_SHAPE(12)), 0, 10, FAC_OPEN, 1), 7);
    check_values(x, "[[0., -1., 2., 3.], [4., 0., 6., 7.], [8., -1., 7., 7.]]");
    fac_tensor *w = fac_ones(FAC_SHAPE(2, 2), .requires_grad = true), *y = fac_mul_scalar(w, 3);
    fac_mul_scalar_(fac_select(y, 1, 0), 5);
    fac_mul_(fac_select(y, 0, 1), fac_clone(fac_select(y, 0, 0)));
    assert_true(fac_backward(fac_sum(y)));
    check_values(fac_grad(w), "[[240., 12.], [225., 9.]]");
    expect_error(fac_fill_(fac_expand(fac_zeros(FAC_SHAPE(1)), FAC_SHAPE(2)), 1),
                 "more than one element of the written-to tensor");
}

static void check_list(fac_tensor_list list, int count, const char *const *texts)
{
    assert_non_null(list.items);
    assert_int_equal(list.count, count);
    for (int i = 0; i < count; i++)
        check_values(list.items[i], texts[i]);
}
#define CHECK_LIST(list, ...)                                                                                          \
    check_list(list, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]){__VA_ARGS__})

static void test_splits(void **state)
{
    (void)state;
    fac_tensor *x = fac_arange(0, 7, 1), *m = counted(FAC_SHAPE(2, 4));
    CHECK_LIST(fac_split(x, 3, 0), "[0, 1, 2]", "[3, 4, 5]", "[6]");
    CHECK_LIST(fac_chunk(x, 3, 0), "[0, 1, 2]", "[3, 4, 5]", "[6]");
    CHECK_LIST(fac_chunk(x, 5, 0), "[0, 1]", "[2, 3]", "[4, 5]", "[6]");
    CHECK_LIST(fac_split_sizes(x, FAC_DIMS(1, 4, 2), 0), "[0]", "[1, 2, 3, 4]", "[5, 6]");
    CHECK_LIST(fac_tensor_split(x, 3, 0), "[0, 1, 2]", "[3, 4]", "[5, 6]");
    CHECK_LIST(fac_tensor_split_at(x, (int64_t[]){2, 5}, 2, 0), "[0, 1]", "[2, 3, 4]", "[5, 6]");
    CHECK_LIST(fac_hsplit(m, 2), "[[0., 1.], [4., 5.]]", "[[2., 3.], [6., 7.]]");
    CHECK_LIST(fac_vsplit(m, 2), "[[0., 1., 2., 3.]]", "[[4., 5., 6., 7.]]");
    CHECK_LIST(fac_dsplit_at(counted(FAC_SHAPE(1, 1, 3)), (int64_t[]){1}, 1), "[[[0.]]]", "[[[1., 2.]]]");
    CHECK_LIST(fac_unbind(m, 0), "[0., 1., 2., 3.]", "[4., 5., 6., 7.]");
    CHECK_LIST(fac_unbind(fac_t(m), -1), "[0., 1., 2., 3.]", "[4., 5., 6., 7.]");
    CHECK_LIST(fac_meshgrid(FAC_TENSORS(fac_literal("[1, 2]"), fac_literal("[3, 4, 5]")), "ij"),
               "[[1, 1, 1], [2, 2, 2]]", "[[3, 4, 5], [3, 4, 5]]");
    CHECK_LIST(fac_meshgrid(FAC_TENSORS(fac_literal("[1, 2]"), fac_literal("[3, 4, 5]")), "xy"),
               "[[1, 2], [1, 2], [1, 2]]", "[[3, 3], [4, 4], [5, 5]]");
    CHECK_LIST(fac_broadcast_tensors(FAC_TENSORS(fac_literal("[1, 2]"), fac_literal("[[3], [4]]"))), "[[1, 2], [1, 2]]",
               "[[3, 3], [4, 4]]");
    assert_int_equal(fac_unbind(fac_zeros(FAC_SHAPE(0, 2)), 0).count, 0);
    assert_int_equal(fac_chunk(fac_zeros(FAC_SHAPE(0, 2)), 3, 0).count, 3);
    assert_true(fac_shares_storage(x, fac_split(x, 3, 0).items[2]));
}

static void test_rearranged(void **state)
{
    (void)state;
    fac_tensor *x = counted(FAC_SHAPE(2, 3));
    check_values(fac_flip(x, FAC_DIMS(0, -1)), "[[5., 4., 3.], [2., 1., 0.]]");
    check_values(fac_flip(fac_t(x), FAC_DIMS(0)), "[[2., 5.], [1., 4.], [0., 3.]]");
    check_values(fac_fliplr(x), "[[2., 1., 0.], [5., 4., 3.]]");
    check_values(fac_flipud(x), "[[3., 4., 5.], [0., 1., 2.]]");
    check_values(fac_roll(x, FAC_DIMS(1), FAC_DIMS()), "[[5., 0., 1.], [2., 3., 4.]]");
    check_values(fac_roll(x, FAC_DIMS(1, -4), FAC_DIMS(0, 1)), "[[4., 5., 3.], [1., 2., 0.]]");
    check_values(fac_roll(x, FAC_DIMS(1, 1), FAC_DIMS(1, 1)), "[[1., 2., 0.], [4., 5., 3.]]");
    check_values(fac_rot90(x, 1, FAC_DIMS(0, 1)), "[[2., 5.], [1., 4.], [0., 3.]]");
    check_values(fac_rot90(x, -1, FAC_DIMS(0, 1)), "[[3., 0.], [4., 1.], [5., 2.]]");
    check_values(fac_rot90(x, 6, FAC_DIMS(1, 0)), "[[5., 4., 3.], [2., 1., 0.]]");
    check_values(fac_repeat(x, FAC_DIMS(2, 1, 2)), "[[[0., 1., 2., 0., 1., 2.], [3., 4., 5., 3., 4., 5.]],"
                                                   " [[0., 1., 2., 0., 1., 2.], [3., 4., 5., 3., 4., 5.]]]");
    check_shape(fac_repeat(x, FAC_DIMS(0, 2)), FAC_SHAPE(0, 6));
    check_values(fac_tile(fac_literal("[1, 2]"), FAC_DIMS(2, 2)), "[[1, 2, 1, 2], [1, 2, 1, 2]]");
    check_values(fac_repeat_interleave(fac_literal("[1, 2]"), 2, FAC_OPEN), "[1, 1, 2, 2]");
    check_values(fac_repeat_interleave_tensor(x, fac_literal("[0, 2]"), 0), "[[3., 4., 5.], [3., 4., 5.]]");
    check_values(fac_tril(x, 0), "[[0., 0., 0.], [3., 4., 0.]]");
    check_values(fac_triu(x, 1), "[[0., 1., 2.], [0., 0., 5.]]");
    check_values(fac_tril(x, -100), "[[0., 0., 0.], [0., 0., 0.]]");
    fac_tensor *y = counted(FAC_SHAPE(3, 2));
    assert_non_null(fac_triu_(fac_t(y), 0)); /* in place, through a view */
    check_values(y, "[[0., 0.], [2., 3.], [4., 5.]]");
    check_values(fac_diag(fac_literal("[1., 2.]"), 1), "[[0., 1., 0.], [0., 0., 2.], [0., 0., 0.]]");
    check_values(fac_diag(x, -1), "[3.]");
    check_values(fac_diag_embed(fac_literal("[[1, 2], [3, 4]]"), 0, -2, -1), "[[[1, 0], [0, 2]], [[3, 0], [0, 4]]]");
    check_values(fac_diagflat(fac_literal("[[1, 2]]"), 0), "[[1, 0], [0, 2]]");
    check_values(fac_select_scatter(x, fac_literal("[9., 9.]"), 1, 0), "[[9., 1., 2.], [9., 4., 5.]]");
    check_values(fac_slice_scatter(x, fac_literal("[[9.], [8.]]"), 1, 1, 2, 1), "[[0., 9., 2.], [3., 8., 5.]]");
    check_values(fac_diagonal_scatter(x, fac_literal("[9., 8.]"), 1, 0, 1), "[[0., 9., 2.], [3., 4., 8.]]");
    check_values(fac_as_strided_scatter(x, fac_literal("[9., 8.]"), FAC_SHAPE(2), FAC_DIMS(3), 1),
                 "[[0., 9., 2.], [3., 8., 5.]]");
    check_values(fac_fill_diagonal_(fac_zeros(FAC_SHAPE(5, 2)), 1, true),
                 "[[1., 0.], [0., 1.], [0., 0.], [1., 0.], [0., 1.]]");
    check_values(fac_fill_diagonal_(fac_zeros(FAC_SHAPE(3, 2)), 1, false), "[[1., 0.], [0., 1.], [0., 0.]]");
    fac_tensor *r = fac_arange(0, 4, 1);
    check_values(fac_resize_(r, FAC_SHAPE(2, 1)), "[[0], [1]]");
    check_values(fac_narrow(fac_resize_(r, FAC_SHAPE(8)), 0, 0, 4), "[0, 1, 2, 3]");
    check_shape(fac_resize_as_(r, x), FAC_SHAPE(2, 3));
    for (int first = 0; first < 2; first++) { /* whichever of the old and the new memory goes first */
        fac_tensor *grown, *view;
        fac_scope {
            grown = fac_keep(fac_arange(0, 4, 1));
            view = fac_keep(fac_narrow(grown, 0, 1, 2));
            fac_resize_(fac_resize_(grown, FAC_SHAPE(6)), FAC_SHAPE(2000));
        }
        fac_release(first ? grown : view);
        fac_tensor *other = first ? view : grown;
        fac_add_scalar_(other, 1);
        check_values(fac_narrow(other, 0, 0, 2), first ? "[2, 3]" : "[1, 2]");
        fac_release(other);
    }
}

/* More dimensions than one copy can have: the repeat is done in two. */
static void test_repeat_of_many_dims(void **state)
{
    (void)state;
    fac_tensor *x = fac_randn(FAC_SHAPE(1, 2, 1, 2, 1, 2, 1, 2), .dtype = FAC_FLOAT64, .requires_grad = true);
    fac_tensor *y = fac_repeat(x, FAC_DIMS(2, 2, 2, 2, 2, 2, 2, 2));
    check_shape(y, FAC_SHAPE(2, 4, 2, 4, 2, 4, 2, 4));
    fac_tensor *z = fac_cat(FAC_TENSORS(x, x), 0);
    for (int i = 1; i < 8; i++)
        z = fac_cat(FAC_TENSORS(z, z), i);
    check_close(y, z, 0);
    assert_true(fac_backward(fac_sum(y)));
    check_close(fac_grad(x), fac_full(fac_shape(x), 256, .dtype = FAC_FLOAT64), 0);

    x = fac_randn(FAC_SHAPE(2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1), .dtype = FAC_FLOAT64, .requires_grad = true);
    fac_tensor *turned = fac_transpose(x, 0, 8);
    y = fac_repeat(turned, FAC_DIMS(2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2));
    z = turned;
    for (int i = 0; i < 12; i++)
        z = i == 6 ? z : fac_cat(FAC_TENSORS(z, z), i);
    check_close(y, z, 0);
    assert_true(fac_backward(fac_sum(y)));
    check_close(fac_grad(x), fac_full(fac_shape(x), 2048, .dtype = FAC_FLOAT64), 0);
}

/* ---- gradients ----------------------------------------------------------------------------------------------- */

#define LINEAR(name, expression)                                                                                       \
    static fac_tensor *name(fac_tensor *x)                                                                             \
    {                                                                                                                  \
        return expression;                                                                                             \
    }
LINEAR(as_view, fac_reshape(fac_add_scalar(x, 0), FAC_SHAPE(4, 3)))
LINEAR(as_copy, fac_reshape(fac_t(fac_flatten(x, 1, -1)), FAC_SHAPE(-1, 2)))
LINEAR(flattened, fac_flatten(x, 0, 1))
LINEAR(unflattened, fac_unflatten(x, 1, FAC_SHAPE(3, 1)))
LINEAR(squeezed, fac_squeeze(fac_unsqueeze(x, 1)))
LINEAR(expanded, fac_expand(x, FAC_SHAPE(2, 2, 3, 2)))
LINEAR(transposed, fac_transpose(x, 0, 2))
LINEAR(permuted, fac_permute(x, FAC_DIMS(2, 0, 1)))
LINEAR(moved, fac_movedim(x, FAC_DIMS(0, 1), FAC_DIMS(2, 0)))
LINEAR(sliced, fac_slice(x, 1, 0, FAC_OPEN, 2))
LINEAR(nothing, fac_slice(x, 1, 2, 1, 1))
LINEAR(selected, fac_select(x, -2, 1))
LINEAR(diagonals, fac_diagonal(x, 1, 1, 0))
LINEAR(windows, fac_unfold(x, 1, 2, 1))
LINEAR(apart, fac_unfold(x, 1, 1, 2))
LINEAR(strided, fac_as_strided(x, FAC_SHAPE(2, 3), FAC_DIMS(1, 2), 1))
LINEAR(strided_of_expanded, fac_as_strided(fac_expand(x, FAC_SHAPE(4, 3)), FAC_SHAPE(3), FAC_DIMS(1), 0))
LINEAR(first_piece, fac_split(x, 2, 1).items[0])
LINEAR(pieces, fac_cat(fac_split_sizes(x, FAC_DIMS(1, 2), 1), -2))
LINEAR(unbound, fac_add(fac_unbind(x, 1).items[2], fac_unbind(x, 1).items[0]))
LINEAR(reversed, fac_flip(x, FAC_DIMS(0, 2)))
LINEAR(rolled, fac_roll(x, FAC_DIMS(1, 2), FAC_DIMS(2, 1)))
LINEAR(rolled_flat, fac_roll(x, FAC_DIMS(5), FAC_DIMS()))
LINEAR(turned, fac_rot90(x, 1, FAC_DIMS(0, 2)))
LINEAR(turned_back, fac_rot90(x, 3, FAC_DIMS(1, 2)))
LINEAR(repeated, fac_repeat(x, FAC_DIMS(2, 1, 3, 2)))
LINEAR(never, fac_repeat(x, FAC_DIMS(0, 3, 2)))
LINEAR(interleaved, fac_repeat_interleave_tensor(x, fac_literal("[2, 0, 1]"), 1))
LINEAR(lower, fac_tril(x, -1))
LINEAR(upper, fac_triu(x, 0))
LINEAR(lower_in_place, fac_tril_(fac_mul_scalar(x, 2), 0))
LINEAR(diag_of_vector, fac_diag(x, 1))
LINEAR(diag_of_matrix, fac_diag(x, -1))
LINEAR(embedded, fac_diag_embed(x, 1, 0, 2))
LINEAR(hole_selected, fac_select_scatter(x, fac_select(x, 1, 0), 1, 2))
LINEAR(hole_sliced, fac_slice_scatter(x, fac_slice(x, 1, 0, 1, 1), 1, 1, 2, 1))
LINEAR(hole_diagonal, fac_diagonal_scatter(x, fac_select(x, 1, 0), 0, 0, 1))
LINEAR(hole_strided, fac_as_strided_scatter(x, fac_select(fac_select(x, 1, 0), 1, 0), FAC_SHAPE(2), FAC_DIMS(3), 1))
LINEAR(grid, fac_meshgrid(FAC_TENSORS(x, fac_arange(0, 2, 1, .dtype = FAC_FLOAT64)), "xy").items[0])
LINEAR(through_view, fac_view(fac_copy_(fac_t(fac_zeros(FAC_SHAPE(3, 2), .dtype = FAC_FLOAT64)), fac_select(x, 2, 0)),
                              FAC_SHAPE(2, 3, 1)))

static void test_gradients(void **state)
{
    (void)state;
#define CASE(f, ...)                                                                                                   \
    {                                                                                                                  \
#f, f, FAC_SHAPE(__VA_ARGS__)                                                                                  \
    }
    const linear_case cases[] = {
        CASE(as_view, 2, 3, 2),
        CASE(as_copy, 2, 3, 2),
        CASE(flattened, 2, 3, 2),
        CASE(unflattened, 2, 3, 2),
        CASE(squeezed, 2, 3, 2),
        CASE(expanded, 2, 1, 2),
        CASE(transposed, 2, 3, 2),
        CASE(permuted, 2, 3, 2),
        CASE(moved, 2, 3, 2),
        CASE(sliced, 2, 3, 2),
        CASE(nothing, 2, 3, 2),
        CASE(selected, 2, 3, 2),
        CASE(diagonals, 2, 3, 2),
        CASE(windows, 2, 3, 2),
        CASE(apart, 2, 3, 2),
        CASE(strided, 3, 3),
        CASE(strided_of_expanded, 1, 3),
        CASE(first_piece, 2, 3, 2),
        CASE(pieces, 2, 3, 2),
        CASE(unbound, 2, 3, 2),
        CASE(reversed, 2, 3, 2),
        CASE(rolled, 2, 3, 2),
        CASE(rolled_flat, 2, 3, 2),
        CASE(turned, 2, 3, 2),
        CASE(turned_back, 2, 3, 2),
        CASE(repeated, 2, 3, 2),
        CASE(never, 2, 3, 2),
        CASE(interleaved, 2, 3, 2),
        CASE(lower, 2, 3, 2),
        CASE(upper, 2, 3, 2),
        CASE(lower_in_place, 2, 3, 3),
        CASE(diag_of_vector, 3),
        CASE(diag_of_matrix, 3, 2),
        CASE(embedded, 2, 3),
        CASE(hole_selected, 2, 3, 2),
        CASE(hole_sliced, 2, 3, 2),
        CASE(hole_diagonal, 2, 2, 2),
        CASE(hole_strided, 2, 3, 2),
        CASE(grid, 3),
        CASE(through_view, 2, 3, 1),
    };
    fac_manual_seed(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_linear(&cases[i]);
}

static void test_graph_names(void **state)
{
    (void)state;
    fac_tensor *x = fac_ones(FAC_SHAPE(2, 3), .requires_grad = true);
    assert_string_equal(fac_grad_fn_name(fac_view(x, FAC_SHAPE(6))), "ViewBackward0");
    assert_string_equal(fac_grad_fn_name(fac_reshape(x, FAC_SHAPE(6))), "ReshapeAliasBackward0");
    assert_string_equal(fac_grad_fn_name(fac_reshape(fac_t(x), FAC_SHAPE(6))), "UnsafeViewBackward0");
    assert_string_equal(fac_grad_fn_name(fac_t(x)), "TBackward0");
    assert_string_equal(fac_grad_fn_name(fac_transpose(x, 0, 1)), "TransposeBackward0");
    assert_string_equal(fac_grad_fn_name(fac_permute(x, FAC_DIMS(1, 0))), "PermuteBackward0");
    assert_string_equal(fac_grad_fn_name(fac_slice(x, 0, 0, 1, 1)), "SliceBackward0");
    assert_string_equal(fac_grad_fn_name(fac_select(x, 0, 0)), "SelectBackward0");
    assert_string_equal(fac_grad_fn_name(fac_squeeze(x)), "SqueezeBackward0");
    assert_string_equal(fac_grad_fn_name(fac_squeeze_dim(x, 0)), "SqueezeBackward1");
    assert_string_equal(fac_grad_fn_name(fac_unsqueeze(x, 0)), "UnsqueezeBackward0");
    assert_string_equal(fac_grad_fn_name(fac_expand(x, FAC_SHAPE(2, 2, 3))), "ExpandBackward0");
    assert_string_equal(fac_grad_fn_name(fac_split(x, 1, 0).items[1]), "SplitBackward0");
    assert_null(fac_grad_fn_name(fac_view(fac_detach(x), FAC_SHAPE(6))));
    fac_no_grad
        assert_false(fac_requires_grad(fac_view(x, FAC_SHAPE(6))));
}

/* ---- errors -------------------------------------------------------------------------------------------------- */

static void test_shape_errors(void **state)
{
    (void)state;
    fac_tensor *x = counted(FAC_SHAPE(2, 3)), *zero = fac_zeros(FAC_SHAPE());
    const char *range = "Dimension out of range (expected to be in range of [-2, 1], but got 5)";
    expect_error(fac_reshape(x, FAC_SHAPE(2, 4)), "shape '[2, 4]' is invalid for input of size 6");
    expect_error(fac_reshape(x, FAC_SHAPE(-1, 4)), "shape '[-1, 4]' is invalid for input of size 6");
    expect_error(fac_reshape(x, FAC_SHAPE(-1, -1)), "only one dimension can be inferred");
    expect_error(fac_reshape(x, FAC_SHAPE(-2, 3)), "invalid shape dimension -2");
    expect_error(fac_reshape(x, FAC_SHAPE(1ll << 62, 1ll << 62)), "is invalid for input of size 6");
    expect_error(fac_reshape(fac_zeros(FAC_SHAPE(0, 3)), FAC_SHAPE(-1, 0)),
                 "cannot reshape tensor of 0 elements into shape [-1, 0]");
    expect_error(fac_view(x, FAC_SHAPE(7)), "shape '[7]' is invalid for input of size 6");
    expect_error(fac_flatten(x, 1, 0), "flatten() has invalid args: start_dim cannot come after end_dim");
    expect_error(fac_flatten(x, 0, 5), range);
    expect_error(fac_unflatten(x, 1, FAC_SHAPE(2, 2)),
                 "unflatten: Provided sizes [2, 2] don't multiply up to the size of dim 1 (3)");
    expect_error(fac_unflatten(x, 1, FAC_SHAPE()), "unflatten: sizes must be non-empty");
    expect_error(fac_squeeze_dim(x, 5), range);
    expect_error(fac_squeeze_dims(x, FAC_DIMS(0, 0)), "dim 0 appears multiple times in the list of dims");
    expect_error(fac_unsqueeze(x, 3), "Dimension out of range (expected to be in range of [-3, 2], but got 3)");
    expect_error(fac_expand(x, FAC_SHAPE(2, 4)),
                 "The expanded size of the tensor (4) must match the existing size (3) at non-singleton "
                 "dimension 1.  Target sizes: [2, 4].  Tensor sizes: [2, 3]");
    expect_error(fac_expand(x, FAC_SHAPE(3)), "the number of sizes provided (1) must be greater or equal");
    expect_error(fac_expand(x, FAC_SHAPE(-1, 2, 3)), "The expanded size of the tensor (-1) isn't allowed in a leading");
    expect_error(fac_transpose(x, 0, 5), range);
    expect_error(fac_t(fac_zeros(FAC_SHAPE(2, 2, 2))), "t() expects a tensor with <= 2 dimensions, but self is 3D");
    expect_error(fac_permute(x, FAC_DIMS(0)), "input.dim() = 2 is not equal to len(dims) = 1");
    expect_error(fac_permute(x, FAC_DIMS(0, 0)), "permute(): duplicate dims are not allowed.");
    expect_error(fac_permute(x, FAC_DIMS(0, 5)), range);
    expect_error(fac_movedim(x, FAC_DIMS(0, 0), FAC_DIMS(0, 1)), "movedim: repeated dim in `source` ([0, 0])");
    expect_error(fac_movedim(x, FAC_DIMS(0, 1), FAC_DIMS(0, 0)), "movedim: repeated dim in `destination` ([0, 0])");
    expect_error(fac_movedim(x, FAC_DIMS(0, 1), FAC_DIMS(0)), "movedim: Invalid source or destination dims");
    expect_error(fac_mT(fac_zeros(FAC_SHAPE(3))),
                 "tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor.");
    expect_error(fac_H(fac_zeros(FAC_SHAPE(1, 1, 1))), "consider using tensor.mH");
    expect_error(fac_view_dtype(zero, FAC_UINT8), "self.dim() cannot be 0 to view Float as Byte");
    expect_error(fac_view_dtype(x, FAC_FLOAT64),
                 "self.size(-1) must be divisible by 2 to view Float as Double (different element sizes), but got 3");
    expect_error(fac_view_dtype(fac_slice(x, 1, 1, 3, 1), FAC_FLOAT64), "self.storage_offset() must be divisible by 2");
    expect_error(fac_view_dtype(fac_slice(x, 1, 0, 2, 1), FAC_FLOAT64), "self.stride(0) must be divisible by 2");
    expect_error(fac_view_dtype(fac_t(x), FAC_UINT8), "self.stride(-1) must be 1");
    fac_tensor *deep = fac_zeros(FAC_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1));
    expect_error(fac_unsqueeze(deep, 0), "tensors of 13 dimensions are not supported");
    expect_error(fac_unfold(deep, 0, 1, 1), "tensors of 13 dimensions are not supported");
    expect_error(fac_diag_embed(deep, 0, 0, 1), "tensors of 13 dimensions are not supported");
    expect_error(fac_reshape(x, (fac_dims){.n = 99}), "tensors of 99 dimensions are not supported");
    expect_error(fac_permute(NULL, FAC_DIMS(0)), "'self' must not be NULL");
    assert_null(fac_flatten(fac_unsqueeze(NULL, 0), 0, -1));
    assert_string_equal(fac_error_op(), "unsqueeze");
    fac_clear_error();
}

static void test_part_errors(void **state)
{
    (void)state;
    fac_tensor *x = counted(FAC_SHAPE(2, 3)), *zero = fac_zeros(FAC_SHAPE());
    expect_error(fac_select(x, 0, 5), "select(): index 5 out of range for tensor of size [2, 3] at dimension 0");
    expect_error(fac_select(zero, 0, 0), "select() cannot be applied to a 0-dim tensor.");
    expect_error(fac_slice(x, 0, 0, 1, 0), "slice step must be positive");
    expect_error(fac_slice(zero, 0, 0, 1, 1), "slice() cannot be applied to a 0-dim tensor.");
    expect_error(fac_narrow(x, 0, 1, 5), "start (1) + length (5) exceeds dimension size (2).");
    expect_error(fac_narrow(x, 0, 3, 0), "Dimension out of range (expected to be in range of [-2, 1], but got 3)");
    expect_error(fac_narrow(x, 0, 0, -1), "start (0) + length (-1) exceeds dimension size (2).");
    expect_error(fac_narrow(zero, 0, 0, 1), "narrow() cannot be applied to a 0-dim tensor.");
    expect_error(fac_unfold(x, 0, 3, 1), "maximum size for tensor at dimension 0 is 2 but size is 3");
    expect_error(fac_unfold(x, 0, 1, 0), "step is 0 but must be > 0");
    expect_error(fac_unfold(x, 0, -1, 1), "size is -1 but must be >= 0");
    expect_error(fac_diagonal(x, 0, 0, -2), "diagonal dimensions cannot be identical 0, -2");
    expect_error(fac_as_strided(x, FAC_SHAPE(2, 2), FAC_DIMS(-1, 1), 0),
                 "as_strided: Negative strides are not supported");
    expect_error(fac_as_strided(x, FAC_SHAPE(2, 2), FAC_DIMS(1), 0), "mismatch in length of strides and shape");
    expect_error(fac_as_strided(x, FAC_SHAPE(20, 2), FAC_DIMS(1, 1), 0),
                 "setStorage: sizes [20, 2], strides [1, 1], storage offset 0, and "
                 "itemsize 4 requiring a storage size of 84 are out of bounds");
    expect_error(fac_as_strided(x, FAC_SHAPE(2), FAC_DIMS(1), -3), "Tensor: invalid storage offset -3");
    expect_error(fac_as_strided(x, FAC_SHAPE(1ll << 40, 1ll << 40), FAC_DIMS(0, 0), 0), "overflow");
    expect_error(fac_select_scatter(x, zero, 0, 0),
                 "expected src to have a size equal to the slice of self. src size = [], slice size = [3]");
    expect_error(fac_chunk(x, 0, 0), "chunk expects `chunks` to be greater than 0, got: 0");
    expect_error(fac_chunk(zero, 1, 0), "chunk expects at least a 1-dimensional tensor");
    expect_error(fac_split(x, -1, 0), "split expects split_size be non-negative, but got split_size=-1");
    expect_error(fac_split(x, 0, 0), "split_size can only be 0 if dimension size is 0, but got dimension size of 2");
    expect_error(fac_split_sizes(x, FAC_DIMS(1, 2), 0),
                 "split_with_sizes expects split_sizes to sum exactly to 2 (input tensor's size at "
                 "dimension 0), but got split_sizes=[1, 2]");
    expect_error(fac_split_sizes(x, FAC_DIMS(3, -1), 0),
                 "split_with_sizes expects split_sizes have only non-negative entries");
    expect_error(fac_tensor_split(x, 0, 0), "number of sections must be larger than 0, got 0");
    expect_error(
        fac_hsplit(x, 2),
        "torch.hsplit attempted to split along dimension 1, but the size of the dimension 3 is not divisible by "
        "the split_size 2!");
    expect_error(fac_vsplit(fac_zeros(FAC_SHAPE(3)), 1), "torch.vsplit requires a tensor with at least 2 dimension");
    expect_error(fac_dsplit(x, 0), "torch.dsplit requires a tensor with at least 3 dimension");
    expect_error(fac_unbind(zero, 0), "Dimension specified as 0 but tensor has no dimensions");
    expect_error(fac_split(NULL, 1, 0), "'self' must not be NULL");
    expect_error(fac_meshgrid(FAC_TENSORS(x, x), "ij"), "torch.meshgrid: Expected 0D or 1D tensor in the tensor list");
    expect_error(fac_meshgrid(FAC_TENSORS(zero), "kk"), "indexing must be one of \"xy\" or \"ij\", but received: kk");
    expect_error(fac_meshgrid(FAC_TENSORS(zero, fac_arange(0, 1, 1)), "ij"),
                 "meshgrid expects all tensors to have the same dtype");
    expect_error(fac_broadcast_tensors(FAC_TENSORS(x, fac_zeros(FAC_SHAPE(4)))),
                 "The size of tensor a (3) must match the size of tensor b (4)");
}

static void test_rearranged_errors(void **state)
{
    (void)state;
    fac_tensor *x = counted(FAC_SHAPE(2, 3)), *zero = fac_zeros(FAC_SHAPE()), *one = fac_zeros(FAC_SHAPE(3));
    expect_error(fac_flip(x, FAC_DIMS(0, 0)), "dim 0 appears multiple times in the list of dims");
    expect_error(fac_flip(x, FAC_DIMS(3)), "Dimension out of range");
    expect_error(fac_fliplr(one), "Input must be >= 2-d.");
    expect_error(fac_flipud(zero), "Input must be >= 1-d.");
    expect_error(fac_roll(x, FAC_DIMS(1, 2), FAC_DIMS(0)), "shifts and dimensions must align. shifts: 2, dims:1");
    expect_error(fac_roll(x, FAC_DIMS(), FAC_DIMS()), "`shifts` required");
    expect_error(fac_rot90(x, 1, FAC_DIMS(0)), "expected total rotation dims == 2, but got dims = 1");
    expect_error(fac_rot90(x, 1, FAC_DIMS(0, -2)),
                 "expected rotation dims to be different, but got dim0 = 0 and dim1 = -2");
    expect_error(fac_rot90(x, 1, FAC_DIMS(0, 5)), "Rotation dim1 out of range, dim1 = 5");
    expect_error(fac_rot90(one, 1, FAC_DIMS(0, 1)), "expected total dims >= 2, but got total dims = 1");
    expect_error(fac_repeat(x, FAC_DIMS(2)),
                 "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor");
    expect_error(fac_repeat(x, FAC_DIMS(2, -1)), "Trying to create tensor with negative dimension -3: [4, -3]");
    expect_error(fac_repeat(x, FAC_DIMS(1ll << 62, 8)), "overflow");
    expect_error(fac_repeat_interleave(x, -1, 0), "repeats can not be negative");
    expect_error(fac_repeat_interleave_tensor(x, fac_arange(0, 3, 1), 0),
                 "repeats must have the same size as input along dim");
    expect_error(fac_repeat_interleave_tensor(x, one, 1), "\"repeat_interleave_cpu\" not implemented for 'Float'");
    expect_error(fac_repeat_interleave_tensor(x, fac_zeros(FAC_SHAPE(1, 1), .dtype = FAC_INT64), 0),
                 "repeats must be 0-dim or 1-dim tensor");
    expect_error(fac_tril(one, 0), "Dimension out of range (expected to be in range of [-1, 0], but got -2)");
    expect_error(fac_triu(zero, 0), "tensor has no dimensions");
    expect_error(fac_diag(zero, 0), "matrix or a vector expected");
    expect_error(fac_diag(x, 5), "is outside of a matrix");
    expect_error(fac_diag_embed(x, 0, 0, 0), "diagonal dimensions cannot be identical 0, 0");
    expect_error(fac_fill_diagonal_(one, 1, false), "dimensions must larger than 1");
    expect_error(fac_fill_diagonal_(fac_zeros(FAC_SHAPE(2, 3, 2)), 1, false),
                 "all dimensions of input must be of equal length");
    expect_error(fac_resize_(fac_requires_grad_(one, true), FAC_SHAPE(1)), "cannot resize variables that require grad");
}

/* printf shows a NaN's sign, Python does not. */
static void test_item_of_nan(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *zero = fac_zeros(FAC_SHAPE(1)), *nan = fac_div(zero, zero);
        char text[16];
        snprintf(text, sizeof text, "%.4f", fac_item(nan));
        assert_string_equal(text, "nan");
        snprintf(text, sizeof text, "%.4f", fac_item(fac_neg(nan)));
        assert_string_equal(text, "nan");
    }
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_item_of_nan),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_views_of_views),
        cmocka_unit_test(test_strides),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_writing_through_views),
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_rearranged),
        cmocka_unit_test(test_repeat_of_many_dims),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_graph_names),
        cmocka_unit_test(test_shape_errors),
        cmocka_unit_test(test_part_errors),
        cmocka_unit_test(test_rearranged_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
