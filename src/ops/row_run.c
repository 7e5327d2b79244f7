/* Floor 4. Element-wise operations: one way for all rows of pointwise.def. Checks and broadcasts the arguments, decides
 * dtypes, runs the row as a program of one instruction, and records how to run its derivative. */
#include <string.h>

#include "derivative.h"
#include "facula/ops_create.h"
#include "facula/ops_view.h"
#include "op.h"

/* ---- running programs --------------------------------------------------------------------------------------- */

bool fac__run_program(const fac__program *program, fac_dtype compute, int ndim, const int64_t *shape,
                      fac_tensor *const *ins, const fac_scalar *constants, fac_tensor *const *outs)
{
    /* Small tensors are common, so only what a program uses is copied, once, straight to where the kernel reads it. */
    fac__pointwise_args args;
    memcpy(&args.program, program, offsetof(fac__program, code));
    for (int i = 0; i < program->n_code; i++)
        args.program.code[i] = program->code[i];
    args.compute = compute;
    args.ndim = ndim;
    for (int i = 0; i < ndim; i++)
        args.shape[i] = shape[i];
    for (int i = 0; i < program->n_const; i++)
        args.constants[i] = constants[i];
    for (int i = 0; i < program->n_in; i++)
        fac__set_operand(&args.in[i], ins[i], ndim, shape);
    for (int i = 0; i < program->n_out; i++)
        fac__set_operand(&args.out[i], outs[i], ndim, shape);
    FAC__LAUNCH(fac__k_pointwise, args);
    return true;
}

/* The row as a call, where the result and all tensors lie in a row and are of the compute type; else false. */
static bool as_call(fac__row row, const fac__arg *args, fac_dtype compute, const fac_tensor *out, fac__row_call *c)
{
    if (fac__recording_now() || !out->contiguous || out->dtype != compute) return false;
    c->row = row;
    c->compute = compute;
    c->n = out->numel;
    c->out = fac__address(out);
    for (int i = 0; i < row->arity; i++) {
        const fac_tensor *t = args[i].t;
        c->in[i] = NULL;
        c->one[i] = true;
        if (!t) {
            c->numbers[i] = args[i].s;
            continue;
        }
        if (!t->contiguous || t->dtype != compute || (t->numel != c->n && t->numel != 1)) return false;
        c->in[i] = fac__address(t);
        c->one[i] = t->numel == 1;
    }
    return true;
}

/* Tensors become the kernel's inputs, numbers its constants, which come behind them. Kept out of what little tensors run
 * through. */
static __attribute__((noinline)) void run_row_program(fac__row row, const fac__arg *args, fac_dtype compute,
                                                      fac_tensor *out)
{
    fac_tensor *ins[4];
    fac_scalar constants[4];
    fac__program p;
    int arity = row->arity, n_in = 0, n_const = 0;
    for (int i = 0; i < arity; i++)
        n_in += args[i].t != NULL;
    for (int i = 0, at = 0; i < arity; i++)
        if (args[i].t) {
            ins[at] = args[i].t;
            p.code[0].in[i] = (uint8_t)at++;
        } else {
            constants[n_const] = args[i].s;
            p.code[0].in[i] = (uint8_t)(n_in + n_const++);
        }
    p.code[0].row = row;
    p.n_in = (uint8_t)n_in;
    p.n_const = (uint8_t)n_const;
    p.n_code = p.n_out = 1;
    p.out[0] = (uint8_t)arity;
    fac__run_program(&p, compute, out->ndim, out->shape, ins, constants, &out);
}

void fac__run_row(fac__row row, const fac__arg *args, fac_dtype compute, fac_tensor *out)
{
    fac__row_call call;
    if (as_call(row, args, compute, out, &call))
        fac__launch_row(&call);
    else
        run_row_program(row, args, compute, out);
}

/* A program whose inputs are tensors and numbers: these become constants in front of the program's own. */
static bool run_mixed(const fac__program *program, const fac__arg *args, const fac_scalar *constants, fac_dtype compute,
                      fac_tensor *out)
{
    fac_tensor *ins[FAC__PW_IN];
    int n_in = 0, n_const = 0;
    for (int i = 0; i < program->n_in; i++)
        if (args[i].t) ins[n_in++] = args[i].t;
    if (n_in == program->n_in) return fac__run_program(program, compute, out->ndim, out->shape, ins, constants, &out);
    fac_scalar numbers[FAC__PW_CONST];
    uint8_t map[FAC__PW_IN + FAC__PW_CONST + FAC__PW_CODE];
    int total = program->n_in + program->n_const + program->n_code;
    for (int i = 0, at = 0; i < program->n_in; i++)
        if (args[i].t) {
            map[i] = (uint8_t)at++;
        } else {
            map[i] = (uint8_t)(n_in + n_const);
            numbers[n_const++] = args[i].s;
        }
    for (int i = 0; i < program->n_const; i++)
        numbers[n_const++] = constants[i];
    for (int i = program->n_in; i < total; i++)
        map[i] = (uint8_t)i;
    fac__program mixed = *program;
    mixed.n_in = (uint8_t)n_in;
    mixed.n_const = (uint8_t)n_const;
    for (int i = 0; i < program->n_code; i++)
        for (int k = 0; k < program->code[i].row->arity; k++)
            mixed.code[i].in[k] = map[program->code[i].in[k]];
    mixed.out[0] = map[program->out[0]];
    return fac__run_program(&mixed, compute, out->ndim, out->shape, ins, numbers, &out);
}

/* ---- backward ----------------------------------------------------------------------------------------------- */

typedef struct params {
    fac__row row;
    bool is_number[4];
    fac_scalar numbers[4]; /* of inputs that are no tensors */
} params;

/* Operation by operation, so that each step is recorded. */
static fac_tensor *derive_recorded(const fac__derivative *d, const fac__arg *vars)
{
    fac__arg regs[FAC__VARS + FAC__PW_CONST + FAC__PW_CODE];
    int count = 0;
    for (int i = 0; i < d->n_vars; i++)
        regs[count++] = vars[i];
    for (int i = 0; i < d->program.n_const; i++)
        regs[count++] = fac__scalar_arg(d->constants[i]);
    for (int i = 0; i < d->program.n_code; i++) {
        const fac__instr *code = &d->program.code[i];
        fac__arg in[4];
        bool any = false;
        for (int k = 0; k < code->row->arity; k++) {
            in[k] = regs[code->in[k]];
            any = any || in[k].t;
        }
        if (!any) { /* numbers only: one of them as a 0-d tensor */
            in[0].t = fac__own(fac__new_scalar(in[0].s));
            if (!in[0].t) return NULL;
        }
        fac_tensor *t = fac__pointwise(code->row, in, false);
        if (!t) return NULL;
        if (t->numel == 1 && t->ndim == 0 && !any) t->wrapped = true;
        regs[count++] = fac__tensor_arg(t);
    }
    return regs[d->program.out[0]].t;
}

/* Unrecorded. A program of one row is that row. */
static bool derive_into(const fac__derivative *d, const fac__arg *vars, fac_tensor *out)
{
    const fac__program *p = &d->program;
    fac_dtype compute = fac__compute_type((fac_dtype)out->dtype);
    if (p->n_code != 1) return run_mixed(p, vars, d->constants, compute, out);
    fac__arg in[4];
    for (int k = 0; k < p->code[0].row->arity; k++) {
        int r = p->code[0].in[k];
        in[k] = r < d->n_vars ? vars[r] : fac__scalar_arg(d->constants[r - d->n_vars]);
    }
    fac__run_row(p->code[0].row, in, compute, out);
    return true;
}

static fac_tensor *derive(const fac__derivative *d, const fac__arg *vars, fac_tensor *g)
{
    if (!d->zero && d->program.n_code == 0 && d->vars[d->program.out[0]] == FAC__VAR_G) return g;
    if (fac_is_grad_enabled() && !d->zero) return derive_recorded(d, vars);
    fac_tensor *out = fac__new_like(g, (fac_dtype)g->dtype);
    if (out && !derive_into(d, vars, out)) {
        fac_release(out);
        return NULL;
    }
    return fac__own(out);
}

static void pointwise_backward(fac__node *n, fac_tensor *const *gy, fac_tensor **gx)
{
    const params *p = n->params;
    const fac__derivative *d = fac__derivatives_of(p->row);
    for (int i = 0; i < p->row->arity; i++, d++) {
        if (!fac__wants(n, i) || !d->exists) continue;
        if (d->unknown) {
            fac__runtime_error("the derivative for '%s: %s' is not implemented.", p->row->name, i ? "other" : "self");
            return;
        }
        fac__arg vars[FAC__VARS];
        for (int k = 0; k < d->n_vars; k++) {
            int v = d->vars[k];
            if (v < FAC__VAR_Y && p->is_number[v])
                vars[k] = fac__scalar_arg(p->numbers[v]);
            else
                vars[k] = fac__tensor_arg(v == FAC__VAR_G ? gy[0] : fac__saved(n, v));
            if (!vars[k].t && vars[k].s.kind == FAC_DTYPE_NONE) return;
        }
        gx[i] = derive(d, vars, gy[0]);
        if (!gx[i]) return;
    }
}

/* Of an operation in place, whose first input is about to be overwritten: saves a copy of it, with its history. */
static bool save_before(fac__node *n, fac_tensor *self)
{
    fac_tensor *copy = fac__new_like(self, (fac_dtype)self->dtype);
    if (!copy) return false;
    fac__copy_into(copy, self);
    copy->grad_fn = fac__node_retain(n->edges[0].node);
    copy->output_nr = n->edges[0].nr;
    fac__save(n, 0, copy);
    fac_release(copy);
    return true;
}

/* NULL where nothing is to be recorded. Sets y_used when the derivatives need the output. */
static fac__node *record(fac__row row, const fac__arg *args, bool inplace, const char *name, bool *y_used)
{
    fac_tensor *in[4];
    int arity = row->arity;
    bool tracked = false;
    for (int i = 0; i < arity; i++) {
        in[i] = fac__tracked(args[i].t) ? args[i].t : NULL;
        tracked = tracked || in[i];
    }
    if (!tracked) return NULL;
    const fac__derivative *d = fac__derivatives_of(row);
    for (int i = 0; i < arity; i++)
        if (!d[i].exists) in[i] = NULL;
    fac__node *n =
        fac__record_n(name ? name : fac__row_backward_name(row), pointwise_backward, 1, 5, sizeof(params), arity, in);
    if (!n || n->failed) return n;
    params *p = n->params;
    p->row = row;
    unsigned uses = 0;
    for (int i = 0; i < arity; i++)
        if (fac__wants(n, i)) uses |= d[i].uses;
    for (int i = 0; i < arity; i++) {
        p->is_number[i] = !args[i].t;
        if (!args[i].t)
            p->numbers[i] = args[i].s;
        else if ((uses >> i & 1) == 0)
            continue;
        else if (!inplace || i > 0)
            fac__save(n, i, args[i].t);
        else if (!save_before(n, args[i].t))
            n->failed = true;
    }
    if ((uses & ~(1u << FAC__VAR_G)) == 0) n->n_saved = 0; /* backward may run again */
    *y_used = uses >> FAC__VAR_Y & 1;
    return n;
}

/* ---- forward ------------------------------------------------------------------------------------------------ */

static bool refuse(fac__row row, fac_dtype d)
{
    const char *name = row->name;
    if (row->id == FAC__ID_neg)
        fac__runtime_error(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead.");
    else if (row->id == FAC__ID_sub_plain)
        fac__runtime_error(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a "
            "mask, use the `~` or `logical_not()` operator instead.");
    else if (d == FAC_BOOL && row->rule == FAC__NOBOOL)
        fac__runtime_error("Boolean inputs not supported for %s", name);
    else
        fac__runtime_error("\"%s_cpu\" not implemented for '%s'", name, fac__dtype_word(d));
    return false;
}

/* By id: a row that is only compared with is not to be linked. The number of a row that does not take every one. */
static bool check_number(fac__row row, const fac__arg *args)
{
    double b = args[1].t ? 1 : fac_scalar_to_double(args[1].s);
    if (row->id == FAC__ID_celu && b == 0)
        return fac__runtime_error("ZeroDivisionError: alpha cannot be 0 for CELU"), false;
    if (row->id == FAC__ID_softshrink && !(b >= 0))
        return fac__runtime_error("lambda must be greater or equal to 0, but found to be %g.", b), false;
    return true;
}

/* The rows whose tensors must be of one dtype. */
static bool check_dtypes(fac__row row, const fac__arg *args)
{
    if (row->id != FAC__ID_heaviside && row->id != FAC__ID_lerp) return true;
    fac_dtype own = (fac_dtype)args[0].t->dtype;
    if (row->id == FAC__ID_heaviside && own != (fac_dtype)args[1].t->dtype)
        return fac__runtime_error("heaviside is not yet implemented for tensors with different dtypes."), false;
    for (int i = 1; i < 3 && row->id == FAC__ID_lerp; i++)
        if (own != (fac_dtype)args[i].t->dtype)
            return fac__runtime_error("expected dtype %s for `%s` but got dtype %s", fac_dtype_name(own),
                                      i == 1 ? "end" : "weight", fac_dtype_name((fac_dtype)args[i].t->dtype)),
                   false;
    return true;
}

/* An input that shares memory with the output without being it: read from a copy. */
static bool apart(fac__arg *arg, const fac_tensor *out)
{
    fac_tensor *t = arg->t;
    if (!t || t == out || t->storage != out->storage || !t->numel) return true;
    bool same = fac__same_shape(t, out) && t->offset == out->offset;
    for (int i = 0; i < t->ndim && same; i++)
        same = t->strides[i] == out->strides[i] || t->shape[i] == 1;
    if (same) return true;
    int64_t a = t->offset, b = out->offset;
    if (t->contiguous && out->contiguous) {
        if (a + t->numel <= b || b + out->numel <= a) return true;
        return fac__runtime_error(
                   "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
                   "single memory location. Please clone() the tensor before performing the operation."),
               false;
    }
    arg->t = fac__own(fac__new_like(t, (fac_dtype)t->dtype));
    return arg->t && fac__copy_into(arg->t, t);
}

/* PyTorch casts all inputs to the common dtype before it computes. A kernel's loads convert to the type that it computes
 * in, which is the same but where that dtype is narrower: there 300 is 44 to uint8, 0.1 is 0.0999756 to float16. */
bool fac__to_common(fac__arg *arg, fac_dtype common)
{
    fac_tensor *t = arg->t;
    fac_dtype from = t ? (fac_dtype)t->dtype : arg->s.kind;
    if (from == common || common == fac__compute_type(common)) return true;
    bool reduced = common == FAC_FLOAT16 || common == FAC_BFLOAT16;
    if (!t) {
        double element = 0;
        if (fac_dtype_is_floating(common)) {
            fac__store_double(common, &element, fac_scalar_to_double(arg->s));
            arg->s = fac_scalar_float(fac__load_double(common, &element));
        } else {
            fac__store_int(common, &element, fac_scalar_to_int(arg->s));
            arg->s = fac_scalar_int(fac__load_int(common, &element));
        }
        return true;
    }
    bool fits = fac_promote_types(from, common) == common && !(reduced && fac_dtype_size(from) > 1);
    if (fits) return true;
    arg->t = fac__own(fac__new_like(t, common));
    return arg->t && fac__copy_into(arg->t, t);
}

static bool broadcast(int n, const fac__arg *args, int *ndim, int64_t *shape)
{
    const fac_tensor *first = NULL;
    *ndim = 0;
    for (int i = 0; i < n; i++) {
        const fac_tensor *t = args[i].t;
        if (!t) continue;
        if (!first) {
            first = t;
            *ndim = t->ndim;
            for (int d = 0; d < t->ndim; d++)
                shape[d] = t->shape[d];
        } else if (!fac__same_shape(t, first) && !fac__broadcast_shapes(*ndim, shape, t->ndim, t->shape, ndim, shape)) {
            return false;
        }
    }
    return true;
}

fac_tensor *fac__pointwise_as(fac__row row, fac__arg *args, fac_dtype common, fac_dtype result, bool inplace,
                              const char *name)
{
    int ndim;
    int64_t shape[FAC_MAX_DIMS];
    if (!broadcast(row->arity, args, &ndim, shape)) return NULL;
    fac_tensor *y = inplace ? args[0].t : NULL;
    if (inplace) {
        if (!fac__inplace_begin(y)) return NULL;
        if (ndim != y->ndim || memcmp(shape, y->shape, (size_t)ndim * sizeof *shape))
            return fac__runtime_error("output with shape %s doesn't match the broadcast shape %s",
                                      fac__shape_text(y->ndim, y->shape), fac__shape_text(ndim, shape));
        if (!fac__can_cast(result, (fac_dtype)y->dtype))
            return fac__runtime_error("result type %s can't be cast to the desired output type %s",
                                      fac__dtype_word(result), fac__dtype_word((fac_dtype)y->dtype));
    }
    bool y_used = false;
    fac__node *n = record(row, args, inplace, name, &y_used);
    bool narrow = common != fac__compute_type(common);                              /* else the kernel's loads do it */
    for (int i = row == FAC__ROW_where; narrow && i < row->n_tensors && i < 3; i++) /* addcmul's fourth is its value */
        if (!fac__to_common(&args[i], common)) return fac__node_release(n), NULL;
    if (inplace) {
        for (int i = 1; i < row->arity; i++)
            if (!apart(&args[i], y)) return fac__node_release(n), NULL;
    } else if (!(y = fac__new(result, ndim, shape))) {
        fac__node_release(n);
        return NULL;
    }
    fac__run_row(row, args, fac__compute_type(common), y);
    if (inplace) return fac__inplace_end(y, n, y_used ? FAC__VAR_Y : -1);
    if (y_used) fac__save_output(n, FAC__VAR_Y, y, 0);
    return fac__result(n, y);
}

fac_tensor *fac__pointwise(fac__row row, fac__arg *args, bool inplace)
{
    FAC__OP(row->name);
    static const char *const names[] = {"self", "other", "third", "fourth"};
    for (int i = 0; i < row->n_tensors; i++)
        if (!args[i].t && args[i].s.kind == FAC_DTYPE_NONE) return fac__null_error(names[i]);
    fac_dtype common = fac__result_type(row->n_tensors, args);
    bool floating = fac_dtype_is_floating(common);
    if (!check_dtypes(row, args)) return NULL;
    switch (row->rule) {
    case FAC__SAME:
        if (row == FAC__ROW_square && common == FAC_BOOL) common = FAC_INT64; /* it is pow(self, 2) */
        if ((row == FAC__ROW_remainder || row == FAC__ROW_fmod) && !floating && !fac__check_divisor(args, common))
            return NULL;
        break;
    case FAC__NOBOOL:
        if (common == FAC_BOOL) return refuse(row, common), NULL;
        break;
    case FAC__FLOAT:
        if (!floating) common = fac_get_default_dtype();
        break;
    case FAC__FLOATS:
        if (!floating) return refuse(row, common), NULL;
        if (row->arity > row->n_tensors && !check_number(row, args)) return NULL;
        break;
    case FAC__COMPARE: return fac__pointwise_as(row, args, common, FAC_BOOL, inplace, NULL);
    case FAC__BITS:
        if (floating) return refuse(row, common), NULL;
        if (row == FAC__ROW_bitwise_not && common == FAC_BOOL) row = FAC__ROW_logical_not;
        break;
    }
    return fac__pointwise_as(row, args, common, common, inplace, NULL);
}
