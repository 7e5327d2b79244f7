/* Floor 8. Which layers a forward pass calls, in what order, and which takes whose output. */
#ifndef FACULA_MODULE_CALLS_H
#define FACULA_MODULE_CALLS_H

#include "core/text.h"
#include "nn/module_impl.h"

typedef struct fac__call fac__call;
typedef struct fac__calls {
    fac__call *items;
    int count;
    const fac__storage *input; /* of the whole module's */
} fac__calls;

/* A layer turned x into y. `name` must live as long as the calls. Shapes and histories are read, no elements. Beyond 2000 calls
 * they are left out. */
bool fac__calls_add(fac__calls *c, const char *name, const fac_module *layer, const fac_tensor *x, fac_tensor *y);
/* The array "calls" of model.json. */
void fac__calls_write(const fac__calls *c, fac__text *out);
/* After the pass: what was held to compare with goes, and what was found stays. */
void fac__calls_settle(fac__calls *c);
void fac__calls_free(fac__calls *c);

/* [4, 2] */
void fac__json_shape(fac__text *out, int ndim, const int64_t *shape);

#endif
