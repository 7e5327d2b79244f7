/* Floor 3. Whether operations are recorded: a switch of each thread. */
#include "core/thread.h"
#include "facula/autograd.h"

bool fac_is_grad_enabled(void)
{
    return !fac__self()->no_grad;
}

bool fac_set_grad_enabled(bool enabled)
{
    fac__thread *self = fac__self();
    bool before = !self->no_grad;
    self->no_grad = !enabled;
    return before;
}

fac__grad_mark fac__grad_enter(bool enabled)
{
    return (fac__grad_mark){fac_set_grad_enabled(enabled), 1};
}

void fac__grad_leave(fac__grad_mark *mark)
{
    fac_set_grad_enabled(mark->before);
}
