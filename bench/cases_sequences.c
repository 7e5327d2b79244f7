/* Sequence models: an LSTM, a block of a transformer, a training step of GPT-2. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- LSTM --------------------------------------------------------------------------------------------------- */

enum { STEPS = 64, BATCH = 32, HIDDEN = 128 };

static void lstm_setup(bench_state *s)
{
    s->module = fac_nn_lstm(HIDDEN, HIDDEN);
}

static void lstm_forward(bench_state *s)
{
    fac_no_grad
        s->y = fac_forward(s->module, s->t[0]);
}

static void lstm_both(bench_state *s)
{
    bench_drop_gradients(s);
    fac_module_zero_grad(s->module);
    s->y = fac_forward(s->module, s->t[0]);
    fac_backward(fac_sum(s->y));
}

CAPTURED(lstm_captured, lstm_both)

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* The states of one sequence of the batch, by the formula, in double. h and c: [STEPS + 1][HIDDEN], from zeros. */
static double lstm_reference(const bench_state *s, int64_t sequence, double bump, double h[][HIDDEN],
                             double c[][HIDDEN])
{
    const float *p[4];
    for (int i = 0; i < 4; i++)
        p[i] = fac_data(fac_parameters(s->module).items[i]);
    double sum = 0;
    memset(h[0], 0, sizeof h[0]);
    memset(c[0], 0, sizeof c[0]);
    for (int t = 0; t < STEPS; t++)
        for (int j = 0; j < HIDDEN; j++) {
            double gate[4];
            for (int g = 0; g < 4; g++) {
                int64_t row = (int64_t)g * HIDDEN + j;
                gate[g] = (double)p[2][row] + p[3][row];
                for (int k = 0; k < HIDDEN; k++) {
                    double x = bench_float(s->t[0], (t * (int64_t)BATCH + sequence) * HIDDEN + k);
                    if (t == STEPS - 2 && k == 0) x += bump;
                    gate[g] += x * p[0][row * HIDDEN + k] + h[t][k] * p[1][row * HIDDEN + k];
                }
            }
            c[t + 1][j] = sigmoid(gate[1]) * c[t][j] + sigmoid(gate[0]) * tanh(gate[2]);
            h[t + 1][j] = sigmoid(gate[3]) * tanh(c[t + 1][j]);
            sum += h[t + 1][j];
        }
    return sum;
}

/* The outputs of one sequence, and the gradient of one of its inputs, by a difference. */
static bool lstm_check(bench_state *s)
{
    enum { SEQUENCE = 7 };
    double(*h)[HIDDEN] = calloc(2 * (STEPS + 1), sizeof *h);
    if (!h) return false;
    bool good = true;
    const double bump = 1e-3;
    double more = lstm_reference(s, SEQUENCE, bump, h, h + STEPS + 1);
    double less = lstm_reference(s, SEQUENCE, -bump, h, h + STEPS + 1);
    lstm_reference(s, SEQUENCE, 0, h, h + STEPS + 1);
    for (int t = 0; t < STEPS && good; t++)
        for (int j = 0; j < HIDDEN && good; j++)
            good = bench_near(s, "an output", AT(s->y, t, SEQUENCE, j), h[t + 1][j], 1);
    free(h);
    if (s->c->leaves)
        good = good && bench_near(s, "a gradient", AT(fac_grad(s->t[0]), STEPS - 2, SEQUENCE, 0),
                                  (more - less) / (2 * bump), 10);
    return good;
}

/* ---- transformer block -------------------------------------------------------------------------------------- */

enum { WIDTH = 256, HEADS = 8, TOKENS = 128, LINES = 8 };

/* The only block of a small GPT-2. */
static fac_module *the_block(const bench_state *s)
{
    return fac_get_submodule(s->module, "transformer.h.0");
}

static void block_setup(bench_state *s)
{
    s->module = fac_gpt2(.vocab_size = 1, .n_positions = TOKENS, .n_embd = WIDTH, .n_layer = 1, .n_head = HEADS,
                         .attn_pdrop = 0, .resid_pdrop = 0);
}

static void block_forward(bench_state *s)
{
    fac_no_grad
        s->y = fac_forward(the_block(s), s->t[0]);
}

static void block_both(bench_state *s)
{
    bench_drop_gradients(s);
    fac_module_zero_grad(the_block(s));
    s->y = fac_forward(the_block(s), s->t[0]);
    fac_backward(s->y, .gradient = s->g);
}

CAPTURED(block_captured, block_both)

/* x w + b */
static fac_tensor *affine(fac_tensor *x, fac_tensor *w, fac_tensor *b)
{
    return fac_add(fac_matmul(x, w), b);
}

/* The formula, one operation at a time, in float64, with the matrix of attention: only the modules' weights are shared. */
static fac_tensor *block_reference(fac_tensor *x, fac_tensor **p)
{
    fac_dims heads = FAC_DIMS(HEADS, -1);
    fac_tensor *qkv = affine(fac_layer_norm(x, FAC_SHAPE(WIDTH), .weight = p[0], .bias = p[1]), p[2], p[3]);
    fac_tensor *part[3];
    for (int i = 0; i < 3; i++)
        part[i] = fac_transpose(fac_unflatten(fac_narrow(qkv, 2, (int64_t)i * WIDTH, WIDTH), 2, heads), 1, 2);
    fac_tensor *scores = fac_mul_scalar(fac_matmul(part[0], fac_mT(part[1])), 1 / sqrt(WIDTH / HEADS));
    fac_tensor *mask = fac_triu(fac_ones(FAC_SHAPE(TOKENS, TOKENS), .dtype = FAC_BOOL), 1);
    fac_tensor *weights = fac_softmax(fac_masked_fill(scores, mask, -INFINITY), -1, FAC_DTYPE_NONE);
    fac_tensor *seen = fac_flatten(fac_transpose(fac_matmul(weights, part[2]), 1, 2), 2, 3);
    x = fac_add(x, affine(seen, p[4], p[5]));
    fac_tensor *wide = affine(fac_layer_norm(x, FAC_SHAPE(WIDTH), .weight = p[6], .bias = p[7]), p[8], p[9]);
    return fac_add(x, affine(fac_gelu_tanh(wide), p[10], p[11]));
}

static bool block_check(bench_state *s)
{
    fac_tensor_list list = fac_parameters(the_block(s));
    fac_tensor *p[12], *x = fac_requires_grad_(fac_to(fac_detach(s->t[0]), FAC_FLOAT64), true);
    for (int i = 0; i < 12; i++)
        p[i] = fac_requires_grad_(fac_to(fac_detach(list.items[i]), FAC_FLOAT64), true);
    fac_tensor *y = block_reference(x, p);
    if (s->g) fac_backward(y, .gradient = fac_to(s->g, FAC_FLOAT64));
    for (int r = 0; r < 300; r++) {
        int64_t b = bench_pick(r, LINES), t = bench_pick(r, TOKENS), j = bench_pick(r, WIDTH);
        if (!bench_near(s, "an output", AT(s->y, b, t, j), AT(y, b, t, j), 3)) return false;
        if (!s->g) continue;
        if (!bench_near(s, "a gradient of the input", AT(fac_grad(s->t[0]), b, t, j), AT(fac_grad(x), b, t, j), 10))
            return false;
        if (!bench_near(s, "a gradient of a weight", AT(fac_grad(list.items[2]), t, j), AT(fac_grad(p[2]), t, j), 300))
            return false;
    }
    return true;
}

/* ---- GPT-2 -------------------------------------------------------------------------------------------------- */

static void gpt2_setup(bench_state *s)
{
    fac_gpt2_options o = FAC_OPTIONS(fac_gpt2_options, .embd_pdrop = 0, .attn_pdrop = 0, .resid_pdrop = 0);
    s->module = fac_gpt2_with(o);
    s->optimizer = fac_adamw(fac_parameters(s->module), .lr = 1e-4, .weight_decay = 0);
    s->t[0] = fac_randint(0, o.vocab_size, FAC_SHAPE(4, 64));
    s->t[1] = fac_randint(0, o.vocab_size, FAC_SHAPE(4, 64));
}

static fac_tensor *gpt2_loss(const bench_state *s)
{
    return fac_cross_entropy(fac_flatten(fac_forward(s->module, s->t[0]), 0, 1), fac_flatten(s->t[1], 0, 1));
}

static void gpt2_step(bench_state *s)
{
    s->y = gpt2_loss(s);
    fac_zero_grad(s->optimizer);
    fac_backward(s->y);
    fac_step(s->optimizer);
}

CAPTURED(gpt2_captured, gpt2_step)

/* The loss of the first steps is about that of guessing, and steps make it smaller. */
static bool gpt2_check(bench_state *s)
{
    double first = fac_item(s->y), second;
    fac_no_grad
        second = fac_item(gpt2_loss(s));
    return bench_near(s, "the first loss", first, log(50257), 1.5e5) && second < first;
}

#define LSTM_FLOPS (2.0 * STEPS * BATCH * (HIDDEN + HIDDEN) * 4 * HIDDEN)
#define BLOCK_FLOPS (2.0 * LINES * TOKENS * 12 * WIDTH * WIDTH + 4.0 * LINES * TOKENS * TOKENS * WIDTH)
#define GPT2_FLOPS (6.0 * 256 * (12.0 * 12 * 768 * 768 + 768.0 * 50257) + 12.0 * 12 * 4 * 64 * 64 * 768)

/* clang-format off */
const bench_case bench_sequence_cases[] = {
    {"lstm", "forward and backward, 64 steps of 32x128, hidden 128", FLOPS, 3 * LSTM_FLOPS, .in = {{STEPS, BATCH, HIDDEN}},
     .leaves = 1, .setup = lstm_setup, .step = lstm_both, .check = lstm_check},
    {"lstm_captured", "forward and backward, 64 steps of 32x128, hidden 128", FLOPS, 3 * LSTM_FLOPS,
     .in = {{STEPS, BATCH, HIDDEN}}, .leaves = 1, .setup = lstm_setup, .step = lstm_captured, .check = lstm_check},
    {"lstm_fwd", "forward, 64 steps of 32x128, hidden 128", FLOPS, LSTM_FLOPS, .in = {{STEPS, BATCH, HIDDEN}},
     .setup = lstm_setup, .step = lstm_forward, .check = lstm_check},
    {"transformer_block", "forward and backward, 8x128 tokens of 256, 8 heads, causal", FLOPS, 3 * BLOCK_FLOPS,
     .in = {{LINES, TOKENS, WIDTH}}, .g = {LINES, TOKENS, WIDTH}, .leaves = 1, .setup = block_setup, .step = block_both,
     .check = block_check},
    {"transformer_block_captured", "forward and backward, 8x128 tokens of 256, 8 heads, causal", FLOPS, 3 * BLOCK_FLOPS,
     .in = {{LINES, TOKENS, WIDTH}}, .g = {LINES, TOKENS, WIDTH}, .leaves = 1, .setup = block_setup,
     .step = block_captured, .check = block_check},
    {"transformer_block_fwd", "forward, 8x128 tokens of 256, 8 heads, causal", FLOPS, BLOCK_FLOPS,
     .in = {{LINES, TOKENS, WIDTH}}, .setup = block_setup, .step = block_forward, .check = block_check},
    {"gpt2_124M_step", "step of 4x64 tokens: forward, backward, AdamW", FLOPS, GPT2_FLOPS, .setup = gpt2_setup,
     .step = gpt2_step, .check = gpt2_check},
    {"gpt2_124M_step_captured", "step of 4x64 tokens: forward, backward, AdamW", FLOPS, GPT2_FLOPS, .setup = gpt2_setup,
     .step = gpt2_captured, .check = gpt2_check},
    {0},
};
/* clang-format on */
