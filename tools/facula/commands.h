/* The commands of `facula`: each gets its arguments with "facula NAME" in front, and returns the program's exit status. */
#ifndef FACULA_COMMANDS_H
#define FACULA_COMMANDS_H

int train_command(int argc, char **argv);
int eval_command(int argc, char **argv);
int predict_command(int argc, char **argv);
int info_command(int argc, char **argv);
int convert_command(int argc, char **argv);
int ops_command(int argc, char **argv);
int bench_command(int argc, char **argv);
int watch_command(int argc, char **argv);

#endif
