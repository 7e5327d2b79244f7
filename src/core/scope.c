/* Floor 0. Scopes: one stack of owned tensors per thread, a scope being the part above its base. */
#include "scope.h"

#include "memory.h"
#include "tensor_impl.h"
#include "thread.h"

static bool more_room(fac__thread *self)
{
    int64_t room = self->owned_room ? 2 * self->owned_room : 256;
    fac_tensor **owned = fac__realloc(self->owned, (size_t)room * sizeof *owned);
    if (!owned) return false;
    self->owned = owned;
    self->owned_room = room;
    return true;
}

fac_tensor *fac__own(fac_tensor *t)
{
    if (!t) return NULL;
    fac__thread *self = fac__self();
    if (self->owned_count == self->owned_room && !more_room(self)) return fac_release(t), NULL;
    self->owned[self->owned_count++] = t;
    return t;
}

fac_tensor *fac__take(fac_tensor *t)
{
    fac__thread *self = fac__self();
    for (int64_t i = self->owned_count - 1; i >= self->scope_base && i >= self->owned_count - 4; i--) {
        if (self->owned[i] != t) continue;
        self->owned[i] = self->owned[--self->owned_count];
        return t;
    }
    return fac__retain(t);
}

fac__scope_mark fac__scope_enter(void)
{
    fac__thread *self = fac__self();
    fac__scope_mark mark = {self->scope_base, 1};
    self->scope_base = self->owned_count;
    return mark;
}

void fac__scope_empty(void)
{
    fac__thread *self = fac__self();
    while (self->owned_count > self->scope_base)
        fac_release(self->owned[--self->owned_count]);
}

void fac__scope_leave(fac__scope_mark *mark)
{
    fac__scope_empty();
    fac__self()->scope_base = mark->depth;
}

fac_tensor *fac_escape(fac_tensor *t)
{
    if (!t) return NULL;
    fac__thread *self = fac__self();
    for (int64_t i = self->owned_count - 1; i >= self->scope_base; i--) {
        if (self->owned[i] != t) continue;
        self->owned[i] = self->owned[self->scope_base];
        self->owned[self->scope_base++] = t;
        return t;
    }
    return t; /* an outer scope, or somebody else, holds it already */
}

void fac__scope_drop_all(void)
{
    fac__thread *self = fac__self();
    while (self->owned_count)
        fac_release(self->owned[--self->owned_count]);
    fac__free(self->owned);
    self->owned = NULL;
    self->owned_room = self->scope_base = 0;
}

fac_tensor *fac_keep(fac_tensor *t)
{
    return fac__retain(t);
}
