/* What libFuzzer calls with the bytes of an ONNX file: its network is to be made, or refused, in peace. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "facula/error.h"
#include "facula/onnx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fac_set_error_handler(NULL);
    int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    fac_module *module = fac_onnx_load(path);
    if (!module == !fac_error()) abort();
    fac_clear_error();
    fac_module_free(module);
    close(fd);
    return 0;
}
