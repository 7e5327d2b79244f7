/* Floor 1. Convolution on the CPU. The forward pass and the input gradient are told as correlations (conv_plan.h) and
 * done, like the weight gradient, in isa/conv_kernels.c; plain loops stand by for when there is no memory to work in. */
#include "backend/cpu/conv_plan.h"
#include "backend/cpu/isa/isa.h"
#include "backend/cpu/scratch.h"

FAC__ISA_DECLARE(bool, fac__correlate, FAC__CORRELATE_PARAMETERS);
FAC__ISA_DECLARE(bool, fac__correlate_tiled, FAC__CORRELATE_TILED_PARAMETERS);
FAC__ISA_DECLARE(bool, fac__spread, FAC__CORRELATE_PARAMETERS);
FAC__ISA_DECLARE(bool, fac__conv_weight_dots, FAC__CORRELATE_PARAMETERS);
FAC__ISA_DECLARE(bool, fac__conv_weight_sparse, FAC__CONV_PARAMETERS);
FAC__ISA_DECLARE(bool, fac__conv_weight_sums, FAC__CONV_WEIGHT_PARAMETERS);
FAC__ISA_DECLARE(bool, fac__conv_weight_tiled, FAC__CONV_PARAMETERS);
FAC__ISA_DECLARE(bool, fac__conv_find_sparse, FAC__CONV_FIND_PARAMETERS);
FAC__ISA_DECLARE(bool, fac__conv_input_sparse, FAC__CONV_PARAMETERS);

static int64_t volume(const int64_t size[3])
{
    return size[0] * size[1] * size[2];
}

/* ---- plain loops ---- */

/* Visits every product of a convolution: BODY sees the positions xi, yi, wi. */
#define VISIT(...)                                                                                                     \
    int64_t cg = a->c / a->groups, kg = a->k / a->groups;                                                              \
    int64_t in = volume(a->in), out = volume(a->out), taps = volume(a->kernel);                                        \
    for (int64_t n = 0; n < a->n; n++)                                                                                 \
        for (int64_t k = 0; k < a->k; k++)                                                                             \
            for (int64_t o = 0; o < out; o++)                                                                          \
                for (int64_t c = 0; c < cg; c++)                                                                       \
                    for (int64_t t = 0; t < taps; t++) {                                                               \
                        int64_t d = o / a->out[2] / a->out[1] * a->stride[0] - a->pad[0] +                             \
                                    t / a->kernel[2] / a->kernel[1] * a->dilation[0];                                  \
                        int64_t h = o / a->out[2] % a->out[1] * a->stride[1] - a->pad[1] +                             \
                                    t / a->kernel[2] % a->kernel[1] * a->dilation[1];                                  \
                        int64_t w = o % a->out[2] * a->stride[2] - a->pad[2] + t % a->kernel[2] * a->dilation[2];      \
                        if (d < 0 || d >= a->in[0] || h < 0 || h >= a->in[1] || w < 0 || w >= a->in[2]) continue;      \
                        int64_t xi = (n * a->c + k / kg * cg + c) * in + (d * a->in[1] + h) * a->in[2] + w;            \
                        int64_t yi = (n * a->k + k) * out + o, wi = (k * cg + c) * taps + t;                           \
                        __VA_ARGS__;                                                                                   \
                    }

#define LOOPS(T)                                                                                                       \
    static void forward_##T(const fac__conv_args *a)                                                                   \
    {                                                                                                                  \
        const T *x = a->x, *w_ = a->w, *bias = a->bias;                                                                \
        T *y = a->y;                                                                                                   \
        int64_t plane = volume(a->out);                                                                                \
        for (int64_t i = 0; i < a->n * a->k * plane; i++)                                                              \
            y[i] = bias ? bias[i / plane % a->k] : 0;                                                                  \
        VISIT(y[yi] += x[xi] * w_[wi])                                                                                 \
    }                                                                                                                  \
    static void input_##T(const fac__conv_args *a)                                                                     \
    {                                                                                                                  \
        const T *dy = a->dy, *w_ = a->w;                                                                               \
        T *dx = a->dx;                                                                                                 \
        for (int64_t i = 0; i < a->n * a->c * volume(a->in); i++)                                                      \
            dx[i] = 0;                                                                                                 \
        VISIT(dx[xi] += dy[yi] * w_[wi])                                                                               \
    }                                                                                                                  \
    static void weight_##T(const fac__conv_args *a)                                                                    \
    {                                                                                                                  \
        const T *dy = a->dy, *x = a->x;                                                                                \
        T *dw = a->dw;                                                                                                 \
        for (int64_t i = 0; i < a->k * (a->c / a->groups) * volume(a->kernel); i++)                                    \
            dw[i] = 0;                                                                                                 \
        VISIT(dw[wi] += dy[yi] * x[xi])                                                                                \
    }
LOOPS(float)
LOOPS(double)

/* ---- the quick way ---- */

/* Memory for the taps of three axes. */
static bool give_taps(const int64_t kernel[3], fac__conv_axis axis[3])
{
    fac__conv_tap *tap =
        fac__scratch(FAC__SCRATCH_CONV_TAPS, (size_t)(kernel[0] + kernel[1] + kernel[2]) * sizeof(fac__conv_tap));
    for (int i = 0; tap && i < 3; tap += kernel[i++])
        axis[i].tap = tap;
    return tap != NULL;
}

/* Output i sees i * stride - pad + t * dilation: in phase (t * dilation) % stride. */
static void forward_axis(const fac__conv_args *a, int i, fac__conv_axis *x)
{
    int64_t reach = (a->kernel[i] - 1) * a->dilation[i];
    x->outputs = a->out[i];
    x->out_first = 0;
    x->out_step = 1;
    x->source = a->in[i];
    x->step = a->stride[i];
    x->first = -a->pad[i];
    x->phases = reach < a->stride[i] ? reach + 1 : a->stride[i];
    x->max_shift = reach / a->stride[i];
    x->taps = a->kernel[i];
    for (int64_t t = 0; t < a->kernel[i]; t++) {
        int64_t at = t * a->dilation[i];
        x->tap[t] = (fac__conv_tap){(int32_t)t, (int32_t)(at % a->stride[i]), (int32_t)(at / a->stride[i])};
    }
}

/* The forward pass as one correlation. */
static bool plan_forward(const fac__conv_args *a, fac__correlation *c)
{
    int64_t cg = a->c / a->groups, kg = a->k / a->groups, taps = volume(a->kernel);
    *c = (fac__correlation){.dtype = a->dtype,
                            .n = a->n,
                            .groups = a->groups,
                            .rows = kg,
                            .depth = cg,
                            .w_row = cg * taps,
                            .w_depth = taps,
                            .w_group = kg * cg * taps,
                            .w = a->w};
    if (!give_taps(a->kernel, c->axis)) return false;
    for (int i = 0; i < 3; i++) {
        forward_axis(a, i, &c->axis[i]);
        c->kernel[i] = a->kernel[i];
        c->out_size[i] = a->out[i];
    }
    return true;
}

static bool has_one_slice(const fac__conv_args *a)
{
    return a->in[0] == 1 && a->kernel[0] == 1 && a->out[0] == 1 && a->pad[0] == 0;
}

/* Whether tiles of 2 x 2 (isa/conv_winograd.h) are quicker: their 16 products must be clearly fewer than 9 for each output, and
 * there must be channels and tiles enough to pay for transforming tiles and weights. It goes by the sizes of one image, so that
 * this has the same bits in any company; small layers keep the order in which PyTorch adds. */
static bool better_tiled(const fac__conv_args *a, const int64_t made[3])
{
    bool fits = a->dtype == FAC_FLOAT32 && a->groups == 1 && has_one_slice(a);
    for (int i = 1; i < 3; i++)
        fits &= a->kernel[i] == 3 && a->stride[i] == 1 && a->dilation[i] == 1;
    int64_t tiles = (made[1] + 1) / 2 * ((made[2] + 1) / 2), channels = a->c < a->k ? a->c : a->k;
    return fits && channels >= 32 && channels * tiles >= 2048 && 9 * volume(made) >= 24 * tiles;
}

/* By tiles; images with infinite or NaN outputs then the plain way, which alone tells the two apart. */
static bool correlate_tiled(const fac__correlation *c)
{
    bool *odd = fac__scratch(FAC__SCRATCH_CONV_ODD, (size_t)c->n);
    bool done = odd && FAC__ISA_PICK(fac__correlate_tiled)(c, odd);
    for (int64_t n = 0; n < c->n && done; n++) {
        fac__correlation one = *c;
        one.n = 1;
        one.source = (const float *)c->source + n * c->depth * c->axis[1].source * c->axis[2].source;
        one.out = (float *)c->out + n * c->rows * volume(c->out_size);
        if (odd[n]) done = FAC__ISA_PICK(fac__correlate)(&one);
    }
    return done;
}

static bool forward_quickly(const fac__conv_args *a)
{
    fac__correlation c;
    if (!plan_forward(a, &c)) return false;
    c.source = a->x;
    c.bias = a->bias;
    c.out = a->y;
    return (better_tiled(a, a->out) && correlate_tiled(&c)) || FAC__ISA_PICK(fac__correlate)(&c);
}

/* dx at h gets dy at o wherever o * stride - pad + t * dilation = h: of the positions h = first, first + stride, …
 * those taps whose t * dilation leaves the same residue of the stride as h + pad, each at one distance. */
static void input_axis(const fac__conv_args *a, int i, int64_t first, fac__conv_axis *x)
{
    int64_t s = a->stride[i];
    x->out_first = first;
    x->out_step = s;
    x->outputs = a->in[i] > x->out_first ? (a->in[i] - x->out_first + s - 1) / s : 0;
    x->source = a->out[i];
    x->step = 1;
    x->phases = 1;
    x->taps = 0;
    x->first = 0;
    int64_t last = 0;
    for (int64_t t = a->kernel[i] - 1; t >= 0; t--) {
        int64_t at = x->out_first + a->pad[i] - t * a->dilation[i];
        if (at % s) continue;
        if (x->taps == 0) x->first = at / s; /* the last kernel position sees the first source */
        last = at / s - x->first;
        x->tap[x->taps++] = (fac__conv_tap){(int32_t)t, 0, (int32_t)last};
    }
    x->max_shift = last;
}

/* Gathering multiplies a margin of zeros around dy; spreading pays for each product of a tap with reading and writing
 * its sum, about five steps of the sum over dy's channels. */
static bool better_spread(const fac__conv_args *a)
{
    if (!has_one_slice(a)) return false;
    double gather = 1, spread = 1;
    for (int i = 1; i < 3; i++) {
        int64_t reach = (a->kernel[i] - 1) * a->dilation[i] / a->stride[i];
        gather *= (double)a->in[i] / (double)a->stride[i] + (i == 2 ? (double)reach : 0);
        spread *= (double)(a->out[i] + (i == 2 ? reach : 0));
    }
    int64_t kg = a->k / a->groups;
    int64_t bytes = (kg * volume(a->out) + a->c / a->groups * volume(a->in)) * (int64_t)fac_dtype_size(a->dtype);
    return bytes < 2 << 20 && spread * (1 + 5.0 / (double)kg) < 0.98 * gather;
}

static bool input_by_spreading(const fac__conv_args *a)
{
    fac__correlation c;
    if (!plan_forward(a, &c)) return false;
    c.source = a->dx;
    c.out = (void *)a->dy;
    return FAC__ISA_PICK(fac__spread)(&c);
}

static bool input_by_gathering(const fac__conv_args *a)
{
    int64_t cg = a->c / a->groups, kg = a->k / a->groups, taps = volume(a->kernel);
    fac__correlation c = {.dtype = a->dtype,
                          .n = a->n,
                          .groups = a->groups,
                          .rows = cg,
                          .depth = kg,
                          .w_row = taps,
                          .w_depth = cg * taps,
                          .w_group = kg * cg * taps,
                          .source = a->dy,
                          .w = a->w,
                          .out = a->dx};
    if (!give_taps(a->kernel, c.axis)) return false;
    for (int i = 0; i < 3; i++) {
        c.kernel[i] = a->kernel[i];
        c.out_size[i] = a->in[i];
    }
    int64_t first[3]; /* of the classes of positions a stride apart; a stride beyond the input leaves some empty */
    for (int i = 0; i < 3; i++)
        first[i] = a->stride[i] < a->in[i] ? a->stride[i] : a->in[i];
    for (int64_t at = 0; at < volume(first); at++) {
        input_axis(a, 0, at / first[2] / first[1], &c.axis[0]);
        input_axis(a, 1, at / first[2] % first[1], &c.axis[1]);
        input_axis(a, 2, at % first[2], &c.axis[2]);
        if (better_tiled(a, a->in) && correlate_tiled(&c)) continue;
        if (!FAC__ISA_PICK(fac__correlate)(&c)) return false;
    }
    return true;
}

static bool weight_by_dots(const fac__conv_args *a)
{
    fac__correlation c;
    if (!plan_forward(a, &c)) return false;
    c.source = a->x;
    c.w = a->dw;
    c.out = (void *)a->dy;
    return FAC__ISA_PICK(fac__conv_weight_dots)(&c);
}

static bool weight_quickly(const fac__conv_args *a)
{
    if (a->n * a->k * a->c * volume(a->out) == 0) return false; /* zeros */
    /* With more output channels those fill vectors, and better than positions that begin anywhere. */
    if (a->c == a->groups && a->k < 16 * a->groups && has_one_slice(a)) return weight_by_dots(a);
    bool sparse = FAC__ISA_PICK(fac__conv_weight_sparse)(a);
    if (!sparse && fac__conv_weight_points(a)) return true;
    if (!sparse && better_tiled(a, a->out) && FAC__ISA_PICK(fac__conv_weight_tiled)(a)) return true;
    return FAC__ISA_PICK(fac__conv_weight_sums)(a, sparse);
}

static void run_forward(const void *args)
{
    const fac__conv_args *a = args;
    if ((!better_tiled(a, a->out) && fac__conv_small(a)) || forward_quickly(a)) return;
    (a->dtype == FAC_FLOAT64 ? forward_double : forward_float)(a);
}

static void input_of_all(const fac__conv_args *a)
{
    if (better_spread(a) && !better_tiled(a, a->in) ? input_by_spreading(a) : input_by_gathering(a)) return;
    (a->dtype == FAC_FLOAT64 ? input_double : input_float)(a);
}

static void slice_images(void *args, int64_t begin, int64_t end);

/* Whether zeros of dy are left out is decided for each image by itself, so that it has the same bits in any company. */
static void run_input(const void *args)
{
    const fac__conv_args *a = args;
    if (!better_tiled(a, a->in) && fac__conv_input_small(a)) return;
    bool *sparse = fac__scratch(FAC__SCRATCH_CONV_IMAGES, (size_t)a->n);
    if (!sparse || !FAC__ISA_PICK(fac__conv_find_sparse)(a, sparse)) {
        input_of_all(a);
        return;
    }
    for (int64_t begin = 0, end; begin < a->n; begin = end) {
        for (end = begin + 1; end < a->n && sparse[end] == sparse[begin];)
            end++;
        fac__conv_args part = *a;
        slice_images(&part, begin, end);
        if (!sparse[begin] || !FAC__ISA_PICK(fac__conv_input_sparse)(&part)) input_of_all(&part);
    }
}

static void run_weight(const void *args)
{
    const fac__conv_args *a = args;
    if ((!better_tiled(a, a->out) && fac__conv_weight_small(a)) || weight_quickly(a)) return;
    (a->dtype == FAC_FLOAT64 ? weight_double : weight_float)(a);
}

static void conv_memory(void *args, fac__memory *m)
{
    fac__conv_args *a = args;
    FAC__READS(m, a->x);
    FAC__READS(m, a->w);
    FAC__READS(m, a->bias);
    FAC__WRITES(m, a->y);
}

static void input_memory(void *args, fac__memory *m)
{
    fac__conv_args *a = args;
    FAC__READS(m, a->dy);
    FAC__READS(m, a->w);
    FAC__WRITES(m, a->dx);
}

static void weight_memory(void *args, fac__memory *m)
{
    fac__conv_args *a = args;
    FAC__READS(m, a->dy);
    FAC__READS(m, a->x);
    FAC__WRITES(m, a->dw);
}

static int64_t images(const void *args)
{
    return ((const fac__conv_args *)args)->n;
}

static void slice_images(void *args, int64_t begin, int64_t end)
{
    fac__conv_args *a = args;
    int64_t size = (int64_t)fac_dtype_size(a->dtype), in = begin * a->c * volume(a->in) * size,
            out = begin * a->k * volume(a->out) * size;
    a->n = end - begin;
    if (a->x) a->x = (const char *)a->x + in;
    if (a->dx) a->dx = (char *)a->dx + in;
    if (a->y) a->y = (char *)a->y + out;
    if (a->dy) a->dy = (const char *)a->dy + out;
}

const fac__kernel fac__k_conv = {
    .name = "conv", .run = {run_forward}, .memory = conv_memory, .rows = images, .slice = slice_images};
const fac__kernel fac__k_conv_input = {
    .name = "conv_input", .run = {run_input}, .memory = input_memory, .rows = images, .slice = slice_images};
const fac__kernel fac__k_conv_weight = {.name = "conv_weight", .run = {run_weight}, .memory = weight_memory};
