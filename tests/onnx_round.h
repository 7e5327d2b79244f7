/* Writing a module as an ONNX file, reading it, and comparing what both do. */
#ifndef FACULA_ONNX_ROUND_H
#define FACULA_ONNX_ROUND_H

#include "file_bytes.h"

#define OPTIONS(...) FAC_OPTIONS(fac_onnx_options, __VA_ARGS__)

static inline fac_tensor *rows_of(fac_tensor *t, int64_t dim, int64_t n)
{
    return fac_index_select(t, (int)dim, fac_remainder_scalar(fac_arange(0, n, 1), fac_size(t, (int)dim)));
}

/* Written, read and run on another batch; and the same of what was read. The module is freed. */
static inline void check_round(fac_module *m, fac_tensor_list in, fac_onnx_options o)
{
    fac_value given[4], got[8];
    fac_tensor *mine[8];
    for (int round = 0; round < 2; round++)
        fac_scope {
            if (!fac_onnx_save_with(m, in, "m.onnx", o)) fail_msg("round %d: %s", round, fac_error());
            assert_true(m->training);
            fac_module *read = fac_onnx_load("m.onnx");
            if (!read) fail_msg("%s", fac_error());
            fac_eval(m);
            fac_eval(read);
            fac_tensor *x[4];
            for (int i = 0; i < in.count; i++) {
                x[i] = o.dynamic_batch ? rows_of(in.items[i], o.batch_dim, 5) : in.items[i];
                given[i] = fac_value_tensor(x[i]);
            }
            int n = fac_graph_call(read, given, (int)in.count, got, 8), k = 1;
            if (o.forward)
                k = o.forward(m, x, (int)in.count, mine, 8);
            else
                mine[0] = fac_forward(m, x[0]);
            assert_int_equal(n, k);
            for (int i = 0; i < n; i++)
                check_close(got[i].v.tensor, mine[i], 2e-5);
            fac_train(m, true);
            if (o.forward) { /* what was read is called otherwise */
                fac_module_free(read);
                continue;
            }
            fac_module_free(m);
            m = read;
            fac_train(m, true);
        }
    fac_module_free(m);
}
/* With another byte there the file is another network, or an error. */
static inline void check_changed(const char *name, bytes *b, size_t i, unsigned char mask)
{
    char path[64];
    b->p[i] ^= mask;
    int fd = make_file(b, path);
    fac_module *m = fac_onnx_load(path);
    if (!m != !!fac_error()) fail_msg("%s, byte %zu: %s", name, i, fac_error());
    fac_clear_error();
    fac_module_free(m);
    close(fd);
    b->p[i] ^= mask;
}

#define ROUND(module, x, ...)                                                                                          \
    check_round(module, FAC_TENSORS(x), OPTIONS(.dynamic_batch = true __VA_OPT__(, ) __VA_ARGS__))

#endif
