/* Floor 8. What the page orders: steering a run, drawing for it, renaming and deleting it. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "watch/clock.h"
#include "watch/run_control.h"
#include "watch/serve_parts.h"

/* The request's JSON object, for json_decref; NULL, with the answer, when it is none. */
static json_t *object_of(const fac__http_request *request, fac__http_answer *answer)
{
    json_t *json = json_loadb(request->body, request->body_bytes, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(json)) return json;
    json_decref(json);
    fac__http_fail(answer, 400, "the body must be a JSON object");
    return NULL;
}

static const char *text_in(json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

/* Opens the control of the run that is named, and reads it; -1, with the answer, when it cannot be steered. */
static int open_control(fac__serving *s, json_t *json, fac__watched **run, fac__http_answer *answer)
{
    *run = fac__serve_run(s, text_in(json, "run"), answer);
    if (!*run) return -1;
    fac__serve_list(s, FAC__SERVE_TICK); /* it may be gone since, or have ended */
    *run = fac__serve_run(s, text_in(json, "run"), answer);
    if (!*run) return -1;
    if (!(*run)->live) return fac__http_fail(answer, 409, "%s has ended", (*run)->name), -1;
    int fd = fac__folder_file(&s->folder, (*run)->name, "control", true);
    if (fd >= 0 && fac__control_is_ours(fd) && fac__control_read(&(*run)->control, fd)) return fd;
    if (fd >= 0) close(fd);
    return fac__http_fail(answer, 409, "%s cannot be steered from here", (*run)->name), -1;
}

static void answer_done(fac__http_answer *answer, bool good)
{
    static const char done[] = "{}\n";
    if (good)
        *answer = (fac__http_answer){.body = done, .bytes = sizeof done - 1, .is_static = true};
    else
        fac__http_fail(answer, 500, "the run's control cannot be written");
}

static void act(int fd, const fac__control *c, const char *action, fac__http_answer *answer)
{
    if (strcmp(action, "pause") == 0) return answer_done(answer, fac__control_pause(fd, true));
    if (strcmp(action, "resume") == 0) return answer_done(answer, fac__control_pause(fd, false));
    if (strcmp(action, "step") == 0) return answer_done(answer, fac__control_step(fd, c));
    if (strcmp(action, "stop") == 0) return answer_done(answer, fac__control_stop(fd));
    fac__http_fail(answer, 400, "the action must be pause, resume, step or stop");
}

static void turn(int fd, const fac__control *c, json_t *json, const char *name, fac__http_answer *answer)
{
    uint32_t i = 0;
    while (i < c->knobs && strcmp(c->knob[i].name, name) != 0)
        i++;
    if (i == c->knobs) return fac__http_fail(answer, 404, "there is no number or button of that name");
    const fac__knob *k = &c->knob[i];
    json_t *value = json_object_get(json, "value");
    if (k->is_button) {
        if (!json_is_true(json_object_get(json, "press")))
            return fac__http_fail(answer, 400, "it is a button: press it");
        return answer_done(answer, fac__control_turn(fd, c, (int)i, 1));
    }
    double x = json_number_value(value);
    if (!json_is_number(value) || !(x >= k->least && x <= k->most))
        return fac__http_fail(answer, 400, "it must be from %g to %g", k->least, k->most);
    answer_done(answer, fac__control_turn(fd, c, (int)i, x));
}

void fac__serve_steer(void *serving, const fac__http_request *request, fac__http_answer *answer)
{
    json_t *json = object_of(request, answer);
    if (!json) return;
    fac__watched *run;
    int fd = open_control(serving, json, &run, answer);
    if (fd >= 0) {
        const char *action = text_in(json, "action"), *knob = text_in(json, "knob");
        if (action)
            act(fd, &run->control, action, answer);
        else if (knob)
            turn(fd, &run->control, json, knob, answer);
        else
            fac__http_fail(answer, 400, "an action or a knob must be named");
        close(fd);
    }
    json_decref(json);
}

void fac__serve_draw(void *serving, const fac__http_request *request, fac__http_answer *answer)
{
    json_t *json = object_of(request, answer);
    if (!json) return;
    fac__watched *run;
    int fd = open_control(serving, json, &run, answer);
    if (fd >= 0) {
        const fac__drawing *d = &run->control.drawing;
        json_t *list = json_object_get(json, "pixels"), *pixel;
        size_t wanted = (size_t)d->height * d->width, i;
        uint8_t pixels[FAC__DRAWING * FAC__DRAWING];
        bool good = json_array_size(list) == wanted;
        for (i = 0; good && i < wanted; i++) {
            pixel = json_array_get(list, i);
            json_int_t value = json_integer_value(pixel);
            good = json_is_integer(pixel) && value >= 0 && value <= 255;
            pixels[i] = (uint8_t)value;
        }
        uint32_t asked;
        fac__text t = {0};
        if (!wanted)
            fac__http_fail(answer, 409, "%s takes no drawings", run->name);
        else if (!good)
            fac__http_fail(answer, 400, "pixels must be %zu whole numbers from 0 to 255", wanted);
        else if (!fac__control_draw(fd, &run->control, pixels, &asked))
            answer_done(answer, false);
        else
            fac__text_format(&t, "{\"asked\": %u}\n", asked), fac__http_json(answer, fac__text_take(&t));
        close(fd);
    }
    json_decref(json);
}

/* `done` is 0 or the status of what went wrong. */
static void answer_managed(fac__http_answer *answer, int status, const char *why)
{
    if (status)
        fac__http_fail(answer, status, "%s", why);
    else
        answer_done(answer, true);
}

void fac__serve_rename(void *serving, const fac__http_request *request, fac__http_answer *answer)
{
    fac__serving *s = serving;
    json_t *json = object_of(request, answer);
    if (!json) return;
    const char *from = text_in(json, "run"), *to = text_in(json, "to");
    char why[200] = "run and to must be names";
    answer_managed(answer, from && to ? fac__folder_rename(&s->folder, from, to, why) : 400, why);
    json_decref(json);
}

void fac__serve_delete(void *serving, const fac__http_request *request, fac__http_answer *answer)
{
    fac__serving *s = serving;
    json_t *json = object_of(request, answer);
    if (!json) return;
    const char *name = text_in(json, "run");
    char why[200] = "a run must be named";
    answer_managed(answer, name ? fac__folder_delete(&s->folder, name, why) : 400, why);
    json_decref(json);
}
