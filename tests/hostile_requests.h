/* Requests that no honest client sends, from a seed: valid ones that are changed, cut off, blown up, and plain noise. */
#ifndef FACULA_HOSTILE_REQUESTS_H
#define FACULA_HOSTILE_REQUESTS_H

#include <stdint.h>

#include "http_client.h"

typedef struct hostile {
    uint64_t state;
    char *text;
    size_t size, room;
} hostile;

static inline uint32_t hostile_random(hostile *h, uint32_t below)
{
    h->state = h->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((h->state >> 33) % below);
}

static inline void hostile_add(hostile *h, const void *data, size_t n)
{
    if (h->size + n > h->room) h->text = realloc(h->text, h->room = (h->size + n) * 2);
    memcpy(h->text + h->size, data, n);
    h->size += n;
}

static inline void hostile_put(hostile *h, const char *text)
{
    hostile_add(h, text, strlen(text));
}

static inline const char *hostile_pick(hostile *h, const char *const *from, int count)
{
    return from[hostile_random(h, (uint32_t)count)];
}

#define HOSTILE_PICK(h, ...)                                                                                           \
    hostile_pick(h, (const char *const[]){__VA_ARGS__}, (int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)))

static inline void hostile_noise(hostile *h, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hostile_add(h, &(char){(char)hostile_random(h, 256)}, 1);
}

/* Changes some bytes of what there is, takes some out, doubles a part, or cuts it off. */
static inline void hostile_mutate(hostile *h)
{
    for (uint32_t n = 1 + hostile_random(h, 6); n && h->size > 2; n--) {
        uint32_t at = hostile_random(h, (uint32_t)h->size), length = 1 + hostile_random(h, 8);
        if (at + length > h->size) length = (uint32_t)h->size - at;
        switch (hostile_random(h, 5)) {
        case 0: h->text[at] = (char)hostile_random(h, 256); break;
        case 1: h->text[at] ^= (char)(1 << hostile_random(h, 8)); break;
        case 2:
            memmove(h->text + at, h->text + at + length, h->size - at - length);
            h->size -= length;
            break;
        case 3: hostile_add(h, h->text + at, length); break;
        default: h->size = at + 1; break;
        }
    }
}

/* The next request, against one of these paths with one of these bodies. It lies in h->text. */
static inline void hostile_next(hostile *h, int port, const char *const *paths, int path_count,
                                const char *const *bodies, int body_count)
{
    h->size = 0;
    uint32_t kind = hostile_random(h, 12);
    if (kind == 0) return hostile_noise(h, 1 + hostile_random(h, 600));
    char line[256];
    const char *body = kind % 3 == 0 ? hostile_pick(h, bodies, body_count) : "";
    hostile_put(h, *body ? "POST "
                         : HOSTILE_PICK(h, "GET ", "GET ", "HEAD ", "PUT ", "OPTIONS ", "get ", "CONNECT ", "GET\t"));
    hostile_put(h, hostile_pick(h, paths, path_count));
    if (kind == 1) {
        hostile_put(h, HOSTILE_PICK(h, "..%2f..%2fetc/passwd", "/../../etc/passwd", "%00", "%", "%zz", "%c0%af", "%ff",
                                    "\\..\\x", "%f4%90%80%80", "#x", "%2e%2e/", "//", "?&&==&%=%", "?run=%c1%81",
                                    "?run=a%0d%0aX:%20y"));
    } else if (kind == 2) {
        for (uint32_t n = hostile_random(h, 40000); n; n--)
            hostile_put(h, "a");
    }
    hostile_put(h, HOSTILE_PICK(h, " HTTP/1.1\r\n", " HTTP/1.1\r\n", " HTTP/1.1\r\n", " HTTP/1.0\r\n", " HTTP/9.9\r\n",
                                "\r\n"));
    snprintf(line, sizeof line,
             HOSTILE_PICK(h, "Host: 127.0.0.1:%d\r\n", "Host: 127.0.0.1:%d\r\n", "Host: evil.example:%d\r\n",
                          "Host:%d\r\n", "Host: localhost:%d\r\nHost: evil\r\n"),
             port);
    hostile_put(h, line);
    hostile_put(h, HOSTILE_PICK(h, "Connection: close\r\n", "Connection: keep-alive\r\n",
                                "Connection: upgrade\r\nUpgrade: websocket\r\n", ""));
    if (*body) {
        snprintf(line, sizeof line,
                 HOSTILE_PICK(h, "Origin: http://127.0.0.1:%d\r\n", "Origin: http://127.0.0.1:%d\r\n",
                              "Origin: null\r\n", "Origin: http://evil.example:%d\r\n"),
                 port);
        hostile_put(h, line);
        hostile_put(h, HOSTILE_PICK(h, "Content-Type: application/json\r\n", "Content-Type: application/json\r\n",
                                    "Content-Type: text/plain\r\n", ""));
        int off = (int)hostile_random(h, 4) == 0 ? (int)hostile_random(h, 2000000) : 0;
        snprintf(line, sizeof line,
                 HOSTILE_PICK(h, "Content-Length: %zu\r\n", "Content-Length: %zu\r\n", "Content-Length: -%zu\r\n",
                              "Content-Length: 99999999999999999999%zu\r\n",
                              "Transfer-Encoding: chunked\r\nX: %zu\r\n"),
                 strlen(body) + (size_t)off);
        hostile_put(h, line);
    }
    if (kind == 4)
        for (uint32_t n = hostile_random(h, 600); n; n--)
            hostile_put(h, "X-Header: some value that is of no use to anybody at all\r\n");
    if (kind == 5)
        hostile_put(h, HOSTILE_PICK(h, "Cookie: a=b; facula-6060=x; ;;==\"\r\n", " folded: line\r\n", ": empty\r\n",
                                    "Accept-Encoding: gzip\r\n"));
    hostile_put(h, "\r\n");
    hostile_put(h, body);
    if (kind >= 8) hostile_mutate(h);
}

/* Sends `count` of them, each by a connection that is closed when 50 more have been opened, or at once. How many got an answer; -1 when
 * nobody listens. */
static inline int hostile_storm(int port, uint64_t seed, int count, const char *const *paths, int path_count,
                                const char *const *bodies, int body_count)
{
    enum { OPEN = 50 };
    hostile h = {.state = seed};
    int answers = 0, open[OPEN];
    memset(open, -1, sizeof open);
    for (int i = 0; i < count + OPEN; i++) {
        int *fd = &open[i % OPEN];
        char c;
        if (*fd >= 0) {
            if (recv(*fd, &c, 1, 0) > 0) answers++;
            close(*fd);
            *fd = -1;
        }
        if (i >= count) continue;
        hostile_next(&h, port, paths, path_count, bodies, body_count);
        if ((*fd = client_connect(port)) < 0) return -1;
        client_send(*fd, h.text, h.size);
        shutdown(*fd, SHUT_WR); /* so that nobody waits for the rest of half a request */
        if (hostile_random(&h, 8)) continue;
        close(*fd);
        *fd = -1;
    }
    free(h.text);
    return answers;
}

#endif
