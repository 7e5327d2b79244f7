/* Makes a block fail that jansson asks for, and counts those that it has: json_set_alloc_funcs(json_take, json_give). */
#ifndef FACULA_JSON_FAILURES_H
#define FACULA_JSON_FAILURES_H

#include <jansson.h>
#include <stdlib.h>

/* The json_left-th block from now on fails, once; 0: none. */
static int json_left, json_blocks;

static void *json_take(size_t n)
{
    void *p = json_left && --json_left == 0 ? NULL : malloc(n);
    json_blocks += p != NULL;
    return p;
}

static void json_give(void *p)
{
    json_blocks -= p != NULL;
    free(p);
}

#endif
