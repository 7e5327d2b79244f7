/* What is seen of a training: what the network, and each of its neurons, makes of every place of the plane. */
#include <math.h>
#include <string.h>

#include "play_train.h"

play_window play_window_of(const play_state *s)
{
    if (s->set == PLAY_XOR) return (play_window){-0.5, 1.5, -0.5, 1.5};
    return (play_window){-1.5, 1.5, -1.5, 1.5};
}

/* [PLAY_GRID^2, 2]: the middles of the cells, row by row from the top. */
static fac_tensor *grid(const play_state *s)
{
    fac_tensor *places = fac_empty(FAC_SHAPE(PLAY_GRID * PLAY_GRID, 2), .dtype = FAC_FLOAT32);
    play_window w = play_window_of(s);
    float *p = fac_data(places);
    if (!p) return NULL;
    for (int i = 0; i < PLAY_GRID * PLAY_GRID; i++) {
        p[2 * i] = (float)(w.left + (w.right - w.left) * (i % PLAY_GRID + 0.5) / PLAY_GRID);
        p[2 * i + 1] = (float)(w.top + (w.bottom - w.top) * (i / PLAY_GRID + 0.5) / PLAY_GRID);
    }
    return places;
}

static bool run(play_training *t)
{
    fac_no_grad {
        if (!t->seen)
            fac_scope {
                fac_tensor *places = grid(&t->state);
                t->seen = fac_keep(t->x[0] ? fac_cat(FAC_TENSORS(t->x[0], places), 0) : places);
            }
        fac_capture(&t->looking) {
            fac_tensor *x = t->seen;
            for (int i = 0; i <= t->state.layers; i++) {
                x = fac_forward(fac_module_at(t->model, 2 * i), x);
                if (i < t->state.layers) x = fac_forward(fac_module_at(t->model, 2 * i + 1), x);
                fac_release(t->neurons[i]);
                t->neurons[i] = fac_keep(x);
            }
        }
    }
    return !fac_error();
}

/* Column `neuron` of what a layer makes, in squares of `side` cells each. */
static void map_of(const play_training *t, int layer, int neuron, int side, play_map *map)
{
    int width = t->state.width[layer], cells = PLAY_GRID / side;
    int64_t learnt = t->x[0] ? fac_size(t->x[0], 0) : 0;
    const float *out = (const float *)fac_data(t->neurons[layer]) + neuron;
    map->dead = t->state.activation == PLAY_RELU && learnt > 0;
    for (int64_t i = 0; map->dead && i < learnt; i++)
        map->dead = out[i * width] == 0;
    out += learnt * width;

    float mean[PLAY_GRID / 2 * PLAY_GRID / 2];
    map->least = INFINITY;
    map->most = -INFINITY;
    for (int i = 0; i < cells * cells; i++) {
        float sum = 0;
        for (int row = 0; row < side; row++)
            for (int column = 0; column < side; column++)
                sum += out[((i / cells * side + row) * PLAY_GRID + i % cells * side + column) * width];
        mean[i] = sum / (float)(side * side);
        map->least = fmin(map->least, mean[i]);
        map->most = fmax(map->most, mean[i]);
    }
    double scale = 127 / fmax(fmax(-map->least, map->most), 1e-30);
    for (int i = 0; i < cells * cells; i++)
        map->cells[i] = isfinite(mean[i] * scale) ? (uint8_t)lrint(128 + mean[i] * scale) : 128;
}

/* From 0 to 1 whatever the loss says of the scale. */
static double as_share(play_loss loss, double output)
{
    if (loss == PLAY_BCE) return 1 / (1 + exp(-output));
    return loss == PLAY_HINGE ? (output + 1) / 2 : output;
}

bool play_look_now(play_training *t, play_look *look)
{
    if (!run(t)) return false;
    const play_state *s = &t->state;
    int neurons = 0;
    for (int i = 0; i < s->layers; i++)
        neurons += s->width[i];
    int side = neurons <= 24 ? 2 : 3;
    look->cells = PLAY_GRID / side;
    for (int i = 0; i < s->layers; i++)
        for (int j = 0; j < s->width[i]; j++)
            map_of(t, i, j, side, &look->neurons[i][j]);
    const float *out = (const float *)fac_data(t->neurons[s->layers]) + (t->x[0] ? fac_size(t->x[0], 0) : 0);
    for (int i = 0; i < PLAY_GRID * PLAY_GRID; i++) {
        double share = as_share(s->loss, out[i]);
        look->surface[i] = (uint16_t)lrint(65535 * (share > 0 ? fmin(share, 1) : 0));
    }
    return play_score_now(t);
}
