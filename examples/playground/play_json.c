/* Writes what the page is told. */
#include <math.h>
#include <stdlib.h>

#include "play_json.h"
#include "watch/json_text.h"

static void literal(fac__text *t, const char *s)
{
    fac__text_add(t, s, strlen(s));
}

static void flag(fac__text *t, bool b)
{
    literal(t, b ? "true" : "false");
}

/* Numbers that are looked at only: as many digits as are read. */
static void rounded(fac__text *t, double x)
{
    char text[PLAY_NUMBER];
    if (!isfinite(x)) return literal(t, "null");
    snprintf(text, sizeof text, "%.5g", x);
    literal(t, text);
}

static void base64(fac__text *t, const uint8_t *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    literal(t, "\"");
    if (!fac__text_reserve(t, (n + 2) / 3 * 4)) return;
    char *to = t->p + t->n;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t bits = (uint32_t)p[i] << 16;
        if (i + 1 < n) bits |= (uint32_t)p[i + 1] << 8;
        if (i + 2 < n) bits |= p[i + 2];
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = i + 1 < n ? digits[bits >> 6 & 63] : '=';
        *to++ = i + 2 < n ? digits[bits & 63] : '=';
    }
    *to = 0;
    t->n = (size_t)(to - t->p);
    literal(t, "\"");
}

char *play_json_state(const play_training *training, const play_stand *stand)
{
    fac__text t = {0};
    char *state = play_state_print(&training->state);
    if (!state) return fac_raise(FAC_ERROR_MEMORY, "there is no memory left");
    literal(&t, "{\"state\": ");
    fac__json_string(&t, state);
    free(state);
    literal(&t, ", \"version\": ");
    fac__json_integer(&t, stand->version);
    literal(&t, ", \"playing\": ");
    flag(&t, stand->playing);
    literal(&t, ", \"message\": ");
    fac__json_string(&t, stand->message);
    literal(&t, "}");
    return fac__text_take(&t);
}

/* ---- points ------------------------------------------------------------------------------------------------- */

static void points(fac__text *t, const char *name, fac_tensor *x, fac_tensor *y)
{
    int64_t n = x ? fac_size(x, 0) : 0;
    fac__text_format(t, ", \"%s\": [", name);
    fac_scope {
        const float *place = n ? fac_data(fac_contiguous(x)) : NULL, *label = n ? fac_data(fac_contiguous(y)) : NULL;
        for (int64_t i = 0; i < n && place && label; i++) {
            literal(t, i ? ",[" : "[");
            rounded(t, place[2 * i]);
            literal(t, ",");
            rounded(t, place[2 * i + 1]);
            literal(t, label[i] > 0.5f ? ",1]" : ",0]");
        }
    }
    literal(t, "]");
}

char *play_json_points(const play_training *training)
{
    fac__text t = {0};
    play_window w = play_window_of(&training->state);
    fac__text_format(&t, "{\"window\": [%g, %g, %g, %g]", w.left, w.right, w.bottom, w.top);
    points(&t, "train", training->x[0], training->y[0]);
    points(&t, "test", training->x[1], training->y[1]);
    fac__text_format(&t, ", \"own\": %d}", training->state.own);
    return fac__text_take(&t);
}

/* ---- the look ----------------------------------------------------------------------------------------------- */

static void numbers(fac__text *t, const float *p, int n)
{
    literal(t, "[");
    for (int i = 0; i < n; i++) {
        if (i) literal(t, ",");
        rounded(t, p[i]);
    }
    literal(t, "]");
}

static void pair(fac__text *t, const double p[2])
{
    literal(t, "[");
    rounded(t, p[0]);
    literal(t, ",");
    rounded(t, p[1]);
    literal(t, "]");
}

static void maps(fac__text *t, const play_look *look, int layer, int count)
{
    literal(t, ", \"maps\": [");
    for (int i = 0; i < count; i++) {
        const play_map *m = &look->neurons[layer][i];
        literal(t, i ? ",{\"least\": " : "{\"least\": ");
        rounded(t, m->least);
        literal(t, ", \"most\": ");
        rounded(t, m->most);
        literal(t, ", \"dead\": ");
        flag(t, m->dead);
        literal(t, ", \"cells\": ");
        base64(t, m->cells, (size_t)(look->cells * look->cells));
        literal(t, "}");
    }
    literal(t, "]");
}

static void layers(fac__text *t, const play_training *training, const play_look *look)
{
    const play_state *s = &training->state;
    literal(t, ", \"layers\": [");
    for (int i = 0; i <= s->layers; i++) {
        literal(t, i ? ",{\"weights\": " : "{\"weights\": ");
        numbers(t, play_weights(training, i), play_from(s, i) * play_to(s, i));
        literal(t, ", \"biases\": ");
        numbers(t, play_biases(training, i), play_to(s, i));
        if (i < s->layers) maps(t, look, i, s->width[i]);
        literal(t, "}");
    }
    literal(t, "]");
}

static void lines(fac__text *t, const play_training *training)
{
    literal(t, ", \"lines\": [");
    for (int i = 0; i < training->line_count; i++) {
        const play_line *line = &training->lines[i];
        fac__text_format(t, "%s[%lld,%lld,", i ? "," : "", (long long)line->epoch, (long long)line->of);
        if (isfinite(line->loss))
            fac__text_format(t, "\"%.4f\"]", line->loss);
        else
            fac__text_format(t, "\"%s\"]", isnan(line->loss) ? "nan" : "inf");
    }
    literal(t, "]");
}

static void predictions(fac__text *t, const play_training *training)
{
    literal(t, ", \"predictions\": ");
    char *text = training->x[0] && fac_size(training->x[0], 0) <= 8 ? fac_to_string(training->outputs[0]) : NULL;
    if (text)
        fac__json_string(t, text);
    else
        literal(t, "null");
    free(text);
}

char *play_json_look(play_training *training, const play_stand *stand)
{
    fac__text t = {0};
    play_look look;
    if (!play_look_now(training, &look)) return NULL;
    fac__text_format(&t, "{\"epoch\": %lld, \"rate\": ", (long long)training->story.epoch);
    rounded(&t, stand->rate);
    literal(&t, ", \"playing\": ");
    flag(&t, stand->playing);
    literal(&t, ", \"diverged\": ");
    flag(&t, training->diverged);
    literal(&t, ", \"score\": {\"loss\": ");
    pair(&t, training->score.loss);
    literal(&t, ", \"accuracy\": ");
    pair(&t, training->score.accuracy);
    fac__text_format(&t, "}, \"cells\": %d", look.cells);
    layers(&t, training, &look);
    literal(&t, ", \"surface\": ");
    base64(&t, (const uint8_t *)look.surface, sizeof look.surface);
    lines(&t, training);
    predictions(&t, training);
    literal(&t, "}");
    return fac__text_take(&t);
}

/* ---- curves ------------------------------------------------------------------------------------------------- */

/* One of the four curves: the double at that offset of a mark's score. */
static void curve(fac__text *t, const play_training *training, size_t offset)
{
    literal(t, "[");
    for (int i = 0; i < training->mark_count; i++) {
        double value;
        memcpy(&value, (const char *)&training->marks[i].score + offset, sizeof value);
        if (i) literal(t, ",");
        rounded(t, value);
    }
    literal(t, "]");
}

char *play_json_curve(const play_training *training)
{
    fac__text t = {0};
    literal(&t, "{\"epochs\": [");
    for (int i = 0; i < training->mark_count; i++) {
        if (i) literal(&t, ",");
        fac__json_integer(&t, training->marks[i].epoch);
    }
    literal(&t, "], \"loss\": [");
    curve(&t, training, offsetof(play_score, loss[0]));
    literal(&t, ",");
    curve(&t, training, offsetof(play_score, loss[1]));
    literal(&t, "], \"accuracy\": [");
    curve(&t, training, offsetof(play_score, accuracy[0]));
    literal(&t, ",");
    curve(&t, training, offsetof(play_score, accuracy[1]));
    literal(&t, "]}");
    return fac__text_take(&t);
}
