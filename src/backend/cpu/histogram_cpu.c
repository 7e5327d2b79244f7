/* Floor 1. Counts of points between edges, on one thread of the CPU: bins are shared, and the search is short. */
#include "backend/sort.h"

static double at(fac_dtype dtype, const void *p, int64_t i)
{
    return dtype == FAC_FLOAT64 ? ((const double *)p)[i] : (double)((const float *)p)[i];
}

/* The bin of v; -1: outside. */
static int64_t bin_of(const fac__histogram_args *a, int d, double v)
{
    const void *edges = a->edges[d];
    int64_t low = 0, high = a->bins[d] + 1; /* the first edge above v is in low..high */
    if (v < at(a->dtype, edges, 0) || v > at(a->dtype, edges, high - 1)) return -1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (v < at(a->dtype, edges, middle))
            high = middle;
        else
            low = middle + 1;
    }
    int64_t bin = low - 1;
    return bin < 0 ? 0 : bin < a->bins[d] ? bin : a->bins[d] - 1;
}

static void histogram(const void *args)
{
    const fac__histogram_args *a = args;
    for (int64_t i = 0; i < a->count; i++) {
        int64_t place = 0;
        for (int d = 0; d < a->dims && place >= 0; d++) {
            int64_t bin = bin_of(a, d, at(a->dtype, a->x, i * a->dims + d));
            place = bin < 0 ? -1 : place * a->bins[d] + bin;
        }
        if (place >= 0) a->counts[place] += a->weights ? at(a->dtype, a->weights, i) : 1;
    }
}

static void histogram_memory(void *args, fac__memory *m)
{
    fac__histogram_args *a = args;
    for (int d = 0; d < a->dims; d++)
        FAC__READS(m, a->edges[d]);
    FAC__READS(m, a->x);
    FAC__READS(m, a->weights);
    FAC__CHANGES(m, a->counts);
}

const fac__kernel fac__k_histogram = {.name = "histogram", .run = {histogram}, .memory = histogram_memory};
