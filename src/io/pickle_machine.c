/* Floor 7. The machine that runs pickles: a stack of values, and a memo of those that are used again. Opcodes are those
 * of protocols 2 to 5 that Python writes for containers, texts, numbers and objects that say how they are made; others
 * are refused. https://docs.python.org/3/library/pickletools.html */
#include <stdio.h>

#include "pickle.h"

/* Limits of what a file can make of us, with those of pickle_memory.c. */
enum { LARGEST_TEXT = 64 << 20, LONGEST_NAME = 256 };

static fac__value the_mark = {.kind = FAC__MARK};

/* ---- bytes -------------------------------------------------------------------------------------------------- */

/* Exactly n bytes. */
static bool take(fac__pickle *p, void *out, int64_t n)
{
    char *to = out;
    for (; n > 0;) {
        if (p->at == p->n) {
            if (!p->from->left) return fac__pickle_error(p, "the pickle is truncated"), false;
            p->n = p->from->left < (int64_t)sizeof p->buffer ? (int)p->from->left : (int)sizeof p->buffer;
            p->at = 0;
            if (!fac__stream_read(p->from, p->buffer, p->n)) return p->n = 0, false;
        }
        int64_t some = n < p->n - p->at ? n : p->n - p->at;
        memcpy(to, p->buffer + p->at, (size_t)some);
        p->at += (int)some;
        p->taken += some;
        to += some;
        n -= some;
    }
    return true;
}

/* A number of that many bytes, little-endian, not negative. */
static bool take_count(fac__pickle *p, int bytes, uint64_t *v)
{
    unsigned char b[8];
    if (!take(p, b, bytes)) return false;
    *v = 0;
    for (int i = 0; i < bytes; i++)
        *v |= (uint64_t)b[i] << 8 * i;
    return true;
}

/* The text of an opcode whose length is a number of that many bytes. */
static fac__value *take_text(fac__pickle *p, int bytes)
{
    uint64_t n;
    if (!take_count(p, bytes, &n)) return NULL;
    int64_t there = p->from->left + p->n - p->at;
    if (n > (uint64_t)there) return fac__pickle_error(p, "the pickle is truncated");
    if (n > LARGEST_TEXT) return fac__pickle_error(p, "the pickle has a text of %lld bytes", (long long)n);
    fac__value *v = fac__pickle_new(p, FAC__TEXT);
    char *text = v ? fac__pickle_alloc(p, n + 1) : NULL;
    if (!text || !take(p, text, (int64_t)n)) return NULL;
    text[n] = 0;
    v->text.p = text;
    v->text.n = (int64_t)n;
    return v;
}

/* Of up to a line of text, without its end. */
static bool take_line(fac__pickle *p, char out[LONGEST_NAME])
{
    for (int i = 0; i < LONGEST_NAME; i++) {
        if (!take(p, &out[i], 1)) return false;
        if (out[i] == '\n') return out[i] = 0, true;
    }
    return fac__pickle_error(p, "the pickle names a class with too long a name"), false;
}

static fac__value *integer(fac__pickle *p, int64_t i)
{
    fac__value *v = fac__pickle_new(p, FAC__INTEGER);
    if (v) v->i = i;
    return v;
}

static fac__value *take_integer(fac__pickle *p, int bytes)
{
    uint64_t u;
    if (!take_count(p, bytes, &u)) return NULL;
    return integer(p, bytes == 4 ? (int32_t)(uint32_t)u : (int64_t)u);
}

/* Of any length, two's complement. What only an uint64 holds, a seed for instance, becomes a text. */
static fac__value *take_long(fac__pickle *p)
{
    unsigned char n, b[9];
    if (!take(p, &n, 1)) return NULL;
    if (n > sizeof b) return fac__pickle_error(p, "the pickle has a whole number of %d bytes (at most 8)", n);
    if (!take(p, b, n)) return NULL;
    uint64_t u = n && b[n - 1] & 0x80 ? ~(uint64_t)0 : 0;
    for (int i = 0; i < n && i < 8; i++)
        u = (u & ~((uint64_t)0xff << 8 * i)) | (uint64_t)b[i] << 8 * i;
    if (n < 9 || (b[8] == 0 && u <= INT64_MAX) || (b[8] == 0xff && u > INT64_MAX)) return integer(p, (int64_t)u);
    if (b[8] != 0) return fac__pickle_error(p, "the pickle has a whole number of more than 64 bits");
    fac__value *v = fac__pickle_new(p, FAC__TEXT);
    char *text = v ? fac__pickle_alloc(p, 24) : NULL;
    if (!text) return NULL;
    v->text.n = snprintf(text, 24, "%llu", (unsigned long long)u);
    v->text.p = text;
    return v;
}

static fac__value *take_real(fac__pickle *p)
{
    unsigned char b[8];
    if (!take(p, b, 8)) return NULL;
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | b[i];
    fac__value *v = fac__pickle_new(p, FAC__REAL);
    if (v) memcpy(&v->f, &bits, 8);
    return v;
}

/* ---- the stack ---------------------------------------------------------------------------------------------- */

static bool push(fac__pickle *p, fac__value *v)
{
    return v && fac__pickle_push(p, &p->stack, v);
}

static fac__value *underflow(const fac__pickle *p)
{
    return fac__pickle_error(p, "the pickle is malformed: an opcode at byte %lld lacks its operands",
                             (long long)p->taken - 1);
}

static fac__value *top(const fac__pickle *p)
{
    if (!p->stack.count || p->stack.p[p->stack.count - 1] == &the_mark) return underflow(p);
    return p->stack.p[p->stack.count - 1];
}

static fac__value *pop(fac__pickle *p)
{
    fac__value *v = top(p);
    if (v) p->stack.count--;
    return v;
}

/* Where the values behind the last mark begin; -1 after an error. */
static int64_t last_mark(const fac__pickle *p)
{
    int64_t i = p->stack.count;
    while (i > 0 && p->stack.p[i - 1] != &the_mark)
        i--;
    return i ? i : (underflow(p), -1);
}

/* The values from there on, as a tuple. */
static bool make_tuple(fac__pickle *p, int64_t from, int64_t mark)
{
    fac__value *t = from < 0 ? NULL : fac__pickle_new(p, FAC__TUPLE);
    bool ok = t != NULL;
    for (int64_t i = from; ok && i < p->stack.count; i++)
        ok = (p->stack.p[i] != &the_mark || underflow(p)) && fac__pickle_append(p, t, p->stack.p[i]);
    if (!ok) return false;
    p->stack.count = from - mark;
    return push(p, t);
}

/* Adds the values from there on to the list or dict before them. */
static bool add_items(fac__pickle *p, int64_t from, int64_t mark, fac__value_kind kind)
{
    if (from < 0) return underflow(p), false; /* if it is not said already */
    int64_t count = p->stack.count - from;
    fac__value *to = from - mark > 0 ? p->stack.p[from - mark - 1] : NULL;
    if (!to || to->kind != kind || (kind == FAC__DICT && count % 2)) return underflow(p), false;
    for (int64_t i = from; i < p->stack.count; i++)
        if (!fac__pickle_append(p, to, p->stack.p[i])) return false;
    p->stack.count = from - mark;
    return true;
}

/* ---- memo --------------------------------------------------------------------------------------------------- */

static bool memoise(fac__pickle *p, uint64_t at)
{
    fac__value *v = top(p);
    if (!v) return false;
    /* Python counts; a number that is larger than the pickle would only cost memory. */
    if (at > (uint64_t)p->taken)
        return fac__pickle_error(p, "the pickle is malformed: memo %lld", (long long)at), false;
    while ((uint64_t)p->memo.count <= at)
        if (!fac__pickle_push(p, &p->memo, NULL)) return false;
    p->memo.p[at] = v;
    return true;
}

static bool recall(fac__pickle *p, uint64_t at)
{
    if (at >= (uint64_t)p->memo.count || !p->memo.p[at])
        return fac__pickle_error(p, "the pickle is malformed: there is no memo %lld", (long long)at), false;
    return push(p, p->memo.p[at]);
}

/* ---- objects ------------------------------------------------------------------------------------------------ */

static bool name_class(fac__pickle *p, const char *module, const char *name)
{
    fac__value *v = fac__pickle_new(p, FAC__CLASS);
    if (!v || !(v->class = fac__class_find(p, module, name))) return false;
    return push(p, v);
}

static bool name_class_on_stack(fac__pickle *p)
{
    fac__value *name = pop(p), *module = name ? pop(p) : NULL;
    if (!module) return false;
    if (name->kind != FAC__TEXT || module->kind != FAC__TEXT) return underflow(p), false;
    return name_class(p, module->text.p, name->text.p);
}

static bool call(fac__pickle *p)
{
    fac__value *arguments = pop(p), *what = arguments ? pop(p) : NULL;
    if (!what) return false;
    if (what->kind != FAC__CLASS || arguments->kind != FAC__TUPLE) return underflow(p), false;
    if (!what->class->call)
        return fac__pickle_error(p, "the pickle calls '%s.%s', which makes no value", what->class->module,
                                 what->class->name),
               false;
    return push(p, what->class->call(p, arguments));
}

/* Attributes of a dict; other objects have none that matter. */
static bool build(fac__pickle *p)
{
    fac__value *attributes = pop(p), *to = attributes ? top(p) : NULL;
    if (!to) return false;
    if (to->kind != FAC__DICT || attributes->kind != FAC__DICT) return underflow(p), false;
    to->items.attributes = attributes;
    return true;
}

/* ---- opcodes ------------------------------------------------------------------------------------------------ */

static bool step(fac__pickle *p, unsigned char opcode)
{
    uint64_t n;
    fac__value *v;
    char module[LONGEST_NAME], name[LONGEST_NAME];
    switch (opcode) {
    case 0x80: /* PROTO */
        if (!take_count(p, 1, &n)) return false;
        return (n >= 2 && n <= 5) || fac__pickle_error(p, "the pickle is of protocol %d (2 to 5 are known)", (int)n);
    case 0x95: return take_count(p, 8, &n); /* FRAME: how far to read ahead */

    case 'N': return push(p, fac__pickle_new(p, FAC__NONE));
    case 0x88: /* NEWTRUE */
    case 0x89: /* NEWFALSE */
        v = fac__pickle_new(p, FAC__BOOLEAN);
        if (v) v->i = opcode == 0x88;
        return push(p, v);
    case 'K': return push(p, take_integer(p, 1)); /* BININT1 */
    case 'M': return push(p, take_integer(p, 2)); /* BININT2 */
    case 'J': return push(p, take_integer(p, 4)); /* BININT */
    case 0x8a: return push(p, take_long(p));      /* LONG1 */
    case 'G': return push(p, take_real(p));       /* BINFLOAT */
    case 0x8c: return push(p, take_text(p, 1));   /* SHORT_BINUNICODE */
    case 'X': return push(p, take_text(p, 4));    /* BINUNICODE */
    case 0x8d: return push(p, take_text(p, 8));   /* BINUNICODE8 */
    case 'U': return push(p, take_text(p, 1));    /* SHORT_BINSTRING, Python 2's texts */
    case 'T': return push(p, take_text(p, 4));    /* BINSTRING */

    case '(': return push(p, &the_mark);
    case ')': return push(p, fac__pickle_new(p, FAC__TUPLE)); /* EMPTY_TUPLE */
    case 't': n = (uint64_t)last_mark(p); return make_tuple(p, (int64_t)n, 1);
    case 0x85: /* TUPLE1 */
    case 0x86: /* TUPLE2 */
    case 0x87: /* TUPLE3 */
        n = opcode - 0x84;
        return p->stack.count >= (int64_t)n ? make_tuple(p, p->stack.count - (int64_t)n, 0) : (underflow(p), false);
    case ']': return push(p, fac__pickle_new(p, FAC__LIST));                   /* EMPTY_LIST */
    case 'a': return top(p) && add_items(p, p->stack.count - 1, 0, FAC__LIST); /* APPEND */
    case 'e': return add_items(p, last_mark(p), 1, FAC__LIST);                 /* APPENDS */
    case '}': return push(p, fac__pickle_new(p, FAC__DICT));                   /* EMPTY_DICT */
    case 's': return top(p) && add_items(p, p->stack.count - 2, 0, FAC__DICT); /* SETITEM */
    case 'u': return add_items(p, last_mark(p), 1, FAC__DICT);                 /* SETITEMS */

    case 'q': return take_count(p, 1, &n) && memoise(p, n); /* BINPUT */
    case 'r': return take_count(p, 4, &n) && memoise(p, n); /* LONG_BINPUT */
    case 0x94: return memoise(p, (uint64_t)p->memo.count);  /* MEMOIZE */
    case 'h': return take_count(p, 1, &n) && recall(p, n);  /* BINGET */
    case 'j': return take_count(p, 4, &n) && recall(p, n);  /* LONG_BINGET */

    case 'c': return take_line(p, module) && take_line(p, name) && name_class(p, module, name); /* GLOBAL */
    case 0x93: return name_class_on_stack(p);                                                   /* STACK_GLOBAL */
    case 'R': return call(p);                                                                   /* REDUCE */
    case 0x81: return call(p);                                                                  /* NEWOBJ */
    case 'b': return build(p);                                                                  /* BUILD */
    case 'Q': v = pop(p); return v && push(p, fac__pickle_persistent(p, v));                    /* BINPERSID */
    default:
        return fac__pickle_error(p, "the pickle has an opcode, 0x%02x at byte %lld, that no tensor needs", opcode,
                                 (long long)p->taken - 1),
               false;
    }
}

fac__value *fac__pickle_read(fac__pickle *p)
{
    p->stack.count = p->memo.count = 0;
    for (unsigned char opcode; take(p, &opcode, 1);) {
        if (opcode != '.') {
            if (!step(p, opcode)) return NULL;
            continue;
        }
        fac__value *v = pop(p);
        if (v && p->stack.count) return fac__pickle_error(p, "the pickle is malformed: it leaves values on its stack");
        return v;
    }
    return NULL;
}
