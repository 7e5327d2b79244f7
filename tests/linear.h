/* Checks gradients of linear functions exactly: if y = f(x), the gradient g of sum(w * y) in x is the adjoint of f
 * applied to w, so sum(g * v) = sum(w * f(v)) for every v; and as g is linear in w, the gradient of sum(g * v) in w
 * is f(v). */
#ifndef FACULA_LINEAR_H
#define FACULA_LINEAR_H

#include "testing.h"

typedef struct linear_case {
    const char *name;
    fac_tensor *(*f)(fac_tensor *x);
    fac_dims shape; /* of x */
} linear_case;

/* v: laid out as x. */
static inline void check_linear_in(const linear_case *c, fac_tensor *x, fac_tensor *v)
{
    fac_tensor *y = c->f(x);
    if (!y) fail_msg("%s: %s", c->name, fac_error());
    fac_tensor *w = fac_requires_grad_(fac_randn_like(y), true), *g = NULL, *back = NULL;
    bool ok = fac_autograd_grad(&y, 1, &x, 1, &g, .grad_outputs = &w, .create_graph = true);
    if (!ok) fail_msg("%s: no gradient: %s", c->name, fac_error());
    fac_tensor *image = c->f(v);
    double left = fac_item(fac_sum(fac_mul(g, v))), right = fac_item(fac_sum(fac_mul(w, image)));
    if (!(fabs(left - right) <= 1e-10 * (1 + fabs(right))))
        fail_msg("%s: gradient: %.17g, not %.17g", c->name, left, right);
    fac_tensor *sum = fac_sum(fac_mul(g, v));
    if (fac_numel(y) == 0 && !fac_requires_grad(sum)) return; /* an empty result has nothing to do with w */
    if (!fac_autograd_grad(&sum, 1, &w, 1, &back)) fail_msg("%s: no second gradient: %s", c->name, fac_error());
    check_close(back, fac_detach(image), 1e-10);
}

/* x contiguous, and with its dimensions in reverse order in memory. */
static inline void check_linear(const linear_case *c)
{
    fac_scope {
        fac_create_options o = fac_create_options_defaults();
        o.dtype = FAC_FLOAT64;
        o.requires_grad = true;
        check_linear_in(c, fac_randn_with(c->shape, o), fac_randn(c->shape, .dtype = FAC_FLOAT64));
        fac_dims reversed = c->shape;
        for (int i = 0; i < reversed.n; i++)
            reversed.d[i] = c->shape.d[reversed.n - 1 - i];
        check_linear_in(c, fac_T(fac_randn_with(reversed, o)), fac_T(fac_randn(reversed, .dtype = FAC_FLOAT64)));
    }
}

#endif
