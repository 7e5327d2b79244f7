/* Floor 7. The rows of a table as numbers: as a dataset, or one after the other. */
#include <math.h>

#include "core/memory.h"
#include "core/raise.h"
#include "core/tensor_impl.h"
#include "csv_table.h"
#include "dataset.h"

/* ---- a file whose columns are known ------------------------------------------------------------------------- */

struct fac_csv_rows {
    fac_csv *csv;
    fac__csv_reader reader;
    int *places; /* of each of the table's columns: the field that has it; -1: none */
    int fields;
    bool waiting; /* the first record is a row that was not given yet */
    float *values;
};

/* By names, if the record has those of all inputs. 0 if it has none of them; -1, after an error. */
static int match_names(fac_csv_rows *r)
{
    const fac_csv *csv = r->csv;
    fac__texts names = {0};
    fac__text_set set = {.most = INT64_MAX};
    const char *lacking = NULL;
    int found = 0;
    bool good = fac__csv_names(&r->reader, &names);
    for (int64_t i = 0; i < names.count && good; i++)
        good = fac__text_set_add(&set, names.items[i], strlen(names.items[i]));
    for (int i = 0; i < csv->n && good; i++) {
        const fac__csv_column *c = &csv->columns[i];
        r->places[i] = (int)fac__text_set_find(&set, c->name, strlen(c->name));
        if (!fac__csv_is_input(c)) continue;
        if (r->places[i] >= 0)
            found++;
        else if (!lacking)
            lacking = c->name;
    }
    if (good && found && lacking)
        good = (fac__value_error("%s: there is no column '%s'", fac__csv_path(&r->reader), lacking), false);
    fac__texts_drop(&names);
    fac__text_set_drop(&set);
    return !good ? -1 : found > 0;
}

/* By places; a table without the target lacks that one only. */
static bool match_places(fac_csv_rows *r)
{
    const fac_csv *csv = r->csv;
    bool whole = r->fields == csv->n;
    if (!whole && r->fields != csv->n - 1)
        return fac__csv_error(&r->reader, r->fields - 1, "there are %d columns, and the model's table had %d%s",
                              r->fields, csv->n, csv->named ? ", whose names are not in the first line" : "");
    for (int i = 0; i < csv->n; i++)
        r->places[i] = whole || i < csv->target ? i : i == csv->target ? -1 : i - 1;
    return true;
}

static bool begin(fac_csv_rows *r, const char *path)
{
    r->places = fac__alloc((size_t)r->csv->n * sizeof *r->places);
    r->values = r->places ? fac__alloc((size_t)r->csv->n * sizeof *r->values) : NULL;
    if (!r->values || !fac__csv_open(&r->reader, path)) return false;
    int got = fac__csv_next(&r->reader);
    if (got == 0) fac__io_error("%s: there is nothing in it", fac__csv_path(&r->reader));
    if (got <= 0) return false;
    r->fields = r->reader.count;
    int named = r->csv->named ? match_names(r) : 0;
    r->waiting = named == 0;
    return named > 0 || (named == 0 && match_places(r));
}

fac_csv_rows *fac_csv_rows_open(fac_csv *csv, const char *path)
{
    FAC__OP("csv_rows_open");
    FAC__NEED(csv);
    FAC__NEED(path);
    if (fac__recording_now()) return fac__recording_refuse("read a file");
    fac_csv_rows *r = fac__calloc(sizeof *r);
    if (!r) return NULL;
    r->csv = fac__csv_keep(csv);
    if (begin(r, path)) return r;
    fac_csv_rows_close(r);
    return NULL;
}

void fac_csv_rows_close(fac_csv_rows *r)
{
    if (!r) return;
    fac__csv_close(&r->reader);
    fac_csv_free(r->csv);
    fac__free(r->places);
    fac__free(r->values);
    fac__free(r);
}

bool fac_csv_rows_has_target(const fac_csv_rows *rows)
{
    return rows && rows->places[rows->csv->target] >= 0;
}

/* ---- fields as one number each ------------------------------------------------------------------------------ */

/* Its class; -1: it is none. */
static int64_t class_of(const fac__csv_column *c, const fac__csv_field *f)
{
    if (c->kind == FAC_CSV_TRUTH) return fac__csv_bool(f->text);
    if (c->kind == FAC_CSV_CATEGORY) return fac__text_set_find(&c->values, f->text, f->n);
    double v;
    if (!fac__csv_number(f->text, &v)) return -1;
    int64_t low = 0, high = c->values.texts.count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (c->numbers[middle] < v)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->values.texts.count && c->numbers[low] == v ? low : -1;
}

/* A number, 0 or 1, or the place of a category or class. Missing ones are NaN, and categories that are not known -1. */
static bool read_field(const fac_csv_rows *r, int column, float *out)
{
    const fac__csv_column *c = &r->csv->columns[column];
    int place = r->places[column];
    const fac__csv_field *f = &r->reader.fields[place];
    double v = NAN;
    *out = NAN;
    if (fac__csv_missing(f->text)) return true;
    if (c->target && r->csv->classification) {
        int64_t class = class_of(c, f);
        *out = (float)class;
        return class >= 0 ||
               fac__csv_error(&r->reader, place, "'%.60s' is none of the classes of column '%s'", f->text, c->name);
    }
    if (c->kind == FAC_CSV_CATEGORY) {
        *out = (float)fac__text_set_find(&c->values, f->text, f->n);
        return true;
    }
    if (c->kind == FAC_CSV_TRUTH) v = fac__csv_bool(f->text);
    if (c->kind == FAC_CSV_TRUTH ? v < 0 : !fac__csv_number(f->text, &v))
        return fac__csv_error(&r->reader, place, "'%.60s' is no %s, as column '%s' has them", f->text,
                              c->kind == FAC_CSV_TRUTH ? "truth" : "number", c->name);
    *out = (float)v;
    return true;
}

/* The next row into r->values: 1; 0, there is no more; -1, after an error. */
static int next_row(fac_csv_rows *r, bool with_target)
{
    if (!r->waiting) {
        int got = fac__csv_next(&r->reader);
        if (got <= 0) return got;
    }
    r->waiting = false;
    if (r->reader.count != r->fields)
        return fac__csv_error(&r->reader, r->reader.count - 1,
                              "the record ends here, with %d fields, and the first has %d", r->reader.count, r->fields),
               -1;
    for (int i = 0; i < r->csv->n; i++) {
        const fac__csv_column *c = &r->csv->columns[i];
        if ((fac__csv_is_input(c) || (c->target && with_target)) && !read_field(r, i, &r->values[i])) return -1;
    }
    return 1;
}

/* ---- inputs ------------------------------------------------------------------------------------------------- */

/* What a field becomes, among the numbers of its row. */
static inline void write_input(const fac_csv *csv, const fac__csv_column *c, float v, float *row)
{
    float *to = row + c->offset;
    if (c->kind == FAC_CSV_CATEGORY) {
        memset(to, 0, (size_t)c->inputs * sizeof *to);
        if (v >= 0) to[(int64_t)v] = 1;
        return;
    }
    to[0] = !isnan(v) ? (float)((v - c->mean) / c->std) : csv->standardised ? 0 : NAN;
    if (c->gaps) to[1] = isnan(v);
}

fac_tensor *fac_csv_rows_next(fac_csv_rows *rows, int64_t most)
{
    FAC__OP("csv_rows_next");
    FAC__NEED(rows);
    if (most < 1) return fac__value_error("at least one row is to be asked for, not %lld", (long long)most);
    int64_t inputs = rows->csv->inputs, n = 0;
    float *all = NULL;
    int got = 1;
    while (n < most && (got = next_row(rows, false)) > 0) {
        if (!fac__array_grow(&all, n, (size_t)inputs * sizeof *all)) {
            got = -1;
            break;
        }
        for (int i = 0; i < rows->csv->n; i++)
            if (rows->csv->columns[i].inputs)
                write_input(rows->csv, &rows->csv->columns[i], rows->values[i], all + n * inputs);
        n++;
    }
    fac_tensor *t = n && got >= 0 ? fac__new(FAC_FLOAT32, 2, (int64_t[]){n, inputs}) : NULL;
    if (t) memcpy(fac__host(t), all, (size_t)(n * inputs) * sizeof *all);
    fac__free(all);
    return t ? fac__own(t) : NULL;
}

/* ---- the dataset -------------------------------------------------------------------------------------------- */

typedef struct table {
    fac_csv *csv;
    int64_t count;
    float *values; /* of each row all columns that are used: inputs, and behind them the target */
    int n, *columns;
} table;

static bool get_row(void *context, int64_t index, void *const *out)
{
    const table *t = context;
    const float *row = t->values + index * t->n;
    const fac_csv *csv = t->csv;
    for (int k = 0; k + 1 < t->n; k++)
        write_input(csv, &csv->columns[t->columns[k]], row[k], out[0]);
    if (csv->classification)
        *(int64_t *)out[1] = (int64_t)row[t->n - 1];
    else
        *(float *)out[1] = row[t->n - 1];
    return true;
}

static void drop_table(void *context)
{
    table *t = context;
    fac_csv_free(t->csv);
    fac__free(t->values);
    fac__free(t->columns);
    fac__free(t);
}

static bool add_row(table *t, const float *values)
{
    if (!fac__array_grow(&t->values, t->count, (size_t)t->n * sizeof *t->values)) return false;
    float *row = t->values + t->count++ * t->n;
    for (int k = 0; k < t->n; k++)
        row[k] = values[t->columns[k]];
    return true;
}

static bool read_table(table *t, fac_csv_rows *r)
{
    const fac_csv *csv = r->csv;
    if (!fac_csv_rows_has_target(r))
        return fac__value_error("%s: there is no column '%s', which is to be predicted", fac__csv_path(&r->reader),
                                csv->columns[csv->target].name),
               false;
    t->columns = fac__alloc((size_t)csv->n * sizeof *t->columns);
    if (!t->columns) return false;
    for (int i = 0; i < csv->n; i++)
        if (fac__csv_is_input(&csv->columns[i])) t->columns[t->n++] = i;
    t->columns[t->n++] = csv->target;
    int got;
    while ((got = next_row(r, true)) > 0)
        if (!isnan(r->values[csv->target]) && !add_row(t, r->values)) return false;
    return got == 0;
}

fac_dataset *fac_csv_dataset(fac_csv *csv, const char *path)
{
    FAC__OP("csv_dataset");
    FAC__NEED(csv);
    FAC__NEED(path);
    fac_csv_rows *r = fac_csv_rows_open(csv, path);
    if (!r) return NULL;
    table *t = fac__calloc(sizeof *t);
    if (t) t->csv = fac__csv_keep(csv);
    bool good = t && read_table(t, r);
    fac_csv_rows_close(r);
    if (!good) {
        if (t) drop_table(t);
        return NULL;
    }
    const fac__texts *classes = &csv->columns[csv->target].values.texts;
    fac_dataset_spec spec = {
        .count = t->count,
        .n_fields = 2,
        .fields = {{FAC_FLOAT32, FAC_SHAPE(csv->inputs)},
                   {csv->classification ? FAC_INT64 : FAC_FLOAT32, csv->classification ? FAC_SHAPE() : FAC_SHAPE(1)}},
        .get = get_row,
        .drop = drop_table,
        .context = t,
        .classes = (const char *const *)classes->items,
        .n_classes = classes->count,
    };
    return fac_dataset_new(&spec);
}

/* ---- standardising ------------------------------------------------------------------------------------------ */

typedef struct moments {
    double first, sum, squares;
    int64_t count;
} moments;

/* Relative to the first number, so that large ones with little between them lose no digits. */
static void add(moments *m, float v)
{
    if (isnan(v)) return;
    if (!m->count++) m->first = v;
    double d = v - m->first;
    m->sum += d;
    m->squares += d * d;
}

static bool measure(const fac_csv *csv, fac_dataset *rows, moments *all, float *x)
{
    int64_t y;
    void *out[FAC_MAX_FIELDS] = {x, &y};
    for (int64_t i = 0; i < rows->spec.count; i++) {
        if (!rows->spec.get(rows->spec.context, i, out)) return false;
        for (int k = 0; k < csv->n; k++)
            if (csv->columns[k].inputs && csv->columns[k].kind != FAC_CSV_CATEGORY)
                add(&all[k], x[csv->columns[k].offset]);
    }
    return true;
}

bool fac_csv_standardise(fac_csv *csv, fac_dataset *rows)
{
    FAC__OP("csv_standardise");
    FAC__NEED_OR(csv, false);
    FAC__NEED_OR(rows, false);
    const fac_field *f = rows->spec.fields;
    if (rows->spec.n_fields != 2 || f[0].dtype != FAC_FLOAT32 || f[0].shape.n != 1 || f[0].shape.d[0] != csv->inputs)
        return fac__value_error("the dataset is not one of this table's rows"), false;
    moments *all = fac__calloc((size_t)csv->n * sizeof *all);
    float *x = all ? fac__alloc((size_t)csv->inputs * sizeof *x) : NULL;
    if (x) {
        csv->standardised = false;
        for (int k = 0; k < csv->n; k++) {
            csv->columns[k].mean = 0;
            csv->columns[k].std = 1;
        }
    }
    bool good = x && measure(csv, rows, all, x);
    for (int k = 0; k < csv->n && good; k++) {
        const moments *m = &all[k];
        if (!m->count) continue;
        double n = (double)m->count, mean = m->sum / n, variance = m->squares / n - mean * mean;
        csv->columns[k].mean = m->first + mean;
        csv->columns[k].std = variance > 1e-14 * (1 + mean * mean) ? sqrt(variance) : 1;
    }
    if (good) csv->standardised = true;
    fac__free(all);
    fac__free(x);
    return good;
}
