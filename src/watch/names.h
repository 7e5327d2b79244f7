/* Floor 8. Names that come from a program or from outside: which are allowed. */
#ifndef FACULA_NAMES_H
#define FACULA_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "watch/folder.h" /* fac__run_name_ok */

/* 1 to `most` bytes of UTF-8 without control characters. */
bool fac__label_ok(const char *text, size_t most);

#endif
