/* Arrays as data: .npz files to learn from, and inputs of any file of tensors. See data_source.h. */
#include <stdlib.h>
#include <string.h>

#include "any_file.h"
#include "core/raise.h"
#include "data_source.h"

/* ---- arrays ------------------------------------------------------------------------------------------------- */

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

static bool open_npz(data_source *source, const char *path, const data_options *options)
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

static fac_tensor *read_inputs(const char *path, const model_spec *spec)
{
    fac_tensor *x = array_of(path);
    if (!x) return NULL;
    fac_tensor *many = as_inputs(x, path);
    /* one by itself, without the dimension that counts them */
    if (!many || is_like(many, spec)) return many;
    fac_tensor *one = as_inputs(fac_unsqueeze(x, 0), path);
    if (one && is_like(one, spec)) return one;
    fac_clear_error();
    fac_dims shape = fac_shape(x);
    return fac_raise(FAC_ERROR_VALUE,
                     "%s: inputs of another shape than those that the model was trained on: %s, not %s", path,
                     fac__shape_text(shape.n - 1, shape.d + 1), fac__shape_text(spec->shape.n, spec->shape.d));
}

typedef struct array {
    fac_tensor *x;
    int64_t at;
} array;

static fac_tensor *next_of_array(void *context, int64_t most)
{
    array *a = context;
    int64_t left = fac_size(a->x, 0) - a->at, n = left < most ? left : most;
    if (n == 0) return NULL;
    a->at += n;
    return fac_narrow(a->x, 0, a->at - n, n);
}

static void close_array(void *context)
{
    array *a = context;
    if (a) fac_release(a->x);
    free(a);
}

static bool open_array(input_source *inputs, const char *path, const model_spec *spec)
{
    array *a = calloc(1, sizeof *a);
    *inputs = (input_source){.next = next_of_array, .close = close_array, .context = a};
    if (!a) return fac_raise(FAC_ERROR_MEMORY, "there is not enough memory");
    fac_scope
        a->x = fac_keep(read_inputs(path, spec));
    inputs->many = a->x && fac_size(a->x, 0) > 1;
    return a->x != NULL;
}

static bool is_npz(const char *path, bool folder)
{
    return !folder && ends_with(path, ".npz");
}

/* What no other kind takes. */
static bool is_file(const char *path, bool folder, const model_spec *spec)
{
    return !folder;
}

const data_kind kind_arrays = {
    .about = "a .npz file of arrays x and y; integers as y are classes, other numbers are to be predicted",
    .is_data = is_npz,
    .open = open_npz,
    .is_input = is_file,
    .inputs = open_array,
};
