/* Floor 5. What is in a module, as lists, and members by their names. */
#include <string.h>

#include "nn/module_impl.h"

/* ---- all tensors below a module ----------------------------------------------------------------------------- */

/* Goes through the tree twice: first only counting, then filling. The names' block holds a prefix for each module too. */
typedef struct walk {
    int kinds;
    bool once, fill;
    fac__named_list *list;
    size_t used;
} walk;

static const char *put_name(walk *w, const char *prefix, size_t prefix_length, const char *name, const char *end)
{
    size_t length = strlen(name);
    char *at = w->fill ? w->list->names + w->used : NULL;
    if (w->fill) {
        memcpy(at, prefix, prefix_length);
        memcpy(at + prefix_length, name, length);
        strcpy(at + prefix_length + length, end);
    }
    w->used += prefix_length + length + strlen(end) + 1;
    return at;
}

static bool is_listed(const walk *w, const fac_tensor *t)
{
    for (int64_t i = 0; w->once && w->fill && i < w->list->count; i++)
        if (w->list->items[i].member->tensor == t) return true;
    return false;
}

static void visit(walk *w, const fac_module *m, const char *prefix, size_t prefix_length)
{
    static const fac__member_kind order[] = {FAC__PARAMETER, FAC__BUFFER};
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < m->count && (w->kinds & order[k]); i++) {
            const fac__member *member = &m->members[i];
            if (member->kind != order[k] || is_listed(w, member->tensor)) continue;
            const char *name = put_name(w, prefix, prefix_length, member->name, "");
            if (w->fill) w->list->items[w->list->count] = (fac__named_member){name, member};
            w->list->count++;
        }
    for (int i = 0; i < m->count; i++) {
        const fac_module *child = m->members[i].child;
        if (!child) continue;
        const char *name = put_name(w, prefix, prefix_length, m->members[i].name, ".");
        visit(w, child, name, prefix_length + strlen(m->members[i].name) + 1);
    }
}

bool fac__list_named(const fac_module *m, int kinds, bool once, fac__named_list *list)
{
    *list = (fac__named_list){0};
    walk w = {.kinds = kinds, .once = once, .list = list};
    visit(&w, m, "", 0);
    list->items = fac__alloc((size_t)list->count * sizeof *list->items);
    list->names = fac__alloc(w.used);
    if (!list->items || !list->names) {
        fac__free_named(list);
        return false;
    }
    list->count = 0;
    w.used = 0;
    w.fill = true;
    visit(&w, m, "", 0);
    return true;
}

void fac__free_named(fac__named_list *list)
{
    fac__free(list->items);
    fac__free(list->names);
    *list = (fac__named_list){0};
}

/* ---- public lists ------------------------------------------------------------------------------------------- */

static fac_tensor_list tensors_of(fac_module *m, fac__member_kind kind, fac_tensor_list *kept)
{
    fac__named_list list;
    if (!fac__list_named(m, kind, true, &list)) return (fac_tensor_list){0};
    fac_tensor **items = fac__realloc(kept->items, (size_t)list.count * sizeof *items);
    if (items) {
        *kept = (fac_tensor_list){items, list.count};
        for (int64_t i = 0; i < list.count; i++)
            items[i] = list.items[i].member->tensor;
    }
    fac__free_named(&list);
    return items ? *kept : (fac_tensor_list){0};
}

fac_tensor_list fac_parameters(void *module)
{
    fac_module *m = module;
    FAC__NEED_OR(m, (fac_tensor_list){0});
    return tensors_of(m, FAC__PARAMETER, &m->parameters);
}

fac_tensor_list fac_buffers(void *module)
{
    fac_module *m = module;
    FAC__NEED_OR(m, (fac_tensor_list){0});
    return tensors_of(m, FAC__BUFFER, &m->buffers);
}

static fac_named_tensors named_of(fac_module *m, fac__member_kind kind)
{
    fac__named_list list;
    if (!fac__list_named(m, kind, true, &list)) return (fac_named_tensors){0};
    fac_named_tensor *items = fac__alloc((size_t)list.count * sizeof *items);
    if (!items) {
        fac__free_named(&list);
        return (fac_named_tensors){0};
    }
    for (int64_t i = 0; i < list.count; i++)
        items[i] = (fac_named_tensor){list.items[i].name, list.items[i].member->tensor};
    fac__free((void *)m->named.items);
    fac__free(m->names);
    m->named = (fac_named_tensors){items, list.count};
    m->names = list.names;
    fac__free(list.items);
    return m->named;
}

fac_named_tensors fac_named_parameters(void *module)
{
    fac_module *m = module;
    FAC__NEED_OR(m, (fac_named_tensors){0});
    return named_of(m, FAC__PARAMETER);
}

fac_named_tensors fac_named_buffers(void *module)
{
    fac_module *m = module;
    FAC__NEED_OR(m, (fac_named_tensors){0});
    return named_of(m, FAC__BUFFER);
}

fac_module_list fac_children(void *module)
{
    fac_module *m = module;
    FAC__NEED_OR(m, (fac_module_list){0});
    fac_module **items = fac__realloc(m->children.items, (size_t)m->count * sizeof *items);
    if (!items) return (fac_module_list){0};
    m->children = (fac_module_list){items, 0};
    for (int i = 0; i < m->count; i++)
        if (m->members[i].child) items[m->children.count++] = m->members[i].child;
    return m->children;
}

int64_t fac_num_parameters(void *module)
{
    fac_tensor_list all = fac_parameters(module);
    int64_t count = 0;
    for (int64_t i = 0; i < all.count; i++)
        count += all.items[i]->numel;
    return count;
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

static fac_module *submodule(fac_module *m, const char *name, size_t length)
{
    const char *end = name + length;
    while (name < end) {
        const char *dot = memchr(name, '.', (size_t)(end - name));
        size_t part = (size_t)((dot ? dot : end) - name);
        fac__member *member = fac__find_member(m, name, part);
        if (!member) return fac_raise(FAC_ERROR_VALUE, "%s has no attribute `%.*s`", m->type->name, (int)part, name);
        if (!member->child) return fac_raise(FAC_ERROR_VALUE, "`%.*s` is not an nn.Module", (int)part, name);
        m = member->child;
        name += part + (dot ? 1 : 0);
    }
    return m;
}

fac_module *fac_get_submodule(void *module, const char *name)
{
    FAC__NEED(module);
    FAC__NEED(name);
    return submodule(module, name, strlen(name));
}

fac_tensor *fac_get_parameter(void *module, const char *name)
{
    FAC__NEED(module);
    FAC__NEED(name);
    const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;
    fac_module *m = submodule(module, name, dot ? (size_t)(dot - name) : 0);
    if (!m) return NULL;
    fac__member *member = fac__find_member(m, last, strlen(last));
    if (!member) return fac_raise(FAC_ERROR_VALUE, "%s has no attribute `%s`", m->type->name, last);
    if (!member->tensor) return fac_raise(FAC_ERROR_VALUE, "`%s` is not an nn.Parameter", last);
    return member->tensor;
}
