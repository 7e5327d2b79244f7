/* Floor 8. JSON's strings and numbers. */
#include "json_text.h"

#include <math.h>

int fac__utf8_character(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80) return 1;
    int bytes = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || n < (size_t)bytes) return 0;
    uint32_t c = s[0] & (0xff >> (bytes + 1));
    for (int i = 1; i < bytes; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    return c >= least[bytes] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? bytes : 0;
}

void fac__json_string(fac__text *t, const char *s)
{
    fac__text_add(t, "\"", 1);
    for (size_t n = strlen(s), i = 0; i < n;) {
        int bytes = fac__utf8_character(s + i, n - i);
        unsigned char c = (unsigned char)s[i];
        if (!bytes)
            fac__text_add(t, "?", 1);
        else if (c == '"' || c == '\\')
            fac__text_add(t, (char[]){'\\', (char)c}, 2);
        else if (c < 0x20 || c == 0x7f)
            fac__text_format(t, "\\u%04x", c);
        else
            fac__text_add(t, s + i, (size_t)bytes);
        i += bytes ? (size_t)bytes : 1;
    }
    fac__text_add(t, "\"", 1);
}

/* The digits of u, at the end of a buffer of 20; where they begin. */
static char *digits_of(uint64_t u, char buffer[20])
{
    char *p = buffer + 20;
    do {
        *--p = (char)('0' + u % 10);
    } while (u /= 10);
    return p;
}

void fac__json_integer(fac__text *t, int64_t value)
{
    char buffer[20], *p = digits_of(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, buffer);
    if (!fac__text_reserve(t, 21)) return;
    if (value < 0) t->p[t->n++] = '-';
    memcpy(t->p + t->n, p, (size_t)(buffer + 20 - p));
    t->n += (size_t)(buffer + 20 - p);
    t->p[t->n] = 0;
}

/* As printf writes it, but for the decimal point, which is the locale's there. */
static void put_exponent(fac__text *t, double value)
{
    char text[40], *to = text;
    snprintf(text, sizeof text, "%.9g", value);
    for (const char *from = text; *from; from++) {
        if (strchr("0123456789+-e", *from))
            *to++ = *from;
        else if (to[-1] != '.')
            *to++ = '.';
    }
    fac__text_add(t, text, (size_t)(to - text));
}

void fac__json_number(fac__text *t, double value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,
                                    1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19};
    if (!isfinite(value)) return fac__text_add(t, "null", 4);
    double size = fabs(value);
    if (size < 1e15 && value == (double)(int64_t)value) return fac__json_integer(t, (int64_t)value);
    if (size < 1e-9 || size >= 1e8) return put_exponent(t, value);

    /* 9 digits, of which the first is worth 10 to the `exponent`. */
    int exponent = 0;
    if (size < 1)
        while (size * powers[-exponent] < 1)
            exponent--;
    else
        while (size >= powers[exponent + 1])
            exponent++;
    uint64_t digits = (uint64_t)(size * powers[8 - exponent] + 0.5);
    if (digits >= 1000000000) digits /= 10, exponent++;
    int after = 8 - exponent; /* digits behind the point */
    while (after > 0 && digits % 10 == 0)
        digits /= 10, after--;
    char buffer[20], *p = digits_of(digits, buffer);
    int count = (int)(buffer + 20 - p);
    if (!fac__text_reserve(t, 40)) return;
    char *to = t->p + t->n;
    if (value < 0) *to++ = '-';
    if (count <= after) {
        *to++ = '0';
        *to++ = '.';
        for (int i = count; i < after; i++)
            *to++ = '0';
    } else {
        memcpy(to, p, (size_t)(count - after));
        to += count - after;
        p += count - after;
        count = after;
        if (after) *to++ = '.';
    }
    memcpy(to, p, (size_t)count);
    to[count] = 0;
    t->n = (size_t)(to + count - t->p);
}
