/* Floor 1. Normalisation on the CPU: which runs of elements belong together, and what is done with their sums. Work is
 * split so that each statistic and each gradient is made by one thread: results do not depend on their number. */
#include <math.h>
#include <string.h>

#include "backend/cpu/norm_rows.h"
#include "backend/cpu/scratch.h"
#include "backend/norm.h"

static const fac__norm_rows *rows_of(const fac__norm_args *a)
{
    return a->dtype == FAC_FLOAT64 ? &FAC__ISA_PICK(fac__norm_rows_double) : &FAC__ISA_PICK(fac__norm_rows_float);
}

static char *at(const fac__norm_args *a, const void *p, int64_t i)
{
    return p ? (char *)p + i * (int64_t)fac_dtype_size(a->dtype) : NULL;
}

static double get(const fac__norm_args *a, const void *p, int64_t i, double otherwise)
{
    return p ? a->dtype == FAC_FLOAT64 ? ((const double *)p)[i] : (double)((const float *)p)[i] : otherwise;
}

static void put(const fac__norm_args *a, void *p, int64_t i, double v)
{
    if (!p) return;
    if (a->dtype == FAC_FLOAT64)
        ((double *)p)[i] = v;
    else
        ((float *)p)[i] = (float)v;
}

/* 1 / sqrt(var + eps) as PyTorch rounds it: in the dtype. */
static double inverse_std(const fac__norm_args *a, double var)
{
    if (a->dtype == FAC_FLOAT64) return 1 / sqrt(var + a->eps);
    return (double)(1 / sqrtf((float)var + (float)a->eps));
}

/* Chunks of about 2^15 elements. */
static void over(const fac__norm_args *a, int64_t count, int64_t size, fac__range_body body)
{
    fac__parallel(count, 1 + (1 << 15) / (size + 1), body, (void *)a);
}

/* ---- batch -------------------------------------------------------------------------------------------------- */

/* A group of channels at a time: their n * inner elements lie in n runs of `inner`, or, where inner is 1, in columns. */
typedef struct channels {
    int64_t first, count;
    double mean[FAC__NORM_COLUMNS], a[FAC__NORM_COLUMNS], b[FAC__NORM_COLUMNS], c[FAC__NORM_COLUMNS];
} channels;

static int64_t run(const fac__norm_args *a, int64_t n, int64_t channel)
{
    return (n * a->channels + channel) * a->inner;
}

static void batch_sums(const fac__norm_args *a, channels *k, double *sum)
{
    const fac__norm_rows *f = rows_of(a);
    memset(sum, 0, (size_t)k->count * sizeof *sum);
    if (a->inner == 1)
        f->column_sums(sum, at(a, a->x, k->first), a->n, a->channels, k->count);
    else
        for (int64_t i = 0; i < k->count; i++)
            for (int64_t n = 0; n < a->n; n++)
                sum[i] += f->sum(at(a, a->x, run(a, n, k->first + i)), a->inner);
}

static void batch_deviations(const fac__norm_args *a, channels *k, double *sum)
{
    const fac__norm_rows *f = rows_of(a);
    memset(sum, 0, (size_t)k->count * sizeof *sum);
    if (a->inner == 1)
        f->column_deviations(sum, at(a, a->x, k->first), k->mean, a->n, a->channels, k->count);
    else
        for (int64_t i = 0; i < k->count; i++)
            for (int64_t n = 0; n < a->n; n++)
                sum[i] += f->deviations(at(a, a->x, run(a, n, k->first + i)), k->mean[i], a->inner);
}

static void update_running(const fac__norm_args *a, int64_t channel, double mean, double unbiased)
{
    double old = 1 - a->momentum;
    if (a->running_mean)
        put(a, a->running_mean, channel, a->momentum * mean + old * get(a, a->running_mean, channel, 0));
    if (a->running_var)
        put(a, a->running_var, channel, a->momentum * unbiased + old * get(a, a->running_var, channel, 0));
}

static void batch_statistics(const fac__norm_args *a, channels *k)
{
    double sum[FAC__NORM_COLUMNS], count = (double)(a->n * a->inner);
    batch_sums(a, k, sum);
    for (int64_t i = 0; i < k->count; i++)
        k->mean[i] = sum[i] / count;
    batch_deviations(a, k, sum);
    for (int64_t i = 0; i < k->count; i++) {
        put(a, a->mean, k->first + i, k->mean[i]);
        put(a, a->rstd, k->first + i, inverse_std(a, sum[i] / count));
        update_running(a, k->first + i, k->mean[i], sum[i] / (count - 1));
    }
}

static void batch_channels(const fac__norm_args *a, channels *k)
{
    const fac__norm_rows *f = rows_of(a);
    if (a->training) batch_statistics(a, k);
    for (int64_t i = 0; i < k->count; i++) {
        int64_t channel = k->first + i;
        if (!a->training) {
            put(a, a->mean, channel, get(a, a->running_mean, channel, 0));
            put(a, a->rstd, channel, inverse_std(a, get(a, a->running_var, channel, 0)));
        }
        k->mean[i] = get(a, a->mean, channel, 0);
        k->a[i] = get(a, a->rstd, channel, 0) * get(a, a->weight, channel, 1);
        k->b[i] = get(a, a->bias, channel, 0);
    }
    if (a->inner == 1) {
        f->column_scale(at(a, a->y, k->first), at(a, a->x, k->first), k->mean, k->a, k->b, a->n, a->channels, k->count);
        return;
    }
    for (int64_t i = 0; i < k->count; i++)
        for (int64_t n = 0; n < a->n; n++) {
            int64_t begin = run(a, n, k->first + i);
            f->scale(at(a, a->y, begin), at(a, a->x, begin), k->mean[i], k->a[i], k->b[i], a->inner);
        }
}

static void batch_dots(const fac__norm_args *a, channels *k, double *sum, double *dot)
{
    const fac__norm_rows *f = rows_of(a);
    memset(sum, 0, (size_t)k->count * sizeof *sum);
    memset(dot, 0, (size_t)k->count * sizeof *dot);
    if (a->inner == 1) {
        f->column_dots(sum, dot, at(a, a->dy, k->first), at(a, a->x, k->first), k->mean, a->n, a->channels, k->count);
        return;
    }
    for (int64_t i = 0; i < k->count; i++) {
        double both[2] = {0, 0};
        for (int64_t n = 0; n < a->n; n++) {
            int64_t begin = run(a, n, k->first + i);
            f->dots(both, at(a, a->dy, begin), at(a, a->x, begin), k->mean[i], NULL, a->inner);
        }
        sum[i] = both[0];
        dot[i] = both[1];
    }
}

static void batch_backward_channels(const fac__norm_args *a, channels *k)
{
    const fac__norm_rows *f = rows_of(a);
    double sum[FAC__NORM_COLUMNS], dot[FAC__NORM_COLUMNS], count = (double)(a->n * a->inner);
    for (int64_t i = 0; i < k->count; i++)
        k->mean[i] = get(a, a->mean, k->first + i, 0);
    if (a->training || a->dweight || a->dbias) batch_dots(a, k, sum, dot);
    for (int64_t i = 0; i < k->count; i++) {
        double rstd = get(a, a->rstd, k->first + i, 0), scale = rstd * get(a, a->weight, k->first + i, 1);
        put(a, a->dbias, k->first + i, sum[i]);
        put(a, a->dweight, k->first + i, dot[i] * rstd);
        k->a[i] = scale;
        k->b[i] = a->training ? -dot[i] * rstd * rstd / count * scale : 0;
        k->c[i] = a->training ? -sum[i] / count * scale : 0;
    }
    if (!a->dx) return;
    if (a->inner == 1) {
        f->column_back(at(a, a->dx, k->first), at(a, a->dy, k->first), at(a, a->x, k->first), k->mean, k->a, k->b, k->c,
                       a->n, a->channels, k->count);
        return;
    }
    for (int64_t i = 0; i < k->count; i++)
        for (int64_t n = 0; n < a->n; n++) {
            int64_t begin = run(a, n, k->first + i);
            f->back(at(a, a->dx, begin), at(a, a->dy, begin), at(a, a->x, begin), k->mean[i], NULL, k->a[i], k->b[i],
                    k->c[i], a->inner);
        }
}

static void batch_range(const fac__norm_args *a, int64_t begin, int64_t end,
                        void (*body)(const fac__norm_args *a, channels *k))
{
    channels k;
    for (k.first = begin; k.first < end; k.first += k.count) {
        k.count = end - k.first < FAC__NORM_COLUMNS ? end - k.first : FAC__NORM_COLUMNS;
        body(a, &k);
    }
}

static void batch_forward(void *context, int64_t begin, int64_t end)
{
    batch_range(context, begin, end, batch_channels);
}

static void batch_backward(void *context, int64_t begin, int64_t end)
{
    batch_range(context, begin, end, batch_backward_channels);
}

static void batch_norm(const void *args)
{
    const fac__norm_args *a = args;
    over(a, a->channels, a->n * a->inner, batch_forward);
}

static void batch_norm_backward(const void *args)
{
    const fac__norm_args *a = args;
    over(a, a->channels, a->n * a->inner, batch_backward);
}

/* ---- group -------------------------------------------------------------------------------------------------- */

/* The mean and deviation of one run of elements. */
static double moments(const fac__norm_args *a, int64_t index, const void *x, int64_t count, double *mean)
{
    const fac__norm_rows *f = rows_of(a);
    double m = f->sum(x, count) / (double)count;
    double rstd = inverse_std(a, f->deviations(x, m, count) / (double)count);
    put(a, a->mean, index, m);
    put(a, a->rstd, index, rstd);
    *mean = get(a, a->mean, index, 0);
    return rstd;
}

static void group_forward(void *context, int64_t begin, int64_t end)
{
    const fac__norm_args *a = context;
    int64_t each = a->channels / a->groups, count = each * a->inner;
    for (int64_t g = begin; g < end; g++) {
        double mean, rstd = moments(a, g, at(a, a->x, g * count), count, &mean);
        for (int64_t i = 0; i < each; i++) {
            int64_t channel = g % a->groups * each + i, first = g * count + i * a->inner;
            rows_of(a)->scale(at(a, a->y, first), at(a, a->x, first), mean, rstd * get(a, a->weight, channel, 1),
                              get(a, a->bias, channel, 0), a->inner);
        }
    }
}

static void group_backward(void *context, int64_t begin, int64_t end)
{
    const fac__norm_args *a = context;
    const fac__norm_rows *f = rows_of(a);
    int64_t each = a->channels / a->groups, count = each * a->inner;
    for (int64_t g = begin; g < end; g++) {
        double mean = get(a, a->mean, g, 0), rstd = get(a, a->rstd, g, 0), sum = 0, dot = 0;
        for (int64_t i = 0; i < each; i++) {
            int64_t first = g * count + i * a->inner;
            double *both = (double *)a->work + 2 * (g * each + i), w = get(a, a->weight, g % a->groups * each + i, 1);
            both[0] = both[1] = 0;
            f->dots(both, at(a, a->dy, first), at(a, a->x, first), mean, NULL, a->inner);
            sum += w * both[0];
            dot += w * both[1];
        }
        for (int64_t i = 0; i < each && a->dx; i++) {
            int64_t first = g * count + i * a->inner;
            f->back(at(a, a->dx, first), at(a, a->dy, first), at(a, a->x, first), mean, NULL,
                    rstd * get(a, a->weight, g % a->groups * each + i, 1), -dot * rstd * rstd * rstd / (double)count,
                    -sum * rstd / (double)count, a->inner);
        }
    }
}

/* Out of the sums of each channel in each sample, which stand in `work`. */
static void group_affine(const fac__norm_args *a)
{
    int64_t each = a->channels / a->groups;
    for (int64_t c = 0; c < a->channels; c++) {
        double sum = 0, dot = 0;
        for (int64_t n = 0; n < a->n; n++) {
            const double *both = (const double *)a->work + 2 * (n * a->channels + c);
            sum += both[0];
            dot += both[1] * get(a, a->rstd, n * a->groups + c / each, 0);
        }
        put(a, a->dbias, c, sum);
        put(a, a->dweight, c, dot);
    }
}

static void group_norm(const void *args)
{
    const fac__norm_args *a = args;
    over(a, a->n * a->groups, a->channels / a->groups * a->inner, group_forward);
}

static void group_norm_backward(const void *args)
{
    const fac__norm_args *a = args;
    over(a, a->n * a->groups, a->channels / a->groups * a->inner, group_backward);
    group_affine(a);
}

/* ---- layer -------------------------------------------------------------------------------------------------- */

static void layer_forward(void *context, int64_t begin, int64_t end)
{
    const fac__norm_args *a = context;
    for (int64_t r = begin; r < end; r++) {
        const void *x = at(a, a->x, r * a->inner);
        double mean, rstd = moments(a, r, x, a->inner, &mean);
        rows_of(a)->apply(at(a, a->y, r * a->inner), x, mean, rstd, a->weight, a->bias, a->inner);
    }
}

static void layer_backward(void *context, int64_t begin, int64_t end)
{
    const fac__norm_args *a = context;
    const fac__norm_rows *f = rows_of(a);
    for (int64_t r = begin; r < end; r++) {
        const void *x = at(a, a->x, r * a->inner), *dy = at(a, a->dy, r * a->inner);
        double mean = get(a, a->mean, r, 0), rstd = get(a, a->rstd, r, 0), both[2] = {0, 0}, n = (double)a->inner;
        f->dots(both, dy, x, mean, a->weight, a->inner);
        f->back(at(a, a->dx, r * a->inner), dy, x, mean, a->weight, rstd, -both[1] * rstd * rstd * rstd / n,
                -both[0] * rstd / n, a->inner);
    }
}

/* All gradients in one pass: rows are cut into pieces, by their number alone, that keep sums of their own; those are added
 * in order. */
enum { MOST_PIECES = 16, NEAR = 32 /* rows that stay in the cache from one use to the next */ };

typedef struct layer {
    const fac__norm_args *a;
    double *sums; /* [pieces][2][inner]: of dy and of dy * (x - mean) * rstd */
    int64_t pieces;
} layer;

static void layer_pieces(void *context, int64_t begin, int64_t end)
{
    const layer *l = context;
    const fac__norm_args *a = l->a;
    for (int64_t piece = begin; piece < end; piece++) {
        double *sum = l->sums + piece * 2 * a->inner, *dot = sum + a->inner;
        memset(sum, 0, 2 * (size_t)a->inner * sizeof *sum);
        int64_t last = a->n * (piece + 1) / l->pieces, rows;
        for (int64_t r = a->n * piece / l->pieces; r < last; r += rows) {
            rows = last - r < NEAR ? last - r : NEAR;
            if (a->dx) layer_backward((void *)a, r, r + rows);
            for (int64_t c = 0, count; c < a->inner; c += count) {
                count = a->inner - c < FAC__NORM_COLUMNS ? a->inner - c : FAC__NORM_COLUMNS;
                rows_of(a)->column_row_dots(sum + c, dot + c, at(a, a->dy, r * a->inner + c),
                                            at(a, a->x, r * a->inner + c), at(a, a->mean, r), at(a, a->rstd, r), rows,
                                            a->inner, count);
            }
        }
    }
}

static bool layer_affine(const fac__norm_args *a)
{
    layer l = {.a = a, .pieces = 1 + ((a->n * a->inner) >> 17)};
    if (l.pieces > MOST_PIECES) l.pieces = MOST_PIECES;
    if (l.pieces > 1 + a->n / NEAR) l.pieces = 1 + a->n / NEAR;
    l.sums = fac__scratch(FAC__SCRATCH_NORM, (size_t)(l.pieces * 2 * a->inner) * sizeof *l.sums);
    if (!l.sums) return false;
    fac__parallel(l.pieces, 1, layer_pieces, &l);
    for (int64_t i = 0; i < a->inner; i++) {
        double sum = 0, dot = 0;
        for (int64_t piece = 0; piece < l.pieces; piece++) {
            sum += l.sums[piece * 2 * a->inner + i];
            dot += l.sums[(piece * 2 + 1) * a->inner + i];
        }
        put(a, a->dbias, i, sum);
        put(a, a->dweight, i, dot);
    }
    return true;
}

/* The same of some columns, from all rows: where there is no memory for sums. */
static void layer_affine_columns(void *context, int64_t begin, int64_t end)
{
    const fac__norm_args *a = context;
    double sum[FAC__NORM_COLUMNS], dot[FAC__NORM_COLUMNS];
    for (int64_t c = begin, count; c < end; c += count) {
        count = end - c < FAC__NORM_COLUMNS ? end - c : FAC__NORM_COLUMNS;
        memset(sum, 0, sizeof sum);
        memset(dot, 0, sizeof dot);
        rows_of(a)->column_row_dots(sum, dot, at(a, a->dy, c), at(a, a->x, c), a->mean, a->rstd, a->n, a->inner, count);
        for (int64_t i = 0; i < count; i++) {
            put(a, a->dbias, c + i, sum[i]);
            put(a, a->dweight, c + i, dot[i]);
        }
    }
}

static void layer_norm(const void *args)
{
    const fac__norm_args *a = args;
    over(a, a->n, a->inner, layer_forward);
}

static void layer_norm_backward(const void *args)
{
    const fac__norm_args *a = args;
    bool affine = a->dweight || a->dbias;
    if (affine && layer_affine(a)) return;
    if (a->dx) over(a, a->n, a->inner, layer_backward);
    if (affine) over(a, a->inner, a->n, layer_affine_columns);
}

static void forward_memory(void *args, fac__memory *m)
{
    fac__norm_args *a = args;
    FAC__READS(m, a->x);
    FAC__READS(m, a->weight);
    FAC__READS(m, a->bias);
    FAC__WRITES(m, a->y);
    FAC__WRITES(m, a->mean);
    FAC__WRITES(m, a->rstd);
}

static void batch_norm_memory(void *args, fac__memory *m)
{
    fac__norm_args *a = args;
    forward_memory(a, m);
    if (a->training) {
        FAC__CHANGES(m, a->running_mean);
        FAC__CHANGES(m, a->running_var);
    } else {
        FAC__READS(m, a->running_mean);
        FAC__READS(m, a->running_var);
    }
}

static void backward_memory(void *args, fac__memory *m)
{
    fac__norm_args *a = args;
    FAC__READS(m, a->x);
    FAC__READS(m, a->weight);
    FAC__READS(m, a->mean);
    FAC__READS(m, a->rstd);
    FAC__READS(m, a->dy);
    FAC__WRITES(m, a->dx);
    FAC__WRITES(m, a->dweight);
    FAC__WRITES(m, a->dbias);
}

static void group_norm_backward_memory(void *args, fac__memory *m)
{
    fac__norm_args *a = args;
    backward_memory(a, m);
    FAC__WRITES(m, a->work);
}

const fac__kernel fac__k_batch_norm = {.name = "batch_norm", .run = {batch_norm}, .memory = batch_norm_memory};
const fac__kernel fac__k_batch_norm_backward = {
    .name = "batch_norm_backward", .run = {batch_norm_backward}, .memory = backward_memory};
const fac__kernel fac__k_group_norm = {.name = "group_norm", .run = {group_norm}, .memory = forward_memory};
const fac__kernel fac__k_group_norm_backward = {
    .name = "group_norm_backward", .run = {group_norm_backward}, .memory = group_norm_backward_memory};
const fac__kernel fac__k_layer_norm = {.name = "layer_norm", .run = {layer_norm}, .memory = forward_memory};
const fac__kernel fac__k_layer_norm_backward = {
    .name = "layer_norm_backward", .run = {layer_norm_backward}, .memory = backward_memory};
