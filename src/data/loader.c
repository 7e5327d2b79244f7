/* Floor 7. The loader: which items make a batch, whose memory they go to, and the thread that fetches ahead.
 *
 * There are two sets of tensors. Without prefetch only the first is used. With it, the loader's thread fills one while
 * the caller has the other. Tensors are made in the caller's thread only, so that their memory is found again there. */
#include <pthread.h>
#include <string.h>

#include "core/draws.h"
#include "core/memory.h"
#include "core/raise.h"
#include "core/tensor_impl.h"
#include "dataset.h"

typedef enum phase { IDLE, WANTED, DONE, QUIT } phase;

typedef struct fetcher {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t change;
    phase phase;
    bool ok;
    /* What went wrong there, to be told here. */
    fac_error_code error;
    int64_t op; /* where it stands in the message; -1: unknown */
    char message[sizeof((fac__thread *)0)->message];
} fetcher;

struct fac_loader {
    fac_dataset *dataset;
    fac_loader_options options;
    int64_t *order; /* of this epoch; made when the first begins */
    int64_t at;     /* the next batch; -1: no epoch has begun */
    bool end_drawn;
    fac_tensor *sets[2][FAC_MAX_FIELDS];
    int set;         /* that the next batch goes to, or is being fetched into */
    int64_t fetched; /* the batch that the thread was asked for; -1: none */
    int64_t fetch_size;
    bool threaded;
    fetcher fetcher;
};

/* ---- the thread --------------------------------------------------------------------------------------------- */

static bool fill(fac_loader *l, int64_t batch, int64_t size, int set)
{
    return fac__dataset_fill(l->dataset, l->order + batch * l->options.batch_size, size, l->sets[set]);
}

static void *fetch(void *loader)
{
    fac_loader *l = loader;
    fetcher *f = &l->fetcher;
    fac__thread *self = fac__self();
    pthread_mutex_lock(&f->lock);
    while (f->phase != QUIT) {
        if (f->phase != WANTED) {
            pthread_cond_wait(&f->change, &f->lock);
            continue;
        }
        pthread_mutex_unlock(&f->lock);
        bool ok = false;
        fac_scope
            ok = fill(l, l->fetched, l->fetch_size, l->set);
        pthread_mutex_lock(&f->lock);
        f->ok = ok;
        if (!ok) {
            f->error = self->error;
            f->op = self->error_op ? self->error_op - self->message : -1;
            memcpy(f->message, self->message, sizeof f->message);
            self->error = FAC_OK;
        }
        if (f->phase == WANTED) f->phase = DONE;
        pthread_cond_broadcast(&f->change);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static void tell(fetcher *f, phase p)
{
    pthread_mutex_lock(&f->lock);
    f->phase = p;
    pthread_cond_broadcast(&f->change);
    pthread_mutex_unlock(&f->lock);
}

/* Waits for the batch that was asked for. An error was shown by the handler there; here it only becomes pending. */
static bool collect(fac_loader *l)
{
    fetcher *f = &l->fetcher;
    pthread_mutex_lock(&f->lock);
    while (f->phase == WANTED)
        pthread_cond_wait(&f->change, &f->lock);
    f->phase = IDLE;
    pthread_mutex_unlock(&f->lock);
    l->fetched = -1;
    fac__thread *self = fac__self();
    if (!f->ok && !self->error) {
        self->error = f->error;
        self->error_op = f->op < 0 ? NULL : self->message + f->op;
        self->error_site = fac__where;
        memcpy(self->message, f->message, sizeof f->message);
    }
    return f->ok;
}

/* Without a thread the loader works as well, only later. */
static void start_thread(fac_loader *l)
{
    pthread_mutex_init(&l->fetcher.lock, NULL);
    pthread_cond_init(&l->fetcher.change, NULL);
    l->threaded = pthread_create(&l->fetcher.thread, NULL, fetch, l) == 0;
    if (l->threaded) return;
    pthread_cond_destroy(&l->fetcher.change);
    pthread_mutex_destroy(&l->fetcher.lock);
}

/* ---- making and freeing ------------------------------------------------------------------------------------- */

fac_loader *fac_data_loader_with(fac_dataset *dataset, fac_loader_options options)
{
    FAC__OP("data_loader");
    FAC__NEED(dataset);
    if (options.batch_size < 1)
        return fac__value_error("batch_size should be a positive integer value, but got batch_size=%lld",
                                (long long)options.batch_size);
    if (options.shuffle && dataset->spec.count == 0)
        return fac__value_error("num_samples should be a positive integer value, but got num_samples=0");
    if (options.prefetch < 0 || options.prefetch > 1)
        return fac__value_error("prefetch is 0 or 1, but got %d", options.prefetch);
    fac_loader *l = fac__calloc(sizeof *l);
    if (!l) return NULL;
    l->order = fac__alloc((size_t)dataset->spec.count * sizeof *l->order);
    if (!l->order) {
        fac__free(l);
        return NULL;
    }
    l->dataset = fac__dataset_keep(dataset);
    l->options = options;
    l->at = l->fetched = -1;
    if (options.prefetch) start_thread(l);
    return l;
}

void fac_loader_reset(fac_loader *l)
{
    if (!l) return;
    if (l->fetched >= 0) {
        fac_error_code before = fac__self()->error;
        collect(l);
        if (!before) fac_clear_error(); /* of a batch that nobody wants any more */
    }
    l->at = -1;
}

void fac_loader_free(fac_loader *l)
{
    if (!l) return;
    if (l->threaded) {
        tell(&l->fetcher, QUIT);
        pthread_join(l->fetcher.thread, NULL);
        pthread_cond_destroy(&l->fetcher.change);
        pthread_mutex_destroy(&l->fetcher.lock);
    }
    for (int k = 0; k < 2 * FAC_MAX_FIELDS; k++)
        fac_release(l->sets[k / FAC_MAX_FIELDS][k % FAC_MAX_FIELDS]);
    fac__free(l->order);
    fac_dataset_free(l->dataset);
    fac__free(l);
}

int64_t fac_loader_count(const fac_loader *l)
{
    if (!l) return 0;
    int64_t n = l->dataset->spec.count, size = l->options.batch_size;
    return n / size + (n % size != 0 && !l->options.drop_last);
}

/* ---- batches ------------------------------------------------------------------------------------------------ */

/* Nobody but the loader holds the tensor or looks at its memory, and it is as it was made. */
static bool unused(const fac_tensor *t, int64_t n)
{
    return t && t->shape[0] == n && atomic_load(&t->refs) == 1 && atomic_load(&t->storage->refs) == 1 &&
           !t->requires_grad && !t->grad && !t->grad_fn && !t->accumulator;
}

/* Tensors for n items; those of former batches where they may be written over. */
static bool make_room(fac_loader *l, int set, int64_t n)
{
    for (int f = 0; f < l->dataset->spec.n_fields; f++) {
        fac_tensor **t = &l->sets[set][f];
        if (unused(*t, n)) continue;
        fac_release(*t);
        *t = fac__dataset_room(l->dataset, f, n);
        if (!*t) return false;
    }
    return true;
}

static int64_t size_of(const fac_loader *l, int64_t batch)
{
    int64_t left = l->dataset->spec.count - batch * l->options.batch_size;
    return left < l->options.batch_size ? left : l->options.batch_size;
}

/* Asks the thread for a batch. */
static bool send(fac_loader *l, int64_t batch)
{
    if (batch >= fac_loader_count(l)) return true;
    l->fetch_size = size_of(l, batch);
    if (!make_room(l, l->set, l->fetch_size)) return false;
    l->fetched = batch;
    tell(&l->fetcher, WANTED);
    return true;
}

/* PyTorch's sampler draws once more when it runs dry: on the way to the last batch, if that is not a full one, else
 * when one more is asked for. */
static void draw_end(fac_loader *l)
{
    if (!l->end_drawn) fac__random_loader_end(l->options.generator, l->options.shuffle, l->dataset->spec.count);
    l->end_drawn = true;
}

static bool begin_epoch(fac_loader *l)
{
    fac__random_loader_order(l->options.generator, l->options.shuffle, l->order, l->dataset->spec.count);
    l->end_drawn = false;
    l->at = 0;
    l->set = 0;
    return !l->threaded || send(l, 0);
}

static bool next(fac_loader *l, fac_batch *batch)
{
    if (l->at < 0 && !begin_epoch(l)) return false;
    if (l->at == fac_loader_count(l)) {
        draw_end(l);
        l->at = -1;
        return false;
    }
    int64_t size = size_of(l, l->at);
    if (size < l->options.batch_size) draw_end(l);
    bool ok = l->threaded ? collect(l) : make_room(l, l->set, size) && fill(l, l->at, size, l->set);
    if (!ok) return false;
    batch->index = l->at++;
    batch->size = size;
    batch->n = l->dataset->spec.n_fields;
    for (int f = 0; f < batch->n; f++) {
        batch->items[f] = l->sets[l->set][f];
        batch->items[f]->storage->version++;
    }
    if (!l->threaded) return true;
    l->set = 1 - l->set;
    return send(l, l->at);
}

bool fac_loader_next(fac_loader *loader, fac_batch *batch)
{
    FAC__OP("loader_next");
    FAC__NEED_OR(loader, false);
    FAC__NEED_OR(batch, false);
    memset(batch, 0, sizeof *batch);
    if (fac__recording_now()) return fac__recording_refuse("take a batch from a loader"), false;
    if (next(loader, batch)) return true;
    if (loader->at >= 0) fac_loader_reset(loader); /* an error ends the epoch */
    memset(batch, 0, sizeof *batch);
    return false;
}

/* ---- fac_for_batch ------------------------------------------------------------------------------------------ */

fac__epoch fac__epoch_begin(fac_loader *loader)
{
    fac_loader_reset(loader);
    return (fac__epoch){.loader = loader, .inside = false};
}

bool fac__epoch_next(fac__epoch *epoch, fac_tensor **x, fac_tensor **y)
{
    fac__epoch_end(epoch);
    fac_batch batch;
    if (epoch->loader && epoch->loader->dataset->spec.n_fields != 2)
        return fac__value_error("fac_for_batch is for datasets with 2 fields, this one has %d",
                                epoch->loader->dataset->spec.n_fields),
               false;
    if (!fac_loader_next(epoch->loader, &batch)) return false;
    *x = batch.items[0];
    *y = batch.items[1];
    epoch->mark = fac__scope_enter();
    epoch->inside = true;
    return true;
}

void fac__epoch_end(fac__epoch *epoch)
{
    if (epoch->inside) fac__scope_leave(&epoch->mark);
    epoch->inside = false;
}
