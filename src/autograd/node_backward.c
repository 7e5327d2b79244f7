/* Floor 3. What the nodes of leaves, views and changed views do in backward. */
#include "node_backward.h"

#include "graph/launch.h"

/* AccumulateGrad: the end of the graph at a leaf. A gradient nobody else holds is taken as it is; one with a history may be
 * another leaf's too, and is cloned. */
static void accumulate(fac__node *n, fac_tensor *g)
{
    fac_tensor *leaf = n->leaf;
    if (!leaf || !leaf->requires_grad || !g) return;
    bool record = fac_is_grad_enabled();
    fac__grad_read(leaf);
    if (leaf->grad && !record) {
        fac__grad_add_into(leaf->grad, g);
        return;
    }
    fac_tensor *fresh;
    if (leaf->grad)
        fresh = fac_keep(fac__grad_add(leaf->grad, g));
    else if (!record && atomic_load(&g->refs) == 1 && !fac__storage_is_shared(g->storage) && g->contiguous &&
             !g->grad_fn)
        fresh = fac_keep(g);
    else
        fresh = fac_keep(fac__grad_clone(g));
    if (!fresh) return;
    fac_release(leaf->grad);
    leaf->grad = fresh;
}

static fac_tensor *unview(const fac__geometry *p, fac_tensor *g)
{
    return fac__grad_unview(g, &p->base, p->ndim, p->shape, p->strides, p->offset);
}

/* Gradient of base[view] = f(base[view], …): the view's part goes through f, the rest passes. */
static void copy_slices(const fac__geometry *p, fac_tensor *g, fac_tensor **gx)
{
    fac_tensor *whole = fac__grad_clone(g);
    if (!whole) return;
    fac_tensor *part = fac__grad_view(whole, p->ndim, p->shape, p->strides, p->offset);
    fac_tensor *copy = part ? fac__grad_clone(part) : NULL;
    if (!copy) return;
    fac__node_backward(p->inner, &copy, gx);
    if (fac_get_error_code()) return;
    if (!fac__grad_copy(part, gx[0])) return;
    gx[0] = whole;
}

void fac__own_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    switch (n->kind) {
    case FAC__ACCUMULATE: accumulate(n, gy[0]); break;
    case FAC__UNVIEW: gx[0] = unview(n->params, gy[0]); break;
    case FAC__COPY_SLICES: copy_slices(n->params, gy[0], gx); break;
    case FAC__OPERATION: break;
    }
}
