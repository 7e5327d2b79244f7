/* The training: what is made of a state, an epoch, what changes on the way, how good it is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "play_points.h"
#include "play_train.h"

/* ---- making and freeing ------------------------------------------------------------------------------------- */

int play_from(const play_state *s, int layer)
{
    return layer ? s->width[layer - 1] : 2;
}

int play_to(const play_state *s, int layer)
{
    return layer < s->layers ? s->width[layer] : 1;
}

static fac_module *network(const play_state *s)
{
    static const char *const names[] = {"relu", "tanh", "sigmoid", "leaky_relu"};
    fac_module *net = fac_nn_sequential();
    for (int i = 0; i <= s->layers; i++) {
        fac_append(net, fac_nn_linear(play_from(s, i), play_to(s, i)));
        if (i < s->layers)
            fac_append(net,
                       s->activation == PLAY_IDENTITY ? fac_nn_identity() : fac_nn_activation(names[s->activation]));
    }
    return net;
}

static fac_optimizer *optimizer(const play_state *s, fac_module *net)
{
    fac_tensor_list all = fac_parameters(net);
    switch (s->optimizer) {
    case PLAY_MOMENTUM: return fac_sgd(all, .lr = s->lr, .momentum = 0.9, .weight_decay = s->decay);
    case PLAY_ADAM: return fac_adam(all, .lr = s->lr, .weight_decay = s->decay);
    case PLAY_RMSPROP: return fac_rmsprop(all, .lr = s->lr, .weight_decay = s->decay);
    default: return fac_sgd(all, .lr = s->lr, .weight_decay = s->decay);
    }
}

static void drop_step(play_step *step)
{
    fac_plan_free(step->plan);
    fac_release(step->x);
    fac_release(step->y);
    fac_release(step->loss);
    *step = (play_step){.plan = NULL};
}

/* Batches of the present size, in an order that begins here. */
static bool make_loader(play_training *t)
{
    fac_loader_free(t->loader);
    t->loader = NULL;
    drop_step(&t->whole);
    drop_step(&t->rest);
    int batch = t->state.batch;
    if (!t->x[0] || !batch || batch >= fac_size(t->x[0], 0)) return true;
    if (!t->dataset) t->dataset = fac_tensor_dataset(t->x[0], t->y[0]);
    t->loader = fac_data_loader(t->dataset, .batch_size = batch, .shuffle = true);
    return t->loader != NULL;
}

void play_end(play_training *t)
{
    drop_step(&t->whole);
    drop_step(&t->rest);
    fac_plan_free(t->scoring);
    fac_plan_free(t->looking);
    for (int k = 0; k < 2; k++) {
        fac_release(t->x[k]);
        fac_release(t->y[k]);
        fac_release(t->outputs[k]);
        fac_release(t->losses[k]);
    }
    for (int i = 0; i <= PLAY_LAYERS; i++)
        fac_release(t->neurons[i]);
    fac_release(t->seen);
    fac_loader_free(t->loader);
    fac_dataset_free(t->dataset);
    fac_optimizer_free(t->optimizer);
    fac_module_free(t->model);
    memset(t, 0, sizeof *t);
}

static void mark(play_training *t)
{
    if (t->mark_count == PLAY_MARKS) {
        for (int i = 0; i < PLAY_MARKS / 2; i++)
            t->marks[i] = t->marks[2 * i];
        t->mark_count /= 2;
        t->mark_every *= 2;
        if (t->story.epoch % t->mark_every) return;
    }
    t->marks[t->mark_count++] = (play_mark){t->story.epoch, t->score};
}

bool play_begin(play_training *t, const play_state *state)
{
    play_end(t);
    t->state = t->story.began = *state;
    t->scored = -1;
    t->mark_every = 1;
    t->line_every = 100;
    if (!play_make_points(state, t->x, t->y)) return false;
    fac_manual_seed(state->seed);
    t->model = network(state);
    t->optimizer = optimizer(state, t->model);
    if (!t->optimizer || !make_loader(t) || !play_score_now(t)) return false;
    mark(t);
    return true;
}

/* ---- what changes on the way -------------------------------------------------------------------------------- */

static bool same_thing(const play_change *a, const play_change *b)
{
    return a->epoch == b->epoch && a->what == b->what && a->layer == b->layer && a->to == b->to && a->from == b->from;
}

static void note(play_story *story, play_change change)
{
    change.epoch = story->epoch;
    for (int i = 0; i < story->change_count; i++)
        if (same_thing(&story->changes[i], &change)) {
            story->changes[i].value = change.value;
            return;
        }
    if (story->change_count < PLAY_CHANGES)
        story->changes[story->change_count++] = change;
    else
        story->changes_lost = true;
}

/* Whether they differ at most in numbers that may change on the way. */
static bool goes_on(const play_state *a, const play_state *b)
{
    play_state c = *b;
    c.lr = a->lr;
    c.decay = a->decay;
    c.batch = a->batch;
    c.stop = a->stop;
    c.speed = a->speed;
    char *one = play_state_print(a), *other = play_state_print(&c);
    bool same = one && other && !strcmp(one, other);
    free(one);
    free(other);
    return same;
}

bool play_change_to(play_training *t, const play_state *s)
{
    bool fresh = !t->story.epoch && !t->story.change_count;
    if (fresh || !t->optimizer || !goes_on(&t->state, s)) return play_begin(t, s);
    play_state before = t->state;
    t->state = *s;
    if (s->lr != before.lr) {
        note(&t->story, (play_change){.what = PLAY_SET_LR, .value = s->lr});
        if (!fac_set_lr(t->optimizer, s->lr)) return false;
    }
    if (s->decay != before.decay) {
        note(&t->story, (play_change){.what = PLAY_SET_DECAY, .value = s->decay});
        if (!fac_set_group_option(t->optimizer, 0, "weight_decay", s->decay)) return false;
    }
    if (s->batch != before.batch) {
        note(&t->story, (play_change){.what = PLAY_SET_BATCH, .value = s->batch});
        fac_manual_seed(s->seed);
    }
    /* A step that was captured keeps the numbers that it was captured with, but for the learning rate. */
    if (s->batch != before.batch) return make_loader(t);
    if (s->decay != before.decay) {
        drop_step(&t->whole);
        drop_step(&t->rest);
    }
    return true;
}

static float *parameter(const play_training *t, int layer, const char *name)
{
    return fac_data(fac_get_parameter(fac_module_at(t->model, 2 * layer), name));
}

const float *play_weights(const play_training *t, int layer)
{
    return parameter(t, layer, "weight");
}

const float *play_biases(const play_training *t, int layer)
{
    return parameter(t, layer, "bias");
}

bool play_set_weight(play_training *t, int layer, int to, int from, double value)
{
    const play_state *s = &t->state;
    if (layer < 0 || layer > s->layers || to < 0 || to >= play_to(s, layer) || from < -1 || from >= play_from(s, layer))
        return false;
    note(&t->story, (play_change){.what = PLAY_SET_WEIGHT, .value = value, .layer = layer, .to = to, .from = from});
    if (from < 0)
        parameter(t, layer, "bias")[to] = (float)value;
    else
        parameter(t, layer, "weight")[to * play_from(s, layer) + from] = (float)value;
    t->scored = -1;
    return play_score_now(t);
}

/* ---- an epoch ----------------------------------------------------------------------------------------------- */

static fac_tensor *loss_of(const play_training *t, fac_tensor *outputs, fac_tensor *y)
{
    switch (t->state.loss) {
    case PLAY_BCE: return fac_binary_cross_entropy_with_logits(outputs, y);
    case PLAY_HINGE: /* the labels as -1 and 1 */
        return fac_mean(fac_relu(fac_rsub_scalar(fac_mul(outputs, fac_sub_scalar(fac_mul_scalar(y, 2), 1)), 1)));
    default: return fac_mse_loss(outputs, y);
    }
}

static fac_tensor *train(play_training *t, fac_tensor *x, fac_tensor *y)
{
    fac_tensor *loss = loss_of(t, fac_forward(t->model, x), y);
    fac_zero_grad(t->optimizer);
    fac_backward(loss);
    fac_step(t->optimizer);
    return loss;
}

/* The step for this batch: its numbers are copied to where the captured step looks for them. */
static bool run_step(play_training *t, play_step *step, fac_tensor *x, fac_tensor *y)
{
    fac_scope {
        if (!step->x) {
            step->x = fac_keep(fac_clone(x));
            step->y = fac_keep(fac_clone(y));
        } else if (t->loader) {
            fac_copy_(step->x, x);
            fac_copy_(step->y, y);
        }
    }
    fac_capture(&step->plan) {
        fac_release(step->loss);
        step->loss = fac_keep(train(t, step->x, step->y));
    }
    return !fac_error();
}

/* Where it will pause next. */
static int64_t goal(const play_training *t)
{
    int64_t stop = t->state.stop;
    return stop ? (t->story.epoch + stop - 1) / stop * stop : 0;
}

static void add_line(play_training *t, double loss)
{
    if (t->line_count == PLAY_LINES) memmove(t->lines, t->lines + 1, (size_t)--t->line_count * sizeof *t->lines);
    t->lines[t->line_count++] = (play_line){t->story.epoch, goal(t), loss};
}

bool play_epoch(play_training *t)
{
    if (!t->x[0]) return true;
    play_step *last = &t->whole;
    if (!t->loader) {
        if (!run_step(t, last, t->x[0], t->y[0])) return false;
    } else {
        for (fac_batch batch; fac_loader_next(t->loader, &batch);) {
            last = batch.size == t->state.batch ? &t->whole : &t->rest;
            if (!run_step(t, last, batch.items[0], batch.items[1])) return false;
        }
        if (fac_error()) return false;
    }
    t->story.epoch++;
    double loss = fac_item(last->loss);
    t->diverged = !isfinite(loss);
    if (t->story.epoch % t->line_every == 0) add_line(t, loss);
    if (t->story.epoch == 10 * t->line_every) t->line_every *= 10;
    if (t->story.epoch % t->mark_every) return true;
    if (!play_score_now(t)) return false;
    mark(t);
    return true;
}

/* ---- how good it is ----------------------------------------------------------------------------------------- */

/* The share of the answers on the right side of the middle, in per cent. */
static double accuracy(const play_training *t, fac_tensor *outputs, fac_tensor *y)
{
    const float *out = fac_data(outputs), *label = fac_data(y);
    float middle = t->state.loss == PLAY_MSE ? 0.5f : 0;
    int64_t right = 0, n = fac_numel(y);
    for (int64_t i = 0; i < n; i++)
        right += (out[i] > middle) == (label[i] > 0.5f);
    return 100.0 * (double)right / (double)n;
}

bool play_score_now(play_training *t)
{
    if (t->scored == t->story.epoch) return true;
    fac_no_grad
        fac_capture(&t->scoring) {
            for (int k = 0; k < 2; k++) {
                if (!t->x[k]) continue;
                fac_release(t->outputs[k]);
                fac_release(t->losses[k]);
                t->outputs[k] = fac_keep(fac_forward(t->model, t->x[k]));
                t->losses[k] = fac_keep(loss_of(t, t->outputs[k], t->y[k]));
            }
        }
    if (fac_error()) return false;
    for (int k = 0; k < 2; k++) {
        t->score.loss[k] = t->x[k] ? fac_item(t->losses[k]) : NAN;
        t->score.accuracy[k] = t->x[k] ? accuracy(t, t->outputs[k], t->y[k]) : NAN;
    }
    t->scored = t->story.epoch;
    return true;
}
