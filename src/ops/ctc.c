/* Floor 4. Connectionist temporal classification (facula/ops_loss.h). */
#include <math.h>

#include "backend/ctc.h"
#include "create.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "loss_parts.h"
#include "once.h"
#include "plain.h"

enum { PROBS, ALPHA, TARGETS, NUMBERS, LOSS, SAVED };
/* NUMBERS, [3, n]: where each target begins, its length, and the steps there are for it */

static void set_numbers(fac__ctc_args *a, const fac_tensor *targets, const fac_tensor *numbers)
{
    a->targets = fac__data(targets);
    a->begin = fac__data(numbers);
    a->target_length = a->begin + a->n;
    a->input_length = a->begin + 2 * a->n;
}

static void ctc_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    fac__ctc_args a = *(const fac__ctc_args *)n->params;
    fac_tensor *saved[SAVED], *g = fac__plain(gy[0], a.dtype);
    for (int i = 0; i < SAVED; i++)
        if (!(saved[i] = fac__saved(n, i))) return;
    int64_t shape[] = {a.n, 2, a.states};
    fac_tensor *probs = fac__plain(saved[PROBS], a.dtype), *beta = fac__own(fac__new(a.dtype, 3, shape));
    fac_tensor *dx = g && probs && beta ? fac__new_like(saved[PROBS], a.dtype) : NULL;
    if (!dx) return;
    set_numbers(&a, saved[TARGETS], saved[NUMBERS]);
    a.log_probs = fac__data(probs);
    a.alpha = fac__data(saved[ALPHA]);
    a.loss = fac__data(saved[LOSS]);
    a.dy = fac__data(g);
    a.beta = fac__data(beta);
    a.dx = fac__data(dx);
    FAC__LAUNCH(fac__k_ctc_backward, a);
    gx[0] = FAC__ONCE("aten::_ctc_loss_backward", dx, gy[0], saved[PROBS]);
}

/* ---- checks ------------------------------------------------------------------------------------------------------- */

/* The lengths as int64 [n]; NULL after an error. */
static fac_tensor *lengths_of(fac_tensor *lengths, int64_t n, const char *name)
{
    if (fac_dtype_is_floating((fac_dtype)lengths->dtype) || lengths->dtype == FAC_BOOL)
        return fac__runtime_error("%s must be integral", name);
    if (lengths->numel != n) return fac__runtime_error("%s must be of size batch_size", name);
    return fac__plain(lengths, FAC_INT64);
}

static bool check_probs(const fac_tensor *x, int64_t blank)
{
    if (x->ndim != 3)
        return fac__runtime_error(
                   "Expected 3-dimensional tensor, but got %d-dimensional tensor for argument #1 'log_probs' "
                   "(while checking arguments for ctc_loss_cpu)",
                   x->ndim),
               false;
    if (x->dtype != FAC_FLOAT32 && x->dtype != FAC_FLOAT64)
        return fac__runtime_error("\"ctc_loss_cpu\" not implemented for '%s'", fac__dtype_word((fac_dtype)x->dtype)),
               false;
    if (blank < 0 || blank >= x->shape[2]) return fac__runtime_error("blank must be in label range"), false;
    if (!x->shape[0]) return fac__runtime_error("log_probs tensor must not be empty"), false;
    return true;
}

/* Fills numbers and finds the longest target; false for lengths that do not fit and targets that are no classes. */
static bool take_numbers(fac__ctc_args *a, fac_tensor *numbers, const fac_tensor *targets, const int64_t *input_lengths,
                         const int64_t *target_lengths)
{
    int64_t *v = fac__host(numbers), longest = 0, total = 0, row = targets->ndim == 2 ? targets->shape[1] : 0;
    const int64_t *t = fac__host(targets);
    for (int64_t i = 0; i < a->n; i++) {
        int64_t steps = input_lengths[i], length = target_lengths[i];
        if (steps > a->t)
            return fac__runtime_error("Expected input_lengths to have value at most %lld, but got value %lld (while "
                                      "checking arguments for ctc_loss_cpu)",
                                      (long long)a->t, (long long)steps),
                   false;
        if (steps < 0 || length < 0)
            return fac__runtime_error(
                       "Expected %s to have value at least 0, but got value %lld (while checking arguments "
                       "for ctc_loss_cpu)",
                       steps < 0 ? "input_lengths" : "target_lengths", (long long)(steps < 0 ? steps : length)),
                   false;
        v[i] = targets->ndim == 2 ? i * row : total;
        v[a->n + i] = length;
        v[2 * a->n + i] = steps;
        if (__builtin_add_overflow(total, length, &total)) total = INT64_MAX;
        if (length > longest) longest = length;
    }
    bool rows = targets->ndim == 2;
    if (rows ? longest > row : total != targets->numel)
        return fac__runtime_error(
                   "Expected tensor to have size %s%lld at dimension %d, but got size %lld for argument #2 "
                   "'targets' (while checking arguments for ctc_loss_cpu)",
                   rows ? "at least " : "", (long long)(rows ? longest : total), rows, (long long)targets->shape[rows]),
               false;
    for (int64_t i = 0; i < a->n; i++)
        for (int64_t k = v[i]; k < v[i] + v[a->n + i]; k++)
            if (t[k] < 0 || t[k] >= a->c)
                return fac__index_error("Target %lld is out of bounds.", (long long)t[k]), false;
    a->states = 2 * longest + 1;
    return true;
}

static fac_tensor *targets_of(fac_tensor *targets, int64_t n)
{
    if (targets->dtype != FAC_INT64 && fac_dtype_is_floating((fac_dtype)targets->dtype))
        return fac__runtime_error("Expected targets to be integral, but got %s",
                                  fac__dtype_word((fac_dtype)targets->dtype));
    if (targets->ndim != 1 && targets->ndim != 2)
        return fac__runtime_error(
            "Expected 1 to 2 dimensions, but got %d-dimensional tensor for argument #2 'targets' (while "
            "checking arguments for ctc_loss_cpu)",
            targets->ndim);
    if (targets->ndim == 2 && targets->shape[0] != n)
        return fac__runtime_error("Expected tensor to have size %lld at dimension 0, but got size %lld for argument #2 "
                                  "'targets' (while checking arguments for ctc_loss_cpu)",
                                  (long long)n, (long long)targets->shape[0]);
    return fac__plain(targets, FAC_INT64);
}

/* ---- the loss ----------------------------------------------------------------------------------------------------- */

/* Losses [n] of log_probs [t, n, c]. */
static fac_tensor *losses(fac_tensor *x, fac_tensor *given_targets, fac_tensor *input_lengths,
                          fac_tensor *target_lengths, const fac_loss_options *o)
{
    if (!check_probs(x, o->blank)) return NULL;
    fac__ctc_args a = {.dtype = (fac_dtype)x->dtype,
                       .t = x->shape[0],
                       .n = x->shape[1],
                       .c = x->shape[2],
                       .blank = o->blank,
                       .zero_infinity = o->zero_infinity};
    fac_tensor *steps = lengths_of(input_lengths, a.n, "input_lengths"),
               *lengths = steps ? lengths_of(target_lengths, a.n, "target_lengths") : NULL,
               *targets = lengths ? targets_of(given_targets, a.n) : NULL;
    fac_tensor *numbers = targets ? fac__own(fac__new(FAC_INT64, 2, (int64_t[]){3, a.n})) : NULL;
    if (!numbers || !take_numbers(&a, numbers, targets, fac__host(steps), fac__host(lengths))) return NULL;
    fac__node *n = fac__record("CtcLossBackward0", ctc_backward, 1, SAVED, sizeof a, x);
    if (n && !n->failed) *(fac__ctc_args *)n->params = a;
    fac_tensor *probs = fac__plain(x, a.dtype), *y = NULL;
    fac_tensor *alpha = probs ? fac__own(fac__new(a.dtype, 3, (int64_t[]){a.n, a.t, a.states})) : NULL;
    if (alpha) y = fac__new(a.dtype, 1, &a.n);
    if (y) {
        set_numbers(&a, targets, numbers);
        a.log_probs = fac__data(probs);
        a.alpha = fac__data(alpha);
        a.loss = fac__data(y);
        FAC__LAUNCH(fac__k_ctc, a);
    }
    fac__save(n, PROBS, x);
    fac__save(n, ALPHA, alpha);
    fac__save(n, TARGETS, targets);
    fac__save(n, NUMBERS, numbers);
    fac__save_output(n, LOSS, y, 0);
    return fac__result(n, y);
}

fac_tensor *fac_ctc_loss_with(fac_tensor *log_probs, fac_tensor *targets, fac_tensor *input_lengths,
                              fac_tensor *target_lengths, fac_loss_options options)
{
    FAC__OP("ctc_loss");
    FAC__NEED(log_probs);
    FAC__NEED(targets);
    FAC__NEED(input_lengths);
    FAC__NEED(target_lengths);
    if (!fac__check_reduction(options.reduction)) return NULL;
    bool batch = log_probs->ndim != 2;
    fac_tensor *x = batch ? log_probs : fac_unsqueeze(log_probs, 1);
    fac_tensor *y = x ? losses(x, targets, input_lengths, target_lengths, &options) : NULL;
    if (y && options.zero_infinity) y = fac_where(fac_eq_scalar(y, INFINITY), fac_zeros_like(y), y);
    if (!y) return NULL;
    if (options.reduction == FAC_SUM) return fac_sum(y);
    if (options.reduction == FAC_NONE) return batch ? y : fac_squeeze_dim(y, 0);
    fac_tensor *lengths = fac_reshape(fac_to(target_lengths, (fac_dtype)y->dtype), fac_shape(y));
    return fac_mean(fac_div(y, fac_clamp(lengths, 1, INFINITY)));
}

/* ---- by name ------------------------------------------------------------------------------------------------ */

/* Lengths may be a list. */
static fac_tensor *tensor_of(const fac_value *v)
{
    if (v->kind == FAC_VALUE_TENSOR) return v->v.tensor;
    if (v->kind == FAC_VALUE_INTS) {
        fac_dims shape = {.n = 1};
        shape.d[0] = v->v.ints.count;
        return fac__of_array(v->v.ints.items, FAC_INT64, shape);
    }
    return fac__type_error("lengths must be a tensor or a list of integers");
}
static fac_tensor *by_name(const fac_value *args)
{
    fac_loss_options o = fac_loss_options_defaults();
    o.blank = I(4);
    o.reduction = fac__reduction_value(&args[5]);
    o.zero_infinity = B(6);
    return fac_ctc_loss_with(T(0), T(1), tensor_of(&args[2]), tensor_of(&args[3]), o);
}
FAC__CALL(ctc, R(by_name(args)))

#define DOC "Minus the log probability of spelling each target."
const fac__op fac__ops_ctc[] = {
    {"ctc_loss.functional(Tensor log_probs, Tensor targets, any input_lengths, any target_lengths, int blank=0, str "
     "reduction='mean', bool zero_infinity=False) -> Tensor",
     ctc, DOC},
    {"ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, int "
     "reduction=Mean, bool zero_infinity=False) -> Tensor",
     ctc, DOC},
    {"ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, int "
     "reduction=Mean, bool zero_infinity=False) -> Tensor",
     ctc, DOC},
    {0},
};
