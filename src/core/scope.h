/* Floor 0. Who drops what an operation returns (see facula/tensor.h). */
#ifndef FACULA_SCOPE_H
#define FACULA_SCOPE_H

#include "facula/tensor.h"

/* Gives the caller's reference to the innermost scope and returns t. When memory runs out, t is released, an error is
 * pending and NULL comes back. NULL gives NULL. Every public function that makes a tensor ends with this. */
fac_tensor *fac__own(fac_tensor *t);
/* A reference to t for the caller: the innermost scope's, if t is one of the last that came to it, or else one more. */
fac_tensor *fac__take(fac_tensor *t);
/* Drops what the innermost scope owns so far: a loop's scope, without leaving and entering it each time round. */
void fac__scope_empty(void);
void fac__scope_drop_all(void);

#endif
