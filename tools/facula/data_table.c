/* Tables in text, CSV files, as data; their columns are known from the model, or found out. See data_source.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/csv_table.h"
#include "data/image_file.h"
#include "data_source.h"

static bool is_table(const char *path, bool folder)
{
    static const char *const ends[] = {".csv", ".tsv", ".txt", ".data", ".csv.gz", ".tsv.gz"};
    if (folder) return is_in_folder(path, "train.csv") || is_in_folder(path, "train.tsv");
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (n > strlen(ends[i]) && !strcasecmp(path + n - strlen(ends[i]), ends[i])) return true;
    return false;
}

static char *part_of(const char *folder, const char *part)
{
    static const char *const ends[] = {".csv", ".tsv"};
    for (int i = 0; i < 2; i++) {
        char name[20];
        snprintf(name, sizeof name, "%s%s", part, ends[i]);
        if (is_in_folder(folder, name)) return path_in_folder(folder, name);
    }
    return NULL;
}

/* The test's file may lack what is to be predicted; then it is nothing to test with. */
static bool open_test(data_source *source, const char *path)
{
    fac_csv_rows *rows = fac_csv_rows_open(source->csv, path);
    bool useful = fac_csv_rows_has_target(rows);
    fac_csv_rows_close(rows);
    if (useful) source->test = fac_csv_dataset(source->csv, path);
    return !fac_error();
}

static bool open_table(data_source *source, const char *path, const data_options *o)
{
    char *train = part_of(path, "train"), *test = train ? part_of(path, "test") : NULL;
    const char *from = train ? train : path;
    if (o->spec && o->spec->csv)
        source->csv = fac__csv_keep(o->spec->csv);
    else if (!fac_error())
        source->csv = fac_csv_infer(from, .target = o->target, .task = o->task, .ignore = o->ignore);
    if (source->csv) source->train = fac_csv_dataset(source->csv, from);
    bool good = source->train && (!test || open_test(source, test));
    free(train);
    free(test);
    return good;
}

void say_table(const fac_csv *csv)
{
    int64_t n = fac_csv_columns(csv), used = 0;
    for (int64_t i = 0; i < n; i++) {
        fac_csv_column c = fac_csv_column_at(csv, i);
        used += !c.target && !c.unused;
        if (c.target) printf("%s, %s, is predicted", c.name, fac_csv_classification(csv) ? "a class" : "a number");
    }
    printf(" from %lld %s\n", (long long)used, used == 1 ? "column" : "columns");
    for (int64_t i = 0; i < n; i++) {
        fac_csv_column c = fac_csv_column_at(csv, i);
        if (c.unused) printf("%s is not used: %s\n", c.name, c.unused);
    }
}

/* ---- inputs ------------------------------------------------------------------------------------------------- */

static bool is_rows(const char *path, bool folder, const model_spec *spec)
{
    return !folder && (!strcmp(path, "-") || spec->csv || is_table(path, false));
}

static fac_tensor *next_rows(void *context, int64_t most)
{
    return fac_csv_rows_next(context, most);
}

static void close_rows(void *context)
{
    fac_csv_rows_close(context);
}

/* Rows of numbers, for a model that learnt from arrays. */
static fac_csv *plain_columns(int64_t n)
{
    json_t *json = json_pack("{sI ss s[]}", "target", (json_int_t)n, "task", "regression", "columns");
    for (int64_t i = 0; i <= n; i++)
        json_array_append_new(json_object_get(json, "columns"), json_pack("{ss ss}", "name", "", "kind", "number"));
    char *text = json_dumps(json, 0);
    fac_csv *csv = text ? fac_csv_from_json(text) : NULL;
    json_decref(json);
    free(text);
    return csv;
}

static bool open_rows(input_source *inputs, const char *path, const model_spec *spec)
{
    *inputs = (input_source){.next = next_rows, .close = close_rows, .many = true, .as_it_comes = !strcmp(path, "-")};
    if (spec->images) return fac_raise(FAC_ERROR_VALUE, "%s: the model takes images, and no rows of a table", path);
    if (fac__image_name(path))
        return fac_raise(FAC_ERROR_VALUE, "%s: the model takes rows of a table, and no pictures", path);
    fac_csv *csv = spec->csv ? spec->csv : plain_columns(spec->shape.d[0]);
    if (csv) inputs->context = fac_csv_rows_open(csv, path);
    if (csv != spec->csv) fac_csv_free(csv);
    return inputs->context != NULL;
}

const data_kind kind_table = {
    .about =
        "a .csv or .tsv file, or a folder with train.csv (and test.csv); the last column is predicted, or --target",
    .is_data = is_table,
    .open = open_table,
    .is_input = is_rows,
    .inputs = open_rows,
};
