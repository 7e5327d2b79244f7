/* The commands of `facula`: each gets its arguments with "facula NAME" in front, and returns the program's exit status. */
#ifndef FACULA_COMMANDS_H
#define FACULA_COMMANDS_H

int train_command(int argc, char **argv);
int watch_command(int argc, char **argv);

#endif
