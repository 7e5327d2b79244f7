/* What libFuzzer calls with the bytes of a file, which is to be read or refused in peace; as copies, and mapped. FORMAT
 * is the row of the format. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "facula/error.h"
#include "fuzz_input.h"
#include "io/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fac_set_error_handler(NULL);
    fuzz_file file = fuzz_file_of(data, size);
    for (int map = 0; map < 2; map++) {
        fac_state *state = fac__load_by(FORMAT.load, file.path, map);
        if (!state == !fac_error()) abort();
        double sum = 0;
        for (int64_t i = 0; i < fac_state_count(state); i++) { /* every element is there */
            fac_tensor *t = fac_state_tensor_at(state, i);
            double v[64];
            if (fac_numel(t) <= 64 && fac_to_array(t, FAC_FLOAT64, v, fac_numel(t)))
                for (int64_t k = 0; k < fac_numel(t); k++)
                    sum += v[k];
        }
        static volatile double kept;
        kept = sum;
        (void)kept;
        fac_clear_error();
        fac_state_free(state);
    }
    close(file.fd);
    return 0;
}
