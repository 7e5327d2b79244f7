/* "Show me the C": the program that does what the playground did. */
#ifndef PLAY_PROGRAM_H
#define PLAY_PROGRAM_H

#include "play_train.h"

/* A complete C program with facula's public functions: the same points, network and epochs, with the changes on the way. It prints the
 * lesson's lines and in the end "learnt from: loss 0.005432, accuracy 100.00 %", and "tested with: …" where there are points to test with.
 * Before the first epoch it is one that runs to the first pause, or for 1000 epochs. For free(); NULL when memory runs out. */
char *play_program(const play_story *story);

#endif
