/* Floor 7. See csv_reader.h. */
#include "csv_reader.h"

#include <stdarg.h>

enum { BUFFER = 1 << 16, MOST_BYTES = 1 << 26 /* of a record */, MOST_FIELDS = 1 << 17, LINES_LOOKED_AT = 20 };
enum { END = -1, FAILED = -2 };

const char *fac__csv_path(const fac__csv_reader *r)
{
    const char *path = fac__source_path(r->source);
    return strcmp(path, "-") ? path : "standard input";
}

bool fac__csv_error(const fac__csv_reader *r, int field, const char *format, ...)
{
    char words[400];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    int64_t line = field < r->count ? r->fields[field].line : r->line;
    fac__io_error("%s: line %lld, column %d: %s", fac__csv_path(r), (long long)line, field + 1, words);
    return false;
}

/* ---- bytes -------------------------------------------------------------------------------------------------- */

/* There is a byte at r->at; or END, FAILED. */
static int fill(fac__csv_reader *r)
{
    if (r->at < r->end) return 0;
    if (r->ended) return END;
    r->at = 0;
    r->end = fac__source_some(r->source, r->buffer, BUFFER);
    if (r->end < 0) {
        r->end = 0;
        return FAILED;
    }
    r->ended = r->end == 0;
    return r->ended ? END : 0;
}

static int get(fac__csv_reader *r)
{
    int c = fill(r);
    return c < 0 ? c : (unsigned char)r->buffer[r->at++];
}

/* The second byte of an end of line is left for later: from a terminal it may not be there yet. */
static int get_first(fac__csv_reader *r)
{
    int c = get(r);
    if (r->after_cr && c == '\n') c = get(r);
    r->after_cr = false;
    return c;
}

static bool is_end(const fac__csv_reader *r, int c)
{
    return c == r->separator || c == '\n' || c == '\r' || c == END;
}

/* ---- fields ------------------------------------------------------------------------------------------------- */

static int new_field(fac__csv_reader *r)
{
    if (r->count == MOST_FIELDS)
        return fac__io_error("%s: line %lld: more than %d columns", fac__csv_path(r), (long long)r->line,
                             (int)MOST_FIELDS),
               FAILED;
    if (!FAC__GROW(r->fields, r->count)) return FAILED;
    r->fields[r->count++] = (fac__csv_field){.at = r->text.n, .line = r->line};
    return 0;
}

/* Takes bytes until one of these comes, which is returned. */
static int take_until(fac__csv_reader *r, char a, char b, char c)
{
    for (;;) {
        int state = fill(r);
        if (state < 0) return state;
        const char *begin = r->buffer + r->at, *p = begin, *end = r->buffer + r->end;
        while (p < end && *p != a && *p != b && *p != c && *p)
            p++;
        fac__text_add(&r->text, begin, (size_t)(p - begin));
        r->at += p - begin;
        if (r->text.failed) return FAILED;
        if (r->text.n > MOST_BYTES)
            return fac__io_error("%s: line %lld: longer than %d bytes; is a quote not closed?", fac__csv_path(r),
                                 (long long)r->line, (int)MOST_BYTES),
                   FAILED;
        if (p < end && !*p) return fac__csv_error(r, r->count - 1, "a zero byte, which is in no text"), FAILED;
        if (p < end) return (unsigned char)r->buffer[r->at++];
    }
}

/* Behind the opening quote. What comes behind the closing one. */
static int take_quoted(fac__csv_reader *r)
{
    for (;;) {
        int c = take_until(r, '"', '\n', '"');
        if (c == END) return fac__csv_error(r, r->count - 1, "the quote that opens here is never closed"), FAILED;
        if (c == '\n') {
            r->line++;
            fac__text_add(&r->text, "\n", 1);
            continue;
        }
        if (c < 0) return c;
        c = get(r);
        if (c != '"') {
            while (c == ' ')
                c = get(r);
            if (c == FAILED || is_end(r, c)) return c;
            return fac__csv_error(r, r->count - 1, "text behind the closing quote"), FAILED;
        }
        fac__text_add(&r->text, "\"", 1);
    }
}

/* Where semicolons separate, "2,5" is how a number is written: programs write semicolons for that reason. */
static void decimal_point(char *text)
{
    char *comma = NULL;
    for (char *p = text + (*text == '-' || *text == '+'); *p; p++) {
        if (*p == ',' && !comma)
            comma = p;
        else if (*p < '0' || *p > '9')
            return;
    }
    if (comma && comma[1]) *comma = '.';
}

/* A field that begins with c. What comes behind it. */
static int take_field(fac__csv_reader *r, int c)
{
    if (new_field(r) < 0) return FAILED;
    fac__csv_field *f = &r->fields[r->count - 1];
    while (c == ' ')
        c = get(r);
    if (c == FAILED) return c;
    if (c == '"') {
        c = take_quoted(r);
    } else if (!is_end(r, c)) {
        r->at--;
        c = take_until(r, r->separator, '\n', '\r');
        while (r->text.n > f->at && r->text.p[r->text.n - 1] == ' ')
            r->text.n--;
    }
    if (c == FAILED) return c;
    f->n = r->text.n - f->at;
    fac__text_add(&r->text, "", 1); /* the zero */
    if (r->text.failed) return FAILED;
    if (r->separator == ';') decimal_point(r->text.p + f->at);
    return c;
}

/* A record; or END, FAILED. */
static int take_record(fac__csv_reader *r)
{
    r->count = 0;
    r->text.n = 0;
    int c = get_first(r);
    while (c == '\n' || c == '\r') {
        r->line++;
        r->after_cr = c == '\r';
        c = get_first(r);
    }
    if (c < 0) return c;
    do {
        if (r->count) c = get(r);
        if (c != FAILED) c = take_field(r, c);
    } while (c == r->separator);
    if (c == FAILED) return c;
    r->after_cr = c == '\r';
    if (c != END) r->line++;
    return 0;
}

int fac__csv_next(fac__csv_reader *r)
{
    int state;
    do
        state = take_record(r);
    while (state == 0 && r->count == 1 && !r->fields[0].n); /* a line of blanks */
    if (state < 0) return state == END ? 0 : -1;
    for (int i = 0; i < r->count; i++)
        r->fields[i].text = r->text.p + r->fields[i].at;
    return 1;
}

/* ---- opening ------------------------------------------------------------------------------------------------ */

static bool is_digit(const fac__csv_reader *r, int64_t i)
{
    return i >= r->at && i < r->end && r->buffer[i] >= '0' && r->buffer[i] <= '9';
}

/* How often it is, outside quotes, in that of the first lines where it is the least often. Not counted, where that is asked for, is
 * what stands between two digits. */
static int64_t least(const fac__csv_reader *r, char separator, bool but_decimal)
{
    int64_t least = INT64_MAX, here = 0, lines = 0, bytes = 0;
    bool quoted = false;
    for (int64_t i = r->at; i < r->end && lines < LINES_LOOKED_AT; i++) {
        char c = r->buffer[i];
        if (c == '"') quoted = !quoted;
        if (c == separator && !quoted && !(but_decimal && is_digit(r, i - 1) && is_digit(r, i + 1))) here++;
        if ((c == '\n' || c == '\r') && !quoted) {
            if (bytes && here < least) least = here;
            lines += bytes > 0;
            here = bytes = 0;
        } else {
            bytes++;
        }
    }
    return lines ? least : here; /* a last line that is not whole counts only where it is alone */
}

static void find_separator(fac__csv_reader *r)
{
    static const char candidates[] = ";\t|,"; /* a comma that is as often may be a decimal one */
    int64_t most = 0;
    r->separator = ',';
    for (const char *p = candidates; *p; p++) {
        bool decimal = *p == ',' && r->separator == ';' && least(r, *p, true) == 0;
        int64_t n = decimal ? 0 : least(r, *p, false);
        if (n > most) {
            most = n;
            r->separator = *p;
        }
    }
}

bool fac__csv_open(fac__csv_reader *r, const char *path)
{
    *r = (fac__csv_reader){.line = 1};
    r->source = fac__source_open(path, false);
    r->buffer = r->source ? fac__alloc(BUFFER) : NULL;
    bool good = r->buffer && fill(r) != FAILED;
    if (good && r->end >= 2 && (!memcmp(r->buffer, "\xff\xfe", 2) || !memcmp(r->buffer, "\xfe\xff", 2)))
        good = (fac__io_error("%s: a text in UTF-16; save it in UTF-8", fac__csv_path(r)), false);
    if (good && r->end >= 3 && !memcmp(r->buffer, "\xef\xbb\xbf", 3)) r->at = 3;
    if (good)
        find_separator(r);
    else
        fac__csv_close(r);
    return good;
}

void fac__csv_close(fac__csv_reader *r)
{
    fac__source_close(r->source);
    fac__free(r->fields);
    fac__free(r->buffer);
    fac__text_drop(&r->text);
    *r = (fac__csv_reader){0};
}
