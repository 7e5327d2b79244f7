/* The points of a state, as tensors and as text. */
#ifndef PLAY_POINTS_H
#define PLAY_POINTS_H

#include <facula/facula.h>

#include "play_state.h"

/* Those to learn from and those to test with, [n, 2] and [n, 1], which are the caller's; NULL where there are none. False after an error. */
bool play_make_points(const play_state *state, fac_tensor *x[2], fac_tensor *y[2]);

/* The own points, or their labels, as fac_literal reads them, in lines that are separated by line_end; for free(). */
char *play_own_literal(const play_state *state, bool labels, const char *line_end);

#endif
