/* Floor 7. See csv_values.h. */
#include "csv_values.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "core/memory.h"
#include "core/number_text.h"

enum { LONGEST_TEXT = 1000 };

static bool in_list(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (!strcasecmp(text, *list)) return true;
    return false;
}

/* ---- fields ------------------------------------------------------------------------------------------------- */

bool fac__csv_missing(const char *text)
{
    static const char *const words[] = {"NA", "N/A", "#N/A", "<NA>", "NaN", "-NaN", "null", "none", "?", NULL};
    return !*text || in_list(text, words);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits with a point among them and no exponent, few enough that one division rounds right: what most numbers are. */
static bool short_number(const char *p, double *v)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool minus = *p == '-';
    int64_t digits = 0;
    int n = 0, behind = 0, point = 0;
    for (p += minus; is_digit(*p) || (*p == '.' && !point); p++) {
        if (*p == '.') {
            point = 1;
            continue;
        }
        digits = digits * 10 + (*p - '0');
        behind += point;
        if (++n > 15) return false;
    }
    if (*p || !n) return false;
    *v = (double)digits / powers[behind];
    if (minus) *v = -*v;
    return true;
}

bool fac__csv_number(const char *text, double *v)
{
    static const char *const infinities[] = {"inf", "-inf", "+inf", "infinity", "-infinity", "+infinity", NULL};
    if (short_number(text, v)) return true;
    if (in_list(text, infinities)) {
        *v = NAN;
        return true;
    }
    const char *p = text;
    int digits = 0;
    if (*p == '-' || *p == '+') p++;
    for (; is_digit(*p); p++)
        digits++;
    if (*p == '.') p++;
    for (; is_digit(*p); p++)
        digits++;
    if (!digits) return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '-' || *p == '+') p++;
        if (!is_digit(*p)) return false;
        while (is_digit(*p))
            p++;
    }
    if (*p || p - text > FAC__LONGEST_NUMBER) return false;
    *v = fac__text_to_double(*text == '+' ? text + 1 : text, (size_t)(p - text) - (*text == '+'));
    if (!isfinite((float)*v)) *v = NAN;
    return true;
}

int fac__csv_bool(const char *text)
{
    static const char *const yes[] = {"true", "yes", "t", "y", NULL}, *const no[] = {"false", "no", "f", "n", NULL};
    return in_list(text, yes) ? 1 : in_list(text, no) ? 0 : -1;
}

/* ---- sets --------------------------------------------------------------------------------------------------- */

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t hash(const char *text, size_t n)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)text[i]) * 1099511628211u;
    return h;
}

/* The slot that has the text, or would have it. */
static int32_t *slot_of(const fac__text_set *s, const char *text, size_t n)
{
    for (uint64_t i = hash(text, n);; i++) {
        int32_t *slot = &s->slots[i & (uint64_t)(s->n_slots - 1)];
        if (!*slot || !strcmp(s->texts.items[*slot - 1], text)) return slot;
    }
}

static bool grow(fac__text_set *s)
{
    int64_t n = s->n_slots ? 2 * s->n_slots : 16;
    int32_t *slots = fac__calloc((size_t)n * sizeof *slots);
    if (!slots) return false;
    fac__free(s->slots);
    s->slots = slots;
    s->n_slots = n;
    for (int64_t i = 0; i < s->texts.count; i++)
        *slot_of(s, s->texts.items[i], strlen(s->texts.items[i])) = (int32_t)i + 1;
    return true;
}

bool fac__text_set_add(fac__text_set *s, const char *text, size_t n)
{
    if (s->full) return true;
    if (2 * s->texts.count >= s->n_slots && !grow(s)) return false;
    int32_t *slot = slot_of(s, text, n);
    if (*slot) return true;
    if (s->texts.count == s->most || n > LONGEST_TEXT) {
        fac__text_set_drop(s);
        s->full = true;
        return true;
    }
    if (!fac__texts_add(&s->texts, text, n)) return false;
    *slot = (int32_t)s->texts.count;
    return true;
}

int64_t fac__text_set_find(const fac__text_set *s, const char *text, size_t n)
{
    return s->n_slots ? *slot_of(s, text, n) - 1 : -1;
}

void fac__text_set_drop(fac__text_set *s)
{
    fac__texts_drop(&s->texts);
    fac__free(s->slots);
    s->slots = NULL;
    s->n_slots = 0;
}
