/* Floor 8. What is sent: the answers of routes with the headers that all have, streams, and the page compressed. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "core/text.h"
#include "http_parts.h"
#include "json_text.h"

void fac__http_json(fac__http_answer *answer, char *text)
{
    if (!text) return fac__http_fail(answer, 500, "there is not enough memory");
    *answer = (fac__http_answer){.status = 200, .body = text, .bytes = strlen(text)};
}

void fac__http_fail(fac__http_answer *answer, int status, const char *format, ...)
{
    static const char none[] = "{\"error\": \"there is not enough memory\"}";
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    fac__text t = {0};
    fac__text_format(&t, "{\"error\": ");
    fac__json_string(&t, message);
    fac__text_add(&t, "}\n", 2);
    size_t bytes = t.n;
    char *text = fac__text_take(&t);
    if (text)
        *answer = (fac__http_answer){.status = status, .body = text, .bytes = bytes};
    else
        *answer = (fac__http_answer){.status = 500, .body = none, .bytes = sizeof none - 1, .is_static = true};
}

#ifdef FAC__HAVE_MICROHTTPD

#include <zlib.h>

#include "http_daemon.h"

enum { ZIP_LEAST = 4096 }; /* bytes of a static body that is worth compressing */

/* The body compressed, once; NULL where that is not worth it. */
static const void *zipped(fac__http *http, const fac__http_answer *answer)
{
    if (!answer->is_static || answer->bytes < ZIP_LEAST) return NULL;
    if (!http->zip.body) {
        z_stream z = {0};
        if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK) return NULL;
        size_t room = deflateBound(&z, answer->bytes);
        void *packed = fac__alloc(room);
        z.next_in = (void *)(uintptr_t)answer->body;
        z.avail_in = (unsigned)answer->bytes;
        z.next_out = packed;
        z.avail_out = (unsigned)room;
        bool good = packed && deflate(&z, Z_FINISH) == Z_STREAM_END;
        deflateEnd(&z);
        if (!good) return fac__free(packed), NULL;
        http->zip.body = answer->body;
        http->zip.packed = packed;
        http->zip.bytes = z.total_out;
    }
    return http->zip.body == answer->body ? http->zip.packed : NULL;
}

static bool takes_gzip(struct MHD_Connection *connection)
{
    const char *accepted = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept-Encoding");
    return accepted && strstr(accepted, "gzip") && !strstr(accepted, "gzip;q=0");
}

/* What every answer says: the page is whole in itself and nobody else's, and nothing of it is kept. */
static const char *const headers_of_all[][2] = {
    {"Content-Security-Policy", "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                                "img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                                "frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
};

enum MHD_Result fac__http_send_response(struct MHD_Connection *connection, int status, struct MHD_Response *response)
{
    if (!response) return MHD_NO;
    for (size_t i = 0; i < sizeof headers_of_all / sizeof *headers_of_all; i++)
        MHD_add_response_header(response, headers_of_all[i][0], headers_of_all[i][1]);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

static ssize_t read_stream(void *context, uint64_t position, char *to, size_t room)
{
    fac__http_stream *stream = context;
    int64_t n = stream->read(stream, to, room);
    return n > 0 ? (ssize_t)n : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void end_stream(void *context)
{
    fac__http_stream *stream = context;
    stream->end(stream);
}

static struct MHD_Response *make_response(fac__http *http, struct MHD_Connection *connection,
                                          const fac__http_answer *answer)
{
    void *body = (void *)(uintptr_t)answer->body;
    if (answer->stream) {
        struct MHD_Response *r =
            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, read_stream, answer->stream, end_stream);
        if (!r) end_stream(answer->stream);
        return r;
    }
    const void *packed = takes_gzip(connection) ? zipped(http, answer) : NULL;
    struct MHD_Response *response =
        packed ? MHD_create_response_from_buffer(http->zip.bytes, http->zip.packed, MHD_RESPMEM_PERSISTENT)
               : MHD_create_response_from_buffer(answer->bytes, body,
                                                 answer->is_static ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
    if (!response && !answer->is_static) free(body);
    if (response && packed) MHD_add_response_header(response, "Content-Encoding", "gzip");
    return response;
}

/* Answers that wait for clients who do not read are few: there is an end to the memory for them. */
static bool may_send(fac__http *http, struct MHD_Connection *connection, const fac__http_answer *answer)
{
    fac__http_peer *p = fac__http_peer_of(connection);
    if (answer->is_static || answer->stream || !p) return true;
    if (http->owed && http->owed + answer->bytes > FAC__HTTP_OWED) return false;
    p->owed += answer->bytes;
    http->owed += answer->bytes;
    return true;
}

enum MHD_Result fac__http_send(fac__http *http, struct MHD_Connection *connection, const fac__http_answer *answer)
{
    fac__http_answer refusal;
    if (!may_send(http, connection, answer)) {
        free((void *)(uintptr_t)answer->body);
        fac__http_fail(&refusal, 503, "too much is being sent: try again in a moment");
        answer = &refusal;
    }
    struct MHD_Response *response = make_response(http, connection, answer);
    if (response) {
        MHD_add_response_header(response, "Content-Type", answer->type ? answer->type : "application/json");
        if (answer->is_static) MHD_add_response_header(response, "Vary", "Accept-Encoding");
        char disposition[256];
        if (answer->download) {
            snprintf(disposition, sizeof disposition, "attachment; filename=\"%.200s\"", answer->download);
            MHD_add_response_header(response, "Content-Disposition", disposition);
        }
        if (answer->status == 405) MHD_add_response_header(response, "Allow", "GET, HEAD, POST");
    }
    return fac__http_send_response(connection, answer->status ? answer->status : 200, response);
}

enum MHD_Result fac__http_send_cookie(fac__http *http, struct MHD_Connection *connection)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    if (response) {
        char cookie[400];
        snprintf(cookie, sizeof cookie, "%s=%s; Path=/; HttpOnly; SameSite=Strict", http->cookie, http->guard.token);
        MHD_add_response_header(response, "Set-Cookie", cookie);
        MHD_add_response_header(response, "Location", "/");
    }
    return fac__http_send_response(connection, 303, response);
}

#endif
