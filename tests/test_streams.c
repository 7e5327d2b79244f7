/* Results that are too large for the caches take ways of their own: whatever their offset and size, they are what small
 * pieces of them are. */
#include "testing.h"

#include "backend/cpu/stream.h"

enum { LARGE = (13 << 20) / 4 + 77 }; /* floats that are streamed */

/* Every instruction set, every offset, every size up to a few lines: what is around stays as it was. */
static void copies_at_all_offsets(void **state)
{
    enum { ROOM = 512 };
    static char from[ROOM], to[ROOM], want[ROOM];
    fac__isa own = fac__cpu_isa();
    for (int i = 0; i < ROOM; i++)
        from[i] = (char)(i * 7 + 1);
    for (int isa = 0; isa < FAC__ISA_COUNT; isa++) {
        fac__set_cpu_isa((fac__isa)isa);
        for (size_t at = 0; at < 70; at++)
            for (size_t n = 0; n < 300; n += n < 140 ? 1 : 13) {
                memset(to, 0, sizeof to);
                memset(want, 0, sizeof want);
                FAC__ISA_PICK(fac__stream)(to + at, from + n % 5, n);
                fac__stream_end();
                memcpy(want + at, from + n % 5, n);
                assert_memory_equal(to, want, sizeof to);
            }
    }
    fac__set_cpu_isa(own);
}

static void transposes_of_all_sizes(void **state)
{
    enum { MOST = 70, WIDE = FAC__STREAM_COLUMNS };
    static uint32_t from[(MOST + 3) * WIDE], to[MOST * WIDE * 2] __attribute__((aligned(64)));
    fac__isa own = fac__cpu_isa();
    for (int i = 0; i < (MOST + 3) * WIDE; i++)
        from[i] = (uint32_t)i + 1;
    for (int isa = 0; isa < FAC__ISA_COUNT; isa++) {
        fac__set_cpu_isa((fac__isa)isa);
        for (int64_t rows = 1; rows <= MOST; rows++)
            for (int64_t cols = WIDE - 3; cols <= WIDE; cols++) {
                memset(to, 0, sizeof to);
                FAC__ISA_PICK(fac__stream_transposed)(to, 2 * WIDE, from, MOST + 3, rows, cols);
                fac__stream_end();
                for (int64_t r = 0; r < MOST; r++)
                    for (int64_t c = 0; c < 2 * WIDE; c++)
                        assert_int_equal(to[r * 2 * WIDE + c], r < rows && c < cols ? from[r + c * (MOST + 3)] : 0);
            }
    }
    fac__set_cpu_isa(own);
}

/* f of all of x (and y) against f of pieces that are too small to be streamed. */
static void compare(fac_tensor *(*f)(fac_tensor *x, fac_tensor *y), fac_tensor *x, fac_tensor *y)
{
    fac_tensor *all = f(x, y);
    assert_non_null(all);
    int64_t n = fac_size(x, 0), piece = (n + 6) / 7;
    for (int64_t at = 0; at < n; at += piece)
        fac_scope {
            int64_t m = n - at < piece ? n - at : piece;
            fac_tensor *part = f(fac_narrow(x, 0, at, m), fac_narrow(y, 0, at, m));
            assert_true(fac_equal(fac_narrow(all, 0, at, m), part));
        }
}

static fac_tensor *add(fac_tensor *x, fac_tensor *y)
{
    return fac_add(x, y);
}
static fac_tensor *add_number(fac_tensor *x, fac_tensor *y)
{
    return fac_add_scalar(x, 0.75);
}
static fac_tensor *copy(fac_tensor *x, fac_tensor *y)
{
    return fac_clone(x);
}
static fac_tensor *into_the_middle(fac_tensor *x, fac_tensor *y)
{
    fac_tensor *z = fac_narrow(fac_zeros(FAC_SHAPE(fac_numel(x) + 3)), 0, 1, fac_numel(x));
    return fac_copy_(z, x);
}
static fac_tensor *slope(fac_tensor *x, fac_tensor *y)
{
    fac_tensor *leaf = fac_requires_grad_(fac_detach(x), true);
    fac_backward(fac_gelu(leaf), .gradient = y);
    return fac_grad(leaf);
}
static fac_tensor *in_place(fac_tensor *x, fac_tensor *y)
{
    return fac_addcmul_(fac_clone(x), y, x, 0.5);
}

static void pointwise_work(void **state)
{
    static fac_tensor *(*const all[])(fac_tensor *, fac_tensor *) = {add,   add_number, copy, into_the_middle,
                                                                     slope, in_place};
    for (int offset = 0; offset < 2; offset++)
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            fac_scope {
                fac_tensor *x = fac_narrow(fac_randn(FAC_SHAPE(LARGE + 2)), 0, offset, LARGE);
                fac_tensor *y = fac_narrow(fac_randn(FAC_SHAPE(LARGE + 2)), 0, 2 * offset, LARGE);
                compare(all[k], x, y);
            }
}

static fac_tensor *joined(fac_tensor *x, fac_tensor *y)
{
    return fac_cat(FAC_TENSORS(x, y), 1);
}
static fac_tensor *in_a_row(fac_tensor *x, fac_tensor *y)
{
    return fac_contiguous(x);
}

static void transposed_and_joined(void **state)
{
    static const int64_t sizes[][2] = {{2048, 1664}, {1999, 1728}, {1728, 1999}, {32, 1 << 17}, {1 << 17, 33}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        fac_scope {
            fac_tensor *x = fac_randn(FAC_SHAPE(sizes[i][1], sizes[i][0]));
            compare(in_a_row, fac_t(x), fac_t(x));
            fac_tensor *y = fac_randn(FAC_SHAPE(sizes[i][0], sizes[i][1]));
            compare(joined, fac_t(x), y);
        }
}

static fac_tensor *running_sum(fac_tensor *x, fac_tensor *y)
{
    return fac_cumsum(x, 1, FAC_DTYPE_NONE);
}
static fac_tensor *picked(fac_tensor *x, fac_tensor *y)
{
    return fac_gather(x, 1, y);
}

static void sums_and_picks(void **state)
{
    static const int64_t sizes[][2] = {{7, 500001}, {3401, 1024}, {1, LARGE}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        fac_scope {
            fac_tensor *x = fac_randn(FAC_SHAPE(sizes[i][0], sizes[i][1]));
            compare(running_sum, x, x);
            fac_tensor *last = fac_select(running_sum(x, x), 1, -1);
            fac_tensor *exact = fac_sum(x, .dim = 1, .dtype = FAC_FLOAT64);
            check_close(last, fac_to(exact, FAC_FLOAT32), 1e-5);
            compare(picked, x, fac_randint(0, sizes[i][1], FAC_SHAPE(sizes[i][0], sizes[i][1])));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_at_all_offsets), cmocka_unit_test(transposes_of_all_sizes),
        cmocka_unit_test(pointwise_work),        cmocka_unit_test(transposed_and_joined),
        cmocka_unit_test(sums_and_picks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
