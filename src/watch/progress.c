/* Floor 8. When and how the line of progress is drawn. */
#include "watch/progress.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "watch/clock.h"

enum { FEW = 4 };
static const double every_drawing = 0.1, every_line = 10; /* seconds */

static bool set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value;
}

/* By the environment: a program need not have called setlocale. */
static bool speaks_utf8(void)
{
    const char *locale = set("LC_ALL") ? getenv("LC_ALL") : set("LC_CTYPE") ? getenv("LC_CTYPE") : getenv("LANG");
    const char *dot = locale ? strchr(locale, '.') : NULL;
    return dot && (!strncasecmp(dot, ".UTF-8", 6) || !strncasecmp(dot, ".utf8", 5));
}

static int width_of_terminal(void)
{
    struct winsize size;
    int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
    return width - 1; /* in the last column some terminals begin a new line */
}

bool fac__progress_open(fac_run *run)
{
    fac__progress *p = run->progress = fac__calloc(sizeof *p);
    if (!p) return false;
    const char *kind = getenv("TERM");
    p->terminal = isatty(STDERR_FILENO) && kind && *kind && strcmp(kind, "dumb") != 0;
    p->colour = p->terminal && !set("NO_COLOR");
    p->utf8 = p->terminal && speaks_utf8();
    p->begun = p->drawn = fac__seconds();
    p->each = 1;
    return true;
}

/* ---- what is shown ------------------------------------------------------------------------------------------- */

static void follow(fac__progress *p, double loss)
{
    p->sum += loss;
    if (++p->sum_count < p->each) return;
    p->trail[p->trail_count++] = p->sum / p->sum_count;
    p->sum = p->sum_count = 0;
    if (p->trail_count < FAC__TRAIL) return;
    for (int i = 0; i < FAC__TRAIL / 2; i++)
        p->trail[i] = (p->trail[2 * i] + p->trail[2 * i + 1]) / 2;
    p->trail_count /= 2;
    p->each *= 2;
}

/* Of each curve the mean of what was logged since the last time; of one that has few values, the last. */
static void take_values(fac_run *run)
{
    bool followed = false;
    for (int i = 0; i < run->curves.count; i++) {
        fac__curve *curve = &run->curves.items[i];
        if (!curve->count) continue;
        curve->shown = curve->count > FEW ? curve->sum / (double)curve->count : curve->last;
        curve->sum = 0;
        curve->count = 0;
        if (!followed && !strncmp(curve->name, "loss", 4)) {
            follow(run->progress, curve->shown);
            followed = true;
        }
    }
}

static void take_rate(fac_run *run, double now)
{
    fac__progress *p = run->progress;
    double time = now - p->drawn - (run->waited - p->waited), steps = (double)(run->step - p->last);
    p->drawn = now;
    p->waited = run->waited;
    p->last = run->step;
    if (!(time > 0) || steps < 0) return;
    /* At first the mean since the beginning; later what is 10 s old counts little. */
    double share = fmax(1 - exp(-time / 10), fmin(1, time / (now - p->begun - run->waited)));
    p->rate += share * (steps / time - p->rate);
}

/* ---- drawing ------------------------------------------------------------------------------------------------- */

static void put_line(fac__text *t, bool terminal)
{
    if (!t->failed) fprintf(stderr, terminal ? "\r%s\033[K" : "%s\n", t->p);
    fac__text_drop(t);
}

void fac__progress_tick(fac_run *run)
{
    fac__progress *p = run->progress;
    double now = fac__seconds();
    if (!p || now - p->drawn < (p->terminal ? every_drawing : every_line)) return;
    take_values(run);
    take_rate(run, now);
    fac__text line = {0};
    fac__progress_line(run, width_of_terminal(), &line);
    put_line(&line, p->terminal);
    p->there = p->terminal;
}

void fac__progress_clear(fac_run *run)
{
    if (!run->progress || !run->progress->there) return;
    fprintf(stderr, "\r\033[K");
    run->progress->there = false;
}

void fac__progress_close(fac_run *run)
{
    fac__progress *p = run->progress;
    if (!p) return;
    fac__progress_clear(run);
    take_values(run);
    fac__text line = {0};
    fac__progress_summary(run, fac__seconds() - p->begun - run->waited, &line);
    put_line(&line, false);
    fac__free(p);
    run->progress = NULL;
}

bool fac_run_print(fac_run *run, const char *format, ...)
{
    FAC__NEED_OR(format, false);
    if (run) fac__progress_clear(run);
    va_list arguments;
    va_start(arguments, format);
    bool good = vprintf(format, arguments) >= 0;
    va_end(arguments);
    if (run && run->progress) good &= fflush(stdout) == 0; /* before the line comes again */
    return good;
}
