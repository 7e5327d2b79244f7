/* Floor 0. Counts of references. An exchange with other threads costs as much as a small operation's arithmetic, so there is
 * none where there can be no other: in a process of one thread, and for whoever has the only reference. */
#ifndef FACULA_REFS_H
#define FACULA_REFS_H

#include <stdatomic.h>
#include <stdbool.h>

#if defined(__has_include)
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define FAC__ALONE __libc_single_threaded
#endif
#endif
#ifndef FAC__ALONE
#define FAC__ALONE false
#endif

static inline void fac__add_reference(atomic_int *refs)
{
    if (FAC__ALONE)
        atomic_store_explicit(refs, atomic_load_explicit(refs, memory_order_relaxed) + 1, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(refs, 1, memory_order_relaxed);
}

/* Takes a reference away: true when it was the last. */
static inline bool fac__last_reference(atomic_int *refs)
{
    int before = atomic_load_explicit(refs, memory_order_acquire);
    if (before != 1 && FAC__ALONE)
        atomic_store_explicit(refs, before - 1, memory_order_relaxed);
    else if (before != 1)
        before = atomic_fetch_sub_explicit(refs, 1, memory_order_acq_rel);
    return before == 1;
}

#endif
