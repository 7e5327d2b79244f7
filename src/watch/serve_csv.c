/* Floor 8. A run's values as a table for other programs. It is made from the file while it is sent, so that it may be of any length. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "core/memory.h"
#include "watch/serve_parts.h"

enum { PIECE = 512 }; /* records that are read at once */

typedef struct table {
    fac__http_stream stream;
    int fd, count, curve; /* curve: the only one that is wanted, or -1 */
    int64_t record, end;
    char download[FAC__RUN_NAME + 8];
    fac__text rows; /* that were made and not yet sent, from `sent` on */
    size_t sent;
    char (*names)[FAC__CURVE_NAME + 1];
    fac__point piece[PIECE];
} table;

/* In quotes where the table would otherwise be another. */
static void write_name(fac__text *t, const char *name)
{
    if (!strpbrk(name, ",\"")) return fac__text_add(t, name, strlen(name));
    fac__text_add(t, "\"", 1);
    for (const char *p = name; *p; p++)
        fac__text_add(t, "\"\"", *p == '"' ? 2 : 0), fac__text_add(t, p, *p != '"');
    fac__text_add(t, "\"", 1);
}

/* The next piece of the file, as rows. False at the end. */
static bool make_rows(table *t)
{
    fac__text *rows = &t->rows;
    rows->n = t->sent = 0;
    while (!rows->n && t->record < t->end) {
        ssize_t got = pread(t->fd, t->piece, sizeof t->piece, t->record * (int64_t)sizeof *t->piece);
        int64_t n = got > 0 ? got / (int64_t)sizeof *t->piece : 0, i = 0;
        if (n == 0) return false;
        for (; i < n && t->record + i < t->end; i += fac__point_length(&t->piece[i])) {
            const fac__point *p = &t->piece[i];
            if (p->kind != FAC__VALUE || p->curve >= (uint32_t)t->count) continue;
            if (t->curve >= 0 && p->curve != (uint32_t)t->curve) continue;
            write_name(rows, t->names[p->curve]);
            fac__text_format(rows, ",%lld,%.17g,%.3f\n", (long long)p->step, p->value, p->time);
        }
        t->record += i;
    }
    return rows->n && !rows->failed;
}

static int64_t read_table(fac__http_stream *stream, void *to, size_t room)
{
    table *t = (table *)stream;
    if (t->sent == t->rows.n && !make_rows(t)) return t->rows.failed ? -1 : 0;
    size_t n = t->rows.n - t->sent < room ? t->rows.n - t->sent : room;
    memcpy(to, t->rows.p + t->sent, n);
    t->sent += n;
    return (int64_t)n;
}

static void end_table(fac__http_stream *stream)
{
    table *t = (table *)stream;
    if (t->fd >= 0) close(t->fd);
    fac__text_drop(&t->rows);
    fac__free(t->names);
    fac__free(t);
}

void fac__serve_csv(void *serving, const fac__http_request *request, fac__http_answer *answer)
{
    fac__serving *s = serving;
    fac__watched *run = fac__serve_run(s, fac__http_query(request, "run"), answer);
    if (!run) return;
    int fd = fac__folder_points(&s->folder, run), count = run->reader.count;
    const char *name = fac__http_query(request, "curve");
    int curve = name ? fac__reader_find(&run->reader, name) : -1;
    table *t = fac__calloc(sizeof *t);
    char(*names)[FAC__CURVE_NAME + 1] = fac__alloc((size_t)(count + 1) * sizeof *names);
    if (!t || !names || fd < 0 || (name && curve < 0)) {
        if (fd >= 0) close(fd);
        fac__free(t);
        fac__free(names);
        bool missing = name && curve < 0;
        return fac__http_fail(answer, missing ? 404 : 500,
                              missing ? "there is no curve of that name" : "the points cannot be read");
    }
    for (int i = 0; i < count; i++)
        memcpy(names[i], run->reader.curves[i].name, sizeof *names);
    *t = (table){.stream = {read_table, end_table},
                 .fd = fd,
                 .count = count,
                 .curve = curve,
                 .end = run->reader.records,
                 .names = names};
    fac__text_format(&t->rows, "curve,step,value,time\n");
    snprintf(t->download, sizeof t->download, "%s.csv", run->name);
    *answer = (fac__http_answer){.type = "text/csv; charset=utf-8", .download = t->download, .stream = &t->stream};
}
