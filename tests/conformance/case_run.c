/* One recorded case, as FORMAT says. */
#include "case_run.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool case_captured;

/* Room for one case, far beyond any seen; a case that needs more fails. */
enum { MAX_ARGS = 256, MAX_TENSORS = 4096, MAX_VALUES = 4096, MAX_INTS = 4096 };

typedef struct run {
    const case_file *file;
    json_t *c;
    char *why;
    size_t room;
    /* tensors by name: a name stands for one tensor object */
    const char *names[MAX_TENSORS];
    fac_tensor *tensors[MAX_TENSORS];
    int n_tensors;
    /* memory that values point into */
    fac_value values[MAX_VALUES];
    int n_values;
    int64_t ints[MAX_INTS];
    int n_ints;
    fac_tensor *lists[MAX_TENSORS];
    int n_lists;
    bool bad;
} run;

static bool say(run *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->why, r->room, format, args);
    va_end(args);
    return false;
}

/* ---- arguments ---------------------------------------------------------------------------------------------- */

/* The tensor of that name, if there is one already. */
static fac_tensor *known(const run *r, const char *name)
{
    for (int i = 0; i < r->n_tensors; i++)
        if (!strcmp(r->names[i], name)) return r->tensors[i];
    return NULL;
}

/* Reads it, in the layout that `object` asks for. */
static fac_tensor *learn(run *r, const char *name, json_t *object)
{
    fac_tensor *t = case_file_tensor(r->file, name, object);
    if (!t || r->n_tensors == MAX_TENSORS) return NULL;
    r->names[r->n_tensors] = name;
    return r->tensors[r->n_tensors++] = t;
}

static fac_tensor *tensor_of(run *r, json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "tensor"));
    fac_tensor *t = known(r, name);
    if (t) return t;
    t = learn(r, name, object);
    if (t && json_is_true(json_object_get(object, "requires_grad"))) fac_requires_grad_(t, true);
    if (!t) r->bad = true;
    return t;
}

static fac_value value_of(run *r, json_t *j);

/* The narrowest list of these values: of integers, of tensors, or of anything. */
static fac_value list_from(run *r, const fac_value *items, int n)
{
    fac_value v = fac_value_none();
    bool ints = true, tensors = n > 0;
    if (r->n_values + n > MAX_VALUES || r->n_ints + n > MAX_INTS || r->n_lists + n > MAX_TENSORS)
        return r->bad = true, v;
    for (int i = 0; i < n; i++) {
        ints = ints && items[i].kind == FAC_VALUE_SCALAR && items[i].v.scalar.kind == FAC_INT64;
        tensors = tensors && items[i].kind == FAC_VALUE_TENSOR;
    }
    if (ints) {
        v.kind = FAC_VALUE_INTS;
        v.v.ints.items = r->ints + r->n_ints;
        v.v.ints.count = n;
        for (int i = 0; i < n; i++)
            r->ints[r->n_ints++] = items[i].v.scalar.v.i;
    } else if (tensors) {
        v.kind = FAC_VALUE_TENSORS;
        v.v.tensors = (fac_tensor_list){r->lists + r->n_lists, n};
        for (int i = 0; i < n; i++)
            r->lists[r->n_lists++] = items[i].v.tensor;
    } else {
        v.kind = FAC_VALUE_LIST;
        v.v.list.items = r->values + r->n_values;
        v.v.list.count = n;
        memcpy(r->values + r->n_values, items, (size_t)n * sizeof *items);
        r->n_values += n;
    }
    return v;
}

static fac_value list_of(run *r, json_t *j)
{
    int n = (int)json_array_size(j);
    fac_value items[MAX_VALUES];
    if (n > MAX_VALUES) return r->bad = true, fac_value_none();
    for (int i = 0; i < n; i++)
        items[i] = value_of(r, json_array_get(j, (size_t)i));
    return list_from(r, items, n);
}

static fac_value object_of(run *r, json_t *j)
{
    fac_value v = fac_value_none();
    json_t *x;
    if (json_object_get(j, "tensor")) {
        fac_tensor *t = tensor_of(r, j);
        return fac_value_tensor(t);
    }
    if ((x = json_object_get(j, "float")))
        return fac_value_scalar(fac_scalar_float(strtod(json_string_value(x), NULL)));
    if ((x = json_object_get(j, "dtype"))) {
        v.kind = FAC_VALUE_DTYPE;
        v.v.dtype = fac_dtype_from_name(json_string_value(x));
        r->bad = r->bad || !v.v.dtype;
        return v;
    }
    if ((x = json_object_get(j, "slice"))) {
        v = list_of(r, x);
        if (v.kind == FAC_VALUE_INTS) { /* a slice is always a list of three values */
            const int64_t *p = v.v.ints.items;
            fac_value *s = r->values + r->n_values;
            if (v.v.ints.count != 3 || r->n_values + 3 > MAX_VALUES) return r->bad = true, v;
            r->n_values += 3;
            for (int i = 0; i < 3; i++)
                s[i] = fac_value_scalar(fac_scalar_int(p[i]));
            v.v.list.items = s;
            v.v.list.count = 3;
        }
        v.kind = FAC_VALUE_SLICE;
        return v;
    }
    if (json_object_get(j, "ellipsis")) {
        v.kind = FAC_VALUE_ELLIPSIS;
        return v;
    }
    return v; /* memory_format, layout, device: without effect */
}

static fac_value value_of(run *r, json_t *j)
{
    switch (json_typeof(j)) {
    case JSON_TRUE:
    case JSON_FALSE: return fac_value_scalar(fac_scalar_bool(json_is_true(j)));
    case JSON_INTEGER: return fac_value_scalar(fac_scalar_int(json_integer_value(j)));
    case JSON_REAL: return fac_value_scalar(fac_scalar_float(json_real_value(j)));
    case JSON_STRING: return fac_value_string(json_string_value(j));
    case JSON_ARRAY: return list_of(r, j);
    case JSON_OBJECT: return object_of(r, j);
    default: return fac_value_none();
    }
}

/* ---- from the recorded operation to the call ------------------------------------------------------------------- */

typedef struct call {
    const char *op;
    fac_value args[MAX_ARGS];
    int n_args;
    fac_keyword keywords[MAX_ARGS];
    int n_keywords;
} call;

static bool is_one_of(const char *op, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(op, *list)) return true;
    return false;
}

static void swap(fac_value *a, fac_value *b)
{
    fac_value t = *a;
    *a = *b;
    *b = t;
}

/* Several arguments from `first` on become one list; what is one already stays. */
static void pack(run *r, call *k, int first)
{
    if (k->n_args <= first || k->args[first].kind == FAC_VALUE_TENSORS || k->args[first].kind == FAC_VALUE_INTS) return;
    k->args[first] = list_from(r, k->args + first, k->n_args - first);
    k->n_args = first + 1;
}

static void adapt(run *r, call *k)
{
    static const char *const variadic[] = {"block_diag", "broadcast_tensors", "cartesian_prod", "meshgrid", NULL};
    static const char *const degree_last[] = {"polygamma", "special.polygamma", NULL};
    static const char *const sized[] = {"sum_to_size", NULL};
    static const char *const of_product[] = {"svd_lowrank", "pca_lowrank", NULL};
    static const char *const on_copy[] = {"fill", "zero_", "resize_", "resize_as_", NULL};
    if (!strcmp(k->op, "where") && k->n_args > 1) swap(&k->args[0], &k->args[1]);
    if (!strcmp(k->op, "einsum") && k->n_args > 1) swap(&k->args[0], &k->args[1]);
    if (!strcmp(k->op, "nn.functional.embedding") && k->n_args > 1) swap(&k->args[0], &k->args[1]);
    if (!strcmp(k->op, "nn.functional.embedding_bag") && k->n_args > 1) swap(&k->args[0], &k->args[1]);
    const char *variant = json_string_value(json_object_get(r->c, "variant"));
    bool product = !strcmp(k->op, "linalg.pinv") ? variant && !strcmp(variant, "singular")
                                                 : is_one_of(k->op, of_product);
    if (product && k->n_args > 1 && k->args[1].kind == FAC_VALUE_TENSOR) { /* of a b^T */
        k->args[0] = fac_value_tensor(fac_matmul(k->args[0].v.tensor, fac_mT(k->args[1].v.tensor)));
        k->n_args--;
        memmove(k->args + 1, k->args + 2, (size_t)(k->n_args - 1) * sizeof *k->args);
    }
    if (is_one_of(k->op, degree_last) && k->n_args) { /* (x, n), or n by its name */
        if (k->n_args > 1)
            swap(&k->args[0], &k->args[1]);
        else
            k->keywords[k->n_keywords++] = (fac_keyword){"self", k->args[--k->n_args]};
    }
    if (is_one_of(k->op, variadic)) pack(r, k, 0);
    if (is_one_of(k->op, sized)) pack(r, k, 1);
    if (is_one_of(k->op, on_copy) && k->n_args) k->args[0] = fac_value_tensor(fac_clone(k->args[0].v.tensor));
    if (!strcmp(k->op, "fill")) k->op = "fill_";
}

static bool build(run *r, call *k)
{
    static const char *const dropped[] = {"device", "layout", "pin_memory", "non_blocking", NULL};
    json_t *args = json_object_get(r->c, "args"), *j;
    size_t i;
    const char *name;
    k->op = json_string_value(json_object_get(r->c, "op"));
    k->n_args = k->n_keywords = 0;
    if (json_array_size(args) + json_object_size(json_object_get(r->c, "kwargs")) > MAX_ARGS) return false;
    json_array_foreach(args, i, j) k->args[k->n_args++] = value_of(r, j);
    json_object_foreach(json_object_get(r->c, "kwargs"), name, j) {
        if (is_one_of(name, dropped) || (!strcmp(name, "requires_grad") && json_is_false(j))) continue;
        k->keywords[k->n_keywords++] = (fac_keyword){name, value_of(r, j)};
    }
    if (!r->bad) adapt(r, k);
    return !r->bad;
}

/* ---- comparison --------------------------------------------------------------------------------------------- */

static bool close(double e, double g, double rtol, double atol)
{
    if (isnan(e) || isnan(g)) return isnan(e) && isnan(g);
    if (isinf(e) || isinf(g)) return e == g;
    return fabs(g - e) <= atol + rtol * fabs(e);
}

static bool same_kind(run *r, const char *what, fac_tensor *want, fac_tensor *got)
{
    fac_dims a = fac_shape(want), b = fac_shape(got);
    bool same = fac_dtype_of(want) == fac_dtype_of(got) && a.n == b.n;
    for (int i = 0; same && i < a.n; i++)
        same = a.d[i] == b.d[i];
    if (same) return true;
    char *shapes[2] = {fac_to_string(fac_from_array(a.d, FAC_INT64, FAC_SHAPE(a.n))),
                       fac_to_string(fac_from_array(b.d, FAC_INT64, FAC_SHAPE(b.n)))};
    say(r, "%s: expected %s of shape %s, got %s of shape %s", what, fac_dtype_name(fac_dtype_of(want)), shapes[0],
        fac_dtype_name(fac_dtype_of(got)), shapes[1]);
    free(shapes[0]);
    free(shapes[1]);
    return false;
}

static bool same_integers(run *r, const char *what, const int64_t *e, const int64_t *g, int64_t n, bool absolute)
{
    int64_t wrong = 0, worst = 0;
    double largest = -1;
    for (int64_t i = 0; i < n; i++) {
        if (e[i] == g[i] || (absolute && e[i] == -g[i])) continue;
        wrong++;
        double d = fabs((double)e[i] - (double)g[i]);
        if (d > largest) largest = d, worst = i;
    }
    return !wrong || say(r, "%s: %lld of %lld differ; [%lld]: expected %lld, got %lld", what, (long long)wrong,
                         (long long)n, (long long)worst, (long long)e[worst], (long long)g[worst]);
}

static bool same_floats(run *r, const char *what, const double *e, const double *g, int64_t n, bool absolute,
                        double rtol, double atol)
{
    int64_t wrong = 0, worst = 0;
    double largest = -1;
    for (int64_t i = 0; i < n; i++) {
        double x = absolute ? fabs(e[i]) : e[i], y = absolute ? fabs(g[i]) : g[i];
        if (close(x, y, rtol, atol)) continue;
        wrong++;
        double d = isnan(x) || isnan(y) ? INFINITY : fabs(x - y);
        if (d > largest) largest = d, worst = i;
    }
    return !wrong || say(r, "%s: %lld of %lld differ; [%lld]: expected %.9g, got %.9g (rtol %g, atol %g%s)", what,
                         (long long)wrong, (long long)n, (long long)worst, e[worst], g[worst], rtol, atol,
                         absolute ? ", absolute values" : "");
}

/* FORMAT 6. */
static bool compare(run *r, const char *what, const char *name, fac_tensor *got, const char *check, double rtol,
                    double atol)
{
    fac_tensor *want = case_file_tensor(r->file, name, NULL);
    if (!want || !got) return say(r, "%s: %s is missing", what, want ? "result" : "expected tensor");
    bool shape = !strcmp(check, "shape"), absolute = !strcmp(check, "abs");
    if (!shape && !absolute && strcmp(check, "equal")) return say(r, "%s: there is no check '%s'", what, check);
    if (!same_kind(r, what, want, got)) return false;
    if (shape) return true;
    int64_t n = fac_numel(want);
    bool floats = fac_dtype_is_floating(fac_dtype_of(want)), ok = false;
    void *e = malloc((size_t)(n + 1) * 16), *g = (double *)e + n;
    fac_dtype as = floats ? FAC_FLOAT64 : FAC_INT64;
    if (e && fac_to_array(want, as, e, n) && fac_to_array(got, as, g, n))
        ok = floats ? same_floats(r, what, e, g, n, absolute, rtol, atol) : same_integers(r, what, e, g, n, absolute);
    else
        say(r, "%s: the values cannot be read", what);
    free(e);
    return ok;
}

/* ---- outputs and gradients ---------------------------------------------------------------------------------- */

static int flatten(const fac_value *v, int n, fac_tensor **out, int max)
{
    int count = 0;
    for (int i = 0; i < n; i++) {
        if (v[i].kind == FAC_VALUE_TENSOR && count < max) out[count++] = v[i].v.tensor;
        if (v[i].kind == FAC_VALUE_SCALAR && count < max)
            out[count++] = fac_scalar_tensor(v[i].v.scalar, .dtype = v[i].v.scalar.kind);
        for (int64_t k = 0; v[i].kind == FAC_VALUE_TENSORS && k < v[i].v.tensors.count && count < max; k++)
            out[count++] = v[i].v.tensors.items[k];
        for (int64_t k = 0; v[i].kind == FAC_VALUE_INTS && k < v[i].v.ints.count && count < max; k++)
            out[count++] = fac_scalar_tensor(fac_scalar_int(v[i].v.ints.items[k]), .dtype = FAC_INT64);
    }
    return count;
}

static double number_of(run *r, const char *key)
{
    return json_number_value(json_object_get(r->c, key));
}

static bool check_outputs(run *r, fac_tensor **outs, int n)
{
    json_t *names = json_object_get(r->c, "outputs"), *checks = json_object_get(r->c, "checks");
    if (n != (int)json_array_size(names)) return say(r, "expected %d outputs, got %d", (int)json_array_size(names), n);
    bool shape_only = json_is_true(json_object_get(r->c, "shape_only"));
    for (int i = 0; i < n; i++) {
        const char *check = json_string_value(json_array_get(checks, (size_t)i));
        char what[32];
        snprintf(what, sizeof what, "output %d", i);
        if (!compare(r, what, json_string_value(json_array_get(names, (size_t)i)), outs[i],
                     shape_only ? "shape"
                     : check    ? check
                                : "equal",
                     number_of(r, "rtol"), number_of(r, "atol")))
            return false;
    }
    return true;
}

/* A tensor of the file that is no argument. */
static fac_tensor *tensor_named(run *r, const char *name)
{
    fac_tensor *t = known(r, name);
    return t ? t : learn(r, name, NULL);
}

typedef struct gradients {
    fac_tensor *leaves[MAX_TENSORS], *got[MAX_TENSORS]; /* in the order of the recorded ones; got NULL: none */
    int n;
} gradients;

static bool compute_gradients(run *r, fac_tensor **outs, int n, gradients *g)
{
    json_t *cotangents = json_object_get(r->c, "grad_outputs"), *grads = json_object_get(r->c, "grads"), *j;
    fac_tensor *roots[MAX_TENSORS], *gs[MAX_TENSORS];
    const char *name;
    int n_roots = 0;
    g->n = 0;
    if (!grads) return true;
    if (json_array_size(cotangents) != (size_t)n || json_object_size(grads) > MAX_TENSORS)
        return say(r, "backward: %d cotangents for %d outputs", (int)json_array_size(cotangents), n);
    for (int i = 0; i < n; i++) {
        const char *cotangent = json_string_value(json_array_get(cotangents, (size_t)i));
        if (!cotangent || !fac_requires_grad(outs[i])) continue;
        roots[n_roots] = outs[i];
        gs[n_roots] = tensor_named(r, cotangent);
        if (!gs[n_roots++]) return say(r, "backward: the cotangent %s is missing", cotangent);
    }
    json_object_foreach(grads, name, j) {
        g->got[g->n] = NULL;
        g->leaves[g->n] = known(r, name);
        if (!g->leaves[g->n++]) return say(r, "backward: no argument is %s", name);
    }
    if (n_roots && g->n &&
        !fac_autograd_grad(roots, n_roots, g->leaves, g->n, g->got, .grad_outputs = gs, .allow_unused = true))
        return say(r, "backward: %s", fac_error() ? fac_error() : "failed");
    return true;
}

static bool check_gradients(run *r, const gradients *computed)
{
    json_t *grads = json_object_get(r->c, "grads"), *j;
    const char *name;
    int i = 0;
    json_object_foreach(grads, name, j) {
        fac_tensor *g = computed->got[i] ? computed->got[i] : fac_zeros_like(computed->leaves[i]);
        char what[64];
        snprintf(what, sizeof what, "gradient of %s",
                 strchr(name, '.') ? strstr(name, "arg") ? strstr(name, "arg") : name : name);
        i++;
        if (json_is_null(j)) {
            if (fac_item(fac_sum(fac_abs(g))) != 0) return say(r, "%s: expected none", what);
        } else if (!compare(r, what, json_string_value(j), g, "equal", number_of(r, "grad_rtol"),
                            number_of(r, "grad_atol"))) {
            return false;
        }
    }
    return true;
}

/* FORMAT 4: of linalg.lstsq#grad_oriented only the solution is an output. */
static bool solution_only(const call *k, json_t *c)
{
    const char *variant = json_string_value(json_object_get(c, "variant"));
    return !strcmp(k->op, "linalg.lstsq") && variant && !strcmp(variant, "grad_oriented");
}

/* ---- the call --------------------------------------------------------------------------------------------------- */

typedef struct outcome {
    fac_tensor *outs[MAX_TENSORS];
    int n;
    gradients gradients;
    bool kept; /* a reference to each */
} outcome;

static bool call_op(run *r, const call *k, outcome *o)
{
    fac_value results[16];
    int n = fac_call(k->op, k->args, k->n_args, k->keywords, k->n_keywords, results, 16);
    if (n < 0) return false;
    if (solution_only(k, r->c)) n = 1;
    o->n = flatten(results, n, o->outs, MAX_TENSORS);
    return true;
}

static bool compute(run *r, const call *k, outcome *o)
{
    return call_op(r, k, o) && compute_gradients(r, o->outs, o->n, &o->gradients);
}

static void keep(outcome *o)
{
    for (int i = 0; i < o->n; i++)
        fac_keep(o->outs[i]);
    for (int i = 0; i < o->gradients.n; i++)
        fac_keep(o->gradients.got[i]);
    o->kept = true;
}

static void forget(outcome *o)
{
    for (int i = 0; i < o->n && o->kept; i++)
        fac_release(o->outs[i]);
    for (int i = 0; i < o->gradients.n && o->kept; i++)
        fac_release(o->gradients.got[i]);
    free(o);
}

/* Captures the call on other values, the given ones in reverse order, and replays it on the given ones: a value that the
 * plan holds on to comes out wrong. A call that cannot be captured is skipped. */
static bool run_captured(run *r, outcome *o, case_result *result)
{
    fac_tensor *given[MAX_TENSORS];
    fac_plan *plan = NULL;
    if (json_object_get(r->c, "grads")) { /* the cotangents too, before the capture */
        size_t i;
        json_t *j;
        json_array_foreach(json_object_get(r->c, "grad_outputs"), i, j) if (json_is_string(j))
            tensor_named(r, json_string_value(j));
    }
    int n = r->n_tensors;
    fac_no_grad
        for (int i = 0; i < n; i++) {
            given[i] = fac_clone(r->tensors[i]);
            fac_dims all = fac_shape(given[i]);
            for (int d = 0; d < all.n; d++)
                all.d[d] = d;
            if (fac_is_leaf(r->tensors[i])) fac_copy_(r->tensors[i], fac_flip(given[i], all));
            fac_clear_error(); /* an expanded tensor stays as it is */
        }
    bool ok = false;
    r->n_values = r->n_ints = r->n_lists = 0;
    fac_capture(&plan) {
        call k;
        ok = build(r, &k) && compute(r, &k, o);
        if (ok) keep(o);
    }
    if (!plan) {
        say(r, "not captured: %s", fac_error() ? fac_error() : "?");
        *result = CASE_SKIPPED;
        return false;
    }
    fac_no_grad
        for (int i = 0; i < n; i++) {
            fac_copy_(r->tensors[i], given[i]);
            fac_clear_error();
        }
    ok = fac_replay(plan);
    fac_plan_free(plan);
    return ok;
}

case_result case_run(const case_file *f, json_t *c, char *why, size_t room)
{
    case_result result = CASE_FAILED;
    run *r = calloc(1, sizeof *r);
    r->file = f;
    r->c = c;
    r->why = why;
    r->room = room;
    *why = 0;
    fac_clear_error();
    fac_scope {
        call k;
        bool raises = json_object_get(c, "raises") != NULL;
        bool built = build(r, &k);
        if (!fac_op_exists(k.op)) {
            say(r, "no operation %s", k.op);
            result = CASE_SKIPPED;
            break;
        }
        /* An argument that facula itself refuses, such as a tensor of too many dimensions, is a call refused. */
        if (!built) {
            say(r, "the arguments cannot be made: %s", fac_error() ? fac_error() : "too many of them");
            if (raises && fac_error()) result = CASE_PASSED;
            break;
        }
        outcome *o = calloc(1, sizeof *o);
        if (raises) {
            if (!call_op(r, &k, o))
                result = CASE_PASSED;
            else
                say(r, "expected %s: %s", json_string_value(json_object_get(c, "raises")),
                    json_string_value(json_object_get(c, "message")));
        } else if (case_captured ? !run_captured(r, o, &result) : !compute(r, &k, o)) {
            if (!*why) say(r, "%s", fac_error() ? fac_error() : "failed without an error");
        } else if (check_outputs(r, o->outs, o->n) && check_gradients(r, &o->gradients)) {
            result = CASE_PASSED;
        }
        forget(o);
        if (result == CASE_PASSED && !raises && fac_error()) {
            say(r, "an error is pending: %s", fac_error());
            result = CASE_FAILED;
        }
    }
    fac_clear_error();
    free(r);
    return result;
}
