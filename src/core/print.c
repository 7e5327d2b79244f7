/* Floor 0. Tensors as text, character for character as torch/_tensor_str.py of PyTorch 1.13 writes them. What it must
 * not know, the name of a grad_fn, comes through fac__grad_fn_name. */
#include "facula/print.h"

#include <math.h>

#include "raise.h"
#include "tensor_impl.h"
#include "text.h"

static fac_print_options options = {4, 1000, 3, 80, -1};

void fac_set_print_options_with(fac_print_options o)
{
    FAC__OP("set_print_options");
    if (o.precision < 0 || o.precision > 1000)
        (void)fac__value_error("precision must be between 0 and 1000, got %d", o.precision);
    else if (o.edgeitems < 1)
        (void)fac__value_error("edgeitems must be at least 1, got %d", o.edgeitems);
    else
        options = o;
}

/* ---- one number --------------------------------------------------------------------------------------------- */

typedef enum style { INTEGER, TRUTH, WHOLE, FIXED, SCIENTIFIC } style;

/* How all numbers of one tensor are written, and what its elements say about that. */
typedef struct formatter {
    style style;
    int64_t width;
    bool any, fraction; /* of the finite, non-zero values: is there one, and one that is not whole? */
    double min, max;    /* of their absolute values */
} formatter;

/* printf's decimal point follows the program's locale; ours is a point. */
static void fix_point(char *s)
{
    for (; *s; s++)
        if (!strchr("0123456789+-einfa", *s)) *s = '.';
}

static int number_length(style style, double v)
{
    switch (style) {
    case SCIENTIFIC: return snprintf(NULL, 0, "%.*e", options.precision, v);
    case FIXED: return snprintf(NULL, 0, "%.*f", options.precision, v);
    default: return snprintf(NULL, 0, "%.0f", v) + 1;
    }
}

static void add_number(fac__text *out, style style, double v)
{
    size_t start = out->n;
    if (isnan(v))
        fac__text_add(out, "nan", 3);
    else if (style == SCIENTIFIC)
        fac__text_format(out, "%.*e", options.precision, v);
    else if (style == FIXED)
        fac__text_format(out, "%.*f", options.precision, v);
    else
        fac__text_format(out, isinf(v) ? "%.0f" : "%.0f.", v);
    if (!out->failed) fix_point(out->p + start);
}

static void add_element(fac__text *out, const formatter *f, fac_dtype dtype, const void *p)
{
    size_t start = out->n;
    if (f->style == TRUTH)
        fac__text_format(out, "%s", fac__load_int(dtype, p) ? "True" : "False");
    else if (f->style == INTEGER)
        fac__text_format(out, "%lld", (long long)fac__load_int(dtype, p));
    else
        add_number(out, f->style, fac__load_double(dtype, p));
    size_t n = out->n - start, width = (size_t)f->width;
    if (n >= width) return;
    fac__text_repeat(out, ' ', (int64_t)(width - n));
    if (out->failed) return;
    memmove(out->p + start + width - n, out->p + start, n);
    memset(out->p + start, ' ', width - n);
}

/* ---- all numbers -------------------------------------------------------------------------------------------- */

typedef struct printer {
    const fac_tensor *t;
    fac_dtype dtype;
    size_t size;
    bool summarize, measure; /* the second: only the width is wanted */
    formatter f;
    fac__text out;
} printer;

static const char *element(const printer *p, int64_t at)
{
    return (const char *)fac__host(p->t) + (at - p->t->offset) * (int64_t)p->size;
}

static void look_at(printer *p, const char *e)
{
    formatter *f = &p->f;
    int64_t width = 0;
    if (f->style == TRUTH) {
        width = fac__load_int(p->dtype, e) ? 4 : 5;
    } else if (f->style == INTEGER) {
        width = snprintf(NULL, 0, "%lld", (long long)fac__load_int(p->dtype, e));
    } else {
        double v = fac__load_double(p->dtype, e), a = fabs(v);
        if (!isfinite(v) || v == 0) return;
        if (p->measure) {
            width = number_length(f->style, v);
        } else {
            f->min = f->any && f->min < a ? f->min : a;
            f->max = f->any && f->max > a ? f->max : a;
            f->any = true;
            f->fraction |= v != ceil(v);
        }
    }
    if (width > f->width) f->width = width;
}

/* Calls look_at for all elements that will be shown. */
static void survey(printer *p, int dim, int64_t at)
{
    const fac_tensor *t = p->t;
    if (dim == t->ndim) {
        look_at(p, element(p, at));
        return;
    }
    int64_t n = t->shape[dim], edge = options.edgeitems;
    for (int64_t i = 0; i < n; i++) {
        if (p->summarize && n > 2 * edge && i == edge) i = n - edge;
        survey(p, dim + 1, at + i * t->strides[dim]);
    }
}

static void choose_format(printer *p)
{
    formatter *f = &p->f;
    const fac_tensor *t = p->t;
    bool floating = fac_dtype_is_floating(p->dtype);
    f->width = 1;
    f->style = p->dtype == FAC_BOOL ? TRUTH : floating ? WHOLE : INTEGER;
    survey(p, 0, t->offset);
    if (!floating || !f->any) return;
    bool scientific = f->max / f->min > 1000.0 || f->max > 1.0e8 || (f->fraction && f->min < 1.0e-4);
    style plain = f->fraction ? FIXED : WHOLE;
    f->style = scientific ? SCIENTIFIC : plain;
    p->measure = true;
    survey(p, 0, t->offset);
    if (options.sci_mode >= 0) f->style = options.sci_mode ? SCIENTIFIC : plain; /* the width stays, as in PyTorch */
}

/* ---- brackets ----------------------------------------------------------------------------------------------- */

static void add_vector(printer *p, int64_t at, int64_t indent)
{
    const fac_tensor *t = p->t;
    int64_t n = t->shape[t->ndim - 1], stride = t->strides[t->ndim - 1], edge = options.edgeitems, shown = 0;
    int64_t room = options.linewidth - indent, per_line = room > 0 ? room / (p->f.width + 2) : 1;
    bool cut = p->summarize && n > 2 * edge;
    if (per_line < 1) per_line = 1;
    fac__text_add(&p->out, "[", 1);
    for (int64_t i = 0; i < n && !p->out.failed; i++, shown++) {
        if (shown && shown % per_line == 0) {
            fac__text_add(&p->out, ",\n", 2);
            fac__text_repeat(&p->out, ' ', indent + 1);
        } else if (shown) {
            fac__text_add(&p->out, ", ", 2);
        }
        if (cut && i == edge) {
            fac__text_add(&p->out, " ...", 4);
            i = n - edge - 1;
        } else {
            add_element(&p->out, &p->f, p->dtype, element(p, at + i * stride));
        }
    }
    fac__text_add(&p->out, "]", 1);
}

static void add_nested(printer *p, int dim, int64_t at, int64_t indent)
{
    const fac_tensor *t = p->t;
    int below = t->ndim - dim;
    if (below == 0) {
        add_element(&p->out, &p->f, p->dtype, element(p, at));
        return;
    }
    if (below == 1) {
        add_vector(p, at, indent);
        return;
    }
    int64_t n = t->shape[dim], edge = options.edgeitems;
    bool cut = p->summarize && n > 2 * edge;
    fac__text_add(&p->out, "[", 1);
    for (int64_t i = 0; i < n && !p->out.failed; i++) {
        if (i) {
            fac__text_add(&p->out, ",", 1);
            fac__text_repeat(&p->out, '\n', below - 1);
            fac__text_repeat(&p->out, ' ', indent + 1);
        }
        if (cut && i == edge) {
            fac__text_add(&p->out, "...", 3);
            i = n - edge - 1;
        } else {
            add_nested(p, dim + 1, at + i * t->strides[dim], indent + 1);
        }
    }
    fac__text_add(&p->out, "]", 1);
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

enum { INDENT = 7 }; /* of "tensor(" */

static void add_suffix(fac__text *out, int64_t *column, fac__text *suffix)
{
    int64_t n = (int64_t)suffix->n;
    if (*column + n + 2 > options.linewidth) {
        fac__text_add(out, ",\n", 2);
        fac__text_repeat(out, ' ', INDENT);
        *column = INDENT + n;
    } else {
        fac__text_add(out, ", ", 2);
        *column += n + 2;
    }
    if (suffix->failed)
        out->failed = true;
    else
        fac__text_add(out, suffix->p, suffix->n);
    fac__text_drop(suffix);
}

static void add_suffixes(fac__text *out, const fac_tensor *t)
{
    if (out->failed) return;
    /* "+ 1", and a text without a break counts as if there were one before it: PyTorch's way to count. */
    const char *line = strrchr(out->p, '\n');
    int64_t column = line ? (int64_t)strlen(line) + 1 : (int64_t)out->n + 2;
    fac_dtype dtype = (fac_dtype)t->dtype;
    fac__text s = {0};
    if (t->numel == 0 && t->ndim != 1) {
        fac__text_add(&s, "size=(", 6);
        for (int i = 0; i < t->ndim; i++)
            fac__text_format(&s, i ? ", %lld" : "%lld", (long long)t->shape[i]);
        fac__text_add(&s, ")", 1);
        add_suffix(out, &column, &s);
    }
    if (dtype != fac_get_default_dtype() && (t->numel == 0 || (dtype != FAC_INT64 && dtype != FAC_BOOL))) {
        fac__text_format(&s, "dtype=torch.%s", fac_dtype_name(dtype));
        add_suffix(out, &column, &s);
    }
    const char *name = fac__grad_fn_name ? fac__grad_fn_name(t) : NULL;
    if (name) {
        fac__text_format(&s, "grad_fn=<%s>", name);
        add_suffix(out, &column, &s);
    } else if (t->requires_grad) {
        fac__text_add(&s, "requires_grad=True", 18);
        add_suffix(out, &column, &s);
    }
}

static fac__text tensor_text(const fac_tensor *t)
{
    printer p = {.t = t, .dtype = (fac_dtype)t->dtype, .size = fac_dtype_size((fac_dtype)t->dtype)};
    p.summarize = t->numel > options.threshold;
    fac__text_add(&p.out, "tensor(", INDENT);
    if (t->numel == 0) {
        fac__text_add(&p.out, "[]", 2);
    } else {
        choose_format(&p);
        add_nested(&p, 0, t->offset, INDENT);
    }
    add_suffixes(&p.out, t);
    fac__text_add(&p.out, ")", 1);
    return p.out;
}

char *fac_to_string(const fac_tensor *t)
{
    FAC__OP("to_string");
    FAC__NEED(t);
    fac__text text = tensor_text(t);
    return fac__text_take(&text);
}

void fac_fprint(FILE *f, const fac_tensor *t)
{
    FAC__OP("print");
    if (fac__recording_now()) {
        fac__recording_refuse("print");
        return;
    }
    if (!f) {
        fac__null_error("f");
        return;
    }
    if (!t) {
        fputs("None\n", f);
        return;
    }
    fac__text text = tensor_text(t);
    fac__text_add(&text, "\n", 1);
    if (!text.failed) fwrite(text.p, 1, text.n, f);
    fac__text_drop(&text);
}

void fac_print(const fac_tensor *t)
{
    fac_fprint(stdout, t);
}
