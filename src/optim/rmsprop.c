/* Floor 6. RMSprop, plain, centered and with momentum, as torch.optim.RMSprop. */
#include "optimizer.h"

enum { DECAY, ALPHA, REST, EPS, MOMENTUM, MINUS_LR };
enum { SQUARES, BUFFER, MEANS };

static void numbers(const fac_optimizer_options *o, double step, double *n)
{
    n[DECAY] = o->weight_decay;
    n[ALPHA] = o->alpha;
    n[REST] = 1 - o->alpha;
    n[EPS] = o->eps;
    n[MOMENTUM] = o->momentum;
    n[MINUS_LR] = -o->lr;
}

static void write(fac__step_code *s, const fac_optimizer_options *o, bool first)
{
    fac__reg p = fac__the_param(s), g = fac__decayed_gradient(s, o, DECAY);
    fac__reg alpha = fac__the_number(s, ALPHA), rest = fac__the_number(s, REST);
    fac__reg squares = fac__emit(s, mix_square, fac__the_slot(s, SQUARES), alpha, g, rest);
    fac__set_slot(s, SQUARES, squares);
    if (o->centered != 0) {
        fac__reg mean = fac__emit(s, mix, fac__the_slot(s, MEANS), alpha, g, rest);
        fac__set_slot(s, MEANS, mean);
        squares = fac__emit(s, add_scaled, squares, fac__emit(s, neg, mean), mean);
    }
    fac__reg root = fac__emit(s, sqrt_plus, squares, fac__the_number(s, EPS));
    if (o->momentum > 0) {
        fac__reg buffer = fac__emit(s, mul, fac__the_slot(s, BUFFER), fac__the_number(s, MOMENTUM));
        buffer = fac__emit(s, add_plain, buffer, fac__emit(s, div, g, root));
        fac__set_slot(s, BUFFER, buffer);
        fac__set_param(s, fac__emit(s, add_scaled, p, buffer, fac__the_number(s, MINUS_LR)));
    } else {
        fac__set_param(s, fac__emit(s, addcdiv, p, g, root, fac__the_number(s, MINUS_LR)));
    }
}

fac_optimizer *fac_rmsprop_with(fac_tensor_list params, fac_optimizer_options options)
{
    static const fac__optimizer_kind rmsprop = {
        .name = "RMSprop",
        .slots = {"square_avg", "momentum_buffer", "grad_avg"},
        .options = {{"lr", 1e-2},
                    {"alpha", 0.99},
                    {"eps", 1e-8},
                    {"weight_decay", 0},
                    {"momentum", 0},
                    {"centered", 0},
                    {"maximize", 0}},
        .write = write,
        .numbers = numbers,
    };
    return fac__optimizer_new(&rmsprop, params, options);
}
