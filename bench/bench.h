/* What the files of facula-bench share: how a case is described, how it is measured, and how its results are checked.
 *
 * A case is a row of a table. The program makes its inputs (`in`, `g`, then `setup`), runs one step and checks what it
 * made against a simple reference, and only then times steps. Each case runs in a process of its own, which frees
 * nothing: its peak memory is what the case needed. */
#ifndef FACULA_BENCH_H
#define FACULA_BENCH_H

#include <facula/facula.h>
#include <math.h>

typedef struct bench_state bench_state;

typedef struct bench_case {
    const char *name, *unit; /* the unit is what `seconds` are of */
    const char *kind;        /* of work: FLOPS or BYTES; NULL */
    double work;             /* of a unit: bytes count each input read once, each output written once */
    int64_t in[4][5];        /* shapes of t[0], t[1]…, which setup finds filled with normal numbers; ends with 0 */
    int64_t g[5];            /* the shape of the gradient that backward starts from */
    int leaves;              /* so many of t[] require grad */
    void (*setup)(bench_state *s);
    void (*step)(bench_state *s);
    bool (*check)(bench_state *s); /* right after a step, in its scope */
    double (*reference)(double x); /* what some checks compare with */
    int64_t size[4];               /* whatever else setup, step and check of the case want to know */
    double units;                  /* in a step, or of a step: 0 is 1 */
} bench_case;

#define FLOPS "flops"
#define BYTES "bytes"

struct bench_state {
    const bench_case *c;
    fac_tensor *t[8], *g, *y; /* inputs, the gradient that backward starts from, what a step made */
    fac_module *module;
    fac_optimizer *optimizer;
    fac_loader *loader;
    fac_plan *plan; /* of a step that is captured */
    fac_tensor *parameters[100];
    double peak_rss; /* bytes, where it is another process's */
};

/* The tables end with a row without a name. */
extern const bench_case bench_small_cases[], bench_training_cases[], bench_product_cases[], bench_pointwise_cases[],
    bench_row_cases[], bench_layer_cases[], bench_sequence_cases[], bench_program_cases[];

extern const char *bench_data;    /* the folder of Fashion-MNIST */
extern const char *bench_program; /* the path of this program */

/* A step of one expression over t[]; the same with backward from g, the leaves' gradients dropped before. */
#define STEP(name, ...)                                                                                                \
    static void name(bench_state *s)                                                                                   \
    {                                                                                                                  \
        fac_tensor **t = s->t;                                                                                         \
        (void)t;                                                                                                       \
        s->y = (__VA_ARGS__);                                                                                          \
    }
#define BACKWARD(name, ...)                                                                                            \
    static void name(bench_state *s)                                                                                   \
    {                                                                                                                  \
        fac_tensor **t = s->t;                                                                                         \
        bench_drop_gradients(s);                                                                                       \
        s->y = (__VA_ARGS__);                                                                                          \
        fac_backward(s->y, .gradient = s->g);                                                                          \
    }
void bench_drop_gradients(bench_state *s);
/* A step of another, captured: the first time it runs as it is and then as the plan, so that the check sees what that makes. */
#define CAPTURED(name, step)                                                                                           \
    static void name(bench_state *s)                                                                                   \
    {                                                                                                                  \
        for (int pass = s->plan != NULL; pass < 2; pass++)                                                             \
            fac_capture(&s->plan) {                                                                                    \
                step(s);                                                                                               \
                s->y = fac_keep(s->y);                                                                                 \
            }                                                                                                          \
    }

/* ---- checks ------------------------------------------------------------------------------------------------- */

#define AT(t, ...) fac_at(t, FAC_DIMS(__VA_ARGS__))

/* Whether got is want, up to what float32 loses in a sum whose terms' magnitudes add up to `terms`; exactly if they are 0.
 * Says so if not. */
bool bench_near(const bench_state *s, const char *what, double got, double want, double terms);
/* The r-th of the places of n to look at: the first, the last, then any. */
int64_t bench_pick(int r, int64_t n);
/* Element i of a contiguous float32 tensor. */
static inline double bench_float(const fac_tensor *t, int64_t i)
{
    return ((const float *)fac_data(t))[i];
}

/* Row r of x [rows, n] as doubles, in an array that is the caller's to free. */
double *bench_row(const fac_tensor *x, int64_t r, int64_t n);

/* y[i] = reference(t[0][i]), of some i. */
bool bench_check_map(bench_state *s);

#endif
