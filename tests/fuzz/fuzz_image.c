/* What libFuzzer calls with the bytes of a picture, PNG or JPEG, which is to be read or refused in peace. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data/image_file.h"
#include "facula/data.h"
#include "facula/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int channels[] = {0, 1, 3, 4};
    fac_set_error_handler(NULL);
    int fd = memfd_create("input", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    fac__picture header;
    if (fac__image_size(path, &header) == (fac_error() != NULL)) abort();
    fac_clear_error();
    for (int i = 0; i < 4 && header.height * header.width <= 1 << 16; i++) /* of larger ones there are fewer a second */
        fac_scope {
            fac_tensor *t = fac_image_read(path, .channels = channels[i]);
            if (!t == !fac_error()) abort();
            if (t && (fac_size(t, 1) != header.height || fac_size(t, 2) != header.width)) abort();
            if (t && channels[i] && fac_size(t, 0) != channels[i]) abort();
            fac_clear_error();
        }
    close(fd);
    return 0;
}
