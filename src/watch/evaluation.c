/* Floor 8. Counting what a module made of samples. */
#include "watch/evaluation.h"

#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "core/raise.h"
#include "core/tensor_impl.h"
#include "watch/clock.h"

enum { CLASSES = 1000, SIZE = 64, IGNORED = -100 }; /* IGNORED: the target that cross_entropy leaves out */

/* ---- what is given ------------------------------------------------------------------------------------------- */

/* The element of these two indices, the first ones. */
static double element(const fac_tensor *t, int64_t i, int64_t j)
{
    int64_t at = t->offset + i * t->strides[0] + j * t->strides[1];
    return fac__load_double((fac_dtype)t->dtype, t->storage->data + at * fac__dtype_sizes[t->dtype]);
}

static int64_t target_of(const fac_tensor *targets, int64_t i)
{
    return ((const int64_t *)targets->storage->data)[targets->offset + i * targets->strides[0]];
}

static bool check(const fac_tensor *images, const fac_tensor *targets, const fac_tensor *outputs)
{
    FAC__NEED_OR(targets, false);
    FAC__NEED_OR(outputs, false);
    if (fac__recording_now()) return fac__recording_refuse("look at an evaluation"), false;
    if (outputs->ndim != 2 || !fac_dtype_is_floating((fac_dtype)outputs->dtype))
        return fac__value_error("outputs must be of a floating dtype and of shape [N, K], got %s",
                                fac__shape_text(outputs->ndim, outputs->shape)),
               false;
    int64_t n = outputs->shape[0], k = outputs->shape[1];
    if (k < 1 || k > CLASSES)
        return fac__value_error("outputs must have 1 to %d classes, got %lld", CLASSES, (long long)k), false;
    if (targets->ndim != 1 || targets->dtype != FAC_INT64 || targets->shape[0] != n)
        return fac__value_error("targets must be of dtype int64 and of shape [%lld], got %s", (long long)n,
                                fac__shape_text(targets->ndim, targets->shape)),
               false;
    if (images && (!fac_dtype_is_floating((fac_dtype)images->dtype) || images->ndim < 3 || images->ndim > 4 ||
                   images->shape[0] != n))
        return fac__value_error(
                   "images must be of a floating dtype and of shape [%lld, H, W] or [%lld, C, H, W], got %s",
                   (long long)n, (long long)n, fac__shape_text(images->ndim, images->shape)),
               false;
    for (int64_t i = 0; i < n; i++) {
        int64_t target = target_of(targets, i);
        if ((target < 0 || target >= k) && target != IGNORED)
            return fac__index_error("Target %lld is out of bounds.", (long long)target), false;
    }
    return true;
}

/* ---- samples ------------------------------------------------------------------------------------------------- */

/* The picture of sample i of a batch; without one where it is too large to show, or there is no memory. */
static void take_picture(fac__sample *s, const fac_tensor *images, int64_t i)
{
    s->width = 0;
    if (!images) return;
    bool with_channels = images->ndim == 4;
    const int64_t *shape = images->shape + images->ndim - 2, *strides = images->strides + images->ndim - 2;
    int64_t channels = with_channels ? images->shape[1] : 1, channel_stride = with_channels ? images->strides[1] : 0;
    if (shape[0] < 1 || shape[0] > SIZE || shape[1] < 1 || shape[1] > SIZE || (channels != 1 && channels != 3)) return;
    uint8_t *pixels = fac__realloc(s->pixels, (size_t)(channels * shape[0] * shape[1]));
    if (!pixels) return;
    s->pixels = pixels;
    s->height = (int)shape[0];
    s->width = (int)shape[1];
    s->channels = (int)channels;
    const char *image = images->storage->data;
    int64_t size = fac__dtype_sizes[images->dtype], begin = images->offset + i * images->strides[0];
    for (int64_t c = 0; c < channels; c++)
        for (int64_t y = 0; y < shape[0]; y++)
            for (int64_t x = 0; x < shape[1]; x++) {
                int64_t at = begin + c * channel_stride + y * strides[0] + x * strides[1];
                double v = fac__load_double((fac_dtype)images->dtype, image + at * size);
                *pixels++ = v > 0 ? v < 1 ? (uint8_t)(255 * v + 0.5) : 255 : 0; /* NaN: 0 */
            }
}

/* NaN is the worst of losses. */
static double rank(const fac__sample *s)
{
    return isnan(s->loss) ? INFINITY : s->loss;
}

static void copy_sample(fac__sample *to, const fac__sample *from)
{
    uint8_t *pixels = to->pixels;
    *to = *from;
    to->pixels = pixels;
}

/* Among the worst, if it is one of them. */
static void take_mistake(fac__evaluation *e, const fac__sample *sample, const fac_tensor *images, int64_t i)
{
    int at = e->worst_count;
    while (at > 0 && rank(&e->worst[at - 1]) < rank(sample))
        at--;
    if (at == FAC__WORST) return;
    fac__sample spare = e->worst[e->worst_count]; /* its memory is the new one's */
    memmove(&e->worst[at + 1], &e->worst[at], (size_t)(e->worst_count - at) * sizeof spare);
    e->worst[at] = spare;
    copy_sample(&e->worst[at], sample);
    take_picture(&e->worst[at], images, i);
    if (e->worst_count < FAC__WORST) e->worst_count++;
}

/* What softmax, argmax and cross_entropy make of a row of logits. */
static fac__sample judge(const fac_tensor *outputs, int64_t i, int64_t target)
{
    int best = 0;
    double most = element(outputs, i, 0), sum = 0;
    for (int k = 1; k < outputs->shape[1] && !isnan(most); k++) {
        double v = element(outputs, i, k);
        if (v > most || isnan(v)) most = v, best = k;
    }
    for (int k = 0; k < outputs->shape[1]; k++)
        sum += exp(element(outputs, i, k) - most);
    double loss = log(sum) + most - element(outputs, i, target);
    return (fac__sample){.target = (int)target, .predicted = best, .loss = loss, .probability = exp(-loss)};
}

/* ---- an evaluation ------------------------------------------------------------------------------------------- */

static bool begin(fac__evaluation *e, int64_t step, int classes)
{
    if (classes != e->classes) {
        fac__free(e->matrix);
        e->classes = 0;
        e->matrix = fac__alloc((size_t)classes * (size_t)classes * sizeof *e->matrix);
        if (!e->matrix) return e->count = 0, false;
        e->classes = classes;
    }
    memset(e->matrix, 0, (size_t)classes * (size_t)classes * sizeof *e->matrix);
    e->step = step;
    e->count = e->right = 0;
    e->loss = 0;
    e->worst_count = e->first_count = 0;
    return true;
}

static fac__evaluation *evaluation_of(fac_run *run)
{
    if (!run->evaluation) run->evaluation = fac__calloc(sizeof *run->evaluation);
    return run->evaluation;
}

bool fac_run_evaluate(fac_run *run, int64_t step, fac_tensor *images, fac_tensor *targets, fac_tensor *outputs)
{
    FAC__OP("run_evaluate");
    if (!run) return true;
    if (!check(images, targets, outputs)) return false;
    fac__evaluation *e = evaluation_of(run);
    if (!e) return false;
    int classes = (int)outputs->shape[1];
    if (step != e->step || classes != e->classes) {
        bool written = fac__evaluation_write(run, false);
        if (!begin(e, step, classes)) return false;
        if (!written) return false;
    }
    for (int64_t i = 0; i < outputs->shape[0]; i++) {
        int64_t target = target_of(targets, i);
        if (target == IGNORED) continue;
        fac__sample sample = judge(outputs, i, target);
        sample.index = e->count++;
        e->loss += sample.loss;
        e->right += sample.predicted == target;
        e->matrix[target * classes + sample.predicted]++;
        if (e->first_count < FAC__FIRST) {
            copy_sample(&e->first[e->first_count], &sample);
            take_picture(&e->first[e->first_count++], images, i);
        }
        if (sample.predicted != target) take_mistake(e, &sample, images, i);
    }
    e->changed = true;
    run->due = 0;
    return true;
}

static void free_names(fac__evaluation *e)
{
    for (int i = 0; i < e->name_count; i++)
        fac__free(e->names[i]);
    fac__free(e->names);
    e->names = NULL;
    e->name_count = 0;
}

bool fac_run_classes(fac_run *run, const char *const *names, int count)
{
    FAC__OP("run_classes");
    if (!run) return true;
    FAC__NEED_OR(names, false);
    if (count < 1 || count > CLASSES)
        return fac__value_error("there are 1 to %d classes, not %d", CLASSES, count), false;
    fac__evaluation *e = evaluation_of(run);
    if (!e) return false;
    free_names(e);
    e->names = fac__calloc((size_t)count * sizeof *e->names);
    while (e->names && e->name_count < count) {
        if (!names[e->name_count]) fac__null_error("names");
        char *name = names[e->name_count] ? fac__strdup(names[e->name_count]) : NULL;
        if (!name) break;
        e->names[e->name_count++] = name;
    }
    e->changed = e->count > 0;
    if (e->names && e->name_count == count) return true;
    free_names(e);
    return false;
}

bool fac__evaluation_write(fac_run *run, bool now)
{
    fac__evaluation *e = run->evaluation;
    double begun = fac__seconds();
    if (!e || !e->changed || !e->count) return true;
    if (!now && e->written > 0 && begun - e->written < fmax(1, 100 * e->cost)) return true;
    fac__text t = {0};
    fac__evaluation_text(e, &t);
    e->changed = false; /* once, however it ends */
    bool good = fac__run_write(run, "evaluation.json", &t);
    fac__text_drop(&t);
    e->written = fac__seconds();
    e->cost = e->written - begun;
    return good;
}

void fac__evaluation_free(fac__evaluation *e)
{
    if (!e) return;
    for (int i = 0; i <= FAC__WORST; i++)
        fac__free(e->worst[i].pixels);
    for (int i = 0; i < FAC__FIRST; i++)
        fac__free(e->first[i].pixels);
    free_names(e);
    fac__free(e->matrix);
    fac__free(e);
}
