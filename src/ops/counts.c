/* Floor 4. Random counts (facula/ops_create.h). */
#include <math.h>

#include "backend/fill.h"
#include "facula/ops_create.h"
#include "facula/ops_view.h"
#include "plain.h"

/* Random results carry no gradient back: it is zero, as in PyTorch. */
static void backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    for (int i = 0; i < n->n_in; i++)
        if (fac__wants(n, i)) gx[i] = fac_zeros_like(gy[0]);
}

static bool any_negative(const fac_tensor *plain)
{
    for (int64_t i = 0; i < plain->numel; i++) {
        const char *at = (const char *)fac__host(plain) + i * (int64_t)fac_dtype_size((fac_dtype)plain->dtype);
        if (!(fac__load_double((fac_dtype)plain->dtype, at) >= 0)) return true;
    }
    return false;
}

fac_tensor *fac_poisson_with(fac_tensor *self, fac_create_options options)
{
    FAC__OP("poisson");
    FAC__NEED(self);
    fac_dtype dtype = (fac_dtype)self->dtype;
    if (!fac_dtype_is_floating(dtype) || dtype == FAC_FLOAT16)
        return fac__runtime_error("\"poisson_cpu\" not implemented for '%s'", fac__dtype_word(dtype));
    fac_tensor *rates = fac__plain(self, dtype);
    if (!rates) return NULL;
    if (any_negative(rates)) return fac__runtime_error("invalid Poisson rate, expected rate to be non-negative");
    fac__node *n = fac__record("PoissonBackward0", backward, 1, 0, 0, self);
    fac_tensor *y = fac__new_like(self, dtype);
    fac__random_args args = {.draw = fac__draw_poisson, .generator = options.generator, .dtype = dtype};
    args.n = self->numel;
    args.p = fac__data(rates);
    args.out = y ? fac__data(y) : NULL;
    if (y) FAC__LAUNCH(fac__k_random, args);
    return fac__result(n, y);
}

fac_tensor *fac_binomial_with(fac_tensor *count, fac_tensor *prob, fac_create_options options)
{
    FAC__OP("binomial");
    FAC__NEED(count);
    FAC__NEED(prob);
    fac_dtype dtype = (fac_dtype)count->dtype;
    if (prob->dtype != dtype)
        return fac__runtime_error("Found dtype %s but expected %s", fac__dtype_word((fac_dtype)prob->dtype),
                                  fac__dtype_word(dtype));
    if (dtype != FAC_FLOAT32 && dtype != FAC_FLOAT64)
        return fac__runtime_error("\"binomial_cpu\" not implemented for '%s'", fac__dtype_word(dtype));
    fac_tensor *counts = NULL, *chances = NULL;
    fac_no_grad {
        fac_tensor_list both = fac_broadcast_tensors((fac_tensor_list){(fac_tensor *[]){count, prob}, 2});
        if (both.items) counts = fac__plain(both.items[0], dtype), chances = fac__plain(both.items[1], dtype);
    }
    if (!counts || !chances) return NULL;
    fac__node *n = fac__record("BinomialBackward0", backward, 1, 0, 0, count, prob);
    fac_tensor *y = fac__new_like(counts, dtype);
    fac__random_args args = {.draw = fac__draw_binomial, .generator = options.generator, .dtype = dtype};
    args.n = counts->numel;
    args.counts = fac__data(counts);
    args.p = fac__data(chances);
    args.out = y ? fac__data(y) : NULL;
    if (y) FAC__LAUNCH(fac__k_random, args);
    return fac__result(n, y);
}

#define NO_OPTIONS fac_create_options_defaults()
FAC__CALL(poisson, R(fac_poisson_with(T(0), NO_OPTIONS)))
FAC__CALL(binomial, R(fac_binomial_with(T(0), T(1), NO_OPTIONS)))

const fac__op fac__ops_counts[] = {
    {"poisson(Tensor self, Generator? generator=None) -> Tensor", poisson,
     "Random counts of what happens self times on average."},
    {"binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor", binomial,
     "Random counts of luck in count tries."},
    {0},
};
