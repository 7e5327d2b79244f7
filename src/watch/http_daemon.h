/* Floor 8. What a server is made of, where there is libmicrohttpd. http.c has its life and its connections, http_request.c takes
 * requests, http_answer.c sends what answers them. */
#ifndef FACULA_HTTP_DAEMON_H
#define FACULA_HTTP_DAEMON_H

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdint.h>

#include "http_parts.h"

/* A connection, from accept to close. */
typedef struct fac__http_peer {
    struct fac__http_peer *next, *before;
    struct MHD_Connection *connection;
    int64_t since;                      /* it owes us a request since then; 0 while it does not */
    size_t owed;                        /* bytes of the answer that it is being sent */
    struct fac__http_listener *listens; /* or NULL */
    bool hung_up;                       /* it will send no more than it has */
} fac__http_peer;

/* One of those that listen to /events. */
typedef struct fac__http_listener {
    struct fac__http_listener *next, *before;
    fac__http *http;
    struct MHD_Connection *connection;
    fac__http_peer *peer; /* NULL when there was no memory for one */
    fac__queue queue;
    bool asleep; /* suspended, as nothing waits */
    bool cut;
} fac__http_listener;

struct fac__http {
    fac__guard guard;
    char *url;
    char cookie[32];
    const fac__http_route *routes;
    int count;
    void *context;
    void (*tick)(void *context);
    int tick_ms;
    struct MHD_Daemon *daemon;
    int wake; /* an eventfd */
    atomic_bool stopped;
    bool closing, hung_up; /* hung_up: one of the peers has */
    fac__http_peer *peers;
    int peer_count;
    size_t owed; /* bytes of all answers that are being sent */
    fac__http_listener *listeners;
    atomic_int listener_count;
    int64_t beat;
    struct {
        const void *body;
        void *packed;
        size_t bytes;
    } zip; /* the one static body that is worth it: the page */
};

/* ---- http.c ------------------------------------------------------------------------------------------------- */

/* Of CLOCK_MONOTONIC. */
int64_t fac__http_now_ms(void);
/* A response that sends to this connection what is pushed; NULL when there is no memory. */
struct MHD_Response *fac__http_listen(fac__http *http, struct MHD_Connection *connection);
/* The peer of a connection, or NULL. */
fac__http_peer *fac__http_peer_of(struct MHD_Connection *connection);

/* ---- http_request.c: what libmicrohttpd calls ---------------------------------------------------------------- */

void *fac__http_begin(void *context, const char *uri, struct MHD_Connection *connection);
enum MHD_Result fac__http_take(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                               const char *version, const char *data, size_t *bytes, void **request);
void fac__http_end(void *context, struct MHD_Connection *connection, void **request,
                   enum MHD_RequestTerminationCode why);

/* ---- http_answer.c ------------------------------------------------------------------------------------------ */

enum MHD_Result fac__http_send(fac__http *http, struct MHD_Connection *connection, const fac__http_answer *answer);
/* Gives the response away, with the headers that all have; NULL closes the connection. */
enum MHD_Result fac__http_send_response(struct MHD_Connection *connection, int status, struct MHD_Response *response);
/* To the page without the token in its URL, which is a cookie from now on. */
enum MHD_Result fac__http_send_cookie(fac__http *http, struct MHD_Connection *connection);

#endif
