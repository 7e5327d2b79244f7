/* Floor 8. A server of runs: what its files share. serve.c has its life, serve_routes.c what is asked and serve_steer.c what is ordered,
 * serve_events.c what is pushed, serve_text.c and serve_csv.c how runs are written down. */
#ifndef FACULA_SERVE_PARTS_H
#define FACULA_SERVE_PARTS_H

#include <pthread.h>

#include "watch/http.h"
#include "watch/run_folder.h"
#include "watch/serving.h"

struct fac__serving {
    fac__folder folder;
    fac__http *http;
    char own[FAC__RUN_NAME + 1]; /* the run of this program, or "" */
    pthread_t thread;            /* of fac_run_serve */
    /* serve_events.c */
    int listeners;  /* at the last tick */
    int64_t listed; /* when the folder was looked through last, in milliseconds of a clock that only goes on */
    uint64_t told;  /* what was told of the list, as a hash */
};

enum {
    FAC__SERVE_TICK = 100,       /* milliseconds between two ticks */
    FAC__SERVE_LIST = 1000,      /* between two looks through the folder */
    FAC__SERVE_POINTS = 4 << 20, /* points that are read between two ticks, at most */
};

/* serve_routes.c, serve_steer.c */
extern const fac__http_route fac__serve_routes[];
extern const int fac__serve_route_count;
/* The run that a request names; NULL, with the answer, when there is none. */
fac__watched *fac__serve_run(fac__serving *s, const char *name, fac__http_answer *answer);
void fac__serve_steer(void *serving, const fac__http_request *request, fac__http_answer *answer);
void fac__serve_draw(void *serving, const fac__http_request *request, fac__http_answer *answer);
void fac__serve_rename(void *serving, const fac__http_request *request, fac__http_answer *answer);
void fac__serve_delete(void *serving, const fac__http_request *request, fac__http_answer *answer);

/* serve_csv.c */
void fac__serve_csv(void *serving, const fac__http_request *request, fac__http_answer *answer);

/* serve_events.c: the tick of fac__http_open; and what is told at the end. */
void fac__serve_tick(void *serving);
/* Looks through the folder unless that was done just now. */
void fac__serve_list(fac__serving *s, int64_t older_than_ms);

/* serve_text.c */
void fac__serve_write_list(fac__text *t, const fac__serving *s);
/* The list without what changes all the time, as a hash. */
uint64_t fac__serve_hash_list(const fac__serving *s);
uint64_t fac__serve_hash(const fac__text *t);
void fac__serve_write_state(fac__text *t, const fac__watched *run);

#endif
