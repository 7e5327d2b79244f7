/* What tests of file formats share: whole files in memory, and a folder of their own to work in. */
#ifndef FACULA_FILE_BYTES_H
#define FACULA_FILE_BYTES_H

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "testing.h"

typedef struct bytes {
    unsigned char p[1 << 17];
    size_t n;
} bytes;

static inline void read_bytes(const char *path, bytes *b)
{
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("%s cannot be opened", path);
    b->n = fread(b->p, 1, sizeof b->p, f);
    assert_true(b->n < sizeof b->p);
    fclose(f);
}

static inline void write_bytes(const char *path, const void *p, size_t n)
{
    unlink(path); /* some file systems bring a file that is cut and written anew to the disk at once */
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Loading that file must fail: with an error of a file, or of memory where that many bytes cannot be had. */
static inline void check_refused(const char *path)
{
    fac_state *s = fac_load(path);
    if (s) fail_msg("%s was accepted", path);
    assert_non_null(fac_error());
    assert_int_equal(fac_get_error_code(), FAC_ERROR_IO);
    fac_clear_error();
}

/* A file without a name that has these bytes: its path, for as long as the descriptor is open. */
static inline int make_file(const bytes *b, char path[64])
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0 && write(fd, b->p, b->n) == (ssize_t)b->n);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

/* Each file that is shorter by some bytes is refused. */
static inline void check_cut(const bytes *b)
{
    char path[64];
    int fd = make_file(b, path);
    for (size_t n = b->n; n-- > 0;) {
        assert_int_equal(ftruncate(fd, (off_t)n), 0);
        check_refused(path);
    }
    close(fd);
}

#ifdef FAC_TEST_SANITIZE
#define TRIES 4
#else
#define TRIES 1 /* all of them */
#endif

/* Files with one byte changed, in several ways, are refused or read, in peace. How many were read. */
static inline int check_flipped(const bytes *b)
{
    char path[64];
    int fd = make_file(b, path), read = 0;
    for (size_t i = 0; i < b->n; i++)
        for (int k = (int)i % TRIES; k < 4; k += TRIES) {
            static const unsigned char masks[] = {0x01, 0x80, 0xff, 0x20};
            unsigned char changed = b->p[i] ^ masks[k];
            assert_int_equal(pwrite(fd, &changed, 1, (off_t)i), 1);
            fac_state *s = fac_load(path, .map = k % 2);
            if (!s && (!fac_error() || fac_get_error_code() != FAC_ERROR_IO))
                fail_msg("byte %zu ^ 0x%02x: %s", i, masks[k], fac_error());
            read += s != NULL;
            fac_clear_error();
            fac_state_free(s);
            assert_int_equal(pwrite(fd, &b->p[i], 1, (off_t)i), 1);
        }
    close(fd);
    return read;
}

static char work_folder[] = "/tmp/facula-files-XXXXXX";

static inline int enter_work_folder(void **state)
{
    fac_set_error_handler(NULL);
    return mkdtemp(work_folder) && chdir(work_folder) == 0 ? 0 : -1;
}

static inline int leave_work_folder(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "cd / && rm -r '%s'", work_folder);
    return system(command);
}

#endif
