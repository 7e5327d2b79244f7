/* Floor 7. JSON that is written, as it is collected in a text. */
#ifndef FACULA_JSON_OUT_H
#define FACULA_JSON_OUT_H

#include <jansson.h>

#include "core/raise.h"
#include "core/text.h"

static inline int fac__take_json(const char *part, size_t n, void *text)
{
    fac__text_add(text, part, n);
    return ((fac__text *)text)->failed ? -1 : 0;
}

/* flags: jansson's, JSON_COMPACT for instance. False, with an error, when memory runs out. */
static inline bool fac__text_add_json(fac__text *text, const json_t *json, size_t flags)
{
    bool ok = json_dump_callback(json, fac__take_json, text, flags) == 0;
    if (!ok && !text->failed) fac__memory_error(text->n);
    return ok && !text->failed;
}

#endif
