/* Floor 7. Arguments in programs of torch.export: each is an object of one key, its kind, as PyTorch's schema.py lists
 * them. */
#include <math.h>
#include <string.h>

#include "export_program.h"

#define BAD FAC__EXPORT_BAD

bool fac__export_damaged(const fac__export_reader *p, const char *what)
{
    return BAD("%s: the program is damaged: %s of '%.200s'", p->path, what, p->where ? p->where : "the graph");
}

const char *fac__export_name(const json_t *arg)
{
    static const char *const symbols[] = {"as_sym_int", "as_sym_float", "as_sym_bool"};
    const json_t *optional = json_object_get(arg, "as_optional_tensor");
    const char *name = fac__export_text(json_object_get(optional ? optional : arg, "as_tensor"), "name");
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols && !name; i++)
        name = fac__export_text(json_object_get(arg, symbols[i]), "as_name");
    return name;
}

/* ---- room for terms ----------------------------------------------------------------------------------------- */

typedef struct fac__export_piece {
    struct fac__export_piece *next;
} piece;

void *fac__export_room(fac__export_reader *p, size_t count, size_t size)
{
    piece *q = fac__alloc(sizeof *q + count * size);
    if (!q) return NULL;
    q->next = p->room;
    p->room = q;
    return q + 1;
}

void fac__export_empty_room(fac__export_reader *p)
{
    while (p->room) {
        piece *next = p->room->next;
        fac__free(p->room);
        p->room = next;
    }
}

/* ---- values by their names ---------------------------------------------------------------------------------- */

bool fac__export_set_value(fac__export_reader *p, const char *name, int value)
{
    if (value < 0) return false;
    if (!name) return fac__export_damaged(p, "a name");
    if (json_object_get(p->values, name)) return BAD("%s: there are two values of the name '%.200s'", p->path, name);
    if (json_object_set_new(p->values, name, json_integer(value)) == 0) return true;
    return fac__memory_error(0), false;
}

bool fac__export_get_value(fac__export_reader *p, const char *name, fac__term *out)
{
    const json_t *v = name ? json_object_get(p->values, name) : NULL;
    if (!v) return BAD("%s: '%.200s' uses '%.200s', which there is not", p->path, p->where, name ? name : "?");
    *out = fac__term_value((int)json_integer_value(v));
    return true;
}

/* ---- arguments ---------------------------------------------------------------------------------------------- */

typedef bool (*read_term)(fac__export_reader *p, const json_t *v, fac__term *out);

static bool read_none(fac__export_reader *p, const json_t *v, fac__term *out)
{
    *out = fac__term_none();
    return true;
}

static bool read_int(fac__export_reader *p, const json_t *v, fac__term *out)
{
    *out = fac__term_int(json_integer_value(v));
    return json_is_integer(v) || fac__export_damaged(p, "a whole number");
}

static bool read_bool(fac__export_reader *p, const json_t *v, fac__term *out)
{
    *out = fac__term_bool(json_is_true(v));
    return json_is_boolean(v) || fac__export_damaged(p, "a bool");
}

static bool read_float(fac__export_reader *p, const json_t *v, fac__term *out)
{
    const char *word = json_string_value(v);
    double f = json_number_value(v);
    if (word && !strcmp(word, "Infinity"))
        f = INFINITY;
    else if (word && !strcmp(word, "-Infinity"))
        f = -INFINITY;
    else if (word && !strcmp(word, "NaN"))
        f = NAN;
    else if (!json_is_number(v))
        return fac__export_damaged(p, "a number");
    *out = fac__term_float(f);
    return true;
}

static bool read_text(fac__export_reader *p, const json_t *v, fac__term *out)
{
    *out = fac__term_constant(fac_value_string(json_string_value(v)));
    return json_is_string(v) || fac__export_damaged(p, "a text");
}

static bool read_dtype(fac__export_reader *p, const json_t *v, fac__term *out)
{
    int element = fac__export_element(json_integer_value(v));
    if (!element || element >= FAC_DTYPE_COUNT)
        return BAD("%s: '%.200s' asks for a dtype that facula does not have (%lld)", p->path, p->where,
                   (long long)json_integer_value(v));
    *out = fac__term_constant((fac_value){.kind = FAC_VALUE_DTYPE, .v.dtype = (fac_dtype)element});
    return true;
}

/* {"name": "x"} */
static bool read_tensor(fac__export_reader *p, const json_t *v, fac__term *out)
{
    return fac__export_get_value(p, fac__export_text(v, "name"), out);
}

/* {"as_tensor": {"name": "x"}} or {"as_none": true} */
static bool read_optional_tensor(fac__export_reader *p, const json_t *v, fac__term *out)
{
    const json_t *tensor = json_object_get(v, "as_tensor");
    return tensor ? read_tensor(p, tensor, out) : read_none(p, v, out);
}

/* {"as_name": "s"} or {"as_int": 3} */
static bool read_symbol(fac__export_reader *p, const json_t *v, fac__term *out)
{
    const json_t *i = json_object_get(v, "as_int"), *f = json_object_get(v, "as_float"),
                 *b = json_object_get(v, "as_bool");
    if (i) return read_int(p, i, out);
    if (f) return read_float(p, f, out);
    if (b) return read_bool(p, b, out);
    return fac__export_get_value(p, fac__export_text(v, "as_name"), out);
}

/* The one of a kind that a list of others is read with. */
static bool read_items(fac__export_reader *p, const json_t *v, read_term read, fac__term *out)
{
    size_t n = json_array_size(v);
    fac__term *items = fac__export_room(p, n, sizeof *items);
    if (!json_is_array(v)) return fac__export_damaged(p, "a list");
    for (size_t i = 0; items && i < n; i++)
        if (!read(p, json_array_get(v, i), &items[i])) return false;
    *out = fac__term_list(items, (int)n);
    return items != NULL;
}

/* {"as_KIND": …} */
bool fac__export_argument(fac__export_reader *p, const json_t *arg, fac__term *out)
{
    static const struct {
        const char *key;
        read_term read;
        bool list;
    } kinds[] = {
        {"as_tensor", read_tensor, false},
        {"as_tensors", read_tensor, true},
        {"as_optional_tensor", read_optional_tensor, false},
        {"as_optional_tensors", read_optional_tensor, true},
        {"as_none", read_none, false},
        {"as_int", read_int, false},
        {"as_ints", read_int, true},
        {"as_float", read_float, false},
        {"as_floats", read_float, true},
        {"as_bool", read_bool, false},
        {"as_bools", read_bool, true},
        {"as_string", read_text, false},
        {"as_strings", read_text, true},
        {"as_sym_int", read_symbol, false},
        {"as_sym_ints", read_symbol, true},
        {"as_sym_float", read_symbol, false},
        {"as_sym_floats", read_symbol, true},
        {"as_sym_bool", read_symbol, false},
        {"as_sym_bools", read_symbol, true},
        {"as_scalar_type", read_dtype, false},
        /* where and how a tensor lies: here on the CPU, row by row */
        {"as_device", read_none, false},
        {"as_layout", read_none, false},
        {"as_memory_format", read_none, false},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const json_t *v = json_object_get(arg, kinds[i].key);
        if (!v) continue;
        return kinds[i].list ? read_items(p, v, kinds[i].read, out) : kinds[i].read(p, v, out);
    }
    const char *key = json_object_iter_key(json_object_iter((json_t *)arg));
    return BAD("%s: '%.200s' has an argument of a kind that facula does not know: %.100s", p->path, p->where,
               key ? key : "none");
}
