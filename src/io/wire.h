/* Floor 7. The wire format of protocol buffers (https://protobuf.dev/programming-guides/encoding/), which ONNX files are
 * written in: a message is a row of fields, each a number, a type and a value; a value may be a message again.
 *
 *     fac__message m = fac__wire_whole(&wire);
 *     for (fac__field f; fac__wire_next(&m, &f);)
 *         if (f.number == 7) read_graph(fac__wire_inside(&m, &f));
 *     if (wire.failed) ... an error is pending
 *
 * Files are read through a window of some thousand bytes; what is long, a tensor's elements, is only told of: where it
 * lies and how long it is. No length is believed that its message does not have room for. */
#ifndef FACULA_WIRE_H
#define FACULA_WIRE_H

#include "core/text.h"
#include "input.h"

/* ---- reading ------------------------------------------------------------------------------------------------- */

enum { FAC__WIRE_VARINT = 0, FAC__WIRE_64 = 1, FAC__WIRE_BYTES = 2, FAC__WIRE_32 = 5 };

typedef struct fac__wire {
    fac__input *in;
    bool failed; /* an error is pending */
    int64_t at;  /* which bytes the window shows */
    int64_t n;
    unsigned char window[4096];
} fac__wire;

typedef struct fac__message {
    fac__wire *wire;
    int64_t at, end; /* in the file */
} fac__message;

typedef struct fac__field {
    int number, type;
    uint64_t value; /* of a number, whatever its type: a float's bits, for instance */
    int64_t at, n;  /* of bytes: where they lie, and how many */
} fac__field;

static inline fac__message fac__wire_whole(fac__wire *w)
{
    return (fac__message){w, 0, w->in->size};
}
/* The next field; false at the end, and after an error. */
bool fac__wire_next(fac__message *m, fac__field *f);
/* A field of bytes as a message. Of another type: an error, and an empty message. */
fac__message fac__wire_inside(const fac__message *m, const fac__field *f);
/* Copies bytes [from, from + n) of the field. */
bool fac__wire_copy(const fac__message *m, const fac__field *f, int64_t from, void *out, int64_t n);
/* False, with an error that names the file and the place. */
bool fac__wire_error(fac__wire *w, int64_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Number by number: a repeated field of numbers may be given as one field of bytes ("packed"), as fields of one number
 * each, or as several of both. Calls take(context, value) for each; false stops, and is returned. type is that of one number. */
bool fac__wire_numbers(const fac__message *m, const fac__field *f, int type, bool (*take)(void *context, uint64_t v),
                       void *context);

/* ---- writing: appends a field to a text, which is the message ------------------------------------------------ */

void fac__wire_put_int(fac__text *t, int number, int64_t value);
void fac__wire_put_float(fac__text *t, int number, float value);
void fac__wire_put_bytes(fac__text *t, int number, const void *bytes, size_t n);
void fac__wire_put_text(fac__text *t, int number, const char *text);
void fac__wire_put_message(fac__text *t, int number, const fac__text *message);
/* A field of n bytes without these bytes, which are to follow. */
void fac__wire_put_head(fac__text *t, int number, size_t n);

#endif
