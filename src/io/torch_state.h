/* Floor 7. From the values of a pickle to a state; what PyTorch's old and new files share. */
#ifndef FACULA_TORCH_STATE_H
#define FACULA_TORCH_STATE_H

#include "facula/state.h"
#include "pickle.h"

/* Sorts the storages by key, and sees to it that those of the same key say the same of it. */
bool fac__torch_sort(fac__pickle *p);
/* The first of that key, after sorting; NULL, without an error, where there is none. */
fac__stored *fac__torch_find(const fac__pickle *p, const char *key);
/* Gives storages of the same key the tensor of the first, which each key must have by now. */
bool fac__torch_share(fac__pickle *p);
/* Adds what is in the value to the state: names of nested dicts and lists are joined by ".". */
bool fac__torch_flatten(fac__pickle *p, const fac__value *root, fac_state *state);

#endif
