/* See layer_table.h. */
#include "layer_table.h"

#include <stdlib.h>
#include <string.h>

#include "core/thread.h"
#include "nn/module_impl.h"

typedef struct watcher {
    fac__forward_observer observer; /* first, to be found by it */
    const fac_module *network;
    layer_table *table;
    int calls;
} watcher;

/* The module's name in the network, "" for that itself. */
static void write_name(const fac_module *m, const fac_module *network, char *name, size_t room)
{
    *name = 0;
    if (m == network || !m->parent) return;
    write_name(m->parent, network, name, room);
    for (int i = 0; i < m->parent->count; i++)
        if (m->parent->members[i].child == m) {
            size_t n = strlen(name);
            snprintf(name + n, room - n, "%s%s", n ? "." : "", m->parent->members[i].name);
        }
}

static int64_t products_of(const fac_module *m, const fac_tensor *y)
{
    const fac__member *weight = fac__find_member(m, "weight", strlen("weight"));
    bool multiplies = !strncmp(m->type->name, "Conv", 4) || !strcmp(m->type->name, "Linear");
    if (!multiplies || !weight || !weight->tensor || !fac_size(weight->tensor, 0)) return 0;
    return fac_numel(y) * (fac_numel(weight->tensor) / fac_size(weight->tensor, 0));
}

static void add(watcher *w, fac_module *m, const fac_tensor *y)
{
    layer_table *t = w->table;
    if (t->count == t->room) {
        int room = t->room ? 2 * t->room : 64;
        layer *items = realloc(t->items, (size_t)room * sizeof *items);
        if (!items) {
            fac_raise(FAC_ERROR_MEMORY, "there is not enough memory");
            return;
        }
        t->items = items;
        t->room = room;
    }
    layer *l = &t->items[t->count];
    *l = (layer){.type = m->type->name, .parameters = fac_num_parameters(m), .products = products_of(m, y)};
    l->output = fac_dims_make(fac_dim(y) - 1, fac_shape(y).d + 1);
    write_name(m, w->network, l->name, sizeof l->name);
    for (int i = 0; i < t->count; i++)
        if (!strcmp(t->items[i].name, l->name)) l->parameters = 0;
    t->count++;
}

static fac_tensor *observe(fac__forward_observer *self, fac_module *m, fac_tensor *x)
{
    watcher *w = (watcher *)self;
    int begun = ++w->calls;
    fac_tensor *y = m->type->forward(m, x);
    if (y && begun == w->calls) add(w, m, y);
    return y;
}

bool layer_table_make(layer_table *table, fac_module *network, fac_dims input)
{
    watcher w = {.observer = {observe}, .network = network, .table = table};
    fac__thread *self = fac__self();
    bool good = false;
    *table = (layer_table){0};
    fac_eval(network);
    fac_scope
        fac_no_grad {
            fac_tensor *x = fac_unsqueeze(fac_zeros_with(input, fac_create_options_defaults()), 0);
            self->observer = &w.observer;
            good = fac_forward(network, x) && !fac_error();
            self->observer = NULL;
        }
    return good;
}

void layer_table_drop(layer_table *table)
{
    free(table->items);
    *table = (layer_table){0};
}
