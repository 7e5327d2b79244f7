/* Calls of every operation there is, made from its schema: all arguments that have no default. */
#ifndef FACULA_OP_CALLS_H
#define FACULA_OP_CALLS_H

#include <facula/facula.h>
#include <stdio.h>
#include <string.h>

#include "ops/schema.h"

enum { SHAPES = 5, MORE_SHAPES = 11, DTYPES = 5 }; /* the grid uses the first shapes */

/* How the arguments of one call are made. */
typedef struct variant {
    int shape;
    fac_dtype dtype;
    bool grad;
    bool random;     /* values between 0.1 and 0.9, else all 0.75 */
    int null_tensor; /* this tensor argument (counted from 0) is missing; -1: none */
} variant;

static fac_dims shape_of(int i)
{
    switch (i) {
    case 0: return FAC_SHAPE(2, 3);
    case 1: return FAC_SHAPE();
    case 2: return FAC_SHAPE(0, 3);
    case 3: return FAC_SHAPE(2, 1, 2, 1, 1, 2, 1, 3);
    case 4: return FAC_SHAPE(2, 3, 4, 4);
    case 5: return FAC_SHAPE(3);
    case 6: return FAC_SHAPE(3, 3);
    case 7: return FAC_SHAPE(2, 2, 2);
    case 8: return FAC_SHAPE(1, 1, 4);
    case 9: return FAC_SHAPE(1, 1, 4, 4);
    default: return FAC_SHAPE(1, 1, 2, 2, 2);
    }
}

static bool starts(const fac__param *p, const char *word)
{
    return (int)strlen(word) <= p->name_length && !strncmp(p->name, word, strlen(word));
}

static fac_tensor *tensor_for(const fac__param *p, const variant *v)
{
    fac_dims shape = shape_of(v->shape);
    if (starts(p, "ind") || starts(p, "target")) return fac_zeros(shape, .dtype = FAC_INT64);
    if (starts(p, "mask") || starts(p, "condition")) return fac_zeros(shape, .dtype = FAC_BOOL);
    fac_tensor *t = v->random ? fac_rand(shape, .dtype = FAC_FLOAT64) : fac_full(shape, 0.75, .dtype = FAC_FLOAT32);
    if (v->random) t = fac_add_scalar(fac_mul_scalar(t, 0.8), 0.1); /* inside of every function's domain */
    t = fac_to(t, v->dtype);
    if (v->grad && fac_dtype_is_floating(v->dtype)) fac_requires_grad_(t, true);
    return t;
}

static const int64_t some_ints[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};

/* Of int[3] 3, of int[] 2. */
static int list_length(const fac__param *p)
{
    const char *s = p->name;
    while (p->sized && *s != '[')
        s--;
    return p->sized && s[1] > '0' && s[1] <= '9' ? s[1] - '0' : 2;
}

/* A value for the parameter; the call is made with all that have no default. */
static fac_value value_for(const fac__param *p, const variant *v, fac_tensor **list)
{
    fac_value x = fac_value_none();
    switch (p->type) {
    case FAC__P_TENSOR: return fac_value_tensor(tensor_for(p, v));
    case FAC__P_TENSORS:
        x.kind = FAC_VALUE_TENSORS;
        list[0] = tensor_for(p, v);
        list[1] = tensor_for(p, v);
        x.v.tensors = (fac_tensor_list){list, 2};
        return x;
    case FAC__P_SCALAR: return fac_value_scalar(fac_scalar_int(2));
    case FAC__P_INT: return fac_value_scalar(fac_scalar_int(starts(p, "dim") ? 0 : 1));
    case FAC__P_FLOAT: return fac_value_scalar(fac_scalar_float(0.5));
    case FAC__P_BOOL: return fac_value_scalar(fac_scalar_bool(false));
    case FAC__P_INTS:
        x.kind = FAC_VALUE_INTS;
        x.v.ints.items = some_ints;
        x.v.ints.count = starts(p, "dim") ? 1 : list_length(p);
        return x;
    case FAC__P_STRING: return fac_value_string("mean");
    case FAC__P_DTYPE:
        x.kind = FAC_VALUE_DTYPE;
        x.v.dtype = FAC_FLOAT32;
        return x;
    case FAC__P_FLOATS:
    case FAC__P_ANY:
        x.kind = FAC_VALUE_LIST;
        x.v.list.items = NULL;
        x.v.list.count = 0;
        return x;
    default: return x;
    }
}

typedef struct call {
    char name[160];
    fac_value args[FAC__MAX_PARAMS];
    fac_keyword keywords[FAC__MAX_PARAMS];
    char words[FAC__MAX_PARAMS][48];
    int n_args, n_keywords, n_tensors;
    fac_tensor *lists[FAC__MAX_PARAMS][2];
} call;

static inline bool make_call(const char *schema, const variant *v, call *c)
{
    fac__signature s;
    if (!fac__parse_schema(schema, &s)) return false;
    memset(c, 0, sizeof *c);
    snprintf(c->name, sizeof c->name, "%.*s", s.full_length, schema);
    for (int i = 0; i < s.count; i++) {
        const fac__param *p = &s.params[i];
        if (p->has_default) continue;
        fac__param as = *p;
        if (starts(p, "target") && (!strncmp(schema, "kl_div", 6) || !strncmp(schema, "binary_cross_entropy", 20)))
            as.name = "self", as.name_length = 4; /* these targets are probabilities, no indices */
        fac_value x = value_for(&as, v, c->lists[i]);
        if (p->type == FAC__P_TENSOR && c->n_tensors++ == v->null_tensor) {
            x.kind = FAC_VALUE_TENSOR;
            x.v.tensor = NULL;
        }
        if (p->keyword_only) {
            snprintf(c->words[i], sizeof c->words[i], "%.*s", p->name_length, p->name);
            c->keywords[c->n_keywords++] = (fac_keyword){c->words[i], x};
        } else {
            c->args[c->n_args++] = x;
        }
    }
    return true;
}

#endif
