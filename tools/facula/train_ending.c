/* What facula train says at its end, see training.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "json_line.h"
#include "training.h"

bool say_end(training *t, fac_dataset *tests)
{
    score test = {0};
    json_t *line = json_pack("{ss}", "saved", t->save);
    if (!t->json) printf("saved %s\n", t->save);
    if (t->check) {
        json_object_set_new(line, "best", json_string(t->best));
        json_object_set_new(line, t->spec.classification ? "best_accuracy" : "best_rmse",
                            json_finite(fabs(t->at.best)));
        if (!t->json && t->spec.classification)
            printf("saved %s, the best at validation: accuracy %.2f %%\n", t->best, 100 * t->at.best);
        else if (!t->json)
            printf("saved %s, the best at validation: error %.4g\n", t->best, -t->at.best);
    }
    if (tests) {
        fac_loader *loader = in_order(tests, 1000);
        fac_eval(t->model);
        score_model(t->model, &t->spec, loader, &test, NULL, 0);
        fac_loader_free(loader);
        json_object_set_new(line, t->spec.classification ? "test_accuracy" : "test_rmse",
                            json_finite(t->spec.classification ? test.accuracy : test.rmse));
        if (!t->json && t->spec.classification)
            printf("test accuracy %.2f %%\n", 100 * test.accuracy);
        else if (!t->json)
            printf("test error %.4g\n", test.rmse);
    }
    if (t->json)
        print_json(line);
    else
        json_decref(line);
    return !fac_error();
}

/* As a shell takes it for one word. */
static void print_word(const char *text)
{
    if (*text && !text[strspn(text, "+,-./0123456789:=@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")]) {
        printf("%s", text);
        return;
    }
    putchar('\'');
    for (; *text; text++)
        printf(*text == '\'' ? "'\\''" : "%c", *text);
    putchar('\'');
}

void say_interrupted(const training *t, const char *data, bool watched)
{
    if (t->json) {
        print_json(json_pack("{sb ss}", "interrupted", 1, "saved", t->save));
        return;
    }
    printf("interrupted in epoch %lld, and saved. To go on:\n    facula train ", (long long)t->at.epoch + 1);
    print_word(data);
    printf(" --resume ");
    print_word(t->save);
    printf("%s\n", watched ? " --watch" : "");
}

bool say_done(const training *t, const char *path)
{
    if (t->at.epoch < t->recipe.epochs) return false;
    if (t->json)
        print_json(json_pack("{ss sI}", "saved", path, "epochs", (json_int_t)t->at.epoch));
    else
        printf("nothing is left to do: %s has all of its %lld epochs; more are trained with --epochs\n", path,
               (long long)t->at.epoch);
    return true;
}
