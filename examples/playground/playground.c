/* The playground: serves a page on which a small network learns, here in this process, and can be played with. docs/playground.md shows
 * it. This file is the command line and the server; the training has a thread of its own, behind play_room.h. */
#include <argp.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../arguments.h"
#include "play_page.h"
#include "play_program.h"
#include "play_room.h"
#include "watch/http.h"

static struct {
    int port;
} options = {.port = 6061};

static const struct argp_option option_list[] = {
    {"port", 'p', "N", 0, "where the browser finds it; 0: any that is free (6061)", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case 'p': options.port = (int)whole(state, arg, 0, 65535); break;
    case ARGP_KEY_ARG: argp_error(state, "'%s' is not expected", arg); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ---- what is asked ------------------------------------------------------------------------------------------ */

typedef struct site {
    fac__http *http;
    play_room *room;
    unsigned pushed[PLAY_TOPICS];
} site;

static const char *const topics[] = {"state", "points", "look", "curve"};

static void get_page(void *context, const fac__http_request *request, fac__http_answer *answer)
{
    answer->type = "text/html; charset=utf-8";
    answer->body = play_page;
    answer->bytes = play_page_bytes;
    answer->is_static = true;
}

/* All topics at once: {"state": …, "points": …, "look": …, "curve": …} */
static void get_now(void *context, const fac__http_request *request, fac__http_answer *answer)
{
    site *s = context;
    char *all = NULL;
    size_t bytes;
    FILE *f = open_memstream(&all, &bytes);
    if (!f) return fac__http_json(answer, NULL);
    for (int i = 0; i < PLAY_TOPICS; i++) {
        unsigned none = 0;
        char *text = play_room_text(s->room, i, &none);
        fprintf(f, "%s\"%s\": %s", i ? ", " : "{", topics[i], text ? text : "null");
        free(text);
    }
    fputs("}\n", f);
    bool ok = !ferror(f);
    if (fclose(f) != 0 || !ok) {
        free(all);
        all = NULL;
    }
    fac__http_json(answer, all);
}

static void get_program(void *context, const fac__http_request *request, fac__http_answer *answer)
{
    static play_story story; /* routes run one at a time */
    play_room_story(((site *)context)->room, &story);
    char *text = play_program(&story);
    fac__http_json(answer, text);
    if (text) answer->type = "text/plain; charset=utf-8";
}

static void ask(site *s, play_request *request, fac__http_answer *answer)
{
    enum { ROOM = 40 };
    if (!play_room_ask(s->room, request)) return fac__http_fail(answer, 503, "too much is asked at once");
    char *text = malloc(ROOM);
    if (text) snprintf(text, ROOM, "{\"version\": %u}\n", request->version);
    fac__http_json(answer, text);
}

/* The body as an object, to be given back by json_decref; NULL, and the answer says why, when it is none. */
static json_t *body(const fac__http_request *request, fac__http_answer *answer)
{
    json_error_t error;
    json_t *root = json_loadb(request->body, request->body_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!root) fac__http_fail(answer, 400, "the body is not JSON: %s", error.text);
    if (!root || json_is_object(root)) return root;
    json_decref(root);
    fac__http_fail(answer, 400, "the body is not a JSON object");
    return NULL;
}

/* {"state": text} */
static void post_state(void *context, const fac__http_request *request, fac__http_answer *answer)
{
    json_t *root = body(request, answer);
    if (!root) return;
    const char *text = json_string_value(json_object_get(root, "state"));
    char why[200];
    play_state state;
    if (!text)
        fac__http_fail(answer, 400, "there is no text \"state\"");
    else if (!play_state_parse(&state, text, why, sizeof why))
        fac__http_fail(answer, 400, "%s", why);
    else
        ask(context, &(play_request){.what = PLAY_ASK_STATE, .state = &state}, answer);
    json_decref(root);
}

/* {"action": "play"} */
static void post_action(void *context, const fac__http_request *request, fac__http_answer *answer)
{
    static const char *const names[] = {
        [PLAY_ASK_PLAY] = "play", [PLAY_ASK_PAUSE] = "pause", [PLAY_ASK_STEP] = "step", [PLAY_ASK_RESET] = "reset"};
    json_t *root = body(request, answer);
    if (!root) return;
    const char *name = json_string_value(json_object_get(root, "action"));
    int what = PLAY_ASK_PLAY;
    while (name && what <= PLAY_ASK_RESET && strcmp(name, names[what]))
        what++;
    if (!name || what > PLAY_ASK_RESET)
        fac__http_fail(answer, 400, "\"action\" is play, pause, step or reset");
    else
        ask(context, &(play_request){.what = what}, answer);
    json_decref(root);
}

/* Of a place in the network; -2, which is nowhere, when it is no small whole number. */
static int place(const json_t *root, const char *key)
{
    const json_t *n = json_object_get(root, key);
    json_int_t value = json_integer_value(n);
    return json_is_integer(n) && value >= -1 && value < PLAY_NEURONS ? (int)value : -2;
}

/* {"layer": 0, "to": 1, "from": 0, or -1 for the bias, "value": 0.5} */
static void post_weight(void *context, const fac__http_request *request, fac__http_answer *answer)
{
    json_t *root = body(request, answer);
    if (!root) return;
    play_request q = {.what = PLAY_ASK_WEIGHT,
                      .layer = place(root, "layer"),
                      .to = place(root, "to"),
                      .from = place(root, "from"),
                      .value = json_number_value(json_object_get(root, "value"))};
    if (q.layer < 0 || q.to < 0 || q.from < -1)
        fac__http_fail(answer, 400, "there is no such weight");
    else if (!json_is_number(json_object_get(root, "value")) || !(fabs(q.value) <= 1e6))
        fac__http_fail(answer, 400, "\"value\" is not a number from -1e6 to 1e6");
    else
        ask(context, &q, answer);
    json_decref(root);
}

static const fac__http_route routes[] = {
    {"GET", "/", get_page},
    {"GET", "/index.html", get_page},
    {"GET", "/api/now", get_now},
    {"GET", "/api/program", get_program},
    {"POST", "/api/state", post_state},
    {"POST", "/api/action", post_action},
    {"POST", "/api/weight", post_weight},
};

/* ---- serving ------------------------------------------------------------------------------------------------ */

static void push_news(void *context)
{
    site *s = context;
    play_room_watched(s->room, fac__http_listeners(s->http) > 0);
    for (int i = 0; i < PLAY_TOPICS; i++) {
        char *text = play_room_text(s->room, i, &s->pushed[i]);
        if (text) fac__http_push(s->http, topics[i], topics[i], text, strlen(text));
        free(text);
    }
}

static fac__http *serving;

static void stop(int signal)
{
    fac__http_stop(serving);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        option_list,
        parse,
        NULL,
        "The lesson as something to play with, in the browser: points, a network that learns to tell "
        "them apart while you watch, and everything about it to be changed. Ctrl-C ends it.",
        NULL,
        NULL,
        NULL};
    argp_parse(&argp, argc, argv, 0, NULL, NULL);

    site site = {.room = play_room_open()};
    fac_run_serve_options where = fac_run_serve_options_defaults();
    where.port = options.port;
    where.quiet = true;
    fac_set_error_handler(NULL); /* what is wrong is told here, and on the page */
    if (site.room)
        serving = site.http =
            fac__http_open(where, routes, sizeof routes / sizeof *routes, &site, push_news, 1000 / 60);
    if (!site.http) {
        const char *error = fac_error() ? fac_error() : "it could not begin";
        fprintf(stderr, "playground: %s\n", error);
        if (strstr(error, "in use")) fprintf(stderr, "Here that is --port N, or --port 0 for any that is free.\n");
    } else {
        struct sigaction action = {.sa_handler = stop};
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        printf("The playground is at %s (Ctrl-C ends it)\n", fac__http_url(site.http));
        fflush(stdout);
        fac__http_run(site.http);
    }
    fac__http_close(site.http);
    play_room_close(site.room);
    return site.http ? 0 : 1;
}
