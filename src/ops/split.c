/* Floor 4. Views that cut a tensor into several, and lists of tensors brought to a common shape. */
#include <string.h>

#include "facula/ops_join.h"
#include "facula/ops_view.h"
#include "shaping.h"
#include "tracing.h"

/* ---- split --------------------------------------------------------------------------------------------------- */

typedef struct split_params {
    int dim;
    fac_dims shape; /* of a piece, but for dim */
} split_params;

/* The zeros that stand for the gradients of pieces which were not used. */
static fac_tensor *piece_or_zeros(const fac__node *n, int i, fac_tensor *g)
{
    const fac__meta *m = &n->outputs[i];
    if (g) return g;
    fac_tensor *zeros = fac__new((fac_dtype)m->dtype, m->ndim, m->shape);
    if (zeros) fac__fill_into(zeros, fac_scalar_int(0));
    return fac__own(zeros);
}

static void join_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx, bool stack)
{
    const split_params *p = n->params;
    fac_tensor_list pieces = fac__list_new(n->n_out);
    for (int i = 0; i < n->n_out && pieces.items; i++)
        if (!(pieces.items[i] = piece_or_zeros(n, i, gy[i]))) return;
    if (pieces.items) gx[0] = stack ? fac_stack(pieces, p->dim) : fac_cat(pieces, p->dim);
}

static void split_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    join_backward(n, gy, gx, false);
}

static void unbind_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    join_backward(n, gy, gx, true);
}

static fac__node *record_pieces(const char *name, fac__backward_fn backward, fac_tensor *x, int64_t count, int dim)
{
    fac__node *n = fac__record(name, backward, (int)count, 0, sizeof(split_params), x);
    if (n && n->params) ((split_params *)n->params)->dim = dim;
    return n;
}

/* One of several views that a node makes. */
static fac_tensor *piece_result(fac__node *n, fac_tensor *y, fac_tensor *x, int64_t nr)
{
    if (y && !(n && n->failed)) {
        y->base = fac__retain(x->base ? fac__base(x) : x);
        y->view_version = y->storage->version;
    }
    return fac__result_nr(n, y, (int)nr);
}

/* Pieces of sizes[i], or of `size` each but the last where sizes is NULL. All was checked. */
static fac_tensor_list cut(const char *name, fac_tensor *x, int dim, int64_t count, int64_t size, const int64_t *sizes)
{
    fac_tensor_list list = fac__list_new(count);
    if (!list.items) return list;
    int64_t shape[FAC_MAX_DIMS], start = 0;
    for (int64_t i = 0; i < count && fac__tracing(); i++) { /* which knows them as parts */
        int64_t left = x->shape[dim] - start, length = sizes ? sizes[i] : size < left ? size : left;
        if (!(list.items[i] = fac_narrow(x, dim, start, length))) return fac__no_list;
        start += length;
        if (i == count - 1) return list;
    }
    fac__node *n = record_pieces(name, split_backward, x, count, dim);
    memcpy(shape, x->shape, sizeof shape);
    for (int64_t i = 0; i < count; i++) {
        int64_t left = x->shape[dim] - start;
        shape[dim] = sizes ? sizes[i] : size < left ? size : left;
        fac_tensor *y =
            fac__new_view(x, x->ndim, shape, x->strides, x->offset + (shape[dim] ? start * x->strides[dim] : 0));
        if (!(list.items[i] = piece_result(n, y, x, i))) list = fac__no_list, count = 0;
        start += shape[dim];
    }
    fac__done(n);
    return list;
}

fac_tensor_list fac_split(fac_tensor *self, int64_t split_size, int dim)
{
    FAC__OP("split");
    FAC__NEED_OR(self, fac__no_list);
    if (self->ndim == 0) return fac__runtime_error("split expects at least a 1-dimensional tensor"), fac__no_list;
    if (split_size < 0)
        return fac__runtime_error("split expects split_size be non-negative, but got split_size=%lld",
                                  (long long)split_size),
               fac__no_list;
    if ((dim = fac__wrap_dim(dim, self->ndim)) < 0) return fac__no_list;
    int64_t size = self->shape[dim];
    if (split_size == 0 && size)
        return fac__runtime_error("split_size can only be 0 if dimension size is 0, but got dimension size of %lld",
                                  (long long)size),
               fac__no_list;
    int64_t count = size ? (size - 1) / split_size + 1 : 1;
    return cut("SplitBackward0", self, dim, count, split_size, NULL);
}

fac_tensor_list fac_chunk(fac_tensor *self, int64_t chunks, int dim)
{
    FAC__OP("chunk");
    FAC__NEED_OR(self, fac__no_list);
    if (self->ndim == 0) return fac__runtime_error("chunk expects at least a 1-dimensional tensor"), fac__no_list;
    if (chunks <= 0)
        return fac__runtime_error("chunk expects `chunks` to be greater than 0, got: %lld", (long long)chunks),
               fac__no_list;
    if ((dim = fac__wrap_dim(dim, self->ndim)) < 0) return fac__no_list;
    int64_t size = self->shape[dim], each = size / chunks + (size % chunks != 0);
    /* Nothing is cut into as many nothings as were asked for. */
    return cut("SplitBackward0", self, dim, size ? (size - 1) / each + 1 : chunks, each, NULL);
}

fac_tensor_list fac_split_with_sizes(fac_tensor *self, const int64_t *sizes, int64_t count, int dim)
{
    FAC__OP("split_with_sizes");
    FAC__NEED_OR(self, fac__no_list);
    if (count) FAC__NEED_OR(sizes, fac__no_list);
    if (self->ndim == 0) return fac__runtime_error("split expects at least a 1-dimensional tensor"), fac__no_list;
    if ((dim = fac__wrap_dim(dim, self->ndim)) < 0) return fac__no_list;
    int64_t sum = 0;
    for (int64_t i = 0; i < count; i++) {
        if (sizes[i] < 0)
            return fac__runtime_error(
                       "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=%s",
                       fac__shape_text((int)(count < FAC_MAX_DIMS ? count : FAC_MAX_DIMS), sizes)),
                   fac__no_list;
        if (__builtin_add_overflow(sum, sizes[i], &sum)) sum = -1, count = i;
    }
    if (sum != self->shape[dim])
        return fac__runtime_error(
                   "split_with_sizes expects split_sizes to sum exactly to %lld (input tensor's size at dimension %d), "
                   "but got split_sizes=%s",
                   (long long)self->shape[dim], dim,
                   fac__shape_text((int)(count < FAC_MAX_DIMS ? count : FAC_MAX_DIMS), sizes)),
               fac__no_list;
    return cut("SplitWithSizesBackward0", self, dim, count, 0, sizes);
}

fac_tensor_list fac_split_sizes(fac_tensor *self, fac_dims sizes, int dim)
{
    FAC__OP("split");
    FAC__NEED_OR(self, fac__no_list);
    return fac__dims_fit(sizes) ? fac_split_with_sizes(self, sizes.d, sizes.n, dim) : fac__no_list;
}

/* ---- tensor_split, hsplit, vsplit, dsplit -------------------------------------------------------------------- */

static int split_dim(const fac_tensor *x, int dim)
{
    if (x->ndim == 0)
        return fac__runtime_error(
                   "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"),
               -1;
    return fac__wrap_dim(dim, x->ndim);
}

fac_tensor_list fac_tensor_split(fac_tensor *self, int64_t sections, int dim)
{
    FAC__OP("tensor_split");
    FAC__NEED_OR(self, fac__no_list);
    if ((dim = split_dim(self, dim)) < 0) return fac__no_list;
    if (sections <= 0)
        return fac__runtime_error("number of sections must be larger than 0, got %lld", (long long)sections),
               fac__no_list;
    fac_tensor_list list = fac__list_new(sections);
    int64_t size = self->shape[dim], small = size / sections, larger = size % sections, start = 0;
    for (int64_t i = 0; i < sections && list.items; i++) {
        int64_t length = small + (i < larger);
        if (!(list.items[i] = fac_slice(self, dim, start, start + length, 1))) list = fac__no_list;
        start += length;
    }
    return list;
}

fac_tensor_list fac_tensor_split_at(fac_tensor *self, const int64_t *indices, int64_t count, int dim)
{
    FAC__OP("tensor_split");
    FAC__NEED_OR(self, fac__no_list);
    if (count) FAC__NEED_OR(indices, fac__no_list);
    if ((dim = split_dim(self, dim)) < 0) return fac__no_list;
    fac_tensor_list list = fac__list_new(count + 1);
    for (int64_t i = 0; i <= count && list.items; i++)
        if (!(list.items[i] = fac_slice(self, dim, i ? indices[i - 1] : 0, i < count ? indices[i] : FAC_OPEN, 1)))
            list = fac__no_list;
    return list;
}

/* hsplit, vsplit and dsplit are tensor_split along 1, 0 and 2; without indices the sections must be equal. */
static fac_tensor_list letter_split(char letter, fac_tensor *x, int64_t sections, const int64_t *indices, int64_t count)
{
    int need = letter == 'h'   ? 1
               : letter == 'v' ? 2
                               : 3,
        dim = letter == 'd'                  ? 2
              : letter == 'v' || x->ndim < 2 ? 0
                                             : 1;
    if (x->ndim < need)
        return fac__runtime_error(
                   "torch.%csplit requires a tensor with at least %d dimension, but got a tensor with %d dimensions!",
                   letter, need, x->ndim),
               fac__no_list;
    if (count >= 0) return fac_tensor_split_at(x, indices, count, dim);
    if (sections < 1 || x->shape[dim] % sections)
        return fac__runtime_error(
                   "torch.%csplit attempted to split along dimension %d, but the size of the dimension %lld is not "
                   "divisible by the split_size %lld!",
                   letter, dim, (long long)x->shape[dim], (long long)sections),
               fac__no_list;
    return fac_tensor_split(x, sections, dim);
}

#define LETTER_SPLIT(letter, name)                                                                                     \
    fac_tensor_list fac_##name(fac_tensor *self, int64_t sections)                                                     \
    {                                                                                                                  \
        FAC__OP(#name);                                                                                                \
        FAC__NEED_OR(self, fac__no_list);                                                                              \
        return letter_split(letter, self, sections, NULL, -1);                                                         \
    }                                                                                                                  \
    fac_tensor_list fac_##name##_at(fac_tensor *self, const int64_t *indices, int64_t count)                           \
    {                                                                                                                  \
        FAC__OP(#name);                                                                                                \
        FAC__NEED_OR(self, fac__no_list);                                                                              \
        return letter_split(letter, self, 0, indices, count);                                                          \
    }
LETTER_SPLIT('h', hsplit)
LETTER_SPLIT('v', vsplit)
LETTER_SPLIT('d', dsplit)

/* ---- unbind -------------------------------------------------------------------------------------------------- */

fac_tensor_list fac_unbind(fac_tensor *self, int dim)
{
    FAC__OP("unbind");
    FAC__NEED_OR(self, fac__no_list);
    if (self->ndim == 0)
        return fac__index_error("Dimension specified as %d but tensor has no dimensions", dim), fac__no_list;
    if ((dim = fac__wrap_dim(dim, self->ndim)) < 0) return fac__no_list;
    int64_t count = self->shape[dim], shape[FAC_MAX_DIMS], strides[FAC_MAX_DIMS];
    fac_tensor_list list = fac__list_new(count);
    if (!list.items || !count) return list;
    if (fac__tracing()) {
        for (int64_t i = 0; i < count; i++)
            if (!(list.items[i] = fac_select(self, dim, i))) return fac__no_list;
        return list;
    }
    for (int i = 0; i < self->ndim - 1; i++) {
        shape[i] = self->shape[i + (i >= dim)];
        strides[i] = self->strides[i + (i >= dim)];
    }
    fac__node *n = record_pieces("UnbindBackward0", unbind_backward, self, count, dim);
    for (int64_t i = 0; i < count; i++) {
        fac_tensor *y = fac__new_view(self, self->ndim - 1, shape, strides, self->offset + i * self->strides[dim]);
        if (!(list.items[i] = piece_result(n, y, self, i))) list = fac__no_list, count = 0;
    }
    fac__done(n);
    return list;
}

/* ---- lists brought to a common shape ------------------------------------------------------------------------- */

fac_tensor_list fac_broadcast_tensors(fac_tensor_list tensors)
{
    FAC__OP("broadcast_tensors");
    FAC__NEED_OR(tensors.items, fac__no_list);
    int ndim = 0;
    int64_t shape[FAC_MAX_DIMS];
    fac_tensor_list list = fac__list_new(tensors.count);
    for (int64_t i = 0; i < tensors.count; i++) {
        const fac_tensor *t = tensors.items[i];
        FAC__NEED_OR(t, fac__no_list);
        if (!fac__broadcast_shapes(ndim, shape, t->ndim, t->shape, &ndim, shape)) return fac__no_list;
    }
    for (int64_t i = 0; i < tensors.count && list.items; i++) {
        fac_tensor *t = tensors.items[i];
        bool same = t->ndim == ndim && !memcmp(shape, t->shape, (size_t)ndim * sizeof *shape);
        if (!(list.items[i] = same ? t : fac_expand(t, fac_dims_make(ndim, shape)))) list = fac__no_list;
    }
    return list;
}

static bool meshgrid_inputs(fac_tensor_list tensors, const char *indexing)
{
    FAC__NEED_OR(tensors.items, false);
    if (tensors.count < 1) return fac__runtime_error("meshgrid expects a non-empty TensorList"), false;
    if (indexing && strcmp(indexing, "ij") && strcmp(indexing, "xy"))
        return fac__runtime_error("torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: %s",
                                  indexing),
               false;
    if (tensors.count > FAC_MAX_DIMS) return fac__dims_fit((fac_dims){.n = (int)tensors.count});
    for (int64_t i = 0; i < tensors.count; i++) {
        const fac_tensor *t = tensors.items[i];
        FAC__NEED_OR(t, false);
        if (t->ndim > 1)
            return fac__runtime_error(
                       "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got a tensor of shape %s",
                       fac__shape_text(t->ndim, t->shape)),
                   false;
        if (t->dtype != tensors.items[0]->dtype)
            return fac__runtime_error("meshgrid expects all tensors to have the same dtype"), false;
    }
    return true;
}

fac_tensor_list fac_meshgrid(fac_tensor_list tensors, const char *indexing)
{
    FAC__OP("meshgrid");
    if (!meshgrid_inputs(tensors, indexing)) return fac__no_list;
    int n = (int)tensors.count;
    bool xy = indexing && !strcmp(indexing, "xy") && n > 1;
    fac_dims grid = {.n = n};
    for (int i = 0; i < n; i++)
        grid.d[xy && i < 2 ? 1 - i : i] = tensors.items[i]->numel;
    fac_tensor_list list = fac__list_new(n);
    for (int i = 0; i < n && list.items; i++) {
        int place = xy && i < 2 ? 1 - i : i;
        fac_dims one = {.n = n};
        for (int k = 0; k < n; k++)
            one.d[k] = k == place ? -1 : 1;
        if (tensors.items[i]->numel == 0) one.d[place] = 0;
        fac_tensor *t = fac_view(tensors.items[i], one);
        if (!t || !(list.items[i] = fac_expand(t, grid))) list = fac__no_list;
    }
    return list;
}

/* ---- by name ------------------------------------------------------------------------------------------------- */

/* "tensor_indices_or_sections": a number of sections where it is 0-d, else where to cut. */
static int split_by_tensor(fac_tensor *x, const fac_tensor *at, int dim, fac_value *results)
{
    if (!at) return fac__value_list((fac__null_error("tensor_indices_or_sections"), fac__no_list), results);
    if (at->dtype != FAC_INT64 || at->ndim > 1) {
        fac__runtime_error(
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor of "
            "dtype long");
        return fac__value_list(fac__no_list, results);
    }
    if (at->ndim == 0) return fac__value_list(fac_tensor_split(x, fac_item_int(at), dim), results);
    int64_t *indices = fac__alloc((size_t)at->numel * sizeof *indices);
    fac_tensor_list list = fac__no_list;
    if (indices && fac_to_array(at, FAC_INT64, indices, at->numel))
        list = fac_tensor_split_at(x, indices, at->numel, dim);
    fac__free(indices);
    return fac__value_list(list, results);
}

/* The sizes, as int[] in memory of the scope. Shapes are lists of ints, an int alone being one of them. */
static int broadcast_shapes(const fac_value *shapes, fac_value *results)
{
    enum { MOST = 6 };
    int n = 0;
    int64_t shape[FAC_MAX_DIMS];
    results[0] = fac_value_none();
    for (int i = 0; i < MOST; i++) {
        fac_dims d = fac__value_dims(&shapes[i]);
        if (shapes[i].kind == FAC_VALUE_NONE) continue;
        if (!fac__dims_fit(d) || fac__shape_numel(d.n, d.d) < 0) return 1;
        if (!fac__broadcast_shapes(n, shape, d.n, d.d, &n, shape)) return 1;
    }
    fac_tensor *memory = fac__own(fac__new(FAC_INT64, 1, (int64_t[]){n}));
    if (!memory) return 1;
    memcpy(fac__host(memory), shape, (size_t)n * sizeof *shape);
    results[0].kind = FAC_VALUE_INTS;
    results[0].v.ints.items = fac__host(memory);
    results[0].v.ints.count = n;
    return 1;
}

/* int[], or one int, as a pointer and a count */
#define INTS(i)                                                                                                        \
    (args[i].kind == FAC_VALUE_INTS ? args[i].v.ints.items : (const int64_t[]){I(i)}),                                 \
        (args[i].kind == FAC_VALUE_INTS ? args[i].v.ints.count : 1)

FAC__CALL(chunk, RL(fac_chunk(T(0), I(1), (int)I(2))))
FAC__CALL(split_size, RL(fac_split(T(0), I(1), (int)I(2))))
FAC__CALL(split_sizes, RL(fac_split_with_sizes(T(0), INTS(1), (int)I(2))))
FAC__CALL(split_sections, RL(fac_tensor_split(T(0), I(1), (int)I(2))))
FAC__CALL(split_at, RL(fac_tensor_split_at(T(0), INTS(1), (int)I(2))))
FAC__CALL(split_tensor, count = split_by_tensor(T(0), T(1), (int)I(2), results))
FAC__CALL(hsplit, RL(fac_hsplit(T(0), I(1))))
FAC__CALL(vsplit, RL(fac_vsplit(T(0), I(1))))
FAC__CALL(dsplit, RL(fac_dsplit(T(0), I(1))))
FAC__CALL(hsplit_at, RL(fac_hsplit_at(T(0), INTS(1))))
FAC__CALL(vsplit_at, RL(fac_vsplit_at(T(0), INTS(1))))
FAC__CALL(dsplit_at, RL(fac_dsplit_at(T(0), INTS(1))))
FAC__CALL(unbind, RL(fac_unbind(T(0), (int)I(1))))
FAC__CALL(broadcast_tensors, RL(fac_broadcast_tensors(TL(0))))
FAC__CALL(call_broadcast_shapes, count = broadcast_shapes(args, results))
FAC__CALL(meshgrid, RL(fac_meshgrid(TL(0), "ij")))
FAC__CALL(meshgrid_indexing, RL(fac_meshgrid(TL(0), STR(1))))

const fac__op fac__ops_split[] = {
    {"chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]", chunk,
     "At most that many pieces of equal size."},
    {"unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]", chunk, "The same as chunk."},
    {"split.Tensor(Tensor(a -> *) self, int split_size, int dim=0) -> Tensor(a)[]", split_size,
     "Pieces of split_size."},
    {"split.sizes(Tensor(a -> *) self, int[] split_size, int dim=0) -> Tensor(a)[]", split_sizes,
     "Pieces of given sizes."},
    {"unsafe_split.Tensor(Tensor self, int split_size, int dim=0) -> Tensor[]", split_size, "The same as split."},
    {"split_with_sizes(Tensor(a -> *) self, int[] split_sizes, int dim=0) -> Tensor(a)[]", split_sizes,
     "Pieces of given sizes."},
    {"tensor_split.sections(Tensor(a -> *) self, int sections, int dim=0) -> Tensor(a)[]", split_sections,
     "That many pieces, sizes differing by 1 at most."},
    {"tensor_split.indices(Tensor(a -> *) self, int[] indices, int dim=0) -> Tensor(a)[]", split_at,
     "Pieces that end at indices."},
    {"tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, int dim=0) -> "
     "Tensor(a)[]",
     split_tensor, "Pieces by a number or by indices from a tensor."},
    {"hsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]", hsplit, "Equal pieces along dim 1 (0 if 1-d)."},
    {"hsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]", hsplit_at, "Pieces along dim 1 (0 if 1-d)."},
    {"vsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]", vsplit, "Equal pieces along dim 0."},
    {"vsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]", vsplit_at, "Pieces along dim 0."},
    {"dsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]", dsplit, "Equal pieces along dim 2."},
    {"dsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]", dsplit_at, "Pieces along dim 2."},
    {"unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]", unbind, "All selections along dim."},
    {"broadcast_tensors(Tensor[] tensors) -> Tensor[]", broadcast_tensors, "All expanded to their common shape."},
    {"broadcast_shapes(any a, any b=None, any c=None, any d=None, any e=None, any f=None) -> int[]",
     call_broadcast_shapes, "The shape that all broadcast to."},
    {"meshgrid(Tensor[] tensors) -> Tensor[]", meshgrid, "Vectors to grids; result i varies along dimension i."},
    {"meshgrid.indexing(Tensor[] tensors, *, str indexing) -> Tensor[]", meshgrid_indexing,
     "Vectors to grids, ij or xy."},
    {0},
};
