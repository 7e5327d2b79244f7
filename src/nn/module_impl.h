/* Floor 5. What the files of nn/ know of a module beyond facula/module.h: its members, and small helpers of layers. */
#ifndef FACULA_MODULE_INTERNAL_H
#define FACULA_MODULE_INTERNAL_H

#include "core/memory.h"
#include "core/raise.h"
#include "core/tensor_impl.h"
#include "facula/module.h"

typedef enum fac__member_kind { FAC__PARAMETER = 1, FAC__BUFFER = 2, FAC__CHILD = 4 } fac__member_kind;

typedef struct fac__member {
    fac__member_kind kind;
    bool optional; /* a buffer that a loaded state may lack: it becomes 0 then */
    char *name;
    fac_tensor *tensor;
    fac_module *child;
    size_t slot; /* where in the module's struct the pointer stands, too; 0: nowhere */
} fac__member;

/* Where a thread's fac__self()->observer is one, fac_forward calls its forward in place of the module's type's, which it calls
 * itself and whose result it returns. For those who show what goes through a network. */
typedef struct fac__forward_observer fac__forward_observer;
struct fac__forward_observer {
    fac_tensor *(*forward)(fac__forward_observer *self, fac_module *module, fac_tensor *x);
};

fac__member *fac__find_member(const fac_module *m, const char *name, size_t length);

/* All tensors of these kinds in a module and below it, by their full names. One block each for items and names, to be
 * given back with fac__free_named; false when memory runs out. */
typedef struct fac__named_member {
    const char *name;
    const fac__member *member;
} fac__named_member;
typedef struct fac__named_list {
    fac__named_member *items;
    char *names;
    int64_t count;
} fac__named_list;
bool fac__list_named(const fac_module *m, int kinds, bool once, fac__named_list *list);
void fac__free_named(fac__named_list *list);

#endif
