/* Floor 4. Reads operator schemas such as
 *   conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, str padding='valid') -> Tensor */
#include "schema.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_space(const char *s)
{
    while (*s == ' ')
        s++;
    return s;
}

static bool type_of(const char *word, int n, bool list, fac__param_type *type)
{
    static const struct {
        const char *word;
        fac__param_type one, many;
    } types[] = {
        {"Tensor", FAC__P_TENSOR, FAC__P_TENSORS},
        {"Scalar", FAC__P_SCALAR, FAC__P_ANY},
        {"int", FAC__P_INT, FAC__P_INTS},
        {"SymInt", FAC__P_INT, FAC__P_INTS},
        {"float", FAC__P_FLOAT, FAC__P_FLOATS},
        {"bool", FAC__P_BOOL, FAC__P_ANY},
        {"str", FAC__P_STRING, FAC__P_ANY},
        {"ScalarType", FAC__P_DTYPE, FAC__P_ANY},
        {"MemoryFormat", FAC__P_IGNORED, FAC__P_ANY},
        {"Generator", FAC__P_IGNORED, FAC__P_ANY},
        {"Layout", FAC__P_IGNORED, FAC__P_ANY},
        {"Device", FAC__P_DEVICE, FAC__P_ANY},
        {"any", FAC__P_ANY, FAC__P_ANY},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((int)strlen(types[i].word) == n && !strncmp(types[i].word, word, (size_t)n)) {
            *type = list ? types[i].many : types[i].one;
            return true;
        }
    return false;
}

/* One parameter from s; NULL if it is none. */
static const char *parse_param(const char *s, fac__param *p)
{
    const char *word = s;
    while (isalnum((unsigned char)*s) || *s == '_')
        s++;
    int n = (int)(s - word);
    if (*s == '(') { /* Tensor(a!) */
        s = strchr(s, ')');
        if (!s++) return NULL;
    }
    bool list = false;
    if (*s == '?') p->optional = true, s++;
    if (*s == '[') {
        list = true;
        p->sized = s[1] != ']';
        s = strchr(s, ']');
        if (!s++) return NULL;
        p->optional = false;
        if (*s == '?') p->optional = true, s++;
    }
    if (!type_of(word, n, list, &p->type)) return NULL;
    p->name = s = skip_space(s);
    while (isalnum((unsigned char)*s) || *s == '_')
        s++;
    p->name_length = (int)(s - p->name);
    if (*s != '=') return s;
    p->has_default = true;
    p->default_text = ++s;
    for (int depth = 0; *s && (depth || (*s != ',' && *s != ')')); s++) {
        if (*s == '[' || *s == '(') depth++;
        if (*s == ']' || *s == ')') depth--;
    }
    p->default_length = (int)(s - p->default_text);
    /* torch's functions take None for a list that is empty by default: amax(x, dim=None) */
    if (list && !strncmp(p->default_text, "[]", 2)) p->optional = true;
    return s;
}

bool fac__parse_schema(const char *schema, fac__signature *out)
{
    memset(out, 0, sizeof *out);
    const char *open = strchr(schema, '('), *dot = strchr(schema, '.');
    if (!open) return false;
    out->full_length = (int)(open - schema);
    out->base_length = dot && dot < open ? (int)(dot - schema) : out->full_length;
    bool keyword_only = false;
    for (const char *s = skip_space(open + 1); *s != ')';) {
        if (*s == '*' && (s[1] == ',' || s[1] == ')')) {
            keyword_only = true;
            s++;
        } else {
            if (out->count == FAC__MAX_PARAMS) return false;
            fac__param *p = &out->params[out->count++];
            p->keyword_only = keyword_only;
            s = parse_param(s, p);
            if (!s) return false;
        }
        if (*s == ',')
            s = skip_space(s + 1);
        else if (*s != ')')
            return false;
    }
    return true;
}

bool fac__default_value(const fac__param *p, fac_value *v, int64_t *ints, char *text, size_t room)
{
    int n = p->default_length;
    const char *s = p->default_text;
#define IS(word) (n == (int)strlen(word) && !strncmp(s, word, (size_t)n))
    *v = fac_value_none();
    if (p->type == FAC__P_IGNORED || IS("None")) return true;
    if (IS("True") || IS("False")) return *v = fac_value_scalar(fac_scalar_bool(*s == 'T')), true;
    if (IS("Mean")) return *v = fac_value_scalar(fac_scalar_int(1)), true;
    if (IS("long")) return v->kind = FAC_VALUE_DTYPE, v->v.dtype = FAC_INT64, true;
    if (IS("inf")) return *v = fac_value_scalar(fac_scalar_float(strtod("inf", NULL))), true;
    if (*s == '\'' || *s == '"') {
        if ((size_t)n - 1 > room) return false;
        snprintf(text, room, "%.*s", n - 2, s + 1);
        return *v = fac_value_string(text), true;
    }
    if (*s == '[') {
        int count = 0;
        for (s++; *s && *s != ']' && count < FAC_MAX_DIMS;) {
            char *end;
            ints[count++] = strtoll(s, &end, 10);
            if (end == s) return false;
            for (s = end; *s == ',' || *s == ' ';)
                s++;
        }
        v->kind = FAC_VALUE_INTS;
        v->v.ints.items = ints;
        v->v.ints.count = count;
        return true;
    }
#undef IS
    bool integer = true;
    for (int i = 0; i < n; i++)
        integer = integer && !strchr(".eE", s[i]);
    char *end;
    if (integer)
        *v = fac_value_scalar(fac_scalar_int(strtoll(s, &end, 10)));
    else
        *v = fac_value_scalar(fac_scalar_float(strtod(s, &end)));
    return end == s + n;
}
