/* Floor 0: a state: named tensors in a row, as modules and optimisers give them for saving (facula/io.h).
 *
 *     fac_state *all = fac_state_new();
 *     fac_state_add(all, "model.", model_state);
 *     fac_state_add(all, "optimizer.", optimizer_state);
 *
 * Names are unique and keep the order in which they were set. A state holds references: the tensors are not copied, and
 * stay alive as long as the state. Numbers are kept as 0-d tensors (float64, int64). Metadata are texts by name, beside
 * the tensors. Functions that take NULL give NULL, 0 or false. */
#ifndef FACULA_STATE_H
#define FACULA_STATE_H

#include "facula/tensor.h"

FAC_BEGIN

typedef struct fac_state fac_state;

/* NULL when memory runs out. */
FAC_API fac_state *fac_state_new(void);
FAC_API void fac_state_free(fac_state *state);

/* Adds a tensor. A name that is there already is an error; after any error the state is as before. */
FAC_API bool fac_state_set(fac_state *state, const char *name, fac_tensor *tensor);
FAC_API bool fac_state_set_float(fac_state *state, const char *name, double value);
FAC_API bool fac_state_set_int(fac_state *state, const char *name, int64_t value);

/* The tensor of that name, which belongs to the state; NULL, without an error, when there is none. */
FAC_API fac_tensor *fac_state_get(const fac_state *state, const char *name);
/* The number of that name, a tensor of one element. When there is none: false, no error, and *value as before. */
FAC_API bool fac_state_get_float(const fac_state *state, const char *name, double *value);
FAC_API bool fac_state_get_int(const fac_state *state, const char *name, int64_t *value);

/* In order: 0 ≤ i < fac_state_count. NULL, with an error, out of range. */
FAC_API int64_t fac_state_count(const fac_state *state);
FAC_API const char *fac_state_name_at(const fac_state *state, int64_t i);
FAC_API fac_tensor *fac_state_tensor_at(const fac_state *state, int64_t i);

/* Adds all of `from` to `state`, each name with prefix in front, metadata too. false, and state has part of it, when a
 * name is there already or memory runs out. */
FAC_API bool fac_state_add(fac_state *state, const char *prefix, const fac_state *from);
/* A new state of all whose names begin with prefix, without it. */
FAC_API fac_state *fac_state_part(const fac_state *state, const char *prefix);

/* Texts beside the tensors ("format": "pt"). Setting a key again replaces its text. get: NULL when there is none. */
FAC_API bool fac_state_set_metadata(fac_state *state, const char *key, const char *text);
FAC_API const char *fac_state_metadata(const fac_state *state, const char *key);
FAC_API int64_t fac_state_metadata_count(const fac_state *state);
FAC_API const char *fac_state_metadata_key_at(const fac_state *state, int64_t i);

FAC_END
#endif
