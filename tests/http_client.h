/* A client of the tests of serving: raw sockets, since most of what is tried no proper client sends. */
#ifndef FACULA_HTTP_CLIENT_H
#define FACULA_HTTP_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Without libmicrohttpd there is nothing to talk to; a test that is skipped for that returns 77. */
#ifdef FAC__HAVE_MICROHTTPD
enum { CAN_SERVE = 1, SKIPPED = 77 };
#else
enum { CAN_SERVE = 0, SKIPPED = 77 };
#endif

static inline double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Connected to that port of this machine, with sends and receives that take at most 10 s; -1 when it cannot be. */
static inline int client_connect(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in where = {
        .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 10};
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&where, sizeof where) == 0) return fd;
    close(fd);
    return -1;
}

static inline bool client_send(int fd, const void *data, size_t n)
{
    const char *p = data;
    while (n) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* An answer, read whole: the connection is closed behind it. */
typedef struct client_answer {
    int status; /* 0: there was none */
    char *text; /* all of it, with a 0 behind */
    size_t size;
    const char *body;
} client_answer;

static inline client_answer client_read(int fd)
{
    client_answer a = {.text = calloc(1, 1), .body = ""};
    for (size_t room = 1;;) {
        if (a.size + 65536 >= room) a.text = realloc(a.text, room = room * 2 + 131072);
        ssize_t n = recv(fd, a.text + a.size, 65536, 0);
        if (n <= 0) break;
        a.size += (size_t)n;
    }
    a.text[a.size] = 0;
    sscanf(a.text, "HTTP/1.1 %d", &a.status);
    char *end = strstr(a.text, "\r\n\r\n");
    if (end) a.body = end + 4;
    return a;
}

/* Sends these n bytes and reads what comes. */
static inline client_answer client_exchange(int port, const void *data, size_t n)
{
    client_answer none = {.text = calloc(1, 1), .body = ""};
    int fd = client_connect(port);
    if (fd < 0) return none;
    free(none.text);
    client_send(fd, data, n);
    client_answer a = client_read(fd);
    close(fd);
    return a;
}

/* "METHOD PATH" as our own page would send it; more: further headers, each with \r\n; body: NULL for none. */
static inline client_answer client_ask(int port, const char *method, const char *path, const char *more,
                                       const char *body)
{
    char *request = NULL, length[64] = "";
    if (body) snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body));
    int n = asprintf(&request, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n%s%s%s\r\n%s", method,
                     path, port, more ? more : "", length, "", body ? body : "");
    client_answer a = client_exchange(port, request, n > 0 ? (size_t)n : 0);
    free(request);
    return a;
}

static inline client_answer client_get(int port, const char *path)
{
    return client_ask(port, "GET", path, NULL, NULL);
}

static inline client_answer client_post(int port, const char *path, const char *body)
{
    char headers[128];
    snprintf(headers, sizeof headers, "Origin: http://127.0.0.1:%d\r\nContent-Type: application/json\r\n", port);
    return client_ask(port, "POST", path, headers, body);
}

#endif
