/* Floor 4. Handing a call to the tracer. */
#include "tracing.h"

#include <stdio.h>

const char *fac__traced_name(const char *name, bool inplace)
{
    if (!inplace) return name;
    char *text = fac__next_text();
    snprintf(text, FAC__TEXT_ROOM, "%s_", name);
    return text;
}

fac_tensor *fac__traced(fac__tracer *t, const char *op, const fac_keyword *args, int n_args)
{
    fac_value results[FAC__TRACED_RESULTS];
    int n = t->call(t, op, args, n_args, results);
    return n > 0 && results[0].kind == FAC_VALUE_TENSOR ? results[0].v.tensor : NULL;
}

fac_tensor *fac__traced_two(fac__tracer *t, const char *op, const fac_keyword *args, int n_args, fac_tensor **second)
{
    fac_value results[FAC__TRACED_RESULTS];
    if (second) *second = NULL;
    if (t->call(t, op, args, n_args, results) < 2) return NULL;
    if (second) *second = results[1].v.tensor;
    return results[0].v.tensor;
}
