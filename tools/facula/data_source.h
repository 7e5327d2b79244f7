/* The data of `facula train` and `facula eval`: what is at a path, as datasets. docs/command.md has the rules. */
#ifndef FACULA_DATA_SOURCE_H
#define FACULA_DATA_SOURCE_H

#include "model_spec.h"

/* Items have two fields: an input, float32, images from 0 to 1 if their pixels were bytes; and its class, int64, or the numbers that are
 * to be predicted, float32 [outputs]. */
typedef struct data_source {
    fac_dataset *train, *test; /* test is NULL where there is none */
    bool images, classification;
    fac_dims shape;  /* of an input */
    int64_t outputs; /* classes, or numbers */
    json_t *classes; /* their names, or NULL */
} data_source;

/* False, with an error, when there are no usable data; *source can be dropped all the same. */
bool data_source_open(data_source *source, const char *path);
/* The model can be trained on the data, or tried on them. An error that names `path`, where one of them is from, if not. */
bool data_fits(const data_source *source, const model_spec *spec, const char *path);
void data_source_drop(data_source *source);

/* The inputs alone, of a file that holds some with or without classes: float32 [n, …] as in the items, the scope's. */
fac_tensor *read_inputs(const char *path, const model_spec *spec);

/* Moves each image of a batch, float32 [n, channels, height, width], by up to an eighth of its size, and mirrors it, by chance: a
 * function of that number alone. */
bool augment(fac_tensor *images, uint64_t chance, bool shift, bool flip);
/* A well mixed number of the three. */
uint64_t mixed(uint64_t a, uint64_t b, uint64_t c);

/* A loader whose order is no matter of the default generator: all items in order. */
fac_loader *in_order(fac_dataset *dataset, int64_t batch_size);

#endif
