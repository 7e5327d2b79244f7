/* Floor 8. What the page asks: the list of runs, curves, the model, evaluations, looks at layers. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/memory.h"
#include "watch/json_text.h"
#include "watch/serve_parts.h"

enum {
    BUCKETS = 1000, /* of a curve, when nobody says how many */
    MOST_BUCKETS = 5000,
    ALL_BUCKETS = 50000, /* of all curves of an answer */
};

/* Written by the build from page/. */
extern const char fac__page_watch[];
extern const size_t fac__page_watch_bytes;

static void get_page(void *serving, const fac__http_request *request, fac__http_answer *answer)
{
    *answer = (fac__http_answer){
        .type = "text/html; charset=utf-8", .body = fac__page_watch, .bytes = fac__page_watch_bytes, .is_static = true};
}

static void answer_text(fac__http_answer *answer, fac__text *t)
{
    fac__text_add(t, "\n", 1);
    fac__http_json(answer, fac__text_take(t));
}

static void get_runs(void *serving, const fac__http_request *request, fac__http_answer *answer)
{
    fac__serving *s = serving;
    fac__serve_list(s, FAC__SERVE_TICK);
    fac__folder_refresh_all(&s->folder, FAC__SERVE_POINTS);
    fac__text t = {0};
    fac__serve_write_list(&t, s);
    answer_text(answer, &t);
}

fac__watched *fac__serve_run(fac__serving *s, const char *name, fac__http_answer *answer)
{
    if (!name) return fac__http_fail(answer, 400, "a run must be named"), NULL;
    fac__watched *run = fac__folder_find(&s->folder, name);
    if (!run) {
        fac__serve_list(s, FAC__SERVE_TICK);
        run = fac__folder_find(&s->folder, name);
    }
    if (!run) fac__http_fail(answer, 404, "there is no run of that name");
    return run;
}

static fac__watched *run_of(fac__serving *s, const fac__http_request *request, fac__http_answer *answer)
{
    return fac__serve_run(s, fac__http_query(request, "run"), answer);
}

/* A whole number of the query, or what stands there for one that is not given. False, with the answer, for anything else. */
static bool number_of(const fac__http_request *request, const char *key, int64_t *value, fac__http_answer *answer)
{
    const char *text = fac__http_query(request, key);
    if (!text || !*text) return true;
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*end || errno) return fac__http_fail(answer, 400, "%s must be a whole number", key), false;
    *value = number;
    return true;
}

/* The curves as they are remembered, or the part of them with these steps. */
static bool write_curves(fac__text *t, const fac__watched *run, int fd, int curve, int64_t from, int64_t to,
                         int buckets)
{
    const fac__reader *r = &run->reader;
    bool whole = from == INT64_MIN && to == INT64_MAX, good = true;
    fac__buckets *parts = whole ? NULL : fac__calloc((size_t)(r->count + 1) * sizeof *parts);
    if (!whole && !parts) return false;
    for (int i = 0; parts && i < r->count; i++)
        parts[i].most = 4 * buckets;
    if (parts) good = fac__reader_zoom(r, fd, curve, from, to, parts);
    for (int i = 0, any = 0; good && i < r->count; i++) {
        if (curve >= 0 && i != curve) continue;
        if (any++) fac__text_add(t, ",\n", 2);
        fac__buckets_write(t, r->curves[i].name, parts ? &parts[i] : &r->curves[i].whole, buckets);
    }
    for (int i = 0; parts && i < r->count; i++)
        fac__buckets_drop(&parts[i]);
    fac__free(parts);
    return good;
}

static void get_curves(void *serving, const fac__http_request *request, fac__http_answer *answer)
{
    fac__serving *s = serving;
    int64_t from = INT64_MIN, to = INT64_MAX, buckets = BUCKETS;
    fac__watched *run = run_of(s, request, answer);
    if (!run || !number_of(request, "from", &from, answer) || !number_of(request, "to", &to, answer) ||
        !number_of(request, "buckets", &buckets, answer))
        return;
    if (buckets < 2 || buckets > MOST_BUCKETS)
        return fac__http_fail(answer, 400, "buckets must be from 2 to %d", MOST_BUCKETS);
    int fd = fac__folder_points(&s->folder, run);
    const char *name = fac__http_query(request, "curve");
    int curve = name ? fac__reader_find(&run->reader, name) : -1;
    int shown = name ? 1 : run->reader.count;
    if (name && curve < 0) {
        if (fd >= 0) close(fd);
        return fac__http_fail(answer, 404, "there is no curve of that name");
    }
    if (shown && buckets * shown > ALL_BUCKETS) buckets = ALL_BUCKETS / shown;
    fac__text t = {0};
    fac__text_format(&t, "{\"run\": \"%s\", \"offset\": %lld, \"curves\": [", run->name,
                     (long long)run->reader.records);
    bool good = write_curves(&t, run, fd, curve, from, to, (int)buckets);
    if (fd >= 0) close(fd);
    fac__text_add(&t, "]}", 2);
    if (good) return answer_text(answer, &t);
    fac__text_drop(&t);
    fac__http_fail(answer, 500, "the points cannot be read");
}

/* A file that is JSON already. */
static void answer_file(fac__serving *s, const fac__http_request *request, fac__http_answer *answer, const char *file)
{
    fac__watched *run = run_of(s, request, answer);
    if (!run) return;
    size_t bytes;
    char *text = fac__folder_text(&s->folder, run->name, file, FAC__FOLDER_FILE, &bytes);
    if (!text) return fac__http_fail(answer, errno == ENOENT ? 404 : 500, "%s: %s", file, strerror(errno));
    json_t *json = json_loadb(text, bytes, 0, NULL);
    json_decref(json);
    if (json) return fac__http_json(answer, text);
    free(text);
    fac__http_fail(answer, 500, "%s is damaged", file);
}

static void get_model(void *serving, const fac__http_request *request, fac__http_answer *answer)
{
    answer_file(serving, request, answer, "model.json");
}

static void get_evaluation(void *serving, const fac__http_request *request, fac__http_answer *answer)
{
    answer_file(serving, request, answer, "evaluation.json");
}

static void get_layers(void *serving, const fac__http_request *request, fac__http_answer *answer)
{
    fac__serving *s = serving;
    int64_t from = 0;
    fac__watched *run = run_of(s, request, answer);
    if (!run || !number_of(request, "from", &from, answer)) return;
    fac__folder_refresh(&s->folder, run, 0);
    fac__text t = {0};
    fac__text_format(&t, "{\"run\": \"%s\", \"next\": %lld, \"looks\": [", run->name, (long long)run->looks.lines);
    int fd = fac__folder_file(&s->folder, run->name, "layers.jsonl", false);
    if (fd >= 0) {
        fac__looks_write(&t, &run->looks, fd, from);
        close(fd);
    }
    fac__text_add(&t, "]}", 2);
    answer_text(answer, &t);
}

const fac__http_route fac__serve_routes[] = {
    {"GET", "/", get_page},
    {"GET", "/index.html", get_page},
    {"GET", "/api/runs", get_runs},
    {"GET", "/api/curves", get_curves},
    {"GET", "/api/model", get_model},
    {"GET", "/api/evaluation", get_evaluation},
    {"GET", "/api/layers", get_layers},
    {"GET", "/api/csv", fac__serve_csv},
    {"POST", "/api/steer", fac__serve_steer},
    {"POST", "/api/draw", fac__serve_draw},
    {"POST", "/api/rename", fac__serve_rename},
    {"POST", "/api/delete", fac__serve_delete},
};
const int fac__serve_route_count = sizeof fac__serve_routes / sizeof *fac__serve_routes;
