/* Floor 6. What all optimisers share: groups, options, errors, and the loop that runs a step. */
#include "optimizer.h"

#include <math.h>
#include <string.h>

const char *const fac__option_names[FAC__OPTIONS] = {
#define NAME(name) #name,
    FAC_OPTIMIZER_OPTIONS(NAME)
#undef NAME
};

/* ---- options ------------------------------------------------------------------------------------------------ */

/* What PyTorch says of values that are negative, or reach a limit. */
static const struct {
    const char *option, *message;
    double limit;
} ranges[] = {
    {"lr", "Invalid learning rate: %s", INFINITY},
    {"momentum", "Invalid momentum value: %s", INFINITY},
    {"weight_decay", "Invalid weight_decay value: %s", INFINITY},
    {"eps", "Invalid epsilon value: %s", INFINITY},
    {"beta1", "Invalid beta parameter at index 0: %s", 1},
    {"beta2", "Invalid beta parameter at index 1: %s", 1},
    {"alpha", "Invalid alpha value: %s", INFINITY},
    {"lr_decay", "Invalid lr_decay value: %s", INFINITY},
    {"initial_accumulator_value", "Invalid initial_accumulator_value value: %s", INFINITY},
};

static bool check_range(const char *option, double v)
{
    for (size_t k = 0; k < sizeof ranges / sizeof *ranges; k++) {
        if (strcmp(ranges[k].option, option) != 0 || (v >= 0 && (v < ranges[k].limit || isinf(ranges[k].limit))))
            continue;
        char text[48];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        fac__value_error(ranges[k].message, fac__float_text(v, text));
#pragma GCC diagnostic pop
        return false;
    }
    return true;
}

static bool check(const fac__optimizer_kind *kind, fac_optimizer_options *o)
{
    for (int i = 0; i < FAC__OPTIONS; i++) {
        double v = *fac__option(o, i);
        if (!isnan(v) && !check_range(fac__option_names[i], v)) return false;
    }
    return !kind->check || kind->check(o);
}

static double *option_of(const fac_optimizer *optimizer, int group, const char *name)
{
    FAC__NEED(optimizer);
    FAC__NEED(name);
    if (group < 0 || group >= optimizer->n_groups)
        return fac__index_error("param_groups[%d]: the optimizer has %d groups", group, optimizer->n_groups);
    for (int i = 0; i < FAC__OPTIONS; i++) {
        double *v = fac__option(&optimizer->groups[group].options, i);
        if (!strcmp(fac__option_names[i], name) && !isnan(*v)) return v;
    }
    return fac__value_error("%s has no option '%s'", optimizer->kind->name, name);
}

double fac_group_option(const fac_optimizer *optimizer, int group, const char *name)
{
    FAC__OP("group_option");
    const double *v = option_of(optimizer, group, name);
    return v ? *v : NAN;
}

bool fac_set_group_option(fac_optimizer *optimizer, int group, const char *name, double value)
{
    FAC__OP("set_group_option");
    double *v = option_of(optimizer, group, name);
    if (!v) return false;
    if (isnan(value)) return fac__value_error("%s must be a number, but got nan", name), false;
    *v = value;
    return fac__group_write(optimizer, &optimizer->groups[group]);
}

double fac_lr(const fac_optimizer *optimizer)
{
    FAC__OP("lr");
    return fac_group_option(optimizer, 0, "lr");
}

bool fac_set_lr(fac_optimizer *optimizer, double lr)
{
    FAC__OP("set_lr");
    FAC__NEED_OR(optimizer, false);
    for (int g = 0; g < optimizer->n_groups; g++)
        if (!fac_set_group_option(optimizer, g, "lr", lr)) return false;
    return true;
}

/* ---- groups ------------------------------------------------------------------------------------------------- */

static bool held(const fac_optimizer *optimizer, const fac_tensor *t)
{
    for (int g = 0; g < optimizer->n_groups; g++)
        for (int64_t i = 0; i < optimizer->groups[g].count; i++)
            if (optimizer->groups[g].params[i].param == t) return true;
    return false;
}

static bool check_params(const fac_optimizer *optimizer, fac_tensor_list params)
{
    if (!params.items && fac__self()->error) return false; /* the list is what is left of a failed call */
    if (params.count < 1 || !params.items) return fac__value_error("optimizer got an empty parameter list"), false;
    for (int64_t i = 0; i < params.count; i++) {
        const fac_tensor *t = params.items[i];
        if (!t) return fac__type_error("optimizer can only optimize Tensors, but one of the params is NoneType"), false;
        if (!fac_is_leaf(t) && !t->retains_grad) return fac__value_error("can't optimize a non-leaf Tensor"), false;
        for (int d = 0; d < t->ndim; d++)
            if (t->strides[d] == 0 && t->shape[d] > 1)
                return fac__runtime_error(
                           "unsupported operation: more than one element of the written-to tensor refers to "
                           "a single memory location. Please clone() the tensor before performing the "
                           "operation."),
                       false;
        for (int64_t k = 0; k < i; k++)
            if (params.items[k] == t)
                return fac__value_error("optimizer contains a parameter group with duplicate parameters"), false;
        if (held(optimizer, t))
            return fac__value_error("some parameters appear in more than one parameter group"), false;
    }
    return true;
}

bool fac_add_param_group_with(fac_optimizer *optimizer, fac_tensor_list params, fac_optimizer_options options)
{
    FAC__OP("add_param_group");
    FAC__NEED_OR(optimizer, false);
    if (!check_params(optimizer, params) ||
        !fac__options_complete(fac__option(&options, 0), fac__option(&optimizer->defaults, 0), fac__option_names,
                               FAC__OPTIONS, optimizer->kind->name) ||
        !check(optimizer->kind, &options))
        return false;
    int n = optimizer->n_groups;
    fac__group *groups = fac__realloc(optimizer->groups, (size_t)(n + 1) * sizeof *groups);
    if (!groups) return false;
    optimizer->groups = groups;
    groups[n] = (fac__group){.options = options, .initial_lr = NAN, .count = params.count};
    groups[n].params = fac__calloc((size_t)params.count * sizeof *groups[n].params);
    if (!groups[n].params || !fac__group_write(optimizer, &groups[n])) {
        fac__free(groups[n].params);
        return false;
    }
    for (int64_t i = 0; i < params.count; i++)
        groups[n].params[i].param = fac_keep(params.items[i]);
    optimizer->n_groups = n + 1;
    return true;
}

int fac_param_group_count(const fac_optimizer *optimizer)
{
    return optimizer ? optimizer->n_groups : 0;
}

fac_optimizer *fac__optimizer_new(const fac__optimizer_kind *kind, fac_tensor_list params,
                                  fac_optimizer_options options)
{
    FAC__OP(kind->name);
    fac_optimizer *optimizer = fac__calloc(sizeof *optimizer);
    if (!optimizer) return NULL;
    optimizer->kind = kind;
    fac__options_preset(fac__option(&optimizer->defaults, 0), fac__option_names, FAC__OPTIONS, kind->options);
    if (fac_add_param_group_with(optimizer, params, options)) {
        optimizer->defaults = optimizer->groups[0].options;
        return optimizer;
    }
    fac_optimizer_free(optimizer);
    return NULL;
}

void fac_optimizer_free(fac_optimizer *optimizer)
{
    if (!optimizer) return;
    for (int g = 0; g < optimizer->n_groups; g++) {
        fac__group *group = &optimizer->groups[g];
        for (int64_t i = 0; i < group->count; i++) {
            fac_release(group->params[i].param);
            for (int k = 0; k < FAC__SLOTS; k++)
                fac_release(group->params[i].slots[k]);
        }
        fac__free(group->params);
    }
    fac__free(optimizer->groups);
    fac__free(optimizer);
}

/* ---- a step ------------------------------------------------------------------------------------------------- */

static bool fill(fac_tensor *t, double value)
{
    fac__pointwise_args args;
    args.program = (fac__program){.n_const = 1, .n_out = 1, .out = {0}};
    args.compute = fac__compute_type((fac_dtype)t->dtype);
    args.ndim = t->ndim;
    memcpy(args.shape, t->shape, sizeof args.shape);
    args.constants[0] = fac_scalar_float(value);
    args.out[0] = fac__operand_of(t);
    FAC__LAUNCH(fac__k_pointwise, args);
    return true;
}

/* Makes the states that are missing; *first tells whether there were any. */
static bool make_slots(const fac_optimizer *optimizer, const fac__group *group, fac__param_state *state, bool *first)
{
    bool ok = true;
    *first = false;
    fac__recording_pause(); /* they last, and are made once */
    for (int k = 0; k < FAC__SLOTS && ok; k++) {
        if (!group->uses[k] || state->slots[k]) continue;
        *first = true;
        state->slots[k] = fac__new_like(state->param, (fac_dtype)state->param->dtype);
        ok = state->slots[k] != NULL;
        if (ok) fill(state->slots[k], optimizer->kind->initial ? optimizer->kind->initial(&group->options) : 0);
    }
    fac__recording_resume();
    return ok;
}

static void compute_numbers(const fac_optimizer *optimizer, fac__group *group, int64_t step)
{
    if (group->numbers_of == step) return;
    double numbers[FAC__PW_CONST] = {0};
    optimizer->kind->numbers(&group->options, (double)step, numbers);
    for (int first = 0; first < 2; first++)
        for (int i = 0; i < group->args[first].program.n_const; i++)
            group->args[first].constants[i] = fac_scalar_float(numbers[i]);
    group->numbers_of = step;
}

/* Field by field: operands that are made elsewhere and copied cost more than a small step's arithmetic. */
static void set_operand(fac__operand *o, const fac_tensor *t)
{
    o->data = fac__data(t);
    o->dtype = (fac_dtype)t->dtype;
    for (int d = 0; d < t->ndim; d++)
        o->strides[d] = t->strides[d];
}

/* Of a captured step: whose it is, and which of the group's programs it was. */
typedef struct replayed {
    fac_optimizer *optimizer;
    int group;
    int64_t param, programs;
} replayed;

/* Before a replay: one more step of that parameter, with the numbers that it now has. */
static bool refresh(const void *context, void *args_)
{
    const replayed *r = context;
    fac__group *group = &r->optimizer->groups[r->group];
    const fac__pointwise_args *now = &group->args[0];
    fac__pointwise_args *args = args_;
    if (group->programs != r->programs)
        return fac__runtime_error("the options of %s have changed since the step was captured: capture it again",
                                  r->optimizer->kind->name),
               false;
    compute_numbers(r->optimizer, group, ++group->params[r->param].step);
    for (int i = 0; i < now->program.n_const; i++)
        args->constants[i] = now->constants[i];
    return true;
}

static const fac__pointwise_args *prepare(fac__group *group, const fac__param_state *state, bool first)
{
    fac_tensor *p = state->param;
    const fac_tensor *places[] = {p, p->grad, state->slots[0], state->slots[1], state->slots[2]};
    const fac__step_code *code = &group->code[first];
    fac__pointwise_args *args = &group->args[first];
    args->compute = fac__compute_type((fac_dtype)p->dtype);
    args->ndim = p->ndim;
    for (int d = 0; d < p->ndim; d++)
        args->shape[d] = p->shape[d];
    for (int i = 0; i < code->n_in; i++)
        set_operand(&args->in[i], places[code->in[i]]);
    for (int i = 0; i < code->n_out; i++)
        set_operand(&args->out[i], places[code->out[i]]);
    return args;
}

/* What is captured is never the first step, even if this is: that happens once. */
static void record(fac_optimizer *optimizer, int g, int64_t i)
{
    fac__group *group = &optimizer->groups[g];
    replayed r = {.optimizer = optimizer, .group = g, .param = i, .programs = group->programs};
    const fac__pointwise_args *args = prepare(group, &group->params[i], false);
    fac__record_refreshed(&fac__k_pointwise, args, sizeof *args, refresh, &r, sizeof r);
}

static void run(fac_optimizer *optimizer, int g, int64_t i, bool first)
{
    fac__group *group = &optimizer->groups[g];
    fac_tensor *p = group->params[i].param;
    if (fac__recording_now()) record(optimizer, g, i);
    fac__recording_pause();
    FAC__LAUNCH(fac__k_pointwise, *prepare(group, &group->params[i], first));
    fac__recording_resume();
    p->storage->version++;
}

bool fac_step(fac_optimizer *optimizer)
{
    FAC__OP("step");
    FAC__NEED_OR(optimizer, false);
    for (int g = 0; g < optimizer->n_groups; g++) {
        fac__group *group = &optimizer->groups[g];
        for (int64_t i = 0; i < group->count; i++) {
            fac__param_state *state = &group->params[i];
            if (!state->param->grad) continue;
            bool first;
            fac__grad_read(state->param);
            if (!make_slots(optimizer, group, state, &first)) return false;
            compute_numbers(optimizer, group, ++state->step);
            run(optimizer, g, i, first);
        }
    }
    return true;
}

bool fac_zero_grad_with(fac_optimizer *optimizer, fac_zero_grad_options options)
{
    FAC__OP("zero_grad");
    FAC__NEED_OR(optimizer, false);
    for (int g = 0; g < optimizer->n_groups; g++)
        for (int64_t i = 0; i < optimizer->groups[g].count; i++) {
            fac_tensor *p = optimizer->groups[g].params[i].param;
            if (options.set_to_none || !p->grad) {
                fac_set_grad(p, NULL);
                continue;
            }
            fac__grad_read(p);
            /* A gradient with a history gives way to one without; others may be shared, and are overwritten. */
            fac_tensor *grad = p->grad->grad_fn ? fac__new_alias(p->grad) : fac_keep(p->grad);
            if (!grad) return false;
            fill(grad, 0);
            grad->storage->version++;
            grad->requires_grad = false;
            fac_set_grad(p, grad);
            fac_release(grad);
        }
    return true;
}
