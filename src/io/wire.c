/* Floor 7. Protocol buffers' wire format: reading fields through a window, and appending them to a text. */
#include "wire.h"

#include <string.h>

#include "core/raise.h"

/* ---- reading ------------------------------------------------------------------------------------------------- */

bool fac__wire_error(fac__wire *w, int64_t at, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!w->failed) fac__io_error("%s: %s (at byte %lld)", w->in->path, text, (long long)at);
    w->failed = true;
    return false;
}

/* The byte at `at`, which is within the file; -1 after an error. */
static int byte_at(fac__wire *w, int64_t at)
{
    if (at < w->at || at >= w->at + w->n) {
        int64_t left = w->in->size - at, n = left < (int64_t)sizeof w->window ? left : (int64_t)sizeof w->window;
        if (!fac__input_read(w->in, at, w->window, n)) return w->failed = true, -1;
        w->at = at;
        w->n = n;
    }
    return w->window[at - w->at];
}

static bool varint(fac__message *m, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (m->at >= m->end) return fac__wire_error(m->wire, m->at, "is truncated in the middle of a number");
        int byte = byte_at(m->wire, m->at);
        if (byte < 0) return false;
        m->at++;
        if (shift < 64) *out |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return true;
    }
    return fac__wire_error(m->wire, m->at, "a number has more than 10 bytes");
}

static bool fixed(fac__message *m, int bytes, uint64_t *out)
{
    *out = 0;
    if (m->end - m->at < bytes) return fac__wire_error(m->wire, m->at, "is truncated in the middle of a number");
    for (int i = 0; i < bytes; i++) {
        int byte = byte_at(m->wire, m->at++);
        if (byte < 0) return false;
        *out |= (uint64_t)byte << 8 * i;
    }
    return true;
}

static bool number(fac__message *m, int type, uint64_t *out)
{
    return type == FAC__WIRE_VARINT ? varint(m, out) : fixed(m, type == FAC__WIRE_64 ? 8 : 4, out);
}

bool fac__wire_next(fac__message *m, fac__field *f)
{
    if (m->wire->failed || m->at >= m->end) return false;
    int64_t start = m->at;
    uint64_t tag;
    if (!varint(m, &tag)) return false;
    if (tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF)
        return fac__wire_error(m->wire, start, "a field has the number %llu", (unsigned long long)(tag >> 3));
    *f = (fac__field){.number = (int)(tag >> 3), .type = (int)(tag & 7), .at = m->at};
    switch (f->type) {
    case FAC__WIRE_VARINT:
    case FAC__WIRE_64:
    case FAC__WIRE_32: return number(m, f->type, &f->value);
    case FAC__WIRE_BYTES:
        if (!varint(m, &f->value)) return false;
        if (f->value > (uint64_t)(m->end - m->at))
            return fac__wire_error(m->wire, start, "is truncated: field %d has %llu bytes, and there are %lld",
                                   f->number, (unsigned long long)f->value, (long long)(m->end - m->at));
        f->at = m->at;
        f->n = (int64_t)f->value;
        m->at += f->n;
        return true;
    default: return fac__wire_error(m->wire, start, "field %d has the unknown type %d", f->number, f->type);
    }
}

fac__message fac__wire_inside(const fac__message *m, const fac__field *f)
{
    if (f->type == FAC__WIRE_BYTES) return (fac__message){m->wire, f->at, f->at + f->n};
    fac__wire_error(m->wire, f->at, "field %d should be bytes and is a number", f->number);
    return (fac__message){m->wire, f->at, f->at};
}

bool fac__wire_copy(const fac__message *m, const fac__field *f, int64_t from, void *out, int64_t n)
{
    fac__wire *w = m->wire;
    if (w->failed) return false;
    if (f->type != FAC__WIRE_BYTES || from + n > f->n)
        return fac__wire_error(w, f->at, "field %d is no %lld bytes", f->number, (long long)(from + n));
    int64_t at = f->at + from;
    if (n > (int64_t)sizeof w->window) {
        if (!fac__input_read(w->in, at, out, n)) w->failed = true;
        return !w->failed;
    }
    for (int64_t i = 0; i < n; i++) {
        int byte = byte_at(w, at + i);
        if (byte < 0) return false;
        ((unsigned char *)out)[i] = (unsigned char)byte;
    }
    return true;
}

bool fac__wire_numbers(const fac__message *m, const fac__field *f, int type, bool (*take)(void *context, uint64_t v),
                       void *context)
{
    if (f->type == type) return take(context, f->value);
    if (f->type != FAC__WIRE_BYTES)
        return fac__wire_error(m->wire, f->at, "field %d has numbers of the wrong type %d", f->number, f->type);
    fac__message packed = fac__wire_inside(m, f);
    uint64_t v;
    while (packed.at < packed.end)
        if (!number(&packed, type, &v) || !take(context, v)) return false;
    return true;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static void put_varint(fac__text *t, uint64_t v)
{
    char bytes[10];
    size_t n = 0;
    for (; v > 127; v >>= 7)
        bytes[n++] = (char)(v | 128);
    bytes[n++] = (char)v;
    fac__text_add(t, bytes, n);
}

void fac__wire_put_int(fac__text *t, int number, int64_t value)
{
    put_varint(t, (uint64_t)number << 3 | FAC__WIRE_VARINT);
    put_varint(t, (uint64_t)value);
}

void fac__wire_put_float(fac__text *t, int number, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    char bytes[4] = {(char)bits, (char)(bits >> 8), (char)(bits >> 16), (char)(bits >> 24)};
    put_varint(t, (uint64_t)number << 3 | FAC__WIRE_32);
    fac__text_add(t, bytes, sizeof bytes);
}

void fac__wire_put_head(fac__text *t, int number, size_t n)
{
    put_varint(t, (uint64_t)number << 3 | FAC__WIRE_BYTES);
    put_varint(t, n);
}

void fac__wire_put_bytes(fac__text *t, int number, const void *bytes, size_t n)
{
    fac__wire_put_head(t, number, n);
    fac__text_add(t, bytes, n);
}

void fac__wire_put_text(fac__text *t, int number, const char *text)
{
    fac__wire_put_bytes(t, number, text, strlen(text));
}

void fac__wire_put_message(fac__text *t, int number, const fac__text *message)
{
    t->failed |= message->failed;
    fac__wire_put_bytes(t, number, message->p ? message->p : "", message->n);
}
