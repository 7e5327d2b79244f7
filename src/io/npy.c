/* Floor 7. NumPy's format for one array, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html: eight
 * bytes (a mark, and the version), the length of the header; the header, a dictionary as Python writes it:
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *
 * and the elements in a row, the last dimension first in Fortran's order. */
#include "npy.h"

#include <string.h>

#include "core/memory.h"
#include "core/raise.h"
#include "data/byte_order.h"
#include "facula/autograd.h"
#include "facula/io.h"
#include "facula/ops_pointwise.h"
#include "format.h"
#include "row_major.h"

#define MARK "\x93NUMPY"
enum { MARK_SIZE = 6, LARGEST_HEADER = 1 << 16, LINE = 64 };

/* ---- the header: reading ------------------------------------------------------------------------------------ */

typedef struct header {
    const fac__stream *s; /* for errors */
    const char *p;        /* what is not read yet; a zero is behind it */
    char descr[40];
    bool fortran;
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
} header;

#define BAD(...) fac__stream_error(h->s, __VA_ARGS__)

static bool malformed(const header *h)
{
    return BAD("has a malformed NumPy header, at: %.30s", h->p);
}

static void skip_blanks(header *h)
{
    while (*h->p == ' ' || *h->p == '\n' || *h->p == '\t')
        h->p++;
}

/* The next sign that is no blank, if it is this one. */
static bool take(header *h, char c)
{
    skip_blanks(h);
    if (*h->p != c) return false;
    h->p++;
    return true;
}

static bool take_text(header *h, char *out, size_t room)
{
    skip_blanks(h);
    char quote = *h->p;
    const char *end = quote == '\'' || quote == '"' ? strchr(h->p + 1, quote) : NULL;
    if (!end || (size_t)(end - h->p) > room || memchr(h->p, '\\', (size_t)(end - h->p))) return false;
    memcpy(out, h->p + 1, (size_t)(end - h->p - 1));
    out[end - h->p - 1] = 0;
    h->p = end + 1;
    return true;
}

static bool take_size(header *h, int64_t *size)
{
    skip_blanks(h);
    const char *begin = h->p;
    int64_t v = 0;
    for (; *h->p >= '0' && *h->p <= '9'; h->p++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *h->p - '0', &v)) return false;
    if (h->p == begin) return false;
    if (*h->p == 'L') h->p++; /* Python 2's */
    *size = v;
    return true;
}

/* (), (3,), (3, 4) */
static bool take_shape(header *h)
{
    if (!take(h, '(')) return false;
    bool comma = true;
    for (h->ndim = 0; !take(h, ')'); h->ndim++) {
        if (!comma) return false;
        if (h->ndim == FAC_MAX_DIMS) return BAD("has more than %d dimensions", FAC_MAX_DIMS);
        if (!take_size(h, &h->shape[h->ndim])) return false;
        comma = take(h, ',');
    }
    return h->ndim != 1 || comma; /* (3) is no tuple */
}

static bool take_word(header *h, const char *word)
{
    skip_blanks(h);
    size_t n = strlen(word);
    if (strncmp(h->p, word, n) != 0) return false;
    h->p += n;
    return true;
}

static bool take_entry(header *h, int *seen)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char key[16];
    int k = 0;
    if (!take_text(h, key, sizeof key) || !take(h, ':')) return false;
    while (k < 3 && strcmp(key, keys[k]) != 0)
        k++;
    if (k == 3 || *seen & 1 << k) return BAD("has a NumPy header with the key '%s', which is not expected", key);
    *seen |= 1 << k;
    skip_blanks(h);
    switch (k) {
    case 0:
        if (*h->p == '[') return BAD("is an array of records, which no tensor can be: %.30s", h->p);
        return take_text(h, h->descr, sizeof h->descr);
    case 1: h->fortran = *h->p == 'T'; return take_word(h, "True") || take_word(h, "False");
    default: return take_shape(h);
    }
}

static bool parse(header *h)
{
    int seen = 0;
    bool more = true;
    if (!take(h, '{')) return malformed(h);
    while (!take(h, '}')) {
        if (!more || !take_entry(h, &seen)) return malformed(h); /* which an error that is there already outlives */
        more = take(h, ',');
    }
    skip_blanks(h);
    if (*h->p) return malformed(h);
    return seen == 7 || BAD("has a NumPy header without descr, fortran_order or shape");
}

/* ---- dtypes ------------------------------------------------------------------------------------------------- */

static const struct {
    char code[4];
    int element;
} codes[] = {
    {"b1", FAC_BOOL},  {"u1", FAC_UINT8},   {"i1", FAC_INT8},    {"i2", FAC_INT16},
    {"i4", FAC_INT32}, {"i8", FAC_INT64},   {"u2", FAC__U16},    {"u4", FAC__U32},
    {"u8", FAC__U64},  {"f2", FAC_FLOAT16}, {"f4", FAC_FLOAT32}, {"f8", FAC_FLOAT64},
};
enum { CODES = sizeof codes / sizeof *codes };

static bool take_element(const header *h, int *element, bool *big_endian)
{
    static const struct {
        char kind;
        const char *what;
    } kinds[] = {
        {'c', "complex numbers"}, {'O', "Python objects"}, {'S', "texts"},      {'U', "texts"},       {'a', "texts"},
        {'M', "dates"},           {'m', "times"},          {'V', "raw memory"}, {'f', "long floats"},
    };
    const char *d = h->descr;
    bool ordered = *d == '<' || *d == '>' || *d == '|' || *d == '=';
    *big_endian = *d == '>' || (*d == '=' && fac__machine_is_big_endian());
    const char *code = d + ordered;
    for (int i = 0; i < CODES; i++)
        if (!strcmp(code, codes[i].code) && (ordered || code[1] == '1') && (*d != '|' || code[1] == '1'))
            return *element = codes[i].element, true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (*code == kinds[i].kind) return BAD("is of dtype '%s' (%s), which facula does not have", d, kinds[i].what);
    return BAD("is of dtype '%s', which facula does not have", d);
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

bool fac__npy_recognise(const unsigned char *head, int64_t n)
{
    return n >= MARK_SIZE && !memcmp(head, MARK, MARK_SIZE);
}

/* The header as a text, the caller's to free. */
static char *read_header(fac__stream *s)
{
    unsigned char fixed[12];
    if (s->left < 10) return fac__stream_error(s, "is truncated: it has only %lld bytes", (long long)s->left), NULL;
    if (!fac__stream_read(s, fixed, 10)) return NULL;
    if (!fac__npy_recognise(fixed, 10)) return fac__stream_error(s, "is not in NumPy's format"), NULL;
    int version = fixed[6], minor = fixed[7];
    if (version < 1 || version > 3 || minor)
        return fac__stream_error(s, "is of version %d.%d of NumPy's format, which is unknown", version, minor), NULL;
    uint32_t n = fixed[8] | (uint32_t)fixed[9] << 8;
    if (version > 1) {
        if (!fac__stream_read(s, fixed + 10, 2)) return NULL;
        n |= (uint32_t)fixed[10] << 16 | (uint32_t)fixed[11] << 24;
    }
    if (n > LARGEST_HEADER)
        return fac__stream_error(s, "has a NumPy header of %u bytes (at most %d)", (unsigned)n, LARGEST_HEADER), NULL;
    if (n > s->left) return fac__stream_error(s, "is truncated in its header"), NULL;
    char *text = fac__alloc((size_t)n + 1);
    if (!text) return NULL;
    text[n] = 0;
    if (fac__stream_read(s, text, n) && (strlen(text) == n || fac__stream_error(s, "has a zero in its NumPy header")))
        return text;
    fac__free(text);
    return NULL;
}

/* The tensor whose dimensions lie the other way round in memory. */
static fac_tensor *from_fortran(fac__stream *s, const header *h, int element, bool big_endian)
{
    int64_t reversed[FAC_MAX_DIMS], strides[FAC_MAX_DIMS], size = 1;
    for (int d = 0; d < h->ndim; d++) {
        reversed[d] = h->shape[h->ndim - 1 - d];
        strides[d] = size; /* cannot overflow: by then the tensor is there */
        if (__builtin_mul_overflow(size, h->shape[d], &size)) size = 0;
    }
    fac_tensor *t = fac__stream_tensor(s, element, h->ndim, reversed, big_endian), *row = NULL;
    if (!t) return NULL;
    fac_no_grad
        fac_scope {
            fac_tensor *view = fac__own(fac__new_view(t, h->ndim, h->shape, strides, 0));
            row = fac_keep(fac_contiguous(view));
        }
    fac_release(t);
    return row;
}

fac_tensor *fac__npy_read(fac__stream *s)
{
    char *text = read_header(s);
    if (!text) return NULL;
    header h = {.s = s, .p = text};
    int element = 0;
    bool big_endian = false, ok = parse(&h) && take_element(&h, &element, &big_endian);
    fac__free(text);
    if (!ok) return NULL;
    fac_tensor *t = h.fortran && h.ndim > 1 ? from_fortran(s, &h, element, big_endian)
                                            : fac__stream_tensor(s, element, h.ndim, h.shape, big_endian);
    if (!t || fac__stream_done(s)) return t;
    fac_release(t);
    return NULL;
}

static fac_tensor *read_file(fac__input *in)
{
    fac__stream s = fac__stream_plain(in, NULL, 0, in->size);
    return fac__npy_read(&s);
}

static bool recognise(const unsigned char *head, int64_t n, int64_t size)
{
    return fac__npy_recognise(head, n);
}

static bool load(fac__input *in, fac_state *state)
{
    fac_tensor *t = read_file(in);
    bool ok = t && fac_state_set(state, FAC__NAMELESS, t);
    fac_release(t);
    return ok;
}

fac_tensor *fac_npy_read(const char *path)
{
    FAC__OP("npy_read");
    FAC__NEED(path);
    if (fac__recording_now()) return fac__recording_refuse("read a file");
    fac__input in;
    if (!fac__input_open(&in, path, false)) return NULL;
    fac_tensor *t = read_file(&in);
    fac__input_close(&in);
    return fac__own(t);
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

bool fac__npy_describe(const fac_tensor *t, fac__text *head)
{
    int i = 0;
    while (i < CODES && codes[i].element != t->dtype)
        i++;
    if (i == CODES)
        return fac__value_error("NumPy has no dtype %s: convert the tensor first, to float32 for instance",
                                fac_dtype_name((fac_dtype)t->dtype)),
               false;
    fac__text_add(head, MARK "\x01\0\0\0", MARK_SIZE + 4);
    fac__text_format(head, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", codes[i].code[1] == '1' ? '|' : '<',
                     codes[i].code);
    for (int d = 0; d < t->ndim; d++)
        fac__text_format(head, d ? ", %lld" : "%lld", (long long)t->shape[d]);
    fac__text_format(head, "%s), }", t->ndim == 1 ? "," : "");
    fac__text_repeat(head, ' ', (int64_t)(-(head->n + 1) & (LINE - 1)));
    fac__text_add(head, "\n", 1);
    if (head->failed) return false;
    head->p[MARK_SIZE + 2] = (char)(head->n - MARK_SIZE - 4);
    head->p[MARK_SIZE + 3] = (char)((head->n - MARK_SIZE - 4) >> 8);
    return true;
}

static bool write(fac__file *f, fac_tensor *t)
{
    fac__text head = {0};
    bool ok = fac__npy_describe(t, &head) && fac__file_write(f, head.p, head.n) && fac__write_row_major(f, t);
    fac__text_drop(&head);
    return ok;
}

static bool save(fac__file *f, const fac_state *state)
{
    if (fac_state_count(state) != 1)
        return fac__value_error("a .npy file holds one tensor, and the state has %lld: write an .npz file",
                                (long long)fac_state_count(state)),
               false;
    return write(f, fac_state_tensor_at(state, 0));
}

bool fac_npy_write(fac_tensor *tensor, const char *path)
{
    FAC__OP("npy_write");
    FAC__NEED_OR(tensor, false);
    FAC__NEED_OR(path, false);
    if (fac__recording_now()) return fac__recording_refuse("write a file"), false;
    fac__file f;
    if (!fac__file_create(&f, path)) return false;
    if (write(&f, tensor)) return fac__file_commit(&f);
    fac__file_abandon(&f);
    return false;
}

const fac__format fac__format_npy = {"npy", {".npy"}, recognise, load, save};
