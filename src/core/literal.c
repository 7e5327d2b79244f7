/* Floor 0. Python's nested lists of numbers as tensors: torch.tensor's rules for shapes, dtypes and errors. The text is
 * read twice by the same code: for shape and dtype, and, when there is a tensor, for the values. */
#include "facula/literal.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "number_text.h"
#include "raise.h"
#include "tensor_impl.h"

enum { MAX_NUMBER = FAC__LONGEST_NUMBER, MAX_OPEN = FAC_MAX_DIMS + 32 };

typedef struct number {
    fac_dtype kind; /* FAC_BOOL, FAC_INT64 or FAC_FLOAT64 */
    bool huge;      /* an integer beyond int64; f has it */
    int64_t i;
    double f; /* of all kinds */
} number;

typedef struct reader {
    const char *text, *p;
    fac_dtype wanted, found; /* the dtype asked for, and the "largest" kind of number yet */
    int depth, ndim;         /* open lists; dimensions, -1 while unknown */
    int64_t shape[FAC_MAX_DIMS], count[FAC_MAX_DIMS + 1]; /* -1: unknown; items so far of the open lists */
    char open[MAX_OPEN];                                  /* '[' and '(' of lists, 'g' of grouping parentheses */
    int open_count;
    fac_tensor *t; /* NULL in the first reading */
    int64_t stored;
} reader;

static bool malformed(const reader *r, const char *expected)
{
    size_t at = (size_t)(r->p - r->text);
    if (!*r->p)
        fac__value_error("invalid literal: expected %s at position %zu, where the text ends", expected, at);
    else
        fac__value_error("invalid literal: expected %s at position %zu, got '%.12s'", expected, at, r->p);
    return false;
}

static void skip_space(reader *r)
{
    while (isspace((unsigned char)*r->p))
        r->p++;
}

/* ---- numbers ------------------------------------------------------------------------------------------------ */

static bool take_word(reader *r, const char *word)
{
    size_t n = strlen(word);
    if (strncmp(r->p, word, n) || isalnum((unsigned char)r->p[n]) || r->p[n] == '_') return false;
    r->p += n;
    return true;
}

static bool read_number(reader *r, number *v)
{
    *v = (number){.kind = FAC_BOOL};
    if (take_word(r, "True") || take_word(r, "true")) {
        v->i = 1;
        v->f = 1;
        return true;
    }
    if (take_word(r, "False") || take_word(r, "false")) return true;
    const char *start = r->p;
    bool minus = *r->p == '-', digits = false;
    if (minus || *r->p == '+') r->p++;
    v->kind = FAC_FLOAT64;
    if (take_word(r, "inf") || take_word(r, "infinity")) {
        v->f = minus ? -INFINITY : INFINITY;
        return true;
    }
    if (take_word(r, "nan")) {
        v->f = NAN;
        return true;
    }
    v->kind = FAC_INT64;
    for (; isdigit((unsigned char)*r->p); r->p++, digits = true)
        if (__builtin_mul_overflow(v->i, 10, &v->i) ||
            __builtin_sub_overflow(v->i, *r->p - '0', &v->i)) /* downwards: there is one more negative integer */
            v->huge = true;
    if (*r->p == '.') {
        v->kind = FAC_FLOAT64;
        for (r->p++; isdigit((unsigned char)*r->p); r->p++)
            digits = true;
    }
    if (!digits) {
        r->p = start;
        return malformed(r, "a number or a list");
    }
    if (*r->p == 'e' || *r->p == 'E') {
        v->kind = FAC_FLOAT64;
        r->p++;
        if (*r->p == '-' || *r->p == '+') r->p++;
        if (!isdigit((unsigned char)*r->p)) return malformed(r, "an exponent");
        while (isdigit((unsigned char)*r->p))
            r->p++;
    }
    if (isalnum((unsigned char)*r->p) || *r->p == '_' || *r->p == '.') return malformed(r, "the end of a number");
    if (r->p - start > MAX_NUMBER) {
        r->p = start;
        return malformed(r, "a number of at most 400 characters");
    }
    if (v->kind == FAC_INT64 && !minus && !v->huge && __builtin_sub_overflow(0, v->i, &v->i)) v->huge = true;
    v->f = v->kind == FAC_INT64 && !v->huge ? (double)v->i : fac__text_to_double(start, (size_t)(r->p - start));
    return true;
}

/* ---- values ------------------------------------------------------------------------------------------------- */

static bool overflow(fac_dtype dtype)
{
    fac__runtime_error("value cannot be converted to type %s without overflow", fac_dtype_name(dtype));
    return false;
}

static bool store(reader *r, const number *v)
{
    static const struct {
        int64_t min, max;
    } limits[FAC_DTYPE_COUNT] = {
        [FAC_UINT8] = {0, UINT8_MAX},         [FAC_INT8] = {INT8_MIN, INT8_MAX},
        [FAC_INT16] = {INT16_MIN, INT16_MAX}, [FAC_INT32] = {INT32_MIN, INT32_MAX},
        [FAC_INT64] = {INT64_MIN, INT64_MAX},
    };
    fac_dtype dtype = (fac_dtype)r->t->dtype;
    char *out = (char *)fac__host(r->t) + r->stored++ * (int64_t)fac_dtype_size(dtype);
    if (!fac_dtype_is_integral(dtype)) {
        if (v->huge && isinf(v->f)) return fac__runtime_error("int too large to convert to float"), false;
        if (v->kind == FAC_FLOAT64 || v->huge)
            fac__store_double(dtype, out, v->f);
        else
            fac__store_int(dtype, out, v->i);
        return true;
    }
    if (v->huge) return fac__runtime_error("Overflow when unpacking long"), false;
    int64_t i = v->i, min = limits[dtype].min, max = limits[dtype].max;
    if (v->kind == FAC_FLOAT64) {
        if (!(v->f >= (double)min && v->f <= (double)max && v->f < 0x1p63)) return overflow(dtype);
        i = (int64_t)v->f;
    } else if (dtype == FAC_UINT8 ? i > max || i < -max : i > max || i < min) { /* -1 as uint8 is 255 in PyTorch */
        return overflow(dtype);
    }
    fac__store_int(dtype, out, i);
    return true;
}

static bool add_number(reader *r)
{
    number v;
    if (!read_number(r, &v)) return false;
    if (r->ndim < 0) r->ndim = r->depth;
    if (r->depth < r->ndim) return fac__type_error("not a sequence"), false;
    if (v.kind > r->found) r->found = v.kind;
    r->count[r->depth]++;
    return !r->t || store(r, &v);
}

/* ---- lists -------------------------------------------------------------------------------------------------- */

/* A '(' without a comma before its ')' only groups, as in Python: (1) is a number, (1,) and () are lists. */
static bool only_groups(const char *p)
{
    int level = 0;
    bool any = false;
    for (p++; *p; p++) {
        if (*p == ',' && level == 0) return false;
        if (*p == '(' || *p == '[')
            level++;
        else if ((*p == ')' || *p == ']') && level-- == 0)
            return any;
        any = any || !isspace((unsigned char)*p);
    }
    return false;
}

static bool open_list(reader *r)
{
    bool groups = *r->p == '(' && only_groups(r->p);
    if (!groups) {
        if (r->ndim >= 0 && r->depth >= r->ndim)
            return fac__type_error(r->found == FAC_FLOAT64 || fac_dtype_is_floating(r->wanted)
                                       ? "must be real number, not list"
                                       : "'list' object cannot be interpreted as an integer"),
                   false;
        if (r->depth == FAC_MAX_DIMS)
            return fac__value_error("too many dimensions 'list' (at most %d)", FAC_MAX_DIMS), false;
        r->count[r->depth++]++;
        r->count[r->depth] = 0;
    }
    if (r->open_count == MAX_OPEN) return malformed(r, "fewer open parentheses");
    r->open[r->open_count++] = groups ? 'g' : *r->p;
    r->p++;
    return true;
}

static bool close_list(reader *r)
{
    char open = r->open[r->open_count - 1];
    if ((open == '[') != (*r->p == ']')) return malformed(r, open == '[' ? "']'" : "')'");
    r->open_count--;
    r->p++;
    if (open == 'g') return true;
    int64_t n = r->count[r->depth--], *size = &r->shape[r->depth];
    if (r->ndim < 0) r->ndim = r->depth + 1; /* an empty list ends the nesting too */
    if (*size < 0) *size = n;
    if (*size == n) return true;
    fac__value_error("expected sequence of length %lld at dim %d (got %lld)", (long long)*size, r->depth, (long long)n);
    return false;
}

static bool read_all(reader *r)
{
    bool value = true; /* a number or list may come now, or the list's end; else a comma or the end must */
    bool ended = false;
    r->p = r->text;
    r->depth = r->open_count = 0;
    r->count[0] = 0;
    while (!ended) {
        skip_space(r);
        bool open = r->open_count > 0, closes = *r->p == ']' || *r->p == ')';
        if (closes && open && (!value || r->open[r->open_count - 1] != 'g')) {
            if (!close_list(r)) return false;
            value = false;
        } else if (value) {
            if (*r->p == '[' || *r->p == '(') {
                if (!open_list(r)) return false;
            } else {
                if (!add_number(r)) return false;
                value = false;
            }
        } else if (*r->p == ',' && open && r->open[r->open_count - 1] != 'g') {
            r->p++;
            value = true;
        } else {
            return malformed(r, "',' or the end of the list");
        }
        ended = !value && r->open_count == 0;
    }
    skip_space(r);
    return *r->p ? malformed(r, "the end of the text") : true;
}

fac_tensor *fac_literal_with(const char *text, fac_literal_options o)
{
    FAC__OP("literal");
    FAC__NEED(text);
    reader r = {.text = text, .wanted = o.dtype, .ndim = -1};
    for (int i = 0; i < FAC_MAX_DIMS; i++)
        r.shape[i] = -1;
    if (o.dtype && !fac_dtype_size(o.dtype)) return fac__type_error("unknown dtype %d", (int)o.dtype);
    if (!read_all(&r)) return NULL;
    fac_dtype dtype = o.dtype                                       ? o.dtype
                      : r.found == FAC_BOOL || r.found == FAC_INT64 ? r.found
                                                                    : fac_get_default_dtype();
    if (o.requires_grad && !fac_dtype_is_floating(dtype))
        return fac__runtime_error("Only Tensors of floating point and complex dtype can require gradients");
    fac_tensor *t = r.t = fac__new(dtype, r.ndim, r.shape);
    if (!t) return NULL;
    if (!read_all(&r)) {
        fac_release(t);
        return NULL;
    }
    t->requires_grad = o.requires_grad;
    return fac__own(t);
}
