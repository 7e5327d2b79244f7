/* Floor 5: the modules of torch.nn, by their names: fac_nn_linear(2, 5), fac_nn_dropout(.p = 0.2). What a constructor returns
 * is the caller's, to be given to another module or to fac_module_free; NULL, with an error, when memory runs out or an
 * argument is bad. Parameters are drawn from the default generator exactly as PyTorch draws them.
 *
 *     fac_module *model = fac_nn_sequential(
 *         fac_nn_flatten(), fac_nn_linear(784, 256), fac_nn_relu(), fac_nn_linear(256, 10));
 *
 * Shapes, formulas and keywords are those of PyTorch's documentation of the module of the same name. Parameters and
 * buffers have PyTorch's names ("weight", "bias", "running_mean"): fac_get_parameter(layer, "weight").
 * Keyword .dtype: of the parameters; the default dtype where it is not given. */
#ifndef FACULA_NN_H
#define FACULA_NN_H

#include "facula/module.h"

FAC_BEGIN

/* ---- containers --------------------------------------------------------------------------------------------- */

/* Its modules one after another; named "0", "1"… fac_nn_sequential() is empty and grows by fac_append. */
#define fac_nn_sequential(...) fac__CONTAINER(fac_nn_sequential_list, __VA_ARGS__)
/* A list of modules without a forward: fac_module_at(list, i), fac_children(list). */
#define fac_nn_module_list(...) fac__CONTAINER(fac_nn_module_list_list, __VA_ARGS__)
/* The same from an array, whose modules are taken. If one is NULL the others are freed, and the result is NULL. */
FAC_API fac_module *fac_nn_sequential_list(fac_module_list modules);
FAC_API fac_module *fac_nn_module_list_list(fac_module_list modules);
/* Adds a module at the end of a Sequential or ModuleList. Returns the module added; NULL after an error, and it is freed. */
FAC_API fac_module *fac_append(void *container, fac_module *module);
/* Child i, counted from the end if negative. Out of range is an error. */
FAC_API fac_module *fac_module_at(void *container, int64_t i);

/* Returns its input. */
FAC_API fac_module *fac_nn_identity(void);

/* ---- linear ------------------------------------------------------------------------------------------------- */

typedef struct fac_nn_linear_options {
    bool bias; /* true */
    fac_dtype dtype;
} fac_nn_linear_options;
static inline fac_nn_linear_options fac_nn_linear_options_defaults(void)
{
    fac_nn_linear_options o;
    o.bias = true;
    o.dtype = FAC_DTYPE_NONE;
    return o;
}
/* x [..., in_features] -> x weight^T + bias [..., out_features] */
FAC_API fac_module *fac_nn_linear_with(int64_t in_features, int64_t out_features, fac_nn_linear_options options);
#define fac_nn_linear(in_features, out_features, ...)                                                                  \
    fac_nn_linear_with(in_features, out_features, FAC_OPTIONS(fac_nn_linear_options, __VA_ARGS__))

/* ---- activations -------------------------------------------------------------------------------------------- */

/* The keywords of all activations; each takes some of them. What is not given (NAN) has the activation's default. */
typedef struct fac_nn_activation_options {
    double negative_slope, alpha, min_val, max_val, beta, threshold, value, lambd, lower, upper;
    double dim; /* a whole number */
    const char *approximate; /* "none" or "tanh" */
    bool inplace;            /* write into the input */
} fac_nn_activation_options;
static inline fac_nn_activation_options fac_nn_activation_options_defaults(void)
{
    fac_nn_activation_options o;
    o.negative_slope = o.alpha = o.min_val = o.max_val = o.beta = o.threshold = o.value = o.lambd = o.lower = o.upper =
        o.dim = __builtin_nan("");
    o.approximate = NULL;
    o.inplace = false;
    return o;
}
/* Any of those below by the name of its function: fac_nn_activation("relu"). An unknown name is an error. */
FAC_API fac_module *fac_nn_activation_with(const char *name, fac_nn_activation_options options);
#define fac_nn_activation(name, ...) fac_nn_activation_with(name, FAC_OPTIONS(fac_nn_activation_options, __VA_ARGS__))

#define fac_nn_relu(...) fac_nn_activation("relu", __VA_ARGS__)             /* .inplace = false */
#define fac_nn_leaky_relu(...) fac_nn_activation("leaky_relu", __VA_ARGS__) /* .negative_slope = 0.01, .inplace = false */
#define fac_nn_tanh() fac_nn_activation("tanh")
#define fac_nn_sigmoid() fac_nn_activation("sigmoid")
#define fac_nn_softmax(over) fac_nn_activation("softmax", .dim = (over)) /* over: the dimension */
#define fac_nn_log_softmax(over) fac_nn_activation("log_softmax", .dim = (over))
#define fac_nn_softmin(over) fac_nn_activation("softmin", .dim = (over))

FAC_END

#ifdef __cplusplus
static inline fac_module *fac__container(fac_module *(*make)(fac_module_list),
                                         std::initializer_list<fac_module *> modules)
{
    fac_module_list list;
    list.items = const_cast<fac_module **>(modules.begin());
    list.count = (int64_t)modules.size();
    return make(list);
}
#define fac__CONTAINER(make, ...) fac__container(make, {__VA_ARGS__})
#else
/* gcc and clang evaluate the elements from left to right, so parameters are drawn in the order of the text. */
#define fac__CONTAINER(make, ...)                                                                                      \
    __extension__({                                                                                                    \
        fac_module *modules_[] = {__VA_ARGS__ __VA_OPT__(, ) NULL};                                                     \
        fac_module_list list_ = {modules_, (int64_t)(sizeof modules_ / sizeof *modules_) - 1};                         \
        make(list_);                                                                                                   \
    })
#endif

#endif
