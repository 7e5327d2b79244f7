/* Floor 8. Names of curves to their numbers. */
#include "watch/curves.h"

#include <string.h>

#include "core/memory.h"
#include "core/raise.h"
#include "watch/names.h"

static uint32_t hash(const char *text)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h;
}

static int add(fac__curves *c, const char *name)
{
    FAC__OP("run_log");
    if (!fac__label_ok(name, FAC__CURVE_NAME))
        return fac__value_error("a curve's name is 1 to %d bytes of UTF-8 without control characters", FAC__CURVE_NAME),
               -1;
    if (c->count == FAC__CURVES)
        return fac__value_error("'%s' would be one curve more than the %d that a run may have", name, FAC__CURVES), -1;
    if (!FAC__GROW(c->items, c->count)) return -1;
    fac__curve *curve = &c->items[c->count];
    *curve = (fac__curve){.bytes = (uint8_t)strlen(name)};
    strcpy(curve->name, name);
    return c->count++;
}

int fac__curve_find(fac__curves *c, const char *name)
{
    size_t at = ((uintptr_t)name ^ (uintptr_t)name >> 8) % FAC__CURVE_CACHE;
    if (c->cache[at].name == name && !strcmp(c->items[c->cache[at].curve].name, name)) return c->cache[at].curve;
    uint32_t slot = hash(name) % FAC__CURVE_TABLE;
    while (c->table[slot] && strcmp(c->items[c->table[slot] - 1].name, name))
        slot = (slot + 1) % FAC__CURVE_TABLE;
    int curve = c->table[slot] ? c->table[slot] - 1 : add(c, name);
    if (curve < 0) return -1;
    c->table[slot] = (uint16_t)(curve + 1);
    c->cache[at].name = name;
    c->cache[at].curve = curve;
    return curve;
}

void fac__curves_free(fac__curves *c)
{
    fac__free(c->items);
    c->items = NULL;
}
