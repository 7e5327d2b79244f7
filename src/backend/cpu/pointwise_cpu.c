/* Floor 1. The pointwise kernel on the CPU, without its loops, which are isa/rows.c's.
 *
 * A program that is one row over operands that lie in memory as they are computed is one call of that row. All others
 * run box by box: a box is a piece of the shape that fits in L1. Operands that are not of the compute type, or do not
 * lie one after the other within a box, are brought into a buffer first; intermediate results live in buffers. */
#include "backend/cpu/pointwise_parts.h"

#include <string.h>

#include "backend/cpu/stream.h"

enum {
    REGISTERS = FAC__PW_IN + FAC__PW_CONST + FAC__PW_CODE,
    OPERANDS = FAC__PW_IN + FAC__PW_OUT,
    SCRATCH = 32 * 1024, /* bytes of all buffers of a thread */
    MOST = 2048,         /* elements of a box */
    FAR = 1 << 20,       /* bytes of inputs that are not expected in the L2 cache, */
    FAR_BOX = 512,       /* elements of a box of theirs, */
    FAR_CHUNK = 32,      /* and least boxes of a chunk, whose first ones nobody asked for ahead */
    STREAMED = 1024,     /* bytes computed at a time that then pass by the caches: reading goes on meanwhile */
    ASKED_AHEAD = 4096,  /* bytes between them and what is asked for */
    SMALL = 256,         /* elements for which a plan is made only if they have three dims or more */
    GRAIN = 32 * 1024    /* cheap rows' elements that are worth another thread */
};

/* ---- one row over plain memory ------------------------------------------------------------------------------ */

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Elements of a chunk: enough to be worth another thread, and of much work not too many small chunks, as memory is
 * fastest in long runs. */
static int64_t grain_of(int64_t numel, int64_t cost)
{
    int64_t enough = GRAIN / cost, part = numel / 128;
    return (enough > part ? enough : part) / 64 * 64;
}

/* A row that is to be cut: in blocks, on several threads. */
typedef struct cut_row {
    const fac__row_call *call;
    fac__row_loop loop;
    fac__move_loop fill;
    const char *in[4];
    size_t size; /* bytes of an element */
    int arity;
    bool repeated, streamed; /* an operand is one element for all; the result passes by the caches */
} cut_row;

static void run_cut(void *context, int64_t begin, int64_t end)
{
    const cut_row *s = context;
    const bool *one = s->call->one;
    const char *in[4] = {NULL};
    for (int k = 0; k < s->arity; k++)
        in[k] = s->in[k] + (one[k] ? 0 : s->size * (size_t)begin);
    char *out = (char *)s->call->out + s->size * (size_t)begin;
    if (!s->repeated && !s->streamed) {
        s->loop(out, in[0], in[1], in[2], in[3], end - begin);
        return;
    }
    /* What is one element for all is written out for a block's length. */
    char filled[4][SCRATCH / 4] __attribute__((aligned(64))), result[STREAMED] __attribute__((aligned(64)));
    int64_t block = least(end - begin, least(MOST, (s->streamed ? STREAMED : SCRATCH / 4) / (int64_t)s->size));
    for (int k = 0; k < s->arity; k++) {
        if (!one[k]) continue;
        s->fill(filled[k], 0, 1, in[k], 0, 0, 1, block);
        in[k] = filled[k];
    }
    for (int64_t at = begin; at < end; at += block) {
        int64_t n = least(block, end - at);
        for (int k = 0; k < s->arity && s->streamed; k++)
            if (!one[k]) fac__ask_for(in[k] + ASKED_AHEAD, s->size * (size_t)block);
        s->loop(s->streamed ? result : out, in[0], in[1], in[2], in[3], n);
        if (s->streamed) FAC__ISA_PICK(fac__stream)(out, result, s->size * (size_t)n);
        for (int k = 0; k < s->arity; k++)
            in[k] += one[k] ? 0 : s->size * (size_t)block;
        out += s->size * (size_t)block;
    }
    if (s->streamed) fac__stream_end();
}

/* Kept out of what little tensors run through. */
static __attribute__((noinline)) void cut(const fac__row_call *c, fac__row_loop loop, const char *const *in)
{
    fac__compute type = fac__compute_of(c->compute);
    cut_row s = {.call = c, .loop = loop, .fill = FAC__ISA_PICK(fac__move_table).load[type][c->compute]};
    s.size = type == FAC__F32 ? 4 : 8;
    s.arity = c->row->arity;
    s.streamed = fac__streams(c->n * (int64_t)s.size / 2); /* what is just above may be used again soon */
    for (int k = 0; k < s.arity; k++) {
        s.in[k] = in[k];
        s.repeated |= c->one[k];
        s.streamed &= in[k] != c->out; /* what was just read is in the cache */
    }
    if (c->n <= 1024)
        run_cut(&s, 0, c->n);
    else
        fac__parallel(c->n, grain_of(c->n, c->row->cost), run_cut, &s);
}

void fac__row_run(const fac__row_call *c)
{
    fac__compute type = fac__compute_of(c->compute);
    fac__row_loop loop = c->row->loops[fac__cpu_isa()][type];
    int arity = c->row->arity;
    double numbers[4];
    const char *in[4] = {NULL};
    bool repeated = false;
    for (int k = 0; k < arity; k++) {
        in[k] = c->in[k] ? c->in[k] : (const char *)&numbers[k];
        repeated |= c->one[k];
        if (!c->in[k]) fac__set_number(&numbers[k], type, c->numbers[k]);
    }
    if (c->n == 1 || (c->n <= 1024 && !repeated))
        loop(c->out, in[0], in[1], in[2], in[3], c->n);
    else
        cut(c, loop, in);
}

/* Runs the program when it is one row and its operands allow it. */
static bool try_row(const fac__pointwise_args *args, int64_t numel)
{
    const fac__program *p = &args->program;
    const fac__instr *code = &p->code[0];
    if (p->n_code != 1 || p->n_out != 1 || p->out[0] != p->n_in + p->n_const) return false;
    if (args->out[0].dtype != args->compute || fac__pointwise_layout(args, &args->out[0]) != 1) return false;
    fac__row_call c;
    c.row = code->row;
    c.compute = args->compute;
    c.n = numel;
    c.out = args->out[0].data;
    for (int k = 0; k < code->row->arity; k++) {
        int r = code->in[k], layout = 0;
        c.in[k] = NULL;
        if (r < p->n_in) {
            layout = fac__pointwise_layout(args, &args->in[r]);
            if (args->in[r].dtype != args->compute || layout < 0) return false;
            c.in[k] = args->in[r].data;
        } else {
            c.numbers[k] = args->constants[r - p->n_in];
        }
        c.one[k] = layout == 0;
    }
    fac__row_run(&c);
    return true;
}

/* Runs a short program over few elements, for which a plan would cost more than the work: every register in one piece, on
 * the stack but for those of inputs that lie in a row. */
static bool try_small(const fac__pointwise_args *args, int64_t numel)
{
    const fac__program *p = &args->program;
    fac__compute type = fac__compute_of(args->compute);
    size_t size = type == FAC__F32 ? 4 : 8, piece = ((size_t)numel * size + 63) / 64 * 64;
    int first = p->n_in + p->n_const;
    fac__matrix_view m;
    if (numel > SMALL || piece * (size_t)(first + p->n_code) > SCRATCH || !fac__as_matrices(args, &m)) return false;
    for (int o = 0; o < p->n_out && p->n_out > 1; o++)
        if (p->out[o] < p->n_in) return false; /* another output may overwrite it */
    const fac__move_table *table = &FAC__ISA_PICK(fac__move_table);
    fac__isa isa = fac__cpu_isa();
    char scratch[SCRATCH] __attribute__((aligned(64)));
    double numbers[FAC__PW_CONST];
    const char *registers[REGISTERS];
    int64_t lies[REGISTERS][2]; /* strides of a register's columns and rows */
    int64_t rows = m.size[1], cols = m.size[0];
    for (int r = 0; r < first; r++) {
        bool input = r < p->n_in;
        fac_dtype dtype = input ? args->in[r].dtype : args->compute;
        if (!input) fac__set_number(&numbers[r - p->n_in], type, args->constants[r - p->n_in]);
        registers[r] = input ? args->in[r].data : (const char *)&numbers[r - p->n_in];
        lies[r][0] = input ? m.strides[r][0] : 0;
        lies[r][1] = input ? m.strides[r][1] : 0;
        bool packed = (cols == 1 || lies[r][0] == 1) && (rows == 1 || lies[r][1] == cols);
        if (dtype == args->compute && (packed || !p->n_code)) continue; /* without code it is stored from where it is */
        char *to = scratch + piece * (size_t)r;
        table->load[type][dtype](to, cols, 1, registers[r], lies[r][1], lies[r][0], rows, cols);
        registers[r] = to;
        lies[r][0] = 1;
        lies[r][1] = cols;
    }
    for (int i = 0; i < p->n_code; i++) {
        const fac__instr *instr = &p->code[i];
        const char *in[4] = {NULL};
        for (int j = 0; j < instr->row->arity; j++)
            in[j] = registers[instr->in[j]];
        char *to = scratch + piece * (size_t)(first + i);
        instr->row->loops[isa][type](to, in[0], in[1], in[2], in[3], numel);
        registers[first + i] = to;
        lies[first + i][0] = 1;
        lies[first + i][1] = cols;
    }
    for (int o = 0; o < p->n_out; o++) {
        int r = p->out[o];
        const int64_t *strides = m.strides[p->n_in + o];
        table->store[type][args->out[o].dtype](args->out[o].data, strides[1], strides[0], registers[r], lies[r][1],
                                               lies[r][0], rows, cols);
    }
    return true;
}

/* ---- the plan ----------------------------------------------------------------------------------------------- */

typedef enum reach {
    DIRECT, /* used where it is */
    ONCE,   /* one element for all: filled into a buffer at the start */
    MOVED   /* through a buffer, box by box */
} reach;

typedef struct plan {
    const fac__pointwise_args *args;
    const fac__move_table *table;
    fac__isa isa;
    fac__compute type;
    int n_operands, ndim;
    size_t size;                                     /* bytes of a computed element */
    int64_t item[OPERANDS];                          /* bytes of an operand's element */
    int64_t shape[FAC_MAX_DIMS], box[FAC_MAX_DIMS];  /* after dims were sorted and merged */
    int64_t boxes[FAC_MAX_DIMS], n_boxes, box_numel; /* how many boxes along each dim */
    int64_t strides[OPERANDS][FAC_MAX_DIMS];         /* inputs, then outputs */
    reach reach[OPERANDS];
    int8_t buffer[REGISTERS]; /* which buffer a register lives in; -1: none */
    int8_t target[REGISTERS]; /* which output it is computed into directly; -1: none */
    bool far;                 /* operands are in memory, one box after the other */
    bool streamed;            /* direct outputs that are no inputs go there through buffers, by the caches */
    int n_buffers, across;    /* of a streamed transposed copy: the dim that is the last one's opposite */
} plan;

static inline const fac__operand *operand(const plan *p, int i)
{
    return fac__pointwise_operand(p->args, i);
}

static inline int64_t magnitude(int64_t stride)
{
    return stride < 0 ? -stride : stride;
}

/* Does dim d lie further out than e? By the first operand, outputs first, that tells the two apart. */
static bool further(const plan *p, int d, int e)
{
    int n_in = p->args->program.n_in;
    for (int k = 0; k < p->n_operands; k++) {
        const int64_t *strides = p->strides[(k + n_in) % p->n_operands];
        int64_t sd = magnitude(strides[d]), se = magnitude(strides[e]);
        if (sd != se && sd && se) return sd > se;
    }
    return false;
}

/* Brings the dims in memory order, leaves out those of size 1 and merges those that all operands pass in one stride. */
static void plan_dims(plan *p)
{
    const fac__pointwise_args *args = p->args;
    for (int k = 0; k < p->n_operands; k++)
        p->item[k] = (int64_t)fac_dtype_size(operand(p, k)->dtype);
    p->ndim = 0;
    for (int d = 0; d < args->ndim; d++) {
        if (args->shape[d] == 1) continue;
        p->shape[p->ndim] = args->shape[d];
        for (int k = 0; k < p->n_operands; k++)
            p->strides[k][p->ndim] = operand(p, k)->strides[d];
        p->ndim++;
    }
    for (int i = 1; i < p->ndim; i++)
        for (int d = i; d > 0 && further(p, d, d - 1); d--) {
            int64_t shape = p->shape[d];
            p->shape[d] = p->shape[d - 1], p->shape[d - 1] = shape;
            for (int k = 0; k < p->n_operands; k++) {
                int64_t stride = p->strides[k][d];
                p->strides[k][d] = p->strides[k][d - 1], p->strides[k][d - 1] = stride;
            }
        }
    int merged = 0; /* the dim that d may be merged into */
    for (int d = 1; d < p->ndim; d++) {
        bool joins = true;
        for (int k = 0; k < p->n_operands; k++)
            joins &= p->strides[k][merged] == p->strides[k][d] * p->shape[d];
        if (!joins) merged++;
        p->shape[merged] = joins ? p->shape[merged] * p->shape[d] : p->shape[d];
        for (int k = 0; k < p->n_operands; k++)
            p->strides[k][merged] = p->strides[k][d];
    }
    if (p->ndim == 0) {
        p->shape[0] = 1;
        for (int k = 0; k < p->n_operands; k++)
            p->strides[k][0] = 1;
    }
    p->ndim = merged + 1;
}

static void count_boxes(plan *p)
{
    p->n_boxes = p->box_numel = 1;
    for (int d = 0; d < p->ndim; d++) {
        p->boxes[d] = (p->shape[d] + p->box[d] - 1) / p->box[d];
        p->n_boxes *= p->boxes[d];
        p->box_numel *= p->box[d];
    }
}

/* A box of at most `room` elements. Returns whether it is a tile, whose rows are pieces of the shape's. */
static bool plan_box(plan *p, int64_t room)
{
    int last = p->ndim - 1, across = -1;
    int64_t nearest = INT64_MAX;
    /* An operand that is laid out across the others is read and written in square tiles, to use whole cache lines. */
    for (int k = 0; k < p->n_operands; k++)
        for (int d = 0; d < last; d++) {
            int64_t stride = magnitude(p->strides[k][d]);
            if (stride && stride < magnitude(p->strides[k][last]) && stride < nearest && p->shape[d] >= 8)
                nearest = stride, across = d;
        }
    bool tile = across >= 0 && p->shape[last] >= 8 && p->shape[last] * p->shape[across] > room;
    for (int d = 0; d < last; d++)
        p->box[d] = 1;
    if (tile) {
        p->box[last] = least(p->shape[last], room >= 512 ? 32 : 8);
        p->box[across] = least(p->shape[across], least(128, room / p->box[last]));
    } else if (p->shape[last] >= room) { /* pieces of a row, of like lengths */
        int64_t pieces = (p->shape[last] + room - 1) / room;
        p->box[last] = least(room, ((p->shape[last] + pieces - 1) / pieces + 15) / 16 * 16);
    } else { /* whole rows; long ones singly, as most operands are used in place then */
        p->box[last] = p->shape[last];
        int64_t filled = p->shape[last];
        for (int d = last - 1; d >= 0 && filled < 128; d--) {
            p->box[d] = least(p->shape[d], room / filled);
            filled *= p->box[d];
            if (p->box[d] < p->shape[d]) break;
        }
    }
    count_boxes(p);
    return tile;
}

/* Do the operand's elements lie one after the other in every box? */
static bool in_a_row(const plan *p, int k)
{
    int64_t expected = 1;
    for (int d = p->ndim - 1; d >= 0; d--) {
        if (p->box[d] == 1) continue;
        if (p->strides[k][d] != expected) return false;
        expected *= p->box[d];
    }
    return true;
}

/* Is input k read after instruction `done`, by another one or to be an output itself? */
static bool wanted_after(const fac__program *code, int k, int done)
{
    for (int i = done + 1; i < code->n_code; i++)
        for (int j = 0; j < code->code[i].row->arity; j++)
            if (code->code[i].in[j] == k) return true;
    for (int o = 0; o < code->n_out; o++)
        if (code->out[o] == k) return true;
    return false;
}

/* Does output o pass by the caches? Not where it is an input: what was just read is in the cache. */
static bool streams(const plan *p, int o)
{
    const fac__pointwise_args *args = p->args;
    bool in_place = false;
    for (int k = 0; k < args->program.n_in; k++)
        in_place |= args->in[k].data == args->out[o].data;
    return p->streamed && p->reach[args->program.n_in + o] == DIRECT && !in_place;
}

static void plan_reach(plan *p, bool tile)
{
    const fac__program *code = &p->args->program;
    int n_in = code->n_in, first = n_in + code->n_const;
    for (int k = 0; k < p->n_operands; k++) {
        bool once = k < n_in;
        for (int d = 0; d < p->ndim; d++)
            once &= p->strides[k][d] == 0;
        bool direct = !tile && operand(p, k)->dtype == p->args->compute && in_a_row(p, k);
        p->reach[k] = once ? ONCE : direct ? DIRECT : MOVED;
    }
    memset(p->target, -1, sizeof p->target);
    for (int o = 0; o < code->n_out; o++) {
        if (code->out[o] >= first && p->reach[n_in + o] == DIRECT && p->target[code->out[o]] < 0 && !streams(p, o))
            p->target[code->out[o]] = (int8_t)o;
        /* In place: an input that is wanted after its memory was overwritten (by its instruction or, for an output that
         * is not computed in place, after the last) needs a copy. */
        int done = code->out[o] >= first && p->target[code->out[o]] == o ? code->out[o] - first : code->n_code;
        for (int k = 0; k < n_in; k++)
            if (p->reach[k] == DIRECT && p->args->in[k].data == p->args->out[o].data && wanted_after(code, k, done))
                p->reach[k] = MOVED;
    }
}

/* Gives every register that is not direct a buffer; those of intermediate results are used again after the last use. */
static void plan_buffers(plan *p)
{
    const fac__program *code = &p->args->program;
    int n_in = code->n_in, first = n_in + code->n_const, free_count = 0;
    int8_t last_use[REGISTERS], free_list[REGISTERS];
    memset(last_use, -1, sizeof last_use);
    for (int i = 0; i < code->n_code; i++)
        for (int j = 0; j < code->code[i].row->arity; j++)
            last_use[code->code[i].in[j]] = (int8_t)i;
    for (int o = 0; o < code->n_out; o++)
        last_use[code->out[o]] = INT8_MAX;
    memset(p->buffer, -1, sizeof p->buffer);
    p->n_buffers = 0;
    for (int r = 0; r < first; r++)
        if (last_use[r] >= 0 && (r >= n_in || p->reach[r] != DIRECT)) p->buffer[r] = (int8_t)p->n_buffers++;
    for (int i = 0; i < code->n_code; i++) {
        /* What instruction i uses last is free already: rows may write over their input. */
        for (int j = 0; j < code->code[i].row->arity; j++) {
            int r = code->code[i].in[j];
            bool kept = r < first && !(r < n_in && p->reach[r] == MOVED);
            if (last_use[r] == i && !kept && p->buffer[r] >= 0) {
                free_list[free_count++] = p->buffer[r];
                last_use[r] = -2; /* an instruction may name a register twice */
            }
        }
        if (p->target[first + i] < 0)
            p->buffer[first + i] = free_count ? free_list[--free_count] : (int8_t)p->n_buffers++;
        if (last_use[first + i] == -1 && p->buffer[first + i] >= 0) free_list[free_count++] = p->buffer[first + i];
    }
}

static void make_plan(plan *p, const fac__pointwise_args *args)
{
    p->args = args;
    p->table = &FAC__ISA_PICK(fac__move_table);
    p->isa = fac__cpu_isa();
    p->type = fac__compute_of(args->compute);
    p->size = p->type == FAC__F32 ? 4 : 8;
    p->n_operands = args->program.n_in + args->program.n_out;
    p->streamed = fac__streams(fac__pointwise_numel(args) * (int64_t)p->size);
    plan_dims(p);
    /* As large a box as the buffers leave room for, if everything had to be moved. */
    int most_buffers = args->program.n_in + args->program.n_const + args->program.n_code + 1;
    if (most_buffers > 8) {
        for (int k = 0; k < p->n_operands; k++)
            p->reach[k] = MOVED;
        memset(p->target, -1, sizeof p->target);
        plan_buffers(p);
        most_buffers = p->n_buffers + 1;
    }
    p->far = p->ndim == 1 && fac__pointwise_numel(args) * (int64_t)p->size * args->program.n_in >= FAR;
    bool tile = plan_box(p, least(p->far ? FAR_BOX : MOST, SCRATCH / most_buffers / (int)p->size / 16 * 16));
    plan_reach(p, tile);
    plan_buffers(p);
}

/* ---- boxes -------------------------------------------------------------------------------------------------- */

/* Strides of a box whose elements lie in a row. */
static void packed_strides(const plan *p, const int64_t *extent, int64_t *strides)
{
    for (int64_t d = p->ndim - 1, n = 1; d >= 0; d--) {
        strides[d] = n;
        n *= extent[d];
    }
}

/* Moves a box of elements of these sizes in bytes between two places. */
static void move_box(const plan *p, fac__move_loop move, const int64_t *extent, char *to, size_t to_size,
                     const int64_t *to_strides, const char *from, size_t from_size, const int64_t *from_strides)
{
    int dims[FAC_MAX_DIMS + 2], n = 0; /* from the inside out; `move` does two */
    int64_t index[FAC_MAX_DIMS] = {0};
    for (int d = p->ndim - 1; d >= 0; d--)
        if (extent[d] > 1) dims[n++] = d;
    int col = n > 0 ? dims[0] : p->ndim - 1, row = n > 1 ? dims[1] : col;
    int64_t rows = n > 1 ? extent[row] : 1;
    for (;;) {
        move(to, to_strides[row], to_strides[col], from, from_strides[row], from_strides[col], rows, extent[col]);
        int i = 2;
        for (; i < n; i++) {
            int64_t back = ++index[i] < extent[dims[i]] ? 0 : extent[dims[i]];
            to += to_strides[dims[i]] * (1 - back) * (int64_t)to_size;
            from += from_strides[dims[i]] * (1 - back) * (int64_t)from_size;
            if (!back) break;
            index[i] = 0;
        }
        if (i >= n) return;
    }
}

/* Where box number `at` begins, how large it is (the last ones along a dim are cut), and how many elements that is. */
static int64_t find_box(const plan *p, int64_t at, int64_t *start, int64_t *extent)
{
    int64_t n = 1;
    for (int d = p->ndim - 1; d >= 0; d--) {
        int64_t i = at;
        if (d) i = at % p->boxes[d], at /= p->boxes[d];
        start[d] = i * p->box[d];
        extent[d] = least(p->box[d], p->shape[d] - start[d]);
        n *= extent[d];
    }
    return n;
}

static char *address(const plan *p, int k, const int64_t *start)
{
    int64_t offset = 0;
    for (int d = 0; d < p->ndim; d++)
        offset += start[d] * p->strides[k][d];
    return operand(p, k)->data + offset * p->item[k];
}

/* Asks for instruction i's share of the box after the next. Only the instruction that reads an operand first waits for
 * memory: so that it need not, and memory is at work during all the others. */
static inline __attribute__((always_inline)) void fetch_share(const plan *p, char *const *registers, int64_t n, int i)
{
    int64_t bytes = n * (int64_t)p->size, n_code = p->args->program.n_code;
    int64_t from = bytes * i / n_code / 64 * 64, to = bytes * (i + 1) / n_code;
    for (int k = 0; k < p->args->program.n_in; k++)
        if (p->reach[k] == DIRECT) fac__ask_for(registers[k] + 2 * bytes + from, (size_t)(to - from));
}

static void run_boxes(void *context, int64_t begin, int64_t end)
{
    const plan *p = context;
    const fac__program *code = &p->args->program;
    int n_in = code->n_in, first = n_in + code->n_const;
    char scratch[SCRATCH] __attribute__((aligned(64)));
    size_t buffer_size = p->n_buffers ? SCRATCH / (size_t)p->n_buffers / 64 * 64 : 0;
    char *registers[REGISTERS];
    for (int r = 0; r < first + code->n_code; r++)
        registers[r] = p->buffer[r] < 0 ? NULL : scratch + (size_t)p->buffer[r] * buffer_size;
    for (int r = 0; r < first; r++) {
        if (p->buffer[r] < 0) continue;
        double number;
        if (r >= n_in)
            fac__set_number(&number, p->type, p->args->constants[r - n_in]);
        else if (p->reach[r] != ONCE)
            continue;
        const void *from = r >= n_in ? (const void *)&number : p->args->in[r].data;
        fac_dtype dtype = r >= n_in ? p->args->compute : p->args->in[r].dtype;
        p->table->load[p->type][dtype](registers[r], 0, 1, from, 0, 0, 1, p->box_numel);
    }
    for (int64_t at = begin; at < end; at++) {
        int64_t start[FAC_MAX_DIMS], extent[FAC_MAX_DIMS], packed[FAC_MAX_DIMS];
        int64_t n = find_box(p, at, start, extent);
        packed_strides(p, extent, packed);
        for (int k = 0; k < n_in; k++) {
            fac_dtype dtype = p->args->in[k].dtype;
            if (p->reach[k] == DIRECT)
                registers[k] = address(p, k, start);
            else if (p->reach[k] == MOVED && p->buffer[k] >= 0)
                move_box(p, p->table->load[p->type][dtype], extent, registers[k], p->size, packed, address(p, k, start),
                         (size_t)p->item[k], p->strides[k]);
        }
        for (int i = 0; i < code->n_code; i++) {
            if (p->far) fetch_share(p, registers, n, i);
            const fac__instr *instr = &code->code[i];
            const char *in[4] = {NULL};
            for (int j = 0; j < instr->row->arity; j++)
                in[j] = registers[instr->in[j]];
            if (p->target[first + i] >= 0) registers[first + i] = address(p, n_in + p->target[first + i], start);
            instr->row->loops[p->isa][p->type](registers[first + i], in[0], in[1], in[2], in[3], n);
        }
        for (int o = 0; o < code->n_out; o++) {
            int r = code->out[o];
            fac_dtype dtype = p->args->out[o].dtype;
            if (p->target[r] == o) continue;
            char *to = address(p, n_in + o, start);
            if (streams(p, o))
                FAC__ISA_PICK(fac__stream)(to, registers[r], p->size * (size_t)n);
            else
                move_box(p, p->table->store[p->type][dtype], extent, to, (size_t)p->item[n_in + o],
                         p->strides[n_in + o], registers[r], p->size, packed);
        }
    }
    if (p->streamed) fac__stream_end();
}

/* ---- copies ------------------------------------------------------------------------------------------------- */

static void copy_bytes(void *context, int64_t begin, int64_t end)
{
    const fac__pointwise_args *args = context;
    const fac__operand *in = &args->in[args->program.out[0]];
    size_t size = fac_dtype_size(in->dtype);
    char *to = args->out[0].data + size * (size_t)begin;
    const char *from = in->data + size * (size_t)begin;
    if (!fac__streams((int64_t)size * fac__pointwise_numel(args))) {
        memcpy(to, from, size * (size_t)(end - begin));
    } else {
        FAC__ISA_PICK(fac__stream)(to, from, size * (size_t)(end - begin));
        fac__stream_end();
    }
}

/* Without a conversion the boxes need not pass through a buffer. */
static void copy_boxes(void *context, int64_t begin, int64_t end)
{
    const plan *p = context;
    int in = p->args->program.out[0], out = p->args->program.n_in;
    size_t size = (size_t)p->item[out];
    for (int64_t at = begin; at < end; at++) {
        int64_t start[FAC_MAX_DIMS], extent[FAC_MAX_DIMS];
        find_box(p, at, start, extent);
        move_box(p, p->table->copy[__builtin_ctzl(size)], extent, address(p, out, start), size, p->strides[out],
                 address(p, in, start), size, p->strides[in]);
    }
}

/* The dim along which `in` lies in a row while `out` does along the last, for a matrix of elements of four bytes that is
 * worth streaming and whose lines begin with rows of `out`; else -1. */
static int transposed_dim(const plan *p, int64_t numel)
{
    int last = p->ndim - 1, in = 0, out = 1;
    const fac__operand *to = &p->args->out[0];
    if (p->item[out] != 4 || !fac__streams(numel * 4) || p->strides[out][last] != 1) return -1;
    if ((uintptr_t)to->data % 64) return -1;
    int across = -1;
    for (int d = 0; d < last; d++) {
        if (p->strides[out][d] % 16) return -1;
        if (p->strides[in][d] == 1) across = d;
    }
    return across >= 0 && p->shape[across] >= 16 && p->shape[last] >= FAC__STREAM_COLUMNS ? across : -1;
}

static void copy_strips(void *context, int64_t begin, int64_t end)
{
    const plan *p = context;
    int last = p->ndim - 1, across = p->across;
    for (int64_t at = begin; at < end; at++) {
        int64_t start[FAC_MAX_DIMS], extent[FAC_MAX_DIMS];
        find_box(p, at, start, extent);
        FAC__ISA_PICK(fac__stream_transposed)
        ((uint32_t *)(void *)address(p, 1, start), p->strides[1][across],
         (const uint32_t *)(const void *)address(p, 0, start), p->strides[0][last], extent[across], extent[last]);
    }
    fac__stream_end();
}

/* Its plan, and that below, are kept out of what little tensors run through. */
static __attribute__((noinline)) bool try_copy(const fac__pointwise_args *args, int64_t numel)
{
    const fac__program *code = &args->program;
    if (code->n_code || code->n_out != 1 || code->out[0] >= code->n_in) return false;
    const fac__operand *in = &args->in[code->out[0]], *out = &args->out[0];
    if (in->dtype != out->dtype || code->n_in != 1) return false;
    if (in->data == out->data && memcmp(in->strides, out->strides, sizeof(int64_t) * (size_t)args->ndim) == 0)
        return true;
    if (fac__pointwise_layout(args, in) == 1 && fac__pointwise_layout(args, out) == 1) {
        fac__parallel(numel, grain_of(numel, 1) < 8 * GRAIN ? 8 * GRAIN : grain_of(numel, 1), copy_bytes, (void *)args);
        return true;
    }
    const fac__move_table *table = &FAC__ISA_PICK(fac__move_table);
    fac__matrix_view m;
    if (numel <= SMALL && fac__as_matrices(args, &m)) {
        int64_t *from = m.strides[0], *to = m.strides[1];
        table->copy[__builtin_ctzl(fac_dtype_size(in->dtype))](out->data, to[1], to[0], in->data, from[1], from[0],
                                                               m.size[1], m.size[0]);
        return true;
    }
    plan p;
    p.args = args;
    p.table = table;
    p.n_operands = 2;
    plan_dims(&p);
    p.across = transposed_dim(&p, numel);
    if (p.across >= 0) {
        for (int d = 0; d < p.ndim; d++)
            p.box[d] = 1;
        p.box[p.ndim - 1] = FAC__STREAM_COLUMNS;
        p.box[p.across] = least(p.shape[p.across], 2 * MOST);
        count_boxes(&p);
        fac__parallel(p.n_boxes, 2 * GRAIN / p.box_numel, copy_strips, &p);
        return true;
    }
    plan_box(&p, 2 * MOST);
    fac__parallel(p.n_boxes, 2 * GRAIN / p.box_numel, copy_boxes, &p);
    return true;
}

static __attribute__((noinline)) void run_plan(const fac__pointwise_args *args, int64_t numel)
{
    plan p;
    make_plan(&p, args);
    int64_t grain = 1;
    if (numel > 1024) {
        int64_t cost = 1;
        for (int i = 0; i < args->program.n_code; i++)
            cost += args->program.code[i].row->cost;
        grain = grain_of(numel, cost) / p.box_numel;
        if (p.far && grain < FAR_CHUNK) grain = FAR_CHUNK;
    } else {
        grain = p.n_boxes;
    }
    fac__parallel(p.n_boxes, grain, run_boxes, &p);
}

static void run_pointwise(const void *args_)
{
    const fac__pointwise_args *args = args_;
    int64_t numel = fac__pointwise_numel(args);
    if (numel == 0 || try_row(args, numel) || try_copy(args, numel) || try_small(args, numel)) return;
    run_plan(args, numel);
}

static void pointwise_memory(void *args, fac__memory *m)
{
    fac__pointwise_args *a = args;
    for (int i = 0; i < a->program.n_in; i++)
        FAC__READS(m, a->in[i].data);
    for (int i = 0; i < a->program.n_out; i++)
        FAC__WRITES(m, a->out[i].data);
}

/* Rows of the first dimension, where every operand either has one block for each or repeats one. */
static int64_t first_rows(const void *args)
{
    const fac__pointwise_args *a = args;
    if (a->ndim == 0) return 0;
    for (int k = 0; k < a->program.n_in + a->program.n_out; k++) {
        const fac__operand *o = k < a->program.n_in ? &a->in[k] : &a->out[k - a->program.n_in];
        int64_t extent = 1;
        for (int d = 1; d < a->ndim; d++)
            extent += (a->shape[d] - 1) * magnitude(o->strides[d]);
        if (o->strides[0] < 0 || (o->strides[0] > 0 && extent > o->strides[0])) return 0;
    }
    return a->shape[0];
}

static void slice_rows(void *args, int64_t begin, int64_t end)
{
    fac__pointwise_args *a = args;
    a->shape[0] = end - begin;
    for (int k = 0; k < a->program.n_in + a->program.n_out; k++) {
        fac__operand *o = k < a->program.n_in ? &a->in[k] : &a->out[k - a->program.n_in];
        o->data += begin * o->strides[0] * (int64_t)fac_dtype_size(o->dtype);
    }
}

const fac__kernel fac__k_pointwise = {.name = "pointwise",
                                      .run = {run_pointwise},
                                      .memory = pointwise_memory,
                                      .ready = fac__pointwise_ready,
                                      .run_ready = fac__pointwise_run_ready,
                                      .rows = first_rows,
                                      .slice = slice_rows};
