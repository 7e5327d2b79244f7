/* The parts of a training that its recipe names, see training.h: data, network, optimiser, schedule. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "training.h"

/* ---- optimisers and schedules -------------------------------------------------------------------------------- */

const char recipe_optimizers[] = "adam, adamw, sgd, rmsprop, adagrad";
const char recipe_schedules[] = "none, cosine, step, onecycle";

/* text is one of a list as above. */
static bool in_list(const char *text, const char *list)
{
    size_t n = strlen(text);
    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 2 : NULL)
        if (n && !strncmp(p, text, n) && (p[n] == ',' || !p[n])) return true;
    return false;
}

bool recipe_optimizer_ok(const char *name)
{
    return in_list(name, recipe_optimizers);
}

bool recipe_schedule_ok(const char *name)
{
    return in_list(name, recipe_schedules);
}

double recipe_lr(const char *optimizer)
{
    return !strcmp(optimizer, "sgd") || !strcmp(optimizer, "adagrad") ? 0.01 : 0.001;
}

static fac_optimizer *make_optimizer(const recipe *r, fac_module *network)
{
    fac_tensor_list parameters = fac_parameters(network);
    if (!strcmp(r->optimizer, "sgd")) return fac_sgd(parameters, .lr = r->lr, .momentum = 0.9);
    if (!strcmp(r->optimizer, "adagrad")) return fac_adagrad(parameters, .lr = r->lr);
    if (!strcmp(r->optimizer, "adamw")) return fac_adamw(parameters, .lr = r->lr);
    if (!strcmp(r->optimizer, "rmsprop")) return fac_rmsprop(parameters, .lr = r->lr);
    return fac_adam(parameters, .lr = r->lr);
}

/* "step" is stepped after each epoch, the others after each batch. */
static fac_scheduler *make_schedule(const recipe *r, fac_optimizer *optimizer, int64_t steps)
{
    if (!strcmp(r->schedule, "cosine")) return fac_cosine_annealing_lr(optimizer, steps);
    if (!strcmp(r->schedule, "step")) return fac_step_lr(optimizer, (r->epochs + 2) / 3);
    if (strcmp(r->schedule, "onecycle")) return NULL;
    bool momentum = !strncmp(r->optimizer, "adam", 4) || !strcmp(r->optimizer, "sgd");
    return fac_one_cycle_lr(optimizer, fac_lr(optimizer), steps, .cycle_momentum = momentum);
}

/* ---- what the data are like ---------------------------------------------------------------------------------- */

typedef struct moments {
    int64_t groups, each; /* channels or columns, and how many numbers of an item are of one */
    double *first, *sum, *squares;
    int64_t count;
} moments;

/* Numbers are taken relative to the first one, so that large ones with little between them lose no digits. */
static void add_items(moments *m, const fac_tensor *x)
{
    const float *p = fac_data(x);
    int64_t items = fac_size(x, 0);
    if (!m->count)
        for (int64_t g = 0; g < m->groups; g++)
            m->first[g] = p[g * m->each];
    for (int64_t i = 0; i < items; i++)
        for (int64_t g = 0; g < m->groups; g++)
            for (int64_t k = 0; k < m->each; k++) {
                double d = *p++ - m->first[g];
                m->sum[g] += d;
                m->squares[g] += d * d;
            }
    m->count += items * m->each;
}

/* What does not vary is divided by 1. */
static void finish(const moments *m, json_t *means, json_t *deviations)
{
    for (int64_t g = 0; g < m->groups; g++) {
        double n = (double)m->count, mean = m->sum[g] / n, variance = m->squares[g] / n - mean * mean;
        json_array_append_new(means, json_real(m->first[g] + mean));
        json_array_append_new(deviations, json_real(variance > 1e-14 ? sqrt(variance) : 1));
    }
}

static bool make_moments(moments *m, int64_t groups, int64_t each)
{
    *m = (moments){.groups = groups, .each = each, .first = calloc((size_t)groups * 3 + 1, sizeof(double))};
    if (!m->first) return fac_raise(FAC_ERROR_MEMORY, "there is not enough memory");
    m->sum = m->first + groups;
    m->squares = m->sum + groups;
    return true;
}

static bool measure(fac_dataset *learn, const data_source *data, json_t *spec)
{
    int64_t each = data->images ? data->shape.d[1] * data->shape.d[2] : 1;
    moments in, out = {0};
    bool good = make_moments(&in, data->shape.d[0], each) && make_moments(&out, data->outputs, 1);
    if (good) {
        fac_loader *loader = in_order(learn, 1000);
        fac_for_batch(loader, x, y) {
            add_items(&in, x);
            if (!data->classification) add_items(&out, y);
        }
        fac_loader_free(loader);
        good = !fac_error();
    }
    json_t *parts[4];
    for (int i = 0; i < 4; i++)
        parts[i] = json_array();
    for (int64_t i = 0; i < data->shape.d[0] && data->csv; i++) { /* a table's rows are standardised already */
        json_array_append_new(parts[0], json_real(0));
        json_array_append_new(parts[1], json_real(1));
    }
    if (good) {
        if (!data->csv) finish(&in, parts[0], parts[1]);
        if (!data->classification) finish(&out, parts[2], parts[3]);
    }
    json_object_set_new(spec, "mean", parts[0]);
    json_object_set_new(spec, "std", parts[1]);
    if (!data->classification) {
        json_object_set(spec, "out_mean", parts[2]);
        json_object_set(spec, "out_std", parts[3]);
    }
    json_decref(parts[2]);
    json_decref(parts[3]);
    free(in.first);
    free(out.first);
    return good;
}

/* The table with what its columns of numbers are like in the rows to learn from. */
static bool describe_table(fac_dataset *learn, const data_source *data, json_t *spec)
{
    if (!data->csv) return true;
    char *text = fac_csv_standardise(data->csv, learn) ? fac_csv_to_json(data->csv) : NULL;
    json_t *table = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    return table && json_object_set_new(spec, "table", table) == 0;
}

bool recipe_describe(training *t, const char *model, const data_source *data)
{
    json_t *spec = json_pack("{si ss ss sI so}", "format", 1, "model", model, "task",
                             data->classification ? "classification" : "regression", "outputs",
                             (json_int_t)data->outputs, "input", json_array());
    for (int i = 0; i < data->shape.n; i++)
        json_array_append_new(json_object_get(spec, "input"), json_integer(data->shape.d[i]));
    if (data->classes) json_object_set(spec, "classes", data->classes);
    if (describe_table(t->learn, data, spec) && measure(t->learn, data, spec)) return model_spec_read(&t->spec, spec);
    json_decref(spec);
    return false;
}

/* ---- a training ---------------------------------------------------------------------------------------------- */

bool training_split(training *t, const data_source *data)
{
    const recipe *r = &t->recipe;
    double lengths[] = {1 - r->val_split, r->val_split};
    fac_dataset *parts[2];
    fac_generator *chance = fac_generator_new((uint64_t)r->seed);
    bool good = fac_random_split(data->train, lengths, 2, chance, parts);
    fac_generator_free(chance);
    if (!good) return false;
    t->learn = parts[0];
    t->check = parts[1];
    if (fac_dataset_count(t->check)) return true;
    fac_dataset_free(t->check); /* there is nothing in it */
    t->check = NULL;
    return true;
}

bool training_begin(training *t)
{
    const recipe *r = &t->recipe;
    t->order = fac_generator_new(0);
    /* one item by itself has no deviation, of which batch normalisation would complain */
    int64_t items = fac_dataset_count(t->learn);
    bool drop_last = items > r->batch && items % r->batch == 1;
    t->loader = fac_data_loader(t->learn, .batch_size = r->batch, .shuffle = true, .drop_last = drop_last,
                                .prefetch = 1, .generator = t->order);
    if (t->check) t->check_loader = in_order(t->check, 1000);
    fac_manual_seed((uint64_t)r->seed);
    t->model = normalised(&t->spec, model_spec_network(&t->spec));
    t->network = network_of(t->model);
    t->optimizer = make_optimizer(r, t->network);
    if (t->optimizer) t->schedule = make_schedule(r, t->optimizer, r->epochs * fac_loader_count(t->loader));
    return !fac_error();
}

void training_free(training *t)
{
    fac_plan_free(t->plan);
    fac_tensor *tensors[] = {t->x, t->y, t->plan_outputs, t->plan_loss};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        fac_release(tensors[i]);
    fac_loader_free(t->loader);
    fac_loader_free(t->check_loader);
    fac_generator_free(t->order);
    fac_dataset_free(t->learn);
    fac_dataset_free(t->check);
    fac_scheduler_free(t->schedule);
    fac_optimizer_free(t->optimizer);
    fac_module_free(t->model);
    model_spec_drop(&t->spec);
    json_decref(t->kept);
    free(t->best);
}
