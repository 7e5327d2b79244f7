/* Floor 6. Writing an optimiser's step down as a pointwise program. While it is written, registers say what they mean;
 * at the end they get their numbers: inputs, then constants, then instructions. */
#include "optimizer.h"

#include <string.h>

static fac__reg place(fac__step_code *s, int at)
{
    for (int i = 0; i < s->program->n_in; i++)
        if (s->in[i] == at) return (fac__reg)(FAC__REG_INPUT | i);
    s->in[s->program->n_in] = (uint8_t)at;
    return (fac__reg)(FAC__REG_INPUT | s->program->n_in++);
}

fac__reg fac__the_param(fac__step_code *s)
{
    return place(s, FAC__AT_PARAM);
}

fac__reg fac__the_gradient(fac__step_code *s)
{
    return place(s, FAC__AT_GRADIENT);
}

fac__reg fac__the_slot(fac__step_code *s, int i)
{
    return place(s, FAC__AT_SLOT + i);
}

fac__reg fac__the_number(fac__step_code *s, int i)
{
    if (i >= FAC__PW_CONST) s->too_long = true;
    if (i >= s->program->n_const) s->program->n_const = (uint8_t)(i + 1);
    return (fac__reg)(FAC__REG_NUMBER | i);
}

fac__reg fac__emit_row(fac__step_code *s, fac__row row, const fac__reg *in)
{
    if (s->program->n_code == FAC__PW_CODE) return s->too_long = true, 0;
    fac__instr *instr = &s->program->code[s->program->n_code];
    instr->row = row;
    memcpy(instr->in, in, sizeof instr->in);
    return (fac__reg)(FAC__REG_CODE | s->program->n_code++);
}

static void set(fac__step_code *s, int at, fac__reg value)
{
    if (s->program->n_out == FAC__PW_OUT) {
        s->too_long = true;
        return;
    }
    s->out[s->program->n_out] = (uint8_t)at;
    s->program->out[s->program->n_out++] = value;
}

void fac__set_param(fac__step_code *s, fac__reg value)
{
    set(s, FAC__AT_PARAM, value);
}

void fac__set_slot(fac__step_code *s, int i, fac__reg value)
{
    set(s, FAC__AT_SLOT + i, value);
}

fac__reg fac__decayed_gradient(fac__step_code *s, const fac_optimizer_options *o, int decay)
{
    fac__reg g = fac__the_gradient(s);
    if (o->maximize != 0) g = fac__emit(s, neg, g);
    if (o->weight_decay != 0) g = fac__emit(s, add_scaled, g, fac__the_param(s), fac__the_number(s, decay));
    return g;
}

bool fac__group_write(const fac_optimizer *optimizer, fac__group *group)
{
    fac__program before = group->args[0].program;
    group->numbers_of = 0;
    memset(group->uses, 0, sizeof group->uses);
    for (int first = 0; first < 2; first++) {
        fac__step_code *s = &group->code[first];
        *s = (fac__step_code){.program = &group->args[first].program};
        *s->program = (fac__program){.n_code = 0};
        optimizer->kind->write(s, &group->options, first);
        s->n_in = s->program->n_in;
        s->n_out = s->program->n_out;
        if (s->too_long) return fac__runtime_error("the step of %s is too long", optimizer->kind->name), false;
        for (int i = 0; i < s->program->n_code; i++)
            for (int k = 0; k < s->program->code[i].row->arity; k++) {
                fac__reg *in = &s->program->code[i].in[k];
                *in = fac__settle_register(*in, s->program);
            }
        for (int i = 0; i < s->program->n_out; i++) {
            s->program->out[i] = fac__settle_register(s->program->out[i], s->program);
            if (s->out[i] >= FAC__AT_SLOT) group->uses[s->out[i] - FAC__AT_SLOT] = true;
        }
        s->program = NULL; /* groups move when there come more */
    }
    if (memcmp(&before, &group->args[0].program, sizeof before) != 0) group->programs++;
    return true;
}
