/* Floor 6. Adagrad, as torch.optim.Adagrad. */
#include "optimizer.h"

enum { DECAY, EPS, MINUS_LR };

static double initial(const fac_optimizer_options *o)
{
    return o->initial_accumulator_value;
}

static void numbers(const fac_optimizer_options *o, double step, double *n)
{
    n[DECAY] = o->weight_decay;
    n[EPS] = o->eps;
    n[MINUS_LR] = -(o->lr / (1 + (step - 1) * o->lr_decay));
}

static void write(fac__step_code *s, const fac_optimizer_options *o, bool first)
{
    fac__reg p = fac__the_param(s), g = fac__decayed_gradient(s, o, DECAY);
    fac__reg sum = fac__emit(s, add_scaled, fac__the_slot(s, 0), g, g);
    fac__set_slot(s, 0, sum);
    fac__reg root = fac__emit(s, sqrt_plus, sum, fac__the_number(s, EPS));
    fac__set_param(s, fac__emit(s, addcdiv, p, g, root, fac__the_number(s, MINUS_LR)));
}

fac_optimizer *fac_adagrad_with(fac_tensor_list params, fac_optimizer_options options)
{
    static const fac__optimizer_kind adagrad = {
        .name = "Adagrad",
        .slots = {"sum"},
        .options = {{"lr", 1e-2},
                    {"lr_decay", 0},
                    {"weight_decay", 0},
                    {"initial_accumulator_value", 0},
                    {"eps", 1e-10},
                    {"maximize", 0}},
        .initial = initial,
        .write = write,
        .numbers = numbers,
    };
    return fac__optimizer_new(&adagrad, params, options);
}
