/* Floor 4. Calls by name: finds the overload whose schema the arguments fit, fills in defaults, runs its thunk. */
#include <ctype.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "op.h"
#include "schema.h"

/* ---- the index of all operators, by base name ---------------------------------------------------------------- */

typedef struct entry {
    const fac__op *op;
    fac__signature signature;
} entry;

static entry *entries;
static int entry_count;
static int *buckets; /* of a chained hash: first entry + 1 */
static int *next_entry;
enum { BUCKETS = 2048 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned hash(const char *s, int n)
{
    unsigned h = 2166136261u;
    for (int i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h % BUCKETS;
}

static bool build_index(void)
{
    int count = 0;
    for (int t = 0; fac__op_tables[t]; t++)
        for (const fac__op *op = fac__op_tables[t]; op->schema; op++)
            count++;
    entry *all = fac__calloc((size_t)count * sizeof *all);
    int *first = fac__calloc(BUCKETS * sizeof *first), *next = fac__calloc((size_t)(count + 1) * sizeof *next);
    if (!all || !first || !next) {
        fac__free(all);
        fac__free(first);
        fac__free(next);
        return false;
    }
    int n = 0;
    for (int t = 0; fac__op_tables[t]; t++)
        for (const fac__op *op = fac__op_tables[t]; op->schema; op++) {
            all[n].op = op;
            if (!fac__parse_schema(op->schema, &all[n].signature))
                fprintf(stderr, "facula: bad schema: %s\n", op->schema);
            else
                n++;
        }
    /* Backwards, so that a chain is in the order of the tables, with the forms of nn.functional behind all others. */
    for (int others = 0; others < 2; others++)
        for (int i = n - 1; i >= 0; i--) {
            const char *overload = all[i].op->schema + all[i].signature.base_length;
            if ((strncmp(overload, ".functional(", strlen(".functional(")) != 0) != others) continue;
            unsigned h = hash(all[i].op->schema, all[i].signature.base_length);
            next[i] = first[h];
            first[h] = i + 1;
        }
    buckets = first;
    next_entry = next;
    entry_count = n;
    entries = all;
    return true;
}

static bool ready(void)
{
    pthread_mutex_lock(&lock);
    bool ok = entries || build_index();
    pthread_mutex_unlock(&lock);
    return ok;
}

__attribute__((destructor)) static void drop_index(void)
{
    fac__free(entries);
    fac__free(buckets);
    fac__free(next_entry);
    entries = NULL;
}

const char *fac_op_schema(int i)
{
    return ready() && i >= 0 && i < entry_count ? entries[i].op->schema : NULL;
}

const char *fac_op_doc(int i)
{
    return ready() && i >= 0 && i < entry_count ? entries[i].op->doc : NULL;
}

/* ---- names -------------------------------------------------------------------------------------------------- */

/* Without the namespace, which is only a way to write it; one that belongs to the name ("linalg_norm") is glued on. The
 * overload that has no name is written ".default" in PyTorch's graphs. */
static void plain_name(const char *name, char *out, size_t room, bool glue)
{
    static const char *const dropped[] = {"torch.", "aten.", "aten::", "nn.functional.", "Tensor.", "ops."};
    static const char *const glued[] = {"special.", "linalg.", "fft.", "masked."};
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        if (!strncmp(name, dropped[i], strlen(dropped[i]))) {
            name += strlen(dropped[i]);
            i = (size_t)-1;
        }
    size_t length = strlen(name), ending = strlen(".default");
    bool nameless = length > ending && !strcmp(name + length - ending, ".default");
    snprintf(out, room, "%.*s", (int)(nameless ? length - ending : length), name);
    for (size_t i = 0; i < sizeof glued / sizeof *glued; i++) {
        size_t n = strlen(glued[i]);
        if (strncmp(name, glued[i], n)) continue;
        if (glue)
            out[n - 1] = '_';
        else
            memmove(out, out + n, strlen(out + n) + 1);
    }
}

/* Next entry of that base name, or of exactly that overload; pass 0 first, -1 when there are no more. */
static int find(const char *name, int after)
{
    const char *dot = strchr(name, '.');
    int base = dot ? (int)(dot - name) : (int)strlen(name), full = (int)strlen(name);
    for (int i = after ? next_entry[after - 1] : buckets[hash(name, base)]; i; i = next_entry[i - 1]) {
        const entry *e = &entries[i - 1];
        int n = dot ? e->signature.full_length : e->signature.base_length;
        if (n == full && !strncmp(e->op->schema, name, (size_t)n)) return i;
    }
    return 0;
}

const fac__op *fac__op_named(const char *name)
{
    int i = ready() ? find(name, 0) : 0;
    return i ? entries[i - 1].op : NULL;
}

/* Replaces a second name of an operation ("multiply_.Tensor") by its first ("mul_.Tensor"). */
static bool replace_alias(char *name, size_t room)
{
    size_t base = strcspn(name, ".");
    for (int i = 0; fac__aliases[i][0]; i++)
        if (strlen(fac__aliases[i][0]) == base && !strncmp(fac__aliases[i][0], name, base)) {
            char overload[64];
            snprintf(overload, sizeof overload, "%s", name + base);
            snprintf(name, room, "%s%s", fac__aliases[i][1], overload);
            return true;
        }
    return false;
}

bool fac__op_resolve(const char *name, char *out, size_t room)
{
    if (!ready()) return false;
    /* nn.functional.X is the overload X.functional where there is one, and no other: some of its functions share no more than
     * the name with ATen's. */
    plain_name(name, out, room, false);
    size_t n = strlen(out);
    if (strstr(name, "nn.functional.") && !strchr(out, '.')) {
        snprintf(out + n, room - n, ".functional");
        if (find(out, 0)) return true;
    }
    for (int glue = 1; glue >= 0; glue--) {
        plain_name(name, out, room, glue);
        if (find(out, 0) || (replace_alias(out, room) && find(out, 0))) return true;
    }
    return false;
}

bool fac_op_exists(const char *name)
{
    char plain[128];
    return name && fac__op_resolve(name, plain, sizeof plain);
}

/* ---- binding arguments to parameters -------------------------------------------------------------------------- */

typedef struct binding {
    fac_value values[FAC__MAX_PARAMS];
    int64_t ints[FAC__MAX_PARAMS][FAC_MAX_DIMS];
    char texts[FAC__MAX_PARAMS][32];
} binding;

static bool is_int(const fac_value *v)
{
    return v->kind == FAC_VALUE_SCALAR && v->v.scalar.kind == FAC_INT64;
}

static bool empty_list(const fac_value *v)
{
    return (v->kind == FAC_VALUE_INTS && !v->v.ints.count) || (v->kind == FAC_VALUE_LIST && !v->v.list.count);
}

/* Whether there is what v says that there is. */
static bool sound(const fac_value *v)
{
    switch (v->kind) {
    case FAC_VALUE_INTS: return v->v.ints.count == 0 || (v->v.ints.items && v->v.ints.count > 0);
    case FAC_VALUE_TENSORS: return v->v.tensors.count == 0 || (v->v.tensors.items && v->v.tensors.count > 0);
    case FAC_VALUE_STRING: return v->v.string != NULL;
    case FAC_VALUE_DTYPE: return v->v.dtype > FAC_DTYPE_NONE && v->v.dtype < FAC_DTYPE_COUNT;
    case FAC_VALUE_SCALAR:
        return v->v.scalar.kind == FAC_BOOL || v->v.scalar.kind == FAC_INT64 || v->v.scalar.kind == FAC_FLOAT64;
    case FAC_VALUE_LIST:
    case FAC_VALUE_SLICE:
        if (v->v.list.count && (!v->v.list.items || v->v.list.count < 0)) return false;
        for (int64_t i = 0; i < v->v.list.count; i++)
            if (!sound(&v->v.list.items[i])) return false;
        return true;
    default: return v->kind <= FAC_VALUE_ELLIPSIS;
    }
}

/* The operations that PyTorch lets take a number for a tensor: 2 + x, but not maximum(2, x). */
static bool takes_numbers(const entry *e)
{
    static const char *const names[] = {"add", "sub", "mul", "div", "floor_divide", "copy_"};
    const char *name = e->op->schema;
    size_t n = (size_t)e->signature.base_length;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t k = strlen(names[i]);
        if (!strncmp(name, names[i], k) && (n == k || (n == k + 1 && name[k] == '_'))) return true;
    }
    return false;
}

/* Whether v can be that parameter; loose: 0-d tensors stand for numbers, and where the operation takes them numbers for
 * tensors. */
static bool fits(const fac__param *p, const fac_value *v, bool loose, bool numbers, fac_value *out)
{
    *out = *v;
    if (!sound(v)) return false;
    if (v->kind == FAC_VALUE_NONE) return p->optional || p->type >= FAC__P_DEVICE;
    bool number = v->kind == FAC_VALUE_SCALAR, one = v->kind == FAC_VALUE_TENSOR && fac_numel(v->v.tensor) == 1;
    switch (p->type) {
    case FAC__P_TENSOR:
        if (v->kind == FAC_VALUE_TENSOR) return true;
        if (!loose || !number || !numbers) return false;
        out->kind = FAC_VALUE_TENSOR;
        out->v.tensor = fac__own(fac__new_scalar(v->v.scalar));
        return out->v.tensor != NULL;
    case FAC__P_TENSORS:
        if (!empty_list(v)) return v->kind == FAC_VALUE_TENSORS;
        out->kind = FAC_VALUE_TENSORS;
        out->v.tensors = (fac_tensor_list){NULL, 0};
        return true;
    case FAC__P_SCALAR:
        if (number) return true;
        if (!loose || !one || fac_requires_grad(v->v.tensor)) return false;
        break;
    case FAC__P_INT:
        if (is_int(v)) return true;
        if (!loose || !one || fac_dtype_is_floating(fac_dtype_of(v->v.tensor))) return false;
        break;
    case FAC__P_FLOAT:
        if (number && v->v.scalar.kind != FAC_BOOL) return true;
        if (!loose || !one) return false;
        break;
    case FAC__P_BOOL: return number && v->v.scalar.kind == FAC_BOOL;
    case FAC__P_INTS:
        if (v->kind == FAC_VALUE_LIST && !v->v.list.count) {
            out->kind = FAC_VALUE_INTS;
            out->v.ints.items = NULL;
            out->v.ints.count = 0;
            return true;
        }
        return v->kind == FAC_VALUE_INTS || (is_int(v) && (p->sized || loose));
    case FAC__P_FLOATS: return v->kind == FAC_VALUE_LIST || v->kind == FAC_VALUE_INTS;
    case FAC__P_STRING: return v->kind == FAC_VALUE_STRING;
    case FAC__P_DTYPE: return v->kind == FAC_VALUE_DTYPE && (unsigned)v->v.dtype < FAC_DTYPE_COUNT;
    case FAC__P_DEVICE:
        return v->kind == FAC_VALUE_STRING && (!strcmp(v->v.string, "cpu") || !strcmp(v->v.string, "cpu:0"));
    case FAC__P_IGNORED:
    case FAC__P_ANY: return true;
    }
    fac_dtype d = fac_dtype_of(v->v.tensor);
    fac_scalar s = d == FAC_BOOL              ? fac_scalar_bool(fac_item_int(v->v.tensor) != 0)
                   : fac_dtype_is_floating(d) ? fac_scalar_float(fac_item(v->v.tensor))
                                              : fac_scalar_int(fac_item_int(v->v.tensor));
    *out = fac_value_scalar(s);
    return true;
}

static int keyword_index(const fac__signature *s, const char *name)
{
    if (!name) return -1;
    for (int i = 0; i < s->count; i++)
        if ((int)strlen(name) == s->params[i].name_length && !strncmp(name, s->params[i].name, strlen(name))) return i;
    /* torch's functions call the first argument input, a few are documented with other names, and NumPy's names do, too */
    static const char *const others[][2] = {
        {"input", "self"},   {"x", "self"},      {"a", "self"},           {"x1", "self"},
        {"x2", "other"},     {"axis", "dim"},    {"keepdims", "keepdim"}, {"split_size_or_sections", "split_size"},
        {"values", "other"}, {"tensor", "self"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcmp(name, others[i][0])) return keyword_index(s, others[i][1]);
    return -1;
}

static bool bind(const entry *e, const fac_value *args, int n_args, const fac_keyword *kw, int n_kw, bool loose,
                 binding *b)
{
    const fac__signature *s = &e->signature;
    bool given[FAC__MAX_PARAMS] = {false}, numbers = loose && takes_numbers(e);
    if (n_args > s->count) return false;
    for (int i = 0; i < n_args; i++) {
        if (s->params[i].keyword_only || !fits(&s->params[i], &args[i], loose, numbers, &b->values[i])) return false;
        given[i] = true;
    }
    for (int k = 0; k < n_kw; k++) {
        int i = keyword_index(s, kw[k].name);
        if (i < 0 || given[i] || !fits(&s->params[i], &kw[k].value, loose, numbers, &b->values[i])) return false;
        given[i] = true;
    }
    for (int i = 0; i < s->count; i++) {
        const fac__param *p = &s->params[i];
        if (given[i]) continue;
        if (p->has_default && fac__default_value(p, &b->values[i], b->ints[i], b->texts[i], sizeof b->texts[i]))
            continue;
        if (!p->has_default && p->optional && p->keyword_only)
            b->values[i] = fac_value_none();
        else
            return false;
    }
    return true;
}

/* ---- the call ----------------------------------------------------------------------------------------------- */

/* What kind of value it is, in the schemas' words. */
static const char *word_of(const fac_value *v)
{
    static const char *const words[] = {
        [FAC_VALUE_NONE] = "None",        [FAC_VALUE_TENSOR] = "Tensor", [FAC_VALUE_INTS] = "int[]",
        [FAC_VALUE_TENSORS] = "Tensor[]", [FAC_VALUE_STRING] = "str",    [FAC_VALUE_DTYPE] = "ScalarType",
        [FAC_VALUE_LIST] = "any[]",       [FAC_VALUE_SLICE] = "slice",   [FAC_VALUE_ELLIPSIS] = "..."};
    if (!sound(v)) return "?";
    if (v->kind != FAC_VALUE_SCALAR) return words[v->kind];
    return v->v.scalar.kind == FAC_BOOL ? "bool" : v->v.scalar.kind == FAC_INT64 ? "int" : "float";
}

typedef struct text {
    char s[900];
    size_t at;
} text;

/* What does not fit is cut off. */
static void append(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(text *t, const char *format, ...)
{
    if (t->at >= sizeof t->s) return;
    va_list args;
    va_start(args, format);
    t->at += (size_t)vsnprintf(t->s + t->at, sizeof t->s - t->at, format, args);
    va_end(args);
}

/* Says what came, and what could have come. */
static void *unfit(const char *name, const char *plain, const fac_value *args, int n_args, const fac_keyword *keywords,
                   int n_keywords)
{
    text given = {"", 0}, schemas = {"", 0};
    for (int i = 0; i < n_args; i++)
        append(&given, "%s%s", i ? ", " : "", word_of(&args[i]));
    for (int i = 0; i < n_keywords; i++)
        append(&given, "%s%s=%s", i || n_args ? ", " : "", keywords[i].name ? keywords[i].name : "?",
               word_of(&keywords[i].value));
    for (int i = find(plain, 0); i; i = find(plain, i))
        append(&schemas, "\n    %s", entries[i - 1].op->schema);
    return fac__type_error("%s(%.200s): the arguments fit none of%s", name, given.s, schemas.s);
}

/* How far both begin alike. */
static size_t alike(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n])
        n++;
    return n;
}

/* Names those that begin most like it. */
static void *unknown(const char *name)
{
    char plain[128];
    text near = {"", 0};
    size_t longest = 2;
    plain_name(name, plain, sizeof plain, true);
    for (int i = 0; i < entry_count; i++)
        longest = alike(plain, entries[i].op->schema) > longest ? alike(plain, entries[i].op->schema) : longest;
    for (int i = 0; i < entry_count && near.at < 200; i++) {
        const entry *e = &entries[i];
        if (alike(plain, e->op->schema) < longest || e->op->schema[e->signature.base_length] == '.') continue;
        append(&near, "%s%.*s", near.at ? ", " : "; near it: ", e->signature.base_length, e->op->schema);
    }
    return fac__type_error("there is no operation '%.100s'%s", name, near.s);
}

/* The overload that the arguments fit, bound to them in b; NULL if there is none. */
static const entry *choose(const char *name, const char *plain, const fac_value *args, int n_args,
                           const fac_keyword *keywords, int n_keywords, binding *b)
{
    /* ATen's bare name is the overload that has no other; torch's functions of that name may come before it. */
    int own = strncmp(name, "aten", 4) ? 0 : find(plain, 0);
    while (own && entries[own - 1].signature.full_length != (int)strlen(plain))
        own = find(plain, own);
    for (int loose = 0; loose < 2; loose++) {
        if (own && bind(&entries[own - 1], args, n_args, keywords, n_keywords, loose, b)) return &entries[own - 1];
        for (int i = find(plain, 0); i; i = find(plain, i))
            if (bind(&entries[i - 1], args, n_args, keywords, n_keywords, loose, b)) return &entries[i - 1];
    }
    return NULL;
}

int fac_call(const char *name, const fac_value *args, int n_args, const fac_keyword *keywords, int n_keywords,
             fac_value *results, int max)
{
    FAC__NEED_OR(name, -1);
    if (n_args) FAC__NEED_OR(args, -1);
    if (n_keywords) FAC__NEED_OR(keywords, -1);
    if (max) FAC__NEED_OR(results, -1);
    if (!ready()) return -1;
    char plain[128];
    if (!fac__op_resolve(name, plain, sizeof plain)) return unknown(name), -1;
    binding b;
    const entry *e = choose(name, plain, args, n_args, keywords, n_keywords, &b);
    if (!e) return unfit(name, plain, args, n_args, keywords, n_keywords), -1;
    fac_value all[FAC__MAX_RESULTS];
    bool clean = fac_get_error_code() == FAC_OK;
    int count = e->op->call(b.values, all);
    if (clean && fac_get_error_code()) return -1;
    for (int k = 0; k < count && k < max; k++)
        results[k] = all[k];
    return count;
}
