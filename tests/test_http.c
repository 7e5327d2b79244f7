/* Serving: what is answered, what is refused, and that no client can hold up the others or make memory grow. */
#define _GNU_SOURCE
#include "testing.h"

#include "http_client.h"
#include "watch/http.h"
#include "watch/http_parts.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- a server in a thread ----------------------------------------------------------------------------------- */

static char page[20000];
static fac__http *server;
static pthread_t thread;
static int port;
static atomic_int ticks, echoes, push_bytes; /* push_bytes: how much each tick pushes */

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

static const fac__http_route routes[] = {
    {"GET", "/", get_page}, {"GET", "/echo/", get_echo}, {"GET", "/query", get_echo}, {"POST", "/post", post_echo}};

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

int main(void)
{
#ifndef FAC__HAVE_MICROHTTPD
    puts("skipped: facula was built without libmicrohttpd");
    return 0;
#endif
    memset(page, '.', sizeof page - 1);
    memcpy(page, "page", 4);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
