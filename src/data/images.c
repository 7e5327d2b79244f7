/* Floor 7. Labelled images: bytes that become floats on their way into a batch, by a table of the 256 values that each
 * channel can have. So scaling and normalising cost no more than a copy, and round as the operations would. */
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/raise.h"
#include "core/tensor_impl.h"
#include "dataset.h"
#include "idx.h"

typedef struct images {
    fac_tensor *pixels, *labels;
    bool scale;
    int64_t channels, channel_size;
    float (*tables)[256]; /* of each channel */
} images;

static bool get_image(void *context, int64_t index, void *const *out)
{
    const images *m = context;
    const unsigned char *from = (const unsigned char *)fac__host(m->pixels) + index * m->channels * m->channel_size;
    memcpy(out[1], (const int64_t *)fac__host(m->labels) + index, sizeof(int64_t));
    if (!m->scale) {
        memcpy(out[0], from, (size_t)(m->channels * m->channel_size));
        return true;
    }
    float *to = out[0];
    for (int64_t c = 0; c < m->channels; c++, to += m->channel_size, from += m->channel_size) {
        const float *table = m->tables[c];
        int64_t i = 0;
        for (; i + 16 <= m->channel_size; i += 16) {
            __builtin_prefetch(to + i + 1024, 1);
            for (int64_t k = i; k < i + 16; k++)
                to[k] = table[from[k]];
        }
        for (; i < m->channel_size; i++)
            to[i] = table[from[i]];
    }
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
    fac__free(m->tables);
    fac__free(m);
}

static bool make_tables(images *m, const fac_image_options *o)
{
    m->tables = fac__alloc((size_t)m->channels * sizeof *m->tables);
    if (!m->tables) return false;
    for (int64_t c = 0; c < m->channels; c++) {
        float mean = (float)(o->means ? o->means[c] : o->mean), std = (float)(o->stds ? o->stds[c] : o->std);
        if (std == 0)
            return fac__value_error(
                       "std evaluated to zero after conversion to torch.float32, leading to division by zero."),
                   false;
        for (int i = 0; i < 256; i++)
            m->tables[c][i] = ((float)i / 255 - mean) / std;
    }
    return true;
}

fac_dataset *fac_image_dataset_with(fac_tensor *pixels, fac_tensor *labels, fac_image_options options)
{
    FAC__OP("image_dataset");
    FAC__NEED(pixels);
    FAC__NEED(labels);
    if (pixels->dtype != FAC_UINT8 || (pixels->ndim != 3 && pixels->ndim != 4))
        return fac__type_error(
            "images must be uint8 of shape [n, height, width] or [n, channels, height, width], but are "
            "%s of shape %s",
            fac_dtype_name((fac_dtype)pixels->dtype), fac__shape_text(pixels->ndim, pixels->shape));
    if (!fac_dtype_is_integral((fac_dtype)labels->dtype) || labels->ndim != 1)
        return fac__type_error("labels must be integers of shape [n], but are %s of shape %s",
                               fac_dtype_name((fac_dtype)labels->dtype), fac__shape_text(labels->ndim, labels->shape));
    if (labels->shape[0] != pixels->shape[0])
        return fac__value_error("Size mismatch between tensors: %lld images, %lld labels", (long long)pixels->shape[0],
                                (long long)labels->shape[0]);
    images *m = fac__calloc(sizeof *m);
    if (!m) return NULL;
    int64_t height = pixels->shape[pixels->ndim - 2], width = pixels->shape[pixels->ndim - 1];
    m->channels = pixels->ndim == 4 ? pixels->shape[1] : 1;
    m->channel_size = height * width;
    m->scale = options.scale;
    m->pixels = fac__rows_of(pixels, FAC_UINT8);
    m->labels = m->pixels ? fac__rows_of(labels, FAC_INT64) : NULL;
    if (!m->labels || (m->scale && !make_tables(m, &options))) {
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
    };
    return fac_dataset_new(&spec);
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
