/* The page, whole: written by the build from page/. */
#ifndef PLAY_PAGE_H
#define PLAY_PAGE_H

#include <stddef.h>

extern const char play_page[]; /* and a 0 */
extern const size_t play_page_bytes;

#endif
