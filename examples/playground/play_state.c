/* Reads and writes the text of a state. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "play_state.h"

const char *const play_sets[] = {"xor", "cloud", "circles", "spirals", "moons", "gaussians", "own", NULL};
const char *const play_activations[] = {"relu", "tanh", "sigmoid", "leaky_relu", "identity", NULL};
const char *const play_losses[] = {"mse", "bce", "hinge", NULL};
const char *const play_optimizers[] = {"sgd", "momentum", "adam", "rmsprop", NULL};

play_state play_state_default(void)
{
    return (play_state){.set = PLAY_XOR,
                        .size = 200,
                        .test = 20,
                        .noise = 0.1,
                        .layers = 1,
                        .width = {5},
                        .seed = 42,
                        .lr = 0.01,
                        .stop = 1000,
                        .speed = 100};
}

int play_tested(const play_state *s)
{
    return s->set == PLAY_XOR || s->set == PLAY_OWN ? 0 : s->size * s->test / 100;
}

int play_drawn(const play_state *s)
{
    return s->set == PLAY_XOR ? 4 : s->set == PLAY_OWN ? 0 : s->size - play_tested(s);
}

const char *play_number(double x, char text[PLAY_NUMBER])
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, PLAY_NUMBER, "%.*g", digits, x);
        if (strtod(text, NULL) == x) break;
    }
    return text;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

typedef struct reader {
    const char *key;
    char *why;
    size_t size;
} reader;

__attribute__((format(printf, 2, 3))) static bool fault(const reader *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->why, r->size, format, args);
    va_end(args);
    return false;
}

/* Numbers as people write them: not "0x10", "inf" or " 1". */
static bool number(const reader *r, const char *text, double least, double most, double *x)
{
    char *end;
    size_t length = strspn(text, "0123456789.eE+-");
    *x = strtod(text, &end);
    if (!length || length > 30 || text[length] || *end || !(*x >= least && *x <= most))
        return fault(r, "%s: '%.40s' is not a number from %g to %g", r->key, text, least, most);
    return true;
}

static bool whole(const reader *r, const char *text, double least, double most, int64_t *n)
{
    double x = 0;
    if (!number(r, text, least, most, &x)) return false;
    *n = (int64_t)x;
    if (strspn(text, "0123456789") != strlen(text))
        return fault(r, "%s: '%.40s' is not a whole number from %.0f to %.0f", r->key, text, least, most);
    return true;
}

static bool choice(const reader *r, const char *text, const char *const *names, int64_t *n)
{
    for (*n = 0; names[*n]; ++*n)
        if (!strcmp(text, names[*n])) return true;
    return fault(r, "%s: there is no '%.40s'", r->key, text);
}

/* "8,8": the next piece of a list, cut off it; NULL when there is none. */
static char *piece(char **list, char separator)
{
    char *begin = *list;
    if (!begin) return NULL;
    *list = strchr(begin, separator);
    if (*list) *(*list)++ = 0;
    return begin;
}

static bool network(const reader *r, char *text, play_state *s)
{
    s->layers = 0;
    if (!*text) return true;
    for (char *item; (item = piece(&text, ','));) {
        int64_t n = 0;
        if (s->layers == PLAY_LAYERS) return fault(r, "%s: there are more than %d layers", r->key, PLAY_LAYERS);
        if (!whole(r, item, 1, PLAY_NEURONS, &n)) return false;
        s->width[s->layers++] = (int)n;
    }
    return true;
}

static bool own_points(const reader *r, char *text, play_state *s)
{
    s->own = 0;
    if (!*text) return true;
    for (char *item; (item = piece(&text, ';'));) {
        char *x = piece(&item, ','), *y = piece(&item, ','), *label = piece(&item, ',');
        int64_t n = 0;
        if (s->own == PLAY_POINTS) return fault(r, "%s: there are more than %d points", r->key, PLAY_POINTS);
        play_point *p = &s->points[s->own++];
        if (!label || item) return fault(r, "%s: a point is x,y,0 or x,y,1", r->key);
        if (!number(r, x, -10, 10, &p->x) || !number(r, y, -10, 10, &p->y) || !whole(r, label, 0, 1, &n)) return false;
        p->label = (int)n;
    }
    return true;
}

/* One of "key=value"; -1 for a key that nobody knows. */
static int set_value(reader *r, char *value, play_state *s)
{
    static const char *const keys[] = {"set",  "n",   "noise", "test",  "sample", "net",  "act",   "seed",
                                       "loss", "opt", "lr",    "decay", "batch",  "stop", "speed", "own"};
    int key = 0;
    int64_t n = 0;
    bool ok = false;
    while (key < (int)(sizeof keys / sizeof *keys) && strcmp(r->key, keys[key]))
        key++;
    switch (key) {
    case 0: ok = choice(r, value, play_sets, &n), s->set = (play_set)n; break;
    case 1: ok = whole(r, value, 4, PLAY_POINTS, &n), s->size = (int)n; break;
    case 2: ok = number(r, value, 0, 1, &s->noise); break;
    case 3: ok = whole(r, value, 0, 90, &n), s->test = (int)n; break;
    case 4: ok = whole(r, value, 0, UINT32_MAX, &n), s->sample = (uint32_t)n; break;
    case 5: ok = network(r, value, s); break;
    case 6: ok = choice(r, value, play_activations, &n), s->activation = (play_activation)n; break;
    case 7: ok = whole(r, value, 0, UINT32_MAX, &n), s->seed = (uint32_t)n; break;
    case 8: ok = choice(r, value, play_losses, &n), s->loss = (play_loss)n; break;
    case 9: ok = choice(r, value, play_optimizers, &n), s->optimizer = (play_optimizer)n; break;
    case 10: ok = number(r, value, 0, 100, &s->lr); break;
    case 11: ok = number(r, value, 0, 10, &s->decay); break;
    case 12: ok = whole(r, value, 0, PLAY_POINTS, &n), s->batch = (int)n; break;
    case 13: ok = whole(r, value, 0, 1e12, &n), s->stop = n; break;
    case 14: ok = whole(r, value, 0, 1e9, &n), s->speed = n; break;
    case 15: ok = own_points(r, value, s); break;
    default: fault(r, "there is no '%.40s' in a state", r->key); return -1;
    }
    return ok ? key : -1;
}

bool play_state_parse(play_state *state, const char *text, char *why, size_t size)
{
    *state = play_state_default();
    reader r = {.why = why, .size = size};
    char *copy = strdup(text), *rest = copy;
    bool ok = copy || fault(&r, "there is no memory left");
    unsigned seen = 0;
    for (char *pair; ok && copy && *copy && (pair = piece(&rest, '&'));) {
        char *value = strchr(pair, '=');
        r.key = pair;
        if (!value) {
            ok = fault(&r, "'%.40s' is not key=value", pair);
            break;
        }
        *value++ = 0;
        int key = set_value(&r, value, state);
        ok = key >= 0;
        if (ok && seen >> key & 1) ok = fault(&r, "%s: is there twice", r.key);
        if (ok) seen |= 1u << key;
    }
    free(copy);
    if (ok && play_drawn(state) + play_tested(state) + state->own > PLAY_POINTS)
        ok = fault(&r, "there are more than %d points, drawn and own together", PLAY_POINTS);
    return ok;
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

char *play_state_print(const play_state *s)
{
    char *text = NULL, a[PLAY_NUMBER], b[PLAY_NUMBER];
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    if (!f) return NULL;
    fprintf(f, "set=%s&n=%d&noise=%s&test=%d&sample=%u&net=", play_sets[s->set], s->size, play_number(s->noise, a),
            s->test, s->sample);
    for (int i = 0; i < s->layers; i++)
        fprintf(f, "%s%d", i ? "," : "", s->width[i]);
    fprintf(f, "&act=%s&seed=%u&loss=%s&opt=%s&lr=%s&decay=%s&batch=%d&stop=%lld&speed=%lld",
            play_activations[s->activation], s->seed, play_losses[s->loss], play_optimizers[s->optimizer],
            play_number(s->lr, a), play_number(s->decay, b), s->batch, (long long)s->stop, (long long)s->speed);
    for (int i = 0; i < s->own; i++) {
        const play_point *p = &s->points[i];
        fprintf(f, "%s%s,%s,%d", i ? ";" : "&own=", play_number(p->x, a), play_number(p->y, b), p->label);
    }
    bool ok = !ferror(f);
    if (fclose(f) != 0 || !ok) {
        free(text);
        return NULL;
    }
    return text;
}
