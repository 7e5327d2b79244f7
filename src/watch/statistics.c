/* Floor 8. Statistics of a tensor: two passes over its elements, a chunk of doubles at a time. */
#include "watch/statistics.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/tensor_impl.h"

enum { CHUNK = 512 };

typedef struct pass {
    fac__statistics *s;
    double sum, squares, scale;
    int64_t bins[2][FAC__BINS + 1]; /* the last: what is not finite */
    /* units: whether each has an element that is not 0, how many have; where in them the elements are */
    uint8_t *alive;
    int64_t units, count_alive, inner, unit, left;
} pass;

/* ---- elements ------------------------------------------------------------------------------------------------ */

static void load(const fac_tensor *t, int64_t offset, int64_t stride, int n, double *out)
{
    const char *data = t->storage->data;
    if (t->dtype == FAC_FLOAT32) {
        const float *p = (const float *)data + offset;
        for (int i = 0; i < n && stride == 1; i++)
            out[i] = p[i];
        for (int i = 0; i < n && stride != 1; i++)
            out[i] = p[i * stride];
        return;
    }
    size_t size = fac__dtype_sizes[t->dtype];
    for (int i = 0; i < n; i++)
        out[i] = fac__load_double((fac_dtype)t->dtype, data + (offset + i * stride) * (int64_t)size);
}

/* All elements, row-major. */
static void each_chunk(const fac_tensor *t, pass *p, void (*take)(pass *p, const double *values, int n))
{
    double values[CHUNK];
    int64_t index[FAC_MAX_DIMS] = {0};
    int last = t->contiguous ? -1 : t->ndim - 1; /* the rows' dimension; -1: all is one row */
    int64_t row = last < 0 ? t->numel : t->shape[last], stride = last < 0 ? 1 : t->strides[last];
    for (int64_t done = 0; done < t->numel; done += row) {
        int64_t offset = t->offset;
        for (int d = 0; d < last; d++)
            offset += index[d] * t->strides[d];
        for (int64_t i = 0; i < row; i += CHUNK) {
            int n = (int)(row - i < CHUNK ? row - i : CHUNK);
            load(t, offset + i * stride, stride, n, values);
            take(p, values, n);
        }
        for (int d = last - 1; d >= 0 && ++index[d] == t->shape[d]; d--)
            index[d] = 0;
    }
}

/* ---- the passes ---------------------------------------------------------------------------------------------- */

static void mark_alive(pass *p, const double *values, int n)
{
    for (int i = 0; i < n && p->count_alive < p->units; i++) {
        if (values[i] != 0 && !p->alive[p->unit]) {
            p->alive[p->unit] = 1;
            p->count_alive++;
        }
        if (--p->left) continue;
        p->left = p->inner;
        if (++p->unit == p->units) p->unit = 0;
    }
}

static void measure(pass *p, const double *values, int n)
{
    fac__statistics *s = p->s;
    /* All doubles, counts too, so that the compiler can take several elements at a time. */
    double min = s->min, max = s->max, sum = 0, squares = 0, zeros = 0, nan = 0, inf = 0;
#pragma omp simd reduction(min : min) reduction(max : max) reduction(+ : sum, squares, zeros, nan, inf)
    for (int i = 0; i < n; i++) {
        double v = values[i], zero = v - v; /* NaN where v is not finite */
        double low = zero == 0 ? v : INFINITY, high = zero == 0 ? v : -INFINITY, in = zero == 0 ? v : 0;
        min = low < min ? low : min;
        max = high > max ? high : max;
        sum += in;
        squares += in * in;
        zeros += v == 0 ? 1 : 0;
        nan += v != v ? 1 : 0;
        inf += fabs(v) > DBL_MAX ? 1 : 0;
    }
    s->min = min;
    s->max = max;
    s->zeros += (int64_t)zeros;
    s->nan += (int64_t)nan;
    s->inf += (int64_t)inf;
    p->sum += sum;
    p->squares += squares;
    if (p->alive) mark_alive(p, values, n);
}

static void sort_in(pass *p, const double *values, int n)
{
    double min = p->s->min, scale = p->scale;
    int32_t bins[CHUNK];
#pragma omp simd
    for (int i = 0; i < n; i++) {
        double v = values[i], at = (v - min) * scale;
        at = at < FAC__BINS - 1 ? at : FAC__BINS - 1; /* the greatest, too */
        bins[i] = (int32_t)(v - v == 0 ? at : FAC__BINS);
    }
    for (int i = 0; i < n; i++)
        p->bins[i % 2][bins[i]]++; /* by turns, as one count often follows on itself */
}

void fac__statistics_of(const fac_tensor *t, int unit_dim, fac__statistics *s)
{
    *s = (fac__statistics){.count = t->numel, .min = INFINITY, .max = -INFINITY};
    pass p = {.s = s};
    if (unit_dim >= 0 && t->numel) {
        p.units = t->shape[unit_dim];
        p.inner = 1;
        for (int d = unit_dim + 1; d < t->ndim; d++)
            p.inner *= t->shape[d];
        p.left = p.inner;
        p.alive = fac__calloc((size_t)p.units);
    }
    each_chunk(t, &p, measure);
    if (p.alive) {
        s->units = p.units;
        s->dead = p.units - p.count_alive;
    }
    fac__free(p.alive);

    double n = (double)(s->count - s->nan - s->inf);
    if (n == 0) {
        s->min = s->max = s->mean = s->std = s->norm = NAN;
        return;
    }
    s->mean = p.sum / n;
    s->norm = sqrt(p.squares);
    s->std = n > 1 ? sqrt(fmax(0, p.squares - n * s->mean * s->mean) / (n - 1)) : NAN;
    double range = s->max - s->min;
    p.scale = range > 0 && isfinite(range) ? FAC__BINS / range : 0;
    each_chunk(t, &p, sort_in);
    for (int b = 0; b < FAC__BINS; b++)
        s->histogram[b] = p.bins[0][b] + p.bins[1][b];
}
