/* Folders of pictures and CIFAR's files as datasets. */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "core/memory.h"
#include "facula/facula.h"
#include "file_bytes.h"

/* ---- folders ------------------------------------------------------------------------------------------------ */

#ifdef FAC__HAVE_PNG

/* A picture of one colour. */
static void paint(const char *path, int64_t height, int64_t width, int value)
{
    fac_scope {
        fac_tensor *t = fac_full(FAC_SHAPE(3, height, width), fac_scalar_int(value), .dtype = FAC_UINT8);
        if (!fac_image_write(t, path)) fail_msg("%s", fac_error());
    }
}

static void make_folders(void)
{
    static const char *const folders[] = {"set", "set/dog", "set/cat", "set/cat/b", "set/.hidden", "set/fish"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        assert_int_equal(mkdir(folders[i], 0700), 0);
    paint("set/dog/2.png", 5, 7, 20);
    paint("set/dog/10.PNG", 5, 7, 10);
    paint("set/cat/z.png", 20, 10, 30);
    paint("set/cat/b/a.png", 8, 8, 40);
    paint("set/fish/f.png", 4, 6, 51);
    paint("set/.hidden/x.png", 8, 8, 50);
    paint("set/loose.png", 8, 8, 60);
    write_bytes("set/dog/notes.txt", "dog", 3);
    write_bytes("set/dog/.1.png", "dog", 3);
}

static void folders(void **state)
{
    make_folders();
    fac_dataset *d = fac_image_folder("set", .height = 4, .width = 6);
    assert_non_null(d);
    assert_int_equal(fac_dataset_count(d), 5);
    assert_int_equal(fac_dataset_classes(d), 3);
    assert_string_equal(fac_dataset_class(d, 0), "cat");
    assert_string_equal(fac_dataset_class(d, 2), "fish");
    assert_null(fac_dataset_class(d, 3));
    fac_loader *loader = fac_data_loader(d, .batch_size = 5, .prefetch = 1);
    fac_for_batch(loader, x, y) {
        check_values(y, "[0, 0, 1, 1, 2]");
        assert_int_equal(fac_size(x, 3), 6);
        check_values(fac_mul_scalar(fac_mean(x, .dims = FAC_DIMS(1, 2, 3)), 255), "[30, 40, 10, 20, 51]");
    }
    fac_loader_free(loader);
    /* a subset has the names, and outlives who made it */
    fac_dataset *part = fac_subset(d, (int64_t[]){4, 0}, 2);
    fac_dataset_free(d);
    assert_string_equal(fac_dataset_class(part, 1), "dog");
    fac_scope {
        fac_tensor *out[2];
        assert_true(fac_dataset_get(part, 0, out));
        assert_int_equal(fac_item_int(out[1]), 2);
    }
    fac_dataset_free(part);
    fac_scope { /* gray, normalised */
        d = fac_image_folder("set", .height = 2, .width = 2, .channels = 1, .mean = 0.1, .std = 2);
        fac_tensor *out[2];
        assert_true(fac_dataset_get(d, -1, out));
        check_values(out[0], "[[[0.05, 0.05], [0.05, 0.05]]]");
        fac_dataset_free(d);
    }
    /* other classes than all */
    static const char *const names[] = {"bird", "fish", "dog", "cat"};
    d = fac_image_folder("set", .classes = names, .n_classes = 4);
    fac_scope {
        fac_tensor *out[2];
        assert_true(fac_dataset_batch(d, (int64_t[]){0, 1, 4}, 3, out));
        check_values(out[1], "[1, 2, 3]");
    }
    fac_dataset_free(d);
    expect_error(fac_image_folder("set", .classes = names, .n_classes = 3),
                 "set: the folder cat is none of the 3 classes");
}

static void folder_errors(void **state)
{
    expect_error(fac_image_folder("nowhere"), "nowhere: cannot be opened");
    assert_int_equal(mkdir("empty", 0700), 0);
    expect_error(fac_image_folder("empty"), "empty: there are no folders in it");
    assert_int_equal(mkdir("empty/a", 0700), 0);
    expect_error(fac_image_folder("empty"), "empty/a: there are no pictures in this folder");
    expect_error(fac_image_folder("set", .channels = 2), "channels are 1 (gray), 3 (RGB) or 4");
    expect_error(fac_image_folder("set", .height = 0), "pictures are resized to 1 to 16384 pixels");
    expect_error(fac_image_folder("set", .std = 0), "std evaluated to zero");
    assert_int_equal(symlink("..", "set/fish/up"), 0);
    expect_error(fac_image_folder("set"), "more than 16 folders in each other");
    unlink("set/fish/up");
    /* what is found when an item is asked for, in the loader's thread as well */
    write_bytes("set/fish/f.png", "no picture", 10);
    for (int prefetch = 0; prefetch < 2; prefetch++) {
        fac_dataset *d = fac_image_folder("set");
        fac_loader *loader = fac_data_loader(d, .batch_size = 5, .prefetch = prefetch);
        fac_batch batch;
        expect_error(fac_loader_next(loader, &batch), "set/fish/f.png: neither a PNG nor a JPEG picture");
        fac_loader_free(loader);
        fac_dataset_free(d);
    }
}

/* torchvision's Resize with antialias. */
static void resized(void **state)
{
    fac_state *recorded = fac_load(FAC_TEST_DATA "/images.npz");
    assert_non_null(recorded);
    assert_true(mkdir("photos", 0700) == 0 && mkdir("photos/a", 0700) == 0);
    assert_true(fac_image_write(fac_state_get(recorded, "resized.from"), "photos/a/photo.png"));
    static const char *const names[] = {"resized.smaller", "resized.larger", "resized.from"};
    for (int i = 0; i < 3; i++)
        fac_scope {
            fac_tensor *wanted = fac_state_get(recorded, names[i]), *out[2];
            fac_dataset *d =
                fac_image_folder("photos", .height = fac_size(wanted, 1), .width = fac_size(wanted, 2), .scale = false);
            assert_true(fac_dataset_get(d, 0, out));
            assert_int_equal(fac_dtype_of(out[0]), FAC_UINT8);
            fac_tensor *off = fac_abs(fac_sub(fac_to(out[0], FAC_FLOAT32), fac_to(wanted, FAC_FLOAT32)));
            double most = fac_item(fac_max(off)), mean = fac_item(fac_mean(off));
            if (most > 1 || mean > 0.001) fail_msg("%s: differs by %g, %g on the average", names[i], most, mean);
            fac_dataset_free(d);
        }
    fac_state_free(recorded);
}

/* Room for one picture: the other is read again each time. */
static void kept(void **state)
{
    for (int k = 0; k < 2; k++) {
        mkdir("kept", 0700);
        mkdir("kept/a", 0700);
        paint("kept/a/1.png", 4, 4, 10);
        paint("kept/a/2.png", 4, 4, 20);
        fac_dataset *d = fac_image_folder("kept", .height = 2, .width = 2, .scale = false, .keep = k ? 0 : 12 + 11);
        fac_scope {
            fac_tensor *out[2], *again[2];
            assert_true(fac_dataset_batch(d, (int64_t[]){0, 1}, 2, out));
            assert_int_equal(system("rm kept/a/1.png kept/a/2.png"), 0);
            assert_true(fac_dataset_get(d, 0, again) == (k == 0));
            if (k == 0) check_close(again[0], fac_select(out[0], 0, 0), 0);
            fac_clear_error();
            expect_error(fac_dataset_get(d, 1, again), "kept/a/2.png: cannot be opened");
        }
        fac_dataset_free(d);
    }
}

static void folder_memory(void **state)
{
    bool good = false;
    for (int n = 1; !good; n++) {
        assert_true(n < 1000);
        fac__alloc_fail_at(n);
        fac_dataset *d = fac_image_folder("photos", .height = 5, .width = 5);
        fac_scope {
            fac_tensor *out[2];
            good = fac_dataset_get(d, 0, out);
            fac__alloc_fail_at(0);
        }
        if (!good) assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
        fac_clear_error();
        fac_dataset_free(d);
    }
}
#endif

/* ---- CIFAR -------------------------------------------------------------------------------------------------- */

/* n records whose labels and pixels count up from `first`. */
static void write_records(const char *path, int labels, int first, int n, int more)
{
    static unsigned char b[20 * 3074 + 100];
    unsigned char *p = b;
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < labels; k++)
            *p++ = (unsigned char)(labels == 2 && k == 0 ? 255 : first + i);
        for (int k = 0; k < 3072; k++)
            *p++ = (unsigned char)(k / 1024 * 100 + first + i);
    }
    write_bytes(path, b, (size_t)(p - b) + (size_t)more);
}

static void cifar_10(void **state)
{
    static const char names[] = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
    mkdir("cifar", 0700);
    mkdir("cifar/cifar-10-batches-bin", 0700);
    expect_error(fac_cifar_dataset("cifar", true),
                 "cifar: there is neither data_batch_1.bin of CIFAR-10 nor train.bin");
    for (int i = 1; i <= 5; i++) {
        char path[100];
        snprintf(path, sizeof path, "cifar/cifar-10-batches-bin/data_batch_%d.bin", i);
        write_records(path, 1, 2 * (i - 1), 2, 0);
    }
    write_records("cifar/cifar-10-batches-bin/test_batch.bin", 1, 3, 1, 0);
    fac_dataset *d = fac_cifar_dataset("cifar", true);
    assert_non_null(d);
    assert_int_equal(fac_dataset_count(d), 10);
    assert_int_equal(fac_dataset_classes(d), 0);
    fac_scope {
        fac_tensor *out[2];
        assert_true(fac_dataset_get(d, 7, out));
        assert_int_equal(fac_item_int(out[1]), 7);
        check_values(fac_mul_scalar(fac_mean(out[0], .dims = FAC_DIMS(1, 2)), 255), "[7, 107, 207]");
    }
    fac_dataset_free(d);
    write_bytes("cifar/cifar-10-batches-bin/batches.meta.txt", names, sizeof names - 1);
    d = fac_cifar_dataset("cifar/cifar-10-batches-bin", false, .scale = false);
    assert_int_equal(fac_dataset_count(d), 1);
    assert_string_equal(fac_dataset_class(d, 9), "truck");
    fac_dataset_free(d);
    write_bytes("cifar/cifar-10-batches-bin/batches.meta.txt", names, 20);
    expect_error(fac_cifar_dataset("cifar", true), "batches.meta.txt: has 2 names, and there are 10 classes");
    unlink("cifar/cifar-10-batches-bin/batches.meta.txt");
    write_records("cifar/cifar-10-batches-bin/data_batch_4.bin", 1, 9, 2, 0);
    expect_error(fac_cifar_dataset("cifar", true), "data_batch_4.bin: image 1 is of class 10, and there are 0 to 9");
    write_records("cifar/cifar-10-batches-bin/data_batch_4.bin", 1, 3, 2, 7);
    expect_error(fac_cifar_dataset("cifar", true),
                 "data_batch_4.bin: has 6153 bytes, which are no whole number of images");
    unlink("cifar/cifar-10-batches-bin/data_batch_4.bin");
    expect_error(fac_cifar_dataset("cifar", true), "data_batch_4.bin: cannot be opened");
}

static void cifar_100(void **state)
{
    mkdir("hundred", 0700);
    write_records("hundred/train.bin", 2, 90, 10, 0);
    write_records("hundred/test.bin", 2, 99, 1, 0);
    for (int train = 0; train < 2; train++)
        fac_scope {
            fac_dataset *d = fac_cifar_dataset("hundred", train);
            fac_tensor *out[2];
            assert_int_equal(fac_dataset_count(d), train ? 10 : 1);
            assert_true(fac_dataset_get(d, -1, out));
            assert_int_equal(fac_item_int(out[1]), 99);
            fac_dataset_free(d);
        }
    bool good = false;
    for (int n = 1; !good; n++) {
        assert_true(n < 1000);
        fac__alloc_fail_at(n);
        fac_dataset *d = fac_cifar_dataset("hundred", true);
        fac__alloc_fail_at(0);
        good = d != NULL;
        if (!good) assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
        fac_clear_error();
        fac_dataset_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef FAC__HAVE_PNG
        cmocka_unit_test(folders),       cmocka_unit_test(folder_errors), cmocka_unit_test(resized),
        cmocka_unit_test(folder_memory), cmocka_unit_test(kept),
#endif
        cmocka_unit_test(cifar_10),      cmocka_unit_test(cifar_100)};
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
