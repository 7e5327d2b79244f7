/* Floor 5. Activations as modules: one row each, which is an object of its own, so that a program links those it makes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "facula/ops_embed.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_reduce.h"
#include "nn/layer.h"

/* How a keyword is printed. */
typedef enum style {
    NOT_THERE,
    AS_FLOAT,   /* alpha=1.0 */
    AS_NUMBER,  /* beta=1: an integer where it is one */
    BARE,       /* 0.5 */
    APPROXIMATE /* approximate='none', a text: 1 if it is "tanh" */
} style;

typedef struct keyword {
    style style;
    const char *name;
    size_t at; /* in the options; a double */
    double otherwise;
} keyword;

typedef struct row {
    const char *function;
    fac_module_type type;
    keyword keywords[2];
    fac_tensor *(*apply)(fac_tensor *x, double a, double b, bool training);
    fac_tensor *(*apply_)(fac_tensor *x, double a, double b, bool training); /* in place; NULL: not offered */
    bool silent; /* does not print inplace=True, as in PyTorch */
} row;

typedef struct activation {
    fac_module base;
    const row *row;
    double a, b;
    bool inplace;
} activation;

static fac_tensor *forward(fac_module *self, fac_tensor *x);
static int extra_repr(const fac_module *self, char *text, size_t size);

/* clang-format off */
#define NONE {NOT_THERE, NULL, 0, 0}
#define KEY(style, field, otherwise) {style, #field, offsetof(fac_nn_activation_options, field), otherwise}
#define LIST(PLAIN, INPLACE, SILENT)                                                                                   \
    INPLACE(relu, "ReLU", NONE, NONE, fac_relu(x), fac_relu_(x))                                                       \
    INPLACE(relu6, "ReLU6", NONE, NONE, fac_relu6(x), fac_relu6_(x))                                                   \
    INPLACE(leaky_relu, "LeakyReLU", KEY(AS_FLOAT, negative_slope, 0.01), NONE, fac_leaky_relu(x, a), fac_leaky_relu_(x, a))\
    PLAIN(rrelu, "RReLU", KEY(AS_FLOAT, lower, 1.0 / 8), KEY(AS_FLOAT, upper, 1.0 / 3), fac_rrelu(x, a, b, training))  \
    INPLACE(elu, "ELU", KEY(AS_FLOAT, alpha, 1), NONE, fac_elu(x, a, 1, 1), fac_elu_(x, a, 1, 1))                      \
    INPLACE(selu, "SELU", NONE, NONE, fac_selu(x), fac_selu_(x))                                                       \
    INPLACE(celu, "CELU", KEY(AS_FLOAT, alpha, 1), NONE, fac_celu(x, a), fac_celu_(x, a))                              \
    PLAIN(gelu, "GELU", KEY(APPROXIMATE, approximate, 0), NONE, a ? fac_gelu_tanh(x) : fac_gelu(x))                    \
    INPLACE(silu, "SiLU", NONE, NONE, fac_silu(x), fac_silu_(x))                                                       \
    INPLACE(mish, "Mish", NONE, NONE, fac_mish(x), fac_mish_(x))                                                       \
    PLAIN(sigmoid, "Sigmoid", NONE, NONE, fac_sigmoid(x))                                                              \
    PLAIN(tanh, "Tanh", NONE, NONE, fac_tanh(x))                                                                       \
    INPLACE(hardtanh, "Hardtanh", KEY(AS_FLOAT, min_val, -1), KEY(AS_FLOAT, max_val, 1),                               \
            fac_hardtanh(x, a, b), fac_hardtanh_(x, a, b))                                                             \
    SILENT(hardswish, "Hardswish", NONE, NONE, fac_hardswish(x), fac_hardswish_(x))                                    \
    SILENT(hardsigmoid, "Hardsigmoid", NONE, NONE, fac_hardsigmoid(x), fac_hardsigmoid_(x))                            \
    PLAIN(softplus, "Softplus", KEY(AS_NUMBER, beta, 1), KEY(AS_NUMBER, threshold, 20), fac_softplus(x, a, b))         \
    PLAIN(softsign, "Softsign", NONE, NONE, fac_softsign(x))                                                           \
    PLAIN(tanhshrink, "Tanhshrink", NONE, NONE, fac_tanhshrink(x))                                                     \
    PLAIN(softshrink, "Softshrink", KEY(BARE, lambd, 0.5), NONE, fac_softshrink(x, a))                                 \
    PLAIN(hardshrink, "Hardshrink", KEY(BARE, lambd, 0.5), NONE, fac_hardshrink(x, a))                                 \
    PLAIN(log_sigmoid, "LogSigmoid", NONE, NONE, fac_log_sigmoid(x))                                                   \
    INPLACE(threshold, "Threshold", KEY(AS_NUMBER, threshold, 0), KEY(AS_NUMBER, value, 0),                            \
            fac_threshold(x, a, b), fac_threshold_(x, a, b))                                                           \
    PLAIN(softmax, "Softmax", KEY(AS_NUMBER, dim, -1), NONE, fac_softmax(x, (int64_t)a, FAC_DTYPE_NONE))               \
    PLAIN(log_softmax, "LogSoftmax", KEY(AS_NUMBER, dim, -1), NONE, fac_log_softmax(x, (int64_t)a, FAC_DTYPE_NONE))    \
    PLAIN(softmin, "Softmin", KEY(AS_NUMBER, dim, -1), NONE, fac_softmin(x, (int64_t)a, FAC_DTYPE_NONE))               \
    PLAIN(glu, "GLU", KEY(AS_NUMBER, dim, -1), NONE, fac_glu(x, (int64_t)a))
/* clang-format on */

#define FUNCTION(name, y)                                                                                              \
    static fac_tensor *name(fac_tensor *x, double a, double b, bool training)                                          \
    {                                                                                                                  \
        (void)a, (void)b, (void)training;                                                                              \
        return y;                                                                                                      \
    }
#define PLAIN(name, title, first, second, y) FUNCTION(apply_##name, y)
#define INPLACE(name, title, first, second, y, y_) FUNCTION(apply_##name, y) FUNCTION(apply_##name##_, y_)
#define SILENT INPLACE
LIST(PLAIN, INPLACE, SILENT)
#undef PLAIN
#undef INPLACE
#undef SILENT

#define TYPE(title)                                                                                                    \
    {                                                                                                                  \
        .name = title, .size = sizeof(activation), .forward = forward, .extra_repr = extra_repr                        \
    }
#define PLAIN(name, title, first, second, y)                                                                           \
    static const row row_##name = {#name, TYPE(title), {first, second}, apply_##name, NULL, false};
#define INPLACE(name, title, first, second, y, y_)                                                                     \
    static const row row_##name = {#name, TYPE(title), {first, second}, apply_##name, apply_##name##_, false};
#define SILENT(name, title, first, second, y, y_)                                                                      \
    static const row row_##name = {#name, TYPE(title), {first, second}, apply_##name, apply_##name##_, true};
/* clang-format off */
LIST(PLAIN, INPLACE, SILENT)
/* clang-format on */
#undef PLAIN
#undef INPLACE
#undef SILENT

static fac_tensor *forward(fac_module *self, fac_tensor *x)
{
    const activation *m = (const activation *)self;
    return (m->inplace ? m->row->apply_ : m->row->apply)(x, m->a, m->b, self->training);
}

static int extra_repr(const fac_module *self, char *text, size_t size)
{
    const activation *m = (const activation *)self;
    const double values[] = {m->a, m->b};
    int n = 0;
    for (int i = 0; i < 2; i++) {
        const keyword *k = &m->row->keywords[i];
        char number[32];
        if (k->style == NOT_THERE) continue;
        if (k->style == APPROXIMATE) {
            n += snprintf(text, size, "approximate='%s'", values[i] != 0 ? "tanh" : "none");
            continue;
        }
        fac__python_float(values[i], number);
        if (k->style == AS_NUMBER && values[i] == floor(values[i])) snprintf(number, sizeof number, "%.0f", values[i]);
        n += snprintf(text + n, size - (size_t)n, "%s%s%s%s", n ? ", " : "", k->style == BARE ? "" : k->name,
                      k->style == BARE ? "" : "=", number);
    }
    if (m->inplace && !m->row->silent) n += snprintf(text + n, size - (size_t)n, "%sinplace=True", n ? ", " : "");
    return n;
}

static fac_module *make(const row *r, fac_nn_activation_options options)
{
    activation *m = fac_module_new(&r->type);
    if (!m) return NULL;
    m->row = r;
    m->inplace = options.inplace && r->apply_;
    if (!strcmp(r->function, "relu") && !m->inplace) m->base.trait = FAC__CUTS_AT_0;
    double *const values[] = {&m->a, &m->b};
    for (int k = 0; k < 2; k++) {
        if (r->keywords[k].style == NOT_THERE) continue;
        if (r->keywords[k].style == APPROXIMATE) {
            const char *word = options.approximate ? options.approximate : "none";
            m->a = !strcmp(word, "tanh");
            if (m->a || !strcmp(word, "none")) continue;
            fac_module_free(m);
            return fac__runtime_error("approximate argument must be either none or tanh.");
        }
        double given;
        memcpy(&given, (const char *)&options + r->keywords[k].at, sizeof given);
        *values[k] = isnan(given) ? r->keywords[k].otherwise : given;
    }
    return &m->base;
}

#define MAKER(name)                                                                                                    \
    fac_module *fac_nn_##name##_with(fac_nn_activation_options options)                                                \
    {                                                                                                                  \
        return make(&row_##name, options);                                                                             \
    }
FAC_NN_ACTIVATIONS(MAKER)

fac_module *fac_nn_activation_with(const char *name, fac_nn_activation_options options)
{
#define POINTER(name) &row_##name,
    static const row *const rows[] = {FAC_NN_ACTIVATIONS(POINTER)};
    FAC__NEED(name);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i]->function, name)) return make(rows[i], options);
    return fac__value_error("there is no activation '%s'", name);
}
