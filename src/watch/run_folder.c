/* Floor 8. What is in a folder of runs. */
#define _GNU_SOURCE
#include "watch/run_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/raise.h"
#include "watch/json_text.h"
#include "watch/run_control.h"

enum {
    RUN_JSON = 256 << 10,
    NOTE = 4096,
    NOTES = 32 << 10
}; /* bytes, at most: of run.json; of a note and of all that are shown */

bool fac__same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

/* The folder of a run; a link there is not followed, and no name leads elsewhere. */
static int open_run(const fac__folder *f, const char *run)
{
    if (!fac__run_name_ok(run)) return errno = ENOENT, -1;
    return openat(f->fd, run, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_plain(int dir, const char *file, bool writing)
{
    int fd = openat(dir, file, (writing ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    struct stat info;
    if (fd >= 0 && (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))) {
        close(fd);
        return errno = EINVAL, -1;
    }
    return fd;
}

int fac__folder_file(const fac__folder *f, const char *run, const char *file, bool writing)
{
    int dir = open_run(f, run);
    if (dir < 0) return -1;
    int fd = open_plain(dir, file, writing), reason = errno;
    close(dir);
    errno = reason;
    return fd;
}

/* All that is in the file, for free(). */
static char *read_whole(int fd, size_t most, size_t *bytes)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return NULL;
    if ((uint64_t)info.st_size > most) return errno = EFBIG, NULL;
    char *text = malloc((size_t)info.st_size + 1);
    if (!text) return NULL;
    *bytes = 0;
    for (ssize_t got = 1; got > 0 && *bytes<(size_t)info.st_size; *bytes += got> 0 ? (size_t)got : 0)
        got = pread(fd, text + *bytes, (size_t)info.st_size - *bytes, (off_t)*bytes);
    text[*bytes] = 0;
    return text;
}

char *fac__folder_text(const fac__folder *f, const char *run, const char *file, size_t most, size_t *bytes)
{
    int fd = fac__folder_file(f, run, file, false);
    if (fd < 0) return NULL;
    char *text = read_whole(fd, most, bytes);
    int reason = errno;
    close(fd);
    errno = reason;
    return text;
}

/* ---- run.json ------------------------------------------------------------------------------------------------- */

static double time_in(json_t *json, const char *key)
{
    double seconds = json_number_value(json_object_get(json, key));
    return seconds > 0 && seconds < 1e11 ? seconds : 0;
}

static char *notes_of(json_t *json)
{
    fac__text t = {0};
    fac__text_add(&t, "{", 1);
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(json, "notes"), key, value) {
        const char *text = json_string_value(value);
        if (!text || strlen(key) > FAC__CURVE_NAME || t.n > NOTES) continue;
        if (t.n > 1) fac__text_add(&t, ", ", 2);
        fac__json_string(&t, key);
        fac__text_add(&t, ": ", 2);
        char cut[NOTE];
        snprintf(cut, sizeof cut, "%s", text);
        fac__json_string(&t, cut);
    }
    fac__text_add(&t, "}", 1);
    return fac__text_take(&t);
}

/* Reads run.json again if it changed. A run where it makes no sense has begun when that was written. False: there is none. */
static bool read_run_json(fac__watched *run, int dir)
{
    struct stat info;
    if (fstatat(dir, "run.json", &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(info.st_mode)) return false;
    if (run->notes && fac__same_file(&info, &run->seen)) return true;
    int fd = open_plain(dir, "run.json", false);
    if (fd < 0) return false;
    run->is_known = false;
    size_t bytes = 0;
    char *text = read_whole(fd, RUN_JSON, &bytes);
    close(fd);
    json_t *json = text ? json_loadb(text, bytes, 0, NULL) : NULL;
    free(text);
    double before = run->started;
    run->seen = info;
    run->started = time_in(json, "started");
    if (!run->started) run->started = (double)info.st_mtim.tv_sec;
    if (run->started != before) run->points = 0; /* another run: what was read of it is not of this one */
    run->ended = time_in(json, "ended");
    json_int_t steps = json_integer_value(json_object_get(json, "steps"));
    run->steps = steps > 0 ? steps : 0;
    const char *outcome = json_string_value(json_object_get(json, "outcome"));
    bool known = outcome && (strcmp(outcome, "finished") == 0 || strcmp(outcome, "stopped") == 0);
    snprintf(run->outcome, sizeof run->outcome, "%s", known ? outcome : "");
    free(run->notes);
    run->notes = notes_of(json);
    json_decref(json);
    run->reader.started = run->started;
    return run->notes;
}

/* The training holds the lock of `points` as long as it lives. We hold it no longer than the question takes. */
static bool is_locked(int dir)
{
    int fd = open_plain(dir, "points", false);
    if (fd < 0) return false;
    bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return locked;
}

/* ---- the list ------------------------------------------------------------------------------------------------- */

bool fac__folder_open(fac__folder *f, const char *path)
{
    *f = (fac__folder){.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .path = fac__strdup(path)};
    if (f->fd >= 0 && f->path) return true;
    if (f->fd < 0) fac__io_error("%s: no runs can be read there: %s", path, strerror(errno));
    fac__folder_close(f);
    return false;
}

static void forget(fac__folder *f, fac__watched *run)
{
    f->bytes -= fac__reader_bytes(&run->reader);
    fac__reader_drop(&run->reader);
    fac__looks_drop(&run->looks);
    free(run->notes);
    fac__free(run);
}

void fac__folder_close(fac__folder *f)
{
    for (int i = 0; i < f->count; i++)
        forget(f, f->runs[i]);
    fac__free(f->runs);
    fac__free(f->path);
    if (f->fd >= 0) close(f->fd);
    *f = (fac__folder){.fd = -1};
}

fac__watched *fac__folder_find(const fac__folder *f, const char *name)
{
    for (int i = 0; name && i < f->count; i++)
        if (strcmp(f->runs[i]->name, name) == 0) return f->runs[i];
    return NULL;
}

static fac__watched *add_run(fac__folder *f, const char *name)
{
    if (f->count == FAC__FOLDER_RUNS) return NULL;
    if (!FAC__GROW(f->runs, f->count)) return NULL;
    fac__watched *run = fac__calloc(sizeof *run);
    if (!run) return NULL;
    strcpy(run->name, name);
    return f->runs[f->count++] = run;
}

static void look_at_run(fac__folder *f, const char *name)
{
    int dir = open_run(f, name);
    if (dir < 0) return;
    struct stat info;
    fac__watched *run = fac__folder_find(f, name);
    bool is_new = !run, has_one = fstatat(dir, "run.json", &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_new && has_one) run = add_run(f, name);
    ino_t before = run ? run->seen.st_ino : 0;
    run = run && has_one && read_run_json(run, dir) ? run : NULL;
    if (run) {
        /* What has ended does not begin again; but a program may go on serving what it has finished. */
        bool was_live = run->live;
        if (is_new || was_live || !run->ended || before != run->seen.st_ino) run->live = is_locked(dir);
        if (run->live != was_live) run->is_known = false;
        run->was_listed = true;
    }
    close(dir);
}

/* The newest first; of the same time, by name. */
static int by_age(const void *a, const void *b)
{
    const fac__watched *x = *(fac__watched *const *)a, *y = *(fac__watched *const *)b;
    if (x->started != y->started) return x->started < y->started ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* The folder may have been taken away and made again. */
static void open_again(fac__folder *f)
{
    struct stat named, open_one;
    if (stat(f->path, &named) == 0 && fstat(f->fd, &open_one) == 0 && named.st_ino == open_one.st_ino &&
        named.st_dev == open_one.st_dev)
        return;
    int fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    close(f->fd);
    f->fd = fd;
}

void fac__folder_list(fac__folder *f)
{
    open_again(f);
    int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0) close(fd);
        return;
    }
    for (int i = 0; i < f->count; i++)
        f->runs[i]->was_listed = false;
    for (struct dirent *entry; (entry = readdir(dir));) {
        bool other = entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN;
        if (!other) look_at_run(f, entry->d_name);
    }
    closedir(dir);
    int kept = 0;
    for (int i = 0; i < f->count; i++) {
        if (f->runs[i]->was_listed)
            f->runs[kept++] = f->runs[i];
        else
            forget(f, f->runs[i]);
    }
    f->count = kept;
    qsort(f->runs, (size_t)kept, sizeof *f->runs, by_age);
}
