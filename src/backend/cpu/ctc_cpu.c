/* Floor 1. CTC on the CPU, parallel over the batch: forward and backward variables of Graves et al. 2006 (section 4.1), in
 * logarithms. States are the target's classes with blanks in between and at both ends: class s is targets[s / 2] where s is
 * odd. The gradient is by the class's logarithm where these come from log_softmax (equation 16), in PyTorch's form. */
#include <math.h>

#include "backend/ctc.h"

static int64_t class_of(const fac__ctc_args *a, int64_t sample, int64_t state)
{
    return state % 2 ? a->targets[a->begin[sample] + state / 2] : a->blank;
}

#define CTC(T, EXP, LOG)                                                                                               \
    static T sum_##T(T a, T b, T c)                                                                                    \
    {                                                                                                                  \
        T most = a > b ? a : b;                                                                                        \
        if (c > most) most = c;                                                                                        \
        if (most == -(T)INFINITY) return most;                                                                         \
        return LOG(EXP(a - most) + EXP(b - most) + EXP(c - most)) + most;                                              \
    }                                                                                                                  \
    static void forward_one_##T(const fac__ctc_args *a, int64_t i)                                                     \
    {                                                                                                                  \
        const T none = -(T)INFINITY, *p = (const T *)a->log_probs + i * a->c;                                          \
        T *alpha = (T *)a->alpha + i * a->t * a->states, *loss = (T *)a->loss + i;                                     \
        int64_t steps = a->input_length[i], last = 2 * a->target_length[i];                                            \
        if (!steps) {                                                                                                  \
            *loss = last ? (T)INFINITY : 0;                                                                            \
            return;                                                                                                    \
        }                                                                                                              \
        for (int64_t s = 0; s <= last; s++)                                                                            \
            alpha[s] = s < 2 ? p[class_of(a, i, s)] : none;                                                            \
        for (int64_t t = 1; t < steps; t++) {                                                                          \
            const T *before = alpha;                                                                                   \
            alpha += a->states;                                                                                        \
            p += a->n * a->c;                                                                                          \
            for (int64_t s = 0; s <= last; s++) {                                                                      \
                int64_t c = class_of(a, i, s);                                                                         \
                bool skips = s > 1 && class_of(a, i, s - 2) != c;                                                      \
                alpha[s] = sum_##T(before[s], s ? before[s - 1] : none, skips ? before[s - 2] : none) + p[c];          \
            }                                                                                                          \
        }                                                                                                              \
        *loss = -sum_##T(alpha[last], last ? alpha[last - 1] : none, none);                                            \
    }                                                                                                                  \
    static void backward_one_##T(const fac__ctc_args *a, int64_t i)                                                    \
    {                                                                                                                  \
        const T none = -(T)INFINITY, loss = ((const T *)a->loss)[i], g = ((const T *)a->dy)[i];                        \
        int64_t steps = a->input_length[i], last = 2 * a->target_length[i], row = a->n * a->c;                         \
        T *beta = (T *)a->beta + i * 2 * a->states, *dx = (T *)a->dx + i * a->c;                                       \
        const T *p = (const T *)a->log_probs + i * a->c;                                                               \
        bool nothing = a->zero_infinity && loss == (T)INFINITY;                                                        \
        for (int64_t t = a->t - 1; t >= 0; t--) {                                                                      \
            T *d = dx + t * row, *now = beta + t % 2 * a->states;                                                      \
            const T *q = p + t * row, *after = beta + (t + 1) % 2 * a->states;                                         \
            const T *alpha = (const T *)a->alpha + (i * a->t + t) * a->states;                                         \
            bool in = t < steps && !nothing;                                                                           \
            for (int64_t c = 0; c < a->c; c++)                                                                         \
                d[c] = in ? none : 0;                                                                                  \
            if (!in) continue;                                                                                         \
            for (int64_t s = last; s >= 0; s--) {                                                                      \
                int64_t c = class_of(a, i, s);                                                                         \
                bool skips = s < last - 1 && class_of(a, i, s + 2) != c;                                               \
                T ahead = t == steps - 1                                                                               \
                              ? (s >= last - 1 ? 0 : none)                                                             \
                              : sum_##T(after[s], s < last ? after[s + 1] : none, skips ? after[s + 2] : none);        \
                now[s] = ahead + q[c];                                                                                 \
                d[c] = sum_##T(d[c], alpha[s] + now[s], none);                                                         \
            }                                                                                                          \
            for (int64_t c = 0; c < a->c; c++)                                                                         \
                d[c] = (EXP(q[c]) - EXP(d[c] + loss - q[c])) * g;                                                      \
        }                                                                                                              \
    }                                                                                                                  \
    static void forward_##T(void *context, int64_t begin, int64_t end)                                                 \
    {                                                                                                                  \
        for (int64_t i = begin; i < end; i++)                                                                          \
            forward_one_##T(context, i);                                                                               \
    }                                                                                                                  \
    static void backward_##T(void *context, int64_t begin, int64_t end)                                                \
    {                                                                                                                  \
        for (int64_t i = begin; i < end; i++)                                                                          \
            backward_one_##T(context, i);                                                                              \
    }
CTC(float, expf, logf)
CTC(double, exp, log)

static void run(const fac__ctc_args *a, fac__range_body of_float, fac__range_body of_double)
{
    fac__parallel(a->n, 1 + (1 << 12) / (a->t * (a->states + a->c) + 1), a->dtype == FAC_FLOAT32 ? of_float : of_double,
                  (void *)a);
}

static void ctc(const void *args)
{
    run(args, forward_float, forward_double);
}

static void ctc_backward(const void *args)
{
    run(args, backward_float, backward_double);
}

static void ctc_memory(void *args, fac__memory *m)
{
    fac__ctc_args *a = args;
    FAC__READS(m, a->targets);
    FAC__READS(m, a->begin);
    FAC__READS(m, a->target_length);
    FAC__READS(m, a->input_length);
    FAC__READS(m, a->log_probs);
    FAC__WRITES(m, a->alpha);
    FAC__WRITES(m, a->loss);
}

static void backward_memory(void *args, fac__memory *m)
{
    fac__ctc_args *a = args;
    FAC__READS(m, a->targets);
    FAC__READS(m, a->begin);
    FAC__READS(m, a->target_length);
    FAC__READS(m, a->input_length);
    FAC__READS(m, a->log_probs);
    FAC__READS(m, a->alpha);
    FAC__READS(m, a->loss);
    FAC__READS(m, a->dy);
    FAC__WRITES(m, a->beta);
    FAC__WRITES(m, a->dx);
}

const fac__kernel fac__k_ctc = {.name = "ctc", .run = {ctc}, .memory = ctc_memory};
const fac__kernel fac__k_ctc_backward = {.name = "ctc_backward", .run = {ctc_backward}, .memory = backward_memory};
