/* Floor 8. Looking at the module of a run: its tree, the calls of its layers, and now and then statistics of weights,
 * gradients and outputs. The formats are in docs/watching.md. */
#ifndef FACULA_LAYERS_H
#define FACULA_LAYERS_H

#include "watch/run.h"

/* In fac_run_step: a look that was begun in the step before is written down; one that is due is begun. A look takes the outputs
 * of the step, and the weights and gradients after it. */
void fac__layers_finish(fac_run *run);
void fac__layers_begin(fac_run *run);
/* At the end of a run: a last look, and free. */
bool fac__layers_close(fac_run *run);
/* Between these the run's own forward passes are not taken for the training's. */
void fac__layers_pause(fac_run *run);
void fac__layers_resume(fac_run *run);
/* For tests: a look at the next step, and from now on no others but those asked for. And the seconds that looks took until now. */
void fac__layers_look_now(fac_run *run);
double fac__layers_cost(const fac_run *run);

#endif
