/* Floor 7. A folder of folders of pictures as a dataset: fac_image_folder in facula/data.h. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "core/raise.h"
#include "core/text.h"
#include "dataset.h"
#include "image_folder.h"
#include "images.h"
#include "picture_size.h"

enum { MOST_DEPTH = 16 /* links may lead in circles */, MOST_FILES = 100000000 };

/* ---- folders ------------------------------------------------------------------------------------------------ */

static char *join(fac__text *t, const char *folder, const char *name)
{
    t->n = 0;
    fac__text_format(t, "%s%s%s", folder, *folder && folder[strlen(folder) - 1] == '/' ? "" : "/", name);
    return t->failed ? NULL : t->p;
}

/* The folders, or else the pictures, in a folder, sorted; links are followed, names that begin with a dot left out. */
static bool list(const char *folder, bool folders, fac__texts *into)
{
    int64_t begin = into->count;
    DIR *d = opendir(folder);
    if (!d) return fac__io_error("%s: cannot be opened: %s", folder, strerror(errno)), false;
    fac__text path = {0};
    bool good = true;
    for (struct dirent *e; good && (e = readdir(d));) {
        struct stat info;
        if (e->d_name[0] == '.' || (!folders && !fac__image_name(e->d_name))) continue;
        good = join(&path, folder, e->d_name) != NULL;
        if (good && stat(path.p, &info) == 0 && (folders ? S_ISDIR(info.st_mode) : S_ISREG(info.st_mode)))
            good = fac__texts_add(into, e->d_name, strlen(e->d_name));
    }
    closedir(d);
    fac__text_drop(&path);
    fac__texts_sort(into, begin);
    return good;
}

/* The folder itself and all below it, as paths. */
static bool walk(const char *folder, int depth, fac__texts *all)
{
    if (depth > MOST_DEPTH)
        return fac__io_error("%s: more than %d folders in each other", folder, (int)MOST_DEPTH), false;
    fac__texts names = {0};
    fac__text path = {0};
    bool good = fac__texts_add(all, folder, strlen(folder)) && list(folder, true, &names);
    for (int64_t i = 0; i < names.count && good; i++)
        good = join(&path, folder, names.items[i]) && walk(path.p, depth + 1, all);
    fac__texts_drop(&names);
    fac__text_drop(&path);
    return good;
}

bool fac__pictures_below(const char *folder, fac__texts *into)
{
    fac__texts folders = {0}, names = {0};
    fac__text path = {0};
    bool good = walk(folder, 0, &folders);
    fac__texts_sort(&folders, 0);
    for (int64_t i = 0; i < folders.count && good; i++) {
        fac__texts_drop(&names);
        good = list(folders.items[i], false, &names);
        for (int64_t k = 0; k < names.count && good; k++)
            good = join(&path, folders.items[i], names.items[k]) && fac__texts_add(into, path.p, path.n);
    }
    if (good && into->count > MOST_FILES) good = (fac__io_error("%s: too many pictures", folder), false);
    fac__texts_drop(&folders);
    fac__texts_drop(&names);
    fac__text_drop(&path);
    return good;
}

bool fac__folders_in(const char *folder, fac__texts *into)
{
    return list(folder, true, into);
}

/* ---- the dataset -------------------------------------------------------------------------------------------- */

typedef struct folder {
    fac__texts classes, files;
    int64_t *ends; /* of each class: the first file that is not its own */
    fac__pixel_table *tables;
    int64_t height, width;
    int channels;
    /* Pictures as they were resized, where there was room; any thread adds to them, and none takes any away. */
    _Atomic(unsigned char *) *kept;
    _Atomic int64_t room;
} folder;

static int64_t class_of(const folder *f, int64_t index)
{
    int64_t low = 0, high = f->classes.count - 1;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (index < f->ends[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The planes of a picture, read and resized; for fac__free. */
static unsigned char *read_planes(const folder *f, int64_t index)
{
    fac__picture p;
    if (!fac__image_read(f->files.items[index], f->channels, &p)) return NULL;
    unsigned char *planes = fac__alloc((size_t)(f->channels * f->height * f->width));
    if (planes && !fac__picture_planes(&p, f->height, f->width, planes)) {
        fac__free(planes);
        planes = NULL;
    }
    fac__free(p.pixels);
    return planes;
}

/* False when there is no room, or another thread was faster. */
static bool keep(folder *f, int64_t index, unsigned char *planes)
{
    int64_t size = f->channels * f->height * f->width;
    unsigned char *none = NULL;
    if (atomic_fetch_sub(&f->room, size) >= size && atomic_compare_exchange_strong(&f->kept[index], &none, planes))
        return true;
    atomic_fetch_add(&f->room, size);
    return false;
}

static bool get_picture(void *context, int64_t index, void *const *out)
{
    folder *f = context;
    int64_t label = class_of(f, index);
    unsigned char *kept = atomic_load(&f->kept[index]), *planes = kept ? kept : read_planes(f, index);
    if (!planes) return false;
    memcpy(out[1], &label, sizeof label);
    fac__pixels_scale(f->tables, planes, out[0], f->channels, f->height * f->width);
    if (!kept && !keep(f, index, planes)) fac__free(planes);
    return true;
}

static void drop_folder(void *context)
{
    folder *f = context;
    if (!f) return;
    for (int64_t i = 0; f->kept && i < f->files.count; i++)
        fac__free(atomic_load(&f->kept[i]));
    fac__free(f->kept);
    fac__texts_drop(&f->classes);
    fac__texts_drop(&f->files);
    fac__free(f->ends);
    fac__free(f->tables);
    fac__free(f);
}

/* The classes as they are asked for, or as there are folders. */
static bool find_classes(folder *f, const char *directory, const fac_image_folder_options *o)
{
    fac__texts found = {0};
    bool good = list(directory, true, &found);
    if (good && !found.count)
        good = (fac__io_error("%s: there are no folders in it, each of which would be a class", directory), false);
    if (!good || !o->classes) {
        f->classes = found;
        return good;
    }
    for (int64_t i = 0; i < o->n_classes && good; i++)
        good = fac__texts_add(&f->classes, o->classes[i], strlen(o->classes[i]));
    for (int64_t i = 0; i < found.count && good; i++)
        if (fac__texts_find(&f->classes, found.items[i]) < 0)
            good = (fac__io_error("%s: the folder %s is none of the %lld classes", directory, found.items[i],
                                  (long long)o->n_classes),
                    false);
    fac__texts_drop(&found);
    return good;
}

static bool find_files(folder *f, const char *directory, bool all_needed)
{
    fac__text path = {0};
    bool good = true;
    f->ends = fac__alloc((size_t)f->classes.count * sizeof *f->ends);
    if (!f->ends) return false;
    for (int64_t i = 0; i < f->classes.count && good; i++) {
        int64_t before = f->files.count;
        struct stat info;
        good = join(&path, directory, f->classes.items[i]) != NULL;
        if (good && (all_needed || stat(path.p, &info) == 0)) {
            good = fac__pictures_below(path.p, &f->files);
            if (good && f->files.count == before)
                good = (fac__io_error("%s: there are no pictures in this folder, which is a class", path.p), false);
        }
        f->ends[i] = f->files.count;
    }
    fac__text_drop(&path);
    return good;
}

static bool options_ok(const fac_image_folder_options *o)
{
    if (o->height < 1 || o->width < 1 || o->height > 16384 || o->width > 16384)
        return fac__value_error("pictures are resized to 1 to 16384 pixels, not to %lldx%lld", (long long)o->width,
                                (long long)o->height),
               false;
    if (o->channels != 1 && o->channels != 3 && o->channels != 4)
        return fac__value_error("channels are 1 (gray), 3 (RGB) or 4 (with alpha), not %d", o->channels), false;
    if (o->keep < 0) return fac__value_error("keep is a number of bytes, not %lld", (long long)o->keep), false;
    if (o->classes && o->n_classes < 1) return fac__value_error("there are no classes"), false;
    for (int64_t i = 0; o->classes && i < o->n_classes; i++)
        FAC__NEED_OR(o->classes[i], false);
    return true;
}

fac_dataset *fac_image_folder_with(const char *directory, fac_image_folder_options o)
{
    FAC__OP("image_folder");
    FAC__NEED(directory);
    folder *f = options_ok(&o) ? fac__calloc(sizeof *f) : NULL;
    if (!f) return NULL;
    f->height = o.height;
    f->width = o.width;
    f->channels = o.channels;
    atomic_init(&f->room, o.keep);
    fac_image_options scaled = {.scale = o.scale, .mean = o.mean, .std = o.std, .means = o.means, .stds = o.stds};
    if (!find_classes(f, directory, &o) || !find_files(f, directory, !o.classes) ||
        (o.scale && !(f->tables = fac__pixel_tables(o.channels, &scaled))) ||
        !(f->kept = fac__calloc((size_t)f->files.count * sizeof *f->kept))) {
        drop_folder(f);
        return NULL;
    }
    fac_dataset_spec spec = {
        .count = f->files.count,
        .n_fields = 2,
        .fields = {{o.scale ? FAC_FLOAT32 : FAC_UINT8, FAC_SHAPE(o.channels, o.height, o.width)},
                   {FAC_INT64, FAC_SHAPE()}},
        .get = get_picture,
        .drop = drop_folder,
        .context = f,
        .classes = (const char *const *)f->classes.items,
        .n_classes = f->classes.count,
    };
    return fac_dataset_new(&spec);
}
