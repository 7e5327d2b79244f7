/* Reads tests/data/shape_ops.txt, of which record/record_shape_ops.py says what is in it. */
#ifndef FACULA_SHAPE_DATA_H
#define FACULA_SHAPE_DATA_H

#include "testing.h"

#include <stdio.h>

enum { LINE = 8192, FIELDS = 6 };

/* Calls check with the fields of each line that begins with `kind` and a space, which is left out. Returns how many. */
static inline int each_line(const char *kind, void (*check)(char **field))
{
    char line[LINE], *field[FIELDS];
    int count = 0;
    FILE *in = fopen(FAC_TEST_DATA "/shape_ops.txt", "r");
    assert_non_null(in);
    while (fgets(line, sizeof line, in)) {
        size_t n = strlen(kind);
        if (strncmp(line, kind, n) || line[n] != ' ') continue;
        line[strcspn(line, "\n")] = 0;
        char *rest = line + n + 1;
        for (int i = 0; i < FIELDS; i++) {
            field[i] = rest;
            char *end = rest ? strstr(rest, " : ") : NULL;
            if (end) *end = 0;
            rest = end ? end + 3 : NULL;
        }
        fac_scope
            check(field);
        if (fac_error()) fail_msg("%s: %s", field[0], fac_error());
        count++;
    }
    fclose(in);
    return count;
}

/* "2,3" as a shape, "-" being none. */
static inline fac_dims read_shape(const char *text)
{
    fac_dims d = FAC_SHAPE();
    for (char *end; *text != '-' && *text; text = *end == ',' ? end + 1 : end) {
        d.d[d.n++] = strtoll(text, &end, 10);
        if (*end != ',') break;
    }
    return d;
}

/* Numbers with spaces between, "-" being none, as a tensor of that shape. */
static inline fac_tensor *read_tensor(const char *text, fac_dtype dtype, fac_dims shape)
{
    fac_tensor *t = fac_zeros(shape, .dtype = FAC_FLOAT64);
    double *out = fac_data(t);
    for (int64_t i = 0; i < fac_numel(t); i++) {
        char *end;
        out[i] = strtod(text, &end);
        assert_true(end != text);
        text = end;
    }
    return fac_to(t, dtype);
}

#endif
