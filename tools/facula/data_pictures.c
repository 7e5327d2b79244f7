/* Folders of pictures, a folder for each class, as data; single pictures and folders of them as inputs. See data_source.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "data/image_file.h"
#include "data/image_folder.h"
#include "data/picture_size.h"
#include "data_source.h"

/* Pictures of one size are left as they are if no side is longer; others become squares of that side. */
enum { LARGEST_LEFT = 128, USUAL = 64 };

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_pictures(const char *path, bool folder)
{
    fac__texts folders = {0};
    bool is = folder && fac__folders_in(path, &folders) && folders.count > 0;
    if (folder && !is) fac_clear_error();
    fac__texts_drop(&folders);
    return is;
}

/* ---- training ------------------------------------------------------------------------------------------------ */

/* Height, width and channels that suit all pictures in the folder: the headers of all are looked at. */
static bool find_size(const char *folder, fac_image_folder_options *o)
{
    fac__texts files = {0};
    bool good = fac__pictures_below(folder, &files), same = true, gray = true;
    fac__picture first = {0};
    for (int64_t i = 0; i < files.count && good; i++) {
        fac__picture p;
        good = fac__image_size(files.items[i], &p);
        if (i == 0) first = p;
        same = same && p.height == first.height && p.width == first.width;
        gray = gray && p.channels <= 2;
    }
    fac__texts_drop(&files);
    same = same && first.height && first.height <= LARGEST_LEFT && first.width <= LARGEST_LEFT;
    o->channels = gray ? 1 : 3;
    if (!o->height) {
        o->height = same ? first.height : USUAL;
        o->width = same ? first.width : USUAL;
    }
    return good;
}

static bool set_classes(fac_image_folder_options *o, const json_t *classes)
{
    size_t n = json_array_size(classes);
    const char **names = malloc((n ? n : 1) * sizeof *names);
    if (!names) return fac_raise(FAC_ERROR_MEMORY, "there is not enough memory");
    for (size_t i = 0; i < n; i++)
        names[i] = json_string_value(json_array_get(classes, i));
    o->classes = names;
    o->n_classes = (int64_t)n;
    return true;
}

static char *test_folder(const char *path)
{
    static const char *const names[] = {"test", "val", "valid", "validation"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_in_folder(path, names[i])) return path_in_folder(path, names[i]);
    return NULL;
}

static bool open_parts(data_source *source, const char *train, const char *test, const data_options *options)
{
    fac_image_folder_options o = fac_image_folder_options_defaults();
    const model_spec *spec = options->spec;
    o.height = options->height;
    o.width = options->width;
    if (spec && spec->images) {
        o.channels = (int)spec->shape.d[0];
        o.height = spec->shape.d[1];
        o.width = spec->shape.d[2];
        if (spec->classes && !set_classes(&o, spec->classes)) return false;
    } else if (!find_size(train, &o)) {
        return false;
    }
    source->train = fac_image_folder_with(train, o);
    if (source->train && test) {
        int64_t n = fac_dataset_classes(source->train);
        json_t *names = json_array();
        for (int64_t i = 0; i < n && !o.classes; i++)
            json_array_append_new(names, json_string(fac_dataset_class(source->train, i)));
        if (o.classes || set_classes(&o, names)) source->test = fac_image_folder_with(test, o);
        json_decref(names);
    }
    free((void *)o.classes);
    return !fac_error();
}

static bool open_pictures(data_source *source, const char *path, const data_options *options)
{
    char *train = is_in_folder(path, "train") ? path_in_folder(path, "train") : NULL;
    char *test = train ? test_folder(path) : NULL;
    bool good = !fac_error() && open_parts(source, train ? train : path, test, options);
    free(train);
    free(test);
    return good;
}

/* ---- inputs -------------------------------------------------------------------------------------------------- */

typedef struct pictures {
    fac__texts files;
    int64_t at;
    fac_dims shape;
} pictures;

static bool read_picture(const pictures *p, const char *path, float *out)
{
    int64_t size = p->shape.d[0] * p->shape.d[1] * p->shape.d[2];
    fac__picture picture;
    if (!fac__image_read(path, (int)p->shape.d[0], &picture)) return false;
    unsigned char *planes = malloc((size_t)size);
    bool good = planes && fac__picture_planes(&picture, p->shape.d[1], p->shape.d[2], planes);
    if (!planes) fac_raise(FAC_ERROR_MEMORY, "there is not enough memory");
    for (int64_t i = 0; i < size && good; i++)
        out[i] = (float)planes[i] / 255;
    free(planes);
    fac__free(picture.pixels);
    return good;
}

static fac_tensor *next_pictures(void *context, int64_t most)
{
    pictures *p = context;
    int64_t left = p->files.count - p->at, n = left < most ? left : most;
    int64_t size = p->shape.d[0] * p->shape.d[1] * p->shape.d[2];
    if (n > 64) n = 64; /* they may be large */
    if (n == 0) return NULL;
    fac_tensor *t = fac_empty(FAC_SHAPE(n, p->shape.d[0], p->shape.d[1], p->shape.d[2]));
    float *out = t ? fac_data(t) : NULL;
    for (int64_t i = 0; i < n && out; i++, out += size)
        if (!read_picture(p, p->files.items[p->at++], out)) return NULL;
    return t;
}

static const char *name_of_picture(void *context, int64_t i)
{
    const pictures *p = context;
    return p->files.items[i];
}

static void close_pictures(void *context)
{
    pictures *p = context;
    if (p) fac__texts_drop(&p->files);
    free(p);
}

static bool is_picture(const char *path, bool folder, const model_spec *spec)
{
    return folder || fac__image_name(path);
}

static bool open_files(input_source *inputs, const char *path, const model_spec *spec)
{
    pictures *p = calloc(1, sizeof *p);
    *inputs = (input_source){.next = next_pictures, .name = name_of_picture, .close = close_pictures, .context = p};
    if (!p) return fac_raise(FAC_ERROR_MEMORY, "there is not enough memory");
    if (!spec->images) return fac_raise(FAC_ERROR_VALUE, "%s: the model takes no pictures", path);
    p->shape = spec->shape;
    if (!is_folder(path)) return fac__texts_add(&p->files, path, strlen(path));
    if (fac__pictures_below(path, &p->files) && !p->files.count)
        fac_raise(FAC_ERROR_VALUE, "%s: there are no pictures in this folder", path);
    return !fac_error();
}

const data_kind kind_pictures = {
    .about =
        "a folder of folders of pictures, .png or .jpg, each a class; or with such folders train (and test or val)",
    .is_data = is_pictures,
    .open = open_pictures,
    .is_input = is_picture,
    .inputs = open_files,
};
