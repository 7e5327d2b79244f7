/* Floor 1. The gates of recurrent layers. Sums and products are in the order of ATen's cells (ATen/native/RNN.cpp) and of
 * their derivatives, so that they round as PyTorch's. */
#include "backend/cpu/rnn_rows.h"
#include "backend/cpu/isa/scalar_math.h"

#define ROWS for (int64_t r = begin; r < end; r++)
#define EACH _Pragma("omp simd") for (int64_t j = 0; j < n; j++)
/* Of row r: its part of a state, and gate k of several. */
#define STATE(p) ((T *)(p) + r * n)
#define GATE(p, count, k) ((T *)(p) + (r * (count) + (k)) * n)
#define BIAS(p, k) ((const T *)(p) + (k)*n)
#define RELU(x) ((x) < 0 ? 0 : (x))
#define SIGMOID_SLOPE(g, y) ((g) * (1 - (y)) * (y))
#define TANH_SLOPE(g, y) ((g) * (1 - (y) * (y)))
#define RELU_SLOPE(g, y) ((y) <= 0 ? 0 : (g))

/* One gate, from what came of x and of h. */
#define ACTIVATE(act, count, k)                                                                                        \
    do {                                                                                                               \
        T *x = GATE(a->gates, count, k);                                                                               \
        const T *hh = GATE(a->hh, count, k), *b_ih = BIAS(a->b_ih, k), *b_hh = BIAS(a->b_hh, k);                       \
        EACH x[j] = act((hh[j] + b_hh[j]) + (x[j] + b_ih[j]));                                                         \
    } while (0)

#define T float
#define NAME(x) x##_float
#include "rnn_body.h"
#undef T
#undef NAME
#define T double
#define NAME(x) x##_double
#include "rnn_body.h"
