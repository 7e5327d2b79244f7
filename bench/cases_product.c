/* Matrix products and convolutions. */
#include "bench.h"

/* ---- matrix products ---------------------------------------------------------------------------------------- */

/* The second factor is given transposed, and multiplied as the view it is. */
static void transposed(bench_state *s)
{
    s->t[1] = fac_transpose(s->t[1], -1, -2);
}

STEP(mm, fac_mm(t[0], t[1]))
STEP(bmm, fac_bmm(t[0], t[1]))

static bool mm_check(bench_state *s)
{
    bool batched = fac_dim(s->y) == 3;
    for (int r = 0; r < 30; r++) {
        int64_t b = batched ? bench_pick(r, fac_size(s->y, 0)) : 0;
        fac_tensor *x = batched ? fac_select(s->t[0], 0, b) : s->t[0],
                   *w = batched ? fac_select(s->t[1], 0, b) : s->t[1];
        fac_tensor *y = batched ? fac_select(s->y, 0, b) : s->y;
        int64_t i = bench_pick(r, fac_size(y, 0)), j = bench_pick(r, fac_size(y, 1));
        double want = 0, terms = 0;
        for (int64_t k = 0; k < fac_size(x, 1); k++) {
            double product = AT(x, i, k) * AT(w, k, j);
            want += product, terms += fabs(product);
        }
        if (!bench_near(s, "an element of the product", AT(y, i, j), want, terms)) return false;
    }
    return true;
}

#define MM(name, m, n, k)                                                                                              \
    {                                                                                                                  \
        name, "one matrix product", FLOPS, 2.0 * (m) * (n) * (k), .in = {{m, k}, {k, n}}, .step = mm,                  \
                                                                  .check = mm_check                                    \
    }
#define MM_NT(name, m, n, k)                                                                                           \
    {                                                                                                                  \
        name, "one matrix product", FLOPS, 2.0 * (m) * (n) * (k), .in = {{m, k}, {n, k}}, .setup = transposed,         \
                                                                  .step = mm, .check = mm_check                        \
    }

/* ---- convolutions ------------------------------------------------------------------------------------------- */

/* size: padding, groups */
#define CONV(t) fac_conv2d(t[0], t[1], t[2], .padding = s->c->size[0], .groups = s->c->size[1])
STEP(conv, CONV(t))
BACKWARD(conv_both, CONV(t))

/* The weights as small as they are in a network. */
static void conv_setup(bench_state *s)
{
    fac_no_grad
        fac_mul_scalar_(s->t[1], 0.05);
}

/* What x holds there, 0 in the padding. */
static double padded(fac_tensor *x, int64_t n, int64_t c, int64_t i, int64_t j)
{
    bool inside = i >= 0 && i < fac_size(x, 2) && j >= 0 && j < fac_size(x, 3);
    return inside ? AT(x, n, c, i, j) : 0;
}

/* Sums of products of a convolution's parts: an element of its output, of the gradient of its input or of its weight. */
static double conv_output(bench_state *s, int64_t n, int64_t k, int64_t i, int64_t j, double *terms)
{
    fac_tensor *x = s->t[0], *w = s->t[1];
    int64_t pad = s->c->size[0], channels = fac_size(w, 1), first = k / (fac_size(w, 0) / s->c->size[1]) * channels;
    double sum = AT(s->t[2], k);
    *terms = fabs(sum);
    for (int64_t c = 0; c < channels; c++)
        for (int64_t a = 0; a < fac_size(w, 2); a++)
            for (int64_t b = 0; b < fac_size(w, 3); b++) {
                double product = padded(x, n, first + c, i + a - pad, j + b - pad) * AT(w, k, c, a, b);
                sum += product, *terms += fabs(product);
            }
    return sum;
}

static double conv_input_gradient(bench_state *s, int64_t n, int64_t c, int64_t i, int64_t j, double *terms)
{
    fac_tensor *w = s->t[1];
    int64_t pad = s->c->size[0], channels = fac_size(w, 1), outs = fac_size(w, 0) / s->c->size[1], group = c / channels;
    double sum = *terms = 0;
    for (int64_t k = group * outs; k < (group + 1) * outs; k++)
        for (int64_t a = 0; a < fac_size(w, 2); a++)
            for (int64_t b = 0; b < fac_size(w, 3); b++) {
                double product = padded(s->g, n, k, i - a + pad, j - b + pad) * AT(w, k, c % channels, a, b);
                sum += product, *terms += fabs(product);
            }
    return sum;
}

static double conv_weight_gradient(bench_state *s, int64_t k, int64_t c, int64_t a, int64_t b, double *terms)
{
    int64_t pad = s->c->size[0], channels = fac_size(s->t[1], 1);
    int64_t from = k / (fac_size(s->t[1], 0) / s->c->size[1]) * channels + c;
    double sum = *terms = 0;
    for (int64_t n = 0; n < fac_size(s->g, 0); n++)
        for (int64_t i = 0; i < fac_size(s->g, 2); i++)
            for (int64_t j = 0; j < fac_size(s->g, 3); j++) {
                double product = AT(s->g, n, k, i, j) * padded(s->t[0], n, from, i + a - pad, j + b - pad);
                sum += product, *terms += fabs(product);
            }
    return sum;
}

static bool conv_check(bench_state *s)
{
    fac_tensor *y = s->y, *dx = fac_grad(s->t[0]), *dw = fac_grad(s->t[1]), *db = fac_grad(s->t[2]);
    double want, terms;
    for (int r = 0; r < 20; r++) {
        int64_t n = bench_pick(r, fac_size(y, 0)), k = bench_pick(r, fac_size(y, 1)), i = bench_pick(r, fac_size(y, 2)),
                j = bench_pick(r, fac_size(y, 3));
        want = conv_output(s, n, k, i, j, &terms);
        if (!bench_near(s, "an output", AT(y, n, k, i, j), want, terms)) return false;
        if (s->c->leaves == 0) continue;
        int64_t c = bench_pick(r, fac_size(dx, 1));
        want = conv_input_gradient(s, n, c, i, j, &terms);
        if (!bench_near(s, "a gradient of the input", AT(dx, n, c, i, j), want, terms)) return false;
        if (r >= 4) continue;
        int64_t d = bench_pick(r, fac_size(dw, 1)), a = bench_pick(r, fac_size(dw, 2));
        want = conv_weight_gradient(s, k, d, a, a, &terms);
        if (!bench_near(s, "a gradient of the weight", AT(dw, k, d, a, a), want, terms)) return false;
        want = fac_item(fac_sum(fac_select(s->g, 1, k), .dtype = FAC_FLOAT64));
        if (!bench_near(s, "a gradient of the bias", AT(db, k), want, 1e4)) return false;
    }
    return true;
}

#define CONV_CASE(form, unit_, flops, leaves_, step_, N, C, H, K, side, pad, groups)                                   \
    {                                                                                                                  \
        form, unit_, FLOPS,                                                                                            \
            flops *N *K *(C / groups) * side *side *(H + 2 * pad - side + 1) * (H + 2 * pad - side + 1),               \
            .in = {{N, C, H, H}, {K, C / groups, side, side}, {K}},                                                    \
            .g = {N, K, H + 2 * pad - side + 1, H + 2 * pad - side + 1}, .leaves = leaves_, .setup = conv_setup,       \
            .step = step_, .check = conv_check, .size = {                                                              \
                pad,                                                                                                   \
                groups                                                                                                 \
            }                                                                                                          \
    }
#define CONV_CASES(name, ...)                                                                                          \
    CONV_CASE(name "_fwd", "forward", 2.0, 0, conv, __VA_ARGS__),                                                      \
        CONV_CASE(name "_fwdbwd", "forward and backward (dx, dw, db)", 6.0, 3, conv_both, __VA_ARGS__)

const bench_case bench_product_cases[] = {
    MM("gemm_64", 64, 64, 64),
    MM("gemm_256", 256, 256, 256),
    MM("gemm_1024", 1024, 1024, 1024),
    MM("gemm_2048", 2048, 2048, 2048),
    MM("gemm_skinny", 64, 256, 784),
    MM_NT("gemm_skinny_nt", 64, 256, 784),
    MM("gemm_skinny_wgrad", 256, 784, 64),
    {"gemv_4096", "one product of a vector and a matrix, which memory limits", BYTES, 4.0 * 4096 * 4096,
     .in = {{1, 4096}, {4096, 4096}}, .setup = transposed, .step = mm, .check = mm_check},
    {"bmm", "one bmm 32x64x64x64", FLOPS, 2.0 * 32 * 64 * 64 * 64, .in = {{32, 64, 64}, {32, 64, 64}}, .step = bmm,
     .check = mm_check},
    {"bmm_attn_128", "one bmm 64x128x32x128 (q k^T)", FLOPS, 2.0 * 64 * 128 * 128 * 32,
     .in = {{64, 128, 32}, {64, 128, 32}}, .setup = transposed, .step = bmm, .check = mm_check},
    CONV_CASES("conv3x3_64_56", 8, 64, 56, 64, 3, 1, 1),
    CONV_CASES("conv1x1_256_14", 8, 256, 14, 256, 1, 0, 1),
    CONV_CASES("depthwise3x3_128_28", 8, 128, 28, 128, 3, 1, 128),
    CONV_CASES("conv3x3_32_26_b64", 64, 32, 26, 64, 3, 0, 1), /* the second layer of cnn_fashion */
    {0},
};
