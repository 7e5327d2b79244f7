/* Floor 5. Modules that hold others in a row, and the one that does nothing. */
#include <stdio.h>

#include "core/thread.h"
#include "nn/layer.h"

static bool has_trait(const fac_module *self, int i, fac__trait trait)
{
    return i < self->count && self->members[i].child && self->members[i].child->trait == trait;
}

/* Maxima of relu(x) are relu of x's maxima, to the bit, and so are the gradients: where all of a window is cut off, the
 * gradient of relu is 0 wherever it goes. With the maxima first, relu has a part of the work left. Not at the end, where the
 * result's grad_fn shows which was last, nor where somebody looks on. */
static bool maxima_go_first(const fac_module *self, int i)
{
    return has_trait(self, i, FAC__CUTS_AT_0) && has_trait(self, i + 1, FAC__TAKES_MAXIMA) && i + 2 < self->count &&
           !fac__self()->observer && !fac__self()->tracer;
}

fac_tensor *fac__sequential_forward(fac_module *self, fac_tensor *x)
{
    for (int i = 0; i < self->count && x; i++) {
        if (maxima_go_first(self, i)) {
            x = fac_forward(self->members[i + 1].child, x);
            x = x ? fac_forward(self->members[i].child, x) : NULL;
            i++;
        } else if (self->members[i].child)
            x = fac_forward(self->members[i].child, x);
    }
    return x;
}

static const fac_module_type sequential_type = {
    .name = "Sequential", .size = sizeof(fac_module), .forward = fac__sequential_forward};
static const fac_module_type module_list_type = {.name = "ModuleList", .size = sizeof(fac_module)};

fac_module *fac_append(void *container, fac_module *module)
{
    fac_module *m = container;
    char name[16];
    int next = 0;
    for (int i = 0; m && i < m->count; i++)
        next += m->members[i].child != NULL;
    snprintf(name, sizeof name, "%d", next);
    return fac__add_child(m, name, module, NULL);
}

/* A failed one goes on taking modules, so that all are freed. */
static fac_module *make(const fac_module_type *type, fac_module_list modules)
{
    if (modules.count > 0) FAC__NEED(modules.items);
    fac_module *m = fac_module_new(type);
    for (int64_t i = 0; i < modules.count; i++)
        fac_append(m, modules.items[i]);
    return fac_module_ready(m);
}

fac_module *fac_nn_sequential_list(fac_module_list modules)
{
    return make(&sequential_type, modules);
}

fac_module *fac_nn_module_list_list(fac_module_list modules)
{
    return make(&module_list_type, modules);
}

fac_module *fac_module_at(void *container, int64_t i)
{
    FAC__NEED(container);
    fac_module_list all = fac_children(container);
    if (!all.items) return NULL;
    if (i < -all.count || i >= all.count) return fac__index_error("index %lld is out of range", (long long)i);
    return all.items[i < 0 ? i + all.count : i];
}

static fac_tensor *identity_forward(fac_module *self, fac_tensor *x)
{
    (void)self;
    return x;
}

fac_module *fac_nn_identity(void)
{
    static const fac_module_type type = {.name = "Identity", .size = sizeof(fac_module), .forward = identity_forward};
    return fac_module_new(&type);
}
