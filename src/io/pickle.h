/* Floor 7. Python's pickles, as far as tensors and containers of them need: a machine that runs the opcodes into a tree
 * of values. Names of Python's classes and functions are looked up in a table (pickle_classes.c); nothing is imported,
 * and nothing runs but the few functions of that table. */
#ifndef FACULA_PICKLE_H
#define FACULA_PICKLE_H

#include <string.h>

#include "input.h"

typedef struct fac__value fac__value;
typedef struct fac__pickle fac__pickle;

typedef enum fac__value_kind {
    FAC__NONE,
    FAC__BOOLEAN, /* i */
    FAC__INTEGER, /* i */
    FAC__REAL,    /* f */
    FAC__TEXT,
    FAC__LIST, /* tuples and Python's lists differ for nobody but the machine */
    FAC__TUPLE,
    FAC__DICT, /* items are a key, its value, a key, … */
    FAC__CLASS,
    FAC__STORAGE,
    FAC__TENSOR,
    FAC__MARK /* the machine's own */
} fac__value_kind;

/* A class or function that a pickle may name. */
typedef struct fac__class {
    const char *module, *name;
    /* What a call of it gives: arguments are a tuple. NULL after an error. NULL: it is not called. */
    fac__value *(*call)(fac__pickle *p, fac__value *arguments);
    int element; /* of a type of storage or a dtype; 0: of none */
    enum { FAC__NAMED, FAC__STORAGE_TYPE, FAC__DTYPE } role;
} fac__class;

typedef struct fac__stored {
    const char *key;
    int element;        /* 0: as yet nobody has said */
    int64_t count;      /* of elements; of bytes where there is no element */
    fac_tensor *tensor; /* one reference, the pickle's */
} fac__stored;

typedef struct fac__strided {
    fac__stored *storage;
    int64_t offset;
    int ndim;
    int64_t shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS];
} fac__strided;

struct fac__value {
    fac__value_kind kind;
    union {
        int64_t i;
        double f;
        struct {
            const char *p; /* n bytes and a zero */
            int64_t n;
        } text;
        struct {
            fac__value **p;
            int64_t count, room;
            fac__value *attributes; /* of a dict: a dict, or NULL */
        } items;
        const fac__class *class;
        fac__stored *storage;
        fac__strided *tensor;
    };
};

/* An array of pointers that grows. */
typedef struct fac__pointers {
    void **p;
    int64_t count;
} fac__pointers;

struct fac__pickle {
    fac__stream *from;
    int64_t taken; /* bytes that were used */
    int at, n;
    unsigned char buffer[4096];
    struct fac__chunk *chunks; /* all memory but the arrays */
    size_t chunk_used, memory;
    fac__pointers stack, memo; /* of fac__value */
    fac__pointers storages;    /* of fac__stored, one for each time that one is named */
};

/* Reads on from the stretch, which it may read ahead of. */
void fac__pickle_begin(fac__pickle *p, fac__stream *from);
/* The next pickle's value; it lives until the end. NULL after an error. */
fac__value *fac__pickle_read(fac__pickle *p);
/* Gives back all memory, and the references to tensors. */
void fac__pickle_end(fac__pickle *p);

/* ---- between the machine and the table ----------------------------------------------------------------------- */

/* The name is an error where there is no such class, or one that is not allowed. NULL after that. */
const fac__class *fac__class_find(const fac__pickle *p, const char *module, const char *name);
/* What a persistent id stands for. */
fac__value *fac__pickle_persistent(fac__pickle *p, fac__value *id);
/* From the pickle's memory, uninitialised. */
void *fac__pickle_alloc(fac__pickle *p, size_t n);
fac__value *fac__pickle_new(fac__pickle *p, fac__value_kind kind);
bool fac__pickle_append(fac__pickle *p, fac__value *to, fac__value *item);
bool fac__pickle_push(fac__pickle *p, fac__pointers *to, void *item);
/* An error that names the file. NULL. */
void *fac__pickle_error(const fac__pickle *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline bool fac__is_text(const fac__value *v, const char *text)
{
    return v->kind == FAC__TEXT && v->text.n == (int64_t)strlen(text) && !memcmp(v->text.p, text, strlen(text));
}

#endif
