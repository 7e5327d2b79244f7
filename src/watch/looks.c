/* Floor 8. Finding lines in a file of looks. */
#include "watch/looks.h"

#include <errno.h>
#include <jansson.h>
#include <unistd.h>

enum { BEGINS = 4096, PIECE = 256 << 10, SCAN = 64 << 20 /* bytes that one scan reads, at most */ };

static ssize_t read_at(int fd, void *to, size_t n, int64_t at)
{
    ssize_t got;
    do
        got = pread(fd, to, n, at);
    while (got < 0 && errno == EINTR);
    return got;
}

/* A line begins here. */
static void note_begin(fac__looks *l, int64_t at)
{
    if (l->lines % l->stride) return;
    if (l->count == BEGINS) {
        for (int i = 0; i < BEGINS / 2; i++)
            l->begins[i] = l->begins[2 * i];
        l->count = BEGINS / 2;
        l->stride *= 2;
        if (l->lines % l->stride) return;
    }
    l->begins[l->count++] = at;
}

bool fac__looks_scan(fac__looks *l, int fd)
{
    if (!l->begins) {
        if (!(l->begins = fac__alloc(BEGINS * sizeof *l->begins))) return false;
        l->stride = 1;
        note_begin(l, 0);
    }
    char *piece = fac__alloc(PIECE);
    if (!piece) return false;
    ssize_t got = 0;
    for (int64_t end = l->scanned + SCAN; l->scanned < end && (got = read_at(fd, piece, PIECE, l->scanned)) > 0;) {
        for (char *p = piece, *line; (line = memchr(p, '\n', (size_t)(piece + got - p))); p = line + 1) {
            l->lines++;
            note_begin(l, l->scanned + (line + 1 - piece));
        }
        l->scanned += got;
        if (got < PIECE) break;
    }
    fac__free(piece);
    return got >= 0;
}

/* Adds the line that begins there to the text, if it is a JSON object. Where the next one begins; -1 when it is not there. */
static int64_t add_line(fac__text *t, int fd, int64_t at, bool wanted)
{
    size_t begin = t->n, room = 4096;
    for (size_t n = 0;;) {
        if (!fac__text_reserve(t, n + room)) return -1;
        ssize_t got = read_at(fd, t->p + begin + n, room, at + (int64_t)n);
        char *end = got > 0 ? memchr(t->p + begin + n, '\n', (size_t)got) : NULL;
        if (end) {
            n = (size_t)(end - (t->p + begin));
            json_t *json = wanted && n <= FAC__LOOK_BYTES ? json_loadb(t->p + begin, n, 0, NULL) : NULL;
            t->n = json_is_object(json) ? begin + n : begin;
            json_decref(json);
            t->p[t->n] = 0;
            return at + (int64_t)n + 1;
        }
        n += got > 0 ? (size_t)got : 0;
        if (got <= 0 || n > FAC__LOOK_BYTES) break;
        room *= 2;
    }
    t->p[t->n] = 0;
    return -1;
}

static void write_look(fac__text *t, const fac__looks *l, int fd, int64_t line, bool *any)
{
    int64_t at = l->begins[line / l->stride], near = line / l->stride * l->stride;
    size_t begin = t->n;
    if (*any) fac__text_add(t, ", ", 2);
    size_t behind = t->n;
    while (near < line && at >= 0) {
        at = add_line(t, fd, at, false);
        near++;
    }
    if (at >= 0) add_line(t, fd, at, true);
    if (t->failed) return;
    if (t->n > behind)
        *any = true;
    else if (t->p)
        t->p[t->n = begin] = 0;
}

void fac__looks_write(fac__text *t, const fac__looks *l, int fd, int64_t from)
{
    if (from < 0) from = 0;
    if (from >= l->lines) return;
    int64_t step = (l->lines - from + FAC__LOOKS - 1) / FAC__LOOKS;
    if (step > 1) { /* of lines whose place is known */
        step = (step + l->stride - 1) / l->stride * l->stride;
        from = (from + l->stride - 1) / l->stride * l->stride;
    }
    size_t begin = t->n;
    bool any = false;
    for (int64_t line = from; line < l->lines - 1 && t->n - begin < FAC__LOOKS_BYTES; line += step)
        write_look(t, l, fd, line, &any);
    write_look(t, l, fd, l->lines - 1, &any);
}

void fac__looks_drop(fac__looks *l)
{
    fac__free(l->begins);
    *l = (fac__looks){0};
}
