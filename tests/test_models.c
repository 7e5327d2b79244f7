/* The networks of facula/models.h against the originals, from the same seed (tests/data/models.txt, whose format is told in
 * tests/record/record_models.py): text, names and shapes, weights, results, gradients; loading, copying, capture, errors. */
#include "recorded.h"

#include <unistd.h>

#include "core/memory.h"

/* ---- the networks, by the names of the file ------------------------------------------------------------------- */

#define MODEL(name, make)                                                                                              \
    static fac_module *make_##name(void)                                                                               \
    {                                                                                                                  \
        return make;                                                                                                   \
    }
#define MODELS(X)                                                                                                      \
    X(lenet, fac_image_model("lenet"))                                                                                 \
    X(lenet_colour, fac_lenet(.num_classes = 5, .in_channels = 3, .image_size = 32))                                   \
    X(vgg11_bn, fac_image_model("vgg11_bn", .num_classes = 10, .hidden = 64))                                          \
    X(vgg11_grey, fac_vgg11(.num_classes = 10, .in_channels = 1, .hidden = 64, .dropout = 0.25))                       \
    X(vgg11, fac_image_model("vgg11", .hidden = 64))                                                                   \
    X(vgg13, fac_image_model("vgg13", .hidden = 64))                                                                   \
    X(vgg16, fac_image_model("vgg16", .hidden = 64))                                                                   \
    X(vgg19, fac_image_model("vgg19", .hidden = 64))                                                                   \
    X(vgg13_bn, fac_image_model("vgg13_bn", .hidden = 64))                                                             \
    X(vgg16_bn, fac_image_model("vgg16_bn", .hidden = 64))                                                             \
    X(vgg19_bn, fac_image_model("vgg19_bn", .hidden = 64))                                                             \
    X(resnet18, fac_image_model("resnet18", .num_classes = 10))                                                        \
    X(resnet18_small, fac_resnet18(.num_classes = 10, .in_channels = 1, .small_images = true))                         \
    X(resnet18_zero, fac_resnet18(.zero_init_residual = true))                                                         \
    X(resnet50, fac_image_model("resnet50", .num_classes = 10))                                                        \
    X(resnet50_zero, fac_resnet50(.zero_init_residual = true))                                                         \
    X(resnet34, fac_image_model("resnet34"))                                                                           \
    X(resnet101, fac_image_model("resnet101"))                                                                         \
    X(resnet152, fac_image_model("resnet152"))                                                                         \
    X(mobilenet_v2, fac_image_model("mobilenet_v2", .num_classes = 10))                                                \
    X(mobilenet_v2_narrow, fac_mobilenet_v2(.width_mult = 0.35, .dropout = 0.5))                                       \
    X(mobilenet_v2_wide, fac_mobilenet_v2(.width_mult = 1.4))                                                          \
    X(gpt2, fac_gpt2(.vocab_size = 64, .n_positions = 32, .n_embd = 16, .n_layer = 2, .n_head = 2))                    \
    X(gpt2_medium, fac_gpt2_medium(.vocab_size = 64, .n_positions = 32, .n_layer = 1))                                 \
    X(lstm_lm, fac_lstm_lm(20, 6, 6, 2, .tie_weights = true))                                                          \
    X(lstm_lm_loose, fac_lstm_lm(20, 5, 7, 1, .dropout = 0))                                                           \
    X(vae, fac_vae())
MODELS(MODEL)

typedef struct maker {
    const char *name;
    fac_module *(*make)(void);
} maker;
#define ROW(name, make) {#name, make_##name},
static const maker makers[] = {MODELS(ROW)};
enum { MAKERS = sizeof makers / sizeof *makers };

static fac_module *make_model(const char *name)
{
    for (int i = 0; i < MAKERS; i++)
        if (!strcmp(makers[i].name, name)) return makers[i].make();
    fail_msg("no model '%s'", name);
    return NULL;
}

/* ---- summaries ------------------------------------------------------------------------------------------------ */

static double norm_of(fac_tensor *t)
{
    double norm = 0;
    fac_no_grad
        fac_scope
            norm = sqrt(fac_item(fac_sum(fac_square(fac_to(fac_detach(t), FAC_FLOAT64)))));
    return norm;
}

static double number(recorded *r)
{
    return strtod(recorded_word(r), NULL);
}

/* Tolerance 0: the same float. */
static void near(const recorded *r, const char *what, double got, double want, double tolerance)
{
    if (tolerance > 0 ? !(fabs(got - want) <= tolerance * (1 + fabs(want))) : (float)got != (float)want)
        fail_msg("line %d, %s: %s: got %.17g, expected %.17g", r->number, r->name, what, got, want);
}

/* SHAPE and the first, the middle, the last element, and the norm. */
static void check_summary(recorded *r, const char *what, fac_tensor *t, double tolerance)
{
    if (!t) fail_msg("line %d, %s: %s: %s", r->number, r->name, what, fac_error());
    char shape[200] = "";
    for (int d = 0; d < fac_dim(t); d++)
        sprintf(shape + strlen(shape), d ? ",%lld" : "%lld", (long long)fac_size(t, d));
    const char *want = recorded_word(r);
    if (strcmp(*shape ? shape : "-", want))
        fail_msg("line %d, %s: %s has shape %s, expected %s", r->number, r->name, what, shape, want);
    fac_no_grad
        fac_scope {
            fac_tensor *flat = fac_reshape(fac_detach(t), FAC_DIMS(-1));
            const int64_t n = fac_numel(flat), places[] = {0, n / 2, n - 1};
            for (int i = 0; i < 3; i++)
                near(r, what, fac_at(flat, FAC_DIMS(places[i])), number(r), tolerance);
        }
    near(r, what, norm_of(t), number(r), tolerance > 0 ? tolerance : 1e-12);
}

static uint64_t hash(uint64_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3;
    return h;
}
static const uint64_t hash_of_nothing = 0xcbf29ce484222325;

static uint64_t hash_of_names(const fac_state *state)
{
    uint64_t h = hash_of_nothing;
    for (int64_t i = 0; i < fac_state_count(state); i++) {
        fac_tensor *t = fac_state_tensor_at(state, i);
        char text[32];
        h = hash(hash(h, fac_state_name_at(state, i)), " ");
        for (int d = 0; d < fac_dim(t); d++) {
            snprintf(text, sizeof text, d ? ",%lld" : "%lld", (long long)fac_size(t, d));
            h = hash(h, text);
        }
        h = hash(h, fac_dim(t) ? "\n" : "-\n");
    }
    return h;
}

static double norm_of_all(const fac_state *state)
{
    double sum = 0;
    for (int64_t i = 0; i < fac_state_count(state); i++) {
        fac_tensor *t = fac_state_tensor_at(state, i);
        double norm = fac_dtype_is_floating(fac_dtype_of(t)) ? norm_of(t) : 0;
        sum += norm * norm;
    }
    return sqrt(sum);
}

/* ---- one network ---------------------------------------------------------------------------------------------- */

typedef struct step {
    fac_tensor *x, *target, *loss;
    fac_tensor *y[3]; /* all results */
    int results, seen;
} step;

static bool is(const fac_module *m, const char *type)
{
    return !strcmp(m->type->name, type);
}

/* What the script's inputs() gives. */
static void make_input(const fac_module *m, const char *name, step *s)
{
    static const struct {
        const char *begins;
        int64_t shape[4];
    } shapes[] = {{"lenet_colour", {4, 3, 32, 32}},
                  {"lenet", {4, 1, 28, 28}},
                  {"vgg11_bn", {2, 3, 32, 32}},
                  {"vgg11_grey", {2, 1, 32, 32}},
                  {"resnet18_", {2, 1, 16, 16}},
                  {"resnet", {2, 3, 40, 40}},
                  {"mobilenet", {4, 3, 40, 40}},
                  {"vae", {3, 1, 28, 28}},
                  {"gpt2", {2, 16}},
                  {"lstm", {5, 3}}};
    int i = 0;
    while (strncmp(name, shapes[i].begins, strlen(shapes[i].begins)))
        i++;
    fac_dims shape = fac_dims_make(shapes[i].shape[2] ? 4 : 2, shapes[i].shape);
    fac_manual_seed(1);
    if (is(m, "VAE")) {
        s->x = fac_rand(shape);
    } else if (shape.n == 2) {
        int64_t words = is(m, "RNNModel") ? 20 : 64;
        s->x = fac_randint(0, words, shape);
        s->target = fac_randint(0, words, shape);
    } else {
        s->x = fac_randn(shape);
        s->target = fac_arange(0, shape.d[0], 1);
    }
}

static void run(fac_module *m, step *s)
{
    s->results = 1;
    if (is(m, "VAE")) {
        s->y[0] = fac_vae_forward(m, s->x, &s->y[1], &s->y[2]);
        s->results = 3;
        s->loss = fac_vae_loss(s->y[0], s->x, s->y[1], s->y[2]);
    } else if (is(m, "RNNModel")) {
        s->y[0] = fac_lstm_lm_forward(m, s->x, NULL, NULL, &s->y[1], &s->y[2]);
        s->results = 3;
        s->loss = fac_nll_loss(s->y[0], fac_flatten(s->target, 0, -1));
    } else {
        s->y[0] = fac_forward(m, s->x);
        s->loss = fac_cross_entropy(s->y[0] ? fac_flatten(s->y[0], 0, -2) : NULL, fac_flatten(s->target, 0, -1));
    }
}

/* The lines of one network, checked one after another. */
static void check_model(recorded *r)
{
    fac_manual_seed(0);
    fac_module *m = make_model(r->name);
    if (!m) fail_msg("%s: %s", r->name, fac_error());
    double following = fac_item(fac_rand(FAC_SHAPE(1)));
    char *text = fac_module_to_string(m), *print = text;
    fac_state *state = fac_state_dict(m);
    fac_named_tensors gradients = {0};
    int64_t next = 0, next_gradient = 0;
    step s = {0};
    while (recorded_line(r)) {
        const char *mark = recorded_word(r);
        if (!strcmp(mark, "end")) break;
        switch (*mark) {
        case 't': {
            uint64_t printed = strtoull(recorded_word(r), NULL, 16), named = strtoull(recorded_word(r), NULL, 16);
            if (hash(hash_of_nothing, text) != printed) print_error("%s prints otherwise:\n%s\n", r->name, text);
            if (hash_of_names(state) != named) print_error("%s has other names or shapes\n", r->name);
            near(r, "norm of the weights", norm_of_all(state), number(r), 1e-12);
            near(r, "next random number", following, number(r), 0);
            assert_true(hash(hash_of_nothing, text) == printed && hash_of_names(state) == named);
            break;
        }
        case 'r': {
            char *want = r->at, *line = strsep(&print, "\n");
            want[strcspn(want, "\n")] = 0;
            if (!line || strcmp(line, want)) fail_msg("%s prints %s, expected %s", r->name, line, want);
            break;
        }
        case 'p': {
            const char *name = recorded_word(r);
            assert_string_equal(fac_state_name_at(state, next), name);
            check_summary(r, name, fac_state_tensor_at(state, next++), 0); /* to the bit */
            break;
        }
        case 'f':
            make_input(m, r->name, &s);
            fac_eval(m);
            fac_no_grad
                run(m, &s);
            check_summary(r, "float32", s.y[0], 1e-4);
            fac_train(m, true);
            fac_module_to(m, FAC_FLOAT64);
            if (fac_dtype_is_floating(fac_dtype_of(s.x))) s.x = fac_to(s.x, FAC_FLOAT64);
            fac_manual_seed(2);
            run(m, &s);
            break;
        case '=': check_summary(r, "result", s.y[s.seen++], 1e-9); break;
        case 'l':
            assert_int_equal(s.seen, s.results);
            near(r, "loss", fac_item(s.loss), number(r), 1e-10);
            assert_true(fac_backward(s.loss));
            gradients = fac_named_parameters(m);
            break;
        case 'G': {
            double sum = 0;
            for (int64_t i = 0; i < gradients.count; i++)
                sum += pow(norm_of(fac_grad(gradients.items[i].tensor)), 2);
            near(r, "norm of the gradients", sqrt(sum), number(r), 1e-9);
            break;
        }
        case 'g': {
            const char *name = recorded_word(r);
            assert_string_equal(gradients.items[next_gradient].name, name);
            near(r, name, norm_of(fac_grad(gradients.items[next_gradient++].tensor)), number(r), 1e-9);
            break;
        }
        case 'b': {
            const char *name = recorded_word(r);
            check_summary(r, name, fac_get_parameter(m, name), 1e-9);
            break;
        }
        default:
            fac_eval(m);
            fac_manual_seed(3);
            fac_no_grad
                run(m, &s);
            check_summary(r, "evaluation", s.y[0], 1e-9);
        }
    }
    if (print != text) assert_null(print);
    if (next) assert_int_equal(next, fac_state_count(state));
    if (next_gradient) assert_int_equal(next_gradient, gradients.count);
    free(text);
    fac_state_free(state);
    fac_module_free(m);
    fac_empty_cache(); /* what one network leaves is of little use to the next */
}

/* With sanitizers all takes ten times as long, and other depths run no other code. */
static bool is_left_out(const char *name)
{
#ifdef FAC_TEST_SANITIZE
    static const char *const deep[] = {"vgg13",    "vgg16",    "vgg19",     "vgg13_bn",  "vgg16_bn",
                                       "vgg19_bn", "resnet34", "resnet101", "resnet152", "resnet50_zero"};
    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++)
        if (!strcmp(name, deep[i])) return true;
#endif
    (void)name;
    return false;
}

static void test_recorded(void **state)
{
    recorded r = {.file = fopen(FAC_TEST_DATA "/models.txt", "r")};
    assert_non_null(r.file);
    int count = 0;
    for (; recorded_line(&r); count++) {
        assert_string_equal(recorded_word(&r), "model");
        snprintf(r.name, sizeof r.name, "%s", recorded_word(&r));
        if (is_left_out(r.name))
            while (recorded_line(&r) && strcmp(r.line, "end\n"))
                continue;
        else
            fac_scope
                check_model(&r);
        assert_null(fac_error());
    }
    assert_int_equal(count, MAKERS);
    free(r.line);
    fclose(r.file);
}

/* ---- by name, sizes ------------------------------------------------------------------------------------------- */

/* Each row is among what was recorded, and has a constructor with keywords of its own. */
static void test_table(void **state)
{
    int rows = 0;
    for (const fac_image_model_row *row = fac_image_models(); row->name; row++, rows++) {
        int i = 0;
        while (i < MAKERS && strcmp(makers[i].name, row->name))
            i++;
        assert_true(i < MAKERS);
        assert_non_null(row->about);
    }
    assert_int_equal(rows, 15);
#define REFUSES(name) expect_error(fac_##name(.num_classes = -1), "must be above 0");
    REFUSES(lenet)
    REFUSES(vgg11)
    REFUSES(vgg13)
    REFUSES(vgg16)
    REFUSES(vgg19)
    REFUSES(vgg11_bn)
    REFUSES(vgg13_bn)
    REFUSES(vgg16_bn)
    REFUSES(vgg19_bn)
    REFUSES(resnet18)
    REFUSES(resnet34)
    REFUSES(resnet50)
    REFUSES(resnet101)
    REFUSES(resnet152)
    REFUSES(mobilenet_v2)
#ifndef FAC_TEST_SANITIZE /* it would take long */
    fac_module *whole = fac_vgg11();
    assert_int_equal(fac_num_parameters(whole), 132863336); /* torchvision's number */
    fac_module_free(whole);
#endif
}

static void test_gpt2_sizes(void **state)
{
    const fac_gpt2_options sizes[] = {fac_gpt2_options_defaults(), fac_gpt2_medium_options_defaults(),
                                      fac_gpt2_large_options_defaults(), fac_gpt2_xl_options_defaults()};
    /* of the published models, which have all but the last layer's weight, the first one's */
    static const int64_t parameters[] = {124439808, 354823168, 774030080, 1557611200};
    for (int i = 0; i < 4; i++) {
        int64_t e = sizes[i].n_embd, block = 12 * e * e + 13 * e;
        assert_int_equal((sizes[i].vocab_size + sizes[i].n_positions + 2) * e + sizes[i].n_layer * block,
                         parameters[i]);
        assert_int_equal(e % sizes[i].n_head, 0);
        assert_int_equal(e / sizes[i].n_head, 64);
    }
    fac_module *m = make_model("gpt2");
    assert_int_equal(fac_num_parameters(m), (64 + 32 + 2) * 16 + 2 * (12 * 16 * 16 + 13 * 16));
    fac_module_free(m);
}

/* ---- loading, copying ------------------------------------------------------------------------------------------ */

/* What docs/models.md shows. */
static fac_module *resnet18_from(const char *file)
{
    fac_module *model = fac_resnet18(.num_classes = 10);
    fac_state *weights = fac_load(file);
    fac_load_state_dict(model, weights);
    fac_state_free(weights);
    fac_eval(model);
    return model;
}

static void load_file(fac_module *model, const char *file)
{
    fac_state *state = fac_load(file);
    if (!fac_load_state_dict(model, state)) fail_msg("%s", fac_error());
    fac_state_free(state);
}

static void test_loading(void **state)
{
    char file[] = "/tmp/facula_models_XXXXXX";
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    close(fd);
    fac_scope {
        fac_module *resnet = make_model("resnet18");
        fac_tensor *image = fac_randn(FAC_SHAPE(1, 3, 32, 32));
        fac_state *weights = fac_state_dict(resnet);
        assert_true(fac_save(weights, file));
        fac_module *again = resnet18_from(file);
        fac_eval(resnet);
        check_close(fac_forward(again, image), fac_forward(resnet, image), 0);
        fac_add_child_named(again, "fc", fac_nn_linear(512, 3));
        assert_int_equal(fac_size(fac_forward(again, image), 1), 3);
        fac_state_free(weights);
        fac_module_free(again);
        fac_module_free(resnet);
    }
    fac_scope {
        fac_module *saved = make_model("gpt2"), *model = make_model("gpt2");
        fac_tensor *words = fac_randint(0, 64, FAC_SHAPE(2, 7));
        fac_eval(saved);
        fac_eval(model);
        fac_tensor *want = fac_forward(saved, words);
        assert_true(fac_item(fac_sum(fac_forward(model, words))) != fac_item(fac_sum(want)));
        fac_state *whole = fac_state_dict(saved);
        assert_true(fac_save(whole, file));
        load_file(model, file);
        check_close(fac_forward(model, words), want, 0);

        /* as GPT2Model saves it, and with the masks of old files */
        fac_state *bare = fac_state_part(whole, "transformer.");
        fac_state_set(bare, "h.0.attn.bias", fac_ones(FAC_SHAPE(1, 1, 32, 32)));
        fac_state_set(bare, "h.1.attn.masked_bias", fac_full(FAC_SHAPE(), -1e4));
        fac_module *other = make_model("gpt2");
        fac_eval(other);
        assert_true(fac_load_state_dict(other, bare));
        check_close(fac_forward(other, words), want, 0);
        fac_state_set(bare, "h.2.ln_1.bias", fac_ones(FAC_SHAPE(16)));
        expect_error(fac_load_state_dict(other, bare),
                     "GPT2LMHeadModel:\n\tUnexpected key(s) in state_dict: \"transformer.h.2.ln_1.bias\"");
        fac_state *part = fac_state_part(whole, "transformer.h.");
        expect_error(fac_load_state_dict(other, part), "Missing key(s) in state_dict: \"transformer.wte.weight\"");
        fac_state *twice = fac_state_part(whole, "");
        fac_state_set(twice, "wte.weight", fac_ones(FAC_SHAPE(64, 16)));
        expect_error(fac_load_state_dict(other, twice), "transformer.wte.weight");
        check_close(fac_forward(other, words), want, 0);
        fac_state_free(twice);
        fac_state_free(part);
        fac_state_free(bare);
        fac_state_free(whole);
        fac_module_free(other);
        fac_module_free(model);
        fac_module_free(saved);
    }
    unlink(file);
}

/* A copy gives the same, is of its own memory, and ties what was tied. */
static void test_copies(void **state)
{
    static const char *const names[] = {"lenet_colour", "vgg11_grey", "resnet18", "mobilenet_v2",
                                        "gpt2",         "lstm_lm",    "vae"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        fac_scope {
            fac_module *m = make_model(names[i]);
            step one, two;
            make_input(m, names[i], &one);
            two = one;
            fac_module *copy = fac_copy_module(m);
            fac_no_grad {
                fac_manual_seed(4);
                run(m, &one);
                fac_tensor_list p = fac_parameters(m);
                assert_int_equal(p.count, fac_parameters(copy).count);
                for (int64_t k = 0; k < p.count; k++)
                    fac_zero_(p.items[k]);
                fac_manual_seed(4);
                run(copy, &two);
            }
            check_close(two.y[0], one.y[0], 0);
            fac_module_free(m);
            fac_module_free(copy);
        }
}

/* ---- training --------------------------------------------------------------------------------------------------- */

#ifdef FAC_TEST_SANITIZE
enum { STEPS = 2 };
#else
enum { STEPS = 3 };
#endif

/* Some steps, captured or not; the state afterwards, and the losses. */
static fac_state *train(const char *name, bool captured, double *losses)
{
    fac_manual_seed(0);
    fac_module *m = make_model(name);
    fac_optimizer *sgd = fac_sgd(fac_parameters(m), .lr = 0.01, .momentum = 0.9);
    fac_plan *plan = NULL;
    fac_tensor *loss = NULL;
    step s = {0};
    make_input(m, name, &s);
    fac_manual_seed(5);
    for (int i = 0; i < STEPS; i++) {
        fac_scope {
            if (captured) {
                fac_capture(&plan) {
                    run(m, &s);
                    fac_zero_grad(sgd);
                    fac_backward(s.loss);
                    fac_step(sgd);
                    loss = fac_keep(s.loss);
                }
            } else {
                run(m, &s);
                fac_zero_grad(sgd);
                fac_backward(s.loss);
                fac_step(sgd);
                loss = s.loss;
            }
            losses[i] = fac_item(loss);
        }
    }
    if (captured) {
        assert_non_null(plan);
        assert_int_equal(fac_plan_numbers(plan).replays, STEPS - 1);
        fac_release(loss);
    }
    fac_plan_free(plan);
    fac_state *state = fac_state_dict(m);
    fac_optimizer_free(sgd);
    fac_module_free(m);
    return state;
}

/* Captured steps give the bits of plain ones: weights, running statistics, dropout's random numbers. */
static void test_captured(void **state)
{
    static const char *const names[] = {"lenet_colour", "resnet18", "mobilenet_v2", "gpt2", "lstm_lm", "vae"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        fac_scope {
            double plain[STEPS], replayed[STEPS];
            fac_state *a = train(names[i], false, plain), *b = train(names[i], true, replayed);
            if (!a || !b || fac_error()) fail_msg("%s: %s", names[i], fac_error());
            assert_memory_equal(plain, replayed, sizeof plain);
            assert_true(plain[0] != plain[STEPS - 1]);
            for (int64_t k = 0; k < fac_state_count(a); k++)
                check_close(fac_state_tensor_at(b, k), fac_state_tensor_at(a, k), 0);
            fac_state_free(a);
            fac_state_free(b);
        }
}

/* ---- several results ------------------------------------------------------------------------------------------- */

/* Two halves of the words, with the states between them, give what all words give. */
static void test_lstm_states(void **state)
{
    fac_scope {
        fac_module *m = make_model("lstm_lm");
        fac_eval(m);
        fac_tensor *words = fac_randint(0, 20, FAC_SHAPE(6, 3)), *h = NULL, *c = NULL;
        fac_tensor *whole = fac_forward(m, words);
        fac_tensor *first = fac_lstm_lm_forward(m, fac_narrow(words, 0, 0, 2), h, c, &h, &c);
        fac_tensor *second = fac_lstm_lm_forward(m, fac_narrow(words, 0, 2, 4), h, c, &h, &c);
        assert_int_equal(fac_size(h, 0), 2);
        check_close(first, fac_narrow(whole, 0, 0, 6), 1e-6);
        check_close(second, fac_narrow(whole, 0, 6, 12), 1e-6);
        fac_module_free(m);
    }
}

/* What docs/models.md shows. */
static fac_tensor *vae_step(fac_module *vae, fac_optimizer *adam, fac_tensor *x)
{
    fac_tensor *mu, *logvar;
    fac_tensor *y = fac_vae_forward(vae, x, &mu, &logvar);
    fac_tensor *loss = fac_vae_loss(y, x, mu, logvar);
    fac_zero_grad(adam);
    fac_backward(loss);
    fac_step(adam);
    return loss;
}

static void test_vae_parts(void **state)
{
    fac_scope {
        fac_module *m = fac_vae(.in_features = 12, .hidden = 8, .latent = 3);
        fac_tensor *x = fac_rand(FAC_SHAPE(2, 3, 4)), *mu, *logvar, *logvar2;
        fac_manual_seed(8);
        fac_tensor *y = fac_vae_forward(m, x, &mu, &logvar);
        assert_int_equal(fac_size(y, 1), 12);
        assert_int_equal(fac_size(mu, 1), 3);
        check_close(fac_vae_encode(m, x, &logvar2), mu, 0);
        check_close(logvar2, logvar, 0);
        fac_manual_seed(8);
        fac_tensor *noise = fac_mul(fac_randn_like(mu), fac_exp(fac_mul_scalar(logvar, 0.5)));
        check_close(fac_vae_decode(m, fac_add(mu, noise)), y, 1e-6);
        fac_manual_seed(8);
        check_close(fac_vae_forward(m, x, NULL, NULL), y, 0);
        fac_manual_seed(8);
        check_close(fac_forward(m, x), y, 0);
        fac_optimizer *adam = fac_adam(fac_parameters(m), .lr = 1e-2);
        double first = fac_item(vae_step(m, adam, x)), last = first;
        for (int i = 0; i < 50; i++)
            last = fac_item(vae_step(m, adam, x));
        assert_true(last < first);
        fac_optimizer_free(adam);
        fac_module_free(m);
    }
}

/* ---- failures -------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
    fac_scope {
        fac_module *gpt2 = make_model("gpt2"), *lm = make_model("lstm_lm"), *linear = fac_nn_linear(2, 2);
        fac_tensor *x = fac_ones(FAC_SHAPE(2, 2)), *words = fac_zeros(FAC_SHAPE(1, 33), .dtype = FAC_INT64);
        expect_error(fac_image_model("vgg"), "there is no model 'vgg'; there are lenet, vgg11, ");
        expect_error(fac_image_model(NULL), "argument 'name' must not be NULL");
        expect_error(fac_resnet18(.num_classes = -1), "must be above 0");
        expect_error(fac_vgg11(.hidden = -1), "must be above 0");
        expect_error(fac_vgg11(.hidden = 8, .dropout = 1.5), "dropout probability has to be between 0 and 1");
        expect_error(fac_mobilenet_v2(.width_mult = -1), "width_mult must be above 0 and at most 100, not -1");
        expect_error(fac_lenet(.image_size = 11), "LeNet needs images of 12x12 at least, not 11x11");
        expect_error(fac_gpt2(.n_embd = 10, .n_head = 3), "n_embd must be divisible by n_head (got 10 and 3)");
        expect_error(fac_gpt2(.n_embd = 0), "must be above 0");
        expect_error(fac_forward(gpt2, words), "a sequence of 33 words does not fit the model's 32 positions");
        expect_error(fac_forward(gpt2, fac_select(words, 0, 0)), "expected indices of words [B, T]");
        expect_error(fac_forward(gpt2, fac_full(FAC_SHAPE(1, 2), 64)), "index out of range in self");
        expect_error(fac_forward(gpt2, x), "");
        expect_error(fac_lstm_lm(20, 5, 6, 1, .tie_weights = true), "nhid must be equal to emsize");
        expect_error(fac_lstm_lm(20, 5, 6, 0), "num_layers must be greater than zero");
        expect_error(fac_lstm_lm_forward(linear, x, NULL, NULL, NULL, NULL), "Linear is no language model");
        expect_error(fac_lstm_lm_forward(lm, NULL, NULL, NULL, NULL, NULL), "argument 'words' must not be NULL");
        expect_error(fac_vae_forward(linear, x, NULL, NULL), "Linear is no VAE");
        expect_error(fac_vae_decode(NULL, x), "must not be NULL");
        expect_error(fac_vae(.latent = -1), "");
        fac_module_free(gpt2);
        fac_module_free(lm);
        fac_module_free(linear);
    }
}

/* The n-th allocation fails, for many n: no crash, no leak, an error, NULL or a module that works. */
static void test_failed_allocations(void **state)
{
    static const char *const names[] = {"lenet", "resnet18_small", "mobilenet_v2_narrow", "gpt2", "lstm_lm", "vae"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int n = 1;; n += 1 + n / 4) {
            fac_clear_error();
            int64_t before = fac_memory().used, count = fac__alloc_count();
            fac__alloc_fail_at(n);
            fac_module *m = make_model(names[i]);
            bool far = fac__alloc_count() - count < n;
            fac__alloc_fail_at(0);
            assert_true(m || fac_error());
            if (far) assert_non_null(m);
            fac_module_free(m);
            if (fac_memory().used != before) fail_msg("%s leaks when allocation %d fails", names[i], n);
            if (far) break;
        }
    fac_clear_error();
}

int main(void)
{
    fac_set_error_handler(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded),    cmocka_unit_test(test_table),
        cmocka_unit_test(test_gpt2_sizes),  cmocka_unit_test(test_loading),
        cmocka_unit_test(test_copies),      cmocka_unit_test(test_captured),
        cmocka_unit_test(test_lstm_states), cmocka_unit_test(test_vae_parts),
        cmocka_unit_test(test_errors),      cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
