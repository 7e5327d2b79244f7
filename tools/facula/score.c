/* What a model makes of data that it is tried on, see training.h. */
#include <math.h>

#include "training.h"

typedef struct sums {
    double loss, squares, distances;
    int64_t right;
} sums;

static void count_classes(score *s, fac_tensor *said, fac_tensor *y)
{
    const int64_t *p = fac_data(said), *q = fac_data(y);
    for (int64_t i = 0; s->of && i < fac_numel(y); i++) {
        s->of[q[i]]++;
        s->said[p[i]]++;
        s->right[q[i]] += p[i] == q[i];
    }
}

static void try_classes(score *s, sums *sum, fac_tensor *outputs, fac_tensor *y)
{
    sum->loss += fac_item(fac_cross_entropy(outputs, y, .reduction = FAC_SUM));
    if (fac_error()) return; /* a class that the model does not know */
    fac_tensor *said = fac_argmax(outputs, .dim = 1);
    sum->right += fac_item_int(fac_sum(fac_eq(said, y)));
    count_classes(s, said, y);
}

static void try_numbers(sums *sum, fac_tensor *outputs, fac_tensor *y, fac_tensor *mean, fac_tensor *std)
{
    fac_tensor *away = fac_sub(outputs, fac_div(fac_sub(y, mean), std));
    sum->loss += fac_item(fac_sum(fac_square(away))) / (double)fac_size(y, 1);
    away = fac_mul(away, std);
    sum->squares += fac_item(fac_sum(fac_square(away)));
    sum->distances += fac_item(fac_sum(fac_abs(away)));
}

bool score_model(fac_module *model, const model_spec *spec, fac_loader *loader, score *s, fac_run *run, int64_t step)
{
    sums sum = {0};
    s->items = 0;
    fac_scope
        fac_no_grad {
            fac_dims shape = FAC_DIMS(spec->outputs);
            fac_tensor *mean = spec->classification ? NULL : numbers_of(spec->out_mean, shape);
            fac_tensor *std = spec->classification ? NULL : numbers_of(spec->out_std, shape);
            fac_for_batch(loader, x, y) {
                fac_tensor *outputs = fac_forward(model, x);
                if (spec->classification)
                    try_classes(s, &sum, outputs, y);
                else
                    try_numbers(&sum, outputs, y, mean, std);
                if (fac_error()) break;
                if (spec->classification) fac_run_evaluate(run, step, spec->images ? x : NULL, y, outputs);
                forgive_run();
                s->items += fac_size(x, 0);
            }
        }
    double n = (double)s->items, numbers = n * (double)spec->outputs;
    s->loss = sum.loss / n;
    s->accuracy = (double)sum.right / n;
    s->rmse = sqrt(sum.squares / numbers);
    s->mae = sum.distances / numbers;
    return !fac_error();
}
