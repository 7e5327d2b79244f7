/* The kinds of data, and what all have in common. See data_source.h. */
#define _GNU_SOURCE
#include "data_source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/raise.h"

enum { MOST_CLASSES = 10000 };

/* Whoever comes first is asked first. */
static const data_kind *const kinds[] = {&kind_table, &kind_idx, &kind_cifar, &kind_pictures, &kind_arrays};
enum { KINDS = sizeof kinds / sizeof *kinds };

void list_data_kinds(FILE *to)
{
    for (int i = 0; i < KINDS; i++)
        fprintf(to, "  %s\n", kinds[i]->about);
}

/* ---- paths -------------------------------------------------------------------------------------------------- */

bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

char *path_in_folder(const char *folder, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s%s%s", folder, ends_with(folder, "/") ? "" : "/", name) < 0)
        return fac_raise(FAC_ERROR_MEMORY, "there is not enough memory");
    return path;
}

bool is_in_folder(const char *folder, const char *name)
{
    char *path = path_in_folder(folder, name);
    bool is = path && access(path, F_OK) == 0;
    free(path);
    return is;
}

/* ---- data --------------------------------------------------------------------------------------------------- */

fac_loader *in_order(fac_dataset *dataset, int64_t batch_size)
{
    static fac_generator *apart;
    if (!apart) apart = fac_generator_new(0);
    return fac_data_loader(dataset, .batch_size = batch_size, .prefetch = 1, .generator = apart);
}

/* The classes are 0 to the largest label. */
static bool count_classes(data_source *source, const char *path)
{
    int64_t least = 0, most = 0;
    fac_loader *loader = in_order(source->train, 1000);
    fac_for_batch(loader, x, y) {
        int64_t low = fac_item_int(fac_min(y)), high = fac_item_int(fac_max(y));
        if (low < least) least = low;
        if (high > most) most = high;
    }
    fac_loader_free(loader);
    if (fac_error()) return false;
    if (least < 0 || most >= MOST_CLASSES)
        return fac_raise(FAC_ERROR_VALUE, "%s: classes are numbers from 0 to %d, and there is a label %lld", path,
                         MOST_CLASSES - 1, (long long)(least < 0 ? least : most));
    source->outputs = most + 1;
    return true;
}

/* Where the dataset knows how they are called. */
static bool name_classes(data_source *source)
{
    int64_t n = fac_dataset_classes(source->train);
    if (!n) return false;
    source->outputs = n;
    source->named = true;
    source->classes = json_array();
    for (int64_t i = 0; i < n; i++)
        if (json_array_append_new(source->classes, json_string(fac_dataset_class(source->train, i))) != 0)
            return fac_raise(FAC_ERROR_VALUE, "the name of class %lld, '%s', is no UTF-8", (long long)i,
                             fac_dataset_class(source->train, i));
    return true;
}

static const char *const clothes[] = {"T-shirt", "trousers", "pullover", "dress", "coat",
                                      "sandal",  "shirt",    "sneaker",  "bag",   "ankle boot"};

static bool describe(data_source *source, const char *path)
{
    fac_tensor *item[FAC_MAX_FIELDS];
    bool good = fac_dataset_count(source->train) > 0;
    if (!good) fac_raise(FAC_ERROR_VALUE, "%s: there are no items", path);
    if (good)
        fac_scope {
            good = fac_dataset_get(source->train, 0, item);
            source->shape = fac_shape(item[0]);
            source->images = source->shape.n == 3;
            source->classification = fac_dtype_of(item[1]) == FAC_INT64;
            source->outputs = fac_numel(item[1]);
        }
    if (good && source->classification) good = name_classes(source) || (!fac_error() && count_classes(source, path));
    if (good && source->classification && !source->classes && source->outputs == 10 && strstr(path, "fashion")) {
        source->classes = json_array();
        for (int i = 0; i < 10; i++)
            json_array_append_new(source->classes, json_string(clothes[i]));
    }
    return good;
}

static bool kind_error(const char *path)
{
    char *list = NULL;
    size_t size;
    FILE *f = open_memstream(&list, &size);
    if (!f) return fac_raise(FAC_ERROR_MEMORY, "there is not enough memory");
    list_data_kinds(f);
    fclose(f);
    if (size) list[size - 1] = 0; /* an error's line ends by itself */
    fac_raise(FAC_ERROR_VALUE, "%s: is none of the data that there are to learn from:\n%s", path, list);
    free(list);
    return false;
}

bool data_source_open(data_source *source, const char *path, const data_options *options)
{
    *source = (data_source){0};
    struct stat info;
    if (stat(path, &info) != 0) return fac_raise(FAC_ERROR_IO, "%s: there is no such file or folder", path);
    const data_kind *kind = NULL;
    for (int i = 0; i < KINDS && !kind; i++)
        if (kinds[i]->is_data(path, S_ISDIR(info.st_mode))) kind = kinds[i];
    if (!kind) return kind_error(path);
    bool good = false;
    fac_scope
        good = kind->open(source, path, options);
    return good && describe(source, path);
}

bool data_source_name(data_source *data, const char *names)
{
    if (data->named)
        return fac_raise(FAC_ERROR_VALUE, "--classes: these data say themselves what their classes are called");
    json_decref(data->classes);
    data->classes = json_array();
    for (const char *p = names; p;) {
        size_t n = strcspn(p, ",");
        json_array_append_new(data->classes, json_stringn(p, n));
        p = p[n] ? p + n + 1 : NULL;
    }
    if (data->classification && (int64_t)json_array_size(data->classes) == data->outputs) return true;
    return fac_raise(FAC_ERROR_VALUE, "--classes has %d names, and the data have %lld classes",
                     (int)json_array_size(data->classes), (long long)(data->classification ? data->outputs : 0));
}

bool inputs_open(input_source *inputs, const char *path, const model_spec *spec)
{
    struct stat info = {.st_mode = S_IFREG};
    if (strcmp(path, "-") && stat(path, &info) != 0)
        return fac_raise(FAC_ERROR_IO, "%s: there is no such file or folder", path);
    for (int i = 0; i < KINDS; i++) {
        const data_kind *k = kinds[i];
        if (!k->is_input || !k->is_input(path, S_ISDIR(info.st_mode), spec)) continue;
        if (k->inputs(inputs, path, spec)) return true;
        inputs->close(inputs->context);
        return false;
    }
    return fac_raise(FAC_ERROR_VALUE, "%s: there are no inputs for this model in it", path);
}

bool same_shape(fac_dims a, fac_dims b)
{
    return a.n == b.n && !memcmp(a.d, b.d, (size_t)a.n * sizeof *a.d);
}

bool data_fits(const data_source *source, const model_spec *spec, const char *path)
{
    if (!same_shape(spec->shape, source->shape))
        return fac_raise(FAC_ERROR_VALUE, "%s: the model takes inputs of the shape %s, and the data have %s", path,
                         fac__shape_text(spec->shape.n, spec->shape.d),
                         fac__shape_text(source->shape.n, source->shape.d));
    if (spec->classification != source->classification)
        return fac_raise(FAC_ERROR_VALUE, "%s: the model is for %s, and the data are not", path,
                         spec->classification ? "classes" : "numbers");
    if (spec->classification ? source->outputs > spec->outputs : source->outputs != spec->outputs)
        return fac_raise(FAC_ERROR_VALUE, "%s: the model knows %lld %s, and the data have %lld", path,
                         (long long)spec->outputs, spec->classification ? "classes" : "numbers",
                         (long long)source->outputs);
    return true;
}

void data_source_drop(data_source *source)
{
    fac_dataset_free(source->train);
    fac_dataset_free(source->test);
    json_decref(source->classes);
    fac_csv_free(source->csv);
    *source = (data_source){0};
}
