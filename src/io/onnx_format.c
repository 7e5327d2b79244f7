/* Floor 7. ONNX as a format of states: the tensors that a model's file holds, by their names. */
#include <stdio.h>

#include "core/raise.h"
#include "format.h"
#include "onnx_model.h"

/* It begins with the version of the format, a small number, and goes on with another field of the model. */
static bool recognise(const unsigned char *head, int64_t n, int64_t size)
{
    static const unsigned char next[] = {0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72};
    (void)size;
    return n > 3 && head[0] == 0x08 && head[1] > 0 && head[1] < 32 && memchr(next, head[2], sizeof next);
}

static bool load(fac__input *in, fac_state *state)
{
    fac__onnx_model m = {.failed = false};
    bool ok = fac__onnx_read_input(in, &m);
    for (int i = 0; i < m.n_initializers && ok; i++)
        ok = fac_state_set(state, m.initializers[i].name, m.initializers[i].t);
    fac__onnx_drop(&m);
    return ok;
}

const fac__format fac__format_onnx = {"onnx", {".onnx"}, recognise, load, NULL};
