/* Floor 4. x[...]: integers, slices and new axes as views; index tensors and masks by the index kernel. */
#include "facula/ops_index.h"

#include <string.h>

#include "create.h"
#include "facula/ops_join.h"
#include "index_along.h"

/* A place for each dimension of a view of the indexed tensor: its index, or NULL where all of it is taken. */
typedef struct selection {
    fac_tensor *view;
    fac_tensor *index[FAC_MAX_DIMS];
    bool any;
    /* once the indices are broadcast: */
    int index_ndim, first; /* first: the dim of the result where the index dims begin */
    int64_t index_shape[FAC_MAX_DIMS];
    int ndim; /* of the result */
    int64_t shape[FAC_MAX_DIMS];
} selection;

/* ---- from parts to views and index tensors ------------------------------------------------------------------- */

static bool is_mask(const fac_tensor *t)
{
    return t->dtype == FAC_BOOL || t->dtype == FAC_UINT8;
}

/* How many dimensions of the tensor a part takes. */
static int taken(const fac_index_part *p)
{
    switch (p->kind) {
    case FAC_INDEX_INT:
    case FAC_INDEX_SLICE: return 1;
    case FAC_INDEX_TENSOR: return is_mask(p->tensor) ? p->tensor->ndim : 1;
    default: return 0;
    }
}

static bool too_many(int ndim)
{
    return fac__index_error("too many indices for tensor of dimension %d", ndim), false;
}

/* What a bool as an index means: index 0 of a new dimension of size 1, or none of it. */
static bool select_bool(selection *s, int dim, bool value)
{
    s->view = fac_unsqueeze(s->view, dim);
    s->index[dim] = s->view ? fac_zeros(FAC_SHAPE(value ? 1 : 0), .dtype = FAC_INT64) : NULL;
    s->any = true;
    return s->index[dim] != NULL;
}

/* A mask is as many index tensors as it has dims: the coordinates of what is true. */
static bool select_mask(selection *s, int dim, fac_tensor *mask)
{
    for (int i = 0; i < mask->ndim; i++)
        if (mask->shape[i] != s->view->shape[dim + i])
            return fac__index_error("The shape of the mask %s at index %d does not match the shape of the indexed "
                                    "tensor %s at index %d",
                                    fac__shape_text(mask->ndim, mask->shape), i,
                                    fac__shape_text(s->view->ndim, s->view->shape), dim + i),
                   false;
    fac_tensor_list columns = fac_where_true(mask);
    for (int64_t i = 0; i < columns.count; i++)
        s->index[dim + i] = columns.items[i];
    s->any = true;
    return columns.items != NULL;
}

static bool select_integer(selection *s, int dim, int real_dim, int64_t i)
{
    if (s->view->ndim == 0)
        return fac__index_error("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` "
                                "in C++ to convert "
                                "a 0-dim tensor to a number"),
               false;
    int64_t size = s->view->shape[dim];
    if (i < -size || i >= size)
        return fac__index_error("index %lld is out of bounds for dimension %d with size %lld", (long long)i, real_dim,
                                (long long)size),
               false;
    s->view = fac_select(s->view, dim, i);
    return s->view != NULL;
}

/* One part at *dim of the view, which moves on. */
static bool select_part(selection *s, const fac_index_part *p, int *dim, int *real_dim, int skipped)
{
    switch (p->kind) {
    case FAC_INDEX_INT: return select_integer(s, *dim, (*real_dim)++, p->start);
    case FAC_INDEX_SLICE:
        if (s->view->ndim == 0) return fac__index_error("slice() cannot be applied to a 0-dim tensor."), false;
        if (p->step <= 0) return fac__value_error("step must be greater than zero"), false;
        s->view = fac_slice(s->view, *dim, p->start, p->stop, p->step);
        ++*dim, ++*real_dim;
        return s->view != NULL;
    case FAC_INDEX_ELLIPSIS: *dim += skipped, *real_dim += skipped; return true;
    case FAC_INDEX_NEW_AXIS: s->view = fac_unsqueeze(s->view, (*dim)++); return s->view != NULL;
    case FAC_INDEX_BOOL: return select_bool(s, (*dim)++, p->start != 0);
    case FAC_INDEX_TENSOR: break;
    }
    fac_tensor *t = p->tensor;
    if (is_mask(t) && t->ndim == 0) return select_bool(s, (*dim)++, fac_item_int(t) != 0);
    if (is_mask(t)) {
        if (!select_mask(s, *dim, t)) return false;
        *dim += t->ndim, *real_dim += t->ndim;
        return true;
    }
    if (t->ndim == 0 && fac_dtype_is_integral((fac_dtype)t->dtype))
        return select_integer(s, *dim, (*real_dim)++, fac_item_int(t));
    if (t->dtype != FAC_INT64)
        return fac__index_error("tensors used as indices must be long, byte or bool tensors"), false;
    s->index[(*dim)++] = t;
    ++*real_dim;
    return s->any = true;
}

/* Views are made as the grad mode says: with gradients only where the result is to be a view. */
static bool select_parts(selection *s, fac_tensor *x, fac_index_parts parts)
{
    memset(s, 0, sizeof *s);
    s->view = x;
    int used = 0, dim = 0, real_dim = 0;
    bool open = false;
    for (int i = 0; i < parts.n; i++)
        used += taken(&parts.parts[i]);
    bool alone = parts.n == 1 && (parts.parts->kind != FAC_INDEX_TENSOR || !parts.parts->tensor->ndim);
    if (used > x->ndim && (x->ndim || !alone)) return too_many(x->ndim); /* a 0-d tensor has words of its own */
    for (int i = 0; i < parts.n; i++) {
        if (!select_part(s, &parts.parts[i], &dim, &real_dim, open ? 0 : x->ndim - used)) return false;
        open |= parts.parts[i].kind == FAC_INDEX_ELLIPSIS;
    }
    return true;
}

static bool has_tensors(fac_index_parts parts)
{
    for (int i = 0; i < parts.n; i++) {
        const fac_index_part *p = &parts.parts[i];
        if (p->kind == FAC_INDEX_BOOL || (p->kind == FAC_INDEX_TENSOR && (p->tensor->ndim || is_mask(p->tensor))))
            return true;
    }
    return false;
}

static bool parts_given(fac_index_parts parts)
{
    if (parts.n) FAC__NEED_OR(parts.parts, false);
    if (parts.n > 2 * FAC_MAX_DIMS) return too_many(FAC_MAX_DIMS);
    for (int i = 0; i < parts.n; i++)
        if (parts.parts[i].kind == FAC_INDEX_TENSOR && !parts.parts[i].tensor) return fac__null_error("index"), false;
    return true;
}

/* ---- the result's shape -------------------------------------------------------------------------------------- */

static bool broadcast_indices(selection *s)
{
    for (int d = 0; d < s->view->ndim; d++) {
        const fac_tensor *t = s->index[d];
        if (!t) continue;
        for (int i = 1; i <= t->ndim && i <= s->index_ndim; i++) {
            int64_t a = s->index_shape[s->index_ndim - i], b = t->shape[t->ndim - i];
            if (a != b && a != 1 && b != 1) {
                char shapes[400] = "";
                for (int k = 0; k < s->view->ndim; k++) {
                    if (!s->index[k]) continue;
                    size_t at = strlen(shapes);
                    const char *text = fac__shape_text(s->index[k]->ndim, s->index[k]->shape);
                    if (at + strlen(text) + 3 < sizeof shapes) strcat(strcat(shapes, at ? ", " : ""), text);
                }
                return fac__index_error(
                           "shape mismatch: indexing tensors could not be broadcast together with shapes %s", shapes),
                       false;
            }
        }
        if (!fac__broadcast_shapes(s->index_ndim, s->index_shape, t->ndim, t->shape, &s->index_ndim, s->index_shape))
            return false;
    }
    return true;
}

static bool indices_in_range(const selection *s)
{
    for (int d = 0; d < s->view->ndim; d++) {
        int64_t size = s->view->shape[d], rest = 1;
        if (!s->index[d] || !s->index[d]->numel) continue;
        for (int i = 0; i < s->ndim; i++)
            rest *= s->shape[i];
        if (!size) return fac__index_error("index is out of bounds for dimension with size 0"), false;
        if (rest == 0) continue; /* another dimension makes the result empty: nothing is looked up */
        if (!fac__index_check(s->index[d], -size, size, fac__report_index, d, size)) return false;
    }
    return true;
}

/* Index dims stand where the indexed dims stood if those are neighbours, else first. */
static bool result_shape(selection *s)
{
    if (!broadcast_indices(s)) return false;
    int first = -1, last = -1, indexed = 0;
    for (int d = 0; d < s->view->ndim; d++) {
        if (!s->index[d]) continue;
        if (first < 0) first = d;
        last = d;
        indexed++;
    }
    s->first = last - first + 1 == indexed ? first : 0;
    s->ndim = s->view->ndim - indexed + s->index_ndim;
    if (!fac__dims_fit((fac_dims){.n = s->ndim})) return false;
    int at = 0;
    for (int d = 0; d <= s->view->ndim; d++) {
        if (at == s->first)
            for (int i = 0; i < s->index_ndim; i++)
                s->shape[at++] = s->index_shape[i];
        if (d < s->view->ndim && !s->index[d]) s->shape[at++] = s->view->shape[d];
    }
    return indices_in_range(s);
}

static void launch(fac__index_mode mode, const selection *s, const fac_tensor *values)
{
    fac__index_args args;
    args.mode = mode;
    args.ndim = s->ndim;
    memcpy(args.shape, s->shape, sizeof args.shape);
    args.disjoint = 0;
    args.n_index = 0;
    args.table = fac__operand_of(s->view);
    args.values = fac__operand_broadcast(values, s->ndim, s->shape);
    int last = s->first + s->index_ndim, at = s->first ? 0 : last;
    for (int i = s->first; i < last; i++)
        args.table.strides[i] = 0;
    for (int d = 0; d < s->view->ndim; d++) {
        const fac_tensor *t = s->index[d];
        if (t) {
            fac__operand plain = fac__operand_broadcast(t, s->index_ndim, s->index_shape),
                         in_place = {plain.data, FAC_INT64, {0}};
            for (int i = 0; i < s->index_ndim; i++)
                in_place.strides[s->first + i] = plain.strides[i];
            args.index[args.n_index++] = (fac__index_operand){in_place, s->view->shape[d], s->view->strides[d]};
        } else {
            if (at == s->first && s->index_ndim) at = last;
            args.table.strides[at] = s->view->strides[d];
            args.disjoint |= 1u << at++;
        }
    }
    FAC__LAUNCH(fac__k_index, args);
}

/* ---- gradients ----------------------------------------------------------------------------------------------- */

/* The parts, their tensors being saved in the slots of their numbers. */
typedef struct index_params {
    bool accumulate;
    fac_dims shape; /* of self in get, of the values in put */
    int n;
    fac_index_part parts[2 * FAC_MAX_DIMS];
} index_params;

static void keep_parts(fac__node *n, fac_index_parts parts, fac_dims shape)
{
    if (!n || !n->params) return;
    index_params *p = n->params;
    p->shape = shape;
    p->n = parts.n;
    for (int i = 0; i < parts.n; i++) {
        p->parts[i] = parts.parts[i];
        if (parts.parts[i].kind == FAC_INDEX_TENSOR) fac__save(n, i, parts.parts[i].tensor);
    }
}

static bool saved_parts(fac__node *n, fac_index_part *parts)
{
    const index_params *p = n->params;
    for (int i = 0; i < p->n; i++) {
        parts[i] = p->parts[i];
        if (parts[i].kind == FAC_INDEX_TENSOR && !(parts[i].tensor = fac__saved(n, i))) return false;
    }
    return true;
}

static void get_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const index_params *p = n->params;
    fac_index_part parts[2 * FAC_MAX_DIMS];
    if (!saved_parts(n, parts)) return;
    fac_tensor *zeros = fac_zeros(p->shape, .dtype = fac_dtype_of(gy[0]));
    gx[0] = zeros ? fac_index_put(zeros, (fac_index_parts){parts, p->n}, gy[0], true) : NULL;
}

static void put_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const index_params *p = n->params;
    fac_index_part parts[2 * FAC_MAX_DIMS];
    if (!saved_parts(n, parts)) return;
    fac_index_parts list = {parts, p->n};
    if (fac__wants(n, 0) && p->accumulate)
        gx[0] = gy[0];
    else if (fac__wants(n, 0))
        gx[0] = fac_index_put(gy[0], list, fac_zeros(FAC_SHAPE(), .dtype = fac_dtype_of(gy[0])), false);
    if (fac__wants(n, 1)) gx[1] = fac_index_with(gy[0], list);
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static fac_tensor *get_by_tensors(fac_tensor *self, fac_index_parts parts)
{
    fac_tensor *y = NULL;
    fac_scope {
        fac_no_grad {
            selection s;
            if (select_parts(&s, self, parts) && result_shape(&s))
                y = fac__new((fac_dtype)self->dtype, s.ndim, s.shape);
            if (y && y->numel) launch(FAC__INDEX_GET, &s, y);
        }
    }
    if (!y) return NULL;
    fac__node *n = fac__record("IndexBackward0", get_backward, 1, parts.n, sizeof(index_params), self);
    keep_parts(n, parts, fac_shape(self));
    return fac__result(n, y);
}

fac_tensor *fac_index_with(fac_tensor *self, fac_index_parts parts)
{
    FAC__OP("index");
    FAC__NEED(self);
    if (!parts_given(parts)) return NULL;
    if (has_tensors(parts)) return get_by_tensors(self, parts);
    selection s;
    if (!select_parts(&s, self, parts)) return NULL;
    return s.view == self ? fac__relabel("AliasBackward0", self, self->ndim, self->shape, self->strides) : s.view;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static bool values_fit(const selection *s, const fac_tensor *values)
{
    bool fit = values->ndim <= s->ndim;
    for (int i = 1; i <= values->ndim && fit; i++)
        fit = values->shape[values->ndim - i] == 1 || values->shape[values->ndim - i] == s->shape[s->ndim - i];
    return fit || fac__runtime_error(
                      "shape mismatch: value tensor of shape %s cannot be broadcast to indexing result of shape %s",
                      fac__shape_text(values->ndim, values->shape), fac__shape_text(s->ndim, s->shape));
}

/* table[parts] = values, unrecorded. */
static bool put_into(fac_tensor *table, fac_index_parts parts, fac_tensor *values, bool accumulate)
{
    bool ok = false;
    fac_scope {
        fac_no_grad {
            selection s;
            bool ready = select_parts(&s, table, parts) && result_shape(&s) && values_fit(&s, values);
            for (int d = 0; ready && d < s.view->ndim; d++)
                if (s.index[d]) ready = (s.index[d] = fac__apart(table, s.index[d], true)) != NULL;
            if (ready) {
                int64_t numel = 1;
                for (int i = 0; i < s.ndim; i++)
                    numel *= s.shape[i];
                if (numel) launch(accumulate ? FAC__INDEX_ADD : FAC__INDEX_PUT, &s, values);
                ok = true;
            }
        }
    }
    return ok;
}

static fac_tensor *put(fac_tensor *self, fac_index_parts parts, fac_tensor *values, bool accumulate, bool inplace)
{
    if (!parts_given(parts)) return NULL;
    if (self->dtype != values->dtype)
        return fac__runtime_error(
            "Index put requires the source and destination dtypes match, got %s for the destination and %s for the "
            "source.",
            fac__dtype_word((fac_dtype)self->dtype), fac__dtype_word((fac_dtype)values->dtype));
    fac__node *n = fac__record("IndexPutBackward0", put_backward, 1, parts.n, sizeof(index_params), self, values);
    keep_parts(n, parts, fac_shape(values));
    if (n && n->params) ((index_params *)n->params)->accumulate = accumulate;
    fac_tensor *source = fac__apart(self, values, inplace), *y = source ? fac__target(self, inplace) : NULL;
    return fac__finish(n, y, inplace, y && put_into(y, parts, source, accumulate));
}

fac_tensor *fac_index_put_(fac_tensor *self, fac_index_parts parts, fac_tensor *values, bool accumulate)
{
    FAC__OP("index_put_");
    FAC__NEED(self);
    FAC__NEED(values);
    return put(self, parts, values, accumulate, true);
}

fac_tensor *fac_index_put(fac_tensor *self, fac_index_parts parts, fac_tensor *values, bool accumulate)
{
    FAC__OP("index_put");
    FAC__NEED(self);
    FAC__NEED(values);
    return put(self, parts, values, accumulate, false);
}

fac_tensor *fac_index_set(fac_tensor *self, fac_index_parts parts, fac_tensor *value)
{
    FAC__OP("index_set");
    FAC__NEED(self);
    FAC__NEED(value);
    if (!parts_given(parts)) return NULL;
    int extra = 0;
    while (extra < value->ndim && value->shape[extra] == 1)
        extra++;
    if (has_tensors(parts)) {
        if (extra) value = fac_reshape(value, fac_dims_make(value->ndim - extra, value->shape + extra));
        value = value ? fac_to(value, (fac_dtype)self->dtype) : NULL;
        return value ? put(self, parts, value, false, true) : NULL;
    }
    selection s;
    if (!select_parts(&s, self, parts)) return NULL;
    if (value->ndim > s.view->ndim && value->ndim - extra <= s.view->ndim)
        value = fac_reshape(value, fac_dims_make(value->ndim - extra, value->shape + extra));
    return value && fac_copy_(s.view, value) ? self : NULL;
}

fac_tensor *(fac_index_set_scalar)(fac_tensor *self, fac_index_parts parts, fac_scalar value)
{
    FAC__OP("index_set");
    FAC__NEED(self);
    fac_tensor *number = fac__number(value, (fac_dtype)self->dtype);
    return number ? fac_index_set(self, parts, number) : NULL;
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

/* Tensor?[]: an index for each dimension, NULL where all of it is taken. */
static fac_index_parts parts_of_tensors(fac_tensor_list list, fac_index_part *parts)
{
    int n = list.count < 2 * FAC_MAX_DIMS ? (int)list.count : 2 * FAC_MAX_DIMS;
    for (int i = 0; i < n; i++)
        parts[i] = list.items[i] ? fac__part_tensor(list.items[i]) : FAC_ALL;
    return (fac_index_parts){parts, n};
}

/* A list of integers, or of such lists, as an int64 tensor. */
static fac_tensor *tensor_of_list(const fac_value *v)
{
    if (v->kind == FAC_VALUE_INTS)
        return fac__of_array(v->v.ints.items ? v->v.ints.items : (const int64_t[]){0}, FAC_INT64,
                             FAC_SHAPE(v->v.ints.count));
    fac_tensor_list rows = fac__list_new(v->v.list.count);
    for (int64_t i = 0; i < v->v.list.count && rows.items; i++) {
        const fac_value *row = &v->v.list.items[i];
        if (row->kind != FAC_VALUE_INTS && row->kind != FAC_VALUE_LIST) return fac__index_error("invalid index");
        if (!(rows.items[i] = tensor_of_list(row))) return NULL;
    }
    return rows.items ? fac_stack(rows, 0) : NULL;
}

static bool part_of_value(const fac_value *v, fac_index_part *part)
{
    const fac_value *s;
    switch (v->kind) {
    case FAC_VALUE_NONE: *part = FAC_NEW_AXIS; return true;
    case FAC_VALUE_ELLIPSIS: *part = FAC_ELLIPSIS; return true;
    case FAC_VALUE_TENSOR: *part = fac__part_tensor(v->v.tensor); return true;
    case FAC_VALUE_SCALAR:
        if (v->v.scalar.kind == FAC_FLOAT64) break;
        *part = v->v.scalar.kind == FAC_BOOL ? fac__part_bool(v->v.scalar.v.i != 0) : fac__part_int(v->v.scalar.v.i);
        return true;
    case FAC_VALUE_SLICE: s = v->v.list.items;
#define BOUND(k, open) (s[k].kind == FAC_VALUE_SCALAR ? fac_scalar_to_int(s[k].v.scalar) : (open))
        *part = fac__index_part(FAC_INDEX_SLICE, BOUND(0, FAC_OPEN), BOUND(1, FAC_OPEN), BOUND(2, 1), NULL);
        return true;
    case FAC_VALUE_INTS:
    case FAC_VALUE_LIST: *part = fac__part_tensor(tensor_of_list(v)); return part->tensor != NULL;
    default: break;
    }
    return fac__index_error(
               "only integers, slices (`:`), ellipsis (`...`), None and long or byte tensors are valid indices"),
           false;
}

/* The parts of a __getitem__: a list of any kind, or a single part. */
static bool parts_of_value(const fac_value *v, fac_index_part *parts, int *n)
{
    int64_t count = v->kind == FAC_VALUE_INTS      ? v->v.ints.count
                    : v->kind == FAC_VALUE_TENSORS ? v->v.tensors.count
                    : v->kind == FAC_VALUE_LIST    ? v->v.list.count
                                                   : 1;
    if (count > 2 * FAC_MAX_DIMS) return too_many(FAC_MAX_DIMS);
    *n = (int)count;
    for (int i = 0; i < *n; i++) {
        if (v->kind == FAC_VALUE_INTS)
            parts[i] = fac__part_int(v->v.ints.items[i]);
        else if (v->kind == FAC_VALUE_TENSORS)
            parts[i] = fac__part_tensor(v->v.tensors.items[i]);
        else if (!part_of_value(v->kind == FAC_VALUE_LIST ? &v->v.list.items[i] : v, &parts[i]))
            return false;
    }
    return true;
}

static fac_tensor *getitem(fac_tensor *self, const fac_value *v)
{
    fac_index_part parts[2 * FAC_MAX_DIMS];
    int n;
    return parts_of_value(v, parts, &n) ? fac_index_with(self, (fac_index_parts){parts, n}) : NULL;
}

static fac_tensor *setitem(fac_tensor *self, const fac_value *v, fac_tensor *value)
{
    fac_index_part parts[2 * FAC_MAX_DIMS];
    int n;
    return parts_of_value(v, parts, &n) ? fac_index_set(self, (fac_index_parts){parts, n}, value) : NULL;
}

#define PARTS(i) parts_of_tensors(TL(i), (fac_index_part[2 * FAC_MAX_DIMS]){{FAC_INDEX_INT, 0, 0, 0, NULL}})
FAC__CALL(index_tensor, R(fac_index_with(T(0), PARTS(1))))
FAC__CALL(index_put, R(fac_index_put(T(0), PARTS(1), T(2), B(3))))
FAC__CALL(index_put_, R(fac_index_put_(T(0), PARTS(1), T(2), B(3))))
FAC__CALL(call_getitem, R(getitem(T(0), &args[1])))
FAC__CALL(call_setitem, R(setitem(T(0), &args[1], T(2))))

const fac__op fac__ops_index[] = {
    {"index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", index_tensor,
     "Elements by an index tensor for each dimension."},
    {"index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor", index_put,
     "A copy of self with values written, or added, where the indices say."},
    {"index_put_(Tensor(a!) self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor(a!)", index_put_,
     "values written, or added, where the indices say."},
    {"__getitem__(Tensor self, any indices) -> Tensor", call_getitem, "self[indices], with all parts that Python has."},
    {"__setitem__(Tensor(a!) self, any indices, Tensor value) -> Tensor(a!)", call_setitem, "self[indices] = value."},
    {0},
};
