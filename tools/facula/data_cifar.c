/* Folders of CIFAR-10 and CIFAR-100 in binary. See data_source.h. */
#include "data_source.h"

static bool is_cifar(const char *path, bool folder)
{
    static const char *const names[] = {"data_batch_1.bin", "cifar-10-batches-bin", "cifar-100-binary",
                                        "fine_label_names.txt"};
    for (size_t i = 0; folder && i < sizeof names / sizeof *names; i++)
        if (is_in_folder(path, names[i])) return true;
    return false;
}

static bool open_cifar(data_source *source, const char *path, const data_options *options)
{
    source->train = fac_cifar_dataset(path, true);
    if (!source->train) return false;
    source->test = fac_cifar_dataset(path, false);
    if (!source->test) fac_clear_error();
    return true;
}

const data_kind kind_cifar = {
    .about = "a folder of CIFAR-10 or CIFAR-100 in binary",
    .is_data = is_cifar,
    .open = open_cifar,
};
