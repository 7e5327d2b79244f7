/* What the commands' --json prints. */
#ifndef FACULA_JSON_LINE_H
#define FACULA_JSON_LINE_H

#include <jansson.h>
#include <math.h>
#include <stdio.h>

/* JSON has no NaN and no infinity: null. */
static inline json_t *json_finite(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* On a line, and gives it up. */
static inline void print_json(json_t *json)
{
    json_dumpf(json, stdout, JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(json);
}

#endif
