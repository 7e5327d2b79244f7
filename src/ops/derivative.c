/* Floor 4. Reads the derivative texts of pointwise.def: a recursive descent over
 *   compare: sum (< <= > >= == != sum)?     sum: product (+ - product)*     product: unary (* / unary)*
 *   unary: - unary | number | variable | row(compare, …) | (compare) */
#include "derivative.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* While parsing, registers are named apart: variables, constants from 64, instructions from 128. */
enum { CONSTANT = 64, RESULT = 128 };

typedef struct parser {
    const char *at;
    fac__row of; /* whose derivative it is: the rows that its text may name are those that it mentions */
    fac__derivative *d;
} parser;

static uint8_t compare(parser *p);

static bool eat(parser *p, const char *word)
{
    while (*p->at == ' ')
        p->at++;
    size_t n = strlen(word);
    if (strncmp(p->at, word, n)) return false;
    p->at += n;
    return true;
}

static uint8_t emit(parser *p, fac__row row, uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    fac__program *q = &p->d->program;
    if (q->n_code < FAC__PW_CODE) q->code[q->n_code] = (fac__instr){row, {a, b, c, d}};
    return (uint8_t)(RESULT + q->n_code++);
}

static uint8_t number(parser *p)
{
    char *end;
    double v = strtod(p->at, &end);
    bool integer = true;
    for (const char *c = p->at; c < end; c++)
        integer = integer && isdigit((unsigned char)*c);
    p->at = end;
    uint8_t k = p->d->program.n_const++;
    if (k < FAC__PW_CONST) p->d->constants[k] = integer ? fac_scalar_int((int64_t)v) : fac_scalar_float(v);
    return CONSTANT + k;
}

static uint8_t variable(parser *p, int v)
{
    fac__derivative *d = p->d;
    d->uses |= (uint8_t)(1u << v);
    for (uint8_t i = 0; i < d->n_vars; i++)
        if (d->vars[i] == v) return i;
    d->vars[d->n_vars] = (uint8_t)v;
    return d->n_vars++;
}

static uint8_t name(parser *p)
{
    char word[40];
    size_t n = 0;
    while (isalnum((unsigned char)*p->at) || *p->at == '_') {
        if (n < sizeof word - 1) word[n++] = *p->at;
        p->at++;
    }
    word[n] = 0;
    if (n == 1 && strchr("abcdyg", word[0])) return variable(p, (int)(strchr("abcdyg", word[0]) - "abcdyg"));
    fac__row const *row = p->of->mentions;
    while (*row && strcmp((*row)->name, word))
        row++;
    uint8_t in[4] = {0};
    int k = 0;
    if (eat(p, "(")) do
            in[k < 4 ? k++ : 3] = compare(p);
        while (eat(p, ","));
    if (!eat(p, ")") || !*row || k != (*row)->arity) return p->at = "?", 0;
    return emit(p, *row, in[0], in[1], in[2], in[3]);
}

static uint8_t unary(parser *p)
{
    if (eat(p, "-")) {
        /* -2 is a number, -x a negation */
        uint8_t r = unary(p);
        fac_scalar *k = r >= CONSTANT && r < RESULT ? &p->d->constants[r - CONSTANT] : NULL;
        if (!k) return emit(p, FAC__ROW_neg, r, 0, 0, 0);
        if (k->kind == FAC_INT64)
            k->v.i = -k->v.i;
        else
            k->v.f = -k->v.f;
        return r;
    }
    if (eat(p, "(")) {
        uint8_t r = compare(p);
        if (!eat(p, ")")) p->at = "?";
        return r;
    }
    if (isdigit((unsigned char)*p->at) || *p->at == '.') return number(p);
    return isalpha((unsigned char)*p->at) ? name(p) : (p->at = "?", 0);
}

static uint8_t product(parser *p)
{
    uint8_t r = unary(p);
    for (;;) {
        if (eat(p, "*"))
            r = emit(p, FAC__ROW_mul, r, unary(p), 0, 0);
        else if (eat(p, "/"))
            r = emit(p, FAC__ROW_div, r, unary(p), 0, 0);
        else
            return r;
    }
}

static uint8_t sum(parser *p)
{
    uint8_t r = product(p);
    for (;;) {
        if (eat(p, "+"))
            r = emit(p, FAC__ROW_add_plain, r, product(p), 0, 0);
        else if (eat(p, "-"))
            r = emit(p, FAC__ROW_sub_plain, r, product(p), 0, 0);
        else
            return r;
    }
}

static uint8_t compare(parser *p)
{
    static const struct {
        const char *sign;
        fac__row row;
    } signs[] = {{"<=", FAC__ROW_le}, {">=", FAC__ROW_ge}, {"==", FAC__ROW_eq},
                 {"!=", FAC__ROW_ne}, {"<", FAC__ROW_lt},  {">", FAC__ROW_gt}};
    uint8_t r = sum(p);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (eat(p, signs[i].sign)) return emit(p, signs[i].row, r, sum(p), 0, 0);
    return r;
}

static uint8_t settle(const fac__derivative *d, uint8_t r)
{
    if (r >= RESULT) return (uint8_t)(d->n_vars + d->program.n_const + r - RESULT);
    return r >= CONSTANT ? (uint8_t)(d->n_vars + r - CONSTANT) : r;
}

/* False if the text is not of the grammar or too long (up to three inputs may be constants, too): the tests parse all. */
static bool parse(fac__row row, const char *text, fac__derivative *d)
{
    memset(d, 0, sizeof *d);
    if (!text) return true;
    d->exists = true;
    d->zero = !strcmp(text, "0");
    d->unknown = !strcmp(text, "?");
    if (d->unknown) return true;
    parser p = {text, row, d};
    uint8_t r = compare(&p);
    fac__program *q = &d->program;
    if (!eat(&p, "") || *p.at || q->n_code > FAC__PW_CODE || q->n_const > FAC__PW_CONST - 3) return d->exists = false;
    q->n_in = d->n_vars;
    q->n_out = 1;
    q->out[0] = settle(d, r);
    for (int i = 0; i < q->n_code; i++)
        for (int k = 0; k < q->code[i].row->arity; k++)
            q->code[i].in[k] = settle(d, q->code[i].in[k]);
    return true;
}

static fac__derivative table[FAC__ROW_COUNT][4];
static char names[FAC__ROW_COUNT][48];
static _Atomic(bool) parsed[FAC__ROW_COUNT];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void name_backward(const char *row, char *out)
{
    bool up = true;
    for (; *row; row++) {
        if (*row == '_')
            up = true;
        else
            *out++ = up ? (char)toupper((unsigned char)*row) : *row, up = isdigit((unsigned char)*row);
    }
    strcpy(out, "Backward0");
}

static void parse_row(fac__row row)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < 4 && !parsed[row->id]; i++)
        if (!parse(row, row->derivatives[i], &table[row->id][i]))
            fprintf(stderr, "facula: bad derivative in pointwise.def: %s: %s\n", row->name, row->derivatives[i]);
    name_backward(row->name, names[row->id]);
    parsed[row->id] = true;
    pthread_mutex_unlock(&lock);
}

const fac__derivative *fac__derivatives_of(fac__row row)
{
    if (!parsed[row->id]) parse_row(row);
    return table[row->id];
}

const char *fac__row_backward_name(fac__row row)
{
    if (!parsed[row->id]) parse_row(row);
    return names[row->id];
}
