/* Floor 8. The training's side of a run's `control` file (folder.h): what somebody asks of the loop, and what is answered. */
#ifndef FACULA_STEERING_H
#define FACULA_STEERING_H

#include "facula/optim.h"
#include "watch/folder.h"

typedef struct fac__steering {
    fac__control *control; /* the file's memory */
    int count;             /* of the knobs */
    struct {
        double *value; /* one of these three */
        fac_optimizer *optimizer;
        bool *pressed;
        double least, most;
        uint32_t seen; /* of the knob's `asked` */
    } knob[FAC__CONTROLS];
    uint32_t steps_seen, drawing_seen; /* of the control's `steps_asked`, and of the drawing's `asked` */
} fac__steering;

/* Both report errors. */
bool fac__steering_create(fac__steering *s, const char *path);
void fac__steering_close(fac__steering *s);

/* Takes up numbers that were changed and buttons that were pressed. */
void fac__steering_take(fac__steering *s);
/* The knobs show what the numbers are. */
void fac__steering_show(fac__steering *s);

#define fac__peek(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define fac__poke(field, value) atomic_store_explicit(&(field), value, memory_order_relaxed)

/* Is there anything to be heeded? Cheap: it is asked in each step. */
static inline bool fac__steering_asked(const fac__steering *s)
{
    fac__control *c = s->control;
    bool asked = fac__peek(c->paused) | fac__peek(c->stop);
    for (int i = 0; i < s->count; i++)
        asked |= fac__peek(c->knob[i].asked) != s->knob[i].seen;
    return asked | (fac__peek(c->drawing.asked) != s->drawing_seen);
}

#endif
