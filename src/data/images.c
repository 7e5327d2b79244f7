/* Floor 7. Labelled images: bytes that become floats on their way into a batch, by a table of the 256 values that each
 * channel can have. So scaling and normalising cost no more than a copy, and round as the operations would. */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/raise.h"
#include "core/tensor_impl.h"
#include "dataset.h"
#include "idx.h"
#include "images.h"

typedef struct images {
    fac_tensor *pixels, *labels;
    int64_t channels, channel_size;
    fac__pixel_table *tables; /* of each channel; NULL: bytes stay bytes */
    fac__texts names;
} images;

void fac__pixels_scale(const fac__pixel_table *tables, const unsigned char *from, void *out, int64_t channels,
                       int64_t size)
{
    if (!tables) {
        memcpy(out, from, (size_t)(channels * size));
        return;
    }
    float *to = out;
    for (int64_t c = 0; c < channels; c++, to += size, from += size) {
        const float *table = tables[c];
        int64_t i = 0;
        for (; i + 16 <= size; i += 16) {
            __builtin_prefetch(to + i + 1024, 1);
            for (int64_t k = i; k < i + 16; k++)
                to[k] = table[from[k]];
        }
        for (; i < size; i++)
            to[i] = table[from[i]];
    }
}

static bool get_image(void *context, int64_t index, void *const *out)
{
    const images *m = context;
    const unsigned char *from = (const unsigned char *)fac__host(m->pixels) + index * m->channels * m->channel_size;
    memcpy(out[1], (const int64_t *)fac__host(m->labels) + index, sizeof(int64_t));
    fac__pixels_scale(m->tables, from, out[0], m->channels, m->channel_size);
    return true;
}

static void fetch_image(void *context, int64_t index)
{
    const images *m = context;
    int64_t size = m->channels * m->channel_size, most = size < 16384 ? size : 16384;
    const char *from = (const char *)fac__host(m->pixels) + index * size;
    for (int64_t i = 0; i < most; i += 64)
        __builtin_prefetch(from + i);
}

static void drop_images(void *context)
{
    images *m = context;
    fac_release(m->pixels);
    fac_release(m->labels);
    fac__texts_drop(&m->names);
    fac__free(m->tables);
    fac__free(m);
}

fac__pixel_table *fac__pixel_tables(int64_t channels, const fac_image_options *o)
{
    fac__pixel_table *tables = fac__alloc((size_t)channels * sizeof *tables);
    if (!tables) return NULL;
    for (int64_t c = 0; c < channels; c++) {
        float mean = (float)(o->means ? o->means[c] : o->mean), std = (float)(o->stds ? o->stds[c] : o->std);
        if (std == 0) {
            fac__free(tables);
            return fac__value_error(
                "std evaluated to zero after conversion to torch.float32, leading to division by zero.");
        }
        for (int i = 0; i < 256; i++)
            tables[c][i] = ((float)i / 255 - mean) / std;
    }
    return tables;
}

static bool images_ok(const fac_tensor *pixels, const fac_tensor *labels)
{
    if (pixels->dtype != FAC_UINT8 || (pixels->ndim != 3 && pixels->ndim != 4))
        return fac__type_error(
                   "images must be uint8 of shape [n, height, width] or [n, channels, height, width], but are "
                   "%s of shape %s",
                   fac_dtype_name((fac_dtype)pixels->dtype), fac__shape_text(pixels->ndim, pixels->shape)),
               false;
    if (!fac_dtype_is_integral((fac_dtype)labels->dtype) || labels->ndim != 1)
        return fac__type_error("labels must be integers of shape [n], but are %s of shape %s",
                               fac_dtype_name((fac_dtype)labels->dtype), fac__shape_text(labels->ndim, labels->shape)),
               false;
    if (labels->shape[0] != pixels->shape[0])
        return fac__value_error("Size mismatch between tensors: %lld images, %lld labels", (long long)pixels->shape[0],
                                (long long)labels->shape[0]),
               false;
    return true;
}

fac_dataset *fac__image_dataset(fac_tensor *pixels, fac_tensor *labels, fac_image_options options, fac__texts *names)
{
    images *m = images_ok(pixels, labels) ? fac__calloc(sizeof *m) : NULL;
    if (!m) {
        fac__texts_drop(names);
        return NULL;
    }
    m->names = *names;
    *names = (fac__texts){0};
    int64_t height = pixels->shape[pixels->ndim - 2], width = pixels->shape[pixels->ndim - 1];
    m->channels = pixels->ndim == 4 ? pixels->shape[1] : 1;
    m->channel_size = height * width;
    m->pixels = fac__rows_of(pixels, FAC_UINT8);
    m->labels = m->pixels ? fac__rows_of(labels, FAC_INT64) : NULL;
    if (!m->labels || (options.scale && !(m->tables = fac__pixel_tables(m->channels, &options)))) {
        drop_images(m);
        return NULL;
    }
    fac_dataset_spec spec = {
        .count = pixels->shape[0],
        .n_fields = 2,
        .fields = {{options.scale ? FAC_FLOAT32 : FAC_UINT8, FAC_SHAPE(m->channels, height, width)},
                   {FAC_INT64, FAC_SHAPE()}},
        .get = get_image,
        .soon = fetch_image,
        .drop = drop_images,
        .context = m,
        .classes = (const char *const *)m->names.items,
        .n_classes = m->names.count,
    };
    return fac_dataset_new(&spec);
}

fac_dataset *fac_image_dataset_with(fac_tensor *pixels, fac_tensor *labels, fac_image_options options)
{
    FAC__OP("image_dataset");
    FAC__NEED(pixels);
    FAC__NEED(labels);
    return fac__image_dataset(pixels, labels, options, &(fac__texts){0});
}

/* ---- the four files of MNIST -------------------------------------------------------------------------------- */

/* "train", "images", 3: DIR/train-images-idx3-ubyte and its other spellings. The caller's. */
static fac_tensor *read_part(const char *directory, const char *part, const char *what, int ndim)
{
    char *path = fac__alloc(strlen(directory) + 64);
    if (!path) return NULL;
    fac_tensor *t = NULL;
    for (int i = 0; i < 4 && !t && !fac__self()->error; i++) {
        sprintf(path, "%s/%s%s-%s%sidx%d-ubyte", directory, i & 2 ? "raw/" : "", part, what, i & 1 ? "." : "-", ndim);
        t = fac__idx_read(path, true);
    }
    fac__free(path);
    if (t && (t->ndim != ndim || t->dtype != FAC_UINT8)) {
        fac__io_error("%s: %s-%s holds %s of shape %s, not uint8 of %d dimensions", directory, part, what,
                      fac_dtype_name((fac_dtype)t->dtype), fac__shape_text(t->ndim, t->shape), ndim);
        fac_release(t);
        return NULL;
    }
    if (!t && !fac__self()->error)
        fac__io_error("%s: there is no %s-%s-idx%d-ubyte or %s-%s-idx%d-ubyte.gz", directory, part, what, ndim, part,
                      what, ndim);
    return t;
}

fac_dataset *fac_idx_dataset_with(const char *directory, bool train, fac_image_options options)
{
    FAC__OP("idx_dataset");
    FAC__NEED(directory);
    if (fac__self()->error) return NULL; /* which could not be told from one of reading */
    const char *part = train ? "train" : "t10k";
    fac_tensor *pixels = read_part(directory, part, "images", 3);
    fac_tensor *labels = pixels ? read_part(directory, part, "labels", 1) : NULL;
    fac_dataset *d = labels ? fac_image_dataset_with(pixels, labels, options) : NULL;
    fac_release(pixels);
    fac_release(labels);
    return d;
}
