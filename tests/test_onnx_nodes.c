/* ONNX models of one node each, against what onnxruntime made of them (tests/record/record_onnx_nodes.py);
 * the same files damaged, and without enough memory. */
#define _GNU_SOURCE
#include "core/memory.h"
#include "io/zip.h"
#include "onnx_round.h"

#define DATA FAC_TEST_DATA "/onnx/"

static fac_tensor *array(fac_state *state, const char *name, const char *what, int i)
{
    char text[100];
    snprintf(text, sizeof text, "%s.%s%d", name, what, i);
    return fac_state_get(state, text);
}

/* The entry as a file "node.onnx"; its name without the suffix. */
static void unpack(fac__zip *z, int64_t i, char *name, size_t room)
{
    const fac__zip_entry *e = &z->entries[i];
    unsigned char *data = malloc((size_t)e->size + 1);
    fac__stream s;
    assert_true(data && fac__zip_stream(z, e, &s) && fac__stream_read(&s, data, e->size));
    fac__stream_close(&s);
    write_bytes("node.onnx", data, (size_t)e->size);
    free(data);
    snprintf(name, room, "%s", e->name);
    *strrchr(name, '.') = 0;
}

static void check_node(const char *name, fac_state *with)
{
    fac_module *m = fac_onnx_load("node.onnx");
    if (!m) fail_msg("%s: %s", name, fac_error());
    fac_eval(m);
    fac_value in[8], out[4];
    int n = fac_graph_inputs(m);
    for (int i = 0; i < n; i++)
        in[i] = fac_value_tensor(array(with, name, "in", i));
    int k = fac_graph_call(m, in, n, out, 4);
    if (k < 1) fail_msg("%s: %s: %s", name, fac_error_op(), fac_error());
    for (int i = 0; i < k; i++) {
        fac_tensor *want = array(with, name, "out", i);
        if (fac_dtype_of(out[i].v.tensor) != fac_dtype_of(want)) fail_msg("%s: output %d is of another dtype", name, i);
        print_message("[          ] %s\n", name);
        check_close(out[i].v.tensor, want, 2e-5);
    }
    fac_module_free(m);
}

/* Whichever allocation fails, reading and running end with an error. */
static void check_memory(const char *name, fac_state *with)
{
    for (int64_t n = 1;; n++) {
        bool good = false;
        fac_scope {
            fac_value in[8], out[4];
            int inputs = 0;
            while (inputs < 8 && (in[inputs] = fac_value_tensor(array(with, name, "in", inputs))).v.tensor)
                inputs++;
            fac_clear_error();
            fac__alloc_fail_at(n);
            fac_module *m = fac_onnx_load("node.onnx");
            good = m && fac_eval(m) && fac_graph_call(m, in, inputs, out, 4) > 0;
            fac__alloc_fail_at(0);
            fac_module_free(m);
        }
        if (good != !fac_error()) fail_msg("%s, allocation %d: %s", name, (int)n, fac_error());
        fac_clear_error();
        if (good) break;
    }
}

static void check_damage(const char *name)
{
    static bytes b;
    read_bytes("node.onnx", &b);
    for (size_t i = strlen(name) % 11; i < b.n; i += 11)
        check_changed(name, &b, i, 0x11);
}

static void nodes(void **unused)
{
    fac__input in;
    fac__zip z;
    fac_state *with = fac_load(DATA "nodes.npz");
    assert_non_null(with);
    assert_true(fac__input_open(&in, DATA "nodes.zip", false) && fac__zip_open(&z, &in));
    for (int64_t i = 0; i < z.count; i++)
        fac_scope {
            char name[80];
            unpack(&z, i, name, sizeof name);
            check_node(name, with);
            check_damage(name);
            check_memory(name, with);
        }
    assert_true(z.count >= 150);
    fac__zip_close(&z);
    fac__input_close(&in);
    fac_state_free(with);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nodes)};
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
