/* Floor 8. What those who look are told without asking: it is looked for ten times a second, while somebody listens. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "core/raise.h"
#include "watch/clock.h"
#include "watch/json_text.h"
#include "watch/run_control.h"
#include "watch/serve_parts.h"

static int64_t now_ms(void)
{
    return (int64_t)(fac__seconds() * 1e3);
}

void fac__serve_list(fac__serving *s, int64_t older_than_ms)
{
    int64_t now = now_ms();
    if (s->listed && now - s->listed < older_than_ms) return;
    fac__folder_list(&s->folder);
    s->listed = now;
}

/* Pushes the text and drops it. key: of the run, or NULL. */
static void push(fac__serving *s, const char *event, bool keyed, const char *run, fac__text *t)
{
    char key[FAC__RUN_NAME + 32];
    snprintf(key, sizeof key, "%s:%s", event, run);
    if (!t->failed) fac__http_push(s->http, event, keyed ? key : NULL, t->p, t->n);
    fac__text_drop(t);
}

static void push_list(fac__serving *s)
{
    uint64_t hash = fac__serve_hash_list(s);
    if (hash == s->told) return;
    s->told = hash;
    fac__text t = {0};
    fac__serve_write_list(&t, s);
    push(s, "runs", true, "", &t);
}

static void push_points(fac__serving *s, fac__watched *run)
{
    fac__reader *r = &run->reader;
    if (r->collects && r->records > r->told) {
        fac__text t = {0};
        bool any = false;
        fac__text_format(&t, "{\"run\": \"%s\", \"from\": %lld, \"to\": %lld, \"curves\": [", run->name,
                         (long long)r->told, (long long)r->records);
        for (int i = 0; i < r->count; i++) {
            if (!r->curves[i].fresh.values) continue;
            if (any) fac__text_add(&t, ",", 1);
            fac__buckets_write(&t, r->curves[i].name, &r->curves[i].fresh, FAC__READER_FRESH / 2);
            any = true;
        }
        fac__text_add(&t, "]}", 2);
        push(s, "points", false, run->name, &t);
    }
    fac__reader_told(r);
    r->collects = true;
}

static void push_state(fac__serving *s, fac__watched *run)
{
    fac__text t = {0};
    fac__serve_write_state(&t, run);
    uint64_t hash = fac__serve_hash(&t);
    if (hash == run->told.state) return fac__text_drop(&t);
    run->told.state = hash;
    push(s, "state", true, run->name, &t);
}

static void push_look(fac__serving *s, fac__watched *run)
{
    int fd = fac__folder_file(&s->folder, run->name, "layers.jsonl", false);
    if (fd < 0) return;
    fac__text t = {0};
    fac__text_format(&t, "{\"run\": \"%s\", \"line\": %lld, \"look\": ", run->name, (long long)run->looks.lines - 1);
    size_t before = t.n;
    fac__looks_write(&t, &run->looks, fd, run->looks.lines - 1);
    close(fd);
    bool there = t.n > before;
    fac__text_add(&t, "}", 1);
    if (there)
        push(s, "layers", true, run->name, &t);
    else
        fac__text_drop(&t);
}

static void push_drawing(fac__serving *s, fac__watched *run)
{
    const fac__drawing *d = &run->control.drawing;
    fac__text t = {0};
    fac__text_format(&t, "{\"run\": \"%s\", \"asked\": %u, \"probabilities\": [", run->name, d->answered);
    for (uint32_t i = 0; i < d->classes; i++) {
        if (i) fac__text_add(&t, ",", 1);
        fac__json_number(&t, d->answer[i]);
    }
    fac__text_add(&t, "]}", 2);
    push(s, "drawing", true, run->name, &t);
}

/* What is new of a run that goes on, or went on until just now. */
static void follow(fac__serving *s, fac__watched *run)
{
    struct fac__told *told = &run->told;
    fac__folder_refresh(&s->folder, run, FAC__SERVE_POINTS);
    push_points(s, run);
    push_state(s, run);
    if (told->begun && run->looks.lines > told->looks) push_look(s, run);
    if (told->begun && run->has_evaluation && run->evaluations != told->evaluations) {
        fac__text t = {0};
        fac__text_format(&t, "{\"run\": \"%s\", \"step\": %lld}", run->name, (long long)run->evaluation);
        push(s, "evaluation", true, run->name, &t);
    }
    if (told->begun && run->has_control && run->control.drawing.answered != told->answered) push_drawing(s, run);
    told->looks = run->looks.lines;
    told->evaluations = run->evaluations;
    told->answered = run->control.drawing.answered;
    told->begun = true;
}

/* The training need not look at its layers as often when nobody sees it. */
static void say_that_somebody_looks(fac__serving *s, const fac__watched *run)
{
    int fd = fac__folder_file(&s->folder, run->name, "control", true);
    if (fd < 0) return;
    if (run->has_control && fac__control_is_ours(fd)) fac__control_looked(fd, fac__wall_ms());
    close(fd);
}

/* Nobody listens any more, or now somebody does: what is told begins anew. */
static void begin_anew(fac__serving *s)
{
    for (int i = 0; i < s->folder.count; i++) {
        fac__watched *run = s->folder.runs[i];
        run->told = (struct fac__told){.begun = false};
        run->reader.collects = false;
        fac__reader_told(&run->reader);
    }
}

void fac__serve_tick(void *serving)
{
    fac__serving *s = serving;
    int listeners = fac__http_listeners(s->http);
    if (!listeners != !s->listeners) begin_anew(s);
    s->listeners = listeners;
    if (!listeners) return;
    bool list = now_ms() - s->listed >= FAC__SERVE_LIST;
    for (int i = 0; i < s->folder.count; i++)
        if (s->folder.runs[i]->live) follow(s, s->folder.runs[i]);
    if (!list) return;
    fac__serve_list(s, 0);
    for (int i = 0; i < s->folder.count; i++) {
        fac__watched *run = s->folder.runs[i];
        if (run->live) say_that_somebody_looks(s, run);
        if (!run->live && run->told.begun && !run->is_known) { /* its last values */
            follow(s, run);
            run->told.begun = run->reader.collects = false;
        }
    }
    fac__folder_refresh_all(&s->folder, FAC__SERVE_POINTS);
    push_list(s);
}
