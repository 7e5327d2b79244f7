/* Floor 1. What rnn_cpu.c is made of, in each instruction set: rows begin..end of the batch. */
#ifndef FACULA_RNN_ROWS_H
#define FACULA_RNN_ROWS_H

#include "backend/cpu/isa/isa.h"
#include "backend/rnn.h"

typedef void (*fac__rnn_rows)(const fac__rnn_args *a, int64_t begin, int64_t end);
enum { FAC__RNN_KINDS = FAC__RNN_RELU + 1 };

/* by kind, then forward and backward */
FAC__ISA_DECLARE(extern const fac__rnn_rows, fac__rnn_rows_float, [FAC__RNN_KINDS][2]);
FAC__ISA_DECLARE(extern const fac__rnn_rows, fac__rnn_rows_double, [FAC__RNN_KINDS][2]);

#endif
