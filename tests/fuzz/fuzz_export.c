/* What libFuzzer calls with an archive of torch.export, or with the JSON of a program, which is put into one: it is to be
 * loaded, or refused, in peace. What was loaded is printed, copied and freed, but does not run: a program may well ask for a
 * tensor of all memory. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "facula/graph_module.h"
#include "facula/io.h"
#include "fuzz_input.h"
#include "io/zip.h"

static void write_archive(int fd, const uint8_t *program, size_t size)
{
    static const char weights[] = "{\"config\": {\"w\": {\"path_name\": \"weight_0\", \"is_param\": true, "
                                  "\"use_pickle\": false, \"tensor_meta\": "
                                  "{\"dtype\": 7, \"sizes\": [{\"as_int\": 2}, {\"as_int\": 2}], \"requires_grad\": "
                                  "true, \"strides\": [{\"as_int\": "
                                  "2}, {\"as_int\": 1}], \"storage_offset\": {\"as_int\": 0}}}}}";
    static const float values[4] = {1, 2, 3, 4};
    fac__file f = {.fd = fd};
    fac__zip_writer w = {.f = &f};
    fac__zip_add(&w, "a/models/model.json", "", 0, program, size);
    fac__zip_add(&w, "a/data/weights/weight_0", "", 0, values, sizeof values);
    fac__zip_add(&w, "a/data/weights/model_weights_config.json", "", 0, weights, sizeof weights - 1);
    fac__zip_finish(&w);
    fac__zip_drop(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fac_set_error_handler(NULL);
    bool json = size && *data == '{';
    fuzz_file file = json ? fuzz_file_empty() : fuzz_file_of(data, size);
    if (json) write_archive(file.fd, data, size);
    fac_module *module = fac_export_load(file.path);
    if (!module == !fac_error()) abort();
    if (module) {
        fac_module *copy = fac_copy_module(module);
        free(fac_module_to_string(copy));
        for (int i = 0; i < fac_graph_inputs(module); i++)
            if (!fac_graph_input_name(module, i) || fac_graph_input_shape(module, i).n > FAC_MAX_DIMS) abort();
        fac_module_free(copy);
    }
    fac_clear_error();
    fac_module_free(module);
    close(file.fd);
    return 0;
}
