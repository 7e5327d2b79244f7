/* Tensors shared by DLPack: memory, strides and dtypes are the same on both sides, who holds it last gives it back. */
#include "testing.h"

#include "facula/dlpack.h"
#include "io/dlpack_struct.h"

static int given_back;

static void give_back(DLManagedTensor *managed)
{
    (void)managed;
    given_back++;
}

static DLManagedTensor foreign(void *data, int32_t ndim, int64_t *shape, int64_t *strides)
{
    return (DLManagedTensor){.tensor = {.data = data,
                                        .device = {.type = DL_CPU},
                                        .ndim = ndim,
                                        .dtype = {DL_FLOAT, 32, 1},
                                        .shape = shape,
                                        .strides = strides},
                             .deleter = give_back};
}

static void test_ours(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_transpose(fac_reshape(fac_arange(0, 6, 1, .dtype = FAC_INT32), FAC_SHAPE(2, 3)), 0, 1);
        x = fac_narrow(x, 0, 1, 2);
        DLManagedTensor *m = fac_to_dlpack(x);
        assert_non_null(m);
        const DLTensor *t = &m->tensor;
        assert_int_equal(t->ndim, 2);
        assert_true(t->shape[0] == 2 && t->shape[1] == 2 && t->strides[0] == 1 && t->strides[1] == 3);
        assert_true(t->dtype.code == DL_INT && t->dtype.bits == 32 && t->dtype.lanes == 1);
        assert_true(t->device.type == DL_CPU && t->byte_offset == 0);
        assert_int_equal(((int32_t *)t->data)[3], 4);
        ((int32_t *)t->data)[3] = 70;
        assert_true(fac_item(fac_select(fac_select(x, 0, 0), 0, 1)) == 70);

        fac_tensor *back = fac_from_dlpack(m); /* gives the struct back when it goes */
        assert_true(fac_equal(back, x) && fac_data(back) == fac_data(x));
    }
    DLManagedTensor *m;
    fac_scope
        m = fac_to_dlpack(fac_full(FAC_SHAPE(1000), fac_scalar_float(2.5)));
    assert_true(((float *)m->tensor.data)[999] == 2.5f); /* it outlives the scope */
    m->deleter(m);
}

static void test_dtypes(void **state)
{
    (void)state;
    for (int dtype = FAC_BOOL; dtype < FAC_DTYPE_COUNT; dtype++)
        fac_scope {
            fac_tensor *x = fac_to(fac_arange(0, 5, 1), (fac_dtype)dtype);
            fac_tensor *back = fac_from_dlpack(fac_to_dlpack(x));
            assert_int_equal(fac_dtype_of(back), dtype);
            assert_true(fac_equal(back, x));
        }
}

static void test_theirs(void **state)
{
    (void)state;
    float data[] = {1, 2, 3, 4, 5, 6, 7, 8};
    int64_t shape[] = {2, 2}, strides[] = {4, 2}, wide[] = {2, 3}, none[] = {0, 3};
    DLManagedTensor m = foreign(data, 2, shape, strides), row_major = foreign(data, 2, wide, NULL),
                    empty = foreign(NULL, 2, none, NULL), scalar = foreign(data, 0, NULL, NULL);
    m.tensor.byte_offset = sizeof *data;
    given_back = 0;
    fac_tensor *kept = NULL;
    fac_scope {
        fac_tensor *x = fac_from_dlpack(&m);
        assert_true(fac_item(fac_sum(x)) == 2 + 4 + 6 + 8);
        fac_fill_(x, fac_scalar_float(0)); /* theirs changes too, but for what lies between */
        assert_true(data[0] == 1 && data[1] == 0 && data[2] == 3 && data[7] == 0);
        kept = fac_keep(fac_narrow(x, 0, 0, 1));
    }
    assert_int_equal(given_back, 0);
    fac_release(kept);
    assert_int_equal(given_back, 1);
    fac_scope {
        fac_tensor *y = fac_from_dlpack(&row_major);
        check_values(y, "[[1, 0, 3], [0, 5, 0]]");
        assert_int_equal(fac_numel(fac_from_dlpack(&empty)), 0);
        assert_true(fac_item(fac_from_dlpack(&scalar)) == 1);
        assert_int_equal(given_back, 1);
    }
    assert_int_equal(given_back, 4);
}

#define REFUSED(change, words)                                                                                         \
    do {                                                                                                               \
        DLManagedTensor m = foreign(data, 2, shape, strides);                                                          \
        change;                                                                                                        \
        expect_error(fac_from_dlpack(&m), words);                                                                      \
    } while (0)

static void test_refused(void **state)
{
    (void)state;
    float data[4] = {0};
    int64_t shape[] = {2, 2}, strides[] = {2, 1}, huge[] = {INT64_MAX / 2, 1}, negative[] = {-2, 1};
    given_back = 0;
    REFUSED(m.tensor.device.type = 2, "not the CPU's");
    REFUSED(m.tensor.dtype.code = DL_COMPLEX, "no dtype");
    REFUSED(m.tensor.dtype.bits = 4, "no dtype");
    REFUSED(m.tensor.dtype.lanes = 4, "no dtype");
    REFUSED(m.tensor.ndim = 200, "200 dims");
    REFUSED(m.tensor.ndim = -1, "-1 dims");
    REFUSED(m.tensor.shape = NULL, "dims");
    REFUSED(m.tensor.strides = negative, "negative strides");
    REFUSED(m.tensor.strides = huge, "beyond all memory");
    REFUSED(m.tensor.byte_offset = 2, "multiple");
    REFUSED(m.tensor.data = NULL, "data");
    shape[1] = -1;
    REFUSED((void)0, "negative");
    assert_int_equal(given_back, 0);
    fac_scope {
        expect_error(fac_from_dlpack(NULL), "managed");
        expect_error(fac_to_dlpack(NULL), "self");
        fac_tensor *x = fac_requires_grad_(fac_ones(FAC_SHAPE(2)), true);
        expect_error(fac_to_dlpack(x), "use tensor.detach()");
        DLManagedTensor *m = fac_to_dlpack(fac_detach(x));
        m->deleter(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ours), cmocka_unit_test(test_dtypes),
                                       cmocka_unit_test(test_theirs), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
