/* What a model that `facula train` saves says of itself: what it takes, what it gives, and how it is built, so that eval, predict and
 * info need nothing but its file. It is JSON in the file's metadata, under the key "facula". */
#ifndef FACULA_MODEL_SPEC_H
#define FACULA_MODEL_SPEC_H

#include <facula/facula.h>
#include <jansson.h>

typedef struct model_spec {
    json_t *json;      /* what the rest points into */
    const char *model; /* "mlp:256,128", "lenet" */
    bool classification, images;
    fac_dims shape;             /* of one input: [channels, height, width], or [columns] */
    int64_t outputs;            /* classes, or numbers that are predicted */
    json_t *classes;            /* their names */
    json_t *mean, *std;         /* of the inputs' channels or columns, in the data that it was trained on */
    json_t *out_mean, *out_std; /* of the numbers to be predicted; NULL for classes */
    fac_csv *csv;               /* what the columns of a table become its inputs by; NULL: it learnt from no table */
} model_spec;

/* Takes the reference to json. False, with an error, when something is missing or makes no sense; *spec can be dropped all
 * the same. */
bool model_spec_read(model_spec *spec, json_t *json);
/* From the metadata of a state. `path` is for the errors. */
bool model_spec_load(model_spec *spec, const fac_state *state, const char *path);
bool model_spec_store(const model_spec *spec, fac_state *state);
void model_spec_drop(model_spec *spec);

/* A network with new weights, from the default generator. */
fac_module *model_spec_network(const model_spec *spec);
/* A module that takes inputs as they come from the data, which it normalises for the network. It owns the network. */
fac_module *normalised(const model_spec *spec, fac_module *network);
/* Opens a model that was saved: its spec, and the normalised module with its weights in evaluation mode. *state, if state is not
 * NULL, is the whole file's, to be freed. */
fac_module *model_open(const char *path, model_spec *spec, fac_state **state);
/* The network inside. */
fac_module *network_of(fac_module *normalised);

/* A name of --model is good: "mlp", "mlp:64,32" or a row of fac_image_models. */
bool model_name_ok(const char *name);
/* The numbers of a JSON array as a tensor of that shape; the scope's. */
fac_tensor *numbers_of(const json_t *array, fac_dims shape);
/* The name of a class; the number itself where it has none. */
const char *class_name(const model_spec *spec, int64_t i);

/* What stands before the names of all that is in a file besides the network; and a new state of the network's alone. */
#define TRAINING "training."
fac_state *network_state(const fac_state *all);

#endif
