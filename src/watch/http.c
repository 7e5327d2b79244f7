/* Floor 8. The server: libmicrohttpd in our own loop and our one thread. http.h is the contract. */
#define _GNU_SOURCE
#include "http.h"

#include "core/raise.h"

#ifndef FAC__HAVE_MICROHTTPD

fac__http *fac__http_open(fac_run_serve_options options, const fac__http_route *routes, int count, void *context,
                          void (*tick)(void *context), int tick_ms)
{
    return fac__runtime_error("facula was built without libmicrohttpd and cannot serve pages: install "
                              "libmicrohttpd-dev (tools/setup does) and build it again");
}
const char *fac__http_url(const fac__http *http)
{
    return NULL;
}
void fac__http_run(fac__http *http)
{
}
void fac__http_stop(fac__http *http)
{
}
void fac__http_close(fac__http *http)
{
}
void fac__http_push(fac__http *http, const char *event, const char *key, const char *text, size_t bytes)
{
}
int fac__http_listeners(const fac__http *http)
{
    return 0;
}

#else

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/text.h"
#include "http_daemon.h"

typedef fac__http_peer peer;
typedef fac__http_listener listener;

enum {
    CONNECTIONS = 2 * FAC__HTTP_CLIENTS, /* of which so many may listen to events */
    WATCH_MS = 500,                      /* between two looks for clients that are too slow, */
    CROWDED_MS = 20,                     /* and when there is hardly room for others */
    BEAT_MS = 15000,                     /* between two signs of life to those that listen */
    FAREWELL_MS = 200,                   /* for what was pushed last, when it ends */
    BACKLOG = 1024,                      /* connections that the kernel takes before we do */
    SEND_BUFFER = 256 << 10,             /* of the kernel, for each connection */
};

fac__http_limits fac__http_patience = {.idle_s = 10, .request_s = 15};

int64_t fac__http_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int socket_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

fac__http_peer *fac__http_peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* ---- events ------------------------------------------------------------------------------------------------- */

static void wake_up(listener *l)
{
    if (!l->asleep) return;
    l->asleep = false;
    MHD_resume_connection(l->connection);
}

static ssize_t read_events(void *context, uint64_t position, char *to, size_t room)
{
    listener *l = context;
    if (l->cut || (l->peer && l->peer->hung_up)) return MHD_CONTENT_READER_END_OF_STREAM;
    size_t n = fac__queue_take(&l->queue, to, room);
    if (!n && l->http->closing) return MHD_CONTENT_READER_END_OF_STREAM;
    if (!n) {
        l->asleep = true;
        MHD_suspend_connection(l->connection);
    }
    return (ssize_t)n;
}

static void drop_listener(void *context)
{
    listener *l = context;
    *(l->before ? &l->before->next : &l->http->listeners) = l->next;
    if (l->next) l->next->before = l->before;
    l->http->listener_count--;
    if (l->peer) l->peer->listens = NULL;
    fac__queue_clear(&l->queue);
    fac__free(l);
}

struct MHD_Response *fac__http_listen(fac__http *http, struct MHD_Connection *connection)
{
    listener *l = fac__calloc(sizeof *l);
    if (!l) return NULL;
    *l = (listener){.next = http->listeners, .http = http, .connection = connection};
    l->peer = fac__http_peer_of(connection);
    if (l->peer) l->peer->listens = l;
    if (l->next) l->next->before = l;
    http->listeners = l;
    http->listener_count++;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_events, l, drop_listener);
    if (!response) return drop_listener(l), NULL;
    MHD_add_response_header(response, "Content-Type", "text/event-stream");
    return response;
}

static void put(listener *l, fac__sse_message *m)
{
    if (!m || !fac__queue_put(&l->queue, m)) {
        l->cut = true;
        shutdown(socket_of(l->connection), SHUT_RDWR);
    }
    wake_up(l);
}

void fac__http_push(fac__http *http, const char *event, const char *key, const char *text, size_t bytes)
{
    if (!http || !http->listeners) return;
    fac__sse_message *m = fac__message_new(event, key, text, bytes);
    for (listener *l = http->listeners; l; l = l->next)
        put(l, m);
    fac__message_drop(m);
}

int fac__http_listeners(const fac__http *http)
{
    return http ? atomic_load(&http->listener_count) : 0;
}

/* ---- connections -------------------------------------------------------------------------------------------- */

static void notice_connection(void *context, struct MHD_Connection *connection, void **of_socket,
                              enum MHD_ConnectionNotificationCode what)
{
    fac__http *http = context;
    peer *p = *of_socket;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        if (!(p = fac__alloc(sizeof *p))) return;
        *p = (peer){.next = http->peers, .connection = connection, .since = fac__http_now_ms()};
        if (p->next) p->next->before = p;
        http->peers = p;
        http->peer_count++;
    } else if (p) {
        *(p->before ? &p->before->next : &http->peers) = p->next;
        if (p->next) p->next->before = p->before;
        http->peer_count--;
        fac__free(p);
        p = NULL;
    }
    *of_socket = p;
}

/* They have sent all they will ever send, and it has been read. */
static bool is_gone(int fd)
{
    char c;
    ssize_t n = recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/* Waits until something comes, for at most that long. libmicrohttpd does not see that a client has gone who owes the rest of a request, or
 * who listens while nothing is pushed; these are looked at here. */
static void wait_for_something(fac__http *http, int64_t most)
{
    struct pollfd what[2 + CONNECTIONS];
    peer *who[2 + CONNECTIONS];
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    what[0] = (struct pollfd){info ? info->epoll_fd : -1, POLLIN, 0};
    what[1] = (struct pollfd){http->wake, POLLIN, 0};
    nfds_t n = 2;
    for (peer *p = http->peers; p && n < 2 + CONNECTIONS; p = p->next) {
        if (p->hung_up || !(p->since || p->listens)) continue;
        who[n] = p;
        what[n++] = (struct pollfd){socket_of(p->connection), POLLRDHUP, 0};
    }
    MHD_UNSIGNED_LONG_LONG due;
    if (MHD_get_timeout(http->daemon, &due) == MHD_YES && (int64_t)due < most) most = (int64_t)due;
    if (poll(what, n, most > 0 ? (int)most : 0) <= 0) return;
    for (nfds_t i = 2; i < n; i++)
        if (what[i].revents) who[i]->hung_up = http->hung_up = true;
}

static bool is_crowded(const fac__http *http)
{
    return http->peer_count > CONNECTIONS * 3 / 4;
}

/* Cuts off those who have gone, or take too long over a request, which is sooner when there is hardly room for others. Those who listen get a sign of
 * life now and then. */
static void look_after_connections(fac__http *http)
{
    int64_t now = fac__http_now_ms(), patience = fac__http_patience.request_s * (is_crowded(http) ? 125 : 1000);
    http->hung_up = false;
    for (peer *p = http->peers; p; p = p->next) {
        int fd = socket_of(p->connection);
        bool late = p->since && now - p->since > patience;
        if (late || ((p->since || p->listens) && p->hung_up && is_gone(fd))) shutdown(fd, SHUT_RDWR);
        if (p->listens && p->hung_up) wake_up(p->listens);
    }
    if (now - http->beat < BEAT_MS) return;
    http->beat = now;
    fac__http_push(http, "beat", "beat", "0", 1);
}

/* ---- life --------------------------------------------------------------------------------------------------- */

/* Listens at the guard's address, whose port is then known. -1 after an error. */
static int listen_at(fac__guard *guard)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } where = {0};
    socklen_t size;
    char plain[64] = "";
    bool is_v6 = guard->address[0] == '[';
    if (is_v6) {
        memcpy(plain, guard->address + 1, strlen(guard->address) - 2);
        where.v6.sin6_family = AF_INET6;
        where.v6.sin6_port = htons((uint16_t)guard->port);
        inet_pton(AF_INET6, plain, &where.v6.sin6_addr);
        size = sizeof where.v6;
    } else {
        where.v4.sin_family = AF_INET;
        where.v4.sin_port = htons((uint16_t)guard->port);
        inet_pton(AF_INET, guard->address, &where.v4.sin_addr);
        size = sizeof where.v4;
    }
    int fd = socket(where.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, room = SEND_BUFFER;
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    }
    if (fd < 0 || bind(fd, &where.any, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, &where.any, &size) != 0) {
        int reason = errno;
        if (fd >= 0) close(fd);
        if (reason == EADDRINUSE)
            fac__io_error("port %d is in use; give another, or 0 for any that is free", guard->port);
        else
            fac__io_error("cannot serve at %s:%d: %s", guard->address, guard->port, strerror(reason));
        return -1;
    }
    guard->port = ntohs(is_v6 ? where.v6.sin6_port : where.v4.sin_port);
    return fd;
}

static bool name_ourselves(fac__http *http)
{
    const fac__guard *g = &http->guard;
    char host[256] = "";
    if (g->anywhere && gethostname(host, sizeof host - 1) != 0) host[0] = 0;
    fac__text t = {0};
    fac__text_format(&t, "http://%s:%d/%s%s", host[0] ? host : g->address, g->port, g->token ? "?token=" : "",
                     g->token ? g->token : "");
    http->url = t.p; /* NULL, with an error, if it failed */
    if (t.failed) fac__text_drop(&t), http->url = NULL;
    snprintf(http->cookie, sizeof http->cookie, "facula-%d", g->port);
    return http->url;
}

fac__http *fac__http_open(fac_run_serve_options options, const fac__http_route *routes, int count, void *context,
                          void (*tick)(void *context), int tick_ms)
{
    fac__http *http = fac__calloc(sizeof *http);
    if (!http) return NULL;
    http->wake = -1;
    int fd = -1;
    if (!fac__guard_set(&http->guard, options.address, options.port, options.token) ||
        (fd = listen_at(&http->guard)) < 0 || !name_ourselves(http))
        goto fail;
    http->routes = routes;
    http->count = count;
    http->context = context;
    http->tick = tick;
    http->tick_ms = tick && tick_ms > 0 ? tick_ms : WATCH_MS;
    http->beat = fac__http_now_ms();
    http->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (http->wake >= 0)
        http->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, fac__http_take, http,
                                        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                                        (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                                        (unsigned)fac__http_patience.idle_s, MHD_OPTION_NOTIFY_CONNECTION,
                                        notice_connection, http, MHD_OPTION_NOTIFY_COMPLETED, fac__http_end, http,
                                        MHD_OPTION_URI_LOG_CALLBACK, fac__http_begin, http, MHD_OPTION_END);
    if (http->daemon) return http;
    fac__runtime_error("cannot serve: %s", strerror(errno));
    if (http->wake >= 0) fd = -1; /* whether it was closed is not known: better one too many than another's */
fail:
    if (fd >= 0) close(fd);
    fac__http_close(http);
    return NULL;
}

const char *fac__http_url(const fac__http *http)
{
    return http ? http->url : NULL;
}

/* While there are as many connections as may be libmicrohttpd does not look for new ones, and it looks again only from the next run on. */
static void run_daemon(fac__http *http)
{
    bool was_full = http->peer_count >= CONNECTIONS;
    bool good = MHD_run(http->daemon) == MHD_YES;
    if (good && was_full && http->peer_count < CONNECTIONS) good = MHD_run(http->daemon) == MHD_YES;
    if (!good) poll(NULL, 0, 10); /* not to turn round and round on a lasting failure */
}

void fac__http_run(fac__http *http)
{
    if (!http) return;
    for (int64_t next_tick = 0, next_look = 0; !atomic_load(&http->stopped);) {
        int64_t now = fac__http_now_ms();
        if (now >= next_tick) {
            if (http->tick) http->tick(http->context);
            fac_clear_error();
            next_tick = now + http->tick_ms;
        }
        if (now >= next_look || http->hung_up) {
            look_after_connections(http);
            next_look = now + (is_crowded(http) ? CROWDED_MS : WATCH_MS);
        }
        int64_t next = next_tick < next_look ? next_tick : next_look;
        wait_for_something(http, next - fac__http_now_ms());
        run_daemon(http);
    }
}

void fac__http_stop(fac__http *http)
{
    if (!http) return;
    atomic_store(&http->stopped, true);
    int reason = errno;
    uint64_t one = 1;
    ssize_t n = write(http->wake, &one, sizeof one);
    (void)n; /* it fails only when it is full, and then it wakes too */
    errno = reason;
}

void fac__http_close(fac__http *http)
{
    if (!http) return;
    if (http->daemon) {
        http->closing = true;
        for (listener *l = http->listeners; l; l = l->next)
            wake_up(l);
        /* They must not be suspended when it stops, and some may have yet to read what was pushed last. */
        MHD_run(http->daemon);
        for (int i = 0; i < FAREWELL_MS / 5 && http->listeners; i++) {
            poll(NULL, 0, 5);
            MHD_run(http->daemon);
        }
        MHD_stop_daemon(http->daemon);
    }
    if (http->wake >= 0) close(http->wake);
    fac__guard_drop(&http->guard);
    fac__free(http->url);
    fac__free(http->zip.packed);
    fac__free(http);
}

#endif
