/* Floor 6. What an optimiser is made of. One is added by writing one file (sgd.c is the shortest): which options it
 * takes, which states it keeps for a parameter, its step as a pointwise program, and the numbers in that program. All
 * else (groups, states, saving) is optimizer.c's and optimizer_state.c's. */
#ifndef FACULA_OPTIMIZER_INTERNAL_H
#define FACULA_OPTIMIZER_INTERNAL_H

#include "facula/optim.h"
#include "ops/op.h"
#include "options.h"

enum { FAC__SLOTS = 3, FAC__OPTIONS = sizeof(fac_optimizer_options) / sizeof(double) };

typedef struct fac__step_code fac__step_code; /* a program while it is written */
typedef uint8_t fac__reg;

typedef struct fac__optimizer_kind {
    const char *name;
    const char *slots[FAC__SLOTS + 1]; /* names of the states, tensors like the parameter */
    fac__preset options[FAC__OPTIONS];
    /* Reports what this optimiser alone refuses; may be NULL. Signs and ranges of options are checked for all. */
    bool (*check)(const fac_optimizer_options *o);
    /* Writes the step. Which instructions may depend on the options, and on whether the states are new. States that it
     * asks for exist; they are made, holding `initial`, when they are missing. */
    void (*write)(fac__step_code *s, const fac_optimizer_options *o, bool first);
    double (*initial)(const fac_optimizer_options *o); /* NULL: 0 */
    /* The numbers that fac__the_number(s, i) stands for, in step 1, 2, 3… of a parameter. */
    void (*numbers)(const fac_optimizer_options *o, double step, double *numbers);
} fac__optimizer_kind;

/* Makes one with a first group. */
fac_optimizer *fac__optimizer_new(const fac__optimizer_kind *kind, fac_tensor_list params,
                                  fac_optimizer_options options);

/* ---- writing a step ----------------------------------------------------------------------------------------- */

/* The values before the step: parameter, gradient, i-th state; and the i-th number. */
fac__reg fac__the_param(fac__step_code *s);
fac__reg fac__the_gradient(fac__step_code *s);
fac__reg fac__the_slot(fac__step_code *s, int i);
fac__reg fac__the_number(fac__step_code *s, int i);
/* Rows of pointwise.def: fac__emit(s, add_scaled, a, b, c) is a + b * c, rounded once. */
#define fac__emit(s, row, ...) fac__emit_row(s, FAC__ROW_##row, (fac__reg[4]){__VA_ARGS__})
fac__reg fac__emit_row(fac__step_code *s, fac__row row, const fac__reg *in);
/* The values after the step. */
void fac__set_param(fac__step_code *s, fac__reg value);
void fac__set_slot(fac__step_code *s, int i, fac__reg value);

/* The gradient as optimisers begin: negated where it is to be maximised, and, where there is weight_decay, which is
 * number `decay`, plus weight_decay * parameter. */
fac__reg fac__decayed_gradient(fac__step_code *s, const fac_optimizer_options *o, int decay);

/* ---- inside ------------------------------------------------------------------------------------------------- */

enum { FAC__AT_PARAM, FAC__AT_GRADIENT, FAC__AT_SLOT, FAC__PLACES = FAC__AT_SLOT + FAC__SLOTS };

struct fac__step_code {
    fac__program *program;                                 /* in the group's args, while it is written */
    uint8_t n_in, n_out, in[FAC__PW_IN], out[FAC__PW_OUT]; /* the places that the program's inputs and outputs are */
    bool too_long;
};

typedef struct fac__param_state {
    fac_tensor *param;
    int64_t step;                  /* steps taken */
    fac_tensor *slots[FAC__SLOTS]; /* NULL: not made yet */
} fac__param_state;

typedef struct fac__group {
    fac_optimizer_options options;
    double initial_lr; /* before any schedule; NAN: there was none */
    int64_t count;
    fac__param_state *params;
    fac__step_code code[2]; /* [first] */
    fac__pointwise_args args[2];
    bool uses[FAC__SLOTS];
    int64_t programs;   /* how many different ones there have been; options other than numbers make another */
    int64_t numbers_of; /* the step that the constants in args were computed for; 0: none */
} fac__group;

struct fac_optimizer {
    const fac__optimizer_kind *kind;
    fac_optimizer_options defaults; /* NAN: there is no such option */
    int n_groups;
    fac__group *groups;
};

extern const char *const fac__option_names[FAC__OPTIONS];
/* The i-th option. */
static inline double *fac__option(fac_optimizer_options *o, int i)
{
    return (double *)(void *)o + i;
}
/* Writes the group's programs anew, after its options changed. */
bool fac__group_write(const fac_optimizer *optimizer, fac__group *group);

#endif
