/* Floor 8. Looks at a run's module. How often is a matter of what a look takes: unwatched, looks take a four-hundredth of the
 * time, and come more and more rarely, so that a long run's file stays small; while somebody looks on they come up to twice a
 * second. */
#include "watch/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "watch/clock.h"
#include "watch/json_text.h"
#include "watch/module_calls.h"
#include "watch/statistics.h"

typedef struct part {
    const char *name;
    const fac_module *module;
    bool seen; /* in this look */
} part;

struct fac__layers {
    fac__forward_observer observer; /* first, to be found by it */
    fac_run *run;
    fac_module *module; /* NULL: none now */
    fac__text names;    /* of the parts, and the prefix of the part that is listed now */
    part *parts;        /* the module itself, and all below it */
    int count;
    int entered; /* forward passes begun, to tell those that begin no others */

    fac__calls calls;
    enum { COLLECTING, COLLECTED, WRITTEN } state; /* of the calls */

    bool looking;
    bool by_hand, wanted; /* looks are begun when they are wanted, by a test, whatever the time */
    fac__text line;       /* of the look that goes on */
    int entries;          /* in it */
    int64_t step, last_step;
    double begun, last, cost, spent; /* when the module came, and the last look; what that took, and all */
    int fd;                          /* layers.jsonl */
    bool failed, warned;
};

/* ---- parts of the module ------------------------------------------------------------------------------------- */

static int count_parts(const fac_module *m, size_t prefix, size_t *bytes)
{
    int count = 1;
    for (int i = 0; i < m->count; i++) {
        if (!m->members[i].child) continue;
        size_t length = prefix + strlen(m->members[i].name) + 1;
        *bytes += length + 1;
        count += count_parts(m->members[i].child, length, bytes);
    }
    return count;
}

static void list_parts(fac__layers *l, const fac_module *m, const char *name)
{
    l->parts[l->count++] = (part){.name = name, .module = m};
    for (int i = 0; i < m->count; i++) {
        if (!m->members[i].child) continue;
        char *child = l->names.p + l->names.n;
        l->names.n += (size_t)sprintf(child, "%s%s%s", m == l->module ? "" : name, m == l->module ? "" : ".",
                                      m->members[i].name) +
                      1;
        list_parts(l, m->members[i].child, child);
    }
}

/* The module itself goes by the name of its type. */
static bool find_parts(fac__layers *l)
{
    size_t bytes = 1;
    int count = count_parts(l->module, 0, &bytes);
    part *parts = fac__realloc(l->parts, (size_t)count * sizeof *parts);
    if (parts) l->parts = parts;
    l->names.n = 0;
    l->names.failed = false;
    l->count = 0;
    if (!parts || !fac__text_reserve(&l->names, bytes)) return false;
    list_parts(l, l->module, l->module->type->name);
    return true;
}

static part *part_of(const fac__layers *l, const fac_module *m)
{
    for (int i = 0; i < l->count; i++)
        if (l->parts[i].module == m) return &l->parts[i];
    return NULL;
}

/* ---- model.json ---------------------------------------------------------------------------------------------- */

static void put_detail(fac__text *out, const fac_module *m)
{
    char some[256] = "", *text = some;
    int length = m->type->extra_repr ? m->type->extra_repr(m, some, sizeof some) : 0;
    if (length >= (int)sizeof some && (text = fac__alloc((size_t)length + 1)))
        m->type->extra_repr(m, text, (size_t)length + 1);
    fac__json_string(out, text ? text : "");
    if (text != some) fac__free(text);
}

static bool has_parameters(const fac_module *m)
{
    for (int i = 0; i < m->count; i++)
        if (m->members[i].kind == FAC__PARAMETER) return true;
    return false;
}

/* Elements of all parameters, each once. Not fac_num_parameters, which makes anew the list that the program may hold. */
static int64_t count_parameters(const fac_module *m)
{
    fac__named_list list;
    int64_t count = 0;
    if (!fac__list_named(m, FAC__PARAMETER, true, &list)) return 0;
    for (int64_t i = 0; i < list.count; i++)
        count += list.items[i].member->tensor->numel;
    fac__free_named(&list);
    return count;
}

static void put_part(fac__text *out, const fac__layers *l, const part *p)
{
    const fac_module *m = p->module;
    int depth = 0;
    for (const fac_module *above = m; above != l->module && above->parent != l->module; above = above->parent)
        depth++;
    fac__text_format(out, "{\"name\": ");
    fac__json_string(out, p->name);
    fac__text_format(out, ", \"type\": ");
    fac__json_string(out, m->type->name);
    fac__text_format(out, ", \"detail\": ");
    put_detail(out, m);
    fac__text_format(out, ", \"parameters\": %lld, \"depth\": %d, \"shapes\": [", (long long)count_parameters(m),
                     depth);
    const char *between = "[";
    for (int i = 0; i < m->count; i++) {
        if (m->members[i].kind != FAC__PARAMETER) continue;
        fac__text_format(out, "%s", between);
        fac__json_string(out, m->members[i].name);
        fac__text_add(out, ", ", 2);
        fac__json_shape(out, m->members[i].tensor->ndim, m->members[i].tensor->shape);
        fac__text_add(out, "]", 1);
        between = ", [";
    }
    fac__text_add(out, "]}", 2);
}

static bool write_model(fac__layers *l)
{
    fac__text t = {0};
    fac__text_format(&t, "{\"module\": ");
    fac__json_string(&t, l->module->type->name);
    fac__text_format(&t, ", \"parameters\": %lld, \"tree\": [", (long long)count_parameters(l->module));
    /* The module itself only where it is more than what holds the others. */
    bool whole = l->count == 1 || has_parameters(l->module);
    for (int i = whole ? 0 : 1; i < l->count; i++) {
        put_part(&t, l, &l->parts[i]);
        if (i + 1 < l->count) fac__text_add(&t, ",\n", 2);
    }
    fac__text_format(&t, "],\n\"calls\": ");
    fac__calls_write(&l->calls, &t);
    fac__text_add(&t, "}\n", 2);
    bool good = fac__run_write(l->run, "model.json", &t);
    fac__text_drop(&t);
    return good;
}

/* ---- a look -------------------------------------------------------------------------------------------------- */

static void put_entry(fac__layers *l, const char *name, const char *kind, const fac_tensor *t, int unit_dim)
{
    fac__statistics s;
    fac__statistics_of(t, unit_dim, &s);
    fac__text *out = &l->line;
    fac__text_format(out, "%s{\"name\": ", l->entries++ ? ", " : "");
    fac__json_string(out, name);
    fac__text_format(out, ", \"kind\": \"%s\", \"shape\": ", kind);
    fac__json_shape(out, t->ndim, t->shape);
    double zeros = s.count ? (double)s.zeros / (double)s.count : 0;
    const char *const keys[] = {"min", "max", "mean", "std", "norm", "zeros"};
    const double values[] = {s.min, s.max, s.mean, s.std, s.norm, zeros};
    for (int i = 0; i < 6; i++) {
        fac__text_format(out, ", \"%s\": ", keys[i]);
        fac__json_number(out, values[i]);
    }
    if (s.units)
        fac__text_format(out, ", \"dead\": %lld, \"units\": %lld", (long long)s.dead, (long long)s.units);
    else
        fac__text_format(out, ", \"dead\": null, \"units\": null");
    fac__text_format(out, ", \"nan\": %lld, \"inf\": %lld, \"histogram\": ", (long long)s.nan, (long long)s.inf);
    fac__json_shape(out, FAC__BINS, s.histogram);
    fac__text_add(out, "}", 1);
    if (s.nan + s.inf == 0 || l->warned) return;
    l->warned = true;
    fac__warn("run %s: in step %lld the %s %s has %lld values of %lld that are NaN or infinite", l->run->name,
              (long long)l->step, kind, name, (long long)(s.nan + s.inf), (long long)s.count);
}

static void put_weights(fac__layers *l)
{
    fac__named_list list;
    if (!fac__list_named(l->module, FAC__PARAMETER, true, &list)) return;
    for (int64_t i = 0; i < list.count; i++) {
        const fac_tensor *t = list.items[i].member->tensor;
        put_entry(l, list.items[i].name, "weight", t, -1);
        if (t->grad) put_entry(l, list.items[i].name, "gradient", t->grad, -1);
    }
    fac__free_named(&list);
}

/* The units of an output lie along its last dimension, but those of images, and of what layers for one dimension make, along
 * the channels'. */
static int unit_dim(const fac_module *m, const fac_tensor *y)
{
    size_t n = strlen(m->type->name);
    bool one = n > 2 && !strcmp(m->type->name + n - 2, "1d");
    return y->ndim < 2 ? -1 : y->ndim == 3 && !one ? 2 : 1;
}

static bool fail(fac__layers *l, const char *what)
{
    l->failed = true;
    return fac__io_error("%s/layers.jsonl: %s: %s", l->run->path, what, strerror(errno)), false;
}

/* A line that does not fit on the disk is not left there in part. */
static bool write_line(fac__layers *l)
{
    if (l->line.failed) return false;
    if (l->fd < 0) {
        fac__text path = {0};
        fac__text_format(&path, "%s/layers.jsonl", l->run->path);
        if (!path.failed) l->fd = open(path.p, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        bool good = !path.failed;
        fac__text_drop(&path);
        if (!good) return false;
        if (l->fd < 0) return fail(l, "cannot be written");
    }
    off_t size = lseek(l->fd, 0, SEEK_END);
    for (size_t done = 0; done < l->line.n;) {
        ssize_t n = write(l->fd, l->line.p + done, l->line.n - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            fail(l, "cannot be written, so that no more looks at the layers are kept");
            if (ftruncate(l->fd, size) != 0) fac__warn("%s/layers.jsonl ends in half a line", l->run->path);
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

static void begin_look(fac__layers *l)
{
    l->step = l->run->step;
    l->entries = 0;
    l->line.n = 0;
    l->line.failed = false;
    fac__text_format(&l->line, "{\"step\": %lld, \"time\": ", (long long)l->step);
    fac__text_time(&l->line, fac__wall_seconds());
    fac__text_format(&l->line, ", \"layers\": [");
    l->cost = 0;
}

static bool end_look(fac__layers *l)
{
    put_weights(l);
    fac__text_add(&l->line, "]}\n", 3);
    l->last_step = l->step;
    return write_line(l);
}

/* ---- watching forward passes --------------------------------------------------------------------------------- */

static void take_call(fac__layers *l, part *p, const fac_tensor *x, fac_tensor *y)
{
    if (l->state == COLLECTING) {
        fac__calls_add(&l->calls, p->name, p->module, x, y);
        l->run->due = 0; /* they are written in the next step */
    }
    if (!l->looking || p->seen || fac__recording_now()) return;
    double begun = fac__seconds();
    p->seen = true; /* of several calls the first is shown */
    put_entry(l, p->name, "output", y, unit_dim(p->module, y));
    l->cost += fac__seconds() - begun;
}

static void end_calls(fac__layers *l)
{
    fac__calls_settle(&l->calls);
    l->state = COLLECTED;
}

static fac_tensor *observe(fac__forward_observer *self, fac_module *m, fac_tensor *x)
{
    fac__layers *l = (fac__layers *)self;
    int begun = ++l->entered;
    if (m == l->module && l->state == COLLECTING && !l->calls.count) l->calls.input = x->storage;
    fac_tensor *y = m->type->forward(m, x);
    part *p = y && begun == l->entered ? part_of(l, m) : NULL; /* a layer: it called no others */
    if (p) take_call(l, p, x, y);
    if (m == l->module && l->state == COLLECTING && l->calls.count) end_calls(l);
    return y;
}

static bool wants_forward(const fac__layers *l)
{
    return l && l->module && (l->looking || l->state == COLLECTING);
}

void fac__layers_pause(fac_run *run)
{
    fac__thread *self = fac__self();
    if (run->layers && self->observer == &run->layers->observer) self->observer = NULL;
}

/* Where another run watches this thread already, this one does without outputs. */
void fac__layers_resume(fac_run *run)
{
    fac__thread *self = fac__self();
    if (wants_forward(run->layers) && !self->observer) self->observer = &run->layers->observer;
}

/* ---- now and then -------------------------------------------------------------------------------------------- */

static double interval(const fac__layers *l, double now)
{
    int64_t ago = fac__wall_ms() - atomic_load(&l->run->steering.control->looked);
    bool watched = ago > -1000 && ago < 10000;
    double age = now - l->begun;
    if (watched) return fmax(fmax(0.5, 25 * l->cost), age / 5000);
    return fmax(fmax(l->spent > 0 ? 1 : 0, 400 * l->cost), age / 200);
}

void fac__layers_finish(fac_run *run)
{
    fac__layers *l = run->layers;
    if (!l || !l->module || fac__recording_now()) return;
    fac__layers_pause(run);
    /* A program may call the layers itself, and never the whole. */
    if (l->state == COLLECTING && l->calls.count) end_calls(l);
    if (l->state == COLLECTED) {
        l->state = WRITTEN;
        write_model(l);
        fac__calls_free(&l->calls);
    }
    if (!l->looking) return;
    double begun = fac__seconds();
    l->looking = false;
    end_look(l);
    l->last = fac__seconds();
    l->cost += l->last - begun;
    l->spent += l->cost;
}

void fac__layers_begin(fac_run *run)
{
    fac__layers *l = run->layers;
    if (!l || !l->module || fac__recording_now()) return;
    double now = fac__seconds();
    if (!l->failed && (l->by_hand ? l->wanted : now - l->last >= interval(l, now)) && find_parts(l)) {
        l->wanted = false;
        begin_look(l);
        l->cost = fac__seconds() - now;
        l->looking = true;
        run->due = 0; /* after this step it is finished */
    }
    fac__layers_resume(run);
}

void fac__layers_look_now(fac_run *run)
{
    if (run->layers) run->layers->by_hand = run->layers->wanted = true;
}

double fac__layers_cost(const fac_run *run)
{
    return run->layers ? run->layers->spent : 0;
}

/* ---- the module ---------------------------------------------------------------------------------------------- */

bool fac_run_module(fac_run *run, void *module)
{
    FAC__OP("run_module");
    if (!run) return true;
    if (module && fac__recording_now()) return fac__recording_refuse("show a module"), false;
    fac__layers *l = run->layers;
    if (!l) {
        if (!module) return true;
        l = run->layers = fac__calloc(sizeof *l);
        if (!l) return false;
        *l = (fac__layers){.observer = {observe}, .run = run, .fd = -1, .last_step = INT64_MIN};
    }
    fac__layers_pause(run);
    fac__calls_free(&l->calls);
    l->state = COLLECTING;
    l->looking = false;
    l->module = module;
    if (!module) return true;
    l->begun = l->last = fac__seconds();
    l->spent = 0;
    l->cost = 1e-4 + 1e-8 * (double)count_parameters(module); /* before it is known */
    bool good = find_parts(l) && write_model(l);
    fac__layers_resume(run);
    return good;
}

bool fac__layers_close(fac_run *run)
{
    fac__layers *l = run->layers;
    if (!l) return true;
    bool good = true;
    fac__layers_finish(run);
    if (l->module && l->last_step < run->step && !l->failed && !fac__recording_now()) {
        begin_look(l);
        good = end_look(l);
    }
    if (l->fd >= 0) good &= close(l->fd) == 0;
    fac__calls_free(&l->calls);
    fac__text_drop(&l->names);
    fac__text_drop(&l->line);
    fac__free(l->parts);
    fac__free(l);
    run->layers = NULL;
    return good;
}
