/* Floor 8. Which requests are answered. A page of any other origin may send us requests, as a browser on this machine does what pages
 * tell it; and with DNS rebinding its requests may even look like our own page's, but for the name in Host. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/memory.h"
#include "core/raise.h"
#include "http_parts.h"
#include "json_text.h"

/* ---- where we are ------------------------------------------------------------------------------------------- */

static bool token_is_good(const char *token)
{
    size_t n = strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~");
    return n >= 16 && n <= 256 && !token[n];
}

bool fac__guard_set(fac__guard *guard, const char *address, int port, const char *token)
{
    *guard = (fac__guard){.port = port};
    if (!address || strcmp(address, "localhost") == 0) address = "127.0.0.1";
    struct in_addr v4;
    struct in6_addr v6;
    bool is_v4 = inet_pton(AF_INET, address, &v4) == 1, is_v6 = !is_v4 && inet_pton(AF_INET6, address, &v6) == 1;
    if (!is_v4 && !is_v6)
        return fac__value_error("\"%.60s\" is no address to serve at: it must be like 127.0.0.1 or ::1", address),
               false;
    if (port < 0 || port > 65535) return fac__value_error("%d is no port: it must be from 0 to 65535", port), false;
    if (token && !token_is_good(token))
        return fac__value_error("the token must be 16 to 256 letters, digits and \"-._~\""), false;
    bool loopback = is_v4 ? ntohl(v4.s_addr) >> 24 == 127 : IN6_IS_ADDR_LOOPBACK(&v6);
    if (!loopback && !token)
        return fac__value_error("others can reach %s: to serve there give a token, of 16 characters or more", address),
               false;
    guard->anywhere = is_v4 ? v4.s_addr == INADDR_ANY : IN6_IS_ADDR_UNSPECIFIED(&v6);
    snprintf(guard->address, sizeof guard->address, is_v4 ? "%s" : "[%s]", address);
    return !token || (guard->token = fac__strdup(token));
}

void fac__guard_drop(fac__guard *guard)
{
    fac__free(guard->token);
    guard->token = NULL;
}

/* ---- URLs --------------------------------------------------------------------------------------------------- */

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes s in place, and fills what that makes free with zeros. */
static bool decode(char *s, bool plus_is_space)
{
    char *to = s, *from = s;
    for (; *from; from++) {
        char c = *from;
        if (c == '%') {
            int high = hex(from[1]), low = high < 0 ? -1 : hex(from[2]);
            if (low < 0) return false;
            c = (char)(high << 4 | low);
            from += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        *to++ = c;
    }
    memset(to, 0, (size_t)(from - to));
    for (int bytes; s < to; s += bytes) {
        bytes = fac__utf8_character(s, (size_t)(to - s));
        bool control = bytes == 1 ? *s < 0x20 || *s == 0x7f : bytes == 2 && s[0] == '\xc2' && s[1] < '\xa0';
        if (!bytes || control) return false;
    }
    return true;
}

bool fac__url_decode(char *raw, fac__url *url)
{
    char *end = raw + strlen(raw), *query = strchr(raw, '?');
    if (strchr(raw, '#')) return false;
    if (query) *query++ = 0;
    *url = (fac__url){raw, query ? query : end, end};
    if (raw[0] != '/' || !decode(raw, false) || strchr(raw, '\\')) return false;
    for (const char *dots = raw; (dots = strstr(dots, "/..")); dots += 3)
        if (!dots[3] || dots[3] == '/') return false;

    for (char *pair = query, *next; pair; pair = next) {
        next = strchr(pair, '&');
        if (next) *next++ = 0;
        char *value = strchr(pair, '=');
        if (value && !decode(value + 1, true)) return false;
    }
    return true;
}

const char *fac__url_value(const fac__url *url, const char *key)
{
    size_t n = strlen(key);
    for (const char *pair = url->query; pair < url->end; pair += strlen(pair) + 1) {
        if (strncmp(pair, key, n) != 0) continue;
        if (pair[n] == '=') return pair + n + 1;
        if (!pair[n]) return "";
    }
    return NULL;
}

/* ---- requests ----------------------------------------------------------------------------------------------- */

/* Takes as long whatever the first difference is. */
static bool same_secret(const char *given, const char *secret)
{
    size_t n = strlen(secret), m = strlen(given);
    volatile unsigned char different = n != m;
    for (size_t i = 0; i < n; i++)
        different |= (unsigned char)(secret[i] ^ given[i < m ? i : m]);
    return !different;
}

/* "127.0.0.1:6060"; at port 80 browsers leave the port out. */
static bool is_our_name(const fac__guard *guard, const char *host)
{
    const char *names[] = {guard->address, "127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char full[80];
        snprintf(full, sizeof full, "%s:%d", names[i], guard->port);
        if (strcasecmp(host, full) == 0 || (guard->port == 80 && strcasecmp(host, names[i]) == 0)) return true;
    }
    return guard->anywhere;
}

static bool is_own_origin(const fac__guard *guard, const char *origin, const char *host)
{
    bool secure = guard->token && strncasecmp(origin, "https://", 8) == 0; /* something before us that has TLS */
    if (!secure && strncasecmp(origin, "http://", 7) != 0) return false;
    return strcasecmp(origin + (secure ? 8 : 7), host) == 0;
}

static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    return strncasecmp(type, json, sizeof json - 1) == 0 && strchr("; ", type[sizeof json - 1]);
}

static int refuse_upload(const fac__guard *guard, const fac__headers *h, const char **why)
{
    if (!h->origin || !is_own_origin(guard, h->origin, h->host))
        return *why = "requests that change something are taken from our own page only", 403;
    if (!h->type || !is_json(h->type)) return *why = "the Content-Type must be application/json", 415;
    if (!h->length || h->encoding) return *why = "a Content-Length is needed", 411;
    if (strlen(h->length) > 9 || strtol(h->length, NULL, 10) > FAC__HTTP_BODY)
        return *why = "the body is too large", 413;
    return 0;
}

int fac__guard_refuses(const fac__guard *guard, const fac__headers *h, const char **why)
{
    bool is_post = strcmp(h->method, "POST") == 0;
    if (!is_post && strcmp(h->method, "GET") != 0 && strcmp(h->method, "HEAD") != 0)
        return *why = "only GET, HEAD and POST are known here", 405;
    if (h->repeated || !h->host) return *why = "the request has no Host, or a header twice", 400;
    if (!is_our_name(guard, h->host))
        return *why = "this name is not ours: open the address that the program printed, with the same port", 403;
    if (guard->token && (!h->token || !same_secret(h->token, guard->token)))
        return *why = "the token is missing or wrong: open the address that the program printed", 403;
    if (is_post) return refuse_upload(guard, h, why);
    if (h->encoding || (h->length && strcmp(h->length, "0") != 0)) return *why = "a GET with a body is not taken", 400;
    return 0;
}
