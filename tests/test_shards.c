/* States saved as several safetensors files with an index: what goes where, what becomes of the set that was there, and
 * what is left when writing fails. tests/test_safetensors.c reads such sets. */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/memory.h"
#include "file_bytes.h"
#include "json_failures.h"

#define INDEX "m.safetensors.index.json"

/* Sorted, separated by spaces. */
static const char *files_here(void)
{
    static char text[2000];
    struct dirent **entries;
    int n = scandir(".", &entries, NULL, alphasort);
    *text = 0;
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') strcat(strcat(text, *text ? " " : ""), entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return text;
}

static void add(fac_state *s, const char *name, int bytes)
{
    fac_tensor *t = fac_arange(0, bytes, 1, .dtype = FAC_UINT8);
    assert_true(fac_state_set(s, name, t));
}

/* 4, 4, 100, 2, 3 bytes: in files of 10 that is big by itself, and the others around it. */
static fac_state *sample(void)
{
    fac_state *s = fac_state_new();
    add(s, "z", 4);
    add(s, "a", 4);
    add(s, "big", 100);
    add(s, "ünder", 2);
    add(s, "c", 3);
    assert_true(fac_state_set_metadata(s, "format", "pt"));
    return s;
}

static void check_same(const fac_state *loaded, const fac_state *s)
{
    if (!loaded) fail_msg("%s", fac_error());
    assert_int_equal(fac_state_count(loaded), fac_state_count(s));
    for (int64_t i = 0; i < fac_state_count(s); i++)
        check_close(fac_state_get(loaded, fac_state_name_at(s, i)), fac_state_tensor_at(s, i), 0);
}

static void sets(void **unused)
{
    fac_scope {
        fac_state *s = sample();
        assert_true(fac_save(s, INDEX, .max_shard_size = 10));
        assert_string_equal(files_here(), "m-00001-of-00003.safetensors m-00002-of-00003.safetensors "
                                          "m-00003-of-00003.safetensors " INDEX);
        static bytes index;
        read_bytes(INDEX, &index);
        const char *text = "{\n  \"metadata\": {\n    \"format\": \"pt\",\n    \"total_size\": 113\n  },\n"
                           "  \"weight_map\": {\n"
                           "    \"a\": \"m-00001-of-00003.safetensors\",\n"
                           "    \"big\": \"m-00002-of-00003.safetensors\",\n"
                           "    \"c\": \"m-00003-of-00003.safetensors\",\n"
                           "    \"z\": \"m-00001-of-00003.safetensors\",\n"
                           "    \"ünder\": \"m-00001-of-00003.safetensors\"\n  }\n}\n";
        assert_int_equal(index.n, strlen(text));
        assert_memory_equal(index.p, text, index.n);
        fac_state *one = fac_load("m-00001-of-00003.safetensors");
        assert_int_equal(fac_state_count(one), 3);
        assert_string_equal(fac_state_metadata(one, "format"), "pt");
        assert_null(fac_state_metadata(one, "total_size"));
        fac_state_free(one);

        /* There and back, and written over the set that it is mapped from. */
        fac_state *loaded = fac_load(INDEX, .map = true);
        check_same(loaded, s);
        assert_string_equal(fac_state_metadata(loaded, "total_size"), "113");
        assert_true(fac_save(loaded, "./" INDEX, .max_shard_size = 200));
        assert_string_equal(files_here(), "m-00001-of-00001.safetensors " INDEX);
        check_same(loaded, s);
        fac_state_free(loaded);

        /* Names that are taken are left alone. */
        assert_true(fac_save(s, INDEX));
        assert_string_equal(files_here(), "m.2-00001-of-00001.safetensors " INDEX);
        write_bytes("m-00001-of-00001.safetensors", "x", 1);
        assert_true(fac_save(s, INDEX));
        assert_string_equal(files_here(), "m-00001-of-00001.safetensors m.3-00001-of-00001.safetensors " INDEX);
        loaded = fac_load(INDEX);
        check_same(loaded, s);
        fac_state_free(loaded);
        unlink("m-00001-of-00001.safetensors");
        unlink("m.3-00001-of-00001.safetensors");
        unlink(INDEX);

        /* Nothing to put into files. */
        fac_state *empty = fac_state_new();
        assert_true(fac_state_set_metadata(empty, "a", "b") && fac_save(empty, INDEX));
        assert_string_equal(files_here(), INDEX);
        loaded = fac_load(INDEX);
        assert_int_equal(fac_state_count(loaded), 0);
        assert_string_equal(fac_state_metadata(loaded, "a"), "b");
        fac_state_free(loaded);
        fac_state_free(empty);
        unlink(INDEX);

        expect_error(fac_save(s, INDEX, .max_shard_size = 0), "max_shard_size is 0; it must be greater than 0");
        assert_string_equal(files_here(), "");
        fac_state_free(s);
    }
}

/* An old index may name anything: what no set of this name would hold stays, whatever it says. */
static void old_indexes(void **unused)
{
    fac_scope {
        fac_state *s = sample();
        static const char *const names[] = {
            "precious",
            "m-00001-of-00002.safetensors.bak",
            "m-1-of-2.safetensors",
            "m-00001-of-00002.bin",
            "n-00001-of-00002.safetensors",
            "m.x-00001-of-00002.safetensors",
            "d/m-00001-of-00002.safetensors",
            "m-00001-of-00002.safetensors", /* this one goes */
        };
        enum { NAMES = sizeof names / sizeof *names };
        assert_int_equal(mkdir("d", 0700), 0);
        char index[2000] = "{\"weight_map\": {\"none\": 1, \"up\": \"../m-00001-of-00002.safetensors\"";
        for (int i = 0; i < NAMES; i++) {
            write_bytes(names[i], "x", 1);
            sprintf(index + strlen(index), ", \"%d\": \"%s\"", i, names[i]);
        }
        strcat(index, "}}");
        write_bytes(INDEX, index, strlen(index));
        assert_int_equal(chmod(INDEX, 0600), 0);
        assert_true(fac_save(s, INDEX));
        for (int i = 0; i < NAMES; i++) {
            assert_int_equal(access(names[i], F_OK), i < NAMES - 1 ? 0 : -1);
            unlink(names[i]);
        }
        rmdir("d");
        /* The set is as private as the index was. */
        struct stat info;
        assert_true(stat(INDEX, &info) == 0 && (info.st_mode & 0777) == 0600);
        assert_true(stat("m-00001-of-00001.safetensors", &info) == 0 && (info.st_mode & 0777) == 0600);

        /* One that is no JSON is written over. */
        write_bytes(INDEX, "{", 1);
        assert_true(fac_save(s, INDEX));
        assert_string_equal(files_here(), "m-00001-of-00001.safetensors m.2-00001-of-00001.safetensors " INDEX);
        unlink("m-00001-of-00001.safetensors");
        unlink("m.2-00001-of-00001.safetensors");
        unlink(INDEX);
        fac_state_free(s);
    }
}

static void check_untouched(const fac_state *old, const char *files)
{
    assert_string_equal(files_here(), files);
    fac_state *loaded = fac_load(INDEX);
    check_same(loaded, old);
    fac_state_free(loaded);
}

static void failures(void **unused)
{
    fac_scope {
        fac_state *s = sample(), *old = fac_state_new();
        add(old, "old", 7);
        assert_true(fac_save(old, INDEX));
        char files[200];
        strcpy(files, files_here());

        expect_error(fac_save(s, "no/" INDEX), "no/m-00001-of-00001.safetensors: cannot be written: No such file");
        fac_state *odd = fac_state_new();
        add(odd, "a", 1);
        add(odd, "\xff", 1);
        expect_error(fac_save(odd, INDEX, .max_shard_size = 1), "is not UTF-8");
        check_untouched(old, files);
        fac_state_free(odd);

        struct rlimit limit;
        getrlimit(RLIMIT_FSIZE, &limit);
        signal(SIGXFSZ, SIG_IGN);
        for (rlim_t room = 0; room < 300; room += 140) { /* 140: for the first file, not for the second */
            setrlimit(RLIMIT_FSIZE, &(struct rlimit){room, limit.rlim_max});
            bool saved = fac_save(s, INDEX, .max_shard_size = 10);
            setrlimit(RLIMIT_FSIZE, &limit);
            assert_false(saved);
            assert_non_null(strstr(fac_error(), "cannot be written: File too large"));
            fac_clear_error();
            check_untouched(old, files);
        }
        bool saved = false;
        for (int64_t n = 1; !saved; n++) {
            assert_true(n < 200);
            fac__alloc_fail_at(n);
            saved = fac_save(s, INDEX, .max_shard_size = 10);
            fac__alloc_fail_at(0);
            if (saved) break;
            assert_int_equal(fac_get_error_code(), FAC_ERROR_MEMORY);
            fac_clear_error();
            check_untouched(old, files);
        }
        fac_state *loaded = fac_load(INDEX);
        check_same(loaded, s);
        fac_state_free(loaded);
        fac_state_free(s);
        fac_state_free(old);
    }
}

/* The same for the blocks that jansson asks for. Where it fails to read the old index, that set's files are left. */
static void failures_of_json(void **unused)
{
    json_set_alloc_funcs(json_take, json_give);
    fac_scope {
        fac_state *s = sample();
        bool saved = false;
        for (int n = 1; !saved; n++) {
            assert_true(n < 500);
            json_left = n;
            bool ok = fac_save(s, INDEX, .max_shard_size = 10);
            saved = ok && json_left > 0;
            json_left = 0;
            assert_int_equal(json_blocks, 0);
            assert_true(ok == !fac_error());
            fac_clear_error();
            fac_state *loaded = fac_load(INDEX);
            check_same(loaded, s);
            fac_state_free(loaded);
        }
        fac_state_free(s);
    }
    json_set_alloc_funcs(malloc, free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sets), cmocka_unit_test(old_indexes),
                                       cmocka_unit_test(failures), cmocka_unit_test(failures_of_json)};
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
