/* See any_file.h. */
#include "any_file.h"

#include <stdlib.h>
#include <string.h>

/* The other formats are found first, as what begins with two zero bytes may be anything. What is none of them is told as
 * fac_file_format tells it. */
fac_state *load_any(const char *path, bool map)
{
    if (fac_file_format(path)) return fac_load(path, .map = map);
    char reason[1024];
    snprintf(reason, sizeof reason, "%s", fac_error());
    fac_clear_error();
    fac_state *state = NULL;
    fac_scope {
        fac_tensor *t = fac_idx_read(path);
        state = t ? fac_state_new() : NULL;
        if (state) fac_state_set(state, "tensor", t);
    }
    if (!state) {
        fac_clear_error();
        fac_raise(FAC_ERROR_IO, "%s", reason);
    }
    return state;
}

const char *format_of(const char *path)
{
    const char *format = fac_file_format(path);
    if (!format) fac_clear_error();
    return format ? format : "idx";
}
