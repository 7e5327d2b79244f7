/* idx files, plain and compressed: what is read, and everything that may be wrong with one. */
#define _GNU_SOURCE
#include <fcntl.h>
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
#include "facula/data.h"
#include "facula/error.h"

static char directory[] = "/tmp/facula-idx-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[4][128];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", directory, name);
    return path[next];
}

static void write_plain(const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(path_of(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void write_gzip(const char *name, const void *bytes, size_t n)
{
    gzFile f = gzopen(path_of(name), "wb");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, bytes, (unsigned)n), n);
    gzclose(f);
}

/* The error of reading that file names it, and says this. */
static void refused(const char *name, const char *what)
{
    const char *path = path_of(name);
    assert_null(fac_idx_read(path));
    assert_int_equal(fac_get_error_code(), FAC_ERROR_IO);
    if (strncmp(fac_error(), path, strlen(path)) != 0 || !strstr(fac_error(), what))
        fail_msg("'%s' does not say '%s: … %s'", fac_error(), path, what);
    fac_clear_error();
}

static const unsigned char matrix[] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255};

static void check_matrix(const char *name)
{
    fac_scope {
        fac_tensor *t = fac_idx_read(path_of(name));
        assert_non_null(t);
        assert_int_equal(fac_dtype_of(t), FAC_UINT8);
        assert_int_equal(fac_dim(t), 2);
        assert_true(fac_size(t, 0) == 2 && fac_size(t, 1) == 3);
        assert_memory_equal(fac_data(t), matrix + 12, 6);
    }
}

static void names(void **state)
{
    write_plain("plain", matrix, sizeof matrix);
    write_gzip("packed.gz", matrix, sizeof matrix);
    write_gzip("misnamed", matrix, sizeof matrix);
    check_matrix("plain");
    check_matrix("plain.gz"); /* there is only "plain" */
    check_matrix("packed.gz");
    check_matrix("packed");
    check_matrix("misnamed");
    /* A file may be made of several compressed pieces. */
    write_gzip("joined", matrix, 7);
    gzFile f = gzopen(path_of("joined"), "ab");
    assert_int_equal(gzwrite(f, matrix + 7, sizeof matrix - 7), sizeof matrix - 7);
    gzclose(f);
    check_matrix("joined");
}

static void dtypes(void **state)
{
    static const struct {
        fac_dtype dtype;
        int n;
        unsigned char bytes[32];
        double values[2];
    } files[] = {
        {FAC_INT8, 10, {0, 0, 0x09, 1, 0, 0, 0, 2, 0xff, 5}, {-1, 5}},
        {FAC_INT16, 12, {0, 0, 0x0b, 1, 0, 0, 0, 2, 0xff, 0xfe, 1, 0}, {-2, 256}},
        {FAC_INT32, 16, {0, 0, 0x0c, 1, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xfd, 0, 1, 0, 1}, {-3, 65537}},
        {FAC_FLOAT32, 16, {0, 0, 0x0d, 1, 0, 0, 0, 2, 0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0}, {1.5, -2}},
        {FAC_FLOAT64, 24, {0, 0, 0x0e, 1, 0, 0, 0, 2, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xc0}, {1.5, -2}},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        fac_scope {
            write_plain("typed", files[i].bytes, (size_t)files[i].n);
            fac_tensor *t = fac_idx_read(path_of("typed"));
            assert_non_null(t);
            assert_int_equal(fac_dtype_of(t), files[i].dtype);
            assert_true(fac_at(t, FAC_DIMS(0)) == files[i].values[0] && fac_at(t, FAC_DIMS(1)) == files[i].values[1]);
        }
    fac_scope {
        write_plain("scalar", "\0\0\x08\0\x07", 5);
        fac_tensor *t = fac_idx_read(path_of("scalar"));
        assert_true(t && fac_dim(t) == 0 && fac_item_int(t) == 7);
        write_plain("empty", "\0\0\x08\1\0\0\0\0", 8);
        t = fac_idx_read(path_of("empty"));
        assert_true(t && fac_dim(t) == 1 && fac_numel(t) == 0);
    }
}

/* More than the reading buffer, plain and compressed. */
static void large(void **state)
{
    size_t n = 300000;
    unsigned char *bytes = malloc(n + 8);
    memcpy(bytes, (unsigned char[]){0, 0, 8, 1, 0, (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n},
           8);
    for (size_t i = 0; i < n; i++)
        bytes[8 + i] = (unsigned char)(i * i >> 3 ^ i);
    write_plain("large", bytes, n + 8);
    write_gzip("large2.gz", bytes, n + 8);
    for (int k = 0; k < 2; k++)
        fac_scope {
            fac_tensor *t = fac_idx_read(path_of(k ? "large2.gz" : "large"));
            assert_true(t && fac_numel(t) == (int64_t)n);
            assert_memory_equal(fac_data(t), bytes + 8, n);
        }
    free(bytes);
}

static void bad_files(void **state)
{
    refused("nothing", "cannot be opened: No such file or directory");
    refused("none/at/all", "cannot be opened: No such file or directory");
    mkdir(path_of("folder"), 0777);
    refused("folder", "cannot be read: Is a directory");

    unsigned char b[sizeof matrix + 1];
    memcpy(b, matrix, sizeof matrix);
    b[sizeof matrix] = 9;
    static const struct {
        int at, value;
        const char *what;
    } changes[] = {
        {0, 1, "not an idx file"},
        {1, 1, "not an idx file"},
        {2, 0x0a, "unknown type 0x0a"},
        {2, 0x0f, "unknown type 0x0f"},
        {3, 13, "of 13 dimensions"},
        {3, 255, "of 255 dimensions"},
        {3, 5, "truncated in its header"},
        {3, 3, "too short for shape [2, 3, 16909060]"},
        {4, 255, "too short for shape [4278190082, 3]"},
        {7, 3, "7 of 9 bytes"}, /* the limit of a plain file counts its header: this is found while reading */
        {7, 1, "data go on after 3 bytes"},
        {2, 0x0e, "truncated"},
    };
    for (int packed = 0; packed < 2; packed++) {
        void (*write)(const char *, const void *, size_t) = packed ? write_gzip : write_plain;
        for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
            memcpy(b, matrix, sizeof matrix);
            b[changes[i].at] = (unsigned char)changes[i].value;
            size_t n = sizeof matrix + (changes[i].at == 7);
            write("bad", b, n);
            refused("bad", changes[i].what);
        }
        for (size_t n = 0; n < sizeof matrix; n++) {
            write("short", matrix, n);
            refused("short", n < 4 ? "not an idx file" : "truncated");
        }
        memcpy(b, matrix, sizeof matrix);
        write("long", b, sizeof matrix + 1);
        refused("long", "idx file too long: data go on after 6 bytes");
    }
    /* Sizes whose product is no 64-bit number. */
    unsigned char huge[4 + 4 * 12];
    memset(huge, 0xff, sizeof huge);
    memcpy(huge, "\0\0\x0e\x0c", 4);
    write_plain("huge", huge, sizeof huge);
    refused("huge", "too short for shape [4294967295, ");
}

static void damaged_gzip(void **state)
{
    write_gzip("good.gz", matrix, sizeof matrix);
    unsigned char b[256];
    FILE *f = fopen(path_of("good.gz"), "rb");
    size_t n = fread(b, 1, sizeof b - 8, f);
    fclose(f);
    for (size_t k = 2; k < n; k++) { /* cut anywhere */
        write_plain("cut.gz", b, k);
        refused("cut.gz", "truncated");
    }
    for (size_t k = n - 8; k < n; k++) { /* a wrong check sum or length */
        b[k] ^= 1;
        write_plain("sum.gz", b, n);
        refused("sum.gz", "the compressed data are damaged");
        b[k] ^= 1;
    }
    memcpy(b + n, "junk", 4);
    write_plain("junk.gz", b, n + 4);
    refused("junk.gz", "the compressed data are damaged");
    b[3] = 0xe0; /* unknown flags */
    write_plain("flags.gz", b, n);
    refused("flags.gz", "the compressed data are damaged");
}

/* A small file that unpacks to much, and one that says it would: neither takes much memory. */
static void bombs(void **state)
{
    size_t n = 64 << 20;
    unsigned char *zeros = calloc(1, n);
    memcpy(zeros, matrix, sizeof matrix);
    write_gzip("bomb.gz", zeros, n);
    memcpy(zeros, "\0\0\x08\x02\x10\0\0\0\0\0\0\x02", 12);
    write_gzip("liar.gz", zeros, 1000);
    free(zeros);
    int64_t before = fac_memory().used + fac_memory().cached;
    refused("bomb.gz", "data go on after 6 bytes");
    refused("liar.gz", "too short for shape [268435456, 2]");
    assert_true(fac_memory().used + fac_memory().cached - before < 1 << 20);
}

static void failed_allocations(void **state)
{
    write_plain("plain", matrix, sizeof matrix);
    write_gzip("packed.gz", matrix, sizeof matrix);
    for (int packed = 0; packed < 2; packed++) {
        fac_tensor *t = NULL;
        for (int64_t n = 1; !t; n++)
            fac_scope {
                assert_true(n < 20);
                fac__alloc_fail_at(n);
                t = fac_idx_read(path_of(packed ? "packed.gz" : "plain"));
                fac__alloc_fail_at(0);
                if (t) break;
                assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
                fac_clear_error();
            }
    }
    assert_null(fac_idx_read(NULL));
    assert_string_equal(fac_error(), "argument 'path' must not be NULL");
    fac_clear_error();
}

static int make_directory(void **state)
{
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    return system(command);
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(dtypes),
        cmocka_unit_test(large),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(damaged_gzip),
        cmocka_unit_test(bombs),
        cmocka_unit_test(failed_allocations),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
