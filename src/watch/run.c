/* Floor 8. Beginning and ending a run, what is said of it, and its numbers: the folder with its run.json. */
#define _GNU_SOURCE
#include "watch/run.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/raise.h"
#include "io/atomic_file.h"
#include "watch/clock.h"
#include "watch/evaluation.h"
#include "watch/json_text.h"
#include "watch/layers.h"
#include "watch/names.h"
#include "watch/progress.h"
#include "watch/serving.h"

enum { NOTES = 1000, SAME_NAME = 1000000 }; /* at most */

/* ---- the folder ---------------------------------------------------------------------------------------------- */

static char *join(const char *dir, const char *name)
{
    size_t room = strlen(dir) + strlen(name) + 2;
    char *path = fac__alloc(room);
    if (path) snprintf(path, room, "%s/%s", dir, name);
    return path;
}

/* A folder that is there already is fine, and one above it is made too. */
static bool make_folder(const char *path)
{
    char *copy = fac__strdup(path);
    if (!copy) return false;
    bool good = *copy != 0;
    if (!good) errno = ENOENT;
    for (char *p = copy; good && p;) {
        p = strchr(p + 1, '/');
        if (p) *p = 0;
        struct stat info;
        good = mkdir(copy, 0777) == 0 || (stat(copy, &info) == 0 && S_ISDIR(info.st_mode));
        if (p) *p = '/';
    }
    if (!good) fac__io_error("%s: cannot be made: %s", path, strerror(errno));
    fac__free(copy);
    return good;
}

/* Makes the folder of a run of that name, or the first of name-2, name-3… that is not there yet. */
static bool take_name(fac_run *run, const char *name)
{
    char taken[FAC__RUN_NAME + 1], number[16] = "";
    for (int i = 1; i <= SAME_NAME; i++) {
        if (i > 1) snprintf(number, sizeof number, "-%d", i);
        snprintf(taken, sizeof taken, "%.*s%s", (int)(FAC__RUN_NAME - strlen(number)), name, number);
        char *path = join(run->dir, taken);
        if (!path) return false;
        if (mkdir(path, 0777) == 0) {
            run->path = path;
            run->name = fac__strdup(taken);
            return run->name != NULL;
        }
        int reason = errno;
        if (reason != EEXIST) fac__io_error("%s: cannot be made: %s", path, strerror(reason));
        fac__free(path);
        if (reason != EEXIST) return false;
    }
    return fac__io_error("%s: there are too many runs of the name '%s'", run->dir, name), false;
}

/* Takes away a run that could not be begun. */
static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder) closedir(folder);
    rmdir(path);
}

bool fac__run_write(const fac_run *run, const char *name, const fac__text *text)
{
    char *path = text->failed ? NULL : join(run->path, name);
    if (!path) return false;
    fac__file file;
    bool good = fac__file_create(&file, path) && fac__file_write(&file, text->p, text->n) && fac__file_commit(&file);
    fac__free(path);
    return good;
}

/* ---- run.json ------------------------------------------------------------------------------------------------ */

/* By somebody, or else before the last of the steps that were announced. */
static bool stopped(const fac_run *run)
{
    return fac__peek(run->steering.control->stop) != 0 || run->step < run->steps;
}

bool fac__run_tell(fac_run *run)
{
    fac__text t = {0};
    fac__text_format(&t, "{\"format\": 1, \"name\": ");
    fac__json_string(&t, run->name);
    fac__text_format(&t, ", \"started\": ");
    fac__text_time(&t, run->started);
    fac__text_format(&t, ", \"steps\": %lld, \"notes\": {", (long long)run->steps);
    for (int i = 0; i < run->note_count; i++) {
        if (i) fac__text_add(&t, ", ", 2);
        fac__json_string(&t, run->notes[i].key);
        fac__text_add(&t, ": ", 2);
        fac__json_string(&t, run->notes[i].text);
    }
    fac__text_add(&t, "}", 1);
    if (run->ended > 0) {
        fac__text_format(&t, ", \"ended\": ");
        fac__text_time(&t, run->ended);
        fac__text_format(&t, ", \"outcome\": \"%s\"", stopped(run) ? "stopped" : "finished");
    }
    fac__text_add(&t, "}\n", 2);
    run->told = true; /* once, however it ends */
    bool good = fac__run_write(run, "run.json", &t);
    fac__text_drop(&t);
    return good;
}

bool fac__run_end(fac_run *run)
{
    if (run->ended > 0 && run->told) return true;
    if (run->ended == 0) run->ended = fac__wall_seconds();
    return fac__run_tell(run);
}

bool fac_run_note(fac_run *run, const char *key, const char *text)
{
    FAC__OP("run_note");
    if (!run) return true;
    FAC__NEED_OR(key, false);
    FAC__NEED_OR(text, false);
    if (!fac__label_ok(key, FAC__CURVE_NAME))
        return fac__value_error("a note's key is 1 to %d bytes of UTF-8 without control characters", FAC__CURVE_NAME),
               false;
    int i = 0;
    while (i < run->note_count && strcmp(run->notes[i].key, key) != 0)
        i++;
    if (i == NOTES) return fac__value_error("'%s' would be one note more than %d", key, NOTES), false;
    char *copy = fac__strdup(text);
    if (!copy) return false;
    if (i == run->note_count) {
        char *name = FAC__GROW(run->notes, i) ? fac__strdup(key) : NULL;
        if (!name) return fac__free(copy), false;
        run->notes[run->note_count++] = (fac__note){.key = name, .text = NULL};
    }
    fac__free(run->notes[i].text);
    run->notes[i].text = copy;
    run->told = false;
    run->due = 0;
    return true;
}

/* ---- beginning and ending ------------------------------------------------------------------------------------ */

static bool open_file(fac_run *run, const char *name, bool (*create)(fac_run *run, const char *path))
{
    char *path = join(run->path, name);
    bool good = path && create(run, path);
    fac__free(path);
    return good;
}

static bool create_points(fac_run *run, const char *path)
{
    return fac__points_create(&run->points, path);
}

static bool create_control(fac_run *run, const char *path)
{
    return fac__steering_create(&run->steering, path);
}

static void free_run(fac_run *run)
{
    fac__evaluation_free(run->evaluation);
    fac__free(run->progress);
    fac__steering_close(&run->steering);
    fac__curves_free(&run->curves);
    for (int i = 0; i < run->note_count; i++) {
        fac__free(run->notes[i].key);
        fac__free(run->notes[i].text);
    }
    fac__free(run->notes);
    fac__free(run->name);
    fac__free(run->path);
    fac__free(run->dir);
    fac__free(run);
}

fac_run *fac_run_open_with(const char *name, fac_run_open_options options)
{
    FAC__OP("run_open");
    char now[32];
    time_t t = time(NULL);
    struct tm local;
    if (!name && localtime_r(&t, &local) && strftime(now, sizeof now, "%Y-%m-%d-%H%M%S", &local)) name = now;
    FAC__NEED(name);
    FAC__NEED(options.dir);
    if (!fac__run_name_ok(name))
        return fac__value_error("'%s' cannot be the name of a run: letters, digits, '.', '_' and '-', not a '.' first, "
                                "at most %d",
                                name, FAC__RUN_NAME);
    if (options.steps < 0)
        return fac__value_error("a run has 0 steps (not known) or more, not %lld", (long long)options.steps);
    fac_run *run = fac__calloc(sizeof *run);
    if (!run) return NULL;
    run->points.fd = run->events.fd = -1;
    run->started = fac__wall_seconds();
    run->steps = options.steps;
    run->dir = fac__strdup(options.dir);
    bool good = run->dir && make_folder(run->dir) && take_name(run, name) && open_file(run, "points", create_points) &&
                open_file(run, "control", create_control) &&
                (!options.tensorboard || fac__events_create(&run->events, run->path, run->started)) &&
                fac__run_tell(run) && (!options.progress || fac__progress_open(run));
    if (good) return run;
    fac__points_close(&run->points);
    fac__events_close(&run->events);
    if (run->path) remove_folder(run->path);
    free_run(run);
    return NULL;
}

bool fac_run_close(fac_run *run)
{
    FAC__OP("run_close");
    if (!run) return true;
    bool good = fac__layers_close(run);
    good &= fac__evaluation_write(run, true);
    fac__progress_close(run);
    good &= fac__run_end(run);
    good &= fac__events_close(&run->events);
    good &= fac__points_close(&run->points);
    if (run->serving) fac__serving_stop(run->serving);
    free_run(run);
    return good;
}

const char *fac_run_name(const fac_run *run)
{
    return run ? run->name : NULL;
}

const char *fac_run_path(const fac_run *run)
{
    return run ? run->path : NULL;
}

/* ---- numbers ------------------------------------------------------------------------------------------------- */

bool fac_run_log(fac_run *run, const char *name, int64_t step, double value)
{
    if (!run) return true;
    FAC__NEED_OR(name, false);
    int count = run->curves.count, at = fac__curve_find(&run->curves, name);
    if (at < 0) return false;
    if (at == count && !fac__points_name(&run->points, (uint32_t)at, name)) return false;
    fac__curve *curve = &run->curves.items[at];
    curve->last = value;
    curve->sum += value;
    curve->count++;
    double now = fac__wall_seconds();
    bool good = fac__points_value(&run->points, (uint32_t)at, step, value, now);
    if (run->events.fd >= 0) good &= fac__events_value(&run->events, curve->name, curve->bytes, step, value, now);
    if (!run->stepped) fac__run_stepless(run, step);
    return good;
}
