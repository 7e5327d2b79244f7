/* Floor 6. The schedules that are a formula, as torch.optim.lr_scheduler has them: e is the epoch, lr what the last
 * step set, base_lr the learning rate at first. */
#include <math.h>
#include <string.h>

#include "scheduler.h"

#define KIND(formula, kind_name, ...)                                                                                  \
    static const fac__schedule_kind formula##_kind = {.name = kind_name, .lr = formula, __VA_ARGS__}

static bool between_0_and_1(double v, const char *what)
{
    return (v >= 0 && v <= 1) ||
           (fac__value_error("%s multiplicative factor expected to be between 0 and 1.", what), false);
}

static bool positive(int64_t v, const char *what)
{
    return v > 0 || (fac__value_error("Expected positive integer %s, but got %lld", what, (long long)v), false);
}

/* ---- steps -------------------------------------------------------------------------------------------------- */

static double step_lr(const fac_scheduler *s, double lr, double base_lr)
{
    return s->last_epoch == 0 || fmod((double)s->last_epoch, s->n.step_size) != 0 ? lr : lr * s->n.gamma;
}
KIND(step_lr, "StepLR", .options = {{"gamma", 0.1}});

fac_scheduler *fac_step_lr_with(fac_optimizer *optimizer, int64_t step_size, fac_schedule_options options)
{
    fac_scheduler *s = fac__scheduler_new(&step_lr_kind, optimizer, options);
    if (s) s->n.step_size = (double)step_size;
    return fac__scheduler_start(s, s && positive(step_size, "step_size"));
}

static double multi_step_lr(const fac_scheduler *s, double lr, double base_lr)
{
    int times = 0; /* a milestone may be named more than once */
    for (int64_t i = 0; i < s->n_milestones; i++)
        times += s->milestones[i] == s->last_epoch;
    return times ? lr * pow(s->n.gamma, times) : lr;
}
KIND(multi_step_lr, "MultiStepLR", .options = {{"gamma", 0.1}});

fac_scheduler *fac_multi_step_lr_with(fac_optimizer *optimizer, const int64_t *milestones, int n,
                                      fac_schedule_options options)
{
    FAC__OP("MultiStepLR");
    if (n < 0) return fac__value_error("there cannot be %d milestones", n);
    if (n) FAC__NEED(milestones);
    fac_scheduler *s = fac__scheduler_new(&multi_step_lr_kind, optimizer, options);
    if (!s) return NULL;
    s->milestones = fac__alloc((size_t)n * sizeof *milestones);
    if (s->milestones && n) memcpy(s->milestones, milestones, (size_t)n * sizeof *milestones);
    s->n_milestones = n;
    return fac__scheduler_start(s, s->milestones != NULL);
}

static double exponential_lr(const fac_scheduler *s, double lr, double base_lr)
{
    return s->last_epoch == 0 ? lr : lr * s->n.gamma;
}
KIND(exponential_lr, "ExponentialLR", .options = {{"gamma", 0.1}});

fac_scheduler *fac_exponential_lr(fac_optimizer *optimizer, double gamma)
{
    fac_schedule_options options = fac_schedule_options_defaults();
    options.gamma = gamma;
    return fac__scheduler_start(fac__scheduler_new(&exponential_lr_kind, optimizer, options), true);
}

/* ---- lines -------------------------------------------------------------------------------------------------- */

static double constant_lr(const fac_scheduler *s, double lr, double base_lr)
{
    if (s->last_epoch == 0) return lr * s->n.factor;
    return (double)s->last_epoch != s->n.total_iters ? lr : lr * (1.0 / s->n.factor);
}
KIND(constant_lr, "ConstantLR", .options = {{"factor", 1.0 / 3}, {"total_iters", 5}});

fac_scheduler *fac_constant_lr_with(fac_optimizer *optimizer, fac_schedule_options options)
{
    fac_scheduler *s = fac__scheduler_new(&constant_lr_kind, optimizer, options);
    return fac__scheduler_start(s, s && between_0_and_1(s->n.factor, "Constant"));
}

static double linear_lr(const fac_scheduler *s, double lr, double base_lr)
{
    double e = (double)s->last_epoch, start = s->n.start_factor, rise = s->n.end_factor - start;
    if (e == 0) return lr * start;
    return e > s->n.total_iters ? lr : lr * (1. + rise / (s->n.total_iters * start + (e - 1) * rise));
}
KIND(linear_lr, "LinearLR", .options = {{"start_factor", 1.0 / 3}, {"end_factor", 1}, {"total_iters", 5}});

fac_scheduler *fac_linear_lr_with(fac_optimizer *optimizer, fac_schedule_options options)
{
    fac_scheduler *s = fac__scheduler_new(&linear_lr_kind, optimizer, options);
    return fac__scheduler_start(s, s && between_0_and_1(s->n.start_factor, "Starting") &&
                                       between_0_and_1(s->n.end_factor, "Ending"));
}

static double polynomial_lr(const fac_scheduler *s, double lr, double base_lr)
{
    double e = (double)s->last_epoch, total = s->n.total_iters;
    if (e == 0 || e > total) return lr;
    return lr * pow((1.0 - e / total) / (1.0 - (e - 1) / total), s->n.power);
}
KIND(polynomial_lr, "PolynomialLR", .options = {{"total_iters", 5}, {"power", 1}});

fac_scheduler *fac_polynomial_lr_with(fac_optimizer *optimizer, fac_schedule_options options)
{
    return fac__scheduler_start(fac__scheduler_new(&polynomial_lr_kind, optimizer, options), true);
}

/* ---- cosines ------------------------------------------------------------------------------------------------ */

static double cosine_annealing_lr(const fac_scheduler *s, double lr, double base_lr)
{
    double e = (double)s->last_epoch, T = s->n.T_max, low = s->n.eta_min;
    if (e == 0) return lr;
    if (fmod(e - 1 - T, 2 * T) == 0) return lr + (base_lr - low) * (1 - cos(M_PI / T)) / 2;
    return (1 + cos(M_PI * e / T)) / (1 + cos(M_PI * (e - 1) / T)) * (lr - low) + low;
}
KIND(cosine_annealing_lr, "CosineAnnealingLR", .options = {{"eta_min", 0}});

fac_scheduler *fac_cosine_annealing_lr_with(fac_optimizer *optimizer, int64_t T_max, fac_schedule_options options)
{
    fac_scheduler *s = fac__scheduler_new(&cosine_annealing_lr_kind, optimizer, options);
    if (s) s->n.T_max = (double)T_max;
    return fac__scheduler_start(s, s && positive(T_max, "T_max"));
}

static bool advance_restarts(fac_scheduler *s)
{
    s->n.T_cur = s->last_epoch == 0 ? 0 : s->n.T_cur + 1;
    if (s->n.T_cur >= s->n.T_i) {
        s->n.T_cur -= s->n.T_i;
        s->n.T_i *= s->n.T_mult;
    }
    return true;
}

static double warm_restarts(const fac_scheduler *s, double lr, double base_lr)
{
    return s->n.eta_min + (base_lr - s->n.eta_min) * (1 + cos(M_PI * s->n.T_cur / s->n.T_i)) / 2;
}
KIND(warm_restarts, "CosineAnnealingWarmRestarts", .advance = advance_restarts,
     .options = {{"T_mult", 1}, {"eta_min", 0}});

fac_scheduler *fac_cosine_annealing_warm_restarts_with(fac_optimizer *optimizer, int64_t T_0,
                                                       fac_schedule_options options)
{
    fac_scheduler *s = fac__scheduler_new(&warm_restarts_kind, optimizer, options);
    bool ok = s && positive(T_0, "T_0");
    if (ok && !(s->n.T_mult >= 1 && s->n.T_mult == floor(s->n.T_mult))) {
        char text[48];
        fac__value_error("Expected integer T_mult >= 1, but got %s", fac__float_text(s->n.T_mult, text));
        ok = false;
    }
    if (ok) s->n.T_0 = s->n.T_i = (double)T_0;
    if (ok) s->n.T_cur = 0;
    return fac__scheduler_start(s, ok);
}

/* ---- the user's own ----------------------------------------------------------------------------------------- */

static double lambda_lr(const fac_scheduler *s, double lr, double base_lr)
{
    return base_lr * s->lambda(s->context, s->last_epoch);
}
KIND(lambda_lr, "LambdaLR", .options = {{NULL, 0}});

static double multiplicative_lr(const fac_scheduler *s, double lr, double base_lr)
{
    return s->last_epoch > 0 ? lr * s->lambda(s->context, s->last_epoch) : lr;
}
KIND(multiplicative_lr, "MultiplicativeLR", .options = {{NULL, 0}});

static fac_scheduler *with_lambda(const fac__schedule_kind *kind, fac_optimizer *optimizer, fac_lr_lambda factor,
                                  void *context)
{
    FAC__OP(kind->name);
    FAC__NEED(factor);
    fac_scheduler *s = fac__scheduler_new(kind, optimizer, fac_schedule_options_defaults());
    if (s) s->lambda = factor;
    if (s) s->context = context;
    return fac__scheduler_start(s, true);
}

fac_scheduler *fac_lambda_lr(fac_optimizer *optimizer, fac_lr_lambda factor, void *context)
{
    return with_lambda(&lambda_lr_kind, optimizer, factor, context);
}

fac_scheduler *fac_multiplicative_lr(fac_optimizer *optimizer, fac_lr_lambda factor, void *context)
{
    return with_lambda(&multiplicative_lr_kind, optimizer, factor, context);
}
