/* Floor 7. Tensors in ONNX files (TensorProto): their elements lie in the file as bytes, as a list of numbers, or in a file
 * beside it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/raise.h"
#include "data/byte_order.h"
#include "onnx_tensor.h"

typedef struct proto {
    const char *name;
    int64_t type, shape[FAC_MAX_DIMS];
    int ndim;
    fac__field raw; /* number 0: there is none */
    int numbers;    /* the field with the numbers, 0: there is none */
    int64_t packed; /* bytes in these fields, or fields of one number: not fewer than there are numbers */
    bool external;
    const char *location;
    int64_t offset, length; /* length -1: to the end */
    int n, element;
} proto;

/* ---- shape --------------------------------------------------------------------------------------------------- */

static bool take_size(void *context, uint64_t v)
{
    proto *p = context;
    if (p->ndim < FAC_MAX_DIMS) p->shape[p->ndim] = (int64_t)v;
    return p->ndim++ < FAC_MAX_DIMS;
}

/* ---- a file beside it ----------------------------------------------------------------------------------------- */

static int64_t count_in(const char *text)
{
    char *end;
    long long n = strtoll(text, &end, 10);
    return *text && !*end && n >= 0 ? n : -1;
}

static void read_entry(fac__onnx_reader *r, fac__message m, proto *p)
{
    const char *key = "", *value = "";
    for (fac__field f; fac__wire_next(&m, &f);) {
        if (f.number == 1) key = fac__onnx_text(r, &m, &f);
        if (f.number == 2) value = fac__onnx_text(r, &m, &f);
    }
    if (!strcmp(key, "location")) p->location = value;
    if (!strcmp(key, "offset")) p->offset = count_in(value);
    if (!strcmp(key, "length")) p->length = count_in(value);
    if (p->offset < 0 || (p->length < 0 && !strcmp(key, "length")))
        fac__wire_error(&r->wire, m.at, "'%.50s' of data in another file is '%.50s', and no size", key, value);
}

/* A name that leads to no other folder than the model's and those in it. */
static bool stays_inside(const char *name)
{
    if (!*name || *name == '/') return false;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        size_t n = strcspn(part, "/");
        if (!n || (n == 2 && !strncmp(part, "..", 2))) return false;
    }
    return true;
}

static fac_tensor *read_external(fac__onnx_reader *r, const proto *p)
{
    const char *model = r->wire.in->path, *slash = strrchr(model, '/');
    if (!p->location || !stays_inside(p->location))
        return fac__io_error(
            "%s: the elements of '%.100s' are said to be in '%.200s', which is no file beside the model", model,
            p->name, p->location ? p->location : "");
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%.*s%s", slash ? (int)(slash - model) + 1 : 0, model, p->location);
    if (n < 0 || n >= (int)sizeof path) return fac__io_error("%s: the path of '%.100s' is too long", model, p->name);
    fac__input in;
    if (!fac__input_open(&in, path, r->wire.in->map)) return NULL;
    int64_t left = in.size - p->offset, length = p->length < 0 ? left : p->length;
    fac_tensor *t = NULL;
    if (left < 0 || length > left) {
        fac__io_error("%s: is too short for '%.100s', which is said to be %lld bytes from byte %lld on", path, p->name,
                      (long long)length, (long long)p->offset);
    } else {
        fac__stream s = fac__stream_plain(&in, p->name, p->offset, length);
        t = fac__stream_tensor(&s, p->element, p->ndim, p->shape, false);
        if (t && p->length >= 0 && !fac__stream_done(&s)) {
            fac_release(t);
            t = NULL;
        }
    }
    fac__input_close(&in);
    return t;
}

/* ---- numbers -------------------------------------------------------------------------------------------------- */

typedef struct filler {
    char *at;
    size_t size;
    int64_t left;
} filler;

static bool take_element(void *context, uint64_t v)
{
    filler *f = context;
    if (f->left-- <= 0) return false;
    for (size_t i = 0; i < f->size; i++, v >>= 8)
        f->at[fac__machine_is_big_endian() ? f->size - 1 - i : i] = (char)v;
    f->at += f->size;
    return true;
}

/* Which field has numbers of an element, and of which type they are there. */
static int field_of(int element, int *type)
{
    *type = FAC__WIRE_VARINT;
    switch (element) {
    case FAC_FLOAT32: return *type = FAC__WIRE_32, 4;
    case FAC_FLOAT64: return *type = FAC__WIRE_64, 10;
    case FAC_INT64: return 7;
    case FAC__U32:
    case FAC__U64: return 11;
    default: return 5;
    }
}

static fac_tensor *read_numbers(fac__onnx_reader *r, fac__message m, const proto *p)
{
    int type, field = field_of(p->element, &type);
    int64_t count = 1;
    bool fits = true;
    for (int i = 0; i < p->ndim; i++)
        fits &= !__builtin_mul_overflow(count, p->shape[i], &count);
    int64_t at = m.at;
    if (p->numbers && p->numbers != field) {
        fac__wire_error(&r->wire, at, "tensor '%.100s' has its numbers in the field of another type", p->name);
        return NULL;
    }
    if (!fits || count > p->packed) {
        fac__wire_error(&r->wire, at, "tensor '%.100s' has fewer elements than its shape %s", p->name,
                        fac__shape_text(p->ndim, p->shape));
        return NULL;
    }
    fac_tensor *t = fac__new(fac__element_dtype(p->element), p->ndim, p->shape);
    if (!t) return r->wire.failed = true, NULL;
    size_t size = fac__element_size(p->element), wide = fac_dtype_size((fac_dtype)t->dtype);
    char *data = fac__host(t);
    filler f = {data + (size_t)count * (wide - size), size, count};
    for (fac__field l; fac__wire_next(&m, &l);)
        if (l.number == field && !fac__wire_numbers(&m, &l, type, take_element, &f)) break;
    uint64_t value;
    if (!r->wire.failed && f.left)
        fac__wire_error(&r->wire, at, "tensor '%.100s' does not have as many elements as its shape %s", p->name,
                        fac__shape_text(p->ndim, p->shape));
    if (!r->wire.failed && fac__elements_finish(p->element, data, count, fac__machine_is_big_endian(), &value) != count)
        fac__wire_error(&r->wire, at, "tensor '%.100s' holds %llu, which its type has no place for", p->name,
                        (unsigned long long)value);
    if (!r->wire.failed) return t;
    fac_release(t);
    return NULL;
}

/* ---- the tensor ----------------------------------------------------------------------------------------------- */

static bool read_proto(fac__onnx_reader *r, fac__message m, proto *p)
{
    int64_t start = m.at;
    for (fac__field f; fac__wire_next(&m, &f);) {
        switch (f.number) {
        case 1:
            if (!fac__wire_numbers(&m, &f, FAC__WIRE_VARINT, take_size, p) && !r->wire.failed)
                return fac__wire_error(&r->wire, f.at, "a tensor has more than %d dimensions", FAC_MAX_DIMS);
            break;
        case 2: p->type = (int64_t)f.value; break;
        case 4:
        case 5:
        case 7:
        case 10:
        case 11:
            p->numbers = f.number;
            p->packed += f.type == FAC__WIRE_BYTES ? f.n : 1;
            break;
        case 8: p->name = fac__onnx_text(r, &m, &f); break;
        case 9: p->raw = f; break;
        case 13: read_entry(r, fac__wire_inside(&m, &f), p); break;
        case 14: p->external = f.value == 1; break;
        default: break;
        }
    }
    if (r->wire.failed) return false;
    p->element = fac__onnx_element(p->type);
    if (!p->element)
        return fac__wire_error(&r->wire, start, "tensor '%.100s' is of type %lld, which facula does not have", p->name,
                               (long long)p->type);
    for (int i = 0; i < p->ndim; i++)
        if (p->shape[i] < 0)
            return fac__wire_error(&r->wire, start, "tensor '%.100s' has the shape %s", p->name,
                                   fac__shape_text(p->ndim, p->shape));
    return true;
}

fac_tensor *fac__onnx_tensor_of(fac__onnx_reader *r, fac__message m, const char **name)
{
    proto p = {.name = "", .length = -1};
    if (name) *name = "";
    if (!read_proto(r, m, &p)) return NULL;
    if (name) *name = p.name;
    fac_tensor *t = NULL;
    if (p.external) {
        t = read_external(r, &p);
    } else if (p.raw.number) {
        if (p.raw.type != FAC__WIRE_BYTES) {
            fac__wire_error(&r->wire, p.raw.at, "the elements of '%.100s' are no bytes", p.name);
            return NULL;
        }
        fac__stream s = fac__stream_plain(r->wire.in, p.name, p.raw.at, p.raw.n);
        t = fac__stream_tensor(&s, p.element, p.ndim, p.shape, false);
        if (t && !fac__stream_done(&s)) {
            fac_release(t);
            t = NULL;
        }
    } else {
        t = read_numbers(r, m, &p);
    }
    if (!t) r->wire.failed = true;
    return t;
}
