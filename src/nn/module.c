/* Floor 5. The tree of modules: making, adding members, copying, freeing, and what goes through the whole tree. Knows no
 * particular layer. Lists are in module_list.c, states in module_state.c, printing in module_print.c. */
#include "nn/module_impl.h"

#include <string.h>

#include "autograd/node.h"
#include "facula/ops_pointwise.h"

/* ---- making and freeing ------------------------------------------------------------------------------------- */

void *fac_module_new(const fac_module_type *type)
{
    FAC__NEED(type);
    if (type->size < sizeof(fac_module))
        return fac__value_error(
            "a module type's size must be that of its struct, which begins with a fac_module; got %zu", type->size);
    fac_module *m = fac__calloc(type->size);
    if (!m) return NULL;
    m->type = type;
    m->training = true;
    return m;
}

static void free_tree(fac_module *m)
{
    if (m->type->free) m->type->free(m);
    for (int i = 0; i < m->count; i++) {
        fac__member *member = &m->members[i];
        if (member->child) free_tree(member->child);
        fac_release(member->tensor);
        fac__free(member->name);
    }
    fac__free(m->members);
    fac__free(m->parameters.items);
    fac__free(m->buffers.items);
    fac__free(m->children.items);
    fac__free((void *)m->named.items);
    fac__free(m->names);
    fac__free(m);
}

void fac_module_free(void *module)
{
    fac_module *m = module;
    if (!m) return;
    if (m->parent)
        fac__value_error("%s is part of %s and is freed with it", m->type->name, m->parent->type->name);
    else
        free_tree(m);
}

fac_module *fac_module_ready(void *module)
{
    fac_module *m = module;
    FAC__NEED(m);
    if (!m->failed) return m;
    fac_module_free(m);
    return NULL;
}

/* ---- members ------------------------------------------------------------------------------------------------ */

fac__member *fac__find_member(const fac_module *m, const char *name, size_t length)
{
    for (int i = 0; i < m->count; i++)
        if (!strncmp(m->members[i].name, name, length) && !m->members[i].name[length]) return &m->members[i];
    return NULL;
}

static bool check_name(const fac_module *m, const char *name, fac__member_kind kind)
{
    const char *what = kind == FAC__PARAMETER ? "parameter" : kind == FAC__BUFFER ? "buffer" : "module";
    if (!*name) return fac__value_error("%s name can't be empty string \"\"", what), false;
    if (strchr(name, '.')) return fac__value_error("%s name can't contain \".\", got: %s", what, name), false;
    fac__member *old = fac__find_member(m, name, strlen(name));
    if (old && old->kind != kind) return fac__value_error("attribute '%s' already exists", name), false;
    return true;
}

/* The member of that name, made if there is none; NULL after an error. */
static fac__member *member_for(fac_module *m, const char *name, fac__member_kind kind)
{
    if (!check_name(m, name, kind)) return NULL;
    fac__member *member = fac__find_member(m, name, strlen(name));
    if (member) return member;
    if (!FAC__GROW(m->members, m->count)) return NULL;
    char *copy = fac__strdup(name);
    if (!copy) return NULL;
    member = &m->members[m->count++];
    *member = (fac__member){.kind = kind, .name = copy};
    return member;
}

/* Notes the place in the module's struct that holds the member too, and fills it. A member that is replaced leaves its
 * place to the one that comes. */
static void set_slot(fac_module *m, fac__member *member, void *slot)
{
    size_t at = (size_t)((char *)slot - (char *)m);
    void *value = member->child ? (void *)member->child : (void *)member->tensor;
    if (slot && at < m->type->size) member->slot = at;
    if (member->slot) memcpy((char *)m + member->slot, &value, sizeof value);
    if (slot) memcpy(slot, &value, sizeof value);
}

static bool is_above(const fac_module *m, const fac_module *below)
{
    for (; below; below = below->parent)
        if (below == m) return true;
    return false;
}

fac_module *fac__add_child(void *self, const char *name, fac_module *child, fac_module **slot)
{
    fac_module *m = self;
    if (!m || !child || !name) {
        fac__null_error(!m ? "self" : !name ? "name" : "module");
        if (m) m->failed = true;
        if (child && !child->parent) fac_module_free(child);
        return NULL;
    }
    if (child->parent || is_above(child, m)) {
        m->failed = true;
        if (!child->parent) return fac__value_error("%s cannot be part of itself", child->type->name);
        return fac__value_error("%s is already part of %s", child->type->name, child->parent->type->name);
    }
    fac__member *member = member_for(m, name, FAC__CHILD);
    if (!member) {
        m->failed = true;
        fac_module_free(child);
        return NULL;
    }
    if (member->child) free_tree(member->child);
    member->child = child;
    child->parent = m;
    m->failed |= child->failed;
    set_slot(m, member, slot);
    return child;
}

fac_module *fac_add_child_named(void *self, const char *name, fac_module *module)
{
    return fac__add_child(self, name, module, NULL);
}

static fac_tensor *add_tensor(void *self, const char *name, fac_tensor *t, fac_tensor **slot, fac__member_kind kind)
{
    fac_module *m = self;
    FAC__NEED(m);
    fac_tensor *held = NULL;
    if (!t || !name) {
        fac__null_error(name ? "tensor" : "name");
    } else if (kind == FAC__PARAMETER) {
        if (!fac_dtype_is_floating((fac_dtype)t->dtype))
            fac__runtime_error("Only Tensors of floating point and complex dtype can require gradients");
        else if (t->grad_fn || (t->base && fac_requires_grad(t)))
            held = fac__new_alias(t);
        else
            held = fac__retain(t);
        if (held) held->requires_grad = true;
    } else {
        held = fac__retain(t);
    }
    fac__member *member = held ? member_for(m, name, kind) : NULL;
    if (!member) {
        fac_release(held);
        m->failed = true;
        return NULL;
    }
    fac_release(member->tensor);
    member->tensor = held;
    set_slot(m, member, slot);
    return held;
}

fac_tensor *fac__add_parameter(void *self, const char *name, fac_tensor *tensor, fac_tensor **slot)
{
    return add_tensor(self, name, tensor, slot, FAC__PARAMETER);
}

fac_tensor *fac__add_buffer(void *self, const char *name, fac_tensor *tensor, fac_tensor **slot)
{
    return add_tensor(self, name, tensor, slot, FAC__BUFFER);
}

/* ---- copying ------------------------------------------------------------------------------------------------ */

typedef struct clones {
    fac__named_list from; /* each tensor once */
    fac_tensor **to;
} clones;

static fac_tensor *clone_of(const clones *c, const fac_tensor *t)
{
    for (int64_t i = 0; i < c->from.count; i++)
        if (c->from.items[i].member->tensor == t) return c->to[i];
    return NULL;
}

static fac_module *copy_tree(const fac_module *from, const clones *c)
{
    const fac_module_type *type = from->type;
    if (type->free && !type->copy)
        return fac__type_error("%s cannot be copied: its type has free and no copy", type->name);
    fac_module *m = fac_module_new(type);
    if (!m) return NULL;
    memcpy((char *)m + sizeof *m, (const char *)from + sizeof *m, type->size - sizeof *m);
    m->training = from->training;
    if (type->copy && !type->copy(m, from)) {
        fac__free(m);
        return NULL;
    }
    for (int i = 0; i < from->count; i++) {
        const fac__member *member = &from->members[i];
        void *slot = member->slot ? (char *)m + member->slot : NULL;
        if (member->kind == FAC__CHILD)
            fac__add_child(m, member->name, copy_tree(member->child, c), slot);
        else
            add_tensor(m, member->name, clone_of(c, member->tensor), slot, member->kind);
        if (m->failed) break;
        m->members[i].optional = member->optional;
        if (member->tensor) m->members[i].tensor->requires_grad = member->tensor->requires_grad;
    }
    return fac_module_ready(m);
}

fac_module *fac_copy_module(const void *module)
{
    FAC__OP("copy_module");
    const fac_module *m = module;
    FAC__NEED(m);
    clones c = {0};
    fac_module *copy = NULL;
    if (!fac__list_named(m, FAC__PARAMETER | FAC__BUFFER, true, &c.from)) return NULL;
    c.to = fac__calloc((size_t)c.from.count * sizeof *c.to);
    bool good = c.to != NULL;
    for (int64_t i = 0; i < c.from.count && good; i++) {
        const fac_tensor *t = c.from.items[i].member->tensor;
        fac_no_grad
            fac_scope
                c.to[i] = fac_keep(fac_clone((fac_tensor *)t));
        good = c.to[i] != NULL;
    }
    if (good) copy = copy_tree(m, &c);
    for (int64_t i = 0; c.to && i < c.from.count; i++)
        fac_release(c.to[i]);
    fac__free(c.to);
    fac__free_named(&c.from);
    return copy;
}

/* ---- using -------------------------------------------------------------------------------------------------- */

fac_tensor *fac_forward(void *module, fac_tensor *x)
{
    fac_module *m = module;
    FAC__NEED(m);
    FAC__NEED(x);
    if (!m->type->forward)
        return fac__runtime_error("Module [%s] is missing the required \"forward\" function", m->type->name);
    fac__forward_observer *observer = fac__self()->observer;
    if (__builtin_expect(observer != NULL, 0)) return observer->forward(observer, m, x);
    return m->type->forward(m, x);
}

bool fac_module_apply(void *module, void (*fn)(fac_module *module, void *context), void *context)
{
    fac_module *m = module;
    FAC__NEED_OR(m, false);
    FAC__NEED_OR(fn, false);
    for (int i = 0; i < m->count; i++)
        if (m->members[i].child) fac_module_apply(m->members[i].child, fn, context);
    fn(m, context);
    return true;
}

static void set_training(fac_module *m, void *on)
{
    m->training = *(bool *)on;
}

bool fac_train(void *module, bool on)
{
    FAC__NEED_OR(module, false);
    return fac_module_apply(module, set_training, &on);
}

bool fac_eval(void *module)
{
    return fac_train(module, false);
}

static void set_requires_grad(fac_module *m, void *on)
{
    for (int i = 0; i < m->count; i++)
        if (m->members[i].kind == FAC__PARAMETER) m->members[i].tensor->requires_grad = *(bool *)on;
}

bool fac_module_requires_grad_(void *module, bool on)
{
    FAC__NEED_OR(module, false);
    return fac_module_apply(module, set_requires_grad, &on);
}

static void zero_grad(fac_module *m, void *context)
{
    (void)context;
    for (int i = 0; i < m->count; i++)
        if (m->members[i].kind == FAC__PARAMETER) fac_set_grad(m->members[i].tensor, NULL);
}

bool fac_module_zero_grad(void *module)
{
    FAC__NEED_OR(module, false);
    return fac_module_apply(module, zero_grad, NULL);
}

/* t becomes what `cast` is, and stays the object that optimisers and graphs know. */
static void take_over(fac_tensor *t, fac_tensor *cast)
{
    fac__swap_storage(t, cast);
    t->dtype = cast->dtype;
    t->offset = cast->offset;
    t->contiguous = cast->contiguous;
    memcpy(t->strides, cast->strides, sizeof t->strides);
    if (t->accumulator) t->accumulator->outputs[0].dtype = cast->dtype;
}

static bool to_dtype(const fac__named_list *list, fac_dtype dtype)
{
    fac_tensor **casts = fac__calloc((size_t)list->count * 2 * sizeof *casts); /* of each tensor and its gradient */
    bool good = casts != NULL;
    for (int64_t i = 0; i < 2 * list->count && good; i++) {
        fac_tensor *t = list->items[i / 2].member->tensor;
        if (i % 2) t = t->grad;
        if (!t || !fac_dtype_is_floating((fac_dtype)t->dtype) || t->dtype == dtype) continue;
        fac_no_grad
            fac_scope
                casts[i] = fac_keep(fac_to(t, dtype));
        good = casts[i] != NULL;
    }
    for (int64_t i = 0; casts && i < 2 * list->count; i++) {
        fac_tensor *t = list->items[i / 2].member->tensor;
        if (good && casts[i]) take_over(i % 2 ? t->grad : t, casts[i]);
        fac_release(casts[i]);
    }
    fac__free(casts);
    return good;
}

bool fac_module_to(void *module, fac_dtype dtype)
{
    FAC__OP("to");
    fac_module *m = module;
    FAC__NEED_OR(m, false);
    if (fac__recording_now()) return fac__recording_refuse("change the dtype of a module"), false;
    if (!fac_dtype_is_floating(dtype))
        return fac__type_error(
                   "nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.%s",
                   fac_dtype_name(dtype)),
               false;
    fac__named_list list;
    if (!fac__list_named(m, FAC__PARAMETER | FAC__BUFFER, true, &list)) return false;
    bool good = to_dtype(&list, dtype);
    fac__free_named(&list);
    return good;
}
