/* Floor 1. Reductions, scans and softmax with plain loops: correct for every dtype and stride, not fast yet. */
#include <math.h>
#include <string.h>

#include "backend/reduce.h"

static void reduce_one(const fac__reduce_args *a, const char *in, char *o0, char *o1, int64_t count)
{
    fac_dtype d = a->in.dtype;
    bool ints = fac__compute_type(d) == FAC_INT64, idx = a->kind == FAC__ARGMAX || a->kind == FAC__ARGMIN;
    bool less = a->kind == FAC__MIN || a->kind == FAC__ARGMIN;
    int64_t i[FAC_MAX_DIMS] = {0}, isum = 0, iprod = 1, ibest = 0, at = 0, nonzero = 0;
    double sum = 0, prod = 1, best = 0, mean = 0, m2 = 0;
    for (int64_t k = 0; k < count; k++) {
        double v = fac__load_double(d, in);
        int64_t n = ints ? fac__load_int(d, in) : 0;
        bool better = k == 0 || (ints ? (less ? n < ibest : n > ibest)
                                      : (less ? v < best : v > best) || (isnan(v) && !isnan(best)));
        if (better) best = v, ibest = n, at = k;
        nonzero += v != 0;
        prod *= v;
        iprod = (int64_t)((uint64_t)iprod * (uint64_t)n);
        switch (a->kind) {
        case FAC__NANSUM: sum += isnan(v) ? 0 : v; break;
        case FAC__SUM_SQUARES: sum += v * v, n *= n; break;
        case FAC__SUM_ABS: sum += fabs(v), n = n < 0 ? -n : n; break;
        default: sum += v;
        }
        isum = (int64_t)((uint64_t)isum + (uint64_t)n);
        double delta = v - mean;
        mean += delta / (double)(k + 1);
        m2 += delta * (v - mean);
        for (int j = a->ndim - 1; j >= 0; j--) {
            if (!(a->reduced >> j & 1)) continue;
            int64_t step = a->in.strides[j] * (int64_t)fac_dtype_size(d);
            in += step;
            if (++i[j] < a->shape[j]) break;
            in -= step * a->shape[j];
            i[j] = 0;
        }
    }
    fac_dtype od = a->out[0].dtype;
    if (a->kind == FAC__MEAN_VAR) {
        if (o0) fac__store_double(od, o0, mean);
        if (o1) fac__store_double(a->out[1].dtype, o1, m2);
        return;
    }
    if (idx)
        fac__store_int(od, o0, at);
    else if (a->kind == FAC__ANY)
        fac__store_int(od, o0, nonzero > 0);
    else if (a->kind == FAC__ALL)
        fac__store_int(od, o0, nonzero == count);
    else if (a->kind == FAC__COUNT_NONZERO)
        fac__store_int(od, o0, nonzero);
    else if (a->kind == FAC__MAX || a->kind == FAC__MIN) {
        if (ints)
            fac__store_int(od, o0, ibest);
        else
            fac__store_double(od, o0, best);
        if (o1) fac__store_int(a->out[1].dtype, o1, at);
    } else if (ints && fac__compute_type(od) == FAC_INT64)
        fac__store_int(od, o0, a->kind == FAC__PROD ? iprod : isum);
    else
        fac__store_double(od, o0, a->kind == FAC__PROD ? prod : sum);
}

static void reduce(const void *args)
{
    const fac__reduce_args *a = args;
    int64_t count = 1, kept = 1, i[FAC_MAX_DIMS] = {0};
    for (int j = 0; j < a->ndim; j++)
        *(a->reduced >> j & 1 ? &count : &kept) *= a->shape[j];
    const char *in = a->in.data;
    char *o0 = a->out[0].data, *o1 = a->out[1].data;
    int64_t s = (int64_t)fac_dtype_size(a->in.dtype), s0 = (int64_t)fac_dtype_size(a->out[0].dtype),
            s1 = (int64_t)fac_dtype_size(a->out[1].dtype);
    for (int64_t k = 0; k < kept; k++) {
        reduce_one(a, in, o0, o1, count);
        for (int j = a->ndim - 1; j >= 0; j--) {
            if (a->reduced >> j & 1) continue;
            bool carry = ++i[j] == a->shape[j];
            int64_t by = carry ? 1 - a->shape[j] : 1;
            if (carry) i[j] = 0;
            in += by * s * a->in.strides[j];
            if (o0) o0 += by * s0 * a->out[0].strides[j];
            if (o1) o1 += by * s1 * a->out[1].strides[j];
            if (!carry) break;
        }
    }
}

const fac__kernel fac__k_reduce = {"reduce", {reduce}};

static void scan_line(const fac__scan_args *a, const char *in, char *o0, char *o1)
{
    fac_dtype d = a->in.dtype, od = a->out[0].dtype;
    bool ints = fac__compute_type(od) == FAC_INT64;
    int64_t n = a->shape[a->dim], at = 0, ib = 0;
    double b = 0;
    for (int64_t k = 0; k < n; k++) {
        double v = fac__load_double(d, in);
        int64_t m = ints ? fac__load_int(d, in) : 0;
        bool first = k == 0, better = false;
        switch (a->kind) {
        case FAC__CUMSUM: b = first ? v : b + v, ib = (int64_t)((uint64_t)ib + (uint64_t)m); break;
        case FAC__CUMPROD: b = first ? v : b * v, ib = first ? m : (int64_t)((uint64_t)ib * (uint64_t)m); break;
        case FAC__CUMMAX: better = ints ? m >= ib : isnan(v) || v >= b; break;
        case FAC__CUMMIN: better = ints ? m <= ib : isnan(v) || v <= b; break;
        case FAC__LOGCUMSUMEXP: {
            double hi = fmax(v, b), lo = fmin(v, b);
            b = first ? v : isnan(v) || isnan(b) ? NAN : hi == lo && isinf(hi) ? hi : hi + log1p(exp(lo - hi));
        }
        }
        if ((a->kind == FAC__CUMMAX || a->kind == FAC__CUMMIN) && (first || better)) b = v, ib = m, at = k;
        if (ints)
            fac__store_int(od, o0, ib);
        else
            fac__store_double(od, o0, b);
        if (o1)
            fac__store_int(a->out[1].dtype, o1, at),
                o1 += a->out[1].strides[a->dim] * (int64_t)fac_dtype_size(a->out[1].dtype);
        in += a->in.strides[a->dim] * (int64_t)fac_dtype_size(d);
        o0 += a->out[0].strides[a->dim] * (int64_t)fac_dtype_size(od);
    }
}

static void scan(const void *args)
{
    const fac__scan_args *a = args;
    int64_t lines = 1, i[FAC_MAX_DIMS] = {0};
    for (int j = 0; j < a->ndim; j++)
        if (j != a->dim) lines *= a->shape[j];
    for (int64_t k = 0; k < lines; k++) {
        int64_t at[3] = {0};
        for (int j = 0; j < a->ndim; j++) {
            at[0] += i[j] * a->in.strides[j] * (int64_t)fac_dtype_size(a->in.dtype);
            for (int o = 0; o < 2; o++)
                at[1 + o] += i[j] * a->out[o].strides[j] * (int64_t)fac_dtype_size(a->out[o].dtype);
        }
        scan_line(a, a->in.data + at[0], a->out[0].data + at[1], a->out[1].data ? a->out[1].data + at[2] : NULL);
        for (int j = a->ndim - 1; j >= 0; j--) {
            if (j == a->dim) continue;
            if (++i[j] < a->shape[j]) break;
            i[j] = 0;
        }
    }
}

const fac__kernel fac__k_scan = {"scan", {scan}};

static void softmax(const void *args)
{
    const fac__softmax_args *a = args;
    int64_t size = (int64_t)fac_dtype_size(a->dtype), n = a->n;
#define AT(p, k) fac__load_double(a->dtype, (const char *)a->p + (base + (k)*a->inner) * size)
#define PUT(k, v) fac__store_double(a->dtype, (char *)a->out + (base + (k)*a->inner) * size, v)
    for (int64_t o = 0; o < a->outer; o++)
        for (int64_t c = 0; c < a->inner; c++) {
            int64_t base = o * n * a->inner + c;
            double max = -INFINITY, sum = 0;
            if (a->backward) {
                for (int64_t k = 0; k < n; k++)
                    sum += a->log ? AT(g, k) : AT(g, k) * AT(y, k);
                for (int64_t k = 0; k < n; k++)
                    PUT(k, a->log ? AT(g, k) - exp(AT(y, k)) * sum : AT(y, k) * (AT(g, k) - sum));
                continue;
            }
            for (int64_t k = 0; k < n; k++)
                max = fmax(max, AT(x, k));
            for (int64_t k = 0; k < n; k++)
                sum += exp(AT(x, k) - max);
            for (int64_t k = 0; k < n; k++)
                PUT(k, a->log ? AT(x, k) - max - log(sum) : exp(AT(x, k) - max) / sum);
        }
}

const fac__kernel fac__k_softmax = {"softmax", {softmax}};
