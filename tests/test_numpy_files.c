/* NumPy's files: what NumPy writes (tests/data/formats, made by tests/record/record_numpy_files.py), what we write, and
 * every way in which such a file may be wrong. */
#define _GNU_SOURCE
#include "core/memory.h"
#include "core/tensor_impl.h"
#include "file_bytes.h"

#define DATA FAC_TEST_DATA "/formats/"

/* 2 × 3, counting from 0 or, with a sign, from -2. */
static void check_matrix(fac_tensor *t, fac_dtype dtype, bool sign)
{
    if (!t) fail_msg("%s", fac_error() ? fac_error() : "there is no such tensor");
    assert_true(fac_dtype_of(t) == dtype && fac_dim(t) == 2 && fac_size(t, 0) == 2 && fac_size(t, 1) == 3);
    assert_true(fac_is_contiguous(t));
    for (int i = 0; i < 6; i++)
        assert_true(fac_at(t, FAC_DIMS(i / 3, i % 3)) == (dtype == FAC_BOOL ? i > 0 : i - 2 * sign));
}

static const struct {
    const char *code;
    fac_dtype dtype;
    bool sign;
} dtypes[] = {
    {"b1", FAC_BOOL, false},  {"u1", FAC_UINT8, false},  {"i1", FAC_INT8, true},    {"i2", FAC_INT16, true},
    {"i4", FAC_INT32, true},  {"i8", FAC_INT64, true},   {"u2", FAC_INT32, false},  {"u4", FAC_INT64, false},
    {"u8", FAC_INT64, false}, {"f2", FAC_FLOAT16, true}, {"f4", FAC_FLOAT32, true}, {"f8", FAC_FLOAT64, true},
};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

static void numpys_arrays(void **state)
{
    fac_scope {
        check_matrix(fac_npy_read(DATA "version1.npy"), FAC_FLOAT32, true);
        check_matrix(fac_npy_read(DATA "version2.npy"), FAC_FLOAT32, true);
        check_matrix(fac_npy_read(DATA "version3.npy"), FAC_FLOAT32, true);
        fac_tensor *t = fac_npy_read(DATA "fortran.npy");
        assert_true(fac_is_contiguous(t) && fac_dtype_of(t) == FAC_FLOAT64);
        check_close(t, fac_reshape(fac_arange(0, 24, 1, .dtype = FAC_FLOAT64), FAC_SHAPE(2, 3, 4)), 0);
        t = fac_npy_read(DATA "scalar.npy");
        assert_true(fac_dim(t) == 0 && fac_dtype_of(t) == FAC_INT64 && fac_item_int(t) == -7);
        fac_state *s = fac_load(DATA "version1.npy");
        assert_int_equal(fac_state_count(s), 1);
        check_matrix(fac_state_get(s, "tensor"), FAC_FLOAT32, true);
        fac_state_free(s);
        s = fac_load(DATA "version1.npy", .map = true);
        check_matrix(fac_state_get(s, "tensor"), FAC_FLOAT32, true);
        assert_non_null(fac_state_get(s, "tensor")->storage->drop);
        fac_state_free(s);
        assert_string_equal(fac_file_format(DATA "fortran.npy"), "npy");
    }
}

static void numpys_archives(void **state)
{
    static const char *const files[] = {DATA "stored.npz", DATA "deflated.npz"};
    for (int k = 0; k < 4; k++) {
        fac_state *s = fac_load(files[k / 2], .map = k % 2);
        if (!s) fail_msg("%s", fac_error());
        assert_string_equal(fac_file_format(files[k / 2]), "npz");
        assert_int_equal(fac_state_count(s), 2 * DTYPES + 2 + k / 2);
        for (int i = 0; i < DTYPES; i++) {
            char name[20];
            sprintf(name, "little/%s", dtypes[i].code);
            check_matrix(fac_state_get(s, name), dtypes[i].dtype, dtypes[i].sign);
            sprintf(name, "big/%s", dtypes[i].code);
            check_matrix(fac_state_get(s, name), dtypes[i].dtype, dtypes[i].sign);
        }
        check_matrix(fac_state_get(s, "fortran"), FAC_INT16, true);
        fac_tensor *empty = fac_state_get(s, "empty"), *zeros = fac_state_get(s, "zeros");
        assert_true(fac_dim(empty) == 2 && fac_size(empty, 0) == 3 && fac_size(empty, 1) == 0);
        assert_true(!zeros == (k < 2) && (!zeros || fac_numel(zeros) == 3000));
        fac_state_free(s);
    }
}

static fac_tensor *matrix(fac_dtype dtype, bool sign)
{
    fac_tensor *t = fac_arange(0, 6, 1, .dtype = FAC_FLOAT32);
    return fac_to(fac_reshape(sign ? fac_sub_scalar(t, 2) : t, FAC_SHAPE(2, 3)), dtype);
}

/* With the environment variable FACULA_KEEP the files are left in the folder that it names, for NumPy to read. */
static void round_trips(void **state)
{
    const char *keep = getenv("FACULA_KEEP");
    if (keep) assert_int_equal(chdir(keep), 0);
    fac_scope {
        fac_state *s = fac_state_new();
        for (int i = 0; i < DTYPES; i++) {
            char name[20];
            sprintf(name, "x/%s", dtypes[i].code);
            if (dtypes[i].code[0] == 'u' && dtypes[i].code[1] > '1') continue;
            assert_true(fac_state_set(s, name, matrix(dtypes[i].dtype, dtypes[i].sign)));
        }
        assert_true(fac_state_set(s, "empty", fac_zeros(FAC_SHAPE(3, 0))));
        assert_true(fac_state_set(s, "column", fac_t(matrix(FAC_FLOAT32, true))));
        assert_true(fac_save(s, "all.npz"));
        for (int map = 0; map < 2; map++) {
            fac_state *loaded = fac_load("all.npz", .map = map);
            if (!loaded) fail_msg("%s", fac_error());
            assert_int_equal(fac_state_count(loaded), fac_state_count(s));
            for (int64_t i = 0; i < fac_state_count(s); i++) {
                fac_tensor *t = fac_state_tensor_at(loaded, i);
                assert_string_equal(fac_state_name_at(loaded, i), fac_state_name_at(s, i));
                check_close(t, fac_state_tensor_at(s, i), 0);
                if (map && fac_numel(t) && fac_dtype_of(t) != FAC_BOOL) {
                    assert_non_null(t->storage->drop);
                    assert_int_equal((uintptr_t)fac_data(t) % 64, 0);
                }
            }
            fac_state_free(loaded);
        }
        fac_state_free(s);
        assert_true(fac_npy_write(matrix(FAC_FLOAT32, true), "f4.npy"));
        check_matrix(fac_npy_read("f4.npy"), FAC_FLOAT32, true);
        fac_tensor *scalar = fac_full(FAC_SHAPE(), -7, .dtype = FAC_INT64);
        assert_true(fac_npy_write(scalar, "scalar.npy"));
        check_close(fac_npy_read("scalar.npy"), scalar, 0);

        s = fac_state_new();
        assert_true(fac_save(s, "none.npz"));
        fac_state *loaded = fac_load("none.npz");
        assert_true(loaded && fac_state_count(loaded) == 0);
        fac_state_free(loaded);
        expect_error(fac_save(s, "none.npy"), "a .npy file holds one tensor, and the state has 0: write an .npz file");
        assert_true(access("none.npy", F_OK) != 0);
        assert_true(fac_state_set(s, "b", fac_zeros(FAC_SHAPE(2), .dtype = FAC_BFLOAT16)));
        expect_error(fac_save(s, "b.npz"), "NumPy has no dtype bfloat16: convert the tensor first");
        expect_error(fac_save(s, "b.npy"), "NumPy has no dtype bfloat16");
        expect_error(fac_npy_write(scalar, "/dev/full"), "/dev/full: cannot be written: No space left on device");
        expect_error(fac_npy_write(NULL, "x"), "argument 'tensor' must not be NULL");
        expect_error(fac_npy_write(scalar, NULL), "argument 'path' must not be NULL");
        expect_error(fac_npy_read(NULL), "argument 'path' must not be NULL");
        fac_state_free(s);
    }
    assert_int_equal(chdir(work_folder), 0);
}

/* ---- bad files ----------------------------------------------------------------------------------------------- */

static void write_with_header(const char *header, size_t data)
{
    static unsigned char b[1000];
    size_t n = strlen(header);
    memset(b, 0, sizeof b);
    memcpy(b, "\x93NUMPY\1\0", 8);
    b[8] = (unsigned char)n;
    b[9] = (unsigned char)(n >> 8);
    memcpy(b + 10, header, n);
    write_bytes("bad.npy", b, 10 + n + data);
}

static void headers(void **state)
{
    static const struct {
        const char *header;
        size_t data;
        const char *error; /* NULL: fine */
    } files[] = {
#define H(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"
        {H("'<f4'", "False", "(2, 3)"), 24, NULL},
        {H("'<f4'", "False", "(2,3,)"), 24, NULL},
        {H("'<f4'", "True", "(2L, 3L)"), 24, NULL},
        {"{\"shape\":(2,),\"descr\":\"=i2\",\"fortran_order\":False}\n", 4, NULL},
        {H("'u1'", "False", "()"), 1, NULL},
        {H("'|b1'", "False", "(0, 9223372036854775807)"), 0, NULL},
        {H("'<f4'", "True", "(2305843009213693951, 0)"), 0, NULL},
        {"", 0, "malformed NumPy header"},
        {"{}", 0, "without descr, fortran_order or shape"},
        {"{'descr': '<f4', 'shape': (1,)}", 4, "without descr, fortran_order or shape"},
        {"{'descr': '<f4', 'descr': '<f4'}", 4, "with the key 'descr', which is not expected"},
        {"{'desc': '<f4'}", 4, "with the key 'desc', which is not expected"},
        {"{'a very long key, for one of three': 1}", 4, "malformed"},
        {"{'descr' '<f4'}", 4, "malformed NumPy header, at: '<f4'}"},
        {"{'descr': '<f4'", 4, "malformed"},
        {"{'descr': '<f4}", 4, "malformed"},
        {"{'descr': '\\x3cf4'}", 4, "malformed"},
        {H("'<f4'", "0", "(1,)"), 4, "malformed"},
        {H("'<f4'", "False", "(1)"), 4, "malformed"},
        {H("'<f4'", "False", "1"), 4, "malformed"},
        {H("'<f4'", "False", "(1 1)"), 4, "malformed"},
        {H("'<f4'", "False", "(,)"), 4, "malformed"},
        {H("'<f4'", "False", "(-1,)"), 4, "malformed"},
        {H("'<f4'", "False", "(1"), 4, "malformed"},
        {H("'<f4'", "False", "(9223372036854775808,)"), 4, "malformed"},
        {H("'<f4'", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)"), 4, "has more than 12 dimensions"},
        {H("'<f4'", "False", "(1,)") "x", 4, "malformed NumPy header, at: x"},
        {H("[('a', '<f4'), ('b', '<i4')]", "False", "(1,)"), 8, "is an array of records, which no tensor can be"},
        {H("'|O'", "False", "(1,)"), 8, "is of dtype '|O' (Python objects), which facula does not have"},
        {H("'<c8'", "False", "(1,)"), 8, "is of dtype '<c8' (complex numbers), which facula does not have"},
        {H("'<U3'", "False", "(1,)"), 12, "is of dtype '<U3' (texts)"},
        {H("'|S3'", "False", "(1,)"), 3, "is of dtype '|S3' (texts)"},
        {H("'<M8[ns]'", "False", "(1,)"), 8, "is of dtype '<M8[ns]' (dates)"},
        {H("'<f16'", "False", "(1,)"), 16, "is of dtype '<f16' (long floats)"},
        {H("'|V2'", "False", "(1,)"), 2, "is of dtype '|V2' (raw memory)"},
        {H("'|f4'", "False", "(1,)"), 4, "is of dtype '|f4'"},
        {H("'f4'", "False", "(1,)"), 4, "is of dtype 'f4'"},
        {H("'<x4'", "False", "(1,)"), 4, "is of dtype '<x4', which facula does not have"},
        {H("''", "False", "(1,)"), 4, "is of dtype ''"},
        {H("'<f4'", "False", "(2,)"), 7, "the file is truncated: it is too short for shape [2]"},
        {H("'<f4'", "False", "(2,)"), 9, "the file is too long: 1 bytes are left over"},
        {H("'<f4'", "True", "(4611686018427387904, 4)"), 0, "too short for shape"},
        {H("'<f4'", "True", "(9223372036854775807, 3, 0)"), 0, "too short for shape"},
        {H("'<f8'", "False", "(1152921504606846976,)"), 8, "too short for shape"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        write_with_header(files[i].header, files[i].data);
        fac_state *s = fac_load("bad.npy");
        if (!s != !!files[i].error || (!s && !strstr(fac_error(), files[i].error)))
            fail_msg("%s: '%s', not '%s'", files[i].header, s ? "read" : fac_error(), files[i].error);
        if (!s && strncmp(fac_error(), "bad.npy: the file ", 18) != 0) fail_msg("%s", fac_error());
        fac_state_free(s);
        fac_clear_error();
    }
    write_bytes("bad.npy", "\x93NUMPY\4\0\1\0 ", 11);
    expect_error(fac_load("bad.npy"), "is of version 4.0 of NumPy's format, which is unknown");
    write_bytes("bad.npy", "\x93NUMPY\2\0\377\377\377\377", 12);
    expect_error(fac_load("bad.npy"), "has a NumPy header of 4294967295 bytes (at most 65536)");
    write_bytes("bad.npy", "\x93NUMPY\1\0\3\0{\0}", 13);
    expect_error(fac_load("bad.npy"), "has a zero in its NumPy header");
    write_bytes("bad.npy", "NUMPY 1234567890", 16);
    expect_error(fac_load("bad.npy"), "bad.npy: the file is not in NumPy's format");
    expect_error(fac_npy_read("nothing"), "nothing: cannot be opened: No such file or directory");
}

static void damaged(void **state)
{
    static bytes b;
    read_bytes(DATA "fortran.npy", &b);
    check_cut(&b);
    assert_true(check_flipped(&b) >= 192); /* the elements may be anything */
    read_bytes(DATA "stored.npz", &b);
    check_cut(&b);
    int stored = check_flipped(&b);
    read_bytes(DATA "deflated.npz", &b);
    check_cut(&b);
    int deflated = check_flipped(&b);
    print_message("[          ] of single changes, %d and %d went unnoticed in fields that are not used\n", stored,
                  deflated);
}

static void failed_allocations(void **state)
{
    static const char *const files[] = {DATA "deflated.npz", DATA "fortran.npy"};
    for (int k = 0; k < 4; k++) {
        bool done = false;
        for (int64_t n = 1; !done; n++) {
            assert_true(n < 2000);
            fac_scope {
                fac_state *s = k < 2 ? fac_state_new() : fac_load(files[k - 2]);
                fac_tensor *view = fac_t(matrix(FAC_FLOAT32, true));
                if (k < 2) assert_true(fac_state_set(s, "a", view));
                fac__alloc_fail_at(n);
                if (k < 2) {
                    done = fac_save(s, k ? "full.npz" : "full.npy");
                } else {
                    fac_state *loaded = fac_load(files[k - 2]);
                    done = loaded != NULL;
                    fac_state_free(loaded);
                }
                fac__alloc_fail_at(0);
                fac_state_free(s);
                assert_true(done == !fac_error());
                if (!done && fac_get_error_code() != FAC_ERROR_MEMORY) fail_msg("%s", fac_error());
                fac_clear_error();
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numpys_arrays), cmocka_unit_test(numpys_archives), cmocka_unit_test(round_trips),
        cmocka_unit_test(headers),       cmocka_unit_test(damaged),         cmocka_unit_test(failed_allocations),
    };
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
