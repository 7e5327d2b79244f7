/* Floor 6. Stochastic gradient descent with momentum, as torch.optim.SGD. */
#include "optimizer.h"

#include <math.h>

enum { MINUS_LR, MOMENTUM, UNDAMPED, DECAY };

static bool check(const fac_optimizer_options *o)
{
    if (o->nesterov != 0 && (o->momentum <= 0 || o->dampening != 0))
        return fac__value_error("Nesterov momentum requires a momentum and zero dampening"), false;
    return true;
}

static void numbers(const fac_optimizer_options *o, double step, double *n)
{
    n[DECAY] = o->weight_decay;
    n[MOMENTUM] = o->momentum;
    n[UNDAMPED] = 1 - o->dampening;
    n[MINUS_LR] = -o->lr;
}

static void write(fac__step_code *s, const fac_optimizer_options *o, bool first)
{
    fac__reg p = fac__the_param(s), d = fac__decayed_gradient(s, o, DECAY);
    if (o->momentum != 0) {
        fac__reg buffer = d; /* at first the momentum is the gradient itself, undamped */
        if (!first)
            buffer =
                fac__emit(s, mix, fac__the_slot(s, 0), fac__the_number(s, MOMENTUM), d, fac__the_number(s, UNDAMPED));
        fac__set_slot(s, 0, buffer);
        d = o->nesterov != 0 ? fac__emit(s, add_scaled, d, buffer, fac__the_number(s, MOMENTUM)) : buffer;
    }
    fac__set_param(s, fac__emit(s, add_scaled, p, d, fac__the_number(s, MINUS_LR)));
}

fac_optimizer *fac_sgd_with(fac_tensor_list params, fac_optimizer_options options)
{
    static const fac__optimizer_kind sgd = {
        .name = "SGD",
        .slots = {"momentum_buffer"},
        .options = {{"lr", INFINITY},
                    {"momentum", 0},
                    {"dampening", 0},
                    {"weight_decay", 0},
                    {"nesterov", 0},
                    {"maximize", 0}},
        .check = check,
        .write = write,
        .numbers = numbers,
    };
    return fac__optimizer_new(&sgd, params, options);
}
