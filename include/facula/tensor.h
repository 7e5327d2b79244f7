/* Floor 0: tensors, who owns them, and how to look inside.
 *
 * Ownership. A tensor is reference-counted. What an operation returns belongs to the innermost fac_scope of its thread
 * and goes when the scope ends; without any scope it stays until the thread ends. To keep one longer:
 *
 *     fac_tensor *best = NULL;
 *     fac_scope {
 *         fac_tensor *y = fac_relu(x);
 *         best = fac_keep(y);            // yours now
 *     }
 *     fac_release(best);
 *
 * Modules, optimisers, the gradient graph and .grad hold what they need by themselves. A scope may be left by break,
 * return or goto, but not by longjmp. Tensors may be shared by threads that only read them.
 */
#ifndef FACULA_TENSOR_H
#define FACULA_TENSOR_H

#include "facula/base.h"

FAC_BEGIN

typedef struct fac_tensor fac_tensor;

/* Tensors in a row; the array belongs to whoever the function that returns it says. items is NULL after an error. */
typedef struct fac_tensor_list {
    fac_tensor **items;
    int64_t count;
} fac_tensor_list;

/* ---- scopes ------------------------------------------------------------------------------------------------- */

typedef struct fac__scope_mark {
    int64_t depth;
    int go;
} fac__scope_mark;
FAC_API fac__scope_mark fac__scope_enter(void);
FAC_API void fac__scope_leave(fac__scope_mark *mark);
/* Inline, so that the compiler sees that the block runs: what it assigns is initialised after it. */
static inline fac__scope_mark fac__scope_begin(void)
{
    fac__scope_mark mark = fac__scope_enter();
    mark.go = 1;
    return mark;
}

/* fac_scope { ... }: temporaries made inside are dropped at its end. `break` leaves the scope, not the loop around it,
 * when the loop is outside; in `for (...) fac_scope { ... break; }` it ends the scope's block and the loop goes on. */
#define fac_scope                                                                                                      \
    for (fac__scope_mark fac__mark __attribute__((cleanup(fac__scope_leave))) = fac__scope_begin(); fac__mark.go;      \
         fac__mark.go = 0)

/* One more reference, which is the caller's to fac_release. Returns t; NULL gives NULL. */
FAC_API fac_tensor *fac_keep(fac_tensor *t);
/* Gives back a reference got from fac_keep. NULL is ignored. */
FAC_API void fac_release(fac_tensor *t);
/* Hands t to the scope around the innermost one, so that a function may return a tensor out of its own fac_scope. */
FAC_API fac_tensor *fac_escape(fac_tensor *t);

/* ---- looking ------------------------------------------------------------------------------------------------ */

/* All of these take a NULL tensor (as 0, NONE or false) so that they may stand behind a failed chain. */
FAC_API fac_dtype fac_dtype_of(const fac_tensor *t);
FAC_API int fac_dim(const fac_tensor *t);
/* Size of one dimension; negative dims count from the end. Out of range is an error and -1. */
FAC_API int64_t fac_size(const fac_tensor *t, int dim);
FAC_API fac_dims fac_shape(const fac_tensor *t);
FAC_API fac_dims fac_strides(const fac_tensor *t); /* in elements */
FAC_API int64_t fac_storage_offset(const fac_tensor *t);
FAC_API int64_t fac_numel(const fac_tensor *t);
FAC_API bool fac_is_contiguous(const fac_tensor *t);
/* How often the storage was changed in place (torch's t._version). */
FAC_API int64_t fac_version_of(const fac_tensor *t);
/* True when both look at the same memory. */
FAC_API bool fac_shares_storage(const fac_tensor *a, const fac_tensor *b);

/* The first element's address. Elements lie fac_strides() apart: ask fac_is_contiguous() before reading in a row.
 * Writing through it is not seen by the in-place checks of autograd. */
FAC_API void *fac_data(const fac_tensor *t);
/* The only element of a one-element tensor, as a double or an integer; other sizes are an error (NAN, 0). */
FAC_API double fac_item(const fac_tensor *t);
FAC_API int64_t fac_item_int(const fac_tensor *t);
/* One element by its indices: fac_at(t, FAC_DIMS(1, 2)). Out of range is an error (NAN). */
FAC_API double fac_at(const fac_tensor *t, fac_dims index);
/* Copies all elements, row-major, converted to dtype, to out, which has room for count of them; false when count is not numel. */
FAC_API bool fac_to_array(const fac_tensor *t, fac_dtype dtype, void *out, int64_t count);

/* ---- memory ------------------------------------------------------------------------------------------------- */

/* What the library holds: bytes in use by tensors and all else, bytes kept for reuse, and how often the system was asked for memory. */
typedef struct fac_memory_stats {
    int64_t used, cached;
    int64_t system_allocations; /* stays the same over a training step in its steady state */
} fac_memory_stats;
FAC_API fac_memory_stats fac_memory(void);
/* Gives the memory kept for reuse back to the system. */
FAC_API void fac_empty_cache(void);

FAC_END
#endif
