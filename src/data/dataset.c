/* Floor 7. Datasets: what all have in common, rows of tensors, subsets and random splits. */
#include "dataset.h"

#include <math.h>
#include <string.h>

#include "core/draws.h"
#include "core/memory.h"
#include "core/raise.h"
#include "core/tensor_impl.h"
#include "facula/autograd.h"
#include "facula/ops_pointwise.h"

/* ---- all datasets ------------------------------------------------------------------------------------------- */

static bool check_spec(const fac_dataset_spec *spec)
{
    FAC__NEED_OR(spec, false);
    FAC__NEED_OR(spec->get, false);
    if (spec->count < 0 || spec->count > INT64_MAX / 32) /* lists of so many indices can be counted in bytes */
        return fac__value_error("a dataset cannot have %lld items", (long long)spec->count), false;
    if (spec->n_fields < 1 || spec->n_fields > FAC_MAX_FIELDS)
        return fac__value_error("a dataset has 1 to %d fields, not %d", FAC_MAX_FIELDS, spec->n_fields), false;
    for (int i = 0; i < spec->n_fields; i++) {
        const fac_field *f = &spec->fields[i];
        if (!fac_dtype_size(f->dtype)) return fac__type_error("field %d of the dataset needs a dtype", i), false;
        if (f->shape.n >= FAC_MAX_DIMS)
            return fac__value_error("field %d has %d dimensions, which leaves no room for that of a batch", i,
                                    f->shape.n),
                   false;
        if (fac__shape_numel(f->shape.n, f->shape.d) < 0) return false;
    }
    return true;
}

fac_dataset *fac_dataset_new(const fac_dataset_spec *spec)
{
    FAC__OP("dataset_new");
    fac_dataset *d = check_spec(spec) ? fac__alloc(sizeof *d) : NULL;
    if (!d) {
        if (spec && spec->drop) spec->drop(spec->context);
        return NULL;
    }
    d->spec = *spec;
    atomic_init(&d->refs, 1);
    for (int i = 0; i < spec->n_fields; i++)
        d->item_bytes[i] = (size_t)fac__shape_numel(spec->fields[i].shape.n, spec->fields[i].shape.d) *
                           fac_dtype_size(spec->fields[i].dtype);
    return d;
}

fac_dataset *fac__dataset_keep(fac_dataset *d)
{
    atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    return d;
}

void fac_dataset_free(fac_dataset *d)
{
    if (!d || atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) != 1) return;
    if (d->spec.drop) d->spec.drop(d->spec.context);
    fac__free(d);
}

int64_t fac_dataset_count(const fac_dataset *d)
{
    return d ? d->spec.count : 0;
}

int fac_dataset_fields(const fac_dataset *d)
{
    return d ? d->spec.n_fields : 0;
}

int64_t fac_dataset_classes(const fac_dataset *d)
{
    return d ? d->spec.n_classes : 0;
}

const char *fac_dataset_class(const fac_dataset *d, int64_t i)
{
    return d && i >= 0 && i < d->spec.n_classes ? d->spec.classes[i] : NULL;
}

fac_tensor *fac__dataset_room(const fac_dataset *d, int field, int64_t n)
{
    const fac_field *f = &d->spec.fields[field];
    int64_t shape[FAC_MAX_DIMS] = {n};
    int lead = n >= 0;
    for (int i = 0; i < f->shape.n; i++)
        shape[lead + i] = f->shape.d[i];
    return fac__new(f->dtype, lead + f->shape.n, shape);
}

/* How many items are asked for between the word that one is wanted soon and the item. */
enum { AHEAD = 4 };

static void say_soon(const fac_dataset *d, int64_t index)
{
    if (index < 0) index += d->spec.count;
    if (index >= 0 && index < d->spec.count) d->spec.soon(d->spec.context, index);
}

bool fac__dataset_fill(fac_dataset *d, const int64_t *indices, int64_t n, fac_tensor *const *into)
{
    void *out[FAC_MAX_FIELDS];
    for (int f = 0; f < d->spec.n_fields; f++)
        out[f] = fac__host(into[f]);
    for (int64_t i = 0; i < n; i++) {
        int64_t index = indices[i];
        if (d->spec.soon && i + AHEAD < n) say_soon(d, indices[i + AHEAD]);
        if (index < -d->spec.count || index >= d->spec.count)
            return fac__index_error("index %lld is out of range for a dataset of %lld items", (long long)index,
                                    (long long)d->spec.count),
                   false;
        if (index < 0) index += d->spec.count;
        if (!d->spec.get(d->spec.context, index, out))
            return fac__runtime_error("the dataset could not give item %lld", (long long)index), false;
        for (int f = 0; f < d->spec.n_fields; f++)
            out[f] = (char *)out[f] + d->item_bytes[f];
    }
    return true;
}

/* n items, or one without the batch's dimension if n is -1. */
static bool give(fac_dataset *d, const int64_t *indices, int64_t n, fac_tensor **out)
{
    memset(out, 0, (size_t)d->spec.n_fields * sizeof *out);
    for (int f = 0; f < d->spec.n_fields; f++)
        if (!(out[f] = fac__own(fac__dataset_room(d, f, n)))) return false;
    return fac__dataset_fill(d, indices, n < 0 ? 1 : n, out);
}

bool fac_dataset_get(fac_dataset *dataset, int64_t index, fac_tensor **out)
{
    FAC__OP("dataset_get");
    FAC__NEED_OR(dataset, false);
    FAC__NEED_OR(out, false);
    if (fac__recording_now()) return fac__recording_refuse("take an item from a dataset"), false;
    return give(dataset, &index, -1, out);
}

bool fac_dataset_batch(fac_dataset *dataset, const int64_t *indices, int64_t n, fac_tensor **out)
{
    FAC__OP("dataset_batch");
    FAC__NEED_OR(dataset, false);
    FAC__NEED_OR(out, false);
    if (n < 0) return fac__value_error("a batch cannot have %lld items", (long long)n), false;
    if (n) FAC__NEED_OR(indices, false);
    if (fac__recording_now()) return fac__recording_refuse("take items from a dataset"), false;
    return give(dataset, indices, n, out);
}

/* ---- rows of tensors ---------------------------------------------------------------------------------------- */

typedef struct rows {
    int n;
    fac_tensor *tensors[FAC_MAX_FIELDS];
    size_t bytes[FAC_MAX_FIELDS]; /* of a row */
} rows;

static bool get_rows(void *context, int64_t index, void *const *out)
{
    const rows *r = context;
    for (int i = 0; i < r->n; i++)
        memcpy(out[i], (const char *)fac__host(r->tensors[i]) + r->bytes[i] * (size_t)index, r->bytes[i]);
    return true;
}

static void drop_rows(void *context)
{
    rows *r = context;
    for (int i = 0; i < r->n; i++)
        fac_release(r->tensors[i]);
    fac__free(r);
}

fac_tensor *fac__rows_of(fac_tensor *t, fac_dtype dtype)
{
    fac_tensor *rows = NULL;
    fac_no_grad
        fac_scope
            rows = fac_keep(fac_contiguous(fac_to(t, dtype)));
    return rows;
}

fac_dataset *fac_tensor_dataset_of(fac_tensor_list tensors)
{
    FAC__OP("tensor_dataset");
    if (tensors.count < 1 || tensors.count > FAC_MAX_FIELDS)
        return fac__value_error("a dataset has 1 to %d fields, not %lld", FAC_MAX_FIELDS, (long long)tensors.count);
    FAC__NEED(tensors.items);
    for (int i = 0; i < tensors.count; i++) {
        const fac_tensor *tensor = tensors.items[i];
        FAC__NEED(tensor);
        if (tensor->ndim == 0 || tensor->shape[0] != tensors.items[0]->shape[0])
            return fac__value_error("Size mismatch between tensors");
    }
    rows *r = fac__calloc(sizeof *r);
    if (!r) return NULL;
    fac_dataset_spec spec = {.count = tensors.items[0]->shape[0], .get = get_rows, .drop = drop_rows, .context = r};
    for (int i = 0; i < tensors.count; i++) {
        fac_tensor *t = fac__rows_of(tensors.items[i], (fac_dtype)tensors.items[i]->dtype);
        if (!t) {
            drop_rows(r);
            return NULL;
        }
        r->tensors[r->n++] = t;
        spec.fields[i] = (fac_field){(fac_dtype)t->dtype, fac_dims_make(t->ndim - 1, t->shape + 1)};
        r->bytes[i] = (size_t)fac__shape_numel(t->ndim - 1, t->shape + 1) * fac_dtype_size((fac_dtype)t->dtype);
    }
    spec.n_fields = r->n;
    return fac_dataset_new(&spec);
}

/* ---- subsets ------------------------------------------------------------------------------------------------ */

typedef struct subset {
    fac_dataset *of;
    int64_t indices[];
} subset;

static bool get_subset(void *context, int64_t index, void *const *out)
{
    const subset *s = context;
    return s->of->spec.get(s->of->spec.context, s->indices[index], out);
}

static void soon_in_subset(void *context, int64_t index)
{
    const subset *s = context;
    s->of->spec.soon(s->of->spec.context, s->indices[index]);
}

static void drop_subset(void *context)
{
    subset *s = context;
    fac_dataset_free(s->of);
    fac__free(s);
}

fac_dataset *fac_subset(fac_dataset *dataset, const int64_t *indices, int64_t n)
{
    FAC__OP("subset");
    FAC__NEED(dataset);
    if (n < 0) return fac__value_error("a subset cannot have %lld items", (long long)n);
    if (n) FAC__NEED(indices);
    int64_t count = dataset->spec.count;
    for (int64_t i = 0; i < n; i++)
        if (indices[i] < -count || indices[i] >= count)
            return fac__index_error("index %lld is out of range for a dataset of %lld items", (long long)indices[i],
                                    (long long)count);
    subset *s = fac__alloc(sizeof *s + (size_t)n * sizeof *indices);
    if (!s) return NULL;
    s->of = fac__dataset_keep(dataset);
    for (int64_t i = 0; i < n; i++)
        s->indices[i] = indices[i] < 0 ? indices[i] + count : indices[i];
    fac_dataset_spec spec = dataset->spec;
    spec.count = n;
    spec.get = get_subset;
    spec.soon = spec.soon ? soon_in_subset : NULL;
    spec.drop = drop_subset;
    spec.context = s;
    return fac_dataset_new(&spec);
}

/* Lengths as torch.utils.data.random_split understands them: fractions are rounded down, and what is left over goes to
 * the parts in turn. */
static bool split_lengths(int64_t count, const double *given, int n, int64_t *lengths)
{
    double sum = 0, whole = 0;
    for (int i = 0; i < n; i++) {
        sum += given[i];
        whole += given[i] == floor(given[i]) && given[i] >= 0;
    }
    if (sum <= 1 && fabs(sum - 1) <= 1e-9) {
        int64_t left = count;
        for (int i = 0; i < n; i++) {
            if (!(given[i] >= 0 && given[i] <= 1))
                return fac__value_error("Fraction at index %d is not between 0 and 1", i), false;
            lengths[i] = (int64_t)floor((double)count * given[i]);
            left -= lengths[i];
        }
        for (int i = 0; left > 0; i++, left--)
            lengths[i % n]++;
        return true;
    }
    if (whole != n || sum != (double)count)
        return fac__value_error("Sum of input lengths does not equal the length of the input dataset!"), false;
    for (int i = 0; i < n; i++)
        lengths[i] = (int64_t)given[i];
    return true;
}

bool fac_random_split(fac_dataset *dataset, const double *lengths, int n, fac_generator *generator, fac_dataset **parts)
{
    FAC__OP("random_split");
    FAC__NEED_OR(dataset, false);
    FAC__NEED_OR(lengths, false);
    FAC__NEED_OR(parts, false);
    if (fac__recording_now()) return fac__recording_refuse("split a dataset"), false;
    if (n < 1) return fac__value_error("Sum of input lengths does not equal the length of the input dataset!"), false;
    memset(parts, 0, (size_t)n * sizeof *parts);
    int64_t count = dataset->spec.count, *counts = fac__alloc((size_t)(n + count) * sizeof *counts);
    if (!counts) return false;
    int64_t *order = counts + n;
    bool ok = split_lengths(count, lengths, n, counts);
    if (ok) fac__random_permutation(generator, FAC_INT64, order, count);
    for (int i = 0; ok && i < n; order += counts[i++])
        ok = (parts[i] = fac_subset(dataset, order, counts[i])) != NULL;
    for (int i = 0; !ok && i < n; i++) {
        fac_dataset_free(parts[i]);
        parts[i] = NULL;
    }
    fac__free(counts);
    return ok;
}
