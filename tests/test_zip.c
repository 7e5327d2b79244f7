/* Zip files: beyond 4 GiB, and in every way in which one may lie. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <zlib.h>

#include "file_bytes.h"
#include "io/zip.h"
#include "io/zip_format.h"

static void put(unsigned char *p, int bytes, uint64_t v)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (unsigned char)(v >> 8 * i);
}

/* Where the k-th mark is. */
static size_t find(const bytes *b, uint32_t mark, int k)
{
    for (size_t i = 0; i + 4 <= b->n; i++)
        if (fac__get32(b->p + i) == mark && k-- == 0) return i;
    fail_msg("there is no mark 0x%08x", (unsigned)mark);
    return 0;
}

/* "a" holds "first", "b/c" 1000 bytes. */
static void make(bytes *b)
{
    static char many[1000];
    for (int i = 0; i < 1000; i++)
        many[i] = (char)(i % 7);
    fac__file f;
    fac__zip_writer z = {.f = &f};
    assert_true(fac__file_create(&f, "small.zip"));
    assert_true(fac__zip_add(&z, "a", "fir", 3, "st", 2) && fac__zip_add(&z, "b/c", many, 500, many + 500, 500));
    assert_true(fac__zip_finish(&z) && fac__file_commit(&f));
    fac__zip_drop(&z);
    read_bytes("small.zip", b);
}

/* The same with "b/c" deflated, whose size and length are said to be these; 0: as they are. */
static void deflate_second(bytes *b, uint64_t size, uint64_t packed)
{
    size_t local = find(b, ZIP_LOCAL, 1), list = find(b, ZIP_CENTRAL, 0), second = find(b, ZIP_CENTRAL, 1);
    size_t at = local + ZIP_LOCAL_SIZE + fac__get16(b->p + local + 26) + fac__get16(b->p + local + 28);
    static unsigned char out[2000];
    z_stream d = {.next_in = b->p + at, .avail_in = 1000, .next_out = out, .avail_out = sizeof out};
    assert_int_equal(deflateInit2(&d, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&d, Z_FINISH), Z_STREAM_END);
    size_t n = d.total_out;
    deflateEnd(&d);
    put(b->p + local + 8, 2, 8);
    put(b->p + second + 10, 2, 8);
    put(b->p + second + 20, 4, packed ? packed : n);
    put(b->p + second + 24, 4, size ? size : 1000);
    memcpy(b->p + at, out, n);
    memmove(b->p + at + n, b->p + list, b->n - list);
    b->n -= list - at - n;
    put(b->p + b->n - 6, 4, at + n); /* where the list begins */
}

/* Opens the file and reads all of both entries. */
static bool read_all(const char *path)
{
    fac__input in;
    fac__zip z;
    if (!fac__input_open(&in, path, false)) return false;
    bool ok = fac__zip_open(&z, &in);
    for (int64_t i = 0; ok && i < z.count; i++) {
        static char out[2000];
        fac__stream s;
        ok = fac__zip_stream(&z, &z.entries[i], &s);
        if (!ok) break;
        assert_true(z.entries[i].size <= 2000 || z.entries[i].deflated);
        ok = fac__stream_read(&s, out, z.entries[i].size <= 2000 ? z.entries[i].size : 2000) && fac__stream_done(&s);
        fac__stream_close(&s);
        const fac__zip_entry *e = fac__zip_find(&z, z.entries[i].name);
        assert_ptr_equal(e, &z.entries[i]);
        if (ok && !strcmp(e->name, "a")) assert_memory_equal(out, "first", 5);
        if (ok && !strcmp(e->name, "b/c")) assert_true(out[999] == 999 % 7);
    }
    assert_true(!ok || !fac__zip_find(&z, "nothing"));
    fac__zip_close(&z);
    fac__input_close(&in);
    return ok;
}

static void small(void **state)
{
    static bytes b;
    make(&b);
    assert_true(read_all("small.zip"));
    fac__input in;
    fac__zip z;
    assert_true(fac__input_open(&in, "small.zip", false) && fac__zip_open(&z, &in));
    assert_true(z.count == 2 && z.entries[0].at % 64 == 0 && z.entries[1].at % 64 == 0);
    fac__zip_close(&z);
    fac__input_close(&in);
    deflate_second(&b, 0, 0);
    write_bytes("deflated.zip", b.p, b.n);
    if (!read_all("deflated.zip")) fail_msg("%s", fac_error());
    /* What stands before it does not matter, nor a comment with a mark in it. */
    make(&b);
    put(b.p + b.n - 2, 2, 30);
    memset(b.p + b.n, 0, 30);
    put(b.p + b.n, 4, ZIP_END);
    put(b.p + b.n + 20, 2, 100);
    write_bytes("comment.zip", b.p, b.n + 30);
    if (!read_all("comment.zip")) fail_msg("%s", fac_error());

    fac__zip_writer w = {.f = NULL};
    expect_error(fac__zip_add(&w, "", "x", 1, NULL, 0), "a name of 0 bytes cannot be an entry of a zip file");
    fac__zip_drop(&w);
}

/* With a hole before them entries lie behind 4 GiB, where zip's own numbers end. */
static void far(void **state)
{
    fac__file f;
    fac__zip_writer z = {.f = &f, .at = 5000000000};
    assert_true(fac__file_create(&f, "far.zip"));
    assert_int_equal(lseek(f.fd, z.at, SEEK_SET), z.at);
    assert_true(fac__zip_add(&z, "a", "first", 5, NULL, 0) && fac__zip_add(&z, "x", "second", 6, NULL, 0));
    assert_true(fac__zip_finish(&z) && fac__file_commit(&f));
    fac__zip_drop(&z);
    if (!read_all("far.zip")) fail_msg("%s", fac_error());
    int fd = open("far.zip", O_RDONLY);
    static bytes b;
    b.n = (size_t)pread(fd, b.p, sizeof b.p, 5000000000);
    close(fd);
    assert_true(find(&b, ZIP_END64, 0) && find(&b, ZIP_LOCATOR64, 0));
    /* A program that knows nothing of zip64 would find that the numbers are full. */
    size_t end = find(&b, ZIP_END, 0);
    assert_true(fac__get32(b.p + end + 16) == ZIP_FULL && fac__get32(b.p + find(&b, ZIP_CENTRAL, 1) + 42) == ZIP_FULL);
    fd = open("far.zip", O_WRONLY);
    size_t locator = find(&b, ZIP_LOCATOR64, 0), record = find(&b, ZIP_END64, 0), extra = find(&b, ZIP_CENTRAL, 0) + 47;
    static const struct {
        int place;
        const char *error;
    } changes[] = {
        {0, "it lacks its record of 64-bit numbers"},
        {8, "it lacks its record of 64-bit numbers"},
        {12, "it lacks its record of 64-bit numbers"},
        {1000, "it lacks its record of 64-bit numbers"},
        {1016, "it is a part of an archive of several files"},
        {1024, "it is a part of an archive of several files"},
        {1040, "its list of entries does not lie in it"},
        {1054, "its list of entries does not lie in it"},
        {2000, "'a' does not lie in it"},
        {2002, "'a' does not lie in it"},
        {2010, "'a' does not lie in it"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        int place = changes[i].place;
        size_t at = place < 1000   ? locator + (size_t)place
                    : place < 2000 ? record + (size_t)place - 1000
                                   : extra + (size_t)place - 2000;
        unsigned char changed = b.p[at] ^ 0x01;
        assert_int_equal(pwrite(fd, &changed, 1, (off_t)(5000000000 + at)), 1);
        fac_clear_error();
        if (read_all("far.zip")) fail_msg("%d was accepted", place);
        if (!strstr(fac_error(), changes[i].error)) fail_msg("%d: %s", place, fac_error());
        assert_int_equal(pwrite(fd, &b.p[at], 1, (off_t)(5000000000 + at)), 1);
    }
    fac_clear_error();
    close(fd);
    assert_true(read_all("far.zip"));
}

static void lies(void **state)
{
    enum { LOCAL_A, LOCAL_B, LIST_A, LIST_B, END };
    static const struct {
        int record, offset, bytes;
        uint64_t value;
        const char *error;
    } edits[] = {
        {END, 0, 1, 'Q', "is truncated, or none: it has no list of entries at its end"},
        {END, 20, 2, 1, "is truncated, or none: it has no list of entries at its end"},
        {END, 4, 2, 1, "it is a part of an archive of several files"},
        {END, 6, 2, 1, "it is a part of an archive of several files"},
        {END, 8, 2, 1, "it is a part of an archive of several files"},
        {END, 8, 4, 0x00010001, "its list of entries has not the size that it claims"},
        {END, 8, 4, 0x00030003, "its list of entries has not the size that it claims"},
        {END, 8, 4, 0xfffefffe, "its list of entries has not the size that it claims"},
        {END, 8, 4, 0xffffffff, "its list of entries has not the size that it claims"},
        {END, 12, 4, 1, "its list of entries has not the size that it claims"},
        {END, 12, 4, 0xfffffffe, "its list of entries does not lie in it"},
        {END, 12, 4, 0xffffffff, "it lacks its record of 64-bit numbers"},
        {END, 16, 4, 0xfffffffe, "its list of entries does not lie in it"},
        {END, 16, 4, 1, "its list of entries is malformed"},
        {LIST_A, 0, 1, 'Q', "its list of entries is malformed"},
        {LIST_A, 8, 2, 1, "'a' is encrypted"},
        {LIST_A, 10, 2, 12, "'a' is packed by method 12; only deflate is known"},
        {LIST_A, 10, 2, 8, "'a' is not where the list says, or overlaps the next"},
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
        {LIST_A, 16, 4, 1, "'a' is damaged: its check sum is wrong"},
#endif
        {LIST_A, 20, 4, 4, "'a' does not lie in it"},
        {LIST_A, 24, 4, 6, "'a' does not lie in it"},
        {LIST_A, 20, 8, 0xfffffffefffffffe, "'a' does not lie in it"},
        {LIST_A, 20, 8, 0xffffffffffffffff, "'a' does not lie in it"},
        {LIST_A, 20, 8, 0x0000006400000064, "'a' is not where the list says, or overlaps the next"},
        {LIST_A, 28, 2, 0, "its list of entries is malformed"},
        {LIST_A, 28, 2, 0xffff, "its list of entries is malformed"},
        {LIST_A, 42, 4, 1, "'a' is not where the list says"},
        {LIST_A, 42, 4, 0xfffffffe, "'a' does not lie in it"},
        {LIST_A, 46, 1, 0, "its list of entries is malformed"},
        {LIST_A, 46, 1, 'x', "'x' is not where the list says"},
        {LIST_B, 42, 4, 0, "is not where the list says, or overlaps the next"},
        {LIST_B, 32, 2, 1, "its list of entries is malformed"},
        {LOCAL_A, 0, 1, 'Q', "'a' is not where the list says"},
        {LOCAL_A, 8, 2, 8, "'a' is not where the list says"},
        {LOCAL_A, 28, 2, 0xffff, "'a' is not where the list says, or overlaps the next"},
        {LOCAL_A, 26, 2, 2, "'a' is not where the list says"},
    };
    static bytes b;
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        make(&b);
        size_t records[] = {find(&b, ZIP_LOCAL, 0), find(&b, ZIP_LOCAL, 1), find(&b, ZIP_CENTRAL, 0),
                            find(&b, ZIP_CENTRAL, 1), find(&b, ZIP_END, 0)};
        put(b.p + records[edits[i].record] + edits[i].offset, edits[i].bytes, edits[i].value);
        write_bytes("bad.zip", b.p, b.n);
        if (read_all("bad.zip")) fail_msg("%zu was accepted", i);
        if (!strstr(fac_error(), edits[i].error)) fail_msg("%zu: %s", i, fac_error());
        assert_true(!strncmp(fac_error(), "bad.zip: ", 9) && fac_get_error_code() == FAC_ERROR_IO);
        fac_clear_error();
    }
    /* Two names for the same bytes; the same name twice. */
    fac__file f;
    fac__zip_writer z = {.f = &f};
    assert_true(fac__file_create(&f, "bad.zip"));
    assert_true(fac__zip_add(&z, "a", "1", 1, NULL, 0) && fac__zip_add(&z, "a", "2", 1, NULL, 0));
    assert_true(fac__zip_finish(&z) && fac__file_commit(&f));
    fac__zip_drop(&z);
    expect_error(read_all("bad.zip"), "bad.zip: the zip file is damaged: 'a' is in it twice");
}

/* Deflated entries that claim other sizes than they have. */
static void bombs(void **state)
{
    static const struct {
        uint64_t size, packed;
        const char *error;
    } sizes[] = {
        {999, 0, "'b/c' is damaged: it holds more than it says"},
        {1001, 0, "'b/c' is damaged: it holds less than it says"},
        {0xfffffffe, 0, "bytes cannot become 4294967294"},
        {0, 1, "'b/c' is damaged: it holds less than it says"},
    };
    static bytes b;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        make(&b);
        deflate_second(&b, sizes[i].size, sizes[i].packed);
        write_bytes("bad.zip", b.p, b.n);
        expect_error(read_all("bad.zip"), sizes[i].error);
    }
    make(&b);
    deflate_second(&b, 0, 0);
    size_t local = find(&b, ZIP_LOCAL, 1);
    b.p[local + ZIP_LOCAL_SIZE + 3 + fac__get16(b.p + local + 28)] = 7; /* a block of an unknown kind */
    write_bytes("bad.zip", b.p, b.n);
    expect_error(read_all("bad.zip"), "'b/c' is damaged: invalid block type");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(small), cmocka_unit_test(far), cmocka_unit_test(lies),
                                       cmocka_unit_test(bombs)};
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
