/* Fourier transforms of every kind of size against the definition, the ways back, and their gradients, which the grid of
 * derivatives cannot ask for: it makes no pairs. */
#include "backend/cpu/scratch.h"
#include "testing.h"

/* The sum that defines the transform of n pairs. */
static void define(const double *x, int64_t n, double *y)
{
    for (int64_t k = 0; k < n; k++) {
        y[2 * k] = y[2 * k + 1] = 0;
        for (int64_t j = 0; j < n; j++) {
            double angle = -2 * 3.14159265358979323846 * (double)(j * k % n) / (double)n, c = cos(angle),
                   s = sin(angle);
            y[2 * k] += x[2 * j] * c - x[2 * j + 1] * s;
            y[2 * k + 1] += x[2 * j] * s + x[2 * j + 1] * c;
        }
    }
}

static void check_size(int64_t n)
{
    fac_scope {
        fac_tensor *x = fac_randn(FAC_SHAPE(n, 2), .dtype = FAC_FLOAT64), *want = fac_empty_like(x);
        fac_tensor *y = fac_fft_c2c(x, FAC_DIMS(0), 0, true);
        define(fac_data(x), n, fac_data(want));
        check_close(y, want, 1e-9);
        check_close(fac_fft_c2c(y, FAC_DIMS(0), 2, false), x, 1e-12);
        fac_tensor *real = fac_contiguous(fac_select(x, -1, 0)), *imaginary = fac_zeros_like(real);
        fac_tensor *both = fac_stack((fac_tensor_list){(fac_tensor *[]){real, imaginary}, 2}, -1);
        fac_tensor *half = fac_fft_r2c(real, FAC_DIMS(0), 1, true);
        check_close(half, fac_narrow(fac_fft_c2c(both, FAC_DIMS(0), 1, true), 0, 0, n / 2 + 1), 1e-12);
        check_close(fac_fft_c2r(half, FAC_DIMS(0), 1, n), real, 1e-12);
    }
}

/* Products of small primes, and primes for Bluestein's way. */
static void test_sizes(void **state)
{
    (void)state;
    fac_manual_seed(1);
    for (int64_t n = 1; n <= 80; n++)
        check_size(n);
    static const int64_t more[] = {128, 210, 243, 401, 625, 961, 1009, 1024, 1369};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        check_size(more[i]);
}

static void test_without_memory(void **state)
{
    (void)state;
    fac__scratch_refuse(1);
    check_size(12);
    check_size(37);
    fac__scratch_refuse(0);
}

/* Several dimensions, some of them at once, over many lines and threads; float32 in the middle of an array. */
static void test_dims(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_randn(FAC_SHAPE(6, 50, 70, 2), .dtype = FAC_FLOAT64);
        fac_tensor *y = fac_fft_c2c(x, FAC_DIMS(0, 2), 0, true);
        check_close(y, fac_fft_c2c(fac_fft_c2c(x, FAC_DIMS(2), 0, true), FAC_DIMS(0), 0, true), 1e-12);
        check_close(fac_fft_c2c(y, FAC_DIMS(2, 0), 2, false), x, 1e-12);
        check_close(fac_fft_c2c(fac_to(x, FAC_FLOAT32), FAC_DIMS(1), 1, true),
                    fac_to(fac_fft_c2c(x, FAC_DIMS(1), 1, true), FAC_FLOAT32), 1e-5);
        fac_tensor *moved = fac_permute(x, FAC_DIMS(2, 0, 1, 3));
        check_close(fac_fft_c2c(moved, FAC_DIMS(1, 0), 0, true), fac_permute(y, FAC_DIMS(2, 0, 1, 3)), 1e-12);
    }
}

/* A linear operation F has the gradient F'g, with <F'g, x> = <g, Fx>; and F' is differentiable too. */
static void check_gradient(fac_tensor *x, fac_tensor *y)
{
    fac_tensor *g = fac_requires_grad_(fac_randn_like(y), true), *gx, *gg, *u = fac_randn_like(x);
    assert_true(fac_autograd_grad(&y, 1, &x, 1, &gx, .grad_outputs = &g, .create_graph = true));
    check_close(fac_sum(fac_mul(gx, x)), fac_sum(fac_mul(g, y)), 1e-10);
    assert_true(fac_autograd_grad(&gx, 1, &g, 1, &gg, .grad_outputs = &u));
    check_close(fac_sum(fac_mul(gg, g)), fac_sum(fac_mul(gx, u)), 1e-10);
}

static void test_gradients(void **state)
{
    (void)state;
    for (int64_t n = 4; n < 6; n++)
        fac_scope {
            fac_tensor *x = fac_randn(FAC_SHAPE(3, n, 2), .dtype = FAC_FLOAT64, .requires_grad = true);
            check_gradient(x, fac_fft_c2c(x, FAC_DIMS(0, 1), 1, true));
            check_gradient(x, fac_fft_r2c(x, FAC_DIMS(0, 1), 2, true));
            check_gradient(x, fac_fft_r2c(x, FAC_DIMS(1), 0, false));
            check_gradient(x, fac_fft_c2r(x, FAC_DIMS(0, 1), 0, 2 * n - 2));
            check_gradient(x, fac_fft_c2r(x, FAC_DIMS(0, 1), 0, 2 * n - 1));
            check_gradient(x, fac_fft_hfft(x, .n = 7, .dim = 1));
        }
}

static void test_errors(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_zeros(FAC_SHAPE(3, 4));
        expect_error(fac_fft_irfft(fac_to(x, FAC_FLOAT16)), "Unsupported dtype Half");
        expect_error(fac_fft_irfft(x, .n = 0), "Invalid number of data points (0) specified");
        expect_error(fac_fft_irfft(fac_zeros(FAC_SHAPE(3, 1))), "Invalid number of data points (0) specified");
        expect_error(fac_fft_irfft(x, .norm = "x"), "Invalid normalization mode: \"x\"");
        expect_error(fac_fft_irfftn(x, .dims = FAC_DIMS(0, 0)), "FFT dims must be unique");
        expect_error(fac_fft_irfftn(x, .s = FAC_DIMS(2, 2), .dims = FAC_DIMS(1)), "must have the same length");
        expect_error(fac_fft_hfftn(fac_zeros(FAC_SHAPE())), "hfftn must transform at least one axis");
        expect_error(fac_fft_c2c(x, FAC_DIMS(0), 0, true), "pairs in a last dimension of 2");
        expect_error(fac_stft(x, 5, .center = false), "expected 0 < n_fft < 4, but got n_fft=5");
        expect_error(fac_istft(fac_zeros(FAC_SHAPE(3, 4, 2)), 4, .window = fac_zeros(FAC_SHAPE(4))),
                     "window overlap add min");
    }
}

/* The signal comes back from its frames, with a window and without. */
static void test_frames(void **state)
{
    (void)state;
    fac_scope {
        fac_tensor *x = fac_randn(FAC_SHAPE(2, 40), .dtype = FAC_FLOAT64);
        check_close(fac_istft(fac_stft(x, 8), 8), x, 1e-12);
        fac_tensor *w = fac_add_scalar(fac_rand(FAC_SHAPE(9), .dtype = FAC_FLOAT64), 0.5);
        fac_tensor *y =
            fac_stft(x, 10, .hop_length = 3, .win_length = 9, .window = w, .normalized = true, .onesided = false);
        check_close(fac_istft(y, 10, .hop_length = 3, .win_length = 9, .window = w, .normalized = true,
                              .onesided = false, .length = 40),
                    x, 1e-12);
    }
}

/* As torch.fft gives them. */
static void test_frequencies(void **state)
{
    (void)state;
    fac_scope {
        check_values(fac_fft_fftfreq(5, 0.5, FAC_DTYPE_NONE), "[0, 0.4, 0.8, -0.8, -0.4]");
        check_values(fac_fft_fftfreq(4, 1, FAC_FLOAT64), "[0, 0.25, -0.5, -0.25]");
        check_values(fac_fft_rfftfreq(8, 2, FAC_DTYPE_NONE), "[0, 0.0625, 0.125, 0.1875, 0.25]");
        assert_int_equal(fac_numel(fac_fft_fftfreq(0, 1, FAC_DTYPE_NONE)), 0);
        assert_true(isnan(fac_item(fac_fft_rfftfreq(0, 1, FAC_DTYPE_NONE))));
        expect_error(fac_fft_fftfreq(4, 1, FAC_INT64) != NULL, "requires a floating point");
        expect_error(fac_fft_fftfreq(-1, 1, FAC_DTYPE_NONE) != NULL, "negative dimension -1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),       cmocka_unit_test(test_without_memory), cmocka_unit_test(test_dims),
        cmocka_unit_test(test_gradients),   cmocka_unit_test(test_errors),         cmocka_unit_test(test_frames),
        cmocka_unit_test(test_frequencies),
    };
    fac_set_error_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
