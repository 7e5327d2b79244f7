/* Floor 7. Writing PyTorch's files: an OrderedDict of tensors, so that what torch.load gives is a state_dict. Tensors
 * that share memory share a storage in the file. Metadata are an attribute of the dictionary, d.metadata in Python. */
#include "torch_save.h"

#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/raise.h"
#include "core/text.h"
#include "core/utf8.h"
#include "row_major.h"
#include "zip.h"

#define FOLDER "archive/"

/* Where the tensor's elements will be. */
typedef struct place {
    fac_tensor *tensor;
    int64_t order; /* in the state */
    bool shared;   /* its storage is written whole, and once */
    int64_t key;   /* of the storage */
    bool first;    /* the one that writes it */
} place;

/* ---- which storages ----------------------------------------------------------------------------------------- */

static int by_storage(const void *x, const void *y)
{
    const place *a = x, *b = y;
    if (a->tensor->storage != b->tensor->storage)
        return (uintptr_t)a->tensor->storage < (uintptr_t)b->tensor->storage ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static int by_order(const void *x, const void *y)
{
    const place *a = x, *b = y;
    return (a->order > b->order) - (a->order < b->order);
}

/* Those of one storage, n of them: it is written whole where several look at it and agree on the dtype. One alone, a
 * row of a large matrix for instance, is written without what surrounds it. */
static void place_group(place *group, int64_t n)
{
    bool agree = n > 1;
    for (int64_t i = 1; i < n; i++)
        agree &= group[i].tensor->dtype == group[0].tensor->dtype;
    for (int64_t i = 0; i < n; i++) {
        group[i].shared = agree;
        group[i].first = !agree || i == 0;
        group[i].key = group[agree ? 0 : i].order;
    }
}

static place *place_all(const fac_state *state)
{
    int64_t count = fac_state_count(state);
    place *places = fac__alloc((size_t)count * sizeof *places);
    if (!places) return NULL;
    for (int64_t i = 0; i < count; i++)
        places[i] = (place){.tensor = fac_state_tensor_at(state, i), .order = i};
    qsort(places, (size_t)count, sizeof *places, by_storage);
    for (int64_t i = 0, n; i < count; i += n) {
        for (n = 1; i + n < count && places[i + n].tensor->storage == places[i].tensor->storage;)
            n++;
        place_group(places + i, n);
    }
    qsort(places, (size_t)count, sizeof *places, by_order);
    return places;
}

/* Elements of the storage in the file. */
static int64_t storage_count(const place *p)
{
    const fac_tensor *t = p->tensor;
    return p->shared ? (int64_t)(t->storage->nbytes / fac_dtype_size((fac_dtype)t->dtype)) : t->numel;
}

/* ---- the pickle --------------------------------------------------------------------------------------------- */

static void put_number(fac__text *t, int bytes, int64_t v)
{
    for (int i = 0; i < bytes; i++)
        fac__text_add(t, &(char){(char)(v >> 8 * i)}, 1);
}

static void put_op(fac__text *t, const char *op)
{
    fac__text_add(t, op, strlen(op));
}

static void put_text(fac__text *t, const char *text)
{
    put_op(t, "X");
    put_number(t, 4, (int64_t)strlen(text));
    put_op(t, text);
}

static void put_integer(fac__text *t, int64_t v)
{
    bool small = v == (int32_t)v;
    put_op(t, small ? "J" : "\x8a\x08");
    put_number(t, small ? 4 : 8, v);
}

static void put_sizes(fac__text *t, int n, const int64_t *sizes)
{
    put_op(t, "(");
    for (int d = 0; d < n; d++)
        put_integer(t, sizes[d]);
    put_op(t, "t");
}

#define ORDERED_DICT "ccollections\nOrderedDict\n)R"

static void put_tensor(fac__text *out, const place *p)
{
    static const char *const storages[FAC_DTYPE_COUNT] = {
        [FAC_BOOL] = "Bool",     [FAC_UINT8] = "Byte",     [FAC_INT8] = "Char",    [FAC_INT16] = "Short",
        [FAC_INT32] = "Int",     [FAC_INT64] = "Long",     [FAC_FLOAT16] = "Half", [FAC_BFLOAT16] = "BFloat16",
        [FAC_FLOAT32] = "Float", [FAC_FLOAT64] = "Double",
    };
    const fac_tensor *t = p->tensor;
    int64_t strides[FAC_MAX_DIMS];
    fac__contiguous_strides(t->ndim, t->shape, strides);
    char key[24];
    snprintf(key, sizeof key, "%lld", (long long)p->key);
    put_op(out, "ctorch._utils\n_rebuild_tensor_v2\n(("); /* two tuples begin: of the arguments, of the storage's id */
    put_text(out, "storage");
    fac__text_format(out, "ctorch\n%sStorage\n", storages[t->dtype]);
    put_text(out, key);
    put_text(out, "cpu");
    put_integer(out, storage_count(p));
    put_op(out, "tQ");
    put_integer(out, p->shared ? t->offset : 0);
    put_sizes(out, t->ndim, t->shape);
    put_sizes(out, t->ndim, p->shared ? t->strides : strides);
    put_op(out, "\x89" ORDERED_DICT "tR"); /* False: requires no grad; no hooks */
}

static void put_metadata(fac__text *out, const fac_state *state)
{
    int64_t count = fac_state_metadata_count(state);
    if (!count) return;
    put_op(out, "}");
    put_text(out, "metadata");
    put_op(out, "}(");
    for (int64_t i = 0; i < count; i++) {
        put_text(out, fac_state_metadata_key_at(state, i));
        put_text(out, fac_state_metadata(state, fac_state_metadata_key_at(state, i)));
    }
    put_op(out, "usb");
}

static void put_state(fac__text *out, const fac_state *state, const place *places)
{
    put_op(out, "\x80\x02" ORDERED_DICT "(");
    for (int64_t i = 0; i < fac_state_count(state); i++) {
        put_text(out, fac_state_name_at(state, i));
        put_tensor(out, &places[i]);
    }
    put_op(out, "u");
    put_metadata(out, state);
    put_op(out, ".");
}

/* ---- the file ----------------------------------------------------------------------------------------------- */

static bool names_are_utf8(const fac_state *state)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < fac_state_count(state); i++)
        ok = fac__is_utf8(fac_state_name_at(state, i));
    for (int64_t i = 0; ok && i < fac_state_metadata_count(state); i++) {
        const char *key = fac_state_metadata_key_at(state, i);
        ok = fac__is_utf8(key) && fac__is_utf8(fac_state_metadata(state, key));
    }
    return ok || (fac__value_error("a name or text of the state is not UTF-8"), false);
}

static bool write_storage(fac__zip_writer *z, const place *p)
{
    char name[40];
    snprintf(name, sizeof name, FOLDER "data/%lld", (long long)p->key);
    bool ok = false;
    fac_scope {
        fac_tensor *t = p->tensor;
        int64_t count = storage_count(p), stride = 1;
        if (p->shared) t = fac__own(fac__new_view(t, 1, &count, &stride, 0));
        fac_tensor *row = t ? fac__row_major(t) : NULL;
        ok = row &&
             fac__zip_add(z, name, NULL, 0, fac__host(row), (size_t)count * fac_dtype_size((fac_dtype)row->dtype));
    }
    return ok;
}

bool fac__torch_save(fac__file *f, const fac_state *state)
{
    if (!names_are_utf8(state)) return false;
    place *places = place_all(state);
    if (!places) return false;
    fac__text pickle = {0};
    put_state(&pickle, state, places);
    fac__zip_writer z = {.f = f};
    bool ok = !pickle.failed && fac__zip_add(&z, FOLDER "data.pkl", pickle.p, pickle.n, NULL, 0) &&
              fac__zip_add(&z, FOLDER "byteorder", "little", 6, NULL, 0);
    for (int64_t i = 0; ok && i < fac_state_count(state); i++)
        if (places[i].first) ok = write_storage(&z, &places[i]);
    ok = ok && fac__zip_add(&z, FOLDER "version", "3\n", 2, NULL, 0) && fac__zip_finish(&z);
    fac__zip_drop(&z);
    fac__text_drop(&pickle);
    fac__free(places);
    return ok;
}
