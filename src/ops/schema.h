/* Floor 4. PyTorch's schema notation, read into a list of parameters. */
#ifndef FACULA_SCHEMA_H
#define FACULA_SCHEMA_H

#include "facula/ops_call.h"

typedef enum fac__param_type {
    FAC__P_TENSOR,
    FAC__P_TENSORS,
    FAC__P_SCALAR,
    FAC__P_INT,
    FAC__P_FLOAT,
    FAC__P_BOOL,
    FAC__P_INTS,
    FAC__P_FLOATS,
    FAC__P_STRING,
    FAC__P_DTYPE,
    FAC__P_DEVICE,  /* None or "cpu" */
    FAC__P_IGNORED, /* layout, memory format, generator: accepted, without effect here */
    FAC__P_ANY      /* index parts and other lists: handed through */
} fac__param_type;

enum { FAC__MAX_PARAMS = 24 };

typedef struct fac__param {
    fac__param_type type;
    bool optional; /* None is a value */
    bool keyword_only;
    bool has_default;
    bool sized;                      /* int[2]: one int stands for all */
    const char *name, *default_text; /* into the schema; not ended */
    int name_length, default_length;
} fac__param;

typedef struct fac__signature {
    int base_length, full_length; /* "add" and "add.Tensor" at the schema's beginning */
    int count;
    fac__param params[FAC__MAX_PARAMS];
} fac__signature;

/* False if the text is not a schema; the tests read them all. */
bool fac__parse_schema(const char *schema, fac__signature *s);
/* The value of a default; lists of ints point into `ints`, which has room for FAC_MAX_DIMS. */
bool fac__default_value(const fac__param *p, fac_value *v, int64_t *ints, char *text, size_t text_room);

#endif
