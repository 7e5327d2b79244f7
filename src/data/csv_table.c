/* Floor 7. What the columns of a table are: to be asked for, and as JSON. */
#include "csv_table.h"

#include <jansson.h>
#include <math.h>

#include "core/memory.h"
#include "core/raise.h"
#include "core/utf8.h"

enum { MOST_COLUMNS = 1 << 17, LONGEST_NAME = 900 };

/* ---- lifetime ----------------------------------------------------------------------------------------------- */

fac_csv *fac__csv_new(int n)
{
    fac_csv *csv = fac__calloc(sizeof *csv);
    if (!csv) return NULL;
    atomic_init(&csv->refs, 1);
    csv->columns = fac__calloc((size_t)n * sizeof *csv->columns);
    if (!csv->columns) {
        fac__free(csv);
        return NULL;
    }
    csv->n = n;
    csv->target = -1;
    for (int i = 0; i < n; i++)
        csv->columns[i].std = 1;
    return csv;
}

fac_csv *fac__csv_keep(fac_csv *csv)
{
    atomic_fetch_add_explicit(&csv->refs, 1, memory_order_relaxed);
    return csv;
}

void fac_csv_free(fac_csv *csv)
{
    if (!csv || atomic_fetch_sub_explicit(&csv->refs, 1, memory_order_acq_rel) != 1) return;
    for (int i = 0; i < csv->n; i++) {
        fac__csv_column *c = &csv->columns[i];
        fac__free(c->name);
        fac__free(c->unused);
        fac__free(c->numbers);
        fac__text_set_drop(&c->values);
    }
    fac__free(csv->columns);
    fac__free(csv);
}

bool fac__csv_set(char **member, const char *text)
{
    char *copy = fac__strdup(text);
    if (!copy) return false;
    fac__free(*member);
    *member = copy;
    return true;
}

/* The classes of a target of numbers, which are ascending. */
static bool read_classes(fac__csv_column *c)
{
    int64_t n = c->values.texts.count;
    c->numbers = fac__alloc((size_t)n * sizeof *c->numbers);
    if (!c->numbers) return false;
    for (int64_t i = 0; i < n; i++)
        if (!fac__csv_number(c->values.texts.items[i], &c->numbers[i]) || !isfinite(c->numbers[i]) ||
            (i && c->numbers[i] <= c->numbers[i - 1]))
            return fac__value_error("the classes of column '%s' are no ascending numbers", c->name), false;
    return true;
}

bool fac__csv_finish(fac_csv *csv)
{
    csv->inputs = 0;
    for (int i = 0; i < csv->n; i++) {
        fac__csv_column *c = &csv->columns[i];
        c->target = i == csv->target;
        c->offset = csv->inputs;
        c->inputs = !fac__csv_is_input(c) ? 0 : c->kind == FAC_CSV_CATEGORY ? c->values.texts.count : 1 + c->gaps;
        csv->inputs += c->inputs;
    }
    fac__csv_column *target = &csv->columns[csv->target];
    if (csv->inputs < 1) return fac__value_error("there is no column to learn from"), false;
    if (csv->inputs > FAC__CSV_INPUTS)
        return fac__value_error("%lld inputs are too many: at most %d", (long long)csv->inputs, (int)FAC__CSV_INPUTS),
               false;
    if (csv->classification && target->values.texts.count < 2)
        return fac__value_error("column '%s' is to be predicted, and it is always the same", target->name), false;
    return !csv->classification || target->kind != FAC_CSV_NUMBER || read_classes(target);
}

bool fac__csv_names(const fac__csv_reader *r, fac__texts *names)
{
    fac__text_set seen = {.most = INT64_MAX};
    fac__text name = {0};
    bool good = true;
    for (int i = 0; i < r->count && good; i++) {
        const fac__csv_field *f = &r->fields[i];
        if (!fac__is_utf8(f->text)) {
            good = fac__csv_error(r, i, "the column's name is no UTF-8");
            break;
        }
        name.n = 0;
        size_t some = f->n < LONGEST_NAME ? f->n : LONGEST_NAME;
        while (some < f->n && ((unsigned char)f->text[some] & 0xc0) == 0x80)
            some--; /* not within a character */
        if (f->n)
            fac__text_add(&name, f->text, some);
        else
            fac__text_format(&name, "column %d", i + 1);
        size_t n = name.n;
        for (int k = 1; !name.failed && fac__text_set_find(&seen, name.p, name.n) >= 0; k++) {
            name.n = n;
            fac__text_format(&name, ".%d", k);
        }
        good = !name.failed && fac__texts_add(names, name.p, name.n) && fac__text_set_add(&seen, name.p, name.n);
    }
    fac__text_set_drop(&seen);
    fac__text_drop(&name);
    return good;
}

/* ---- questions ---------------------------------------------------------------------------------------------- */

int64_t fac_csv_columns(const fac_csv *csv)
{
    return csv ? csv->n : 0;
}

fac_csv_column fac_csv_column_at(const fac_csv *csv, int64_t i)
{
    FAC__OP("csv_column_at");
    fac_csv_column column = {.name = NULL};
    FAC__NEED_OR(csv, column);
    if (i < 0 || i >= csv->n)
        return fac__index_error("column %lld is out of range for a table of %d columns", (long long)i, csv->n), column;
    const fac__csv_column *c = &csv->columns[i];
    return (fac_csv_column){.name = c->name,
                            .kind = c->kind,
                            .target = c->target,
                            .unused = c->unused,
                            .inputs = c->inputs,
                            .categories = c->values.texts.count};
}

int64_t fac_csv_inputs(const fac_csv *csv)
{
    return csv ? csv->inputs : 0;
}

bool fac_csv_classification(const fac_csv *csv)
{
    return csv && csv->classification;
}

int64_t fac_csv_outputs(const fac_csv *csv)
{
    return !csv ? 0 : csv->classification ? csv->columns[csv->target].values.texts.count : 1;
}

const char *fac_csv_class(const fac_csv *csv, int64_t i)
{
    bool there = csv && csv->classification && i >= 0 && i < fac_csv_outputs(csv);
    return there ? csv->columns[csv->target].values.texts.items[i] : NULL;
}

/* ---- JSON --------------------------------------------------------------------------------------------------- */

static const char *const kinds[] = {"empty", "number", "truth", "category"};
enum { KINDS = sizeof kinds / sizeof *kinds };

static json_t *column_json(const fac__csv_column *c)
{
    json_t *json = json_pack("{ss ss}", "name", c->name, "kind", kinds[c->kind]);
    if (c->unused) json_object_set_new(json, "unused", json_string(c->unused));
    if (c->gaps) json_object_set_new(json, "gaps", json_true());
    if (fac__csv_is_input(c) && c->kind != FAC_CSV_CATEGORY) {
        json_object_set_new(json, "mean", json_real(c->mean));
        json_object_set_new(json, "std", json_real(c->std));
    }
    if (c->values.texts.count) {
        json_t *values = json_array();
        for (int64_t i = 0; i < c->values.texts.count; i++)
            json_array_append_new(values, json_string(c->values.texts.items[i]));
        json_object_set_new(json, "values", values);
    }
    return json;
}

char *fac_csv_to_json(const fac_csv *csv)
{
    FAC__OP("csv_to_json");
    FAC__NEED(csv);
    json_t *json = json_pack("{si sb ss sb s[]}", "target", csv->target, "named", csv->named, "task",
                             csv->classification ? "classification" : "regression", "standardised", csv->standardised,
                             "columns");
    for (int i = 0; i < csv->n; i++)
        json_array_append_new(json_object_get(json, "columns"), column_json(&csv->columns[i]));
    char *text = NULL;
    if (json && json_array_size(json_object_get(json, "columns")) == (size_t)csv->n)
        text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(17));
    json_decref(json);
    if (!text) fac__memory_error(0);
    return text;
}

#define BAD(...) (fac__value_error("the description of the table makes no sense: " __VA_ARGS__), false)

static bool read_values(fac__csv_column *c, const json_t *values)
{
    size_t i;
    json_t *value;
    c->values.most = INT32_MAX;
    if (json_array_size(values) > FAC__CSV_CLASSES) return BAD("there are too many values");
    json_array_foreach(values, i, value)
    {
        const char *text = json_string_value(value);
        if (!text || !fac__text_set_add(&c->values, text, strlen(text))) return BAD("a value is no text");
        if (c->values.full || c->values.texts.count != (int64_t)i + 1)
            return BAD("a value is there twice, or too long");
    }
    return true;
}

static bool read_column(fac__csv_column *c, const json_t *json)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *kind = json_string_value(json_object_get(json, "kind"));
    const char *unused = json_string_value(json_object_get(json, "unused"));
    const json_t *mean = json_object_get(json, "mean"), *std = json_object_get(json, "std");
    if (!name || !kind) return BAD("a column has no name or no kind");
    int k = 0;
    while (k < KINDS && strcmp(kinds[k], kind))
        k++;
    if (k == KINDS) return BAD("there are no columns of the kind '%.40s'", kind);
    c->kind = (fac_csv_kind)k;
    c->gaps = json_is_true(json_object_get(json, "gaps"));
    if (mean) c->mean = json_number_value(mean);
    if (std) c->std = json_number_value(std);
    if (!isfinite(c->mean) || !isfinite(c->std) || !(c->std > 0)) return BAD("a mean or deviation");
    return fac__csv_set(&c->name, name) && (!unused || fac__csv_set(&c->unused, unused)) &&
           read_values(c, json_object_get(json, "values"));
}

static fac_csv *read_table(const json_t *json)
{
    const json_t *columns = json_object_get(json, "columns"), *target = json_object_get(json, "target");
    const char *task = json_string_value(json_object_get(json, "task"));
    int64_t n = (int64_t)json_array_size(columns), at = json_integer_value(target);
    if (n < 1 || n > MOST_COLUMNS || !json_is_integer(target) || at < 0 || at >= n || !task)
        return (void)BAD("columns, target or task"), NULL;
    fac_csv *csv = fac__csv_new((int)n);
    bool good = csv != NULL;
    for (int i = 0; i < n && good; i++)
        good = read_column(&csv->columns[i], json_array_get(columns, (size_t)i));
    if (good) {
        csv->target = (int)at;
        csv->named = json_is_true(json_object_get(json, "named"));
        csv->standardised = json_is_true(json_object_get(json, "standardised"));
        csv->classification = !strcmp(task, "classification");
        fac__csv_column *c = &csv->columns[at];
        if (c->unused || c->kind == FAC_CSV_EMPTY || (!csv->classification && c->kind != FAC_CSV_NUMBER) ||
            (csv->classification && c->kind == FAC_CSV_TRUTH && c->values.texts.count != 2))
            good = BAD("the column to be predicted");
        for (int i = 0; i < n && good; i++)
            if (fac__csv_is_input(&csv->columns[i]) && i != at && csv->columns[i].kind == FAC_CSV_EMPTY)
                good = BAD("an empty column is used");
    }
    if (good && fac__csv_finish(csv)) return csv;
    fac_csv_free(csv);
    return NULL;
}

fac_csv *fac_csv_from_json(const char *text)
{
    FAC__OP("csv_from_json");
    FAC__NEED(text);
    json_error_t e;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &e);
    if (!json) return fac__value_error("the description of the table is no JSON: %s", e.text);
    fac_csv *csv = read_table(json);
    json_decref(json);
    return csv;
}
