/* Floor 2. The one door to the kernels, where a step that is captured is recorded. */
#ifndef FACULA_LAUNCH_H
#define FACULA_LAUNCH_H

#include "backend/pointwise.h"

/* Writes a kernel and its arguments down as the next step of what is captured. Call it only while something is. */
void fac__record_launch(const fac__kernel *kernel, const void *args, size_t size);
/* The same for arguments that change from replay to replay: before each replay of the step refresh(context, args) brings
 * a copy of the arguments up to date, or returns false with an error pending. The context is copied too. */
typedef bool (*fac__refresh)(const void *context, void *args);
void fac__record_refreshed(const fac__kernel *kernel, const void *args, size_t size, fac__refresh refresh,
                           const void *context, size_t context_size);

/* Runs a kernel. `size` is sizeof *args. */
static inline void fac__launch(const fac__kernel *kernel, const void *args, size_t size)
{
    fac__settle_threads();
    if (fac__recording_now()) fac__record_launch(kernel, args, size);
    kernel->run[FAC__CPU](args);
}
#define FAC__LAUNCH(kernel, args) fac__launch(&(kernel), &(args), sizeof(args))

/* Runs a row without a program around it: only where no step is captured, which wants the kernel and all its arguments. */
static inline void fac__launch_row(const fac__row_call *call)
{
    fac__settle_threads();
    fac__row_run(call);
}

/* Runs a kernel that checks; false: it reported an error. */
static inline bool fac__launch_check(const fac__kernel *kernel, const void *args, size_t size)
{
    fac__settle_threads();
    if (fac__recording_now()) fac__record_launch(kernel, args, size);
    return kernel->check(args);
}
#define FAC__LAUNCH_CHECK(kernel, args) fac__launch_check(&(kernel), &(args), sizeof(args))

/* ---- gradients of leaves, which live from one step to the next ------------------------------------------------ */

/* Told by autograd and optimisers: the step replaces t's .grad, whatever it was (read: it looks at it, or adds to it). A
 * replay then knows what it must find there, and puts back what the step left. */
void fac__record_grad(fac_tensor *t, bool read);
static inline void fac__grad_replaced(fac_tensor *t)
{
    if (fac__recording_now()) fac__record_grad(t, false);
}
static inline void fac__grad_read(fac_tensor *t)
{
    if (fac__recording_now()) fac__record_grad(t, true);
}

#endif
