/* Datasets and the loader: the order of items and what is drawn for it against PyTorch (tests/data/data.txt, made by
 * tests/record/record_data.py), whose memory batches are in, the thread that fetches ahead, images, errors. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "core/memory.h"
#include "core/tensor_impl.h"
#include "facula/autograd.h"
#include "facula/data.h"
#include "facula/error.h"
#include "facula/ops_create.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_view.h"

static void expect_error(fac_error_code code, const char *text)
{
    assert_non_null(fac_error());
    assert_string_equal(fac_error(), text);
    assert_int_equal(fac_get_error_code(), code);
    fac_clear_error();
}

/* 0, 1, 2… of that shape; the scope's. */
static fac_tensor *counting(fac_dtype dtype, int ndim, const int64_t *shape)
{
    fac_tensor *t = fac__own(fac__new(dtype, ndim, shape));
    assert_non_null(t);
    for (int64_t i = 0; i < t->numel; i++)
        fac__store_int(dtype, t->storage->data + i * (int64_t)fac_dtype_size(dtype), i);
    return t;
}

static fac_dataset *numbers(int64_t n)
{
    fac_dataset *d = NULL;
    fac_scope {
        d = fac_tensor_dataset(counting(FAC_INT64, 1, &n));
    }
    assert_non_null(d);
    return d;
}

/* ---- against PyTorch ----------------------------------------------------------------------------------------- */

static char *append_items(char *text, const fac_tensor *t)
{
    for (int64_t i = 0; i < t->numel; i++)
        text += sprintf(text, "%lld ", (long long)((int64_t *)fac_data(t))[i]);
    return text + sprintf(text, "| ");
}

static void check_draws(const char *line, fac_generator *g)
{
    uint32_t a, b;
    assert_int_equal(sscanf(line, "draws : %u %u", &a, &b), 2);
    assert_int_equal(fac_generator_random(NULL) % UINT32_MAX, a);
    assert_int_equal(fac_generator_random(g) % UINT32_MAX, b);
}

static void recorded(void **state)
{
    for (int prefetch = 0; prefetch < 2; prefetch++) {
        FILE *f = fopen(FAC_TEST_DATA "/data.txt", "r");
        assert_non_null(f);
        fac_generator *g = fac_generator_new(9);
        fac_loader *loader = NULL;
        char line[512], found[512] = "";
        int lines = 0;
        while (fgets(line, sizeof line, f)) {
            int n, size, shuffle, drop_last, given, epoch;
            char word[16], *colon = strstr(line, " : ");
            sscanf(line, "%15s %d %d %d %d %d %d", word, &n, &size, &shuffle, &drop_last, &given, &epoch);
            lines++;
            if (!strcmp(word, "draws")) {
                check_draws(line, g);
                fac_loader_free(loader);
                loader = NULL;
                continue;
            }
            if (!loader) {
                fac_manual_seed(5);
                fac_generator_seed(g, 9);
            }
            fac_dataset *d = numbers(n);
            if (!strcmp(word, "split")) {
                double lengths[4];
                int parts = sscanf(line, "split %*d %lf %lf %lf", lengths, lengths + 1, lengths + 2);
                fac_dataset *part[4];
                assert_true(fac_random_split(d, lengths, parts, g, part));
                char *text = found;
                for (int i = 0; i < parts; i++)
                    fac_scope {
                        fac_tensor *items;
                        int64_t order[16];
                        for (int64_t k = 0; k < 16; k++)
                            order[k] = k;
                        assert_true(fac_dataset_batch(part[i], order, fac_dataset_count(part[i]), &items));
                        text = append_items(text, items);
                        fac_dataset_free(part[i]);
                    }
            } else {
                if (!loader)
                    loader = fac_data_loader(d, .batch_size = size, .shuffle = shuffle, .drop_last = drop_last,
                                             .prefetch = prefetch, .generator = given ? g : NULL);
                assert_non_null(loader);
                fac_batch batch;
                char *text = found;
                *text = 0;
                int64_t batches = 0, count = fac_loader_count(loader);
                while ((strcmp(word, "left") || batches < count) && fac_loader_next(loader, &batch)) {
                    assert_int_equal(batch.index, batches++);
                    assert_int_equal(batch.size, fac_size(batch.items[0], 0));
                    text = append_items(text, batch.items[0]);
                }
                assert_int_equal(batches, count);
                assert_null(fac_error());
            }
            fac_dataset_free(d);
            if (*found) found[strlen(found) - 1] = 0;
            line[strcspn(line, "\n")] = 0;
            if (strcmp(colon + 3, found)) fail_msg("%s\nfound %s", line, found);
        }
        fac_loader_free(loader);
        fac_generator_free(g);
        fclose(f);
        assert_int_equal(lines, 144);
    }
}

/* ---- whose memory -------------------------------------------------------------------------------------------- */

static void memory_of_batches(void **state)
{
    for (int prefetch = 0; prefetch < 2; prefetch++) {
        fac_dataset *d = NULL;
        fac_scope {
            d = fac_tensor_dataset(counting(FAC_FLOAT32, 2, (int64_t[]){40, 3}),
                                   counting(FAC_INT64, 1, (int64_t[]){40}));
        }
        fac_loader *loader = fac_data_loader(d, .batch_size = 8, .prefetch = prefetch);
        fac_dataset_free(d); /* the loader keeps it */
        fac_batch batch;
        /* In the steady state nothing is allocated, over all of an epoch. */
        while (fac_loader_next(loader, &batch))
            ;
        int64_t before = fac__alloc_count();
        for (int epoch = 0; epoch < 3; epoch++)
            while (fac_loader_next(loader, &batch)) {
                assert_int_equal(batch.n, 2);
                assert_true(fac_at(batch.items[0], FAC_DIMS(7, 2)) == (double)(batch.index * 24 + 23));
                assert_true(fac_at(batch.items[1], FAC_DIMS(0)) == (double)(batch.index * 8));
            }
        assert_int_equal(fac__alloc_count(), before);

        /* What is still looked at is left alone: a kept tensor, a view, one that was told to require grad. */
        fac_scope {
            fac_tensor *x[5];
            for (int i = 0; i < 5; i++) {
                assert_true(fac_loader_next(loader, &batch));
                x[i] = i < 2    ? fac__own(fac_keep(batch.items[0]))
                       : i == 2 ? fac__own(fac__new_view(batch.items[0], 2, (int64_t[]){8, 3}, (int64_t[]){3, 1}, 0))
                       : i == 3 ? fac__own(fac__new_alias(batch.items[0]))
                                : batch.items[0];
            }
            for (int i = 0; i < 5; i++)
                assert_true(fac_at(x[i], FAC_DIMS(0, 0)) == 24.0 * i);
            assert_false(fac_loader_next(loader, &batch));
            assert_true(fac_loader_next(loader, &batch));
            batch.items[0]->requires_grad = true;
            for (int i = 0; i < 4; i++) {
                int64_t version = fac_version_of(batch.items[0]);
                assert_true(fac_loader_next(loader, &batch));
                assert_false(fac_requires_grad(batch.items[0]));
                assert_true(fac_version_of(batch.items[0]) > 0 || version == 0);
            }
        }
        fac_loader_free(loader);
    }
}

/* The tensor may move while the dataset has it. */
static void resized_tensor(void **state)
{
    fac_scope {
        fac_tensor *t = counting(FAC_INT64, 1, (int64_t[]){3}), *item;
        fac_dataset *d = fac_tensor_dataset(t);
        assert_non_null(fac_resize_(t, FAC_SHAPE(3000)));
        assert_non_null(fac_mul_scalar_(fac_narrow(t, 0, 0, 3), 10));
        assert_true(fac_dataset_get(d, 2, &item));
        assert_int_equal(fac_item_int(item), 20);
        fac_dataset_free(d);
    }
}

static int freed;
static void count_freed(void *context)
{
    freed++;
}

static void for_batch(void **state)
{
    fac_scope {
        fac_dataset *d =
            fac_tensor_dataset(counting(FAC_INT64, 1, (int64_t[]){10}), counting(FAC_UINT8, 2, (int64_t[]){10, 2}));
        fac_loader *loader = fac_data_loader(d, .batch_size = 4, .shuffle = true);
        int batches = 0, items = 0;
        freed = 0;
        for (int epoch = 0; epoch < 2; epoch++)
            fac_for_batch(loader, x, y) {
                assert_int_equal(freed, batches); /* each batch has a scope of its own */
                fac__own(fac__new_foreign(&freed, FAC_INT32, 0, NULL, count_freed, NULL));
                batches++;
                if (fac_size(x, 0) < 4) continue;
                items += (int)fac_numel(x);
                for (int i = 0; i < 4; i++)
                    assert_true(fac_at(y, FAC_DIMS(i, 1)) == 2 * fac_at(x, FAC_DIMS(i)) + 1);
            }
        assert_int_equal(batches, 6);
        assert_int_equal(items, 16);
        assert_int_equal(freed, 6);
        /* break leaves the epoch; the next loop begins another. */
        batches = freed = 0;
        for (int epoch = 0; epoch < 3; epoch++)
            fac_for_batch(loader, x, y) {
                fac__own(fac__new_foreign(&freed, FAC_INT32, 0, NULL, count_freed, NULL));
                if (++batches % 2 == 0) break;
            }
        assert_int_equal(batches, 6);
        assert_int_equal(freed, 6);
        fac_loader_free(loader);
        fac_dataset_free(d);

        d = numbers(3);
        loader = fac_data_loader(d);
        fac_for_batch(loader, x, y)
            fail();
        expect_error(FAC_ERROR_VALUE, "fac_for_batch is for datasets with 2 fields, this one has 1");
        fac_loader_free(loader);
        fac_dataset_free(d);
        fac_for_batch(NULL, x, y)
            fail();
        expect_error(FAC_ERROR_TYPE, "argument 'loader' must not be NULL");
    }
}

/* ---- datasets ------------------------------------------------------------------------------------------------ */

static bool get_square(void *context, int64_t index, void *const *out)
{
    if (index == *(int64_t *)context) return false;
    if (index == 7) return fac_raise(FAC_ERROR_VALUE, "seven is broken"), false;
    *(double *)out[0] = (double)(index * index);
    memset(out[1], (int)index, 6);
    return true;
}

static void count_drop(void *context)
{
    ++*(int64_t *)context;
}

static fac_dataset_spec squares(int64_t *bad)
{
    return (fac_dataset_spec){.count = 10,
                              .n_fields = 2,
                              .get = get_square,
                              .drop = count_drop,
                              .context = bad,
                              .fields = {{FAC_FLOAT64, FAC_SHAPE()}, {FAC_INT8, FAC_SHAPE(2, 3)}}};
}

static void own_dataset(void **state)
{
    int64_t bad = 3;
    fac_dataset_spec spec = squares(&bad);
    fac_dataset *d = fac_dataset_new(&spec);
    assert_true(d && fac_dataset_count(d) == 10 && fac_dataset_fields(d) == 2);
    fac_scope {
        fac_tensor *out[2];
        assert_true(fac_dataset_get(d, -1, out));
        assert_true(fac_dim(out[0]) == 0 && fac_item(out[0]) == 81);
        assert_true(fac_dim(out[1]) == 2 && fac_at(out[1], FAC_DIMS(1, 2)) == 9);
        assert_true(fac_dataset_batch(d, (int64_t[]){5, 0, 5}, 3, out));
        assert_true(fac_dim(out[0]) == 1 && fac_at(out[0], FAC_DIMS(2)) == 25);
        assert_true(fac_dim(out[1]) == 3 && fac_at(out[1], FAC_DIMS(0, 1, 2)) == 5);
        assert_true(fac_dataset_batch(d, NULL, 0, out) && fac_numel(out[1]) == 0);
        assert_false(fac_dataset_get(d, 3, out));
        expect_error(FAC_ERROR_RUNTIME, "the dataset could not give item 3");
        assert_false(fac_dataset_get(d, 10, out));
        expect_error(FAC_ERROR_INDEX, "index 10 is out of range for a dataset of 10 items");
        assert_false(fac_dataset_get(d, -11, out));
        expect_error(FAC_ERROR_INDEX, "index -11 is out of range for a dataset of 10 items");
        assert_false(fac_dataset_batch(d, NULL, 1, out));
        expect_error(FAC_ERROR_TYPE, "argument 'indices' must not be NULL");
        assert_false(fac_dataset_batch(d, NULL, -1, out));
        expect_error(FAC_ERROR_VALUE, "a batch cannot have -1 items");

        fac_dataset *half = fac_subset(d, (int64_t[]){4, -1, 4}, 3), *one = fac_subset(half, (int64_t[]){1}, 1);
        assert_int_equal(fac_dataset_count(half), 3);
        fac_dataset_free(half);
        assert_true(fac_dataset_get(one, 0, out) && fac_item(out[0]) == 81);
        fac_dataset_free(one);
        assert_null(fac_subset(d, (int64_t[]){0, 10}, 2));
        expect_error(FAC_ERROR_INDEX, "index 10 is out of range for a dataset of 10 items");

        /* Errors of items, with and without a thread, end the epoch; the loader can go on. */
        for (int prefetch = 0; prefetch < 2; prefetch++)
            for (bad = 3; bad < 20; bad += 17) {
                fac_loader *loader = fac_data_loader(d, .batch_size = 2, .prefetch = prefetch);
                for (int epoch = 0; epoch < 2; epoch++) {
                    fac_batch batch;
                    int n = 0;
                    while (fac_loader_next(loader, &batch))
                        n++;
                    assert_int_equal(n, bad == 3 ? 1 : 3);
                    assert_null(batch.items[0]);
                    if (bad == 3)
                        expect_error(FAC_ERROR_RUNTIME, "the dataset could not give item 3");
                    else
                        expect_error(FAC_ERROR_VALUE, "seven is broken");
                }
                fac_loader_free(loader);
            }
        /* A loader that is freed, or whose epoch is given up, while a batch is fetched. */
        for (int i = 0; i < 30; i++) {
            fac_loader *loader = fac_data_loader(d, .batch_size = 1, .prefetch = 1);
            fac_batch batch;
            for (int k = 0; k < i % 5; k++)
                assert_true(fac_loader_next(loader, &batch));
            if (i % 2) fac_loader_reset(loader);
            if (i % 3) fac_loader_reset(loader);
            if (i % 2) assert_true(fac_loader_next(loader, &batch) && batch.index == 0);
            fac_loader_free(loader);
        }
        assert_null(fac_error());
    }
    bad = 0;
    fac_dataset_free(d);
    assert_int_equal(bad, 1); /* dropped once, by the last */

    spec.fields[1].dtype = FAC_DTYPE_NONE;
    assert_null(fac_dataset_new(&spec));
    expect_error(FAC_ERROR_TYPE, "field 1 of the dataset needs a dtype");
    assert_int_equal(bad, 2); /* the context is gone in any case */
    spec = squares(&bad);
    spec.n_fields = 9;
    assert_null(fac_dataset_new(&spec));
    expect_error(FAC_ERROR_VALUE, "a dataset has 1 to 8 fields, not 9");
    spec = squares(&bad);
    spec.fields[0].shape.n = FAC_MAX_DIMS;
    assert_null(fac_dataset_new(&spec));
    expect_error(FAC_ERROR_VALUE, "field 0 has 12 dimensions, which leaves no room for that of a batch");
    spec = squares(&bad);
    spec.count = -1;
    assert_null(fac_dataset_new(&spec));
    expect_error(FAC_ERROR_VALUE, "a dataset cannot have -1 items");
    spec.count = INT64_C(1) << 61;
    assert_null(fac_dataset_new(&spec));
    expect_error(FAC_ERROR_VALUE, "a dataset cannot have 2305843009213693952 items");
    spec = squares(&bad);
    spec.get = NULL;
    assert_null(fac_dataset_new(&spec));
    expect_error(FAC_ERROR_TYPE, "argument 'spec->get' must not be NULL");
}

static void bad_arguments(void **state)
{
    fac_scope {
        fac_tensor *a = counting(FAC_UINT8, 1, (int64_t[]){4}), *b = counting(FAC_UINT8, 1, (int64_t[]){5});
        assert_null(fac_tensor_dataset(a, b));
        expect_error(FAC_ERROR_VALUE, "Size mismatch between tensors");
        assert_null(fac_tensor_dataset(counting(FAC_UINT8, 0, NULL)));
        expect_error(FAC_ERROR_VALUE, "Size mismatch between tensors");
        assert_null(fac_tensor_dataset(a, NULL));
        expect_error(FAC_ERROR_TYPE, "argument 'tensor' must not be NULL");
        assert_null(fac_tensor_dataset(a, a, a, a, a, a, a, a, a));
        expect_error(FAC_ERROR_VALUE, "a dataset has 1 to 8 fields, not 9");

        fac_dataset *d = fac_tensor_dataset(a), *none = numbers(0), *parts[2];
        static const struct {
            double lengths[2];
            const char *error;
        } bad[] = {
            {{1, 2}, "Sum of input lengths does not equal the length of the input dataset!"},
            {{5, -1}, "Sum of input lengths does not equal the length of the input dataset!"},
            {{1.5, 2.5}, "Sum of input lengths does not equal the length of the input dataset!"},
            {{0.0 / 0.0, 4}, "Sum of input lengths does not equal the length of the input dataset!"},
            {{1.5, -0.5}, "Fraction at index 0 is not between 0 and 1"},
        };
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            assert_false(fac_random_split(d, bad[i].lengths, 2, NULL, parts));
            assert_true(!parts[0] && !parts[1]);
            expect_error(FAC_ERROR_VALUE, bad[i].error);
        }
        assert_true(fac_random_split(none, (double[]){0, 0}, 2, NULL, parts));
        fac_dataset_free(parts[0]);
        fac_dataset_free(parts[1]);

        assert_null(fac_data_loader(d, .batch_size = 0));
        expect_error(FAC_ERROR_VALUE, "batch_size should be a positive integer value, but got batch_size=0");
        assert_null(fac_data_loader(d, .prefetch = 2));
        expect_error(FAC_ERROR_VALUE, "prefetch is 0 or 1, but got 2");
        assert_null(fac_data_loader(none, .shuffle = true));
        expect_error(FAC_ERROR_VALUE, "num_samples should be a positive integer value, but got num_samples=0");
        assert_null(fac_data_loader(NULL));
        expect_error(FAC_ERROR_TYPE, "argument 'dataset' must not be NULL");
        for (int prefetch = 0; prefetch < 2; prefetch++) {
            fac_loader *loader = fac_data_loader(none, .prefetch = prefetch);
            fac_batch batch;
            for (int i = 0; i < 3; i++)
                assert_true(!fac_loader_next(loader, &batch) && !fac_error());
            fac_loader_free(loader);
        }
        fac_dataset_free(none);
        fac_dataset_free(d);
        assert_false(fac_loader_next(NULL, NULL));
        fac_clear_error();
        fac_loader_reset(NULL);
        fac_loader_free(NULL);
        fac_dataset_free(NULL);
        assert_int_equal(fac_loader_count(NULL), 0);
        assert_int_equal(fac_dataset_count(NULL), 0);
    }
}

/* ---- images -------------------------------------------------------------------------------------------------- */

static void images(void **state)
{
    fac_scope {
        fac_tensor *pixels = counting(FAC_UINT8, 4, (int64_t[]){4, 2, 8, 8}),
                   *labels = counting(FAC_UINT8, 1, (int64_t[]){4});
        fac_tensor *out[2];
        fac_dataset *d = fac_image_dataset(pixels, labels);
        assert_true(fac_dataset_get(d, 1, out));
        assert_int_equal(fac_dtype_of(out[0]), FAC_FLOAT32);
        assert_int_equal(fac_dtype_of(out[1]), FAC_INT64);
        for (int i = 0; i < 128; i++)
            assert_true(((float *)fac_data(out[0]))[i] == (float)(128 + i) / 255.0f);
        assert_true(fac_item_int(out[1]) == 1);
        fac_dataset_free(d);

        d = fac_image_dataset(pixels, labels, .mean = 0.1307, .std = 0.3081);
        assert_true(fac_dataset_get(d, 1, out));
        for (int i = 0; i < 128; i++)
            assert_true(((float *)fac_data(out[0]))[i] == ((float)(128 + i) / 255.0f - 0.1307f) / 0.3081f);
        fac_dataset_free(d);

        double means[] = {0.5, 0.25}, stds[] = {2, 4};
        d = fac_image_dataset(pixels, labels, .means = means, .stds = stds);
        assert_true(fac_dataset_get(d, 0, out));
        assert_true(fac_at(out[0], FAC_DIMS(0, 0, 1)) == (1 / 255.0f - 0.5f) / 2);
        assert_true(fac_at(out[0], FAC_DIMS(1, 0, 1)) == (65 / 255.0f - 0.25f) / 4);
        fac_dataset_free(d);

        d = fac_image_dataset(pixels, labels, .scale = false);
        assert_true(fac_dataset_get(d, 3, out));
        assert_int_equal(fac_dtype_of(out[0]), FAC_UINT8);
        assert_memory_equal(fac_data(out[0]), (char *)fac_data(pixels) + 3 * 128, 128);
        fac_dataset_free(d);

        assert_null(fac_image_dataset(pixels, labels, .std = 0));
        expect_error(FAC_ERROR_VALUE,
                     "std evaluated to zero after conversion to torch.float32, leading to division by zero.");
        assert_null(fac_image_dataset(labels, labels));
        expect_error(FAC_ERROR_TYPE,
                     "images must be uint8 of shape [n, height, width] or [n, channels, height, width], but "
                     "are uint8 of shape [4]");
        assert_null(fac_image_dataset(pixels, pixels));
        expect_error(FAC_ERROR_TYPE, "labels must be integers of shape [n], but are uint8 of shape [4, 2, 8, 8]");
        assert_null(fac_image_dataset(pixels, counting(FAC_INT32, 1, (int64_t[]){3})));
        expect_error(FAC_ERROR_VALUE, "Size mismatch between tensors: 4 images, 3 labels");
    }
}

static void write_file(const char *path, const char *bytes, size_t n)
{
    size_t length = strlen(path);
    if (length > 3 && !strcmp(path + length - 3, ".gz")) {
        gzFile f = gzopen(path, "wb");
        assert_int_equal(gzwrite(f, bytes, (unsigned)n), n);
        gzclose(f);
        return;
    }
    FILE *f = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void idx_directories(void **state)
{
    char directory[] = "/tmp/facula-data-XXXXXX", path[128], command[128];
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
    static const char pixels[] = "\0\0\x08\3\0\0\0\2\0\0\0\1\0\0\0\2\0\1\2\xff", labels[] = "\0\0\x08\1\0\0\0\2\7\3";
    static const struct {
        const char *images, *labels;
        bool train;
    } spellings[] = {
        {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", true},
        {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte", true},
        {"train-images.idx3-ubyte", "train-labels.idx1-ubyte.gz", true},
        {"t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", false},
        {"raw/t10k-images-idx3-ubyte", "raw/t10k-labels-idx1-ubyte", false},
    };
    mkdir("raw", 0777);
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
        fac_scope {
            assert_null(fac_idx_dataset(directory, spellings[i].train));
            snprintf(path, sizeof path, "%s: there is no %s-images-idx3-ubyte or %s-images-idx3-ubyte.gz", directory,
                     spellings[i].train ? "train" : "t10k", spellings[i].train ? "train" : "t10k");
            expect_error(FAC_ERROR_IO, path);
            write_file(spellings[i].images, pixels, sizeof pixels - 1);
            write_file(spellings[i].labels, labels, sizeof labels - 1);
            fac_dataset *d = fac_idx_dataset(directory, spellings[i].train);
            fac_tensor *out[2];
            assert_true(d && fac_dataset_count(d) == 2 && fac_dataset_get(d, 1, out));
            assert_true(fac_dim(out[0]) == 3 && fac_size(out[0], 2) == 2);
            assert_true(fac_at(out[0], FAC_DIMS(0, 0, 1)) == 1 && fac_item_int(out[1]) == 3);
            fac_dataset_free(d);
            unlink(spellings[i].images);
            unlink(spellings[i].labels);
        }
    write_file("t10k-images-idx3-ubyte", pixels, sizeof pixels - 1);
    assert_null(fac_idx_dataset(".", false));
    expect_error(FAC_ERROR_IO, ".: there is no t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz");
    write_file("t10k-labels-idx1-ubyte", pixels, sizeof pixels - 1);
    assert_null(fac_idx_dataset(".", false));
    expect_error(FAC_ERROR_IO, ".: t10k-labels holds uint8 of shape [2, 1, 2], not uint8 of 1 dimensions");
    write_file("t10k-labels-idx1-ubyte", labels, sizeof labels - 2);
    assert_null(fac_idx_dataset(".", false));
    expect_error(FAC_ERROR_IO, "./t10k-labels-idx1-ubyte: idx file truncated: 1 of 2 bytes of data");
    write_file("t10k-labels-idx1-ubyte", "\0\0\x08\1\0\0\0\1\7", 9);
    assert_null(fac_idx_dataset(".", false));
    expect_error(FAC_ERROR_VALUE, "Size mismatch between tensors: 2 images, 1 labels");
    assert_null(fac_idx_dataset("/no/such/directory", true));
    expect_error(FAC_ERROR_IO, "/no/such/directory: there is no train-images-idx3-ubyte or train-images-idx3-ubyte.gz");
    assert_null(fac_idx_dataset(NULL, true));
    expect_error(FAC_ERROR_TYPE, "argument 'directory' must not be NULL");
    assert_int_equal(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    assert_int_equal(system(command), 0);
}

/* ---- failed allocations -------------------------------------------------------------------------------------- */

static void failed_allocations(void **state)
{
    for (int prefetch = 0; prefetch < 2; prefetch++) {
        bool done = false;
        for (int64_t n = 1; !done; n++)
            fac_scope {
                assert_true(n < 60);
                fac_tensor *pixels = counting(FAC_UINT8, 3, (int64_t[]){7, 4, 4}),
                           *labels = counting(FAC_UINT8, 1, (int64_t[]){7});
                fac__alloc_fail_at(n);
                fac_dataset *images = fac_image_dataset(pixels, labels), *rows = fac_tensor_dataset(pixels), *parts[2];
                bool ok = images && rows && fac_random_split(images, (double[]){5, 2}, 2, NULL, parts);
                int batches = 0;
                if (ok) {
                    fac_loader *loader =
                        fac_data_loader(parts[0], .batch_size = 2, .shuffle = true, .prefetch = prefetch);
                    fac_batch batch;
                    while (loader && fac_loader_next(loader, &batch))
                        batches++;
                    fac_loader_free(loader);
                    fac_dataset_free(parts[0]);
                    fac_dataset_free(parts[1]);
                }
                fac__alloc_fail_at(0);
                fac_dataset_free(images);
                fac_dataset_free(rows);
                done = batches == 3 && !fac_error();
                if (done) break;
                assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
                fac_clear_error();
            }
    }
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded),  cmocka_unit_test(memory_of_batches), cmocka_unit_test(resized_tensor),
        cmocka_unit_test(for_batch), cmocka_unit_test(own_dataset),       cmocka_unit_test(bad_arguments),
        cmocka_unit_test(images),    cmocka_unit_test(idx_directories),   cmocka_unit_test(failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
