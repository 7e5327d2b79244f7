/* Floor 1. Convolution by oneDNN, versions 2 and 3 (conv_onednn.h).
 *
 * oneDNN is fast in layouts of its own: tensors are brought there and back around each call, in working memory of this
 * thread. That pays for convolutions of many channels and for those of single ones (depthwise), forward and for the input.
 * The weight gradient is left alone: its sums would depend on the number of threads. What oneDNN makes for a shape is kept,
 * for each thread apart, because making it takes milliseconds. */
#ifdef FAC__HAVE_ONEDNN
#include "backend/cpu/conv_onednn.h"

#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <oneapi/dnnl/dnnl.h>

#include "backend/cpu/scratch.h"

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t layout;
#else
typedef const dnnl_memory_desc_t *layout;
#endif

/* What a plan is made for. Compared and hashed as bytes: all members are set, and there are no gaps. */
typedef struct key {
    int64_t input, bias, threads, n, c, k, groups, in[2], out[2], kernel[2], stride[2], pad[2], dilation[2];
} key;

/* A tensor on its way into a layout of oneDNN's, or out of it. The same twice where there is nothing to do. */
typedef struct way {
    dnnl_memory_t plain, own;
    dnnl_primitive_t reorder; /* NULL: nothing to do */
    size_t bytes;             /* of own */
} way;

typedef enum part { FROM, WEIGHTS, TO, PARTS } part;

typedef struct plan {
    key key;
    bool works; /* false: oneDNN has nothing for this, which is worth knowing too */
    dnnl_primitive_t convolve;
    way ways[PARTS];
    dnnl_memory_t bias, work;
    size_t work_bytes;
} plan;

enum { SLOTS = 256, PROBES = 8 };
typedef struct state {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attributes;
    plan *plans[SLOTS];
} state;

/* ---- plans -------------------------------------------------------------------------------------------------- */

static bool make_memory(state *s, layout l, dnnl_memory_t *memory)
{
    return dnnl_memory_create(memory, l, s->engine, DNNL_MEMORY_NONE) == dnnl_success;
}

static bool make_primitive(dnnl_primitive_desc_t description, dnnl_primitive_t *primitive)
{
    bool ok = dnnl_primitive_create(primitive, description) == dnnl_success;
    dnnl_primitive_desc_destroy(description);
    return ok;
}

/* `inwards`: from plain to own. */
static bool make_way(state *s, layout plain, layout own, bool inwards, way *w)
{
    if (!make_memory(s, plain, &w->plain)) return false;
    if (dnnl_memory_desc_equal(plain, own)) return true;
    if (!make_memory(s, own, &w->own)) return false;
    w->bytes = dnnl_memory_desc_get_size(own);
    dnnl_primitive_desc_t r;
    return dnnl_reorder_primitive_desc_create(&r, inwards ? plain : own, s->engine, inwards ? own : plain, s->engine,
                                              s->attributes) == dnnl_success &&
           make_primitive(r, &w->reorder);
}

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t stored;
#define LAYOUT(s) (s)
static bool describe(stored *to, int ndim, const dnnl_dims_t shape, dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_create_with_tag(to, ndim, shape, dnnl_f32, tag) == dnnl_success;
}
static void forget(stored *l)
{
    dnnl_memory_desc_destroy(*l);
}
#else
typedef dnnl_memory_desc_t stored;
#define LAYOUT(s) (&(s))
static bool describe(stored *to, int ndim, const dnnl_dims_t shape, dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_init_by_tag(to, ndim, shape, dnnl_f32, tag) == dnnl_success;
}
static void forget(stored *l)
{
    (void)l;
}
#endif

typedef struct sizes {
    dnnl_dims_t stride, dilation, before, after;
} sizes;

/* The convolution in layouts that oneDNN chooses. The input gradient asks for the forward pass first. */
static bool describe_convolution(state *s, const key *k, const stored any[PARTS], const stored *bias,
                                 dnnl_primitive_desc_t *to)
{
    sizes z;
    for (int i = 0; i < 2; i++) {
        z.stride[i] = k->stride[i];
        z.dilation[i] = k->dilation[i] - 1;
        z.before[i] = k->pad[i];
        z.after[i] = (k->out[i] - 1) * k->stride[i] + (k->kernel[i] - 1) * k->dilation[i] + 1 - k->in[i] - k->pad[i];
    }
    const stored *x = &any[k->input ? TO : FROM], *y = &any[k->input ? FROM : TO];
    dnnl_primitive_desc_t forward = NULL;
#if DNNL_VERSION_MAJOR >= 3
    bool ok = dnnl_convolution_forward_primitive_desc_create(
                  &forward, s->engine, dnnl_forward_training, dnnl_convolution_direct, *x, any[WEIGHTS],
                  bias ? *bias : NULL, *y, z.stride, z.dilation, z.before, z.after, s->attributes) == dnnl_success;
    if (!k->input || !ok) return *to = forward, ok;
    ok = dnnl_convolution_backward_data_primitive_desc_create(to, s->engine, dnnl_convolution_direct, *x, any[WEIGHTS],
                                                              *y, z.stride, z.dilation, z.before, z.after, forward,
                                                              s->attributes) == dnnl_success;
#else
    dnnl_convolution_desc_t d;
    bool ok = dnnl_dilated_convolution_forward_desc_init(&d, dnnl_forward_training, dnnl_convolution_direct, x,
                                                         &any[WEIGHTS], bias, y, z.stride, z.dilation, z.before,
                                                         z.after) == dnnl_success &&
              dnnl_primitive_desc_create(&forward, &d, s->attributes, s->engine, NULL) == dnnl_success;
    if (!k->input || !ok) return *to = forward, ok;
    ok = dnnl_dilated_convolution_backward_data_desc_init(&d, dnnl_convolution_direct, x, &any[WEIGHTS], y, z.stride,
                                                          z.dilation, z.before, z.after) == dnnl_success &&
         dnnl_primitive_desc_create(to, &d, s->attributes, s->engine, forward) == dnnl_success;
#endif
    dnnl_primitive_desc_destroy(forward);
    return ok;
}

static bool complete(state *s, plan *p, const stored plain[PARTS], const stored any[PARTS], const stored *bias)
{
    static const dnnl_query_t forward[PARTS] = {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md},
                              input[PARTS] = {dnnl_query_diff_dst_md, dnnl_query_weights_md, dnnl_query_diff_src_md};
    dnnl_primitive_desc_t d;
    if (!describe_convolution(s, &p->key, any, bias, &d)) return false;
    layout work = dnnl_primitive_desc_query_md(d, dnnl_query_scratchpad_md, 0);
    p->work_bytes = dnnl_memory_desc_get_size(work);
    bool ok = make_memory(s, work, &p->work) && (!bias || make_memory(s, LAYOUT(*bias), &p->bias));
    for (int i = 0; i < PARTS && ok; i++) {
        layout own = dnnl_primitive_desc_query_md(d, (p->key.input ? input : forward)[i], 0);
        ok = make_way(s, LAYOUT(plain[i]), own, i != TO, &p->ways[i]);
    }
    if (ok) return make_primitive(d, &p->convolve);
    dnnl_primitive_desc_destroy(d);
    return false;
}

static void fill_plan(state *s, plan *p)
{
    const key *k = &p->key;
    bool grouped = k->groups > 1;
    const dnnl_dims_t x = {k->n, k->c, k->in[0], k->in[1]}, y = {k->n, k->k, k->out[0], k->out[1]};
    const dnnl_dims_t w = {k->k, k->c, k->kernel[0], k->kernel[1]},
                      v = {k->groups, k->k / k->groups, k->c / k->groups, k->kernel[0], k->kernel[1]};
    stored plain[PARTS], any[PARTS], bias;
    int made = 0;
    bool ok = true, has_bias = k->bias != 0;
    for (; made < PARTS && ok; made++) {
        const int64_t *shape = made == WEIGHTS ? (grouped ? v : w) : (made == FROM) == !k->input ? x : y;
        int ndim = made == WEIGHTS && grouped ? 5 : 4;
        ok = describe(&plain[made], ndim, shape, ndim == 5 ? dnnl_abcde : dnnl_abcd);
        if (!ok) break;
        ok = describe(&any[made], ndim, shape, dnnl_format_tag_any);
        if (ok) continue;
        forget(&plain[made]);
        break;
    }
    if (ok && has_bias) ok = has_bias = describe(&bias, 1, (const dnnl_dims_t){k->k}, dnnl_a);
    p->works = ok && complete(s, p, plain, any, has_bias ? &bias : NULL);
    if (ok && has_bias) forget(&bias);
    while (made-- > 0) {
        forget(&plain[made]);
        forget(&any[made]);
    }
}

static void free_plan(plan *p)
{
    for (int i = 0; i < PARTS; i++) {
        dnnl_memory_destroy(p->ways[i].plain);
        dnnl_memory_destroy(p->ways[i].own);
        dnnl_primitive_destroy(p->ways[i].reorder);
    }
    dnnl_memory_destroy(p->bias);
    dnnl_memory_destroy(p->work);
    dnnl_primitive_destroy(p->convolve);
    free(p);
}

/* ---- this thread's plans ------------------------------------------------------------------------------------ */

static __thread state *mine;
static pthread_key_t at_exit_of_thread;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void drop(void *state_)
{
    state *s = state_;
    for (int i = 0; i < SLOTS; i++)
        if (s->plans[i]) free_plan(s->plans[i]);
    if (s->attributes) dnnl_primitive_attr_destroy(s->attributes);
    if (s->stream) dnnl_stream_destroy(s->stream);
    if (s->engine) dnnl_engine_destroy(s->engine);
    free(s);
    mine = NULL;
}

/* The main thread does not run pthread key destructors when main returns. */
__attribute__((destructor)) static void process_end(void)
{
    if (mine) drop(mine);
}

static void make_exit(void)
{
    pthread_key_create(&at_exit_of_thread, drop);
}

static state *this_state(void)
{
    if (mine) return mine;
    mine = calloc(1, sizeof *mine);
    if (!mine) return NULL;
    pthread_once(&once, make_exit);
    pthread_setspecific(at_exit_of_thread, mine);
    if (dnnl_engine_create(&mine->engine, dnnl_cpu, 0) == dnnl_success &&
        dnnl_stream_create(&mine->stream, mine->engine, dnnl_stream_default_flags) == dnnl_success &&
        dnnl_primitive_attr_create(&mine->attributes) == dnnl_success &&
        dnnl_primitive_attr_set_scratchpad_mode(mine->attributes, dnnl_scratchpad_mode_user) == dnnl_success)
        return mine;
    drop(mine);
    pthread_setspecific(at_exit_of_thread, NULL);
    return NULL;
}

static plan *plan_of(state *s, const key *k)
{
    uint64_t hash = 0;
    const int64_t *word = (const int64_t *)(const void *)k;
    for (size_t i = 0; i < sizeof *k / sizeof *word; i++)
        hash = (hash ^ (uint64_t)word[i]) * 0x9E3779B97F4A7C15u;
    size_t first = hash >> 56;
    plan **slot = &s->plans[first]; /* one of other shapes gives way when all are taken */
    for (size_t i = 0; i < PROBES; i++) {
        plan **p = &s->plans[(first + i) % SLOTS];
        if (*p && memcmp(&(*p)->key, k, sizeof *k) == 0) return *p;
        if (*p) continue;
        slot = p;
        break;
    }
    if (*slot) free_plan(*slot);
    *slot = calloc(1, sizeof **slot);
    if (!*slot) return NULL;
    (*slot)->key = *k;
    fill_plan(s, *slot);
    return *slot;
}

/* ---- running ------------------------------------------------------------------------------------------------ */

static bool reorder(state *s, const way *w, bool inwards)
{
    if (!w->reorder) return true;
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, inwards ? w->plain : w->own}, {DNNL_ARG_TO, inwards ? w->own : w->plain}};
    return dnnl_primitive_execute(w->reorder, s->stream, 2, args) == dnnl_success;
}

static size_t padded(size_t bytes)
{
    return (bytes + 4095) / 4096 * 4096;
}

static bool execute(state *s, plan *p, const void *const data[PARTS], const void *bias)
{
    size_t bytes = padded(p->work_bytes);
    for (int i = 0; i < PARTS; i++)
        bytes += padded(p->ways[i].bytes);
    char *room = fac__scratch(FAC__SCRATCH_CONV, bytes + 1);
    if (!room) return false;
    dnnl_memory_set_data_handle(p->work, room);
    room += padded(p->work_bytes);
    for (int i = 0; i < PARTS; i++) {
        dnnl_memory_set_data_handle(p->ways[i].plain, (void *)data[i]);
        if (p->ways[i].own) dnnl_memory_set_data_handle(p->ways[i].own, room);
        room += padded(p->ways[i].bytes);
    }
    bool input = p->key.input != 0;
    dnnl_exec_arg_t args[5];
    static const int forward_names[PARTS] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
                     input_names[PARTS] = {DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC};
    int n = 0;
    for (; n < PARTS; n++)
        args[n] = (dnnl_exec_arg_t){(input ? input_names : forward_names)[n],
                                    p->ways[n].own ? p->ways[n].own : p->ways[n].plain};
    args[n++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, p->work};
    if (p->bias) {
        dnnl_memory_set_data_handle(p->bias, (void *)bias);
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, p->bias};
    }
    return reorder(s, &p->ways[FROM], true) && reorder(s, &p->ways[WEIGHTS], true) &&
           dnnl_primitive_execute(p->convolve, s->stream, n, args) == dnnl_success && reorder(s, &p->ways[TO], false) &&
           dnnl_stream_wait(s->stream) == dnnl_success;
}

/* Measured with oneDNN 2.6 on AVX-512 against our kernels, reordering included: of two-dimensional convolutions those of
 * 16 channels and more on both sides, and depthwise ones, unless they are small. */
static bool is_faster(const fac__conv_args *a)
{
    if (a->dtype != FAC_FLOAT32 || a->in[0] != 1 || a->kernel[0] != 1 || a->out[0] != 1 || a->pad[0] != 0) return false;
    bool dense = a->groups == 1 && a->c >= 16 && a->k >= 16, depthwise = a->groups == a->c && a->c == a->k;
    double sums = (double)a->n * (double)a->k * (double)(a->out[1] * a->out[2]);
    double work = sums * (double)(a->c / a->groups) * (double)(a->kernel[1] * a->kernel[2]);
    return (dense && work >= 1 << 22) || (depthwise && a->c >= 16 && work >= 1 << 20);
}

static bool switched_off(void)
{
    const char *text = getenv("FACULA_ONEDNN");
    return text && strcmp(text, "off") == 0;
}

bool fac__onednn_takes(const fac__conv_args *a)
{
    return is_faster(a) && !switched_off();
}

bool fac__onednn_conv(const fac__conv_args *a, bool input)
{
    if (!fac__onednn_takes(a) || omp_in_parallel()) return false;
    key k = {.input = input,
             .bias = !input && a->bias,
             .threads = fac__threads(),
             .n = a->n,
             .c = a->c,
             .k = a->k,
             .groups = a->groups};
    for (int i = 0; i < 2; i++) {
        k.in[i] = a->in[i + 1], k.out[i] = a->out[i + 1], k.kernel[i] = a->kernel[i + 1];
        k.stride[i] = a->stride[i + 1], k.pad[i] = a->pad[i + 1], k.dilation[i] = a->dilation[i + 1];
    }
    state *s = this_state();
    if (!s) return false;
    int before = omp_get_max_threads(); /* oneDNN uses OpenMP's number, when it plans and when it runs */
    omp_set_num_threads((int)k.threads);
    plan *p = plan_of(s, &k);
    const void *const data[PARTS] = {input ? a->dy : a->x, a->w, input ? a->dx : a->y};
    bool done = p && p->works && execute(s, p, data, a->bias);
    omp_set_num_threads(before);
    return done;
}
#endif
