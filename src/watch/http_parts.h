/* Floor 8. What the parts of the server have from each other: http.c talks to libmicrohttpd, http_guard.c judges requests,
 * http_events.c keeps what clients have yet to read. The latter two know no sockets. */
#ifndef FACULA_HTTP_PARTS_H
#define FACULA_HTTP_PARTS_H

#include "http.h"

/* ---- http.c ------------------------------------------------------------------------------------------------- */

/* After how many seconds a connection is cut off: without a byte in either direction, and from its beginning, or the last answer, to
 * the end of a request. Tests have less patience. */
typedef struct fac__http_limits {
    int idle_s, request_s;
} fac__http_limits;
extern fac__http_limits fac__http_patience;

/* ---- http_guard.c ------------------------------------------------------------------------------------------- */

/* Where we are, and so what requests may call us. */
typedef struct fac__guard {
    char address[64]; /* as URLs have it: "127.0.0.1", "[::1]" */
    int port;
    char *token;   /* or NULL */
    bool anywhere; /* listens on all addresses of the machine: any Host will do, as the token guards */
} fac__guard;

/* address and token as given in the options; port: 0 until it is known. False after an error. */
bool fac__guard_set(fac__guard *guard, const char *address, int port, const char *token);
void fac__guard_drop(fac__guard *guard);

/* A URL, decoded in place: its path, and its query as strings like "key=value" between query and end, with zeros between them. */
typedef struct fac__url {
    const char *path, *query, *end;
} fac__url;
/* False for what no honest client sends: a path without "/" first, with ".." in it, control characters, zeros, and what is not UTF-8. */
bool fac__url_decode(char *raw, fac__url *url);
const char *fac__url_value(const fac__url *url, const char *key);

/* The headers that matter, each NULL where it is missing. */
typedef struct fac__headers {
    const char *method, *host, *origin, *type, *length, *encoding;
    const char *token; /* of the cookie or of the URL */
    bool repeated;     /* one of them came twice */
} fac__headers;
/* 0, or the status with which the request is refused, and why. */
int fac__guard_refuses(const fac__guard *guard, const fac__headers *headers, const char **why);

/* ---- http_events.c ------------------------------------------------------------------------------------------ */

enum {
    FAC__QUEUE_LAG = 256 << 10, /* bytes that wait for a client before messages without a key are lost */
    FAC__QUEUE_MOST = 4 << 20,  /* bytes that may wait at all */
};

/* One text for all clients. */
typedef struct fac__sse_message fac__sse_message;
fac__sse_message *fac__message_new(const char *event, const char *key, const char *text, size_t bytes);
void fac__message_drop(fac__sse_message *message); /* NULL is ignored */

typedef struct fac__queue {
    struct fac__waiting *first, *last;
    size_t bytes; /* that wait */
    size_t sent;  /* of the first, which stays when that is not 0 */
} fac__queue;
/* False when the client is to be cut off: too much waits, or there is no memory. */
bool fac__queue_put(fac__queue *queue, fac__sse_message *message);
size_t fac__queue_take(fac__queue *queue, char *to, size_t room);
void fac__queue_clear(fac__queue *queue);

#endif
