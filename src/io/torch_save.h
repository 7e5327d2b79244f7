/* Floor 7. Writing a state as torch.save would. */
#ifndef FACULA_TORCH_SAVE_H
#define FACULA_TORCH_SAVE_H

#include "atomic_file.h"
#include "facula/state.h"

bool fac__torch_save(fac__file *f, const fac_state *state);

#endif
