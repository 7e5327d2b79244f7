/* What libFuzzer calls with the bytes of an ONNX file: its network is to be made, or refused, in peace. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "facula/error.h"
#include "facula/onnx.h"
#include "fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fac_set_error_handler(NULL);
    fuzz_file file = fuzz_file_of(data, size);
    fac_module *module = fac_onnx_load(file.path);
    if (!module == !fac_error()) abort();
    fac_clear_error();
    fac_module_free(module);
    close(file.fd);
    return 0;
}
