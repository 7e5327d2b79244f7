/* What fuzzed readers of files share: the bytes as a file that lies in memory. */
#ifndef FACULA_FUZZ_INPUT_H
#define FACULA_FUZZ_INPUT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct fuzz_file {
    int fd;
    char path[64];
} fuzz_file;

static inline fuzz_file fuzz_file_empty(void)
{
    fuzz_file f = {.fd = memfd_create("input", MFD_CLOEXEC)};
    if (f.fd < 0) abort();
    snprintf(f.path, sizeof f.path, "/proc/self/fd/%d", f.fd);
    return f;
}

static inline fuzz_file fuzz_file_of(const uint8_t *data, size_t size)
{
    fuzz_file f = fuzz_file_empty();
    if (write(f.fd, data, size) != (ssize_t)size) abort();
    return f;
}

#endif
