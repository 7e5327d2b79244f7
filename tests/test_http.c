/* Serving: what is answered, what is refused, and that no client can hold up the others or make memory grow. */
#define _GNU_SOURCE
#include "testing.h"

#include "hostile_requests.h"
#include "watch/http.h"
#include "watch/http_parts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <zlib.h>

/* ---- a server in a thread ----------------------------------------------------------------------------------- */

static char page[20000];
static fac__http *server;
static pthread_t thread;
static int port;
static atomic_int ticks, echoes, streams, push_bytes; /* push_bytes: how much each tick pushes */

static void get_page(void *context, const fac__http_request *request, fac__http_answer *answer)
{
    *answer = (fac__http_answer){
        .status = 200, .type = "text/html", .body = page, .bytes = sizeof page - 1, .is_static = true};
}

static void get_echo(void *context, const fac__http_request *request, fac__http_answer *answer)
{
    const char *x = fac__http_query(request, "x");
    char *text = NULL;
    if (asprintf(&text, "[%s] [%s] [%s]", request->path, request->rest, x ? x : "none") < 0) text = NULL;
    fac__http_json(answer, text);
}

static void post_echo(void *context, const fac__http_request *request, fac__http_answer *answer)
{
    atomic_fetch_add(&echoes, 1);
    fac__http_json(answer, strndup(request->body, request->body_bytes));
}

static void tick(void *context)
{
    atomic_fetch_add(&ticks, 1);
    int n = atomic_load(&push_bytes);
    if (!n) return;
    char *text = malloc((size_t)n);
    memset(text, 'x', (size_t)n);
    fac__http_push(server, "bulk", NULL, text, (size_t)n);
    char count[32];
    int digits = snprintf(count, sizeof count, "%d", atomic_load(&ticks));
    fac__http_push(server, "state", "state", count, (size_t)digits);
    free(text);
}

typedef struct numbers {
    fac__http_stream stream;
    int next;
} numbers;

static int64_t read_numbers(fac__http_stream *stream, void *to, size_t room)
{
    numbers *n = (numbers *)stream;
    return n->next == 100000 || room < 9 ? 0 : sprintf(to, "%07d\n", n->next++);
}

static void end_numbers(fac__http_stream *stream)
{
    atomic_fetch_sub(&streams, 1);
    free(stream);
}

static void get_stream(void *context, const fac__http_request *request, fac__http_answer *answer)
{
    numbers *n = calloc(1, sizeof *n);
    n->stream = (fac__http_stream){read_numbers, end_numbers};
    atomic_fetch_add(&streams, 1);
    *answer = (fac__http_answer){.status = 200, .type = "text/csv", .download = "numbers.csv", .stream = &n->stream};
}

enum { LARGE = 8 << 20 };
static void get_large(void *context, const fac__http_request *request, fac__http_answer *answer)
{
    char *text = malloc(LARGE + 1);
    memset(text, 'x', LARGE);
    text[LARGE] = 0;
    fac__http_json(answer, text);
}

static const fac__http_route routes[] = {{"GET", "/", get_page},         {"GET", "/large", get_large},
                                         {"GET", "/echo/", get_echo},    {"GET", "/query", get_echo},
                                         {"GET", "/stream", get_stream}, {"POST", "/post", post_echo}};

static void *serve(void *unused)
{
    fac__http_run(server);
    return NULL;
}

static void start(const char *token)
{
    fac_run_serve_options options = fac_run_serve_options_defaults();
    options.port = 0;
    options.token = token;
    server = fac__http_open(options, routes, sizeof routes / sizeof *routes, NULL, tick, 10);
    assert_non_null(server);
    assert_int_equal(sscanf(fac__http_url(server), "http://127.0.0.1:%d/", &port), 1);
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
}

static void stop(void)
{
    fac__http_stop(server);
    pthread_join(thread, NULL);
    fac__http_close(server);
    server = NULL;
}

static void expect(client_answer a, int status, const char *body)
{
    if (a.status != status || (body && !strstr(a.body, body)))
        fail_msg("expected %d with %s, got %d: %.600s", status, body ? body : "any body", a.status, a.text);
    free(a.text);
}

static void test_answers(void **state)
{
    start(NULL);
    expect(client_get(port, "/"), 200, "page");
    expect(client_get(port, "/echo/a%20b?x=1%2B2&y=3"), 200, "[/echo/a b] [a b] [1+2]");
    expect(client_get(port, "/query"), 200, "[none]");
    expect(client_get(port, "/nothing"), 404, "there is no such page");
    expect(client_ask(port, "POST", "/", "", "x"), 403, "our own page");
    expect(client_post(port, "/post", "{\"a\": 1}"), 200, "{\"a\": 1}");
    expect(client_post(port, "/query", "{}"), 405, NULL);
    stop();
}

/* ---- what is sent ------------------------------------------------------------------------------------------- */

static void test_headers(void **state)
{
    start(NULL);
    const char *const requests[] = {"GET / ", "GET /nothing ", "GET /query?x=%00 ", "POST /post ", "HEAD / ", "PUT / "};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        char text[256];
        int n = snprintf(text, sizeof text, "%sHTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n\r\n",
                         requests[i], port);
        client_answer a = client_exchange(port, text, (size_t)n);
        assert_int_not_equal(a.status, 0);
        static const char *const needed[] = {"\r\nContent-Security-Policy: default-src 'none'",
                                             "\r\nX-Content-Type-Options: nosniff\r\n", "\r\nX-Frame-Options: DENY\r\n",
                                             "\r\nReferrer-Policy: no-referrer\r\n", "\r\nCache-Control: no-store\r\n"};
        for (size_t k = 0; k < sizeof needed / sizeof *needed; k++)
            if (!strstr(a.text, needed[k])) fail_msg("%s: no %s in %s", requests[i], needed[k], a.text);
        if (requests[i][0] == 'H') {
            assert_int_equal(a.status, 200);
            assert_string_equal(a.body, "");
            assert_non_null(strstr(a.text, "Content-Length: 19999"));
        }
        free(a.text);
    }
    stop();
}

static void test_gzip(void **state)
{
    start(NULL);
    for (int i = 0; i < 2; i++) { /* made, and kept */
        client_answer a = client_ask(port, "GET", "/", "Accept-Encoding: gzip, br\r\n", NULL);
        assert_int_equal(a.status, 200);
        assert_non_null(strstr(a.text, "Content-Encoding: gzip"));
        char out[sizeof page + 1];
        z_stream z = {.next_in = (void *)(uintptr_t)a.body,
                      .avail_in = (unsigned)(a.size - (size_t)(a.body - a.text)),
                      .next_out = (void *)out,
                      .avail_out = sizeof out};
        assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
        assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
        assert_int_equal(z.total_out, sizeof page - 1);
        assert_memory_equal(out, page, sizeof page - 1);
        inflateEnd(&z);
        free(a.text);
    }
    stop();
}

static void test_stream(void **state)
{
    start(NULL);
    client_answer a = client_get(port, "/stream");
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.text, "attachment; filename=\"numbers.csv\""));
    assert_true(a.size > 100000 * 8);
    free(a.text);
    int fd = client_connect(port); /* gives up in the middle */
    client_send(fd, "GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n", 41);
    close(fd);
    expect(client_get(port, "/query"), 200, "[none]");
    stop();
    assert_int_equal(atomic_load(&streams), 0);
}

/* ---- who is answered ---------------------------------------------------------------------------------------- */

static void test_url(void **state)
{
    static const char *const bad[] = {"",           "x",
                                      "http://h/",  "*",
                                      "/..",        "/a/../b",
                                      "/%2e%2e/x",  "/a%2f..%2f",
                                      "/%00",       "/a%",
                                      "/a%4",       "/%zz",
                                      "/%c0%af",    "/%ff",
                                      "/%ed%a0%80", "/%f4%90%80%80",
                                      "/a\\b",      "/%5c",
                                      "/#x",        "/%0a",
                                      "/%7f",       "/%c2%85",
                                      "/q?a=%00",   "/q?a=%",
                                      "/q?a=%ff",   "/q?b=1&a=%0d%0aX",
                                      "/\x01",      "/%e2%82",
                                      "/%fe%80",    "/q?a=%c1%81"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *raw = strdup(bad[i]);
        fac__url url;
        if (fac__url_decode(raw, &url)) fail_msg("%s was taken", bad[i]);
        free(raw);
    }
    char raw[] = "/a%C3%A9/..x/%F0%9F%94%A5?one=1&two&=x&three=a%26b=c+d%2B&empty=&one=2&&";
    fac__url url;
    assert_true(fac__url_decode(raw, &url));
    assert_string_equal(url.path, "/a\xc3\xa9/..x/\xf0\x9f\x94\xa5");
    assert_string_equal(fac__url_value(&url, "one"), "1");
    assert_string_equal(fac__url_value(&url, "two"), "");
    assert_string_equal(fac__url_value(&url, "three"), "a&b=c d+");
    assert_string_equal(fac__url_value(&url, "empty"), "");
    assert_null(fac__url_value(&url, "on"));
    assert_null(fac__url_value(&url, "ones"));
    assert_null(fac__url_value(&url, "d"));
}

/* Sends a request of these headers, in which %d is the port. */
static client_answer ask_with(const char *request, const char *body)
{
    char text[2048];
    int n = snprintf(text, sizeof text, request, port, port);
    n += snprintf(text + n, sizeof text - (size_t)n, "Connection: close\r\n\r\n%s", body);
    return client_exchange(port, text, (size_t)n);
}

static void test_names(void **state)
{
    start(NULL);
    expect(ask_with("GET /query HTTP/1.1\r\nHost: localhost:%d\r\n", ""), 200, NULL);
    expect(ask_with("GET /query HTTP/1.1\r\nHost: LOCALHOST:%d\r\n", ""), 200, NULL);
    expect(ask_with("GET /query HTTP/1.1\r\nHost: [::1]:%d\r\n", ""), 200, NULL);
    expect(ask_with("GET /query HTTP/1.1\r\nHost: evil.example:%d\r\n", ""), 403, "this name is not ours");
    expect(ask_with("GET /query HTTP/1.1\r\nHost: 127.0.0.1:%d.evil.example\r\n", ""), 403, NULL);
    expect(ask_with("GET /query HTTP/1.1\r\nHost: localhost\r\n", ""), 403, NULL);
    expect(ask_with("GET /query HTTP/1.1\r\nHost: 10.0.0.1:%d\r\n", ""), 403, NULL);
    expect(ask_with("GET /query HTTP/1.1\r\n", ""), 400, NULL);
    expect(ask_with("GET /query HTTP/1.0\r\n", ""), 400, NULL);
    expect(ask_with("GET /query HTTP/1.1\r\nHost: localhost:%d\r\nHost: localhost:%d\r\n", ""), 400, NULL);
    expect(ask_with("GET /events HTTP/1.1\r\nHost: evil.example:%d\r\n", ""), 403, NULL);
    stop();
}

static void test_origins(void **state)
{
    start(NULL);
    int before = atomic_load(&echoes);
    const char *const json = "Content-Type: application/json\r\nContent-Length: 2\r\n";
    char text[512];
    static const char *const foreign[] = {"",
                                          "Origin: null\r\n",
                                          "Origin: http://evil.example:%d\r\n",
                                          "Origin: http://localhost:%d\r\n",
                                          "Origin: http://127.0.0.1\r\n",
                                          "Origin: https://127.0.0.1:%d\r\n",
                                          "Origin: http://127.0.0.1:%d.evil\r\n",
                                          "Origin: file://127.0.0.1:%d\r\n"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        snprintf(text, sizeof text, "POST /post HTTP/1.1\r\nHost: 127.0.0.1:%%d\r\n%s%s", json, foreign[i]);
        expect(ask_with(text, "{}"), 403, "our own page");
    }
    static const struct {
        const char *headers, *body;
        int status;
    } wrong[] = {{"Content-Type: text/plain\r\nContent-Length: 2\r\n", "{}", 415},
                 {"Content-Type: application/jsonx\r\nContent-Length: 2\r\n", "{}", 415},
                 {"Content-Length: 2\r\n", "{}", 415},
                 {"Content-Type: application/json\r\n", "", 411},
                 {"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n", 411},
                 {"Content-Type: application/json\r\nContent-Length: 65537\r\n", "{}", 413},
                 {"Content-Type: application/json\r\nContent-Length: 9999999999\r\n", "{}", 413},
                 {"Content-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 2\r\n", "{}", 400}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, "POST /post HTTP/1.1\r\nHost: 127.0.0.1:%%d\r\nOrigin: http://127.0.0.1:%%d\r\n%s",
                 wrong[i].headers);
        expect(ask_with(text, wrong[i].body), wrong[i].status, NULL);
    }
    assert_int_equal(atomic_load(&echoes), before); /* none of them came through */
    snprintf(text, sizeof text,
             "POST /post HTTP/1.1\r\nHost: 127.0.0.1:%%d\r\nOrigin: http://127.0.0.1:%%d\r\n"
             "Content-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n");
    expect(ask_with(text, "{}"), 200, "{}");
    assert_int_equal(atomic_load(&echoes), before + 1);

    char *large = malloc(FAC__HTTP_BODY + 1);
    memset(large, '7', FAC__HTTP_BODY);
    large[FAC__HTTP_BODY] = 0;
    expect(client_post(port, "/post", large), 200, large);
    free(large);
    expect(ask_with("GET /query HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 2\r\n", "{}"), 400, NULL);
    stop();
}

static void test_token(void **state)
{
    start("0123456789abcdef");
    expect(client_get(port, "/"), 403, "the token is missing or wrong");
    expect(client_get(port, "/?token=0123456789abcdee"), 403, NULL);
    expect(client_get(port, "/?token=0123456789abcde"), 403, NULL);
    expect(client_get(port, "/?token=0123456789abcdefg"), 403, NULL);
    expect(client_get(port, "/?token="), 403, NULL);
    expect(client_get(port, "/events"), 403, NULL);
    client_answer a = client_get(port, strstr(fac__http_url(server), "/?"));
    assert_int_equal(a.status, 303);
    char cookie[128], headers[256];
    snprintf(cookie, sizeof cookie, "Set-Cookie: facula-%d=0123456789abcdef; Path=/; HttpOnly; SameSite=Strict\r\n",
             port);
    assert_non_null(strstr(a.text, cookie));
    assert_non_null(strstr(a.text, "Location: /\r\n"));
    free(a.text);
    snprintf(headers, sizeof headers, "Cookie: other=1; facula-%d=0123456789abcdef\r\n", port);
    expect(client_ask(port, "GET", "/", headers, NULL), 200, "page");
    snprintf(headers, sizeof headers, "Cookie: facula-%d=0123456789abcdeX\r\n", port);
    expect(client_ask(port, "GET", "/", headers, NULL), 403, NULL);
    expect(client_post(port, "/post", "{}"), 403, NULL);
    snprintf(headers, sizeof headers,
             "Cookie: facula-%d=0123456789abcdef\r\nOrigin: http://127.0.0.1:%d\r\nContent-Type: application/json\r\n",
             port, port);
    expect(client_ask(port, "POST", "/post", headers, "{}"), 200, "{}");
    stop();
}

static fac__http *open_at(const char *address, int at, const char *token)
{
    fac_run_serve_options options = fac_run_serve_options_defaults();
    options.address = address;
    options.port = at;
    options.token = token;
    return fac__http_open(options, routes, 1, NULL, NULL, 0);
}

static void test_addresses(void **state)
{
    expect_error(open_at("0.0.0.0", 0, NULL), "others can reach 0.0.0.0: to serve there give a token");
    expect_error(open_at("::", 0, NULL), "give a token");
    expect_error(open_at("192.168.1.5", 0, NULL), "give a token");
    expect_error(open_at("0.0.0.0", 0, "short"), "the token must be 16 to 256");
    expect_error(open_at("127.0.0.1", 0, "0123456789abcde\n"), "the token must be");
    expect_error(open_at("127.0.0.1", 70000, NULL), "70000 is no port");
    expect_error(open_at("127.0.0.1", -1, NULL), "-1 is no port");
    expect_error(open_at("facula.example", 0, NULL), "is no address to serve at");
    expect_error(open_at("192.0.2.7", 0, "0123456789abcdef"), "cannot serve at 192.0.2.7");
    start(NULL);
    char words[128];
    snprintf(words, sizeof words, "port %d is in use; give another, or 0 for any that is free", port);
    expect_error(open_at("127.0.0.1", port, NULL), words);
    stop();
    fac__http *again = open_at("localhost", port, NULL); /* at once */
    assert_non_null(again);
    fac__http_close(again);
    fac__http *all = open_at("0.0.0.0", 0, "0123456789abcdef");
    assert_non_null(all);
    assert_non_null(strstr(fac__http_url(all), "/?token=0123456789abcdef"));
    fac__http_close(all);
    fac__http *v6 = open_at("::1", 0, NULL);
    if (v6) assert_non_null(strstr(fac__http_url(v6), "http://[::1]:")); /* not every machine has IPv6 */
    fac__http_close(v6);
    fac_clear_error();
}

/* ---- events ------------------------------------------------------------------------------------------------- */

static void put(fac__queue *q, const char *key, const char *text, size_t n, bool expected)
{
    fac__sse_message *m = fac__message_new("e", key, text, n);
    assert_int_equal(fac__queue_put(q, m), expected);
    fac__message_drop(m);
}

static void test_queue(void **state)
{
    fac__queue q = {0};
    char out[4096] = "";
    put(&q, "a", "old", 3, true);
    put(&q, NULL, "plain\nline", 10, true);
    put(&q, "b", "other", 5, true);
    put(&q, "a", "new", 3, true);
    size_t n = fac__queue_take(&q, out, sizeof out);
    out[n] = 0;
    assert_string_equal(out, "event: e\ndata: plain line\n\nevent: e\ndata: other\n\nevent: e\ndata: new\n\n");
    assert_int_equal(q.bytes, 0);

    put(&q, "a", "first", 5, true); /* half of it is sent: it is not replaced */
    assert_int_equal(fac__queue_take(&q, out, 10), 10);
    put(&q, "a", "second", 6, true);
    n = 10 + fac__queue_take(&q, out + 10, sizeof out - 10);
    out[n] = 0;
    assert_string_equal(out, "event: e\ndata: first\n\nevent: e\ndata: second\n\n");

    char *bulk = malloc(FAC__QUEUE_MOST);
    memset(bulk, 'x', FAC__QUEUE_MOST);
    put(&q, "key", "kept", 4, true);
    for (int i = 0; i < 1000; i++) {
        put(&q, NULL, bulk, 10000, true);
        assert_true(q.bytes <= FAC__QUEUE_LAG);
    }
    n = fac__queue_take(&q, out, 40);
    assert_non_null(memmem(out, n, "data: kept", 10)); /* the last of its key is not lost */
    put(&q, NULL, bulk, FAC__QUEUE_LAG, true);         /* too large beside what is half sent */
    assert_true(q.bytes <= FAC__QUEUE_LAG);
    fac__queue_clear(&q);
    put(&q, NULL, bulk, FAC__QUEUE_LAG, true); /* alone it may be */
    assert_true(q.bytes > FAC__QUEUE_LAG);
    put(&q, "large", bulk, FAC__QUEUE_MOST, false);
    fac__queue_clear(&q);
    assert_null(q.first);
    free(bulk);
}

static int listen_now(void)
{
    int fd = client_connect(port);
    char text[128];
    int n = snprintf(text, sizeof text, "GET /events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
    assert_true(fd >= 0 && client_send(fd, text, (size_t)n));
    return fd;
}

/* Reads until these words have come; within 10 s. */
static void await(int fd, const char *words)
{
    static char seen[1 << 20];
    size_t n = 0;
    while (n < sizeof seen - 1) {
        ssize_t got = recv(fd, seen + n, sizeof seen - 1 - n, 0);
        if (got <= 0) break;
        n += (size_t)got;
        seen[n] = 0;
        if (strstr(seen, words)) return;
        if (n > sizeof seen / 2) memmove(seen, seen + n - 1000, 1000), n = 1000;
    }
    fail_msg("\"%s\" did not come", words);
}

static void await_listeners(int count)
{
    for (int i = 0; i < 500 && fac__http_listeners(server) != count; i++)
        poll(NULL, 0, 10);
    assert_int_equal(fac__http_listeners(server), count);
}

static void test_events(void **state)
{
    start(NULL);
    atomic_store(&push_bytes, 100);
    int one = listen_now(), two = listen_now();
    await(one, "event: bulk\ndata: xxx");
    await(one, "event: state\ndata: ");
    await(two, "event: state\ndata: ");
    close(one);
    await_listeners(1);
    atomic_store(&push_bytes, 0); /* gone while nothing is pushed, too */
    poll(NULL, 0, 50);
    close(two);
    await_listeners(0);

    int many[FAC__HTTP_CLIENTS];
    for (int i = 0; i < FAC__HTTP_CLIENTS; i++)
        many[i] = listen_now();
    await_listeners(FAC__HTTP_CLIENTS);
    expect(client_get(port, "/events"), 503, "64 pages are open already");
    expect(client_get(port, "/"), 200, "page");
    atomic_store(&push_bytes, 10);
    for (int i = 0; i < FAC__HTTP_CLIENTS; i++)
        await(many[i], "event: state");
    stop(); /* with all of them there */
    for (int i = 0; i < FAC__HTTP_CLIENTS; i++)
        close(many[i]);
    atomic_store(&push_bytes, 0);
}

static long resident_bytes(void)
{
    long pages = 0, unused = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &unused, &pages) != 2) pages = 0;
    if (f) fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

/* Clients that never read, beside one that does, while 2 MB a second are pushed. */
static void test_stuck_clients(void **state)
{
    enum { STUCK = 40, BULK = 20000 };
    fac__http_limits usual = fac__http_patience;
    fac__http_patience = (fac__http_limits){.idle_s = 2, .request_s = 3};
    start(NULL);
    int stuck[STUCK], reader = listen_now();
    for (int i = 0; i < STUCK; i++) {
        int small = 4096;
        stuck[i] = client_connect(port);
        setsockopt(stuck[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        char text[128];
        int n = snprintf(text, sizeof text, "GET /events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
        client_send(stuck[i], text, (size_t)n);
    }
    await_listeners(STUCK + 1);
    long before = resident_bytes(), most = 0;
    atomic_store(&push_bytes, BULK);
    double begin = seconds_now();
    while (seconds_now() - begin < 14 && fac__http_listeners(server) > 1) {
        await(reader, "event: state\ndata: "); /* it still gets all in time */
        if (resident_bytes() > most) most = resident_bytes();
    }
    print_message("[          ] %d stuck clients were cut off after %.1f s; memory grew by %.1f MB\n",
                  STUCK + 1 - fac__http_listeners(server), seconds_now() - begin, (double)(most - before) / 1e6);
    assert_int_equal(fac__http_listeners(server), 1);
#ifndef FAC_TEST_SANITIZE
    assert_true(most - before < STUCK * (FAC__QUEUE_LAG + BULK) + (8 << 20));
#endif
    atomic_store(&push_bytes, 0);
    for (int i = 0; i < STUCK; i++)
        close(stuck[i]);
    close(reader);
    stop();
    fac__http_patience = usual;
}

/* ---- hostile clients ---------------------------------------------------------------------------------------- */

/* Many that ask for much and read nothing of it: there is an end to what is kept for them. */
static void test_large_answers(void **state)
{
    enum { GREEDY = 40 };
    start(NULL);
    int greedy[GREEDY], good = 0, refused = 0;
    for (int i = 0; i < GREEDY; i++) {
        char text[128];
        int n = snprintf(text, sizeof text, "GET /large HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port);
        greedy[i] = client_connect(port);
        client_send(greedy[i], text, (size_t)n);
        assert_int_equal(recv(greedy[i], text, 12, MSG_WAITALL), 12);
        good += memcmp(text, "HTTP/1.1 200", 12) == 0;
        refused += memcmp(text, "HTTP/1.1 503", 12) == 0;
    }
    assert_int_equal(good + refused, GREEDY);
    assert_true(good > 0 && good <= FAC__HTTP_OWED / LARGE);
    expect(client_get(port, "/"), 200, "page");
    for (int i = 0; i < GREEDY; i++)
        close(greedy[i]);
    int status = 503;
    for (int i = 0; i < 100 && status == 503; i++) {
        client_answer a = client_get(port, "/large");
        status = a.status;
        if (status == 200) assert_true(a.size > LARGE);
        free(a.text);
        poll(NULL, 0, 20);
    }
    assert_int_equal(status, 200);
    stop();
}

/* Some that send a byte now and then, as many as there are connections, and one that only wants the page. */
static void test_slow_senders(void **state)
{
    enum { SLOW = 140 };
    fac__http_limits usual = fac__http_patience;
    fac__http_patience = (fac__http_limits){.idle_s = 2, .request_s = 3};
    start(NULL);
    int slow[SLOW];
    for (int i = 0; i < SLOW; i++) {
        slow[i] = client_connect(port);
        client_send(slow[i], i % 2 ? "GET / HTTP/1.1\r\nX: " : "P", i % 2 ? 19 : 1);
    }
    double begin = seconds_now(), longest = 0;
    int open = SLOW;
    while (open && seconds_now() - begin < 40) {
        for (int i = 0; i < SLOW; i++) {
            char c;
            if (slow[i] < 0) continue;
            if (recv(slow[i], &c, 1, MSG_DONTWAIT) == 0 || send(slow[i], "x", 1, MSG_NOSIGNAL) < 0) {
                close(slow[i]);
                slow[i] = -1;
                open--;
            }
        }
        double asked = seconds_now();
        expect(client_get(port, "/query"), 200, "[none]");
        if (seconds_now() - asked > longest) longest = seconds_now() - asked;
        poll(NULL, 0, 100);
    }
    print_message("[          ] %d slow senders were gone after %.1f s; a request waited at most %.1f s\n", SLOW,
                  seconds_now() - begin, longest);
    assert_int_equal(open, 0);
    assert_true(longest < 5);
    stop();
    fac__http_patience = usual;
}

static void test_malformed(void **state)
{
    static const char *const paths[] = {"/", "/echo/x", "/query?x=1", "/post", "/nothing", "/stream"};
    static const char *const bodies[] = {"{}", "{\"a\": [1, 2, 3]}", "[", "\"\\ud800\""};
    start(NULL);
    hostile_storm(port, 1, 1000, paths, 6, bodies, 4); /* what is kept for the next time is there */
    long before = resident_bytes();
    double begin = seconds_now();
    int answers = hostile_storm(port, 2, 10000, paths, 6, bodies, 4);
    print_message("[          ] 10000 malformed requests in %.1f s, %d answers; memory grew by %.1f MB\n",
                  seconds_now() - begin, answers, (double)(resident_bytes() - before) / 1e6);
    assert_true(answers > 3000);
#ifndef FAC_TEST_SANITIZE
    assert_true(resident_bytes() - before < 4 << 20);
#endif
    expect(client_get(port, "/"), 200, "page");
    stop();
}

/* A client that goes in the middle of an answer: that must not be a SIGPIPE, whose default is to end the program. */
static void test_broken_pipes(void **state)
{
    start(NULL);
    for (int i = 0; i < 200; i++) {
        int fd = client_connect(port);
        struct linger now = {1, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        char text[128];
        int n =
            snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", i % 2 ? "/" : "/stream", port);
        client_send(fd, text, (size_t)n);
        if (i % 4 < 2) recv(fd, text, 10, 0);
        close(fd);
    }
    expect(client_get(port, "/"), 200, "page");
    stop();
}

int main(void)
{
    memset(page, '.', sizeof page - 1);
    memcpy(page, "page", 4);
    const struct CMUnitTest parts[] = {cmocka_unit_test(test_url), cmocka_unit_test(test_queue)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),      cmocka_unit_test(test_headers),       cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_stream),       cmocka_unit_test(test_names),         cmocka_unit_test(test_origins),
        cmocka_unit_test(test_token),        cmocka_unit_test(test_addresses),     cmocka_unit_test(test_events),
        cmocka_unit_test(test_malformed),    cmocka_unit_test(test_broken_pipes),  cmocka_unit_test(test_stuck_clients),
        cmocka_unit_test(test_slow_senders), cmocka_unit_test(test_large_answers),
    };
    int failed = cmocka_run_group_tests(parts, NULL, NULL);
    if (CAN_SERVE) return cmocka_run_group_tests(tests, NULL, NULL) + failed;
    expect_error(open_at("127.0.0.1", 0, NULL), "facula was built without libmicrohttpd");
    puts("the rest is skipped: facula was built without libmicrohttpd");
    return failed ? failed : SKIPPED;
}
