/* Floor 8. Runs as the page gets them: JSON. */
#include <math.h>

#include "watch/json_text.h"
#include "watch/serve_parts.h"

static void write_key(fac__text *t, const char *key)
{
    fac__text_format(t, ", \"%s\": ", key);
}

static void write_bool(fac__text *t, const char *key, bool value)
{
    write_key(t, key);
    fac__text_format(t, value ? "true" : "false");
}

static void write_integer(fac__text *t, const char *key, int64_t value)
{
    write_key(t, key);
    fac__json_integer(t, value);
}

/* To the millisecond: fac__json_number has too few digits for times. */
static void write_time(fac__text *t, const char *key, double seconds)
{
    write_key(t, key);
    if (seconds > 0)
        fac__text_format(t, "%lld.%03d", (long long)seconds, (int)(1000 * (seconds - floor(seconds))));
    else
        fac__text_add(t, "null", 4);
}

static void write_knobs(fac__text *t, const fac__control *c, bool all)
{
    fac__text_format(t, ", \"knobs\": [");
    for (uint32_t i = 0; i < c->knobs; i++) {
        const fac__knob *k = &c->knob[i];
        fac__text_format(t, i ? ", {\"name\": " : "{\"name\": ");
        fac__json_string(t, k->name);
        if (all) {
            write_bool(t, "button", k->is_button);
            write_key(t, "least");
            fac__json_number(t, k->least);
            write_key(t, "most");
            fac__json_number(t, k->most);
        }
        write_key(t, "value");
        fac__json_number(t, k->value);
        fac__text_add(t, "}", 1);
    }
    fac__text_add(t, "]", 1);
}

static int64_t step_of(const fac__watched *run)
{
    return run->has_control ? run->control.step : run->reader.step;
}

void fac__serve_write_state(fac__text *t, const fac__watched *run)
{
    fac__text_format(t, "{\"run\": \"%s\"", run->name);
    write_integer(t, "step", step_of(run));
    write_bool(t, "paused", run->control.paused);
    write_bool(t, "waiting", run->control.waiting);
    write_bool(t, "live", run->live);
    write_knobs(t, &run->control, false);
    fac__text_add(t, "}", 1);
}

static void write_curves(fac__text *t, const fac__reader *r)
{
    fac__text_format(t, ", \"curves\": [");
    for (int i = 0; i < r->count; i++) {
        if (i) fac__text_add(t, ", ", 2);
        fac__json_string(t, r->curves[i].name);
    }
    fac__text_add(t, "]", 1);
}

/* `moving`: with what changes at every step. */
static void write_run(fac__text *t, const fac__watched *run, bool moving)
{
    static const fac__control none = {.magic = 0};
    const fac__control *c = run->live && run->has_control ? &run->control : &none;
    fac__text_format(t, "{\"name\": \"%s\"", run->name);
    write_time(t, "started", run->started);
    write_time(t, "ended", run->ended);
    write_bool(t, "live", run->live);
    write_key(t, "outcome");
    fac__json_string(t, *run->outcome ? run->outcome : run->live ? "running" : "interrupted");
    write_integer(t, "steps", run->steps);
    if (moving) {
        write_integer(t, "step", step_of(run));
        write_integer(t, "points", run->reader.values);
        write_integer(t, "layers", run->looks.lines);
        write_knobs(t, c, true);
    } else {
        write_integer(t, "knobs", c->knobs);
        write_bool(t, "layers", run->looks.lines > 0);
        write_bool(t, "known", run->is_known); /* then its points are told once more */
    }
    write_key(t, "notes");
    fac__text_add(t, run->notes, strlen(run->notes));
    write_curves(t, &run->reader);
    write_bool(t, "paused", c->paused);
    write_bool(t, "waiting", c->waiting);
    write_bool(t, "model", run->has_model);
    write_key(t, "drawing");
    if (c->drawing.height)
        fac__text_format(t, "{\"height\": %u, \"width\": %u}", c->drawing.height, c->drawing.width);
    else
        fac__text_add(t, "null", 4);
    write_key(t, "evaluation");
    if (run->has_evaluation)
        fac__json_integer(t, run->evaluation);
    else
        fac__text_add(t, "null", 4);
    fac__text_add(t, "}", 1);
}

static void write_list(fac__text *t, const fac__serving *s, bool moving)
{
    fac__text_format(t, *s->own ? "{\"serving\": \"%s\"" : "{\"serving\": null", s->own);
    write_key(t, "dir");
    fac__json_string(t, s->folder.path);
    fac__text_format(t, ", \"runs\": [");
    for (int i = 0; i < s->folder.count; i++) {
        if (i) fac__text_add(t, ",\n", 2);
        write_run(t, s->folder.runs[i], moving);
    }
    fac__text_add(t, "]}", 2);
}

void fac__serve_write_list(fac__text *t, const fac__serving *s)
{
    write_list(t, s, true);
}

uint64_t fac__serve_hash(const fac__text *t)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < t->n; i++)
        hash = (hash ^ (unsigned char)t->p[i]) * UINT64_C(1099511628211);
    return hash;
}

uint64_t fac__serve_hash_list(const fac__serving *s)
{
    fac__text t = {0};
    write_list(&t, s, false);
    uint64_t hash = fac__serve_hash(&t);
    fac__text_drop(&t);
    return hash;
}
