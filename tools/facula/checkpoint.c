/* The file of a training: a safetensors file with the network's state under its own names, as Python reads it too, and
 * all else under "training.", see training.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "training.h"

static json_t *recipe_json(const recipe *r)
{
    return json_pack("{sI sI sI sf sf ss ss sb sb}", "epochs", (json_int_t)r->epochs, "batch", (json_int_t)r->batch,
                     "seed", (json_int_t)r->seed, "lr", r->lr, "val_split", r->val_split, "optimizer", r->optimizer,
                     "schedule", r->schedule, "shift", r->shift, "flip", r->flip);
}

static bool store_recipe(const recipe *r, fac_state *state)
{
    json_t *json = recipe_json(r);
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17)) : NULL;
    bool good = text && fac_state_set_metadata(state, "facula.training", text);
    free(text);
    json_decref(json);
    return good;
}

/* The texts stay those of *kept. */
static bool load_recipe(recipe *r, const fac_state *state, json_t **kept)
{
    const char *text = fac_state_metadata(state, "facula.training");
    json_int_t epochs, batch, seed;
    int shift, flip;
    json_t *json = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    *kept = json;
    if (!json || json_unpack(json, "{sI sI sI sF sF ss ss sb sb}", "epochs", &epochs, "batch", &batch, "seed", &seed,
                             "lr", &r->lr, "val_split", &r->val_split, "optimizer", &r->optimizer, "schedule",
                             &r->schedule, "shift", &shift, "flip", &flip))
        return false;
    r->epochs = epochs;
    r->batch = batch;
    r->seed = seed;
    r->shift = shift;
    r->flip = flip;
    return epochs > 0 && batch > 0 && r->lr >= 0 && r->val_split >= 0 && r->val_split < 1 &&
           recipe_optimizer_ok(r->optimizer) && recipe_schedule_ok(r->schedule);
}

static bool add(fac_state *state, const char *prefix, fac_state *part)
{
    bool good = part && fac_state_add(state, prefix, part);
    fac_state_free(part);
    return good;
}

static bool store_position(const position *at, fac_state *state)
{
    return fac_state_set_int(state, TRAINING "epoch", at->epoch) &&
           fac_state_set_int(state, TRAINING "batch", at->batch) &&
           fac_state_set_int(state, TRAINING "step", at->step) &&
           fac_state_set_int(state, TRAINING "right", at->right) &&
           fac_state_set_int(state, TRAINING "items", at->items) &&
           fac_state_set_float(state, TRAINING "loss", at->loss) &&
           fac_state_set_float(state, TRAINING "best", at->best);
}

static bool load_position(position *at, const fac_state *state)
{
    return fac_state_get_int(state, TRAINING "epoch", &at->epoch) &&
           fac_state_get_int(state, TRAINING "batch", &at->batch) &&
           fac_state_get_int(state, TRAINING "step", &at->step) &&
           fac_state_get_int(state, TRAINING "right", &at->right) &&
           fac_state_get_int(state, TRAINING "items", &at->items) &&
           fac_state_get_float(state, TRAINING "loss", &at->loss) &&
           fac_state_get_float(state, TRAINING "best", &at->best) && at->epoch >= 0 && at->batch >= 0 && at->step >= 0;
}

static bool save(const training *t, const char *path, bool all)
{
    fac_state *state = fac_state_new();
    bool good = add(state, "", fac_state_dict(t->network)) && model_spec_store(&t->spec, state) &&
                fac_state_set_metadata(state, "format", "pt");
    if (good && all)
        fac_scope
            good = store_recipe(&t->recipe, state) && store_position(&t->at, state) &&
                   fac_state_set_int(state, TRAINING "data", fac_dataset_count(t->learn)) &&
                   fac_state_set(state, TRAINING "random", fac_generator_get_state(NULL)) &&
                   add(state, TRAINING "optimizer.", fac_optimizer_state_dict(t->optimizer)) &&
                   (!t->schedule || add(state, TRAINING "schedule.", fac_scheduler_state_dict(t->schedule)));
    good = good && fac_save(state, path);
    fac_state_free(state);
    return good;
}

bool checkpoint_save(const training *t, const char *path)
{
    return save(t, path, true);
}

bool checkpoint_save_model(const training *t, const char *path)
{
    return save(t, path, false);
}

fac_state *checkpoint_open(training *t, const char *path)
{
    fac_state *state = fac_load(path);
    if (!state) return NULL;
    if (model_spec_load(&t->spec, state, path) && load_recipe(&t->recipe, state, &t->kept)) return state;
    fac_state_free(state);
    return fac_raise(FAC_ERROR_VALUE, "%s holds no training that could be resumed", path);
}

static bool restore(bool (*load)(void *what, const fac_state *state), void *what, const fac_state *all,
                    const char *name)
{
    fac_state *part = fac_state_part(all, name);
    bool good = part && load(what, part);
    fac_state_free(part);
    return good;
}

static bool load_optimizer(void *optimizer, const fac_state *state)
{
    return fac_optimizer_load_state_dict(optimizer, state);
}

static bool load_schedule(void *schedule, const fac_state *state)
{
    return fac_scheduler_load_state_dict(schedule, state);
}

bool checkpoint_restore(training *t, const fac_state *state)
{
    fac_state *weights = network_state(state);
    bool good = fac_load_state_dict(t->network, weights) &&
                restore(load_optimizer, t->optimizer, state, TRAINING "optimizer.") &&
                (!t->schedule || restore(load_schedule, t->schedule, state, TRAINING "schedule."));
    fac_state_free(weights);
    if (good && !load_position(&t->at, state))
        good = fac_raise(FAC_ERROR_VALUE, "the file does not say where the training stands");
    int64_t items = 0, now = fac_dataset_count(t->learn);
    if (good && (!fac_state_get_int(state, TRAINING "data", &items) || items != now))
        good = fac_raise(FAC_ERROR_VALUE,
                         "these are other data: the training has %lld items to learn from, and here are %lld",
                         (long long)items, (long long)now);
    if (good && t->at.batch > fac_loader_count(t->loader))
        good = fac_raise(FAC_ERROR_VALUE, "the file says that the training stands where there are no data");
    return good && fac_generator_set_state(NULL, fac_state_get(state, TRAINING "random"));
}

bool checkpoint_unfinished(const char *path)
{
    fac_state *state = fac_load(path, .map = true);
    recipe recipe;
    json_t *kept = NULL;
    position at = {0};
    bool unfinished = load_recipe(&recipe, state, &kept) && load_position(&at, state) && at.epoch < recipe.epochs;
    json_decref(kept);
    fac_state_free(state);
    fac_clear_error();
    return unfinished;
}

/* ---- names ---------------------------------------------------------------------------------------------------- */

bool checkpoint_can_save(const char *path)
{
    char *copy = strdup(path);
    int fd = open(path, O_WRONLY);
    bool can = fd >= 0 || (copy && errno == ENOENT && access(dirname(copy), W_OK) == 0);
    if (!can) fac_raise(FAC_ERROR_IO, "%s cannot be written: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    free(copy);
    return can;
}

char *checkpoint_best_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    size_t stem = dot && dot != path ? (size_t)(dot - path) : strlen(path);
    char *name = NULL;
    if (asprintf(&name, "%.*s.best%s", (int)stem, path, path + stem) < 0)
        return fac_raise(FAC_ERROR_MEMORY, "there is not enough memory");
    return name;
}
