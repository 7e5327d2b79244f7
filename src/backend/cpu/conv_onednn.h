/* Floor 1. Convolution by oneDNN, where it is built in and was measured to be faster than isa/conv_kernels.c. */
#ifndef FACULA_CONV_ONEDNN_H
#define FACULA_CONV_ONEDNN_H

#include "backend/conv.h"

/* The forward pass, or the input gradient. false: not done, do it yourself. */
#ifdef FAC__HAVE_ONEDNN
bool fac__onednn_conv(const fac__conv_args *a, bool input);
bool fac__onednn_takes(const fac__conv_args *a); /* as a rule; now and then it cannot */
#else
static inline bool fac__onednn_takes(const fac__conv_args *a)
{
    (void)a;
    return false;
}
static inline bool fac__onednn_conv(const fac__conv_args *a, bool input)
{
    (void)a, (void)input;
    return false;
}
#endif

#endif
