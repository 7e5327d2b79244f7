/* Floor 2. The one door to the kernels. */
#ifndef FACULA_LAUNCH_H
#define FACULA_LAUNCH_H

#include "backend/kernel.h"

/* Runs a kernel. `size` is sizeof *args: a recorder copies them. */
static inline void fac__launch(const fac__kernel *kernel, const void *args, size_t size)
{
    (void)size;
    fac__settle_threads();
    kernel->run[FAC__CPU](args);
}
#define FAC__LAUNCH(kernel, args) fac__launch(&(kernel), &(args), sizeof(args))

#endif
