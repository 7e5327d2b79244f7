/* Floor 8. Images that somebody draws in the browser, and what the run's module makes of them. */
#include <math.h>
#include <string.h>

#include "core/tensor_impl.h"
#include "facula/autograd.h"
#include "facula/ops_reduce.h"
#include "nn/module_impl.h"
#include "watch/layers.h"

bool fac_run_drawing(fac_run *run, void *module, int height, int width)
{
    FAC__OP("run_drawing");
    if (!run) return true;
    fac__drawing *d = &run->steering.control->drawing;
    if (!module) height = width = 0;
    if (module && (height < 1 || height > FAC__DRAWING || width < 1 || width > FAC__DRAWING))
        return fac__value_error("a drawing's height and width are 1 to %d, not %d and %d", FAC__DRAWING, height, width),
               false;
    run->drawn_for = module;
    run->drawn_height = height;
    run->drawn_width = width;
    d->width = (uint32_t)width;
    d->height = (uint32_t)height;
    return true;
}

/* ---- answering ----------------------------------------------------------------------------------------------- */

/* Which modules of a tree are in training mode, in the order of fac_module_apply. */
typedef struct modes {
    bool *training;
    int count;
} modes;

static void count_one(fac_module *m, void *context)
{
    (void)m;
    ++*(int *)context;
}

static void note_mode(fac_module *m, void *context)
{
    modes *all = context;
    all->training[all->count++] = m->training;
    m->training = false;
}

static void restore_mode(fac_module *m, void *context)
{
    modes *all = context;
    m->training = all->training[all->count++];
}

/* The module's probabilities for the pixels; how many there are, 0 after an error. */
static int classify(fac_module *module, const uint8_t *pixels, int height, int width, float *probabilities)
{
    modes all = {0};
    int count = 0, classes = 0;
    fac_module_apply(module, count_one, &count);
    all.training = fac__alloc((size_t)count * sizeof *all.training);
    if (!all.training) return 0;
    fac_module_apply(module, note_mode, &all);
    fac_no_grad
        fac_scope {
            fac_tensor *x = fac__own(fac__new(FAC_FLOAT32, 4, (int64_t[]){1, 1, height, width}));
            float *to = x ? (float *)fac__host(x) : NULL;
            for (int i = 0; x && i < height * width; i++)
                to[i] = (float)pixels[i] / 255;
            fac_tensor *y = fac_forward(module, x);
            int64_t n = fac_numel(y);
            if (y && (n < 1 || n > FAC__ANSWER || fac_dim(y) < 1))
                fac__value_error("what a drawing is turned into has %lld values; 1 to %d can be shown", (long long)n,
                                 FAC__ANSWER);
            else if (fac_to_array(fac_softmax(y, -1, FAC_FLOAT32), FAC_FLOAT32, probabilities, n))
                classes = (int)n;
        }
    all.count = 0;
    fac_module_apply(module, restore_mode, &all);
    fac__free(all.training);
    return classes;
}

void fac__drawing_answer(fac_run *run)
{
    fac__steering *s = &run->steering;
    fac__drawing *d = &s->control->drawing;
    uint32_t asked = atomic_load(&d->asked);
    if (asked == s->drawing_seen || fac__recording_now()) return;
    s->drawing_seen = asked;
    if (!run->drawn_for) return;
    uint8_t pixels[FAC__DRAWING * FAC__DRAWING];
    float probabilities[FAC__ANSWER];
    memcpy(pixels, d->pixels, sizeof pixels);
    bool failed_before = fac_error() != NULL;
    int classes = classify(run->drawn_for, pixels, run->drawn_height, run->drawn_width, probabilities);
    memcpy(d->answer, probabilities, (size_t)classes * sizeof *probabilities);
    d->classes = (uint32_t)classes;
    if (!classes) {
        /* It has been printed. Somebody who draws must not end the training, which may ask for errors. */
        if (!failed_before) fac_clear_error();
        fac_run_drawing(run, NULL, 0, 0);
    }
    atomic_store(&d->answered, asked);
}
