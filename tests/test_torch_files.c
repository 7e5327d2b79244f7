/* PyTorch's files: what PyTorch 1.13 and 2.15 write (tests/data/formats, made by tests/record/record_torch_files.py),
 * what we write, and pickles that mean no good. */
#define _GNU_SOURCE
#include "core/memory.h"
#include "core/tensor_impl.h"
#include "file_bytes.h"
#include "io/zip.h"

#define DATA FAC_TEST_DATA "/formats/"

static void check_matrix(fac_tensor *t, fac_dtype dtype, bool sign)
{
    if (!t) fail_msg("%s", fac_error() ? fac_error() : "there is no such tensor");
    assert_true(fac_dtype_of(t) == dtype && fac_dim(t) == 2 && fac_size(t, 0) == 2 && fac_size(t, 1) == 3);
    for (int i = 0; i < 6; i++)
        assert_true(fac_at(t, FAC_DIMS(i / 3, i % 3)) == (dtype == FAC_BOOL ? i > 0 : i - 2 * sign));
}

static void check_number(const fac_state *s, const char *name, fac_dtype dtype, double value)
{
    fac_tensor *t = fac_state_get(s, name);
    if (!t) fail_msg("there is no '%s'", name);
    assert_true(fac_dtype_of(t) == dtype && fac_dim(t) == 0 && fac_item(t) == value);
}

/* ---- PyTorch's own ------------------------------------------------------------------------------------------- */

static void check_checkpoint(const fac_state *s, bool newer)
{
    fac_scope {
        check_values(fac_state_get(s, "model.0.weight"), "[[-0.5, 0.5, 1.5], [2.5, 3.5, 4.5]]");
        check_values(fac_state_get(s, "model.1.running_var"), "[1., 1.]");
        check_number(s, "model.1.num_batches_tracked", FAC_INT64, 0);
        check_number(s, "optimizer.state.3.step", FAC_FLOAT32, 1);
        check_values(fac_state_get(s, "optimizer.state.3.exp_avg"), "[0.1, 0.1]");
        check_number(s, "optimizer.param_groups.0.lr", FAC_FLOAT64, 0.5);
        check_number(s, "optimizer.param_groups.0.betas.1", FAC_FLOAT64, 0.999);
        check_number(s, "optimizer.param_groups.0.params.3", FAC_INT64, 3);
        check_number(s, "optimizer.param_groups.0.amsgrad", FAC_BOOL, 0);
        assert_null(fac_state_get(s, "optimizer.param_groups.0.foreach")); /* None */
        for (fac_dtype d = FAC_BOOL; d < FAC_DTYPE_COUNT; d++) {
            char name[40];
            sprintf(name, "dtypes.%s", fac_dtype_name(d));
            check_matrix(fac_state_get(s, name), d, d > FAC_UINT8);
        }
        fac_tensor *whole = fac_state_get(s, "views.whole"), *column = fac_state_get(s, "views.column");
        fac_tensor *expanded = fac_state_get(s, "views.expanded"), *transposed = fac_state_get(s, "views.transposed");
        check_close(whole, fac_arange(0, 24, 1, .dtype = FAC_FLOAT32), 0);
        check_values(column, "[8., 14.]");
        check_close(transposed, fac_t(fac_reshape(whole, FAC_SHAPE(4, 6))), 0);
        check_values(expanded, "[[3., 3., 3., 3., 3.], [3., 3., 3., 3., 3.]]");
        assert_true(fac_shares_storage(whole, column) && fac_shares_storage(whole, transposed));
        ((float *)fac_data(whole))[3] = 100;
        assert_true(fac_at(expanded, FAC_DIMS(1, 4)) == 100 && fac_at(transposed, FAC_DIMS(3, 0)) == 100);
        fac_tensor *empty = fac_state_get(s, "views.empty");
        assert_true(fac_dim(empty) == 2 && fac_size(empty, 0) == 3 && fac_size(empty, 1) == 0);
        check_values(fac_state_get(s, "parameter"), "[1.5, 2.5]");
        static const int64_t large[] = {-((int64_t)1 << 62), (int64_t)1 << 62, (int64_t)1 << 40, -1, 300, 70000};
        for (int i = 0; i < 6; i++) {
            char name[20];
            int64_t v = 0;
            sprintf(name, "large.%d", i);
            assert_true(fac_state_get_int(s, name, &v) && v == large[i]);
        }
        check_number(s, "epoch", FAC_INT64, 3);
        check_number(s, "best", FAC_FLOAT64, 0.25);
        check_number(s, "done", FAC_BOOL, 0);
        check_number(s, "list.0", FAC_INT64, 7);
        check_number(s, "list.1.1.b", FAC_INT64, 1);
        check_number(s, "size.1", FAC_INT64, 5);
        check_number(s, "milestones.3", FAC_INT64, 2);
        static const char *const texts[][2] = {{"seed", "18446744073709551615"},
                                               {"name", "näme"},
                                               {"list.1.0", "a"},
                                               {"dtype", "torch.float32"},
                                               {"device", "cpu"}};
        assert_int_equal(fac_state_metadata_count(s), 5);
        for (int i = 0; i < 5; i++)
            assert_string_equal(fac_state_metadata(s, texts[i][0]), texts[i][1]);
        if (!newer) return;
        check_matrix(fac_state_get(s, "dtypes.uint16"), FAC_INT32, false);
        check_matrix(fac_state_get(s, "dtypes.uint32"), FAC_INT64, false);
        check_matrix(fac_state_get(s, "dtypes.uint64"), FAC_INT64, false);
        check_matrix(fac_state_get(s, "dtypes.float8_e4m3fn"), FAC_FLOAT16, true);
        check_matrix(fac_state_get(s, "dtypes.float8_e5m2"), FAC_FLOAT16, true);
        check_values(fac_state_get(s, "noted"), "[1., 1.]");
    }
}

static void pytorchs_files(void **state)
{
    static const struct {
        const char *path, *format;
        int count;
    } files[] = {{DATA "torch1.pt", "pytorch", 64},
                 {DATA "legacy.pth", "pytorch-legacy", 64},
                 {DATA "torch2.pt", "pytorch", 70}};
    for (int k = 0; k < 6; k++) {
        fac_state *s = fac_load(files[k / 2].path, .map = k % 2);
        if (!s) fail_msg("%s", fac_error());
        assert_string_equal(fac_file_format(files[k / 2].path), files[k / 2].format);
        assert_int_equal(fac_state_count(s), files[k / 2].count);
        check_checkpoint(s, k / 2 == 2);
        assert_int_equal(fac_state_get(s, "views.whole")->storage->drop != NULL, k % 2 && k / 2 != 1);
        fac_state_free(s);
    }
    fac_scope {
        fac_state *s = fac_load(DATA "tensor.pt");
        check_values(fac_state_get(s, "tensor"), "[0, 1, 2, 3, 4]");
        fac_state_free(s);
    }
}

static void nothing_runs(void **state)
{
    unlink("/tmp/facula-hostile");
    expect_error(fac_load(DATA "hostile.pt"),
                 "hostile.pt: the pickle asks for 'posix.system', which facula does not know as a tensor or a "
                 "container of tensors; it was not run, and nothing was loaded");
    expect_error(fac_load(DATA "hostile.pth"), "hostile.pth: the pickle asks for 'posix.system', which facula");
    expect_error(fac_load(DATA "module.pt"), "asks for 'torch.nn.modules.linear.Linear', which facula does not know");
    expect_error(fac_load(DATA "complex.pt"), "asks for 'torch.ComplexFloatStorage', which facula does not know");
    assert_int_not_equal(access("/tmp/facula-hostile", F_OK), 0);
}

/* ---- there and back ------------------------------------------------------------------------------------------ */

/* With the environment variable FACULA_KEEP the files are left in the folder that it names, for PyTorch to read. */
static void round_trips(void **state)
{
    const char *keep = getenv("FACULA_KEEP");
    if (keep) assert_int_equal(chdir(keep), 0);
    fac_scope {
        fac_state *s = fac_state_new();
        fac_tensor *weight = fac_arange(0, 6, 1, .dtype = FAC_FLOAT32), *matrix = fac_reshape(weight, FAC_SHAPE(2, 3));
        assert_true(fac_state_set(s, "layer.weight", matrix));
        assert_true(fac_state_set(s, "layer.bias", fac_ones(FAC_SHAPE(2))));
        assert_true(fac_state_set(s, "column", fac_select(matrix, 1, 1)));
        assert_true(fac_state_set(s, "transposed", fac_t(matrix)));
        assert_true(fac_state_set(s, "alone", fac_select(fac_zeros(FAC_SHAPE(100, 3)), 0, 50)));
        for (fac_dtype d = FAC_BOOL; d < FAC_DTYPE_COUNT; d++) {
            char name[40];
            sprintf(name, "dtypes.%s", fac_dtype_name(d));
            fac_tensor *t = fac_sub_scalar(matrix, d > FAC_UINT8 ? 2 : 0);
            assert_true(fac_state_set(s, name, fac_clone(fac_to(t, d))));
        }
        assert_true(fac_state_set_int(s, "step", 1234567890123));
        assert_true(fac_state_set(s, "empty", fac_zeros(FAC_SHAPE(3, 0))));
        assert_true(fac_state_set_metadata(s, "format", "pt") && fac_state_set_metadata(s, "näme", "wert"));
        assert_true(fac_save(s, "state.pt"));
        for (int map = 0; map < 2; map++) {
            fac_state *loaded = fac_load("state.pt", .map = map);
            if (!loaded) fail_msg("%s", fac_error());
            assert_int_equal(fac_state_count(loaded), fac_state_count(s));
            for (int64_t i = 0; i < fac_state_count(s); i++) {
                fac_tensor *t = fac_state_tensor_at(loaded, i);
                assert_string_equal(fac_state_name_at(loaded, i), fac_state_name_at(s, i));
                check_close(t, fac_state_tensor_at(s, i), 0);
                if (map && fac_numel(t) && fac_dtype_of(t) != FAC_BOOL)
                    assert_true(t->storage->drop && (uintptr_t)t->storage->data % 64 == 0);
            }
            assert_int_equal(fac_state_metadata_count(loaded), 2);
            assert_string_equal(fac_state_metadata(loaded, "näme"), "wert");
            fac_tensor *t = fac_state_get(loaded, "layer.weight");
            assert_true(fac_shares_storage(t, fac_state_get(loaded, "column")));
            assert_true(fac_shares_storage(t, fac_state_get(loaded, "transposed")));
            assert_false(fac_is_contiguous(fac_state_get(loaded, "transposed")));
            assert_int_equal(fac_state_get(loaded, "alone")->storage->nbytes, 12);
            fac_state_free(loaded);
        }
        fac_state_free(s);
        s = fac_state_new();
        assert_true(fac_save(s, "none.pt"));
        fac_state *loaded = fac_load("none.pt");
        assert_true(loaded && fac_state_count(loaded) == 0);
        fac_state_free(loaded);
        assert_true(fac_state_set_metadata(s, "a", "\xe2\x82"));
        expect_error(fac_save(s, "bad.pt"), "a name or text of the state is not UTF-8");
        assert_int_not_equal(access("bad.pt", F_OK), 0);
        fac_state_free(s);
    }
    assert_int_equal(chdir(work_folder), 0);
}

/* ---- pickles ------------------------------------------------------------------------------------------------- */

static void write_pickle(const char *pickle, size_t n)
{
    fac__file f;
    fac__zip_writer z = {.f = &f};
    unlink("bad.pt");
    assert_true(fac__file_create(&f, "bad.pt"));
    assert_true(fac__zip_add(&z, "a/data.pkl", pickle, n, NULL, 0));
    assert_true(fac__zip_add(&z, "a/data/0", "\0\0\0\0\0\0\200\77", 8, NULL, 0)); /* 0 and 1 */
    assert_true(fac__zip_finish(&z) && fac__file_commit(&f));
    fac__zip_drop(&z);
}

#define STORAGE_OF(type, n)                                                                                            \
    "(X\7\0\0\0storagectorch\n" type "\nX\1\0\0\0"                                                                     \
    "0X\3\0\0\0cpuK" n "tQ"
#define STORAGE STORAGE_OF("FloatStorage", "\2")
#define TENSOR(storage, offset, sizes, strides)                                                                        \
    "ctorch._utils\n_rebuild_tensor_v2\n(" storage offset "(" sizes "t(" strides "t\x89}tR"
#define NAMED(value) "\x80\2}X\1\0\0\0t" value "s."
#define FLOATS NAMED(TENSOR(STORAGE, "K\0", "K\2", "K\1"))

static void pickles(void **state)
{
    static const struct {
        const char *pickle;
        size_t n;
        const char *error; /* NULL: fine */
    } files[] = {
#define P(pickle) pickle, sizeof pickle - 1
        {P(FLOATS), NULL},
        {P("\x80\4\x95\0\0\0\0\0\0\0\0}\x94\x8c\1t\x94K\1s."), NULL},                      /* protocol 4 */
        {P("\x80\2}U\1tK\1s."), NULL},                                                     /* Python 2's texts */
        {P("\x80\2}X\1\0\0\0tccollections\nOrderedDict\n(](](X\1\0\0\0kK\1eetRs."), NULL}, /* Python 2's OrderedDict */
        {P("\x80\4\x8c\13collections\x8c\13OrderedDict\x93)R."), NULL},
        {P("\x80\2]q\0h\0."), "it leaves values on its stack"},
        {P(NAMED(TENSOR(STORAGE, "K\0", "", ""))), NULL},
        {P(NAMED(TENSOR(STORAGE, "K\1", "K\7", "K\0"))), NULL},
        {P(NAMED(TENSOR(STORAGE, "K\7", "K\0K\1", "K\1K\1"))), NULL}, /* no elements: anywhere */
        {P(NAMED(STORAGE)), NULL},
        {P("\x80\2N."), NULL},
        {P("\x80\2K\7."), NULL},

        {P(""), "the pickle is truncated"},
        {P("\x80\2"), "the pickle is truncated"},
        {P("\x80\2N"), "the pickle is truncated"},
        {P("\x80\2NX\377\377\377\377x."), "the pickle is truncated"},
        {P("\x80\4N\x8d\377\377\377\377\377\377\377\377x."), "the pickle is truncated"},
        {P("\x80\2N.."), "the pickle goes on behind its end"},
        {P("\x80\1N."), "the pickle is of protocol 1 (2 to 5 are known)"},
        {P("\x80\6N."), "the pickle is of protocol 6"},
        {P("\x80\2."), "an opcode at byte 2 lacks its operands"},
        {P("\x80\2(."), "lacks its operands"},
        {P("\x80\2t."), "lacks its operands"},
        {P("\x80\2\x85."), "lacks its operands"},
        {P("\x80\2(\x85."), "lacks its operands"},
        {P("\x80\2Na."), "lacks its operands"},
        {P("\x80\2]a."), "lacks its operands"},
        {P("\x80\2K\1K\2a."), "lacks its operands"},
        {P("\x80\2](K\1u."), "lacks its operands"},
        {P("\x80\2}(K\1u."), "lacks its operands"},
        {P("\x80\2}K\1s."), "lacks its operands"},
        {P("\x80\2K\1s."), "lacks its operands"},
        {P("\x80\2)R."), "lacks its operands"},
        {P("\x80\2NNR."), "lacks its operands"},
        {P("\x80\2Nb."), "lacks its operands"},
        {P("\x80\2]}b."), "lacks its operands"},
        {P("\x80\2(q\0."), "lacks its operands"},
        {P("\x80\2h\0."), "there is no memo 0"},
        {P("\x80\2Nr\377\377\377\177."), "malformed: memo 2147483647"},
        {P("\x80\2Nr\377\377\377\377."), "malformed: memo 4294967295"},
        {P("\x80\2I1\n."), "has an opcode, 0x49 at byte 2, that no tensor needs"},
        {P("\x80\2NP1\n."), "has an opcode, 0x50"},
        {P("\x80\2cos\nsystem\n."), "asks for 'os.system', which"},
        {P("\x80\2cos\n."), "the pickle is truncated"},
        {P("\x80\2(S'x'\nios\nsystem\n."), "has an opcode, 0x53"},
        {P("\x80\4\x8c\2os\x8c\6system\x93."), "asks for 'os.system', which"},
        {P("\x80\4K\1\x8c\6system\x93."), "lacks its operands"},
        {P("\x80\2ctorch\nFloatStorage\n)R."), "calls 'torch.FloatStorage', which makes no value"},
        {P("\x80\2ctorch\nSize\n)R."), "calls a class without arguments"},
        {P("\x80\2ccollections\nOrderedDict\n(K\1tR."), "makes a dictionary of no list"},
        {P("\x80\2ccollections\nOrderedDict\n(](K\1etR."), "makes a dictionary of what are no pairs"},
        {P("\x80\2ccollections\nOrderedDict\n(K\1K\1tR."), "makes a dictionary of 2 arguments"},
        {P("\x80\2\x8a\12zzzzzzzzzz."), "has a whole number of 10 bytes"},
        {P("\x80\2\x8a\11zzzzzzzzz."), "has a whole number of more than 64 bits"},
        {P("\x80\2NQ."), "refers to something outside of it that is no storage"},
        {P("\x80\2)Q."), "refers to something outside"},
        {P("\x80\2(X\6\0\0\0modulectorch\nFloatStorage\nX\1\0\0\0"
           "0X\3\0\0\0cpuK\2tQ."),
         "refers to something outside"},
        {P("\x80\2(X\7\0\0\0storagectorch\nSize\nX\1\0\0\0"
           "0X\3\0\0\0cpuK\2tQ."),
         "refers to something outside"},
        {P(NAMED(STORAGE_OF("FloatStorage", "\3"))), "'a/data/0' is truncated: it is too short for shape [3]"},
        {P(NAMED(STORAGE_OF("FloatStorage", "\1"))), "'a/data/0' is too long: 4 bytes are left over"},
        {P(NAMED(STORAGE_OF("BoolStorage", "\10"))), "'a/data/0' of dtype bool holds 128 at 6"},
        {P("\x80\2}(X\1\0\0\0a" STORAGE "X\1\0\0\0b" STORAGE_OF("IntStorage", "\2") "u."),
         "has storage '0' as float32 and as int32"},
        {P("\x80\2(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
           "1X\3\0\0\0cpuK\2tQ."),
         "the file lacks 'data/1'"},
        {P(NAMED(TENSOR("N", "K\0", "K\2", "K\1"))), "has a tensor with no storage"},
        {P(NAMED(TENSOR(STORAGE, "N", "K\2", "K\1"))), "with an offset that is no whole number from 0"},
        {P(NAMED(TENSOR(STORAGE, "J\377\377\377\377", "K\2", "K\1"))), "with an offset that is no whole number from 0"},
        {P(NAMED(TENSOR(STORAGE, "K\0", "K\2K\2", "K\1"))), "with sizes and strides that do not match"},
        {P(NAMED(TENSOR(STORAGE, "K\0", "N", "K\1"))), "with sizes or strides that are no whole numbers from 0"},
        {P(NAMED(TENSOR(STORAGE, "K\0", "J\376\377\377\377", "K\1"))), "sizes or strides that are no whole numbers"},
        {P(NAMED(TENSOR(STORAGE, "K\1", "K\2", "J\377\377\377\377"))), "sizes or strides that are no whole numbers"},
        {P(NAMED(TENSOR(STORAGE, "K\0", "K\3", "K\1"))),
         "of shape [3] and strides [1], which reaches beyond its storage of 2"},
        {P(NAMED(TENSOR(STORAGE, "K\2", "", ""))), "reaches beyond its storage of 2"},
        {P(NAMED(TENSOR(STORAGE, "K\0", "K\3", "\x8a\10\377\377\377\377\377\377\377\177"))),
         "reaches beyond its storage"},
        {P(NAMED(TENSOR(STORAGE, "\x8a\10\377\377\377\377\377\377\377\177", "K\2", "K\1"))),
         "reaches beyond its storage"},
        {P(NAMED(TENSOR(STORAGE, "K\0",
                        "\x8a\10\377\377\377\377\377\377\377\177"
                        "K\2",
                        "K\0K\0"))),
         "reaches beyond its storage"},
        {P(NAMED(TENSOR(STORAGE, "K\0", "K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1",
                        "K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1K\1"))),
         "has a tensor of 13 dimensions (at most 12)"},
        {P("\x80\2ctorch._utils\n_rebuild_tensor_v2\n)R."), "with too few arguments"},
        {P("\x80\2ctorch._utils\n_rebuild_parameter\n(K\1tR."), "with a parameter that is none"},
        {P("\x80\2ctorch._utils\n_rebuild_tensor_v3\n(" STORAGE "K\0)K\0NNtR."), "with no dtype"},
        {P("\x80\2ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nN)}tR."),
         "with no way to make it"},
        {P("\x80\2}NK\1s."), "has a dictionary '' with keys that are neither texts nor whole numbers"},
        {P("\x80\2}X\3\0\0\0a\0bK\1s."), "has a name with a zero in it: 'a'"},
        {P("\x80\2}X\1\0\0\0aX\3\0\0\0x\0ys."), "has a text with a zero in it, 'a'"},
        {P("\x80\2}(X\1\0\0\0aK\1X\1\0\0\0aK\1u."), "has two tensors with the name 'a'"},
        {P("\x80\2}(X\1\0\0\0a}X\1\0\0\0bK\1sX\3\0\0\0a.bK\1u."), "has two tensors with the name 'a.b'"},
        {P("\x80\2]q\0h\0a."), "is nested more than 64 deep, or holds itself"},
        {P("\x80\2}q\0X\1\0\0\0ah\0s."), "is nested more than 64 deep, or holds itself"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        write_pickle(files[i].pickle, files[i].n);
        fac_state *s = fac_load("bad.pt");
        if (!s != !!files[i].error || (!s && !strstr(fac_error(), files[i].error)))
            fail_msg("%zu: '%s', not '%s'", i, s ? "read" : fac_error(), files[i].error);
        if (!s && (strncmp(fac_error(), "bad.pt: ", 8) != 0 || fac_get_error_code() != FAC_ERROR_IO))
            fail_msg("%s", fac_error());
        fac_state_free(s);
        fac_clear_error();
    }
}

/* Short pickles that unfold to much. */
static void bombs(void **state)
{
    static char b[1 << 20];
    size_t n = 0;
#define PUT(text) (memcpy(b + n, text, sizeof text - 1), n += sizeof text - 1)
    PUT("\x80\2]q\0"); /* lists that hold the one before ten times */
    for (int i = 0; i < 40; i++) {
        PUT("](");
        for (int k = 0; k < 10; k++)
            b[n++] = 'h', b[n++] = (char)i;
        b[n++] = 'e', b[n++] = 'q', b[n++] = (char)(i + 1);
    }
    /* what was not held stays on the stack: the lists are put into one */
    memmove(b + 3, b + 2, n - 2);
    b[2] = '(';
    n++;
    PUT("t.");
    write_pickle(b, n);
    expect_error(fac_load("bad.pt"), "the pickle holds the same values too many times");

    n = 0;
    PUT("\x80\2");
    for (int i = 0; i < 100000; i++)
        PUT("](");
    write_pickle(b, n);
    expect_error(fac_load("bad.pt"), "the pickle is truncated");
    for (int i = 0; i < 100000; i++)
        PUT("e");
    PUT(".");
    write_pickle(b, n);
    expect_error(fac_load("bad.pt"), "the pickle is nested more than 64 deep, or holds itself");

    n = 0;
    PUT("\x80\2}X\0\x20\0\0"); /* a name of 8192 bytes */
    memset(b + n, 'a', 8192);
    n += 8192;
    PUT("K\1s.");
    write_pickle(b, n);
    expect_error(fac_load("bad.pt"), "the pickle has names of more than 4096 bytes");
}

static void damaged(void **state)
{
    static bytes b;
    static const char *const files[] = {DATA "torch1.pt", DATA "torch2.pt", DATA "legacy.pth"};
    for (int i = 0; i < 3; i++) {
        read_bytes(files[i], &b);
        check_cut(&b);
        check_flipped(&b);
    }
    write_bytes("bad.pt", "\x80\2N.", 4);
    expect_error(fac_load("bad.pt"), "bad.pt: a pickle of Python's, but not one that torch.save wrote");
    write_bytes("bad.pt", "PK\3\4", 4);
    expect_error(fac_load("bad.pt"),
                 "bad.pt: the zip file is truncated, or none: it has no list of entries at its end");
    write_bytes("bad.pt", "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
    assert_string_equal(fac_file_format("bad.pt"), "npz"); /* an empty one */
}

static void failed_allocations(void **state)
{
    static const char *const files[] = {DATA "torch1.pt", DATA "torch1.pt", DATA "legacy.pth"};
    for (int k = 0; k < 4; k++) {
        fac_state *s = k == 3 ? fac_load(files[0]) : NULL;
        bool done = false;
        for (int64_t n = 1; !done; n++) {
            assert_true(n < 5000);
            fac_state *loaded = NULL;
            fac__alloc_fail_at(n);
            if (k == 3)
                done = fac_save(s, "full.pt");
            else
                done = (loaded = fac_load(files[k], .map = k == 1)) != NULL;
            fac__alloc_fail_at(0);
            fac_state_free(loaded);
            assert_true(done == !fac_error());
            if (!done && fac_get_error_code() != FAC_ERROR_MEMORY) fail_msg("%s", fac_error());
            fac_clear_error();
        }
        fac_state_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pytorchs_files),
        cmocka_unit_test(nothing_runs),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(pickles),
        cmocka_unit_test(bombs),
        cmocka_unit_test(damaged),
        cmocka_unit_test(failed_allocations),
    };
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
