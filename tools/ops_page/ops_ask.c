/* Floor 9. Asks an operation what it does with dtypes and gradients, by calls made from its schema. */
#include "ops_page.h"

#include "../../tests/op_calls.h"

void append_shape(char *text, size_t room, const char *between, int ndim, const int64_t *shape)
{
    size_t at = strlen(text);
    at += (size_t)snprintf(text + at, at < room ? room - at : 0, "%s[", at ? between : "");
    for (int i = 0; i < ndim && at < room; i++)
        at += (size_t)snprintf(text + at, room - at, "%s%lld", i ? ", " : "", (long long)shape[i]);
    if (at < room) snprintf(text + at, room - at, "]");
}

static void append_tensor(facts *f, const char *between, const fac_tensor *t)
{
    fac_dims shape = fac_shape(t);
    append_shape(f->example, sizeof f->example, between, shape.n, shape.d);
}

/* Results of several tensors, of a list of them, or a number, as one list of tensors. */
static int results_of(const call *c, fac_tensor **tensors, int max, fac_dtype *first)
{
    fac_value results[16];
    fac_clear_error();
    int n = fac_call(c->name, c->args, c->n_args, c->keywords, c->n_keywords, results, 16), count = 0;
    *first = FAC_DTYPE_NONE;
    for (int i = 0; i < n && i < 16; i++) {
        const fac_value *v = &results[i];
        fac_tensor *const *items = v->kind == FAC_VALUE_TENSORS ? v->v.tensors.items : &v->v.tensor;
        int64_t several = v->kind == FAC_VALUE_TENSORS ? v->v.tensors.count : v->kind == FAC_VALUE_TENSOR;
        for (int64_t k = 0; k < several && count < max; k++)
            if (items[k]) tensors[count++] = items[k];
        if (!i && v->kind == FAC_VALUE_SCALAR) *first = v->v.scalar.kind;
    }
    if (count) *first = fac_dtype_of(tensors[0]);
    return count;
}

/* Whole numbers are made as 0, which some refuse to divide by. */
static void fill_with_ones(const call *c)
{
    fac_no_grad
        for (int i = 0; i < c->n_args; i++) {
            if (c->args[i].kind == FAC_VALUE_TENSOR && c->args[i].v.tensor) fac_fill_(c->args[i].v.tensor, 1);
        }
}

/* The number or tensor that may be None, for operations that want one of several, as clamp does. */
static void add_optional(const char *schema, const variant *v, call *c)
{
    fac__signature s;
    fac__parse_schema(schema, &s);
    for (int i = 0; i < s.count; i++) {
        const fac__param *p = &s.params[i];
        if (!p->has_default || !p->optional || (p->type != FAC__P_SCALAR && p->type != FAC__P_TENSOR)) continue;
        snprintf(c->words[i], sizeof c->words[i], "%.*s", p->name_length, p->name);
        c->keywords[c->n_keywords++] = (fac_keyword){c->words[i], value_for(p, v, c->lists[i])};
    }
}

/* None for each tensor that may be so, though it has to be given: a weight or bias. */
static void drop_optional(const char *schema, call *c)
{
    fac__signature s;
    fac__parse_schema(schema, &s);
    for (int i = 0, arg = 0; i < s.count && arg < c->n_args; i++) {
        if (s.params[i].has_default || s.params[i].keyword_only) continue;
        if (s.params[i].type == FAC__P_TENSOR && s.params[i].optional) c->args[arg] = fac_value_none();
        arg++;
    }
}

/* The attempts at a call: each shape, with whole numbers 0 or 1, with and without what may be None. */
enum { ONES = 1, MORE = 2, LESS = 4, ATTEMPTS = 8 * MORE_SHAPES };
static bool attempt(const char *schema, int k, variant *v, call *c)
{
    int how = k / MORE_SHAPES;
    v->shape = k % MORE_SHAPES;
    fac_manual_seed(0);
    if (!make_call(schema, v, c)) return false;
    if (how & ONES) fill_with_ones(c);
    if (how & MORE) add_optional(schema, v, c);
    if (how & LESS) drop_optional(schema, c);
    return true;
}

static void show_example(const call *c, fac_tensor *const *results, int n, facts *f)
{
    f->example[0] = 0;
    for (int i = 0; i < c->n_args; i++) {
        const fac_value *v = &c->args[i];
        if (v->kind == FAC_VALUE_TENSOR) append_tensor(f, ", ", v->v.tensor);
        for (int64_t k = 0; v->kind == FAC_VALUE_TENSORS && k < v->v.tensors.count; k++)
            append_tensor(f, ", ", v->v.tensors.items[k]);
    }
    for (int i = 0; i < n; i++)
        append_tensor(f, i ? ", " : " → ", results[i]);
}

static void ask_dtypes(const char *schema, facts *f)
{
    static call c;
    fac_tensor *results[64];
    for (fac_dtype d = FAC_BOOL; d < FAC_DTYPE_COUNT; d++)
        for (int k = 0; k < ATTEMPTS && !f->gives[d]; k++)
            fac_scope {
                variant v = {0, d, false, false, -1};
                if (!attempt(schema, k, &v, &c)) continue;
                int n = results_of(&c, results, 64, &f->gives[d]);
                f->called = f->called || f->gives[d];
                f->no_tensors = !c.n_tensors && !strstr(schema, "Tensor[]");
                if (d == FAC_FLOAT32 && n && n < 5 && !f->example[0] && !f->no_tensors) show_example(&c, results, n, f);
            }
}

static void collect(const fac_value *v, fac_tensor **leaves, int *n)
{
    if (v->kind == FAC_VALUE_TENSOR && fac_requires_grad(v->v.tensor)) leaves[(*n)++] = v->v.tensor;
    for (int64_t i = 0; v->kind == FAC_VALUE_TENSORS && i < v->v.tensors.count; i++)
        if (fac_requires_grad(v->v.tensors.items[i])) leaves[(*n)++] = v->v.tensors.items[i];
}

static void ask_gradients(const char *schema, facts *f)
{
    static call c;
    for (int k = 0; k < ATTEMPTS && !f->gradient_again; k++)
        fac_scope {
            variant v = {0, FAC_FLOAT64, true, true, -1};
            fac_tensor *results[64], *leaves[2 * FAC__MAX_PARAMS], *grads[2 * FAC__MAX_PARAMS];
            fac_dtype first;
            if (!attempt(schema, k, &v, &c)) continue;
            int n = results_of(&c, results, 64, &first), n_leaves = 0;
            f->asked = f->asked || first;
            for (int i = 0; i < c.n_args; i++)
                collect(&c.args[i], leaves, &n_leaves);
            for (int i = 0; i < n && !f->gradient_again; i++) {
                if (!fac_requires_grad(results[i])) continue;
                f->gradient = true;
                fac_tensor *g = fac_ones_like(results[i], .requires_grad = true);
                if (!fac_autograd_grad(&results[i], 1, leaves, n_leaves, grads, .grad_outputs = &g,
                                       .create_graph = true, .allow_unused = true))
                    continue;
                for (int j = 0; j < n_leaves; j++)
                    if (grads[j] && fac_requires_grad(grads[j])) f->gradient_again = true;
            }
        }
}

void ask_op(const char *schema, facts *f)
{
    bool known = false;
    for (fac_dtype d = FAC_BOOL; d < FAC_DTYPE_COUNT; d++)
        known = known || f->gives[d];
    if (!known) ask_dtypes(schema, f);
    if (!f->gradient) ask_gradients(schema, f);
    fac_clear_error();
}
