/* Floor 8. Keeping up with a run: its points, its looks, what else is there, and what steers it. */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "core/raise.h"
#include "watch/run_control.h"
#include "watch/run_folder.h"

/* Curves that nobody asked for lately are forgotten when all together are too large, and are read again when somebody does. */
static void bound_memory(fac__folder *f, const fac__watched *but)
{
    while (f->bytes > FAC__FOLDER_MEMORY) {
        fac__watched *oldest = NULL;
        for (int i = 0; i < f->count; i++) {
            fac__watched *run = f->runs[i];
            if (run == but || run->live || run->reader.forgot || !run->reader.count) continue;
            if (!oldest || run->used < oldest->used) oldest = run;
        }
        if (!oldest) return;
        f->bytes -= fac__reader_bytes(&oldest->reader);
        fac__reader_forget(&oldest->reader);
        f->bytes += fac__reader_bytes(&oldest->reader);
    }
}

/* The points from the file, at most so many that are new; returns the file, open, or -1. */
static int read_points(fac__folder *f, fac__watched *run, int64_t most, bool values)
{
    int fd = fac__folder_file(f, run->name, "points", false);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0) return fd;
    fac__reader *r = &run->reader;
    f->bytes -= fac__reader_bytes(r);
    /* Another file, or a shorter one, is another run of that name. */
    bool other = run->points != info.st_ino || info.st_size / (off_t)sizeof(fac__point) < r->records;
    if (other || (r->forgot && (values || run->live))) fac__reader_drop(r);
    run->points = info.st_ino;
    if (!r->forgot) fac__reader_read(r, fd, most);
    f->bytes += fac__reader_bytes(r);
    bound_memory(f, run);
    return fd;
}

int fac__folder_points(fac__folder *f, fac__watched *run)
{
    enum { MOST = 64 << 20 }; /* records, which take some seconds; the rest comes with the next question */
    run->used = ++f->uses;
    return read_points(f, run, MOST, true);
}

static void refresh_looks(fac__folder *f, fac__watched *run)
{
    int fd = fac__folder_file(f, run->name, "layers.jsonl", false);
    struct stat info;
    if (fd < 0) return;
    if (fstat(fd, &info) == 0) {
        if (run->looks.file != info.st_ino || info.st_size < run->looks.scanned) fac__looks_drop(&run->looks);
        run->looks.file = info.st_ino;
        if (info.st_size > run->looks.scanned) fac__looks_scan(&run->looks, fd);
    }
    close(fd);
}

/* evaluation.json is long, and its step comes first: where it does not, the whole is read. */
static int64_t step_of_evaluation(const fac__folder *f, const fac__watched *run)
{
    char begin[64] = "";
    long long step = 0;
    int fd = fac__folder_file(f, run->name, "evaluation.json", false);
    if (fd < 0) return 0;
    bool found = pread(fd, begin, sizeof begin - 1, 0) > 0 && sscanf(begin, "{\"step\": %lld,", &step) == 1;
    close(fd);
    if (found) return step;
    size_t bytes;
    char *text = fac__folder_text(f, run->name, "evaluation.json", FAC__FOLDER_FILE, &bytes);
    json_t *json = text ? json_loadb(text, bytes, 0, NULL) : NULL;
    step = json_integer_value(json_object_get(json, "step"));
    json_decref(json);
    free(text);
    return step;
}

static bool stat_file(fac__folder *f, fac__watched *run, const char *file, struct stat *info)
{
    int fd = fac__folder_file(f, run->name, file, false);
    bool good = fd >= 0 && fstat(fd, info) == 0;
    if (fd >= 0) close(fd);
    return good;
}

static void refresh_evaluation(fac__folder *f, fac__watched *run)
{
    struct stat info;
    bool there = stat_file(f, run, "evaluation.json", &info);
    if (there && (!run->has_evaluation || !fac__same_file(&info, &run->evaluation_seen))) {
        run->evaluation_seen = info;
        run->evaluations++;
        run->evaluation = step_of_evaluation(f, run);
    }
    run->has_evaluation = there;
}

void fac__folder_refresh(fac__folder *f, fac__watched *run, int64_t most)
{
    struct stat info;
    int fd = read_points(f, run, most, false);
    if (fd >= 0) close(fd);
    refresh_looks(f, run);
    refresh_evaluation(f, run);
    run->has_model = stat_file(f, run, "model.json", &info);
    fd = fac__folder_file(f, run->name, "control", false);
    run->has_control = fd >= 0 && fac__control_read(&run->control, fd);
    if (fd >= 0) close(fd);
    run->is_known = !run->reader.behind;
}

void fac__folder_refresh_all(fac__folder *f, int64_t most)
{
    for (int i = 0; i < f->count && most > 0; i++) {
        fac__watched *run = f->runs[i];
        int64_t before = run->reader.records;
        if (!run->live && run->is_known) continue;
        fac__folder_refresh(f, run, most);
        most -= run->reader.records - before;
    }
}
