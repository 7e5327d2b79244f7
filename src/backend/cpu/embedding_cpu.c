/* Floor 1. Embedding tables on the CPU. Gradients are split by rows of the table, so that each element adds up in the order
 * of the indices whatever the number of threads. */
#include <math.h>
#include <string.h>

#include "backend/cpu/bag_rows.h"

static bool inside(const fac__embedding_args *a, int64_t row)
{
    return row >= 0 && row < a->rows;
}

static void look_up(void *context, int64_t begin, int64_t end)
{
    const fac__embedding_args *a = context;
    size_t bytes = (size_t)a->width * fac_dtype_size(a->dtype);
    for (int64_t i = begin; i < end; i++) {
        enum { AHEAD = 4, NEAR = 1024 }; /* rows lie anywhere: the coming ones are asked for before they are due */
        if (i + AHEAD < end && inside(a, a->index[i + AHEAD]))
            for (size_t b = 0; b < bytes && b < NEAR; b += 64)
                __builtin_prefetch((const char *)a->table + (size_t)a->index[i + AHEAD] * bytes + b);
        char *to = (char *)a->y + (size_t)i * bytes;
        if (inside(a, a->index[i]))
            memcpy(to, (char *)a->table + (size_t)a->index[i] * bytes, bytes);
        else
            memset(to, 0, bytes);
    }
}

static void embedding(const void *args)
{
    const fac__embedding_args *a = args;
    fac__parallel(a->count, 1 + (1 << 15) / (a->width + 1), look_up, (void *)a);
}

#define ADD(T)                                                                                                         \
    static void add_##T(void *to_, const void *from_, int64_t n, double share)                                         \
    {                                                                                                                  \
        T *restrict to = to_;                                                                                          \
        const T *restrict from = from_;                                                                                \
        T scale = (T)share;                                                                                            \
        if (scale == 1)                                                                                                \
            for (int64_t i = 0; i < n; i++)                                                                            \
                to[i] += from[i];                                                                                      \
        else                                                                                                           \
            for (int64_t i = 0; i < n; i++)                                                                            \
                to[i] += from[i] * scale;                                                                              \
    }
ADD(float)
ADD(double)

static void add(fac_dtype dtype, void *to, const void *from, int64_t n, double share)
{
    int64_t size = (int64_t)fac_dtype_size(dtype);
    if (dtype == FAC_FLOAT32)
        add_float(to, from, n, share);
    else if (dtype == FAC_FLOAT64)
        add_double(to, from, n, share);
    else
        for (int64_t i = 0; i < n * size; i += size)
            fac__store_double(dtype, (char *)to + i,
                              fac__load_double(dtype, (char *)to + i) +
                                  fac__load_double(dtype, (const char *)from + i) * share);
}

/* Rows of the table are shared out in ranges. Each range is cleared and, while it is near, gets all that is added to it:
 * whoever has it looks through all indices for its own, in their order. */
static void gradient_rows(void *context, int64_t begin, int64_t end)
{
    const fac__embedding_args *a = context;
    int64_t size = (int64_t)fac_dtype_size(a->dtype), row = a->width * size;
    memset((char *)a->table + begin * row, 0, (size_t)((end - begin) * row));
    for (int64_t i = 0; i < a->count; i++) {
        int64_t t = a->index[i];
        if (t < begin || t >= end || t == a->padding) continue;
        int64_t from = a->from ? a->from[i] : i;
        double share = a->by_frequency ? 1 / (double)a->times[t] : 1;
        if (a->factor) share *= fac__load_double(a->dtype, (const char *)a->factor + i * size);
        add(a->dtype, (char *)a->table + t * row, (const char *)a->dy + from * row, a->width, share);
    }
}

static void embedding_backward(const void *args)
{
    const fac__embedding_args *a = args;
    if (a->by_frequency) {
        memset(a->times, 0, (size_t)a->rows * sizeof *a->times);
        for (int64_t i = 0; i < a->count; i++)
            if (inside(a, a->index[i])) a->times[a->index[i]]++;
    }
    /* Enough ranges for the threads, and not so many that looking costs more than adding. */
    int64_t work = (a->rows + a->count) * a->width, ranges = work / (1 << 17), most = 2 + a->width / 8;
    ranges = ranges < most ? ranges : most;
    fac__parallel(a->rows, ranges > 1 ? (a->rows + ranges - 1) / ranges : a->rows, gradient_rows, (void *)a);
}

static double norm_of(const fac__embedding_args *a, const char *row)
{
    double sum = 0, p = a->norm_type;
    for (int64_t i = 0; i < a->width; i++) {
        double v = fabs(fac__load_double(a->dtype, row + i * (int64_t)fac_dtype_size(a->dtype)));
        if (isinf(p))
            sum = fmax(sum, v);
        else
            sum += p == 2 ? v * v : pow(v, p);
    }
    return isinf(p) ? sum : p == 2 ? sqrt(sum) : pow(sum, 1 / p);
}

/* A row that is named twice is not too long any more the second time. */
static void embedding_renorm(const void *args)
{
    const fac__embedding_args *a = args;
    int64_t size = (int64_t)fac_dtype_size(a->dtype);
    for (int64_t i = 0; i < a->count; i++) {
        if (!inside(a, a->index[i])) continue;
        char *row = (char *)a->table + a->index[i] * a->width * size;
        double norm = norm_of(a, row);
        if (!(norm > a->max_norm)) continue;
        double scale = a->max_norm / (norm + 1e-7);
        for (int64_t k = 0; k < a->width * size; k += size)
            fac__store_double(a->dtype, row + k, fac__load_double(a->dtype, row + k) * scale);
    }
}

#define LARGEST(T)                                                                                                     \
    static void largest_##T(void *context, int64_t begin, int64_t end)                                                 \
    {                                                                                                                  \
        const fac__bag_max_args *a = context;                                                                          \
        const T *table = a->table;                                                                                     \
        int64_t width = a->width;                                                                                      \
        for (int64_t b = begin; b < end; b++) {                                                                        \
            int64_t *row = a->row + b * width;                                                                         \
            const int64_t *index = a->index + a->begin[b];                                                             \
            for (int64_t k = 0; k < width; k++)                                                                        \
                row[k] = a->count[b] ? index[0] : 0;                                                                   \
            for (int64_t i = 1; i < a->count[b]; i++)                                                                  \
                for (int64_t k = 0; k < width; k++)                                                                    \
                    if (table[index[i] * width + k] > table[row[k] * width + k]) row[k] = index[i];                    \
        }                                                                                                              \
    }
LARGEST(float)
LARGEST(double)

static void bag_max(const void *args)
{
    const fac__bag_max_args *a = args;
    fac__parallel(a->bags, 1 + (1 << 13) / (a->width + 1), a->dtype == FAC_FLOAT32 ? largest_float : largest_double,
                  (void *)a);
}

static void some_bags(void *context, int64_t begin, int64_t end)
{
    const fac__bag_sum_args *a = context;
    (a->dtype == FAC_FLOAT64 ? FAC__ISA_PICK(fac__bag_rows_double) : FAC__ISA_PICK(fac__bag_rows_float))(a, begin, end);
}

static void bag_sum(const void *args)
{
    const fac__bag_sum_args *a = args;
    int64_t work = 1 + (a->count / (a->bags + 1) + 1) * (a->width + 8); /* of a bag */
    fac__parallel(a->bags, 1 + (1 << 16) / work, some_bags, (void *)a);
}

static void bag_sum_memory(void *args, fac__memory *m)
{
    fac__bag_sum_args *a = args;
    FAC__READS(m, a->index);
    FAC__READS(m, a->offset);
    FAC__READS(m, a->factor);
    FAC__READS(m, a->table);
    FAC__WRITES(m, a->y);
    FAC__WRITES(m, a->of);
    FAC__WRITES(m, a->sizes);
}

static void bag_max_memory(void *args, fac__memory *m)
{
    fac__bag_max_args *a = args;
    FAC__READS(m, a->index);
    FAC__READS(m, a->begin);
    FAC__READS(m, a->count);
    FAC__READS(m, a->table);
    FAC__WRITES(m, a->row);
}

static void embedding_memory(void *args, fac__memory *m)
{
    fac__embedding_args *a = args;
    FAC__READS(m, a->index);
    FAC__READS(m, a->table);
    FAC__WRITES(m, a->y);
}

static void backward_memory(void *args, fac__memory *m)
{
    fac__embedding_args *a = args;
    FAC__READS(m, a->index);
    FAC__READS(m, a->from);
    FAC__READS(m, a->factor);
    FAC__READS(m, a->dy);
    FAC__WRITES(m, a->table);
    if (a->by_frequency) FAC__WRITES(m, a->times);
}

static void renorm_memory(void *args, fac__memory *m)
{
    fac__embedding_args *a = args;
    FAC__READS(m, a->index);
    FAC__CHANGES(m, a->table);
}

const fac__kernel fac__k_bag_max = {.name = "bag_max", .run = {bag_max}, .memory = bag_max_memory};
const fac__kernel fac__k_bag_sum = {.name = "bag_sum", .run = {bag_sum}, .memory = bag_sum_memory};
const fac__kernel fac__k_embedding = {.name = "embedding", .run = {embedding}, .memory = embedding_memory};
const fac__kernel fac__k_embedding_backward = {
    .name = "embedding_backward", .run = {embedding_backward}, .memory = backward_memory};
const fac__kernel fac__k_embedding_renorm = {
    .name = "embedding_renorm", .run = {embedding_renorm}, .memory = renorm_memory};
