/* Floor 6: optimisers and learning-rate schedules, after torch.optim: the same names, defaults and formulas; for
 * float32 and float64 parameters the same bits.
 *
 *     fac_optimizer *sgd = fac_sgd(fac_parameters(model), .lr = 0.01, .momentum = 0.9);
 *     ...
 *         fac_zero_grad(sgd);
 *         fac_backward(loss);
 *         fac_step(sgd);
 *     ...
 *     fac_optimizer_free(sgd);
 *
 * An optimiser keeps its parameters (and their states) alive; the list it is given is copied. Parameters are leaves,
 * or tensors with fac_retain_grad; views and strided tensors too. Every function takes NULL, as the rest of facula. */
#ifndef FACULA_OPTIM_H
#define FACULA_OPTIM_H

#include "facula/autograd.h"
#include "facula/state.h"
#include "facula/tensor.h"

FAC_BEGIN

typedef struct fac_optimizer fac_optimizer;

/* ---- options ------------------------------------------------------------------------------------------------ */

/* The keywords of all optimisers; each takes some of them, see below. What is not given (NAN) has the optimiser's
 * default; in fac_add_param_group, the value that the first group began with. Yes and no are 1 and 0, or true
 * and false. */
#define FAC_OPTIMIZER_OPTIONS(X)                                                                                       \
    X(lr)                                                                                                              \
    X(momentum)                                                                                                        \
    X(dampening)                                                                                                       \
    X(weight_decay)                                                                                                    \
    X(nesterov)                                                                                                        \
    X(maximize)                                                                                                        \
    X(beta1) /* torch's betas=(beta1, beta2) */                                                                        \
    X(beta2)                                                                                                           \
    X(eps)                                                                                                             \
    X(amsgrad)                                                                                                         \
    X(alpha)                                                                                                           \
    X(centered)                                                                                                        \
    X(lr_decay)                                                                                                        \
    X(initial_accumulator_value)
typedef struct fac_optimizer_options {
#define FAC__FIELD(name) double name;
    FAC_OPTIMIZER_OPTIONS(FAC__FIELD)
#undef FAC__FIELD
} fac_optimizer_options;
static inline fac_optimizer_options fac_optimizer_options_defaults(void)
{
    fac_optimizer_options o;
#define FAC__FIELD(name) o.name = __builtin_nan("");
    FAC_OPTIMIZER_OPTIONS(FAC__FIELD)
#undef FAC__FIELD
    return o;
}

/* ---- optimisers --------------------------------------------------------------------------------------------- */

/* Each returns an optimiser to be freed with fac_optimizer_free, or NULL: on an empty list ("optimizer got an empty
 * parameter list"), a tensor that is no leaf ("can't optimize a non-leaf Tensor"), the same tensor twice, a keyword
 * that it does not take, or a bad value ("Invalid learning rate: -1.0"). g is the gradient, negated with maximize, plus
 * weight_decay * p (AdamW shrinks p by 1 - lr * weight_decay instead). */

/* lr (must be given), momentum=0, dampening=0, weight_decay=0, nesterov=false, maximize=false.
 * b = momentum * b + (1 - dampening) * g, at first b = g; nesterov: g + momentum * b in the place of b; p -= lr * b. */
FAC_API fac_optimizer *fac_sgd_with(fac_tensor_list params, fac_optimizer_options options);
#define fac_sgd(params, ...) fac_sgd_with(params, FAC_OPTIONS(fac_optimizer_options, __VA_ARGS__))

/* lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0, amsgrad=false, maximize=false. Kingma and Ba 2014
 * (arXiv:1412.6980), amsgrad: Reddi, Kale and Kumar 2018. */
FAC_API fac_optimizer *fac_adam_with(fac_tensor_list params, fac_optimizer_options options);
#define fac_adam(params, ...) fac_adam_with(params, FAC_OPTIONS(fac_optimizer_options, __VA_ARGS__))

/* As Adam, with weight_decay=1e-2, which does not pass through the moments. Loshchilov and Hutter 2017
 * (arXiv:1711.05101). */
FAC_API fac_optimizer *fac_adamw_with(fac_tensor_list params, fac_optimizer_options options);
#define fac_adamw(params, ...) fac_adamw_with(params, FAC_OPTIONS(fac_optimizer_options, __VA_ARGS__))

/* lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0, centered=false, maximize=false. Hinton's lecture 6e, 2012;
 * centered: Graves 2013 (arXiv:1308.0850). */
FAC_API fac_optimizer *fac_rmsprop_with(fac_tensor_list params, fac_optimizer_options options);
#define fac_rmsprop(params, ...) fac_rmsprop_with(params, FAC_OPTIONS(fac_optimizer_options, __VA_ARGS__))

/* lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10, maximize=false. Duchi, Hazan and Singer
 * 2011. */
FAC_API fac_optimizer *fac_adagrad_with(fac_tensor_list params, fac_optimizer_options options);
#define fac_adagrad(params, ...) fac_adagrad_with(params, FAC_OPTIONS(fac_optimizer_options, __VA_ARGS__))

FAC_API void fac_optimizer_free(fac_optimizer *optimizer);

/* ---- use ---------------------------------------------------------------------------------------------------- */

/* One step for every parameter that has a gradient. After its first, which makes the states, a step allocates nothing.
 * false when memory runs out: parameters whose states could not be made were not changed. */
FAC_API bool fac_step(fac_optimizer *optimizer);

typedef struct fac_zero_grad_options {
    bool set_to_none; /* drop the gradients (PyTorch 2's default); else fill them with zero */
} fac_zero_grad_options;
static inline fac_zero_grad_options fac_zero_grad_options_defaults(void)
{
    fac_zero_grad_options o;
    o.set_to_none = true;
    return o;
}
FAC_API bool fac_zero_grad_with(fac_optimizer *optimizer, fac_zero_grad_options options);
#define fac_zero_grad(optimizer, ...) fac_zero_grad_with(optimizer, FAC_OPTIONS(fac_zero_grad_options, __VA_ARGS__))

/* More parameters, with options of their own. "some parameters appear in more than one parameter group". */
FAC_API bool fac_add_param_group_with(fac_optimizer *optimizer, fac_tensor_list params, fac_optimizer_options options);
#define fac_add_param_group(optimizer, params, ...)                                                                    \
    fac_add_param_group_with(optimizer, params, FAC_OPTIONS(fac_optimizer_options, __VA_ARGS__))
FAC_API int fac_param_group_count(const fac_optimizer *optimizer);

/* torch's optimizer.param_groups[group]["lr"]: any option by its name. An option that this optimiser does not have, or
 * a group that is not there, is an error (NAN, false). */
FAC_API double fac_group_option(const fac_optimizer *optimizer, int group, const char *name);
FAC_API bool fac_set_group_option(fac_optimizer *optimizer, int group, const char *name, double value);
/* The learning rate of the first group; of all groups. */
FAC_API double fac_lr(const fac_optimizer *optimizer);
FAC_API bool fac_set_lr(fac_optimizer *optimizer, double lr);

/* All there is to resume training bit for bit: "state.0.momentum_buffer" (of parameter 0, counted through all groups),
 * "state.0.step", "param_groups.0.lr"… The tensors are the optimiser's own, not copies. To be freed with
 * fac_state_free. */
FAC_API fac_state *fac_optimizer_state_dict(fac_optimizer *optimizer);
/* Takes copies of such a state, cast to the parameters' dtypes. The optimiser must have the same groups; after an error
 * (groups, shapes or names that do not fit) it is as before. */
FAC_API bool fac_optimizer_load_state_dict(fac_optimizer *optimizer, const fac_state *state);

/* ---- gradient clipping -------------------------------------------------------------------------------------- */

typedef struct fac_clip_grad_norm_options {
    double norm_type;        /* 2; INFINITY for the largest magnitude */
    bool error_if_nonfinite; /* false */
} fac_clip_grad_norm_options;
static inline fac_clip_grad_norm_options fac_clip_grad_norm_options_defaults(void)
{
    fac_clip_grad_norm_options o;
    o.norm_type = 2;
    o.error_if_nonfinite = false;
    return o;
}
/* torch.nn.utils.clip_grad_norm_: scales the gradients of params so that their norm, all taken as one vector, is at
 * most max_norm. Returns the norm before; 0 when there are no gradients, NAN after an error, and in a step that is
 * captured. */
FAC_API double fac_clip_grad_norm__with(fac_tensor_list params, double max_norm, fac_clip_grad_norm_options options);
#define fac_clip_grad_norm_(params, max_norm, ...)                                                                     \
    fac_clip_grad_norm__with(params, max_norm, FAC_OPTIONS(fac_clip_grad_norm_options, __VA_ARGS__))
/* torch.nn.utils.clip_grad_value_: clamps every gradient to [-clip_value, clip_value]. */
FAC_API bool fac_clip_grad_value_(fac_tensor_list params, double clip_value);

/* ---- learning-rate schedules -------------------------------------------------------------------------------- */

/* A schedule sets the learning rates of an optimiser's groups: at once, and at each fac_scheduler_step, usually after
 * an epoch of fac_step.
 *
 *     fac_scheduler *schedule = fac_step_lr(sgd, 30, .gamma = 0.1);
 *     ...
 *         fac_scheduler_step(schedule);
 *     ...
 *     fac_scheduler_free(schedule);
 *
 * Formulas are PyTorch's recursive ones, to the bit: each step goes on from the learning rate that it finds, so that
 * several schedules of one optimiser work together. The optimiser must live as long as they. "epoch" counts steps. */
typedef struct fac_scheduler fac_scheduler;

/* The keywords of all schedules; each takes some of them, with the default that is named with it. */
#define FAC_SCHEDULE_OPTIONS(X)                                                                                        \
    X(gamma)                                                                                                           \
    X(factor)                                                                                                          \
    X(start_factor)                                                                                                    \
    X(end_factor)                                                                                                      \
    X(total_iters)                                                                                                     \
    X(power)                                                                                                           \
    X(eta_min)                                                                                                         \
    X(T_mult)                                                                                                          \
    X(pct_start)                                                                                                       \
    X(cycle_momentum)                                                                                                  \
    X(base_momentum)                                                                                                   \
    X(max_momentum)                                                                                                    \
    X(div_factor)                                                                                                      \
    X(final_div_factor)                                                                                                \
    X(three_phase)                                                                                                     \
    X(patience)                                                                                                        \
    X(threshold)                                                                                                       \
    X(cooldown)                                                                                                        \
    X(min_lr)                                                                                                          \
    X(eps)
typedef struct fac_schedule_options {
#define FAC__FIELD(name) double name;
    FAC_SCHEDULE_OPTIONS(FAC__FIELD)
#undef FAC__FIELD
    const char *anneal_strategy, *mode, *threshold_mode; /* NULL: the default */
} fac_schedule_options;
static inline fac_schedule_options fac_schedule_options_defaults(void)
{
    fac_schedule_options o;
#define FAC__FIELD(name) o.name = __builtin_nan("");
    FAC_SCHEDULE_OPTIONS(FAC__FIELD)
#undef FAC__FIELD
    o.anneal_strategy = o.mode = o.threshold_mode = NULL;
    return o;
}

/* gamma=0.1: lr *= gamma every step_size epochs. */
FAC_API fac_scheduler *fac_step_lr_with(fac_optimizer *optimizer, int64_t step_size, fac_schedule_options options);
#define fac_step_lr(optimizer, step_size, ...)                                                                         \
    fac_step_lr_with(optimizer, step_size, FAC_OPTIONS(fac_schedule_options, __VA_ARGS__))
/* gamma=0.1: lr *= gamma at each of n epochs. */
FAC_API fac_scheduler *fac_multi_step_lr_with(fac_optimizer *optimizer, const int64_t *milestones, int n,
                                              fac_schedule_options options);
#define fac_multi_step_lr(optimizer, milestones, n, ...)                                                               \
    fac_multi_step_lr_with(optimizer, milestones, n, FAC_OPTIONS(fac_schedule_options, __VA_ARGS__))
/* lr *= gamma every epoch. */
FAC_API fac_scheduler *fac_exponential_lr(fac_optimizer *optimizer, double gamma);
/* factor=1/3, total_iters=5: lr * factor until epoch total_iters. */
FAC_API fac_scheduler *fac_constant_lr_with(fac_optimizer *optimizer, fac_schedule_options options);
#define fac_constant_lr(optimizer, ...) fac_constant_lr_with(optimizer, FAC_OPTIONS(fac_schedule_options, __VA_ARGS__))
/* start_factor=1/3, end_factor=1, total_iters=5: lr times a factor that goes from one to the other in a line. */
FAC_API fac_scheduler *fac_linear_lr_with(fac_optimizer *optimizer, fac_schedule_options options);
#define fac_linear_lr(optimizer, ...) fac_linear_lr_with(optimizer, FAC_OPTIONS(fac_schedule_options, __VA_ARGS__))
/* total_iters=5, power=1: down to 0 as (1 - epoch / total_iters) ^ power. */
FAC_API fac_scheduler *fac_polynomial_lr_with(fac_optimizer *optimizer, fac_schedule_options options);
#define fac_polynomial_lr(optimizer, ...)                                                                              \
    fac_polynomial_lr_with(optimizer, FAC_OPTIONS(fac_schedule_options, __VA_ARGS__))
/* eta_min=0: from lr down to eta_min in T_max epochs along half a cosine, and up again. Loshchilov and Hutter 2016
 * (arXiv:1608.03983). */
FAC_API fac_scheduler *fac_cosine_annealing_lr_with(fac_optimizer *optimizer, int64_t T_max,
                                                    fac_schedule_options options);
#define fac_cosine_annealing_lr(optimizer, T_max, ...)                                                                 \
    fac_cosine_annealing_lr_with(optimizer, T_max, FAC_OPTIONS(fac_schedule_options, __VA_ARGS__))
/* T_mult=1, eta_min=0: half a cosine again and again, first T_0 epochs long, each next one T_mult times as long. */
FAC_API fac_scheduler *fac_cosine_annealing_warm_restarts_with(fac_optimizer *optimizer, int64_t T_0,
                                                               fac_schedule_options options);
#define fac_cosine_annealing_warm_restarts(optimizer, T_0, ...)                                                        \
    fac_cosine_annealing_warm_restarts_with(optimizer, T_0, FAC_OPTIONS(fac_schedule_options, __VA_ARGS__))
/* The first learning rate times factor(context, epoch); the learning rate of before times it, from epoch 1 on. */
typedef double (*fac_lr_lambda)(void *context, int64_t epoch);
FAC_API fac_scheduler *fac_lambda_lr(fac_optimizer *optimizer, fac_lr_lambda factor, void *context);
FAC_API fac_scheduler *fac_multiplicative_lr(fac_optimizer *optimizer, fac_lr_lambda factor, void *context);

/* pct_start=0.3, anneal_strategy="cos" ("linear"), cycle_momentum=true, base_momentum=0.85, max_momentum=0.95,
 * div_factor=25, final_div_factor=1e4, three_phase=false. From max_lr / div_factor up to max_lr, then down to that
 * divided by final_div_factor, in total_steps steps, one after every batch; momentum (or beta1) goes the other way.
 * Smith and Topin 2017 (arXiv:1708.07120). */
FAC_API fac_scheduler *fac_one_cycle_lr_with(fac_optimizer *optimizer, double max_lr, int64_t total_steps,
                                             fac_schedule_options options);
#define fac_one_cycle_lr(optimizer, max_lr, total_steps, ...)                                                          \
    fac_one_cycle_lr_with(optimizer, max_lr, total_steps, FAC_OPTIONS(fac_schedule_options, __VA_ARGS__))

/* mode="min" ("max"), factor=0.1, patience=10, threshold=1e-4, threshold_mode="rel" ("abs"), cooldown=0, min_lr=0,
 * eps=1e-8: lr *= factor when the metric has not become better for more than `patience` epochs. Is stepped by
 * fac_plateau_step. */
FAC_API fac_scheduler *fac_reduce_lr_on_plateau_with(fac_optimizer *optimizer, fac_schedule_options options);
#define fac_reduce_lr_on_plateau(optimizer, ...)                                                                       \
    fac_reduce_lr_on_plateau_with(optimizer, FAC_OPTIONS(fac_schedule_options, __VA_ARGS__))
FAC_API bool fac_plateau_step(fac_scheduler *scheduler, double metric);

/* false, with nothing changed, where PyTorch raises: behind the end of a one-cycle schedule, on division by zero. */
FAC_API bool fac_scheduler_step(fac_scheduler *scheduler);
/* What the last step set for a group; NAN where there is no such group. */
FAC_API double fac_last_lr(const fac_scheduler *scheduler, int group);
/* All of its numbers, but for a lambda's function: to be saved and taken back, beside the optimiser's state. */
FAC_API fac_state *fac_scheduler_state_dict(const fac_scheduler *scheduler);
FAC_API bool fac_scheduler_load_state_dict(fac_scheduler *scheduler, const fac_state *state);
FAC_API void fac_scheduler_free(fac_scheduler *scheduler);

FAC_END
#endif
