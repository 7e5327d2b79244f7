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

/* A fact of a report: a member of its JSON, or, where that is NULL, a line. */
static inline void tell_fact(json_t *json, const char *key, const char *text)
{
    if (json)
        json_object_set_new(json, key, json_string(text));
    else
        printf("%-12s %s\n", key, text);
}

/* On a line, and gives it up. */
static inline void print_json(json_t *json)
{
    json_dumpf(json, stdout, JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(json);
}

#endif
