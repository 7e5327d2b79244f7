/* Floor 8. A run as the training holds it: what its files in src/watch/ share. */
#ifndef FACULA_RUN_H
#define FACULA_RUN_H

#include "facula/watch.h"
#include "watch/folder.h"

struct fac_run {
    char *name, *path, *dir;      /* "xor-2", "runs/xor-2", "runs" */
    struct fac__serving *serving; /* serving.h: NULL while it is not served; stopped by fac_run_close */
    char *url;                    /* of what serves, which owns it; NULL */
};

#endif
