/* Floor 6. Adam and AdamW, as torch.optim's. They differ in how the weights decay. */
#include "optimizer.h"

#include <math.h>

enum { DECAY, BETA1, REST1, BETA2, REST2, ROOT, EPS, STEP };

static void numbers(const fac_optimizer_options *o, double step, double *n)
{
    n[DECAY] = o->weight_decay;
    n[BETA1] = o->beta1;
    n[REST1] = 1 - o->beta1;
    n[BETA2] = o->beta2;
    n[REST2] = 1 - o->beta2;
    n[ROOT] = sqrt(1 - pow(o->beta2, step));
    n[EPS] = o->eps;
    n[STEP] = -(o->lr / (1 - pow(o->beta1, step)));
}

static void numbers_adamw(const fac_optimizer_options *o, double step, double *n)
{
    numbers(o, step, n);
    n[DECAY] = 1 - o->lr * o->weight_decay;
}

static void write_moments(fac__step_code *s, const fac_optimizer_options *o, fac__reg p, fac__reg g)
{
    fac__reg m = fac__emit(s, mix, fac__the_slot(s, 0), fac__the_number(s, BETA1), g, fac__the_number(s, REST1));
    fac__reg v = fac__emit(s, mix_square, fac__the_slot(s, 1), fac__the_number(s, BETA2), g, fac__the_number(s, REST2));
    fac__set_slot(s, 0, m);
    fac__set_slot(s, 1, v);
    if (o->amsgrad != 0) {
        v = fac__emit(s, maximum, fac__the_slot(s, 2), v);
        fac__set_slot(s, 2, v);
    }
    fac__reg below = fac__emit(s, sqrt_div_plus, v, fac__the_number(s, ROOT), fac__the_number(s, EPS));
    fac__set_param(s, fac__emit(s, addcdiv, p, m, below, fac__the_number(s, STEP)));
}

static void write_adam(fac__step_code *s, const fac_optimizer_options *o, bool first)
{
    fac__reg p = fac__the_param(s);
    write_moments(s, o, p, fac__decayed_gradient(s, o, DECAY));
}

static void write_adamw(fac__step_code *s, const fac_optimizer_options *o, bool first)
{
    fac__reg p = fac__emit(s, mul, fac__the_param(s), fac__the_number(s, DECAY)), g = fac__the_gradient(s);
    write_moments(s, o, p, o->maximize != 0 ? fac__emit(s, neg, g) : g);
}

fac_optimizer *fac_adam_with(fac_tensor_list params, fac_optimizer_options options)
{
    static const fac__optimizer_kind adam = {
        .name = "Adam",
        .slots = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"},
        .options = {{"lr", 1e-3},
                    {"beta1", 0.9},
                    {"beta2", 0.999},
                    {"eps", 1e-8},
                    {"weight_decay", 0},
                    {"amsgrad", 0},
                    {"maximize", 0}},
        .write = write_adam,
        .numbers = numbers,
    };
    return fac__optimizer_new(&adam, params, options);
}

fac_optimizer *fac_adamw_with(fac_tensor_list params, fac_optimizer_options options)
{
    static const fac__optimizer_kind adamw = {
        .name = "AdamW",
        .slots = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"},
        .options = {{"lr", 1e-3},
                    {"beta1", 0.9},
                    {"beta2", 0.999},
                    {"eps", 1e-8},
                    {"weight_decay", 1e-2},
                    {"amsgrad", 0},
                    {"maximize", 0}},
        .write = write_adamw,
        .numbers = numbers_adamw,
    };
    return fac__optimizer_new(&adamw, params, options);
}
