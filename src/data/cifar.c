/* Floor 7. CIFAR-10 and CIFAR-100 in binary, https://www.cs.toronto.edu/~kriz/cifar.html: records of a label (of CIFAR-100
 * two, the coarse one first) and 3072 bytes, the red plane, the green, the blue. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/raise.h"
#include "core/text.h"
#include "images.h"
#include "io/input.h"

enum { PIXELS = 3 * 32 * 32, MOST_NAMES = 1 << 16 /* bytes */ };

typedef struct kind {
    const char *folder, *names;
    const char *train[6], *test[2];
    int labels, classes;
} kind;

static const kind kinds[] = {
    {"cifar-10-batches-bin",
     "batches.meta.txt",
     {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
     {"test_batch.bin"},
     1,
     10},
    {"cifar-100-binary", "fine_label_names.txt", {"train.bin"}, {"test.bin"}, 2, 100},
};

static const char *path_of(fac__text *t, const char *directory, const char *name)
{
    t->n = 0;
    fac__text_format(t, "%s/%s", directory, name);
    return t->failed ? NULL : t->p;
}

/* Reads the records of a file to items of the tensors, from *item on. */
static bool read_records(fac__input *in, const kind *k, unsigned char *pixels, int64_t *labels, int64_t *item)
{
    int64_t size = k->labels + PIXELS, count = in->size / size;
    unsigned char record[2 + PIXELS];
    for (int64_t i = 0; i < count; i++, ++*item) {
        if (!fac__input_read(in, i * size, record, size)) return false;
        int label = record[k->labels - 1];
        if (label >= k->classes)
            return fac__io_error("%s: image %lld is of class %d, and there are 0 to %d", in->path, (long long)i, label,
                                 k->classes - 1),
                   false;
        labels[*item] = label;
        memcpy(pixels + *item * PIXELS, record + k->labels, PIXELS);
    }
    return true;
}

/* The files, and into *count how many records they have. */
static bool open_all(const char *directory, const kind *k, const char *const *names, fac__text paths[5],
                     fac__input files[5], int *n_files, int64_t *count)
{
    int64_t size = k->labels + PIXELS;
    *count = 0;
    for (*n_files = 0; names[*n_files]; ++*n_files) {
        fac__input *in = &files[*n_files];
        const char *path = path_of(&paths[*n_files], directory, names[*n_files]);
        if (!path || !fac__input_open(in, path, false)) return false;
        if (in->size == 0 || in->size % size) {
            fac__io_error("%s: has %lld bytes, which are no whole number of images of %lld bytes", path,
                          (long long)in->size, (long long)size);
            fac__input_close(in);
            return false;
        }
        *count += in->size / size;
    }
    return true;
}

/* A line is a name. A file that is not there has none. */
static bool read_names(const char *directory, const kind *k, fac__texts *names)
{
    fac__text path = {0};
    fac__input in;
    bool good = path_of(&path, directory, k->names) != NULL;
    if (good && access(path.p, F_OK) == 0 && (good = fac__input_open(&in, path.p, false))) {
        char *text = in.size < MOST_NAMES ? fac__alloc((size_t)in.size + 1) : NULL;
        if (in.size >= MOST_NAMES) fac__io_error("%s: too long for the names of %d classes", path.p, k->classes);
        good = text && fac__input_read(&in, 0, text, in.size);
        const char *end = text ? text + in.size : NULL;
        for (const char *p = text; good && p < end;) {
            const char *stop = memchr(p, '\n', (size_t)(end - p)), *next = stop ? stop + 1 : end;
            size_t n = (size_t)((stop ? stop : end) - p);
            if (n && p[n - 1] == '\r') n--;
            if (n && memchr(p, 0, n))
                good = (fac__io_error("%s: no text: it has a zero byte", path.p), false);
            else if (n)
                good = fac__texts_add(names, p, n);
            p = next;
        }
        fac__free(text);
        fac__input_close(&in);
        if (good && names->count != k->classes)
            good = (fac__io_error("%s: has %lld names, and there are %d classes", path.p, (long long)names->count,
                                  k->classes),
                    false);
    }
    fac__text_drop(&path);
    return good;
}

static fac_dataset *read_set(const char *directory, const kind *k, bool train, fac_image_options options)
{
    fac__text paths[5] = {{0}};
    fac__input files[5];
    fac__texts names = {0};
    int n_files;
    int64_t count, item = 0;
    fac_dataset *d = NULL;
    if (open_all(directory, k, train ? k->train : k->test, paths, files, &n_files, &count) &&
        read_names(directory, k, &names)) {
        fac_tensor *pixels = fac__new(FAC_UINT8, 4, (int64_t[]){count, 3, 32, 32});
        fac_tensor *labels = pixels ? fac__new(FAC_INT64, 1, &count) : NULL;
        bool good = labels != NULL;
        for (int i = 0; i < n_files && good; i++)
            good = read_records(&files[i], k, fac__host(pixels), fac__host(labels), &item);
        if (good) d = fac__image_dataset(pixels, labels, options, &names);
        fac_release(pixels);
        fac_release(labels);
    }
    fac__texts_drop(&names);
    for (int i = 0; i < n_files; i++)
        fac__input_close(&files[i]);
    for (int i = 0; i < 5; i++)
        fac__text_drop(&paths[i]);
    return d;
}

fac_dataset *fac_cifar_dataset_with(const char *directory, bool train, fac_image_options options)
{
    FAC__OP("cifar_dataset");
    FAC__NEED(directory);
    if (fac__recording_now()) return fac__recording_refuse("read a file");
    fac__text folder = {0}, path = {0};
    fac_dataset *d = NULL;
    bool found = false;
    for (int i = 0; i < 4 && !found && !folder.failed && !path.failed; i++) { /* the directory itself first */
        const kind *k = &kinds[i % 2];
        folder.n = 0;
        fac__text_format(&folder, "%s%s%s", directory, i < 2 ? "" : "/", i < 2 ? "" : k->folder);
        for (int part = 0; part < 2 && !found && !folder.failed; part++) {
            const char *first = path_of(&path, folder.p, part ? k->test[0] : k->train[0]);
            found = first && access(first, F_OK) == 0;
        }
        if (found) d = read_set(folder.p, k, train, options);
    }
    if (!found && !folder.failed && !path.failed)
        fac__io_error("%s: there is neither data_batch_1.bin of CIFAR-10 nor train.bin of CIFAR-100", directory);
    fac__text_drop(&folder);
    fac__text_drop(&path);
    return d;
}
