/* Writes a program. What makes the points is a piece of point_sets.h, which the build has as a text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "play_points.h"
#include "play_program.h"

extern const char point_sets_text[]; /* point_sets.h, with a 0 behind it */

/* ---- the points --------------------------------------------------------------------------------------------- */

/* The pieces of point_sets.h (between blank lines) that define these functions, each with a blank line behind it. */
static void copy_functions(FILE *f, const char *const *names)
{
    for (const char *piece = point_sets_text; *piece;) {
        const char *end = strstr(piece, "\n\n");
        size_t bytes = end ? (size_t)(end - piece) + 2 : strlen(piece);
        for (int i = 0; names[i]; i++) {
            char head[60];
            snprintf(head, sizeof head, "static fac_tensor *%s(", names[i]);
            const char *found = strstr(piece, head);
            if (found && found < piece + bytes) fwrite(piece, 1, bytes, f);
        }
        piece += bytes;
    }
}

static void own_tensor(FILE *f, const play_state *s, const char *name, bool labels)
{
    char *text = play_own_literal(s, labels, ",\"\n                                      \" ");
    fprintf(f,
            "    fac_tensor *%s = fac_literal(\"%s\",\n                                      .dtype = FAC_FLOAT32);\n",
            name, text ? text : "");
    free(text);
}

static void points(FILE *f, const play_state *s)
{
    fprintf(f, "    /* The points, and their labels */\n");
    if (s->set == PLAY_XOR)
        fprintf(f, "    fac_tensor *X = fac_literal(\"[[0, 0], [0, 1], [1, 0], [1, 1]]\", .dtype = FAC_FLOAT32);\n"
                   "    fac_tensor *y = fac_literal(\"[[0], [1], [1], [0]]\", .dtype = FAC_FLOAT32);\n");
    else if (s->set != PLAY_OWN) {
        char noise[PLAY_NUMBER];
        int learnt = play_drawn(s), tested = play_tested(s);
        fprintf(f,
                "    fac_manual_seed(%u);\n"
                "    fac_tensor *labels, *points = %s(%d, %s, &labels);\n"
                "    fac_tensor *X = fac_narrow(points, 0, 0, %d), *y = fac_narrow(labels, 0, 0, %d);\n",
                s->sample, play_sets[s->set], s->size, play_number(s->noise, noise), learnt, learnt);
        if (tested)
            fprintf(f,
                    "    fac_tensor *X_test = fac_narrow(points, 0, %d, %d);\n"
                    "    fac_tensor *y_test = fac_narrow(labels, 0, %d, %d);\n",
                    learnt, tested, learnt, tested);
    }
    if (!s->own) return;
    bool alone = s->set == PLAY_OWN;
    own_tensor(f, s, alone ? "X" : "own", false);
    own_tensor(f, s, alone ? "y" : "own_labels", true);
    if (!alone)
        fprintf(f, "    X = fac_cat(FAC_TENSORS(X, own), 0);\n"
                   "    y = fac_cat(FAC_TENSORS(y, own_labels), 0);\n");
}

/* ---- the network and its optimiser -------------------------------------------------------------------------- */

static void network(FILE *f, const play_state *s)
{
    fprintf(f, "\n    /* The network, and what changes its weights */\n    fac_manual_seed(%u);\n", s->seed);
    fprintf(f, "    fac_module *model = fac_nn_sequential(");
    for (int i = 0; i <= s->layers; i++) {
        if (s->layers > 1) fprintf(f, "%s\n        ", i ? "," : "");
        if (s->layers == 1 && i) fprintf(f, ", ");
        fprintf(f, "fac_nn_linear(%d, %d)", play_from(s, i), play_to(s, i));
        if (i < s->layers) fprintf(f, ", fac_nn_%s()", play_activations[s->activation]);
    }
    static const char *const names[] = {"sgd", "sgd", "adam", "rmsprop"};
    char number[PLAY_NUMBER];
    fprintf(f, ");\n    fac_optimizer *optimizer = fac_%s(fac_parameters(model), .lr = %s", names[s->optimizer],
            play_number(s->lr, number));
    if (s->optimizer == PLAY_MOMENTUM) fprintf(f, ", .momentum = 0.9");
    if (s->decay != 0) fprintf(f, ", .weight_decay = %s", play_number(s->decay, number));
    fprintf(f, ");\n");
}

/* ---- the training ------------------------------------------------------------------------------------------- */

static int learnt(const play_state *s)
{
    return play_drawn(s) + s->own;
}

static void loader(FILE *f, const play_state *s, int batch)
{
    if (batch && batch < learnt(s))
        fprintf(f, "fac_data_loader(dataset, .batch_size = %d, .shuffle = true);\n", batch);
    else
        fprintf(f, "fac_data_loader(dataset, .batch_size = %d);\n", learnt(s));
}

static void change(FILE *f, const play_story *story, const play_change *c, const char *indent)
{
    const play_state *s = &story->began;
    char value[PLAY_NUMBER];
    play_number(c->value, value);
    switch (c->what) {
    case PLAY_SET_LR: fprintf(f, "%sfac_set_lr(optimizer, %s);\n", indent, value); break;
    case PLAY_SET_DECAY:
        fprintf(f, "%sfac_set_group_option(optimizer, 0, \"weight_decay\", %s);\n", indent, value);
        break;
    case PLAY_SET_BATCH:
        fprintf(f, "%sfac_manual_seed(%u);\n%sfac_loader_free(loader);\n%sloader = ", indent, s->seed, indent, indent);
        loader(f, s, (int)c->value);
        break;
    case PLAY_SET_WEIGHT:
        fprintf(f, "%s((float *)fac_data(fac_get_parameter(model, \"%d.%s\")))[%d] = %s;\n", indent, 2 * c->layer,
                c->from < 0 ? "bias" : "weight", c->from < 0 ? c->to : c->to * play_from(s, c->layer) + c->from, value);
        break;
    }
}

/* What was changed: before the loop, and in it. */
static void changes(FILE *f, const play_story *story, bool before)
{
    for (int i = 0; i < story->change_count; i++) {
        const play_change *c = &story->changes[i];
        if (before && !c->epoch) change(f, story, c, "    ");
        if (before || !c->epoch || c->epoch == story->epoch) continue;
        if (c->epoch != story->changes[i - !!i].epoch || !i)
            fprintf(f, "        if (epoch == %lld) {\n", (long long)c->epoch + 1);
        change(f, story, c, "            ");
        if (i + 1 == story->change_count || story->changes[i + 1].epoch != c->epoch) fprintf(f, "        }\n");
    }
    if (!before && story->changes_lost) fprintf(f, "        /* ... and more was changed than was remembered */\n");
}

static void step(FILE *f, const play_state *s, const char *x, const char *y, const char *indent)
{
    static const char *const losses[] = {"fac_mse_loss", "fac_binary_cross_entropy_with_logits", "hinge_loss"};
    fprintf(f,
            "%sfac_tensor *loss = %s(fac_forward(model, %s), %s);\n"
            "%sfac_zero_grad(optimizer);\n"
            "%sfac_backward(loss);\n"
            "%sfac_step(optimizer);\n",
            indent, losses[s->loss], x, y, indent, indent, indent);
}

static bool in_batches(const play_story *story)
{
    int n = learnt(&story->began), batch = story->began.batch;
    bool any = batch && batch < n;
    for (int i = 0; i < story->change_count; i++)
        any |= story->changes[i].what == PLAY_SET_BATCH;
    return any;
}

static void training(FILE *f, const play_story *story, int64_t epochs)
{
    const play_state *s = &story->began;
    static const char line[] =
        "if (epoch %% every == 0) printf(\"Epoch [%%ld/%%ld], Loss: %%.4f\\n\", epoch, epochs, %s);\n";
    bool batches = in_batches(story);
    fprintf(f, "\n    /* The training */\n");
    if (batches) {
        fprintf(f, "    fac_dataset *dataset = fac_tensor_dataset(X, y);\n    fac_loader *loader = ");
        loader(f, s, s->batch);
    }
    changes(f, story, true);
    fprintf(f, "    const long epochs = %lld;\n    long every = 100;\n", (long long)epochs);
    fprintf(f, "    for (long epoch = 1; epoch <= epochs && !fac_error(); epoch++) %s{\n", batches ? "" : "fac_scope ");
    changes(f, story, false);
    if (batches) {
        fprintf(f, "        double last = 0;\n        fac_for_batch(loader, inputs, targets) {\n");
        step(f, s, "inputs", "targets", "            ");
        fprintf(f, "            last = fac_item(loss);\n        }\n");
    } else {
        step(f, s, "X", "y", "        ");
    }
    fprintf(f, "        ");
    fprintf(f, line, batches ? "last" : "fac_item(loss)");
    fprintf(f, "        if (epoch == 10 * every) every *= 10;\n    }\n");
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

static void functions(FILE *f, const play_state *s)
{
    const char *needed[] = {play_sets[s->set], "with_noise", s->set == PLAY_CLOUD ? "" : "by_turns",
                            s->set == PLAY_CLOUD || s->set == PLAY_GAUSSIANS ? "" : "around", NULL};
    if (s->set != PLAY_XOR && s->set != PLAY_OWN) copy_functions(f, needed);
    if (s->loss == PLAY_HINGE)
        fprintf(f, "/* With the labels as -1 and 1: how much is missing to an output beyond 1 on the right side. */\n"
                   "static fac_tensor *hinge_loss(fac_tensor *outputs, fac_tensor *labels)\n"
                   "{\n"
                   "    fac_tensor *side = fac_sub_scalar(fac_mul_scalar(labels, 2), 1);\n"
                   "    return fac_mean(fac_relu(fac_rsub_scalar(fac_mul(outputs, side), 1)));\n"
                   "}\n\n");
    static const char *const losses[] = {"fac_mse_loss", "fac_binary_cross_entropy_with_logits", "hinge_loss"};
    fprintf(f,
            "static void show(const char *what, fac_module *model, fac_tensor *X, fac_tensor *y)\n"
            "{\n"
            "    fac_no_grad {\n"
            "        fac_tensor *outputs = fac_forward(model, X);\n"
            "        fac_tensor *right = fac_eq(fac_gt_scalar(outputs, %s), fac_gt_scalar(y, 0.5));\n"
            "        double loss = fac_item(%s(outputs, y)), share = fac_item(fac_sum(right)) / (double)fac_numel(y);\n"
            "        printf(\"%%s: loss %%.6f, accuracy %%.2f %%%%\\n\", what, loss, 100 * share);\n"
            "    }\n"
            "}\n\n",
            s->loss == PLAY_MSE ? "0.5" : "0", losses[s->loss]);
}

static void program(FILE *f, const play_story *story)
{
    const play_state *s = &story->began;
    int64_t epochs = story->epoch ? story->epoch : s->stop ? s->stop : 1000;
    fprintf(f, "/* A network of 2");
    for (int i = 0; i < s->layers; i++)
        fprintf(f, "-%d", s->width[i]);
    fprintf(f,
            "-1 neurons learns to tell two kinds of points apart, as in facula's playground. To build it:\n"
            " * cc program.c $(pkg-config --cflags --libs facula)%s */\n"
            "#include <facula/facula.h>\n%s#include <stdio.h>\n\n",
            s->set == PLAY_XOR || s->set == PLAY_OWN ? "" : " -lm",
            s->set == PLAY_XOR || s->set == PLAY_OWN ? "" : "#include <math.h>\n");
    functions(f, s);
    fprintf(f, "int main(void)\n{\n");
    points(f, s);
    network(f, s);
    training(f, story, epochs);
    fprintf(f, "\n    /* What has become of it */\n");
    if (learnt(s) <= 8)
        fprintf(f,
                "    printf(\"Final predictions:\\n\");\n    fac_no_grad\n        fac_print(fac_forward(model, X));\n");
    fprintf(f, "    show(\"learnt from\", model, X, y);\n");
    if (play_tested(s)) fprintf(f, "    show(\"tested with\", model, X_test, y_test);\n");
    fprintf(f, "\n");
    if (in_batches(story)) fprintf(f, "    fac_loader_free(loader);\n    fac_dataset_free(dataset);\n");
    fprintf(f, "    fac_optimizer_free(optimizer);\n    fac_module_free(model);\n    return fac_error() ? 1 : 0;\n}\n");
}

char *play_program(const play_story *story)
{
    char *text = NULL;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    if (!f) return NULL;
    program(f, story);
    bool ok = !ferror(f);
    if (fclose(f) == 0 && ok) return text;
    free(text);
    return NULL;
}
