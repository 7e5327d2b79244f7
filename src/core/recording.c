/* Floor 0. The storages of a step that is recorded (recording.h). */
#include "recording.h"

#include <string.h>

#include "memory.h"
#include "tensor_impl.h"

atomic_int fac__recordings;

static int64_t *slot_of(const fac__recording *r, const fac__storage *s)
{
    size_t h = ((size_t)s >> 6) * 0x9E3779B97F4A7C15u;
    for (size_t i = h >> 32;; i++) {
        int64_t *slot = &r->table[i & (size_t)(r->table_size - 1)];
        if (!*slot || r->held[*slot - 1].storage == s) return slot;
    }
}

static bool grow(fac__recording *r)
{
    if (!FAC__GROW(r->held, r->count)) return false;
    if (2 * r->count < r->table_size) return true;
    int64_t size = r->table_size ? 2 * r->table_size : 256, *table = fac__calloc((size_t)size * sizeof *table);
    if (!table) return false;
    fac__free(r->table);
    r->table = table;
    r->table_size = size;
    for (int64_t i = 0; i < r->count; i++)
        *slot_of(r, r->held[i].storage) = i + 1;
    return true;
}

/* What is held of s; NULL when memory runs out. */
static fac__held *hold(fac__recording *r, fac__storage *s)
{
    if (r->table_size) {
        int64_t i = *slot_of(r, s);
        if (i) return &r->held[i - 1];
    }
    if (!grow(r)) {
        r->failed = true;
        return NULL;
    }
    fac__add_reference(&s->refs);
    r->held[r->count] = (fac__held){.storage = s};
    *slot_of(r, s) = r->count + 1;
    return &r->held[r->count++];
}

void fac__recording_begin(fac__recording *r)
{
    fac__self()->recording = r;
    atomic_fetch_add(&fac__recordings, 1);
}

void fac__recording_end(fac__recording *r)
{
    if (fac__self()->recording != r) return;
    fac__self()->recording = NULL;
    atomic_fetch_sub(&fac__recordings, 1);
}

void fac__recording_drop(fac__recording *r)
{
    for (int64_t i = 0; i < r->count; i++)
        if (r->held[i].storage) fac__storage_release(r->held[i].storage);
    fac__free(r->held);
    fac__free(r->table);
    memset(r, 0, sizeof *r);
}

void fac__recording_pause(void)
{
    fac__recording *r = fac__self()->recording;
    if (r) r->paused++;
}

void fac__recording_resume(void)
{
    fac__recording *r = fac__self()->recording;
    if (r) r->paused--;
}

int fac__recording_holds(const fac__storage *s)
{
    const fac__recording *r = fac__self()->recording;
    return r && r->table_size && *slot_of(r, s);
}

void fac__recording_made(fac__storage *s)
{
    fac__held *h = hold(fac__self()->recording, s);
    if (h) h->made = true;
}

void fac__recording_use(fac__storage *s)
{
    fac__held *h = hold(fac__self()->recording, s);
    if (h) h->used = true;
}

void fac__recording_host(fac__storage *s)
{
    if (!s->nbytes) return;
    fac__held *h = hold(fac__self()->recording, s);
    if (!h || h->constant) return;
    if (h->made && !h->used)
        h->constant = true;
    else
        fac__recording_refuse("read or write the elements of a tensor itself: a replay would not do it again");
}

void *fac__recording_refuse(const char *what)
{
    fac__recording *r = fac__recording_now();
    if (!r) return NULL;
    if (!r->failed) fac__runtime_error("%s cannot %s", r->subject ? r->subject : "a step that is captured", what);
    r->failed = true;
    return NULL;
}
