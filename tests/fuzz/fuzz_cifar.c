/* What libFuzzer calls with the bytes of CIFAR's files: all that have images are the bytes, and the names are their end. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "facula/data.h"
#include "facula/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_file(const char *folder, const char *name, const uint8_t *data, size_t size)
{
    char path[100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                                        "data_batch_5.bin", "test_batch.bin",   "train.bin",        "test.bin"};
    fac_set_error_handler(NULL);
    char folder[] = "/tmp/facula-cifar-XXXXXX";
    if (!mkdtemp(folder)) abort();
    size_t end = size < 200 ? size : size - 200;
    /* the first byte says which of both kinds */
    int first = size && data[0] % 2 ? 6 : 0;
    for (int i = first; i < 8; i++)
        write_file(folder, names[i], data, size);
    write_file(folder, first ? "fine_label_names.txt" : "batches.meta.txt", data + end, size - end);
    for (int train = 0; train < 2; train++) {
        fac_dataset *d = fac_cifar_dataset(folder, train);
        if (!d == !fac_error()) abort();
        fac_scope {
            fac_tensor *out[2];
            if (d && !fac_dataset_get(d, -1, out)) abort();
        }
        fac_clear_error();
        fac_dataset_free(d);
    }
    char path[100];
    for (int i = first; i < 8; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/%s", folder, first ? "fine_label_names.txt" : "batches.meta.txt");
    unlink(path);
    rmdir(folder);
    return 0;
}
