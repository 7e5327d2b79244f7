/* Floor 0: PyTorch's CPU random generator (mt19937 and its distributions): the same seed gives the same numbers. */
#ifndef FACULA_RANDOM_H
#define FACULA_RANDOM_H

#include "facula/tensor.h"

FAC_BEGIN

typedef struct fac_generator fac_generator;

/* The process's default generator, which every function uses that is not given one. Until fac_manual_seed its seed is
 * 67280421310721, that of a new torch.Generator() (PyTorch's own default generator begins with a random one). Threads
 * may use it at the same time; which then gets which numbers is open. Any other generator is to be used by one thread at
 * a time. */
FAC_API fac_generator *fac_default_generator(void);
/* torch.manual_seed for the default generator. */
FAC_API void fac_manual_seed(uint64_t seed);

/* A generator of one's own, to be freed with fac_generator_free. NULL when memory runs out. */
FAC_API fac_generator *fac_generator_new(uint64_t seed);
FAC_API void fac_generator_free(fac_generator *g);
/* NULL as g stands for the default generator in all of these. */
FAC_API void fac_generator_seed(fac_generator *g, uint64_t seed);
FAC_API uint64_t fac_generator_initial_seed(const fac_generator *g);

/* torch.get_rng_state / set_rng_state: the whole state as a uint8 tensor of facula's own layout (not PyTorch's bytes).
 * set: false, with an error and the generator unchanged, when the tensor is not such a state. */
FAC_API fac_tensor *fac_generator_get_state(const fac_generator *g);
FAC_API bool fac_generator_set_state(fac_generator *g, const fac_tensor *state);

/* Raw draws: 32 bits, 64 bits (two draws, the first is the high half). */
FAC_API uint32_t fac_generator_random(fac_generator *g);
FAC_API uint64_t fac_generator_random64(fac_generator *g);

FAC_END
#endif
