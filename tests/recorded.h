/* Replays calls that were recorded from PyTorch (tests/data/NAME_ops.txt; the format is told in
 * tests/record/record_reduce_ops.py): outputs, gradients and gradients of gradients. */
#ifndef FACULA_RECORDED_H
#define FACULA_RECORDED_H

#include "testing.h"

#include <stdio.h>

enum { RECORDED_VALUES = 32 };

typedef struct recorded {
    FILE *file;
    char *line;
    size_t room;
    int number;
    char *at; /* the next word of the line */
    char name[64];
} recorded;

static bool recorded_line(recorded *r)
{
    if (getline(&r->line, &r->room, r->file) < 0) return false;
    r->number++;
    r->at = r->line;
    return true;
}

static char *recorded_word(recorded *r)
{
    char *word = strtok_r(r->at, " \n", &r->at);
    if (!word) fail_msg("line %d: the line is too short", r->number);
    return word;
}

/* DTYPE SHAPE [FLAGS] V... */
static fac_tensor *recorded_tensor(recorded *r, bool flags, bool *wants_grad)
{
    fac_dtype dtype = fac_dtype_from_name(recorded_word(r));
    fac_dims shape = fac_dims_make(0, NULL);
    for (char *word = recorded_word(r); *word && *word != '-'; word += *word == ',')
        shape.d[shape.n++] = strtoll(word, &word, 10);
    const char *options = flags ? recorded_word(r) : "";
    bool swapped = strstr(options, "mT") != NULL;
    if (swapped) {
        int64_t last = shape.d[shape.n - 1];
        shape.d[shape.n - 1] = shape.d[shape.n - 2];
        shape.d[shape.n - 2] = last;
    }
    fac_tensor *t = fac_zeros(shape, .dtype = FAC_FLOAT64);
    for (int64_t i = 0; i < fac_numel(t); i++)
        ((double *)fac_data(t))[i] = strtod(recorded_word(r), NULL);
    t = fac_to(t, dtype);
    if (swapped) t = fac_mT(t);
    if (wants_grad) *wants_grad = strstr(options, "grad") != NULL;
    return t;
}

/* What a case consists of. */
typedef struct recorded_case {
    fac_value args[RECORDED_VALUES];
    fac_keyword keywords[RECORDED_VALUES];
    int n_args, n_keywords, n_out, n_first, n_second, n_leaves, n_listed;
    fac_tensor *leaves[RECORDED_VALUES], *out[RECORDED_VALUES], *first[RECORDED_VALUES], *second[RECORDED_VALUES];
    fac_tensor *lists[RECORDED_VALUES];
    fac_value bools[RECORDED_VALUES];
    int64_t ints[RECORDED_VALUES][FAC_MAX_DIMS];
    char texts[RECORDED_VALUES][64], words[RECORDED_VALUES][32];
} recorded_case;

static fac_tensor *recorded_input(recorded *r, recorded_case *c)
{
    bool grad;
    fac_tensor *t = recorded_tensor(r, true, &grad);
    if (grad) c->leaves[c->n_leaves++] = fac_requires_grad_(t, true);
    return t;
}

static fac_value recorded_value(recorded *r, recorded_case *c, const char *kind, int slot)
{
    fac_value v = fac_value_none();
    switch (*kind) {
    case 't': return fac_value_tensor(recorded_input(r, c));
    case 'i': return fac_value_scalar(fac_scalar_int(strtoll(recorded_word(r), NULL, 10)));
    case 'f': return fac_value_scalar(fac_scalar_float(strtod(recorded_word(r), NULL)));
    case 'b': return fac_value_scalar(fac_scalar_bool(*recorded_word(r) == '1'));
    case 's':
        snprintf(c->texts[slot], sizeof c->texts[0], "%s", r->at);
        c->texts[slot][strcspn(c->texts[slot], "\n")] = 0;
        return fac_value_string(c->texts[slot]);
    case 'd':
        v.kind = FAC_VALUE_DTYPE;
        v.v.dtype = fac_dtype_from_name(recorded_word(r));
        return v;
    case 'I':
        v.kind = FAC_VALUE_INTS;
        v.v.ints.items = c->ints[slot];
        v.v.ints.count = 0;
        for (char *word = recorded_word(r); *word && strcmp(word, "-"); word += *word == ',')
            c->ints[slot][v.v.ints.count++] = strtoll(word, &word, 10);
        return v;
    case 'B':
        v.kind = FAC_VALUE_LIST;
        v.v.list.items = c->bools;
        v.v.list.count = 0;
        for (const char *word = recorded_word(r); *word; word++)
            c->bools[v.v.list.count++] = fac_value_scalar(fac_scalar_bool(*word == '1'));
        return v;
    case 'L':
        v.kind = FAC_VALUE_TENSORS;
        v.v.tensors = (fac_tensor_list){c->lists + c->n_listed, strtoll(recorded_word(r), NULL, 10)};
        c->n_listed += (int)v.v.tensors.count;
        for (int i = 0; i < v.v.tensors.count && recorded_line(r); i++) {
            recorded_word(r);
            v.v.tensors.items[i] = recorded_input(r, c);
        }
        return v;
    default: return v;
    }
}

/* Reads up to "end". */
static void recorded_read(recorded *r, recorded_case *c)
{
    memset(c, 0, sizeof *c);
    bool keyword = false;
    for (int slot = 0; recorded_line(r); slot++) {
        const char *kind = recorded_word(r);
        if (!strcmp(kind, "end")) return;
        if (*kind == '=')
            c->out[c->n_out++] = recorded_tensor(r, false, NULL);
        else if (*kind == 'g')
            c->first[c->n_first++] = recorded_tensor(r, false, NULL);
        else if (*kind == 'h')
            c->second[c->n_second++] = recorded_tensor(r, false, NULL);
        else if (*kind == 'k') {
            snprintf(c->words[slot], sizeof c->words[0], "%s", recorded_word(r));
            c->keywords[c->n_keywords].name = c->words[slot];
            keyword = true;
        } else if (keyword) {
            c->keywords[c->n_keywords++].value = recorded_value(r, c, kind, slot);
            keyword = false;
        } else {
            c->args[c->n_args++] = recorded_value(r, c, kind, slot);
        }
    }
    fail_msg("the file ends within a case");
}

static fac_tensor *recorded_weights(fac_tensor *like)
{
    fac_tensor *w = fac_zeros(fac_shape(like), .dtype = FAC_FLOAT64);
    for (int64_t j = 0; j < fac_numel(w); j++)
        ((double *)fac_data(w))[j] = (double)(j % 7 - 3) / 4;
    return fac_to(w, fac_dtype_of(like));
}

static void recorded_compare(const recorded *r, const char *what, int i, fac_tensor *got, fac_tensor *want)
{
    static const double digits[FAC_DTYPE_COUNT] = {
        [FAC_FLOAT64] = 1e-9, [FAC_FLOAT32] = 3e-6, [FAC_FLOAT16] = 2e-3, [FAC_BFLOAT16] = 2e-2};
    if (!got) fail_msg("line %d, %s: %s %d: %s", r->number, r->name, what, i, fac_error() ? fac_error() : "NULL");
    bool same = fac_dtype_of(got) == fac_dtype_of(want) && fac_dim(got) == fac_dim(want);
    for (int d = 0; same && d < fac_dim(got); d++)
        same = fac_size(got, d) == fac_size(want, d);
    double tolerance = digits[fac_dtype_of(want)];
    if (same) {
        int64_t n = fac_numel(got);
        double *a = calloc((size_t)n + 1, sizeof *a), *b = calloc((size_t)n + 1, sizeof *b);
        fac_to_array(got, FAC_FLOAT64, a, n);
        fac_to_array(want, FAC_FLOAT64, b, n);
        for (int64_t k = 0; k < n && same; k++)
            same = a[k] == b[k] || (isnan(a[k]) && isnan(b[k])) || fabs(a[k] - b[k]) <= tolerance * (1 + fabs(b[k]));
        free(a);
        free(b);
    }
    if (same) return;
    char *x = fac_to_string(got), *y = fac_to_string(want);
    print_error("got %s\nexpected %s\n", x, y);
    free(x);
    free(y);
    fail_msg("line %d, %s: %s %d differs", r->number, r->name, what, i);
}

/* Gradients of roots, weighted, with respect to the leaves; NULLs become zeros. */
static void recorded_gradients(const recorded *r, fac_tensor **roots, int n, const recorded_case *c, fac_tensor **grads)
{
    fac_tensor *tracked[RECORDED_VALUES], *weights[RECORDED_VALUES];
    int count = 0;
    for (int i = 0; i < n; i++)
        if (fac_requires_grad(roots[i])) {
            tracked[count] = roots[i];
            weights[count++] = recorded_weights(roots[i]);
        }
    memset(grads, 0, sizeof(fac_tensor *) * RECORDED_VALUES);
    if (count && !fac_autograd_grad(tracked, count, c->leaves, c->n_leaves, grads, .grad_outputs = weights,
                                    .create_graph = true, .allow_unused = true))
        fail_msg("line %d, %s: backward: %s", r->number, r->name, fac_error());
    for (int i = 0; i < c->n_leaves; i++)
        if (!grads[i]) grads[i] = fac_zeros_like(c->leaves[i]);
}

static void recorded_check(recorded *r)
{
    recorded_case c;
    recorded_read(r, &c);
    fac_value results[RECORDED_VALUES];
    fac_tensor *got[RECORDED_VALUES], *first[RECORDED_VALUES], *second[RECORDED_VALUES];
    int n = fac_call(r->name, c.args, c.n_args, c.keywords, c.n_keywords, results, RECORDED_VALUES);
    if (n < 0) fail_msg("line %d, %s: %s", r->number, r->name, fac_error());
    if (n != c.n_out) fail_msg("line %d, %s: %d results, expected %d", r->number, r->name, n, c.n_out);
    for (int i = 0; i < n; i++) {
        got[i] = results[i].kind == FAC_VALUE_TENSOR ? results[i].v.tensor : NULL;
        recorded_compare(r, "output", i, got[i], c.out[i]);
    }
    if (!c.n_first) return;
    recorded_gradients(r, got, n, &c, first);
    for (int i = 0; i < c.n_first; i++)
        recorded_compare(r, "gradient", i, first[i], c.first[i]);
    if (!c.n_second) return;
    recorded_gradients(r, first, c.n_first, &c, second);
    for (int i = 0; i < c.n_second; i++)
        recorded_compare(r, "second gradient", i, second[i], c.second[i]);
}

/* Every case of tests/data/NAME; there must be some. */
__attribute__((unused)) static void replay_recorded(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", FAC_TEST_DATA, name);
    recorded r = {.file = fopen(path, "r")};
    if (!r.file) fail_msg("cannot open %s", path);
    int cases = 0;
    while (recorded_line(&r)) {
        assert_string_equal(recorded_word(&r), "case");
        snprintf(r.name, sizeof r.name, "%s", recorded_word(&r));
        fac_scope
            recorded_check(&r);
        assert_null(fac_error());
        cases++;
    }
    assert_true(cases > 20);
    free(r.line);
    fclose(r.file);
}

#endif
