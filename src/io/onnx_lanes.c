/* Floor 7. Arithmetic of sizes in ONNX files. Exporters write shapes that are computed: Shape, Gather, Mul, Concat, Reshape. Facula keeps
 * what comes of Shape as ints, not as tensors, while nodes do with it what ints can: so it is known on the host, and a
 * step that computes it can be captured. */
#include <string.h>

#include "core/raise.h"
#include "facula/ops_create.h"
#include "onnx_lanes.h"

/* ---- values ---------------------------------------------------------------------------------------------------- */

typedef struct ints {
    const int64_t *p;
    int64_t n, one;
    bool single;
} ints;

static void read_ints(const fac_value *v, ints *out)
{
    out->single = v->kind == FAC_VALUE_SCALAR;
    out->one = out->single ? fac_scalar_to_int(v->v.scalar) : 0;
    out->p = out->single ? &out->one : v->kind == FAC_VALUE_INTS ? v->v.ints.items : NULL;
    out->n = out->single ? 1 : v->kind == FAC_VALUE_INTS ? v->v.ints.count : 0;
}

static int give(fac_value *results, const int64_t *p, int64_t n, bool single)
{
    if (single)
        results[0] = fac_value_scalar(fac_scalar_int(p[0]));
    else
        results[0] = (fac_value){.kind = FAC_VALUE_INTS, .v.ints = {p, n}};
    return 1;
}

/* ---- what is computed ------------------------------------------------------------------------------------------ */

static int shape(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    int64_t from = fac_scalar_to_int(args[1].v.scalar), to = fac_scalar_to_int(args[2].v.scalar);
    fac_tensor *t = args[0].v.tensor;
    int64_t n = fac_dim(t);
    from = from < 0 ? from + n : from;
    to = to < 0 ? to + n : to;
    from = from < 0 ? 0 : from > n ? n : from;
    to = to < from ? from : to > n ? n : to;
    int64_t *p = fac__graph_ints(to - from);
    for (int64_t i = from; p && i < to; i++)
        p[i - from] = fac_size(t, (int)i);
    return p ? give(results, p, to - from, false) : -1;
}

static int shape_of_ints(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    ints a;
    read_ints(&args[0], &a);
    int64_t *p = fac__graph_ints(a.single ? 0 : 1);
    if (p && !a.single) p[0] = a.n;
    return p ? give(results, p, !a.single, false) : -1;
}

static int gather(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    ints a, at;
    read_ints(&args[0], &a);
    read_ints(&args[1], &at);
    int64_t *p = fac__graph_ints(at.n);
    for (int64_t i = 0; p && i < at.n; i++) {
        int64_t k = at.p[i] < 0 ? at.p[i] + a.n : at.p[i];
        if (k < 0 || k >= a.n)
            return fac__index_error("index %lld of %lld sizes", (long long)at.p[i], (long long)a.n), -1;
        p[i] = a.p[k];
    }
    return p ? give(results, p, at.n, at.single) : -1;
}

static int concat(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)max;
    int64_t n = 0, at = 0;
    ints a;
    for (int i = 0; i < n_args; i++) {
        read_ints(&args[i], &a);
        n += a.n;
    }
    int64_t *p = fac__graph_ints(n);
    for (int i = 0; p && i < n_args; i++) {
        read_ints(&args[i], &a);
        if (a.n) memcpy(p + at, a.p, (size_t)a.n * sizeof *p);
        at += a.n;
    }
    return p ? give(results, p, n, false) : -1;
}

/* starts, ends, axes and steps, of one dimension. */
static int slice(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)max;
    ints a, from, to, step = {.n = 0};
    read_ints(&args[0], &a);
    read_ints(&args[1], &from);
    read_ints(&args[2], &to);
    if (n_args > 4) read_ints(&args[4], &step);
    int64_t by = step.n ? step.p[0] : 1, n = 0;
    if (from.n != 1 || to.n != 1 || by == 0) return fac__value_error("a list of sizes is sliced in two dimensions"), -1;
    int64_t start = from.p[0] < 0 ? from.p[0] + a.n : from.p[0], end = to.p[0] < 0 ? to.p[0] + a.n : to.p[0];
    int64_t low = by > 0 ? 0 : -1, high = by > 0 ? a.n : a.n - 1;
    start = start < low ? low : start > high ? high : start;
    end = to.p[0] < -a.n ? low : end < low ? low : end > high ? high : end;
    int64_t *p = fac__graph_ints(a.n);
    for (int64_t i = start; p && (by > 0 ? i < end : i > end) && i >= 0 && i < a.n; i += by)
        p[n++] = a.p[i];
    return p ? give(results, p, n, false) : -1;
}

static int as_list(const fac_value *args, int n_args, fac_value *results, int max)
{
    return concat(args, n_args, results, max);
}

static int as_single(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    ints a;
    read_ints(&args[0], &a);
    if (a.n != 1) return fac__value_error("%lld sizes, where one is expected", (long long)a.n), -1;
    return give(results, a.p, 1, true);
}

enum { ADD, SUB, MUL, DIV, MOD, MIN, MAX, EQUAL, LESS, GREATER };
static const char *const two_names[] = {"Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "Equal", "Less", "Greater"};
enum { TWO = sizeof two_names / sizeof *two_names };

static bool apply(int op, int64_t a, int64_t b, int64_t *out)
{
    switch (op) {
    case ADD: return !__builtin_add_overflow(a, b, out);
    case SUB: return !__builtin_sub_overflow(a, b, out);
    case MUL: return !__builtin_mul_overflow(a, b, out);
    case DIV:
    case MOD:
        if (!b || (b == -1 && a == INT64_MIN)) return false;
        *out = op == DIV ? a / b : a % b + (a % b && (a < 0) != (b < 0) ? b : 0);
        return true;
    case MIN: return *out = a < b ? a : b, true;
    case MAX: return *out = a > b ? a : b, true;
    case EQUAL: return *out = a == b, true;
    case LESS: return *out = a < b, true;
    default: return *out = a > b, true;
    }
}

static int two(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    ints a, b;
    int op = (int)fac_scalar_to_int(args[0].v.scalar);
    read_ints(&args[1], &a);
    read_ints(&args[2], &b);
    if (a.n != b.n && a.n != 1 && b.n != 1)
        return fac__value_error("%lld and %lld sizes do not fit", (long long)a.n, (long long)b.n), -1;
    int64_t n = a.n == 1 ? b.n : a.n, *p = fac__graph_ints(n);
    for (int64_t i = 0; p && i < n; i++)
        if (!apply(op, a.p[a.n == 1 ? 0 : i], b.p[b.n == 1 ? 0 : i], &p[i]))
            return fac__value_error("%s of sizes has no result", two_names[op]), -1;
    return p ? give(results, p, n, a.single && b.single) : -1;
}

static int where(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    ints in[3];
    int64_t n = 1;
    bool single = true;
    for (int i = 0; i < 3; i++) {
        read_ints(&args[i], &in[i]);
        single &= in[i].single;
        if (in[i].n != 1) n = in[i].n;
    }
    int64_t *p = fac__graph_ints(n);
    for (int i = 0; i < 3; i++)
        if (in[i].n != n && in[i].n != 1) return fac__value_error("lists of sizes do not fit"), -1;
    for (int64_t i = 0; p && i < n; i++) {
        const ints *from = &in[in[0].p[in[0].n == 1 ? 0 : i] ? 1 : 2];
        p[i] = from->p[from->n == 1 ? 0 : i];
    }
    return p ? give(results, p, n, single) : -1;
}

static int range(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    ints in[3];
    for (int i = 0; i < 3; i++)
        read_ints(&args[i], &in[i]);
    int64_t from = in[0].p[0], to = in[1].p[0], by = in[2].p[0], span, n = 0;
    if (!by || __builtin_sub_overflow(to, from, &span)) return fac__value_error("Range has no end"), -1;
    if ((span > 0) == (by > 0) && span) n = span / by + (span % by != 0);
    int64_t *p = fac__graph_ints(n);
    for (int64_t i = 0; p && i < n; i++)
        p[i] = from + i * by;
    return p ? give(results, p, n, false) : -1;
}

/* n times the same. */
static int repeated(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)n_args, (void)max;
    ints n, value;
    read_ints(&args[0], &n);
    read_ints(&args[1], &value);
    if (n.n > 1 || value.n != 1) return fac__value_error("sizes of more than one dimension"), -1;
    int64_t count = n.n ? n.p[0] : 1, *p = fac__graph_ints(count);
    for (int64_t i = 0; p && i < count; i++)
        p[i] = value.p[0];
    return p ? give(results, p, count, n.n == 0) : -1;
}

static int product(const fac_value *args, int n_args, fac_value *results, int max)
{
    (void)max;
    int64_t *p = fac__graph_ints(1);
    ints a;
    read_ints(&args[0], &a);
    if (!p) return -1;
    *p = 1;
    for (int64_t i = 0; i < a.n; i++)
        if (__builtin_mul_overflow(*p, a.p[i], p)) return fac__value_error("a product of sizes is too large"), -1;
    return give(results, p, 1, n_args < 2);
}

/* ---- nodes ------------------------------------------------------------------------------------------------------ */

/* Ints, as the values of this file or as a known tensor. */
typedef struct facts {
    bool ints, made, single;
    int length; /* -1: not known */
} facts;

static facts facts_of(fac__onnx_loader *l, int i)
{
    const fac__onnx_name *n = fac__onnx_input(l, i);
    if (n && n->sizes) return (facts){true, true, n->single, n->length};
    const fac_tensor *t = n ? n->known : NULL;
    bool ints = t && t->ndim <= 1 && t->numel <= FAC_MAX_DIMS && !n->learnt &&
                (t->dtype == FAC_INT64 || t->dtype == FAC_INT32 || t->dtype == FAC_BOOL);
    return (facts){ints, false, ints && t->ndim == 0, ints ? (int)t->numel : -1};
}

/* The result is the input's, unchanged. */
static fac__onnx_lanes same(fac__onnx_loader *l, facts f)
{
    if (!f.made) return FAC__ONNX_NO_LANE;
    return fac__onnx_result_sizes(l, fac__onnx_input(l, 0)->value, f.length, f.single) ? FAC__ONNX_LANE
                                                                                       : FAC__ONNX_LANE_FAILED;
}

static fac__onnx_lanes result(fac__onnx_loader *l, int value, int length, bool single)
{
    return fac__onnx_result_sizes(l, value, length, single) ? FAC__ONNX_LANE : FAC__ONNX_LANE_FAILED;
}

static fac__onnx_lanes load_constant_of_shape(fac__onnx_loader *l, facts f)
{
    const fac__onnx_attribute *a = fac__onnx_attribute_of(l->node, "value");
    int64_t n = 0;
    if (!a || !a->t || a->t->dtype != FAC_INT64 || a->t->numel != 1 || f.length < 0 || f.length > 1)
        return FAC__ONNX_NO_LANE;
    if (!fac_to_array(a->t, FAC_INT64, &n, 1)) return FAC__ONNX_LANE_FAILED;
    return result(l, fac__onnx_function(l, l->node->op, repeated, fac__onnx_ints(l, 0), fac__term_int(n)), -1,
                  f.length == 0);
}

static fac__onnx_lanes load_cast(fac__onnx_loader *l, facts f)
{
    int64_t to = fac__onnx_int(l, "to", 0);
    return to == 6 || to == 7 ? same(l, f) : FAC__ONNX_NO_LANE;
}

/* Those of more than one input, all of them ints. */
static fac__onnx_lanes load_more(fac__onnx_loader *l, const char *op, const facts *f, int n)
{
    fac__term args[FAC__TRACED_RESULTS + 1];
    for (int i = 0; i < n; i++)
        args[i + 1] = fac__onnx_ints(l, i);
    for (int k = 0; k < TWO && n == 2; k++)
        if (!strcmp(op, two_names[k])) {
            args[0] = fac__term_int(k);
            int length = f[0].length == 1 ? f[1].length : f[0].length;
            return result(l, fac__onnx_function_n(l, op, two, args, 3), length, f[0].single && f[1].single);
        }
    if (!strcmp(op, "Gather") && !f[0].single)
        return result(l, fac__onnx_function_n(l, op, gather, args + 1, 2), f[1].length, f[1].single);
    if (!strcmp(op, "Slice") && !f[0].single)
        return result(l, fac__onnx_function_n(l, op, slice, args + 1, n), -1, false);
    if (!strcmp(op, "Where") && n == 3)
        return result(l, fac__onnx_function_n(l, op, where, args + 1, 3), -1,
                      f[0].single && f[1].single && f[2].single);
    if (!strcmp(op, "Range") && n == 3 && (f[0].made || f[1].made || f[2].made))
        return result(l, fac__onnx_function_n(l, op, range, args + 1, 3), -1, false);
    if (!strcmp(op, "Reshape") && f[1].length == 1)
        return result(l, fac__onnx_function_n(l, op, as_list, args + 1, 1), f[0].length, false);
    if (!strcmp(op, "Reshape") && f[1].length == 0)
        return result(l, fac__onnx_function_n(l, op, as_single, args + 1, 1), 1, true);
    if (!strcmp(op, "Expand") && f[1].length == 1 && f[0].length == 1) {
        const fac__term pair[] = {args[2], args[1]};
        return result(l, fac__onnx_function_n(l, op, repeated, pair, 2), -1, false);
    }
    if (!strcmp(op, "Squeeze") && !f[0].single)
        return result(l, fac__onnx_function_n(l, op, as_single, args + 1, 1), 1, true);
    if (!strcmp(op, "Unsqueeze") && f[0].single)
        return result(l, fac__onnx_function_n(l, op, as_list, args + 1, 1), 1, false);
    return FAC__ONNX_NO_LANE;
}

static fac__onnx_lanes load_concat(fac__onnx_loader *l, const facts *f, int n)
{
    fac__term args[FAC__TRACED_RESULTS];
    int length = 0;
    for (int i = 0; i < n; i++) {
        if (f[i].single) return FAC__ONNX_NO_LANE;
        args[i] = fac__onnx_ints(l, i);
        length = length < 0 || f[i].length < 0 ? -1 : length + f[i].length;
    }
    return result(l, fac__onnx_function_n(l, l->node->op, concat, args, n), length, false);
}

static fac__onnx_lanes load_ints(fac__onnx_loader *l, const facts *f, int n)
{
    const char *op = l->node->op;
    if (!strcmp(op, "Concat")) return load_concat(l, f, n);
    if (n > 1) return load_more(l, op, f, n);
    if (!strcmp(op, "ConstantOfShape")) return load_constant_of_shape(l, f[0]);
    if (!strcmp(op, "Identity")) return same(l, f[0]);
    if (!strcmp(op, "Cast")) return load_cast(l, f[0]);
    if (!strcmp(op, "Shape") && f[0].made)
        return result(l, fac__onnx_function(l, op, shape_of_ints, fac__onnx_ints(l, 0)), f[0].single ? 0 : 1, false);
    if (!strcmp(op, "Squeeze") && !f[0].single)
        return result(l, fac__onnx_function(l, op, as_single, fac__onnx_ints(l, 0)), 1, true);
    if (!strcmp(op, "Unsqueeze") && f[0].single)
        return result(l, fac__onnx_function(l, op, as_list, fac__onnx_ints(l, 0)), 1, false);
    if (!strcmp(op, "ReduceProd") && f[0].made) {
        bool keep = fac__onnx_int(l, "keepdims", 1);
        fac__term a = fac__onnx_ints(l, 0);
        return result(l, keep ? fac__onnx_function(l, op, product, a, a) : fac__onnx_function(l, op, product, a), 1,
                      !keep);
    }
    return FAC__ONNX_NO_LANE;
}

fac__onnx_lanes fac__onnx_load_lanes(fac__onnx_loader *l)
{
    facts f[FAC__TRACED_RESULTS];
    int n = l->node->n_inputs;
    if (!strcmp(l->node->op, "Shape") && !facts_of(l, 0).made)
        return result(l,
                      fac__onnx_function(l, "Shape", shape, fac__onnx_arg(l, 0),
                                         fac__term_int(fac__onnx_int(l, "start", 0)),
                                         fac__term_int(fac__onnx_int(l, "end", INT64_MAX))),
                      -1, false);
    if (n < 1 || n > FAC__TRACED_RESULTS) return FAC__ONNX_NO_LANE;
    for (int i = 0; i < n; i++) {
        f[i] = facts_of(l, i);
        if (!f[i].ints) return FAC__ONNX_NO_LANE;
    }
    return load_ints(l, f, n);
}
