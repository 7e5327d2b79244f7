/* Floor 7. A forward pass written down as calls of operations by name: what an export makes a file of.
 *
 * The pass is run once, with its own code. Every operation that can be traced (ops/tracing.h) becomes a call, whose tensors are
 * values: the inputs, results of calls, and all others, which are constants: parameters, or what the code made out of nothing.
 * Nothing is left out silently: where the pass does something to a traced value that is no call (an operation that cannot
 * be traced, a change in place, reading an element into a C variable), that is an error. */
#ifndef FACULA_CALL_TRACE_H
#define FACULA_CALL_TRACE_H

#include "arena.h"
#include "graph/plan.h"
#include "ops/tracing.h"

typedef enum fac__trace_source { FAC__TRACE_INPUT, FAC__TRACE_RESULT, FAC__TRACE_CONSTANT } fac__trace_source;

typedef struct fac__trace_value {
    fac_tensor *t; /* held */
    fac__trace_source source;
    int at; /* which input or call */
} fac__trace_value;

typedef struct fac__trace_arg {
    const char *name; /* NULL: positional */
    fac_value value;  /* tensors: those of the values */
    int number;       /* of the value, where it is a tensor */
    int *numbers;     /* where it is a list of tensors */
} fac__trace_arg;

typedef struct fac__trace_call {
    const char *op;
    fac__trace_arg *args;
    int n_args;
    int first,
        n_results; /* values first … first + n_results - 1; fewer than the operation has where the rest are no tensors */
} fac__trace_call;

typedef struct fac__trace {
    fac__tracer tracer; /* first */
    fac__arena arena;
    fac_plan *plan; /* what the kernels did */
    int64_t looked; /* at so many of its steps */
    fac__trace_value *values;
    fac__trace_call *calls;
    int n_values, n_calls;
    int outputs[FAC__TRACED_RESULTS]; /* numbers of values */
    int n_outputs;
    bool failed; /* an error is pending */
} fac__trace;

/* Gives the outputs of a forward pass; their number, or -1 after an error. */
typedef int (*fac__traced_pass)(void *context, fac_tensor *const *inputs, int n_inputs, fac_tensor **outputs, int max);

/* Runs the pass and writes it down. False after an error. The trace is dropped in either case. */
bool fac__trace_run(fac__trace *t, fac__traced_pass pass, void *context, fac_tensor *const *inputs, int n_inputs);
void fac__trace_drop(fac__trace *t);

/* The i-th positional argument, or that of a name; none where there is no such. */
const fac__trace_arg *fac__trace_arg_at(const fac__trace_call *c, int i);
const fac__trace_arg *fac__trace_arg_named(const fac__trace_call *c, const char *name);

#endif
