/* What libFuzzer calls with the bytes of a picture, PNG or JPEG, which is to be read or refused in peace. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "data/image_file.h"
#include "facula/data.h"
#include "facula/error.h"
#include "fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int channels[] = {0, 1, 3, 4};
    fac_set_error_handler(NULL);
    fuzz_file file = fuzz_file_of(data, size);
    fac__picture header;
    if (fac__image_size(file.path, &header) == (fac_error() != NULL)) abort();
    fac_clear_error();
    for (int i = 0; i < 4 && header.height * header.width <= 1 << 16; i++) /* of larger ones there are fewer a second */
        fac_scope {
            fac_tensor *t = fac_image_read(file.path, .channels = channels[i]);
            if (!t == !fac_error()) abort();
            if (t && (fac_size(t, 1) != header.height || fac_size(t, 2) != header.width)) abort();
            if (t && channels[i] && fac_size(t, 0) != channels[i]) abort();
            fac_clear_error();
        }
    close(file.fd);
    return 0;
}
