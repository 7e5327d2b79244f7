/* Pictures: PNG of every kind and JPEG against recorded pixels (tests/record/record_images.py), written ones, damaged and hostile
 * ones. */
#define _GNU_SOURCE
#include <zlib.h>

#include "core/memory.h"
#include "data/image_file.h"
#include "facula/facula.h"
#include "file_bytes.h"

static fac_state *recorded;

#ifdef FAC__HAVE_PNG
enum { HAVE_PNG = 1 };
#else
enum { HAVE_PNG = 0 };
#endif
#ifdef FAC__HAVE_JPEG
enum { HAVE_JPEG = 1 };
#else
enum { HAVE_JPEG = 0 };
#endif

static bool have(const char *name)
{
    return strncmp(name, "png", 3) == 0 ? HAVE_PNG : HAVE_JPEG;
}

static fac_tensor *get(const char *name, const char *what)
{
    char key[120];
    snprintf(key, sizeof key, "%s.%s", name, what);
    fac_tensor *t = fac_state_get(recorded, key);
    if (!t) fail_msg("nothing is recorded of %s", key);
    return t;
}

static void bytes_of(const char *name, bytes *b)
{
    fac_tensor *file = get(name, "file");
    b->n = (size_t)fac_numel(file);
    memcpy(b->p, fac_data(file), b->n);
}

/* The largest difference of two pictures, which have the same shape. */
static int difference(fac_tensor *a, fac_tensor *b)
{
    bool same = fac_dim(a) == fac_dim(b);
    for (int i = 0; i < fac_dim(a) && same; i++)
        same = fac_size(a, i) == fac_size(b, i);
    if (!same) fail_msg("%s", "shapes differ");
    const unsigned char *p = fac_data(a), *q = fac_data(b);
    int most = 0;
    for (int64_t i = 0; i < fac_numel(a); i++)
        if (abs(p[i] - q[i]) > most) most = abs(p[i] - q[i]);
    return most;
}

static void as_recorded(void **state)
{
    static bytes b;
    int compared = 0;
    for (int64_t i = 0; i < fac_state_count(recorded); i++) {
        char name[100];
        snprintf(name, sizeof name, "%s", fac_state_name_at(recorded, i));
        char *dot = strrchr(name, '.');
        if (strcmp(dot, ".file")) continue;
        *dot = 0;
        if (!have(name)) continue;
        bytes_of(name, &b);
        write_bytes("picture", b.p, b.n);
        fac_scope {
            bool to_gray = !strcmp(name, "png-gray") || !strcmp(name, "jpeg-to-gray");
            fac_tensor *t = fac_image_read("picture", .channels = to_gray);
            if (!t) fail_msg("%s: %s", name, fac_error());
            /* Pillow rounds otherwise where it mixes inks */
            int most = difference(t, get(name, "pixels"));
            if (most > (strcmp(name, "jpeg-inks") ? 0 : 2)) fail_msg("%s: differs by %d", name, most);
            fac__picture size;
            assert_true(fac__image_size("picture", &size));
            assert_int_equal(size.height, fac_size(t, 1));
            assert_int_equal(size.width, fac_size(t, 2));
            assert_true(to_gray || size.channels == fac_size(t, 0));
        }
        compared++;
    }
    print_message("[          ] %d pictures\n", compared);
    assert_true(compared >= 40 * HAVE_PNG + 8 * HAVE_JPEG);
}

/* Other channels are those of the file, made gray or coloured, with or without alpha. */
static void channels(void **state)
{
    static bytes b;
    static const char *const names[] = {"png-0-8",  "png-2-8",  "png-3-8-transparent", "png-4-8",
                                        "png-6-16", "jpeg-444", "jpeg-gray",           "jpeg-inks"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!have(names[i])) continue;
        bytes_of(names[i], &b);
        write_bytes("picture", b.p, b.n);
        fac_scope {
            fac_tensor *gray = fac_image_read("picture", .channels = 1),
                       *rgb = fac_image_read("picture", .channels = 3);
            fac_tensor *rgba = fac_image_read("picture", .channels = 4), *own = get(names[i], "pixels");
            if (!gray || !rgb || !rgba) fail_msg("%s: %s", names[i], fac_error());
            assert_true(fac_size(gray, 0) == 1 && fac_size(rgb, 0) == 3 && fac_size(rgba, 0) == 4);
            assert_int_equal(difference(fac_narrow(rgba, 0, 0, 3), rgb), 0);
            bool color = fac_size(own, 0) >= 3, alpha = fac_size(own, 0) % 2 == 0;
            if (!alpha) assert_int_equal(fac_item_int(fac_min(fac_narrow(rgba, 0, 3, 1))), 255);
            if (alpha)
                assert_int_equal(difference(fac_contiguous(fac_narrow(rgba, 0, 3, 1)),
                                            fac_contiguous(fac_narrow(own, 0, fac_size(own, 0) - 1, 1))),
                                 0);
            if (!color) assert_int_equal(difference(gray, fac_contiguous(fac_narrow(rgb, 0, 2, 1))), 0);
            if (color) { /* 0.299 R + 0.587 G + 0.114 B */
                fac_tensor *f = fac_to(rgb, FAC_FLOAT32), *w = fac_literal("[[[0.2989]], [[0.587]], [[0.1141]]]");
                fac_tensor *sum = fac_sum(fac_mul(f, w), .dims = FAC_DIMS(0), .keepdim = true);
                assert_true(fac_item(fac_max(fac_abs(fac_sub(sum, gray)))) < 3);
            }
        }
    }
    assert_null(fac_image_read("picture", .channels = 2));
    assert_non_null(strstr(fac_error(), "channels are 1 (gray), 3 (RGB), 4 (with alpha), or 0"));
    fac_clear_error();
}

static void written(void **state)
{
    if (!HAVE_PNG) skip();
    fac_manual_seed(0);
    for (int c = 0; c <= 4; c++)
        fac_scope {
            fac_tensor *t = fac_randint(0, 256, c ? FAC_SHAPE(c, 7, 13) : FAC_SHAPE(7, 13), .dtype = FAC_UINT8);
            assert_true(fac_image_write(t, "written.PNG"));
            fac_tensor *back = fac_image_read("written.PNG");
            assert_non_null(back);
            assert_int_equal(difference(back, c ? t : fac_unsqueeze(t, 0)), 0);
        }
    fac_scope {
        fac_tensor *t = fac_zeros(FAC_SHAPE(3, 4, 4), .dtype = FAC_UINT8);
        assert_true(fac_image_write(fac_transpose(t, 1, 2), "turned.png"));
        assert_false(fac_image_write(t, "written.gif"));
        assert_non_null(strstr(fac_error(), "pictures are written as .png"));
        fac_clear_error();
        assert_false(fac_image_write(t, "no/folder.png"));
        assert_int_equal(fac_get_error_code(), FAC_ERROR_IO);
        fac_clear_error();
        assert_false(fac_image_write(fac_zeros(FAC_SHAPE(3, 4, 4)), "written.png"));
        assert_non_null(strstr(fac_error(), "a picture is uint8"));
        fac_clear_error();
        assert_false(fac_image_write(fac_zeros(FAC_SHAPE(5, 4, 4), .dtype = FAC_UINT8), "written.png"));
        fac_clear_error();
    }
    assert_int_equal(access("written.png", F_OK), -1);
}

/* Reading that file gives a picture, or an error of a file which names it. */
static bool in_peace(const char *path)
{
    bool read = false;
    fac_scope
        read = fac_image_read(path) != NULL;
    if (!read && (fac_get_error_code() != FAC_ERROR_IO || !strstr(fac_error(), path)))
        fail_msg("%s: '%s'", path, fac_error());
    if (read) assert_null(fac_error());
    fac_clear_error();
    return read;
}

static const char *const some[] = {"png-0-1-interlaced", "png-3-4-transparent", "png-6-8", "jpeg-420",
                                   "jpeg-progressive"};

static void damaged(void **state)
{
    static bytes b;
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        if (!have(some[i])) continue;
        bytes_of(some[i], &b);
        char path[64];
        int fd = make_file(&b, path), read = 0;
        assert_true(in_peace(path));
        for (size_t k = 0; k < b.n; k++) {
            unsigned char changed = b.p[k] ^ (k % 2 ? 0xff : 0x01);
            assert_int_equal(pwrite(fd, &changed, 1, (off_t)k), 1);
            read += in_peace(path);
            assert_int_equal(pwrite(fd, &b.p[k], 1, (off_t)k), 1);
        }
        /* each byte of a PNG file is in a check sum; JPEG has none */
        if (some[i][0] == 'p') assert_int_equal(read, 0);
        for (size_t n = b.n; n-- > 0;) {
            assert_int_equal(ftruncate(fd, (off_t)n), 0);
            if (in_peace(path) && (some[i][0] == 'p' || n < b.n - 2)) fail_msg("%s is read with %zu bytes", some[i], n);
        }
        close(fd);
    }
    if (HAVE_JPEG) { /* an end before the end */
        bytes_of("jpeg-420", &b);
        memcpy(b.p + b.n * 3 / 4, "\xff\xd9", 2);
        write_bytes("short.jpg", b.p, b.n);
        expect_error(fac_image_read("short.jpg"), "short.jpg: damaged JPEG picture: Corrupt JPEG data: premature end");
    }
    write_bytes("other", "GIF89a......", 12);
    assert_null(fac_image_read("other"));
    assert_string_equal(fac_error(), "other: neither a PNG nor a JPEG picture");
    fac_clear_error();
    assert_null(fac_image_read("nothing.png"));
    assert_non_null(strstr(fac_error(), "nothing.png: cannot be opened"));
    fac_clear_error();
}

/* Small files that claim to be large ask for no memory. */
static void huge(void **state)
{
    if (!HAVE_PNG) skip();
    static bytes b;
    bytes_of("png-0-8", &b);
    static const unsigned char sizes[][8] = {{0, 0, 100, 0, 0, 0, 100, 0}, {0, 15, 0, 0, 0, 0, 0, 9}};
    for (int i = 0; i < 2; i++) {
        memcpy(b.p + 16, sizes[i], 8);
        uint32_t sum = crc32(0, b.p + 12, 17);
        for (int k = 0; k < 4; k++)
            b.p[29 + k] = (unsigned char)(sum >> (24 - 8 * k));
        write_bytes("huge", b.p, b.n);
        assert_null(fac_image_read("huge"));
        if (!strstr(fac_error(), "too short for a picture of") && !strstr(fac_error(), "is too large"))
            fail_msg("%s", fac_error());
        fac_clear_error();
    }
}

static void no_memory(void **state)
{
    static bytes b;
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        if (!have(some[i])) continue;
        bytes_of(some[i], &b);
        write_bytes("picture", b.p, b.n);
        bool read = false;
        for (int n = 1; !read; n++) {
            assert_true(n < 1000);
            fac__alloc_fail_at(n);
            fac_scope {
                read = fac_image_read("picture") != NULL;
                fac__alloc_fail_at(0);
            }
            if (!read) assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
            fac_clear_error();
        }
    }
    if (!HAVE_PNG) return;
    fac_scope {
        fac_tensor *t = fac_zeros(FAC_SHAPE(3, 4, 4), .dtype = FAC_UINT8);
        bool good = false;
        for (int n = 1; !good; n++) {
            assert_true(n < 1000);
            fac__alloc_fail_at(n);
            good = fac_image_write(t, "small.png");
            fac__alloc_fail_at(0);
            if (!good) assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
            fac_clear_error();
        }
    }
}

static int begin(void **state)
{
    if (enter_work_folder(state) != 0) return -1;
    recorded = fac_load(FAC_TEST_DATA "/images.npz");
    return recorded ? 0 : -1;
}

static int end(void **state)
{
    fac_state_free(recorded);
    return leave_work_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_recorded), cmocka_unit_test(channels),
                                       cmocka_unit_test(written),     cmocka_unit_test(damaged),
                                       cmocka_unit_test(huge),        cmocka_unit_test(no_memory)};
    return cmocka_run_group_tests(tests, begin, end);
}
