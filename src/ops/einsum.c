/* Floor 4. Einstein's notation (fac_einsum_list in facula/ops_matmul.h).
 *
 * Every operand is brought to one common list of dimensions (those of the result, then those that are summed), with
 * size 1 where it lacks one. Then they are multiplied from left to right; a dimension is summed with the last operand
 * that has it. A product of two that sums anything is one batched matrix product. */
#include <ctype.h>
#include <string.h>

#include "facula/ops_matmul.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"
#include "shaping.h"

enum { LETTERS = 52, ELLIPSIS = 52, LABELS };

/* One operand's, or the result's, subscripts. */
typedef struct term {
    int n; /* without the ellipsis */
    int8_t label[2 * FAC_MAX_DIMS];
    int ellipsis; /* how many letters stand in front of it; -1: there is none */
} term;

typedef struct plan {
    term out;
    int ellipsis_dims; /* the most that an operand has */
    int at[LABELS];    /* place among the common dimensions; -1: the label does not occur */
    int result_dims, dims;
    int64_t size[FAC_MAX_DIMS];
    int last[FAC_MAX_DIMS]; /* last operand with that dimension */
} plan;

static char letter_of(int label)
{
    return (char)(label < 26 ? 'A' + label : 'a' + label - 26);
}

/* Reads subscripts up to a comma, an arrow or the end; which: -1 is the result. False with PyTorch's error. */
static bool read_term(const char *equation, const char **at, int which, term *t)
{
    *t = (term){.ellipsis = -1};
    const char *s = *at;
    for (; *s && *s != ',' && strncmp(s, "->", 2); s++) {
        if (*s == ' ') continue;
        if (!strncmp(s, "...", 3)) {
            if (t->ellipsis >= 0)
                return which < 0
                           ? fac__runtime_error(
                                 "einsum(): found '.' for output but an ellipsis (...) was already found")
                           : fac__runtime_error(
                                 "einsum(): found '.' for operand %d for which an ellipsis was already found", which),
                       false;
            t->ellipsis = t->n;
            s += 2;
            continue;
        }
        if (*s == '.')
            return which < 0
                       ? fac__runtime_error("einsum(): found '.' for output that is not part of any ellipsis (...)")
                       : fac__runtime_error("einsum(): found '.' for operand %d that is not part of any ellipsis",
                                            which),
                   false;
        if (!isascii(*s) || !isalpha((unsigned char)*s))
            return fac__runtime_error(
                       "einsum(): invalid subscript given at index %d in the equation string, subscripts must be in "
                       "[a-zA-Z]",
                       (int)(s - equation)),
                   false;
        if (t->n == 2 * FAC_MAX_DIMS) return fac__value_error("einsum(): too many subscripts"), false;
        t->label[t->n++] = (int8_t)(*s <= 'Z' ? *s - 'A' : *s - 'a' + 26);
    }
    *at = s;
    return true;
}

static bool read_next(const char *equation, const char **at, int which, term *t)
{
    if (which && *(*at)++ != ',')
        return fac__runtime_error("einsum(): more operands were provided than specified in the equation"), false;
    return read_term(equation, at, which, t);
}

/* ---- the common dimensions ------------------------------------------------------------------------------------- */

/* Counts letters and the dimensions that ellipses stand for; ends behind the operands. */
static bool survey(const char *equation, fac_tensor_list ops, int *seen, int *ellipsis_dims, const char **at)
{
    for (int i = 0; i < (int)ops.count; i++) {
        term t;
        if (i && !**at)
            return fac__runtime_error("einsum(): more operands were provided than specified in the equation"), false;
        if (i && !strncmp(*at, "->", 2))
            return fac__runtime_error("einsum(): more operands were provided than specified in the equation"), false;
        if (!read_next(equation, at, i, &t)) return false;
        int ndim = ops.items[i]->ndim, rest = ndim - t.n;
        if (rest < 0 || (rest && t.ellipsis < 0))
            return fac__runtime_error(
                       "einsum(): the number of subscripts in the equation (%d) %s match the number of dimensions (%d) "
                       "for "
                       "operand %d%s",
                       t.n, t.ellipsis < 0 ? "does not" : "is more than the number of dimensions and does not", ndim, i,
                       t.ellipsis < 0 ? " and no ellipsis was given" : ""),
                   false;
        if (t.ellipsis >= 0 && rest > *ellipsis_dims) *ellipsis_dims = rest;
        for (int k = 0; k < t.n; k++)
            seen[t.label[k]]++;
        if (t.ellipsis >= 0) seen[ELLIPSIS]++;
    }
    if (**at == ',')
        return fac__runtime_error("einsum(): fewer operands were provided than specified in the equation"), false;
    return true;
}

static bool read_result(const char *equation, const char *at, const int *seen, term *out)
{
    if (*at) {
        at += 2;
        if (!read_term(equation, &at, -1, out)) return false;
        if (*at)
            return fac__runtime_error(
                       "einsum(): invalid subscript given at index %d in the equation string, subscripts must be in "
                       "[a-zA-Z]",
                       (int)(at - equation)),
                   false;
        int used[LETTERS] = {0};
        for (int k = 0; k < out->n; k++) {
            int label = out->label[k];
            if (used[label]++)
                return fac__runtime_error("einsum(): output subscript %c appears more than once in the output",
                                          letter_of(label)),
                       false;
            if (!seen[label])
                return fac__runtime_error(
                           "einsum(): output subscript %c does not appear in the equation for any input operand",
                           letter_of(label)),
                       false;
        }
        return true;
    }
    *out = (term){.ellipsis = seen[ELLIPSIS] ? 0 : -1};
    for (int label = 0; label < LETTERS; label++)
        if (seen[label] == 1 && out->n < 2 * FAC_MAX_DIMS) out->label[out->n++] = (int8_t)label;
    return true;
}

static bool make_plan(const char *equation, fac_tensor_list ops, plan *p)
{
    int seen[LABELS] = {0};
    const char *at = equation;
    p->ellipsis_dims = 0;
    if (!survey(equation, ops, seen, &p->ellipsis_dims, &at) || !read_result(equation, at, seen, &p->out)) return false;
    int next = 0;
    for (int label = 0; label < LABELS; label++)
        p->at[label] = -1;
    for (int k = 0; k <= p->out.n; k++) {
        if (k == p->out.ellipsis) p->at[ELLIPSIS] = next, next += p->ellipsis_dims;
        if (k < p->out.n) p->at[p->out.label[k]] = next++;
    }
    p->result_dims = next;
    if (seen[ELLIPSIS] && p->at[ELLIPSIS] < 0) p->at[ELLIPSIS] = next, next += p->ellipsis_dims; /* summed */
    for (int label = 0; label < LETTERS; label++)
        if (seen[label] && p->at[label] < 0) p->at[label] = next++;
    if (next > FAC_MAX_DIMS)
        return fac__value_error("einsum(): %d different subscripts, at most %d are supported", next, FAC_MAX_DIMS),
               false;
    p->dims = next;
    for (int d = 0; d < next; d++)
        p->size[d] = 1, p->last[d] = 0;
    return true;
}

/* An operand in the common dimensions. */
static fac_tensor *spread_out(plan *p, fac_tensor *x, const term *t, int which)
{
    int place[FAC_MAX_DIMS], count = 0; /* of x's dimensions, after diagonals were taken */
    int rest = x->ndim - t->n;
    for (int k = 0; k <= t->n && x; k++) {
        if (k == t->ellipsis)
            for (int e = 0; e < rest; e++)
                place[count++] = p->at[ELLIPSIS] + p->ellipsis_dims - rest + e;
        if (k == t->n) break;
        int label = t->label[k], at = p->at[label], first = 0;
        while (first < count && place[first] != at)
            first++;
        if (first == count) {
            place[count++] = at;
            continue;
        }
        if (x->shape[first] != x->shape[count])
            return fac__runtime_error(
                "einsum(): subscript %c is repeated for operand %d but the sizes don't match, %lld != %lld",
                letter_of(label), which, (long long)x->shape[count], (long long)x->shape[first]);
        x = fac_diagonal(x, 0, first, count);
        x = x ? fac_movedim(x, fac_dims_one(-1), fac_dims_one(first)) : NULL;
    }
    fac_dims order = {.n = 0};
    bool has[FAC_MAX_DIMS] = {false}, moved = false;
    for (int d = 0; d < p->dims; d++)
        for (int k = 0; k < count; k++)
            if (place[k] == d) {
                moved = moved || k != order.n;
                order.d[order.n++] = k;
                has[d] = true;
            }
    if (x && moved) x = fac_permute(x, order);
    for (int d = 0; d < p->dims && x; d++)
        if (!has[d]) x = fac_unsqueeze(x, d);
    for (int d = 0; d < p->dims && x; d++) {
        if (!has[d]) continue;
        p->last[d] = which;
        if (x->shape[d] == 1) continue;
        if (p->size[d] != 1 && p->size[d] != x->shape[d]) {
            char letter = '.';
            for (int label = 0; label < LETTERS; label++)
                if (p->at[label] == d) letter = letter_of(label);
            return fac__runtime_error(
                "einsum(): subscript %c has size %lld for operand %d which does not broadcast with previously seen "
                "size %lld",
                letter, (long long)x->shape[d], which, (long long)p->size[d]);
        }
        p->size[d] = x->shape[d];
    }
    return x;
}

/* ---- products ---------------------------------------------------------------------------------------------------- */

static fac_tensor *sum_over(fac_tensor *t, fac_dims dims)
{
    return t && dims.n ? fac_sum(t, .dims = dims, .keepdim = true) : t;
}

static void append(fac_dims *to, const fac_dims *more)
{
    for (int i = 0; i < more->n; i++)
        to->d[to->n++] = more->d[i];
}

static int64_t volume(const fac_tensor *t, const fac_dims *dims)
{
    int64_t v = 1;
    for (int i = 0; i < dims->n; i++)
        v *= t->shape[dims->d[i]];
    return v;
}

/* The product of two tensors of the same dimensions (sizes equal or 1), summed over some, which stay with size 1. */
static fac_tensor *contract(fac_tensor *a, fac_tensor *b, const bool *summed)
{
    fac_dims both = {.n = 0}, left = {.n = 0}, right = {.n = 0}, inner = {.n = 0}, sum_a = {.n = 0}, sum_b = {.n = 0};
    for (int d = 0; d < a->ndim; d++) {
        bool in_a = a->shape[d] != 1, in_b = b->shape[d] != 1;
        fac_dims *group = in_a && in_b ? (summed[d] ? &inner : &both) : in_a ? &left : &right;
        group->d[group->n++] = d;
        if (summed[d] && in_a && !in_b) sum_a.d[sum_a.n++] = d;
        if (summed[d] && in_b && !in_a) sum_b.d[sum_b.n++] = d;
    }
    a = sum_over(a, sum_a);
    b = sum_over(b, sum_b);
    if (!a || !b) return NULL;
    if (!inner.n) return fac_mul(a, b);
    fac_dims order_a = both, order_b = both, order_y = both, shape = {.n = 0}, back;
    append(&order_a, &left), append(&order_a, &inner), append(&order_a, &right);
    append(&order_b, &inner), append(&order_b, &right), append(&order_b, &left);
    append(&order_y, &left), append(&order_y, &right), append(&order_y, &inner);
    int64_t batch = volume(a, &both), n = volume(a, &left), k = volume(a, &inner), m = volume(b, &right);
    for (int i = 0; i < order_y.n; i++) {
        int d = (int)order_y.d[i];
        shape.d[shape.n++] = i >= both.n + left.n + right.n ? 1 : a->shape[d] != 1 ? a->shape[d] : b->shape[d];
    }
    back.n = shape.n;
    for (int i = 0; i < order_y.n; i++)
        back.d[order_y.d[i]] = i;
    fac_tensor *x = fac_reshape(fac_permute(a, order_a), FAC_DIMS(batch, n, k));
    fac_tensor *y = fac_reshape(fac_permute(b, order_b), FAC_DIMS(batch, k, m));
    fac_tensor *z = x && y ? fac_bmm(x, y) : NULL;
    return z ? fac_permute(fac_reshape(z, shape), back) : NULL;
}

static fac_tensor *einsum(const char *equation, fac_tensor_list ops)
{
    plan p;
    if (!make_plan(equation, ops, &p)) return NULL;
    const char *at = equation;
    fac_tensor *few[8], **spread = few;
    if (ops.count > 8 && !(spread = fac__alloc((size_t)ops.count * sizeof *spread))) return NULL;
    bool ok = true;
    for (int i = 0; i < (int)ops.count && ok; i++) {
        term t;
        ok = read_next(equation, &at, i, &t) && (spread[i] = spread_out(&p, ops.items[i], &t, i));
    }
    fac_tensor *y = ok ? spread[0] : NULL;
    fac_dims alone = {.n = 0};
    for (int d = p.result_dims; d < p.dims; d++) /* integers that are summed become int64, a lone operand's always */
        if (y && p.last[d] == 0 && (y->shape[d] != 1 || ops.count == 1)) alone.d[alone.n++] = d;
    y = sum_over(y, alone);
    for (int i = 1; i < (int)ops.count && y; i++) {
        bool summed[FAC_MAX_DIMS] = {false};
        for (int d = p.result_dims; d < p.dims; d++)
            summed[d] = p.last[d] == i;
        y = contract(y, spread[i], summed);
    }
    if (spread != few) fac__free(spread);
    if (!y || p.dims == p.result_dims) return y;
    fac_dims gone = {.n = 0};
    for (int d = p.result_dims; d < p.dims; d++)
        gone.d[gone.n++] = d;
    return fac_squeeze_dims(y, gone);
}

fac_tensor *fac_einsum_list(const char *equation, fac_tensor_list tensors)
{
    FAC__OP("einsum");
    FAC__NEED(equation);
    if (tensors.count < 1) return fac__runtime_error("einsum(): must provide at least one operand");
    if (!fac__list_given(tensors)) return NULL;
    fac_tensor *y = NULL;
    fac_scope
        y = fac_escape(einsum(equation, tensors));
    return y;
}

FAC__CALL(einsum_, R(fac_einsum_list(STR(0), TL(1))))

const fac__op fac__ops_einsum[] = {
    {"einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor", einsum_,
     "Sums of products in Einstein's notation."},
    {0},
};
