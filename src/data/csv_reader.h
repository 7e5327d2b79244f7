/* Floor 7. Tables in text, record by record: RFC 4180, https://www.rfc-editor.org/rfc/rfc4180, and what is met besides: other
 * separators, blanks around fields, any end of line, blank lines, numbers with a comma where semicolons separate. */
#ifndef FACULA_CSV_READER_H
#define FACULA_CSV_READER_H

#include "byte_source.h"
#include "core/text.h"

typedef struct fac__csv_field {
    const char *text; /* n bytes and a zero, until the next record is read; no other zero is among them */
    size_t n, at;
    int64_t line;
} fac__csv_field;

typedef struct fac__csv_reader {
    fac__source *source;
    char separator;
    int64_t line; /* that is being read, from 1 */
    bool after_cr, ended;
    /* the record that was read last */
    fac__csv_field *fields;
    int count;
    fac__text text;
    /* what has come from the source */
    char *buffer;
    int64_t at, end;
} fac__csv_reader;

/* "-" is the standard input. The separator is found out: of comma, semicolon, tab and bar the one that is in each of the
 * first lines, most often. False, with an error; nothing is open then. */
bool fac__csv_open(fac__csv_reader *r, const char *path);
void fac__csv_close(fac__csv_reader *r);
/* The next record: 1; 0, there is no more; -1, after an error. */
int fac__csv_next(fac__csv_reader *r);
const char *fac__csv_path(const fac__csv_reader *r);
/* An error that names the file, the line, and the field, from 0. False. */
bool fac__csv_error(const fac__csv_reader *r, int field, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
