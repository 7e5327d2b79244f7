/* Floor 4. Watching which operations run, and on what: what an export writes down. An operation that can be traced says so in
 * one line, after it has checked that its arguments are there,
 *
 *     FAC__TRACE("softmax.int", FAC__ARG(self), FAC__ARG(dim));
 *
 * with the name and the arguments by which fac_call would call it. While a tracer listens, the line hands the call to it, which
 * makes it by that name and with these arguments, untraced: so what is written down is what ran. Operations without
 * the line are traced as what they are made of. */
#ifndef FACULA_TRACING_H
#define FACULA_TRACING_H

#include "core/recording.h"
#include "facula/ops_call.h"

typedef struct fac__tracer fac__tracer;
struct fac__tracer {
    /* Makes the call; as fac_call, with room for all results. Arguments without a name are positional. */
    int (*call)(fac__tracer *self, const char *op, const fac_keyword *args, int n_args, fac_value *results);
};

/* Who listens; NULL: nobody. Tracers record, too, to know what kernels run: where nobody does, this is one look. What then
 * puts the arguments together stands in a function of its own where the operation is one of those that take nanoseconds. */
static inline fac__tracer *fac__tracing(void)
{
    if (__builtin_expect(atomic_load_explicit(&fac__recordings, memory_order_relaxed) == 0, 1)) return NULL;
    return fac__self()->tracer;
}

static inline fac_value fac__value_of_int(int64_t i)
{
    return fac_value_scalar(fac_scalar_int(i));
}
static inline fac_value fac__value_of_float(double f)
{
    return fac_value_scalar(fac_scalar_float(f));
}
static inline fac_value fac__value_of_bool(bool b)
{
    return fac_value_scalar(fac_scalar_bool(b));
}
static inline fac_value fac__value_of_number(fac_scalar s)
{
    return s.kind == FAC_DTYPE_NONE ? fac_value_none() : fac_value_scalar(s);
}
static inline fac_value fac__value_of_dims(const fac_dims *dims)
{
    fac_value v = fac_value_none();
    if (dims->n < 0) return v;
    v.kind = FAC_VALUE_INTS;
    v.v.ints.items = dims->d;
    v.v.ints.count = dims->n;
    return v;
}
static inline fac_value fac__value_of_tensors(fac_tensor_list list)
{
    fac_value v = fac_value_none();
    v.kind = FAC_VALUE_TENSORS;
    v.v.tensors = list;
    return v;
}
static inline fac_value fac__value_of_dtype(fac_dtype dtype)
{
    fac_value v = fac_value_none();
    if (dtype == FAC_DTYPE_NONE) return v;
    v.kind = FAC_VALUE_DTYPE;
    v.v.dtype = dtype;
    return v;
}

/* A tensor (NULL: none), number, bool, list of tensors, text, or the address of a fac_dims (n < 0: none). */
#define FAC__VALUE(x)                                                                                                  \
    _Generic((x),                                                                                                      \
        fac_tensor *: fac_value_tensor,                                                                                \
        fac_tensor_list: fac__value_of_tensors,                                                                        \
        fac_scalar: fac__value_of_number,                                                                              \
        fac_dims *: fac__value_of_dims,                                                                                \
        const fac_dims *: fac__value_of_dims,                                                                          \
        const char *: fac_value_string,                                                                                \
        char *: fac_value_string,                                                                                      \
        bool: fac__value_of_bool,                                                                                      \
        double: fac__value_of_float,                                                                                   \
        float: fac__value_of_float,                                                                                    \
        default: fac__value_of_int)(x)
#define FAC__ARG(x) FAC__KEYWORD(NULL, x)
#define FAC__KEYWORD(name, x)                                                                                          \
    {                                                                                                                  \
        name, FAC__VALUE(x)                                                                                            \
    }

/* "relu_" for "relu" in place; good for a few calls. */
const char *fac__traced_name(const char *name, bool inplace);

enum { FAC__TRACED_RESULTS = 64 };

/* Has the tracer make the call: the first result, which is a tensor; NULL after an error. tracing.c */
fac_tensor *fac__traced(fac__tracer *t, const char *op, const fac_keyword *args, int n_args);

/* The same of one with two results; the second, if somebody wants it, in *second. */
fac_tensor *fac__traced_two(fac__tracer *t, const char *op, const fac_keyword *args, int n_args, fac_tensor **second);

#define FAC__TRACE_IF(condition, op, ...)                                                                              \
    do {                                                                                                               \
        fac__tracer *fac__tracer_now = fac__tracing();                                                                 \
        if (__builtin_expect(fac__tracer_now != NULL, 0) && (condition)) {                                             \
            const fac_keyword fac__given[] = {__VA_ARGS__};                                                            \
            return fac__traced(fac__tracer_now, op, fac__given, (int)(sizeof fac__given / sizeof *fac__given));        \
        }                                                                                                              \
    } while (0)
#define FAC__TRACE(op, ...) FAC__TRACE_IF(true, op, __VA_ARGS__)
#define FAC__TRACE_TWO(second, op, ...)                                                                                \
    do {                                                                                                               \
        fac__tracer *fac__tracer_now = fac__tracing();                                                                 \
        if (__builtin_expect(fac__tracer_now != NULL, 0)) {                                                            \
            const fac_keyword fac__given[] = {__VA_ARGS__};                                                            \
            return fac__traced_two(fac__tracer_now, op, fac__given, (int)(sizeof fac__given / sizeof *fac__given),     \
                                   second);                                                                            \
        }                                                                                                              \
    } while (0)

#endif
