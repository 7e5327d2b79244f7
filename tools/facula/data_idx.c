/* Folders of idx files, those of MNIST and its kin. See data_source.h. */
#include <dirent.h>
#include <string.h>

#include "data_source.h"

static bool is_idx(const char *path, bool folder)
{
    DIR *d = folder ? opendir(path) : NULL;
    bool found = folder && is_in_folder(path, "raw");
    for (struct dirent *e; d && !found && (e = readdir(d));)
        found = strstr(e->d_name, "-idx") || strstr(e->d_name, ".idx");
    if (d) closedir(d);
    return found;
}

static bool open_idx(data_source *source, const char *path, const data_options *options)
{
    source->train = fac_idx_dataset(path, true);
    if (!source->train) return false;
    source->test = fac_idx_dataset(path, false);
    if (!source->test) fac_clear_error();
    return true;
}

const data_kind kind_idx = {
    .about = "a folder of idx files, as MNIST's",
    .is_data = is_idx,
    .open = open_idx,
};
