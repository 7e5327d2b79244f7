/* What the tests of src/watch share: a folder of their own, and a reader of `points`. */
#ifndef FACULA_WATCHING_H
#define FACULA_WATCHING_H

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing.h"
#include "watch/folder.h"

static char watching_folder[] = "/tmp/facula-watch-XXXXXX";

static int watching_begin(void **state)
{
    (void)state;
    return mkdtemp(watching_folder) && chdir(watching_folder) == 0 ? 0 : -1;
}

static int watching_end(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", watching_folder);
    return chdir("/") == 0 ? system(command) : -1;
}

/* A whole file with a 0 behind it, which the caller frees; NULL where there is none. */
static inline char *whole_file(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *text = NULL;
    size_t room = 0, n = 0;
    do {
        room = room ? 2 * room : 1 << 16;
        text = realloc(text, room);
        n += fread(text + n, 1, room - n - 1, f);
    } while (n == room - 1);
    fclose(f);
    text[n] = 0;
    if (bytes) *bytes = n;
    return text;
}

typedef struct read_curve {
    char name[FAC__CURVE_NAME + 1];
    int64_t count;
    fac__point *points; /* in order */
} read_curve;

typedef struct read_points {
    read_curve curves[FAC__CURVES];
    int count;
    int64_t values, records;
} read_points;

/* false where the file is not as folder.h says. To be freed in any case. */
static inline bool points_of(const char *path, read_points *r)
{
    size_t bytes = 0;
    memset(r, 0, sizeof *r);
    char *text = whole_file(path, &bytes);
    if (!text) return false;
    const fac__point *p = (const fac__point *)text, *end = p + bytes / sizeof *p;
    bool good = true;
    for (; good && p < end && p->kind != FAC__END; p++, r->records++) {
        if (p->kind == FAC__NAME) {
            int64_t more = (p->bytes + 31) / 32;
            good = p->curve == (uint32_t)r->count && p->curve < FAC__CURVES && p->bytes >= 1 &&
                   p->bytes <= FAC__CURVE_NAME && end - p > more;
            if (!good) break;
            memcpy(r->curves[r->count++].name, p + 1, p->bytes);
            p += more;
            r->records += more;
        } else {
            good = p->kind == FAC__VALUE && p->curve < (uint32_t)r->count;
            if (!good) break;
            read_curve *c = &r->curves[p->curve];
            if ((c->count & (c->count - 1)) == 0)
                c->points = realloc(c->points, (size_t)(2 * c->count + 1) * sizeof *p);
            c->points[c->count++] = *p;
            r->values++;
        }
    }
    for (const char *rest = (const char *)p; good && rest < text + bytes; rest++)
        good = !*rest;
    free(text);
    return good;
}

static inline void points_free(read_points *r)
{
    for (int i = 0; i < r->count; i++)
        free(r->curves[i].points);
}

/* Whether what runs in a process of its own returns true, and not by a signal. */
static inline bool in_child(bool (*run)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(run() ? 0 : 1);
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* In a child: asserts cannot be used there. */
#define need(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) return fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), false;        \
    } while (0)

#endif
