/* The training's thread. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "play_room.h"

enum { ROOM_REQUESTS = 64, FRAMES = 30 /* a second */, PATIENCE = 60 /* seconds that it goes on unseen */ };

struct play_room {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change;
    /* Under the lock. */
    play_request requests[ROOM_REQUESTS];
    int count;
    bool quit;
    unsigned states; /* asked for so far */
    char *texts[PLAY_TOPICS];
    unsigned versions[PLAY_TOPICS];
    play_story story;
    /* Set when something waits under the lock. */
    atomic_bool asked;
    atomic_bool watched;
    /* The thread's own. */
    play_training training;
    play_stand stand;
    bool ready;              /* the training could begin */
    bool drawn, curve_drawn; /* what is to be seen is as it is */
    double frame, curve_frame, seen;
    double pace_begin, rate_begin;
    int64_t pace_epochs, rate_epochs; /* since then */
};

static double clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- what there is to see ----------------------------------------------------------------------------------- */

static void publish(play_room *r, play_topic topic, char *text)
{
    if (!text) return fac_clear_error(); /* there is no memory: what was there before stays to be seen */
    pthread_mutex_lock(&r->lock);
    char *old = r->texts[topic];
    r->texts[topic] = text;
    r->versions[topic]++;
    if (topic == PLAY_TOPIC_LOOK || topic == PLAY_TOPIC_STATE) r->story = r->training.story;
    pthread_mutex_unlock(&r->lock);
    free(old);
}

/* facula's pending error becomes the message, and the training stops. */
static void failed(play_room *r)
{
    snprintf(r->stand.message, sizeof r->stand.message, "Something went wrong: %s",
             fac_error() ? fac_error() : "no memory");
    fac_clear_error();
    r->stand.playing = false;
}

static void say_state(play_room *r)
{
    publish(r, PLAY_TOPIC_STATE, play_json_state(&r->training, &r->stand));
}

static void draw(play_room *r)
{
    if (!r->ready) return;
    char *look = play_json_look(&r->training, &r->stand);
    if (!look) {
        failed(r);
        say_state(r);
    }
    publish(r, PLAY_TOPIC_LOOK, look);
    r->drawn = true;
    r->frame = clock_now();
}

static void draw_curve(play_room *r)
{
    publish(r, PLAY_TOPIC_CURVE, play_json_curve(&r->training));
    r->curve_drawn = true;
    r->curve_frame = clock_now();
}

static void draw_all(play_room *r)
{
    draw(r);
    draw_curve(r);
}

/* ---- what is asked ------------------------------------------------------------------------------------------ */

static void say_diverged(play_room *r)
{
    snprintf(r->stand.message, sizeof r->stand.message,
             "The steps were so long that the numbers grew beyond all bounds: the loss is not a number any more. "
             "Take a smaller learning rate and begin again.");
}

static void play(play_room *r, bool on)
{
    r->stand.playing = on && r->ready && r->training.x[0] && !r->training.diverged;
    if (on && !r->training.x[0])
        snprintf(r->stand.message, sizeof r->stand.message, "There are no points to learn from.");
    if (on && r->training.diverged) say_diverged(r);
    r->pace_begin = r->rate_begin = r->seen = clock_now();
    r->pace_epochs = r->rate_epochs = 0;
}

/* After a change of the training that went well or did not. */
static void changed(play_room *r, bool ok)
{
    if (!ok) failed(r);
    say_state(r);
    draw_all(r);
}

static void begin(play_room *r, const play_state *state)
{
    r->stand.message[0] = 0;
    r->ready = play_begin(&r->training, state);
    publish(r, PLAY_TOPIC_POINTS, play_json_points(&r->training));
    changed(r, r->ready);
}

static void change_state(play_room *r, const play_state *state)
{
    bool playing = r->stand.playing;
    int64_t before = r->training.state.speed;
    r->stand.message[0] = 0;
    r->ready = play_change_to(&r->training, state);
    if (!r->training.story.epoch) publish(r, PLAY_TOPIC_POINTS, play_json_points(&r->training));
    if (state->speed != before) play(r, playing);
    r->stand.playing &= r->ready && r->training.x[0];
    changed(r, r->ready);
}

static bool epoch(play_room *r);

static void answer(play_room *r, play_request *q)
{
    play_training *t = &r->training;
    switch (q->what) {
    case PLAY_ASK_STATE:
        r->stand.version = q->version;
        change_state(r, q->state);
        free((void *)q->state);
        return;
    case PLAY_ASK_PLAY:
        r->stand.message[0] = 0;
        play(r, true);
        break;
    case PLAY_ASK_PAUSE: play(r, false); break;
    case PLAY_ASK_STEP:
        play(r, false);
        if (r->ready && !t->diverged) epoch(r);
        r->stand.playing = false;
        break;
    case PLAY_ASK_RESET: {
        play_state state = t->state;
        play(r, false);
        begin(r, &state);
        return;
    }
    case PLAY_ASK_WEIGHT:
        if (!r->ready) return;
        if (!play_set_weight(t, q->layer, q->to, q->from, q->value) && fac_error()) failed(r);
        t->diverged = false;
        break;
    }
    say_state(r);
    draw_all(r);
}

/* ---- the thread --------------------------------------------------------------------------------------------- */

/* One epoch; false when the training is not to go on. */
static bool epoch(play_room *r)
{
    play_training *t = &r->training;
    bool ok = play_epoch(t);
    r->drawn = r->curve_drawn = false;
    r->pace_epochs++;
    r->rate_epochs++;
    if (!ok) failed(r);
    if (ok && t->diverged) say_diverged(r);
    if (!ok || t->diverged || (t->state.stop && t->story.epoch % t->state.stop == 0)) r->stand.playing = false;
    return r->stand.playing;
}

/* Epochs until a frame is due, the pace is met, or something is asked. */
static void run(play_room *r)
{
    int64_t speed = r->training.state.speed;
    for (;;) {
        double now = clock_now(), due = r->pace_begin + (speed ? (double)(r->pace_epochs + 1) / (double)speed : 0);
        if (atomic_load_explicit(&r->asked, memory_order_relaxed) || now < due) break;
        if (!r->drawn && now - r->frame > 1.0 / FRAMES) break;
        if (now - due > 0.25) { /* it cannot keep up: what is missed is not made up for */
            r->pace_begin = now;
            r->pace_epochs = 0;
        }
        if (!epoch(r)) break;
    }
    double now = clock_now();
    if (now - r->rate_begin >= 0.5 || (!r->stand.playing && now > r->rate_begin)) {
        r->stand.rate = (double)r->rate_epochs / (now - r->rate_begin);
        r->rate_begin = now;
        r->rate_epochs = 0;
    }
}

/* Draws what is due; says when to be called again, at the latest. */
static double show(play_room *r)
{
    double now = clock_now();
    bool watched = atomic_load(&r->watched);
    if (watched) r->seen = now;
    if (r->stand.playing && now - r->seen > PATIENCE) {
        snprintf(r->stand.message, sizeof r->stand.message, "Nobody looked for a minute, so it paused.");
        r->stand.playing = r->drawn = false;
    }
    bool stopped = !r->stand.playing;
    if (!r->drawn && (stopped || (watched && now - r->frame >= 1.0 / FRAMES))) {
        if (stopped) say_state(r);
        draw(r);
        if (stopped || now - r->curve_frame > 0.1) draw_curve(r);
    }
    if (!watched) r->frame = now;
    if (stopped) return now + 3600;
    int64_t speed = r->training.state.speed;
    double due = speed ? r->pace_begin + (double)(r->pace_epochs + 1) / (double)speed : now;
    return fmin(due, now + 1.0 / FRAMES);
}

/* The requests that wait, up to ROOM_REQUESTS; waits until `until` for one. -1: it is over. */
static int take(play_room *r, play_request *requests, double until)
{
    struct timespec t = {.tv_sec = (time_t)until, .tv_nsec = (long)(1e9 * (until - floor(until)))};
    pthread_mutex_lock(&r->lock);
    while (!r->count && !r->quit && clock_now() < until)
        pthread_cond_timedwait(&r->change, &r->lock, &t);
    int count = r->quit ? -1 : r->count;
    if (count > 0) memcpy(requests, r->requests, (size_t)count * sizeof *requests);
    if (count > 0) r->count = 0;
    atomic_store(&r->asked, false);
    pthread_mutex_unlock(&r->lock);
    return count;
}

static void *train(void *room)
{
    play_room *r = room;
    play_state state = play_state_default();
    begin(r, &state);
    for (double until = 0;;) {
        play_request requests[ROOM_REQUESTS];
        int count = take(r, requests, until);
        if (count < 0) break;
        for (int i = 0; i < count; i++)
            answer(r, &requests[i]);
        if (r->stand.playing) run(r);
        until = show(r);
    }
    play_end(&r->training);
    return NULL;
}

/* ---- from other threads ------------------------------------------------------------------------------------- */

play_room *play_room_open(void)
{
    play_room *r = calloc(1, sizeof *r);
    if (!r) return fac_raise(FAC_ERROR_MEMORY, "there is no memory left");
    r->stand.rate = NAN;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->change, &attributes);
    pthread_condattr_destroy(&attributes);
    fac_set_num_threads(1); /* the networks are small; the browser wants the other cores */
    if (pthread_create(&r->thread, NULL, train, r) == 0) return r;
    free(r);
    return fac_raise(FAC_ERROR_RUNTIME, "no thread could be started");
}

void play_room_close(play_room *r)
{
    if (!r) return;
    pthread_mutex_lock(&r->lock);
    r->quit = true;
    atomic_store(&r->asked, true);
    pthread_cond_broadcast(&r->change);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    for (int i = 0; i < r->count; i++)
        free((void *)r->requests[i].state);
    for (int i = 0; i < PLAY_TOPICS; i++)
        free(r->texts[i]);
    pthread_cond_destroy(&r->change);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

bool play_room_ask(play_room *r, play_request *request)
{
    play_state *copy = NULL;
    if (request->what == PLAY_ASK_STATE) {
        copy = malloc(sizeof *copy);
        if (!copy) return false;
        *copy = *request->state;
    }
    pthread_mutex_lock(&r->lock);
    bool room = r->count < ROOM_REQUESTS;
    if (room) {
        play_request *q = &r->requests[r->count++];
        *q = *request;
        q->state = copy;
        if (copy) q->version = request->version = ++r->states;
        atomic_store(&r->asked, true);
        pthread_cond_signal(&r->change);
    }
    pthread_mutex_unlock(&r->lock);
    if (!room) free(copy);
    return room;
}

char *play_room_text(play_room *r, play_topic topic, unsigned *version)
{
    char *text = NULL;
    pthread_mutex_lock(&r->lock);
    if (r->texts[topic] && *version != r->versions[topic]) {
        text = strdup(r->texts[topic]);
        if (text) *version = r->versions[topic];
    }
    pthread_mutex_unlock(&r->lock);
    return text;
}

void play_room_story(play_room *r, play_story *story)
{
    pthread_mutex_lock(&r->lock);
    *story = r->story;
    pthread_mutex_unlock(&r->lock);
}

void play_room_watched(play_room *r, bool watched)
{
    atomic_store(&r->watched, watched);
}
