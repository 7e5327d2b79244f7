/* Serving runs: what the page asks and orders, what it is told, and that nobody who looks holds up a training. */
#define _GNU_SOURCE
#include "watching.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "hostile_requests.h"
#include "watch/reader.h"
#include "watch/run.h"

static int port;

static fac_run *begin_run(const char *name)
{
    return fac_run_open(name, .progress = false, .tensorboard = false);
}

/* Serves the run at a port that is free. */
static void serve(fac_run *run)
{
    assert_true(fac_run_serve(run, .port = 0, .quiet = true));
    assert_int_equal(sscanf(fac_run_url(run), "http://127.0.0.1:%d/", &port), 1);
}

static void values_of(const char *name, int n)
{
    fac_run *run = begin_run(name);
    for (int i = 1; i <= n; i++) {
        fac_run_log(run, "loss/train", i, i == 500 ? 100 : 1.0 / i);
        if (i % 10 == 0) fac_run_log(run, "loss/validation", i, i == 30 ? NAN : 2.0 / i);
    }
    assert_true(fac_run_close(run));
}

/* The answer as JSON, which must have come with this status. */
static json_t *json_of(client_answer a, int status)
{
    json_t *json = json_loads(a.body, 0, NULL);
    if (a.status != status || !json) fail_msg("expected %d with JSON, got %d: %.800s", status, a.status, a.text);
    free(a.text);
    return json;
}

static void expect(client_answer a, int status, const char *words)
{
    json_t *json = json_of(a, status);
    const char *error = json_string_value(json_object_get(json, "error"));
    if (words && (!error || !strstr(error, words))) fail_msg("expected \"%s\", got \"%s\"", words, error ? error : "");
    json_decref(json);
}

static json_t *run_in(json_t *list, const char *name)
{
    size_t i;
    json_t *run;
    json_array_foreach(json_object_get(list, "runs"), i, run)
    {
        if (strcmp(json_string_value(json_object_get(run, "name")), name) == 0) return run;
    }
    return NULL;
}

static int64_t integer_in(json_t *json, const char *key)
{
    json_t *value = json_object_get(json, key);
    if (!json_is_integer(value)) fail_msg("%s is no whole number", key);
    return json_integer_value(value);
}

static int start(void **state)
{
    (void)state;
    return system("rm -rf runs");
}

/* ---- asking -------------------------------------------------------------------------------------------------- */

static void test_runs(void **state)
{
    values_of("first", 1000);
    poll(NULL, 0, 20); /* when a run began is known to some milliseconds */
    fac_run *run = begin_run("second");
    double rate = 0.1;
    bool pressed = false;
    assert_true(fac_run_number(run, "rate", &rate, 0, 1) && fac_run_button(run, "reset", &pressed));
    fac_run_note(run, "optimizer", "SGD \"0.1\"");
    fac_run_step(run, 1);
    fac_run_log(run, "loss", 1, 0.5);
    serve(run);
    expect_error(fac_run_serve(run, .port = 0), "served already");
    json_t *list = json_of(client_get(port, "/api/runs"), 200);
    assert_string_equal(json_string_value(json_object_get(list, "serving")), "second");
    assert_string_equal(json_string_value(json_object_get(list, "dir")), "runs");
    assert_int_equal(json_array_size(json_object_get(list, "runs")), 2);
    assert_ptr_equal(json_array_get(json_object_get(list, "runs"), 0), run_in(list, "second")); /* the newest first */
    json_t *one = run_in(list, "first"), *two = run_in(list, "second");
    assert_true(json_is_false(json_object_get(one, "live")) && json_is_true(json_object_get(two, "live")));
    assert_string_equal(json_string_value(json_object_get(one, "outcome")), "finished");
    assert_string_equal(json_string_value(json_object_get(two, "outcome")), "running");
    assert_int_equal(integer_in(one, "points"), 1100);
    assert_int_equal(integer_in(one, "step"), 1000);
    assert_int_equal(integer_in(two, "step"), 1);
    assert_true(json_is_real(json_object_get(one, "ended")) && json_is_null(json_object_get(two, "ended")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(two, "notes"), "optimizer")), "SGD \"0.1\"");
    assert_int_equal(json_array_size(json_object_get(one, "curves")), 2);
    assert_int_equal(json_array_size(json_object_get(one, "knobs")), 0); /* it has ended */
    json_t *knobs = json_object_get(two, "knobs");
    char *text = json_dumps(knobs, JSON_COMPACT);
    assert_string_equal(text,
                        "[{\"name\":\"rate\",\"button\":false,\"least\":0,\"most\":1,\"value\":0.10000000000000001},"
                        "{\"name\":\"reset\",\"button\":true,\"least\":0,\"most\":0,\"value\":0}]");
    free(text);
    json_decref(list);
    client_answer page = client_get(port, "/");
    assert_int_equal(page.status, 200);
    assert_non_null(strstr(page.body, "<title>facula</title>"));
    assert_non_null(strstr(page.text, "Content-Type: text/html"));
    assert_true(page.size > 50000);
    assert_null(strstr(page.body, " src=\"")); /* it is whole in itself */
    free(page.text);
    assert_true(fac_run_close(run));
    assert_int_equal(client_connect(port), -1); /* nobody is there any more */
}

static void test_curves(void **state)
{
    values_of("done", 1000);
    fac_run *run = begin_run("now");
    serve(run);
    json_t *answer = json_of(client_get(port, "/api/curves?run=done"), 200);
    assert_int_equal(integer_in(answer, "offset"), 1100 + 2 + 2);
    json_t *curves = json_object_get(answer, "curves"), *train = json_array_get(curves, 0),
           *test = json_array_get(curves, 1);
    assert_int_equal(json_array_size(curves), 2);
    assert_int_equal(integer_in(train, "count"), 1000);
    assert_int_equal(json_array_size(json_object_get(train, "values")), 1000); /* all of them */
    assert_true(json_is_false(json_object_get(train, "reduced")));
    char *odd = json_dumps(json_object_get(test, "odd"), JSON_COMPACT);
    assert_string_equal(odd, "[[30,\"nan\"]]");
    free(odd);
    json_decref(answer);

    answer = json_of(client_get(port, "/api/curves?run=done&curve=loss/train&buckets=10&from=100&to=899"), 200);
    curves = json_object_get(answer, "curves");
    assert_int_equal(json_array_size(curves), 1);
    train = json_array_get(curves, 0);
    assert_int_equal(integer_in(train, "count"), 800);
    assert_true(json_is_true(json_object_get(train, "reduced")));
    json_t *steps = json_object_get(train, "steps"), *values = json_object_get(train, "values");
    assert_true(json_array_size(steps) <= 22 && json_array_size(steps) == json_array_size(values));
    assert_int_equal(json_integer_value(json_array_get(steps, 0)), 100);
    assert_int_equal(json_integer_value(json_array_get(steps, json_array_size(steps) - 1)), 899);
    bool peak = false;
    for (size_t i = 0; i < json_array_size(steps); i++)
        peak |= json_integer_value(json_array_get(steps, i)) == 500 &&
                json_number_value(json_array_get(values, i)) == 100;
    assert_true(peak);
    json_decref(answer);

    answer = json_of(client_get(port, "/api/curves?run=now"), 200); /* of a run that has none */
    assert_int_equal(integer_in(answer, "offset"), 0);
    assert_int_equal(json_array_size(json_object_get(answer, "curves")), 0);
    json_decref(answer);
    expect(client_get(port, "/api/curves"), 400, "a run must be named");
    expect(client_get(port, "/api/curves?run=none"), 404, "there is no run of that name");
    expect(client_get(port, "/api/curves?run=../runs/done"), 404, "there is no run");
    expect(client_get(port, "/api/curves?run=done%00"), 400, "malformed");
    expect(client_get(port, "/api/curves?run=done&curve=x"), 404, "there is no curve of that name");
    expect(client_get(port, "/api/curves?run=done&buckets=1"), 400, "buckets must be from 2 to 5000");
    expect(client_get(port, "/api/curves?run=done&buckets=5001"), 400, "buckets must be");
    expect(client_get(port, "/api/curves?run=done&from=x"), 400, "from must be a whole number");
    expect(client_get(port, "/api/curves?run=done&to=99999999999999999999"), 400, "to must be");
    expect(client_post(port, "/api/curves?run=done", "{}"), 405, NULL);
    assert_true(fac_run_close(run));
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_files(void **state)
{
    values_of("done", 100);
    fac_run *run = begin_run("now");
    serve(run);
    expect(client_get(port, "/api/model?run=done"), 404, "model.json");
    write_text("runs/done/model.json", "{\"module\": \"Linear\"}");
    json_t *answer = json_of(client_get(port, "/api/model?run=done"), 200);
    assert_string_equal(json_string_value(json_object_get(answer, "module")), "Linear");
    json_decref(answer);
    write_text("runs/done/evaluation.json", "{\"step\": 5");
    expect(client_get(port, "/api/evaluation?run=done"), 500, "evaluation.json is damaged");
    assert_return_code(symlink("/etc/hostname", "runs/done/link"), 0);
    unlink("runs/done/evaluation.json");
    assert_return_code(rename("runs/done/link", "runs/done/evaluation.json"), 0);
    expect(client_get(port, "/api/evaluation?run=done"), 500, "evaluation.json");
    answer = json_of(client_get(port, "/api/layers?run=done"), 200);
    assert_int_equal(json_array_size(json_object_get(answer, "looks")), 0);
    json_decref(answer);
    write_text("runs/done/layers.jsonl", "{\"step\": 1}\n{\"step\": 2}\n{\"step\": 3}\n{\"ste");
    answer = json_of(client_get(port, "/api/layers?run=done&from=1"), 200);
    assert_int_equal(integer_in(answer, "next"), 3);
    json_t *looks = json_object_get(answer, "looks");
    assert_int_equal(json_array_size(looks), 2);
    assert_int_equal(integer_in(json_array_get(looks, 0), "step"), 2);
    json_decref(answer);

    client_answer csv = client_get(port, "/api/csv?run=done&curve=loss/validation");
    assert_int_equal(csv.status, 200);
    assert_non_null(strstr(csv.text, "Content-Type: text/csv"));
    assert_non_null(strstr(csv.text, "attachment; filename=\"done.csv\""));
    assert_non_null(strstr(csv.text, "curve,step,value,time\n"));
    assert_non_null(strstr(csv.text, "loss/validation,10,0.20000000000000001,"));
    assert_non_null(strstr(csv.text, "loss/validation,30,nan,"));
    assert_null(strstr(csv.text, "loss/train"));
    free(csv.text);
    assert_true(fac_run_close(run));
}

/* A table of any length is read in pieces: all of it must come. */
static void test_long_table(void **state)
{
    values_of("long", 20000);
    fac_run *run = begin_run("now");
    serve(run);
    client_answer csv = client_get(port, "/api/csv?run=long");
    int rows = 0;
    for (const char *p = csv.body; (p = strstr(p, "loss/")); p++)
        rows++;
    assert_int_equal(rows, 22000);
    free(csv.text);
    assert_true(fac_run_close(run));
}

/* ---- ordering ------------------------------------------------------------------------------------------------ */

static void test_steering(void **state)
{
    values_of("done", 10);
    fac_run *run = begin_run("loop");
    double rate = 0.5;
    bool pressed = false;
    fac_run_number(run, "rate", &rate, 0.25, 1);
    fac_run_button(run, "reset", &pressed);
    serve(run);
    assert_true(fac_run_step(run, 1));
    expect(client_post(port, "/api/steer", "{\"run\": \"loop\", \"knob\": \"rate\", \"value\": 0.75}"), 200, NULL);
    expect(client_post(port, "/api/steer", "{\"run\": \"loop\", \"knob\": \"reset\", \"press\": true}"), 200, NULL);
    assert_true(fac_run_step(run, 2));
    assert_true(rate == 0.75 && pressed);
    static const struct {
        const char *body;
        int status;
        const char *words;
    } wrong[] = {
        {"{\"run\": \"loop\", \"knob\": \"rate\", \"value\": 0.2}", 400, "it must be from 0.25 to 1"},
        {"{\"run\": \"loop\", \"knob\": \"rate\", \"value\": 1e300}", 400, "it must be from"},
        {"{\"run\": \"loop\", \"knob\": \"rate\", \"value\": \"0.5\"}", 400, "it must be from"},
        {"{\"run\": \"loop\", \"knob\": \"rate\", \"press\": true}", 400, "it must be from"},
        {"{\"run\": \"loop\", \"knob\": \"reset\", \"value\": 1}", 400, "it is a button"},
        {"{\"run\": \"loop\", \"knob\": \"none\", \"value\": 1}", 404, "there is no number or button"},
        {"{\"run\": \"loop\", \"action\": \"explode\"}", 400, "the action must be"},
        {"{\"run\": \"loop\"}", 400, "an action or a knob"},
        {"{\"run\": 3, \"action\": \"stop\"}", 400, "a run must be named"},
        {"{\"run\": \"../loop\", \"action\": \"stop\"}", 404, "there is no run"},
        {"{\"run\": \"done\", \"action\": \"stop\"}", 409, "done has ended"},
        {"{\"run\": \"loop\", \"run\": \"loop\", \"action\": \"stop\"}", 400, "JSON object"},
        {"[]", 400, "the body must be a JSON object"},
        {"{\"run\": \"loop\", \"action\": \"stop\"", 400, "the body must be a JSON object"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect(client_post(port, "/api/steer", wrong[i].body), wrong[i].status, wrong[i].words);
    pressed = false;
    assert_true(fac_run_step(run, 3));
    assert_true(rate == 0.75 && !pressed);
    expect(client_post(port, "/api/steer", "{\"run\": \"loop\", \"action\": \"stop\"}"), 200, NULL);
    assert_false(fac_run_step(run, 4));

    /* A control that is not what it should be, or was replaced, is left alone. */
    assert_return_code(rename("runs/loop/control", "runs/loop/kept"), 0);
    expect(client_post(port, "/api/steer", "{\"run\": \"loop\", \"action\": \"pause\"}"), 409, "cannot be steered");
    write_text("outside", "something of mine");
    assert_return_code(symlink("../../outside", "runs/loop/control"), 0);
    expect(client_post(port, "/api/steer", "{\"run\": \"loop\", \"action\": \"pause\"}"), 409, "cannot be steered");
    unlink("runs/loop/control");
    write_text("runs/loop/control", "short");
    expect(client_post(port, "/api/steer", "{\"run\": \"loop\", \"action\": \"pause\"}"), 409, "cannot be steered");
    char *text = whole_file("outside", NULL);
    assert_string_equal(text, "something of mine");
    free(text);
    assert_return_code(rename("runs/loop/kept", "runs/loop/control"), 0);
    assert_true(fac_run_close(run));
}

typedef struct loop {
    fac_run *run;
    atomic_int step;
    atomic_bool ended;
} loop;

static void *train(void *context)
{
    loop *l = context;
    for (int64_t step = 1; fac_run_step(l->run, step); step++) {
        fac_run_log(l->run, "loss", step, 1.0 / (double)step);
        atomic_store(&l->step, (int)step);
        poll(NULL, 0, 1);
    }
    atomic_store(&l->ended, true);
    return NULL;
}

static void test_pause(void **state)
{
    loop l = {.run = begin_run("loop")};
    serve(l.run);
    pthread_t thread;
    pthread_create(&thread, NULL, train, &l);
    while (atomic_load(&l.step) < 5)
        poll(NULL, 0, 1);
    expect(client_post(port, "/api/steer", "{\"run\": \"loop\", \"action\": \"pause\"}"), 200, NULL);
    poll(NULL, 0, 200);
    int step = atomic_load(&l.step);
    json_t *list = json_of(client_get(port, "/api/runs"), 200);
    assert_true(json_is_true(json_object_get(run_in(list, "loop"), "paused")));
    assert_true(json_is_true(json_object_get(run_in(list, "loop"), "waiting")));
    json_decref(list);
    for (int i = 1; i <= 3; i++) {
        expect(client_post(port, "/api/steer", "{\"run\": \"loop\", \"action\": \"step\"}"), 200, NULL);
        poll(NULL, 0, 200);
        assert_int_equal(atomic_load(&l.step), step + i);
    }
    expect(client_post(port, "/api/steer", "{\"run\": \"loop\", \"action\": \"resume\"}"), 200, NULL);
    for (int i = 0; i < 1000 && atomic_load(&l.step) < step + 10; i++)
        poll(NULL, 0, 5);
    assert_true(atomic_load(&l.step) >= step + 10);
    expect(client_post(port, "/api/steer", "{\"run\": \"loop\", \"action\": \"stop\"}"), 200, NULL);
    pthread_join(thread, NULL);
    assert_true(fac_run_close(l.run));
}

static void test_manage(void **state)
{
    values_of("one", 10);
    values_of("two", 10);
    fac_run *run = begin_run("now");
    serve(run);
    expect(client_post(port, "/api/rename", "{\"run\": \"one\", \"to\": \"two\"}"), 409, "of that name already");
    expect(client_post(port, "/api/rename", "{\"run\": \"now\", \"to\": \"later\"}"), 409,
           "now goes on: stop it first");
    expect(client_post(port, "/api/rename", "{\"run\": \"one\", \"to\": \"../one\"}"), 400, "a name has letters");
    expect(client_post(port, "/api/rename", "{\"run\": \"one\"}"), 400, "run and to must be names");
    expect(client_post(port, "/api/rename", "{\"run\": \"one\", \"to\": \"three\"}"), 200, NULL);
    expect(client_get(port, "/api/curves?run=one"), 404, NULL);
    expect(client_get(port, "/api/curves?run=three"), 200, NULL);
    expect(client_post(port, "/api/delete", "{\"run\": \"now\"}"), 409, "stop it first");
    expect(client_post(port, "/api/delete", "{\"run\": \"..\"}"), 404, NULL);
    expect(client_post(port, "/api/delete", "{}"), 400, NULL);
    expect(client_post(port, "/api/delete", "{\"run\": \"two\"}"), 200, NULL);
    assert_int_equal(access("runs/two", F_OK), -1);
    json_t *list = json_of(client_get(port, "/api/runs"), 200);
    assert_int_equal(json_array_size(json_object_get(list, "runs")), 2);
    json_decref(list);
    assert_true(fac_run_close(run));
}

/* ---- events -------------------------------------------------------------------------------------------------- */

typedef struct events {
    int fd;
    char *text; /* of the stream, without the framing of HTTP */
    size_t n, room;
} events;

static events listen_now(void)
{
    events e = {.fd = client_connect(port)};
    char text[128];
    int n =
        snprintf(text, sizeof text, "GET /events HTTP/1.0\r\nHost: 127.0.0.1:%d\r\n\r\n", port); /* 1.0: no chunks */
    assert_true(e.fd >= 0 && client_send(e.fd, text, (size_t)n));
    struct timeval limit = {.tv_usec = 20000};
    setsockopt(e.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return e;
}

/* The data of the next event of that name, for json_decref; NULL when none comes for so many seconds. */
static json_t *next_event(events *e, const char *name, double seconds)
{
    for (double end = seconds_now() + seconds; seconds_now() < end;) {
        char *stop;
        while (e->n && (stop = memmem(e->text, e->n, "\n\n", 2))) {
            *stop = 0;
            char *event = strstr(e->text, "event: "), *data = strstr(e->text, "\ndata: ");
            json_t *json = NULL;
            if (event && data && strncmp(event + 7, name, strlen(name)) == 0 && event[7 + strlen(name)] == '\n') {
                json = json_loads(data + 7, JSON_DECODE_ANY, NULL);
                assert_non_null(json);
            }
            size_t used = (size_t)(stop + 2 - e->text);
            memmove(e->text, e->text + used, e->n - used);
            e->n -= used;
            if (json) return json;
        }
        if (e->n + 65536 > e->room) e->text = realloc(e->text, e->room = (e->n + 65536) * 2);
        ssize_t got = recv(e->fd, e->text + e->n, 65536, 0);
        if (got == 0) return NULL;
        if (got > 0) e->n += (size_t)got;
    }
    return NULL;
}

static void forget(events *e)
{
    close(e->fd);
    free(e->text);
}

/* No value is missing from the events, and none comes twice. */
static void test_points_without_gaps(void **state)
{
    enum { VALUES = 3000 };
    fac_run *run = begin_run("loop");
    fac_run_log(run, "loss", 0, 0);
    serve(run);
    events e = listen_now();
    json_t *state_event = next_event(&e, "state", 5);
    assert_non_null(state_event);
    assert_string_equal(json_string_value(json_object_get(state_event, "run")), "loop");
    json_decref(state_event);
    json_t *all = json_of(client_get(port, "/api/curves?run=loop"), 200);
    int64_t offset = integer_in(all, "offset"), told = 0, next = 1;
    json_decref(all);
    double begin = seconds_now();
    for (int logged = 1; next < VALUES && seconds_now() - begin < 20;) {
        for (int i = 0; i < 100 && logged < VALUES; i++, logged++)
            fac_run_log(run, logged % 2 ? "loss" : "accuracy", logged, logged);
        json_t *event = next_event(&e, "points", 0.03);
        if (!event) continue;
        int64_t from = integer_in(event, "from"), to = integer_in(event, "to");
        if (from > offset) fail_msg("records %lld to %lld are missing", (long long)offset, (long long)from);
        if (told && from != told)
            fail_msg("records from %lld on were told up to %lld", (long long)from, (long long)told);
        offset = told = to;
        size_t i, k;
        json_t *curve, *step;
        int64_t count = 0, most = 0;
        json_array_foreach(json_object_get(event, "curves"), i, curve)
        {
            json_array_foreach(json_object_get(curve, "steps"), k, step)
            {
                if (json_integer_value(step) >= next) count++;
                if (json_integer_value(step) > most) most = json_integer_value(step);
                assert_true(json_number_value(json_array_get(json_object_get(curve, "values"), k)) ==
                            (double)json_integer_value(step));
            }
        }
        if (most >= next) {
            assert_int_equal(count, most + 1 - next);
            next = most + 1;
        }
        json_decref(event);
    }
    assert_int_equal(next, VALUES);
    forget(&e);
    assert_true(fac_run_close(run));
}

static void test_events(void **state)
{
    fac_run *run = begin_run("loop");
    double rate = 1;
    fac_run_number(run, "rate", &rate, 0, 2);
    fac_run_step(run, 1);
    serve(run);
    events e = listen_now();
    json_t *list = next_event(&e, "runs", 5);
    assert_non_null(run_in(list, "loop"));
    json_decref(list);

    rate = 1.5; /* the loop changes it, too */
    for (int i = 0; i < 10; i++) {
        fac_run_step(run, 2);
        poll(NULL, 0, 10);
    }
    json_t *changed = next_event(&e, "state", 5);
    for (int i = 0; i < 20 && changed && integer_in(changed, "step") != 2; i++) {
        json_decref(changed);
        changed = next_event(&e, "state", 5);
    }
    json_t *knob = json_array_get(json_object_get(changed, "knobs"), 0);
    assert_true(json_number_value(json_object_get(knob, "value")) == 1.5);
    json_decref(changed);

    write_text("runs/loop/layers.jsonl", "{\"step\": 7, \"layers\": []}\n");
    json_t *look = next_event(&e, "layers", 5);
    assert_int_equal(integer_in(look, "line"), 0);
    assert_int_equal(integer_in(json_object_get(look, "look"), "step"), 7);
    json_decref(look);
    write_text("runs/loop/evaluation.json", "{\"step\": 9, \"count\": 2}");
    json_t *evaluation = next_event(&e, "evaluation", 5);
    assert_int_equal(integer_in(evaluation, "step"), 9);
    json_decref(evaluation);
    while ((list = next_event(&e, "runs", 3)) && json_is_null(json_object_get(run_in(list, "loop"), "evaluation")))
        json_decref(list);
    assert_non_null(list);
    json_decref(list);

    values_of("another", 5);
    list = next_event(&e, "runs", 5);
    assert_non_null(run_in(list, "another"));
    json_decref(list);

    /* The end is told, with the last values, before the server goes. */
    fac_run_log(run, "loss", 3, 0.125);
    assert_true(fac_run_close(run));
    json_t *points = next_event(&e, "points", 2);
    assert_non_null(points);
    json_decref(points);
    list = next_event(&e, "runs", 2);
    assert_string_equal(json_string_value(json_object_get(run_in(list, "loop"), "outcome")), "finished");
    assert_true(json_is_false(json_object_get(run_in(list, "loop"), "live")));
    json_decref(list);
    forget(&e);
}

static void test_drawing(void **state)
{
    fac_module *net = fac_nn_sequential(fac_nn_flatten(), fac_nn_linear(4, 3));
    fac_run *run = begin_run("draws");
    assert_true(fac_run_drawing(run, net, 2, 2));
    fac_run_step(run, 1);
    serve(run);
    json_t *list = json_of(client_get(port, "/api/runs"), 200);
    assert_int_equal(integer_in(json_object_get(run_in(list, "draws"), "drawing"), "height"), 2);
    json_decref(list);
    events e = listen_now();
    json_decref(next_event(&e, "runs", 5));
    expect(client_post(port, "/api/draw", "{\"run\": \"draws\", \"pixels\": [0, 255, 3]}"), 400,
           "4 whole numbers from 0 to 255");
    expect(client_post(port, "/api/draw", "{\"run\": \"draws\", \"pixels\": [0, 256, 3, 4]}"), 400, "4 whole numbers");
    expect(client_post(port, "/api/draw", "{\"run\": \"draws\", \"pixels\": [0, 1.5, 3, 4]}"), 400, "4 whole numbers");
    expect(client_post(port, "/api/draw", "{\"run\": \"draws\"}"), 400, "4 whole numbers");
    json_t *answer = json_of(client_post(port, "/api/draw", "{\"run\": \"draws\", \"pixels\": [0, 255, 3, 4]}"), 200);
    assert_int_equal(integer_in(answer, "asked"), 1);
    json_decref(answer);
    fac_run_step(run, 2);
    json_t *drawing = next_event(&e, "drawing", 5);
    assert_int_equal(integer_in(drawing, "asked"), 1);
    json_t *shares = json_object_get(drawing, "probabilities");
    double sum = 0;
    for (size_t i = 0; i < json_array_size(shares); i++)
        sum += json_number_value(json_array_get(shares, i));
    assert_int_equal(json_array_size(shares), 3);
    assert_true(fabs(sum - 1) < 1e-5);
    json_decref(drawing);
    forget(&e);
    assert_true(fac_run_close(run));
    fac_module_free(net);
    run = begin_run("none");
    serve(run);
    expect(client_post(port, "/api/draw", "{\"run\": \"none\", \"pixels\": []}"), 409, "none takes no drawings");
    assert_true(fac_run_close(run));
}

/* ---- many, hostile, stuck ------------------------------------------------------------------------------------ */

static long resident_bytes(void)
{
    long pages = 0, unused = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &unused, &pages) != 2) pages = 0;
    if (f) fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

static void test_malformed(void **state)
{
    values_of("done", 1000);
    fac_run *run = begin_run("now");
    double rate = 0.5;
    fac_run_number(run, "rate", &rate, 0, 1);
    serve(run);
    static const char *const paths[] = {"/",
                                        "/api/runs",
                                        "/api/curves?run=done",
                                        "/api/curves?run=done&from=1&to=9&buckets=5",
                                        "/api/layers?run=done&from=3",
                                        "/api/model?run=done",
                                        "/api/csv?run=done",
                                        "/api/steer",
                                        "/api/rename",
                                        "/api/delete",
                                        "/api/draw",
                                        "/events"};
    static const char *const bodies[] = {"{\"run\": \"now\", \"knob\": \"rate\", \"value\": 0.25}",
                                         "{\"run\": \"now\", \"action\": \"nothing\"}",
                                         "{\"run\": \"now\", \"to\": \"../x\"}",
                                         "{\"run\": \"..\"}",
                                         "{\"run\": \"now\", \"pixels\": [1, 2, 3, 300]}",
                                         "[[[[[[[["};
    hostile_storm(port, 1, 1000, paths, 12, bodies, 6);
    long before = resident_bytes();
    double begin = seconds_now();
    int answers = hostile_storm(port, 2, 10000, paths, 12, bodies, 6);
    print_message("[          ] 10000 malformed requests in %.1f s, %d answers; memory grew by %.1f MB\n",
                  seconds_now() - begin, answers, (double)(resident_bytes() - before) / 1e6);
    assert_true(answers > 3000);
#ifndef FAC_TEST_SANITIZE
    assert_true(resident_bytes() - before < 8 << 20);
#endif
    expect(client_get(port, "/api/curves?run=done"), 200, NULL);
    assert_true(fac_run_step(run, 1)); /* nobody stopped it */
    assert_true(rate == 0.5 || rate == 0.25);
    assert_true(fac_run_close(run));
}

/* Twenty that listen and never read, while 100,000 values a second are logged; one that reads gets them all the while. */
static void test_stuck_clients(void **state)
{
    enum { STUCK = 20, SECONDS = 4 };
    fac_run *run = begin_run("fast");
    serve(run);
    int stuck[STUCK];
    for (int i = 0; i < STUCK; i++) {
        int small = 4096;
        stuck[i] = client_connect(port);
        setsockopt(stuck[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        char text[128];
        int n = snprintf(text, sizeof text, "GET /events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
        client_send(stuck[i], text, (size_t)n);
    }
    events e = listen_now();
    json_decref(next_event(&e, "runs", 5));
    long before = resident_bytes(), most = before;
    int64_t step = 0, told = 0, events_read = 0;
    for (double begin = seconds_now(); seconds_now() - begin < SECONDS;) {
        for (int i = 0; i < 1000; i++, step++)
            for (int c = 0; c < 4; c++)
                fac_run_log(run, (const char *[]){"a", "b", "c", "d"}[c], step, (double)step);
        json_t *event = next_event(&e, "points", 0.01);
        if (event) told = integer_in(event, "to"), events_read++;
        json_decref(event);
        if (resident_bytes() > most) most = resident_bytes();
    }
    print_message("[          ] %lld values beside %d stuck clients, of which another was told %lld in %lld events; "
                  "memory grew by %.1f MB\n",
                  (long long)step * 4, STUCK, (long long)told, (long long)events_read, (double)(most - before) / 1e6);
    assert_true(events_read > SECONDS * 3);
    assert_true(told > step * 2);
#ifndef FAC_TEST_SANITIZE
    assert_true(most - before < 40 << 20);
#endif
    for (int i = 0; i < STUCK; i++)
        close(stuck[i]);
    forget(&e);
    assert_true(fac_run_close(run));
}

static atomic_bool enough;
static atomic_int asked;

/* A page: it listens, and asks now and then, as the real one does. */
static void *look_on(void *number)
{
    events e = listen_now();
    while (!atomic_load(&enough)) {
        json_decref(next_event(&e, "points", 0.2));
        client_answer a = client_get(port, (intptr_t)number % 2 ? "/api/curves?run=train" : "/api/runs");
        if (a.status == 200) atomic_fetch_add(&asked, 1);
        free(a.text);
    }
    forget(&e);
    return NULL;
}

/* Seconds of processor time that a step of a training takes: the lesson's net on 1000 points. */
static double step_time(fac_run *run, int steps)
{
    struct timespec t0, t1;
    fac_tensor *x = fac_keep(fac_randn(FAC_SHAPE(1000, 20))), *y = fac_keep(fac_randn(FAC_SHAPE(1000, 1)));
    fac_module *net = fac_nn_sequential(fac_nn_linear(20, 64), fac_nn_relu(), fac_nn_linear(64, 1));
    fac_optimizer *sgd = fac_sgd(fac_parameters(net), .lr = 0.01);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t0);
    for (int step = 1; step <= steps && fac_run_step(run, step); step++)
        fac_scope {
            fac_tensor *loss = fac_mse_loss(fac_forward(net, x), y);
            fac_zero_grad(sgd);
            fac_backward(loss);
            fac_step(sgd);
            fac_run_log(run, "loss", step, fac_item(loss));
        }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t1);
    fac_optimizer_free(sgd);
    fac_module_free(net);
    fac_release(x);
    fac_release(y);
    return ((double)(t1.tv_sec - t0.tv_sec) + 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec)) / steps;
}

static void test_fifty_clients(void **state)
{
    enum { CLIENTS = 50, STEPS = 3000 };
    fac_run *run = begin_run("train");
    double alone = step_time(run, STEPS);
    serve(run);
    pthread_t clients[CLIENTS];
    atomic_store(&enough, false);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&clients[i], NULL, look_on, (void *)(intptr_t)i), 0);
    long before = resident_bytes();
    double begin = seconds_now(), watched = step_time(run, STEPS);
    while (seconds_now() - begin < 3)
        poll(NULL, 0, 50);
    long grown = resident_bytes() - before;
    atomic_store(&enough, true);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    print_message("[          ] a step takes %.1f us of the training's time alone, and %.1f us with %d clients, which "
                  "asked %d times; "
                  "memory grew by %.1f MB\n",
                  alone * 1e6, watched * 1e6, CLIENTS, atomic_load(&asked), (double)grown / 1e6);
    assert_true(atomic_load(&asked) > CLIENTS);
#ifndef FAC_TEST_SANITIZE
    assert_true(grown < 64 << 20);
#endif
    assert_true(fac_run_close(run));
}

/* ---- beside a program ---------------------------------------------------------------------------------------- */

static int count_threads(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/task");
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* The signals that the serving thread blocks, as the kernel says: bit n - 1 for signal n. */
static uint64_t blocked_signals(void)
{
    unsigned long long mask = 0;
    DIR *dir = opendir("/proc/self/task");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char status_path[300], line[256];
        bool is_it = false;
        snprintf(status_path, sizeof status_path, "/proc/self/task/%s/status", entry->d_name);
        FILE *f = fopen(status_path, "r");
        while (f && fgets(line, sizeof line, f)) {
            if (strcmp(line, "Name:\tfacula-serve\n") == 0) is_it = true;
            if (is_it) sscanf(line, "SigBlk: %llx", &mask);
        }
        if (f) fclose(f);
    }
    closedir(dir);
    return mask;
}

static void test_beside_a_program(void **state)
{
    fac_run *run = begin_run("run"), *second = begin_run("run");
    int threads = count_threads();
    serve(run);
    assert_int_equal(count_threads(), threads + 1);
    int taken = port;
    char words[64];
    snprintf(words, sizeof words, "port %d is in use; give another, or 0 for any that is free", taken);
    expect_error(fac_run_serve(second, .port = taken), words);
    assert_null(fac_run_url(second));
    assert_true(fac_run_step(second, 1) && fac_run_log(second, "x", 1, 1)); /* the training goes on */
    expect_error(fac_run_serve(second, .port = 0, .address = "0.0.0.0"), "give a token");
    assert_true(fac_run_serve(NULL) && !fac_run_url(NULL));

    /* Signals are the program's: the serving thread takes none, and no handler is put in. */
    expect(client_get(port, "/api/runs"), 200, NULL); /* the thread has begun */
    uint64_t blocked = blocked_signals();
    struct sigaction now;
    static const int ours[] = {SIGINT, SIGTERM, SIGPIPE, SIGHUP, SIGUSR1, SIGCHLD, SIGALRM};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        assert_true(sigaction(ours[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL);
        assert_true(blocked >> (ours[i] - 1) & 1);
    }
    assert_true(fac_run_close(second));
    assert_true(fac_run_close(run));
    assert_int_equal(count_threads(), threads);
}

/* In a child, whose answers come through a pipe: fac_watch ends by SIGINT, and leaves no handler behind. */
static void test_watch(void **state)
{
    values_of("done", 100);
    expect_error(fac_watch("nothing-here"), "nothing-here: no runs can be read there");
    int out[2], status;
    assert_return_code(pipe(out), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], 2);
        alarm(60);
        bool good = fac_watch("runs", .port = 0);
        struct sigaction now;
        sigaction(SIGINT, NULL, &now);
        _exit(good && now.sa_handler == SIG_DFL ? 7 : 1);
    }
    close(out[1]);
    char line[256] = "";
    assert_true(read(out[0], line, sizeof line - 1) > 0);
    assert_int_equal(sscanf(line, "watch runs at http://127.0.0.1:%d/", &port), 1);
    json_t *list = json_of(client_get(port, "/api/runs"), 200);
    assert_true(json_is_null(json_object_get(list, "serving")));
    assert_non_null(run_in(list, "done"));
    json_decref(list);

    /* A run of this program is steered from that one. */
    fac_run *run = begin_run("here");
    fac_run_step(run, 1);
    list = json_of(client_get(port, "/api/runs"), 200);
    for (int i = 0; i < 50 && !run_in(list, "here"); i++) {
        json_decref(list);
        poll(NULL, 0, 50);
        list = json_of(client_get(port, "/api/runs"), 200);
    }
    assert_true(json_is_true(json_object_get(run_in(list, "here"), "live")));
    json_decref(list);
    expect(client_post(port, "/api/steer", "{\"run\": \"here\", \"action\": \"stop\"}"), 200, NULL);
    assert_false(fac_run_step(run, 2));
    assert_true(fac_run_close(run));
    kill(child, SIGINT);
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    close(out[0]);
}

int main(void)
{
    if (!CAN_SERVE) {
        expect_error(fac_watch("/"), "facula was built without libmicrohttpd");
        puts("skipped: facula was built without libmicrohttpd");
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_runs, start),
        cmocka_unit_test_setup(test_curves, start),
        cmocka_unit_test_setup(test_files, start),
        cmocka_unit_test_setup(test_long_table, start),
        cmocka_unit_test_setup(test_steering, start),
        cmocka_unit_test_setup(test_pause, start),
        cmocka_unit_test_setup(test_manage, start),
        cmocka_unit_test_setup(test_points_without_gaps, start),
        cmocka_unit_test_setup(test_events, start),
        cmocka_unit_test_setup(test_drawing, start),
        cmocka_unit_test_setup(test_beside_a_program, start),
        cmocka_unit_test_setup(test_watch, start),
        cmocka_unit_test_setup(test_malformed, start),
        cmocka_unit_test_setup(test_stuck_clients, start),
        cmocka_unit_test_setup(test_fifty_clients, start),
    };
    return cmocka_run_group_tests(tests, watching_begin, watching_end);
}
