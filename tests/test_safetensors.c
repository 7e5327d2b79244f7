/* States and the files they are saved in: what Python's safetensors writes (tests/data/python.safetensors, made by
 * tests/record/record_safetensors.py), every way in which a file may be wrong, and what is left when writing fails. */
#define _GNU_SOURCE
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/memory.h"
#include "core/tensor_impl.h"
#include "facula/error.h"
#include "facula/io.h"
#include "json_failures.h"

static char directory[] = "/tmp/facula-safetensors-XXXXXX";

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

static size_t read_file(const char *path, char *out, size_t room)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(out, 1, room, f);
    fclose(f);
    return n;
}

static void write_file(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
}

static int files_here(void)
{
    int n = 0;
    DIR *d = opendir(".");
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

/* ---- states -------------------------------------------------------------------------------------------------- */

static void states(void **state)
{
    fac_scope {
        fac_state *s = fac_state_new(), *all = fac_state_new();
        assert_non_null(s);
        char name[32];
        for (int i = 0; i < 100; i++) {
            sprintf(name, "layer.%d", i * 37 % 100);
            assert_true(fac_state_set(s, name, counting(FAC_INT32, 1, (int64_t[]){i})));
        }
        assert_int_equal(fac_state_count(s), 100);
        for (int i = 0; i < 100; i++) {
            sprintf(name, "layer.%d", i * 37 % 100);
            assert_string_equal(fac_state_name_at(s, i), name);
            assert_ptr_equal(fac_state_get(s, name), fac_state_tensor_at(s, i));
            assert_int_equal(fac_numel(fac_state_get(s, name)), i);
        }
        assert_null(fac_state_get(s, "layer"));
        assert_null(fac_error());
        assert_false(fac_state_set(s, "layer.5", counting(FAC_INT32, 0, NULL)));
        expect_error(FAC_ERROR_VALUE, "the state has a tensor named 'layer.5' already");
        assert_false(fac_state_set(s, NULL, counting(FAC_INT32, 0, NULL)));
        expect_error(FAC_ERROR_TYPE, "argument 'name' must not be NULL");
        assert_false(fac_state_set(s, "none", NULL));
        expect_error(FAC_ERROR_TYPE, "argument 'tensor' must not be NULL");
        assert_int_equal(fac_state_count(s), 100);
        assert_null(fac_state_name_at(s, 100));
        expect_error(FAC_ERROR_INDEX, "index 100 is out of range for a state of 100");
        assert_null(fac_state_tensor_at(s, -1));
        expect_error(FAC_ERROR_INDEX, "index -1 is out of range for a state of 100");

        double f = 7;
        int64_t i = 7;
        assert_true(fac_state_set_float(s, "f", 0.1) && fac_state_set_int(s, "i", INT64_MIN));
        assert_true(fac_state_get_float(s, "f", &f) && f == 0.1);
        assert_true(fac_state_get_int(s, "i", &i) && i == INT64_MIN);
        assert_int_equal(fac_dtype_of(fac_state_get(s, "f")), FAC_FLOAT64);
        assert_false(fac_state_get_float(s, "layer.0", &f)); /* not a number */
        assert_false(fac_state_get_int(s, "x", &i));
        assert_true(f == 0.1 && i == INT64_MIN && !fac_error());

        assert_null(fac_state_metadata(s, "format"));
        assert_true(fac_state_set_metadata(s, "format", "pt") && fac_state_set_metadata(s, "a", "b"));
        assert_true(fac_state_set_metadata(s, "format", "again"));
        assert_int_equal(fac_state_metadata_count(s), 2);
        assert_string_equal(fac_state_metadata(s, "format"), "again");
        assert_string_equal(fac_state_metadata_key_at(s, 1), "a");
        assert_null(fac_state_metadata_key_at(s, 2));
        expect_error(FAC_ERROR_INDEX, "index 2 is out of range for a state of 2");

        assert_true(fac_state_add(all, "one.", s) && fac_state_add(all, "two.", s));
        assert_int_equal(fac_state_count(all), 204);
        assert_ptr_equal(fac_state_get(all, "two.layer.0"), fac_state_get(s, "layer.0"));
        assert_string_equal(fac_state_metadata(all, "one.a"), "b");
        fac_state *two = fac_state_part(all, "two.");
        assert_int_equal(fac_state_count(two), 102);
        assert_string_equal(fac_state_name_at(two, 101), "i");
        assert_string_equal(fac_state_metadata(two, "a"), "b");
        assert_false(fac_state_add(all, "one.", s));
        expect_error(FAC_ERROR_VALUE, "the state has a tensor named 'one.layer.0' already");
        assert_false(fac_state_add(all, "", all));
        expect_error(FAC_ERROR_VALUE, "a state cannot be added to itself");
        fac_state_free(two);
        fac_state_free(s);
        fac_state_free(all);
        fac_state_free(NULL);
        assert_int_equal(fac_state_count(NULL), 0);
        assert_null(fac_state_get(NULL, "x"));
        assert_null(fac_state_metadata(NULL, "x"));
        assert_null(fac_state_part(NULL, "x"));
        expect_error(FAC_ERROR_TYPE, "argument 's' must not be NULL");
    }
}

/* ---- there and back ------------------------------------------------------------------------------------------ */

static void pythons_file(void **state)
{
    fac_state *s = fac_load(FAC_TEST_DATA "/python.safetensors");
    assert_non_null(s);
    assert_int_equal(fac_state_count(s), 31);
    assert_int_equal(fac_state_metadata_count(s), 1);
    assert_string_equal(fac_state_metadata(s, "fôrmat"), "pt \"1\"");
    for (fac_dtype d = FAC_BOOL; d < FAC_DTYPE_COUNT; d++) {
        char name[40];
        sprintf(name, "scalar.%s", fac_dtype_name(d));
        fac_tensor *t = fac_state_get(s, name);
        assert_true(fac_dtype_of(t) == d && fac_dim(t) == 0 && fac_item(t) == 1);
        sprintf(name, "matrix.%s", fac_dtype_name(d));
        t = fac_state_get(s, name);
        assert_true(fac_dtype_of(t) == d && fac_dim(t) == 2 && fac_size(t, 0) == 2 && fac_size(t, 1) == 3);
        for (int i = 0; i < 6; i++)
            assert_true(fac_at(t, FAC_DIMS(i / 3, i % 3)) == (d == FAC_BOOL ? i > 0 : d == FAC_UINT8 ? i : i - 2));
        sprintf(name, "empty.%s", fac_dtype_name(d));
        t = fac_state_get(s, name);
        assert_true(fac_dtype_of(t) == d && fac_dim(t) == 2 && fac_size(t, 0) == 3 && fac_size(t, 1) == 0);
    }
    const float *f = fac_data(fac_state_get(s, "näme \"\\\n\t/"));
    assert_true(f[0] == 1.5f && f[1] == -INFINITY && isnan(f[2]));

    /* What it is saved as are the very bytes. */
    char a[8192], b[8192];
    assert_true(fac_save(s, "copy.safetensors"));
    size_t n = read_file(FAC_TEST_DATA "/python.safetensors", a, sizeof a);
    assert_int_equal(read_file("copy.safetensors", b, sizeof b), n);
    assert_memory_equal(a, b, n);
    fac_state_free(s);
}

static void round_trips(void **state)
{
    fac_scope {
        fac_state *s = fac_state_new();
        assert_true(fac_save(s, "empty"));
        fac_state *loaded = fac_load("empty");
        assert_true(loaded && fac_state_count(loaded) == 0);
        fac_state_free(loaded);

        /* Views, a column among them, are saved as what they show. Saving overwrites. */
        fac_tensor *base = counting(FAC_FLOAT32, 2, (int64_t[]){40, 50});
        assert_true(
            fac_state_set(s, "z", fac__own(fac__new_view(base, 2, (int64_t[]){50, 40}, (int64_t[]){1, 50}, 0))));
        assert_true(fac_state_set(s, "a", fac__own(fac__new_view(base, 1, (int64_t[]){3}, (int64_t[]){50}, 7))));
        base->requires_grad = true;
        assert_true(fac_state_set(s, "p", base));
        assert_true(fac_state_set_int(s, "steps", 12345678901));
        assert_true(fac_save(s, "./empty"));
        loaded = fac_load("empty");
        assert_true(loaded && fac_state_count(loaded) == 4);
        assert_string_equal(fac_state_name_at(loaded, 0), "steps"); /* wide dtypes first, then by name */
        assert_string_equal(fac_state_name_at(loaded, 1), "a");
        fac_tensor *z = fac_state_get(loaded, "z"), *p = fac_state_get(loaded, "p");
        assert_true(fac_is_contiguous(z) && fac_size(z, 0) == 50 && fac_at(z, FAC_DIMS(3, 2)) == 103);
        assert_true(fac_at(fac_state_get(loaded, "a"), FAC_DIMS(2)) == 107);
        assert_true(!p->requires_grad && !memcmp(fac_data(p), fac_data(base), 8000));
        int64_t steps;
        assert_true(fac_state_get_int(loaded, "steps", &steps) && steps == 12345678901);
        fac_state_free(loaded);

        assert_true(fac_state_set(s, "__metadata__", base));
        assert_false(fac_save(s, "reserved"));
        expect_error(FAC_ERROR_VALUE, "a tensor cannot be named '__metadata__' in a safetensors file");
        fac_state_free(s);
        s = fac_state_new();
        assert_true(fac_state_set(s, "\xff", base));
        assert_false(fac_save(s, "reserved"));
        expect_error(FAC_ERROR_VALUE, "a name or text of the state is not UTF-8, or memory ran out");
        assert_int_not_equal(access("reserved", F_OK), 0);
        fac_state_free(s);

        /* More than one read or write takes. */
        s = fac_state_new();
        assert_true(fac_state_set(s, "large", counting(FAC_UINT8, 1, (int64_t[]){3 << 20})));
        assert_true(fac_save(s, "large"));
        loaded = fac_load("large");
        assert_memory_equal(fac_data(fac_state_get(loaded, "large")), fac_data(fac_state_get(s, "large")), 3 << 20);
        fac_state_free(loaded);
        fac_state_free(s);
    }
}

/* ---- bad files ----------------------------------------------------------------------------------------------- */

static void write_with(const char *header, size_t header_size, size_t data)
{
    static char bytes[4096];
    memset(bytes, 0, sizeof bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)((uint64_t)header_size >> 8 * i);
    memcpy(bytes + 8, header, header_size);
    write_file("bad.safetensors", bytes, 8 + header_size + data);
}

static void refused(const char *what)
{
    assert_null(fac_load("bad.safetensors"));
    assert_int_equal(fac_get_error_code(), FAC_ERROR_IO);
    if (strncmp(fac_error(), "bad.safetensors: ", 17) != 0 || !strstr(fac_error(), what))
        fail_msg("'%s' does not say 'bad.safetensors: … %s'", fac_error(), what);
    fac_clear_error();
}

#define T(name, dtype, shape, begin, end)                                                                              \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static void bad_headers(void **state)
{
    static const struct {
        const char *header;
        size_t data;
        const char *error; /* NULL: fine */
    } files[] = {
        {"{" T("a", "F32", "[2]", "0", "8") "}", 8, NULL},
        {"{" T("b", "F32", "[1]", "4", "8") "," T("a", "F32", "[1]", "0", "4") "}", 8, NULL},
        {"{" T("b", "F32", "[0]", "4", "4") "," T("a", "F32", "[1]", "0", "4") "}", 4, NULL},
        {"{" T("a", "F32", "[2305843009213693951,0]", "0", "0") "}", 0, NULL},
        {"{\"__metadata__\":{}}", 0, NULL},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1],\"extra\":[1]}}  ", 1, NULL},

        {"", 0, "does not begin with '{'"},
        {" {}", 0, "does not begin with '{'"},
        {"[]", 0, "does not begin with '{'"},
        {"{", 0, "safetensors header, byte 1: "},
        {"{}{", 0, "end of file expected near '{'"},
        {"{\"a\":1,\"\xff\":2}", 0, "unable to decode byte 0xff"},
        {"{" T("a", "F32", "[1]", "0", "4") "," T("a", "F32", "[1]", "4", "8") "}", 8, "duplicate object key"},
        {"{\"a\\u0000b\":{}}", 0, "\\u0000"},
        {"{\"a\":1}", 0, "tensor 'a' lacks dtype, shape or data_offsets"},
        {"{\"a\":{\"shape\":[],\"data_offsets\":[0,1]}}", 1, "tensor 'a' lacks dtype, shape or data_offsets"},
        {"{\"a\":{\"dtype\":7,\"shape\":[],\"data_offsets\":[0,1]}}", 1,
         "tensor 'a' lacks dtype, shape or data_offsets"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0]}}", 1, "lacks dtype, shape or data_offsets"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1,2]}}", 1, "lacks dtype, shape or data_offsets"},
        {"{" T("a", "C64", "[1]", "0", "8") "}", 8, "tensor 'a' is of dtype 'C64', which facula does not have"},
        {"{" T("a", "f32", "[1]", "0", "4") "}", 4, "is of dtype 'f32', which"},
        {"{" T("a", "F32", "[1.0]", "0", "4") "}", 4, "size 0 is not a whole number from 0"},
        {"{" T("a", "F32", "[1,-1]", "0", "4") "}", 4, "size 1 is not a whole number from 0"},
        {"{" T("a", "F32", "[\"1\"]", "0", "4") "}", 4, "size 0 is not a whole number from 0"},
        {"{" T("a", "F32", "[99999999999999999999]", "0", "4") "}", 4, "too big integer"},
        {"{" T("a", "U8", "[1,1,1,1,1,1,1,1,1,1,1,1,1]", "0", "1") "}", 1, "tensor 'a' has 13 dimensions (at most 12)"},
        {"{" T("a", "F32", "[4294967296,4294967296]", "0", "4") "}", 4, "does not fill bytes 0 to 4"},
        {"{" T("a", "F32", "[4294967296,4294967296,0]", "0", "0") "}", 0, "does not fill bytes 0 to 0"},
        {"{" T("a", "F32", "[2]", "0", "4") "}", 4, "of shape [2] and dtype F32 does not fill bytes 0 to 4"},
        {"{" T("a", "F32", "[1]", "0", "8") "}", 8, "of shape [1] and dtype F32 does not fill bytes 0 to 8"},
        {"{" T("a", "F32", "[1]", "4", "0") "}", 4, "data_offsets are not two whole numbers, the first no larger"},
        {"{" T("a", "F32", "[1]", "-4", "0") "}", 4, "data_offsets are not two whole numbers, the first no larger"},
        {"{" T("a", "F32", "[1]", "0", "4.0") "}", 4, "data_offsets are not two whole numbers, the first no larger"},
        {"{" T("a", "F32", "[1]", "0", "4") "}", 3, "truncated: tensor 'a' ends at byte 4 of 3"},
        {"{" T("a", "U8", "[4611686018427387904]", "0", "4611686018427387904") "}", 3,
         "ends at byte 4611686018427387904 of 3"},
        {"{" T("a", "F32", "[1]", "0", "4") "}", 5, "too long: its tensors end at byte 4 of 5"},
        {"{}", 1, "too long: its tensors end at byte 0 of 1"},
        {"{" T("a", "F32", "[1]", "4", "8") "}", 8, "tensor 'a' begins at byte 4, which leaves a gap"},
        {"{" T("a", "F32", "[1]", "0", "4") "," T("b", "F32", "[1]", "8", "12") "}", 12,
         "'b' begins at byte 8, which leaves a gap"},
        {"{" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[1]", "4", "8") "}", 8,
         "'b' begins at byte 4, which another tensor has"},
        {"{" T("a", "F32", "[1]", "0", "4") "," T("b", "F32", "[1]", "0", "4") "}", 4, "which another tensor has"},
        {"{\"__metadata__\":[]}", 0, "__metadata__ is not an object"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__ 'a' is not a text"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        write_with(files[i].header, strlen(files[i].header), files[i].data);
        if (files[i].error) {
            refused(files[i].error);
            continue;
        }
        fac_state *s = fac_load("bad.safetensors");
        if (!s) fail_msg("%s: %s", files[i].header, fac_error());
        fac_state_free(s);
    }
    char deep[4000]; /* brackets without end */
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"a\":", 5);
    write_with(deep, sizeof deep, 0);
    refused("safetensors header, byte ");
}

static void bad_sizes(void **state)
{
    write_file("bad.safetensors", "", 0);
    refused("safetensors file truncated: it has only 0 bytes");
    write_file("bad.safetensors", "1234567", 7);
    refused("safetensors file truncated: it has only 7 bytes");
    write_file("bad.safetensors", "\x10\0\0\0\0\0\0\0{}", 10);
    refused("safetensors file truncated: a header of 16 bytes does not fit into 10");
    write_file("bad.safetensors", "\x01\xe1\xf5\x05\0\0\0\0{}", 10);
    refused("its header is too large: 100000001 bytes (at most 100000000)");
    write_file("bad.safetensors", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    refused("its header is too large: 18446744073709551615 bytes");
    write_with("{" T("a", "BOOL", "[3]", "0", "3") "}", strlen("{" T("a", "BOOL", "[3]", "0", "3") "}"), 0);
    FILE *f = fopen("bad.safetensors", "ab");
    fwrite("\0\1\2", 1, 3, f);
    fclose(f);
    refused("'a' of dtype bool holds 2 at 2");

    /* Cut anywhere, Python's file is refused. */
    static char bytes[8192];
    size_t n = read_file(FAC_TEST_DATA "/python.safetensors", bytes, sizeof bytes);
    for (size_t k = 0; k < n; k += k % 64 == 9 ? 7 : 1) {
        write_file("bad.safetensors", bytes, k);
        refused("truncated");
    }
    assert_null(fac_load("nothing"));
    expect_error(FAC_ERROR_IO, "nothing: cannot be opened: No such file or directory");
    assert_null(fac_load("/dev/null"));
    expect_error(FAC_ERROR_IO, "/dev/null: not a regular file");
    assert_null(fac_load("."));
    expect_error(FAC_ERROR_IO, ".: not a regular file");
    assert_int_equal(mkfifo("pipe", 0600), 0);
    alarm(20);
    assert_null(fac_load("pipe"));
    alarm(0);
    expect_error(FAC_ERROR_IO, "pipe: not a regular file");
    unlink("pipe");
    assert_null(fac_load(NULL));
    expect_error(FAC_ERROR_TYPE, "argument 'path' must not be NULL");
}

/* ---- dtypes that facula does not have, and mapped files -------------------------------------------------------- */

/* The file: name, dtype, n elements of that many bytes. */
static fac_tensor *load_elements(const char *dtype, const void *data, size_t n, size_t size)
{
    char header[200];
    int length =
        sprintf(header, "{\"a\":{\"dtype\":\"%s\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}", dtype, n, n * size);
    write_with(header, (size_t)length, 0);
    FILE *f = fopen("bad.safetensors", "ab");
    assert_int_equal(fwrite(data, size, n, f), n);
    fclose(f);
    fac_state *s = fac_load("bad.safetensors");
    fac_tensor *t = fac_keep(fac_state_get(s, "a"));
    fac_state_free(s);
    return t;
}

/* Compared with arithmetic on the bits, not with the conversion's own. */
static double small_float(int v, int exponent_bits, int bias)
{
    int fraction_bits = 7 - exponent_bits, fraction = v & ((1 << fraction_bits) - 1);
    int exponent = v >> fraction_bits & ((1 << exponent_bits) - 1);
    double unsigned_value = exponent ? ldexp(1 + ldexp(fraction, -fraction_bits), exponent - bias)
                                     : ldexp(fraction, 1 - bias - fraction_bits);
    return v & 128 ? -unsigned_value : unsigned_value;
}

static void wider_dtypes(void **state)
{
    unsigned char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (unsigned char)i;
    fac_tensor *t = load_elements("F8_E4M3", all, 256, 1);
    assert_int_equal(fac_dtype_of(t), FAC_FLOAT16);
    for (int i = 0; i < 256; i++) {
        double v = fac_at(t, FAC_DIMS(i));
        assert_true((i & 127) == 127 ? isnan(v) : v == small_float(i, 4, 7) && !signbit(v) == !(i & 128));
    }
    fac_release(t);
    t = load_elements("F8_E5M2", all, 256, 1);
    assert_int_equal(fac_dtype_of(t), FAC_FLOAT16);
    for (int i = 0; i < 256; i++) {
        double v = fac_at(t, FAC_DIMS(i));
        assert_true((i & 127) > 124    ? isnan(v)
                    : (i & 127) == 124 ? isinf(v) && (v < 0) == (i > 127)
                                       : v == small_float(i, 5, 15));
    }
    fac_release(t);
    t = load_elements("F8_E8M0", all, 256, 1);
    assert_int_equal(fac_dtype_of(t), FAC_FLOAT32);
    for (int i = 0; i < 256; i++) {
        double v = fac_at(t, FAC_DIMS(i));
        assert_true(i == 255 ? isnan(v) : v == ldexp(1, i - 127));
    }
    fac_release(t);
    t = load_elements("U16", (uint16_t[]){0, 1, 0x8000, 0xffff}, 4, 2);
    assert_int_equal(fac_dtype_of(t), FAC_INT32);
    assert_memory_equal(fac_data(t), ((int32_t[]){0, 1, 0x8000, 0xffff}), 16);
    fac_release(t);
    t = load_elements("U32", (uint32_t[]){0, 0x80000000u, 0xffffffffu}, 3, 4);
    assert_int_equal(fac_dtype_of(t), FAC_INT64);
    assert_memory_equal(fac_data(t), ((int64_t[]){0, 0x80000000, 0xffffffff}), 24);
    fac_release(t);
    t = load_elements("U64", (uint64_t[]){0, INT64_MAX}, 2, 8);
    assert_int_equal(fac_dtype_of(t), FAC_INT64);
    assert_memory_equal(fac_data(t), ((int64_t[]){0, INT64_MAX}), 16);
    fac_release(t);
    assert_null(load_elements("U64", (uint64_t[]){0, (uint64_t)INT64_MAX + 1}, 2, 8));
    expect_error(FAC_ERROR_IO,
                 "bad.safetensors: 'a' of dtype uint64 holds 9223372036854775808 at 1, beyond the numbers of int64");
}

/* fac_safetensors_load: what fac_load gives, of this format alone. */
static void this_format_alone(void **state)
{
    for (int map = 0; map < 2; map++)
        fac_scope {
            fac_state *all = fac_load(FAC_TEST_DATA "/python.safetensors");
            fac_state *s = fac_safetensors_load(FAC_TEST_DATA "/python.safetensors", .map = map);
            assert_int_equal(fac_state_count(s), fac_state_count(all));
            fac_tensor *a = fac_state_get(all, "matrix.float32"), *b = fac_state_get(s, "matrix.float32");
            assert_memory_equal(fac_data(a), fac_data(b), 6 * sizeof(float));
            fac_state_free(all);
            fac_state_free(s);
        }
    assert_null(fac_safetensors_load(NULL));
    expect_error(FAC_ERROR_TYPE, "argument 'path' must not be NULL");
    assert_null(fac_safetensors_load(FAC_TEST_DATA "/images.npz"));
    assert_non_null(strstr(fac_error(), "/images.npz: "));
    fac_clear_error();
}

static void mapped(void **state)
{
    fac_scope {
        fac_state *s = fac_state_new();
        for (fac_dtype d = FAC_BOOL; d < FAC_DTYPE_COUNT; d++)
            assert_true(fac_state_set(s, fac_dtype_name(d), counting(d, 1, (int64_t[]){d == FAC_BOOL ? 2 : 99})));
        assert_true(fac_state_set(s, "empty", counting(FAC_FLOAT32, 1, (int64_t[]){0})));
        assert_true(fac_save(s, "mapped"));
        fac_state *copied = fac_load("mapped"), *first = fac_load("mapped", .map = true);
        assert_non_null(first);
        for (int64_t i = 0; i < fac_state_count(s); i++) {
            fac_tensor *a = fac_state_tensor_at(copied, i), *b = fac_state_tensor_at(first, i);
            assert_string_equal(fac_state_name_at(first, i), fac_state_name_at(copied, i));
            assert_true(fac_dtype_of(a) == fac_dtype_of(b) && fac_numel(a) == fac_numel(b));
            size_t bytes = (size_t)fac_numel(a) * fac_dtype_size(fac_dtype_of(a));
            assert_memory_equal(fac_data(a), fac_data(b), bytes);
            assert_int_equal(b->storage->drop != NULL, bytes > 0 && fac_dtype_of(b) != FAC_BOOL);
        }
        /* What is written stays with the tensor, beyond its state. */
        fac_tensor *t = fac_keep(fac_state_get(first, "float32"));
        ((float *)fac_data(t))[3] = 100;
        fac_state_free(first);
        assert_true(fac_at(t, FAC_DIMS(3)) == 100 && fac_at(t, FAC_DIMS(98)) == 98);
        /* Saving over the file leaves those who have mapped it alone. */
        fac_state *other = fac_state_new();
        assert_true(fac_save(other, "mapped"));
        assert_true(fac_at(t, FAC_DIMS(98)) == 98);
        fac_release(t);
        fac_state_free(other);
        fac_state_free(copied);
        fac_state_free(s);

        /* A header that is no multiple of 8 long puts numbers where they cannot be used as they are. */
        const char *odd = "{" T("a", "F32", "[1]", "0", "4") "} ";
        write_with(odd, strlen(odd), 0);
        FILE *f = fopen("bad.safetensors", "ab");
        fwrite((float[]){1.5f}, 4, 1, f);
        fclose(f);
        assert_true(strlen(odd) % 4 != 0);
        s = fac_load("bad.safetensors", .map = true);
        assert_true(fac_item(fac_state_get(s, "a")) == 1.5);
        assert_null(fac_state_get(s, "a")->storage->drop);
        fac_state_free(s);
    }
}

static void formats(void **state)
{
    assert_string_equal(fac_file_format(FAC_TEST_DATA "/python.safetensors"), "safetensors");
    assert_string_equal(fac_name_format("a/B.SafeTensors"), "safetensors");
    assert_null(fac_name_format(".safetensors/x"));
    assert_null(fac_name_format(".safetensors"));
    assert_null(fac_error());
    write_file("text", "Hello, world", 12);
    assert_null(fac_file_format("text"));
    assert_int_equal(fac_get_error_code(), FAC_ERROR_IO);
    assert_non_null(strstr(fac_error(), "text: not a file of a known format (safetensors"));
    fac_clear_error();
    assert_null(fac_load("text"));
    fac_clear_error();
    assert_null(fac_file_format("nowhere"));
    expect_error(FAC_ERROR_IO, "nowhere: cannot be opened: No such file or directory");
    assert_null(fac_file_format(NULL));
    expect_error(FAC_ERROR_TYPE, "argument 'path' must not be NULL");
    assert_null(fac_name_format(NULL));
    expect_error(FAC_ERROR_TYPE, "argument 'path' must not be NULL");
}

/* ---- several files ------------------------------------------------------------------------------------------- */

#define INDEX "m.safetensors.index.json"

static void write_index(const char *text)
{
    write_file(INDEX, text, strlen(text));
}

static void indexes(void **state)
{
    fac_scope {
        fac_state *one = fac_state_new(), *two = fac_state_new();
        assert_true(fac_state_set(one, "a", counting(FAC_FLOAT32, 1, (int64_t[]){3})));
        assert_true(fac_state_set(one, "b", counting(FAC_INT8, 1, (int64_t[]){4})));
        assert_true(fac_state_set(two, "c", counting(FAC_FLOAT64, 1, (int64_t[]){5})));
        assert_true(fac_state_set_metadata(one, "format", "pt") && fac_state_set_metadata(two, "format", "pt"));
        assert_int_equal(mkdir("sharded", 0700), 0);
        assert_true(fac_save(one, "m-1.safetensors") && fac_save(two, "m-2.safetensors"));
        assert_true(fac_save(one, "sharded/m-1.safetensors") && fac_save(two, "sharded/m-2.safetensors"));
        write_index(
            "{\"metadata\": {\"total_size\": 56, \"by\": \"x\"},\n"
            "\"weight_map\": {\"c\": \"m-2.safetensors\", \"a\": \"m-1.safetensors\", \"b\": \"m-1.safetensors\"}}");
        assert_string_equal(fac_file_format(INDEX), "safetensors-index");
        assert_int_equal(rename(INDEX, "sharded/" INDEX), 0);
        for (int map = 0; map < 2; map++) {
            fac_state *s = fac_load("sharded/" INDEX, .map = map);
            assert_non_null(s);
            assert_int_equal(fac_state_count(s), 3);
            assert_true(fac_at(fac_state_get(s, "a"), FAC_DIMS(2)) == 2);
            assert_true(fac_at(fac_state_get(s, "c"), FAC_DIMS(4)) == 4);
            assert_int_equal(fac_state_get(s, "c")->storage->drop != NULL, map);
            assert_string_equal(fac_state_metadata(s, "format"), "pt");
            assert_string_equal(fac_state_metadata(s, "total_size"), "56");
            assert_string_equal(fac_state_metadata(s, "by"), "x");
            fac_state_free(s);
        }
        assert_true(fac_state_set(two, "a", counting(FAC_FLOAT64, 1, (int64_t[]){5})) &&
                    fac_save(two, "twice.safetensors"));
        static const struct {
            const char *text, *error;
        } bad[] = {
            {"{\"weight_map\": ", INDEX ": line 1: unexpected token"},
            {"{\"a\": 1, \"a\": 2}", INDEX ": line 1: duplicate object key"},
            {"{\"a\": {}}", INDEX ": a JSON file without a weight_map, so no index of safetensors files"},
            {"{\"weight_map\": {\"a\": 1}}", INDEX ": weight_map 'a' is not a text"},
            {"{\"weight_map\": {\"d\": \"m-1.safetensors\"}}", INDEX ": there is no tensor 'd' in 'm-1.safetensors'"},
            {"{\"weight_map\": {\"a\": \"sharded/m-1.safetensors\"}}",
             INDEX ": 'sharded/m-1.safetensors' is not the name of a file beside it"},
            {"{\"weight_map\": {\"a\": \"..\"}}", INDEX ": '..' is not the name of a file beside it"},
            {"{\"weight_map\": {\"a\": \"\"}}", INDEX ": '' is not the name of a file beside it"},
            {"{\"weight_map\": {\"a\": \"m-3.safetensors\"}}",
             "m-3.safetensors: cannot be opened: No such file or directory"},
            {"{\"weight_map\": {\"a\": \"m-1.safetensors\", \"c\": \"twice.safetensors\"}}",
             INDEX ": tensor 'a' is in 'twice.safetensors' and in another file"},
            {"{\"weight_map\": {\"a\": \"" INDEX "\"}}", INDEX ": not a safetensors file, or its header is too large"},
        };
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            write_index(bad[i].text);
            assert_null(fac_load(INDEX));
            assert_int_equal(fac_get_error_code(), FAC_ERROR_IO);
            if (strncmp(fac_error(), bad[i].error, strlen(bad[i].error)) != 0)
                fail_msg("%s: %s", bad[i].text, fac_error());
            fac_clear_error();
        }
        fac_state_free(one);
        fac_state_free(two);
    }
}

/* ---- writing that fails -------------------------------------------------------------------------------------- */

static void failed_writes(void **state)
{
    fac_scope {
        fac_state *s = fac_state_new();
        assert_true(fac_state_set(s, "a", counting(FAC_FLOAT32, 1, (int64_t[]){5000})));
        assert_false(fac_save(s, "/dev/full"));
        expect_error(FAC_ERROR_IO, "/dev/full: cannot be written: No space left on device");
        struct stat info;
        assert_true(stat("/dev/full", &info) == 0 && S_ISCHR(info.st_mode));
        assert_true(fac_save(s, "/dev/null"));
        assert_false(fac_save(s, "."));
        expect_error(FAC_ERROR_IO, ".: cannot be written: Is a directory");
        assert_false(fac_save(s, "no/such/directory"));
        expect_error(FAC_ERROR_IO, "no/such/directory: cannot be written: No such file or directory");
        assert_false(fac_save(NULL, "x"));
        expect_error(FAC_ERROR_TYPE, "argument 'state' must not be NULL");
        assert_false(fac_save(s, NULL));
        expect_error(FAC_ERROR_TYPE, "argument 'path' must not be NULL");

        /* A disk that fills up while an older file is there: it stays as it was, and nothing else is left. */
        write_file("old", "old", 3);
        chmod("old", 0640);
        int before = files_here();
        struct rlimit limit, small;
        getrlimit(RLIMIT_FSIZE, &limit);
        signal(SIGXFSZ, SIG_IGN);
        for (rlim_t room = 0; room < 20000; room += 9999) {
            small = (struct rlimit){room, limit.rlim_max};
            setrlimit(RLIMIT_FSIZE, &small);
            bool saved = fac_save(s, "old");
            setrlimit(RLIMIT_FSIZE, &limit);
            assert_false(saved);
            expect_error(FAC_ERROR_IO, "old: cannot be written: File too large");
            char text[8];
            assert_int_equal(read_file("old", text, sizeof text), 3);
            assert_int_equal(files_here(), before);
        }
        /* Overwriting keeps permissions, and a link stays a link. */
        assert_int_equal(symlink("old", "link"), 0);
        assert_true(fac_save(s, "link"));
        assert_true(lstat("link", &info) == 0 && S_ISLNK(info.st_mode));
        assert_true(lstat("old", &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 0777) == 0640 &&
                    info.st_size > 20000);
        assert_int_equal(files_here(), before + 1);
        fac_state_free(s);
    }
}

static void failed_allocations(void **state)
{
    fac_scope {
        fac_state *s = fac_state_new();
        fac_tensor *base = counting(FAC_FLOAT32, 2, (int64_t[]){4, 5});
        assert_true(fac_state_set(s, "a", fac__own(fac__new_view(base, 2, (int64_t[]){5, 4}, (int64_t[]){1, 5}, 0))));
        assert_true(fac_state_set(s, "b", base) && fac_state_set_metadata(s, "c", "d"));
        write_file("file", "old", 3);
        int before = files_here();
        bool done = false;
        for (int64_t n = 1; !done; n++) {
            assert_true(n < 100);
            fac__alloc_fail_at(n);
            fac_state *part = fac_state_part(s, "");
            bool ok = part && fac_state_add(part, "again.", s) && fac_save(part, "file");
            fac_state_free(part);
            fac_state *loaded = ok ? fac_load("file") : NULL;
            fac__alloc_fail_at(0);
            assert_int_equal(files_here(), before);
            done = loaded != NULL;
            fac_state_free(loaded);
            if (done) break;
            assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
            fac_clear_error();
            if (ok) write_file("file", "old", 3);
            char text[8];
            assert_int_equal(read_file("file", text, sizeof text), 3);
        }
        fac_state_free(s);
    }
}

/* The same for the blocks that jansson asks for: an error, and none is left over. */
static void failed_allocations_of_json(void **state)
{
    json_set_alloc_funcs(json_take, json_give);
    fac_scope {
        fac_state *s = fac_state_new();
        assert_true(fac_state_set(s, "weight", counting(FAC_FLOAT32, 2, (int64_t[]){3, 4})));
        assert_true(fac_state_set_metadata(s, "format", "pt"));
        bool worked[2] = {false, false};
        for (int k = 0; k < 2; k++)
            for (int n = 1; !worked[k]; n++) {
                assert_true(n < 500);
                json_left = n;
                fac_state *loaded = k ? fac_load("file") : NULL;
                worked[k] = k ? loaded != NULL : fac_save(s, "file");
                worked[k] = worked[k] && json_left > 0;
                json_left = 0;
                fac_state_free(loaded);
                assert_int_equal(json_blocks, 0);
                assert_true(worked[k] == !fac_error());
                if (n == 1 && k) assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
                fac_clear_error();
            }
        fac_state_free(s);
    }
    json_set_alloc_funcs(malloc, free);
}

static int make_directory(void **state)
{
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int remove_directory(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "cd / && rm -r '%s'", directory);
    return system(command);
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states),
        cmocka_unit_test(pythons_file),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(bad_headers),
        cmocka_unit_test(bad_sizes),
        cmocka_unit_test(wider_dtypes),
        cmocka_unit_test(this_format_alone),
        cmocka_unit_test(mapped),
        cmocka_unit_test(formats),
        cmocka_unit_test(indexes),
        cmocka_unit_test(failed_writes),
        cmocka_unit_test(failed_allocations),
        cmocka_unit_test(failed_allocations_of_json),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
