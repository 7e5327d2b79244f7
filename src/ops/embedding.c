/* Floor 4. Embedding tables and one-hot vectors. */
#include <math.h>

#include "bag_sum.h"
#include "facula/ops_create.h"
#include "facula/ops_embed.h"
#include "facula/ops_index.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "index_check.h"
#include "plain.h"
#include "tracing.h"

/* ---- embedding ---------------------------------------------------------------------------------------------- */

static bool check_index_dtype(const fac_tensor *index)
{
    if (index->dtype == FAC_INT64 || index->dtype == FAC_INT32) return true;
    return fac__runtime_error(
               "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; "
               "but got torch.%sTensor instead (while checking arguments for embedding)",
               fac__dtype_word((fac_dtype)index->dtype)),
           false;
}

static bool check_indices(const fac_tensor *index, int64_t rows)
{
    return fac__index_check(index, 0, rows, fac__report_in_self, 0, rows);
}

/* The factor of each index's gradient: 0 for padding, or 1 over how often the index comes. [count, 1] */
static fac_tensor *factors(const fac__embedding_args *a, const fac_tensor *index)
{
    const int64_t *t = fac__host(index);
    fac_tensor *f = fac_ones(FAC_DIMS(a->count, 1), .dtype = a->dtype),
               *times = fac_zeros(FAC_DIMS(a->rows), .dtype = FAC_INT64);
    if (!f || !times) return NULL;
    int64_t *n = fac__host(times), size = (int64_t)fac_dtype_size(a->dtype);
    for (int64_t i = 0; i < a->count; i++)
        n[t[i]]++;
    for (int64_t i = 0; i < a->count; i++)
        fac__store_double(a->dtype, (char *)fac__host(f) + i * size,
                          t[i] == a->padding ? 0
                          : a->by_frequency  ? 1 / (double)n[t[i]]
                                             : 1);
    return f;
}

/* So that it can be differentiated again. */
static fac_tensor *recorded_backward(const fac__embedding_args *a, fac_tensor *index, fac_tensor *g)
{
    g = fac_reshape(g, FAC_DIMS(a->count, a->width));
    if (a->padding >= 0 || a->by_frequency) g = fac_mul(g, factors(a, index));
    fac_tensor *zero = fac_zeros(FAC_DIMS(a->rows, a->width), .dtype = a->dtype);
    return fac_index_add(zero, 0, fac_reshape(index, FAC_DIMS(a->count)), g, fac_scalar_int(1));
}

/* Of the table, by the indices' rows of g. */
fac_tensor *fac__embedding_gradient(fac__embedding_args a, fac_tensor *index, fac_tensor *g)
{
    if (fac__tracked(g)) return recorded_backward(&a, index, g);
    int64_t shape[] = {a.rows, a.width};
    fac_tensor *dw = fac__own(fac__new(a.dtype, 2, shape)),
               *times = a.by_frequency ? fac__own(fac__new(FAC_INT64, 1, shape)) : NULL;
    g = fac__plain(g, a.dtype);
    if (!dw || !g || (a.by_frequency && !times)) return NULL;
    a.index = fac__data(index);
    a.table = fac__data(dw);
    a.times = times ? fac__data(times) : NULL;
    a.dy = fac__data(g);
    FAC__LAUNCH(fac__k_embedding_backward, a);
    return dw;
}

static void backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac_tensor *index = fac__saved(n, 0);
    if (index) gx[0] = fac__embedding_gradient(*(const fac__embedding_args *)n->params, index, gy[0]);
}

static bool renorm(fac__embedding_args a, fac_tensor *weight, const fac_embedding_options *o)
{
    fac_tensor *table = fac__plain(weight, a.dtype);
    if (!table) return false;
    a.table = fac__data(table);
    a.max_norm = o->max_norm;
    a.norm_type = o->norm_type;
    FAC__LAUNCH(fac__k_embedding_renorm, a);
    weight->storage->version++;
    return table == weight || fac__copy_into(weight, table);
}

fac_tensor *fac_embedding_with(fac_tensor *indices, fac_tensor *weight, fac_embedding_options options)
{
    FAC__OP("embedding");
    FAC__NEED(indices);
    FAC__NEED(weight);
    FAC__TRACE_IF(isnan(options.max_norm), "embedding.functional", FAC__ARG(indices), FAC__ARG(weight));
    if (weight->ndim != 2) return fac__runtime_error("'weight' must be 2-D");
    if (!check_index_dtype(indices)) return NULL;
    fac__embedding_args a = {
        .dtype = (fac_dtype)weight->dtype, .rows = weight->shape[0], .width = weight->shape[1], .padding = -1};
    if (options.padding_idx != FAC_NO_PADDING) {
        a.padding = options.padding_idx < 0 ? options.padding_idx + a.rows : options.padding_idx;
        if (a.padding < 0 || a.padding >= a.rows) return fac__value_error("Padding_idx must be within num_embeddings");
    }
    a.by_frequency = options.scale_grad_by_freq;
    a.count = indices->numel;
    fac_tensor *index = fac__plain(indices, FAC_INT64);
    if (!index || !check_indices(index, a.rows)) return NULL;
    fac__embedding_args kept = a;
    a.index = fac__data(index);
    if (!isnan(options.max_norm) && !renorm(a, weight, &options)) return NULL;
    fac_tensor *table = fac__plain(weight, a.dtype);
    fac_dims shape = fac_shape(indices);
    if (shape.n == FAC_MAX_DIMS) return fac__value_error("indices have too many dimensions");
    shape.d[shape.n++] = a.width;
    fac_tensor *y = table ? fac__new(a.dtype, shape.n, shape.d) : NULL;
    if (!y) return NULL;
    a.table = fac__data(table);
    a.y = fac__data(y);
    FAC__LAUNCH(fac__k_embedding, a);
    fac__node *n = fac__record("EmbeddingBackward0", backward, 1, 1, sizeof(fac__embedding_args), weight);
    if (n && !n->failed) *(fac__embedding_args *)n->params = kept;
    fac__save(n, 0, index);
    return fac__result(n, y);
}

/* ---- one hot ------------------------------------------------------------------------------------------------ */

fac_tensor *fac_one_hot(fac_tensor *self, int64_t num_classes)
{
    FAC__OP("one_hot");
    FAC__NEED(self);
    if (self->dtype != FAC_INT64) return fac__runtime_error("one_hot is only applicable to index tensor.");
    if (fac__tracing() && num_classes > 0) /* without a look at the elements */
        return fac_to(fac_eq(fac_unsqueeze(self, -1), fac_arange(0, num_classes, 1)), FAC_INT64);
    if (!self->numel && num_classes <= 0)
        return fac__runtime_error("Can not infer total number of classes from empty tensor.");
    if (self->numel) {
        fac_tensor *max = NULL, *min = fac_aminmax(self, &max);
        if (!min) return NULL;
        if (fac_item_int(min) < 0) return fac__runtime_error("Class values must be non-negative.");
        if (num_classes == -1)
            num_classes = fac_item_int(max) + 1;
        else if (fac_item_int(max) >= num_classes)
            return fac__runtime_error("Class values must be smaller than num_classes.");
    }
    return fac_to(fac_eq(fac_unsqueeze(self, -1), fac_arange(0, num_classes, 1)), FAC_INT64);
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

static fac_tensor *dense_gradient(fac_tensor *g, fac_tensor *indices, int64_t rows, int64_t padding, bool by_frequency)
{
    FAC__OP("embedding_dense_backward");
    FAC__NEED(g);
    FAC__NEED(indices);
    if (!check_index_dtype(indices)) return NULL;
    if (rows < 0) return fac__runtime_error("Trying to create tensor with negative dimension %lld", (long long)rows);
    fac__embedding_args a = {.dtype = (fac_dtype)g->dtype, .rows = rows, .count = indices->numel};
    a.padding = padding < 0 ? -1 : padding;
    a.by_frequency = by_frequency;
    bool fits = g->ndim == indices->ndim + 1 && fac_dtype_is_floating(a.dtype);
    for (int i = 0; i < indices->ndim && fits; i++)
        fits = g->shape[i] == indices->shape[i];
    if (!fits) return fac__runtime_error("grad_output is not of the embedding's shape or dtype");
    a.width = g->shape[g->ndim - 1];
    fac_tensor *index = fac__plain(indices, FAC_INT64);
    return index && check_indices(index, rows) ? fac__embedding_gradient(a, index, g) : NULL;
}

/* torch.nn.functional has the indices first, ATen the weight: the dtype tells them apart. */
static fac_tensor *look_up(fac_tensor *a, fac_tensor *b, fac_embedding_options options)
{
    bool weight_first = a && fac_dtype_is_floating((fac_dtype)a->dtype);
    return fac_embedding_with(weight_first ? b : a, weight_first ? a : b, options);
}
#define OPTIONS(...) FAC_OPTIONS(fac_embedding_options, __VA_ARGS__)
FAC__CALL(embedding_aten,
          R(look_up(T(0), T(1), OPTIONS(.padding_idx = I(2) < 0 ? FAC_NO_PADDING : I(2), .scale_grad_by_freq = B(3)))))
FAC__CALL(embedding_functional,
          R(look_up(T(0), T(1),
                    OPTIONS(.padding_idx = GIVEN(2) ? I(2) : FAC_NO_PADDING, .max_norm = GIVEN(3) ? F(3) : NAN,
                            .norm_type = F(4), .scale_grad_by_freq = B(5)))))
FAC__CALL(embedding_gradient, R(dense_gradient(T(0), T(1), I(2), I(3), B(4))))
FAC__CALL(one_hot, R(fac_one_hot(T(0), I(1))))

/* clang-format off */
const fac__op fac__ops_embedding[] = {
    {"embedding.functional(Tensor input, Tensor weight, int? padding_idx=None, float? max_norm=None, float norm_type=2.0, "
     "bool scale_grad_by_freq=False, bool sparse=False) -> Tensor", embedding_functional, "Rows of weight by their numbers."},
    {"embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
     embedding_aten, "Rows of weight by their numbers."},
    {"embedding_dense_backward(Tensor grad_output, Tensor indices, int num_weights, int padding_idx, bool "
     "scale_grad_by_freq) -> Tensor", embedding_gradient, "The weight's gradient of embedding."},
    {"one_hot(Tensor self, int num_classes=-1) -> Tensor", one_hot, "A 1 at the number's place, zeros elsewhere."},
    {0},
};
/* clang-format on */
