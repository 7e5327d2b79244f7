/* Floor 0. States: two tables from names to values, one of tensors, one of texts. A table is an array in the order of
 * insertion and a hash index into it. */
#include "facula/state.h"

#include <string.h>

#include "memory.h"
#include "tensor_impl.h"

typedef struct entry {
    char *name;
    void *value; /* fac_tensor * or char * */
} entry;

typedef struct table {
    entry *items;
    int64_t count, room;
    int64_t *index; /* 2 * room places: 1 + the item's number, 0 where free */
} table;

struct fac_state {
    table tensors, metadata;
};

/* ---- tables ------------------------------------------------------------------------------------------------- */

/* FNV-1a. */
static uint64_t hash(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return h ^ h >> 32;
}

/* Where name stands in the index, or the free place where it would. */
static int64_t *place(const table *t, const char *name)
{
    int64_t mask = 2 * t->room - 1, at = (int64_t)(hash(name) & (uint64_t)mask);
    while (t->index[at] && strcmp(t->items[t->index[at] - 1].name, name) != 0)
        at = (at + 1) & mask;
    return &t->index[at];
}

static entry *find(const table *t, const char *name)
{
    int64_t i = t->room ? *place(t, name) : 0;
    return i ? &t->items[i - 1] : NULL;
}

static bool grow(table *t)
{
    if (t->count < t->room) return true;
    int64_t room = t->room ? 2 * t->room : 16;
    int64_t *index = fac__calloc((size_t)(2 * room) * sizeof *index);
    if (!index) return false;
    entry *items = fac__realloc(t->items, (size_t)room * sizeof *items);
    if (!items) {
        fac__free(index);
        return false;
    }
    fac__free(t->index);
    *t = (table){items, t->count, room, index};
    for (int64_t i = 0; i < t->count; i++)
        *place(t, items[i].name) = i + 1;
    return true;
}

static bool add(table *t, const char *name, void *value)
{
    char *copy = grow(t) ? fac__strdup(name) : NULL;
    if (!copy) return false;
    *place(t, copy) = t->count + 1;
    t->items[t->count++] = (entry){copy, value};
    return true;
}

/* ---- states ------------------------------------------------------------------------------------------------- */

fac_state *fac_state_new(void)
{
    return fac__calloc(sizeof(fac_state));
}

void fac_state_free(fac_state *s)
{
    if (!s) return;
    for (int64_t i = 0; i < s->tensors.count; i++) {
        fac__free(s->tensors.items[i].name);
        fac_release(s->tensors.items[i].value);
    }
    for (int64_t i = 0; i < s->metadata.count; i++) {
        fac__free(s->metadata.items[i].name);
        fac__free(s->metadata.items[i].value);
    }
    table *both[] = {&s->tensors, &s->metadata};
    for (int k = 0; k < 2; k++) {
        fac__free(both[k]->items);
        fac__free(both[k]->index);
    }
    fac__free(s);
}

bool fac_state_set(fac_state *s, const char *name, fac_tensor *tensor)
{
    FAC__OP("state_set");
    FAC__NEED_OR(s, false);
    FAC__NEED_OR(name, false);
    FAC__NEED_OR(tensor, false);
    if (find(&s->tensors, name)) return fac__value_error("the state has a tensor named '%s' already", name), false;
    if (!add(&s->tensors, name, tensor)) return false;
    fac__retain(tensor);
    return true;
}

static bool set_number(fac_state *s, const char *name, fac_scalar value)
{
    fac_tensor *t = fac__new_scalar(value);
    if (!t) return false;
    t->wrapped = false;
    bool ok = fac_state_set(s, name, t);
    fac_release(t);
    return ok;
}

bool fac_state_set_float(fac_state *s, const char *name, double value)
{
    return set_number(s, name, fac_scalar_float(value));
}

bool fac_state_set_int(fac_state *s, const char *name, int64_t value)
{
    return set_number(s, name, fac_scalar_int(value));
}

fac_tensor *fac_state_get(const fac_state *s, const char *name)
{
    entry *e = s && name ? find(&s->tensors, name) : NULL;
    return e ? e->value : NULL;
}

static fac_tensor *number(const fac_state *s, const char *name)
{
    fac_tensor *t = fac_state_get(s, name);
    return t && t->numel == 1 ? t : NULL;
}

bool fac_state_get_float(const fac_state *s, const char *name, double *value)
{
    fac_tensor *t = number(s, name);
    if (t && value) *value = fac__load_double((fac_dtype)t->dtype, fac__host(t));
    return t != NULL;
}

bool fac_state_get_int(const fac_state *s, const char *name, int64_t *value)
{
    fac_tensor *t = number(s, name);
    if (t && value) *value = fac__load_int((fac_dtype)t->dtype, fac__host(t));
    return t != NULL;
}

/* ---- in order ----------------------------------------------------------------------------------------------- */

static const entry *at(const table *t, int64_t i)
{
    if (i >= 0 && i < t->count) return &t->items[i];
    return fac__index_error("index %lld is out of range for a state of %lld", (long long)i, (long long)t->count);
}

int64_t fac_state_count(const fac_state *s)
{
    return s ? s->tensors.count : 0;
}

const char *fac_state_name_at(const fac_state *s, int64_t i)
{
    FAC__OP("state_name_at");
    FAC__NEED(s);
    const entry *e = at(&s->tensors, i);
    return e ? e->name : NULL;
}

fac_tensor *fac_state_tensor_at(const fac_state *s, int64_t i)
{
    FAC__OP("state_tensor_at");
    FAC__NEED(s);
    const entry *e = at(&s->tensors, i);
    return e ? e->value : NULL;
}

/* ---- metadata ----------------------------------------------------------------------------------------------- */

bool fac_state_set_metadata(fac_state *s, const char *key, const char *text)
{
    FAC__OP("state_set_metadata");
    FAC__NEED_OR(s, false);
    FAC__NEED_OR(key, false);
    FAC__NEED_OR(text, false);
    char *copy = fac__strdup(text);
    if (!copy) return false;
    entry *e = find(&s->metadata, key);
    if (e) {
        fac__free(e->value);
        e->value = copy;
        return true;
    }
    if (add(&s->metadata, key, copy)) return true;
    fac__free(copy);
    return false;
}

const char *fac_state_metadata(const fac_state *s, const char *key)
{
    entry *e = s && key ? find(&s->metadata, key) : NULL;
    return e ? e->value : NULL;
}

int64_t fac_state_metadata_count(const fac_state *s)
{
    return s ? s->metadata.count : 0;
}

const char *fac_state_metadata_key_at(const fac_state *s, int64_t i)
{
    FAC__OP("state_metadata_key_at");
    FAC__NEED(s);
    const entry *e = at(&s->metadata, i);
    return e ? e->name : NULL;
}

/* ---- parts -------------------------------------------------------------------------------------------------- */

static bool copy_into(fac_state *s, const fac_state *from, const char *prefix)
{
    size_t lead = strlen(prefix);
    bool ok = true;
    for (int64_t i = 0; ok && i < from->tensors.count + from->metadata.count; i++) {
        bool tensor = i < from->tensors.count;
        const entry *e = tensor ? &from->tensors.items[i] : &from->metadata.items[i - from->tensors.count];
        char *name = fac__alloc(lead + strlen(e->name) + 1);
        if (!name) return false;
        memcpy(name, prefix, lead);
        strcpy(name + lead, e->name);
        ok = tensor ? fac_state_set(s, name, e->value) : fac_state_set_metadata(s, name, e->value);
        fac__free(name);
    }
    return ok;
}

bool fac_state_add(fac_state *s, const char *prefix, const fac_state *from)
{
    FAC__OP("state_add");
    FAC__NEED_OR(s, false);
    FAC__NEED_OR(prefix, false);
    FAC__NEED_OR(from, false);
    if (s == from) return fac__value_error("a state cannot be added to itself"), false;
    return copy_into(s, from, prefix);
}

fac_state *fac_state_part(const fac_state *s, const char *prefix)
{
    FAC__OP("state_part");
    FAC__NEED(s);
    FAC__NEED(prefix);
    size_t lead = strlen(prefix);
    fac_state *part = fac_state_new();
    bool ok = part != NULL;
    for (int64_t i = 0; ok && i < s->tensors.count; i++)
        if (!strncmp(s->tensors.items[i].name, prefix, lead))
            ok = fac_state_set(part, s->tensors.items[i].name + lead, s->tensors.items[i].value);
    for (int64_t i = 0; ok && i < s->metadata.count; i++)
        if (!strncmp(s->metadata.items[i].name, prefix, lead))
            ok = fac_state_set_metadata(part, s->metadata.items[i].name + lead, s->metadata.items[i].value);
    if (ok) return part;
    fac_state_free(part);
    return NULL;
}
