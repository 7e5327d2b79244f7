/* Floor 7. The classes and functions that a pickle may name, and what calling them gives. All others are refused by
 * name: this table is what makes loading a foreign file harmless. */
#include "core/raise.h"
#include "pickle.h"

/* ---- containers --------------------------------------------------------------------------------------------- */

/* OrderedDict(), OrderedDict([[key, value], …]) as Python 2 wrote it, Counter({…}) */
static fac__value *make_dict(fac__pickle *p, fac__value *arguments)
{
    fac__value *from = arguments->items.count == 1 ? arguments->items.p[0] : NULL;
    if (from && from->kind == FAC__DICT) return from;
    fac__value *d = arguments->items.count <= 1 ? fac__pickle_new(p, FAC__DICT) : NULL;
    if (!d || !from)
        return d ? d
                 : fac__pickle_error(p, "the pickle makes a dictionary of %lld arguments",
                                     (long long)arguments->items.count);
    if (from->kind != FAC__LIST) return fac__pickle_error(p, "the pickle makes a dictionary of no list");
    for (int64_t i = 0; i < from->items.count; i++) {
        fac__value *pair = from->items.p[i];
        if ((pair->kind != FAC__LIST && pair->kind != FAC__TUPLE) || pair->items.count != 2)
            return fac__pickle_error(p, "the pickle makes a dictionary of what are no pairs");
        if (!fac__pickle_append(p, d, pair->items.p[0]) || !fac__pickle_append(p, d, pair->items.p[1])) return NULL;
    }
    return d;
}

/* torch.Size((2, 3)), torch.device("cuda", 0): the first argument. */
static fac__value *take_first(fac__pickle *p, fac__value *arguments)
{
    return arguments->items.count ? arguments->items.p[0]
                                  : fac__pickle_error(p, "the pickle calls a class without arguments");
}

/* ---- tensors ------------------------------------------------------------------------------------------------ */

static fac__value *bad_tensor(fac__pickle *p, const char *what)
{
    return fac__pickle_error(p, "the pickle has a tensor with %s", what);
}

static bool take_sizes(const fac__value *v, int64_t out[FAC_MAX_DIMS])
{
    for (int64_t d = 0; d < v->items.count; d++) {
        if (v->items.p[d]->kind != FAC__INTEGER || v->items.p[d]->i < 0) return false;
        out[d] = v->items.p[d]->i;
    }
    return true;
}

/* Is there anything but 0 between the tensor and its storage's end? Overflow counts as outside. */
static bool lies_inside(const fac__strided *t)
{
    int64_t last = t->offset, n = 1;
    bool empty = false, fits = true;
    for (int d = 0; d < t->ndim; d++) {
        int64_t reach;
        empty |= t->shape[d] == 0;
        if (!t->shape[d]) continue;
        fits &= !__builtin_mul_overflow(n, t->shape[d], &n) && n < INT64_MAX / 8;
        fits &= !__builtin_mul_overflow(t->shape[d] - 1, t->strides[d], &reach) &&
                !__builtin_add_overflow(last, reach, &last);
    }
    return fits && (empty || last < t->storage->count);
}

/* storage, offset, size, strides; what else there is, gradients and hooks, is of no interest. */
static fac__value *make_tensor(fac__pickle *p, fac__value *arguments, int element)
{
    if (arguments->items.count < 4) return bad_tensor(p, "too few arguments");
    fac__value **a = arguments->items.p;
    if (a[0]->kind != FAC__STORAGE) return bad_tensor(p, "no storage");
    if (a[1]->kind != FAC__INTEGER || a[1]->i < 0) return bad_tensor(p, "an offset that is no whole number from 0");
    if (a[2]->kind != FAC__TUPLE || a[3]->kind != FAC__TUPLE || a[2]->items.count != a[3]->items.count)
        return bad_tensor(p, "sizes and strides that do not match");
    if (a[2]->items.count > FAC_MAX_DIMS)
        return fac__pickle_error(p, "the pickle has a tensor of %lld dimensions (at most %d)",
                                 (long long)a[2]->items.count, FAC_MAX_DIMS);
    fac__stored *s = a[0]->storage;
    if (!s->element && element) {
        s->element = element;
        s->count /= (int64_t)fac__element_size(element);
    }
    if (!s->element || (element && s->element != element)) return bad_tensor(p, "another dtype than its storage");
    fac__value *v = fac__pickle_new(p, FAC__TENSOR);
    fac__strided *t = v ? fac__pickle_alloc(p, sizeof *t) : NULL;
    if (!t) return NULL;
    *t = (fac__strided){.storage = s, .offset = a[1]->i, .ndim = (int)a[2]->items.count};
    if (!take_sizes(a[2], t->shape) || !take_sizes(a[3], t->strides))
        return bad_tensor(p, "sizes or strides that are no whole numbers from 0");
    if (!lies_inside(t))
        return fac__pickle_error(
            p, "the pickle has a tensor of shape %s and strides %s, which reaches beyond its storage of %lld",
            fac__shape_text(t->ndim, t->shape), fac__shape_text(t->ndim, t->strides), (long long)s->count);
    v->tensor = t;
    return v;
}

static fac__value *rebuild_tensor(fac__pickle *p, fac__value *arguments)
{
    return make_tensor(p, arguments, 0);
}

/* The same over a storage of bytes, with the dtype behind the hooks. */
static fac__value *rebuild_tensor_v3(fac__pickle *p, fac__value *arguments)
{
    fac__value *dtype = arguments->items.count > 6 ? arguments->items.p[6] : NULL;
    if (!dtype || dtype->kind != FAC__CLASS || dtype->class->role != FAC__DTYPE) return bad_tensor(p, "no dtype");
    return make_tensor(p, arguments, dtype->class->element);
}

static fac__value *rebuild_parameter(fac__pickle *p, fac__value *arguments)
{
    fac__value *t = take_first(p, arguments);
    return !t || t->kind == FAC__TENSOR ? t : bad_tensor(p, "a parameter that is none");
}

/* A tensor that has attributes: the function, the type, the function's arguments, the attributes. */
static fac__value *rebuild_from_type(fac__pickle *p, fac__value *arguments)
{
    fac__value **a = arguments->items.p;
    if (arguments->items.count < 3 || a[0]->kind != FAC__CLASS || !a[0]->class->call || a[2]->kind != FAC__TUPLE ||
        a[0]->class->call == rebuild_from_type)
        return bad_tensor(p, "no way to make it");
    return a[0]->class->call(p, a[2]);
}

/* ---- the table ---------------------------------------------------------------------------------------------- */

#define STORAGE(name, element)                                                                                         \
    {                                                                                                                  \
        "torch", name, NULL, element, FAC__STORAGE_TYPE                                                                \
    }
#define DTYPE(name, element)                                                                                           \
    {                                                                                                                  \
        "torch", name, NULL, element, FAC__DTYPE                                                                       \
    }

static const fac__class classes[] = {
    {"collections", "OrderedDict", make_dict, 0, FAC__NAMED},
    {"collections", "Counter", make_dict, 0, FAC__NAMED},
    {"torch", "Size", take_first, 0, FAC__NAMED},
    {"torch", "device", take_first, 0, FAC__NAMED},
    {"torch", "Tensor", NULL, 0, FAC__NAMED},
    {"torch.nn.parameter", "Parameter", NULL, 0, FAC__NAMED},
    {"torch._utils", "_rebuild_tensor", rebuild_tensor, 0, FAC__NAMED},
    {"torch._utils", "_rebuild_tensor_v2", rebuild_tensor, 0, FAC__NAMED},
    {"torch._utils", "_rebuild_tensor_v3", rebuild_tensor_v3, 0, FAC__NAMED},
    {"torch._utils", "_rebuild_parameter", rebuild_parameter, 0, FAC__NAMED},
    {"torch._utils", "_rebuild_parameter_with_state", rebuild_parameter, 0, FAC__NAMED},
    {"torch._tensor", "_rebuild_from_type_v2", rebuild_from_type, 0, FAC__NAMED},
    {"torch.storage", "UntypedStorage", NULL, 0, FAC__STORAGE_TYPE},
    STORAGE("BoolStorage", FAC_BOOL),
    STORAGE("ByteStorage", FAC_UINT8),
    STORAGE("CharStorage", FAC_INT8),
    STORAGE("ShortStorage", FAC_INT16),
    STORAGE("IntStorage", FAC_INT32),
    STORAGE("LongStorage", FAC_INT64),
    STORAGE("HalfStorage", FAC_FLOAT16),
    STORAGE("BFloat16Storage", FAC_BFLOAT16),
    STORAGE("FloatStorage", FAC_FLOAT32),
    STORAGE("DoubleStorage", FAC_FLOAT64),
    DTYPE("bool", FAC_BOOL),
    DTYPE("uint8", FAC_UINT8),
    DTYPE("int8", FAC_INT8),
    DTYPE("int16", FAC_INT16),
    DTYPE("int32", FAC_INT32),
    DTYPE("int64", FAC_INT64),
    DTYPE("float16", FAC_FLOAT16),
    DTYPE("bfloat16", FAC_BFLOAT16),
    DTYPE("float32", FAC_FLOAT32),
    DTYPE("float64", FAC_FLOAT64),
    DTYPE("uint16", FAC__U16),
    DTYPE("uint32", FAC__U32),
    DTYPE("uint64", FAC__U64),
    DTYPE("float8_e4m3fn", FAC__F8_E4M3),
    DTYPE("float8_e5m2", FAC__F8_E5M2),
    DTYPE("float8_e8m0fnu", FAC__F8_E8M0),
};

const fac__class *fac__class_find(const fac__pickle *p, const char *module, const char *name)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (!strcmp(classes[i].name, name) && !strcmp(classes[i].module, module)) return &classes[i];
    return fac__pickle_error(p,
                             "the pickle asks for '%.100s.%.100s', which facula does not know as a tensor or a "
                             "container of tensors; it was not run, and nothing was loaded",
                             module, name);
}

/* ("storage", type, key, location, elements), and in files before 1.6 another, of views of storages. */
fac__value *fac__pickle_persistent(fac__pickle *p, fac__value *id)
{
    fac__value **a = id->items.p;
    bool legacy = id->kind == FAC__TUPLE && id->items.count == 6 && a[5]->kind == FAC__NONE;
    if (id->kind != FAC__TUPLE || (id->items.count != 5 && !legacy) || !fac__is_text(a[0], "storage") ||
        a[1]->kind != FAC__CLASS || a[1]->class->role != FAC__STORAGE_TYPE || a[2]->kind != FAC__TEXT ||
        a[4]->kind != FAC__INTEGER || a[4]->i < 0)
        return fac__pickle_error(p, "the pickle refers to something outside of it that is no storage");
    fac__value *v = fac__pickle_new(p, FAC__STORAGE);
    fac__stored *s = v ? fac__pickle_alloc(p, sizeof *s) : NULL;
    if (!s) return NULL;
    *s = (fac__stored){.key = a[2]->text.p, .element = a[1]->class->element, .count = a[4]->i};
    v->storage = s;
    return fac__pickle_push(p, &p->storages, s) ? v : NULL;
}
