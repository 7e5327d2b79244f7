/* Floor 8. What was pushed and not yet read: a list for each client, of texts that all share. A list stays short whatever
 * its client does: the newest message of a key takes the place of the one before it, and messages without a key are lost when too much waits. */
#include <string.h>

#include "core/memory.h"
#include "http_parts.h"

struct fac__sse_message {
    int holders;
    char *key; /* behind the text, or NULL */
    size_t bytes;
    char text[];
};

typedef struct fac__waiting {
    struct fac__waiting *next;
    fac__sse_message *message;
} waiting;

fac__sse_message *fac__message_new(const char *event, const char *key, const char *text, size_t bytes)
{
    size_t name = strlen(event), of_key = key ? strlen(key) + 1 : 0;
    static const char begin[] = "event: ", middle[] = "\ndata: ", end[] = "\n\n";
    size_t total = sizeof begin + name + sizeof middle + bytes + sizeof end - 3;
    fac__sse_message *m = fac__alloc(sizeof *m + total + of_key);
    if (!m) return NULL;
    char *to = m->text;
    to = (char *)memcpy(to, begin, sizeof begin - 1) + sizeof begin - 1;
    to = (char *)memcpy(to, event, name) + name;
    to = (char *)memcpy(to, middle, sizeof middle - 1) + sizeof middle - 1;
    memcpy(to, text, bytes);
    for (size_t i = 0; i < bytes; i++) /* a line's end would end the message */
        if (to[i] == '\n' || to[i] == '\r') to[i] = ' ';
    memcpy(to + bytes, end, sizeof end - 1);
    m->holders = 1;
    m->bytes = total;
    m->key = key ? memcpy(m->text + total, key, of_key) : NULL;
    return m;
}

void fac__message_drop(fac__sse_message *m)
{
    if (m && --m->holders == 0) fac__free(m);
}

/* Takes out the one behind `before`; NULL: the first. */
static void take_out(fac__queue *q, waiting *before)
{
    waiting *w = before ? before->next : q->first;
    *(before ? &before->next : &q->first) = w->next;
    if (q->last == w) q->last = before;
    q->bytes -= w->message->bytes;
    fac__message_drop(w->message);
    fac__free(w);
}

static bool same_key(const fac__sse_message *a, const fac__sse_message *b)
{
    return a->key && b->key && strcmp(a->key, b->key) == 0;
}

bool fac__queue_put(fac__queue *q, fac__sse_message *m)
{
    /* What is half sent has to stay. Of the others an older one of the key goes, and if need be those that have none. */
    waiting *before = q->sent ? q->first : NULL;
    for (waiting *w = before ? before->next : q->first, *next; w; w = next) {
        next = w->next;
        bool lost = !w->message->key && q->bytes + m->bytes > FAC__QUEUE_LAG;
        if (lost || same_key(w->message, m)) {
            take_out(q, before);
        } else {
            before = w;
        }
    }
    if (!m->key && q->first && q->bytes + m->bytes > FAC__QUEUE_LAG) return true;
    if (q->bytes + m->bytes > FAC__QUEUE_MOST) return false;
    waiting *w = fac__alloc(sizeof *w);
    if (!w) return false;
    *w = (waiting){NULL, m};
    m->holders++;
    *(q->last ? &q->last->next : &q->first) = w;
    q->last = w;
    q->bytes += m->bytes;
    return true;
}

size_t fac__queue_take(fac__queue *q, char *to, size_t room)
{
    size_t n = 0;
    while (q->first && n < room) {
        const fac__sse_message *m = q->first->message;
        size_t part = m->bytes - q->sent < room - n ? m->bytes - q->sent : room - n;
        memcpy(to + n, m->text + q->sent, part);
        n += part;
        q->sent += part;
        if (q->sent < m->bytes) break;
        q->sent = 0;
        take_out(q, NULL);
    }
    return n;
}

void fac__queue_clear(fac__queue *q)
{
    while (q->first)
        take_out(q, NULL);
    q->sent = 0;
}
