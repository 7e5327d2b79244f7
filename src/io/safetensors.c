/* Floor 7. States in files: the safetensors format. Eight bytes, the length of the header; the header, a JSON object
 * from names to {"dtype", "shape", "data_offsets"}; the tensors' bytes, little-endian, without gaps. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "core/memory.h"
#include "core/raise.h"
#include "core/text.h"
#include "facula/io.h"
#include "format.h"
#include "json_out.h"
#include "row_major.h"

enum { LARGEST_HEADER = 100 * 1000 * 1000 };

#define METADATA "__metadata__"

/* In the order in which files hold them: the widest first, so that all are aligned. Behind facula's dtypes are those
 * that are only read, as others. */
static const struct {
    const char *name;
    int element;
} dtypes[] = {
    {"I64", FAC_INT64},     {"F64", FAC_FLOAT64},      {"F32", FAC_FLOAT32},      {"I32", FAC_INT32},
    {"BF16", FAC_BFLOAT16}, {"F16", FAC_FLOAT16},      {"I16", FAC_INT16},        {"I8", FAC_INT8},
    {"U8", FAC_UINT8},      {"BOOL", FAC_BOOL},        {"U64", FAC__U64},         {"U32", FAC__U32},
    {"U16", FAC__U16},      {"F8_E5M2", FAC__F8_E5M2}, {"F8_E4M3", FAC__F8_E4M3}, {"F8_E8M0", FAC__F8_E8M0},
};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

/* A tensor in a file. */
typedef struct piece {
    const char *name;
    int dtype; /* in the table */
    fac_tensor *tensor;
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
    int64_t begin, end; /* behind the header */
    int64_t order;      /* in the header */
} piece;

/* ---- writing ------------------------------------------------------------------------------------------------ */

static int by_place(const void *x, const void *y)
{
    const piece *a = x, *b = y;
    return a->dtype != b->dtype ? a->dtype - b->dtype : strcmp(a->name, b->name);
}

static bool list_pieces(const fac_state *state, piece *pieces)
{
    int64_t count = fac_state_count(state), at = 0;
    for (int64_t i = 0; i < count; i++) {
        piece *p = &pieces[i];
        p->name = fac_state_name_at(state, i);
        p->tensor = fac_state_tensor_at(state, i);
        if (!strcmp(p->name, METADATA))
            return fac__value_error("a tensor cannot be named '" METADATA "' in a safetensors file"), false;
        p->dtype = 0;
        while (dtypes[p->dtype].element != p->tensor->dtype)
            p->dtype++;
    }
    qsort(pieces, (size_t)count, sizeof *pieces, by_place);
    for (int64_t i = 0; i < count; i++) {
        fac_tensor *t = pieces[i].tensor;
        pieces[i].begin = at;
        pieces[i].end = at += t->numel * (int64_t)fac_dtype_size((fac_dtype)t->dtype);
    }
    return true;
}

/* The header as JSON; NULL when memory runs out or a text is not UTF-8. */
static json_t *describe(const fac_state *state, const piece *pieces)
{
    json_t *header = json_object();
    bool ok = header != NULL;
    if (fac_state_metadata_count(state)) {
        json_t *texts = json_object();
        ok = json_object_set_new(header, METADATA, texts) == 0; /* which takes texts in any case */
        for (int64_t i = 0; ok && i < fac_state_metadata_count(state); i++) {
            const char *key = fac_state_metadata_key_at(state, i);
            ok = json_object_set_new(texts, key, json_string(fac_state_metadata(state, key))) == 0;
        }
    }
    for (int64_t i = 0; ok && i < fac_state_count(state); i++) {
        const piece *p = &pieces[i];
        json_t *shape = json_array();
        for (int d = 0; d < p->tensor->ndim; d++)
            ok = ok && json_array_append_new(shape, json_integer(p->tensor->shape[d])) == 0;
        json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtypes[p->dtype].name, "shape", shape,
                                  "data_offsets", (json_int_t)p->begin, (json_int_t)p->end);
        ok = json_object_set_new(header, p->name, entry) == 0 && ok;
    }
    if (ok) return header;
    json_decref(header);
    fac__value_error("a name or text of the state is not UTF-8, or memory ran out");
    return NULL;
}

static bool write_header(fac__file *f, json_t *header)
{
    fac__text text = {0};
    uint64_t length = 0;
    fac__text_add(&text, (const char *)&length, sizeof length);
    bool ok = fac__text_add_json(&text, header, JSON_COMPACT);
    fac__text_repeat(&text, ' ', (int64_t)(-text.n & 7));
    if (text.n > LARGEST_HEADER) {
        fac__value_error("the names of the state make a header of %zu bytes (at most %d)", text.n, LARGEST_HEADER);
        ok = false;
    }
    ok = ok && !text.failed;
    for (int i = 0; ok && i < 8; i++)
        text.p[i] = (char)((text.n - 8) >> 8 * i);
    ok = ok && fac__file_write(f, text.p, text.n);
    fac__text_drop(&text);
    return ok;
}

static bool save(fac__file *f, const fac_state *state)
{
    int64_t count = fac_state_count(state);
    piece *pieces = fac__alloc((size_t)count * sizeof *pieces);
    json_t *header = pieces && list_pieces(state, pieces) ? describe(state, pieces) : NULL;
    bool ok = header && write_header(f, header);
    for (int64_t i = 0; ok && i < count; i++)
        ok = fac__write_row_major(f, pieces[i].tensor);
    json_decref(header);
    fac__free(pieces);
    return ok;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

#define BAD(...) (fac__io_error(__VA_ARGS__), false)

typedef struct reader {
    fac__input *in;
    const char *path;
    int64_t data_at, data_size; /* what is behind the header */
    json_t *header;
    int64_t count;
    piece *pieces; /* sorted by begin */
    fac_state *state;
} reader;

static uint64_t header_length(const unsigned char *head)
{
    uint64_t length = 0;
    for (int i = 0; i < 8; i++)
        length |= (uint64_t)head[i] << 8 * i;
    return length;
}

static bool recognise(const unsigned char *head, int64_t n, int64_t size)
{
    return n > 8 && head[8] == '{' && header_length(head) <= LARGEST_HEADER && header_length(head) > 0;
}

static bool read_header(reader *r)
{
    unsigned char head[8];
    int64_t size = r->in->size;
    if (size < 8) return BAD("%s: safetensors file truncated: it has only %lld bytes", r->path, (long long)size);
    if (!fac__input_read(r->in, 0, head, 8)) return false;
    uint64_t length = header_length(head);
    if (length > LARGEST_HEADER)
        return BAD("%s: not a safetensors file, or its header is too large: %llu bytes (at most %d)", r->path,
                   (unsigned long long)length, LARGEST_HEADER);
    if ((int64_t)length > size - 8)
        return BAD("%s: safetensors file truncated: a header of %llu bytes does not fit into %lld", r->path,
                   (unsigned long long)length, (long long)size);
    r->data_at = 8 + (int64_t)length;
    r->data_size = size - r->data_at;
    char *text = fac__alloc(length);
    if (!text) return false;
    json_error_t e = {.line = 0};
    bool ok = fac__input_read(r->in, 8, text, (int64_t)length);
    if (ok && (!length || text[0] != '{'))
        ok = BAD("%s: not a safetensors file: its header does not begin with '{'", r->path);
    if (ok) r->header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &e);
    if (ok && !r->header && !*e.text)
        fac__memory_error(length); /* for which jansson has no words */
    else if (ok && !r->header)
        fac__io_error("%s: safetensors header, byte %d: %s", r->path, e.position, e.text);
    fac__free(text);
    return ok && r->header;
}

static bool read_metadata(reader *r, json_t *texts)
{
    if (!json_is_object(texts)) return BAD("%s: " METADATA " is not an object", r->path);
    const char *key;
    json_t *text;
    json_object_foreach(texts, key, text) {
        if (!json_is_string(text)) return BAD("%s: " METADATA " '%s' is not a text", r->path, key);
        if (!fac_state_set_metadata(r->state, key, json_string_value(text))) return false;
    }
    return true;
}

static bool read_piece(const reader *r, piece *p, json_t *entry)
{
    json_t *dtype = json_object_get(entry, "dtype"), *shape = json_object_get(entry, "shape");
    json_t *offsets = json_object_get(entry, "data_offsets"), *begin = json_array_get(offsets, 0),
           *end = json_array_get(offsets, 1);
    if (!json_is_string(dtype) || !json_is_array(shape) || json_array_size(offsets) != 2)
        return BAD("%s: tensor '%s' lacks dtype, shape or data_offsets", r->path, p->name);
    for (p->dtype = 0; p->dtype < DTYPES && strcmp(dtypes[p->dtype].name, json_string_value(dtype)) != 0;)
        p->dtype++;
    if (p->dtype == DTYPES)
        return BAD("%s: tensor '%s' is of dtype '%s', which facula does not have", r->path, p->name,
                   json_string_value(dtype));
    if (json_array_size(shape) > FAC_MAX_DIMS)
        return BAD("%s: tensor '%s' has %zu dimensions (at most %d)", r->path, p->name, json_array_size(shape),
                   FAC_MAX_DIMS);
    p->ndim = (int)json_array_size(shape);
    int64_t bytes = (int64_t)fac__element_size(dtypes[p->dtype].element);
    bool fits = true, empty = false;
    for (int d = 0; d < p->ndim; d++) {
        json_t *n = json_array_get(shape, (size_t)d);
        if (!json_is_integer(n) || json_integer_value(n) < 0)
            return BAD("%s: tensor '%s': size %d is not a whole number from 0", r->path, p->name, d);
        p->shape[d] = json_integer_value(n);
        if (p->shape[d] == 0)
            empty = true;
        else
            fits = fits && !__builtin_mul_overflow(bytes, p->shape[d], &bytes);
    }
    if (empty) bytes = 0;
    if (!json_is_integer(begin) || !json_is_integer(end) || json_integer_value(begin) < 0 ||
        json_integer_value(end) < json_integer_value(begin))
        return BAD("%s: tensor '%s': data_offsets are not two whole numbers, the first no larger", r->path, p->name);
    p->begin = json_integer_value(begin);
    p->end = json_integer_value(end);
    if (!fits || bytes != p->end - p->begin)
        return BAD("%s: tensor '%s' of shape %s and dtype %s does not fill bytes %lld to %lld", r->path, p->name,
                   fac__shape_text(p->ndim, p->shape), dtypes[p->dtype].name, (long long)p->begin, (long long)p->end);
    if (p->end > r->data_size)
        return BAD("%s: safetensors file truncated: tensor '%s' ends at byte %lld of %lld", r->path, p->name,
                   (long long)p->end, (long long)r->data_size);
    return true;
}

static int by_offset(const void *x, const void *y)
{
    const piece *a = x, *b = y;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

/* The pieces, checked against each other: one after the other, from the first byte to the last. */
static bool read_pieces(reader *r)
{
    r->pieces = fac__alloc(json_object_size(r->header) * sizeof *r->pieces);
    if (!r->pieces) return false;
    const char *name;
    json_t *entry;
    json_object_foreach(r->header, name, entry) {
        if (!strcmp(name, METADATA)) {
            if (!read_metadata(r, entry)) return false;
            continue;
        }
        piece *p = &r->pieces[r->count];
        *p = (piece){.name = name, .order = r->count++};
        if (!read_piece(r, p, entry)) return false;
    }
    qsort(r->pieces, (size_t)r->count, sizeof *r->pieces, by_offset);
    int64_t at = 0;
    for (int64_t i = 0; i < r->count; at = r->pieces[i++].end)
        if (r->pieces[i].begin != at)
            return BAD("%s: tensor '%s' begins at byte %lld, which %s", r->path, r->pieces[i].name,
                       (long long)r->pieces[i].begin, r->pieces[i].begin < at ? "another tensor has" : "leaves a gap");
    if (at != r->data_size)
        return BAD("%s: safetensors file too long: its tensors end at byte %lld of %lld", r->path, (long long)at,
                   (long long)r->data_size);
    return true;
}

static int by_order(const void *x, const void *y)
{
    const piece *a = x, *b = y;
    return (a->order > b->order) - (a->order < b->order);
}

static bool read_all(reader *r)
{
    if (!read_header(r) || !read_pieces(r)) return false;
    for (int64_t i = 0; i < r->count; i++) {
        piece *p = &r->pieces[i];
        fac__stream s = fac__stream_plain(r->in, p->name, r->data_at + p->begin, p->end - p->begin);
        p->tensor = fac__stream_tensor(&s, dtypes[p->dtype].element, p->ndim, p->shape, false);
        if (!p->tensor) return false;
    }
    qsort(r->pieces, (size_t)r->count, sizeof *r->pieces, by_order);
    for (int64_t i = 0; i < r->count; i++)
        if (!fac_state_set(r->state, r->pieces[i].name, r->pieces[i].tensor)) return false;
    return true;
}

static bool load(fac__input *in, fac_state *state)
{
    reader r = {.in = in, .path = in->path, .state = state};
    bool ok = read_all(&r);
    for (int64_t i = 0; i < r.count; i++)
        fac_release(r.pieces[i].tensor);
    fac__free(r.pieces);
    json_decref(r.header);
    return ok;
}

fac_state *fac_safetensors_load_with(const char *path, fac_load_options options)
{
    FAC__OP("safetensors_load");
    FAC__NEED(path);
    return fac__load_by(load, path, options.map);
}

const fac__format fac__format_safetensors = {"safetensors", {".safetensors"}, recognise, load, save};
