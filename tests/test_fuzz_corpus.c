/* Files that fuzzing (tests/fuzz) has found or has grown, and our other test files: each is given to each reader, which
 * reads or refuses it. tests/data/fuzz has an archive for each format, made by tests/record/pack_fuzz_corpus.py. */
#define _GNU_SOURCE
#include <dirent.h>

#include "file_bytes.h"
#include "io/zip.h"

#define FORMAT (*the_format)
#include "io/format.h"
static const fac__format *the_format;
#define LLVMFuzzerTestOneInput fuzz_format
#include "fuzz/fuzz_load.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_csv
#include "fuzz/fuzz_csv.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_image
#include "fuzz/fuzz_image.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_cifar
#include "fuzz/fuzz_cifar.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_export
#include "fuzz/fuzz_export.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput fuzz_onnx
#include "fuzz/fuzz_onnx.c"
#undef LLVMFuzzerTestOneInput

static const fac__format *const formats[] = {
    &fac__format_safetensors, &fac__format_safetensors_index, &fac__format_npy,    &fac__format_npz,
    &fac__format_pytorch,     &fac__format_pytorch_legacy,    &fac__format_export, &fac__format_onnx,
};
enum { FORMATS = sizeof formats / sizeof *formats };

static const struct reader {
    const char *name; /* of its corpus; NULL: it is the one of the format's */
    int (*try)(const uint8_t *data, size_t size);
} readers[] = {{"csv", fuzz_csv}, {"image", fuzz_image}, {"cifar", fuzz_cifar}, {NULL, fuzz_export}, {NULL, fuzz_onnx}};
enum { READERS = sizeof readers / sizeof *readers };

/* Aborts where something is wrong. */
static void try_all(const void *data, size_t n)
{
    for (int k = 0; k < FORMATS; k++) {
        the_format = formats[k];
        fuzz_format(data, n);
    }
    for (int k = 0; k < READERS; k++)
        readers[k].try(data, n);
    fac_set_error_handler(NULL);
}

static void corpora(void **state)
{
    for (int k = 0; k < FORMATS + READERS; k++) {
        char path[300];
        const char *name = k < FORMATS ? formats[k]->name : readers[k - FORMATS].name;
        if (!name) continue;
        snprintf(path, sizeof path, FAC_TEST_DATA "/fuzz/%s.zip", name);
        fac__input in;
        fac__zip z;
        if (!fac__input_open(&in, path, false) || !fac__zip_open(&z, &in)) fail_msg("%s", fac_error());
        assert_true(z.count > 0);
        for (int64_t i = 0; i < z.count; i++) {
            unsigned char *data = malloc((size_t)z.entries[i].size + 1);
            fac__stream s;
            if (!data || !fac__zip_stream(&z, &z.entries[i], &s) || !fac__stream_read(&s, data, z.entries[i].size) ||
                !fac__stream_done(&s))
                fail_msg("%s", fac_error());
            fac__stream_close(&s);
            try_all(data, (size_t)z.entries[i].size);
            free(data);
        }
        print_message("[          ] %s: %d files\n", name, (int)z.count);
        fac__zip_close(&z);
        fac__input_close(&in);
    }
}

static void other_files(void **state)
{
    static bytes b;
    DIR *d = opendir(FAC_TEST_DATA "/formats");
    assert_non_null(d);
    int count = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char path[300];
        snprintf(path, sizeof path, FAC_TEST_DATA "/formats/%s", e->d_name);
        if (e->d_name[0] == '.') continue;
        read_bytes(path, &b);
        try_all(b.p, b.n);
        count++;
    }
    closedir(d);
    assert_true(count > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corpora), cmocka_unit_test(other_files)};
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
