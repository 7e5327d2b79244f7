/* Floor 7. States in files: the safetensors format. Eight bytes, the length of the header; the header, a JSON object
 * from names to {"dtype", "shape", "data_offsets"}; the tensors' bytes, little-endian, without gaps. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "atomic_file.h"
#include "core/memory.h"
#include "core/raise.h"
#include "core/tensor_impl.h"
#include "core/text.h"
#include "data/byte_order.h"
#include "facula/autograd.h"
#include "facula/io.h"
#include "facula/ops_pointwise.h"

enum { LARGEST_HEADER = 100 * 1000 * 1000 };

#define METADATA "__metadata__"

/* In the order in which files hold them: the widest first, so that all are aligned. */
static const struct {
    const char *name;
    fac_dtype dtype;
} dtypes[] = {
    {"I64", FAC_INT64},   {"F64", FAC_FLOAT64}, {"F32", FAC_FLOAT32}, {"I32", FAC_INT32}, {"BF16", FAC_BFLOAT16},
    {"F16", FAC_FLOAT16}, {"I16", FAC_INT16},   {"I8", FAC_INT8},     {"U8", FAC_UINT8},  {"BOOL", FAC_BOOL},
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
        while (dtypes[p->dtype].dtype != (fac_dtype)p->tensor->dtype)
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

static int add_text(const char *text, size_t n, void *to)
{
    fac__text_add(to, text, n);
    return ((fac__text *)to)->failed ? -1 : 0;
}

static bool write_header(fac__file *f, json_t *header)
{
    fac__text text = {0};
    uint64_t length = 0;
    fac__text_add(&text, (const char *)&length, sizeof length);
    bool ok = json_dump_callback(header, add_text, &text, JSON_COMPACT) == 0;
    fac__text_repeat(&text, ' ', (int64_t)(-text.n & 7));
    if (!ok && !text.failed) fac__memory_error(text.n);
    if (text.n > LARGEST_HEADER) {
        fac__value_error("the names of the state make a header of %zu bytes (at most %d)", text.n, LARGEST_HEADER);
        ok = false;
    }
    ok = ok && !text.failed;
    for (int i = 0; ok && i < 8; i++)
        text.p[i] = (char)((text.n - 8) >> 8 * i);
    if (ok)
        ok = fac__file_write(f, text.p, text.n);
    else
        fac__file_abandon(f);
    fac__text_drop(&text);
    return ok;
}

static bool write_tensor(fac__file *f, fac_tensor *t)
{
    bool ok = false;
    size_t size = fac_dtype_size((fac_dtype)t->dtype);
    fac_no_grad
        fac_scope {
            bool swap = size > 1 && fac__machine_is_big_endian();
            fac_tensor *row = swap ? fac_clone(fac_contiguous(t)) : fac_contiguous(t);
            if (row && swap) fac__swap_bytes(fac__host(row), row->numel, size);
            if (row)
                ok = fac__file_write(f, fac__host(row), (size_t)row->numel * size);
            else
                fac__file_abandon(f);
        }
    return ok;
}

bool fac_save(const fac_state *state, const char *path)
{
    FAC__OP("save");
    FAC__NEED_OR(state, false);
    FAC__NEED_OR(path, false);
    if (fac__recording_now()) return fac__recording_refuse("write a file"), false;
    int64_t count = fac_state_count(state);
    piece *pieces = fac__alloc((size_t)count * sizeof *pieces);
    json_t *header = pieces && list_pieces(state, pieces) ? describe(state, pieces) : NULL;
    fac__file f;
    bool ok = header && fac__file_create(&f, path) && write_header(&f, header);
    for (int64_t i = 0; ok && i < count; i++)
        ok = write_tensor(&f, pieces[i].tensor);
    ok = ok && fac__file_commit(&f);
    json_decref(header);
    fac__free(pieces);
    return ok;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

typedef struct reader {
    const char *path;
    int fd;
    int64_t data_size; /* bytes behind the header */
    json_t *header;
    int64_t count;
    piece *pieces; /* sorted by begin */
    fac_state *state;
} reader;

static bool read_exactly(const reader *r, void *out, int64_t n)
{
    char *p = out;
    while (n > 0) {
        ssize_t got = read(r->fd, p, (size_t)(n < 1 << 30 ? n : 1 << 30));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fac__io_error("%s: cannot be read: %s", r->path, strerror(errno)), false;
        if (got == 0) return fac__io_error("%s: became shorter while it was read", r->path), false;
        p += got;
        n -= got;
    }
    return true;
}

static bool read_header(reader *r)
{
    struct stat info;
    if (fstat(r->fd, &info) != 0) return fac__io_error("%s: cannot be read: %s", r->path, strerror(errno)), false;
    if (!S_ISREG(info.st_mode)) return fac__io_error("%s: not a regular file", r->path), false;
    int64_t size = (int64_t)info.st_size;
    unsigned char head[8];
    if (size < 8)
        return fac__io_error("%s: safetensors file truncated: it has only %lld bytes", r->path, (long long)size), false;
    if (!read_exactly(r, head, 8)) return false;
    uint64_t length = 0;
    for (int i = 0; i < 8; i++)
        length |= (uint64_t)head[i] << 8 * i;
    if (length > LARGEST_HEADER)
        return fac__io_error("%s: not a safetensors file, or its header is too large: %llu bytes (at most %d)", r->path,
                             (unsigned long long)length, LARGEST_HEADER),
               false;
    if ((int64_t)length > size - 8)
        return fac__io_error("%s: safetensors file truncated: a header of %llu bytes does not fit into %lld", r->path,
                             (unsigned long long)length, (long long)size),
               false;
    r->data_size = size - 8 - (int64_t)length;
    char *text = fac__alloc(length);
    if (!text) return false;
    json_error_t e = {.line = 0};
    bool ok = read_exactly(r, text, (int64_t)length);
    if (ok && (!length || text[0] != '{')) {
        fac__io_error("%s: not a safetensors file: its header does not begin with '{'", r->path);
        ok = false;
    }
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
    if (!json_is_object(texts)) return fac__io_error("%s: " METADATA " is not an object", r->path), false;
    const char *key;
    json_t *text;
    json_object_foreach(texts, key, text) {
        if (!json_is_string(text)) return fac__io_error("%s: " METADATA " '%s' is not a text", r->path, key), false;
        if (!fac_state_set_metadata(r->state, key, json_string_value(text))) return false;
    }
    return true;
}

#define BAD(...) (fac__io_error(__VA_ARGS__), false)

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
        return BAD("%s: tensor '%s' is of unknown dtype '%s'", r->path, p->name, json_string_value(dtype));
    if (json_array_size(shape) > FAC_MAX_DIMS)
        return BAD("%s: tensor '%s' has %zu dimensions (at most %d)", r->path, p->name, json_array_size(shape),
                   FAC_MAX_DIMS);
    p->ndim = (int)json_array_size(shape);
    int64_t bytes = (int64_t)fac_dtype_size(dtypes[p->dtype].dtype);
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

static bool read_tensor(const reader *r, const piece *p)
{
    char *data = fac__host(p->tensor);
    if (!read_exactly(r, data, p->end - p->begin)) return false;
    if (p->tensor->dtype == FAC_BOOL)
        for (int64_t i = 0; i < p->tensor->numel; i++)
            if ((unsigned char)data[i] > 1)
                return BAD("%s: tensor '%s' of dtype BOOL holds %d at %lld", r->path, p->name, (unsigned char)data[i],
                           (long long)i);
    if (fac__machine_is_big_endian())
        fac__swap_bytes(data, p->tensor->numel, fac_dtype_size((fac_dtype)p->tensor->dtype));
    return true;
}

static int by_order(const void *x, const void *y)
{
    const piece *a = x, *b = y;
    return (a->order > b->order) - (a->order < b->order);
}

static bool read_all(reader *r)
{
    r->state = fac_state_new();
    if (!r->state || !read_header(r) || !read_pieces(r)) return false;
    for (int64_t i = 0; i < r->count; i++) {
        piece *p = &r->pieces[i];
        p->tensor = fac__new(dtypes[p->dtype].dtype, p->ndim, p->shape);
        if (!p->tensor || !read_tensor(r, p)) return false;
    }
    qsort(r->pieces, (size_t)r->count, sizeof *r->pieces, by_order);
    for (int64_t i = 0; i < r->count; i++)
        if (!fac_state_set(r->state, r->pieces[i].name, r->pieces[i].tensor)) return false;
    return true;
}

fac_state *fac_load(const char *path)
{
    FAC__OP("load");
    FAC__NEED(path);
    if (fac__recording_now()) return fac__recording_refuse("read a file");
    /* O_NONBLOCK: a pipe nobody writes to is to be refused, not waited for. It means nothing to regular files. */
    reader r = {.path = path, .fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    if (r.fd < 0) return fac__io_error("%s: cannot be opened: %s", path, strerror(errno));
    bool ok = read_all(&r);
    for (int64_t i = 0; i < r.count; i++)
        fac_release(r.pieces[i].tensor);
    fac__free(r.pieces);
    json_decref(r.header);
    close(r.fd);
    if (ok) return r.state;
    fac_state_free(r.state);
    return NULL;
}
