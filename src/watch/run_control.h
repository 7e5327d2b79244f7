/* Floor 8. A run's `control` file (folder.h) from the side of those who serve. It is read and written field by field, never mapped: who has the
 * run may make the file shorter at any time. */
#ifndef FACULA_RUN_CONTROL_H
#define FACULA_RUN_CONTROL_H

#include "watch/folder.h"

/* Reads it. What comes out is sane whatever is in the file: at most FAC__CONTROLS knobs, with good names, a drawing of a size that
 * exists or none, at most FAC__ANSWER classes. False when it is none at all. */
bool fac__control_read(fac__control *c, int fd);

/* What follows is for a file opened for reading and writing, whose owner we are, and that fac__control_read has just read into `c`. False when it
 * cannot be written. */
bool fac__control_is_ours(int fd);
bool fac__control_pause(int fd, bool paused);
bool fac__control_step(int fd, const fac__control *c);
bool fac__control_stop(int fd);
bool fac__control_looked(int fd, int64_t now_ms);
/* Wants this value of the knob, or presses the button, as which the value is 1. */
bool fac__control_turn(int fd, const fac__control *c, int knob, double value);
/* Asks about a drawing of height * width bytes; *asked: the number of the question. */
bool fac__control_draw(int fd, const fac__control *c, const uint8_t *pixels, uint32_t *asked);

#endif
