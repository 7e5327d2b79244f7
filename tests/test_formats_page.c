/* The code of docs/formats.md, and that it does what is said there. */
#define _GNU_SOURCE
#include "file_bytes.h"

static void convert(const char *from, const char *to)
{
    fac_state *state = fac_load(from);
    fac_save(state, to);
    fac_state_free(state);
}

static void weights(void **unused)
{
    fac_module *model = fac_nn_linear(3, 2);
    fac_state *state = fac_state_dict(model);
    fac_save(state, "model.pt"); /* or model.safetensors, or model.npz */
    fac_state_free(state);

    fac_state *loaded = fac_load("model.pt");
    bool ok = fac_load_state_dict(model, loaded);
    fac_state_free(loaded);
    fac_module_free(model);

    assert_true(ok);
    convert("model.pt", "model.safetensors");
    assert_string_equal(fac_file_format("model.safetensors"), "safetensors");
}

static void checkpoint(void **unused)
{
    fac_module *model = fac_nn_sequential(fac_nn_linear(3, 2), fac_nn_batch_norm1d(2));
    convert(FAC_TEST_DATA "/formats/torch1.pt", "checkpoint.pt");

    fac_state *checkpoint = fac_load("checkpoint.pt");
    fac_state *weights = fac_state_part(checkpoint, "model.");
    bool ok = fac_load_state_dict(model, weights);
    int64_t epoch = 0;
    fac_state_get_int(checkpoint, "epoch", &epoch);
    const char *name = fac_state_metadata(checkpoint, "name");

    assert_true(ok && epoch == 3 && !strcmp(name, "näme"));
    fac_state_free(checkpoint);
    fac_state_free(weights);
    fac_module_free(model);
}

static void programs(void **unused)
{
    static bytes b;
    read_bytes(FAC_TEST_DATA "/export/cnn.pt2", &b);
    write_bytes("network.pt2", b.p, b.n);
    fac_tensor *x = fac_randn(FAC_SHAPE(4, 1, 12, 12)), *classes = fac_literal("[0, 1, 2, 0]");

    fac_module *network = fac_export_load("network.pt2");
    fac_optimizer *sgd = fac_sgd(fac_parameters(network), .lr = 0.01);
    fac_scope {
        fac_tensor *y = fac_forward(network, x);
        fac_backward(fac_cross_entropy(y, classes));
        fac_step(sgd);
    }
    fac_state *trained = fac_state_dict(network);
    fac_save(trained, "network.safetensors");

    fac_state *before = fac_load("network.pt2"), *after = fac_load("network.safetensors");
    assert_int_equal(fac_state_count(before), fac_state_count(after));
    fac_tensor *old = fac_state_get(before, "fc.weight"), *new = fac_state_get(after, "fc.weight");
    fac_scope
        assert_true(fac_item(fac_max(fac_abs(fac_sub(old, new)))) > 0);
    fac_state_free(before);
    fac_state_free(after);
    fac_state_free(trained);
    fac_optimizer_free(sgd);
    fac_module_free(network);
}

static void arrays(void **unused)
{
    fac_scope {
        fac_npy_write(fac_randn(FAC_SHAPE(100, 3)), "points.npy");
        fac_tensor *points = fac_npy_read("points.npy");
        fac_npy_write(fac_mean(points, .dims = FAC_DIMS(0)), "centre.npy");

        assert_int_equal(fac_numel(fac_npy_read("centre.npy")), 3);
    }
}

static void large(void **unused)
{
    fac_scope {
        convert("model.pt", "large.safetensors");
        fac_state *state = fac_load("large.safetensors", .map = true);
        fac_tensor *weight = fac_state_get(state, "weight"); /* is read when it is first used */

        assert_int_equal(fac_numel(weight), 6);
        fac_state_free(state);
    }
}

static void onnx(void **unused)
{
    fac_module *model = fac_nn_sequential(fac_nn_linear(3, 4), fac_nn_relu(), fac_nn_linear(4, 2));
    fac_tensor *x = fac_randn(FAC_SHAPE(1, 3));
    bool ok = fac_onnx_save(model, FAC_TENSORS(x), "model.onnx", .dynamic_batch = true);
    fac_module_free(model);

    model = ok ? fac_onnx_load("model.onnx") : NULL;
    fac_eval(model);
    fac_tensor *y = fac_forward(model, fac_randn(FAC_SHAPE(5, 3)));
    fac_module_free(model);

    assert_true(y && fac_size(y, 0) == 5 && fac_size(y, 1) == 2);
}

static void several_files(void **unused)
{
    fac_state *state = fac_load("model.pt");
    fac_save(state, "model.safetensors.index.json"); /* model-00001-of-00001.safetensors and so on, 5 GB at most each */
    fac_save(state, "small.safetensors.index.json", .max_shard_size = 100 << 20);
    fac_state_free(state);

    convert("small.safetensors.index.json", "again.safetensors");
    assert_string_equal(fac_file_format("again.safetensors"), "safetensors");
    assert_int_equal(access("model-00001-of-00001.safetensors", F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(weights),      cmocka_unit_test(checkpoint),
                                       cmocka_unit_test(programs),     cmocka_unit_test(arrays),
                                       cmocka_unit_test(large),        cmocka_unit_test(onnx),
                                       cmocka_unit_test(several_files)};
    return cmocka_run_group_tests(tests, enter_work_folder, leave_work_folder);
}
