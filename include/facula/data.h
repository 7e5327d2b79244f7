/* Floor 7: reading idx files (those of MNIST) and pictures, datasets, and the loader that makes shuffled batches of them.
 * Tables as CSV files are facula/csv.h's.
 *
 *     fac_dataset *train = fac_idx_dataset("/usr/share/datasets/fashion-mnist", true);
 *     fac_loader *loader = fac_data_loader(train, .batch_size = 64, .shuffle = true);
 *     for (int epoch = 0; epoch < 3; epoch++)
 *         fac_for_batch(loader, x, y) {
 *             ...                                // x: float32 [64, 1, 28, 28], y: int64 [64]
 *         }
 *     fac_loader_free(loader);
 *     fac_dataset_free(train);
 */
#ifndef FACULA_DATA_H
#define FACULA_DATA_H

#include "facula/random.h"
#include "facula/tensor.h"

FAC_BEGIN

/* ---- idx files ---------------------------------------------------------------------------------------------- */

/* The tensor in an idx file (uint8, int8, int16, int32, float32 or float64 of any shape), plain or compressed with
 * gzip. When there is no file of that name, the name with ".gz" added, or without it, is tried. A file that is shorter
 * or longer than its header says, of unknown type, or damaged, gives NULL and an error that says where; no more memory
 * is asked for than the file can fill. Format: http://yann.lecun.com/exdb/mnist/ */
FAC_API fac_tensor *fac_idx_read(const char *path);

/* ---- pictures ----------------------------------------------------------------------------------------------- */

typedef struct fac_image_read_options {
    int channels; /* 1: gray, 3: RGB, 4: RGB and alpha; 0: as the file has them, palettes and inks as RGB */
} fac_image_read_options;
static inline fac_image_read_options fac_image_read_options_defaults(void)
{
    fac_image_read_options o;
    o.channels = 0;
    return o;
}
/* torchvision.io.read_image: a PNG or JPEG picture as uint8 [channels, height, width]; which of both it is the first bytes
 * tell. Samples of 16 bits are scaled to 8, those of fewer bits too. What a camera says of its orientation is left out of
 * account. Damaged and truncated files are an error, as are pictures of more than 2^30 bytes. They are read by libpng
 * (https://www.w3.org/TR/png-3/) and libjpeg (https://www.w3.org/Graphics/JPEG/itu-t81.pdf), and are an error that says so
 * where the library was built without. */
FAC_API fac_tensor *fac_image_read_with(const char *path, fac_image_read_options options);
#define fac_image_read(path, ...) fac_image_read_with(path, FAC_OPTIONS(fac_image_read_options, __VA_ARGS__))

/* torchvision.io.write_png: uint8 [height, width] or [channels, height, width] with 1 to 4 channels, as above, or gray and
 * alpha. The path ends in .png; the file appears whole or not at all. */
FAC_API bool fac_image_write(fac_tensor *image, const char *path);

/* ---- datasets ----------------------------------------------------------------------------------------------- */

/* Numbered items, each a tuple of tensors ("fields") of fixed dtypes and shapes. Datasets are counted: a subset or a
 * loader keeps the dataset it is made from, and fac_dataset_free gives back only the caller's share. */
typedef struct fac_dataset fac_dataset;

enum { FAC_MAX_FIELDS = 8 };

typedef struct fac_field {
    fac_dtype dtype;
    fac_dims shape; /* of one item */
} fac_field;

/* For datasets of one's own. */
typedef struct fac_dataset_spec {
    int64_t count;
    int n_fields;
    fac_field fields[FAC_MAX_FIELDS];
    /* Writes item `index`: out[i] has room for the elements of field i, in a row. False, after fac_raise, when it
     * cannot. A loader with prefetch calls it in another thread. */
    bool (*get)(void *context, int64_t index, void *const *out);
    /* Item `index` will be asked for in a moment: a chance to bring its memory near. May be NULL. */
    void (*soon)(void *context, int64_t index);
    void (*drop)(void *context); /* frees the context; may be NULL */
    void *context;
    /* What the classes 0, 1, … of the items' labels are called: the context's, as long as it lives. NULL and 0: nothing. */
    const char *const *classes;
    int64_t n_classes;
} fac_dataset_spec;
/* The context is the dataset's from then on: when this fails it is dropped at once. */
FAC_API fac_dataset *fac_dataset_new(const fac_dataset_spec *spec);
FAC_API void fac_dataset_free(fac_dataset *dataset);

FAC_API int64_t fac_dataset_count(const fac_dataset *dataset);
FAC_API int fac_dataset_fields(const fac_dataset *dataset);
/* How many classes have names: 0 where none has; and the name of one, which is the dataset's: NULL where there is none. */
FAC_API int64_t fac_dataset_classes(const fac_dataset *dataset);
FAC_API const char *fac_dataset_class(const fac_dataset *dataset, int64_t i);
/* One item, into out[fields]: tensors of the scope. Negative indices count from the end. */
FAC_API bool fac_dataset_get(fac_dataset *dataset, int64_t index, fac_tensor **out);
/* n items stacked along a new first dimension, into out[fields]: tensors of the scope. */
FAC_API bool fac_dataset_batch(fac_dataset *dataset, const int64_t *indices, int64_t n, fac_tensor **out);

/* torch.utils.data.TensorDataset: item i is the i-th row of each tensor. The tensors are kept, not copied, unless they
 * are strided. fac_tensor_dataset(x, y) */
FAC_API fac_dataset *fac_tensor_dataset_of(fac_tensor_list tensors);
#define fac_tensor_dataset(...)                                                                                        \
    __extension__({                                                                                                    \
        fac_tensor *fac__items[] = {__VA_ARGS__};                                                                      \
        fac_tensor_list fac__list = {fac__items, (int64_t)(sizeof fac__items / sizeof *fac__items)};                   \
        fac_tensor_dataset_of(fac__list);                                                                              \
    })

/* torch.utils.data.Subset: item i is item indices[i] of the dataset. The indices are copied. */
FAC_API fac_dataset *fac_subset(fac_dataset *dataset, const int64_t *indices, int64_t n);
/* torch.utils.data.random_split: n subsets without common items, into parts[n], of these lengths, which add up to the
 * count; or, when they add up to 1, of these fractions of it. NULL: the default generator. */
FAC_API bool fac_random_split(fac_dataset *dataset, const double *lengths, int n, fac_generator *generator,
                              fac_dataset **parts);

typedef struct fac_image_options {
    bool scale;                 /* true: float32 in [0, 1], as torchvision's ToTensor; false: uint8 as they are */
    double mean, std;           /* scaled images become (x - mean) / std, as torchvision's Normalize; 0 and 1 */
    const double *means, *stds; /* the same for each channel; NULL: mean and std for all */
} fac_image_options;
static inline fac_image_options fac_image_options_defaults(void)
{
    fac_image_options o;
    o.scale = true;
    o.mean = 0;
    o.std = 1;
    o.means = o.stds = NULL;
    return o;
}
/* Images, uint8 [n, height, width] or [n, channels, height, width], and their labels, integers [n]. Items are an image
 * [channels, height, width] (1 channel where there was none) and a label, int64. */
FAC_API fac_dataset *fac_image_dataset_with(fac_tensor *images, fac_tensor *labels, fac_image_options options);
#define fac_image_dataset(images, labels, ...)                                                                         \
    fac_image_dataset_with(images, labels, FAC_OPTIONS(fac_image_options, __VA_ARGS__))
/* The same from the files of MNIST and its kin: train-images-idx3-ubyte and train-labels-idx1-ubyte, or t10k-… , plain
 * or .gz, also with ".idx" for "-idx", in the directory or its folder "raw". */
FAC_API fac_dataset *fac_idx_dataset_with(const char *directory, bool train, fac_image_options options);
#define fac_idx_dataset(directory, train, ...)                                                                         \
    fac_idx_dataset_with(directory, train, FAC_OPTIONS(fac_image_options, __VA_ARGS__))

/* CIFAR-10 and CIFAR-100 in their binary form, https://www.cs.toronto.edu/~kriz/cifar.html: data_batch_1.bin to
 * data_batch_5.bin or test_batch.bin, and the names in batches.meta.txt; or train.bin, test.bin (whose fine labels are
 * taken) and fine_label_names.txt: in the directory or its folder "cifar-10-batches-bin" or "cifar-100-binary". Items as
 * fac_image_dataset's, [3, 32, 32]. All are read into memory, as bytes. */
FAC_API fac_dataset *fac_cifar_dataset_with(const char *directory, bool train, fac_image_options options);
#define fac_cifar_dataset(directory, train, ...)                                                                       \
    fac_cifar_dataset_with(directory, train, FAC_OPTIONS(fac_image_options, __VA_ARGS__))

typedef struct fac_image_folder_options {
    int64_t height, width;      /* that all pictures are resized to: 64 and 64 */
    int channels;               /* 1: gray, 3: RGB, 4: RGB and alpha; 3 */
    bool scale;                 /* as in fac_image_options, and so are the following */
    double mean, std;           /* 0 and 1 */
    const double *means, *stds; /* NULL */
    int64_t keep;               /* bytes of memory for pictures as they were resized, which are not read again; 2^28 */
    /* The folders that are classes, in the order of their numbers; others are an error. NULL: all there are, sorted. */
    const char *const *classes;
    int64_t n_classes;
} fac_image_folder_options;
static inline fac_image_folder_options fac_image_folder_options_defaults(void)
{
    fac_image_folder_options o;
    o.height = o.width = 64;
    o.channels = 3;
    o.scale = true;
    o.mean = 0;
    o.std = 1;
    o.means = o.stds = NULL;
    o.keep = 1 << 28;
    o.classes = NULL;
    o.n_classes = 0;
    return o;
}
/* torchvision.datasets.ImageFolder: each folder in the directory is a class, and the pictures in it and its folders, by
 * their names .png, .jpg, .jpeg, are its items, in the order of its files' names. A picture is read when its item is
 * asked for, and again when it is asked for again, but for those that there is memory to keep; and it is resized to the one size as torchvision's Resize does, bilinearly with antialias, whatever its own
 * proportions. Items are an image [channels, height, width] and a label, int64. */
FAC_API fac_dataset *fac_image_folder_with(const char *directory, fac_image_folder_options options);
#define fac_image_folder(directory, ...)                                                                               \
    fac_image_folder_with(directory, FAC_OPTIONS(fac_image_folder_options, __VA_ARGS__))

/* ---- the loader --------------------------------------------------------------------------------------------- */

/* torch.utils.data.DataLoader: with the same seed it makes the same batches. */
typedef struct fac_loader fac_loader;

typedef struct fac_loader_options {
    int64_t batch_size;       /* 1 */
    bool shuffle;             /* a new order each epoch */
    bool drop_last;           /* leave out the last batch if it is smaller */
    int prefetch;             /* 1: a thread fills the next batch while this one is worked on; 0 */
    fac_generator *generator; /* NULL: the default one. It is used in the caller's thread only. */
} fac_loader_options;
static inline fac_loader_options fac_loader_options_defaults(void)
{
    fac_loader_options o;
    o.batch_size = 1;
    o.shuffle = o.drop_last = false;
    o.prefetch = 0;
    o.generator = NULL;
    return o;
}
/* NULL on a bad option: "batch_size should be a positive integer value, but got batch_size=0", "num_samples should be a
 * positive integer value, but got num_samples=0" for an empty dataset that is to be shuffled. */
FAC_API fac_loader *fac_data_loader_with(fac_dataset *dataset, fac_loader_options options);
#define fac_data_loader(dataset, ...) fac_data_loader_with(dataset, FAC_OPTIONS(fac_loader_options, __VA_ARGS__))
FAC_API void fac_loader_free(fac_loader *loader);
/* Batches of an epoch: len(loader). */
FAC_API int64_t fac_loader_count(const fac_loader *loader);

typedef struct fac_batch {
    int64_t index, size; /* the how-manieth batch of the epoch, from 0; items in it */
    int n;               /* fields */
    fac_tensor *items[FAC_MAX_FIELDS];
} fac_batch;
/* The next batch; false at the end of an epoch, and after an error. The call after that begins the next epoch. The
 * tensors belong to the loader, which uses their memory again: after the following call they hold other data, unless
 * something keeps them (fac_keep, a view, a gradient graph). */
FAC_API bool fac_loader_next(fac_loader *loader, fac_batch *batch);
/* Gives up the epoch that was begun: the next call begins another. */
FAC_API void fac_loader_reset(fac_loader *loader);

/* fac_for_batch(loader, x, y) { … }: one epoch, each batch in a scope of its own. For datasets with two fields; the
 * names are yours. break, continue and return do what they do in a for loop. */
#define fac_for_batch(loader, x, y)                                                                                    \
    for (fac_tensor *x = NULL, *y = NULL, **fac__once = &x; fac__once; fac__once = NULL)                               \
        for (fac__epoch fac__epoch_now __attribute__((cleanup(fac__epoch_end))) = fac__epoch_begin(loader);            \
             fac__epoch_next(&fac__epoch_now, &x, &y);)

typedef struct fac__epoch {
    fac_loader *loader;
    bool inside;
    fac__scope_mark mark;
} fac__epoch;
FAC_API fac__epoch fac__epoch_begin(fac_loader *loader);
FAC_API bool fac__epoch_next(fac__epoch *epoch, fac_tensor **x, fac_tensor **y);
FAC_API void fac__epoch_end(fac__epoch *epoch);

FAC_END
#endif
