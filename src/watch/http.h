/* Floor 8. Serving pages to a browser on the same machine: what all that facula serves has in common. It knows nothing of runs.
 *
 * One thread does all of it, the caller's own in fac__http_run. Requests are checked before a route sees them: the method, the length of the URL, headers and body;
 * Host must be what we listen on (names that a browser resolves to 127.0.0.1 by DNS are refused, which ends DNS rebinding); a POST needs our own
 * Origin, and Content-Type application/json; with a token, every request needs it, as ?token= (which sets a cookie and redirects) or as that cookie. Connections are few, and time out;
 * a client that does not read what is pushed loses messages and is then cut off, never buffered for without end. */
#ifndef FACULA_HTTP_H
#define FACULA_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "facula/watch.h"

typedef struct fac__http fac__http;

typedef struct fac__http_request {
    const char *path; /* decoded: "/api/runs/xor" */
    const char *rest; /* what follows the route's path in it: "xor" */
    const char *body; /* of a POST, at most FAC__HTTP_BODY bytes, with a 0 behind it */
    size_t body_bytes;
    const struct fac__url *url; /* for fac__http_query */
} fac__http_request;

/* A body that is made while it is sent. read gives up to `room` bytes, 0 at the end, -1 to break off; end frees. */
typedef struct fac__http_stream {
    int64_t (*read)(struct fac__http_stream *stream, void *to, size_t room);
    void (*end)(struct fac__http_stream *stream);
} fac__http_stream;

/* A route's answer. `body` was made by malloc and is freed when sent, unless `is_static`. type NULL: application/json. */
typedef struct fac__http_answer {
    int status; /* 200 */
    const char *type;
    const void *body;
    size_t bytes;
    bool is_static;
    const char *download;     /* as a file of this name; or NULL */
    fac__http_stream *stream; /* instead of a body; or NULL */
} fac__http_answer;

/* A route takes paths that equal its own, or begin with it where it ends in "/". Paths that no route takes are 404. The
 * functions run in the thread of fac__http_run, one at a time. */
typedef struct fac__http_route {
    const char *method; /* "GET", "POST" */
    const char *path;
    void (*answer)(void *context, const fac__http_request *request, fac__http_answer *answer);
} fac__http_route;

/* The parameter of a URL's query, decoded; NULL when it is not there. */
const char *fac__http_query(const fac__http_request *request, const char *key);
/* An answer with {"error": text} and this status. */
void fac__http_fail(fac__http_answer *answer, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* An answer with this text, which is taken (malloc); NULL is a 500. */
void fac__http_json(fac__http_answer *answer, char *text);

enum {
    FAC__HTTP_BODY = 64 * 1024, /* bytes of a request's body, at most */
    FAC__HTTP_URL = 4096,       /* of its URL */
    FAC__HTTP_CLIENTS = 64,     /* that may listen to /events */
    FAC__HTTP_OWED = 64 << 20,  /* bytes of answers that are being sent, before new ones are refused */
};

/* Listens. tick(context) is called every `tick_ms` milliseconds in fac__http_run's thread. NULL after an error: the port is taken (it says what
 * to do), a bad address, an address that is not the loopback without a token, no libmicrohttpd. The routes must live as long. */
fac__http *fac__http_open(fac_run_serve_options options, const fac__http_route *routes, int count, void *context,
                          void (*tick)(void *context), int tick_ms);
/* Where it listens: "http://127.0.0.1:6060/", with ?token=… when it has one. */
const char *fac__http_url(const fac__http *http);
/* Serves until fac__http_stop, which may be called from any thread and from a signal's handler. */
void fac__http_run(fac__http *http);
void fac__http_stop(fac__http *http);
void fac__http_close(fac__http *http);

/* Every client of the path "/events" gets what is pushed, as server-sent events: event is its name, text is one line of JSON, copied. A client
 * that lags behind by more than 256 KiB loses messages, but never the last one of a `key` (NULL: no key): of messages with the same key that
 * wait, the newest stays. To be called in fac__http_run's thread. */
void fac__http_push(fac__http *http, const char *event, const char *key, const char *text, size_t bytes);
/* How many clients listen to /events now; from any thread. */
int fac__http_listeners(const fac__http *http);

#endif
