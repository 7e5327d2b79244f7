/* What libFuzzer calls with the bytes of a table, which is to be read or refused in peace: inferred, as a dataset, as rows, and
 * its description as JSON, which is also made of the bytes themselves. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "facula/csv.h"
#include "facula/error.h"
#include "fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_table(fac_csv *csv, const char *path)
{
    fac_dataset *d = fac_csv_dataset(csv, path);
    fac_scope {
        fac_tensor *out[2];
        if (fac_dataset_count(d) > 0 && fac_csv_standardise(csv, d)) fac_dataset_get(d, -1, out);
        fac_clear_error();
        fac_csv_rows *rows = fac_csv_rows_open(csv, path);
        while (fac_csv_rows_next(rows, 7))
            ;
        fac_csv_rows_close(rows);
    }
    fac_dataset_free(d);
    fac_clear_error();
    char *json = fac_csv_to_json(csv);
    fac_csv *again = fac_csv_from_json(json);
    if (!again) abort(); /* what is written is read */
    fac_csv_free(again);
    free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fac_set_error_handler(NULL);
    fuzz_file file = fuzz_file_of(data, size);
    for (int task = FAC_CSV_ANY; task <= FAC_CSV_NUMBERS; task++) {
        fac_csv *csv = fac_csv_infer(file.path, .task = (fac_csv_task)task);
        if (!csv == !fac_error()) abort();
        fac_clear_error();
        if (csv) use_table(csv, file.path);
        fac_csv_free(csv);
    }
    char *text = strndup((const char *)data, size);
    fac_csv *csv = text ? fac_csv_from_json(text) : NULL;
    fac_clear_error();
    if (csv) use_table(csv, file.path);
    fac_csv_free(csv);
    free(text);
    close(file.fd);
    return 0;
}
