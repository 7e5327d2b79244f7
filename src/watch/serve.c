/* Floor 8. Serving runs: from the program that trains, in a thread of its own, or from one that does nothing else. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "core/memory.h"
#include "core/raise.h"
#include "watch/run.h"
#include "watch/serve_parts.h"

static void close_serving(fac__serving *s)
{
    fac__http_close(s->http);
    fac__folder_close(&s->folder);
    fac__free(s);
}

static fac__serving *open_serving(const char *dir, const char *own, fac_run_serve_options options)
{
    fac__serving *s = fac__calloc(sizeof *s);
    if (!s) return NULL;
    s->folder.fd = -1;
    snprintf(s->own, sizeof s->own, "%s", own);
    bool good = fac__folder_open(&s->folder, dir);
    if (good)
        s->http =
            fac__http_open(options, fac__serve_routes, fac__serve_route_count, s, fac__serve_tick, FAC__SERVE_TICK);
    if (s->http) return s;
    close_serving(s);
    return NULL;
}

/* ---- beside a training --------------------------------------------------------------------------------------- */

static void *serve(void *serving)
{
    fac__serving *s = serving;
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + 5); /* of this thread: the training comes first */
    fac__http_run(s->http);
    s->listed = 0; /* the run has ended: that is told before we go */
    fac__serve_tick(s);
    return NULL;
}

/* Signals are the training's: the thread takes none. */
static int start_thread(fac__serving *s)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&s->thread, NULL, serve, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!failed) pthread_setname_np(s->thread, "facula-serve");
    return failed;
}

bool fac_run_serve_with(fac_run *run, fac_run_serve_options options)
{
    FAC__OP("run_serve");
    if (!run) return true;
    if (run->serving) return fac__value_error("the run is served already, at %s", run->url), false;
    fac__serving *s = open_serving(run->dir, run->name, options);
    if (!s) return false;
    int failed = start_thread(s);
    if (failed) {
        fac__runtime_error("the thread that serves cannot be started: %s", strerror(failed));
        close_serving(s);
        return false;
    }
    run->serving = s;
    run->url = (char *)(uintptr_t)fac__http_url(s->http);
    if (!options.quiet) fprintf(stderr, "watch this run at %s\n", run->url);
    return true;
}

const char *fac_run_url(const fac_run *run)
{
    return run ? run->url : NULL;
}

void fac__serving_stop(fac__serving *s)
{
    fac__http_stop(s->http);
    pthread_join(s->thread, NULL);
    close_serving(s);
}

/* ---- alone --------------------------------------------------------------------------------------------------- */

static _Atomic(fac__http *) watching; /* what a signal is to end */

static void end_watching(int signal)
{
    fac__http_stop(atomic_load(&watching));
}

bool fac_watch_with(const char *dir, fac_run_serve_options options)
{
    FAC__OP("watch");
    fac__serving *s = open_serving(dir ? dir : "runs", "", options);
    if (!s) return false;
    fac__http *none = NULL;
    if (!atomic_compare_exchange_strong(&watching, &none, s->http)) {
        close_serving(s);
        return fac__runtime_error("the program watches a folder already"), false;
    }
    static const int signals[] = {SIGINT, SIGTERM};
    struct sigaction before[2], action = {.sa_handler = end_watching};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < 2; i++) {
        sigaction(signals[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL); /* ignored in the background: so it stays */
    }
    if (!options.quiet) fprintf(stderr, "watch %s at %s (Ctrl-C ends it)\n", s->folder.path, fac__http_url(s->http));
    fac__http_run(s->http);
    for (int i = 0; i < 2; i++)
        sigaction(signals[i], &before[i], NULL);
    atomic_store(&watching, NULL);
    close_serving(s);
    return true;
}
