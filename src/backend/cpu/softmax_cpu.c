/* Floor 1. Softmax with plain loops: correct for every dtype. */
#include <math.h>

#include "backend/reduce.h"

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
