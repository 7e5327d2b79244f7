/* Floor 1. Running sums, products, maxima and minima with plain loops: correct for every dtype and stride. */
#include <math.h>

#include "backend/reduce.h"

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
