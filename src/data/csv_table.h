/* Floor 7. What the parts of CSV files know of each other: what a table's columns are. */
#ifndef FACULA_CSV_TABLE_H
#define FACULA_CSV_TABLE_H

#include <stdatomic.h>

#include "csv_reader.h"
#include "csv_values.h"
#include "facula/csv.h"

enum { FAC__CSV_CATEGORIES = 100, FAC__CSV_CLASSES = 10000, FAC__CSV_INPUTS = 1 << 22 };

typedef struct fac__csv_column {
    char *name, *unused; /* unused: why; NULL */
    fac_csv_kind kind;
    bool target, gaps; /* gaps: there is an input that says that it is missing */
    double mean, std;
    fac__text_set values; /* of texts, and the classes of a target */
    double *numbers;      /* what those classes are, where they are numbers: ascending */
    int64_t offset, inputs;
} fac__csv_column;

struct fac_csv {
    atomic_int refs;
    int n, target;
    bool named, classification, standardised;
    int64_t inputs;
    fac__csv_column *columns;
};

fac_csv *fac__csv_new(int n);
fac_csv *fac__csv_keep(fac_csv *csv);
/* Sets the text of a member; false when memory runs out. */
bool fac__csv_set(char **member, const char *text);
/* When all else is known: places of inputs, values of classes. False, with an error, when nothing is left to learn from. */
bool fac__csv_finish(fac_csv *csv);
/* The names that a record gives to columns: the second "a" is "a.1", one without a name "column 3". */
bool fac__csv_names(const fac__csv_reader *r, fac__texts *names);

static inline bool fac__csv_is_input(const fac__csv_column *c)
{
    return !c->target && !c->unused;
}

#endif
