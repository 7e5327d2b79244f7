/* Data from folders of idx files and from .npz files, see data_source.h. */
#include "data_source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "any_file.h"

enum { MOST_CLASSES = 10000 };

/* ---- arrays ------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

/* Inputs as items have them: bytes are images if they have two or three dimensions each, from 0 to 1 then, with the
 * channels first. */
static fac_tensor *as_inputs(fac_tensor *x, const char *path)
{
    int dims = fac_dim(x);
    bool bytes = fac_dtype_of(x) == FAC_UINT8;
    if (dims < 1 || dims > 4)
        return fac_raise(FAC_ERROR_VALUE, "%s: inputs have 1 to 4 dimensions, the first of which counts them, not %d",
                         path, dims);
    if (dims == 4) {
        int64_t first = fac_size(x, 1), last = fac_size(x, 3);
        if ((last == 1 || last == 3 || last == 4) && first != 1 && first != 3) x = fac_permute(x, FAC_DIMS(0, 3, 1, 2));
    }
    if (dims == 3) x = fac_unsqueeze(x, 1);
    if (dims == 1) x = fac_unsqueeze(x, 1);
    x = fac_to(x, FAC_FLOAT32);
    if (bytes && dims >= 3) x = fac_div_scalar(x, 255);
    return fac_contiguous(x);
}

static bool is_floating(const fac_tensor *t)
{
    return fac_dtype_is_floating(fac_dtype_of(t));
}

/* Classes int64 [n], or numbers float32 [n, k]. */
static fac_tensor *as_targets(fac_tensor *y, const char *path)
{
    if (fac_dim(y) == 2 && fac_size(y, 1) == 1) y = fac_squeeze_dim(y, 1);
    if (is_floating(y) && fac_dim(y) == 1) y = fac_unsqueeze(y, 1);
    if (fac_dim(y) != (is_floating(y) ? 2 : 1))
        return fac_raise(FAC_ERROR_VALUE,
                         "%s: targets are integers [n], which are classes, or floating-point numbers [n] or [n, k]",
                         path);
    return fac_contiguous(fac_to(y, is_floating(y) ? FAC_FLOAT32 : FAC_INT64));
}

static fac_dataset *rows(fac_tensor *x, fac_tensor *y, const char *path)
{
    x = as_inputs(x, path);
    y = as_targets(y, path);
    if (!x || !y) return NULL;
    if (fac_size(x, 0) != fac_size(y, 0))
        return fac_raise(FAC_ERROR_VALUE, "%s: there are %lld inputs and %lld targets", path, (long long)fac_size(x, 0),
                         (long long)fac_size(y, 0));
    return fac_tensor_dataset(x, y);
}

/* ---- .npz --------------------------------------------------------------------------------------------------- */

static const char *const input_names[] = {"x", "X", "images", "inputs", "data", NULL};
static const char *const target_names[] = {"y", "Y", "labels", "targets", NULL};

/* The array of such a name with the part's, "x_train" or "train_x"; without any where the part is the whole. */
static fac_tensor *find(const fac_state *state, const char *const *names, const char *part)
{
    char name[64];
    fac_tensor *found = NULL;
    for (int i = 0; names[i] && !found; i++) {
        snprintf(name, sizeof name, *part ? "%s_%s" : "%s%s", names[i], part);
        found = fac_state_get(state, name);
        snprintf(name, sizeof name, *part ? "%s_%s" : "%s%s", part, names[i]);
        if (!found) found = fac_state_get(state, name);
    }
    return found;
}

static fac_dataset *part_of(const fac_state *state, const char *part, const char *path)
{
    fac_tensor *x = find(state, input_names, part), *y = find(state, target_names, part);
    return x && y ? rows(x, y, path) : NULL;
}

static bool open_npz(data_source *source, const char *path)
{
    fac_state *state = fac_load(path);
    if (!state) return false;
    source->train = part_of(state, "train", path);
    if (!source->train && !fac_error()) source->train = part_of(state, "", path);
    if (source->train) source->test = part_of(state, "test", path);
    if (!source->train && !fac_error()) {
        char names[400] = "";
        for (int64_t i = 0; i < fac_state_count(state); i++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "",
                     fac_state_name_at(state, i));
        fac_raise(
            FAC_ERROR_VALUE,
            "%s: training data are arrays x and y (or images, inputs, data; labels, targets), by themselves or as "
            "x_train, y_train, x_test, y_test; here are %s",
            path, names);
    }
    fac_state_free(state);
    return !fac_error();
}

/* ---- idx ---------------------------------------------------------------------------------------------------- */

static bool open_idx(data_source *source, const char *path)
{
    source->train = fac_idx_dataset(path, true);
    if (!source->train) return false;
    source->test = fac_idx_dataset(path, false);
    if (!source->test) fac_clear_error();
    return true;
}

/* ---- any ---------------------------------------------------------------------------------------------------- */

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
            source->classification = !is_floating(item[1]);
            source->outputs = fac_numel(item[1]);
        }
    if (good && source->classification) good = count_classes(source, path);
    if (good && source->classification && !source->classes && source->outputs == 10 && strstr(path, "fashion")) {
        source->classes = json_array();
        for (int i = 0; i < 10; i++)
            json_array_append_new(source->classes, json_string(clothes[i]));
    }
    return good;
}

bool data_source_open(data_source *source, const char *path)
{
    *source = (data_source){0};
    struct stat info;
    if (stat(path, &info) != 0) return fac_raise(FAC_ERROR_IO, "%s: there is no such file or folder", path);
    bool good = false;
    fac_scope {
        if (S_ISDIR(info.st_mode))
            good = open_idx(source, path);
        else if (ends_with(path, ".npz"))
            good = open_npz(source, path);
        else
            fac_raise(FAC_ERROR_VALUE, "%s: data are a folder of idx files or a .npz file", path);
    }
    return good && describe(source, path);
}

static bool same_shape(fac_dims a, fac_dims b)
{
    return a.n == b.n && !memcmp(a.d, b.d, (size_t)a.n * sizeof *a.d);
}

bool data_fits(const data_source *source, const model_spec *spec, const char *path)
{
    if (!same_shape(spec->shape, source->shape))
        return fac_raise(FAC_ERROR_VALUE, "%s: the model takes inputs of another shape than the data have", path);
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
    *source = (data_source){0};
}

/* ---- inputs alone ------------------------------------------------------------------------------------------- */

/* The only array of a file, or the one whose name says that it is the inputs. */
static fac_tensor *array_of(const char *path)
{
    fac_state *state = load_any(path, false);
    if (!state) return NULL;
    fac_tensor *x = find(state, input_names, "");
    if (!x) x = find(state, input_names, "test");
    if (!x && fac_state_count(state) == 1) x = fac_state_tensor_at(state, 0);
    if (!x) fac_raise(FAC_ERROR_VALUE, "%s: there is no array x, images, inputs or data", path);
    x = fac_clone(x); /* the state's own go with it */
    fac_state_free(state);
    return x;
}

static bool is_like(const fac_tensor *x, const model_spec *spec)
{
    fac_dims shape = fac_shape(x);
    return same_shape(fac_dims_make(shape.n - 1, shape.d + 1), spec->shape);
}

fac_tensor *read_inputs(const char *path, const model_spec *spec)
{
    fac_tensor *x = array_of(path);
    if (!x) return NULL;
    fac_tensor *many = as_inputs(x, path);
    /* one by itself, without the dimension that counts them */
    if (!many || is_like(many, spec)) return many;
    fac_tensor *one = as_inputs(fac_unsqueeze(x, 0), path);
    if (one && is_like(one, spec)) return one;
    fac_clear_error();
    return fac_raise(FAC_ERROR_VALUE, "%s: inputs of another shape than those that the model was trained on", path);
}
