/* Floor 5. A module's state: out of it, and into it with PyTorch's account of what does not fit. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nn/module_impl.h"
#include "ops/op.h"

fac_state *fac_state_dict(void *module)
{
    FAC__OP("state_dict");
    fac_module *m = module;
    FAC__NEED(m);
    fac__named_list list;
    if (!fac__list_named(m, FAC__PARAMETER | FAC__BUFFER, false, &list)) return NULL;
    fac_state *state = fac_state_new();
    bool good = state != NULL;
    for (int64_t i = 0; i < list.count && good; i++) {
        /* Detached, as PyTorch's: saving and copying are no part of a graph. */
        fac_tensor *alias = fac__new_alias(list.items[i].member->tensor);
        good = alias && fac_state_set(state, list.items[i].name, alias);
        fac_release(alias);
    }
    fac__free_named(&list);
    if (good) return state;
    fac_state_free(state);
    return NULL;
}

/* ---- loading ------------------------------------------------------------------------------------------------ */

/* What an error message can hold; longer accounts are cut off. */
typedef struct account {
    char text[960];
    size_t length;
} account;

__attribute__((format(printf, 2, 3))) static void say(account *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(a->text + a->length, sizeof a->text - a->length, format, args);
    va_end(args);
    if (n > 0) a->length += (size_t)n;
    if (a->length >= sizeof a->text) a->length = sizeof a->text - 1;
}

static bool is_in(const fac__named_list *list, const char *name)
{
    for (int64_t i = 0; i < list->count; i++)
        if (!strcmp(list->items[i].name, name)) return true;
    return false;
}

static void check_names(const fac__named_list *list, const fac_state *state, account *a)
{
    const char *begin = "\n\tMissing key(s) in state_dict: ", *before = begin;
    for (int64_t i = 0; i < list->count; i++) {
        if (list->items[i].member->optional || fac_state_get(state, list->items[i].name)) continue;
        say(a, "%s\"%s\"", before, list->items[i].name);
        before = ", ";
    }
    if (before != begin) say(a, ". ");
    before = begin = "\n\tUnexpected key(s) in state_dict: ";
    for (int64_t i = 0; i < fac_state_count(state); i++) {
        if (is_in(list, fac_state_name_at(state, i))) continue;
        say(a, "%s\"%s\"", before, fac_state_name_at(state, i));
        before = ", ";
    }
    if (before != begin) say(a, ". ");
}

/* As in PyTorch a number may come as a tensor of one dimension, which it was before version 0.4. */
static bool is_old_number(const fac_tensor *have, const fac_tensor *given)
{
    return have->ndim == 0 && given->ndim == 1 && given->numel > 0;
}

static void check_shapes(const fac__named_list *list, const fac_state *state, account *a)
{
    for (int64_t i = 0; i < list->count; i++) {
        const fac_tensor *have = list->items[i].member->tensor, *given = fac_state_get(state, list->items[i].name);
        if (!given || fac__same_shape(have, given) || is_old_number(have, given)) continue;
        say(a,
            "\n\tsize mismatch for %s: copying a param with shape torch.Size(%s) from checkpoint, the shape in current "
            "model is torch.Size(%s).",
            list->items[i].name, fac__shape_text(given->ndim, given->shape), fac__shape_text(have->ndim, have->shape));
    }
}

/* Casts first, so that nothing has changed when memory runs out. */
static bool load(const fac__named_list *list, const fac_state *state)
{
    fac_tensor **casts = fac__calloc((size_t)list->count * sizeof *casts);
    bool good = casts != NULL;
    for (int64_t i = 0; i < list->count && good; i++) {
        fac_tensor *given = fac_state_get(state, list->items[i].name);
        const fac_tensor *have = list->items[i].member->tensor;
        if (!given) continue;
        fac_tensor *from = is_old_number(have, given) ? fac__new_view(given, 0, NULL, NULL, given->offset)
                                                      : fac__retain(given);
        casts[i] = fac__new_like(have, (fac_dtype)have->dtype);
        good = from && casts[i] && fac__copy_into(casts[i], from);
        fac_release(from);
    }
    for (int64_t i = 0; casts && i < list->count; i++) {
        fac_tensor *have = list->items[i].member->tensor;
        if (good && casts[i])
            good = fac__copy_into(have, casts[i]);
        else if (good && list->items[i].member->optional)
            good = fac__fill_into(have, fac_scalar_int(0));
        if (casts[i] || list->items[i].member->optional) have->storage->version++;
        fac_release(casts[i]);
    }
    fac__free(casts);
    return good;
}

bool fac_load_state_dict_with(void *module, const fac_state *state, fac_load_state_dict_options options)
{
    FAC__OP("load_state_dict");
    fac_module *m = module;
    FAC__NEED_OR(m, false);
    FAC__NEED_OR(state, false);
    fac_state *adapted = m->type->adapt_state ? m->type->adapt_state(m, state) : NULL;
    if (m->type->adapt_state && !adapted) return false;
    if (adapted) state = adapted;
    fac__named_list list;
    bool good = fac__list_named(m, FAC__PARAMETER | FAC__BUFFER, false, &list);
    account a = {0};
    if (good && options.strict) check_names(&list, state, &a);
    if (good) check_shapes(&list, state, &a);
    if (a.length) fac__runtime_error("Error(s) in loading state_dict for %s:%s", m->type->name, a.text);
    good = good && !a.length && load(&list, state);
    fac__free_named(&list);
    fac_state_free(adapted);
    return good;
}
