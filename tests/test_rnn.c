/* Recurrent layers: results and gradients as PyTorch recorded them, gradients by the kernels against those by plain
 * operations, states that go on, errors, failed allocations. */
#include "recorded.h"

#include "core/memory.h"

static void test_recorded(void **state)
{
    replay_recorded("rnn_ops.txt");
}

/* ---- both ways of backward ---------------------------------------------------------------------------------- */

enum { LSTM, GRU, TANH, RELU, KINDS };

typedef struct network {
    int kind, layers;
    bool both, biases, batch_first;
    int64_t steps, batch, inputs, hidden;
    fac_dtype dtype;
} network;

/* Results and gradients of one network; the same numbers at each call. */
typedef struct outcome {
    fac_tensor *results[3], *grads[RECORDED_VALUES];
    int n_results, n_grads;
} outcome;

static fac_tensor *leaf(const network *net, fac_dims shape)
{
    return fac_requires_grad_(fac_mul_scalar(fac_randn(shape, .dtype = net->dtype), 0.4), true);
}

/* use: bits of the results that take part in the loss */
static outcome run(const network *net, int use, bool create_graph)
{
    static const int64_t gates[] = {4, 3, 1, 1};
    int64_t directions = net->both ? 2 : 1, rows = gates[net->kind] * net->hidden;
    fac_dims states = FAC_SHAPE(net->layers * directions, net->batch, net->hidden);
    fac_tensor *leaves[RECORDED_VALUES], *hn = NULL, *cn = NULL;
    int n = 0;
    fac_manual_seed(4);
    leaves[n++] = leaf(net, net->batch_first ? FAC_SHAPE(net->batch, net->steps, net->inputs)
                                             : FAC_SHAPE(net->steps, net->batch, net->inputs));
    leaves[n++] = leaf(net, states);
    if (net->kind == LSTM) leaves[n++] = leaf(net, states);
    int first = n;
    for (int64_t l = 0; l < net->layers; l++)
        for (int64_t d = 0; d < directions; d++) {
            leaves[n++] = leaf(net, FAC_SHAPE(rows, l ? net->hidden * directions : net->inputs));
            leaves[n++] = leaf(net, FAC_SHAPE(rows, net->hidden));
            for (int i = 0; i < 2 && net->biases; i++)
                leaves[n++] = leaf(net, FAC_SHAPE(rows));
        }
    fac_tensor_list params = {leaves + first, n - first};
    fac_rnn_options o = {.has_biases = net->biases, .num_layers = net->layers, .bidirectional = net->both};
    o.batch_first = net->batch_first;
    o.hn = &hn;
    o.cn = &cn;
    outcome all = {{net->kind == LSTM   ? fac_lstm_with(leaves[0], leaves[1], leaves[2], params, o)
                    : net->kind == GRU  ? fac_gru_with(leaves[0], leaves[1], params, o)
                    : net->kind == TANH ? fac_rnn_tanh_with(leaves[0], leaves[1], params, o)
                                        : fac_rnn_relu_with(leaves[0], leaves[1], params, o),
                    hn, cn},
                   {NULL},
                   net->kind == LSTM ? 3 : 2,
                   n};
    fac_tensor *roots[3], *weights[3];
    int count = 0;
    for (int i = 0; i < all.n_results; i++)
        if (all.results[i] && use >> i & 1) {
            roots[count] = all.results[i];
            weights[count++] = recorded_weights(all.results[i]);
        }
    if (all.results[0] && count)
        (void)fac_autograd_grad(roots, count, leaves, n, all.grads, .grad_outputs = weights, .allow_unused = true,
                                .create_graph = create_graph);
    return all;
}

static void compare(const network *net, int use)
{
    double tolerance = net->dtype == FAC_FLOAT64 ? 1e-12 : 1e-5;
    fac_scope {
        outcome a = run(net, use, false), b = run(net, use, true);
        if (fac_error()) fail_msg("%s", fac_error());
        for (int i = 0; i < a.n_grads; i++) {
            assert_int_equal(a.grads[i] != NULL, b.grads[i] != NULL);
            if (a.grads[i]) check_close(a.grads[i], fac_detach(b.grads[i]), tolerance);
        }
    }
}

static void test_both_ways(void **state)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (int use = 1; use < (kind == LSTM ? 8 : 4); use++) {
            compare(&(network){kind, 1, false, true, false, 5, 3, 4, 6, FAC_FLOAT64}, use);
            compare(&(network){kind, 2, true, true, true, 3, 2, 4, 5, FAC_FLOAT64}, use);
            compare(&(network){kind, 1, true, false, false, 1, 2, 3, 2, FAC_FLOAT64}, use);
            compare(&(network){kind, 1, false, true, false, 2, 2, 3, 33, FAC_FLOAT32}, use);
        }
}

/* Large enough for several threads: the same as the sequences one by one. */
static void test_many(void **state)
{
    for (int kind = 0; kind < KINDS; kind++)
        fac_scope {
            network net = {kind, 1, false, true, false, 3, 160, 8, 96, FAC_FLOAT64};
            compare(&net, 3);
        }
}

/* The same bits on any number of threads: rows shared out, steps shared because rows are few, and a single row. */
static void test_thread_counts(void **state)
{
    static const int64_t batch[] = {21, 32, 7, 1}, hidden[] = {96, 64, 352, 512};
    int threads = fac_get_num_threads();
    for (int kind = 0; kind < KINDS; kind++)
        for (int i = 0; i < 4; i++)
            fac_scope {
                network net = {kind, 1, true, true, false, 3, batch[i], 8, hidden[i], FAC_FLOAT32};
                fac_set_num_threads(1);
                outcome one = run(&net, 7, false);
                for (int n = 2; n <= 5; n++) {
                    fac_set_num_threads(n);
                    outcome more = run(&net, 7, false);
                    if (fac_error()) fail_msg("%s", fac_error());
                    for (int k = 0; k < one.n_results; k++)
                        if (one.results[k]) assert_true(fac_equal(one.results[k], more.results[k]));
                    for (int k = 0; k < one.n_grads; k++)
                        assert_true(fac_equal(one.grads[k], more.grads[k]));
                }
            }
    fac_set_num_threads(threads);
}

/* ---- modules ------------------------------------------------------------------------------------------------ */

/* A sequence in two parts, and step by step in a cell with the same weights, gives what the whole gives. */
static void test_states_go_on(void **state)
{
    fac_scope {
        fac_manual_seed(1);
        fac_tensor *x = fac_randn(FAC_SHAPE(6, 2, 3)), *h = NULL, *c = NULL, *parts[6], *hn, *cn;
        fac_module *lstm = fac_nn_lstm(3, 4), *cell = fac_nn_lstm_cell(3, 4);
        fac_tensor *whole = fac_lstm_forward(lstm, x, NULL, NULL, &hn, &cn);
        check_close(fac_forward(lstm, x), whole, 0);
        for (int i = 0; i < 2; i++)
            parts[i] = fac_lstm_forward(lstm, fac_slice(x, 0, 3 * i, 3 * i + 3, 1), h, c, &h, &c);
        check_close(fac_cat(FAC_TENSORS(parts[0], parts[1]), 0), whole, 1e-6);
        check_close(h, hn, 1e-6);
        check_close(c, cn, 1e-6);
        for (int i = 0; i < 4; i++)
            fac_no_grad
                fac_copy_(fac_parameters(cell).items[i], fac_parameters(lstm).items[i]);
        h = c = NULL;
        for (int i = 0; i < 6; i++)
            parts[i] = fac_lstm_forward(cell, fac_select(x, 0, i), h, c, &h, &c);
        check_close(fac_stack((fac_tensor_list){parts, 6}, 0), whole, 1e-6);
        check_close(c, fac_select(cn, 0, 0), 1e-6);
        fac_module_free(lstm);
        fac_module_free(cell);

        fac_module *gru = fac_nn_gru(3, 4, .num_layers = 2, .bidirectional = true);
        fac_tensor *one = fac_select(x, 1, 0);
        whole = fac_rnn_forward(gru, x, NULL, &hn);
        assert_int_equal(fac_size(hn, 0), 4);
        check_close(fac_rnn_forward(gru, one, NULL, &h), fac_select(whole, 1, 0), 1e-6);
        check_close(h, fac_select(hn, 1, 0), 1e-6);
        fac_module *copy = fac_copy_module(gru);
        check_close(fac_forward(copy, x), whole, 0);
        fac_module_free(copy);
        fac_module_free(gru);
    }
}

/* ---- errors ------------------------------------------------------------------------------------------------- */

static void test_module_errors(void **state)
{
    fac_scope {
        fac_module *lstm = fac_nn_lstm(4, 5), *gru = fac_nn_gru(4, 5), *cell = fac_nn_gru_cell(4, 5);
        fac_module *other = fac_nn_linear(4, 5);
        fac_tensor *x = fac_zeros(FAC_SHAPE(3, 2, 4)), *one = fac_zeros(FAC_SHAPE(3, 4));
        fac_tensor *h = fac_zeros(FAC_SHAPE(1, 2, 5)), *less = fac_zeros(FAC_SHAPE(1, 1, 5)),
                   *flat = fac_select(h, 0, 0);
        expect_error(fac_forward(lstm, fac_zeros(FAC_SHAPE(4))),
                     "LSTM: Expected input to be 2-D or 3-D but received 1-D tensor");
        expect_error(fac_forward(lstm, fac_zeros(FAC_SHAPE(2, 3))),
                     "input.size(-1) must be equal to input_size. Expected 4, got 3");
        expect_error(fac_forward(lstm, fac_zeros(FAC_SHAPE(0, 2, 4))),
                     "Expected sequence length to be larger than 0 in RNN");
        expect_error(fac_lstm_forward(lstm, x, less, h, NULL, NULL),
                     "Expected hidden[0] size (1, 2, 5), got [1, 1, 5]");
        expect_error(fac_lstm_forward(lstm, x, h, less, NULL, NULL),
                     "Expected hidden[1] size (1, 2, 5), got [1, 1, 5]");
        expect_error(fac_lstm_forward(lstm, x, flat, flat, NULL, NULL),
                     "For batched 3-D input, hx and cx should also be 3-D but got (2-D, 2-D) tensors");
        expect_error(fac_lstm_forward(lstm, one, h, h, NULL, NULL),
                     "For unbatched 2-D input, hx and cx should also be 2-D but got (3-D, 3-D) tensors");
        expect_error(fac_rnn_forward(gru, x, less, NULL), "Expected hidden size (1, 2, 5), got [1, 1, 5]");
        expect_error(fac_rnn_forward(gru, x, flat, NULL),
                     "For batched 3-D input, hx should also be 3-D but got 2-D tensor");
        expect_error(fac_rnn_forward(lstm, x, NULL, NULL), "LSTM is no module with one state (GRU, RNN)");
        expect_error(fac_lstm_forward(other, x, NULL, NULL, NULL, NULL), "Linear is no module with two states (LSTM)");
        expect_error(fac_lstm_forward(NULL, x, NULL, NULL, NULL, NULL), "must not be NULL");
        expect_error(fac_forward(cell, x), "GRUCell: Expected input to be 1-D or 2-D but received 3-D tensor");
        expect_error(fac_rnn_forward(cell, one, fac_zeros(FAC_SHAPE(2, 5)), NULL),
                     "Input batch size 3 doesn't match hidden0 batch size 2");
        expect_error(fac_rnn_forward(cell, one, fac_zeros(FAC_SHAPE(3, 4)), NULL),
                     "hidden0 has inconsistent hidden_size: got 4, expected 5");
        expect_error(fac_forward(cell, fac_zeros(FAC_SHAPE(2, 3))),
                     "input has inconsistent input_size: got 3 expected 4");
        fac_module_free(lstm);
        fac_module_free(gru);
        fac_module_free(cell);
        fac_module_free(other);
        expect_error(fac_nn_lstm(4, 5, .dropout = 2), "dropout should be a number in range [0, 1]");
        expect_error(fac_nn_lstm(4, 5, .proj_size = 5), "proj_size has to be smaller than hidden_size");
        expect_error(fac_nn_lstm(4, 5, .proj_size = -1), "proj_size should be a positive integer or zero");
        expect_error(fac_nn_gru(4, 5, .proj_size = 2), "proj_size argument is only supported for LSTM, not RNN or GRU");
        expect_error(fac_nn_rnn(4, 5, .nonlinearity = "x"), "Unknown nonlinearity 'x'");
        expect_error(fac_nn_gru(4, 0), "hidden_size must be greater than zero");
        expect_error(fac_nn_gru(4, 5, .num_layers = 0), "num_layers must be greater than zero");
    }
}

static void test_errors(void **state)
{
    fac_scope {
        fac_tensor *x = fac_zeros(FAC_SHAPE(3, 2, 4)), *h = fac_zeros(FAC_SHAPE(1, 2, 5)),
                   *w = fac_zeros(FAC_SHAPE(20, 4));
        fac_tensor *u = fac_zeros(FAC_SHAPE(20, 5)), *b = fac_zeros(FAC_SHAPE(20)), *items[] = {w, u, b, b, w, u, b, b};
        fac_tensor *two = fac_zeros(FAC_SHAPE(2, 2, 5));
        fac_tensor_list one = {items, 4}, three = {items, 3}, eight = {items, 8}, none = {NULL, 0};
        expect_error(fac_lstm(x, h, h, three), "got an incorrect number of RNN parameters");
        expect_error(fac_gru(x, h, three), "got an incorrect number of RNN parameters");
        expect_error(fac_lstm(x, h, h, none), "argument 'params.items' must not be NULL");
        expect_error(fac_lstm(x, h, h, one, .num_layers = 2), "Expected more hidden states in stacked_rnn");
        expect_error(fac_lstm(x, two, two, one, .num_layers = 2), "Expected more weights in stacked_rnn");
        expect_error(fac_lstm(x, h, h, one, .bidirectional = true),
                     "Odd number of params or hiddens given to a bidirectional RNN");
        expect_error(fac_lstm(x, h, h, one, .num_layers = 0), "");
        expect_error(fac_lstm(x, h, h, one, .num_layers = -1), "");
        expect_error(fac_lstm(x, two, two, eight, .num_layers = 2),
                     "mat1 and mat2 shapes cannot be multiplied (6x5 and 4x20)");
        expect_error(fac_lstm(x, two, two, eight, .num_layers = 2, .train = true, .dropout = 1.5),
                     "dropout probability has to be between 0 and 1, but got 1.5");
        expect_error(fac_lstm(fac_slice(x, 0, 0, 0, 1), h, h, one),
                     "Expected sequence length to be larger than 0 in RNN");
        expect_error(fac_lstm(fac_to(x, FAC_FLOAT64), h, h, one), "");
        expect_error(fac_lstm(x, fac_to(h, FAC_FLOAT64), h, one), "");
        expect_error(fac_lstm_cell(x, NULL, NULL, w, u, b, b, NULL), "");
        expect_error(fac_lstm_cell(NULL, NULL, NULL, w, u, b, b, NULL), "argument 'x' must not be NULL");
        fac_value hx = {.kind = FAC_VALUE_TENSORS, .v.tensors = {&h, 1}}, args[6] = {fac_value_tensor(x), hx},
                  results[2];
        args[2] = args[3] = fac_value_tensor(w);
        assert_true(fac_call("lstm_cell", args, 4, NULL, 0, results, 2) < 0);
        assert_non_null(strstr(fac_error(), "lstm_cell expects two hidden states"));
        fac_clear_error();
    }
}

/* The n-th allocation fails, for each n: no crash, no leak, an error wherever something is missing. */
static void test_failed_allocations(void **state)
{
    for (int kind = 0; kind < KINDS; kind++)
        for (int create_graph = 0; create_graph < 2; create_graph++)
            for (int64_t n = 1;; n++) {
                network net = {kind, 1, true, true, true, 3, 2, 3, 2, FAC_FLOAT64};
                fac_clear_error();
                int64_t before = fac_memory().used, count = fac__alloc_count();
                bool far = false;
                fac_scope {
                    fac__alloc_fail_at(n);
                    outcome all = run(&net, 3, create_graph != 0);
                    far = fac__alloc_count() - count < n;
                    fac__alloc_fail_at(0);
                    bool whole = true;
                    for (int i = 0; i < all.n_results; i++)
                        whole = whole && all.results[i];
                    for (int i = 0; i < all.n_grads; i++)
                        whole = whole && all.grads[i];
                    assert_true(whole || fac_error());
                }
                if (fac_memory().used != before) fail_msg("kind %d leaks when allocation %d fails", kind, (int)n);
                if (far) break;
            }
    fac_clear_error();
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),     cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_many),         cmocka_unit_test(test_thread_counts),
        cmocka_unit_test(test_states_go_on), cmocka_unit_test(test_module_errors),
        cmocka_unit_test(test_errors),       cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
