/* Floor 9. What docs/ops.md says of an operation, and where it comes from: the tables, calls of it, recorded cases. */
#ifndef FACULA_OPS_PAGE_H
#define FACULA_OPS_PAGE_H

#include <facula/facula.h>

typedef struct facts {
    /* The first result's dtype by the dtype of the tensors that go in; NONE: refused. Without tensors in: all the same. */
    fac_dtype gives[FAC_DTYPE_COUNT];
    bool called; /* a call with tensors of some dtype worked: those that are not known then are refused */
    bool no_tensors;
    bool asked; /* a call with tensors that require grad worked; what follows is known then, or from cases */
    bool gradient, gradient_again;
    char example[256];              /* "[2, 3], [3] → [2, 3]" */
    int cases, gradients, refusals; /* recorded */
    char files[256];
} facts;

/* Calls the operator of that schema with each dtype and several shapes, and asks for gradients: for what f does not know
 * yet, from another overload. */
void ask_op(const char *schema, facts *f);

/* Reads all case files of a folder; false, with a line on stderr, if that cannot be done. of(base, context) is where what is
 * found on an operation goes, NULL if it is none of ours. */
bool read_cases(const char *folder, facts *(*of)(const char *base, void *context), void *context);

/* "[2, 3]" behind what text holds, with ", " or whatever between. */
void append_shape(char *text, size_t room, const char *between, int ndim, const int64_t *shape);

#endif
