/* Floor 1. The one pool of threads: those that help the thread which has work to share out (parallel.c). */
#ifndef FACULA_THREAD_POOL_H
#define FACULA_THREAD_POOL_H

#include <stdbool.h>
#include <stdint.h>

/* Work on items begin..end-1, by the thread of this index. */
typedef void (*fac__pool_body)(void *context, int index, int64_t begin, int64_t end);

/* Runs body over [0, n) in chunks of grain items on the calling thread, which has index 0, and on helpers 1..threads-1.
 * False, with nothing done, where nobody can help: other work is being shared out, or the system starts no threads. */
bool fac__pool_run(int threads, int64_t n, int64_t grain, fac__pool_body body, void *context);
/* Whether helpers look out for work, because they had some a moment ago: then sharing costs less than a microsecond. */
bool fac__pool_awake(void);

#endif
