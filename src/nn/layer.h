/* Floor 5. What the files of ready-made layers share: making and drawing parameters, and texts as Python prints them. */
#ifndef FACULA_LAYER_H
#define FACULA_LAYER_H

#include "facula/init.h"
#include "facula/nn.h"
#include "nn/module_impl.h"

/* Adds an undefined parameter (a member of the layer's struct) of that shape; on errors the module is marked failed and
 * the result is NULL, which the fac_init functions pass on. */
fac_tensor *fac__layer_parameter(void *layer, const char *name, fac_dims shape, fac_dtype dtype, fac_tensor **slot);
#define FAC__PARAMETER_OF(layer, field, shape, dtype)                                                                  \
    ((layer) ? fac__layer_parameter(layer, #field, shape, dtype, &(layer)->field) : NULL)
/* The same for a buffer, filled with a number. */
fac_tensor *fac__layer_buffer(void *layer, const char *name, fac_dims shape, fac_dtype dtype, double value,
                              fac_tensor **slot);
#define FAC__BUFFER_OF(layer, field, shape, dtype, value)                                                              \
    ((layer) ? fac__layer_buffer(layer, #field, shape, dtype, value, &(layer)->field) : NULL)

/* The default initialisation of Linear and the convolutions: weight uniform within 1 / sqrt(fan in) by way of
 * kaiming_uniform_(a=sqrt(5)), whose rounding differs, then bias (may be NULL) uniform within 1 / sqrt(fan in). */
void fac__init_weight_and_bias(fac_tensor *weight, fac_tensor *bias);

/* The Linear in MultiheadAttention, which PyTorch calls otherwise (linear.c). */
fac_module *fac__attention_out(int64_t features, fac_nn_linear_options options);

/* fac_module's `trait`: it computes relu(x), not in place; the maximum of each window. */
typedef enum fac__trait { FAC__CUTS_AT_0 = 1, FAC__TAKES_MAXIMA } fac__trait;

/* The forward of Sequential, for types that are one by another name. */
fac_tensor *fac__sequential_forward(fac_module *self, fac_tensor *x);

/* repr(v) of a Python float: "0.1", "1.0", "1e-05". The text has room for 32. */
const char *fac__python_float(double v, char *text);
/* "(3, 3)", "(3,)": a tuple of integers. The text has room for FAC__TUPLE_ROOM. */
enum { FAC__TUPLE_ROOM = 24 * FAC_MAX_DIMS };
const char *fac__python_tuple(fac_dims d, char *text);
static inline const char *fac__python_bool(bool b)
{
    return b ? "True" : "False";
}

#endif
