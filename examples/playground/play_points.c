/* Makes the points of a state. */
#include <stdio.h>
#include <stdlib.h>

#include "play_points.h"
#include "point_sets.h"

/* The points of one's own in Python's notation: "[[0.5, 1], [0, 1]]", and their labels. */
char *play_own_literal(const play_state *s, bool labels, const char *line_end)
{
    char *text = NULL, a[PLAY_NUMBER], b[PLAY_NUMBER];
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    if (!f) return NULL;
    for (int i = 0; i < s->own; i++) {
        const play_point *p = &s->points[i];
        fputs(i == 0 ? "[" : i % (labels ? 16 : 5) ? ", " : line_end, f);
        if (labels)
            fprintf(f, "[%d]", p->label);
        else
            fprintf(f, "[%s, %s]", play_number(p->x, a), play_number(p->y, b));
    }
    fputc(']', f);
    if (fclose(f) == 0) return text;
    free(text);
    return NULL;
}

static fac_tensor *own(const play_state *s, bool labels)
{
    char *text = play_own_literal(s, labels, ", ");
    if (!text) return fac_raise(FAC_ERROR_MEMORY, "there is no memory for the points");
    fac_tensor *t = fac_literal(text, .dtype = FAC_FLOAT32);
    free(text);
    return t;
}

static fac_tensor *joined(fac_tensor *drawn, fac_tensor *more)
{
    return drawn ? fac_cat(FAC_TENSORS(drawn, more), 0) : more;
}

bool play_make_points(const play_state *s, fac_tensor *x[2], fac_tensor *y[2])
{
    static fac_tensor *(*const sets[])(int64_t, double, fac_tensor **) = {[PLAY_CLOUD] = cloud,
                                                                          [PLAY_CIRCLES] = circles,
                                                                          [PLAY_SPIRALS] = spirals,
                                                                          [PLAY_MOONS] = moons,
                                                                          [PLAY_GAUSSIANS] = gaussians};
    x[0] = x[1] = y[0] = y[1] = NULL;
    fac_scope {
        fac_tensor *points[2] = {NULL, NULL}, *labels[2] = {NULL, NULL};
        if (s->set == PLAY_XOR) {
            points[0] = fac_literal("[[0, 0], [0, 1], [1, 0], [1, 1]]", .dtype = FAC_FLOAT32);
            labels[0] = fac_literal("[[0], [1], [1], [0]]", .dtype = FAC_FLOAT32);
        } else if (s->set != PLAY_OWN) {
            int learnt = play_drawn(s), tested = play_tested(s);
            fac_tensor *all_labels = NULL;
            fac_manual_seed(s->sample);
            fac_tensor *all = sets[s->set](s->size, s->noise, &all_labels);
            points[0] = fac_narrow(all, 0, 0, learnt);
            labels[0] = fac_narrow(all_labels, 0, 0, learnt);
            if (tested) {
                points[1] = fac_narrow(all, 0, learnt, tested);
                labels[1] = fac_narrow(all_labels, 0, learnt, tested);
            }
        }
        if (s->own) {
            points[0] = joined(points[0], own(s, false));
            labels[0] = joined(labels[0], own(s, true));
        }
        for (int k = 0; k < 2; k++) {
            x[k] = fac_keep(points[k]);
            y[k] = fac_keep(labels[k]);
        }
    }
    return !fac_error();
}
