/* Floor 7. Trees of dicts, lists and tensors become flat states: tensors under their names joined by ".", numbers as
 * tensors without dimensions, texts as metadata. What is None is left out. */
#include "torch_state.h"

#include <stdlib.h>

#include "core/memory.h"
#include "core/raise.h"
#include "core/text.h"
#include "format.h"

/* ---- storages ----------------------------------------------------------------------------------------------- */

static int by_key(const void *x, const void *y)
{
    fac__stored *const *a = x, *const *b = y;
    return strcmp((*a)->key, (*b)->key);
}

bool fac__torch_sort(fac__pickle *p)
{
    if (p->storages.count) qsort(p->storages.p, (size_t)p->storages.count, sizeof(void *), by_key);
    for (int64_t i = 0; i < p->storages.count; i++) {
        fac__stored *s = p->storages.p[i], *before = i ? p->storages.p[i - 1] : s;
        if (!s->element) s->element = FAC_UINT8; /* of no tensor: the bytes themselves */
        if (!strcmp(s->key, before->key) && (s->element != before->element || s->count != before->count))
            return fac__pickle_error(p, "the pickle has storage '%s' as %s and as %s, or of two sizes", s->key,
                                     fac__element_name(before->element), fac__element_name(s->element)),
                   false;
    }
    return true;
}

fac__stored *fac__torch_find(const fac__pickle *p, const char *key)
{
    int64_t low = 0, high = p->storages.count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (strcmp(((fac__stored *)p->storages.p[middle])->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    fac__stored *s = low < p->storages.count ? p->storages.p[low] : NULL;
    return s && !strcmp(s->key, key) ? s : NULL;
}

bool fac__torch_share(fac__pickle *p)
{
    for (int64_t i = 0; i < p->storages.count; i++) {
        fac__stored *s = p->storages.p[i], *before = i ? p->storages.p[i - 1] : s;
        if (!s->tensor && !strcmp(s->key, before->key)) s->tensor = fac__retain(before->tensor);
        if (!s->tensor) return fac__pickle_error(p, "the file lacks storage '%s'", s->key), false;
    }
    return true;
}

/* ---- names -------------------------------------------------------------------------------------------------- */

/* Depth also ends what holds itself; the others end what a short pickle unfolds to by holding the same many times. */
enum { DEEPEST = 64, LONGEST_NAME = 4096, MOST_FOR_A_BYTE = 64, MOST_FOR_NOTHING = 1 << 20 };

typedef struct flattening {
    fac__pickle *p;
    fac_state *state;
    fac__text name;
    int depth;
    int64_t left; /* values that may come, and bytes of their names */
} flattening;

#define BAD(...) (fac__pickle_error(f->p, __VA_ARGS__), false)

static bool add_name(flattening *f, const char *part, int64_t n)
{
    if (memchr(part, 0, (size_t)n)) return BAD("the pickle has a name with a zero in it: '%s'", part);
    if (f->name.n + (size_t)n > LONGEST_NAME) return BAD("the pickle has names of more than %d bytes", LONGEST_NAME);
    if (f->depth > 1) fac__text_add(&f->name, ".", 1);
    fac__text_add(&f->name, part, (size_t)n);
    return !f->name.failed;
}

static bool add_key(flattening *f, const fac__value *key)
{
    char digits[24];
    if (key->kind == FAC__TEXT) return add_name(f, key->text.p, key->text.n);
    if (key->kind != FAC__INTEGER)
        return BAD("the pickle has a dictionary '%s' with keys that are neither texts nor whole numbers", f->name.p);
    return add_name(f, digits, snprintf(digits, sizeof digits, "%lld", (long long)key->i));
}

/* ---- leaves ------------------------------------------------------------------------------------------------- */

static const char *name_of_leaf(const flattening *f)
{
    return f->depth ? f->name.p : FAC__NAMELESS;
}

static bool set_tensor(flattening *f, fac_tensor *t)
{
    const char *name = name_of_leaf(f);
    bool ok = t != NULL;
    if (ok && fac_state_get(f->state, name)) ok = BAD("the pickle has two tensors with the name '%s'", name);
    ok = ok && fac_state_set(f->state, name, t);
    fac_release(t);
    return ok;
}

static bool set_number(flattening *f, fac_dtype dtype, const fac__value *v)
{
    fac_tensor *t = fac__new(dtype, 0, NULL);
    if (t && dtype == FAC_FLOAT64)
        fac__store_double(dtype, fac__host(t), v->f);
    else if (t)
        fac__store_int(dtype, fac__host(t), v->i);
    return set_tensor(f, t);
}

/* A view of its storage. One without elements may lie anywhere. */
static fac_tensor *strided(const fac__strided *t)
{
    fac_tensor *base = t->storage->tensor;
    bool empty = false;
    for (int d = 0; d < t->ndim; d++)
        empty |= t->shape[d] == 0;
    return empty ? fac__new((fac_dtype)base->dtype, t->ndim, t->shape)
                 : fac__new_view(base, t->ndim, t->shape, t->strides, t->offset);
}

static bool set_text(flattening *f, const char *text, int64_t n)
{
    if (memchr(text, 0, (size_t)n)) return BAD("the pickle has a text with a zero in it, '%s'", name_of_leaf(f));
    return fac_state_set_metadata(f->state, name_of_leaf(f), text);
}

static bool set_class(flattening *f, const fac__class *c)
{
    char text[100];
    return set_text(f, text, snprintf(text, sizeof text, "%s.%s", c->module, c->name));
}

/* ---- trees -------------------------------------------------------------------------------------------------- */

static bool flatten(flattening *f, const fac__value *v);

static bool flatten_items(flattening *f, const fac__value *v)
{
    size_t n = f->name.n;
    int pairs = v->kind == FAC__DICT ? 2 : 1;
    if (f->depth == DEEPEST) return BAD("the pickle is nested more than %d deep, or holds itself", DEEPEST);
    f->depth++;
    bool ok = true;
    for (int64_t i = 0; ok && i < v->items.count; i += pairs) {
        fac__value index = {.kind = FAC__INTEGER, .i = i};
        ok = add_key(f, pairs == 2 ? v->items.p[i] : &index) && flatten(f, v->items.p[i + pairs - 1]);
        f->name.p[f->name.n = n] = 0;
    }
    f->depth--;
    return ok;
}

/* What facula's writer keeps metadata in: an attribute of the outermost dictionary. */
static bool flatten_attributes(flattening *f, const fac__value *v)
{
    const fac__value *attributes = f->depth || v->kind != FAC__DICT ? NULL : v->items.attributes;
    for (int64_t i = 0; attributes && i < attributes->items.count; i += 2)
        if (fac__is_text(attributes->items.p[i], "metadata") && attributes->items.p[i + 1]->kind == FAC__DICT)
            return flatten_items(f, attributes->items.p[i + 1]);
    return true;
}

static bool flatten(flattening *f, const fac__value *v)
{
    f->left -= 1 + (int64_t)f->name.n;
    if (f->left < 0) return BAD("the pickle holds the same values too many times");
    switch (v->kind) {
    case FAC__NONE: return true;
    case FAC__BOOLEAN: return set_number(f, FAC_BOOL, v);
    case FAC__INTEGER: return set_number(f, FAC_INT64, v);
    case FAC__REAL: return set_number(f, FAC_FLOAT64, v);
    case FAC__TEXT: return set_text(f, v->text.p, v->text.n);
    case FAC__CLASS: return set_class(f, v->class);
    case FAC__STORAGE: return set_tensor(f, fac__retain(v->storage->tensor));
    case FAC__TENSOR: return set_tensor(f, strided(v->tensor));
    default: return flatten_items(f, v) && flatten_attributes(f, v);
    }
}

bool fac__torch_flatten(fac__pickle *p, const fac__value *root, fac_state *state)
{
    flattening f = {.p = p, .state = state, .left = MOST_FOR_NOTHING + MOST_FOR_A_BYTE * p->taken};
    bool ok = fac__text_reserve(&f.name, 0);
    if (ok) f.name.p[0] = 0;
    ok = ok && flatten(&f, root);
    fac__text_drop(&f.name);
    return ok;
}
