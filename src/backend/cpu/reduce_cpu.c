/* Floor 1. Reductions on the CPU: any dimensions, strides and dtypes become segments (isa/reduce_loops.h) of a compute
 * type, in one of two shapes: by rows, where the elements of one result lie closest, or by columns, where results do.
 *
 * Work is cut into units: a block of results, and, where there are few results, a part of their elements. The cuts
 * depend on the shape alone, and parts are merged in their order, so results do not depend on the number of threads. */
#include <math.h>
#include <string.h>

#include "backend/cpu/isa/reduce_loops.h"

enum {
    LOADED = 4096,   /* elements that are converted or gathered at a time */
    LONG = 32768,    /* elements of one result in one segment; PyTorch adds up to as many on one thread */
    CACHED = 4096,   /* the same where a segment is read twice */
    GRAIN = 1 << 17, /* elements worth a thread */
    PARTIAL = 4096   /* results of parts, kept on the stack */
};

/* A result: double, or int64_t where that is the compute type, and positions. */
typedef union result {
    double f;
    int64_t i;
} result;

/* A dimension, or several that lie as one: strides in elements, and in the flat position among the reduced ones. */
typedef struct axis {
    int64_t size, in, out[2], position;
} axis;

typedef struct job {
    const fac__reduce_args *args;
    fac__reduce_kind kind;         /* MAX with positions is ARGMAX here */
    fac__compute compute, kept_as; /* of elements and of results: F64 for both kinds of floats */
    const fac__move_table *moves;
    fac__segment_loop loop;
    bool rows, direct, sum, rounded;                /* direct: segments are read where they are; sum: of floats */
    int64_t apart, vectors;                         /* see fac__segment; by columns for all of `across` */
    axis across, along;                             /* the innermost kept and reduced axes */
    axis kept[FAC_MAX_DIMS], reduced[FAC_MAX_DIMS]; /* the outer ones */
    int n_kept, n_reduced;
    int64_t block, blocks;                 /* results of one unit, and units along `across` */
    int64_t segment, pieces;               /* elements of one segment, and segments along `along` */
    int64_t segments, parts, per_part;     /* of one result, and how many make a part */
    int64_t units, cost;                   /* what may be shared out, and the whole in elements */
    int64_t outer_kept, total;             /* units' kept index without `across`; elements behind one result */
    result *partial_value, *partial_extra; /* of parts: [part][outer kept][across] */
} job;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return a <= b ? a > 0 : (a + b - 1) / b;
}

static int64_t at_least(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static size_t in_size(const job *j)
{
    return fac_dtype_size(j->args->in.dtype);
}

/* ---- results ------------------------------------------------------------------------------------------------ */

static void put(const job *j, int which, fac__compute from, const result *values, int64_t offset, int64_t n)
{
    const fac__operand *o = &j->args->out[which];
    if (!o->data) return;
    char *to = o->data + offset * (int64_t)fac_dtype_size(o->dtype);
    if (n > 1)
        j->moves->store[from][o->dtype](to, 0, j->across.out[which], values, 0, 1, 1, n);
    else if (from == FAC__I64)
        fac__store_int(o->dtype, to, values->i);
    else
        fac__store_double(o->dtype, to, values->f);
}

/* Writes n results that begin at these offsets of the outputs. */
static void finish(const job *j, const int64_t offset[2], const result *value, const result *extra, int64_t n)
{
    switch (j->args->kind->id) {
    case FAC__ID_ARGMAX:
    case FAC__ID_ARGMIN: put(j, 0, FAC__I64, extra, offset[0], n); break;
    case FAC__ID_MAX:
    case FAC__ID_MIN:
        put(j, 0, j->kept_as, value, offset[0], n);
        put(j, 1, FAC__I64, extra, offset[1], n);
        break;
    case FAC__ID_MEAN_VAR:
        put(j, 0, j->kept_as, value, offset[0], n);
        put(j, 1, FAC__F64, extra, offset[1], n);
        break;
    default: put(j, 0, j->kept_as, value, offset[0], n);
    }
}

/* What nothing reduces to. */
static void neutral(const job *j, result *value, result *extra, int64_t n)
{
    bool one = j->kind->id == FAC__ID_PROD || j->kind->id == FAC__ID_ALL, mean = j->kind->id == FAC__ID_MEAN_VAR;
    for (int64_t k = 0; k < n; k++) {
        if (j->kept_as == FAC__I64)
            value[k].i = one;
        else
            value[k].f = mean ? NAN : one;
        extra[k].i = 0; /* 0.0 as well */
    }
}

/* ---- one unit ----------------------------------------------------------------------------------------------- */

/* Offsets of a flat index over axes, the last axis fastest. */
static int64_t locate(const axis *axes, int n, int64_t index, int64_t out[2], int64_t *position)
{
    int64_t in = 0;
    for (int i = n - 1; i >= 0; i--) {
        int64_t k = index % axes[i].size;
        index /= axes[i].size;
        in += k * axes[i].in;
        out[0] += k * axes[i].out[0];
        out[1] += k * axes[i].out[1];
        *position += k * axes[i].position;
    }
    return in;
}

static void run_segments(const job *j, fac__segment *s, int64_t in, int64_t first, int64_t last, void *buffer)
{
    fac_dtype dtype = j->args->in.dtype;
    int64_t unused[2] = {0}, piece = 0, outer = 0, outer_in = 0, position = 0;
    if (first) {
        piece = first % j->pieces;
        outer = first / j->pieces;
    }
    if (outer) outer_in = locate(j->reduced, j->n_reduced, outer, unused, &position);
    s->step = j->along.position;
    for (int64_t k = first; k < last; k++) {
        int64_t from = piece * j->segment, left = j->along.size - from;
        s->n = left < j->segment ? left : j->segment;
        s->position = position + from * j->along.position;
        const char *x = j->args->in.data + (in + outer_in + from * j->along.in) * (int64_t)in_size(j);
        if (j->direct) {
            s->x = x;
            s->stride = j->rows ? j->across.in : j->along.in;
        } else if (j->rows) {
            s->x = buffer;
            s->stride = s->n;
            j->moves->load[j->compute][dtype](buffer, s->n, 1, x, j->across.in, j->along.in, s->outputs, s->n);
        } else {
            s->x = buffer;
            s->stride = s->outputs;
            j->moves->load[j->compute][dtype](buffer, s->outputs, 1, x, j->along.in, j->across.in, s->n, s->outputs);
        }
        j->loop(s);
        s->before += s->n;
        if (++piece < j->pieces || k + 1 == last) continue;
        piece = position = 0;
        if (j->n_reduced) outer_in = locate(j->reduced, j->n_reduced, ++outer, unused, &position);
    }
}

static inline void run_unit(const job *j, int64_t unit, void *buffer)
{
    result own_value[FAC__REDUCE_OUTPUTS], own_extra[FAC__REDUCE_OUTPUTS];
    int64_t part = 0, outer = 0, begin = 0;
    if (unit) { /* divisions are half the cost of a small reduction */
        int64_t units = j->outer_kept * j->blocks, rest = unit % units;
        part = unit / units;
        outer = rest / j->blocks;
        begin = rest % j->blocks * j->block;
    }
    int64_t left = j->across.size - begin;
    int64_t out[2] = {begin * j->across.out[0], begin * j->across.out[1]}, position = 0, in = begin * j->across.in;
    if (outer) in += locate(j->kept, j->n_kept, outer, out, &position);
    fac__segment s = {
        .outputs = left < j->block ? left : j->block, .value = own_value, .extra = own_extra, .rounded = j->rounded};
    s.apart = j->apart;
    s.vectors = j->vectors;
    if (!j->rows) s.vectors = at_most(at_least(j->vectors - begin, 0), s.outputs);
    if (j->parts > 1) {
        int64_t at = (part * j->outer_kept + outer) * j->across.size + begin;
        s.value = j->partial_value + at;
        s.extra = j->partial_extra + at;
    }
    int64_t first = part * j->per_part, last = first + j->per_part;
    if (j->total)
        run_segments(j, &s, in, first, last < j->segments ? last : j->segments, buffer);
    else
        neutral(j, s.value, s.extra, s.outputs);
    if (j->parts == 1) finish(j, out, s.value, s.extra, s.outputs);
}

static void run_units(void *context, int64_t begin, int64_t end)
{
    for (int64_t unit = begin; unit < end; unit++)
        run_unit(context, unit, NULL);
}

static void run_units_loaded(void *context, int64_t begin, int64_t end)
{
    double buffer[LOADED];
    for (int64_t unit = begin; unit < end; unit++)
        run_unit(context, unit, buffer);
}

/* ---- parts -------------------------------------------------------------------------------------------------- */

static int64_t part_size(const job *j, int64_t part)
{
    int64_t first = part * j->per_part, last = first + j->per_part;
    if (last > j->segments) last = j->segments;
    int64_t begin = first / j->pieces * j->along.size + first % j->pieces * j->segment;
    int64_t end = last / j->pieces * j->along.size + last % j->pieces * j->segment;
    return end - begin;
}

/* Merges part b's result into a's; a stands for `before` elements. */
static void merge(const job *j, int64_t a, int64_t b, int64_t before, int64_t n)
{
    result *value = j->partial_value, *extra = j->partial_extra, *x = value + a, *y = value + b;
    bool ints = j->kept_as == FAC__I64, less = ints ? y->i < x->i : y->f < x->f,
         more = ints ? y->i > x->i : y->f > x->f;
    bool nan_x = !ints && isnan(x->f), nan_y = !ints && isnan(y->f), same = (!less && !more) || (nan_x && nan_y);
    switch (j->kind->id) {
    case FAC__ID_PROD:
        if (ints)
            x->i = (int64_t)((uint64_t)x->i * (uint64_t)y->i);
        else
            x->f *= y->f;
        break;
    case FAC__ID_MAX:
    case FAC__ID_ANY:
        if (more || nan_y) *x = *y;
        break;
    case FAC__ID_MIN:
    case FAC__ID_ALL:
        if (less || nan_y) *x = *y;
        break;
    case FAC__ID_ARGMAX:
    case FAC__ID_ARGMIN:
        if (nan_x != nan_y ? nan_y : same ? extra[b].i < extra[a].i : j->kind->id == FAC__ID_ARGMAX ? more : less) {
            *x = *y;
            extra[a] = extra[b];
        }
        break;
    case FAC__ID_MEAN_VAR: {
        double p = (double)before, q = (double)n, delta = y->f - x->f;
        x->f += delta * (q / (p + q));
        extra[a].f += extra[b].f + delta * delta * (p * q / (p + q));
        break;
    }
    default:
        if (ints)
            x->i = (int64_t)((uint64_t)x->i + (uint64_t)y->i);
        else
            x->f = j->rounded && j->compute == FAC__F32 ? (double)(float)(x->f + y->f) : x->f + y->f;
    }
}

static void merge_parts(const job *j)
{
    int64_t results = j->outer_kept * j->across.size, before = part_size(j, 0);
    for (int64_t part = 1; part < j->parts; part++) {
        int64_t n = part_size(j, part);
        for (int64_t i = 0; i < results; i++)
            merge(j, i, part * results + i, before, n);
        before += n;
    }
    for (int64_t outer = 0; outer < j->outer_kept; outer++) {
        int64_t out[2] = {0}, position = 0, at = outer * j->across.size;
        locate(j->kept, j->n_kept, outer, out, &position);
        finish(j, out, j->partial_value + at, j->partial_extra + at, j->across.size);
    }
}

static void run(job *j, int64_t units, int64_t cost)
{
    fac__range_body body = j->direct ? run_units : run_units_loaded;
    if (cost < 4 * GRAIN && j->parts == 1)
        body(j, 0, units);
    else
        fac__parallel(units, at_most(1 + (GRAIN - 1) / (cost / units + 1), ceil_div(units, 8)), body, j);
}

static __attribute__((noinline)) void run_parts(job *j, int64_t units, int64_t cost)
{
    result value[PARTIAL], extra[PARTIAL];
    j->partial_value = value;
    j->partial_extra = extra;
    run(j, units * j->parts, cost);
    merge_parts(j);
}

/* ---- the plan ----------------------------------------------------------------------------------------------- */

/* Appends an axis, or lengthens the last one where the two lie as one. */
static void push(axis *axes, int *n, const axis *a)
{
    axis *last = axes + *n - 1;
    if (*n && last->in == a->in * a->size && last->out[0] == a->out[0] * a->size &&
        last->out[1] == a->out[1] * a->size && last->position == a->position * a->size) {
        int64_t size = last->size * a->size;
        *last = *a;
        last->size = size;
    } else {
        axes[(*n)++] = *a;
    }
}

/* Sorts the dimensions by stride, joins those that lie as one, and takes the innermost of both kinds out. True if the
 * innermost of all is reduced. */
static bool lay_out(job *j)
{
    const fac__reduce_args *a = j->args;
    int order[FAC_MAX_DIMS], n = 0;
    int64_t position[FAC_MAX_DIMS], step = 1;
    for (int d = a->ndim - 1; d >= 0; d--) {
        position[d] = 0;
        if (!(a->reduced >> d & 1)) continue;
        position[d] = step;
        step *= a->shape[d];
    }
    j->total = step;
    for (int d = 0; d < a->ndim; d++) {
        if (a->shape[d] == 1) continue;
        uint64_t far = (uint64_t)a->in.strides[d] - 1; /* repeated elements, of stride 0, count as farthest */
        int k = n++;
        for (; k && far > (uint64_t)a->in.strides[order[k - 1]] - 1; k--)
            order[k] = order[k - 1];
        order[k] = d;
    }
    bool rows = true, positions = j->kind->id == FAC__ID_ARGMAX || j->kind->id == FAC__ID_ARGMIN;
    for (int i = 0; i < n; i++) {
        int d = order[i];
        rows = a->reduced >> d & 1;
        axis x = {a->shape[d], a->in.strides[d], {a->out[0].strides[d], a->out[1].strides[d]}, position[d]};
        if (!positions) x.position = 0;
        if (rows)
            push(j->reduced, &j->n_reduced, &x);
        else
            push(j->kept, &j->n_kept, &x);
    }
    j->across = j->along = (axis){.size = 1, .in = 1};
    if (j->n_kept) j->across = j->kept[--j->n_kept];
    if (j->n_reduced) j->along = j->reduced[--j->n_reduced];
    j->outer_kept = 1;
    for (int i = 0; i < j->n_kept; i++)
        j->outer_kept *= j->kept[i].size;
    return rows;
}

static bool counts_nonzero(fac__reduce_kind kind)
{
    return kind->id == FAC__ID_ANY || kind->id == FAC__ID_ALL || kind->id == FAC__ID_COUNT_NONZERO;
}

static void choose_types(job *j)
{
    static const fac__compute computes[] = {[FAC_INT64] = FAC__I64, [FAC_FLOAT32] = FAC__F32, [FAC_FLOAT64] = FAC__F64};
    const fac__reduce_args *a = j->args;
    j->kind = a->kind;
    if (a->out[1].data && a->kind->with_positions) j->kind = a->kind->with_positions;
    bool as_input = j->kind->id == FAC__ID_ARGMAX || j->kind->id == FAC__ID_ARGMIN || j->kind->id == FAC__ID_MAX ||
                    j->kind->id == FAC__ID_MIN || counts_nonzero(j->kind) ||
                    (j->kind->id == FAC__ID_MEAN_VAR && fac_dtype_is_floating(a->in.dtype)); /* in double inside */
    fac_dtype dtype = as_input ? a->in.dtype : a->out[a->out[0].data ? 0 : 1].dtype, type = fac__compute_type(dtype);
    j->compute = computes[type];
    j->sum = (j->kind->id == FAC__ID_SUM || j->kind->id == FAC__ID_NANSUM) && j->compute != FAC__I64;
    j->kept_as = j->compute == FAC__I64 ? FAC__I64 : FAC__F64;
    j->direct = a->in.dtype == type;
    j->moves = &FAC__ISA_PICK(fac__move_table);
}

/* How many of `across` PyTorch sums side by side, in vectors or in fours; the rest it sums by every fourth element, and
 * so all of them where its inner loop runs along something else. */
static int64_t side_by_side(const job *j)
{
    int64_t lanes = j->compute == FAC__F32 ? 8 : 4;
    if (j->n_reduced) return 0;
    for (int i = 0; i < j->n_kept; i++)
        if (j->kept[i].out[0] < j->across.out[0]) return 0;
    if (j->across.in == 1 && j->across.size >= lanes) return j->across.size & -(4 * lanes);
    return j->along.in < j->across.in ? 0 : j->across.size & -4;
}

/* Float sums are cut as PyTorch cuts them: not at all, but for a sum of everything. */
static void choose_segments(job *j, int64_t results, int64_t numel)
{
    bool two = j->kind->id == FAC__ID_MEAN_VAR || j->kind->id == FAC__ID_ARGMAX || j->kind->id == FAC__ID_ARGMIN;
    bool twice = j->kind->id == FAC__ID_MEAN_VAR && j->compute == FAC__F64;
    int64_t apart = j->rows ? j->along.in : j->across.in;
    bool loaded_type = !j->direct;
    j->direct = j->direct && (apart == 1 || j->sum);
    j->apart = j->direct ? apart : 1;
    j->segment = j->along.size;
    j->block = at_most(j->across.size, FAC__REDUCE_OUTPUTS);
    if (j->rows) {
        j->vectors = apart == 1 || loaded_type;
        if (!j->sum || results == 1) j->segment = at_most(j->segment, twice ? CACHED : LONG);
        if (!j->direct) j->segment = at_most(j->segment, LOADED);
        if (numel > GRAIN) j->block = at_most(j->block, at_least(GRAIN / at_least(j->total, 1), 1));
        if (!j->direct) j->block = at_most(j->block, LOADED / at_least(j->segment, 1));
    } else {
        j->vectors = j->sum ? side_by_side(j) : 0;
        if (numel > 4 * GRAIN) j->block = at_most(j->block, at_least((j->across.size / 8 + 31) & -32, 64));
        if (!j->direct) j->block = at_most(j->block, 128);
        if (!j->sum && numel > CACHED)
            j->segment = at_most(j->segment, at_least((two ? LONG / 2 : LONG) / j->block, 16));
        if (!j->direct) j->segment = at_most(j->segment, LOADED / j->block);
    }
    j->block = at_least(j->block, 1);
    j->segment = at_least(j->segment, 1);
    j->blocks = ceil_div(j->across.size, j->block);
    j->pieces = ceil_div(j->along.size, j->segment);
    j->segments = j->n_reduced ? j->total / at_least(j->along.size, 1) * j->pieces : j->pieces;
    j->rounded = j->sum && (j->segments <= 128 || numel < LONG); /* beyond, accuracy matters more */
}

static const fac__reduce_loops *loops_of(const job *j)
{
    return j->kind->loops[fac__cpu_isa()];
}

/* A sum, say, of all of a small contiguous tensor needs no plan. False if the reduction is something else. */
static bool reduce_small(const job *j)
{
    const fac__reduce_args *a = j->args;
    int64_t n = 1;
    for (int d = a->ndim - 1; d >= 0; n *= a->shape[d--])
        if (!(a->reduced >> d & 1) || (a->in.strides[d] != n && a->shape[d] != 1)) return false;
    if (!j->direct || n > CACHED || n == 0) return false;
    result value, extra;
    int64_t start[2] = {0};
    fac__segment s = {.x = a->in.data,
                      .outputs = 1,
                      .n = n,
                      .value = &value,
                      .extra = &extra,
                      .step = 1,
                      .apart = 1,
                      .vectors = 1,
                      .rounded = true};
    loops_of(j)->rows[j->compute](&s);
    finish(j, start, &value, &extra, 1);
    return true;
}

/* What to do is decided in j, of which only what is used is set: small reductions are to stay cheap. False if there is
 * nothing to do. */
static bool make_job(job *j, const void *args)
{
    j->rows = lay_out(j);
    int64_t results = j->outer_kept * j->across.size, numel = results * j->total;
    if (results == 0) return false;
    choose_segments(j, results, numel);
    j->loop = (j->rows ? loops_of(j)->rows : loops_of(j)->columns)[j->compute];
    j->units = j->outer_kept * j->blocks;
    j->cost = numel * (j->direct && j->kind->id != FAC__ID_MEAN_VAR ? 1 : 3);
    j->parts = 1;
    j->per_part = j->segments;
    if (j->cost >= 4 * GRAIN && j->units < (j->sum ? 2 : 8) && results <= PARTIAL / 2) {
        int64_t parts = at_most(at_most(PARTIAL / results, 64), j->cost / j->units / (GRAIN / 2));
        j->per_part = ceil_div(j->segments, at_least(parts, 1));
        j->parts = ceil_div(j->segments, j->per_part);
    } else if (j->rows && j->sum && j->segments >= 8 && j->cost >= GRAIN / 2 && j->segments * results <= PARTIAL) {
        /* Sums over images: in PyTorch's order where each piece is a part. Threads go by images as they do elsewhere, and so
         * find what they read in their own caches. */
        j->per_part = 1;
        j->parts = j->segments;
    }
    return true;
}

static void begin_job(job *j, const void *args)
{
    j->args = args;
    j->n_kept = j->n_reduced = 0;
    choose_types(j);
}

static void reduce(const void *args)
{
    job j;
    begin_job(&j, args);
    if (reduce_small(&j) || !make_job(&j, args)) return;
    if (j.parts > 1)
        run_parts(&j, j.units, j.cost);
    else
        run(&j, j.units, j.cost);
}

static size_t reduce_ready(const void *args, void *state)
{
    job *j = state;
    if (!j) return sizeof *j;
    begin_job(j, args);
    return make_job(j, args) && j->parts == 1 && j->cost < 4 * GRAIN ? sizeof *j : 0;
}

static void run_ready(const void *args, const void *state)
{
    job *j = (job *)state;
    run(j, j->units, j->cost);
}

static void reduce_memory(void *args, fac__memory *m)
{
    fac__reduce_args *a = args;
    bool two = a->kind->id == FAC__ID_MAX || a->kind->id == FAC__ID_MIN || a->kind->id == FAC__ID_MEAN_VAR;
    FAC__READS(m, a->in.data);
    FAC__WRITES(m, a->out[0].data);
    if (two) FAC__WRITES(m, a->out[1].data);
}

const fac__kernel fac__k_reduce = {
    .name = "reduce", .run = {reduce}, .ready = reduce_ready, .run_ready = run_ready, .memory = reduce_memory};
