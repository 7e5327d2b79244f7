/* Floor 4. Bags of embeddings (facula/ops_embed.h). Sums and means are one kernel (bag_sum.c) or, in half precision and where
 * the rows' factors have a gradient, composed: rows are looked up, weighted and added to their bags. A maximum picks its
 * elements from the table. */
#include <math.h>
#include <string.h>

#include "bag_sum.h"
#include "facula/autograd.h"
#include "facula/ops_create.h"
#include "facula/ops_embed.h"
#include "facula/ops_index.h"
#include "facula/ops_view.h"
#include "index_check.h"
#include "plain.h"

enum { SUM, MEAN, MAX };

/* What is in the bags: indices that are no padding, and for each where it comes from and where it goes. All int64. */
typedef struct bags {
    int64_t count, padding; /* bags; the padding row, -1: none */
    fac_tensor *index, *position, *bag, *begin, *size;
} bags;

/* ---- taking the arguments ----------------------------------------------------------------------------------------- */

static fac_tensor *whole_numbers(fac_tensor *t, const char *name)
{
    if (t->dtype == FAC_INT64 || t->dtype == FAC_INT32) return fac__plain(t, FAC_INT64);
    return fac__runtime_error(
        "Expected tensor for argument #1 '%s' to have one of the following scalar types: Long, Int; but "
        "got torch.%sTensor instead (while checking arguments for embedding_bag)",
        name, fac__dtype_word((fac_dtype)t->dtype));
}

/* Checks n offsets into `total` indices. */
static bool check_offsets(const int64_t *offset, int64_t n, int64_t total)
{
    if (n && offset[0] != 0)
        return fac__runtime_error(
                   "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
                   "position 0. However, got %lld",
                   (long long)offset[0]),
               false;
    if (n && offset[n - 1] > total)
        return fac__runtime_error("offsets[-1] can not be greater than input's length %lld but got offsets[-1] of %lld",
                                  (long long)total, (long long)offset[n - 1]),
               false;
    for (int64_t i = 1; i < n; i++)
        if (offset[i] < offset[i - 1]) return fac__runtime_error("offsets must not decrease"), false;
    return true;
}

/* How many bags the offsets begin; false after an error. */
static bool bags_of(const fac_tensor *offset, bool include_last, int64_t total, int64_t *count)
{
    if (include_last && !offset->numel)
        return fac__runtime_error("include_last_offset: number of offset should be at least 1"), false;
    *count = offset->numel - include_last;
    return check_offsets(fac__host(offset), offset->numel, total);
}

/* indices: 1-d; offsets NULL: bags of `width` each. rows: of the table. */
static bool fill(bags *b, fac_tensor *indices, fac_tensor *offsets, bool include_last, int64_t width, int64_t rows)
{
    fac_tensor *index = whole_numbers(indices, "indices"), *offset = offsets ? whole_numbers(offsets, "offsets") : NULL;
    if (!index || (offsets && !offset)) return false;
    int64_t total = index->numel, n = offset ? offset->numel : 0, kept = 0;
    const int64_t *at = offset ? fac__host(offset) : NULL, *from = fac__host(index);
    if (offset && !bags_of(offset, include_last, total, &b->count)) return false;
    b->index = fac_zeros(FAC_DIMS(total), .dtype = FAC_INT64);
    b->position = fac_zeros(FAC_DIMS(total), .dtype = FAC_INT64);
    b->bag = fac_zeros(FAC_DIMS(total), .dtype = FAC_INT64);
    b->begin = fac_zeros(FAC_DIMS(b->count), .dtype = FAC_INT64);
    b->size = fac_zeros(FAC_DIMS(b->count), .dtype = FAC_INT64);
    if (!b->index || !b->position || !b->bag || !b->begin || !b->size) return false;
    int64_t *to = fac__host(b->index), *position = fac__host(b->position), *bag = fac__host(b->bag);
    for (int64_t i = 0; i < b->count; i++) {
        int64_t first = at ? at[i] : i * width, end = !at ? first + width : i + 1 < n ? at[i + 1] : total;
        ((int64_t *)fac__host(b->begin))[i] = kept;
        for (int64_t k = first; k < end; k++) {
            if (from[k] < 0 || from[k] >= rows) return fac__index_error("index out of range in self"), false;
            if (from[k] == b->padding) continue;
            to[kept] = from[k];
            position[kept] = k;
            bag[kept++] = i;
        }
        ((int64_t *)fac__host(b->size))[i] = kept - ((int64_t *)fac__host(b->begin))[i];
    }
    if (kept == total) return true;
    b->index = fac_narrow(b->index, 0, 0, kept);
    b->position = fac_narrow(b->position, 0, 0, kept);
    b->bag = fac_narrow(b->bag, 0, 0, kept);
    return b->index && b->position && b->bag;
}

/* ---- the three modes ---------------------------------------------------------------------------------------------- */

static fac_tensor *added(const bags *b, fac_tensor *weight, const fac_bag_options *o, bool mean)
{
    fac_tensor *rows = fac_embedding(b->index, weight, .scale_grad_by_freq = o->scale_grad_by_freq);
    if (o->per_sample_weights && rows) {
        fac_tensor *all = fac_reshape(o->per_sample_weights, FAC_DIMS(-1));
        rows = fac_mul(rows, fac_unsqueeze(fac_index_select(all, 0, b->position), 1));
    }
    fac_tensor *zero = fac_zeros(FAC_DIMS(b->count, weight->shape[1]), .dtype = (fac_dtype)weight->dtype);
    fac_tensor *y = rows && zero ? fac_index_add(zero, 0, b->bag, rows, 1) : NULL;
    if (!mean || !y) return y;
    fac_tensor *sizes = fac_to(fac_clamp(b->size, 1, INT64_MAX), (fac_dtype)weight->dtype);
    return fac_div(y, fac_unsqueeze(sizes, 1));
}

static fac_tensor *largest(const bags *b, fac_tensor *weight, fac_tensor **rows)
{
    *rows = fac_zeros(FAC_DIMS(b->count, weight->shape[1]), .dtype = FAC_INT64);
    fac_tensor *table = fac__plain(weight, fac__compute_type((fac_dtype)weight->dtype));
    if (!*rows || !table) return NULL;
    fac__bag_max_args a = {.dtype = (fac_dtype)table->dtype,
                           .bags = b->count,
                           .width = weight->shape[1],
                           .index = fac__data(b->index),
                           .begin = fac__data(b->begin),
                           .count = fac__data(b->size),
                           .table = fac__data(table),
                           .row = fac__data(*rows)};
    FAC__LAUNCH(fac__k_bag_max, a);
    fac_tensor *empty = fac_unsqueeze(fac_eq_scalar(b->size, 0), 1), *y = fac_gather(weight, 0, *rows);
    return y && empty ? fac_masked_fill(y, empty, 0) : NULL;
}

/* indices 1-d; extra: NULL, or gets the rows of the maxima. */
static fac_tensor *run(bags *b, fac_tensor *weight, int mode, const fac_bag_options *o, fac_tensor **rows)
{
    fac_tensor *y = mode == MAX && b->index->numel ? largest(b, weight, rows) : added(b, weight, o, mode == MEAN);
    if (y && y->grad_fn) y->grad_fn->name = "EmbeddingBagBackward0";
    return y;
}

static bool check(fac_tensor *indices, fac_tensor *weight, const fac_bag_options *o, int mode)
{
    if (weight->ndim != 2 || !fac_dtype_is_floating((fac_dtype)weight->dtype))
        return fac__runtime_error("'weight' must be 2-D, of floating dtype"), false;
    const fac_tensor *w = o->per_sample_weights;
    if (mode < SUM || mode > MAX) return fac__value_error("mode has to be one of sum, mean or max"), false;
    if (mode == MAX && o->scale_grad_by_freq)
        return fac__value_error("max mode does not support scaling the gradient by the frequency"), false;
    if (!w) return true;
    if (!fac__same_shape(w, indices))
        return fac__value_error(
                   "embedding_bag: If per_sample_weights (%s) is not None, then it must have the same shape as "
                   "the input (%s)",
                   fac__shape_text(w->ndim, w->shape), fac__shape_text(indices->ndim, indices->shape)),
               false;
    if (mode != SUM)
        return fac__runtime_error(
                   "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for "
                   "mode='sum' (got mode='%s').",
                   mode == MEAN ? "mean" : "max"),
               false;
    if (w->dtype != weight->dtype)
        return fac__runtime_error("expected per_sample_weights of weight's dtype %s but got %s",
                                  fac__dtype_word((fac_dtype)weight->dtype), fac__dtype_word((fac_dtype)w->dtype)),
               false;
    return true;
}

static int mode_named(const char *mode)
{
    static const char *const modes[] = {"sum", "mean", "max"};
    for (int i = 0; mode && i < 3; i++)
        if (!strcmp(mode, modes[i])) return i;
    return -1;
}

/* Sums and means by the kernel. */
static fac_tensor *summed(const bags *b, fac_tensor *weight, fac_tensor *flat, int64_t each, int mode,
                          const fac_bag_options *o)
{
    fac_tensor *index = whole_numbers(flat, "indices"), *factor = NULL;
    fac_tensor *offset = o->offsets ? whole_numbers(o->offsets, "offsets") : NULL;
    if (!index || (o->offsets && !offset)) return NULL;
    fac__bag_sum_args a = {.dtype = (fac_dtype)weight->dtype, .mean = mode == MEAN, .rows = weight->shape[0]};
    a.width = weight->shape[1];
    a.count = index->numel;
    a.padding = b->padding;
    a.bags = b->count;
    a.each = each;
    if (offset) {
        a.offsets = offset->numel;
        if (!bags_of(offset, o->include_last_offset, a.count, &a.bags)) return NULL;
        if (o->include_last_offset) a.count = ((int64_t *)fac__host(offset))[a.bags]; /* the rest is in no bag */
        if (!(index = fac_narrow(index, 0, 0, a.count))) return NULL;
    }
    if (!fac__index_check(index, 0, a.rows, fac__report_in_self, 0, a.rows)) return NULL;
    if (o->per_sample_weights) {
        fac_no_grad
            factor = fac__plain(fac_narrow(fac_reshape(o->per_sample_weights, FAC_DIMS(-1)), 0, 0, a.count), a.dtype);
        if (!factor) return NULL;
    }
    return fac__bag_sum(a, o->scale_grad_by_freq, weight, index, offset, factor);
}

fac_tensor *fac_embedding_bag_with(fac_tensor *indices, fac_tensor *weight, fac_bag_options options)
{
    FAC__OP("embedding_bag");
    FAC__NEED(indices);
    FAC__NEED(weight);
    fac_tensor *offsets = options.offsets, *flat = indices, *rows = NULL;
    int mode = mode_named(options.mode);
    bags b = {.padding = -1};
    if (indices->ndim != 1 && indices->ndim != 2)
        return fac__value_error("input has to be 1D or 2D Tensor, but got Tensor of dimension %d", indices->ndim);
    if (indices->ndim == 2 && offsets)
        return fac__value_error(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed "
            "length sequences.");
    if (indices->ndim == 1 && !offsets) return fac__value_error("offsets has to be a 1D Tensor but got None");
    if (offsets && offsets->ndim != 1) return fac__value_error("offsets has to be a 1D Tensor");
    if (!check(indices, weight, &options, mode)) return NULL;
    if (options.padding_idx != FAC_NO_PADDING) {
        b.padding = options.padding_idx + (options.padding_idx < 0 ? weight->shape[0] : 0);
        if (b.padding < 0 || b.padding >= weight->shape[0])
            return fac__index_error("padding_idx must be within num_embeddings");
    }
    if (!isnan(options.max_norm)) {
        fac_no_grad
            if (!fac_embedding(indices, weight, .max_norm = options.max_norm, .norm_type = options.norm_type))
                flat = NULL;
    }
    if (indices->ndim == 2) {
        b.count = indices->shape[0];
        flat = flat ? fac_reshape(flat, FAC_DIMS(indices->numel)) : NULL;
    }
    int64_t width = indices->ndim == 2 ? indices->shape[1] : 0;
    bool kernel = weight->dtype == FAC_FLOAT32 || weight->dtype == FAC_FLOAT64;
    if (flat && kernel && mode != MAX && !(options.per_sample_weights && fac__tracked(options.per_sample_weights)))
        return summed(&b, weight, flat, width, mode, &options);
    if (!flat || !fill(&b, flat, offsets, options.include_last_offset, width, weight->shape[0])) return NULL;
    return run(&b, weight, mode, &options, &rows);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

/* torch.embedding_bag gives, beside the bags, which bag each index is in, how many are in each, and the rows of the
 * maxima: each where its kernel happens to need it. */
static int aten(const fac_value *args, int64_t padding, fac_value *results)
{
    FAC__OP("embedding_bag");
    fac_tensor *weight = T(0), *indices = T(1), *offsets = T(2), *rows = NULL;
    FAC__NEED_OR(weight, 0);
    FAC__NEED_OR(indices, 0);
    FAC__NEED_OR(offsets, 0);
    fac_bag_options o = fac_bag_options_defaults();
    o.scale_grad_by_freq = B(3);
    o.per_sample_weights = T(6);
    int64_t mode = I(4);
    bags b = {.padding = padding}, whole = {.padding = -1};
    if (indices->ndim != 1 || offsets->ndim != 1)
        return fac__runtime_error("input and offsets have to be 1D Tensors"), 0;
    if (!check(indices, weight, &o, mode < SUM || mode > MAX ? -1 : (int)mode)) return 0;
    if (!fill(&b, indices, offsets, B(7), 0, weight->shape[0]) ||
        !fill(&whole, indices, offsets, B(7), 0, weight->shape[0]))
        return 0;
    fac_tensor *y = run(&b, weight, (int)mode, &o, &rows);
    fac_dtype dtype = (fac_dtype)indices->dtype;
    if (mode == SUM) b.size = fac_zeros_like(b.size);
    if (mode == MAX && !rows) rows = fac_zeros(FAC_DIMS(b.count, weight->shape[1]), .dtype = FAC_INT64);
    int count = 0;
    R(y);
    R(fac_to(mode == SUM && padding < 0 ? fac_narrow(whole.bag, 0, 0, 0) : whole.bag, dtype));
    R(fac_to(b.size, dtype));
    R(fac_to(mode == MAX ? rows : fac_clone(b.size), dtype));
    return count;
}
static int bag_aten(const fac_value *args, fac_value *results)
{
    return aten(args, -1, results);
}
static int bag_padded(const fac_value *args, fac_value *results)
{
    int64_t padding = GIVEN(8) ? I(8) : -1;
    if (GIVEN(8) && padding < 0 && T(0) && T(0)->ndim == 2) padding += T(0)->shape[0];
    return aten(args, padding, results);
}
static int bag_private(const fac_value *args, fac_value *results)
{
    return aten(args, I(8), results);
}
static fac_tensor *functional(const fac_value *args)
{
    fac_bag_options o = fac_bag_options_defaults();
    fac_tensor *indices = T(0), *weight = T(1);
    if (indices && weight && fac_dtype_is_floating((fac_dtype)indices->dtype) &&
        weight->dtype == FAC_INT64) { /* as it was */
        indices = T(1);
        weight = T(0);
    }
    o.offsets = T(2);
    if (GIVEN(3)) o.max_norm = F(3);
    o.norm_type = F(4);
    o.scale_grad_by_freq = B(5);
    o.mode = STR(6);
    if (B(7) && o.mode && !strcmp(o.mode, "max")) return fac__value_error("max mode does not support sparse weights");
    o.per_sample_weights = T(8);
    o.include_last_offset = B(9);
    if (GIVEN(10)) o.padding_idx = I(10);
    return fac_embedding_bag_with(indices, weight, o);
}
FAC__CALL(bag_functional, R(functional(args)))

#define ATEN                                                                                                           \
    "(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, "   \
    "Tensor? per_sample_weights=None, bool include_last_offset=False"
#define RESULTS ") -> (Tensor, Tensor, Tensor, Tensor)"
#define DOC "Rows of weight, summed, averaged or maximised over bags of indices."
const fac__op fac__ops_embedding_bag[] = {
    {"embedding_bag.functional(Tensor input, Tensor weight, Tensor? offsets=None, float? max_norm=None, float "
     "norm_type=2.0, "
     "bool scale_grad_by_freq=False, str mode='mean', bool sparse=False, Tensor? per_sample_weights=None, bool "
     "include_last_offset=False, int? padding_idx=None) -> Tensor",
     bag_functional, DOC},
    {"embedding_bag" ATEN RESULTS, bag_aten, DOC},
    {"embedding_bag.padding_idx" ATEN ", int? padding_idx=None" RESULTS, bag_padded, DOC},
    {"_embedding_bag" ATEN ", int padding_idx=-1" RESULTS, bag_private, DOC},
    {0},
};
