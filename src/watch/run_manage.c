/* Floor 8. Runs that are renamed or deleted: only those that have ended, and never more than a run's own files. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "watch/run_folder.h"

__attribute__((format(printf, 3, 4))) static int refuse(char why[200], int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, 200, format, args);
    va_end(args);
    return status;
}

/* 0 when the run is there and has ended. */
static int check(fac__folder *f, const char *name, char why[200])
{
    fac__folder_list(f);
    const fac__watched *run = fac__folder_find(f, name);
    if (!run) return refuse(why, 404, "there is no run of that name");
    if (run->live) return refuse(why, 409, "%s goes on: stop it first", name);
    return 0;
}

int fac__folder_rename(fac__folder *f, const char *from, const char *to, char why[200])
{
    int status = check(f, from, why);
    if (status) return status;
    if (!fac__run_name_ok(to))
        return refuse(why, 400, "a name has letters, digits, \".\", \"_\" and \"-\", not a \".\" first, at most %d",
                      FAC__RUN_NAME);
    if (renameat2(f->fd, from, f->fd, to, RENAME_NOREPLACE) != 0) {
        if (errno == EEXIST) return refuse(why, 409, "there is something of that name already");
        return refuse(why, 500, "it cannot be renamed: %s", strerror(errno));
    }
    fac__folder_list(f);
    return 0;
}

/* Whether a run has a file of that name: folder.h lists them. Those that are written whole have another name until they are. */
static bool is_of_a_run(const char *name)
{
    static const char *const files[] = {"run.json",   "points",          "layers.jsonl",
                                        "model.json", "evaluation.json", "control"};
    static const char tensorboard[] = "events.out.tfevents.", end[] = ".tmp";
    if (strncmp(name, tensorboard, sizeof tensorboard - 1) == 0) return true;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t n = strlen(files[i]), all = strlen(name);
        if (strncmp(name, files[i], n) != 0) continue;
        if (!name[n]) return true;
        bool numbers = name[n] == '.' && strspn(name + n + 1, "0123456789-") + n + 1 + sizeof end - 1 == all;
        if (numbers && strcmp(name + all - (sizeof end - 1), end) == 0) return true;
    }
    return false;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Deletes what is in the run's folder, run.json last, so that what is left of a run when it fails is still one. */
static int delete_files(DIR *dir, const char *run, char why[200])
{
    for (struct dirent *entry; (entry = readdir(dir));)
        if (!is_dot(entry->d_name) && !is_of_a_run(entry->d_name))
            return refuse(why, 409, "it is not deleted: %s in it is not of a run", entry->d_name);
    rewinddir(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (is_dot(entry->d_name) || strcmp(entry->d_name, "run.json") == 0) continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) != 0)
            return refuse(why, 500, "%s cannot be deleted: %s", entry->d_name, strerror(errno));
    }
    if (unlinkat(dirfd(dir), "run.json", 0) != 0) return refuse(why, 500, "it cannot be deleted: %s", strerror(errno));
    return 0;
}

int fac__folder_delete(fac__folder *f, const char *name, char why[200])
{
    int status = check(f, name, why);
    if (status) return status;
    int fd = openat(f->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0) close(fd);
        return refuse(why, 500, "it cannot be deleted: %s", strerror(errno));
    }
    status = delete_files(dir, name, why);
    closedir(dir);
    if (!status && unlinkat(f->fd, name, AT_REMOVEDIR) != 0)
        status = refuse(why, 500, "its folder cannot be deleted: %s", strerror(errno));
    fac__folder_list(f);
    return status;
}
