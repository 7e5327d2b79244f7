/* Floor 8. A request on its way: its line, its headers, its body, the route that answers it. */
#include "http.h"

#include "http_parts.h"

const char *fac__http_query(const fac__http_request *request, const char *key)
{
    return fac__url_value(request->url, key);
}

#ifdef FAC__HAVE_MICROHTTPD

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/memory.h"
#include "core/raise.h"
#include "http_daemon.h"

/* A request, from its first line to its answer. */
typedef struct ask {
    fac__url url;
    bool url_is_good, seen;
    char *body;
    size_t bytes, room;
    char text[]; /* of the URL */
} ask;

/* The first line is there; NULL for a request that is then refused. */
void *fac__http_begin(void *context, const char *uri, struct MHD_Connection *connection)
{
    size_t n = uri ? strlen(uri) : 0;
    ask *a = fac__alloc(sizeof *a + n + 1);
    if (!a) return NULL;
    memset(a, 0, sizeof *a);
    memcpy(a->text, uri ? uri : "", n + 1);
    if (!uri) a->text[0] = 0;
    a->url_is_good = n <= FAC__HTTP_URL && fac__url_decode(a->text, &a->url);
    return a;
}

void fac__http_end(void *context, struct MHD_Connection *connection, void **request,
                   enum MHD_RequestTerminationCode why)
{
    fac__http_peer *p = fac__http_peer_of(connection);
    if (p) {
        p->since = fac__http_now_ms();
        ((fac__http *)context)->owed -= p->owed;
        p->owed = 0;
    }
    ask *a = *request;
    if (!a) return;
    fac__free(a->body);
    fac__free(a);
    *request = NULL;
}

static enum MHD_Result read_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    fac__headers *h = context;
    const struct {
        const char *name, **value;
    } known[] = {{"Host", &h->host},
                 {"Origin", &h->origin},
                 {"Content-Type", &h->type},
                 {"Content-Length", &h->length},
                 {"Transfer-Encoding", &h->encoding}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(name, known[i].name) != 0) continue;
        h->repeated |= *known[i].value != NULL;
        *known[i].value = value ? value : "";
    }
    return MHD_YES;
}

static const fac__http_route *find_route(const fac__http *http, const char *method, const char *path, bool *any)
{
    *any = false;
    for (int i = 0; i < http->count; i++) {
        const fac__http_route *r = &http->routes[i];
        size_t n = strlen(r->path);
        bool fits = n > 1 && r->path[n - 1] == '/' ? strncmp(path, r->path, n) == 0 : strcmp(path, r->path) == 0;
        if (!fits) continue;
        *any = true;
        if (strcmp(method, r->method) == 0) return r;
    }
    return NULL;
}

/* The request is there whole. */
static enum MHD_Result answer_request(fac__http *http, struct MHD_Connection *connection, const char *method, ask *a)
{
    fac__http_answer answer = {0};
    if (strcmp(method, "HEAD") == 0) method = "GET"; /* the body is left out on the way */
    bool known, events = strcmp(a->url.path, "/events") == 0 && strcmp(method, "GET") == 0;
    const fac__http_route *route = find_route(http, method, a->url.path, &known);
    if (events && http->listener_count < FAC__HTTP_CLIENTS)
        return fac__http_send_response(connection, 200, fac__http_listen(http, connection));
    if (events) {
        fac__http_fail(&answer, 503, "%d pages are open already", FAC__HTTP_CLIENTS);
    } else if (!route) {
        fac__http_fail(&answer, known ? 405 : 404, known ? "not by this method" : "there is no such page");
    } else {
        fac__http_request request = {.path = a->url.path,
                                     .rest = a->url.path + strlen(route->path),
                                     .body = a->body ? a->body : "",
                                     .body_bytes = a->bytes,
                                     .url = &a->url};
        route->answer(http->context, &request, &answer);
        fac_clear_error();
        if (!answer.body && !answer.stream && answer.bytes == 0 && !answer.status)
            fac__http_fail(&answer, 500, "no answer was made");
    }
    return fac__http_send(http, connection, &answer);
}

/* The headers are there: refuses, or makes room for the body. */
static enum MHD_Result check_request(fac__http *http, struct MHD_Connection *connection, const char *method, ask *a)
{
    fac__headers h = {.method = method};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, read_header, &h);
    const char *in_url = a->url_is_good ? fac__url_value(&a->url, "token") : NULL;
    h.token = in_url ? in_url : MHD_lookup_connection_value(connection, MHD_COOKIE_KIND, http->cookie);
    const char *why = "the URL is malformed";
    int status = a->url_is_good ? fac__guard_refuses(&http->guard, &h, &why) : 400;
    fac__http_answer answer = {0};
    if (status) return fac__http_fail(&answer, status, "%s", why), fac__http_send(http, connection, &answer);
    if (http->guard.token && in_url && strcmp(method, "POST") != 0) return fac__http_send_cookie(http, connection);
    if (h.length && strcmp(method, "POST") == 0) {
        a->room = (size_t)strtol(h.length, NULL, 10);
        a->body = fac__alloc(a->room + 1);
        if (!a->body) return MHD_NO;
        a->body[0] = 0;
    }
    return MHD_YES;
}

/* libmicrohttpd calls it for the headers, for each part of the body, and at the end. */
enum MHD_Result fac__http_take(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                               const char *version, const char *data, size_t *bytes, void **request)
{
    fac__http *http = context;
    ask *a = *request;
    if (!a) return MHD_NO;
    if (!a->seen) return a->seen = true, check_request(http, connection, method, a);
    if (*bytes) {
        if (a->bytes + *bytes > a->room) return MHD_NO;
        memcpy(a->body + a->bytes, data, *bytes);
        a->bytes += *bytes;
        a->body[a->bytes] = 0;
        *bytes = 0;
        return MHD_YES;
    }
    fac__http_peer *p = fac__http_peer_of(connection);
    if (p) p->since = 0;
    return answer_request(http, connection, method, a);
}

#endif
