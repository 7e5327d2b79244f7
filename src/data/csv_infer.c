/* Floor 7. Finding out what the columns of a table are, in one reading: for each, whether all its fields are numbers, or
 * truths, and which texts there are, as long as those are few. */
#include <math.h>

#include "core/memory.h"
#include "core/raise.h"
#include "core/recording.h"
#include "core/utf8.h"
#include "csv_table.h"

enum { MOST_WHOLE_CLASSES = 20, ROWS_FOR_A_CLASS = 5, FEW = 10 };

typedef struct tally {
    int64_t numbers, truths, present, missing;
    bool fractions;
    fac__text_set texts;
    int64_t odd_line; /* of the first field that is no number */
    char odd[40];
} tally;

typedef struct inference {
    fac__csv_reader reader;
    const fac_csv_options *options;
    int n, target;
    bool named; /* the target is one of the first record's names, so that these are names */
    tally *tallies;
    fac__texts first, names; /* the first record, as it is, and as names */
    int64_t first_line, rows;
} inference;

static bool all_numbers(const tally *t)
{
    return t->present && t->numbers == t->present;
}

static bool all_truths(const tally *t)
{
    return t->present && t->truths == t->present;
}

/* ---- fields ------------------------------------------------------------------------------------------------- */

static bool count_field(inference *f, int i, const char *text, size_t n, int64_t line)
{
    tally *t = &f->tallies[i];
    double v;
    if (fac__csv_missing(text)) {
        t->missing++;
        return true;
    }
    t->present++;
    if (fac__csv_number(text, &v)) {
        t->numbers++;
        if (isnan(v)) t->missing++;
        t->fractions |= !(v == floor(v)) || fabs(v) > 1e15;
    } else {
        t->truths += fac__csv_bool(text) >= 0;
        if (!t->odd_line) {
            t->odd_line = line;
            snprintf(t->odd, sizeof t->odd, "%s", text);
        }
    }
    return fac__text_set_add(&t->texts, text, n);
}

static bool count_record(inference *f)
{
    fac__csv_reader *r = &f->reader;
    if (r->count != f->n)
        return fac__csv_error(r, r->count - 1, "the record ends here, with %d %s, and the first, in line %lld, has %d",
                              r->count, r->count == 1 ? "field" : "fields", (long long)f->first_line, f->n);
    for (int i = 0; i < f->n; i++)
        if (!count_field(f, i, r->fields[i].text, r->fields[i].n, r->fields[i].line)) return false;
    f->rows++;
    return true;
}

/* ---- names -------------------------------------------------------------------------------------------------- */

/* The column of that name, or, if there is none, of that number; -1. */
static int column_called(const inference *f, const char *text, size_t n)
{
    int64_t number = 0;
    for (int i = 0; i < f->n; i++)
        if (strlen(f->names.items[i]) == n && !memcmp(f->names.items[i], text, n)) return i;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9' || number > f->n) return -1;
        number = number * 10 + (text[i] - '0');
    }
    return number <= f->n ? (int)number - 1 : -1;
}

static bool no_column(const inference *f, const char *text, size_t n)
{
    fac__text all = {0};
    for (int i = 0; i < f->n && i < 50; i++)
        fac__text_format(&all, "%s%s", i ? ", " : "", f->names.items[i]);
    if (!all.failed)
        fac__value_error("%s: there is no column '%.*s'; there are %s%s", fac__csv_path(&f->reader), (int)n, text,
                         all.p, f->n > 50 ? "…" : "");
    fac__text_drop(&all);
    return false;
}

static bool begin(inference *f)
{
    fac__csv_reader *r = &f->reader;
    int got = fac__csv_next(r);
    if (got == 0) fac__io_error("%s: there is nothing in it", fac__csv_path(r));
    if (got <= 0) return false;
    f->n = r->count;
    f->first_line = r->fields[0].line;
    f->tallies = fac__calloc((size_t)f->n * sizeof *f->tallies);
    if (!f->tallies || !fac__csv_names(r, &f->names)) return false;
    for (int i = 0; i < f->n; i++)
        if (!fac__texts_add(&f->first, r->fields[i].text, r->fields[i].n)) return false;
    const char *target = f->options->target;
    f->target = target ? column_called(f, target, strlen(target)) : f->n - 1;
    if (f->target < 0) return no_column(f, target, strlen(target));
    f->named = target && !strcmp(f->first.items[f->target], target);
    for (int i = 0; i < f->n; i++)
        f->tallies[i].texts.most = i == f->target ? FAC__CSV_CLASSES : FAC__CSV_CATEGORIES;
    return true;
}

/* The first record names the columns, see facula/csv.h. */
static bool first_is_names(const inference *f)
{
    int texts = 0, numbers = 0;
    for (int i = 0; i < f->n; i++) {
        const char *text = f->first.items[i];
        double v;
        if (fac__csv_missing(text)) continue;
        if (fac__csv_number(text, &v)) {
            numbers++;
            continue;
        }
        texts++;
        if (all_numbers(&f->tallies[i])) return true;
    }
    return texts && !numbers;
}

/* ---- columns ------------------------------------------------------------------------------------------------ */

/* Takes over the texts, sorted. */
static bool take_values(fac__csv_column *c, tally *t)
{
    fac__texts_sort(&t->texts.texts, 0);
    c->values.most = INT32_MAX;
    for (int64_t i = 0; i < t->texts.texts.count; i++) {
        const char *text = t->texts.texts.items[i];
        if (!fac__is_utf8(text))
            return fac__value_error("column '%s' has a text that is no UTF-8: '%s'; iconv converts files", c->name,
                                    text),
                   false;
        if (!fac__text_set_add(&c->values, text, strlen(text))) return false;
    }
    return true;
}

static bool describe_input(const inference *f, fac__csv_column *c, tally *t)
{
    char why[160] = "";
    int64_t count = t->texts.texts.count;
    c->gaps = t->missing > 0 && c->kind != FAC_CSV_CATEGORY;
    if (c->unused || c->kind == FAC_CSV_NUMBER || c->kind == FAC_CSV_TRUTH) return true;
    if (c->kind == FAC_CSV_EMPTY) {
        snprintf(why, sizeof why, "it is empty");
    } else if (t->texts.full && t->numbers > t->present / 2) {
        snprintf(why, sizeof why, "'%s' in line %lld is no number", fac__is_utf8(t->odd) ? t->odd : "what stands",
                 (long long)t->odd_line);
    } else if (t->texts.full) {
        snprintf(why, sizeof why, "it has more than %d different texts", (int)FAC__CSV_CATEGORIES);
    } else if (count > FEW && count > f->rows / 2) {
        snprintf(why, sizeof why, "it has %lld different texts in %lld rows", (long long)count, (long long)f->rows);
    }
    return *why ? fac__csv_set(&c->unused, why) : take_values(c, t);
}

static int by_value(const void *a, const void *b)
{
    double x, y;
    fac__csv_number(*(char *const *)a, &x);
    fac__csv_number(*(char *const *)b, &y);
    return isnan(x) || isnan(y) ? isnan(x) - isnan(y) : (x > y) - (x < y);
}

/* Numbers that are written in several ways are one class: the first of them in order, a whole one as such. */
static bool number_classes(fac__csv_column *c, tally *t)
{
    fac__texts *texts = &t->texts.texts;
    double last = NAN;
    c->values.most = INT32_MAX;
    qsort(texts->items, (size_t)texts->count, sizeof *texts->items, by_value);
    for (int64_t i = 0; i < texts->count; i++) {
        double v;
        char whole[32];
        fac__csv_number(texts->items[i], &v);
        if (isnan(v) || v == last) continue;
        last = v;
        snprintf(whole, sizeof whole, "%.0f", v == 0 ? 0.0 : v);
        const char *text = t->fractions ? texts->items[i] : whole;
        if (!fac__text_set_add(&c->values, text, strlen(text))) return false;
    }
    return true;
}

static bool truth_classes(fac__csv_column *c, tally *t)
{
    c->values.most = 2;
    for (int truth = 0; truth < 2; truth++)
        for (int64_t i = 0; i < t->texts.texts.count; i++) {
            const char *text = t->texts.texts.items[i];
            if (fac__csv_bool(text) != truth) continue;
            if (!fac__text_set_add(&c->values, text, strlen(text))) return false;
            break;
        }
    return true;
}

static bool describe_target(const inference *f, fac_csv *csv, fac__csv_column *c, tally *t)
{
    const char *path = fac__csv_path(&f->reader);
    fac_csv_task task = f->options->task;
    bool number = c->kind == FAC_CSV_NUMBER;
    if (c->kind == FAC_CSV_EMPTY)
        return fac__value_error("%s: column '%s' is to be predicted, and it is empty", path, c->name), false;
    if (c->unused)
        return fac__value_error("%s: column '%s' is to be predicted, and it cannot be left out", path, c->name), false;
    if (number && !t->texts.full && !number_classes(c, t)) return false;
    int64_t count = c->values.texts.count;
    bool few = !t->texts.full && !t->fractions && count <= MOST_WHOLE_CLASSES &&
               (count <= 2 || t->present >= count * ROWS_FOR_A_CLASS);
    csv->classification = task == FAC_CSV_CLASSES || (task == FAC_CSV_ANY && (!number || few));
    if (!csv->classification && !number)
        return fac__value_error("%s: column '%s' is no number: '%s' in line %lld", path, c->name, t->odd,
                                (long long)t->odd_line),
               false;
    if (csv->classification && t->texts.full)
        return fac__value_error("%s: column '%s' has more than %d different values, too many classes", path, c->name,
                                (int)FAC__CSV_CLASSES),
               false;
    if (!csv->classification) fac__text_set_drop(&c->values);
    if (!csv->classification || number) return true;
    return c->kind == FAC_CSV_TRUTH ? truth_classes(c, t) : take_values(c, t);
}

static bool ignore(const inference *f, fac_csv *csv)
{
    for (const char *p = f->options->ignore; p && *p;) {
        size_t n = strcspn(p, ",");
        int i = column_called(f, p, n);
        if (i < 0) return no_column(f, p, n);
        if (!fac__csv_set(&csv->columns[i].unused, "it is to be left out")) return false;
        p += n + (p[n] == ',');
    }
    return true;
}

static bool describe(inference *f, fac_csv *csv)
{
    csv->named = f->named;
    csv->target = f->target;
    for (int i = 0; i < f->n; i++) {
        fac__csv_column *c = &csv->columns[i];
        const tally *t = &f->tallies[i];
        char name[40];
        snprintf(name, sizeof name, "column %d", i + 1);
        if (!fac__csv_set(&c->name, f->named ? f->names.items[i] : name)) return false;
        if (f->named && !*f->first.items[i] && i != f->target && !fac__csv_set(&c->unused, "it has no name"))
            return false;
        c->kind = !t->present      ? FAC_CSV_EMPTY
                  : all_numbers(t) ? FAC_CSV_NUMBER
                  : all_truths(t)  ? FAC_CSV_TRUTH
                                   : FAC_CSV_CATEGORY;
    }
    if (!ignore(f, csv)) return false;
    for (int i = 0; i < f->n; i++)
        if (!(i == f->target ? describe_target(f, csv, &csv->columns[i], &f->tallies[i])
                             : describe_input(f, &csv->columns[i], &f->tallies[i])))
            return false;
    return fac__csv_finish(csv);
}

static fac_csv *infer(inference *f)
{
    int got;
    if (!begin(f)) return NULL;
    while ((got = fac__csv_next(&f->reader)) > 0)
        if (!count_record(f)) return NULL;
    if (got < 0) return NULL;
    f->named = f->named || first_is_names(f);
    if (!f->named) {
        for (int i = 0; i < f->n; i++)
            if (!count_field(f, i, f->first.items[i], strlen(f->first.items[i]), f->first_line)) return NULL;
        f->rows++;
    }
    if (!f->rows) return fac__io_error("%s: there are names of columns, and no rows", fac__csv_path(&f->reader));
    fac_csv *csv = fac__csv_new(f->n);
    if (csv && describe(f, csv)) return csv;
    fac_csv_free(csv);
    return NULL;
}

fac_csv *fac_csv_infer_with(const char *path, fac_csv_options options)
{
    FAC__OP("csv_infer");
    FAC__NEED(path);
    if (fac__recording_now()) return fac__recording_refuse("read a file");
    inference f = {.options = &options};
    if (!fac__csv_open(&f.reader, path)) return NULL;
    fac_csv *csv = infer(&f);
    for (int i = 0; f.tallies && i < f.n; i++)
        fac__text_set_drop(&f.tallies[i].texts);
    fac__free(f.tallies);
    fac__texts_drop(&f.first);
    fac__texts_drop(&f.names);
    fac__csv_close(&f.reader);
    return csv;
}
