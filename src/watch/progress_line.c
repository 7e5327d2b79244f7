/* Floor 8. The line of progress: composed to the terminal's width, the less important left out where there is no room. */
#include <math.h>

#include "watch/progress.h"

enum {
    BAR = 20,
    LEAST_BAR = 8,
    LEAST_PLOT = 8,
    BAR_FRAME = 4,
    PLOT_FRAME = 2
}; /* columns; frames: what is around them */

/* ---- pieces -------------------------------------------------------------------------------------------------- */

static void put_span(fac__text *t, double seconds)
{
    long long s = (long long)(fmin(seconds, 1e9) + 0.5);
    if (seconds < 9.95)
        fac__text_format(t, "%.1f s", seconds);
    else if (s < 60)
        fac__text_format(t, "%lld s", s);
    else if (s < 3600)
        fac__text_format(t, "%lld min %02lld s", s / 60, s % 60);
    else
        fac__text_format(t, "%lld h %02lld min", s / 3600, s % 3600 / 60);
}

static void put_rate(fac__text *t, double rate)
{
    fac__text_add(t, "  ", 2);
    if (rate >= 10)
        fac__text_format(t, "%.0f/s", rate);
    else if (rate >= 0.95)
        fac__text_format(t, "%.1f/s", rate);
    else if (rate > 0)
        fac__text_format(t, "%.1f s each", 1 / rate);
}

/* How much of the run is done, from 0 to 1. */
static double part_of(const fac_run *run)
{
    return run->steps ? fmin(1, fmax(0, (double)run->step / (double)run->steps)) : 0;
}

static bool is_of_chart(const fac__curve *curve, const char *chart)
{
    size_t n = strlen(chart);
    return !strncmp(curve->name, chart, n) && (!curve->name[n] || curve->name[n] == '/');
}

/* "loss 0.3412 (validation 0.3555)": the first curves of a chart, one or two. */
static void put_chart(fac__text *t, const fac_run *run, const char *chart, int most)
{
    int count = 0;
    for (int i = 0; i < run->curves.count && count < most; i++) {
        const fac__curve *curve = &run->curves.items[i];
        if (!is_of_chart(curve, chart)) continue;
        const char *name = strchr(curve->name, '/');
        if (count++ == 0)
            fac__text_format(t, "  %s %.4g", chart, curve->shown);
        else
            fac__text_format(t, " (%.16s %.4g)", name ? name + 1 : chart, curve->shown);
    }
}

static void put_bar(fac__text *t, const fac__progress *p, double part, int width)
{
    int full = (int)(part * width + 1e-9);
    fac__text_format(t, "%s", p->utf8 ? "  " : "  [");
    if (p->colour) fac__text_format(t, "\033[36m");
    for (int i = 0; i < full; i++)
        fac__text_format(t, "%s", p->utf8 ? "━" : "#");
    if (p->colour) fac__text_format(t, "\033[2m");
    for (int i = full; i < width; i++)
        fac__text_format(t, "%s", p->utf8 ? "─" : ".");
    if (p->colour) fac__text_format(t, "\033[0m");
    if (!p->utf8) fac__text_add(t, "]", 1);
}

/* Logarithms where they can be taken: a loss falls by halves. */
static void put_plot(fac__text *t, const fac__progress *p, int width)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    double least = INFINITY, most = -INFINITY;
    for (int i = 0; i < p->trail_count; i++) {
        least = fmin(least, p->trail[i]); /* NaN is passed over */
        most = fmax(most, p->trail[i]);
    }
    bool logarithms = least > 0 && isfinite(most);
    fac__text_format(t, "  %s", p->colour ? "\033[32m" : "");
    for (int i = 0; i < width; i++) {
        int from = i * p->trail_count / width, to = (i + 1) * p->trail_count / width;
        double v = 0;
        for (int k = from; k < to; k++)
            v += p->trail[k] / (to - from);
        double height = logarithms ? log(v / least) / log(most / least) : (v - least) / (most - least);
        if (isnan(v) || isinf(v))
            fac__text_add(t, isnan(v) ? "?" : "^", 1);
        else
            fac__text_format(t, "%s", blocks[height >= 0 ? (int)fmin(7.999 * height, 7) : 0]);
    }
    if (p->colour) fac__text_format(t, "\033[0m");
}

/* ---- the line ------------------------------------------------------------------------------------------------ */

/* The words of the line: level 0 has them all, 1 only the first curve of each chart, 2 no rate either. */
static void put_words(fac__text *t, const fac_run *run, int level)
{
    double rate = run->progress->rate;
    fac__text_format(t, "%s  ", run->name);
    if (run->steps)
        fac__text_format(t, "%lld/%lld  %.0f %%", (long long)run->step, (long long)run->steps,
                         floor(100 * part_of(run)));
    else
        fac__text_format(t, "step %lld", (long long)run->step);
    if (fac__peek(run->steering.control->waiting)) {
        fac__text_format(t, "  paused");
    } else if (rate > 0) {
        if (level < 2) put_rate(t, rate);
        if (run->steps) {
            fac__text_add(t, "  ", 2);
            put_span(t, fmax(0, (double)(run->steps - run->step)) / rate);
            fac__text_format(t, " left");
        }
    }
    put_chart(t, run, "loss", level ? 1 : 2);
    put_chart(t, run, "accuracy", level ? 1 : 2);
}

void fac__progress_line(const fac_run *run, int width, fac__text *out)
{
    const fac__progress *p = run->progress;
    for (int level = 0; level == 0 || (p->terminal && level < 3); level++) {
        out->n = 0;
        put_words(out, run, level);
        if ((int)out->n + LEAST_BAR + BAR_FRAME <= width) break;
    }
    if (!p->terminal || out->failed) return;

    /* Until here a character is a byte, but for names of curves: then there is room to spare. */
    int room = width - (int)out->n;
    if (room < 0) {
        while (width > 0 && (out->p[width] & 0xc0) == 0x80)
            width--;
        out->p[out->n = (size_t)width] = 0;
        return;
    }
    bool plotted = p->utf8 && p->trail_count > 1;
    int bar = run->steps ? room - BAR_FRAME : 0, plot = 0;
    if (plotted && bar) bar = (room - BAR_FRAME - PLOT_FRAME) / 2;
    if (bar > BAR) bar = BAR;
    if (run->steps && bar < LEAST_BAR) bar = room - BAR_FRAME < LEAST_BAR ? 0 : LEAST_BAR;
    if (plotted) plot = room - (bar ? bar + BAR_FRAME : 0) - PLOT_FRAME;
    if (plot > p->trail_count) plot = p->trail_count;
    if (bar) put_bar(out, p, part_of(run), bar);
    if (plot >= LEAST_PLOT || (plot > 1 && plot == p->trail_count)) put_plot(out, p, plot);
}

void fac__progress_summary(const fac_run *run, double seconds, fac__text *out)
{
    fac__text_format(out, "%s  %lld steps in ", run->name, (long long)run->step);
    put_span(out, seconds);
    put_chart(out, run, "loss", 2);
    put_chart(out, run, "accuracy", 2);
}
