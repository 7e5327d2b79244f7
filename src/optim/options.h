/* Floor 6. Keyword arguments that are all numbers: the options of optimisers and of schedules. NAN stands for "not
 * given", and among presets for "there is no such option". */
#ifndef FACULA_OPTIONS_H
#define FACULA_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct fac__preset {
    const char *name;
    double value; /* INFINITY: it must be given */
} fac__preset;

/* Presets by name, up to one without a name, as n numbers in the order of names. */
void fac__options_preset(double *values, const char *const *names, int n, const fac__preset *presets);
/* Gives what is NAN in `values` its preset; refuses what there is no preset for in the words of Python ("SGD.__init__()
 * got an unexpected keyword argument 'eps'"), and what must be given and is not. */
bool fac__options_complete(double *values, const double *presets, const char *const *names, int n, const char *owner);
/* Python's repr of a float, into text, which has room for 48 bytes. */
const char *fac__float_text(double v, char *text);

#endif
