/* Floor 8. What may be the name of a run, and of anything that is shown. */
#include <string.h>

#include "watch/json_text.h"
#include "watch/names.h"

bool fac__run_name_ok(const char *name)
{
    size_t n = name ? strlen(name) : 0;
    if (n < 1 || n > FAC__RUN_NAME || name[0] == '.') return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

bool fac__label_ok(const char *text, size_t most)
{
    size_t n = strnlen(text, most + 1);
    if (n < 1 || n > most) return false;
    for (size_t i = 0; i < n;) {
        int bytes = fac__utf8_character(text + i, n - i);
        if (!bytes || (unsigned char)text[i] < 32 || text[i] == 127) return false;
        if (text[i] == '\xc2' && (unsigned char)text[i + 1] < 0xa0) return false; /* C1's control characters */
        i += (size_t)bytes;
    }
    return true;
}
