/* Floor 1. A small pointwise program that runs again and again (a captured step's): which loops to call with which memory is
 * decided once, so that a run costs the calls alone. The calls are those that the kernel makes for such a program. */
#include <string.h>

#include "backend/cpu/pointwise_parts.h"

enum { MOST = 256, REGISTERS = FAC__PW_IN + FAC__PW_CONST + FAC__PW_CODE, ROOM = 16 * 1024 };

/* An operand that is brought into a buffer, or from one, by one of the loops that move a matrix. */
typedef struct move {
    fac__move_loop loop;
    char *to;
    const char *from;
    int64_t to_row, to_col, from_row, from_col, rows, cols;
} move;

typedef struct call {
    fac__row_loop loop;
    char *out;
    const char *in[4];
} call;

typedef struct ready {
    int n_loads, n_numbers, n_calls, n_stores;
    int64_t n;
    fac__compute type;
    fac__move_loop fill;
    move loads[FAC__PW_IN], stores[FAC__PW_OUT];
    char *numbers[FAC__PW_CONST];
    fac_scalar filled[FAC__PW_CONST]; /* what the buffers of the constants hold */
    call calls[FAC__PW_CODE];
    char buffers[] __attribute__((aligned(64)));
} ready;

static void fill_number(ready *r, int i, fac_scalar value)
{
    double number;
    fac__set_number(&number, r->type, value);
    r->fill(r->numbers[i], 0, 1, &number, 0, 0, 1, r->n);
    r->filled[i] = value;
}

/* Do the elements of operand k, outputs behind inputs, lie in a row? */
static bool in_a_row(const fac__matrix_view *m, int k)
{
    return (m->size[0] == 1 || m->strides[k][0] == 1) && (m->size[1] == 1 || m->strides[k][1] == m->size[0]);
}

/* Is memory at p read after instruction `done`? Outputs are written at once where it is not. */
static bool read_later(const fac__pointwise_args *a, const char *p, int done)
{
    for (int i = done + 1; i < a->program.n_code; i++)
        for (int k = 0; k < a->program.code[i].row->arity; k++)
            if (a->program.code[i].in[k] < a->program.n_in && a->in[a->program.code[i].in[k]].data == p) return true;
    return false;
}

static bool prepare(const fac__pointwise_args *a, ready *r)
{
    const fac__program *p = &a->program;
    const fac__move_table *table = &FAC__ISA_PICK(fac__move_table);
    fac__isa isa = fac__cpu_isa();
    size_t size = a->compute == FAC_FLOAT32 ? 4 : 8, piece = ((size_t)r->n * size + 63) / 64 * 64;
    int first = p->n_in + p->n_const;
    char *next = r->buffers;
    const char *registers[REGISTERS];
    fac__matrix_view view;
    if (!fac__as_matrices(a, &view)) return false;
    int64_t rows = view.size[1], cols = view.size[0];
    r->type = fac__compute_of(a->compute);
    r->fill = table->load[r->type][a->compute];
    for (int k = 0; k < p->n_in; k++) {
        registers[k] = a->in[k].data;
        if (a->in[k].dtype == a->compute && in_a_row(&view, k)) continue;
        r->loads[r->n_loads++] = (move){.loop = table->load[r->type][a->in[k].dtype],
                                        .to = next,
                                        .from = a->in[k].data,
                                        .to_row = cols,
                                        .to_col = 1,
                                        .from_row = view.strides[k][1],
                                        .from_col = view.strides[k][0],
                                        .rows = rows,
                                        .cols = cols};
        registers[k] = next;
        next += piece;
    }
    for (int i = 0; i < p->n_const; i++, next += piece) {
        registers[p->n_in + i] = r->numbers[i] = next;
        fill_number(r, i, a->constants[i]);
    }
    r->n_numbers = p->n_const;
    for (int i = 0; i < p->n_code; i++) {
        call *c = &r->calls[i];
        c->loop = p->code[i].row->loops[isa][r->type];
        for (int k = 0; k < p->code[i].row->arity; k++)
            c->in[k] = registers[p->code[i].in[k]];
        registers[first + i] = c->out = next;
        next += piece;
        for (int o = 0; o < p->n_out; o++) {
            const fac__operand *out = &a->out[o];
            if (p->out[o] == first + i && c->out != out->data && out->dtype == a->compute &&
                in_a_row(&view, p->n_in + o) && !read_later(a, out->data, i)) {
                registers[first + i] = c->out = out->data;
                break;
            }
        }
    }
    r->n_calls = p->n_code;
    for (int o = 0; o < p->n_out; o++) {
        const fac__operand *out = &a->out[o];
        const char *from = registers[p->out[o]];
        if (from == out->data) continue;
        r->stores[r->n_stores++] = (move){.loop = table->store[r->type][out->dtype],
                                          .to = out->data,
                                          .from = from,
                                          .to_row = view.strides[p->n_in + o][1],
                                          .to_col = view.strides[p->n_in + o][0],
                                          .from_row = cols,
                                          .from_col = 1,
                                          .rows = rows,
                                          .cols = cols};
    }
    return true;
}

size_t fac__pointwise_ready(const void *args, void *state)
{
    const fac__pointwise_args *a = args;
    const fac__program *p = &a->program;
    int64_t n = fac__pointwise_numel(a);
    size_t registers = (size_t)(p->n_in + p->n_const + p->n_code);
    size_t room = sizeof(ready) + registers * (((size_t)n * 8 + 63) / 64 * 64);
    if (n > MOST || n == 0 || room > ROOM) return 0;
    if (!state) return room;
    ready *r = state;
    memset(r, 0, sizeof *r);
    r->n = n;
    return prepare(a, r) ? room : 0;
}

static void run_move(const move *m)
{
    m->loop(m->to, m->to_row, m->to_col, m->from, m->from_row, m->from_col, m->rows, m->cols);
}

void fac__pointwise_run_ready(const void *args, const void *state)
{
    const fac__pointwise_args *a = args;
    ready *r = (ready *)state;
    for (int i = 0; i < r->n_loads; i++)
        run_move(&r->loads[i]);
    for (int i = 0; i < r->n_numbers; i++)
        if (a->constants[i].v.i != r->filled[i].v.i) fill_number(r, i, a->constants[i]);
    for (int i = 0; i < r->n_calls; i++) {
        const call *c = &r->calls[i];
        c->loop(c->out, c->in[0], c->in[1], c->in[2], c->in[3], r->n);
    }
    for (int i = 0; i < r->n_stores; i++)
        run_move(&r->stores[i]);
}
