/* What a run shows of its module: statistics of layers against torch's formulas, the order of calls, evaluations; that looking
 * changes nothing of the training, and how little time it takes. */
#define _GNU_SOURCE
#include "watching.h"

#include <jansson.h>
#include <time.h>

#include "watch/clock.h"
#include "watch/layers.h"
#include "watch/statistics.h"

static fac_run *begin(const char *name)
{
    fac_run *run = fac_run_open(name, .progress = false, .tensorboard = false);
    assert_non_null(run);
    return run;
}

static json_t *read_json(const char *path)
{
    json_error_t error;
    json_t *j = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!j) fail_msg("%s: %s", path, error.text);
    return j;
}

/* The lines of a file, as an array. */
static json_t *read_lines(const char *path)
{
    json_t *all = json_array();
    char *text = whole_file(path, NULL), *rest = text;
    assert_non_null(text);
    assert_true(strlen(text) > 1 && text[strlen(text) - 1] == '\n');
    for (char *line; (line = strsep(&rest, "\n")) && rest;) {
        json_t *j = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (!j) fail_msg("no JSON: %s", line);
        json_array_append_new(all, j);
    }
    free(text);
    return all;
}

static double number(json_t *j, const char *key)
{
    json_t *value = json_object_get(j, key);
    if (!value) fail_msg("there is no '%s'", key);
    return json_is_null(value) ? NAN : json_number_value(value);
}

static const char *text_of(json_t *j, const char *key)
{
    return json_string_value(json_object_get(j, key));
}

/* The entry of a look; NULL where there is none. */
static json_t *entry(json_t *look, const char *name, const char *kind)
{
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(look, "layers"), i,
                       e) if (!strcmp(text_of(e, "name"), name) && !strcmp(text_of(e, "kind"), kind)) return e;
    return NULL;
}

/* A step that is looked at: the time for it has come. */
static void look_at_next_step(fac_run *run, int64_t step)
{
    run->due = 0;
    fac__layers_look_now(run);
    assert_true(fac_run_step(run, step));
}

/* ---- statistics ---------------------------------------------------------------------------------------------- */

static void check_statistics(fac_tensor *t)
{
    fac__statistics s;
    fac__statistics_of(t, -1, &s);
    int64_t n = fac_numel(t), histogram[FAC__BINS] = {0};
    fac_tensor *d = fac_to(t, FAC_FLOAT64);
    double min = fac_item(fac_min(d)), max = fac_item(fac_max(d)), *values = calloc((size_t)n, sizeof *values);
    assert_true(s.count == n && s.nan == 0 && s.inf == 0 && s.min == min && s.max == max && s.units == 0);
    assert_true(fabs(s.mean - fac_item(fac_mean(d))) < 1e-12 && fabs(s.std - fac_item(fac_std(d))) < 1e-10);
    assert_true(fabs(s.norm - fac_item(fac_sqrt(fac_sum(fac_mul(d, d))))) < 1e-9);
    assert_true(s.zeros == fac_item_int(fac_sum(fac_eq_scalar(d, 0))));
    assert_true(fac_to_array(t, FAC_FLOAT64, values, n));
    for (int64_t i = 0; i < n; i++) {
        int bin = (int)((values[i] - min) * (FAC__BINS / (max - min)));
        histogram[bin < FAC__BINS ? bin : FAC__BINS - 1]++;
    }
    assert_memory_equal(histogram, s.histogram, sizeof histogram);
    free(values);
}

static void test_statistics(void **state)
{
    (void)state;
    fac_scope {
        fac_manual_seed(1);
        fac_tensor *t = fac_relu(fac_randn(FAC_SHAPE(7, 301, 5)));
        check_statistics(t);
        check_statistics(fac_transpose(t, 0, 1));
        check_statistics(fac_narrow(t, 1, 3, 77));
        check_statistics(fac_expand(fac_narrow(t, 0, 2, 1), FAC_SHAPE(4, 301, 5)));
        check_statistics(fac_to(t, FAC_FLOAT64));
        check_statistics(fac_to(t, FAC_FLOAT16));
        check_statistics(fac_to(fac_mul_scalar(t, 10), FAC_INT32));

        fac__statistics s;
        fac__statistics_of(fac_literal("[nan, 1, inf, -3, -inf, 0, nan]"), -1, &s);
        assert_true(s.count == 7 && s.nan == 2 && s.inf == 2 && s.zeros == 1 && s.min == -3 && s.max == 1);
        assert_true(fabs(s.mean + 2.0 / 3) < 1e-12 && fabs(s.norm - sqrt(10)) < 1e-12);
        assert_true(s.histogram[0] == 1 && s.histogram[29] == 1 && s.histogram[22] == 1);
        fac__statistics_of(fac_literal("[nan, inf]"), -1, &s);
        assert_true(isnan(s.min) && isnan(s.max) && isnan(s.mean) && isnan(s.std) && isnan(s.norm));
        fac__statistics_of(fac_zeros(FAC_SHAPE(0, 3)), 1, &s);
        assert_true(s.count == 0 && s.units == 0 && isnan(s.mean));
        fac__statistics_of(fac_full(FAC_SHAPE(1000), 2.5), -1, &s);
        assert_true(s.min == 2.5 && s.max == 2.5 && s.std == 0 && s.histogram[0] == 1000);
        fac__statistics_of(fac_full(FAC_SHAPE(1), 2.5), -1, &s);
        assert_true(isnan(s.std)); /* as torch's */

        /* Channels 1 and 3 are 0 for the whole batch. */
        t = fac_add_scalar(fac_rand(FAC_SHAPE(6, 4, 25, 25)), 1);
        t = fac_mul(t, fac_literal("[[[1.]], [[0.]], [[1.]], [[0.]]]"));
        fac__statistics_of(t, 1, &s);
        assert_true(s.units == 4 && s.dead == 2);
        fac__statistics_of(t, 3, &s);
        assert_true(s.units == 25 && s.dead == 0);
        fac__statistics_of(fac_transpose(t, 1, 3), 3, &s);
        assert_true(s.units == 4 && s.dead == 2);
    }
}

/* ---- looks --------------------------------------------------------------------------------------------------- */

static void step_of(fac_module *model, fac_optimizer *o, fac_tensor *x, fac_tensor *y)
{
    fac_scope {
        fac_tensor *loss = fac_mse_loss(fac_forward(model, x), y);
        fac_zero_grad(o);
        assert_true(fac_backward(loss) && fac_step(o));
    }
}

static int warnings;

static void count_warnings(fac_error_code code, const char *op, const char *message, const char *file, int line)
{
    warnings += code == FAC_OK && strstr(message, "the output 2 has 4 values of 4 that are NaN or infinite");
}

static void test_look(void **state)
{
    (void)state;
    fac_run *run = begin("look");
    fac_module *model = fac_nn_sequential(fac_nn_linear(3, 4), fac_nn_relu(), fac_nn_linear(4, 2));
    fac_optimizer *o = fac_sgd(fac_parameters(model), .lr = 0.5);
    fac_tensor_list parameters = fac_parameters(model);
    fac_tensor **items = parameters.items;
    fac_scope {
        fac_tensor *x = fac_literal("[[1., 2., 3.], [-1., 0., 1.]]"), *y = fac_zeros(FAC_SHAPE(2, 2));
        fac_no_grad {
            /* The first unit is dead, whatever x is. */
            fac_copy_(items[0], fac_literal("[[0., 0., 0.], [1., 0., 0.], [0., 1., 0.], [0., 0., 1.]]"));
            fac_copy_(items[1], fac_literal("[-1., 0., 0.5, 0.]"));
        }
        assert_true(fac_run_module(run, model));
        look_at_next_step(run, 10);
        fac_no_grad
            fac_forward(model, x); /* the first is what is shown */
        step_of(model, o, fac_mul_scalar(x, 100), y);
        assert_true(fac_run_step(run, 11));
        step_of(model, o, x, y); /* nobody looks at this one */
        assert_true(fac_run_step(run, 12));

        json_t *lines = read_lines("runs/look/layers.jsonl"), *look = json_array_get(lines, 0), *e;
        assert_int_equal(json_array_size(lines), 1);
        assert_true(number(look, "step") == 10 && fabs(number(look, "time") - (double)time(NULL)) < 100);
        assert_int_equal(json_array_size(json_object_get(look, "layers")), 3 + 2 * 4);
        e = entry(look, "1", "output");
        assert_true(number(e, "min") == 0 && number(e, "max") == 3 && number(e, "zeros") == 3 / 8.0);
        assert_true(number(e, "dead") == 1 && number(e, "units") == 4 && number(e, "nan") == 0);
        assert_true(fabs(number(e, "mean") - (0 + 1 + 2.5 + 3 + 0 + 0 + 0.5 + 1) / 8) < 1e-8);
        assert_true(json_integer_value(json_array_get(json_object_get(e, "shape"), 1)) == 4);
        assert_int_equal(json_array_size(json_object_get(e, "histogram")), FAC__BINS);
        e = entry(look, "0", "output");
        assert_true(number(e, "min") == -1 && number(e, "dead") == 0);
        e = entry(look, "0.weight", "weight");
        assert_true(json_is_null(json_object_get(e, "dead")) && json_is_null(json_object_get(e, "units")));
        assert_true(number(entry(look, "2.bias", "gradient"), "norm") > 0); /* after the step: it is that step's */
        json_decref(lines);

        /* NaN: counted, null, and said once. */
        fac_no_grad
            fac_copy_(items[3], fac_literal("[nan, inf]"));
        warnings = 0;
        fac_set_error_handler(count_warnings);
        for (int i = 13; i < 19; i += 2) {
            look_at_next_step(run, i);
            fac_forward(model, x);
            assert_true(fac_run_step(run, i + 1));
        }
        fac_set_error_handler(fac_default_error_handler);
        assert_true(warnings == 1 && !fac_error());
        lines = read_lines("runs/look/layers.jsonl");
        e = entry(json_array_get(lines, 1), "2.bias", "weight");
        assert_true(number(e, "nan") == 1 && number(e, "inf") == 1 && isnan(number(e, "mean")));
        assert_true(number(entry(json_array_get(lines, 2), "2", "output"), "nan") == 2);
        json_decref(lines);

        /* Another module, and none; the list that the program holds is still there. */
        fac_module *other = fac_nn_linear(3, 1);
        assert_true(fac_run_module(run, other));
        look_at_next_step(run, 20);
        fac_forward(model, x);
        fac_forward(other, x);
        assert_true(fac_run_step(run, 21) && fac_run_module(run, NULL));
        fac_module_free(other);
        look_at_next_step(run, 22);
        assert_true(fac_run_step(run, 23));
        lines = read_lines("runs/look/layers.jsonl");
        assert_int_equal(json_array_size(lines), 5);
        look = json_array_get(lines, 4);
        assert_true(entry(look, "Linear", "output") && !entry(look, "0", "output") && entry(look, "weight", "weight"));
        json_decref(lines);
        assert_ptr_equal(parameters.items, model->parameters.items);
    }
    assert_true(fac_run_close(run));
    fac_optimizer_free(o);
    fac_module_free(model);
}

/* A run that is over before anybody looked has a look all the same. */
static void test_last_look(void **state)
{
    (void)state;
    fac_run *run = begin("short");
    fac_module *model = fac_nn_linear(3, 1);
    assert_true(fac_run_module(run, model) && fac_run_step(run, 1) && fac_run_step(run, 2) && fac_run_close(run));
    json_t *lines = read_lines("runs/short/layers.jsonl");
    assert_true(json_array_size(lines) == 1 && number(json_array_get(lines, 0), "step") == 2);
    json_decref(lines);
    fac_module_free(model);
}

/* ---- the model ----------------------------------------------------------------------------------------------- */

/* Two ways from a layer that meet again, with functions between the layers. */
typedef struct forked {
    fac_module base;
    fac_module *stem, *left, *right, *head;
    fac_tensor *scale;
} forked;

static fac_tensor *forked_forward(fac_module *self, fac_tensor *x)
{
    forked *m = (forked *)self;
    fac_tensor *a = fac_tanh(fac_forward(m->stem, fac_mul_scalar(x, 2)));
    fac_tensor *l = fac_forward(m->left, a), *r = fac_forward(m->right, fac_relu(fac_forward(m->right, a)));
    return fac_forward(m->head, fac_cat(FAC_TENSORS(fac_add(l, a), fac_mul(r, m->scale)), 1));
}

static const fac_module_type forked_type = {.name = "Forked \"1\"", .size = sizeof(forked), .forward = forked_forward};

static fac_module *forked_new(void)
{
    forked *m = fac_module_new(&forked_type);
    fac_add_child(m, stem, fac_nn_linear(3, 4));
    fac_add_child(m, left, fac_nn_sequential(fac_nn_linear(4, 4)));
    fac_add_child(m, right, fac_nn_linear(4, 4));
    fac_add_child(m, head, fac_nn_linear(8, 2, .bias = false));
    fac_add_parameter(m, scale, fac_ones(FAC_SHAPE(4)));
    return fac_module_ready(m);
}

static void check_call(json_t *model, int i, const char *want)
{
    json_t *call = json_array_get(json_object_get(model, "calls"), (size_t)i);
    char *from = json_dumps(json_object_get(call, "from"), JSON_COMPACT);
    char *in = json_dumps(json_object_get(call, "input"), JSON_COMPACT);
    char *out = json_dumps(json_object_get(call, "output"), JSON_COMPACT), got[300];
    snprintf(got, sizeof got, "%s %s %s>%s %s", text_of(call, "name"), text_of(call, "type"), in, out, from);
    assert_string_equal(got, want);
    free(from);
    free(in);
    free(out);
}

static void test_model(void **state)
{
    (void)state;
    fac_run *run = begin("model");
    fac_module *model = forked_new(), *flat = fac_nn_sequential(fac_nn_flatten(), fac_nn_linear(6, 2));
    assert_true(fac_run_module(run, model));
    json_t *j = read_json("runs/model/model.json"), *tree = json_object_get(j, "tree"), *part;
    assert_string_equal(text_of(j, "module"), "Forked \"1\"");
    assert_true(number(j, "parameters") == 16 + 20 + 20 + 16 + 4);
    assert_int_equal(json_array_size(json_object_get(j, "calls")), 0);
    assert_int_equal(json_array_size(tree), 6); /* itself too, for its own parameter */
    part = json_array_get(tree, 0);
    assert_true(!strcmp(text_of(part, "name"), "Forked \"1\"") && number(part, "depth") == 0);
    part = json_array_get(tree, 3);
    assert_string_equal(text_of(part, "name"), "left.0");
    assert_string_equal(text_of(part, "type"), "Linear");
    assert_string_equal(text_of(part, "detail"), "in_features=4, out_features=4, bias=True");
    assert_true(number(part, "depth") == 1 && number(part, "parameters") == 20);
    char *shapes = json_dumps(json_object_get(part, "shapes"), JSON_COMPACT);
    assert_string_equal(shapes, "[[\"weight\",[4,4]],[\"bias\",[4]]]");
    free(shapes);
    json_decref(j);

    fac_scope {
        assert_true(fac_run_step(run, 1));
        fac_forward(model, fac_rand(FAC_SHAPE(5, 3)));
        fac_forward(model, fac_rand(FAC_SHAPE(9, 3)));
        assert_true(fac_run_step(run, 2));
        j = read_json("runs/model/model.json");
        assert_int_equal(json_array_size(json_object_get(j, "calls")), 5);
        check_call(j, 0, "stem Linear [5,3]>[5,4] [-1]");
        check_call(j, 1, "left.0 Linear [5,4]>[5,4] [0]");
        check_call(j, 2, "right Linear [5,4]>[5,4] [0]");
        check_call(j, 3, "right Linear [5,4]>[5,4] [2]");
        check_call(j, 4, "head Linear [5,8]>[5,2] [0,1,3]");
        json_decref(j);

        /* Without a graph: by memory, or else the call before. */
        assert_true(fac_run_module(run, flat) && fac_run_step(run, 3));
        fac_no_grad
            fac_forward(flat, fac_rand(FAC_SHAPE(5, 2, 3)));
        assert_true(fac_run_step(run, 4));
        j = read_json("runs/model/model.json");
        check_call(j, 0, "0 Flatten [5,2,3]>[5,6] [-1]");
        check_call(j, 1, "1 Linear [5,6]>[5,2] [0]"); /* by the shape, as what Flatten gives is the input's memory */
        json_decref(j);
    }
    assert_true(fac_run_close(run));
    fac_module_free(model);
    fac_module_free(flat);
}

/* ---- captured steps, and what looking changes ---------------------------------------------------------------- */

/* The weights after some steps, with or without a run. */
static fac_tensor *trained(fac_run *run, bool captured)
{
    fac_manual_seed(5);
    fac_module *model = fac_nn_sequential(fac_nn_flatten(), fac_nn_linear(6, 16), fac_nn_batch_norm1d(16),
                                          fac_nn_relu(), fac_nn_dropout(.p = 0.3), fac_nn_linear(16, 2));
    fac_optimizer *o = fac_adam(fac_parameters(model), .lr = 0.01);
    fac_plan *plan = NULL;
    fac_tensor *x = fac_keep(fac_randn(FAC_SHAPE(8, 6))), *y = fac_keep(fac_randn(FAC_SHAPE(8, 2))), *result = NULL;
    assert_true(fac_run_module(run, model) && fac_run_drawing(run, model, 2, 3));
    if (run) fac__layers_look_now(run);
    for (int step = 1; step <= 30; step++) {
        if (run && step % 3 == 0)
            look_at_next_step(run, step);
        else
            fac_run_step(run, step);
        if (captured) {
            fac_capture(&plan)
                step_of(model, o, x, y);
        } else {
            step_of(model, o, x, y);
        }
        assert_true(!captured || plan);
        if (run && step % 5 == 0) atomic_fetch_add(&run->steering.control->drawing.asked, 1);
        fac_run_log(run, "step", step, step);
    }
    assert_true(fac_run_module(run, NULL) && fac_run_drawing(run, NULL, 0, 0));
    fac_scope {
        fac_tensor_list all = fac_parameters(model);
        fac_tensor *flat[10];
        for (int i = 0; i < all.count; i++)
            flat[i] = fac_flatten(fac_detach(all.items[i]), 0, -1);
        result = fac_keep(fac_cat((fac_tensor_list){flat, all.count}, 0));
    }
    fac_plan_free(plan);
    fac_release(x);
    fac_release(y);
    fac_optimizer_free(o);
    fac_module_free(model);
    return result;
}

static void test_changes_nothing(void **state)
{
    (void)state;
    fac_tensor *want = trained(NULL, false);
    for (int captured = 0; captured < 2; captured++) {
        fac_run *run = begin(captured ? "captured" : "plain");
        fac_tensor *got = trained(run, captured);
        assert_non_null(got);
        assert_memory_equal(fac_data(got), fac_data(want), (size_t)fac_numel(want) * sizeof(float));
        assert_true(fac_run_close(run));
        fac_release(got);
    }
    fac_release(want);
    json_t *plain = read_lines("runs/plain/layers.jsonl"), *captured = read_lines("runs/captured/layers.jsonl");
    assert_true(json_array_size(plain) == 10 && json_array_size(captured) == 10); /* the last was not finished */
    for (size_t i = 0; i < 10; i++) { /* of captured steps there are no outputs, and the rest is the same */
        json_t *a = json_array_get(plain, i), *b = json_array_get(captured, i);
        assert_true(number(a, "step") == (i ? 3 * (double)i : 1) && number(b, "step") == number(a, "step"));
        assert_true(entry(a, "3", "output") && !entry(b, "3", "output"));
        assert_true(json_equal(entry(a, "5.weight", "weight"), entry(b, "5.weight", "weight")));
        assert_true(json_equal(entry(a, "1.bias", "gradient"), entry(b, "1.bias", "gradient")));
    }
    json_decref(plain);
    json_decref(captured);
    json_t *model = read_json("runs/captured/model.json"); /* the calls are seen in the step that is recorded */
    assert_int_equal(json_array_size(json_object_get(model, "calls")), 6);
    check_call(model, 5, "5 Linear [8,16]>[8,2] [4]");
    json_decref(model);
}

/* ---- evaluations --------------------------------------------------------------------------------------------- */

static void check_sample(json_t *sample, fac_tensor *images, fac_tensor *targets, fac_tensor *outputs)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    int64_t i = (int64_t)number(sample, "index"), target = fac_item_int(fac_select(targets, 0, i));
    fac_tensor *p = fac_softmax(fac_select(outputs, 0, i), 0, FAC_FLOAT64);
    double probability = fac_at(p, FAC_DIMS(target));
    assert_true(number(sample, "target") == (double)target);
    assert_true(number(sample, "predicted") == (double)fac_item_int(fac_argmax(p)));
    assert_true(fabs(number(sample, "probability") - probability) < 1e-7);
    assert_true(fabs(number(sample, "loss") + log(probability)) < 1e-6);
    assert_true(number(sample, "width") == 5 && number(sample, "height") == 4 && number(sample, "channels") == 3);
    const char *pixels = text_of(sample, "pixels");
    assert_int_equal(strlen(pixels), 80);
    uint8_t bytes[60];
    for (int k = 0, n = 0; k < 80; k += 4) {
        uint32_t three = 0;
        for (int d = 0; d < 4; d++)
            three = three << 6 | (uint32_t)(strchr(digits, pixels[k + d]) - digits);
        for (int b = 2; b >= 0; b--)
            bytes[n++] = (uint8_t)(three >> 8 * b);
    }
    for (int k = 0; k < 60; k++) {
        double v = fac_at(images, FAC_DIMS(i, k / 20, k % 20 / 5, k % 5));
        assert_int_equal(bytes[k], (int)(255 * fmin(1, fmax(0, v)) + 0.5));
    }
}

static void test_evaluation(void **state)
{
    (void)state;
    enum { N = 300, K = 7 };
    fac_run *run = begin("evaluation");
    fac_scope {
        fac_manual_seed(2);
        fac_tensor *images = fac_add_scalar(fac_mul_scalar(fac_rand(FAC_SHAPE(N, 3, 4, 5)), 1.4), -0.2);
        fac_tensor *targets = fac_randint(0, K, FAC_SHAPE(N)), *outputs = fac_mul_scalar(fac_randn(FAC_SHAPE(N, K)), 3);
        fac_tensor *predicted = fac_argmax(outputs, .dim = 1);
        int64_t right = fac_item_int(fac_sum(fac_eq(predicted, targets)));
        /* An evaluation that is over, then another in three batches, of which one lies otherwise in memory. */
        assert_true(fac_run_evaluate(run, 1, NULL, targets, outputs) && fac_run_step(run, 1));
        const char *const names[] = {"a \"b\"", "ä"};
        assert_true(fac_run_classes(run, names, 2));
        for (int i = 0; i < 3; i++) {
            fac_tensor *o = fac_narrow(outputs, 0, 100 * i, 100);
            if (i == 1) o = fac_t(fac_contiguous(fac_t(o)));
            assert_true(
                fac_run_evaluate(run, 2, fac_narrow(images, 0, 100 * i, 100), fac_narrow(targets, 0, 100 * i, 100), o));
        }
        assert_true(fac_run_close(run));

        json_t *j = read_json("runs/evaluation/evaluation.json"), *matrix = json_object_get(j, "matrix");
        assert_true(number(j, "step") == 2 && number(j, "count") == N && number(j, "right") == (double)right);
        assert_true(fabs(number(j, "loss") - fac_item(fac_cross_entropy(outputs, targets))) < 1e-5);
        json_t *classes = json_object_get(j, "classes");
        assert_string_equal(json_string_value(json_array_get(classes, 0)), names[0]);
        assert_string_equal(json_string_value(json_array_get(classes, 1)), names[1]);
        assert_string_equal(json_string_value(json_array_get(classes, 6)), "6");
        for (int t = 0; t < K; t++)
            for (int p = 0; p < K; p++) {
                fac_tensor *both = fac_mul(fac_eq_scalar(targets, t), fac_eq_scalar(predicted, p));
                json_t *got = json_array_get(json_array_get(matrix, (size_t)t), (size_t)p);
                assert_int_equal(json_integer_value(got), fac_item_int(fac_sum(both)));
            }
        json_t *worst = json_object_get(j, "worst"), *first = json_object_get(j, "samples");
        assert_true(json_array_size(worst) == 48 && json_array_size(first) == 24);
        for (size_t i = 0; i < 48; i++)
            check_sample(json_array_get(worst, i), images, targets, outputs);
        for (size_t i = 0; i < 24; i++) {
            check_sample(json_array_get(first, i), images, targets, outputs);
            assert_true(number(json_array_get(first, i), "index") == (double)i);
        }
        /* The worst are those of the largest losses among the mistakes. */
        fac_tensor *losses = fac_cross_entropy(outputs, targets, .reduction = FAC_NONE);
        losses = fac_mul(losses, fac_ne(predicted, targets));
        fac_tensor *sorted = fac_topk(losses, 48);
        for (size_t i = 0; i < 48; i++)
            assert_true(fabs(number(json_array_get(worst, i), "loss") - fac_at(sorted, FAC_DIMS((int64_t)i))) < 1e-5);
        json_decref(j);
    }
}

static void test_evaluation_limits(void **state)
{
    (void)state;
    fac_run *run = begin("limits");
    fac_scope {
        fac_tensor *y = fac_literal("[0, -100, 1, 2]"),
                   *o = fac_literal("[[1., 2, 0], [0, 0, 0], [0, nan, 0], [0, 0, 9]]");
        fac_tensor *large = fac_zeros(FAC_SHAPE(4, 65, 3)), *odd = fac_zeros(FAC_SHAPE(4, 2, 3, 3));
        assert_true(fac_run_evaluate(run, 1, large, y, o) && fac_run_evaluate(run, 1, odd, y, o));
        expect_error(fac_run_evaluate(run, 1, NULL, fac_literal("[0, 1, 3, 0]"), o), "Target 3 is out of bounds");
        expect_error(fac_run_evaluate(run, 1, NULL, fac_literal("[0, 1, -1, 0]"), o), "Target -1 is out of bounds");
        expect_error(fac_run_evaluate(run, 1, NULL, fac_literal("[0., 1, 1, 0]"), o), "targets must be of dtype int64");
        expect_error(fac_run_evaluate(run, 1, NULL, fac_literal("[0, 1]"), o), "targets must be of dtype int64");
        expect_error(fac_run_evaluate(run, 1, NULL, y, y), "outputs must be of a floating dtype");
        expect_error(fac_run_evaluate(run, 1, NULL, y, fac_zeros(FAC_SHAPE(4, 1001))), "1 to 1000 classes, got 1001");
        expect_error(fac_run_evaluate(run, 1, fac_zeros(FAC_SHAPE(3, 2, 2)), y, o), "images must be of a floating");
        expect_error(fac_run_evaluate(run, 1, NULL, NULL, o), "'targets' must not be NULL");
        expect_error(fac_run_classes(run, NULL, 1), "'names' must not be NULL");
        expect_error(fac_run_classes(run, (const char *[]){NULL}, 1), "'names' must not be NULL");
        expect_error(fac_run_classes(run, (const char *[]){"a"}, 0), "1 to 1000 classes, not 0");
        assert_true(fac_run_close(run));
        json_t *j = read_json("runs/limits/evaluation.json"), *worst = json_object_get(j, "worst");
        assert_true(number(j, "count") == 6 && number(j, "right") == 4); /* the NaN is taken for the largest */
        assert_true(isnan(number(j, "loss")) && json_array_size(worst) == 2);
        assert_true(json_object_get(json_array_get(worst, 0), "pixels") == NULL);
        json_decref(j);
    }
}

/* ---- how long it takes --------------------------------------------------------------------------------------- */

/* The share of the time that looks take in a second and a half of steps, by their own count; their times. */
static double share_of_time(const char *name, bool watched, json_t **lines)
{
    fac_run *run = begin(name);
    fac_module *model = fac_nn_sequential(fac_nn_linear(64, 256), fac_nn_relu(), fac_nn_linear(256, 64));
    fac_optimizer *o = fac_sgd(fac_parameters(model), .lr = 0.001);
    fac_tensor *x = fac_keep(fac_randn(FAC_SHAPE(32, 64))), *y = fac_keep(fac_randn(FAC_SHAPE(32, 64)));
    assert_true(fac_run_module(run, model));
    double begun = fac__seconds(), now = begun;
    for (int64_t step = 1; now - begun < 1.5; step++) {
        if (watched) atomic_store(&run->steering.control->looked, fac__wall_ms());
        fac_run_step(run, step);
        step_of(model, o, x, y);
        now = fac__seconds();
    }
    double share = fac__layers_cost(run) / (now - begun);
    char path[100];
    snprintf(path, sizeof path, "%s/layers.jsonl", fac_run_path(run));
    assert_true(fac_run_close(run));
    *lines = read_lines(path);
    fac_release(x);
    fac_release(y);
    fac_optimizer_free(o);
    fac_module_free(model);
    return share;
}

/* One of several tries: a look that another program interrupted counts that one's time. */
static void test_cost(void **state)
{
    (void)state;
    json_t *alone = NULL, *watched = NULL;
    double share = 1, share_watched = 1;
    for (int try = 0; try < 5 && !(share < 0.01); try++) {
        json_decref(alone);
        share = share_of_time("alone", false, &alone);
    }
    for (int try = 0; try < 5 && !(share_watched < 0.05 && json_array_size(watched) >= 3); try++) {
        json_decref(watched);
        share_watched = share_of_time("watched", true, &watched);
    }
    print_message("looks take %.2f %% of the time, %.2f %% while somebody looks on\n", 100 * share,
                  100 * share_watched);
    assert_true(share > 0 && share < 0.01);
    assert_true(share_watched > 0 && share_watched < 0.05);
    size_t count = json_array_size(watched);
    assert_in_range(count, 3, 5); /* twice a second, and the last */
    for (size_t i = 1; i + 1 < count; i++)
        assert_true(number(json_array_get(watched, i), "time") - number(json_array_get(watched, i - 1), "time") > 0.49);
    json_decref(alone);
    json_decref(watched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics),        cmocka_unit_test(test_look),
        cmocka_unit_test(test_last_look),         cmocka_unit_test(test_model),
        cmocka_unit_test(test_changes_nothing),   cmocka_unit_test(test_evaluation),
        cmocka_unit_test(test_evaluation_limits), cmocka_unit_test(test_cost),
    };
    return cmocka_run_group_tests(tests, watching_begin, watching_end);
}
