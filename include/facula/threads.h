/* Floor 1: how many threads facula computes with. Small work always stays on the calling thread. */
#ifndef FACULA_THREADS_H
#define FACULA_THREADS_H

#include "facula/base.h"

FAC_BEGIN

/* torch.set_num_threads: at most n threads from now on, the calling one included; false when n < 1. At first it is
 * what OMP_NUM_THREADS in the environment says, or the number of cores that the program may use. More than 1024 are taken for 1024. Where the system starts no more
 * threads, and while another thread of the program has work shared out, all work is done by the calling thread. Results do
 * not depend on it. */
FAC_API bool fac_set_num_threads(int n);
FAC_API int fac_get_num_threads(void);

FAC_END
#endif
