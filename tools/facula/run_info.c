/* See run_info.h. */
#include "run_info.h"

#include <facula/facula.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json_line.h"
#include "watch/run_folder.h"

static const char *outcome_of(const fac__watched *run)
{
    return run->live ? "goes on" : *run->outcome ? run->outcome : "broken off";
}

static void list_curves(json_t *json, const fac__reader *reader)
{
    json_t *list = json_object();
    for (int i = 0; i < reader->count; i++) {
        const fac__read_curve *c = &reader->curves[i];
        if (json)
            json_object_set_new(list, c->name,
                                json_pack("{sI sI so}", "values", (json_int_t)c->whole.values, "step",
                                          (json_int_t)c->whole.last.step, "last", json_finite(c->whole.last.value)));
        else
            printf("%-24s  %8lld values  step %8lld  last %.6g\n", c->name, (long long)c->whole.values,
                   (long long)c->whole.last.step, c->whole.last.value);
    }
    if (json) json_object_set(json, "curves", list);
    json_decref(list);
}

static void show_run(fac__folder *folder, fac__watched *run, json_t *json)
{
    int fd = fac__folder_points(folder, run);
    if (fd >= 0) close(fd);
    tell_fact(json, "run", run->name);
    tell_fact(json, "outcome", outcome_of(run));
    json_t *notes = run->notes ? json_loads(run->notes, 0, NULL) : NULL, *note;
    const char *key;
    json_object_foreach(notes, key, note)
        if (json_is_string(note)) tell_fact(json, key, json_string_value(note));
    json_decref(notes);
    list_curves(json, &run->reader);
}

static void show_run_at(const char *path, json_t *json)
{
    char *real = realpath(path, NULL), *copy = real ? strdup(real) : NULL;
    fac__folder folder;
    if (copy && fac__folder_open(&folder, dirname(copy))) {
        fac__folder_list(&folder);
        fac__watched *run = fac__folder_find(&folder, strrchr(real, '/') + 1);
        if (run)
            show_run(&folder, run, json);
        else
            fac_raise(FAC_ERROR_VALUE, "%s: the run cannot be read", path);
        fac__folder_close(&folder);
    }
    free(copy);
    free(real);
}

static bool show_runs(const char *path, json_t *json)
{
    fac__folder folder;
    if (!fac__folder_open(&folder, path)) {
        fac_clear_error();
        return false;
    }
    fac__folder_list(&folder);
    json_t *list = json_array();
    int width = 3;
    for (int i = 0; i < folder.count; i++)
        if ((int)strlen(folder.runs[i]->name) > width) width = (int)strlen(folder.runs[i]->name);
    if (folder.count && !json) printf("%-*s  %-10s  %10s\n", width, "run", "outcome", "steps");
    for (int i = 0; i < folder.count; i++) {
        const fac__watched *run = folder.runs[i];
        if (json)
            json_array_append_new(list, json_pack("{ss ss sI}", "run", run->name, "outcome", outcome_of(run), "steps",
                                                  (json_int_t)run->steps));
        else
            printf("%-*s  %-10s  %10lld\n", width, run->name, outcome_of(run), (long long)run->steps);
    }
    bool any = folder.count > 0;
    if (json && any) json_object_set(json, "runs", list);
    json_decref(list);
    fac__folder_close(&folder);
    return any;
}

bool run_info(const char *path, json_t *json)
{
    char file[4200];
    snprintf(file, sizeof file, "%.4100s/run.json", path);
    if (access(file, R_OK) != 0) return show_runs(path, json);
    show_run_at(path, json);
    return true;
}
