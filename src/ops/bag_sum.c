/* Floor 4. Sums and means of bags of embeddings by one kernel, and the table's gradient by another, without the rows in
 * between. Where the gradient is to be differentiated again, the rows of gradients are made. */
#include "bag_sum.h"

#include "facula/ops_create.h"
#include "facula/ops_index.h"
#include "facula/ops_view.h"
#include "plain.h"

enum { INDEX, OF, SIZES, FACTOR, SAVED };

typedef struct params {
    fac__bag_sum_args bags;
    bool by_frequency;
} params;

static void backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const params *p = n->params;
    fac_tensor *index = fac__saved(n, INDEX), *of = fac__saved(n, OF), *sizes = fac__saved(n, SIZES);
    fac_tensor *factor = n->saved[FACTOR].t ? fac__saved(n, FACTOR) : NULL, *g = gy[0], *times = NULL;
    if (!index || !of || !sizes || (n->saved[FACTOR].t && !factor)) return;
    fac__embedding_args a = {.dtype = p->bags.dtype, .rows = p->bags.rows, .width = p->bags.width};
    a.count = p->bags.count;
    a.padding = p->bags.padding;
    a.by_frequency = p->by_frequency;
    if (p->bags.mean) {
        fac_tensor *counts = fac_to(fac_clamp(sizes, 1, INT64_MAX), a.dtype);
        if (!(g = fac_div(g, fac_unsqueeze(counts, 1)))) return;
    }
    if (fac__tracked(g)) {
        fac_tensor *rows = fac_index_select(g, 0, of);
        if (rows && factor) rows = fac_mul(rows, fac_unsqueeze(factor, 1));
        if (rows) gx[0] = fac__embedding_gradient(a, index, rows);
        return;
    }
    fac_tensor *dy = fac__plain(g, a.dtype), *dw = fac__own(fac__new(a.dtype, 2, (int64_t[]){a.rows, a.width}));
    if (a.by_frequency && !(times = fac__own(fac__new(FAC_INT64, 1, &a.rows)))) return;
    if (!dy || !dw) return;
    a.index = fac__data(index);
    a.from = fac__data(of);
    a.factor = factor ? fac__data(factor) : NULL;
    a.table = fac__data(dw);
    a.times = times ? fac__data(times) : NULL;
    a.dy = fac__data(dy);
    FAC__LAUNCH(fac__k_embedding_backward, a);
    gx[0] = dw;
}

fac_tensor *fac__bag_sum(fac__bag_sum_args a, bool by_frequency, fac_tensor *table, fac_tensor *index,
                         fac_tensor *offset, fac_tensor *factor)
{
    fac__node *n = fac__record("EmbeddingBagBackward0", backward, 1, SAVED, sizeof(params), table);
    fac_tensor *of = NULL, *sizes = NULL, *y = fac__new(a.dtype, 2, (int64_t[]){a.bags, a.width});
    if (n && !n->failed) {
        *(params *)n->params = (params){a, by_frequency};
        of = fac__own(fac__new(FAC_INT64, 1, &a.count));
        sizes = fac__own(fac__new(FAC_INT64, 1, &a.bags));
    }
    fac_tensor *plain = fac__plain(table, a.dtype);
    if (!y || !plain || (n && (!of || !sizes))) {
        fac_release(y);
        return fac__result(n, NULL);
    }
    a.index = fac__data(index);
    a.offset = offset ? fac__data(offset) : NULL;
    a.factor = factor ? fac__data(factor) : NULL;
    a.table = fac__data(plain);
    a.y = fac__data(y);
    a.of = of ? fac__data(of) : NULL;
    a.sizes = sizes ? fac__data(sizes) : NULL;
    FAC__LAUNCH(fac__k_bag_sum, a);
    fac__save(n, INDEX, index);
    fac__save(n, OF, of);
    fac__save(n, SIZES, sizes);
    if (factor) fac__save(n, FACTOR, factor);
    return fac__result(n, y);
}
