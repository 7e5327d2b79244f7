/* What the checks of facula-bench's cases share. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

void bench_drop_gradients(bench_state *s)
{
    for (int i = 0; i < s->c->leaves; i++)
        fac_set_grad(s->t[i], NULL);
}

bool bench_near(const bench_state *s, const char *what, double got, double want, double terms)
{
    if (terms == 0 ? got == want : fabs(got - want) <= 1e-5 * (terms + fabs(want))) return true;
    fprintf(stderr, "%s: %s is %.9g and should be %.9g\n", s->c->name, what, got, want);
    return false;
}

int64_t bench_pick(int r, int64_t n)
{
    static uint64_t seed = 1;
    if (r < 2) return r == 0 ? 0 : n - 1;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((seed >> 33) % (uint64_t)n);
}

double *bench_row(const fac_tensor *x, int64_t r, int64_t n)
{
    double *row = malloc((size_t)n * sizeof *row);
    if (!row) abort();
    const float *from = (const float *)fac_data(x) + r * n;
    for (int64_t i = 0; i < n; i++)
        row[i] = from[i];
    return row;
}

bool bench_check_map(bench_state *s)
{
    for (int r = 0; r < 200; r++) {
        int64_t i = bench_pick(r, fac_numel(s->t[0]));
        double want = s->c->reference(bench_float(s->t[0], i));
        if (!bench_near(s, "an element", bench_float(s->y, i), want, 0.1)) return false;
    }
    return true;
}
