/* Floor 8. A folder of runs as those see it who show it. Whatever lies in there, damaged or hostile, names do not lead out of it and
 * symbolic links are not followed; only runs.json's folder itself may be one. */
#ifndef FACULA_RUN_FOLDER_H
#define FACULA_RUN_FOLDER_H

#include <sys/stat.h>

#include "watch/looks.h"
#include "watch/reader.h"

/* A run that is watched. */
typedef struct fac__watched {
    char name[FAC__RUN_NAME + 1];
    struct stat seen; /* run.json, when it was read */
    /* From run.json. */
    double started, ended; /* seconds since 1970; ended 0: it does not say */
    int64_t steps;
    char outcome[12]; /* "finished", "stopped", or "" */
    char *notes;      /* a JSON object */
    bool live;        /* the training holds its lock */
    bool was_listed;  /* in the last fac__folder_list */
    bool is_known;    /* what follows is up to date, and stays so while the run is not live */
    /* From the other files, by fac__folder_refresh. */
    fac__reader reader;
    ino_t points; /* the file that was read */
    int64_t used; /* when it was last asked for: a count */
    fac__looks looks;
    bool has_model, has_evaluation, has_control;
    struct stat evaluation_seen;
    int64_t evaluation, evaluations; /* its step, and how many were seen */
    fac__control control;
    /* For serve_events.c: what was told last. */
    struct fac__told {
        bool begun;
        uint64_t state;
        int64_t looks, evaluations;
        uint32_t answered;
    } told;
} fac__watched;

typedef struct fac__folder {
    char *path;
    int fd;
    fac__watched **runs; /* the newest first */
    int count;
    int64_t uses;
    size_t bytes; /* of all readers */
} fac__folder;

enum {
    FAC__FOLDER_RUNS = 4096,       /* runs that are listed, at most */
    FAC__FOLDER_MEMORY = 64 << 20, /* bytes for curves that nobody asks for any more */
    FAC__FOLDER_FILE = 16 << 20,   /* bytes of a file that is answered whole, at most */
};

/* False after an error: there is no such folder. */
bool fac__folder_open(fac__folder *f, const char *path);
void fac__folder_close(fac__folder *f);
/* Looks for runs that are new or gone, reads every run.json that changed, and looks which runs are live. */
void fac__folder_list(fac__folder *f);
/* NULL when it is not listed. */
fac__watched *fac__folder_find(const fac__folder *f, const char *name);

/* Reads what is new of the run, at most so many of its points; values that were forgotten stay so. */
void fac__folder_refresh(fac__folder *f, fac__watched *run, int64_t most);
/* The same for all that are live or not known, at most so many points together. */
void fac__folder_refresh_all(fac__folder *f, int64_t most);
/* Reads all of the run's points, whether or not they were forgotten. The file of points, open; -1 when there is none. */
int fac__folder_points(fac__folder *f, fac__watched *run);
/* Its file, opened for reading (or writing, too), if it is a plain file; -1, with errno, otherwise. */
int fac__folder_file(const fac__folder *f, const char *run, const char *file, bool writing);
/* All of it, with a 0 behind, for free(); NULL with errno when it cannot be had: EFBIG when it is larger than `most`. */
char *fac__folder_text(const fac__folder *f, const char *run, const char *file, size_t most, size_t *bytes);

/* Whether a file is as it was. */
bool fac__same_file(const struct stat *a, const struct stat *b);

/* Both return 0, or the HTTP status of what is wrong, and say it. */
int fac__folder_rename(fac__folder *f, const char *from, const char *to, char why[200]);
int fac__folder_delete(fac__folder *f, const char *name, char why[200]);

#endif
