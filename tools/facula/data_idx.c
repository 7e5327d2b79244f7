/* Folders of idx files, those of MNIST and its kin. See data_source.h. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "data_source.h"

static bool has_idx(const char *folder)
{
    DIR *d = opendir(folder);
    bool found = false;
    for (struct dirent *e; d && !found && (e = readdir(d));)
        found = strstr(e->d_name, "-idx") || strstr(e->d_name, ".idx");
    if (d) closedir(d);
    return found;
}

static bool is_idx(const char *path, bool folder)
{
    char *raw = folder ? path_in_folder(path, "raw") : NULL;
    bool is = raw && (has_idx(path) || has_idx(raw));
    free(raw);
    return is;
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
